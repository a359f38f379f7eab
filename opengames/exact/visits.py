"""How often a place in a diagram is reached: an expectation of 1, gathered there."""

from __future__ import annotations

from fractions import Fraction

from opengames.diagram import Branch, Call, Loop, binds
from opengames.exact.scope import Scope
from opengames.terms import ONE


def visit(scope: Scope, path: tuple[str, ...], demand: int) -> bool:
    """Arrange that every visit to `path` counts 1 for `demand`; false if there is no such place.

    path: names of calls and labels of arms, then the name of a wire, a call or an arm. Loops add no name.
    """
    here = len(path) == 1 and any(path[0] == p.name for box in scope.diagram.boxes for p in binds(box))
    if here:
        scope.gain(ONE, demand)
        return True
    found = False
    for box in scope.diagram.boxes:
        match box:
            case Call(name=name) if name == path[0]:
                inner, _ = scope.call(box, box.outs[0]) if box.outs else (None, None)
                found |= inner is not None and _enter(inner, path[1:], demand)
            case Branch(arms=arms) if any(path[0] == arm.label for arm in arms):
                built = scope.branch(box)
                for arm, inside in zip(arms, built.scopes, strict=True):
                    if arm.label == path[0]:
                        found |= _enter(inside, path[1:], demand)
            case Loop():
                loop = scope.loop(box)
                inner_demand = scope.plan.demand(scope.plan.component[demand])
                if visit(loop.body, path, inner_demand):
                    loop.step.demands.append((inner_demand, demand, dict.fromkeys(range(loop.total), Fraction(1))))
                    found = True
    return found


def _enter(scope: Scope, path: tuple[str, ...], demand: int) -> bool:
    if path:
        return visit(scope, path, demand)
    scope.gain(ONE, demand)
    return True
