"""The syntax tree of what stands for a value or a type: expressions, patterns, tables, type expressions.

Numbers are exact (`Fraction`). A `Name` of the tree is an identifier with its place. The laws of the tree, and
statements and declarations, are in `syntax`, which has all of these names too.
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
