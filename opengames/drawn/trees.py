"""Game trees as pictures, growing to the right: the plays of a small game, one leaf below the other.

A decision is a filled pill with its player's name, in the player's colour; a chance node is hollow and its
edges carry probabilities; nodes that a player cannot tell apart are joined by a dashed line. Beyond
`LEAVES` leaves the deeper parts are folded, and the picture says so.

Source: Osborne and Rubinstein, A Course in Game Theory (1994), chapters 6 and 11, for the conventions.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from opengames.drawn import ink
from opengames.drawn.ink import Line, Mark, Picture, Rect, Shape, Text, segment
from opengames.drawn.measure import fit, width
from opengames.drawn.sheet import Entry, box_entry, sheet
from opengames.drawn.svg import svg
from opengames.show import show
from opengames.tree import Chance, Decision, Leaf, Player, Tree

#: How many leaves are drawn before deeper parts are folded.
LEAVES = 200
_PITCH, _GROUP = 26.0, 8.0
_PILL = 24.0
_NAME, _EDGE, _PAY = 12.0, 11.0, 11.5
_LANE, _FAN, _COUNTED = 9.0, 46.0, 10**9


@dataclass
class _Spot:
    """A node of the drawing. sort: "player", "chance", "leaf" or "folded". lead: where the edge to it levels out."""

    tree: Tree
    depth: int
    sort: str
    edge: str = ""
    path: tuple[str, ...] = ()
    plays: int = 1
    below: list[_Spot] = field(default_factory=list)
    y: float = 0.0
    x: float = 0.0
    w: float = 0.0
    lead: float = 0.0


def draw_tree(tree: Tree, *, title: str | None = None) -> str:
    """SVG of a game tree."""
    return svg(picture_tree(tree, title=title))


def picture_tree(tree: Tree, *, title: str | None = None) -> Picture:
    """The picture that `draw_tree` writes down, as marks."""
    root = _grow(tree)
    spots = list(_walk(root))
    players = _players(spots)
    colours = {p: ink.PLAYERS[i % len(ink.PLAYERS)] for i, p in enumerate(players)}
    sets = _information(spots)
    lanes = _lanes(spots, sets, root)
    w, h = _place(root, spots, lanes)
    marks: list[Mark] = []
    for spot in spots:
        marks += _edges(spot)
    for number, members in enumerate(sets):
        marks += _link(number, members, colours, lanes, spots)
    stops = _stops(spots)
    for spot in spots:
        marks += _node(spot, colours, stops)
    folded = [s for s in spots if s.sort == "folded"]
    shown = sum(s.sort == "leaf" for s in spots)
    note = _plays(root.plays)
    if folded:
        rest = f"{shown} drawn, the rest" if shown else "all"
        note += f"; {rest} folded into {len(folded)} boxes that say how many they hold"
    name = title if title is not None else "Game tree"
    names = ", ".join(_who(p) for p in players)
    desc = f"Game tree of {name}, growing to the right. {note}. Players: {names or 'none'}."
    return sheet(name, note, desc, (w, h, marks), _legend(players, colours, spots, sets), side=18.0)


# ------------------------------------------------------------------------- shape


def _grow(tree: Tree) -> _Spot:
    """The part of the tree that is drawn: opened from the root, breadth first, while the leaves are few."""
    plays = _count(tree)
    root = _Spot(tree, 0, _sort(tree), path=("tree",), plays=plays[id(tree)])
    queue = deque([root])
    leaves = 1
    while queue:
        spot = queue.popleft()
        branches = list(_branches(spot.tree))
        if not branches:
            continue
        if leaves + len(branches) - 1 > LEAVES:
            spot.sort = "folded"
            continue
        leaves += len(branches) - 1
        for i, (text, rest) in enumerate(branches):
            child = _Spot(rest, spot.depth + 1, _sort(rest), text, (*spot.path, str(i)), plays[id(rest)])
            spot.below.append(child)
            queue.append(child)
    return root


def _sort(tree: Tree) -> str:
    return {Leaf: "leaf", Chance: "chance", Decision: "player"}[type(tree)]


def _branches(tree: Tree) -> Iterator[tuple[str, Tree]]:
    match tree:
        case Chance(outcomes=outcomes):
            for value, chance, rest in outcomes:
                yield f"{fit(_value(value), 130, _EDGE)} · {_chance(chance)}", rest
        case Decision(moves=moves):
            for value, rest in moves:
                yield fit(_value(value), 150, _EDGE), rest


def _count(tree: Tree) -> dict[int, int]:
    """Plays below every node, by identity, so that shared parts are counted once only."""
    known: dict[int, int] = {}
    stack = [tree]
    while stack:
        here = stack[-1]
        rests = [o[2] for o in here.outcomes] if isinstance(here, Chance) else []
        rests += [m[1] for m in here.moves] if isinstance(here, Decision) else []
        missing = [r for r in rests if id(r) not in known]
        if missing:
            stack += missing
            continue
        known[id(here)] = min(_COUNTED, sum(known[id(r)] for r in rests)) if rests else 1
        stack.pop()
    return known


def _walk(root: _Spot) -> Iterator[_Spot]:
    stack = [root]
    while stack:
        spot = stack.pop()
        yield spot
        stack += reversed(spot.below)


def _players(spots: Iterable[_Spot]) -> list[Player]:
    found: dict[Player, None] = {}
    for spot in spots:
        if isinstance(spot.tree, Decision):
            found[spot.tree.player] = None
    for spot in spots:
        if isinstance(spot.tree, Leaf):
            found.update(dict.fromkeys(p for p, _ in spot.tree.payoffs))
    return list(found)


def _information(spots: list[_Spot]) -> list[list[_Spot]]:
    """The drawn decisions that cannot be told apart, where there are several."""
    sets: dict[tuple[Any, ...], list[_Spot]] = defaultdict(list)
    for spot in spots:
        if spot.sort == "player" and isinstance(spot.tree, Decision):
            sets[spot.tree.information].append(spot)
    return [members for members in sets.values() if len(members) > 1]


def _lanes(spots: list[_Spot], sets: list[list[_Spot]], root: _Spot) -> dict[int, dict[int, int]]:
    """By column, a lane for each information set that has to pass other nodes on its way (by its number)."""
    heights = {id(s): n for n, s in enumerate(_leaf_order(root, spots))}
    column: dict[int, list[_Spot]] = defaultdict(list)
    for s in sorted(spots, key=lambda s: heights[id(s)]):
        if s.below:
            column[s.depth].append(s)
    lanes: dict[int, dict[int, int]] = defaultdict(dict)
    busy: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for number, members in enumerate(sets):
        depth = members[0].depth
        row = column[depth]
        places = [row.index(m) for m in members if m.depth == depth and m.below]
        if len(places) < len(members) or max(places) - min(places) == len(places) - 1:
            continue
        low, high = min(places), max(places)
        taken = {lane for a, b, lane in busy[depth] if a <= high and b >= low}
        lane = next(n for n in range(len(taken) + 1) if n not in taken)
        busy[depth].append((low, high, lane))
        lanes[depth][number] = lane
    return lanes


def _leaf_order(root: _Spot, spots: list[_Spot]) -> list[_Spot]:
    _rows(root, spots)
    return sorted(spots, key=lambda s: (s.y, s.depth))


def _rows(root: _Spot, spots: list[_Spot]) -> float:
    """Heights: leaves one below the other, the others halfway between their outer children."""
    y = 14.0
    last: _Spot | None = None
    for spot in spots:
        if not spot.below:
            if last is not None:
                y += _PITCH + (_GROUP if last.path[:-1] != spot.path[:-1] else 0.0)
            spot.y = y
            last = spot
    for spot in reversed(spots):
        if spot.below:
            spot.y = (spot.below[0].y + spot.below[-1].y) / 2
    return y + 14.0


def _place(root: _Spot, spots: list[_Spot], lanes: dict[int, dict[int, int]]) -> tuple[float, float]:
    h = _rows(root, spots)
    columns: dict[int, list[_Spot]] = defaultdict(list)
    for s in spots:
        s.w = _width(s)
        columns[s.depth].append(s)
    x = 0.0
    for depth in sorted(columns):
        row = [s for s in columns[depth] if s.below]
        for s in row:
            s.x = x
        x += max((s.w for s in row), default=0.0)
        if row:
            x += _lane_room(depth, lanes) + _FAN
            edges = [c for s in row for c in s.below]
            for c in edges:
                c.lead = x
            x += max(width(c.edge, _EDGE) for c in edges) + 16
    stops = _stops(spots)
    for s in spots:
        if not s.below:
            s.x, s.w = x, stops[-1] if s.sort == "leaf" else s.w
    return max(s.x + s.w for s in spots), h


def _lane_room(depth: int, lanes: dict[int, dict[int, int]]) -> float:
    used = lanes.get(depth)
    return 10.0 + _LANE * (max(used.values()) + 1) if used else 4.0


# ------------------------------------------------------------------------- marks


def _width(spot: _Spot) -> float:
    return width(_label(spot), _NAME, spot.sort == "player") + 24


def _label(spot: _Spot) -> str:
    if spot.sort == "folded":
        return f"… {_plays(spot.plays)} folded"
    if isinstance(spot.tree, Decision):
        return fit(_who(spot.tree.player), 160, _NAME, bold=True)
    return fit(spot.tree.place, 130, _NAME) if isinstance(spot.tree, Chance) else ""


def _payoffs(leaf: Leaf) -> list[tuple[str, Player]]:
    many = len(leaf.payoffs) > 4
    shown = leaf.payoffs[:4]
    parts = [(fit(f"{_who(p)} {show(value)}", 150, _PAY, bold=True), p) for p, value in shown]
    return [*parts, (f"… {len(leaf.payoffs) - 4} more", ("", ()))] if many else parts


def _stops(spots: list[_Spot]) -> list[float]:
    """Where each payoff of a leaf starts, the same for all leaves."""
    rows = [[t for t, _ in _payoffs(s.tree)] for s in spots if s.sort == "leaf" and isinstance(s.tree, Leaf)]
    stops = [4.0]
    for n in range(max((len(r) for r in rows), default=0)):
        stops.append(stops[-1] + max(width(r[n], _PAY, True) for r in rows if len(r) > n) + 14)
    return stops


def _node(spot: _Spot, colours: dict[Player, str], stops: list[float]) -> list[Mark]:
    if spot.sort == "leaf" and isinstance(spot.tree, Leaf):
        rect = Rect(spot.x, spot.y - 9, stops[-1], 18)
        marks: list[Mark] = [Shape(rect, "bare", path=_path(spot))]
        for (text, player), stop in zip(_payoffs(spot.tree), stops, strict=False):
            fill = colours.get(player, ink.QUIET)
            marks.append(Text(spot.x + stop, spot.y + 4.2, text, _PAY, bold=True, fill=fill, room=rect))
        return marks
    rect = Rect(spot.x, spot.y - _PILL / 2, spot.w, _PILL)
    label = _label(spot)
    middle = spot.x + spot.w / 2
    if spot.sort == "player" and isinstance(spot.tree, Decision):
        fill = colours[spot.tree.player]
        shape = Shape(rect, "pill", fill, fill, path=_path(spot))
        return [shape, Text(middle, spot.y + 4.3, label, _NAME, "middle", bold=True, fill="#FFFFFF", room=rect)]
    if spot.sort == "folded":
        shape = Shape(rect, "box", ink.FOLDED[0], ink.FOLDED[1], 1.1, "4 3", 5, _path(spot))
    else:
        shape = Shape(rect, "pill", "#FFFFFF", ink.INK, 1.5, path=_path(spot))
    return [shape, Text(middle, spot.y + 4.3, label, _NAME, "middle", italic=True, fill=ink.INK, room=rect)]


def _path(spot: _Spot) -> tuple[str, ...]:
    return ("tree", ".".join(spot.path))


def _edges(spot: _Spot) -> list[Mark]:
    """From a node to its children: level through the lanes, a fan, then level under the move's name."""
    marks: list[Mark] = []
    start = (spot.x + spot.w, spot.y)
    for child in spot.below:
        bend = (child.lead - _FAN, spot.y)
        middle = child.lead - _FAN / 2
        pieces: tuple[tuple[tuple[float, float], ...], ...] = (
            (bend,),
            ((middle, spot.y), (middle, child.y), (child.lead, child.y)),
            ((child.x, child.y),),
        )
        marks.append(Line(start, pieces, "#7B8794", 1.3))
        marks.append(Text(child.lead + 4, child.y - 4, child.edge, _EDGE, fill=ink.INK))
    return marks


def _link(
    number: int,
    members: list[_Spot],
    colours: dict[Player, str],
    lanes: dict[int, dict[int, int]],
    spots: list[_Spot],
) -> list[Mark]:
    """The dashed line through an information set: straight between neighbours, along its lane past others."""
    first = members[0].tree
    colour = colours[first.player] if isinstance(first, Decision) else ink.INK
    ordered = sorted(members, key=lambda s: (s.y, s.depth))
    marks: list[Mark] = []
    for a, b in pairwise(ordered):
        ax, bx = a.x + min(a.w, b.w) / 2, b.x + min(a.w, b.w) / 2
        top, bottom = a.y + _PILL / 2, b.y - _PILL / 2
        between = [s for s in spots if s.depth == a.depth and s.below and a.y < s.y < b.y]
        if a.depth == b.depth and not between:
            marks.append(segment((ax, top), (bx, bottom), colour, 1.6, ink.DASH))
        elif a.depth == b.depth:
            edge = max(s.x + s.w for s in spots if s.depth == a.depth and s.below)
            marks.append(_detour(a, b, colour, edge + 7 + _LANE * lanes[a.depth].get(number, 0)))
        else:
            middle = (top + bottom) / 2
            marks.append(Line((ax, top), (((ax, middle), (bx, middle), (bx, bottom)),), colour, 1.6, ink.DASH))
    return marks


def _detour(a: _Spot, b: _Spot, colour: str, x: float) -> Line:
    """From the foot of `a` along the lane at `x` to the head of `b`."""
    ends = [(s.x + s.w - 8, s.y + up * _PILL / 2) for s, up in ((a, 1), (b, -1))]
    (p, top), (q, bottom) = ends
    out, back = ((p, top + 8), (x, top + 2), (x, top + 16)), ((x, bottom - 2), (q, bottom - 8), (q, bottom))
    return Line((p, top), (out, ((x, bottom - 16),), back), colour, 1.6, ink.DASH)


def _legend(
    players: list[Player], colours: dict[Player, str], spots: list[_Spot], sets: list[list[_Spot]]
) -> list[Entry]:
    entries = [
        box_entry((colours[p], colours[p]), fit(_who(p), 150, _EDGE), "pill")
        for p in players[:12]
        if any(isinstance(s.tree, Decision) and s.tree.player == p for s in spots)
    ]
    if len(players) > 12:
        entries.append(Entry((), f"and {len(players) - 12} more players"))
    if any(s.sort == "chance" for s in spots):
        entries.append(box_entry(("#FFFFFF", ink.INK), "chance", "pill"))
    if sets:
        entries.append(Entry((segment((2, 0), (30, 0), ink.INK, 1.6, ink.DASH),), "cannot be told apart"))
    return entries


def _plays(n: int) -> str:
    if n >= _COUNTED:
        return "over a billion plays"
    return f"{n:,} {'play' if n == 1 else 'plays'}"


def _who(player: Player) -> str:
    name, index = player
    return f"{name}[{', '.join(show(i) for i in index)}]" if index else name


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_value(v) for v in value[:6])}{', …' if len(value) > 6 else ''})"
    return show(value)


def _chance(chance: Fraction) -> str:
    return str(chance) if chance.denominator <= 10_000 else f"{float(chance):.4g}"
