"""One interval under many loads (and stores) at once: the structure is made once, and what differs moves through it.

    many = sced_many(interval, loads)        # loads: (S, B) MW
    many.lmp, many.mcpc["RRS"], many.residual.max()

Limits that any scenario breaks enter for all of them. Lambda's reference is that of the mean load in all scenarios, since factors would
change with it otherwise; LMPs do not depend on it as long as load is served. Prices are those of the engine: where they are not
unique (`unique`), they are not always the upper end that `sced` prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from opengames.diagnostics import refuse
from opengames.models.ercot.assembly import Assembly
from opengames.models.ercot.clear import NEAR, NUDGES, Optimum, Start, clear, refusal
from opengames.models.ercot.given import as_numbers, as_rows
from opengames.models.ercot.interval import Before, Spots, lay_interval
from opengames.models.ercot.limits import Limits, check_buses, reference_weights
from opengames.models.ercot.products import PRODUCTS
from opengames.models.ercot.sced import Interval, check_load, check_reach, check_terms, unsold
from opengames.solvers.clearing.batch import Many, solve_many
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.highs import solve
from opengames.solvers.clearing.program import Moving
from opengames.solvers.clearing.solution import BAR

_ROUNDS = 30
_AT_ONCE = 40
_FLOWS = 4_000_000


@dataclass(frozen=True)
class Scenarios:
    """S clearings of one fleet. output: (S, R) MW. award: (S, A) MW. stored: (S, E) MWh. unserved, surplus: (S,) MW.

    system_lambda, mcpc (each (S,)): capped; uncapped_lambda, uncapped_mcpc: as the program has them. lmp: (S, B), from the capped lambda. limits:
    names of those that entered, factors (L, B), shadow_price, violated (S, L). unique: (S,) prices are known to be unique.
    objective: (S,) $. residual: (S,) the largest relative one. engines: how many each engine found.
    """

    output: np.ndarray
    award: np.ndarray
    stored: np.ndarray
    unserved: np.ndarray
    surplus: np.ndarray
    system_lambda: np.ndarray
    uncapped_lambda: np.ndarray
    mcpc: Mapping[str, np.ndarray]
    uncapped_mcpc: Mapping[str, np.ndarray]
    lmp: np.ndarray
    limits: tuple[str, ...]
    factors: np.ndarray
    shadow_price: np.ndarray
    violated: np.ndarray
    reference: np.ndarray
    unique: np.ndarray
    objective: np.ndarray
    residual: np.ndarray
    engines: Mapping[str, int]


def sced_many(interval: Interval, load: np.ndarray, stored: np.ndarray | None = None) -> Scenarios:
    """Clears `interval` under each row of `load` (S, B), in MW; stored: (S, E) MWh at the start, else the fleet's own.

    Raises `Refusal`: `data-shape`, `bad-resource` for a store outside its limits, `infeasible` for the first scenario that has no dispatch.
    """
    load = as_rows(load)
    for each in load:
        check_load(each, interval.fleet)
    check_terms(interval.hours, interval.regulation_share, interval.curves)
    check_reach(interval.fleet, interval.hours)
    check_buses(interval.limits, interval.fleet.buses)
    begin = _stores(interval, len(load), stored)
    mean = load.mean(axis=0)
    weights = reference_weights(interval.reference, mean, interval.fleet.buses)
    entered = np.zeros((0, 2), int)
    for _ in range(_ROUNDS):
        optimum, s, start = _structure(interval, mean, weights, entered)
        moving, energy = _moving(optimum, s, mean, interval)
        right = np.hstack([load.sum(axis=1)[:, None], load @ optimum.factors.T, begin[:, : len(energy)], np.zeros((len(load), 1))])
        many = solve_many(moving, right)
        bad = np.flatnonzero(~many.solved)
        if len(bad):
            here = moving.at(right[bad[0]])
            raise refusal(here, solve(here))
        more = _broken(interval.limits, s, many.x, load, weights, start.limits)
        if not len(more):
            return _read(interval, optimum, s, _upper(moving, right, many), weights)
        entered = np.vstack([start.limits, np.c_[np.zeros(len(more), int), more]])
    raise refuse("over-budget", f"after {_ROUNDS} rounds network limits are still broken in some scenario")


def _stores(interval: Interval, many: int, stored: np.ndarray | None) -> np.ndarray:
    f = interval.fleet
    if stored is None:
        return np.tile(f.stored, (many, 1))
    found = as_numbers(stored, "stores", "give MWh, a row for each scenario and a column for each storage resource")
    if found.shape != (many, len(f.esr)):
        raise refuse("data-shape", f"stores of shape {found.shape} came for {many} scenarios of {len(f.esr)} storage resources")
    wrong = np.argwhere(~((found >= f.least) & (found <= f.most)))
    if len(wrong):
        i, e = wrong[0]
        raise refuse("bad-resource", f"the resource `{f.names[f.esr[e]]}` has {found[i, e]:g} MWh in store in scenario {i + 1} and must keep between "
                     f"{f.least[e]:g} and {f.most[e]:g} MWh", help="mend the scenario")  # fmt: skip
    return found


def _structure(interval: Interval, load: np.ndarray, weights: np.ndarray, entered: np.ndarray) -> tuple[Optimum, Spots, Start]:
    to = Assembly()
    f = interval.fleet
    s = lay_interval(to, (), f, float(load.sum()), interval.curves, interval.penalties, interval.hours, interval.regulation_share, Before())
    found = clear(to, [s], interval.limits, load[None], weights[None], start=Start(entered, None))
    return found, s, found.start


def _moving(found: Optimum, s: Spots, load: np.ndarray, interval: Interval) -> tuple[Moving, np.ndarray]:
    """The program with load out of it: data is the load in all, the load as each limit sees it, what is in store, and by how many MW more
    of every service is required."""
    here = found.program
    m, n = here.matrix.shape
    energy = s.energy
    rows = np.r_[s.balance, found.rows, energy]
    at = np.r_[load.sum(), found.factors @ load, interval.fleet.stored[: len(energy)]]
    lower, upper = here.row_lower.copy(), here.row_upper.copy()
    lower[rows] -= at
    upper[rows] -= at
    services = np.array(list(s.service.values()), int)
    where = np.r_[rows, services], np.r_[np.arange(len(rows)), np.full(len(services), len(rows))]
    by = sparse.csr_array((np.ones(len(where[0])), where), shape=(m, len(rows) + 1))
    still = sparse.csr_array((n, len(rows) + 1))
    return Moving(replace(here, row_lower=lower, row_upper=upper), still, by, still, still, np.zeros(len(rows) + 1)), energy


def _upper(moving: Moving, right: np.ndarray, many: Many) -> Many:
    """The same optima with the prices of one more megawatt where prices may not be unique, as `sced` prints them: those of a little more
    load, and less more of every service, which must be prices of the optimum itself."""
    judge, program = Certificate(moving.program), moving.program
    y, z, residual = many.y.copy(), many.z.copy(), many.residual.copy()
    open_ = np.flatnonzero(many.solved & ~many.unique)
    for nudge, both in ((n, both) for both in (1, 0) for n in NUDGES):
        if not len(open_):
            break
        aside = right[open_].copy()
        aside[:, 0] += nudge
        aside[:, -1] += both * nudge / 100
        moved = solve_many(moving, aside)
        rows = (moving.row_by @ right[open_].T).T
        lower, upper = (
            np.concatenate([ends + rows, np.broadcast_to(columns, (len(rows), len(columns)))], axis=1)
            for ends, columns in ((program.row_lower, program.lower), (program.row_upper, program.upper))
        )
        x = many.x[open_]
        found = judge.measure(program.cost[None], lower, upper, program.offset, x, moved.y)
        largest = np.max([found[name] for name in ("primal", "dual", "complementarity", "gap")], axis=0)
        good = moved.solved & (largest <= BAR)
        at = open_[good]
        y[at], residual[at] = moved.y[good], largest[good]
        z[at] = program.cost - (program.matrix.T @ y[at].T).T
        open_ = open_[~good]
    return replace(many, y=y, z=z, residual=residual)


def _broken(limits: Limits | None, s: Spots, x: np.ndarray, load: np.ndarray, weights: np.ndarray, entered: np.ndarray) -> np.ndarray:
    """Limits that some scenario breaks and that have not entered, those missed by most first."""
    if limits is None or not len(limits.limit):
        return np.zeros(0, int)
    worst = np.full(len(limits.limit), -np.inf)
    for part in np.array_split(np.arange(len(load)), max(1, len(load) * len(worst) // _FLOWS)):
        net = s.injection @ x[part][:, s.injecting].T - load[part].T
        net = net - weights[:, None] * net.sum(axis=0)
        worst = np.maximum(worst, (limits.flows(net) - limits.limit[:, None]).max(axis=1))
    worst[entered[:, 1]] = -np.inf
    found = np.flatnonzero(worst > NEAR)
    return found[np.argsort(-worst[found], kind="stable")][:_AT_ONCE]


def _read(interval: Interval, found: Optimum, s: Spots, many: Many, weights: np.ndarray) -> Scenarios:
    x, y, voll = many.x, many.y / s.hours, interval.penalties.voll
    energy = y[:, s.balance]
    prices = {k: y[:, s.service[k]] + 0.0 if k in s.service else np.full(len(x), unsold(interval.curves.get(k))) for k in PRODUCTS}
    shadow = np.maximum(-y[:, found.rows], 0.0)
    capped = np.minimum(energy, voll)
    assert interval.limits is not None or not len(found.limits)
    names = () if interval.limits is None else tuple(interval.limits.names[c] for _, c in found.limits)
    return Scenarios(
        output=x[:, s.p], award=x[:, s.award], stored=x[:, s.stored], unserved=x[:, s.under].sum(axis=1), surplus=x[:, s.over].sum(axis=1),
        system_lambda=capped, uncapped_lambda=energy, mcpc={k: np.minimum(v, voll) for k, v in prices.items()}, uncapped_mcpc=prices,
        lmp=capped[:, None] - shadow @ found.factors, limits=names, factors=found.factors, shadow_price=shadow, violated=x[:, found.violations],
        reference=weights, unique=many.unique, objective=many.objective, residual=many.residual, engines=many.engines(),
    )  # fmt: skip


__all__ = ["Scenarios", "sced_many"]
