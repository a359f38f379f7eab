"""Shares in a sum of exponentials, `exp(a) / sum(exp(b))`: a softmax, as some point of the open simplex.

Of the shares only this is kept: they are positive and, with the weights of the sum, add up to 1; where they are few, they are ordered
as their arguments are. Sums of shares are numbers of their own, so that shares which occur only together become one: 32
worlds that tickets tell apart in four ways are four shares.

Source: Hanson, Logarithmic market scoring rules (2007), whose prices these are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import z3

from opengames.proved.intervals import Interval
from opengames.proved.laws import Law, Laws, name_of
from opengames.proved.values import Num, Value, expr, number

SOFTMAX = "a softmax as any point of the open simplex"
ORDERED = 6
"""Shares in one sum whose order is told."""

Weights = dict[str, Fraction]


@dataclass
class _Simplex:
    """One sum of exponentials with its weights; the parts of it that occur, by weights and by name."""

    whole: Weights
    parts: dict[frozenset[tuple[str, Fraction]], Num] = field(default_factory=dict)
    named: dict[str, Weights] = field(default_factory=dict)


class Shares:
    """argument: of an exponential, by its name (0 for `""`)."""

    def __init__(self, laws: Laws, argument: Callable[[str], Value]) -> None:
        self.laws, self.argument = laws, argument
        self._known: dict[frozenset[tuple[str, Fraction]], _Simplex] = {}
        laws.more.append(self._laws)

    def quotient(self, part: Weights | None, whole: Weights | None) -> Value | None:
        """The quotient of two sums of exponentials; `None` where it is not a share."""
        if whole is None or part is None or set(part) - set(whole) or any(w <= 0 for w in whole.values()):
            return None
        key = frozenset(whole.items())
        if key not in self._known:
            self._known[key] = _Simplex(whole)
        return self.part(key, part)

    def part(self, key: frozenset[tuple[str, Fraction]], weights: Weights) -> Value:
        """A sum of shares with constant weights."""
        simplex = self._known[key]
        kept = {n: w for n, w in weights.items() if w}
        ratios = {kept.get(n, Fraction(0)) / w for n, w in simplex.whole.items()}
        if len(ratios) == 1:
            return ratios.pop()
        items = frozenset(kept.items())
        if items not in simplex.parts:
            within = Interval(min(ratios), max(ratios), True, True)
            made = self.laws.new("share", within, SOFTMAX)
            simplex.parts[items] = Num(made.expr, within, kept, key)
            simplex.named[name_of(made)] = kept
        return simplex.parts[items]

    def _laws(self, reached: set[str]) -> list[Law]:
        found: list[Law] = []
        for simplex in self._known.values():
            used = {name: weights for name, weights in simplex.named.items() if name in reached}
            if used:
                found += self._lumped(simplex, used)
        return found

    def _lumped(self, simplex: _Simplex, used: dict[str, Weights]) -> list[Law]:
        """The parts that occur, by shares of which those with the same weights everywhere are one."""
        zero = Fraction(0)
        ordered = len(simplex.whole) <= ORDERED
        groups: dict[tuple[Fraction | str, ...], list[str]] = {}
        for name, weight in simplex.whole.items():
            column = tuple(part.get(name, zero) / weight for part in used.values())
            groups.setdefault((name,) if ordered else column, []).append(name)
        # A lump is the sum of its shares, each times its weight in the whole.
        lumps = [z3.Real(self.laws.fresh("lump")) for _ in groups]
        facts = [lump > 0 for lump in lumps] + [z3.Sum(lumps) == 1]
        for name, part in used.items():
            terms = [
                number(part.get(names[0], zero) / simplex.whole[names[0]]) * lump
                for lump, names in zip(lumps, groups.values(), strict=True)
            ]
            facts.append(z3.Real(name) == z3.Sum(terms))
        if ordered:
            names = [n[0] for n in groups.values()]
            for i, (n, p) in enumerate(zip(names, lumps, strict=True)):
                for m, q in list(zip(names, lumps, strict=True))[i + 1 :]:
                    x, y = expr(self.argument(n)), expr(self.argument(m))
                    a, b = p / number(simplex.whole[n]), q / number(simplex.whole[m])
                    facts.append(z3.And((x < y) == (a < b), (x == y) == (a == b)))
        return [Law((), fact, SOFTMAX) for fact in facts]


__all__ = ["ORDERED", "SOFTMAX", "Shares"]
