"""What happens to a market besides trades: traders join and pay, events are added, linked and resolved.

An added event has chances given events that are there, and changes no price. A link keeps variables together in a
clique. Resolving an event to a value makes that value certain: prices become what they were given it, and gains that
depend on nothing open any more are paid in cash. Counters that become certain with it are resolved as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import floor, isfinite
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.solvers.junction.tree import TooWide
from opengames.solvers.market.assets import least
from opengames.solvers.market.events import value_words
from opengames.solvers.market.fitting import is_counter
from opengames.solvers.market.growing import (
    beliefs_on,
    frame_for,
    grown,
    held_by,
    narrowed,
    rooted,
    sliced,
    trimmed,
)
from opengames.solvers.market.naming import check_trader, check_values, check_variable
from opengames.solvers.market.opening import total_of, worst_loss
from opengames.solvers.market.placing import unknown_event
from opengames.solvers.market.state import (
    MOST_TICKS,
    Account,
    Frame,
    State,
    account,
    account_marks,
    frame_marks,
    one_account,
    wrapped,
)
from opengames.solvers.market.trading import account_of, dollars


def join(state: State, name: str, cash: float) -> State:
    """A new trader with some cash [$], rounded down to the tick.

    Raises `Refusal` (`bad-argument`, `duplicate-trader`, `bad-amount`).
    """
    check_trader(name)
    if name in state.accounts:
        raise refuse(
            "duplicate-trader", f"there is a trader `{name}` already", help="choose another name, or put cash into that account"
        )
    ticks = ticks_of(state, cash)
    if ticks < 0:
        raise refuse("bad-amount", f"a trader joins with cash of 0 $ or more, not {cash:g} $")
    return _with(state, name, None, Account(ticks, ticks, {}, ticks))


def deposit(state: State, name: str, amount: float) -> State:
    """Cash put in [$], or taken out if negative: no more than the trader has in every world."""
    found = account_of(state, name)
    ticks = ticks_of(state, amount)
    if ticks < 0:
        free = least(state.frame.layout, found)
        if free + ticks < 0:
            raise refuse(
                "not-enough-assets", f"`{name}` cannot take out {-amount:g} $",
                notes=(f"in its worst world it has {dollars(state, free)}",), help=f"take out at most {dollars(state, free)}",
            )  # fmt: skip
    changed = Account(found.put_in + ticks, found.cash + ticks, found.blocks, found.floor + ticks)
    return _with(state, name, found, changed)


def ticks_of(state: State, amount: float) -> float:
    """An amount of money in whole ticks, rounded down."""
    if not isfinite(amount) or abs(amount) > MOST_TICKS * state.tick:
        raise refuse(
            "bad-amount", f"{amount:g} $ is more than a market counts",
            notes=(f"the most is {MOST_TICKS * state.tick:g} $, with a tick of {state.tick:g} $",),
        )  # fmt: skip
    exact = amount / state.tick
    return float(round(exact)) if abs(round(exact) - exact) < 1e-3 else float(floor(exact))


def _with(state: State, name: str, before: Account | None, after: Account) -> State:
    digest = state.digest + one_account(name, after)
    if before is not None:
        digest -= one_account(name, before)
    return replace(
        state, accounts={**state.accounts, name: after}, count=state.count + 1, digest=wrapped(digest)
    )


def add_event(state: State, name: str, values: Sequence[Any], given: Sequence[str], table: Any) -> State:
    """A new variable with chances given open ones. table: an axis for each of `given`, then one for the values.

    Raises `Refusal`: `bad-argument`, `duplicate-value`, `duplicate-name`, `unknown-event`, `resolved-event`, `bad-amount` for
    rows that are no chances, `over-budget` if the tree would be too large or the maker could lose more than its budget.
    """
    check_variable(name)
    check_values(name, values)
    frame = state.frame
    if name in frame.values or name in frame.settled:
        raise refuse("duplicate-name", f"the market has a variable `{name}` already", help="choose another name")
    for each in given:
        must_be_open(state, each)
    array = np.asarray(table, dtype=float)
    shape = (*(len(frame.values[n]) for n in given), len(values))
    if array.shape != shape:
        raise refuse("bad-amount", f"the table of `{name}` has shape {array.shape}, and should have {shape}")
    if not np.isfinite(array).all() or (array < 0).any() or (abs(array.sum(axis=-1) - 1) > 1e-9).any():
        raise refuse("bad-amount", f"a row of the table of `{name}` is no distribution: its chances add up to 1")
    more = {**frame.values, name: tuple(values)}
    order = {n: i for i, n in enumerate(more)}
    names = (*given, name)
    scope = tuple(sorted(names, key=order.__getitem__))
    with np.errstate(divide="ignore"):
        factor = np.log(np.ascontiguousarray(array.transpose([names.index(n) for n in scope])))
    prior = {**state.prior, scope: factor}
    together = frame.tree.home(tuple(given)) is not None
    try:
        scopes = frame.tree.cliques if together else held_by(state)
        made = frame_for(more, frame.settled, prior, scopes, frame.links, frame.hidden, state.cells, frame.chains)
    except TooWide as wide:
        raise refuse(
            "over-budget", f"`{name}` given {', '.join(f'`{n}`' for n in given)} makes the tree too large",
            notes=(f"its tables would take more than {wide.limit} entries",), help="let it depend on fewer events",
        ) from None  # fmt: skip
    after = replace(rooted(state, made, prior, state.traded), count=state.count + 1)
    if state.budget is not None and worst_loss(after) > state.budget * (1 + 1e-12):
        raise refuse(
            "over-budget", f"with `{name}`, the maker could lose {worst_loss(after):.9g} $",
            notes=(f"its budget is {state.budget:.9g} $, with a depth of {state.depth:.9g} $",),
            help="open the market with a larger budget or a smaller depth",
        )  # fmt: skip
    return after


def link(state: State, names: Sequence[str]) -> State:
    """Variables kept together in a clique from now on. No price changes. Raises `Refusal` (`over-budget`)."""
    for each in names:
        must_be_open(state, each)
    scope = state.frame.scope(names)
    try:
        frame, prior = grown(state, scope, keep=True)
    except TooWide as wide:
        raise refuse(
            "over-budget", f"{', '.join(f'`{n}`' for n in scope)} cannot be linked: the tree would be too large",
            notes=(f"its tables would take more than {wide.limit} entries",), help="link fewer of them",
        ) from None  # fmt: skip
    return replace(rooted(state, frame, prior, state.traded), count=state.count + 1)


def resolve(state: State, name: str, value: Any) -> State:
    """An event settled, and what depends on nothing else paid.

    Raises `Refusal`: `unknown-event`, `resolved-event`, `outside-type`, `impossible-evidence`.
    """
    must_be_open(state, name)
    values = state.frame.values[name]
    if value not in values:
        raise refuse(
            "outside-type", f"`{name}` cannot be {value_words(value)}",
            notes=("its values are " + ", ".join(value_words(v) for v in values),),
        )  # fmt: skip
    found = _settle(state, name, values[values.index(value)])
    while True:
        sure = next(((n, v) for n, v in _certain_counters(found.frame)), None)
        if sure is None:
            break
        found = _settle(found, *sure)
    return replace(found, count=state.count + 1)


def must_be_open(state: State, name: str) -> None:
    if name in state.frame.settled:
        raise refuse(
            "resolved-event", f"`{name}` has been resolved: it is {value_words(state.frame.settled[name])}",
            help="what is resolved stays so; `undo` takes back the last act",
        )  # fmt: skip
    if name not in state.frame.values or is_counter(name):
        raise unknown_event(state, name)


def _settle(state: State, name: str, value: Any) -> State:
    frame = state.frame
    position = frame.values[name].index(value)
    prior, traded = sliced(state.prior, name, position), narrowed(sliced(state.traded, name, position))
    links = tuple(s for s in (tuple(n for n in link if n != name) for link in frame.links) if len(s) > 1)
    accounts = {n: _paid(a, name, position) for n, a in state.accounts.items()}
    maker = _paid(state.maker, name, position)
    traded = {s: f for s, f in traded.items() if s}
    held = held_by(replace(state, traded=traded, accounts=accounts, maker=maker))
    values, prior = trimmed({n: v for n, v in frame.values.items() if n != name}, prior, (*held, *links))
    # the cliques without what is gone: still a tree, and found without a search
    cliques = [tuple(n for n in clique if n in values) for clique in frame.tree.cliques]
    made = frame_for(values, {**frame.settled, name: value}, prior, cliques, links, frame.hidden - {name}, 1 << 40)
    if not isfinite(total_of(made.layout, prior)):
        raise refuse(
            "impossible-evidence", f"`{name}` cannot be {value_words(value)}: the market's opening chances rule it out"
        )
    after = replace(
        state, frame=made, prior=prior, traded=traded, beliefs=beliefs_on(made.layout, prior, traded), accounts=accounts,
        maker=maker,
    )  # fmt: skip
    old, new = frame_marks(state) + account_marks(state), frame_marks(after) + account_marks(after)
    return replace(after, digest=wrapped(state.digest - old + new))


def _paid(found: Account, name: str, position: int) -> Account:
    """An account when a variable is settled; itself, if it has no block about that."""
    if not any(name in s for s in found.blocks):
        return found
    return account(found.put_in, found.cash, narrowed(sliced(found.blocks, name, position)))


def _certain_counters(frame: Frame) -> list[tuple[str, Any]]:
    """Counters that can have one value only."""
    found = []
    layout = frame.layout
    for i, support in enumerate(layout.support):
        if support is None:
            continue
        axes = layout.tree.cliques[i]
        for k, n in enumerate(axes):
            if is_counter(n):
                left = support.any(axis=tuple(a for a in range(len(axes)) if a != k))
                if left.sum() == 1:
                    found.append((n, frame.values[n][int(left.argmax())]))
    return found


__all__ = ["add_event", "deposit", "join", "link", "must_be_open", "resolve", "ticks_of"]
