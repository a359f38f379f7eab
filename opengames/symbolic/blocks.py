"""The boxes of a diagram as LaTeX: equations for what is computed and drawn, sentences for who decides, and for repetition."""

from __future__ import annotations

from opengames.diagram import Box, Branch, Call, Compute, Decide, Diagram, Draw, Loop, Port, wires
from opengames.program import Program
from opengames.spaces import Space
from opengames.symbolic.names import escaped, name
from opengames.symbolic.term_latex import Setter, constant
from opengames.terms import Var


def scope(program: Program, diagram: Diagram) -> Setter:
    """What sets the terms of a diagram: its wires, those without a name of the author's replaced by what defines them."""
    hidden = {b.out.name: b.term for b in diagram.boxes if isinstance(b, Compute) and _is_unnamed(b)}
    return Setter(program, wires(diagram), hidden)


def ports(setter: Setter, group: tuple[Port, ...]) -> str:
    """Ports with their spaces: `x: X, y: Y`."""
    return r",\; ".join(rf"{name(p.name)}: {setter.space(p.space)}" for p in group)


def block(program: Program, diagram: Diagram) -> str:
    """The boxes in order."""
    setter = scope(program, diagram)
    parts: list[str] = []
    equations: list[str] = []

    def close() -> None:
        if equations:
            body = " \\\\\n".join(equations)
            parts.append(f"\\begin{{align*}}\n{body}\n\\end{{align*}}")
            equations.clear()

    for box in diagram.boxes:
        line = _equation(setter, box)
        if line is not None:
            equations += line
        else:
            close()
            parts.append(_sentence(program, setter, box))
    close()
    return "\n".join(parts)


def _equation(setter: Setter, box: Box) -> list[str] | None:
    """What a box says as equations; `None` if it takes a sentence."""
    match box:
        case Compute() if _is_unnamed(box):
            return []
        case Compute(out=out, term=term):
            return [rf"{name(out.name)} &= {setter.term(term)}"]
        case Draw(out=out, kernel=kernel):
            return [rf"{name(out.name)} &\sim {setter.term(kernel)}"]
        case Call(diagram=inner, args=args, outs=outs, paying=paying):
            left = ", ".join(map(name, outs)) or r"\ast"
            given = ", ".join(_wire(setter, a) for a in args)
            paid = rf" \quad\text{{paying }} {', '.join(_wire(setter, p) for p in paying)}" if paying else ""
            return [rf"{left} &\sim \mathsf{{{escaped(inner.name)}}}\left({given}\right){paid}"]
    return None


def _is_unnamed(box: Compute) -> bool:
    """Whether the author gave the wire no name of its own; what a loop carries on is called `next`."""
    return box.hidden or not box.out.name.isidentifier()


def _wire(setter: Setter, wire: str) -> str:
    return setter.term(Var(wire))


def _sentence(program: Program, setter: Setter, box: Box) -> str:
    match box:
        case Decide():
            return _decision(setter, box)
        case Loop():
            return _loop(program, setter, box)
        case Branch(subject=subject, arms=arms):
            return "\n".join(
                f"If ${_wire(setter, subject)}$ is ${r', '.join(map(constant, arm.values))}$:\n{_indented(program, setter, arm.body)}"
                for arm in arms
            )
    raise TypeError(f"not a box: {box!r}")


def _decision(setter: Setter, box: Decide) -> str:
    index = rf"_{{{', '.join(map(setter.term, box.seat.index))}}}" if box.seat.index else ""
    chosen = r",\; ".join(rf"{name(p.name)} \in {setter.space(p.space)}" for p in box.outs)
    seeing = f", seeing ${', '.join(_wire(setter, w) for w in box.seeing)}$" if box.seeing else ""
    earning = f" to earn ${_wire(setter, box.earning)}$" if box.earning else ""
    said = f"${name(box.seat.name)}{index}$ chooses ${chosen}${seeing},{earning}"
    if not box.rules:
        return f"{said}.\n"
    rules = " \\\\\n".join(
        rf"&\text{{{escaped(r.name)}}}{_over(setter, r.iters)}: && {setter.term(r.term)}" for r in box.rules
    )
    return f"{said}, subject to\n\\begin{{align*}}\n{rules}\n\\end{{align*}}"


def _over(setter: Setter, iters: tuple[tuple[str, Space], ...]) -> str:
    pairs = [rf"{name(n.split('#', 1)[0])} \in {setter.space(s)}" for n, s in iters]
    return rf"\;({', '.join(pairs)})" if iters else ""


def _loop(program: Program, setter: Setter, box: Loop) -> str:
    over = ", ".join(rf"{name(n)} \in {setter.space(s)}" for n, s in box.iters)
    backward = ", from the last to the first" if box.reversed else ""
    carried = ", ".join(rf"{name(c.name)} = {_wire(setter, c.init)}" for c in box.carry)
    head = f"For each ${over}${backward}" + (f", carrying ${carried}$ at first" if carried else "") + ":"
    inner = scope(program, box.body)
    following = [rf"\text{{next }} {name(c.name)} &= {inner.term(Var(c.next))}" for c in box.carry]
    body = _indented(program, setter, box.body, following)
    return f"{head}\n{body}"


def _indented(program: Program, setter: Setter, body: Diagram, more: list[str] | None = None) -> str:
    inner = block(program, body)
    if more:
        lines = " \\\\\n".join(more)
        inner = f"{inner}\n\\begin{{align*}}\n{lines}\n\\end{{align*}}"
    return f"\\begin{{quote}}\n{inner}\n\\end{{quote}}"


__all__ = ["block", "ports", "scope"]
