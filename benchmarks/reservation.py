"""The reservation exchange: this package against NumPy, agentpy and a hand-written JAX scan of the same model.

Rules and defaults: the prototype note "2-State-2-Price Rex with Anticipated Switch Probability" (E. J. Xu, 2020), with
K = 4 leads, loss 24, smoothing "same_target", starting from empty books at unit 0. Every contestant computes the mean
utility per prosumer (cash less losses) in float64.
"""

from __future__ import annotations

import importlib.util
import itertools
import time
from collections.abc import Callable
from fractions import Fraction as F
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Figure, Outcome, in_turns, times_faster
from benchmarks.reservation_peers import Fresh, agentpy_mean, jax_mean, numpy_mean
from opengames.diagram import Call, Carry, Compute, Diagram, Draw, Loop, Port
from opengames.program import ParamDecl, Program
from opengames.sampled import simulate
from opengames.sampled.simulation import BUDGET
from opengames.spaces import BOOL, PROB, REAL, Family, Grid
from opengames.terms import At, Const, Fold, If, Param, Prim, Select, Tabulate, Term, Uniform, Var, Weighted

TITLE = "The reservation exchange"
SPEC = Path(__file__).resolve().parents[1] / "specs" / "reservation.game"
PRICE = Grid((F(5), F(10)))


def number(x: int | str) -> Const:
    return Const(F(x))


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


WANTED = {"numpy": 4.0, "jax": 1 / 1.25, "agentpy": 100.0}
WORDS = {"numpy": "NumPy, vectorised", "jax": "a JAX scan written by hand", "agentpy": "agentpy"}


def measure(n: int = 1000, t: int = 100, repeats: int = 15, inner: int = 10, big: int = 100_000, k: int = 4) -> Outcome:
    """Processor time for an agent-step (one prosumer in one unit) of each contestant, in turns.

    `text` is specs/reservation.game, which the targets are about; `diagram` the same model built in Python, without the
    earnings that only questions about equilibria need. inner: runs to a turn (agentpy: one, of few units).
    """
    ours = from_text(n, t, k)
    program, diagram = exchange(n, t, k)
    by_hand = jax_mean(n, t, k)
    short = max(1, min(t, 5))
    turns = itertools.count(1)
    contestants: dict[str, Callable[[], float]] = {
        "text": lambda: ours(next(turns)),
        "diagram": lambda: float(simulate(program, diagram, seed=next(turns))["mean"][0]),
        "jax": lambda: by_hand(next(turns)),
        "numpy": lambda: numpy_mean(n, t, k, Fresh(next(turns), n, k)),
    }
    steps, many = dict.fromkeys(contestants, n * t), dict.fromkeys(contestants, inner)
    if importlib.util.find_spec("agentpy"):
        contestants["agentpy"] = lambda: agentpy_mean(n, short, k, next(turns))
        steps["agentpy"], many["agentpy"] = n * short, 1
    for call in contestants.values():
        call()  # compile
    times = {name: [s / steps[name] * 1e9 for s in each] for name, each in in_turns(contestants, repeats, many).items()}
    figures = [
        Figure(
            f"{n:,} prosumers, faster than {WORDS[name]}", times_faster(times["text"], times[name]), wanted=wanted,
            ours=median(times["text"]), theirs=median(times[name]), each="ns of CPU for an agent-step",
        )
        for name, wanted in WANTED.items()
        if name in times
    ]  # fmt: skip
    figures.append(Figure("the diagram built in Python against the text", times_faster(times["diagram"], times["text"])))
    details: dict[str, Any] = {
        "cpu_ns_per_agent_step": {name: round(median(each), 2) for name, each in times.items()},
        "ratios_by_turn": {
            name: [round(b / a, 2) for a, b in zip(times["text"], times[name], strict=True)] for name in WANTED if name in times
        },
    }
    if big:
        details["large"] = large(big, t, k)
        figures.append(Figure(f"{big:,} prosumers", details["large"]["cpu_ns_per_agent_step"], "ns of CPU for an agent-step"))
    settings = {"prosumers": n, "units": t, "leads": k, "repeats": repeats, "inner": inner}
    return Outcome("reservation", TITLE, tuple(figures), settings, details)


def from_text(n: int, t: int, k: int = 4, budget: int = BUDGET) -> Callable[[int], float]:
    """The mean utility of a run of specs/reservation.game, by seed; the spec's own threshold rule. budget: bytes."""
    from opengames.plug import plug
    from opengames.session import load

    model = load(SPEC, N=n, T=t, K=k)
    diagram = plug(model.program.diagrams["Exchange"], model.program.strategies["threshold"])
    return lambda seed: float(simulate(model.program, diagram, seed=seed, keep=["mean"], budget=budget)["mean"][0])


def large(n: int, t: int, k: int = 4) -> dict[str, Any]:
    """One run of a large population after one to compile, within a budget of 16 GiB by the reading's own estimate."""
    import resource

    run = from_text(n, t, k, budget=16 << 30)
    run(0)
    began = time.process_time()
    mean = run(1)
    return {
        "cpu_ns_per_agent_step": (time.process_time() - began) / (n * t) * 1e9,
        "mean_for_a_unit": round(mean / t, 4),
        "peak_memory_of_the_process_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


__all__ = ["exchange", "from_text", "large", "measure"]
