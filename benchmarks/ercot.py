"""ERCOT's markets: a whole dispatch on 2,000 buses beside bare HiGHS, and a battery's day beside the same in PyPSA.

The dispatch begins with resources and offers as Python objects, a network without any factors, and a day's plan: the time holds the fleet, the
demand curves, the factorised network, the program, every round of limits, prices with their intervals and the certificate. The peer gets the
finished program of the last round ready made (which limits matter is known to it) and solves it, without prices' intervals, in the faster of
its settings. PyPSA builds and solves with HiGHS too, both within one process; its objective must be ours. It does not say between which
numbers prices lie, so neither do we there.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.bare_highs import bare
from benchmarks.measure import Figure, Outcome, in_turns
from opengames.models.ercot import (
    AsOffer,
    Cleared,
    Esr,
    Generator,
    GridLimits,
    Interval,
    LookAhead,
    Plan,
    demand_curves,
    fleet,
    look_ahead,
    offer_curve,
    sced,
    steps,
)
from opengames.models.ercot.resources import Resource
from opengames.models.grid.network import Branches, Buses, Network, Storages, Units

TITLE = "ERCOT's markets"
PLAN = Plan(regup=600, regdn=500, rrs=2800, ecrs=1500, nspin=2500)


def measure(repeats: int = 5, buses: int = 2000, resources: int = 500, day_repeats: int = 5) -> Outcome:
    network, made, load = system(buses, resources)
    found = dispatch(network, made, load)
    assert found.residuals.largest <= 1e-9 and found.unserved == 0, "the dispatch is not what was meant"
    last = found.program
    assert abs(bare(last, "off") - found.objective) <= 1e-8 * abs(found.objective), "the contestants disagree"
    times = in_turns({"ours": lambda: dispatch(network, made, load), "off": lambda: bare(last, "off"), "on": lambda: bare(last, "choose")}, repeats)
    mine = statistics.median(times["ours"])
    theirs = min(statistics.median(times["off"]), statistics.median(times["on"]))
    figures = [
        Figure(f"dispatch on {buses:,} buses, {resources} resources, 5 products, from offers to certified prices", mine, "s of CPU", 1.0, "at most"),
        Figure("the same against bare HiGHS on its last program", mine / theirs, "times its time", None, "at most", mine, theirs, "s of CPU"),
    ]
    details: dict[str, Any] = {"binding": int((found.shadow_price > 0).sum()), "entered": len(found.limits),
                               "steps": int(sum(len(c.width) for c in demand_curves(PLAN).values()))}  # fmt: skip
    try:
        import pypsa  # noqa: F401
    except ImportError:
        details["pypsa"] = "absent"
    else:
        figures.append(_day(day_repeats, details))
    return Outcome("ercot", TITLE, tuple(figures), {"buses": buses, "resources": resources, "repeats": repeats}, details)


# -------------------------------------------------------------------------------------------------- a large dispatch


def dispatch(network: Network, made: Sequence[Resource], load: np.ndarray) -> Cleared:
    """From offers to prices."""
    return sced(Interval(fleet(made, network.buses.names), load, demand_curves(PLAN), GridLimits(network)))


def system(buses: int, resources: int, seed: int = 0, hot: int = 60) -> tuple[Network, list[Resource], np.ndarray]:
    """A made-up system: buses on a map joined to near ones, a fifth of the resources storage, and `hot` lines with less room than an
    unlimited dispatch would use."""
    rng = np.random.default_rng(seed)
    network = _network(buses, rng)
    made: list[Resource] = []
    for i in range(resources):
        bus = f"b{rng.integers(buses)}"
        if i < resources // 5:
            high = float(rng.integers(50, 200))
            points = list(zip(np.linspace(-high, high, 5)[1:], np.sort(rng.uniform(5, 80, 4)), strict=True))
            services = {k: AsOffer(float(rng.uniform(0, 10)), high) for k in ("REGUP", "REGDN", "RRS-PFR", "RRS-FFR", "ECRS", "NSPIN")}
            made.append(Esr(f"e{i}", bus, -high, high, offer_curve(f"e{i}", -high, points), 2 * high * rng.uniform(0.2, 0.8), 0.0, 2 * high,
                            services, ramp_up=high, ramp_down=high))  # fmt: skip
            continue
        high, k = float(rng.gamma(2, 125)), int(rng.integers(3, 10))
        low, ramp = 0.3 * high, high / 100
        points = list(zip(np.linspace(low, high, k + 1)[1:], np.sort(rng.gamma(3, 12, k)), strict=True))
        off = i % 10 == 0
        services = {"NSPIN": AsOffer(float(rng.uniform(0, 15)), high)} if off else {
            s: AsOffer(float(rng.uniform(0, 15)), 0.2 * high, ramp) for s in ("REGUP", "REGDN", "RRS-PFR", "ECRS", "NSPIN")
        }  # fmt: skip
        made.append(Generator(f"g{i}", bus, low, high, offer_curve(f"g{i}", low, points), services, "off" if off else "on", 0.65 * high,
                              2 * ramp, 2 * ramp))  # fmt: skip
    f = fleet(made, network.buses.names)
    load = network.buses.load * 0.65 * f.high.sum() / network.buses.load.sum()
    free = sced(Interval(f, load, demand_curves(PLAN)), kinks=False)
    unlimited = GridLimits(replace(network, branches=replace(network.branches, limit=np.ones(len(network.branches)))))
    flow = abs(unlimited.flows(np.bincount(f.bus, free.output, buses) - load)[: len(network.branches)])
    limit = np.maximum(1.3 * flow, 60)
    tight = np.argsort(-flow)[:hot]
    limit[tight] = 0.9 * flow[tight]
    return replace(network, branches=replace(network.branches, limit=limit)), made, load


def _network(n: int, rng: np.random.Generator) -> Network:
    place = rng.random((n, 2))
    order = rng.permutation(n)
    ends = {}
    for k in range(1, n):
        near = order[:k][np.argmin(((place[order[:k]] - place[order[k]]) ** 2).sum(1))]
        ends[(min(near, order[k]), max(near, order[k]))] = None
    apart = ((place[:, None] - place[None]) ** 2).sum(2)
    for a, b in rng.permutation([(i, j) for i in range(n) for j in np.argsort(apart[i])[1:8]]):
        if len(ends) >= int(1.6 * n):
            break
        ends[(min(a, b), max(a, b))] = None
    tail, head = np.array(list(ends)).T
    m, nan, none = len(tail), np.full(n, np.nan), np.zeros(0)
    load = rng.gamma(1, 1, n)
    return Network(
        "made up", 100.0,
        Buses(tuple(f"b{i}" for i in range(n)), load, nan, ("",) * n, ("",) * n, place[:, 0], place[:, 1]),
        Branches(tuple(f"l{i}" for i in range(m)), tail, head, 0.01 + 0.5 * np.hypot(*(place[tail] - place[head]).T), np.ones(m), np.zeros(m),
                 np.full(m, np.inf)),
        Units((), none.astype(int), none, none, none, (), ()), Storages((), none.astype(int), none, none, none, none),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------- a battery's day

HOURS, ETA, TAU = 24, 0.9, {"REGUP": 0.5, "ECRS": 1.0}


def _day(repeats: int, details: dict[str, Any]) -> Figure:
    import logging
    import warnings

    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(1)
    price = np.round(25 + 15 * np.sin(np.arange(HOURS) / 24 * 2 * np.pi) + rng.normal(0, 5, HOURS), 4)
    service = {k: np.round(3 + 4 * rng.random(HOURS), 4) for k in TAU}
    mine, theirs = our_day(price, service), pypsa_day(price, service)
    apart = abs(mine - theirs) / (1 + abs(theirs))
    assert apart <= 1e-6, f"objectives of the day differ by {apart:.1e}"
    details["day"] = {"ours": mine, "pypsa": theirs, "apart": apart}
    times = in_turns({"ours": lambda: our_day(price, service), "pypsa": lambda: pypsa_day(price, service)}, repeats)
    ratio = statistics.median(b / a for a, b in zip(times["ours"], times["pypsa"], strict=True))
    return Figure(f"{HOURS} hours, two services, one battery: built and solved faster than in PyPSA", ratio, "times", 20.0, "at least",
                  statistics.median(times["ours"]), statistics.median(times["pypsa"]), "s of CPU")  # fmt: skip


def our_day(price: np.ndarray, service: dict[str, np.ndarray]) -> float:
    """The cost of the day, $: energy bought less energy and services sold."""
    fleets, curves = [], []
    for t in range(HOURS):
        market = Generator("market", "A", -1000, 1000, offer_curve("market", -1000, [(1000, float(price[t]))]))
        battery = Esr("battery", "A", -100, 100, offer_curve("battery", -100, [(100, 0.0)]), 200, 0, 400,
                      {k: AsOffer(0, 100) for k in TAU}, ETA, ETA)  # fmt: skip
        fleets.append(fleet([market, battery], ["A"]))
        curves.append({k: steps(60.0, float(v[t]), k) for k, v in service.items()})
    found = look_ahead(LookAhead(fleets, np.zeros((HOURS, 1)), curves, hours=1.0, least_at_end={"battery": 200}), kinks=False)
    # the market's offer begins at -1,000 MW, where its curve costs nothing
    return found.objective - 1000 * float(price.sum())


def pypsa_day(price: np.ndarray, service: dict[str, np.ndarray]) -> float:
    """The same in PyPSA, services as further variables of its model."""
    import pypsa

    n = pypsa.Network()
    n.set_snapshots(range(HOURS))
    n.add("Bus", "A")
    n.add("Generator", "market", bus="A", p_nom=1000, p_min_pu=-1, marginal_cost=price)
    n.add("StorageUnit", "battery", bus="A", p_nom=100, max_hours=4, efficiency_store=ETA, efficiency_dispatch=ETA,
          state_of_charge_initial=200, cyclic_state_of_charge=False)  # fmt: skip
    model = n.optimize.create_model()
    out, into, stored = (model[f"StorageUnit-{v}"].sel(name="battery") for v in ("p_dispatch", "p_store", "state_of_charge"))
    headroom, kept = out - into, stored * 1.0
    sold = 0
    for k, hours in TAU.items():
        award = model.add_variables(lower=0, upper=60, coords=[n.snapshots], name=k)
        headroom, kept = headroom + award, kept - award * (hours / ETA)
        sold = sold + (award * service[k]).sum()
    model.add_constraints(headroom <= 100, name="headroom")
    model.add_constraints(kept >= 0, name="sustain")
    model.add_constraints(stored.isel(snapshot=-1) >= 200, name="end")
    model.objective = model.objective.expression - sold
    n.optimize.solve_model(solver_name="highs", solver_options={"output_flag": False, "threads": 1})
    return float(model.objective.value)


__all__ = ["TITLE", "measure"]
