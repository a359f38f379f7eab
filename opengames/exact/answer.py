"""Questions put to the exact reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from opengames.diagnostics import refuse
from opengames.diagram import Diagram
from opengames.exact.forward import Run, run
from opengames.exact.linear import gather
from opengames.exact.scope import Plan, Scope
from opengames.exact.steps import Calc, Region
from opengames.program import Program
from opengames.show import show_space
from opengames.terms import Ask, Prim, Term, Var

#: How many states the exact reading may visit, over all steps.
STATES = 5_000_000

Distribution = tuple[tuple[Any, Any], ...]


def answer(
    program: Program,
    diagram: Diagram,
    ask: Ask,
    params: Mapping[str, Any],
    budget: int = STATES,
    number: type = Fraction,
    inputs: Mapping[str, Any] | None = None,
) -> Any:
    """The value of `E`, `P`, `cvar`, `variance` or `distribution` on a diagram without open decisions.

    A `Fraction` where everything is rational, else a float; for `distribution` a tuple of (value, chance) pairs.
    Raises `Refusal`: `needs-strategy`, `needs-sampling`, `impossible-evidence`, `over-budget`, and what evaluation refuses.
    """
    asker = _Asker(program, diagram, params, budget, number, inputs or {})
    match ask.op, ask.args:
        case "E", (x,):
            return asker.expectations((x,), ())[0]
        case "P", (event, *evidence):
            return asker.expectations((Prim("ind", (event,)),), evidence)[0]
        case "distribution", (x, *evidence):
            return asker.distribution(x, evidence)
        case "variance", (x,):
            return variance(asker.distribution(x, ()))
        case "cvar", (x, level):
            share = asker.plan().compiler.compile(level)({})
            return cvar(asker.distribution(x, ()), share)
    raise refuse("not-yet", f"`{ask.op}` is not a question for the exact reading", span=ask.at)


def expectations(
    program: Program,
    diagram: Diagram,
    terms: Sequence[Term],
    evidence: Sequence[Term] = (),
    params: Mapping[str, Any] | None = None,
    budget: int = STATES,
    number: type = Fraction,
    inputs: Mapping[str, Any] | None = None,
) -> list[Any]:
    """The expectation of each term, given the evidence, in one pass."""
    return _Asker(program, diagram, _params(program, params), budget, number, inputs or {}).expectations(terms, evidence)


def distribution(
    program: Program,
    diagram: Diagram,
    term: Term,
    evidence: Sequence[Term] = (),
    params: Mapping[str, Any] | None = None,
    budget: int = STATES,
    number: type = Fraction,
    inputs: Mapping[str, Any] | None = None,
) -> Distribution:
    """(value, chance) pairs of a term over the wires of the diagram's top level, given the evidence."""
    return _Asker(program, diagram, _params(program, params), budget, number, inputs or {}).distribution(term, evidence)


def marginals(
    program: Program,
    diagram: Diagram,
    wires: Iterable[str],
    evidence: Sequence[Term] = (),
    params: Mapping[str, Any] | None = None,
    budget: int = STATES,
    number: type = Fraction,
    inputs: Mapping[str, Any] | None = None,
) -> dict[str, Distribution]:
    """The distribution of each wire, given the evidence."""
    asker = _Asker(program, diagram, _params(program, params), budget, number, inputs or {})
    return {wire: asker.distribution(Var(wire), evidence) for wire in wires}


def support(
    program: Program,
    diagram: Diagram,
    wire: str,
    params: Mapping[str, Any] | None = None,
    budget: int = STATES,
    inputs: Mapping[str, Any] | None = None,
) -> tuple[Any, ...]:
    """The values that a wire can take."""
    return tuple(v for v, _ in distribution(program, diagram, Var(wire), (), params, budget, inputs=inputs))


def cvar(pairs: Distribution, level: Any) -> Any:
    """The mean over the worst (lowest) share `level` of the outcomes, an outcome at the edge counted in part.

    Source: Rockafellar and Uryasev, Conditional value-at-risk for general loss distributions (2002), on losses `-x`.
    """
    if not 0 < level <= 1:
        raise refuse("outside-domain", f"the tail of `cvar` is a share above 0 and up to 1, not {level}")
    left, total = level, 0 * level
    for value, chance in sorted(pairs):
        part = min(chance, left)
        total += part * value
        left -= part
        if left <= 0:
            break
    return total / level


def variance(pairs: Distribution) -> Any:
    """The expected squared distance from the mean."""
    mean = sum(c * v for v, c in pairs)
    return sum(c * (v - mean) ** 2 for v, c in pairs)


class _Asker:
    """One diagram with its params, ready to be asked. last: how the latest question ran."""

    def __init__(
        self, program: Program, diagram: Diagram, params: Mapping[str, Any], budget: int, number: type, inputs: Mapping[str, Any]
    ) -> None:
        self.program, self.diagram, self.params = program, diagram, params
        self.budget, self.number, self.inputs = budget, number, inputs
        self.last: Run | None = None

    def plan(self) -> Plan:
        return Plan(self.program.funs, self.params, self.number, self.budget)

    def expectations(self, terms: Sequence[Term], evidence: Sequence[Term]) -> list[Any]:
        plan, scope = self._open()
        for i, term in enumerate(terms):
            gather(scope, term, plan.demand(i))
        for term in evidence:
            scope.keep(term)
        mass, self.last = run(plan, scope.region, (), len(terms), self.number is Fraction, self.budget)
        chance, *gathered = mass.totals()
        _possible(chance, evidence)
        return [a / chance for a in gathered]

    def distribution(self, term: Term, evidence: Sequence[Term]) -> Distribution:
        plan, scope = self._open()
        slot = scope.solid(term.name) if isinstance(term, Var) else scope.calc(term, "answer")
        for each in evidence:
            scope.keep(each)
        mass, self.last = run(plan, scope.region, (slot,), 0, self.number is Fraction, self.budget)
        total = mass.totals()[0]
        _possible(total, evidence)
        return tuple((self.last.values.values[key[0]], chance / total) for key, chance in mass.chances())

    def _open(self) -> tuple[Plan, Scope]:
        plan, region = self.plan(), Region()
        spaces = {p.name: p for p in self.diagram.inputs}

        def source(wire: str) -> str:
            if wire not in spaces:
                raise KeyError(f"`{wire}` is not a wire of {self.diagram.name}")
            if wire not in self.inputs:
                port = spaces[wire]
                raise refuse(
                    "needs-inputs",
                    f"`{self.diagram.name}` needs a value for its input `{wire}`: {show_space(port.space)}",
                    span=port.at,
                    help="ask about a diagram that supplies it",
                )
            region.steps.append(Calc(wire, _always(self.inputs[wire]), ()))
            return wire

        return plan, Scope(plan, self.diagram, region, "", source)


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda env: value


def _params(program: Program, params: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return program.param_values() if params is None else params


def _possible(chance: Any, evidence: Sequence[Term]) -> None:
    if not chance:
        at = evidence[0].at if evidence else None
        raise refuse("impossible-evidence", "the condition has probability 0: nothing can be said given it", span=at)
