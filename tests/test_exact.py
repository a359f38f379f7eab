"""The exact reading against enumeration of every play, closed forms, and counted steps."""

from collections.abc import Iterator
from fractions import Fraction as F
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.diagram import (
    Arm,
    Branch,
    Call,
    Carry,
    Compute,
    Diagram,
    Draw,
    Loop,
    Port,
    binds,
)
from opengames.evaluate import evaluate
from opengames.exact.answer import (
    answer,
    distribution,
)
from opengames.program import Program
from opengames.spaces import BOOL, REAL, Enum, Grid, Space, index_points
from opengames.terms import (
    Ask,
    At,
    Const,
    Fold,
    If,
    Prim,
    Term,
    Var,
    Weighted,
)

NOTHING = Program()
MOVE = Enum("Move", ("C", "D"))


def num(x: Any) -> Const:
    return Const(F(x))


def op(name: str, *args: Term) -> Prim:
    return Prim(name, args)


def coin(chance: Term) -> Weighted:
    return Weighted(((Const(True), chance), (Const(False), op("-", num(1), chance))))


def span(n: int) -> Grid:
    return Grid(tuple(F(i) for i in range(1, n + 1)))


def compute(name: str, term: Term, space: Space = REAL) -> Compute:
    return Compute(Port(name, space), term)


def draw(name: str, kernel: Term, space: Space = BOOL) -> Draw:
    return Draw(Port(name, space), kernel)


def E(diagram: Diagram, term: Term, program: Program = NOTHING, **more: Any) -> Any:
    return answer(program, diagram, Ask("E", (term,)), more.pop("params", {}), **more)


def P(diagram: Diagram, *terms: Term) -> Any:
    return answer(NOTHING, diagram, Ask("P", terms), {})


# ----------------------------------------------- the oracle: enumerate every play


def plays(diagram: Diagram, env: dict[str, Any], funs: Any) -> Iterator[tuple[dict[str, Any], F]]:
    """Every complete play of a diagram with its chance: slow and obvious."""
    done: list[tuple[dict[str, Any], F]] = [(dict(env), F(1))]
    for box in diagram.boxes:
        done = [(e2, p * q) for e, p in done for e2, q in play(box, e, funs)]
    yield from done


def play(box: Any, env: dict[str, Any], funs: Any) -> Iterator[tuple[dict[str, Any], F]]:
    match box:
        case Compute():
            yield {**env, box.out.name: evaluate(box.term, env, funs, {})}, F(1)
        case Draw():
            for v, q in evaluate(box.kernel, env, funs, {}):
                yield {**env, box.out.name: v}, q
        case Call():
            entry = {p.name: env[a] for p, a in zip(box.diagram.inputs, box.args, strict=True)}
            for e, q in plays(box.diagram, entry, funs):
                yield {**env, **{o: e[p.name] for o, p in zip(box.outs, box.diagram.outputs, strict=True)}}, q
        case Branch():
            arm = next(a for a in box.arms if env[box.subject] in a.values)
            for e, q in plays(arm.body, {c: env[c] for c in box.captured}, funs):
                yield {**env, **{o.name: e[o.name] for o in box.outs}}, q
        case Loop():
            keys = list(index_points(tuple(s for _, s in box.iters)))
            order = keys[::-1] if box.reversed else keys
            states = [({c.name: env[c.init] for c in box.carry}, {}, F(1))]
            for key in order:
                after = []
                for carried, made, p in states:
                    entry = {c: env[c] for c in box.captured} | carried
                    entry |= {v: k for (v, _), k in zip(box.iters, key, strict=True)}
                    for e, q in plays(box.body, entry, funs):
                        after.append(({c.name: e[c.next] for c in box.carry}, {**made, key: e}, p * q))
                states = after
            spaces = {p.name: p.space for p in binds(box)}
            for carried, made, p in states:
                out = dict(env)
                for name, wire in box.outs:
                    parts = [made[k][wire] for k in keys]
                    nested = len(spaces[name].index) > len(box.iters)  # type: ignore[union-attr]
                    out[name] = tuple(x for part in parts for x in part) if nested else tuple(parts)
                out |= {name: carried[c] for name, c in box.lasts}
                yield out, p


def law(diagram: Diagram, term: Term, evidence: tuple[Term, ...] = (), funs: Any = None) -> dict[Any, F]:
    found: dict[Any, F] = {}
    for env, p in plays(diagram, {}, funs or {}):
        if all(evaluate(e, env, funs or {}, {}) for e in evidence):
            v = evaluate(term, env, funs or {}, {})
            found[v] = found.get(v, F(0)) + p
    total = sum(found.values())
    return {v: p / total for v, p in found.items()} if total else {}


def mean(found: dict[Any, F]) -> F:
    return sum((v * p for v, p in found.items()), F(0))


# ------------------------------------------------------------- random diagrams

chances = st.sampled_from([F(0), F(1, 3), F(1, 2), F(3, 4), F(1)])
smalls = st.integers(-2, 3).map(F)


@st.composite
def booleans(draw_: Any, known: list[str]) -> Term:
    if not known or draw_(st.integers(0, 4)) == 0:
        return Const(draw_(st.booleans()))
    a = Var(draw_(st.sampled_from(known)))
    match draw_(st.integers(0, 3)):
        case 0:
            return op("not", a)
        case 1:
            return op(draw_(st.sampled_from(["and", "or", "implies", "=="])), a, Var(draw_(st.sampled_from(known))))
    return a


@st.composite
def kernels(draw_: Any, known: list[str]) -> Term:
    test = draw_(booleans(known))
    return If(test, coin(Const(draw_(chances))), coin(Const(draw_(chances))))


@st.composite
def numbers(draw_: Any, bools: list[str], reals: list[str]) -> Term:
    parts: list[Term] = [op("ind", draw_(booleans(bools)))]
    parts += [Var(r) for r in draw_(st.lists(st.sampled_from(reals), max_size=2))] if reals else []
    total: Term = Const(draw_(smalls))
    for part in parts:
        kind = draw_(st.integers(0, 4))
        if kind == 0:
            total = op("*", total, part)
        elif kind == 1:
            total = If(draw_(booleans(bools)), op("+", total, part), total)
        else:
            total = op(draw_(st.sampled_from("+-")), total, op("*", Const(draw_(smalls)), part))
    return total


@st.composite
def diagrams(draw_: Any, depth: int = 2, bools: tuple[str, ...] = (), reals: tuple[str, ...] = (), tag: str = "w") -> Diagram:
    """A closed diagram over booleans and numbers, with calls, loops and branches inside."""
    inputs = tuple(Port(b, BOOL) for b in bools) + tuple(Port(r, REAL) for r in reals)
    b, r, boxes = list(bools), list(reals), []
    for i in range(draw_(st.integers(1, 4))):
        name = f"{tag}{i}"
        kind = draw_(st.integers(0, 6 if depth else 2))
        if kind <= 1:
            boxes.append(draw(name, draw_(kernels(b))))
            b.append(name)
        elif kind <= 3:
            boxes.append(compute(name, draw_(numbers(b, r))))
            r.append(name)
        elif kind == 4:
            inner = draw_(diagrams(depth - 1, ("p",), ("x",), f"{name}c"))
            if b and r:
                args = (draw_(st.sampled_from(b)), draw_(st.sampled_from(r)))
                boxes.append(Call(f"{name}b", inner, args, (f"{name}b", f"{name}r")))
                b.append(f"{name}b")
                r.append(f"{name}r")
        elif kind == 5 and b:
            subject = draw_(st.sampled_from(b))
            arms = []
            for label, value in (("t", True), ("f", False)):
                inner = draw_(diagrams(depth - 1, tuple(b), tuple(r), f"{name}{label}"))
                ends = (compute(f"{name}r", Var(inner.outputs[1].name)), compute(f"{name}b", Var(inner.outputs[0].name), BOOL))
                body = Diagram(label, inner.inputs, (Port(f"{name}b", BOOL), Port(f"{name}r", REAL)), (*inner.boxes, *ends))
                arms.append(Arm(label, (value,), body))
            outs = (Port(f"{name}b", BOOL), Port(f"{name}r", REAL))
            boxes.append(Branch(name, subject, tuple(arms), tuple(b + r), outs))
            b.append(f"{name}b")
            r.append(f"{name}r")
        elif kind == 6 and b and r:
            n = draw_(st.integers(1, 3))
            inner = draw_(diagrams(depth - 1, (*b, f"{name}s"), (f"{name}i", *r, f"{name}a"), f"{name}l"))
            carry = (Carry(f"{name}s", BOOL, b[0], inner.outputs[0].name), Carry(f"{name}a", REAL, r[0], inner.outputs[1].name))
            loop = Loop(
                f"{name}f", ((f"{name}i", span(n)),), inner, tuple(b + r), carry,
                ((f"{name}f", inner.outputs[1].name), (f"{name}g", inner.outputs[0].name)),
                ((f"{name}b", f"{name}s"), (f"{name}z", f"{name}a")), reversed=draw_(st.booleans()),
            )  # fmt: skip
            k = Var("k")
            total = Fold("sum", (("k", span(n)),), op("*", op("^", num(F(1, 2)), k), At(Var(f"{name}f"), (k,), (span(n),))))
            some = Fold("or", (("k", span(n)),), At(Var(f"{name}g"), (k,), (span(n),)))
            first = At(Var(f"{name}f"), (num(1),), (span(n),))
            boxes += [loop, compute(f"{name}r", total), compute(f"{name}e", some, BOOL), compute(f"{name}o", first)]
            b += [f"{name}b", f"{name}e"]
            r += [f"{name}z", f"{name}r", f"{name}o"]
    boxes += [compute(f"{tag}B", draw_(booleans(b)), BOOL), compute(f"{tag}R", draw_(numbers(b, r)))]
    return Diagram(tag, inputs, (Port(f"{tag}B", BOOL), Port(f"{tag}R", REAL)), tuple(boxes))


relaxed = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def small_enough(diagram: Diagram) -> bool:
    import itertools

    return sum(1 for _ in itertools.islice(_count(diagram), 3000)) < 3000


def _count(diagram: Diagram) -> Iterator[None]:
    from opengames.diagram import walk

    for _, box in walk(diagram):
        if isinstance(box, Draw):
            yield None


def enumerable(diagram: Diagram, weight: int = 1) -> int:
    """How many draws a play makes at most."""
    total = 0
    for box in diagram.boxes:
        match box:
            case Draw():
                total += 1
            case Call(diagram=inner):
                total += enumerable(inner)
            case Branch(arms=arms):
                total += max(enumerable(a.body) for a in arms)
            case Loop(body=body, iters=iters):
                total += enumerable(body) * len(iters[0][1].points)  # type: ignore[union-attr]
    return total


@relaxed
@given(diagrams())
def test_expectations_are_those_of_the_enumerated_plays(diagram):
    if enumerable(diagram) > 9:
        return
    assert E(diagram, Var("wR")) == mean(law(diagram, Var("wR")))


@relaxed
@given(diagrams())
def test_joint_distributions_are_those_of_the_enumerated_plays(diagram):
    if enumerable(diagram) > 9:
        return
    both = If(Var("wB"), op("+", Var("wR"), num(100)), Var("wR"))
    assert dict(distribution(NOTHING, diagram, both)) == law(diagram, both)


@relaxed
@given(diagrams(), diagrams(depth=0))
def test_conditional_chances_are_ratios_of_joint_chances(diagram, other):
    if enumerable(diagram) > 9:
        return
    event = op("<=", Var("wR"), num(1))
    expected = law(diagram, event, (Var("wB"),))
    if not expected:
        with pytest.raises(Refusal, match="impossible-evidence"):
            P(diagram, event, Var("wB"))
    else:
        assert P(diagram, event, Var("wB")) == expected.get(True, 0)
