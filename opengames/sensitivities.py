"""How the answer to a query changes with a param: derivatives through clearings, markets, draws and whatever is computed from them.

The query is asked at the param and a hair to each side of it, in rationals (`opengames.beside`). A clearing is solved once; beside it,
it answers by its derivative (`opengames.solvers.clearing.tangent`: implicit differentiation of the conditions of its optimum), so
nothing is lost to rounding. At a kink, where the two sides differ, there is no derivative and none is made up.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from opengames import answers
from opengames.beside import Anew, Aside, Besides
from opengames.commands.progress import tell
from opengames.desk import Desk
from opengames.diagnostics import Refusal, refuse
from opengames.program import ParamDecl, Program, Question
from opengames.results import Answer
from opengames.show import digits, show
from opengames.spaces import Family, Grid, Reals, Record, Shown, Space, index_points

if TYPE_CHECKING:
    from opengames.session import Model

#: How far aside the query is asked, as a share of 1 plus the size of the number; and where its answer is a float.
_ASIDE, _ASIDE_IN_FLOATS = Fraction(1, 10**7), Fraction(1, 10**5)

#: How much nearer it is asked again where slopes to both sides differ, or there is but one side, or the answer jumps.
_NEARER = 16

#: How much slopes to both sides may differ, relatively: far above what curvature makes of them.
_APART = 1e-4

#: Slopes below this share of the size of the answer over that of the param are not told apart from each other, and then from 0.
_FLOOR, _NOTHING = 1e-10, 1e-12

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
    answer itself. units: of each number of the answer; per: of each number of the param. kinks: of the numbers of the param by which
    there is no derivative, while there is by others; their slopes are nan.
    """

    query: str
    param: str
    value: Answer
    of: tuple[str, ...]
    by: tuple[str, ...]
    slopes: tuple[tuple[float, ...], ...]
    units: tuple[str, ...]
    per: tuple[str, ...]
    kinks: tuple[tuple[str, Refusal], ...] = ()

    def __getitem__(self, by: str) -> Any:
        """The derivative by a number of the param, `load[North]` or `North`: a float, or a mapping from names of the answer's numbers.

        Raises `Refusal`: `unknown-name` for another, `kink` for one without a derivative."""
        names = {name: i for i, name in enumerate(self.by)} | {name.removeprefix(self.param)[1:-1]: i for i, name in enumerate(self.by)}
        if by not in names:
            raise refuse("unknown-name", f"`{self.query}` was not differentiated by `{by}`", help=f"one of: {', '.join(self.by[:12])}")
        none = dict(self.kinks).get(self.by[names[by]])
        if none is not None:
            raise none
        column = [row[names[by]] for row in self.slopes]
        return column[0] if self.of == ("",) else dict(zip(self.of, column, strict=True))

    def lines(self) -> list[str]:
        """A line for each pair whose derivative is not 0, and what the others come to."""
        said, still = [f"{self.query} = {self.value.shown}"], 0
        kinks = dict(self.kinks)
        for j, by in enumerate(self.by):
            if by in kinks:
                first = kinks[by].diagnostics[0]
                said.append(f"   no derivative by {by}: {'; '.join(first.notes[:2]) or first.headline}")
                continue
            for i, of in enumerate(self.of):
                if self.slopes[i][j] == 0.0:
                    still += 1
                    continue
                said.append(f"   {self.query}{of} by {by}: {_slope(self.slopes[i][j], self.units[i], self.per[j])}")
        if still:
            said.append(f"   {'the others: 0' if len(said) > 1 else f'nothing changes with {self.by[0] if len(self.by) == 1 else self.param}: all {still} are 0' if still > 1 else f'0 by {self.by[0]}'}")
        return said

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "sensitivity", "name": self.query, "param": self.param, "value": self.value.to_dict()["value"], "of": list(self.of),
            "by": list(self.by), "slopes": [[None if v != v else v for v in row] for row in self.slopes], "units": list(self.units), "per": list(self.per),
            "kinks": [name for name, _ in self.kinks],
        }  # fmt: skip


def _slope(slope: float, unit: str, per: str) -> str:
    number = digits(slope)
    return f"{number}{f' {unit}' if unit else ''}{f' per {per}' if per else ''}"


def sensitivity(model: Model, question: Question, by: str) -> Sensitivity:
    """Derivatives of the answer to a query by a param, `load`, or by one of its numbers, `load[North]`.

    Raises `Refusal`: `unknown-param`, `type-mismatch` for a param that is no number or is built into a type, and for an answer that
    is none; `kink` where there is no derivative by any of the numbers asked for; `over-budget` for more than `MOST` numbers; and what the query refuses.
    """
    program = model.program
    decl, places = wanted(program, by)
    if question.by is not None and question.by.name not in ("lp", "qp", "exact"):
        raise refuse(
            "bad-option", f"`{question.name}` is asked `by {question.by.name}`, and a derivative needs an exact answer", span=question.at,
            help="ask it without `by`, or `by lp`",
        )  # fmt: skip
    question = replace(question, by=None)
    besides, answer = _here(model, question, decl)
    outs, middle = _numbers(answer)
    if answer.over is not None:
        answer = replace(answer, value=answer.value[0][0], space=answer.over, over=None)
    besides.settle()
    sides = _Sides(besides, question, decl, outs, middle)
    columns, kinks = [], []
    for done, place in enumerate(places):
        tell(done, len(places))
        try:
            columns.append(sides.slopes(place))
        except Refusal as refused:
            if any(d.code != "kink" for d in refused.diagnostics):
                raise
            columns.append([float("nan")] * len(outs))
            kinks.append((f"{decl.name}{place.name}", refused))
    if len(kinks) == len(places):
        raise kinks[0][1]
    return Sensitivity(
        question.name, decl.name, answer, tuple(o.name for o in outs), tuple(f"{decl.name}{p.name}" for p in places),
        tuple(tuple(column[i] for column in columns) for i in range(len(outs))),
        tuple(o.shown.unit for o in outs), tuple(p.shown.unit for p in places), tuple(kinks),
    )  # fmt: skip


def _here(model: Model, question: Question, decl: ParamDecl) -> tuple[Besides, Answer]:
    """The answer at the param, and where it is asked beside it."""
    if not decl.static:
        aside = Aside(model.program, decl.name)
        try:
            return aside, _answer(aside.here, question)
        except Refusal as refused:
            # a clearing that cannot have the param as data may do with its value
            if not {d.code for d in refused.diagnostics} <= {"not-convex", "not-yet"}:
                raise
    anew = Anew(model, decl.name)
    return anew, _answer(anew.here, question)


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
    name = re.split(r"[.\[]", by, maxsplit=1)[0]
    decl = program.params.get(name.strip())
    if decl is None:
        raise refuse(
            "unknown-param", f"there is no param `{name.strip() or by}`",
            help=f"one of: {', '.join(program.params)}" if program.params else "this text has no params",
        )  # fmt: skip
    places = list(_places(decl.space))
    if by.strip() != decl.name:
        wanted = "".join(by[len(name) :].split())
        chosen = [p for p in places if "".join(p.name.split()) == wanted]
        if not chosen:
            few = ", ".join(f"`{decl.name}{p.name}`" for p in places[:6])
            raise refuse("unknown-name", f"`{decl.name}` has no number `{by}`", span=decl.at, help=f"it has {few}{' ...' if len(places) > 6 else ''}" if few else "")
        places = chosen
    for each in places:
        low, high = _ends(each.space)
        if low is not None and low == high:
            raise refuse("type-mismatch", f"`{decl.name}{each.name}` can only be {show(low, each.space)}, so nothing changes with it", span=decl.at)
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


class _Sides:
    """Asks a question beside the param and compares. outs, middle: numbers of the answer, and what they are at the param."""

    def __init__(self, besides: Besides, question: Question, decl: ParamDecl, outs: list[Place], middle: list[Any]) -> None:
        self.besides, self.question, self.decl, self.outs, self.middle = besides, question, decl, outs, middle
        self.exact = all(isinstance(v, Fraction | int) for v in middle)

    def slopes(self, place: Place) -> list[float]:
        """Of all numbers of the answer by one number of the param, in the units in which both are printed. Raises `Refusal` (`kink`)."""
        here = Fraction(_at(self.decl.value, place.path))
        share = _ASIDE if self.exact else _ASIDE_IN_FLOATS
        low, high = _ends(place.space)
        step = _step(here, low, high, share)
        sides = [s for s in (1, -1) if (low is None or here + s * step >= low) and (high is None or here + s * step <= high)]
        found = np.array([self._over(place, here, side * step) for side in sides])
        middle = abs(np.array([float(v) for v in self.middle]))
        floor = (1.0 + middle) * float(share / step)
        largest = abs(found).max(axis=0)
        leap = largest * float(step) > 1e-4 * (1.0 + middle)
        if len(sides) == 1 or not self.exact or leap.any() or _differ(found[0], found[-1], floor).any():
            nearer = np.array([self._over(place, here, side * step / _NEARER) for side in sides])
            self._compare(place, here, found, nearer, floor)
            found = nearer if self.exact else found
        mean = found.mean(axis=0)
        mean = np.where(abs(mean) <= _NOTHING * floor, 0.0, mean)
        return [float(m) * self._unit(place, out) for m, out in zip(mean, self.outs, strict=True)]

    def _compare(self, place: Place, here: Fraction, found: np.ndarray, nearer: np.ndarray, floor: np.ndarray) -> None:
        """Refuse where slopes do not come together as the sides come nearer."""
        gap, now = abs(found[0] - found[-1]), abs(nearer[0] - nearer[-1])
        apart = _differ(nearer[0], nearer[-1], floor) & (now > gap / 4)
        apart |= _differ(found.mean(axis=0), nearer.mean(axis=0), floor)
        for i in np.flatnonzero(apart)[:1].tolist():
            out = self.outs[i]
            unit = self._unit(place, out)
            said = [_slope(float(v[i]) * unit, out.shown.unit, place.shown.unit) for v in nearer]
            if now[i] > 4 * gap[i] or _differ(found[:, i], nearer[:, i], floor[i]).any():
                note = "it jumps there, or bends too much to be told"
            else:
                note = f"its slopes to both sides differ: {said[0]} above, {said[-1]} below"
            raise refuse(
                "kink", f"`{self.question.name}{out.name}` has no derivative by `{self.decl.name}{place.name}` at {show(here, place.space)}",
                span=self.question.at, notes=(note, *self.besides.kinks()[:2]), help="ask at a value of the param on one side of it",
            )  # fmt: skip

    def _over(self, place: Place, here: Fraction, aside: Fraction) -> list[float]:
        """What the numbers of the answer change by, over what the param does."""
        try:
            answer = _answer(self.besides.at(_put(self.decl.value, place.path, here + aside)), self.question)
            _, numbers = _numbers(answer)
        except Refusal as refused:
            raise self._nothing(place, here, aside, refused) from refused
        if len(numbers) != len(self.middle):
            raise refuse("type-mismatch", f"how many numbers `{self.question.name}` has changes with `{self.decl.name}{place.name}`", span=self.question.at)
        return [_over(a, b, aside) for a, b in zip(numbers, self.middle, strict=True)]

    def _nothing(self, place: Place, here: Fraction, aside: Fraction, refused: Refusal) -> Refusal:
        """What is said where there is no answer beside the param."""
        first = refused.diagnostics[0]
        if first.code in ("kink", "type-mismatch") and first.span is not None:
            return refused
        return refuse(
            "kink", f"`{self.question.name}` has no derivative by `{self.decl.name}{place.name}` at {show(here, place.space)}",
            span=self.question.at, notes=(f"a little {'above' if aside > 0 else 'below'} there is no answer: {first.headline}", *first.notes[:2]),
            help="ask at another value of the param",
        )  # fmt: skip

    def _unit(self, place: Place, out: Place) -> float:
        return float(place.shown.scale / out.shown.scale)


def _ends(space: Reals | Grid) -> tuple[Fraction | None, Fraction | None]:
    """Between which numbers a number of a param lies."""
    return getattr(space, "lower", None), getattr(space, "upper", None)


def _step(here: Fraction, low: Fraction | None, high: Fraction | None, share: Fraction) -> Fraction:
    """How far aside a question is asked: never past 0, nor past the end of the type on its wider side."""
    step = share * (1 + abs(here))
    if here:
        step = min(step, abs(here) / 1000)
    if low is not None and high is not None:
        step = min(step, max(here - low, high - here))
    return step


def _differ(a: np.ndarray, b: np.ndarray, floor: np.ndarray) -> np.ndarray:
    return np.asarray(abs(a - b) > _APART * np.maximum(abs(a), abs(b)) + _FLOOR * floor)


def _over(a: Any, b: Any, step: Fraction) -> float:
    if isinstance(a, Fraction | int) and isinstance(b, Fraction | int):
        return float(Fraction(a - b) / step)
    return (float(a) - float(b)) / float(step)


__all__ = ["MOST", "Sensitivity", "sensitivity", "wanted"]
