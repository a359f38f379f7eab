"""Funs over any finite type: `fun total[W: type](x: real[W]) -> real = sum(x[w] for w in W)`, called as `total[World](x)`.

Each choice of types makes a fun of its own, `total[World]`, elaborated on first use. One that is never used is tried with
a type of which nothing is known but that it is finite, so that its mistakes are reported.
"""

from __future__ import annotations

from opengames.diagnostics import Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Context, Scope
from opengames.dsl.type_expressions import values_of
from opengames.spaces import size

#: How the tree writes that a static is a type.
TYPE = "type"


def is_type(static: s.Static) -> bool:
    """Whether a static stands for a type."""
    return isinstance(static.type, s.NamedType) and static.type.name.text == TYPE


def is_generic(decl: object) -> bool:
    """Whether a declaration is of a fun over types."""
    return isinstance(decl, s.FunDecl) and any(is_type(x) for x in decl.statics)


def chosen(scope: Scope, decl: s.FunDecl, node: s.CallExpr) -> tuple[str, tuple[s.Arg, ...]] | None:
    """The fun that a call of a generic one means, made if need be, and the statics left over; `None` after a report."""
    given = node.callee.args if isinstance(node.callee, s.IndexExpr) else ()
    wanted = [x.name.text for x in decl.statics]
    named = {a.name.text: a for a in given if a.name is not None}
    for name, each in named.items():
        if name not in wanted:
            scope.context.report(
                "unknown-argument", f"`{decl.name.text}` has no static called `{name}`", each.value.at,
                "its statics are " + ", ".join(f"`{w}`" for w in wanted),
            )  # fmt: skip
            return None
    if len(given) > len(wanted):
        scope.context.report(
            "wrong-count",
            f"`{decl.name.text}` has {len(wanted)} static{'s' if len(wanted) != 1 else ''}, and {len(given)} are given",
            node.callee.at, f"{len(given)} given", windows=(Window(decl.name.at, "declared here"),),
        )  # fmt: skip
        return None
    placed = dict(zip(wanted, (a for a in given if a.name is None), strict=False)) | named
    kinds: dict[str, t.Type] = {}
    for static in decl.statics:
        if not is_type(static):
            continue
        found = placed.get(static.name.text)
        if found is None:
            scope.context.report(
                "missing-static", f"`{decl.name.text}` needs the type `{static.name.text}` in square brackets", node.callee.at,
                "for which type?", windows=(Window(static.at, "declared here"),),
                help=f"choose: `{decl.name.text}[{', '.join('World' if is_type(x) else '...' for x in decl.statics)}](...)`",
            )  # fmt: skip
            return None
        kind = type_given(scope, found.value)
        if t.is_wrong(kind):
            return None
        kinds[static.name.text] = kind
    left = tuple(a for n, a in placed.items() if n not in kinds)
    return made(scope.context, decl, kinds), left


def type_given(scope: Scope, node: s.Expr) -> t.Type:
    """The type that stands for a static; `WRONG` after a report."""
    if not isinstance(node, s.Ident):
        scope.context.report(
            "unknown-type", "a type stands here, by its name", node.at, "not the name of a type",
            help="declare it: `type World = ...`",
        )  # fmt: skip
        return t.WRONG
    kind = values_of(scope, s.NamedType(s.Name(node.name, node.at), node.at))
    if not t.is_wrong(kind) and size(t.space(kind)) is None:
        scope.context.report("infinite-index", f"a static type is finite, and this is {t.describe(kind)}", node.at, "not finite")
        return t.WRONG
    return kind


def made(context: Context, decl: s.FunDecl, kinds: dict[str, t.Type]) -> str:
    """The name of the fun for these types, elaborated on first use."""
    from opengames.dsl.declarations import define, signature

    key = (decl.name.text, *kinds.values())
    name = context.generic_made.get(key)
    if name is None:
        name = f"{decl.name.text}[{', '.join(map(type_words, kinds.values()))}]"
        while name in context.signatures:  # another type is described alike
            name += "'"
        context.generic_made[key] = name
        scope = Scope(context)
        scope.types.update(kinds)
        context.signatures[name] = signature(scope, decl)
        define(context, decl, name, scope)
    return name


def type_words(kind: t.Type) -> str:
    """A type in the name of what is made for it: `World`, `bool`."""
    return t.describe(kind).replace("`", "")


def some_type(static: s.Static) -> t.Type:
    """A type of which nothing is known but that it is finite."""
    name = static.name.text
    return t.Enum(name, (f"{name} 1", f"{name} 2"))


def tried(context: Context, decl: s.FunDecl) -> None:
    """Elaborate a generic fun that is never used, for its mistakes."""
    if any(key[0] == decl.name.text for key in context.generic_made):
        return
    name = made(context, decl, {x.name.text: some_type(x) for x in decl.statics if is_type(x)})
    context.signatures.pop(name)
    context.generic_made = {key: n for key, n in context.generic_made.items() if n != name}
    context.funs.pop(name, None)


__all__ = ["TYPE", "chosen", "is_generic", "is_type", "made", "some_type", "tried", "type_given", "type_words"]
