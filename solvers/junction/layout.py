"""Where each entry of each table of a junction tree lies in flat, padded arrays, and who reads it, worked out once.

The cliques of one depth form a *level*. Within a level, cliques whose tables are of similar shape (separator entries,
other entries) form a *block*, padded to one shape (cliques, separator, rest). A pass then takes a few array operations
for each block, whatever the number of cliques. Few large blocks cost padding, many small ones cost operations: `merged`
weighs an operation as so many entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from opengames.solvers.junction.tree import JunctionTree

Index = NDArray[np.int32]

#: How many entries one more array operation is worth.
OPERATION = 4000


@dataclass(frozen=True, eq=False)
class Block:
    """Cliques of one level in one array of shape (cliques, separator, rest).

    start: its place in the array of all tables. messages: for each entry and slot, the place of a child's message in the
    array of the next level's messages (the last place holds a one). evidence: likewise of likelihoods of single variables.
    ratio: for each separator entry, the row of the parent's level that sums to it.
    """

    cliques: tuple[int, ...]
    separator: int
    rest: int
    start: int
    messages: Index  # (slots, cliques, separator, rest)
    evidence: Index  # (slots, cliques, separator, rest)
    ratio: Index  # (cliques, separator); empty for roots

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.cliques), self.separator, self.rest


@dataclass(frozen=True, eq=False)
class Level:
    """rows: groups of rows, each (rows, entries): the places, in the level's array, that sum to what others read.

    open_end: some rows are padded with the place after the last, which must hold a zero.
    """

    blocks: tuple[Block, ...]
    rows: tuple[Index, ...]
    open_end: bool


@dataclass(frozen=True, eq=False)
class Layout:
    """places: of each clique's entries in the array of all tables, in the clique's shape. cells: of that array.

    states: the start of each variable in arrays of all variables' values, in the tree's order. reads: for each value of
    each variable, its row among the rows of all levels.
    """

    tree: JunctionTree
    levels: tuple[Level, ...]
    places: tuple[Index, ...]
    cells: int
    states: tuple[int, ...]
    reads: Index

    @property
    def values(self) -> int:
        """The values of all variables together."""
        return sum(k for _, k in self.tree.sizes)


def layout(tree: JunctionTree, operation: int = OPERATION) -> Layout:
    """The layout of a tree. operation: how many entries one more array operation is worth."""
    starts = np.cumsum([0, *(k for _, k in tree.sizes)])
    state = {n: int(s) for (n, _), s in zip(tree.sizes, starts, strict=False)}
    by_depth: list[list[int]] = [[] for _ in range(max(tree.depth, default=-1) + 1)]
    for i, d in enumerate(tree.depth):
        by_depth[d].append(i)
    shape = {i: (prod(tree.size[n] for n in tree.separators[i]), prod(tree.shapes[i])) for i in range(len(tree.cliques))}
    pairs = {i: (s, cells // s) for i, (s, cells) in shape.items()}
    owner = _owners(tree)
    groups = [merged([(*pairs[i], i) for i in level], operation) for level in by_depth]
    places, at = _places(tree, groups, pairs)
    message_at = [_message_places(level, pairs) for level in groups]
    levels: list[Level] = []
    read: dict[str, NDArray[np.intp]] = {}
    row_of: list[dict[tuple[int, tuple[str, ...]], NDArray[np.intp]]] = []
    rows_before = 0
    for d, level in enumerate(groups):
        start = at[d][0]
        end = at[d + 1][0]
        used = np.zeros(end - start, dtype=bool)
        used[np.concatenate([places[i].ravel() for i in by_depth[d]]) - start] = True
        zero = int(np.argmin(np.append(used, False)))  # a padded place, where one is
        wanted = {(tree.parent[c], tree.separators[c]) for c in by_depth[d + 1]} if d + 1 < len(groups) else set()
        wanted |= {(i, (n,)) for n, i in owner.items() if tree.depth[i] == d}
        rows, numbers, total = _rows(tree, places, sorted(wanted), start, zero, operation)
        row_of.append(numbers)
        for (_i, names), number in numbers.items():
            if len(names) == 1 and owner[names[0]] == _i:
                read[names[0]] = rows_before + number
        blocks = []
        for k, (s, r, ids) in enumerate(level):
            below = message_at[d + 1] if d + 1 < len(groups) else ({}, 0)
            messages = _messages(tree, ids, s, r, *below)
            evidence = _evidence(tree, ids, s, r, owner, state, int(starts[-1]))
            ratio = _ratio(tree, ids, s, row_of[d - 1]) if d else np.zeros((0, 0), np.int32)
            blocks.append(Block(tuple(ids), s, r, at[d][1 + k], messages, evidence, ratio))
        levels.append(Level(tuple(blocks), rows, zero == end - start and any((r == zero).any() for r in rows)))
        rows_before += total
    reads = np.concatenate([read[n] for n, _ in tree.sizes]) if tree.sizes else np.zeros(0)
    return Layout(tree, tuple(levels), places, at[-1][0], tuple(int(s) for s in starts[:-1]), reads.astype(np.int32))


def merged(items: Sequence[tuple[int, int, int]], operation: int) -> list[tuple[int, int, list[int]]]:
    """Blocks (separator, rest, cliques) of items (separator, rest, clique), padded where that is cheaper than a block more."""
    by_shape: dict[tuple[int, int], list[int]] = {}
    for s, r, i in items:
        by_shape.setdefault((s, r), []).append(i)
    blocks = [(s, r, ids) for (s, r), ids in sorted(by_shape.items())]
    while len(blocks) > 1:
        best = None
        for a in range(len(blocks)):
            for b in range(a + 1, len(blocks)):
                (s, r, x), (t, q, y) = blocks[a], blocks[b]
                more = max(s, t) * max(r, q) * (len(x) + len(y)) - s * r * len(x) - t * q * len(y)
                if more < operation and (best is None or more < best[0]):
                    best = (more, a, b)
        if best is None:
            break
        _, a, b = best
        (s, r, x), (t, q, y) = blocks[a], blocks.pop(b)
        blocks[a] = (max(s, t), max(r, q), x + y)
    return [(s, r, sorted(ids)) for s, r, ids in blocks]


Groups = list[list[tuple[int, int, list[int]]]]


def _owners(tree: JunctionTree) -> dict[str, int]:
    """The clique that answers for each variable and takes its evidence: the smallest one that holds it."""
    return {n: i for n, _ in tree.sizes if (i := tree.home((n,))) is not None}


def _places(
    tree: JunctionTree, groups: Groups, pairs: dict[int, tuple[int, int]]
) -> tuple[tuple[Index, ...], list[list[int]]]:
    """The places of all entries; for each level its start and those of its blocks, and the end of all."""
    found: dict[int, Index] = {}
    at, end = [], 0
    for level in groups:
        row = [end]
        for s, r, ids in level:
            row.append(end)
            for k, i in enumerate(ids):
                a, b = pairs[i]
                grid = end + (k * s + np.arange(a)[:, None]) * r + np.arange(b)
                found[i] = grid.reshape(tree.shapes[i]).astype(np.int32)
            end += len(ids) * s * r
        at.append(row)
    at.append([end])
    return tuple(found[i] for i in range(len(tree.cliques))), at


def _message_places(level: list[tuple[int, int, list[int]]], pairs: dict[int, tuple[int, int]]) -> tuple[dict[int, int], int]:
    """Where each clique's message begins in the array of a level's messages, and how long that is."""
    found, end = {}, 0
    for s, _, ids in level:
        for i in ids:
            found[i] = end
            end += s
    return found, end


def _messages(tree: JunctionTree, ids: Sequence[int], s: int, r: int, starts: dict[int, int], one: int) -> Index:
    slots = max((len(tree.children[i]) for i in ids), default=0)
    found = np.full((slots, len(ids), s, r), one, np.int32)
    for k, i in enumerate(ids):
        for slot, child in enumerate(tree.children[i]):
            _fill(found[slot, k], starts[child] + _projection(tree, i, tree.separators[child]))
    return found


def _evidence(
    tree: JunctionTree, ids: Sequence[int], s: int, r: int, owner: dict[str, int], state: dict[str, int], one: int
) -> Index:
    mine: dict[int, list[str]] = {i: [n for n in tree.cliques[i] if owner[n] == i] for i in ids}
    found = np.full((max(map(len, mine.values()), default=0), len(ids), s, r), one, np.int32)
    for k, i in enumerate(ids):
        for slot, n in enumerate(mine[i]):
            _fill(found[slot, k], state[n] + _projection(tree, i, (n,)))
    return found


def _projection(tree: JunctionTree, i: int, names: tuple[str, ...]) -> NDArray[np.intp]:
    """For each entry of a clique (separator, rest), its number in the row-major table over `names`."""
    axes = tree.cliques[i]
    return _projected(tree.shapes[i], len(tree.separators[i]), tuple(axes.index(n) for n in names))


@lru_cache(maxsize=4096)
def _projected(shape: tuple[int, ...], shared: int, axes: tuple[int, ...]) -> NDArray[np.intp]:
    total, step = np.zeros(shape, dtype=np.intp), 1
    for k in reversed(axes):
        total += step * np.arange(shape[k]).reshape([-1 if j == k else 1 for j in range(len(shape))])
        step *= shape[k]
    return total.reshape(prod(shape[:shared]), -1)


def _fill(block: Index, entries: NDArray[np.intp]) -> None:
    block[: entries.shape[0], : entries.shape[1]] = entries


def _rows(
    tree: JunctionTree, places: tuple[Index, ...], wanted: list[tuple[int, tuple[str, ...]]],
    start: int, zero: int, operation: int,
) -> tuple[tuple[Index, ...], dict[tuple[int, tuple[str, ...]], NDArray[np.intp]], int]:
    """Rows of places that sum to the marginals `wanted` of cliques; the number of each row; how many rows."""
    tables = {}
    for i, names in wanted:
        order = np.argsort(_projection(tree, i, names).ravel(), kind="stable")
        tables[i, names] = (places[i].ravel()[order] - start).reshape(prod(tree.size[n] for n in names), -1)
    keys = list(tables)
    rows, numbers, end = [], {}, 0
    for length, members in _of_like_length([tables[key].shape for key in keys], operation):
        group = np.full((sum(len(tables[keys[k]]) for k in members), length), zero, np.int32)
        at = 0
        for k in sorted(members):
            table = tables[keys[k]]
            group[at : at + len(table), : table.shape[1]] = table
            numbers[keys[k]] = end + at + np.arange(len(table))
            at += len(table)
        rows.append(group)
        end += at
    return tuple(rows), numbers, end


def _of_like_length(shapes: Sequence[tuple[int, ...]], operation: int) -> list[tuple[int, list[int]]]:
    """Groups (longest, members) of tables (rows, entries) whose rows are padded to one length where that is cheaper."""
    groups: list[tuple[int, int, list[int]]] = []  # (length, rows, members), shorter ones first
    for length in sorted({n for _, n in shapes}):
        members = [k for k, (_, n) in enumerate(shapes) if n == length]
        count = sum(shapes[k][0] for k in members)
        while groups and groups[-1][1] * (length - groups[-1][0]) < operation:
            _, more, others = groups.pop()
            count, members = count + more, others + members
        groups.append((length, count, members))
    return [(length, members) for length, _, members in groups]


def _ratio(
    tree: JunctionTree, ids: Sequence[int], s: int, numbers: dict[tuple[int, tuple[str, ...]], NDArray[np.intp]]
) -> Index:
    found = np.zeros((len(ids), s), np.int32)  # where padded, the message was zero, and any row will do
    for k, i in enumerate(ids):
        row = numbers[tree.parent[i], tree.separators[i]]
        found[k, : len(row)] = row
    return found


__all__ = ["OPERATION", "Block", "Layout", "Level", "layout", "merged"]
