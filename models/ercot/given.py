"""What a caller gives, as numbers: arrays of floats, or a refusal that names what was given and what is needed."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from opengames.diagnostics import refuse

_SHOWN = 40


def is_number(value: Any) -> bool:
    """Whether something is one finite number."""
    return isinstance(value, Real) and bool(np.isfinite(float(value)))


def as_numbers(value: Any, what: str, needed: str = "give numbers") -> np.ndarray:
    """An array of floats. Raises `Refusal` (`bad-argument`) for what is no array of numbers, naming `what` it should be."""
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError) as error:
        raise refuse("bad-argument", f"{what} came as `{_short(value)}`, which is no array of numbers", help=needed) from error


def demand_number(value: Any, what: str) -> None:
    """Raises `Refusal` (`bad-argument`) unless all of `value`, one number or an array, is finite."""
    if not np.isfinite(as_numbers(value, what, "give a finite number")).all():
        raise refuse("bad-argument", f"{what} is {_short(value)}", help="give a finite number")


def as_rows(load: Any) -> np.ndarray:
    """Load of several intervals as (T, B) floats. Raises `Refusal`: `bad-argument`, `data-shape` for none."""
    found = np.atleast_2d(as_numbers(load, "load", "give MW, a row for each interval and a column for each bus"))
    if found.ndim != 2 or not len(found):
        raise refuse("data-shape", f"load has the shape {np.shape(load)}", help="give MW, a row for each interval and a column for each bus")
    return found


def _short(value: Any) -> str:
    said = str(value)
    return said if len(said) <= _SHOWN else said[: _SHOWN - 4] + " ..."


__all__ = ["as_numbers", "as_rows", "demand_number", "is_number"]
