"""How the answer to a query changes with a param: derivatives through clearings, markets, draws and whatever is computed from them.

The query is asked at the param and a hair to each side of it, in rationals. A clearing is solved once; beside it, it answers by its
derivative (`opengames.solvers.clearing.tangent`: implicit differentiation of the conditions of its optimum), so nothing is lost
to rounding. At a kink, where the two sides differ, there is no derivative and none is made up.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from opengames import answers
from opengames.clearings import cleared as with_clearings
from opengames.clearings import has_clearing
from opengames.closed import push_constants
from opengames.desk import Desk
from opengames.diagnostics import refuse
from opengames.diagram import Diagram
from opengames.program import ParamDecl, Program, Question
from opengames.results import Answer
from opengames.show import digits, show
from opengames.spaces import Family, Grid, Reals, Record, Shown, Space, index_points

if TYPE_CHECKING:
    from opengames.session import Model
    from opengames.solvers.clearing.tangent import Tangent

#: How far aside the query is asked, as a share of 1 plus the size of the number.
_ASIDE = Fraction(1, 10**7)

#: How much slopes to both sides may differ, as a share of 1 plus their size: far above what curvature makes of them.
_APART = 1e-4

#: Places of a param that are differentiated by, unless they are named.
MOST = 500


@dataclass(frozen=True)
class Place:
    """A number inside a value. name: `load[North]`, or "" for all of it. path: positions on the way; space: of the number."""

    name: str
    path: tuple[int, ...]
    space: Reals | Grid

    @property
    def shown(self) -> Shown:
        return self.space.shown or Shown("")


@dataclass(frozen=True, repr=False)
class Sensitivity:
    """Derivatives of the answer to a query by the numbers of a param, each in the unit of the answer per unit of the param.

    of: names of the numbers of the answer, `""` alone where it is one number; by: those of the param. slopes: (of, by) floats. value: the
    answer itself. units: of each number of the answer; per: of each number of the param.
    """

    query: str
    param: str
    value: Answer
    of: tuple[str, ...]
    by: tuple[str, ...]
    slopes: tuple[tuple[float, ...], ...]
    units: tuple[str, ...]
    per: tuple[str, ...]

    def __getitem__(self, by: str) -> Any:
        """The derivative by a number of the param, `load[North]` or `North`: a float, or a mapping from names of the answer's numbers.

        Raises `Refusal` (`unknown-name`) for another."""
        names = {name: i for i, name in enumerate(self.by)} | {name.removeprefix(self.param)[1:-1]: i for i, name in enumerate(self.by)}
        if by not in names:
            raise refuse("unknown-name", f"`{self.query}` was not differentiated by `{by}`", help=f"one of: {', '.join(self.by[:12])}")
        column = [row[names[by]] for row in self.slopes]
        return column[0] if self.of == ("",) else dict(zip(self.of, column, strict=True))

    def lines(self) -> list[str]:
        """A line for each pair whose derivative is not 0, and what the others come to."""
        said, still = [f"{self.query} = {self.value.shown}"], 0
        for j, by in enumerate(self.by):
            for i, of in enumerate(self.of):
                if self.slopes[i][j] == 0.0:
                    still += 1
                    continue
                said.append(f"   {self.query}{of} by {by}: {_slope(self.slopes[i][j], self.units[i], self.per[j])}")
        if still:
            said.append(f"   {'the others: 0' if len(said) > 1 else f'nothing changes with {self.param}: all {still} are 0' if still > 1 else f'0 by {self.by[0]}'}")
        return said

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "sensitivity", "name": self.query, "param": self.param, "value": self.value.to_dict()["value"], "of": list(self.of),
            "by": list(self.by), "slopes": [list(row) for row in self.slopes], "units": list(self.units), "per": list(self.per),
        }  # fmt: skip


def _slope(slope: float, unit: str, per: str) -> str:
    number = digits(slope)
    return f"{number}{f' {unit}' if unit else ''}{f' per {per}' if per else ''}"


def sensitivity(model: Model, question: Question, by: str) -> Sensitivity:
    """Derivatives of the answer to a query by a param, `load`, or by one of its numbers, `load[North]`.

    Raises `Refusal`: `unknown-param`, `type-mismatch` for a param that is no number or is built into a type, and for an answer that
    is none; `kink` where there is no derivative; `over-budget` for more than `MOST` numbers; and what the query refuses.
    """
    program = model.program
    decl, places = wanted(program, by)
    if question.by is not None and question.by.name not in ("lp", "qp", "exact"):
        raise refuse(
            "bad-option", f"`{question.name}` is asked `by {question.by.name}`, and a derivative needs an exact answer", span=question.at,
            help="ask it without `by`, or `by lp`",
        )  # fmt: skip
    question = replace(question, by=None)
    desk = _Aside(program, decl.name)
    answer = _answer(desk, question)
    outs, middle = _numbers(answer)
    if answer.over is not None:
        answer = replace(answer, value=answer.value[0][0], space=answer.over, over=None)
    for tangent in desk.tangents:
        tangent.learning = False
    columns = [_column(desk, question, decl, place, outs, middle) for place in places]
    return Sensitivity(
        question.name, decl.name, answer, tuple(o.name for o in outs), tuple(f"{decl.name}{p.name}" for p in places),
        tuple(tuple(column[i] for column in columns) for i in range(len(outs))),
        tuple(o.shown.unit for o in outs), tuple(p.shown.unit for p in places),
    )  # fmt: skip


class _Aside(Desk):
    """A desk whose clearings have one param as data, and remember what they answered."""

    def __init__(self, program: Program, param: str) -> None:
        super().__init__(program)
        self.param = param
        self.tangents: list[Tangent] = []
        self._made: dict[tuple[str, str | None], Diagram] = {}

    def played(self, of: str, under: str | None) -> Diagram:
        found = self.diagram(of, under)
        if not has_clearing(found):
            return found
        if (of, under) not in self._made:
            self._made[of, under] = with_clearings(push_constants(found), self._clear, self.program.param_values())
        return self._made[of, under]

    def _clear(self, diagram: Diagram, box: Any, params: Any) -> Tangent:
        from opengames.solvers.clearing.clearing import Cleared
        from opengames.solvers.clearing.tangent import Tangent

        self.tangents.append(Tangent(Cleared(self.program, diagram, box, params, frozenset({self.param}))))
        return self.tangents[-1]

    def at(self, value: Any) -> Desk:
        """The same desk with another value of the param; what clearings know is shared."""
        decl = self.program.params[self.param]
        params = {**self.program.params, self.param: replace(decl, value=value)}
        other = _Beside(replace(self.program, params=params))
        other.made = self._made
        return other


class _Beside(Desk):
    made: dict[tuple[str, str | None], Diagram]

    def played(self, of: str, under: str | None) -> Diagram:
        return self.made.get((of, under)) or self.diagram(of, under)


def _answer(desk: Desk, question: Question) -> Answer:
    found = answers.answer(desk, question)
    if found.runs is not None:
        raise refuse(
            "over-budget", f"`{question.name}` could only be estimated from runs, which has no derivative", span=question.at,
            notes=found.because, help="make the text smaller, or difference two runs of one seed",
        )  # fmt: skip
    return found


def wanted(program: Program, by: str) -> tuple[ParamDecl, list[Place]]:
    """A param and its numbers, all or the one that is named. Raises `Refusal`: `unknown-param`, `unknown-name`, `type-mismatch`, `over-budget`."""
    name, bracket, _ = by.partition("[")
    decl = program.params.get(name.strip())
    if decl is None:
        raise refuse(
            "unknown-param", f"there is no param `{name.strip()}`",
            help=f"one of: {', '.join(program.params)}" if program.params else "this text has no params",
        )  # fmt: skip
    if decl.static:
        raise refuse("type-mismatch", f"`{decl.name}` is built into a type, so nothing can be differentiated by it", span=decl.at)
    places = list(_places(decl.space))
    if bracket:
        wanted = "".join(by[len(name) :].split())
        chosen = [p for p in places if "".join(p.name.split()) == wanted]
        if not chosen:
            few = ", ".join(f"`{decl.name}{p.name}`" for p in places[:6])
            raise refuse("unknown-name", f"`{decl.name}` has no number `{by}`", span=decl.at, help=f"it has {few}{' ...' if len(places) > 6 else ''}" if few else "")
        places = chosen
    if not places:
        raise refuse("type-mismatch", f"`{decl.name}` holds no numbers by which an answer could be differentiated", span=decl.at)
    if len(places) > MOST:
        raise refuse(
            "over-budget", f"`{decl.name}` holds {len(places):,} numbers, and the limit is {MOST:,}", span=decl.at,
            help=f"name one: `{decl.name}{places[0].name}`",
        )  # fmt: skip
    return decl, places


def _places(space: Space, name: str = "", path: tuple[int, ...] = ()) -> Iterator[Place]:
    """The numbers inside values of a space, in the order of the values."""
    match space:
        case Reals(whole=False):
            yield Place(name, path, space)
        case Record(fields=fields):
            for i, (field, inner) in enumerate(fields):
                yield from _places(inner, f"{name}.{field}", (*path, i))
        case Family(index=index, item=item):
            for i, key in enumerate(index_points(index)):
                said = ", ".join(show(k, s) for k, s in zip(key, index, strict=True))
                yield from _places(item, f"{name}[{said}]", (*path, i))


def _numbers(answer: Answer) -> tuple[list[Place], list[Any]]:
    """The numbers of an answer and where they are. Raises `Refusal` where it has none."""
    value, space = answer.value, answer.space
    if answer.over is not None:
        if len(value) != 1:
            raise refuse("type-mismatch", f"`{answer.name}` is a distribution over {len(value):,} values, and has no derivative", help="ask `E(...)` of it")
        (value, _), space = value[0], answer.over
    outs = [] if space is None else list(_places(space))
    if not outs:
        raise refuse("type-mismatch", f"the answer to `{answer.name}` holds no number that could change a little", help="ask `E(...)` or `P(...)`")
    return outs, [_at(value, o.path) for o in outs]


def _at(value: Any, path: Sequence[int]) -> Any:
    for i in path:
        value = value[i]
    return value


def _put(value: Any, path: Sequence[int], number: Fraction) -> Any:
    if not path:
        return number
    return (*value[: path[0]], _put(value[path[0]], path[1:], number), *value[path[0] + 1 :])


def _column(desk: _Aside, question: Question, decl: ParamDecl, place: Place, outs: list[Place], middle: list[Any]) -> list[float]:
    """Slopes of all numbers of the answer by one number of the param, in the units in which both are printed."""
    here = Fraction(_at(decl.value, place.path))
    low, high = getattr(place.space, "lower", None), getattr(place.space, "upper", None)
    step = _ASIDE * (1 + abs(here))
    sides = [s for s in (1, -1) if (low is None or here + s * step >= low) and (high is None or here + s * step <= high)]
    found = []
    for side in sides:
        beside = _answer(desk.at(_put(decl.value, place.path, here + side * step)), question)
        _, numbers = _numbers(beside)
        found.append([_over(a, b, side * step) for a, b in zip(numbers, middle, strict=True)])
    slopes = []
    for i, out in enumerate(outs):
        these = [each[i] for each in found]
        if abs(these[0] - these[-1]) > _APART * (1 + abs(these[0])):
            raise refuse(
                "kink", f"`{question.name}{out.name}` has no derivative by `{decl.name}{place.name}` at {show(here, place.space)}",
                span=question.at, notes=(f"its slopes to both sides differ: {digits(these[0])} above, {digits(these[-1])} below",),
                help="ask at a value of the param on one side of it",
            )  # fmt: skip
        slopes.append(sum(these) / len(these) * float(place.shown.scale / out.shown.scale))
    return slopes


def _over(a: Any, b: Any, step: Fraction) -> float:
    if isinstance(a, Fraction | int) and isinstance(b, Fraction | int):
        return float(Fraction(a - b) / step)
    return (float(a) - float(b)) / float(step)


__all__ = ["MOST", "Sensitivity", "sensitivity", "wanted"]
