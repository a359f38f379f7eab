"""Random channels mean the same in every reading: joint events of wires in loops, branches and calls, against all draws enumerated.

`python -m benchmarks readings` goes on with other seeds for as long as it is told.
"""

from __future__ import annotations

from fractions import Fraction as F
from itertools import combinations
from pathlib import Path

import pytest
from test_straight import REPEATED, TWO_OUT

import opengames as og
from benchmarks import random_games
from benchmarks.random_channels import written
from benchmarks.readings import Enumeration, disagreements, measure
from opengames.exact import scope

ASKED = TWO_OUT.replace("channel day", "channel main") + """
query n    = E(n[2]) of main
query both = P(n[2] == 2 and now[3] | was[1] == was[2]) of main
query all  = distribution(n[3]) of main
"""
CARRIED = REPEATED.replace("channel day", "channel main") + "query two = P(now[1] and now[2]) of main"
SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_way_to_an_answer_gives_what_the_draws_give(seed: int) -> None:
    found = disagreements(written(seed, draws=4 + seed % 3, questions=2), slow=seed % 5 == 0)
    assert found is None or not found[1]


def test_most_of_the_texts_load_and_are_compared_in_many_ways() -> None:
    found = [disagreements(written(seed, draws=4, questions=1), slow=False) for seed in range(100, 106)]
    assert sum(f is not None for f in found) >= 4
    assert sum(f[0] for f in found if f is not None) > 20


def test_the_enumeration_gives_what_is_known() -> None:
    program = og.loads(ASKED).program
    work, diagram = Enumeration(program), program.diagrams["main"]
    worlds = work.worlds(diagram, {})
    due = [work.answer(worlds, diagram, q.term) for q in program.questions]
    assert due == [F(4, 3), F(0), {F(0): F(2, 3), F(1): F(1, 3)}]


def _at_once(self: scope.LoopBuilder, name: str) -> str:
    """What a loop hands on made in the middle of what asks for it, as it once was."""
    for slot, (var, _) in zip(self.step.fixed, self.loop.iters, strict=True):
        if name == var:
            return slot
    carry = self.carry.get(name)
    if carry is None:
        return self.parent.slot(name)
    before = f"{self.prefix}{name}"
    first = self.parent.solid(carry.init)
    self.body.slots[name] = before
    self.step.carries.append((before, first, self.body.solid(carry.next)))
    return before


@pytest.mark.parametrize("text", [ASKED, CARRIED], ids=["two results", "subject"])
def test_the_mistakes_there_were_are_found(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = disagreements(text, slow=False)
    assert found is not None and found[0] >= 8 and found[1] == []

    def mixed(self: scope.BranchBuilder, wire: str) -> str:
        slot = f"{self.prefix}{wire}"
        self.step.outs.append(slot)
        for inner, (_, _, outs) in zip(self.scopes, self.step.arms, strict=True):
            outs.append(inner.solid(wire))
        return slot

    monkeypatch.setattr(scope.LoopBuilder, "_input", _at_once)
    monkeypatch.setattr(scope.BranchBuilder, "out", mixed)
    found = disagreements(text, slow=False)
    assert found is not None and {way for _, way, _, _ in found[1]} >= {"exact", "forward", "together"}


def test_the_long_run_counts_what_it_compared(tmp_path: Path) -> None:
    outcome = measure(seconds=0.5, seed=3, folder=tmp_path, sizes=(3,))
    texts, answers, bad = (f.value for f in outcome.figures)
    assert texts >= 1 and answers > 5 and bad == 0


def test_payoffs_and_verdicts_are_those_of_all_plans() -> None:
    found = [f for seed in range(30) if (f := random_games.disagreements(seed, draws=3)) is not None]
    assert [wrong for _, wrong in found if wrong] == []
    assert len(found) >= 10 and len({text for text, _ in found}) == len(found)


def test_wires_that_are_sure_take_no_axis_of_a_table() -> None:
    # whichever is summed out first meets all others, and an array has 64 axes at most
    import numpy as np

    from opengames.exact.elimination import Factor, contract

    names = [f"s{i}" for i in range(66)]
    factors = [Factor(pair, np.ones((1, 1))) for pair in combinations(names, 2)]
    factors.append(Factor(("s0", "x"), np.array([[0.25, 3.0]])))
    sizes = {"x": 2} | dict.fromkeys(names, 1)
    assert contract(factors, sizes, ("x", "s1")).tolist() == [[0.25], [3.0]]
    assert float(contract(factors, sizes)) == 3.25
