"""A day of the five-bus market of `specs/examples/06_ercot.game`: dispatch, prices as duals, and what a quote earns its owner.

The operator's decision is a clearing, solved in every hour of every run. The load is a made-up summer day, to which the text adds
noise of 20 MW; the network, the units and the demand for reserve are the text's.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from opengames.session import Model, loads
from opengames.spaces import Enum, Family

if TYPE_CHECKING:
    from opengames.models.grid.network import Network

#: MW in each hour: the day that the text's noise moves about.
DEMAND = (
    560, 530, 515, 510, 520, 560, 620, 670, 700, 730, 765, 800,
    835, 865, 890, 910, 925, 915, 880, 840, 800, 740, 670, 610,
)  # fmt: skip
#: A second quote for the owner beside the text's `lazy`: fill up early, offer when load is near its peak.
PATIENT = """
strategy patient of Day {
    owner.quote =
        if t <= 7 then (bid: 15 $/MWh, offer: 60 $/MWh)
        else (bid: 0 $/MWh, offer: if t <= 15 then 100 $/MWh else 35 $/MWh)
}
"""
#: Quotes played, and what to call them.
QUOTES = (("lazy", "buy at 10, sell at 35 $/MWh, always"), ("patient", "fill up early, sell from hour 16 on"))
#: Wires looked at; those of the clearing by their path.
_KEPT = ("load", "soc", "lmp", "mcpc", "out", "into", "profit", "lmp.p", "lmp.flow")


@dataclass(frozen=True)
class Played:
    """One quote, played. arrays: by wire, one row for each run. certificate: what was solved, and how well."""

    name: str
    arrays: dict[str, np.ndarray]
    certificate: tuple[str, ...]

    @property
    def profit(self) -> np.ndarray:
        """$ a day, for each run."""
        return self.arrays["profit"]


def model() -> Model:
    """The text of the example with `PATIENT` below it, its load supplied."""
    text = (files("opengames.specs") / "examples" / "06_ercot.game").read_text(encoding="utf-8")
    return loads(text + PATIENT, "06_ercot.game", demand=DEMAND)


def play(found: Model, strategy: str, name: str, runs: int, seed: int = 1) -> Played:
    """`runs` days under one quote. The same seed brings the same loads to each."""
    run = found.run("Day", under=strategy, runs=runs, seed=seed, keep=_KEPT)
    return Played(name, {wire: run[wire] for wire in _KEPT}, run.certificate)


def table(played: Played, hours: tuple[int, ...]) -> list[str]:
    """Some hours of the first run as lines of text: load, what is stored when the hour begins, a price for each bus."""
    head = f"{'hour':>4}{'load, MW':>10}{'stored, MWh':>13}{'out, MW':>9}" + "".join(f"{f'LMP {b}':>8}" for b in "ABCDE") + f"{'reserve':>9}"
    lines = [head, "-" * len(head)]
    for hour in hours:
        a = _first(played, hour)
        prices = "".join(f"{p:>8.2f}" for p in a["lmp"])
        lines.append(f"{hour:>4}{a['load']:>10.0f}{a['soc']:>13.0f}{a['out'] - a['into']:>9.0f}{prices}{a['mcpc']:>9.2f}")
    return lines


def busiest(played: Played) -> int:
    """The hour of the first run, counted from 1, with the highest load."""
    return int(np.argmax(played.arrays["load"][0])) + 1


def day_picture(found: Model, played: Played) -> str:
    """The first run as an SVG text: dispatch under the load, the battery, prices at its bus and at the cheapest one."""
    from opengames.models.ercot.pictures import day

    a = _first(played)
    units, rows = _labels(found, "gen"), _param(found, "gen")
    cheapest_first = sorted(range(len(units)), key=lambda g: rows[g][2])
    output = {units[g]: a["lmp.p"][:, g] for g in cheapest_first} | {"battery": a["out"]}
    end = a["soc"][-1] + float(_param(found, "fade")) * a["into"][-1] - a["out"][-1]
    return day(
        output, a["load"], storage={"battery": a["out"] - a["into"]}, stored={"battery": np.append(a["soc"], end)},
        prices={"LMP of D": a["lmp"][:, 3], "LMP of E": a["lmp"][:, 4], "reserve": a["mcpc"]},
        title=f"Five buses, one battery: {played.name}",
    )  # fmt: skip


def hour_picture(found: Model, played: Played, hour: int) -> str:
    """The network in one hour of the first run as an SVG text: prices by bus, flows by line."""
    from opengames.models.grid.pictures import one_line

    a = _first(played, hour)
    share = np.array([float(s) for s in _param(found, "share")])
    return one_line(
        network(found), a["lmp"], a["lmp.flow"], output=np.append(a["lmp.p"], a["out"] - a["into"]), load=share * a["load"],
        title=f"Hour {hour}: what power costs where a line is full",
    )  # fmt: skip


def network(found: Model) -> Network:
    """The text's buses, lines, units and battery, for pictures."""
    from opengames.models.grid.network import Branches, Buses, Curve, Network, Storages, Units

    lines, units = _param(found, "line"), _param(found, "gen")
    names, power = _labels(found, "share"), float(_param(found, "power"))
    tail, head, reactance, limit = zip(*lines, strict=True)
    bus, most, cost, _ = zip(*units, strict=True)
    none, nan, blank = np.zeros(0), np.full(len(names), np.nan), ("",) * len(names)
    places = np.array([0.0, 1.5, 3.0, 3.0, 0.0]), np.array([1.0, 0.4, 1.0, 2.2, 2.2])
    count = len(units) + 1
    return Network(
        "five buses", float(_param(found, "base")), Buses(names, np.zeros(len(names)), nan, blank, blank, *places),
        Branches(
            _labels(found, "line"), np.array([names.index(b) for b in tail]), np.array([names.index(b) for b in head]),
            np.array(reactance, dtype=float), np.ones(len(lines)), np.zeros(len(lines)), np.array(limit, dtype=float),
        ),
        Units(
            (*_labels(found, "gen"), "battery"), np.array([names.index(b) for b in (*bus, _param(found, "site"))]),
            np.array([0.0] * len(units) + [-power]), np.array([*map(float, most), power]), np.full(count, np.inf), ("",) * count,
            (*(Curve(none, none, float(c)) for c in cost), Curve(none, none)),
        ),
        Storages((), none.astype(int), none, none, none, none),
    )  # fmt: skip


def pictures(found: Model, played: Played, out: Path) -> tuple[Path, Path]:
    """Both pictures of the first run, written to `out`."""
    from opengames.drawn.svg import save

    return (
        save(day_picture(found, played), out / "clearing_day.svg"),
        save(hour_picture(found, played, busiest(played)), out / "clearing_hour.svg"),
    )


def _first(played: Played, hour: int | None = None) -> dict[str, np.ndarray]:
    """The arrays of the first run, of one hour if told."""
    if hour is None:
        return {wire: values[0] for wire, values in played.arrays.items()}
    return {wire: values[0, hour - 1] for wire, values in played.arrays.items() if values.ndim > 1}


def _param(found: Model, name: str) -> Any:
    return found.program.params[name].value


def _labels(found: Model, name: str) -> tuple[str, ...]:
    """What a param of one index is indexed by."""
    space = found.program.params[name].space
    assert isinstance(space, Family) and isinstance(space.index[0], Enum)
    return space.index[0].labels
