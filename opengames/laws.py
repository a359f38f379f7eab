"""The laws of a Markov category and of open games, as predicates on diagrams.

Each law takes diagrams that fit its statement and says whether its two sides mean the same, in exact
rationals (`kernels.of`). They are tests for a reading, and for anything else that claims to be a functor.

Source: Fritz (2020), definitions 2.1 and 10.1; Ghani, Hedges, Winschel and Zahn (2018), theorem 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from opengames.compose import beside, copy, discard, identity, swap, then
from opengames.diagram import Diagram
from opengames.kernels import Kernel, Row, agree, inverse, of, push
from opengames.program import Program
from opengames.spaces import Space


def associative(f: Diagram, g: Diagram, h: Diagram) -> bool:
    """`(f >> g) >> h == f >> (g >> h)`, backward ports included."""
    return of((f >> g) >> h) == of(f >> (g >> h))


def unital(f: Diagram) -> bool:
    """`id >> f == f == f >> id`, for a channel."""
    before, after = identity(*(p.space for p in f.inputs)), identity(*(p.space for p in f.outputs))
    return of(before >> f) == of(f) == of(f >> after)


def interchange(f: Diagram, g: Diagram, h: Diagram, k: Diagram) -> bool:
    """`(f >> g) @ (h >> k) == (f @ h) >> (g @ k)`."""
    return of((f >> g) @ (h >> k)) == of((f @ h) >> (g @ k))


def copies_associate(space: Space) -> bool:
    """`copy >> (copy @ id) == copy >> (id @ copy)`."""
    one = identity(space)
    return of(copy(space) >> (copy(space) @ one)) == of(copy(space) >> (one @ copy(space)))


def copy_has_counit(space: Space) -> bool:
    """`copy >> (discard @ id) == id == copy >> (id @ discard)`."""
    one, end = identity(space), discard(space)
    return of(copy(space) >> (end @ one)) == of(one) == of(copy(space) >> (one @ end))


def copy_commutes(space: Space) -> bool:
    """`copy >> swap == copy`."""
    return of(copy(space) >> swap(space, space)) == of(copy(space))


def swap_is_involutive(a: Space, b: Space) -> bool:
    """`swap >> swap == id`."""
    return of(swap(a, b) >> swap(b, a)) == of(identity(a, b))


def swap_is_natural(f: Diagram, g: Diagram) -> bool:
    """`(f @ g) >> swap == swap >> (g @ f)`, for channels with one wire on each side."""
    (a,), (b,) = (f.inputs, g.inputs)
    (c,), (d,) = (f.outputs, g.outputs)
    return of((f @ g) >> swap(c.space, d.space)) == of(swap(a.space, b.space) >> (g @ f))


def discard_is_natural(f: Diagram) -> bool:
    """`f >> discard == discard`: chances add up to one. This makes a copy-discard category a Markov category."""
    return of(f >> discard(*(p.space for p in f.outputs))) == of(discard(*(p.space for p in f.inputs)))


def deterministic(f: Diagram) -> bool:
    """`f >> copy == copy >> (f @ f)`, for a channel with one wire on each side; true of funs, false of coins."""
    (a,), (b,) = (f.inputs, f.outputs)
    return of(f >> copy(b.space)) == of(copy(a.space) >> (f @ f))


def reading_is_functorial(f: Diagram, g: Diagram, h: Diagram) -> bool:
    """`of(f >> g) == of(f) >> of(g)` and `of(f @ h) == of(f) @ of(h)`, for channels."""
    return of(then(f, g)) == of(f) >> of(g) and of(beside(f, h)) == of(f) @ of(h)


def inverse_inverts(f: Kernel, prior: Row) -> bool:
    """`prior >> copy >> (id @ f)` equals `(prior >> f) >> copy >> (inverse @ id)`: one joint distribution, two readings."""
    rows, back = dict(f.rows), dict(inverse(f, prior).rows)
    forward = {(x, y): p * q for x, p in prior for y, q in rows[x]}
    backward = {(x, y): p * q for y, p in push(prior, f) for x, q in back[y]}
    return forward == backward


def inversion_is_contravariant(f: Kernel, g: Kernel, prior: Row) -> bool:
    """The inverse of `f >> g` is the inverse of `g` (at the pushed prior), then the inverse of `f`."""
    return agree(inverse(f >> g, prior), inverse(g, push(prior, f)) >> inverse(f, prior))


def sampling_is_functorial(state: Diagram, f: Diagram, uniforms: tuple[Sequence[float], Sequence[float]]) -> bool:
    """Playing `state >> f` is playing `state` and then `f` on what came out, with the same randomness.

    state: one draw of a label or truth value, without inputs; f: one draw on one such wire. uniforms: those of the two draws, one for each run.
    """
    import numpy as np

    from opengames.sampled import Uniforms, simulate

    nothing, (one, two) = Program(), uniforms
    (middle,), (last,) = state.outputs, f.outputs
    given = {f"1.{middle.name}": Uniforms(np.asarray(one)), f"2.{last.name}": Uniforms(np.asarray(two))}
    whole = state >> f
    together = simulate(nothing, whole, runs=len(one), given=given)
    before = simulate(nothing, state, runs=len(one), given={middle.name: Uniforms(np.asarray(one))})
    truth = {"true": True, "false": False}
    values = [truth.get(label, label) for label in before.labels(middle.name)]
    after = [
        simulate(nothing, f, inputs={f.inputs[0].name: v}, given={last.name: Uniforms(np.asarray([u]))}).labels(last.name)[0]
        for v, u in zip(values, two, strict=True)
    ]
    return list(together.labels(whole.outputs[0].name)) == after
