"""The state of a market: an immutable value. Every act makes another one (see `acts`).

Chances are logarithms in float64. Money is counted in whole ticks, held in float64, in which whole numbers are exact up
to $2^{53}$: sums over accounts are exact, and a book that does not balance to the last tick is a mistake.

An account holds its settled cash and, for each set of variables it has traded on, a *block*: what it gains in each of
their combinations. Its assets in a world are the cash and the sum of its blocks there. The maker has an account as well.

Sources: Hanson, Logarithmic market scoring rules for modular combinatorial information aggregation (2007); Sun, Hanson,
Laskey and Twardy, Probability and asset updating using Bayesian networks for combinatorial prediction markets (UAI
2012); Sun et al., Trade-based asset models using dynamic junction trees (UAI 2014), for blocks on what was traded only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from opengames.diagnostics import refuse
from opengames.solvers.junction.tree import JunctionTree
from opengames.solvers.market.beliefs import Beliefs
from opengames.solvers.market.fitting import Chains, is_counter
from opengames.solvers.market.layout import Layout, Numbers, Scope

#: Whole numbers of ticks are exact in float64 below this; money is kept well below.
MOST_TICKS = float(1 << 52)
#: What money is counted in, if nothing else is said.   [$]
TICK = 1e-9
#: The most entries of all tables of a market's tree, if nothing else is said.
CELLS = 1 << 20

_SIZE = 1 << 256


@dataclass(frozen=True, eq=False)
class Account:
    """put_in: deposits less withdrawals. cash: put in, and paid since. blocks: gains on what is still open.   [ticks]

    floor: no more than the least that the assets can be: the cash and the least entry of every block.
    """

    put_in: float
    cash: float
    blocks: Mapping[Scope, Numbers] = field(default_factory=dict)
    floor: float = 0.0

    def with_block(self, scope: Scope, gains: Numbers) -> Account:
        """The account with gains added to the block of a scope. Raises `Refusal` (`bad-amount`)."""
        blocks = dict(self.blocks)
        old = blocks.get(scope)
        new = gains if old is None else old + gains
        blocks[scope] = new
        low, high = float(new.min()), float(new.max())
        if max(high, -low) > MOST_TICKS:
            raise refuse(
                "bad-amount", "what could be won or lost here is more than a market counts",
                help="open the market with a coarser tick",
            )  # fmt: skip
        floor = self.floor + low - (0.0 if old is None else float(old.min()))
        return Account(self.put_in, self.cash, blocks, floor)


def account(put_in: float, cash: float, blocks: Mapping[Scope, Numbers]) -> Account:
    """An account, its empty blocks left out and those without a variable paid into the cash."""
    paid = cash + sum(float(b) for s, b in blocks.items() if not s)
    kept = {s: b for s, b in blocks.items() if s and b.any()}
    return Account(put_in, paid, kept, paid + sum(float(b.min()) for b in kept.values()))


@dataclass(frozen=True, eq=False)
class Frame:
    """What only some acts change: the variables, those settled, and the tree.

    values: of the open variables; names that begin with `@` are counters (see `fitting`). links: sets of variables that
    stay together in a clique because somebody asked. hidden: open variables that an event's text cannot name. chains: the
    orders in which wide events are counted.
    """

    values: Mapping[str, tuple[Any, ...]]
    settled: Mapping[str, Any]
    layout: Layout
    links: tuple[Scope, ...] = ()
    hidden: frozenset[str] = frozenset()
    chains: Chains = field(default_factory=dict)

    @property
    def tree(self) -> JunctionTree:
        return self.layout.tree

    @cached_property
    def order(self) -> Mapping[str, int]:
        return {n: i for i, n in enumerate(self.values)}

    def scope(self, names: Iterable[str]) -> Scope:
        """The variables, each once, in the market's own order."""
        return tuple(sorted(set(names), key=self.order.__getitem__))

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The open variables that events may mention."""
        return tuple(n for n in self.values if not is_counter(n))


@dataclass(frozen=True, eq=False)
class State:
    """depth: $b$ of $C = b \\log Z$. [$]  tick: what money is counted in. [$]  budget: the most the maker may lose, if set. [$]

    cells: the most entries of all tables. prior: the opening chances as factors (logarithms), with what was added later.
    traded: what trades have added to their logarithms. count: how many acts there have been. digest: of all content.
    """

    depth: float
    tick: float
    budget: float | None
    cells: int
    frame: Frame
    prior: Mapping[Scope, Numbers]
    traded: Mapping[Scope, Numbers]
    beliefs: Beliefs
    maker: Account
    accounts: Mapping[str, Account]
    count: int
    digest: int

    @property
    def tree(self) -> JunctionTree:
        return self.frame.layout.tree

    def dollars(self, ticks: float) -> float:
        """Ticks as dollars."""
        return float(in_dollars(ticks, self.tick))


def in_dollars(ticks: Any, tick: float) -> Any:
    """Ticks as dollars; for decimal ticks the float nearest to the decimal number."""
    a_dollar = round(1 / tick)
    return ticks / a_dollar if abs(a_dollar * tick - 1) < 1e-12 else ticks * tick


# ------------------------------------------------------------------------------------------ digests


def mark(*content: Any) -> int:
    """One part of a state as a number; the digest of the state is their sum, so that a trade changes two parts only.

    What follows from the parts is none: the maker's account is what the traders' leave, the tables what factors make.
    """
    made = hashlib.sha256()
    for part in content:
        made.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        made.update(b"\0")
    return int.from_bytes(made.digest(), "big")


def digest_of(state: State) -> int:
    """The digest of all content, computed from nothing."""
    return (rules_marks(state) + frame_marks(state) + account_marks(state)) % _SIZE


def rules_marks(state: State) -> int:
    return mark("rules", state.depth, state.tick, state.budget, state.cells)


def frame_marks(state: State) -> int:
    """Of the variables, the tree and all tables."""
    frame = state.frame
    total = mark("frame", dict(frame.values), dict(frame.settled), frame.tree.cliques, frame.links, sorted(frame.hidden))
    total += sum(mark("prior", s, f) for s, f in state.prior.items())
    return total + sum(table_mark("traded", "", s, f) for s, f in state.traded.items())


def table_mark(kind: str, name: str, scope: Scope, table: Numbers) -> int:
    """The mark of a trade's factor or a trader's block; this one has to be quick."""
    made = hashlib.sha256("\0".join((kind, name, *scope)).encode())
    made.update(table.tobytes())
    return int.from_bytes(made.digest(), "big")


def account_marks(state: State) -> int:
    return sum(one_account(n, a) for n, a in state.accounts.items())


def one_account(name: str, found: Account) -> int:
    cash = mark("cash", name, found.put_in, found.cash)
    return cash + sum(table_mark("block", name, s, b) for s, b in found.blocks.items())


def wrapped(digest: int) -> int:
    return digest % _SIZE


__all__ = [
    "CELLS", "MOST_TICKS", "TICK", "Account", "Frame", "State", "account", "account_marks", "digest_of", "frame_marks", "in_dollars", "mark", "one_account", "rules_marks", "table_mark", "wrapped",
]  # fmt: skip
