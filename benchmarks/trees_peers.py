"""Peers of the junction tree kernel: `mbi` (compiled by JAX, its own trees) and pyAgrum (Shafer-Shenoy, C++).

mbi gets the chances as logarithms and answers with the marginals of all variables, through its default passes for
networks with zeros (`message_passing_shafer_shenoy`; its other default, HUGIN, makes nans of zeros). Scenarios are
added as one more factor for each variable, in batches. pyAgrum has built its tree and answered once before it is
measured, and changes the values of its evidence in place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Mbi:
    """A network for mbi. names: of each factor. Raises `ImportError` without it."""

    def __init__(self, sizes: Mapping[str, int], names: Sequence[tuple[str, ...]], tables: Sequence[Array]) -> None:
        from opengames.sampled.backend import jax, jnp

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of single precision before ours is switched off
            from mbi import CliqueVector, Domain, Factor, marginal_oracles
        self._jax, self._jnp, self._sizes = jax, jnp, sizes
        self._vector, self._factor, self._passes = CliqueVector, Factor, marginal_oracles.message_passing_shafer_shenoy
        self._domain = Domain(list(sizes), list(sizes.values()))
        self._names = names
        with np.errstate(divide="ignore"):
            self._logs = [np.log(t) for t in tables]
        self._device = [jnp.asarray(t) for t in self._logs]
        self._one = jax.jit(lambda tables: self._marginals(tables, None))

    def edited(self, k: int) -> Array:
        """All marginals after factor `k` came anew."""
        tables = list(self._device)
        tables[k] = self._logs[k]
        return np.asarray(self._one(tables))

    def scenarios(self, batch: int) -> Callable[[Array], Array]:
        """All marginals for rows of logarithms of likelihoods, compiled for batches of this size."""
        jax = self._jax
        many = jax.jit(
            lambda tables, rows: jax.lax.map(lambda row: self._marginals(tables, row), rows, batch_size=batch)
        )
        return lambda rows: np.asarray(many(self._device, rows))

    def _marginals(self, tables: Sequence[Any], likelihoods: Any) -> Any:
        found: dict[Any, Any] = {}
        for names, table in zip(self._names, tables, strict=True):
            clique = self._domain.canonical(names)
            found[clique] = self._factor(self._domain.project(names), table).transpose(clique)
        start = 0
        for name, size in self._sizes.items():
            if likelihoods is not None:
                told = self._factor(self._domain.project((name,)), likelihoods[start : start + size])
                found[(name,)] = found[(name,)] + told if (name,) in found else told
            start += size
        marginals = self._passes(self._vector(self._domain, list(found), found))
        return self._jnp.concatenate([marginals.project((name,)).values for name in self._sizes])


def agrum_loop(net: Any, observed: Sequence[str], names: Sequence[str]) -> Callable[[Sequence[Sequence[int]]], list[Array]]:
    """pyAgrum's marginals of all unobserved variables for rows of value numbers of the observed ones, one row at a time."""
    import pyagrum

    engine = pyagrum.ShaferShenoyInference(net)
    engine.setNumberOfThreads(1)
    for name in observed:
        engine.addEvidence(name, 0)
    wanted = [n for n in names if n not in observed]

    def ask(rows: Sequence[Sequence[int]]) -> list[Array]:
        found = []
        for row in rows:
            for name, value in zip(observed, row, strict=True):
                engine.chgEvidence(name, int(value))
            engine.makeInference()
            found.append(np.concatenate([engine.posterior(n).toarray() for n in wanted]))
        return found

    return ask


__all__ = ["Mbi", "agrum_loop"]
