"""`draw_diagram`: a string diagram on a sheet, with a title, a legend and words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping

from opengames.diagram import Branch, Call, Compute, Decide, Diagram, Draw, Loop, bodies
from opengames.drawn import ink
from opengames.drawn.boxes import STYLES
from opengames.drawn.census import count, opened, summary
from opengames.drawn.ink import Dot, Line, Picture
from opengames.drawn.plugs import MOST, level
from opengames.drawn.sheet import Entry, bar_entry, box_entry, dot_entry, sheet, wire_entry
from opengames.drawn.strings import Block, whole
from opengames.drawn.svg import svg
from opengames.drawn.words import Context, written
from opengames.program import Fun, ParamDecl

#: How many boxes a picture shows where nothing is said: the first of these that is not wider than `WIDEST`.
OPEN_BOXES = (48, 32, 24, 18, 14, 11, 9, 7, 5, 0)
WIDEST = 3000.0
#: Where a level of its own is too wide, it shows no fewer boxes than this.
_FEWEST = 16
_NAMED = 40


def draw_diagram(
    diagram: Diagram,
    *,
    title: str | None = None,
    open_boxes: int | None = None,
    funs: Mapping[str, Fun] | None = None,
    params: Mapping[str, ParamDecl] | None = None,
    sources: Mapping[str, str] | None = None,
) -> str:
    """SVG of `diagram`, read from left to right.

    open_boxes: how many boxes are shown; calls, loops and branches that do not fit are folded and say what they
        hold. By default up to 48, fewer where the picture would get too wide for a slide.
    funs, params: of the program, so that fields of records that these give are called by name.
    sources: the texts by file, so that quantities are shown as they were written, with their units.
    """
    found = picture_diagram(
        diagram, title=title, open_boxes=open_boxes, funs=funs, params=params, sources=sources
    )
    return svg(found)


def picture_diagram(
    diagram: Diagram,
    *,
    title: str | None = None,
    open_boxes: int | None = None,
    funs: Mapping[str, Fun] | None = None,
    params: Mapping[str, ParamDecl] | None = None,
    sources: Mapping[str, str] | None = None,
) -> Picture:
    """The picture that `draw_diagram` writes down, as marks."""
    context = Context(funs=funs or {}, params=params or {}, sources=sources or {})
    block, shown, most = _sized(diagram, open_boxes, context)
    name = title if title is not None else diagram.name or "diagram"
    subtitle = _subtitle(diagram)
    body = (block.w, block.h, block.marks)
    return sheet(name, subtitle, _describe(diagram, name), body, _legend(diagram, block, shown, most))


def _sized(
    diagram: Diagram, open_boxes: int | None, context: Context
) -> tuple[Block, frozenset[tuple[str, ...]], int]:
    """The drawing that shows most within `WIDEST`, what is open in it, and how many boxes a level shows."""
    tried: frozenset[tuple[str, ...]] | None = None
    for budget in OPEN_BOXES if open_boxes is None else (open_boxes,):
        shown = opened(diagram, budget)
        if shown != tried:
            tried, block = shown, whole(diagram, shown, context)
        if block.w <= WIDEST:
            break
    most = MOST
    while open_boxes is None and block.w > WIDEST and most > _FEWEST:
        most = max(_FEWEST, min(most - 4, int(most * WIDEST / block.w)))
        block = whole(diagram, shown, context, most)
    return block, shown, most


def _subtitle(diagram: Diagram) -> str:
    players = _players(diagram)
    text = summary(count(diagram)).replace(" inside", "")
    return f"{text}; {'player' if len(players) == 1 else 'players'}: {', '.join(players)}" if players else text


def _players(diagram: Diagram) -> list[str]:
    """Names of the seats at the table, in order of their first decision."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    stack = [diagram]
    while stack:
        here = stack.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        found.update({b.seat.name: None for b in here.boxes if isinstance(b, Decide)})
        stack += [d for b in reversed(here.boxes) for _, d in bodies(b)]
    return list(found)


def _describe(diagram: Diagram, name: str) -> str:
    def listed(word: str, names: list[str]) -> str:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"{word}: {', '.join(names[:_NAMED])}{more}." if names else ""

    moves = [f"{p.name} by {b.seat.name}" for b in diagram.boxes if isinstance(b, Decide) for p in b.outs]
    parts = [
        f"String diagram of {name}, read from left to right; {summary(count(diagram))}.",
        listed("Inputs", [p.name for p in diagram.inputs]),
        listed("Drawn by chance", [written(b.out.name) for b in diagram.boxes if isinstance(b, Draw)]),
        listed("Decisions", moves),
        listed("Computed", [written(b.out.name) for b in diagram.boxes if isinstance(b, Compute) and not b.hidden]),
        listed("Boxes with contents", [written(b.name) for b in diagram.boxes if isinstance(b, (Call, Loop, Branch))]),
        listed("Outputs", [p.name for p in diagram.outputs]),
        listed("Expects back", [p.name for p in diagram.expects]),
        listed("Reports", [p.name for p in diagram.reports]),
    ]
    return " ".join(p for p in parts if p)


def _legend(diagram: Diagram, block: Block, shown: frozenset[tuple[str, ...]], most: int) -> list[Entry]:
    """Only what the picture shows."""
    marks = block.marks
    kinds = _shown_kinds(diagram, shown, most)
    styles = {(m.stroke, m.dash) for m in marks if isinstance(m, Line)}
    entries = []
    if Decide in kinds:
        entries.append(box_entry(ink.DECIDE, "decision", "diamond"))
    if Draw in kinds:
        entries.append(box_entry(ink.DRAW, "drawn by chance", radius=8))
    if Compute in kinds:
        entries.append(box_entry(ink.COMPUTE, "computed"))
    if Call in kinds:
        entries.append(box_entry(ink.CALL, "game or channel"))
    if Loop in kinds:
        entries.append(box_entry(ink.LOOP, "repeated", double=True))
    if Branch in kinds:
        entries.append(box_entry(ink.BRANCH, "one of its lanes happens"))
    for kind, text in (
        ("backward", "flows backward: what is earned"),
        ("rule", "restricts the move"),
        ("feedback", "carried to the next round"),
    ):
        if (STYLES[kind][0], STYLES[kind][2]) in styles:
            entries.append(wire_entry(STYLES[kind], text, True))
    if any(isinstance(m, Dot) for m in marks):
        entries.append(dot_entry(ink.FORWARD))
    if any(isinstance(m, Line) and m.stroke == ink.INK and m.thick == 2.6 for m in marks):
        entries.append(bar_entry(ink.FORWARD))
    return entries


def _shown_kinds(diagram: Diagram, shown: frozenset[tuple[str, ...]], most: int) -> set[type]:
    kinds: set[type] = set()
    stack: list[tuple[tuple[str, ...], Diagram]] = [(("root",), diagram)]
    while stack:
        path, here = stack.pop()
        for i, box in level(here, frozenset(), most).boxes:
            kinds.add(type(box))
            own = (*path, f"box{i}")
            if own in shown:
                arms = isinstance(box, Branch)
                stack += [((*own, f"arm{a}") if arms else own, d) for a, (_, d) in enumerate(bodies(box))]
    return kinds
