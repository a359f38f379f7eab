"""Assurance cases: the tree, the weakest leaf, what is said of data, the bounds, and pages that are well formed."""

import json
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

import opengames as og
from opengames.assurance_case import STRENGTH, chances, weakest
from opengames.cli import main

TEXT = """## A coin that is tossed, and its price.

param bias: prob = 1/3   ## of heads
param days: {1, 2, 3} = 2
type Day = 1..3
param price: real $[Day]

channel Toss() -> (heads: bool) { heads ~ bernoulli(bias) }

## Rare is not never.
verify sure:    heads or not heads of Toss
verify drawn:   heads or not heads of Toss by simulate[runs = 100]
verify tails:   not heads of Toss by simulate[runs = 100]
verify number:  forall d in Day: d <= 3
verify paid:    forall d in Day: price[d] >= 0 $
"""

PRICES = "day,usd\n1,20\n2,21.5\n3,19\n"


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "prices.csv"
    file.write_text(PRICES)
    return og.loads(TEXT, "coin.game", days=3).with_data(price=(str(file), "usd"))


def test_a_hundred_runs_without_a_failure_leave_2_95_percent():
    assert round(100 * chances(0, 100).upper, 2) == 2.95
    assert round(100 * chances(0, 1000).upper, 2) == 0.30
    assert chances(0, 100).lower == 0
    assert chances(7, 7).upper == 1


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bounds_are_where_the_binomial_tails_hold_five_percent(pair):
    from scipy.stats import binom

    failed, runs = pair
    found = chances(failed, runs)
    assert found.lower <= failed / runs <= found.upper
    if failed < runs:
        assert binom.cdf(failed, runs, found.upper) == pytest.approx(0.05, abs=1e-9)
    if failed > 0:
        assert binom.sf(failed - 1, runs, found.lower) == pytest.approx(0.05, abs=1e-9)


@given(st.lists(st.sampled_from(sorted(STRENGTH)), min_size=1))
def test_the_root_is_never_stronger_than_any_leaf(verdicts):
    root = weakest(verdicts)
    assert root in verdicts
    assert all(STRENGTH[root] <= STRENGTH[v] for v in verdicts)


def test_the_tree_groups_claims_by_what_they_are_about(model):
    case = og.assurance(model)
    assert [(g.of, [leaf.name for leaf in g.leaves]) for g in case.groups] == [
        ("Toss", ["sure", "drawn", "tails"]), (None, ["number", "paid"]),
    ]  # fmt: skip
    assert [leaf.verdict for leaf in case.leaves] == ["proved", "supported", "not supported", "proved", "proved"]
    assert case.verdict == "not supported"
    assert case.weakest == ("tails",)
    assert case.groups[0].doc == ""
    sure, drawn, tails = case.groups[0].leaves
    assert sure.doc == "Rare is not never."
    assert sure.model == "channel `Toss`, with `bias` = 1/3"
    assert "2.95 %" in str(drawn.chances)
    assert sure.chances is None
    assert 20 <= tails.chances.failed <= 50
    assert tails.chances.lower < 1 / 3 < tails.chances.upper


def test_the_sources_of_numbers_are_told_apart(model):
    case = og.assurance(model, "number")
    kinds = {s.name: s.kind for s in case.sources}
    assert kinds == {"bias": "default", "days": "supplied", "price": "data"}
    price = case.sources[2]
    assert price.values == 3 and price.column == "usd"
    assert price.digest == sha256(PRICES.encode()).hexdigest()
    assert "`price`" in case.evidence[0]
    bare = og.assurance(og.loads("verify two: 1 + 1 == 2"))
    assert bare.evidence[0].startswith("There is no evidence here that the model describes any system")


def test_a_claim_that_is_refused_is_an_open_leaf():
    case = og.assurance(og.loads(TEXT), ["number", "paid"])
    assert [leaf.verdict for leaf in case.leaves] == ["proved", "unknown"]
    assert case.verdict == "unknown"
    assert "has no value" in case.leaves[1].claim.because[0]


class Strict(HTMLParser):
    """Fails on a tag that is not closed, or closed out of turn."""

    VOID = frozenset({"meta", "br", "link", "hr", "img"})

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.counts = [], [], {}

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag in ("div", "dl", "ul", "table", "pre", "details"):
            assert "p" not in self.open, f"<{tag}> inside a paragraph"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_well_formed_and_holds_every_claim(model, tmp_path):
    model = model.with_params(bias="1/4")
    path = model.verify().report(tmp_path / "case.html")
    text = path.read_text(encoding="utf-8")
    parser = Strict()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    assert parser.counts["details"] == 5
    said = "".join(parser.text)
    for name in ("sure", "drawn", "tails", "number", "paid", "Rare is not never.", "supplied as 1/4", "2.95 %"):
        assert name in said
    assert "<script" not in text and "http" not in text


def test_what_is_written_in_a_text_cannot_become_markup():
    case = og.assurance(og.loads("## <script>alert(1)</script>\nverify v: 1 < 2 and 2 > 1"))
    assert "<script" not in case.html()
    assert "1 &lt; 2" in case.html()


def test_a_counterexample_is_shown(tmp_path):
    m = og.loads("verify v: forall x in 1..3: x < 3")
    found = og.assurance(m)
    assert found.verdict == "refuted" and found.leaves[0].counterexample == "x = 3"
    assert "x = 3" in found.html() and "        x = 3" in found.markdown()


def test_the_command_line_writes_each_format(tmp_path, capsys):
    game = tmp_path / "two.game"
    game.write_text("verify good: 1 < 2   verify bad: 2 < 1   query n = 3")
    for form in ("html", "md", "json"):
        assert main(["verify", str(game), "--report", str(tmp_path / f"r.{form}")]) == 1
        assert "the weakest of 2 claims" in capsys.readouterr().err
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["verdict"] == "refuted" and data["weakest"] == ["bad"]
    assert [c["verdict"] for c in data["groups"][0]["claims"]] == ["proved", "refuted"]
    assert "**refuted**" in (tmp_path / "r.md").read_text()
    assert main(["verify", str(game), "--report", str(tmp_path / "r.txt")]) == 2
    assert "ends in `.html`, `.md` or `.json`" in capsys.readouterr().err
    assert not (tmp_path / "r.txt").exists()


def test_answers_to_queries_make_no_report(tmp_path):
    with pytest.raises(og.Refusal, match="a report is made of claims"):
        og.loads("query n = 3").queries().report(tmp_path / "r.html")
    with pytest.raises(og.Refusal, match="makes no claims"):
        og.assurance(og.loads("query n = 3"))
