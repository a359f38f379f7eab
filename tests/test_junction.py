"""Junction trees and messages on them, against all worlds listed one by one."""

from __future__ import annotations

import time
from fractions import Fraction
from functools import reduce
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames import Refusal
from opengames.exact.elimination import Factor
from opengames.solvers.junction.passes import Beliefs
from opengames.solvers.junction.semirings import EXACT, LOG, MASS, MAX_PLUS, MIN_PLUS
from opengames.solvers.junction.tree import TooWide, junction_tree, shallow_tree

ALL = (LOG, MASS, MIN_PLUS, MAX_PLUS, EXACT)


@st.composite
def networks(draw, most=7):
    """Sizes of a few variables, scopes over them, and a seed for tables; often several components."""
    count = draw(st.integers(1, most))
    sizes = {f"v{i}": draw(st.integers(1, 3)) for i in range(count)}
    scope = st.lists(st.sampled_from(sorted(sizes)), min_size=1, max_size=3, unique=True)
    return sizes, draw(st.lists(scope, max_size=8)), draw(st.integers(0, 2**32 - 1))


def factors_of(semiring, sizes, scopes, seed, lead=()):
    """Random factors of an element type; about one entry in six is the zero."""
    rng = np.random.default_rng(seed)
    found = []
    for scope in scopes:
        shape = (*lead, *(sizes[n] for n in scope))
        if semiring is EXACT:
            table = np.array([Fraction(int(k), 7) for k in rng.integers(1, 20, prod(shape))], dtype=object).reshape(shape)
        else:
            table = rng.uniform(0.1, 3, shape) if semiring is MASS else rng.normal(0, 3, shape)
        table = np.where(rng.random(shape) < 1 / 6, semiring.zero, table)
        found.append(Factor(tuple(scope), semiring.table(table)))
    return found


def worlds(semiring, sizes, factors):
    """The product of the factors in every world, one axis for each variable."""
    names = list(sizes)
    table = np.empty(tuple(sizes.values()), dtype=semiring.dtype)
    for world in product(*(range(k) for k in sizes.values())):
        at = dict(zip(names, world, strict=True))
        entries = [f.table[tuple(at[n] for n in f.names)] for f in factors]
        table[world] = reduce(lambda a, b: semiring.times(a, b), entries, semiring.one)
    return table


def summed(semiring, table, axes):
    """The obvious sum over some axes: entry by entry, in the plainest way."""
    kept = [a for a in range(table.ndim) if a not in axes]
    rows = table.transpose([*kept, *axes]).reshape([*(table.shape[a] for a in kept), -1])
    out = np.empty(rows.shape[:-1], dtype=semiring.dtype)
    for at in np.ndindex(*out.shape):
        row = list(rows[at])
        if semiring is LOG:
            top = max(row)
            out[at] = top if top == -np.inf else top + np.log(sum(np.exp(x - top) for x in row))
        else:
            out[at] = {MIN_PLUS: min, MAX_PLUS: max}.get(semiring, sum)(row)
    return out


def same(a, b):
    if np.asarray(a).dtype == object:
        return np.array_equal(a, b)
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-11, atol=1e-11)


def wide_networks():
    """Networks of which some have cliques large enough to be relieved of children, and hubs to be fanned out."""
    many = st.integers(10, 30).flatmap(
        lambda n: st.tuples(
            st.fixed_dictionaries({f"v{i}": st.sampled_from([2, 3, 6]) for i in range(n)}),
            st.lists(st.lists(st.sampled_from([f"v{min(i, 9)}" for i in range(n)] + [f"v{i}" for i in range(n)]), min_size=1, max_size=4, unique=True), max_size=40),
            st.just(0),
        )
    )
    return st.one_of(networks(most=9), many)


@pytest.mark.parametrize("make", [junction_tree, shallow_tree])
@settings(max_examples=60)
@given(network=wide_networks())
def test_a_tree_holds_every_scope_and_every_variable_hangs_together(make, network):
    sizes, scopes, _ = network
    tree = make(sizes, scopes, cells=1 << 60)
    assert all(tree.home(s) is not None for s in scopes)
    assert {n for c in tree.cliques for n in c} == set(sizes)
    for i, p in enumerate(tree.parent):
        shared = set(tree.cliques[i]) & set(tree.cliques[p]) if p >= 0 else set()
        assert p < i and set(tree.separators[i]) == shared and bool(shared) == (p >= 0)
        assert tree.cliques[i][: len(shared)] == tree.separators[i]
        assert [n for n in tree.cliques[p] if n in shared] == list(tree.separators[i]) or p < 0
        assert not any(set(c) <= set(d) for c in [tree.cliques[i]] for j, d in enumerate(tree.cliques) if j != i)
    for n in sizes:
        tops = [i for i, c in enumerate(tree.cliques) if n in c and n not in tree.separators[i]]
        assert len(tops) == 1


@pytest.mark.parametrize("semiring", ALL, ids=lambda s: s.name)
@settings(max_examples=40)
@given(network=networks(most=6))
def test_beliefs_are_sums_over_worlds(semiring, network):
    sizes, scopes, seed = network
    factors = factors_of(semiring, sizes, scopes, seed)
    table = worlds(semiring, sizes, factors)
    tree = junction_tree(sizes, scopes)
    beliefs = Beliefs.of(tree, semiring, factors)
    names = list(sizes)
    assert same(beliefs.total()[()], summed(semiring, table, range(len(names)))[()])
    for names_kept in [*scopes, *([n] for n in names)]:
        order = [names.index(n) for n in names_kept]
        want = summed(semiring, table, [k for k in range(len(names)) if k not in order])
        kept = sorted(order)
        want = want.transpose([kept.index(k) for k in order])
        assert same(beliefs.marginal(names_kept), want)


@pytest.mark.parametrize("semiring", [MIN_PLUS, MAX_PLUS], ids=lambda s: s.name)
@settings(max_examples=40)
@given(network=networks(most=6))
def test_the_world_traced_back_is_a_best_one(semiring, network):
    sizes, scopes, seed = network
    factors = factors_of(semiring, sizes, scopes, seed)
    table = worlds(semiring, sizes, factors)
    beliefs = Beliefs.of(junction_tree(sizes, scopes), semiring, factors)
    best = table.min() if semiring is MIN_PLUS else table.max()
    if best == semiring.zero:
        with pytest.raises(Refusal, match="no world is possible"):
            beliefs.best()
    else:
        world = beliefs.best()
        assert same(table[tuple(world[n] for n in sizes)], best)


@settings(max_examples=30)
@given(network=networks(), lead=st.integers(1, 4))
def test_a_leading_axis_of_traders_is_a_loop_over_them(network, lead):
    sizes, scopes, seed = network
    tree = junction_tree(sizes, scopes)
    factors = factors_of(MIN_PLUS, sizes, scopes, seed, (lead,))
    factors = [f if k % 3 else Factor(f.names, f.table[0]) for k, f in enumerate(factors)]  # some shared by all
    together = Beliefs.of(tree, MIN_PLUS, factors)
    for k in range(lead):
        alone = Beliefs.of(tree, MIN_PLUS, [Factor(f.names, f.table[k] if f.table.ndim > len(f.names) else f.table) for f in factors])
        assert same(np.broadcast_to(together.total(), (lead,))[k], alone.total()[()])
        for n in sizes:
            assert same(np.broadcast_to(together.marginal([n]), (lead, sizes[n]))[k], alone.marginal([n]))
        if np.isfinite(together.total()).all():
            ours, theirs = together.best(), alone.best()
            assert all(np.broadcast_to(ours[n], (lead,))[k] == theirs[n] for n in sizes)


@pytest.mark.parametrize("semiring", [LOG, MAX_PLUS, EXACT], ids=lambda s: s.name)
@settings(max_examples=30)
@given(network=networks(), data=st.data())
def test_many_changes_and_questions_give_what_a_fresh_pass_gives(semiring, network, data):
    sizes, scopes, seed = network
    tree = junction_tree(sizes, scopes)
    beliefs = Beliefs.of(tree, semiring, factors_of(semiring, sizes, scopes, seed))
    for step in range(data.draw(st.integers(1, 8))):
        i = data.draw(st.integers(0, len(tree.cliques) - 1))
        if data.draw(st.booleans()):
            (new,) = factors_of(semiring, sizes, [tree.cliques[i]], seed + step + 1)
            before, total = beliefs, beliefs.total()
            beliefs = beliefs.replaced(i, new.table)
            assert same(before.total(), total)
        fresh = Beliefs(tree, semiring, beliefs.tables)
        assert same(beliefs.belief(i), fresh.belief(i))
    assert all(map(same, beliefs.calibrated(), Beliefs(tree, semiring, beliefs.tables).calibrated()))
    assert all(same(t, fresh.belief(i)) for i, t in enumerate(beliefs.calibrated()))


@settings(max_examples=30)
@given(networks())
def test_chances_are_the_gradient_of_the_log_total(network):
    sizes, scopes, seed = network
    tree = junction_tree(sizes, scopes)
    factors = [Factor(f.names, np.where(np.isfinite(f.table), f.table, 0)) for f in factors_of(LOG, sizes, scopes, seed)]
    beliefs = Beliefs.of(tree, LOG, factors)
    name, h = next(iter(sizes)), 1e-5
    for value in range(sizes[name]):
        bump = h * np.eye(sizes[name])[value]
        slope = (beliefs.multiplied([name], bump).total() - beliefs.multiplied([name], -bump).total()) / (2 * h)
        assert abs(slope - beliefs.distribution([name])[value]) < 1e-8


def test_counting_worlds_needs_no_bound_on_numbers():
    n = 300
    sizes = {f"x{i}": 2 for i in range(n)}
    scopes = [(f"x{i}", f"x{i + 1}") for i in range(n - 1)]
    tree = junction_tree(sizes, scopes)
    no_two = EXACT.mask([[True, True], [True, False]])
    count = Beliefs.of(tree, EXACT, [Factor(s, no_two) for s in scopes]).total()[()]
    a, b = 1, 2  # Fibonacci: binary words without two ones in a row
    for _ in range(n - 1):
        a, b = b, a + b
    assert count == b > 2**200


def test_a_trade_and_a_price_cost_the_path_between_them():
    n = 400
    sizes = {f"x{i}": 2 for i in range(n)}
    scopes = [(f"x{i}", f"x{i + 1}") for i in range(n - 1)]
    tree = junction_tree(sizes, scopes)
    rng = np.random.default_rng(3)
    beliefs = Beliefs.of(tree, LOG, [Factor(s, rng.normal(size=(2, 2))) for s in scopes])
    for far in (1, 10, 100):
        i, j = tree.home(scopes[50]), tree.home(scopes[50 + far])
        beliefs.belief(i)
        new = beliefs.replaced(i, rng.normal(size=(2, 2)))
        new.belief(j)
        assert new.made - beliefs.made == len(tree.path(i, j)) - 1 == far
        new.belief(i)
        new.belief(j)  # nothing changed in between: no message is made again
        assert new.made - beliefs.made == far
        assert same(new.belief(j), Beliefs(tree, LOG, new.tables).belief(j))


@pytest.mark.parametrize("kind", ["chain", "star", "tree"])
def test_ten_thousand_events_take_a_moment(kind):
    n = 10_000
    before = {"chain": lambda i: i - 1, "star": lambda i: 0, "tree": lambda i: (i - 1) // 2}[kind]
    scopes = [(f"x{before(i)}", f"x{i}") for i in range(1, n)]
    began = time.process_time()
    tree = junction_tree({f"x{i}": 2 for i in range(n)}, scopes)
    keep = np.log([[0.9, 0.1], [0.2, 0.8]])
    beliefs = Beliefs.of(tree, LOG, [Factor(s, keep) for s in scopes]).multiplied(["x0"], np.log([1.0, 1e-300]))
    assert np.allclose(beliefs.distribution(["x1"]), [0.9, 0.1])
    assert tree.width == 1 and max(map(len, tree.children)) <= 16
    assert time.process_time() - began < 10


def test_a_shallow_tree_of_a_long_chain_is_as_deep_as_a_logarithm():
    for order, deepest in ((1, 12), (2, 12)):
        sizes = {f"x{i}": 2 for i in range(1000)}
        scopes = [tuple(f"x{k}" for k in range(i, i + order + 1)) for i in range(1000 - order)]
        narrow, shallow = junction_tree(sizes, scopes), shallow_tree(sizes, scopes)
        assert narrow.width == order and max(narrow.depth) > 400
        assert max(shallow.depth) <= deepest and shallow.cells < 8 * narrow.cells


def test_a_tree_over_budget_is_refused_with_the_count():
    sizes = {f"x{i}": 2 for i in range(30)}
    pairs = [(a, b) for a in sizes for b in sizes if a < b]
    with pytest.raises(Refusal, match="over-budget") as refused:
        junction_tree(sizes, pairs, cells=10_000)
    assert isinstance(refused.value, TooWide) and refused.value.counted > refused.value.limit == 10_000


def test_the_same_network_gets_the_same_tree():
    rng = np.random.default_rng(5)
    names = [f"x{i}" for i in range(40)]
    scopes = [tuple(rng.choice(names, 3, replace=False)) for _ in range(45)]
    sizes = dict.fromkeys(names, 2)
    assert junction_tree(sizes, scopes, cells=1 << 30) == junction_tree(sizes, scopes, cells=1 << 30)


def test_what_does_not_fit_is_refused():
    tree = junction_tree({"a": 2, "b": 3}, [("a", "b")])
    with pytest.raises(ValueError, match="has the shape"):
        Beliefs(tree, LOG, [np.zeros((3, 2))])
    with pytest.raises(ValueError, match="has the entry inf"):
        Beliefs(tree, LOG, [np.full((2, 3), np.inf)])
    with pytest.raises(ValueError, match="has the entry nan"):
        Beliefs(tree, MIN_PLUS, [np.full((2, 3), np.nan)])
    with pytest.raises(ValueError, match="negative"):
        Beliefs(tree, MASS, [np.full((2, 3), -1.0)])
    with pytest.raises(Refusal, match="impossible-evidence"):
        Beliefs(tree, LOG, [np.full((2, 3), -np.inf)]).distribution(["a"])


def test_no_variable_at_all_is_one_world():
    beliefs = Beliefs.of(junction_tree({}, []), EXACT, [])
    assert beliefs.total()[()] == 1
