"""Exact and sampled agree where wires are hard to reach: in branches, in calls, in rounds of loops, and in records."""

from __future__ import annotations

from fractions import Fraction as F
from functools import cache

import pytest
from specs_agreement import FALSE_ALARMS, compare
from specs_exposed import TAKEN, VALUE, exposed, places

import opengames as og
from opengames.exact import distribution
from opengames.terms import Pack, Var

DEEP = """
type Level = Low | Mid | High
type Day   = 1..3
type Pair  = (left: Level, right: bool)
param often: prob = 30%

channel look(level: Level) -> (seen: Pair) {
    side ~ bernoulli(often)
    match level {
        Low  => {
            blurred ~ bernoulli(1 / 4)
            left = if blurred then Mid else Low
        }
        Mid  => { left = Mid }
        High => {
            first ~ bernoulli(1 / 2)
            if first {
                again ~ {Low: 1 / 5, High: 4 / 5}
                left = again
            } else {
                left = High
            }
        }
    }
    seen = (left: left, right: side)
}

channel days() -> (last: Level) {
    opening ~ uniform(Level)
    for d in Day carrying level = opening {
        glance ~ look(level)
        if glance.right {
            moved ~ {Low: 1 / 2, Mid: 1 / 2}
            new = moved
        } else {
            new = glance.left
        }
        next level = new
    }
    last = level[3]
}

channel crowd() -> (lucks: real) {
    base ~ uniform(Level)
    for d in Day {
        one ~ look(base)
        if one.left == High { lucky ~ bernoulli(1 / 3) } else { lucky = false }
    }
    lucks = sum(ind(lucky[d]) for d in Day)
}
"""


@cache
def model(**params: str) -> og.Model:
    return og.loads(DEEP, **params)


def test_wires_in_branches_and_fields_of_records_agree() -> None:
    met = compare(model(), runs=2_000, seed=20)
    assert met.inside > 20 and met.fields > 4
    assert met.least > FALSE_ALARMS / met.count, met.where


def test_runs_of_another_model_do_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, run = og.loads(DEEP), og.Model.run
    monkeypatch.setattr(og.Model, "run", lambda _, *what, **more: run(model(often="45%"), *what, **more))
    met = compare(mine, runs=2_000, seed=20)
    assert met.least < FALSE_ALARMS / met.count


def test_a_wire_in_a_branch_is_handed_out_with_its_chance() -> None:
    # The base is High with 1/3, looked at closer with 1/2, and then Low with 1/5.
    diagram = model().program.diagrams["crowd"]
    (place,) = [p for p in places(diagram) if p.path == "one.level=High.first=true.again"]
    law = dict(distribution(model().program, exposed(diagram, place), Pack((Var(TAKEN), Var(VALUE)))))
    assert law[True, "Low"] == F(1, 30) and law[True, "High"] == F(4, 30)
    assert sum(chance for (taken, _), chance in law.items() if not taken) == F(5, 6)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("examples/01_dilemma", {}), ("examples/01_entry", {}), ("examples/02_auction", {}), ("examples/03_events", {}),
        ("examples/04_reservation", {"K": 2, "N": 2, "T": 2}), ("grid_day", {}),
    ],
)  # fmt: skip
def test_the_examples_agree_where_both_readings_apply(text: str, params: dict[str, int]) -> None:
    """The battery (05) draws from the normal distribution, and the market (06) clears: the exact reading has neither."""
    met = compare(og.load(f"specs/{text}.game", **params), runs=2_000, seed=31)
    assert met.count > 0
    assert met.least > FALSE_ALARMS / met.count, met.where
