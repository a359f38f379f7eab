"""Quotes that a text holds: a param with a price for each ticket, and a fun that says what a ticket pays.

    param posted: prob[Ticket] = [Congested: 20%, Short: 15%, Both: 10%, Either: 30%]
    fun pays(ticket: Ticket, w: World) -> bool = ...
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from opengames.diagnostics import refuse
from opengames.program import Program
from opengames.show import show
from opengames.solvers.coherence.quotes import Quote
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import Bool, Family, Grid, Reals, Space, index_points, is_finite
from opengames.terms import Apply, Const, Term, Var


def posted(program: Program, param: str, pays: str) -> tuple[Worlds, tuple[Quote, ...]]:
    """The worlds and quotes of a param that is a family over tickets, and of a fun of a ticket and a world.

    The prices may be single numbers, or records with the fields `bid` and `ask`. A fun that gives a bool makes events, one
    that gives a number makes other tickets. Worlds are all points of the fun's last input.
    Raises `Refusal`: `unknown-param`, `unknown-function`, `param-needs-value`, `type-mismatch`, `infinite-range`.
    """
    if param not in program.params:
        raise refuse("unknown-param", f"there is no param `{param}`")
    if pays not in program.funs:
        raise refuse("unknown-function", f"there is no function `{pays}`")
    decl, fun = program.params[param], program.funs[pays]
    if decl.value is None:
        raise refuse("param-needs-value", f"`{param}` has no value yet", span=decl.at)
    *tickets, world = fun.inputs
    keys = tuple(p.space for p in tickets)
    if not isinstance(decl.space, Family) or decl.space.index != keys:
        raise refuse(
            "type-mismatch", f"`{param}` is not a price for each ticket that `{pays}` knows", span=decl.at,
            notes=(f"`{pays}` takes a ticket and a world; `{param}` has to be a family over those tickets",),
        )  # fmt: skip
    if not is_finite(world.space):
        raise refuse("infinite-range", f"`{world.name}`, the world of `{pays}`, has infinitely many values", span=fun.at)
    number = not isinstance(fun.output, Bool)
    quotes = []
    for key, cell in zip(index_points(keys), decl.value, strict=True):
        event: Term = Apply(pays, (*map(Const, key), Var(world.name)))
        name = ", ".join(show(k, s) for k, s in zip(key, keys, strict=True))
        quotes.append(_quote(name, event, cell, decl.space.item, number))
    return Worlds(((world.name, world.space),), (), program), tuple(quotes)


def _quote(name: str, event: Term, cell: Any, space: Space, number: bool) -> Quote:
    if isinstance(space, Grid | Reals):
        return Quote(name, event, None, Fraction(cell), Fraction(cell), number)
    names = [n for n, _ in getattr(space, "fields", ())]
    if sorted(names) != ["ask", "bid"]:
        raise refuse("type-mismatch", "a price is a number, or a record with the fields `bid` and `ask`")
    sides = dict(zip(names, cell, strict=True))
    low, high = Fraction(sides["bid"]), Fraction(sides["ask"])
    if low > high:
        raise refuse("outside-type", f"`{name}` is bid above its ask")
    return Quote(name, event, None, low, high, number)


__all__ = ["posted"]
