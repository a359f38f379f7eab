"""A diagram as one symbolic play: every wire as a value that may be open, and what is known of it.

* A draw is any value of positive chance (a normal one: any number). What holds of all those holds in every play.
* A decision is any move that its rules allow, so a claim proved is one about all strategies. With a strategy plugged in there is
  no decision left, except clearings: those are any point obeying the rules, of which the best is one.
* The dual of a rule is any number of the right sign: one more unit on the right of `<=` is never bad for the decider, and never
  good on the right of `>=`.
* Loops are unrolled, calls and branches are entered. Wires from outside (`inputs`) are any values of their spaces.

`play` adds facts to the translator (supports and rules, under the branch they stand in) and obligations (checked outputs,
denominators, chances that are chances). Nothing about claims stands here.

Source: Ghani, Hedges, Winschel, Zahn, Compositional game theory (2018), for play; the abstraction is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from opengames.cases import Undecided
from opengames.diagram import Box, Branch, Call, Compute, Decide, Diagram, Draw, Loop, Port, wires
from opengames.plug import is_clearing
from opengames.proved import values as v
from opengames.proved.translate import Scope, Translator
from opengames.proved.values import Truth, Value
from opengames.show import show
from opengames.spaces import Family, Space, index_points
from opengames.terms import Fold, If, Normal, Prim, Select, Term, Uniform, Weighted, free

Place = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A value left open. kind: "input", "draw", "decision", "dual" or "answer" (of the outside, to an open game).

    place: where it is made: names of calls, labels of arms, values of loops. of: words for messages.
    """

    kind: str
    place: Place
    wire: str
    value: Value
    space: Space

    @property
    def name(self) -> str:
        """What messages call it: `quote at t = 3`."""
        inside = [each for each in self.place if isinstance(each, str)]
        loops = [f"{n} = {show(value, s)}" for each in self.place if isinstance(each, tuple) for n, value, s in each]
        wire = ".".join([*inside, self.wire])
        return f"{wire} at {', '.join(loops)}" if loops else wire


@dataclass(frozen=True, slots=True)
class Obeyed:
    """One rule of a decision, for one value of its indices: `thermal[DE]` is rule "thermal" with key ("DE",)."""

    place: Place
    rule: str
    key: tuple[str, ...]
    holds: Truth

    @property
    def name(self) -> str:
        return f"{self.rule}[{', '.join(self.key)}]" if self.key else self.rule


@dataclass(frozen=True, slots=True)
class Side:
    """One comparison of a rule: `left op right`, where `test` holds."""

    op: str
    left: Value
    right: Value
    test: Truth


@dataclass
class Reached:
    """A decision with rules, as it is reached: what `legal` needs to see whether it has a move.

    before: how many choices were made before it. facts: where in the translator's facts it was opened, and where its rules had
    been said. opened: the end of what is known of its moves by their spaces. count: of names given before. holds: its rules.
    earned: what the decider earns, where the play knows it. prices: the duals asked for, by port. sides: the comparisons that a rule
    is made of whose dual is asked for; none for other rules, and for those that are made of more.
    """

    box: Decide
    clearing: bool
    choices: list[Choice]
    before: int
    path: tuple[Any, ...]
    facts: tuple[int, int]
    opened: int
    count: int
    rules: list[str] = field(default_factory=list)
    holds: list[Truth] = field(default_factory=list)
    earned: Value = None
    prices: list[tuple[Port, Value]] = field(default_factory=list)
    sides: list[list[Side] | None] = field(default_factory=list)


@dataclass
class Play:
    """wires: the values of the diagram's own wires; types: their spaces. choices: all that was left open, at every depth.

    rules: what the decisions must obey. clearings, duals: whether a decision may be one whose best move is meant,
    and is known by its rules only; whether the prices of some rules are asked for. reached: decisions with rules, in order.
    end: how many facts the translator had when the play was over.
    """

    wires: dict[str, Value]
    types: dict[str, Space]
    choices: list[Choice] = field(default_factory=list)
    rules: list[Obeyed] = field(default_factory=list)
    clearings: bool = False
    duals: bool = False
    reached: list[Reached] = field(default_factory=list)
    end: int = 0

    @property
    def scope(self) -> Scope:
        return Scope(self.wires, self.types)


def play(
    tr: Translator, diagram: Diagram, inputs: Mapping[str, Value] | None = None, obeying: bool = True
) -> Play:
    """The symbolic play of a diagram. Raises `Undecided` for what is too large or cannot be said to z3.

    inputs: values of the inputs, where they are not left open. obeying: whether the rules of decisions are assumed, or only listed.
    """
    made = Play({}, wires(diagram))
    given = dict(inputs or {})
    for port in diagram.inputs:
        if port.name not in given:
            given[port.name] = _open(tr, made, "input", (), port)
    made.wires = _Level(tr, made, diagram, (), obeying).run(given)
    made.end = len(tr.facts)
    return made


def _open(tr: Translator, made: Play, kind: str, place: Place, port: Port) -> Value:
    try:
        value = tr.open(port.name, port.space)
    except ValueError:
        raise Undecided(f"`{port.name}` ranges over nothing: no play gets there") from None
    made.choices.append(Choice(kind, place, port.name, value, port.space))
    return value


@dataclass
class _Level:
    """One diagram being played, at a place."""

    tr: Translator
    made: Play
    diagram: Diagram
    place: Place
    obeying: bool

    def run(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """The values of all wires of the level."""
        self.types = wires(self.diagram)
        self.known: dict[str, Value] = dict(given)
        self.answers = {p.name: p for p in self.diagram.expects if p.name not in self.known}
        waiting: list[tuple[Decide, Reached]] = []
        met: list[tuple[Decide, Reached]] = []
        for box in self.diagram.boxes:
            reached = self._reached(box) if isinstance(box, Decide) and (box.rules or box.duals) else None
            self._box(box)
            if isinstance(box, Decide) and reached is not None:
                reached.choices = [c for c in self.made.choices[reached.before :] if c.kind == "decision"]
                reached.opened = len(self.tr.facts)
                waiting.append((box, reached))
                met.append((box, reached))
            while waiting and self._is_sayable(waiting[0][0]):  # rules bind what comes after them, and nothing before
                self._rules(*waiting.pop(0))
        for left, reached in waiting:
            self._rules(left, reached)
        for box, reached in met:
            reached.earned = self.known.get(box.earning)
            reached.prices = [(p, self.known[p.name]) for p in box.duals]
        return self.known

    def _reached(self, box: Decide) -> Reached:
        n = len(self.tr.facts)
        return Reached(box, is_clearing(box), [], len(self.made.choices), self.tr.path, (n, n), n, self.tr.count)

    def _is_sayable(self, box: Decide) -> bool:
        """Whether all that its rules look at is known by now."""
        looked = frozenset().union(*(free(Fold("and", r.iters, r.term)) for r in box.rules))
        return looked <= self.known.keys() | self.answers.keys()

    def _scope(self, *terms: Term) -> Scope:
        for term in terms:
            for name in free(term):
                if name not in self.known and name in self.answers:
                    self.known[name] = self._opened("answer", self.answers[name])
        return Scope(self.known, self.types)

    def _opened(self, kind: str, port: Port) -> Value:
        return _open(self.tr, self.made, kind, self.place, port)

    def _box(self, box: Box) -> None:
        match box:
            case Compute(out=out, term=term):
                self.known[out.name] = self.tr.value(term, self._scope(term))
            case Draw(out=out, kernel=kernel):
                self.known[out.name] = self._drawn(out, kernel)
            case Decide():
                self.made.clearings |= is_clearing(box)
                self.made.duals |= bool(box.duals)
                for port in box.outs:
                    self.known[port.name] = self._opened("decision", port)
                for port in box.duals:
                    self.known[port.name] = self._opened("dual", port)
            case Call():
                self._call(box)
            case Loop():
                self._loop(box)
            case Branch():
                self._branch(box)

    # -------------------------------------------------------------------------- draws

    def _drawn(self, out: Port, kernel: Term) -> Value:
        scope = self._scope(kernel)
        if isinstance(kernel, Uniform):
            return self._opened("draw", Port(out.name, kernel.space))
        if isinstance(kernel, Weighted):
            pairs = self._pairs(kernel, scope)
            if len(pairs) == 1:
                return pairs[0][0]
            value = self._opened("draw", out)
            self._one_of(pairs, value)
            return value
        value = self._opened("draw", out)
        self._support(kernel, value, scope)
        return value

    def _pairs(self, kernel: Weighted, scope: Scope) -> list[tuple[Value, Value]]:
        tr = self.tr
        found = []
        for what, chance in kernel.pairs:
            weight = tr.value(chance, scope)
            tr.need(v.at_most(Fraction(0), weight), "a chance is below 0", kernel.at)
            with tr.under(v.less(Fraction(0), weight)) as possible:
                if possible:
                    found.append((tr.value(what, scope), weight))
        tr.need(v.equal(tr.numbers.add([w for _, w in found]), Fraction(1)), "the chances do not add up to 1", kernel.at)
        return found

    def _one_of(self, pairs: list[tuple[Value, Value]], value: Value) -> None:
        same = self.tr.labels.same
        self.tr.assume(v.disj(v.conj((v.less(Fraction(0), w), same(value, x))) for x, w in pairs))

    def _support(self, kernel: Term, value: Value, scope: Scope) -> None:
        """Assume that the value can be drawn."""
        tr = self.tr
        match kernel:
            case Weighted():
                self._one_of(self._pairs(kernel, scope), value)
            case Uniform(space=space):
                tr.assume(tr.labels.member(value, space))
            case Normal(mean=mean, deviation=deviation):
                spread = tr.value(deviation, scope)
                tr.need(v.at_most(Fraction(0), spread), "a standard deviation is below 0", kernel.at)
                middle = tr.value(mean, scope)
                tr.assume(v.implies(v.equal(spread, Fraction(0)), v.equal(value, middle)))
            case If(test=test, then=then, other=other):
                holds = tr.truth(test, scope)
                for condition, branch in ((holds, then), (v.negation(holds), other)):
                    with tr.under(condition) as possible:
                        if possible:
                            self._support(branch, value, scope)
            case Select(keys=keys, spaces=spaces, cells=cells):
                for condition, place in tr.places(keys, spaces, scope, kernel.at):
                    with tr.under(condition) as possible:
                        if possible:
                            self._support(cells[place], value, scope)
            case _:
                raise Undecided("a draw is not from chances written out, a set, or a normal distribution")

    # ---------------------------------------------------------------------- decisions

    def _rules(self, box: Decide, reached: Reached) -> None:
        asked = {p.name for p in box.duals}
        for rule in box.rules:
            scope = self._scope(Fold("and", rule.iters, rule.term))
            compared = comparisons(rule.term) if f"dual {rule.name}" in asked else None
            for known in self.tr.rounds(rule.iters):
                here = scope.bind(known, dict(rule.iters))
                holds = self.tr.truth(rule.term, here)
                reached.sides.append(None if compared is None else [self._side(tests, each, here) for tests, each in compared])
                key = tuple(show(known[n], s) for n, s in rule.iters)
                self.made.rules.append(Obeyed(self.place, rule.name, key, holds))
                reached.rules.append(rule.name)
                reached.holds.append(holds)
        reached.facts = (reached.facts[0], len(self.tr.facts))
        if box.rules:
            self.made.reached.append(reached)
        if self.obeying:
            for holds in reached.holds:
                self.tr.assume(holds)
        for port in box.duals:
            for rule in box.rules:
                if port.name == f"dual {rule.name}":
                    self.tr.assume(_signed(rule.term, self.known[port.name]))

    def _side(self, tests: tuple[Term, ...], each: Prim, here: Scope) -> Side:
        left, right = (self.tr.value(a, here) for a in each.args)
        return Side(each.op, left, right, v.conj(self.tr.truth(test, here) for test in tests))

    # -------------------------------------------------------------------------- inside

    def _inside(self, diagram: Diagram, place: Place, given: Mapping[str, Value]) -> dict[str, Value]:
        return _Level(self.tr, self.made, diagram, place, self.obeying).run(given)

    def _call(self, box: Call) -> None:
        given = {p.name: self.known[a] for p, a in zip(box.diagram.inputs, box.args, strict=True)}
        inner = self._inside(box.diagram, (*self.place, box.name), given)
        ports = box.diagram.outputs + box.diagram.reports
        for name, port in zip(box.outs + box.reports, ports, strict=True):
            self.known[name] = inner[port.name]

    def _loop(self, box: Loop) -> None:
        spaces = tuple(s for _, s in box.iters)
        carried = {c.name: self.known[c.init] for c in box.carry}
        captured = {name: self.known[name] for name in box.captured}
        types = {p.name: p.space for p in box.body.outputs}
        rounds: list[dict[str, Value]] = []
        order = list(index_points(spaces))
        for point in reversed(order) if box.reversed else order:
            here = tuple((n, x, s) for (n, s), x in zip(box.iters, point, strict=True))
            names = {n: x for n, x, _ in here}
            inner = self._inside(box.body, (*self.place, here), {**names, **carried, **captured})
            rounds.append(inner)
            carried = {c.name: self.tr.named(inner[c.next], c.name) for c in box.carry}
        if box.reversed:
            rounds.reverse()
        for name, wire in box.outs:
            items = [each[wire] for each in rounds]
            flat = isinstance(types[wire], Family)
            self.known[name] = tuple(x for each in items for x in each) if flat else tuple(items)
        for name, carry in box.lasts:
            self.known[name] = carried[carry]

    def _branch(self, box: Branch) -> None:
        subject = self.known[box.subject]
        captured = {name: self.known[name] for name in box.captured}
        found: dict[str, Value] = {}
        for arm in box.arms:
            taken: Truth = v.disj(self.tr.labels.same(subject, x) for x in arm.values)
            if taken is False:
                continue
            with self.tr.under(taken):
                inner = self._inside(arm.body, (*self.place, arm.label), captured)
            for port in box.outs:
                value = inner[port.name]
                before = found.get(port.name, value)
                found[port.name] = self.tr.labels.choose(taken, value, before)
        self.known.update(found)


def comparisons(rule: Term, tests: tuple[Term, ...] = ()) -> list[tuple[tuple[Term, ...], Prim]] | None:
    """The comparisons that a rule is made of, each with what it is said under; none if it is made of more than that."""
    match rule:
        case Prim(op="<=" | ">=" | "==") as compared:
            return [(tests, compared)]
        case Prim(op="implies", args=(test, inner)):
            return comparisons(inner, (*tests, test))
        case Prim(op="and", args=parts):
            found = [comparisons(part, tests) for part in parts]
            return None if any(each is None for each in found) else [x for each in found for x in each or ()]
    return None


def _signed(rule: Term, dual: Value) -> Truth:
    """The sign of the dual of a rule: of `<=` and `<` not below 0, of `>=` and `>` not above."""
    if not isinstance(rule, Prim) or rule.op not in ("<=", "<", ">=", ">"):
        return True
    each = dual if isinstance(dual, tuple) else (dual,)
    if rule.op in ("<=", "<"):
        return v.conj(v.at_most(Fraction(0), x) for x in each)
    return v.conj(v.at_most(x, Fraction(0)) for x in each)


__all__ = ["Choice", "Obeyed", "Play", "play"]
