"""The syntax tree: what a text says, with the place of every part. No meaning yet.

Nodes compare by content, not by place, so that a formatter can be tested by `parse(fmt(text)) == parse(text)`.
Statements and declarations stand here; what they are made of is in `syntax_expressions`, and has its names here
too, so that a reader of trees needs one import.
"""

from __future__ import annotations

from opengames.dsl.syntax_expressions import (
    Access,
    Arg,
    Binary,
    CallExpr,
    Compare,
    Comprehension,
    Cross,
    DistExpr,
    Expr,
    FamilyExpr,
    FamilyOf,
    FamilyType,
    Field,
    Given,
    Ident,
    IfExpr,
    IndexExpr,
    IntervalType,
    Iter,
    MatchExpr,
    MemberOf,
    Name,
    NamedType,
    NamePattern,
    Number,
    NumberPattern,
    Pattern,
    Place,
    Quantified,
    RangeType,
    RealType,
    RecordExpr,
    RecordType,
    Row,
    SetType,
    TableExpr,
    TupleExpr,
    TuplePattern,
    TypeExpr,
    Unary,
)  # fmt: skip
from opengames.plain import dataclass, field
from opengames.spans import Span

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
class Trade:
    """`buy(ann, event | given, amount)`: a trade in a question's `after`. amount: `None` if it is left out."""

    verb: Name
    trader: Expr
    event: Expr
    given: Expr | None
    amount: Expr | None
    at: Span = Place


@dataclass(frozen=True, slots=True)
class QuestionDecl:
    """kind: `verify` or `query`. after: the trades before it is asked."""

    kind: str
    name: Name
    value: Expr
    of: Expr | None
    under: Expr | None
    by: Expr | None
    at: Span = Place
    doc: str = field(default="", compare=False)
    after: tuple[Trade, ...] = ()


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


__all__ = [
    "Access", "ActStmt", "Arg", "Binary", "Block", "CallExpr", "CarryInit", "ChannelDecl", "Compare",
    "Comprehension", "Cross", "DecideStmt", "Decl", "DistExpr", "DrawStmt", "Expr", "FamilyExpr",
    "FamilyOf", "FamilyType", "Field", "File", "ForStmt", "FunDecl", "GameDecl", "Given", "Ident", "IfExpr",
    "IfStmt", "IndexExpr", "IntervalType", "Iter", "Let", "MatchExpr", "MatchStmt", "MemberOf", "Name",
    "NamePattern", "NamedType", "NextStmt", "Number", "NumberPattern", "ParamDecl", "Pattern", "Place",
    "PlanDecl", "PlayerDecl", "Quantified", "QuestionDecl", "RangeType", "RealType", "RecognitionDecl",
    "RecordExpr", "RecordType", "Row", "RuleStmt", "SeatDecl", "SetType", "Static", "Stmt", "StrategyDecl",
    "TableExpr", "Trade", "TupleExpr", "TuplePattern", "TypeDecl", "TypeExpr", "Unary", "UnitDecl", "UseDecl",
]  # fmt: skip
