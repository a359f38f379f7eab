"""Where a claim stands in the tree: its clique, and which of the clique's entries belong to which case.

A claim is a partition of the worlds where `given` happens: for an event, it happens or it does not; for a variable, one
case for each value. If its variables stand together in a clique, nothing changes; otherwise the tree grows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from math import inf, log, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opengames.diagnostics import Refusal, refuse
from opengames.solvers.junction.tree import TooWide
from opengames.solvers.market.beliefs import Beliefs
from opengames.solvers.market.events import ALWAYS, AtLeast, Event, Is, Not, all_of, variables_of, with_values
from opengames.solvers.market.fitting import LARGEST, Counter, Fitted, fit, is_counter
from opengames.solvers.market.growing import grown, rooted
from opengames.solvers.market.layout import Layout, Numbers, Scope, aligned, keep
from opengames.solvers.market.state import Frame, State

_TRIES = 24
_CLAIMS = 20_000


@dataclass(frozen=True)
class Claim:
    """cases: exclusive events, one of which happens if `given` does."""

    cases: tuple[Event, ...]
    given: Event | None = None

    @property
    def event(self) -> Event:
        return self.cases[0]

    @property
    def shown(self) -> str:
        return self.event.shown if self.given is None else f"{self.event.shown} | {self.given.shown}"


def on_event(event: Event, given: Event | None = None) -> Claim:
    """An event or its contrary."""
    return Claim((event, event.part if isinstance(event, Not) else Not(event)), given)


def on_variable(variable: str, values: Sequence[Any], given: Event | None = None) -> Claim:
    """A variable: one case for each of its values."""
    return Claim(tuple(Is(variable, (v,)) for v in values), given)


@dataclass(frozen=True, eq=False)
class Placed:
    """A claim in a tree. codes: over `scope`, 0 where `given` fails, else the number of the case, from 1.

    frame: the one that the state has, or the one it must grow to; prior: then the opening factors on that.
    """

    claim: Claim
    frame: Frame
    prior: Mapping[Scope, Numbers]
    clique: int
    scope: Scope
    codes: NDArray[np.intp]

    @property
    def layout(self) -> Layout:
        return self.frame.layout

    @cached_property
    def entries(self) -> NDArray[np.intp]:
        """The code of each entry of the clique."""
        placed = aligned(self.scope, self.codes, self.layout.tree.cliques[self.clique])
        return np.ascontiguousarray(np.broadcast_to(placed, self.layout.tree.shapes[self.clique]))

    @cached_property
    def indicator(self) -> Numbers:
        """One row for each entry, one column for each code."""
        return (self.entries.reshape(-1, 1) == np.arange(len(self.claim.cases) + 1)).astype(float)

    @cached_property
    def possible(self) -> tuple[bool, ...]:
        """Whether each code occurs in a possible world."""
        support = self.layout.support[self.clique]
        codes = self.entries if support is None else self.entries[support]
        there = set(np.unique(codes).tolist())
        return tuple(k in there for k in range(len(self.claim.cases) + 1))

    def logs(self, beliefs: Beliefs) -> list[float]:
        """The logarithm of the chance of each code, up to a constant; minus infinity exactly where it cannot happen."""
        table = beliefs.at(self.clique).ravel()
        top = float(table.max())
        found = []
        for k, mass in enumerate((np.exp(table - top) @ self.indicator).tolist()):
            if mass > 1e-200:
                found.append(log(mass) + top)
            elif self.possible[k]:  # so unlikely beside the rest that its exponentials vanish
                found.append(float(np.logaddexp.reduce(table[self.entries.ravel() == k])))
            else:
                found.append(-inf)
        return found


def place(state: State, claim: Claim) -> Placed:
    """The claim in the state's tree, or in one grown for it. Raises `Refusal` (`over-budget`)."""
    claims = state.frame.layout.claims
    known = claims.get(claim)
    if known is not None:
        return known
    try:
        found = _place(state, claim)
    except TooWide as wide:
        raise _too_wide(state, claim, wide) from None
    if found.frame is state.frame:
        keep(claims, claim, found, _CLAIMS)
    return found


def moved_to(state: State, placed: Placed) -> State:
    """The state on the tree that a claim needs."""
    return state if placed.frame is state.frame else rooted(state, placed.frame, placed.prior, state.traded)


@dataclass(frozen=True, eq=False)
class Coded:
    """A claim over its scope, wherever that may stand. codes: as in `Placed`. counters: that the tree does not have yet."""

    claim: Claim
    scope: Scope
    codes: NDArray[np.intp]
    fits: tuple[Fitted, ...]

    @property
    def counters(self) -> tuple[Counter, ...]:
        return tuple({c.name: c for f in self.fits for c in f.counters}.values())


def coded(state: State, claim: Claim) -> Coded:
    """Which combinations of its variables belong to which case of a claim. Raises `TooWide`, and other `Refusal`s."""
    frame = state.frame
    for name in mentioned(claim):
        if name not in frame.values and name not in frame.settled:
            raise unknown_event(state, name)
    if not frame.tree.cliques:
        raise settled_all(claim)
    fits = _fits(state, claim)
    counters = {c.name: c for f in fits for c in f.counters}
    new = {n: len(frame.order) + k for k, n in enumerate(counters)}
    scope = tuple(sorted({n for f in fits for n in f.scope}, key=lambda n: frame.order.get(n, new.get(n, 0))))
    shape = [len(counters[n].values) if n in counters else len(frame.values[n]) for n in scope]
    if prod(shape) > LARGEST:
        raise TooWide(prod(shape), LARGEST)
    truth = [np.broadcast_to(aligned(f.scope, f.truth, scope), shape) for f in fits]
    codes = np.zeros(shape, dtype=np.intp)
    for k, each in enumerate(truth[1:], 1):
        codes[each & truth[0]] = k
    return Coded(claim, scope, codes, tuple(fits))


def home(frame: Frame, scope: Scope) -> int | None:
    """The clique of a frame's tree that holds a scope, if there is one."""
    return frame.tree.home(scope) if all(n in frame.tree.size for n in scope) else None


def _place(state: State, claim: Claim) -> Placed:
    found, frame = coded(state, claim), state.frame
    clique = home(frame, found.scope)
    if clique is not None:
        return Placed(claim, frame, state.prior, clique, found.scope, found.codes)
    made, prior = grown(state, found.scope, found.counters, dict(c for f in found.fits for c in f.chains))
    clique = made.tree.home(found.scope)
    assert clique is not None
    return Placed(claim, made, prior, clique, found.scope, found.codes)


def _fits(state: State, claim: Claim) -> list[Fitted]:
    frame = state.frame
    given = ALWAYS if claim.given is None else with_values(claim.given, frame.settled, frame.values)
    cases = [with_values(c, frame.settled, frame.values) for c in claim.cases]
    found = [fit(given, frame)]
    if len(cases) == 2 and claim.cases == on_event(claim.cases[0]).cases:
        first = fit(cases[0], frame)
        return [*found, first, Fitted(first.scope, ~first.truth, first.counters, first.chains)]
    return [*found, *(fit(c, frame) for c in cases)]


def unknown_event(state: State, name: str) -> Refusal:
    """The refusal of a variable that the market does not have."""
    names = [n for n in (*state.frame.variables, *state.frame.settled) if not is_counter(n)]
    close = get_close_matches(name, names, 1, 0.5)
    listed = ", ".join(f"`{n}`" for n in names[:8]) + (", ..." if len(names) > 8 else "")
    return refuse(
        "unknown-event", f"there is no variable `{name}` in this market", notes=(f"there are {listed}",) if names else (),
        help=f"did you mean `{close[0]}`?" if close else "",
    )  # fmt: skip


def settled_all(claim: Claim) -> Refusal:
    return refuse("resolved-event", f"`{claim.shown}` cannot be traded: every event of this market has been resolved")


# ------------------------------------------------------------------------------- what fits instead


def _too_wide(state: State, claim: Claim, wide: TooWide) -> Refusal:
    """The refusal of a claim for which the tree would be too large, with the largest part of it that fits."""
    tree = state.tree
    notes = (
        f"its tables would take more than {wide.limit} entries, which is the limit",
        f"the tree now: width {tree.width}, {tree.cells} entries",
    )
    other = _largest_fitting(state, claim)
    return refuse(
        "over-budget", f"`{claim.shown}` joins variables that are too far apart", notes=notes,
        help=f"`{other.shown}` fits" if other is not None else "trade on fewer variables at once, or allow more entries",
    )  # fmt: skip


def _largest_fitting(state: State, claim: Claim) -> Claim | None:
    """The claim with as few parts of its condition, and then of its event, left out as will fit."""
    return next((smaller for smaller in _smaller(claim)[:_TRIES] if _fits_in(state, smaller)), None)


def _smaller(claim: Claim) -> list[Claim]:
    found: list[Claim] = []
    event, given = claim.event, claim.given
    parts = _parts(given) if given is not None else ()
    for left in range(len(parts) - 1, 0, -1):
        found.extend(on_event(event, all_of(*parts[s : s + left])) for s in range(len(parts) - left + 1))
    if given is not None:
        found.append(on_event(event))
    if isinstance(event, AtLeast) and event.count in (1, len(event.parts)):
        several = event.parts
        for left in range(len(several) - 1, 0, -1):
            kept = several[:left]
            shorter = kept[0] if left == 1 else AtLeast(1 if event.count == 1 else left, kept)
            found.append(on_event(shorter))
    return found


def _parts(event: Event) -> tuple[Event, ...]:
    return event.parts if isinstance(event, AtLeast) and event.count == len(event.parts) else (event,)


def _fits_in(state: State, claim: Claim) -> bool:
    try:
        _place(state, claim)
    except Refusal:
        return False
    return True


def mentioned(claim: Claim) -> tuple[str, ...]:
    """The variables that a claim is about."""
    both = (*claim.cases, claim.given) if claim.given is not None else claim.cases
    return tuple(dict.fromkeys(n for e in both for n in variables_of(e) if not is_counter(n)))


__all__ = ["Claim", "Coded", "Placed", "coded", "home", "mentioned", "moved_to", "on_event", "on_variable", "place", "settled_all", "unknown_event"]
