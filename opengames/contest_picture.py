"""A market of models as a picture: cash, influence and prices over time, and how well its prices were calibrated."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from opengames.diagnostics import refuse

if TYPE_CHECKING:
    from opengames.solvers.forecasts import Contest

#: The last periods, whose prices are drawn.
_PERIODS = 100
#: Events whose prices are drawn.
_LINES = 4
_COLOURS = ("#1f5fa8", "#c8591b", "#2f7d4f", "#7a4fa3", "#a82f4a", "#4a4a4a", "#8a7a12", "#1f8a8a")


def draw_contest(contest: Contest, path: str | PathLike[str]) -> None:
    """Write the picture to a file; its name says the format (.svg, .png, .pdf). Raises `Refusal` (`bad-option`)."""
    from matplotlib.figure import Figure

    from opengames.solvers.forecasts import score

    figure = Figure(figsize=(11, 7.6), layout="constrained")
    (cash, told), (prices_of, calibrated) = figure.subplots(2, 2)
    periods = np.arange(1, contest.periods + 1)
    for i, name in enumerate(contest.traders):
        colour = _COLOURS[i % len(_COLOURS)]
        cash.plot([0, *periods], [contest.start[i], *contest.cash[:, i]], color=colour, label=name)
        told.plot(periods, np.cumsum(contest.influence[:, i]), color=colour, label=name)
    _framed(cash, "Cash", "period", "$")
    _framed(told, "Influence: what trades told the market, added up", "period", "nats")
    cash.legend(frameon=False, fontsize=8)
    for i, event in enumerate(contest.events[:_LINES]):
        colour, last = _COLOURS[i % len(_COLOURS)], slice(-_PERIODS, None)
        when, price, came = periods[last], contest.prices[last, i], contest.happened[last, i]
        prices_of.plot(when, price, color=colour, linewidth=1, label=event)
        prices_of.plot(when[came], price[came], "o", color=colour, markersize=4)
    _framed(prices_of, "Prices when trading ended (dots: it happened)", "period", "price")
    prices_of.legend(frameon=False, fontsize=8)
    calibrated.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    prices, happened = contest.prices.ravel(), contest.happened.ravel()
    bins = score(prices, happened).calibration
    x, y = [b.forecast for b in bins], [b.frequency for b in bins]
    low = [max(0.0, b.frequency - b.interval[0]) for b in bins]
    high = [max(0.0, b.interval[1] - b.frequency) for b in bins]
    calibrated.errorbar(x, y, yerr=[low, high], fmt="o", color=_COLOURS[0], markersize=4, linewidth=1)
    for b in bins:
        calibrated.annotate(str(b.count), (b.forecast, b.frequency), xytext=(5, -9), textcoords="offset points", fontsize=7)
    _framed(calibrated, "Calibration of prices (with counts, 95 %)", "price", "share that happened")
    try:
        figure.savefig(path)
    except ValueError as wrong:
        raise refuse("bad-option", f"cannot draw to `{path}`: {wrong}", help="end the name in .svg, .png or .pdf") from wrong


def _framed(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


__all__ = ["draw_contest"]
