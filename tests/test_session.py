"""The Python interface: models, claims, answers, params, runs and pictures."""

import contextlib
import json
from fractions import Fraction as F
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import opengames as og

EXAMPLES = Path(__file__).parents[1] / "specs" / "examples"

BIT = """
type Side = Head | Tail
player left, right
param stake: real $ = 2 $
param bias: prob = 1/2
param rounds: nat = 3
type Round = 1..rounds
param extra: real $[Round]

fun win(a: Side, b: Side) -> real $ = if a == b then stake else 0 $ - stake

game Pennies {
    decide a: Side by left  earning win(a, b)
    decide b: Side by right earning 0 $ - win(a, b)
}
channel coin() -> (side: Side, value: real $) {
    side  ~ {Head: bias, Tail: 1 - bias}
    value = if side == Head then stake else 0 $
}
channel line() -> (sum_of: real $) {
    sum_of = sum(extra[r] for r in Round)
}
strategy half of Pennies {
    left.a  ~ {Head: 50%, Tail: 50%}
    right.b ~ {Head: 50%, Tail: 50%}
}
strategy heads of Pennies { left.a = Head   right.b = Head }

verify mixing_is_stable: equilibrium(half)
verify heads_is_stable: equilibrium(heads)
verify all_sides: forall s in Side, r in Side: win(s, r) == stake
verify some_side: exists s in Side: s == Head
verify over_reals: forall x in real: x * x >= 0
verify never_poor: value >= 0 $ of coin
verify never_rich: value <= 1 $ of coin
verify fair: P(side == Head) in [40%, 60%] of coin by simulate[runs = 2000]
verify loaded: P(side == Head) >= 90% of coin by simulate[runs = 2000]
verify by_proof: 1 == 1 by z3

query chance  = P(side == Head) of coin
query mean    = E(value) of coin
query guess   = E(value) of coin by simulate[runs = 500, seed = 7]
query spread  = distribution(side) of coin
query nash    = equilibria(Pennies)
query gain    = exploitability(heads)
query total   = E(sum_of) of line
query third   = stake / 3
"""


@pytest.fixture(scope="module")
def bit():
    return og.loads(BIT, "bit.game")


# ------------------------------------------------------------------------------ claims


def verdicts(model):
    return {c.name: c.verdict for c in model.verify()}


def test_each_claim_gets_the_verdict_it_deserves(bit):
    assert verdicts(bit) == {
        "mixing_is_stable": "proved", "heads_is_stable": "refuted", "all_sides": "refuted", "some_side": "proved",
        "over_reals": "proved", "never_poor": "proved", "never_rich": "refuted", "fair": "supported",
        "loaded": "not supported", "by_proof": "proved",
    }  # fmt: skip


def test_a_failing_quantifier_is_shown_as_text_that_can_be_pasted(bit):
    claim = bit.verify("all_sides")["all_sides"]
    assert claim.to_game() == "s = Head\nr = Tail"
    assert claim.because == ("fails for s = Head, r = Tail",)
    assert claim.method == "exact, 4 cases"


def test_a_refuted_equilibrium_names_player_move_better_move_and_gain(bit):
    claim = bit.verify("heads_is_stable")["heads_is_stable"]
    assert claim.because[:4] == (
        "right can do better at `b`", "it sees nothing", "it plays Head, and should play Tail",
        "it gains 4 $ in expectation",
    )  # fmt: skip


def test_an_estimate_never_proves(bit):
    fair, loaded = bit.verify(["fair", "loaded"])
    assert (fair.shown, loaded.shown) == ("supported (2,000 runs)", "not supported (2,000 runs)")
    assert fair.holds and not loaded.holds


CHAIN = """
type Sky = Sunny | Rainy
channel tomorrow(today: Sky) -> (sky: Sky) = table {
    | today || Sunny | Rainy |
    | Sunny ||   90% |   10% |
    | Rainy ||   50% |   50% |
}
channel two(today: Sky) -> (sky: Sky) = table {
    | today || Sunny | Rainy |
    | Sunny ||   86% |   14% |
    | Rainy ||   70% |   30% |
}
channel flip[y: prob](home: bool) -> (later: bool) {
    switched ~ bernoulli(y)
    later = home != switched
}
verify twice:   tomorrow >> tomorrow == two
verify once:    tomorrow == two
verify grouped: (tomorrow >> tomorrow) >> tomorrow == tomorrow >> (tomorrow >> tomorrow)
verify flips:   flip[1/4] >> flip[1/3] == flip[1/4 + 1/3 - 2 * 1/4 * 1/3]
verify no_flip: flip[1/4] == flip[1/3]
verify any:     forall y in prob, z in prob: flip[y] >> flip[z] == flip[y + z - 2 * y * z]
"""


def test_finite_channels_are_compared_input_by_input():
    model = og.loads(CHAIN)
    assert [c.verdict for c in model.verify()] == ["proved", "refuted", "proved", "proved", "refuted", "proved"]
    assert model.verify("once")[0].because == ("they differ at today = Sunny",)
    assert model.verify("twice")[0].method == "exact, 2 inputs"


def test_a_clearing_is_at_its_optimum_in_questions_and_runs_and_a_diamond_in_pictures():
    day = og.load(EXAMPLES / "06_ercot.game", demand=[700 + i for i in range(24)])
    spread = day.query("spread")
    assert spread.interval is not None
    assert spread.because[-1].startswith("`lmp.p` cleared: ")
    runs = day.run("Day", "lazy", runs=20)
    assert runs["lmp"].shape == (20, 24, 5)
    assert runs.certificate[0].startswith("`lmp.p` cleared: ")
    assert day["Day"].draw(under="lazy").svg.startswith("<svg")


def test_what_cannot_be_decided_says_why():
    asked = og.loads("verify v: forall x in real: x * x >= 0 by exact").verify("v")["v"]
    assert asked.verdict == "unknown" and "ask `by z3`" in asked.because[0]


def test_a_claim_about_plays_shows_the_likeliest_play_in_which_it_fails():
    model = og.loads("""
    game Day {
        wind  ~ {10: 1/2, 20: 1/3, 40: 1/6}
        noise ~ {1: 1/4, 2: 3/4}
        spare = wind - 15
        other ~ bernoulli(1/3)
    }
    verify enough: spare >= 0 and noise <= 1 of Day
    verify wet: wind <= 20 of Day
    verify often: P(wind <= 20) >= 1 / 2 of Day
    """)
    enough, wet, often = model.verify()
    assert enough.counterexample == "wind = 10\nnoise = 2\nspare = -5"
    assert wet.because == ("it holds with chance 5/6", "it fails where wind = 40") and wet.to_game() == "wind = 40"
    assert often.counterexample is None


def test_a_claim_about_plays_says_how_often_it_holds(bit):
    assert bit.verify("never_rich")["never_rich"].because == ("it holds with chance 0.5", "it fails where side = Head, value = 2 $")


# ----------------------------------------------------------------------------- queries


def test_numbers_are_printed_exactly_and_in_their_units(bit):
    assert str(bit.query("chance")) == "1/2"
    assert str(bit.query("mean")) == "1 $"
    assert str(bit.query("third")) == "2/3 $"
    assert (bit.query("third").value, bit.query("third").unit) == (F(2, 3), "$")
    assert float(bit.query("third")) == pytest.approx(2 / 3)


def test_the_revenue_of_the_auction_is_seven_fifths():
    auction = og.load(EXAMPLES / "02_auction.game")
    assert auction.query("revenue").shown == "7/5 $"
    assert auction.query("efficient").shown == "1"
    assert [c.verdict for c in auction.verify()] == ["proved"] * 3


def test_the_entry_threat_is_nash_but_not_credible():
    entry = og.load(EXAMPLES / "01_entry.game")
    assert [c.verdict for c in entry.verify()] == ["proved"] * 3
    assert not entry["MarketEntry"].subgame_perfect("threaten").holds


def test_evidence_is_answered_exactly():
    # P(outage | binds) by the table: 0.05 (0.6 0.2 + 0.4 0.9) / (0.95 (0.6 0.05 + 0.4 0.3) + 0.05 (0.6 0.2 + 0.4 0.9))
    top = F(5, 100) * (F(6, 10) * F(2, 10) + F(4, 10) * F(9, 10))
    rest = F(95, 100) * (F(6, 10) * F(5, 100) + F(4, 10) * F(3, 10))
    assert og.load(EXAMPLES / "03_events.game").query("diagnose").value == top / (top + rest)


def test_an_estimate_carries_its_interval_and_is_reproducible(bit):
    answer = bit.query("guess")
    low, high = answer.interval
    assert low < 1 < high and high - low < 0.5
    assert answer == og.loads(BIT).query("guess")
    assert "±" in answer.shown and "500 runs, seed 7" in answer.method


def test_a_distribution_is_listed_with_its_chances(bit):
    assert bit.query("spread").because == ("Head  1/2", "Tail  1/2")
    assert bit.with_params(bias="1/3").query("spread").value == (("Head", F(1, 3)), ("Tail", F(2, 3)))


def test_found_strategies_can_be_pasted_back(bit):
    text = bit.query("nash").to_game()
    again = og.loads(BIT + text + "\nverify found: equilibrium(nash_1)\n")
    assert again.verify("found").ok


def test_an_exploitability_is_the_sum_of_the_gains(bit):
    assert bit.query("gain").shown == "4 $"


def test_results_are_data_html_and_text(bit):
    results = bit.verify(["mixing_is_stable", "all_sides"])
    answer = bit.query("mean")
    assert json.loads(json.dumps(results.to_dict()))[1]["verdict"] == "refuted"
    assert json.loads(json.dumps(answer.to_dict()))["value"] == "1"
    assert "proved" in repr(results) and "<b " in results._repr_html_()
    assert repr(answer).startswith("mean = 1 $") and "1 $" in answer._repr_html_()
    assert not results.ok and results[0].name == "mixing_is_stable"
    with pytest.raises(KeyError):
        results["nobody"]


# ------------------------------------------------------------------------------ params


def test_a_param_given_as_text_is_read_with_its_unit(bit):
    assert bit.with_params(stake="24 $").query("mean").shown == "12 $"
    assert bit.with_params(stake=24).query("mean").shown == "12 $"
    assert bit.with_params(stake=0.1).query("mean").value == F(1, 20)
    assert bit.query("mean").shown == "1 $"


def test_a_size_given_from_outside_elaborates_again(bit):
    longer = bit.with_params(rounds=4, extra=[1, 2, 3, 4])
    assert longer.query("total").shown == "10 $"
    assert bit.with_params(extra=[1, 2, 3]).with_params(stake=1).query("total").shown == "6 $"
    assert bit.with_params(extra="[r * 1 $ for r in Round]").query("total").shown == "6 $"
    assert bit.with_params(rounds="2", extra={1: 5, 2: 6}).query("total").shown == "11 $"
    assert bit.with_params(extra=np.array([0.1, 0.2, 0.3])).query("total").value == F(6, 10)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"stak": 1}, "unknown-param"),
        ({"stake": "3 MW"}, "bad-param-value"),
        ({"stake": "3 $ +"}, "bad-param-value"),
        ({"stake": "3 $ query x = 1"}, "bad-param-value"),
        ({"stake": "nobody"}, "bad-param-value"),
        ({"bias": 2}, "data-out-of-range"),
        ({"extra": 1}, "data-shape"),
        ({"bias": "2"}, "bad-param-value"),
        ({"extra": [1, 2]}, "data-too-short"),
        ({"rounds": 4, "extra": [1, 2, 3]}, "data-too-short"),
        ({"extra": "1 $"}, "bad-param-value"),
        ({"stake": None}, "data-gap"),
    ],
)
def test_a_param_that_does_not_fit_is_refused(bit, given, code):
    with pytest.raises(og.Refusal) as refused:
        bit.with_params(**given)
    assert [d.code for d in refused.value.diagnostics] == [code], str(refused.value)


def test_a_number_is_in_the_declared_unit_even_where_the_type_has_bounds():
    text = "unit kUSD = 1000 $\nparam cap: [1 kUSD, 10 kUSD] = 2 kUSD\nquery c = cap\n"
    assert og.loads(text).with_params(cap=5).query("c").shown == "5 kUSD"
    with pytest.raises(og.Refusal, match="data-out-of-range"):
        og.loads(text).with_params(cap=5000)


def test_a_missing_param_is_asked_for_when_it_is_needed(bit):
    assert bit.params.missing == ("extra",)
    assert bit.query("mean").shown == "1 $"
    with pytest.raises(og.Refusal, match="param-needs-value"):
        bit.query("total")


def test_params_are_shown_in_their_units(bit):
    assert (bit.params["stake"], bit.params.shown("stake"), bit.params.shown("extra")) == (
        2, "2 $", "needs a value: real $[1..3]",
    )  # fmt: skip
    assert "stake  = 2 $" in repr(bit.params)
    assert bit.params.to_dict()["bias"] == {"value": "1/2", "shown": "0.5"}


def test_a_param_comes_from_a_file(bit, tmp_path):
    file = tmp_path / "extra.csv"
    file.write_text("extra\n1\n2.5\n3\n", encoding="utf-8")
    assert bit.with_data(extra=(str(file), "extra")).query("total").value == F(13, 2)
    assert bit.with_data(extra=f"{file}:extra").query("total").value == F(13, 2)


# -------------------------------------------------------------------------------- runs


def test_runs_come_as_arrays_in_the_declared_units(bit):
    result = bit.run("coin", runs=200, seed=3)
    assert set(result["side"]) == {"Head", "Tail"}
    assert result["value"].shape == (200,) and set(result["value"]) == {0.0, 2.0}
    assert result.unit("value") == "$"
    assert (result["value"] == bit.run("coin", runs=300, seed=3)["value"][:200]).all()
    _, numbers, value, side = repr(result).splitlines()
    assert numbers.split() == ["mean", "deviation", "lowest", "highest"]
    assert value.split()[0] == "value" and value.endswith("0        2  $") and side.startswith("  side ")
    assert "Head" in repr(result) and "200 runs, seed 3" in repr(result)


def test_runs_are_saved_and_read_back(bit, tmp_path):
    from pyarrow import parquet

    result = bit.run("coin", runs=50)
    with np.load(result.save(tmp_path / "r.npz")) as kept:
        assert (kept["value"] == result["value"]).all()
    table = parquet.read_table(result.save(tmp_path / "r.parquet"))
    assert table.column("side").to_pylist() == result["side"].tolist()
    with pytest.raises(og.Refusal, match="bad-option"):
        result.save(tmp_path / "r.xls")


def test_a_game_is_run_under_a_strategy(bit):
    result = bit.run(under="half", runs=400)
    assert result.game == "Pennies" and 100 < (result["a"] == "Head").sum() < 300
    with pytest.raises(og.Refusal, match="needs-strategy"):
        bit.run("Pennies", runs=10)
    with pytest.raises(og.Refusal, match="other-game"):
        bit.run("coin", "half", runs=10)
    with pytest.raises(og.Refusal, match="unknown-strategy"):
        bit.run("Pennies", "hal", runs=10)
    with pytest.raises(og.Refusal, match="unknown-wire"):
        result["c"]


def test_outcomes_can_be_supplied_to_a_run(bit):
    result = bit.run("coin", runs=4, given={"side": og.Outcomes(np.array(["Head", "Tail", "Tail", "Head"], object))})
    assert result["value"].tolist() == [2, 0, 0, 2]


# ------------------------------------------------------------------------------- games


def test_a_game_can_be_solved_from_python(bit):
    game = bit["Pennies"]
    assert game.equilibrium("half").holds
    assert game.exploitability("heads").total == 4
    assert game.value("heads").of("left") == 2
    assert game.best_response("right", "heads").value == 2
    assert len(game.equilibria().found) == 1
    assert repr(game) == "game Pennies()"


def test_a_game_is_drawn(bit, tmp_path):
    drawing = bit["Pennies"].draw()
    assert drawing._repr_svg_().startswith("<svg")
    assert drawing.save(tmp_path / "p.svg").read_text(encoding="utf-8") == drawing.svg
    assert bit["Pennies"].draw(tree=True).svg.startswith("<svg")


# ----------------------------------------------------------------------------- refusals


def test_a_wrong_text_is_refused_with_its_whole_report():
    with pytest.raises(og.Refusal) as refused:
        og.loads("fun f(x: real) -> real = y\n", "a.game")
    assert str(refused.value).startswith("error[unknown-name]: ")
    assert " 1 | fun f(x: real) -> real = y\n   |                          ^" in str(refused.value)
    assert refused.value._render_traceback_() == str(refused.value).split("\n")


def test_unknown_names_suggest_the_nearest(bit):
    for act, code in [
        (lambda: bit["Penies"], "unknown-game"),
        (lambda: bit.query("chanse"), "unknown-question"),
        (lambda: bit.query("fair"), "unknown-question"),
        (lambda: bit.verify("nobody"), "unknown-question"),
        (lambda: og.loads("channel a() -> (x: bool) { x = true } channel b() -> (x: bool) { x = true }").run(), "which-game"),
        (lambda: og.loads("query x = 1").run(), "which-game"),
    ]:
        with pytest.raises(og.Refusal) as refused:
            act()
        assert refused.value.diagnostics[0].code == code
    with pytest.raises(og.Refusal, match="did you mean `Pennies`"):
        bit["Penies"]


def test_a_model_describes_itself(bit):
    assert repr(bit).splitlines()[0] == "Model bit.game: 10 claims, 8 queries"
    assert "<pre>" in bit._repr_html_()
    assert bit.games == ("Pennies", "coin", "line")


@given(st.text(max_size=12) | st.from_regex(r"[-+*/()\[\]{}0-9 $%a-z.,:|]{0,12}", fullmatch=True))
def test_whatever_is_written_for_a_param_is_a_value_or_a_refusal(words):
    text = "param stake: real $ = 2 $\nparam bias: prob = 1/2\nquery mean = bias * stake\n"
    with contextlib.suppress(og.Refusal):
        assert og.loads(text, stake=words).query("mean").unit == "$"
    with contextlib.suppress(og.Refusal):
        assert 0 <= og.loads(text, bias=words).params["bias"] <= 1


# ---------------------------------------------------------------------------- options of methods

FORGETFUL = """
type Step = 1..3
player ann, bob
game G {
    for t in Step { decide x: Step by ann earning g[t] }
    for t in Step { g = ind(x[t] == t) }
    decide y: Step by bob earning ind(y == 2)
}
channel dice() -> (s: real) {
    for t in 1..4 { x ~ uniform(Step) }
    s = sum(x)
}
strategy one of G {
    ann.x = 1
    bob.y = 2
}
"""


def asked(question):
    model = og.loads(FORGETFUL + question + "\n")
    return model.query("q") if question.startswith("query") else model.claim(model.questions("verify", None)[0])


def said(question):
    try:
        return "\n".join(asked(question).because)
    except og.Refusal as refused:
        return "\n".join(line for d in refused.diagnostics for line in (d.code, d.headline, *d.notes, d.help))


@pytest.mark.parametrize(
    ("question", "option", "small", "large"),
    [
        ("verify q: equilibrium(one) by exact", "nodes", 2, 10_000),
        ("verify q: exploitability(one) == 2 by exact", "nodes", 2, 10_000),
        ("verify q: subgame_perfect(one) by exact", "nodes", 2, 10_000),
        ("query q = best_response(G, ann) under one by exact", "nodes", 2, 10_000),
        ("query q = equilibria(G) by exact", "nodes", 2, 10_000),
        ("query q = dominant(G, bob) by exact", "nodes", 2, 10_000),
        ("query q = E(s) of dice by exact", "nodes", 5, 10_000),
        ("query q = equilibria(G) by enumeration", "profiles", 10, 1_000),
        ("query q = dominant(G, bob) by enumeration", "profiles", 10, 1_000),
    ],
)
def test_a_budget_is_set_by_the_option_that_its_message_names(question, option, small, large):
    short = said(f"{question}[{option} = {small}]")
    assert f"[{option} = ...]`" in short and ("over-budget" in short or "the limit is" in short or "more than" in short)
    assert f"[{option} = ...]`" not in said(f"{question}[{option} = {large}]")


FORGETS = """
player ann
game F {
    x ~ uniform(bool)
    decide a: bool by ann seeing x earning u
    decide b: bool by ann earning u
    u = ind(a == x) + 2 * ind(b == x)
}
strategy f of F {
    ann.a = x
    ann.b = true
}
"""


@pytest.mark.parametrize(
    "question", ["verify q: equilibrium(f)", "verify q: subgame_perfect(f)", "verify q: exploitability(f) == 0"]
)
def test_strategies_of_a_seat_that_forgets_are_tried_up_to_the_option(question):
    # With recall `b` would follow `x`, without it nothing is better than `f`: only trying everything tells.
    def verdict(n):
        model = og.loads(f"{FORGETS}{question} by exact[strategies = {n}]\n")
        return model.claim(model.questions("verify", None)[0])

    few = verdict(7)
    assert few.verdict == "unknown" and "by exact[strategies = ...]" in few.because[-1]
    assert verdict(8).verdict == "proved"


@pytest.mark.parametrize(
    ("question", "what"),
    [
        ("query q = E(s) of dice by exact[strategies = 3]", "`E`"),
        ("query q = dominant(G, bob) by exact[strategies = 3]", "`dominant`"),
        ("query q = dominant(G, bob) by enumeration[systems = 3]", "`dominant`"),
        ("verify q: forall t in Step: t < 4 by exact[nodes = 3]", "a formula without questions"),
    ],
)
def test_an_option_without_effect_is_refused(question, what):
    found = said(question)
    assert found.startswith("method-option\n") and f"has no effect on {what}" in found


def test_every_option_that_a_method_declares_has_an_effect_somewhere():
    from opengames.method_options import EFFECTS
    from opengames.solvers import METHODS

    assert set(EFFECTS) == {(m.name, o.name) for m in METHODS.values() for o in m.options}


@pytest.mark.parametrize("by", ["", " by simulate", " by exact"])
def test_a_game_with_a_normal_draw_is_not_advised_to_simulate(by):
    game = "player a\ngame N {\n x ~ normal(1, 1)\n decide go: bool by a seeing x earning if go then x else 2\n}\n"
    model = og.loads(f"{game}strategy t of N {{ a.go = false }}\nverify n: equilibrium(t){by}\n")
    claim = model.claim(model.questions("verify", None)[0])
    assert claim.verdict == "unknown" and not any("simulate" in line for line in claim.because)


# ------------------------------------------------------------------------------- misuse


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"seed": 1.5}, "`seed` is `1.5`, and must be a whole number"),
        ({"seed": None}, "`seed` is `None`"),
        ({"runs": "a"}, "`runs` is `'a'`, and must be a whole number of at least 1"),
        ({"runs": 0}, "`runs` is `0`"),
        ({"runs": True}, "`runs` is `True`"),
        ({"memory": "much"}, "`memory` is `'much'`, and must be a number above zero"),
        ({"memory": float("nan")}, "`memory` is `nan`"),
        ({"keep": 5}, "`keep` is `5`, and must be a name or several names"),
        ({"given": {"side": [0.5]}}, "must be `og.Uniforms(array)` or `og.Outcomes(array)`"),
        ({"given": 5}, "`given` is `5`, and must be a mapping"),
        ({"data": 5}, "`data` is `5`, and must be a mapping"),
        ({"progress": 5}, "`progress` is `5`, and must be a function"),
        ({"game": 5}, "`the game` is `5`, and must be a name"),
        ({"game": "Pennies", "under": 5}, "`under` is `5`, and must be a name"),
    ],
)
def test_a_wrong_argument_of_a_run_is_told_with_what_was_expected(bit, argument, said):
    with pytest.raises(og.Refusal, match="bad-argument") as caught:
        bit.run(**{"game": "coin", **argument})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda m: og.loads(5),
        lambda m: og.loads(b"query x = 1"),
        lambda m: m[5],
        lambda m: m.query(None),
        lambda m: m.verify([5]),
        lambda m: m.questions("claims"),
        lambda m: m.claim("fair"),
        lambda m: m.with_data(stake=5),
        lambda m: m["Pennies"].best_response(5),
        lambda m: m.run("coin", runs=2)[5],
    ],
)
def test_misuse_is_refused_and_not_a_type_error(bit, misuse):
    with pytest.raises(og.Refusal, match="bad-argument"):
        misuse(bit)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("A", "is no number but A"),
        ("1 < 2", "is no number but true"),
        ("[1 for s in Side]", "is no number but [A: 1, B: 1]"),
        ("distribution(s) of toss", "is a distribution"),
    ],
)
def test_an_answer_that_is_no_number_is_not_made_one(question, said):
    m = og.loads(f"type Side = A | B\nchannel toss() -> (s: Side) {{ s ~ uniform(Side) }}\nquery q = {question}\n")
    with pytest.raises(og.Refusal, match="bad-argument") as caught:
        float(m.query("q"))
    assert said in str(caught.value)


def test_wires_that_may_be_kept_are_those_of_the_text_the_nearest_first():
    m = og.load(EXAMPLES / "02_auction.game")
    with pytest.raises(og.Refusal) as caught:
        m.run("Auction", "shade", keep="bid_anne", runs=2)
    (found,) = caught.value.diagnostics
    assert found.headline == "there is no wire `bid_anne` in `Auction`" and found.help == "did you mean `bid_ann`?"
    assert "gain" not in found.notes[0] and "`worth_bob`" in found.notes[0]
    assert list(m.run("Auction", "shade", keep="bid_ann", runs=2)) == ["bid_ann"]
