"""Prices from shadow prices by fitted shift factors, refused where the fit has seen nothing like it.

`LMP_b = lambda - sum_c SF_cb SP_c`. Outside what was seen are: a constraint that never bound since the last change, shadow prices in
a direction that the fit never saw (constraints that always bound together and now do not), and shadow prices `reach` times
further out than the furthest interval fitted, in the metric in which the fit is equally sure in every direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.models.shift_factors.fitting import Fit, Part

#: Times further out than the furthest interval fitted.
REACH = 2.0
#: The share of shadow prices, in units of their rounding, that may lie in a direction never seen: rounding tilts directions a little.
TILT = 0.02

NEVER, DIRECTION, FAR_OUT = "never bound", "never bound in this proportion", "further out than seen"


@dataclass(frozen=True)
class Prediction:
    """prices, lower, upper: (n, B) in $/MWh."""

    prices: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def predict(
    fit: Fit, shadow: Any, energy: Any, *, at: Any = None, reach: float = REACH, scale: np.ndarray | None = None
) -> Prediction:
    """Prices of every bus, with intervals at the level of the fit's options.

    shadow: (n, C) or (C,) in $/MW, or a mapping from names of constraints, others not binding. energy: lambda, (n,) or one number.
    at: a time; the factors in force then, the last ones if left out. scale: of intervals, (B,), from `calibrated`.
    Raises `Refusal`: `outside-seen`, naming the constraint and why; `data-shape`.
    """
    x, lam = _asked(fit, shadow, energy)
    row = row_of(fit, at)
    why = outside(fit, x, row, reach)
    first = next((i for i, reason in enumerate(why) if reason), None)
    if first is not None:
        raise _outside_seen(fit, x[first], row, str(why[first]), reach, sum(map(bool, why)), len(x))
    return predicted(fit, x, lam, row, scale)


def predicted(fit: Fit, shadow: np.ndarray, energy: np.ndarray, row: int, scale: np.ndarray | None = None) -> Prediction:
    """`predict` without asking whether it may."""
    a, b = fit.shape.in_segment(row), fit.level.in_segment(row)
    prices = energy[:, None] - shadow @ (fit.shape.factors[a] + fit.level.factors[b])
    # The fit's quantile times the spread of a new price: its own error, and what is not known of the factors.
    half = np.sqrt(
        (1 + _doubt(fit.shape, shadow, a))[:, None] * fit.shape.sigma**2
        + (1 + _doubt(fit.level, shadow, b))[:, None] * fit.level.sigma**2
    )
    half = half * (fit.quantile() if scale is None else scale)
    return Prediction(prices, prices - half, prices + half)


def outside(fit: Fit, shadow: np.ndarray, row: int = -1, reach: float = REACH) -> list[str | None]:
    """For each row of shadow prices (n, C): why it is outside of what was seen, or None."""
    if fit.options.ridge and fit.options.prior is not None:
        return [None] * len(shadow)  # the prior speaks where the data do not
    out: list[str | None] = [None] * len(shadow)
    bound = fit.current(row)
    for part in (fit.level, fit.shape):
        k = part.in_segment(row % len(fit.seen))
        x = np.zeros((len(shadow), len(part.columns)))
        x[:, k] = shadow
        share = part.span.outside(x) if len(part.span.unseen) else np.zeros(len(x))
        doubt = _doubt(part, shadow, k)
        furthest = reach**2 * float(part.leverage.max())
        for i in range(len(x)):
            if ((shadow[i] != 0) & ~bound).any():
                out[i] = NEVER
            elif share[i] > TILT:
                out[i] = out[i] or DIRECTION
            elif doubt[i] > furthest:
                out[i] = out[i] or FAR_OUT
    return out


def row_of(fit: Fit, at: Any) -> int:
    """The row whose factors are in force at a time: the last row not after it, the last of all if none is given."""
    if at is None:
        return len(fit.seen) - 1
    times = fit.seen.times
    return max(0, int(np.searchsorted(times, np.asarray(at).astype(times.dtype), side="right")) - 1)


def _doubt(part: Part, shadow: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The variance of what the fit predicts, in units of an error's, (n,)."""
    return np.asarray(np.einsum("nc,cd,nd->n", shadow, part.inverse[np.ix_(columns, columns)], shadow))


def _asked(fit: Fit, shadow: Any, energy: Any) -> tuple[np.ndarray, np.ndarray]:
    names = fit.seen.constraints
    if isinstance(shadow, Mapping):
        new = [name for name, value in shadow.items() if name not in names and value]
        if new:
            raise refuse(
                "outside-seen", f"`{new[0]}` is no constraint of this fit, so what it does to prices is not known",
                notes=_known(names),
                help="fit a period in which it binds, or give a prior for its factors",
            )  # fmt: skip
        shadow = [[float(shadow.get(name, 0.0)) for name in names]]
    x = np.atleast_2d(np.asarray(shadow, dtype=float))
    lam = np.broadcast_to(np.asarray(energy, dtype=float), (len(x),)) if np.ndim(energy) == 0 else np.asarray(energy, dtype=float)
    if x.shape[1] != len(names) or lam.shape != (len(x),):
        raise refuse(
            "data-shape", f"shadow prices of shape {x.shape} and {lam.size:,} lambdas",
            help=f"the fit has {len(names)} constraints; give one row and one lambda for each interval",
        )  # fmt: skip
    if not (np.isfinite(x).all() and np.isfinite(lam).all()):
        raise refuse("data-gap", "a shadow price or a lambda is missing", help="nothing is guessed for a missing value")
    return x, lam


def _outside_seen(fit: Fit, x: np.ndarray, row: int, why: str, reach: float, count: int, of: int) -> Refusal:
    names = fit.seen.constraints
    binding = [names[c] for c in np.flatnonzero(x)]
    more = (f"{count:,} of {of:,} intervals are outside of what was seen",) if of > 1 else ()
    if why == NEVER:
        bound = fit.current(row)
        c = next(c for c in np.flatnonzero(x) if not bound[c])
        return refuse(
            "outside-seen", _unbound(fit, int(c), row),
            notes=(*_known([n for n, b in zip(names, bound, strict=True) if b]), *more),
            help="fit a period in which it binds, or give a prior for its factors",
        )  # fmt: skip
    told = ", ".join(f"`{n}`" for n in binding)
    if why == DIRECTION:
        return refuse(
            "outside-seen", f"{told} never bound in this proportion: only combinations of their shift factors are known",
            notes=more, help="`combinations` lists what is known; fit a period in which they bind apart, or give a prior",
        )  # fmt: skip
    return refuse(
        "outside-seen", f"the shadow prices of {told} lie more than {reach:g} times further out than any that were fitted",
        notes=more, help="fit a period with prices like these, or allow a longer `reach`",
    )  # fmt: skip


def _unbound(fit: Fit, c: int, row: int) -> str:
    """Why the factors of a constraint are not known at a row."""
    name = fit.seen.constraints[c]
    binds = np.flatnonzero((fit.seen.shadow[:, c] != 0) & ~fit.left_out)
    if not binds.size:
        return f"`{name}` never bound in what was fitted, so its shift factors are not known"
    changes = [s for s in fit.segments if s]
    if binds[-1] < row:
        since = fit.seen.times[next(s for s in changes if s > binds[-1])]
        return f"`{name}` bound only before the change at {since}, after which its shift factors may be others"
    since = fit.seen.times[max(s for s in changes if s <= binds[0])]
    return f"`{name}` bound only after the change at {since}, before which its shift factors may be others"


def _known(names: Any) -> tuple[str, ...]:
    shown = ", ".join(f"`{n}`" for n in list(names)[:12])
    return (f"known are {shown}{', ...' if len(names) > 12 else ''}",)


__all__ = ["DIRECTION", "FAR_OUT", "NEVER", "REACH", "Prediction", "outside", "predict", "predicted", "row_of"]
