"""A game as an environment for one decider: many plays side by side, with everything but its own moves drawn or followed.

One play is an episode and one decision of it a step. Formulas are evaluated for all episodes at once (see `arrays`), so that a
clearing inside is one batch; luck comes from one generator of random numbers, so that the same seed gives the same plays.

Accepted is a single decider with finitely many moves that sees, at each decision, all that still matters there and the indices of
the loops around it. What it sees are numbers, labels, truth values, or records and families of them.

Source: Sutton and Barto, Reinforcement Learning (2018), chapter 3 (agent and environment).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from opengames import spaces
from opengames.diagnostics import refuse
from opengames.diagram import Branch, Decide, Diagram, walk
from opengames.program import Program
from opengames.solvers import claims
from opengames.solvers.arrays import Arrays, choose, where
from opengames.solvers.code import Assign, Choose, Draw, Formula, Gather, Join, Reward, Split
from opengames.solvers.hoisting import hoist
from opengames.solvers.unroll import STEPS_LIMIT, unroll
from opengames.spaces import Family, Reals, Record, Space
from opengames.terms import At, Const, Get, If, Normal, Select, Term, Uniform, Var, Weighted
from opengames.tree import Player

#: Moves at one decision beyond which none is learned: every move has a number of its own.
MOVES = 20_000
#: Numbers seen at one decision beyond which none is learned.
SEEN = 256


@dataclass(frozen=True, slots=True)
class Leaf:
    """One number, label or truth value that a decision sees: its name, its space, and the term that gives it."""

    name: str
    space: Space
    term: Term


@dataclass(slots=True)
class Site:
    """A decision of the text, with all of its iterations: what it sees and what it may do.

    moves: those that some iteration allows. possible: by step number, which of them the rules about nothing but the move allow.
    codes: for each field of a move, the number of its value in each move (`values` many).
    """

    step: Choose
    leaves: tuple[Leaf, ...]
    moves: tuple[Any, ...] = ()
    possible: dict[int, Any] = field(default_factory=dict)
    codes: tuple[tuple[Any, int], ...] = ()

    @property
    def place(self) -> str:
        return self.step.place


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision in all episodes. seen: (episodes, leaves) numbers; legal: (episodes, moves); moves: the numbers made."""

    site: Site
    pc: int
    seen: Any
    legal: Any
    moves: Any


@dataclass(frozen=True, slots=True)
class Plays:
    """decisions: in order. earned: what each was followed by until the next, (decisions, episodes). first: what came before them."""

    decisions: tuple[Decision, ...]
    earned: Any
    first: Any

    @property
    def totals(self) -> Any:
        """What each episode earned."""
        return self.first + self.earned.sum(axis=0)


#: What a decider does: the numbers of its moves, given the decision (its `moves` still empty).
Acts = Callable[[Decision], Any]


class Environment:
    """A game ready to be played. player: the decider. sites: its decisions by place. horizon: how many each play has."""

    def __init__(
        self, program: Program, game: str | Diagram, player: Player | str | None = None, params: Mapping[str, Any] | None = None
    ) -> None:
        diagram = claims.diagram_of(program, game, params)
        _accept(diagram)
        self.diagram = diagram
        self.code = unroll(program, diagram, params, limit=10 * STEPS_LIMIT)
        if len(self.code.players) != 1:
            raise refuse(
                "not-yet", f"{len(self.code.players)} seats decide in `{diagram.name}`: `actor_critic` learns for a single decider",
                help="give each seat a name of its own, and ask `under` a strategy that plans for the others",
            )  # fmt: skip
        self.player = claims.seat_of(self.code, player) if player is not None else self.code.players[0]
        hoist(self.code)
        self.arrays = Arrays(*self.code.scope)
        self.sites: dict[str, Site] = {}
        choices = [(pc, step) for pc, step in enumerate(self.code.steps) if isinstance(step, Choose)]
        self.horizon = len(choices)
        for pc, step in choices:
            self._recalls(pc, step)
            if step.place not in self.sites:
                self.sites[step.place] = Site(step, tuple(_leaves(step)))
        for site in self.sites.values():
            self._moves(site, [(pc, s) for pc, s in choices if s.place == site.place])

    def _recalls(self, pc: int, step: Choose) -> None:
        """Refuse a decision that does not see what still matters or when it is made: its best move is no function of what it sees."""
        if self.horizon == 1:
            return
        seen = {name for name, _ in step.seen}
        slots = {slot for _, slot in step.seen}
        hidden = [name for name, _, _ in step.around if name not in seen]
        if not hidden and set(self.code.live[pc]) <= slots:
            return
        carried = {s: n for cut in self.code.cuts.values() for s, (n, _) in cut.items()}
        matter = sorted({carried[s] for s in self.code.live[pc] if s not in slots and s in carried})
        what = ", ".join(f"`{n}`" for n in dict.fromkeys((*hidden, *matter))) or "a wire that still matters"
        raise refuse(
            "not-yet", f"`{step.place}` does not see {what}: what to do depends on more than it recalls", span=step.box.at,
            help=f"add {what} to `seeing`, or ask for `best_response` without `by`",
        )  # fmt: skip

    def _moves(self, site: Site, steps: list[tuple[int, Choose]]) -> None:
        every = site.step.moves
        if len(every) > MOVES:
            raise refuse("over-budget", f"`{site.place}` has {len(every):,} moves", notes=(f"the limit is {MOVES:,}",))
        allowed: dict[Any, Any] = {}
        found = {}
        for pc, step in steps:
            own = [rule for rule in step.rules if not rule.wires]
            key = tuple((id(rule.term), tuple(sorted(rule.fixed.items(), key=lambda kv: kv[0]))) for rule in own)
            if key not in allowed:
                mask = np.ones(len(every), dtype=bool)
                for rule in own:
                    mask &= np.broadcast_to(self.arrays.value(rule.term, self._own(site, every) | self._fixed(rule)), mask.shape)
                allowed[key] = mask
            found[pc] = allowed[key]
        kept = np.logical_or.reduce(list(found.values()))
        if not kept.any():
            raise refuse("infeasible", f"no move at `{site.place}` obeys its rules", span=site.step.box.at)
        site.moves = tuple(m for m, k in zip(every, kept, strict=True) if k)
        site.possible = {pc: mask[kept] for pc, mask in found.items()}
        site.codes = _codes(site)

    def _own(self, site: Site, moves: tuple[Any, ...]) -> dict[str, Any]:
        """The wires of a decision for each of the moves."""
        names = [p.name for p in site.step.box.outs]
        columns = [moves] if len(names) == 1 else list(zip(*moves, strict=True))
        return {n: _column([self.arrays.encode(v) for v in c]) for n, c in zip(names, columns, strict=True)}

    def play(self, acts: Acts, episodes: int, random: np.random.Generator) -> Plays:
        """So many plays. Raises `Refusal`: `infeasible` where no move is legal, `outside-type` for a value outside its type."""
        values: dict[int, Any] = {}
        decisions: list[Decision] = []
        earned = [np.full(episodes, float(self.code.base[self.player]))]
        for pc, step in enumerate(self.code.steps):
            if self.code.dead[pc]:
                continue
            match step:
                case Assign(out=out, formula=formula):
                    values[out] = self.arrays.value(formula.term, self._env(formula, values))
                case Gather(out=out, items=items, flat=flat):
                    parts = tuple(self._wire(s, values) for s in items)
                    values[out] = tuple(v for p in parts for v in p) if flat else parts
                case Draw(out=out, formula=formula):
                    values[out] = self._draw(formula.term, self._env(formula, values), episodes, random)
                case Choose():
                    decision = self._meet(pc, step, values, episodes)
                    moves = np.asarray(acts(decision))
                    decisions.append(Decision(decision.site, pc, decision.seen, decision.legal, moves))
                    own = self._own(decision.site, decision.site.moves)
                    for out, column in zip(step.outs, own.values(), strict=True):
                        values[out] = _taken(column, moves)
                    earned.append(np.zeros(episodes))
                case Reward(entries=entries):
                    for formula, paid in entries:
                        scale = dict(paid).get(self.player)
                        if scale is not None:
                            earned[-1] = earned[-1] + float(scale) * self.arrays.value(formula.term, self._env(formula, values))
                case Split() | Join():
                    raise refuse("not-yet", "branches are not learned in: ask for `best_response` without `by`")
        if not all(np.isfinite(e).all() for e in earned):
            raise refuse(
                "outside-type", "some legal move leads to a value outside its type, or to a clearing without an optimum",
                help="state the limits as rules of the decision (`subject to`)",
            )  # fmt: skip
        return Plays(tuple(decisions), np.stack(earned[1:]) if decisions else np.zeros((0, episodes)), earned[0])

    def _meet(self, pc: int, step: Choose, values: dict[int, Any], episodes: int) -> Decision:
        site = self.sites[step.place]
        seen = {name: self._wire(slot, values) for name, slot in step.seen}
        columns = [np.broadcast_to(np.asarray(self.number(leaf, seen), dtype=float), episodes) for leaf in site.leaves]
        legal = np.broadcast_to(site.possible[pc], (episodes, len(site.moves)))
        rules = [rule for rule in step.rules if rule.wires]
        if rules:
            own = self._own(site, site.moves)
            for rule in rules:
                legal = legal & self.arrays.value(rule.term, {n: _upright(v) for n, v in self._env(rule, values).items()} | own)
        stuck = ~legal.any(axis=1)
        if stuck.any():
            raise refuse(
                "infeasible", f"some play comes to `{step.place}` with no legal move", span=step.box.at,
                help="let earlier rules keep out of such states, or allow a move that changes nothing",
            )  # fmt: skip
        return Decision(site, pc, np.stack(columns, axis=1) if columns else np.zeros((episodes, 0)), legal, None)

    def number(self, leaf: Leaf, seen: Mapping[str, Any]) -> Any:
        """What is seen, as a number: itself, or the place of a label or truth value in its space."""
        value = self.arrays.value(leaf.term, seen)
        return value if isinstance(leaf.space, Reals | spaces.Grid) else self.arrays.place([value], (leaf.space,))

    def legal(self, pc: int, seen: Any) -> Any:
        """(states, moves): what the rules of a decision allow, given what it sees, one row of numbers for each state."""
        step = self.code.steps[pc]
        assert isinstance(step, Choose)
        site = self.sites[step.place]
        mask = np.broadcast_to(site.possible[pc], (len(seen), len(site.moves)))
        rules = [rule for rule in step.rules if rule.wires]
        slots = {slot: name for name, slot in step.seen}
        own = self._own(site, site.moves)
        values = {leaf.name: self._decoded(leaf, seen[:, i : i + 1]) for i, leaf in enumerate(site.leaves)}
        for rule in rules:
            env = self._fixed(rule) | {n: values[slots[slot]] for n, slot in rule.wires}
            mask = mask & self.arrays.value(rule.term, env | own)
        return mask

    def _decoded(self, leaf: Leaf, numbers: Any) -> Any:
        if isinstance(leaf.space, Reals | spaces.Grid):
            return numbers
        return choose(numbers.astype(int), [self.arrays.encode(p) for p in spaces.points(leaf.space)])

    def _draw(self, term: Term, env: Mapping[str, Any], episodes: int, random: np.random.Generator) -> Any:
        """One value for each episode. Raises `Refusal` for a distribution that cannot be drawn from."""
        match term:
            case Normal(mean=mean, deviation=deviation):
                return self.arrays.value(mean, env) + self.arrays.value(deviation, env) * random.standard_normal(episodes)
            case Uniform(space=Reals(lower=lower, upper=upper, whole=False)) if lower is not None and upper is not None:
                return random.uniform(float(lower), float(upper), episodes)
            case If(test=test, then=then, other=other):
                yes, no = self._draw(then, env, episodes, random), self._draw(other, env, episodes, random)
                return where(self.arrays.value(test, env), yes, no)
            case Select(keys=keys, spaces=rows, cells=cells):
                place = self.arrays.place([self.arrays.value(k, env) for k in keys], rows)
                return choose(np.broadcast_to(place, episodes), [self._draw(c, env, episodes, random) for c in cells])
            case Weighted() | Uniform():
                pairs = self.arrays.pairs(term, env)
                chances = np.stack([np.broadcast_to(c, episodes) for _, c in pairs])
                levels = np.cumsum(chances, axis=0)
                place = (random.random(episodes) * levels[-1] >= levels).sum(axis=0)
                return choose(np.minimum(place, len(pairs) - 1), [_wide(v, episodes) for v, _ in pairs])
        raise refuse("not-yet", f"{type(term).__name__} is not drawn from on arrays", span=term.at)

    def _fixed(self, formula: Formula) -> dict[str, Any]:
        return {name: self.arrays.encode(v) for name, v in formula.fixed.items()}

    def _env(self, formula: Formula, values: dict[int, Any]) -> dict[str, Any]:
        return self._fixed(formula) | {name: self._wire(slot, values) for name, slot in formula.wires}

    def _wire(self, slot: int, values: dict[int, Any]) -> Any:
        return self.arrays.encode(self.code.fixed[slot]) if slot in self.code.fixed else values[slot]


def _accept(diagram: Diagram) -> None:
    """Refuse what no environment is made of: open games, real moves, several deciders, branches."""
    reason = claims.accepts(diagram)
    if reason is not None:
        raise refuse("not-yet", f"`actor_critic` cannot learn in `{diagram.name}`: {reason}", span=diagram.at)
    boxes = [box for _, box in walk(diagram)]
    seats = dict.fromkeys(b.seat.name for b in boxes if isinstance(b, Decide))
    if len(seats) != 1:
        who = ", ".join(f"`{s}`" for s in seats) or "nobody"
        raise refuse(
            "not-yet", f"{who} decide in `{diagram.name}`: `actor_critic` learns for a single decider", span=diagram.at,
            help="say what the others do: ask `under` a strategy that plans for them",
        )  # fmt: skip
    branch = next((b for b in boxes if isinstance(b, Branch)), None)
    if branch is not None:
        raise refuse(
            "not-yet", "`actor_critic` does not learn in games with branches", span=branch.at, help="ask for `best_response` without `by`"
        )


def _leaves(step: Choose) -> Iterator[Leaf]:
    """What a decision sees, part by part."""
    count = 0
    for name, _ in step.seen:
        for leaf in _parts(name, step.types[name], Var(name)):
            count += 1
            if count > SEEN:
                raise refuse("over-budget", f"`{step.place}` sees more than {SEEN} numbers", span=step.box.at)
            yield leaf


def _parts(name: str, space: Space, term: Term) -> Iterator[Leaf]:
    match space:
        case Record(fields=fields):
            for i, (each, inner) in enumerate(fields):
                yield from _parts(f"{name}.{each}", inner, Get(term, i))
        case Family(index=index, item=item):
            for key in spaces.index_points(index):
                yield from _parts(f"{name}[{key}]", item, At(term, tuple(Const(k) for k in key), index))
        case _:
            yield Leaf(name, space, term)


def _codes(site: Site) -> tuple[tuple[Any, int], ...]:
    """The fields of a move, each as numbers of its values: what a network's outputs are added up from."""
    columns = list(zip(*(_flat(m) for m in site.moves), strict=True))
    found = []
    for column in columns:
        numbers: dict[Any, int] = {}
        code = np.asarray([numbers.setdefault(v, len(numbers)) for v in column], dtype=np.int32)
        if len(numbers) > 1:
            found.append((code, len(numbers)))
    return tuple(found)


def _flat(move: Any) -> tuple[Any, ...]:
    return tuple(x for part in move for x in _flat(part)) if isinstance(move, tuple) else (move,)


def _column(parts: list[Any]) -> Any:
    if isinstance(parts[0], tuple):
        return tuple(_column([p[i] for p in parts]) for i in range(len(parts[0])))
    return np.asarray(parts)


def _taken(column: Any, numbers: Any) -> Any:
    return tuple(_taken(c, numbers) for c in column) if isinstance(column, tuple) else column[numbers]


def _upright(value: Any) -> Any:
    """Values by episode as a column, beside which moves lie in a row."""
    if isinstance(value, tuple):
        return tuple(_upright(v) for v in value)
    return value[:, None] if np.ndim(value) == 1 else value


def _wide(value: Any, episodes: int) -> Any:
    return tuple(_wide(v, episodes) for v in value) if isinstance(value, tuple) else np.broadcast_to(value, episodes)


__all__ = ["Decision", "Environment", "Leaf", "Plays", "Site"]
