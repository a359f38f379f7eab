"""The words after `by`."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction as F

import pytest

import opengames as og
from opengames import methods, solvers
from opengames.dsl import questions
from opengames.dsl.prelude import MARKET, QUESTIONS
from opengames.methods import FORMULA, METHODS, PLAYS, RECOGNITION, unsuited, wrong_option

COIN = """
player ann
game Penny {
    side ~ {true: 1/2, false: 1/2}
    decide guess: bool by ann earning won
    won = ind(guess == side)
}
strategy yes of Penny { ann.guess = true }
"""
SEES = """
player ann
game Look {
    side ~ {true: 1/2, false: 1/2}
    decide guess: bool by ann seeing side earning ind(guess == side)
}
strategy right of Look { ann.guess = side }
"""
FORGETS = """
player ann
game F {
    x ~ uniform(bool)
    decide a: bool by ann seeing x earning u
    decide b: bool by ann earning u
    u = ind(a == b)
}
strategy f of F {
    ann.a = true
    ann.b = true
}
"""


def test_checker_and_solvers_read_one_table_of_words():
    assert questions.METHODS is METHODS and solvers.METHODS is METHODS and methods.METHODS is METHODS


def test_every_kind_of_question_is_one_that_can_be_asked_and_has_a_word():
    kinds = {*QUESTIONS, *MARKET, "same", PLAYS, FORMULA, RECOGNITION}
    answered = set().union(*(w.answers for w in METHODS.values()))
    assert answered == kinds


@pytest.mark.parametrize(
    ("question", "method"),
    [
        ("query q = E(won) of Penny under yes", "induction"),
        ("verify q: E(won) == 1/2 of Penny under yes", "slicing"),
        ("verify q: equilibrium(yes)", "enumeration"),
        ("verify q: equilibrium(yes)", "dynamic_programming"),
        ("verify q: subgame_perfect(yes)", "simulate"),
        ("query q = equilibria(Penny)", "induction"),
        ("query q = best_response(Penny, ann)", "enumeration"),
        ("verify q: forall b in bool: b or not b", "simulate"),
        ("verify q: won <= 1 of Penny under yes", "induction"),
        ("verify q: equilibrium(yes)", "z3"),
    ],
)
def test_a_method_for_other_questions_is_a_mistake_that_the_checker_reports(question, method):
    with pytest.raises(og.Refusal) as refused:
        og.loads(f"{COIN}{question} by {method}\n")
    said = refused.value.diagnostics
    assert [d.code for d in said] == ["unsuited-method"] and f"`{method}` does not answer" in said[0].headline
    assert "answered by `" in said[0].help
    og.loads(f"{COIN}{question}\n")


def test_advice_names_the_words_that_suit_the_question():
    assert unsuited("induction", ("E",)).advice == "`E` is answered by `exact`, `simulate`, `sympy`, `junction_tree`, `lp` or `qp`"
    assert unsuited("simulate", (RECOGNITION,)).advice == "a recognition is answered by `exact`, `enkf`, `particle` or `kalman`"
    assert unsuited("exact", ("feasible",)).advice == "`feasible` is answered by `z3`"
    assert unsuited("exact", ("E", "equilibrium")) is None


def test_a_question_is_answered_by_the_method_that_it_names():
    def verdict(text, by):
        model = og.loads(f"{text}verify q: {by}\n")
        claim = model.verify("q")[0]
        return claim.verdict, claim.method, " ".join(claim.because)

    assert verdict(COIN, "equilibrium(yes) by induction")[:2] == ("proved", "exact, backward induction")
    assert verdict(SEES, "equilibrium(right) by slicing")[:2] == (
        "proved", "slicing: best for everything that may be seen",
    )  # fmt: skip
    assert verdict(FORGETS, "equilibrium(f) by exact")[0] == "proved"
    open_, _, why = verdict(FORGETS, "equilibrium(f) by induction")
    assert open_ == "unknown" and "does not recall its own moves" in why
    open_, _, why = verdict(FORGETS, "equilibrium(f) by slicing")
    assert open_ == "unknown" and "`slicing` does not apply" in why


def test_every_word_says_what_it_does_or_what_is_missing():
    for name, word in METHODS.items():
        assert word.name == name and word.summary
        assert word.missing is None or ("missing" in word.missing and not word.options)
    assert {"exact", "simulate", "dynamic_programming", "enumeration"} <= {n for n, w in METHODS.items() if not w.missing}
    assert METHODS["z3"].available and METHODS["actor_critic"].available and METHODS["ppo"].missing


def test_options_are_checked_by_name_and_kind():
    assert wrong_option("simulate", "runs", F(1000)) is None
    assert "no option `rnus`" in wrong_option("simulate", "rnus", F(1))
    assert "at least 1" in wrong_option("simulate", "runs", F(0))
    assert "whole number" in wrong_option("simulate", "runs", F(1, 2))
    assert wrong_option("dynamic_programming", "exact", True) is None
    assert "true or false" in wrong_option("dynamic_programming", "exact", F(1))


def test_naming_the_methods_loads_only_the_standard_library():
    heavy = "{'numpy', 'jax', 'scipy', 'opengames.solvers.claims'}"
    code = f"import sys, opengames.solvers; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
