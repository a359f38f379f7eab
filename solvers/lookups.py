"""Terms that look families up at known keys, compiled so that only the elements they name are fetched.

`view[60]` needs one row of `view`, not the family: what is not fetched need not be kept, and histories that
differ only in the rest are one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opengames import spaces
from opengames.evaluate import Compiler
from opengames.terms import At, Term, Var, bound, free, rebuild


@dataclass(frozen=True, slots=True)
class Lookup:
    """`family[keys]`: the leading keys that nothing inside the term binds. name: a variable for what they lead to."""

    name: str
    family: str
    keys: tuple[Term, ...]
    index: tuple[spaces.Space, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A term, its free variables, and how to run it."""

    term: Term
    names: tuple[str, ...]
    run: Any


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled term and its lookups; also compiled with them cut short, for each way that was asked for."""

    compiler: Compiler
    whole: Compiled
    lookups: tuple[Lookup, ...]
    _numbers: dict[int, int]
    _cut: dict[tuple[int, ...], Compiled] = field(default_factory=dict)

    def cut(self, used: tuple[int, ...]) -> Compiled:
        """The term in which each lookup's variable stands for the family at its first `used` keys (0: left as it is)."""
        if not any(used):
            return self.whole
        found = self._cut.get(used)
        if found is None:
            term = self._shorten(self.whole.term, used, frozenset())
            found = self._cut[used] = compiled(self.compiler, term)
        return found

    def _shorten(self, term: Term, used: tuple[int, ...], inside: frozenset[str]) -> Term:
        number = self._numbers.get(id(term))
        if number is not None and used[number] and isinstance(term, At) and _leading(term, inside) >= used[number]:
            short, rest = Var(self.lookups[number].name), used[number]
            if rest == len(term.keys):
                return short
            keys = tuple(self._shorten(k, used, inside) for k in term.keys[rest:])
            return At(short, keys, term.index[rest:])
        more = inside | bound(term)
        return rebuild(term, lambda t: self._shorten(t, used, more))


def template(compiler: Compiler, term: Term) -> Template:
    lookups: list[Lookup] = []
    numbers: dict[int, int] = {}
    _collect(term, frozenset(), lookups, numbers)
    return Template(compiler, compiled(compiler, term), tuple(lookups), numbers)


def compiled(compiler: Compiler, term: Term) -> Compiled:
    return Compiled(term, tuple(sorted(free(term))), compiler.compile(term))


def _leading(term: At, inside: frozenset[str]) -> int:
    """How many leading keys of `family[keys]` no variable bound around it stands in."""
    if not isinstance(term.family, Var) or term.family.name in inside:
        return 0
    count = 0
    while count < len(term.keys) and not free(term.keys[count]) & inside:
        count += 1
    return count


def _collect(term: Term, inside: frozenset[str], lookups: list[Lookup], numbers: dict[int, int]) -> None:
    if isinstance(term, At) and id(term) not in numbers:
        count = _leading(term, inside)
        if count and isinstance(term.family, Var):
            numbers[id(term)] = len(lookups)
            name = f"{term.family.name}[{len(lookups)}]"
            lookups.append(Lookup(name, term.family.name, term.keys[:count], term.index[:count]))
    more = inside | bound(term)

    def visit(part: Term) -> Term:
        _collect(part, more, lookups, numbers)
        return part

    rebuild(term, visit)


__all__ = ["Compiled", "Lookup", "Template", "compiled", "template"]
