"""Found strategies as text that can be pasted back: `strategy NAME of GAME { seat.decision = ... }`.

What is done in each situation becomes nested `if` and `match` over what the decision sees and over the seat's
indices; wires that make no difference are left out, and a threshold is written as one comparison.

Law: pasted under the text of its game, what is printed checks clean and does the same in every situation given.
What cannot be said so is refused (`not-expressible`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, pairwise
from math import prod
from typing import Any

from opengames.diagnostics import refuse
from opengames.show import digits, show
from opengames.solvers.code import Choose
from opengames.solvers.policies import Mix
from opengames.spaces import Bool, Enum, Family, Grid, Reals, Record, Space, index_points, index_size
from opengames.terms import Var

#: One row: the values of the variables that a plan may use, and what is done there.
Row = tuple[tuple[Any, ...], Mix]
#: A decision, what it sees, and what is done.
Doing = tuple[Choose, tuple[Any, ...], Mix]


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    space: Space | None


@dataclass(frozen=True, slots=True)
class Spare:
    """A decision, or one situation of it, where any of `moves` will do.

    seen: `None` for the whole decision. why: said in a comment where nothing else is known of the decision.
    """

    step: Choose
    seen: tuple[Any, ...] | None
    moves: tuple[Any, ...]
    why: str = "never reached"


def free_name(name: str, taken: Collection[str]) -> str:
    """`name`, or the first of `name_strategy`, `name_strategy_2`, ... that nothing is called yet."""
    if name not in taken:
        return name
    tries = (f"{name}_strategy" + (f"_{i}" if i > 1 else "") for i in count(1))
    return next(n for n in tries if n not in taken)


def strategy_text(
    name: str,
    game: str,
    rows: Sequence[Doing],
    spares: Sequence[Spare] = (),
    taken: Collection[str] = (),
    nearest: bool = False,
) -> str:
    """The strategy that does `Mix` where the decision `Choose` sees these values.

    spares: where it does not matter. taken: names that the strategy must not bear. nearest: the rows are points of
    a grid, each standing for the values nearest to it.
    Raises `Refusal` (`not-expressible`) where what is done depends on something that the text cannot say: a
    loop's index that the decision does not see, or a joint mixture of several wires.
    """
    if not _is_name(game):
        raise refuse("not-expressible", f"a strategy of `{game}`, which is no game declared by a name, cannot be written")
    steps = [step for step, _, _ in rows] + [spare.step for spare in spares]
    names = {(step.player[0], step.box.outs[0].name, step.where) for step in steps}
    groups: dict[tuple[str, str, tuple[str, ...]], tuple[list[Doing], list[Spare]]] = {}

    def group(step: Choose) -> tuple[list[Doing], list[Spare]]:
        seat, wire = step.player[0], step.box.outs[0].name
        places = [where for who, w, where in names if (who, w) == (seat, wire)]
        sayable = len(places) > 1 and all(_is_name(part) for where in places for part in where)
        path = ".".join(step.where) if sayable else ""
        return groups.setdefault((seat, path, tuple(p.name for p in step.box.outs)), ([], []))

    for row in rows:
        group(row[0])[0].append(row)
    for spare in spares:
        group(spare.step)[1].append(spare)
    order: dict[tuple[str, str], list[str]] = {}
    for (seat, path, _), (known, open_) in groups.items():
        order.setdefault((seat, path), []).extend(_plans(seat, path, known, open_, nearest))
    lines = [line for each in order.values() for line in each]
    width = max((line.index("\0") for line in lines), default=0)
    body = "\n".join("    " + line.replace("\0", " " * (width - line.index("\0"))) for line in lines)
    return f"strategy {free_name(name, taken)} of {game} {{\n{body}\n}}\n"


def _is_name(text: str) -> bool:
    return text.isidentifier() and text.isascii()


def _plans(seat: str, path: str, rows: list[Doing], spares: list[Spare], nearest: bool) -> list[str]:
    step = rows[0][0] if rows else spares[0].step
    if any(_interface(s) != _interface(step) for s in (*(r[0] for r in rows), *(o.step for o in spares))):
        raise refuse(
            "not-expressible",
            f"{seat} decides `{step.box.outs[0].name}` in several places that cannot be told apart by a path",
            span=step.box.at,
            help="give the decisions different names",
        )
    known: dict[tuple[Any, ...], Mix] = {}
    seat_names = _seat_names(step)
    for each, seen, mix in rows:
        key = (*each.player[1], *seen)
        if known.setdefault(key, mix) != mix:
            names = {*seat_names, *(n for n, _ in step.seen)}
            hidden = ", ".join(f"`{n}`" for n, _, _ in each.around if n not in names)
            raise refuse(
                "not-expressible",
                f"what {seat} does at `{step.place}` depends on {hidden or 'its place'}, which it does not see",
                span=step.box.at,
                help="add it to `seeing`" if hidden else "",
            )
    why = f"  # {spares[0].why}" if not rows else ""
    _fill(known, spares, step)
    head = f"{seat}[{', '.join(seat_names)}]" if seat_names else seat
    variables, shapes = _variables(step, seat_names)
    lines = []
    for position, out in enumerate(step.box.outs):
        table = [
            (_flat(key, shapes), _ordered(_marginal(mix, position, len(step.box.outs), step), out.space))
            for key, mix in known.items()
        ]
        mixed = any(len(mix) > 1 for _, mix in table)
        text = _Writer(out.space, mixed, nearest).expression(variables, table)
        target = ".".join(x for x in (head, path, out.name) if x)
        lines.append(f"{target}\0 {'~' if mixed else '='} {text}{why}")
    return lines


def _interface(step: Choose) -> tuple[Any, ...]:
    """What a plan can refer to, and what it has to give."""
    return (len(step.player[1]), tuple(n for n, _ in step.seen), tuple((p.name, p.space) for p in step.box.outs))


def _fill(known: dict[tuple[Any, ...], Mix], spares: list[Spare], step: Choose) -> None:
    """Adds a legal move where it does not matter which: wherever possible the one that keeps the text short.

    Without rules every move is legal, so that situations that do not matter may be left to the others' text.
    """
    if known and not step.rules:
        return
    legal: dict[tuple[Any, ...], list[Any]] = {}
    for spare in spares:
        if spare.seen is None:
            continue
        key = (*spare.step.player[1], *spare.seen)
        if key not in known:
            legal[key] = [m for m in spare.moves if m in legal.get(key, spare.moves)]
    usual = [mix for mix, _ in Counter(known.values()).most_common(1)]
    common = [m for m in step.moves if all(m in moves for moves in legal.values())]
    for key, moves in legal.items():
        if not moves:
            raise refuse("not-expressible", f"no one move is legal at `{step.place}` whatever it does not see")
        if usual and all(m in moves for m, _ in usual[0]):
            known[key] = usual[0]
        else:
            known[key] = (((common or moves)[0], Fraction(1)),)
    if not known:
        known[(*step.player[1], *(None for _ in step.seen))] = ((spares[0].moves[0], Fraction(1)),)


def _variables(step: Choose, seat_names: list[str]) -> tuple[list[_Variable], list[Space | None]]:
    """What a plan may look at, records and families field by field, and the spaces these parts come from."""
    found = [_Variable(n, None) for n in seat_names]
    whole: list[Space | None] = [None] * len(seat_names)
    for name, _ in step.seen:
        space = step.types.get(name)
        whole.append(space)
        found += [_Variable(n, s) for n, s in _parts(name, space)]
    return found, whole


def _parts(name: str, space: Space | None) -> list[tuple[str, Space | None]]:
    match space:
        case Record(fields=fields):
            return [p for n, s in fields for p in _parts(f"{name}.{n}", s)]
        case Family(index=index, item=item):
            keys = (", ".join(_value(k, s) for k, s in zip(key, index, strict=True)) for key in index_points(index))
            return [p for key in keys for p in _parts(f"{name}[{key}]", item)]
    return [(name, space)]


def _flat(key: tuple[Any, ...], shapes: list[Space | None]) -> tuple[Any, ...]:
    return tuple(v for value, space in zip(key, shapes, strict=True) for v in _leaves(value, space))


def _leaves(value: Any, space: Space | None) -> list[Any]:
    match space:
        case Record(fields=fields):
            values = value if value is not None else (None,) * len(fields)
            return [v for x, (_, s) in zip(values, fields, strict=True) for v in _leaves(x, s)]
        case Family(index=index, item=item):
            size = index_size(index)
            values = value if value is not None else (None,) * size
            return [v for x in values for v in _leaves(x, item)]
    return [value]


def _ordered(mix: Mix, space: Space) -> Mix:
    """The outcomes in the order of their type."""
    if isinstance(space, Enum):
        return tuple(sorted(mix, key=lambda pair: space.labels.index(pair[0])))
    if all(isinstance(v, Fraction | bool) for v, _ in mix):
        return tuple(sorted(mix))
    return mix


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


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes what is done, a value of `space` or a mixture of such."""

    space: Space
    mixed: bool
    nearest: bool

    def expression(self, variables: list[_Variable], rows: list[Row]) -> str:
        if all(mix == rows[0][1] for _, mix in rows):
            return _leaf(rows[0][1], self.space, self.mixed)
        kept = list(range(len(variables)))
        for i in reversed(range(len(variables))):
            rest = [j for j in kept if j != i]
            if _consistent(rows, rest):
                kept = rest
        same = self._same(variables, rows)
        if same:
            return same
        first = kept[0]
        cases: dict[Any, list[Row]] = {}
        for key, mix in rows:
            cases.setdefault(key[first], []).append((key, mix))
        inner = {v: self.expression(variables, part) for v, part in cases.items()}
        return _cases(variables[first], inner, self.nearest)

    def _same(self, variables: list[_Variable], rows: list[Row]) -> str:
        """What is seen itself, or a share of it, where just that is done."""
        if self.mixed or self.nearest:
            return ""
        for i, variable in enumerate(variables):
            space = variable.space
            if space == self.space and all(key[i] == mix[0][0] for key, mix in rows):
                return variable.name
            if isinstance(space, Grid) and isinstance(self.space, Grid) and space.shown == self.space.shown:
                pairs = [(key[i], mix[0][0]) for key, mix in rows]
                shares = {m / v for v, m in pairs if v}
                if len({v for v, _ in pairs}) > 2 and len(shares) == 1 and not any(m for v, m in pairs if not v):
                    share = shares.pop()
                    if share > 0 and all(share * v in self.space.points for v in space.points):
                        return _share(variable.name, share)
        return ""


def _share(name: str, share: Fraction) -> str:
    if share == 1:
        return name
    return f"{name} / {share.denominator}" if share.numerator == 1 else f"{name} * {digits(share)}"


def _consistent(rows: list[Row], places: list[int]) -> bool:
    known: dict[tuple[Any, ...], Mix] = {}
    return all(known.setdefault(tuple(key[i] for i in places), mix) == mix for key, mix in rows)


def _cases(variable: _Variable, cases: dict[Any, str], nearest: bool) -> str:
    """`if` or `match` over the values of one variable."""
    texts = list(cases.values())
    if len(set(texts)) == 1:
        return texts[0]
    name, space = variable.name, variable.space
    if isinstance(space, Bool) or all(isinstance(v, bool) for v in cases):
        return f"if {name} then {cases[True]} else {cases[False]}"
    if isinstance(space, Enum) and len(cases) == len(space.labels) > 2:
        return f"match {name} {{ {', '.join(f'{v} => {cases[v]}' for v in space.labels)} }}"
    common = max(texts, key=texts.count)
    others = {v: t for v, t in cases.items() if t != common}
    if all(isinstance(v, Fraction) for v in cases):
        runs = _runs(sorted(cases.items()))
        # One value apart from the rest is said as such: a seat's own plan among the others'.
        if nearest or not (len(others) == 1 and len(cases) > 2 and (len(runs) > 2 or space is None)):
            return _thresholds(name, space, runs, nearest)
    return "".join(f"if {name} == {_value(v, space)} then {t} else " for v, t in others.items()) + common


def _runs(cases: list[tuple[Fraction, str]]) -> list[tuple[Fraction, Fraction, str]]:
    """Neighbouring values with the same text: (first, last, text)."""
    runs: list[tuple[Fraction, Fraction, str]] = []
    for value, text in cases:
        if runs and runs[-1][2] == text:
            runs[-1] = (runs[-1][0], value, text)
        else:
            runs.append((value, value, text))
    return runs


def _thresholds(name: str, space: Space | None, runs: list[tuple[Fraction, Fraction, str]], nearest: bool) -> str:
    tests = []
    for (_, last, text), (following, _, _) in pairwise(runs):
        limit = (last + following) / 2 if nearest and isinstance(space, Reals) else last
        tests.append(f"if {name} <= {_value(limit, space)} then {text} else ")
    return "".join(tests) + runs[-1][2]


def _leaf(mix: Mix, space: Space, mixed: bool) -> str:
    if not mixed:
        return _value(mix[0][0], space)
    return "{" + ", ".join(f"{_value(v, space)}: {digits(c)}" for v, c in mix) + "}"


def _value(value: Any, space: Space | None) -> str:
    """A value as an expression: unlike in a report, `1/3 $` would divide by three dollars."""
    if isinstance(value, float) or (isinstance(value, tuple) and not isinstance(space, Record)):
        raise refuse("not-expressible", f"{show(value, space)} cannot be written as an exact value of the text")
    match space, value:
        case (Grid(shown=how) | Reals(shown=how), Fraction()) if how is not None and how.unit:
            scaled = digits(value / how.scale)
            return f"({scaled}) * 1 {how.unit}" if "/" in scaled else f"{scaled} {how.unit}"
        case (Record(fields=fields), tuple()):
            return f"({', '.join(f'{n}: {_value(v, s)}' for (n, s), v in zip(fields, value, strict=True))})"
    return show(value, space)
