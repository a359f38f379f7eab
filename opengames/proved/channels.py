"""Finite channels with open chances: `flip[y] >> flip[z] == flip[y + z - 2*y*z]` for every y and z.

The distribution of what leaves is computed as in the exact reading, path by path, with chances that are numbers or
open; two channels are the same if for every input every outcome has the same chance, a claim for z3 (mostly an identity of
polynomials, which expanding settles).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import z3

from opengames.cases import Undecided
from opengames.diagram import Branch, Call, Compute, Diagram, Draw, Loop, Port
from opengames.proved import values as v
from opengames.proved.translate import Scope, Translator
from opengames.proved.values import Num, Truth, Value
from opengames.spaces import Family, index_points, index_size, is_finite, points, size
from opengames.terms import Ask, Compose, If, Ref, Select, Term, Uniform, Weighted

STATES = 4_000
"""Ways a channel can turn out, and inputs that are tried."""

Outcome = tuple[tuple[Value, ...], Value]


@dataclass(frozen=True, slots=True)
class _State:
    known: dict[str, Value]
    chance: Value
    path: tuple[Truth, ...]


def same(tr: Translator, diagrams: Mapping[str, Diagram], ask: Ask, scope: Scope) -> Truth:
    """Whether two compositions of channels give the same distribution for every input."""
    first, second = ask.args
    work = _Channels(tr, diagrams, scope)
    ports = work.ports(first)
    if any(not is_finite(p.space) for p in ports) or index_size(tuple(p.space for p in ports)) > STATES:
        raise Undecided("the channels take infinitely or too many inputs to compare them input by input")
    found: list[Truth] = []
    for given in index_points(tuple(p.space for p in ports)):
        left, right = (_grouped(work.outcomes(each, given), tr) for each in (first, second))
        for outs in dict.fromkeys([*left, *right]):
            found.append(_equal(left.get(outs, Fraction(0)), right.get(outs, Fraction(0))))
    return v.conj(found)


def _equal(a: Value, b: Value) -> Truth:
    if isinstance(a, Num) or isinstance(b, Num):
        difference = z3.simplify(v.expr(a) - v.expr(b), som=True)
        if z3.is_rational_value(difference):
            return bool(difference.numerator_as_long() == 0)
    return v.equal(a, b)


def _grouped(outcomes: list[Outcome], tr: Translator) -> dict[Any, Value]:
    found: dict[Any, list[Value]] = {}
    for outs, chance in outcomes:
        if not all(map(_is_known, outs)):
            raise Undecided("what leaves the channels depends on an open number, not only its chance")
        found.setdefault(outs, []).append(chance)
    return {outs: tr.numbers.add(chances) for outs, chances in found.items()}


def _is_known(value: Value) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_known, value))
    return isinstance(value, Fraction | bool | str | int)


@dataclass
class _Channels:
    tr: Translator
    diagrams: Mapping[str, Diagram]
    scope: Scope

    def ports(self, term: Term) -> tuple[Port, ...]:
        """The inputs of a composition."""
        match term:
            case Ref(name=name):
                return self.diagrams[name].inputs
            case Compose(op="instance", args=(Ref(name=name), *statics)):
                return self.diagrams[name].inputs[len(statics) :]
            case Compose(op="then", args=(first, _)):
                return self.ports(first)
            case Compose(op="beside", args=(first, second)):
                return self.ports(first) + self.ports(second)
        raise Undecided("this composition is not one of channels by name")

    def outcomes(self, term: Term, given: tuple[Value, ...]) -> list[Outcome]:
        """What can leave a composition, with its chance."""
        match term:
            case Ref(name=name):
                return self._diagram(self.diagrams[name], given)
            case Compose(op="instance", args=(Ref(name=name), *statics)):
                fixed = tuple(self.tr.value(s, self.scope) for s in statics)
                return self._diagram(self.diagrams[name], fixed + given)
            case Compose(op="then", args=(first, second)):
                found = []
                for middle, p in self.outcomes(first, given):
                    with self.tr.under(v.less(Fraction(0), p)) as possible:
                        if possible:
                            found += [(outs, self.tr.numbers.mul(p, q)) for outs, q in self.outcomes(second, middle)]
                return found
            case Compose(op="beside", args=(first, second)):
                n = len(self.ports(first))
                return [
                    (a + b, self.tr.numbers.mul(p, q))
                    for a, p in self.outcomes(first, given[:n])
                    for b, q in self.outcomes(second, given[n:])
                ]
        raise Undecided("this composition is not one of channels by name")

    def _diagram(self, diagram: Diagram, given: tuple[Value, ...]) -> list[Outcome]:
        start = {p.name: x for p, x in zip(diagram.inputs, given, strict=True)}
        states = self._run(diagram, [_State(start, Fraction(1), ())])
        return [(tuple(s.known[p.name] for p in diagram.outputs), s.chance) for s in states]

    def _run(self, diagram: Diagram, states: list[_State]) -> list[_State]:
        from opengames.diagram import wires

        types = wires(diagram)
        for box in diagram.boxes:
            after: list[_State] = []
            for state in states:
                with self.tr.under(*state.path):
                    after += self._box(box, state, Scope(state.known, types), diagram)
                if len(after) > STATES:
                    raise Undecided(f"a channel turns out in more than {STATES:,} ways")
            states = after
        return states

    def _box(self, box: Any, state: _State, scope: Scope, diagram: Diagram) -> list[_State]:
        match box:
            case Compute(out=out, term=term):
                return [_with(state, {out.name: self.tr.value(term, scope)})]
            case Draw(out=out, kernel=kernel):
                found = []
                for value, chance in self.drawn(kernel, scope):
                    likely = v.less(Fraction(0), chance)
                    if likely is not False:
                        path = state.path if likely is True else (*state.path, likely)
                        weight = self.tr.numbers.mul(state.chance, chance)
                        found.append(_State({**state.known, out.name: value}, weight, path))
                return found
            case Call(diagram=inner, args=args, outs=outs):
                made = self._diagram(inner, tuple(state.known[a] for a in args))
                return [
                    _with(state, dict(zip(outs, values, strict=True)), self.tr.numbers.mul(state.chance, p))
                    for values, p in made
                ]
            case Loop():
                return self._loop(box, state)
            case Branch(subject=subject, arms=arms, captured=captured, outs=outs):
                arm = next((a for a in arms if state.known[subject] in a.values), None)
                if arm is None:
                    raise Undecided(f"`{subject}` is open where the channel branches on it")
                inside = self._run(arm.body, [_State({n: state.known[n] for n in captured}, state.chance, state.path)])
                return [_State({**state.known, **{p.name: s.known[p.name] for p in outs}}, s.chance, s.path) for s in inside]
        raise Undecided(f"`{diagram.name}` has decisions: what it does depends on a strategy")

    def _loop(self, box: Loop, state: _State) -> list[_State]:
        order = list(index_points(tuple(s for _, s in box.iters)))
        families = {p.name for p in box.body.outputs if isinstance(p.space, Family)}
        carried = {c.name: state.known[c.init] for c in box.carry}
        captured = {n: state.known[n] for n in box.captured}
        runs: list[tuple[_State, list[dict[str, Value]]]] = [(_State(carried, state.chance, state.path), [])]
        for point in reversed(order) if box.reversed else order:
            names = {n: x for (n, _), x in zip(box.iters, point, strict=True)}
            after = []
            for at, done in runs:
                for s in self._run(box.body, [_State({**names, **at.known, **captured}, at.chance, at.path)]):
                    after.append((_State({c.name: s.known[c.next] for c in box.carry}, s.chance, s.path), [*done, s.known]))
            if len(after) > STATES:
                raise Undecided(f"a channel turns out in more than {STATES:,} ways")
            runs = after
        found = []
        for at, done in runs:
            rounds = list(reversed(done)) if box.reversed else done
            names = {name: at.known[carry] for name, carry in box.lasts}
            for name, wire in box.outs:
                items = [each[wire] for each in rounds]
                names[name] = tuple(x for each in items for x in each) if wire in families else tuple(items)
            found.append(_State({**state.known, **names}, at.chance, at.path))
        return found

    def drawn(self, kernel: Term, scope: Scope) -> list[tuple[Value, Value]]:
        """The values that can be drawn, with chances; what must hold of the chances becomes an obligation."""
        tr = self.tr
        match kernel:
            case Weighted(pairs=pairs):
                found = [(tr.value(x, scope), tr.value(w, scope)) for x, w in pairs]
                for _, weight in found:
                    tr.need(v.at_most(Fraction(0), weight), "a chance is below 0", kernel.at)
                total = tr.numbers.add([w for _, w in found])
                tr.need(_equal(total, Fraction(1)), "the chances do not add up to 1", kernel.at)
                return found
            case Uniform(space=space) if is_finite(space):
                n = size(space) or 0
                if not 0 < n <= STATES:
                    raise Undecided(f"`uniform` over {n:,} outcomes")
                return [(x, Fraction(1, n)) for x in points(space)]
            case If(test=test, then=then, other=other):
                holds = tr.truth(test, scope)
                branches = [(holds, then), (v.negation(holds), other)]
            case Select(keys=keys, spaces=spaces, cells=cells):
                branches = [(t, cells[i]) for t, i in tr.places(keys, spaces, scope, kernel.at)]
            case _:
                raise Undecided("a draw of a channel has infinitely many outcomes")
        mixed = []
        for condition, branch in branches:
            with tr.under(condition) as possible:
                if possible:
                    mixed += [(x, tr.labels.choose(condition, w, Fraction(0))) for x, w in self.drawn(branch, scope)]
        return mixed


def _with(state: _State, names: dict[str, Value], chance: Value = None) -> _State:
    return _State({**state.known, **names}, state.chance if chance is None else chance, state.path)


__all__ = ["STATES", "same"]
