"""What a trade would do, before it is done: to the trader, to prices, and to the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from math import exp
from typing import Any

from opengames.diagnostics import Diagnostic, Refusal
from opengames.solvers.market.acts import Balance, Buy, Move, MoveAll, claim_of, shares_of
from opengames.solvers.market.placing import Claim, moved_to, place
from opengames.solvers.market.quoting import chance, quote
from opengames.solvers.market.state import State
from opengames.solvers.market.trading import Limits, account_of, exchange, limits_at, settled, terms


@dataclass(frozen=True)
class Preview:
    """cases: of the claim, as text. gains: of the trader in each; it gains nothing where the condition fails. [$]

    cost: paid where the condition holds. [$]  condition: the chance of the condition. before, after: prices of the cases.
    prices: of other events, before and after. width, cells: of the tree, before and after. limits: of the trader on this
    event, if it is one. problem: why the trade would be refused.
    """

    text: str
    cases: tuple[str, ...]
    shares: tuple[float, ...]
    cost: float
    gains: tuple[float, ...]
    condition: float
    before: tuple[float, ...]
    after: tuple[float, ...]
    prices: Mapping[str, tuple[float, float]]
    width: tuple[int, int]
    cells: tuple[int, int]
    limits: Limits | None
    problem: tuple[Diagnostic, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the trade would be accepted."""
        return not self.problem

    @property
    def same_tree(self) -> bool:
        return self.width[0] == self.width[1] and self.cells[0] == self.cells[1]

    def _lines(self) -> list[str]:
        lines = [f"{self.text}: {self.before[0]:.4f} -> {self.after[0]:.4f}"]
        if len(self.cases) > 2:
            lines = [self.text, *(f"  {c}: {p:.4f} -> {q:.4f}" for c, p, q in zip(self.cases, self.before, self.after, strict=True))]
        lines.append(f"cost {self.cost:,.4f} $" + (f" if the condition holds (chance {self.condition:.4f})" if self.condition < 1 - 1e-12 else ""))
        lines += [f"  if {c}: {g:+,.4f} $" for c, g in zip(self.cases, self.gains, strict=True)]
        if self.limits is not None:
            lines.append(f"may be moved between {self.limits.low:.4f} and {self.limits.high:.4f}")
        lines += [f"{name}: {p:.4f} -> {q:.4f}" for name, (p, q) in self.prices.items()]
        if not self.same_tree:
            lines.append(f"the tree: width {self.width[0]} -> {self.width[1]}, {self.cells[0]} -> {self.cells[1]} entries")
        for d in self.problem:
            lines.append(f"refused[{d.code}]: {d.headline}")
            lines += [f"  {note}" for note in d.notes] + ([f"  {d.help}"] if d.help else [])
        return lines

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        return {
            "text": self.text, "cases": list(self.cases), "shares": list(self.shares), "cost": self.cost,
            "gains": list(self.gains), "condition": self.condition, "before": list(self.before), "after": list(self.after),
            "prices": {n: list(p) for n, p in self.prices.items()}, "width": list(self.width), "cells": list(self.cells),
            "limits": None if self.limits is None else self.limits.to_dict(), "ok": self.ok,
            "problem": [{"code": d.code, "headline": d.headline, "notes": list(d.notes), "help": d.help} for d in self.problem],
        }  # fmt: skip


def preview(
    state: State, act: Buy | Move | MoveAll | Balance, watch: Mapping[str, Claim] | None = None
) -> Preview:
    """What a trade would do. watch: other events whose prices are wanted. Raises `Refusal` if it cannot even be priced."""
    trader = account_of(state, act.trader)
    claim = claim_of(state, act)
    shares = shares_of(state, act, claim)
    placed = place(state, claim)
    ready = moved_to(state, placed)
    done = terms(ready, claim, quote(ready, placed), shares)
    problem: tuple[Diagnostic, ...] = ()
    try:
        after, _ = exchange(state, act.trader, claim, shares)
    except Refusal as refusal:
        problem = refusal.diagnostics
        after = settled(ready, act.trader, trader, placed, done)
    two = len(claim.cases) == 2
    return Preview(
        claim.shown if two else _variable(act), tuple(c.shown for c in claim.cases), tuple(shares), state.dollars(done.cost),
        tuple(map(state.dollars, done.gains)), done.condition, tuple(map(exp, done.before)), tuple(map(exp, done.after)),
        {n: (chance(state, c), chance(after, c)) for n, c in (watch or {}).items()},
        (state.tree.width, after.tree.width), (state.tree.cells, after.tree.cells),
        limits_at(ready, trader, placed) if two else None, problem,
    )  # fmt: skip


def _variable(act: Any) -> str:
    return act.variable if act.given is None else f"{act.variable} | {act.given.shown}"


__all__ = ["Preview", "preview"]
