"""Which moves a decision has: whether they are finitely many, and its rules over the moves alone."""

from __future__ import annotations

from opengames import spaces
from opengames.diagnostics import refuse
from opengames.diagram import Compute, Decide, Diagram, binds
from opengames.terms import Fold, Term, free, substitute


def not_finite(box: Decide) -> str | None:
    """Why a decision is none among finitely many moves; `None` if it is one."""
    if box.duals:
        return f"a clearing with dual wires ({', '.join(p.name for p in box.duals)}) needs a solver for convex programs"
    for port in box.outs:
        if not spaces.is_finite(port.space):
            return f"`{port.name}` is a real quantity; finite methods need finitely many moves"
    return None


def rule_term(
    diagram: Diagram, box: Decide, term: Term, iters: tuple[tuple[str, spaces.Space], ...], place: str
) -> Term:
    """A rule over the move and what comes before it: wires computed from the move are written out."""
    after = _after(diagram, box)
    whole: Term = Fold("and", iters, term) if iters else term
    for _ in range(len(diagram.boxes) + 1):
        late = free(whole) & frozenset(after)
        if not late:
            return whole
        for name in late:
            if after[name] is None:
                raise refuse("not-yet", f"a rule of `{place}` waits for `{name}`", span=box.at)
        whole = substitute(whole, {name: after[name] for name in late})  # type: ignore[misc]
    return whole


def _after(diagram: Diagram, box: Decide) -> dict[str, Term | None]:
    """The wires bound after the decision, with their terms where they are computed."""
    found: dict[str, Term | None] = {}
    seen = False
    for other in diagram.boxes:
        if other is box:
            seen = True
        elif seen:
            for port in binds(other):
                found[port.name] = other.term if isinstance(other, Compute) else None
    return found


__all__ = ["not_finite", "rule_term"]
