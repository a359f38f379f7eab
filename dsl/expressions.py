"""Names, operators, comparisons, choices and quantifiers."""

from __future__ import annotations

from fractions import Fraction

from opengames.diagnostics import Edit, Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed, as_constant, nearest, origin
from opengames.dsl.infer import infer, rule, value, want
from opengames.dsl.quantities import cover, covered
from opengames.dsl.type_expressions import resolve, resolve_iter
from opengames.dsl.units import NONE, name_of, over, power, times
from opengames.spaces import is_finite
from opengames.terms import At, Const, Fold, Get, If, Member, Param, Prim, Tabulate, Term, Var

#: Names that mean something without being declared; used to suggest spellings.
FUNCTIONS = ("min", "max", "abs", "clamp", "exp", "log", "sqrt", "floor", "sum", "product", "ind")
DISTRIBUTIONS = ("bernoulli", "uniform", "normal")
QUESTIONS = (
    "P", "E", "cvar", "variance", "distribution", "equilibrium", "equilibria", "subgame_perfect", "best_response",
    "exploitability", "dominant", "reach", "feasible", "coverage",
)  # fmt: skip


@rule(s.Ident)
def ident(scope: Scope, node: s.Ident, expected: t.Type | None) -> Typed:
    context, name = scope.context, node.name
    local = scope.lookup(name)
    if local is not None:
        if isinstance(local.term, Var):
            return Typed(Var(local.term.name, at=node.at), local.type)
        return local
    if name in ("true", "false"):
        return Typed(Const(name == "true", at=node.at), t.BOOL)
    context.demand(name)
    if name in context.param_types:
        return Typed(Param(name, at=node.at), context.param_types[name])
    if name in context.labels:
        return _label(scope, node, expected)
    if name in context.signatures and not context.signatures[name].inputs:
        return infer(scope, s.CallExpr(node, (), node.at))
    return _unknown(scope, node)


def _label(scope: Scope, node: s.Ident, expected: t.Type | None) -> Typed:
    homes = scope.context.labels[node.name]
    if isinstance(expected, t.Enum) and expected in homes:
        return Typed(Const(node.name, at=node.at), expected)
    if len(homes) > 1:
        names = " and ".join(f"`{h.name}`" for h in homes)
        return scope.context.wrong(
            "ambiguous-label",
            f"`{node.name}` belongs to {names}, and nothing here says which",
            node.at,
            "which one?",
            help="compare it with a wire of the type you mean, or give the labels different names",
        )
    return Typed(Const(node.name, at=node.at), homes[0])


def _unknown(scope: Scope, node: s.Ident) -> Typed:
    context, name = scope.context, node.name
    kind = context.declared.get(name, ("", None))[0]
    if kind in ("wrong", "param", "type-wrong"):
        return WRONG
    if kind:
        place = context.declared[name][1]
        return context.wrong(
            "not-a-value",
            f"`{name}` is a {kind}, not a value",
            node.at,
            f"a {kind}",
            windows=(Window(place, "declared here"),),
            help=_use_of(kind, name),
        )
    why = scope.unknown(name)
    known = [*scope.names(), *context.params, *context.labels, *context.signatures, *FUNCTIONS]
    close = nearest(name, [k for k in known if "'" not in k and "#" not in k and " " not in k])
    where = scope.place(close) if close else None
    return context.wrong(
        "unknown-name",
        f"no wire `{name}` here",
        node.at,
        why or "nothing in scope has this name",
        windows=(Window(where, f"`{close}` is declared here"),) if where is not None else (),
        help=f"did you mean `{close}`?" if close else "",
        edit=Edit(node.at, close) if close else None,
    )


def _use_of(kind: str, name: str) -> str:
    return {
        "fun": f"call it: `{name}(...)`",
        "channel": f"draw from it: `x ~ {name}(...)`",
        "game": f"play it: `x ~ {name}(...)`",
        "player": "a player stands after `by`, or before the dot in a strategy",
    }.get(kind, "")


# --------------------------------------------------------------------- operators


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


_VERBS = {"+": "adds", "-": "subtracts"}


def _sum(scope: Scope, node: s.Binary, left: Typed, right: Typed, a: t.Num, b: t.Num) -> Typed:
    if a.dimension != b.dimension:
        return _unit_clash(scope, node, a, b, _verb_phrase(scope, node, a, b))
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


def _unit_clash(scope: Scope, node: s.Binary | s.Compare, a: t.Num, b: t.Num, headline: str) -> Typed:
    left, right = (
        (node.left, node.right) if isinstance(node, s.Binary) else (node.operands[0], node.operands[1])
    )
    notes: tuple[str, ...] = ()
    help_text = ""
    if over(a.dimension, b.dimension) == (("h", 1),):
        notes, help_text = ("energy is power times time",), "multiply by a duration"
    elif over(b.dimension, a.dimension) == (("h", 1),):
        notes, help_text = ("energy is power times time",), "divide by a duration"
    bare = right if not b.dimension else left if not a.dimension else None
    if isinstance(bare, s.Number):
        unit = t.unit_words(a if bare is right else b)
        help_text = f"say the unit: `{bare.written or '0'} {unit}`"
        edit = Edit(bare.at, f"{bare.written or '0'} {unit}")
    else:
        edit = None
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
        notes=notes,
        help=help_text,
        edit=edit,
    )


def source(scope: Scope, node: s.Expr, limit: int = 48) -> str:
    """The author's own words for an expression, cut to one short line."""
    text = " ".join(scope.context.text[node.at.start : node.at.end].split()) if node.at is not None else ""
    return text if len(text) <= limit else text[: limit - 1] + "…"


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
        elif right.type.lower is not None and right.type.lower >= 0 and base.lower is not None and base.upper is not None:
            if base.lower >= 0 and base.upper <= 1:
                kind = t.Num(lower=Fraction(0), upper=Fraction(1))
    return Typed(Prim("^", (left.term, right.term), at=node.at), kind)


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


# ------------------------------------------------------------------- comparisons


@rule(s.Compare)
def compare(scope: Scope, node: s.Compare, expected: t.Type | None) -> Typed:
    compared = _compare_channels(scope, node)
    if compared is not None:
        return compared
    operands = _operands(scope, node)
    parts: list[Term] = []
    for i, op in enumerate(node.ops):
        pair = s.Compare((node.operands[i], node.operands[i + 1]), (op,), node.at)
        part = _compare_two(scope, pair, op, operands[i], operands[i + 1])
        if part is None:
            return WRONG
        parts.append(part)
    whole = parts[0]
    for part in parts[1:]:
        whole = Prim("and", (whole, part), at=node.at)
    return Typed(whole, t.BOOL)


def _operands(scope: Scope, node: s.Compare) -> list[Typed]:
    """Operands, with labels read in the type of their neighbour."""
    found: list[Typed | None] = [None] * len(node.operands)
    late = [i for i, e in enumerate(node.operands) if isinstance(e, s.Ident) and scope.lookup(e.name) is None]
    for i, e in enumerate(node.operands):
        if i not in late:
            found[i] = value(scope, e)
    known = next((f.type for f in found if f is not None and not t.is_wrong(f.type)), None)
    for i in late:
        found[i] = value(scope, node.operands[i], known)
    return [f for f in found if f is not None]


def _compare_two(scope: Scope, node: s.Compare, op: str, left: Typed, right: Typed) -> Term | None:
    a, b = left.type, right.type
    if t.is_wrong(a, b):
        return None
    if isinstance(a, t.Num) and isinstance(b, t.Num):
        if a.dimension != b.dimension:
            _unit_clash(scope, node, a, b, f"`{source(scope, node.operands[0])} {op} {source(scope, node.operands[1])}` compares {t.unit_words(a)} with {t.unit_words(b)}")
            return None
        return Prim(op, (left.term, right.term), at=node.at)
    if t.join(a, b) is None:
        scope.context.report(
            "type-mismatch",
            f"`{op}` compares two values of one type, not {t.describe(a)} with {t.describe(b)}",
            node.operands[0].at,
            t.describe(a),
            windows=(
                Window(node.operands[1].at, t.describe(b)),
                *origin(scope, node.operands[0], f"{t.describe(a)}, declared here"),
                *origin(scope, node.operands[1], f"{t.describe(b)}, declared here"),
            ),
        )
        return None
    if op not in ("==", "!="):
        scope.context.report(
            "type-mismatch",
            f"`{op}` orders numbers, and these are {t.describe(a)}",
            node.operands[0].at,
            t.describe(a),
            help="only `==` and `!=` compare labels, truth values, records and families",
        )
        return None
    return Prim(op, (left.term, right.term), at=node.at)


def _compare_channels(scope: Scope, node: s.Compare) -> Typed | None:
    """`f >> g == h`, a claim about channels."""
    if not scope.questions or len(node.ops) != 1 or node.ops[0] != "==":
        return None
    from opengames.dsl.compositions import channel_claim

    return channel_claim(scope, node)


@rule(s.MemberOf)
def member(scope: Scope, node: s.MemberOf, expected: t.Type | None) -> Typed:
    inner = value(scope, node.value)
    if isinstance(node.type, s.IntervalType):
        bounds = _moving_interval(scope, node, inner)
        if bounds is not None:
            return bounds
    within = resolve(scope, node.type)
    if t.is_wrong(inner.type, within):
        return WRONG
    item = inner.type.item if isinstance(inner.type, t.Family) and not isinstance(within, t.Family) else inner.type
    verdict = t.fit(item, within)
    if not verdict.ok:
        unit = verdict.reason == "unit" and isinstance(item, t.Num) and isinstance(within, t.Num)
        words = (
            f"{t.unit_words(item)}, and the set is in {t.unit_words(within)}"  # type: ignore[arg-type]
            if unit
            else f"{t.describe(inner.type)}, and the set holds {t.describe(within)}"
        )
        return scope.context.wrong(
            "unit-mismatch" if unit else "type-mismatch", f"what stands before `in` is {words}", node.value.at, t.describe(inner.type)
        )
    if item is not inner.type:
        return scope.context.wrong(
            "type-mismatch",
            "a whole family stands before `in`",
            node.value.at,
            t.describe(inner.type),
            help="ask it for every element: `forall i in I: x[i] in ...`",
        )
    return Typed(Member(inner.term, t.space(within), at=node.at), t.BOOL)


def _moving_interval(scope: Scope, node: s.MemberOf, inner: Typed) -> Typed | None:
    """`x in [a, b]` where a bound is only known while playing: two comparisons."""
    from opengames.terms import free

    assert isinstance(node.type, s.IntervalType)
    unit = covered((node.type.lower, node.type.upper))
    lower, upper = value(scope, cover(node.type.lower, unit)), value(scope, node.type.upper)
    if t.is_wrong(lower.type, upper.type) or not (free(lower.term) or free(upper.term)):
        return None
    parts = []
    for low, high, a, b in (
        (node.type.lower, node.value, lower, inner),
        (node.value, node.type.upper, inner, upper),
    ):
        part = _compare_two(scope, s.Compare((low, high), ("<=",), node.at), "<=", a, b)
        if part is None:
            return WRONG
        parts.append(part)
    return Typed(Prim("and", tuple(parts), at=node.at), t.BOOL)


# ----------------------------------------------------------------------- choices


@rule(s.IfExpr)
def conditional(scope: Scope, node: s.IfExpr, expected: t.Type | None) -> Typed:
    test = want(scope, node.test, t.BOOL, "the condition of `if`")
    then, other = infer(scope, node.then, expected), infer(scope, node.other, expected)
    return choose(scope, test, (node.then, then), (node.other, other), node.at)


def choose(
    scope: Scope, test: Term, first: tuple[s.Expr, Typed], second: tuple[s.Expr, Typed], at: s.Span
) -> Typed:
    """One of two typed expressions, with the type that holds both."""
    (a_node, a), (b_node, b) = first, second
    if t.is_wrong(a.type, b.type):
        return Typed(If(test, a.term, b.term, at=at), t.join(a.type, b.type) or t.WRONG, a.kernel or b.kernel)
    kind = unify(scope, [(a_node, a), (b_node, b)])
    if kind is None:
        return WRONG
    kernel = a.kernel or b.kernel
    return Typed(If(test, as_kernel(a, kernel), as_kernel(b, kernel), at=at), kind, kernel)


def as_kernel(typed: Typed, kernel: bool) -> Term:
    """A value as the distribution that is sure of it, where its neighbours are distributions."""
    from opengames.terms import ONE, Weighted

    return Weighted(((typed.term, ONE),)) if kernel and not typed.kernel else typed.term


def unify(scope: Scope, choices: list[tuple[s.Expr, Typed]]) -> t.Type | None:
    """The type that holds every choice, or `None` after a report."""
    node, first = choices[0]
    kind: t.Type = first.type
    for other_node, other in choices[1:]:
        joined = t.join(kind, other.type)
        if joined is None:
            both = isinstance(kind, t.Num) and isinstance(other.type, t.Num)
            a = t.unit_words(kind) if both else t.describe(kind)  # type: ignore[arg-type]
            b = t.unit_words(other.type) if both else t.describe(other.type)  # type: ignore[arg-type]
            scope.context.report(
                "unit-mismatch" if both else "type-mismatch",
                f"the branches differ: one is {a}, the other {b}",
                other_node.at,
                b,
                windows=(Window(node.at, a),),
            )
            return None
        kind = joined
    return kind


# ------------------------------------------------- quantifiers and comprehensions


def bind_iters(scope: Scope, iters: tuple[s.Iter, ...], infinite: bool = False) -> tuple[Scope, list[tuple[str, t.Type]], list[Term]] | None:
    """A scope with the iteration variables, their (fresh name, type) pairs, and the conditions of moving ranges."""
    inner = scope.inner()
    found: list[tuple[str, t.Type]] = []
    conditions: list[Term] = []
    for each in iters:
        kind, moving = resolve_iter(inner, each)
        if t.is_wrong(kind):
            return None
        if isinstance(kind, t.Player):
            scope.context.report("type-mismatch", "nothing runs over all players", each.type.at, "not a set of values")
            return None
        if not infinite and not is_finite(t.space(kind)):
            scope.context.report(
                "infinite-range",
                f"`{each.name.text}` would run over {t.describe(kind)}, which is not finite",
                each.type.at,
                "not finite",
                help="use an enumeration, a set or a range such as `1..24`",
            )
            return None
        fresh = scope.context.fresh(each.name.text)
        inner.bind(each.name, Typed(Var(fresh), kind))
        if moving is not None:
            conditions.append(moving(Var(fresh)))
        found.append((fresh, kind))
    return inner, found, conditions


def both(conditions: list[Term]) -> Term | None:
    """The conjunction of some conditions, `None` if there are none."""
    whole: Term | None = None
    for each in conditions:
        whole = each if whole is None else Prim("and", (whole, each))
    return whole


@rule(s.Quantified)
def quantified(scope: Scope, node: s.Quantified, expected: t.Type | None) -> Typed:
    bound = bind_iters(scope, node.iters, infinite=True)
    if bound is None:
        return WRONG
    inner, iters, conditions = bound
    if node.where is not None:
        conditions.append(want(inner, node.where, t.BOOL, "what follows `where`"))
    body = want(inner, node.body, t.BOOL, f"what `{node.kind}` claims")
    op = "and" if node.kind == "forall" else "or"
    spaces = tuple((name, t.space(kind)) for name, kind in iters)
    return Typed(Fold(op, spaces, body, both(conditions), at=node.at), t.BOOL)


@rule(s.FamilyOf)
def family_of(scope: Scope, node: s.FamilyOf, expected: t.Type | None) -> Typed:
    bound = bind_iters(scope, node.iters)
    if bound is None:
        return WRONG
    inner, iters, conditions = bound
    if node.test is not None or conditions:
        return scope.context.wrong(
            "partial-family",
            "a family has an element for every index, and this one leaves some out",
            (node.test.at if node.test is not None else node.at),
            "leaves elements out",
            help="choose a value for the others: `if ... then ... else ...` before `for`",
        )
    item_hint = expected.item if isinstance(expected, t.Family) else None
    body = value(inner, node.body, item_hint)
    if t.is_wrong(body.type):
        return WRONG
    kind = t.family(tuple(k for _, k in iters), body.type)
    return Typed(Tabulate(tuple((n, t.space(k)) for n, k in iters), body.term, at=node.at), kind)


# -------------------------------------------------------------- fields and indices


@rule(s.Access)
def access(scope: Scope, node: s.Access, expected: t.Type | None) -> Typed:
    if isinstance(node.base, s.Ident):
        report = scope.lookup(f"{node.base.name}.{node.name.text}")
        if report is not None:
            return report
    inner = value(scope, node.base)
    if t.is_wrong(inner.type):
        return WRONG
    if not isinstance(inner.type, t.Record):
        return scope.context.wrong(
            "no-such-field",
            f"{t.describe(inner.type)} has no fields",
            node.name.at,
            f"asks for `{node.name.text}`",
            windows=origin(scope, node.base, "declared here"),
        )
    names = [n for n, _ in inner.type.fields]
    if node.name.text not in names:
        close = nearest(node.name.text, names)
        return scope.context.wrong(
            "no-such-field",
            f"there is no field `{node.name.text}` in {t.describe(inner.type)}",
            node.name.at,
            "its fields are " + ", ".join(f"`{n}`" for n in names),
            help=f"did you mean `{close}`?" if close else "",
            edit=Edit(node.name.at, close) if close else None,
        )
    place = names.index(node.name.text)
    return Typed(Get(inner.term, place, at=node.at), inner.type.fields[place][1])


@rule(s.IndexExpr)
def index(scope: Scope, node: s.IndexExpr, expected: t.Type | None) -> Typed:
    if isinstance(node.base, s.Ident) and scope.lookup(node.base.name) is None:
        kind = scope.context.declared.get(node.base.name, ("", None))[0]
        if kind in ("channel", "game", "player", "recognition"):
            return _unknown(scope, s.Ident(node.base.name, node.base.at))
    inner = value(scope, node.base)
    if t.is_wrong(inner.type):
        return WRONG
    if not isinstance(inner.type, t.Family):
        return scope.context.wrong(
            "not-a-family",
            f"{t.describe(inner.type)} cannot be indexed",
            node.base.at,
            "not a family",
            windows=origin(scope, node.base, "declared here"),
        )
    wanted = inner.type.index
    if len(node.args) > len(wanted):
        return scope.context.wrong(
            "wrong-count",
            f"this family has {len(wanted)} {'index' if len(wanted) == 1 else 'indices'}, and {len(node.args)} are given",
            node.at,
            f"{len(node.args)} given",
            windows=origin(scope, node.base, "declared here"),
        )
    keys = tuple(
        want(scope, arg.value, kind, f"index {i + 1} of `{source(scope, node.base)}`")
        for i, (arg, kind) in enumerate(zip(node.args, wanted, strict=False))
    )
    left = wanted[len(keys) :]
    kind = t.family(left, inner.type.item) if left else inner.type.item
    return Typed(At(inner.term, keys, tuple(t.space(i) for i in wanted), at=node.at), kind)


__all__ = ["NONE", "bind_iters", "both", "choose", "source", "unify"]
