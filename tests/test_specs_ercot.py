"""The market of the standard library: its specs hold, and it clears as the arrays of `opengames.models.ercot` do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ercot_rare
import numpy as np
import pytest
from ercot_rare import wide_market

import opengames as og
from opengames.models.ercot import (
    KINDS,
    AsOffer,
    Esr,
    Factors,
    Generator,
    Interval,
    Penalties,
    fleet,
    offer_curve,
    sced,
    steps,
)
from opengames.models.ercot.products import NUMBER

SPECS = Path(__file__).parents[1] / "specs" / "ercot"


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.game")), ids=lambda p: p.stem)
def test_every_claim_of_a_spec_is_proved(path):
    found = og.load(path).verify()
    assert found
    assert {a.name: a.verdict for a in found} == {a.name: "proved" for a in found}


TEXT = """
use std.energy: MW, MWh, h
use std.ercot: Sced, Service, Award

type Bus      = North | South | West
type Limit    = Out | Back
type Resource = Gas | Peaker | Cell
type Segment  = 1..2
type Step     = 1..2

player ercot

param load: real MW[Bus] = [{load}]
param factor: real[Limit, Bus] = table {{
    | Limit \\ Bus || North | South | West |
    | Out  || {out} |
    | Back || {back} |
}}
param limit: (most: real MW, penalty: real $/MWh)[Limit] = [else: (most: {most} MW, penalty: 5_251 $/MWh)]
param resource: (bus: Bus, least: real MW, most: real MW, before: real MW, up: real MW/h, down: real MW/h)[Resource] = table {{
    | Resource || bus   | least   | most   | before | up | down |
    | Gas      || North |    0 MW | 300 MW | 100 MW | 1_200 MW/h | 1_200 MW/h |
    | Peaker   || South |    0 MW | 200 MW |  40 MW | 2_400 MW/h | 2_400 MW/h |
    | Cell     || West  | -100 MW | 100 MW |   0 MW | 60_000 MW/h | 60_000 MW/h |
}}
param store: (stores: bool, soc: real MWh, low: real MWh, high: real MWh)[Resource] =
    [Cell: (stores: true, soc: {soc} MWh, low: 0 MWh, high: 200 MWh), else: (stores: false, soc: 0 MWh, low: 0 MWh, high: 0 MWh)]
param offer: (width: real MW, price: real $/MWh)[Resource, Segment] = table {{
    | Resource | Segment || width | price |
{offers}
}}
param service: (most: real MW, price: real $/MWh)[Resource, Award] =
    [(most: if w == PFR or w == NonSpin or w == RegUp then {award} MW else 0 MW, price: if r == Cell then 1 $/MWh else 4 $/MWh) for r in Resource, w in Award]
param curve: (width: real MW, value: real $/MWh)[Service, Step] =
    [(width: if k == RRS or k == NSPIN or k == REGUP then {need} MW else 0 MW, value: if i == 1 then 900 $/MWh else 20 $/MWh) for k in Service, i in Step]
param short: (width: real MW, price: real $/MWh)[Step] = [else: (width: 5_000 MW, price: 7_000.01 $/MWh)]

game Run {{
    now ~ Sced[ercot, Bus, Limit, Resource, Segment, Step](
        load, factor, limit, resource, store, offer, service, curve, short, 250 $/MWh, 50%, 5/60 * 1 h)
    first = [now.output[r] - resource[r].least for r in Resource]
    north = now.lmp[North]
    south = now.lmp[South]
    west  = now.lmp[West]
    lambda = now.lambda
    rrs   = now.mcpc[RRS]
    nspin = now.mcpc[NSPIN]
    regup = now.mcpc[REGUP]
    gas   = now.output[Gas]
    cell  = now.output[Cell]
    worth = sum(curve[k, 1].value * min(now.served[k], curve[k, 1].width) + curve[k, 2].value * max(0 MW, now.served[k] - curve[k, 1].width) for k in Service)
    spent = sum(offer[r, 1].price * min(first[r], offer[r, 1].width) + offer[r, 2].price * max(0 MW, first[r] - offer[r, 1].width) for r in Resource)
          + sum(service[r, w].price * now.award[r, w] for r in Resource, w in Award)
          + 7_000.01 $/MWh * now.missing + 250 $/MWh * now.spilled + 5_251 $/MWh * sum(now.beyond[c] for c in Limit)
}}
"""
NAMES = ("Gas", "Peaker", "Cell")
BUSES = ("North", "South", "West")


def case(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    share = np.array([0.5, 0.3, 0.2])
    load = np.round(rng.dirichlet(share * 20) * rng.uniform(150, 420), 1)
    raw = np.round(rng.uniform(-0.6, 0.6, 3), 3)
    prices = {n: np.sort(np.round(rng.uniform(5, 80, 2), 2)) for n in NAMES}
    widths = {"Gas": (150, 150), "Peaker": (80, 120), "Cell": (100, 100)}
    return {"load": load, "factor": raw, "prices": prices, "widths": widths, "most": round(float(rng.uniform(20, 90)), 1),
                "soc": round(float(rng.uniform(0, 60)), 1), "award": 40, "need": int(rng.integers(10, 60))}  # fmt: skip


def as_text(c: dict) -> str:
    offers = "\n".join(
        f"    | {n} | {j + 1} || {c['widths'][n][j]} MW | {c['prices'][n][j]} $/MWh |" for n in NAMES for j in range(2)
    )
    row = " | ".join(str(x) for x in c["factor"])
    back = " | ".join(str(-x) for x in c["factor"])
    load = ", ".join(f"{b}: {x} MW" for b, x in zip(BUSES, c["load"], strict=True))
    return TEXT.format(load=load, out=row, back=back, offers=offers, **{k: c[k] for k in ("most", "soc", "award", "need")})


def as_arrays(c: dict):
    def curve(name: str, start: float):
        widths, prices = c["widths"][name], c["prices"][name]
        return offer_curve(name, start, [(start + widths[0], prices[0]), (start + sum(widths), prices[1])])

    def services(price: float):
        return {"REGUP": AsOffer(price, c["award"]), "RRS-PFR": AsOffer(price, c["award"]), "NSPIN": AsOffer(price, c["award"])}

    units = [
        Generator("Gas", "North", 0, 300, curve("Gas", 0), services(4), before=100, ramp_up=20, ramp_down=20),
        Generator("Peaker", "South", 0, 200, curve("Peaker", 0), services(4), before=40, ramp_up=40, ramp_down=40),
        Esr("Cell", "West", -100, 100, curve("Cell", -100), c["soc"], 0, 200, services(1), before=0, ramp_up=1000, ramp_down=1000),
    ]
    factors = Factors(("Out", "Back"), np.array([c["factor"], -c["factor"]]), np.full(2, c["most"]), np.full(2, 5251.0))
    need = steps([c["need"], c["need"]], [900, 20])
    penalties = Penalties(np.array([10_000.0]), np.array([7000.01]), 250.0)
    return sced(Interval(fleet(units, BUSES), c["load"], {"RRS": need, "NSPIN": need, "REGUP": need}, factors, penalties, regulation_share=0.5))


def test_awards_last_and_serve_in_the_text_as_in_the_arrays():
    names = ("RegUp", "RegDown", "PFR", "FFR", "UFR", "Contingency", "NonSpin")
    kinds = ("REGUP", "REGDN", "RRS-PFR", "RRS-FFR", "RRS-UFR", "ECRS", "NSPIN")
    asked = "\n".join(
        f"query h{i} = sustained({w})\nquery s{i} = serves({w}) == {KINDS[NUMBER[k]].product}\nquery u{i} = upward({w})"
        for i, (w, k) in enumerate(zip(names, kinds, strict=True))
    )
    text = og.loads("use std.energy: h\nuse std.ercot: Award, Service, sustained, serves, upward\n" + asked)
    for i, kind in enumerate(KINDS[NUMBER[k]] for k in kinds):
        said = (float(text.query(f"h{i}")), text.query(f"s{i}").value, text.query(f"u{i}").value)
        assert said == (kind.hours, True, kind.up), kind.name


@pytest.mark.parametrize("seed", range(6))
def test_the_text_and_the_arrays_clear_alike(seed):
    c = case(seed)
    run = og.loads(as_text(c))["Run"].run(runs=1)
    text = {w["wire"]: w["mean"] for w in run.to_dict()["wires"]}
    arrays = as_arrays(c)
    for bus in BUSES:
        low, high = arrays.lmp_interval(bus)
        assert low - 1e-6 <= text[bus.lower()] <= high + 1e-6, (bus, text, arrays.lmp)
    for product in ("RRS", "NSPIN", "REGUP"):
        low, high = arrays.intervals[product]
        assert low - 1e-6 <= text[product.lower()] <= high + 1e-6
    assert (text["worth"] - text["spent"]) * 5 / 60 == pytest.approx(-arrays.objective, rel=1e-7)  # money an hour, and in five minutes


def lossless(seed: int) -> Interval:
    """A rare interval in which storage loses nothing, as in the text, and there is a resource."""
    found = wide_market(seed)
    kept = [replace(r, charging=1.0, discharging=1.0) if isinstance(r, Esr) else r for r in found.fleet.resources]
    return replace(found, fleet=fleet(kept, found.fleet.buses))


@pytest.mark.parametrize("seed", [4, 9, 14, 28])
def test_what_is_rare_clears_alike_in_the_text_and_in_the_arrays(seed):
    interval = lossless(seed)
    arrays = sced(interval)
    text = ercot_rare.as_text(interval)
    low, high = arrays.intervals["lambda"]
    assert low - 1e-5 <= float(text.query("lambda")) <= high + 1e-5
    for b, bus in enumerate(interval.fleet.buses, 1):
        low, high = arrays.lmp_interval(bus)
        cap = min(0.0, 5000 - float(text.query("lambda")))
        assert low - 1e-5 <= float(text.query(f"lmp{b}")) - cap <= high + 1e-5
    for product in ercot_rare.SERVICES:
        if product in arrays.intervals:
            low, high = arrays.intervals[product]
            assert low - 1e-5 <= float(text.query(f"mcpc_{product}")) <= high + 1e-5


PLAIN = """
use std.energy: MW, MWh, h, min
use std.ercot: Sced, DayAhead, Service, Award

type Bus      = Hub | Far
type Limit    = 1..1
type Resource = Gas | Cell
type Segment  = Low | Mid | High
type Step     = 1..3
type None     = 1..1

player ercot

fun width(r: Resource, j: Segment) -> real MW = {width}
fun price(r: Resource, j: Segment) -> real $/MWh = {price}
fun wanted(k: Service, i: Step) -> (width: real MW, value: real $/MWh) = {wanted}
param offer: (width: real MW, price: real $/MWh)[Resource, Segment] = [(width: width(r, j), price: price(r, j)) for r in Resource, j in Segment]
param service: (most: real MW, price: real $/MWh)[Resource, Award] = [(most: 0 MW, price: 0 $/MWh) for r in Resource, w in Award]
param curve: (width: real MW, value: real $/MWh)[Service, Step] = [wanted(k, i) for k in Service, i in Step]
param limit: (most: real MW, penalty: real $/MWh)[Limit] = [(most: 500 MW, penalty: 5_251 $/MWh) for c in Limit]
param factor: real[Limit, Bus] = [0 for c in Limit, b in Bus]

game Now {{
    x ~ Sced[ercot, Bus, Limit, Resource, Segment, Step](
        [Hub: 40 MW, else: 0 MW], factor, limit,
        [(bus: Hub, least: if r == Cell then -50 MW else 0 MW, most: {most}, before: 0 MW, up: 6_000 MW/h, down: 6_000 MW/h) for r in Resource],
        [(stores: r == Cell, soc: {soc}, low: 10 MWh, high: 90 MWh) for r in Resource],
        offer, service, curve, [(width: 500 MW, price: {short}) for i in Step], 250 $/MWh, 100%, 5 min)
    price = x.lambda
}}
game Then {{
    x ~ DayAhead[ercot, Bus, Limit, Resource, Segment, Step, None, None, None, None](
        factor, limit, [(bus: Hub, least: if r == Cell then -50 MW else 0 MW, most: {most}) for r in Resource],
        offer, service, curve, [(bus: Hub, width: 40 MW, price: 2_000 $/MWh) for d in None],
        [(bus: Hub, width: 0 MW, price: 0 $/MWh) for v in None], [(source: Hub, sink: Hub, most: 0 MW, price: 0 $/MWh) for o in None],
        [(service: NSPIN, most: 0 MW, price: 0 $/MWh) for n in None], [0 MW for k in Service])
    price = x.lambda
}}
query now  = E(price) of Now
query then = E(price) of Then
"""
WIDTH = "match j { Low => 50 MW, Mid => 0 MW, High => 50 MW }"
PRICE = "match j { Low => 10 $/MWh, Mid => 0 $/MWh, High => 40 $/MWh }"
WANTED = "(width: 0 MW, value: 100 $/MWh - 30 $/MWh * i)"


def plain(**changed: str) -> str:
    usual = {"width": WIDTH, "price": PRICE, "wanted": WANTED, "most": "if r == Cell then 50 MW else 100 MW", "soc": "50 MWh",
             "short": "7_000.01 $/MWh"}  # fmt: skip
    return PLAIN.format(**usual | changed)


def test_a_segment_without_width_may_hold_any_price():
    found = og.loads(plain())
    assert (float(found.query("now")), float(found.query("then"))) == (10, 10)


@pytest.mark.parametrize(
    ("question", "changed", "rule", "said"),
    [
        ("now", {"price": "if r == Cell and j == High then 9 $/MWh else " + PRICE}, "offer_rises[Cell, High]", "10 $/MWh <= 9 $/MWh"),
        ("then", {"price": "if r == Cell and j == High then 9 $/MWh else " + PRICE}, "offer_rises[Cell, High]", "10 $/MWh <= 9 $/MWh"),
        ("now", {"price": "if j == High then 2_500 $/MWh else " + PRICE}, "offer_in_range[Gas, High]", "2500 $/MWh <= 2000 $/MWh"),
        ("then", {"price": "if j == High then 5_500 $/MWh else " + PRICE}, "offer_in_range[Gas, High]", "5500 $/MWh <= 5000 $/MWh"),
        ("now", {"price": "if r == Gas and j == Low then -251 $/MWh else " + PRICE}, "offer_in_range[Gas, Low]", "-250 $/MWh <= -251 $/MWh"),
        ("now", {"wanted": "(width: if k == RRS then 10 MW else 0 MW, value: 30 $/MWh * i)"}, "curve_falls[RRS, 2]", "60 $/MWh <= 30 $/MWh"),
        ("then", {"wanted": "(width: if k == RRS then 10 MW else 0 MW, value: 30 $/MWh * i)"}, "curve_falls[RRS, 2]", "60 $/MWh <= 30 $/MWh"),
        ("now", {"short": "9_000 $/MWh - 50 $/MWh * i"}, "penalty_rises[2]", "8950 $/MWh <= 8900 $/MWh"),
        ("now", {"most": "-60 MW"}, "limits_in_order[Gas]", "0 MW <= -60 MW"),
        ("then", {"most": "-60 MW"}, "limits_in_order[Gas]", "0 MW <= -60 MW"),
        ("now", {"soc": "91 MWh"}, "charge_inside[Cell]", "91 MWh <= 90 MWh"),
        ("now", {"soc": "9 MWh"}, "charge_inside[Cell]", "10 MWh <= 9 MWh"),
    ],
)  # fmt: skip
def test_a_table_that_no_market_can_clear_is_refused_by_its_place(question, changed, rule, said):
    with pytest.raises(og.Refusal) as refused:
        og.loads(plain(**changed)).query(question)
    (found,) = refused.value.diagnostics
    assert (found.code, found.headline) == ("infeasible", f"the data break the rule `{rule}`")
    assert f"it asks for {said}, which does not hold" in found.notes


def test_a_negative_width_names_the_segment():
    with pytest.raises(og.Refusal, match=r"segments\[Cell, Mid\]"):
        og.loads(plain(width="if r == Cell and j == Mid then -5 MW else " + WIDTH)).query("now")
