"""Random networks for laws, and PYPOWER's cases with limits that bind."""

from dataclasses import replace

import numpy as np
from grid_refusals import network
from hypothesis import strategies as st

from opengames.models.grid.network import Curve, Network

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


def tightened(case: Network, flow: np.ndarray, share: float) -> Network:
    """The network with the limit of every branch at about `share` of the largest flow.

    No two limits are alike: of two equal ones in series either may bind, and the price between them would be anybody's choice.
    """
    n = len(flow)
    limit = np.abs(flow).max() * share * (1 + np.arange(n) / (100 * n))
    return replace(case, branches=replace(case.branches, limit=limit))
