"""Junction trees: triangulation, and one contraction kernel with several element types."""
