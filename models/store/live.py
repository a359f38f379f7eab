"""Live download of a day of a feed, through the `gridstatus` package (the extra `live`), into CSV files that a store loads.

The package asks the operator's public site; how far back that goes is up to the site (days to weeks for most reports).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from opengames.diagnostics import refuse

_Call = Callable[[Any, Any, str, str], Any]


def _plain(method: str) -> _Call:
    return lambda package, operator, begin, end: getattr(operator, method)(date=begin, end=end)


def _prices(market: str) -> _Call:
    return lambda package, operator, begin, end: operator.get_spp(date=begin, end=end, market=getattr(package.Markets, market))


CALLS: dict[str, _Call] = {
    "NP6-788-CD": _plain("get_lmp_by_settlement_point"),
    "NP6-322-CD": _plain("get_sced_system_lambda"),
    "NP6-332-CD": _plain("get_mcpc_sced"),
    "NP6-331-CD": _plain("get_mcpc_real_time_15_min"),
    "NP6-905-CD": _prices("REAL_TIME_15_MIN"),
    "NP4-188-CD": _plain("get_as_prices"),
    "NP4-190-CD": _prices("DAY_AHEAD_HOURLY"),
    "NP4-212-CD": _plain("get_as_demand_curves_dam_and_sced"),
    "NP4-33-CD": lambda package, operator, begin, end: operator.get_as_plan(date=begin),
}
"""How each feed is asked for: the package, its operator, the first day and the day after the last."""


def download(feed: str, day: date, folder: str | Path, package: Any = None) -> Path:
    """Ask for a delivery day of a feed and write what comes to `folder/FEED_YYYYMMDD.csv`, which is returned.

    package: the module to ask, `gridstatus` unless told. Raises `Refusal`: `unknown-feed`, `no-download` if the package is not
    there, the network is not, or there is nothing for that day; `file-exists`.
    """
    call = CALLS.get(feed.upper())
    if call is None:
        near = get_close_matches(feed.upper(), CALLS, 1, 0.6)
        raise refuse("unknown-feed", f"`{feed}` is no feed that can be downloaded", notes=("there are " + ", ".join(CALLS),),
                     help=f"did you mean `{near[0]}`?" if near else "files of other feeds can be loaded")  # fmt: skip
    path = Path(folder) / f"{feed.upper()}_{day:%Y%m%d}.csv"
    if path.exists():
        raise refuse("file-exists", f"`{path}` is there already", help="load it, or take it away first")
    if package is None:
        package = _gridstatus()
    try:
        frame = call(package, package.Ercot(), day.isoformat(), (day + timedelta(days=1)).isoformat())
    except Exception as error:  # the package, its HTTP library and the site fail in ways of their own; each says what it was
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise refuse(
            "no-download", f"{feed.upper()} of {day} could not be downloaded", notes=(f"{type(error).__name__}: {said}",),
            help="is there a network, and is the day among those that the operator still offers?",
        ) from error  # fmt: skip
    if frame is None or not len(frame):
        raise refuse("no-download", f"there is nothing of {feed.upper()} for {day}", help="try another day")
    part = path.with_suffix(".part")
    frame.to_csv(part, index=False)
    part.rename(path)
    return path


def _gridstatus() -> Any:
    try:
        import gridstatus
    except ImportError as error:
        raise refuse("no-download", "downloads need the package `gridstatus`, which is not installed",
                     help="install it with `pip install 'opengames[live]'`, or load files that you have") from error  # fmt: skip
    return gridstatus


__all__ = ["CALLS", "download"]
