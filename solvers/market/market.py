"""A market that is being kept: its state now, its words, and the ledger that it is recorded in.

>>> market = open_market({"rain": (False, True)}, factors=[(["rain"], [0.7, 0.3])], depth=100)
>>> market.join("ann", 50)
>>> market.buy("ann", "rain", 10)
bought 10 shares of rain for 3.1066 $; price 0.3000 -> 0.3214
>>> market.price("rain")
0.32141...

Every method that changes something performs one act (see `acts`), records it if there is a ledger, and returns what it did;
what is refused changes nothing. Money is in dollars, shares pay 1 $ each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from os import PathLike
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.program import Program
from opengames.serial import from_data, to_data
from opengames.solvers.market import arguments
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
    Receipt,
    Resolve,
    act_data,
    perform,
)
from opengames.solvers.market.assets import Worth, marginal, worths
from opengames.solvers.market.books import Books, Liquidity, books, liquidity
from opengames.solvers.market.events import Event, value_words
from opengames.solvers.market.ledger import Ledger, as_written, replay, replayed
from opengames.solvers.market.naming import check_values, check_variable
from opengames.solvers.market.opening import Channel, channel_of, left_out_of
from opengames.solvers.market.placing import Claim, moved_to, on_event, place
from opengames.solvers.market.previews import Preview, preview
from opengames.solvers.market.quoting import Quote, asked, settled_price
from opengames.solvers.market.state import CELLS, TICK, State
from opengames.solvers.market.trading import Limits, account_of, limits
from opengames.solvers.market.words import Words, words_for
from opengames.terms import Term

#: How many states a market remembers for `undo`; older ones are made again from the opening.
REMEMBERED = 32

Told = str | Event | Term


@dataclass(frozen=True)
class Done:
    """A trade that was made. shares: of each case; cost, gains: of the trader [$]; before, after: prices of the cases."""

    text: str
    cases: tuple[str, ...]
    shares: tuple[float, ...]
    cost: float
    gains: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]

    def __repr__(self) -> str:
        if len(self.cases) > 2:
            moved = ", ".join(f"{c} {p:.4f} -> {q:.4f}" for c, p, q in zip(self.cases, self.before, self.after, strict=True))
            return f"moved {self.text}: {moved}"
        n = self.shares[0]
        deal = f"bought {n:.6g} shares of {self.text} for {self.cost:,.4f} $" if n >= 0 else (
            f"sold {-n:.6g} shares of {self.text} for {-self.cost:,.4f} $"
        )  # fmt: skip
        return f"{deal}; price {self.before[0]:.4f} -> {self.after[0]:.4f}"

    def _repr_html_(self) -> str:
        return f"<div>{escape(repr(self))}</div>"

    def to_dict(self) -> dict[str, Any]:
        return {
            "text": self.text, "cases": list(self.cases), "shares": list(self.shares), "cost": self.cost,
            "gains": list(self.gains), "before": list(self.before), "after": list(self.after),
        }  # fmt: skip


class Market:
    """See the module. state: now. words: what texts of events may mention. ledger: where acts are recorded, or `None`."""

    def __init__(self, opening: Open, words: Words, ledger: Ledger | None = None) -> None:
        self.opening, self.words, self.ledger = opening, words, ledger
        self.state: State = opening.state()
        self._acts: list[Act] = []
        self._before: list[tuple[State, Words]] = []
        if ledger is not None:
            if len(ledger):
                raise refuse(
                    "file-exists", f"the ledger `{ledger.path.name}` has a market in it already",
                    help="resume that one, or choose another file",
                )  # fmt: skip
            ledger.append(act_data(opening), None, self.state.digest)

    # ------------------------------------------------------------------------------------- asking

    def price(self, event: Told, given: Told | None = None) -> float:
        """The chance that an event has in the market, given a condition: what a share of it costs at first.   [$]"""
        claim = self.claim(event, given)
        if not self.state.tree.cliques:  # all is resolved
            return settled_price(self.state, claim)
        return self._quote(claim).chances[0]

    def prices(self, variable: str, given: Told | None = None) -> dict[Any, float]:
        """The price of every value of a variable."""
        from opengames.solvers.market.lifetime import must_be_open

        must_be_open(self.state, arguments.name(variable, "the variable"))
        values = self.state.frame.values[variable]
        if given is None:
            found = marginal(self.state.beliefs, (variable,)).tolist()
        else:
            from opengames.solvers.market.placing import on_variable

            found = self._quote(on_variable(variable, values, self.event(given))).chances
        return dict(zip(values, found, strict=True))

    def liquidity(self, event: Told, given: Told | None = None) -> Liquidity:
        """How far a share moves the price of an event, and how many move it by a percentage point."""
        return liquidity(self._quote(self.claim(event, given)).logs, self.state.depth)

    def limits(self, trader: str, event: Told, given: Told | None = None) -> Limits:
        """Between which prices a trader may move an event without owing more than it has in some world."""
        return limits(self.state, trader, self.claim(event, given))

    def worth(self, trader: str, given: Told | None = None) -> Worth:
        """A trader's least, expected and most assets, also where an event is known to happen.   [$]"""
        return self._worths([trader], given)[0]

    def traders(self, given: Told | None = None) -> dict[str, Worth]:
        """The assets of all traders, in one pass.   [$]"""
        names = list(self.state.accounts)
        return dict(zip(names, self._worths(names, given), strict=True))

    def cash(self, trader: str) -> float:
        """What a trader has put in and been paid, without what is still open.   [$]"""
        return self.state.dollars(account_of(self.state, trader).cash)

    def books(self) -> Books:
        """Whether everything adds up, and what the maker stands to lose."""
        return books(self.state)

    def preview(
        self, trader: str, event: Told, *, shares: float | None = None, to: Any = None, given: Told | None = None,
        watch: Iterable[str] = (),
    ) -> Preview:  # fmt: skip
        """What a trade would do; `shares` or `to` as for `buy` and `move`. watch: further events whose prices to show."""
        if (shares is None) == (to is None):
            raise refuse("bad-argument", "say either how many `shares` to buy or which price to move `to`")
        act: Buy | Move | MoveAll
        if shares is not None:
            act = Buy(trader, *self._pair(event, given, _shares(shares)))
        else:
            act = self._move(trader, event, to, given)
        return preview(self.state, act, {text: self.claim(text) for text in arguments.names(watch, "`watch`")})

    def what_if(
        self, event: Told, to: Iterable[float], *, given: Told | None = None, watch: Iterable[str] | None = None
    ) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:  # fmt: skip
        """[target, value]: prices of variables if an event were moved to each of many prices. watch: all that are open, if left out."""
        from opengames.solvers.market.lifetime import must_be_open
        from opengames.solvers.market.what_if import what_if

        names = self.open if watch is None else arguments.names(watch, "`watch`")
        for name in names:
            must_be_open(self.state, name)
        if isinstance(to, str | bytes | Mapping) or not isinstance(to, Iterable):
            raise arguments.wrong(to, "`to`", "a list of prices")
        return what_if(self.state, self.claim(event, given), [arguments.number(p, "a price") for p in to], names)

    @property
    def acts(self) -> tuple[Act, ...]:
        """What has been done and not undone, in order."""
        return tuple(self._acts)

    @property
    def open(self) -> tuple[str, ...]:
        """The variables that are not resolved."""
        return tuple(n for n in self.state.frame.variables if n not in self.state.frame.hidden)

    @property
    def resolved(self) -> dict[str, Any]:
        """The variables that are, with their values."""
        return {n: v for n, v in self.state.frame.settled.items() if not n.startswith("@")}

    # -------------------------------------------------------------------------------------- acting

    def join(self, trader: str, cash: float) -> None:
        """A new trader, with some cash.   [$]"""
        self.perform(Join(trader, arguments.number(cash, "the cash of a trader")))

    def deposit(self, trader: str, amount: float) -> None:
        """Cash put in.   [$]"""
        self.perform(Deposit(trader, arguments.number(amount, "an amount of cash")))

    def withdraw(self, trader: str, amount: float) -> None:
        """Cash taken out: no more than the trader has in its worst world.   [$]"""
        self.perform(Deposit(trader, -arguments.number(amount, "an amount of cash")))

    def buy(self, trader: str, event: Told, shares: float, *, given: Told | None = None) -> Done:
        """Shares of an event bought; each pays 1 $ where it happens. Called off where `given` fails."""
        return self._trade(Buy(trader, *self._pair(event, given, _shares(shares))))

    def sell(self, trader: str, event: Told, shares: float, *, given: Told | None = None) -> Done:
        """Shares of an event sold, whether owned or not."""
        return self.buy(trader, event, -_shares(shares), given=given)

    def move(self, trader: str, event: Told, to: Any, *, given: Told | None = None) -> Done:
        """The price of an event moved. event: or a variable, with a price for each of its values as `to`."""
        return self._trade(self._move(trader, event, to, given))

    def balance(self, trader: str, event: Told, *, given: Told | None = None) -> Done:
        """A trader leaves its position on an event: afterwards it expects as much whether the event happens or not."""
        claim = self.claim(event, given)
        return self._trade(Balance(trader, claim.event, claim.given))

    def add_event(
        self, variable: str, values: Sequence[Any] = (True, False), *, given: Sequence[str] = (), table: Any = None
    ) -> None:
        """A new variable. table: its chances, an axis for each of `given` and one for the values; even ones if left out."""
        check_variable(variable)
        check_values(variable, values)
        parents = arguments.names(given, "`given`")
        shape = [len(self.state.frame.values.get(n, ())) for n in parents] + [len(values)]
        chances = np.full(shape, 1 / len(values)) if table is None else arguments.chances(table, "`table`")
        entries = tuple(float(x) for x in chances.ravel())
        self.perform(AddEvent(variable, tuple(values), parents, entries))

    def link(self, *variables: str) -> None:
        """Variables kept in one clique, so that trades on them together change no tree."""
        self.perform(Link(arguments.names(variables, "what is linked")))

    def resolve(self, variable: str, value: Any) -> dict[str, float]:
        """An event settled; what each trader is paid in cash by that.   [$]"""
        before = self.state.accounts
        self.perform(Resolve(arguments.name(variable, "the variable"), value))
        paid = {n: self.state.dollars(a.cash - before[n].cash) for n, a in self.state.accounts.items()}
        return {n: p for n, p in paid.items() if p}

    def undo(self) -> None:
        """The last act taken back, by going back to before it; the ledger keeps both."""
        if not self._acts:
            raise refuse("nothing-to-undo", "no act of this market is left to undo")
        if self._before:
            state, words = self._before[-1]
        else:
            state, words = replayed(self.opening, self._acts[:-1]), self.words
        if self.ledger is not None:
            self.ledger.append({"act": "undo"}, None, state.digest)
        self.state, self.words = state, words
        self._acts.pop()
        if self._before:
            self._before.pop()

    def close(self, outcomes: Mapping[str, Any]) -> dict[str, float]:
        """Several events settled at once, or none of them; what each trader is paid in cash by that.   [$]"""
        before = self.state.accounts
        told = arguments.mapping(outcomes, "`outcomes`")
        self.perform_all([Resolve(arguments.name(name, "a variable"), value) for name, value in told.items()])
        paid = {n: self.state.dollars(a.cash - before[n].cash) for n, a in self.state.accounts.items()}
        return {n: p for n, p in paid.items() if p}

    def perform(self, act: Act) -> Receipt | None:
        """One act: recorded if there is a ledger, and then done."""
        return self.perform_all([act])[0]

    def perform_all(self, acts: Iterable[Act]) -> list[Receipt | None]:
        """Several acts, all of them or none."""
        state, words = self.state, self.words
        done, before, receipts, entries = [], [], [], []
        for act in acts:
            if not isinstance(act, Act):
                raise arguments.wrong(act, "an act", "a `Buy`, `Move`, `Join` or another of the acts")
            before.append((state, words))
            state, receipt = perform(state, act)
            words = words.adding(act.variable, act.values) if isinstance(act, AddEvent) else words
            done.append(act)
            receipts.append(receipt)
            entries.append((act_data(act), None if receipt is None else receipt.to_data(), state.digest))
        if self.ledger is not None:
            self.ledger.append_all(entries)
        self._before += before
        del self._before[:-REMEMBERED]
        self._acts += done
        self.state, self.words = state, words
        return receipts

    # -------------------------------------------------------------------------------------- helpers

    def event(self, told: Told) -> Event:
        """An event from its text, a term over wires, or as it is."""
        if isinstance(told, str):
            event, given = self.words.parse(told)
            if given is not None:
                raise refuse("not-an-event", f"`{told}` has a condition, and only one can be given")
            return event
        return self.words.of_term(told) if isinstance(told, Term) else arguments.event(told, "an event")

    def claim(self, event: Told, given: Told | None = None) -> Claim:
        """An event given a condition; `event | condition` as text says both."""
        if isinstance(event, str) and given is None:
            return on_event(*self.words.parse(event))
        return on_event(self.event(event), None if given is None else self.event(given))

    def _pair(self, event: Told, given: Told | None, amount: float) -> tuple[Event, float, Event | None]:
        claim = self.claim(event, given)
        return claim.event, amount, claim.given

    def _move(self, trader: str, event: Told, to: Any, given: Told | None) -> Move | MoveAll:
        if isinstance(to, Mapping):
            if not isinstance(event, str):
                raise arguments.wrong(event, "what prices of several values are for", "a variable, by its name")
            condition = None if given is None else self.event(given)
            return MoveAll(trader, event, tuple((v, arguments.number(p, "a price")) for v, p in to.items()), condition)
        return Move(trader, *self._pair(event, given, arguments.number(to, "a price")))

    def _trade(self, act: Buy | Move | MoveAll | Balance) -> Done:
        from opengames.solvers.market.acts import claim_of

        claim = claim_of(self.state, act)
        receipt = self.perform(act)
        assert receipt is not None
        text = claim.shown if len(claim.cases) == 2 else getattr(act, "variable", claim.shown)
        dollars = self.state.dollars
        return Done(
            text, tuple(c.shown for c in claim.cases), receipt.shares, dollars(receipt.cost),
            tuple(map(dollars, receipt.gains)), receipt.before, receipt.after,
        )  # fmt: skip

    def _quote(self, claim: Claim) -> Quote:
        return asked(self.state, claim)

    def _worths(self, names: Sequence[str], given: Told | None) -> list[Worth]:
        accounts = [account_of(self.state, n) for n in names]
        if given is None:
            return worths(self.state.beliefs, accounts, self.state.tick)
        placed = place(self.state, on_event(self.event(given)))
        state = moved_to(self.state, placed)
        if not placed.possible[1]:
            raise refuse("impossible-condition", f"`{placed.claim.shown}` cannot happen: nobody has assets given it")
        return worths(state.beliefs, accounts, self.state.tick, (placed.clique, placed.entries == 1))

    def __repr__(self) -> str:
        tree = self.state.tree
        lines = [
            f"market of {len(self.open)} open events, {len(self.resolved)} resolved; "
            f"{len(self.state.accounts)} traders, {self.state.count} acts",
            f"depth {self.state.depth:,.4g} $; tree of width {tree.width}, {tree.cells} entries",
        ]
        for name in self.open[:12]:
            shown = ", ".join(f"{value_words(v)} {p:.4f}" for v, p in self.prices(name).items())
            lines.append(f"  {name}: {shown}")
        if len(self.open) > 12:
            lines.append(f"  and {len(self.open) - 12} more")
        if self.words.left_out:
            lines.append(f"left out, so that no event can mention it: {', '.join(self.words.left_out)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        return {
            "open": {n: [[value_words(v), p] for v, p in self.prices(n).items()] for n in self.open},
            "resolved": {n: value_words(v) for n, v in self.resolved.items()}, "depth": self.state.depth,
            "traders": {n: w.to_dict() for n, w in self.traders().items()}, "books": self.books().to_dict(),
            "left_out": list(self.words.left_out), "width": self.state.tree.width, "cells": self.state.tree.cells, "digest": f"{self.state.digest:064x}",
        }  # fmt: skip


def _shares(given: Any) -> float:
    return arguments.number(given, "how many shares are traded")


# ------------------------------------------------------------------------------------------ opening


def open_market(
    source: Any, channel: str | None = None, *, factors: Iterable[tuple[Sequence[str], Any]] | None = None,
    depth: float | None = None, budget: float | None = None, tick: float = TICK, cells: int = CELLS, ledger: str | PathLike[str] | Ledger | None = None,
) -> Market:  # fmt: skip
    """A market on a channel of a model or program, or on variables with `factors`.

    source: a model (`opengames.load`), a `Program`, or a mapping of variables to their values. depth: $b$ [$], or budget:
    the most that the maker may lose [$]. tick: what money is counted in [$]. cells: the most entries of all tables.
    ledger: a file to record all acts in. Raises `Refusal`.
    """
    if isinstance(source, Mapping):
        if factors is None:
            raise refuse("bad-argument", "variables need `factors`: tables that say how likely their values are")
        for n, v in source.items():
            check_variable(n)
            check_values(n, v)
        values = {n: tuple(v) for n, v in source.items()}
        opening = _opening(values, arguments.tables(factors), depth, budget, tick, cells)
        words = words_for(values)
    else:
        program = source if isinstance(source, Program) else getattr(source, "program", None)
        if not isinstance(program, Program):
            raise arguments.wrong(source, "what a market is opened on", "a model, or a mapping of variables to their values")
        name = channel or _only_channel(program)
        found = channel_of(program, name)
        text = getattr(source, "text", None)
        kept = None if text is None else _source(source, name)
        opening = _opening(found.values, found.factors, depth, budget, tick, cells, found, kept)
        words = replace(_words(opening, program), left_out=found.left_out)
    book = ledger if isinstance(ledger, Ledger) or ledger is None else Ledger(ledger)
    return Market(opening, words, book)


def resume(ledger: str | PathLike[str] | Ledger) -> Market:
    """The market that a ledger holds, made again from its acts; it goes on recording there. Raises `Refusal`."""
    book = ledger if isinstance(ledger, Ledger) else Ledger(ledger, new=False)
    found = replay(book)
    market = Market.__new__(Market)
    market.opening, market.ledger, market.state = found.opening, book, found.state
    market._acts, market._before = list(found.acts), []
    with as_written(book.path, 1):
        words = _words(found.opening, None)
    for act in found.acts:
        if isinstance(act, AddEvent):
            words = words.adding(act.variable, act.values)
    market.words = words
    return market


def _source(model: Any, channel: str) -> dict[str, Any]:
    """What is kept of a model, so that events can be told in its words when the market is resumed."""
    static = {n: to_data(p.value) for n, p in model.program.params.items() if p.value is not None}
    return {"text": model.text, "name": model.name, "channel": channel, "params": static}


def _opening(
    values: Mapping[str, tuple[Any, ...]], factors: Iterable[tuple[Sequence[str], Any]], depth: float | None,
    budget: float | None, tick: float, cells: int, channel: Channel | None = None, source: Mapping[str, Any] | None = None,
) -> Open:  # fmt: skip
    tables = []
    for scope, table in factors:
        array = np.asarray(table, dtype=float)
        tables.append((tuple(scope), array.shape, tuple(array.ravel().tolist())))
    if isinstance(cells, bool) or not isinstance(cells, int) or cells < 1:
        raise arguments.wrong(cells, "`cells`", "a whole number above 0")
    opening = Open(
        tuple(values.items()), tuple(tables), None if depth is None else arguments.number(depth, "the depth"),
        None if budget is None else arguments.number(budget, "the budget"), arguments.number(tick, "the tick"), cells, source=source,
    )  # fmt: skip
    if channel is None:
        return opening
    return replace(
        opening, hidden=tuple(sorted(channel.hidden)), names=tuple(channel.names.items()), families=tuple(channel.families.items())
    )


def _words(opening: Open, program: Program | None) -> Words:
    """The words of a market, from its text if it has one."""
    values = {n: v for n, v in opening.values if n not in opening.hidden}
    families = {wire: dict(found) for wire, found in opening.families}
    plain = words_for(values, families)
    if opening.source is None:
        if program is None:
            return plain
        return replace(plain, names=dict(opening.names), funs=program.funs, params=program.param_values())
    from opengames.dsl.check import check

    given = {n: from_data(v) for n, v in opening.source["params"].items()}
    checked = check(opening.source["text"], opening.source["name"], given)
    if checked.context is None or checked.program is None:
        raise ValueError("the text that the market was opened on is no model")
    made = next((i for i in checked.context.instances.values() if i.name == opening.source["channel"]), None)
    kinds = dict(made.wires) if made is not None else {}
    wires = {w: kinds[w] for w, n in opening.names if w in kinds and n in values} | {w: kinds[w] for w in families if w in kinds}
    return Words(
        values, {**plain.wires, **wires}, dict(opening.names), checked.program.funs, checked.program.param_values(),
        checked.context, families,
        left_out_of(checked.program.diagrams[opening.source["channel"]], opening.names, families),
    )  # fmt: skip


def _only_channel(program: Program) -> str:
    closed = [n for n, d in program.diagrams.items() if not d.inputs and not d.expects]
    if len(closed) != 1:
        listed = ", ".join(f"`{n}`" for n in closed)
        raise refuse(
            "which-game", "say which channel the market is on", notes=(f"there are {listed}",) if closed else (),
            help=f"name one, such as `{closed[0]}`" if closed else "",
        )  # fmt: skip
    return closed[0]


__all__ = ["REMEMBERED", "Done", "Market", "open_market", "resume"]
