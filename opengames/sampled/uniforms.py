"""Uniforms made ahead of their draws, which the compiler would otherwise compute again for everything that uses them.

A uniform does not depend on what happens, so making it early changes nothing. What would take too much memory is
made where it is drawn.
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


def uniforms_ahead(frame: Frame, sites: Iterable[Site]) -> Frame:
    """The frame of a whole diagram with the uniforms of the draws that are in no loop that runs in sequence."""
    return _made_ahead(frame, [s for s in sites if not s.in_sequence], False)


def uniforms_in_sequence(frame: Frame) -> Frame:
    """The frame of a body that runs in sequence, with the uniforms of all its draws."""
    start = frame.trail
    return _made_ahead(frame, [frame.sites[t] for t in frame.keys if t[: len(start)] == start], True)


def _made_ahead(frame: Frame, sites: list[Site], in_sequence: bool) -> Frame:
    """Draws with the same loops are made by one small loop over draws: the cipher is compiled once for all.

    Where there are many, each is made on its own, so that its axes lie as the loop around it wants them; a
    loop that runs in sequence keeps the compiler from making them again.
    """
    groups: dict[tuple[int, ...], list[Site]] = {}
    for site in sites:
        if site.trail not in frame.given:
            groups.setdefault(site.sizes[len(frame.loops) :], []).append(site)
    given, left = dict(frame.given), UNIFORMS
    for rest, group in groups.items():
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

    def one(i: Any) -> Any:
        inner = keys.fold(key, i) if len(loops) < depth - 2 else key
        return _uniforms(inner, (*loops, i), rest[1:], depth)

    return jax.vmap(one)(jnp.arange(rest[0]))
