"""Certificates checked: whether a distribution agrees with quotes, and whether stakes win in every world.

This shares no code with what finds certificates. There, worlds are columns of arrays and numbers come from linear
programs; here a set of worlds is one long integer with a bit for each world, events are made of such integers by
`&` and `|`, and all numbers are fractions. What is looked at is the definition:

* Layers of distributions agree with a quote if in the first layer that gives its condition a chance, the bid is at
  most, and the ask at least, what the ticket pays there in expectation, given the condition; each layer is on worlds
  that are possible. Then nobody wins for certain: among the bets that somebody placed take those whose conditions
  have a chance in the earliest layer; under that layer nobody expects to win, and some bet is on.
* Stakes win if in every possible world in which at least one of the bets placed is on, the gains add up to more than 0.

Where the variables of the stakes have too many combinations to list, z3 is asked for a world in which they do not win.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import lcm
from typing import Any

from opengames.evaluate import compile_term
from opengames.solvers.coherence.quotes import Quote
from opengames.solvers.coherence.worlds import Worlds
from opengames.spaces import is_finite, points
from opengames.terms import Const, Prim, Term, Var, free

BITS = 1 << 22
"""Combinations of values up to which sets of worlds are written out."""

_TABLE = 1 << 16
_FULL = 1 << 12

World = tuple[tuple[str, Any], ...]
Layer = Sequence[tuple[World, Fraction]]


class NotACertificate(Exception):
    """What was to be a certificate is none; the text says where it fails."""


@dataclass(frozen=True)
class Wins:
    """What stakes do: the least and the largest gain, in how many worlds a bet is on, and of how many.

    worlds: combinations of the variables that matter; `None` where they were too many to count.
    """

    least: Fraction
    most: Fraction | None
    on: int | None
    worlds: int | None
    method: str = "every world listed"


def check_layers(worlds: Worlds, quotes: Sequence[Quote], layers: Sequence[Layer]) -> None:
    """Nothing, if the layers show that the quotes are coherent. Raises `NotACertificate`."""
    for number, layer in enumerate(layers):
        if any(chance <= 0 for _, chance in layer) or sum(chance for _, chance in layer) != 1:
            raise NotACertificate(f"layer {number} is no distribution")
        for world, _ in layer:
            if not possible(worlds, dict(world)):
                raise NotACertificate(f"layer {number} has a world that cannot happen: {world}")
    for q in quotes:
        _agrees(worlds, q, layers)


def _agrees(worlds: Worlds, q: Quote, layers: Sequence[Layer]) -> None:
    pays = compile_term(_term(q.event), worlds.program.funs, worlds.params)
    given = None if q.given is None else compile_term(_term(q.given), worlds.program.funs, worlds.params)
    for layer in layers:
        common = lcm(*(chance.denominator for _, chance in layer))
        weight, total = 0, 0
        for world, chance in layer:
            env = dict(world)
            if given is None or given(env):
                share = chance.numerator * (common // chance.denominator)
                weight += share
                paid = pays(env)
                if paid:
                    total += share if paid is True else share * paid
        if weight:
            if (q.bid is not None and total < q.bid * weight) or (q.ask is not None and total > q.ask * weight):
                raise NotACertificate(f"`{q.name}` is worth {Fraction(total) / weight} there")
            return
    raise NotACertificate(f"the condition of `{q.name}` has no chance in any layer")


def possible(worlds: Worlds, world: Mapping[str, Any]) -> bool:
    """Whether some world of these has these values."""
    spaces = worlds.spaces
    if any(value not in set(points(spaces[name])) for name, value in world.items()):
        return False
    if not all(compile_term(t, worlds.program.funs, worlds.params)(world) for t in worlds.such_that):
        return False
    if worlds.diagram is None:
        return True
    return _happens(worlds, world)


def _happens(worlds: Worlds, world: Mapping[str, Any]) -> bool:
    """Whether the channel can do this.

    Its boxes are asked, where the world tells what went into each of them; the others can always do something. Else
    the exact reading is.
    """
    from opengames.diagnostics import Refusal
    from opengames.diagram import Compute, Draw, binds, needs
    from opengames.exact import expectations

    diagram = worlds.diagram
    assert diagram is not None
    told = [b for b in diagram.boxes if any(port.name in world for port in binds(b))]
    if all(isinstance(b, Compute | Draw) and needs(b) <= world.keys() for b in told):
        return all(_may(worlds, b, world) for b in told)
    event: Term = Const(True)
    for name, value in world.items():
        event = Prim("and", (event, Prim("==", (Var(name), Const(value)))))
    try:
        (chance,) = expectations(
            worlds.program, diagram, (Prim("ind", (event,)),), (), worlds.params, number=Fraction
        )
    except Refusal as refusal:
        raise NotACertificate(f"whether {dict(world)} can happen is not known: {refusal}") from refusal
    return bool(chance)


def _may(worlds: Worlds, box: Any, world: Mapping[str, Any]) -> bool:
    from opengames.diagram import Compute

    value = world[box.out.name]
    if isinstance(box, Compute):
        return bool(compile_term(box.term, worlds.program.funs, worlds.params)(world) == value)
    pairs = compile_term(box.kernel, worlds.program.funs, worlds.params)(world)
    return any(v == value and chance for v, chance in pairs)


# --------------------------------------------------------------------------------------- stakes


def check_stakes(
    worlds: Worlds, stakes: Sequence[tuple[Quote, Fraction]], above: Fraction = Fraction(0)
) -> Wins:
    """What stakes win, if that is more than `above` wherever one of them is on. Raises `NotACertificate`.

    stakes: (quote, tickets): bought at the ask if positive, sold at the bid if negative.
    """
    placed = [(q, t, _paid(q, t)) for q, t in stakes if t]
    if not placed:
        raise NotACertificate("there are no stakes")
    names = _names(worlds, [t for q, _, _ in placed for t in (q.event, q.given) if t is not None])
    if worlds.count(names) > BITS or (worlds.diagram is not None and not _few(worlds) and _deep(worlds, names)):
        return _of_many(worlds, placed, above)
    if _few(worlds):
        names = tuple(n for n, _ in worlds.wires)
    return _listed(Sets(worlds, names), placed, above)


def _listed(sets: Sets, placed: Sequence[tuple[Quote, Fraction, Fraction]], above: Fraction) -> Wins:
    parts: list[tuple[int, Fraction, bool]] = [(sets.every, Fraction(0), False)]
    for q, tickets, cost in placed:
        on = sets.every if q.given is None else sets.where(_term(q.given))
        turns = [(m & on, (v - cost) * tickets) for m, v in sets.values(_term(q.event), on)]
        parts = list(_split(parts, turns, on))
    live = [(mask, gain) for mask, gain, is_on in parts if is_on]
    if not live:
        raise NotACertificate("every one of these bets is called off for certain")
    least, most = min(g for _, g in live), max(g for _, g in live)
    if least <= above:
        raise NotACertificate(f"in some world these stakes win {least}, which is not more than {above}")
    on_in = sum(mask.bit_count() for mask, _ in live)
    return Wins(least, most, on_in, sets.every.bit_count())


def dominates(
    worlds: Worlds, terms: Sequence[tuple[Term, Term | None, Fraction, Fraction]], where: Term | None = None,
) -> tuple[Fraction, Fraction]:  # fmt: skip
    """The least and the largest of a sum over all possible worlds (in which `where` holds).

    terms: (payoff, condition or `None`, price, tickets): adds tickets * (payoff - price) where the condition holds.
    Raises `NotACertificate` if there are too many worlds to list, or none.
    """
    mentioned = [t for payoff, given, _, _ in terms for t in (payoff, given) if t is not None]
    names = _names(worlds, mentioned + ([] if where is None else [where]))
    if worlds.count(names) > BITS:
        raise NotACertificate("there are too many worlds to list")
    sets = Sets(worlds, names)
    start = sets.every if where is None else sets.every & sets.where(where)
    parts = [(start, Fraction(0), False)]
    for payoff, given, cost, tickets in terms:
        on = sets.every if given is None else sets.where(given)
        turns = [(m & on, (v - cost) * tickets) for m, v in sets.values(payoff, on & start)]
        parts = list(_split(parts, turns, on))
    sums = [gain for mask, gain, _ in parts if mask]
    if not sums:
        raise NotACertificate("no world is left")
    return min(sums), max(sums)


def _split(
    parts: Iterable[tuple[int, Fraction, bool]], turns: Sequence[tuple[int, Fraction]], on: int
) -> Iterator[tuple[int, Fraction, bool]]:
    for mask, gain, is_on in parts:
        for turn, more in turns:
            if mask & turn:
                yield mask & turn, gain + more, True
        if mask & ~on:
            yield mask & ~on, gain, is_on


def _paid(q: Quote, tickets: Fraction) -> Fraction:
    found = q.ask if tickets > 0 else q.bid
    if found is None:
        raise NotACertificate(f"nobody {'sells' if tickets > 0 else 'buys'} `{q.name}`")
    return found


def _few(worlds: Worlds) -> bool:
    """Whether worlds can be told in full: then they are counted as such, not as what the stakes tell apart."""
    return all(is_finite(s) for _, s in worlds.wires) and worlds.count() <= _FULL


def _names(worlds: Worlds, terms: Sequence[Any]) -> tuple[str, ...]:
    wanted: frozenset[str] = frozenset().union(*(free(t) for t in (*terms, *worlds.such_that)))
    return tuple(n for n, _ in worlds.wires if n in wanted)


class Sets:
    """Sets of worlds as integers: bit i is world i, counted row-major over the variables `names`."""

    def __init__(self, worlds: Worlds, names: tuple[str, ...]) -> None:
        self.worlds, self.names = worlds, names
        spaces = worlds.spaces
        self.values_of = {n: tuple(points(spaces[n])) for n in names}
        self.whole = worlds.count(names)
        self.all = (1 << self.whole) - 1
        self._is: dict[str, dict[Any, int]] = {}
        stride = 1
        for name in reversed(names):
            many = len(self.values_of[name])
            repeat = self.all // ((1 << (stride * many)) - 1)
            block = (1 << stride) - 1
            self._is[name] = {v: (block << (i * stride)) * repeat for i, v in enumerate(self.values_of[name])}
            stride *= many
        self.every = self.all if worlds.diagram is None else self._support()
        for term in worlds.such_that:
            self.every &= self.where(term)

    def _support(self) -> int:
        from opengames.exact import distribution
        from opengames.terms import Pack

        assert self.worlds.diagram is not None
        pairs = distribution(
            self.worlds.program, self.worlds.diagram, Pack(tuple(Var(n) for n in self.names)), (), self.worlds.params
        )
        found = 0
        for world, chance in pairs:
            if chance:
                mask = self.all
                for name, value in zip(self.names, world, strict=True):
                    mask &= self._is[name][value]
                found |= mask
        return found

    def where(self, term: Term) -> int:
        """The worlds in which a boolean term holds."""
        match term:
            case Const(value=value):
                return self.all if value else 0
            case Var(name=name) if True in self._is[name]:
                return self._is[name][True]
            case Prim(op="and", args=(a, b)):
                return self.where(a) & self.where(b)
            case Prim(op="or", args=(a, b)):
                return self.where(a) | self.where(b)
            case Prim(op="implies", args=(a, b)):
                return (self.all ^ self.where(a)) | self.where(b)
            case Prim(op="not", args=(a,)):
                return self.all ^ self.where(a)
        return next((mask for mask, v in self._table(term, self.every) if v is True), 0)

    def where_possible(self, term: Term) -> int:
        """The possible worlds in which a boolean term holds."""
        return self.where(term) & self.every

    def values(self, term: Term, within: int) -> list[tuple[int, Fraction]]:
        """(worlds, value) for each value of a term; a boolean counts 1 where it holds."""
        if _is_event(term):
            yes = self.where(term)
            return [(yes, Fraction(1)), (self.all ^ yes, Fraction(0))]
        return [(mask, Fraction(v)) for mask, v in self._table(term, self.every & within)]

    def _table(self, term: Term, within: int) -> list[tuple[int, Any]]:
        run = compile_term(term, self.worlds.program.funs, self.worlds.params)
        names = sorted(free(term))
        found: dict[Any, int] = {}
        if self._many(names) <= _TABLE:
            for values in product(*(self.values_of[n] for n in names)):
                mask = within
                for name, value in zip(names, values, strict=True):
                    mask &= self._is[name][value]
                if mask:
                    v = run(dict(zip(names, values, strict=True)))
                    found[v] = found.get(v, 0) | mask
            return [(mask, v) for v, mask in found.items()]
        for place in _ones(within):
            v = run(self._world(place))
            found[v] = found.get(v, 0) | 1 << place
        return [(mask, v) for v, mask in found.items()]

    def _many(self, names: Sequence[str]) -> int:
        total = 1
        for n in names:
            total *= len(self.values_of[n])
        return total

    def _world(self, place: int) -> dict[str, Any]:
        world = {}
        for name in reversed(self.names):
            place, at = divmod(place, len(self.values_of[name]))
            world[name] = self.values_of[name][at]
        return world


def _ones(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _is_event(term: Term) -> bool:
    return isinstance(term, Prim) and term.op in ("and", "or", "not", "implies")


def _term(event: Any) -> Term:
    if isinstance(event, str):
        raise TypeError(f"the event `{event}` is still text: read it with `Worlds.read`")
    return event


def _deep(worlds: Worlds, names: tuple[str, ...]) -> bool:
    """Whether the exact reading cannot list what these wires of the channel can be."""
    from opengames.diagnostics import Refusal

    try:
        Sets(worlds, names)
    except Refusal:
        return True
    return False


def _of_many(worlds: Worlds, placed: Sequence[tuple[Quote, Fraction, Fraction]], above: Fraction) -> Wins:
    """The same of worlds that are too many to list.

    First with only those constraints that speak of nothing but the variables of the stakes: what wins in more worlds
    than there are wins in all of them. Then by z3.
    """
    from opengames.solvers.coherence.witness import refute

    mine = frozenset().union(*(free(t) for q, _, _ in placed for t in (q.event, q.given) if t is not None))  # type: ignore[arg-type]
    fewer = replace(worlds, such_that=tuple(t for t in worlds.such_that if free(t) <= mine), channel=None)
    names = tuple(n for n, _ in worlds.wires if n in mine)
    if fewer.count(names) <= BITS:
        try:
            found = _listed(Sets(fewer, names), placed, above)
            return Wins(found.least, found.most, None, None, "their variables listed")
        except NotACertificate:
            pass
    return refute(worlds, placed, above)


def check_bound(
    worlds: Worlds, quotes: Sequence[Quote], target: Quote, side: int,
    hedge: Sequence[tuple[Quote, Fraction]], guard: Sequence[tuple[Quote, Fraction]], layers: Sequence[Layer],
) -> None:  # fmt: skip
    """Nothing, if the price of `target` is the least (side 1) or the largest (side -1) that agrees with the quotes.

    It agrees, by `layers`. And a lower (higher) one does not: a ticket bought (sold) there and the stakes `hedge`
    together win wherever the ticket is on; and `guard`, a little of it, makes them win where it is not.
    Raises `NotACertificate`.
    """
    check_layers(worlds, [*quotes, target], layers)
    assert target.ask is not None
    bets = [(_term(q.event), q.given, _paid(q, t), t) for q, t in hedge]
    own = (_term(target.event), target.given, target.ask, Fraction(side))
    own_and_hedge = [(q, t, _paid(q, t)) for q, t in hedge] + [(target, Fraction(side), target.ask)]
    every = [*(q for q, _, _ in own_and_hedge), *(q for q, _ in guard)]
    if not _listable(worlds, [t for q in every for t in (q.event, q.given) if t is not None]):
        _bound_of_many(worlds, target, own_and_hedge, guard)
        return
    least, _ = dominates(worlds, [*bets, own])  # type: ignore[list-item]
    if least < 0:
        raise NotACertificate(f"in some world the hedge of `{target.name}` loses {-least}")
    if target.given is None:
        return
    on: Term = Const(False)
    for q, _ in (*hedge, *guard):
        on = Prim("or", (on, Const(True) if q.given is None else _term(q.given)))
    off = Prim("and", (on, Prim("not", (_term(target.given),))))
    if not Sets(worlds, _names(worlds, [off])).where_possible(off):
        return
    more, _ = dominates(worlds, [(_term(q.event), q.given, _paid(q, t), t) for q, t in guard], off)  # type: ignore[misc]
    if more <= 0:
        raise NotACertificate(f"where `{target.name}` is called off, nothing makes its hedge win")


def _listable(worlds: Worlds, terms: Sequence[Any]) -> bool:
    names = _names(worlds, terms)
    return worlds.count(names) <= BITS and not (worlds.channel is not None and _deep(worlds, names))


def _bound_of_many(
    worlds: Worlds, target: Quote, staked: Sequence[tuple[Quote, Fraction, Fraction]], guard: Sequence[tuple[Quote, Fraction]]
) -> None:  # fmt: skip
    """The same by z3, of worlds that are too many to list."""
    from opengames.solvers.coherence.witness import none_below

    none_below(worlds, staked, True)
    if target.given is None:
        return
    on: Term = Const(False)
    for q in (*(q for q, _, _ in staked[:-1]), *(q for q, _ in guard)):
        on = Prim("or", (on, Const(True) if q.given is None else _term(q.given)))
    off = Prim("and", (on, Prim("not", (_term(target.given),))))
    none_below(worlds, [(q, t, _paid(q, t)) for q, t in guard], False, off)


__all__ = ["Layer", "NotACertificate", "Sets", "Wins", "World", "check_bound", "check_layers", "check_stakes", "dominates", "possible"]
