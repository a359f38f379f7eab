"""Networks in other people's formats: what goes out comes back, and means the same."""

import gzip
import importlib.resources
import math
from fractions import Fraction
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.diagnostics import Refusal
from opengames.models import networks
from opengames.models.networks import BayesNet, Variable, bayes_net, same

SHIPPED = ("cancer", "child", "alarm", "hailfinder")


@cache
def shipped(name: str) -> BayesNet:
    """A network of the bnlearn collection, as pgmpy's wheel carries it."""
    packed = importlib.resources.files("pgmpy") / "utils" / "example_models" / f"{name}.bif.gz"
    return networks.read_bif(gzip.decompress(packed.read_bytes()).decode(), name)


def load(text: str) -> og.Model:
    return og.loads(text)


def channel_of(model: og.Model) -> str:
    return list(model.program.diagrams)[-1]


def nearly(first: BayesNet, second: BayesNet) -> bool:
    """The same but for the rounding of chances to floats."""
    return all(
        v.states == second[v.name].states
        and v.parents == second[v.name].parents
        and all(
            math.isclose(a, b, rel_tol=0, abs_tol=1e-15)
            for one, other in zip(v.rows, second[v.name].rows, strict=True)
            for a, b in zip(one, other, strict=True)
        )
        for v in first
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_becomes_a_text_that_checks_and_means_the_same(name):
    net = shipped(name)
    model = load(networks.to_game(net))
    assert same(net, networks.from_game(model.program, channel_of(model)))


@pytest.mark.parametrize("name", ["child"])
def test_bif_and_xmlbif_say_the_same(name):
    net = shipped(name)
    assert nearly(net, networks.read_bif(networks.write_bif(net), name))
    assert nearly(net, networks.read_xmlbif(networks.write_xmlbif(net), name))


def test_names_that_the_language_cannot_have_come_back():
    net = shipped("child")
    text = networks.to_game(net)
    assert "`_5_12` stands for 5-12" in text
    model = load(text)
    assert networks.from_game(model.program, "child")["LowerBodyO2"].states == ("<5", "5-12", "12+")


def test_chances_agree_with_the_elimination_of_pgmpy():
    from pgmpy.inference import VariableElimination

    net = shipped("asia")
    theirs = VariableElimination(networks.to_pgmpy(net)).query(["lung"], evidence={"xray": "yes", "smoke": "no"}, show_progress=False)
    model = load(networks.to_game(net) + "\nquery q = P(lung == yes | xray == yes and smoke == no) of asia_network\n")
    assert float(model.query("q")) == pytest.approx(theirs.get_value(lung="yes"), abs=1e-12)


def test_a_channel_of_the_events_is_a_sound_network_of_pgmpy():
    model = og.load("specs/examples/03_events.game")
    net = networks.from_game(model.program, "grid")
    assert {v.name: set(v.parents) for v in net}["scarce"] == {"load", "wind"}
    assert networks.to_pgmpy(net).check_model()
    assert same(net, networks.from_pgmpy(networks.to_pgmpy(net), "grid"))


def test_networkx_sees_the_arcs_and_the_rows():
    graph = networks.to_networkx(shipped("cancer"))
    assert set(graph.edges) == {("Pollution", "Cancer"), ("Smoker", "Cancer"), ("Cancer", "Xray"), ("Cancer", "Dyspnoea")}
    assert all(sum(row) == 1 for _, rows in graph.nodes(data="rows") for row in rows)


def test_dot_quotes_names():
    net = bayes_net('a "b"', [Variable("x y", ("1", "2"), (), ((Fraction(1, 2),) * 2,))])
    assert '"x y" [tooltip="1, 2"];' in networks.write_dot(net)
    assert networks.write_dot(net).startswith('digraph "a \\"b\\"" {')


def test_rows_that_miss_one_by_their_last_digit_are_made_whole():
    text = networks.write_bif(bayes_net("n", [Variable("x", ("a", "b", "c"), (), ((Fraction(1, 3),) * 3,))]))
    short = text.replace("0.3333333333333333", "0.333333")
    net = networks.read_bif(short)
    assert net["x"].rows == ((Fraction(1, 3),) * 3,)
    assert net.off == Fraction(1, 10**6)


@st.composite
def nets(draw) -> BayesNet:
    """Small networks, names and states as awkward as files have them."""
    awkward = st.text("ab1<.- _", min_size=1, max_size=4).filter(lambda s: s.strip() == s)
    names = draw(st.lists(st.sampled_from(["x", "if", "true", "P", "Load", "real", "a1", "x_given", "n"]), min_size=1, max_size=4, unique=True))
    found: list[Variable] = []
    for i, name in enumerate(names):
        states = draw(st.one_of(
            st.just(("true", "false")), st.just(("false", "true")),
            st.lists(awkward, min_size=1, max_size=3, unique=True).map(tuple),
        ))  # fmt: skip
        parents = tuple(draw(st.lists(st.sampled_from(names[:i]), unique=True, max_size=2))) if i else ()
        count = math.prod(len(v.states) for v in found if v.name in parents)
        rows = []
        for _ in range(count):
            weights = draw(st.lists(st.integers(0, 5), min_size=len(states), max_size=len(states)).filter(any))
            rows.append(tuple(Fraction(w, sum(weights)) for w in weights))
        found.append(Variable(name, states, parents, tuple(rows)))
    return bayes_net("n", found)


@settings(max_examples=40, deadline=None)
@given(nets())
def test_a_network_written_as_a_text_is_read_back_the_same(net):
    model = load(networks.to_game(net))
    assert same(net, networks.from_game(model.program, channel_of(model)))


def joint(net: BayesNet) -> dict[tuple[str, ...], Fraction]:
    found = {}
    for world in product(*(v.states for v in net)):
        values = dict(zip((v.name for v in net), world, strict=True))
        chance = Fraction(1)
        for v in net:
            row = v.rows[net.keys(v).index(tuple(values[p] for p in v.parents))]
            chance *= row[v.states.index(values[v.name])]
        found[world] = chance
    return found


def test_calls_and_computed_wires_become_variables_of_their_own():
    text = """
    type Few = 0..2
    channel twice(x: 0..2) -> (y: 0..4) { y = 2 * x }
    channel whole() -> (x: 0..2, y: 0..4, far: bool) {
        x ~ uniform(Few)
        y ~ twice(x)
        far = y > 3
    }
    query q = P(far) of whole
    """
    model = load(text)
    net = networks.from_game(model.program, "whole")
    place = [v.name for v in net].index("far")
    assert sum(c for world, c in joint(net).items() if world[place] == "true") == Fraction(1, 3)
    assert model.query("q").value == Fraction(1, 3)


def test_loops_are_unrolled_and_the_elements_of_families_are_variables():
    text = """
    type Hour = 1..3
    channel weather() -> (wet: bool[Hour], days: 0..3) {
        for t in Hour carrying before = false {
            wet ~ bernoulli(if before then 60% else 20%)
            next before = wet
        }
        days = sum(ind(wet[t]) for t in Hour)
    }
    query q = P(wet[1] and wet[3]) of weather
    query all = P(days == 3) of weather
    """
    model = load(text)
    net = networks.from_game(model.program, "weather")
    assert {"wet_1", "wet_2", "wet_3", "days"} <= set(net.states)
    assert networks.to_pgmpy(net).check_model()
    places = [[v.name for v in net].index(n) for n in ("wet_1", "wet_3", "days")]
    worlds = joint(net)
    assert sum(c for w, c in worlds.items() if w[places[0]] == w[places[1]] == "true") == model.query("q").value
    assert sum(c for w, c in worlds.items() if w[places[2]] == "3") == model.query("all").value == Fraction(72, 1000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("network n {\n}\nvariable x {\n type discrete [ 2 ] { a, b };\n}\nprobability ( x ) {\n table 0.5, 0.7;\n}\n", "adds up to|sum"),
        ("network n {\n}\nvariable x {\n type discrete [ 2 ] { a, b };\n}\n", "no table|cannot be read|can be read"),
        ("hello", "can be read|no variables|cannot"),
    ],
)
def test_a_file_that_is_no_network_is_refused(text, said):
    with pytest.raises(Refusal, match=said):
        networks.read_bif(text)


def test_a_variable_that_is_there_twice_is_refused():
    one = "variable x {\n type discrete [ 2 ] { a, b };\n}\nprobability ( x ) {\n table 0.5, 0.5;\n}\n"
    with pytest.raises(Refusal, match="`x` is there twice"):
        networks.read_bif("network n {\n}\n" + one + one)


def test_what_is_no_network_is_refused_in_words():
    model = og.load("specs/examples/05_battery.game")
    drawn = next(name for name, kind in model.program.kinds.items() if kind == "channel")
    with pytest.raises(Refusal, match=r"network|infinitely many"):
        networks.from_game(model.program, drawn)
