"""What a name stands for while a clearing is read: a datum, a decided wire, a lane variable, a box that is still to be read.

A binding knows how much it depends on (`KNOWN` from params alone, `DATA` on what is known before the decision, `DECIDED` on what
is decided or comes later), its value, and, unless it is decided, a term for it over the wires known before the decision.
Everything is worked out when it is first asked for: boxes that neither rules nor earning use are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from opengames.diagnostics import Refusal
from opengames.solvers.clearing.frames import Value
from opengames.spans import Span
from opengames.terms import Term

KNOWN, DATA, DECIDED = 0, 1, 2


class Binding:
    """See the module; each of the three is asked for once and kept."""

    def __init__(
        self, depends: Callable[[], int], value: Callable[[], Value], term: Callable[[], Term],
        rule: Callable[[], tuple[Term, Scope] | None] | None = None,
    ) -> None:  # fmt: skip
        self._depends, self._value, self._term, self._rule = depends, value, term, rule
        self._known: dict[str, object] = {}

    @property
    def depends(self) -> int:
        return self._once("depends", self._depends)  # type: ignore[return-value]

    @property
    def value(self) -> Value:
        return self._once("value", self._value)  # type: ignore[return-value]

    @property
    def term(self) -> Term:
        return self._once("term", self._term)  # type: ignore[return-value]

    @property
    def written(self) -> tuple[Term, Scope] | None:
        """What the wire is defined by and where, if by a term: a rule that names a truth value is read there."""
        return None if self._rule is None else self._rule()

    def _once(self, what: str, make: Callable[[], object]) -> object:
        if what not in self._known:
            self._known[what] = make()
        return self._known[what]


@dataclass(eq=False)
class Scope:
    """Names visible somewhere. outer: where else to look; `None` for a closed diagram or the body of a fun."""

    names: Mapping[str, Binding]
    outer: Scope | None = None
    seen: dict[int, int] = field(default_factory=dict)
    """How much each term depends on, by identity."""

    def find(self, name: str) -> Binding:
        here: Scope | None = self
        while here is not None:
            if name in here.names:
                return here.names[name]
            here = here.outer
        raise KeyError(name)


def refused(make: Callable[[Span | None], Refusal], at: Span | None) -> Binding:
    """A binding that cannot be used: whoever asks gets the refusal."""

    def stop() -> Value:
        raise make(at)

    def stop_term() -> Term:
        raise make(at)

    return Binding(lambda: DECIDED, stop, stop_term)


__all__ = ["DATA", "DECIDED", "KNOWN", "Binding", "Scope", "refused"]
