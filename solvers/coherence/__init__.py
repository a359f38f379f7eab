"""Coherence of quotes, and prices of payoffs: de Finetti's betting argument, with exact certificates both ways.

    worlds = Worlds.over(rain=bool, wind=("Calm", "Windy"))
    check_quotes(worlds, [quote("rain", "30%"), quote("not rain", ask="60%")])     # Incoherent: buy both for 0.90
    bounds(worlds, [quote("rain", "30%")], "rain and wind == Calm")                # from 0% to 30%

The names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opengames.solvers.coherence.answers import Coherent, Incoherent, Stake
    from opengames.solvers.coherence.asking import check_quotes
    from opengames.solvers.coherence.extension import Bounds, bounds
    from opengames.solvers.coherence.in_text import posted
    from opengames.solvers.coherence.quotes import Quote, quote, ticket
    from opengames.solvers.coherence.worlds import Worlds

_HOMES = {
    "Bounds": "extension", "Coherent": "answers", "Incoherent": "answers", "Quote": "quotes", "Stake": "answers",
    "Worlds": "worlds", "bounds": "extension", "check_quotes": "asking", "posted": "in_text", "quote": "quotes",
    "ticket": "quotes",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "Bounds", "Coherent", "Incoherent", "Quote", "Stake", "Worlds", "bounds", "check_quotes", "posted", "quote", "ticket",
]  # fmt: skip
