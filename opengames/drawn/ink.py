"""Marks on paper: what a picture consists of before it becomes SVG. Plain data, so that tests can ask
whether boxes overlap and whether texts stay inside.

The y axis points down; lengths are in CSS pixels. The colours are those of Okabe and Ito (2008), which
people with any common colour blindness tell apart, as pale fills under dark strokes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from opengames.drawn.measure import width

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    w: float
    h: float

    def overlaps(self, other: Rect, slack: float = 0.0) -> bool:
        """Whether the two share more than `slack` in both directions."""
        return (
            min(self.x + self.w, other.x + other.w) - max(self.x, other.x) > slack
            and min(self.y + self.h, other.y + other.h) - max(self.y, other.y) > slack
        )

    def contains(self, other: Rect, slack: float = 0.0) -> bool:
        return (
            other.x >= self.x - slack
            and other.y >= self.y - slack
            and other.x + other.w <= self.x + self.w + slack
            and other.y + other.h <= self.y + self.h + slack
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled outline. form: "box", "pill", "diamond" or "bare" (no outline at all, takes room only).

    path: where it stands: the siblings of a shape share its path but for the last segment. Shapes with
    an empty path are decoration and take part in no layout.
    """

    rect: Rect
    form: str = "box"
    fill: str = "none"
    stroke: str = "none"
    thick: float = 1.2
    dash: str = ""
    radius: float = 7.0
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; `x`, `y` is its anchor on the baseline. room: the outline it has to stay inside."""

    x: float
    y: float
    text: str
    size: float = 11.0
    anchor: str = "start"
    bold: bool = False
    italic: bool = False
    fill: str = "#1F2933"
    room: Rect | None = None

    @property
    def rect(self) -> Rect:
        """What the line covers, from the top of its capitals to the foot of its descenders."""
        w = width(self.text, self.size, self.bold)
        left = {"start": 0.0, "middle": w / 2, "end": w}[self.anchor]
        return Rect(self.x - left, self.y - 0.76 * self.size, w, 0.98 * self.size)


@dataclass(frozen=True, slots=True)
class Line:
    """A pen stroke: a start, then straight (one point) or cubic (three points) pieces. head: an arrow at the end."""

    start: Point
    pieces: tuple[tuple[Point, ...], ...]
    stroke: str
    thick: float = 1.5
    dash: str = ""
    head: bool = False
    fill: str = "none"


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    r: float
    fill: str


Mark = Shape | Text | Line | Dot


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished drawing: marks on a sheet, with the words a screen reader says."""

    w: float
    h: float
    title: str
    desc: str
    marks: tuple[Mark, ...]

    def texts(self) -> list[Text]:
        return [m for m in self.marks if isinstance(m, Text)]

    def shapes(self) -> list[Shape]:
        return [m for m in self.marks if isinstance(m, Shape)]


def shift(marks: Iterable[Mark], dx: float, dy: float) -> list[Mark]:
    """The same marks, moved."""
    return [_shift(m, dx, dy) for m in marks]


def _shift(mark: Mark, dx: float, dy: float) -> Mark:
    match mark:
        case Shape(rect=r):
            return replace(mark, rect=_moved(r, dx, dy))
        case Text(x=x, y=y, room=room):
            return replace(mark, x=x + dx, y=y + dy, room=None if room is None else _moved(room, dx, dy))
        case Line(start=(x, y), pieces=pieces):
            moved = tuple(tuple((a + dx, b + dy) for a, b in piece) for piece in pieces)
            return replace(mark, start=(x + dx, y + dy), pieces=moved)
        case Dot(x=x, y=y):
            return replace(mark, x=x + dx, y=y + dy)
    raise TypeError(f"not a mark: {mark!r}")


def _moved(r: Rect, dx: float, dy: float) -> Rect:
    return Rect(r.x + dx, r.y + dy, r.w, r.h)


def segment(a: Point, b: Point, stroke: str, thick: float = 1.5, dash: str = "", head: bool = False) -> Line:
    """A straight stroke."""
    return Line(a, ((b,),), stroke, thick, dash, head)


def ease(a: Point, b: Point, stroke: str, thick: float = 1.5, dash: str = "", head: bool = False) -> Line:
    """A smooth stroke that leaves and arrives horizontally."""
    if abs(a[1] - b[1]) < 0.05:
        return segment(a, b, stroke, thick, dash, head)
    middle = (a[0] + b[0]) / 2
    return Line(a, (((middle, a[1]), (middle, b[1]), b),), stroke, thick, dash, head)


# ---------------------------------------------------------------------- colours

INK = "#1F2933"
QUIET = "#52606D"
PAPER = "#FFFFFF"
RULE = "#CBD2D9"

FORWARD = "#334E68"
BACKWARD = "#B8430B"
FEEDBACK = "#7B3F8C"
DASH = "5 3.5"

#: (fill, stroke) of each kind of box.
COMPUTE = ("#E8F1FA", "#0072B2")
HIDDEN = ("#F4F8FC", "#6C93B3")
DRAW = ("#FDF3D9", "#B27700")
DECIDE = ("#DDF3EA", "#00785A")
CALL = ("#F5F7FA", "#52606D")
LOOP = ("#F8F5FB", "#7B5C99")
BRANCH = ("#FBF6F2", "#8A5A3B")
FOLDED = ("#EEF1F4", "#7B8794")

#: Dark enough for white text; by order of the players.
PLAYERS = ("#0067A3", "#A8480B", "#00694E", "#8B3F72", "#6B5600", "#3E4C59", "#4B3F9E", "#9B2335")
