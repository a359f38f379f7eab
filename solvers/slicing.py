"""Equilibrium of a game too large to unfold, decision by decision.

Where a seat decides once, and its earning depends (through computed wires) only on what it sees, on its own
move, on loop indices and on params, nobody else matters: the strategy is best if, whatever is seen, its move
maximises the earning. Finite wires are enumerated over their spaces; one real wire at a time is covered
exactly by the points and open pieces between which strategy and earning are affine (see `affine`).

The test is sufficient: if it passes, the claim holds. A better move for something that may never be seen
refutes nothing, so some plays are drawn at random; only a better move found in one of them refutes the claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from opengames import spaces
from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Branch, Call, Compute, Decide, Diagram, Loop, wires
from opengames.plug import plan_for
from opengames.program import Plan, Program, Strategy
from opengames.show import show
from opengames.solvers.affine import Abstract, Affine, Declined, Piece, plus, times
from opengames.solvers.answers import Claim, Deviation, unit
from opengames.solvers.policies import Planned
from opengames.solvers.rules import not_finite, rule_term
from opengames.solvers.sampling import Luck, Visit, play
from opengames.solvers.unroll import unroll
from opengames.spaces import Reals, Space
from opengames.terms import Term, Var, free, substitute

#: Combinations of finite seen values beyond which a decision is not sliced.
COMBINATIONS = 100_000
#: Decisions looked at, in plays drawn at random, to see whether a better move is ever called for.
VISITS = 4_000


@dataclass(frozen=True, slots=True)
class Slice:
    """One decision on its own: `earning` and `rules` over what it sees, its move, and loop indices (`known`).
    """

    box: Decide
    path: tuple[str, ...]
    types: dict[str, Space]
    known: dict[str, Space]
    earning: Term
    rules: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Better:
    """A better move at some values. where: a point of the piece on which it is better."""

    slice: Slice
    values: dict[str, Any]
    made: Any
    better: Any
    gain: Fraction


def accepts(diagram: Diagram) -> str | None:
    """Why slicing cannot treat a game; `None` if it can."""
    try:
        found = list(slices(diagram))
    except Declined as reason:
        return str(reason)
    except Refusal as refusal:
        return refusal.diagnostics[0].headline
    seats = [s.box.seat.name for s in found]
    for name in seats:
        if seats.count(name) > 1:
            return f"`{name}` has several decisions"
    return None


def slices(diagram: Diagram) -> Iterator[Slice]:
    """Every decision of the game, on its own; raises `Declined` where it is not."""
    yield from _slices(diagram, {}, {}, (), frozenset())


def _slices(
    diagram: Diagram,
    origin: Mapping[str, tuple[int, str]],
    known: Mapping[str, Space],
    path: tuple[str, ...],
    loops: frozenset[tuple[int, str]],
) -> Iterator[Slice]:
    """origin: which loop index a wire is; loops: every loop index around."""
    for box in diagram.boxes:
        match box:
            case Decide():
                yield _slice(diagram, box, origin, known, path, loops)
            case Call(name=name, diagram=inner, args=args):
                pairs = list(zip(inner.inputs, args, strict=True))
                passed = {p.name: origin[a] for p, a in pairs if a in origin}
                types = {p.name: known[a] for p, a in pairs if a in known}
                yield from _slices(inner, passed, types, (*path, name), loops)
            case Loop(iters=iters, body=body, captured=captured):
                depth = len(loops)
                own = {n: (depth, n) for n, _ in iters}
                around = {n: origin[n] for n in captured if n in origin} | own
                types = {n: known[n] for n in captured if n in known} | dict(iters)
                yield from _slices(body, around, types, path, loops | set(own.values()))
            case Branch(arms=arms, captured=captured):
                around = {n: origin[n] for n in captured if n in origin}
                types = {n: known[n] for n in captured if n in known}
                for arm in arms:
                    yield from _slices(arm.body, around, types, (*path, arm.label), loops)


def _slice(
    diagram: Diagram,
    box: Decide,
    origin: Mapping[str, tuple[int, str]],
    known: Mapping[str, Space],
    path: tuple[str, ...],
    loops: frozenset[tuple[int, str]],
) -> Slice:
    place = ".".join((*path, box.outs[0].name))
    reason = not_finite(box)
    if reason is not None:
        raise Declined(f"`{place}`: {reason}")
    seat = {origin.get(n) for t in box.seat.index for n in free(t) if t == Var(n)}
    if loops - seat:
        raise Declined(f"`{place}`: one seat decides more than once")
    stop = frozenset(box.seeing) | {p.name for p in box.outs} | frozenset(known)
    terms = {b.out.name: b.term for b in diagram.boxes if isinstance(b, Compute)}
    if box.earning not in terms:
        raise Declined(f"`{place}`: `{box.earning}` comes from elsewhere")
    earning = _inline(terms[box.earning], terms, stop, place)
    rules = tuple(
        _inline(rule_term(diagram, box, r.term, r.iters, place), terms, stop, place) for r in box.rules
    )
    return Slice(box, path, wires(diagram), dict(known), earning, rules)


def _inline(term: Term, terms: Mapping[str, Term], stop: frozenset[str], place: str) -> Term:
    """The term over wires in `stop` only, computed wires written out."""
    for _ in range(len(terms) + 1):
        rest = free(term) - stop
        if not rest:
            return term
        unknown = sorted(rest - frozenset(terms))
        if unknown:
            raise Declined(f"`{place}`: its earning depends on `{unknown[0]}`, which it does not see")
        term = substitute(term, {n: terms[n] for n in rest})
    raise Declined(f"`{place}`: its earning is defined in a circle")


def equilibrium(
    program: Program, diagram: Diagram, strategy: str | Strategy, params: Mapping[str, Any] | None = None
) -> Claim:
    """Whether the strategy's move is best for everything that may be seen.

    Verdict `holds`; `fails` if a play drawn at random calls for a better move; otherwise `undecided`.
    """
    named = program.strategies[strategy] if isinstance(strategy, str) else strategy
    supplied = {**program.param_values(), **(params or {})}
    notes: tuple[str, ...] = ()
    better: Better | None = None
    try:
        for each in slices(diagram):
            better = _check(program, each, named, supplied)
            if better is not None:
                break
    except Declined as reason:
        return Claim("equilibrium", named.name, "undecided", (), None, "slicing", (str(reason),))
    if better is None:
        return Claim("equilibrium", named.name, "holds", (), None, "slicing: best for everything that may be seen")
    found = _met(program, diagram, named, params, supplied)
    if found is not None:
        return Claim("equilibrium", named.name, "fails", (), found, "slicing, met in a play", (_CONDITIONAL,))
    values = ", ".join(f"{n} = {show(v, better.slice.types.get(n))}" for n, v in better.values.items())
    notes = (
        f"{better.slice.box.seat.name} could do better by {show(better.better)} if it saw {values}",
        f"no such situation was met in plays with {VISITS:,} decisions, so nothing is decided",
    )
    return Claim("equilibrium", named.name, "undecided", (), None, "slicing", notes)


_CONDITIONAL = "the gain is that of this one decision, given what it sees; the seat has no other"


def _plans(each: Slice, strategy: Strategy) -> list[Plan]:
    found = []
    for out in each.box.outs:
        plan = plan_for(strategy, each.box, each.path, out.name)
        if plan is None:
            name = f"{each.box.seat.name}.{out.name}"
            raise refuse("incomplete-strategy", f"`{strategy.name}` says nothing about `{name}`", span=strategy.at)
        found.append(plan)
    return found


def _check(program: Program, each: Slice, strategy: Strategy, params: Mapping[str, Any]) -> Better | None:
    """A better move for some values of what is seen, if there is one."""
    plans = _plans(each, strategy)
    acts = [substitute(p.term, dict(zip(p.seat_vars, each.box.seat.index, strict=False))) for p in plans]
    used = frozenset().union(free(each.earning), *(free(t) for t in (*each.rules, *acts)))
    used -= {p.name for p in each.box.outs}
    spaces_of = {n: each.known.get(n) or each.types[n] for n in sorted(used)}
    finite = {n: s for n, s in spaces_of.items() if spaces.is_finite(s)}
    real = [n for n in spaces_of if n not in finite]
    counts = [n for n, s in spaces_of.items() if isinstance(s, Reals) and s.whole]
    if counts:
        raise Declined(f"any whole number may be seen: {', '.join(counts)}")
    if len(real) > 1 or not all(isinstance(spaces_of[n], Reals) for n in real):
        raise Declined(f"several real quantities are seen: {', '.join(real)}")
    if prod(spaces.size(s) or 0 for s in finite.values()) > COMBINATIONS:
        raise Declined(f"more than {COMBINATIONS:,} combinations of what is seen")
    x = real[0] if real else None
    abstract = Abstract(program.funs, params, x)
    whole = Piece(Fraction(0), Fraction(0))
    if x is not None:
        space = spaces_of[x]
        assert isinstance(space, Reals)
        whole = Piece(space.lower, space.upper)
    moves = [dict(zip((p.name for p in each.box.outs), m, strict=True)) for m in _moves(each.box)]
    for values in product(*(tuple(spaces.points(s)) for s in finite.values())):
        env = dict(zip(finite, values, strict=True))
        for piece, (made, earned) in abstract.pieces(whole, _look(each, env, acts, plans, moves)):
            found = _beaten(each, env, x, piece, made, earned)
            if found is not None:
                return found
    return None


def _moves(box: Decide) -> Iterator[tuple[Any, ...]]:
    return product(*(tuple(spaces.points(p.space)) for p in box.outs))


def _look(each: Slice, env: dict[str, Any], acts: list[Term], plans: list[Plan], moves: list[dict[str, Any]]) -> Any:
    """What to find out on a piece: the strategy's moves, and what every legal move earns."""

    def look(value: Any) -> tuple[list[tuple[Any, ...]], list[tuple[tuple[Any, ...], Any]]]:
        options: list[list[Any]] = []
        for plan, act in zip(plans, acts, strict=True):
            found = value(act, env)
            options.append([v for v, c in found if c] if plan.mixed else [found])
        if any(isinstance(v, Affine) for option in options for v in option):
            raise Declined("the move varies with a real quantity")
        earned = [
            (tuple(m.values()), value(each.earning, {**env, **m}))
            for m in moves
            if all(value(rule, {**env, **m}) for rule in each.rules)
        ]
        return list(product(*options)), earned

    return look


def _beaten(
    each: Slice,
    env: dict[str, Any],
    x: str | None,
    piece: Piece,
    made: list[tuple[Any, ...]],
    earned: list[tuple[tuple[Any, ...], Any]],
) -> Better | None:
    worth = dict(earned)
    for mine in made:
        if mine not in worth:
            raise Declined(f"the strategy breaks a rule at `{each.box.outs[0].name}`")
        for other, value in earned:
            point = _positive(plus(value, times(Fraction(-1), worth[mine])), piece)
            if point is not None:
                at, gain = point
                values = {**env, x: at} if x is not None else dict(env)
                return Better(each, values, _bare(mine), _bare(other), gain)
    return None


def _bare(move: tuple[Any, ...]) -> Any:
    return move[0] if len(move) == 1 else move


def _positive(value: Any, piece: Piece) -> tuple[Fraction, Fraction] | None:
    """A point of the piece where the number is positive, and how much it is there."""
    if not isinstance(value, Affine):
        return (piece.inside(), value) if value > 0 else None
    middle = piece.inside()
    if value.at(middle) > 0:
        return middle, value.at(middle)
    end = piece.upper if value.slope > 0 else piece.lower
    if end is None:
        root = -value.level / value.slope
        beyond = root + (1 if value.slope > 0 else -1)
        return beyond, value.at(beyond)
    if value.at(end) <= 0:
        return None
    root = -value.level / value.slope
    between = (root + end) / 2
    return between, value.at(between)


def _met(
    program: Program,
    diagram: Diagram,
    strategy: Strategy,
    params: Mapping[str, Any] | None,
    supplied: Mapping[str, Any],
) -> Deviation | None:
    """A better move that a drawn play calls for."""
    try:
        code = unroll(program, diagram, params, live=False)
    except Refusal:
        return None
    by_box = {id(s.box): s for s in slices(diagram)}
    plan = Planned(program, strategy, params)
    abstract = Abstract(program.funs, supplied, None)
    here = Piece(Fraction(0), Fraction(0))
    left, run = VISITS, 0
    while left > 0 and run < VISITS:
        for visit in play(code, plan, Luck(0, run)):
            left -= 1
            found = _visit(abstract, by_box[id(visit.step.box)], visit, here)
            if found is not None:
                return found
        run += 1
    return None


def _visit(abstract: Abstract, each: Slice, visit: Visit, here: Piece) -> Deviation | None:
    step = visit.step
    env = {n: v for n, _, v in step.around} | dict(step.seen_values(visit.seen))
    if any(isinstance(v, float) for v in env.values()):
        return None
    names = [p.name for p in each.box.outs]
    earned: dict[Any, Any] = {}
    for move in _moves(each.box):
        inside = {**env, **dict(zip(names, move, strict=True))}
        if all(abstract.value(rule, inside, here) for rule in each.rules):
            earned[_bare(move)] = abstract.value(each.earning, inside, here)
    best = max(earned, key=lambda m: earned[m])
    gain = earned[best] - earned[visit.move]
    if gain <= 0:
        return None
    return Deviation(
        step.player,
        step.place,
        tuple((n, v) for n, _, v in step.around),
        tuple((n, v, step.types.get(n)) for n, v in step.seen_values(visit.seen)),
        visit.move,
        best,
        gain,
        unit(step),
        tuple(p.space for p in step.box.outs),
    )
