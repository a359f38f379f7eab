"""The market on the alarm network: trades a second, live and replayed from the ledger, and how that grows.

Ten thousand trades of a thousand traders, each on a value of a variable, half of them given a value of one of its parents
(so that no trade changes the tree). `ample` traders have so much that a bound settles that they can pay; `tight` ones need
the pass over the tree at every trade. A replay reads each entry, checks its hash, performs the act and compares digest
and receipt. On a chain of binary events one trade is measured at growing length: it costs what its path costs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import bif
from benchmarks.measure import Figure, Outcome, growth

TITLE = "A market on the alarm network"


def measure(trades: int = 10_000, traders: int = 1_000, chain: Sequence[int] = (100, 1_000, 10_000)) -> Outcome:
    """trades, traders: how many; chain: lengths of the chain."""
    from opengames.solvers.market import Ledger, replay
    from opengames.solvers.market.acts import act_data, perform
    from opengames.solvers.market.assets import worths

    opening, network = alarm()
    acts = random_trades(network, trades, traders, random.Random(7))
    live: dict[str, float] = {}
    for kind, cash in (("ample", 200.0), ("tight", 4.0)):
        state = with_traders(opening.state(), traders, cash)
        live[kind], final, done = timed_trades(state, acts)
        if kind == "ample":
            accepted, ample = done, final
    sizes = [trades // 4, trades // 2, trades]
    seconds = []
    with TemporaryDirectory() as folder:
        for size in sizes:
            ledger = Ledger(Path(folder) / f"{size}.ledger")
            state = opening.state()
            entries: list[Any] = [(act_data(opening), None, state.digest)]
            for act in (*joining(traders, 200.0), *accepted[:size]):
                state, receipt = perform(state, act)
                entries.append((act_data(act), None if receipt is None else receipt.to_data(), state.digest))
            ledger.append_all(entries)
            seconds.append(seconds_of(lambda ledger=ledger: replay(ledger)))  # type: ignore[misc]
        safe = Ledger(Path(folder) / "safe.ledger")
        safe.append_all(entries[:1])
        began = time.perf_counter()
        for entry in entries[1:201]:
            safe.append(*entry)
        each = (time.perf_counter() - began) / 200
    accounts = list(ample.accounts.values())
    valued = seconds_of(lambda: worths(ample.beliefs, accounts, ample.tick))
    lengths = {n: seconds_on_chain(n) for n in chain}
    longest = max(chain)
    figures = (
        Figure(f"replayed from the ledger, {len(accepted):,} trades of {traders:,} traders", len(accepted) / seconds[-1], "trades/s"),
        Figure("how replaying grows with the trades (1 is linear)", growth(sizes, seconds), "", 1.3, "at most"),
        Figure("live, traders with ample cash", trades / live["ample"], "trades/s"),
        Figure("live, traders at their limits", trades / live["tight"], "trades/s"),
        Figure("one trade on disk before it is acknowledged", each * 1e3, "ms of wall time"),
        Figure(f"least, expected and most assets of {traders:,} traders", valued * 1e3, "ms"),
        Figure(f"one trade, one clique, on a chain of {longest:,} events", lengths[longest] * 1e3, "ms"),
    )
    details = {
        "replay_seconds": dict(zip(map(str, sizes), seconds, strict=True)), "accepted": len(accepted),
        "chain_ms": {str(n): s * 1e3 for n, s in lengths.items()},
    }  # fmt: skip
    return Outcome("market", TITLE, figures, {"trades": trades, "traders": traders}, details)


def alarm() -> tuple[Any, bif.Network]:
    """The opening of a market on the alarm network, and the network."""
    from opengames.session import loads
    from opengames.solvers.market import open_market

    network = bif.read(bif.shipped("alarm"))
    return open_market(loads(bif.to_game(network, "alarm"), "alarm.game"), "alarm", depth=100).opening, network


def random_trades(network: bif.Network, count: int, traders: int, rng: random.Random) -> list[Any]:
    """Shares of a variable's value bought or sold, half the time given a parent's."""
    from opengames.solvers.market.acts import Buy
    from opengames.solvers.market.events import Is

    found = []
    for i in range(count):
        child = rng.choice(list(network))
        node = network[child]
        event, given = Is(child.lower(), (rng.choice(node.values),)), None
        if node.parents and rng.random() < 0.5:
            parent = rng.choice(node.parents)
            given = Is(parent.lower(), (rng.choice(network[parent].values),))
        found.append(Buy(f"t{i % traders}", event, rng.choice([-1, 1]) * round(rng.uniform(0.5, 3.0), 2), given))
    return found


def joining(traders: int, cash: float) -> list[Any]:
    from opengames.solvers.market.acts import Join

    return [Join(f"t{i}", cash) for i in range(traders)]


def with_traders(state: Any, traders: int, cash: float) -> Any:
    from opengames.solvers.market.acts import perform

    for act in joining(traders, cash):
        state, _ = perform(state, act)
    return state


def timed_trades(state: Any, acts: Sequence[Any]) -> tuple[float, Any, list[Any]]:
    """Processor seconds for all trades, those refused included; the state after them, and those accepted."""
    from opengames.diagnostics import Refusal
    from opengames.solvers.market.acts import perform

    accepted = []
    began = time.process_time()
    for act in acts:
        try:
            state, _ = perform(state, act)
            accepted.append(act)
        except Refusal:
            continue
    return time.process_time() - began, state, accepted


def seconds_on_chain(length: int, trades: int = 50) -> float:
    """Processor seconds for one trade on a pair of neighbours, after the one before on the same pair."""
    from opengames.solvers.market import open_market

    values = {f"x{i}": (False, True) for i in range(length)}
    factors = [(["x0"], [0.5, 0.5])] + [([f"x{i}", f"x{i + 1}"], [[0.9, 0.1], [0.1, 0.9]]) for i in range(length - 1)]
    market = open_market(values, factors=factors, depth=100)
    market.join("ann", 1e4)
    event = market.event(f"x{length // 3} and x{length // 3 + 1}")
    market.buy("ann", event, 1.0)
    return seconds_of(lambda: [market.buy("ann", event, 1.0) for _ in range(trades)]) / trades


def seconds_of(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


__all__ = ["alarm", "joining", "measure", "random_trades", "seconds_on_chain", "timed_trades", "with_traders"]
