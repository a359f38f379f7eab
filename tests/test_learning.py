"""Learned responses: what is learned is legal, earns what is known to be attainable, and is judged by another reading.

Oracles: optima that are known otherwise (a published-in-text figure, dynamic programming, arithmetic), the exact reading of the
printed strategy, the advantages' definition as a double sum, and the rules of a text evaluated in rationals.
"""

from fractions import Fraction
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.solvers.learning import best_response
from opengames.solvers.learning.actor_critic import learn
from opengames.solvers.learning.advantages import advantages
from opengames.solvers.learning.cells import tables
from opengames.solvers.learning.checking import payoffs
from opengames.solvers.learning.environment import Environment
from opengames.solvers.planning import dynamic_programming

ARMS = """
player ann
type Arm = Left | Right
game Arms {
    decide pull: Arm by ann earning won
    luck ~ {0: 1/2, 1: 1/2}
    won = match pull { Left => 1 + luck, Right => 1.5 + luck }
}
strategy left of Arms { ann.pull = Left }
query best = best_response(Arms, ann) by actor_critic[steps = 2_000, runs = 400, seed = 3]
"""

# Prices are 1, 5, 2 and 9 in turn; what is not sold by the end is lost: 2 kept for the dear hours, 4 in all, earn 2 * 9 + 2 * 5.
SHOP = """
player ann
type Round = 1..4
param price: real[Round] = [1: 1, 2: 5, 3: 2, 4: 9]
game Shop {
    for t in Round carrying left = start {
        decide sell: 0..2 by ann
            seeing t, left
            earning profit
            subject to { enough: sell <= left }
        rain ~ {0: 1/2, 1: 1/2}
        got = price[t] * sell - rain
        next left = left - sell
    }
    profit = sum(got[t] for t in Round)
}
param start: real = 4
strategy wait of Shop { ann.sell = if t >= 3 then (if left >= 2 then 2 else 0) else 0 }
"""

WAITING = SHOP[SHOP.index("strategy wait") :]
UNPLANNED = SHOP.replace(WAITING, "")

# A rule on a record that depends on a real quantity seen.
BOUND = """
player ann
type Tick = 0..10
game Bound {
    for t in 1..3 carrying level = 5 {
        noise ~ uniform(0, 4)
        room  = level + noise
        decide quote: (bid: Tick, offer: Tick) by ann
            seeing  t, level, room
            earning profit
            subject to { order: quote.bid <= quote.offer   fits: quote.offer <= room }
        got = quote.offer - quote.bid
        next level = 5 + quote.bid / 20
    }
    profit = sum(got[t] for t in 1..3)
}
"""


@cache
def loaded(text, **params):
    return og.loads(text, **params)


@cache
def owner():
    return og.load(str(files("opengames.specs") / "ercot" / "owner.game"))


@cache
def environment(text, game):
    return Environment(loaded(text).program, game)


@cache
def lesson(seed):
    return learn(environment(SHOP, "Shop"), 800, seed)


def by_chance(random):
    return lambda d: np.where(d.legal, random.random(d.legal.shape), -1.0).argmax(axis=1)


# -------------------------------------------------------------------------- advantages


@given(st.integers(1, 5), st.floats(0, 1), st.integers(0, 100))
def test_an_advantage_is_the_trusted_sum_of_surprises(length, trust, seed):
    random = np.random.default_rng(seed)
    earned, values = random.normal(size=(2, length, 3))
    after = np.vstack([values[1:], np.zeros((1, 3))])
    surprise = earned + after - values
    wanted = [sum(trust ** (k - t) * surprise[k] for k in range(t, length)) for t in range(length)]
    np.testing.assert_allclose(advantages(earned, values, trust), wanted, atol=1e-12)


@given(st.integers(1, 6), st.integers(0, 100))
def test_full_trust_believes_what_was_earned_until_the_end(length, seed):
    earned, values = np.random.default_rng(seed).normal(size=(2, length, 2))
    togo = earned[::-1].cumsum(axis=0)[::-1]
    np.testing.assert_allclose(advantages(earned, values, 1.0), togo - values, atol=1e-12)


# ------------------------------------------------------------------------ environments


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_only_legal_moves_are_made_and_the_rules_hold_in_rationals(seed):
    random = np.random.default_rng(seed)
    plays = environment(BOUND, "Bound").play(by_chance(random), 8, random)
    for decision in plays.decisions:
        names = [leaf.name for leaf in decision.site.leaves]
        for seen, move in zip(decision.seen, decision.moves, strict=True):
            bid, offer = decision.site.moves[move]
            assert bid <= offer <= Fraction(float(seen[names.index("room")])) + Fraction(1, 10**8)


def test_every_legal_move_can_be_made():
    random = np.random.default_rng(0)
    plays = environment(BOUND, "Bound").play(by_chance(random), 4, random)
    for decision in plays.decisions:
        room = decision.seen[:, [leaf.name for leaf in decision.site.leaves].index("room")]
        wanted = [[bid <= offer <= r for bid, offer in decision.site.moves] for r in room]
        assert (decision.legal == np.asarray(wanted)).all()


def test_an_environment_earns_what_the_sampled_reading_does():
    program = loaded(SHOP).program
    env = environment(SHOP, "Shop")

    def waits(decision):
        t, left = decision.seen.T
        return np.where((t >= 3) & (left >= 2), 2, 0)

    plays = env.play(waits, 4_000, np.random.default_rng(1))
    other = payoffs(program, "Shop", program.strategies["wait"], ("ann", ()), 4_000, 2)
    exact = 2 * 2 + 2 * 9 - 4 / 2
    for found in (plays.totals, other):
        assert abs(found.mean() - exact) < 4 * found.std() / np.sqrt(len(found))
    assert plays.totals.std() == pytest.approx(1, abs=0.05) and other.std() == pytest.approx(1, abs=0.05)


# ----------------------------------------------------------------------------- learning


def test_the_better_of_two_arms_is_learned_and_said_to_be_learned():
    answer = loaded(ARMS).query("best")
    assert answer.method == "floating point, learned, actor-critic, 2,000 steps, seed 3"
    assert "ann.pull = Right" in answer.game and answer.value.verdict == "learned"
    low, high = answer.interval
    assert low < 2 < high and high - low < 0.2 and answer.runs == 400
    said = "\n".join(answer.because)
    assert "nothing says that it is best" in said and "`left` earns" in said and "dynamic programming" in said
    name, own, more = answer.value.beside[0]
    assert name == "left" and own.lower < 1.5 < own.upper
    assert (more.value, more.lower, more.upper) == pytest.approx((0.5, 0.5, 0.5)), "the same luck for both"


def test_an_owner_that_moves_the_price_learns_the_best_plan():
    found = best_response(owner().program, "Day", "owner", steps=3_000, runs=20, under="maker")
    assert found.value == pytest.approx(6_620), "as `maker` earns, which is proved to be best"
    assert [(name, more.value) for name, _, more in found.beside] == [("maker", pytest.approx(0))]
    text = owner().text + found.to_game("learned") + "query again = E(profit) of Day under learned\n"
    assert og.loads(text).query("again").value == 6_620, "what is printed does what was played"


def test_a_seller_with_a_rule_learns_to_wait_as_dynamic_programming_does():
    program = loaded(UNPLANNED).program
    best = dynamic_programming(program, "Shop", exact=True).value
    assert best == 2 * 9 + 2 * 5 - 2
    found = best_response(program, "Shop", "ann", steps=6_000, runs=200)
    low, high = found.interval
    assert low - 0.01 * float(best) <= best <= high + 0.01 * float(best)
    assert found.certificate == pytest.approx(0, abs=0.6) and found.planned.promised == pytest.approx(float(best))


def test_the_same_seed_learns_the_same_and_another_seed_other_weights():
    one, other = lesson(5), lesson(6)
    same = learn(Environment(loaded(SHOP).program, "Shop"), 800, 5)
    assert one.curve == same.curve != other.curve

    def leaves(found):
        return [w for part in found.weights["sell"].values() for layer in part for w in layer]

    assert all((a == b).all() for a, b in zip(leaves(one), leaves(same), strict=True))
    assert any((a != b).any() for a, b in zip(leaves(one), leaves(other), strict=True))


def test_a_table_obeys_the_rules_between_its_points():
    env = environment(BOUND, "Bound")
    table = tables(learn(env, 600, 1), 7)["quote"]
    names = [axis.leaf.name for axis in table.axes]
    random = np.random.default_rng(4)
    low, high = (float(table.axes[names.index("room")].values[i]) for i in (0, -1))
    for _ in range(300):
        room = random.uniform(max(low, 5), high)
        cell = [random.integers(len(a.values)) for a in table.axes]
        step = float(table.axes[names.index("room")].step)
        cell[names.index("room")] = min(int((room - low) / step + 0.5), table.best.shape[names.index("room")] - 1)
        bid, offer = table.site.moves[int(table.best[tuple(cell)])]
        assert bid <= offer <= room + 1e-9


def test_an_interrupted_lesson_keeps_what_was_learned():
    def stops(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    found = learn(environment(SHOP, "Shop"), 800, 5, progress=stops)
    assert found.stopped and 400 < found.steps < 800
    whole = lesson(5)
    assert whole.curve[: len(found.curve)] == found.curve and len(whole.curve) > len(found.curve)


# ----------------------------------------------------------------------------- refusals

TWO = """
player ann, bob
game Two {
    decide a: bool by ann earning u
    decide b: bool by bob earning v
    u = ind(a == b)
    v = ind(a != b)
}
strategy no of Two {
    ann.a = true
    bob.b = false
}
"""
REAL = """
player ann
game Real { decide x: real by ann earning y   y = -x * x }
"""
HIDDEN = UNPLANNED.replace("seeing t, left", "seeing t").replace("price[t] * sell", "price[t] * min(sell, left)").replace(
    "subject to { enough: sell <= left }", ""
)
TIMELESS = UNPLANNED.replace("seeing t, left", "seeing left")


@pytest.mark.parametrize(
    ("text", "game", "seat", "steps", "code", "said"),
    [
        (TWO, "Two", "ann", 100, "not-yet", "learns for a single decider"),
        (REAL, "Real", "ann", 100, "not-yet", "cannot learn in `Real`"),
        (HIDDEN, "Shop", "ann", 100, "not-yet", "does not see `left`"),
        (TIMELESS, "Shop", "ann", 100, "not-yet", "does not see `t`"),
        (SHOP, "Shop", "ann", 3, "over-budget", "less than one play, which has 4 decisions"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_the_reason(text, game, seat, steps, code, said):
    with pytest.raises(og.Refusal) as refused:
        best_response(og.loads(text).program, game, seat, steps=steps)
    assert [d.code for d in refused.value.diagnostics] == [code]
    assert said in refused.value.diagnostics[0].headline and refused.value.diagnostics[0].headline


def test_under_a_strategy_the_others_are_part_of_the_environment():
    found = best_response(og.loads(TWO).program, "Two", "ann", steps=1_000, runs=10, under="no")
    assert found.value == 1 and "ann.a = false" in found.to_game("x") and "bob" not in found.to_game("x")
    assert [(name, own.value) for name, own, _ in found.beside] == [("no", 0)]


@pytest.mark.parametrize(
    ("option", "said"),
    [("stesp = 10", "no option `stesp`"), ("steps = 0", "at least 1"), ("rate = 0", "above 0"), ("hidden = 1/2", "whole number")],
)
def test_options_that_it_does_not_take_are_refused(option, said):
    text = ARMS.replace("steps = 2_000", option)
    with pytest.raises(og.Refusal) as refused:
        og.loads(text).query("best")
    assert [d.code for d in refused.value.diagnostics] == ["method-option"] and said in refused.value.diagnostics[0].headline
