"""The laws of a Markov category and of open games hold for what the combinators build."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies_diagrams import SPACES, channels, functions, lenses, priors, spaces

from opengames import laws
from opengames.compose import Mismatch, beside, copy, decision, discard, identity, random, then
from opengames.diagram import Port, walk
from opengames.flatten import flatten
from opengames.kernels import inverse, of, push
from opengames.spaces import BOOL, REAL, Enum
from opengames.terms import Const, Select, Var, Weighted

A, B, C = SPACES


@given(channels(A, B), channels(B, C), channels(C, A))
def test_composition_is_associative(f, g, h):
    assert laws.associative(f, g, h)


@given(channels(B, A))
def test_identity_is_a_unit(f):
    assert laws.unital(f)


@given(channels(A, B), channels(B, A), channels(A, C), channels(C, B))
def test_sequence_and_juxtaposition_interchange(f, g, h, k):
    assert laws.interchange(f, g, h, k)


@given(spaces(), spaces())
def test_copy_and_discard_form_a_commutative_comonoid(a, b):
    assert laws.copies_associate(a)
    assert laws.copy_has_counit(a)
    assert laws.copy_commutes(a)
    assert laws.swap_is_involutive(a, b)


@given(channels(A, B), channels(C, A))
def test_swapping_is_natural(f, g):
    assert laws.swap_is_natural(f, g)


@given(channels(C, B))
def test_discarding_a_result_is_discarding_what_went_in(f):
    assert laws.discard_is_natural(f)


@given(functions(B, C))
def test_functions_commute_with_copying(u):
    assert laws.deterministic(u)


def test_a_coin_does_not_commute_with_copying():
    half = Const(Fraction(1, 2))
    coin = random("coin", (Port("x", BOOL),), Port("y", BOOL), Weighted(((Const(True), half), (Const(False), half))))
    assert not laws.deterministic(coin)


@given(channels(A, B), channels(B, C), channels(C, C))
def test_the_exact_reading_is_a_functor(f, g, h):
    assert laws.reading_is_functorial(f, g, h)


@given(st.data())
def test_lens_composition_is_associative(data):
    f, g, h = (data.draw(lenses(name)) for name in "fgh")
    assert laws.associative(f, g, h)


@given(lenses("f"), lenses("g"))
def test_lenses_compose_as_lenses_do(f, g):
    """(get, put) then (get', put') is (get' . get, put(x, put'(get x, r)))."""
    one, two, both = (dict(of(d).rows) for d in (f, g, then(f, g)))
    for x in (False, True):
        for r in (False, True):
            ((y, _), _) = one[(x, r)][0]
            ((z, back), _) = two[(y, r)][0]
            ((_, s), _) = one[(x, back)][0]
            assert both[(x, r)] == (((z, s), Fraction(1)),)


@given(channels(B, C), priors(B))
def test_the_bayesian_inverse_gives_the_same_joint_distribution(f, prior):
    assert laws.inverse_inverts(of(f), prior)


@given(channels(A, B), channels(B, C), priors(A))
def test_inverse_of_a_composite_is_the_composite_of_inverses(f, g, prior):
    assert laws.inversion_is_contravariant(of(f), of(g), prior)


def test_a_positive_test_for_a_rare_disease_is_mostly_false():
    """The textbook: 1 % ill, 90 % sensitivity, 9 % false alarms gives 10/109 ill among the positive."""
    ill = Enum("State", ("ill", "well"))
    rows = {"ill": Fraction(9, 10), "well": Fraction(9, 100)}
    cells = tuple(Weighted(((Const(True), Const(p)), (Const(False), Const(1 - p)))) for p in rows.values())
    kernel = of(random("test", (Port("x", ill),), Port("y", BOOL), Select((Var("x"),), (ill,), cells)))
    prior = ((("ill",), Fraction(1, 100)), (("well",), Fraction(99, 100)))
    assert dict(dict(inverse(kernel, prior).rows)[(True,)])[("ill",)] == Fraction(10, 109)
    assert dict(push(prior, kernel))[(True,)] == Fraction(981, 10000)


def test_ports_that_do_not_fit_are_refused_in_words():
    with pytest.raises(Mismatch, match="`copy` puts out 2 wires, and `discard` takes in 1 wire"):
        copy(A) >> discard(A)
    with pytest.raises(Mismatch, match="not the type"):
        identity(A) >> discard(B)


def test_a_game_of_two_decisions_keeps_both_backward_ports():
    gain = Port("gain", REAL)
    one = decision("ann", (Port("x", A),), Port("a", A), gain)
    two = decision("bob", (Port("x", A),), Port("b", B), gain)
    game = beside(one, two)
    assert [p.name for p in game.expects] == ["gain", "gain'2"]
    flat = flatten(game)
    assert not any(type(box).__name__ == "Call" for _, box in walk(flat))
    assert sorted(getattr(b, "earning", "") for b in flat.boxes) == ["gain", "gain'2"]


def test_the_sampled_reading_is_a_functor():
    third = Const(Fraction(1, 3))
    state = random("state", (), Port("y", A), Weighted(((Const(True), third), (Const(False), Const(Fraction(2, 3))))))
    cells = tuple(
        Weighted(((Const("red"), Const(p)), (Const("green"), third), (Const("blue"), Const(Fraction(2, 3) - p))))
        for p in (Fraction(1, 2), Fraction(1, 6))
    )
    f = random("f", (Port("x", A),), Port("z", B), Select((Var("x"),), (A,), cells))
    grid = [0.05, 0.3, 0.34, 0.6, 0.999]
    uniforms = ([u for u in grid for _ in grid], [v for _ in grid for v in grid])
    assert laws.sampling_is_functorial(state, f, uniforms)


@settings(max_examples=5)
@given(channels(A, B, "f"), channels(B, C, "g"))
def test_the_drawn_reading_shows_both_parts_of_a_composite(f, g):
    from opengames.drawn import draw_diagram

    picture = draw_diagram(then(f, g))
    assert picture.count(">f<") >= 1
    assert picture.count(">g<") >= 1
