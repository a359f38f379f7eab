"""`opengames market` and `opengames coherence`: a market kept in a file from one command to the next, and quotes judged."""

import json
import re
from pathlib import Path

import pytest

import opengames as og
from opengames.cli import main
from opengames.commands.coherence import typed
from opengames.solvers.market import resume

GRID = """
type Load = Low | High
param often: prob = 5%
channel grid() -> (load: Load, outage: bool, binds: bool) {
    load   ~ {Low: 60%, High: 40%}
    outage ~ bernoulli(often)
    binds  ~ bernoulli(if outage then 80% else if load == High then 30% else 5%)
}
"""


@pytest.fixture
def market(tmp_path, monkeypatch, capsys):
    """A function that performs one word on an open market; what it says as (exit status, output, errors)."""
    monkeypatch.chdir(tmp_path)
    Path("grid.game").write_text(GRID, encoding="utf-8")

    def told(word, *words):
        status = main(["market", word, *map(str, words)])
        out, err = capsys.readouterr()
        return status, out, err

    assert told("open", "day.ledger", "grid.game", "--budget", "500")[0] == 0
    return told


def data(told):
    status, out, _ = told
    return status, json.loads(out)


def test_a_market_lives_in_its_ledger_from_one_command_to_the_next(market):
    assert market("join", "day.ledger", "ann", "100 $") == (0, "ann joined with 100.0000 $\n", "")
    status, out, _ = market("buy", "day.ledger", "ann", "binds | outage", 10)
    assert status == 0 and out.startswith("bought 10 shares of binds | outage for ")
    same = resume("day.ledger")
    assert same.worth("ann").least == pytest.approx(100 - float(re.findall(r"[\d.]+", out)[1]), abs=1e-4)
    _, found = data(market("price", "day.ledger", "binds | outage", "--json"))
    assert found["prices"]["binds | outage"] == same.price("binds | outage")


def test_prices_before_any_trade_are_the_chances_of_the_channel(market):
    model = og.loads(GRID + "\nquery a = P(binds | outage) of grid\nquery b = P(load == High | binds) of grid")
    _, found = data(market("price", "day.ledger", "binds | outage", "load | binds", "--json"))
    assert found["prices"]["binds | outage"] == pytest.approx(float(model.query("a").value), rel=1e-12)
    assert found["prices"]["load == High | binds"] == pytest.approx(float(model.query("b").value), rel=1e-12)


def test_without_an_event_every_variable_has_its_price_and_resolved_ones_their_value(market):
    market("resolve", "day.ledger", "outage", "true")
    status, out, _ = market("price", "day.ledger")
    assert status == 0
    assert out.splitlines() == ["load == Low   0.6000", "load == High  0.4000", "binds         0.8000", "outage is true"]


def test_a_preview_tells_what_a_trade_then_does_and_fails_where_the_trade_would(market):
    market("join", "day.ledger", "ann", 20)
    status, before = data(market("preview", "day.ledger", "ann", "binds", "--to", "30%", "--json"))
    assert status == 0 and before["ok"]
    assert market("log", "day.ledger")[1].count("\n") == 2  # a preview is no act
    _, done = data(market("move", "day.ledger", "ann", "binds", "30%", "--json"))
    assert done["cost"] == before["cost"] and done["after"] == pytest.approx(before["after"], rel=1e-12)
    status, wild = data(market("preview", "day.ledger", "ann", "binds", "--shares", "1000", "--json"))
    assert status == 1 and not wild["ok"] and wild["problem"][0]["code"] == "not-enough-assets"


def test_what_limits_allow_is_accepted_and_no_more(market):
    market("join", "day.ledger", "ann", 20)
    _, found = data(market("limits", "day.ledger", "ann", "binds", "--json"))
    assert market("buy", "day.ledger", "ann", "binds", found["buy"] * 1.001)[0] == 2
    assert market("buy", "day.ledger", "ann", "binds", repr(found["buy"]))[0] == 0
    _, worth = data(market("worth", "day.ledger", "ann", "--json"))
    assert 0 <= worth["traders"]["ann"]["least"] < 1e-6


def test_a_balanced_trader_expects_the_same_either_way(market):
    market("join", "day.ledger", "ann", 50)
    market("buy", "day.ledger", "ann", "binds", 20)
    assert market("balance", "day.ledger", "ann", "binds")[0] == 0
    worth = [
        data(market("worth", "day.ledger", "ann", "--given", e, "--json"))[1]["traders"]["ann"]["expected"]
        for e in ("binds", "not binds")
    ]
    assert worth[0] == pytest.approx(worth[1], abs=1e-6)


def test_all_prices_of_a_variable_are_moved_at_once(market):
    market("join", "day.ledger", "ann", 200)
    assert market("move", "day.ledger", "ann", "load | outage", "Low: 25%, High: 75%")[0] == 0
    _, found = data(market("price", "day.ledger", "load | outage", "--json"))
    assert found["prices"]["load == High | outage"] == pytest.approx(0.75, rel=1e-9)


def test_events_are_resolved_paid_added_and_taken_back(market):
    market("join", "day.ledger", "ann", 100)
    market("buy", "day.ledger", "ann", "load == High", 10)
    before = resume("day.ledger").state.digest
    status, found = data(market("resolve", "day.ledger", "load", "High", "--json"))
    assert status == 0 and found["value"] == "High" and 5 < found["paid"]["ann"] < 6
    assert market("undo", "day.ledger") == (0, "took back: load is High\n", "")
    assert resume("day.ledger").state.digest == before
    market("open", "wide.ledger", "grid.game", "--depth", 50)
    assert market("add", "wide.ledger", "trip", "--parents", "binds", "--table", "40% 60%; 10% 90%")[0] == 0
    _, found = data(market("price", "wide.ledger", "trip | binds", "trip | not binds", "--json"))
    assert list(found["prices"].values()) == pytest.approx([0.4, 0.1], rel=1e-12)


def test_the_books_balance_and_the_chain_is_checked(market):
    market("join", "day.ledger", "ann", 100)
    market("buy", "day.ledger", "ann", "binds", 10)
    _, books = data(market("books", "day.ledger", "--json"))
    assert books["balanced"] and books["covered"] and books["worst_loss"] == pytest.approx(500)
    status, found = data(market("check", "day.ledger", "--json"))
    assert status == 0 and found["entries"] == 3
    assert market("check", "day.ledger", "--head", found["head"])[0] == 0
    assert market("check", "day.ledger", "--head", "0" * 64)[0] == 2


def test_a_ledger_that_somebody_changed_is_not_trusted(market):
    import sqlite3

    market("join", "day.ledger", "ann", 100)
    with sqlite3.connect("day.ledger") as db:
        db.execute("drop trigger no_update")
        db.execute("update entries set act = replace(act, '100.0', '900.0') where number = 2")
    for word in ("check", "log", "price"):
        status, _, err = market(word, "day.ledger")
        assert status == 2 and "error[ledger-broken]" in err and "entry 2" in err


def test_the_log_tells_every_act_in_words(market):
    market("join", "day.ledger", "ann", 100)
    market("buy", "day.ledger", "ann", "binds | outage", 10)
    market("sell", "day.ledger", "ann", "binds", 5)
    market("resolve", "day.ledger", "outage", "false")
    market("undo", "day.ledger")
    lines = market("log", "day.ledger")[1].splitlines()
    assert lines[0] == "1  opened on grid of grid.game: 3 variables, budget 500.00 $"
    assert lines[1] == "2  ann joined with 100.0000 $"
    assert re.fullmatch(r"3  ann bought 10 shares of binds \| outage for 8\.\d+ \$, price 0\.8000 -> 0\.\d+", lines[2])
    assert re.fullmatch(r"4  ann sold 5 shares of binds for 0\.\d+ \$, price .*", lines[3])
    assert lines[4:] == ["5  outage is false  (taken back by 6)", "6  took back 5"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("prise", "day.ledger"), "bad-option"),
        (("buy", "day.ledger", "ann", "binds"), "bad-option"),
        (("buy", "day.ledger", "ann", "binds", "ten"), "bad-option"),
        (("price", "day.ledger", "--shares", "3"), "bad-option"),
        (("price", "day.ledger", "--set", "often=3%"), "bad-option"),
        (("preview", "day.ledger", "ann", "binds"), "bad-option"),
        (("buy", "day.ledger", "anne", "binds", "3"), "unknown-trader"),
        (("join", "day.ledger", "ann", "10"), "duplicate-trader"),
        (("join", "day.ledger", "eve", "-10"), "bad-amount"),
        (("withdraw", "day.ledger", "ann", "1000"), "not-enough-assets"),
        (("buy", "day.ledger", "ann", "binds", "1000"), "not-enough-assets"),
        (("move", "day.ledger", "ann", "binds", "100%"), "bad-price"),
        (("move", "day.ledger", "ann", "load", "Low: 20%, High: 30%"), "bad-price"),
        (("move", "day.ledger", "ann", "load", "Low: 20%, Mid: 80%"), "outside-type"),
        (("price", "day.ledger", "bindz"), "unknown-name"),
        (("price", "day.ledger", "binds | outage and not outage"), "impossible-condition"),
        (("resolve", "day.ledger", "lod", "High"), "unknown-event"),
        (("resolve", "day.ledger", "load", "Mid"), "outside-type"),
        (("add", "day.ledger", "trip", "--table", "1 2 3"), "bad-option"),
        (("open", "day.ledger", "grid.game", "--depth", "10"), "file-exists"),
        (("open", "new.ledger", "grid.game"), "bad-option"),
        (("open", "new.ledger", "grid.game", "--depth", "-3"), "bad-amount"),
        (("open", "new.ledger", "grid.game", "--depth", "3", "--channel", "gird"), "unknown-game"),
        (("price", "new.ledger"), "no-such-file"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_changes_nothing(market, words, code):
    market("join", "day.ledger", "ann", 100)
    before = resume("day.ledger").state.digest
    status, out, err = market(*words)
    assert (status, out) == (2, "") and err.startswith(f"error[{code}]: ")
    assert resume("day.ledger").state.digest == before
    assert not Path("new.ledger").exists()
    status, found = data(market(*words, "--json"))
    assert status == 2 and found["ok"] is False and found["diagnostics"][0]["code"] == code


def test_what_would_cost_the_maker_too_much_is_beyond_its_budget(market):
    status, _, err = market("add", "day.ledger", "trip")
    assert status == 1 and "error[over-budget]" in err


def test_params_are_chosen_at_the_opening_and_kept(market):
    assert market("open", "often.ledger", "grid.game", "--depth", "100", "--set", "often=50%")[0] == 0
    assert market("price", "often.ledger", "outage") == (0, "outage  0.5000\n", "")


# ------------------------------------------------------------------------------------- coherence


@pytest.fixture
def coherence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("grid.game").write_text(GRID, encoding="utf-8")
    Path("posted.csv").write_text("event,given,bid,ask\noutage,,4%,6%\nbinds,outage,85%,\nbinds and outage,,,3%\n")

    def told(*words):
        status = main(["coherence", *words])
        out, err = capsys.readouterr()
        return status, out, err

    return told


def test_a_table_of_quotes_is_bet_against(coherence):
    status, out, _ = coherence("posted.csv")
    assert status == 1 and out.splitlines()[0].startswith("incoherent  3 quotes")
    assert "collects 17.08 $ now and pays 17 $ in every one of the 4 worlds" in out
    status, found = data(coherence("posted.csv", "--game", "grid.game", "--json"))
    assert status == 1 and not found["ok"] and found["coherence"]["win"] == "2/25" and found["coherence"]["worlds"] == 8


def test_typed_quotes_have_a_distribution_and_bounds(coherence):
    quotes = ("--quote", "binds: 20%", "--quote", "binds | outage: 40%..45%")
    status, found = data(coherence(*quotes, "--bounds", "outage", "--json"))
    assert status == 0 and found["ok"]
    assert sum(map(_fraction, (w["chance"] for w in found["coherence"]["layers"][0]))) == 1
    # P(outage) <= P(binds) / P(binds | outage) <= 20 % / 40 %
    assert (found["bounds"][0]["low"]["value"], found["bounds"][0]["high"]["value"]) == ("0", "1/2")


def test_what_the_channel_cannot_do_counts(coherence):
    quotes = ("--quote", "load == High and load == Low: 1%", "--game", "grid.game")
    assert coherence(*quotes)[0] == 1
    words = ("--quote", "a: 30%", "--quote", "b: 40%")
    assert coherence(*words)[0] == 0 and coherence(*words, "--constraint", "b implies a")[0] == 1


@pytest.mark.parametrize(
    ("text", "shown", "name"),
    [
        ("rain: 30%", "30%", "rain"), ("rain: 3:1", "25%", "rain"), ("rain: bid 28%", "bid 28%", "rain"),
        ("a or b | c: 1/3", "1/3", "a or b | c"), ("exists l in Line: out[l]: 28%..32%", "28% to 32%", "exists l in Line: out[l]"),
    ],
)  # fmt: skip
def test_a_price_is_typed_as_a_chance_as_odds_or_as_two_sides(text, shown, name):
    found = typed(text)
    assert (found.shown, found.name) == (shown, name)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "bad-option"),
        (("--quote", "rain"), "bad-option"),
        (("--quote", "wind == Calm: 20%"), "bad-option"),
        (("--quote", "rain: 30%", "--channel", "grid"), "bad-option"),
        (("--quote", "rain: 30%", "--game", "grid.game"), "unknown-name"),
        (("--quote", "rain: 130%"), "outside-type"),
        (("--quote", "rain: 40%..30%"), "outside-type"),
        (("--quote", "rain: lots"), "bad-param-value"),
        (("--quote", "rain: 30%", "--quote", "rain: 40%"), "duplicate-name"),
        (("missing.csv",), "data-no-such-file"),
    ],
)
def test_quotes_that_are_wrong_are_refused(coherence, words, code):
    status, out, err = coherence(*words)
    assert (status, out) == (2, "") and err.startswith(f"error[{code}]: ")


def test_labels_of_a_variable_are_told(coherence):
    status, out, _ = coherence("--quote", "rain: 30%", "--quote", "wind == Calm: 40%", "--variable", "wind=Calm,Windy")
    assert status == 0 and "wind = Calm" in out


def _fraction(text):
    from fractions import Fraction

    return Fraction(text)
