"""From the parser's reductions to the syntax tree, in one pass.

The LALR parser calls one method here per grammar alternative, bottom-up, with all children in order
(tokens included). There is no intermediate tree and no recursion, so depth costs memory only. A
node's span runs from its first token to its last; round brackets belong to what they enclose.

Mistakes that the grammar lets through because a better message is possible here (the shape of a
table, a number too large to keep, a unit that is not one word) are left in `found`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from opengames.diagnostics import Diagnostic, Window
from opengames.dsl import syntax as s
from opengames.plain import dataclass, replace
from opengames.spans import Span

LONGEST_NUMBER = 100
"""Characters a literal's digits may take."""
LARGEST_EXPONENT = 300
LONGEST_NAME = 100

_LITERAL = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)[ \t]*(.*)", re.DOTALL)


@dataclass(slots=True)
class Part:
    """What stands between the tokens of a rule and is no node of its own: a list, a clause, a bracket."""

    kind: str
    items: tuple[Any, ...]
    at: Span


class TreeBuilder:
    """Callbacks for the parser. One builder serves one text after another: call `begin` before each."""

    def begin(self, file: str) -> None:
        """Start on the text called `file`, forgetting what was found before."""
        self.file = file
        self.found: list[Diagnostic] = []

    # ------------------------------------------------------------------ helpers

    def _token_span(self, token: Any) -> Span:
        return Span(self.file, token.start_pos, token.end_pos, token.line, token.column)

    def _span(self, children: list[Any]) -> Span:
        """From the first child to the last, tokens or nodes."""
        first, last = children[0], children[-1]
        end = last.end_pos if hasattr(last, "end_pos") else last.at.end
        if hasattr(first, "start_pos"):
            return Span(self.file, first.start_pos, end, first.line, first.column)
        at = first.at
        return Span(self.file, at.start, end, at.line, at.column)

    def _name(self, token: Any) -> s.Name:
        at = self._token_span(token)
        if len(token) > LONGEST_NAME:
            self._too_long(at, "name", LONGEST_NAME)
        return s.Name(str(token), at)

    def _too_long(self, at: Span, what: str, limit: int) -> None:
        self.found.append(
            Diagnostic(
                "name-too-long",
                f"a {what} of {at.end - at.start} characters is too long",
                span=at,
                label=f"at most {limit} characters",
            )
        )

    def _names(self, children: list[Any]) -> tuple[s.Name, ...]:
        """The names among comma-separated tokens."""
        return tuple([self._name(c) for c in children if getattr(c, "type", "") == "NAME"])

    def _part(self, kind: str, children: list[Any]) -> Part:
        return Part(kind, _nodes(children), self._span(children))

    # --------------------------------------------------------------------- file

    def start(self, children: list[Any]) -> tuple[s.Decl, ...]:
        return tuple(children)

    def use_decl(self, c: list[Any]) -> s.UseDecl:
        return s.UseDecl(c[1].items, c[3].items if len(c) > 2 else (), self._span(c))

    def path(self, c: list[Any]) -> Part:
        return Part("path", self._names(c), self._span(c))

    def names(self, c: list[Any]) -> Part:
        return Part("names", self._names(c), self._span(c))

    def unit_decl(self, c: list[Any]) -> s.UnitDecl:
        definition = None
        if len(c) > 2:
            token = c[3]
            if token.type == "QUANTITY":
                definition = self.quantity([token])
            elif token.type == "NUMBER":
                definition = self._ratio(token, c[5])
            else:
                definition = s.Number(Fraction(1), str(token), str(token), self._token_span(token))
        name = s.Name(str(c[1]), self._token_span(c[1]))
        if not re.fullmatch(r"[A-Za-z]+|[$€]", name.text):
            self.found.append(
                Diagnostic(
                    "unit-name",
                    f"`{name.text}` is made of units and cannot name a new one",
                    span=name.at,
                    label="expected one word of letters",
                    help=f"declare a word and say what it is: `unit word = {name.text}`",
                )
            )
        return s.UnitDecl(name, definition, self._span(c))

    def type_decl(self, c: list[Any]) -> s.TypeDecl:
        body = c[3].items if isinstance(c[3], Part) else c[3]
        return s.TypeDecl(self._name(c[1]), body, self._span(c))

    def enum(self, c: list[Any]) -> Part:
        return Part("enum", self._names(c), self._span(c))

    def param_decl(self, c: list[Any]) -> s.ParamDecl:
        return s.ParamDecl(self._name(c[1]), c[3], c[5] if len(c) > 4 else None, self._span(c))

    def player_decl(self, c: list[Any]) -> s.PlayerDecl:
        return s.PlayerDecl(_nodes(c), self._span(c))

    def seat(self, c: list[Any]) -> s.SeatDecl:
        return s.SeatDecl(self._name(c[0]), c[1].items if len(c) > 1 else (), self._span(c))

    def _arrow(self, c: list[Any]) -> tuple[s.Name, tuple[s.Static, ...], tuple[s.Field, ...], Any, Any]:
        """Name, statics, inputs, output and last child of `word name [statics] wires -> type ... last`."""
        shift = 1 if c[2].kind == "statics" else 0
        statics = c[2].items if shift else ()
        return self._name(c[1]), statics, c[2 + shift].items, c[4 + shift], c[-1]

    def fun_decl(self, c: list[Any]) -> s.FunDecl:
        return s.FunDecl(*self._arrow(c), self._span(c))

    def channel_decl(self, c: list[Any]) -> s.ChannelDecl:
        return s.ChannelDecl(*self._arrow(c), self._span(c))

    def recognition_decl(self, c: list[Any]) -> s.RecognitionDecl:
        name, statics, inputs, output, last = self._arrow(c)
        if isinstance(last, s.Block):
            return s.RecognitionDecl(name, statics, inputs, output, last, None, None, self._span(c))
        return s.RecognitionDecl(name, statics, inputs, output, None, c[-3], last, self._span(c))

    def game_decl(self, c: list[Any]) -> s.GameDecl:
        parts: dict[str, Any] = {"statics": (), "wires": (), "->": None, "expects": (), "reports": ()}
        clause = ""
        for child in c[2:-1]:
            if isinstance(child, Part):
                parts[clause or child.kind] = child.items
                clause = ""
            elif hasattr(child, "type") and hasattr(child, "end_pos"):
                clause = str(child)
            else:
                parts["->"] = child
                clause = ""
        return s.GameDecl(
            self._name(c[1]), parts["statics"], parts["wires"], parts["->"], parts["expects"], parts["reports"], c[-1], self._span(c)
        )

    def strategy_decl(self, c: list[Any]) -> s.StrategyDecl:
        return s.StrategyDecl(self._name(c[1]), c[3], tuple(c[5:-1]), self._span(c))

    def plan(self, c: list[Any]) -> s.PlanDecl:
        indexed = isinstance(c[1], Part)
        wire = self._names(c[2:-2])
        mixed = c[-2].type == "DRAW"
        return s.PlanDecl(self._name(c[0]), c[1].items if indexed else (), wire, c[-1], mixed, self._span(c))

    def seat_vars(self, c: list[Any]) -> Part:
        return Part("seat_vars", self._names(c), self._span(c))

    def question(self, c: list[Any]) -> s.QuestionDecl:
        scope: dict[str, Any] = {"of": None, "after": None, "under": None, "by": None}
        for i in range(4, len(c), 2):
            scope[str(c[i])] = c[i + 1]
        return s.QuestionDecl(
            str(c[0]), self._name(c[1]), c[3], scope["of"], scope["under"], scope["by"], self._span(c),
            after=scope["after"].items if scope["after"] is not None else (),
        )  # fmt: skip

    def trades(self, c: list[Any]) -> Part:
        return Part("trades", tuple(c[::2]), self._span(c))

    def trade(self, c: list[Any]) -> s.Trade:
        more = {str(c[i]): c[i + 1] for i in range(5, len(c) - 1, 2)}
        return s.Trade(self._name(c[0]), c[2], c[4], more.get("|"), more.get(","), self._span(c))

    def statics(self, c: list[Any]) -> Part:
        return self._part("statics", c)

    def static(self, c: list[Any]) -> s.Static:
        kind = c[2]
        if isinstance(kind, str):  # any type
            name = self._name(kind)
            kind = s.NamedType(name, name.at)
        return s.Static(self._name(c[0]), kind, c[4] if len(c) > 3 else None, self._span(c))

    def wires(self, c: list[Any]) -> Part:
        return self._part("wires", c)

    def field(self, c: list[Any]) -> s.Field:
        return s.Field(self._name(c[0]), c[2], self._span(c))

    # -------------------------------------------------------------------- types

    def family_type(self, c: list[Any]) -> s.FamilyType:
        item = c[0]
        for i in range(1, len(c)):
            item = s.FamilyType(item, c[i].items, self._span(c[: i + 1]))
        return item

    def index(self, c: list[Any]) -> Part:
        return self._part("index", c)

    def real(self, c: list[Any]) -> s.RealType:
        if len(c) == 1:
            return s.RealType(None, self._token_span(c[0]))
        return s.RealType(str(c[1]), self._span(c), self._token_span(c[1]))

    def named(self, c: list[Any]) -> s.NamedType:
        name = self._name(c[0])
        return s.NamedType(name, name.at)

    def interval(self, c: list[Any]) -> s.IntervalType:
        return s.IntervalType(c[1], c[3], self._span(c))

    def range(self, c: list[Any]) -> s.RangeType:
        return s.RangeType(c[0], c[2], c[4] if len(c) > 3 else None, self._span(c))

    def finite(self, c: list[Any]) -> s.SetType:
        return s.SetType(_nodes(c), self._span(c))

    def record_type(self, c: list[Any]) -> s.RecordType:
        return s.RecordType(_nodes(c), self._span(c))

    # ------------------------------------------------------------------- blocks

    def block(self, c: list[Any]) -> s.Block:
        return s.Block(tuple(c[1:-1]), self._span(c))

    def let(self, c: list[Any]) -> s.Let:
        return s.Let(c[0].items, c[2] if len(c) > 3 else None, c[-1], self._span(c))

    def draw(self, c: list[Any]) -> s.DrawStmt:
        typed = str(c[1]) == ":"
        at = 4 if typed else 2
        paying = c[at + 2] if len(c) > at + 1 else None
        return s.DrawStmt(c[0].items, c[2] if typed else None, c[at], paying, self._span(c))

    def next(self, c: list[Any]) -> s.NextStmt:
        return s.NextStmt(self._name(c[1]), _nodes(c[2:-2]), c[-1], c[-2].type == "DRAW", self._span(c))

    def for_block(self, c: list[Any]) -> s.ForStmt:
        backwards = str(c[2]) == "reversed" if hasattr(c[2], "end_pos") else False
        return s.ForStmt(c[1].items, backwards, _nodes(c[2:-1]), c[-1], self._span(c))

    def iters(self, c: list[Any]) -> Part:
        return self._part("iters", c)

    def iter(self, c: list[Any]) -> s.Iter:
        return s.Iter(self._name(c[0]), c[2], self._span(c))

    def carry(self, c: list[Any]) -> s.CarryInit:
        return s.CarryInit(self._name(c[0]), c[2], self._span(c))

    def if_block(self, c: list[Any]) -> s.IfStmt:
        other = c[4] if len(c) > 3 else None
        if isinstance(other, s.IfStmt):
            other = s.Block((other,), other.at)
        return s.IfStmt(c[1], c[2], other, self._span(c))

    def match_block(self, c: list[Any]) -> s.MatchStmt:
        return s.MatchStmt(c[1], tuple(p.items for p in _nodes(c[3:-1])), self._span(c))

    def block_arm(self, c: list[Any]) -> Part:
        return self._part("arm", c)

    def decide(self, c: list[Any]) -> s.DecideStmt:
        fields = tuple(x for x in c if isinstance(x, s.Field))
        clauses: dict[str, Any] = {"by": None, "seeing": None, "earning": None, "to": None}
        for i in range(2, len(c) - 1):
            if hasattr(c[i], "end_pos") and str(c[i]) in clauses:
                clauses[str(c[i])] = c[i + 1]
        seeing, rules = clauses["seeing"], clauses["to"]
        return s.DecideStmt(
            fields,
            clauses["by"],
            None if seeing is None else seeing.items,
            clauses["earning"],
            () if rules is None else rules.items,
            self._span(c),
        )

    def rules(self, c: list[Any]) -> Part:
        return self._part("rules", c)

    def rule(self, c: list[Any]) -> s.RuleStmt:
        iters = c[2].items if len(c) > 3 else ()
        return s.RuleStmt(self._name(c[0]), iters, c[-1], self._span(c))

    def act(self, c: list[Any]) -> s.ActStmt:
        paying = None
        call, at = c, self._span(c)
        if str(c[-2]) == "paying" and hasattr(c[-2], "end_pos"):
            paying, call = c[-1], c[:-2]
        callee: s.Expr = self.name(c[:1])
        opening = 1
        if str(call[1]) == "[":
            opening = next(i for i, x in enumerate(call) if hasattr(x, "end_pos") and str(x) == "]") + 1
            callee = s.IndexExpr(callee, _nodes(call[2 : opening - 1]), self._span(call[:opening]))
        return s.ActStmt(self.call([callee, *call[opening:]]), paying, at)

    # -------------------------------------------------------------- expressions

    def quantified(self, c: list[Any]) -> s.Quantified:
        return s.Quantified(str(c[0]), c[1].items, c[3] if len(c) > 4 else None, c[-1], self._span(c))

    def conditional(self, c: list[Any]) -> s.IfExpr:
        return s.IfExpr(c[1], c[3], c[5], self._span(c))

    def binary(self, c: list[Any]) -> s.Binary:
        left, op, right = c
        a, b = left.at, right.at
        return s.Binary(
            str(op), left, right, Span(a.file, a.start, b.end, a.line, a.column), self._token_span(op)
        )

    def unary(self, c: list[Any]) -> s.Unary:
        return s.Unary(str(c[0]), c[1], self._span(c))

    def compare(self, c: list[Any]) -> s.Compare:
        return s.Compare(tuple(c[::2]), tuple([str(op) for op in c[1::2]]), self._span(c))

    def member(self, c: list[Any]) -> s.MemberOf:
        return s.MemberOf(c[0], c[2], self._span(c))

    def access(self, c: list[Any]) -> s.Access:
        return s.Access(c[0], self._name(c[2]), self._span(c))

    def call(self, c: list[Any]) -> s.CallExpr | s.Comprehension | s.Given:
        at = self._span(c)
        if len(c) == 3:
            return s.CallExpr(c[0], (), at)
        inside = c[2]
        if inside.kind == "args":
            return s.CallExpr(c[0], inside.items, at)
        if inside.kind == "given":
            return s.Given(c[0], inside.items[0], inside.items[1:], at)
        body, iters, test = inside.items
        return s.Comprehension(c[0], body, iters, test, at)

    def indexed(self, c: list[Any]) -> s.IndexExpr:
        return s.IndexExpr(c[0], _nodes(c[2:-1]), self._span(c))

    def args(self, c: list[Any]) -> Part:
        return self._part("args", c)

    def comprehension(self, c: list[Any]) -> Part:
        return Part("comprehension", (c[0], *c[1].items), self._span(c))

    def given(self, c: list[Any]) -> Part:
        return self._part("given", c)

    def arg(self, c: list[Any]) -> s.Arg:
        if len(c) == 1:
            return s.Arg(None, c[0], c[0].at)
        return s.Arg(self._name(c[0]), c[2], self._span(c))

    def loop(self, c: list[Any]) -> Part:
        """The iterators of every `for`, in order, and the test."""
        iters: list[s.Iter] = []
        for child in c:
            if isinstance(child, Part):
                iters.extend(child.items)
        test = c[-1] if str(c[-2]) == "if" else None
        return Part("loop", (tuple(iters), test), self._span(c))

    def name(self, c: list[Any]) -> s.Ident:
        token = c[0]
        at = self._token_span(token)
        if len(token) > LONGEST_NAME:
            self._too_long(at, "name", LONGEST_NAME)
        return s.Ident(str(token), at)

    def grouped(self, c: list[Any]) -> s.Expr:
        return replace(c[1], at=self._span(c))

    def tuple(self, c: list[Any]) -> s.TupleExpr:
        return s.TupleExpr(_nodes(c), self._span(c))

    def record(self, c: list[Any]) -> s.RecordExpr:
        return s.RecordExpr(tuple((p.items[0], p.items[1]) for p in _nodes(c)), self._span(c))

    def distribution(self, c: list[Any]) -> s.DistExpr:
        return s.DistExpr(tuple(p.items for p in _nodes(c)), self._span(c))

    def family(self, c: list[Any]) -> s.FamilyExpr:
        pairs = tuple(p.items for p in c if isinstance(p, Part))
        other = next((x for x in c if not isinstance(x, Part) and not hasattr(x, "end_pos")), None)
        return s.FamilyExpr(pairs, other, self._span(c))

    def family_of(self, c: list[Any]) -> s.FamilyOf:
        iters, test = c[2].items
        return s.FamilyOf(c[1], iters, test, self._span(c))

    def entry(self, c: list[Any]) -> Part:
        return Part("entry", (self._name(c[0]), c[2]), self._span(c))

    def pair(self, c: list[Any]) -> Part:
        return self._part("pair", c)

    def match(self, c: list[Any]) -> s.MatchExpr:
        return s.MatchExpr(c[1], tuple(p.items for p in _nodes(c[3:-1])), self._span(c))

    def arm(self, c: list[Any]) -> Part:
        return self._part("arm", c)

    def pat_name(self, c: list[Any]) -> s.NamePattern:
        name = self._name(c[0])
        return s.NamePattern(name, name.at)

    def pat_literal(self, c: list[Any]) -> s.NumberPattern:
        return s.NumberPattern(c[0], c[0].at)

    def pat_tuple(self, c: list[Any]) -> s.TuplePattern:
        return s.TuplePattern(_nodes(c), self._span(c))

    # ----------------------------------------------------------------- literals

    def number(self, c: list[Any]) -> s.Number:
        at = self._token_span(c[0])
        return s.Number(self._exact(str(c[0]), at), None, str(c[0]), at)

    def quantity(self, c: list[Any]) -> s.Number:
        at = self._token_span(c[0])
        written = str(c[0])
        digits, unit = _LITERAL.fullmatch(written).groups()  # type: ignore[union-attr]
        if len(unit) > LONGEST_NAME:
            self._too_long(at, "unit", LONGEST_NAME)
        return s.Number(self._exact(digits, at), unit, written, at)

    def _ratio(self, top: Any, bottom: Any) -> s.Number:
        """`1/60 h`, a scale that no decimal gives exactly."""
        at = self._span([top, bottom])
        above, below = self.number([top]).value, self.quantity([bottom])
        value = above / below.value if below.value else Fraction(0)
        return s.Number(value, below.unit, f"{top}/{bottom}", at)

    def _exact(self, digits: str, at: Span) -> Fraction:
        """The number's value; 0, with a diagnostic, when it is too large to keep."""
        plain = digits.replace("_", "")
        _, _, exponent = plain.lower().partition("e")
        if len(plain) > LONGEST_NUMBER or len(exponent) > 4 or abs(int(exponent or 0)) > LARGEST_EXPONENT:
            self.found.append(
                Diagnostic(
                    "number-too-large",
                    "this number is too large to be kept exactly",
                    span=at,
                    label=f"at most {LONGEST_NUMBER} digits and an exponent up to {LARGEST_EXPONENT}",
                    notes=("numbers are exact, so every digit is stored",),
                )
            )
            return Fraction(0)
        return Fraction(plain)

    # ------------------------------------------------------------------- tables

    def table(self, c: list[Any]) -> s.TableExpr:
        at = self._span(c)
        head, rows = c[2], tuple(c[3:-1])
        if not rows:
            self.found.append(
                Diagnostic(
                    "single-row-table",
                    "this table has a head and no row",
                    span=head.at,
                    label="names the columns; the rows come below it",
                )
            )
        for row in rows:
            self._check_shape(head, row)
        return s.TableExpr(head, rows, at)

    def _check_shape(self, head: s.Row, row: s.Row) -> None:
        for side, there, here in (("left", head.keys, row.keys), ("right", head.cells, row.cells)):
            if len(there) != len(here):
                self.found.append(
                    Diagnostic(
                        "table-shape",
                        f"this row has {_cells(len(here))} {side} of `||`, the head has {len(there)}",
                        span=row.at,
                        label=f"{_cells(len(here))} {side} of `||`",
                        windows=(Window(head.at, f"{_cells(len(there))} {side} of `||`"),),
                    )
                )
                return

    def row(self, c: list[Any]) -> s.Row:
        return s.Row(c[1].items, _nodes(c[3:]), self._span(c))

    def keys(self, c: list[Any]) -> Part:
        return self._part("keys", c)

    def cross(self, c: list[Any]) -> s.Cross:
        return s.Cross(self._name(c[0]), self._name(c[2]), self._span(c))


def _nodes(children: list[Any]) -> tuple[Any, ...]:
    """The children that are no tokens."""
    return tuple([c for c in children if not hasattr(c, "end_pos")])


def _cells(count: int) -> str:
    return f"{count} cell" if count == 1 else f"{count} cells"
