"""Diagrams and programs survive a round trip through JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from strategies_diagrams import SPACES, channels

from opengames.compose import beside, then
from opengames.dsl.check import check
from opengames.serial import decode, encode

A, B, C = SPACES
SPECS = sorted((Path(__file__).parents[1] / "specs").rglob("*.game"))


@given(channels(A, B), channels(B, C))
def test_a_composite_survives(f, g):
    assert decode(encode(then(f, g))) == then(f, g)
    assert decode(encode(beside(f, g))) == beside(f, g)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_shipped_program_survives(path):
    program = check(path.read_text(encoding="utf-8"), path.name).program
    assert program is not None
    for name, diagram in program.diagrams.items():
        assert decode(encode(diagram)) == diagram, name
    assert decode(encode(program)).strategies == program.strategies


def test_json_is_plain_and_says_what_it_is():
    assert json.loads(encode(A)) == {"is": "space.Bool"}


def test_what_is_not_a_program_is_refused():
    with pytest.raises(ValueError, match="no part of a program"):
        decode('{"is": "os.system"}')
    with pytest.raises(TypeError, match="not part of a program"):
        encode(object())
