"""What accounts are worth: in the worst world, in the best, and expected, also where an event is known to happen.

The least assets come from a min-plus pass over the part of the tree that joins an account's blocks; many accounts go
through one pass, along the first axis. Only possible worlds count. Expected assets are the blocks' own expectations.
Money is in ticks here.

Source: Sun, Hanson, Laskey and Twardy (UAI 2012), section 4, on logarithms of assets; assets themselves add up, so the
pass is min-plus.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opengames.solvers.market.beliefs import Beliefs
from opengames.solvers.market.layout import Layout, Numbers, Scope, aligned
from opengames.solvers.market.state import Account, in_dollars


def home_of(layout: Layout, scope: Scope) -> int:
    """The clique that a scope's tables are kept in."""
    found = layout.homes.get(scope)
    if found is None:
        found = layout.tree.home(scope)
        assert found is not None, f"no clique holds {scope}"
        layout.homes[scope] = found
    return found


def least_at(layout: Layout, found: Account, clique: int) -> Numbers:
    """The least assets for each combination of a clique's variables, infinity where it is impossible.   [ticks]"""
    tables: dict[int, Numbers] = {}
    for scope, block in found.blocks.items():
        home = home_of(layout, scope)
        placed = layout.expanded(scope, block, home)
        known = tables.get(home)
        tables[home] = placed if known is None else known + placed
    return np.asarray(_pass(layout, {i: t[None] for i, t in tables.items()}, 1, clique)[0]) + found.cash


def least(layout: Layout, found: Account, sign: float = 1.0) -> float:
    """The least assets in any possible world; with `sign` -1, the most.   [ticks]"""
    return float(least_of_all(layout, together([found]), sign)[0])


@dataclass(frozen=True, eq=False)
class Together:
    """Several accounts: their cash, and for each scope which of them have a block there, and these blocks, stacked."""

    cash: Numbers
    blocks: Mapping[Scope, tuple[NDArray[np.intp], Numbers]]


def together(accounts: Sequence[Account]) -> Together:
    rows: dict[Scope, list[int]] = {}
    for i, each in enumerate(accounts):
        for scope in each.blocks:
            rows.setdefault(scope, []).append(i)
    return Together(
        np.array([a.cash for a in accounts], dtype=float),
        {s: (np.array(which), np.array([accounts[i].blocks[s] for i in which])) for s, which in rows.items()},
    )


def least_of_all(
    layout: Layout, accounts: Together, sign: float = 1.0, where: tuple[int, NDArray[np.bool_]] | None = None
) -> Numbers:
    """The least assets of many accounts in one pass; with `sign` -1, the most. where: a clique and which of its entries
    count (infinite where none is possible).   [ticks]"""
    many = len(accounts.cash)
    if not layout.tree.cliques:
        return accounts.cash
    tables = _stacked(layout, accounts, sign)
    target = where[0] if where is not None else min(tables, default=0)
    found = _pass(layout, tables, many, target)
    if where is not None:
        found = np.where(where[1], found, np.inf)
    return accounts.cash + sign * found.reshape(many, -1).min(axis=1)


def account_table(layout: Layout, tables: Mapping[Scope, Numbers]) -> Numbers:
    """The least sum of tables over possible worlds, for each entry of some clique."""
    constant = float(tables[()]) if () in tables else 0.0
    finite = {s: np.where(np.isneginf(t), 0.0, t) for s, t in tables.items() if s}
    if not layout.tree.cliques:
        return np.array(constant)
    return least_at(layout, Account(0.0, constant, finite), 0)


def _stacked(layout: Layout, accounts: Together, sign: float) -> dict[int, Numbers]:
    """The blocks of many accounts as one table for each clique that anybody has traded in, accounts first."""
    tables: dict[int, Numbers] = {}
    for scope, (which, blocks) in accounts.blocks.items():
        home = home_of(layout, scope)
        if home not in tables:
            tables[home] = np.zeros((len(accounts.cash), *layout.tree.shapes[home]))
        tables[home][which] += sign * aligned(("", *scope), blocks, ("", *layout.tree.cliques[home]))
    return tables


def _pass(layout: Layout, tables: dict[int, Numbers], many: int, target: int) -> Numbers:
    """Min-plus towards `target`, over the cliques between it and those with tables. Shape (accounts, *clique)."""
    tree, outside, above = layout.tree, layout.outside, layout.tree.parent
    total = dict(tables)
    line = [target]
    while above[line[-1]] >= 0:
        line.append(above[line[-1]])
    place = {i: k for k, i in enumerate(line)}
    climbing: set[int] = set()
    highest = 0  # how far up the target's own line anything joins it
    elsewhere: dict[int, list[int]] = {}
    for home in tables:
        i = home
        if layout.root_of[i] != line[-1]:
            elsewhere.setdefault(layout.root_of[i], []).append(home)
            continue
        while i not in climbing and i not in place:
            climbing.add(i)
            i = above[i]
        highest = max(highest, place.get(i, 0))
    steps = [(i, above[i]) for i in sorted(climbing, reverse=True)]  # children come after their parents
    steps += [(line[k], line[k - 1]) for k in range(highest, 0, -1)]
    for i, j in steps:
        table = np.broadcast_to(total[i], (many, *tree.shapes[i])) if i in total else np.zeros((many, *tree.shapes[i]))
        closed = outside[i]
        if closed is not None:
            table = table + closed
        edge = layout.edges[i if tree.parent[i] == j else len(tree.cliques) + j]
        assert edge is not None
        if edge.order is not None:
            table = table.transpose(0, *(a + 1 for a in edge.order))
        message = table.reshape(many, *edge.rows).min(axis=2).reshape(many, *edge.shown)
        known = total.get(j)
        total[j] = message if known is None else known + message
    shape = (many, *tree.shapes[target])
    found = np.broadcast_to(total[target], shape) if target in total else np.zeros(shape)
    closed = outside[target]
    if closed is not None:
        found = found + closed
    for homes in elsewhere.values():
        inside = {h: tables[h] for h in homes}
        apart = _pass(layout, inside, many, homes[0]).reshape(many, -1).min(axis=1)
        found = found + apart.reshape(many, *(1 for _ in tree.shapes[target]))
    return found


# ------------------------------------------------------------------------------------------ expected


def expected(beliefs: Beliefs, accounts: Together) -> Numbers:
    """The expected assets of many accounts.   [ticks]"""
    found = accounts.cash.copy()
    for scope, (which, blocks) in accounts.blocks.items():
        found[which] += blocks.reshape(len(which), -1) @ marginal(beliefs, scope).ravel()
    return found


def marginal(beliefs: Beliefs, scope: Scope) -> Numbers:
    """The chances of a scope that lies in one clique, axes in its order."""
    layout = beliefs.layout
    home = home_of(layout, scope)
    axes = layout.tree.cliques[home]
    table = chances_at(beliefs, home)
    summed = table.sum(axis=tuple(k for k, n in enumerate(axes) if n not in scope))
    kept = [n for n in axes if n in scope]
    return summed.transpose([kept.index(n) for n in scope])


def chances_at(beliefs: Beliefs, clique: int) -> Numbers:
    """The chances of a clique's entries."""
    table = beliefs.at(clique)
    weights = np.exp(table - table.max())
    return np.asarray(weights / weights.sum())


def entered(beliefs: Beliefs, clique: int, truth: NDArray[np.bool_]) -> Beliefs:
    """The beliefs given that one of some entries of a clique happens."""
    return beliefs.with_table(clique, np.where(truth, beliefs.tables[clique], -np.inf))


@dataclass(frozen=True)
class Worth:
    """least, most, expected: of assets, over the worlds where the event happens.   [$]"""

    least: float
    expected: float
    most: float

    def __repr__(self) -> str:
        return f"at least {self.least:,.4f} $, expected {self.expected:,.4f} $, at most {self.most:,.4f} $"

    def _repr_html_(self) -> str:
        return f"<div>{self!r}</div>"

    def to_dict(self) -> dict[str, Any]:
        return {"least": self.least, "expected": self.expected, "most": self.most}


def worths(
    beliefs: Beliefs, accounts: Iterable[Account], tick: float, where: tuple[int, NDArray[np.bool_]] | None = None
) -> list[Worth]:
    """Least, expected and most assets of many accounts, given that one of some entries of a clique happens."""
    listed = list(accounts)
    if not listed:
        return []
    layout, all_ = beliefs.layout, together(listed)
    low = least_of_all(layout, all_, 1.0, where)
    high = least_of_all(layout, all_, -1.0, where)
    mean = expected(beliefs if where is None else entered(beliefs, *where), all_)
    return [Worth(*map(float, row)) for row in in_dollars(np.stack([low, mean, high], axis=1), tick)]


__all__ = [
    "Together", "Worth", "account_table", "chances_at", "entered", "expected", "home_of", "least", "least_at", "least_of_all",
    "marginal", "together", "worths",
]  # fmt: skip
