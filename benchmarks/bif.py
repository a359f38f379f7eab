"""Bayesian networks in the interchange format BIF: read, written as `.game` text, and sampled.

Only what the networks of the `bnlearn` collection use: discrete variables, and tables given by row or, for roots, whole.
Rows that sum to one but for the last printed digit (`0.3333333` three times) are made to sum to one exactly.
"""

from __future__ import annotations

import gzip
import importlib.resources
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from graphlib import TopologicalSorter
from itertools import product

_VARIABLE = re.compile(r"variable\s+(\S+)\s*\{\s*type\s+discrete\s*\[\s*\d+\s*\]\s*\{([^}]*)\}\s*;\s*\}")
_PROBABILITY = re.compile(r"probability\s*\(([^)]*)\)\s*\{([^}]*)\}")
_ROW = re.compile(r"(?:table|\(([^)]*)\))\s*([^;]*);")


@dataclass(frozen=True)
class Node:
    """One variable. rows: by the parents' values, chances in the order of `values`."""

    values: tuple[str, ...]
    parents: tuple[str, ...]
    rows: Mapping[tuple[str, ...], tuple[Fraction, ...]]


Network = Mapping[str, Node]  # parents before children


def shipped(name: str) -> str:
    """The text of one of the networks in pgmpy's wheel. Raises `ModuleNotFoundError` without pgmpy."""
    packed = importlib.resources.files("pgmpy") / "utils" / "example_models" / f"{name}.bif.gz"
    return gzip.decompress(packed.read_bytes()).decode()


def read(text: str) -> Network:
    """The network in a BIF text. Raises `ValueError` for rows that do not sum to one within 1e-5."""
    values = {name: _words(listed) for name, listed in _VARIABLE.findall(text)}
    nodes: dict[str, Node] = {}
    for head, body in _PROBABILITY.findall(text):
        child, _, given = head.partition("|")
        rows = {_words(key): _row(numbers) for key, numbers in _ROW.findall(body)}
        nodes[child.strip()] = Node(values[child.strip()], _words(given), rows)
    order = TopologicalSorter({name: node.parents for name, node in nodes.items()}).static_order()
    return {name: nodes[name] for name in order}


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",") if word.strip())


def _row(numbers: str) -> tuple[Fraction, ...]:
    chances = [Fraction(n) for n in _words(numbers)]
    total = sum(chances, Fraction(0))
    if abs(total - 1) > Fraction(1, 10**5):
        raise ValueError(f"the row {numbers.strip()} sums to {float(total)}")
    return tuple(c / total for c in chances)


def to_game(network: Network, name: str) -> str:
    """The network as a text: an enumeration for every list of values, a table for every variable, one channel of all."""
    kinds: dict[tuple[str, ...], str] = {}
    for node in network.values():
        kinds.setdefault(node.values, "_or_".join(node.values).title())
    parts = [f"type {kind} = {' | '.join(values)}" for values, kind in kinds.items()]
    draws = []
    for child, node in network.items():
        wire = child.lower()
        if not node.parents:
            chances = ", ".join(f"{v}: {c}" for v, c in zip(node.values, node.rows[()], strict=True))
            draws.append(f"    {wire} ~ {{{chances}}}")
            continue
        heads = [p.lower() for p in node.parents]
        inputs = ", ".join(f"{h}: {kinds[network[p].values]}" for h, p in zip(heads, node.parents, strict=True))
        keys = product(*(network[p].values for p in node.parents))
        rows = [f"    | {' | '.join(key)} || {' | '.join(map(str, node.rows[key]))} |" for key in keys]
        head = f"    | {' | '.join(heads)} || {' | '.join(node.values)} |"
        table = "\n".join([head, *rows])
        parts.append(f"channel {wire}_given({inputs}) -> ({wire}: {kinds[node.values]}) = table {{\n{table}\n}}")
        draws.append(f"    {wire} ~ {wire}_given({', '.join(heads)})")
    outputs = ", ".join(f"{child.lower()}: {kinds[node.values]}" for child, node in network.items())
    parts.append(f"channel {name}() -> ({outputs}) {{\n" + "\n".join(draws) + "\n}")
    return "\n\n".join(parts) + "\n"


def sample(network: Network, rng: random.Random) -> dict[str, str]:
    """One world, by its chances: evidence taken from it is never impossible."""
    world: dict[str, str] = {}
    for name, node in network.items():
        chances = node.rows[tuple(world[p] for p in node.parents)]
        (world[name],) = rng.choices(node.values, [float(c) for c in chances])
    return world


__all__ = ["Network", "Node", "read", "sample", "shipped", "to_game"]
