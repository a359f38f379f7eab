"""All equilibria and dominance of small games, against nashpy and known answers."""

from __future__ import annotations

import warnings
from fractions import Fraction as F

import builders_solving as b
import numpy as np
import pytest
from builders_solving import Const, Var, num, op
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.diagnostics import Refusal
from opengames.diagram import Diagram, Draw, Port
from opengames.dsl.check import check
from opengames.solvers.bimatrix import extreme_equilibria, solve
from opengames.solvers.claims import equilibrium, value
from opengames.solvers.equilibria import dominant, equilibria, pure_equilibria
from opengames.solvers.normal_form import normal_form
from opengames.spaces import BOOL, Enum
from opengames.terms import Select, Uniform

FACE = Enum("Face", ("Heads", "Tails"))


def bimatrix(rows, columns):
    """The two-player game with these payoffs."""
    m, n = len(rows), len(rows[0])
    up, left = b.grid(1, m), b.grid(1, n)
    keys, spaces = (Var("i"), Var("j")), (up, left)
    return Diagram(
        "Bimatrix",
        boxes=(
            b.decide("i", up, "row", (), "u"),
            b.decide("j", left, "column", (), "v"),
            b.compute("u", Select(keys, spaces, tuple(num(x) for r in rows for x in r))),
            b.compute("v", Select(keys, spaces, tuple(num(x) for r in columns for x in r))),
        ),
    )


def test_matching_pennies_has_one_equilibrium_half_and_half():
    keys = (Var("a"), Var("b"))
    game = Diagram(
        "Pennies",
        boxes=(
            b.decide("a", FACE, "even", (), "u"),
            b.decide("b", FACE, "odd", (), "v"),
            b.compute("u", Select(keys, (FACE, FACE), (num(1), num(-1), num(-1), num(1)))),
            b.compute("v", op("neg", Var("u"))),
        ),
    )
    program = b.program(game)
    found = equilibria(program, game)
    assert len(found.found) == 1 and found.complete and not found.degenerate
    assert found.certificate == 0
    assert found.to_game("nash") == (
        "strategy nash_1 of Pennies {\n    even.a ~ {Heads: 0.5, Tails: 0.5}\n    odd.b  ~ {Heads: 0.5, Tails: 0.5}\n}\n"
    )
    assert found.lines()[0] == "Pennies has 0 pure and 1 mixed equilibria"


def test_battle_of_the_sexes_has_two_pure_equilibria_and_one_mixed():
    game = bimatrix([[2, 0], [0, 1]], [[1, 0], [0, 2]])
    found = equilibria(b.program(game), game).found
    assert [e.is_pure for e in found] == [True, True, False]
    assert found[2].profile == (((0, F(2, 3)), (1, F(1, 3))), ((0, F(1, 3)), (1, F(2, 3))))


def test_the_entry_game_has_its_threat_among_the_pure_equilibria():
    program, game = b.entry()
    form = normal_form(program, game)
    names = {tuple(form.strategies[s][k] for s, k in enumerate(key)) for key in pure_equilibria(form)}
    assert (("Stay",), ("Fight", "Fight")) in names and (("Enter",), ("Accommodate", "Fight")) in names
    assert all(entry == ("Enter",) or reply[0] == "Fight" for entry, reply in names)


def test_three_players_get_pure_equilibria_and_a_word_about_the_rest():
    same = op("ind", op("and", op("==", Var("x"), Var("y")), op("==", Var("y"), Var("z"))))
    decisions = tuple(b.decide(w, BOOL, s, (), "u") for w, s in (("x", "p"), ("y", "q"), ("z", "r")))
    game = Diagram("Meeting", boxes=(*decisions, b.compute("u", same)))
    found = equilibria(b.program(game), game)
    assert not found.complete and "3" in found.notes[0]
    moves = [tuple(found.found[0].form.strategies[i][s] for i, ((s, _),) in enumerate(e.profile)) for e in found.found]
    assert ((False,),) * 3 in moves and ((True,),) * 3 in moves and len(moves) == 2


def test_a_degenerate_game_says_so():
    game = bimatrix([[1, 1], [1, 0]], [[1, 1], [0, 1]])
    found = equilibria(b.program(game), game)
    assert found.degenerate and "degenerate" in found.notes[-1]
    assert all(e.certificate == 0 for e in found.found)


def test_too_many_profiles_are_refused_with_the_count():
    big = b.grid(1, 300)
    game = Diagram("Big", boxes=(b.decide("x", big, "p", (), "x"), b.decide("y", big, "q", (), "y")))
    with pytest.raises(Refusal, match=r"90,?000 profiles"):
        equilibria(b.program(game), game)


def test_defection_dominates_and_a_dominated_move_leaves():
    game = b.dilemma()
    found = dominant(b.program(game, funs=(b.payoff(),)), game, "row")
    assert found.moves == ("Defect",) and found.is_strict
    assert found.to_game("best") == (
        "strategy best of Dilemma {\n    row.a    = Defect\n"
        "    column.b = Cooperate  # any move: what is dominant is so whatever is done here\n}\n"
    )
    assert "Cooperate is strictly dominated by Defect" in found.lines()


def test_iterated_elimination_solves_a_game_that_one_round_does_not():
    # Column's third move is never good; without it row's first is best; then column's first.
    game = bimatrix([[3, 2, 0], [1, 1, 5]], [[2, 1, 0], [1, 2, 0]])
    found = dominant(b.program(game), game, "column")
    assert found.dominant is None and found.strictly == ((2, 0),)
    assert found.surviving == ((0,), (0,))


def test_a_second_price_bid_of_the_value_dominates_weakly():
    worth = b.grid(0, 2)
    mine, theirs = Var("mine"), Var("theirs")
    gain = b.If(op(">", mine, theirs), op("-", Var("worth"), theirs), b.If(
        op("==", mine, theirs), op("/", op("-", Var("worth"), theirs), num(2)), num(0)))
    game = Diagram(
        "Vickrey",
        boxes=(
            Draw(Port("worth", worth), Uniform(worth)),
            b.decide("mine", b.grid(0, 2), "ann", ("worth",), "u"),
            b.decide("theirs", b.grid(0, 2), "bob", (), "zero"),
            b.compute("u", gain),
            b.compute("zero", num(0)),
        ),
    )
    found = dominant(b.program(game), game, "ann")
    assert found.moves == (0, 1, 2) and not found.is_strict


def test_a_linear_system_without_a_single_solution_has_none():
    assert solve([[F(1), F(1), F(1)], [F(2), F(2), F(2)]]) is None
    assert solve([[F(0), F(2), F(4)], [F(3), F(0), F(3)]]) == [1, 2]


def test_a_mixed_equilibrium_of_a_sequential_game_becomes_behaviour():
    # Bob sees a coin, Ann does not: matching pennies with an onlooker. Kuhn's theorem turns mixtures into behaviour.
    game = Diagram(
        "Seen",
        boxes=(
            Draw(Port("c", BOOL), b.chance(F(1, 2))),
            b.decide("x", BOOL, "ann", (), "u"),
            b.decide("y", BOOL, "bob", ("c",), "v"),
            b.compute("u", b.If(op("==", Var("x"), Var("y")), num(1), num(-1))),
            b.compute("v", op("neg", Var("u"))),
        ),
    )
    program = b.program(game)
    found = equilibria(program, game)
    assert found.found and not any(e.is_pure for e in found.found)
    for each in found.found:
        rows = {
            (step.place, seen): mix
            for seat, mixed in enumerate(each.profile)
            for step, seen, mix in each.form.rows(seat, dict(mixed))
        }
        claim = equilibrium(program, game, lambda step, seen, rows=rows: rows[step.place, seen])
        assert claim.holds


PAYOFFS = st.integers(-9, 9)


@st.composite
def matrices(draw):
    m, n = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    table = st.lists(st.lists(PAYOFFS, min_size=n, max_size=n), min_size=m, max_size=m)
    return draw(table), draw(table)


@settings(max_examples=60, deadline=None)
@given(matrices())
def test_every_equilibrium_that_nashpy_finds_is_found_and_their_number_is_odd(pair):
    import nashpy

    rows, columns = pair
    exact = [[[F(x) for x in r] for r in each] for each in pair]
    found = extreme_equilibria(*exact)
    for x, y in found.pairs:
        earned = [sum(p * v for p, v in zip(y, r, strict=True)) for r in exact[0]]
        replies = [sum(p * r[j] for p, r in zip(x, exact[1], strict=True)) for j in range(len(y))]
        assert sum(x) == 1 == sum(y)
        assert sum(p * v for p, v in zip(x, earned, strict=True)) == max(earned)
        assert sum(p * v for p, v in zip(y, replies, strict=True)) == max(replies)
    assert found.pairs, "every finite game has an equilibrium"
    if not found.degenerate:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = list(nashpy.Game(np.array(rows), np.array(columns)).support_enumeration())
        # Comparing floats exactly, the library now and then drops a mixed equilibrium: a subset is what can be asked.
        ours = [[float(v) for v in (*x, *y)] for x, y in found.pairs]
        for x, y in theirs:
            assert any(np.allclose([*x, *y], each, atol=1e-7) for each in ours)
        assert len(found.pairs) % 2 == 1, "a nondegenerate game has an odd number of equilibria"


@settings(max_examples=25, deadline=None)
@given(matrices())
def test_every_equilibrium_found_passes_the_claim_and_every_pure_one_is_found(pair):
    game = bimatrix(*pair)
    program = b.program(game)
    found = equilibria(program, game)
    for each in found.found[:6]:
        rows = {s[0].place: m for seat, mix in enumerate(each.profile) for *s, m in each.form.rows(seat, dict(mix))}
        assert equilibrium(program, game, lambda step, seen, rows=rows: rows[step.place]).holds
    pure = {tuple(s for ((s, _),) in e.profile) for e in found.found if e.is_pure}
    rows, columns = pair
    slow = {
        (i, j)
        for i in range(len(rows))
        for j in range(len(rows[0]))
        if rows[i][j] == max(r[j] for r in rows) and columns[i][j] == max(columns[i])
    }
    assert pure == slow


def test_a_mixed_equilibrium_that_float_comparison_drops_is_found():
    rows, columns = [[0, 0, 0, 2], [-1, 2, 1, 0]], [[0, 0, 0, 1], [0, 1, 0, 0]]
    found = extreme_equilibria([[F(v) for v in r] for r in rows], [[F(v) for v in r] for r in columns])
    assert ((F(1, 2), F(1, 2)), (0, F(1, 2), 0, F(1, 2))) in found.pairs and len(found.pairs) == 3


def test_constants_are_kept_in_the_normal_form():
    game = Diagram("Flat", boxes=(b.decide("x", BOOL, "p", (), "u"), b.compute("u", num(7))))
    form = normal_form(b.program(game), game)
    assert set(form.payoffs.values()) == {(F(7),)}
    assert form.name(0, 1) == "true" and Const(True).value


SIGNALLING = """
type Talent = Low | Mid | High
type School = None_ | BA | PhD
type Post   = Clerk | Manager
player worker, firm
fun toil(t: Talent, s: School) -> real = table {
    | t \\ s || None_ | BA | PhD |
    | Low   ||   0   |  6 |  9  |
    | Mid   ||   0   |  3 |  7  |
    | High  ||   0   |  2 |  3  |
}
fun wage(p: Post) -> real = match p { Clerk => 4, Manager => 9 }
fun worth(t: Talent, p: Post) -> real = match (t, p) {
    (Low, Manager) => -4, (Mid, Manager) => 2, (High, Manager) => 6, (_, Clerk) => 1,
}
game Signal {
    talent ~ {Low: 1/2, Mid: 1/4, High: 1/4}
    decide school: School by worker seeing talent earning u
    match school {
        None_ => {
            decide post0: Post by firm earning v0
            v0  = worth(talent, post0)
            pay = wage(post0)
        }
        BA => {
            decide post1: Post by firm earning v1
            v1  = worth(talent, post1)
            pay = wage(post1)
        }
        PhD => {
            lucky ~ bernoulli(1/3)
            decide post2: Post by firm seeing lucky earning v2
            v2  = worth(talent, post2) + (if lucky then 1 else 0)
            pay = wage(post2) + (if lucky then 2 else 0)
        }
    }
    u = pay - toil(talent, school)
}
"""


def test_mixtures_that_are_one_behaviour_are_one_equilibrium():
    program = check(SIGNALLING, "signal.game").program
    assert program is not None
    found = equilibria(program, "Signal").found
    texts = [each.to_game("s") for each in found]
    assert len(set(texts)) == len(texts)
    assert sum(each.is_pure for each in found) == 7
    for text, each in zip(texts, found, strict=True):
        again = check(SIGNALLING + text, "signal.game").program
        assert again is not None
        assert equilibrium(again, "Signal", "s").verdict == "holds"
        assert value(again, "Signal", "s").payoffs == each.payoffs


def test_the_others_of_a_dominant_strategy_make_legal_moves():
    text = """
player p, q
game G {
    x ~ bernoulli(1/2)
    decide a: bool by p earning ind(a)
    decide b: bool by q seeing x earning 0 subject to { follow: b or not x }
}
query best = dominant(G, p)
"""
    program = check(text, "g.game").program
    assert program is not None
    written = dominant(program, "G", "p").to_game("best")
    again = check(text + written, "g.game").program
    assert again is not None and value(again, "G", "best_strategy").of("p") == 1
