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
    """The frame of a whole diagram with the uniforms of the draws that are in no loop that runs in sequence.

    Draws with the same loops are made by one small loop over draws: the block cipher is compiled once for all.
    """
    groups: dict[tuple[int, ...], list[Site]] = {}
    for site in sites:
        if site.trail not in frame.given and not site.in_sequence:
            groups.setdefault(site.sizes, []).append(site)
    given = dict(frame.given)
    for sizes, group in groups.items():
        count = frame.lanes * math.prod(sizes)
        if count * len(group) > UNIFORMS or (len(group) == 1 and count > FEW):
            continue
        made = group if len(group) > 1 else group * 2
        pairs = [frame.keys[s.trail] for s in made]
        stacked = (jnp.stack([a for a, _ in pairs]), jnp.stack([b for _, b in pairs]))

        def one(state: None, key: Any, sizes: tuple[int, ...] = sizes) -> tuple[None, Any]:
            return state, _uniforms(key, (), sizes, len(sizes))

        _, found = jax.lax.scan(one, None, stacked)
        given.update((s.trail, ("uniforms", found[k])) for k, s in enumerate(group))
    return replace(frame, given=given)


def uniforms_in_sequence(frame: Frame) -> Frame:
    """The frame of a body that runs in sequence, with the uniforms of its draws made beforehand.

    They do not depend on what happens, and inside the loop the compiler would compute a block again for
    everything that uses its outcome.
    """
    given = dict(frame.given)
    left = UNIFORMS
    for trail, key in frame.keys.items():
        site = frame.sites[trail]
        if trail[: len(frame.trail)] != frame.trail or trail in given:
            continue
        rest = site.sizes[len(frame.loops) :]
        left -= frame.lanes * math.prod(rest)
        if left >= 0:
            given[trail] = ("uniforms", _uniforms(key, frame.loops, rest, len(site.loops)))
    return replace(frame, given=given)


def _uniforms(key: keys.Key, loops: tuple[Any, ...], rest: tuple[int, ...], depth: int) -> Any:
    """The uniforms of a draw over the loops that are still to come, one axis each."""
    if not rest:
        return keys.uniform(key, loops)

    def one(i: Any) -> Any:
        inner = keys.fold(key, i) if len(loops) < depth - 2 else key
        return _uniforms(inner, (*loops, i), rest[1:], depth)

    return jax.vmap(one)(jnp.arange(rest[0]))
