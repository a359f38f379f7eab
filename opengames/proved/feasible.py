"""Whether a decision has a legal move, for every value of what it sees: `forall load in [400 MW, 1_000 MW]: feasible(Sced(load, ...))`.

Where the rules describe a convex set of (inputs, moves), the inputs with a legal move are its shadow and convex too: if every corner
of a box has one, so has every point of it. Otherwise "there is a move" is a quantifier for z3. Where there is none, the
rules that cannot hold together are named, a set that becomes possible as soon as any one of them goes.

Source: Boyd and Vandenberghe, Convex Optimization (2004), section 2.3 (projections); the core by deletion, Chinneck,
Feasibility and Infeasibility in Optimization (2008).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import z3

from opengames.cases import Iters, Undecided, written
from opengames.diagram import Decide, Diagram, Draw, walk
from opengames.evaluate import evaluate
from opengames.proved import values as v
from opengames.proved.convex import is_convex
from opengames.proved.decide import Finding, Prover
from opengames.proved.plays import Obeyed, Play, play
from opengames.proved.solve import Reply, satisfy
from opengames.proved.translate import NeedsQuantifiers, Scope, Translator
from opengames.proved.values import Truth, Value
from opengames.proved.witness import at
from opengames.spaces import Family, Reals, Record, Space, contains, is_finite, points, size
from opengames.terms import Ask, Const, Ref, substitute

CORNERS = 512
"""Corners of the inputs that are tried."""
_CURES = 3


@dataclass(frozen=True)
class Infeasible:
    """rules: names of rules that cannot hold together. cures: inequalities among them without which all others can."""

    rules: tuple[str, ...]
    cures: tuple[str, ...]

    def sentences(self) -> list[str]:
        """In words."""
        found = [f"these rules cannot hold together: {', '.join(self.rules)}"]
        if self.cures:
            some = " or ".join(f"`{c}`" for c in self.cures[:_CURES])
            found.append(f"without {some} the others can")
        return found


def corners(prover: Prover, diagrams: Mapping[str, Diagram], iters: Iters, ask: Ask) -> Finding | None:
    """The finding about `forall iters: feasible(...)` from the corners of its box; `None` where that does not settle it."""
    diagram = _game(diagrams, ask)
    total = 1
    for _, space in iters:
        total *= _corners(space) or CORNERS + 1
    if total > CORNERS or not _is_convex(prover, diagram, iters, ask):
        return None
    worst: Finding | None = None
    fewest = (0, 0)
    for tried, values in enumerate(product(*(tuple(_ends(s)) for _, s in iters)), 1):
        known = {n: Const(x) for (n, _), x in zip(iters, values, strict=True)}
        witness = [(written(n), x, s) for (n, s), x in zip(iters, values, strict=True)]
        inputs = _inputs(prover, diagram, ask, known)
        reply, tr, made = _moves(prover, diagram, inputs)
        if reply.status == "unknown":
            return Finding("unknown", [], (f"at {at(witness)}: {reply.why}",), (), tried)
        if reply.status == "unsat":
            found = core(prover, tr, made)
            told = (-len(found.cures), len(found.rules))
            if worst is None or told <= fewest:  # nearest to a move is where any of most rules would cure it
                worst, fewest = Finding("refuted", witness, tuple(found.sentences()), (), tried), told
    if worst is not None:
        return worst
    return Finding("proved", [], (), ("at every corner, hence everywhere: the rules are jointly convex",), total)


def formula(tr: Translator, diagrams: Mapping[str, Diagram], ask: Ask, scope: Scope, want: int) -> Truth:
    """`feasible(...)` inside a claim: some moves obey the rules."""
    diagram = _game(diagrams, ask)
    inputs = [tr.value(a, scope) for a in ask.args[1:]]
    _checked(tr, diagram, inputs)
    before = len(tr.facts), len(tr.laws.every)
    made = play(tr, diagram, dict(zip((p.name for p in diagram.inputs), inputs, strict=True)), obeying=False)
    facts = tr.facts[before[0] :]
    holds = v.conj([*facts, *(r.holds for r in made.rules)])
    if want > 0:
        return holds
    del tr.facts[before[0] :]
    if not tr.quantifiers:
        raise NeedsQuantifiers("it asks for a legal move for every value of some wires")
    if len(tr.laws.every) > before[1]:
        raise Undecided("`exp`, `log` or a root stands in the rules")
    bound = {c.get_id(): c for x in made.choices for c in v.constants(x.value)}
    named = [c for f in facts for c in _defined(f) if c.get_id() not in bound]
    return z3.Exists([*bound.values(), *named], v.truth(holds)) if bound else holds


def core(prover: Prover, tr: Translator, made: Play) -> Infeasible:
    """Rules that cannot hold together, and the ones whose absence alone helps. The inputs of the play are known values."""
    kept = list(made.rules)
    first = _core_of_z3(tr, kept)
    kept = first if first is not None else kept
    for each in list(kept):
        rest = [r for r in kept if r is not each]
        if prover.clock.left > 0 and _possible(prover, tr, rest).status == "unsat":
            kept = rest
    cures = [
        each.name
        for each in kept
        if not z3.is_eq(each.holds) and prover.clock.left > 0
        and _possible(prover, tr, [r for r in made.rules if r is not each]).status == "sat"
    ]  # fmt: skip
    return Infeasible(_grouped(kept), tuple(cures))


def _possible(prover: Prover, tr: Translator, rules: list[Obeyed]) -> Reply:
    return satisfy(tr.complete(v.conj(r.holds for r in rules)), prover.clock.part(0.2))


def _core_of_z3(tr: Translator, rules: list[Obeyed]) -> list[Obeyed] | None:
    solver = z3.Solver()
    solver.set("timeout", 1000)
    solver.add(*[f for f in tr.complete(True) if not isinstance(f, bool)])
    named = {}
    for i, rule in enumerate(rules):
        named[f"rule!{i}"] = rule
        solver.assert_and_track(v.truth(rule.holds), f"rule!{i}")
    if solver.check() != z3.unsat:
        return None
    return [named[str(each)] for each in sorted(solver.unsat_core(), key=lambda c: int(str(c).split("!")[1]))]


def _grouped(rules: list[Obeyed]) -> tuple[str, ...]:
    """A rule by its index where one of its instances takes part, by its name where several do."""
    times: dict[str, list[str]] = {}
    for each in rules:
        times.setdefault(each.rule, []).append(each.name)
    return tuple(names[0] if len(names) == 1 else rule for rule, names in times.items())


# ----------------------------------------------------------------------------- parts


def _game(diagrams: Mapping[str, Diagram], ask: Ask) -> Diagram:
    ref = ask.args[0]
    assert isinstance(ref, Ref)
    diagram = diagrams[ref.name]
    ruled = [box for _, box in walk(diagram) if isinstance(box, Decide)]
    if any(isinstance(box, Draw) for _, box in walk(diagram)):
        raise Undecided(f"`{ref.name}` draws at random: whether a move is left for every draw cannot be proved yet")
    if len(ruled) != 1:
        raise Undecided(f"`{ref.name}` has {len(ruled)} decisions; `feasible` is proved for one")
    if len(ask.args) - 1 != len(diagram.inputs):
        raise Undecided(f"`{ref.name}` takes {len(diagram.inputs)} inputs")
    return diagram


def _inputs(prover: Prover, diagram: Diagram, ask: Ask, known: Mapping[str, Any]) -> dict[str, Value]:
    found = {}
    for port, arg in zip(diagram.inputs, ask.args[1:], strict=True):
        found[port.name] = evaluate(substitute(arg, dict(known)), {}, prover.funs, prover.params)
    return found


def _moves(prover: Prover, diagram: Diagram, inputs: Mapping[str, Value]) -> tuple[Reply, Translator, Play]:
    """Whether there are legal moves at known inputs."""
    for port in diagram.inputs:
        if not contains(port.space, inputs[port.name]):
            raise Undecided(f"`{port.name}` leaves its type")
    tr = prover.translator()
    made = play(tr, diagram, inputs, obeying=False)
    duties = v.conj(v.negation(d.broken()) for d in tr.obligations)
    rules = v.conj(r.holds for r in made.rules)
    return satisfy(tr.complete(v.conj((rules, duties))), prover.clock.part(0.5)), tr, made


def _is_convex(prover: Prover, diagram: Diagram, iters: Iters, ask: Ask) -> bool:
    """Whether the rules describe a convex set of inputs and moves together."""
    tr = prover.translator()
    try:
        scope = Scope({n: tr.open(written(n), s) for n, s in iters}, dict(iters))
    except ValueError:
        return False
    finite = [(n, s) for n, s in iters if is_finite(s) and (size(s) or 0) > 1]
    if finite:
        return False
    inputs = [tr.value(a, scope) for a in ask.args[1:]]
    _checked(tr, diagram, inputs)
    made = play(tr, diagram, dict(zip((p.name for p in diagram.inputs), inputs, strict=True)), obeying=False)
    told = [*tr.facts, *(r.holds for r in made.rules), *(d.holds for d in tr.obligations)]
    return not tr.laws.every and all(is_convex(each) for each in told)


def _checked(tr: Translator, diagram: Diagram, inputs: list[Value]) -> None:
    for port, value in zip(diagram.inputs, inputs, strict=True):
        tr.need(tr.labels.member(value, port.space), f"`{port.name}` of `{diagram.name}` leaves its type")


def _corners(space: Space) -> int | None:
    """How many corners a box has, a single point one; `None` for what is no box."""
    if is_finite(space):
        return size(space)
    match space:
        case Reals(lower=lower, upper=upper, whole=False) if lower is not None and upper is not None:
            return 1 if lower == upper else 2
        case Record(fields=fields):
            return _product([_corners(s) for _, s in fields])
        case Family(index=index, item=item):
            n = size(Record(tuple(("", s) for s in index))) or 0
            each = _corners(item)
            return None if each is None or n > 10 else each**n
    return None


def _product(counts: list[int | None]) -> int | None:
    total = 1
    for n in counts:
        if n is None:
            return None
        total *= n
    return total


def _ends(space: Space) -> list[Any]:
    match space:
        case Reals(lower=lower, upper=upper) if lower is not None and upper is not None:
            return sorted({lower, upper})
        case Record(fields=fields):
            return list(product(*(_ends(s) for _, s in fields)))
        case Family(index=index, item=item):
            return list(product(_ends(item), repeat=size(Record(tuple(("", s) for s in index))) or 0))
    return list(points(space))


def _defined(fact: Any) -> list[Any]:
    """The constant that an equation names."""
    if z3.is_eq(fact) and z3.is_const(fact.arg(0)) and "!" in str(fact.arg(0)):
        return v.uninterpreted(fact.arg(0))
    return []


__all__ = ["CORNERS", "Infeasible", "core", "corners", "formula"]
