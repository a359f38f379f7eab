"""A layered layout: cells in columns, wires between them, as few crossings as a few sweeps can find.

Four steps, each a function: columns by longest path; wires that pass a column get a place of their own in
it; the order inside the columns by barycentres, then by swapping neighbours; heights by least squares
under the order. A wire has a side at both ends, so that backward wires need no special case: one that
leaves a cell on the right and arrives on the right of an earlier cell turns round in the gap after the first,
passes the columns between from right to left and turns into the second.

Nothing here knows about games. All loops are bounded by the size of the drawing, and ties are broken by the
order of the input: the same input gives the same picture.

Source: Sugiyama, Tagawa, Toda, Methods for visual understanding of hierarchical system structures (1981);
the pooling of adjacent violators is Barlow et al., Statistical inference under order restrictions (1972).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

#: A wire end: cell, side ("left" or "right"), port.
End = tuple[str, str, str]

_CELL_GAP, _WIRE_GAP, _MIXED_GAP, _GATE_GAP = 26.0, 15.0, 20.0, 12.0
_SWEEPS = 12
#: Pairs of hops looked at while swapping neighbours, over all sweeps.
_SWAP_BUDGET = 400_000


@dataclass(frozen=True, slots=True)
class Cell:
    """Something to place. rank: "first" and "last" are the outer columns, "early" stays as far left as it can.

    span: heights between which ports are spread evenly, in an order that the layout chooses.
    fixed: the heights of ports that cannot move, by (side, port); they take no part in the spreading.
    """

    key: str
    w: float
    h: float
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    span: tuple[float, float] = (0.0, 0.0)
    fixed: Mapping[tuple[str, str], float] = field(default_factory=dict)
    rank: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A wire from where it is bound to one place where it is used. ahead: the use must lie in a later column."""

    source: End
    target: End
    kind: str
    ahead: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of wire from `start` to `end`. turn: 0 if it crosses its gap, 1 (-1) if it comes back to the
    same side, bulging to the right (left)."""

    start: tuple[float, float]
    end: tuple[float, float]
    kind: str
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """corners: upper left corner by cell. ports: height of each port below its cell's top.

    columns: (left, right) of each cell's column. passes: level pieces of wires through a column.
    forks: points where a wire splits, with its kind.
    """

    w: float
    h: float
    corners: Mapping[str, tuple[float, float]]
    ports: Mapping[End, float]
    columns: Mapping[str, tuple[float, float]]
    pieces: tuple[Piece, ...]
    passes: tuple[Piece, ...]
    forks: tuple[tuple[float, float, str], ...]


@dataclass(slots=True)
class _Hop:
    """Part of a wire inside gap number `gap` (between columns `gap` and `gap + 1`)."""

    a: End
    b: End
    kind: str
    gap: int


def place(cells: Sequence[Cell], links: Iterable[Link], gap: float = 44.0) -> Placement:
    """Positions for all cells and a way for all links; `gap` is the least distance between columns."""
    known = {c.key: c for c in cells}
    wanted = [k for k in links if k.source[0] in known and k.target[0] in known]
    column = columns(cells, wanted)
    sketch = _Sketch(known, column, wanted)
    sketch.sort()
    sketch.settle()
    return sketch.placement(gap)


def columns(cells: Sequence[Cell], links: Sequence[Link]) -> dict[str, int]:
    """A column for each cell: the longest path from the left, then as near to its uses as saves wire."""
    after: dict[str, set[str]] = {c.key: set() for c in cells}
    before: dict[str, set[str]] = {c.key: set() for c in cells}
    for k in links:
        if k.ahead and k.source[0] != k.target[0]:
            after[k.source[0]].add(k.target[0])
            before[k.target[0]].add(k.source[0])
    rank = {c.key: c.rank for c in cells}
    base = 1 if "first" in rank.values() else 0
    level = {c.key: 0 if c.rank == "first" else base for c in cells}
    position = {c.key: i for i, c in enumerate(cells)}
    waiting = {key: len(b) for key, b in before.items()}
    ready = [key for key, n in waiting.items() if n == 0]
    for key in ready:
        for other in sorted(after[key], key=position.__getitem__):
            level[other] = max(level[other], level[key] + 1)
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    end = max((level[k] for k in level if rank[k] not in ("first", "last")), default=base - 1) + 1
    for key in level:
        if rank[key] == "last":
            level[key] = end
    for key in reversed(ready):
        if rank[key] == "" and len(after[key]) > len(before[key]):
            level[key] = max(level[key], min(level[o] for o in after[key]) - 1)
    used = {n: i for i, n in enumerate(sorted(set(level.values())))}
    return {key: used[n] for key, n in level.items()}


def pool(wishes: Sequence[tuple[float, float]]) -> list[float]:
    """The nondecreasing numbers nearest to (wish, weight) pairs in weighted least squares."""
    blocks: list[tuple[float, float, int]] = []
    for wish, weight in wishes:
        blocks.append((wish, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, v, m), (b, w, n) = blocks[-2:]
            blocks[-2:] = [((a * v + b * w) / (v + w), v + w, m + n)]
    return [value for value, _, count in blocks for _ in range(count)]


class _Sketch:
    """The drawing while it is made: cells and passing wires (both called items), column by column."""

    def __init__(self, cells: Mapping[str, Cell], column: Mapping[str, int], links: Sequence[Link]) -> None:
        self.cells = cells
        self.column = dict(column)
        self.hops: list[_Hop] = []
        self.budget = _SWAP_BUDGET
        seen: set[tuple[End, End, str]] = set()
        self.passing: dict[tuple[End, str, int], str] = {}
        self.pass_kind: dict[str, tuple[str, bool]] = {}
        self.chains: dict[tuple[End, str, bool], list[str]] = defaultdict(list)
        for link in links:
            self._route(link, seen)
        count = 1 + max(self.column.values(), default=-1)
        self.order: list[list[str]] = [[] for _ in range(count)]
        for key, i in self.column.items():
            self.order[i].append(key)
        self.gaps: list[list[_Hop]] = [[] for _ in range(count + 1)]
        self.at: dict[str, list[tuple[_Hop, End, End]]] = defaultdict(list)
        for hop in self.hops:
            self.gaps[hop.gap + 1].append(hop)
            self.at[hop.a[0]].append((hop, hop.a, hop.b))
            self.at[hop.b[0]].append((hop, hop.b, hop.a))
        self.offset: dict[End, float] = {}
        self.top: dict[str, float] = {}
        for key, cell in cells.items():
            for (side, port), y in cell.fixed.items():
                self.offset[key, side, port] = y
            self._spread(key, "left", cell.left)
            self._spread(key, "right", cell.right)
        for key in self.pass_kind:
            self.offset[key, "left", ""] = self.offset[key, "right", ""] = 0.0
        for i in range(count):
            self._stack(i)

    def _route(self, link: Link, seen: set[tuple[End, End, str]]) -> None:
        """Cut a link into hops; hops of one wire through one column in one direction are shared."""
        start = self.column[link.source[0]] - (link.source[1] == "left")
        end = self.column[link.target[0]] - (link.target[1] == "left")
        ahead = end > start
        here, gap = link.source, start
        while gap != end:
            through = gap + 1 if ahead else gap
            tag = (link.source, link.kind, through if ahead else -1 - through)
            key = self.passing.setdefault(tag, f"\0{len(self.passing)}")
            if key not in self.pass_kind:
                self.chains[link.source, link.kind, ahead].append(key)
            self.column[key] = through
            self.pass_kind[key] = (link.kind, ahead)
            self._hop(here, (key, "left" if ahead else "right", ""), link.kind, gap, seen)
            here = (key, "right" if ahead else "left", "")
            gap += 1 if ahead else -1
        self._hop(here, link.target, link.kind, gap, seen)

    def _hop(self, a: End, b: End, kind: str, gap: int, seen: set[tuple[End, End, str]]) -> None:
        if (a, b, kind) not in seen:
            seen.add((a, b, kind))
            self.hops.append(_Hop(a, b, kind, gap))

    # ------------------------------------------------------------------ geometry

    def _height(self, key: str) -> float:
        return self.cells[key].h if key in self.cells else 0.0

    def _space(self, a: str, b: str) -> float:
        both = (a in self.cells) + (b in self.cells)
        if both == 2 and self.cells[a].rank == self.cells[b].rank != "":
            return _GATE_GAP
        return (_WIRE_GAP, _MIXED_GAP, _CELL_GAP)[both]

    def _y(self, end: End) -> float:
        return self.top[end[0]] + self.offset[end]

    def _spread(self, key: str, side: str, ports: Sequence[str]) -> None:
        cell = self.cells[key]
        free = [p for p in ports if (side, p) not in cell.fixed]
        low, high = cell.span
        for i, port in enumerate(free):
            self.offset[key, side, port] = low + (high - low) * (i + 0.5) / len(free)

    def _stack(self, i: int) -> None:
        y, last = 0.0, None
        for key in self.order[i]:
            y += self._space(last, key) if last else 0.0
            self.top[key] = y
            y += self._height(key)
            last = key
        for key in self.order[i]:
            self.top[key] -= y / 2

    # --------------------------------------------------------------------- order

    def sort(self) -> None:
        """Fewest crossings found, shortest wires among those."""
        sweeps = max(2, min(_SWEEPS, 30_000 // (1 + len(self.hops))))
        best: tuple[float, list[list[str]]] | None = None
        for n in range(sweeps):
            inward = range(len(self.order)) if n % 2 == 0 else range(len(self.order) - 1, -1, -1)
            for i in inward:
                self._barycentre(i, "left" if n % 2 == 0 else "right")
            self._sort_ports()
            if n >= 2:
                self._swap()
            score = self._score()
            if best is None or score < best[0] - 1e-9:
                best = (score, [list(row) for row in self.order])
        if best is not None:
            self.order = best[1]
            for i in range(len(self.order)):
                self._stack(i)
            self._sort_ports()
            self._sort_ports()

    def _barycentre(self, i: int, side: str) -> None:
        def want(key: str) -> float:
            near = [
                self._y(other) - self.offset[mine] + self._height(key) / 2
                for _, mine, other in self.at[key]
                if mine[1] == side or (self.column[other[0]] == i and mine[1] == other[1])
            ]
            return sum(near) / len(near) if near else self.top[key] + self._height(key) / 2

        wish = {key: want(key) for key in self.order[i]}
        self.order[i].sort(key=wish.__getitem__)
        self._stack(i)

    def _sort_ports(self) -> None:
        """Free ports in the order of what they lead to."""
        for key, cell in self.cells.items():
            for side, ports in (("left", cell.left), ("right", cell.right)):
                if len(ports) < 2 or all((side, p) in cell.fixed for p in ports):
                    continue
                near: dict[str, list[float]] = {p: [] for p in ports}
                for _, mine, other in self.at[key]:
                    if mine[1] == side:
                        turn = 1e4 if self.column[other[0]] == self.column[key] and other[1] == side else 0.0
                        y = self._y(other)
                        near[mine[2]].append(y + (turn if y > self._y(mine) else -turn))
                middle = self.top[key] + cell.h / 2
                rank = {p: sum(v) / len(v) if v else middle for p, v in near.items()}
                self._spread(key, side, sorted(ports, key=rank.__getitem__))

    def _crossings(self, i: int) -> int:
        """How many pairs of hops in gap `i - 1` cross: chords of a circle whose ends alternate."""
        hops = self.gaps[i]
        if len(hops) < 2:
            return 0
        place_of: dict[End, tuple[int, float]] = {}
        for hop in hops:
            for end in (hop.a, hop.b):
                y = self._y(end)
                place_of[end] = (0, y) if end[1] == "right" else (1, -y)
        chords = [tuple(sorted((place_of[h.a], place_of[h.b]))) for h in hops]
        chords.sort()
        found = 0
        for n, (a, b) in enumerate(chords):
            for c, d in chords[n + 1 :]:
                if c >= b:
                    break
                if a < c and b < d:
                    found += 1
        return found

    def _score(self) -> float:
        crossings = sum(self._crossings(i) for i in range(len(self.gaps)))
        length = sum(abs(self._y(h.a) - self._y(h.b)) for h in self.hops)
        return crossings + length * 1e-5

    def _swap(self) -> None:
        """Exchange neighbours while that removes crossings."""
        for _ in range(4):
            improved = False
            for i, row in enumerate(self.order):
                work = (len(self.gaps[i]) + len(self.gaps[i + 1])) ** 2
                for j in range(len(row) - 1):
                    self.budget -= work
                    if self.budget < 0:
                        return
                    old = self._local(i)
                    row[j], row[j + 1] = row[j + 1], row[j]
                    self._stack(i)
                    if self._local(i) < old - 1e-9:
                        improved = True
                    else:
                        row[j], row[j + 1] = row[j + 1], row[j]
                        self._stack(i)
            self._sort_ports()
            if not improved:
                return

    def _local(self, i: int) -> float:
        hops = self.gaps[i] + self.gaps[i + 1]
        length = sum(abs(self._y(h.a) - self._y(h.b)) for h in hops)
        return self._crossings(i) + self._crossings(i + 1) + length * 1e-5

    # ------------------------------------------------------------------- heights

    def settle(self) -> None:
        """Heights that straighten the wires, long ones first, without changing the order."""
        rounds = max(6, min(48, 24_000 // (1 + len(self.hops))))
        for n in range(rounds):
            exact = 3 * n >= 2 * rounds
            row = range(len(self.order)) if n % 2 == 0 else range(len(self.order) - 1, -1, -1)
            for i in row:
                self._relax(i, exact)
            if exact:
                for chain in self.chains.values():
                    self._straighten(chain)
            else:
                self._sort_ports()
        self._snap()

    def _snap(self) -> None:
        """Move single cells and wires to where more hops are level; each move levels more, so this ends."""
        units = [[key] for key in self.cells] + list(self.chains.values())
        for _ in range(4):
            moved = False
            for unit in units:
                own = set(unit)
                hops = [(m, o) for key in unit for _, m, o in self.at[key] if m[1] != o[1] and o[0] not in own]
                low, high = self._slack(unit)
                bends = [self._y(o) - self._y(m) for m, o in hops]
                level = sum(abs(b) < 0.05 for b in bends)
                best = max(
                    ((sum(abs(b - d) < 0.05 for b in bends), -abs(d), d) for d in bends if low <= d <= high),
                    default=(0, 0.0, 0.0),
                )
                if best[0] > level:
                    moved = True
                    for key in unit:
                        self.top[key] += best[2]
            if not moved:
                return

    def _slack(self, unit: Sequence[str]) -> tuple[float, float]:
        """How far the items of `unit` can move together, up (negative) and down."""
        low, high = -1e6, 1e6
        for key in unit:
            row = self.order[self.column[key]]
            i = row.index(key)
            if i:
                above = row[i - 1]
                low = max(low, self.top[above] + self._height(above) + self._space(above, key) - self.top[key])
            if i + 1 < len(row):
                below = row[i + 1]
                high = min(high, self.top[below] - self._space(key, below) - self._height(key) - self.top[key])
        return low - 1e-6, high + 1e-6

    def _relax(self, i: int, exact: bool) -> None:
        row = self.order[i]
        offsets, wishes, y = [], [], 0.0
        for n, key in enumerate(row):
            y += (self._space(row[n - 1], key) + self._height(row[n - 1])) if n else 0.0
            offsets.append(y)
            wish, weight = self._wish(key, exact)
            wishes.append((wish - y, weight))
        for key, extra, base in zip(row, offsets, pool(wishes), strict=True):
            self.top[key] = base + extra

    def _straighten(self, chain: Sequence[str]) -> None:
        """One height for all of a wire's passages, if there is one between their neighbours."""
        reach = [(self.top[k] + a, self.top[k] + b) for k in chain for a, b in [self._slack([k])]]
        low, high = max(a for a, _ in reach), min(b for _, b in reach)
        if low > high:
            return
        ends = [(m, o) for key in chain for _, m, o in self.at[key] if o[0] in self.cells]
        straight = [self._y(o) for m, o in ends if m[1] != o[1]] or [self._y(o) for _, o in ends]
        wish = _median([(y, 1.0) for y in straight], len(straight))
        for key in chain:
            self.top[key] = min(max(wish, low), high)

    def _wish(self, key: str, exact: bool) -> tuple[float, float]:
        near: list[tuple[float, float]] = []
        for hop, mine, other in self.at[key]:
            straight = mine[1] != other[1]
            level = (key not in self.cells) + (other[0] not in self.cells)
            weight = (2.0, 4.0, 12.0)[level] * (1.0 if straight else 0.15) * (0.6 if hop.kind != "forward" else 1.0)
            near.append((self._y(other) - self.offset[mine], weight))
        if not near:
            return self.top[key], 0.2
        total = sum(w for _, w in near)
        if exact:
            return _median(near, total), total
        return sum(y * w for y, w in near) / total, total

    # -------------------------------------------------------------------- result

    def placement(self, gap: float) -> Placement:
        low = min(self.top.values(), default=0.0)
        for key in self.top:
            self.top[key] -= low
        x = 0.0
        spans: list[tuple[float, float]] = []
        for i, row in enumerate(self.order):
            w = max((self.cells[k].w for k in row if k in self.cells), default=0.0)
            x += self._gap_width(i, gap) if i else self._edge_width(0)
            spans.append((x, x + w))
            x += w
        corners: dict[str, tuple[float, float]] = {}
        for i, row in enumerate(self.order):
            left, right = spans[i]
            for key in row:
                if key in self.cells:
                    cell = self.cells[key]
                    slack = right - left - cell.w
                    share = {"first": 0.0, "last": 1.0}.get(cell.rank, 0.5)
                    corners[key] = (left + slack * share, self.top[key])
        x += self._edge_width(len(self.order))
        height = max((self.top[k] + self._height(k) for k in self.top), default=0.0)
        pieces, passes, forks = self._wires(spans)
        where = {k: spans[self.column[k]] for k in self.cells}
        return Placement(x, height, corners, dict(self.offset), where, pieces, passes, forks)

    def _gap_width(self, i: int, least: float) -> float:
        hops = self.gaps[i]
        steep = max((abs(self._y(h.a) - self._y(h.b)) for h in hops), default=0.0)
        turns = any(h.a[1] == h.b[1] for h in hops)
        return least + min(40.0, 0.11 * steep) + min(24.0, 1.5 * len(hops)) + (10.0 if turns else 0.0)

    def _edge_width(self, i: int) -> float:
        """Room outside the outer columns, where wires may turn."""
        return 34.0 if self.gaps[i] else 0.0

    def _wires(
        self, spans: list[tuple[float, float]]
    ) -> tuple[tuple[Piece, ...], tuple[Piece, ...], tuple[tuple[float, float, str], ...]]:
        def point(end: End) -> tuple[float, float]:
            return spans[self.column[end[0]]][end[1] == "right"], self._y(end)

        leaving: dict[End, list[_Hop]] = defaultdict(list)
        pieces = []
        for hop in self.hops:
            leaving[hop.a].append(hop)
            turn = 0 if hop.a[1] != hop.b[1] else 1 if hop.a[1] == "right" else -1
            pieces.append(Piece(point(hop.a), point(hop.b), hop.kind, turn))
        forks = tuple((*point(end), _main(hops)) for end, hops in leaving.items() if len(hops) > 1)
        passes = []
        for key, (kind, ahead) in self.pass_kind.items():
            ends = (point((key, "left", "")), point((key, "right", "")))
            a, b = ends if ahead else ends[::-1]
            passes.append(Piece(a, b, kind))
        return tuple(pieces), tuple(passes), forks


def _main(hops: list[_Hop]) -> str:
    """The kind that a fork is drawn in: forward where any branch is."""
    kinds = [h.kind for h in hops]
    return "forward" if "forward" in kinds else kinds[0]


def _median(near: list[tuple[float, float]], total: float) -> float:
    """The weighted median; halfway between the two middle wishes where they balance."""
    run = 0.0
    ordered = sorted(near)
    for n, (y, w) in enumerate(ordered):
        run += w
        if run > total / 2 + 1e-9:
            return y
        if abs(run - total / 2) <= 1e-9:
            return (y + ordered[n + 1][0]) / 2
    return ordered[-1][0]
