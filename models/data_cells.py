"""Single cells of data from outside: exact numbers, truth values, gaps."""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any


def rational(given: Any) -> Fraction | None:
    """The exact number that a cell stands for; `None` if it stands for none."""
    if isinstance(given, bool):
        return None
    if isinstance(given, Integral):
        return Fraction(int(given))
    if isinstance(given, Rational):
        return Fraction(int(given.numerator), int(given.denominator))
    if isinstance(given, Real):
        return Fraction(repr(float(given))) if math.isfinite(given) else None
    text = str(given).strip().replace("_", "")
    if len(text) > 60 or "/" in text:
        return None
    try:
        mantissa, _, power = text.lower().partition("e")
        return None if power and abs(int(power)) > 400 else Fraction(mantissa + (f"e{power}" if power else ""))
    except (ValueError, ZeroDivisionError):
        return None


def truth(given: Any) -> bool | None:
    """The truth value that a cell stands for; `None` if it stands for none."""
    return _TRUTH.get(str(given).strip().lower())


def blank(given: Any) -> bool:
    """Whether a cell says nothing."""
    if isinstance(given, str):
        return given.strip().lower() in ("", "nan", "na", "n/a", "null", "none", "-")
    return given is None or (isinstance(given, float) and math.isnan(given))


_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
