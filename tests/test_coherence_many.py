"""Coherence where worlds are too many to list: planted distributions are accepted, planted Dutch books found."""

from __future__ import annotations

import random
import sys
from fractions import Fraction as F
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from opengames.diagnostics import Refusal
from opengames.evaluate import evaluate
from opengames.models.quotes_file import read_quotes
from opengames.solvers.coherence import Coherent, Incoherent, Worlds, bounds, check_quotes, quote, ticket
from opengames.solvers.coherence.asking import check_quotes as check_small
from opengames.solvers.coherence.bounded import bounded
from opengames.solvers.coherence.certificates import (
    NotACertificate,
    _bound_of_many,
    check_layers,
    check_stakes,
)
from opengames.solvers.coherence.many import check_many
from opengames.solvers.coherence.quotes import at
from opengames.solvers.coherence.witness import none_below, refute
from opengames.spaces import BOOL, Enum
from opengames.terms import Const, Fold, Prim, Var

N = 40
E = [Var(f"e{i}") for i in range(N)]
RULES = tuple(Prim("implies", (E[i], Prim("or", (E[i + 1], E[(i + 7) % N])))) for i in range(0, N - 1, 4))
WIDE = Worlds(tuple((e.name, BOOL) for e in E), RULES)


def planted(seed, count):
    """Quotes of single events and pairs, at the prices of a distribution on a few worlds."""
    rng = random.Random(seed)
    worlds = []
    while len(worlds) < 8:
        w = {e.name: rng.random() < 0.5 for e in E}
        if all(evaluate(r, w, {}, {}) for r in RULES):
            worlds.append(w)
    weights = [rng.randint(1, 9) for _ in worlds]
    events = list(E)
    while len(events) < count:
        a, b = rng.sample(E, 2)
        events.append(Prim(rng.choice(["and", "or"]), (a, b)))
    found = []
    for i, event in enumerate(events[-count:]):
        price = F(sum(k for k, w in zip(weights, worlds, strict=True) if evaluate(event, w, {}, {})), sum(weights))
        found.append(quote(event, price, name=f"q{i}"))
    return found


def test_a_planted_distribution_on_forty_events_is_found_coherent():
    quotes = planted(1, 45)
    answer = check_quotes(WIDE, quotes)
    assert isinstance(answer, Coherent) and len(answer.distribution) <= len(quotes) + 1
    check_layers(WIDE, quotes, answer.layers)


def test_a_planted_dutch_book_on_forty_events_is_found_with_its_few_quotes():
    quotes = planted(2, 41)
    wrong = quote(Prim("and", (E[0], Prim("not", (Prim("or", (E[1], E[7])),)))), F(1, 10), name="never")
    answer = check_quotes(WIDE, [*quotes, wrong])
    assert isinstance(answer, Incoherent) and answer.win > 0 and answer.smallest == "minimal"
    assert "too many to list" in str(answer)
    assert check_stakes(WIDE, [(s.quote, s.tickets) for s in answer.stakes]).least == answer.win


def test_a_dutch_book_that_only_the_constraints_make_is_proved_by_z3():
    """Of a chain of forty implications, the end is as likely as the beginning."""
    chain = tuple(Prim("implies", (E[i], E[i + 1])) for i in range(N - 1))
    worlds = Worlds(WIDE.wires, chain)
    answer = check_quotes(worlds, [quote(E[0], ".6", name="first"), quote(E[39], ".5", name="last"), quote(E[20], ".55", name="middle")])
    assert isinstance(answer, Incoherent) and "z3" in answer.method and answer.wins.method == "z3"
    assert set(answer.names) <= {"first", "middle", "last"} and len(answer.names) == 2
    assert check_quotes(worlds, [quote(E[0], ".4", name="first"), quote(E[39], ".5", name="last")]).coherent


def test_at_least_so_many_is_an_event_that_is_bounded_by_markov():
    """Of eight events of chance 1/2, six or more happen with chance 2/3 at most: 4 = 6 * 2/3."""
    some = E[:8]
    count = Prim("ind", (some[0],))
    for e in some[1:]:
        count = Prim("+", (count, Prim("ind", (e,))))
    most = Prim(">=", (count, Const(F(6))))
    free = Worlds(WIDE.wires[:8])
    quotes = [*(quote(e, F(1, 2), name=e.name) for e in some), ticket(count, 4, name="how many")]
    for price, coherent in ((F(2, 3), True), (F(7, 10), False)):
        answer = check_many(free, [*quotes, quote(most, price, name="six")], smallest=False)
        assert answer.coherent == check_quotes(free, [*quotes, quote(most, price, name="six")]).coherent == coherent


def test_a_wire_with_too_many_values_of_its_own_is_refused():
    from opengames.spaces import Family, Grid
    from opengames.terms import At

    index = Grid(tuple(map(F, range(30))))
    up = At(Var("up"), (Var("i"),), (index,))
    worlds = Worlds((("up", Family((index,), BOOL)),))
    every = Fold("and", (("i", index),), up)
    with pytest.raises(Refusal, match="alone has more than"):
        check_quotes(worlds, [quote(every, ".5", name="all")])


def test_both_ways_agree_where_worlds_can_be_listed():
    rng = random.Random(5)
    weather = Enum("Weather", ("Sun", "Rain", "Snow"))
    worlds = Worlds((("w", weather), ("a", BOOL), ("b", BOOL)), (Prim("implies", (Prim("==", (Var("w"), Const("Snow"))), Var("a"))),))
    atoms = [Prim("==", (Var("w"), Const(x))) for x in weather.labels] + [Var("a"), Var("b")]
    seen = set()
    for _ in range(25):
        quotes = []
        for i in range(rng.randint(2, 4)):
            event = Prim(rng.choice(["and", "or"]), tuple(rng.sample(atoms, 2)))
            given = rng.choice([None, None, atoms[rng.randrange(5)]])
            p = F(rng.randint(0, 4), 4)
            quotes.append(quote(event, p, given=given, name=f"q{i}"))
        small, large = check_small(worlds, quotes), check_many(worlds, quotes)
        assert small.coherent == large.coherent
        seen.add(small.coherent)
        if not small.coherent:
            wins = refute(worlds, [(s.quote, s.tickets, s.price) for s in large.stakes], F(0))
            assert wins.least == large.win
    assert seen == {True, False}


def test_z3_refuses_stakes_that_may_lose():
    with pytest.raises(NotACertificate, match="do not win"):
        check_stakes(WIDE, [(quote(E[0], ".5", name="a"), F(1)), (quote(E[8], ".5", name="b"), F(-1))])


def test_a_long_channel_is_searched_box_by_box():
    steps = "\n".join(f"    s{i} ~ bernoulli(if s{i - 1} then 1/2 else 0)" for i in range(1, 30))
    ports = ", ".join(f"s{i}: bool" for i in range(30))
    worlds = Worlds.of(f"channel chain() -> ({ports}) {{\n    s0 ~ bernoulli(1/2)\n{steps}\n}}", "chain")
    wide = [quote(f"s{i}", F(1, 2 + i), name=f"s{i}") for i in range(30)]
    answer = check_quotes(worlds, wide)
    assert isinstance(answer, Coherent)
    wide[20] = quote("s20", F(1, 3), name="s20")
    answer = check_quotes(worlds, wide)
    assert isinstance(answer, Incoherent) and "s20" in answer.names and len(answer.names) == 2


def test_the_measurement_runs_and_its_contestants_agree():
    from benchmarks import coherence

    outcome = coherence.measure(repeats=1, events=4, books=2, many=0)
    assert len(outcome.figures) == 3 and all(f.value > 0 for f in outcome.figures)


def test_bounds_over_thousands_of_columns_are_those_of_one_large_program():
    import numpy as np
    from scipy.optimize import linprog

    from benchmarks.coherence import _book, _matrix
    from opengames.solvers.coherence import bounds, extension
    from opengames.solvers.coherence.cases import Values, cases

    worlds, quotes, _ = _book(0, 12, False)
    event = Prim("and", (E[0], E[5]))
    found = bounds(worlds, quotes, event, name="it")
    matrix, prices = _matrix(worlds, quotes)
    assert matrix.shape[1] > extension._MANY
    pays = Values(worlds, cases(worlds, worlds.spaces)).event(event).astype(float)
    for sign, end in ((1, found.low), (-1, found.high)):
        done = linprog(sign * pays, A_eq=matrix, b_eq=prices, method="highs")
        assert float(end.value) == pytest.approx(sign * done.fun, abs=1e-8)
    assert np.isclose(float(found.high.value), 0.144)


def test_bounds_agree_both_ways_where_worlds_can_be_listed():
    rng = random.Random(11)
    weather = Enum("Weather", ("Sun", "Rain", "Snow"))
    worlds = Worlds((("w", weather), ("a", BOOL), ("b", BOOL)), (Prim("implies", (Prim("==", (Var("w"), Const("Snow"))), Var("a"))),))
    atoms = [Prim("==", (Var("w"), Const(x))) for x in weather.labels] + [Var("a"), Var("b")]
    seen = set()
    for _ in range(25):
        quotes = []
        for i in range(rng.randint(1, 3)):
            given = rng.choice([None, None, *atoms])
            price = F(rng.randint(0, 4), 4)
            event = rng.choice(atoms)
            quotes.append(quote(event, price, given=given, name=f"q{i}") if rng.random() < 0.6 else
                          quote(event, bid=price / 2, ask=price, given=given, name=f"q{i}"))  # fmt: skip
        target = quote(Prim(rng.choice(["and", "or"]), tuple(rng.sample(atoms, 2))), 0, given=rng.choice([None, *atoms]), name="it")
        if not check_quotes(worlds, quotes).coherent:
            seen.add("incoherent")
            with pytest.raises(Refusal, match="incoherent"):
                bounded(worlds, quotes, target)
            continue
        small = bounds(worlds, quotes, target.event, target.given, name="it")
        low, high = bounded(worlds, quotes, target)
        assert (low.value, high.value) == (small.low.value, small.high.value)
        for side, end in ((1, low), (-1, high)):
            _bound_of_many(worlds, at(target, end.value), [(s.quote, s.tickets, s.price) for s in end.hedge] + [(target, F(side), end.value)],
                           [(s.quote, s.tickets) for s in end.guard])  # fmt: skip
            seen.add(target.given is None)
    assert seen == {"incoherent", True, False}


@pytest.mark.parametrize("count", [2, 9])
def test_bounds_over_forty_wires_are_those_of_frechet(count):
    """For both of two events max(0, a + b - 1) and min(a, b); for either max(a, b) and min(1, a + b); and so for more."""
    chances = [F(99 - i, 100) for i in range(N)]
    free = Worlds(WIDE.wires)
    some = range(0, 4 * count, 4)
    every, either = E[0], E[0]
    for i in some[1:]:
        every, either = Prim("and", (every, E[i])), Prim("or", (either, E[i]))
    quotes = [quote(e, p, name=e.name) for e, p in zip(E, chances, strict=True)]
    found = bounds(free, quotes, every, name="all")
    assert found.low.value == max(F(0), 1 - sum(1 - chances[i] for i in some)) and found.high.value == min(chances[i] for i in some)
    if count < 5:
        found = bounds(free, quotes, either, name="any")
        assert found.low.value == max(chances[i] for i in some) and found.high.value == 1


def test_a_bound_that_is_none_is_refused_by_z3_too():
    free = Worlds(WIDE.wires)
    quotes = [quote(e, F(9, 10), name=e.name) for e in E]
    both = quote(Prim("and", (E[0], E[1])), F(85, 100), name="both")
    stakes = [(quotes[0], F(-1), F(9, 10)), (quotes[1], F(-1), F(9, 10))]
    none_below(free, [*stakes, (both, F(1), F(8, 10))], True)
    with pytest.raises(NotACertificate, match="lose"):
        none_below(free, [*stakes, (both, F(1), F(85, 100))], True)


def test_counting_over_many_wires_is_counting_world_by_world():
    from opengames.solvers.coherence import cases as module
    from opengames.solvers.coherence.cases import Values, cases

    worlds = Worlds(WIDE.wires[:8])
    among = cases(worlds, worlds.spaces)
    total = Const(F(-1, 2))
    for i, e in enumerate(E[:8]):
        part = Prim("*", (Const(F(i - 3, 3)), Prim("ind", (Prim("or", (e, E[(i + 1) % 8])),))))
        total = Prim("-" if i % 3 else "+", (total, part))
    assert module._COUNTED < 2**8
    values, codes = Values(worlds, among).numbers(total)
    for op in ("<", "<=", ">", ">="):
        compared = Prim(op, (total, Const(F(1, 6))))
        holds = Values(worlds, among).event(compared)
        for case in range(0, len(among), 7):
            world = dict(among.world(case))
            assert bool(holds[case]) == evaluate(compared, world, {}, {}) and values[codes[case]] == evaluate(total, world, {}, {})


# ------------------------------------------------------------------------------ files


def test_quotes_are_read_from_a_table(tmp_path):
    file = tmp_path / "posted.csv"
    file.write_text("event,given,bid,ask,name\nrain,,28%,32%,wet\nwind == Calm,rain,,0.4,\n\n", encoding="utf-8")
    quotes = read_quotes(file)
    assert [(q.name, q.bid, q.ask) for q in quotes] == [("wet", F(28, 100), F(32, 100)), ("wind == Calm | rain", None, F(2, 5))]
    assert check_quotes(Worlds.over(rain=bool, wind=("Calm", "Windy")), quotes).coherent
    file.write_text("event,odds\nrain,3:1\nnot rain,1:3\n", encoding="utf-8")
    assert [q.ask for q in read_quotes(file)] == [F(1, 4), F(3, 4)]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("event,given\na,b\n", "data-missing-column", "probability"),
        ("probability\n.2\n", "data-missing-column", "event"),
        ("event,probability\na,120%\n", "outside-type", r"row 1 \(line 2\)"),
        ("event,odds\na,3:1\nb,0:0\n", "outside-type", r"row 2 \(line 3\)"),
        ("event,bid,ask\na,.4,.3\n", "outside-type", "above the ask"),
        ("event,probability,size\na,.2,3\n", "unknown-argument", "size"),
        ("event,probability\n,.2\n", "data-gap", "no event"),
        ("event,probability\n", "data-too-short", "no quotes"),
        ("event,probability,odds\na,.2,4\n", "bad-param-value", "one price"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_row(tmp_path, text, code, words):
    file = tmp_path / "posted.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match=words) as refused:
        read_quotes(file)
    assert [d.code for d in refused.value.diagnostics] == [code]
