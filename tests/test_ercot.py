"""One interval of ERCOT's real-time market: the published examples, an independent linear program, and what prices must do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ercot_oracle import by_loops
from ercot_rare import wide_market
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
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
    sced,
    shadow_price_cap,
    steps,
)
from opengames.solvers.clearing.solution import BAR


def unit(name, bus, high, price, services=None, low=0.0, **more):
    return Generator(name, bus, low, high, offer_curve(name, low, [(high, price)]), services or {}, **more)


def battery(stored, services, least=0.0, most=400.0, high=100.0, pays=0.0, asks=100.0, name="battery", bus="A", **more):
    offer = offer_curve(name, -high, [(0, pays), (high, asks)])
    return Esr(name, bus, -high, high, offer, stored, least, most, services, **more)


def one_bus(load, resources, curves, **more):
    return sced(Interval(fleet(resources, ["A"]), np.array([float(load)]), curves, **more))


# ------------------------------------------------------------------------------------------ published examples


def test_an_award_that_displaces_energy_is_paid_its_opportunity_cost():
    # "Real-Time Simulation Examples Training", 22 Apr 2025: energy offer 14, LMP 30, RRS offer 20, MCPC 36; quantities are ours
    found = one_bus(150, [unit("first", "A", 100, 14, {"RRS-PFR": AsOffer(20, 100)}), unit("second", "A", 200, 30)],
                    {"RRS": steps([20], [1000])})  # fmt: skip
    assert found.lmp_at("A") == pytest.approx(30, abs=1e-9)
    assert found.mcpc["RRS"] == pytest.approx(36, abs=1e-9)
    assert found.opportunity_cost("first", "RRS-PFR") == pytest.approx(16, abs=1e-9)
    assert found.unique


def test_energy_carries_the_cost_of_moving_a_service_to_a_dearer_unit():
    # "RTC+B Education", Fall 2024: LMP = 30 + 20 - 10 = 40, MCPC = 20; quantities are ours
    found = one_bus(90, [unit("cheap", "A", 100, 30, {"NSPIN": AsOffer(10, 100)}), unit("dear", "A", 100, 500, {"NSPIN": AsOffer(20, 100)})],
                    {"NSPIN": steps([20], [4000])})  # fmt: skip
    assert (found.lmp_at("A"), found.mcpc["NSPIN"]) == (pytest.approx(40, abs=1e-9), pytest.approx(20, abs=1e-9))
    assert found.awarded("dear", "NSPIN") == pytest.approx(10)


@pytest.mark.parametrize(
    ("load", "printed", "lo", "hi"),
    [(120, 3009, 3009, 3009), (100, 3009, 30, 3009), (180, 5009, 5009, 5009), (200, 7000.01, 5009, 7000.01)],
)
def test_shortage_prices_are_those_published_with_their_intervals(load, printed, lo, hi):
    # "Real-Time Simulation Examples Training": 29 + 3000 - 20 = 3009 in [30, 3009], 29 + 5000 - 20 = 5009, 7000.01 in [5009, 7000.01];
    # capacities of 100 MW each and steps of 40 and 60 MW are ours
    found = one_bus(load, [unit("first", "A", 100, 29, {"RRS-PFR": AsOffer(20, 100)}), unit("second", "A", 100, 30)],
                    {"RRS": steps([40, 60], [5000, 3000])})  # fmt: skip
    assert found.uncapped_lambda == pytest.approx(printed, abs=1e-8)
    assert found.intervals["lambda"] == (pytest.approx(lo, abs=1e-8), pytest.approx(hi, abs=1e-8))
    assert found.system_lambda == pytest.approx(min(printed, 5000), abs=1e-8)
    assert found.unique == (lo == hi and found.intervals["RRS"][0] == found.intervals["RRS"][1])
    assert bool([n for n in found.notes if n.startswith("lambda is not unique")]) == (lo != hi)


@pytest.mark.parametrize(("kind", "hours"), [("NSPIN", 4), ("ECRS", 1), ("RRS-PFR", 0.5), ("REGUP", 0.5)])
def test_each_megawatt_of_award_holds_its_duration_in_store(kind, hours):
    # "RTC+B: Overview of the + Batteries Portion", July 2025: 4, 1, 0.5 and 0.5 MWh for each MW
    product = kind.split("-")[0]
    found = one_bus(0, [battery(40 * hours, {kind: AsOffer(1, 100)})], {product: steps([100], [50])})
    assert found.awarded("battery", kind) == pytest.approx(40, abs=1e-9)
    full = one_bus(0, [battery(100 * hours, {kind: AsOffer(1, 100)}, most=500)], {product: steps([100], [50])})
    assert full.awarded("battery", kind) == pytest.approx(100, abs=1e-9)


def test_regulation_down_needs_room_in_store_and_fast_response_needs_none_of_it():
    found = one_bus(0, [battery(390, {"REGDN": AsOffer(1, 100)})], {"REGDN": steps([100], [50])})
    assert found.awarded("battery", "REGDN") == pytest.approx(20, abs=1e-9)
    assert one_bus(0, [battery(0, {"RRS-FFR": AsOffer(1, 100)})], {"RRS": steps([100], [50])}).awarded("battery", "RRS") == pytest.approx(100)


# ------------------------------------------------------------------------------------- five buses and their network


REACTANCE = {("A", "B"): 0.0281, ("A", "D"): 0.0304, ("A", "E"): 0.0064, ("B", "C"): 0.0108, ("C", "D"): 0.0297, ("D", "E"): 0.0297}
BUSES = list("ABCDE")


def five_bus_factors():
    """Shift factors from the definition, bus A as the slack."""
    n, ends = 5, [(BUSES.index(a), BUSES.index(b)) for a, b in REACTANCE]
    b = 1 / np.array(list(REACTANCE.values()))
    through = np.zeros((6, n))
    for k, (i, j) in enumerate(ends):
        through[k, i], through[k, j] = b[k], -b[k]
    susceptance = np.zeros((n, n))
    for k, (i, j) in enumerate(ends):
        susceptance[i] += through[k]
        susceptance[j] -= through[k]
    factors = np.zeros((6, n))
    factors[:, 1:] = through[:, 1:] @ np.linalg.inv(susceptance[1:, 1:])
    return factors


def five_bus(load=900.0, reference="load", extra=(), curves=None, limit=240.0, cap=5251.0, shares=(0, 0.3, 0.3, 0.4, 0), **more):
    units = [unit("Alta", "A", 40, 14), unit("ParkCity", "A", 170, 15), unit("Solitude", "C", 520, 30),
             unit("Sundance", "D", 200, 40), unit("Brighton", "E", 600, 10)]  # fmt: skip
    factors = five_bus_factors()
    both = Factors(("DE", "ED"), np.array([factors[5], -factors[5]]), np.array([limit, limit]), cap)
    return Interval(fleet([*units, *extra], BUSES), load * np.array(shares), curves or {}, both, reference=reference, **more)


def test_the_five_bus_prices_are_those_of_the_textbook():
    # the PJM five-bus case at 900 MW with line DE at 240 MW (Li and Bo, 2010): 16.98, 26.38, 30.00, 39.94, 10.00
    found = sced(five_bus())
    assert found.lmp == pytest.approx([16.977, 26.384, 30, 39.943, 10], abs=1e-3)
    assert found.limits == ("ED",)
    assert found.flow[0] == pytest.approx(240)


def trading_day(load, soc, bid, offer):
    """The interval of `specs/examples/06_ercot.game` in this library: its reserve is ECRS here, which must last for an hour too."""
    ramps = {"Alta": 40, "ParkCity": 40, "Solitude": 60, "Sundance": 80, "Brighton": 30}
    plain = five_bus(load)
    units = [replace(u, services={"ECRS": AsOffer(0, ramps[u.name])}) for u in plain.fleet.resources]
    store = Esr("battery", "D", -100, 100, offer_curve("battery", -100, [(0, bid), (100, offer)]), soc, 0, 400,
                {"ECRS": AsOffer(0, 100)}, charging=0.9)  # fmt: skip
    return replace(plain, fleet=fleet([*units, store], BUSES), curves={"ECRS": steps([60, 60, 80], [500, 50, 5])}, hours=1.0,
                   limits=replace(plain.limits, cap=np.inf))  # fmt: skip


def test_the_interval_of_the_example_has_its_prices():
    # docs/language.md: 900 MW, bid 10, offer 35, 200 MWh: DE binds at 240 MW, 16.98 26.38 30.00 39.94 10.00, reserve 1.98, 100 MW out
    found = sced(trading_day(900.0, 200.0, 10, 35))
    assert found.lmp == pytest.approx([16.98, 26.38, 30, 39.94, 10], abs=5e-3)
    assert found.mcpc["ECRS"] == pytest.approx(1.98, abs=5e-3)
    assert found.base_point("battery") == pytest.approx(100)


@pytest.mark.parametrize(("load", "soc", "bid", "offer"), [(900, 200, 10, 35), (700, 350, 20, 25), (450, 30, 15, 60), (980, 5, 0, 100)])
def test_the_example_written_as_a_game_and_here_have_one_optimum(load, soc, bid, offer):
    from clearing_texts import data_of, named, solved

    from opengames.session import load as load_text
    from opengames.solvers.clearing.recognise import clear_for

    program = load_text(Path(__file__).parents[1] / "specs" / "examples" / "06_ercot.game").program
    diagram = program.diagrams["Sced"]
    cleared = clear_for(program)(diagram, diagram.boxes[0], {})
    answers, status = solved(cleared, data_of(program, cleared, {"load": load, "quote": (bid, offer), "soc": soc}))
    assert status == 0
    theirs, ours = named(cleared, answers), sced(trading_day(load, soc, bid, offer))
    assert ours.output[:5] == pytest.approx(theirs["p"], abs=1e-6)
    assert ours.base_point("battery") == pytest.approx(float(theirs["out"]) - float(theirs["into"]), abs=1e-6)
    for bus, price in zip(BUSES, theirs["dual balance"], strict=True):
        lo, hi = ours.lmp_interval(bus)
        assert lo - 1e-6 <= price <= hi + 1e-6
    lo, hi = ours.intervals["ECRS"]
    assert lo - 1e-6 <= float(theirs["dual reserve"]) <= hi + 1e-6


@pytest.mark.parametrize("reference", ["load", "A", "D", np.full(5, 0.2)])
def test_the_reference_changes_lambda_and_no_price(reference):
    base, found = sced(five_bus()), sced(five_bus(reference=reference))
    assert found.lmp == pytest.approx(base.lmp, abs=1e-8)
    assert found.system_lambda == pytest.approx(found.reference @ found.lmp, abs=1e-8)


def test_lambda_is_the_load_weighted_price():
    # the identity behind the published 32.72 = sum of load share x LMP; the buses' prices there were not to be had
    found = sced(five_bus())
    assert found.system_lambda == pytest.approx(found.load @ found.lmp / found.load.sum(), abs=1e-9)


def test_a_price_is_the_sum_of_its_parts():
    found = sced(five_bus())
    for bus in BUSES:
        parts = found.decomposition(bus)
        assert parts.lmp == pytest.approx(parts.energy + sum(p[3] for p in parts.parts), abs=1e-9)
        assert all(p[3] == pytest.approx(-p[1] * p[2], abs=1e-12) for p in parts.parts)
    assert "LMP of D" in found.decomposition("D").table()


def test_a_violated_limit_costs_its_cap_and_no_more():
    # beyond what redispatch can do, the shadow price is the cap: 3,500 at 138 kV after a contingency
    cap = shadow_price_cap(138, True)
    found = sced(five_bus(limit=100.0, cap=cap, load=1500.0))
    assert found.violated.max() > 1
    assert found.shadow_price.max() == pytest.approx(cap, rel=1e-9)


@pytest.mark.parametrize(("kv", "contingency", "cap"), [(345, False, 5251), (345, True, 4500), (138, True, 3500), (69, True, 2800), (138, False, 5251)])
def test_caps_of_shadow_prices_are_the_published_ones(kv, contingency, cap):
    assert shadow_price_cap(kv, contingency) == cap


@pytest.mark.parametrize("bus", BUSES)
def test_an_lmp_is_what_one_more_megawatt_costs(bus):
    here = five_bus()
    found = sced(here)
    assert found.intervals["lambda"][0] == pytest.approx(found.intervals["lambda"][1])
    step = np.zeros(5)
    step[BUSES.index(bus)] = 1.0
    # weights held as they were, since they follow the load
    more = sced(replace(here, load=here.load + step, reference=found.reference))
    assert (more.objective - found.objective) / here.hours == pytest.approx(found.lmp_at(bus), abs=1e-6)


def test_an_mcpc_is_what_one_more_megawatt_of_service_saves():
    services = {"ECRS": AsOffer(4, 60), "REGDN": AsOffer(2, 50)}
    extra = [unit("peaker", "C", 100, 60, {"ECRS": AsOffer(9, 70)}), battery(100, services, bus="D", pays=5, asks=55)]
    curves = {"ECRS": steps([50, 50, 50], [500, 50, 5]), "REGDN": steps([30], [5000])}
    base = sced(five_bus(extra=extra, curves=curves))
    for product, kind in (("ECRS", "ECRS"),):
        gift = LoadResource("gift", "B", 1.0, {kind: AsOffer(0, 0.5)})
        found = sced(five_bus(extra=[*extra, gift], curves=curves))
        assert (base.objective - found.objective) * 12 / 0.5 == pytest.approx(base.mcpc[product], abs=1e-6)


# --------------------------------------------------------------------------------------------- rules of resources


def test_kinds_of_responsive_reserve_share_one_price_with_awards_of_their_own():
    shed = LoadResource("shed", "A", 30, {"RRS-UFR": AsOffer(5, 30)})
    found = one_bus(50, [unit("governor", "A", 100, 20, {"RRS-PFR": AsOffer(8, 60)}), battery(0, {"RRS-FFR": AsOffer(1, 25)}), shed],
                    {"RRS": steps([80], [900])})  # fmt: skip
    assert [found.awarded("governor", "RRS-PFR"), found.awarded("battery", "RRS-FFR"), found.awarded("shed", "RRS-UFR")] == pytest.approx([25, 25, 30])
    assert found.mcpc["RRS"] == pytest.approx(8)
    assert found.bought["RRS"] == pytest.approx(80)


def test_an_off_line_unit_gives_non_spin_and_nothing_else():
    quick = unit("quick", "A", 80, 200, {"NSPIN": AsOffer(3, 80, ramp=2)}, low=20, status="off")
    found = one_bus(50, [unit("steam", "A", 100, 20), quick], {"NSPIN": steps([100], [500])})
    assert found.base_point("quick") == 0
    assert found.awarded("quick", "NSPIN") == pytest.approx(60)  # 30 minutes at 2 MW/min
    with pytest.raises(Refusal, match="off-line and offers ECRS"):
        fleet([unit("quick", "A", 80, 200, {"ECRS": AsOffer(3, 80)}, status="off")], ["A"])


@pytest.mark.parametrize(("kind", "product", "minutes"), [("REGUP", "REGUP", 5), ("ECRS", "ECRS", 10), ("NSPIN", "NSPIN", 30)])
def test_an_award_is_what_the_ramp_does_in_the_response_time(kind, product, minutes):
    found = one_bus(10, [unit("steam", "A", 1000, 20, {kind: AsOffer(3, 900, ramp=1.5)})], {product: steps([900], [500])})
    assert found.awarded("steam", kind) == pytest.approx(1.5 * minutes)


def test_a_block_that_its_ramp_does_not_reach_is_refused():
    block = Generator("block", "A", 50, 50, offer_curve("block", 40, [(50, 20)]), before=0, ramp_up=1, ramp_down=1)
    with pytest.raises(Refusal, match="`block` is at 0 MW and reaches from -5 to 5 MW"):
        one_bus(80, [block, unit("steam", "A", 100, 30)], {})


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_regulation_takes_its_share_of_the_ramp(share):
    slow = unit("slow", "A", 500, 20, {"REGUP": AsOffer(0, 10)}, before=100, ramp_up=4, ramp_down=4)
    found = one_bus(150, [slow, unit("fast", "A", 500, 30)], {"REGUP": steps([10], [5000])}, regulation_share=share)
    assert found.base_point("slow") == pytest.approx(100 + 4 * 5 - share * 10)
    assert found.awarded("slow", "REGUP") == pytest.approx(10)


def test_a_battery_is_dispatched_along_one_curve():
    for price, output in ((0, -100), (20, 0), (60, 100)):
        # the sign of the store's change is that of charging
        found = one_bus(0, [battery(200, {}, pays=10, asks=50), unit("grid", "A", 1000, price, low=-1000)], {})
        assert found.base_point("battery") == pytest.approx(output)
        assert found.state_of_charge("battery") == pytest.approx(200 - output / 12)


def test_losses_are_where_efficiencies_say():
    out = one_bus(90, [battery(200, {}, asks=1, charging=0.8, discharging=0.9)], {})
    assert out.state_of_charge("battery") == pytest.approx(200 - 90 / 12 / 0.9)
    into = one_bus(0, [battery(200, {}, pays=50, charging=0.8, discharging=0.9), unit("grid", "A", 500, 20)], {})
    assert into.state_of_charge("battery") == pytest.approx(200 + 100 / 12 * 0.8)


def test_state_of_charge_is_never_violated_whatever_prices_are():
    found = one_bus(500, [battery(2, {}, asks=10), unit("grid", "A", 100, 20)], {})
    assert found.state_of_charge("battery") == pytest.approx(0)
    assert found.base_point("battery") == pytest.approx(24)  # 2 MWh in five minutes
    assert found.unserved == pytest.approx(376)
    assert found.uncapped_lambda == pytest.approx(7000.01)


def test_a_surplus_is_priced_at_the_floor():
    found = one_bus(50, [unit("must", "A", 200, 5, low=100)], {})
    assert (found.surplus, found.system_lambda) == (pytest.approx(50), pytest.approx(-250))


def test_prices_of_capacity_are_capped_after_the_solve():
    found = one_bus(50, [unit("steam", "A", 100, 5, {"REGUP": AsOffer(0, 10)})], {"REGUP": steps([30], [9052])})
    assert (found.uncapped_mcpc["REGUP"], found.mcpc["REGUP"]) == (pytest.approx(9052), 5000)


def test_what_nobody_offers_has_the_price_of_its_curve():
    found = one_bus(50, [unit("steam", "A", 100, 5)], {"ECRS": steps([30], [700])})
    assert found.mcpc == {"REGUP": 0, "REGDN": 0, "RRS": 0, "ECRS": 700, "NSPIN": 0}
    assert any("nobody offers ECRS" in n for n in found.notes)


def test_a_balance_penalty_may_rise_in_steps():
    penalties = Penalties(under_mw=np.array([5, 10, np.inf]), under_price=np.array([250, 300, 5001.0]))
    assert one_bus(108, [unit("steam", "A", 100, 5)], {}, penalties=penalties).uncapped_lambda == pytest.approx(300)
    with pytest.raises(Refusal, match="balance penalty falls at step 2"):
        Penalties(under_mw=np.array([5, 10]), under_price=np.array([250, 200]))


# ----------------------------------------------------------------------------- against a program built by loops


def market(seed):
    """A small market on three buses with odd numbers, so that ties are rare."""
    rng = np.random.default_rng(seed)
    buses = ["x", "y", "z"]
    made = []
    for i in range(rng.integers(2, 5)):
        low, high = sorted(rng.uniform(0, 300, 2))
        low, k = low * rng.integers(0, 2), rng.integers(1, 4)
        points = list(zip(np.linspace(low, high, k + 1)[1:], np.sort(rng.uniform(-20, 90, k)), strict=True))
        services = {s: AsOffer(rng.uniform(0, 20), rng.uniform(5, 80), rng.uniform(0.5, 9)) for s in ("REGUP", "REGDN", "RRS-PFR", "ECRS", "NSPIN")
                    if rng.random() < 0.6}  # fmt: skip
        made.append(Generator(f"g{i}", rng.choice(buses), low, high, offer_curve(f"g{i}", low, points), services,
                              before=rng.uniform(low, high), ramp_up=rng.uniform(1, 20), ramp_down=rng.uniform(1, 20)))  # fmt: skip
    for i in range(rng.integers(0, 3)):
        high, most = rng.uniform(20, 100), rng.uniform(20, 300)
        points = list(zip(np.linspace(-high, high, 5)[1:], np.sort(rng.uniform(-10, 90, 4)), strict=True))
        services = {s: AsOffer(rng.uniform(0, 20), high) for s in ("REGUP", "REGDN", "RRS-FFR", "ECRS", "NSPIN") if rng.random() < 0.7}
        eta = rng.choice([1.0, rng.uniform(0.7, 1)])
        made.append(Esr(f"e{i}", rng.choice(buses), -high, high, offer_curve(f"e{i}", -high, points), rng.uniform(0.1, 1) * most, 0.05 * most, most,
                        services, charging=eta, discharging=eta))  # fmt: skip
    load = rng.uniform(0, 200, 3)
    curves = {k: steps(rng.uniform(5, 60, 3), np.sort(rng.uniform(1, 5000, 3))[::-1], k) for k in ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")
              if rng.random() < 0.8}  # fmt: skip
    limits = Factors(("one", "two", "three"), rng.uniform(-0.7, 0.7, (3, 3)), rng.uniform(10, 120, 3), rng.uniform(2000, 5251, 3))
    return Interval(fleet(made, buses), load, curves, limits, regulation_share=rng.uniform(0, 1), hours=rng.choice([1 / 12, 1.0]))


markets = st.integers(0, 2**32 - 1).map(market)


@settings(max_examples=40, deadline=None)
@given(markets)
def test_a_clearing_is_the_optimum_of_the_same_program_written_by_loops(interval):
    theirs = by_loops(interval)
    if theirs is None:
        with pytest.raises(Refusal):
            sced(interval)
        return
    found = sced(interval)
    cost, energy, prices, reference_lmp = theirs
    assert found.residuals.largest <= BAR
    assert found.objective == pytest.approx(cost, rel=1e-9, abs=1e-7)
    lo, hi = found.intervals["lambda"]
    assert lo - 1e-6 <= energy <= hi + 1e-6
    for product, price in prices.items():
        if product in found.intervals:
            lo, hi = found.intervals[product]
            assert lo - 1e-6 <= price <= hi + 1e-6
    if found.unique and found.uncapped_lambda <= 5000:
        assert found.lmp == pytest.approx(reference_lmp, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1).map(wide_market))
def test_what_is_rare_clears_as_the_same_program_written_by_loops(interval):
    theirs = by_loops(interval)
    if theirs is None:
        with pytest.raises(Refusal):
            sced(interval)
        return
    found = sced(interval)
    cost, energy, prices, lmp = theirs
    assert found.objective == pytest.approx(cost, rel=1e-9, abs=1e-6)
    for name, price in [("lambda", energy), *((k, v) for k, v in prices.items() if k in found.intervals)]:
        lo, hi = found.intervals[name]
        assert lo - 1e-5 <= price <= hi + 1e-5
    for bus, price in zip(interval.fleet.buses, lmp, strict=True):
        lo, hi = found.lmp_interval(bus)
        assert lo - 1e-5 <= price <= hi + 1e-5


@settings(max_examples=25, deadline=None)
@given(markets)
def test_whatever_clears_keeps_its_rules(interval):
    try:
        found = sced(interval, kinks=False)
    except Refusal as refused:
        assert {d.code for d in refused.diagnostics} <= {"infeasible", "bad-resource"}
        return
    f = interval.fleet
    assert (found.output >= f.low - 1e-7).all() and (found.output <= f.high + 1e-7).all()
    up = np.array([sum(found.awarded(n, k) for k in ("REGUP", "RRS", "ECRS", "NSPIN")) for n in f.names])
    down = np.array([found.awarded(n, "REGDN") for n in f.names])
    assert (found.output + up <= f.room + 1e-6).all() and (found.output - down >= f.low - 1e-6).all()
    assert (found.stored >= f.least - 1e-6).all() and (found.stored <= f.most + 1e-6).all()
    assert found.output.sum() + found.unserved - found.surplus == pytest.approx(found.load.sum(), abs=1e-6)
    assert all(v >= -1e-9 for v in found.mcpc.values())
    assert (found.shadow_price <= interval.limits.cap.max() + 1e-6).all()
    for bus in f.buses:
        parts = found.decomposition(bus)
        assert parts.lmp == pytest.approx(parts.energy + sum(p[3] for p in parts.parts), abs=1e-9)


def market_of_ties(seed):
    """A small market in round numbers, where most optima have more than one price."""
    rng = np.random.default_rng(seed)
    tens = lambda lo, hi, *shape: 10.0 * rng.integers(lo, hi + 1, *shape)  # noqa: E731
    buses, made = ["x", "y", "z"], []
    for i in range(rng.integers(2, 5)):
        low, high = tens(0, 2), tens(3, 10)
        points = list(zip(np.linspace(low, high, 3)[1:], np.sort(tens(0, 5, 2)), strict=True))
        services = {s: AsOffer(tens(0, 2), tens(1, 6)) for s in ("REGUP", "REGDN", "RRS-PFR", "ECRS", "NSPIN") if rng.random() < 0.6}
        made.append(Generator(f"g{i}", buses[i % 3], low, high, offer_curve(f"g{i}", low, points), services, before=low, ramp_up=10, ramp_down=10))
    if rng.random() < 0.7:
        points = list(zip(np.linspace(-40, 40, 5)[1:], np.sort(tens(-1, 5, 4)), strict=True))
        services = {s: AsOffer(tens(0, 2), 40) for s in ("REGUP", "REGDN", "RRS-FFR", "ECRS", "NSPIN") if rng.random() < 0.7}
        made.append(Esr("e", "y", -40, 40, offer_curve("e", -40, points), tens(0, 4), 0, 40, services, charging=rng.choice([0.9, 1.0])))
    curves = {k: steps(tens(1, 4, 3), np.sort(100 * rng.integers(0, 20, 3))[::-1], k) for k in ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")
              if rng.random() < 0.8}  # fmt: skip
    limits = Factors(("one", "two", "three"), 0.25 * rng.integers(-2, 3, (3, 3)), tens(1, 9, 3), 3500)
    return Interval(fleet(made, buses), tens(0, 12, 3), curves, limits, hours=1.0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1).map(market_of_ties))
def test_where_prices_are_many_all_of_them_are_known_and_lambda_is_the_upper_end(interval):
    cost, energy, prices, lmp = by_loops(interval)
    found = sced(interval)
    assert found.residuals.largest <= BAR
    assert found.objective == pytest.approx(cost, rel=1e-9, abs=1e-7)
    lo, hi = found.intervals["lambda"]
    assert found.uncapped_lambda == pytest.approx(hi, abs=1e-6)
    assert lo - 1e-6 <= energy <= hi + 1e-6
    for product, price in prices.items():
        lo, hi = found.intervals.get(product, (price, price))
        assert lo - 1e-6 <= price <= hi + 1e-6
    for bus, price in zip(interval.fleet.buses, lmp, strict=True):
        lo, hi = found.lmp_interval(bus)
        assert lo - 1e-5 <= price <= hi + 1e-5


# ------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: offer_curve("u", 0, [(10, 5)] * 11), "has 11 points"),
        (lambda: offer_curve("u", 0, [(10, 5), (10, 6)]), "from 10 MW to 10 MW at point 2"),
        (lambda: offer_curve("u", 0, [(10, 2500)]), "asks 2500 .*at point 1"),
        (lambda: offer_curve("u", 0, [(10, -251)]), "asks -251"),
        (lambda: offer_curve("u", 0, [(10, float("nan"))]), "nan"),
        (lambda: offer_curve("u", 0, []), "no point"),
        (lambda: fleet([unit("u", "A", 10, 5), unit("u", "A", 10, 5)], ["A"]), "`u` is there twice"),
        (lambda: fleet([unit("u", "Q", 10, 5)], ["A"]), "at the bus `Q`"),
        (lambda: fleet([Generator("u", "A", 0, 20, offer_curve("u", 0, [(10, 5)]))], ["A"]), "covers 0 to 10 MW"),
        (lambda: fleet([unit("u", "A", 10, 5, {"FRRS": AsOffer(1, 1)})], ["A"]), "offers `FRRS`"),
        (lambda: fleet([battery(500, {})], ["A"]), "500 MWh in store"),
        (lambda: fleet([LoadResource("u", "A", 10, {"REGDN": AsOffer(1, 1)})], ["A"]), "offers REGDN"),
        (lambda: one_bus(10, [unit("u", "A", 100, 5, low=50, before=0, ramp_up=2)], {}), "reaches from -inf to 10 MW"),
        (lambda: sced(Interval(fleet([], ["A"]), np.zeros(2), {})), "shape"),
        (lambda: sced(Interval(fleet([], ["A"]), np.array([np.nan]), {})), "bus `A` is nan"),
        (lambda: one_bus(10, [], {"SPIN": steps([1], [1])}), "no product `SPIN`"),
        (lambda: one_bus(10, [], {}, reference="Q"), "`Q` is no reference"),
        (lambda: one_bus(10, [], {}, regulation_share=2), "regulation share of 2"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(make, said):
    with pytest.raises(Refusal, match=said):
        make()


def test_rules_that_cannot_hold_together_are_named():
    # what is in store falls below its least whatever the operator does: charging is limited by the ramp
    stuck = battery(10, {}, least=9.9, before=100, ramp_up=0.1, ramp_down=0.1)
    with pytest.raises(Refusal, match=r"energy\[battery\].*ramp_down\[battery\]|ramp_down\[battery\].*energy\[battery\]"):
        one_bus(100, [stuck], {})
