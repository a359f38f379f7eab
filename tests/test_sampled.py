"""The sampled reading against a slow interpreter, against exact values, and against itself."""

from __future__ import annotations

import math
from collections import OrderedDict
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled_oracle import COLOUR, Maker, slow_run, uniform

from opengames.diagnostics import Refusal
from opengames.diagram import Arm, Branch, Call, Carry, Compute, Decide, Diagram, Draw, Loop, Port, Seat
from opengames.program import ParamDecl, Program
from opengames.sampled import Outcomes, Uniforms, simulate
from opengames.spaces import BOOL, PROB, REAL, Enum, Family, Grid, Reals, Record, Shown, Space
from opengames.terms import (
    At,
    Check,
    Const,
    Fold,
    If,
    Normal,
    Pack,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
)  # fmt: skip

EMPTY = Program()


def n(x: Any) -> Const:
    return Const(F(x))


def op(name: str, *args: Term) -> Prim:
    return Prim(name, args)


def coin(p: Term) -> Weighted:
    return Weighted(((Const(True), p), (Const(False), op("-", n(1), p))))


def ints(k: int) -> Grid:
    return Grid(tuple(F(i) for i in range(1, k + 1)))


def plain(*boxes: Any, outputs: tuple[Port, ...] = ()) -> Diagram:
    return Diagram("test", outputs=outputs, boxes=boxes)


def walk_in_units(people: int, units: int, *more: Any) -> Diagram:
    """Everybody walks at random for some units, sometimes resting; `total` is where they end, summed."""
    who, when = ints(people), ints(units)
    step = Draw(Port("step", Grid((F(-1), F(0), F(1)))), Uniform(Grid((F(-1), F(0), F(1)))))
    body = Diagram(
        "unit",
        (Port("t", when), Port("at", REAL)),
        (Port("after", REAL), Port("step", step.out.space)),
        (*more, step, Compute(Port("after", REAL), op("+", Var("at"), op("*", n("0.1"), Var("step"))))),
    )
    person = Diagram(
        "person",
        (Port("u", who), Port("zero", REAL)),
        (Port("end", REAL), Port("path", Family((when,), REAL))),
        (Loop("path", (("t", when),), body, (), (Carry("at", REAL, "zero", "after"),), (("path", "after"),), (("end", "at"),)),),
    )
    return plain(
        Compute(Port("zero", REAL), n(0)),
        Loop("end", (("u", who),), person, ("zero",), outs=(("end", "end"), ("path", "path"))),
        Compute(Port("total", REAL), Fold("sum", (("v", who),), At(Var("end"), (Var("v"),), (who,)))),
        outputs=(Port("total", REAL), Port("path", Family((who, when), REAL))),
    )


# ------------------------------------------------------------------ the oracle


def python_value(data: np.ndarray, space: Space) -> Any:
    """One run of a column as the interpreter gives it, flattened."""
    if isinstance(space, Enum):
        return [space.labels[i] for i in data.ravel()]
    return data.ravel().tolist()


@settings(max_examples=6, derandomize=True)
@given(st.integers(0, 10**6))
def test_a_random_diagram_means_what_the_slow_interpreter_says(seed: int) -> None:
    diagram, fresh = Maker(seed).diagram({}, 4, 2)
    runs = simulate(EMPTY, diagram, runs=3, seed=seed)
    for run in range(3):
        expected = slow_run(diagram, {}, seed, run)
        for wire in fresh:
            column = runs.columns[wire]
            found = python_value(column.data[run], column.space)
            want = expected[wire] if isinstance(expected[wire], tuple) else (expected[wire],)
            if column.data.dtype == np.float64:
                np.testing.assert_allclose(found, [float(x) for x in want], rtol=1e-9, atol=1e-9)
            else:
                assert found == list(want), (wire, run)


def test_the_random_diagrams_cover_every_construct() -> None:
    from opengames.diagram import walk

    kinds = {type(box).__name__ for seed in range(40) for _, box in walk(Maker(seed).diagram({}, 4, 2)[0])}
    assert kinds == {"Compute", "Draw", "Loop", "Branch", "Call"}


def test_the_cipher_is_the_published_one() -> None:
    from jax.extend.random import threefry_2x32

    from opengames.sampled.backend import jnp
    from opengames.sampled.keys import threefry

    count = jnp.arange(64, dtype=jnp.uint32) * jnp.uint32(2654435761)
    key = (jnp.uint32(0xDEADBEEF), jnp.uint32(42))
    theirs = threefry_2x32(key, count)
    ours = jnp.concatenate(threefry(key, count[:32], count[32:]))
    assert (theirs == ours).all()


def test_a_uniform_is_a_function_of_seed_path_loops_and_run() -> None:
    index = (ints(3), ints(2), ints(2))
    tower: Any = Diagram("inner", (), (Port("x", Reals(F(0), F(1))),), (Draw(Port("x", PROB), Uniform(PROB)),))
    names = ("a", "b", "c")
    for name, space in reversed(list(zip(names, index, strict=True))):
        inputs = (Port(name, space),)
        tower = Diagram(name, inputs, tower.outputs, tower.boxes)
        deeper = tower.outputs[0].space
        family = Family((space, *deeper.index), PROB) if isinstance(deeper, Family) else Family((space,), PROB)
        tower = Diagram("around", (), (Port("x", family),), (Loop("x", ((name, space),), tower, (), outs=(("x", "x"),)),))
    seed = (7 << 32) + 11
    found = simulate(EMPTY, tower, runs=2, seed=seed)["x"]
    assert found.shape == (2, 3, 2, 2)
    for at in np.ndindex(found.shape):
        assert found[at] == float(uniform(seed, "x", at[1:], at[0]))


@pytest.mark.parametrize("apart", [0, 4])
def test_uniforms_made_in_the_rounds_of_a_loop_are_the_same(apart: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from opengames.sampled import simulation, uniforms

    monkeypatch.setattr(uniforms, "ROUND", 1)
    monkeypatch.setattr(uniforms, "APART", apart)
    monkeypatch.setattr(simulation, "_models", OrderedDict())
    sizes = {"x": (3, 9), "y": (3, 9), "z": (3, 9, 10), "w": (3, 9, 2)}

    def drawn(name: str) -> Draw:
        return Draw(Port(name, PROB), Uniform(PROB))

    def many(name: str) -> Loop:
        space = ints(sizes[name][-1])
        inner = Diagram("inner", (Port(f"{name}i", space),), (Port(name, PROB),), (drawn(name),))
        return Loop(name, ((f"{name}i", space),), inner, (), outs=((name, name),))

    when, who = ints(9), ints(3)
    step = Compute(Port("after", REAL), op("+", Var("at"), Var("x")))
    body = Diagram(
        "unit",
        (Port("t", when), Port("at", REAL)),
        (Port("after", REAL),),
        (drawn("x"), drawn("y"), many("z"), many("w"), step),
    )
    walk = Loop("end", (("t", when),), body, (), (Carry("at", REAL, "zero", "after"),), (), (("end", "at"),))
    person = Diagram("person", (Port("u", who), Port("zero", REAL)), (Port("end", REAL),), (walk,))
    around = Loop("end", (("u", who),), person, ("zero",), outs=(("end", "end"),))
    diagram = plain(Compute(Port("zero", REAL), n(0)), around)
    found = simulate(EMPTY, diagram, runs=2, seed=8, keep=["end", "x", "y", "z", "w"])
    for name, shape in sizes.items():
        assert found[name].shape == (2, *shape)
        for run, *at in np.ndindex(found[name].shape):
            assert found[name][(run, *at)] == float(uniform(8, name, tuple(at), run))


# ----------------------------------------------------------------------- keys


def test_a_run_is_the_same_alone_and_among_others() -> None:
    diagram = walk_in_units(12, 9)
    many = simulate(EMPTY, diagram, runs=11, seed=3)
    for run in (0, 4, 10):
        alone = simulate(EMPTY, diagram, runs=1, first=run, seed=3)
        np.testing.assert_allclose(alone["path"][0], many["path"][run], rtol=0, atol=1e-12)
        np.testing.assert_allclose(alone["total"][0], many["total"][run], rtol=0, atol=1e-12)


def test_small_chunks_give_the_same_numbers() -> None:
    diagram = walk_in_units(12, 9)
    whole = simulate(EMPTY, diagram, runs=8, seed=5)
    parts = simulate(EMPTY, diagram, runs=8, seed=5, budget=12 * 9 * 8 * 40)
    np.testing.assert_allclose(whole["path"], parts["path"], rtol=0, atol=1e-12)


def test_a_draw_added_elsewhere_changes_no_other() -> None:
    before = simulate(EMPTY, walk_in_units(12, 9), runs=3, seed=1, keep=["step"])
    extra = Draw(Port("extra", BOOL), coin(n("0.5")))
    after = simulate(EMPTY, walk_in_units(12, 9, extra), runs=3, seed=1, keep=["step", "extra"])
    assert (before["step"] == after["step"]).all()
    assert 0 < after["extra"].mean() < 1


def test_a_longer_loop_and_a_larger_population_keep_the_first_draws() -> None:
    small = simulate(EMPTY, walk_in_units(9, 9), runs=2, keep=["step"])["step"]
    large = simulate(EMPTY, walk_in_units(14, 12), runs=2, keep=["step"])["step"]
    assert (small == large[:, :9, :9]).all()


def test_another_seed_gives_other_numbers() -> None:
    diagram = walk_in_units(12, 9)
    assert (simulate(EMPTY, diagram, seed=1, keep=["step"])["step"] != simulate(EMPTY, diagram, seed=2, keep=["step"])["step"]).any()


# ------------------------------------------------------------------- supplied


def test_supplied_uniforms_and_outcomes_reproduce_a_run() -> None:
    diagram = walk_in_units(12, 9)
    free = simulate(EMPTY, diagram, runs=2, seed=9, keep=["total", "step"])
    us = np.array([[[float(uniform(9, "step", (u, t), r)) for t in range(9)] for u in range(12)] for r in range(2)])
    by_uniforms = simulate(EMPTY, diagram, runs=2, seed=77, given={"step": Uniforms(us)}, keep=["total"])
    by_outcomes = simulate(EMPTY, diagram, runs=2, seed=78, given={"step": Outcomes(free["step"])}, keep=["total"])
    assert (by_uniforms["total"] == free["total"]).all()
    assert (by_outcomes["total"] == free["total"]).all()


def test_one_supplied_array_serves_all_runs() -> None:
    diagram = walk_in_units(12, 9)
    found = simulate(EMPTY, diagram, runs=3, given={"step": Outcomes(np.ones((12, 9)))})
    np.testing.assert_allclose(found["total"], 12 * 0.9)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"step": Uniforms(np.zeros((12, 8)))}, "outside-type"),
        ({"step": Uniforms(np.full((12, 9), 1.0))}, "outside-type"),
        ({"step": Outcomes(np.full((12, 9), 0.5))}, "outside-type"),
        ({"stop": Uniforms(np.zeros((12, 9)))}, "unknown-wire"),
    ],
)
def test_what_does_not_fit_is_refused(given: Any, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        simulate(EMPTY, walk_in_units(12, 9), runs=2, given=given)
    assert refused.value.diagnostics[0].code == code


# --------------------------------------------------------------- distributions


def test_an_event_of_chance_a_happens_iff_the_uniform_is_below_a() -> None:
    diagram = plain(Draw(Port("x", COLOUR), Weighted(((Const("Blue"), n("0.25")), (Const("Red"), n("0.5")), (Const("Green"), n("0.25"))))))
    u = np.array([0.0, 0.2499, 0.25, 0.7499, 0.75, 1 - 2**-52])
    found = simulate(EMPTY, diagram, runs=6, given={"x": Uniforms(u)})
    assert found.labels("x").tolist() == ["Blue", "Blue", "Red", "Red", "Green", "Green"]


def test_means_agree_with_the_exact_values() -> None:
    """Nine means, each two-sided at 1e-7: a false alarm in one of a million seeds at most."""
    table = Select((Var("a"),), (COLOUR,), (coin(n("0.1")), coin(n("0.5")), coin(n("0.9"))))
    diagram = plain(
        Draw(Port("a", COLOUR), Uniform(COLOUR)),
        Draw(Port("b", BOOL), table),
        Draw(Port("z", REAL), Normal(n(3), n(2))),
        Draw(Port("v", Reals(F(-1), F(3))), Uniform(Reals(F(-1), F(3)))),
        Compute(Port("b1", REAL), op("ind", Var("b"))),
        Compute(Port("both", REAL), op("ind", op("and", Var("b"), op("==", Var("a"), Const("Blue"))))),
        Compute(Port("z2", REAL), op("^", op("-", Var("z"), n(3)), n(2))),
        Compute(Port("tail", REAL), op("ind", op("<", Var("z"), n(-1)))),
        Compute(Port("cross", REAL), op("*", op("-", Var("z"), n(3)), op("-", Var("v"), n(1)))),
    )
    found = simulate(EMPTY, diagram, runs=200_000, seed=2024)
    exact = {"b1": 0.5, "both": 0.3, "z": 3, "z2": 4, "v": 1, "tail": 0.5 * math.erfc(2 / math.sqrt(2)), "cross": 0}
    for wire, mean in exact.items():
        x = found[wire].astype(float)
        assert abs(x.mean() - mean) < 5.33 * x.std() / math.sqrt(len(x)), wire


def test_a_long_table_of_chances_is_looked_up() -> None:
    rows = ints(20)
    cells = tuple(Weighted(((Const(True), Const(F(k, 20))), (Const(False), Const(F(20 - k, 20))))) for k in range(1, 21))
    body = Diagram("row", (Port("r", rows),), (Port("x", BOOL),), (Draw(Port("x", BOOL), Select((Var("r"),), (rows,), cells)),))
    diagram = plain(Loop("x", (("r", rows),), body, (), outs=(("x", "x"),)))
    u = np.linspace(0, 0.999, 20 * 50).reshape(50, 20)
    found = simulate(EMPTY, diagram, runs=50, given={"x": Uniforms(u)})["x"]
    assert (found == (u < np.arange(1, 21) / 20)).all()


def test_exact_ties_are_ties() -> None:
    """Computed numbers that are equal as rationals compare equal, though their floats differ."""
    body = Diagram(
        "k",
        (Port("k", ints(40)),),
        (Port("same", BOOL), Port("less", BOOL)),
        (
            Compute(Port("x", REAL), op("/", op("*", Var("k"), n("0.1")), n(3))),
            Compute(Port("y", REAL), op("/", Var("k"), n(30))),
            Compute(Port("same", BOOL), op("==", Var("x"), Var("y"))),
            Compute(Port("less", BOOL), op("<", Var("x"), Var("y"))),
        ),
    )
    diagram = plain(Loop("same", (("k", ints(40)),), body, (), outs=(("same", "same"), ("less", "less"))))
    found = simulate(EMPTY, diagram)
    assert found["same"].all()
    assert not found["less"].any()


# --------------------------------------------------------------------- faults


def fault(diagram: Diagram, **more: Any) -> Any:
    with pytest.raises(Refusal) as refused:
        simulate(more.pop("program", EMPTY), diagram, **more)
    return refused.value.diagnostics[0]


def test_a_fault_names_its_wire_its_loops_and_its_run() -> None:
    body = Diagram(
        "t",
        (Port("t", ints(30)), Port("s", REAL)),
        (Port("next", REAL),),
        (
            Draw(Port("x", BOOL), coin(n("0.5"))),
            Compute(Port("next", REAL), op("/", n(1), op("-", Var("t"), op("*", n(17), op("ind", Var("x")))))),
        ),
    )
    inner = Diagram("game", (), (Port("last", REAL),), (
        Compute(Port("zero", REAL), n(0)),
        Loop("f", (("t", ints(30)),), body, (), (Carry("s", REAL, "zero", "next"),), (), (("last", "s"),)),
    ))  # fmt: skip
    diagram = plain(Call("paid", inner, (), ("paid",)), outputs=(Port("paid", REAL),))
    us = np.full((8, 30), 0.9)
    us[5, 16] = 0.1
    us[6, 16] = 0.1
    found = fault(diagram, runs=8, given={"paid.x": Uniforms(us)})
    assert found.code == "division-by-zero"
    assert found.notes == ("computing `paid.next`, in run 5, at t = 17",)


@pytest.mark.parametrize("size", [4, 20])
def test_the_first_of_several_faults_is_reported(size: int) -> None:
    space = ints(size)
    body = Diagram("k", (Port("k", space),), (Port("a", REAL), Port("b", REAL)), (
        Compute(Port("a", REAL), op("sqrt", op("-", n("2.5"), Var("k")))),
        Compute(Port("b", REAL), op("/", n(1), op("-", n(2), Var("k")))),
    ))  # fmt: skip
    found = fault(plain(Loop("a", (("k", space),), body, (), outs=(("a", "a"), ("b", "b")))))
    assert (found.code, found.notes) == ("division-by-zero", ("computing `b`, in run 0, at k = 2",))


def test_faults_in_branches_not_taken_do_not_count() -> None:
    x = Var("x")
    harmless = If(op(">", x, n(0)), op("log", x), op("/", n(1), op("-", n(1), op("ind", op(">", x, n(0))))))
    divide = op("and", op(">", x, n("0.5")), op(">", op("/", n(1), op("max", n(0), op("-", x, n("0.5")))), n(3)))
    arm = Diagram("yes", (Port("x", REAL),), (Port("r", REAL),), (Compute(Port("r", REAL), op("sqrt", op("-", x, n("0.5")))),))
    other = Diagram("no", (Port("x", REAL),), (Port("r", REAL),), (Compute(Port("r", REAL), n(0)),))
    diagram = plain(
        Draw(Port("x", Reals(F(-1), F(1))), Uniform(Reals(F(-1), F(1)))),
        Compute(Port("f", REAL), harmless),
        Compute(Port("g", BOOL), divide),
        Compute(Port("big", BOOL), op(">", x, n("0.5"))),
        Branch("r", "big", (Arm("big=true", (True,), arm), Arm("big=false", (False,), other)), ("x",), (Port("r", REAL),)),
    )
    found = simulate(EMPTY, diagram, runs=500)
    assert np.isfinite(found["f"]).all()
    assert (found["r"] > 0).mean() == pytest.approx(0.25, abs=0.1)


def test_decisions_and_draws_outside_their_type_are_refused() -> None:
    price = Grid((F(1), F(2), F(3)))
    wide = plain(Draw(Port("x", REAL), Normal(n(0), n(1))), Compute(Port("bid", REAL), Check(Var("x"), Reals(F(0), F(1)), "`bid`, decided by ann")))
    assert fault(wide, runs=50).headline == "`bid`, decided by ann is not in [0, 1]"
    off = plain(Draw(Port("x", price), Uniform(price)), Compute(Port("half", REAL), Check(op("/", Var("x"), n(2)), price, "`half`")))
    assert fault(off, runs=50).code == "outside-type"
    drawn = plain(Draw(Port("x", Reals(F(0), F(1))), Normal(n(0), n(1))))
    assert fault(drawn, runs=50).headline == "`x`, drawn here, is not in [0, 1]"


def test_chances_that_are_none_are_refused() -> None:
    program = Program(params={"p": ParamDecl("p", REAL, F(1, 2))})
    diagram = plain(Draw(Port("x", BOOL), coin(Param("p"))))
    assert simulate(program, diagram, runs=4, params={"p": 1.0})["x"].all()
    assert fault(diagram, program=program, params={"p": 1.5}).code == "not-a-distribution"
    short = plain(Draw(Port("x", BOOL), Weighted(((Const(True), Param("p")), (Const(False), n("0.2"))))))
    assert fault(short, program=program).headline == "the chances do not add up to 1"


def test_overflow_is_never_silent() -> None:
    body = Diagram("t", (Port("t", ints(30)), Port("s", REAL)), (Port("next", REAL),), (
        Compute(Port("next", REAL), op("*", op("*", Var("s"), Var("s")), n(10))),
    ))  # fmt: skip
    diagram = plain(
        Compute(Port("ten", REAL), n(10)),
        Loop("f", (("t", ints(30)),), body, (), (Carry("s", REAL, "ten", "next"),), (), (("last", "s"),)),
        Compute(Port("nan", BOOL), op("<", op("-", Var("last"), Var("last")), n(1))),
    )
    assert fault(diagram, keep=["last"]).code == "overflow"
    assert fault(diagram, keep=["nan"]).code == "overflow"


def test_an_open_decision_needs_a_strategy() -> None:
    decide = Decide((Port("a", BOOL),), Seat("ann"), (), "one")
    found = fault(plain(Compute(Port("one", REAL), n(1)), decide))
    assert (found.code, "ann" in found.headline) == ("needs-strategy", True)
    clearing = Decide((Port("q", REAL),), Seat("iso"), (), "one")
    assert fault(plain(Compute(Port("one", REAL), n(1)), clearing)).code == "not-yet"


def test_too_much_is_refused_with_the_count() -> None:
    found = fault(walk_in_units(100, 50), runs=10_000, budget=1 << 20)
    assert (found.code, "MiB" in found.headline) == ("over-budget", True)


# -------------------------------------------------------------------- results


def test_wires_inside_calls_and_branches_can_be_kept() -> None:
    quote = Record((("bid", Reals(shown=Shown("MWh", F(1000)))), ("buys", BOOL)))
    yes = Diagram("yes", (), (), (
        Draw(Port("coin", BOOL), coin(n("0.5"))),
        Compute(Port("quote", quote), Pack((n(2000), Var("coin")))),
    ))  # fmt: skip
    inner = Diagram("inner", (), (Port("c", BOOL),), (
        Draw(Port("c", BOOL), coin(n("0.5"))),
        Branch("b", "c", (Arm("c=true", (True,), yes), Arm("c=false", (False,), Diagram("no"))), ()),
    ))  # fmt: skip
    found = simulate(EMPTY, plain(Call("x", inner, (), ("x",))), runs=64, keep=["x", "x.c=true.quote"])
    bid = found.columns["x.c=true.quote.bid"]
    assert (bid.taken == found["x"]).all()
    assert (found["x.c=true.quote.bid"] == 2).all()
    assert found.unit("x.c=true.quote.bid") == "MWh"
    assert set(found.labels("x.c=true.quote.buys")[~found["x"]]) == {""}
    assert found.to_dict()["wires"]["x"]["values"] == found["x"].tolist()


def test_a_field_and_a_wire_of_one_name_are_not_kept_together() -> None:
    pair = Record((("x", REAL), ("y", REAL)))
    inner = Diagram(
        "inner", (), (Port("made", pair),), (Compute(Port("x", REAL), n(1)), Compute(Port("made", pair), Pack((n(2), Var("x"))))),
    )  # fmt: skip
    diagram = plain(Call("pair", inner, (), ("pair",)))
    assert simulate(EMPTY, diagram, keep=["pair"])["pair.x"][0] == 2
    assert simulate(EMPTY, diagram, keep=["pair.x"])["pair.x"][0] == 1
    with pytest.raises(Refusal) as refused:
        simulate(EMPTY, diagram, keep=["pair", "pair.x"])
    assert refused.value.diagnostics[0].code == "duplicate-name"


def test_unknown_wires_are_refused() -> None:
    assert fault(walk_in_units(9, 9), keep=["totl"]).code == "unknown-wire"


def test_new_data_of_the_same_shape_does_not_compile_again() -> None:
    from opengames.sampled import simulation

    hours = Family((ints(30),), REAL)
    program = Program(params={"load": ParamDecl("load", hours)})
    diagram = plain(Compute(Port("peak", REAL), Fold("max", (("t", ints(30)),), At(Param("load"), (Var("t"),), (ints(30),)))))
    assert fault(diagram, program=program).code == "unknown-param-value"
    first = simulate(program, diagram, params={"load": np.arange(30.0)})
    model = simulation._model(program, diagram, None)
    before = [f._cache_size() for f, _ in model._compiled.values()]
    second = simulate(program, diagram, params={"load": tuple(F(i, 2) for i in range(30))})
    assert (first["peak"][0], second["peak"][0]) == (29.0, 14.5)
    assert [f._cache_size() for f, _ in model._compiled.values()] == before


def test_a_sum_over_a_carrying_loop_is_taken_inside_it() -> None:
    from opengames.diagram import Loop as LoopBox
    from opengames.sampled.fuse import fuse

    units = ints(25)
    body = Diagram("t", (Port("t", units), Port("s", REAL)), (Port("bill", REAL),), (
        Draw(Port("x", BOOL), coin(n("0.5"))),
        Compute(Port("bill", REAL), op("+", op("/", Var("s"), n(2)), op("*", Var("t"), op("ind", Var("x"))))),
    ))  # fmt: skip
    diagram = plain(
        Compute(Port("zero", REAL), n(0)),
        Loop("bill", (("t", units),), body, (), (Carry("s", REAL, "zero", "bill"),), (("bill", "bill"),)),
        Compute(Port("total", REAL), Fold("sum", (("v", units),), At(Var("bill"), (Var("v"),), (units,)))),
    )
    fused = next(b for b in fuse(diagram).boxes if isinstance(b, LoopBox))
    assert len(fused.carry) == 2
    found = simulate(EMPTY, diagram, runs=5, keep=["total", "bill"])
    np.testing.assert_allclose(found["total"], found["bill"].sum(axis=1), rtol=1e-12)


def test_families_of_families_come_out_in_order() -> None:
    a, b, c = ints(3), ints(11), COLOUR
    inner = Tabulate((("k", c),), op("+", op("*", n(100), Var("i")), op("+", Var("j"), Select((Var("k"),), (c,), (n("0.1"), n("0.2"), n("0.3"))))))
    term = Tabulate((("i", a),), Tabulate((("j", b),), inner))
    diagram = plain(
        Compute(Port("x", Family((a, b, c), REAL)), term),
        Compute(Port("row", Family((b, c), REAL)), At(Var("x"), (n(2),), (a, b, c))),
        Compute(Port("cell", REAL), At(Var("row"), (n(7), Const("Blue")), (b, c))),
    )
    found = simulate(EMPTY, diagram)
    want = 100 * np.arange(1, 4)[:, None, None] + np.arange(1, 12)[:, None] + np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(found["x"][0], want)
    np.testing.assert_allclose(found["row"][0], want[1])
    assert found["cell"][0] == pytest.approx(207.3)


def test_checking_a_file_does_not_load_jax() -> None:
    import subprocess
    import sys

    code = "import opengames.sampled, sys; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_call_gives_under_one_name_is_told_once():
    import opengames as og

    model = og.loads("channel two(x: real) -> (a: real, b: real) { a = x + 1\nb = x + 2 }\ngame G {\n now ~ two(3)\n z = now.a\n}")
    found = model["G"].run(runs=1, seed=0).to_dict()["wires"]
    assert [(w["wire"], w["mean"]) for w in found] == [("now.a", 4.0), ("now.b", 5.0), ("z", 4.0)]
