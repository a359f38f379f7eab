"""Symbolic values, and the symbols that stand for what is not known.

Values mirror `spaces`: a number is a `Fraction` while it is known and a sympy expression from then on, a truth value a
`bool` or a sympy condition, a label `str`, records and families tuples. What is unknown and finite but no number (a
label, a truth value) is an `Unknown`: whoever needs it asks for cases.

A symbol is named as it is written in the language, `asp[1]`, `quote.bid`, so that formulas can be pasted back, and carries
what its space says: real, integer, positive, not negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean, BooleanAtom
from sympy.multipledispatch import dispatch

from opengames.diagnostics import refuse
from opengames.show import show
from opengames.spaces import Bool, Enum, Family, Grid, Reals, Record, Space, index_points, index_size, points
from opengames.symbolic.cases import Known, Split

MOST_SYMBOLS = 400
"""Symbols that one family may be taken apart into."""


class Label(sympy.Symbol):
    """A label of an enumeration."""


@dispatch(Label, Label)
def _eval_is_eq(a: Label, b: Label) -> bool:
    """Labels are equal only to themselves; sympy asks this of every equation."""
    return bool(a.name == b.name)


@dataclass(frozen=True)
class Unknown:
    """A finite value that is not known; `symbol` stands for it in conditions."""

    symbol: sympy.Symbol
    space: Space


class Symbols:
    """The symbols of one request: each written name is one symbol, with its space."""

    def __init__(self) -> None:
        self.spaces: dict[sympy.Symbol, Space] = {}
        self.owners: dict[str, tuple[str, str]] = {}
        self._named: dict[str, sympy.Symbol] = {}

    def name(self, kind: str, declared: str) -> str:
        """What the symbol of something declared is called: primed where the name stands for something else already.

        kind: `param`, `input` or `variable`; of two things with one name, each has its own symbol.
        """
        found = declared.split("#", 1)[0]
        while self.owners.setdefault(found, (kind, declared)) != (kind, declared):
            found += "'"
        return found

    def stand_in(self, name: str, space: Space, known: Known) -> Any:
        """A value of `space` that nothing is known of but what `known` says. name: as it is written."""
        match space:
            case Reals() | Grid():
                symbol = self.symbol(name, space)
                return known.get(symbol, symbol)
            case Enum() | Bool():
                symbol = self.symbol(name, space)
                return known.get(symbol, Unknown(symbol, space))
            case Record(fields=fields):
                return tuple(self.stand_in(f"{name}.{f}", s, known) for f, s in fields)
            case Family(index=index, item=item):
                if index_size(index) > MOST_SYMBOLS:
                    raise refuse(
                        "over-budget", f"`{name}` has {index_size(index):,} elements; at most {MOST_SYMBOLS} become symbols",
                        help="choose smaller types, or supply a value",
                    )  # fmt: skip
                keys = (", ".join(show(k, s) for k, s in zip(key, index, strict=True)) for key in index_points(index))
                return tuple(self.stand_in(f"{name}[{key}]", item, known) for key in keys)
        raise TypeError(f"not a space: {space!r}")

    def symbol(self, name: str, space: Space) -> sympy.Symbol:
        """The symbol written `name`."""
        if name not in self._named:
            symbol = sympy.Symbol(name, **assumptions(space))
            self._named[name] = symbol
            self.spaces[symbol] = space
        return self._named[name]

    def is_finite(self, symbol: sympy.Symbol) -> bool:
        return not isinstance(self.spaces.get(symbol), Reals | None)


def assumptions(space: Space) -> dict[str, bool]:
    """What sympy may take for granted of a number of this space; nothing of what is no number."""
    match space:
        case Reals(lower=lower, upper=upper, whole=whole):
            found = {"integer": True} if whole else {"real": True}
        case Grid(points=values) if values:
            lower, upper = min(values), max(values)
            found = {"integer": True} if all(p.denominator == 1 for p in values) else {"real": True}
        case _:
            return {}
    if lower is not None and lower > 0:
        found["positive"] = True
    elif lower is not None and lower == 0:
        found["nonnegative"] = True
    elif upper is not None and upper < 0:
        found["negative"] = True
    elif upper is not None and upper == 0:
        found["nonpositive"] = True
    return found


def bounds(symbol: sympy.Symbol, space: Space) -> list[Boolean]:
    """What the space of a number says about its symbol, as inequalities."""
    match space:
        case Reals(lower=lower, upper=upper):
            pass
        case Grid(points=values) if values:
            lower, upper = min(values), max(values)
        case _:
            return []
    found = []
    if lower is not None:
        found.append(sympy.Ge(symbol, expr(lower), evaluate=False))
    if upper is not None:
        found.append(sympy.Le(symbol, expr(upper), evaluate=False))
    return found


def expr(value: Any) -> sympy.Expr:
    """A number as a sympy expression."""
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    return sympy.sympify(value)


def number(found: Any) -> Any:
    """A sympy number that is rational as a `Fraction`; anything else as it is."""
    if isinstance(found, sympy.Rational):
        return Fraction(int(found.p), int(found.q))
    return found


def truth(found: Any) -> Any:
    """A condition as a `bool` where it is decided."""
    if found is sympy.true or found is True:
        return True
    if found is sympy.false or found is False:
        return False
    return found


def is_condition(value: Any) -> bool:
    """Whether it is an undecided truth value. (To sympy every symbol could be one; here symbols are numbers.)"""
    return isinstance(value, Boolean) and not isinstance(value, sympy.Symbol | BooleanAtom)


def answers_of(space: Space) -> tuple[Any, ...]:
    return tuple(points(space))


def needed(value: Any, symbols: Symbols) -> Any:
    """`value`, which must be known: asks for cases where it is not.

    Raises `Split`; `Refusal` (`not-yet`) where infinitely many cases would be needed.
    """
    if isinstance(value, Unknown):
        raise Split(value.symbol, answers_of(value.space))
    if isinstance(value, tuple):
        return tuple(needed(v, symbols) for v in value)
    if is_condition(value):
        raise Split(condition_in(value, symbols), (True, False))
    if isinstance(value, sympy.Expr) and not isinstance(value, sympy.Rational):
        for piece in sorted(value.atoms(sympy.Piecewise), key=str):
            raise Split(condition_in(piece.args[0][1], symbols), (True, False))
        finite = [s for s in sorted(value.free_symbols, key=str) if symbols.is_finite(s)]
        if not finite or len(finite) < len(value.free_symbols):
            raise refuse(
                "not-yet", f"the symbolic reading cannot tell cases apart by the real number {value}",
                help="give what it depends on a value, or ask `by simulate`",
            )  # fmt: skip
        raise Split(finite[0], answers_of(symbols.spaces[finite[0]]))
    return number(value)


def condition_in(condition: Any, symbols: Symbols) -> Any:
    """The first part of a condition that is a question of its own: a relation, or a symbol."""
    if isinstance(condition, sympy.Symbol) or condition.is_Relational:
        return condition
    return condition_in(sorted(condition.args, key=str)[0], symbols)


def equal(symbol: sympy.Symbol, answer: Any) -> Any:
    """The condition that a symbol has this value."""
    if isinstance(answer, bool):
        return symbol if answer else sympy.Not(symbol)
    if isinstance(answer, str):
        return sympy.Eq(symbol, Label(answer), evaluate=False)
    return sympy.Eq(symbol, expr(answer), evaluate=False)


def holds(question: Any, answers: tuple[Any, ...]) -> Any:
    """The condition that the question has one of these answers."""
    if isinstance(question, sympy.Symbol):
        return sympy.Or(*(equal(question, a) for a in answers))
    return question if True in answers and False not in answers else sympy.Not(question)


Env = Mapping[str, Any]

__all__ = [
    "Env", "Label", "Symbols", "Unknown", "assumptions", "bounds", "condition_in", "equal", "expr", "holds", "is_condition",
    "needed", "number", "truth",
]  # fmt: skip
