"""What a market refuses instead of answering wrongly or falling over: conditions, values, names, texts and forged ledgers."""

import json
import sqlite3
from fractions import Fraction

import pytest

import opengames as og
from opengames import cli
from opengames.diagnostics import Refusal
from opengames.solvers.market import open_market, resume
from opengames.solvers.market.ledger import sealed

HALF = [0.5, 0.5]


def two(ledger=None):
    values = {"a": (False, True), "b": (False, True)}
    return open_market(values, factors=[(["a"], HALF), (["a", "b"], [[0.8, 0.2], [0.3, 0.7]])], depth=10, ledger=ledger)


def refused(do):
    with pytest.raises(Refusal) as found:
        do()
    return found.value.diagnostics[0]


# ------------------------------------------------------------------------------------------ conditions


@pytest.mark.parametrize("text", ["a | not b", "a | b and not b", "not a | not a or not b"])
def test_a_condition_that_has_failed_is_refused_when_all_is_resolved(text):
    market = two()
    market.close({"a": True, "b": True})
    assert refused(lambda: market.price(text)).code == "impossible-condition"
    assert market.price("a | b") == 1.0 and market.price("not a | b") == 0.0


def test_a_condition_that_has_failed_is_refused_alike_while_an_event_is_open():
    market = two()
    market.resolve("a", True)
    for text in ("b | not a", "b | a and not a", "b | b and not a"):
        assert refused(lambda text=text: market.price(text)).code == "impossible-condition"
    assert "`a` has been resolved: it is true" in refused(lambda: market.price("b | not a")).notes
    assert market.price("b | a") == pytest.approx(0.7)


# -------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ((1, 1, 2), "duplicate-value"), ((1, True), "duplicate-value"), ((0, False), "duplicate-value"),
        (("u", "u"), "duplicate-value"), ((Fraction(1, 2), 0.5), "duplicate-value"), ((), "bad-argument"),
        ((float("nan"), 1), "bad-argument"), (({}, []), "bad-argument"), ((None, True), "bad-argument"), (("", "u"), "bad-argument"),
        ("uv", "bad-argument"), (7, "bad-argument"),
    ],
)  # fmt: skip
def test_values_are_values_and_each_is_listed_once(values, code):
    market = two()
    state = market.state
    assert refused(lambda: market.add_event("d", values)).code == code and market.state is state
    if not isinstance(values, str | int):
        factors = [(["d"], [1.0] * len(values))]
        assert refused(lambda: open_market({"d": values}, factors=factors, depth=10)).code == code


# --------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", [7, "", " ", None, b"ann"])
def test_a_trader_is_called_by_a_text(name):
    market = two()
    state = market.state
    assert refused(lambda: market.join(name, 5)).code == "bad-argument" and market.state is state
    assert refused(lambda: market.buy(name, "a", 1)).code == "bad-argument"
    market.join("ann", 5)
    assert refused(lambda: market.buy("anne", "a", 1)).code == "unknown-trader"


@pytest.mark.parametrize("name", ["and", "a b", "if", "true", "P", "", "@x", "1st", "x[1]", "nice\n", "wetter\u00fc", 7, None])
def test_an_added_event_has_a_name_that_the_language_can_say(name):
    market = two()
    state = market.state
    assert refused(lambda: market.add_event(name)).code == "bad-argument" and market.state is state


@pytest.mark.parametrize("name", ["c", "_c", "E", "max", "Order2"])
def test_an_added_event_can_be_asked_for_by_its_name(name):
    market = two()
    market.add_event(name, table=[0.25, 0.75])
    assert market.price(name) == pytest.approx(0.25)


# ------------------------------------------------------------------------------------------- channels

GAS = "type T = {1, 2, 3}\nchannel day() -> (gas: T, wind: bool) {\n  gas ~ uniform(T)\n  wind ~ bernoulli(1/2)\n}\n"


@pytest.mark.parametrize("text", ["E(gas) > 1", "P(wind) > 1/2", "wind and E(gas) > 1", "wind | P(wind) > 1/3", "gas > variance(gas)"])
def test_an_event_asks_no_question(text, tmp_path, capsys):
    market = open_market(og.loads(GAS, "gas.game"), depth=10, ledger=tmp_path / "gas.ledger")
    found = refused(lambda: market.price(text))
    assert found.code == "not-an-event"
    assert found.span is not None and text[found.span.start] in "EPv"
    market.ledger.close()
    assert cli.main(["market", "price", str(tmp_path / "gas.ledger"), text]) == 2
    assert "error[not-an-event]" in capsys.readouterr().err


def test_a_channel_of_continuous_wires_is_refused():
    model = og.loads("channel c() -> (u: real) { u ~ normal(0, 1) }\n", "u.game")
    assert refused(lambda: open_market(model, depth=10)).code == "not-a-network"


def test_wires_that_are_left_out_are_named_also_when_the_market_is_resumed(tmp_path):
    text = "type T = {1, 2}\nchannel m() -> (x: T, u: real) {\n  x ~ uniform(T)\n  u ~ normal(0, 1)\n}\n"
    market = open_market(og.loads(text, "m.game"), depth=10, ledger=tmp_path / "m.ledger")
    for each in (market, resume(tmp_path / "m.ledger")):
        assert each.words.left_out == ("u",) and each.to_dict()["left_out"] == ["u"]
        assert repr(each).splitlines()[-1].endswith(": u")
    assert open_market(og.loads(GAS, "gas.game"), depth=10).words.left_out == ()


@pytest.mark.parametrize(
    "body",
    [
        "decide b: {0, 1} by p seeing x earning 0",
        "if x == 2 { decide b: {0, 1} by p seeing x earning 0\n y = b } else { y = 5 }",
        "for t in 1..2 { decide b: {0, 1} by p seeing x earning 0 }",
    ],
)
def test_a_game_with_an_open_decision_is_refused(body):
    model = og.loads(f"player p\ngame G {{\n  x ~ {{1: 1/2, 2: 1/2}}\n  {body}\n}}\n", "g.game")
    assert refused(lambda: open_market(model, "G", depth=10)).code == "needs-strategy"


# ------------------------------------------------------------------------------------- forged entries

FORGED = [
    {"act": "nope"}, [], 3, None, "join", {}, {"act": []}, {"act": "join"}, {"act": "join", "cash": "10", "trader": "y"},
    {"act": "join", "cash": [], "trader": "y"}, {"act": "join", "cash": 1.0, "trader": 7}, {"act": "join", "cash": 1.0, "trader": ""},
    {"act": "deposit", "trader": [], "amount": 1.0}, {"act": "buy", "event": ["hah"], "shares": 1.0, "trader": "x"},
    {"act": "buy", "event": ["is", "zz", [True]], "shares": 1.0, "trader": "x"},
    {"act": "buy", "event": ["is", "a", {"is": "Var"}], "shares": 1.0, "trader": "x"},
    {"act": "buy", "event": ["is", "a", [True]], "shares": 1e9, "trader": "x"},
    {"act": "buy", "event": ["is", "a", [True]], "shares": "1", "trader": "x"},
    {"act": "buy", "event": ["<", "a", "1/0"], "shares": 1.0, "trader": "x"},
    {"act": "move", "event": ["truth", 3, 4, 5], "to": 0.5, "trader": "x"},
    {"act": "move", "event": ["is", "a", [True]], "to": None, "trader": "x"},
    {"act": "move_all", "trader": "x", "variable": "a", "to": [1]}, {"act": "resolve", "variable": "a", "value": 5},
    {"act": "resolve", "variable": "a", "value": {"is": "map", "of": 3}}, {"act": "link", "variables": 3},
    {"act": "add", "variable": "c", "values": 5, "given": [], "table": [1.0]},
    {"act": "add", "variable": "c", "values": [True, True], "given": [], "table": [0.5, 0.5]},
    {"act": "open"}, {"act": "undo", "more": 1},
]  # fmt: skip


def forge(path, number, act):
    """Entry `number` says something else, with a hash that fits; the entries after it are gone."""
    db = sqlite3.connect(path)
    for (name,) in db.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        db.execute(f"drop trigger {name}")
    rows = db.execute("select number, act, receipt, digest, hash from entries order by number").fetchall()
    before = rows[number - 2][4] if number > 1 else "0" * 64
    entry = sealed(number, act, "null", rows[number - 1][3], before)
    db.execute("delete from entries where number >= ?", (number,))
    db.execute("insert into entries values (?, ?, ?, ?, ?)", (entry.number, entry.act, entry.receipt, entry.digest, entry.hash))
    db.commit()
    db.close()


@pytest.fixture
def book(tmp_path):
    market = two(tmp_path / "book.ledger")
    market.join("x", 5)
    market.buy("x", "a", 1)
    market.ledger.close()
    return tmp_path / "book.ledger"


@pytest.mark.parametrize("act", [json.dumps(a) for a in FORGED] + ["{", "", "NaN", "[" * 100_000, '{"act":"join","cash":NaN,"trader":"y"}'])
def test_a_forged_entry_is_named(book, act, capsys):
    forge(book, 3, act)
    found = refused(lambda: resume(book))
    assert found.code == "ledger-broken" and "entry 3" in found.headline
    for word in ("check", "price", "log"):
        status = cli.main(["market", word, str(book)])
        err = capsys.readouterr().err
        assert status == 2 and "error[ledger-broken]" in err and "entry 3" in err


@pytest.mark.parametrize("act", [{"act": "join", "cash": 1.0, "trader": "y"}, {"act": "undo"}, {"act": "open"}, []])
@pytest.mark.parametrize("word", ["check", "price", "log"])
def test_a_forged_opening_is_named(book, act, word, capsys):
    forge(book, 1, json.dumps(act))
    status = cli.main(["market", word, str(book)])
    err = capsys.readouterr().err
    assert status == 2 and "error[ledger-broken]" in err and "entry 1" in err


@pytest.mark.parametrize("field", ["values", "factors", "depth", "tick", "cells", "hidden", "source", "names", "families"])
@pytest.mark.parametrize("junk", [3, "x", [[1]], {"text": 3}, None])
def test_an_opening_with_junk_in_it_is_never_a_traceback(book, field, junk, capsys):
    db = sqlite3.connect(book)
    opening = json.loads(db.execute("select act from entries where number = 1").fetchone()[0])
    db.close()
    forge(book, 1, json.dumps({**opening, field: junk}))
    for word in ("check", "price", "log"):
        status = cli.main(["market", word, str(book)])
        err = capsys.readouterr().err
        assert status == 0 or (status == 2 and "error[ledger-broken]" in err), (word, err)


# ------------------------------------------------------------------------------------- other kinds


@pytest.mark.parametrize("given", [None, 3, 2.5, [], {}, b"a", object(), True, ("a",)])
def test_what_is_no_event_is_refused_and_changes_nothing(given):
    market = two()
    market.join("ann", 50)
    state = market.state
    acts = (
        lambda: market.buy("ann", given, 1), lambda: market.move("ann", given, to=0.6), lambda: market.balance("ann", given),
        lambda: market.price(given), lambda: market.limits("ann", given), lambda: market.preview("ann", given, shares=1),
        lambda: market.prices(given), lambda: market.resolve(given, True), lambda: market.link("a", given),
        lambda: market.perform(given), lambda: market.preview("ann", "a", shares=1, watch=[given]),
        lambda: market.add_event("c", given=[given]), lambda: market.move("ann", given, to={True: 0.6, False: 0.4}),
    )  # fmt: skip
    for act in acts:
        assert refused(act).code == "bad-argument" and market.state is state
    if given is not None:
        assert refused(lambda: market.buy("ann", "a", 1, given=given)).code == "bad-argument" and market.state is state


@pytest.mark.parametrize("given", [None, [], {}, "1", "", b"1", object(), True, ("a",)])
def test_what_is_no_number_is_refused_and_changes_nothing(given):
    market = two()
    market.join("ann", 50)
    state = market.state
    acts = (
        lambda: market.buy("ann", "a", given), lambda: market.sell("ann", "a", given), lambda: market.join("bob", given),
        lambda: market.deposit("ann", given), lambda: market.withdraw("ann", given), lambda: market.preview("ann", "a", shares=given),
        lambda: market.move("ann", "a", to={True: given, False: 0.5}),
    )  # fmt: skip
    for act in acts:
        assert refused(act).code == "bad-argument" and market.state is state


@pytest.mark.parametrize(
    "changed",
    [
        {"depth": "10"}, {"depth": None}, {"budget": 5}, {"tick": None}, {"cells": 0}, {"cells": "many"}, {"factors": None},
        {"factors": 3}, {"factors": ["a"]}, {"factors": [("a", HALF)]}, {"factors": [(["z"], HALF)]}, {"factors": [(["a"], [1.0])]},
        {"factors": [(["a"], "half")]}, {"factors": [(["a"], [-1.0, 2.0])]}, {"factors": []},
    ],
)  # fmt: skip
def test_a_market_is_opened_on_what_it_can_be_opened_on(changed):
    known = {"factors": [(["a"], HALF)], "depth": 10}
    assert refused(lambda: open_market({"a": (False, True)}, **{**known, **changed})).code == "bad-argument"


@pytest.mark.parametrize("name", [7, "", "a b", "and", "x[1]", None])
def test_variables_that_a_market_is_opened_on_can_be_named_in_events(name):
    assert refused(lambda: open_market({name: (False, True)}, factors=[([name], HALF)], depth=10)).code == "bad-argument"
    assert refused(lambda: open_market(3, depth=10)).code == "bad-argument"
