"""The reservation exchange: this package against NumPy, agentpy and a hand-written JAX scan of the same model.

Rules and defaults: the prototype note "2-State-2-Price Rex with Anticipated Switch Probability" (E. J. Xu, 2020), with
K = 4 leads, loss 24, smoothing "same_target", starting from empty books at unit 0. Every contestant computes the mean
utility per prosumer (cash less losses) in float64.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from fractions import Fraction as F
from pathlib import Path
from typing import Any

from reservation_peers import Fresh, agentpy_mean, jax_mean, numpy_mean

from opengames.diagram import Call, Carry, Compute, Diagram, Draw, Loop, Port
from opengames.program import ParamDecl, Program
from opengames.sampled import simulate
from opengames.spaces import BOOL, PROB, REAL, Family, Grid
from opengames.terms import At, Const, Fold, If, Param, Prim, Select, Tabulate, Term, Uniform, Var, Weighted

PRICE = Grid((F(5), F(10)))


def number(x: object) -> Const:
    return Const(F(x))  # type: ignore[arg-type]


def ap(op: str, *args: Term) -> Prim:
    return Prim(op, args)


def bernoulli(p: Term) -> Weighted:
    return Weighted(((Const(True), p), (Const(False), ap("-", number(1), p))))


def ints(n: int) -> Grid:
    return Grid(tuple(F(i) for i in range(1, n + 1)))


def exchange(n: int, t: int, k: int = 4) -> tuple[Program, Diagram]:
    """The model with `n` prosumers over `t` units: what a text would elaborate to, threshold rule plugged in."""
    unit, lead, people = ints(t), ints(k), ints(n)
    params = {
        name: ParamDecl(name, space, F(value))
        for name, space, value in (
            ("loss", REAL, "24"), ("calm", PROB, "0.1"), ("pull", PROB, "0.01"), ("fresh_high", PROB, "0.1"),
        )
    }  # fmt: skip
    diagram = Diagram(
        "Exchange",
        outputs=(Port("mean", REAL),),
        boxes=(
            *_prices(unit, lead, k),
            Loop(
                "earned",
                (("u", people),),
                Diagram(
                    "person",
                    inputs=(Port("u", people), Port("price", Family((unit, lead), PRICE))),
                    outputs=(Port("earned", REAL),),
                    boxes=(Call("earned", household(unit, lead, k), ("price",), ("earned",)),),
                ),
                ("price",),
                outs=(("earned", "earned"),),
            ),
            Compute(
                Port("mean", REAL),
                ap("/", Fold("sum", (("v", people),), At(Var("earned"), (Var("v"),), (people,))), number(n)),
            ),
        ),
    )
    return Program("exchange", params=params), diagram


def _prices(unit: Grid, lead: Grid, k: int) -> tuple[Draw | Compute | Loop, ...]:
    before = At(Var("curve"), (ap("min", ap("+", Var("k"), number(1)), number(k)),), (lead,))
    hop = Select(
        (before,),
        (PRICE,),
        (
            Weighted(((number(5), number("0.9")), (number(10), number("0.1")))),
            Weighted(((number(5), number("0.1")), (number(10), number("0.9")))),
        ),
    )
    quotes = Family((lead,), PRICE)
    inner = Loop(
        "price",
        (("k", lead),),
        Diagram(
            "lead",
            (Port("k", lead), Port("curve", quotes)),
            (Port("price", PRICE),),
            (Draw(Port("price", PRICE), hop),),
        ),
        ("curve",),
        outs=(("price", "price"),),
    )
    body = Diagram(
        "unit",
        (Port("i", unit), Port("curve", quotes)),
        (Port("price", quotes),),
        (inner,),
    )
    return (
        Draw(Port("opening", PRICE), Uniform(PRICE)),
        Compute(Port("curve0", quotes), Tabulate((("k0", lead),), Var("opening"))),
        Loop(
            "price",
            (("i", unit),),
            body,
            (),
            (Carry("curve", quotes, "curve0", "price"),),
            outs=(("price", "price"),),
        ),
    )


def household(unit: Grid, lead: Grid, k: int) -> Diagram:
    """One prosumer: state, beliefs and reservations carried from unit to unit; earns cash less losses."""
    beliefs, holdings = Family((lead,), PROB), Family((lead,), BOOL)

    def lead_at(wire: str, at: Term) -> At:
        return At(Var(wire), (at,), (lead,))

    one = number(1)
    ahead = ap("min", ap("+", Var("k"), one), number(k))
    view = Loop(
        "view",
        (("k", lead),),
        Diagram(
            "view",
            (
                Port("k", lead), Port("further", PROB), Port("fresh", PROB), Port("asp", beliefs), Port("switched", BOOL),
            ),
            (Port("view", PROB),),
            (
                Compute(
                    Port("view", PROB),
                    If(
                        ap("==", Var("k"), number(k)),
                        Var("fresh"),
                        If(
                            Var("switched"),
                            Param("calm"),
                            ap("/", ap("+", Var("further"), lead_at("asp", ahead)), number(2)),
                        ),
                    ),
                ),
            ),
        ),
        ("fresh", "asp", "switched"),
        (Carry("further", PROB, "fresh", "view"),),
        (("view", "view"),),
        reversed=True,
    )  # fmt: skip
    odd = Fold(
        "product",
        (("s", lead),),
        ap("-", one, ap("*", number(2), lead_at("view", Var("s")))),
        ap("<=", Var("s"), Var("k")),
    )
    switches = ap("/", ap("-", one, odd), number(2))
    price = At(Var("price"), (Var("i"), Var("k")), (unit, lead))
    trade = Loop(
        "reserve",
        (("k", lead),),
        Diagram(
            "trade",
            (
                Port("k", lead), Port("i", unit), Port("price", Family((unit, lead), PRICE)), Port("present", BOOL),
                Port("view", beliefs), Port("held", holdings),
            ),
            (Port("reserve", BOOL), Port("spent", REAL)),
            (
                Compute(Port("offer", PRICE), price),
                Compute(Port("owned", BOOL), ap("and", ap("<", Var("k"), number(k)), lead_at("held", ahead))),
                Compute(
                    Port("chance", REAL), If(Var("present"), ap("-", one, switches), switches)
                ),
                Compute(
                    Port("reserve", BOOL), ap("<", Var("offer"), ap("*", Param("loss"), Var("chance")))
                ),
                Compute(
                    Port("spent", REAL),
                    ap("*", Var("offer"), ap("-", ap("ind", Var("reserve")), ap("ind", Var("owned")))),
                ),
            ),
        ),
        ("i", "price", "present", "view", "held"),
        outs=(("reserve", "reserve"), ("spent", "spent")),
    )  # fmt: skip
    drift = If(Var("home"), ap("neg", Param("pull")), Param("pull"))
    body = Diagram(
        "unit",
        (
            Port("i", unit), Port("home", BOOL), Port("asp", beliefs), Port("held", holdings),
            Port("price", Family((unit, lead), PRICE)),
        ),
        (Port("present", BOOL), Port("view", beliefs), Port("reserve", holdings), Port("bill", REAL)),
        (
            Draw(
                Port("switched", BOOL),
                bernoulli(ap("clamp", ap("+", lead_at("asp", one), drift), number(0), one)),
            ),
            Compute(Port("present", BOOL), ap("!=", Var("home"), Var("switched"))),
            Draw(
                Port("fresh", PROB),
                Weighted(
                    (
                        (number("0.9"), Param("fresh_high")),
                        (number("0.1"), ap("-", one, Param("fresh_high"))),
                    )
                ),
            ),
            view,
            trade,
            Compute(
                Port("hurt", REAL),
                ap(
                    "*",
                    Param("loss"),
                    ap("ind", ap("and", Var("present"), ap("not", lead_at("held", one)))),
                ),
            ),
            Compute(
                Port("bill", REAL),
                ap("+", Fold("sum", (("k", lead),), lead_at("spent", Var("k"))), Var("hurt")),
            ),
        ),
    )  # fmt: skip
    return Diagram(
        "Household",
        (Port("price", Family((unit, lead), PRICE)),),
        (Port("earned", REAL),),
        (
            Draw(Port("start", BOOL), bernoulli(number("0.5"))),
            Compute(Port("asp0", beliefs), Tabulate((("k0", lead),), Param("calm"))),
            Compute(Port("held0", holdings), Tabulate((("k0", lead),), Const(False))),
            Loop(
                "bill",
                (("i", unit),),
                body,
                ("price",),
                (
                    Carry("home", BOOL, "start", "present"),
                    Carry("asp", beliefs, "asp0", "view"),
                    Carry("held", holdings, "held0", "reserve"),
                ),
                (("bill", "bill"),),
            ),
            Compute(
                Port("earned", REAL),
                ap("neg", Fold("sum", (("i", unit),), At(Var("bill"), (Var("i"),), (unit,)))),
            ),
        ),
    )


# ------------------------------------------------------------------ measuring


def main(argv: list[str] | None = None) -> int:
    """Measure, print JSON, and return 1 if a target is missed."""
    options = _options().parse_args(argv)
    found = measure(options.n, options.t, options.repeats, options.inner)
    if options.large:
        found["large"] = large(options.large, options.t)
    text = json.dumps(found, indent=2)
    print(text)
    if options.out:
        Path(options.out).write_text(text + "\n")
    return 0 if all(found["met"].values()) else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reservation", description=__doc__)
    parser.add_argument("--n", type=int, default=1000, help="prosumers")
    parser.add_argument("--t", type=int, default=100, help="units")
    parser.add_argument("--repeats", type=int, default=15, help="rounds in which every contestant takes its turn")
    parser.add_argument("--inner", type=int, default=10, help="runs per turn")
    parser.add_argument("--large", type=int, default=100_000, help="prosumers of one more run of ours; 0 for none")
    parser.add_argument("--out", help="also write the JSON here")
    return parser


def measure(n: int, t: int, repeats: int, inner: int, k: int = 4) -> dict[str, Any]:
    """CPU nanoseconds per agent-step of each contestant, in turns, and the targets in terms of their medians' ratios."""
    program, diagram = exchange(n, t, k)
    by_hand = jax_mean(n, t, k)
    contestants: dict[str, tuple[Callable[[int], float], int]] = {
        "opengames": (lambda seed: float(simulate(program, diagram, seed=seed)["mean"][0]), n * t),
        "jax": (by_hand, n * t),
        "numpy": (lambda seed: numpy_mean(n, t, k, Fresh(seed, n, k)), n * t),
    }
    short = max(1, min(t, 5))
    if importlib.util.find_spec("agentpy"):
        contestants["agentpy"] = (lambda seed: agentpy_mean(n, short, k, seed), n * short)
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for run, _ in contestants.values():
        run(0)  # compile
    for turn in range(repeats):
        for name, (run, steps) in contestants.items():
            many = 1 if name == "agentpy" else inner
            began = time.process_time()
            for i in range(many):
                run(turn * inner + i + 1)
            times[name].append((time.process_time() - began) / many / steps * 1e9)
    return _judged(n, t, k, times)


def _judged(n: int, t: int, k: int, times: dict[str, list[float]]) -> dict[str, Any]:
    ours = times["opengames"]
    ratios = {
        name: statistics.median(theirs / mine for theirs, mine in zip(each, ours, strict=True))
        for name, each in times.items()
        if name != "opengames"
    }
    wanted = {"numpy": 4.0, "agentpy": 100.0, "jax": 1 / 1.25}
    return {
        "model": {"prosumers": n, "units": t, "leads": k},
        "cpu_ns_per_agent_step": {name: round(statistics.median(each), 2) for name, each in times.items()},
        "times_faster_than": {name: round(r, 3) for name, r in ratios.items()},
        "wanted": wanted,
        "met": {name: r >= wanted[name] for name, r in ratios.items()},
    }


def large(n: int, t: int) -> dict[str, float]:
    """One run of a large population."""
    program, diagram = exchange(n, t)
    began = time.perf_counter()
    simulate(program, diagram)
    first = time.perf_counter() - began
    began = time.process_time()
    mean = float(simulate(program, diagram, seed=1)["mean"][0])
    spent = time.process_time() - began
    return {
        "prosumers": n,
        "first_run_seconds": round(first, 2),
        "cpu_ns_per_agent_step": round(spent / (n * t) * 1e9, 2),
        "mean_per_unit": round(mean / t, 4),
    }


if __name__ == "__main__":
    sys.exit(main())
