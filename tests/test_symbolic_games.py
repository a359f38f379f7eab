"""Conditions of equilibrium in what is free agree with the exact solver wherever both speak, and are those of the books."""

from fractions import Fraction
from pathlib import Path

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.diagnostics import Refusal
from opengames.solvers import claims
from opengames.symbolic.formulas import said

ROOT = Path(__file__).parents[1]
TEXTBOOK = sorted((ROOT / "specs" / "textbook").glob("*.game"))
small = st.fractions(min_value=-3, max_value=3, max_denominator=4)
chances = st.fractions(min_value=Fraction(1, 9), max_value=Fraction(8, 9), max_denominator=9)

DILEMMA = """
type Move = Cooperate | Defect
player row, column
param R: real
param S: real
param T: real
param P: real
param p: prob
fun payoff(mine: Move, theirs: Move) -> real = table {
    | mine \\ theirs || Cooperate | Defect |
    | Cooperate     ||         R |      S |
    | Defect        ||         T |      P |
}
game Dilemma {
    decide a: Move by row    earning payoff(a, b)
    decide b: Move by column earning payoff(b, a)
}
strategy grim of Dilemma  { row.a = Defect      column.b = Defect }
strategy nice of Dilemma  { row.a = Cooperate   column.b = Cooperate }
strategy mixed of Dilemma { row.a ~ {Cooperate: p, Defect: 1 - p}   column.b ~ {Cooperate: p, Defect: 1 - p} }
"""

ENTRY = """
type Entry = Enter | Stay
type Reply = Accommodate | Fight
player entrant, incumbent
param share: real
param duopoly: real
param war: real
param loss: real
game MarketEntry {
    decide entry: Entry by entrant earning if entry == Stay then 0 else if reply == Fight then -loss else share
    decide reply: Reply by incumbent seeing entry
        earning if entry == Stay then 10 else if reply == Fight then war else duopoly
}
strategy accept of MarketEntry   { entrant.entry = Enter   incumbent.reply = Accommodate }
strategy threaten of MarketEntry { entrant.entry = Stay    incumbent.reply = Fight }
"""

SIGNAL = """
type Kind = Strong | Weak
type Act  = Loud | Quiet
player sender, receiver
param weak: prob
param cost: real
param prize: real
game Signal {
    kind ~ {Strong: 1 - weak, Weak: weak}
    decide act: Act by sender seeing kind
        earning (if yielded then prize else 0) - (if act == Loud and kind == Weak then cost else 0)
    noise ~ {1: 2/3, 0: 1/3}
    heard = if noise == 1 then act else Quiet
    decide yielded: bool by receiver seeing heard
        earning if yielded == (kind == Strong) then 1 else -prize
}
strategy apart of Signal  { sender.act = if kind == Strong then Loud else Quiet   receiver.yielded = heard == Loud }
strategy pooled of Signal { sender.act = Loud                                    receiver.yielded = heard == Loud }
"""

REPEATED = (ROOT / "specs" / "textbook" / "repeated_dilemma.game").read_text(encoding="utf-8")
REPEATED = REPEATED.replace("game Patient = Repeated[1 / 2, true]", "param d: prob\ngame Patient = Repeated[d, true]")

BRANCH = """
player p, q
param stake: real
param luck: prob
game Bet {
    decide play: bool by p earning pot
    won ~ bernoulli(luck)
    if play {
        decide raise: bool by p earning pot
        decide call: bool by q seeing raise earning -pot
        size = if raise and call then 2 else if raise then 1/2 else 1
    } else {
        size = 0
    }
    pot = size * (if won then stake else -1)
}
strategy bold of Bet  { p.play = true   p.raise = true    q.call = raise }
strategy timid of Bet { p.play = false  p.raise = false   q.call = true }
"""


def words(text, strategy):
    return [said(c) for _, system in og.loads(text).formula(strategy).cases for c in system.conditions]


def test_the_dilemma_of_the_books():
    assert words(DILEMMA, "grim") == ["S <= P"]
    assert words(DILEMMA, "nice") == ["T <= R"]


def test_a_mixed_equilibrium_makes_the_other_indifferent():
    found = og.loads(DILEMMA).formula("mixed")
    (condition,) = found.cases[0][1].conditions
    names = {s.name: s for s in condition.free_symbols}
    p, big_r, s, t, big_p = (names[n] for n in "pRSTP")
    assert isinstance(condition, sympy.Eq)
    assert sympy.expand((condition.lhs - condition.rhs) ** 2 - (p * (t - big_r) + (1 - p) * (big_p - s)) ** 2) == 0


def test_an_empty_threat_is_an_equilibrium_if_war_would_hurt():
    assert words(ENTRY, "threaten") == ["loss >= 0"]
    assert set(words(ENTRY, "accept")) == {"share >= 0", "war <= duopoly"}


def test_trust_needs_the_patience_that_the_text_derives():
    found = og.loads(REPEATED).formula("grim_patient")
    assert words(REPEATED, "grim_patient") == ["d >= 1 / 2"]
    assert {said(a) for a in found.assuming} == {"d > 0", "d < 1"}


GAMES = {
    "grim": (DILEMMA, ("R", "S", "T", "P")), "nice": (DILEMMA, ("R", "S", "T", "P")), "mixed": (DILEMMA, ("R", "S", "T", "P", "p")),
    "accept": (ENTRY, ("share", "duopoly", "war", "loss")), "threaten": (ENTRY, ("share", "duopoly", "war", "loss")),
    "apart": (SIGNAL, ("weak", "cost", "prize")), "pooled": (SIGNAL, ("weak", "cost", "prize")),
    "bold": (BRANCH, ("stake", "luck")), "timid": (BRANCH, ("stake", "luck")),
}  # fmt: skip
FOUND = {name: og.loads(text).formula(name) for name, (text, _) in GAMES.items()}


@pytest.mark.parametrize("strategy", list(GAMES))
@settings(max_examples=30)
@given(data=st.data())
def test_the_conditions_hold_exactly_where_the_solver_finds_an_equilibrium(strategy, data):
    text, names = GAMES[strategy]
    values = {n: data.draw(chances if n in ("p", "weak", "luck") else small, label=n) for n in names}
    given_all = values if text is not DILEMMA else {"p": Fraction(1, 2)} | values
    model = og.loads(text, **given_all)
    game = model.program.strategies[strategy].game
    verdict = claims.equilibrium(model.program, game, strategy, model.program.param_values()).verdict
    assert FOUND[strategy].at(**values) == (verdict == "holds")


@settings(max_examples=8)
@given(d=st.fractions(min_value=Fraction(1, 20), max_value=Fraction(19, 20), max_denominator=20))
def test_the_patience_that_the_solver_accepts_is_the_patience_of_the_formula(d):
    model = og.loads(REPEATED, d=d)
    found = claims.equilibrium(model.program, "Patient", "grim_patient", model.program.param_values())
    assert (found.verdict == "holds") == (d >= Fraction(1, 2))


@pytest.mark.parametrize("path", TEXTBOOK, ids=lambda p: p.stem)
def test_with_nothing_free_the_verdict_is_that_of_the_solver(path):
    model = og.load(path)
    for name, strategy in model.program.strategies.items():
        found = model.formula(name)
        verdict = claims.equilibrium(model.program, strategy.game, name, model.program.param_values()).verdict
        assert (found.always, found.never) == (verdict == "holds", verdict == "fails"), name


def test_params_with_values_are_freed_one_by_one():
    model = og.load(ROOT / "specs" / "textbook" / "cournot.game")
    found = model.formula("cournot", free="cost")
    assert found.at(cost=3) and not found.at(cost=0)
    for cost in range(7):
        exact = og.load(ROOT / "specs" / "textbook" / "cournot.game", cost=f"{cost} $/barrel").verify("thirds_are_stable")
        assert found.at(cost=cost) == exact[0].holds, cost


def test_a_query_for_equilibrium_is_answered_with_the_condition():
    answer = og.loads(DILEMMA + "\nquery when = equilibrium(grim) by sympy").query("when")
    assert answer.shown == "`grim` is an equilibrium if and only if S <= P"
    assert answer.to_dict()["value"] == ["S <= P"]


def test_a_claim_that_depends_on_what_is_free_stays_open():
    model = og.loads(DILEMMA + "\nverify grim_holds: equilibrium(grim) by sympy")
    (claim,) = model.verify()
    assert claim.verdict == "unknown" and "S <= P" in " ".join(claim.because)
    assert og.loads(model.text, S=0, P=1, R=3, T=5).verify()[0].verdict == "proved"


def test_a_deviation_says_who_does_what_and_what_it_gains():
    found = og.loads(DILEMMA).formula("grim")
    assert [d.words() for d in found.deviations] == ["row at a does Cooperate", "column at b does Cooperate"]
    assert str(found.deviations[0].gain) in ("-P + S", "S - P")


def test_a_seat_that_forgets_is_left_to_the_exact_solver():
    text = """
    player p
    param x: real
    game Forgets {
        coin ~ bernoulli(1/2)
        decide a: bool by p seeing coin earning pay
        decide b: bool by p earning pay
        pay = if b == coin then x else if a then 1 else 0
    }
    strategy s of Forgets { p.a = true   p.b = true }
    """
    with pytest.raises(Refusal) as refused:
        og.loads(text).formula("s")
    assert refused.value.diagnostics[0].code == "not-yet" and "forgets" in str(refused.value)


def test_infinitely_many_moves_are_refused():
    text = "player p  game G { decide x: real by p earning x }  strategy s of G { p.x = 1 }"
    with pytest.raises(Refusal, match="infinitely many moves"):
        og.loads(text).formula("s")


AHEAD = """
param loss: real
param y: prob
param price: [0, 20]
player prosumer
channel flip[y: prob](home: bool) -> (later: bool) {
    switched ~ bernoulli(y)
    later    = home != switched
}
game Ahead {
    one ~ flip[y](false)
    two ~ flip[y](one)
    decide reserve: bool by prosumer earning -price * ind(reserve) - loss * ind(two and not reserve)
}
strategy yes of Ahead { prosumer.reserve = true }
strategy rule of Ahead { prosumer.reserve = price < loss * 2 * y * (1 - y) }
"""


def test_a_reservation_pays_below_the_loss_times_the_chance_of_presence():
    assert words(AHEAD, "yes") == ["price <= 2 * loss * y * (1 - y)"]
    rule = og.loads(AHEAD).formula("rule")
    assert rule.always and not rule.assuming and len(rule.cases) == 1
