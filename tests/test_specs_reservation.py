"""The reservation exchange by its exact rules: the facts of the model, reproduced from the text alone.

Long-run figures are those of 50 units after the start, when the chain of presence and beliefs (46 states, second
eigenvalue below 0.73) is within 1e-6 of its limit. Published figures are given to six digits.

Source: E. J. Xu, 2-State-2-Price Rex with Anticipated Switch Probability (2020), and exact computations for it.
"""

from __future__ import annotations

from fractions import Fraction as F
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from specs_agreement import FALSE_ALARMS, compare

import opengames as og
from opengames.dsl.check import check
from opengames.dsl.formatter import format_text
from opengames.exact import distribution, expectations
from opengames.program import Question

SPECS = Path(__file__).parent.parent / "specs"
SIX = 1.5e-6
AUTHOR = {"K": 5, "max_lead": 4, "calm": "5%", "wild": "95%", "rare": "5%", "loss": "25 $"}


@cache
def facts(**params: Any) -> og.Model:
    return og.load(SPECS / "reservation_facts.game", **params)


@cache
def exchange(**params: Any) -> og.Model:
    return og.load(SPECS / "reservation.game", **params)


def asked(model: og.Model, what: str, of: str, under: str | None = None) -> Question:
    """A question in the words of the language, put to the text of `model`."""
    scope = f" of {of}" + (f" under {under}" if under else "")
    checked = check(f"{model.text}\nquery asked_here = {what}{scope}\n", "asked", model.program.param_values())
    assert checked.program is not None, checked.diagnostics
    return checked.program.questions[-1]


def mean(model: og.Model, what: str, of: str, under: str | None = None, number: type = float) -> Any:
    """An expectation by the exact reading, in floats or rationals."""
    question = asked(model, f"E({what})", of, under)
    diagram = model._desk.diagram(of, under)
    evidence = question.term.args[1:]
    return expectations(model.program, diagram, [question.term.args[0]], evidence, number=number)[0]


def means(model: og.Model, what: list[str], of: str, number: type = float) -> list[Any]:
    """Several expectations of a channel at once."""
    lines = [f"query asked_{i} = E({each}) of {of}" for i, each in enumerate(what)]
    checked = check("\n".join([model.text, *lines]), "asked", model.program.param_values())
    assert checked.program is not None, checked.diagnostics
    terms = [question.term.args[0] for question in checked.program.questions[-len(what) :]]
    return expectations(model.program, model.program.diagrams[of], terms, number=number)


# ------------------------------------------------------------------------ the texts


@pytest.mark.parametrize("name", ["reservation", "reservation_facts"])
def test_it_checks_and_is_laid_out_as_the_formatter_would(name: str) -> None:
    text = (SPECS / f"{name}.game").read_text()
    assert check(text, name).diagnostics == ()
    assert format_text(text, name).text == text


def test_the_rule_is_best_for_who_believes_in_it() -> None:
    claim = exchange().verify("threshold_is_best")[0]
    assert claim.verdict == "proved" and "slicing" in claim.method


def test_reserving_below_the_belief_is_not() -> None:
    text = (SPECS / "reservation.game").read_text().replace("offer < loss * chance", "2 * offer < loss * chance")
    assert og.loads(text, N=2, T=3).verify("threshold_is_best")[0].verdict == "refuted"


def test_a_tie_is_not_reserved() -> None:
    # Loss 20, price 10, away, one lead with ASP 1/2: the believed chance is 1/2 and the price exactly 20 / 2.
    model = exchange(K=1, T=1, N=1, calm="1 / 2", wild="1 / 2", pull="0", loss="20 $")
    runs = model.run("Exchange", "threshold", runs=200, seed=1, keep=["utility.offer", "utility.reserve"])
    offer, taken = runs["utility.offer"], runs["utility.reserve"]
    assert (taken == (offer == 5)).all() and set(np.unique(offer)) == {5, 10}


# ------------------------------------------------------------------ payoffs (table 1)

#: (held, change, present) and the total in terms of sink, price and loss.
HISTORIES = [
    (1, 0, 1, lambda sink, p, loss: sink),
    (1, 0, 0, lambda sink, p, loss: sink),
    (1, -1, 1, lambda sink, p, loss: sink + p - loss),
    (1, -1, 0, lambda sink, p, loss: sink + p),
    (0, 1, 1, lambda sink, p, loss: sink - p),
    (0, 1, 0, lambda sink, p, loss: sink - p),
    (0, 0, 1, lambda sink, p, loss: sink - loss),
    (0, 0, 0, lambda sink, p, loss: sink),
]


def test_the_claim_lists_table_one() -> None:
    assert facts().verify("payoffs_are_table_one")[0].verdict == "proved"


@pytest.mark.parametrize(("held", "change", "present", "total"), HISTORIES)
def test_table_one_golden(held: int, change: int, present: int, total: Any) -> None:
    from opengames.evaluate import evaluate
    from opengames.terms import Apply, Const

    program, sink, loss = exchange().program, F(-5), F(24)
    for price in (F(5), F(10)):
        reserve = Const(bool(held + change))
        flow = evaluate(Apply("cash", (Const(price), Const(bool(held)), reserve)), {}, program.funs, program.param_values())
        hurt = evaluate(Apply("hurt", (Const(bool(present)), reserve)), {}, program.funs, program.param_values())
        assert sink + flow - hurt == total(sink, price, loss)


# -------------------------------------------------------------------- fact 1: prices


@pytest.mark.parametrize(("lead", "unit"), [(1, 6), (2, 7), (3, 8), (4, 8)])
def test_every_price_is_low_or_high_with_chance_one_half(lead: int, unit: int) -> None:
    assert mean(facts(), f"ind(price[{unit}, {lead}] == 5 $)", "offers", number=F) == F(1, 2)


@pytest.mark.parametrize("later", [1, 2, 3])
def test_a_target_keeps_its_price_with_correlation_four_fifths_a_unit(later: int) -> None:
    # Levels 5 and 10 with chance 1/2 each: the correlation is twice the chance to be equal, less one.
    equal = mean(facts(), f"ind(price[5, 4] == price[{5 + later}, {4 - later}])", "offers", number=F)
    assert 2 * equal - 1 == F(4, 5) ** later


@pytest.mark.parametrize("lead", [1, 2, 3, 4])
def test_one_lead_on_two_days_is_correlated_through_the_furthest_chain(lead: int) -> None:
    equal = mean(facts(), f"ind(price[5, {lead}] == price[6, {lead}])", "offers", number=F)
    assert 2 * equal - 1 == F(4, 5) ** (1 + 2 * (4 - lead))


# ---------------------------------------------------------------- fact 2: one unit ahead


def test_one_lead_has_a_closed_form() -> None:
    model = facts(K=1)
    m, alpha = 0.18, 0.01
    occupancy = (m + alpha) / (2 * m)
    assert mean(model, "ind(mind.home)", "life") == pytest.approx(occupancy, abs=SIX)
    assert occupancy == pytest.approx(0.527778, abs=SIX)
    for price in (5, 10):
        share = mean(model, f"ind(reserve[1]) | offer[1] == {price} $", "Target", "threshold")
        assert share == pytest.approx(0.522222, abs=SIX)
    lost = mean(model, "ind(there.home and not reserve[1])", "Target", "threshold")
    assert lost == pytest.approx(0.052556, abs=SIX)
    assert mean(model, "utility", "Target", "threshold") == pytest.approx(-5.178, abs=SIX)


# ------------------------------------------------------------------ fact 3: four units ahead


def test_there_are_46_states_of_mind() -> None:
    model = facts()
    question = asked(model, "distribution(mind)", "life")
    assert len(distribution(model.program, model.program.diagrams["life"], question.term.args[0], number=float)) == 46


def test_long_run_presence_and_beliefs() -> None:
    known = {"ind(mind.home)": 0.531204, "ind(switched)": 0.144584}
    known |= {f"mind.asp[{k}]": v for k, v in enumerate((0.145208, 0.155090, 0.165354, 0.18), 1)}
    assert means(facts(), list(known), "life") == pytest.approx(list(known.values()), abs=SIX)


@pytest.mark.parametrize(
    ("price", "shares"),
    [(5, (0.582132, 0.630891, 1, 1)), (10, (0.536336, 0.582130, 0.620900, 0.620935))],
)
def test_long_run_shares_of_reservations(price: int, shares: tuple[float, ...]) -> None:
    found = means(facts(), [f"ind(wants({price} $, mind, {lead}))" for lead in (1, 2, 3, 4)], "life")
    assert found == pytest.approx(shares, abs=SIX)


@pytest.mark.parametrize(
    ("held", "present", "known"),
    [(False, False, 0.380906), (False, True, 0.059860), (True, False, 0.087890), (True, True, 0.471344)],
)
def test_long_run_shares_of_holding_and_presence(held: bool, present: bool, known: float) -> None:
    event = f"{'' if held else 'not '}reserve[1] and {'' if present else 'not '}there.home"
    assert mean(facts(), f"ind({event})", "Target", "threshold") == pytest.approx(known, abs=SIX)


def test_long_run_trades_for_each_target() -> None:
    bought = mean(facts(), "sum(ind(buys[k]) for k in Lead)", "Target", "threshold")
    left = mean(facts(), "sum(ind(leaves[k]) for k in Lead)", "Target", "threshold")
    assert bought == pytest.approx(0.938589, abs=SIX)
    assert left == pytest.approx(0.379355, abs=SIX)


# ------------------------------------------------------------------- what the rule earns


def test_the_queries_give_the_figures_of_the_note() -> None:
    model = facts()
    known = {"occupancy": 0.531204, "switching": 0.144584, "earned": -5.371908, "idle": -12.748894}
    for query, value in known.items():
        answer = model.query(query)
        assert answer.interval is None
        assert float(answer.value) == pytest.approx(value, abs=SIX), query
    # Correlation 0.8 at the furthest lead, so equal with chance (1 + 0.8) / 2.
    assert model.query("persist").value == F(9, 10)


def test_what_the_rule_gives_away() -> None:
    # By backward induction over (lead, presence, beliefs, price, held): the seat's best plan less the rule's value.
    forgone = float(facts().query("forgone").value)
    assert forgone == pytest.approx(0.549244, abs=SIX)
    assert float(facts().query("earned").value) + forgone == pytest.approx(-4.822664, abs=SIX)


def test_with_prices_that_never_move_it_gives_away_the_pull_alone() -> None:
    assert float(facts(jump="0%").query("forgone").value) == pytest.approx(0.000975, abs=SIX)


# -------------------------------------------------------------- fact 4: the author's numbers


def test_the_authors_parameters() -> None:
    # Switches are rarer here, so the start is forgotten more slowly.
    model = facts(burn_in=80, **AUTHOR)
    known = {"ind(mind.home)": 0.560717, "ind(switched)": 0.075719}
    known |= {f"mind.asp[{k}]": v for k, v in enumerate((0.076933, 0.081621, 0.086375, 0.090481, 0.095), 1)}
    found = means(model, list(known), "life")
    assert found == pytest.approx(list(known.values()), abs=SIX)


# -------------------------------------------------------------------- fact 5: one high belief

IMPULSE = {
    "SameTarget": {
        2: ".2 .3 .5 .9", 3: ".4 .5 .5 .1", 4: ".4 .3 .1 .1", 5: ".2 .1 .1 .1", 6: ".1 .1 .1 .1", 7: ".1 .1 .1 .1",
    },
    "SameLead": {2: ".2 .3 .5 .9", 3: ".25 .3 .3 .1", 4: ".25 .25 .2 .1", 5: ".225 .2 .15 .1"},
}  # fmt: skip


@pytest.mark.parametrize("smoothing", IMPULSE)
def test_how_one_high_belief_fades(smoothing: str) -> None:
    table = IMPULSE[smoothing]
    wires = [f"view[{unit}, {k}]" for unit in table for k in (1, 2, 3, 4)]
    found = means(facts(smoothing=smoothing), wires, "impulse", F)
    assert found == [F(x) for row in table.values() for x in row.split()]


def test_the_printed_smoothing_never_forgets() -> None:
    tail = means(facts(smoothing="SameLead"), [f"view[{i}, 1] - 0.1" for i in (6, 7, 8)], "impulse", F)
    assert tail[0] > tail[1] > tail[2] > 0


# ------------------------------------------------------------------------- fact 6: invariants

CHANCES = st.sampled_from(["0", "1 / 20", "1 / 3", "1 / 2", "9 / 10", "1"])


@settings(max_examples=12)
@given(
    calm=CHANCES, wild=CHANCES, rare=CHANCES, pull=st.sampled_from(["0", "1 / 100", "1 / 4"]), jump=CHANCES,
    loss=st.sampled_from(["0 $", "7 $", "24 $", "100 $"]), smoothing=st.sampled_from(["SameTarget", "SameLead"]),
)  # fmt: skip
def test_what_always_holds_of_a_run(**params: str) -> None:
    model = exchange(N=3, T=12, K=3)
    wires = ["utility." + w for w in ("view", "reserve", "owned", "fresh", "offer", "flow")]
    runs = model.with_params(**params).run("Exchange", "threshold", runs=20, seed=3, keep=wires)
    view, reserve = runs["utility.view"], runs["utility.reserve"].astype(int)
    owned, fresh, offer = runs["utility.owned"].astype(int), runs["utility.fresh"], runs["utility.offer"]
    assert (view >= 0).all() and (view <= 1).all()
    assert np.allclose(view[..., -1], fresh)
    # What is held for a target today was held, bought or given back: owned at lead k is what lead k + 1 held yesterday.
    assert (owned[:, :, 1:, :-1] == reserve[:, :, :-1, 1:]).all()
    assert not owned[..., -1].any() and not owned[:, :, 0].any()
    assert np.allclose(runs["utility.flow"], offer * (owned - reserve))
    if params["loss"] == "0 $":
        assert not reserve.any()


@settings(max_examples=8)
@given(calm=CHANCES, wild=CHANCES, rare=CHANCES, home=st.booleans(), lead=st.integers(1, 2))
def test_a_reservation_at_the_high_price_is_one_at_the_low_price(home: bool, lead: int, **params: str) -> None:
    model = facts(K=2, burn_in=3).with_params(**params)
    bad = f"ind(mind.home == {str(home).lower()} and wants(10 $, mind, {lead}) and not wants(5 $, mind, {lead}))"
    assert mean(model, bad, "life", number=F) == 0


@settings(max_examples=8)
@given(calm=CHANCES, wild=CHANCES, rare=CHANCES, smoothing=st.sampled_from(["SameTarget", "SameLead"]))
def test_without_a_pull_presence_is_even(**params: str) -> None:
    model = facts(K=3, burn_in=4).with_params(pull="0", **params)
    assert mean(model, "ind(mind.home)", "life", number=F) == F(1, 2)


@pytest.mark.parametrize("strategy", ["threshold", "never"])
def test_buys_less_give_backs_is_what_is_held(strategy: str) -> None:
    gap = "(sum(ind(buys[k]) - ind(leaves[k]) for k in Lead) - ind(reserve[1])) ^ 2"
    assert mean(facts(K=3, burn_in=3), gap, "Target", strategy, number=F) == 0


def test_with_a_constant_price_the_cash_of_a_target_is_its_price_if_held() -> None:
    gap = "(sum(flow[k] for k in Lead) + offer[1] * ind(reserve[1])) ^ 2"
    assert mean(facts(K=3, burn_in=3, jump="0"), gap, "Target", "threshold", number=F) == 0
    assert mean(facts(K=3, burn_in=3), gap, "Target", "threshold", number=F) > 0


# --------------------------------------------------------- fact 7, and the readings together


@pytest.mark.parametrize("params", [{}, {"burn_in": 80, **AUTHOR}])
def test_lower_prices_raise_reservations_at_every_lead(params: dict[str, Any]) -> None:
    model = facts(**params)
    low, high = ([f"ind(wants({price} $, mind, {lead}))" for lead in range(1, 5)] for price in (5, 10))
    found = means(model, low + high, "life")
    assert all(a > b for a, b in zip(found[:4], found[4:], strict=True))


def test_exact_and_sampled_agree() -> None:
    met = compare(facts(K=2, burn_in=3), runs=2_000, seed=20)
    assert met.count > 0
    assert met.least > FALSE_ALARMS / met.count, met.where


def test_a_population_earns_the_long_run_figure() -> None:
    # Prosumers of one run share its prices, so runs are what is independent. Units 60 to 90 are counted.
    # The mean of 256 runs is off by more than 4.5 standard errors with chance 7e-6.
    runs = exchange(N=50, T=90).run("Exchange", "threshold", runs=256, seed=4, keep=["utility.balance"])
    earned = runs["utility.balance"][:, :, 59:].mean(axis=(1, 2))
    error = earned.std(ddof=1) / np.sqrt(len(earned))
    assert abs(earned.mean() + 5.371908) < 4.5 * error
    assert error < 0.1


def test_it_takes_the_size_from_outside() -> None:
    runs = exchange(N=10_000, T=5).run("Exchange", "threshold", runs=1, keep=["mean"])
    assert runs["mean"].shape == (1,)
