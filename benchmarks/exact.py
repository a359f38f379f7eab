"""One query on the alarm network, and a thousand: the exact reading against pyAgrum's lazy propagation.

The network (Beinlich et al. 1989, 37 variables) comes as BIF with pgmpy, is written as `.game` text, and that text is
checked and compiled. pyAgrum gets the same chances, has built its tree and answered once before it is measured, is told
the only target, and changes the values of its evidence in place: its quickest way. Evidence is taken from worlds drawn
from the network. Both sides start from labels and end with chances.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import bif
from benchmarks.measure import Figure, Outcome, in_turns, times_faster

TITLE = "Exact answers on the alarm network"

#: (target, evidence): diagnosis from what monitors show, prediction from causes, and both mixed.
QUESTIONS = (
    ("LVFAILURE", ("HRBP", "BP", "CVP", "SAO2")),
    ("HYPOVOLEMIA", ("HRBP", "HREKG", "HRSAT", "BP", "CVP", "PCWP", "EXPCO2", "MINVOL", "PRESS")),
    ("BP", ("ANAPHYLAXIS", "KINKEDTUBE", "HYPOVOLEMIA")),
    ("INTUBATION", ("PRESS", "MINVOL", "EXPCO2", "SAO2", "HR")),
    ("CATECHOL", ("BP", "HISTORY", "VENTTUBE")),
)

Evidence = Mapping[str, str]


def measure(repeats: int = 9, single: int = 100, batch: int = 1000) -> Outcome:
    """single: answers to a turn, one at a time; batch: sets of evidence at once."""
    from opengames.exact import compile_query
    from opengames.session import loads

    network = bif.read(bif.shipped("alarm"))
    model = loads(bif.to_game(network, "alarm"), "alarm.game")
    rng = random.Random(7)
    peer = agrum_net(network)
    rows, worst = [], 0.0
    for target, observed in QUESTIONS:
        worlds = [bif.sample(network, rng) for _ in range(max(batch, single))]
        theirs: list[Evidence] = [{n: w[n] for n in observed} for w in worlds]
        ours: list[Evidence] = [{n.lower(): v for n, v in e.items()} for e in theirs]
        began = time.process_time()
        diagram = model.program.diagrams["alarm"]
        query = compile_query(model.program, diagram, target.lower(), [n.lower() for n in observed])
        compiling = time.process_time() - began
        ask = agrum_question(peer, target, observed)
        answers = query.batch(ours[:batch]).tolist()
        error = max(
            abs(a - b) for mine, e in zip(answers, theirs[:batch], strict=True) for a, b in zip(mine, ask(e), strict=True)
        )
        worst = max(worst, error)
        one = in_turns({"ours": _each(query.one, ours[:single]), "theirs": _each(ask, theirs[:single])}, repeats)
        many = in_turns({"ours": lambda q=query, e=ours[:batch]: q.batch(e), "theirs": _each(ask, theirs[:batch])}, 3, {"ours": 5, "theirs": 1})  # type: ignore[misc]
        rows.append(_row(target, observed, compiling, error, one, many, single, batch))
    figures = (
        Figure(
            "slowest of the questions, one answer, against pyAgrum", min(r["one_times_faster"] for r in rows), wanted=1.0,
            ours=max(r["one_us"] for r in rows), theirs=max(r["pyagrum_one_us"] for r in rows), each="µs for an answer",
        ),
        Figure(
            f"slowest of the questions, {batch:,} sets of evidence, against pyAgrum's loop",
            min(r["batch_times_faster"] for r in rows), wanted=10.0, ours=max(r["batch_us"] for r in rows),
            theirs=max(r["pyagrum_batch_us"] for r in rows), each="µs for an answer",
        ),
        Figure("largest difference from pyAgrum's chances", worst, "", 1e-9, "at most"),
        Figure("compiling a question, longest", max(r["compile_ms"] for r in rows), "ms"),
    )  # fmt: skip
    return Outcome("exact", TITLE, figures, {"repeats": repeats, "single": single, "batch": batch}, {"questions": rows})


def _each(ask: Callable[[Any], object], evidence: Sequence[Evidence]) -> Callable[[], object]:
    return lambda: [ask(e) for e in evidence]


def _row(
    target: str, observed: Sequence[str], compiling: float, error: float,
    one: Mapping[str, Sequence[float]], many: Mapping[str, Sequence[float]], single: int, batch: int,
) -> dict[str, Any]:  # fmt: skip
    from statistics import median

    return {
        "question": f"P({target} | {', '.join(observed)})",
        "compile_ms": round(compiling * 1e3, 1),
        "one_us": round(median(one["ours"]) / single * 1e6, 2),
        "pyagrum_one_us": round(median(one["theirs"]) / single * 1e6, 2),
        "one_times_faster": round(times_faster(one["ours"], one["theirs"]), 2),
        "batch_us": round(median(many["ours"]) / batch * 1e6, 3),
        "pyagrum_batch_us": round(median(many["theirs"]) / batch * 1e6, 2),
        "batch_times_faster": round(times_faster(many["ours"], many["theirs"]), 1),
        "largest_difference": error,
    }


def agrum_net(network: bif.Network) -> Any:
    """The same network in pyAgrum. Raises `ImportError` without it."""
    import pyagrum

    net = pyagrum.BayesNet("alarm")
    for name, node in network.items():
        net.add(pyagrum.LabelizedVariable(name, name, list(node.values)))
        for parent in node.parents:
            net.addArc(parent, name)
    for name, node in network.items():
        for key, chances in node.rows.items():
            net.cpt(name)[dict(zip(node.parents, key, strict=True))] = [float(c) for c in chances]
    return net


def agrum_question(net: Any, target: str, observed: Sequence[str]) -> Callable[[Evidence], list[float]]:
    """pyAgrum's answer for evidence on `observed`, warm."""
    import pyagrum

    engine = pyagrum.LazyPropagation(net)
    engine.setNumberOfThreads(1)
    engine.setTargets({target})
    for name in observed:
        engine.addEvidence(name, 0)

    def ask(evidence: Evidence) -> list[float]:
        for name, value in evidence.items():
            engine.chgEvidence(name, value)
        engine.makeInference()
        return list(engine.posterior(target).tolist())

    return ask


__all__ = ["measure"]
