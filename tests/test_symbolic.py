"""The symbolic reading agrees with evaluation and with the exact reading wherever both have an answer."""

from fractions import Fraction
from pathlib import Path

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.desk import Desk
from opengames.diagnostics import Refusal
from opengames.evaluate import evaluate
from opengames.exact import answer as exact_answer
from opengames.spaces import Bool, Enum, Family, Grid, Reals, Record, index_size
from opengames.symbolic.answers import answer
from opengames.symbolic.cases import Fork, Leaf, Split, explore, leaves
from opengames.symbolic.formulas import Scene, formula, said
from opengames.symbolic.inequalities import system
from opengames.symbolic.questions import UNFOLDED
from opengames.terms import Ask, Const, If, Prim, Var, children

ROOT = Path(__file__).parents[1]
SPECS = sorted((ROOT / "specs").rglob("*.game"))
LARGE = {"ercot", "grid_day", "battery_day"}

FUNS = """
type Move = Left | Right
type Size = 0..4 step 0.5
type Three = 1..3
type Pair = (low: real, high: [0, 1])

fun line(x: real, y: real) -> real = 2 * x - y / 3 + 1
fun square(x: real, y: real) -> real = (x + y) ^ 2 - (x - y) ^ 2
fun kinked(x: real, y: real) -> real = max(x, y, 0) - min(x, 2 * y) + abs(x - y) + clamp(x, -1, y ^ 2)
fun stairs(x: real, s: Size) -> real = floor(x) + s * x
fun sign(m: Move, n: Move) -> real = table {
    | m \\ n || Left | Right |
    | Left  ||    2 |     1 |
    | Right ||   -1 |     1 |
}
fun cased(m: Move, n: Move, x: real) -> real = sign(m, n) * x + (if m == n then x * x else sign(n, m))
fun tested(x: real, y: real) -> bool = x < y or (y <= 0 and not x == y)
fun turned(x: real, y: real) -> Move = if x < y then Left else Right
fun nested(x: real, y: real) -> real = if turned(x, y) == Left then line(x, y) else if tested(y, x) then 1 else ind(x > 3)
fun folded(w: real[Three], k: Three) -> real = sum(w[i] * i for i in Three if i <= k) - product(1 - w[i] for i in Three)
fun best(w: real[Three], k: Three) -> real = max(w[i] for i in Three if i >= k)
fun picked(w: real[Three], b: bool) -> real = w[if b then 3 else 1]
fun pair(p: Pair, x: real) -> (sum: real, more: bool) = (sum: p.low + p.high * x, more: p.low < p.high)
fun inside(x: real, y: [0, 2]) -> bool = x in [0, 1] and y in [0, 5]
fun ratio(x: [0, 9], y: [0, 9]) -> real = (x ^ 2 + x) / (1 + y) - x / (1 + y)
"""
MODEL = og.loads(FUNS)


def points_in(space):
    """Exact points of any space, numbers small rationals."""
    numbers = st.fractions(min_value=-4, max_value=4, max_denominator=6)
    match space:
        case Enum(labels=labels):
            return st.sampled_from(labels)
        case Bool():
            return st.booleans()
        case Grid(points=points):
            return st.sampled_from(points)
        case Reals(lower=low, upper=high):
            return st.fractions(min_value=low, max_value=high, max_denominator=6) if low is not None else numbers
        case Record(fields=fields):
            return st.tuples(*(points_in(s) for _, s in fields))
        case Family(index=index, item=item):
            return st.tuples(*[points_in(item)] * index_size(index))


def named(name, value, space):
    """The symbols of one input with their values."""
    match space:
        case Record(fields=fields):
            return {k: v for (f, s), x in zip(fields, value, strict=True) for k, v in named(f"{name}.{f}", x, s).items()}
        case Family(index=(Grid(points=keys),), item=item):
            return {k: v for i, x in zip(keys, value, strict=True) for k, v in named(f"{name}[{i}]", x, item).items()}
    return {name: value}


@pytest.mark.parametrize("fun", list(MODEL.program.funs))
@settings(max_examples=25)
@given(data=st.data())
def test_a_closed_form_has_the_value_of_the_fun_at_every_point(fun, data):
    decl = MODEL.program.funs[fun]
    env = {p.name: data.draw(points_in(p.space), label=p.name) for p in decl.inputs}
    symbols = {k: v for p in decl.inputs for k, v in named(p.name, env[p.name], p.space).items()}
    found = _label(FORMULAS[fun].at(**symbols))
    assert found == evaluate(decl.body, env, MODEL.program.funs, {})


def _label(value):
    if isinstance(value, tuple):
        return tuple(map(_label, value))
    return value.name if isinstance(value, sympy.Symbol) else value


FORMULAS = {name: formula(MODEL.program, name) for name in MODEL.program.funs}


SMOOTH = ["line", "square", "kinked", "cased", "ratio", "folded"]
SLOPES = {fun: MODEL.formula(fun, wrt="w[2]" if fun == "folded" else "x") for fun in SMOOTH}


@pytest.mark.parametrize("fun", SMOOTH)
@settings(max_examples=15)
@given(data=st.data())
def test_a_derivative_is_the_limit_of_exact_difference_quotients(fun, data):
    decl = MODEL.program.funs[fun]
    wrt = "w[2]" if fun == "folded" else "x"
    env = {p.name: data.draw(points_in(p.space), label=p.name) for p in decl.inputs}
    step = Fraction(1, 10**6)

    def moved(by):
        shifted = {n: (v[0], v[1] + by, v[2]) if n == "w" else v + by if n == wrt else v for n, v in env.items()}
        return evaluate(decl.body, shifted, MODEL.program.funs, {})

    right, left = (moved(step) - moved(0)) / step, (moved(0) - moved(-step)) / step
    assume(abs(right - left) < Fraction(1, 1000))  # a kink has no derivative
    symbols = {k: v for p in decl.inputs for k, v in named(p.name, env[p.name], p.space).items()}
    found = SLOPES[fun].at(**symbols)
    assert abs(found - (right + left) / 2) < Fraction(1, 1000)


def test_derivatives_by_hand():
    m = og.loads("fun f(x: real, y: real) -> real = x ^ 3 * y + exp(2 * x) - log(1 + y ^ 2)")
    x, y = (s for s in sorted(m.formula("f").expr.free_symbols, key=str))
    assert sympy.simplify(m.formula("f", wrt="x").expr - (3 * x**2 * y + 2 * sympy.exp(2 * x))) == 0
    assert sympy.simplify(m.formula("f", wrt="x", order=2).expr - (6 * x * y + 4 * sympy.exp(2 * x))) == 0
    assert sympy.simplify(m.formula("f", wrt="y").expr - (x**3 - 2 * y / (1 + y**2))) == 0


def test_an_irrational_number_stays_what_it_is():
    m = og.loads("query r = sqrt(2) * exp(1) by sympy   query s = sqrt(9 / 4) by sympy")
    assert m.query("r").value.expr == sympy.sqrt(2) * sympy.E
    assert m.query("s").value == Fraction(3, 2)


# --------------------------------------------------------------- shipped specs


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_shipped_fun_has_a_closed_form_or_a_reason_for_none(path):
    program = og.load(path).program
    for name in program.funs:
        try:
            found = formula(program, name)
        except Refusal as refused:
            assert all(d.code in ("not-yet", "over-budget") and d.help for d in refused.diagnostics), (name, refused)
        else:
            assert said(found.value) and found.latex()


def asks(term):
    if isinstance(term, Ask):
        yield term
    for part in children(term):
        yield from asks(part)


@pytest.mark.parametrize("path", [p for p in SPECS if "textbook" in p.parts or p.stem[:2] in ("01", "02", "03")],
                         ids=lambda p: p.stem)  # fmt: skip
def test_with_nothing_free_the_answer_is_that_of_the_exact_reading(path):
    model = og.load(path)
    desk = Desk(model.program)
    for question in model.program.questions:
        for ask in asks(question.term):
            if ask.op in ("E", "P", "variance", "distribution") and question.of and "fading" not in question.name:
                diagram = desk.diagram(question.of, question.under)
                found = answer(Scene(model.program), diagram, ask)
                expected = exact_answer(model.program, diagram, ask, desk.params)
                assert (dict(found) if isinstance(found, tuple) else found) == (
                    dict(expected) if isinstance(expected, tuple) else expected
                ), question.name


# -------------------------------------------------------- answers with free params

SIGNALS = """
type Sky = Sunny | Rainy
param p: prob
param hit: prob
param cost: real
param late: [0, 3]
channel weather() -> (sky: Sky, told: bool, again: Sky[1..3]) {
    sky  ~ {Sunny: p, Rainy: 1 - p}
    told ~ bernoulli(if sky == Rainy then hit else 1 - hit)
    for i in 1..3 carrying today = sky {
        again ~ {Sunny: if today == Sunny then 0.9 else p, Rainy: if today == Sunny then 0.1 else 1 - p}
        next today = again
    }
    worth = if told then -cost * late else if sky == Rainy then -10 else 2 * cost
    sunny = sum(ind(again[i] == Sunny) for i in 1..3)
    bill  = (if worth > 0 then worth else 0) + sunny
}
query mean   = E(worth) of weather by sympy
query spread = variance(sunny) of weather by sympy
query post   = P(sky == Rainy | told) of weather by sympy
query days   = E(sunny * sunny) of weather by sympy
query law    = distribution(again[3]) of weather by sympy
query cased  = E(bill) of weather by sympy
query both   = E(worth | told, sky == Rainy) + P(told) of weather by sympy
"""


@settings(max_examples=12)
@given(
    p=st.fractions(min_value=Fraction(1, 7), max_value=Fraction(6, 7), max_denominator=7),
    hit=st.fractions(min_value=Fraction(1, 7), max_value=Fraction(6, 7), max_denominator=7),
    cost=st.fractions(min_value=-3, max_value=3, max_denominator=4),
    late=st.fractions(min_value=0, max_value=3, max_denominator=4),
)
def test_an_answer_with_free_params_has_the_exact_value_at_every_point(p, hit, cost, late):
    values = {"p": p, "hit": hit, "cost": cost, "late": late}
    fixed = og.loads(SIGNALS.replace(" by sympy", ""), p=p, hit=hit, cost=cost, late=late)
    for name, found in FREE.items():
        expected = fixed.query(name).value
        if name == "law":
            assert {v: c.at(**values) for v, c in found} == dict(expected)
        else:
            assert found.at(**values) == expected, name


FREE = {q.name: og.loads(SIGNALS).query(q.name).value for q in og.loads(SIGNALS).questions("query")}


def test_where_an_answer_depends_on_a_condition_the_condition_is_stated():
    assert FREE["cased"].expr.has(sympy.Piecewise)
    assert not FREE["mean"].expr.has(sympy.Piecewise)


def test_the_posterior_is_the_one_of_the_textbook():
    p, hit = sympy.symbols("p hit", nonnegative=True)
    names = {s.name: s for s in FREE["post"].expr.free_symbols}
    bayes = (1 - p) * hit / ((1 - p) * hit + p * (1 - hit))
    assert sympy.cancel(FREE["post"].expr - bayes.subs({p: names["p"], hit: names["hit"]})) == 0


def test_the_chance_of_an_odd_number_of_switches():
    model = og.load(ROOT / "specs" / "examples" / "04_reservation.game")
    found = model.formula("switches", given={"k": 3})
    a, b, c = sorted(found.expr.free_symbols, key=str)
    assert sympy.expand(found.expr - (1 - (1 - 2 * a) * (1 - 2 * b) * (1 - 2 * c)) / 2) == 0


def test_a_param_with_a_value_can_be_left_free():
    model = og.load(ROOT / "specs" / "textbook" / "gamblers_ruin.game")
    luck = model.formula("limit", free="luck")
    assert luck.params == ("luck",)
    assert luck.at(luck=Fraction(2, 5)) == model.query("limit").value


# ------------------------------------------------------------------- verdicts

CLAIMS = """
type Three = 1..3
channel flip[y: prob](home: bool) -> (later: bool) {
    switched ~ bernoulli(y)
    later    = home != switched
}
param d: prob
channel start() -> (later: bool) { later ~ flip[d](true) }
verify composes: forall y in prob, z in prob: flip[y] >> flip[z] == flip[y + z - 2 * y * z] by sympy
verify wrong:    forall y in prob, z in prob: flip[y] >> flip[z] == flip[y + z - y * z]     by sympy
verify binomial: forall a in real, b in real: (a + b) ^ 2 == a ^ 2 + 2 * a * b + b ^ 2       by sympy
verify above:    forall a in real: a ^ 2 - a + 1 > 0                                       by sympy
verify touches:  forall a in real: a ^ 2 - 2 * a + 1 >= 0                                  by sympy
verify crosses:  forall a in real: a ^ 2 - a >= 0                                          by sympy
verify corners:  forall x in prob, y in prob, k in Three: x + y - x * y in [0, k]           by sympy
verify leaves:   P(later) == 1 - d of start                                                by sympy
verify root:     exists a in [0, 4]: a * a == 4                                            by sympy
verify hard:     forall a in [0, 1], b in [0, 1]: a ^ 4 + b ^ 4 - a ^ 2 * b >= -1           by sympy
"""


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("composes", "proved"), ("wrong", "refuted"), ("binomial", "proved"), ("above", "proved"), ("touches", "proved"),
     ("crosses", "refuted"), ("corners", "proved"), ("leaves", "proved"), ("root", "proved"), ("hard", "unknown")],
)  # fmt: skip
def test_a_claim_is_proved_only_where_sympy_is_certain(name, verdict):
    (claim,) = og.loads(CLAIMS).verify(name)
    assert claim.verdict == verdict, claim
    assert claim.method == "sympy"


def test_a_refutation_names_a_point_that_fails():
    (claim,) = og.loads(CLAIMS).verify("crosses")
    a = Fraction(claim.counterexample.split("= ")[1])
    assert a**2 - a < 0


# ------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("channel c() -> (x: real) { x ~ normal(0, 1) }  query q = E(x) of c by sympy", "needs-sampling", "infinitely many"),
        ("channel c() -> (x: bool) { x ~ bernoulli(1/2) } query q = E(ind(x) | x and not x) of c by sympy",
         "impossible-evidence", "chance 0"),
        ("fun f(x: real, w: real[1..3]) -> real = w[floor(x)]  query q = f(1/2, [i for i in 1..3]) by sympy",
         "outside-type", "index"),
        ("query q = 1 / (1 - 1) by sympy", "division-by-zero", "divides"),
    ],
)  # fmt: skip
def test_what_has_no_closed_form_is_refused_with_the_reason(text, code, said):
    with pytest.raises(Refusal) as refused:
        og.loads(text).query("q")
    assert refused.value.diagnostics[0].code == code
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda m: m.formula("g"), "unknown-formula"),
        (lambda m: m.formula("f", wrt="z"), "unknown-name"),
        (lambda m: m.formula("f", wrt="b"), "not-yet"),
        (lambda m: m.formula("f", free="q"), "unknown-param"),
        (lambda m: m.formula("f", free="n"), "not-yet"),
        (lambda m: m.formula("f", given={"y": 1}), "unknown-name"),
        (lambda m: m.formula("index", given={"b": True}), "not-yet"),
        (lambda m: m.formula("f", wrt="x", order=0), "bad-argument"),
    ],
)
def test_a_wrong_request_is_refused(ask, code):
    m = og.loads(
        "param n: nat = 3  fun f(x: real, b: bool) -> real = if b then x ^ n else 1  "
        "fun index(x: real, b: bool) -> real = sum(i for i in 1..n if [j for j in 1..n][clamp(floor(x), 1, n)] == i)"
    )
    with pytest.raises(Refusal) as refused:
        ask(m)
    assert refused.value.diagnostics[0].code == code, refused.value


# ---------------------------------------------------------------------- cases


def test_cases_are_told_apart_only_where_they_differ():
    x = sympy.Symbol("x")

    def compute(known):
        if x not in known:
            raise Split(x, (1, 2, 3))
        return "small" if known.get(x, 0) < 3 else "large"

    tree = explore(compute)
    assert isinstance(tree, Fork)
    assert [(answers, leaf.value) for answers, leaf in tree.arms if isinstance(leaf, Leaf)] == [((1, 2), "small"), ((3,), "large")]
    assert [v for _, v in leaves(explore(lambda known: 7))] == [7]


def test_a_system_keeps_what_does_not_follow():
    a, b, c = sympy.symbols("a b c", real=True)
    found = system([a - b, b - c, a - c, sympy.Integer(-1), 2 * a - 2 * b], [])
    assert set(found.conditions) == {sympy.Le(a, b), sympy.Le(b, c)}
    assert system([a**2 + 1], []).never


def test_a_quantifier_with_a_question_inside_is_written_out():
    model = og.load(ROOT / "specs" / "textbook" / "weather.game")
    text = model.text.replace("of from_rain\nverify not_yet", "of from_rain by sympy\nverify not_yet")
    assert og.loads(text).verify("fading")[0].verdict == "proved"
    assert UNFOLDED > 7


def test_a_condition_inside_a_choice_is_kept():
    env = {"x": sympy.Symbol("x", real=True)}
    term = If(Prim("<", (Var("x"), Const(Fraction(1)))), Prim("ind", (Prim("<", (Var("x"), Const(Fraction(1)))),)), Var("x"))
    scene = Scene(MODEL.program)
    from opengames.symbolic.cases import Known

    found = scene.translator(Known()).value(term, env)
    assert found == sympy.Piecewise((1, env["x"] < 1), (env["x"], True))


def test_an_input_and_a_param_of_one_name_are_two_symbols():
    text = "param a: real  fun outer() -> real = 3 * a  fun f(a: real) -> real = a * outer()"
    found = og.loads(text).formula("f")
    assert len(found.expr.free_symbols) == 2 and found.params == ("a",)
    assert found.at(a=2, **{"a'": 5}) == og.loads(text + " query q = f(2)", a=5).query("q").value == 30


def test_a_variable_and_a_param_of_one_name_are_two_symbols():
    text = "param a: real  fun outer() -> real = a  "
    claims = "verify same: forall a in real: a == outer() by sympy  verify twice: forall x in real: forall x in real: x == x by sympy"
    same, twice = og.loads(text + claims).verify()
    assert same.verdict == "refuted" and twice.verdict == "proved"


def test_a_pole_inside_the_range_proves_nothing():
    (claim,) = og.loads("verify below: forall x in [0, 4]: 1 / (x - 3) < 10 by sympy").verify()
    assert claim.verdict != "proved"


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [("forall x in real: x / x == 1", "unknown"), ("forall x in [1, 2]: x / x == 1", "proved"),
     ("forall x in real: (if x == 0 then 1 else x / x) == 1", "proved"), ("forall x in real: x * 0 / (x ^ 2 + 1) == 0", "proved"),
     ("forall x in real: sqrt(x) ^ 2 == x", "unknown"), ("forall x in [0, 9]: sqrt(x) ^ 2 == x", "proved"),
     ("forall x in real: log(exp(x)) == x", "proved"), ("forall x in [0, 1]: exp(log(x)) == x", "unknown")],
)  # fmt: skip
def test_what_has_no_value_somewhere_is_not_proved_everywhere(claim, verdict):
    assert og.loads(f"verify c: {claim} by sympy").verify()[0].verdict == verdict
