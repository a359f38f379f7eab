"""Calls: declared funs, built-in functions, aggregates over comprehensions, and distributions."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from opengames.diagnostics import Edit, Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.choices import unify
from opengames.dsl.context import WRONG, Scope, Typed, nearest, origin, source
from opengames.dsl.infer import infer, rule, value, want
from opengames.dsl.prelude import DISTRIBUTIONS, ELSEWHERE, FUNCTIONS, MARKET, QUESTIONS, SAME_AS, TEMPORAL
from opengames.dsl.ranges import comprehended
from opengames.dsl.type_expressions import values_of
from opengames.spaces import Space, is_finite
from opengames.terms import Apply, At, Fold, Normal, Prim, Term, Uniform, Var, Weighted

Builder = Callable[[Scope, s.CallExpr, t.Type | None], Typed]


@rule(s.CallExpr)
def call(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    name = _callee(node.callee)
    context = scope.context
    if name is None:
        return context.wrong("not-a-function", "only a named function can be called", node.callee.at, "not a name")
    if scope.lookup(name) is not None and not (scope.questions and name in MARKET):
        return context.wrong(
            "not-a-function",
            f"`{name}` is a wire, not a function",
            node.callee.at,
            "cannot be called",
            windows=origin(scope, node.callee, "declared here"),
            help=f"to index a family use square brackets: `{name}[...]`",
        )
    context.demand(name)
    if name in context.signatures:
        return _fun(scope, node, name, _statics(node.callee))
    if name in context.generic:
        from opengames.dsl.generic import chosen

        found = chosen(scope, context.generic[name], node)
        return WRONG if found is None else _fun(scope, node, *found)
    if context.declared.get(name, ("", None))[0] == "fun":
        return WRONG
    if name in _BUILTIN:
        return _BUILTIN[name](scope, node, expected)
    if name == "dual":
        return _dual(scope, node)
    if name in QUESTIONS or (name in MARKET and name not in context.declared):
        return _question(scope, node, name)
    return _unknown(scope, node, name)


def _callee(node: s.Expr) -> str | None:
    if isinstance(node, s.IndexExpr):
        node = node.base
    return node.name if isinstance(node, s.Ident) else None


def _statics(node: s.Expr) -> tuple[s.Arg, ...]:
    return node.args if isinstance(node, s.IndexExpr) else ()


def _question(scope: Scope, node: s.CallExpr, name: str) -> Typed:
    if not scope.questions:
        return scope.context.wrong(
            "question-outside",
            f"`{name}` asks about a whole game, and can only be asked in a `verify` or a `query`",
            node.callee.at,
            "inside the model nobody can know this",
        )
    from opengames.dsl.questions import ask

    return ask(scope, node, name)


def _unknown(scope: Scope, node: s.CallExpr, name: str) -> Typed:
    context = scope.context
    kind, place = context.declared.get(name, ("", None))
    if kind in ("channel", "game"):
        return context.wrong(
            "channel-as-value",
            f"`{name}` is a {kind}: its result is random, so it is drawn and not computed",
            node.at,
            f"a {kind}",
            windows=(Window(place, "declared here"),) if place is not None else (),
            help=f"bind it with `~` on a line of its own: `x ~ {source(scope, node)}`",
        )
    if kind == "wrong":
        return WRONG
    if kind:
        return context.wrong("not-a-function", f"`{name}` is a {kind}, not a function", node.callee.at, f"a {kind}")
    known = [*context.signatures, *FUNCTIONS, *TEMPORAL, *DISTRIBUTIONS, *context.boxes, *((*QUESTIONS, *MARKET) if scope.questions else ())]
    close = None if name in ELSEWHERE else SAME_AS.get(name) or nearest(name, known)
    return context.wrong(
        "unknown-function",
        f"there is no function `{name}`",
        node.callee.at,
        "not declared",
        help=f"did you mean `{close}`?" if close else ELSEWHERE.get(name, ""),
        edit=Edit(node.callee.at, close) if close and isinstance(node.callee, s.Ident) else None,
    )


def _fun(scope: Scope, node: s.CallExpr, name: str, statics: tuple[s.Arg, ...]) -> Typed:
    signature = scope.context.signatures[name]
    given = [*_in_order([n for n, _ in signature.inputs[: signature.statics]], statics), *node.args]
    ordered = arrange(scope, node.at, name, [n for n, _ in signature.inputs], given)
    if ordered is None:
        return Typed(WRONG.term, signature.output)
    args = tuple(
        want(scope, expr, kind, f"`{n}` of `{name}`", place)
        for expr, (n, kind), place in zip(ordered, signature.inputs, signature.places, strict=True)
    )
    return Typed(Apply(name, args, at=node.at), signature.output)


def _in_order(names: list[str], statics: tuple[s.Arg, ...]) -> tuple[s.Arg, ...]:
    """Statics given by name, in the order of the declaration; as they are where they do not fit, to be reported."""
    named = {a.name.text: a for a in statics if a.name is not None}
    free = iter([a for a in statics if a.name is None])
    placed = [named.get(n) or next(free, None) for n in names]
    if len(statics) != len(names) or not named.keys() <= set(names) or None in placed:
        return statics
    return tuple(s.Arg(None, a.value, a.at) for a in placed if a is not None)


def arrange(
    scope: Scope, at: s.Span, name: str, wanted: list[str], given: list[s.Arg], what: str = "input"
) -> list[s.Expr] | None:
    """The arguments in the order of the inputs; named ones may come in any order. `None` after a report."""
    context = scope.context
    found: dict[str, s.Expr] = {}
    positional = [a for a in given if a.name is None]
    if len(given) != len(wanted):
        declared = context.declared.get(name)
        plural = what if len(wanted) == 1 else f"{what}s"
        listed = ", ".join(f"`{w}`" for w in wanted)
        context.report(
            "wrong-count",
            f"`{name}` takes {len(wanted) or 'no'} {plural}, and {_given(len(given))}",
            at,
            f"{len(given)} given",
            windows=(Window(declared[1], f"takes {listed}" if listed else "takes nothing"),) if declared else (),
        )
        return None
    for key, arg in zip(wanted, positional, strict=False):
        found[key] = arg.value
    for arg in given:
        if arg.name is None:
            continue
        if arg.name.text not in wanted:
            close = nearest(arg.name.text, wanted)
            context.report(
                "unknown-argument",
                f"`{name}` has no {what} called `{arg.name.text}`",
                arg.name.at,
                "its " + what + "s are " + ", ".join(f"`{w}`" for w in wanted),
                help=f"did you mean `{close}`?" if close else "",
                edit=Edit(arg.name.at, close) if close else None,
            )
            return None
        if arg.name.text in found:
            context.report("duplicate-name", f"`{arg.name.text}` is given twice", arg.name.at, "again here")
            return None
        found[arg.name.text] = arg.value
    return [found[w] for w in wanted]


# -------------------------------------------------------------- built-in functions


def _values(scope: Scope, node: s.CallExpr, count: int | None, name: str, words: str) -> list[Typed] | None:
    """The arguments as numbers; `None` after a report."""
    if _no_names(scope, node, name) or (count is not None and len(node.args) != count) or not node.args:
        if not any(a.name for a in node.args):
            scope.context.report(
                "wrong-count",
                f"`{name}` takes {words}, and {_given(len(node.args))}",
                node.at,
                f"{len(node.args)} given",
                help=f"`{name}({_FORMS[name]})`" if name in _FORMS else "",
            )
        return None
    found = [value(scope, a.value) for a in node.args]
    if t.is_wrong(*(f.type for f in found)):
        return None
    for each, arg in zip(found, node.args, strict=True):
        if not isinstance(each.type, t.Num):
            scope.context.report(
                "type-mismatch",
                f"`{name}` works on numbers, and this is {t.describe(each.type)}",
                arg.value.at,
                t.describe(each.type),
                help=f"aggregate it: `{name}(x[i] for i in I)`" if isinstance(each.type, t.Family) else "",
            )
            return None
    return found


_FORMS = {"clamp": "x, lower, upper", "normal": "mean, deviation", "uniform": "lower, upper"}


def _given(count: int) -> str:
    return "none is given" if count == 0 else f"{count} {'is' if count == 1 else 'are'} given"


def _no_names(scope: Scope, node: s.CallExpr, name: str) -> bool:
    for arg in node.args:
        if arg.name is not None:
            scope.context.report(
                "unknown-argument", f"`{name}` takes its arguments by position", arg.name.at, "drop the name"
            )
            return True
    return False


def _same_unit(scope: Scope, node: s.CallExpr, name: str, found: list[Typed]) -> bool:
    first = found[0].type
    for each, arg in zip(found[1:], node.args[1:], strict=True):
        if isinstance(first, t.Num) and isinstance(each.type, t.Num) and each.type.dimension != first.dimension:
            start = node.args[0].value
            from opengames.dsl.unit_advice import better, conversion

            advice = better(
                conversion(scope, arg.value, each.type, first), conversion(scope, start, first, each.type)
            )
            scope.context.report(
                "unit-mismatch",
                f"{_together(name)} of one unit, and these are {t.unit_words(first)} and {t.unit_words(each.type)}",
                arg.value.at,
                t.unit_words(each.type),
                windows=(Window(start.at, t.unit_words(first)),),
                notes=advice.notes,
                help=advice.help,
                edit=advice.edit,
            )
            return False
    return True


def _together(name: str) -> str:
    words = {"normal": "a mean and a deviation", "uniform": "two ends"}
    return f"`{name}` takes {words.get(name, 'numbers')}"


def _extreme(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    name = _callee(node.callee) or ""
    if len(node.args) == 1:
        whole = _aggregate_family(scope, node, name)
        if whole is not None:
            return whole
    found = _values(scope, node, None, name, "one number or more")
    if found is None or not _same_unit(scope, node, name, found):
        return WRONG
    kinds = [f.type for f in found if isinstance(f.type, t.Num)]
    lows = [k.lower for k in kinds]
    highs = [k.upper for k in kinds]
    pick = min if name == "min" else max
    known_low, known_high = [x for x in lows if x is not None], [x for x in highs if x is not None]
    if name == "min":
        lower = pick(known_low) if len(known_low) == len(lows) else None
        upper = pick(known_high) if known_high else None
    else:
        lower = pick(known_low) if known_low else None
        upper = pick(known_high) if len(known_high) == len(highs) else None
    unit = next((k.unit for k in kinds if k.unit is not None), None)
    kind = t.Num(kinds[0].dimension, lower, upper, None, all(k.integral for k in kinds), unit)
    return Typed(Prim(name, tuple(f.term for f in found), at=node.at), kind)


def _clamp(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    found = _values(scope, node, 3, "clamp", "a number and its two bounds")
    if found is None or not _same_unit(scope, node, "clamp", found):
        return WRONG
    x, low, high = (f.type for f in found)
    assert isinstance(x, t.Num) and isinstance(low, t.Num) and isinstance(high, t.Num)
    kind = t.Num(x.dimension, low.lower, high.upper, unit=x.unit or low.unit)
    return Typed(Prim("clamp", tuple(f.term for f in found), at=node.at), kind)


def _absolute(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    found = _values(scope, node, 1, "abs", "one number")
    if found is None or not isinstance(found[0].type, t.Num):
        return WRONG
    kind = found[0].type
    return Typed(Prim("abs", (found[0].term,), at=node.at), t.Num(kind.dimension, Fraction(0), unit=kind.unit))


def _bare(name: str, lower: Fraction | None) -> Builder:
    def build(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
        found = _values(scope, node, 1, name, "one bare number")
        if found is None or not isinstance(found[0].type, t.Num):
            return WRONG
        if found[0].type.dimension:
            return scope.context.wrong(
                "unit-mismatch",
                f"`{name}` takes a bare number, and this is in {t.unit_words(found[0].type)}",
                node.args[0].value.at,
                t.unit_words(found[0].type),
                help="divide by a quantity of the same unit first",
            )
        return Typed(Prim(name, (found[0].term,), at=node.at), t.Num(lower=lower, integral=name == "floor"))

    return build


def _ind(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    if len(node.args) != 1:
        return scope.context.wrong("wrong-count", "`ind` takes one condition", node.at, "`ind(p)`")
    term = want(scope, node.args[0].value, t.BOOL, "what `ind` counts")
    both_ways = (Fraction(0), Fraction(1))
    return Typed(Prim("ind", (term,), at=node.at), t.Num(lower=both_ways[0], upper=both_ways[1], points=both_ways))


def _temporal(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    from opengames.dsl.temporal import whole

    return whole(scope, node, _callee(node.callee) or "")


def _margin(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    from opengames.dsl.margins import margin

    return margin(scope, node, expected)


def _total(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    name = _callee(node.callee) or ""
    if len(node.args) == 1:
        whole = _aggregate_family(scope, node, name)
        if whole is not None:
            return whole
    return scope.context.wrong(
        "aggregate-form",
        f"`{name}` runs over an index",
        node.at,
        "no index to run over",
        help=f"write `{name}(... for i in I)`",
    )


def _aggregate_family(scope: Scope, node: s.CallExpr, op: str) -> Typed | None:
    """`sum(x)` of a whole family is `sum(x[i, ...] for i in I, ...)`."""
    inner = value(scope, node.args[0].value)
    if not isinstance(inner.type, t.Family):
        return WRONG if t.is_wrong(inner.type) else None
    iters = [(scope.context.fresh("i"), kind) for kind in inner.type.index]
    spaces = tuple((n, t.space(k)) for n, k in iters)
    body = At(inner.term, tuple(Var(n) for n, _ in iters), tuple(t.space(k) for k in inner.type.index), at=node.at)
    return aggregate(scope, op, node, Typed(body, inner.type.item), node.args[0].value, spaces, None)


_AGGREGATES = ("sum", "product", "min", "max")


@rule(s.Comprehension)
def comprehension(scope: Scope, node: s.Comprehension, expected: t.Type | None) -> Typed:
    name = _callee(node.callee) or ""
    if name in ("always", "eventually", "until"):
        from opengames.dsl.temporal import along

        return along(scope, node, name)
    if name not in _AGGREGATES:
        return scope.context.wrong(
            "aggregate-form",
            f"`{name}` does not run over an index" if name else "only a named aggregate runs over an index",
            node.callee.at,
            "not an aggregate",
            help="the aggregates are `sum`, `product`, `min`, `max`, `always`, `eventually` and `until`",
        )
    bound = comprehended(scope, node)
    if bound is None:
        return WRONG
    inner, spaces, where = bound
    return aggregate(scope, name, node, value(inner, node.body), node.body, spaces, where)


def aggregate(
    scope: Scope, op: str, node: s.Expr, body: Typed, body_node: s.Expr, spaces: tuple[tuple[str, Space], ...], where: Term | None
) -> Typed:
    if t.is_wrong(body.type):
        return WRONG
    if not isinstance(body.type, t.Num):
        hint = "count with `ind`: `sum(ind(p) for ...)`" if isinstance(body.type, t.Bool) else ""
        return scope.context.wrong(
            "type-mismatch", f"`{op}` works on numbers, and this is {t.describe(body.type)}", body_node.at,
            t.describe(body.type), help=hint,
        )  # fmt: skip
    kind = body.type
    if op == "product":
        if kind.dimension:
            return scope.context.wrong(
                "unit-mismatch",
                f"a product over an index needs bare numbers, and these are {t.unit_words(kind)}",
                body_node.at,
                t.unit_words(kind),
                help="its unit would depend on how many factors there are",
            )
        unit_interval = kind.lower is not None and kind.upper is not None and kind.lower >= -1 and kind.upper <= 1
        found = t.Num(lower=Fraction(-1) if (kind.lower or 0) < 0 else Fraction(0), upper=Fraction(1)) if unit_interval else t.Num()
    elif op == "sum":
        low = Fraction(0) if kind.lower is not None and kind.lower >= 0 else None
        found = t.Num(kind.dimension, low, None, None, kind.integral, kind.unit)
    else:
        found = t.Num(kind.dimension, kind.lower, kind.upper, None, kind.integral, kind.unit)
    return Typed(Fold(op, spaces, body.term, where, at=node.at), found)


# ------------------------------------------------------------------- distributions


def _bernoulli(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    if len(node.args) != 1:
        return scope.context.wrong("wrong-count", "`bernoulli` takes one chance", node.at, "`bernoulli(p)`")
    chance = want(scope, node.args[0].value, t.PROB, "the chance of `bernoulli`")
    from opengames.terms import FALSE, ONE, TRUE

    pairs = ((TRUE, chance), (FALSE, Prim("-", (ONE, chance))))
    return Typed(Weighted(pairs, at=node.at), t.BOOL, kernel=True)


def _uniform(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    context = scope.context
    if len(node.args) == 1:
        arg = node.args[0].value
        if isinstance(arg, s.Ident):
            kind = values_of(scope, s.NamedType(s.Name(arg.name, arg.at), arg.at))
            if t.is_wrong(kind):
                return WRONG
            bounded = isinstance(kind, t.Num) and kind.lower is not None and kind.upper is not None and not kind.integral
            if is_finite(t.space(kind)) or bounded:
                return Typed(Uniform(t.space(kind), at=node.at), kind, kernel=True)
            return context.wrong(
                "not-a-distribution", f"nothing is uniform on all of {t.describe(kind)}", arg.at, "not bounded"
            )
        return context.wrong(
            "not-a-distribution",
            "`uniform` takes the name of a finite type, or two ends",
            arg.at,
            "not a type's name",
            help="`uniform(Value)` or `uniform(0 $, 4 $)`",
        )
    found = _values(scope, node, 2, "uniform", "a type, or two ends")
    if found is None or not _same_unit(scope, node, "uniform", found):
        return WRONG
    from opengames.dsl.infer import constant

    ends = [constant(scope, f.term, a.value.at) for f, a in zip(found, node.args, strict=True)]
    if None in ends:
        return WRONG
    low, high = (Fraction(e) for e in ends)
    kind = found[1].type
    assert isinstance(kind, t.Num)
    if low >= high:
        return context.wrong("empty-type", "`uniform` needs its first end below its second", node.at, "no room between")
    between = t.Num(kind.dimension, low, high, unit=kind.unit)
    return Typed(Uniform(t.space(between), at=node.at), between, kernel=True)


def _normal(scope: Scope, node: s.CallExpr, expected: t.Type | None) -> Typed:
    found = _values(scope, node, 2, "normal", "a mean and a standard deviation")
    if found is None or not _same_unit(scope, node, "normal", found):
        return WRONG
    mean, deviation = found
    assert isinstance(mean.type, t.Num) and isinstance(deviation.type, t.Num)
    if deviation.type.upper is not None and deviation.type.upper < 0:
        return scope.context.wrong(
            "not-a-distribution", "a standard deviation is not negative", node.args[1].value.at, "negative"
        )
    unit = mean.type.unit or deviation.type.unit
    return Typed(
        Normal(mean.term, deviation.term, at=node.at), t.Num(mean.type.dimension, unit=unit), kernel=True
    )


#: Rules, of those in scope, that a message lists.
_RULES = 6


def _dual(scope: Scope, node: s.CallExpr) -> Typed:
    context = scope.context
    arg = node.args[0].value if len(node.args) == 1 else None
    base = arg.base if isinstance(arg, s.IndexExpr) else arg
    if not isinstance(base, s.Ident):
        return context.wrong("unknown-rule", "`dual` takes the name of a rule", node.at, "`dual(balance[b])`")
    found = scope.dual(base.name)
    if found is None:
        rules = scope.rules()
        close = nearest(base.name, rules)
        some = ", ".join(f"`{rule}`" for rule in rules[:_RULES]) + (", ..." if len(rules) > _RULES else "")
        return context.wrong(
            "unknown-rule",
            f"no decision here has a rule called `{base.name}`",
            base.at,
            "not a rule in this block",
            help=f"did you mean `{close}`?" if close else f"the rules here are {some}" if rules else "rules are named after `subject to`",
            edit=Edit(base.at, close) if close else None,
        )
    if t.is_wrong(found.type) or not isinstance(arg, s.IndexExpr):
        return found
    if not isinstance(found.type, t.Family) or len(arg.args) > len(found.type.index):
        return context.wrong("not-a-family", f"the rule `{base.name}` has no such index", arg.at, "not indexed")
    index = found.type.index
    keys = tuple(want(scope, a.value, k, f"an index of `{base.name}`") for a, k in zip(arg.args, index, strict=False))
    left = index[len(keys) :]
    kind = t.family(left, found.type.item) if left else found.type.item
    return Typed(At(found.term, keys, tuple(t.space(i) for i in index), at=node.at), kind)


@rule(s.Given)
def given(scope: Scope, node: s.Given, expected: t.Type | None) -> Typed:
    name = _callee(node.callee) or ""
    if (name in QUESTIONS or (name in MARKET and name not in scope.context.signatures)) and scope.questions:
        from opengames.dsl.questions import ask_given

        return ask_given(scope, node, name)
    return scope.context.wrong(
        "question-outside",
        "evidence after `|` belongs to a question: `P(event | evidence)` in a `query` or a `verify`",
        node.at,
        "conditioning never happens inside a model",
    )


_BUILTIN: dict[str, Builder] = {
    "min": _extreme,
    "max": _extreme,
    "clamp": _clamp,
    "abs": _absolute,
    "exp": _bare("exp", Fraction(0)),
    "log": _bare("log", None),
    "sqrt": _bare("sqrt", Fraction(0)),
    "floor": _bare("floor", None),
    "ind": _ind,
    "sum": _total,
    "product": _total,
    "always": _temporal,
    "eventually": _temporal,
    "until": _temporal,
    "margin": _margin,
    "bernoulli": _bernoulli,
    "uniform": _uniform,
    "normal": _normal,
}

__all__ = ["aggregate", "arrange", "infer", "unify"]
