"""Finite kernels: the exact reading of a finite channel as a matrix of chances, and its Bayesian inverse.

A `Kernel` from X to Y gives each point of X a distribution on Y, in exact rationals. `of` is a functor from
diagrams: `of(f >> g) == of(f) >> of(g)` and `of(f @ g) == of(f) @ of(g)`.

Source: Fritz, A synthetic approach to Markov kernels (2020), for the category; Cho and Jacobs,
Disintegration and Bayesian inversion via string diagrams (2019), for inversion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from opengames.diagram import Diagram
from opengames.flatten import flatten
from opengames.program import Program
from opengames.spaces import Record, Space, points
from opengames.terms import Pack, Var

Point = tuple[Any, ...]
Row = tuple[tuple[Point, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """rows: for every point of the domain (a tuple with one value per wire), its (point, chance > 0) pairs, sorted."""

    domain: tuple[Space, ...]
    codomain: tuple[Space, ...]
    rows: tuple[tuple[Point, Row], ...]

    def __rshift__(self, other: Kernel) -> Kernel:
        """Chapman-Kolmogorov: the chance of z from x is the sum over y of p(y | x) q(z | y)."""
        if self.codomain != other.domain:
            raise ValueError("the kernels do not fit: what leaves one does not enter the other")
        after = dict(other.rows)
        return _kernel(
            self.domain,
            other.codomain,
            {x: [(z, p * q) for y, p in row for z, q in after[y]] for x, row in self.rows},
        )

    def __matmul__(self, other: Kernel) -> Kernel:
        """Independently, side by side."""
        return _kernel(
            self.domain + other.domain,
            self.codomain + other.codomain,
            {
                a + b: [(y + z, p * q) for y, p in one for z, q in two]
                for a, one in self.rows
                for b, two in other.rows
            },
        )

    @property
    def is_deterministic(self) -> bool:
        return all(len(row) == 1 for _, row in self.rows)


def of(diagram: Diagram, program: Program | None = None) -> Kernel:
    """The kernel of a finite diagram without decisions.

    A diagram with backward ports is read as the map of a lens: from inputs and `expects` to outputs and `reports`.
    Raises `Refusal` where the exact reading does, and `ValueError` for infinite inputs.
    """
    from opengames.exact import distribution

    known = program or Program()
    flat = flatten(diagram)
    entering, leaving = flat.inputs + flat.expects, flat.outputs + flat.reports
    opened = Diagram(flat.name, entering, leaving, flat.boxes)
    result = Pack(tuple(Var(p.name) for p in leaving))
    rows = {}
    for x in points(Record(tuple((p.name, p.space) for p in entering))):
        inputs = {p.name: value for p, value in zip(entering, x, strict=True)}  # type: ignore[call-overload]
        rows[x] = list(distribution(known, opened, result, (), known.param_values(), inputs=inputs))
    return _kernel(tuple(p.space for p in entering), tuple(p.space for p in leaving), rows)


def _kernel(domain: tuple[Space, ...], codomain: tuple[Space, ...], rows: Mapping[Any, list[tuple[Any, Any]]]) -> Kernel:
    made = []
    for x, pairs in rows.items():
        total: dict[Any, Fraction] = {}
        for y, chance in pairs:
            total[y] = total.get(y, Fraction(0)) + chance
        row = tuple(sorted(((y, p) for y, p in total.items() if p), key=lambda pair: _order(pair[0])))
        made.append((x, row))
    return Kernel(domain, codomain, tuple(sorted(made, key=lambda pair: _order(pair[0]))))


def _order(point: Any) -> Any:
    return tuple(map(_order, point)) if isinstance(point, tuple) else (type(point).__name__, point)


def push(prior: Row, kernel: Kernel) -> Row:
    """The distribution of what leaves, when what enters has distribution `prior`."""
    state = _kernel((), kernel.domain, {(): list(prior)})
    return dict((state >> kernel).rows)[()]


def inverse(kernel: Kernel, prior: Row) -> Kernel:
    """The Bayesian inverse: p(x | y) for every y that can occur; rows of impossible evidence are left out.

    inverse(f >> g, prior) equals inverse(g, push(prior, f)) >> inverse(f, prior), where the evidence can occur.
    """
    rows = dict(kernel.rows)
    joint: dict[Point, list[tuple[Point, Fraction]]] = {}
    for x, p in prior:
        for y, q in rows[x]:
            joint.setdefault(y, []).append((x, p * q))
    normed = {y: [(x, p / sum(w for _, w in pairs)) for x, p in pairs] for y, pairs in joint.items()}
    return _kernel(kernel.codomain, kernel.domain, normed)


def agree(one: Kernel, other: Kernel) -> bool:
    """Equal rows wherever both have one."""
    theirs = dict(other.rows)
    return all(theirs[x] == row for x, row in one.rows if x in theirs)
