"""What a caller gives to ERCOT's markets and is not what they need: refused by name, never taken for something else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from opengames.diagnostics import Refusal
from opengames.models.ercot import (
    AsOffer,
    AsOnlyOffer,
    AsPosition,
    DayAhead,
    DemandCurve,
    DeviationRules,
    EnergyOffer,
    Esr,
    Factors,
    Generator,
    GridLimits,
    Interval,
    LookAhead,
    Obligation,
    OfferCurve,
    Penalties,
    Plan,
    as_imbalance,
    as_only,
    day_ahead,
    demand_curves,
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
)
from opengames.models.grid.network import Branches, Buses, Network, Storages, Units

NAN, INF = float("nan"), float("inf")
RULES = DeviationRules(15, 25, 0.8)


def gas(**change) -> Generator:
    return replace(Generator("gas", "A", 0, 100, offer_curve("gas", 0, [(100, 14)])), **change)


def cell(**change) -> Esr:
    return replace(Esr("cell", "A", -50, 50, offer_curve("cell", -50, [(0, 10), (50, 60)]), 8, 0, 100), **change)


def by_hand(mw: list[float], price: list[float], start: float = 0.0) -> OfferCurve:
    return OfferCurve(start, np.array(mw), np.array(price))


def market(**change) -> Interval:
    return replace(Interval(fleet([gas(), cell()], ["A"]), np.array([50.0]), {}), **change)


def day(**change) -> DayAhead:
    return DayAhead(fleet([gas(services={"ECRS": AsOffer(3, 50)})], ["A"]), np.array([[50.0], [60.0]]), {"ECRS": steps([10], [100])}, **change)


def limit(matrix: object = ((0.5,),), mw: object = (30.0,), cap: object = 5251.0, names: tuple[str, ...] = ("line",)) -> Factors:
    return Factors(names, matrix, mw, cap)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: offer_curve("gas", NAN, [(10, 5)]), "offer of `gas` begins at nan MW"),
        (lambda: offer_curve("gas", 0, [10, 5]), "offer of `gas` has .* for points"),
        (lambda: offer_curve("gas", 0, [(10, 5, 3)]), "offer of `gas` has .* for points"),
        (lambda: offer_curve("gas", 0, [("ten", 5)]), "offer of `gas` has .* for points"),
        (lambda: fleet([gas(offer=by_hand([50, 100], [30, 10]))], ["A"]), "offer of `gas` falls from 30 to 10 .* at point 2"),
        (lambda: fleet([gas(offer=by_hand([100, 50], [10, 30]))], ["A"]), "offer of `gas` goes from 100 MW to 50 MW at point 2"),
        (lambda: fleet([gas(offer=by_hand([50, 100], [30, NAN]))], ["A"]), "offer of `gas` has a number that is not finite"),
        (lambda: fleet([gas(offer=by_hand([100], [30], NAN))], ["A"]), "offer of `gas` has a number that is not finite"),
        (lambda: fleet([gas(offer=by_hand([50, 100], [30]))], ["A"]), "2 ends of steps and 1 prices"),
        (lambda: fleet([gas(offer=[(100, 14)])], ["A"]), r"offer of `gas` is `\[\(100, 14\)\]`"),
        (lambda: fleet([gas(ramp_up=NAN)], ["A"]), "`gas` ramps by nan and inf"),
        (lambda: fleet([gas(status="offline")], ["A"]), "`gas` has the status `offline`"),
        (lambda: fleet([gas(high=None)], ["A"]), "`gas` has None for `high`"),
        (lambda: fleet([gas(high="100")], ["A"]), "`gas` has 100 for `high`"),
        (lambda: fleet([gas(services={"ECRS": (1, 10)})], ["A"]), r"`gas` offers `\(1, 10\)` of ECRS"),
        (lambda: fleet([gas(services={"ECRS": AsOffer(1, 10, NAN)})], ["A"]), "`gas` offers ECRS with a ramp of nan"),
        (lambda: fleet([cell(least=-50, stored=-20)], ["A"]), "`cell` must keep between -50 and 100 MWh"),
        (lambda: fleet([cell(charging=None)], ["A"]), "`cell` has efficiencies None and 1.0"),
        (lambda: sced(market(load=np.array([]))), "shape"),
        (lambda: sced(Interval(fleet([], []), np.array([]), {})), "there is no bus"),
        (lambda: sced(market(load=["much"])), "load came as .* no array of numbers"),
        (lambda: sced(market(hours="5 min")), "an interval of 5 min hours"),
        (lambda: sced(market(curves={"RRS": [(40, 1000)]})), r"demand curve of RRS is `\[\(40, 1000\)\]`"),
        (lambda: sced(market(curves={"RRS": DemandCurve(np.array([5.0, 5.0]), np.array([10.0, 20.0]))})), "demand curve of RRS rises at step 2"),
        (lambda: sced(market(curves={"RRS": DemandCurve(np.array([5.0, -5.0]), np.array([20.0, 10.0]))})), "step 2 of the demand curve of RRS is -5 MW"),
        (lambda: steps("much", [3], "ECRS"), "widths of the demand curve of ECRS came as `much`"),
        (lambda: Penalties(under_price=[NAN]), "step 1 of the balance penalty is inf MW at nan"),
        (lambda: Penalties(under_mw=[-10], under_price=[100]), "step 1 of the balance penalty is -10 MW"),
        (lambda: Penalties(over_price=-8000), "earns 8000 .* costs 7000.01"),
        (lambda: Penalties(over_price=NAN), "`over_price` of the penalties is nan"),
        (lambda: Penalties(voll=NAN), "`voll` of the penalties is nan"),
        (lambda: sced(market(limits=limit([[0.5, 0.0]]))), "shift factors of 2 buses came for 1"),
        (lambda: limit([[NAN]]), "`line` has a shift factor that is not finite"),
        (lambda: limit(mw=[NAN]), "`line` is nan MW"),
        (lambda: limit(cap=NAN), "`line` may be broken at nan"),
        (lambda: limit(cap=-5), "`line` may be broken at -5"),
        (lambda: limit(cap=[1, 2]), "1 limits came with 2 caps"),
        (lambda: limit([[0.5], [0.4]], [30, 20], names=("line", "line")), "`line` is there twice"),
        (lambda: sced(market(reference=[NAN])), "1 reference weights that add up to nan"),
        (lambda: demand_curves(Plan("many", 0, 0, 0, 0)), "plan of REGUP is many MW"),
        (lambda: demand_curves(Plan(600, 500, 2800, 1500, 2500), voll=NAN), "VOLL of the demand curves is nan"),
        (lambda: look_ahead(LookAhead(fleet([cell()], ["A"]), [[10.0]], {}, least_at_end={"cell": NAN})), "`cell` must end with, in MWh, is nan"),
        (lambda: look_ahead(LookAhead(fleet([cell()], ["A"]), np.zeros((0, 1)), {})), r"shape \(0, 1\)"),
        (lambda: sced_many(market(), np.zeros((0, 1))), r"shape \(0, 1\)"),
        (lambda: list(roll(market(), [["much"]])), "load came as"),
        (lambda: sced(market()).state_of_charge("gas"), "`gas` stores nothing"),
        (lambda: as_imbalance(AsPosition(NAN, 1), 3), "`real_time` .* is nan"),
        (lambda: as_only(1, NAN), "`mcpc` .* is nan"),
        (lambda: run_mean([1, NAN], [1, 2]), "nan"),
        (lambda: set_point_deviation(NAN, 50, 40, RULES), "`metered` .* is nan"),
        (lambda: set_point_deviation(60, 50, NAN, RULES), "`price` .* is nan"),
        (lambda: set_point_deviation(60, 50, 40, DeviationRules(15, 25, NAN)), "`kp2` .* is nan"),
        (lambda: sustainable(100, "NSPIN", NAN), "`stored` .* is nan"),
    ],
)  # fmt: skip
def test_what_is_no_such_thing_is_refused_by_name(make, said):
    with pytest.raises(Refusal, match=said):
        make()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"energy": (EnergyOffer("x", "A", "Sell", ((10, 5),), (0,)),)}, "`x` is to `Sell`"),
        ({"energy": (EnergyOffer("x", "A", "sell", ((10, 5),), (0, 0)),)}, r"`x` is for the hours \[0, 0\]"),
        ({"energy": (EnergyOffer("x", "A", "sell", ((10, 5),), 0),)}, "`x` is for the hours 0"),
        ({"energy": (EnergyOffer("x", "A", "sell", ((10, 5),), (0.5,)),)}, r"`x` is for the hours \[0.5\]"),
        ({"energy": (EnergyOffer("x", "A", "sell", ((INF, 5),), (0,)),)}, "`x` goes from 0 to inf MW"),
        ({"energy": (EnergyOffer("x", {"A": NAN}, "sell", ((10, 5),), (0,)),)}, "`x` is at a node with the share nan of `A`"),
        ({"obligations": (Obligation("x", "A", "A", 5, 5, (1, 1)),)}, r"`x` is for the hours \[1, 1\]"),
        ({"as_only": (AsOnlyOffer("x", "ECRS", ((5, 1),), (1, 1)),)}, r"`x` is for the hours \[1, 1\]"),
        ({"self_arranged": {"SPIN": 5}}, "`SPIN` is arranged"),
        ({"self_arranged": {"ECRS": -5}}, "-5 MW of ECRS are arranged"),
        ({"self_arranged": {"ECRS": [1, NAN]}}, "nan MW of ECRS are arranged"),
        ({"self_arranged": {"ECRS": [1, 2, 3]}}, "3 quantities of ECRS are arranged in 2 hours"),
    ],
)  # fmt: skip
def test_a_day_takes_nothing_for_something_else(change, said):
    with pytest.raises(Refusal, match=said):
        day_ahead(day(**change))


def triangle() -> Network:
    nan, none = np.full(3, np.nan), np.zeros(0)
    return Network(
        "triangle", 100.0, Buses(("A", "B", "C"), np.array([50.0, 0.0, 80.0]), nan, ("",) * 3, ("",) * 3, nan, nan),
        Branches(("AB", "BC", "AC"), np.array([0, 1, 0]), np.array([1, 2, 2]), np.full(3, 0.1), np.ones(3), np.zeros(3), np.full(3, 30.0)),
        Units((), none.astype(int), none, none, none, (), ()), Storages((), none.astype(int), none, none, none, none),
    )  # fmt: skip


def test_limits_of_a_network_go_with_its_buses_in_its_order():
    network = triangle()
    limits, peaker = GridLimits(network), Generator("peaker", "C", 0, 200, offer_curve("peaker", 0, [(200, 40)]))
    right = Interval(fleet([gas(), peaker], network.buses.names), network.buses.load, {}, limits)
    assert sced(right).lmp == pytest.approx([14, 27, 40])  # 30 MW on AC leave 45 MW of A for the rest
    for clear in (sced, lambda i: sced_many(i, i.load[None]), lambda i: day_ahead(DayAhead(i.fleet, i.load[None], {}, limits))):
        with pytest.raises(Refusal, match="bus 1 is `A` in the network of the limits and `C` in the fleet"):
            clear(replace(right, fleet=fleet([gas(), peaker], ("C", "B", "A")), load=network.buses.load[::-1]))
    with pytest.raises(Refusal, match="3 buses, and the fleet 1"):
        sced(market(limits=limits))


def test_lists_do_as_well_as_arrays():
    here = market(load=[50], limits=limit([[0.0]], [10]), penalties=Penalties([10, INF], [400, 5001]))
    assert sced(here).lmp_at("A") == pytest.approx(14)
    assert sced_many(here, [[50], [120]]).lmp[:, 0] == pytest.approx([14, 60])
