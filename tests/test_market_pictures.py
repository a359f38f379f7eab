"""Pictures of power markets: every part is there with its number, colours keep order, labels do not overlap, names are escaped."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.drawn.ink import Rect, Text
from opengames.models.ercot import Esr, Generator, LookAhead, fleet, look_ahead, offer_curve, steps
from opengames.models.ercot.pictures import day, day_of, offer_stack, services, services_of, stack_of
from opengames.models.grid.canvas import luminance, readable_on, round_numbers, shade
from opengames.models.grid.layout import layout
from opengames.models.grid.network import Branches, Buses, Curve, Network, Storages, Units
from opengames.models.grid.opf import Dispatch, clear
from opengames.models.grid.pictures import DETAILED, one_line, waterfall

SVG = "{http://www.w3.org/2000/svg}"


def network(names, pairs, load, units, limit) -> Network:
    """units: (bus, MW, $/MWh)."""
    n, m = len(names), len(pairs)
    none = np.full(n, np.nan)
    tail, head = np.array(pairs).T
    bus, most, price = zip(*units, strict=True)
    return Network(
        "five buses", 100.0, Buses(tuple(names), np.array(load, dtype=float), none, ("",) * n, ("",) * n, none, none),
        Branches(tuple(f"{names[a]}-{names[b]}" for a, b in pairs), tail, head, np.array([0.0281, 0.0304, 0.0064, 0.0108, 0.0297, 0.0297][:m] if m == 6 else [0.02] * m), np.ones(m), np.zeros(m), np.array(limit, dtype=float)),
        Units(tuple(f"unit {i}" for i in range(len(units))), np.array(bus), np.zeros(len(units)), np.array(most, dtype=float), np.full(len(units), np.inf), ("",) * len(units), tuple(Curve(np.array([0.0, q]), np.array([p])) for q, p in zip(most, price, strict=True))),
        Storages((), np.zeros(0, dtype=int), *(np.zeros(0) for _ in range(4))),
    )  # fmt: skip


def five(names: str | tuple = "ABCDE") -> tuple[Network, Dispatch]:
    """The PJM example of five buses (Li and Bo, Small Test Systems for Power System Economic Studies, 2010)."""
    inf = float("inf")
    grid = network(
        names, [(0, 1), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4)], [0, 300, 300, 400, 0],
        [(0, 40, 14), (0, 170, 15), (2, 520, 30), (3, 200, 40), (4, 600, 10)], [400, inf, inf, inf, inf, 240],
    )  # fmt: skip
    return grid, clear(grid)


def drawn(dispatch: Dispatch) -> ElementTree.Element:
    d = dispatch
    return ElementTree.fromstring(one_line(d.network, d.lmp, d.flow, shadow=d.shadow, output=d.output))


def tips(picture: ElementTree.Element, kind: str) -> list[str]:
    return [e.findtext(f"{SVG}title", "") for e in picture.iter() if e.get("class") == kind]


def texts(picture: ElementTree.Element) -> list[Text]:
    return [
        Text(float(e.get("x")), float(e.get("y")), e.text or "", float(e.get("font-size")), e.get("text-anchor", "start"), e.get("font-weight") == "600")
        for e in picture.iter(f"{SVG}text")
    ]  # fmt: skip


def test_every_bus_and_branch_is_there_with_its_number():
    grid, d = five()
    picture = drawn(d)
    assert sorted(tips(picture, "bus")) == sorted(
        f"{n}: {p:,.2f} $/MWh" + (f"; {x}" if x else "")
        for n, p, x in zip("ABCDE", d.lmp, ("makes 210.0 MW", "takes 300.0 MW", f"makes {d.output[2]:,.1f}, takes 300.0 MW", "makes 0.0, takes 400.0 MW", f"makes {d.output[4]:,.1f} MW"), strict=True)
    )
    branches = tips(picture, "branch")
    assert len(branches) == 6
    for name, mw in zip(grid.branches.names, d.flow, strict=True):
        assert any(t.startswith(f"{name},") and f"{mw:,.1f}" in t for t in branches)
    said = [t.text for t in texts(picture)]
    for name, price in zip("ABCDE", d.lmp, strict=True):
        assert name in said and f"{price:,.2f}" in said
    for mw, limit in zip(d.flow, grid.branches.limit, strict=True):
        assert any(s.startswith(f"{abs(mw):,.1f}" + (f" / {limit:,.0f} MW" if np.isfinite(limit) else " MW")) for s in said)
    # The published prices of the example.
    assert {"16.98", "26.38", "30.00", "39.94", "10.00"} <= set(said)


def test_a_picture_says_what_it_shows():
    _, d = five()
    picture = drawn(d)
    assert picture.get("role") == "img"
    assert picture.findtext(f"{SVG}title") == "five buses: prices and flows"
    assert "10.00 to 39.94" in picture.findtext(f"{SVG}desc", "")
    assert picture.get("viewBox", "").startswith("0 0 ")


@pytest.mark.parametrize("names", ["ABCDE", ("Alta", "Brighton", "Park City South", "Solitude", "Sundance Ridge 138")])
def test_labels_overlap_neither_each_other_nor_buses(names):
    _, d = five(names)
    picture = drawn(d)
    boxes = [Rect(*(float(e.get(k)) for k in ("x", "y", "width", "height"))) for e in picture.iter(f"{SVG}rect") if e.get("class") == "bus"]
    assert len(boxes) == 5
    labels = texts(picture)
    outside = [t.rect for t in labels if not any(b.contains(t.rect, 1) for b in boxes)]
    w, h = float(picture.get("width")), float(picture.get("height"))
    for i, a in enumerate(outside):
        assert Rect(0, 0, w, h).contains(a), labels[i].text
        assert not any(a.overlaps(b, 0.5) for b in outside[:i])
        assert not any(a.overlaps(b, 0.5) for b in boxes)
    for i, b in enumerate(boxes):
        assert not any(b.overlaps(other) for other in boxes[:i])


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_price_is_darker(a, b):
    low, high = sorted((a, b))
    assert luminance(shade(low)) >= luminance(shade(high))
    if high - low > 0.02:
        assert luminance(shade(low)) > luminance(shade(high))


@given(st.floats(0, 1))
def test_text_on_a_price_is_readable(share):
    """A contrast of 4.5 to 1, as WCAG 2.1 asks of text."""
    paper, ink = luminance(shade(share)), luminance(readable_on(shade(share)))
    assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) >= 4.5


def test_buses_have_the_colours_of_their_prices():
    _, d = five()
    fills = {e.findtext(f"{SVG}title", "")[0]: e.get("fill", "") for e in drawn(d).iter(f"{SVG}rect") if e.get("class") == "bus"}
    by_price = [fills[n] for _, n in sorted(zip(d.lmp, "ABCDE", strict=True))]
    assert [luminance(c) for c in by_price] == sorted((luminance(c) for c in by_price), reverse=True)
    assert (by_price[0], by_price[-1]) == (shade(0), shade(1))


def test_names_are_escaped():
    rude = ("</svg><script>", 'a"b', "c&d", "<e>", "\x00")
    _, d = five(rude)
    svg = one_line(d.network, d.lmp, d.flow, title="<b> & co")
    picture = ElementTree.fromstring(svg)  # it parses, so nothing broke out
    assert "<script" not in svg
    assert any(t.startswith("</svg><script>: ") for t in tips(picture, "bus"))
    for other in (waterfall("<bus>", 20.0, [("a<b&c", 0.5, 3.0)]), offer_stack([("<u>", 10, 5)], [("<l>", 5, 9)]), day({"<g>": np.ones(3)}, np.ones(3))):
        ElementTree.fromstring(other)


def test_a_network_too_large_for_boxes_is_dots_with_tips():
    rng = np.random.default_rng(0)
    n = DETAILED + 120
    pairs = [(i, int(rng.integers(max(0, i - 5), i))) for i in range(1, n)]
    grid = network([f"bus {i}" for i in range(n)], pairs, np.ones(n), [(0, 2 * n, 20)], [np.inf] * len(pairs))
    prices = rng.normal(30, 5, n)
    prices[7] = 4_000.0
    flow = rng.normal(0, 10, len(pairs))
    picture = ElementTree.fromstring(one_line(grid, prices, flow))
    assert len(tips(picture, "bus")) == n and len(tips(picture, "branch")) == len(pairs)
    said = [t.text for t in texts(picture)]
    assert "bus 7 4,000.00 $/MWh" in said and any(s.startswith("≥") for s in said)
    inside = np.array([[float(e.get("cx")), float(e.get("cy"))] for e in picture.iter(f"{SVG}circle")])
    assert inside.min() > 0 and (inside < (float(picture.get("width")), float(picture.get("height")))).all()


def test_buses_are_laid_out_apart_and_by_their_coordinates_where_known():
    grid, _ = five()
    free = layout(grid)
    gaps = np.linalg.norm(free[:, None] - free[None], axis=2)[np.triu_indices(5, 1)]
    assert gaps.min() > 0.1 and np.array_equal(free, layout(grid))
    x, y = np.array([0.0, 1, 2, 3, 4]), np.array([0.0, 3, 1, 4, 2])
    placed = layout(replace(grid, buses=replace(grid.buses, x=x, y=y)))
    assert np.allclose(placed[:, 0], x / 4) and np.allclose(placed[:, 1], 1 - y / 4)  # north is up


def test_numbers_of_another_length_are_refused():
    grid, d = five()
    with pytest.raises(Refusal, match="5 prices"):
        one_line(grid, d.lmp[:3], d.flow)
    with pytest.raises(Refusal, match="the load has 3"):
        day({"g": np.ones(4)}, np.ones(3))


# ------------------------------------------------------------------------------------ waterfall


@given(st.floats(-100, 100), st.lists(st.tuples(st.floats(-1, 1), st.floats(-500, 500)), max_size=30))
def test_a_waterfall_ends_at_the_price_it_starts_for(energy, parts):
    named = [(f"line {i}", f, p) for i, (f, p) in enumerate(parts)]
    picture = ElementTree.fromstring(waterfall("X", energy, named))
    lmp = energy - sum(f * p for f, p in parts)
    bars = tips(picture, "step")
    assert bars[0].startswith(f"lambda: {energy:,.2f} ")
    shown = float(bars[-1].split(": ")[1].split(" ")[0].replace(",", ""))
    assert shown == pytest.approx(lmp, abs=0.006)
    # What is printed adds up, but for the rounding of each number to cents.
    steps_ = [float(b.split(": ")[1].split(" ")[0].replace(",", "")) for b in bars]
    assert sum(steps_[:-1]) == pytest.approx(steps_[-1], abs=0.0051 * len(steps_))


# ------------------------------------------------------------------------------ offers and days


def cleared():
    gens = [
        Generator("Wind", "N", 0, 60, offer_curve("Wind", 0, [(60, -5)])),
        Generator("Coal", "N", 0, 100, offer_curve("Coal", 0, [(20, 18), (100, 24)])),
        Generator("Gas", "N", 0, 120, offer_curve("Gas", 0, [(60, 30), (120, 45)])),
    ]
    battery = Esr("Battery", "N", -40, 40, offer_curve("Battery", -40, [(0, 20), (40, 60)]), 40, 0, 80)
    load = (150 + 60 * np.sin((np.arange(24) - 10) / 24 * 2 * np.pi))[:, None]
    return look_ahead(LookAhead(fleet([*gens, battery], ["N"]), load, {}, hours=1.0))


def test_the_stack_has_every_step_in_order_of_price():
    c = cleared()[18]
    picture = ElementTree.fromstring(stack_of(c))
    bars = [(e.findtext(f"{SVG}title", ""), float(e.get("x")), float(e.get("width"))) for e in picture.iter(f"{SVG}rect") if e.get("class") == "offer"]
    assert [b[0] for b in bars] == [
        "Wind: 60.0 MW at -5.00 $/MWh", "Coal: 20.0 MW at 18.00 $/MWh", "Battery: 40.0 MW at 20.00 $/MWh", "Coal: 80.0 MW at 24.00 $/MWh",
        "Gas: 60.0 MW at 30.00 $/MWh", "Gas: 60.0 MW at 45.00 $/MWh", "Battery: 40.0 MW at 60.00 $/MWh",
    ]  # fmt: skip
    for (_, x, w), (_, next_, _) in pairwise(bars):
        assert x + w == pytest.approx(next_, abs=0.02)
    widths = [w for _, _, w in bars]
    assert np.allclose(np.array(widths) / widths[0], np.array([60, 20, 40, 80, 60, 60, 40]) / 60, atol=1e-3)
    assert tips(picture, "cleared") == [f"cleared: {c.system_lambda:,.2f} $/MWh, {c.load.sum():,.1f} MW"]


def test_an_offer_at_the_cap_does_not_flatten_the_picture():
    offers = [("base", 1000.0, 20.0), ("mid", 500.0, 40.0), ("cap", 10.0, 5000.0)]
    picture = ElementTree.fromstring(offer_stack(offers, [("load", 1200.0, float("inf"))], price=40.0))
    heights = {t.split(":")[0]: float(e.get("height")) for e, t in ((e, e.findtext(f"{SVG}title", "")) for e in picture.iter(f"{SVG}rect") if e.get("class") == "offer")}
    assert heights["base"] > 80
    assert any("10.0 MW are offered above" in t.text for t in texts(picture))


def test_services_show_the_curve_and_the_point_bought():
    curves = {"RRS": steps([20, 30], [2000, 100], "RRS"), "ECRS": steps([10], [50], "ECRS")}
    picture = ElementTree.fromstring(services(curves, bought={"RRS": 35.0, "ECRS": 10.0}, mcpc={"RRS": 100.0, "ECRS": 12.5}))
    assert tips(picture, "cleared") == ["RRS: bought 35.0 MW at 100.00 $/MW-h", "ECRS: bought 10.0 MW at 12.50 $/MW-h"]
    assert len(tips(picture, "curve")) == 2
    with pytest.raises(Refusal, match="no demand curve"):
        services_of(cleared()[0], {})


def test_a_day_stacks_up_to_the_load_and_shows_what_is_held():
    horizon = cleared()
    picture = ElementTree.fromstring(day_of(horizon, "N"))
    groups = tips(picture, "group")
    assert [g.split(":")[0] for g in groups] == ["Wind", "Coal", "Gas", "storage"]
    for name, tip in zip(("Wind", "Coal", "Gas"), groups, strict=False):
        mw = horizon.base_points(name)
        assert tip == f"{name}: {mw.min():,.1f} to {mw.max():,.1f} MW"
    moved = horizon.base_points("Battery")
    assert len(tips(picture, "storage")) == int((np.abs(moved) > 1e-9).sum())
    held = [40.0, *(horizon[t].state_of_charge("Battery") for t in range(24))]
    assert tips(picture, "stored") == [f"Battery holds {min(held):,.1f} to {max(held):,.1f} MWh"]
    # The last stair of the highest area meets the load wherever nothing charges.
    assert len(tips(picture, "load")) == 1 and len(tips(picture, "price")) == 2


def test_many_groups_become_a_few():
    rng = np.random.default_rng(0)
    output = {f"g{i}": rng.uniform(0, 10, 6) for i in range(30)}
    picture = ElementTree.fromstring(day(output, np.full(6, 150.0)))
    names = [t.split(":")[0] for t in tips(picture, "group")]
    assert len(names) == 9 and "22 others" in names


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e5), st.integers(2, 8))
def test_round_numbers_lie_inside_and_are_even(low, size, count):
    found = round_numbers(low, low + size, count)
    assert all(low - 1e-6 * size <= v <= low + size * (1 + 1e-6) for v in found)
    assert len(found) <= 2 * count + 1
    if len(found) > 2:
        assert np.allclose(np.diff(found), found[1] - found[0])
