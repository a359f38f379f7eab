"""Direct-current optimal power flow: the cheapest output of units that meets the load of every bus within the limits of branches.

    minimise  sum_g cost_g(p_g)   subject to   sum p = sum load,   |flow| <= limit,   least <= p <= most

The flow of a direct-current line is decided like an output: it takes power out at its tail and puts most of it in at its head.
Parts of a network that only such lines join have a balance each.

Two forms of one program. With *shift factors* its columns are the outputs alone, and a branch has a row only once it has been
seen overloaded: few ever are, so a grid of thousands of buses is a program of some hundred columns and a dozen rows. With *angles*
every bus has a balance and an angle, and every branch its row: slower, and the way other programs write it, so that one can be
held against the other (`angles`).

Prices: `lmp = lambda - sum_c factor_c shadow_c`, where lambda is the price of a megawatt at the reference and `shadow_c` the
gain from a megawatt more of limit, positive where the flow from tail to head is at its limit, negative where the flow back is.
Each part has its own lambda. Where prices are not unique, those of one more megawatt at the reference are printed, which are the
upper end of lambda, as ERCOT prints it.

Source: Schweppe, Caramanis, Tabors, Bohn, Spot Pricing of Electricity (1988), ch. 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from opengames.clearings import INFEASIBLE, SOLVED, UNBOUNDED
from opengames.diagnostics import Refusal, refuse
from opengames.models.grid.angles import angle_program, load_of
from opengames.models.grid.columns import Columns
from opengames.models.grid.network import Network
from opengames.models.grid.quadratic import Separable
from opengames.models.grid.shift_factors import Reference, ShiftFactors
from opengames.solvers.clearing.highs import Highs
from opengames.solvers.clearing.program import Block, Program
from opengames.solvers.clearing.solution import BAR, Residuals, Solution

#: How far a flow may pass its limit, relative to 1 + the limit, before the branch gets a row.
OVER = 1e-9

#: Rows added at once: the worst first.
_AT_ONCE = 60

_FEW = 8

#: What shadow prices count, beside lambda, where prices are many.
_SHADOWS = 1e-6

#: How near to a bound a column or row is at it, relative.
_MET = 1e-9

#: Squares of sizes, relative, below which rows are not told apart.
_ALIKE = 1e-11


@dataclass(frozen=True)
class Dispatch:
    """A cleared network.

    load: (buses,) MW asked for. output: (units,) MW. flow: (branches,) MW from tail to head. lmp: (buses,) $/MWh. energy: lambda,
    the price at the reference. direct: (lines,) MW that leave the tails of direct-current lines. energies: (buses,) lambda of the part
    that each bus is in, the same number where branches join all. shadow: (branches,) $/MWh, signed as in the module. cost: $/h. shed: (buses,) MW of load that was
    not served, overload: (branches,) MW beyond limits, both 0 unless they were priced. residuals: of the optimality conditions,
    the flows of branches without a row included. rows: how many branches have one. rounds: programs solved. most: (units,) MW that
    units could make, where it was told.
    """

    network: Network
    load: np.ndarray
    output: np.ndarray
    flow: np.ndarray
    lmp: np.ndarray
    energy: float
    shadow: np.ndarray
    cost: float
    shed: np.ndarray
    overload: np.ndarray
    residuals: Residuals
    engine: str
    rows: int
    rounds: int
    direct: np.ndarray
    energies: np.ndarray
    most: np.ndarray | None = None

    @property
    def congestion(self) -> np.ndarray:
        """What the network adds to lambda at each bus (buses,).   [$/MWh]"""
        return self.lmp - self.energy

    @property
    def binding(self) -> np.ndarray:
        """Positions of the branches with a shadow price, the dearest first."""
        found = np.flatnonzero(np.abs(self.shadow) > 1e-6)
        return found[np.argsort(-np.abs(self.shadow[found]), kind="stable")]

    @property
    def rent(self) -> float:
        """What loads pay beyond what units are paid: the rent of branches and direct-current lines, and what is lost in these.   [$/h]"""
        paid = self.lmp @ (self.load - self.shed)
        return float(paid - self.lmp[self.network.units.bus] @ self.output)


@dataclass(frozen=True)
class Part:
    """What one branch adds to the price of a bus: `-factor * shadow`.   [$/MWh]"""

    branch: str
    factor: float
    shadow: float

    @property
    def adds(self) -> float:
        return -self.factor * self.shadow


class OptimalFlow:
    """The clearing of a network, kept to be solved again with other loads.

    reference: see `ShiftFactors`; lambda is the price there. shedding: $/MWh at which load goes unserved, overloading: $/MWh at
    which limits are passed; none: never, and a network that cannot be cleared is refused. Batteries are not dispatched: one
    interval cannot say what stored energy is worth.
    Raises `Refusal` as `ShiftFactors` does, and `bad-option` for a price below 0; `solve` `infeasible`.
    """

    def __init__(
        self, network: Network, reference: Reference = None, *, shedding: float | None = None, overloading: float | None = None
    ) -> None:
        for said, price in (("shedding", shedding), ("overloading", overloading)):
            if price is not None and not 0 <= price < np.inf:
                raise refuse("bad-option", f"`{said}` is {price:g} $/MWh", notes=("expected a finite price of 0 or more",))
        self.network = network
        self.factors = ShiftFactors(network, reference)
        self.shedding, self.overloading = shedding, overloading
        self._columns = Columns(network)
        self._limited = np.isfinite(network.branches.limit)
        self._branches: list[int] = []
        self._rows = np.zeros((0, len(network.buses)))
        self._engine: Highs | Separable | None = None
        #: Of what the prices of rows add to LMPs.
        self._products: np.ndarray | None = None

    def solve(self, load: np.ndarray | None = None, most: np.ndarray | None = None) -> Dispatch:
        """The dispatch for `load` (buses,) in MW, the network's own if left out, with units that can make `most` (units,) in MW, their
        own most if left out. A unit that can make less than its least makes just that. Raises `Refusal` (`infeasible`, `data-shape`)."""
        load = load_of(self.network, load)
        if most is not None and np.shape(most) != (len(self.network.units),):
            raise refuse("data-shape", f"what units can make has to be {len(self.network.units):,} numbers, one for each unit")
        if self._engine is None:
            program = self._program(load)
            self._engine = Highs(program) if program.quadratic is None else Separable(program)
        parts = self._bounds(load)
        lower, upper = self._columns.bounds(most)
        if self.shedding is not None or self.overloading is not None:
            held = self._engine.program
            lower, upper = np.concatenate((lower, held.lower[len(lower) :])), np.concatenate((upper, held.upper[len(upper) :]))
            if self.shedding is not None:
                upper[len(self._columns) :][: len(load)] = np.maximum(load, 0.0)
        self._engine.change(**parts, lower=lower, upper=upper)
        limit = self.network.branches.limit
        rounds = 0
        while True:
            rounds += 1
            found = self._engine.solve()
            if not found.solved:
                raise self._refusal(found, load, self.network.units.most if most is None else most)
            (output, direct), shed = self._columns.of(found.x), self._shed(found.x)
            flow = self.factors.flows(self._columns.at_buses(output, direct) - load + shed)
            over = np.where(self._limited, np.abs(flow) - limit, -np.inf)
            over[self._branches] = -np.inf
            # one that is just at its limit has a say in what a megawatt more costs
            passed = np.flatnonzero(over > -OVER * (1 + np.where(self._limited, limit, 0)))
            if not len(passed):
                return self._dispatch(self._printed(found), load, most, output, direct, shed, flow, rounds)
            self._add(passed[np.argsort(-over[passed])][:_AT_ONCE], load)

    def decomposition(self, dispatch: Dispatch, bus: int | str) -> tuple[Part, ...]:
        """Which branches make the price of a bus differ from lambda, the largest first; they add up to its congestion.

        In a part of the network that only direct-current lines join to the reference, one part more, `direct-current lines`, is
        what its own lambda differs by.
        """
        at = self.network.buses.names.index(bus) if isinstance(bus, str) else bus
        known = {b: k for k, b in enumerate(self._branches)}
        parts = [
            Part(self.network.branches.names[b], float(self._rows[known[b], at]), float(dispatch.shadow[b])) for b in dispatch.binding
        ]
        if abs(dispatch.energies[at] - dispatch.energy) > 1e-9 * (1 + abs(dispatch.energy)):
            parts.append(Part("direct-current lines", -1.0, float(dispatch.energies[at] - dispatch.energy)))
        return tuple(sorted(parts, key=lambda p: -abs(p.adds)))

    def intervals(self, dispatch: Dispatch, buses: Sequence[int | str] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Between which numbers the LMP of each bus (all, unless told) lies: least and most (k,), equal where it is unique.

        The most is what one more megawatt there costs, the least what one less saves; ERCOT prints the most. Infinite where a
        megawatt more (less) cannot be cleared. With priced shedding it is a megawatt that may not go unserved itself.
        """
        from opengames.solvers.clearing.certificate import Certificate
        from opengames.solvers.clearing.kinks import intervals

        names = self.network.buses.names
        asked = range(len(names)) if buses is None else [names.index(b) if isinstance(b, str) else b for b in buses]
        # the program with angles has a row for each bus, whose price is the LMP
        program = angle_program(self.network, dispatch.load, dispatch.most, shedding=self.shedding, overloading=self.overloading)
        injection = self._columns.at_buses(dispatch.output, dispatch.direct) - dispatch.load + dispatch.shed
        x = [self._columns.columns(dispatch.output, dispatch.direct, dispatch.most), self.factors.angles(injection) * self.network.base]
        if self.shedding is not None:
            x.append(dispatch.shed)
        if self.overloading is not None:
            over = dispatch.overload[self._limited]
            x += [np.maximum(over, 0.0), np.maximum(-over, 0.0)]
        point, y = np.concatenate(x), np.concatenate((dispatch.lmp, -dispatch.shadow[self._limited]))
        gradient = program.cost if program.quadratic is None else program.cost + program.quadratic @ point
        z = gradient - program.matrix.T @ y
        residuals, objective = Certificate(program).one(program, point, y, z)
        found = intervals(program, Solution(SOLVED, point, y, z, objective, residuals, dispatch.engine), asked)
        return found.least, found.most

    def _printed(self, found: Solution) -> Solution:
        """The optimum with the prices that are printed."""
        assert self._engine is not None
        if self._products is None or len(self._products) != len(found.y):
            n, part = len(self.network.buses), self.factors.part
            lambdas = np.zeros((self.factors.parts, n))
            lambdas[part, np.arange(n)] = 1.0
            rows = np.vstack((lambdas, self._rows))
            self._products = rows @ rows.T
        return upper_end(self._engine.program, found, self.factors.of_parts(self.factors.weights), self._products)

    @property
    def program(self) -> Program:
        """The program as it stands, with the rows that were needed so far. For reports and comparison."""
        return self._program(load_of(self.network, None)) if self._engine is None else self._engine.program

    # ------------------------------------------------------------------ the program

    def _program(self, load: np.ndarray) -> Program:
        own, n = self._columns, len(self.network.buses)
        cost, lower, upper = [own.cost], [own.lower], [own.upper]
        columns = [Block("output", tuple((name,) for name in own.labels), 0, "MW")]
        balance = [(self.factors.of_parts(own.moves.toarray()))[:, own.owner]]
        if self.shedding is not None:
            cost.append(np.full(n, float(self.shedding)))
            lower.append(np.zeros(n))
            upper.append(np.maximum(load, 0.0))
            columns.append(Block("shed", tuple((b,) for b in self.network.buses.names), columns[-1].stop, "MW"))
            balance.append(self.factors.of_parts(np.eye(n)))
        if self.overloading is not None:
            m = len(self.network.branches)
            cost.append(np.full(2 * m, float(self.overloading)))
            lower.append(np.zeros(2 * m))
            upper.append(np.full(2 * m, np.inf))
            index = tuple((b, way) for way in ("there", "back") for b in self.network.branches.names)
            columns.append(Block("overload", index, columns[-1].stop, "MW"))
            balance.append(np.zeros((self.factors.parts, 2 * m)))
        total = sum(map(len, cost))
        matrix = sparse.csr_array(np.vstack((np.hstack(balance), self._matrix(self._branches, total))))
        quadratic = None
        if own.square.any():
            diagonal = np.concatenate((2 * own.square, np.zeros(total - len(own))))
            quadratic = sparse.csc_array(sparse.diags_array(diagonal))
            quadratic.eliminate_zeros()
        bounds = self._bounds(load)
        parts = self.factors.parts
        rows = (Block("balance", ((),) if parts == 1 else tuple((str(k + 1),) for k in range(parts)), 0, "MW"), Block("limit", self._row_labels(), parts, "MW"))
        return Program(
            np.concatenate(cost), matrix, bounds["row_lower"], bounds["row_upper"], np.concatenate(lower), np.concatenate(upper),
            quadratic, None, own.fixed, rows, tuple(columns),
        )  # fmt: skip

    def _row_labels(self) -> tuple[tuple[str, ...], ...]:
        return tuple((self.network.branches.names[b],) for b in self._branches)

    def _matrix(self, branches: list[int] | np.ndarray, total: int) -> np.ndarray:
        """The rows of some branches (k, columns)."""
        factors = self._rows[[self._branches.index(b) for b in branches]] if len(branches) else np.zeros((0, len(self.network.buses)))
        out = np.zeros((len(branches), total))
        place = len(self._columns)
        out[:, :place] = (self._columns.moves.T @ factors.T).T[:, self._columns.owner]
        if self.shedding is not None:
            out[:, place : place + factors.shape[1]] = factors
            place += factors.shape[1]
        if self.overloading is not None:
            m = len(self.network.branches)
            for k, b in enumerate(branches):
                out[k, place + b], out[k, place + m + b] = -1, 1
        return out

    def _bounds(self, load: np.ndarray) -> dict[str, np.ndarray]:
        """Bounds of the rows for a load."""
        base = self._columns.at_base
        which = np.asarray(self._branches, int)
        limit = self.network.branches.limit[which]
        # flow = rows (output - load) + what phase shifters push; what does not depend on columns goes to the bounds
        still = self._still[which] + self._rows @ (base - load)
        met = self.factors.of_parts(load - base)
        return {"row_lower": np.concatenate((met, -limit - still)), "row_upper": np.concatenate((met, limit - still))}

    @property
    def _still(self) -> np.ndarray:
        """Flows (branches,) that phase shifters drive without any injection.   [MW]"""
        if not hasattr(self, "_pushed"):
            shifts = self.network.branches.shift.any()
            self._pushed = self.factors.flows(np.zeros(len(self.network.buses))) if shifts else np.zeros(len(self.network.branches))
        return self._pushed

    def _add(self, branches: np.ndarray, load: np.ndarray) -> None:
        assert self._engine is not None
        self._branches += [int(b) for b in branches]
        self._rows = np.vstack((self._rows, self.factors.rows(branches)))
        bounds = self._bounds(load)
        new = slice(len(bounds["row_lower"]) - len(branches), None)
        total = len(self._engine.program.cost)
        self._engine.add_rows(
            sparse.csr_array(self._matrix([int(b) for b in branches], total)), bounds["row_lower"][new], bounds["row_upper"][new]
        )

    def _shed(self, x: np.ndarray) -> np.ndarray:
        at, n = len(self._columns), len(self.network.buses)
        return x[at : at + n] if self.shedding is not None else np.zeros(n)

    # ------------------------------------------------------------------ what comes back

    def _dispatch(
        self, found: Solution, load: np.ndarray, most: np.ndarray | None, output: np.ndarray, direct: np.ndarray, shed: np.ndarray,
        flow: np.ndarray, rounds: int,
    ) -> Dispatch:  # fmt: skip
        network = self.network
        shadow = np.zeros(len(network.branches))
        parts = self.factors.parts
        shadow[self._branches] = -found.y[parts:]
        overload = np.zeros(len(network.branches))
        if self.overloading is not None:
            over = found.x[-2 * len(network.branches) :].reshape(2, -1)
            overload = over[0] - over[1]
        energies = found.y[:parts][self.factors.part]
        lmp = energies + found.y[parts:] @ self._rows
        energy = float(found.y[0]) if parts == 1 else float(self.factors.weights @ lmp)
        limit = np.where(self._limited, network.branches.limit, np.inf)
        beyond = np.maximum(0, np.abs(flow - overload) - limit) / (1 + np.where(self._limited, limit, 0))
        residuals = replace(found.residuals, primal=max(found.residuals.primal, float(beyond.max(initial=0.0))))
        return Dispatch(
            network, load, output, flow, lmp, energy, shadow, found.objective, shed, overload, residuals, found.engine,
            len(self._branches), rounds, direct, energies, most,
        )  # fmt: skip

    def _refusal(self, found: Solution, load: np.ndarray, at_hand: np.ndarray) -> Refusal:
        name, units = self.network.name, self.network.units
        if found.status != INFEASIBLE:
            return unconfirmed(found, self.network)
        asked, least, most = load.sum(), np.minimum(units.least, at_hand).sum(), at_hand.sum()
        if asked > most + 1e-9 * (1 + abs(most)) or asked < least - 1e-9 * (1 + abs(least)):
            few = asked > most
            return refuse(
                "infeasible", f"`{name}` cannot be cleared: its units make {'at most' if few else 'at least'} {most if few else least:,.1f} MW, and its load is {asked:,.1f} MW",
                help="price unserved load: `shedding`" if few else "let units run lower, or leave some out",
            )  # fmt: skip
        return self._overloaded(load, at_hand) if self.overloading is None else self._unbalanced(load, at_hand)

    def _unbalanced(self, load: np.ndarray, at_hand: np.ndarray) -> Refusal:
        """Parts of the network between which direct-current lines cannot carry what they would have to, or lose too much."""
        part, units, names = self.factors.part, self.network.units, self.network.buses.names
        asked, most = self.factors.of_parts(load), np.bincount(part[units.bus], at_hand, self.factors.parts)
        said = [f"the part of bus `{names[int(np.argmax(part == k))]}`: load {asked[k]:,.1f} MW, units up to {most[k]:,.1f} MW" for k in range(self.factors.parts)]
        return refuse(
            "infeasible", f"`{self.network.name}` cannot be cleared: direct-current lines cannot carry what its load needs, or units make too much",
            notes=tuple(said[:_FEW]), help="price unserved load: `shedding`",
        )  # fmt: skip

    def _overloaded(self, load: np.ndarray, at_hand: np.ndarray) -> Refusal:
        """Which limits have to be passed: those of the dispatch that passes them by the fewest megawatts."""
        name = self.network.name
        least = OptimalFlow(without_costs(self.network), 0, shedding=self.shedding, overloading=1.0).solve(load, at_hand)
        passed = np.flatnonzero(np.abs(least.overload) > 1e-6)
        passed = passed[np.argsort(-np.abs(least.overload[passed]))]
        names, limit = self.network.branches.names, self.network.branches.limit
        listed = [f"`{names[b]}`: {abs(least.flow[b]):,.1f} MW, limit {limit[b]:,.1f} MW" for b in passed[:_FEW]]
        if len(passed) > _FEW:
            listed.append(f"and {len(passed) - _FEW:,} more")
        return refuse(
            "infeasible", f"`{name}` cannot be cleared: its load cannot be met within the limits of its branches",
            notes=(f"the dispatch that passes limits the least still passes {len(passed):,}, by {np.abs(least.overload).sum():,.1f} MW in all", *listed),
            help="raise these limits, or price them: `overloading`",
        )  # fmt: skip


def upper_end(program: Program, found: Solution, megawatt: np.ndarray, priced: np.ndarray) -> Solution:
    """The optimum with the prices that are printed where there are many: those of a megawatt more, and of them the largest shadow prices;
    those of one less where one more cannot be cleared.

    megawatt: what it adds to the first rows of the program, the balances. priced: (rows, rows), products of what the prices of rows add
    to LMPs.
    """
    from opengames.solvers.clearing.certificate import Certificate
    from opengames.solvers.clearing.kinks import furthest

    values, x = program.matrix @ found.x, found.x
    size = _MET * (1 + np.abs(values))
    tight = (values - program.row_lower <= size) | (program.row_upper - values <= size)
    size = _MET * (1 + np.abs(x))
    inside = (x - program.lower > size) & (program.upper - x > size)
    if tight.sum() == inside.sum() and found.held is not None:  # a vertex that meets no more than it has to
        return found
    # what columns between their bounds leave open of the prices of rows may make no difference to those of buses: twin circuits
    which = np.flatnonzero(tight)
    rows = program.matrix[which][:, np.flatnonzero(inside)]
    if _rank((rows @ rows.T).toarray()) == _rank(priced[np.ix_(which, which)]):
        return found
    direction = np.where(program.row_upper - values <= values - program.row_lower, -_SHADOWS, _SHADOWS)
    direction[program.row_lower == program.row_upper] = 0.0
    direction[: len(megawatt)] = megawatt
    y, unique = furthest(program, found, direction, -direction)
    if unique:
        return found
    gradient = program.cost if program.quadratic is None else program.cost + program.quadratic @ found.x
    z = gradient - program.matrix.T @ y
    residuals, _ = Certificate(program).one(program, found.x, y, z)
    return replace(found, y=y, z=z, residuals=residuals) if residuals.largest <= max(BAR, found.residuals.largest) else found


def unconfirmed(found: Solution, network: Network, hours: str = "", help: str = "") -> Refusal:
    """Why there is no dispatch where its limits can hold together. hours: how many are cleared together, `24 hours of `."""
    if found.status == UNBOUNDED:
        return refuse("unbounded", f"clearing `{network.name}` has no least cost: some unit is paid without end to run")
    return refuse(
        "uncertain-optimum", f"no dispatch of {hours}`{network.name}` was found whose optimality could be confirmed",
        notes=(f"largest residual: {found.residuals.largest:.1e}", f"engine: {found.engine}"), help=help,
    )  # fmt: skip


def without_costs(network: Network) -> Network:
    """The network with outputs and flows that cost nothing."""
    units, lines = (tuple(replace(c, price=0 * c.price, linear=0.0, square=0.0, fixed=0.0) for c in curves) for curves in (network.units.curves, network.direct.curves))
    return replace(network, units=replace(network.units, curves=units), direct=replace(network.direct, curves=lines))


def _rank(products: np.ndarray) -> int:
    """How many rows are independent, by their products with each other."""
    sizes = np.linalg.eigvalsh(products)
    return int((sizes > _ALIKE * sizes[-1]).sum()) if len(sizes) else 0


def clear(network: Network, load: np.ndarray | None = None, reference: Reference = None) -> Dispatch:
    """The dispatch of a network. See `OptimalFlow`."""
    return OptimalFlow(network, reference).solve(load)


__all__ = ["Dispatch", "OptimalFlow", "Part", "angle_program", "clear", "unconfirmed", "upper_end", "without_costs"]
