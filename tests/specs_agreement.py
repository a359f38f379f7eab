"""Whether the exact and the sampled reading agree on a program: a test with a stated false-alarm rate.

For every game under its first strategy and its mixed ones (and every closed channel), the marginal of each wire that takes
few values is read exactly, and counted in seeded runs. Each count is compared with its binomial distribution: the
chance of a count as unlikely or more, both tails. Values that cannot happen must not occur at all.
The smallest of these chances is compared with `FALSE_ALARMS` divided by the number of comparisons (Bonferroni), so that
two readings that agree fail one of the programs with chance `FALSE_ALARMS` at most. Seeds are fixed: a test that
passed stays passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from scipy.stats import binom

from opengames.diagnostics import Refusal
from opengames.diagram import Diagram, wires
from opengames.exact import distribution
from opengames.session import Model
from opengames.spaces import Bool, Enum, Family, Grid, Reals, Space, index_points
from opengames.terms import At, Const, Term, Var

#: For a whole program, all its wires and strategies together; 1e-4 for thirty programs.
FALSE_ALARMS = 1e-4 / 30
#: Wires with more values than this are not compared.
MOST_VALUES = 200


def compare(model: Model, runs: int, seed: int) -> tuple[int, float, str]:
    """The number of comparisons, the smallest chance met, and where."""
    count, least, where = 0, 1.0, ""
    for game, under in situations(model):
        found = model.run(game, under, runs=runs, seed=seed).found
        diagram = model._desk.diagram(game, under)
        for wire, term, space, at in scalars(diagram):
            if wire not in found.columns:
                continue
            column = found.columns[wire]
            if column.taken is not None:
                continue
            exact = few(model, diagram, term)
            if exact is None:
                continue
            counted = Counter(_key(v, space) for v in column.data[(slice(None), *at)].tolist())
            expected = {_key(_sampled(v, space), space): c for v, c in exact}
            assert set(counted) <= set(expected), f"{game} under {under}: `{wire}` became {set(counted) - set(expected)}"
            for value, chance in expected.items():
                count += 1
                p = tail(counted[value], runs, float(chance))
                if p < least:
                    least, where = p, f"{game} under {under}: {wire} = {value}, {counted[value]} of {runs}, not {chance}"
    return count, least, where


def situations(model: Model) -> Iterator[tuple[str, str | None]]:
    """Every closed game under its first strategy and under every mixed one, and every closed channel."""
    for name, diagram in model.program.diagrams.items():
        if diagram.inputs or diagram.expects:
            continue
        planned = [s for s in model.program.strategies.values() if s.game == name]
        for i, strategy in enumerate(planned):
            if i == 0 or any(plan.mixed for plan in strategy.plans):
                yield name, strategy.name
        if model.program.kinds.get(name) == "channel":
            yield name, None


def scalars(diagram: Diagram) -> Iterator[tuple[str, Term, Space, tuple[int, ...]]]:
    """Wires of the top level that are a number or a label, and the last element of those that are families of them."""
    for name, space in wires(diagram).items():
        if isinstance(space, Bool | Enum | Grid | Reals):
            yield name, Var(name), space, ()
        elif isinstance(space, Family) and isinstance(space.item, Bool | Enum | Grid | Reals):
            last = tuple(index_points(space.index))[-1]
            keys = tuple(Const(k) for k in last)
            yield name, At(Var(name), keys, space.index), space.item, (-1,) * len(keys)


def few(model: Model, diagram: Diagram, term: Term) -> Any:
    """The exact marginal, `None` where the exact reading refuses or there are too many values."""
    try:
        found = distribution(model.program, diagram, term)
    except Refusal as refused:
        assert {d.code for d in refused.diagnostics} <= {"over-budget", "needs-sampling"}, refused
        return None
    return found if len(found) <= MOST_VALUES else None


def tail(hits: int, runs: int, chance: float) -> float:
    """Both tails of the binomial: twice the smaller one, at most 1."""
    return min(1.0, 2 * min(binom.cdf(hits, runs, chance), binom.sf(hits - 1, runs, chance)))


def _sampled(value: Any, space: Space) -> Any:
    return space.labels.index(value) if isinstance(space, Enum) else value


def _key(value: Any, space: Space) -> Any:
    """Equal for equal values of either reading; floats are told apart to nine digits."""
    if isinstance(space, Bool | Enum):
        return int(value)
    return float(f"{float(value):.9g}") + 0.0 if isinstance(value, Fraction | float | int) else value
