"""`why(claim, params...)`: the smallest change of params that turns the verdict of a claim over.

Where the proved reading decides the claim, it looks for the least change of all (`proved/flips`). Elsewhere one
param after the other is moved, away from its value in growing steps and then back by bisection: a search, which
says that it is one. Whatever is found, the claim is decided again with it, and an answer is given only if its
verdict did turn over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import floor
from time import perf_counter
from typing import Any

from opengames.cases import Undecided
from opengames.desk import Desk, Work
from opengames.diagnostics import Refusal, refuse
from opengames.params_used import params_of
from opengames.program import ParamDecl, Question
from opengames.show import show, show_space
from opengames.spaces import Bool, Enum, Grid, Reals, points, size
from opengames.terms import Ask, Ref, free

SECONDS = 20
"""That a search takes before it stops where it is."""
EXACTLY = 5
"""Seconds for the least change."""
STEPS = tuple(Fraction(k) for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000))
"""Hundredths of the old value by which a param is moved away from it."""
CLOSE = Fraction(1, 100)
MOST = 200
"""Values of a finite param that are tried one by one."""

_TURNED = {"proved": False, "supported": False, "refuted": True, "not supported": True}


@dataclass(frozen=True)
class Change:
    """One change that turns the verdict. values: new values by param. verdict: with them. edge: where a single param's
    verdict turns, if it has not turned there yet.
    """

    values: Mapping[str, Any]
    verdict: str
    edge: Fraction | None = None


@dataclass(frozen=True)
class Why:
    """The answer. claim, verdict: as it is. changes: the smallest first; none if nothing was found. least: whether the
    first is shown to be the least of all (and if there is none, that there is none). decls: of the params.
    """

    claim: str
    verdict: str
    changes: tuple[Change, ...]
    least: bool
    decls: Mapping[str, ParamDecl]
    notes: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, str]:
        """The first change as `Model.with_params` takes it; empty if there is none."""
        first = self.changes[0].values if self.changes else {}
        return {name: show(value, self.decls[name].space) for name, value in first.items()}

    def lines(self) -> list[str]:
        """In words."""
        named = ", ".join(f"`{name}`" for name in self.decls)
        if not self.changes:
            plural = "s" if len(self.decls) > 1 else ""
            found = f"no value{plural} of {named} within the type{plural}" if self.least else f"no change of {named} that was tried"
            return [f"`{self.claim}` is {self.verdict}; {found} turn{'' if plural else 's'} it over", *self.notes]
        first, *others = self.changes
        lines = [f"{name}: {self._moved(name, value)}" for name, value in first.values.items()]
        lines.append(f"with that `{self.claim}` is {first.verdict} (it is {self.verdict})")
        if first.edge is not None and len(first.values) == 1:
            (name,) = first.values
            lines.append(f"it turns as soon as `{name}` is beyond {show(first.edge, self.decls[name].space)}")
        for other in others:
            lines += [f"or {name}: {self._moved(name, value)}" for name, value in other.values.items()]
        lines.append("set it: " + " ".join(f"--set '{name}={text}'" for name, text in self.settings.items()))
        return [*lines, *self.notes]

    def to_game(self) -> str:
        """The params with their new values, as declarations."""
        return "\n".join(
            f"param {name}: {show_space(self.decls[name].space)} = {text}" for name, text in self.settings.items()
        )

    def _moved(self, name: str, value: Any) -> str:
        space = self.decls[name].space
        return f"{show(self.decls[name].value, space)} -> {show(value, space)}"


def answer(work: Work, ask: Ask) -> Why:
    """The answer to a `why` question. Raises `Undecided` where the claim is open, `Refusal` where a param cannot be
    changed."""
    claim, *named = (a.name for a in ask.args if isinstance(a, Ref))
    question = next(q for q in work.program.questions if q.kind == "verify" and q.name == claim)
    decls = _changing(work, question, named)
    trial = _Trial(work.desk, question, perf_counter() + SECONDS)
    verdict = trial.verdict({})
    if verdict not in _TURNED:
        raise Undecided(f"`{claim}` is {verdict}, so there is no verdict to turn over")
    found = _least(work, question, decls, trial, verdict)
    if found is None:
        changes, notes = trial.searched(decls, verdict)
        found = Why(claim, verdict, changes, False, decls, notes)
        work.methods[f"search, {trial.tried} times decided"] = None
    else:
        work.methods["z3, the least change"] = None
    work.because += found.lines()
    work.game = found.to_game()
    return found


def _changing(work: Work, question: Question, named: list[str]) -> dict[str, ParamDecl]:
    """The params that may change: those named, or all numbers that the claim depends on. Sizes stay as they are."""
    used = params_of(work.program, question)
    params = work.program.params
    if not named:
        found = {n: d for n, d in params.items() if n in used and isinstance(d.space, Reals | Grid) and not d.static}
        if not found:
            raise refuse("nothing-to-change", f"`{question.name}` depends on no param that is a number", span=work.question.at,
                         help="a `param` can be changed; what is written into the text cannot")  # fmt: skip
        return found
    for name in named:
        if name not in used:
            raise refuse("nothing-to-change", f"`{question.name}` does not depend on `{name}`", span=work.question.at,
                         help=_others(used))  # fmt: skip
        if params[name].static:
            raise refuse("nothing-to-change", f"`{name}` sets a size or a bound of a type, which stays as it is",
                         span=work.question.at, help="`verify` with `--set` decides the claim for another size")  # fmt: skip
    return {n: params[n] for n in named}


def _others(used: set[str]) -> str:
    listed = ", ".join(f"`{n}`" for n in sorted(used))
    return f"it depends on {listed}" if listed else "it depends on no params"


def _least(work: Work, question: Question, decls: dict[str, ParamDecl], trial: _Trial, verdict: str) -> Why | None:
    """The least change, if the proved reading finds it; `None` if it does not."""
    by = question.by
    asks_more = any(isinstance(t, Ask) for t in _parts(question))
    if asks_more or verdict not in ("proved", "refuted") or (by is not None and by.name not in ("z3", "exact")):
        return None
    from opengames.proved.flips import nearest

    diagram = None if question.of is None else work.desk.diagram(question.of, question.under)
    try:
        near = nearest(
            work.program, question.term, work.desk.params, decls, verdict == "proved",
            diagram if free(question.term) else None, EXACTLY,
        )  # fmt: skip
    except Undecided:
        return None
    if near is None:
        return Why(question.name, verdict, (), True, decls)
    turned = trial.verdict(near.values)
    if _TURNED.get(turned) is not _other(verdict):
        return None  # what z3 found does not replay
    return Why(question.name, verdict, (Change(near.values, turned, near.edge),), True, decls)


def _other(verdict: str) -> bool:
    """What `_TURNED` says of the verdicts on the other side."""
    return not _TURNED[verdict]


def _parts(question: Question) -> Iterator[Any]:
    from opengames.cases import parts

    return parts(question.term)


@dataclass
class _Trial:
    """Decides one claim again and again with other params. tried: how often."""

    desk: Desk
    question: Question
    deadline: float
    tried: int = 0
    known: dict[Any, str] = field(default_factory=dict)

    def verdict(self, values: Mapping[str, Any]) -> str:
        """The verdict with these values of params; `unknown` also where the model has no value with them."""
        from opengames.answers import claim

        key = tuple(sorted(values.items()))
        if key not in self.known:
            self.tried += 1
            params = {n: replace(d, value=values.get(n, d.value)) for n, d in self.desk.program.params.items()}
            try:
                self.known[key] = claim(Desk(replace(self.desk.program, params=params)), self.question).verdict
            except Refusal:
                self.known[key] = "unknown"
        return self.known[key]

    def searched(self, decls: dict[str, ParamDecl], verdict: str) -> tuple[tuple[Change, ...], tuple[str, ...]]:
        """Changes of one param at a time, the smallest first, and what to say about the search."""
        wanted = _other(verdict)
        found: list[tuple[Fraction, Change]] = []
        for name, decl in decls.items():
            change = self._of_one(name, decl, lambda said: _TURNED.get(said) is wanted)
            if change is not None:
                found.append((_size(decl, change.values[name]), change))
        found.sort(key=lambda each: each[0])
        notes = ["found by a search, one param at a time: a smaller change may do, and so may several together"]
        if not found:
            notes = [f"tried: each alone, {_range(decls)}"]
        if perf_counter() > self.deadline:
            notes.append(f"the search was stopped after {SECONDS} s")
        return tuple(change for _, change in found), tuple(notes)

    def _of_one(self, name: str, decl: ParamDecl, turned: Callable[[str], bool]) -> Change | None:
        if isinstance(decl.space, Bool | Enum | Grid) and (size(decl.space) or MOST + 1) <= MOST:
            others = [x for x in points(decl.space) if x != decl.value]
            for value in sorted(others, key=lambda x: _size(decl, x)):
                if perf_counter() > self.deadline:
                    return None
                said = self.verdict({name: value})
                if turned(said):
                    return Change({name: value}, said)
            return None
        best = [c for c in (self._along(name, decl, sign, turned) for sign in (1, -1)) if c is not None]
        return min(best, key=lambda c: _size(decl, c.values[name]), default=None)

    def _along(self, name: str, decl: ParamDecl, sign: int, turned: Callable[[str], bool]) -> Change | None:
        """Away from the old value until the verdict turns, and back to near where it did."""
        near = Fraction(decl.value)
        whole = isinstance(decl.space, Reals) and decl.space.whole
        for far in _outwards(decl, sign):
            if perf_counter() > self.deadline:
                return None
            if turned(self.verdict({name: far})):
                break
            near = far
        else:
            return None
        while abs(far - near) > CLOSE * abs(far - Fraction(decl.value)) and perf_counter() < self.deadline:
            middle = Fraction(floor((near + far) / 2)) if whole else _rounded(near, far)
            if middle in (near, far):
                break
            if turned(self.verdict({name: middle})):
                far = middle
            else:
                near = middle
        return Change({name: far}, self.verdict({name: far}))


def _outwards(decl: ParamDecl, sign: int) -> Iterator[Fraction]:
    """Values ever farther from the old one, up to the end of the type."""
    old, space = Fraction(decl.value), decl.space
    assert isinstance(space, Reals | Grid)
    unit = abs(old) or (Fraction(space.shown.scale) if space.shown else Fraction(1))
    low, high = (space.lower, space.upper) if isinstance(space, Reals) else (min(space.points), max(space.points))
    end = high if sign > 0 else low
    for step in STEPS:
        value = old + sign * step / 100 * unit
        if isinstance(space, Grid):
            value = min(space.points, key=lambda p: abs(p - value))
        elif space.whole:
            value = Fraction(round(value))
        if end is not None and sign * (value - end) >= 0:
            break
        if value != old:
            yield value
    if end is not None and end != old:
        yield end


def _rounded(near: Fraction, far: Fraction) -> Fraction:
    """A number with few digits, about the middle of two."""
    middle, reach = (near + far) / 2, abs(far - near) / 4
    for digits in range(-9, 12):
        found = Fraction(round(middle * Fraction(10) ** digits)) / Fraction(10) ** digits
        if abs(found - middle) <= reach:
            return found
    return middle


def _size(decl: ParamDecl, value: Any) -> Fraction:
    """How large a change is, relative to the old value; between labels, all are equal."""
    if not isinstance(value, Fraction | int) or isinstance(value, bool):
        return Fraction(1)
    shown = decl.space.shown if isinstance(decl.space, Reals | Grid) else None
    unit = abs(Fraction(decl.value)) or (Fraction(shown.scale) if shown else Fraction(1))
    return abs(Fraction(value) - Fraction(decl.value)) / unit


def _range(decls: Mapping[str, ParamDecl]) -> str:
    """What was tried, in words."""
    if all(isinstance(d.space, Reals) and None not in (d.space.lower, d.space.upper) for d in decls.values()):
        return "over the whole of its type, in steps that grow"
    return "up to ten times its value away and within its type, in steps that grow"


__all__ = ["Change", "Why", "answer"]
