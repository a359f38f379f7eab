"""Junction trees: all marginals after an edit and in a thousand scenarios, against mbi and pyAgrum; long chains; paths.

Each network runs in a process of its own with a bound on memory and time, where all contestants take turns. Times are
processor time with one thread each. A scenario sets a few variables, the same in all scenarios, to values from a world
drawn from the network.
Compiling is everything from the tables to the first answer, JAX itself being warm.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import bif
from benchmarks.measure import PYTHON, Figure, Outcome, in_turns, times_faster

TITLE = "Junction trees"
NETWORKS = ("asia", "alarm", "insurance", "hailfinder", "win95pts", "hepar2", "pathfinder")
SCENARIOS = 1000
MEMORY = 12 << 30
SECONDS = 420.0


def measure(networks: Sequence[str] = NETWORKS, scenarios: int = SCENARIOS) -> Outcome:
    """Networks against the peers, then chains and trees of events alone."""
    rows = {name: _apart("network", name, str(scenarios)) for name in networks}
    grown = {name: _apart("events", *name.split(), str(scenarios)) for name in ("chain 1000", "tree 1000", "chain 10000")}
    paths = _apart("paths", "1000")
    figures = [f for name, row in rows.items() for f in _network_figures(name, row)]
    figures += [f for name, row in grown.items() for f in _events_figures(name, row)]
    if "skipped" in paths:
        raise RuntimeError(f"the paths could not be measured: {paths['skipped']}")
    figures.append(Figure(
        "a trade and a price 1 clique apart, against 512 apart, chain of 1,000", paths["ratio"], "times faster", 10.0,
        ours=paths["us"]["1"], theirs=paths["us"]["512"], each="µs",
    ))  # fmt: skip
    skipped = [f"{name}: {row['skipped']}" for name, row in rows.items() if "skipped" in row]
    skipped += [f"{name}: {peer}" for name, row in rows.items() for peer in row.get("absent", ())]
    settings: dict[str, Any] = {"scenarios": scenarios, "dtype": "float64", "threads": 1}
    if skipped:
        settings["skipped"] = "; ".join(skipped)
    return Outcome("trees", TITLE, tuple(figures), settings, {"networks": rows, "events": grown, "paths": paths})


def _network_figures(name: str, row: Mapping[str, Any]) -> list[Figure]:
    if "skipped" in row:
        return []
    found = []
    if "mbi_edit_us" in row:
        found += [
            Figure(f"{name}: an edit and all marginals, against mbi", row["edit_times"], "times faster", 1.0, ours=row["edit_us"], theirs=row["mbi_edit_us"], each="µs"),
            Figure(f"{name}: compiling that, against mbi", row["compile_times"], "times faster", 3.0, ours=row["compile_s"], theirs=row["mbi_compile_s"], each="s"),
        ]
    if "mbi_scenarios_ms" in row:
        found += [
            Figure(f"{name}: scenarios, against mbi", row["scenarios_times"], "times faster", 1.0, ours=row["scenarios_ms"], theirs=row["mbi_scenarios_ms"], each="ms"),
            Figure(f"{name}: compiling scenarios, against mbi", row["scenarios_compile_times"], "times faster", 3.0, ours=row["scenarios_compile_s"], theirs=row["mbi_scenarios_compile_s"], each="s"),
        ]
    if "agrum_scenarios_ms" in row:
        found += [
            Figure(f"{name}: scenarios, against pyAgrum's loop", row["agrum_times"], "times faster", 20.0, ours=row["scenarios_ms"], theirs=row["agrum_scenarios_ms"], each="ms"),
            Figure(f"{name}: largest difference from pyAgrum", row["error"], "", 1e-9, "at most"),
        ]
    return found


def _events_figures(name: str, row: Mapping[str, Any]) -> list[Figure]:
    if "skipped" in row:
        raise RuntimeError(f"{name} could not be measured: {row['skipped']}")
    bound = name.endswith(" 1000")
    return [
        Figure(f"{name} events: an edit and all marginals", row["edit_ms"], "ms", 1.0 if bound else None, "at most"),
        Figure(f"{name} events: the tree and compiling that", row["compile_s"], "s", 3.0 if bound else None, "at most"),
        Figure(f"{name} events: scenarios", row["scenarios_s"], "s", 0.3 if bound else None, "at most"),
        Figure(f"{name} events: compiling scenarios", row["scenarios_compile_s"], "s", 3.0 if bound else None, "at most"),
        Figure(f"{name} events: largest difference from messages in NumPy", row["error"], "", 1e-9, "at most"),
    ]


def _apart(*job: str) -> dict[str, Any]:
    """One job in a process of its own: its figures, or why there are none."""
    command = [PYTHON, "-m", "benchmarks.trees", *job]
    environment = {**os.environ, "NPROC": "1", "OPENGAMES_CACHE": "off", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False, cwd=Path(__file__).parents[1]
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"took more than {SECONDS:.0f} s"}
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["said nothing"])[-1]
        return {"skipped": f"exit status {done.returncode}: {said[:200]}"}
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def network(name: str, scenarios: int, repeats: int = 9) -> dict[str, Any]:
    """One network against the peers that are installed."""
    from opengames.exact.elimination import Factor
    from opengames.sampled.backend import jax
    from opengames.solvers.junction.kernel import Kernel
    from opengames.solvers.junction.passes import Beliefs
    from opengames.solvers.junction.semirings import MASS
    from opengames.solvers.junction.tree import junction_tree

    jax.jit(lambda x: x + 1)(np.ones(3)).block_until_ready()
    net = bif.read(bif.shipped(name))
    sizes = {n: len(node.values) for n, node in net.items()}
    factors = []
    for n, node in net.items():
        keys = itertools.product(*(net[p].values for p in node.parents))
        table = np.array([[float(c) for c in node.rows[key]] for key in keys])
        factors.append(Factor((*node.parents, n), table.reshape([sizes[v] for v in (*node.parents, n)])))
    rng = random.Random(11)
    observed = rng.sample(list(net), max(2, min(8, len(net) // 5)))
    worlds = [bif.sample(net, rng) for _ in range(scenarios)]
    known = [{n: net[n].values.index(w[n]) for n in observed} for w in worlds]

    began = time.process_time()
    tree = junction_tree(sizes, [f.names for f in factors])
    kernel = Kernel(tree)
    start = Beliefs.of(tree, MASS, factors).tables
    tables = kernel.pack(start)
    clique = len(tree.cliques) // 2

    def edit() -> Any:
        return kernel.marginals(kernel.replaced(tables, clique, start[clique])).values

    plain = edit()
    row: dict[str, Any] = {"compile_s": time.process_time() - began, "absent": []}
    row |= {"variables": len(sizes), "width": tree.width, "cells": tree.cells, "depth": max(tree.depth)}
    likelihoods = kernel.likelihoods(known)
    began = time.process_time()
    answers = kernel.scenarios(tables, likelihoods)
    row["scenarios_compile_s"] = time.process_time() - began
    edits: dict[str, Callable[[], object]] = {"ours": edit}
    many: dict[str, Callable[[], object]] = {"ours": lambda: kernel.scenarios(tables, likelihoods)}
    _mbi(row, sizes, factors, likelihoods, plain, edits, many, tree.cells)
    _agrum(row, name, net, observed, known, answers, many)
    took = in_turns(edits, repeats, 40)
    row["edit_us"] = median(took["ours"]) * 1e6
    if "mbi" in took:
        row |= {"mbi_edit_us": median(took["mbi"]) * 1e6, "edit_times": times_faster(took["ours"], took["mbi"])}
        row["compile_times"] = row["mbi_compile_s"] / row["compile_s"]
    took = in_turns(many, min(repeats, 5))
    row["scenarios_ms"] = median(took["ours"]) * 1e3
    if "mbi" in took:
        row |= {"mbi_scenarios_ms": median(took["mbi"]) * 1e3, "scenarios_times": times_faster(took["ours"], took["mbi"])}
        row["scenarios_compile_times"] = row["mbi_scenarios_compile_s"] / row["scenarios_compile_s"]
    if "agrum" in took:
        share = scenarios / row["agrum_rows"]
        theirs = [t * share for t in took["agrum"]]
        row |= {"agrum_scenarios_ms": median(theirs) * 1e3, "agrum_times": times_faster(took["ours"], theirs)}
    return row


def _mbi(
    row: dict[str, Any], sizes: Mapping[str, int], factors: Sequence[Any], likelihoods: Any, plain: Any,
    edits: dict[str, Callable[[], object]], many: dict[str, Callable[[], object]], cells: int,
) -> None:  # fmt: skip
    try:
        from benchmarks.trees_peers import Mbi

        began = time.process_time()
        peer = Mbi(sizes, [f.names for f in factors], [f.table for f in factors])
    except ImportError:
        row["absent"].append("mbi is not installed")
        return
    k = len(factors) // 2
    theirs = peer.edited(k)
    row["mbi_compile_s"] = time.process_time() - began
    row["mbi_difference"] = float(np.abs(theirs - plain).max())
    edits["mbi"] = lambda: peer.edited(k)
    with np.errstate(divide="ignore"):
        rows = np.log(likelihoods).T.copy()
    batch = next(b for b in (1000, 500, 250, 125, 25, 5) if b * cells <= 1 << 20 or b == 5)
    began = time.process_time()
    ask = peer.scenarios(min(batch, len(rows)))
    ask(rows)
    row["mbi_scenarios_compile_s"] = time.process_time() - began
    many["mbi"] = lambda: ask(rows)


def _agrum(
    row: dict[str, Any], name: str, net: bif.Network, observed: Sequence[str], known: Sequence[Mapping[str, int]],
    answers: Any, many: dict[str, Callable[[], object]],
) -> None:  # fmt: skip
    try:
        from benchmarks.exact import agrum_net
        from benchmarks.trees_peers import agrum_loop

        ask = agrum_loop(agrum_net(net), observed, list(net))
    except ImportError:
        row["absent"].append("pyAgrum is not installed")
        return
    rows = [[k[n] for n in observed] for k in known]
    began = time.process_time()
    ask(rows[:2])
    each = (time.process_time() - began) / 2
    row["agrum_rows"] = count = int(np.clip(2.0 / max(each, 1e-9), 5, len(rows)))
    theirs = ask(rows[:count])
    ours = np.concatenate([answers.of(n) for n in net if n not in observed])
    row["error"] = float(max(np.abs(ours[:, k] - found).max() for k, found in enumerate(theirs)))
    many["agrum"] = lambda: ask(rows[:count])


def events(kind: str, count: int, scenarios: int) -> dict[str, Any]:
    """A chain or a balanced tree of binary events."""
    from opengames.sampled.backend import jax
    from opengames.solvers.junction.kernel import Kernel
    from opengames.solvers.junction.passes import Beliefs
    from opengames.solvers.junction.semirings import MASS
    from opengames.solvers.junction.tree import shallow_tree

    jax.jit(lambda x: x + 1)(np.ones(3)).block_until_ready()
    sizes, factors = _events(kind, count)
    began = time.process_time()
    tree = shallow_tree(sizes, [f.names for f in factors])
    kernel = Kernel(tree)
    beliefs = Beliefs.of(tree, MASS, factors)
    tables = kernel.pack(beliefs.tables)
    built = time.process_time() - began
    clique = tree.home(("x1",)) or 0

    def edit() -> Any:
        return kernel.marginals(kernel.replaced(tables, clique, beliefs.tables[clique]))

    first = edit()
    compiled = time.process_time() - began
    rng = np.random.default_rng(3)
    names = list(sizes)
    known = [{names[k]: int(rng.integers(2)) for k in rng.choice(count, 5, replace=False)} for _ in range(scenarios)]
    likelihoods = kernel.likelihoods(known)
    again = time.process_time()
    kernel.scenarios(tables, likelihoods)
    many = time.process_time() - again
    shown = names[:: max(1, count // 200)]
    error = max(float(np.abs(first.of(n) - beliefs.distribution([n])).max()) for n in shown)
    took = in_turns({"edit": edit, "scenarios": lambda: kernel.scenarios(tables, likelihoods)}, 5, {"edit": 20, "scenarios": 1})
    return {
        "edit_ms": median(took["edit"]) * 1e3, "scenarios_s": median(took["scenarios"]), "compile_s": compiled,
        "scenarios_compile_s": many, "tree_s": built, "error": error, "cells": tree.cells, "depth": max(tree.depth),
    }  # fmt: skip


def paths(count: int) -> dict[str, Any]:
    """A change in one clique of a chain and a price in another, by the cliques between them."""
    from opengames.solvers.junction.passes import Beliefs
    from opengames.solvers.junction.semirings import LOG
    from opengames.solvers.junction.tree import junction_tree

    sizes, factors = _events("chain", count)
    tree = junction_tree(sizes, [f.names for f in factors])
    beliefs = Beliefs.of(tree, LOG, [type(f)(f.names, np.log(f.table)) for f in factors])
    found, messages = {}, {}
    for far in (1, 8, 64, 512):
        i, j = (tree.home((f"x{k}", f"x{k + 1}")) or 0 for k in (200, 200 + far))
        beliefs.belief(i)
        began, repeats = time.process_time(), 20
        for _ in range(repeats):
            new = beliefs.replaced(i, beliefs.tables[i] + 0.1)
            new.belief(j)
        found[str(far)] = (time.process_time() - began) / repeats * 1e6
        messages[str(far)] = new.made - beliefs.made
    return {"us": found, "messages": messages, "ratio": found["512"] / found["1"]}


def _events(kind: str, count: int) -> tuple[dict[str, int], list[Any]]:
    from opengames.exact.elimination import Factor

    rng = np.random.default_rng(1)
    above = (lambda k: k - 1) if kind == "chain" else (lambda k: (k - 1) // 2)
    factors = [Factor(("x0",), rng.dirichlet([2, 2]))]
    factors += [Factor((f"x{above(k)}", f"x{k}"), rng.dirichlet([2, 2], 2)) for k in range(1, count)]
    return {f"x{k}": 2 for k in range(count)}, factors


def _main(job: str, *more: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    match job:
        case "network":
            row = network(more[0], int(more[1]))
        case "events":
            row = events(more[0], int(more[1]), int(more[2]))
        case _:
            row = paths(int(more[0]))
    print(json.dumps(row))


if __name__ == "__main__":
    _main(*sys.argv[1:])

__all__ = ["measure"]
