"""A market whose clearing is known in closed form: units in order of cost, the price that of the one that serves a hair more load.

`MeritOrder` is a clearing made of nothing but that rule, to try readings with; it shares nothing with the solver of programs.
"""

from fractions import Fraction

import numpy as np

from opengames.clearings import INFEASIBLE, SOLVED
from opengames.diagnostics import refuse
from opengames.terms import Var

MARKET = """
type Unit = Cheap | Fair | Dear
param cap: real[Unit] = [Cheap: 60, Fair: 30, Dear: 100]
param cost: real[Unit] = [Cheap: 10, Fair: 25, Dear: 70]
player operator, buyer

game Cleared(load: real) -> (price: real, p: real[Unit]) {
    decide p: real[Unit] by operator
        seeing load
        earning -sum(cost[u] * p[u] for u in Unit)
        subject to {
            balance:         load == sum(p[u] for u in Unit)
            range[u in Unit]: 0 <= p[u] <= cap[u]
        }
    price = dual(balance)
}
"""

CAP, COST = (60, 30, 100), (10, 25, 70)


class MeritOrder:
    """Of `Cleared` in `MARKET`, with the units in order of cost. calls: the sizes of the batches that came."""

    def __init__(self, cap=CAP, cost=COST):
        self.data = (Var("load"),)
        self.moves, self.prices = len(cap), 1
        self.cap, self.cost = cap, cost
        self.calls = []
        self.exact_calls = 0

    def solve(self, data):
        self.calls.append(len(data))
        loads = np.asarray(data, float)[:, 0]
        below = np.concatenate([[0.0], np.cumsum(np.array(self.cap, float))])
        moves = np.clip(loads[:, None] - below[None, :-1], 0.0, np.array(self.cap, float))
        last = np.clip(np.searchsorted(below[1:], loads, side="right"), 0, len(self.cap) - 1)
        good = (loads >= 0) & (loads <= below[-1])
        found = np.concatenate([moves, np.array(self.cost, float)[last][:, None]], axis=1)
        found[~good] = np.nan
        return found, np.where(good, SOLVED, INFEASIBLE)

    def exactly(self, data):
        self.exact_calls += 1
        (load,) = data
        if not 0 <= load <= sum(self.cap):
            raise self.explain(data)
        moves, left, price = [], load, None
        for cap, cost in zip(self.cap, self.cost, strict=True):
            taken = min(left, Fraction(cap))
            if price is None and taken < cap:
                price = Fraction(cost)
            moves.append(taken)
            left -= taken
        return (*moves, Fraction(self.cost[-1]) if price is None else price)

    def explain(self, data):
        return refuse("infeasible", "the rules of `p` cannot hold together", notes=(f"with load = {float(data[0]):g}",))


def price(load):
    """The price at a load, by the rule."""
    return MeritOrder().exactly((Fraction(load),))[-1]
