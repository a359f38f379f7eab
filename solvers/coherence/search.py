"""A world that is possible and bad for given stakes, found by z3: for worlds too many to list.

A variable with several values is one truth value for each of them; what tickets gain is a linear sum of facts. An event over few variables of its own is written as a table of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import lcm, prod
from typing import Any

from opengames.diagnostics import refuse
from opengames.diagram import Compute, Draw, binds, needs
from opengames.evaluate import compile_term
from opengames.solvers.coherence.quotes import Quote
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import HUGE, Bool, points, size
from opengames.terms import Apply, Const, Fold, If, Prim, Term, Var, free, substitute

TABLE = 1 << 14
_PATIENCE = 700
"""Milliseconds for the worst world; any that is bad will do where it does not come that soon."""


class Search:
    """z3 with the variables that some terms use, and those that the constraints and the channel tie to them."""

    def __init__(self, worlds: Worlds, terms: Iterable[Term], seconds: float) -> None:
        import z3

        self.worlds, self.seconds = worlds, seconds
        self.names = self._tied(frozenset().union(*(free(t) for t in (*terms, *worlds.such_that))))
        for name in self.names:
            if (size(worlds.spaces[name]) or HUGE) > TABLE:
                raise refuse("over-budget", f"`{name}` alone has more than {TABLE:,} values, and none is looked for one by one",
                             help="quote a wire for each part of it")  # fmt: skip
        self.values = {n: tuple(points(worlds.spaces[n])) for n in self.names}
        self.literals = {n: self._variable(n) for n in self.names}
        self._known: dict[Term, Any] = {}
        self._slow = 0
        self.solver = z3.Solver()
        self.solver.set("timeout", int(seconds * 1000))
        for term in worlds.such_that:
            self.solver.add(self.event(term))
        for fact in self.facts:
            self.solver.add(fact)

    @cached_property
    def facts(self) -> list[Any]:
        import z3

        found = [z3.PbEq([(x, 1) for x in self.literals[n].values()], 1) for n in self.names if not self._boolean(n)]
        found += [self.event(t) for t in self.worlds.such_that]
        return found + list(self._boxes())

    def _variable(self, name: str) -> dict[Any, Any]:
        import z3

        if self._boolean(name):
            x = z3.Bool(name)
            return {True: x, False: z3.Not(x)}
        return {v: z3.Bool(f"{name} = {v}") for v in self.values[name]}

    def _boolean(self, name: str) -> bool:
        return isinstance(self.worlds.spaces[name], Bool)

    def _tied(self, some: frozenset[str]) -> tuple[str, ...]:
        """These variables and, of a channel, all wires before them."""
        wanted = set(some)
        if self.worlds.diagram is not None:
            for box in reversed(self.worlds.diagram.boxes):
                if any(port.name in wanted for port in binds(box)):
                    wanted |= needs(box)
        return tuple(n for n, _ in self.worlds.wires if n in wanted)

    def _boxes(self) -> Iterator[Any]:
        """What each box of the channel can do."""
        import z3

        for box in self.worlds.diagram.boxes if self.worlds.diagram is not None else ():
            if not any(port.name in self.literals for port in binds(box)):
                continue
            if not isinstance(box, Compute | Draw):
                raise refuse("not-yet", "worlds of a channel with a loop or a branch are not looked for one by one yet",
                             span=box.at, help="quote fewer of its wires, so that their values can be listed")  # fmt: skip
            term = box.term if isinstance(box, Compute) else box.kernel
            run = compile_term(term, self.worlds.program.funs, self.worlds.params)
            for env, case in self._cases(sorted(needs(box))):
                done = run(env)
                can = [done] if isinstance(box, Compute) else [v for v, chance in done if chance]
                yield z3.Or(*[z3.Not(x) for x in case], *[self.literals[box.out.name][v] for v in can])

    # ------------------------------------------------------------------------------- terms

    def event(self, term: Term | None) -> Any:
        """A boolean term in z3's words."""
        import z3

        if term is None:
            return z3.BoolVal(True)
        if term not in self._known:
            self._known[term] = self._event(term)
        return self._known[term]

    def _event(self, term: Term) -> Any:
        import z3

        match term:
            case Const(value=value):
                return z3.BoolVal(bool(value))
            case Var(name=name):
                return self.literals[name][True]
            case Prim(op="and", args=(a, b)):
                return z3.And(self.event(a), self.event(b))
            case Prim(op="or", args=(a, b)):
                return z3.Or(self.event(a), self.event(b))
            case Prim(op="implies", args=(a, b)):
                return z3.Implies(self.event(a), self.event(b))
            case Prim(op="not", args=(a,)):
                return z3.Not(self.event(a))
        if self._size(term) <= TABLE:
            run = compile_term(term, self.worlds.program.funs, self.worlds.params)
            return z3.Or([z3.And(case) for env, case in self._cases(sorted(free(term))) if run(env)])
        match term:
            case Apply():
                return self.event(self._opened(term))
            case Fold(op="and" | "or" as op):
                parts = [self.event(t) for t in self._unfolded(term)]
                return z3.And(parts) if op == "and" else z3.Or(parts)
            case If(test=test, then=then, other=other):
                return z3.If(self.event(test), self.event(then), self.event(other))
            case Prim(op="<" | "<=" | ">" | ">=" as op, args=(a, b)):
                return self._compared(op, a, b)
        raise refuse("over-budget", f"an event here depends on {len(free(term))} variables at once in a way that is too wide",
                     span=term.at, help="write it with `and`, `or`, `not`, or as a sum of `ind` compared with a number")  # fmt: skip

    def _compared(self, op: str, a: Term, b: Term) -> Any:
        """A comparison of sums of indicators with numbers: at least k of these."""
        import z3

        parts = [*self.sum(a), *((x, -v) for x, v in self.sum(b))]
        scale = lcm(*(v.denominator for _, v in parts), 1)
        right = -sum(int(v * scale) for x, v in parts if x is None)
        pairs = [(x, int(v * scale)) for x, v in parts if x is not None and v]
        if not pairs:
            return z3.BoolVal({"<": right > 0, "<=": right >= 0, ">": right < 0, ">=": right <= 0}[op])
        total = _sum(pairs)
        return {"<": total < right, "<=": total <= right, ">": total > right, ">=": total >= right}[op]

    def sum(self, term: Term) -> list[tuple[Any, Fraction]]:
        """A number as a sum: (fact or `None` for always, amount)."""
        match term:
            case Const(value=value):
                return [(None, Fraction(value))]
            case Prim(op="ind", args=(a,)):
                return [(self.event(a), Fraction(1))]
            case Prim(op="+", args=(a, b)):
                return self.sum(a) + self.sum(b)
            case Prim(op="-", args=(a, b)):
                return self.sum(a) + [(x, -v) for x, v in self.sum(b)]
            case Prim(op="neg", args=(a,)):
                return [(x, -v) for x, v in self.sum(a)]
            case Prim(op="*", args=(Const(value=k), a)) | Prim(op="*", args=(a, Const(value=k))):
                return [(x, v * Fraction(k)) for x, v in self.sum(a)]
            case Fold(op="sum", where=None):
                return [each for t in self._unfolded(term) for each in self.sum(t)]
        if self._size(term) > TABLE and isinstance(term, Apply):
            return self.sum(self._opened(term))
        if self._size(term) > TABLE:
            raise refuse("over-budget", f"a number here depends on {len(free(term))} variables at once",
                         span=term.at, help="write it as a sum of `ind`s of events")  # fmt: skip
        import z3

        run = compile_term(term, self.worlds.program.funs, self.worlds.params)
        worth: dict[Fraction, list[Any]] = {}
        for env, case in self._cases(sorted(free(term))):
            worth.setdefault(Fraction(run(env)), []).append(z3.And(case))
        return [(z3.Or(cases), v) for v, cases in worth.items() if v]

    def _opened(self, term: Apply) -> Term:
        fun = self.worlds.program.funs[term.fun]
        return substitute(fun.body, {p.name: a for p, a in zip(fun.inputs, term.args, strict=True)})

    def _unfolded(self, term: Fold) -> Iterator[Term]:
        from opengames.spaces import index_points

        for values in index_points(tuple(s for _, s in term.iters)):
            bound: dict[str, Term] = {n: Const(v) for (n, _), v in zip(term.iters, values, strict=True)}
            body = substitute(term.body, bound)
            if term.where is None:
                yield body
            else:
                test = substitute(term.where, bound)
                yield Prim("implies" if term.op == "and" else "and", (test, body))

    def _size(self, term: Term) -> int:
        return prod(len(self.values[n]) for n in free(term))

    def _cases(self, names: Sequence[str]) -> Iterator[tuple[dict[str, Any], list[Any]]]:
        if prod(len(self.values[n]) for n in names) > TABLE:
            raise refuse("over-budget", f"{len(names)} variables at once have too many values together")
        for values in product(*(self.values[n] for n in names)):
            pairs = list(zip(names, values, strict=True))
            yield dict(pairs), [self.literals[n][v] for n, v in pairs]

    # ------------------------------------------------------------------------------- questions

    def example(self, *wanted: Any) -> dict[str, Any] | None:
        """A possible world with these facts, if there is one."""
        import z3

        self.solver.push()
        self.solver.add(*wanted)
        answer = self.solver.check()
        model = self.solver.model() if answer == z3.sat else None
        self.solver.pop()
        if answer == z3.unknown:
            raise self._tired()
        return None if model is None else self._world(model)

    def worst(self, stakes: Sequence[tuple[Quote, Fraction]]) -> tuple[dict[str, Any], ...] | None:
        """Worlds in which stakes do not win although one of them is on, the worst first; `None` if there is none."""
        import z3

        on = z3.Or([self.event(q.given) for q, _ in stakes])  # type: ignore[arg-type]
        parts: list[tuple[Any, Fraction]] = []
        for q, tickets in stakes:
            parts += self._gain(q, tickets)
        scale = lcm(*(v.denominator for _, v in parts))
        constant = sum(int(v * scale) for x, v in parts if x is None)
        pairs = [(x, int(v * scale)) for x, v in parts if x is not None]
        loses = _sum(pairs) + constant <= 0
        first = self.example(on, loses)
        if first is None:
            return None
        better = self._optimum(on, pairs)
        return (first,) if better is None or better == first else (better, first)

    def below(
        self, stakes: Sequence[tuple[Quote, Fraction]], strictly: bool = True, where: Sequence[Any] = ()
    ) -> tuple[dict[str, Any], ...]:  # fmt: skip
        """Worlds with some facts in which stakes bring less than 0 (at most 0 if not `strictly`), the worst first; none if there is none."""
        import z3

        parts = [part for q, tickets in stakes for part in self._gain(q, tickets)]
        scale = lcm(*(v.denominator for _, v in parts))
        constant = sum(int(v * scale) for x, v in parts if x is None)
        pairs = [(x, int(v * scale)) for x, v in parts if x is not None]
        total = _sum(pairs) + constant
        first = self.example(*where, total < 0 if strictly else total <= 0)
        if first is None:
            return ()
        better = self._optimum(z3.And(True, *where), pairs)
        return (first,) if better is None or better == first else (better, first)

    def _gain(self, q: Quote, tickets: Fraction) -> list[tuple[Any, Fraction]]:
        """What tickets gain, as a sum of facts."""
        import z3

        cost = q.ask if tickets > 0 else q.bid
        assert cost is not None
        pays = self.sum(q.event) if q.number else [(self.event(q.event), Fraction(1))]  # type: ignore[arg-type]
        whole = [*((x, v * tickets) for x, v in pays), (None, -cost * tickets)]
        if q.given is None:
            return whole
        given = self.event(q.given)  # type: ignore[arg-type]
        return [(given if x is None else z3.And(given, x), v) for x, v in whole]

    def _optimum(self, on: Any, pairs: Sequence[tuple[Any, int]]) -> dict[str, Any] | None:
        import z3

        if self._slow > 2:
            return None
        search = z3.Optimize()
        search.set("timeout", _PATIENCE)
        search.add(*self.facts, on)
        search.minimize(_sum(pairs))
        answer = search.check()
        self._slow += answer == z3.unknown
        return self._world(search.model()) if answer == z3.sat else None

    def _world(self, model: Any) -> dict[str, Any]:
        import z3

        world = {}
        for name in self.names:
            world[name] = next(
                (v for v, x in self.literals[name].items() if z3.is_true(model.eval(x, model_completion=True))),
                self.values[name][0],
            )
        return world

    def _tired(self) -> Exception:
        return refuse(
            "over-budget", f"z3 did not find within {self.seconds:g} s whether there is a world in which the stakes lose",
            help="quote fewer tickets at a time, or allow more `seconds`",
        )  # fmt: skip


def _sum(pairs: Sequence[tuple[Any, int]]) -> Any:
    """A sum of amounts, each counted where its fact holds. Arithmetic, not clauses: `at least k` is then a linear bound."""
    import z3

    return z3.Sum([z3.IntVal(0), *(v * z3.If(x, z3.IntVal(1), z3.IntVal(0)) for x, v in pairs)])


__all__ = ["Search"]
