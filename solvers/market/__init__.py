"""A logarithmic market scoring rule on a junction tree: Boolean and conditional trades, assets per world kept factored.

    from opengames.solvers.market import open_market

    market = open_market(og.load("events.game"), "grid", depth=100, ledger="grid.ledger")
    market.join("ann", 50)
    market.buy("ann", "binds", 10, given="outage")      # or: market.move("ann", "binds | outage", to=0.6)
    market.price("binds or scarce")

`Market` keeps one; `perform` and `State` are the pure functions and values below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opengames.solvers.market.acts import Act, Receipt, perform
    from opengames.solvers.market.assets import Worth
    from opengames.solvers.market.books import Books, Liquidity
    from opengames.solvers.market.events import Event, Is, all_of, any_of, at_least, none_of
    from opengames.solvers.market.ledger import Ledger, replay, verify
    from opengames.solvers.market.market import Done, Market, open_market, resume
    from opengames.solvers.market.previews import Preview
    from opengames.solvers.market.state import State
    from opengames.solvers.market.trading import Limits

_HOMES = {
    "Act": "acts", "Books": "books", "Done": "market", "Event": "events", "Is": "events", "Ledger": "ledger",
    "Limits": "trading", "Liquidity": "books", "Market": "market", "Preview": "previews", "Receipt": "acts",
    "State": "state", "Worth": "assets", "all_of": "events", "any_of": "events", "at_least": "events",
    "none_of": "events", "open_market": "market", "perform": "acts", "replay": "ledger", "resume": "market",
    "verify": "ledger",
}  # fmt: skip

__all__ = [
    "Act", "Books", "Done", "Event", "Is", "Ledger", "Limits", "Liquidity", "Market", "Preview", "Receipt", "State", "Worth",
    "all_of", "any_of", "at_least", "none_of", "open_market", "perform", "replay", "resume", "verify",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
