"""The play as a layered graph: histories with the same live values are one node.

A node is (step, number): what is still going to matter, just before that step. Edges carry a label (the value
drawn or the move), a chance, and where they lead. What is earned on the way is a gain of the node, so a
node's future does not depend on its past: dynamic programming costs the sum of the layers, linear in a loop's
length.

With `merge=False` every history is a node of its own: the game tree.

Source: Bellman, Dynamic Programming (1957), chapter III; Osborne and Rubinstein (1994), section 11.1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from operator import itemgetter
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.show import show
from opengames.solvers.code import Assign, Choose, Code, Draw, Formula, Gather, Join, Mark, Reward, Split
from opengames.tree import Player

#: Nodes beyond which a graph is refused.
NODES = 500_000

#: (label, chance, step, node); the chance of a move nobody has a plan for is `None`.
Edge = tuple[Any, Fraction | None, int, int]
#: What a strategy does: (decision, values seen) to (move, chance) pairs; `None` where it says nothing.
Behaviour = Callable[[Choose, tuple[Any, ...]], tuple[tuple[Any, Fraction], ...] | None]
State = tuple[Any, ...]


@dataclass(slots=True)
class Graph:
    """states, edges and gains by step, then by node. Steps in `order` are those some play comes to."""

    code: Code
    start: int
    states: dict[int, list[State]] = field(default_factory=dict)
    edges: dict[int, list[tuple[Edge, ...]]] = field(default_factory=dict)
    gains: dict[int, list[dict[Player, Fraction]]] = field(default_factory=dict)
    seen: dict[int, list[tuple[Any, ...]]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    exact: bool = True

    @property
    def size(self) -> int:
        return sum(len(s) for s in self.states.values())

    def branches(self, pc: int) -> bool:
        """Whether something is drawn or decided at `pc`; elsewhere every node has one edge, with chance 1."""
        return pc < len(self.code.steps) and isinstance(self.code.steps[pc], Choose | Draw)

    def sets(self, pc: int) -> dict[tuple[Any, ...], list[int]]:
        """The information sets of the decision at `pc`: what is seen, and the nodes that look like it."""
        found: dict[tuple[Any, ...], list[int]] = {}
        for node, seen in enumerate(self.seen[pc]):
            found.setdefault(seen, []).append(node)
        return found

    def choices(self, player: Player | None = None) -> list[tuple[int, Choose]]:
        """The decisions that some play comes to, in order; one player's, or everybody's."""
        found: list[tuple[int, Choose]] = []
        for pc in self.order:
            step = self.code.steps[pc] if pc < len(self.code.steps) else None
            if isinstance(step, Choose) and (player is None or step.player == player):
                found.append((pc, step))
        return found


def nobody(step: Choose, seen: tuple[Any, ...]) -> None:
    """The behaviour of a strategy that says nothing."""
    return


def build(
    code: Code,
    behaviour: Behaviour = nobody,
    explore: Collection[Player] | None = None,
    merge: bool = True,
    limit: int = NODES,
) -> Graph:
    """The graph of all plays in which players in `explore` (`None`: everybody) may make any legal move.

    The others follow `behaviour`, which must say something about every decision they come to
    (`incomplete-strategy` otherwise). Refuses `over-budget` beyond `limit` nodes.
    """
    return _Builder(code, behaviour, explore, merge, limit).run()


class _Builder:
    def __init__(
        self, code: Code, behaviour: Behaviour, explore: Collection[Player] | None, merge: bool, limit: int
    ) -> None:
        self.code, self.behaviour, self.merge, self.limit = code, behaviour, merge, limit
        self.explore = None if explore is None else frozenset(explore)
        self.index: dict[int, dict[tuple[int, ...], int]] = {}
        self.values: dict[int, dict[Any, Any]] = {}  # of each slot, every value that it has had
        self.count = 0
        self.skip = self._skips()
        self.graph = Graph(code, self.skip[0])
        self.legal: dict[Any, tuple[Any, ...]] = {}

    def _skips(self) -> list[int]:
        """For each step, the first one from there on that does something."""
        steps = self.code.steps
        skip = list(range(len(steps) + 1))
        for pc in range(len(steps) - 1, -1, -1):
            step = steps[pc]
            if self.code.dead[pc]:
                skip[pc] = skip[pc + 1]
            elif isinstance(step, Join) and not step.moved:
                skip[pc] = skip[step.target] if self.code.live[pc] == self.code.live[step.target] else pc
        return skip

    def run(self) -> Graph:
        self._node(self.graph.start, ())
        pending = {self.graph.start}
        while pending:
            pc = min(pending)
            pending.remove(pc)
            self.graph.order.append(pc)
            self.code.refill()
            if pc < len(self.code.steps):
                self._layer(pc)
                pending.update(t for t in self._targets(pc) if t in self.graph.states)
            self.index.pop(pc, None)
        return self.graph

    def _targets(self, pc: int) -> tuple[int, ...]:
        step = self.code.steps[pc]
        if isinstance(step, Split):
            return tuple(self.skip[t] for t in set(step.targets.values()))
        return (self.skip[step.target if isinstance(step, Join) else pc + 1],)

    def _node(self, pc: int, state: State) -> int:
        states = self.graph.states.setdefault(pc, [])
        if self.merge:
            index = self.index.setdefault(pc, {})
            key = tuple(map(id, state))  # equal values of a slot are one object: see `_move`
            node = index.get(key)
            if node is not None:
                return node
            index[key] = len(states)
        states.append(state)
        self.count += 1
        if self.count > self.limit:
            raise refuse(
                "over-budget",
                f"the play has more than {self.limit:,} different situations",
                notes=(f"counted as far as step {pc:,} of {len(self.code.steps):,}",),
                help="ask `by simulate`, choose a smaller size, or allow more: `by exact[nodes = ...]`",
            )
        return len(states) - 1

    def _layer(self, pc: int) -> None:
        graph, code = self.graph, self.code
        step, layout, states = code.steps[pc], code.live[pc], graph.states[pc]
        after = self.skip[pc + 1]
        match step:
            case Assign(out=out, formula=formula):
                fetch = fetcher(formula, layout)
                move = self._move(layout, (out,), after)
                graph.edges[pc] = [
                    ((None, ONE, after, self._node(after, move(s, (formula.run(fetch(s)),)))),) for s in states
                ]
            case Gather(out=out, items=items, flat=flat):
                read = self._reader(items, layout)
                move = self._move(layout, (out,), after)
                edges: list[tuple[Edge, ...]] = []
                for s in states:
                    values = read(s)
                    whole = tuple(v for item in values for v in item) if flat else values
                    edges.append(((None, ONE, after, self._node(after, move(s, (whole,)))),))
                graph.edges[pc] = edges
            case Draw(out=out, formula=formula):
                fetch, move = fetcher(formula, layout), self._move(layout, (out,), after)
                graph.edges[pc] = [
                    tuple((v, c, after, self._node(after, move(s, (v,)))) for v, c in self._chances(formula, fetch(s)))
                    for s in states
                ]
            case Choose():
                self._choose(pc, step, layout, states, after)
            case Split(subject=subject, targets=targets):
                read = self._reader((subject,), layout)
                moves = {t: self._move(layout, (), self.skip[t]) for t in set(targets.values())}
                graph.edges[pc] = []
                for s in states:
                    (value,) = read(s)
                    t = targets[value]
                    graph.edges[pc].append(((value, ONE, self.skip[t], self._node(self.skip[t], moves[t](s, ()))),))
            case Join(moved=moved, target=target):
                goal = self.skip[target]
                read = self._reader(tuple(source for _, source in moved), layout)
                move = self._move(layout, tuple(out for out, _ in moved), goal)
                graph.edges[pc] = [((None, ONE, goal, self._node(goal, move(s, read(s)))),) for s in states]
            case Mark():
                move = self._move(layout, (), after)
                graph.edges[pc] = [((None, ONE, after, self._node(after, move(s, ()))),) for s in states]
            case Reward():
                self._reward(pc, step, layout, states, after)

    def _choose(self, pc: int, step: Choose, layout: tuple[int, ...], states: list[State], after: int) -> None:
        read = self._reader(tuple(slot for _, slot in step.seen), layout)
        move = self._move(layout, step.outs, after)
        fetches = [fetcher(rule, layout) for rule in step.rules]
        free = self.explore is None or step.player in self.explore
        joint = len(step.outs) > 1
        edges, seens = [], []
        for s in states:
            seen = read(s)
            seens.append(seen)
            planned = self.behaviour(step, seen)
            envs = [f(s) for f in fetches]
            legal = self._legal(step, envs)
            if planned is not None:
                for m, _ in planned:
                    if m not in legal:
                        raise broken_rule(step, m, envs)
            elif not free:
                raise incomplete(step)
            chances = None if planned is None else dict(planned)
            options = legal if free or chances is None else tuple(chances)
            found: list[Edge] = []
            for m in options:
                chance = None if chances is None else chances.get(m, ZERO)
                found.append((m, chance, after, self._node(after, move(s, m if joint else (m,)))))
            edges.append(tuple(found))
        self.graph.edges[pc], self.graph.seen[pc] = edges, seens

    def _legal(self, step: Choose, envs: list[dict[str, Any]]) -> tuple[Any, ...]:
        if not step.rules:
            return step.moves
        key = (id(step.box), tuple(tuple(sorted(env.items())) for env in envs))
        found = self.legal.get(key)
        if found is None:
            found = tuple(m for m in step.moves if obeys(step, m, envs))
            if not found:
                raise refuse("no-legal-move", f"no move at `{step.place}` obeys its rules", span=step.box.at)
            self.legal[key] = found
        return found

    def _reward(self, pc: int, step: Reward, layout: tuple[int, ...], states: list[State], after: int) -> None:
        fetches = [fetcher(formula, layout) for formula, _ in step.entries]
        move = self._move(layout, (), after)
        edges: list[tuple[Edge, ...]] = []
        gains: list[dict[Player, Fraction]] = []
        for s in states:
            gain: dict[Player, Fraction] = {}
            for fetch, (formula, paid) in zip(fetches, step.entries, strict=True):
                value = self._number(formula.run(fetch(s)))
                if value:
                    for player, scale in paid:
                        gain[player] = gain[player] + scale * value if player in gain else scale * value
            gains.append(gain)
            edges.append(((None, ONE, after, self._node(after, move(s, ()))),))
        self.graph.edges[pc], self.graph.gains[pc] = edges, gains

    def _number(self, value: Any) -> Fraction:
        if isinstance(value, float):
            self.graph.exact = False
        return Fraction(value)

    def _chances(self, formula: Formula, values: dict[str, Any]) -> list[tuple[Any, Fraction]]:
        pairs = formula.run(values)
        if any(isinstance(c, float) for _, c in pairs):
            self.graph.exact = False
            total = sum(Fraction(c) for _, c in pairs)
            return [(v, Fraction(c) / total) for v, c in pairs if c]
        return [(v, c) for v, c in pairs if c]

    def _reader(self, slots: tuple[int, ...], layout: tuple[int, ...]) -> Callable[[State], tuple[Any, ...]]:
        """The values of some slots, fixed ones included."""
        fixed = self.code.fixed
        if all(s in fixed for s in slots):
            known = tuple(fixed[s] for s in slots)
            return lambda state: known
        if not any(s in fixed for s in slots):
            return picker(tuple(layout.index(s) for s in slots))
        known = tuple(fixed[s] for s in slots if s in fixed)
        places = {s: len(layout) + i for i, s in enumerate(s for s in slots if s in fixed)}
        pick = picker(tuple(places[s] if s in fixed else layout.index(s) for s in slots))
        return lambda state: pick(state + known)

    def _move(self, layout: tuple[int, ...], new: tuple[int, ...], target: int) -> Callable[[State, State], State]:
        """From a state and the values of `new` slots to the state at `target`.

        Equal values of a slot become one object, so that states can be compared without hashing all their numbers anew.
        """
        goal = self.code.live[target]
        kept = [s in goal for s in new]
        if goal == layout and not any(kept):
            return lambda state, values: state
        places = {s: i for i, s in enumerate(layout)} | {s: len(layout) + i for i, s in enumerate(new)}
        pick = picker(tuple(places[s] for s in goal))
        if not any(kept):
            return lambda state, values: pick(state + values)
        if len(new) == 1:
            known = self.values.setdefault(new[0], {})
            return lambda state, values: pick((*state, known.setdefault(values[0], values[0])))
        tables = [self.values.setdefault(s, {}) if k else None for s, k in zip(new, kept, strict=True)]

        def move(state: State, values: State) -> State:
            own = (v if t is None else t.setdefault(v, v) for v, t in zip(values, tables, strict=True))
            return pick((*state, *own))

        return move


ONE, ZERO = Fraction(1), Fraction(0)


def incomplete(step: Choose) -> Refusal:
    """The refusal of a strategy that has no plan for a decision that it comes to."""
    name = f"{step.player[0]}.{step.box.outs[0].name}"
    return refuse("incomplete-strategy", f"the strategy says nothing about `{name}`", span=step.box.at)


def obeys(step: Choose, move: Any, envs: list[dict[str, Any]]) -> bool:
    """Whether a move obeys every rule; envs: for each rule, the values it needs besides the move."""
    own = _wires_of(step, move)
    return all(rule.run({**env, **own}) for rule, env in zip(step.rules, envs, strict=True))


def broken_rule(step: Choose, move: Any, envs: list[dict[str, Any]]) -> Refusal:
    """The refusal of a planned move, naming the first rule that it breaks."""
    own = _wires_of(step, move)
    rules = zip(step.rules, envs, step.box.rules, strict=True)
    rule = next(written for rule, env, written in rules if not rule.run({**env, **own}))
    played = ", ".join(f"{p.name} = {show(own[p.name], p.space)}" for p in step.box.outs)
    return refuse(
        "broken-rule",
        f"rule `{rule.name}` of {step.player[0]} does not hold",
        span=rule.at,
        notes=(f"the strategy plays {played}",),
    )


def _wires_of(step: Choose, move: Any) -> dict[str, Any]:
    names = [p.name for p in step.box.outs]
    return dict(zip(names, move, strict=True)) if len(names) > 1 else {names[0]: move}


def fetcher(formula: Formula, layout: tuple[int, ...]) -> Callable[[State], dict[str, Any]]:
    """From a state to the values of a formula's variables."""
    places = [(name, layout.index(slot)) for name, slot in formula.wires]
    fixed = formula.fixed
    if not places:
        return lambda state: fixed
    if not fixed:
        return lambda state: {name: state[i] for name, i in places}

    def fetch(state: State) -> dict[str, Any]:
        values = dict(fixed)
        for name, i in places:
            values[name] = state[i]
        return values

    return fetch


def picker(places: tuple[int, ...]) -> Callable[[State], State]:
    """The values at some places of a tuple, as a tuple."""
    if not places:
        return lambda state: ()
    if len(places) == 1:
        (only,) = places
        return lambda state: (state[only],)
    return itemgetter(*places)


# ------------------------------------------------------------------ numbers on layers


class Scaled:
    """The numbers of one layer over one denominator: no greatest common divisor is ever taken.

    nums: for every node of the layer, or by node for some of them.
    """

    __slots__ = ("den", "nums")

    def __init__(self, nums: list[int] | dict[int, int], den: int = 1) -> None:
        self.nums, self.den = nums, den

    def over(self, den: int) -> None:
        """Rewrite over `den`, a multiple of the denominator."""
        if den != self.den:
            factor = den // self.den
            if isinstance(self.nums, dict):
                self.nums = {node: n * factor for node, n in self.nums.items()}
            else:
                self.nums = [n * factor for n in self.nums]
            self.den = den


def reach(graph: Graph) -> dict[int, Scaled]:
    """The probability of coming to each node under the strategy; nodes it never comes to have 0."""
    found = {pc: Scaled([0] * len(graph.states[pc])) for pc in graph.order}
    found[graph.start].nums[0] = 1
    for pc in graph.order:
        edges = graph.edges.get(pc)
        if edges is None:
            continue
        here = found[pc]
        branches = graph.branches(pc)
        scale = lcm(*{c.denominator for es in edges for _, c, _, _ in es if c}) if branches else 1
        den = here.den if scale == 1 else here.den * scale
        for target in {t for es in edges for _, _, t, _ in es}:
            there = found[target]
            if there.den != den:
                there.over(lcm(there.den, den))
        for weight, es in zip(here.nums, edges, strict=True):
            if not branches:
                if weight:
                    _, _, target, node = es[0]
                    there = found[target]
                    there.nums[node] += weight if there.den == den else weight * (there.den // den)
            elif weight:
                for _, chance, target, node in es:
                    if chance:
                        there = found[target]
                        share = weight * chance.numerator * (scale // chance.denominator)
                        there.nums[node] += share if there.den == den else share * (there.den // den)
    return found


def totals(graph: Graph, weights: Mapping[int, Scaled]) -> dict[Player, Fraction]:
    """Each player's expected payoff, given the probability of coming to each node."""
    sums = {player: [base.numerator, base.denominator] for player, base in graph.code.base.items()}
    for pc, gains in graph.gains.items():
        here = weights[pc]
        for player in {p for gain in gains for p in gain}:
            each = [gain.get(player, ZERO) for gain in gains]
            den = lcm(*(g.denominator for g in each))
            num = sum(w * g.numerator * (den // g.denominator) for w, g in zip(here.nums, each, strict=True) if w)
            _add(sums[player], num, here.den * den)
    return {player: Fraction(num, den) for player, (num, den) in sums.items()}


def _add(total: list[int], num: int, den: int) -> None:
    if den == total[1]:
        total[0] += num
    elif den % total[1] == 0:
        total[0] = total[0] * (den // total[1]) + num
        total[1] = den
    else:
        whole = lcm(den, total[1])
        total[0] = total[0] * (whole // total[1]) + num * (whole // den)
        total[1] = whole
