"""A question answered by dynamic programming, from the text to the printed answer."""

from __future__ import annotations

from fractions import Fraction
from importlib.resources import files

import pytest

import opengames as og


def test_the_best_day_of_a_battery_is_asked_in_the_text():
    prices = [Fraction(20)] * 12 + [Fraction(60)] * 12
    model = og.load(str(files("opengames.specs") / "battery_day.game"), price=prices)
    answer = model.query("best")
    assert answer.method == "floating point, dynamic programming"
    assert "can expect 4151.57" in str(answer)
    assert answer.value.value == pytest.approx(4151.578947)
    assert "floating point" in answer.to_dict()["method"]
    assert answer.certificate == pytest.approx(0, abs=1e-6)
