"""Constants go where they are used: what a call or a loop is given as a param or a fixed value becomes a box of its body.

A game of a library knows its network only through its inputs: `Sced[Bus, Line](line, load)`. Whoever solves its clearing wants to
know that `line` is a param and not something drawn. Law: every reading of the result equals the same reading of the original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from opengames.diagram import Arm, Box, Branch, Call, Compute, Diagram, Loop
from opengames.terms import Term, children, free, substitute

#: A longer term stays where it is.
MOST_PARTS = 2_000


def push_constants(diagram: Diagram, known: Mapping[str, Term] | None = None) -> Diagram:
    """`diagram`, with every port of an inner diagram that is given a constant replaced by a box in it.

    known: terms for some of the diagram's own inputs; those ports go. A constant is anything computed from params and values
    alone by a term of at most `MOST_PARTS` parts; it is computed again wherever it is used.
    """
    given = dict(known or {})
    here = dict(given)
    boxes: list[Box] = [Compute(p, given[p.name], hidden=True, at=p.at) for p in diagram.inputs if p.name in given]
    for box in diagram.boxes:
        boxes.append(_pushed(box, here))
        if isinstance(box, Compute):
            term = _constant(box.term, here)
            if term is not None:
                here[box.out.name] = term
    if not given and all(new is old for new, old in zip(boxes, diagram.boxes, strict=True)):
        return diagram
    return replace(diagram, inputs=tuple(p for p in diagram.inputs if p.name not in given), boxes=tuple(boxes))


def _constant(term: Term, known: Mapping[str, Term]) -> Term | None:
    """The same over params alone, if everything it uses is constant and it stays small; `None` otherwise."""
    used = free(term)
    if not used <= known.keys():
        return None
    found = substitute(term, {name: known[name] for name in used})
    return found if _small(found) else None


def _small(term: Term) -> bool:
    """Whether the term has few enough parts to be written wherever it is used."""
    left, waiting = MOST_PARTS, [term]
    while waiting and left:
        left -= 1
        waiting.extend(children(waiting.pop()))
    return not waiting


def _pushed(box: Box, known: Mapping[str, Term]) -> Box:
    """The box, with the constants that it is given inside its body."""
    match box:
        case Call(diagram=inner, args=args):
            taken = {p.name: known[a] for p, a in zip(inner.inputs, args, strict=True) if a in known}
            body = push_constants(inner, taken)
            return box if body is inner else replace(box, diagram=body, args=tuple(a for a in args if a not in known))
        case Loop(body=inner, captured=captured):
            taken = {w: known[w] for w in captured if w in known}
            body = push_constants(inner, taken)
            return box if body is inner else replace(box, body=body, captured=tuple(w for w in captured if w not in taken))
        case Branch(arms=arms, captured=captured):
            taken = {w: known[w] for w in captured if w in known}
            bodies = tuple(Arm(a.label, a.values, push_constants(a.body, taken)) for a in arms)
            if all(new.body is old.body for new, old in zip(bodies, arms, strict=True)):
                return box
            return replace(box, arms=bodies, captured=tuple(w for w in captured if w not in taken))
    return box


__all__ = ["push_constants"]
