"""How a statement's results become wires: declared types, hidden wires, and names that do not match in number."""

from __future__ import annotations

from collections.abc import Callable

from opengames.diagnostics import Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Typed
from opengames.dsl.infer import conform
from opengames.dsl.levels import Level, LevelScope
from opengames.dsl.type_expressions import values_of
from opengames.terms import Check, Const, Term, Var

#: The declared types of some wires of a block (its outputs), and where they are declared.
Expected = dict[str, tuple[t.Type, s.Span]]


def between(scope: LevelScope, start: int, end: int, sign: str) -> s.Span | None:
    """The place of `sign` between two offsets of the text."""
    text = scope.context.text
    found = text.find(sign, start, end)
    if found < 0:
        return None
    line = text.count("\n", 0, found) + 1
    column = found - (text.rfind("\n", 0, found) + 1) + 1
    return s.Span(_file(scope), found, found + len(sign), line, column)


def _file(scope: LevelScope) -> str:
    places = [p[1] for p in scope.context.declared.values() if p[1] is not None]
    return places[-1].file if places else ""


def count_clash(level: Level, names: tuple[s.Name, ...], count: int, at: s.Span) -> None:
    level.context.report(
        "wrong-count",
        f"{len(names)} names are bound, and there {'is' if count == 1 else 'are'} {count or 'no'} wire{'s' if count != 1 else ''} to bind",
        names[0].at.to(names[-1].at),
        f"{len(names)} name{'s' if len(names) != 1 else ''}",
        windows=(Window(at, f"puts out {count or 'nothing'}"),),
    )


def declared_type(
    scope: LevelScope, names: tuple[s.Name, ...], written: s.TypeExpr | None, expected: Expected
) -> tuple[t.Type, s.Span] | None:
    """The type that a binding must have: its own annotation, else that of the output of the same name."""
    if written is not None:
        return values_of(scope, written), written.at
    return expected.get(names[0].text) if len(names) == 1 else None


def publish(
    scope: LevelScope, name: s.Name, found: t.Type, declared: tuple[t.Type, s.Span] | None, node: s.Expr
) -> tuple[str, t.Type, Callable[[], None] | None]:
    """Where a box should put its result so that wire `name` has its declared type.

    The wire itself if the types fit, else a hidden wire and a check to run afterwards.
    """
    if declared is None:
        return name.text, found, None
    verdict = t.fit(found, declared[0])
    if not verdict.ok:
        conform(scope, Typed(Const(False), found), node, declared[0], f"`{name.text}`", declared[1])
        return name.text, declared[0], None
    if not verdict.checked:
        return name.text, declared[0] if not isinstance(found, t.Num) or found.points is None else found, None
    raw = f"{name.text}'"

    def check() -> None:
        term = Check(Var(raw), t.space(declared[0]), f"`{name.text}`", at=name.at)
        scope.level.add(name.text, declared[0], term, name.at)

    return raw, found, check


def wire_of(scope: LevelScope, term: Term, kind: t.Type, hint: str) -> str:
    """A wire that carries `term`: the one it names, or a hidden one made for it."""
    if isinstance(term, Var) and scope.level.use(term.name) is not None:
        return term.name
    wire = scope.level.fresh_wire(hint)
    scope.level.add(wire, kind, term, getattr(term, "at", None), hidden=True)
    return wire
