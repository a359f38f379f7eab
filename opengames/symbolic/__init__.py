"""The symbolic reading: sympy closed forms, derivatives and LaTeX."""
