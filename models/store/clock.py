"""Delivery days of the Central market: local hours to instants of UTC and back.

A delivery day runs from midnight to midnight, local time, and its hours are named by their end: hour ending 1 begins at
midnight. In spring one hour is skipped (that day has no hour ending 3), in autumn one comes twice (hour ending 2, the second
time with a flag). Instants are datetimes in UTC without a zone.

Law: `to_utc` and `from_utc` undo each other on every hour that exists.

>>> to_utc(date(2026, 7, 1), 1)
datetime.datetime(2026, 7, 1, 5, 0)
>>> delivery_day(date(2026, 11, 1)).hours, delivery_day(date(2026, 3, 8)).skipped
(25, 3)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

CENTRAL = "America/Chicago"

FIRST, LAST = date(2000, 1, 1), date(2049, 12, 31)
"""The delivery days that a store knows."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class DeliveryDay:
    """midnight: where the day begins, UTC. hours: 23, 24 or 25. skipped, repeated: that hour ending, 0 for none."""

    day: date
    midnight: datetime
    hours: int
    skipped: int
    repeated: int


@dataclass(frozen=True)
class Delivery:
    """Where an instant falls: its day, hour ending, whether in the second pass of a repeated hour, and what is past of
    the hour."""

    day: date
    hour_ending: int
    repeated: bool
    into: timedelta


@cache
def delivery_day(day: date) -> DeliveryDay:
    """The delivery day of a date."""
    zone = ZoneInfo(CENTRAL)
    midnight, after = (_utc(datetime(d.year, d.month, d.day), zone) for d in (day, day + timedelta(days=1)))
    hours = round((after - midnight) / _HOUR)
    skipped = repeated = 0
    if hours != 24:
        for hour in range(24):
            local = datetime(day.year, day.month, day.day, hour)
            if _local(_utc(local, zone), zone) != local:
                skipped = hour + 1
            elif _utc(local, zone) != _utc(local.replace(fold=1), zone):
                repeated = hour + 1
    return DeliveryDay(day, midnight, hours, skipped, repeated)


def to_utc(day: date, hour_ending: int, repeated: bool = False, into: timedelta = timedelta()) -> datetime:
    """The instant `into` the hour. Raises `ValueError` for an hour that the day does not have."""
    about = delivery_day(day)
    if not 1 <= hour_ending <= 24 or hour_ending == about.skipped or (repeated and hour_ending != about.repeated):
        raise ValueError(f"{day} has no {'repeated ' if repeated else ''}hour ending {hour_ending}")
    elapsed = hour_ending - 1
    if about.skipped and hour_ending > about.skipped:
        elapsed -= 1
    if about.repeated and (hour_ending > about.repeated or repeated):
        elapsed += 1
    return about.midnight + elapsed * _HOUR + into


def from_utc(instant: datetime) -> Delivery:
    """Where an instant (UTC, without a zone) falls."""
    day = _local(instant, ZoneInfo(CENTRAL)).date()
    about = delivery_day(day)
    hour = (instant - about.midnight) // _HOUR + 1
    into = (instant - about.midnight) % _HOUR
    again = bool(about.repeated) and hour == about.repeated + 1
    if about.skipped and hour >= about.skipped:
        hour += 1
    elif about.repeated and hour > about.repeated:
        hour -= 1
    return Delivery(day, hour, again, into)


def local_stamp(text_day: str, text_time: str) -> datetime | None:
    """The instant of a Central `YYYYMMDD` and `HHMMSS`; of a repeated hour the second pass. `None` if there is none.

    Used for when files were published: the later reading never makes anything known too early.
    """
    try:
        local = datetime.strptime(text_day + text_time, "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return _utc(local.replace(fold=1), ZoneInfo(CENTRAL))


def all_days() -> list[DeliveryDay]:
    """Every delivery day that a store knows, in order."""
    zone = ZoneInfo(CENTRAL)
    dates = [FIRST + timedelta(days=i) for i in range((LAST - FIRST).days + 2)]
    begun = [_utc(datetime(d.year, d.month, d.day), zone) for d in dates]
    whole = timedelta(days=1)
    return [
        DeliveryDay(day, midnight, 24, 0, 0) if after - midnight == whole else delivery_day(day)
        for day, midnight, after in zip(dates, begun, begun[1:], strict=False)
    ]


def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


__all__ = ["CENTRAL", "FIRST", "LAST", "Delivery", "DeliveryDay", "all_days", "delivery_day", "from_utc", "local_stamp", "to_utc"]
