"""Proofs by induction over the rounds of a loop: against unrolling, against plays tried one by one, and on what they must not prove."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og

TANK = """
type Hour = 1..{hours}
player owner
game Tank {{
    for t in Hour carrying level = 5 {{
        rain ~ {{0: 1/2, 2: 1/2}}
        decide flow: [-5, 5] by owner seeing level
            earning 0
            subject to {{
                room:  level + flow + 2 <= 10
                stock: level + flow >= 0
            }}
        next level = level + flow + rain
    }}
}}
strategy halve of Tank {{ owner.flow = -level / 2 }}
{claims}
"""


def verdicts(text):
    return {c.name: c for c in og.loads(text).verify()}


def tank(claims, hours=8760):
    return verdicts(TANK.format(hours=hours, claims=claims))


def test_an_invariant_holds_for_a_year_of_hours_and_for_any_number_of_rounds():
    found = tank("""
        verify asked: always(level[t] in [0, 10] for t in Hour) of Tank by invariant
        verify found: always(level[t] in [0, 10] for t in Hour) of Tank
        verify plan:  forall t in Hour: level[t] >= 0 and level[t] <= 9 of Tank under halve by invariant
    """)
    assert {c.verdict for c in found.values()} == {"proved"}
    assert "induction over any number of rounds" in found["asked"].method
    assert "all strategies" in found["asked"].method
    assert "induction" in found["found"].method
    assert "all strategies" not in found["plan"].method
    assert all(c.seconds < 5 for c in found.values())


def test_what_happens_inside_a_round_may_use_the_invariant():
    found = tank("""
        verify together: always(level[t] + flow[t] <= 8 and level[t] >= 0 for t in Hour) of Tank by invariant
        verify joined:   always(flow[t] >= -10 for t in Hour) and always(level[t] <= 10 for t in Hour) of Tank by invariant
    """)
    assert {c.verdict for c in found.values()} == {"proved"}


def test_a_bound_that_moves_with_the_round_covers_the_rounds_there_are():
    found = tank("verify moves: always(level[t] <= 10 + t for t in Hour) of Tank by invariant")["moves"]
    assert found.verdict == "proved"
    assert "induction over 8,760 rounds" in found.method


def test_a_step_that_fails_is_shown_and_proves_nothing():
    drip = """
        type Hour = 1..{hours}
        channel Drip() -> (a: real[Hour], b: real[Hour]) {{
            for t in Hour carrying a = 0, b = 0 {{
                next a = b
                next b = if b > 5 then 100 else 0
            }}
        }}
        verify alone:    always(a[t] <= 7 for t in Hour) of Drip by invariant
        verify stronger: always(a[t] <= 7 and b[t] <= 5 for t in Hour) of Drip by invariant
    """
    found = verdicts(drip.format(hours=1000))
    assert found["alone"].verdict == "unknown"
    assert found["alone"].because[0] == "the step from one round to the next fails where a = 0 then 100, b = 100 then 100"
    assert "first 6 rounds of every play" in found["alone"].because[1]
    assert found["stronger"].verdict == "proved"


def test_a_failure_that_a_play_gets_to_refutes():
    text = """
        type Hour = 1..1000
        channel Walk() -> (x: real[Hour]) {
            for t in Hour carrying x = 0 {
                step ~ {1: 1/2, 0: 1/2}
                next x = x + step
            }
        }
        verify low:   always(x[t] <= 2 for t in Hour) of Walk by invariant
        verify first: always(x[t] >= 1 for t in Hour) of Walk by invariant
        verify late:  always(x[t] <= 500 for t in Hour) of Walk by invariant
        verify timed: always(x[t] <= t - 1 for t in Hour) of Walk by invariant
        verify grows: always(x[t] >= 0 for t in Hour) of Walk
    """
    found = verdicts(text)
    assert found["low"].verdict == "refuted"
    assert "step at t = 1 = 1" in found["low"].counterexample and "fails at t = 4" in found["low"].because[-1]
    assert found["first"].verdict == "refuted"
    assert found["late"].verdict == "unknown"
    assert found["timed"].verdict == "proved"
    assert found["grows"].verdict == "proved"


def test_a_plan_that_leaves_its_type_outside_the_invariant_is_not_proved():
    found = tank("verify low: always(level[t] >= 0 for t in Hour) of Tank under halve by invariant")["low"]
    assert found.verdict == "unknown"
    assert "flow" in found.because[-1]


def test_rules_that_may_leave_no_move_keep_a_failure_open():
    found = tank("verify nine: always(level[t] <= 9 for t in Hour) of Tank by invariant")["nine"]
    assert found.verdict == "unknown"
    assert "if play can go on from there" in found.because[-1]


def test_what_the_invariant_promises_shows_that_a_round_has_a_value():
    text = """
        type Hour = 1..500
        channel Decay() -> (x: real[Hour]) {{
            for t in Hour carrying x = 4 {{ next x = {next} }}
        }}
        verify above: always(x[t] >= 1 for t in Hour) of Decay by invariant
    """
    assert verdicts(text.format(next="1 + 1 / x"))["above"].verdict == "proved"
    broken = verdicts(text.format(next="1 + 1 / (x - 1) ^ 2"))["above"]
    assert broken.verdict == "unknown"


STORE = """
type Hour = 1..2000
param high: real = {high}
type Charge = [0, high]
fun guard(soc: Charge, wish: [-9, 9]) -> [-9, 9] = clamp(wish, soc - high, soc)
channel Store() -> (soc: {kind}[Hour], moved: real) {{
    for t in Hour carrying soc = 20 {{
        wish ~ uniform(-9, 9)
        move = guard(soc, wish)
        next soc = soc - move
    }}
    moved = sum(move[t] / 2 for t in Hour)
}}
verify inside: always(soc[t] in [0, high] for t in Hour) of Store by invariant
verify wider:  always(soc[t] >= -1 for t in Hour) of Store by invariant
"""


def test_what_an_output_promises_is_shown_in_every_round_and_helps():
    plain = verdicts(STORE.format(high=40, kind="real"))
    assert plain["inside"].verdict == "proved"
    assert plain["wider"].verdict == "unknown", "the guard is only called with a charge inside"
    typed = verdicts(STORE.format(high=40, kind="Charge"))
    assert {c.verdict for c in typed.values()} == {"proved"}
    tight = verdicts(STORE.format(high=40, kind="[0, 30]"))
    assert {c.verdict for c in tight.values()} == {"unknown"}, "the output leaves its type in some play"


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ("always(level[t + 1] <= 10 for t in Hour if t < 10)", "one by one"),
        ("eventually(level[t] <= 10 for t in Hour)", "`always(...)`"),
        ("always(level[t] <= level[1] + 10 for t in Hour)", "compares rounds"),
    ],
)
def test_a_claim_of_another_form_says_so(claim, why):
    found = tank(f"verify it: {claim} of Tank by invariant", 10)["it"]
    assert found.verdict == "unknown"
    assert why in found.because[-1]


WALK = """
type Round = 1..{n}
channel Walk() -> (x: real[Round], y: real[Round]) {{
    for t in Round carrying x = {x}, y = {y} {{
        d ~ {{{a}: 1/2, {b}: 1/2}}
        next x = clamp(x + d, {low}, {high})
        next y = {p} * x + {q} * y
    }}
}}
verify it: always(x[t] <= {cap} and y[t] <= {roof} for t in Round) of Walk by invariant
"""
small = st.integers(-3, 3)


@settings(max_examples=25)
@given(
    st.integers(1, 4), small, small, st.lists(small, min_size=2, max_size=2, unique=True), st.integers(-2, 0),
    st.integers(1, 4), st.integers(0, 1), st.integers(-1, 1), st.integers(-1, 5), st.integers(0, 6),
)  # fmt: skip
def test_a_proof_or_a_refutation_agrees_with_all_plays(n, x, y, draws, low, high, p, q, cap, roof):
    a, b = draws
    text = WALK.format(n=n, x=x, y=y, a=a, b=b, low=low, high=high, p=p, q=q, cap=cap, roof=roof)
    said = verdicts(text)["it"].verdict

    def holds(play):
        here, there = x, y
        for d in play:
            if here > cap or there > roof:
                return False
            here, there = min(max(here + d, low), high), p * here + q * there
        return True

    truth = all(holds(play) for play in product(draws, repeat=n))
    assert said != ("refuted" if truth else "proved")
    if n <= 4 and not truth:
        assert said == "refuted", "so few rounds are played from the base"
