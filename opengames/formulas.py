"""Closed forms by name, for Python and the command line: of funs, of queries, of what makes a strategy an equilibrium."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from opengames import arguments
from opengames.diagnostics import errors, refuse
from opengames.spaces import Family, Grid, Reals, Shown, Space

if TYPE_CHECKING:
    from opengames.program import Program
    from opengames.session import Model
    from opengames.symbolic.formulas import Formula


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
        found = closed_form(model.program, name, free, given)
    else:
        found = derivative(model.program, name, wrt, order, free, given)
    return replace(found, told=lambda f: as_fun(model, name, f, wrt, order))


def as_fun(model: Model, name: str, found: Formula, wrt: str | None, order: int) -> str:
    """A closed form of the fun `name`, or a derivative, as a declaration. Raises `Refusal` (`not-expressible`).

    The inputs are declared as the fun declares them; the unit of the result is tried out, so that what is printed checks.
    """
    from opengames.dsl.check import check
    from opengames.symbolic.written import amounts

    decl = next(d for d in _funs(model) if d.name.text == name)
    kept = {n for n, _ in found.inputs}
    inputs = ", ".join(model.text[w.at.start : w.at.end] for w in decl.inputs if w.name.text in kept)
    declared = found.name if wrt is not None else f"{name}_closed"
    for kind, how in _units(model, name, wrt, order):
        words = "true" if found.value is True else "false" if found.value is False else amounts(found.value, how)
        output = model.text[decl.output.at.start : decl.output.at.end] if kind is None else kind
        text = f"fun {declared}({inputs}) -> {output} = {words}"
        if not errors(check(f"{model.text}\n{text}\n", model.name).diagnostics):
            return text
    raise refuse(
        "not-expressible", f"the formula of `{declared}` does not say the units of its numbers", help="`.latex()` prints it"
    )


def _funs(model: Model) -> Iterable[Any]:
    from opengames.dsl import syntax
    from opengames.dsl.parser import parse

    file = parse(model.text, model.name).file
    return [d for d in (file.declarations if file is not None else ()) if isinstance(d, syntax.FunDecl)]


def _units(model: Model, name: str, wrt: str | None, order: int) -> Iterable[tuple[str | None, Shown | None]]:
    """Types that the result may have, as written, and their units; `None` is the type of the fun itself."""
    decl = model.program.funs[name]
    top = _shown(decl.output)
    if wrt is None:
        yield None, top
        return
    yield "real", None
    spaces = {p.name: p.space for p in decl.inputs} | {n: p.space for n, p in model.program.params.items()}
    bottom = _shown(spaces.get(wrt.split("[")[0]))
    if order == 1 and top is not None and bottom is None:
        yield f"real {top.unit}", top
    elif order == 1 and bottom is not None:
        unit = f"{top.unit if top is not None else 1}/{bottom.unit}"
        if top is None or "/" not in top.unit + bottom.unit:
            yield f"real {unit}", Shown(unit, (top.scale if top is not None else 1) / bottom.scale)


def _shown(space: Space | None) -> Shown | None:
    while isinstance(space, Family):
        space = space.item
    how = space.shown if isinstance(space, Grid | Reals) else None
    return how if how is not None and how.unit else None


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
