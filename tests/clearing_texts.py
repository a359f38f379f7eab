"""Clearings of small texts, for tests: from a text and the inputs of a game to moves and prices by name."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from opengames.clearings import SOLVED
from opengames.diagram import Compute, Decide, Loop, binds, needs
from opengames.evaluate import evaluate
from opengames.session import loads
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.recognise import clear_for
from opengames.spaces import index_points, leaves


def clearing_of(text, game="Market", params=None):
    """(program, diagram, its clearing) of the last decision of a game."""
    model = loads(text, "market.game")
    if params:
        model = model.with_params(**params)
    diagram = model.program.diagrams[game]
    box = [b for b in diagram.boxes if isinstance(b, Decide)][-1]
    return model.program, diagram, clear_for(model.program)(diagram, box, {})


def data_of(program, cleared, given):
    """The clearing's data at the inputs `given`, in rationals."""
    env = {k: _value(v) for k, v in given.items()}
    values = {n: d.value for n, d in program.params.items()}
    _, diagram, decision, _ = cleared.made_of
    for box in diagram.boxes:
        if box is decision:
            break
        if needs(box) <= env.keys() and not {p.name for p in binds(box)} & env.keys():
            env.update(_computed(box, env, program, values))
    return [Fraction(evaluate(t, env, program.funs, values)) for t in cleared.data]


def _computed(box, env, program, params):
    """The wires that a box of computed wires binds, loops round by round."""
    if isinstance(box, Compute):
        return {box.out.name: evaluate(box.term, env, program.funs, params)}
    if not isinstance(box, Loop) or box.carry:
        return {}
    rounds = []
    for point in index_points(tuple(s for _, s in box.iters)):
        here = {**env, **dict(zip((n for n, _ in box.iters), point, strict=True))}
        for inner in box.body.boxes:
            here.update(_computed(inner, here, program, params))
        rounds.append(here)
    return {wire: tuple(r[name] for r in rounds) for wire, name in box.outs}


def _value(value):
    if isinstance(value, tuple | list):
        return tuple(_value(v) for v in value)
    return value if isinstance(value, str | bool) else Fraction(value)


def named(cleared, numbers):
    """Moves by wire and prices by rule, each a number or a list of them, from one flat row."""
    found, at = {}, 0
    for port in cleared.box.outs + cleared.box.duals:
        size = leaves(port.space)
        part = list(numbers[at : at + size])
        at += size
        found[port.name] = part[0] if size == 1 and not hasattr(port.space, "index") else part
    return found


def solved(cleared, values):
    """(moves and prices, status) at one set of data, by HiGHS."""
    found = solve(cleared.moving.at(np.array([float(v) for v in values])))
    return cleared.answers(found.x[None], found.y[None])[0], found.status


def cleared_at(text, given=None, game="Market", params=None):
    """Moves and prices by name, in floats, at one set of inputs."""
    program, _, cleared = clearing_of(text, game, params)
    answers, status = solved(cleared, data_of(program, cleared, given or {}))
    assert status == SOLVED
    return named(cleared, answers)


def exactly_at(text, given=None, game="Market", params=None):
    """The same in rationals."""
    program, _, cleared = clearing_of(text, game, params)
    return named(cleared, cleared.exactly(data_of(program, cleared, given or {})))
