"""Shipped `.game` programs: the textbook, the reservation exchange, the battery."""
