"""Marks of charts and maps as SVG whose texts can be selected and whose parts say what they are.

Pixels; y points down. Every part may have a tip, which a browser shows on hovering and a screen reader says. What is
written down is escaped by `opengames.drawn.svg`. `Frame` maps data into a rectangle and draws its axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import floor, isfinite, log10

from opengames.drawn.ink import QUIET, RULE, Point, Rect, Text
from opengames.drawn.svg import FONTS, escape

#: Price from low to high: lighter to darker throughout, so that order survives print and colour blindness.
PRICES = ((0.0, "#E3EEF8"), (0.3, "#F6DFA4"), (0.6, "#E8864A"), (0.8, "#BE3B30"), (1.0, "#5C0D1E"))
#: One colour for each thing told apart, after Okabe and Ito (2008), and its neighbours.
KINDS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A7A12", "#7A6FB0", "#9AA5B1", "#5B4636")


def shade(share: float) -> str:
    """The colour of a price at a share of its range, 0 to 1; outside, that of the end."""
    share = min(max(share, 0.0), 1.0)
    for (a, low), (b, high) in pairwise(PRICES):
        if share <= b:
            t = (share - a) / (b - a)
            mixed = (round(int(low[i : i + 2], 16) * (1 - t) + int(high[i : i + 2], 16) * t) for i in (1, 3, 5))
            return "#" + "".join(f"{v:02X}" for v in mixed)
    return PRICES[-1][1]


def luminance(colour: str) -> float:
    """Relative luminance of a colour, 0 black to 1 white (WCAG 2.1)."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def readable_on(colour: str) -> str:
    """Black or white, whichever contrasts more: at least 4.5 to 1 on any colour."""
    return "#000000" if (luminance(colour) + 0.05) ** 2 > 1.05 * 0.05 else "#FFFFFF"


@dataclass
class Canvas:
    """A drawing under way. title, desc: what a screen reader says first. taken: rectangles that labels keep out of."""

    w: float
    h: float
    title: str
    desc: str
    parts: list[str] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    taken: list[Rect] = field(default_factory=list)

    def line(self, points: Sequence[Point], stroke: str, thick: float = 1.2, *, dash: str = "", tip: str = "", kind: str = "", fill: str = "none", closed: bool = False) -> None:
        d = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + ("Z" if closed else "")
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        paint = f'fill="{fill}" stroke="{stroke}" stroke-width="{_n(thick)}" stroke-linejoin="round"{dashed}'
        self._add("path", f'd="{d}" {paint}', tip, kind)

    def rect(self, r: Rect, fill: str, stroke: str = "none", thick: float = 1.0, *, radius: float = 0.0, tip: str = "", kind: str = "") -> None:
        place = f'x="{_n(r.x)}" y="{_n(r.y)}" width="{_n(max(r.w, 0))}" height="{_n(max(r.h, 0))}" rx="{_n(radius)}"'
        self._add("rect", f'{place} fill="{fill}" stroke="{stroke}" stroke-width="{_n(thick)}"', tip, kind)

    def dot(self, x: float, y: float, r: float, fill: str, stroke: str = "none", thick: float = 0.6, *, tip: str = "", kind: str = "") -> None:
        self._add("circle", f'cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}" fill="{fill}" stroke="{stroke}" stroke-width="{_n(thick)}"', tip, kind)

    def text(self, t: Text, *, halo: bool = False) -> None:
        """halo: paper behind it, for text over lines."""
        more = (' font-weight="600"' if t.bold else "") + (' font-style="italic"' if t.italic else "")
        more += "" if t.anchor == "start" else f' text-anchor="{t.anchor}"'
        if halo:
            r = t.rect
            self.parts.append(
                f'<rect x="{_n(r.x - 2)}" y="{_n(r.y - 1)}" width="{_n(r.w + 4)}" height="{_n(r.h + 2)}" rx="2" fill="#FFFFFF" fill-opacity="0.82"/>'
            )
        self.texts.append(t)
        self.parts.append(f'<text x="{_n(t.x)}" y="{_n(t.y)}" font-size="{_n(t.size)}" fill="{t.fill}"{more}>{escape(t.text)}</text>')

    def place(self, candidates: Sequence[Text], *, halo: bool = True) -> bool:
        """The first candidate that overlaps nothing taken and stays on the sheet is written; False if there is none."""
        sheet = Rect(2, 2, self.w - 4, self.h - 4)
        for t in candidates:
            r = t.rect
            roomy = Rect(r.x - 2, r.y - 1, r.w + 4, r.h + 2)
            if sheet.contains(r) and not any(roomy.overlaps(other) for other in self.taken):
                self.taken.append(roomy)
                self.text(t, halo=halo)
                return True
        return False

    def heading(self, title: str, subtitle: str = "") -> None:
        self.text(Text(24, 32, title, 17, bold=True))
        if subtitle:
            self.text(Text(24, 51, subtitle, 11.5, fill=QUIET))

    def svg(self) -> str:
        w, h = _n(self.w), _n(self.h)
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" font-family="{FONTS}">\n'
            f"<title>{escape(self.title)}</title>\n<desc>{escape(self.desc)}</desc>\n"
            f'<rect width="{w}" height="{h}" fill="#FFFFFF"/>\n{body}\n</svg>\n'
        )

    def _add(self, tag: str, attributes: str, tip: str, kind: str) -> None:
        named = f' class="{kind}"' if kind else ""
        self.parts.append(f"<{tag}{named} {attributes}><title>{escape(tip)}</title></{tag}>" if tip else f"<{tag}{named} {attributes}/>")


@dataclass(frozen=True)
class Frame:
    """A rectangle of the canvas that shows data from (x0, y0) at its lower left to (x1, y1)."""

    on: Canvas
    box: Rect
    x0: float
    x1: float
    y0: float
    y1: float

    def x(self, value: float) -> float:
        return self.box.x + (value - self.x0) / ((self.x1 - self.x0) or 1.0) * self.box.w

    def y(self, value: float) -> float:
        return self.box.y + self.box.h - (value - self.y0) / ((self.y1 - self.y0) or 1.0) * self.box.h

    def at(self, x: float, y: float) -> Point:
        return (self.x(x), self.y(y))

    def axes(self, across: str = "", up: str = "", *, steps: int = 5, numbers: bool = True, ticks: Sequence[float] | None = None) -> None:
        """Grid lines and numbers; across is written below the right end, up above the left one."""
        b = self.box
        for value in round_numbers(self.y0, self.y1, steps):
            y = self.y(value)
            self.on.line([(b.x, y), (b.x + b.w, y)], "#9AA5B1" if value == 0 else "#E4E7EB", 1.0)
            self.on.text(Text(b.x - 6, y + 3.5, plain(value), 10, anchor="end", fill=QUIET))
        shown = round_numbers(self.x0, self.x1, 6) if ticks is None else ticks
        for value in shown if numbers else ():
            self.on.line([(self.x(value), b.y + b.h), (self.x(value), b.y + b.h + 4)], RULE, 1.0)
            self.on.text(Text(self.x(value), b.y + b.h + 16, plain(value), 10, anchor="middle", fill=QUIET))
        self.on.line([(b.x, b.y + b.h), (b.x + b.w, b.y + b.h)], "#9AA5B1", 1.0)
        if across:
            self.on.text(Text(b.x + b.w, b.y + b.h + 31, across, 10.5, anchor="end", fill=QUIET))
        if up:
            self.on.text(Text(b.x - 34, b.y - 9, up, 10.5, fill=QUIET))


def round_numbers(low: float, high: float, steps: int) -> list[float]:
    """About so many round numbers from low to high.

    >>> round_numbers(0, 97, 5)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    if not (isfinite(low) and isfinite(high)) or high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        return [low] if isfinite(low) else []
    rough = (high - low) / max(steps, 1)
    power = 10.0 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first = -floor(-low / step + 1e-9)
    count = floor((high - first * step) / step + 1e-9) + 1
    return [round((first + i) * step, 10) + 0.0 for i in range(count)]


def plain(value: float) -> str:
    """A number as a label: no more digits than it needs.

    >>> plain(5000.0), plain(0.25), plain(-3)
    ('5,000', '0.25', '-3')
    """
    shown = f"{value:,.10g}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"
    if abs(value) >= 1e4 and value == int(value):
        return f"{int(value):,}"
    return f"{float(shown.replace(',', '')):,.6g}" if "e" not in shown else shown


def _n(value: float) -> str:
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown


__all__ = ["KINDS", "PRICES", "Canvas", "Frame", "luminance", "plain", "readable_on", "round_numbers", "shade"]
