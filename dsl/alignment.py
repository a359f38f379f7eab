"""Columns: definitions under one another, tables, and the comments behind lines.

Lines of one kind that follow each other without an empty line or a comment between are a run. In a run
the signs that define (`=`, `~`, `=>`), the types of parameters, the bodies of claims and rules and the
clauses of decisions stand under one another, as long as no line gets longer than it may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opengames.dsl.layout import Layout, Line

WIDTH = 100

_BINDS = {"Let": "bind", "DrawStmt": "bind", "NextStmt": "next", "PlanDecl": "plan", "TypeDecl": "type",
          "UnitDecl": "unit", "ParamDecl": "param", "QuestionDecl": "question", "RuleStmt": "rule",
          "Arm": "arm", "DecideStmt": "decide"}  # fmt: skip


def paddings(layout: Layout, lines: list[Line]) -> dict[int, int]:
    """How many blanks more than usual stand before which pieces."""
    pads: dict[int, int] = {}
    run: list[tuple[int, list[int]]] = []
    kind = ""
    for n, line in enumerate(lines):
        if not line.unit and not _clause(layout, line) and not _carry(layout, line):
            if kind in ("clause", "carry") or kind == "":
                _close(layout, lines, run, pads)
                run, kind = [], ""
            continue
        this, slots = _slots(layout, line)
        p = layout.pieces[line.first]
        parted = p.blank or bool(p.above)
        indent = lines[run[-1][0]].indent if run else -1
        same = this == kind and not parted and (this == "carry" or indent == line.indent)
        if not same:
            _close(layout, lines, run, pads)
            run = []
        kind = this
        if this:
            run.append((n, slots))
    _close(layout, lines, run, pads)
    return pads


def _clause(layout: Layout, line: Line) -> bool:
    return not line.unit and layout.pieces[line.first].kind in ("BY", "SEEING", "EARNING")


def _carry(layout: Layout, line: Line) -> bool:
    """Whether the line goes on with carried wires: `asp = ...` behind a comma of `carrying`."""
    i = line.first
    if line.unit or i + 1 >= len(layout.pieces) or not layout.pieces[i + 1].is_word("="):
        return False
    if layout.pieces[i].kind != "NAME" or not layout.pieces[i - 1].is_word(","):
        return False
    depth = 0
    while i > 0:
        i -= 1
        p = layout.pieces[i]
        if p.is_word(")", "]", "}"):
            depth += 1
        elif p.is_word("(", "[", "{"):
            depth -= 1
        if depth < 0:
            return False
        if p.is_word("carrying") and depth == 0:
            return True
    return False


def _slots(layout: Layout, line: Line) -> tuple[str, list[int]]:
    """The kind of run this line may belong to, and its pieces to put under one another (-1: it has none)."""
    span = range(line.first, line.last)
    if not line.unit:
        if _carry(layout, line):
            return "carry", [line.first, line.first + 1]
        return "clause", [line.first, line.first + 1 if line.first + 1 < line.last else -1]
    if line.unit == "ForStmt":
        word = next((i for i in span if layout.pieces[i].is_word("carrying")), -1)
        if word >= 0 and word + 2 < line.last and layout.pieces[line.last - 1].is_word(","):
            return "carry", [word + 1, word + 2]
        return "", []
    kind = _BINDS.get(line.unit, "")
    if not kind:
        return "", []
    first = layout.pieces[line.first].text
    kind = first if kind == "question" else kind
    top = _top_level(layout, line)

    def sign(*signs: str) -> int:
        return next((i for i in top if layout.pieces[i].is_word(*signs)), -1)

    def behind(i: int) -> int:
        return i + 1 if i >= 0 and i + 1 < line.last else -1

    if kind == "param":
        return kind, [line.first, behind(sign(":")), sign("=")]
    if kind in ("rule", "verify"):
        body = behind(sign(":"))
        scope = [sign("of")] if kind == "verify" else []
        return kind, [line.first, body, *scope]
    if kind == "query":
        return kind, [line.first, sign("="), sign("of")]
    if kind == "decide":
        return kind, [line.first, sign("by"), sign("seeing"), sign("earning")]
    if kind == "arm":
        return kind, [line.first, sign("=>")]
    return kind, [line.first, sign("=", "~")]


def _top_level(layout: Layout, line: Line) -> list[int]:
    found = []
    depth = 0
    for i in range(line.first, line.last):
        p = layout.pieces[i]
        if p.is_word(")", "]", "}"):
            depth -= 1
        if depth == 0:
            found.append(i)
        if p.is_word("(", "[", "{"):
            depth += 1
    return found


def _close(layout: Layout, lines: list[Line], run: list[tuple[int, list[int]]], pads: dict[int, int]) -> None:
    """Set the paddings of one run, slot by slot; a line that would get too long stays out of a slot."""
    if len(run) < 2:
        return
    count = max(len(slots) for _, slots in run)
    shift = dict.fromkeys((n for n, _ in run), 0)
    for k in range(1, count):
        members = [(n, s[0], s[k]) for n, s in run if k < len(s) and s[k] >= 0]
        place = {n: layout.column[i] - layout.column[start] + shift[n] for n, start, i in members}
        members.sort(key=lambda m: place[m[0]])
        while len(members) > 1:
            column = place[members[-1][0]]
            if all(_end(layout, lines[n]) + shift[n] + column - place[n] <= WIDTH for n, _, _ in members):
                for n, _, i in members:
                    if column > place[n]:
                        pads[i] = column - place[n]
                        shift[n] += column - place[n]
                break
            members.pop()


def _end(layout: Layout, line: Line) -> int:
    last = line.last - 1
    return layout.column[last] + len(layout.pieces[last].text)


# ------------------------------------------------------------------------ tables


def table_lines(layout: Layout, lines: list[Line]) -> list[tuple[int, list[str]]]:
    """For every table, the number of its first row's line and the texts of its rows."""
    found: list[tuple[int, list[str]]] = []
    n = 0
    while n < len(lines):
        if lines[n].unit != "Row":
            n += 1
            continue
        stop = n
        while stop < len(lines) and lines[stop].unit == "Row":
            stop += 1
        whole = stop == len(lines) or layout.pieces[lines[stop].first].is_word("}")
        if whole:
            found.append((n, _table(layout, lines[n:stop])))
        n = stop
    return found


def _table(layout: Layout, lines: list[Line]) -> list[str]:
    rows = [_cells(layout, line) for line in lines]
    if len({(len(left), len(right)) for left, right in rows}) != 1:
        return [layout.text_of(line, {}) for line in lines]
    cells = [[*left, *right] for left, right in rows]
    keys = len(rows[0][0])
    texts = []
    columns = list(zip(*cells, strict=True))
    widths = [max(len(c) for c in column) for column in columns]
    right = [all(_numeric(c) for c in column[1:]) and len(column) > 1 for column in columns]
    for line, row in zip(lines, cells, strict=True):
        padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        left_part, right_part = " | ".join(padded[:keys]), " | ".join(padded[keys:])
        texts.append(f"{' ' * line.indent}| {left_part} || {right_part} |")
    return texts


def _numeric(cell: str) -> bool:
    return cell.lstrip("-")[:1].isdigit()


def _cells(layout: Layout, line: Line) -> tuple[list[str], list[str]]:
    """The texts of a row's cells, left and right of `||`."""
    sides: list[list[str]] = [[], []]
    side = 0
    cell = ""
    depth = 0
    for i in range(line.first + 1, line.last):
        p = layout.pieces[i]
        if p.is_word(")", "]", "}"):
            depth -= 1
        if depth == 0 and p.is_word("|", "||"):
            sides[side].append(cell)
            cell = ""
            side = 1 if p.text == "||" else side
            continue
        cell += (layout.gap(i) if cell else "") + p.text
        if p.is_word("(", "[", "{"):
            depth += 1
    return sides[0], sides[1]


# ---------------------------------------------------------------------- comments


def align_comments(layout: Layout, lines: list[Line], codes: list[str]) -> list[str]:
    """What to append to each line: nothing, or blanks and its comment, one column per paragraph."""
    behind = [""] * len(lines)
    group: list[int] = []
    for n, line in enumerate(lines):
        p = layout.pieces[line.first]
        if group and (p.blank or p.above or line.indent != lines[group[-1]].indent):
            _place(layout, lines, codes, group, behind)
            group = []
        if layout.pieces[line.last - 1].behind:
            group.append(n)
    _place(layout, lines, codes, group, behind)
    return behind


def _place(layout: Layout, lines: list[Line], codes: list[str], group: list[int], behind: list[str]) -> None:
    if not group:
        return
    longest = max(len(codes[n]) for n in group)
    author = {layout.pieces[lines[n].last - 1].behind_column for n in group}
    column = longest + 2
    if len(author) == 1 and column <= max(author) <= longest + 24:
        column = max(author)
    for n in group:
        behind[n] = " " * (column - len(codes[n])) + layout.pieces[lines[n].last - 1].behind
