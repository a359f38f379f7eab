"""Questions that say `by sympy`: the answer as a formula in what is left free, an exact number where nothing is.

A claim is proved only where it surely holds for all values of the free params and of its variables, which is then checked at
points; it is refuted by a point at which it fails. Otherwise it stays unknown, with the condition that was found.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from opengames.cases import Undecided
from opengames.desk import Work
from opengames.program import Program, Question
from opengames.show import show
from opengames.spaces import Grid, Reals, Space, is_finite, size
from opengames.terms import Ask, Param, Term, children

ONE_BY_ONE = 200
"""Values of a claim's finite variables up to which each is a case of its own."""

if TYPE_CHECKING:
    from opengames.symbolic.formulas import Scene


def wanted(work: Work) -> bool:
    """Whether a question is one for the symbolic reading."""
    by = work.question.by
    return by is not None and by.name == "sympy"


def value(work: Work, free: Iterable[str] = ()) -> tuple[Any, Space | None]:
    """The answer to a query and its space; `None` for what is no value of one."""
    from opengames.results import distribution_lines
    from opengames.symbolic.equilibrium import Conditions
    from opengames.symbolic.formulas import Expression, Scene, said
    from opengames.symbolic.questions import value as closed_form

    scene = Scene(work.program, free)
    found = closed_form(scene, work.question)
    work.methods["sympy"] = None
    space = work.question.space
    if isinstance(found, Conditions):
        return found, None
    if isinstance(work.question.term, Ask) and work.question.term.op == "distribution":
        work.over = space
        if all(isinstance(c, Fraction) for _, c in found):
            work.because += distribution_lines(found, space)
        else:
            rows = [(show(v, space) if isinstance(v, bool | str | Fraction) else said(v), said(c)) for v, c in found]
            width = max(len(v) for v, _ in rows)
            work.because += [f"{v:{width}}  {c}" for v, c in rows]
            found = tuple((v, c if isinstance(c, Fraction) else Expression(c)) for v, c in found)
        return found, None
    if isinstance(found, bool | str | Fraction | tuple):
        return found, space
    where = scene.where(found)
    if where:
        work.because.append(f"where {' and '.join(said(w) for w in where)}")
    work.because += units(space)
    return Expression(found, where), space


def units(space: Space | None) -> list[str]:
    """A sentence on units, where the numbers of a formula are in others than what the author writes."""
    how = space.shown if isinstance(space, Grid | Reals) else None
    if how is None or not how.unit:
        return []
    return [f"in {how.unit}" if how.scale == 1 else f"in base units, of which 1 {how.unit} is {show(how.scale)}"]


def verdict(work: Work) -> str:
    """The verdict on a claim. Raises `Undecided` where sympy is not certain."""
    from opengames.symbolic.claims import certain, point
    from opengames.symbolic.formulas import Scene, said

    work.methods["sympy"] = None
    work.because += _for_all(work.program, work.question)
    term = work.question.term
    scene = Scene(work.program)
    if isinstance(term, Ask) and term.op == "equilibrium":
        return _equilibrium(work, scene)
    op, variables, cases = _cases(work, scene)
    spaces: dict[Any, Space] = {s: space for s, space in scene.symbols.spaces.items() if isinstance(space, Grid | Reals)}
    for fixed, condition in cases:
        found = point(condition, spaces, wanted=op == "or")
        if found is None or (op == "or" and set(found) - variables) or not _has_value(found, scene):
            continue
        whole = {**fixed, **found}
        if whole:
            words = _assigned(whole, scene)
            work.because.append(f"{'holds' if op == 'or' else 'fails'} for {', '.join(words)}")
            work.counterexample = None if op == "or" else "\n".join(words)
        return "proved" if op == "or" else "refuted"
    if op == "or":
        raise Undecided("no example was met: ask `by z3`")
    for _, condition in cases:
        if not certain(condition, spaces):
            raise Undecided(f"sympy is not certain that {said(condition)}: ask `by z3`")
    for need in scene.needs:
        if not certain(need, spaces):
            raise Undecided(f"it is so wherever it has a value, but sympy is not certain that {said(need)}")
    return "proved"


def _has_value(values: dict[str, Any], scene: Scene) -> bool:
    """Whether everything that was translated is defined at a point."""
    from opengames.symbolic.formulas import at
    from opengames.symbolic.values import expr

    given = {n: expr(v) if isinstance(v, Fraction) else v for n, v in values.items()}
    return all(at(need, given) is not False for need in scene.needs)


def _equilibrium(work: Work, scene: Scene) -> str:
    """Proved if the strategy is an equilibrium whatever is free, refuted if it never is."""
    from opengames.symbolic.claims import certain
    from opengames.symbolic.questions import value as closed_form

    found = closed_form(scene, work.question)
    spaces = dict(scene.symbols.spaces)
    defined = all(certain(need, spaces) for need in scene.needs)
    if found.always and not found.assuming and defined:
        return "proved"
    if found.never and not found.assuming:
        return "refuted"
    raise Undecided(f"that depends: {'; '.join(found.lines())}")


def _cases(work: Work, scene: Scene) -> tuple[str | None, set[str], list[tuple[dict[str, Any], Any]]]:
    """The outer quantifier, its variables, and the cases: what is fixed there, and the condition that must hold."""
    import sympy

    from opengames.symbolic.cases import Known, leaves
    from opengames.symbolic.feasible import explored
    from opengames.symbolic.questions import diagram_of, in_case, quantified
    from opengames.symbolic.values import holds, needed

    op, variables, body = quantified(work.question.term)
    diagram = diagram_of(scene, work.question)

    one_by_one = _count(tuple(b.space for b in variables)) <= ONE_BY_ONE

    def compute(known: Known) -> Any:
        env = {b.variable: scene.stand_in("variable", b.variable, b.space, known) for b in variables}
        if one_by_one:
            env = {b.variable: needed(env[b.variable], scene.symbols) if is_finite(b.space) else env[b.variable] for b in variables}
        return in_case(scene, diagram, body, known, env)

    found = []
    for way, condition in leaves(explored(scene.symbols, compute)):
        fixed = {q.name: answers[0] for q, answers in way if isinstance(q, sympy.Symbol)}
        numeric = [holds(q, answers) for q, answers in way if not isinstance(q, sympy.Symbol)]
        if numeric:
            join = sympy.And(*numeric, condition) if op == "or" else sympy.Or(*map(sympy.Not, numeric), condition)
            found.append((fixed, join))
        else:
            found.append((fixed, condition))
    symbols = [s.name for s in scene.symbols.spaces]
    names = {scene.symbols.name("variable", b.variable) for b in variables}
    return op, {n for n in symbols if n.split("[")[0].split(".")[0] in names}, found


def _count(spaces: tuple[Space, ...]) -> int:
    """How many values the finite ones have together."""
    total = 1
    for space in spaces:
        total *= size(space) or 1
    return total


def _assigned(values: dict[str, Any], scene: Scene) -> list[str]:
    named = {s.name: space for s, space in scene.symbols.spaces.items()}
    return [f"{n} = {show(v, named.get(n))}" for n, v in values.items()]


def _for_all(program: Program, question: Question) -> list[str]:
    """Which params the claim leaves open."""
    used: set[str] = set()
    stack: list[Term] = [question.term]
    while stack:
        term = stack.pop()
        if isinstance(term, Param):
            used.add(term.name)
        stack.extend(children(term))
    names = [n for n, p in program.params.items() if p.value is None and n in used]
    return [f"for every value of {', '.join(f'`{n}`' for n in names)}"] if names else []


__all__ = ["units", "value", "verdict", "wanted"]
