"""Fresh numbers and what is known of them, told to z3 only where they occur.

A fact that is left out weakens what z3 may use, so leaving out those about numbers that do not occur is sound; it is also fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import z3

from opengames.proved.intervals import Interval
from opengames.proved.knowledge import names_in
from opengames.proved.values import Num, number


@dataclass(frozen=True, slots=True)
class Law:
    """A fact about the fresh numbers called `about`; needed where all of them occur. contract: its name, if it is one."""

    about: tuple[str, ...]
    fact: Any
    contract: str = ""


class Laws:
    """Laws, and the names of fresh numbers."""

    def __init__(self, fresh: Callable[[str], str]) -> None:
        self.fresh = fresh
        self.every: list[Law] = []
        self.more: list[Callable[[set[str]], list[Law]]] = []

    def new(self, name: str, within: Interval, contract: str = "") -> Num:
        """A fresh number in an interval."""
        found = Num(z3.Real(self.fresh(name)), within)
        if within.lower is not None:
            above = found.expr > number(within.lower) if within.open_below else found.expr >= number(within.lower)
            self.law(above, contract, found)
        if within.upper is not None:
            below = found.expr < number(within.upper) if within.open_above else found.expr <= number(within.upper)
            self.law(below, contract, found)
        return found

    def law(self, fact: Any, contract: str, *about: Num) -> None:
        """Remember a fact."""
        self.every.append(Law(tuple(name_of(n) for n in about), fact, contract))

    def about(self, occurring: Iterable[str]) -> list[Law]:
        """The laws about numbers that occur, or that occur in laws about those."""
        reached = set(occurring)
        found: list[Law] = []
        waiting, grown = self.every, bool(self.every)
        while grown:
            grown, rest = False, []
            for law in waiting:
                if not reached.issuperset(law.about):
                    rest.append(law)
                    continue
                grown = True
                found.append(law)
                reached |= names_in(law.fact)
            waiting = rest
        for source in self.more:
            found += source(reached)
        return found


def name_of(number_: Num) -> str:
    """The name of a fresh number."""
    return str(number_.expr.decl().name())


__all__ = ["Law", "Laws", "name_of"]
