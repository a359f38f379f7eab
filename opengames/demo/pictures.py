"""Plots of the battery's year, for the demonstration."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from opengames.demo.battery import Year

#: Okabe and Ito's colours, which most colour-blind readers can tell apart.
COLOURS = ("#999999", "#E69F00", "#56B4E9", "#009E73", "#D55E00")


def year_picture(found: Year, path: Path, first_day: int = 200, days: int = 7) -> Path:
    """Prices and state of charge over a week, and cumulative profit over the year, to a PNG or SVG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    prices = np.asarray([float(p) for p in found.series.prices])
    begin, end = first_day * 24, min((first_day + days) * 24, len(prices))
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(11, 9), layout="constrained", height_ratios=(2, 2, 3))
    week = np.arange(begin, end) / 24
    figure.suptitle(
        f"A 100 MW / 400 MWh battery on ERCOT day-ahead prices, {found.series.point.upper()}, {found.series.days[0].year}",
        fontsize=13,
    )
    top.step(week, prices[begin:end], where="post", color="#0072B2", linewidth=1.2)
    top.set_ylabel("price, $/MWh")
    top.set_title(f"prices, {found.series.days[begin]:%d %B} and the six days after", fontsize=10, loc="left")
    for outcome, colour in zip(found.outcomes, COLOURS, strict=True):
        if outcome.profit:
            middle.step(week, outcome.stored[begin:end], where="post", color=colour, linewidth=1.3, label=outcome.name)
    middle.set_ylabel("in the cells, MWh")
    middle.set_title("state of charge, the same week", fontsize=10, loc="left")
    middle.axhspan(0, 40, color="#f0f0f0")
    middle.axhspan(360, 400, color="#f0f0f0")
    middle.set_ylim(0, 400)
    days_axis = np.arange(len(prices)) / 24
    for outcome, colour in zip(found.outcomes, COLOURS, strict=True):
        bottom.plot(days_axis, np.cumsum(outcome.earned) / 1e6, color=colour, linewidth=1.6, label=outcome.name)
    bottom.axhline(found.best / 1e6, color="#333333", linestyle=":", linewidth=1)
    bottom.annotate(
        "perfect foresight, whole year", (2, found.best / 1e6), textcoords="offset points", xytext=(0, 4), fontsize=9
    )
    bottom.set_ylim(top=found.best / 1e6 * 1.1)
    bottom.set_ylabel("cumulative profit, million $")
    bottom.set_xlabel("day of the year")
    bottom.legend(loc="center left", bbox_to_anchor=(0.01, 0.55), fontsize=9, frameon=False)
    for axis in (top, middle, bottom):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
        axis.margins(x=0.01)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
