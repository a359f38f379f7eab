"""`price`, `worst`, `expected`, `best` in texts: a market scoring rule on a channel, against its definition world by world."""

from itertools import product
from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.diagnostics import Refusal
from opengames.dsl.check import check
from opengames.dsl.formatter import format_text
from opengames.serial import decode, encode

DAY = """
type Sky = Dry | Wet
player ann, bob[1..2]
param size: real = 10
channel day() -> (sky: Sky, wind: bool, late: bool) {
    sky  ~ {Dry: 70%, Wet: 30%}
    wind ~ bernoulli(if sky == Wet then 60% else 20%)
    late ~ bernoulli(if wind and sky == Wet then 80% else if wind then 30% else 5%)
}
"""

#: An event as the language writes it, and as it is.
EVENTS = {
    "late": lambda sky, wind, late: late,
    "sky == Wet": lambda sky, wind, late: sky == "Wet",
    "wind and not late": lambda sky, wind, late: wind and not late,
    "late or sky == Dry": lambda sky, wind, late: late or sky == "Dry",
    "wind == late": lambda sky, wind, late: wind == late,
}
CONDITIONS = {"": lambda sky, wind, late: True, **{f" | {e}": f for e, f in EVENTS.items()}}


def opening():
    chances = {}
    for sky, wind, late in product(("Dry", "Wet"), (False, True), (False, True)):
        w = 0.6 if sky == "Wet" else 0.2
        d = 0.8 if wind and sky == "Wet" else 0.3 if wind else 0.05
        chances[sky, wind, late] = (0.3 if sky == "Wet" else 0.7) * (w if wind else 1 - w) * (d if late else 1 - d)
    return chances


def price(p, event, condition):
    whole = sum(c for w, c in p.items() if condition(*w))
    return sum(c for w, c in p.items() if condition(*w) and event(*w)) / whole


def traded(p, gains, event, condition, shares, depth):
    """The definition: chances move by exp(gain / depth) where the condition holds, and the trader gains that."""
    now = price(p, event, condition)
    cost = depth * log(now * exp(shares / depth) + 1 - now)
    for w in p:
        if condition(*w):
            gain = (shares if event(*w) else 0.0) - cost
            gains[w] += gain
            p[w] *= exp(gain / depth)


trades = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob[2]"]), st.sampled_from(["buy", "sell", "move"]), st.sampled_from(sorted(EVENTS)),
        st.sampled_from(sorted(CONDITIONS)), st.integers(1, 19),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@given(trades, st.sampled_from(sorted(EVENTS)), st.sampled_from(sorted(CONDITIONS)), st.sampled_from([20, 100]))
@settings(max_examples=30)
def test_after_trades_everything_is_as_the_definition_says_world_by_world(acts, asked, given_, depth):
    p, gains = opening(), {who: dict.fromkeys(opening(), 0.0) for who in ("ann", "bob[2]")}
    said = []
    for who, verb, event, condition, n in acts:
        now = price(p, EVENTS[event], CONDITIONS[condition])
        if not 1e-9 < now < 1 - 1e-9:
            continue
        to = n / 20
        shares = {"buy": n, "sell": -n, "move": depth * log(to / (1 - to) * (1 - now) / now)}[verb]
        said.append(f"{verb}({who}, {event}{condition}, {n / 20 if verb == 'move' else n})")
        traded(p, gains[who], EVENTS[event], CONDITIONS[condition], shares, depth)
    if not said:
        return
    tail = f"of day after {', '.join(said)} by lmsr[depth = {depth}]"
    model = og.loads(
        f"{DAY}\nquery now = price({asked}{given_}) {tail}\n"
        + "\n".join(f"query {op}_{i} = {op}({who}) {tail}" for op in ("worst", "expected", "best") for i, who in enumerate(gains))
    )
    assert model.query("now").value == pytest.approx(price(p, EVENTS[asked], CONDITIONS[given_]), rel=1e-9, abs=1e-12)
    for i, found in enumerate(gains.values()):
        mean = sum(p[w] * g for w, g in found.items())
        assert model.query(f"worst_{i}").value == pytest.approx(min(found.values()), abs=1e-7)
        assert model.query(f"best_{i}").value == pytest.approx(max(found.values()), abs=1e-7)
        assert model.query(f"expected_{i}").value == pytest.approx(mean, abs=1e-7)


@pytest.mark.parametrize("event", [f"{e}{c}" for e in EVENTS for c in CONDITIONS])
def test_before_any_trade_prices_are_the_chances_exactly(event):
    model = og.loads(f"{DAY}\nverify same: price({event}) == P({event}) of day")
    assert model.verify()[0].verdict == "proved"


def test_a_share_bought_raises_its_price_and_leaves_the_condition_where_it_was():
    model = og.loads(f"""{DAY}
        verify up:    price(late | wind) > P(late | wind) + 1% of day after buy(ann, late | wind, size) by lmsr[depth = 100 $]
        verify there: price(wind) > 31.99% and price(wind) < 32.01% of day after buy(ann, late | wind, size)
        verify owes:  worst(ann) > -10 $ and worst(ann) < 0 $ of day after buy(ann, late, size)
        verify other: worst(bob[1]) == 0 $ of day after buy(ann, late, size)""")
    said = {c.name: c for c in model.verify()}
    assert {n: c.verdict for n, c in said.items()} == {
        "up": "supported", "there": "supported", "owes": "supported", "other": "unknown",
    }  # fmt: skip
    assert "LMSR of depth 100 $" in said["up"].method and "floating point" in said["up"].method


def test_trades_take_params_from_outside():
    model = og.loads(f"{DAY}\nquery q = best(ann) of day after buy(ann, late, size) by lmsr[depth = 1_000]")
    small, large = model.query("q").value, model.with_params(size=40).query("q").value
    assert 7 < small < 8 and 30 < large < 32


def test_cash_bounds_what_is_traded_and_a_budget_gives_the_depth():
    text = f"{DAY}\nquery q = price(late) of day after move(ann, late, 90%) by lmsr"
    with pytest.raises(Refusal, match=r"error\[not-enough-assets\]: `ann` could not pay(?s:.*)this trade"):
        og.loads(f"{text}[cash = 5]").query("q")
    assert og.loads(f"{text}[cash = 500 $]").query("q").value == pytest.approx(0.9, rel=1e-9)
    least = min(opening().values())
    found = og.loads(f"{DAY}\nquery q = price(late) of day after buy(ann, late, 1) by lmsr[budget = 500 $]").query("q")
    assert f"depth {500 / -log(least):,.4g} $" in found.method
    with pytest.raises(Refusal, match="method-option"):
        og.loads(f"{text}[budget = 5, depth = 5]").query("q")


def test_a_game_with_a_strategy_carries_a_market():
    text = """
    player ann, bob
    game Match { a ~ bernoulli(30%)   decide b: bool by ann seeing a earning ind(a == b)   won = a == b }
    strategy flips of Match { ann.b ~ bernoulli(if a then 90% else 20%) }
    verify opens: price(won) == P(won) of Match under flips
    query  after_all = price(won | a) of Match after move(bob, won, 50%) under flips
    """
    model = og.loads(text)
    assert model.verify()[0].verdict == "proved"
    # 83 % are won, 27 % of all with a: moved to one half, a win weighs (1/2) / 0.83, a loss (1/2) / 0.17
    win, loss = 0.27 * 0.5 / 0.83, 0.03 * 0.5 / 0.17
    assert model.query("after_all").value == pytest.approx(win / (win + loss), rel=1e-9)


def test_after_stays_a_name_that_a_text_may_use():
    text = """
    fun after(x: real, y: real) -> real = x + y
    channel c() -> (after: real) { before = 1 + 2
     after = before + 1
     }
    query q = after(1, 2)
    query r = E(after) of c
    """
    model = og.loads(text)
    assert (model.query("q").value, model.query("r").value) == (3, 4)


def test_a_fun_or_a_wire_called_price_stays_what_it_is():
    model = og.loads("""
    fun price(x: real) -> real = 2 * x
    channel c() -> (rain: bool) { rain ~ bernoulli(25%) }
    query q = price(3)""")
    assert model.query("q").value == 6
    wire = og.loads("""
    channel c() -> (rain: bool, price: real) { rain ~ bernoulli(25%)   price = if rain then 40 else 20 }
    query q = price(price > 30) of c""")
    assert wire.query("q").value == 0.25


def test_the_clause_keeps_its_layout_and_its_meaning():
    text = f"{DAY}\nquery q = price( late|wind ) of day   after buy(ann,late|wind,size),\n  move( bob[2] , wind, 30% ) by lmsr[depth=100]\n"
    laid = format_text(text, "text").text
    assert "query q = price(late | wind) of day after buy(ann, late | wind, size), move(bob[2], wind, 30%)" in " ".join(laid.split())
    assert format_text(laid, "text").text == laid
    before, after = check(text, "a").program.questions, check(laid, "b").program.questions
    assert before[0].after == after[0].after and len(after[0].after) == 2
    assert decode(encode(after[0])) == after[0]


@pytest.mark.parametrize(
    ("question", "codes"),
    [
        ("price(late) of day after by(ann, late, 3)", ["unknown-trade"]),
        ("price(late) of day after buy(ann, late)", ["wrong-count"]),
        ("price(late) of day after buy(eve, late, 3)", ["unknown-player"]),
        ("price(late) of day after buy(bob, late, 3)", ["wrong-count"]),
        ("price(late) of day after buy(ann, lat, 3)", ["unknown-name"]),
        ("price(late) of day after buy(ann, late, 3 $)", ["unit-mismatch"]),
        ("price(late) of day after buy(ann, late, ind(wind))", ["unasked-wire"]),
        ("price(late) of day after move(ann, late, P(wind))", ["nested-question"]),
        ("price(late) of day after move(ann, late, 130%)", ["outside-type"]),
        ("P(late) of day after buy(ann, late, 3)", ["trades-unasked"]),
        ("price(sky) of day", ["type-mismatch"]),
        ("price(late, wind) of day", ["wrong-count"]),
        ("expected(late) of day", ["unknown-player"]),
        ("worst(ann | late) of day", ["question-outside"]),
        ("price(late) of day by exact", ["unsuited-method"]),
        ("E(ind(late)) of day by lmsr", ["unsuited-method"]),
        ("price(late) of day by lmsr[depth = 3 MW]", ["no-such-unit"]),
        ("E(price(late)) of day", ["nested-question"]),
    ],
)
def test_what_is_wrong_is_reported_where_it_stands(question, codes):
    found = check(f"{DAY}\nquery q = {question}\n", "text").diagnostics
    assert [d.code for d in found] == codes and found[0].span is not None


def test_what_only_the_market_can_refuse_is_refused_at_its_trade():
    for trade, code in (
        ("buy(ann, late and not late, 3)", "certain-event"), ("move(ann, late, 100%)", "bad-price"),
        ("buy(ann, late | wind and not wind, 3)", "impossible-condition"), ("buy(ann, late, 1e12)", "bad-amount"),
    ):  # fmt: skip
        with pytest.raises(Refusal) as refused:
            og.loads(f"{DAY}\nquery q = price(late) of day after {trade}").query("q")
        found = refused.value.diagnostics[0]
        assert found.code == code and found.span is not None and found.span.line == 11


def test_questions_of_a_market_stand_only_in_questions():
    found = check(f"{DAY}\nfun f(x: bool) -> real = price(x)\n", "text").diagnostics
    assert [d.code for d in found] == ["question-outside"]
