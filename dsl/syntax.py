"""The syntax tree: what a text says, with the place of every part. No meaning yet.

Numbers are exact (`Fraction`). A `Name` of the tree is an identifier with its place. Nodes compare
by content, not by place, so that a formatter can be tested by `parse(fmt(text)) == parse(text)`.
"""

from __future__ import annotations

from fractions import Fraction

from opengames.plain import dataclass, field
from opengames.spans import Span

Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    at: Span = Place


# ------------------------------------------------------------------------- types


@dataclass(frozen=True, slots=True)
class NamedType:
    """A declared type, `bool`, `nat`, `prob` or `player`."""

    name: Name
    at: Span = Place


@dataclass(frozen=True, slots=True)
class RealType:
    """`real` or `real MW`. unit: as written, `None` for a bare `real`."""

    unit: str | None
    at: Span = Place
    unit_at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IntervalType:
    """`[lower, upper]`"""

    lower: Expr
    upper: Expr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class RangeType:
    """`first..last step s`"""

    first: Expr
    last: Expr
    step: Expr | None
    at: Span = Place


@dataclass(frozen=True, slots=True)
class SetType:
    """`{5, 10 $}`"""

    items: tuple[Expr, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class RecordType:
    """`(a: A, b: B)`"""

    fields: tuple[Field, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class FamilyType:
    """`item[I, J]`"""

    item: TypeExpr
    index: tuple[TypeExpr, ...]
    at: Span = Place


TypeExpr = NamedType | RealType | IntervalType | RangeType | SetType | RecordType | FamilyType


@dataclass(frozen=True, slots=True)
class Field:
    """`name: type`, in wires, records and decisions."""

    name: Name
    type: TypeExpr
    at: Span = Place


# ------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Number:
    """A literal. unit: `None` for a bare number, else as written (`%`, `$/MWh`). written: the literal's text."""

    value: Fraction
    unit: str | None = None
    written: str = field(default="", compare=False)
    at: Span = field(default=None, compare=False, repr=False)  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Ident:
    """A name standing as an expression: wire, param, fun, enumeration value, `true`, `false`, ..."""

    name: str
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Unary:
    """op: `-` or `not`."""

    op: str
    operand: Expr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Binary:
    """op: `+ - * / ^ and or implies >> @`. op_at: the operator's own place."""

    op: str
    left: Expr
    right: Expr
    at: Span = Place
    op_at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """A chain `a <= b < c`: one more operand than operators (`== != <= >= < >`)."""

    operands: tuple[Expr, ...]
    ops: tuple[str, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class MemberOf:
    """`value in type`"""

    value: Expr
    type: TypeExpr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class IfExpr:
    test: Expr
    then: Expr
    other: Expr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Iter:
    """`name in type`"""

    name: Name
    type: TypeExpr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Quantified:
    """kind: `forall` or `exists`."""

    kind: str
    iters: tuple[Iter, ...]
    where: Expr | None
    body: Expr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Arg:
    """An argument, named (`runs = 100`) or not."""

    name: Name | None
    value: Expr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class CallExpr:
    """`f(a, b)`. args positional or named."""

    callee: Expr
    args: tuple[Arg, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Comprehension:
    """`sum(body for k in K if test)`: a call of `callee` on the values of `body`."""

    callee: Expr
    body: Expr
    iters: tuple[Iter, ...]
    test: Expr | None
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Given:
    """`P(event | evidence, ...)`: a call with evidence."""

    callee: Expr
    event: Expr
    evidence: tuple[Expr, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class IndexExpr:
    """`f[a, b]`: an element of a family, statics of a channel or game, options of a method."""

    base: Expr
    args: tuple[Arg, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Access:
    """`base.name`"""

    base: Expr
    name: Name
    at: Span = Place


@dataclass(frozen=True, slots=True)
class TupleExpr:
    """`(a, b)`"""

    items: tuple[Expr, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class RecordExpr:
    """`(bid: 1, offer: 2)`"""

    entries: tuple[tuple[Name, Expr], ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class DistExpr:
    """`{High: 40%, Low: 60%}`"""

    pairs: tuple[tuple[Expr, Expr], ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class FamilyExpr:
    """`[B: 3 MW, else: 0 MW]`"""

    pairs: tuple[tuple[Expr, Expr], ...]
    other: Expr | None
    at: Span = Place


@dataclass(frozen=True, slots=True)
class FamilyOf:
    """`[body for k in K if test]`"""

    body: Expr
    iters: tuple[Iter, ...]
    test: Expr | None
    at: Span = Place


@dataclass(frozen=True, slots=True)
class NamePattern:
    """An enumeration value, `true`, `false`, or `_` for anything."""

    name: Name
    at: Span = Place


@dataclass(frozen=True, slots=True)
class NumberPattern:
    value: Expr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class TuplePattern:
    items: tuple[Pattern, ...]
    at: Span = Place


Pattern = NamePattern | NumberPattern | TuplePattern


@dataclass(frozen=True, slots=True)
class MatchExpr:
    subject: Expr
    arms: tuple[tuple[Pattern, Expr], ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Cross:
    r"""The corner cell `mine \ theirs`: the last input's values head the columns."""

    left: Name
    right: Name
    at: Span = Place


@dataclass(frozen=True, slots=True)
class Row:
    """`| keys || cells |`"""

    keys: tuple[Expr | Cross, ...]
    cells: tuple[Expr | Cross, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class TableExpr:
    """`table { head row... }`. Stands only where a body may."""

    head: Row
    rows: tuple[Row, ...]
    at: Span = Place


Expr = (
    Number | Ident | Unary | Binary | Compare | MemberOf | IfExpr | Quantified | CallExpr | Comprehension | Given
    | IndexExpr | Access | TupleExpr | RecordExpr | DistExpr | FamilyExpr | FamilyOf | MatchExpr | TableExpr
)  # fmt: skip


# -------------------------------------------------------------------- statements


@dataclass(frozen=True, slots=True)
class Let:
    """`x = e`, `a, b = e`, `x: T = e`"""

    names: tuple[Name, ...]
    type: TypeExpr | None
    value: Expr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class DrawStmt:
    """`x ~ e paying p`"""

    names: tuple[Name, ...]
    type: TypeExpr | None
    source: Expr
    paying: Expr | None
    at: Span = Place


@dataclass(frozen=True, slots=True)
class ActStmt:
    """`G[s](args) paying p`: a box without outputs of interest. source is a `CallExpr`."""

    source: Expr
    paying: Expr | None
    at: Span = Place


@dataclass(frozen=True, slots=True)
class NextStmt:
    """`next s[k] = e` (`draw` for `~`)."""

    name: Name
    index: tuple[Expr, ...]
    value: Expr
    draw: bool
    at: Span = Place


@dataclass(frozen=True, slots=True)
class RuleStmt:
    """`name[i in I]: condition`"""

    name: Name
    iters: tuple[Iter, ...]
    condition: Expr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class DecideStmt:
    """seeing is `None` where the text has no `seeing` (the decision sees nothing)."""

    fields: tuple[Field, ...]
    player: Expr
    seeing: tuple[Name, ...] | None
    earning: Expr
    rules: tuple[RuleStmt, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class CarryInit:
    name: Name
    value: Expr
    at: Span = Place


@dataclass(frozen=True, slots=True)
class ForStmt:
    iters: tuple[Iter, ...]
    reversed: bool
    carries: tuple[CarryInit, ...]
    body: Block
    at: Span = Place


@dataclass(frozen=True, slots=True)
class IfStmt:
    """`if test { ... } else { ... }`; `other` may hold a single `IfStmt` for `else if`."""

    test: Expr
    then: Block
    other: Block | None
    at: Span = Place


@dataclass(frozen=True, slots=True)
class MatchStmt:
    """`match subject { A => { ... }, B => { ... } }`"""

    subject: Expr
    arms: tuple[tuple[Pattern, Block], ...]
    at: Span = Place


Stmt = Let | DrawStmt | ActStmt | NextStmt | DecideStmt | ForStmt | IfStmt | MatchStmt


@dataclass(frozen=True, slots=True)
class Block:
    statements: tuple[Stmt, ...]
    at: Span = Place


# ------------------------------------------------------------------ declarations


@dataclass(frozen=True, slots=True)
class UseDecl:
    """`use std.energy: MW, h`. names empty: everything."""

    path: tuple[Name, ...]
    names: tuple[Name, ...]
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class UnitDecl:
    """`unit MUSD = 1_000_000 $`. definition: a `Number` with a unit, or `None` for a new base unit."""

    name: Name
    definition: Number | None
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TypeDecl:
    """body: the variants of an enumeration, or a type."""

    name: Name
    body: tuple[Name, ...] | TypeExpr
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ParamDecl:
    name: Name
    type: TypeExpr
    value: Expr | None
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class SeatDecl:
    name: Name
    index: tuple[TypeExpr, ...]
    at: Span = Place


@dataclass(frozen=True, slots=True)
class PlayerDecl:
    seats: tuple[SeatDecl, ...]
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Static:
    """`[who: player = ann]`"""

    name: Name
    type: TypeExpr
    default: Expr | None
    at: Span = Place


@dataclass(frozen=True, slots=True)
class FunDecl:
    name: Name
    statics: tuple[Static, ...]
    inputs: tuple[Field, ...]
    output: TypeExpr
    body: Expr
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ChannelDecl:
    name: Name
    statics: tuple[Static, ...]
    inputs: tuple[Field, ...]
    output: TypeExpr
    body: Block | Expr
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RecognitionDecl:
    """Either `body` (a block) or `of` and `by`."""

    name: Name
    statics: tuple[Static, ...]
    inputs: tuple[Field, ...]
    output: TypeExpr
    body: Block | None
    of: Expr | None
    by: Expr | None
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class GameDecl:
    """inputs, expects, reports are empty where the text writes none; body is a block or a composition."""

    name: Name
    statics: tuple[Static, ...]
    inputs: tuple[Field, ...]
    output: TypeExpr | None
    expects: tuple[Field, ...]
    reports: tuple[Field, ...]
    body: Block | Expr
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class PlanDecl:
    """`ann.bid = value / 2`. seat: the name, with index variables; wire: the dotted rest; mixed for `~`."""

    seat: Name
    seat_vars: tuple[Name, ...]
    wire: tuple[Name, ...]
    value: Expr
    mixed: bool
    at: Span = Place


@dataclass(frozen=True, slots=True)
class StrategyDecl:
    name: Name
    of: Expr
    plans: tuple[PlanDecl, ...]
    at: Span = Place
    doc: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class QuestionDecl:
    """kind: `verify` or `query`."""

    kind: str
    name: Name
    value: Expr
    of: Expr | None
    under: Expr | None
    by: Expr | None
    at: Span = Place
    doc: str = field(default="", compare=False)


Decl = (
    UseDecl | UnitDecl | TypeDecl | ParamDecl | PlayerDecl | FunDecl | ChannelDecl | RecognitionDecl | GameDecl
    | StrategyDecl | QuestionDecl
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class File:
    """A whole text. doc: the `##` lines at its head."""

    name: str
    text: str = field(compare=False, repr=False)
    declarations: tuple[Decl, ...] = ()
    doc: str = field(default="", compare=False)
