"""The symbolic reading: closed forms, derivatives, exact answers and equilibrium conditions with params left free, LaTeX.

What needs sympy stands in modules that import it; this one imports nothing. A construct that has no closed form is refused,
naming the construct and the reading that can say it.
"""
