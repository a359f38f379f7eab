"""The words that mean something without being declared."""

#: Names that mean something without being declared; used to suggest spellings.
FUNCTIONS = ("min", "max", "abs", "clamp", "exp", "log", "sqrt", "floor", "sum", "product", "ind")
DISTRIBUTIONS = ("bernoulli", "uniform", "normal")
QUESTIONS = (
    "P", "E", "cvar", "variance", "distribution", "equilibrium", "equilibria", "subgame_perfect", "best_response",
    "exploitability", "dominant", "reach", "feasible", "coverage",
)  # fmt: skip
