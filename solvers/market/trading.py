"""Trades: a claim's chances are moved, and the trader's assets move by what the rule pays.

Buying $s_k$ shares of the cases of a claim multiplies the chance of case $k$, given the condition, by $e^{s_k / b}$ and
renormalises: $p'_k = p_k e^{(s_k - c) / b}$ with the cost $c = b \\log \\sum_k p_k e^{s_k / b}$, paid only where the
condition holds. The trader gains $s_k - c = b \\log(p'_k / p_k)$ in case $k$ and nothing where the condition fails; the
maker gains the contrary. Nothing else moves: not the chance of the condition, and nothing given a case or its failure.

Money rounds against the trader: shares down to the tick, the cost up to the next tick and a little more, half a tick and a
trillionth of the depth and the shares, which is more than float64 can be off. So no sequence of round trips drains the maker, and a round trip costs some ticks.

Edit limits. With at least $m$ in every world where the event fails, a trader may raise its chance up to
$1 - (1 - p) e^{-m / b}$; with at least $m$ where it happens, lower it to $p e^{-m / b}$.

Sources: Hanson, Logarithmic market scoring rules for modular combinatorial information aggregation (2007); Sun, Hanson,
Laskey and Twardy (UAI 2012), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, expm1, floor, inf, isfinite, log, log1p, ulp
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.solvers.market.assets import least_at
from opengames.solvers.market.naming import check_trader
from opengames.solvers.market.placing import Claim, Placed, moved_to, place
from opengames.solvers.market.quoting import Quote, log_sum, quote, resolved_words
from opengames.solvers.market.state import MOST_TICKS, Account, State, table_mark, wrapped

_GUARD = 0.5  # ticks added to every cost
_ROUGH = 1e-12  # and so much of the depth and the shares: float64 is never off by as much
_NEAR = 2  # ticks kept back by limits, so that what they allow is accepted


@dataclass(frozen=True)
class Limits:
    """Between which chances a trader may move an event, and the most shares it may sell and buy.   [$ for shares]"""

    low: float
    price: float
    high: float
    sell: float
    buy: float

    def __repr__(self) -> str:
        return (
            f"from {self.low:.4f} to {self.high:.4f}, now {self.price:.4f}: "
            f"sell at most {self.sell:,.4f} shares, buy at most {self.buy:,.4f}"
        )

    def _repr_html_(self) -> str:
        return f"<div>{self!r}</div>"

    def to_dict(self) -> dict[str, Any]:
        return {"low": self.low, "price": self.price, "high": self.high, "sell": self.sell, "buy": self.buy}


@dataclass(frozen=True)
class Terms:
    """What a trade does to the trader: `gains` in each case, in ticks, and the logarithms of the chances before and after.

    moved: what is added to the logarithm of the density in each case.
    """

    gains: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    moved: tuple[float, ...]
    cost: float
    condition: float


def shares_to(found: Quote, target: float, depth: float) -> tuple[float, ...]:
    """The shares of an event (and none of its contrary) that move its chance to `target`.   [$]"""
    return (depth * (log(target) - log1p(-target) - found.logs[0] + found.logs[1]), 0.0)


def shares_to_all(found: Quote, targets: Sequence[float], depth: float) -> tuple[float, ...]:
    """The shares of each case that move the chances to `targets`.   [$]"""
    return tuple(depth * (log(t) - x) if isfinite(x) else 0.0 for t, x in zip(targets, found.logs, strict=True))


def terms(state: State, claim: Claim, found: Quote, shares: Sequence[float]) -> Terms:
    """What buying `shares` [$] of each case does. Raises `Refusal` (`certain-event`, `resolved-event`, `bad-amount`)."""
    if sum(isfinite(x) for x in found.logs) < 2:
        raise _certain(state, claim, found)
    for s in shares:
        if not isfinite(s) or abs(s) > MOST_TICKS * state.tick:
            raise refuse(
                "bad-amount", f"{s:g} $ of shares is more than a market counts",
                notes=(f"the most is {MOST_TICKS * state.tick:g} $, with a tick of {state.tick:g} $",),
            )  # fmt: skip
    b, tick = state.depth, state.tick
    x = [s / b for s in shares]
    if max(map(abs, x)) < 1:
        cost = log1p(sum(exp(p) * expm1(y) for p, y in zip(found.logs, x, strict=True)))
    else:
        cost = log_sum([p + y for p, y in zip(found.logs, x, strict=True)])
    paid = float(ceil(b * cost / tick + _GUARD + _rough(state, max(map(abs, shares))))) if any(x) else 0.0
    gains = tuple(_whole(s / tick) - paid for s in shares)
    after = tuple(p + y - cost for p, y in zip(found.logs, x, strict=True))
    return Terms(gains, found.logs, after, tuple(y - cost for y in x), paid, found.condition)


def exchange(state: State, name: str, claim: Claim, shares: Sequence[float]) -> tuple[State, Terms]:
    """The state after a trade, and its terms. Raises `Refusal`; the state given is never changed."""
    trader = account_of(state, name)
    placed = place(state, claim)
    state = moved_to(state, placed)
    done = terms(state, claim, quote(state, placed), shares)
    if trader.floor + min(done.gains) < 0:
        _afford(state, name, trader, placed, done)
    return settled(state, name, trader, placed, done), done


def settled(state: State, name: str, trader: Account, placed: Placed, done: Terms) -> State:
    """The state with the terms of a trade carried out."""
    clique, scope = placed.clique, placed.scope
    moved = np.array((0.0, *done.moved))
    gains = np.array((0.0, *done.gains)).take(placed.codes)
    table = state.beliefs.tables[clique] + moved.take(placed.entries)
    factor = moved.take(placed.codes)
    known = state.traded.get(scope)
    if known is not None:
        factor = known + factor
    traded = dict(state.traded)
    traded[scope] = factor
    accounts = dict(state.accounts)
    changed = accounts[name] = trader.with_block(scope, gains)
    maker = state.maker.with_block(scope, -gains)
    digest = state.digest + table_mark("traded", "", scope, factor) + table_mark("block", name, scope, changed.blocks[scope])
    if known is not None:
        digest -= table_mark("traded", "", scope, known)
    if scope in trader.blocks:
        digest -= table_mark("block", name, scope, trader.blocks[scope])
    return State(
        state.depth, state.tick, state.budget, state.cells, state.frame, state.prior, traded,
        state.beliefs.with_table(clique, table), maker, accounts, state.count + 1, wrapped(digest),
    )  # fmt: skip


def limits(state: State, name: str, claim: Claim) -> Limits:
    """The edit limits of a trader on an event given a condition."""
    placed = place(state, claim)
    state = moved_to(state, placed)
    return limits_at(state, account_of(state, name), placed)


def limits_at(state: State, trader: Account, placed: Placed) -> Limits:
    found = quote(state, placed)
    if sum(isfinite(x) for x in found.logs) < 2:
        raise _certain(state, placed.claim, found)
    where_true, where_false = worst_by_case(state, trader, placed)
    yes, no = found.logs
    low_yes, sell = _room(state, where_true, yes, no)
    high_no, buy = _room(state, where_false, no, yes)
    return Limits(exp(low_yes), exp(yes), -expm1(high_no), sell, buy)


def _room(state: State, assets: float, log_here: float, log_there: float) -> tuple[float, float]:
    """How far a chance may be lowered with these least assets [ticks] where it happens: its logarithm then, and the
    shares of it that are sold by that [$]."""
    shares = 0.0
    for _ in range(2):  # the cost of rounding depends a little on the shares
        spent = max(assets - _NEAR - _rough(state, shares), 0.0) * state.tick / state.depth
        if not spent:
            return log_here, 0.0
        lowest = log_here - spent
        shares = state.depth * (log_here - log_there - lowest + log(-expm1(lowest)))
    return lowest, shares


def _rough(state: State, shares: float) -> float:
    """More than float64 can be off in what shares [$] cost.   [ticks]"""
    return _ROUGH * (state.depth + shares) / state.tick


def worst_by_case(state: State, trader: Account, placed: Placed) -> tuple[float, ...]:
    """The least assets in the worlds of each case, infinity for a case that cannot happen.   [ticks]"""
    table = least_at(placed.layout, trader, placed.clique)
    return tuple(
        float(table[placed.entries == k].min()) if placed.possible[k] else inf for k in range(1, len(placed.claim.cases) + 1)
    )


def account_of(state: State, name: str) -> Account:
    """The account of a trader. Raises `Refusal` (`unknown-trader`, `bad-argument`)."""
    check_trader(name)
    found = state.accounts.get(name)
    if found is None:
        from difflib import get_close_matches

        close = get_close_matches(name, state.accounts, 1, 0.5)
        raise refuse(
            "unknown-trader", f"there is no trader `{name}` in this market",
            notes=(f"{len(state.accounts)} traders have joined",),
            help=f"did you mean `{close[0]}`?" if close else f"let `{name}` join first, with some cash",
        )  # fmt: skip
    return found


def _afford(state: State, name: str, trader: Account, placed: Placed, done: Terms) -> None:
    """Refuse a trade after which the trader could owe more than it has in some world."""
    worst = worst_by_case(state, trader, placed)
    short = [(m + g, k) for k, (m, g) in enumerate(zip(worst, done.gains, strict=True)) if m + g < 0]
    if not short:
        return
    lacking, k = min(short)
    case = placed.claim.cases[k].shown
    notes = [
        f"in the worst world where `{case}`, it has {dollars(state, worst[k])} and would lose {dollars(state, -done.gains[k])}"
    ]
    help_ = f"put in {dollars(state, -lacking)} more"
    if len(placed.claim.cases) == 2:
        allowed = limits_at(state, trader, placed)
        notes.append(f"`{name}` may move it between {allowed.low:.6g} and {allowed.high:.6g}; it is at {allowed.price:.6g}")
        most = allowed.buy if done.gains[0] > done.gains[1] else allowed.sell
        verb = "buy" if done.gains[0] > done.gains[1] else "sell"
        if most > 0:
            help_ = f"{verb} at most {_down(most):.10g} shares, or {help_}"
    raise refuse(
        "not-enough-assets", f"`{name}` could not pay for this trade in every world", notes=tuple(notes), help=help_
    )


def _down(shares: float) -> float:
    """Cut to what is printed, so that what is printed is allowed."""
    return floor(shares * 1e6) / 1e6


def _whole(ticks: float) -> float:
    """Down to a whole number, but for what is a whole number up to float64's rounding."""
    nearest = float(round(ticks))
    return nearest if abs(nearest - ticks) <= min(max(1e-3, 4 * ulp(ticks)), 0.25) else float(floor(ticks))


def dollars(state: State, ticks: float) -> str:
    """Ticks in the words of a report."""
    return f"{state.dollars(ticks):.9g} $"


def _certain(state: State, claim: Claim, found: Quote) -> Refusal:
    known = resolved_words(state, claim)
    sure = isfinite(found.logs[0])
    words = f"`{claim.shown}` is {'certain' if sure else 'impossible'} already: its price cannot move"
    if known:
        return refuse("resolved-event", words, notes=known)
    return refuse("certain-event", words, notes=(f"in every possible world it {'happens' if sure else 'fails'}",))


def check_price(target: float) -> float:
    """A chance to move to. Raises `Refusal` (`bad-price`)."""
    value = float(target)
    if not 0.0 < value < 1.0:
        raise refuse(
            "bad-price", f"a price is above 0 and below 1, and this is {value:g}",
            notes=("at 0 or 1 somebody could lose without bound, and nobody could ever trade the price back",),
        )  # fmt: skip
    return value


__all__ = [
    "Limits", "Terms", "account_of", "check_price", "dollars", "exchange", "limits", "limits_at", "settled", "shares_to",
    "shares_to_all", "terms", "worst_by_case",
]  # fmt: skip
