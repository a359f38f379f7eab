"""What is said about a better plan with several points, and how likely places are reached, from texts."""

from __future__ import annotations

from fractions import Fraction as F

import opengames as og

RAIN = """
player farmer
game Field {
    rain ~ {true: 1/8, false: 7/8}
    decide water: bool by farmer seeing rain
        earning if rain == water then 0 $ else 2.4 $
}
strategy match_it of Field { farmer.water = rain }
strategy half of Field { farmer.water = true }
verify whole: equilibrium(match_it)
verify part:  equilibrium(half)
"""

BRANCH = """
player p, q
game G {
    decide open: bool by p earning won
    if open {
        decide second: bool by q seeing open earning -won
        won = if second then 1 else 0
    } else {
        won = 0
    }
}
strategy s of G {
    p.open   ~ {true: 1/4, false: 3/4}
    q.second ~ {true: 1/3, false: 2/3}
}
query arm    = reach(open == true)  of G under s
query other  = reach(open == false) of G under s
query reply  = reach(second) of G under s
query always = reach(open) of G under s
verify rare: reach(second) < 0.3 of G under s
"""


def test_a_better_plan_with_several_points_says_what_each_is_worth_alone():
    whole, part = og.loads(RAIN).verify()
    assert whole.because == (
        "farmer can do better at `water`",
        "it sees rain = true",
        "it plays true, and should play false",
        "it gains 2.4 $ in expectation by its whole change of plan",
        "changed alone, its move at `water`, seeing rain = true gains 0.3 $",
        "changed alone, its move at `water`, seeing rain = false gains 2.1 $",
    )
    assert part.because[-1] == "it gains 0.3 $ in expectation"


def test_reach_is_the_chance_of_a_decision_or_an_arm():
    model = og.loads(BRANCH)
    found = {name: model.query(name).value for name in ("arm", "other", "reply", "always")}
    assert found == {"arm": F(1, 4), "other": F(3, 4), "reply": F(1, 4), "always": F(1)}
    (rare,) = model.verify()
    assert rare.verdict == "proved"
