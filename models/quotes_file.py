"""Quotes from a table: a row for each ticket, with an `event` and a price.

    event,given,bid,ask
    rain,,28%,32%
    wind == Calm,rain,,0.4

Columns: `event`; `given` for bets that are called off; the price as `probability`, as `odds`, or as `bid` and `ask` (or
`lay` and `back`, in odds), an empty cell for what is not offered; `name` for reports. Events are text of the language.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from opengames.diagnostics import Refusal, refuse
from opengames.models.data_cells import blank
from opengames.models.data_files import Table, read_table
from opengames.program import ParamDecl
from opengames.solvers.coherence.quotes import Quote, quote
from opengames.spaces import REAL

PRICES = ("probability", "odds", "bid", "ask", "back", "lay")
_KNOWN = ("event", "given", "name", *PRICES)


def read_quotes(file: str | Path) -> list[Quote]:
    """The quotes in a file (CSV, Parquet or JSON), in its order; their events are read when they are checked.

    Raises `Refusal`: `data-no-such-file`, `data-unreadable`, `data-missing-column` without an `event` or any price,
    `unknown-argument` for columns of no meaning here, and what is wrong with a price, with its row.
    """
    path = Path(file)
    table = read_table(path, ParamDecl("quotes", REAL))
    _columns(table)
    count = max(map(len, table.columns.values()), default=0)
    found = []
    for i in range(count):
        row = {name: _cell(column, i) for name, column in table.columns.items()}
        if all(cell is None for cell in row.values()):
            continue
        found.append(_quote(table, i, row))
    if not found:
        raise refuse("data-too-short", f"`{path.name}` has no quotes")
    return found


def _columns(table: Table) -> None:
    listed = ", ".join(f"`{name}`" for name in table.columns)
    if "event" not in table.columns or not any(p in table.columns for p in PRICES):
        missing = "event" if "event" not in table.columns else "probability"
        raise refuse(
            "data-missing-column", f"`{table.name}` has no column `{missing}`", notes=(f"its columns are {listed}",),
            help="a table of quotes has `event` and one of `probability`, `odds`, `bid`, `ask`, `back`, `lay`",
        )  # fmt: skip
    for name in table.columns:
        if name not in _KNOWN:
            raise refuse(
                "unknown-argument", f"`{table.name}` has a column `{name}`, which says nothing about quotes",
                help="the columns are " + ", ".join(f"`{k}`" for k in _KNOWN),
            )  # fmt: skip


def _cell(column: list[Any], i: int) -> Any:
    found = column[i] if i < len(column) else None
    return None if blank(found) else found


def _quote(table: Table, i: int, row: dict[str, Any]) -> Quote:
    where = f"{table.row(i)} of `{table.name}`"
    if row.get("event") is None:
        raise refuse("data-gap", f"{where} has a price and no event")
    event, given = str(row["event"]), row.get("given")
    prices = {p: row[p] for p in PRICES if row.get(p) is not None}
    try:
        return quote(event, prices.pop("probability", None), given=None if given is None else str(given),
                     name=str(row.get("name") or ""), **prices)  # fmt: skip
    except Refusal as refusal:
        raise Refusal(*(replace(d, headline=f"{where}: {d.headline}") for d in refusal.diagnostics)) from None


__all__ = ["PRICES", "read_quotes"]
