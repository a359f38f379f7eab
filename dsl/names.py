"""Names, fields and indices: what a name means here, and what to say when it means nothing."""

from __future__ import annotations

from opengames.diagnostics import Edit, Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed, nearest, origin, source
from opengames.dsl.infer import infer, rule, value, want
from opengames.dsl.prelude import FUNCTIONS
from opengames.terms import At, Const, Get, Param, Var

#: Labels of an enumeration that a message lists.
_LABELS = 6


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
    return unknown_name(scope, node, expected)


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


def _label_like(name: str, expected: t.Type | None) -> str | None:
    """The label of the wanted enumeration that `name` misspells or is short for."""
    if not isinstance(expected, t.Enum):
        return None
    short = [label for label in expected.labels if label.lower().startswith(name.lower())]
    return short[0] if len(short) == 1 else nearest(name, expected.labels)


def unknown_name(scope: Scope, node: s.Ident, expected: t.Type | None = None) -> Typed:
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
            help=_use_of(kind, name, scope.questions),
        )
    why = scope.unknown(name)
    known = [*scope.names(), *context.params, *context.labels, *context.signatures, *FUNCTIONS]
    close = _label_like(name, expected)
    close = close or nearest(name, [k for k in known if "'" not in k and "#" not in k and " " not in k])
    where = scope.place(close) if close else None
    if not close and name in context.units:
        return context.wrong(
            "unknown-name",
            f"no wire `{name}` here",
            node.at,
            f"`{name}` is a unit, and stands apart from its number here",
            help="a unit is part of the number before it: `5 $/(MW*h)`, not `5 $/MW/h`",
        )
    return context.wrong(
        "unknown-name",
        f"no wire `{name}` here",
        node.at,
        why or "nothing in scope has this name",
        windows=(Window(where, f"`{close}` is declared here"),) if where is not None else (),
        help=f"did you mean `{close}`?" if close else _labels_of(expected) or _of_what(scope, name),
        edit=Edit(node.at, close) if close else None,
    )


def _labels_of(expected: t.Type | None) -> str:
    """What may stand where a label of an enumeration is wanted."""
    if not isinstance(expected, t.Enum):
        return ""
    some = [f"`{label}`" for label in expected.labels[:_LABELS]] + ["..."] * (len(expected.labels) > _LABELS)
    return f"`{expected.name}` is {', '.join(some)}"


def _of_what(scope: Scope, name: str) -> str:
    """What a question that names no game may lack."""
    boxes = list(scope.context.boxes)
    if not scope.questions or scope.names() or not boxes:
        return ""
    return f"a question about a wire says of which game or channel it is: `... of {boxes[0]}`"


def _use_of(kind: str, name: str, asking: bool) -> str:
    if asking and kind in ("channel", "game"):
        return f"ask about one of its wires: `... of {name}`"
    return {
        "fun": f"call it: `{name}(...)`",
        "channel": f"draw from it: `x ~ {name}(...)`",
        "game": f"play it: `x ~ {name}(...)`",
        "player": "a player stands after `by`, or before the dot in a strategy",
        "type": f"run over it, `for x in {name}`, or name one of its values",
    }.get(kind, "")


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
            return unknown_name(scope, s.Ident(node.base.name, node.base.at))
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
    element = t.family(left, inner.type.item) if left else inner.type.item
    return Typed(At(inner.term, keys, tuple(t.space(i) for i in wanted), at=node.at), element)
