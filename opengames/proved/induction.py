"""Claims about every round of a loop by induction on what it carries, so that its length does not matter.

For `always(p for t in T)` over a loop: what `p` says of the carried wires is the invariant. *Base*: it holds of
the values that the first round gets. *Step*: for any values of which it holds, any draw that can happen and any
move that the rules allow, `p` holds in that round and the invariant of the values that the next round gets.
Claims joined by `and` are proved together, each with the help of the others. What the invariant promises may be
used to show that the round has a value at all.

A step that fails shows carried values before and after. They refute nothing unless a play gets there: the first
few rounds are played from the base to see whether one does.

Source: Floyd, Assigning meanings to programs (1967); Sheeran, Singh, Stalmarck, Checking safety properties
using induction (2000).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from opengames.cases import Undecided, parts, written
from opengames.diagnostics import Refusal
from opengames.diagram import Box, Call, Compute, Decide, Diagram, Loop, Port, binds, needs, walk, wires
from opengames.proved.decide import Finding, Prover
from opengames.proved.play_claims import PlayCase
from opengames.proved.replay import Impossible, replay
from opengames.proved.shape import normal
from opengames.proved.translate import Scope, Translator
from opengames.show import show
from opengames.spaces import Family, Grid, index_size, points
from opengames.terms import (
    TRUE,
    Apply,
    At,
    Check,
    Const,
    Fold,
    Get,
    If,
    Member,
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Var,
    free,
    rebuild,
    substitute,
)

ROUNDS = 6
"""Rounds that are played from the base to see whether a failing step can be reached."""
_ROUND = "the round"
_SHOWN = 6


@dataclass(frozen=True)
class Inductive(Finding):
    """covers: which rounds it is about, in words."""

    covers: str = ""


def by_rounds(prover: Prover, diagram: Diagram, term: Term, planned: bool = False) -> Finding:
    """The finding about a claim, by induction. Raises `Undecided` where the claim or the diagram is not of that form."""
    claim = Rounds.of(diagram, term, prover)
    covers = f"induction over {'any number of' if claim.timeless else f'{claim.length:,}'} rounds"
    base = _Case(prover, normal(claim.at_first(), prover.funs), diagram=claim.base(), planned=planned).finding()
    if base.verdict == "refuted":
        return claim.reached(planned, 1) or _unknown(claim.open or "it does not hold of what the first round gets")
    if base.verdict == "unknown":
        return _unknown(*(f"of the first round: {why}" for why in base.reasons))
    step = _Case(
        prover, normal(claim.step(), prover.funs), diagram=claim.round(), planned=planned, starts=False,
        given=claim.invariant(claim.now),
    )
    found = step.finding()
    contracts = tuple(dict.fromkeys(base.contracts + found.contracts))
    if found.verdict == "proved":
        return Inductive("proved", [], (), contracts, 1, covers)
    if found.verdict == "unknown":
        return _unknown(*(f"of the step from round to round: {why}" for why in found.reasons))
    refuted = claim.reached(planned, ROUNDS)
    return refuted or _unknown(claim.told(step), *claim.tried())


def _unknown(*reasons: str) -> Finding:
    return Finding("unknown", [], tuple(reasons))


@dataclass
class _Case(PlayCase):
    """A claim about one round, of whose beginning something is known."""

    given: Term = TRUE

    def start(self, quantifiers: bool) -> tuple[Translator, Scope] | None:
        started = super().start(quantifiers)
        if started is not None:
            tr, scope = started
            tr.assume(tr.truth(normal(self.given, self.prover.funs), scope, -1))
        return started


@dataclass
class Rounds:
    """A claim about each round of one loop. before: the boxes that come before the loop, whatever it does.

    each: conjuncts over wires of the body. duties: what outputs promise of each round. lasts: over what it
    carries at the end. now: how the step's diagram calls the loop's wires. played, open: of the first rounds,
    how many were found to hold, and what was left open.
    """

    prover: Prover
    diagram: Diagram
    loop: Loop
    before: tuple[Box, ...]
    each: tuple[Term, ...]
    duties: tuple[Term, ...]
    lasts: tuple[Term, ...]
    now: dict[str, str] = field(default_factory=dict)
    played: int = 0
    open: str = ""

    @classmethod
    def of(cls, diagram: Diagram, term: Term, prover: Prover) -> Rounds:
        """The claim taken apart."""
        same = _copies(diagram)
        every = list(_conjuncts(normal(substitute(term, {n: Var(w) for n, w in same.items()}), prover.funs)))
        loop = _loop_of(diagram, every)
        outs, lasts = dict(loop.outs), dict(loop.lasts)
        tainted = {p.name for p in binds(loop)}
        before: list[Box] = []
        duties: list[Term] = []
        for box in diagram.boxes:
            if box is loop:
                continue
            if needs(box) & tainted:
                tainted |= {p.name for p in binds(box)}
                promised = _promised(box, outs)
                if promised is None:
                    _must_have_values(box, prover)
                else:
                    duties += promised
            else:
                before.append(box)
        each: list[Term] = []
        last: list[Term] = []
        for one in every:
            if free(one) & outs.keys():
                each += _in_round(one, loop, outs)
            elif free(one) & lasts.keys():
                last.append(substitute(one, {n: Var(_inside(c)) for n, c in lasts.items()}))
            else:
                raise Undecided("a part of the claim is not about the rounds of the loop")
            if (free(one) - outs.keys() - lasts.keys()) & tainted:
                raise Undecided("the claim is about wires that come after the loop")
        made = cls(prover, diagram, loop, tuple(before), tuple(each), tuple(duties), tuple(last))
        made._name()
        return made

    def _name(self) -> None:
        taken = {p.name for p in self.diagram.inputs} | {p.name for box in self.before for p in binds(box)}
        for name in (*wires(self.loop.body), *(c.name for c in self.loop.carry)):
            self.now[name] = f"{name} in {_ROUND}" if name in taken else name

    # -------------------------------------------------------------------------- time

    @property
    def order(self) -> list[Any]:
        found = list(points(self.loop.iters[0][1]))
        return found[::-1] if self.loop.reversed else found

    @property
    def length(self) -> int:
        return index_size(tuple(s for _, s in self.loop.iters))

    @property
    def timeless(self) -> bool:
        """Whether neither the body nor the claim looks at which round it is."""
        name = self.loop.iters[0][0]
        looked = any(name in needs(box) for box in self.loop.body.boxes)
        ruled = any(
            name in free(rule.term)
            for _, box in walk(self.loop.body) if isinstance(box, Decide) for rule in box.rules
        )  # fmt: skip
        return not looked and not ruled and not any(_inside(name) in free(c) for c in self._owed + self.lasts)

    def _next(self, here: Term) -> Term:
        """The index of the round after this one."""
        ((_, space),) = self.loop.iters
        order = self.order
        steps = {b - a for a, b in pairwise(order)} if isinstance(space, Grid) else set()
        if len(steps) == 1:
            return Prim("+", (here, Const(steps.pop())))
        after = dict(pairwise(order))
        return Select((here,), (space,), tuple(Const(after.get(x, x)) for x in points(space)))

    # ------------------------------------------------------------------------ claims

    @property
    def _owed(self) -> tuple[Term, ...]:
        return self.each + self.duties

    @property
    def _state(self) -> tuple[Term, ...]:
        """The conjuncts about what a round begins with."""
        carried = {_inside(c.name) for c in self.loop.carry} | {_inside(self.loop.iters[0][0])}
        own = {_inside(n) for n in wires(self.loop.body)} - {_inside(n) for n in self.loop.captured}
        return (*(c for c in self._owed if free(c) & own <= carried), *self.lasts)

    def invariant(self, names: dict[str, str], time: Term | None = None) -> Term:
        """What is claimed of carried values. names: of the wires that have them."""
        return _all(self._said(c, names, time) for c in self._state)

    def _said(self, claim: Term, names: dict[str, str], time: Term | None = None) -> Term:
        values: dict[str, Term] = {_inside(n): Var(w) for n, w in names.items()}
        if time is not None:
            values[_inside(self.loop.iters[0][0])] = time
        values |= {_inside(n): Var(n) for n in self.loop.captured}
        return substitute(claim, values)

    def at_first(self) -> Term:
        """The base: the invariant of the values that the first round gets."""
        return self.invariant({c.name: c.init for c in self.loop.carry}, Const(self.order[0]))

    def step(self) -> Term:
        """What a round must show: the claim in it, and the invariant of what it hands on."""
        here: Term = Var(self.now[self.loop.iters[0][0]])
        nexts = {c.name: f"{self.now[c.name]} next" for c in self.loop.carry}
        handed = self.invariant(nexts, self._next(here))
        if not self.timeless:
            not_last: Term = Prim("!=", (here, Const(self.order[-1])))
            handed = _all([
                Prim("implies", (not_last, handed)),
                *(self._said(c, nexts) for c in self.lasts),
            ])  # fmt: skip
        return _all([*(self._said(c, self.now) for c in self._owed if c not in self._state), handed])

    # ---------------------------------------------------------------------- diagrams

    def base(self) -> Diagram:
        """All that comes before the loop."""
        return Diagram(self.diagram.name, self.diagram.inputs, (), self.before, self.diagram.expects)

    def round(self) -> Diagram:
        """One round from any carried values."""
        name, space = self.loop.iters[0]
        ports = tuple(Port(self.now[c.name], c.space) for c in self.loop.carry)
        first: tuple[Box, ...] = ()
        if self.timeless:
            first = (Compute(Port(self.now[name], space), Const(self.order[0]), hidden=True),)
        else:
            ports = (Port(self.now[name], space), *ports)
        call = self._call("", self.now, {c.name: self.now[c.name] for c in self.loop.carry}, self.now[name])
        return replace(self.base(), inputs=self.diagram.inputs + ports, boxes=(*self.before, *first, call))

    def _call(self, label: str, names: dict[str, str], carried: dict[str, str], time: str) -> Call:
        body = self.loop.body
        inner = wires(body)
        given = {p.name for p in body.inputs}
        outs = [(n, names[n]) for n in inner if n not in given and n not in {p.name for p in body.expects}]
        outs += [(c.next, f"{names[c.name]} next") for c in self.loop.carry]
        at = {self.loop.iters[0][0]: time, **carried}
        args = tuple(at.get(p.name, p.name) for p in body.inputs)
        made = replace(body, outputs=tuple(Port(n, inner[n]) for n, _ in outs), reports=())
        return Call(label or _ROUND, made, args, tuple(w for _, w in outs))

    # -------------------------------------------------------------------- refutations

    def reached(self, planned: bool, most: int) -> Finding | None:
        """A play that breaks the claim within the first rounds; `None` if none was found."""
        carried = {c.name: c.init for c in self.loop.carry}
        boxes = list(self.before)
        blocked = bool(self.duties) or any(isinstance(box, Decide) and box.rules for _, box in walk(self.diagram))
        name, space = self.loop.iters[0]
        for i, point in enumerate(self.order[:most]):
            label = f"{name} = {show(point, space)}"
            names = {n: f"{n} at {label}" for n in self.now}
            boxes.append(Compute(Port(names[name], space), Const(point), hidden=True))
            boxes.append(self._call(label, names, carried, names[name]))
            names |= carried
            said = _all(self._said(c, names, Const(point)) for c in self.each)
            carried = {c.name: f"{c.name} at {label} next" for c in self.loop.carry}
            if i + 1 == self.length:
                said = _all([said, *(self._said(c, carried) for c in self.lasts)])
            if self.prover.clock.left <= 0:
                return None
            chain = replace(self.base(), boxes=tuple(boxes))
            try:
                found = _Case(self.prover, normal(said, self.prover.funs), diagram=chain, planned=planned).finding()
            except Undecided:
                return None
            if found.verdict == "refuted" and (not blocked or i + 1 == self.length):
                witness = [(_said_at(n), x, s) for n, x, s in found.witness]
                return Finding("refuted", witness, (f"it fails at {label}",), found.contracts, 1)
            if found.verdict == "refuted":
                self.open = f"it fails at {label} of a play, if play can go on from there: a rule or a promise may end it"
            if found.verdict != "proved":
                return None
            self.played = i + 1
        return None

    def tried(self) -> list[str]:
        """What is known of the first rounds, in words."""
        if self.open:
            return [self.open]
        held = [f"it holds in the first {self.played} rounds of every play"] if self.played > 1 else []
        return [*held, "whether a play gets there is open; join to the claim what else holds in every round, by `and`"]

    def told(self, step: _Case) -> str:
        """The round that breaks the step: carried values before and after."""
        try:
            known = replay(step.diagram, step.chosen, self.prover.funs, self.prover.params)
        except (Impossible, Refusal):
            known = {}
        shown = []
        for c in self.loop.carry[:_SHOWN]:
            before, after = known.get(self.now[c.name]), known.get(f"{self.now[c.name]} next")
            if before is not None and after is not None:
                shown.append(f"{c.name} = {show(before, c.space)} then {show(after, c.space)}")
        inside = set(self.now.values()) | {p.name for p in step.diagram.inputs}
        for choice in step.made.choices:
            if choice.kind in ("draw", "decision") and len(shown) < 2 * _SHOWN and choice.name not in inside:
                value = step.chosen.get((choice.place, choice.wire))
                wire = choice.name.removeprefix(f"{_ROUND}.")
                shown.append(f"{wire} = {show(value, choice.space)}")
        where = f" where {', '.join(shown)}" if shown else ""
        return f"the step from one round to the next fails{where}"


def _inside(name: str) -> str:
    """A wire of the loop's body, in claims that have been taken apart."""
    return f"inside {name}"


def _said_at(name: str) -> str:
    """`t = 2.rain` as `rain at t = 2`."""
    head, dot, rest = name.partition(".")
    return f"{rest} at {head}" if dot and " = " in head else name


def _all(claims: Any) -> Term:
    whole: Term | None = None
    for each in claims:
        if each != TRUE:
            whole = each if whole is None else Prim("and", (whole, each))
    return TRUE if whole is None else whole


def _conjuncts(term: Term) -> Iterator[Term]:
    if isinstance(term, Prim) and term.op == "and":
        for part in term.args:
            yield from _conjuncts(part)
    else:
        yield term


def _loop_of(diagram: Diagram, claims: list[Term]) -> Loop:
    """The loop that the claims are about."""
    used = frozenset().union(*(free(c) for c in claims))
    found = [
        box for box in diagram.boxes
        if isinstance(box, Loop) and used & ({n for n, _ in box.outs} | {n for n, _ in box.lasts})
    ]  # fmt: skip
    if len(found) != 1:
        raise Undecided(
            "it is about no loop of the game itself" if not found else "it is about several loops at once"
        )
    (loop,) = found
    if not loop.carry or len(loop.iters) != 1:
        raise Undecided("induction goes along a loop that carries something, over one index")
    return loop


def _copies(diagram: Diagram) -> dict[str, str]:
    """Wires that are others, only looked at: outputs with a type of their own."""
    found: dict[str, str] = {}
    for box in diagram.boxes:
        if isinstance(box, Compute):
            term = box.term.value if isinstance(box.term, Check) else box.term
            if isinstance(term, Var):
                found[box.out.name] = found.get(term.name, term.name)
    return found


def _promised(box: Box, outs: dict[str, str]) -> list[Term] | None:
    """What a box that only looks at a family of the loop promises of each round; `None` for any other box."""
    if not isinstance(box, Compute):
        return None
    term = box.term.value if isinstance(box.term, Check) else box.term
    if not isinstance(term, Var) or term.name not in outs:
        return None
    if not isinstance(box.term, Check):
        return []
    space = box.term.space
    if not isinstance(space, Family) or len(space.index) != 1:
        return None
    return [Member(Var(_inside(outs[term.name])), space.item, at=box.term.at)]


def _in_round(claim: Term, loop: Loop, outs: dict[str, str]) -> list[Term]:
    """The conjuncts of what is claimed of each round, over wires of the body."""
    (index,) = loop.iters
    if not isinstance(claim, Fold) or claim.op != "and":
        raise Undecided("induction is for `always(...)` or `forall` over the rounds of the loop")
    times = [n for n, s in claim.iters if s == index[1] and _runs(claim, n, outs)]
    if len(times) != 1:
        raise Undecided("the claim does not go through all rounds of the loop, one by one")
    (time,) = times
    rest = tuple((n, s) for n, s in claim.iters if n != time)
    found = []
    for part in _conjuncts(claim.body):
        said: Term = Fold("and", rest, part, claim.where, at=claim.at) if rest else part
        if not rest and claim.where is not None:
            said = Prim("implies", (claim.where, part))
        inner = _elements(said, time, outs)
        if free(inner) & outs.keys():
            raise Undecided("the claim compares rounds with each other: only what one round has is carried over")
        found.append(substitute(inner, {time: Var(_inside(index[0]))}))
    return found


def _runs(claim: Fold, name: str, outs: dict[str, str]) -> bool:
    return any(
        isinstance(t, At) and isinstance(t.family, Var) and t.family.name in outs and t.keys[0] == Var(name)
        for t in parts(claim.body)
    )


def _elements(term: Term, time: str, outs: dict[str, str]) -> Term:
    """Elements of the loop's families at this round as wires of the body."""
    if isinstance(term, At) and isinstance(term.family, Var) and term.family.name in outs and term.keys[0] == Var(time):
        wire: Term = Var(_inside(outs[term.family.name]), at=term.at)
        rest = tuple(_elements(k, time, outs) for k in term.keys[1:])
        return At(wire, rest, term.index[1:], at=term.at) if rest else wire
    made: Term = rebuild(term, lambda t: _elements(t, time, outs))
    return made


_TOTAL = frozenset({
    "+", "-", "*", "neg", "abs", "min", "max", "clamp", "==", "!=", "<", "<=", ">", ">=", "and", "or", "implies", "not",
    "ind", "floor", "exp",
})  # fmt: skip


def _must_have_values(box: Box, prover: Prover) -> None:
    """Raises `Undecided` for a box behind the loop that may have no value: nothing here would show that it has one."""
    if isinstance(box, Compute) and all(_is_total(t, prover) for t in parts(box.term)):
        return
    what = ", ".join(f"`{written(p.name)}`" for p in binds(box)) or "what comes"
    raise Undecided(f"{what} after the loop may have no value, which induction over its rounds does not look at")


def _is_total(term: Term, prover: Prover) -> bool:
    match term:
        case Prim(op="/", args=(_, Const(value=divisor))):
            return bool(divisor)
        case Prim(op=op):
            return op in _TOTAL
        case Apply(fun=name):
            return all(_is_total(t, prover) for t in parts(prover.funs[name].body))
        case At(keys=keys):
            return all(isinstance(k, Const | Var) for k in keys)
        case Fold(op=op):
            return op not in ("min", "max") or term.where is None
    return isinstance(term, Const | Var | Param | If | Select | Pack | Get | Tabulate | Member)


__all__ = ["ROUNDS", "Inductive", "Rounds", "by_rounds"]
