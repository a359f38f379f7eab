"""One play, exactly: a diagram run with given draws and moves, each checked against its chances and rules.

This shares nothing with the translation to z3 (it evaluates), so it can say whether a counterexample is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from opengames.diagram import Box, Branch, Call, Compute, Decide, Diagram, Draw, Loop
from opengames.evaluate import evaluate
from opengames.program import Fun
from opengames.spaces import Family, contains, index_points, size
from opengames.terms import Const, Fold, If, Normal, Select, Term, Uniform, Weighted

Chosen = Mapping[tuple[tuple[Any, ...], str], Any]


class Impossible(Exception):
    """The choices are not those of a play; the text says why."""


def replay(
    diagram: Diagram, chosen: Chosen, funs: Mapping[str, Fun], params: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of the diagram's own wires. chosen: by place and wire, as `plays.Choice` has them.

    Raises `Impossible`, or `Refusal` where a term has no value.
    """
    given = {p.name: chosen[(), p.name] for p in diagram.inputs}
    for port in diagram.inputs:
        if not contains(port.space, given[port.name]):
            raise Impossible(f"`{port.name}` is outside its type")
    return _Replay(chosen, funs, params).run(diagram, (), given)


@dataclass
class _Replay:
    chosen: Chosen
    funs: Mapping[str, Fun]
    params: Mapping[str, Any]

    def run(self, diagram: Diagram, place: tuple[Any, ...], given: Mapping[str, Any]) -> dict[str, Any]:
        known = dict(given)
        for port in diagram.expects:
            if (place, port.name) in self.chosen:
                known.setdefault(port.name, self.chosen[place, port.name])
        for box in diagram.boxes:
            self._box(box, place, known)
        for box in diagram.boxes:
            if isinstance(box, Decide):
                self._obeys(box, known)
        return known

    def _value(self, term: Term, known: Mapping[str, Any]) -> Any:
        return evaluate(term, known, self.funs, self.params)

    def _box(self, box: Box, place: tuple[Any, ...], known: dict[str, Any]) -> None:
        match box:
            case Compute(out=out, term=term):
                known[out.name] = self._value(term, known)
            case Draw(out=out, kernel=kernel):
                known[out.name] = self._drawn(kernel, self.chosen.get((place, out.name)), known)
            case Decide(outs=outs, duals=duals):
                for port in outs + duals:
                    known[port.name] = self.chosen[place, port.name]
                    if not contains(port.space, known[port.name]):
                        raise Impossible(f"`{port.name}` is outside its type")
            case Call(name=name, diagram=inner, args=args, outs=outs, reports=reports):
                found = self.run(
                    inner, (*place, name), {p.name: known[a] for p, a in zip(inner.inputs, args, strict=True)}
                )
                for wire, port in zip(outs + reports, inner.outputs + inner.reports, strict=True):
                    known[wire] = found[port.name]
            case Loop():
                self._loop(box, place, known)
            case Branch(subject=subject, arms=arms, captured=captured, outs=outs):
                arm = next(a for a in arms if known[subject] in a.values)
                found = self.run(arm.body, (*place, arm.label), {name: known[name] for name in captured})
                known.update((port.name, found[port.name]) for port in outs)

    def _loop(self, box: Loop, place: tuple[Any, ...], known: dict[str, Any]) -> None:
        carried = {c.name: known[c.init] for c in box.carry}
        captured = {name: known[name] for name in box.captured}
        order = list(index_points(tuple(s for _, s in box.iters)))
        rounds = []
        for point in reversed(order) if box.reversed else order:
            here = tuple((n, x, s) for (n, s), x in zip(box.iters, point, strict=True))
            found = self.run(box.body, (*place, here), {**{n: x for n, x, _ in here}, **carried, **captured})
            carried = {c.name: found[c.next] for c in box.carry}
            rounds.append(found)
        if box.reversed:
            rounds.reverse()
        families = {p.name for p in box.body.outputs if isinstance(p.space, Family)}
        for name, wire in box.outs:
            items = [each[wire] for each in rounds]
            known[name] = tuple(x for each in items for x in each) if wire in families else tuple(items)
        for name, carry in box.lasts:
            known[name] = carried[carry]

    def _drawn(self, kernel: Term, wanted: Any, known: dict[str, Any]) -> Any:
        match kernel:
            case If(test=test, then=then, other=other):
                return self._drawn(then if self._value(test, known) else other, wanted, known)
            case Select(keys=keys, spaces=spaces, cells=cells):
                rows = tuple(Const(Fraction(i)) for i in range(len(cells)))
                return self._drawn(cells[int(self._value(Select(keys, spaces, rows), known))], wanted, known)
            case Weighted():
                can = [value for value, _ in self._value(kernel, known)]
                if wanted is None and len(can) == 1:
                    return can[0]
                if wanted not in can:
                    raise Impossible("a value is drawn that has no chance")
                return wanted
            case Uniform(space=space):
                if not contains(space, wanted) or size(space) == 0:
                    raise Impossible("a value is drawn from outside its set")
                return wanted
            case Normal(mean=mean, deviation=deviation):
                if self._value(deviation, known) == 0 and wanted != self._value(mean, known):
                    raise Impossible("a value is drawn that has no chance")
                return wanted
        raise Impossible("a draw of another kind")

    def _obeys(self, box: Decide, known: Mapping[str, Any]) -> None:
        for rule in box.rules:
            term: Term = Fold("and", rule.iters, rule.term) if rule.iters else rule.term
            if not self._value(term, known):
                raise Impossible(f"rule `{rule.name}` of {box.seat.name} is broken")


__all__ = ["Impossible", "replay"]
