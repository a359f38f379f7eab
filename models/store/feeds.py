"""The forms of data that a store reads, each known by its columns and never by the name of its file.

Of the operator's public reports: NP6-788-CD, NP6-322-CD, NP6-86-CD, NP6-332-CD, NP6-331-CD, NP6-796-ER, NP6-905-CD,
NP4-188-CD, NP4-190-CD, NP4-212-CD, NP4-33-CD, and for load NP6-345-CD and NP3-565-CD; frames that the `gridstatus` package
returns; hourly tables of prices, ancillary services and battery output in the forms that public collections have; and what a
store exports. Names of columns are compared without capitals, spaces and signs.

A row that is not published with a time of its own counts as known by a rule: day-ahead results at 13:30 of the day
before, plans, forecasts and demand curves at 6:00 of the day before, a real-time price 5 minutes after its interval (a SCED
run's 1 minute after its stamp), measured load at 6:00 of the day after.

Sources of the columns: the reports as published (September 2026), the `gridstatus` package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from opengames.diagnostics import Refusal, refuse
from opengames.models.store.schema import AFTER, BEFORE, TABLES, Table

DAY_AHEAD = "midnight_utc - INTERVAL 630 MINUTE"
DAY_BEFORE = "midnight_utc - INTERVAL 18 HOUR"
DAY_AFTER = "midnight_utc + to_hours(day_hours + 6)"
SOON = "end_utc + INTERVAL 5 MINUTE"
RUN = "start_utc + INTERVAL 1 MINUTE"
"""When a row counts as known: SQL over the row and its delivery day (`midnight_utc`, `day_hours`)."""


@dataclass(frozen=True)
class Field:
    """A column of a document. names: as published, the usual one first. kind: what a cell must be. needed: the document is
    not of this feed without it. blank: whether an empty cell means that the row says nothing here."""

    names: tuple[str, ...]
    kind: str = "number"
    needed: bool = True
    blank: bool = False


@dataclass(frozen=True)
class When:
    """How a row says its time. form: `hour` (date, hour ending), `quarter` (and interval), `run` (local stamp), `zoned` (a stamp
    with its offset), `utc` (a stamp of UTC). minutes: length of the interval, 0 where `end` says it or there is none."""

    form: str
    first: Field
    hour: Field | None = None
    interval: Field | None = None
    flag: Field | None = None
    end: Field | None = None
    minutes: int = 60


@dataclass(frozen=True)
class Into:
    """Rows for one table. cells: its columns by field. fixed: columns that are the same for every row. known: the rule, or a
    field that says it."""

    table: str
    cells: dict[str, Field]
    fixed: dict[str, str]
    known: str | Field


@dataclass(frozen=True)
class Feed:
    """name: of the report or form. spelled: columns that tell it from another form with the same names."""

    name: str
    title: str
    when: When
    into: tuple[Into, ...]
    spelled: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every column that is read, each once."""
        w = self.when
        times = [f for f in (w.first, w.hour, w.interval, w.flag, w.end) if f is not None]
        cells = [f for i in self.into for f in (*i.cells.values(), *([i.known] if isinstance(i.known, Field) else []))]
        return tuple(dict.fromkeys([*times, *cells]))

    @property
    def needed(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields if f.needed)


# --------------------------------------------------------------------- columns of the public reports

_DATE = Field(("DeliveryDate", "OperDay"), "date")
_ENDING = Field(("HourEnding",), "hour")
_HOUR = Field(("DeliveryHour",), "hour")
_QUARTER = Field(("DeliveryInterval",), "quarter")
_FLAG = Field(("RepeatedHourFlag", "DSTFlag", "RepeatHourFlag"), "flag", needed=False)
_STAMP = Field(("SCEDTimestamp",), "stamp")
_AS = Field(("ASType", "AncillaryType"), "product")

_HOURLY = When("hour", _DATE, _ENDING, flag=_FLAG)
_QUARTERLY = When("quarter", _DATE, _HOUR, _QUARTER, _FLAG, minutes=15)
_SCED = When("run", _STAMP, flag=_FLAG, minutes=0)

_WEATHER_ZONES = ("COAST", "EAST", "FAR_WEST", "NORTH", "NORTH_C", "SOUTHERN", "SOUTH_C", "WEST", "TOTAL")
_FORECAST_ZONES = ("Coast", "East", "FarWest", "North", "NorthCentral", "Southern", "SouthCentral", "West", "SystemTotal")


def _number(*names: str, needed: bool = True, blank: bool = False) -> Field:
    return Field(names, "number", needed, blank)


def _text(*names: str, needed: bool = True) -> Field:
    return Field(names, "text" if needed else "note", needed)


def _points(price: Field, point: Field, market: str, known: str, kind: Field | None = None) -> Into:
    return Into("lmp", {"point": point, "price": price, **({"kind": kind} if kind else {})}, {"market": market}, known)


def _services(market: str, known: str, price: Field, product: Field = _AS, uncapped: Field | None = None) -> tuple[Into, ...]:
    cells = {"product": product, "price": price, **({"uncapped": uncapped} if uncapped else {})}
    return (Into("mcpc", cells, {"market": market}, known),)


_UNCAPPED_MCPC = _number("UncappedMCPC", needed=False, blank=True)
_MCPC = _number("MCPC", "CappedMCPC")

REPORTS = (
    Feed("NP6-788-CD", "SCED prices at settlement points", _SCED,
         (_points(_number("LMP"), _text("SettlementPoint"), "RT_SCED", RUN),)),
    Feed("NP6-322-CD", "SCED system lambda", _SCED,
         (Into("system_lambda", {"price": _number("CappedSystemLambda", "SystemLambda"),
                                 "uncapped": _number("UncappedSystemLambda", needed=False, blank=True)},
               {"market": "RT_SCED"}, RUN),)),
    Feed("NP6-86-CD", "SCED shadow prices of binding constraints", _SCED,
         (Into("shadow_price", {
             "constraint_id": _text("ConstraintID"), "constraint_name": _text("ConstraintName"), "contingency": _text("ContingencyName"),
             "from_station": _text("FromStation", needed=False), "to_station": _text("ToStation", needed=False),
             "price": _number("ShadowPrice"), "most": _number("MaxShadowPrice", blank=True), "limit_mw": _number("Limit", blank=True),
             "value_mw": _number("Value", blank=True), "violated_mw": _number("ViolatedMW", needed=False, blank=True),
             "from_kv": _number("FromStationkV", needed=False, blank=True), "to_kv": _number("ToStationkV", needed=False, blank=True),
             "cct": _text("CCTStatus", needed=False)}, {}, RUN),)),
    Feed("NP6-332-CD", "SCED clearing prices of ancillary services", _SCED, _services("RT_SCED", RUN, _MCPC, uncapped=_UNCAPPED_MCPC)),
    Feed("NP6-331-CD", "15-minute clearing prices of ancillary services", _QUARTERLY,
         _services("RT_15", SOON, _MCPC, uncapped=_UNCAPPED_MCPC)),
    Feed("NP6-796-ER", "15-minute clearing prices of ancillary services, history", _QUARTERLY,
         _services("RT_15", SOON, _MCPC, uncapped=_UNCAPPED_MCPC), spelled=("Delivery Date", "Delivery Hour")),
    Feed("NP6-905-CD", "15-minute settlement point prices", _QUARTERLY,
         (_points(_number("SettlementPointPrice"), _text("SettlementPointName"), "RT_15", SOON, _text("SettlementPointType")),)),
    Feed("NP4-188-CD", "day-ahead clearing prices of ancillary services", _HOURLY, _services("DAM", DAY_AHEAD, _MCPC)),
    Feed("NP4-190-CD", "day-ahead settlement point prices", _HOURLY,
         (_points(_number("SettlementPointPrice"), _text("SettlementPoint"), "DAM", DAY_AHEAD),)),
    Feed("NP4-212-CD", "demand curves of ancillary services", _HOURLY,
         (Into("asdc", {"product": _AS, "point": Field(("DemandCurvePoint",), "count"), "mw": _number("Quantity"),
                        "price": _number("Price")}, {}, DAY_BEFORE),)),
    Feed("NP4-33-CD", "plan of ancillary services", _HOURLY,
         (Into("as_plan", {"product": _AS, "mw": _number("Quantity")}, {}, DAY_BEFORE),)),
    Feed("NP6-345-CD", "actual load by weather zone", _HOURLY,
         tuple(Into("load", {"mw": _number(z)}, {"kind": "actual", "zone": z}, DAY_AFTER) for z in _WEATHER_ZONES)),
    Feed("NP3-565-CD", "seven-day load forecast by model and weather zone", _HOURLY,
         tuple(Into("load", {"mw": _number(name), "model": _text("Model"), "in_use": Field(("InUseFlag",), "flag")},
                    {"kind": "forecast", "zone": zone}, DAY_BEFORE)
               for name, zone in zip(_FORECAST_ZONES, _WEATHER_ZONES, strict=True))),
)  # fmt: skip

# ------------------------------------------------------------------- tables of public collections

_ISO_DAY = When("hour", Field(("delivery_date",), "date"), Field(("hour_ending",), "hour"))
_WIDE_PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")
_FUELS = ("gas", "gas_cc", "coal", "nuclear", "wind", "solar", "hydro", "biomass")
_START = When("utc", Field(("interval_start_utc",), "instant"))


def _plain(table: str, known: str, fixed: dict[str, str], **cells: Field) -> Into:
    return Into(table, cells, fixed, known)


COLLECTIONS = (
    Feed("hourly-spp", "hourly day-ahead and real-time settlement point prices", _ISO_DAY, (
        _points(_number("dam_lmp", blank=True), _text("settlement_point"), "DAM", DAY_AHEAD),
        _points(_number("rtm_lmp", blank=True), _text("settlement_point"), "RT_HOURLY", SOON))),
    Feed("hourly-as-and-mix", "hourly day-ahead clearing prices of ancillary services, and generation by fuel", _ISO_DAY, (
        *(_plain("mcpc", DAY_AHEAD, {"market": "DAM", "product": p.upper()}, price=_number(p, blank=True)) for p in _WIDE_PRODUCTS),
        *(_plain("generation", DAY_AFTER, {"fuel": f}, mw=_number(f"{f}_gen_mw", needed=False, blank=True)) for f in _FUELS))),
    Feed("quarterly-spp", "15-minute real-time settlement point prices, UTC", When("utc", _START.first, minutes=15), (
        _points(_number("price_usd_per_mwh"), _text("settlement_point"), "RT_15", SOON),)),
    Feed("hourly-hub-average", "day-ahead price of the hub average, demand forecast and temperature, UTC", _START, (
        _plain("lmp", DAY_AHEAD, {"market": "DAM", "point": "HB_HUBAVG"}, price=_number("da_price_usd_per_mwh", blank=True)),
        _plain("load", DAY_BEFORE, {"kind": "forecast", "zone": "TOTAL"}, mw=_number("da_demand_forecast_mw", blank=True)),
        _plain("temperature", SOON, {"zone": "TOTAL"}, celsius=_number("temp_c_ercot", blank=True)))),
    Feed("battery-fleet", "charging and discharging of all batteries, 5 minutes", When("zoned", Field(("timestamp",), "instant"), minutes=5), (
        _plain("storage", SOON, {}, charging_mw=_number("totalCharging"), discharging_mw=_number("totalDischarging"),
               net_mw=_number("netOutput")),)),
)  # fmt: skip

# ---------------------------------------------------------------------- frames of gridstatus, as CSV

_BEGIN, _END = Field(("Interval Start",), "instant"), Field(("Interval End",), "instant")
_RUN_AT = When("zoned", Field(("SCED Timestamp",), "instant"), minutes=0)
_BETWEEN = When("zoned", _BEGIN, end=_END)
_PLACE, _PLACE_KIND = _text("Location"), Field(("Location Type",), "place")
_POSTED = Field(("Publish Time",), "instant")


def _frame(name: str, title: str, when: When, *into: Into, spelled: tuple[str, ...] = ()) -> Feed:
    return Feed(f"gridstatus-{name}", title, when, into, spelled)


FRAMES = (
    _frame("spp", "settlement point prices from gridstatus", _BETWEEN,
           Into("lmp", {"point": _PLACE, "kind": _PLACE_KIND, "price": _number("SPP"), "market": Field(("Market",), "market")}, {},
                "CASE WHEN market = 'DAM' THEN " + DAY_AHEAD + " ELSE " + SOON + " END")),
    _frame("lmp", "SCED prices at settlement points from gridstatus", _RUN_AT,
           Into("lmp", {"point": _PLACE, "kind": _PLACE_KIND, "price": _number("LMP")}, {"market": "RT_SCED"}, RUN)),
    _frame("lambda", "SCED system lambda from gridstatus", _RUN_AT,
           Into("system_lambda", {"price": _number("System Lambda", "SystemLambda"),
                                  "uncapped": _number("Uncapped System Lambda", needed=False, blank=True)}, {"market": "RT_SCED"}, RUN),
           spelled=("SCED Timestamp",)),
    _frame("mcpc-sced", "SCED clearing prices of ancillary services from gridstatus", _RUN_AT,
           *_services("RT_SCED", RUN, _number("MCPC"), Field(("AS Type",), "product"), _number("Uncapped MCPC", needed=False, blank=True)),
           spelled=("SCED Timestamp",)),
    _frame("mcpc-15", "15-minute clearing prices of ancillary services from gridstatus", _BETWEEN,
           *_services("RT_15", SOON, _number("MCPC"), Field(("AS Type",), "product"))),
    _frame("as-prices", "day-ahead clearing prices of ancillary services from gridstatus", _BETWEEN,
           *(_plain("mcpc", DAY_AHEAD, {"market": "DAM", "product": product}, price=_number(name, needed=name != "ECRS", blank=True))
             for name, product in (("Non-Spinning Reserves", "NSPIN"), ("Regulation Down", "REGDN"), ("Regulation Up", "REGUP"),
                                   ("Responsive Reserves", "RRS"), ("ECRS", "ECRS")))),
    _frame("asdc", "demand curves of ancillary services from gridstatus", _BETWEEN,
           Into("asdc", {"product": Field(("AS Type",), "product"), "point": Field(("Demand Curve Point",), "count"),
                         "mw": _number("Quantity"), "price": _number("Price")}, {}, _POSTED)),
    _frame("as-plan", "plan of ancillary services from gridstatus", _BETWEEN,
           *(_plain("as_plan", DAY_BEFORE, {"product": p}, mw=_number(p, needed=p != "ECRS", blank=True))
             for p in ("NSPIN", "REGDN", "REGUP", "RRS", "ECRS"))),
)  # fmt: skip

# ------------------------------------------------------------------------------- what a store exports

_KINDS = {"VARCHAR": "note", "DOUBLE": "number", "INTEGER": "count", "BOOLEAN": "flag"}


def _own(table: Table) -> Feed:
    """The view of a table as a document."""
    cells = {c.name: Field((c.name,), _KINDS[c.type], blank=c in table.values) for c in (*table.keys, *table.values)}
    names = {c.name: Field((c.name,), "instant", blank=c.name == "end_utc") for c in (*BEFORE, *AFTER) if c.type == "TIMESTAMP"}
    when = When("utc", names["start_utc"], end=names["end_utc"], minutes=0)
    return Feed(f"store-{table.name}", f"`{table.name}` of a store", when, (Into(table.name, cells, {}, names["known_utc"]),))


FEEDS = (*REPORTS, *COLLECTIONS, *FRAMES, *map(_own, TABLES))


# --------------------------------------------------------------------------------------- recognising


def plain(name: str) -> str:
    """A column's name without capitals, spaces and signs."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def place(field: Field, header: tuple[str, ...]) -> int | None:
    """Where a document has a field."""
    at = {plain(name): i for i, name in reversed(list(enumerate(header)))}
    return next((at[plain(name)] for name in field.names if plain(name) in at), None)


def recognise(header: tuple[str, ...], name: str) -> Feed:
    """The feed that a document with these columns is of: of those that it has all columns of, the one with most.

    Raises `Refusal`: `missing-column` if the document lacks few columns of some feed, `unknown-feed` if it is like none.
    """
    fits = [f for f in FEEDS if all(place(c, header) is not None for c in f.needed)]
    if fits:
        return max(fits, key=lambda f: (len(f.needed), sum(c in header for c in f.spelled), -len(f.spelled)))
    raise _unlike(header, name)


def _unlike(header: tuple[str, ...], name: str) -> Refusal:

    def share(feed: Feed) -> float:
        return sum(place(c, header) is not None for c in feed.needed) / len(feed.needed)

    nearest = max(FEEDS, key=lambda f: (share(f), len(f.needed)))
    there = ", ".join(f"`{c}`" for c in header[:16]) + (", ..." if len(header) > 16 else "")
    if share(nearest) >= 0.6:
        lacking = [c.names[0] for c in nearest.needed if place(c, header) is None]
        listed = ", ".join(f"`{c}`" for c in lacking)
        used = {plain(n) for f in nearest.fields for n in f.names}
        near = get_close_matches(lacking[0], [c for c in header if plain(c) not in used], 1, 0.6)
        return refuse(
            "missing-column", f"`{name}` has no column {listed}",
            notes=(f"it looks like {nearest.name}, {nearest.title}", f"its columns are {there}"),
            help=f"is `{near[0]}` the column `{lacking[0]}`? rename it" if near else f"{nearest.name} has {_needs(nearest)}",
        )  # fmt: skip
    known = ", ".join(f.name for f in REPORTS)
    return refuse(
        "unknown-feed", f"`{name}` is in no form that is known by its columns",
        notes=(f"its columns are {there}" if header else "it has no columns", f"known are {known}, and others"),
        help="`opengames store feeds` lists the columns of each",
    )  # fmt: skip


def _needs(feed: Feed) -> str:
    return ", ".join(f"`{c.names[0]}`" for c in feed.needed)


__all__ = ["COLLECTIONS", "FEEDS", "FRAMES", "REPORTS", "Feed", "Field", "Into", "When", "place", "plain", "recognise"]
