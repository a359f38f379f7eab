"""`always`, `eventually` and `until`: what holds along the rounds of a loop, as quantifiers over its index.

    always(p for t in T)        p in every round
    eventually(p for t in T)    p in some round
    until((p, q) for t in T)    q in some round, and p in every round before the first such

A bound is a condition on the index, `eventually(p for t in T if t <= 4)`; they nest: `always(p implies
eventually(q for u in T if t <= u and u <= t + 4) for t in T)`. The order of rounds is that of the index. There
is nothing here that a reading has to know: the terms are `Fold`s of `and` and `or`.

Source: bounded linear temporal logic; Pnueli, The temporal logic of programs (1977).
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed
from opengames.dsl.infer import value, want
from opengames.dsl.ranges import comprehended
from opengames.spaces import Grid, Space, points
from opengames.terms import At, Const, Fold, Prim, Select, Term, Var, substitute

_OPS = {"always": "and", "eventually": "or"}


def along(scope: Scope, node: s.Comprehension, name: str) -> Typed:
    """`always(p for t in T)`, `eventually(...)` or `until((p, q) for t in T)`."""
    bound = comprehended(scope, node)
    if bound is None:
        return WRONG
    inner, spaces, where = bound
    if name == "until":
        return _until(inner, node, spaces, where)
    body = want(inner, node.body, t.BOOL, f"what `{name}` holds of each round")
    return Typed(Fold(_OPS[name], spaces, body, where, at=node.at), t.BOOL)


def _until(scope: Scope, node: s.Comprehension, spaces: tuple[tuple[str, Space], ...], where: Term | None) -> Typed:
    if not isinstance(node.body, s.TupleExpr) or len(node.body.items) != 2 or len(spaces) != 1:
        return scope.context.wrong(
            "aggregate-form",
            "`until` takes two conditions and one index",
            node.at,
            "not `until((p, q) for t in T)`",
            help="write `until((p, q) for t in T)`: `p` in every round before the first in which `q` holds",
        )
    first, second = node.body.items
    before = want(scope, first, t.BOOL, "the first condition of `until`")
    reached = want(scope, second, t.BOOL, "the second condition of `until`")
    ((now, space),) = spaces
    then = scope.context.fresh(now.split("#")[0])
    earlier: Term = _earlier(space, then, now)
    if where is not None:
        earlier = Prim("and", (substitute(where, {now: Var(then)}), earlier))
    held = Fold("and", ((then, space),), substitute(before, {now: Var(then)}), earlier, at=node.at)
    return Typed(Fold("or", spaces, Prim("and", (reached, held), at=node.at), where, at=node.at), t.BOOL)


def _earlier(space: Space, first: str, second: str) -> Term:
    """Whether one round comes before another, in the order of the index."""
    if isinstance(space, Grid) and all(a < b for a, b in pairwise(space.points)):
        return Prim("<", (Var(first), Var(second)))
    ranks = tuple(Const(Fraction(i)) for i, _ in enumerate(points(space)))
    return Prim("<", (Select((Var(first),), (space,), ranks), Select((Var(second),), (space,), ranks)))


def whole(scope: Scope, node: s.CallExpr, name: str) -> Typed:
    """`always(x)` of a whole family of truth values; the other forms are refused with the one to write."""
    form = "(p, q)" if name == "until" else "p"
    help = f"write `{name}({form} for t in T)`"
    if len(node.args) == 1 and node.args[0].name is None and name != "until":
        found = value(scope, node.args[0].value)
        if t.is_wrong(found.type):
            return WRONG
        if isinstance(found.type, t.Family) and isinstance(found.type.item, t.Bool):
            iters = tuple((scope.context.fresh("i"), t.space(kind)) for kind in found.type.index)
            keys, index = tuple(Var(n) for n, _ in iters), tuple(space for _, space in iters)
            return Typed(Fold(_OPS[name], iters, At(found.term, keys, index, at=node.at), at=node.at), t.BOOL)
    return scope.context.wrong("aggregate-form", f"`{name}` runs over an index", node.at, "no index to run over", help=help)


__all__ = ["along", "whole"]
