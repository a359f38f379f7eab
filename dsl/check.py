"""From text to program: `check(text, name, params)` parses, resolves, checks and elaborates.

This is the whole way of the language layer. It loads nothing but the standard library, reports
as many independent mistakes as it finds, and gives a program only if there are none.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opengames import program as p
from opengames.deep import deep
from opengames.diagnostics import Diagnostic, errors
from opengames.dsl import (  # noqa: F401  they register their rules
    calls,
    choices,
    comparisons,
    literals,
    matching,
    names,
    operators,
    quantities,
    ranges,
)
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Context, nearest
from opengames.dsl.declarations import Declarer, called, check_recursion, collect, declare_units
from opengames.dsl.generic import tried
from opengames.dsl.instances import instance
from opengames.dsl.names_used import mentions
from opengames.dsl.parser import parse
from opengames.dsl.questions import question
from opengames.dsl.strategies import recognition, strategy
from opengames.dsl.units import BUILTIN, Unit
from opengames.plain import dataclass, replace

#: Texts that `use` may name, below `std`.
LIBRARY = Path(__file__).with_name("std")


@dataclass(frozen=True, slots=True)
class Checked:
    """program: `None` if there are errors. diagnostics: errors and warnings, in the order of the text.

    units: the units that the text knows, by symbol; wires: the types of each diagram's wires.
    """

    program: p.Program | None
    diagnostics: tuple[Diagnostic, ...]
    context: Context | None = None

    @property
    def units(self) -> Mapping[str, Unit]:
        return self.context.units if self.context is not None else BUILTIN

    @property
    def ok(self) -> bool:
        return self.program is not None


def check(
    text: str, name: str, params: Mapping[str, Any] | None = None, file: s.File | None = None
) -> Checked:
    """The program that `text` (called `name` in every place) describes, or what is wrong with it.

    params: values for params, in the form of `spaces`. file: the syntax tree, if it is already at hand.
    """
    with _uncollected():
        return _check(text, name, params, file)


def _check(text: str, name: str, params: Mapping[str, Any] | None, file: s.File | None) -> Checked:
    found: tuple[Diagnostic, ...] = ()
    if file is None:
        parsed = parse(text, name)
        file, found = parsed.file, parsed.diagnostics
        if file is None:
            return Checked(None, found)
    context = Context(text, dict(params or {}))
    broken_syntax = bool(errors(found))
    try:
        with deep():
            program = _elaborate(context, file, broken_syntax)
    except RecursionError:
        context.report("too-deep", "this text is nested too deeply to be checked", None, help="name some of its parts")
        program = None
    everything = _in_order((*found, *_quiet(context.diagnostics, broken_syntax)))
    return Checked(program if not errors(everything) else None, everything, context)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cycle collector: a text becomes many small objects that all stay, and looking through them again and
    again takes a third of the time. The bounds on a text bound what this can cost."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


_FOLLOW_FROM_BROKEN = {
    "unknown-name", "unknown-function", "unknown-type", "unknown-player", "unknown-game", "unknown-strategy",
    "no-such-unit", "unknown-recognition", "incomplete-strategy", "unknown-decision", "missing-output",
    "unknown-rule", "family-needs-type", "table-shape", "missing-rows", "table-head",
}  # fmt: skip


def _quiet(found: list[Diagnostic], broken_syntax: bool) -> list[Diagnostic]:
    """After a syntax error, what is missing may stand in the part that could not be read: say nothing of it."""
    return _once(d for d in _in_order(found) if not (broken_syntax and d.code in _FOLLOW_FROM_BROKEN))


def _once(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """A name that is missing is missing everywhere: it is reported where it is used first, with the other lines."""
    first: dict[tuple[str, str], int] = {}
    kept: list[Diagnostic] = []
    lines: dict[int, list[int]] = {}
    for d in found:
        known = first.get((d.code, d.headline)) if d.code in _ONCE else None
        if known is None:
            first[d.code, d.headline] = len(kept)
            kept.append(d)
        elif d.span is not None:
            lines.setdefault(known, []).append(d.span.line)
    for i, others in lines.items():
        place = kept[i].span
        more = sorted(set(others) - {place.line if place is not None else 0})
        if more:
            shown = ", ".join(map(str, more[:6])) + (", ..." if len(more) > 6 else "")
            kept[i] = replace(kept[i], notes=(*kept[i].notes, f"also on line{'s' if len(more) > 1 else ''} {shown}"))
    return kept


_ONCE = {"no-such-unit", "unknown-type", "unknown-player", "unknown-function", "unknown-name", "unknown-strategy", "unknown-game"}


def _in_order(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(found, key=lambda d: (d.span is None, d.span.start if d.span is not None else 0)))


def _elaborate(context: Context, file: s.File, broken_syntax: bool) -> p.Program:
    declarations = (*_used(context, file), *file.declarations)
    declare_units(context, declarations)
    named = collect(context, declarations)
    _check_supplied(context, named)
    for name, decl in named.items():
        if isinstance(decl, (s.ChannelDecl, s.GameDecl)):
            context.boxes[name] = decl
        elif isinstance(decl, s.RecognitionDecl):
            context.recognitions[name] = decl
        elif isinstance(decl, s.StrategyDecl):
            context.strategies[name] = decl
    declarer = Declarer(context, named)
    declarer.labels()
    funs = {n: d for n, d in named.items() if isinstance(d, s.FunDecl)}
    guilty = declarer.guilty = check_recursion(context, funs)
    for name in _needed_first({n: mentions(d) for n, d in named.items() if not isinstance(d, s.FunDecl)}):
        declarer.need(name)
    for name in funs:
        declarer.need(name)
    for name in _needed_first({n: called(d) for n, d in funs.items() if n not in guilty}):
        declarer.need_body(name)
    kinds = _make_boxes(context)
    for name, generic in context.generic.items():
        if name not in guilty:
            tried(context, generic)
    recognitions = {n: recognition(context, d) for n, d in context.recognitions.items()}
    strategies = {n: strategy(context, d) for n, d in context.strategies.items()}
    questions = [question(context, d) for d in declarations if isinstance(d, s.QuestionDecl)]
    if broken_syntax:
        return p.Program()
    made = {i.name: i for i in context.instances.values()}
    return p.Program(
        name=Path(file.name).stem,
        doc=file.doc,
        types={n: t.space(k) for n, k in context.types.items() if not t.is_wrong(k)},
        params={n: replace(d, static=n in context.static_params) for n, d in context.params.items()},
        players={n: tuple(t.space(k) for k in ks) for n, ks in context.players.items() if not t.is_wrong(*ks)},
        funs=dict(context.funs),
        diagrams={n: i.diagram for n, i in made.items() if not i.broken},
        kinds={n: kinds.get(n, i.kind) for n, i in made.items() if not i.broken},
        strategies={n: x for n, x in strategies.items() if x is not None},
        recognitions={n: r for n, r in recognitions.items() if r is not None},
        questions=tuple(q for q in questions if q is not None),
        docs={d.name.text: d.doc for d in declarations if hasattr(d, "name") and d.doc},
    )


def _needed_first(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """The names so that each comes after those it needs (as far as there is no circle), without recursion."""
    order: list[str] = []
    done: set[str] = set()
    for start in needs:
        stack = [(start, False)]
        while stack:
            name, ready = stack.pop()
            if ready:
                order.append(name)
            elif name not in done:
                done.add(name)
                stack.append((name, True))
                stack.extend((n, False) for n in sorted(needs[name]) if n in needs and n not in done)
    return order


def _check_supplied(context: Context, named: dict[str, s.Decl]) -> None:
    params = [n for n, d in named.items() if isinstance(d, s.ParamDecl)]
    for name in context.supplied:
        if name not in params:
            close = nearest(name, params)
            context.report(
                "unknown-param",
                f"there is no param `{name}`",
                None,
                help=f"did you mean `{close}`?" if close else "the params are " + (", ".join(f"`{x}`" for x in params) or "none"),
            )


def _make_boxes(context: Context) -> dict[str, str]:
    """Every channel and game that needs no statics built in, and a trial of those that do and were never used."""
    from opengames.diagram import Seat
    from opengames.dsl.context import Scope
    from opengames.dsl.generic import is_type, some_type
    from opengames.dsl.names_used import type_mentions
    from opengames.dsl.type_expressions import resolve

    kinds = {}
    for name in _needed_first({n: mentions(d) for n, d in context.boxes.items()}):
        decl = context.boxes[name]
        scope = Scope(context)
        built_in: dict[str, Any] = {}
        extra: list[tuple[str, t.Type]] = []
        needed = type_mentions(decl)
        wrong = False
        for static in decl.statics:
            if is_type(static):
                built_in[static.name.text] = some_type(static)
                continue
            kind = resolve(scope, static.type)
            wrong = wrong or t.is_wrong(kind)
            if isinstance(kind, t.Player):
                built_in[static.name.text] = Seat(static.name.text)
            elif static.name.text in needed:
                wrong = True
            else:
                extra.append((static.name.text, kind))
        if wrong:
            continue
        if built_in:
            if any(key[0] == decl.name.text for key in context.instances):
                continue
            made = instance(context, decl, built_in, tuple(extra))
            for key in [k for k, v in context.instances.items() if v is made]:
                del context.instances[key]
        else:
            made = instance(context, decl, {}, tuple(extra))
            kinds[made.name] = made.kind
    return kinds


# ----------------------------------------------------------------------------- use


def _used(context: Context, file: s.File) -> tuple[s.Decl, ...]:
    """The declarations that `use` brings in: those named, and whatever they need."""
    found: list[s.Decl] = []
    seen: set[tuple[str, str]] = set()
    for use in file.declarations:
        if not isinstance(use, s.UseDecl):
            continue
        for decl in _library(context, use):
            key = (type(decl).__name__, _name(decl))
            if key not in seen:
                seen.add(key)
                found.append(decl)
    return tuple(found)


def _name(decl: s.Decl) -> str:
    return ",".join(x.name.text for x in decl.seats) if isinstance(decl, s.PlayerDecl) else getattr(decl, "name").text  # noqa: B009


def _library(context: Context, use: s.UseDecl) -> list[s.Decl]:
    words = [n.text for n in use.path]
    modules = {f"std.{f.stem}": f for f in sorted(LIBRARY.glob("*.game"))}
    wanted = ".".join(words)
    if wanted not in modules:
        close = nearest(wanted, modules)
        context.report(
            "unknown-library",
            f"there is no library `{wanted}`",
            use.path[0].at.to(use.path[-1].at),
            "the libraries are " + ", ".join(f"`{m}`" for m in modules),
            help=f"did you mean `{close}`?" if close else "",
        )
        return []
    path = modules[wanted]
    parsed = parse(path.read_text(encoding="utf-8"), f"{wanted}")
    assert parsed.file is not None and not errors(parsed.diagnostics), f"the library {wanted} does not parse"
    every: list[s.Decl] = [d for d in parsed.file.declarations if not isinstance(d, (s.UseDecl, s.QuestionDecl))]
    if not use.names:
        return every
    by_name = {(_name(d)): d for d in every}
    chosen: dict[str, s.Decl] = {}
    stack: list[str] = []
    for name in use.names:
        if name.text not in by_name:
            close = nearest(name.text, by_name)
            context.report(
                "unknown-library",
                f"`{wanted}` has nothing called `{name.text}`",
                name.at,
                "it has " + ", ".join(f"`{n}`" for n in list(by_name)[:8]),
                help=f"did you mean `{close}`?" if close else "",
            )
            continue
        stack.append(name.text)
    while stack:
        name_text = stack.pop()
        if name_text in chosen:
            continue
        chosen[name_text] = by_name[name_text]
        stack.extend(n for n in _needs(by_name[name_text]) if n in by_name)
    return [d for n, d in by_name.items() if n in chosen]


def _needs(decl: s.Decl) -> set[str]:
    found = mentions(decl)
    if isinstance(decl, s.UnitDecl) and decl.definition is not None and decl.definition.unit:
        found |= set(_unit_parts(decl.definition.unit))
    return found


def _unit_parts(written: str) -> list[str]:
    import re

    return re.findall(r"[A-Za-z]+", written)

