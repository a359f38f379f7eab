"""A quantity along an index, with the band of its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

from opengames.drawn.ink import Line, Mark, Picture, Point, Text
from opengames.drawn.svg import svg

W, H = 760.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 20.0, 46.0, 44.0
INK, BAND, GRID = "#0072B2", "#CFE3F1", "#E4E7EB"


def band(
    labels: Sequence[str], middle: Sequence[float], lower: Sequence[float], upper: Sequence[float], title: str, unit: str, desc: str
) -> str:
    """The picture as SVG: `middle` as a line over the band from `lower` to `upper`, one point for each label."""
    values = [float(x) for each in (middle, lower, upper) for x in each]
    ticks = _ticks(min(values), max(values))
    low, high = min(ticks[0], *values), max(ticks[-1], *values)

    def x(i: int) -> float:
        return LEFT + (W - LEFT - RIGHT) * (i / (len(labels) - 1) if len(labels) > 1 else 0.5)

    def y(v: float) -> float:
        return TOP + (H - TOP - BOTTOM) * ((high - v) / (high - low) if high > low else 0.5)

    marks: list[Mark] = [Text(LEFT, 20, title, 13, bold=True), Text(LEFT, 36, desc, 10, fill="#52606D")]
    for tick in ticks:
        marks.append(Line((LEFT, y(tick)), (((W - RIGHT, y(tick)),),), GRID, 1))
        marks.append(Text(LEFT - 8, y(tick) + 4, f"{tick:g}", 10, "end"))
    if unit:
        marks.append(Text(LEFT - 8, TOP - 8, unit, 10, "end", fill="#52606D"))
    around = [(x(i), y(float(v))) for i, v in enumerate(upper)] + [(x(i), y(float(lower[i]))) for i in reversed(range(len(labels)))]
    marks.append(Line(around[0], _straight(around[1:]), "none", 0.5, fill=BAND))
    line = [(x(i), y(float(v))) for i, v in enumerate(middle)]
    marks.append(Line(line[0], _straight(line[1:]), INK, 1.5))
    step = max(1, -(-len(labels) // 8))
    for i in range(0, len(labels), step):
        marks.append(Text(x(i), H - BOTTOM + 18, labels[i], 10, "middle"))
    return svg(Picture(W, H, title, desc, tuple(marks)))


def _straight(points: Sequence[Point]) -> tuple[tuple[Point, ...], ...]:
    return tuple((p,) for p in points)


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers that span the values."""
    if not high > low:
        return [low - 1, low, low + 1]
    rough = (high - low) / 5
    unit = 10.0 ** floor(log10(rough))
    step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= rough)
    first = floor(low / step)
    found = [first * step]
    while found[-1] < high:
        found.append((first + len(found)) * step)
    return found
