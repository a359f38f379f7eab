"""The linear program of one interval once more, written by loops over dictionaries and handed to scipy: nothing shared."""

import numpy as np
from scipy.optimize import linprog

from opengames.models.ercot import Esr, Generator

TAU = {"REGUP": 0.5, "REGDN": 0.5, "RRS-PFR": 0.5, "RRS-FFR": 0.0, "RRS-UFR": 0.5, "ECRS": 1.0, "NSPIN": 4.0}
MINUTES = {"REGUP": 5, "REGDN": 5, "ECRS": 10, "NSPIN": 30}


def by_loops(interval):
    """Cost in $, lambda, prices of products, and LMPs; none if there is no solution. Every network limit is in from the start."""
    costs, bounds, rows_ub, rows_eq = [], [], [], []

    def variable(cost, low, high):
        costs.append(cost)
        bounds.append((low, high))
        return len(costs) - 1

    dt = interval.hours
    sums = {}
    balance, bus_rows = {}, {b: {} for b in interval.fleet.buses}
    product_rows = {}
    for r in interval.fleet.resources:
        p = variable(0, None, None)
        balance[p] = 1
        bus_rows[r.bus][p] = 1
        on = isinstance(r, Esr) or (isinstance(r, Generator) and r.status == "on")
        low, high = (r.low, r.high) if on else (0, 0)
        row, begin = {p: 1}, low
        for mw, price in zip(r.offer.mw, r.offer.price, strict=True) if on else ():
            # an offer may reach beyond the limits on both sides
            end = min(mw, high)
            if end > begin:
                row[variable(dt * price, 0, end - begin)] = -1
                begin = end
        rows_eq.append((row, low))
        up, down, long_up, long_down = {p: 1}, {p: -1}, {}, {}
        ramp_up, ramp_down = {p: 1}, {p: -1}
        for kind, o in r.services.items():
            a = variable(dt * o.price, 0, min(o.mw, MINUTES[kind] * o.ramp) if kind in MINUTES else o.mw)
            product_rows.setdefault(kind.split("-")[0], {})[a] = -1
            if kind == "REGDN":
                down[a], ramp_down[a], long_down[a] = 1, interval.regulation_share, TAU[kind]
            else:
                up[a], long_up[a] = 1, TAU[kind]
            if kind == "REGUP":
                ramp_up[a] = interval.regulation_share
        rows_ub.append((up, r.high))
        rows_ub.append((down, -low))
        if on and np.isfinite(r.ramp_up):
            rows_ub.append((ramp_up, r.before + 60 * dt * r.ramp_up))
        if on and np.isfinite(r.ramp_down):
            rows_ub.append((ramp_down, -(r.before - 60 * dt * r.ramp_down)))
        if isinstance(r, Esr):
            out, into = variable(0, 0, high), variable(0, 0, -low)
            e = variable(0, r.least, r.most)
            rows_eq.append(({p: 1, out: -1, into: 1}, 0))
            rows_eq.append(({e: 1, out: dt / r.discharging, into: -dt * r.charging}, r.stored))
            rows_ub.append(({e: -1, **{a: t / r.discharging for a, t in long_up.items()}}, -r.least))
            rows_ub.append(({e: 1, **{a: t * r.charging for a, t in long_down.items()}}, r.most))
    for width, price in zip(interval.penalties.under_mw, interval.penalties.under_price, strict=True):
        balance[variable(dt * price, 0, width)] = 1
    balance[variable(dt * interval.penalties.over_price, 0, None)] = -1
    rows_eq.append((balance, interval.load.sum()))
    at_balance = len(rows_eq) - 1
    for product, curve in interval.curves.items():
        row = dict(product_rows.get(product, {}))
        for width, price in zip(curve.width, curve.price, strict=True):
            row[variable(-dt * price, 0, width)] = 1
        sums[product] = len(rows_ub)
        rows_ub.append((row, 0))
    total = interval.load.sum()
    weights = interval.load / total if total > 0 else np.eye(1, len(interval.load))[0]
    at_limits = len(rows_ub)
    factors = interval.limits.matrix - (interval.limits.matrix @ weights)[:, None]
    for c in range(len(interval.limits.names)):
        v = variable(dt * interval.limits.cap[c], 0, None)
        row = {v: -1}
        for b, bus in enumerate(interval.fleet.buses):
            for p in bus_rows[bus]:
                row[p] = factors[c, b]
        rows_ub.append((row, interval.limits.limit[c] + factors[c] @ interval.load))

    def dense(rows):
        matrix = np.zeros((len(rows), len(costs)))
        for i, (row, _) in enumerate(rows):
            for j, value in row.items():
                matrix[i, j] += value
        return matrix, np.array([b for _, b in rows])

    a_ub, b_ub = dense(rows_ub)
    a_eq, b_eq = dense(rows_eq)
    found = linprog(costs, a_ub, b_ub, a_eq, b_eq, bounds, method="highs")
    if found.status == 2:
        return None
    assert found.status == 0, found.message
    energy = found.eqlin.marginals[at_balance] / dt
    shadow = -found.ineqlin.marginals[at_limits:] / dt
    prices = {k: -found.ineqlin.marginals[i] / dt for k, i in sums.items()}
    return found.fun, energy, prices, energy - factors.T @ shadow


__all__ = ["by_loops"]
