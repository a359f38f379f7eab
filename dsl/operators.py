"""Arithmetic and logic: units, and bounds where they are known."""

from __future__ import annotations

from fractions import Fraction

from opengames.diagnostics import Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed, as_constant, origin, source
from opengames.dsl.infer import rule, value, want
from opengames.dsl.units import name_of, over, power, times
from opengames.terms import Const, Prim


@rule(s.Unary)
def unary(scope: Scope, node: s.Unary, expected: t.Type | None) -> Typed:
    if node.op == "not":
        return Typed(Prim("not", (want(scope, node.operand, t.BOOL, "what follows `not`"),), at=node.at), t.BOOL)
    inner = value(scope, node.operand, expected)
    if t.is_wrong(inner.type):
        return WRONG
    if not isinstance(inner.type, t.Num):
        return _not_number(scope, node.operand, inner.type, "-")
    kind = inner.type
    flipped = t.Num(
        kind.dimension,
        None if kind.upper is None else -kind.upper,
        None if kind.lower is None else -kind.lower,
        None if kind.points is None else tuple(-v for v in reversed(kind.points)),
        kind.integral,
        kind.unit,
    )
    known = as_constant(inner)
    if known is not None:
        return Typed(Const(-known, at=node.at), flipped)
    return Typed(Prim("neg", (inner.term,), at=node.at), flipped)


def _not_number(scope: Scope, node: s.Expr, found: t.Type, op: str) -> Typed:
    hint = "`ind(p)` is 1 where `p` holds and 0 elsewhere" if isinstance(found, t.Bool) else ""
    if isinstance(found, t.Family):
        hint = "index it, or aggregate it: `sum(x[i] for i in I)`"
    return scope.context.wrong(
        "type-mismatch",
        f"`{op}` works on numbers, and this is {t.describe(found)}",
        node.at,
        t.describe(found),
        windows=origin(scope, node, "from here"),
        help=hint,
    )


@rule(s.Binary)
def binary(scope: Scope, node: s.Binary, expected: t.Type | None) -> Typed:
    if node.op in ("and", "or", "implies"):
        sides = [want(scope, e, t.BOOL, f"each side of `{node.op}`") for e in (node.left, node.right)]
        return Typed(Prim(node.op, tuple(sides), at=node.at), t.BOOL)
    if node.op in (">>", "@"):
        return scope.context.wrong(
            "composition-as-value",
            f"`{node.op}` puts channels and games together, and this is a place for a value",
            node.at,
            "a composite of channels",
            help="compare two composites with `==` in a `verify`, or draw: `x ~ (f >> g)(y)`",
        )
    left, right = value(scope, node.left, expected if node.op in "+-" else None), value(
        scope, node.right, expected if node.op in "+-" else None
    )
    if t.is_wrong(left.type, right.type):
        return WRONG
    for side, written in ((left, node.left), (right, node.right)):
        if not isinstance(side.type, t.Num):
            return _not_number(scope, written, side.type, node.op)
    assert isinstance(left.type, t.Num) and isinstance(right.type, t.Num)
    match node.op:
        case "+" | "-":
            return _sum(scope, node, left, right, left.type, right.type)
        case "*":
            kind = _scaled(scope, times(left.type.dimension, right.type.dimension), left.type, right.type)
            return _fold(Typed(Prim("*", (left.term, right.term), at=node.at), _product_bounds(kind, left.type, right.type)))
        case "/":
            if as_constant(right) == 0:
                return scope.context.wrong("division-by-zero", "this divides by zero", node.right.at, "zero")
            kind = _scaled(scope, over(left.type.dimension, right.type.dimension), left.type, right.type, True)
            return _fold(Typed(Prim("/", (left.term, right.term), at=node.at), kind))
        case "^":
            return _power(scope, node, left, right, left.type)
    raise TypeError(f"not an operator: {node.op}")


def _sum(scope: Scope, node: s.Binary, left: Typed, right: Typed, a: t.Num, b: t.Num) -> Typed:
    if a.dimension != b.dimension:
        return unit_clash(scope, node, a, b, _verb_phrase(scope, node, a, b))
    plus = node.op == "+"
    low, high = (b.lower, b.upper) if plus else (_neg(b.upper), _neg(b.lower))
    kind = t.Num(
        a.dimension,
        None if a.lower is None or low is None else a.lower + low,
        None if a.upper is None or high is None else a.upper + high,
        None,
        a.integral and b.integral,
        a.unit or b.unit,
    )
    return _fold(Typed(Prim(node.op, (left.term, right.term), at=node.at), kind))


def _neg(x: Fraction | None) -> Fraction | None:
    return None if x is None else -x


def _verb_phrase(scope: Scope, node: s.Binary, a: t.Num, b: t.Num) -> str:
    text = source(scope, node)
    ua, ub = t.unit_words(a), t.unit_words(b)
    if node.op == "-":
        return f"`{text}` subtracts {ub} from {ua}"
    return f"`{text}` adds {ub} to {ua}"


def unit_clash(scope: Scope, node: s.Binary | s.Compare, a: t.Num, b: t.Num, headline: str) -> Typed:
    """Report that the two sides are in different units, `a` on the left and `b` on the right."""
    left, right = (
        (node.left, node.right) if isinstance(node, s.Binary) else (node.operands[0], node.operands[1])
    )
    from opengames.dsl.unit_advice import better, conversion

    advice = better(conversion(scope, right, b, a), conversion(scope, left, a, b))
    return scope.context.wrong(
        "unit-mismatch",
        headline,
        left.at,
        t.unit_words(a),
        windows=(
            Window(right.at, t.unit_words(b)),
            *origin(scope, left, f"{t.unit_words(a)}, declared here"),
            *origin(scope, right, f"{t.unit_words(b)}, declared here"),
        ),
        notes=advice.notes,
        help=advice.help,
        edit=advice.edit,
    )


def _scaled(
    scope: Scope, dimension: tuple[tuple[str, int], ...], a: t.Num, b: t.Num, divides: bool = False
) -> t.Num:
    """The whole line of `dimension`, printed in the most natural of the units at hand."""
    if not dimension:
        return t.Num()
    if a.dimension == dimension and a.unit is not None:
        return t.Num(dimension, unit=a.unit)
    if not divides and b.dimension == dimension and b.unit is not None:
        return t.Num(dimension, unit=b.unit)
    return t.Num(dimension, unit=name_of(dimension, scope.context.units))


def _product_bounds(kind: t.Num, a: t.Num, b: t.Num) -> t.Num:
    if None in (a.lower, a.upper, b.lower, b.upper):
        return kind
    ends = [x * y for x in (a.lower, a.upper) for y in (b.lower, b.upper) if x is not None and y is not None]
    return t.Num(kind.dimension, min(ends), max(ends), None, a.integral and b.integral, kind.unit)


def _power(scope: Scope, node: s.Binary, left: Typed, right: Typed, base: t.Num) -> Typed:
    assert isinstance(right.type, t.Num)
    if right.type.dimension:
        return scope.context.wrong(
            "unit-mismatch", "an exponent is a bare number", node.right.at, t.unit_words(right.type)
        )
    exponent = as_constant(right)
    if base.dimension:
        if exponent is None or Fraction(exponent).denominator != 1:
            return scope.context.wrong(
                "unit-mismatch",
                f"a power of {t.unit_words(base)} needs a whole number as its exponent",
                node.right.at,
                "not a known whole number",
                help="divide by the unit first, so that the base is a bare number",
            )
        dimension = power(base.dimension, int(exponent))
        kind = t.Num(dimension, unit=name_of(dimension, scope.context.units))
    else:
        kind = t.Num()
        if exponent is not None and Fraction(exponent).denominator == 1 and exponent >= 0:
            kind = _power_bounds(base, int(exponent))
        elif _at_least_zero(right.type) and _at_least_zero(base) and base.upper is not None and base.upper <= 1:
            kind = t.Num(lower=Fraction(0), upper=Fraction(1))
    return Typed(Prim("^", (left.term, right.term), at=node.at), kind)


def _at_least_zero(kind: t.Num) -> bool:
    return kind.lower is not None and kind.lower >= 0


def _power_bounds(base: t.Num, n: int) -> t.Num:
    if base.lower is None or base.upper is None or n > 64:
        return t.Num()
    ends = [base.lower**n, base.upper**n]
    if base.lower < 0 < base.upper:
        ends.append(Fraction(0))
    return t.Num(lower=min(ends), upper=max(ends), integral=base.integral)


def _fold(typed: Typed) -> Typed:
    """A constant where both operands are: `1/3`, `2 * 5 $`."""
    term = typed.term
    if isinstance(term, Prim) and all(isinstance(a, Const) for a in term.args):
        a, b = (arg.value for arg in term.args if isinstance(arg, Const))
        number = a + b if term.op == "+" else a - b if term.op == "-" else a * b if term.op == "*" else Fraction(a) / b
        kind = typed.type
        assert isinstance(kind, t.Num)
        known = t.Num(kind.dimension, number, number, (number,), Fraction(number).denominator == 1, kind.unit)
        return Typed(Const(number, at=term.at), known)
    return typed
