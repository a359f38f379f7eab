"""The textbook programs say what the textbooks say."""

from __future__ import annotations

from fractions import Fraction as F
from pathlib import Path

import pytest
from specs_agreement import FALSE_ALARMS, compare
from specs_known import CLAIMS, EQUILIBRIA, NUMBERS

import opengames as og
from opengames.dsl.check import check
from opengames.dsl.formatter import format_text

TEXTBOOK = Path(__file__).parent.parent / "specs" / "textbook"
NAMES = sorted(p.stem for p in TEXTBOOK.glob("*.game"))


@pytest.fixture(scope="module")
def models() -> dict[str, og.Model]:
    return {name: og.load(TEXTBOOK / f"{name}.game") for name in NAMES}


def text(name: str) -> str:
    return (TEXTBOOK / f"{name}.game").read_text()


def test_every_program_is_known_here() -> None:
    assert set(NAMES) == set(CLAIMS) == set(NUMBERS)
    assert len(NAMES) >= 18


@pytest.mark.parametrize("name", NAMES)
def test_it_checks_without_a_word(name: str) -> None:
    assert check(text(name), name).diagnostics == ()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_laid_out_as_the_formatter_would(name: str) -> None:
    assert format_text(text(name), name).text == text(name)


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_prose_that_says_where_it_is_from(name: str) -> None:
    lines = text(name).splitlines()
    prose = [line for line in lines[: lines.index("")] if line.startswith("##")]
    assert len(prose) >= 8 and any("Source:" in line for line in prose)
    assert len(lines) < 120


@pytest.mark.parametrize("name", NAMES)
def test_its_claims_have_the_verdicts_listed(name: str, models: dict[str, og.Model]) -> None:
    assert {c.name: c.verdict for c in models[name].verify()} == dict.fromkeys(CLAIMS[name], "proved")


@pytest.mark.parametrize("name", NAMES)
def test_its_numbers_are_the_known_ones(name: str, models: dict[str, og.Model]) -> None:
    model = models[name]
    assert {q: model.query(q).shown for q in NUMBERS[name]} == NUMBERS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_query_is_answered_exactly(name: str, models: dict[str, og.Model]) -> None:
    for answer in models[name].queries():
        assert answer.interval is None, answer


@pytest.mark.parametrize(("name", "query"), EQUILIBRIA)
def test_all_equilibria_are_found(name: str, query: str, models: dict[str, og.Model]) -> None:
    found = models[name].query(query).value.found
    pure = sum(e.is_pure for e in found)
    payoffs = sorted(tuple(str(v) for _, v in e.payoffs) for e in found)
    assert (pure, len(found) - pure, payoffs) == EQUILIBRIA[name, query]


@pytest.mark.parametrize("name", NAMES)
def test_exact_and_sampled_agree(name: str, models: dict[str, og.Model]) -> None:
    met = compare(models[name], runs=2_000, seed=20)
    assert met.count > 0
    assert met.least > FALSE_ALARMS / met.count, met.where


# ------------------------------------------------------------------ what the prose adds


def test_sincere_voting_elects_c_and_foresight_elects_b(models: dict[str, og.Model]) -> None:
    # Farquharson (1969), chapter 7: the circle of preferences, agenda A against B first.
    assert models["agenda"].query("winner_sincere").value == (("C", 1),)
    assert models["agenda"].query("winner_wise").value == (("B", 1),)


def test_keeping_the_money_is_dominant(models: dict[str, og.Model]) -> None:
    found = models["public_good"].query("keep").value
    assert found.lines()[0] == "false is strictly dominant for citizen[1]"


@pytest.mark.parametrize(("factor", "verdict"), [("4.1", "refuted"), ("4", "refuted"), ("3.9", "proved")])
def test_the_conflict_ends_when_the_factor_reaches_the_number_of_citizens(factor: str, verdict: str) -> None:
    model = og.load(TEXTBOOK / "public_good.game", factor=factor)
    assert model.verify("keeping_dominates")[0].verdict == verdict


@pytest.mark.parametrize("bluff", ["0", "1/9", "1/3"])
def test_every_member_of_kuhns_family_is_an_equilibrium(bluff: str) -> None:
    # Kuhn (1950): one free parameter, the first player's chance to bet a Jack, between 0 and 1/3.
    model = og.load(TEXTBOOK / "kuhn_poker.game", bluff=bluff)
    assert {c.verdict for c in model.verify(("bluffing_is_stable", "kuhns_value"))} == {"proved"}


def test_a_bluffer_who_bets_kings_too_rarely_is_no_equilibrium() -> None:
    model = og.loads(text("kuhn_poker").replace("3 * bluff", "2 * bluff"))
    assert model.verify("bluffing_is_stable")[0].verdict == "refuted"


@pytest.mark.parametrize(("discount", "verdict"), [("0.499", "refuted"), ("1 / 2", "proved"), ("0.9", "proved")])
def test_trust_needs_a_discount_of_one_half(discount: str, verdict: str) -> None:
    changed = text("repeated_dilemma").replace("Repeated[1 / 2, true]", f"Repeated[{discount}, true]")
    assert og.loads(changed).verify("trust_holds_at_one_half")[0].verdict == verdict


@pytest.mark.parametrize("crash", ["2", "10", "100"])
def test_drivers_go_straight_with_chance_one_in_the_cost_of_a_crash(crash: str) -> None:
    model = og.load(TEXTBOOK / "chicken.game", crash=crash)
    assert model.verify("daring_a_little_is")[0].verdict == "proved"
    assert model.query("collide").value == F(1, int(crash)) ** 2


@pytest.mark.parametrize(("luck", "stake"), [("40%", 2), ("1/3", 4), ("60%", 1)])
def test_ruin_has_its_closed_form_at_other_odds(luck: str, stake: int) -> None:
    model = og.load(TEXTBOOK / "gamblers_ruin.game", luck=luck, stake=stake)
    p = F(luck[:-1]) / 100 if luck.endswith("%") else F(luck)
    r = (1 - p) / p
    closed = (1 - r**stake) / (1 - r**6)
    assert model.query("limit").value == closed
    assert abs(model.query("riches").value - closed) < 1e-12
    assert model.verify("de_moivre")[0].verdict == "proved"


@pytest.mark.parametrize(
    ("tomorrow", "chargers"),
    [("0.5 $", [(0, 0)]), ("1.5 $", [(0, 0)]), ("3 $", [(1, 1)]), ("2 $", [(0, 0), (0, 1), (1, 0), (1, 1)])],
)
def test_the_commons_has_three_regimes_and_an_edge(tomorrow: str, chargers: list[tuple[int, int]]) -> None:
    changed = text("storage_commons").replace("game Mild = Commons[1.5 $]", f"game Mild = Commons[{tomorrow}]")
    found = og.loads(changed).query("mild").value.found
    lines = [tuple("true" in line for line in e.lines()) for e in found]
    assert sorted(lines) == chargers


@pytest.mark.parametrize(("tomorrow", "pays"), [("2.9 $", False), ("3.1 $", True)])
def test_charging_alone_among_three_homes_pays_only_above_three(tomorrow: str, pays: bool) -> None:
    changed = text("storage_commons").replace(
        "verify dear_is_filled",
        f"verify alone_pays: gain(true, 1, {tomorrow}) > 0 $\n\nverify worth_it: 3 * gain(false, 1, {tomorrow}) > 1 $\n\n"
        "verify dear_is_filled",
    )
    model = og.loads(changed, homes=3)
    assert (model.verify("alone_pays")[0].verdict == "proved") is pays
    assert model.verify("worth_it")[0].verdict == "proved"
