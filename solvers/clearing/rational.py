"""Sparse linear equations in rationals, by elimination: the pivot is in a row with few entries, so that what is nearly triangular,
as bases of linear programs are, stays as sparse as it was.

Source: Markowitz, The elimination form of the inverse and its application to linear programming (1957), for the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

Row = dict[int, Fraction]


def solve(rows: Sequence[Row], right: Sequence[Fraction], columns: int) -> list[Fraction] | None:
    """A point with `rows` times it equal to `right`; `None` if there is none. Where there are many, what is free is 0."""
    work = [dict(r) for r in rows]
    level = list(right)
    users: dict[int, set[int]] = {}
    for i, row in enumerate(work):
        for j in row:
            users.setdefault(j, set()).add(i)
    waiting = set(range(len(work)))
    steps: list[tuple[int, int]] = []
    by_size: dict[int, set[int]] = {}
    for i in waiting:
        by_size.setdefault(len(work[i]), set()).add(i)

    def move(i: int, before: int) -> None:
        by_size[before].discard(i)
        by_size.setdefault(len(work[i]), set()).add(i)

    while waiting:
        size = min(s for s, members in by_size.items() if members)
        i = min(by_size[size])
        by_size[size].discard(i)
        waiting.discard(i)
        row = work[i]
        if not row:
            if level[i]:
                return None
            continue
        j = min(row, key=lambda c: (len(users[c]), c))
        pivot = row[j]
        steps.append((i, j))
        for c in row:
            users[c].discard(i)
        for k in sorted(users[j]):
            other, before = work[k], len(work[k])
            factor = other.pop(j) / pivot
            for c, v in row.items():
                if c == j:
                    continue
                made = other.get(c, 0) - factor * v
                if made:
                    if c not in other:
                        users[c].add(k)
                    other[c] = Fraction(made)
                elif c in other:
                    del other[c]
                    users[c].discard(k)
            level[k] -= factor * level[i]
            move(k, before)
        users[j] = set()
    found = [Fraction(0)] * columns
    for i, j in reversed(steps):
        row = work[i]
        rest = sum((v * found[c] for c, v in row.items() if c != j), Fraction(0))
        found[j] = (level[i] - rest) / row[j]
    return found


__all__ = ["Row", "solve"]
