"""z3, asked one question at a time within a time and a memory: a model, none, or why it cannot be told.

Time is that of the processor, so that a verdict does not depend on what else the machine does. z3's own limit is by the wall
clock: it is stretched as work has been slowed so far, and a question that ended too early is asked again.

Whatever z3 does (gives up, runs out of memory, is interrupted) becomes one of these answers; `KeyboardInterrupt` alone is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from time import perf_counter, process_time
from typing import Any

import z3

from opengames.proved import values as v
from opengames.proved.values import Truth

MEMORY = 1_500
"""Megabytes that one question may take."""
_POLISH = 300  # milliseconds for each try at a rounder model
_STRETCHED, _SEEN = 20.0, 0.02  # the most that work is taken to be slowed, and seconds of work before that is told
_AGAIN = 4  # times that a question is asked which the wall clock ended too early


@dataclass(frozen=True, slots=True)
class Clock:
    """When to stop, in seconds of the processor. began: when the work began, by the wall and by the processor."""

    deadline: float
    seconds: float
    began: tuple[float, float]

    @classmethod
    def start(cls, seconds: float) -> Clock:
        now = process_time()
        return cls(now + seconds, seconds, (perf_counter(), now))

    @property
    def left(self) -> float:
        return self.deadline - process_time()

    @property
    def stretch(self) -> float:
        """Seconds by the wall for each of the processor, as it has been so far."""
        wall, work = perf_counter() - self.began[0], process_time() - self.began[1]
        return min(max(wall / work, 1.0), _STRETCHED) if work > _SEEN else 1.0

    def part(self, share: float) -> Clock:
        """A clock for a share of what is left."""
        return self.least(max(0.0, self.left * share))

    def least(self, seconds: float) -> Clock:
        """A clock for so many seconds from now, of the same work."""
        return Clock(process_time() + seconds, seconds, self.began)


@dataclass(frozen=True, slots=True)
class Reply:
    """status: "sat", "unsat" or "unknown". model: where there is one. why: of "unknown", a sentence."""

    status: str
    model: Any = None
    why: str = ""


def satisfy(constraints: Iterable[Truth], clock: Clock) -> Reply:
    """Whether numbers can be found for the constraints."""
    kept: list[Any] = []
    for each in constraints:
        if each is False:
            return Reply("unsat")
        if each is not True:
            kept.append(each)
    reply = _ask(z3.Solver(), kept, clock.part(0.6))
    if reply.status == "unknown" and clock.left > 0.01:
        for name in _others(kept):
            reply = _ask(z3.Tactic(name).solver(), kept, clock.part(0.8))
            if reply.status != "unknown":
                break
    if reply.status == "unknown" and clock.left <= 0.05:
        return Reply("unknown", why=f"z3 did not come to an end within {clock.seconds:.3g} s")
    return reply


def _others(constraints: list[Any]) -> tuple[str, ...]:
    """Procedures to try next, by what occurs."""
    goal = z3.Goal()
    goal.add(constraints)
    if z3.Probe("is-qfnra")(goal) or z3.Probe("is-qflra")(goal):
        return ("qfnra-nlsat",)
    if z3.Probe("is-nra")(goal) or z3.Probe("is-lra")(goal):
        return ("nlqsat",) if not z3.Probe("is-lra")(goal) else ("qsat",)
    return ()


def _ask(solver: Any, constraints: Sequence[Any], clock: Clock) -> Reply:
    if clock.left <= 0:
        return Reply("unknown", why="no time was left")
    try:
        solver.set("max_memory", MEMORY)
        solver.add(*constraints)
        for _ in range(_AGAIN):
            before = clock.left
            solver.set("timeout", max(1, int(1000 * before * clock.stretch)))
            found = solver.check()
            if found == z3.sat:
                return Reply("sat", solver.model())
            if found == z3.unsat:
                return Reply("unsat")
            why = solver.reason_unknown()
            if not _timed_out(why) or clock.left < before / 2:
                break
    except z3.Z3Exception as fault:
        why = _text(fault)
    if "interrupt" in why or "ctrl" in why:
        raise KeyboardInterrupt
    return Reply("unknown", why=_said(why, clock))


def _timed_out(why: str) -> bool:
    return "timeout" in why or "canceled" in why


def _text(fault: Exception) -> str:
    said = fault.args[0] if fault.args else ""
    return said.decode() if isinstance(said, bytes) else str(said)


def _said(why: str, clock: Clock) -> str:
    if _timed_out(why):
        return f"z3 did not come to an end within {clock.seconds:.2g} s"
    if "memory" in why:
        return f"z3 ran out of the {MEMORY:,} MB that one question may take"
    return f"z3 could not decide it ({why})" if why else "z3 could not decide it"


def rounder(constraints: Iterable[Truth], leaves: Sequence[tuple[Any, Any]], model: Any, clock: Clock) -> Any:
    """A model of the same constraints with rounder numbers, as far as quick tries find one.

    leaves: z3 numbers, each with the size of its unit; the result has many zeros and small whole multiples of units.
    """
    solver = z3.Solver()
    try:
        solver.add(*[c for c in constraints if not isinstance(c, bool)])
        model = _zeros(solver, leaves, model, clock)
        return _whole(solver, leaves, model, clock)
    except z3.Z3Exception:
        return model


def _zeros(solver: Any, leaves: Sequence[tuple[Any, Any]], model: Any, clock: Clock) -> Any:
    for x, _ in leaves[:200]:
        if clock.left < 0:
            break
        if z3.is_true(z3.simplify(model.eval(x, model_completion=True) == 0)):
            solver.push()
            solver.add(x == 0)
            continue
        solver.push()
        solver.add(x == 0)
        found = _quickly(solver, clock)
        if found is None:
            solver.pop()
        else:
            model = found
    return model


def _whole(solver: Any, leaves: Sequence[tuple[Any, Any]], model: Any, clock: Clock) -> Any:
    for step, most in ((1, 1), (1, 3), (1, 10), (1, 100), (Fraction(1, 10), 1), (Fraction(1, 100), 1), (1, 10_000)):
        if clock.left < 0:
            return model
        solver.push()
        for i, (x, unit) in enumerate(leaves):
            k = z3.Int(f"round!{i}")
            solver.add(x == v.number(unit * step) * z3.ToReal(k), k <= int(most / step), k >= -int(most / step))
        found = _quickly(solver, clock)
        if found is not None:
            return found
        solver.pop()
    for x, unit in leaves:
        if clock.left < 0:
            return model
        value = v.read(model, v.Num(x), v.Labels()) / unit
        for candidate in dict.fromkeys(round(value, n) for n in (0, 1, 2)):
            solver.push()
            solver.add(x == v.number(Fraction(candidate) * unit))
            found = _quickly(solver, clock)
            if found is not None:
                model = found
                break
            solver.pop()
    return model


def _quickly(solver: Any, clock: Clock) -> Any:
    solver.set("timeout", max(1, int(min(_POLISH, 1000 * clock.left) * clock.stretch)))
    found = solver.check()
    if found == z3.unknown and "interrupt" in solver.reason_unknown():
        raise KeyboardInterrupt
    return solver.model() if found == z3.sat else None


__all__ = ["MEMORY", "Clock", "Reply", "rounder", "satisfy"]
