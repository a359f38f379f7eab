"""Questions put to the exact reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from opengames.deep import deep
from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Diagram, Loop, walk
from opengames.exact.forward import Run, run
from opengames.exact.linear import gather
from opengames.exact.order import frontier, order
from opengames.exact.scope import Plan, Scope
from opengames.exact.steps import Calc, Region, Repeat, Switch
from opengames.exact.unrolled import unrolled
from opengames.exact.visits import visit
from opengames.program import Program
from opengames.show import show_space
from opengames.terms import Ask, Prim, Term, Var

if TYPE_CHECKING:
    from opengames.exact.network import Network

#: How many states the exact reading may visit, over all steps.
STATES = 2_000_000

#: The budget of the first try, before the loops of a large diagram are unrolled.
QUICK = 100_000

#: Where the value of a term that is asked for stands: no wire is called so.
_ASKED = "?"

_FINAL = ("over-budget", "impossible-evidence", "needs-strategy", "needs-sampling", "needs-inputs", "not-yet")
_NARROW = 10.0
_MOST_EXACT = 1 << 20
_MOST_FLOAT = 1 << 27

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

    A `Fraction` where everything is rational and the tables are not large, else a float; for `distribution` a tuple of (value, chance) pairs.
    Raises `Refusal`: `needs-strategy`, `needs-sampling`, `impossible-evidence`, `over-budget`, and what evaluation refuses.
    """
    asker = _Asker(program, diagram, params, budget, number, inputs or {})
    match ask.op, ask.args:
        case "E", (x, *evidence):
            return asker.expectations((x,), evidence)[0]
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


def reach(
    program: Program,
    diagram: Diagram,
    path: str,
    params: Mapping[str, Any] | None = None,
    budget: int = STATES,
    number: type = Fraction,
    inputs: Mapping[str, Any] | None = None,
) -> Any:
    """How often the box or branch arm at `path` is expected to happen; outside of loops, the chance that it does.

    Raises `KeyError` where there is none.
    """
    return _Asker(program, diagram, _params(program, params), budget, number, inputs or {}).reach(path)


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


class _TooLarge(Exception):
    """The tables are too large for rationals, though not for floats."""


class _Asker:
    """One diagram with its params, ready to be asked.

    engine: "forward" or "factors" to have only that one, `None` to choose. last: how the latest histories ran.
    """

    def __init__(
        self, program: Program, diagram: Diagram, params: Mapping[str, Any], budget: int, number: type,
        inputs: Mapping[str, Any], engine: str | None = None,
    ) -> None:  # fmt: skip
        self.engine = engine
        self.program, self.diagram, self.params = program, diagram, params
        self.budget, self.number, self.inputs = budget, number, inputs
        self.last: Run | None = None

    def plan(self) -> Plan:
        return Plan(self.program.funs, self.params, self.number, self.budget)

    def expectations(self, terms: Sequence[Term], evidence: Sequence[Term]) -> list[Any]:
        return self._careful("_expectations", terms, evidence)

    def distribution(self, term: Term, evidence: Sequence[Term]) -> Distribution:
        return self._careful("_distribution", term, evidence)

    def reach(self, path: str) -> Any:
        plan, scope, region = self._open(self.budget)
        if not visit(scope, tuple(path.split(".")), plan.demand(0)):
            raise KeyError(f"{self.diagram.name} has nothing at {path!r}")
        mass, self.last = run(plan, region, (), 1, self.exact, self.budget)
        return mass.totals()[1]

    def _careful(self, name: str, what: Any, evidence: Sequence[Term]) -> Any:
        """Ask the diagram as it is, and with its loops unrolled (see `unrolled`) where it is too large as it is.

        Both are tried with a small budget before either gets the whole one. A budget smaller than that is kept to by
        the diagram as it is, since tables count otherwise than states.
        """
        refused: Refusal | None = None
        flat: tuple[_Asker, Any, Sequence[Term]] | None = None
        for budget in sorted({min(self.budget, QUICK), self.budget}):
            try:
                return self._twice(name, what, evidence, budget)
            except Refusal as refusal:
                if any(d.code != "over-budget" for d in refusal.diagnostics):
                    raise
                refused = refusal
            flat = flat or (self._flat(what, evidence) if self.budget >= QUICK else None)
            if flat is None:
                continue
            asker, asked, given = flat
            try:
                return asker._twice(name, asked, given, budget)
            except Refusal as refusal:  # what else the unrolled one says of itself is not what was asked
                if any(d.code == "impossible-evidence" for d in refusal.diagnostics):
                    raise
        assert refused is not None
        raise refused

    def _flat(self, what: Any, evidence: Sequence[Term]) -> tuple[_Asker, Any, Sequence[Term]] | None:
        """An asker of the unrolled diagram, and the question put to it; `None` where that is no help."""
        if self.engine is not None or not any(isinstance(box, Loop) for _, box in walk(self.diagram)):
            return None
        one = isinstance(what, Term)
        terms = [what] if one else list(what)
        with deep():
            made = unrolled(self.diagram, [*terms, *evidence], self.program.funs, self.params)
        if made is None:
            return None
        diagram, asked = made
        asker = _Asker(self.program, diagram, self.params, self.budget, self.number, self.inputs)
        return asker, asked[0] if one else asked[: len(terms)], asked[len(terms) :]

    def _twice(self, name: str, what: Any, evidence: Sequence[Term], budget: int) -> Any:
        """Ask in the quickest order; if something fails, once more with nothing computed where the evidence is false."""
        ask: Callable[[Any, Sequence[Term], bool, int], Any] = getattr(self, name)
        try:
            with deep():
                try:
                    return ask(what, evidence, False, budget)
                except Refusal as refusal:
                    if not evidence or any(d.code in _FINAL for d in refusal.diagnostics):
                        raise
                    return ask(what, evidence, True, budget)
        except _TooLarge:
            rough = _Asker(self.program, self.diagram, self.params, budget, float, self.inputs, "factors")
            return getattr(rough, name)(what, evidence, False, budget)
        except RecursionError:
            raise refuse(
                "over-budget", f"`{self.diagram.name}` is nested too deeply for the exact reading", span=self.diagram.at
            ) from None

    def _expectations(self, terms: Sequence[Term], evidence: Sequence[Term], strict: bool, budget: int) -> list[Any]:
        plan, scope, region = self._open(budget)
        plan.last = frozenset() if strict else None
        for i, term in enumerate(terms):
            gather(scope, term, plan.demand(i))
        for term in evidence:
            scope.keep(term)
        network = None if strict else self._network(plan, region, ())
        if network is not None:
            chance, *gathered = network.gathered(len(terms))
        else:
            mass, self.last = run(plan, region, (), len(terms), self.exact, budget)
            chance, *gathered = mass.totals()
        _possible(chance, evidence)
        return [a / chance for a in gathered]

    def _distribution(self, term: Term, evidence: Sequence[Term], strict: bool, budget: int) -> Distribution:
        plan, scope, region = self._open(budget)
        slot = scope.solid(term.name) if isinstance(term, Var) else scope.calc(term, _ASKED)
        plan.last = frozenset((slot,)) if strict and slot == _ASKED else None
        for each in evidence:
            scope.keep(each)
        network = None if strict else self._network(plan, region, (slot,))
        if network is not None:
            pairs = [(v, c) for v, c in zip(network.supports[slot], network.joint((slot,)), strict=True) if c]
        else:
            mass, self.last = run(plan, region, (slot,), 0, self.exact, budget)
            values = self.last.values.values
            pairs = [(values[key[0]], chance) for key, chance in mass.chances() if chance]
        total = sum(chance for _, chance in pairs)
        _possible(total, evidence)
        return tuple((value, chance / total) for value, chance in pairs)

    @property
    def exact(self) -> bool:
        return self.number is Fraction

    def _open(self, budget: int) -> tuple[Plan, Scope, Region]:
        return open_scope(self.program, self.diagram, self.params, budget, self.number, self.inputs)

    def _network(self, plan: Plan, region: Region, wanted: tuple[str, ...]) -> Network | None:
        """The network to answer from, where eliminating wires is expected to beat merging histories."""
        if self.engine == "forward" or any(isinstance(s, (Repeat, Switch)) for s in region.steps):
            return None
        keep = frozenset(wanted)
        width = frontier(order(region.steps, keep, plan.spaces), keep, plan.spaces)
        if width <= _NARROW and self.engine is None:
            return None
        from opengames.exact.elimination import best_order
        from opengames.exact.network import build

        network = build(plan, region, wanted, self.exact)
        if network is None:
            return None
        scopes = [f.names for f in network.factors] + [f.names for _, f in network.gains]
        _, cost = best_order(scopes, network.sizes, wanted)
        if cost > _MOST_FLOAT or (self.engine is None and cost > 2**width):
            return None
        if self.exact and cost > _MOST_EXACT:
            raise _TooLarge
        return network


def open_scope(
    program: Program,
    diagram: Diagram,
    params: Mapping[str, Any] | None,
    budget: int,
    number: type,
    inputs: Mapping[str, Any],
) -> tuple[Plan, Scope, Region]:
    """An empty plan for questions about a diagram, the scope of its top level, and the region for its steps."""
    plan, region = Plan(program.funs, _params(program, params), number, budget), Region()
    ports = {p.name: p for p in diagram.inputs}

    def source(wire: str) -> str:
        if wire not in ports:
            raise KeyError(f"`{wire}` is not a wire of {diagram.name}")
        port = ports[wire]
        if wire not in inputs:
            raise refuse(
                "needs-inputs",
                f"`{diagram.name}` needs a value for its input `{wire}`: {show_space(port.space)}",
                span=port.at,
                help="ask about a diagram that supplies it",
            )
        region.steps.append(Calc(wire, _always(inputs[wire]), ()))
        return wire

    return plan, Scope(plan, diagram, region, "", source), region


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda env: value


def _params(program: Program, params: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return program.param_values() if params is None else params


def _possible(chance: Any, evidence: Sequence[Term]) -> None:
    if not chance:
        at = evidence[0].at if evidence else None
        raise refuse("impossible-evidence", "the condition has probability 0: nothing can be said given it", span=at)
