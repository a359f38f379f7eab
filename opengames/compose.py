"""Composition of diagrams without names: `then` (`>>`) and `beside` (`@`).

Laws (tested): `then` is associative with unit `id`, `beside` is associative with the empty diagram as
unit, and they interchange: `(f >> g) @ (h >> k)` equals `(f @ h) >> (g @ k)`. Equality is of meaning, in
any reading; as data the two sides nest differently.

Source: Fritz, A synthetic approach to Markov kernels (2020); Ghani et al., Compositional game theory
(2018), for the backward ports.
"""

from __future__ import annotations

from collections.abc import Callable

from opengames.diagram import Call, Diagram, Port


class Mismatch(ValueError):
    """The ports that were to be joined do not fit. ports: the two sides, as (what leaves, what enters)."""

    def __init__(self, message: str, leaving: tuple[Port, ...], entering: tuple[Port, ...]) -> None:
        super().__init__(message)
        self.leaving = leaving
        self.entering = entering


def then(first: Diagram, second: Diagram, parameters: tuple[int, int] = (0, 0)) -> Diagram:
    """`first >> second`: the outputs of one are the inputs of the other, in order.

    Backward, what `second` reports is what `first` expects. parameters: how many leading inputs of each are
    parameters, which no neighbour fills; the composite takes the first's, then the second's, then the
    first's other inputs (the composition of Para). Raises `Mismatch`.
    """
    m, n = parameters
    _fits(first.outputs, second.inputs[n:], f"`{first.name}` puts out", f"`{second.name}` takes in")
    _fits(second.reports, first.expects, f"`{second.name}` reports", f"`{first.name}` expects")
    fresh = _namer()
    ours, theirs = _ports(first.inputs[:m], fresh), _ports(second.inputs[:n], fresh)
    left = _ports(first.inputs[m:], fresh)
    expects = _ports(second.expects, fresh)
    middle = _ports(first.outputs, fresh)
    right = _ports(second.outputs, fresh)
    back = _ports(second.reports, fresh)
    reports = _ports(first.reports, fresh)
    one = Call("1", first, _names(ours + left), _names(middle), _names(back), _names(reports))
    two = Call("2", second, _names(theirs + middle), _names(right), _names(expects), _names(back))
    name = f"({first.name} >> {second.name})"
    return Diagram(name, ours + theirs + left, right, (one, two), expects, reports)


def beside(first: Diagram, second: Diagram, parameters: tuple[int, int] = (0, 0)) -> Diagram:
    """`first @ second`: side by side, neither knowing of the other. parameters: as for `then`."""
    m, n = parameters
    fresh = _namer()
    parts = []
    for diagram in (first, second):
        groups = (diagram.inputs, diagram.outputs, diagram.expects, diagram.reports)
        parts.append(tuple(_ports(group, fresh) for group in groups))
    calls = tuple(
        Call(str(i + 1), d, _names(ins), _names(outs), _names(exp), _names(rep))
        for i, (d, (ins, outs, exp, rep)) in enumerate(zip((first, second), parts, strict=True))
    )
    (ai, ao, ae, ar), (bi, bo, be, br) = parts
    inputs = ai[:m] + bi[:n] + ai[m:] + bi[n:]
    return Diagram(f"({first.name} @ {second.name})", inputs, ao + bo, calls, ae + be, ar + br)


def _fits(leaving: tuple[Port, ...], entering: tuple[Port, ...], gives: str, takes: str) -> None:
    if len(leaving) != len(entering):
        raise Mismatch(f"{gives} {_count(leaving)}, and {takes} {_count(entering)}", leaving, entering)
    for out, into in zip(leaving, entering, strict=True):
        if out.space != into.space:
            raise Mismatch(f"{gives} `{out.name}`, which is not the type of `{into.name}` that {takes}", leaving, entering)


def _count(ports: tuple[Port, ...]) -> str:
    return "no wires" if not ports else f"{len(ports)} wire{'s' if len(ports) > 1 else ''}"


def _namer() -> Callable[[str], str]:
    """Names that do not repeat: `x`, `x'2`, `x'3`."""
    used: dict[str, int] = {}

    def fresh(name: str) -> str:
        used[name] = used.get(name, 0) + 1
        return name if used[name] == 1 else f"{name}'{used[name]}"

    return fresh


def _ports(ports: tuple[Port, ...], fresh: Callable[[str], str]) -> tuple[Port, ...]:
    return tuple(Port(fresh(p.name), p.space, p.at) for p in ports)


def _names(ports: tuple[Port, ...]) -> tuple[str, ...]:
    return tuple(p.name for p in ports)
