"""The compiled passes against messages in NumPy, which are tested against all worlds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opengames.exact.elimination import Factor
from opengames.solvers.junction.kernel import Kernel
from opengames.solvers.junction.layout import layout
from opengames.solvers.junction.passes import Beliefs
from opengames.solvers.junction.scenarios import Scenarios
from opengames.solvers.junction.tree import junction_tree, shallow_tree

ELEMENTS = ("mass", "log", "min", "max")


def network(seed, count=14, extra=10, forest=2):
    """A random network of several components with tables of which some entries are zero."""
    rng = np.random.default_rng(seed)
    sizes = {f"v{i}": int(rng.integers(1, 4)) for i in range(count)}
    names = list(sizes)
    scopes = [(names[int(rng.integers(0, i))], names[i]) for i in range(1, count) if i % (count // forest)]
    half = count // forest
    scopes += [tuple(rng.choice(names[:half], 3, replace=False)) for _ in range(extra // 4)]
    return sizes, [*scopes, *((n,) for n in names)]


def tables_of(kernel, tree, scopes, seed):
    rng = np.random.default_rng(seed)
    semiring, factors = kernel.semiring, []
    for scope in scopes:
        shape = [tree.size[n] for n in scope]
        table = rng.uniform(0.1, 2, shape) if kernel.element == "mass" else rng.normal(0, 2, shape)
        if rng.random() < 0.3 and table.size >= 6:
            table.flat[rng.integers(table.size)] = semiring.zero
        factors.append(Factor(tuple(scope), table))
    return Beliefs.of(tree, semiring, factors)


def expected(beliefs, element):
    """(total, marginals one after another), or `None` if no world is possible."""
    total = beliefs.total()[()]
    if total == beliefs.semiring.zero:
        return None
    ask = beliefs.distribution if element in ("mass", "log") else beliefs.marginal
    values = np.concatenate([ask((n,)) for n, _ in beliefs.tree.sizes])
    return (np.log(total) if element == "mass" else total), values


@pytest.mark.parametrize("element", ELEMENTS)
def test_marginals_edits_and_scenarios_agree_with_messages(element):
    seed = ELEMENTS.index(element)
    sizes, scopes = network(seed)
    for make in (junction_tree, shallow_tree) if seed == 0 else (junction_tree,):
        tree = make(sizes, scopes)
        kernel = Kernel(tree, element)
        beliefs = tables_of(kernel, tree, scopes, seed)
        tables = kernel.pack(beliefs.tables)
        clique = len(tree.cliques) // 2
        new = beliefs.replaced(clique, kernel.semiring.times(beliefs.tables[clique], beliefs.tables[clique]))
        edited = kernel.replaced(tables, clique, new.tables[clique])
        answers = kernel.marginals(edited)
        total, values = expected(new, element)
        assert np.isclose(answers.total, total, rtol=1e-12) and np.allclose(answers.values, values, rtol=1e-11, atol=1e-12)
        rng = np.random.default_rng(seed)
        evidence = [{n: int(rng.integers(sizes[n])) for n in rng.choice(list(sizes), 3, replace=False)} for _ in range(20)]
        many = kernel.scenarios(edited, kernel.likelihoods(evidence))
        assert many.total.shape == (20,) and many.values.shape == (len(values), 20)
        assert not np.isnan(many.values).any() and not np.isnan(many.total).any()
        possible = 0
        for k, known in enumerate(evidence):
            told = new
            for name, value in known.items():
                told = told.multiplied([name], kernel.semiring.mask(np.arange(sizes[name]) == value))
            want = expected(told, element)
            if want is None:
                assert many.total[k] == (-np.inf if element in ("mass", "log") else kernel.semiring.zero)
                continue
            possible += 1
            assert np.isclose(many.total[k], want[0], rtol=1e-12)
            assert np.allclose(many.values[:, k], want[1], rtol=1e-11, atol=1e-12)
        assert possible


def test_marginals_are_the_gradient_of_the_log_total():
    import jax

    sizes, scopes = network(4, 6, 4)
    tree = junction_tree(sizes, scopes)
    kernel = Kernel(tree, "log")
    beliefs = tables_of(kernel, tree, scopes, 4)
    tables = kernel.pack(beliefs.tables)
    slope = jax.jit(jax.grad(lambda x: kernel.total(tables, x)))(kernel.likelihoods([{}])[:, 0])
    assert np.allclose(slope, expected(beliefs, "log")[1], atol=1e-12)


def test_long_products_do_not_vanish():
    n = 700
    sizes = {f"x{i}": 2 for i in range(n)}
    scopes = [(f"x{i}", f"x{i + 1}") for i in range(n - 1)]
    tree = shallow_tree(sizes, scopes)
    kernel = Kernel(tree, "mass")
    small = np.array([[1e-9, 2e-9], [3e-9, 1e-9]])
    beliefs = Beliefs.of(tree, kernel.semiring, [Factor(s, small) for s in scopes])
    answers = kernel.marginals(kernel.pack(beliefs.tables))
    total, vector = 0.0, np.ones(2)
    for _ in range(n - 1):
        vector = small @ vector
        total += np.log(vector.sum())
        vector /= vector.sum()
    assert np.isclose(answers.total, total + np.log(vector.sum()), rtol=1e-12)
    assert np.allclose(answers.of("x0"), vector / vector.sum(), rtol=1e-11)


def test_ten_thousand_events_in_a_chain_and_single_precision():
    n = 10_000
    sizes = {f"x{i}": 2 for i in range(n)}
    scopes = [(f"x{i}", f"x{i + 1}") for i in range(n - 1)]
    tree = shallow_tree(sizes, scopes)
    assert max(tree.depth) <= 30 and tree.cells < 12 * n
    kernel = Kernel(tree, "mass", dtype="float32")
    keep = np.array([[0.9, 0.1], [0.2, 0.8]])
    beliefs = Beliefs.of(tree, kernel.semiring, [Factor(s, keep) for s in scopes] + [Factor(("x0",), np.array([1.0, 0]))])
    answers = kernel.marginals(kernel.pack(beliefs.tables))
    chances = [1.0]
    for _ in range(n - 1):
        chances.append(0.9 * chances[-1] + 0.2 * (1 - chances[-1]))
    assert answers.values.dtype == np.float32 and np.abs(answers.values[::2] - chances).max() < 1e-5


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), told=st.integers(0, 6), spare=st.sampled_from([0, 1, 16]), product=st.sampled_from([0, 8]))
def test_what_scenarios_do_not_change_can_be_worked_out_before(seed, told, spare, product):
    sizes, scopes = network(seed)
    tree = junction_tree(sizes, scopes)
    kernel = Kernel(tree)
    beliefs = tables_of(kernel, tree, scopes, seed)
    rng = np.random.default_rng(seed)
    names = list(rng.choice(list(sizes), told, replace=False))
    likelihoods = {n: rng.uniform(0, 1, (sizes[n], 4)) * (rng.random((sizes[n], 4)) < 0.8) for n in names}
    found = kernel.likelihoods([{}] * 4)
    for n in names:
        found[slice(*kernel._starts[n])] = likelihoods[n]
    informed = frozenset(list(sizes).index(n) for n in names)
    with pytest.MonkeyPatch.context() as patch:  # so small a network is otherwise never cut
        for name, value in (("SPARE", spare), ("ROOM", 0 if spare < 16 else 1 << 18), ("PRODUCT", product)):
            patch.setattr(f"opengames.solvers.junction.scenarios.{name}", value)
        answers = Scenarios(tree, beliefs.tables, informed).ask(found)
    assert not np.isnan(answers).any()
    for k in range(4):
        scenario = beliefs
        for n in names:
            scenario = scenario.multiplied([n], likelihoods[n][:, k])
        want = expected(scenario, "mass")
        if want is None:
            assert answers[-1, k] == -np.inf
            continue
        assert np.isclose(answers[-1, k], want[0], rtol=1e-12)
        assert np.allclose(answers[:-1, k], want[1], rtol=1e-11, atol=1e-14)
        assert ((answers[:-1, k] == 0) == (want[1] == 0)).all()


def test_scenarios_that_tell_of_little_pass_over_little():
    n = 60
    sizes = {"hub": 9, **{f"x{i}": 4 for i in range(n)}}
    scopes = [("hub", f"x{i}", f"x{i + 1}") for i in range(n - 1)]
    tree = junction_tree(sizes, scopes)
    rng = np.random.default_rng(1)
    tables = [rng.uniform(0.1, 1, shape) for shape in tree.shapes]
    few = Scenarios(tree, tables, frozenset([1, 30]))
    assert few.worthwhile and sum(p.sum.table.size for p in few._parts) <= 9 * 4 * 4
    assert not Scenarios(tree, tables, frozenset(range(1, n + 1))).worthwhile


def test_scenarios_that_tell_of_everything_are_answered_by_the_compiled_passes():
    sizes, scopes = network(0)
    tree = junction_tree(sizes, scopes)
    kernel = Kernel(tree)
    tables = kernel.pack(tables_of(kernel, tree, scopes, 0).tables)
    rng = np.random.default_rng(2)
    likelihoods = rng.uniform(0.1, 1, (sum(sizes.values()), 5))
    found = kernel.scenarios(tables, likelihoods)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("opengames.solvers.junction.scenarios.SMALL", 0)
        other = Kernel(tree)
        compiled = other.scenarios(tables, likelihoods)
    assert "_many" in vars(other) and "_many" not in vars(kernel)
    assert np.allclose(found.values, compiled.values, rtol=1e-11) and np.allclose(found.total, compiled.total, rtol=1e-12)


def test_other_tables_and_other_evidence_are_not_answered_from_what_was_kept():
    sizes, scopes = network(3)
    tree = junction_tree(sizes, scopes)
    kernel = Kernel(tree)
    beliefs = tables_of(kernel, tree, scopes, 3)
    tables = kernel.pack(beliefs.tables)
    new = beliefs.replaced(1, beliefs.tables[1] * np.linspace(0.5, 1, beliefs.tables[1].size).reshape(tree.shapes[1]))
    for each, name in ((beliefs, "v1"), (new, "v1"), (new, "v2"), (beliefs, "v2")):
        flat = tables if each is beliefs else kernel.replaced(tables, 1, new.tables[1])
        value = int(np.argmax(each.distribution([name])))
        answers = kernel.scenarios(flat, kernel.likelihoods([{name: value}]))
        want = expected(each.multiplied([name], kernel.semiring.mask(np.arange(sizes[name]) == value)), "mass")
        assert np.allclose(answers.values[:, 0], want[1], rtol=1e-11, atol=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), operation=st.sampled_from([1, 100, 10_000]))
def test_a_layout_puts_every_entry_somewhere_of_its_own(seed, operation):
    sizes, scopes = network(seed)
    plan = layout(junction_tree(sizes, scopes), operation)
    used = np.concatenate([p.ravel() for p in plan.places])
    assert len(set(used.tolist())) == len(used) and used.max() < plan.cells and used.min() >= 0
    assert plan.values == sum(sizes.values()) == len(plan.reads)
    assert sorted(i for level in plan.levels for b in level.blocks for i in b.cliques) == list(range(len(plan.places)))


def test_what_does_not_fit_is_refused():
    kernel = Kernel(junction_tree({"a": 2, "b": 3}, [("a", "b")]))
    with pytest.raises(ValueError, match="has the shape"):
        kernel.pack([np.zeros((3, 2))])
    with pytest.raises(ValueError, match="negative"):
        kernel.pack([np.full((2, 3), -1.0)])
    with pytest.raises(ValueError, match="would count as zero"):
        kernel.pack([np.full((2, 3), 1e-310)])
    with pytest.raises(ValueError, match="would count as zero"):
        Kernel(kernel.tree, dtype="float32").pack([np.full((2, 3), 1e-50)])


def test_no_variable_and_no_table_have_one_world():
    tree = junction_tree({}, [])
    assert Kernel(tree).marginals(Kernel(tree).pack([])).total == 0.0
