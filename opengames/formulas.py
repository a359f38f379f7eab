"""Closed forms by name, for Python and the command line: of funs, of queries, of what makes a strategy an equilibrium."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from opengames import arguments
from opengames.diagnostics import refuse

if TYPE_CHECKING:
    from opengames.program import Program
    from opengames.session import Model


def formula(
    model: Model, name: str, free: Iterable[str], wrt: str | None, order: int, given: Mapping[str, Any]
) -> Any:
    """A `Formula` (of a fun or query) or `Conditions` (of a strategy).

    Raises `Refusal`: `unknown-formula` for a name that is none of these, and what the symbolic reading refuses.
    """
    program = model.program
    if arguments.name(name, "name") in program.funs:
        values = _inputs(program, name, given)
        return _of_fun(model, name, tuple(free), wrt, arguments.whole(order, "order", 1), values)
    queries = {q.name: q for q in program.questions if q.kind == "query"}
    if name not in queries and name not in program.strategies:
        from opengames.session import unknown

        known = [*program.funs, *queries, *program.strategies]
        raise unknown("unknown-formula", "fun, query or strategy", name, known)
    if wrt is not None or given:
        what = "a query" if name in queries else "a strategy"
        raise refuse("bad-argument", f"`{name}` is {what}: only funs are differentiated, or given values of inputs",
                     help="name a fun")  # fmt: skip
    if name in program.strategies:
        from opengames.symbolic.equilibrium import conditions
        from opengames.symbolic.formulas import Scene

        return conditions(Scene(program, free), name)
    return _of_query(program, queries[name], tuple(free))


def _of_fun(
    model: Model, name: str, free: tuple[str, ...], wrt: str | None, order: int, given: Mapping[str, Any]
) -> Any:
    from opengames.symbolic.formulas import derivative
    from opengames.symbolic.formulas import formula as closed_form

    if wrt is None:
        return closed_form(model.program, name, free, given)
    return derivative(model.program, name, wrt, order, free, given)


def _of_query(program: Program, question: Any, free: tuple[str, ...]) -> Any:
    from opengames.symbolic.equilibrium import Conditions
    from opengames.symbolic.formulas import Formula, Scene
    from opengames.symbolic.questions import value

    scene = Scene(program, free)
    found = value(scene, question)
    if isinstance(found, Conditions):
        return found
    return Formula(question.name, found, question.space, (), scene.names(found), scene.where(found))


def _inputs(program: Program, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values for inputs of a fun, fitted to their spaces."""
    from opengames.params import fit_to
    from opengames.program import ParamDecl

    ports = {p.name: p for p in program.funs[name].inputs}
    found: dict[str, Any] = {}
    for each, value in given.items():
        if each not in ports:
            from opengames.session import unknown

            raise unknown("unknown-name", "input", each, ports, f" of `{name}`")
        found[each] = fit_to(ParamDecl(each, ports[each].space), _read(value))
    return found


def _read(value: Any) -> Any:
    """A number that came as text; anything else as it is."""
    if not isinstance(value, str):
        return value
    if value in ("true", "false"):
        return value == "true"
    try:
        return Fraction(value)
    except ValueError:
        return value


def to_latex(model: Model, document: bool = False) -> str:
    """The whole model as LaTeX: see `opengames.symbolic.document`."""
    from opengames.symbolic.document import fragment, standalone

    return standalone(model.program) if document else fragment(model.program)


__all__ = ["formula", "to_latex"]
