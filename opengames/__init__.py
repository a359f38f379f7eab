"""A market written once, as an open game: drawn, simulated, solved, priced and proved from one text."""
