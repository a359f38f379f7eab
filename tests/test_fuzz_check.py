"""Whatever a text says, `check` answers: quickly, in bounded space, with known codes at places inside the text."""

import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opengames.dsl.check import check
from opengames.dsl.explain import codes
from opengames.dsl.tokens import scan

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
SPECS = [p.read_text(encoding="utf-8") for p in sorted((ROOT / "specs").rglob("*.game"))]
BROKEN = [
    p.read_bytes().decode("utf-8", "replace") for p in sorted(GOLDEN.glob("*.game")) if p.stat().st_size < 3_000
]
TEXTS = [t for t in SPECS + BROKEN if len(t) < 8_000]

#: Texts that use every construct together, small enough to be mangled many times.
DENSE = """
use std.energy: MW, MWh, h
type Wind = High | Low
type Quote = (bid: {5, 10 $}, offer: 0..20 step 5 $)
param share: real[Wind, bool] = table { | Wind | bool || v | | High | true || 1 | | High | false || 2 |
    | Low | true || 3 | | Low | false || 4 | }
param n: nat = 3
player ann, owner[Wind]
fun f(w: Wind, x: real $) -> real $ = match w { High => x, Low => if x > 1 $ then -x else sum(share[w, b] for b in bool) * 1 $ }
channel sky(last: Wind) -> Wind = table { | last || High | Low | | High || 60% | 40% | | Low || 1/3 | 2/3 | }
channel twice(last: Wind) -> Wind = sky >> sky
game Round[who: player](wind: Wind) -> (q: Quote) expects (gain: real $) reports (high: bool) {
    decide q: Quote by who seeing wind earning gain subject to { order: q.bid <= q.offer }
    high = wind == High
}
game Day(first: Wind) {
    for t in 1..n carrying wind = first {
        q ~ Round[ann](wind) paying f(wind, q.offer)
        if q.bid > 5 $ { sold ~ bernoulli(30%) } else { sold = q.high and true }
        next wind ~ twice(wind)
    }
    for w in Wind { decide on: bool by owner[w] seeing first earning total * ind(on) }
    total = sum(f(wind[t], q[t].bid) for t in 1..n)
}
strategy s of Day { ann.q = (bid: 5 $, offer: 10 $)  owner[w].on ~ if w == High then {true: 0.5, false: 0.5} else bernoulli(1) }
verify v: forall w in Wind, x in [0, 4 $] where x > 1 $: f(w, x) in [0 $, 9 $] implies not (x == 2 $)
query e = E(total | sold[1]) of Day under s by simulate[runs = 100]
"""


def sound(text: str) -> None:
    started = time.process_time()
    checked = check(text, "fuzz.game")
    assert time.process_time() - started < 5
    known = set(codes())
    for d in checked.diagnostics:
        assert d.code in known, d
        places = [w.span for w in d.windows] + ([d.span] if d.span is not None else []) + ([d.edit.span] if d.edit else [])
        for at in places:
            if at.file == "fuzz.game":
                assert 0 <= at.start <= at.end <= len(text), d
                assert at.line == text.count("\n", 0, at.start) + 1, d
        assert d.headline and not d.headline.endswith("."), d
    assert (checked.program is None) == any(d.severity == "error" for d in checked.diagnostics)


POOL = sorted({tok.text for t in [*TEXTS, DENSE] for tok in scan(t, 0, len(t))} | {"[", "]", "{", "}", "10e200", "1/3", "0"})


def mangled(text: str, rng: random.Random, times: int) -> str:
    """The text with a few tokens dropped, doubled, swapped or replaced by others."""
    words = [text[a.start : a.end] for a in scan(text, 0, len(text))]
    own = sorted(set(words))
    for _ in range(times):
        if not words:
            break
        i, j = rng.randrange(len(words)), rng.randrange(len(words))
        match rng.randrange(6):
            case 0:
                del words[i]
            case 1:
                words.insert(i, words[j])
            case 2:
                words[i], words[j] = words[j], words[i]
            case 3:
                words[i] = rng.choice(POOL)
            case _:
                same = [w for w in own if w.isidentifier() == words[i].isidentifier()]
                words[i] = rng.choice(same)
    return " ".join(words)


@settings(max_examples=60)
@given(st.sampled_from(TEXTS), st.integers(0, 10**9), st.integers(1, 4))
def test_a_mangled_text_is_answered(text, seed, times):
    sound(mangled(text, random.Random(seed), times))


@settings(max_examples=150)
@given(st.integers(0, 10**9), st.integers(1, 3))
def test_a_mangled_text_with_every_construct_is_answered(seed, times):
    sound(mangled(DENSE, random.Random(seed), times))


def test_the_text_with_every_construct_is_sound():
    assert [d.headline for d in check(DENSE, "dense.game").diagnostics] == []


def chained(count: int, line: str, first: str) -> str:
    """`count` definitions, each in terms of the one below it."""
    return "".join(line.format(i=i + 1, j=i) for i in reversed(range(count))) + first


LARGE = {
    "chained funs": chained(3000, "fun f{i}(x: real) -> real = f{j}(x) + 1\n", "fun f0(x: real) -> real = x\n"),
    "chained params": chained(3000, "param p{i}: real = p{j} + 1\n", "param p0: real = 3\n"),
    "chained types": chained(3000, "type T{i} = T{j}\n", "type T0 = 1..3\n"),
    "chained channels": chained(1500, "channel c{i}(x: bool) -> (y: bool) {{ y ~ c{j}(x) }}\n", "channel c0(x: bool) -> bool = bernoulli(1/2)\n"),
    "chained wires": "channel c(x0: real) -> (out: real) { out = x2000\n" + chained(2000, "x{i} = x{j} + 1\n", "}"),
    "a circle of wires": "channel c(z: real) -> (x0: real) {\n" + chained(1500, "x{i} = x{j}\n", "x0 = x1500 }"),
    "many arms": "type T = " + " | ".join(f"A{i}" for i in range(5000)) + "\nfun f(t: T) -> real = match t { "
    + ", ".join(f"A{i} => {i}" for i in range(5000)) + " }\n",
    "a long set": "type T = {" + ", ".join(str(i) for i in range(5000)) + "}\nparam x: T = 4\n",
    "a set with repeats": "type T = {" + ", ".join(str(i % 2999) for i in range(3000)) + "}\n",
    "a long range": "type T = 1..1_000_000\nparam q: real[T] = [else: 3]\n",
    "a huge index": "type A = 1..100\ntype B = (a: A, b: A, c: A, d: A)\nparam x: real[B] = [1 for b in B]\n",
    "a huge power": "type B = bool[1..30]\nfun f(b: B) -> real[B] = [1 for x in B]\n",
    "a long sum": "param n: nat = sum(1 for a in 1..100_000, b in 1..100_000)\ntype T = 1..n\n",
    "a tower of powers": "param z: real = 9999999999^9999999999\ntype T = 0..z\n",
    "large numbers": "param z: real = 10^400 * 10^400\nparam w: real = 9e299 * 9e299\n",
    "deep brackets": "param z: real = " + "(" * 99 + "1" + ")" * 99 + "\n",
    "a deep sum": "param z: real = 1" + " + 1" * 90 + "\n",
    "many unknown names": "channel c(x: real) -> (y: real) { y = x\n" + "".join(f"z{i} = q{i}\n" for i in range(800)) + "}\n",
    "a circle of everything": "param n: nat = f(3)\ntype T = 1..n\nfun f(x: real) -> nat = sum(1 for t in T)\n"
    "channel c(t: T) -> (u: T) { u ~ d(t) }\nchannel d(t: T) -> (u: T) { u ~ c(t) }\nunit ab = 2 cd\nunit cd = 2 ab\n",
    "many decisions": "player p\ngame G {\n" + "".join(f"decide d{i}: bool by p earning ind(d{i})\n" for i in range(500))
    + "}\nstrategy s of G {\n" + "".join(f"p.d{i} = true\n" for i in range(500)) + "}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_a_large_or_circular_text_is_answered_quickly(name):
    sound(LARGE[name])


def test_checking_takes_no_great_memory():
    text = "type A = 1..1000\nparam x: real[A, A] = [i + j for i in A, j in A]\ntype T = 1..200_000\nfun f(t: T) -> T = t\n"
    code = (
        "import re, resource, sys; from pathlib import Path; from opengames.dsl.check import check; check(sys.argv[1], 'large')\n"
        "status = Path('/proc/self/status')\n"  # what the system counts for a new process begins with what its parent took
        "found = re.search(r'VmHWM:\\s*(\\d+)', status.read_text()) if status.exists() else None\n"
        "print(found[1] if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    said = subprocess.run([sys.executable, "-c", code, text], capture_output=True, text=True, check=True, timeout=60)
    assert int(said.stdout) < 1_000_000


@pytest.mark.parametrize("name", ["chained funs", "chained params", "chained types", "chained channels", "chained wires", "many arms"])
def test_a_long_chain_of_sound_definitions_is_sound(name):
    assert [d.headline for d in check(LARGE[name], "large.game").diagnostics] == []


TYPES = ["player", "real", "nat", "W", "real MW", "[0, 1]", "1..3", "{1, 2 $}", "(a: real, b: W)", "real[W, bool]", "player[W]", "1..x", "real[real]"]  # fmt: skip
VALUES = ["3", "High", "3 MW", "[High: 1, Low: 2]", "[else: 3]", "{High: 50%, Low: 50%}", "normal(0, 1)", "x", "p", "W", "f(3)", "c(true)", "G", "x.a", "x[1]", "sum(x for i in W)", "uniform(player)", "1/0", "x >> x", "c >> c", "E(x)", "dual(r)"]  # fmt: skip
AROUND = "unit MW\ntype W = High | Low\nplayer p\nfun f(x: real) -> real = x\nchannel c(x: bool) -> bool = bernoulli(50%)\ngame G {{ decide m: bool by p earning ind(m) }}\n"
FORMS = [
    "param q: {t} = {v}",
    "fun g(x: {t}, k: bool) -> {t} = table {{ | x | k || v | | 1 | {v} || {v} | }}",
    "channel d[k: {t}](x: {t}) -> (y: {t}) {{ y ~ {v}\n z: {t} = {v} }} channel e(x: {t}) -> (y: {t}) {{ y ~ d[x](x) }}",
    "game H(x: {t}) -> (y: {t}) expects (z: {t}) reports (u: {t}) {{ decide y: {t} by p seeing x earning {v}\n u = {v} }}"
    " strategy s of H {{ p.y = {v} }}",
    "game H(x: {t}) {{ for i in {t} carrying w = x {{ next w = {v} }} match x {{ High => {{ a = 1 }}, _ => {{ a = {v} }} }} }}",
    "player q[{t}] game H {{ for i in {t} {{ decide y: {t} by q[i] earning {v} subject to {{ r: {v} }} }} }}",
    "verify v: forall x in {t}: {v} query q = {v} of G recognition r(x: {t}) -> (y: {t}) of c by enkf[members = {v}]",
]


@settings(max_examples=300)
@given(st.sampled_from(FORMS), st.sampled_from(TYPES), st.sampled_from(VALUES))
@example(FORMS[0], "real", "uniform(player)")
@example(FORMS[1], "1..3", "x")
@example(FORMS[3], "player[W]", "x")
def test_a_wrong_type_or_value_anywhere_is_answered(form, kind, value):
    sound((AROUND + form).format(t=kind, v=value))


def test_names_are_replaced_by_each_other_without_harm():
    names = sorted(set(re.findall(r"[A-Za-z_]+", DENSE)))
    rng = random.Random(7)
    for _ in range(60):
        a, b = rng.choice(names), rng.choice(names)
        sound(re.sub(rf"\b{a}\b", b, DENSE))
