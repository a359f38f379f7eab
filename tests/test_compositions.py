"""`>>` and `@` in a text: named by their declaration, typed, and the same diagrams as the combinators build."""

from __future__ import annotations

from fractions import Fraction

import pytest

import opengames as og
from opengames.compose import beside, then
from opengames.diagram import Diagram
from opengames.dsl.check import check
from opengames.flatten import flatten, rename_wires

TEXT = """
player ann, bob

channel f(x: bool) -> (y: bool) = {true: if x then 9/10 else 1/5, false: if x then 1/10 else 4/5}
channel side(a: bool, b: bool) -> (c: bool, d: bool) = f @ f
channel twice(a: bool) -> (c: bool) = f >> f

channel all() -> (p: bool, q: bool, r: bool) {
    yes = true
    no  = false
    p, q ~ side(yes, no)
    r ~ twice(yes)
}

query p = P(p) of all
query q = P(q) of all
query r = P(r) of all

game One[who: player](x: bool) -> (y: bool) expects (gain: real) {
    decide y: bool by who seeing x earning gain
}

game Two(a: bool, b: bool) -> (c: bool, d: bool) expects (left: real, right: real) = One[ann] @ One[bob]

game World {
    a ~ bernoulli(1/2)
    b = not a
    c, d ~ Two(a, b) paying (ind(c == a), ind(d != b))
}

strategy s of World {
    ann.y = x
    bob.y = not x
}

verify stable: equilibrium(s)
query agrees = P(c == a) of World under s
"""


def test_the_same_channel_twice_side_by_side_keeps_its_inputs_apart():
    model = og.loads(TEXT)
    answers = {name: model.query(name).value for name in ("p", "q", "r", "agrees")}
    assert answers == {
        "p": Fraction(9, 10),
        "q": Fraction(1, 5),
        "r": Fraction(9, 10) * Fraction(9, 10) + Fraction(1, 10) * Fraction(1, 5),
        "agrees": 1,
    }
    assert model.verify("stable")[0].verdict == "proved"


def test_a_simulation_agrees_with_the_composite():
    run = og.loads(TEXT).run("all", runs=4000, seed=1)
    # 5 standard deviations of a share of 4,000
    assert abs(run["p"].mean() - 0.9) < 5 * (0.9 * 0.1 / 4000) ** 0.5
    assert abs(run["q"].mean() - 0.2) < 5 * (0.2 * 0.8 / 4000) ** 0.5


def test_text_and_combinators_build_the_same_diagrams():
    program = check(TEXT, "c.game").program
    assert program is not None
    f = program.diagrams["f"]
    for name, built, ports in (
        ("twice", then(f, f), {"x": "a", "y'2": "c"}),
        ("side", beside(f, f), {"x": "a", "x'2": "b", "y": "c", "y'2": "d"}),
    ):
        named = rename_wires(built, ports)
        written = program.diagrams[name]
        assert Diagram("", written.inputs, written.outputs, written.boxes) == Diagram(
            "", named.inputs, named.outputs, named.boxes
        )


def test_renaming_makes_room():
    program = check(TEXT, "c.game").program
    assert program is not None
    chain = then(program.diagrams["f"], program.diagrams["f"])  # its middle wire is called y
    named = rename_wires(chain, {"y'2": "y"})
    assert [p.name for p in named.outputs] == ["y"]
    assert len({p for box in flatten(named).boxes for p in [box.out.name]}) == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("channel g(a: bool) -> (c: bool) = f @ f", "ports-differ"),
        ("channel g(a: bool, b: bool) -> (c: bool) = f @ f", "ports-differ"),
        ("channel g(a: real) -> (c: bool) = f >> f", "type-mismatch"),
    ],
)
def test_a_composite_that_is_not_what_was_declared_is_refused(wrong, code):
    assert [d.code for d in check(TEXT + wrong, "w.game").diagnostics] == [code]


def test_an_arm_may_earn_a_wire_that_stands_below_the_branch():
    text = """
    player p
    game G {
        c ~ bernoulli(1/2)
        if c { decide a: bool by p earning bonus + ind(a) }
        bonus = 3 + ind(c)
    }
    strategy s of G { p.a = true }
    verify best: equilibrium(s)
    query gap = exploitability(s)
    """
    model = og.loads(text)
    assert model.verify("best")[0].verdict == "proved"
    assert model["G"].value("s").payoffs[0][1] == Fraction(5, 2)
