"""Acts: everything that changes a market, as plain data, and what each one does. `perform(state, act)` is a pure function.

What an act did is told by its receipt, in whole ticks and exact floats: performing the same acts on the same opening
gives the same receipts and the same digests, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.serial import from_data, to_data
from opengames.solvers.market import lifetime
from opengames.solvers.market.assets import entered, expected, together
from opengames.solvers.market.events import Event, as_data, from_event_data, value_words
from opengames.solvers.market.opening import opened
from opengames.solvers.market.placing import Claim, moved_to, on_event, on_variable, place
from opengames.solvers.market.quoting import quote
from opengames.solvers.market.state import State
from opengames.solvers.market.trading import (
    Terms,
    account_of,
    check_price,
    exchange,
    shares_to,
    shares_to_all,
)


@dataclass(frozen=True)
class Receipt:
    """What a trade did. cost: paid where the condition holds; gains: in each case. [ticks]  before, after: prices."""

    cost: float
    gains: tuple[float, ...]
    shares: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]

    def to_data(self) -> list[Any]:
        return [self.cost, list(self.gains), list(self.shares), list(self.before), list(self.after)]


@dataclass(frozen=True)
class Open:
    """A market opened. factors: (names, shape, entries in row-major order). source: of the text behind it, if any.

    names: the variable that each wire of the text is. families: for each wire that is a family, the variable of each key.
    """

    values: tuple[tuple[str, tuple[Any, ...]], ...]
    factors: tuple[tuple[tuple[str, ...], tuple[int, ...], tuple[float, ...]], ...]
    depth: float | None
    budget: float | None
    tick: float
    cells: int
    hidden: tuple[str, ...] = ()
    source: Mapping[str, Any] | None = None
    names: tuple[tuple[str, str], ...] = ()
    families: tuple[tuple[str, tuple[tuple[tuple[Any, ...], str], ...]], ...] = ()

    def state(self) -> State:
        """The market as it opens."""
        tables = [(names, np.array(entries).reshape(shape)) for names, shape, entries in self.factors]
        return opened(
            dict(self.values), tables, depth=self.depth, budget=self.budget, tick=self.tick, cells=self.cells,
            hidden=frozenset(self.hidden),
        )  # fmt: skip


@dataclass(frozen=True)
class Join:
    trader: str
    cash: float


@dataclass(frozen=True)
class Deposit:
    """amount: negative to take out.   [$]"""

    trader: str
    amount: float


@dataclass(frozen=True)
class Buy:
    """shares: of the event, each paying 1 $ where it happens; negative to sell. Called off where `given` fails."""

    trader: str
    event: Event
    shares: float
    given: Event | None = None


@dataclass(frozen=True)
class Move:
    """The chance of the event, given `given`, moved to `to`."""

    trader: str
    event: Event
    to: float
    given: Event | None = None


@dataclass(frozen=True)
class MoveAll:
    """The chances of all values of a variable, given `given`, moved to `to`, which adds up to 1."""

    trader: str
    variable: str
    to: tuple[tuple[Any, float], ...]
    given: Event | None = None


@dataclass(frozen=True)
class Balance:
    """The trade after which the trader expects as much whether the event happens or not: it leaves its position."""

    trader: str
    event: Event
    given: Event | None = None


@dataclass(frozen=True)
class AddEvent:
    """table: row-major, an axis for each of `given` and one for the values."""

    variable: str
    values: tuple[Any, ...]
    given: tuple[str, ...]
    table: tuple[float, ...]


@dataclass(frozen=True)
class Link:
    variables: tuple[str, ...]


@dataclass(frozen=True)
class Resolve:
    variable: str
    value: Any


Act = Join | Deposit | Buy | Move | MoveAll | Balance | AddEvent | Link | Resolve


def perform(state: State, act: Act) -> tuple[State, Receipt | None]:
    """The state after an act, and for a trade its receipt. Raises `Refusal`; then nothing has changed."""
    match act:
        case Join(trader=name, cash=cash):
            return lifetime.join(state, name, cash), None
        case Deposit(trader=name, amount=amount):
            return lifetime.deposit(state, name, amount), None
        case AddEvent(variable=name, values=values, given=given, table=entries):
            shape = [len(state.frame.values[n]) for n in given if n in state.frame.values] + [len(values)]
            fits = len(entries) == int(np.prod(shape))
            table = np.array(entries).reshape(shape) if fits else np.array(entries)
            return lifetime.add_event(state, name, values, given, table), None
        case Link(variables=names):
            return lifetime.link(state, names), None
        case Resolve(variable=name, value=value):
            return lifetime.resolve(state, name, value), None
    account_of(state, act.trader)
    claim = claim_of(state, act)
    shares = shares_of(state, act, claim)
    after, done = exchange(state, act.trader, claim, shares)
    return after, receipt(done, shares)


def receipt(done: Terms, shares: Sequence[float]) -> Receipt:
    return Receipt(
        done.cost, done.gains, tuple(shares), tuple(map(exp, done.before)), tuple(map(exp, done.after))
    )


def claim_of(state: State, act: Buy | Move | MoveAll | Balance) -> Claim:
    """What a trade is about."""
    if isinstance(act, MoveAll):
        lifetime.must_be_open(state, act.variable)
        return on_variable(act.variable, state.frame.values[act.variable], act.given)
    return on_event(act.event, act.given)


def shares_of(state: State, act: Buy | Move | MoveAll | Balance, claim: Claim) -> tuple[float, ...]:
    """The shares of each case that a trade buys.   [$]"""
    if isinstance(act, Buy):
        return (float(act.shares), 0.0)
    if isinstance(act, Move):
        check_price(act.to)
    placed = place(state, claim)
    state = moved_to(state, placed)
    found = quote(state, placed)
    match act:
        case Move(to=to):
            return shares_to(found, to, state.depth) if len([x for x in found.logs if x > -np.inf]) > 1 else (0.0, 0.0)
        case MoveAll(to=to, variable=name):
            return shares_to_all(found, _targets(state, name, dict(to), found.chances), state.depth)
        case Balance(trader=trader):
            mine = together([account_of(state, trader)])
            means = []
            for k in (1, 2):
                if not placed.possible[k]:
                    return (0.0, 0.0)
                means.append(float(expected(entered(state.beliefs, placed.clique, placed.entries == k), mine)[0]))
            return ((means[1] - means[0]) * state.tick, 0.0)
    raise TypeError(f"not a trade: {act!r}")


def _targets(state: State, name: str, to: Mapping[Any, float], now: Sequence[float]) -> list[float]:
    values = state.frame.values[name]
    for value in to:
        if value not in values:
            raise refuse(
                "outside-type", f"`{name}` cannot be {value_words(value)}",
                notes=("its values are " + ", ".join(value_words(v) for v in values),),
            )  # fmt: skip
    targets = []
    for value, chance in zip(values, now, strict=True):
        if chance == 0.0 and not to.get(value):
            targets.append(1.0)  # it cannot happen, and no trade changes that
        else:
            targets.append(check_price(to.get(value, 0.0)))
    total = sum(t for t, chance in zip(targets, now, strict=True) if chance > 0)
    if abs(total - 1) > 1e-9:
        raise refuse(
            "bad-price", f"the prices of `{name}` add up to {total:g}, and one of its values must happen",
            help="give every possible value its price, so that they add up to 1",
        )  # fmt: skip
    return [t / total for t in targets]


# ------------------------------------------------------------------------------------------ as data


def act_data(act: Act | Open) -> dict[str, Any]:
    """An act as what JSON can hold; `act_from` is the inverse."""
    match act:
        case Open():
            return {
                "act": "open", "values": [[n, to_data(v)] for n, v in act.values],
                "factors": [[list(n), list(s), list(e)] for n, s, e in act.factors], "depth": act.depth, "budget": act.budget,
                "tick": act.tick, "cells": act.cells, "hidden": list(act.hidden), "source": act.source,
                "names": [list(pair) for pair in act.names],
                "families": [[w, [[to_data(k), n] for k, n in found]] for w, found in act.families],
            }  # fmt: skip
        case Join(trader=t, cash=cash):
            return {"act": "join", "trader": t, "cash": cash}
        case Deposit(trader=t, amount=amount):
            return {"act": "deposit", "trader": t, "amount": amount}
        case Buy(shares=shares):
            return {"act": "buy", **_trade_data(act), "shares": shares}
        case Move(to=to):
            return {"act": "move", **_trade_data(act), "to": to}
        case Balance():
            return {"act": "balance", **_trade_data(act)}
        case MoveAll(trader=t, variable=v, to=all_, given=given):
            data = {"act": "move_all", "trader": t, "variable": v, "to": [[to_data(x), p] for x, p in all_]}
            return data if given is None else {**data, "given": as_data(given)}
        case AddEvent(variable=v, values=values, given=names, table=table):
            return {"act": "add", "variable": v, "values": to_data(values), "given": list(names), "table": list(table)}
        case Link(variables=names):
            return {"act": "link", "variables": list(names)}
        case Resolve(variable=v, value=value):
            return {"act": "resolve", "variable": v, "value": to_data(value)}


def _trade_data(act: Buy | Move | Balance) -> dict[str, Any]:
    data = {"trader": act.trader, "event": as_data(act.event)}
    return data if act.given is None else {**data, "given": as_data(act.given)}


def act_from(data: Mapping[str, Any]) -> Act | Open:
    """The act that `act_data` wrote. Raises `ValueError` or `KeyError` for anything else."""
    given = from_event_data(data["given"]) if isinstance(data.get("given"), list) and data["act"] != "add" else None
    match data["act"]:
        case "open":
            return Open(
                tuple((n, tuple(from_data(v))) for n, v in data["values"]),
                tuple((tuple(n), tuple(s), tuple(e)) for n, s, e in data["factors"]),
                data["depth"], data["budget"], data["tick"], data["cells"], tuple(data["hidden"]), data["source"],
                tuple((w, n) for w, n in data["names"]),
                tuple((w, tuple((tuple(from_data(k)), n) for k, n in found)) for w, found in data["families"]),
            )  # fmt: skip
        case "join":
            return Join(data["trader"], data["cash"])
        case "deposit":
            return Deposit(data["trader"], data["amount"])
        case "buy":
            return Buy(data["trader"], from_event_data(data["event"]), data["shares"], given)
        case "move":
            return Move(data["trader"], from_event_data(data["event"]), data["to"], given)
        case "balance":
            return Balance(data["trader"], from_event_data(data["event"]), given)
        case "move_all":
            to = tuple((from_data(x), p) for x, p in data["to"])
            return MoveAll(data["trader"], data["variable"], to, given)
        case "add":
            return AddEvent(data["variable"], from_data(data["values"]), tuple(data["given"]), tuple(data["table"]))
        case "link":
            return Link(tuple(data["variables"]))
        case "resolve":
            return Resolve(data["variable"], from_data(data["value"]))
    raise ValueError(f"not an act: {data['act']!r}")


__all__ = [
    "Act", "AddEvent", "Balance", "Buy", "Deposit", "Join", "Link", "Move", "MoveAll", "Open", "Receipt", "Resolve",
    "act_data", "act_from", "claim_of", "perform", "receipt", "shares_of",
]  # fmt: skip
