"""Statics that are types, and the library `std.market`, which is written with them."""

from math import exp, log

import pytest

import opengames as og
from opengames.dsl.check import check
from opengames.dsl.formatter import format_text
from opengames.serial import decode, encode

SKY = "type Sky = Dry | Wet | Snow\n"
TOTAL = f"{SKY}fun total[W: type](x: real[W]) -> real = sum(x[w] for w in W)\n"


def codes(text):
    return [d.code for d in check(text, "text").diagnostics]


def test_each_type_makes_a_fun_of_its_own():
    model = og.loads(TOTAL + """
        query a = total[Sky]([Dry: 1, Wet: 2, Snow: 4])
        query b = total[W = bool]([true: 3, false: 5])
        query c = total[Sky]([else: 1])""")
    assert [model.query(q).value for q in "abc"] == [7, 8, 3]
    assert set(model.program.funs) == {"total[Sky]", "total[bool]"}
    assert decode(encode(model.program.funs["total[Sky]"])) == model.program.funs["total[Sky]"]


def test_generic_funs_call_each_other_and_take_other_statics():
    model = og.loads(f"""{TOTAL}
        fun mean[W: type, shift: real](x: real[W]) -> real = total[W](x) / sum(1 for w in W) + shift
        fun spread[W: type](x: real[W]) -> real = max(x[w] for w in W) - mean[W, 0](x)
        query a = mean[Sky, 10]([Dry: 1, Wet: 2, Snow: 6])
        query b = spread[bool]([true: 1, false: 2])""")
    assert (model.query("a").value, model.query("b").value) == (13, 0.5)


def test_statics_of_funs_are_given_by_name_in_any_order():
    model = og.loads("""
        fun less[a: real, b: real](x: real) -> real = a - b - x
        fun rest[W: type, a: real](x: real[W]) -> real = a - sum(x[w] for w in W)
        query p = less[b = 3, a = 10](2)
        query q = less[10, b = 3](2)
        query r = rest[a = 3, W = bool]([else: 1])""")
    assert [model.query(q).value for q in "pqr"] == [5, 5, 1]
    assert codes("fun f[a: real](x: real) -> real = a - x\nquery q = f[b = 3](2)\n") == ["unknown-argument"]


def test_channels_and_games_take_types_too():
    model = og.loads(f"""{SKY}
        player ann
        channel some[W: type]() -> (w: W) {{ w ~ uniform(W) }}
        channel twice() -> (same: bool, coin: bool) {{
            x ~ some[Sky]()
            y ~ some[Sky]()
            coin ~ some[bool]()
            same = x == y
        }}
        game Meet[W: type, who: player](other: W) -> (mine: W) {{ decide mine: W by who seeing other earning ind(mine == other) }}
        game Follow {{ theirs ~ some[Sky]()   mine ~ Meet[Sky, ann](theirs) }}
        query same = P(same) of twice
        query coin = P(coin) of twice
        query plan = best_response(Follow, ann)""")
    assert (model.query("same").value * 3, model.query("coin").value * 2) == (1, 1)
    assert "1" in " ".join(model.query("plan").because)
    assert "some[Sky]" in model.program.diagrams and "some[bool]" in model.program.diagrams


def test_runs_know_them():
    model = og.loads(f"{TOTAL}\nchannel c() -> (n: real) {{ x ~ uniform(Sky)  n = total[Sky]([w: if w == x then 2 else 0]) }}"
                     .replace("[w: if w == x then 2 else 0]", "[if w == x then 2 else 0 for w in Sky]"))  # fmt: skip
    assert set(model.run("c", runs=20)["n"].tolist()) == {2.0}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("query q = total([else: 1])", "missing-static"), ("query q = total[real]([else: 1])", "infinite-index"),
        ("query q = total[Skyy]([else: 1])", "unknown-type"), ("query q = total[3]([else: 1])", "unknown-type"),
        ("query q = total[V = Sky]([else: 1])", "unknown-argument"), ("query q = total[Sky, Sky]([else: 1])", "wrong-count"),
        ("query q = total[Sky]([else: 1], 2)", "wrong-count"), ("fun f(x: type) -> real = 1", "unknown-type"),
        ("fun f[V: type](x: real[V]) -> real = f[V](x)", "recursive"),
        ("fun f[V: type](x: real[V]) -> real = sum(v * x[v] for v in V)", "type-mismatch"),
        ("channel f[V: type]() -> (v: V) { v = 3 }", "type-mismatch"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_reported_used_or_not(line, code):
    assert codes(f"{TOTAL}{line}\n") == [code]


def test_a_mistake_is_reported_once_however_many_types_it_is_made_for():
    text = f"{SKY}fun f[W: type](x: real[W]) -> bool = sum(x[w] for w in W)\nquery a = f[Sky]([else: 1])\nquery b = f[bool]([else: 1])\n"
    assert codes(text) == ["type-mismatch"]


def test_the_formatter_keeps_a_static_type():
    laid = format_text("fun f[ W:type ](x:real[W])->real=sum(x[w] for w in W)", "t").text
    assert laid.split("->")[0] == "fun f[W: type](x: real[W]) "


# -------------------------------------------------------------------------------- std.market

LIBRARY = f"""use std.market
{SKY}
player ann
param sold: real $[Sky] = [Wet: 30 $, Snow: -20 $, else: 0 $]
param pays: bool[Sky] = [Dry: false, else: true]
channel day() -> (sky: Sky) {{ sky ~ uniform(Sky) }}
"""


def test_the_library_is_the_scoring_rule():
    model = og.loads(f"""{LIBRARY}
        query cost = lmsr_cost[Sky](sold, 100 $)
        query wet = lmsr_price[Sky](sold, 100 $, Wet)
        query quote = lmsr_quote[Sky](sold, 100 $, pays)
        query charge = lmsr_charge[Sky](sold, 100 $, pays, 5 $)
        query loss = lmsr_worst_loss[Sky](100 $)
        query worth = lmsr_value[Sky](sold, 100 $, [Wet: 40 $, Snow: 10 $, else: 0 $])""")
    e = [1.0, exp(0.3), exp(-0.2)]
    after = [1.0, exp(0.35), exp(-0.15)]
    wanted = {
        "cost": 100 * log(sum(e)), "wet": e[1] / sum(e), "quote": (e[1] + e[2]) / sum(e), "loss": 100 * log(3),
        "charge": 100 * log(sum(after) / sum(e)), "worth": (40 * e[1] + 10 * e[2]) / sum(e),
    }  # fmt: skip
    assert {q: model.query(q).value for q in wanted} == pytest.approx(wanted, rel=1e-12)


def test_the_library_and_the_factored_market_charge_the_same():
    model = og.loads(f"""{LIBRARY}
        query one = lmsr_quote[Sky](lmsr_sold[Sky]([else: 0 $], [Wet: true, else: false], 25 $), 100 $, pays)
        query two = price(sky != Dry) of day after buy(ann, sky == Wet, 25) by lmsr[depth = 100 $]
        query paid = lmsr_charge[Sky]([else: 0 $], 100 $, [Wet: true, else: false], 25 $)
        query lost = 0 $ - worst(ann) of day after buy(ann, sky == Wet, 25) by lmsr[depth = 100 $]""")
    assert model.query("one").value == pytest.approx(model.query("two").value, rel=1e-12)
    assert model.query("paid").value == pytest.approx(model.query("lost").value, abs=1e-8)


def test_its_laws_are_proved_for_any_shares_sold():
    model = og.loads(f"""{LIBRARY}
        verify prices_add_up: forall s in real $[Sky]: sum(lmsr_price[Sky](s, 100 $, w) for w in Sky) == 1
        verify prices_are_chances: forall s in real $[Sky], w in Sky: lmsr_price[Sky](s, 100 $, w) in [0, 1]""")
    assert [c.verdict for c in model.verify()] == ["proved", "proved"]
