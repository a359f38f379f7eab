"""The cleared day of the demonstration: its table and pictures show what the text says."""

import re

import numpy as np
import pytest

from opengames.demo.clearing import busiest, day_picture, hour_picture, model, network, play, table
from opengames.models.grid.shift_factors import ShiftFactors


@pytest.fixture(scope="module")
def day():
    found = model()
    return found, play(found, "patient", "fill up early", runs=1)


def test_the_network_that_is_drawn_carries_the_flows_of_the_text(day) -> None:
    found, played = day
    drawn = network(found)
    a = {wire: values[0] for wire, values in played.arrays.items()}
    made = np.concatenate([a["lmp.p"], (a["out"] - a["into"])[:, None]], axis=1)
    injected = -np.outer(a["load"], [0, 0.3, 0.3, 0.4, 0])
    np.add.at(injected.T, drawn.units.bus, made.T)
    assert np.allclose(injected.sum(axis=1), 0, atol=1e-6)
    assert np.allclose(injected @ ShiftFactors(drawn, "A").rows(range(6)).T, a["lmp.flow"], atol=1e-6)


def test_the_busiest_hour_has_the_published_prices_of_the_full_line(day) -> None:
    """F. Li and R. Bo, Small Test Systems for Power System Economic Studies (2010): five buses, the line from D to E full."""
    _, played = day
    hour = busiest(played)
    assert np.allclose(played.arrays["lmp"][0, hour - 1], [16.98, 26.38, 30.00, 39.94, 10.00], atol=0.005)
    assert f"{hour:>4}" in table(played, (hour,))[-1] and "39.94" in table(played, (hour,))[-1]


def test_both_pictures_say_what_was_cleared(day) -> None:
    found, played = day
    assert all(f">{unit}</text>" in day_picture(found, played) for unit in ("Brighton", "Sundance", "battery", "load"))
    drawn = hour_picture(found, played, busiest(played))
    assert re.search(r">240\.0 / 240 MW<", drawn) and ">39.94</text>" in drawn
