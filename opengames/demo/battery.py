"""A year of the battery of `specs/battery_day.game` on real day-ahead prices: five strategies and the optimum.

The game text is the model; this module feeds it prices, asks it for the best plan (dynamic programming on the
energy grid of the text), plays its strategies through the sampled reading, and puts the results in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from importlib.resources import files
from typing import Any

import numpy as np

from opengames.models.battery import percentile_bands, shifted
from opengames.models.day_ahead import Series
from opengames.models.risk import Risk, by_day, risk
from opengames.session import Model, loads
from opengames.solvers.planning import Plan, dynamic_programming

#: Strategies of the text that need nothing but prices, and what to call them.
RULES = (("idle", "do nothing"), ("clock", "clock"), ("percentile", "percentile rule 30/70"))


@dataclass(frozen=True)
class Outcome:
    """What one way of trading made of a year. earned: $ in each hour; stored: MWh in the cells when the hour begins."""

    name: str
    earned: np.ndarray
    stored: np.ndarray
    risk: Risk

    @property
    def profit(self) -> float:
        return self.risk.total


@dataclass(frozen=True)
class Year:
    """best: the most that was possible, every price known and the battery free to carry energy over midnight."""

    series: Series
    best: float
    outcomes: tuple[Outcome, ...]


def text() -> str:
    return (files("opengames.specs") / "battery_day.game").read_text(encoding="utf-8")


def model(**params: Any) -> Model:
    """The battery's text with these params."""
    return loads(text(), "battery_day.game", **params)


def best_plan(found: Model) -> tuple[float, tuple[Fraction, ...]]:
    """The optimum in $ (a lower bound: on the text's energy grid), and the change of store in each hour, MWh."""
    program = found.program
    plan = dynamic_programming(
        program, "Day", "owner", params=program.param_values(), exact=False, replay=False
    )
    assert isinstance(plan, Plan)
    return plan.value, _moves(plan, program.params["start"].value, int(program.params["H"].value))


def _moves(plan: Plan, start: Fraction, hours: int) -> tuple[Fraction, ...]:
    moves, stored = [], start
    for t in range(1, hours + 1):
        index = (Fraction(t),)
        axes = plan.tables["change", index].axes
        move = plan.move("change", index, (stored,) * len(axes))
        change = move[0] if isinstance(move, tuple) else move
        moves.append(change)
        stored += change
    return tuple(moves)


def play(found: Model, strategy: str, name: str, days: Sequence[date]) -> Outcome:
    """One strategy of the text, hour by hour."""
    run = found.run("Day", under=strategy, runs=1, keep=("earned", "stored"))
    earned, stored = run["earned"][0], run["stored"][0]
    return Outcome(name, earned, stored, risk(by_day(earned, days)))


def year(series: Series) -> Year:
    """Every strategy on one series of hourly prices, each starting and ending half full."""
    hours = Fraction(len(series))
    cheap, dear = percentile_bands(series.prices)
    free = model(H=hours, price=series.prices, cheap=cheap, dear=dear)
    best, _ = best_plan(free)
    outcomes = [play(free, strategy, name, series.days) for strategy, name in RULES]
    daily = model(H=hours, price=series.prices, period=Fraction(24))
    _, plan = best_plan(daily)
    for name, moves in (("plan on yesterday's prices", shifted(plan)), ("plan on today's prices", plan)):
        outcomes.append(play(daily.with_params(plan=moves), "planned", name, series.days))
    return Year(series, best, tuple(outcomes))


def table(found: Year) -> list[str]:
    """The year as lines of text."""
    head = f"{'strategy':<28}{'profit':>14}{'of optimum':>12}{'VaR 95':>12}{'CVaR 95':>12}{'Sharpe':>9}{'drawdown':>13}"
    lines = [head, "-" * len(head)]
    for each in found.outcomes:
        r = each.risk
        sharpe = "-" if np.isnan(r.sharpe) else f"{r.sharpe:.2f}"
        lines.append(
            f"{each.name:<28}{each.profit:>12,.0f} ${each.profit / found.best:>12.3f}"
            f"{r.value_at_risk + 0.0:>10,.0f} ${r.expected_shortfall + 0.0:>10,.0f} ${sharpe:>9}{r.drawdown:>11,.0f} $"
        )
    lines.append(f"{'perfect foresight':<28}{found.best:>12,.0f} ${1:>12.3f}")
    return lines
