"""Uniforms made ahead of their draws, which the compiler would otherwise compute again for everything that uses them.

A uniform does not depend on what happens, so making it early changes nothing. In a loop that runs in sequence,
a few to a round are made before the loop, and many at the beginning of each round, where they stay in the cache. What
would take too much memory is made where it is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from opengames.sampled import keys
from opengames.sampled.backend import jax, jnp
from opengames.sampled.draws import Site
from opengames.sampled.frame import Frame

#: How many uniforms may be made ahead at one place.
UNIFORMS = 1 << 26
#: Below this many, a single draw is made twice rather than leave it to the compiler.
FEW = 1 << 16
#: From this many to a round on, uniforms are made in the rounds of a loop that runs in sequence.
ROUND = 128
#: So many draws to a round have code of their own; more share it.
APART = 4


def uniforms_ahead(frame: Frame, sites: Iterable[Site]) -> Frame:
    """The frame of a whole diagram with the uniforms of the draws that are in no loop that runs in sequence."""
    return _made_ahead(frame, [s for s in sites if not s.in_sequence], False)


def uniforms_in_sequence(frame: Frame, variables: int) -> Frame:
    """The frame of a loop in sequence, with the uniforms of its draws that are not made in its rounds.

    variables: of the loop, if it is not written out; else 0, and all uniforms are made.
    """
    found = [s for s in _inside(frame) if not (variables and _is_made_in_rounds(frame, s, variables))]
    return _made_ahead(frame, found, True)


def uniforms_in_round(frame: Frame, position: Any) -> Frame:
    """The frame of one round, entered at `position`, with the uniforms that are made in rounds.

    They are made under a condition that always holds and that the compiler does not see through: what a condition gives
    is kept, and not computed again wherever it is used.
    """
    given = dict(frame.given)
    for rest, group in _groups(frame, _inside(frame)).items():
        if not _is_made_in_rounds(frame, group[0], 0):
            continue
        times = math.prod(rest)
        if len(group) * times > APART and len(group) > 1:
            found = _together([frame.keys[s.trail] for s in group], frame.loops, rest)
            given.update((s.trail, ("uniforms", found[k])) for k, s in enumerate(group))
            continue
        apart = len(rest) == 1 and times <= APART

        def make(i: Any, group: list[Site] = group, rest: tuple[int, ...] = rest, apart: bool = apart) -> Any:
            loops = (*frame.loops[:-1], i)
            pairs = [(frame.keys[s.trail], len(s.loops)) for s in group]
            if not apart:
                return [_uniforms(key, loops, rest, depth) for key, depth in pairs]
            return [[_at(key, loops, k, depth) for k in range(rest[0])] for key, depth in pairs]

        shapes = jax.eval_shape(make, position)
        nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)
        found = jax.lax.cond(position >= 0, make, lambda i, nothing=nothing: nothing, position)
        found = [jnp.stack(u) for u in found] if apart else found
        given.update((s.trail, ("uniforms", found[k])) for k, s in enumerate(group))
    return replace(frame, given=given)


def _inside(frame: Frame) -> list[Site]:
    start = frame.trail
    return [frame.sites[t] for t in frame.keys if t[: len(start)] == start]


def _is_made_in_rounds(frame: Frame, site: Site, variables: int) -> bool:
    """Whether the draw has its uniforms made in the rounds of the loop with so many more `variables`."""
    count = frame.lanes * math.prod(site.sizes[len(frame.loops) + variables :])
    return ROUND <= count <= UNIFORMS


def _groups(frame: Frame, sites: Iterable[Site]) -> dict[tuple[int, ...], list[Site]]:
    """The draws that nothing is supplied for, by the sizes of the loops that are still to come."""
    groups: dict[tuple[int, ...], list[Site]] = {}
    for site in sites:
        if site.trail not in frame.given:
            groups.setdefault(site.sizes[len(frame.loops) :], []).append(site)
    return groups


def _made_ahead(frame: Frame, sites: list[Site], in_sequence: bool) -> Frame:
    """Draws with the same loops are made by one small loop over draws: the cipher is compiled once for all.

    Where there are many, each is made on its own, so that its axes lie as the loop around it wants them; a
    loop that runs in sequence keeps the compiler from making them again.
    """
    given, left = dict(frame.given), UNIFORMS
    for rest, group in _groups(frame, sites).items():
        count = frame.lanes * math.prod(rest)
        left -= count * len(group)
        if left < 0:
            continue
        found: Any = None
        if count <= FEW or (len(group) > 1 and not in_sequence):
            found = _together([frame.keys[s.trail] for s in group], frame.loops, rest)
        elif in_sequence:
            found = [_uniforms(frame.keys[s.trail], frame.loops, rest, len(s.loops)) for s in group]
        if found is not None:
            given.update((s.trail, ("uniforms", found[k])) for k, s in enumerate(group))
    return replace(frame, given=given)


def _together(pairs: list[keys.Key], loops: tuple[Any, ...], rest: tuple[int, ...]) -> Any:
    """The uniforms of several draws, one after another; a single one is made twice, as a loop of one would be undone."""
    made = pairs if len(pairs) > 1 else pairs * 2
    stacked = (jnp.stack([a for a, _ in made]), jnp.stack([b for _, b in made]))

    def one(state: None, key: Any) -> tuple[None, Any]:
        return state, _uniforms(key, loops, rest, len(loops) + len(rest))

    return jax.lax.scan(one, None, stacked)[1]


def _uniforms(key: keys.Key, loops: tuple[Any, ...], rest: tuple[int, ...], depth: int) -> Any:
    """The uniforms of a draw over the loops that are still to come, one axis each."""
    if not rest:
        return keys.uniform(key, loops)

    return jax.vmap(lambda i: _uniforms(_entered(key, loops, i, depth), (*loops, i), rest[1:], depth))(jnp.arange(rest[0]))


def _entered(key: keys.Key, loops: tuple[Any, ...], i: Any, depth: int) -> keys.Key:
    """The key at position `i` of the next loop."""
    return keys.fold(key, i) if len(loops) < depth - 2 else key


def _at(key: keys.Key, loops: tuple[Any, ...], i: Any, depth: int) -> Any:
    """The uniform at position `i` of the last loop."""
    return keys.uniform(_entered(key, loops, i, depth), (*loops, i))
