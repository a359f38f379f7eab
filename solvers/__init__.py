"""Methods, one per word after `by`: equilibrium, dynamic programming, ..."""
