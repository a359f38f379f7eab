"""Terms as their author might have written them, short enough for a box.

`words` is for reading, not for parsing back: units are erased before a term is built, and what is longer
than `limit` is cut with an ellipsis. Work is bounded by the limit, not by the size of the term.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

from opengames.program import Fun, ParamDecl
from opengames.show import show, show_space
from opengames.spaces import Family, Record, Space
from opengames.terms import (
    Apply,
    Ask,
    At,
    Check,
    Compose,
    Const,
    Fold,
    Get,
    If,
    Member,
    Normal,
    Pack,
    Param,
    Prim,
    Ref,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
)

#: Binding strengths, loosest first.
_LOOSE, _IMPLIES, _OR, _AND, _NOT, _COMPARE, _ADD, _TIMES, _NEG, _POWER, _TIGHT = range(11)

_INFIX = {"implies": _IMPLIES, "or": _OR, "and": _AND, "+": _ADD, "-": _ADD, "*": _TIMES, "/": _TIMES, "^": _POWER}
_INFIX |= dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), _COMPARE)
_DEEP = 60
_CELLS = 60
_QUANTITY = re.compile(r"-?[0-9][0-9_.]*(?:[eE][+-]?[0-9]+)?(?:[ \t]*(?!else\b|then\b|and\b|or\b)[A-Za-z$%/^*()0-9]{1,16})?")
"""One number, perhaps with its unit; nothing computed."""



@dataclass(frozen=True)
class Context:
    """What is known about names, so that record fields are called by theirs. All may be empty.

    sources: the texts by file, so that quantities keep the units that they were written with.
    """

    wires: Mapping[str, Space] = field(default_factory=dict)
    funs: Mapping[str, Fun] = field(default_factory=dict)
    params: Mapping[str, ParamDecl] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


_NOTHING = Context()


def words(term: Term, limit: int = 120, context: Context = _NOTHING) -> str:
    """`term` in the author's words, at most `limit` characters long.

    >>> words(Prim("*", (Prim("+", (Var("a"), Const(Fraction(1)))), Var("b"))))
    '(a + 1) * b'
    """
    text = ""
    for piece in _pieces(term, _LOOSE, context, 0):
        text += piece
        if len(text) > limit:
            return text[: max(0, limit - 1)].rstrip() + "…"
    return text


def written(name: str) -> str:
    """The author's part of a name: without the mark of a copy (`j#1`, `i'2`) or of a value not yet checked (`x'`).

    >>> written("j#1"), written("x'")
    ('j', 'x')
    """
    return name.split("#", 1)[0].split("'", 1)[0]


def short_space(space: Space, limit: int = 28) -> str:
    """`space` as a type of the language, cut to `limit` characters."""
    text = show_space(space)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _pieces(term: Term, strength: int, context: Context, depth: int) -> Iterator[str]:
    """The text of `term` bit by bit, in brackets where it binds more loosely than `strength`."""
    if depth > _DEEP:
        yield "…"
        return
    own = _strength(term)
    if own < strength:
        yield "("
        yield from _open(term, own, context, depth + 1)
        yield ")"
    else:
        yield from _open(term, own, context, depth + 1)


def _strength(term: Term) -> int:
    match term:
        case Prim(op=op) if op in _INFIX:
            return _INFIX[op]
        case Prim(op="not"):
            return _NOT
        case Prim(op="neg"):
            return _NEG
        case If() | Select() | Fold(op="and" | "or"):
            return _LOOSE
        case Member():
            return _COMPARE
        case Check(value=value):
            return _strength(value)
        case Const(value=value) if isinstance(value, Fraction) and value < 0:
            return _NEG
        case Const(value=value) if isinstance(value, Fraction) and "/" in show(value):
            return _TIMES
    return _TIGHT


def _open(term: Term, own: int, c: Context, depth: int) -> Iterator[str]:
    def sub(t: Term, strength: int = _LOOSE) -> Iterator[str]:
        return _pieces(t, strength, c, depth)

    match term:
        case Const():
            yield _quoted(term, c) or show(term.value)
        case Var(name=name) | Param(name=name) | Ref(name=name):
            yield written(name)
        case Prim(op=op, args=(a, b)) if op in _INFIX:
            left, right = (own + 1, own) if op in ("^", "implies") else (own, own + 1)
            if own == _COMPARE:
                left = own + 1
            yield from sub(a, left)
            yield op if op == "^" else f" {op} "
            yield from sub(b, right)
        case Prim(op="neg", args=(a,)):
            yield "-"
            yield from sub(a, _NEG)
        case Prim(op="not", args=(a,)):
            yield "not "
            yield from sub(a, _NOT)
        case Prim(op=name, args=args) | Apply(fun=name, args=args) | Ask(op=name, args=args):
            yield f"{name}("
            yield from _commas(args, c, depth)
            yield ")"
        case If(test=test, then=then, other=other):
            yield "if "
            yield from sub(test)
            yield " then "
            yield from sub(then)
            yield " else "
            yield from sub(other)
        case Select(keys=keys, cells=cells):
            yield "by "
            yield from _commas(keys, c, depth)
            for i, cell in enumerate(dict.fromkeys(islice(cells, _CELLS))):
                yield " | " if i else ": "
                yield from sub(cell, _IMPLIES)
        case Pack(items=items):
            yield "("
            yield from _commas(items, c, depth)
            yield ")"
        case Get(record=record, position=position):
            yield from sub(record, _TIGHT)
            yield "." + _field(record, position, c)
        case At(family=family, keys=keys):
            yield from sub(family, _TIGHT)
            yield "["
            yield from _commas(keys, c, depth)
            yield "]"
        case Tabulate(iters=iters, body=body):
            yield "["
            yield from sub(body)
            yield " for " + ", ".join(f"{written(n)} in {short_space(s)}" for n, s in iters[:4]) + "]"
        case Fold():
            yield from _fold(term, c, depth)
        case Member(value=value, space=space):
            yield from sub(value, _COMPARE + 1)
            yield f" in {short_space(space)}"
        case Check(value=value):
            yield from sub(value, own)
        case Weighted(pairs=pairs):
            yield from _weighted(pairs, c, depth)
        case Uniform(space=space):
            yield f"uniform({short_space(space)})"
        case Normal(mean=mean, deviation=deviation):
            yield "normal("
            yield from _commas((mean, deviation), c, depth)
            yield ")"
        case Compose(op=op, args=args):
            sign = {"then": " >> ", "beside": " @ "}.get(op, ", ")
            for i, a in enumerate(args):
                yield sign if i else ""
                yield from sub(a)
        case _:
            raise TypeError(f"not a term: {term!r}")


def _quoted(term: Const, c: Context) -> str:
    """A number as it stands in the text, `30 min`; empty where it does not stand there, or the text is not known."""
    if term.at is None or term.at.file not in c.sources or not isinstance(term.value, Fraction):
        return ""
    found = c.sources[term.at.file][term.at.start : term.at.end]
    is_it = _QUANTITY.fullmatch(found) and found.startswith("-") == (term.value < 0)
    return " ".join(found.split()) if is_it else ""


def _commas(args: tuple[Term, ...], c: Context, depth: int) -> Iterator[str]:
    for i, a in enumerate(args):
        yield ", " if i else ""
        yield from _pieces(a, _LOOSE, c, depth)


def _fold(term: Fold, c: Context, depth: int) -> Iterator[str]:
    iters = ", ".join(f"{written(name)} in {short_space(space)}" for name, space in term.iters[:4])
    family = _whole(term)
    if family is not None:
        yield f"{term.op}("
        yield from _pieces(family, _LOOSE, c, depth)
        yield ")"
        return
    if term.op in ("and", "or"):
        yield f"{'forall' if term.op == 'and' else 'exists'} {iters}: "
        if term.where is not None:
            yield from _pieces(term.where, _IMPLIES + 1, c, depth)
            yield " implies " if term.op == "and" else " and "
        yield from _pieces(term.body, _IMPLIES if term.where is not None else _LOOSE, c, depth)
        return
    yield f"{term.op}("
    yield from _pieces(term.body, _LOOSE, c, depth)
    yield f" for {iters}"
    if term.where is not None:
        yield " if "
        yield from _pieces(term.where, _LOOSE, c, depth)
    yield ")"


def _whole(term: Fold) -> Term | None:
    """The family that the author folded by its name, as in `sum(cost)`: the indices were added."""
    if term.where is not None or not isinstance(term.body, At) or not all("#" in name for name, _ in term.iters):
        return None
    return term.body.family if term.body.keys == tuple(Var(name) for name, _ in term.iters) else None


def _weighted(pairs: tuple[tuple[Term, Term], ...], c: Context, depth: int) -> Iterator[str]:
    chances = {v.value: p for v, p in pairs if isinstance(v, Const) and isinstance(v.value, bool)}
    if len(pairs) <= 2 and len(chances) == len(pairs) and True in chances:
        yield "bernoulli("
        yield from _pieces(chances[True], _LOOSE, c, depth)
        yield ")"
        return
    yield "{"
    for i, (value, chance) in enumerate(pairs):
        yield ", " if i else ""
        yield from _pieces(value, _LOOSE, c, depth)
        yield ": "
        yield from _chance(chance, c, depth)
    yield "}"


def _chance(chance: Term, c: Context, depth: int) -> Iterator[str]:
    if isinstance(chance, Const) and isinstance(chance.value, Fraction) and (100 * chance.value).denominator == 1:
        yield f"{100 * chance.value}%"
    else:
        yield from _pieces(chance, _LOOSE, c, depth)


def _field(record: Term, position: int, c: Context) -> str:
    space = _space(record, c, 0)
    if isinstance(space, Record) and position < len(space.fields):
        return space.fields[position][0]
    return str(position + 1)


def _space(term: Term, c: Context, depth: int) -> Space | None:
    """The space of the few kinds of term that a record is taken from, where it is known."""
    found: Space | None = None
    if depth > _DEEP:
        return None
    match term:
        case Var(name=name):
            found = c.wires.get(name)
        case Param(name=name) if name in c.params:
            found = c.params[name].space
        case Apply(fun=name) if name in c.funs:
            found = c.funs[name].output
        case Check(space=space):
            found = space
        case Get(record=record, position=position):
            outer = _space(record, c, depth + 1)
            if isinstance(outer, Record) and position < len(outer.fields):
                found = outer.fields[position][1]
        case At(family=of, keys=keys):
            family = _space(of, c, depth + 1)
            if isinstance(family, Family):
                rest = family.index[len(keys) :]
                found = Family(rest, family.item) if rest else family.item
    return found
