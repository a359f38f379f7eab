"""A strategy plugged into a game gives a channel: every decision becomes a box that does what the plan says.

The readings therefore never meet a decision that somebody has a plan for. A clearing (a decision
with rules over real quantities) is left in place where the strategy has no plan for it: its move is the
optimum of its rules, which is a solver's business.

Source: Ghani, Hedges, Winschel, Zahn, Compositional game theory (2018), section 3 (play).
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from opengames.diagnostics import Diagnostic, Refusal
from opengames.diagram import Arm, Box, Branch, Call, Compute, Decide, Diagram, Draw, Loop, Port, Rule, walk
from opengames.program import Plan, Strategy
from opengames.spaces import Grid, is_finite
from opengames.terms import Check, Fold, Get, Pack, Prim, Term, Var, free, substitute

_HOLDS = Grid((Fraction(1),))


def plug(diagram: Diagram, strategy: Strategy) -> Diagram:
    """`diagram` with each planned decision replaced by its plan.

    Raises `Refusal` (`incomplete-strategy`) naming every decision without a plan, except clearings.
    A move outside its type, or one that breaks a rule, is refused when it is evaluated.
    """
    missing = [
        Diagnostic(
            "incomplete-strategy",
            f"`{strategy.name}` says nothing about `{seat}.{wire}`",
            span=strategy.at,
            help=f"add `{seat}.{wire} = ...` to the strategy",
        )
        for seat, wire in unplanned(diagram, strategy)
    ]
    if missing:
        raise Refusal(*missing)
    return _plug(diagram, strategy, ())


def plug_others(diagram: Diagram, strategy: Strategy, seat: str) -> Diagram:
    """`diagram` with the decisions replaced that `strategy` has a plan for, those of `seat` left as they are."""
    others = tuple(plan for plan in strategy.plans if plan.seat != seat)
    return _plug(diagram, replace(strategy, plans=others), ())


def unplanned(diagram: Diagram, strategy: Strategy) -> list[tuple[str, str]]:
    """The (seat, wire) pairs that `strategy` has no plan for, clearings left out."""
    found: list[tuple[str, str]] = []
    for path, box in walk(diagram):
        if isinstance(box, Decide):
            for out in box.outs:
                pair = (box.seat.name, out.name)
                if plan_for(strategy, box, path, out.name) is None and not is_clearing(box) and pair not in found:
                    found.append(pair)
    return found


def is_clearing(box: Decide) -> bool:
    """Whether the decision is a convex program rather than a choice among finitely many moves."""
    return bool(box.duals) or (bool(box.rules) and not all(is_finite(p.space) for p in box.outs))


def plan_for(strategy: Strategy, box: Decide, path: tuple[str, ...], wire: str) -> Plan | None:
    """The plan for `wire` of the decision `box` standing in the diagram at `path`; the most specific one wins."""
    place = (*path, wire)
    best: Plan | None = None
    for plan in strategy.plans:
        tail = tuple(plan.decision.split("."))
        fits = plan.seat == box.seat.name and place[-len(tail) :] == tail
        if fits and (best is None or len(tail) > len(best.decision.split("."))):
            best = plan
    return best


def _plug(diagram: Diagram, strategy: Strategy, path: tuple[str, ...]) -> Diagram:
    boxes: list[Box] = []
    for box in diagram.boxes:
        boxes.extend(_plug_box(box, strategy, path))
    return replace(diagram, boxes=tuple(boxes))


def _plug_box(box: Box, strategy: Strategy, path: tuple[str, ...]) -> tuple[Box, ...]:
    match box:
        case Decide():
            return _play(box, strategy, path)
        case Call(name=name, diagram=inner):
            return (replace(box, diagram=_plug(inner, strategy, (*path, name))),)
        case Loop(body=body):
            return (replace(box, body=_plug(body, strategy, path)),)
        case Branch(arms=arms):
            played = tuple(Arm(a.label, a.values, _plug(a.body, strategy, (*path, a.label))) for a in arms)
            return (replace(box, arms=played),)
    return (box,)


def _play(box: Decide, strategy: Strategy, path: tuple[str, ...]) -> tuple[Box, ...]:
    known = frozenset(box.seeing) | frozenset(box.needs) | {p.name for p in box.outs}
    rules = tuple(r for r in box.rules if free(r.term) - {v for v, _ in r.iters} <= known)
    moves: list[Box] = []
    for out in box.outs:
        plan = plan_for(strategy, box, path, out.name)
        if plan is None:
            return (box,)
        term = substitute(plan.term, dict(zip(plan.seat_vars, box.seat.index, strict=False)))
        raw = Port(_raw(out.name), out.space, out.at) if rules else out
        what = f"`{out.name}`, decided by {box.seat.name}"
        if plan.mixed:
            moves.append(Draw(raw, term, at=plan.at))
        else:
            moves.append(Compute(raw, Check(term, out.space, what, at=plan.at), hidden=bool(rules), at=plan.at))
    if not rules:
        return tuple(moves)
    return tuple(moves) + tuple(_obey(out, rules, box) for out in box.outs)


def _obey(out: Port, rules: tuple[Rule, ...], box: Decide) -> Compute:
    """The move itself, refused where it breaks a rule."""
    names: dict[str, Term] = {p.name: Var(_raw(p.name)) for p in box.outs}
    checks = tuple(
        Check(Prim("ind", (_holds(rule, names),)), _HOLDS, f"rule `{rule.name}` of {box.seat.name}", at=rule.at)
        for rule in rules
    )
    return Compute(out, Get(Pack((names[out.name], *checks)), 0), at=out.at)


def _holds(rule: Rule, names: dict[str, Term]) -> Term:
    term = substitute(rule.term, names)
    return Fold("and", rule.iters, term, at=rule.at) if rule.iters else term


def _raw(wire: str) -> str:
    """The wire before its rules are checked; `'` cannot occur in a name that a text binds."""
    return f"{wire}'"


