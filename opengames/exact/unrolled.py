"""A diagram without loops and calls: every iteration's wires are wires of their own, and families are kept as elements.

What a loop makes element by element and another reads element by element need not be there at once: as separate
wires each element is forgotten after its last reader. An element at a known index (`price[60, k]`) is one wire; a fold
over a family becomes a chain of partial results. Where a family is needed whole (an index that is drawn, say), it
is put together there.

Law: the joint distribution of the wires of the top level is the same, since every box stays what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count
from typing import Any

from opengames.diagnostics import Refusal
from opengames.diagram import Box, Call, Compute, Diagram, Draw, Loop, Port, binds, needs
from opengames.evaluate import evaluate
from opengames.exact.scope import freshen
from opengames.program import Fun
from opengames.spaces import BOOL, REAL, Family, Space, index_points, index_size
from opengames.terms import (
    Apply,
    At,
    Const,
    Fold,
    If,
    Pack,
    Prim,
    Tabulate,
    Term,
    Var,
    bound,
    free,
    rebuild,
    substitute,
)

#: Boxes of an unrolled diagram beyond which there is none.
BOXES = 4_000

#: No name of a text begins with it, so no variable that a term binds is mistaken for a wire.
_TOP = "/"
_NEUTRAL = {"sum": Const(Fraction(0)), "product": Const(Fraction(1)), "and": Const(True), "or": Const(False)}
_PAIRED = {"sum": "+", "product": "*"}

#: A family by its elements, keyed by the leading indices; an element is a term or a family again.
Elements = dict[tuple[Any, ...], Any]


class Large(Exception):
    """The diagram does not unroll: it is too large, or has boxes that cannot stand alone."""


def unrolled(
    diagram: Diagram, terms: Sequence[Term], funs: Mapping[str, Fun], params: Mapping[str, Any], most: int = BOXES
) -> tuple[Diagram, list[Term]] | None:
    """The diagram unrolled, and terms over its top level said of what it became; `None` if it does not unroll."""
    if diagram.inputs:
        return None
    work = _Unroller(funs, params, most)
    known: dict[str, Any] = {}
    try:
        work.run(diagram, known, _TOP, frozenset().union(*(free(t) for t in terms)))
        asked = [work.term(t, known, lift=False) for t in terms]
    except Large:
        return None
    return replace(diagram, boxes=tuple(work.boxes), outputs=()), asked


class _Unroller:
    """Boxes in the making. What is known of a wire is a term over them, or its elements."""

    def __init__(self, funs: Mapping[str, Fun], params: Mapping[str, Any], most: int) -> None:
        self.funs, self.params, self.most = funs, params, most
        self.boxes: list[Box] = []
        self.fresh = count()
        self.packed: dict[int, tuple[Any, Term]] = {}

    def put(self, box: Compute | Draw) -> Var:
        if len(self.boxes) >= self.most:
            raise Large
        self.boxes.append(box)
        return Var(box.out.name)

    def run(self, diagram: Diagram, known: dict[str, Any], prefix: str, wanted: frozenset[str]) -> None:
        """What makes the `wanted` wires of a diagram, its inputs `known`; afterwards `known` has them too."""
        boxes, wanted = _making(diagram, wanted)
        for box in boxes:
            match box:
                case Compute(out=out, term=term):
                    known[out.name] = self.define(term, out, known, prefix + out.name, box)
                case Draw(out=out, kernel=kernel):
                    inner = self.term(kernel, known)
                    known[out.name] = self.put(replace(box, out=Port(prefix + out.name, out.space), kernel=inner))
                case Call(name=name, diagram=inner, args=args, outs=outs, reports=reports):
                    inside = {p.name: known[a] for p, a in zip(inner.inputs, args, strict=True)}
                    pairs = zip((*outs, *reports), (*inner.outputs, *inner.reports), strict=True)
                    named = {o: p.name for o, p in pairs if o in wanted}
                    self.run(inner, inside, f"{prefix}{name}.", frozenset(named.values()))
                    known.update((o, inside[p]) for o, p in named.items())
                case Loop():
                    self.loop(box, known, prefix, wanted)
                case _:
                    raise Large

    def loop(self, box: Loop, known: dict[str, Any], prefix: str, wanted: frozenset[str]) -> None:
        spaces = tuple(s for _, s in box.iters)
        if index_size(spaces) > self.most:
            raise Large
        keys = tuple(index_points(spaces))
        carried = {c.name: known[c.init] for c in box.carry}
        outs = [(outer, inner) for outer, inner in box.outs if outer in wanted]
        ends = frozenset((*(inner for _, inner in outs), *(c.next for c in box.carry)))
        types = {p.name: p.space for p in (*box.body.inputs, *(p for b in box.body.boxes for p in binds(b)))}
        made: dict[str, Elements] = {outer: {} for outer, _ in outs}
        for place, key in enumerate(keys[::-1] if box.reversed else keys):
            inside = {n: known[n] for n in box.captured if n in known} | carried
            inside.update((n, Const(v)) for (n, _), v in zip(box.iters, key, strict=True))
            self.run(box.body, inside, f"{prefix}{box.name}#{place}.", ends)
            carried = {c.name: inside[c.next] for c in box.carry}
            for outer, inner in outs:
                made[outer][key] = _apart(inside[inner], types[inner])
        known.update({outer: {k: elements[k] for k in keys} for outer, elements in made.items()})
        known.update((outer, carried[name]) for outer, name in box.lasts)

    def define(self, term: Term, out: Port, known: dict[str, Any], name: str, box: Compute) -> Any:
        """What a computed wire is: a name for another, a family by its elements, or a box of its own."""
        if isinstance(term, Var) and isinstance(known.get(term.name), dict):
            return known[term.name]
        space = out.space
        if isinstance(term, Tabulate) and isinstance(space, Family) and self.small(term.iters):
            index = tuple(s for _, s in term.iters)
            rest = space.index[len(index) :]
            each = Family(rest, space.item) if rest else space.item
            found: Elements = {}
            for i, key in enumerate(index_points(index)):
                body = substitute(term.body, {n: Const(v) for (n, _), v in zip(term.iters, key, strict=True)})
                found[key] = self.define(body, Port(out.name, each), known, f"{name}[{i}]", box)
            return found
        return self.put(replace(box, out=Port(name, space), term=self.term(term, known)))

    def small(self, iters: tuple[tuple[str, Space], ...]) -> bool:
        try:
            return index_size(tuple(s for _, s in iters)) <= self.most
        except (TypeError, ValueError):
            return False

    # ----------------------------------------------------------------------- terms

    def term(self, term: Term, known: Mapping[str, Any], lift: bool = True) -> Term:
        """A term over the unrolled wires. lift: whether partial results of folds may be wires of their own."""
        names = free(term)
        if not names:
            return term
        if not any(isinstance(known.get(n), dict) for n in names):
            return substitute(term, {n: known[n] for n in names if n in known})
        match term:
            case Var(name=name):
                return self.whole(known[name])
            case At(family=Var(name=name)) if isinstance(known.get(name), dict):
                found = self.element(term, known, lift)
                if found is not None:
                    return found
            case Fold(iters=iters) if self.small(iters) and (term.op in _NEUTRAL or term.where is None):
                return self.folded(term, known, lift)
            case Apply(fun=fun, args=args):
                made = self.funs[fun]
                body = freshen(made.body, self.fresh)
                inside = dict(known)
                swap: dict[str, Term] = {}
                for port, arg in zip(made.inputs, args, strict=True):
                    alias = f"{port.name}~{next(self.fresh)}"
                    swap[port.name] = Var(alias)
                    given = known.get(arg.name) if isinstance(arg, Var) else None
                    inside[alias] = given if isinstance(given, dict) else self.term(arg, known, lift)
                return self.term(substitute(body, swap), inside, lift)
        if bound(term):  # what is bound here has no value yet: its families are needed whole
            return substitute(term, {n: self.whole(known[n]) for n in names if n in known})
        return rebuild(term, lambda t: self.term(t, known, lift))

    def element(self, term: At, known: Mapping[str, Any], lift: bool) -> Term | None:
        """One element of a family, if its leading indices are known and there is such an element."""
        assert isinstance(term.family, Var)
        found, done = known[term.family.name], 0
        keys = [self.term(k, known, lift) for k in term.keys]
        while isinstance(found, dict) and done < len(keys):
            n = len(next(iter(found), ()))
            chosen = keys[done : done + n]
            if len(chosen) < n or any(free(k) for k in chosen):
                return None
            try:
                found = found.get(tuple(evaluate(k, {}, self.funs, self.params) for k in chosen))
            except Refusal:
                return None
            if found is None:
                return None
            done += n
        whole = self.whole(found)
        return At(whole, tuple(keys[done:]), term.index[done:], term.at) if done < len(keys) else whole

    def folded(self, term: Fold, known: Mapping[str, Any], lift: bool) -> Term:
        """A fold as a chain over its cases."""
        total: Term | None = None
        neutral = _NEUTRAL.get(term.op)
        for key in index_points(tuple(s for _, s in term.iters)):
            here: dict[str, Term] = {n: Const(v) for (n, _), v in zip(term.iters, key, strict=True)}
            part = substitute(term.body, here)
            if term.where is not None:
                assert neutral is not None
                test = self.term(substitute(term.where, here), known, lift)
                if isinstance(test, Const) or not free(test):
                    if not evaluate(test, {}, self.funs, self.params):
                        continue
                    part = self.term(part, known, lift)
                else:
                    part = If(test, self.term(part, known, lift), neutral)
            else:
                part = self.term(part, known, lift)
            total = part if total is None else Prim(_PAIRED.get(term.op, term.op), (total, part), term.at)
            if lift:
                space = BOOL if term.op in ("and", "or") else REAL
                total = self.put(Compute(Port(f"{term.op}~{next(self.fresh)}", space), total, at=term.at))
        if total is None:
            if neutral is None:
                raise Large
            return neutral
        return total

    def whole(self, found: Any) -> Term:
        """A family put together, as one wire, or what is no family as it is."""
        if not isinstance(found, dict):
            return found
        kept = self.packed.get(id(found))
        if kept is None:
            kept = self.packed[id(found)] = (found, Pack(tuple(self.flat(found))))
        return kept[1]

    def flat(self, found: Any) -> list[Term]:
        if not isinstance(found, dict):
            return [found]
        parts = list(found.values())
        if any(isinstance(p, dict) for p in parts):
            return [t for p in parts for t in self.flat(p)]
        return parts


def _making(diagram: Diagram, wanted: frozenset[str]) -> tuple[list[Box], frozenset[str]]:
    """The boxes that some wires come out of, directly or not, in order, and all wires that these need."""
    found: list[Box] = []
    open_ = set(wanted)
    for box in reversed(diagram.boxes):
        if any(p.name in open_ for p in binds(box)):
            found.append(box)
            open_ |= needs(box)
    return found[::-1], frozenset(open_)


def _apart(found: Any, space: Space) -> Any:
    """A family-valued term by its elements; anything else as it is."""
    if isinstance(found, dict) or not isinstance(space, Family):
        return found
    return {k: At(found, tuple(Const(v) for v in k), space.index) for k in index_points(space.index)}


__all__ = ["BOXES", "unrolled"]
