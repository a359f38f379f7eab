"""Where lines begin, how far in, and what stands between two tokens.

A file is a list of *units*: declarations, statements, rules, plans, arms and rows of tables. A unit
begins a line, four columns further in than what holds it. Inside a unit a line breaks where the author
broke it, if a break is sensible there, and where it would be longer than `WIDTH`. How far in a
continuation stands follows from what it continues:

- `else` under its `if`; an operator one operand to the left of what it continues
- a clause (`seeing`, `earning`, `of`, `->`, ...) four columns in
- behind an open bracket under its first item, or four columns in if the bracket ends its line
- the body of a quantifier four columns further in than the line of its colon
- the next of several (decided wires, carried wires, names seen) under the first
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from typing import Any

from opengames.dsl import syntax as s
from opengames.dsl.alignment import align_comments, paddings, table_lines
from opengames.dsl.tokens import CLOSES
from opengames.dsl.walk import walk

WIDTH = 100
STEP = 4

CLAUSES = frozenset(
    {
        "BY", "SEEING", "EARNING", "SUBJECT", "OF", "UNDER", "EXPECTS", "REPORTS", "PAYING", "CARRYING", "REVERSED",
        "WHERE", "AFTER",
    }
)  # fmt: skip
LISTS = frozenset({"after", "decide", "carrying", "seeing", "player", "for", "forall", "exists", "use"})
OPERATORS = frozenset({"+", "-", "*", "/", "^", "@", ">>", "and", "or", "implies", "in"})
OPERANDS = frozenset({"NAME", "NUMBER", "QUANTITY", "UNIT"})


@dataclass(slots=True)
class Piece:
    """A token on its way to a new place.

    above: the comments on lines of their own before it, each with whether a blank line precedes it;
    behind: the comment after it on its line, which began in column `behind_column`;
    broken, blank: whether the author began a line here, and left one empty before.
    """

    kind: str
    text: str
    start: int
    end: int
    above: list[tuple[str, bool]] = field(default_factory=list)
    behind: str = ""
    behind_column: int = 0
    broken: bool = False
    blank: bool = False

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords or signs (and no name spelled alike)."""
        return self.kind != "NAME" and self.text in words


@dataclass(slots=True)
class Line:
    """Pieces `first` to `last` (exclusive) on one line, `indent` columns in.

    unit: the kind of unit that begins here, empty for a continuation; base: the indent of its unit.
    """

    first: int
    last: int
    indent: int
    unit: str
    base: int


@dataclass(slots=True)
class _Open:
    """An open bracket: where its line is indented, where its inside begins, what it holds."""

    kind: str
    line_indent: int
    inside: int
    hanging: bool
    base: int
    column: int
    body: int = -1


class Layout:
    """One file's pieces and what its tree says about them."""

    def __init__(self, file: s.File, pieces: list[Piece]) -> None:
        self.pieces = pieces
        self.units: dict[int, str] = {}
        self.left_of: dict[int, int] = {}
        self.braces: dict[int, str] = {}
        self.ends: dict[int, int] = {}
        self._read(file)
        self.at = {p.start: i for i, p in enumerate(pieces)}
        self.partner = self._partners()
        self.flat = self._flat_braces()
        self.breaks = self._breaks()

    def write(self) -> str:
        """The whole file."""
        self._wrap()
        lines = self._lines({})
        self._settle_blanks(lines)
        pads = paddings(self, lines)
        lines = self._lines(pads)
        return self._print(lines, pads)

    # ------------------------------------------------------------- what is what

    def _read(self, file: s.File) -> None:
        for decl in file.declarations:
            self._unit(decl, type(decl).__name__)
        for node in walk(file.declarations):
            kind = type(node).__name__
            if isinstance(node, s.Block):
                for inner in node.statements:
                    if not (isinstance(inner, s.IfStmt) and inner.at.start == node.at.start):
                        self._unit(inner, type(inner).__name__)
                if node.at.end > node.at.start and not self._is_else_if(node):
                    self.braces[node.at.start] = "block"
            elif isinstance(node, s.PlanDecl | s.RuleStmt | s.Row):
                self._unit(node, kind)
            elif isinstance(node, s.MatchExpr | s.MatchStmt):
                for pattern, body in node.arms:
                    self.units[pattern.at.start] = "Arm"
                    self.ends[pattern.at.start] = body.at.end
            elif isinstance(node, s.Binary) and node.op_at is not None:  # in a balanced chain it has none
                self.left_of[node.op_at.start] = node.left.at.start

    @staticmethod
    def _is_else_if(block: s.Block) -> bool:
        first = block.statements[0] if block.statements else None
        return isinstance(first, s.IfStmt) and first.at.start == block.at.start

    def _unit(self, node: Any, kind: str) -> None:
        self.units[node.at.start] = kind
        self.ends[node.at.start] = node.at.end

    def _partners(self) -> dict[int, int]:
        """Brackets by number, both ways; braces that hold units become `list`."""
        found: dict[int, int] = {}
        stack: list[int] = []
        for i, p in enumerate(self.pieces):
            if p.kind in ("NAME", "UNIT", "QUANTITY"):
                continue
            if p.text in CLOSES:
                stack.append(i)
            elif p.text in CLOSES.values():
                j = stack.pop()
                found[i], found[j] = j, i
                start = self.pieces[j].start
                holds = self.pieces[j + 1].start in self.units and p.text == "}"
                if start not in self.braces and holds:
                    table = self.pieces[j - 1].is_word("table")
                    self.braces[start] = "table" if table else "list"
                elif start not in self.braces and p.text == "}" and i == j + 1:
                    self.braces[start] = "list"
        return found

    def unit_at(self, i: int) -> str:
        return self.units.get(self.pieces[i].start, "")

    def brace(self, i: int) -> str:
        """`block`, `list` or `table` for a curly bracket that holds units, else empty."""
        p = self.pieces[i]
        if p.kind in ("NAME", "UNIT", "QUANTITY") or p.text not in ("{", "}"):
            return ""
        opener = i if p.text == "{" else self.partner[i]
        return self.braces.get(self.pieces[opener].start, "")

    # ------------------------------------------------------------------- breaks

    def _breaks(self) -> set[int]:
        """Before which pieces a line begins."""
        flat = self.flat
        found: set[int] = set()
        open_units: list[int] = []
        for i, p in enumerate(self.pieces):
            if i == 0:
                found.add(i)
                continue
            before = self.pieces[i - 1]
            forced = bool(p.above) or bool(before.behind)
            unit = bool(self.unit_at(i)) and not (open_units and open_units[-1] in flat)
            if self.brace(i) and p.text == "}":
                opener = open_units.pop()
                unit = opener not in flat and i != opener + 1
            if self.brace(i) and p.text == "{":
                open_units.append(i)
            if forced or unit or (p.broken and self._sensible(i)) or p.kind == "$END":
                found.add(i)
        for i in sorted(found):
            if self._lone_brace(i) and not self._head_is_broken(i, found):
                found.discard(i)
        return found

    def _flat_braces(self) -> set[int]:
        """Braces that stay on one line: the author had them so, and they hold one unit and no comment."""
        flat = set()
        for i in range(len(self.pieces)):
            kind = self.brace(i)
            if not kind or self.pieces[i].text != "{" or kind == "table":
                continue
            j = self.partner[i]
            inside = range(i + 1, j + 1)
            units = sum(1 for k in inside if self.unit_at(k))
            quiet = not any(self.pieces[k].above or self.pieces[k - 1].behind for k in inside)
            written = sum(len(self.pieces[k].text) + 1 for k in inside)
            unbroken = not any(self.pieces[k].broken for k in inside)
            shallow = not any(self.brace(k) == "block" for k in inside if k != j)
            few = units <= (3 if kind == "list" else 1) and written < WIDTH - 30
            if few and quiet and unbroken and shallow:
                flat.add(i)
        return flat

    def _sensible(self, i: int) -> bool:
        """Whether a line may begin at this piece, inside a unit."""
        p, before = self.pieces[i], self.pieces[i - 1]
        opened = before.kind not in OPERANDS and before.text in CLOSES
        closing = p.kind not in OPERANDS and p.text in CLOSES.values()
        if opened or closing:
            opener = i - 1 if opened else self.partner[i]
            return self.pieces[opener + 1].broken and not (opened and closing)
        if p.is_word("else") and self.brace(i - 1) == "block":
            return False
        if self.unit_at(i - 1) and before.kind != "NAME":
            return False
        return bool(self.gap(i))

    def _lone_brace(self, i: int) -> bool:
        p = self.pieces[i]
        return bool(self.brace(i)) and p.text == "{" and not (p.above or self.pieces[i - 1].behind)

    def _head_is_broken(self, i: int, found: set[int]) -> bool:
        if self.brace(i) != "block":
            return False
        k = i - 1
        while k > 0 and not self.unit_at(k):
            if k in found:
                return True
            k -= 1
        return False

    # ------------------------------------------------------------------ spacing

    def gap(self, i: int) -> str:
        """What stands between the piece before and this one on a line."""
        a, b = self.pieces[i - 1], self.pieces[i]
        a_sign = "" if a.kind in OPERANDS else a.text
        b_sign = "" if b.kind in OPERANDS else b.text
        if (a_sign == "{" and self.brace(i - 1)) or (b_sign == "}" and self.brace(i)):
            return "" if a_sign == "{" and b_sign == "}" else " "
        if a_sign in ("(", "[", "{", ".", "..") or b_sign in (")", "]", "}", ",", ".", "..", ":"):
            return ""
        if a_sign == "-" and self.is_unary(i - 1):
            return ""
        if b_sign in ("(", "["):
            held = a.kind in OPERANDS or a_sign in (")", "]", "}")
            return "" if held or (a_sign == "real" and b_sign == "[") else " "
        return " "

    def is_unary(self, i: int) -> bool:
        before = self.pieces[i - 1]
        return not (before.kind in OPERANDS or before.text in CLOSES.values())

    # -------------------------------------------------------------------- lines

    def _lines(self, pads: dict[int, int], long: list[Line] | None = None) -> list[Line]:
        """The lines that the present breaks make, with indents; columns are left in `self.column`.

        long: lines that are too long are broken on the way, each as soon as it is, and go on from there; those that hold braces on one
        line are left as they are and added here.
        """
        self.column: dict[int, int] = {}
        lines: list[Line] = []
        opens: list[_Open] = []
        chosen: list[int] = []
        roots: dict[int, int] = {}
        state = _Unit(0, 0, -1, -1, -1)
        outer: list[_Unit] = []
        column = 0
        whole = _Ends(self.breaks, self.flat, len(self.pieces)) if long is not None else None
        tried = True
        begun: tuple[list[_Open], list[int], _Unit, list[_Unit]] = ([], [], state, [])
        i = 0
        while i < len(self.pieces):
            p = self.pieces[i]
            unit = self.unit_at(i)
            if i in self.breaks:
                if whole is not None:
                    begun, tried = _copied(opens, chosen, state, outer), False
                indent = self._indent(i, opens, state, chosen, roots, lines)
                if lines:
                    lines[-1].last = i
                lines.append(Line(i, i, indent, unit, 0))
                column = indent
            else:
                column += len(self.gap(i)) + pads.get(i, 0)
            self.column[i] = column
            if unit:
                base = lines[-1].indent if i in self.breaks else state.base
                state = _Unit(base, len(opens), -1, -1, -1)
            lines[-1].base = state.base
            if whole is not None and long is not None and not tried and column + len(p.text) > WIDTH:
                line = lines[-1]
                end = whole.of(line.first)
                flat = whole.flat(line.first, end)
                place = -1 if flat else self._place(replace(line, last=i + 1))
                if place >= 0 and self.column[place] > WIDTH and i + 1 < end:
                    place = -2  # a better one may come
                if place >= 0:
                    self.breaks.add(place)
                    opens, chosen, state, outer = begun
                    lines.pop()
                    if lines:
                        lines[-1].last = line.first
                    i = line.first
                    continue
                tried = flat or i + 1 == end
                if flat:
                    long.append(replace(line, last=end))
            if p.kind not in OPERANDS:
                if p.text in CLOSES:
                    hangs = i + 1 in self.breaks
                    opens.append(_Open(self.brace(i), lines[-1].indent, column + 1, hangs, state.base, column))
                    if self.brace(i):
                        outer.append(state)
                elif p.text in CLOSES.values():
                    opens.pop()
                    if self.brace(i):
                        state = outer.pop()
                elif p.text in LISTS and len(opens) == state.depth:
                    state.first = i + 1
                elif p.text == "if":
                    chosen.append(i)
                    before = self.pieces[i - 1]
                    if before.is_word("else") and i - 1 in roots:
                        roots[i] = roots[i - 1]
                elif p.text == "then" and chosen:
                    opened = chosen.pop()
                    state.ifs.append(roots.get(opened, opened))
                elif p.text == "else" and state.ifs:
                    roots[i] = state.ifs.pop()
                elif p.text in ("=", "~") and len(opens) == state.depth and state.equals < 0:
                    state.equals = i
                elif p.text == ":" and i + 1 in self.breaks:
                    body = lines[-1].indent + STEP
                    if len(opens) > state.depth:
                        opens[-1].body = body
                    else:
                        state.body = body
            column += len(p.text)
            i += 1
        lines[-1].last = len(self.pieces)
        return lines

    def _indent(self, i, opens, state, chosen, roots, lines) -> int:
        p = self.pieces[i]
        if p.kind == "$END":
            return 0
        holder = next((o for o in reversed(opens) if o.kind), None)
        if self.unit_at(i):
            if holder is None:
                return 0
            return (holder.base if holder.kind == "block" else holder.line_indent) + STEP
        if self.brace(i) and p.text == "}":
            own = opens[-1]
            return own.base if own.kind == "block" else own.line_indent
        if self.brace(i) == "block":
            return state.base
        sign = "" if p.kind in OPERANDS else p.text
        before = self.pieces[i - 1]
        inside = opens[-1] if len(opens) > state.depth else None
        if sign in CLOSES.values() and inside:
            return inside.line_indent if inside.hanging else inside.column
        if sign == "else" and state.ifs:
            return self.column[state.ifs[-1]]
        if sign == "then" and chosen:
            return self.column[roots.get(chosen[-1], chosen[-1])] + 2
        if inside is None and (p.kind in CLAUSES or sign in ("->", "=")):
            return state.base + STEP
        joined = inside is None or inside.hanging or before.text == ":"
        if joined and before.is_word(":", "=", "~", "=>", "earning", "paying"):
            if inside and before.text == ":" and inside.body < 0:
                return inside.line_indent + STEP if inside.hanging else inside.inside
            return lines[-1].indent + STEP
        if sign in OPERATORS and p.start in self.left_of:
            start = self.column.get(self.at.get(self.left_of[p.start], -1), state.base + STEP)
            return start if inside else max(start - len(sign) - 1, state.base + STEP)
        if inside:
            if inside.body >= 0:
                return inside.body
            return inside.line_indent + STEP if inside.hanging else inside.inside
        if before.is_word(",") and state.first >= 0:
            return self.column[state.first]
        if sign == "|" and state.equals >= 0:
            return self.column[state.equals]
        return state.body if state.body >= 0 else state.base + STEP

    # ----------------------------------------------------------------- wrapping

    def _wrap(self) -> None:
        """Break lines that are too long, the outermost place first, until each fits or has no place left.

        Braces on one line are opened first. One pass breaks nearly all, since what is broken off a line fits.
        """
        found = self.breaks
        for _ in range(len(self.pieces)):
            long = [line for line in self._lines({}) if self._end(line) > WIDTH]
            opened = {i for line in long for i in range(line.first, line.last) if i in self.flat}
            if not opened:
                if not long:
                    return
                long, before = [], len(self.breaks)
                self._lines({}, long)
                opened = {i for line in long for i in range(line.first, line.last) if i in self.flat}
                if not opened:
                    if len(self.breaks) == before:
                        return
                    continue  # a line that was short may stand further right now
            added = self.breaks - found
            self.flat -= opened
            found = self._breaks()
            self.breaks = found | added

    def _end(self, line: Line) -> int:
        last = line.last - 1
        return self.column[last] + len(self.pieces[last].text)

    def _place(self, line: Line) -> int:
        """The best piece of `line` to begin a new line with, or -1."""
        if self.pieces[line.first].is_word("|") and line.unit == "Row":
            return -1
        best: tuple[int, int, int, int] | None = None
        depth = 0
        for i in range(line.first, line.last):
            p = self.pieces[i]
            sign = "" if p.kind in OPERANDS else p.text
            if sign in CLOSES.values():
                depth -= 1
            rank = self._rank(i) if i > line.first else -1
            if rank >= 0:
                fits = self.column[i] <= WIDTH
                score = (0 if fits else 1, depth, rank, -self.column[i] if fits else self.column[i])
                if best is None or score < best[:4]:
                    best = score
                    place = i
            if sign in CLOSES:
                depth += 1
        return place if best is not None else -1

    def _rank(self, i: int) -> int:
        """How good a place to break this is: 0 the best, -1 none."""
        p, before = self.pieces[i], self.pieces[i - 1]
        sign = "" if p.kind in OPERANDS else p.text
        if self.brace(i) or self.brace(i - 1):
            return -1
        if p.kind in CLAUSES or sign == "->":
            return 0
        if sign == "else":
            return 1
        if before.is_word("=", "~", ":") and sign != "table" and self.column[i] > 30:
            return 3
        if sign in ("implies", "or", "and", ">>", "@") or (sign in ("+", "-") and not self.is_unary(i)):
            return 2
        if before.is_word(","):
            return 2
        if sign in ("for", "*", "/", "|") or p.kind == "COMPARE" or before.is_word("=>"):
            return 4
        return -1

    # ----------------------------------------------------------------- printing

    def text_of(self, line: Line, pads: dict[int, int]) -> str:
        parts = [" " * line.indent]
        for i in range(line.first, line.last):
            if i > line.first:
                parts.append(self.gap(i) + " " * pads.get(i, 0))
            parts.append(self.pieces[i].text)
        return "".join(parts).rstrip()

    def _print(self, lines: list[Line], pads: dict[int, int]) -> str:
        out: list[str] = []
        codes = [self.text_of(line, pads) for line in lines]
        for first, texts in table_lines(self, lines):
            codes[first : first + len(texts)] = texts
        behind = align_comments(self, lines, codes)
        for n, line in enumerate(lines):
            p = self.pieces[line.first]
            inner = line.indent + (STEP if p.is_word("}") and self.brace(line.first) else 0)
            for text, blank in p.above:
                out.extend([""] * blank)
                out.append(" " * inner + text)
            out.extend([""] * p.blank)
            if p.kind != "$END":
                out.append(codes[n] + behind[n])
        return "\n".join(out).rstrip("\n") + "\n" if out else ""

    def _settle_blanks(self, lines: list[Line]) -> None:
        """Keep `blank` only where an empty line will be printed.

        Columns end at empty lines: one that is dropped must not end them, or the next pass would differ.
        """
        for n, line in enumerate(lines):
            p = self.pieces[line.first]
            may = n > 0 and self._may_leave_blank(line, lines[n - 1])
            p.above = [(text, blank and (j > 0 or may)) for j, (text, blank) in enumerate(p.above)]
            ends = p.kind == "$END" or (p.is_word("}") and bool(self.brace(line.first)))
            p.blank = p.blank and not ends and (may or bool(p.above))

    def _may_leave_blank(self, line: Line, before: Line) -> bool:
        """No empty line behind a `{`, unless what it opens has a head of several lines; none inside units."""
        last = self.pieces[before.last - 1]
        if self.brace(before.last - 1) and last.text == "{":
            return not before.unit
        return bool(line.unit) or self.pieces[line.first].kind == "$END" or bool(self.brace(line.first))


@dataclass(slots=True)
class _Unit:
    """The unit being laid out: its indent, the brackets open around it, and what its lines align with."""

    base: int
    depth: int
    first: int
    equals: int
    body: int
    ifs: list[int] = field(default_factory=list)


class _Ends:
    """Where lines end, and whether they hold braces on one line, as long as no break is added behind them."""

    def __init__(self, breaks: set[int], flat: set[int], pieces: int) -> None:
        self.breaks, self.braces = [*sorted(breaks), pieces], sorted(flat)

    def of(self, first: int) -> int:
        """The end of the line that `first` is on."""
        return self.breaks[bisect_right(self.breaks, first)]

    def flat(self, first: int, end: int) -> bool:
        return bisect_left(self.braces, first) < bisect_left(self.braces, end)


def _copied(
    opens: list[_Open], chosen: list[int], state: _Unit, outer: list[_Unit]
) -> tuple[list[_Open], list[int], _Unit, list[_Unit]]:
    """What `_lines` knows, to begin a line once more."""
    copies = {id(each): replace(each, ifs=list(each.ifs)) for each in (state, *outer)}
    return [replace(o) for o in opens], list(chosen), copies[id(state)], [copies[id(each)] for each in outer]
