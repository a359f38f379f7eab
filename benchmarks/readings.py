"""Do the readings agree? `python -m benchmarks readings --seconds 600`; not among the default measurements.

Random channels (`random_channels`) are asked for joint events of their wires, and every way to the answer is compared with
an enumeration of all draws, written here: it goes box by box, and evaluates terms one by one. The exact reading is asked
with each of its engines, of the diagram as it is, unrolled, without calls and without branches; the junction tree and
SymPy are asked as well. Whatever differs is kept below build/readings: the text (SEED.game) and the answers (SEED.json).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, Outcome
from benchmarks.random_channels import written

TITLE = "Readings against each other"
ROOT = Path(__file__).resolve().parents[1]
#: Histories that the enumeration keeps at once.
MOST = 500
#: Refusals that are no answer, and no wrong one.
PASSED = ("over-budget", "not-yet")
CLOSE = 1e-9

World = tuple[Fraction, dict[str, Any]]
Terms = dict[int, tuple[Any, Callable[[Mapping[str, Any]], Any]]]


class Many(Exception):
    """More histories than are enumerated."""


class Enumeration:
    """All draws of a diagram, one after the other. Terms are evaluated by `opengames.evaluate`; the rest is done here."""

    def __init__(self, program: Any) -> None:
        self.program = program
        self.codes: Terms = {}
        self.known: dict[Any, list[tuple[Fraction, tuple[Any, ...]]]] = {}

    def value(self, term: Any, env: Mapping[str, Any]) -> Any:
        from opengames.evaluate import compile_term

        if id(term) not in self.codes:
            self.codes[id(term)] = term, compile_term(term, self.program.funs, {}, types=self.types)
        return self.codes[id(term)][1](env)

    def worlds(self, diagram: Any, env: dict[str, Any]) -> list[World]:
        """Every history of the diagram, with its chance and all wires of its level."""
        from opengames.diagram import wires

        found: list[World] = [(Fraction(1), env)]
        for box in diagram.boxes:
            self.types = wires(diagram)
            more: list[World] = []
            for c, w in found:
                more += [(c * d, {**w, **new}) for d, new in self.box(box, w)]
                if len(more) > MOST:
                    raise Many
            found = more
        return found

    def box(self, box: Any, env: dict[str, Any]) -> list[World]:
        from opengames import diagram as d

        match box:
            case d.Compute(out=out, term=term):
                return [(Fraction(1), {out.name: self.value(term, env)})]
            case d.Draw(out=out, kernel=kernel):
                return [(c, {out.name: v}) for v, c in self.value(kernel, env)]
            case d.Call(diagram=inner, args=args, outs=outs):
                given = {p.name: env[a] for p, a in zip(inner.inputs, args, strict=True)}
                names = tuple(p.name for p in inner.outputs)
                return [(c, dict(zip(outs, vs, strict=True))) for c, vs in self.inside(inner, given, names)]
            case d.Branch(subject=subject, arms=arms, captured=captured, outs=outs):
                (arm,) = [a for a in arms if env[subject] in a.values]
                names = tuple(p.name for p in outs)
                given = {w: env[w] for w in captured}
                return [(c, dict(zip(names, vs, strict=True))) for c, vs in self.inside(arm.body, given, names)]
            case d.Loop():
                return self.loop(box, env)
        raise TypeError(f"{type(box).__name__} is not enumerated")

    def inside(self, body: Any, given: dict[str, Any], names: tuple[str, ...]) -> list[tuple[Fraction, tuple[Any, ...]]]:
        """The joint distribution of some wires of a body; equal outcomes are added up."""
        key = (id(body), tuple(sorted(given.items(), key=lambda p: p[0])), names)
        if key not in self.known:
            total: dict[tuple[Any, ...], Fraction] = {}
            types = getattr(self, "types", {})
            for chance, world in self.worlds(body, given):
                values = tuple(world[n] for n in names)
                total[values] = total.get(values, Fraction(0)) + chance
            self.types = types
            self.known[key] = [(c, v) for v, c in total.items()]
        return self.known[key]

    def loop(self, box: Any, env: dict[str, Any]) -> list[World]:
        from opengames.spaces import Family, points

        places = list(product(*(tuple(points(s)) for _, s in box.iters)))
        spaces = {p.name: p.space for p in box.body.outputs}
        kept = tuple(dict.fromkeys((*(i for _, i in box.outs), *(c.next for c in box.carry))))
        histories = [(Fraction(1), {c.name: env[c.init] for c in box.carry}, ())]
        for place in reversed(places) if box.reversed else places:
            after = []
            for chance, carried, rounds in histories:
                given = {**{w: env[w] for w in box.captured}, **carried}
                given.update((n, v) for (n, _), v in zip(box.iters, place, strict=True))
                for c, values in self.inside(box.body, given, kept):
                    now = dict(zip(kept, values, strict=True))
                    after.append((chance * c, {k.name: now[k.next] for k in box.carry}, (*rounds, now)))
            histories = after
            if len(histories) > MOST:
                raise Many
        found = []
        for chance, carried, rounds in histories:
            order = rounds[::-1] if box.reversed else rounds
            made: dict[str, Any] = {}
            for outer, inner in box.outs:
                items = [now[inner] for now in order]
                made[outer] = tuple(x for i in items for x in i) if isinstance(spaces[inner], Family) else tuple(items)
            made.update((outer, carried[c]) for outer, c in box.lasts)
            found.append((chance, made))
        return found

    def answer(self, worlds: list[World], diagram: Any, ask: Any) -> Any:
        """A number, a distribution as a mapping, or the code of the refusal that is due."""
        from opengames.diagram import wires

        self.types = wires(diagram)
        asked, *evidence = ask.args
        total: dict[Any, Fraction] = {}
        for chance, world in worlds:
            if all(self.value(e, world) for e in evidence):
                value = self.value(asked, world)
                total[value] = total.get(value, Fraction(0)) + chance
        mass = sum(total.values())
        if not mass:
            return "impossible-evidence"
        if ask.op == "distribution":
            return {v: c / mass for v, c in total.items() if c}
        return sum((v * c for v, c in total.items()), Fraction(0)) / mass


def ways(program: Any, diagram: Any, flattened: Any, branchless: Any, ask: Any, slow: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each way to an answer, by name. slow: closed forms as well."""
    from opengames.exact.asking import STATES, _Asker
    from opengames.exact.unrolled import unrolled
    from opengames.terms import Prim

    asked, *evidence = ask.args
    term = Prim("ind", (asked,)) if ask.op == "P" else asked

    def exact(of: Any, what: Any, given: Any, engine: str | None = None) -> Any:
        asker = _Asker(program, of, {}, STATES, Fraction, {}, engine)
        return dict(asker.distribution(what, given)) if ask.op == "distribution" else asker.expectations((what,), given)[0]

    yield "exact", lambda: exact(diagram, term, evidence)
    yield "forward", lambda: exact(diagram, term, evidence, "forward")
    yield "flatten", lambda: exact(flattened, term, evidence)
    yield "straight", lambda: exact(branchless, term, evidence)
    yield "straight factors", lambda: exact(branchless, term, evidence, "factors")
    for name, of in (("unrolled", diagram), ("straight unrolled", branchless)):
        made = unrolled(of, [term, *evidence], program.funs, {})
        if made is not None:
            flat, (what, *given) = made
            yield f"{name} forward", partial(exact, flat, what, given, "forward")
            yield f"{name} factors", partial(exact, flat, what, given, "factors")
    if ask.op == "distribution" or not evidence:
        yield "together", lambda: _together(program, diagram, ask)

    def junction(of: Any) -> Any:
        from opengames.solvers.junction.channels import answer

        found = answer(program, of, ask, {})
        return dict(found) if ask.op == "distribution" else found

    yield "junction tree", lambda: junction(diagram)
    yield "straight junction tree", lambda: junction(branchless)
    if slow:
        yield "sympy", lambda: _symbolic(program, diagram, ask)


def _together(program: Any, diagram: Any, ask: Any) -> Any:
    """The answer out of the joint distribution of all wires asked about."""
    from opengames.evaluate import compile_term
    from opengames.exact import distribution
    from opengames.terms import Pack, Var, free

    names = sorted(frozenset().union(*(free(t) for t in ask.args)))
    code, *tests = [compile_term(t, program.funs, {}) for t in ask.args]
    total: dict[Any, Fraction] = {}
    for values, chance in distribution(program, diagram, Pack(tuple(Var(n) for n in names))):
        world = dict(zip(names, values, strict=True))
        if all(t(world) for t in tests):
            value = code(world)
            total[value] = total.get(value, Fraction(0)) + chance
    mass = sum(total.values())
    if not mass:
        return "impossible-evidence"
    if ask.op == "distribution":
        return {v: c / mass for v, c in total.items()}
    return sum((v * c for v, c in total.items()), Fraction(0)) / mass


def _symbolic(program: Any, diagram: Any, ask: Any) -> Any:
    from opengames.symbolic.answers import answer
    from opengames.symbolic.formulas import Scene

    found = answer(Scene(program), diagram, ask)
    return {v: _number(c) for v, c in found} if ask.op == "distribution" else _number(found)


def _number(value: Any) -> Any:
    value = getattr(value, "expr", value)
    return Fraction(int(value.p), int(value.q)) if hasattr(value, "p") else value


def same(found: Any, due: Any) -> bool:
    """Whether an answer is the one due: equal in fractions, close in floats."""
    if isinstance(due, str) or isinstance(found, str):
        return bool(found == due)
    if isinstance(due, dict):
        return all(same(found.get(k, Fraction(0)), due.get(k, Fraction(0))) for k in found.keys() | due.keys())
    return bool(abs(found - due) <= CLOSE * (1 + abs(due))) if isinstance(found, float) else bool(found == due)


def disagreements(text: str, slow: bool = True) -> tuple[int, list[tuple[str, str, str, str]]] | None:
    """How many answers were compared, and (question, way, what it said, what is due) of the wrong ones; `None` for a text that
    is refused by the checker or has too many histories."""
    import opengames as og
    from opengames.flatten import flatten
    from opengames.straight import straight

    try:
        program = og.loads(text).program
    except og.Refusal:
        return None
    diagram = program.diagrams["main"]
    work = Enumeration(program)
    try:
        worlds = work.worlds(diagram, {})
    except Many:
        return None
    count, wrong = 0, []
    flattened, branchless = flatten(diagram), straight(diagram)
    for question in program.questions:
        ask = question.term
        due = work.answer(worlds, diagram, ask)
        for name, way in ways(program, diagram, flattened, branchless, ask, slow):
            try:
                found = way()
            except og.Refusal as refusal:
                found = refusal.diagnostics[0].code
                if found in PASSED:
                    continue
            count += 1
            if not same(found, due):
                wrong.append((question.name, name, str(found), str(due)))
    return count, wrong


def measure(seconds: float = 60.0, seed: int | None = None, folder: Path | None = None, sizes: tuple[int, ...] = (5, 8, 11)) -> Outcome:
    """seed: the first of the seeds, by default another one every time. sizes: how many draws a channel has, more or less."""
    folder = folder or ROOT / "build" / "readings"
    folder.mkdir(parents=True, exist_ok=True)
    start = time.time_ns() % 10**9 if seed is None else seed
    end = time.monotonic() + seconds
    texts = answers = now = 0
    bad: list[str] = []
    while time.monotonic() < end:
        text = written(start + now, sizes[now % len(sizes)])
        found = disagreements(text, slow=now % 4 == 0)
        if found is not None:
            texts, answers = texts + 1, answers + found[0]
            if found[1]:
                bad.append(str(start + now))
                (folder / f"{start + now}.game").write_text(text)
                (folder / f"{start + now}.json").write_text(json.dumps(found[1], indent=2) + "\n")
        now += 1
    figures = (
        Figure("channels compared", texts, ""),
        Figure("answers compared", answers, ""),
        Figure("channels with an answer that differs", len(bad), "", 0, "at most"),
    )
    return Outcome("readings", TITLE, figures, {"seconds": seconds, "seed": start}, {"found": bad})


__all__ = ["disagreements", "measure"]
