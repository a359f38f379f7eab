"""Terms and spaces as LaTeX, in the author's own words: nothing is simplified, and sympy is not needed.

Tables become arrays, `if` becomes cases, sums and quantifiers their signs. Precedence puts the brackets.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

from opengames.plain import dataclass
from opengames.program import Program
from opengames.show import digits
from opengames.spaces import Bool, Enum, Family, Grid, Reals, Record, Shown, Space, index_points
from opengames.symbolic.names import escaped, label, name
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
)  # fmt: skip

_QUANTIFIED, _OR, _AND, _NOT, _RELATION, _SUM, _PRODUCT, _POWER, _ATOM = range(9)
_WORDS: dict[str, tuple[int, str]] = {
    "implies": (_QUANTIFIED, r"\Rightarrow"), "or": (_OR, r"\lor"), "and": (_AND, r"\land"), "==": (_RELATION, "="),
    "!=": (_RELATION, r"\neq"), "<": (_RELATION, "<"), "<=": (_RELATION, r"\leq"), ">": (_RELATION, ">"),
    ">=": (_RELATION, r"\geq"), "+": (_SUM, "+"), "-": (_SUM, "-"), "*": (_PRODUCT, r"\cdot"),
}  # fmt: skip
_SIGNS = {"sum": r"\sum", "product": r"\prod", "min": r"\min", "max": r"\max", "and": r"\forall", "or": r"\exists"}
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Setter:
    """Sets terms of one program. spaces: of the wires in scope; inlined: wires that the author did not name."""

    program: Program
    spaces: Mapping[str, Space]
    inlined: Mapping[str, Term]

    def term(self, term: Term) -> str:
        """The term."""
        return self._set(term)[0]

    def within(self, term: Term, level: int) -> str:
        text, own = self._set(term)
        return text if own >= level else rf"\left({text}\right)"

    def _set(self, term: Term) -> tuple[str, int]:
        match term:
            case Const(value=value):
                return constant(value), _ATOM if not isinstance(value, Fraction) or value >= 0 else _PRODUCT
            case Var(name=wire) if wire in self.inlined:
                return self._set(self.inlined[wire])
            case Var(name=wire) | Param(name=wire):
                return name(wire.split("#", 1)[0]), _ATOM
            case Prim(op=op, args=args):
                return self._prim(op, args)
            case Apply(fun=fun, args=args):
                return rf"{name(fun)}\left({', '.join(map(self.term, args))}\right)", _ATOM
            case If():
                return self._cases(term), _ATOM
            case Select(keys=keys, spaces=spaces, cells=cells):
                return self._table(keys, spaces, cells), _ATOM
            case Pack(items=items):
                return rf"\left({', '.join(map(self.term, items))}\right)", _ATOM
            case Get(record=record, position=position):
                return rf"{self.within(record, _ATOM)}.{self._field(record, position)}", _ATOM
            case At(family=family, keys=keys):
                return rf"{{{self.within(family, _ATOM)}}}_{{{', '.join(map(self.term, keys))}}}", _ATOM
            case Tabulate(iters=iters, body=body):
                return rf"\left({self.term(body)}\right)_{{{self._over(iters)}}}", _ATOM
            case Fold():
                return self._fold(term)
            case Member(value=value, space=space):
                return rf"{self.within(value, _SUM)} \in {self.space(space)}", _RELATION
            case Check(value=value):
                return self._set(value)
            case Weighted(pairs=pairs):
                return self._weighted(pairs), _ATOM
            case Uniform(space=space):
                return rf"\mathrm{{Uniform}}\left({self.space(space)}\right)", _ATOM
            case Normal(mean=mean, deviation=deviation):
                return rf"\mathcal{{N}}\left({self.term(mean)},\, {{{self.within(deviation, _ATOM)}}}^{{2}}\right)", _ATOM
            case Ref(name=named):
                return rf"\mathsf{{{escaped(named)}}}", _ATOM
            case Compose():
                return self._composed(term)
            case Ask():
                return self._asked(term), _ATOM
        raise TypeError(f"not a term: {term!r}")

    def _prim(self, op: str, args: tuple[Term, ...]) -> tuple[str, int]:
        if op in _WORDS:
            level, word = _WORDS[op]
            right = level + 1 if op in ("-", "implies") or level == _RELATION else level
            return f"{self.within(args[0], level + (level == _RELATION))} {word} {self.within(args[1], right)}", level
        inside = ", ".join(map(self.term, args))
        match op:
            case "/":
                return rf"\frac{{{self.term(args[0])}}}{{{self.term(args[1])}}}", _ATOM
            case "^":
                return rf"{{{self.within(args[0], _ATOM)}}}^{{{self.term(args[1])}}}", _POWER
            case "neg":
                return f"-{self.within(args[0], _PRODUCT)}", _SUM
            case "not":
                return rf"\lnot {self.within(args[0], _NOT)}", _NOT
            case "abs":
                return rf"\left|{inside}\right|", _ATOM
            case "floor":
                return rf"\left\lfloor {inside} \right\rfloor", _ATOM
            case "sqrt":
                return rf"\sqrt{{{inside}}}", _ATOM
            case "ind":
                return rf"\mathbf{{1}}\left[{inside}\right]", _ATOM
            case "exp" | "log" | "min" | "max":
                return rf"\{op}\left({inside}\right)", _ATOM
        return rf"\operatorname{{{escaped(op)}}}\left({inside}\right)", _ATOM

    def _cases(self, term: If) -> str:
        rows: list[str] = []
        rest: Term = term
        while isinstance(rest, If):
            rows.append(rf"{self.term(rest.then)} & \text{{if }} {self.term(rest.test)}")
            rest = rest.other
        rows.append(rf"{self.term(rest)} & \text{{otherwise}}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    def _table(self, keys: tuple[Term, ...], spaces: tuple[Space, ...], cells: tuple[Term, ...]) -> str:
        heads = [self.term(k) for k in keys]
        rows = [" & ".join([*map(constant, key), self.term(c)]) for key, c in zip(index_points(spaces), cells, strict=True)]
        columns = "c" * len(keys) + "|c"
        return rf"\begin{{array}}{{{columns}}} {' & '.join([*heads, ''])}\\ \hline " + r" \\ ".join(rows) + r" \end{array}"

    def _over(self, iters: tuple[tuple[str, Space], ...]) -> str:
        return r",\; ".join(rf"{name(n.split('#', 1)[0])} \in {self.space(s)}" for n, s in iters)

    def _fold(self, term: Fold) -> tuple[str, int]:
        over = self._over(term.iters)
        where = "" if term.where is None else rf",\; {self.term(term.where)}"
        if term.op in ("and", "or"):
            return rf"{_SIGNS[term.op]}\, {over}{where}:\; {self.within(term.body, _QUANTIFIED)}", _QUANTIFIED
        return rf"{_SIGNS[term.op]}_{{{over}{where}}} {self.within(term.body, _PRODUCT)}", _PRODUCT

    def _weighted(self, pairs: tuple[tuple[Term, Term], ...]) -> str:
        match pairs:
            case ((Const(value=True), chance), (Const(value=False), _)):
                return rf"\mathrm{{Bernoulli}}\left({self.term(chance)}\right)"
        return rf"\left\{{{', '.join(rf'{self.term(v)} : {self.term(c)}' for v, c in pairs)}\right\}}"

    def _composed(self, term: Compose) -> tuple[str, int]:
        if term.op == "instance":
            head, *statics = term.args
            return rf"{self.term(head)}\left[{', '.join(map(self.term, statics))}\right]", _ATOM
        word = r"\gg" if term.op == "then" else r"\otimes"
        return rf" {word} ".join(self.within(a, _PRODUCT) for a in term.args), _SUM

    def _asked(self, ask: Ask) -> str:
        first, *rest = ask.args
        given = rf" \mid {', '.join(map(self.term, rest))}" if rest else ""
        match ask.op:
            case "E" | "P":
                return rf"\mathbb{{{ask.op}}}\left[{self.term(first)}{given}\right]"
            case "variance":
                return rf"\operatorname{{Var}}\left[{self.term(first)}\right]"
            case "cvar":
                return rf"\operatorname{{CVaR}}_{{{self.term(rest[0])}}}\left[{self.term(first)}\right]"
            case "distribution":
                return rf"\mathcal{{L}}\left({self.term(first)}{given}\right)"
            case "same":
                return rf"{self.within(first, _SUM)} = {self.within(rest[0], _SUM)}"
            case "reach" if isinstance(first, Const):
                return rf"\operatorname{{reach}}\left(\text{{{escaped(str(first.value))}}}\right)"
        return rf"\text{{{escaped(ask.op.replace('_', ' '))}}}\left({', '.join(map(self.term, ask.args))}\right)"

    # ----------------------------------------------------------------- spaces

    def space(self, space: Space) -> str:
        """A space, by its name where the text gives it one."""
        for known, each in self.program.types.items():
            if each == space:
                return label(known)
        return self.space_in_full(space)

    def space_in_full(self, space: Space) -> str:
        match space:
            case Bool():
                return r"\mathbb{B}"
            case Enum(labels=labels):
                return rf"\{{{', '.join(map(label, labels))}\}}"
            case Grid(points=points, shown=how):
                return rf"\{{{_points(points, how)}\}}{_unit(how)}"
            case Reals(whole=True, shown=how) if space.lower == 0 and space.upper is None:
                return rf"\mathbb{{N}}{_unit(how)}"
            case Reals(lower=low, upper=high, whole=True):
                inside = self.space_in_full(Reals(low, high, space.shown))
                return rf"{inside} \cap \mathbb{{Z}}"
            case Reals(lower=None, upper=None, shown=how):
                return rf"\mathbb{{R}}{_unit(how)}"
            case Reals(lower=low, upper=high, shown=how):
                left = r"(-\infty" if low is None else f"[{amount(low, how)}"
                right = r"\infty)" if high is None else f"{amount(high, how)}]"
                return f"{left}, {right}{_unit(how)}"
            case Record(fields=fields):
                return rf"\left({', '.join(rf'{name(f)}: {self.space(s)}' for f, s in fields)}\right)"
            case Family(index=index, item=item):
                over = r" \times ".join(map(self.space, index))
                return rf"{{{self.space(item)}}}^{{{over}}}"
        raise TypeError(f"not a space: {space!r}")

    def _field(self, record: Term, position: int) -> str:
        found = self._space_of(record)
        return name(found.fields[position][0]) if isinstance(found, Record) else str(position + 1)

    def _space_of(self, term: Term) -> Space | None:
        match term:
            case Var(name=wire):
                return self._space_of(self.inlined[wire]) if wire in self.inlined else self.spaces.get(wire)
            case Param(name=param):
                return self.program.params[param].space
            case Apply(fun=fun):
                return self.program.funs[fun].output
            case At(family=family, keys=keys, index=index):
                whole = self._space_of(family)
                return whole.item if isinstance(whole, Family) and len(keys) == len(index) else None
            case Get(record=record, position=position):
                of = self._space_of(record)
                return of.fields[position][1] if isinstance(of, Record) else None
            case If(then=then):
                return self._space_of(then)
            case Check(space=space):
                return space
        return None


def constant(value: Any) -> str:
    """A value: a number, a label, a truth value or a tuple of these."""
    if isinstance(value, tuple):
        return rf"\left({', '.join(map(constant, value))}\right)"
    if isinstance(value, bool):
        return label("true" if value else "false")
    if isinstance(value, str):
        return label(value)
    return amount(value, None)


def amount(value: Any, how: Shown | None) -> str:
    """A number in the unit that `how` names, which is not printed: the decimal where it is short, else a fraction."""
    scaled = value / (how.scale if isinstance(value, Fraction) else float(how.scale)) if how else value
    text = digits(scaled)
    if "/" not in text:
        return text
    top, bottom = text.split("/")
    return rf"-\frac{{{top[1:]}}}{{{bottom}}}" if top.startswith("-") else rf"\frac{{{top}}}{{{bottom}}}"


def quantity(value: Any, space: Space) -> str:
    """A value with its unit."""
    how = space.shown if isinstance(space, Grid | Reals) else None
    return amount(value, how) + _unit(how, r"\,") if isinstance(value, Fraction | int) and how else constant(value)


def _unit(how: Shown | None, space: str = r"\;") -> str:
    return rf"{space}\mathrm{{{escaped(how.unit)}}}" if how and how.unit else ""


def _points(points: tuple[Fraction, ...], how: Shown | None) -> str:
    shown = [amount(p, how) for p in points]
    gaps = {b - a for a, b in pairwise(points)}
    if len(points) > _LISTED and len(gaps) == 1:
        return rf"{shown[0]}, {shown[1]}, \dots, {shown[-1]}"
    return ", ".join(shown)


__all__ = ["Setter", "amount", "constant", "quantity"]
