"""`margin(claim)`: by how much a claim holds, or (below 0) fails, in the unit of what it compares.

    a <= b, a < b    b - a        a == b   -|a - b|       not p        -margin(p)
    a >= b, a > b    a - b        a != b    |a - b|       p implies q   max(-margin(p), margin(q))
    x in [a, b]      min(x - a, b - x)                    p and q       min        p or q    max
    forall, always   min over the index                   exists, eventually       max over the index

A positive margin means that the claim holds, a negative one that it fails; at 0 it may be either (`<` fails
there, `<=` holds). So a search for the worst case has a slope to go down. Everything compared must have one
unit, or the least of several margins would mean nothing.

Source: Donze and Maler, Robust satisfaction of temporal logic over real-valued signals (2010).
"""

from __future__ import annotations

from fractions import Fraction

from opengames.diagnostics import Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed
from opengames.dsl.infer import want
from opengames.spaces import Reals, is_finite
from opengames.spans import Span
from opengames.terms import Apply, Check, Const, Fold, If, Member, Prim, Term, substitute


class _NoMargin(Exception):
    """at: of the part that has no margin. why: a sentence."""

    def __init__(self, at: Span | None, why: str) -> None:
        super().__init__(why)
        self.at, self.why = at, why


def margin(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    """`margin(claim)`, a number. Reports `no-margin` for a claim that compares no numbers, `unit-mismatch` for mixed
    units."""
    if len(node.args) != 1 or node.args[0].name is not None:
        return scope.context.wrong("wrong-count", "`margin` takes one claim", node.at, "`margin(x <= y)`")
    claim = want(scope, node.args[0].value, t.BOOL, "the claim of `margin`")
    if claim is WRONG.term:
        return WRONG
    measure = _Measure(scope)
    try:
        term = measure.of(claim)
    except _NoMargin as lacking:
        return scope.context.wrong(
            "no-margin", "this claim has no margin", lacking.at or node.at, lacking.why,
            help="a margin is that of comparisons of numbers, put together with `and`, `or`, `not`, `always`, ...",
        )  # fmt: skip
    kinds = measure.kinds
    for at, kind in kinds[1:]:
        if kind.dimension != kinds[0][1].dimension:
            return scope.context.wrong(
                "unit-mismatch",
                f"a margin is in one unit, and this claim compares {t.unit_words(kinds[0][1])} as well as {t.unit_words(kind)}",
                at, t.unit_words(kind), windows=(Window(kinds[0][0], t.unit_words(kinds[0][1])),),
                help="ask for the margins one by one, or divide each comparison by what counts as much",
            )  # fmt: skip
    first = kinds[0][1]
    unit = next((k.unit for _, k in kinds if k.unit is not None), None)
    return Typed(term, t.Num(first.dimension, unit=unit))


class _Measure:
    """Turns claims into margins. kinds: what was compared, and where."""

    def __init__(self, scope: Scope) -> None:
        self.context = scope.context
        self.kinds: list[tuple[Span, t.Num]] = []

    def of(self, term: Term) -> Term:
        match term:
            case Prim(op="<=" | "<", args=(a, b)):
                self._compared(term)
                return Prim("-", (b, a), at=term.at)
            case Prim(op=">=" | ">", args=(a, b)):
                self._compared(term)
                return Prim("-", (a, b), at=term.at)
            case Prim(op="==" | "!=" as op, args=(a, b)):
                self._compared(term)
                apart = Prim("abs", (Prim("-", (a, b)),), at=term.at)
                return apart if op == "!=" else Prim("neg", (apart,), at=term.at)
            case Prim(op="not", args=(a,)):
                return Prim("neg", (self.of(a),), at=term.at)
            case Prim(op="and" | "or" as op, args=args):
                return self._several(op, args, term)
            case Prim(op="implies", args=(a, b)):
                return self._several("or", (Prim("not", (a,), at=a.at), b), term)
            case If(test=test, then=a, other=b):
                return If(test, self.of(a), self.of(b), at=term.at)
            case Fold(op="and" | "or" as op, iters=iters, body=body, where=where):
                if not all(is_finite(space) for _, space in iters):
                    raise _NoMargin(term.at, "runs over infinitely many values")
                return Fold("min" if op == "and" else "max", iters, self.of(body), where, at=term.at)
            case Member(value=value, space=Reals(lower=lower, upper=upper, whole=False)) if lower is not None or upper is not None:
                self._compared(term)
                sides: list[Term] = [] if lower is None else [Prim("-", (value, Const(lower)))]
                sides += [] if upper is None else [Prim("-", (Const(upper), value))]
                return sides[0] if len(sides) == 1 else Prim("min", tuple(sides), at=term.at)
            case Apply(fun=name, args=args):
                self.context.demand_body(name)
                fun = self.context.funs.get(name)
                if fun is None:
                    raise _NoMargin(term.at, "uses a fun that is wrong")
                given = zip(fun.inputs, args, strict=True)
                return self.of(substitute(fun.body, {port.name: arg for port, arg in given}))
            case Check(value=value):
                return self.of(value)
        raise _NoMargin(getattr(term, "at", None), "true or false, and no matter of more or less")

    def _compared(self, term: Term) -> None:
        kind = self.context.compared.get(term.at)  # type: ignore[arg-type]
        if kind is None or term.at is None:
            raise _NoMargin(term.at, "compares no numbers")
        self.kinds.append((term.at, kind))

    def _several(self, op: str, args: tuple[Term, ...], term: Term) -> Term:
        """The least (`and`) or greatest (`or`) of several. One that runs over nothing changes nothing, and is left out."""
        pick, same = ("min", "and") if op == "and" else ("max", "or")
        whole = self.of(args[0])
        for each in args[1:]:
            found = self.of(each)
            both: Term = Prim(pick, (whole, found), at=term.at)
            if isinstance(each, Fold) and each.op == same and each.where is not None:
                count = Fold("sum", each.iters, Const(Fraction(1)), each.where)
                both = If(Prim(">", (count, Const(Fraction(0)))), both, whole, at=term.at)
            whole = both
        return whole


__all__ = ["margin"]
