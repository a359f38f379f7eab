"""Games with their clearings in place: an operator's decision is the optimum of its rules, whatever the others do.

Every solver, and whoever runs a reading, takes the diagram of a game from here, so that a clearing is made once for all
questions about one program. Seats that only clear are no players of what is left: they have nothing to choose.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from opengames import clearings
from opengames.closed import push_constants
from opengames.diagnostics import refuse
from opengames.diagram import Decide, Diagram, walk
from opengames.plug import is_clearing, plan_for
from opengames.program import Program, Strategy

_REMEMBERED = 32
_known: OrderedDict[tuple[int, int], tuple[Diagram, Program, dict[str, Any], Diagram]] = OrderedDict()


def cleared(program: Program, game: str | Diagram, params: Mapping[str, Any] | None = None) -> Diagram:
    """The diagram of a game, or one made of it, with its clearings in place; the same object if it has none.

    params: values in place of the program's own. Raises `Refusal` for a decision that is no convex program.
    """
    diagram = program.diagrams[game] if isinstance(game, str) else game
    if not clearings.has_clearing(diagram):
        return diagram
    values = {**program.param_values(), **(params or {})}
    key = (id(diagram), id(program))
    found = _known.get(key)
    if found is None or found[2] != values:
        from opengames.solvers.clearing.recognise import clear_for

        made = clearings.cleared(push_constants(diagram), clear_for(program), values)
        found = _known[key] = (diagram, program, values, made)
    _known.move_to_end(key)
    while len(_known) > _REMEMBERED:
        _known.popitem(last=False)
    return found[3]


def refuse_planned(program: Program, game: str | Diagram, strategy: Any) -> None:
    """Refuse (`not-yet`) a strategy that says what a clearing does: solvers of games follow its optimum."""
    plans = program.strategies.get(strategy) if isinstance(strategy, str) else strategy
    if not isinstance(plans, Strategy):
        return
    diagram = program.diagrams[game] if isinstance(game, str) else game
    for path, box in walk(diagram):
        if isinstance(box, Decide) and is_clearing(box) and plan_for(plans, box, path, box.outs[0].name) is not None:
            raise refuse(
                "not-yet", f"`{plans.name}` says what `{box.outs[0].name}` is, which is cleared by {box.seat.name}", span=plans.at,
                notes=("questions about strategies and best responses take a clearing at its optimum",),
                help="leave that plan out",
            )  # fmt: skip


__all__ = ["cleared", "refuse_planned"]
