"""Whether the exact and the sampled reading agree on a program: a test with a stated false-alarm rate.

For every game under its first strategy and its mixed ones (and every closed channel), the marginal of each wire that takes
few values is read exactly, and counted in seeded runs: wires at every depth (in calls, in the last iteration of loops, and
in branches, together with whether the arm was taken), each field of a record, and the last element of a family. Each count
is compared with its binomial distribution: the chance of a count as unlikely or more, both tails. Values that cannot
happen must not occur at all.
The smallest of these chances is compared with `FALSE_ALARMS` divided by the number of comparisons (Bonferroni), so that
two readings that agree fail one of the programs with chance `FALSE_ALARMS` at most. Seeds are fixed: a test that
passed stays passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from scipy.stats import binom
from specs_exposed import TAKEN, VALUE, Place, exposed, places

from opengames.diagnostics import Refusal
from opengames.diagram import Diagram
from opengames.exact import distribution
from opengames.session import Model
from opengames.spaces import Bool, Enum, Space
from opengames.terms import Pack, Var

#: For a whole program, all its wires and strategies together; 1e-4 for thirty programs.
FALSE_ALARMS = 1e-4 / 30
#: Wires with more values than this are not compared.
MOST_VALUES = 200


@dataclass
class Compared:
    """count: comparisons made. least: the smallest chance met. where: in words. inside, fields: places in branches, of records."""

    count: int = 0
    least: float = 1.0
    where: str = ""
    inside: int = 0
    fields: int = 0


def compare(model: Model, runs: int, seed: int) -> Compared:
    """Every place of every situation, in the exact reading and in seeded runs."""
    met = Compared()
    for game, under in situations(model):
        diagram = model._desk.diagram(game, under)
        asked = [(p, law) for p in places(diagram) if (law := few(model, diagram, p)) is not None]
        # a field of a record and a wire inside the call that gives it may have one name: not in one run
        fields = {p.column for p, _ in asked if p.column != p.path}
        hidden = [p.path for p, _ in asked if p.column == p.path and p.path in fields]
        shown = dict.fromkeys(p.path for p, _ in asked if p.path not in hidden)
        kept = [(k, model.run(game, under, runs=runs, seed=seed, keep=list(k)).found) for k in (shown, hidden) if k]
        for place, law in asked:
            found = next(f for k, f in kept if place.path in k)
            label = f"{game} under {under}: {place.column}"
            column = found.columns[place.column]
            assert column.data.ndim == 1 + place.axes, label
            assert (column.taken is not None) == place.in_branch, label
            last = (slice(None), *(-1,) * place.axes)
            values = column.data[last].tolist()
            taken = [True] * runs if column.taken is None else column.taken[last].tolist()
            counted = Counter(_key(v, place.space) if t else None for v, t in zip(values, taken, strict=True))
            assert set(counted) <= set(law), f"{label} became {set(counted) - set(law)}"
            met.inside += place.in_branch
            met.fields += place.column != place.path
            for value, chance in law.items():
                met.count += 1
                p = tail(counted[value], runs, float(chance))
                if p < met.least:
                    met.least, met.where = p, f"{label} = {value}, {counted[value]} of {runs}, not {chance}"
    return met


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


def few(model: Model, diagram: Diagram, place: Place) -> dict[Any, Any] | None:
    """The exact chance of each value, and of `None` for an arm not taken; nothing where there are too many, or none is told."""
    try:
        joint = distribution(model.program, exposed(diagram, place), Pack((Var(TAKEN), Var(VALUE))))
    except Refusal as refused:
        assert {d.code for d in refused.diagnostics} <= {"over-budget", "needs-sampling"}, refused
        return None
    found: dict[Any, Any] = {}
    for (taken, value), chance in joint:
        key = _key(_sampled(value, place.space), place.space) if taken else None
        found[key] = found.get(key, 0) + chance
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
