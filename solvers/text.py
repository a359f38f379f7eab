"""Found strategies as text that can be pasted back: `strategy NAME of GAME { seat.decision = ... }`.

What is done in each situation becomes nested `if` and `match` over what the decision sees and over the seat's
indices; wires that make no difference are left out, and a threshold is written as one comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from opengames.diagnostics import refuse
from opengames.show import digits, show
from opengames.solvers.code import Choose
from opengames.solvers.policies import Mix
from opengames.spaces import Bool, Enum, Grid, Reals, Record, Space
from opengames.terms import Var

#: One row: the values of the variables that a plan may use, and what is done there.
Row = tuple[tuple[Any, ...], Mix]


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    space: Space | None


def strategy_text(name: str, game: str, rows: Sequence[tuple[Choose, tuple[Any, ...], Mix]]) -> str:
    """The strategy that does `Mix` where the decision `Choose` sees these values.

    Raises `Refusal` (`not-expressible`) where what is done depends on something that the text cannot say: a
    loop's index that the decision does not see, or a joint mixture of several wires.
    """
    groups: dict[tuple[str, str], list[tuple[Choose, tuple[Any, ...], Mix]]] = {}
    names = {(step.player[0], step.box.outs[0].name, step.where) for step, _, _ in rows}
    for row in rows:
        step = row[0]
        wire = step.box.outs[0].name
        clash = sum(1 for seat, w, _ in names if (seat, w) == (step.player[0], wire)) > 1
        path = ".".join(step.where) if clash else ""
        groups.setdefault((step.player[0], path), []).append(row)
    lines: list[str] = []
    for (seat, path), group in groups.items():
        for wire_rows in _by_decision(group):
            lines += _plans(seat, path, wire_rows)
    width = max((line.index("\0") for line in lines), default=0)
    body = "\n".join("    " + line.replace("\0", " " * (width - line.index("\0"))) for line in lines)
    return f"strategy {name} of {game} {{\n{body}\n}}\n"


def _by_decision(group: list[tuple[Choose, tuple[Any, ...], Mix]]) -> list[list[tuple[Choose, tuple[Any, ...], Mix]]]:
    found: dict[tuple[str, ...], list[tuple[Choose, tuple[Any, ...], Mix]]] = {}
    for row in group:
        found.setdefault(tuple(p.name for p in row[0].box.outs), []).append(row)
    return list(found.values())


def _plans(seat: str, path: str, rows: list[tuple[Choose, tuple[Any, ...], Mix]]) -> list[str]:
    step = rows[0][0]
    seat_names = _seat_names(step)
    head = f"{seat}[{', '.join(seat_names)}]" if seat_names else seat
    variables = [_Variable(n, None) for n in seat_names]
    variables += [_Variable(n, step.types.get(n)) for n, _ in step.seen]
    lines = []
    for position, out in enumerate(step.box.outs):
        table: dict[tuple[Any, ...], Mix] = {}
        for each, seen, mix in rows:
            own = _marginal(mix, position, len(step.box.outs), step)
            key = (*each.player[1], *seen)
            if table.setdefault(key, own) != own:
                hidden = ", ".join(f"`{n}`" for n, _, _ in step.around if n not in {v.name for v in variables})
                raise refuse(
                    "not-expressible",
                    f"what {seat} does at `{step.place}` depends on {hidden or 'its place'}, which it does not see",
                    span=step.box.at,
                    help="add it to `seeing`" if hidden else "",
                )
        mixed = any(len(mix) > 1 for mix in table.values())
        text = _expression(variables, list(table.items()), out.space, mixed)
        target = ".".join(x for x in (head, path, out.name) if x)
        lines.append(f"{target}\0 {'~' if mixed else '='} {text}")
    return lines


def _seat_names(step: Choose) -> list[str]:
    names: list[str] = []
    seen = {n for n, _ in step.seen}
    for i, term in enumerate(step.box.seat.index):
        name = term.name if isinstance(term, Var) and "'" not in term.name else f"i{i + 1}"
        names.append(name if name not in seen and name not in names else f"{name}_{i + 1}")
    return names


def _marginal(mix: Mix, position: int, width: int, step: Choose) -> Mix:
    """One wire's part of a joint move. A text mixes wire by wire, so a joint mix must be the product of its parts."""
    if width == 1:
        return mix
    parts: list[dict[Any, Fraction]] = [{} for _ in range(width)]
    for move, chance in mix:
        for part, value in zip(parts, move, strict=True):
            part[value] = part.get(value, Fraction(0)) + chance
    independent = prod(map(len, parts)) == len(mix) and all(
        chance == prod((part[v] for part, v in zip(parts, move, strict=True)), start=Fraction(1)) for move, chance in mix
    )
    if not independent:
        raise refuse(
            "not-expressible",
            f"`{step.place}` mixes over several wires jointly",
            span=step.box.at,
            help="decide one record instead of several wires",
        )
    return tuple(parts[position].items())


def _expression(variables: list[_Variable], rows: list[Row], space: Space, mixed: bool) -> str:
    if all(mix == rows[0][1] for _, mix in rows):
        return _leaf(rows[0][1], space, mixed)
    kept = list(range(len(variables)))
    for i in reversed(range(len(variables))):
        rest = [j for j in kept if j != i]
        if _consistent(rows, rest):
            kept = rest
    first = kept[0]
    cases: dict[Any, list[Row]] = {}
    for key, mix in rows:
        cases.setdefault(key[first], []).append((key, mix))
    inner = {v: _expression(variables, part, space, mixed) for v, part in cases.items()}
    return _cases(variables[first], inner)


def _consistent(rows: list[Row], places: list[int]) -> bool:
    known: dict[tuple[Any, ...], Mix] = {}
    return all(known.setdefault(tuple(key[i] for i in places), mix) == mix for key, mix in rows)


def _cases(variable: _Variable, cases: dict[Any, str]) -> str:
    """`if` or `match` over the values of one variable."""
    texts = list(cases.values())
    if len(set(texts)) == 1:
        return texts[0]
    name, space = variable.name, variable.space
    if isinstance(space, Bool) or all(isinstance(v, bool) for v in cases):
        return f"if {name} then {cases[True]} else {cases[False]}"
    if isinstance(space, Enum) and len(cases) == len(space.labels) > 2:
        return f"match {name} {{ {', '.join(f'{v} => {t}' for v, t in cases.items())} }}"
    if all(isinstance(v, Fraction) for v in cases):
        return _thresholds(name, space, sorted(cases.items()))
    common = max(texts, key=texts.count)
    tests = [f"if {name} == {_value(v, space)} then {t} else " for v, t in cases.items() if t != common]
    return "".join(tests) + common


def _thresholds(name: str, space: Space | None, cases: list[tuple[Fraction, str]]) -> str:
    runs: list[tuple[Fraction, str]] = []
    for value, text in cases:
        if runs and runs[-1][1] == text:
            runs[-1] = (value, text)
        else:
            runs.append((value, text))
    return "".join(f"if {name} <= {_value(v, space)} then {t} else " for v, t in runs[:-1]) + runs[-1][1]


def _leaf(mix: Mix, space: Space, mixed: bool) -> str:
    if not mixed:
        return _value(mix[0][0], space)
    return "{" + ", ".join(f"{_value(v, space)}: {digits(c)}" for v, c in mix) + "}"


def _value(value: Any, space: Space | None) -> str:
    """A value as an expression: unlike in a report, `1/3 $` would divide by three dollars."""
    match space, value:
        case (Grid(shown=how) | Reals(shown=how), Fraction()) if how is not None and how.unit:
            scaled = digits(value / how.scale)
            return f"({scaled}) * 1 {how.unit}" if "/" in scaled else f"{scaled} {how.unit}"
        case (Record(fields=fields), tuple()):
            return f"({', '.join(f'{n}: {_value(v, s)}' for (n, s), v in zip(fields, value, strict=True))})"
    return show(value, space)
