"""Pictures of a cleared network: its one-line diagram coloured by price, and what a bus' price is made of.

Each is a self-contained SVG text; `opengames.drawn.svg.save` writes it. Buses and branches carry tips with their names and
numbers whether or not there is room to print them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import numpy as np

from opengames.diagnostics import refuse
from opengames.drawn.ink import INK, QUIET, Rect, Text
from opengames.drawn.measure import fit, width
from opengames.models.grid.canvas import Canvas, Frame, plain, readable_on, round_numbers, shade
from opengames.models.grid.layout import SMALL, layout
from opengames.models.grid.network import Network

#: Buses up to which each is a box with its name and price, and each branch has its flow written on it.
DETAILED = 40
#: Share of its limit from which a branch counts as full.
FULL = 0.9999
#: Constraints shown one by one in a waterfall.
STEPS = 12
_CALM, _BUSY, _AT_LIMIT = "#B8C2CC", "#8A6D00", "#111827"
#: Direct-current lines, which are dashed too.
_DIRECT = "#5B3F8C"


def one_line(
    network: Network, lmp: np.ndarray, flow: np.ndarray, *, shadow: np.ndarray | None = None, output: np.ndarray | None = None,
    load: np.ndarray | None = None, direct: np.ndarray | None = None, storage: np.ndarray | None = None, title: str = "", subtitle: str = "",
) -> str:  # fmt: skip
    """The network with buses coloured by price and branches by how full they are, direct-current lines dashed.

    lmp: (buses,) $/MWh. flow: (branches,) MW from tail to head. shadow: (branches,) $/MWh. output: (units,) MW. load: (buses,) MW, the
    network's own if left out. direct: (lines,) MW that leave the tails of direct-current lines. storage: (stores,) MW, positive when
    discharging. Raises `Refusal` (`data-shape`) for arrays of other lengths.
    """
    buses, branches = network.buses, network.branches
    for what, found, wanted in (("prices", lmp, len(buses)), ("flows", flow, len(branches)), ("shadow prices", shadow, len(branches)), ("outputs", output, len(network.units)), ("loads", load, len(buses)), ("direct flows", direct, len(network.direct)), ("batteries", storage, len(network.storages))):
        if found is not None and np.shape(found) != (wanted,):
            raise refuse("data-shape", f"`{network.name}` takes {wanted:,} {what}, and {np.size(found):,} were given")
    detailed = len(buses) <= DETAILED
    w, h = (900.0, 640.0) if len(buses) <= 12 else (1200.0, 860.0) if detailed else (1200.0, 980.0)
    full = _loading(network, flow) >= FULL
    name = title or f"{network.name}: prices and flows"
    told = subtitle or f"{len(buses):,} buses, {len(branches):,} branches, {int(full.sum()):,} at {'its' if full.sum() == 1 else 'their'} limit; LMP {lmp.min():,.2f} to {lmp.max():,.2f} $/MWh"
    canvas = Canvas(w, h, name, f"One-line diagram. {told}. Buses are darker where the price is higher; branches at their limit are black{', direct-current lines dashed' if direct is not None and len(direct) else ''}.")
    canvas.heading(name, told)
    low, high = _range(lmp)
    colours = [shade((p - low) / (high - low) if high > low else 0.5) for p in lmp]
    across, down = (70.0, 50.0) if detailed else (16.0, 16.0)
    xy = layout(network) * (w - 48 - 2 * across, h - 175 - 2 * down) + (24 + across, 72 + down)
    _scale(canvas, lmp, low, high, h - 52)
    _key(canvas, w, h - 52, direct is not None and len(direct) > 0)
    canvas.taken.append(Rect(0, h - 84, w, 84))
    canvas.taken.append(Rect(0, 0, w, 58))
    notes = _notes(network, output, buses.load if load is None else load, storage)
    if detailed:
        boxes = _boxes(canvas, network, lmp, xy)
        _branches(canvas, network, flow, shadow, xy, detailed)
        if direct is not None:
            _direct(canvas, network, direct, xy, detailed)
        _labels(canvas, network, flow, shadow, xy, np.argsort(-_loading(network, flow), kind="stable"), True)
        for i, (box, (first, second)) in enumerate(boxes):
            canvas.rect(box, colours[i], INK, 1.2, radius=5, tip=_bus_tip(network, i, lmp, notes), kind="bus")
            ink = readable_on(colours[i])
            canvas.text(Text(box.x + box.w / 2, box.y + 15, first, 12, anchor="middle", bold=True, fill=ink))
            canvas.text(Text(box.x + box.w / 2, box.y + 30, second, 11, anchor="middle", fill=ink))
            lines = [t for t in (Text(box.x + box.w / 2, box.y + box.h + 14, notes[i], 10, anchor="middle", fill=QUIET), Text(box.x + box.w / 2, box.y - 6, notes[i], 10, anchor="middle", fill=QUIET)) if t.text]
            if lines:
                canvas.place(lines)
    else:
        _branches(canvas, network, flow, shadow, xy, detailed)
        if direct is not None:
            _direct(canvas, network, direct, xy, detailed)
        radius = max(2.2, min(6.0, 140 / np.sqrt(len(buses))))
        for i in np.argsort(np.asarray(lmp), kind="stable"):
            canvas.dot(float(xy[i, 0]), float(xy[i, 1]), radius, colours[i], "#3E4C59", 0.4, tip=_bus_tip(network, int(i), lmp, notes), kind="bus")
        if len(buses) <= SMALL:
            canvas.taken += [Rect(x - radius, y - radius, 2 * radius, 2 * radius) for x, y in xy]
        hardest = np.flatnonzero(full) if shadow is None else np.flatnonzero(np.abs(shadow) > 1e-6)
        weight = _loading(network, flow) if shadow is None else np.abs(shadow)
        _labels(canvas, network, flow, shadow, xy, hardest[np.argsort(-weight[hardest], kind="stable")][:12], False)
        for i in (int(np.argmax(lmp)), int(np.argmin(lmp))):
            x, y = xy[i]
            said = f"{buses.names[i]} {lmp[i]:,.2f} $/MWh"
            canvas.place([Text(x + dx, y + dy, said, 11, anchor=a, bold=True) for dx, dy, a in ((8, 4, "start"), (-8, 4, "end"), (0, -9, "middle"), (0, 18, "middle"), (14, 22, "start"), (-14, -20, "end"))])
    return canvas.svg()


def _boxes(canvas: Canvas, network: Network, lmp: np.ndarray, xy: np.ndarray) -> list[tuple[Rect, tuple[str, str]]]:
    """A box for each bus with its two lines, moved apart where they overlap."""
    said = [(fit(n, 110, 12, bold=True), f"{p:,.2f}") for n, p in zip(network.buses.names, lmp, strict=True)]
    sizes = [max(width(a, 12, True), width(b, 11)) + 18 for a, b in said]
    rects = [Rect(x - w / 2, y - 18, w, 36) for (x, y), w in zip(xy, sizes, strict=True)]
    for _ in range(200):
        moved = False
        for i, a in enumerate(rects):
            for j in range(i):
                b = rects[j]
                wide = Rect(b.x - 8, b.y - 18, b.w + 16, b.h + 36)
                if a.overlaps(wide):
                    dx, dy = a.x + a.w / 2 - b.x - b.w / 2, a.y - b.y
                    by = (0.0, 4.0 if dy >= 0 else -4.0) if abs(dy) * 2 > abs(dx) else (5.0 if dx >= 0 else -5.0, 0.0)
                    a = rects[i] = _kept(Rect(a.x + by[0], a.y + by[1], a.w, a.h), canvas)
                    rects[j] = _kept(Rect(b.x - by[0], b.y - by[1], b.w, b.h), canvas)
                    moved = True
        if not moved:
            break
    for i, r in enumerate(rects):
        xy[i] = (r.x + r.w / 2, r.y + r.h / 2)
    canvas.taken += rects
    return list(zip(rects, said, strict=True))


def _kept(r: Rect, canvas: Canvas) -> Rect:
    return Rect(min(max(r.x, 12), canvas.w - 12 - r.w), min(max(r.y, 84), canvas.h - 120 - r.h), r.w, r.h)


def _branches(canvas: Canvas, network: Network, flow: np.ndarray, shadow: np.ndarray | None, xy: np.ndarray, detailed: bool) -> None:
    """Thicker the fuller; parallel ones side by side."""
    share = _loading(network, flow)
    order = np.argsort(share, kind="stable")
    for k in order:
        a, b = _ends(network, int(k), xy)
        colour = _AT_LIMIT if share[k] >= FULL else _BUSY if share[k] >= 0.8 else _CALM
        thick = (1.4 + 2.6 * min(share[k], 1.0)) if detailed else (0.5 + (0.6 if share[k] < 0.8 else 1.2 if share[k] < FULL else 2.4))
        canvas.line([a, b], colour, float(thick), tip=_branch_tip(network, int(k), flow, shadow), kind="branch")
        if detailed and abs(flow[k]) > 1e-6:
            _arrow(canvas, a, b, bool(flow[k] > 0), colour)


def _direct(canvas: Canvas, network: Network, flow: np.ndarray, xy: np.ndarray, detailed: bool) -> None:
    """Direct-current lines beside the branches that they run along, with what they carry."""
    lines, names = network.direct, network.buses.names
    pairs = {(min(a, b), max(a, b)) for a, b in zip(network.branches.tail.tolist(), network.branches.head.tolist(), strict=True)}
    seen: dict[tuple[int, int], int] = {}
    for k, name in enumerate(lines.names):
        i, j = int(lines.tail[k]), int(lines.head[k])
        pair = (min(i, j), max(i, j))
        seen[pair] = seen.get(pair, 0) + 1
        (x1, y1), (x2, y2) = xy[i], xy[j]
        length = hypot(x2 - x1, y2 - y1) or 1.0
        side = (7.0 * seen[pair] if pair in pairs else 7.0 * (seen[pair] - 1)) * (1 if i < j else -1)
        dx, dy = -(y2 - y1) / length * side, (x2 - x1) / length * side
        a, b = (x1 + dx, y1 + dy), (x2 + dx, y2 + dy)
        arrives = float((1 - lines.share[k]) * flow[k] - lines.lost[k])
        tip = f"{name}, direct current, {names[i]} to {names[j]}: {flow[k]:,.1f} MW leave, {arrives:,.1f} arrive; {lines.least[k]:,.1f} to {lines.most[k]:,.1f} MW"
        canvas.line([a, b], _DIRECT, 2.4 if detailed else 1.6, dash="7 4", tip=tip, kind="direct")
        if detailed and abs(flow[k]) > 1e-6:
            _arrow(canvas, a, b, bool(flow[k] > 0), _DIRECT)
        if detailed or len(lines) <= STEPS:
            said = f"{name}: {abs(flow[k]):,.1f} MW"
            tries = [
                Text(a[0] + t * (b[0] - a[0]) + ex * far, a[1] + t * (b[1] - a[1]) + ey * far, said, 10.5, anchor=anchor, fill=_DIRECT)
                for far in (1.0, 1.8, 3.0) for ex, ey, anchor in ((9, 4, "start"), (-9, 4, "end"), (0, -8, "middle"), (0, 17, "middle")) for t in (0.5, 0.4, 0.6, 0.3, 0.7)
            ]  # fmt: skip
            canvas.place(tries)


def _ends(network: Network, k: int, xy: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where a branch is drawn from and to: beside its twins."""
    t, g = network.branches.tail, network.branches.head
    i, j = int(t[k]), int(g[k])
    same = np.flatnonzero(((t == i) & (g == j)) | ((t == j) & (g == i)))
    shift = 6.0 * (int(np.searchsorted(same, k)) - (len(same) - 1) / 2)
    (x1, y1), (x2, y2) = xy[min(i, j)], xy[max(i, j)]
    length = hypot(x2 - x1, y2 - y1) or 1.0
    dx, dy = -(y2 - y1) / length * shift, (x2 - x1) / length * shift
    ends = ((x1 + dx, y1 + dy), (x2 + dx, y2 + dy))
    return ends if i <= j else (ends[1], ends[0])


def _arrow(canvas: Canvas, a: tuple[float, float], b: tuple[float, float], forward: bool, colour: str) -> None:
    """A triangle a third of the way from where the power leaves."""
    (x1, y1), (x2, y2) = (a, b) if forward else (b, a)
    length = hypot(x2 - x1, y2 - y1)
    if length < 30:
        return
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    x, y = x1 + 0.62 * (x2 - x1), y1 + 0.62 * (y2 - y1)
    canvas.line([(x, y), (x - 9 * ux - 4.5 * uy, y - 9 * uy + 4.5 * ux), (x - 9 * ux + 4.5 * uy, y - 9 * uy - 4.5 * ux)], colour, 0.5, fill=colour, closed=True)


def _labels(canvas: Canvas, network: Network, flow: np.ndarray, shadow: np.ndarray | None, xy: np.ndarray, which: np.ndarray, detailed: bool) -> None:
    share = _loading(network, flow)
    for k in which:
        (x1, y1), (x2, y2) = _ends(network, int(k), xy)
        limit = network.branches.limit[k]
        said = f"{abs(flow[k]):,.1f}" + (f" / {limit:,.0f} MW" if np.isfinite(limit) else " MW")
        if not detailed:
            said = f"{fit(network.branches.names[k], 150, 10.5, bold=True)}: {said}"
        if shadow is not None and abs(shadow[k]) > 1e-6:
            said += f", {abs(shadow[k]):,.2f} $/MWh"
        bold = bool(share[k] >= FULL)
        steep = abs(y2 - y1) > 0.5 * abs(x2 - x1)
        falls = (y2 - y1) * (x2 - x1) > 0
        # Beside a steep branch, above or below a flat one, on the side to which it leans away.
        beside: list[tuple[float, float, str]] = [(9, -4 if falls else 12, "start"), (-9, 12 if falls else -4, "end"), (9, 4, "start"), (-9, 4, "end")]
        rise = min(abs(y2 - y1) / max(abs(x2 - x1), 1.0), 0.6) * width(said, 10.5, bold) / 2
        over: list[tuple[float, float, str]] = [(0, -7 - rise, "middle"), (0, 16 + rise, "middle")]
        ways = beside + over if steep else over + beside
        tries = [
            Text(x1 + t * (x2 - x1) + dx * far, y1 + t * (y2 - y1) + dy * far, said, 10.5, anchor=anchor, bold=bold, fill=INK if bold else QUIET)
            for far in (1.0, 1.7, 2.6, 4.0) for dx, dy, anchor in ways for t in (0.45, 0.5, 0.4, 0.55, 0.35, 0.3, 0.7, 0.25, 0.75)
        ]  # fmt: skip
        canvas.place(tries)


def _loading(network: Network, flow: np.ndarray) -> np.ndarray:
    """|flow| / limit, 0 where there is no limit."""
    limit = network.branches.limit
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(limit) & (limit > 0), np.abs(flow) / limit, np.where(limit == 0, 1.0, 0.0))


def _range(lmp: np.ndarray) -> tuple[float, float]:
    """Prices between which colours change: all of them, but for a few far out in a large network."""
    if len(lmp) <= DETAILED:
        return float(lmp.min()), float(lmp.max())
    low, high = np.quantile(lmp, (0.02, 0.98))
    return (float(low), float(high)) if high > low else (float(lmp.min()), float(lmp.max()))


def _scale(canvas: Canvas, lmp: np.ndarray, low: float, high: float, y: float) -> None:
    """The bar that says which colour is which price."""
    x, long = 24.0, 300.0
    canvas.text(Text(x, y - 8, "LMP, $/MWh", 10.5, fill=QUIET))
    if high <= low:
        canvas.rect(Rect(x, y, 24, 12), shade(0.5), "#9AA5B1", 0.6)
        canvas.text(Text(x + 30, y + 10, f"{low:,.2f} at every bus", 10, fill=QUIET))
        return
    for i in range(60):
        canvas.rect(Rect(x + long * i / 60, y, long / 60 + 0.6, 12), shade((i + 0.5) / 60))
    ends = [low, high]
    inner = [v for v in round_numbers(low, high, 3) if min(abs(v - e) for e in ends) > 0.18 * (high - low)]
    for v, said in ((low, f"{low:,.2f}" if lmp.min() >= low else f"≤ {low:,.2f}"), *((v, plain(v)) for v in inner), (high, f"{high:,.2f}" if lmp.max() <= high else f"≥ {high:,.2f}")):
        anchor = "start" if v == low else "end" if v == high else "middle"
        canvas.text(Text(x + long * (v - low) / (high - low), y + 26, said, 10, anchor=anchor, fill=QUIET))


def _key(canvas: Canvas, w: float, y: float, direct: bool) -> None:
    x = 380.0
    if direct:
        canvas.line([(x, y + 26), (x + 30, y + 26)], _DIRECT, 2.4, dash="7 4")
        canvas.text(Text(x + 36, y + 30, "direct current", 10.5, fill=QUIET))
    for colour, thick, said in ((_CALM, 1.8, "below 80 % of its limit"), (_BUSY, 3.0, "80 % and more"), (_AT_LIMIT, 4.0, "at its limit or beyond")):
        canvas.line([(x, y + 6), (x + 30, y + 6)], colour, thick)
        canvas.text(Text(x + 36, y + 10, said, 10.5, fill=QUIET))
        x += 36 + width(said, 10.5) + 22


def _notes(network: Network, output: np.ndarray | None, load: np.ndarray, storage: np.ndarray | None) -> list[str]:
    """What each bus makes and takes, and what its batteries do."""
    made = np.zeros(len(network.buses))
    if output is not None:
        np.add.at(made, network.units.bus, output)
    there = np.bincount(network.units.bus, minlength=len(made)) > 0 if len(network.units) else np.zeros(len(made), dtype=bool)
    stores = np.zeros(len(made))
    if storage is not None:
        np.add.at(stores, network.storages.bus, storage)
    out = []
    for i in range(len(made)):
        parts = ([f"makes {made[i]:,.1f}"] if output is not None and there[i] else []) + ([f"takes {load[i]:,.1f}"] if load[i] else [])
        if abs(stores[i]) > 1e-6:
            parts.append(f"batteries {'give' if stores[i] > 0 else 'store'} {abs(stores[i]):,.1f}")
        out.append(", ".join(parts) + (" MW" if parts else ""))
    return out


def _bus_tip(network: Network, i: int, lmp: np.ndarray, notes: Sequence[str]) -> str:
    return f"{network.buses.names[i]}: {lmp[i]:,.2f} $/MWh" + (f"; {notes[i]}" if notes[i] else "")


def _branch_tip(network: Network, k: int, flow: np.ndarray, shadow: np.ndarray | None) -> str:
    b = network.branches
    limit = f" of {b.limit[k]:,.1f}" if np.isfinite(b.limit[k]) else ""
    price = f"; shadow price {shadow[k]:,.2f} $/MWh" if shadow is not None and abs(shadow[k]) > 1e-6 else ""
    return f"{b.names[k]}, {network.buses.names[b.tail[k]]} to {network.buses.names[b.head[k]]}: {flow[k]:,.1f}{limit} MW{price}"


# ------------------------------------------------------------------------------------ a bus' price


def waterfall(bus: str, energy: float, parts: Sequence[tuple[str, float, float]], *, title: str = "") -> str:
    """How a price comes about: lambda, then what each binding constraint adds, `-factor * shadow price`, then the LMP, their sum.

    energy: lambda, $/MWh. parts: (constraint, shift factor, shadow price in $/MW), those that bind. The largest `STEPS` are shown one
    by one, the others added up.
    """
    adds = sorted(((name, -factor * price, factor, price) for name, factor, price in parts if factor * price), key=lambda p: -abs(p[1]))
    lmp = energy + sum(a for _, a, _, _ in adds)
    bars = [(name, a, f"shift factor {f:+.4f}, shadow price {p:,.2f} $/MW") for name, a, f, p in adds[:STEPS]]
    rest = adds[STEPS:]
    if rest:
        bars.append((f"{len(rest)} others", sum(a for _, a, _, _ in rest), f"{len(rest)} constraints that move it less"))
    steps = [energy]
    for _, a, _ in bars:
        steps.append(steps[-1] + a)
    room = max([width(fit(n, 210, 11.5), 11.5) for n, _, _ in bars] + [width(f"LMP of {bus}", 11.5, True), 90.0]) + 20
    row, top = 30.0, 92.0
    w, h = 900.0, top + row * (len(bars) + 2) + 46
    name = title or f"What the price of {bus} is made of"
    canvas = Canvas(w, h, name, f"Waterfall from lambda {energy:,.2f} $/MWh over {len(adds)} binding constraints to the LMP {lmp:,.2f} $/MWh of {bus}.")
    canvas.heading(name, f"lambda {energy:,.2f}, {len(adds)} binding constraint{'' if len(adds) == 1 else 's'}, LMP {lmp:,.2f} $/MWh")
    low, high = min(0.0, *steps), max(0.0, *steps)
    pad = 0.1 * ((high - low) or 1.0)
    frame = Frame(canvas, Rect(24 + room, top, w - 48 - room - 70, row * (len(bars) + 2)), low - (pad if low < 0 else 0), high + pad, 0, 1)
    for v in round_numbers(frame.x0, frame.x1, 6):
        x = frame.x(v)
        canvas.line([(x, top), (x, top + frame.box.h)], "#9AA5B1" if v == 0 else "#E4E7EB", 1.0)
        canvas.text(Text(x, top + frame.box.h + 16, plain(v), 10, anchor="middle", fill=QUIET))
    canvas.text(Text(w - 24, top + frame.box.h + 32, "$/MWh", 10.5, anchor="end", fill=QUIET))
    rows = [("lambda", 0.0, energy, "energy price at the reference", "#52606D", f"{energy:,.2f}")]
    rows += [(n, steps[i], steps[i + 1], tip, "#B8430B" if a > 0 else "#0072B2", f"{a:+,.2f}") for i, (n, a, tip) in enumerate(bars)]
    rows.append((f"LMP of {bus}", 0.0, lmp, "the sum", INK, f"{lmp:,.2f}"))
    for i, (label, start, end, tip, colour, said) in enumerate(rows):
        y = top + row * i + 5
        ends = i in (0, len(rows) - 1)
        a, b = sorted((frame.x(start), frame.x(end)))
        canvas.text(Text(24 + room - 12, y + 14, fit(label, room - 4, 11.5, bold=ends), 11.5, anchor="end", bold=ends))
        canvas.rect(Rect(a, y, max(b - a, 1.0), row - 10), colour, tip=f"{label}: {said} $/MWh; {tip}", kind="step")
        canvas.text(Text(b + 6, y + 14, said, 11, bold=ends), halo=True)
        if i < len(rows) - 1:
            canvas.line([(frame.x(end), y + row - 10), (frame.x(end), y + row)], "#7B8794", 1.0, dash="2 2")
    return canvas.svg()


__all__ = ["DETAILED", "FULL", "STEPS", "one_line", "waterfall"]
