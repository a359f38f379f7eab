"""The exact reading against enumeration of every play, closed forms, and counted steps."""

from collections.abc import Iterator
from fractions import Fraction as F
from itertools import product
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
    Decide,
    Diagram,
    Draw,
    Loop,
    Port,
    Seat,
    binds,
)
from opengames.evaluate import evaluate
from opengames.exact import prepared as query
from opengames.exact.asking import (
    _Asker,
    answer,
    cvar,
    distribution,
    expectations,
    marginals,
    reach,
    support,
    variance,
)
from opengames.program import Fun, Program
from opengames.spaces import BOOL, REAL, Enum, Family, Grid, Space, index_points
from opengames.terms import (
    Apply,
    Ask,
    At,
    Const,
    Fold,
    If,
    Normal,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
)  # fmt: skip

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


def E(diagram: Diagram, term: Term, program: Program | None = None, **more: Any) -> Any:
    return answer(program or NOTHING, diagram, Ask("E", (term,)), more.pop("params", {}), **more)


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


def law(diagram: Diagram, term: Term, evidence: tuple[Term, ...] = ()) -> dict[Any, F]:
    found: dict[Any, F] = {}
    for env, p in plays(diagram, {}, FUNS):
        if all(evaluate(e, env, FUNS, {}) for e in evidence):
            v = evaluate(term, env, FUNS, {})
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
def folds(draw_: Any, loop: str, n: int, bools: list[str], reals: list[str]) -> Term:
    """Something added up, or compared, along a loop, with wires from around it."""
    k = Var("k")
    value, sign = At(Var(f"{loop}f"), (k,), (span(n),)), At(Var(f"{loop}g"), (k,), (span(n),))
    space = draw_(st.sampled_from([span(n), span(max(1, n - 1))]))
    match draw_(st.integers(0, 4)):
        case 0:
            return Fold("max", (("k", space),), op("min", value, Var(reals[0])))
        case 1:
            return Fold("sum", (("k", space),), op("*", value, Var(reals[-1])), sign)
        case 2:
            product_ = Fold("product", (("k", space),), If(sign, num(2), op("ind", Var(bools[-1]))))
            return op("+", product_, Var(reals[0]))
        case 3:
            whole = Fold("sum", (("k", space), ("m", span(2))), op("*", op("-", value, Var("m")), op("ind", sign)))
            return op("/", whole, num(4))
    return Apply("spread", (Var(f"{loop}f"),)) if n == 2 else Apply("twice", (value_at(loop, n),))


def value_at(loop: str, n: int) -> Term:
    return At(Var(f"{loop}f"), (num(n),), (span(n),))


PAIR = Family((span(2),), REAL)
FUNS = {
    "twice": Fun("twice", (Port("x", REAL),), REAL, op("+", Var("x"), Var("x"))),
    "spread": Fun("spread", (Port("x", PAIR),), REAL, op(
        "-",
        Fold("max", (("u", span(2)),), At(Var("x"), (Var("u"),), (span(2),))),
        Fold("sum", (("v", span(2)),), op("/", At(Var("x"), (Var("v"),), (span(2),)), num(2))),
    )),
}  # fmt: skip
NOTHING = Program(funs=FUNS)


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
            boxes.append(compute(f"{name}q", draw_(folds(name, n, b, r))))
            b += [f"{name}b", f"{name}e"]
            r += [f"{name}z", f"{name}r", f"{name}o", f"{name}q"]
    boxes += [compute(f"{tag}B", draw_(booleans(b)), BOOL), compute(f"{tag}R", draw_(numbers(b, r)))]
    return Diagram(tag, inputs, (Port(f"{tag}B", BOOL), Port(f"{tag}R", REAL)), tuple(boxes))


relaxed = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def enumerable(diagram: Diagram) -> int:
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
@given(diagrams())
def test_conditional_chances_are_ratios_of_joint_chances(diagram):
    if enumerable(diagram) > 9:
        return
    event = op("<=", Var("wR"), num(1))
    expected = law(diagram, event, (Var("wB"),))
    if not expected:
        with pytest.raises(Refusal, match="impossible-evidence"):
            P(diagram, event, Var("wB"))
    else:
        assert P(diagram, event, Var("wB")) == expected.get(True, 0)


@relaxed
@given(diagrams(depth=1))
def test_the_two_engines_agree(diagram):
    if enumerable(diagram) > 14:
        return
    found = []
    for engine in ("forward", "factors"):
        asker = _Asker(NOTHING, diagram, {}, 10**6, F, {}, engine)
        joint = dict(asker.distribution(If(Var("wB"), op("+", Var("wR"), num(100)), Var("wR")), ()))
        found.append((asker.expectations((Var("wR"), op("ind", Var("wB"))), ()), joint))
    assert found[0] == found[1]


@relaxed
@given(diagrams())
def test_floats_follow_the_fractions(diagram):
    if enumerable(diagram) > 14:
        return
    found = E(diagram, Var("wR"), number=float)
    assert isinstance(found, float)
    assert found == pytest.approx(float(E(diagram, Var("wR"))), abs=1e-9)


# ---------------------------------------------------------------- closed forms


def test_switching_wins_the_car_two_times_in_three():
    doors = Enum("Door", ("A", "B", "C"))
    goats = {}
    for car, mine in product(doors.labels, repeat=2):
        free = [d for d in doors.labels if d not in (car, mine)]
        goats[car, mine] = Weighted(tuple((Const(d), num(F(1, len(free)))) for d in free))
    opened = Select((Var("car"), Var("mine")), (doors, doors), tuple(goats.values()))
    last = {(m, o): next((d for d in doors.labels if d not in (m, o)), m) for m, o in product(doors.labels, repeat=2)}
    other = Select((Var("mine"), Var("opened")), (doors, doors), tuple(Const(d) for d in last.values()))
    show = Diagram(
        "MontyHall",
        boxes=(
            draw("car", Uniform(doors), doors),
            draw("mine", Uniform(doors), doors),
            draw("opened", opened, doors),
            compute("other", other, doors),
        ),
    )
    assert P(show, op("==", Var("other"), Var("car"))) == F(2, 3)
    given_goat = (op("==", Var("mine"), Const("A")), op("==", Var("opened"), Const("B")))
    assert P(show, op("==", Var("car"), Const("A")), *given_goat) == F(1, 3)
    assert P(show, op("==", Var("car"), Const("C")), *given_goat) == F(2, 3)


def gambler(rounds: int, goal: int, start: int, chance: F) -> Diagram:
    at_edge = op("or", op("==", Var("wealth"), num(0)), op("==", Var("wealth"), num(goal)))
    wealth = Grid(tuple(F(i) for i in range(goal + 1)))
    body = Diagram(
        "round",
        (Port("t", span(rounds)), Port("wealth", wealth)),
        (Port("after", wealth), Port("broke", BOOL)),
        (
            draw("win", coin(num(chance))),
            compute("step", If(at_edge, num(0), If(Var("win"), num(1), num(-1)))),
            compute("after", op("+", Var("wealth"), Var("step")), wealth),
            compute("broke", op("==", Var("after"), num(0)), BOOL),
        ),
    )
    loop = Loop(
        "broke", (("t", span(rounds)),), body, (), (Carry("wealth", wealth, "start", "after"),),
        (("broke", "broke"),), (("end", "wealth"),),
    )  # fmt: skip
    return Diagram("Gambler", boxes=(compute("start", num(start), wealth), loop))


def test_a_gambler_is_ruined_as_the_closed_form_says():
    p, goal, start = F(2, 5), 5, 2
    r = (1 - p) / p
    ruin = (r**start - r**goal) / (1 - r**goal)
    game = gambler(400, goal, start, p)
    assert float(P(game, op("==", Var("end"), num(0)))) == pytest.approx(float(ruin), abs=1e-12)
    ever = Fold("or", (("t", span(400)),), At(Var("broke"), (Var("t"),), (span(400),)))
    assert P(game, ever) == P(game, op("==", Var("end"), num(0)))


def test_one_element_of_a_long_history_is_read_without_keeping_the_history():
    game = gambler(60, 4, 2, F(1, 2))
    second = At(Var("broke"), (num(2),), (span(60),))
    assert P(game, second) == F(1, 4)
    assert P(game, second, op("==", Var("end"), num(0))) > F(1, 4)


def discounted(rounds: int) -> Diagram:
    body = Diagram("round", (Port("t", span(rounds)),), (Port("stage", REAL),), (
        draw("heads", coin(num(F(1, 2)))), compute("stage", op("*", num(4), op("ind", Var("heads")))),
    ))  # fmt: skip
    loop = Loop("stage", (("t", span(rounds)),), body, (), (), (("stage", "stage"),))
    worth = op("*", op("^", Param("discount"), Var("s")), At(Var("stage"), (Var("s"),), (span(rounds),)))
    return Diagram("Stream", boxes=(loop, compute("total", Fold("sum", (("s", span(rounds)),), worth))))


@given(st.integers(1, 30), st.sampled_from([F(1, 2), F(9, 10), F(95, 100)]))
@settings(deadline=None, max_examples=20)
def test_a_discounted_stream_is_a_geometric_sum(n, d):
    assert E(discounted(n), Var("total"), params={"discount": d}) == 2 * d * (1 - d**n) / (1 - d)


# ------------------------------------------------------------ cost, in steps


def work(diagram: Diagram, term: Term, number: type = F) -> int:
    asker = _Asker(NOTHING, diagram, {"discount": F(95, 100)}, 10**7, number, {}, "forward")
    asker.expectations((term,), ())
    assert asker.last is not None
    return asker.last.work


def dilemma(rounds: int, wealth: bool) -> Diagram:
    """Both players mix, with chances that depend on the previous round. wealth: add payoffs up in a carried wire."""
    pay = Select((Var("a"), Var("b")), (MOVE, MOVE), tuple(map(num, (3, 0, 5, 1))))

    def plan(mine: str, theirs: str) -> Term:
        mixes = [Weighted(((Const("C"), num(p)), (Const("D"), num(1 - p)))) for p in (F(9, 10), F(1, 10), F(7, 10), F(1, 5))]
        return Select((Var(mine), Var(theirs)), (MOVE, MOVE), tuple(mixes))

    spaces = (Port("t", span(rounds)), Port("was_a", MOVE), Port("was_b", MOVE), Port("sum", REAL))
    boxes = (
        draw("a", plan("was_a", "was_b"), MOVE),
        draw("b", plan("was_b", "was_a"), MOVE),
        compute("stage", pay),
        compute("more", op("+", Var("sum"), Var("stage"))),
    )
    outs = (Port("stage", REAL), Port("more", REAL), Port("a", MOVE), Port("b", MOVE))
    body = Diagram("round", spaces, outs, boxes)
    carry = (Carry("was_a", MOVE, "first", "a"), Carry("was_b", MOVE, "first", "b"), Carry("sum", REAL, "nothing", "more"))
    loop = Loop("stage", (("t", span(rounds)),), body, (), carry, (("stage", "stage"),), (("wealth", "sum"),))
    whole = Fold("sum", (("s", span(rounds)),), At(Var("stage"), (Var("s"),), (span(rounds),)))
    start = (compute("first", Const("C"), MOVE), compute("nothing", num(0)))
    return Diagram("Repeated", boxes=(*start, loop, compute("total", Var("wealth") if wealth else whole)))


@pytest.mark.parametrize("wealth", [False, True])
def test_a_repeated_game_costs_its_horizon(wealth):
    short, long = (work(dilemma(n, wealth), Var("total")) for n in (100, 200))
    assert long <= 2 * short + 100
    assert short <= 100 * 100


def test_summing_in_a_carried_wire_or_over_the_family_is_the_same():
    assert E(dilemma(7, True), Var("total")) == E(dilemma(7, False), Var("total"))
    assert E(dilemma(4, True), Var("total")) == mean(law(dilemma(4, True), Var("total")))


def test_a_thousand_mixed_rounds_stay_exact_and_small():
    found = E(dilemma(1000, False), Var("total"))
    assert isinstance(found, F)
    assert work(dilemma(1000, False), Var("total")) < 100_000
    assert float(found) == pytest.approx(E(dilemma(1000, False), Var("total"), number=float), rel=1e-9)


def test_sums_of_loops_inside_calls_inside_loops_keep_no_history():
    def market(days: int) -> Diagram:
        hours = 24
        hour = Diagram("hour", (Port("h", span(hours)), Port("up", BOOL)), (Port("next", BOOL), Port("gain", REAL)), (
            draw("next", If(Var("up"), coin(num(F(2, 3))), coin(num(F(1, 3))))),
            compute("gain", op("*", Var("h"), op("ind", Var("next")))),
        ))  # fmt: skip
        loop = Loop("gain", (("h", span(hours)),), hour, (), (Carry("up", BOOL, "was", "next"),), (("gain", "gain"),), (("last", "up"),))
        total = Fold("sum", (("k", span(hours)),), At(Var("gain"), (Var("k"),), (span(hours),)))
        day = Diagram("Day", (Port("was", BOOL),), (Port("last", BOOL), Port("paid", REAL)), (loop, compute("paid", total)))
        body = Diagram("body", (Port("d", span(days)), Port("state", BOOL)), (Port("after", BOOL), Port("paid", REAL)), (
            Call("paid", day, ("state",), ("after", "paid")),
        ))  # fmt: skip
        year = Loop("paid", (("d", span(days)),), body, (), (Carry("state", BOOL, "start", "after"),), (("paid", "paid"),))
        whole = Fold("sum", (("e", span(days)),), At(Var("paid"), (Var("e"),), (span(days),)))
        average = op("/", Apply("scaled", (whole,)), num(days))
        return Diagram("Year", boxes=(compute("start", Const(True), BOOL), year, compute("mean", average)))

    program = Program(funs={"scaled": Fun("scaled", (Port("x", REAL),), REAL, op("*", Var("x"), num(2)))})
    asker = _Asker(program, market(50), {}, 10**6, F, {})
    found = asker.expectations((Var("mean"),), ())[0]
    assert asker.last is not None and asker.last.peak <= 8
    chain, total = F(1), F(0)
    for _ in range(50):
        for h in range(1, 25):
            chain = chain * F(2, 3) + (1 - chain) * F(1, 3)
            total += h * chain
    assert found == 2 * total / 50


def test_independent_repetitions_do_not_multiply():
    """Forty independent coins in a family: the number of heads, not the 2^40 sequences."""
    n = 40
    body = Diagram("toss", (Port("i", span(n)),), (Port("heads", BOOL),), (draw("heads", coin(num(F(1, 2)))),))
    loop = Loop("heads", (("i", span(n)),), body, (), (), (("heads", "heads"),))
    total = Fold("sum", (("k", span(n)),), op("ind", At(Var("heads"), (Var("k"),), (span(n),))))
    tosses = Diagram("Tosses", boxes=(loop, compute("count", total)))
    from math import comb

    assert dict(distribution(NOTHING, tosses, Var("count"))) == {F(k): F(comb(n, k), 2**n) for k in range(n + 1)}
    assert E(tosses, Var("count")) == 20


def test_an_average_subtracted_inside_a_second_sum_is_no_circle():
    """A fold that uses another fold of the same loop cannot run along with it; the family is kept instead."""
    n = 4
    body = Diagram("toss", (Port("i", span(n)),), (Port("x", REAL),), (draw("c", coin(num(F(1, 2)))), compute("x", op("ind", Var("c")))))
    loop = Loop("x", (("i", span(n)),), body, (), (), (("x", "x"),))
    item = At(Var("x"), (Var("k"),), (span(n),))
    average = compute("average", op("/", Fold("sum", (("k", span(n)),), item), num(n)))
    spread = compute("spread", Fold("sum", (("k", span(n)),), op("^", op("-", item, Var("average")), num(2))))
    tosses = Diagram("Tosses", boxes=(loop, average, spread))
    assert E(tosses, Var("spread")) == mean(law(tosses, Var("spread"))) == F(3, 4)


def test_two_loops_that_look_at_each_others_sums_are_no_circle():
    n = 3

    def toss(name: str) -> Loop:
        body = Diagram("toss", (Port(f"i{name}", span(n)),), (Port(f"{name}1", REAL),), (
            draw(f"c{name}", coin(num(F(1, 3)))), compute(f"{name}1", op("ind", Var(f"c{name}"))),
        ))  # fmt: skip
        return Loop(name, ((f"i{name}", span(n)),), body, (), (), ((name, f"{name}1"),))

    def total(name: str, factor: Term) -> Term:
        return Fold("sum", (("k", span(n)),), op("*", At(Var(name), (Var("k"),), (span(n),)), factor))

    boxes = (
        toss("x"), toss("y"), compute("sx", total("x", num(1))), compute("sy", total("y", num(1))),
        compute("xy", total("x", Var("sy"))), compute("yx", total("y", Var("sx"))),
    )  # fmt: skip
    both = Diagram("Both", boxes=boxes)
    term = op("+", Var("xy"), op("*", num(10), Var("yx")))
    assert dict(distribution(NOTHING, both, term)) == law(both, term)


def tree(depth: int) -> Diagram:
    boxes = [draw("n1", coin(num(F(1, 2))))]
    for i in range(2, 2**depth):
        boxes.append(draw(f"n{i}", If(Var(f"n{i // 2}"), coin(num(F(3, 4))), coin(num(F(1, 4))))))
    return Diagram("Tree", boxes=tuple(boxes))


def test_a_tree_of_sixty_three_coins_is_answered_without_its_joint():
    network = tree(6)
    leaves = [f"n{i}" for i in range(32, 64)]
    # a leaf agrees with the root as a walk of five steps does: (1 + 2^-5) / 2
    assert P(network, Var("n40"), Var("n1")) == (1 + F(1, 32)) / 2
    every = Const(True)
    for leaf in leaves:
        every = op("and", every, Var(leaf))
    up, down = F(1), F(0)
    for _ in range(5):
        up, down = (F(3, 4) * up + F(1, 4) * down) ** 2, (F(1, 4) * up + F(3, 4) * down) ** 2
    evidence = tuple(Var(leaf) for leaf in leaves)
    assert P(network, Var("n1"), *evidence) == up / (up + down)


def test_a_chain_given_both_ends_is_answered_by_both_engines():
    n = 40
    boxes = [draw("n0", coin(num(F(1, 2))))]
    boxes += [draw(f"n{i}", If(Var(f"n{i - 1}"), coin(num(F(3, 4))), coin(num(F(1, 4))))) for i in range(1, n + 1)]
    chain = Diagram("Chain", boxes=tuple(boxes))
    half = F(1, 2) ** 20
    expected = ((1 + half) / 2) ** 2 / ((1 + half * half) / 2)
    for engine in ("forward", "factors"):
        asker = _Asker(NOTHING, chain, {}, 10**6, F, {}, engine)
        assert asker.expectations((op("ind", Var("n20")),), (Var("n0"), Var(f"n{n}")))[0] == expected


# ------------------------------------------------------------- prepared queries


def sprinkler() -> Diagram:
    def table(keys: tuple[str, ...], rows: tuple[F, ...]) -> Term:
        return Select(tuple(map(Var, keys)), (BOOL,) * len(keys), tuple(coin(num(r)) for r in rows))

    return Diagram("Sprinkler", boxes=(
        draw("cloudy", coin(num(F(1, 2)))),
        draw("sprinkler", table(("cloudy",), (F(1, 2), F(1, 10)))),
        draw("rain", table(("cloudy",), (F(1, 5), F(4, 5)))),
        draw("wet", table(("sprinkler", "rain"), (F(0), F(9, 10), F(9, 10), F(99, 100)))),
    ))  # fmt: skip


def test_the_sprinkler_network_gives_its_published_answer():
    """Russell and Norvig, Artificial Intelligence, section 14.5: P(rain | sprinkler) = 0.3 as they estimate by sampling."""
    network = sprinkler()
    assert P(network, Var("rain"), Var("sprinkler")) == F(3, 10)
    found = marginals(NOTHING, network, ("rain", "wet"), (Var("cloudy"),))
    assert dict(found["rain"]) == {True: F(4, 5), False: F(1, 5)}


@pytest.mark.parametrize("open_", [1, 4, 1 << 16])
def test_prepared_queries_answer_as_single_questions_do(open_, monkeypatch):
    monkeypatch.setattr(query, "OPEN", open_)
    network = tree(5)
    seen = ("n2", "n9", "n20", "n31")
    prepared = query.compile_query(NOTHING, network, "n1", seen)
    rows = [dict(zip(seen, values, strict=True)) for values in product((True, False), repeat=4)]
    answers = prepared.batch(rows)
    for row, chances in zip(rows, answers, strict=True):
        evidence = [op("==", Var(n), Const(v)) for n, v in row.items()]
        exact = dict(distribution(NOTHING, network, Var("n1"), evidence))
        assert dict(zip(prepared.values, chances, strict=True)) == pytest.approx({v: float(c) for v, c in exact.items()})
        assert dict(prepared.one(row)) == pytest.approx({v: float(c) for v, c in exact.items()})


def test_prepared_queries_refuse_what_cannot_happen():
    prepared = query.compile_query(NOTHING, sprinkler(), "cloudy", ("sprinkler", "rain", "wet"))
    with pytest.raises(Refusal, match="impossible-evidence"):
        prepared.one({"sprinkler": False, "rain": False, "wet": True})
    with pytest.raises(Refusal, match="outside-type"):
        prepared.one({"sprinkler": False, "rain": "perhaps", "wet": True})
    with pytest.raises(Refusal, match="over-budget"):
        query.compile_query(NOTHING, gambler(5, 4, 2, F(1, 2)), "end", ())


# -------------------------------------------------------- tails and refusals


def test_cvar_counts_the_outcome_at_the_edge_in_part():
    pairs = ((F(10), F(1, 2)), (F(-20), F(1, 10)), (F(0), F(2, 5)))
    assert cvar(pairs, F(1, 10)) == -20
    assert cvar(pairs, F(1, 5)) == -10
    assert cvar(pairs, F(1)) == 3
    assert variance(pairs) == F(1, 2) * 49 + F(1, 10) * 529 + F(2, 5) * 9


def test_questions_about_tails_and_laws():
    dice = Grid(tuple(F(i) for i in range(1, 7)))
    roll = Diagram("Roll", boxes=(draw("a", Uniform(dice), dice), draw("b", Uniform(dice), dice)))
    total = op("+", Var("a"), Var("b"))
    assert answer(NOTHING, roll, Ask("variance", (total,)), {}) == F(35, 6)
    assert answer(NOTHING, roll, Ask("cvar", (total, num(F(1, 12)))), {}) == F(8, 3)
    assert dict(answer(NOTHING, roll, Ask("distribution", (Var("a"), op("==", total, num(3)))), {})) == {1: F(1, 2), 2: F(1, 2)}
    assert support(NOTHING, roll, "a") == dice.points
    assert expectations(NOTHING, roll, (total, Var("a")), (op(">=", Var("a"), num(6)),)) == [F(19, 2), 6]


def code_of(diagram: Diagram, ask: Ask, **more: Any) -> str:
    with pytest.raises(Refusal) as caught:
        answer(NOTHING, diagram, ask, {}, **more)
    return caught.value.diagnostics[0].code


def test_what_the_exact_reading_cannot_answer_is_refused_by_name():
    normal = Diagram("N", boxes=(draw("x", Normal(num(0), num(1)), REAL), draw("c", coin(num(F(1, 2))))))
    assert code_of(normal, Ask("E", (Var("x"),))) == "needs-sampling"
    assert E(normal, op("ind", Var("c"))) == F(1, 2)
    open_game = Diagram("G", boxes=(Decide((Port("a", MOVE),), Seat("ann"), (), "gain"), compute("gain", num(1))))
    assert code_of(open_game, Ask("P", (op("==", Var("a"), Const("C")),))) == "needs-strategy"
    assert E(open_game, Var("gain")) == 1
    channel = Diagram("K", (Port("x", REAL),), (Port("y", REAL),), (compute("y", op("*", num(2), Var("x"))),))
    assert code_of(channel, Ask("E", (Var("y"),))) == "needs-inputs"
    assert E(channel, Var("y"), inputs={"x": F(3)}) == 6
    assert code_of(sprinkler(), Ask("P", (Var("rain"), op("and", Var("wet"), op("not", Var("wet")))))) == "impossible-evidence"
    assert code_of(dilemma(30, False), Ask("distribution", (Var("stage"),)), budget=10_000) == "over-budget"


def test_nothing_is_computed_where_the_evidence_is_false():
    roll = Diagram("R", boxes=(draw("x", Uniform(Grid((F(0), F(1), F(2)))), REAL),))
    inverse = op(">=", op("/", num(1), Var("x")), num(1))
    assert P(roll, inverse, op(">", Var("x"), num(0))) == F(1, 2)
    assert code_of(roll, Ask("P", (inverse,))) == "division-by-zero"


def test_a_fold_that_is_not_needed_may_fail():
    n = 3
    body = Diagram("b", (Port("i", span(n)),), (Port("x", REAL),), (draw("c", coin(num(F(1, 2)))), compute("x", op("ind", Var("c")))))
    loop = Loop("x", (("i", span(n)),), body, (), (), (("x", "x"),))
    item = At(Var("x"), (Var("k"),), (span(n),))
    every = Fold("and", (("k", span(n)),), op(">", item, num(0)))
    inverse = Fold("sum", (("k", span(n)),), op("/", num(1), item))
    guarded = Diagram("G", boxes=(loop, compute("y", If(every, inverse, num(-1)))))
    assert E(guarded, Var("y")) == F(1, 8) * 3 - F(7, 8)


def test_decisions_that_no_question_reaches_do_not_matter_inside_branches():
    arms = (
        Arm("c=true", (True,), Diagram("t", (), (Port("y", REAL),), (compute("y", num(4)),))),
        Arm("c=false", (False,), Diagram("f", (), (Port("y", REAL),), (draw("z", coin(num(F(1, 4)))), compute("y", op("ind", Var("z")))))),
    )
    split = Diagram("S", boxes=(draw("c", coin(num(F(1, 2)))), Branch("y", "c", arms, (), (Port("y", REAL),))))
    assert E(split, Var("y")) == F(1, 2) * 4 + F(1, 2) * F(1, 4)
    assert dict(distribution(NOTHING, split, Var("c"), (op("<=", Var("y"), num(1)),))) == {False: F(1)}


def test_families_over_two_indices_are_stored_row_major():
    inner = Diagram("in", (Port("j", span(2)), Port("i", span(3))), (Port("v", REAL),), (compute("v", op("+", op("*", num(10), Var("i")), Var("j"))),))
    row = Loop("v", (("j", span(2)),), inner, ("i",), (), (("v", "v"),))
    outer = Diagram("out", (Port("i", span(3)),), (Port("v", Family((span(2),), REAL)),), (row,))
    whole = Diagram("W", boxes=(Loop("v", (("i", span(3)),), outer, (), (), (("v", "v"),), reversed=True),))
    expected = tuple(F(10 * i + j) for i in (1, 2, 3) for j in (1, 2))
    assert distribution(NOTHING, whole, Var("v")) == ((expected, F(1)),)
    index = (span(3), span(2))
    assert E(whole, At(Var("v"), (num(2), num(1)), index)) == 21
    both = (("a", span(3)), ("b", span(2)))
    assert E(whole, Fold("sum", both, At(Var("v"), (Var("a"), Var("b")), index))) == sum(expected)
    assert E(whole, Fold("max", both, At(Var("v"), (Var("a"), Var("b")), index))) == 32
    assert E(whole, Fold("sum", (("b", span(2)),), At(Tabulate(both, At(Var("v"), (Var("a"), Var("b")), index)), (num(3), Var("b")), index))) == 63


def test_how_often_a_place_is_reached():
    deep = Diagram("deep", (Port("c", BOOL),), (), (draw("d", coin(num(F(1, 4)))), Decide((Port("card", MOVE),), Seat("ann"), (), "d")))
    arms = (Arm("c=true", (True,), deep), Arm("c=false", (False,), Diagram("f", (Port("c", BOOL),))))
    body = Diagram("b", (Port("i", span(5)),), (Port("c", BOOL),), (draw("c", coin(num(F(1, 3)))), Branch("split", "c", arms, ("c",))))
    called = Diagram("called", (), (Port("c", REAL),), (Loop("x", (("i", span(5)),), body, ()), compute("c", num(1))))
    whole = Diagram("W", boxes=(Call("hand", called, (), ("h",)),))
    assert reach(NOTHING, whole, "hand.c=true.card") == F(5, 3)
    assert reach(NOTHING, whole, "hand.c=false") == F(10, 3)
    assert reach(NOTHING, whole, "h") == 1
    with pytest.raises(KeyError):
        reach(NOTHING, whole, "hand.c=true.nobody")


def test_a_wire_carried_on_may_be_one_from_around_the_loop():
    ports = (Port("i", span(3)), Port("w", BOOL), Port("s", BOOL))
    body = Diagram("b", ports, (Port("next", BOOL), Port("seen", BOOL)), (
        compute("next", Var("w"), BOOL), compute("seen", Var("s"), BOOL),
    ))  # fmt: skip
    loop = Loop("seen", (("i", span(3)),), body, ("w",), (Carry("s", BOOL, "w", "next"),), (("seen", "seen"),), (("end", "s"),))
    whole = Diagram("W", boxes=(draw("w", coin(num(F(1, 3)))), loop))
    assert P(whole, Var("end")) == F(1, 3)
    assert P(whole, At(Var("seen"), (num(2),), (span(3),)), Var("w")) == 1


def test_a_long_chain_of_wires_is_no_deep_recursion():
    chain = [draw("w0", coin(num(F(1, 2))))]
    for i in range(1, 1000):
        other = If(Var(f"w{i - 1}"), coin(num(F(2, 3))), coin(num(F(1, 3))))
        chain.append(draw(f"w{i}", other) if i % 2 else compute(f"w{i}", op("not", Var(f"w{i - 1}")), BOOL))  # type: ignore[arg-type]
    assert P(Diagram("Chain", boxes=tuple(chain)), Var("w999")) == F(1, 2)


def test_a_wire_may_be_called_like_anything():
    whole = Diagram("W", boxes=(draw("answer", coin(num(F(1, 3)))), draw("it", coin(num(F(1, 2))))))
    both = (op("not", Var("answer")), op("and", Var("answer"), Var("it")))
    assert [dict(distribution(NOTHING, whole, t))[True] for t in both] == [F(2, 3), F(1, 6)]
