"""Two owners whose asks move one price: against merit order and the table of all that they can ask."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

import opengames as og
from opengames import Refusal

SPEC = Path(__file__).parents[1] / "specs" / "ercot" / "two_owners.game"
ASKS = (25, 60, 94)
POWER = {"East": 20, "West": 30}


def paid(load, asks):
    """What each owner earns in an hour with full batteries, or none where a tie at the margin leaves it open."""
    stack = sorted([(20, 100, ""), (95, 10_000, ""), *((asks[o], POWER[o], o) for o in asks)])
    out, left, price = dict.fromkeys(asks, 0), load, 0
    for cost, most, who in stack:
        given = min(most, left)
        if given > 0:
            price = cost
        if who:
            out[who] = given
        left -= given
    # with both at the margin, who gives is a tie; no load of the spec ends where an ask begins
    return None if asks["East"] == asks["West"] == price else {o: price * out[o] for o in asks}


def test_pure_equilibria_are_those_of_the_table():
    found = og.load(SPEC).query("all").value
    pure = {tuple(ASKS[mix[0][0]] for mix in each.profile) for each in found.found if each.is_pure}
    table = {asks: paid(140, dict(zip(POWER, asks, strict=True))) for asks in product(ASKS, ASKS)}
    apart = {asks: paid_ for asks, paid_ in table.items() if paid_ is not None}
    # an answer that is not a tie and beats every other that is not one; ties at the margin pay the ask to 40 MW at most
    stable = {(e, w) for e, w in apart if _best(apart, e, w)}
    assert {asks for asks in pure if asks in apart} == stable == {(25, 94), (60, 94), (94, 25)}


def _best(table, e, w):
    mine, other = table[e, w]["East"], table[e, w]["West"]
    east = all((x, w) not in table or table[x, w]["East"] <= mine for x in ASKS)
    return east and all((e, x) not in table or table[e, x]["West"] <= other for x in ASKS)


@pytest.mark.parametrize("asks", [(25, 94), (60, 25), (94, 60)])
def test_what_owners_earn_is_what_merit_order_pays(asks):
    strategy = "strategy s of Once {{ owner[o].ask = if o == East then {} $/MWh else {} $/MWh }}".format(*asks)
    queries = "\n".join(f"query {o.lower()} = E(profit[{o}]) of Once under s" for o in POWER)
    model = og.loads(SPEC.read_text() + strategy + "\n" + queries)
    hand = paid(140, dict(zip(POWER, asks, strict=True)))
    assert {o: model.query(o.lower()).value for o in POWER} == hand


def test_dynamic_programming_for_two_owners_is_refused_with_the_way_to_ask():
    model = og.loads(SPEC.read_text() + "query plan = best_response(Evening, owner[West]) by dynamic_programming")
    with pytest.raises(Refusal) as refused:
        model.query("plan")
    assert "others than owner[West] decide" in str(refused.value)
    assert "follow the strategy that stands after `under`" in str(refused.value)
