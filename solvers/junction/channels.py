"""Questions about the wires of a channel, answered on a junction tree: `E`, `P`, `variance` and `distribution` by `junction_tree`.

The channel becomes a network of tables, one for each box, its loops unrolled where need be; the tables are put on a
junction tree and summed by messages, in float64. So an answer costs what the tree has entries, however many worlds there
are. It is floating point, never a proof; where the answer is a chance, structural zeros stay exactly zero.

Law: it agrees with the exact reading, but for rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from opengames.deep import deep
from opengames.diagnostics import refuse
from opengames.diagram import Compute, Diagram, Port
from opengames.exact.asking import STATES, open_scope, variance
from opengames.exact.elimination import Factor
from opengames.exact.linear import gather
from opengames.exact.network import Network, build
from opengames.exact.unrolled import unrolled
from opengames.program import Program
from opengames.solvers.junction.passes import Beliefs
from opengames.solvers.junction.semirings import LOG, MASS
from opengames.solvers.junction.tree import BUDGET, junction_tree
from opengames.spaces import BOOL
from opengames.terms import Ask, Prim, Term, Var

#: Masses below this may have lost digits; then logarithms are added up instead.
_FAINT = 1e-200
#: Where the value of a term that is asked for stands: no wire is called so.
_ASKED = "?"


def answer(
    program: Program, diagram: Diagram, ask: Ask, params: Mapping[str, Any], cells: int = BUDGET
) -> Any:
    """The value of `E`, `P`, `variance` or `distribution` on a diagram without open decisions, in float64.

    For `distribution` a tuple of (value, chance) pairs. cells: the most entries of all tables of the tree. Raises
    `Refusal`: `over-budget` where the channel is no network of small tables or the tree is too large,
    `impossible-evidence`, `needs-inputs`, `needs-strategy`.
    """
    match ask.op, ask.args:
        case "E", (x, *evidence):
            return expectation(program, diagram, x, evidence, params, cells)
        case "P", (event, *evidence):
            return expectation(program, diagram, Prim("ind", (event,)), evidence, params, cells)
        case "distribution", (x, *evidence):
            return distribution(program, diagram, x, evidence, params, cells)
        case "variance", (x,):
            return float(variance(distribution(program, diagram, x, (), params, cells)))
    raise refuse("not-yet", f"`{ask.op}` is not a question for a junction tree", span=ask.at)


def expectation(
    program: Program, diagram: Diagram, term: Term, evidence: Sequence[Term], params: Mapping[str, Any], cells: int = BUDGET
) -> float:
    """The expectation of a number given evidence: the sum over its parts, each read off the clique that holds it."""
    with deep():
        network, _ = _network(program, diagram, term, evidence, params, False)
        gains = [factor for _, factor in network.gains]
        beliefs = _beliefs(network, [f.names for f in gains], evidence, cells)
    return float(sum(_mean(beliefs, factor) for factor in gains))


def distribution(
    program: Program, diagram: Diagram, term: Term, evidence: Sequence[Term], params: Mapping[str, Any], cells: int = BUDGET
) -> tuple[tuple[Any, float], ...]:
    """(value, chance) pairs of a term, given evidence; values without a chance are left out."""
    with deep():
        network, slot = _network(program, diagram, term, evidence, params, True)
        assert slot is not None
        beliefs = _beliefs(network, [(slot,)], evidence, cells)
    chances = beliefs.distribution((slot,)).tolist()
    return tuple((v, c) for v, c in zip(network.supports[slot], chances, strict=True) if c)


def _mean(beliefs: Beliefs, factor: Factor) -> float:
    if not factor.names:
        return float(factor.table)
    chances = beliefs.distribution(factor.names)
    return float(np.where(chances > 0, factor.table, 0.0).ravel() @ chances.ravel())


def _network(
    program: Program, diagram: Diagram, term: Term, evidence: Sequence[Term], params: Mapping[str, Any], whole: bool
) -> tuple[Network, str | None]:
    """The network to answer from: of the diagram as it is, or else of the diagram unrolled."""
    found = _built(program, diagram, term, evidence, params, whole)
    if found is None:
        diagram, term, evidence = _in_boxes(diagram, term, evidence)
        flat = unrolled(diagram, [term, *evidence], program.funs, params)
        if flat is not None:
            made, (asked, *given) = flat
            found = _built(program, made, asked, given, params, whole)
    if found is None:
        raise refuse(
            "over-budget", f"`{diagram.name}` is not a network of small tables, as a junction tree needs", span=diagram.at,
            notes=("it branches, draws from endlessly many outcomes, or has a wire that depends on too many others at once",),
            help="ask `by exact`, which follows what happens one step after the other, or leave `by` out",
        )  # fmt: skip
    return found


def _in_boxes(diagram: Diagram, term: Term, evidence: Sequence[Term]) -> tuple[Diagram, Term, list[Term]]:
    """The diagram with a box for each event asked about, so that counts in events unroll like those of the diagram."""
    boxes: list[Compute] = []

    def boxed(event: Term) -> Term:
        if isinstance(event, Var):
            return event
        boxes.append(Compute(Port(f"{_ASKED}{len(boxes)}", BOOL), event))
        return Var(boxes[-1].out.name)

    if isinstance(term, Prim) and term.op == "ind":
        term = Prim("ind", (boxed(term.args[0]),), at=term.at)
    given = [boxed(e) for e in evidence]
    return replace(diagram, boxes=(*diagram.boxes, *boxes)), term, given


def _built(
    program: Program, diagram: Diagram, term: Term, evidence: Sequence[Term], params: Mapping[str, Any], whole: bool
) -> tuple[Network, str | None] | None:
    plan, scope, region = open_scope(program, diagram, params, STATES, Fraction, {})  # values stay rational, chances do not
    slot = None
    if whole:
        slot = scope.solid(term.name) if isinstance(term, Var) else scope.calc(term, _ASKED)
    else:
        gather(scope, term, plan.demand(0))
    for each in evidence:
        scope.keep(each)
    network = build(plan, region, () if slot is None else (slot,), exact=False)
    return None if network is None else (network, slot)


def _beliefs(network: Network, wanted: Sequence[Sequence[str]], evidence: Sequence[Term], cells: int) -> Beliefs:
    """The product of a network's tables on a tree whose cliques hold what is wanted. Raises `Refusal`."""
    scopes = [f.names for f in network.factors] + [tuple(n) for n in wanted]
    tree = junction_tree(network.sizes, scopes, cells=cells)
    masses = Beliefs.of(tree, MASS, network.factors)
    if float(masses.total()) > _FAINT:
        return masses
    with np.errstate(divide="ignore"):
        logs = Beliefs.of(tree, LOG, [Factor(f.names, np.log(f.table.astype(float))) for f in network.factors])
    if float(logs.total()) == -np.inf:
        at = evidence[0].at if evidence else None
        raise refuse("impossible-evidence", "the condition has probability 0: nothing can be said given it", span=at)
    return logs


__all__ = ["answer", "distribution", "expectation"]
