"""Why a member of a clearing has no optimum, in the words of its text: the rules that cannot hold together, the wires that grow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED
from opengames.diagnostics import Refusal, Window, refuse
from opengames.diagram import Decide, Diagram, binds
from opengames.program import ParamDecl
from opengames.show import digits, number, show
from opengames.solvers.clearing import affine_values as av
from opengames.solvers.clearing.affine_values import Affine
from opengames.solvers.clearing.assemble import Pieces, moving
from opengames.solvers.clearing.program import Program, label
from opengames.solvers.clearing.rules_rows import Part, rounding
from opengames.solvers.clearing.solution import BAR, Solution
from opengames.spaces import Family, Grid, Reals, Record, Shown, Space
from opengames.terms import At, Check, Const, Fold, Get, Param, Prim, Term, Var, children

if TYPE_CHECKING:
    from opengames.solvers.clearing.clearing import Cleared

_MOST = 8
_TOLD = 3


def explain(clearing: Cleared, data: np.ndarray) -> Refusal:
    """The refusal for data at which there is no optimum: `infeasible`, `unbounded`, or `no-certificate` where the engine misses it."""
    from opengames.solvers.clearing.highs import solve

    found = solve(clearing.moving.at(data))
    if found.status == INFEASIBLE:
        return _infeasible(clearing, data)
    if found.status == UNBOUNDED:
        return _unbounded(clearing, data)
    box = clearing.box
    if found.status == SOLVED:
        raise ValueError("this clearing has an optimum")
    missed, cure = _missed(found)
    return refuse(
        "no-certificate", f"the clearing of {box.seat.name} was not solved to within rounding", span=box.at, label="decided here",
        notes=(missed, *_witness(clearing, data)), help=cure,
    )  # fmt: skip


def _missed(found: Solution) -> tuple[str, str]:
    """What keeps a point from being called solved, and what may help."""
    if found.gap > BAR:
        missed = f"by the engine's bound, other whole numbers may be better than those found by {found.gap:.1e} of the earning's terms"
        return missed, "give what is decided narrower bounds, or decide fewer whole numbers"
    missed = f"largest relative residual {found.residuals.largest:.1e}"
    if found.whole and np.isnan(found.x).any():
        missed = "the whole numbers found are whole only up to rounding: held, they leave no point"
    return missed, "bring the numbers of the model nearer to each other in size"


# ------------------------------------------------------------------------------ infeasible


def _infeasible(clearing: Cleared, data: np.ndarray) -> Refusal:
    from opengames.solvers.clearing.infeasible import conflict

    pieces = clearing.in_rows.pieces
    program = moving(pieces).at(data)
    against = [row for row in _against_data(clearing, program, data) if pieces.rule[row] >= 0]
    if against:
        return _broken(clearing, data, program, against)
    found = conflict(program)
    box = clearing.box
    if found is None:
        head = f"the rules of {box.seat.name} can hold together only up to rounding"
        return refuse("infeasible", head, span=box.at, label="decided here", notes=_witness(clearing, data))
    rules = [(int(pieces.rule[r]), label(program.rows, r)) for r in found.rows if pieces.rule[r] >= 0]
    names = _grouped([(box.rules[k].name, text) for k, text in rules])
    names += [f"the type of `{label(program.columns, j)}`" for j in found.columns]
    where: dict[str, Any] = {box.rules[k].name: box.rules[k].at for k, _ in rules}
    limits: dict[str, str] = {}  # once for both sides of a rule such as `0 <= x <= a`
    for cure in found.cures:
        if cure.row >= 0 and pieces.rule[cure.row] >= 0 and program.row_lower[cure.row] != program.row_upper[cure.row]:
            limits[cure.label] = limits.get(cure.label) or _limit(clearing, pieces, program, cure.row)
    cures = [f"`{name}`{limit}" for name, limit in limits.items()]
    notes = list(_witness(clearing, data, _taking_part(clearing, pieces, found.rows, found.columns)))
    if cures:
        notes.append(f"without {' or '.join(cures[:_TOLD])} the others can")
    windows = tuple(Window(at, "one of them") for at in list(where.values())[:_MOST] if at is not None)
    return refuse(
        "infeasible", f"these rules cannot hold together: {', '.join(names)}", span=box.at, label=f"{box.seat.name} decides here",
        windows=windows, notes=tuple(notes),
    )  # fmt: skip


def _broken(clearing: Cleared, data: np.ndarray, program: Program, rows: list[int]) -> Refusal:
    """The refusal of rules with nothing decided in them, which the data break: the first of them, and which the others are."""
    row = rows[0]
    box, pieces = clearing.box, clearing.in_rows.pieces
    rule = box.rules[int(pieces.rule[row])]
    part, item = _part_of(clearing.in_rows.parts, row)
    notes = list(_witness(clearing, data, _taking_part(clearing, pieces, (row,), ())))
    if part.sides is not None:
        left, op, right = part.sides
        shown = shown_of(rule.term, clearing)
        values = [number(_value(side, item, data), shown) for side in (left, right)]
        notes.insert(0, f"it asks for {values[0]} {op} {values[1]}, which does not hold")
    mine = label(program.rows, row)
    others = [f"`{each}`" for each in dict.fromkeys(label(program.rows, k) for k in rows[1:]) if each != mine]
    if others:
        notes.append(f"nor {'does' if len(others) == 1 else 'do'} {_listed(others, 'more rules')}")
    return refuse(
        "infeasible", f"the data break the rule `{mine}`", span=part.at or rule.at, label="does not hold",
        windows=(Window(box.at, f"{box.seat.name} decides here"),) if box.at is not None else (), notes=tuple(notes),
        help=f"nothing that {box.seat.name} decides takes part in this rule: mend the data, or the rule",
    )  # fmt: skip


def _against_data(clearing: Cleared, program: Program, data: np.ndarray) -> list[int]:
    """The rules without anything decided that do not hold."""
    empty = np.diff(program.matrix.indptr) == 0
    gap = np.maximum(program.row_lower, -program.row_upper)
    found = []
    for row in np.flatnonzero(empty & (gap > 0)).tolist():
        part, item = _part_of(clearing.in_rows.parts, row)
        sides = [_value(part.sides[k], item, data) for k in (0, 2)] if part.sides is not None else [0.0, 0.0]  # type: ignore[arg-type]
        if gap[row] > rounding(*np.array(sides)):
            found.append(row)
    return found


def _part_of(parts: tuple[Part, ...], row: int) -> tuple[Part, int]:
    """The part that a row belongs to, and where in it the row stands."""
    for part in parts:
        if row < part.form.items:
            return part, row
        row -= part.form.items
    raise ValueError("this row is of no rule")


def _value(form: Affine, item: int, data: np.ndarray) -> float:
    one = av.gather(form, np.array([item]))
    return float(one.constant[0] + sum(v * data[a - 1] for v, a in zip(one.value, av.atoms_of(one.monomial), strict=True)))


def _taking_part(clearing: Cleared, pieces: Pieces, rows: tuple[int, ...], columns: tuple[int, ...]) -> set[Term]:
    """The data that some of these rows and bounds depend on."""
    used = set(pieces.row_by.column[np.isin(pieces.row_by.row, rows)].tolist())
    used |= set(pieces.matrix_by[2][np.isin(pieces.matrix_by[0], rows)].tolist())
    for by in (pieces.lower_by, pieces.upper_by):
        used |= set(by.column[np.isin(by.row, columns)].tolist())
    parts = {part for k in used for part in _within(pieces.data[k])}
    return {term for term in pieces.data if term in parts}


def _within(term: Term) -> Iterator[Term]:
    yield term
    for each in children(term):
        yield from _within(each)


def _grouped(rules: list[tuple[str, str]]) -> list[str]:
    """A rule by its index where one of its instances takes part, by its name where several do."""
    times: dict[str, list[str]] = {}
    for name, text in rules:
        if text not in times.setdefault(name, []):
            times[name].append(text)
    return [texts[0] if len(texts) == 1 else name for name, texts in times.items()]


def _limit(clearing: Cleared, pieces: Pieces, program: Program, row: int) -> str:
    """How much the rule allows, where that is one number: ` (240 MW)`."""
    rule = clearing.box.rules[int(pieces.rule[row])]
    low, high = float(program.row_lower[row]), float(program.row_upper[row])
    if pieces.two_sided[row]:
        value = (high - low) / 2
    elif np.isinf(low) != np.isinf(high):
        value = high if np.isinf(low) else low
        # in the row what is decided stands to the left
        value = -value if _part_of(clearing.in_rows.parts, row)[0].turned else value
    else:
        return ""
    return f" ({number(value, shown_of(rule.term, clearing))})" if value else ""


def shown_of(term: Term, clearing: Cleared) -> Shown | None:
    """The unit in which a rule's sides are written, as far as a wire or a param in it tells."""
    program, diagram, _, _ = clearing.made_of
    spaces = {p.name: p.space for p in diagram.inputs}
    for box in diagram.boxes:
        spaces.update((p.name, p.space) for p in binds(box))
    return _shown(term, spaces, program.params)


def _shown(term: Term, spaces: dict[str, Space], params: Any) -> Shown | None:
    match term:
        case Prim(op="+" | "-" | "neg" | "abs" | "min" | "max" | "clamp" | "==" | "<=" | ">=" | "and" | "implies", args=args):
            for each in reversed(args):
                found = _shown(each, spaces, params)
                if found is not None:
                    return found
            return None
        case Fold(op="sum" | "min" | "max" | "and", body=body):
            return _shown(body, spaces, params)
        case Check(value=value):
            return _shown(value, spaces, params)
    space = _space(term, spaces, params)
    return space.shown if isinstance(space, Reals | Grid) else None


def _space(term: Term, spaces: dict[str, Space], params: Any) -> Space | None:
    match term:
        case Var(name=name):
            return spaces.get(name)
        case Param(name=name):
            decl: ParamDecl = params[name]
            return decl.space
        case Get(record=record, position=position):
            of = _space(record, spaces, params)
            return of.fields[position][1] if isinstance(of, Record) else None
        case At(family=family, keys=keys, index=index) if len(keys) == len(index):
            of = _space(family, spaces, params)
            return of.item if isinstance(of, Family) else None
    return None


# ------------------------------------------------------------------------------- unbounded


def _unbounded(clearing: Cleared, data: np.ndarray) -> Refusal:
    from opengames.solvers.clearing.infeasible import growing

    program = clearing.moving.at(data)
    box = clearing.box
    columns = [(j, step) for j, step in growing(program) if j < clearing.moves]
    columns.sort(key=lambda c: -abs(c[1]))
    ways = {
        verb: [f"`{label(program.columns, j)}`" for j, step in columns if step * sign > 0] for verb, sign in (("grow", 1), ("fall", -1))
    }
    notes = [*_witness(clearing, data)]
    moving_ones = [f"{_listed(names)} {verb if len(names) > 1 else verb + 's'} without end" for verb, names in ways.items() if names]
    if moving_ones:
        notes.append(f"{' and '.join(moving_ones)}, and the earning with {'them' if len(columns) > 1 else 'it'}")
    return refuse(
        "unbounded", f"nothing stops what {box.seat.name} earns from growing", span=box.at, label=f"{box.seat.name} decides here",
        notes=tuple(notes), help="bound the wires that grow by a rule or by their types",
    )  # fmt: skip


def _listed(names: list[str], of: str = "more wires") -> str:
    if len(names) > _MOST:
        names = [*names[: _MOST - 1], f"{len(names) - _MOST + 1} {of}"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# --------------------------------------------------------------------------------- witness


def _witness(clearing: Cleared, data: np.ndarray, which: set[Term] | None = None) -> tuple[str, ...]:
    """The data that can be named, in their units; of `which`, where that is given."""
    program, diagram, box, _ = clearing.made_of
    pairs = [(t, float(v)) for t, v in zip(clearing.data, data, strict=True) if which is None or t in which]
    told = [text for term, value in pairs if (text := _said(term, value, diagram, box, program.params))]
    if not told:
        return ()
    more = f", and {len(told) - _MOST} more" if len(told) > _MOST else ""
    return (f"witness: {', '.join(told[:_MOST])}{more}",)


def _said(term: Term, value: float, diagram: Diagram, box: Decide, params: Any) -> str:
    spaces = {p.name: p.space for p in diagram.inputs}
    for each in diagram.boxes:
        if each is box:
            break
        spaces.update((p.name, p.space) for p in binds(each))
    name = _name(term, spaces, params)
    space = _space(term, spaces, params)
    if not name:
        return ""
    whole = int(value) if value.is_integer() and abs(value) < 1e15 else value
    return f"{name} = {show(whole, space) if space is not None else digits(whole)}"


def _name(term: Term, spaces: dict[str, Space], params: Any) -> str:
    match term:
        case Var(name=name) | Param(name=name):
            return name
        case Get(record=record, position=position):
            of, inner = _space(record, spaces, params), _name(record, spaces, params)
            return f"{inner}.{of.fields[position][0]}" if inner and isinstance(of, Record) else ""
        case At(family=family, keys=keys) if all(isinstance(k, Const | Var) for k in keys):
            inner = _name(family, spaces, params)
            named = [show(k.value) if isinstance(k, Const) else k.name for k in keys if isinstance(k, Const | Var)]
            return f"{inner}[{', '.join(named)}]" if inner else ""
    return ""


__all__ = ["explain", "shown_of"]
