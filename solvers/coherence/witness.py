"""The checker's question to z3: is there a possible world in which these stakes do not win?

For worlds too many to list. It belongs to `certificates` and shares nothing with the search in `many`: here numbers are
z3's reals, and a variable with several values is an integer, the place of its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from opengames.diagram import Compute, Diagram, Draw, binds, needs
from opengames.evaluate import compile_term
from opengames.solvers.coherence.quotes import Quote
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import Bool, points, size
from opengames.terms import Const, Prim, Term, Var, free

if TYPE_CHECKING:
    from opengames.solvers.coherence.certificates import Wins

_TABLE = 1 << 16
_MILLISECONDS = 60_000


def refute(worlds: Worlds, placed: Sequence[tuple[Quote, Fraction, Fraction]], above: Fraction) -> Wins:
    """That no possible world, in which a bet is on, gives at most `above`; placed: (quote, tickets, price of one).

    Raises `NotACertificate` if there is one, or if z3 does not decide.
    """
    import z3

    from opengames.solvers.coherence.certificates import NotACertificate, Wins

    place = _Place(worlds)
    gain: Any = z3.RealVal(0)
    on: Any = z3.BoolVal(False)
    for q, tickets, cost in placed:
        given: Any = z3.BoolVal(True) if q.given is None else place.event(q.given)  # type: ignore[arg-type]
        gain = gain + z3.If(given, _real(tickets) * (place.worth(q.event) - _real(cost)), z3.RealVal(0))  # type: ignore[arg-type]
        on = z3.Or(on, given)
    place.restrict()
    solver = z3.Solver()
    solver.set("timeout", _MILLISECONDS)
    solver.add(*place.facts, on, gain <= _real(above))
    answer = solver.check()
    if answer == z3.sat:
        raise NotACertificate("z3 finds a world in which these stakes do not win")
    if answer == z3.unknown:
        raise NotACertificate(f"z3 does not decide whether these stakes always win: {solver.reason_unknown()}")
    return Wins(_least(place.facts, on, gain, above), None, None, None, "z3")


def none_below(worlds: Worlds, placed: Sequence[tuple[Quote, Fraction, Fraction]], strictly: bool, where: Term | None = None) -> None:
    """That stakes bring less than 0 (at most 0 if not `strictly`) in no possible world in which `where` holds; `placed` as for `refute`.

    Raises `NotACertificate` if they do in one, or if z3 does not decide.
    """
    import z3

    from opengames.solvers.coherence.certificates import NotACertificate

    place = _Place(worlds)
    gain: Any = z3.RealVal(0)
    for q, tickets, cost in placed:
        given: Any = z3.BoolVal(True) if q.given is None else place.event(q.given)  # type: ignore[arg-type]
        gain = gain + z3.If(given, _real(tickets) * (place.worth(q.event) - _real(cost)), z3.RealVal(0))  # type: ignore[arg-type]
    there: Any = z3.BoolVal(True) if where is None else place.event(where)
    place.restrict()
    solver = z3.Solver()
    solver.set("timeout", _MILLISECONDS)
    solver.add(*place.facts, there, gain < 0 if strictly else gain <= 0)
    answer = solver.check()
    if answer == z3.sat:
        raise NotACertificate("z3 finds a world in which these stakes lose")
    if answer == z3.unknown:
        raise NotACertificate(f"z3 does not decide whether these stakes may lose: {solver.reason_unknown()}")


def _least(facts: Sequence[Any], on: Any, gain: Any, above: Fraction) -> Fraction:
    """The least gain as far as z3 finds it soon; else what was asked for, which is a bound."""
    import z3

    search = z3.Optimize()
    search.set("timeout", _MILLISECONDS // 10)
    search.add(*facts, on)
    least = search.minimize(gain)
    if search.check() != z3.sat:
        return above
    value = least.value()
    if not (z3.is_rational_value(value) or z3.is_int_value(value)):
        return above
    found = Fraction(str(value))
    solver = z3.Solver()
    solver.set("timeout", _MILLISECONDS // 10)
    solver.add(*facts, on, gain < _real(found))
    return found if solver.check() == z3.unsat else above


def _real(value: Fraction) -> Any:
    import z3

    return z3.Q(value.numerator, value.denominator)


class _Place:
    """z3's names for the variables, the facts about them, and terms in those names."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds
        self.facts: list[Any] = []
        self._named: dict[str, Any] = {}

    def of(self, name: str) -> Any:
        import z3

        if name not in self._named:
            space = self.worlds.spaces[name]
            if (size(space) or 0) > _TABLE:
                from opengames.solvers.coherence.certificates import NotACertificate

                raise NotACertificate(f"`{name}` has too many values to be checked")
            if isinstance(space, Bool):
                self._named[name] = z3.Bool(name)
            else:
                self._named[name] = z3.Int(name)
                self.facts += [self._named[name] >= 0, self._named[name] < len(tuple(points(space)))]
        return self._named[name]

    def is_(self, name: str, value: Any) -> Any:
        import z3

        space = self.worlds.spaces[name]
        if isinstance(space, Bool):
            return self.of(name) if value else z3.Not(self.of(name))
        return self.of(name) == tuple(points(space)).index(value)

    def restrict(self) -> None:
        """The constraints, and what the channel's boxes can do before any of the variables in use."""
        self.facts += [self.event(t) for t in self.worlds.such_that]
        if self.worlds.diagram is not None:
            self._boxes(self.worlds.diagram)

    def _boxes(self, diagram: Diagram) -> None:
        import z3

        for box in reversed(diagram.boxes):
            if not any(port.name in self._named for port in binds(box)):
                continue
            if not isinstance(box, Compute | Draw):
                from opengames.solvers.coherence.certificates import NotACertificate

                raise NotACertificate("a loop or a branch is before these wires")
            term = box.term if isinstance(box, Compute) else box.kernel
            run = compile_term(term, self.worlds.program.funs, self.worlds.params)
            names = sorted(needs(box))
            for case, env in self._cases(names):
                found = run(env)
                can = [found] if isinstance(box, Compute) else [v for v, chance in found if chance]
                self.facts.append(z3.Implies(case, z3.Or([self.is_(box.out.name, v) for v in can])))

    def event(self, term: Term) -> Any:
        import z3

        match term:
            case Const(value=value):
                return z3.BoolVal(bool(value))
            case Var(name=name) if isinstance(self.worlds.spaces[name], Bool):
                return self.of(name)
            case Prim(op="and" | "or" | "implies" as op, args=(a, b)):
                join = {"and": z3.And, "or": z3.Or, "implies": z3.Implies}[op]
                return join(self.event(a), self.event(b))
            case Prim(op="not", args=(a,)):
                return z3.Not(self.event(a))
            case Prim(op="<" | "<=" | ">" | ">=" as op, args=(a, b)) if self._wide(term):
                return {"<": lambda x, y: x < y, "<=": lambda x, y: x <= y, ">": lambda x, y: x > y,
                        ">=": lambda x, y: x >= y}[op](self.number(a), self.number(b))  # fmt: skip
        run = compile_term(term, self.worlds.program.funs, self.worlds.params)
        return z3.Or([case for case, env in self._cases(sorted(free(term))) if run(env) is True])

    def worth(self, term: Term) -> Any:
        """What a ticket pays: 1 where an event holds, else the number."""
        import z3

        if isinstance(term, Const | Var | Prim) and self._boolean(term):
            return z3.If(self.event(term), z3.RealVal(1), z3.RealVal(0))
        return self.number(term)

    def number(self, term: Term) -> Any:
        import z3

        match term:
            case Const(value=value) if not isinstance(value, bool | str):
                return _real(Fraction(value))
            case Prim(op="ind", args=(a,)):
                return z3.If(self.event(a), z3.RealVal(1), z3.RealVal(0))
            case Prim(op="+", args=(a, b)):
                return self.number(a) + self.number(b)
            case Prim(op="-", args=(a, b)):
                return self.number(a) - self.number(b)
        run = compile_term(term, self.worlds.program.funs, self.worlds.params)
        total: Any = z3.RealVal(0)
        for case, env in self._cases(sorted(free(term))):
            total = z3.If(case, _real(Fraction(run(env))), total)
        return total

    def _boolean(self, term: Term) -> bool:
        match term:
            case Const(value=value):
                return isinstance(value, bool)
            case Var(name=name):
                return isinstance(self.worlds.spaces[name], Bool)
            case Prim(op=op):
                return op in ("and", "or", "not", "implies", "==", "!=", "<", "<=", ">", ">=")
        return False

    def _wide(self, term: Term) -> bool:
        return prod(len(tuple(points(self.worlds.spaces[n]))) for n in free(term)) > _TABLE

    def _cases(self, names: Sequence[str]) -> Any:
        import z3

        from opengames.solvers.coherence.certificates import NotACertificate

        values = [tuple(points(self.worlds.spaces[n])) for n in names]
        if prod(map(len, values)) > _TABLE:
            raise NotACertificate("an event is too wide to be checked")
        for each in product(*values):
            yield z3.And([self.is_(n, v) for n, v in zip(names, each, strict=True)]), dict(zip(names, each, strict=True))


__all__ = ["refute"]
