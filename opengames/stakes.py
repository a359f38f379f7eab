"""A Dutch book in words: what to buy and sell, what it brings now, and what it brings in every world.

A claim of the form "no stakes win in every world" is recognised by its shape,
`exists stake in real $[Ticket]: forall w in World: sum(stake[k] * (pays(k, w) - price[k]) for k in Ticket) > 0 $`, and only what was
checked exactly is said.

Source: de Finetti, La prevision (1937); the arbitrage theorem.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from opengames.cases import Assignment, parts, written
from opengames.evaluate import compile_term
from opengames.program import Fun, Program
from opengames.show import digits, number, show
from opengames.spaces import Family, Reals, Space, index_points, index_size
from opengames.terms import At, Const, Fold, Prim, Term, Var, free

WORLDS = 100_000
"""Worlds in which a book is checked."""


@dataclass(frozen=True, slots=True)
class Book:
    """lines: sentences. name, stakes: the stakes as `.game` text."""

    lines: tuple[str, ...]
    name: str
    stakes: str


@dataclass(frozen=True, slots=True)
class _Shape:
    stake: str
    space: Family
    ticket: str
    worlds: tuple[tuple[str, Space], ...]
    pays: Term
    price: Term


def dutch_book(program: Program, term: Term, witness: Assignment, params: Mapping[str, Any]) -> Book | None:
    """The book that a witness is, if the claim is one about stakes; in words and with round amounts."""
    shape = next(_shapes(term), None)
    found = None if shape is None else next((v for n, v, s in witness if n == written(shape.stake)), None)
    if shape is None or found is None or len(witness) > 1 or index_size(tuple(s for _, s in shape.worlds)) > WORLDS:
        return None
    return _told(shape, tuple(found), _Market(shape, program.funs, params))


class _Market:
    """Prices, and what tickets pay in each world."""

    def __init__(self, shape: _Shape, funs: Mapping[str, Fun], params: Mapping[str, Any]) -> None:
        self.keys = [k for (k,) in index_points(shape.space.index)]
        price = compile_term(shape.price, funs, params)
        self.price = [Fraction(price({shape.ticket: k})) for k in self.keys]
        pays = compile_term(shape.pays, funs, params)
        names = [n for n, _ in shape.worlds]
        self.pays: list[list[Fraction]] = []
        for world in index_points(tuple(s for _, s in shape.worlds)):
            known = dict(zip(names, world, strict=True))
            self.pays.append([Fraction(pays({**known, shape.ticket: k})) for k in self.keys])

    def cost(self, stakes: tuple[Fraction, ...]) -> Fraction:
        """What the stakes cost now."""
        return sum((s * p for s, p in zip(stakes, self.price, strict=True)), Fraction(0))

    def payouts(self, stakes: tuple[Fraction, ...]) -> list[Fraction]:
        """What they pay in each world."""
        return [sum((s * p for s, p in zip(stakes, row, strict=True)), Fraction(0)) for row in self.pays]


def _told(shape: _Shape, stakes: tuple[Fraction, ...], market: _Market) -> Book | None:
    item = shape.space.item
    how = item.shown if isinstance(item, Reals) else None
    scale = how.scale if how else Fraction(1)
    if min(market.payouts(stakes)) <= market.cost(stakes):
        return None
    while min(market.payouts(stakes)) - market.cost(stakes) < scale / 10:
        stakes = tuple(10 * s for s in stakes)
    cost, payouts = market.cost(stakes), market.payouts(stakes)
    index = shape.space.index[0]
    deals = []
    for k, s, p in zip(market.keys, stakes, market.price, strict=True):
        if s:
            word = "buy" if s > 0 else "sell"
            deals.append(f"{word} {digits(abs(s) / scale)} {show(k, index)} at {digits(100 * p)}%")
    lines = [", ".join(deals), _outcome(cost, payouts, how)]
    equation = _equation(market, stakes, payouts, index)
    return Book((*lines, *([equation] if equation else [])), written(shape.stake), show(stakes, shape.space))


def _outcome(cost: Fraction, payouts: list[Fraction], how: Any) -> str:
    def money(x: Fraction) -> str:
        return _cents(x, how)

    every = f"every one of the {len(payouts):,} worlds" if len(payouts) > 1 else "the only world"
    least, most = min(payouts), max(payouts)
    now = f"collects {money(-cost)} now" if cost <= 0 else f"costs {money(cost)} now"
    if most <= 0:
        return f"{now} and pays {'' if least == most else 'at most '}{money(-least)} in {every}"
    return f"{now} and brings {'' if least == most else 'at least '}{money(least)} in {every}"


def _equation(market: _Market, stakes: tuple[Fraction, ...], payouts: list[Fraction], index: Space) -> str:
    """What the prices must satisfy and do not, where the stakes pay the same in every world."""
    sizes = {abs(s) for s in stakes if s}
    if len(set(payouts)) > 1 or len(sizes) != 1:
        return ""
    unit = sizes.pop()
    sides: dict[bool, list[tuple[str, Fraction]]] = {True: [], False: []}
    for k, s, p in zip(market.keys, stakes, market.price, strict=True):
        if s:
            sides[s > 0].append((show(k, index), p))
    rest = payouts[0] / unit
    left, right = (sides[side] for side in (False, True))
    if not left or not right:
        left, right = left or right, []
        rest = abs(rest)
    a = sum((p for _, p in left), Fraction(0)) + (rest if right else 0)
    b = sum((p for _, p in right), Fraction(0)) if right else rest
    said = " + ".join(n for n, _ in left) + (f" + {digits(rest)}" if right and rest else "")
    other = " + ".join(n for n, _ in right) if right else digits(rest)
    return f"{said} must equal {other}: {digits(100 * a)} % is not {digits(100 * b)} %"


def _cents(x: Fraction, how: Any) -> str:
    """Money as it is written: `0.50 $`."""
    scaled = x / how.scale if how else x
    if how is not None and how.unit == "$" and scaled.denominator != 1 and (100 * scaled).denominator == 1:
        return f"{float(scaled):.2f} $"
    return number(x, how)


def _shapes(term: Term) -> Iterator[_Shape]:
    for each in parts(term):
        match each:
            case Fold(
                op="or",
                iters=((stake, Family(index=(_,), item=Reals()) as space),),
                where=None,
                body=Fold(
                    op="and",
                    iters=worlds,
                    where=None,
                    body=Prim(
                        op=">",
                        args=(
                            Fold(
                                op="sum",
                                iters=((ticket, _),),
                                where=None,
                                body=Prim(op="*", args=(At(family=Var(name=staked), keys=(Var(name=key),)), gain)),
                            ),
                            Const(value=zero),
                        ),
                    ),
                ),
            ) if staked == stake and key == ticket and zero == 0:
                if not isinstance(gain, Prim) or gain.op != "-":
                    continue
                pays, price = gain.args
                names = {n for n, _ in worlds}
                if free(price) <= {ticket} and free(pays) <= names | {ticket}:
                    yield _Shape(stake, space, ticket, worlds, pays, price)


__all__ = ["Book", "dutch_book"]
