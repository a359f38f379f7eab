"""The books: whether everything adds up, what the maker stands to lose, and how prices give way.

What all traders have gained and what the maker has gained sum to zero in every world. It is checked without listing
worlds: the sum of all blocks is itself an account, whose least and most assets must both be exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import exp, expm1, log
from typing import Any

from opengames.solvers.market.assets import expected, least, together
from opengames.solvers.market.layout import Numbers, Scope
from opengames.solvers.market.opening import worst_loss
from opengames.solvers.market.state import Account, State, account


@dataclass(frozen=True)
class Books:
    """low, high: of the sum over traders and maker of what they have gained, over all possible worlds; both are 0 $.

    put_in: by all traders. maker_worst, maker_expected, maker_best: what the maker gains. worst_loss: what it can lose at
    most, whatever is traded. depth: $b$. traders, acts: how many.   [$]
    """

    low: float
    high: float
    put_in: float
    maker_worst: float
    maker_expected: float
    maker_best: float
    worst_loss: float
    depth: float
    traders: int
    acts: int

    @property
    def balanced(self) -> bool:
        """Whether the gains sum to zero in every world, to the last tick."""
        return self.low == 0 == self.high

    @property
    def covered(self) -> bool:
        """Whether the maker's worst gain keeps to what it can lose at most."""
        return self.maker_worst >= -self.worst_loss * (1 + 1e-9)

    def __repr__(self) -> str:
        return "\n".join(f"{name:28}{text}" for name, text in self._rows())

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(n)}</td><td>{escape(t)}</td></tr>" for n, t in self._rows())
        return f"<table>{rows}</table>"

    def _rows(self) -> list[tuple[str, str]]:
        return [
            ("gains of all, every world", "0 $" if self.balanced else f"{self.low:.9g} $ to {self.high:.9g} $: does not balance"),
            ("put in by traders", f"{self.put_in:,.2f} $ ({self.traders:,} traders, {self.acts:,} acts)"),
            ("maker gains, worst world", f"{self.maker_worst:,.2f} $"),
            ("maker gains, expected", f"{self.maker_expected:,.2f} $"),
            ("maker gains, best world", f"{self.maker_best:,.2f} $"),
            ("maker can lose at most", f"{self.worst_loss:,.2f} $"),
            ("depth b", f"{self.depth:,.4g} $"),
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "balanced": self.balanced, "covered": self.covered, "low": self.low, "high": self.high, "put_in": self.put_in,
            "maker_worst": self.maker_worst, "maker_expected": self.maker_expected, "maker_best": self.maker_best,
            "worst_loss": self.worst_loss, "depth": self.depth, "traders": self.traders, "acts": self.acts,
        }  # fmt: skip


def books(state: State) -> Books:
    """The books of a market."""
    everybody, layout, dollars = total(state), state.frame.layout, state.dollars
    return Books(
        dollars(least(layout, everybody)), dollars(least(layout, everybody, -1.0)),
        dollars(sum(a.put_in for a in state.accounts.values())),
        dollars(least(layout, state.maker)), dollars(float(expected(state.beliefs, together([state.maker]))[0])),
        dollars(least(layout, state.maker, -1.0)), worst_loss(state), state.depth, len(state.accounts), state.count,
    )  # fmt: skip


def total(state: State) -> Account:
    """What traders and maker have gained together, as one account."""
    blocks: dict[Scope, Numbers] = {}
    cash = 0.0
    for each in (state.maker, *state.accounts.values()):
        cash += each.cash - each.put_in
        for scope, block in each.blocks.items():
            blocks[scope] = blocks[scope] + block if scope in blocks else block
    return account(0.0, cash, blocks)


@dataclass(frozen=True)
class Liquidity:
    """How a price gives way. slope: its move for one more share (1 $ of payout), at first; point: the shares that move it up
    by one percentage point [$], or halfway to 1 where that is nearer."""

    price: float
    slope: float
    point: float

    def __repr__(self) -> str:
        return f"{self.price:.4f}, moving {self.slope:.3g} for a share; {self.point:,.2f} shares move it by a point"

    def to_dict(self) -> dict[str, Any]:
        return {"price": self.price, "slope": self.slope, "point": self.point}


def liquidity(logs: tuple[float, ...], depth: float) -> Liquidity:
    """From the logarithms of the chances of an event and its contrary: $dp/ds = p (1 - p) / b$."""
    yes, no = exp(logs[0]), exp(logs[1])
    step = min(0.01, no / 2)
    # the shares are b times the change of ln(p / (1 - p))
    moved = -expm1(logs[0]) - step
    point = depth * (log(yes + step) - log(moved) - logs[0] + logs[1])
    return Liquidity(yes, yes * no / depth, point)


__all__ = ["Books", "Liquidity", "books", "liquidity", "total"]
