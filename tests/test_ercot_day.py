"""The day-ahead market against the same linear program written out row by row and solved by another solver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from opengames.models.ercot import (
    AsOffer,
    AsOnlyOffer,
    DayAhead,
    EnergyOffer,
    Esr,
    Factors,
    Generator,
    Obligation,
    day_ahead,
    fleet,
    offer_curve,
    steps,
)

BUSES = ("A", "B", "C")
HUB = {"A": 0.25, "B": 0.5, "C": 0.25}


def some_day(seed: int) -> DayAhead:
    """Two hours with everything in them, in numbers that are rarely tied."""
    rng = np.random.default_rng(seed)

    def services() -> dict[str, AsOffer]:
        return {k: AsOffer(rng.uniform(0, 20), rng.uniform(5, 40)) for k in ("REGUP", "REGDN", "RRS-PFR", "ECRS", "NSPIN") if rng.random() < 0.7}

    def curve(low: float, high: float):
        ends = np.linspace(low, high, 4)[1:]
        return offer_curve("x", low, list(zip(ends, np.sort(rng.uniform(-20, 90, 3)), strict=True)))

    units = [Generator(f"g{i}", BUSES[i], 10.0 * i, 60.0 + 40 * i, curve(10.0 * i, 60.0 + 40 * i), services()) for i in range(3)]
    units.append(Esr("cell", "B", -50, 50, curve(-50, 50), 5, 0, 100, services()))
    units.append(Generator("cold", "C", 0, 80, curve(0, 80), {"NSPIN": AsOffer(rng.uniform(0, 9), 30)}, "off"))

    def traded(name: str, side: str, node: object, **more: object) -> EnergyOffer:
        rise = 1 if side == "sell" else -1
        prices = np.sort(rng.uniform(-10, 100, 2))[::rise]
        return EnergyOffer(name, node, side, ((15.0, prices[0]), (40.0, prices[1])), (0, 1), **more)

    return DayAhead(
        fleet(units, BUSES), rng.uniform(0, 60, (2, 3)),
        {k: steps(rng.uniform(5, 30, 2), np.sort(rng.uniform(0, 600, 2))[::-1], k) for k in ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")},
        Factors(("one", "two"), rng.uniform(-0.6, 0.6, (2, 3)), rng.uniform(5, 40, 2), 4500),
        (traded("virtual", "sell", HUB), traded("bid", "buy", "C"), traded("block", "buy", HUB, block=bool(seed % 2))),
        (Obligation("hedge", "A", "C", 25, rng.uniform(-5, 30), (0, 1)), Obligation("hub", HUB, "A", 10, rng.uniform(-5, 30), (1,))),
        (AsOnlyOffer("paper", "RRS-PFR", ((5, rng.uniform(0, 9)), (10, rng.uniform(9, 50))), (0, 1)),),
        {"ECRS": np.array([rng.uniform(0, 20), 0.0])},
    )  # fmt: skip


class Rows:
    """A linear program as it is written down: `cost @ x` least, rows `at most` and `equal`."""

    def __init__(self) -> None:
        self.cost, self.bounds, self.most, self.equal = [], [], [], []

    def column(self, cost: float, most: float | None, least: float | None = 0.0) -> int:
        self.cost.append(cost)
        self.bounds.append((least, most))
        return len(self.cost) - 1

    def solve(self):
        def table(rows):
            dense = np.zeros((len(rows), len(self.cost)))
            for i, (entries, _) in enumerate(rows):
                for j, v in entries:
                    dense[i, j] += v
            return dense, np.array([b for _, b in rows])

        found = linprog(self.cost, *table(self.most), *table(self.equal), self.bounds, method="highs")
        assert found.success, found.message
        return found


def written_out(day: DayAhead):
    """The optimum, and the rows of balance, services and limits by hour. Without state of charge, everything else as it reads."""
    lp, place = Rows(), {}
    blocks = {o.name: [] for o in day.energy if o.block}
    for t in (0, 1):
        load, balance, supply, injected = day.load[t], [], {k: [] for k in day.curves}, []

        def inject(column, node, sign, injected=injected):
            shares = {node: 1.0} if isinstance(node, str) else node
            injected += [(column, sign * share, BUSES.index(bus)) for bus, share in shares.items()]

        for r in day.fleets.resources:
            on = getattr(r, "status", "on") == "on"
            out = lp.column(0.0, None if on else 0.0, None if on else 0.0)
            balance.append((out, 1.0))
            inject(out, r.bus, 1.0)
            if on:
                parts = [(lp.column(p, w), -1.0) for w, p in zip(r.offer.width, r.offer.price, strict=True)]
                lp.equal.append(([(out, 1.0), *parts], r.low))
            up, down = [(out, 1.0)], [(out, -1.0)]
            for kind, offer in r.services.items():
                award = lp.column(offer.price, offer.mw)
                supply[kind.split("-")[0]].append((award, 1.0))
                (down if kind == "REGDN" else up).append((award, 1.0))
            lp.most.append((up, r.high))
            lp.most.append((down, -r.low if on else 0.0))
        for o in day.energy:
            sign, before = (1.0 if o.side == "sell" else -1.0), 0.0
            for j, (mw, price) in enumerate(o.points):
                if o.block and t == 1:
                    column = blocks[o.name][j]
                else:
                    column = lp.column(sign * price * (2 if o.block else 1), mw - before)
                    if o.block:
                        blocks[o.name].append(column)
                before = mw
                balance.append((column, sign))
                inject(column, o.node, sign)
        for o in day.obligations:
            if t in o.hours:
                column = lp.column(-o.price, o.mw)
                inject(column, o.source, 1.0)
                inject(column, o.sink, -1.0)
        for o in day.as_only:
            supply[o.kind.split("-")[0]] += [(lp.column(price, mw), 1.0) for mw, price in o.blocks]
        balance += [(lp.column(7000.01, None), 1.0), (lp.column(250.0, None), -1.0)]
        lp.equal.append((balance, load.sum()))
        place[t, "lambda"] = len(lp.equal) - 1
        for k, curve in day.curves.items():
            arranged = float(np.broadcast_to(day.self_arranged.get(k, 0.0), (2,))[t])
            width = np.clip(curve.mw - arranged, 0, curve.width)
            lp.most.append(([*((a, -1.0) for a, _ in supply[k]), *((lp.column(-p, w), 1.0) for w, p in zip(width, curve.price, strict=True))], 0.0))
            place[t, k] = len(lp.most) - 1
        reference = load / load.sum()
        for c in range(2):
            factor = day.limits.matrix[c] - day.limits.matrix[c] @ reference
            entries = [(column, share * factor[b]) for column, share, b in injected]
            lp.most.append(([*entries, (lp.column(4500.0, None), -1.0)], day.limits.limit[c] + factor @ load))
            place[t, c] = len(lp.most) - 1, factor
    return lp.solve(), place


@pytest.mark.parametrize("seed", (0, 1, 5, 6, 11, 12))
def test_a_day_is_the_optimum_of_its_program_written_out(seed):
    day = some_day(seed)
    found, (theirs, place) = day_ahead(day), written_out(day)
    assert found.market.objective == pytest.approx(theirs.fun, rel=1e-9)
    equal, most = theirs.eqlin.marginals, theirs.ineqlin.marginals
    for t, here in enumerate(found.market.intervals):
        assert here.unique
        lmp = equal[place[t, "lambda"]] + sum(most[row] * factor for row, factor in (place[t, 0], place[t, 1]))
        assert here.lmp == pytest.approx(lmp, abs=1e-6)
        for k in day.curves:
            assert here.mcpc[k] == pytest.approx(-most[place[t, k]], abs=1e-6)
