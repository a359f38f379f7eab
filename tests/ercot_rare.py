"""Random intervals of what is rare in ERCOT's market, and the same interval as a text of the standard library."""

from __future__ import annotations

import numpy as np

import opengames as og
from opengames.models.ercot import (
    AsOffer,
    Esr,
    Factors,
    Generator,
    Interval,
    LoadResource,
    Penalties,
    fleet,
    offer_curve,
    steps,
)


def wide_market(seed):
    """A market of what is rare: units off line, fixed, or offered beyond their limits, loads that shed, storage at its limits and with
    lopsided power, steps of penalties, equal and negative prices, limits both ways, intervals of several lengths."""
    rng = np.random.default_rng(seed)
    buses = ["x", "y", "z", "w"][: rng.integers(1, 5)]
    made = []

    def services(kinds, most):
        return {k: AsOffer(float(rng.choice([-5, 0, 0, rng.uniform(0, 20)])), float(rng.choice([0, most, rng.uniform(0, most)])),
                           float(rng.choice([np.inf, rng.uniform(0, 9)]))) for k in kinds if rng.random() < 0.5}  # fmt: skip

    def offer(name, low, high):
        k = rng.integers(1, 5)
        ends = np.sort(rng.choice(np.linspace(low, high, 9)[1:-1], k - 1, replace=False)) if high > low else []
        first, last = low - rng.choice([0, 10]), high + rng.choice([0, 10]) + (high == low)
        return offer_curve(name, first, list(zip([*ends, last], np.sort(rng.choice([-250, -20, 0, 15, 15, 40, 2000, rng.uniform(-30, 90)], len(ends) + 1)), strict=True)))

    for i in range(rng.integers(0, 5)):
        low = float(rng.choice([0, 0, rng.uniform(0, 40)]))
        high = low + float(rng.choice([0, rng.uniform(1, 120)], p=[0.15, 0.85]))
        off = rng.random() < 0.2
        kinds = ("NSPIN",) if off else ("REGUP", "REGDN", "RRS-PFR", "RRS-FFR", "ECRS", "NSPIN")
        before = 0.0 if off else float(rng.choice([low, high, rng.uniform(low, high)]))
        made.append(Generator(f"g{i}", rng.choice(buses), low, high, offer(f"g{i}", low, high), services(kinds, 60.0), "off" if off else "on", before,
                              float(rng.choice([np.inf, 0, rng.uniform(0, 9)])), float(rng.choice([np.inf, 0, rng.uniform(0, 9)]))))  # fmt: skip
    for i in range(rng.integers(0, 3)):
        low, high = -float(rng.choice([0, 100, rng.uniform(0, 80)])), float(rng.choice([0, 100, rng.uniform(0, 80)]))
        least, most = float(rng.choice([0, 30])), float(rng.choice([30, 60, 400]))
        stored = float(rng.choice([least, most, rng.uniform(least, most)]))
        made.append(Esr(f"e{i}", rng.choice(buses), low, high, offer(f"e{i}", low, high), stored, least, most,
                        services(("REGUP", "REGDN", "RRS-PFR", "RRS-FFR", "ECRS", "NSPIN"), 90.0), charging=float(rng.choice([1, 0.85])),
                        discharging=float(rng.choice([1, 0.9])), before=float(rng.uniform(low, high)), ramp_up=float(rng.choice([np.inf, 1])),
                        ramp_down=float(rng.choice([np.inf, 1]))))  # fmt: skip
    for i in range(rng.integers(0, 3)):
        made.append(LoadResource(f"l{i}", rng.choice(buses), float(rng.choice([0, 50])), services(("RRS-UFR", "ECRS", "NSPIN", "REGUP"), 60.0)))
    curves = {k: steps(rng.uniform(5, 60, 4), np.sort(rng.choice([0, 15, 15, 5000, 9052, rng.uniform(1, 900)], 4))[::-1], k)
              for k in ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN") if rng.random() < 0.7}  # fmt: skip
    raw = rng.uniform(-1, 1, (rng.integers(0, 4), len(buses)))
    top = rng.choice([0, 5, 50, rng.uniform(5, 90)], len(raw))
    limits = Factors(tuple(f"c{i}" for i in range(2 * len(raw))), np.vstack([raw, -raw]), np.r_[top, top],
                     rng.choice([2800, 3500, 5251.0], 2 * len(raw)))  # fmt: skip
    penalties = Penalties(np.array([10.0, 50.0, np.inf]), np.array([300.0, 5001.0, float(rng.choice([5001, 11_050]))]), float(rng.choice([250, 0, 6000])))
    load = rng.choice([0, 1], p=[0.1, 0.9]) * rng.uniform(0, 150, len(buses))
    return Interval(fleet(made, buses), load, curves, limits, penalties, hours=float(rng.choice([1 / 12, 1 / 4, 1, 1 / 60])),
                    regulation_share=float(rng.choice([0, 0.3, 1])))  # fmt: skip


AWARDS = {"RegUp": "REGUP", "RegDown": "REGDN", "PFR": "RRS-PFR", "FFR": "RRS-FFR", "UFR": "RRS-UFR", "Contingency": "ECRS", "NonSpin": "NSPIN"}
SERVICES = ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")
MINUTES = {"REGUP": 5, "REGDN": 5, "ECRS": 10, "NSPIN": 30}
#: Ramps, MW/h, and widths, MW, where there is no limit.
AMPLE = 1e5
TEXT = """
use std.energy: MW, MWh, h
use std.ercot: Sced, Service, Award

type Bus      = 1..{buses}
type Limit    = 1..{limits}
type Resource = 1..{resources}
type Segment  = 1..{segments}
type Step     = 1..4

player ercot

param load: real MW[Bus]
param factor: real[Limit, Bus]
param limit: (most: real MW, penalty: real $/MWh)[Limit]
param resource: (bus: Bus, least: real MW, most: real MW, before: real MW, up: real MW/h, down: real MW/h)[Resource]
param store: (stores: bool, soc: real MWh, low: real MWh, high: real MWh)[Resource]
param offer: (width: real MW, price: real $/MWh)[Resource, Segment]
param service: (most: real MW, price: real $/MWh)[Resource, Award]
param curve: (width: real MW, value: real $/MWh)[Service, Step]
param short: (width: real MW, price: real $/MWh)[Step]
param surplus: real $/MWh
param share: real
param dt: real h

game Run {{
    now ~ Sced[ercot, Bus, Limit, Resource, Segment, Step](load, factor, limit, resource, store, offer, service, curve, short, surplus, share, dt)
}}
query lambda = E(now.lambda) of Run by lp
{prices}
"""


def as_text(interval: Interval) -> og.Model:
    """The interval as a text with its numbers for params; queries `lambda`, `lmp1` on, and `mcpc_REGUP` and so on."""
    plant, limits, penalties = interval.fleet, interval.limits, interval.penalties
    count, total = len(plant.buses), interval.load.sum()
    weights = interval.load / total if total > 0 else np.eye(1, count)[0]
    factor = limits.matrix - (limits.matrix @ weights)[:, None] if len(limits.matrix) else np.zeros((1, count))
    limit = [(m, c) for m, c in zip(limits.limit, limits.cap, strict=True)] or [(AMPLE, 5251.0)]
    resource, store, service, offers = [], [], [], []
    for r, bus in zip(plant.resources, plant.bus, strict=True):
        on, stores = isinstance(r, Esr) or (isinstance(r, Generator) and r.status == "on"), isinstance(r, Esr)
        least = r.low if on else 0.0
        up, down = ((60 * r.ramp_up, 60 * r.ramp_down) if on else (AMPLE, AMPLE))
        resource.append({"bus": int(bus) + 1, "least": least, "most": r.high, "before": getattr(r, "before", 0.0),
                         "up": min(up, AMPLE), "down": min(down, AMPLE)})  # fmt: skip
        store.append({"stores": stores, "soc": r.stored if stores else 0.0, "low": r.least if stores else 0.0, "high": r.most if stores else 0.0})
        service.append([_offered(r.services.get(kind), kind) for kind in AWARDS.values()])
        begins = np.maximum(np.r_[r.offer.start, r.offer.mw[:-1]], r.low) if on else []
        offers.append([(float(min(end, r.high) - begin), float(price)) for begin, end, price in zip(begins, r.offer.mw, r.offer.price, strict=True)
                       if min(end, r.high) > begin] if on else [])  # fmt: skip
    segments = max([1, *(len(o) for o in offers)])
    curves = [interval.curves.get(k) for k in SERVICES]
    prices = [f"query lmp{b} = E(now.lmp[{b}]) of Run by lp" for b in range(1, count + 1)]
    prices += [f"query mcpc_{k} = E(now.mcpc[{k}]) of Run by lp" for k in SERVICES]
    text = TEXT.format(buses=count, limits=len(limit), resources=len(plant), segments=segments, prices="\n".join(prices))
    return og.loads(text).with_params(
        load=interval.load.tolist(), factor=factor.tolist(), limit=[{"most": float(m), "penalty": float(c)} for m, c in limit],
        resource=resource, store=store, service=service, surplus=penalties.over_price, share=interval.regulation_share, dt=interval.hours,
        offer=[_steps(o, segments, "price") for o in offers],
        curve=[_steps([] if c is None else list(zip(c.width.tolist(), c.price.tolist(), strict=True)), 4, "value") for c in curves],
        short=_steps(list(zip(np.minimum(penalties.under_mw, AMPLE).tolist(), penalties.under_price.tolist(), strict=True)), 4, "price"),
    )  # fmt: skip


def _offered(offer: AsOffer | None, kind: str) -> dict[str, float]:
    """Most of an award, as far as the ramp goes in the response time, and its price."""
    if offer is None:
        return {"most": 0.0, "price": 0.0}
    return {"most": min(offer.mw, MINUTES[kind] * offer.ramp) if kind in MINUTES else offer.mw, "price": offer.price}


def _steps(pairs: list[tuple[float, float]], count: int, price: str) -> list[dict[str, float]]:
    """So many steps, those beyond the given ones without width."""
    return [{"width": w, price: p} for w, p in [*pairs, *[(0.0, 0.0)] * (count - len(pairs))]]
