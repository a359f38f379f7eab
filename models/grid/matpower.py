"""Networks from MATPOWER cases: `.m` files, `.mat` files, and the dictionaries of PYPOWER, which have the same tables.

What a direct-current clearing needs is read, and `Network.notes` says what was left out or taken another way. `.m` files are
read by matpowercaseframes (extra `grids`); cells are checked here, by line.

Direct-current lines (`dcline`, `dclinecost`) are decided flows with the losses that the manual gives them, `LOSS0 + LOSS1 * PF`.
MATPOWER's format has no batteries; a table `storage` in the columns of PowerModels is read.

Source: the MATPOWER User's Manual, appendix B (case format version 2) and section 7.6.3 (HVDC lines); PowerModels.jl, its storage
component.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from opengames.diagnostics import Refusal, refuse
from opengames.models.grid.costs import points, polynomial
from opengames.models.grid.network import Branches, Buses, Curve, DirectLines, Network, Storages, Units

_COLUMNS = {
    "bus": ("BUS_I", "BUS_TYPE", "PD", "QD", "GS", "BS", "BUS_AREA", "VM", "VA", "BASE_KV", "ZONE", "VMAX", "VMIN"),
    "gen": ("GEN_BUS", "PG", "QG", "QMAX", "QMIN", "VG", "MBASE", "GEN_STATUS", "PMAX", "PMIN"),
    "branch": ("F_BUS", "T_BUS", "BR_R", "BR_X", "BR_B", "RATE_A", "RATE_B", "RATE_C", "TAP", "SHIFT", "BR_STATUS"),
    "gencost": ("MODEL", "STARTUP", "SHUTDOWN", "NCOST"),
    "dcline": (
        "F_BUS", "T_BUS", "BR_STATUS", "PF", "PT", "QF", "QT", "VF", "VT", "PMIN", "PMAX", "QMINF", "QMAXF", "QMINT", "QMAXT", "LOSS0", "LOSS1",
    ),
    "dclinecost": ("MODEL", "STARTUP", "SHUTDOWN", "NCOST"),
    "storage": (
        "STORAGE_BUS", "PS", "QS", "ENERGY", "ENERGY_RATING", "CHARGE_RATING", "DISCHARGE_RATING", "CHARGE_EFFICIENCY", "DISCHARGE_EFFICIENCY",
        "THERMAL_RATING", "QMIN", "QMAX", "R", "X", "P_LOSS", "Q_LOSS", "STATUS",
    ),
}  # fmt: skip
#: Tables whose rows are as long as they have points.
_RAGGED = {"gencost", "dclinecost"}
#: Columns that have to be numbers: what a direct-current clearing reads.
_READ = {
    "bus": {"BUS_I", "BUS_TYPE", "PD", "GS"},
    "gen": {"GEN_BUS", "GEN_STATUS", "PMAX", "PMIN"},
    "branch": {"F_BUS", "T_BUS", "BR_X", "RATE_A", "TAP", "SHIFT", "BR_STATUS"},
    "gencost": {"MODEL", "NCOST"},
    "dcline": {"F_BUS", "T_BUS", "BR_STATUS", "PMIN", "PMAX", "LOSS0", "LOSS1"},
    "dclinecost": {"MODEL", "NCOST"},
    "storage": {
        "STORAGE_BUS", "ENERGY", "ENERGY_RATING", "CHARGE_RATING", "DISCHARGE_RATING", "CHARGE_EFFICIENCY", "DISCHARGE_EFFICIENCY", "R", "P_LOSS", "STATUS",
    },
}  # fmt: skip
_RAMP_AGC, _RAMP_10 = 16, 17
_ANGMIN, _ANGMAX = 11, 12
_ISOLATED = 4
#: MVA from which MATPOWER takes a rating as none.
_UNLIMITED = 1e10
_FEW = 6

#: Columns of `_READ` that may be infinite, which says that there is no bound.
_BOUNDLESS = {"RATE_A", "PMAX", "PMIN"}
#: Outputs without a bound go to this many times what the network takes.
_AMPLE = 10
#: Columns of `_READ` that number or count something.
_WHOLE = {"BUS_I", "BUS_TYPE", "GEN_BUS", "F_BUS", "T_BUS", "MODEL", "NCOST", "STORAGE_BUS"}
#: Whole numbers beyond are not told apart in a `.mat` file, whose numbers are doubles.
_LARGEST = 2**53

_NAMED = re.compile(r"\bmpc\.(bus|gen|branch|gencost|dcline|dclinecost|storage|baseMVA)\b\s*(\(|=(?!=))\s*")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True)
class _Table:
    """A table as numbers (rows, columns), ragged rows filled up with 0. lines: of the rows in the file, where there is one."""

    name: str
    cells: np.ndarray
    lines: tuple[int, ...] = ()
    file: str = ""

    def __getitem__(self, column: str) -> np.ndarray:
        return self.cells[:, _COLUMNS[self.name].index(column)]

    def where(self, row: int) -> str:
        at = f"{self.file}, line {self.lines[row]}" if self.lines else self.file
        return f"{at} ({self.name}, row {row + 1})" if at else f"{self.name}, row {row + 1}"

    def only(self, kept: np.ndarray) -> _Table:
        lines = tuple(line for line, k in zip(self.lines, kept, strict=True) if k) if self.lines else ()
        return _Table(self.name, self.cells[kept], lines, self.file)


def read_matpower(path: str | Path) -> Network:
    """The network of a case file, `.m` or `.mat`.

    Raises `Refusal`: `no-such-file`, `bad-case` (not a case, a case that computes its tables, a table of the wrong width, costs
    that fall), `data-bad-cell`, `data-unknown-label` (a bus that is not there).
    """
    path = Path(path)
    if path.suffix.lower() == ".mat":
        return _from_mat(path)
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as fault:
        raise refuse("no-such-file", f"cannot read `{path}`: {(fault.strerror or type(fault).__name__).lower()}") from fault
    return parse_matpower(text, path.stem, str(path))


def parse_matpower(text: str, name: str = "case", file: str = "") -> Network:
    """The network of the text of a `.m` case. See `read_matpower`."""
    parse = _parser()
    text = _without_blocks(text)
    plain, lines = _plain(text)
    _refuse_computed(plain, lines, text.splitlines(), file or name)
    tables = {}
    for table in _COLUMNS:
        rows = parse(table, plain)
        if rows:
            tables[table] = _checked(table, rows, _lines_of(table, plain, lines, len(rows)), file or name)
    base = parse("baseMVA", plain)
    if base is None or not _number(base[0][0]):
        raise _no_case(file or name, "`mpc.baseMVA` is not a number" if base else "there is no `mpc.baseMVA`")
    named = {each: _cell_array(each, text) for each in ("bus_name", "branch_name", "gen_name", "genfuel")}
    return _network(name, float(base[0][0]), tables, named, file or name)


def from_matpower(case: Mapping[str, Any], name: str = "case") -> Network:
    """The network of a case as a dictionary: PYPOWER's, or MATPOWER's structure as Python has it. See `read_matpower`."""
    tables = {}
    for table in _COLUMNS:
        if table in case and np.size(case[table]):
            cells = np.atleast_2d(np.asarray(case[table], float))
            tables[table] = _checked(table, cells.tolist(), (), "")
    if "baseMVA" not in case:
        raise _no_case(name, "there is no `baseMVA`")
    named = {each: tuple(str(n) for n in np.ravel(case[each])) if each in case else () for each in ("bus_name", "branch_name", "gen_name", "genfuel")}
    return _network(name, float(np.ravel(case["baseMVA"])[0]), tables, named, "")


def _from_mat(path: Path) -> Network:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found = loadmat(path, struct_as_record=True, squeeze_me=True)
    except OSError as fault:
        raise refuse("no-such-file", f"cannot read `{path}`: {(fault.strerror or str(fault)).lower()}") from fault
    except (MatReadError, ValueError, TypeError, NotImplementedError) as fault:
        raise refuse("bad-case", f"`{path}` is no MATLAB file that can be read: {fault}") from fault
    structure = found.get("mpc")
    if structure is None or structure.dtype.names is None:
        raise _no_case(str(path), "there is no structure `mpc`")
    return from_matpower({each: structure[each].item() for each in structure.dtype.names}, path.stem)


def _parser() -> Any:
    try:
        from matpowercaseframes.reader import parse_file
    except ImportError as fault:
        raise refuse(
            "not-installed", "MATPOWER cases are read by matpowercaseframes, which is not installed",
            help="install it: `pip install 'opengames[grids]'`",
        ) from fault  # fmt: skip
    return parse_file


def _without_blocks(text: str) -> str:
    """The text with the lines of block comments, `%{` to `%}`, left empty."""
    out, depth = [], 0
    for line in text.splitlines():
        mark = line.strip()
        depth += mark == "%{"
        out.append("" if depth else line)
        depth -= mark == "%}" and depth > 0
    return "\n".join(out)


def _refuse_computed(plain: str, lines: list[int], original: list[str], file: str) -> None:
    """Refuse (`bad-case`) a case that does more with a table than write it down once."""
    seen: set[str] = set()
    for found in _NAMED.finditer(plain):
        begin = plain.rfind("\n", 0, found.start()) + 1
        if "%" in plain[begin : found.start()]:
            continue
        table, rest = found[1], plain[found.end() :]
        close = rest.find("]")
        after = rest[close + 1 :].split("\n", 1)[0].partition("%")[0].strip() if close >= 0 else ""
        literal = found[2] == "=" and (table == "baseMVA" or (rest.startswith("[") and "mpc." not in rest[:close] and after in ("", ";")))
        if literal and table not in seen:
            seen.add(table)
            continue
        if found[2] == "(" and not re.match(r"[^\n=]*\)\s*=(?!=)", rest):  # a table that is only looked at
            continue
        number = lines[plain.count("\n", 0, found.start())]
        raise refuse(
            "bad-case", f"this case {'writes' if literal else 'computes'} its `{table}` table{' twice' if literal else ''}, and only numbers are read",
            notes=(f"{file}, line {number}: `{original[number - 1].strip()}`",),
            help="save it from MATPOWER (`savecase`), and read that",
        )  # fmt: skip


def _plain(text: str) -> tuple[str, list[int]]:
    """The text with one row of a table on each line and no commas between cells, and the line each came from."""
    out, lines = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if "'" not in line:
            line = line.partition("%")[0].replace(",", " ")
            line = re.sub(r";(?=[^\S\n]*[^\s\];])", ";\n", line)
        for part in line.split("\n"):
            out.append(part)
            lines.append(number)
    return "\n".join(out), lines


def _lines_of(table: str, plain: str, lines: list[int], rows: int) -> tuple[int, ...]:
    """The line of every row of a table."""
    found = re.search(rf"mpc\.{table}\s*=\s*\[", plain)
    if not found:
        return ()
    at = plain.count("\n", 0, found.end())
    kept: list[int] = []
    for k, line in enumerate(plain[found.end() :].split("\n")):
        code = line.partition("%")[0].replace(";", "").replace("]", "").strip()
        if code and len(kept) < rows:
            kept.append(lines[at + k])
        if "]" in line:
            break
    return tuple(kept) if len(kept) == rows else ()


def _cell_array(name: str, text: str) -> tuple[str, ...]:
    found = re.search(rf"^\s*mpc\.{name}\s*=\s*\{{(.*?)\}}\s*;", text, re.DOTALL | re.MULTILINE)
    return tuple(q.replace("''", "'").strip() for q in _QUOTED.findall(found[1])) if found else ()


def _number(cell: Any) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def _checked(table: str, rows: Sequence[Sequence[Any]], lines: tuple[int, ...], file: str) -> _Table:
    names, widest = _COLUMNS[table], max(map(len, rows))
    if len(names) <= min(map(len, rows)) == widest and not any(isinstance(cell, str) for row in rows for cell in row):
        whole = _Table(table, np.asarray(rows, float), lines, file)
        if all(_fits(whole[n], n).all() for n in names if n in _READ[table]):
            return whole
    cells = np.zeros((len(rows), widest))
    made = _Table(table, cells, lines, file)
    for i, row in enumerate(rows):
        if len(row) < len(names) or (table not in _RAGGED and len(row) != widest):
            raise refuse(
                "bad-case", f"a row of `{table}` has {len(row)} cells",
                notes=(f"in {made.where(i)}", f"expected {max(len(names), widest if table not in _RAGGED else 0)}, the first of them {', '.join(names)}"),
            )  # fmt: skip
        for k, cell in enumerate(row):
            if not _number(cell) or (np.isnan(cell) and k < len(names) and names[k] in _READ[table]):
                column = names[k] if k < len(names) else f"number {k + 1}"
                raise refuse(
                    "data-bad-cell", f"`{cell}` in column {column} of `{table}` is not a number", notes=(f"in {made.where(i)}",)
                )
            if k < len(names) and names[k] in _READ[table] and not _fits(cell, names[k]):
                raise refuse(
                    "data-bad-cell", f"`{cell:g}` in column {names[k]} of `{table}` is no {'whole' if names[k] in _WHOLE else 'finite'} number",
                    notes=(f"in {made.where(i)}",),
                )  # fmt: skip
            cells[i, k] = cell
    return made


def _fits(cells: Any, column: str) -> Any:
    """Which numbers can stand in a column that is read."""
    if column in _WHOLE:
        return (np.abs(cells) <= _LARGEST) & (np.floor(np.clip(cells, -_LARGEST, _LARGEST)) == cells)
    return ~np.isnan(cells) if column in _BOUNDLESS else np.isfinite(cells)


def _network(name: str, base: float, tables: Mapping[str, _Table], named: Mapping[str, tuple[str, ...]], file: str) -> Network:
    for table in ("bus", "gen", "branch"):
        if table not in tables:
            raise _no_case(file or name, f"there is no table `{table}`")
    if not 0 < base < np.inf:
        raise _no_case(file or name, f"`baseMVA` is {base:g}, and has to be a finite number above 0")
    notes: list[str] = []
    bus = tables["bus"]
    numbers = bus["BUS_I"].astype(int)
    twice = [n for n, k in Counter(numbers.tolist()).items() if k > 1]
    if twice:
        raise refuse("bad-case", f"bus {twice[0]} is there twice", notes=(f"in {bus.where(int(np.flatnonzero(numbers == twice[0])[1]))}",))
    live = bus["BUS_TYPE"] != _ISOLATED
    if (~live).any():
        notes.append(f"{_count((~live).sum(), 'isolated bus', 'isolated buses')} left out: {_some(numbers[~live])}")
    titles = named["bus_name"] if len(named["bus_name"]) == len(numbers) else ()
    place = np.where(live, np.cumsum(live) - 1, -1)
    conductance = bus["GS"][live]
    if conductance.any():
        notes.append(f"shunt conductances at {_count((conductance != 0).sum(), 'bus', 'buses')} count as load, {conductance.sum():g} MW in all")
    load = bus["PD"][live] + conductance
    storages = _storages(tables.get("storage"), numbers, place, load, notes)
    buses = Buses(
        tuple(map(str, numbers[live])), load, bus["BASE_KV"][live], tuple(f"{a:g}" for a in bus["BUS_AREA"][live]),
        tuple(f"{z:g}" for z in bus["ZONE"][live]), np.full(live.sum(), np.nan), np.full(live.sum(), np.nan),
        tuple(t for t, k in zip(titles, live, strict=True) if k) if titles else (),
    )  # fmt: skip
    branches = _branches(tables["branch"], numbers, place, named["branch_name"], base, notes)
    units = _units(tables["gen"], tables.get("gencost"), numbers, place, named, float(np.abs(load).sum()), notes)
    direct = _direct_lines(tables.get("dcline"), tables.get("dclinecost"), numbers, place, notes)
    return Network(name, base, buses, branches, units, storages, tuple(notes), direct)


def _branches(branch: _Table, numbers: np.ndarray, place: np.ndarray, names: tuple[str, ...], base: float, notes: list[str]) -> Branches:
    ends = [_places(branch, column, numbers, place) for column in ("F_BUS", "T_BUS")]
    runs = (branch["BR_STATUS"] > 0) & (ends[0] >= 0) & (ends[1] >= 0)
    if (~runs).any():
        notes.append(f"{_count((~runs).sum(), 'branch', 'branches')} out of service left out")
    own = names if len(names) == len(runs) else _numbered(
        [f"{int(f)}-{int(t)}" for f, t in zip(branch["F_BUS"], branch["T_BUS"], strict=True)]
    )  # fmt: skip
    kept = branch.only(runs)
    tap = np.where(kept["TAP"] == 0, 1.0, kept["TAP"])
    rate = kept["RATE_A"]
    if (rate < 0).any():
        i = int(np.flatnonzero(rate < 0)[0])
        raise refuse("data-out-of-range", f"`RATE_A` of a branch is {rate[i]:g} MVA", notes=(f"in {kept.where(i)}", "expected 0 (none) or more"))
    limit = np.where((rate == 0) | (rate >= _UNLIMITED), np.inf, rate)
    called = tuple(n for n, k in zip(own, runs, strict=True) if k)
    limit = _angle_limits(kept, called, tap, limit, base, notes)
    return Branches(called, ends[0][runs], ends[1][runs], kept["BR_X"], tap, kept["SHIFT"], limit)


def _angle_limits(branch: _Table, names: tuple[str, ...], tap: np.ndarray, limit: np.ndarray, base: float, notes: list[str]) -> np.ndarray:
    """Limits of angle differences as limits of flow: the same thing, where they are symmetric and nothing is shifted."""
    if branch.cells.shape[1] <= _ANGMAX:
        return limit
    low, high = branch.cells[:, _ANGMIN], branch.cells[:, _ANGMAX]
    low, high = np.where((low == 0) | (low <= -360), -np.inf, low), np.where((high == 0) | (high >= 360), np.inf, high)
    flow = base / np.abs(np.where(branch["BR_X"] == 0, 1, branch["BR_X"]) * tap)
    most = np.deg2rad(np.maximum(high, -low)) * flow
    least = np.deg2rad(np.minimum(high, -low)) * flow
    same = (low == -high) & (branch["SHIFT"] == 0)
    tighter = same & (most < limit)
    if tighter.any():
        notes.append(f"angle limits of {_count(tighter.sum(), 'branch', 'branches')} are taken as limits of flow: {_some([names[i] for i in np.flatnonzero(tighter)])}")
    lost = ~same & (least < limit)
    if lost.any():
        notes.append(f"angle limits of {_count(lost.sum(), 'branch', 'branches')} are left out, being different each way: {_some([names[i] for i in np.flatnonzero(lost)])}")
    return np.where(tighter, most, limit)


def _units(
    gen: _Table, cost: _Table | None, numbers: np.ndarray, place: np.ndarray, named: Mapping[str, tuple[str, ...]], load: float,
    notes: list[str],
) -> Units:
    at = _places(gen, "GEN_BUS", numbers, place)
    runs = (gen["GEN_STATUS"] > 0) & (at >= 0)
    if (~runs).any():
        notes.append(f"{_count((~runs).sum(), 'unit', 'units')} out of service left out")
    bends = (gen["PMAX"] <= 0) & (gen["PMIN"] < 0)
    if (bends & runs).any():
        notes.append(f"{_count((bends & runs).sum(), 'dispatchable load', 'dispatchable loads')} kept as units with negative output")
    own = named["gen_name"] if len(named["gen_name"]) == len(runs) else _numbered(
        [f"{'D' if d else 'G'}{int(b)}" for b, d in zip(gen["GEN_BUS"], bends, strict=True)]
    )  # fmt: skip
    fuels = named["genfuel"] if len(named["genfuel"]) == len(runs) else ("",) * len(runs)
    least, most = gen["PMIN"], gen["PMAX"]
    endless = runs & (np.isinf(least) | np.isinf(most))
    if endless.any():
        ample = _AMPLE * (load + np.abs(np.concatenate((least[runs & np.isfinite(least)], most[runs & np.isfinite(most)]))).sum())
        least, most = np.clip(least, -ample, ample), np.clip(most, -ample, ample)
        notes.append(f"{_count(endless.sum(), 'unit', 'units')} without a bound of output: {ample:g} MW is taken, {_AMPLE} times what the network takes and makes")
    curves = []
    if cost is None:
        notes.append("there are no costs (`gencost`): running costs nothing")
    elif len(cost.cells) not in (len(runs), 2 * len(runs)):
        raise refuse("bad-case", f"`gencost` has {len(cost.cells)} rows for {len(runs)} units", notes=(f"in {cost.file}",) if cost.file else ())
    for i in np.flatnonzero(runs).tolist():
        if least[i] > most[i]:
            raise refuse("bad-case", f"unit `{own[i]}` has a least output of {least[i]:g} MW, above its most, {most[i]:g} MW", notes=(f"in {gen.where(i)}",))
        curves.append(polynomial((), own[i]) if cost is None else _curve(cost, i, least[i], most[i], own[i]))
    width = gen.cells.shape[1]
    agc = gen.cells[:, _RAMP_AGC] if width > _RAMP_AGC else np.zeros(len(runs))
    ten = gen.cells[:, _RAMP_10] / 10 if width > _RAMP_10 else np.zeros(len(runs))
    ramp = np.where(ten > 0, ten, np.where(agc > 0, agc, np.inf))
    return Units(
        tuple(n for n, k in zip(own, runs, strict=True) if k), at[runs], least[runs], most[runs], ramp[runs],
        tuple(f for f, k in zip(fuels, runs, strict=True) if k), tuple(curves),
    )  # fmt: skip


def _curve(cost: _Table, i: int, least: float, most: float, unit: str) -> Curve:
    model, count = int(cost["MODEL"][i]), int(cost["NCOST"][i])
    rest, where = cost.cells[i, 4:], cost.where(i)
    wanted = 2 * count if model == 1 else count
    if model not in (1, 2) or count < 0 or wanted > len(rest):
        raise refuse(
            "bad-case", f"the cost of unit `{unit}` cannot be read: model {model}, {count} numbers",
            notes=(f"in {where}", "expected model 1 (points) or 2 (a polynomial), and as many numbers as NCOST says"),
        )  # fmt: skip
    if model == 2:
        return polynomial(rest[:count].tolist(), unit, where)
    return points(rest[: 2 * count : 2].tolist(), rest[1 : 2 * count : 2].tolist(), least, most, unit, where)


def _direct_lines(lines: _Table | None, cost: _Table | None, numbers: np.ndarray, place: np.ndarray, notes: list[str]) -> DirectLines:
    if lines is None:
        return DirectLines()
    if cost is not None and len(cost.cells) != len(lines.cells):
        raise refuse("bad-case", f"`dclinecost` has {len(cost.cells)} rows for {len(lines.cells)} HVDC lines", notes=(f"in {cost.file}",) if cost.file else ())
    ends = [_places(lines, column, numbers, place) for column in ("F_BUS", "T_BUS")]
    runs = (lines["BR_STATUS"] > 0) & (ends[0] >= 0) & (ends[1] >= 0)
    if (~runs).any():
        notes.append(f"{_count((~runs).sum(), 'HVDC line', 'HVDC lines')} out of service left out")
    names = _numbered([f"DC {int(f)}-{int(t)}" for f, t in zip(lines["F_BUS"], lines["T_BUS"], strict=True)])
    share, lost, low, high = (lines[c] for c in ("LOSS1", "LOSS0", "PMIN", "PMAX"))
    for i in np.flatnonzero(runs).tolist():
        if not share[i] < 1:
            raise refuse("data-out-of-range", f"`LOSS1` of HVDC line `{names[i]}` is {share[i]:g}", notes=(f"in {lines.where(i)}", "expected a share below 1"))
        if low[i] > high[i]:
            raise refuse("bad-case", f"HVDC line `{names[i]}` has a least flow of {low[i]:g} MW, above its most, {high[i]:g} MW", notes=(f"in {lines.where(i)}",))
    # a limit below 0 is one of what arrives
    least, most = (np.where(end < 0, (end + lost) / (1 - np.where(runs, share, 0)), end) for end in (low, high))
    curves = tuple(
        polynomial((), names[i]) if cost is None else _curve(cost, i, float(least[i]), float(most[i]), names[i]) for i in np.flatnonzero(runs).tolist()
    )
    gains = runs & (share > 0) & (least < 0)
    if gains.any():
        notes.append(f"{_count(gains.sum(), 'HVDC line', 'HVDC lines')} may flow back with a loss in proportion, which then is a gain, as in MATPOWER: {_some([names[i] for i in np.flatnonzero(gains)])}")
    return DirectLines(
        tuple(n for n, k in zip(names, runs, strict=True) if k), ends[0][runs], ends[1][runs], least[runs], most[runs], share[runs], lost[runs], curves
    )


def _storages(table: _Table | None, numbers: np.ndarray, place: np.ndarray, load: np.ndarray, notes: list[str]) -> Storages:
    """Batteries of a table as PowerModels writes it; what they lose standing by is added to `load`."""
    if table is None:
        none = np.zeros(0)
        return Storages((), np.zeros(0, int), none, none, none, none)
    at = _places(table, "STORAGE_BUS", numbers, place)
    runs = (table["STATUS"] > 0) & (at >= 0)
    if (~runs).any():
        notes.append(f"{_count((~runs).sum(), 'battery', 'batteries')} out of service left out")
    kept, at = table.only(runs), at[runs]
    names = tuple(n for n, k in zip(_numbered([f"S{int(b)}" for b in table["STORAGE_BUS"]]), runs, strict=True) if k)
    for column, least, most in (
        ("CHARGE_EFFICIENCY", 1e-6, 1.0), ("DISCHARGE_EFFICIENCY", 1e-6, 1.0), ("CHARGE_RATING", 0.0, np.inf), ("DISCHARGE_RATING", 0.0, np.inf),
        ("ENERGY_RATING", 0.0, np.inf), ("ENERGY", 0.0, np.inf),
    ):  # fmt: skip
        wrong = np.flatnonzero((kept[column] < least) | (kept[column] > most))
        if len(wrong):
            raise refuse(
                "data-out-of-range", f"`{column}` of battery `{names[wrong[0]]}` is {kept[column][wrong[0]]:g}",
                notes=(f"in {kept.where(int(wrong[0]))}", "expected more than 0 and at most 1" if most == 1 else "expected 0 or more"),
            )  # fmt: skip
    over = np.flatnonzero(kept["ENERGY"] > kept["ENERGY_RATING"])
    if len(over):
        i = int(over[0])
        raise refuse("data-out-of-range", f"battery `{names[i]}` holds {kept['ENERGY'][i]:g} MWh of {kept['ENERGY_RATING'][i]:g}", notes=(f"in {kept.where(i)}",))
    np.add.at(load, at, kept["P_LOSS"])
    if kept["P_LOSS"].any():
        notes.append(f"what batteries lose standing by counts as load, {kept['P_LOSS'].sum():g} MW in all")
    if kept["R"].any():
        notes.append("resistances of batteries are left out")
    return Storages(
        names, at, kept["DISCHARGE_RATING"], kept["ENERGY_RATING"], kept["CHARGE_EFFICIENCY"], kept["DISCHARGE_EFFICIENCY"], kept["CHARGE_RATING"],
        initial=kept["ENERGY"],
    )  # fmt: skip


def _places(table: _Table, column: str, numbers: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Positions of the buses of a column, -1 for isolated ones. Raises `Refusal` for a bus that is not there."""
    wanted = table[column].astype(int)
    missing = np.flatnonzero(~np.isin(wanted, numbers))
    if len(missing):
        i = int(missing[0])
        raise refuse(
            "data-unknown-label", f"column {column} of `{table.name}` names bus {wanted[i]}, and there is no such bus",
            notes=(f"in {table.where(i)}",),
        )  # fmt: skip
    order = np.argsort(numbers)
    return np.asarray(place[order[np.searchsorted(numbers, wanted, sorter=order)]])


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Names told apart: the second of a kind gets ` #2`."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return tuple(out)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _some(names: Sequence[Any] | np.ndarray) -> str:
    listed = ", ".join(str(n) for n in names[:_FEW])
    return f"{listed} and {len(names) - _FEW:,} more" if len(names) > _FEW else listed


def _no_case(file: str, why: str) -> Refusal:
    return refuse(
        "bad-case", f"`{file}` is no MATPOWER case: {why}",
        notes=("a case of version 2 has `mpc.baseMVA` and the tables `mpc.bus`, `mpc.gen` and `mpc.branch`",),
    )  # fmt: skip


__all__ = ["from_matpower", "parse_matpower", "read_matpower"]
