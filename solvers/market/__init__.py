"""A logarithmic market scoring rule on a junction tree: Boolean and conditional trades, assets per world kept factored."""
