"""A network as `.game` text: an enumeration for every list of states, a table for every variable, one channel of all.

Names that the language cannot have are changed, and the text says what each stands for, so that reading the text
back gives the network its own names again (`from_game`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from itertools import product

from opengames.dsl.prelude import DISTRIBUTIONS, FUNCTIONS, QUESTIONS
from opengames.dsl.tokens import KEYWORDS
from opengames.models.networks.bayes import BayesNet, Row, Variable

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\Z")
#: What the second label of a variable with a single state stands for: the language has no enumeration of one.
NOTHING = "no state at all"
#: Cells of a table whose columns are still aligned; a larger one is read by nobody, and should be short.
ALIGNED = 5_000
#: How a doc comment says what a name of the text stands for.
STANDS = "`{}` stands for {}"
#: Names that the language gives a meaning of its own.
_TAKEN = frozenset(("bool", "true", "false", "nat", "prob", "player", "real", *FUNCTIONS, *DISTRIBUTIONS, *QUESTIONS))


class _Names:
    """Names given out once each."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)

    def give(self, wanted: str) -> str:
        name = re.sub(r"[^A-Za-z_0-9]", "_", wanted) or "_"
        if name[0].isdigit():
            name = f"_{name}"
        while name in self.taken or name in KEYWORDS or name in _TAKEN:
            name += "_"
        self.taken.add(name)
        return name


def to_game(net: BayesNet, channel: str | None = None) -> str:
    """The text. channel: the name of the channel of all variables, the network's own if left out."""
    kinds, labels, docs = _kinds(net)
    taken = set(kinds.values()) | {label for of in labels.values() for label in of.values()}
    names = _Names(taken - {v.name for v in net} | set(kinds.values()))
    wires = {v.name: names.give(v.name) for v in net}
    called = channel or net.name
    whole = names.give(f"{called}_network" if called in names.taken else called)
    given = {v.name: names.give(f"{wires[v.name]}_given") for v in net if v.parents}
    renamed = [STANDS.format(w, v) for v, w in wires.items() if v != w]
    head = [f"## The network {net.name}: {len(net)} variables, {net.numbers:,} chances."]
    parts = ["\n".join(head)]
    for states, kind in kinds.items():
        if kind == "bool":
            continue
        doc = [f"## {line}" for line in docs[states]]
        parts.append("\n".join([*doc, f"type {kind} = {' | '.join(labels[states].values())}"]))
    draws = []
    for v in net:
        wire = wires[v.name]
        if not v.parents:
            cells = zip(v.states, v.rows[0], strict=True)
            chances = ", ".join(f"{labels[v.states][s]}: {_chance(c)}" for s, c in cells)
            draws.append(f"    {wire} ~ {{{chances}}}")
            continue
        inputs = ", ".join(f"{wires[p]}: {kinds[net[p].states]}" for p in v.parents)
        heading = f"channel {given[v.name]}({inputs}) -> ({wire}: {kinds[v.states]})"
        parts.append(f"{heading} = table {{\n{_table(net, v, wires, labels)}\n}}")
        draws.append(f"    {wire} ~ {given[v.name]}({', '.join(wires[p] for p in v.parents)})")
    outputs = ", ".join(f"{wires[v.name]}: {kinds[v.states]}" for v in net)
    doc = [f"## {line}" for line in renamed]
    parts.append("\n".join([*doc, f"channel {whole}() -> ({outputs}) {{", *draws, "}"]))
    return "\n\n".join(parts) + "\n"


def _kinds(
    net: BayesNet,
) -> tuple[dict[tuple[str, ...], str], dict[tuple[str, ...], dict[str, str]], dict[tuple[str, ...], list[str]]]:
    """For every list of states: the name of its type, its labels, and what its doc comment says."""
    users: dict[tuple[str, ...], list[str]] = {}
    for v in net:
        users.setdefault(v.states, []).append(v.name)
    kinds: dict[tuple[str, ...], str] = {}
    labels: dict[tuple[str, ...], dict[str, str]] = {}
    docs: dict[tuple[str, ...], list[str]] = {}
    names = _Names(v.name for v in net)
    for states, who in users.items():
        if set(states) == {"true", "false"}:
            kinds[states], labels[states], docs[states] = "bool", {s: s for s in states}, []
            continue
        own = _Names()
        labels[states] = {s: own.give(s) for s in states}
        docs[states] = [STANDS.format(label, s) for s, label in labels[states].items() if s != label]
        if len(states) == 1:
            labels[states][NOTHING] = own.give("none")
            docs[states].append(STANDS.format(labels[states][NOTHING], NOTHING))
        kinds[states] = names.give(_kind(who, states))
    return kinds, labels, docs


def _kind(who: list[str], states: tuple[str, ...]) -> str:
    short = "".join(_capital(s) for s in states)
    if len(who) > 1 and len(states) <= 4 and len(short) <= 24 and _NAME.match(short):
        return short
    return f"{_capital(who[0])}State"


def _capital(word: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", word))


def _table(net: BayesNet, v: Variable, wires: dict[str, str], labels: dict[tuple[str, ...], dict[str, str]]) -> str:
    """The table's lines, columns aligned."""
    head = [*(wires[p] for p in v.parents), *labels[v.states].values()]
    nothing = ["0"] * (len(labels[v.states]) - len(v.states))
    states = net.states
    # The row of a label that stands for nothing never happens; a table still has to have it.
    own = [(*states[p], *([NOTHING] if len(states[p]) == 1 else [])) for p in v.parents]
    told = dict(zip(net.keys(v), v.rows, strict=True))
    rows = [
        [
            *(labels[states[p]][s] for p, s in zip(v.parents, key, strict=True)),
            *_row(told[tuple(n if s == NOTHING else s for s, n in zip(key, (states[p][0] for p in v.parents), strict=True))]),
            *nothing,
        ]
        for key in product(*own)
    ]
    large = len(rows) * len(head) > ALIGNED
    widths = [0 if large else max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    split = len(v.parents)

    def line(cells: list[str]) -> str:
        keys = " | ".join(c.ljust(w) for c, w in zip(cells[:split], widths[:split], strict=True))
        numbers = " | ".join(c.rjust(w) for c, w in zip(cells[split:], widths[split:], strict=True))
        return f"    | {keys} || {numbers} |"

    return "\n".join(line(cells) for cells in (head, *rows))


def _row(row: Row) -> list[str]:
    return [_chance(c) for c in row]


def _chance(chance: Fraction) -> str:
    """A decimal where one says it exactly, else a ratio."""
    left = chance.denominator
    twos = fives = 0
    while left % 2 == 0:
        left, twos = left // 2, twos + 1
    while left % 5 == 0:
        left, fives = left // 5, fives + 1
    digits = max(twos, fives)
    if left != 1 or digits > 18:
        return str(chance)
    whole, part = divmod(chance.numerator * 10**digits // chance.denominator, 10**digits)
    return f"{whole}.{part:0{digits}d}" if digits else str(whole)


__all__ = ["NOTHING", "STANDS", "to_game"]
