"""Weighted states: probabilities, and expectations gathered along the way, merged where states are equal.

Each state carries a vector `[p, a_1, ..., a_m]`: its probability and, for each expectation asked for, what has
been gathered so far times that probability (the expectation semiring). Exact weights are integers over one
common denominator per component: long products of chances then cost no greatest common divisors.

Source: Eisner, Parameter estimation for probabilistic finite-state transducers (2002), for the semiring.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd, lcm
from typing import Any

Key = tuple[int, ...]
Vector = list[Any]


class Mass:
    """A finite measure on states. dens: the denominators of the components; all 1 once weights are floats."""

    __slots__ = ("_reduced", "dens", "exact", "states")

    def __init__(self, states: dict[Key, Vector], dens: list[int], exact: bool) -> None:
        self.states, self.dens, self.exact = states, dens, exact
        self._reduced = 256

    @classmethod
    def unit(cls, components: int, exact: bool) -> Mass:
        """Everything on the empty state."""
        one, zero = (1, 0) if exact else (1.0, 0.0)
        return cls({(): [one] + [zero] * components}, [1] * (components + 1), exact)

    def to_floats(self) -> None:
        """Give up exactness: a chance or a payoff was a float."""
        if self.exact:
            for vector in self.states.values():
                vector[:] = [v / d for v, d in zip(vector, self.dens, strict=True)]
            self.dens = [1] * len(self.dens)
            self.exact = False

    def move(self, change: Callable[[Key], Key]) -> Mass:
        """The image under a function of states, equal states merged. Takes over the vectors."""
        found: dict[Key, Vector] = {}
        for key, vector in self.states.items():
            merge(found, change(key), vector)
        return self._with(found)

    def keep(self, holds: Callable[[Key], bool]) -> Mass:
        """The measure on the states where `holds`."""
        return self._with({k: v for k, v in self.states.items() if holds(k)})

    def branch(self, kernel: Callable[[Key], Outcomes], extend: Callable[[Key, int], Key]) -> Mass:
        """One draw: every state splits into the outcomes that `kernel` gives it."""
        drawn = [(key, vector, kernel(key)) for key, vector in self.states.items()]
        if self.exact and any(outcomes.parts == 0 for _, _, outcomes in drawn):
            self.to_floats()
        parts = lcm(*{outcomes.parts for _, _, outcomes in drawn}) if self.exact else 1
        found: dict[Key, Vector] = {}
        for key, vector, outcomes in drawn:
            for value, chance in outcomes.pairs:
                share = chance * (parts // outcomes.parts) if self.exact else chance / (outcomes.parts or 1)
                merge(found, extend(key, value), [v * share for v in vector])
        result = self._with(found)
        result.dens = [d * parts for d in self.dens]
        return result._shorten()

    def gain(self, component: int, value: Callable[[Key], Any], coefficient: Any) -> None:
        """Add `coefficient * value(state)` to what an expectation has gathered."""
        worth = {key: value(key) for key in self.states}
        if self.exact and any(isinstance(w, float) for w in (coefficient, *worth.values())):
            self.to_floats()
        if not self.exact:
            scale = float(coefficient)
            for key, vector in self.states.items():
                vector[component] += vector[0] * (scale * float(worth[key]))
            return
        exact, factor = {key: Fraction(w) for key, w in worth.items()}, Fraction(coefficient)
        parts = lcm(*{w.denominator for w in exact.values()})
        mine, theirs = self.dens[component], self.dens[0] * parts * factor.denominator
        common = mine if mine % theirs == 0 else lcm(mine, theirs)
        old, new = common // mine, common // theirs * factor.numerator
        for key, vector in self.states.items():
            w = exact[key]
            vector[component] = vector[component] * old + vector[0] * (w.numerator * (parts // w.denominator) * new)
        self.dens[component] = common

    def join(self, other: Mass) -> Mass:
        """The sum of two measures on states of the same form."""
        if self.exact != other.exact:
            self.to_floats()
            other.to_floats()
        dens = [lcm(a, b) for a, b in zip(self.dens, other.dens, strict=True)]
        found: dict[Key, Vector] = {}
        for mass in (self, other):
            grow = [d // mine for d, mine in zip(dens, mass.dens, strict=True)]
            for key, vector in mass.states.items():
                merge(found, key, vector if all(g == 1 for g in grow) else [v * g for v, g in zip(vector, grow, strict=True)])
        result = self._with(found)
        result.dens = dens
        return result

    def totals(self) -> list[Any]:
        """The sum of every component, as `Fraction`s (or floats)."""
        sums = [sum(c) for c in zip(*self.states.values(), strict=True)] if self.states else [0] * len(self.dens)
        return [Fraction(s, d) if self.exact else float(s) for s, d in zip(sums, self.dens, strict=True)]

    def chances(self) -> list[tuple[Key, Any]]:
        """Every state with its weight."""
        den = self.dens[0]
        return [(k, Fraction(v[0], den) if self.exact else float(v[0])) for k, v in self.states.items()]

    def _with(self, states: dict[Key, Vector]) -> Mass:
        result = Mass(states, list(self.dens), self.exact)
        result._reduced = self._reduced
        return result

    def _shorten(self) -> Mass:
        """Divide out common factors, each time the denominators have doubled in length."""
        if not self.exact or self.dens[0].bit_length() <= self._reduced:
            return self
        for i, den in enumerate(self.dens):
            common = gcd(den, *(vector[i] for vector in self.states.values()))
            if common > 1:
                self.dens[i] = den // common
                for vector in self.states.values():
                    vector[i] //= common
        self._reduced = max(256, 2 * self.dens[0].bit_length())
        return self


class Outcomes:
    """A distribution ready to use. Exact: integer shares of `parts`. A float one has `parts` 0."""

    __slots__ = ("pairs", "parts")

    def __init__(self, pairs: list[tuple[int, Any]]) -> None:
        """pairs: (number of a value, chance); the chances `Fraction`s or floats."""
        if any(isinstance(chance, float) for _, chance in pairs):
            self.parts, self.pairs = 0, [(v, float(c)) for v, c in pairs]
        else:
            self.parts = lcm(*{c.denominator for _, c in pairs})
            self.pairs = [(v, c.numerator * (self.parts // c.denominator)) for v, c in pairs]


class Values:
    """Numbers for values: equal values of a space have one number, and states are tuples of numbers."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def number(self, value: Any) -> int:
        key = _mark(value)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.values)
            self.values.append(value)
        return found


def merge(states: dict[Key, Vector], key: Key, vector: Vector) -> None:
    """Add `vector` at `key`."""
    old = states.get(key)
    if old is None:
        states[key] = vector
    else:
        for i, v in enumerate(vector):
            old[i] += v


def _mark(value: Any) -> Any:
    """What tells values apart: `True` is not 1, and floats that differ only by rounding are one value."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, tuple):
        return tuple([_mark(v) for v in value])
    return value
