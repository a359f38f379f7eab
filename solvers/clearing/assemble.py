"""From what was read to a program: columns for what is decided, rows for the rules, the earning with its sign turned.

`Pieces` is the program in whichever numbers it was read in, as entries; `moving` makes the engine's form of it. Which rule a row
belongs to, and where in the rule's index it stands, is kept, so that duals come back under the names of the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy import sparse

from opengames.diagnostics import refuse
from opengames.diagram import Decide, Rule
from opengames.solvers.clearing import affine_values as av
from opengames.solvers.clearing.affine_terms import not_convex
from opengames.solvers.clearing.affine_values import Affine
from opengames.solvers.clearing.columns import Columns
from opengames.solvers.clearing.program import Block, Moving, Program
from opengames.solvers.clearing.rules_rows import Part, labels
from opengames.solvers.clearing.unknowns import Unknowns
from opengames.spans import Span
from opengames.terms import Term

_LARGEST = 1e15


@dataclass(frozen=True)
class Entries:
    """A sparse array as (row, column, value), each pair once."""

    row: np.ndarray
    column: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Pieces:
    """A program as it was read. Numbers are float64, or `Fraction` in object arrays; none stands for no bound, as infinity.

    columns (n), rows (m) and data (d) count from 0. cost, lower, upper: (n,); lower_row, upper_row: (m,).
    matrix: (m, n). cost_by, row_by, lower_by, upper_by: what a unit of each datum adds, as in `Moving`.
    matrix_by: (row, column, datum, factor). quadratic: symmetric (n, n), of the cost.
    rule: (m,) the rule of each row, -1 for none; place: (m,) where in its index. two_sided: (m,) 1 or -1 where one row has two
    bounds that a rule moves apart, else 0.
    """

    cost: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    matrix: Entries
    lower_row: np.ndarray
    upper_row: np.ndarray
    cost_by: Entries
    row_by: Entries
    lower_by: Entries
    upper_by: Entries
    matrix_by: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    quadratic: Entries
    offset: Any
    offset_by: np.ndarray
    integer: np.ndarray
    rule: np.ndarray
    place: np.ndarray
    two_sided: np.ndarray
    data: tuple[Term, ...]
    rows: tuple[Block, ...]
    columns: tuple[Block, ...]


def assemble(
    unknowns: Unknowns, columns: Columns, rules: Sequence[Rule], parts: Sequence[Part], earning: Affine, priced: set[int],
    at: Span | None, bounds: bool = True,
) -> Pieces:  # fmt: skip
    """The program. priced: rules whose duals are asked for: their rows stay rows. bounds: whether a row about one number
    alone may become its bound otherwise. Raises `Refusal` (`not-convex`, `not-yet`)."""
    kind = unknowns.kind
    n, curve = unknowns.columns, unknowns.curves()
    lower, upper = _free(n, kind)
    lower[: columns.count], upper[: columns.count] = columns.lower, columns.upper
    taken = _Bounds(lower, upper)
    kept: list[Part] = []
    ties = []
    for piece in unknowns.pieces_made:
        # what a piece is tied to may be pieces in turn, bent the same way; its own column stands on the other side
        others = curve.copy()
        others[piece.first : piece.first + piece.count] = 0
        for form in piece.rows:
            ties.append(Part(-1, av.merged(form), -1, np.zeros(form.items, np.int64), piece.at))
            _judge(ties[-1], unknowns, others)
    for part in [*parts, *columns.ties]:
        _judge(part, unknowns, curve)
    for part in [*parts, *columns.ties, *ties]:
        rest = part
        if bounds and part.rule >= 0 and part.rule not in priced and part.half is None:
            rest = taken.take(part)
        if rest.form.items:
            kept.append(rest)
    cost, cost_by, quadratic, offset, offset_by = _earned(earning, unknowns, curve, n, at)
    form = av.stacked([p.form for p in kept]) if kept else av.constant(av.zeros(0, kind))
    m = form.items
    item, monomial, value = form.item, form.monomial, form.value
    atom, column = av.atoms_of(monomial), av.first_of(monomial)
    level = -form.constant
    low, high = _free(m, kind)
    sense = np.concatenate([np.full(p.form.items, 2 if p.half is not None else p.sense) for p in kept] or [np.zeros(0)])
    half = np.concatenate([p.half if p.half is not None else av.zeros(p.form.items, kind) for p in kept] or [av.zeros(0, kind)])
    below, above, both = np.flatnonzero(sense <= 0), np.flatnonzero((sense >= 0) & (sense < 2)), np.flatnonzero(sense == 2)
    high[below], low[above] = level[below], level[above]
    low[both], high[both] = level[both] - half[both], level[both] + half[both]
    fixed, moves, shifts = (atom == 0), (atom > 0) & (column > 0), (column == 0)
    return Pieces(
        cost=cost, lower=lower, upper=upper,
        matrix=Entries(item[fixed], column[fixed] - 1, value[fixed]),
        lower_row=low, upper_row=high, cost_by=cost_by,
        row_by=Entries(item[shifts], atom[shifts] - 1, -value[shifts]),
        lower_by=taken.entries(0), upper_by=taken.entries(1),
        matrix_by=(item[moves], column[moves] - 1, atom[moves] - 1, value[moves]),
        quadratic=quadratic, offset=offset, offset_by=offset_by,
        integer=np.concatenate((columns.integer, np.zeros(n - columns.count, bool))),
        rule=np.concatenate([np.full(p.form.items, p.rule) for p in kept] or [np.zeros(0, int)]),
        place=np.concatenate([p.place for p in kept] or [np.zeros(0, int)]),
        two_sided=np.concatenate([np.full(p.form.items, p.sign if p.half is not None else 0) for p in kept] or [np.zeros(0, int)]),
        data=tuple(unknowns.atoms),
        rows=_blocks(rules, kept), columns=columns.blocks + _made(unknowns),
    )  # fmt: skip


def _free(count: int, kind: Any) -> tuple[np.ndarray, np.ndarray]:
    """No bounds: infinities, in object arrays too, where they compare as they should."""
    return np.full(count, -np.inf, kind), np.full(count, np.inf, kind)


def _judge(part: Part, unknowns: Unknowns, curve: np.ndarray) -> None:
    """Refuse a row that is not convex: two decided numbers multiplied, or a piece pushed the wrong way."""
    monomial = part.form.monomial
    second = av.second_of(monomial)
    if second.any():
        found = int(monomial[np.flatnonzero(second)[0]])
        where = unknowns.place_of(found) or part.at
        raise not_convex("a rule multiplies two decided wires", where, "a product of two may stand in the earning only", "multiplied here")
    bent = curve[av.first_of(monomial)]
    if not bent.any():
        return
    sense = np.full(part.form.items, 0 if part.half is not None else part.sense)[part.form.item]
    signs = np.sign(part.form.value.astype(float))
    wrong = (bent != 0) & ((bent * signs != -sense) | unknowns.may_be_negative(av.atoms_of(monomial)))
    if wrong.any():
        e = int(np.flatnonzero(wrong)[0])
        raise _bent_wrong(unknowns, int(av.first_of(monomial)[e]), int(av.atoms_of(monomial)[e]), "this rule", part.at)


def _bent_wrong(unknowns: Unknowns, column: int, atom: int, who: str, at: Span | None) -> Exception:
    piece = unknowns.piece_of(column)
    if atom:
        return not_convex(f"`{piece.op}` times a number that is not known before the run", piece.at or at)
    want = "held down, not up" if piece.curve > 0 else "held up, not down"
    return not_convex(f"`{piece.op}` of what is decided can only be {want}, and {who} does the other", piece.at or at)


def _earned(
    earning: Affine, unknowns: Unknowns, curve: np.ndarray, n: int, at: Span | None
) -> tuple[np.ndarray, Entries, Entries, Any, np.ndarray]:
    """(cost, cost_by, quadratic, offset, offset_by)."""
    form = av.merged(earning)
    monomial, value = form.monomial, -form.value
    atom, first, second = av.atoms_of(monomial), av.first_of(monomial), av.second_of(monomial)
    bent = curve[first] + curve[second]
    wrong = (bent != 0) & ((second > 0) | unknowns.may_be_negative(atom) | (bent * np.sign(value.astype(float)) < 0))
    if wrong.any():
        e = int(np.flatnonzero(wrong)[0])
        column = int(second[e] if curve[second[e]] else first[e])
        if second[e]:
            op, where = unknowns.piece_of(column).op, unknowns.place_of(int(monomial[e]))
            raise not_convex(f"`{op}` of what is decided, multiplied by what is decided", where or at, label="multiplied here")
        raise _bent_wrong(unknowns, column, int(atom[e]), "the earning", at)
    moving = (second > 0) & (atom > 0)
    if moving.any():
        found = int(monomial[np.flatnonzero(moving)[0]])
        raise refuse(
            "not-yet", "a quadratic earning whose coefficients change from play to play",
            span=unknowns.place_of(found) or at, help="make the coefficient a param, or the earning affine",
        )  # fmt: skip
    cost = av.zeros(n, unknowns.kind)
    plain = (second == 0) & (atom == 0)
    cost[first[plain] - 1] = value[plain]
    by = (second == 0) & (atom > 0) & (first > 0)
    offset_by = av.zeros(len(unknowns.atoms), unknowns.kind)
    alone = (first == 0) & (atom > 0)
    offset_by[atom[alone] - 1] = value[alone]
    square = second > 0
    i, j, v = first[square] - 1, second[square] - 1, value[square]
    same = i == j
    quadratic = Entries(
        np.concatenate((i, j[~same])), np.concatenate((j, i[~same])), np.concatenate((np.where(same, 2 * v, v), v[~same]))
    )
    return cost, Entries(first[by] - 1, atom[by] - 1, value[by]), quadratic, -form.constant[0], offset_by


class _Bounds:
    """Rows about one number alone, taken as its bounds. Of bounds that move a column takes one, and only where no other stands."""

    def __init__(self, lower: np.ndarray, upper: np.ndarray) -> None:
        self.ends = (lower, upper)
        self.by: tuple[list[Entries], list[Entries]] = ([], [])
        self._moving = (np.zeros(len(lower), bool), np.zeros(len(lower), bool))

    def entries(self, end: int) -> Entries:
        every = self.by[end]
        if not every:
            return Entries(np.zeros(0, int), np.zeros(0, int), self.ends[end][:0])
        return Entries(*(np.concatenate([getattr(e, k) for e in every]) for k in ("row", "column", "value")))

    def take(self, part: Part) -> Part:
        """What of the part has to stay rows."""
        form = part.form
        decided = av.first_of(form.monomial) > 0
        columns = np.bincount(form.item[decided], minlength=form.items)
        shaky = np.bincount(form.item[decided & (av.atoms_of(form.monomial) > 0)], minlength=form.items)
        moving = np.bincount(form.item[~decided], minlength=form.items) > 0
        alone = (columns == 1) & (shaky == 0)
        still = np.flatnonzero(alone & ~moving)
        stays = ~alone
        if len(still):
            stays[still[~self._still(part, av.gather(form, still))]] = True
        for row in np.flatnonzero(alone & moving).tolist():
            stays[row] = not self._moves(part, row)
        rows = np.flatnonzero(stays)
        return Part(part.rule, av.gather(form, rows), part.sense, part.place[rows], part.at)

    def _still(self, part: Part, form: Affine) -> np.ndarray:
        column, factor = av.first_of(form.monomial) - 1, form.value
        level = -form.constant / factor
        taken = np.ones(form.items, bool)
        for end, sign in ((0, 1), (1, -1)):
            held = (np.sign(factor.astype(float)) * part.sense == sign) | (part.sense == 0)
            free = held & ~self._moving[end][column]
            better = np.maximum if end == 0 else np.minimum
            better.at(self.ends[end], column[free], level[free])
            taken &= free | ~held
        return taken

    def _moves(self, part: Part, row: int) -> bool:
        form = av.gather(part.form, np.array([row]))
        mine = av.first_of(form.monomial) > 0
        column, factor = int(av.first_of(form.monomial)[mine][0]) - 1, form.value[mine][0]
        sides = [0, 1] if part.sense == 0 else [0 if (1 if factor > 0 else -1) * part.sense > 0 else 1]
        if any(self._moving[end][column] or not np.isinf(float(self.ends[end][column])) for end in sides):
            return False
        for end in sides:
            self._moving[end][column] = True
            self.ends[end][column] = -form.constant[0] / factor
            atoms = av.atoms_of(form.monomial)[~mine] - 1
            self.by[end].append(Entries(np.full(len(atoms), column), atoms, -form.value[~mine] / factor))
        return True


def _blocks(rules: Sequence[Rule], kept: Sequence[Part]) -> tuple[Block, ...]:
    names = [labels(r) for r in rules]
    blocks, start = [], 0
    for part in kept:
        if part.rule < 0:
            index: tuple[tuple[Any, ...], ...] = tuple((int(k),) for k in range(part.form.items))
            blocks.append(Block("", index, start))
        else:
            known = names[part.rule]
            blocks.append(Block(rules[part.rule].name, tuple(known[k] for k in part.place.tolist()), start))
        start += part.form.items
    return tuple(blocks)


def _made(unknowns: Unknowns) -> tuple[Block, ...]:
    return tuple(
        Block(piece.op, tuple((k,) for k in range(piece.count)), piece.first - 1) for piece in unknowns.pieces_made if piece.count
    )


# ----------------------------------------------------------------------------- for the engines


def moving(pieces: Pieces) -> Moving:
    """The program for engines; its numbers must be floats. Refuses (`not-convex`) a quadratic cost that is not convex."""
    n, m, d = len(pieces.cost), len(pieces.lower_row), len(pieces.data)
    quadratic = None
    if len(pieces.quadratic.row):
        q = pieces.quadratic
        quadratic = sparse.coo_array((q.value, (q.row, q.column)), shape=(n, n)).tocsc()
    program = Program(
        pieces.cost, _csr(pieces.matrix, m, n), pieces.lower_row, pieces.upper_row, pieces.lower, pieces.upper, quadratic,
        pieces.integer if pieces.integer.any() else None, float(pieces.offset), pieces.rows, pieces.columns,
    )  # fmt: skip
    return Moving(
        program, _csr(pieces.cost_by, n, d), _csr(pieces.row_by, m, d), _csr(pieces.lower_by, n, d), _csr(pieces.upper_by, n, d),
        pieces.offset_by, pieces.matrix_by,
    )  # fmt: skip


def rounded(pieces: Pieces) -> Pieces:
    """A program in rationals as one in floats, entry by entry."""

    def floats(value: Any) -> Any:
        match value:
            case np.ndarray() if value.dtype == object:
                return value.astype(float)
            case Entries(row=row, column=column, value=numbers):
                return Entries(row, column, numbers.astype(float))
        return value

    made = {f.name: floats(getattr(pieces, f.name)) for f in fields(pieces)}
    row, column, datum, factor = pieces.matrix_by
    return Pieces(**{**made, "matrix_by": (row, column, datum, factor.astype(float)), "offset": float(pieces.offset)})


def in_reach(pieces: Pieces, box: Decide) -> None:
    """Refuse (`no-certificate`) numbers that no engine computes with: not finite, or so large that others vanish beside them."""
    sizes = [pieces.cost, pieces.matrix.value, pieces.matrix_by[3], pieces.quadratic.value]
    largest = max((float(abs(s).max()) for s in sizes if len(s)), default=0.0)
    held = np.isnan(np.concatenate((pieces.lower, pieces.upper, pieces.lower_row, pieces.upper_row))).any()
    if not largest < _LARGEST or held:
        raise refuse(
            "no-certificate", f"the clearing of {box.seat.name} has numbers too large to compute with", span=box.at,
            label="decided here", notes=(f"its largest coefficient is {largest:.1e}; engines take less than {_LARGEST:.0e}",),
            help="write the model in units that make its numbers smaller",
        )  # fmt: skip


def _csr(entries: Entries, rows: int, columns: int) -> sparse.csr_array:
    return sparse.coo_array((entries.value.astype(float), (entries.row, entries.column)), shape=(rows, columns)).tocsr()


def concave(quadratic: Entries, n: int, at: Span | None) -> None:
    """Refuse an earning with a quadratic part that is not concave: the cost's must have no negative eigenvalue."""
    if not len(quadratic.row):
        return
    whole = sparse.coo_array((quadratic.value.astype(float), (quadratic.row, quadratic.column)), shape=(n, n)).tocsr()
    count, which = sparse.csgraph.connected_components(whole, directed=False)
    sizes = np.bincount(which, minlength=count)
    diagonal = whole.diagonal()
    bad = (sizes[which] == 1) & (diagonal < 0)
    for k in np.flatnonzero(sizes > 1).tolist():
        members = np.flatnonzero(which == k)
        block = whole[members][:, members].toarray()
        values = np.linalg.eigvalsh(block)
        if values[0] < -1e-10 * max(1.0, values[-1]):
            bad[members] = True
    if bad.any():
        raise not_convex("the earning is not concave: it grows faster and faster along some move", at)


__all__ = ["Entries", "Pieces", "assemble", "concave", "in_reach", "moving", "rounded"]
