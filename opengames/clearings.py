"""What a reading needs to know about a clearing: which numbers it waits for, and how its optimum is found.

A clearing is a decision with rules over real quantities. Readings do not solve programs; whoever runs a reading hands it a
`Clear`, which makes a `Clearing` of a decision in its diagram (`opengames.solvers.clearing` has one). Forward the decided
wires, backward the duals: both come from one solution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

from opengames.diagram import Decide, Diagram
from opengames.terms import Term

#: Status of a solved member: an optimum that its certificate confirms, or why there is none.
SOLVED, INFEASIBLE, UNBOUNDED, UNCERTAIN = 0, 1, 2, 3


class Clearing(Protocol):
    """A decision ready to be solved again and again as its data moves.

    data: scalar terms over wires bound before the decision (and params, where those may vary); the program is built once for
        all their values.
    moves: how many numbers the decided wires take together, in the order of `Decide.outs`, families row-major, booleans as 0
        or 1. prices: the same for `Decide.duals`.
    """

    data: tuple[Term, ...]
    moves: int
    prices: int

    def solve(self, data: Any) -> tuple[Any, Any]:
        """Members side by side: data (members, len(data)) float64 gives (members, moves + prices) float64 and statuses
        (members,) int. A member without an optimum has NaN. Must not call jax: a simulation calls it from inside a program."""

    def exactly(self, data: Sequence[Fraction]) -> tuple[Fraction, ...]:
        """One member in rationals: moves, then prices. Raises `Refusal` (`infeasible`, `unbounded`, `not-yet`) where there
        is no optimum or it is not rational."""

    def explain(self, data: Sequence[float]) -> Exception:
        """The refusal for a member without an optimum: the smallest set of rules, by name, that cannot hold together."""


#: Makes the clearing of a decision that stands in the diagram; params: values in place of the program's own.
#: Raises `Refusal` naming the term that is not affine (or concave quadratic) in what is decided.
Clear = Callable[[Diagram, Decide, Mapping[str, Any]], Clearing]

__all__ = ["INFEASIBLE", "SOLVED", "UNBOUNDED", "UNCERTAIN", "Clear", "Clearing"]
