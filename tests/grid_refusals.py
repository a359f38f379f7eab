"""What networks refuse, one act for each code, for the golden reports; and a small network that other tests use too."""

import sys
from dataclasses import replace
from unittest import mock

import numpy as np

from opengames.models.grid.costs import points
from opengames.models.grid.matpower import parse_matpower
from opengames.models.grid.network import Branches, Buses, Curve, Network, Storages, Units
from opengames.models.grid.shift_factors import ShiftFactors


def network(load, ends, reactance, limit, units, shift=None, name="harbour") -> Network:
    """A network from short lists. load: MW of each bus. units: (bus, least, most, price)."""
    n, m = len(load), len(ends)
    none = np.zeros(0)
    return Network(
        name, 100.0,
        Buses(tuple(f"b{i}" for i in range(n)), np.array(load, float), np.full(n, 138.0), ("",) * n, ("",) * n, np.full(n, np.nan), np.full(n, np.nan)),
        Branches(
            tuple(f"b{a}-b{b} #{i}" for i, (a, b) in enumerate(ends)), np.array([a for a, _ in ends], int), np.array([b for _, b in ends], int),
            np.array(reactance, float), np.ones(m), np.zeros(m) if shift is None else np.array(shift, float), np.array(limit, float),
        ),
        Units(
            tuple(f"u{i}" for i in range(len(units))), np.array([u[0] for u in units], int), np.array([u[1] for u in units], float),
            np.array([u[2] for u in units], float), np.full(len(units), np.inf), ("",) * len(units),
            tuple(u[3] if isinstance(u[3], Curve) else Curve(none, none, float(u[3])) for u in units),
        ),
        Storages((), np.zeros(0, int), none, none, none, none),
    )  # fmt: skip


def triangle(limit=100.0) -> Network:
    """Three buses in a ring of equal lines: two thirds of what goes from one to another takes the short way."""
    return network([0, 0, 150], [(0, 1), (1, 2), (0, 2)], [0.1, 0.1, 0.1], [np.inf, np.inf, limit], [(0, 0, 200, 10), (1, 0, 200, 30)])


def _apart():
    whole = triangle()
    buses = replace(whole.buses, names=("mole", "pier", "quay"))
    lines = whole.branches
    ShiftFactors(replace(whole, buses=buses, branches=replace(
        lines, names=lines.names[:1], tail=lines.tail[:1], head=lines.head[:1], reactance=lines.reactance[:1], tap=lines.tap[:1],
        shift=lines.shift[:1], limit=lines.limit[:1],
    )))  # fmt: skip


def _without():
    with mock.patch.dict(sys.modules, {"matpowercaseframes.reader": None}):
        parse_matpower("mpc.baseMVA = 100;", "case")


GRID = {
    "bad-case": lambda: points([0, 100, 200], [0, 3000, 5000], 0, 200, "G7", "case9.m, line 57 (gencost, row 3)"),
    "disconnected-bus": _apart,
    "not-installed": _without,
}
