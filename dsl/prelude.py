"""The words that mean something without being declared."""

#: Names that mean something without being declared; used to suggest spellings.
FUNCTIONS = ("min", "max", "abs", "clamp", "exp", "log", "sqrt", "floor", "sum", "product", "ind")
#: What holds along the rounds of a loop, and by how much; a fun of the author's own may have one of these names.
TEMPORAL = ("always", "eventually", "until", "margin")
DISTRIBUTIONS = ("bernoulli", "uniform", "normal")
QUESTIONS = (
    "P", "E", "cvar", "variance", "distribution", "equilibrium", "equilibria", "subgame_perfect", "best_response",
    "exploitability", "dominant", "reach", "feasible", "coverage", "why",
)  # fmt: skip

#: What may be asked of a market on a channel; a fun of the author's own may have one of these names.
MARKET = ("price", "worst", "expected", "best")

#: What other languages call ours, and what they have that here is written otherwise.
SAME_AS = {
    "maximum": "max", "minimum": "min", "ln": "log", "prod": "product", "total": "sum", "clip": "clamp",
    "gaussian": "normal", "bern": "bernoulli", "Normal": "normal", "fabs": "abs", "Prob": "P", "Pr": "P",
    "expectation": "E", "var": "variance", "globally": "always",
    "finally": "eventually", "slack": "margin", "robustness": "margin",
}  # fmt: skip
ELSEWHERE = {
    "mean": "the mean of a wire is `E(x)`, in a `query`",
    "average": "the mean of a wire is `E(x)`, in a `query`",
    "median": "the values and their chances are `distribution(x)`, in a `query`",
    "quantile": "the values and their chances are `distribution(x)`, in a `query`",
    "count": "count with `ind`: `sum(ind(p) for i in I)`",
    "len": "the size of an index is `sum(1 for i in I)`",
    "pow": "a power is written `x ^ n`",
    "all": "write `forall i in I: ...`",
    "any": "write `exists i in I: ...`",
}
