"""A slow interpreter of diagrams: one run at a time, in exact numbers, with the uniforms of the sampled reading.

It shares nothing with that reading but the scheme of keys, which it follows from its description with Python
integers. Random small diagrams to compare the two on are built here as well.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction as F
from hashlib import blake2b
from itertools import product
from typing import Any

from opengames.diagram import Arm, Branch, Call, Carry, Compute, Diagram, Draw, Loop, Port
from opengames.evaluate import evaluate
from opengames.spaces import BOOL, REAL, Enum, Family, Grid, Space, index_size, points
from opengames.terms import At, Const, Fold, If, Prim, Select, Tabulate, Term, Uniform, Var, Weighted

WORD = 0xFFFFFFFF


def threefry(key: tuple[int, int], count: tuple[int, int]) -> tuple[int, int]:
    k = (key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDA)
    x, y = (count[0] + k[0]) & WORD, (count[1] + k[1]) & WORD
    for group in range(5):
        for r in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            x = (x + y) & WORD
            y = (((y << r) | (y >> (32 - r))) & WORD) ^ x
        x = (x + k[(group + 1) % 3]) & WORD
        y = (y + k[(group + 2) % 3] + group + 1) & WORD
    return x, y


def uniform(seed: int, path: str, loops: tuple[int, ...], run: int) -> F:
    digest = blake2b(path.encode(), digest_size=8).digest()
    words = int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")
    key = threefry((seed & WORD, seed >> 32), words)
    key = threefry(key, (run, 0))
    for i in loops[:-2]:
        key = threefry(key, (i, 1))
    a, b = threefry(key, (0, 0, *loops)[-2:])  # type: ignore[arg-type]
    return F(a, 2**32) + F(b >> 12, 2**52)


def pick(pairs: tuple[tuple[Any, F], ...], u: F) -> Any:
    upto = F(0)
    for value, chance in pairs:
        upto += chance
        if upto > u:
            return value
    return pairs[-1][0]


def slow_run(
    diagram: Diagram,
    env: Mapping[str, Any],
    seed: int,
    run: int,
    params: Mapping[str, Any] | None = None,
    path: tuple[str, ...] = (),
    loops: tuple[int, ...] = (),
) -> dict[str, Any]:
    """Every wire of the diagram, in one run."""
    wires = dict(env)
    more = params or {}
    for box in diagram.boxes:
        match box:
            case Compute(out=out, term=term):
                wires[out.name] = evaluate(term, wires, {}, more)
            case Draw(out=out, kernel=kernel):
                u = uniform(seed, ".".join((*path, out.name)), loops, run)
                wires[out.name] = pick(evaluate(kernel, wires, {}, more), u)
            case Call(name=name, diagram=inner, args=args, outs=outs):
                given = {p.name: wires[w] for p, w in zip(inner.inputs, args, strict=True)}
                found = slow_run(inner, given, seed, run, more, (*path, name), loops)
                wires.update((w, found[p.name]) for w, p in zip(outs, inner.outputs, strict=True))
            case Loop():
                _slow_loop(box, wires, seed, run, more, path, loops)
            case Branch(subject=subject, arms=arms, captured=captured, outs=outs):
                arm = next(a for a in arms if wires[subject] in a.values)
                given = {w: wires[w] for w in captured}
                found = slow_run(arm.body, given, seed, run, more, (*path, arm.label), loops)
                wires.update((p.name, found[p.name]) for p in outs)
    return wires


def _slow_loop(box: Loop, wires: dict[str, Any], seed: int, run: int, params: Any, path: Any, loops: Any) -> None:
    names = [n for n, _ in box.iters]
    rounds = list(product(*(list(enumerate(points(s))) for _, s in box.iters)))
    carried = {c.name: wires[c.init] for c in box.carry}
    results: list[dict[str, Any]] = []
    for at in reversed(rounds) if box.reversed else rounds:
        here = {n: value for n, (_, value) in zip(names, at, strict=True)}
        env = {**{w: wires[w] for w in box.captured}, **carried, **here}
        found = slow_run(box.body, env, seed, run, params, path, (*loops, *(i for i, _ in at)))
        carried = {c.name: found[c.next] for c in box.carry}
        results.append(found)
    if box.reversed:
        results.reverse()
    spaces = {p.name: p.space for p in box.body.outputs}
    for outer, inner in box.outs:
        items = [r[inner] for r in results]
        flat = isinstance(spaces[inner], Family)
        wires[outer] = tuple(x for item in items for x in item) if flat else tuple(items)
    for outer, name in box.lasts:
        wires[outer] = carried[name]


# --------------------------------------------------------------- random diagrams

COLOUR = Enum("Colour", ("Red", "Green", "Blue"))
STEPS = Grid((F(0), F(1, 2), F(1), F(3)))
SHORT_INDEX = Grid(tuple(F(i) for i in range(1, 4)))
LONG_INDEX = Grid(tuple(F(i) for i in range(1, 12)))


class Maker:
    """Random well-typed diagrams. Real values are kept small by averaging, so that exact numbers stay short."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def diagram(self, known: dict[str, Space], boxes: int, depth: int) -> tuple[Diagram, dict[str, Space]]:
        wires, made = dict(known), []
        for _ in range(boxes):
            new = self.box(wires, depth)
            made.extend(new[0])
            wires.update(new[1])
        inputs = tuple(Port(n, s) for n, s in known.items())
        fresh = {n: s for n, s in wires.items() if n not in known}
        outputs = tuple(Port(n, s) for n, s in fresh.items())
        return Diagram("random", inputs, outputs, tuple(made)), fresh

    def box(self, wires: dict[str, Space], depth: int) -> tuple[list[Any], dict[str, Space]]:
        kinds = ["draw", "draw", "compute"] + (["loop", "carry", "branch", "call", "total"] if depth else [])
        kind = self.random.choice(kinds)
        if kind == "draw":
            space = self.random.choice((BOOL, COLOUR, STEPS))
            name = self.name("d")
            return [Draw(Port(name, space), self.kernel(space, wires))], {name: space}
        if kind in ("compute", "total"):
            space = self.random.choice((BOOL, COLOUR, REAL))
            name = self.name("c")
            return [Compute(Port(name, space), self.term(space, wires, 3))], {name: space}
        if kind == "branch":
            return self.branch(wires, depth)
        if kind == "call":
            inner, fresh = self.diagram(dict(wires), 2, depth - 1)
            outs = tuple(self.name("o") for _ in fresh)
            return [Call(outs[0], inner, tuple(wires), outs)], dict(zip(outs, fresh.values(), strict=True))
        return self.loop(wires, depth, kind == "carry")

    def loop(self, wires: dict[str, Space], depth: int, carries: bool) -> tuple[list[Any], dict[str, Space]]:
        space = self.random.choice((SHORT_INDEX, LONG_INDEX, COLOUR))
        variable, boxes, carry = self.name("i"), [], ()
        known = {variable: space, **wires}
        if carries:
            kept = self.random.choice((BOOL, COLOUR, REAL))
            start, held, then = self.name("s"), self.name("h"), self.name("n")
            boxes.append(Compute(Port(start, kept), self.term(kept, wires, 2)))
            known = {variable: space, held: kept, **wires}
        body, fresh = self.diagram(known, 2, depth - 1)
        if carries:
            step = Compute(Port(then, kept), self.term(kept, {**known, **fresh}, 2))
            body = Diagram(body.name, body.inputs, (*body.outputs, Port(then, kept)), (*body.boxes, step))
            carry = (Carry(held, kept, start, then),)
        outs, found = [], {}
        for inner, s in fresh.items():
            outer = self.name("f")
            outs.append((outer, inner))
            found[outer] = Family((space, *s.index), s.item) if isinstance(s, Family) else Family((space,), s)
        lasts = ()
        if carries:
            last = self.name("l")
            lasts = ((last, held),)
            found[last] = kept
            found[start] = kept
        backwards = carries and self.random.random() < 0.3
        boxes.append(
            Loop(self.name("loop"), ((variable, space),), body, tuple(wires), carry, tuple(outs), lasts, reversed=backwards)
        )
        return boxes, found

    def branch(self, wires: dict[str, Space], depth: int) -> tuple[list[Any], dict[str, Space]]:
        subject, space = self.name("b"), self.random.choice((BOOL, COLOUR))
        test = Compute(Port(subject, space), self.term(space, wires, 2))
        values = list(points(space))
        groups = [values[:1], values[1:]]
        merged, out = self.random.choice((BOOL, COLOUR, REAL)), self.name("m")
        arms = []
        for group in groups:
            body, fresh = self.diagram(dict(wires), 1, depth - 1)
            last = Compute(Port(out, merged), self.term(merged, {**wires, **fresh}, 2))
            arms.append(Arm(f"{subject}={group[0]}", tuple(group), Diagram("arm", body.inputs, (Port(out, merged),), (*body.boxes, last))))
        box = Branch(self.name("branch"), subject, tuple(arms), tuple(wires), (Port(out, merged),))
        return [test, box], {subject: space, out: merged}

    def kernel(self, space: Space, wires: dict[str, Space], depth: int = 1) -> Term:
        roll = self.random.random()
        if roll < 0.15:
            return Uniform(space)
        if depth and roll < 0.35:
            return If(self.term(BOOL, wires, 1), self.kernel(space, wires, 0), self.kernel(space, wires, 0))
        if depth and roll < 0.55:
            cells = tuple(self.kernel(space, wires, 0) for _ in range(6))
            return Select((self.term(COLOUR, wires, 1), self.term(BOOL, wires, 1)), (COLOUR, BOOL), cells)
        values = list(points(space))
        parts = [self.random.randint(0, 5) for _ in values]
        parts[0] += sum(parts) == 0
        return Weighted(tuple((Const(v), Const(F(p, sum(parts)))) for v, p in zip(values, parts, strict=True)))

    def term(self, space: Space, wires: dict[str, Space], depth: int) -> Term:
        options = [Var(n) for n, s in wires.items() if s == space]
        options += [
            At(Var(n), tuple(Const(self.random.choice(list(points(i)))) for i in s.index), s.index)
            for n, s in wires.items()
            if isinstance(s, Family) and s.item == space
        ]
        options += [
            At(Var(n), (Var(v),), s.index)
            for n, s in wires.items()
            for v, own in wires.items()
            if isinstance(s, Family) and s.item == space and s.index == (own,)
        ]
        if options and (depth == 0 or self.random.random() < 0.4):
            return self.random.choice(options)
        if depth == 0:
            if space == REAL:
                return Const(F(self.random.randint(-20, 20), self.random.choice((1, 2, 3, 10))))
            return Const(self.random.choice(list(points(space))))
        if self.random.random() < 0.3:
            return If(self.term(BOOL, wires, depth - 1), self.term(space, wires, depth - 1), self.term(space, wires, depth - 1))
        if space == REAL:
            return self.real(wires, depth)
        if space == BOOL:
            return self.bool(wires, depth)
        cells = tuple(self.term(space, wires, depth - 1) for _ in range(2))
        return Select((self.term(BOOL, wires, depth - 1),), (BOOL,), cells)

    def real(self, wires: dict[str, Space], depth: int) -> Term:
        families = [(n, s) for n, s in wires.items() if isinstance(s, Family) and s.item in (REAL, STEPS) and len(s.index) == 1]
        if families and self.random.random() < 0.5:
            name, s = self.random.choice(families)
            v = self.name("v")
            body = At(Var(name), (Var(v),), s.index)
            op = self.random.choice(("sum", "min", "max"))
            fold = Fold(op, ((v, s.index[0]),), body)
            return Prim("/", (fold, Const(F(index_size(s.index))))) if op == "sum" else fold
        a, b = self.term(REAL, wires, depth - 1), self.term(REAL, wires, depth - 1)
        op = self.random.choice(("+", "-", "min", "max", "clamp", "ind", "grid"))
        if op in ("+", "-"):
            return Prim("/", (Prim(op, (a, b)), Const(F(2))))
        if op == "clamp":
            return Prim("clamp", (a, Const(F(-3)), Const(F(7, 3))))
        if op == "ind":
            return Prim("ind", (self.term(BOOL, wires, depth - 1),))
        if op == "grid":
            return self.term(STEPS, wires, 0)
        return Prim(op, (a, b))

    def bool(self, wires: dict[str, Space], depth: int) -> Term:
        op = self.random.choice(("<", "<=", "==", "!=", "and", "or", "not", "implies", "fold", "table"))
        if op in ("<", "<="):
            return Prim(op, (self.term(REAL, wires, depth - 1), self.term(REAL, wires, depth - 1)))
        if op in ("==", "!="):
            space = self.random.choice((COLOUR, REAL, STEPS))
            return Prim(op, (self.term(space, wires, depth - 1), self.term(space, wires, depth - 1)))
        if op == "not":
            return Prim("not", (self.term(BOOL, wires, depth - 1),))
        if op in ("fold", "table"):
            v = self.name("v")
            space = self.random.choice((SHORT_INDEX, LONG_INDEX))
            body = Prim("<", (Var(v), self.term(REAL, wires, depth - 1)))
            if op == "fold":
                return Fold(self.random.choice(("and", "or")), ((v, space),), body)
            return At(Tabulate(((v, space),), body), (Const(F(2)),), (space,))
        return Prim(op, (self.term(BOOL, wires, depth - 1), self.term(BOOL, wires, depth - 1)))
