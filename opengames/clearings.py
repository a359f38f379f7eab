"""What a reading needs to know about a clearing: which numbers it waits for, and how its optimum is found.

A clearing is a decision with rules over real quantities. Readings do not solve programs; whoever runs a reading hands it a
`Clear`, which makes a `Clearing` of a decision in its diagram (`opengames.solvers.clearing` has one). Forward the decided
wires, backward the duals: both come from one solution.

`cleared` plugs clearings into a diagram as `plug` plugs a strategy: a clearing's strategy is its optimum, a function of the
data that it waits for, so that readings meet a computed wire and no decision.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from math import inf
from typing import Any, Protocol

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Arm, Box, Branch, Call, Compute, Decide, Diagram, Loop, Port, in_order, walk
from opengames.plug import is_clearing
from opengames.show import show
from opengames.spaces import REAL, Bool, Family, Grid, Reals, Record, Space, index_points, index_size
from opengames.terms import Const, Get, Optimum, Pack, Term, Var

#: Status of a solved member: an optimum that its certificate confirms, or why there is none.
SOLVED, INFEASIBLE, UNBOUNDED, UNCERTAIN = 0, 1, 2, 3

#: Answers that a clearing in its place remembers.
_REMEMBERED = 10_000
#: Members that it solves in rationals for one question: each takes some milliseconds.
MOST_EXACT = 2_000
#: Members of one question whose prices are looked at one by one, how many prices and wires they may have, and kinks that are told.
_EXAMINED, _WIDEST, _TOLD = 3, 2_000, 3
_SAME = 1e-7


@dataclass
class Tally:
    """What a clearing has done so far, for the certificate that is printed with an answer.

    members: solved in floats. engines: how many of them by which engine, in words. residual: the largest of their relative
    residuals. kinks: members whose prices the engine does not know to be unique. exactly: members solved in rationals. gap: where whole numbers
    were decided, by how much the best may cost less than those found, by the engine's bound, relative, the largest of all so far.
    bounds: programs that proved in rationals that no whole numbers are better.
    """

    members: int = 0
    engines: dict[str, int] = field(default_factory=dict)
    residual: float = 0.0
    kinks: int = 0
    exactly: int = 0
    gap: float | None = None
    bounds: int = 0

    def add(self, members: int, engines: Mapping[str, int], residual: float, kinks: int, gap: float | None = None) -> None:
        """Count one batch."""
        self.members += members
        for word, n in engines.items():
            self.engines[word] = self.engines.get(word, 0) + n
        self.residual = max(self.residual, residual)
        self.kinks += kinks
        if gap is not None:
            self.gap = gap if self.gap is None else max(gap, self.gap)

    def copy(self) -> Tally:
        """The tally as it is now."""
        return replace(self, engines=dict(self.engines))

    def since(self, before: Tally) -> Tally:
        """What has been done since an earlier tally of the same clearing; the residual and the gap are the largest of all so far."""
        engines = {word: n - before.engines.get(word, 0) for word, n in self.engines.items()}
        return Tally(
            self.members - before.members, {word: n for word, n in engines.items() if n}, self.residual,
            self.kinks - before.kinks, self.exactly - before.exactly, self.gap, self.bounds - before.bounds,
        )  # fmt: skip

    def said(self, place: str, kinks: tuple[int, int]) -> str:
        """The certificate in words, for the clearing at `place`; empty where nothing was solved. kinks: members whose prices are not
        unique, and of how many that is not known."""
        parts = []
        if self.exactly:
            how = f" (whole numbers the best by {self.bounds:,} bounds in rationals, prices with them held)" if self.bounds else ""
            parts.append(f"{self.exactly:,} in rationals{how}")
        if self.members:
            how = ", ".join(f"{n:,} by {word}" for word, n in self.engines.items())
            parts.append(f"{self.members:,} in floating point" + (f" ({how})" if how else ""))
        if not parts:
            return ""
        said = f"`{place}` cleared: {' and '.join(parts)}"
        if self.engines:
            said += f", largest KKT residual {self.residual:.1e}"
        if self.members and self.gap is not None:
            said += f"; whole numbers within {self.gap:.1e} of the best by the engine's bound, prices with them held"
        several, unknown = kinks
        found = [f"not unique in {several:,} of them"] * bool(several) + [f"not known to be unique in {unknown:,} of them"] * bool(unknown)
        if found:
            said += f"; prices {' and '.join(found)}: those of a market a hair tighter are shown"
        return said


class Clearing(Protocol):
    """A decision ready to be solved again and again as its data moves.

    data: scalar terms over wires bound before the decision (and params, where those may vary); the program is built once for
        all their values.
    moves: how many numbers the decided wires take together, in the order of `Decide.outs`, families row-major, booleans as 0
        or 1. prices: the same for `Decide.duals`.

    A clearing may have a `tally` that `solve` keeps (see `Tally`), say by `quadratic` that its program is not linear, by
    `ends(data)` between which numbers each price lies for one member: (prices, 2), equal where it is unique; and by `kinked(first)`, of the
    members that the tally counts as `kinks` from the `first` on, in how many prices are not unique and in how many that is open.
    """

    data: tuple[Term, ...]
    moves: int
    prices: int

    def solve(self, data: Any) -> tuple[Any, Any]:
        """Members side by side: data (members, len(data)) float64 gives (members, moves + prices) float64 and statuses
        (members,) int. A member without an optimum has NaN. Must not call jax: a simulation calls it from inside a program."""

    def exactly(self, data: Sequence[Fraction]) -> tuple[Fraction, ...]:
        """One member in rationals: moves, then prices. Raises `Refusal` (`infeasible`, `unbounded`, `not-yet`) where there
        is no optimum or it is not rational."""

    def explain(self, data: Sequence[float]) -> Exception:
        """The refusal for a member without an optimum: the smallest set of rules, by name, that cannot hold together."""


#: Makes the clearing of a decision that stands in the diagram; params: values in place of the program's own.
#: Raises `Refusal` naming the term that is not affine (or concave quadratic) in what is decided.
Clear = Callable[[Diagram, Decide, Mapping[str, Any]], Clearing]


class Ready:
    """A clearing in its place. One is equal to itself only, so that terms which hold it can be compared.

    place: the path of its first wire. numbers: how many it gives. Since `start`: rounded, whether an answer of `one` was a
    float; spent, the members solved in rationals.
    """

    def __init__(self, clearing: Clearing, place: str, box: Decide) -> None:
        self.clearing, self.place, self.box = clearing, place, box
        self.numbers = clearing.moves + clearing.prices
        self.rounded = False
        self.exactly = 0
        self.members = 0
        self.spent = 0
        self.refused: Refusal | None = None
        self.met: dict[tuple[float, ...], tuple[float, ...]] = {}
        self._known: OrderedDict[tuple[Any, ...], tuple[Any, ...]] = OrderedDict()

    def start(self) -> None:
        """Begin another question."""
        self.spent, self.rounded = 0, False
        self.met = {}

    def knows(self, data: tuple[Any, ...], exact: bool) -> bool:
        """Whether `one` remembers the answer."""
        return (exact, data) in self._known

    def one(self, data: tuple[Any, ...], exact: bool) -> tuple[Any, ...]:
        """The numbers of one member: rational where `exact` and the data and the optimum are, else floats.

        Raises `Refusal` (`infeasible`, `unbounded`, `no-certificate`).
        """
        found = self._known.get((exact, data))
        if found is None:
            found = self._found(data, exact)
            if len(self._known) >= _REMEMBERED:
                self._known.popitem(last=False)
            self._known[exact, data] = found
        self.rounded |= any(isinstance(x, float) for x in islice(found, 1))
        if len(self.met) <= _EXAMINED:
            self.met[tuple(float(x) for x in data[: len(self.clearing.data)])] = tuple(float(x) for x in found)
        return found

    def _found(self, data: tuple[Any, ...], exact: bool) -> tuple[Any, ...]:
        own = data[: len(self.clearing.data)]
        if exact and not any(isinstance(x, float) for x in own):
            self.spent += 1
            if self.spent > MOST_EXACT:
                raise refuse(
                    "over-budget", f"`{self.place}` would be cleared in rationals more than {MOST_EXACT:,} times", span=self.box.at,
                    help="ask `by simulate`, or `by lp` for floating point",
                )  # fmt: skip
            try:
                found = tuple(self.clearing.exactly(own))
            except Refusal as refused:
                if any(d.code != "not-yet" for d in refused.diagnostics):
                    raise
            else:
                self.exactly += 1
                return found
        import numpy as np

        values, statuses = self.many(np.array([[float(x) for x in own]], float).reshape(1, len(own)))
        if statuses[0] != SOLVED:
            raise self.why(own)
        return tuple(float(x) for x in values[0])

    def many(self, data: Any) -> tuple[Any, Any]:
        """As `Clearing.solve`. What is refused is remembered for `why`, and all members are uncertain."""
        self.members += len(data)
        import numpy as np

        try:
            values, statuses = self.clearing.solve(data)
        except Refusal as refused:
            self.refused = refused
            return np.full((len(data), self.numbers), np.nan), np.full(len(data), UNCERTAIN)
        left = np.flatnonzero(statuses == SOLVED)
        while len(left) and len(self.met) <= _EXAMINED:
            row = data[left[0]]
            self.met[tuple(row[: len(self.clearing.data)].tolist())] = tuple(values[left[0]].tolist())
            left = left[(data[left] != row).any(axis=1)]
        return values, statuses

    def why(self, data: Sequence[Any]) -> Exception:
        """Why a member has no optimum that could be used."""
        if self.refused is not None:
            return self.refused
        return self.clearing.explain([float(x) for x in data])

    def certificate(self, before: Tally) -> list[str]:
        """What was solved since then, in words, and which prices are not the only ones: each with its interval where few members
        were met since `start`, else in how many members they are not."""
        kinks = self.kinks()
        done = self.tally().since(before)
        said = done.said(self.place, self.kinked(before.kinks, done.kinks) if kinks is None else (0, 0))
        return [said] * bool(said) + (kinks or [])

    def kinked(self, first: int, members: int) -> tuple[int, int]:
        """Of so many members that an engine left open, from the `first` on: in how many prices are not unique, and in how many that
        stays open."""
        decide = getattr(self.clearing, "kinked", None)
        if decide is None or not members:
            return 0, members
        found: tuple[int, int] = decide(first)
        return found

    def kinks(self) -> list[str] | None:
        """Which prices are not unique in the members met since `start`, and what is told; none where too much was met to look at."""
        ends = getattr(self.clearing, "ends", None)
        if ends is None or len(self.met) > _EXAMINED or max(self.clearing.moves, self.clearing.prices) > _WIDEST:
            return None
        if not self.clearing.prices:
            return []
        found: dict[str, tuple[bool, str, int]] = {}
        for data, numbers in self.met.items():
            try:
                between = ends(data)
            except (Refusal, ArithmeticError):
                return None
            for name, space, (least, most), told in zip(*priced(self.box), between.tolist(), numbers[self.clearing.moves :], strict=True):
                if most > least + _SAME * (1 + abs(told)):
                    idle, said, times = found.get(name, (True, _between(least, most, told, space), 0))
                    # what nobody wants has no price to speak of, and any that is high enough would do
                    found[name] = (idle and abs(told) <= _SAME and inf in (-least, most), said, times + 1)
        lines = [
            f"`dual({name})` of `{self.place}` is not unique{f' in {times} of {len(self.met)} plays, at first' if len(self.met) > 1 else ''}: {said}"
            for name, (idle, said, times) in found.items() if not idle
        ]  # fmt: skip
        idle_ones, more = len(found) - len(lines), len(lines) - _TOLD
        lines = lines[:_TOLD]
        if more > 0:
            lines.append(f"{more:,} more price{'s' * (more > 1)} of `{self.place}` {'are' if more > 1 else 'is'} not unique")
        if idle_ones:
            lines.append(f"{idle_ones:,} price{'s' * (idle_ones > 1)} of `{self.place}` {'are' if idle_ones > 1 else 'is'} 0 or anything beyond: 0 is told")
        return lines

    def tally(self) -> Tally:
        """What the clearing has done, by its own count where it keeps one."""
        kept = getattr(self.clearing, "tally", None)
        found = kept.copy() if isinstance(kept, Tally) else Tally(members=self.members)
        return replace(found, exactly=self.exactly)


def priced(box: Decide) -> tuple[list[str], list[Space]]:
    """The prices that are asked of a decision, one by one: `balance[North]`, and the space of each."""
    names: list[str] = []
    spaces: list[Space] = []
    for port in box.duals:
        rule = port.name.removeprefix("dual ")
        if isinstance(port.space, Family):
            for key in index_points(port.space.index):
                names.append(f"{rule}[{', '.join(show(k, s) for k, s in zip(key, port.space.index, strict=True))}]")
                spaces.append(port.space.item)
        else:
            names.append(rule)
            spaces.append(port.space)
    return names, spaces


def _between(least: float, most: float, told: float, space: Space) -> str:
    """An interval of prices, and which of them is told."""
    near = _SAME * (1 + abs(told))
    which = "the upper end" if abs(told - most) <= near else "the lower end" if abs(told - least) <= near else _number(told, space)
    if least == -inf and most == inf:
        return f"any number; {which} is told"
    if least == -inf or most == inf:
        end, side = (most, "less") if least == -inf else (least, "more")
        return f"{_number(end, space)} or {side}; {which} is told"
    how = space.shown if isinstance(space, Reals) else None
    unit = f" {how.unit}" if how is not None and how.unit else ""
    return f"{_number(least, space).removesuffix(unit)} to {_number(most, space)}; {which} is told"


def _number(value: float, space: Space) -> str:
    return show(float(f"{value:.9g}"), space)


# ------------------------------------------------------------------- in a diagram


def has_clearing(diagram: Diagram) -> bool:
    """Whether a decision is left at some depth that is a clearing."""
    return any(isinstance(box, Decide) and is_clearing(box) for _, box in walk(diagram))


def cleared(diagram: Diagram, clear: Clear, params: Mapping[str, Any]) -> Diagram:
    """`diagram` with every clearing in it replaced by its optimum; the same object where there is none.

    Raises `Refusal` for a decision that is no convex program, see `Clear`.
    """
    return _Clearer(clear, params).diagram(diagram, ()) if has_clearing(diagram) else diagram


def clearings(diagram: Diagram) -> tuple[Ready, ...]:
    """The clearings that have been plugged into a diagram, each once."""
    found: dict[Ready, None] = {}
    for _, box in walk(diagram):
        if isinstance(box, Compute) and isinstance(box.term, Optimum):
            found[box.term.clearing] = None
    return tuple(found)


class _Clearer:
    """One walk. made: boxes of a diagram that is used in several places are made once."""

    def __init__(self, clear: Clear, params: Mapping[str, Any]) -> None:
        self.clear, self.params = clear, params
        self.made: dict[int, tuple[Diagram, Diagram]] = {}

    def diagram(self, diagram: Diagram, path: tuple[str, ...]) -> Diagram:
        found = self.made.get(id(diagram))
        if found is None:
            boxes: list[Box] = []
            own = False
            for box in diagram.boxes:
                if isinstance(box, Decide) and is_clearing(box):
                    own = True
                    boxes.extend(self.optimum(diagram, box, path))
                else:
                    boxes.append(self.inside(box, path))
            given = [p.name for p in diagram.inputs + diagram.expects]
            made = replace(diagram, boxes=in_order(boxes, given) if own else tuple(boxes))
            found = self.made[id(diagram)] = (diagram, made)
        return found[1]

    def inside(self, box: Box, path: tuple[str, ...]) -> Box:
        match box:
            case Call(name=name, diagram=inner):
                return replace(box, diagram=self.diagram(inner, (*path, name)))
            case Loop(body=body):
                return replace(box, body=self.diagram(body, path))
            case Branch(arms=arms):
                return replace(box, arms=tuple(Arm(a.label, a.values, self.diagram(a.body, (*path, a.label))) for a in arms))
        return box

    def optimum(self, diagram: Diagram, box: Decide, path: tuple[str, ...]) -> list[Box]:
        """The data that the clearing waits for, its optimum, and its wires as parts of it."""
        first = box.outs[0].name
        ready = Ready(self.clear(diagram, box, self.params), ".".join((*path, first)), box)
        terms = ready.clearing.data or (Const(Fraction(0)),)
        data = Port(f"{first} data", Family((Grid(tuple(Fraction(i) for i in range(len(terms)))),), REAL))
        ports = box.outs + box.duals
        whole = Port(f"{first} optimum", Record(tuple((p.name, p.space) for p in ports)))
        return [
            Compute(data, Pack(terms), hidden=True, at=box.at),
            Compute(whole, Optimum(ready, Var(data.name), whole.space, at=box.at), hidden=True, at=box.at),
            *(
                Compute(port, Get(Var(whole.name), k), hidden=k >= len(box.outs), at=port.at or box.at)
                for k, port in enumerate(ports)
            ),
        ]


def shaped(numbers: Sequence[Any], space: Space) -> Any:
    """Numbers in a row as the value of a space that they are: families and records taken apart, whole things exact."""
    rest = iter(numbers)
    found = _shaped(rest, space)
    assert next(rest, None) is None, "more numbers than the wires take"
    return found


def _shaped(numbers: Any, space: Space) -> Any:
    match space:
        case Record(fields=fields):
            return tuple(_shaped(numbers, s) for _, s in fields)
        case Family(index=index, item=item):
            return tuple(_shaped(numbers, item) for _ in range(index_size(index)))
        case Bool():
            return next(numbers) > Fraction(1, 2)
        case Grid(points=points):
            x = next(numbers)
            return x if x in points else min(points, key=lambda p: abs(p - x))
    return next(numbers)


__all__ = [
    "INFEASIBLE", "SOLVED", "UNBOUNDED", "UNCERTAIN", "Clear", "Clearing", "Ready", "Tally", "cleared", "clearings",
    "has_clearing", "shaped",
]  # fmt: skip
