"""What a clearing is a function of: its data (atoms), its decided numbers (columns), and the columns that pieces get.

Atoms and columns count from 1. A piece is `max`, `min` or `abs` of decided numbers: its column is curved `+1` if it may only be
pushed down (it is at least each piece) and `-1` if it may only be pushed up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.solvers.clearing import affine_values as av
from opengames.solvers.clearing.affine_values import Affine
from opengames.solvers.clearing.frames import Code, Frame, Num
from opengames.spans import Span
from opengames.terms import ZERO, At, Const, If, Prim, Term, Var, free, substitute


@dataclass(frozen=True)
class Piece:
    """Rows `form <= 0` that tie new columns to their pieces. columns: the first, and how many. op: as written."""

    op: str
    first: int
    count: int
    curve: int
    rows: tuple[Affine, ...]
    at: Span | None


class Unknowns:
    """See the module. kind: `float` or `object`, of coefficients."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.atoms: list[Term] = []
        self.columns = 0
        self.pieces_made: list[Piece] = []
        self.products: list[tuple[np.ndarray, Span | None]] = []
        self._ids: dict[object, int] = {}

    # ------------------------------------------------------------------------------- columns

    def new_columns(self, count: int) -> np.ndarray:
        """That many more numbers to decide."""
        first = self.columns + 1
        self.columns += count
        _room(self.columns, "decided numbers")
        return np.arange(first, first + count)

    def pieces(self, op: str, forms: list[Affine], at: Span | None) -> Affine:
        """`max`, `min`, `abs` or `clamp` of numbers side by side, in one new column for each item."""
        if op == "clamp":
            return self.pieces("max", [self.pieces("min", [forms[0], forms[2]], at), forms[1]], at)
        if op == "abs":
            forms = [forms[0], av.negative(forms[0])]
        return self.extreme("max" if op == "abs" else op, forms[0].items, [(f, None) for f in forms], at, op)

    def extreme(
        self, op: str, items: int, forms: list[tuple[Affine, np.ndarray | None]], at: Span | None, shown: str
    ) -> Affine:
        """The largest or least of several numbers in each item. forms: each with the item that each of its own belongs to."""
        numbers = self.new_columns(items)
        best = av.decided(numbers, self.kind)
        curve = 1 if op == "max" else -1
        rows = []
        for form, owner in forms:
            mine = best if owner is None else av.gather(best, owner)
            rows.append(av.minus(form, mine) if curve > 0 else av.minus(mine, form))
        self.pieces_made.append(Piece(shown, int(numbers[0]) if items else 0, items, curve, tuple(rows), at))
        return best

    def curves(self) -> np.ndarray:
        """Of every column, with one at 0 for the constant: +1, -1, or 0 for one that is free to go both ways."""
        curve = np.zeros(self.columns + 1, np.int64)
        for piece in self.pieces_made:
            curve[piece.first : piece.first + piece.count] = piece.curve
        return curve

    def piece_of(self, column: int) -> Piece:
        """The piece that a curved column stands for."""
        return next(p for p in self.pieces_made if p.first <= column < p.first + p.count)

    # --------------------------------------------------------------------------------- atoms

    def atom(self, term: Term) -> int:
        """The number of a datum."""
        key = _key(term)
        found = self._ids.get(key)
        if found is None:
            self.atoms.append(term)
            found = self._ids[key] = len(self.atoms)
            _room(found, "data")
        return found

    def in_lanes(self, term: Term, frame: Frame, lanes: dict[str, Code]) -> tuple[list[Term], np.ndarray]:
        """The term with its lane variables replaced by what they are: the different ones, and which one each lane has."""
        used = sorted(name for name in free(term) if name in lanes)
        if not used:
            return [term], np.zeros(frame.lanes, np.int64)
        codes = [lanes[name].codes[frame.within(lanes[name].frame)] for name in used]
        key = codes[0]
        for name, more in zip(used[1:], codes[1:], strict=True):
            key = key * len(lanes[name].points) + more
        _, first, which = np.unique(key, return_index=True, return_inverse=True)
        if isinstance(term, At) and isinstance(term.family, Var) and all(isinstance(k, Var) for k in term.keys):
            of = [used.index(k.name) for k in term.keys if isinstance(k, Var) and k.name in lanes]
            if len(of) == len(term.keys):
                points = [lanes[name].points for name in used]
                keys = zip(*([Const(points[u][c]) for c in codes[u][first].tolist()] for u in of), strict=True)
                return [At(term.family, key, term.index, at=term.at) for key in keys], which.ravel()
        terms = [
            substitute(term, {n: Const(lanes[n].points[int(c[i])]) for n, c in zip(used, codes, strict=True)})
            for i in first
        ]
        return terms, which.ravel()

    def atoms_in_lanes(self, term: Term, frame: Frame, lanes: dict[str, Code], root: Frame) -> Num:
        """A numeric datum, in every lane."""
        terms, which = self.in_lanes(term, frame, lanes)
        ids = np.array([self.atom(t) for t in terms], np.int64)
        if len(terms) == 1 and not any(name in lanes for name in free(term)):
            return Num(av.data(ids, self.kind), root)
        return Num(av.data(ids[which], self.kind), frame)

    def may_be_negative(self, atoms: np.ndarray) -> np.ndarray:
        """Which of these atoms, 0 for none, may be below 0: all data but the 0 or 1 of a condition."""
        free = np.array([False, *(not (isinstance(t, Prim) and t.op == "ind") for t in self.atoms)])
        return free[atoms]

    def guarded(
        self, form: Affine, test: Term, wanted: bool, frame: Frame, lanes: dict[str, Code], at: Span | None
    ) -> Affine:
        """`form` where the datum `test` is as wanted, else 0; data in it are asked for only there."""
        tests, which = self.in_lanes(test, frame, lanes)
        if not wanted:
            tests = [Prim("not", (t,), at=at) for t in tests]
        on = np.array([self.atom(Prim("ind", (t,), at=at)) for t in tests], np.int64)[which]
        filled = np.flatnonzero((form.constant != 0).astype(bool))
        item, monomial, value = form.item, form.monomial, form.value
        atoms = av.atoms_of(monomial)
        new = np.where(atoms == 0, on[item], 0)
        moving = np.flatnonzero(atoms)
        made: dict[tuple[int, int], int] = {}
        for e in moving.tolist():
            key = (int(which[item[e]]), int(atoms[e]))
            if key not in made:
                made[key] = self.atom(If(tests[key[0]], self.atoms[key[1] - 1], ZERO, at=at))
            new[e] = made[key]
        monomial = av.packed(new, av.first_of(monomial), av.second_of(monomial))
        zero = np.zeros(len(filled), np.int64)
        return av.of_entries(
            form.items,
            np.concatenate((filled, item)),
            np.concatenate((av.packed(on[filled], zero, zero), monomial)),
            np.concatenate((form.constant[filled], value)),
            self.kind,
        )

    # ------------------------------------------------------------------------------ products

    def product(self, a: Affine, b: Affine, at: Span | None) -> Affine:
        """Products item by item: known by anything, datum by decided, decided by decided. Refuses (`not-convex`) three."""
        if b.is_constant:
            return av.scaled(a, b.constant)
        if a.is_constant:
            return av.scaled(b, a.constant)
        item, ea, eb = av.pairs(a, b)
        ma, mb = a.monomial[ea], b.monomial[eb]
        fa, fb, sa, sb = av.first_of(ma), av.first_of(mb), av.second_of(ma), av.second_of(mb)
        degree = (fa > 0).astype(int) + (fb > 0) + (sa > 0) + (sb > 0)
        if len(degree) and degree.max() > 2:
            raise refuse("not-convex", "a product of three decided wires", span=at, label="multiplied here")
        less = np.minimum(fa, fb)
        monomial = av.packed(
            self._both(av.atoms_of(ma), av.atoms_of(mb), at), np.maximum(fa, fb), np.where(less > 0, less, np.maximum(sa, sb))
        )
        square = np.unique(av.without_atom(monomial[degree == 2]))
        if len(square):
            self.products.append((square, at))
        cross = av.of_entries(a.items, item, monomial, a.value[ea] * b.value[eb], self.kind)
        flat_a = av.Affine(av.zeros(a.items, self.kind), a.starts, a.monomial, a.value)
        straight = av.plus(av.scaled(flat_a, b.constant), av.scaled(b, a.constant))
        return av.plus(straight, cross)

    def _both(self, a: np.ndarray, b: np.ndarray, at: Span | None) -> np.ndarray:
        """The atom of each product of two atoms."""
        out = np.where(a == 0, b, a)
        both = np.flatnonzero((a > 0) & (b > 0))
        if len(both):
            key, which = np.unique(np.stack((np.minimum(a, b), np.maximum(a, b)))[:, both], axis=1, return_inverse=True)
            made = [self.atom(Prim("*", (self.atoms[i - 1], self.atoms[j - 1]), at=at)) for i, j in key.T.tolist()]
            out[both] = np.array(made, np.int64)[which.ravel()]
        return out

    def place_of(self, monomial: int) -> Span | None:
        """Where the two decided numbers of a monomial were multiplied."""
        wanted = av.without_atom(np.array([monomial]))[0]
        for found, at in self.products:
            if wanted in found:
                return at
        return None


def _key(term: Term) -> object:
    """What tells data apart; short for an element of a wire, whose index may be long."""
    if isinstance(term, At) and isinstance(term.family, Var):
        keys = tuple(k.value for k in term.keys if isinstance(k, Const))
        if len(keys) == len(term.index):
            return term.family.name, keys
    return term


def _room(count: int, what: str) -> None:
    if count >= av.MOST:
        raise refuse("over-budget", f"a clearing has {count:,} {what}; the limit is {av.MOST:,}")


__all__ = ["Piece", "Unknowns"]
