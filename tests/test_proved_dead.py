"""A claim about every play is proved only where no decision can be left without a legal move."""

from __future__ import annotations

import pytest

import opengames as og

HEAD = "player op, two\n"


def claim(text):
    (found,) = list(og.loads(HEAD + text).verify())
    return found


STUCK = "decide b: {0, 1} by two seeing x earning 0 subject to { r: b >= x }"


def test_a_draw_after_which_no_move_is_legal_is_not_left_out():
    found = claim("game G { x ~ {1: 1/2, 2: 1/2}\n" + STUCK + "}\nverify a: x == 1 of G")
    assert found.verdict == "unknown"
    assert any("`b` has no legal move where x = 2" in why for why in found.because)


def test_rules_of_a_later_decision_do_not_bind_an_earlier_move():
    text = """game G {{ decide a: [0, {most}] by op earning 0
        decide b: {{0, 1}} by two seeing a earning 0 subject to {{ r: a + b <= 5 }} }}
        verify v: a <= 5 of G"""
    found = claim(text.format(most=10))
    assert found.verdict == "unknown" and any("`b`" in why for why in found.because)
    assert claim(text.format(most=5)).verdict == "proved"


def test_rules_of_an_earlier_decision_are_known_when_a_later_one_is_made():
    found = claim("""game G { decide a: [0, 10] by op earning 0 subject to { r: a <= 4 }
        decide b: {0, 1} by two seeing a earning 0 subject to { q: a + b <= 5 } }
        verify v: a <= 4 of G""")
    assert found.verdict == "proved" and "where the rules" not in found.method


@pytest.mark.parametrize(("least", "verdict"), [("a", "proved"), ("a + 6", "unknown")])
def test_a_move_that_must_answer_an_earlier_one_is_found_wherever_there_is_one(least, verdict):
    found = claim("game G { decide a: [0, 5] by op earning 0\n"
                  "decide b: [0, 10] by two seeing a earning 0 subject to { r: b >= " + least + " } }\n"
                  "verify v: a <= 5 and b >= 0 of G")  # fmt: skip
    assert found.verdict == verdict
    assert "where the rules" not in found.method


def test_moves_of_records_and_grids_are_found_too():
    text = """type Quote = (bid: 0..100 step 5, offer: 0..100 step 5)
        game G {{ x ~ {{1: 1/2, {high}: 1/2}}
        decide q: Quote by two seeing x earning 0 subject to {{ o: q.bid <= q.offer
            m: q.bid >= x }} }}
        verify v: q.offer >= 1 of G"""
    assert claim(text.format(high=100)).verdict == "proved"
    assert claim(text.format(high=101)).verdict == "unknown"


def test_a_decision_in_an_arm_owes_a_move_only_where_the_arm_is_taken():
    text = """game G {{ x ~ {{1: 1/2, 2: 1/2}}
        if x == {when} {{ decide b: {{0, 1}} by two seeing x earning 0 subject to {{ r: b >= x }} }}
        else {{ b = 0 }} }}
        verify v: b <= 1 of G"""
    assert claim(text.format(when=1)).verdict == "proved"
    assert claim(text.format(when=2)).verdict == "unknown"


def test_a_play_that_breaks_the_claim_still_refutes_it():
    assert claim("game G { x ~ {1: 1/2, 2: 1/2}\n" + STUCK + "}\nverify a: x == 2 of G").verdict == "refuted"


def test_what_is_proved_by_rounds_says_where_the_rules_must_have_a_solution():
    found = claim("""type Hour = 1..500
        game G { for t in Hour carrying level = 5 {
            decide flow: [-10, 10] by op earning 0 subject to { low: level + flow >= 0
                top: level + flow <= 10 + t }
            next level = level + flow } }
        verify v: always(level[t] <= 10 + t for t in Hour) of G by invariant""")
    assert found.verdict == "proved"
    assert "where the rules of `flow` can be met" in found.method


def test_a_chance_that_leaves_rules_unlooked_at_says_so():
    game = "game G { x ~ {1: 1/2, 2: 1/2}\n" + STUCK + "}\nstrategy s of G { two.b = 1 }\n"
    found = claim(game + "verify a: P(x == 1) == 1/2 of G under s")
    assert found.verdict == "proved"
    assert found.because == ("whether the moves at `b` obey their rules was not looked at, as what is asked does not depend on them",)
    with pytest.raises(og.Refusal, match="rule `r` of two does not hold"):
        claim(game + "verify a: P(b == 1) == 1 of G under s")
