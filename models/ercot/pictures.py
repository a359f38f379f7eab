"""Pictures of ERCOT's markets: the offer stack against demand, demand curves of ancillary services, and a day of dispatch.

Each is a self-contained SVG text; `opengames.drawn.svg.save` writes it. Steps and points carry tips with their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from opengames.diagnostics import refuse
from opengames.drawn.ink import INK, QUIET, Rect, Text
from opengames.drawn.measure import fit, width
from opengames.models.grid.canvas import KINDS, Canvas, Frame, round_numbers

if TYPE_CHECKING:
    from opengames.models.ercot.demand_curves import DemandCurve
    from opengames.models.ercot.horizon import Horizon
    from opengames.models.ercot.results import Cleared

Step = tuple[str, float, float]
"""Whose it is, MW, $/MWh."""

_SUPPLY, _STORE, _DEMAND, _MARK = "#9CC3E0", "#F0C36B", "#B8430B", "#111827"
#: How many groups of a day have a colour of their own; the others are one.
GROUPS = 9


def offer_stack(
    supply: Sequence[Step], demand: Sequence[Step], *, price: float | None = None, mw: float | None = None, start: float = 0.0,
    storage: frozenset[str] = frozenset(), title: str = "Offers against demand", unit: str = "$/MWh",
) -> str:  # fmt: skip
    """Offers from cheap to dear, demand from dear to cheap, and where the market cleared.

    supply, demand: steps, in any order; a demand at any price has the price `inf`. start: MW at which offers begin, negative where
    storage may charge. price, mw: what cleared, drawn as a point. storage: names drawn in a colour of their own.
    """
    if not supply:
        raise refuse("bad-argument", "there is no offer to draw")
    offers = sorted(supply, key=lambda s: s[2])
    bids = sorted(demand, key=lambda s: -s[2])
    total = start + sum(w for _, w, _ in offers)
    wanted = sum(w for _, w, _ in bids)
    prices = np.asarray([p for _, _, p in (*offers, *bids) if np.isfinite(p)])
    top = _ceiling(offers, price)
    low = min(0.0, float(prices.min(initial=0)))
    w, h = 900.0, 520.0
    told = f"{len(offers):,} steps, {total - start:,.1f} MW offered, {wanted:,.1f} MW wanted" + ("" if price is None else f"; cleared at {price:,.2f} {unit}")
    canvas = Canvas(w, h, title, f"Offer stack as steps of rising price against demand as steps of falling price. {told}.")
    canvas.heading(title, told)
    frame = Frame(canvas, Rect(74, 96, w - 74 - 40, h - 96 - 92), min(0.0, start), max(total, wanted) * 1.03, low * 1.1, top)
    frame.axes("MW", unit)
    at, above = start, 0.0
    for name, mw_, p in offers:
        y = min(p, top)
        above += mw_ if p > top else 0.0
        a, b = frame.x(at), frame.x(at + mw_)
        y0, y1 = sorted((frame.y(0), frame.y(y)))
        colour = _STORE if name in storage else _SUPPLY
        canvas.rect(Rect(a, y0, b - a, max(y1 - y0, 1.2)), colour, "#FFFFFF", min(0.8, (b - a) / 6), tip=f"{name}: {mw_:,.1f} MW at {p:,.2f} {unit}", kind="offer")
        at += mw_
    line, at = [], 0.0
    for _, mw_, p in bids:
        y = frame.y(min(p, top))
        line += [(frame.x(at), y), (frame.x(at + mw_), y)]
        at += mw_
    if bids:
        line.append((frame.x(at), frame.y(max(low * 1.1, 0.0))))
        names = "; ".join(f"{n}: {m:,.1f} MW" + (f" at {p:,.2f}" if np.isfinite(p) else " at any price") for n, m, p in bids[:6])
        canvas.line(line, _DEMAND, 2.2, tip=names, kind="demand")
    canvas.taken.append(Rect(0, 0, w, 60))
    if price is not None:
        x = frame.x(wanted if mw is None else mw)
        y = frame.y(min(max(price, low * 1.1), top))
        said = f"{price:,.2f} {unit}, {wanted if mw is None else mw:,.1f} MW"
        canvas.line([(frame.box.x, y), (x, y)], _MARK, 1.0, dash="4 3")
        canvas.dot(x, y, 4.5, _MARK, "#FFFFFF", 1.2, tip=f"cleared: {said}", kind="cleared")
        canvas.place([Text(x - 10, y - 8, said, 11.5, anchor="end", bold=True), Text(x + 10, y - 8, said, 11.5, bold=True), Text(x - 10, y + 18, said, 11.5, anchor="end", bold=True), Text(x - 10, y - 30, said, 11.5, anchor="end", bold=True)])
    entries = [(_SUPPLY, "offers")] + ([(_STORE, "storage")] if storage else []) + ([(_DEMAND, "demand")] if bids else [])
    _legend(canvas, entries, h - 30)
    if above:
        said = f"{above:,.1f} MW are offered above {top:,.0f} {unit} and cut off"
        canvas.text(Text(w - 24, h - 22, said, 10.5, anchor="end", fill=QUIET))
    return canvas.svg()


def _ceiling(offers: Sequence[Step], price: float | None) -> float:
    """The price at which the picture ends: it shows the point of clearing and nearly all offers, not the last few at the cap."""
    mw = np.cumsum([w for _, w, _ in offers])
    asked = [p for _, _, p in offers]
    usual = asked[min(int(np.searchsorted(mw, 0.95 * mw[-1])), len(asked) - 1)]
    most = asked[-1] if asked[-1] <= 4 * max(usual, price or 0.0, 1.0) else usual
    return 1.12 * max(most, price or 0.0, 1.0)


def services(curves: Mapping[str, DemandCurve], *, bought: Mapping[str, float] | None = None, mcpc: Mapping[str, float] | None = None, title: str = "") -> str:
    """A panel for each product: its demand curve, and the point bought at the MCPC. Prices in $/MW-h."""
    if not curves:
        raise refuse("bad-argument", "there is no demand curve to draw")
    names = list(curves)
    across = min(3, len(names))
    down = -(-len(names) // across)
    pw, ph = 290.0, 235.0
    w, h = 24 + across * pw + 10, 74 + down * ph
    told = ", ".join(f"{n} {bought[n]:,.0f} MW at {mcpc[n]:,.2f}" for n in names) if bought and mcpc else f"{len(names)} products"
    title = title or ("Ancillary services: demand curves and what was bought" if bought and mcpc else "Demand curves of ancillary services")
    canvas = Canvas(w, h, title, f"Demand curves as steps of falling price. {told}.")
    canvas.heading(title, "MW across, $/MW-h up")
    for i, name in enumerate(names):
        x, y = 24 + (i % across) * pw, 74 + (i // across) * ph
        curve = curves[name]
        most = float(curve.mw[-1]) if len(curve.price) else 1.0
        got = (bought or {}).get(name)
        top = float(curve.price.max(initial=1.0))
        frame = Frame(canvas, Rect(x + 46, y + 34, pw - 76, ph - 84), 0.0, 1.04 * max(most, got or 0.0), min(0.0, float(curve.price.min(initial=0))), 1.1 * max(top, (mcpc or {}).get(name, 0.0)))
        canvas.text(Text(x + 12, y + 16, name, 12.5, bold=True))
        frame.axes(steps=4, numbers=False)
        for value in round_numbers(frame.x0, frame.x1, 3):
            canvas.text(Text(frame.x(value), frame.box.y + frame.box.h + 15, f"{value:,.0f}", 9.5, anchor="middle", fill=QUIET))
        begins = curve.mw - curve.width
        line = [p for a, b, price in zip(begins, curve.mw, curve.price, strict=True) for p in (frame.at(a, price), frame.at(b, price))]
        if line:
            line.append(frame.at(most, 0.0))
            canvas.line(line, _DEMAND, 1.8, tip=f"{name}: {len(curve.price)} steps, {top:,.2f} $/MW-h at most, {most:,.0f} MW", kind="curve")
        if got is not None and mcpc is not None:
            px, py = frame.at(got, mcpc[name])
            said = f"{got:,.0f} MW, {mcpc[name]:,.2f}"
            canvas.line([(px, frame.box.y + frame.box.h), (px, py), (frame.box.x, py)], _MARK, 1.0, dash="4 3")
            canvas.dot(px, py, 4.2, _MARK, "#FFFFFF", 1.1, tip=f"{name}: bought {got:,.1f} MW at {mcpc[name]:,.2f} $/MW-h", kind="cleared")
            canvas.text(Text(x + pw - 30, y + 16, said, 11, anchor="end", fill=INK))
    return canvas.svg()


def day(
    output: Mapping[str, np.ndarray], load: np.ndarray, *, storage: Mapping[str, np.ndarray] | None = None,
    stored: Mapping[str, np.ndarray] | None = None, prices: Mapping[str, np.ndarray] | None = None,
    hours: Sequence[float] | None = None, title: str = "A day of dispatch",
) -> str:  # fmt: skip
    """Dispatch stacked by group under the load, storage and what it holds, and prices, over one time axis.

    output: (T,) MW of each group, from the bottom up; groups beyond `GROUPS` are drawn as one. load: (T,) MW. storage: (T,) MW,
    positive when discharging. stored: MWh at the bounds of the intervals (T + 1,), or at their ends (T,). prices: (T,) $/MWh, by what they are called. hours: where
    the intervals begin and the last one ends, (T + 1,); 0, 1, ..., T if left out. Raises `Refusal` (`data-shape`).
    """
    count = len(load)
    begins = np.arange(count + 1, dtype=float) if hours is None else np.asarray(hours, dtype=float)
    for what, rows in (("output", output), ("storage", storage), ("stored", stored), ("prices", prices)):
        for name, values in (rows or {}).items():
            if np.shape(values) != (count,) and not (what == "stored" and np.shape(values) == (count + 1,)):
                raise refuse("data-shape", f"the {what} of `{name}` has {np.size(values):,} values, and the load has {count:,}")
    if len(begins) != count + 1:
        raise refuse("data-shape", f"{count:,} intervals have {count + 1:,} bounds, and {len(begins):,} were given")
    groups = _few(output)
    heights = [260.0] + ([150.0] if storage else []) + ([140.0] if prices else [])
    w, h = 940.0, 92 + sum(heights) + 56 * len(heights) + 10
    told = f"{count} intervals, load {load.min():,.0f} to {load.max():,.0f} MW"
    canvas = Canvas(w, h, title, f"Stacked dispatch under the load{', storage' if storage else ''}{', prices' if prices else ''}. {told}.")
    canvas.heading(title, told)
    top = 92.0
    right = 170.0
    frame = Frame(canvas, Rect(74, top, w - 74 - right, heights[0]), begins[0], begins[-1], 0.0, 1.06 * max(float(load.max()), float(np.sum(list(groups.values()), axis=0).max()) if groups else 0.0))
    ticks = _ticks(begins)
    frame.axes(up="MW", ticks=ticks)
    below = np.zeros(count)
    entries: list[tuple[str, str]] = []
    for i, (name, values) in enumerate(groups.items()):
        above = below + np.maximum(values, 0.0)
        outline = _stairs(frame, begins, above) + _stairs(frame, begins, below)[::-1]
        colour = KINDS[i % len(KINDS)]
        canvas.line(outline, "#FFFFFF", 0.5, fill=colour, closed=True, tip=f"{name}: {values.min():,.1f} to {values.max():,.1f} MW", kind="group")
        entries.append((colour, name))
        below = above
    canvas.line(_stairs(frame, begins, load), _MARK, 2.0, dash="6 3", tip=f"load: {load.min():,.1f} to {load.max():,.1f} MW", kind="load")
    entries.append((_MARK, "load"))
    _side(canvas, entries[::-1], w - right + 16, top)
    top += heights[0] + 56
    if storage:
        _storage(canvas, begins, ticks, storage, stored or {}, top, w, right)
        top += heights[1] + 56
    if prices:
        low = min(0.0, *(float(v.min()) for v in prices.values()))
        high = max(float(v.max()) for v in prices.values())
        frame = Frame(canvas, Rect(74, top, w - 74 - right, heights[-1]), begins[0], begins[-1], 1.08 * low, 1.08 * max(high, 1.0))
        frame.axes("hour", "$/MWh", steps=4, ticks=ticks)
        entries = []
        for i, (name, values) in enumerate(prices.items()):
            colour = (INK, *KINDS)[i % (len(KINDS) + 1)]
            canvas.line(_stairs(frame, begins, values), colour, 1.8, tip=f"{name}: {values.min():,.2f} to {values.max():,.2f} $/MWh", kind="price")
            entries.append((colour, name))
        _side(canvas, entries, w - right + 16, top)
    return canvas.svg()


def _storage(canvas: Canvas, begins: np.ndarray, ticks: Sequence[float], storage: Mapping[str, np.ndarray], stored: Mapping[str, np.ndarray], top: float, w: float, right: float) -> None:
    """Bars of MW, up when discharging; lines of MWh on a scale of their own, at the right."""
    bars = _few(storage)
    height = 150.0
    up = sum(np.maximum(v, 0) for v in bars.values()).max()
    down = sum(np.minimum(v, 0) for v in bars.values()).min()
    frame = Frame(canvas, Rect(74, top, w - 74 - right, height), begins[0], begins[-1], 1.1 * min(float(down), -1e-9), 1.1 * max(float(up), 1e-9))
    frame.axes(up="MW, up when discharging", steps=4, ticks=ticks)
    entries = []
    high, low = np.zeros(len(begins) - 1), np.zeros(len(begins) - 1)
    for i, (name, values) in enumerate(bars.items()):
        colour = KINDS[(i + 3) % len(KINDS)]
        for t, v in enumerate(values):
            if abs(v) > 1e-9:
                base = high if v > 0 else low
                a, b = sorted((frame.y(base[t]), frame.y(base[t] + v)))
                x = frame.x(begins[t])
                canvas.rect(Rect(x + 0.6, a, frame.x(begins[t + 1]) - x - 1.2, b - a), colour, tip=f"{name}, interval {t + 1}: {v:+,.1f} MW", kind="storage")
                base[t] += v
        entries.append((colour, name))
    if stored:
        most = max(float(v.max()) for v in stored.values()) or 1.0
        scale = Frame(canvas, frame.box, begins[0], begins[-1], 0.0, 1.08 * most)
        for i, (name, values) in enumerate(_few(stored).items()):
            points = [scale.at(x, v) for x, v in zip(begins[-len(values) :], values, strict=True)]
            canvas.line(points, INK, 1.8, dash=("", "5 3", "2 3", "8 3 2 3")[i % 4], tip=f"{name} holds {values.min():,.1f} to {values.max():,.1f} MWh", kind="stored")
        for v in round_numbers(0.0, most, 4):
            canvas.text(Text(frame.box.x + frame.box.w + 6, scale.y(v) + 3.5, f"{v:,.0f} MWh", 9.5, fill=QUIET))
        entries.append((INK, "held (line)"))
    _side(canvas, entries, w - right + 70, top)


# ------------------------------------------------------------------------- of a clearing of ours


def stack_of(cleared: Cleared, *, title: str = "") -> str:
    """The offer stack of a clearing against its load, with lambda."""
    f = cleared.fleet
    names = f.names
    supply = [(names[r], float(m), float(p)) for r, m, p in zip(f.step_of, f.step_mw, f.step_price, strict=True)]
    load = float(cleared.load.sum())
    stores = frozenset(names[i] for i in f.esr)
    return offer_stack(
        supply, [("load", load, float("inf"))], price=cleared.system_lambda, mw=load, start=float(f.start.sum()), storage=stores,
        title=title or "Energy offers against load",
    )  # fmt: skip


def services_of(cleared: Cleared, curves: Mapping[str, DemandCurve]) -> str:
    """The demand curves of a clearing's ancillary services and what was bought of each."""
    return services(curves, bought=cleared.bought, mcpc=cleared.mcpc)


def day_of(horizon: Horizon, bus: str, *, title: str = "A day of dispatch") -> str:
    """Dispatch, storage, and prices at a bus of intervals cleared together."""
    first = horizon[0]
    f = first.fleet
    stores = {int(i) for i in f.esr}
    names = f.names
    output = {n: horizon.base_points(n) for r, n in enumerate(names) if r not in stores and f.high[r] > 0}
    storage = {names[r]: horizon.base_points(names[r]) for r in sorted(stores)}
    discharging = sum((np.maximum(v, 0) for v in storage.values()), np.zeros(len(horizon)))
    if storage:
        output["storage"] = discharging
    held = {names[r]: np.array([f.stored[k], *(c.stored[k] for c in horizon.intervals)]) for k, r in enumerate(f.esr)}
    hours = np.concatenate([[0.0], np.cumsum([c.hours for c in horizon.intervals])])
    prices = {"lambda": np.array([c.system_lambda for c in horizon.intervals]), f"LMP of {bus}": horizon.lmp(bus)}
    load = np.array([float(c.load.sum()) for c in horizon.intervals])
    return day(output, load, storage=storage or None, stored=held, prices=prices, hours=hours.tolist(), title=title)


# ------------------------------------------------------------------------------------------ pieces


def _few(groups: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The largest groups in the order given, the others as one."""
    if len(groups) <= GROUPS:
        return {n: np.asarray(v, dtype=float) for n, v in groups.items()}
    large = sorted(groups, key=lambda n: -float(np.abs(groups[n]).sum()))[: GROUPS - 1]
    kept = {n: np.asarray(v, dtype=float) for n, v in groups.items() if n in large}
    rest = [v for n, v in groups.items() if n not in large]
    return {f"{len(rest)} others": np.sum(rest, axis=0), **kept}


def _stairs(frame: Frame, begins: np.ndarray, values: np.ndarray) -> list[tuple[float, float]]:
    return [p for a, b, v in zip(begins[:-1], begins[1:], values, strict=True) for p in (frame.at(a, v), frame.at(b, v))]


def _ticks(begins: np.ndarray) -> list[float]:
    """Hours of a day in threes, or round numbers of whatever it is."""
    span = float(begins[-1] - begins[0])
    if 6 <= span <= 48:
        step = 3 if span <= 30 else 6
        return [float(v) for v in np.arange(np.ceil(begins[0] / step) * step, begins[-1] + 1e-9, step)]
    return round_numbers(float(begins[0]), float(begins[-1]), 8)


def _legend(canvas: Canvas, entries: Sequence[tuple[str, str]], y: float) -> None:
    x = 74.0
    for colour, said in entries:
        canvas.rect(Rect(x, y - 1, 16, 11), colour)
        canvas.text(Text(x + 22, y + 9, said, 10.5, fill=QUIET))
        x += 22 + width(said, 10.5) + 22


def _side(canvas: Canvas, entries: Sequence[tuple[str, str]], x: float, y: float) -> None:
    for i, (colour, said) in enumerate(entries):
        canvas.rect(Rect(x, y + 18 * i, 12, 11), colour)
        canvas.text(Text(x + 18, y + 18 * i + 9.5, fit(said, canvas.w - x - 26, 10.5), 10.5, fill=QUIET))


__all__ = ["GROUPS", "Step", "day", "day_of", "offer_stack", "services", "services_of", "stack_of"]
