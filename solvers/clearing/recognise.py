"""A decision recognised as a clearing: `decide ... subject to {...}` in its diagram becomes a program whose data moves.

    clear = clear_for(program)                        # what a reading is handed
    clearing = clear(program.diagrams["Sced"], box, params)
    clearing.solve(data)

What stands between the decided wires and the rules or the earning is read as affine functions (`affine_terms`, `wires`); wires
that are known before the decision are data, read off as terms that a reading evaluates. The program is made once for a decision
and its params. A decision is refused with `not-convex`, at the term to blame, where it is not affine, or not concave and
quadratic in what it earns, or where it would have to foresee.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opengames.clearings import Clear, Clearing
from opengames.diagnostics import Refusal
from opengames.diagram import (
    Box,
    Call,
    Compute,
    Decide,
    Diagram,
    Draw,
    Loop,
    Port,
    binds,
    bodies,
    needs,
    walk,
)
from opengames.program import Program
from opengames.solvers.clearing.affine_terms import Reader, not_convex
from opengames.solvers.clearing.assemble import Pieces, assemble, concave
from opengames.solvers.clearing.columns import Columns, columns_of
from opengames.solvers.clearing.frames import Sym, Value
from opengames.solvers.clearing.rules_rows import Part, Rules
from opengames.solvers.clearing.scopes import DATA, KNOWN, Binding, Scope, refused
from opengames.solvers.clearing.wires import bindings
from opengames.spaces import Space, index_size, is_finite, leaves
from opengames.spans import Span
from opengames.terms import Term, Var, free

_REMEMBERED = 64


@dataclass(frozen=True)
class Recognised:
    """A decision as it was read. prices: how many numbers its duals are; priced: (rule, offset, size) of each dual wire.
    parts: where every rule is kept as rows, what those rows are made of, in their order.
    """

    box: Decide
    pieces: Pieces
    columns: Columns
    prices: int
    priced: tuple[tuple[int, int, int], ...]
    parts: tuple[Part, ...] = ()


def clear_for(program: Program) -> Clear:
    """What makes clearings of the decisions of `program`, each once for its params."""
    return _Clearings(program)


class _Clearings:
    def __init__(self, program: Program) -> None:
        self.program = program
        self._known: dict[tuple[Any, ...], tuple[Any, Clearing]] = {}

    def __call__(self, diagram: Diagram, box: Decide, params: Mapping[str, Any]) -> Clearing:
        values = {name: decl.value for name, decl in self.program.params.items()} | dict(params)
        key = (id(diagram), id(box), *(id(v) for v in values.values()))
        found = self._known.get(key)
        if found is None:
            from opengames.solvers.clearing.clearing import Cleared

            made = Cleared(self.program, diagram, box, values)
            # what the key is made of stays alive with it, so that no identity comes up twice
            found = self._known[key] = ((diagram, box, list(values.values())), made)
            while len(self._known) > _REMEMBERED:
                self._known.pop(next(iter(self._known)))
        return found[1]


def recognise(
    program: Program, diagram: Diagram, box: Decide, params: Mapping[str, Any], number: Any = float, bounds: bool = True,
    moving: frozenset[str] = frozenset(),
) -> Recognised:
    """The decision as a program in floats or fractions (`number`). bounds: whether rules about one number may become its bounds.
    moving: params that are data.

    Raises `Refusal` (`not-convex`, `not-yet`, `unknown-param-value`, `over-budget`).
    """
    reader = Reader(program.funs, program.params, params, number, moving)
    columns, chosen = columns_of(reader, box.outs)
    scope = Scope(_wires(reader, diagram, box, chosen))
    priced, prices = _priced(box)
    rules = Rules(reader, scope)
    for k, rule in enumerate(box.rules):
        rules.add(k, rule)
    before = len(reader.unknowns.atoms)
    at = _earning_place(diagram, box)
    earning = reader.number(_earning(reader, diagram, box, scope), at).form
    _foresees(diagram, box, reader.unknowns.atoms, before, at)
    pieces = assemble(
        reader.unknowns, columns, box.rules, rules.parts, earning, {k for k, _, _ in priced}, at, bounds
    )
    concave(pieces.quadratic, len(pieces.cost), at)
    return Recognised(box, pieces, columns, prices, priced, () if bounds else tuple(rules.parts))


def _priced(box: Decide) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """Which rule each dual wire is of, where its numbers begin, and how many there are."""
    found, start = [], 0
    for port in box.duals:
        name = port.name.rpartition("dual ")[2]
        rule = next(k for k, r in enumerate(box.rules) if r.name == name)
        size = index_size(tuple(s for _, s in box.rules[rule].iters))
        found.append((rule, start, size))
        start += leaves(port.space)
    return tuple(found), start


# ------------------------------------------------------------------------- wires of the diagram


def _wires(reader: Reader, diagram: Diagram, box: Decide, chosen: dict[str, Binding]) -> dict[str, Binding]:
    """Every wire of the decision's diagram: data before it, what is decided, and what is made of both behind it."""
    names: dict[str, Binding] = {}
    scope = Scope(names)
    for port in diagram.inputs:
        names[port.name] = _given(port.name, port.space, reader)
    for port in diagram.expects:
        names[port.name] = refused(lambda at, name=port.name: _outside(name, at), port.at or box.at)  # type: ignore[misc]
    passed = False
    for each in diagram.boxes:
        if each is box or (not passed and each == box):
            passed = True
            names.update(chosen)
            names.update(bindings(reader, Decide((), box.seat, (), "", duals=box.duals, at=box.at), scope, reader.root))
        elif passed:
            names.update(bindings(reader, each, scope, reader.root))
        else:
            names.update(_before(reader, each, scope))
    if not passed:
        raise ValueError("the decision does not stand in this diagram")
    return names


def _outside(name: str, at: Span | None) -> Refusal:
    return not_convex(
        f"`{name}` comes back from what happens after the decision", at,
        "a clearing earns what its own moves and data make; what it earns later is for a planner", "earned from outside",
    )  # fmt: skip


def _given(name: str, space: Space, reader: Reader) -> Binding:
    """A wire that is known before the decision."""
    return Binding(lambda: DATA, lambda: Sym(Var(name), space, reader.root), lambda: Var(name))


def _before(reader: Reader, box: Box, scope: Scope) -> dict[str, Binding]:
    """What a box before the decision binds: computed where params decide it, else data."""
    if not _is_sure(box):
        return {p.name: _given(p.name, p.space, reader) for p in binds(box)}
    inside = bindings(reader, box, scope, reader.root)

    def bind(port: Port) -> Binding:
        inner = inside[port.name]

        def value() -> Value:
            return inner.value if inner.depends == KNOWN else Sym(Var(port.name), port.space, reader.root)

        return Binding(lambda: inner.depends, value, lambda: Var(port.name))

    return {p.name: bind(p) for p in binds(box)}


def _is_sure(box: Box) -> bool:
    """Whether nothing in the box is drawn or decided."""
    if isinstance(box, Draw | Decide):
        return False
    return all(not isinstance(b, Draw | Decide) for _, body in bodies(box) for _, b in walk(body))


def _earning(reader: Reader, diagram: Diagram, box: Decide, scope: Scope) -> Value:
    return scope.find(box.earning).value


def _earning_place(diagram: Diagram, box: Decide) -> Span | None:
    for each in diagram.boxes:
        if isinstance(each, Compute) and each.out.name == box.earning:
            return each.term.at or each.at or box.at
    return box.at


def _foresees(diagram: Diagram, box: Decide, atoms: list[Term], before: int, at: Span | None) -> None:
    """Refuse an earning that depends on what the decision does not see: its expectation is no clearing.

    What the rules use is seen: a clearing has the data of its rules.
    """
    if len(atoms) == before:
        return
    seen = set(box.seeing) | set(box.needs)
    for term in atoms[:before]:
        seen |= free(term)
    by = {p.name: each for each in diagram.boxes for p in binds(each)}
    inputs = {p.name: p.space for p in diagram.inputs}
    for term in atoms[before:]:
        for name in sorted(free(term)):
            hidden = _hidden(name, seen, by, inputs)
            if hidden is not None:
                raise not_convex(
                    f"the earning of {box.seat.name} depends on `{hidden}`, which it does not see", term.at or at,
                    f"let the decision see it: `seeing {hidden}`; an expectation is no clearing",
                )  # fmt: skip


def _hidden(name: str, seen: set[str], by: Mapping[str, Box], inputs: Mapping[str, Space]) -> str | None:
    """A wire that is drawn, or handed in, unseen, and that `name` is made of. Indices of the loops around are known."""
    if name in seen:
        return None
    if name in inputs:
        return None if is_finite(inputs[name]) else name
    box = by.get(name)
    if box is None or not isinstance(box, Compute | Loop | Call) or not _is_sure(box):
        return name
    for need in sorted(needs(box)):
        found = _hidden(need, seen, by, inputs)
        if found is not None:
            return found
    return None


__all__ = ["Recognised", "clear_for", "recognise"]
