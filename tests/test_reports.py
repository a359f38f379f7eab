"""Games with all four ports: what comes back into a game may be reported further back."""

from __future__ import annotations

from fractions import Fraction

import opengames as og
from opengames.dsl.check import check

TEXT = """
player ann, bob

game Taxed(value: real $) -> (bid: bool) expects (gain: real $) reports (tax: real $) {
    decide bid: bool by ann seeing value earning gain - tax
    tax = gain / 4
}

game World {
    value ~ {4 $: 50%, 8 $: 50%}
    bid   ~ Taxed(value) paying won
    won   = if bid then value - 6 $ else 0 $
    decide help: bool by bob seeing value earning bid.tax - (if help then 1 $ else 0 $)
}

strategy s of World {
    ann.bid  = value > 6 $
    bob.help = false
}

verify stable: equilibrium(s)
"""


def test_a_report_that_depends_on_what_comes_back_is_earned_by_others():
    model = og.loads(TEXT)
    (claim,) = model.verify()
    assert claim.verdict == "proved"
    payoffs = {seat[0]: value for seat, value in model["World"].value("s").payoffs}
    # half the time the bid wins 2 $: a quarter of that is the tax, which ann loses and bob gets
    assert payoffs == {"ann": Fraction(3, 4), "bob": Fraction(1, 4)}


def test_a_simulation_leaves_out_what_is_known_only_afterwards():
    run = og.loads(TEXT).run("World", "s", runs=10)
    assert set(run) == {"value", "bid", "won", "help"}


def test_what_comes_back_cannot_be_used_before_it_is_known():
    wrong = TEXT.replace("won   = if bid then value - 6 $ else 0 $", "won   = bid.tax")
    codes = [d.code for d in check(wrong, "w.game").diagnostics]
    assert codes == ["no-such-field"]
    forward = TEXT.replace("earning gain - tax", "earning gain").replace("tax = gain / 4", "tax = gain / 4\n    again ~ bernoulli(tax / 1 $)")
    (found,) = check(forward, "f.game").diagnostics
    assert found.code == "unknown-name"
    assert "comes back only after play" in found.label
