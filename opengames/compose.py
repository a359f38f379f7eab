"""Composition of diagrams without names: `then` (`>>`), `beside` (`@`), and the small diagrams they start from.

`f >> g` and `f @ g` on diagrams are these; a text's `>>` and `@` build the same diagrams.

Laws (tested): `then` is associative with unit `id`, `beside` is associative with the empty diagram as
unit, and they interchange: `(f >> g) @ (h >> k)` equals `(f @ h) >> (g @ k)`. Equality is of meaning, in
any reading; as data the two sides nest differently.

Source: Fritz, A synthetic approach to Markov kernels (2020); Ghani et al., Compositional game theory
(2018), for the backward ports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opengames.diagram import Call, Compute, Decide, Diagram, Draw, Port, Seat
from opengames.spaces import Space
from opengames.terms import Term, Var


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
    used: set[str] = set()

    def fresh(name: str) -> str:
        stem, n, found = name.split("'")[0], 1, name
        while found in used:
            n += 1
            found = f"{stem}'{n}"
        used.add(found)
        return found

    return fresh


def _ports(ports: tuple[Port, ...], fresh: Callable[[str], str]) -> tuple[Port, ...]:
    return tuple(Port(fresh(p.name), p.space, p.at) for p in ports)


def _names(ports: tuple[Port, ...]) -> tuple[str, ...]:
    return tuple(p.name for p in ports)


# ------------------------------------------------------------------ small diagrams


def identity(*spaces: Space) -> Diagram:
    """The diagram that passes its wires on."""
    ports = _numbered("x", spaces)
    return Diagram("id", ports, ports)


def copy(space: Space) -> Diagram:
    """One wire, twice. With `discard`, a commutative comonoid on every object."""
    outs = _numbered("copy", (space, space))
    boxes = tuple(Compute(out, Var("x")) for out in outs)
    return Diagram("copy", (Port("x", space),), outs, boxes)


def discard(*spaces: Space) -> Diagram:
    """Wires that end here. Natural: `f >> discard == discard` for every channel `f`."""
    return Diagram("discard", _numbered("x", spaces))


def swap(first: Space, second: Space) -> Diagram:
    """Two wires, crossing."""
    a, b = _numbered("x", (first, second))
    return Diagram("swap", (a, b), (b, a))


def pure(name: str, inputs: Sequence[Port], output: Port, term: Term) -> Diagram:
    """A deterministic channel: `term` over variables named as the inputs. Commutes with `copy`."""
    return Diagram(name, tuple(inputs), (output,), (Compute(output, term),))


def random(name: str, inputs: Sequence[Port], output: Port, kernel: Term) -> Diagram:
    """A channel with one draw: `kernel` is a term of distribution kind over variables named as the inputs."""
    return Diagram(name, tuple(inputs), (output,), (Draw(output, kernel),))


def decision(player: str, sees: Sequence[Port], move: Port, gain: Port) -> Diagram:
    """The game of one decision: it sees some wires, moves, and is told what that earned.

    `(X, 1) -> (Y, R)`: strategies are channels from `sees` to `move`, the selection is argmax of expected `gain`.
    """
    box = Decide((move,), Seat(player), tuple(p.name for p in sees), gain.name)
    return Diagram(f"{player}.{move.name}", tuple(sees), (move,), (box,), (gain,))


def _numbered(stem: str, spaces: Sequence[Space]) -> tuple[Port, ...]:
    if len(spaces) == 1:
        return (Port(stem, spaces[0]),)
    return tuple(Port(f"{stem}{i + 1}", space) for i, space in enumerate(spaces))
