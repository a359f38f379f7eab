"""Claims about a strategy, decided exactly: equilibrium, best responses, exploitability, values, reach.

`equilibrium` is Nash by seat: no seat gains by changing all of its own decisions at once, the others fixed;
ties are allowed. The certificate is the largest gain, an exact rational.

Source: Nash, Non-cooperative games (1951); Osborne and Rubinstein (1994), section 11.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Decide, Diagram, Loop, bodies, walk
from opengames.program import Program, Strategy
from opengames.show import digits
from opengames.solvers import slicing
from opengames.solvers.answers import AT_LEAST, ROUNDED, Claim, Policy, Values, brief, deviation, point, unit
from opengames.solvers.cleared import cleared, refuse_planned
from opengames.solvers.code import Choose, Code, Mark, Split
from opengames.solvers.completion import completed, declared
from opengames.solvers.layers import NODES, Behaviour, Graph, Scaled, build, incomplete, reach, totals
from opengames.solvers.policies import behaviour
from opengames.solvers.respond import PURE, Response, player_name, respond, worths
from opengames.solvers.rules import not_finite
from opengames.solvers.ties import settled
from opengames.solvers.unroll import unroll
from opengames.spaces import index_size
from opengames.tree import Player

#: Where slicing applies, a first attempt with this many nodes comes before it, and the full budget after it.
QUICK = 50_000
#: Points of a better plan whose own share of its gain is said.
PARTS = 3
#: Decisions beyond which that first attempt is left out.
MANY = 200


def accepts(diagram: Diagram) -> str | None:
    """Why exact solving cannot treat a game; `None` if it can (budgets aside)."""
    if diagram.inputs or diagram.expects:
        return f"`{diagram.name}` is open: it has inputs or expectations that nobody supplies"
    for path, box in walk(diagram):
        if isinstance(box, Decide):
            reason = not_finite(box)
            if reason is not None:
                return f"`{'.'.join((*path, box.outs[0].name))}`: {reason}"
    return None


def diagram_of(
    program: Program, game: str | Diagram, params: Mapping[str, Any] | None = None, strategy: Any = None
) -> Diagram:
    """The diagram of a game, its clearings in place. strategy: refused where it has a plan for one of them."""
    refuse_planned(program, game, strategy)
    return cleared(program, game, params)


def strategy_name(strategy: Any) -> str:
    if isinstance(strategy, str):
        return strategy
    return strategy.name if isinstance(strategy, Strategy) else "strategy"


def value(
    program: Program, game: str | Diagram, strategy: Any, params: Mapping[str, Any] | None = None, limit: int = NODES
) -> Values:
    """Each player's expected payoff under a strategy: the sum of its distinct earnings."""
    code = unroll(program, diagram_of(program, game, params, strategy), params)
    graph = build(code, behaviour(program, strategy, params), (), limit=limit)
    found = totals(graph, reach(graph))
    return Values(tuple(found.items()), tuple(units(code)[p] for p in found), graph.exact)


def units(code: Code) -> dict[Player, Any]:
    found: dict[Player, Any] = dict.fromkeys(code.players)
    for step in code.choices():
        if found[step.player] is None:
            found[step.player] = unit(step)
    return found


@dataclass(frozen=True, slots=True)
class Reach:
    """How likely each decision and each arm of a branch is reached: (place, loop indices, chance)."""

    decisions: tuple[tuple[str, tuple[Any, ...], Fraction], ...]
    arms: tuple[tuple[str, tuple[Any, ...], Fraction], ...]
    verdict: str = "computed"
    certificate: Fraction = Fraction(0)

    def of(self, place: str, index: tuple[Any, ...] = ()) -> Fraction:
        """The chance of coming to a decision or an arm; 0 for one that is never come to."""
        for where, at, chance in self.decisions + self.arms:
            if (where, at) == (place, index):
                return chance
        return Fraction(0)

    def lines(self) -> list[str]:
        found = []
        for place, index, chance in self.decisions + self.arms:
            at = f" at {', '.join(digits(i) if isinstance(i, Fraction) else str(i) for i in index)}" if index else ""
            found.append(f"`{place}`{at} is reached with chance {brief(chance)}")
        return found


def reached(
    program: Program, game: str | Diagram, strategy: Any, params: Mapping[str, Any] | None = None, limit: int = NODES
) -> Reach:
    """The reach probability of every decision and every branch arm under a strategy."""
    code = unroll(program, diagram_of(program, game, params, strategy), params)
    graph = build(code, behaviour(program, strategy, params), (), limit=limit)
    weights = reach(graph)
    decisions, arms = [], []
    for pc, step in enumerate(code.steps):
        here = weights.get(pc, Scaled([]))
        chance = Fraction(sum(here.nums), here.den)
        if isinstance(step, Choose):
            decisions.append((step.place, step.index, chance))
        elif isinstance(step, Mark):
            arms.append((step.place, step.index, chance))
        elif isinstance(step, Split):
            edges = graph.edges.get(pc, [])
            for label, values, _ in step.arms:
                nums = (n for n, es in zip(here.nums, edges, strict=True) if es[0][0] in values)
                arms.append((label, step.index, Fraction(sum(nums), here.den)))
    return Reach(tuple(decisions), tuple(arms))


def equilibrium(
    program: Program,
    game: str | Diagram,
    strategy: Any,
    params: Mapping[str, Any] | None = None,
    limit: int = NODES,
    pure: int = PURE,
) -> Claim:
    """Whether no seat gains by changing all of its decisions at once.

    A seat that does not recall its own moves may leave it open (`over-budget`), see `recall`.
    A game too large to unfold is decided by `slicing` where that applies (its verdict may be `undecided`,
    with the reason); elsewhere `over-budget` is raised. pure: at 0, backward induction alone decides.
    """
    diagram = diagram_of(program, game, params, strategy)
    sliceable = isinstance(strategy, str | Strategy) and slicing.accepts(diagram) is None
    if not sliceable or not pure:
        return _equilibrium(program, diagram, strategy, params, limit, pure)
    if decisions(diagram) <= MANY:
        try:
            return _equilibrium(program, diagram, strategy, params, min(limit, QUICK), pure)
        except Refusal as refusal:
            if not is_over_budget(refusal):
                raise
    found = slicing.equilibrium(program, diagram, strategy, params)
    if found.verdict != "undecided":
        return found
    try:
        return _equilibrium(program, diagram, strategy, params, limit, pure)
    except Refusal as refusal:
        if is_over_budget(refusal):
            return found
        raise


def decisions(diagram: Diagram) -> int:
    """How many decisions the game has when its loops are unrolled."""
    count = 0
    for box in diagram.boxes:
        match box:
            case Decide():
                count += 1
            case Loop(iters=iters):
                count += index_size(tuple(s for _, s in iters)) * sum(decisions(d) for _, d in bodies(box))
            case _:
                count += sum(decisions(d) for _, d in bodies(box))
    return count


def is_over_budget(refusal: Refusal) -> bool:
    return any(d.code == "over-budget" for d in refusal.diagnostics)


def _equilibrium(
    program: Program,
    diagram: Diagram,
    strategy: Any,
    params: Mapping[str, Any] | None,
    limit: int,
    pure: int,
    whole: bool = False,
) -> Claim:
    """whole: every gain is wanted exactly, also where a lower bound refutes."""
    code = unroll(program, diagram, params, limit=20 * limit)
    plan = behaviour(program, strategy, params)
    gains: list[tuple[Player, Fraction]] = []
    worst: tuple[Fraction, Graph, Response] | None = None
    unknown: Refusal | None = None
    exact, methods, left = True, set(), limit
    for player in code.players:
        graph = build(code, plan, (player,), limit=left)
        # The budget is for the whole claim, with a floor so that a late seat is not refused for its place.
        left = max(left - graph.size, limit // 4)
        response = respond(graph, player, pure=pure)
        if response.open is not None:
            unknown = unknown or response.open
        gain = settled(response.value + code.base[player] - _planned(graph, player), graph, player)
        exact &= graph.exact
        methods.add(response.method)
        gains.append((player, gain))
        if gain > 0 and (worst is None or gain > worst[0]):
            worst = (gain, graph, response)
    if unknown is not None and (whole or worst is None):
        raise unknown
    found = None if worst is None else first_deviation(worst[1], worst[2], worst[0])
    notes: tuple[str, ...] = () if exact else (ROUNDED,)
    if unknown is not None:
        notes += (AT_LEAST,)
    how = ", ".join(sorted(methods)) or "no decisions"
    verdict = "holds" if worst is None else "fails"
    return Claim("equilibrium", strategy_name(strategy), verdict, tuple(gains), found, f"exact, {how}", notes, exact=exact)


def _planned(graph: Graph, player: Player) -> Fraction:
    """What the player expects if it follows the strategy as the others do, in a graph of all that it might do."""
    weights = reach(graph)
    for pc, step in graph.choices(player):
        for weight, edges in zip(weights[pc].nums, graph.edges[pc], strict=True):
            if weight and edges[0][1] is None:
                raise incomplete(step)
    return totals(graph, weights)[player]


def first_deviation(graph: Graph, response: Response, gain: Fraction) -> Any:
    """The first information set, reached under the strategy, where its move is not the best one.

    Where there are several, with what changing each of the first few alone gains.
    """
    weights = reach(graph)
    found: list[tuple[Choose, tuple[Any, ...], Any, Any]] = []
    for (pc, seen), worse in sorted(response.worse.items(), key=lambda item: item[0][0]):
        nodes = graph.sets(pc)[seen]
        if worse and any(weights[pc].nums[n] for n in nodes):
            step = graph.code.steps[pc]
            assert isinstance(step, Choose)
            found.append((step, seen, worse[0], response.moves[pc, seen]))
    if not found:
        return None
    parts: list[tuple[str, Fraction]] = []
    if len(found) > 1:
        expected = worths(graph, found[0][0].player)
        pcs = {id(step): pc for pc, step in graph.choices()}
        for step, seen, _, better in found[:PARTS]:
            pc = pcs[id(step)]
            alone = _alone(graph, pc, graph.sets(pc)[seen], better, weights[pc], expected)
            parts.append((point(step, seen), alone))
    return deviation(*found[0], gain, parts=tuple(parts), more=len(found) - len(parts) if parts else 0)


def _alone(
    graph: Graph, pc: int, nodes: list[int], move: Any, weights: Scaled, expected: Mapping[int, Scaled]
) -> Fraction:
    """What `move` at one information set gains if everything else stays as it is."""
    total = Fraction(0)
    here = expected[pc]
    for n in nodes:
        if weights.nums[n]:
            _, _, t, k = next(e for e in graph.edges[pc][n] if e[0] == move)
            change = Fraction(expected[t].nums[k], expected[t].den) - Fraction(here.nums[n], here.den)
            total += Fraction(weights.nums[n], weights.den) * change
    return total


def best_response(
    program: Program,
    game: str | Diagram,
    player: Player | str,
    strategy: Any = None,
    params: Mapping[str, Any] | None = None,
    limit: int = NODES,
    pure: int = PURE,
) -> Policy:
    """The best that one seat can do against what the others do under `strategy`.

    strategy: may be left out when the seat is the only one; need not have plans for the seat itself.
    """
    diagram = diagram_of(program, game, params, strategy)
    code = unroll(program, diagram, params)
    seat = seat_of(code, player)
    plan: Behaviour = behaviour(program, strategy, params) if strategy is not None else _nothing
    graph = build(code, plan, (seat,), limit=limit)
    response = respond(graph, seat, pure=pure)
    if response.open is not None:
        raise response.open
    rows = policy_rows(graph, response)
    total = response.value + code.base[seat]
    gain = None
    if all(chance is not None for es in graph.edges.values() for e in es for _, chance, _, _ in e):
        gain = settled(total - totals(graph, reach(graph))[seat], graph, seat)
    return Policy(
        diagram.name,
        seat,
        total,
        rows,
        gain,
        method=response.method,
        shown=units(code)[seat],
        exact=graph.exact,
        rest=partial(completed, code, graph, rows, plan),
        taken=declared(program),
    )


def _nothing(step: Choose, seen: tuple[Any, ...]) -> None:
    return


def policy_rows(graph: Graph, response: Response) -> tuple[Any, ...]:
    rows = []
    for (pc, seen), move in sorted(response.moves.items(), key=lambda item: item[0][0]):
        step = graph.code.steps[pc]
        assert isinstance(step, Choose)
        rows.append((step, seen, ((move, Fraction(1)),)))
    return tuple(rows)


def seat_of(code: Code, player: Player | str) -> Player:
    """The seat called `player`; a bare name stands for the only seat of that name."""
    if not isinstance(player, str):
        if player in code.players:
            return player
        raise refuse("unknown-name", f"nobody called `{player_name(player)}` decides here")
    found = [p for p in code.players if p[0] == player]
    if len(found) == 1:
        return found[0]
    if not found:
        raise refuse("unknown-name", f"nobody called `{player}` decides here")
    raise refuse(
        "ambiguous-seat",
        f"`{player}` has {len(found):,} seats, each a player of its own",
        help=f"name one of them, such as `{player_name(found[0])}`",
    )


@dataclass(frozen=True, slots=True)
class Exploitability:
    """How much there is to gain from deviating: the sum over seats, and for each seat."""

    strategy: str
    total: Fraction
    gains: tuple[tuple[Player, Fraction], ...]
    units: tuple[Any, ...] = ()
    verdict: str = "computed"
    exact: bool = True

    @property
    def largest(self) -> Fraction:
        return max((g for _, g in self.gains), default=Fraction(0))

    @property
    def certificate(self) -> Fraction:
        return self.total

    def lines(self) -> list[str]:
        units = self.units or (None,) * len(self.gains)
        each = [f"{player_name(p)} could gain {brief(g, u)}" for (p, g), u in zip(self.gains, units, strict=True)]
        return [f"exploitability({self.strategy}) = {brief(self.total)}", *each, *(() if self.exact else (ROUNDED,))]


def exploitability(
    program: Program,
    game: str | Diagram,
    strategy: Any,
    params: Mapping[str, Any] | None = None,
    limit: int = NODES,
    pure: int = PURE,
) -> Exploitability:
    """The sum over seats of what each gains by its best deviation; 0 exactly at an equilibrium."""
    claim = _equilibrium(program, diagram_of(program, game, params, strategy), strategy, params, limit, pure, whole=True)
    code_units = units(unroll(program, diagram_of(program, game, params, strategy), params))
    total = sum((g for _, g in claim.gains), Fraction(0))
    return Exploitability(
        claim.strategy, total, claim.gains, tuple(code_units[p] for p, _ in claim.gains), exact=claim.exact
    )
