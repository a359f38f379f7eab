"""Random networks for laws, and PYPOWER's cases with limits that bind."""

from dataclasses import replace

import numpy as np
from grid_refusals import network
from hypothesis import strategies as st

from opengames.models.grid.network import Curve, DirectLines, Network, Storages

NONE = np.zeros(0)


@st.composite
def networks(draw, quadratic=False, limits=True, shifts=False) -> Network:
    """A connected network: a random tree and some branches more, parallel ones among them; units that together can meet the load."""
    n = draw(st.integers(2, 7))
    tree = [(draw(st.integers(0, i - 1)), i) for i in range(1, n)]
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] != p[1])
    ends = tree + draw(st.lists(pairs, max_size=5))
    m = len(ends)
    reactance = draw(st.lists(st.integers(1, 40), min_size=m, max_size=m))
    load = draw(st.lists(st.integers(0, 60), min_size=n, max_size=n))
    limit = draw(st.lists(st.sampled_from([15, 40, 80, np.inf]), min_size=m, max_size=m)) if limits else [np.inf] * m
    shift = draw(st.lists(st.integers(-5, 5), min_size=m, max_size=m)) if shifts else None
    count = draw(st.integers(1, 4))
    prices = draw(st.lists(st.integers(-5, 90), min_size=count, max_size=count, unique=True))
    units = [(draw(st.integers(0, n - 1)), 0, draw(st.integers(30, 200)), p) for p in prices]
    if quadratic:
        squares = draw(st.lists(st.integers(1, 40), min_size=count, max_size=count))
        units = [(b, low, high, Curve(NONE, NONE, p, s / 100)) for (b, low, high, p), s in zip(units, squares, strict=True)]
    units.append((draw(st.integers(0, n - 1)), 0, 60 * n, 150))
    return network(load, ends, [r / 100 for r in reactance], limit, units, shift)


@st.composite
def joined(draw, quadratic=False) -> Network:
    """Two connected networks, or one, and direct-current lines that join them or lie beside their branches."""
    first = draw(networks(quadratic=quadratic))
    second = draw(networks(limits=False)) if draw(st.booleans()) else None
    n = len(first.buses)
    grid = first if second is None else together(first, second)
    ends = [] if second is None else [(draw(st.integers(0, n - 1)), n + draw(st.integers(0, len(second.buses) - 1)))]
    pairs = st.tuples(st.integers(0, len(grid.buses) - 1), st.integers(0, len(grid.buses) - 1)).filter(lambda p: p[0] != p[1])
    ends += draw(st.lists(pairs, min_size=1, max_size=3))
    lines = []
    for _ in ends:
        least = draw(st.sampled_from([-40, -10, 0, 5]))
        # what flows back loses nothing: a loss in proportion would be a gain
        share = draw(st.sampled_from([0.0, 0.02, 0.1])) if least >= 0 else 0.0
        lines.append((least, draw(st.integers(10, 60)), share, draw(st.sampled_from([0.0, 0.5])), Curve(NONE, NONE, draw(st.sampled_from([0.0, 3.0])))))
    tail, head = np.array(ends).T
    least, most, share, lost = np.array([line[:4] for line in lines], float).T
    return replace(grid, direct=DirectLines(tuple(f"d{k}" for k in range(len(ends))), tail, head, least, most, share, lost, tuple(line[4] for line in lines)))


def together(one: Network, other: Network) -> Network:
    """Two networks side by side, joined by nothing."""
    n = len(one.buses)
    parts = {}
    for name in ("buses", "branches", "units"):
        a, b = getattr(one, name), getattr(other, name)
        fields = {}
        for field in type(a).__dataclass_fields__:
            x, y = getattr(a, field), getattr(b, field)
            if field == "names":
                y = tuple(f"{k}'" for k in y)
            fields[field] = x + y if isinstance(x, tuple) else np.concatenate((x, y + n if field in ("tail", "head", "bus") else y))
        parts[name] = type(a)(**fields)
    return replace(one, **parts)


def with_stores(grid: Network, *stores: dict) -> Network:
    """The network with batteries: `bus`, `power`, `energy`, and what else `Storages` has."""
    usual = {"charge": 0.9, "discharge": 0.9}
    named = {k for each in stores for k in each} | set(usual)
    rows = [{**usual, **each} for each in stores]
    columns = {k: np.array([r[k] for r in rows], int if k == "bus" else float) for k in named}
    return replace(grid, storages=Storages(tuple(f"s{i}" for i in range(len(stores))), **columns))


def tightened(case: Network, flow: np.ndarray, share: float) -> Network:
    """The network with the limit of every branch at about `share` of the largest flow.

    No two limits are alike: of two equal ones in series either may bind, and the price between them would be anybody's choice.
    """
    n = len(flow)
    limit = np.abs(flow).max() * share * (1 + np.arange(n) / (100 * n))
    return replace(case, branches=replace(case.branches, limit=limit))
