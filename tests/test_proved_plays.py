"""Claims about every play: against exact chances of random diagrams, and for loops, branches, calls, decisions and clearings."""

from __future__ import annotations

from fractions import Fraction as F
from itertools import count, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from strategies_diagrams import SPACES, channels, functions

import opengames as og
from opengames.compose import then
from opengames.diagram import Arm, Branch, Carry, Compute, Diagram, Draw, Loop, Port, wires
from opengames.exact import distribution
from opengames.program import Program
from opengames.proved import values as v
from opengames.proved.decide import Prover
from opengames.proved.play_claims import decide_play
from opengames.proved.plays import play
from opengames.proved.replay import Impossible, replay
from opengames.proved.solve import Clock
from opengames.proved.translate import Translator
from opengames.spaces import BOOL, Grid, points
from opengames.terms import At, Const, Fold, Pack, Prim, Select, Uniform, Var, Weighted


def found(diagram, term):
    return decide_play(Prover({}, {}, Clock.start(5)), diagram, term)


def exactly(diagram, term):
    """Whether the claim holds in every play of positive chance from every input."""
    for x in points(diagram.inputs[0].space) if diagram.inputs else [None]:
        given_ = {} if x is None else {diagram.inputs[0].name: x}
        pairs = dict(distribution(Program(), diagram, Pack((term,)), params={}, inputs=given_))
        if set(pairs) != {(True,)}:
            return False
    return True


@st.composite
def chains(draw):
    """A few channels and functions in a row, on random finite spaces."""
    spaces = [draw(st.sampled_from(SPACES)) for _ in range(draw(st.integers(2, 4)))]
    whole = None
    for a, b in pairwise(spaces):
        piece = draw(draw(st.sampled_from((channels, functions)))(a, b))
        whole = piece if whole is None else then(whole, piece)
    return whole, spaces[0], spaces[-1]


@st.composite
def claims_about(draw, wire, space):
    values = draw(st.lists(st.sampled_from(list(points(space))), min_size=1, max_size=len(list(points(space)))))
    term = Prim("==", (Var(wire), Const(values[0])))
    for each in values[1:]:
        term = Prim("or", (term, Prim("==", (Var(wire), Const(each)))))
    return Prim("not", (term,)) if draw(st.booleans()) else term


@given(st.data())
@settings(max_examples=40)
def test_composed_channels_get_the_verdict_of_the_exact_reading(data):
    diagram, _, last = data.draw(chains())
    port = diagram.outputs[0]
    claim = data.draw(claims_about(port.name, last))
    assert found(diagram, claim).verdict == ("proved" if exactly(diagram, claim) else "refuted")


@st.composite
def looped(draw):
    """A walk: a carried truth value changed by a drawn one, and a branch on it, over three rounds."""
    n = Grid((F(1), F(2), F(3)))
    weights = [F(draw(st.integers(0, 3))) for _ in range(2)]
    p = weights[0] / (sum(weights) or 1)
    kernel = Select((Var("s"),), (BOOL,), (_coin(p), _coin(F(draw(st.integers(0, 2)), 2))))
    ops = st.sampled_from(("==", "!=", "and", "or", "implies"))
    arms = tuple(
        Arm(
            f"s={x}",
            (x,),
            Diagram(
                "arm", (Port("s", BOOL), Port("d", BOOL)), (Port("m", BOOL),),
                (Compute(Port("m", BOOL), Prim(draw(ops), (Var("s"), Var("d")))),),
            ),
        )
        for x in (False, True)
    )  # fmt: skip
    body = Diagram(
        "body",
        (Port("t", n), Port("s", BOOL)),
        (Port("d", BOOL), Port("m", BOOL), Port("next s", BOOL)),
        (
            Draw(Port("d", BOOL), kernel),
            Branch("if", "s", arms, ("s", "d"), (Port("m", BOOL),)),
            Compute(Port("next s", BOOL), Prim(draw(ops), (Var("m"), Var("d")))),
        ),
    )
    loop = Loop(
        "for t", (("t", n),), body, (), (Carry("s", BOOL, "s0", "next s"),),
        (("d", "d"), ("m", "m"), ("s", "next s")), (("end", "s"),), reversed=draw(st.booleans()),
    )  # fmt: skip
    diagram = Diagram("walk", (), (), (Draw(Port("s0", BOOL), Uniform(BOOL)), loop))
    return diagram, n


def _coin(p):
    return Weighted(((Const(True), Const(p)), (Const(False), Const(1 - p))))


@given(st.data())
@settings(max_examples=40)
def test_loops_and_branches_get_the_verdict_of_the_exact_reading(data):
    diagram, n = data.draw(looped())
    wire = st.sampled_from(("d", "m", "s"))
    atoms = st.one_of(
        st.builds(lambda w, k: At(Var(w), (Const(k),), (n,)), wire, st.sampled_from(n.points)),
        st.just(Var("end")),
        st.builds(lambda w, op: Fold(op, (("i", n),), At(Var(w), (Var("i"),), (n,))), wire, st.sampled_from(("and", "or"))),
    )
    ops = st.sampled_from(("==", "!=", "and", "or", "implies"))
    claim = data.draw(st.builds(lambda op, a, b: Prim(op, (a, b)), ops, atoms, atoms))
    assert found(diagram, claim).verdict == ("proved" if exactly(diagram, claim) else "refuted")


@given(looped())
@settings(max_examples=20)
def test_a_symbolic_play_has_every_wire_and_any_of_its_models_is_a_play(walk):
    diagram, _ = walk
    tr = Translator({}, {})
    made = play(tr, diagram)
    assert set(made.wires) == set(wires(diagram))
    import z3

    solver = z3.Solver()
    solver.add(*tr.facts)
    assert solver.check() == z3.sat
    chosen = {(c.place, c.wire): v.read(solver.model(), c.value, tr.labels) for c in made.choices}
    known = replay(diagram, chosen, {}, {})
    assert known == {n: v.read(solver.model(), x, tr.labels) for n, x in made.wires.items()}
    key = next(k for k in chosen if k[1] == "s0")
    with pytest.raises(Impossible):
        replay(diagram, {**chosen, key: "red"}, {}, {})


# --------------------------------------------------------------------------- texts

TANK = """
use std.energy: MW, MWh, h
type Hour = 1..{hours}
type Loss = [0 MWh, 1 MWh]
param cap: real MWh = 10 MWh
player owner

channel leak(level: [0 MWh, cap]) -> (left: [0 MWh, cap]) {
    loss ~ uniform(Loss)
    left = max(0 MWh, level - loss)
}
game Tank {
    for t in Hour carrying level = cap / 2 {
        seen ~ normal(level, 1 MWh)
        decide flow: [-5 MW, 5 MW] by owner seeing seen
            earning 0 $
            subject to { room: level + flow * 1 h <= cap
                        stock: level + flow * 1 h >= 0 MWh }
        left ~ leak(level + flow * 1 h)
        next level = left
    }
}
game Wild {
    for t in Hour carrying level = cap / 2 {
        decide flow: [-5 MW, 5 MW] by owner earning 0 $
        next level = level + flow * 1 h
    }
}
strategy still of Wild { owner.flow = 0 MW }
strategy odd of Wild { owner.flow = 1 MW }

verify stays: forall t in Hour: left[t] in [0 MWh, cap] of Tank
verify runs_over: forall t in Hour: level[t] <= cap of Wild
verify still_stays: forall t in Hour: level[t] == cap / 2 of Wild under still
verify odd_leaves: forall t in Hour: level[t] <= 2 * cap of Wild under odd
verify shrinks: left <= level of leak
verify lasts: left > 0 MWh of leak
"""


def test_claims_about_all_strategies_and_all_inputs():
    model = og.loads(TANK.replace("{hours}", "6"))
    verdicts = {c.name: c for c in model.verify()}
    assert {n: c.verdict for n, c in verdicts.items()} == {
        "stays": "proved", "runs_over": "refuted", "still_stays": "proved", "odd_leaves": "proved",
        "shrinks": "proved", "lasts": "refuted",
    }  # fmt: skip
    assert verdicts["stays"].method == "z3, every play, all strategies"
    assert verdicts["shrinks"].method == "z3, every play"
    assert verdicts["runs_over"].because[0].startswith("fails for flow at t = 1 = ")
    assert verdicts["lasts"].counterexample.startswith("level = 0 MWh")


def test_a_longer_loop_is_proved_hour_by_hour():
    found_ = og.loads(TANK.replace("{hours}", "48")).verify("stays")[0]
    assert found_.verdict == "proved" and found_.seconds < 8


def test_a_checked_output_that_may_leave_its_type_is_owed_by_the_claim():
    text = """
    channel step(x: [0, 1]) -> (y: [0, 1]) {
        noise ~ normal(0, 1)
        y = x + noise
    }
    channel safe(x: [0, 1]) -> (y: [0, 1]) {
        noise ~ normal(0, 1)
        y = clamp(x + noise, 0, 1)
    }
    verify bad: y <= 1 of step
    verify good: y <= 1 of safe
    """
    bad, good = og.loads(text).verify()
    assert (bad.verdict, good.verdict) == ("unknown", "proved")
    assert "is not in [0, 1]" in bad.because[0] and "noise = " in bad.because[0]


def test_a_strategy_that_breaks_a_rule_is_found_out():
    text = """
    type Hour = 1..4
    player p
    game G {
        for t in Hour carrying s = 0 {
            decide a: [-1, 1] by p seeing s earning 0 subject to { room: s + a <= 2 }
            next s = s + a
        }
    }
    strategy up of G { p.a = 1 }
    strategy back of G { p.a = -s / 2 }
    verify first: forall t in Hour: s[t] <= 4 of G under up by z3
    verify second: forall t in Hour: s[t] <= 2 of G under back by z3
    """
    first, second = og.loads(text).verify()
    assert first.verdict == "unknown" and "rule `room` of p does not hold" in first.because[0]
    assert second.verdict == "proved"


def test_a_clearing_whose_price_is_asked_for_is_known_at_its_best():
    text = """
    player op
    game Clear(load: [0, 10]) -> (out: real) {
        decide out: real by op seeing load earning 0 - out subject to { serve: out >= load
            most: out <= 20 }
    }
    game Priced(load: [0, 10]) -> (out: real, price: real) {
        decide out: real by op seeing load earning 0 - out subject to { serve: out >= load }
        price = dual(serve)
    }
    verify within: out <= 20 of Clear
    verify tight: out == load of Clear
    verify least: out == load of Priced
    """
    within, tight, least = og.loads(text).verify()
    assert within.verdict == "proved"
    assert tight.verdict == "refuted"  # of all strategies of op
    assert least.verdict == "proved"  # where a price is asked for, the move is the best


def test_rules_that_nobody_can_obey_prove_nothing():
    text = """
    player p
    game G() -> (a: real) { decide a: [0, 1] by p earning a subject to { more: a >= 2 } }
    verify it: a == 7 of G
    """
    found_ = og.loads(text).verify("it")[0]
    assert found_.verdict == "unknown"
    assert found_.because[0] == "these rules cannot hold together: more, the type of `a`"


def test_duals_have_their_signs():
    text = """
    player op
    game Clear(load: [0, 10]) -> (up: real, down: real, same: real) {
        decide out: real by op seeing load earning out subject to { most: out <= load
            least: out >= 0
            fix: out == load }
        up = dual(most)
        down = dual(least)
        same = dual(fix)
    }
    verify a: up >= 0 of Clear
    verify b: down <= 0 of Clear
    verify c: same >= 0 of Clear
    """
    # where the load is 0 three rules meet: what they are worth is shared among them in many ways, and only some make `c` fail
    assert [c.verdict for c in og.loads(text).verify()] == ["proved", "proved", "unknown"]


def test_the_dual_of_a_chain_is_the_sum_over_its_comparisons_for_every_reading():
    text = """
    player op
    game Down { decide z: real by op earning -3 * z subject to { tot: 5 >= z >= -1 }
        t = dual(tot) }
    game Up { decide z: real by op earning -3 * z subject to { tot: -1 <= z <= 5 }
        t = dual(tot) }
    game Some {
        n ~ {1: 1/2, 2: 1/2}
        decide z: real by op seeing n earning 4 * z subject to { b: n == 1 implies 0 <= z <= n
            c: z <= 4 * n }
        t = dual(b)
    }
    verify down: t == -3 of Down by z3
    verify up: t == 3 of Up by z3
    verify some: t == (if n == 1 then 4 else 0) of Some by z3
    verify never: t == 0 of Down by z3
    verify down_too: t == -3 of Down
    verify up_too: t == 3 of Up
    verify some_too: t == (if n == 1 then 4 else 0) of Some
    """
    claims = {c.name: c.verdict for c in og.loads(text).verify()}
    assert claims.pop("never") == "refuted"
    assert set(claims.values()) == {"proved"}


def test_a_price_at_a_kink_is_refuted_only_where_no_price_meets_the_claim():
    text = """
    player op
    game Kink { decide p: real, q: real by op earning -(10 * p + 30 * q)
        subject to { bal: 100 == p + q
          cp: 0 <= p <= 100
          cq: 0 <= q <= 50 }
        price = dual(bal) }
    game Load { load ~ uniform(50, 150)
        decide p: real, q: real by op seeing load earning -(10 * p + 30 * q)
        subject to { bal: load == p + q
          cp: 0 <= p <= 100
          cq: 0 <= q <= 50 }
        price = dual(bal) }
    verify upper: price == 30 of Kink
    verify upper_by_z3: price == 30 of Kink by z3
    verify below: price <= 30 of Kink by z3
    verify above: price > 30 of Kink by z3
    verify cheap: price <= 20 of Load by z3
    """
    claims = {c.name: c for c in og.loads(text).verify()}
    assert claims["upper"].verdict == "proved"
    assert claims["upper_by_z3"].verdict == "unknown" and "several best moves or prices" in claims["upper_by_z3"].because[-1]
    assert [claims[n].verdict for n in ("below", "above")] == ["proved", "refuted"]
    assert claims["cheap"].verdict == "refuted"


# ------------------------------------------------------------------------- feasible


@given(
    st.lists(st.tuples(*[st.integers(-3, 3)] * 3, st.integers(-6, 12)), min_size=1, max_size=4),
    st.booleans(),
)
@settings(max_examples=25)
def test_a_legal_move_everywhere_is_what_linear_programs_find_everywhere(rows, bend):
    rules = "\n".join(f"r{i}: {a} * m + {b} * n + {c} * x <= {d}" for i, (a, b, c, d) in enumerate(rows))
    extra = "bent: abs(m - n) <= 2" if bend else ""
    text = f"""
    player p
    game G(x: real) {{ decide m: [0, 4], n: [-1, 3] by p seeing x earning 0 subject to {{ {rules}
{extra}
}} }}
    verify it: forall x in [-1, 2]: feasible(G(x))
    """
    claim = og.loads(text).verify("it")[0]

    def feasible(x):
        a = [[r[0], r[1]] for r in rows] + ([[1, -1], [-1, 1]] if bend else [])
        b = [r[3] - r[2] * x for r in rows] + ([2, 2] if bend else [])
        return linprog([0, 0], A_ub=a, b_ub=b, bounds=[(0, 4), (-1, 3)]).status == 0

    if claim.verdict == "proved":
        assert all(feasible(x) for x in np.linspace(-1, 2, 13))
    else:
        assert claim.verdict == "refuted", claim
        x = float(F(claim.counterexample.split(" = ")[1]))
        assert not feasible(x - 1e-9) or not feasible(x + 1e-9) or not feasible(x)
        assert claim.because[1].startswith("these rules cannot hold together: ")


def test_the_rules_that_cannot_hold_together_are_all_needed_and_named():
    text = """
    type Unit = A | B | C
    param most: real[Unit] = [A: 10, B: 20, C: 30]
    player op
    game Clear(load: real) {
        decide p: real[Unit] by op seeing load earning 0 subject to {
            serve: sum(p[u] for u in Unit) == load
            low[u in Unit]: p[u] >= 0
            cap[u in Unit]: p[u] <= most[u]
            wire: p[C] <= 15
        }
    }
    verify small: forall load in [0, 45]: feasible(Clear(load))
    verify large: forall load in [0, 50]: feasible(Clear(load))
    verify less:  forall load in [-1, 50]: feasible(Clear(load))
    verify some:  exists load in [50, 60]: feasible(Clear(load))
    verify given: forall load in [0, 90]: load <= 45 implies feasible(Clear(load))
    """
    small, large, less, some, given_ = og.loads(text).verify()
    assert [c.verdict for c in (small, large, less, some, given_)] == ["proved", "refuted", "refuted", "refuted", "proved"]
    assert small.method == "z3, 2 cases, at every corner, hence everywhere: the rules are jointly convex"
    assert large.because == (
        "fails for load = 50",
        "these rules cannot hold together: serve, cap, wire",
        "without `cap[A]` or `cap[B]` or `wire` the others can",
    )
    assert "low" in less.because[1] or "wire" in less.because[1]


def test_rules_that_are_not_convex_are_decided_all_the_same():
    text = """
    player p
    game G(x: real) { decide m: [0, 4] by p seeing x earning 0 subject to { far: m >= 3 or m <= 1
            near: abs(m - x) <= 1 } }
    verify all: forall x in [0, 4]: feasible(G(x))
    verify not_all: forall x in [0, 6]: feasible(G(x))
    """
    both = og.loads(text).verify()
    assert [c.verdict for c in both] == ["proved", "refuted"]


def test_a_verdict_does_not_depend_on_what_else_the_machine_does(monkeypatch):
    """The wall clock runs away: each look at it is an hour later. Time is that of the processor, and nothing is left open."""
    from opengames.proved import solve

    hours = count(0, 3600)
    monkeypatch.setattr(solve, "perf_counter", lambda: float(next(hours)))
    text = """
type Hour = 1..6
type Rain = {0, 1, 2}
player owner
game Tank {
    for t in Hour carrying level = 5 {
        rain ~ uniform(Rain)
        decide flow: [-5, 5] by owner seeing level
            earning 0
            subject to {
                room:  level + flow <= 8
                stock: level + flow >= 0
            }
        next level = level + flow + rain
    }
}
verify inside: forall t in Hour: level[t] in [0, 10] of Tank
"""
    (found,) = og.loads(text).verify()
    assert found.verdict == "proved" and "can be met" not in str(found)


def test_a_proof_is_not_told_with_less_because_its_time_is_nearly_over():
    from opengames.proved.legal import legal

    text = "player p\ngame G(a: [0, 5]) {\n    decide x: [0, 5] by p seeing a earning 0 subject to { up: x >= a }\n}\n"
    model = og.loads(text)
    tr = Translator({}, {})
    made = play(tr, model.program.diagrams["G"])
    found = legal(tr, made, Clock.start(0.0))
    assert found.stuck == "" and found.assumed == ()
