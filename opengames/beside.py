"""Desks that answer a question at a param and a hair beside it, for its derivatives.

`Aside` takes a param as data of every clearing, so that a clearing is read and solved once and answers beside that by its
derivative. `Anew` reads the text again for each value and solves its clearings anew, in rationals only: for params that are built into
types or other params, and where a clearing cannot have them as data. Both ways answers are exact where the question's are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from opengames.clearings import Clear, has_clearing
from opengames.clearings import cleared as with_clearings
from opengames.closed import push_constants
from opengames.desk import Desk
from opengames.diagnostics import errors, refuse
from opengames.diagram import Diagram
from opengames.program import Program

if TYPE_CHECKING:
    from opengames.session import Model


class Besides(Protocol):
    """Where a question is answered at the param as it is (`here`), and at other values of it."""

    here: Desk

    def settle(self) -> None:
        """What follows is asked beside the param."""

    def at(self, value: Any) -> Desk:
        """The desk where the param has another value. Raises `Refusal` where the text does not hold with it."""

    def kinks(self) -> list[str]:
        """Which bounds of clearings are met by chance at the param, in words."""


class Aside:
    """Clearings have the param as data, and remember their optima until `settle`."""

    def __init__(self, program: Program, param: str) -> None:
        self.program, self.param = program, param
        self.tangents: list[Any] = []
        self._made: dict[tuple[str, str | None], Diagram] = {}
        self.here: Desk = _Made(program, self._clear, self._made)

    def settle(self) -> None:
        """See `Besides`: optima are not learnt any more, and clearings answer beside those that they know."""
        for tangent in self.tangents:
            tangent.learning = False

    def kinks(self) -> list[str]:
        """See `Besides`."""
        return [said for tangent in self.tangents for said in tangent.kinks()]

    def at(self, value: Any) -> Desk:
        """See `Besides`; what clearings know is shared."""
        decl = replace(self.program.params[self.param], value=value)
        return _Made(replace(self.program, params={**self.program.params, self.param: decl}), self._clear, self._made)

    def _clear(self, diagram: Diagram, box: Any, params: Any) -> Any:
        from opengames.solvers.clearing.clearing import Cleared
        from opengames.solvers.clearing.tangent import Tangent

        self.tangents.append(Tangent(Cleared(self.program, diagram, box, params, frozenset({self.param}))))
        return self.tangents[-1]


class Anew:
    """The text is read again for each value."""

    def __init__(self, model: Model, param: str) -> None:
        self.model, self.param = model, param
        self.here: Desk = _exact(model.program)

    def settle(self) -> None:
        """See `Besides`: nothing is learnt here."""

    def kinks(self) -> list[str]:
        """See `Besides`: not known."""
        return []

    def at(self, value: Any) -> Desk:
        """See `Besides`."""
        from opengames.dsl.check import check

        params = self.model.program.params
        given = {name: params[name].value for name in self.model.given} | {self.param: value}
        checked = check(self.model.text, self.model.name, given)
        if checked.program is None:
            raise refuse(
                "type-mismatch", f"`{self.param}` is built into a type, and the text does not hold with a value a little beside it",
                span=params[self.param].at, notes=tuple(d.headline for d in errors(checked.diagnostics)[:1]),
            )  # fmt: skip
        return _exact(checked.program)


def _exact(program: Program) -> Desk:
    def clear(diagram: Diagram, box: Any, params: Any) -> Any:
        from opengames.solvers.clearing.clearing import Cleared
        from opengames.solvers.clearing.tangent import InRationals

        return InRationals(Cleared(program, diagram, box, params))

    return _Made(program, clear, {})


class _Made(Desk):
    """A desk with its own way to make clearings. made: diagrams with clearings in their places."""

    def __init__(self, program: Program, clear: Clear, made: dict[tuple[str, str | None], Diagram]) -> None:
        super().__init__(program)
        self.clear, self.made = clear, made

    def played(self, of: str, under: str | None) -> Diagram:
        if (of, under) not in self.made:
            found = self.diagram(of, under)
            if not has_clearing(found):
                return found
            self.made[of, under] = with_clearings(push_constants(found), self.clear, self.params)
        return self.made[of, under]


__all__ = ["Anew", "Aside", "Besides"]
