"""The price series that comes with the project: ERCOT day-ahead prices of 2021 and 2022, hour by hour.

Source and licence: `specs/data/SOURCE.md` (Creative Commons Attribution 4.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from opengames.diagnostics import refuse


@dataclass(frozen=True, slots=True)
class Series:
    """Hourly prices in the order of time. days: the delivery date of each hour. prices: $/MWh, exact to the cent."""

    point: str
    days: tuple[date, ...]
    prices: tuple[Fraction, ...]

    def __len__(self) -> int:
        return len(self.prices)


def day_ahead(point: str = "hb_houston", year: int | None = None) -> Series:
    """The series of one settlement point. Raises `Refusal` if there is no such point or year."""
    import pyarrow.parquet as pq

    names = [n for n in pq.read_schema(_file()).names if n[:3] in ("hb_", "lz_")]
    if point.lower() not in names:
        raise refuse(
            "data-missing-column",
            f"there is no settlement point `{point}` in the price series",
            help="the points are " + ", ".join(f"`{n}`" for n in names),
        )
    table = pq.read_table(_file(), columns=["delivery_date", point.lower()])
    rows = [
        (day, Fraction(str(price)))
        for day, price in zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True)
        if year is None or day.year == year
    ]
    if not rows:
        raise refuse("data-gap", f"the price series has no hour in {year}", help="it covers 2021 and 2022")
    return Series(point.lower(), tuple(d for d, _ in rows), tuple(p for _, p in rows))


def _file() -> Path:
    """The file, wherever the package is installed."""
    from importlib.resources import files

    found = files("opengames.specs") / "data" / "ercot_day_ahead_2021_2022.parquet"
    return Path(str(found))
