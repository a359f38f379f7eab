"""The entries of a ledger in words: who did what, what it cost, and what was taken back."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

from opengames.solvers.market.acts import (
    Act,
    AddEvent,
    Balance,
    Buy,
    Deposit,
    Join,
    Link,
    Move,
    MoveAll,
    Open,
    Resolve,
    act_from,
)
from opengames.solvers.market.events import Event, value_words
from opengames.solvers.market.ledger import Ledger, replay


def history(book: str | PathLike[str]) -> list[dict[str, Any]]:
    """Every entry: its number, act, what it says, its hash, and the number of the entry that took it back, if one did.

    The chain is checked first, and every act done again: what is told did happen.
    Raises `Refusal` (`ledger-broken`, `no-such-file`).
    """
    ledger = Ledger(book, new=False)
    replay(ledger)
    found: list[dict[str, Any]] = []
    kept: list[int] = []
    tick = 1.0
    for entry in ledger.entries():
        data = json.loads(entry.act)
        if data["act"] == "undo":
            gone = kept.pop()
            found[gone - 1]["undone_by"] = entry.number
            found[gone - 1]["said"] += f"  (taken back by {entry.number})"
            said = f"took back {gone}"
        else:
            act = act_from(data)
            if isinstance(act, Open):
                tick, said = act.tick, _opening(act)
            else:
                said = said_of(act) + _outcome(json.loads(entry.receipt), tick)
                kept.append(entry.number)
        found.append({"number": entry.number, "act": data["act"], "said": said, "hash": entry.hash})
    ledger.close()
    return found


def said_of(act: Act) -> str:
    """One act in words."""
    match act:
        case Join(trader=name, cash=cash):
            return f"{name} joined with {cash:,.4f} $"
        case Deposit(trader=name, amount=amount):
            return f"{name} {'put in' if amount >= 0 else 'took out'} {abs(amount):,.4f} $"
        case Buy(trader=name, event=event, shares=shares, given=given):
            return f"{name} {'bought' if shares >= 0 else 'sold'} {abs(shares):.6g} shares of {_claim(event, given)}"
        case Move(trader=name, event=event, to=to, given=given):
            return f"{name} moved {_claim(event, given)} to {to:.6g}"
        case MoveAll(trader=name, variable=variable, to=to, given=given):
            prices = ", ".join(f"{value_words(v)}: {p:.6g}" for v, p in to)
            return f"{name} moved {variable}{'' if given is None else f' | {given.shown}'} to {prices}"
        case Balance(trader=name, event=event, given=given):
            return f"{name} balanced {_claim(event, given)}"
        case AddEvent(variable=variable, given=given):
            return f"added {variable}" + (f" given {', '.join(given)}" if given else "")
        case Link(variables=names):
            return f"linked {', '.join(names)}"
        case Resolve(variable=variable, value=value):
            return f"{variable} is {value_words(value)}"
    raise TypeError(f"not an act: {act!r}")


def _opening(act: Open) -> str:
    hidden = set(act.hidden)
    count = sum(n not in hidden for n, _ in act.values)
    channel = f" on {act.source['channel']} of {act.source['name']}" if act.source else ""
    size = f"budget {act.budget:,.2f} $" if act.budget is not None else f"depth {act.depth:,.4g} $"
    return f"opened{channel}: {count} variables, {size}"


def _claim(event: Event, given: Event | None) -> str:
    return event.shown if given is None else f"{event.shown} | {given.shown}"


def _outcome(receipt: Any, tick: float) -> str:
    if receipt is None:
        return ""
    cost, _, _, before, after = receipt
    if len(before) > 2:
        return f" for {abs(cost) * tick:,.4f} $"
    return f" for {abs(cost) * tick:,.4f} $, price {before[0]:.4f} -> {after[0]:.4f}"


__all__ = ["history", "said_of"]
