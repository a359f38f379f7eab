"""Exact numbers of any length are printed, and kept exactly in JSON."""

from __future__ import annotations

from fractions import Fraction

import opengames as og


def test_a_number_of_many_thousand_digits_is_an_answer():
    answer = og.loads("query tiny = (1/3) ^ 20000").query("tiny")
    assert answer.value == Fraction(1, 3**20000)
    assert "e-9543" in str(answer)
    told = answer.to_dict()["value"]
    assert told.startswith("1/")
    assert len(told) > 9_000
