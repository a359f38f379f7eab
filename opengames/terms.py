"""Terms: what is written inside a box.

A term is a total expression over the wires of its scope, the params of the program and the
variables its own quantifiers and comprehensions bind. Terms are hashable plain data; numbers
are exact rationals. Terms of distribution kind (`Weighted`, `Normal`, `Uniform`) may stand only
as the kernel of a `Draw`, or below an `If` or `Select` there.

Names: `Var` refers to a wire of the enclosing diagram, an input of the enclosing fun, or a bound
variable. Elaboration renames bound variables so that none shadows another name.
`at` is the place in the text, for messages; it takes no part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from opengames.plain import dataclass, field, fields
from opengames.spaces import Space
from opengames.spans import Span

At_ = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Const:
    """A value: `Fraction`, `bool`, an enumeration's label, or a tuple of these (see `spaces`)."""

    value: Any
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Var:
    name: str
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Param:
    """A param of the program, supplied by the outside."""

    name: str
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Prim:
    """A primitive function. Operators, with their arities:

    `+ - * / ^` (2), `neg abs exp log floor sqrt` (1), `min max` (1 or more scalars), `clamp` (x, lower, upper),
    `== !=` (2, any one space), `< <= > >=` (2), `and or implies` (2, right side lazy), `not` (1),
    `ind` (1: bool to 0 or 1).
    `^` has a constant or computed rational exponent; exact readings need it to be an integer.
    """

    op: str
    args: tuple[Term, ...]
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Apply:
    """The fun called `fun`, on one term per input."""

    fun: str
    args: tuple[Term, ...]
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class If:
    """Lazy in both branches; the branches may be of distribution kind."""

    test: Term
    then: Term
    other: Term
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Select:
    """A table: the cell of the row that `keys` point at, row-major over the finite `spaces`.

    Cells may be of distribution kind. Only the chosen cell is evaluated.
    """

    keys: tuple[Term, ...]
    spaces: tuple[Space, ...]
    cells: tuple[Term, ...]
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Pack:
    """A record value from its fields, in field order."""

    items: tuple[Term, ...]
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Get:
    """Field number `position` of a record."""

    record: Term
    position: int
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class At:
    """An element of a family; with fewer keys than indices, the slice that remains.

    `index` is the whole index of the family, so that storage can be addressed without types.
    """

    family: Term
    keys: tuple[Term, ...]
    index: tuple[Space, ...]
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Tabulate:
    """The family whose element at the bound variables is `body` (row-major).

    iters: (variable, finite space) pairs. If `body` is itself a family the result is flattened.
    """

    iters: tuple[tuple[str, Space], ...]
    body: Term
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Fold:
    """`sum`, `product`, `min`, `max`, `and` (forall) or `or` (exists) of `body` over `iters`, where `where` holds.

    iters: (variable, space) pairs, later ones may not depend on earlier ones. Spaces are finite, except
    for `and` and `or`, where an infinite space makes the term one that only the proved reading can decide.
    """

    op: str
    iters: tuple[tuple[str, Space], ...]
    body: Term
    where: Term | None = None
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Member:
    """Whether a value lies in a space (`x in [0, 1]`)."""

    value: Term
    space: Space
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Check:
    """The value itself, which must lie in `space`; refused at evaluation where it does not.

    what: how a message calls the value, for example "`bid`, decided by ann".
    A float reading snaps to the nearest point of a `Grid`.
    """

    value: Term
    space: Space
    what: str = ""
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Optimum:
    """What a clearing gives: its decided wires and the duals that are asked for, as a record of `space`.

    clearing: an `opengames.clearings.Ready`. data: a family of the numbers that it waits for. Stands only in diagrams
    made by `opengames.clearings.cleared`, never in a program.
    """

    clearing: Any
    data: Term
    space: Space
    at: Span | None = At_


# ------------------------------------------------------------------ distributions


@dataclass(frozen=True, slots=True)
class Weighted:
    """A distribution on finitely many values: (value, chance) pairs. Equal values add up."""

    pairs: tuple[tuple[Term, Term], ...]
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Uniform:
    """Uniform on a finite space, or on a bounded interval of the reals."""

    space: Space
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Normal:
    """The normal distribution with mean `mean` and standard deviation `deviation` >= 0."""

    mean: Term
    deviation: Term
    at: Span | None = At_


# ---------------------------------------------------------------------- questions


@dataclass(frozen=True, slots=True)
class Ref:
    """Something declared. kind: "game", "channel", "recognition", "strategy", "player", "fun"."""

    kind: str
    name: str
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Compose:
    """Channels put together: op is "then" (`>>`), "beside" (`@`) or "instance" (a `Ref`, then its statics)."""

    op: str
    args: tuple[Term, ...]
    at: Span | None = At_


@dataclass(frozen=True, slots=True)
class Ask:
    """A question whose answer needs a reading or a solver; stands only in `verify` and `query`.

    op and args:
    `E` (x, evidence...) | `P` (event, evidence...) | `cvar` (x, level) | `distribution` (x, evidence...)
    `variance` (x)
    `equilibrium` `subgame_perfect` `exploitability` (strategy Ref) | `equilibria` (game Ref)
    `best_response` (game Ref, player Ref) | `dominant` (game Ref, player Ref)
    `reach` (x: a decision or branch path) | `feasible` (game Ref, inputs...) | `coverage` (recognition Ref, level)
    `same` (Compose, Compose) | `why` (claim Ref, param Refs...)
    `price` (event, condition...) | `worst` `expected` `best` (player Ref, index)
    """

    op: str
    args: tuple[Term, ...]
    at: Span | None = At_


Term = (
    Const | Var | Param | Prim | Apply | If | Select | Pack | Get | At | Tabulate | Fold | Member | Check | Optimum
    | Weighted | Uniform | Normal | Ref | Compose | Ask
)  # fmt: skip

TRUE = Const(True)
FALSE = Const(False)
ZERO = Const(Fraction(0))
ONE = Const(Fraction(1))


def children(term: Term) -> Iterator[Term]:
    """The immediate subterms."""
    match term:
        case Const() | Var() | Param() | Uniform() | Ref():
            return
        case Prim(args=args) | Apply(args=args) | Compose(args=args) | Ask(args=args):
            yield from args
        case If(test=a, then=b, other=c):
            yield from (a, b, c)
        case Select(keys=keys, cells=cells):
            yield from keys
            yield from cells
        case Pack(items=items):
            yield from items
        case Get(record=record):
            yield record
        case At(family=of, keys=keys):
            yield of
            yield from keys
        case Tabulate(body=body):
            yield body
        case Fold(body=body, where=where):
            yield body
            if where is not None:
                yield where
        case Member(value=value) | Check(value=value):
            yield value
        case Weighted(pairs=pairs):
            for value, chance in pairs:
                yield value
                yield chance
        case Optimum(data=data):
            yield data
        case Normal(mean=mean, deviation=deviation):
            yield from (mean, deviation)


def bound(term: Term) -> frozenset[str]:
    """The variables that this term binds in its body."""
    match term:
        case Tabulate(iters=iters) | Fold(iters=iters):
            return frozenset(name for name, _ in iters)
    return frozenset()


def free(term: Term) -> frozenset[str]:
    """The free variables (wires, inputs) of a term; params and funs are not variables."""
    if isinstance(term, Var):
        return frozenset((term.name,))
    found: frozenset[str] = frozenset().union(*(free(t) for t in children(term)))
    return found - bound(term)


def rebuild(term: Term, change: Any) -> Term:
    """The same term with every immediate subterm `t` replaced by `change(t)`."""

    def new(value: Any) -> Any:
        if isinstance(value, _TERMS):
            return change(value)
        if isinstance(value, tuple) and value and not isinstance(term, Const):
            return tuple(new(v) for v in value)
        return value

    return type(term)(*(new(getattr(term, f.name)) for f in fields(term)))


def substitute(term: Term, values: dict[str, Term]) -> Term:
    """Replace free variables by terms. Bound variables are left alone; names are unique, so none is captured."""
    if not values:
        return term
    if isinstance(term, Var):
        return values.get(term.name, term)
    inner = {k: v for k, v in values.items() if k not in bound(term)}
    return rebuild(term, lambda t: substitute(t, inner))


_TERMS = (
    Const, Var, Param, Prim, Apply, If, Select, Pack, Get, At, Tabulate, Fold, Member, Check, Optimum,
    Weighted, Uniform, Normal, Ref, Compose, Ask,
)  # fmt: skip
