"""A market of models, and the scores of forecasts.

    from opengames.solvers.forecasts import Forecaster, contest

    found = contest(og.load("grid_day.game"), "day", "opening", [Forecaster("weather", "sky"), Forecaster("desk", "grid")])
    print(found)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opengames.solvers.forecasts.scores import Bin, Score, brier_scores, log_scores, paired, score, wilson
    from opengames.solvers.forecasts.tournament import Contest, Forecaster, contest

_HOMES = {
    "Bin": "scores", "Contest": "tournament", "Forecaster": "tournament", "Score": "scores", "brier_scores": "scores",
    "contest": "tournament", "log_scores": "scores", "paired": "scores", "score": "scores", "wilson": "scores",
}  # fmt: skip

__all__ = [
    "Bin", "Contest", "Forecaster", "Score", "brier_scores", "contest", "log_scores", "paired", "score", "wilson",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
