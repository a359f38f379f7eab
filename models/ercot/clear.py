"""Solving the program of one or several intervals, with network limits added as they are broken.

Limits enter when the dispatch so far breaks them: the rest hold at the optimum, so the optimum is that of all of them. Each limit that
enters takes a column for its violation from a store of spare ones, so that the engine goes on from where it stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from opengames.diagnostics import refuse
from opengames.models.ercot.assembly import Assembly
from opengames.models.ercot.interval import Spots
from opengames.models.ercot.limits import Limits
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.program import Block, Program, with_rows
from opengames.solvers.clearing.solution import BAR, BASIC, Basis, Solution

#: Presolve takes longer on thousands of steps of demand curves than the simplex method without it, and exact edge weights (of which Devex
#: weights, 1, are an estimate) longer than the few pivots after limits have entered.
_OPTIONS = {"presolve": "off", "simplex_dual_edge_weight_strategy": 1}
_SPARE = 200
_ROUNDS = 60
_AT_ONCE = 40
#: MW from its limit at which a flow brings it in: those that are just met may have a price.
NEAR = 1e-6
#: MW by which load (and, a hundredth of it, requirements) are raised to see which of several prices is the upper end.
NUDGES = (1e-4, 1e-6)


@dataclass(frozen=True)
class Start:
    """Where a clearing may begin: the limits that entered another one like it (k, 2), and its basis, if it has one."""

    limits: np.ndarray
    basis: Basis | None


@dataclass(frozen=True)
class Optimum:
    """program: with the limits that entered, whole numbers held. limits: of each, its interval and its position (k, 2); rows, violations: its row and
    its column (k,). factors: of each relative to its interval's reference (k, B). flows: (T, C) at the optimum. engine: holds the program.
    start: for the next clearing like this one."""

    program: Program
    solution: Solution
    limits: np.ndarray
    rows: np.ndarray
    violations: np.ndarray
    factors: np.ndarray
    flows: np.ndarray
    rounds: int
    engine: Highs
    start: Start

    def lmp_ends(self, t: int, spot: Spots, bus: int) -> tuple[float, float]:
        """Between which numbers the price of a bus lies, uncapped, $/MWh: what a little less load there saves, and a little more costs.

        The ends are prices of this optimum, confirmed by the certificate; an end that is not confirmed is infinite.
        """
        here, ends = self.program, []
        mine = self.limits[:, 0] == t
        certificate = Certificate(here)
        for sign in (-1.0, 1.0):
            end = sign * np.inf
            for nudge in NUDGES:
                lower, upper = here.row_lower.copy(), here.row_upper.copy()
                lower[spot.balance] += sign * nudge
                upper[spot.balance] += sign * nudge
                upper[self.rows[mine]] += sign * nudge * self.factors[mine, bus]
                self.engine.change(row_lower=lower, row_upper=upper)
                moved = self.engine.solve()
                if not moved.solved:
                    continue
                residuals, _ = certificate.one(here, self.solution.x, moved.y, moved.z)
                if residuals.largest <= BAR:
                    end = (moved.y[spot.balance] + moved.y[self.rows[mine]] @ self.factors[mine, bus]) / spot.hours
                    break
            ends.append(float(end))
        self.engine.change(row_lower=here.row_lower, row_upper=here.row_upper)
        return ends[0], ends[1]


def clear(
    to: Assembly, spots: Sequence[Spots], limits: Limits | None, load: np.ndarray, weights: np.ndarray, integer: np.ndarray | None = None,
    start: Start | None = None,
) -> Optimum:  # fmt: skip
    """The optimum of what `to` holds. load, weights: (T, B) load in MW and reference weights. integer: columns that are whole.
    start: of a clearing like this one; the optimum is the same, the way to it is shorter.

    Raises `Refusal` (`infeasible`) where rules without a penalty cannot hold together (ramps, state of charge), naming them;
    `uncertain-optimum` where no engine reaches the bar.
    """
    buses = load.shape[1]
    spare = np.zeros(0, int)
    if limits is not None and len(limits.limit):
        spare = to.columns("violation", [("spare", i) for i in range(_SPARE)], 0.0, 0.0)
    program = to.program()
    if integer is not None:
        flags = np.zeros(len(program.cost), bool)
        flags[integer] = True
        program = replace(program, integer=flags)
    engine = _Engine(program)
    entered: list[tuple[int, int]] = []
    factors = np.zeros((0, buses))
    known: set[tuple[int, int]] = set()
    flows = np.zeros((len(spots), 0))
    rounds = 0

    def enter(more: list[tuple[int, int]]) -> None:
        nonlocal spare, factors, entered
        assert limits is not None
        if len(entered) + len(more) > len(spare):
            spare = engine.widen(spare, max(len(spare), len(more)))
        factors = np.vstack([factors, engine.enter(more, spots, limits, load, weights, spare[len(entered) :])])
        entered += more
        known.update(more)

    if start is not None and limits is not None and len(start.limits) and start.limits.max(axis=0)[0] < len(spots):
        enter([(int(t), int(c)) for t, c in start.limits])
    if start is not None and start.basis is not None:
        engine.begin(start.basis)
    while True:
        rounds += 1
        found = engine.solve()
        if not found.solved:
            raise refusal(engine.named(entered, limits, len(spare)), found)
        if limits is None or not len(spare):
            break
        flows = np.array([limits.flows(_injection(s, found.x, load[t], weights[t])) for t, s in enumerate(spots)])
        broken = _broken(flows, limits.limit, known)
        if not broken:
            break
        if rounds > _ROUNDS:
            raise refuse("over-budget", f"after {_ROUNDS} rounds {len(broken)} network limits are still broken")
        enter(broken)
    basis = found.basis
    final = engine.named(entered, limits, len(spare))
    found = engine.upper(found, spots)
    first = final.matrix.shape[0] - len(entered)
    rows = np.arange(first, first + len(entered))
    which = np.array(entered, int).reshape(-1, 2)
    return Optimum(
        final, found, which, rows, spare[: len(entered)], factors, flows, rounds, engine.highs, Start(which, basis)
    )


class _Engine:
    """One program in HiGHS that grows; programs with whole numbers are solved anew each time."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.start = program.rows
        self.highs: Any = None if program.integer is not None and program.integer.any() else Highs(program, _OPTIONS)

    def solve(self) -> Solution:
        if self.highs is not None:
            return self.highs.solve()
        from opengames.solvers.clearing.highs import solve

        return solve(self.program)

    def begin(self, basis: Basis) -> None:
        """Start the first solve at this basis, if it is of a program of this size."""
        if self.highs is not None and (len(basis.rows), len(basis.columns)) == self.program.matrix.shape:
            self.highs.start(basis)

    def upper(self, found: Solution, spots: Sequence[Spots]) -> Solution:
        """The same optimum with the prices of one more megawatt: at a kink, of the prices that it admits, those of more load.

        A little more load everywhere (and, less, more of every service) is cleared; its prices are prices of the optimum itself,
        which the certificate confirms, or they are not taken.
        """
        if self.highs is None:
            if self.program.integer is None:
                return found
            whole = self.program.integer
            held = np.round(found.x)
            self.program = replace(
                self.program, integer=None, lower=np.where(whole, held, self.program.lower), upper=np.where(whole, held, self.program.upper)
            )
            self.highs = Highs(self.program, _OPTIONS)
            found = replace(self.highs.solve(), whole=True)
        if found.basis is not None and not _degenerate(self.program, found):
            return found
        here = self.program
        balance = np.array([s.balance for s in spots])
        services = np.array([r for s in spots for r in s.service.values()], int)
        for nudge, both in ((n, both) for both in (1, 0) for n in NUDGES):
            lower, upper = here.row_lower.copy(), here.row_upper.copy()
            lower[balance] += nudge
            upper[balance] += nudge
            lower[services] += both * nudge / 100
            self.highs.change(row_lower=lower, row_upper=upper)
            moved = self.highs.solve()
            self.highs.change(row_lower=here.row_lower, row_upper=here.row_upper)
            if moved.solved:
                residuals, _ = Certificate(here).one(here, found.x, moved.y, moved.z)
                if residuals.largest <= BAR:
                    return replace(found, y=moved.y, z=moved.z, residuals=residuals)
        return found

    def enter(
        self, broken: Sequence[tuple[int, int]], spots: Sequence[Spots], limits: Limits, load: np.ndarray, weights: np.ndarray,
        spare: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Rows for limits: `factors @ injection - violation <= limit - constant`. Gives their factors (k, B)."""
        which = np.array([c for _, c in broken])
        raw = limits.rows(which)
        column = spare[: len(broken)]
        width = len(self.program.cost)
        factors, parts, bound = np.zeros_like(raw), [], np.zeros(len(broken))
        for i, (t, c) in enumerate(broken):
            factors[i] = raw[i] - raw[i] @ weights[t]
            s = spots[t]
            value = s.injection.T @ factors[i]
            at = np.r_[s.injecting, column[i]]
            parts.append((np.full(len(at), i), at, np.r_[value, -1.0]))
            bound[i] = limits.limit[c] - limits.constant[c] + factors[i] @ load[t]
        row, col, value = (np.concatenate([p[k] for p in parts]) for k in range(3))
        matrix = sparse.coo_array((value, (row, col)), shape=(len(broken), width)).tocsr()
        cost, upper = self.program.cost.copy(), self.program.upper.copy()
        cap = limits.cap[which]
        cost[column] = np.where(np.isfinite(cap), cap, 0.0) * np.array([spots[t].hours for t, _ in broken])
        upper[column] = np.where(np.isfinite(cap), np.inf, 0.0)
        nowhere = np.full(len(broken), -np.inf)
        if self.highs is not None:
            self.highs.change(cost=cost, upper=upper)
            self.highs.add_rows(matrix, nowhere, bound)
            self.program = self.highs.program
        else:
            self.program = with_rows(replace(self.program, cost=cost, upper=upper), matrix, nowhere, bound)
        return factors

    def widen(self, spare: np.ndarray, more: int) -> np.ndarray:
        """More spare columns, at the end; the engine starts anew."""
        here = self.program
        nought = np.zeros(more)
        matrix = sparse.csr_array(sparse.hstack([here.matrix, sparse.csr_array((here.matrix.shape[0], more))]))
        new = np.arange(len(here.cost), len(here.cost) + more)
        self.program = replace(
            here, cost=np.r_[here.cost, nought], lower=np.r_[here.lower, nought], upper=np.r_[here.upper, nought], matrix=matrix,
            integer=None if here.integer is None else np.r_[here.integer, np.zeros(more, bool)],
        )  # fmt: skip
        if self.highs is not None:
            self.highs = Highs(self.program, _OPTIONS)
        return np.r_[spare, new]

    def named(self, entered: Sequence[tuple[int, int]], limits: Limits | None, spare: int) -> Program:
        """The program with its limits under their names."""
        if limits is None or not entered:
            return self.program
        many = {t for t, _ in entered}
        index = tuple((limits.names[c],) if many == {0} else (t + 1, limits.names[c]) for t, c in entered)
        rows = (*self.start, Block("limit", index, self.program.matrix.shape[0] - len(entered), "MW"))
        columns = [b for b in self.program.columns if b.name != "violation"]
        at = next(b.start for b in self.program.columns if b.name == "violation")
        label = (*index, *(("spare", i) for i in range(spare - len(entered))))
        return replace(self.program, rows=rows, columns=(*columns, Block("violation", label[: len(label)], at, "MW")))


def _degenerate(program: Program, found: Solution) -> bool:
    """Whether something in the basis stands at a bound, so that other prices may belong to the same point."""
    assert found.basis is not None
    values = np.concatenate([program.matrix @ found.x, found.x])
    lower = np.concatenate([program.row_lower, program.lower])
    upper = np.concatenate([program.row_upper, program.upper])
    basic = np.concatenate([found.basis.rows, found.basis.columns]) == BASIC
    near = 1e-9 * (1 + abs(values))
    return bool((basic & ((values - lower <= near) | (upper - values <= near))).any())


def _injection(s: Spots, x: np.ndarray, load: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Net injections (B,) in MW that balance: what is missing or too much is taken at the reference."""
    net = s.injection @ x[s.injecting] - load
    return np.asarray(net - weights * net.sum())


def _broken(flows: np.ndarray, limit: np.ndarray, known: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """The limits that are missed by most, first, some of each interval."""
    found = []
    for t, flow in enumerate(flows):
        over = flow - limit
        worst = np.flatnonzero(over > -NEAR)
        worst = worst[np.argsort(-over[worst], kind="stable")]
        fresh = [(t, int(c)) for c in worst if (t, int(c)) not in known]
        found += fresh[:_AT_ONCE]
    return found


def refusal(program: Program, found: Solution) -> Exception:
    """Why a program has no optimum that can be shown."""
    from opengames.clearings import INFEASIBLE, UNBOUNDED

    if found.status == INFEASIBLE:
        return infeasible(program)
    if found.status == UNBOUNDED:
        return refuse("unbounded", "the market earns without bound", help="look for offers without a quantity")
    return refuse("uncertain-optimum", "no dispatch was found whose optimality could be confirmed",
                  notes=(f"largest residual {found.residuals.largest:.1e}",))  # fmt: skip


def infeasible(program: Program) -> Exception:
    """The refusal of a program that has no solution: the fewest rules that cannot hold together, and what would cure it."""
    from opengames.solvers.clearing.infeasible import conflict

    found = conflict(program)
    names = ", ".join(f"`{each}`" for each in found.labels) if found else ""
    cures = [f"without `{c.label}` the others can (it is {c.short:,.4g} short)" for c in (found.cures if found else ())]
    return refuse("infeasible", f"these rules cannot hold together: {names}", notes=tuple(cures))


__all__ = ["NEAR", "NUDGES", "Optimum", "Start", "clear", "refusal"]
