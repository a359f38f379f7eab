"""Look-ahead, the day-ahead market, settlement, the wedge, and networks with many limits."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from opengames.diagnostics import Refusal
from opengames.models.ercot import (
    AfterOutages,
    AsOffer,
    AsOnlyOffer,
    AsPosition,
    DayAhead,
    DeviationRules,
    EnergyOffer,
    Esr,
    Factors,
    Generator,
    GridLimits,
    Interval,
    LookAhead,
    Obligation,
    Wedge,
    as_imbalance,
    as_only,
    day_ahead,
    fleet,
    look_ahead,
    offer_curve,
    roll,
    run_mean,
    sced,
    sced_many,
    set_point_deviation,
    steps,
    sustainable,
    wedge,
)
from opengames.models.grid.network import Branches, Buses, Network, Storages, Units

BATTERY = {"REGUP": AsOffer(0, 100), "ECRS": AsOffer(0, 100), "NSPIN": AsOffer(0, 100), "REGDN": AsOffer(0, 100)}


def unit(name, bus, high, price, services=None, low=0.0, **more):
    return Generator(name, bus, low, high, offer_curve(name, low, [(high, price)]), services or {}, **more)


def battery(stored, services=None, pays=0.0, asks=0.0, bus="A", **more):
    return Esr("battery", bus, -100, 100, offer_curve("battery", -100, [(0, pays), (100, asks)]), stored, 0, 400, services or {}, **more)


def network(name, n, tail, head, reactance, limit, load=None):
    nan, none = np.full(n, np.nan), np.zeros(0)
    m = len(tail)
    return Network(
        name, 100.0,
        Buses(tuple(f"b{i}" for i in range(n)), np.zeros(n) if load is None else load, nan, ("",) * n, ("",) * n, nan, nan),
        Branches(tuple(f"l{i}" for i in range(m)), np.asarray(tail), np.asarray(head), np.asarray(reactance, float), np.ones(m), np.zeros(m),
                 np.asarray(limit, float)),
        Units((), none.astype(int), none, none, none, (), ()), Storages((), none.astype(int), none, none, none, none),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------ look-ahead


def market_of(prices, **more):
    """A fleet for each hour: a battery beside a market that buys and sells any amount at the hour's price."""
    return [fleet([unit("market", "A", 500, p, low=-500), battery(200, **more)], ["A"]) for p in prices]


def test_a_plan_of_a_battery_is_the_optimum_written_by_loops():
    rng = np.random.default_rng(3)
    many, eta = 24, 0.9
    price, service = rng.uniform(5, 90, many), rng.uniform(0, 9, many)
    curves = [{"ECRS": steps([60], [s])} for s in service]
    found = look_ahead(LookAhead(market_of(price, services=BATTERY, charging=eta, discharging=eta), np.zeros((many, 1)), curves,
                                 hours=1.0, least_at_end={"battery": 200}))  # fmt: skip
    # out, into, stored, award by hour; the battery earns price * (out - into) and what its award is worth
    cost = np.concatenate([-price, price, np.zeros(many), -service])
    a_eq = np.zeros((many, 4 * many))
    b_eq = np.zeros(many)
    a_ub, b_ub = [], []
    for t in range(many):
        a_eq[t, [t, many + t, 2 * many + t]] = 1 / eta, -eta, 1
        b_eq[t] = 200 if t == 0 else 0
        if t:
            a_eq[t, 2 * many + t - 1] = -1
        room, keep = np.zeros(4 * many), np.zeros(4 * many)
        room[[t, many + t, 3 * many + t]] = 1, -1, 1
        keep[[2 * many + t, 3 * many + t]] = -1, 1 / eta
        a_ub += [room, keep]
        b_ub += [100, 0]
    low = [0] * many + [0] * many + [0] * (many - 1) + [200] + [0] * many
    bounds = list(zip(low, [100] * 2 * many + [400] * many + [60] * many, strict=True))
    theirs = linprog(cost, np.array(a_ub), b_ub, a_eq, b_eq, bounds, method="highs")
    # the market's own curve begins at -500 MW, which costs nothing there: 500 MW at the price each hour
    assert found.objective - 500 * price.sum() == pytest.approx(theirs.fun, rel=1e-9)
    assert found.residuals.largest < 1e-9
    assert not found.burning


def test_the_value_of_stored_energy_is_what_one_more_megawatt_hour_earns():
    price = [20, 70, 30, 60]
    study = LookAhead(market_of(price, charging=0.9, discharging=0.9), np.zeros((4, 1)), {}, hours=1.0)
    found = look_ahead(study)
    richer = [replace(f, stored=f.stored + 1e-3) for f in study.fleets]
    more = look_ahead(replace(study, fleets=richer))
    assert (found.objective - more.objective) / 1e-3 == pytest.approx(found.stored_value[0, 0], abs=1e-6)


def test_a_battery_that_burns_energy_is_reported():
    # full at negative prices, it gains by losing energy: charging and discharging at once
    full = [fleet([unit("market", "A", 500, -30, low=-500), battery(400, charging=0.8, discharging=0.8)], ["A"])] * 2
    found = look_ahead(LookAhead(full, np.zeros((2, 1)), {}, hours=1.0))
    assert found.burning
    assert any("charges and discharges" in n for n in found[0].notes)
    without = look_ahead(LookAhead(market_of([30, 40], charging=0.8, discharging=0.8), np.zeros((2, 1)), {}, hours=1.0))
    assert not without.burning


def test_ramps_link_intervals_and_one_interval_is_sced():
    slow = fleet([unit("slow", "A", 300, 10, before=100, ramp_up=1, ramp_down=1), unit("fast", "A", 300, 50)], ["A"])
    found = look_ahead(LookAhead(slow, np.array([[200.0], [200.0], [200.0]]), {}))
    assert found.base_points("slow") == pytest.approx([105, 110, 115])
    alone = sced(Interval(slow, np.array([200.0]), {}))
    assert look_ahead(LookAhead(slow, np.array([[200.0]]), {}))[0].output == pytest.approx(alone.output)
    after = sced(Interval(slow.after(alone.output, alone.stored), np.array([200.0]), {}))
    assert after.base_point("slow") == pytest.approx(110)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"curves": [{}]}, "1 sets of demand curves"), ({"fleets": []}, "0 fleets"), ({"least_at_end": {"tesla": 3}}, "no storage `tesla`")],
)
def test_a_study_of_unequal_lengths_is_refused(change, said):
    with pytest.raises(Refusal, match=said):
        look_ahead(replace(LookAhead(market_of([1, 2]), np.zeros((2, 1)), {}), **change))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_day_of_a_battery_costs_the_same_in_pypsa():
    pytest.importorskip("pypsa", reason="PyPSA is not installed")
    from benchmarks.ercot import HOURS, TAU, our_day, pypsa_day

    rng = np.random.default_rng(11)
    price, service = rng.uniform(-20, 80, HOURS).clip(0), {k: rng.uniform(0, 9, HOURS) for k in TAU}
    assert our_day(price, service) == pytest.approx(pypsa_day(price, service), rel=1e-6)


def test_a_small_system_of_the_benchmark_clears_with_limits_that_bind():
    from benchmarks.ercot import bare, dispatch, system

    found = dispatch(*system(80, 60, hot=6))
    assert found.unserved == 0 and (found.shadow_price > 0).any()
    assert bare(found.program, "choose") == pytest.approx(found.objective, rel=1e-9)


# ------------------------------------------------------------------------------------------------------- day ahead


def day(many=2, resources=None, load=0.0, curves=None, **more):
    made = fleet(resources if resources is not None else [unit("steam", "A", 100, 20), unit("gas", "A", 100, 50)], ["A", "B"])
    weights = np.array([0.5, 0.5])
    return DayAhead(made, np.full((many, 2), load / 2), curves or {}, reference=weights, **more)


def test_bids_and_virtual_offers_set_the_price():
    bids = EnergyOffer("city", "A", "buy", ((120, 300), (150, 45)), (0, 1))
    virtual = EnergyOffer("bet", "B", "sell", ((10, 30),), (1,))
    found = day_ahead(day(energy=(bids, virtual)))
    assert found.energy["city"] == pytest.approx([120, 120])
    assert found.energy["bet"] == pytest.approx([0, 10])
    assert found.price("A") == pytest.approx([50, 50])
    assert found.market.base_points("gas") == pytest.approx([20, 10])


def test_a_block_is_judged_by_its_hours_together():
    # 20 and 50 $/MWh: a block at 34 is in the money on average, one at 36 is not
    demand = EnergyOffer("city", "A", "buy", ((80, 400),), (0,)), EnergyOffer("town", "A", "buy", ((150, 400),), (1,))
    for price, mw in ((34, 15), (36, 0)):
        block = EnergyOffer("block", "A", "sell", ((15, price),), (0, 1), block=True)
        assert day_ahead(day(energy=(*demand, block))).energy["block"] == pytest.approx([mw, mw])


def test_a_whole_block_is_all_or_nothing_and_prices_come_with_it_held():
    demand = EnergyOffer("city", "A", "buy", ((110, 400),), (0,))
    part = EnergyOffer("block", "A", "sell", ((30, 45),), (0,), block=True)
    assert day_ahead(day(1, energy=(demand, part))).energy["block"] == pytest.approx([10])
    whole = day_ahead(day(1, energy=(demand, replace(part, whole=True))))
    # all 30 MW at 45 displace 10 MW at 50 and 20 MW at 20: dearer than nothing of it
    assert whole.energy["block"] == pytest.approx([0])
    assert whole.price("A") == pytest.approx([50])
    cheap = day_ahead(day(1, energy=(demand, replace(part, whole=True, points=((30, 25),)))))
    # all 30 MW at 25 displace the same for 750 instead of 900; at the price of 20 that remains the block loses
    assert cheap.energy["block"] == pytest.approx([30])
    assert cheap.price("A") == pytest.approx([20])
    assert cheap.whole


def congested(**more):
    made = fleet([unit("cheap", "A", 200, 20), unit("dear", "B", 200, 60)], ["A", "B"])
    # all that goes from A to B takes the one line of 50 MW
    limits = Factors(("AB",), np.array([[0.5, -0.5]]), np.array([50.0]), 5251)
    return DayAhead(made, np.array([[0.0, 100.0]]), {}, limits, **more)


def test_an_obligation_is_paid_the_difference_of_prices():
    plain = day_ahead(congested())
    # with factors of a half on either side the dear unit makes way at 60 while the cheap one serves the load at A of nobody
    hedge = Obligation("hedge", "A", "B", 10, 100, (0,))
    found = day_ahead(congested(obligations=(hedge,)))
    assert found.obligations["hedge"] == pytest.approx([10])
    assert found.obligation_price(hedge) == pytest.approx([40])
    assert plain.price("B") - plain.price("A") == pytest.approx([40])
    low = replace(hedge, price=30)
    assert day_ahead(congested(obligations=(low,))).obligations["hedge"] == pytest.approx([0])
    # counterflow is paid: from B to A at the negative difference
    back = day_ahead(congested(obligations=(replace(hedge, source="B", sink="A", price=-35),)))
    assert back.obligations["hedge"] == pytest.approx([10])
    assert back.market.base_points("cheap") == pytest.approx([60])


def test_hubs_are_priced_as_the_mean_of_their_buses():
    found = day_ahead(congested())
    assert found.price({"A": 0.25, "B": 0.75}) == pytest.approx(0.25 * found.price("A") + 0.75 * found.price("B"))
    with pytest.raises(Refusal, match=r"add up to 0\.9"):
        found.price({"A": 0.2, "B": 0.7})


def test_services_without_a_resource_compete_with_those_of_resources():
    resources = [unit("steam", "A", 100, 20, {"ECRS": AsOffer(9, 50)})]
    offers = (AsOnlyOffer("paper", "ECRS", ((10, 2), (10, 5), (50, 30)), (0,)),)
    found = day_ahead(day(1, resources, load=20, curves={"ECRS": steps([40], [500])}, as_only=offers))
    assert found.as_only["paper"] == pytest.approx([20])
    assert found.market[0].awarded("steam", "ECRS") == pytest.approx(20)
    assert found.market.mcpc("ECRS") == pytest.approx([9])


def test_services_may_come_from_paper_alone():
    offers = (AsOnlyOffer("paper", "NSPIN", ((10, 2),), (0,)),)
    found = day_ahead(day(1, curves={"NSPIN": steps([40], [500])}, as_only=offers))
    assert (found.as_only["paper"][0], found.market.mcpc("NSPIN")[0]) == (pytest.approx(10), pytest.approx(500))


def test_what_is_arranged_already_shifts_the_curve():
    resources = [unit("steam", "A", 100, 20, {"ECRS": AsOffer(9, 50)})]
    curves = {"ECRS": steps([20, 20, 20], [500, 12, 5])}
    prices = [day_ahead(day(1, resources, curves=curves, self_arranged={"ECRS": np.array([mw])})).market for mw in (0, 30, 50)]
    assert [p[0].awarded("steam", "ECRS") for p in prices] == pytest.approx([40, 10, 0])


def test_day_ahead_looks_away_from_state_of_charge_and_real_time_does_not():
    # 100 MWh sustain 25 MW of non-spin (4 h): day ahead awards all, the wedge buys 75 MW back
    curves = {"NSPIN": steps([100], [30])}
    esr = battery(100, {"NSPIN": AsOffer(1, 100)}, asks=100)
    before = day_ahead(DayAhead(fleet([esr, unit("steam", "A", 500, 20)], ["A"]), np.array([[200.0]]), curves))
    esr = replace(esr, services={"NSPIN": AsOffer(3, 100)})
    after = sced(Interval(fleet([esr, unit("steam", "A", 500, 20)], ["A"]), np.array([200.0]), curves))
    found = wedge("battery", "NSPIN", before.market, [after])
    assert found.day_ahead == pytest.approx([100])
    assert found.real_time == pytest.approx([sustainable(100, "NSPIN", 100)])
    assert found.real_time == pytest.approx([25])
    # 100 MW at the price of the day before, less 75 MW at 30 in real time
    assert found.worth == pytest.approx(100 * before.market.mcpc("NSPIN") - 75 * 30)
    assert found.missing == pytest.approx([75])


def test_a_day_of_wedges_follows_what_is_in_store():
    # the battery sells energy in the dear hours, so that less and less of its day-ahead award can be sustained
    curves = {"ECRS": steps([60, 100], [200, 2])}
    esr = battery(150, {"ECRS": AsOffer(0, 60)}, pays=1, asks=35)
    steam = [unit("steam", "A", 90, 20, {"ECRS": AsOffer(4, 30)}), unit("gas", "A", 60, 50, {"ECRS": AsOffer(9, 60)})]
    system, load = fleet([esr, *steam], ["A"]), np.array([[100.0], [120], [130], [140]])
    before = day_ahead(DayAhead(system, load, curves))
    after = list(roll(Interval(system, load[0], curves, hours=1.0), load))
    found = wedge("battery", "ECRS", before.market, after)
    stored = np.array([a.state_of_charge("battery") for a in after])
    # one hour of ECRS must still be in store after the hour's energy
    assert (found.real_time <= stored + 1e-9).all()
    assert found.missing[-1] > 0
    by_hand = [d * p + (r - d) * q for d, p, r, q in
               zip(found.day_ahead, found.day_ahead_price, found.real_time, found.real_time_price, strict=True)]  # fmt: skip
    assert found.worth == pytest.approx(by_hand)
    blind = [d * p for d, p in zip(found.day_ahead, found.day_ahead_price, strict=True)]
    assert found.worth.sum() < sum(blind)


def test_a_wedge_without_a_difference_is_the_revenue_of_the_day_before():
    same = np.array([10.0, 20.0])
    found = Wedge("ECRS", same, same, np.array([3.0, 4.0]), np.array([900.0, 1.0]))
    assert found.worth == pytest.approx([30, 80])
    with pytest.raises(Refusal, match="shapes"):
        Wedge("ECRS", same, same, np.array([3.0]), np.array([1.0, 1.0]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"energy": (EnergyOffer("x", "A", "sell", ((10, 20), (20, 10)), (0,)),)}, "goes from 20 to 10 .*at point 2"),
        ({"energy": (EnergyOffer("x", "A", "buy", ((10, 20), (20, 30)), (0,)),)}, "goes from 20 to 30 .*at point 2"),
        ({"energy": (EnergyOffer("x", "A", "buy", ((10, 6000),), (0,)),)}, "says 6000"),
        ({"energy": (EnergyOffer("x", "Q", "sell", ((10, 20),), (0,)),)}, "bus `Q`"),
        ({"energy": (EnergyOffer("x", "A", "sell", ((10, 20),), (7,)),)}, r"hours \[7\]"),
        ({"energy": (EnergyOffer("x", "A", "sell", ((10, 20),), (0,), whole=True),)}, "whole"),
        ({"energy": (EnergyOffer("x", "A", "sell", ((10, 20),), (0,)),) * 2}, "twice"),
        ({"obligations": (Obligation("x", "A", "B", -1, 5, (0,)),)}, "-1 MW"),
        ({"as_only": (AsOnlyOffer("x", "RRS-UFR", ((1, 1),), (0,)),)}, "RRS-UFR"),
        ({"as_only": (AsOnlyOffer("x", "ECRS", ((0.05, 1),), (0,)),)}, "0.05 MW"),
        ({"as_only": (AsOnlyOffer("x", "ECRS", ((1, 1),) * 6, (0,)),)}, "6 blocks"),
    ],
)  # fmt: skip
def test_offers_that_the_day_ahead_market_does_not_take_are_named(change, said):
    with pytest.raises(Refusal, match=said) as refused:
        day_ahead(day(**change))
    assert "`x`" in str(refused.value)


# ------------------------------------------------------------------------------------------------------ settlement


@pytest.mark.parametrize(
    ("position", "price", "charge"),
    [
        # by hand: -(60 - 100) * 20 / 4, -(120 - 100) * 20 / 4, -(50 - 20 - 30) * 8 / 4, -(40 - 40 + 10 - 6) * 12 / 4
        (AsPosition(60, 100), 20, 200),
        (AsPosition(120, 100), 20, -100),
        (AsPosition(50, 20, 30), 8, 0),
        (AsPosition(40, 40, 0, 10, 6), 12, -12),
    ],
)
def test_the_imbalance_of_services_is_settled_as_by_hand(position, price, charge):
    assert as_imbalance(position, price) == pytest.approx(charge)


def test_a_paper_award_is_bought_back():
    assert as_only(40, 12) == 120
    # the same as an imbalance that real time awards nothing of
    assert as_only(40, 12) == as_imbalance(AsPosition(0, 40), 12)


@pytest.mark.parametrize(
    ("metered", "point", "price", "over", "under", "charge"),
    [
        (52, 50, 40, 0, 0, 0),  # within 3 MW
        (60, 50, 40, 60 / 4 - 53 / 4, 0, 1.75 * 40),
        (60, 50, 5, 60 / 4 - 53 / 4, 0, 1.75 * 15),  # at least PR3
        (206, 200, 40, 0, 0, 0),  # 3 % of 200 MW
        (210, 200, 40, 1, 0, 40),
        (40, 50, 40, 0, 47 / 4 - 10, -1.75 * 25 * 0.8),  # at most PR4, times KP2
        (-60, -50, 40, 0, -53 / 4 + 15, -1.75 * 25 * 0.8),
    ],
)
def test_deviations_from_the_set_point_are_charged_as_by_hand(metered, point, price, over, under, charge):
    # PR3, PR4 and KP2 were not seen: 15, 25 and 0.8 are ours
    found = set_point_deviation(metered, point, price, DeviationRules(pr3=15, pr4=25, kp2=0.8))
    assert (found.over, found.under, found.charge) == (pytest.approx(over), pytest.approx(under), pytest.approx(charge))


def test_numbers_that_were_not_published_have_no_default():
    with pytest.raises(TypeError):
        DeviationRules()


def test_runs_count_by_their_length():
    assert run_mean([10, 20, 60], [300, 300, 240]) == pytest.approx((10 * 300 + 20 * 300 + 60 * 240) / 840)
    with pytest.raises(Refusal):
        run_mean([10], [300, 300])
    with pytest.raises(Refusal):
        run_mean([10, 20], [300, np.inf])


# -------------------------------------------------------------------------------------------------------- networks


def random_market(seed, n=40):
    rng = np.random.default_rng(seed)
    tail = [int(rng.integers(i)) for i in range(1, n)]
    head = list(range(1, n))
    extra = rng.integers(0, n, (20, 2))
    tail += [int(a) for a, b in extra if a != b]
    head += [int(b) for a, b in extra if a != b]
    load = rng.uniform(0, 40, n)
    made = network("random", n, tail, head, rng.uniform(0.02, 0.3, len(tail)), rng.uniform(20, 90, len(tail)), load)
    units = [unit(f"u{i}", f"b{rng.integers(n)}", rng.uniform(50, 250), rng.uniform(5, 60), {"ECRS": AsOffer(rng.uniform(1, 9), 40)})
             for i in range(15)]  # fmt: skip
    return made, Interval(fleet(units, made.buses.names), load, {"ECRS": steps([100, 100], [400, 20])})


@pytest.mark.parametrize("seed", range(4))
def test_limits_that_enter_when_broken_give_the_optimum_of_all_of_them(seed):
    from ercot_oracle import by_loops

    from opengames.models.grid.shift_factors import ptdf

    made, interval = random_market(seed)
    lazy = sced(replace(interval, limits=GridLimits(made, 4500)))
    full = ptdf(made, 0)
    names = tuple(made.branches.names) + tuple(f"{n} back" for n in made.branches.names)
    whole = Factors(names, np.vstack([full, -full]), np.tile(made.branches.limit, 2), 4500)
    cost, energy, _, lmp = by_loops(replace(interval, limits=whole))
    assert 0 < len(lazy.limits) < len(names)
    assert lazy.objective == pytest.approx(cost, rel=1e-9)
    assert lazy.residuals.largest < 1e-9
    if lazy.unique and lazy.uncapped_lambda <= 5000:
        assert lazy.system_lambda == pytest.approx(energy, abs=1e-6)
        assert lazy.lmp == pytest.approx(lmp, abs=1e-5)


def test_many_limits_at_once_take_more_columns_than_were_spare(monkeypatch):
    from opengames.models.ercot import clear

    made, interval = random_market(1)
    interval = replace(interval, limits=GridLimits(made, 4500))
    plain = sced(interval)
    monkeypatch.setattr(clear, "_SPARE", 2)
    found = sced(interval)
    assert found.objective == pytest.approx(plain.objective, rel=1e-12)
    assert sorted(found.limits) == sorted(plain.limits)


def test_flows_after_an_outage_are_those_of_the_network_without_the_branch():
    from opengames.models.grid.shift_factors import ShiftFactors

    made, interval = random_market(2)
    bridges = set(ShiftFactors(made, 0).bridges().tolist())
    out = next(i for i in range(len(made.branches)) if i not in bridges)
    kept = [i for i in range(len(made.branches)) if i != out]
    b = made.branches
    less = network("less", 40, b.tail[kept], b.head[kept], b.reactance[kept], b.limit[kept])
    pairs = np.array([(m, out) for m in kept])
    limits = AfterOutages(made, pairs, limit=1.15 * b.limit[kept])
    injection = np.random.default_rng(0).normal(size=40)
    injection -= injection.mean()
    base = 2 * len(b)
    flows = limits.flows(injection)
    assert flows[base : base + len(kept)] == pytest.approx(ShiftFactors(less, 0).flows(injection), abs=1e-9)
    assert limits.rows(np.arange(len(limits.limit))) @ injection == pytest.approx(flows, abs=1e-9)
    # one line after the outage binds, and the dispatch keeps it where it can
    found = sced(replace(interval, limits=limits))
    assert found.flow == pytest.approx(limits.flows(np.bincount(interval.fleet.bus, found.output, 40) - interval.load)[[list(limits.names).index(n) for n in found.limits]])
    assert (found.flow <= limits.limit[[list(limits.names).index(n) for n in found.limits]] + found.violated + 1e-6).all()
    with pytest.raises(Refusal, match="parts `random`"):
        AfterOutages(made, np.array([(kept[0], next(iter(bridges)))]))


def test_a_day_of_real_time_carries_outputs_and_stores():
    slow = fleet([unit("slow", "A", 300, 10, before=100, ramp_up=1, ramp_down=1), battery(4, pays=5, asks=40), unit("fast", "A", 300, 50)], ["A"])
    load = np.array([[150.0]] * 6)
    found = list(roll(Interval(slow, load[0], {}), load))
    assert [f.base_point("slow") for f in found] == pytest.approx([105, 110, 115, 120, 125, 130])
    stores = [4, *(f.state_of_charge("battery") for f in found)]
    for f, before, after in zip(found, stores, stores[1:], strict=False):
        assert after == pytest.approx(before - f.base_point("battery") / 12)
    assert min(stores) == pytest.approx(0, abs=1e-9)
    outage = list(roll(Interval(slow, load[0], {}), load, telemetry=lambda t, here: replace(here, load=here.load + 10 * t)))
    assert outage[3].load.sum() == 180
    with pytest.raises(Refusal, match="1 sets of demand curves"):
        list(roll(Interval(slow, load[0], {}), load, [{}]))


@pytest.mark.parametrize("seed", range(3))
def test_where_a_clearing_begins_does_not_change_it(seed):
    made, interval = random_market(seed)
    interval = replace(interval, limits=GridLimits(made, 4500))
    first = sced(interval)
    later = replace(interval, load=1.04 * interval.load)
    cold, warm = sced(later), sced(later, near=first)
    assert warm.objective == pytest.approx(cold.objective, rel=1e-12)
    assert warm.residuals.largest < 1e-9
    if cold.unique:
        assert warm.lmp == pytest.approx(cold.lmp, abs=1e-7)


def test_hours_that_nothing_joins_are_the_same_together_and_apart():
    made, interval = random_market(3)
    load = interval.load * np.array([[0.8], [1.0], [1.1]])
    services = (AsOnlyOffer("paper", "ECRS", ((20, 2),), (0, 2)),)
    bid = EnergyOffer("bid", "b3", "buy", ((10, 90), (30, 20)), (1, 2))
    hedge = Obligation("hedge", "b1", "b9", 15, 12, (0, 1, 2))
    apart = DayAhead(interval.fleet, load, interval.curves, GridLimits(made, 4500), (bid,), (hedge,), services)
    # ramps without a bound join the hours in one program and change nothing
    one, all_three = day_ahead(apart), day_ahead(replace(apart, ramps=True))
    assert one.market.objective == pytest.approx(all_three.market.objective, rel=1e-10)
    for t in range(3):
        if one.market[t].unique and all_three.market[t].unique:
            assert one.market[t].lmp == pytest.approx(all_three.market[t].lmp, abs=1e-6)
    assert one.energy["bid"].shape == one.obligations["hedge"].shape == one.as_only["paper"].shape == (3,)
    assert one.as_only["paper"][1] == one.energy["bid"][0] == 0
    difference = one.obligation_price(hedge)
    for mw, price in zip(one.obligations["hedge"], difference, strict=True):
        assert (mw > 1e-6) <= (price <= 12 + 1e-6) and (mw < 15 - 1e-6) <= (price >= 12 - 1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_scenarios_side_by_side_are_clearings_one_by_one(seed):
    made, interval = random_market(seed)
    rng = np.random.default_rng(seed)
    store = battery(50, {"ECRS": AsOffer(1, 60)}, pays=10, asks=30, bus="b5")
    limits = AfterOutages(made, np.array([[0, 45]])) if seed else GridLimits(made, 4500)
    plant = fleet([*interval.fleet.resources, store], made.buses.names)
    interval = replace(interval, fleet=plant, limits=limits, reference="b0", hours=0.5)
    load = interval.load * rng.uniform(0.7, 1.2, (12, 1)) * rng.uniform(0.9, 1.1, (12, 40))
    stores = rng.uniform(0, 400, (12, 1))
    many = sced_many(interval, load, stores)
    assert many.residual.max() < 1e-9
    assert sum(many.engines.values()) == 12
    for i in range(12):
        alone = sced(replace(interval, load=load[i], fleet=replace(plant, stored=stores[i])))
        assert many.objective[i] == pytest.approx(alone.objective, rel=1e-9)
        if alone.unique:
            assert many.lmp[i] == pytest.approx(alone.lmp, abs=1e-6)
            assert many.mcpc["ECRS"][i] == pytest.approx(alone.mcpc["ECRS"], abs=1e-6)
            assert many.stored[i] == pytest.approx(alone.stored, abs=1e-5)
    with pytest.raises(Refusal, match="900 MWh in store in scenario 2"):
        sced_many(interval, load[:2], np.array([[3.0], [900.0]]))
    with pytest.raises(Refusal, match="stores of shape"):
        sced_many(interval, load, stores[:3])


def test_scenarios_at_kinks_print_the_upper_end_as_one_clearing_does():
    plant = fleet([
        unit("first", "A", 100, 29, {"RRS-PFR": AsOffer(20, 100)}), unit("second", "A", 100, 30), unit("third", "A", 50, 60, {"RRS-PFR": AsOffer(5, 40)}),
    ], ["A"])  # fmt: skip
    interval = Interval(plant, np.array([100.0]), {"RRS": steps([40, 60], [5000, 3000], "RRS")})
    load = np.array([[100.0], [60.0], [200.0], [99.0], [110.0], [250.0], [150.0]])
    many = sced_many(interval, load)
    assert many.residual.max() < 1e-9
    ambiguous = 0
    for i, here in enumerate(load):
        alone = sced(replace(interval, load=here))
        ambiguous += not alone.unique
        assert many.system_lambda[i] == pytest.approx(alone.system_lambda, abs=1e-6)
        assert many.mcpc["RRS"][i] == pytest.approx(alone.mcpc["RRS"], abs=1e-6)
        assert many.objective[i] == pytest.approx(alone.objective, rel=1e-9)
    assert ambiguous >= 2


def test_a_clearing_says_what_it_did():
    made, interval = random_market(1)
    said = sced(replace(interval, limits=GridLimits(made, 4500))).summary()
    assert said.startswith("lambda ") and "ECRS: " in said and "shadow price" in said and "residual of optimality" in said
    short = sced(Interval(fleet([unit("steam", "A", 300, 10)], ["A"]), np.array([310.0]), {})).summary()
    assert "10.0 MW of load are not served" in short


def test_what_nobody_looked_at_is_not_called_unique():
    slow = fleet([unit("steam", "A", 300, 10)], ["A"])
    assert sced(Interval(slow, np.array([100.0]), {}), kinks=False).unique is None
    assert sced(Interval(slow, np.array([100.0]), {})).unique


@pytest.mark.parametrize(("name", "limits", "congested"), [("case9", 0.5, True), ("case30", 0.75, True), ("case39", 0.8, True), ("case14", 1, False)])
def test_without_services_a_clearing_is_the_optimal_power_flow_of_pypower(name, limits, congested):
    # case39 at 80 % has a pocket that exports just what its line carries with both units full: a price with an interval
    api = pytest.importorskip("pypower.api", reason="pypower is not installed")
    case = getattr(api, name)()
    case["branch"][:, [8, 9]] = 0  # no taps, no shifters
    case["branch"][:, 5] *= limits
    rng = np.random.default_rng(7)
    most, bus = case["gen"][:, 8], case["gen"][:, 0]
    case["gen"][:, 9] = 0
    price = np.sort(rng.uniform(10, 60, (len(most), 2)), axis=1)
    half = np.outer(most, [0, 0.5, 1])
    cost = np.cumsum(np.c_[np.zeros(len(most)), price * most[:, None] / 2], axis=1)
    case["gencost"] = np.c_[np.full(len(most), 1), np.zeros((len(most), 2)), np.full(len(most), 3), np.dstack([half, cost]).reshape(len(most), 6)]
    theirs = api.rundcopf(case, api.ppoption(VERBOSE=0, OUT_ALL=0))
    assert theirs["success"]
    ids = {int(b): i for i, b in enumerate(case["bus"][:, 0])}
    live = case["branch"][:, 10] > 0
    branch = case["branch"][live]
    limit = np.where(branch[:, 5] > 0, branch[:, 5], np.inf)
    made = network(name, len(ids), [ids[int(b)] for b in branch[:, 0]], [ids[int(b)] for b in branch[:, 1]], branch[:, 3], limit)
    units = [Generator(f"g{i}", f"b{ids[int(b)]}", 0, m, offer_curve(f"g{i}", 0, [(m / 2, p[0]), (m, p[1])]))
             for i, (b, m, p) in enumerate(zip(bus, most, price, strict=True))]  # fmt: skip
    # shunts count as load in a DC power flow
    load = case["bus"][:, 2] + case["bus"][:, 4]
    found = sced(Interval(fleet(units, made.buses.names), load, {}, GridLimits(made, np.inf), hours=1.0))
    assert found.objective == pytest.approx(theirs["f"], rel=1e-6)
    assert (found.shadow_price > 1e-6).any() == congested
    prices = theirs["bus"][:, 13]
    if found.unique:
        assert found.lmp == pytest.approx(prices, abs=1e-3)
    else:
        ends = [found.lmp_interval(bus) for bus in made.buses.names]
        assert all(lo - 1e-3 <= p <= hi + 1e-3 for (lo, hi), p in zip(ends, prices, strict=True))
        assert any(hi - lo > 1 for lo, hi in ends)
    assert found.unique == (name != "case39")
