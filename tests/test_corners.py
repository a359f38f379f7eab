"""Clearings that always have a legal move, seen at the corners of what their rules look at."""

from __future__ import annotations

import opengames as og

TEXT = """
type Hour = 1..2
type Load = [{low}, {high}]
type Unit = A | B
param cap: real[Unit] = [A: 10, else: 20]
player op
game Hourly(load: real, soc: real) -> (out: real, price: real) {{
    decide p: real[Unit], out: real by op
        seeing load, soc
        earning -sum(p[u] for u in Unit) - 2 * out
        subject to {{
            balance: load == sum(p[u] for u in Unit) + out
            range[u in Unit]: 0 <= p[u] <= cap[u]
            held: 0 <= out
            energy: out <= soc
            near: abs(p[A] - p[B]) <= 25
        }}
    price = dual(balance)
}}
game Day {{
    for t in Hour carrying soc = 5 {{
        load ~ uniform(Load)
        out, price ~ Hourly(load, soc)
        next soc = soc - out
    }}
}}
verify stored: forall t in Hour: soc[t] >= 0 of Day
"""


def said(low: object, high: object) -> dict[str, tuple[str, str]]:
    return {a.name: (a.verdict, str(a)) for a in og.loads(TEXT.format(low=low, high=high)).verify()}


def test_where_the_corners_can_be_met_nothing_is_assumed():
    # without the battery the units cover every load up to 30, whatever is left in store
    for verdict, text in said(0, 30).values():
        assert verdict == "proved"
        assert "can be met" not in text


def test_what_the_best_moves_keep_in_store_is_enough():
    # the store is dearer than the units: at most 1 an hour is taken from it, of 5
    for verdict, text in said(0, 31).values():
        assert verdict == "proved"
        assert "at their optimum" in text or "can be met" in text


def test_where_a_corner_fails_it_is_said():
    # a load of 36 takes more than is stored in the first hour
    for verdict, text in said(0, 36).values():
        assert verdict == "unknown" or "can be met" in text
