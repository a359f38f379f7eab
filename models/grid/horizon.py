"""Hours of a network cleared together, so that batteries move energy from cheap hours to dear ones.

    minimise  sum_h cost_h(p_h)   subject to, in every hour,   balance, limits of branches, outputs as in `opf`, and
    stored_h = (1 - leak) stored_(h-1) + charge_efficiency in_h - out_h / discharge_efficiency + inflow - spilled

One program of all hours, with shift factors: a branch has a row in an hour only once it was seen overloaded there. Each hour is
first cleared alone, without batteries: that says which branches fill up, and where outputs will about be. Units' ramps couple hours
too where they are asked for.

The price of the energy row is what a megawatt-hour more in the battery is worth at the end of the hour; a battery between its limits
charges at that value times its efficiency, and discharges at that value over it.

Where prices are negative it may pay to charge and discharge at once, which burns energy; the program is linear and does so
(`Hours.at_once`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import sparse

from opengames.clearings import INFEASIBLE, UNCERTAIN
from opengames.diagnostics import Refusal, refuse
from opengames.models.grid.barrier import Barrier
from opengames.models.grid.columns import Columns
from opengames.models.grid.hours import Hours, Interrupted
from opengames.models.grid.network import Network
from opengames.models.grid.opf import OVER, OptimalFlow, unconfirmed, without_costs
from opengames.models.grid.shift_factors import Reference
from opengames.solvers.clearing.certificate import Certificate
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.program import Block, Program
from opengames.solvers.clearing.solution import AT_LOWER, BAR, BASIC, Basis, Solution

#: A branch that carries this share of its limit in an hour cleared alone gets a row in that hour at once.
_FULL = 0.98

#: A price below this is none, and megawatts below that are no move, when equally good plans are told apart.
_PRICED, _MOVED = 1e-9, 1e-6

_FEW = 8

Progress = Callable[[int, int], None]


def clear_together(
    network: Network, loads: np.ndarray, available: np.ndarray | None = None, reference: Reference = None, *,
    shedding: float | None = None, overloading: float | None = None, initial: np.ndarray | None = None, final: np.ndarray | None = None,
    inflow: np.ndarray | None = None, ramps: bool = False, window: int = 24, at: Progress | None = None, names: Sequence[str] = (),
) -> Hours:  # fmt: skip
    """Clear hours with batteries dispatched, `window` hours at a time.

    loads: (hours, buses) MW. available: (hours, units) MW, as `read_available` gives. initial: MWh held before the first hour
    (stores,); final: MWh held at the end of each window at least (stores,); those of the network if left out, and without them half,
    and as much as at first. inflow: (hours, stores) MW, that of the network in every hour if left out. ramps: units change their output from hour to hour by no more than 60 times their MW/min. at: told
    how many hours of how many are done. names: of the hours, for messages.

    What is stored goes from one window to the next. Stopped from the keyboard after the first window it raises `Interrupted`. Raises `Refusal`: `infeasible`,
    `data-shape`, `data-out-of-range` for energies that a battery cannot hold or reach, `uncertain-optimum`.
    """
    first, last = _ends(network, initial, final)
    flows_in = np.tile(network.storages.inflow, (len(loads), 1)) if inflow is None else np.asarray(inflow, float)
    if flows_in.shape != (len(loads), len(network.storages)):
        raise refuse("data-shape", f"inflows have to be {len(loads):,} hours of {len(network.storages)} numbers, one for each battery")
    done: list[Hours] = []
    flow = OptimalFlow(network, reference, shedding=shedding, overloading=overloading)
    held, output = first, None
    for begin in range(0, len(loads), window):
        part = slice(begin, min(begin + window, len(loads)))
        called = tuple(names[part]) or tuple(str(h + 1) for h in range(part.start, part.stop))
        _refuse_unreachable(network, held, last, flows_in[part])
        day = _Window(
            flow, loads[part], None if available is None else available[part], flows_in[part], held, last, output if ramps else None, ramps, called
        )
        try:
            done.append(day.solve(None if at is None else partial(_told, at, begin, len(loads))))
        except KeyboardInterrupt:
            if not done:
                raise
            raise Interrupted(joined(done)) from None
        held, output = done[-1].stored[-1], done[-1].output[-1]
    return joined(done)


def _told(at: Progress, begin: int, of: int, done: int) -> None:
    at(begin + done, of)


def joined(parts: Sequence[Hours]) -> Hours:
    """Hours one after another."""
    if len(parts) == 1:
        return parts[0]
    arrays = [f for f in Hours.__dataclass_fields__ if f != "network"]
    return Hours(parts[0].network, **{f: np.concatenate([getattr(p, f) for p in parts]) for f in arrays})


@dataclass(frozen=True)
class _Row:
    """A branch in an hour."""

    hour: int
    branch: int


class _Window:
    """The program of some hours. Columns hour by hour: pieces of outputs and direct lines, shed load, then of each battery what goes in, out,
    is spilled, is held; overloads after all of them. Rows: balances, energies, ramps, then limits."""

    def __init__(
        self, flow: OptimalFlow, loads: np.ndarray, available: np.ndarray | None, inflow: np.ndarray, held: np.ndarray, final: np.ndarray,
        before: np.ndarray | None, ramps: bool, names: Sequence[str],
    ) -> None:  # fmt: skip
        self.inflow = inflow
        self.flow, self.loads, self.available, self.names = flow, loads, available, names
        self.network, self.factors, self.columns = flow.network, flow.factors, Columns(flow.network)
        self.held, self.final, self.before = held, final, before
        units = self.network.units
        turns = np.isfinite(units.ramp) & (60 * units.ramp < units.most - units.least)
        self.ramped = np.flatnonzero(turns) if ramps else np.zeros(0, int)
        self.shedding, self.overloading = flow.shedding, flow.overloading
        self.rows: list[_Row] = []
        self._known: set[tuple[int, int]] = set()
        self._factor: dict[int, np.ndarray] = {}

    # ------------------------------------------------------------------ the way to the optimum

    def solve(self, at: Callable[[int], None] | None) -> Hours:
        begin = self._alone(at)
        program = self._program()
        engine: Highs | Barrier = Highs(program) if program.quadratic is None else Barrier(program, np.append(begin, np.zeros(len(program.cost) - len(begin))))
        rounds = 0
        while True:
            rounds += 1
            near = engine.roughly() if isinstance(engine, Barrier) else None
            if near is not None and (missing := self._passed(self._flows(near))).any():
                engine = self._with_rows(engine, missing, near, None)
                continue
            found = engine.solve()
            if found.status == UNCERTAIN and isinstance(engine, Highs):
                found = Barrier(engine.program).solve()
            if not found.solved:
                raise self._refusal(found)
            flows = self._flows(found.x)
            passed = self._passed(flows)
            if not passed.any():
                return self._hours(*self._calm(found, engine.program, flows), rounds)
            engine = self._with_rows(engine, passed, found.x, found)

    def _with_rows(self, engine: Highs | Barrier, passed: np.ndarray, x: np.ndarray, found: Solution | None) -> Highs | Barrier:
        """The engine with rows for branches that pass their limits (hours, branches), from where it stood."""
        begin = len(self.rows)
        self._learn([_Row(int(h), int(b)) for h, b in zip(*np.nonzero(passed), strict=True)])
        if self.overloading is None:
            lower, upper = self._limits(self.rows[begin:])
            engine.add_rows(self._limit_matrix(begin, engine.program.matrix.shape[1]), lower, upper)
            return engine
        # the new rows have columns of their own, which go below and beside what is there
        program = self._program()
        more = len(program.cost) - len(engine.program.cost)
        if isinstance(engine, Barrier):
            return Barrier(program, np.concatenate((x, np.zeros(more))))
        new, basis = Highs(program), None if found is None else found.basis
        if basis is not None:
            added = program.matrix.shape[0] - engine.program.matrix.shape[0]
            new.start(Basis(np.append(basis.columns, np.full(more, AT_LOWER, np.int8)), np.append(basis.rows, np.full(added, BASIC, np.int8))))
        return new

    def _flows(self, x: np.ndarray) -> np.ndarray:
        """MW in every branch (hours, branches)."""
        return np.asarray(self.factors.flows(self._injection(*self._parts(x)).T).T)

    def _passed(self, flows: np.ndarray) -> np.ndarray:
        """Which branches without a row pass their limits (hours, branches)."""
        limit = self.network.branches.limit
        over = np.where(np.isfinite(limit), np.abs(flows) - np.where(np.isfinite(limit), limit, 0), -np.inf)
        for row in self.rows:
            over[row.hour, row.branch] = -np.inf
        return np.asarray(over > OVER * (1 + np.where(np.isfinite(limit), limit, 0)))

    def _calm(self, found: Solution, program: Program, flows: np.ndarray) -> tuple[Solution, np.ndarray]:
        """Of all equally good plans the one in which batteries move the least, with its flows: no turn that nobody is paid for.

        What has a price in the optimum stays where it is, so every plan among those left has the same cost and the same prices; the
        certificate says so again.
        """
        place, hours, width = self._places, len(self.loads), self._width
        cost = np.zeros(len(program.cost))
        table = cost[: hours * width].reshape(hours, width)
        table[:, place["into"]] = table[:, place["out"]] = 1.0
        if not cost @ found.x > _MOVED:
            return found, flows
        held = np.abs(found.z) > _PRICED * (1 + np.abs(program.cost))
        if program.quadratic is not None:
            held |= program.quadratic.diagonal() > 0
        x = np.clip(found.x, program.lower, program.upper)
        bound = np.abs(found.y) > _PRICED
        values = program.matrix @ x
        still = replace(
            program, cost=cost, quadratic=None, offset=0.0, lower=np.where(held, x, program.lower), upper=np.where(held, x, program.upper),
            row_lower=np.where(bound, values, program.row_lower), row_upper=np.where(bound, values, program.row_upper),
        )  # fmt: skip
        least = Highs(still).solve()
        if not least.solved or least.objective > cost @ found.x - _MOVED:
            return found, flows
        residuals, objective = Certificate(program).one(program, least.x, found.y, found.z)
        calm = self._flows(least.x)
        if residuals.largest > BAR or self._passed(calm).any():
            return found, flows
        return replace(found, x=least.x, objective=objective, residuals=residuals), calm

    def _alone(self, at: Callable[[int], None] | None) -> np.ndarray:
        """Clear each hour without batteries: which rows it takes, and where its columns then are. Hours that batteries alone make
        feasible say nothing."""
        k, width = len(self.columns), self._width
        near = np.zeros(len(self.loads) * width)
        limit = self.network.branches.limit
        for hour, load in enumerate(self.loads):
            most = None if self.available is None else self.available[hour]
            try:
                found = self.flow.solve(load, most)
            except Refusal:
                near[hour * width : hour * width + k] = np.sum(self.columns.bounds(most), axis=0) / 2
            else:
                near[hour * width : hour * width + k] = self.columns.columns(found.output, found.direct, most)
                full = np.isfinite(limit) & (np.abs(found.flow) >= _FULL * np.where(np.isfinite(limit), limit, 0))
                self._learn([_Row(hour, int(b)) for b in np.flatnonzero(full)])
            if at is not None:
                at(hour + 1)
        return near

    def _learn(self, rows: Sequence[_Row]) -> None:
        new = [r for r in rows if (r.hour, r.branch) not in self._known]
        unknown = sorted({r.branch for r in new} - set(self._factor))
        self._factor.update(zip(unknown, self.factors.rows(np.array(unknown, int)), strict=True))
        self.rows += new
        self._known.update((r.hour, r.branch) for r in new)

    # ------------------------------------------------------------------ the program

    @property
    def _width(self) -> int:
        """Columns of an hour."""
        return len(self.columns) + (len(self.network.buses) if self.shedding is not None else 0) + 4 * len(self.network.storages)

    @property
    def _places(self) -> dict[str, slice]:
        """Where an hour's columns are."""
        k, n, s = len(self.columns), len(self.network.buses) if self.shedding is not None else 0, len(self.network.storages)
        ends = np.cumsum([0, k, n, s, s, s, s]).tolist()
        return {name: slice(a, b) for name, a, b in zip(("moved", "shed", "into", "out", "spilled", "held"), ends, ends[1:], strict=False)}

    @property
    def _at(self) -> sparse.csr_array:
        """What a megawatt of each column of an hour puts in (buses, columns)."""
        n, stores = len(self.network.buses), self.network.storages
        own = sparse.csr_array((np.ones(len(stores)), (stores.bus, np.arange(len(stores)))), shape=(n, len(stores)))
        blocks = [self.columns.at, *([sparse.eye_array(n)] if self.shedding is not None else []), -own, own, 0 * own, 0 * own]
        whole = sparse.csr_array(sparse.hstack(blocks))
        whole.eliminate_zeros()
        return whole

    def _program(self) -> Program:
        hours, stores, own, place = len(self.loads), self.network.storages, self.columns, self._places
        s, width, over = len(stores), self._width, 2 * len(self.rows) if self.overloading is not None else 0
        one = np.zeros(width)
        one[place["moved"]], one[place["out"]] = own.cost, stores.cost
        if self.shedding is not None:
            one[place["shed"]] = self.shedding
        cost = np.concatenate((np.tile(one, hours), np.full(over, self.overloading or 0.0)))
        lower, upper = np.zeros((hours, width)), np.zeros((hours, width))
        for hour in range(hours):
            lower[hour, place["moved"]], upper[hour, place["moved"]] = own.bounds(None if self.available is None else self.available[hour])
        upper[:, place["into"]], upper[:, place["out"]], upper[:, place["held"]] = stores.charging, stores.power, stores.energy
        upper[:, place["spilled"]] = np.where(self.inflow > 0, np.inf, 0.0)
        lower[:, place["held"]] = stores.least
        lower[-1, place["held"]] = np.maximum(stores.least, self.final)
        if self.shedding is not None:
            upper[:, place["shed"]] = np.maximum(self.loads, 0.0)
        quadratic = None
        if own.square.any():
            bent = np.zeros(width)
            bent[place["moved"]] = 2 * own.square
            quadratic = sparse.csc_array(sparse.diags_array(np.concatenate((np.tile(bent, hours), np.zeros(over)))))
            quadratic.eliminate_zeros()
        balance = sparse.kron(sparse.eye_array(hours), sparse.csr_array(self.factors.of_parts(self._at.toarray())))
        here, before = sparse.lil_array((s, width)), sparse.lil_array((s, width))
        each = np.arange(s)
        here[each, place["held"].start + each], before[each, place["held"].start + each] = 1.0, -(1 - stores.leak)
        here[each, place["into"].start + each], here[each, place["out"].start + each] = -stores.charge, 1 / stores.discharge
        here[each, place["spilled"].start + each] = 1.0
        energy = sparse.kron(sparse.eye_array(hours), here) + sparse.kron(sparse.eye_array(hours, k=-1), before)
        met = self.factors.of_parts((self.loads - own.at_base).T).T.ravel()
        flows_in = self.inflow.copy()
        flows_in[0] += (1 - stores.leak) * self.held
        ramp, ramp_lower, ramp_upper = self._ramps()
        steady = sparse.csr_array(sparse.vstack((balance, energy, ramp)))
        limits = self._limit_matrix(0, hours * width + over)
        matrix = sparse.vstack((sparse.hstack((steady, sparse.csr_array((steady.shape[0], over)))), limits), format="csr")
        low, high = self._limits(self.rows)
        fixed = self._fixed_rows
        labels = tuple((self.names[r.hour], self.network.branches.names[r.branch]) for r in self.rows)
        balances = tuple((h, *((str(k + 1),) if self.factors.parts > 1 else ())) for h in self.names for k in range(self.factors.parts))
        blocks = [Block("balance", balances, 0, "MW")]
        blocks.append(Block("energy", tuple((h, n) for h in self.names for n in stores.names), blocks[-1].stop, "MWh"))
        blocks.append(Block("ramp", tuple((i,) for i in range(ramp.shape[0])), blocks[-1].stop, "MW"))
        return Program(
            cost, sparse.csr_array(matrix), np.concatenate((met, flows_in.ravel(), ramp_lower, low)), np.concatenate((met, flows_in.ravel(), ramp_upper, high)),
            np.concatenate((lower.ravel(), np.zeros(over))), np.concatenate((upper.ravel(), np.full(over, np.inf))), quadratic, None,
            own.fixed * hours, (*blocks, Block("limit", labels, fixed, "MW")), (),
        )  # fmt: skip

    @property
    def _fixed_rows(self) -> int:
        """Rows above the limits."""
        hours = len(self.loads)
        return hours * (self.factors.parts + len(self.network.storages)) + len(self.ramped) * (hours - (self.before is None))

    def _ramps(self) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
        """Rows of what units may change from hour to hour, from the hour before the first where that is known."""
        hours, units, own = len(self.loads), self.ramped, self.columns
        picks = sparse.csr_array((np.ones(len(own)), (own.owner, np.arange(len(own)))), shape=(own.movers, self._width))[units]
        steps = sparse.eye_array(hours) - sparse.eye_array(hours, k=-1)
        matrix = sparse.kron(steps, picks, format="csr")
        most = 60 * self.network.units.ramp[units]
        lower, upper = np.tile(-most, (hours, 1)), np.tile(most, (hours, 1))
        if self.before is None:
            return sparse.csr_array(matrix[len(units) :]), lower[1:].ravel(), upper[1:].ravel()
        was = self.before[units] - own.base[units]
        lower[0] += was
        upper[0] += was
        return sparse.csr_array(matrix), lower.ravel(), upper.ravel()

    def _limit_matrix(self, begin: int, total: int) -> sparse.csr_array:
        """The rows of limits from the `begin`th on (k, total columns)."""
        rows, width, hours = self.rows[begin:], self._width, len(self.loads)
        if not rows:
            return sparse.csr_array((0, total))
        branches = sorted({r.branch for r in rows})
        where = {b: i for i, b in enumerate(branches)}
        own = (self._at.T @ np.stack([self._factor[b] for b in branches]).T).T
        used = np.flatnonzero(np.abs(own).max(axis=0) > 0)
        values = own[[where[r.branch] for r in rows]][:, used]
        across = np.repeat(np.arange(len(rows)), len(used))
        down = (np.array([r.hour for r in rows])[:, None] * width + used).ravel()
        parts = [(values.ravel(), across, down)]
        if self.overloading is not None:
            k = hours * width + 2 * (begin + np.arange(len(rows)))
            parts += [(np.full(len(rows), -1.0), np.arange(len(rows)), k), (np.ones(len(rows)), np.arange(len(rows)), k + 1)]
        data, i, j = (np.concatenate([p[x] for p in parts]) for x in range(3))
        return sparse.csr_array((data, (i, j)), shape=(len(rows), total))

    def _limits(self, rows: Sequence[_Row]) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the rows of limits: what does not depend on columns goes there."""
        if not rows:
            return np.zeros(0), np.zeros(0)
        limit = self.network.branches.limit
        pushed = self.factors.flows(np.zeros(len(self.network.buses))) if self.network.branches.shift.any() else np.zeros(len(limit))
        still = np.array([pushed[r.branch] + self._factor[r.branch] @ (self.columns.at_base - self.loads[r.hour]) for r in rows])
        own = np.array([limit[r.branch] for r in rows])
        return -own - still, own - still

    # ------------------------------------------------------------------ what comes back

    def _parts(self, x: np.ndarray) -> tuple[np.ndarray, ...]:
        """Outputs, direct flows, what goes into and out of batteries, and shed load, hour by hour."""
        hours, place = len(self.loads), self._places
        table = x[: hours * self._width].reshape(hours, self._width)
        moved = [self.columns.of(row) for row in table]
        shed = table[:, place["shed"]] if self.shedding is not None else np.zeros(self.loads.shape)
        return np.array([m[0] for m in moved]), np.array([m[1] for m in moved]), table[:, place["into"]], table[:, place["out"]], shed

    def _injection(self, output: np.ndarray, direct: np.ndarray, into: np.ndarray, out: np.ndarray, shed: np.ndarray) -> np.ndarray:
        """What every bus puts in (hours, buses)."""
        moved = (self.columns.moves @ np.concatenate((output, direct), axis=1).T).T + self.columns.still
        stores = self.network.storages
        own = sparse.csr_array((np.ones(len(stores)), (stores.bus, np.arange(len(stores)))), shape=(self.loads.shape[1], len(stores)))
        return np.asarray(moved - self.loads + shed + (own @ (out - into).T).T)

    def _hours(self, found: Solution, flows: np.ndarray, rounds: int) -> Hours:
        network, hours, place, stores = self.network, len(self.loads), self._places, self.network.storages
        x, y = found.x, found.y
        output, direct, into, out, shed = self._parts(x)
        width, parts, m = self._width, self.factors.parts, len(network.branches)
        table = x[: hours * width].reshape(hours, width)
        energies = y[: hours * parts].reshape(hours, parts)[:, self.factors.part]
        worth = -y[hours * parts :][: hours * len(stores)].reshape(hours, len(stores))
        shadow, overload, lmp = np.zeros((hours, m)), np.zeros((hours, m)), energies.copy()
        for k, (row, price) in enumerate(zip(self.rows, y[self._fixed_rows :], strict=True)):
            shadow[row.hour, row.branch] = -price
            lmp[row.hour] += price * self._factor[row.branch]
            if self.overloading is not None:
                overload[row.hour, row.branch] = x[hours * width + 2 * k] - x[hours * width + 2 * k + 1]
        limit = np.where(np.isfinite(network.branches.limit), network.branches.limit, 1e300)
        beyond = np.maximum(0, np.abs(flows - overload) - limit) / (1 + limit)
        residual = max(found.residuals.largest, float(beyond.max(initial=0.0)))
        bent = np.zeros(width)
        bent[place["moved"]] = self.columns.square
        one = np.zeros(width)
        one[place["moved"]], one[place["out"]] = self.columns.cost, stores.cost
        cost = table @ one + (table**2) @ bent + self.columns.fixed
        cost += (self.shedding or 0.0) * shed.sum(axis=1) + (self.overloading or 0.0) * np.abs(overload).sum(axis=1)
        energy = energies[:, 0] if parts == 1 else lmp @ self.factors.weights
        return Hours(
            network, self.loads, output, flows, lmp, energy, shadow, cost, shed, overload, np.full(hours, residual), np.full(hours, rounds), direct,
            into, out, table[:, place["held"]], worth,
        )  # fmt: skip

    # ------------------------------------------------------------------ where there is none

    def _refusal(self, found: Solution) -> Refusal:
        if found.status != INFEASIBLE:
            together = "clear fewer hours together (`--horizon`), or leave batteries out (`--no-storage`)"
            return unconfirmed(found, self.network, f"{len(self.loads)} hours of ", together)
        return self._impossible()

    def _impossible(self) -> Refusal:
        """Which hours cannot be cleared, by the plan that leaves out the fewest megawatts of load and limits."""
        name = self.network.name
        if self.shedding is not None and self.overloading is not None:
            return self._too_much()
        network = without_costs(self.network)
        loose = _Window(
            OptimalFlow(network, 0, shedding=1.0, overloading=1.0), self.loads, self.available, self.inflow, self.held, self.final, self.before, False, self.names
        )
        loose.ramped = self.ramped
        try:
            least = loose.solve(None)
        except Refusal as refusal:
            return refusal
        shed, over = least.shed.sum(axis=1), np.abs(least.overload).sum(axis=1)
        missing = np.flatnonzero((shed > 1e-6) | (over > 1e-6))
        buses, branches = network.buses.names, network.branches.names
        said = []
        for h in missing[np.argsort(-(shed + over)[missing])][:_FEW]:
            parts = [f"{shed[h]:,.1f} MW of load, most of it at `{buses[int(np.argmax(least.shed[h]))]}`"] if shed[h] > 1e-6 else []
            parts += [f"{over[h]:,.1f} MW beyond limits, most of it of `{branches[int(np.argmax(np.abs(least.overload[h])))]}`"] if over[h] > 1e-6 else []
            said.append(f"hour {self.names[h]}: {'; '.join(parts)}")
        if len(missing) > _FEW:
            said.append(f"and {len(missing) - _FEW} more hours")
        return refuse(
            "infeasible", f"`{name}` cannot be cleared in {len(missing)} of {len(self.loads)} hours, batteries and all",
            notes=("the plan that misses the least still misses", *said), help="price unserved load or limits: `shedding`, `overloading`",
        )  # fmt: skip


    def _too_much(self) -> Refusal:
        """Hours in which units have to make more than load and batteries take."""
        units, stores = self.network.units, self.network.storages
        made = np.array([np.minimum(units.least, units.most if self.available is None else self.available[h]).sum() for h in range(len(self.loads))])
        taken = self.loads.sum(axis=1) + stores.charging.sum()
        wrong = np.flatnonzero(made > taken + 1e-9)
        said = [f"hour {self.names[h]}: units make at least {made[h]:,.1f} MW; load is {self.loads[h].sum():,.1f} MW, and batteries take {stores.charging.sum():,.1f} MW at most" for h in wrong[:_FEW]]
        if len(wrong) > _FEW:
            said.append(f"and {len(wrong) - _FEW} more hours")
        return refuse(
            "infeasible", f"`{self.network.name}` cannot be cleared in hours {self.names[0]} to {self.names[-1]}: "
            f"{'units make too much' if said else 'units make too much, or their ramps or the energy of batteries do not fit'}",
            notes=tuple(said), help="let units run lower, or leave some out",
        )  # fmt: skip


def _ends(network: Network, initial: np.ndarray | None, final: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """MWh held at first, and at the end at least."""
    stores = network.storages
    first = np.where(np.isnan(stores.initial), np.maximum(stores.energy / 2, stores.least), stores.initial) if initial is None else initial
    first = np.asarray(first, float)
    last = np.where(np.isnan(stores.final), first, stores.final) if final is None else np.asarray(final, float)
    for what, values in (("before the first hour", first), ("at the end", last)):
        if values.shape != (len(stores),):
            raise refuse("data-shape", f"energies {what} have to be {len(stores)} numbers, one for each battery")
        # at the end it is a bound below, which `least` may outdo
        wrong = ~(values <= stores.energy * (1 + 1e-12)) | (values < (stores.least - 1e-12 if values is first else 0.0))
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            raise refuse(
                "data-out-of-range", f"battery `{stores.names[i]}` of `{network.name}` cannot hold {values[i]:g} MWh {what}",
                notes=(f"it holds {stores.least[i]:g} to {stores.energy[i]:g} MWh",),
            )  # fmt: skip
    return first, last


def _refuse_unreachable(network: Network, held: np.ndarray, final: np.ndarray, inflow: np.ndarray) -> None:
    """Refuse (`data-out-of-range`) energies at the end that charging all the time does not reach."""
    stores = network.storages
    most, hours = held, len(inflow)
    for flows_in in inflow:
        most = np.minimum((1 - stores.leak) * most + stores.charge * stores.charging + flows_in, stores.energy)
    short = final > most + 1e-9 * (1 + final)
    if short.any():
        i = int(np.flatnonzero(short)[0])
        raise refuse(
            "data-out-of-range", f"battery `{stores.names[i]}` of `{network.name}` cannot hold {final[i]:g} MWh after {hours} {'hour' if hours == 1 else 'hours'}",
            notes=(f"it begins with {held[i]:g} MWh, and charging all the time reaches {most[i]:g} MWh",), help="ask for less at the end, or clear more hours together",
        )  # fmt: skip


__all__ = ["clear_together", "joined"]
