"""Prices of buses beside shadow prices of constraints: what shift factors are estimated from.

In every interval t the congestion part of a price is linear in the shadow prices, `lambda_t - LMP_tb = sum_c SF_cb SP_tc`, with
`SF_cb` the flow that one more MW at bus b puts on constraint c, relative to the reference of lambda. Shadow prices are signed:
positive where the constraint binds in its own direction, and 0 where it does not bind.

Source of the decomposition: ERCOT, "Real-Time Simulation Examples Training" (2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse

#: Grids that published prices are rounded to, coarsest first, in $.
GRIDS = (1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001)

#: No price is beyond; squares of larger numbers drown the others.   [$]
LARGEST = 1e9


@dataclass(frozen=True)
class Observed:
    """times: (T,), increasing. prices: LMP (T, B) in $/MWh. energy: lambda (T,) in $/MWh. shadow: (T, C) in $/MW.
    price_grid, energy_grid, shadow_grid: what they were rounded to in $, 0 where no grid shows."""

    times: np.ndarray
    buses: tuple[str, ...]
    constraints: tuple[str, ...]
    prices: np.ndarray
    energy: np.ndarray
    shadow: np.ndarray
    price_grid: float
    energy_grid: float
    shadow_grid: float

    def __len__(self) -> int:
        return len(self.times)

    @property
    def congestion(self) -> np.ndarray:
        """lambda - LMP, (T, B) in $/MWh."""
        return self.energy[:, None] - self.prices

    @property
    def bound(self) -> np.ndarray:
        """In how many intervals each constraint bound, (C,)."""
        return np.asarray((self.shadow != 0).sum(axis=0))

    def at(self, rows: np.ndarray) -> Observed:
        """Some of the intervals only; rows: a mask or positions in order. Constraints that no longer bind stay listed."""
        return Observed(
            self.times[rows], self.buses, self.constraints, self.prices[rows], self.energy[rows], self.shadow[rows],
            self.price_grid, self.energy_grid, self.shadow_grid,
        )  # fmt: skip


def observed(
    prices: Any,
    shadow: Any,
    energy: Any = None,
    *,
    buses: Sequence[str] | None = None,
    constraints: Sequence[str] | None = None,
    times: Any = None,
    reference: str | None = None,
) -> Observed:
    """Arrays as observations, checked.

    energy: lambda of each interval; or `reference`: the bus whose price stands for it, to which shift factors are then relative.
    times: numbers or dates, positions if left out. Raises `Refusal`: `data-shape` for lengths that differ or times that do not
    increase, `data-gap` for a number that is missing or infinite, `data-out-of-range` for one beyond `LARGEST`, `unknown-name` for a reference that is no bus, `bad-argument`.
    """
    p, s = np.asarray(prices, dtype=float), np.asarray(shadow, dtype=float)
    if p.ndim != 2 or s.ndim != 2 or len(p) != len(s):
        raise refuse(
            "data-shape", f"prices are {_by(p)} and shadow prices {_by(s)}: both need one row for each interval",
            help="give (intervals, buses) and (intervals, constraints)",
        )  # fmt: skip
    if not len(p):
        raise refuse("data-shape", "there are no intervals in the data", help="give one row at least for each interval")
    bus = _names("bus", buses, p.shape[1])
    limits = _names("constraint", constraints, s.shape[1])
    when = np.arange(len(p)) if times is None else np.asarray(times)
    if when.shape != (len(p),):
        raise refuse("data-shape", f"{len(p):,} intervals and times of shape {_by(when)}")
    if (energy is None) == (reference is None):
        raise refuse(
            "bad-argument", "prices are split against lambda or against the price of one bus: give exactly one",
            help="give `energy`, one lambda for each interval, or `reference`, a bus",
        )  # fmt: skip
    if reference is not None and reference not in bus:
        raise refuse("unknown-name", f"the reference `{reference}` is no bus of these prices", help=f"the first is `{bus[0]}`")
    lam = np.asarray(energy, dtype=float) if reference is None else p[:, bus.index(reference)]
    if lam.shape != (len(p),):
        raise refuse("data-shape", f"{len(p):,} intervals and lambda of shape {_by(lam)}")
    for what, names, table in (("price", bus, p), ("shadow price", limits, s), ("lambda", ("lambda",), lam[:, None])):
        _whole(what, names, table, when)
    late = np.flatnonzero(when[1:] <= when[:-1])
    if late.size:
        i = int(late[0]) + 1
        raise refuse(
            "data-shape", f"times must increase, and row {i + 1} ({when[i]}) does not come after row {i} ({when[i - 1]})",
            help="sort the rows by time; where an hour is repeated in autumn, use UTC",
        )  # fmt: skip
    # Few numbers may all be round by chance, or one bus's: none is taken to be rounded more coarsely than the prices are.
    grid = grid_of(p)
    return Observed(when, bus, limits, p, lam, s, grid, min(grid, grid_of(lam)), min(grid, grid_of(s[s != 0])))


def grid_of(values: np.ndarray) -> float:
    """The coarsest grid of `GRIDS` that all but one in a thousand of the values lie on, 0 if none; values in $.

    Values of 100 $ and more are left aside where there are others: single precision blurs them.
    """
    small = values[np.abs(values) < 100]
    some = np.ravel(small if small.size else values)[:200_000]
    if not some.size:
        return 0.0
    for grid in GRIDS:
        steps = some / grid
        off = np.abs(steps - np.round(steps))
        if np.mean(off <= 1e-6 + 1.2e-7 * np.abs(steps)) >= 0.999 and np.any(np.abs(steps) > 0.5):
            return grid
    return 0.0


def _names(kind: str, given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    names = tuple(f"{kind} {i + 1}" for i in range(count)) if given is None else tuple(map(str, given))
    if len(names) != count:
        raise refuse("data-shape", f"{len(names):,} names for {count:,} columns of {kind} data")
    if len(set(names)) != count:
        twice = next(n for i, n in enumerate(names) if n in names[:i])
        raise refuse("duplicate-name", f"the {kind} `{twice}` is there twice")
    if not count:
        raise refuse("data-shape", f"there is no {kind} in the data")
    return names


def _whole(what: str, names: Sequence[str], table: np.ndarray, when: np.ndarray) -> None:
    gap = np.argwhere(~np.isfinite(table))
    if gap.size:
        raise _gap(what, names[gap[0][1]], int(gap[0][0]), when, len(gap), table[tuple(gap[0])])
    far = np.argwhere(np.abs(table) > LARGEST)
    if far.size:
        i, k = far[0]
        raise refuse(
            "data-out-of-range", f"the {what} of `{names[k]}` is {table[i, k]:g} $ in row {i + 1} ({when[i]})",
            notes=(f"expected numbers of up to {LARGEST:,.0f} $",), help="leave out the interval or the column",
        )  # fmt: skip


def _gap(what: str, name: str, row: int, when: np.ndarray, count: int, found: float) -> Refusal:
    said = "missing" if np.isnan(found) else "infinite"
    more = (f"{count - 1:,} more {'is' if count == 2 else 'are'} missing or infinite",) if count > 1 else ()
    return refuse(
        "data-gap", f"the {what} of `{name}` is {said} in row {row + 1} ({when[row]})", notes=more,
        help="leave out the interval or the column: nothing is guessed for a missing value",
    )  # fmt: skip


def _by(array: np.ndarray) -> str:
    return " by ".join(f"{n:,}" for n in array.shape) or "one number"


__all__ = ["GRIDS", "Observed", "grid_of", "observed"]
