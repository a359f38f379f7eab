"""All extreme equilibria of a two-player game in normal form, in exact rationals.

Every mixture that is a vertex of its best-response polyhedron is found by solving one linear system for each
pair of equally large supports; two such mixtures form an equilibrium if every pure strategy is either unused
or a best reply. In a degenerate game (some mixture has more best replies than it uses strategies) these are
the corner points of the sets of equilibria, and the answer says so.

Source: Mangasarian, Equilibrium points of bimatrix games (1964); von Stengel, Computing equilibria for
two-person games (2002), section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import comb, lcm

from opengames.diagnostics import refuse

Matrix = Sequence[Sequence[Fraction]]
Mixture = tuple[Fraction, ...]

#: Linear systems beyond which the search is refused.
SYSTEMS = 13_000


@dataclass(frozen=True, slots=True)
class Extreme:
    """The equilibria found, as (row's mixture, column's mixture) pairs."""

    pairs: tuple[tuple[Mixture, Mixture], ...]
    degenerate: bool


def extreme_equilibria(rows: Matrix, columns: Matrix, limit: int = SYSTEMS) -> Extreme:
    """rows, columns: what the row and the column player earn, both indexed [row][column].

    Raises `Refusal` (`over-budget`) where more than `limit` systems would have to be solved.
    """
    m, n = len(rows), len(rows[0])
    if comb(m + n, m) > limit:
        raise refuse(
            "over-budget",
            f"a {m} by {n} game has {comb(m + n, m):,} pairs of supports",
            notes=(f"the limit is {limit:,}",),
            help="the pure equilibria are still found; ask for `equilibrium` of a strategy, "
            "or allow more: `by enumeration[systems = ...]`",
        )
    mixed_rows = _vertices(columns)
    mixed_columns = _vertices([[rows[i][j] for i in range(m)] for j in range(n)])
    pairs = tuple(
        (x, y)
        for x, replies_to_x in mixed_rows
        for y, replies_to_y in mixed_columns
        if all(x[i] == 0 or i in replies_to_y for i in range(m))
        and all(y[j] == 0 or j in replies_to_x for j in range(n))
    )
    degenerate = any(
        len(replies) > sum(1 for p in mixture if p) for each in (mixed_rows, mixed_columns) for mixture, replies in each
    )
    return Extreme(pairs, degenerate)


def _vertices(payoff: Matrix) -> list[tuple[Mixture, frozenset[int]]]:
    """The vertex mixtures over the rows of `payoff`, each with the columns that are best replies to it."""
    m, n = len(payoff), len(payoff[0])
    found: dict[Mixture, frozenset[int]] = {}
    for size in range(1, min(m, n) + 1):
        for support in combinations(range(m), size):
            for replies in combinations(range(n), size):
                solution = _indifferent(payoff, support, replies)
                if solution is None:
                    continue
                mixture = [Fraction(0)] * m
                for i, p in zip(support, solution, strict=False):
                    mixture[i] = p
                earned = [sum(mixture[i] * payoff[i][j] for i in support) for j in range(n)]
                best = max(earned)
                if best == earned[replies[0]]:
                    found[tuple(mixture)] = frozenset(j for j in range(n) if earned[j] == best)
    return list(found.items())


def _indifferent(payoff: Matrix, support: tuple[int, ...], replies: tuple[int, ...]) -> list[Fraction] | None:
    """The only mixture, positive on `support`, that makes all `replies` earn the same; `None` if there is
    none.
    """
    size = len(support)
    system = [[payoff[i][j] for i in support] + [Fraction(-1), Fraction(0)] for j in replies]
    system.append([Fraction(1)] * size + [Fraction(0), Fraction(1)])
    solution = solve(system)
    if solution is None or any(p <= 0 for p in solution[:size]):
        return None
    return solution[:size]


def solve(system: Sequence[Sequence[Fraction]]) -> list[Fraction] | None:
    """The solution of a square linear system (right-hand sides last in each row); `None` if it is not unique.

    Every row is made whole and eliminated without fractions, each step divided exactly by the pivot before.

    Source: Bareiss, Sylvester's identity and multistep integer-preserving Gaussian elimination (1968).
    """
    rows = [_whole(r) for r in system]
    size, before = len(rows), 1
    for k in range(size):
        pivot = next((i for i in range(k, size) if rows[i][k]), None)
        if pivot is None:
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        top, lead = rows[k], rows[k][k]
        for i in range(k + 1, size):
            factor = rows[i][k]
            pairs = zip(rows[i][k + 1 :], top[k + 1 :], strict=True)
            rows[i] = [0] * (k + 1) + [(a * lead - factor * b) // before for a, b in pairs]
        before = lead
    found = [Fraction(0)] * size
    for k in range(size - 1, -1, -1):
        rest = sum((rows[k][j] * found[j] for j in range(k + 1, size)), Fraction(0))
        found[k] = (rows[k][size] - rest) / rows[k][k]
    return found


def _whole(row: Sequence[Fraction]) -> list[int]:
    den = lcm(*(v.denominator for v in row))
    return [v.numerator * (den // v.denominator) for v in row]
