"""What can go wrong inside a compiled program, and where.

A program cannot stop at a division by zero, so every place where something can go wrong keeps a flag. The quick
program only says whether any flag went up in a run. If one did, the program is built again so that it gives
every flag with its loop indices, that run is repeated, and the first fault in the order of the text is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from opengames import plain
from opengames.diagnostics import Refusal, refuse
from opengames.sampled.backend import jnp
from opengames.sampled.values import both, either, is_true_or_false
from opengames.show import show
from opengames.spaces import Space, points
from opengames.spans import Span
from opengames.terms import Optimum


@dataclass(frozen=True)
class Site:
    """A place where something can go wrong. place: the path of the wire being computed. optimum: that was not found there."""

    code: str
    headline: str
    span: Span | None
    place: str
    help: str = ""
    optimum: Optimum | None = None


@dataclass(frozen=True)
class Flag:
    """trail: where in the order of the program, outermost first; `None` stands for a loop's position.

    loops: (name, space, position) around the site; the position is `None` where it is an axis of `up`.
    """

    site: Site
    trail: tuple[int | None, ...]
    loops: tuple[tuple[str, Space, int | None], ...]
    up: Any


@dataclass
class Faults:
    """The flags of the scope being traced, under the condition that its code is reached at all."""

    diagnose: bool
    flags: list[Flag] = field(default_factory=list)
    guards: list[Any] = field(default_factory=list)

    def note(self, site: Site, up: Any) -> None:
        """`site` went wrong where `up`."""
        for guard in self.guards:
            up = both(up, guard)
        if not (is_true_or_false(up) and not up):
            self.flags.append(Flag(site, (len(self.flags),), (), up))

    def fresh(self) -> Faults:
        """For the body of a loop. Guards stay: they are captured from outside."""
        return Faults(self.diagnose, [], list(self.guards))

    def arrays(self) -> tuple[Any, ...]:
        """The flags as what a loop's body returns: one for all, or all of them."""
        if not self.flags:
            return ()
        ups = [jnp.asarray(f.up, bool) for f in self.flags]
        if self.diagnose:
            return tuple(ups)
        return (any_of(ups),)

    def adopt(self, inner: Faults, arrays: tuple[Any, ...], loop: tuple[tuple[str, Space, int | None], ...]) -> None:
        """Take over the flags of a loop's body; `arrays` carry one leading axis for each open position of `loop`."""
        if not inner.flags:
            return
        if not self.diagnose:
            self.flags.append(replace(inner.flags[0], up=jnp.any(arrays[0])))
            return
        start = len(self.flags)
        steps = tuple(i for _, _, i in loop)
        for flag, up in zip(inner.flags, arrays, strict=True):
            self.flags.append(Flag(flag.site, (start, *steps, *flag.trail), loop + flag.loops, up))

    def any(self) -> Any:
        return any_of([f.up for f in self.flags])


def any_of(ups: list[Any]) -> Any:
    found: Any = False
    for up in ups:
        found = either(found, jnp.any(up) if jnp.ndim(up) else up)
    return jnp.asarray(found, bool)


Tell = Callable[[Flag, tuple[int, ...]], tuple[str, ...] | Refusal]
"""Further notes on a fault, or a refusal that says more, by its flag and its positions in the loops around."""


def first(flags: list[Flag], ups: list[Any], run: int, tell: Tell = lambda flag, steps: ()) -> Refusal | None:
    """The first fault of a run, as the refusal to raise."""
    best: tuple[tuple[int, ...], Flag, list[int]] | None = None
    for flag, up in zip(flags, ups, strict=True):
        where = np.argwhere(np.asarray(up))
        if not len(where):
            continue
        axes = [int(i) for i in where[0]]
        rest = iter(axes)
        order = tuple(next(rest, 0) if t is None else t for t in flag.trail)
        if best is None or order < best[0]:
            best = (order, flag, axes)
    return None if best is None else _refusal(best[1], best[2], run, tell)


def _refusal(flag: Flag, axes: list[int], run: int, tell: Tell) -> Refusal:
    rest = iter(axes)
    steps = tuple(next(rest, 0) if fixed is None else fixed for _, _, fixed in flag.loops)
    around = [f"{name} = {_point(space, i)}" for (name, space, _), i in zip(flag.loops, steps, strict=True)]
    site = flag.site
    where = f"in run {run}" + (f", at {', '.join(around)}" if around else "")
    told = tell(flag, steps)
    if isinstance(told, Refusal):
        head, *more = told.diagnostics
        return Refusal(plain.replace(head, notes=(*head.notes, where)), *more)
    notes = (f"computing `{site.place}`, {where}",) if site.place else (where,)
    return refuse(site.code, site.headline, span=site.span, notes=notes + told, help=site.help)


def _point(space: Space, i: int) -> str:
    for k, value in enumerate(points(space)):
        if k == i:
            return show(value, space)
    return str(i)

