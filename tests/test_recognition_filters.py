"""Filters against independent ones: the whole joint normal distribution, the forward algorithm, and each other."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_diagrams import spaces, weighted

import opengames as og
from opengames.evaluate import evaluate
from opengames.solvers.recognition.densities import log_chance
from opengames.solvers.recognition.diagnosis import limit
from opengames.solvers.recognition.recognise import prepared
from opengames.spaces import Reals, points
from opengames.terms import Const, If, Normal, Uniform, Weighted

ROUNDS = 12

LINEAR = """
type T = 1..12

channel move(x: real, v: real, push: real) -> (x2: real, v2: real) {
    a ~ normal(0, 0.3)
    b ~ normal(0, 0.1)
    x2 = x + v / 2 + push + a
    v2 = 0.9 * v + b
}

channel day(push: real[T]) -> (x: real[T], v: real[T], y: real[T], z: real[T], bias: real) {
    bias ~ normal(1, 2)
    x0   ~ normal(0, 3)
    for t in T carrying px = x0, pv = 1, k = 0 {
        x, v ~ move(px, pv, push[t])
        y    ~ normal(x + bias, 0.7)
        z    ~ normal(2 * v - x, 1/2 + k / 100)
        next px = x
        next pv = v
        next k = k + 1
    }
}
"""
WIRES = "(push: real[T], y: real[T], z: real[T]) -> (x: real[T], v: real[T], bias: real) of day by"


class Joint:
    """The linear model as one normal distribution: every wire is a row of coefficients of independent noises, and a constant."""

    def __init__(self, push: np.ndarray) -> None:
        n = 2 + 2 * ROUNDS
        unit = np.eye(n + 1)
        one = unit[n]
        self.bias = 2 * unit[0] + one
        x, v = 3 * unit[1], one
        xs, vs = [], []
        for t in range(ROUNDS):
            x, v = x + v / 2 + push[t] * one + 0.3 * unit[2 + 2 * t], 0.9 * v + 0.1 * unit[3 + 2 * t]
            xs.append(x)
            vs.append(v)
        self.x, self.v = np.array(xs), np.array(vs)
        self.seen = np.concatenate([self.x + self.bias, 2 * self.v - self.x])
        self.noise = np.concatenate([np.full(ROUNDS, 0.49), (0.5 + np.arange(ROUNDS) / 100) ** 2])

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The noises and what was seen."""
        e = np.append(rng.normal(size=self.seen.shape[1] - 1), 1.0)
        return e, self.seen @ e + np.sqrt(self.noise) * rng.normal(size=len(self.noise))

    def given(self, rows: np.ndarray, y: np.ndarray, upto: int) -> tuple[np.ndarray, np.ndarray]:
        """Means and deviations of rows given the evidence of the first rounds."""
        at = np.r_[0:upto, ROUNDS : ROUNDS + upto]
        h, r = self.seen[at][:, :-1], rows[:, :-1]
        gain = r @ h.T @ np.linalg.inv(h @ h.T + np.diag(self.noise[at]))
        mean = rows[:, -1] + gain @ (y[at] - self.seen[at][:, -1])
        return mean, np.sqrt(np.diag(r @ r.T - gain @ h @ r.T))

    def by_round(self, rows: np.ndarray, y: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
        pairs = [self.given(rows[t : t + 1], y, min(ROUNDS, t + 1 + lag)) for t in range(ROUNDS)]
        return np.array([m[0] for m, _ in pairs]), np.array([s[0] for _, s in pairs])

    def log_density(self, y: np.ndarray) -> float:
        h = self.seen[:, :-1]
        spread = h @ h.T + np.diag(self.noise)
        gap = y - self.seen[:, -1]
        return float(-(gap @ np.linalg.solve(spread, gap) + np.linalg.slogdet(spread)[1] + len(y) * np.log(2 * np.pi)) / 2)


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, Joint, np.ndarray]:
    rng = np.random.default_rng(7)
    push = rng.normal(size=ROUNDS)
    joint = Joint(push)
    return push, joint, joint.draw(rng)[1]


def recognised(text: str, push: np.ndarray, y: np.ndarray, seed: int = 0):
    model = og.loads(f"{LINEAR}\nrecognition r{WIRES} {text}", "linear.game")
    return model.recognise("r", push=push, y=y[:ROUNDS], z=y[ROUNDS:], seed=seed)


@pytest.mark.parametrize("lag", [0, 3, ROUNDS])
def test_the_kalman_filter_conditions_the_joint_normal_distribution(case, lag: int) -> None:
    push, joint, y = case
    found = recognised(f"kalman[lag = {lag}]", push, y)
    for wire, rows in (("x", joint.x), ("v", joint.v)):
        mean, deviation = joint.by_round(rows, y, lag)
        assert found.mean(wire) == pytest.approx(mean, abs=1e-10)
        assert found.deviation(wire) == pytest.approx(deviation, abs=1e-10)
    (mean,), (deviation,) = joint.given(joint.bias[None], y, ROUNDS)
    assert float(found.mean("bias")) == pytest.approx(mean, abs=1e-10)
    assert float(found.deviation("bias")) == pytest.approx(deviation, abs=1e-10)
    assert found.log_evidence == pytest.approx(joint.log_density(y), abs=1e-9)


def test_far_data_are_not_impossible_and_set_the_alarm_off(case) -> None:
    """Evidence at a distance of many deviations is unlikely, not certain to be wrong, however far."""
    push, _, y = case
    for far in (1e6, 1e9, 1e200):
        found = recognised("kalman", push, np.where(np.arange(2 * ROUNDS) == 3, far, y))
        assert found.diverged and (found.deviation("x") > 0.1).all()
        assert found.mean("x")[:3] == pytest.approx(recognised("kalman", push, y).mean("x")[:3])


def test_more_members_than_fit_are_refused() -> None:
    text = "channel c() -> (x: real, y: real) { x ~ normal(0, 1)  y ~ normal(x, 1) } recognition r(y: real) -> (x: real) of c by"
    for method, word in (("enkf[members = 1_000_000_000]", "members"), ("particle[particles = 1_000_000_000]", "particles")):
        with pytest.raises(og.Refusal, match=f"1,000,000,000 {word} of `r` take about") as refused:
            og.loads(f"{text} {method}").recognise("r", y=1)
        assert refused.value.diagnostics[0].code == "over-budget"


LEVEL = """
type T = 1..3
param start: real = 1
param slip: real = 1
param noise: real = 1

channel drift() -> (x: real[T], y: real[T]) {
    x0 ~ normal(0, start)
    for t in T carrying before = x0 {
        x ~ normal(before, if t == 2 then slip else 0)
        y ~ normal(x, noise)
        next before = x
    }
}
recognition r(y: real[T]) -> (x: real[T]) of drift by kalman
"""


@pytest.mark.parametrize(("param", "place"), [("start", "`x0`, before the loop"), ("slip", "`x`, at t = 2"), ("noise", "`y`, at t = 1")])
def test_a_deviation_below_zero_is_refused_with_its_draw(param: str, place: str) -> None:
    """Squared, it would give what a positive one gives."""
    model = og.loads(LEVEL, "level.game")
    with pytest.raises(og.Refusal) as caught:
        model.with_params(**{param: -1}).recognise("r", y=[1, 2, 3])
    first = caught.value.diagnostics[0]
    assert first.code == "not-a-distribution"
    assert place in first.notes[0]


def test_evidence_without_noise_is_taken_at_its_word_or_refused() -> None:
    model = og.loads(LEVEL, "level.game")
    exact = model.with_params(noise=0)
    found = exact.recognise("r", y=[2, 5, 5])
    assert found.mean("x") == pytest.approx([2, 5, 5], abs=1e-6)
    assert found.deviation("x") == pytest.approx(0, abs=1e-6)
    for y, step in (([2, 5, 6], "t = 3"), ([2, 2, 2.1], "t = 3")):
        with pytest.raises(og.Refusal) as caught:
            exact.recognise("r", y=y)
        assert caught.value.diagnostics[0].code == "impossible-evidence"
        assert step in caught.value.diagnostics[0].headline
    with pytest.raises(og.Refusal) as caught:
        model.with_params(start=0, slip=0, noise=0).recognise("r", y=[1, 0, 0])
    assert "at t = 1" in caught.value.diagnostics[0].headline


@pytest.mark.parametrize(
    "method", ["enkf[members = 1_000]", pytest.param("enkf[members = 1_000, lag = 12]", marks=pytest.mark.slow), "particle[particles = 2_000]"]
)
def test_filters_by_members_agree_with_it_up_to_their_own_noise(case, method: str) -> None:
    """The mean of 24 independent filters is off by no more than its standard error says, and by what few members bias."""
    push, joint, y = case
    program = og.loads(f"{LINEAR}\nrecognition r{WIRES} {method}", "linear.game").program
    many = {"y": [np.tile(y[:ROUNDS], (24, 1))], "z": [np.tile(y[ROUNDS:], (24, 1))]}
    found = prepared(program, program.recognitions["r"]).run(1, np.arange(24), {"push": [np.tile(push, (24, 1))]}, many)
    lag = ROUNDS if "lag" in method else 0
    for wire, rows in (("x", joint.x), ("v", joint.v)):
        mean, deviation = joint.by_round(rows, y, lag)
        for got, exact in ((found.beliefs[wire].mean(), mean), (found.beliefs[wire].deviation(), deviation)):
            error = got.std(0, ddof=1) / math.sqrt(24)
            assert (error < 0.05 * deviation).all()  # so that the test can fail
            assert (np.abs(got.mean(0) - exact) < 5 * error + 0.01 * deviation).all()
    total = found.log_evidence.sum(1)
    assert abs(total.mean() - joint.log_density(y)) < 5 * total.std(ddof=1) / math.sqrt(24) + 0.05


def test_members_are_the_same_whatever_runs_beside_them() -> None:
    text = """
        channel walk() -> (x: real[1..5], y: real[1..5]) {
            for t in 1..5 carrying at = 0 { e ~ normal(0, 1)  x = at + e  y ~ normal(x, 1)  next at = x }
        }
        recognition r(y: real[1..5]) -> (x: real[1..5]) of walk by enkf[members = 16]
    """
    program = og.loads(text, "walk.game").program
    ready = prepared(program, program.recognitions["r"])
    y = np.random.default_rng(0).normal(size=(3, 5))
    y[1] = y[0]
    together = ready.run(5, np.arange(3), {}, {"y": [y]}).beliefs["x"].members
    apart = ready.run(5, np.array([2, 7, 9]), {}, {"y": [y[[2, 0, 0]]]}).beliefs["x"].members
    assert (together[2] == apart[0]).all()
    assert np.abs(together[0] - together[1]).max() > 0.01  # the same evidence, other noise


CELLS = """
param yes: prob[Level] = [Low: 10%, Middle: 50%, High: 80%]
type T = 1..10
type Level = Low | Middle | High

channel cell(seen: Level) -> (next_level: Level) = table {
    | seen   || Low | Middle | High |
    | Low    || 90% |  10%   |  0%  |
    | Middle || 20% |  60%   | 20%  |
    | High   ||  0% |  10%   | 90%  |
}

channel process() -> (level: Level[T], reading: bool[T]) {
    for t in T reversed carrying now = Middle {
        level   ~ cell(now)
        reading ~ bernoulli(yes[level])
        next now = level
    }
}
"""
MOVES = np.array([[0.9, 0.1, 0], [0.2, 0.6, 0.2], [0, 0.1, 0.9]])
YES = np.array([0.1, 0.5, 0.8])


def forward(readings: np.ndarray) -> tuple[np.ndarray, float]:
    state, found, log = np.array([0.0, 1, 0]), [], 0.0
    for y in readings:
        state = state @ MOVES * (YES if y else 1 - YES)
        log += math.log(state.sum())
        state = state / state.sum()
        found.append(state)
    return np.array(found), log


@pytest.fixture(scope="module")
def particles():
    readings = np.array([1, 0, 0, 1, 1, 1, 1, 0, 1, 1], bool)
    text = f"{CELLS}\nrecognition r(reading: bool[T]) -> (level: Level[T]) of process by particle[particles = 20_000]"
    model = og.loads(text, "cells.game")
    return readings, model.recognise("r", reading=readings), model


def test_particles_follow_the_forward_algorithm_also_backward_in_time(particles) -> None:
    readings, found, _ = particles
    chances, log = forward(readings[::-1])
    shares = found.chances("level")
    got = np.stack([shares[label] for label in ("Low", "Middle", "High")], 1)[::-1]
    assert np.abs(got - chances).max() < 6 * 0.5 / math.sqrt(10_000)  # at least half of the particles count
    assert found.log_evidence == pytest.approx(log, abs=0.05)


def test_the_effective_size_is_that_of_the_weights(particles) -> None:
    _, found, _ = particles
    assert found.effective.shape == (10,) and (found.effective > 0).all() and (found.effective <= 20_000).all()
    weights = found.weights("level")
    assert np.allclose(weights.sum(0), 1)
    assert np.allclose(found.effective, 1 / (weights**2).sum(0))


def test_no_particle_explains_the_impossible_and_the_round_is_named(particles) -> None:
    with pytest.raises(og.Refusal, match="no particle of `r` explains the evidence at t = 7") as refused:
        particles[2].with_params(yes=[0, 0, 0]).recognise("r", reading=[True] + [False] * 5 + [True] + [False] * 3)
    assert refused.value.diagnostics[0].code == "impossible-evidence"


SENSORS = """
type T = 1..4
type Sensor = North | South | East
type State = (x: real, v: real)

channel sensor(true_x: real, noise: real) -> (y: real) {
    if noise > 1 {
        y ~ normal(true_x, noise)
    } else {
        y ~ normal(2 * true_x, 1)
    }
}

channel day() -> (state: State[T], seen: real[T, Sensor], heat: real) {
    heat ~ normal(0, 1)
    for t in T reversed carrying s = (x: heat, v: 1) {
        e ~ normal(0, 1)
        for k in Sensor { w ~ normal(s.v, 1/2) }
        state = (x: s.x + s.v + e, v: sum(w[k] for k in Sensor) / 3)
        for k in Sensor {
            seen ~ sensor(state.x, if k == North then 2 else 1/2)
        }
        next s = state
    }
}
"""


@pytest.mark.slow
def test_filters_agree_on_records_sensors_branches_and_rounds_that_run_backward() -> None:
    wires = "(seen: real[T, Sensor]) -> (state: State[T], heat: real) of day by"
    methods = {"k": "kalman", "e": "enkf[members = 4_000]", "p": "particle[particles = 20_000]"}
    text = SENSORS + "".join(f"recognition {n}{wires} {by}\n" for n, by in methods.items())
    model = og.loads(text, "sensors.game")
    seen = np.random.default_rng(0).normal(size=(4, 3)) * 2
    right, *others = (model.recognise(n, seen=seen) for n in methods)
    for near in others:
        for wire in ("state.x", "state.v", "heat"):
            slack = 6 * right.deviation(wire) / math.sqrt(1000)  # of 20,000 particles, where evidence is sharp, some 1,000 count
            assert (np.abs(near.mean(wire) - right.mean(wire)) < slack).all()
            assert (np.abs(near.deviation(wire) - right.deviation(wire)) < slack).all()
        assert near.log_evidence == pytest.approx(right.log_evidence, abs=0.2)


# --------------------------------------------------------------------------- densities


@given(st.data())
def test_chances_of_a_finite_draw_are_its_chances(data) -> None:
    space = data.draw(spaces())
    kernel = data.draw(weighted(space))
    assert isinstance(kernel, Weighted)
    for value in points(space):
        log, possible = log_chance(kernel, Const(value))
        chance = sum(c.value for v, c in kernel.pairs if v.value == value)
        assert evaluate(possible, {}, {}, {}) == (chance > 0)
        assert math.exp(evaluate(log, {}, {}, {})) == pytest.approx(float(chance) if chance else 1.0)


@given(st.fractions(-9, 9), st.fractions(-3, 3), st.fractions(Fraction(1, 10), 4))
def test_the_density_of_a_normal_draw_is_the_textbook_one(x: Fraction, mean: Fraction, deviation: Fraction) -> None:
    from statistics import NormalDist

    log, possible = log_chance(If(Const(True), Normal(Const(mean), Const(deviation)), Normal(Const(x), Const(x))), Const(x))
    assert evaluate(possible, {}, {}, {}) is True
    z = float((x - mean) / deviation)
    assert evaluate(log, {}, {}, {}) == pytest.approx(-z * z / 2 - math.log(float(deviation)) - math.log(2 * math.pi) / 2)
    assert math.exp(evaluate(log, {}, {}, {})) == pytest.approx(NormalDist(float(mean), float(deviation)).pdf(float(x)))


def test_a_uniform_draw_has_one_over_its_width_inside_and_nothing_outside() -> None:
    kernel = Uniform(Reals(Fraction(1), Fraction(5)))
    log, possible = log_chance(kernel, Const(Fraction(2)))
    assert evaluate(possible, {}, {}, {}) and math.exp(evaluate(log, {}, {}, {})) == pytest.approx(1 / 4)
    assert not evaluate(log_chance(kernel, Const(Fraction(6)))[1], {}, {}, {})


# ----------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x = p * p + e", "multiplies the state by the state"),
        ("x = 1 / p + e", "divides by what depends on the state"),
        ("x = exp(p) + e", "takes `exp` of what depends on the state"),
        ("x = if p > 0 then e else p", "takes `>` of what depends on the state"),
        ("x ~ normal(p, abs(e))", "takes `abs`"),
        ("x ~ normal(p, p)", "noise whose deviation depends on the state"),
        ("x ~ {0: 1/2, 1: 1/2}", "is not drawn from a normal distribution"),
    ],
)
def test_a_kalman_filter_names_the_term_that_is_not_linear(body: str, said: str) -> None:
    text = f"""
        channel c() -> (x: real[1..3], y: real[1..3]) {{
            for t in 1..3 carrying p = 1 {{
                e ~ normal(0, 1)
                {body}
                y ~ normal(x, 1)
                next p = x
            }}
        }}
        recognition r(y: real[1..3]) -> (x: real[1..3]) of c by kalman
    """
    with pytest.raises(og.Refusal) as refused:
        og.loads(text, "bent.game").recognise("r", y=[1, 2, 3])
    (found,) = refused.value.diagnostics
    assert found.code == "unsuited-filter" and said in found.headline and found.span is not None


def test_bounds_are_not_normal() -> None:
    text = "channel c() -> (x: real[0..1], y: real) { x ~ normal(0, 1)  y ~ normal(0, 1) }"
    text = "channel c() -> (x: [0, 9], y: real) { e ~ normal(5, 1)  x = e  y ~ normal(x, 1) } recognition r(y: real) -> (x: [0, 9]) of c by kalman"
    with pytest.raises(og.Refusal, match="a normal distribution has no bounds"):
        og.loads(text).recognise("r", y=5)


def test_an_ensemble_moves_numbers_only() -> None:
    with pytest.raises(og.Refusal, match="moves real numbers"):
        og.loads(f"{CELLS}\nrecognition r(reading: bool[T]) -> (level: Level[T]) of process by enkf").recognise("r", reading=[True] * 10)


def test_what_an_input_of_the_channel_was_cannot_be_inferred_without_a_prior() -> None:
    text = "channel c(x: real) -> (y: real) { y ~ normal(x, 1) } recognition r(y: real) -> (x: real) of c by kalman"
    with pytest.raises(og.Refusal, match="is an input of `c`: nothing says how likely its values are"):
        og.loads(text).recognise("r", y=5)
    text = "channel c(a: real) -> (x: real, y: real) { x ~ normal(a, 1)  y ~ normal(x, 1) } recognition r(y: real) -> (x: real) of c by kalman"
    with pytest.raises(og.Refusal, match="is an input of `c` and not one of `r`"):
        og.loads(text).recognise("r", y=5)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("enkf[members = 1]", "`members` is a whole number of at least 2"),
        ("kalman[members = 9]", "`kalman` has no option `members`; it has `lag`"),
        ("exact[strategies = 9]", "the option `strategies` of `exact` has no effect on a recognition"),
    ],
)
def test_an_option_that_does_nothing_is_refused(method: str, said: str) -> None:
    text = f"channel c() -> (x: real, y: real) {{ x ~ normal(0, 1)  y ~ normal(x, 1) }} recognition r(y: real) -> (x: real) of c by {method}"
    with pytest.raises(og.Refusal) as refused:
        og.loads(text).recognise("r", y=5)
    assert refused.value.diagnostics[0].code == "method-option" and said in refused.value.diagnostics[0].headline


# -------------------------------------------------------------------------- a single round


def test_a_channel_without_a_loop_is_one_round() -> None:
    text = """
        channel c() -> (x: real, y: real) { x ~ normal(1, 2)  y ~ normal(3 * x, 4) }
        recognition r(y: real) -> (x: real) of c by kalman
        recognition p(y: real) -> (x: real) of c by particle[particles = 20_000]
    """
    model = og.loads(text)
    spread = 1 / (1 / 4 + 9 / 16)
    mean = spread * (1 / 4 + 3 * 7 / 16)
    found = model.recognise("r", y=7)
    assert float(found.mean("x")) == pytest.approx(mean) and float(found.deviation("x")) == pytest.approx(math.sqrt(spread))
    near = model.recognise("p", y=7)
    assert float(near.mean("x")) == pytest.approx(mean, abs=6 * math.sqrt(spread / 5000))


def test_sums_of_surprises_of_a_right_filter_stay_below_the_limit() -> None:
    rng = np.random.default_rng(0)
    sums = (rng.normal(size=(100_000, 16)) ** 2).sum(1)
    assert (sums < limit(np.array(16))).all()
    assert limit(np.array([0, 4]))[0] == np.inf > limit(np.array(1))
