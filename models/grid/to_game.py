"""A network as `.game` text: its buses, branches, units and batteries as tables of params, and the operator's clearing of them.

The clearing is a decision with rules, so its LMPs are duals. Labels that the language cannot have are made sayable, and comments
say how.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from opengames.diagnostics import refuse
from opengames.dsl.formatter import format_text
from opengames.dsl.prelude import DISTRIBUTIONS, FUNCTIONS, QUESTIONS
from opengames.dsl.tokens import KEYWORDS
from opengames.models.grid.costs import cost_at
from opengames.models.grid.network import Network
from opengames.models.grid.shift_factors import islands

#: What stands for no limit.   [MW]
NO_LIMIT = 1_000_000

#: Names that the text itself uses, or that the language gives a meaning.
_TAKEN = frozenset((
    "Bus", "Line", "Gen", "Step", "Store", "Direct", "gen", "line", "step", "store", "direct", "d", "usual", "base", "operator", "flow", "angle", "supply",
    "leaving", "p", "taken", "out", "into", "soc", "load", "cost", "lmp", "dt", "Clear", "Usual", "b", "g", "l", "s", "balance", "thermal", "carried", "x",
    "slack", "range", "offered", "price", "dearest", "MW", "MWh", "h", "bool", "true", "false", "nat", "prob", "player", "real",
    *FUNCTIONS, *DISTRIBUTIONS, *QUESTIONS,
))  # fmt: skip


#: Characters of a text that is still laid out line by line; a longer one is read by nobody, and its enumerations are one line.
LAID_OUT = 60_000


def to_game(network: Network) -> str:
    """The text of a network, in the usual layout unless it is longer than `LAID_OUT`."""
    text = _Text(network).whole()
    return format_text(text, network.name).text if len(text) <= LAID_OUT else text


class _Text:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.taken: set[str] = set()
        self.odd: list[str] = []
        self.buses = self._labels(network.buses.names, "Bus")
        self.lines = self._labels(network.branches.names, "Line")
        self.gens = self._labels(network.units.names, "Gen")
        self.stores = self._labels(network.storages.names, "Store") if len(network.storages) else []
        self.direct = self._labels(network.direct.names, "Direct") if len(network.direct) else []
        for name, curve in zip(network.direct.names, network.direct.curves, strict=True):
            if len(curve.mw) > 2:
                raise refuse("not-yet", f"a text of a direct-current line whose cost has more than one price: `{name}`", help="give it one price")
        curves = network.units.curves
        self.stepped = any(len(c.mw) > 2 for c in curves)
        self.square = any(c.square for c in curves)
        self.shifted = bool(network.branches.shift.any())

    def whole(self) -> str:
        parts = [self.head(), "use std.energy: MW, MWh, h", self.types(), self.gen()]
        if self.stepped:
            parts.append(self.steps())
        parts += [self.line(), *([self.store()] if self.stores else []), *([self.direct_lines()] if self.direct else []), self.numbers(), "player operator", self.clear(), self.usual()]
        return "\n\n".join(parts) + "\n"

    def head(self) -> str:
        n = self.network
        sizes = [_count(len(n.buses), "bus", "buses"), _count(len(n.branches), "branch", "branches"), _count(len(n.units), "unit", "units")]
        if self.stores:
            sizes.append(_count(len(n.storages), "battery", "batteries"))
        if self.direct:
            sizes.append(_count(len(n.direct), "direct-current line", "direct-current lines"))
        lines = [f"The network {n.name}: {', '.join(sizes)}.", ""]
        lines += [f"{note[:1].upper()}{note[1:]}." for note in n.notes]
        renamed = any(a != b for a, b in zip(self.buses + self.lines + self.gens, (*n.buses.names, *n.branches.names, *n.units.names), strict=False))
        if renamed:
            lines.append("Labels begin with Bus, Line or Gen where the source has numbers, and have _ where it has signs.")
        lines += self.odd
        if np.isinf(n.branches.limit).any():
            lines.append(f"A limit of {NO_LIMIT:_} MW stands for none.")
        if (n.branches.tap != 1).any():
            lines.append("Reactances of transformers are times their ratio.")
        while lines[-1] == "":
            lines.pop()
        return "\n".join(f"## {line}".rstrip() for line in lines)

    def types(self) -> str:
        kinds = [("Bus", self.buses), ("Line", self.lines), ("Gen", self.gens)]
        if self.stepped:
            self.step_rows = self._steps()
            kinds.append(("Step", [row[0] for row in self.step_rows]))
        if self.stores:
            kinds.append(("Store", self.stores))
        if self.direct:
            kinds.append(("Direct", self.direct))
        width = max(len(k) for k, _ in kinds)
        return "\n".join(f"type {k.ljust(width)} = {' | '.join(labels)}" for k, labels in kinds)

    def gen(self) -> str:
        units = self.network.units
        head = ["bus", "least", "most"]
        fields = ["bus: Bus", "least: real MW", "most: real MW"]
        if not self.stepped:
            head.append("cost")
            fields.append("cost: real $/MWh")
        if self.square:
            head.append("square")
            fields.append("square: real $/(MW*MWh)")
        head.append("fixed")
        fields.append("fixed: real $/h")
        rows = []
        for g, label in enumerate(self.gens):
            if g >= len(units):  # stands for nothing
                rows.append([label, self.buses[0], "0 MW", "0 MW", *(["0 $/MWh"] if not self.stepped else []), *(["0 $/(MW*MWh)"] if self.square else []), "0 $/h"])
                continue
            curve = units.curves[g]
            price, fixed = self._line_of(g)
            row = [label, self.buses[units.bus[g]], _mw(units.least[g]), _mw(units.most[g])]
            if self.stepped:
                fixed = cost_at(curve, units.least[g]) - curve.square * units.least[g] ** 2
            else:
                row.append(f"{_say(price)} $/MWh")
            if self.square:
                row.append(f"{_say(curve.square)} $/(MW*MWh)")
            rows.append([*row, f"{_say(fixed)} $/h"])
        return f"param gen: ({', '.join(fields)})[Gen] = {_table('Gen', head, rows)}"

    def _line_of(self, g: int) -> tuple[float, float]:
        """Price and fixed cost of a unit with one price: what its cost is beside its square."""
        curve = self.network.units.curves[g]
        if not len(curve.mw):
            return curve.linear, curve.fixed
        price = float(curve.price[0])
        return price, curve.fixed - price * float(curve.mw[0])

    def _steps(self) -> list[list[str]]:
        units, rows = self.network.units, []
        for g, label in enumerate(self.gens[: len(units)]):
            curve = units.curves[g]
            mw = curve.mw if len(curve.mw) else np.array([units.least[g], units.most[g]])
            price = curve.price if len(curve.mw) else np.array([curve.linear])
            for k, (width, each) in enumerate(zip(np.diff(mw), price, strict=True)):
                name = self._free(f"{label}_{k + 1}")
                rows.append([name, label, _mw(width), f"{_say(each)} $/MWh"])
        return rows

    def steps(self) -> str:
        about = "## What each step of a unit asks: its output is its least, and what is taken of its steps."
        return f"{about}\nparam step: (gen: Gen, width: real MW, price: real $/MWh)[Step] = {_table('Step', ['gen', 'width', 'price'], self.step_rows)}"

    def line(self) -> str:
        branches = self.network.branches
        rows = []
        for i, label in enumerate(self.lines):
            if i >= len(branches):
                rows.append([label, self.buses[0], self.buses[0], "1", *(["0"] if self.shifted else []), "0 MW"])
                continue
            limit = NO_LIMIT if np.isinf(branches.limit[i]) else branches.limit[i]
            shift = [_say(np.deg2rad(branches.shift[i]))] if self.shifted else []
            rows.append([label, self.buses[branches.tail[i]], self.buses[branches.head[i]], _say(branches.reactance[i] * branches.tap[i]), *shift, _mw(limit)])
        head = ["tail", "head", "reactance", *(["shift"] if self.shifted else []), "limit"]
        field = "shift: real, " if self.shifted else ""
        about = "## Reactances per unit, shifts in radians.\n" if self.shifted else ""
        return f"{about}param line: (tail: Bus, head: Bus, reactance: real, {field}limit: real MW)[Line] = {_table('Line', head, rows)}"

    def store(self) -> str:
        s = self.network.storages
        dearest = max((float(c.price[-1]) if len(c.mw) else c.linear + 2 * c.square * m for c, m in zip(self.network.units.curves, self.network.units.most, strict=True)), default=0.0)
        rows = []
        for i, label in enumerate(self.stores):
            if i >= len(s):
                rows.append([label, self.buses[0], "0 MW", "0 MW", "0 MWh", "0 MWh", "0 MWh", "1", "1", "0 $/MWh", "0 $/MWh"])
                continue
            rows.append([
                label, self.buses[s.bus[i]], _mw(s.power[i]), _mw(s.charging[i]), f"{_say(s.energy[i])} MWh", f"{_say(s.least[i])} MWh",
                f"{_say(s.energy[i] / 2 if np.isnan(s.initial[i]) else s.initial[i])} MWh", _say(s.charge[i]), _say(s.discharge[i]),
                "0 $/MWh", f"{_say(dearest)} $/MWh",
            ])  # fmt: skip
        head = ["bus", "power", "charging", "energy", "least", "first", "charge", "discharge", "bid", "offer"]
        about = "## Batteries hold `first` before the clearing, and keep `least`. They offer at the dearest unit's price and bid nothing: the network does not say what they want.\n"
        fields = "bus: Bus, power: real MW, charging: real MW, energy: real MWh, least: real MWh, first: real MWh, charge: real, discharge: real, bid: real $/MWh, offer: real $/MWh"
        return f"{about}param store: ({fields})[Store] = {_table('Store', head, rows)}"

    def direct_lines(self) -> str:
        own = self.network.direct
        square = any(c.square for c in own.curves)
        rows = []
        for i, label in enumerate(self.direct):
            if i >= len(own):
                rows.append([label, self.buses[0], self.buses[0], "0 MW", "0 MW", "0", "0 MW", "0 $/MWh", *(["0 $/(MW*MWh)"] if square else []), "0 $/h"])
                continue
            curve = own.curves[i]
            price, fixed = (curve.linear, curve.fixed) if not len(curve.mw) else (float(curve.price[0]), curve.fixed - float(curve.price[0] * curve.mw[0]))
            rows.append([
                label, self.buses[own.tail[i]], self.buses[own.head[i]], _mw(np.clip(own.least[i], -NO_LIMIT, NO_LIMIT)), _mw(np.clip(own.most[i], -NO_LIMIT, NO_LIMIT)),
                _say(own.share[i]), _mw(own.lost[i]), f"{_say(price)} $/MWh", *([f"{_say(curve.square)} $/(MW*MWh)"] if square else []), f"{_say(fixed)} $/h",
            ])  # fmt: skip
        head = ["tail", "head", "least", "most", "share", "lost", "cost", *(["square"] if square else []), "fixed"]
        fields = f"tail: Bus, head: Bus, least: real MW, most: real MW, share: real, lost: real MW, cost: real $/MWh, {'square: real $/(MW*MWh), ' if square else ''}fixed: real $/h"
        about = "## Direct-current lines: what leaves the tail is decided; a share of it and `lost` more do not arrive.\n"
        return f"{about}param direct: ({fields})[Direct] = {_table('Direct', head, rows)}"

    def numbers(self) -> str:
        load = self.network.buses.load
        some = [f"{self.buses[b]}: {_mw(load[b])}" for b in np.flatnonzero(load)]
        rest = ", else: 0 MW" if len(some) < len(self.buses) else ""
        text = f"[{', '.join(some)}{rest}]" if some else "[else: 0 MW]"
        lines = [("usual", "real MW[Bus]", text, ""), ("base", "real MW", _mw(self.network.base), "  ## per-unit base")]
        if self.stores:
            lines.append(("dt", "real h", "1 h", ""))
        wide = max(len(kind) for _, kind, _, _ in lines)
        return "\n".join(f"param {(name + ':').ljust(6)} {kind.ljust(wide)} = {value}{doc}" for name, kind, value, doc in lines)

    def clear(self) -> str:
        shift = " - line[l].shift" if self.shifted else ""
        inputs = "load: real MW[Bus], soc: real MWh[Store]" if self.stores else "load: real MW[Bus]"
        body = [f"game Clear({inputs}) -> (lmp: real $/MWh[Bus]) {{"]
        body += [
            "    for l in Line {",
            f"        flow = base * (angle[line[l].tail] - angle[line[l].head]{shift}) / line[l].reactance",
            "    }",
        ]
        if self.stepped:
            body += ["    for g in Gen {", "        p = gen[g].least + sum(taken[s] for s in Step if step[s].gen == g)", "    }"]
        body += ["    for b in Bus {"]
        supply = ["sum(p[g] for g in Gen if gen[g].bus == b)"]
        if self.stores:
            supply.append("+ sum(out[s] - into[s] for s in Store if store[s].bus == b)")
        if self.direct:
            supply.append("+ sum((1 - direct[x].share) * d[x] - direct[x].lost for x in Direct if direct[x].head == b)")
            supply.append("- sum(d[x] for x in Direct if direct[x].tail == b)")
        body += [f"        supply  = {supply[0]}", *(f"                {each}" for each in supply[1:])]
        body += [
            "        leaving = sum(flow[l] for l in Line if line[l].tail == b)",
            "                - sum(flow[l] for l in Line if line[l].head == b)",
            "    }",
        ]
        square = " + gen[g].square * p[g] ^ 2" if self.square else ""
        per_unit = "gen[g].fixed" if self.stepped else "gen[g].fixed + gen[g].cost * p[g]"
        costs = [f"sum({per_unit}{square} for g in Gen)"]
        if self.stepped:
            costs.append("sum(step[s].price * taken[s] for s in Step)")
        if self.stores:
            costs.append("sum(store[s].offer * out[s] - store[s].bid * into[s] for s in Store)")
        if self.direct:
            bent = " + direct[x].square * d[x] ^ 2" if any(c.square for c in self.network.direct.curves) else ""
            costs.append(f"sum(direct[x].fixed + direct[x].cost * d[x]{bent} for x in Direct)")
        body += [f"    cost = {costs[0]}", *(f"         + {each}" for each in costs[1:]), ""]
        decided = ["taken: real MW[Step]" if self.stepped else "p: real MW[Gen]", "angle: real[Bus]"]
        if self.stores:
            decided += ["out: real MW[Store]", "into: real MW[Store]"]
        if self.direct:
            decided.append("d: real MW[Direct]")
        body += [f"    decide {', '.join(decided)}", "        by      operator", f"        seeing  {'load, soc' if self.stores else 'load'}", "        earning -cost", "        subject to {"]
        rules = [
            ("balance[b in Bus]", "load[b] + leaving[b] == supply[b]"), ("thermal[l in Line]", "abs(flow[l]) <= line[l].limit"),
        ]  # fmt: skip
        firsts = np.unique(islands(self.network), return_index=True)[1]
        rules += [("slack" if b == 0 else f"slack_{self.buses[b]}", f"angle[{self.buses[b]}] == 0") for b in sorted(firsts.tolist())]
        rules.append(
            ("offered[s in Step]", "0 MW <= taken[s] <= step[s].width") if self.stepped else ("range[g in Gen]", "gen[g].least <= p[g] <= gen[g].most")
        )
        if self.stores:
            rules += [
                ("inverter[s in Store]", "0 MW <= out[s] <= store[s].power"), ("charger[s in Store]", "0 MW <= into[s] <= store[s].charging"),
                ("energy[s in Store]", "out[s] * dt <= (soc[s] - store[s].least) * store[s].discharge"),
                ("headroom[s in Store]", "into[s] * dt * store[s].charge <= store[s].energy - soc[s]"),
            ]  # fmt: skip
        if self.direct:
            rules.append(("carried[x in Direct]", "direct[x].least <= d[x] <= direct[x].most"))
        wide = max(len(name) for name, _ in rules) + 1
        body += [f"            {(name + ':').ljust(wide)} {rule}" for name, rule in rules]
        body += ["        }", "", "    for b in Bus {", "        lmp = dual(balance[b])", "    }", "}"]
        return "\n".join(body)

    def usual(self) -> str:
        lines = ["## The clearing of the usual load.", "game Usual -> (lmp: real $/MWh[Bus]) {"]
        if self.stores:
            lines += ["    for s in Store {", "        soc = store[s].first", "    }", "    lmp ~ Clear(usual, soc)"]
        else:
            lines.append("    lmp ~ Clear(usual)")
        return "\n".join([*lines, "}", "", "query dearest = E(max(lmp[b] for b in Bus)) of Usual"])

    # ------------------------------------------------------------------ names

    def _labels(self, names: Sequence[str], kind: str) -> list[str]:
        """A label for each name; two at least, since the language has no enumeration of one."""
        labels = []
        for name in names:
            plain = re.sub(r"[^A-Za-z_0-9]+", "_", name).strip("_") or kind
            wanted = f"{kind}{plain}" if plain[0].isdigit() else plain
            label = self._free(wanted)
            if label != wanted:
                self.odd.append(f"`{label}` stands for {name}.")
            labels.append(label)
        while len(labels) < 2:
            labels.append(self._free(f"No{kind}"))
            self.odd.append(f"`{labels[-1]}` stands for nothing: an enumeration has two labels or more.")
        return labels

    def _free(self, wanted: str) -> str:
        name = wanted
        while name in self.taken or name in KEYWORDS or name in _TAKEN:
            name += "_"
        self.taken.add(name)
        return name


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _say(number: float) -> str:
    """A decimal that reads back as the same double."""
    value = Decimal(repr(float(number)))
    if value == value.to_integral_value():
        return str(int(value))
    return format(value, "f")


def _mw(number: float) -> str:
    return f"{_say(number)} MW"


def _table(key: str, head: list[str], rows: list[list[str]]) -> str:
    cells = [[key, *head], *rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]

    def line(row: list[str]) -> str:
        rest = " | ".join(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))
        return f"    | {row[0].ljust(widths[0])} || {rest} |"

    return "\n".join(["table {", *(line(row) for row in cells), "}"])


__all__ = ["LAID_OUT", "NO_LIMIT", "to_game"]
