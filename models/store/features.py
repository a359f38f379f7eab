"""What a trader could know at the beginning of each hour, as a view, each figure with when it was known.

For every hour of every settlement point that has a day-ahead or real-time price in the store; `at_utc` is the beginning of the
hour, before which everything here was known:

* `hour_ending`, `weekday` (1 Monday to 7), `month`: of the calendar;
* `da_price`, `da_regup`, ..., `da_nspin`: the day-ahead prices of this hour;
* `da_basis`: `da_price` less that of the hub average;
* `load_forecast`: the forecast of the system's load in this hour, of the model in use where that is told;
* `rt_last`: the real-time price of the last interval known;
* `rt_lag_24h`, `rt_lag_168h`: the mean real-time price of this hour yesterday and a week ago;
* `spread_lag_24h`: yesterday's real-time less day-ahead price of this hour;
* `rt_mean_24h`, `rt_deviation_24h`: over the 24 hours that ended an hour ago, NULL if one is missing.

Law: no `*_known_utc` is after `at_utc`. A figure that was not known in time is NULL, even if it is in the store. Where a
document revised another, the revision counts from when it was known; in the lags and means of whole hours the first
publication does. A real-time hour is the mean of its four 15-minute prices, all of them, else an hourly price. Means and
differences are rounded to 1e-9, so that the order of adding up does not show.
"""

from __future__ import annotations

HUB = "HB_HUBAVG"
PRODUCTS = ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")

_HOURS = """
    prices AS (SELECT k.*, d.digest FROM kept.lmp k JOIN documents d ON d.id = k.document WHERE kind <> 'LZEW'),
    rt_first AS (
        SELECT market, point, start_utc, arg_min(price, (known_utc, digest)) AS price, min(known_utc) AS known_utc
        FROM prices WHERE market IN ('RT_15', 'RT_HOURLY') GROUP BY ALL
    ),
    rt_told AS (
        SELECT point, date_trunc('hour', start_utc) AS start_utc, round(avg(price), 9) AS price, max(known_utc) AS known_utc, 1 AS rank
        FROM rt_first WHERE market = 'RT_15' GROUP BY point, date_trunc('hour', start_utc) HAVING count(*) = 4
        UNION ALL
        SELECT point, start_utc, price, known_utc, 2 FROM rt_first WHERE market = 'RT_HOURLY'
    ),
    rt_hour AS (SELECT * FROM rt_told QUALIFY row_number() OVER (PARTITION BY point, start_utc ORDER BY rank, known_utc, price) = 1),
    rt_window AS (
        SELECT point, start_utc,
            CASE WHEN count(*) OVER w = 24 THEN round(avg(price) OVER w, 9) END AS mean,
            CASE WHEN count(*) OVER w = 24 THEN round(stddev_pop(price) OVER w, 9) END AS deviation,
            max(known_utc) OVER w AS known_utc
        FROM rt_hour WINDOW w AS (PARTITION BY point ORDER BY start_utc RANGE BETWEEN INTERVAL 23 HOUR PRECEDING AND CURRENT ROW)
    ),
    rt_events AS (
        SELECT DISTINCT point, known_utc, arg_max(price, (start_utc, market, known_utc, digest)) OVER w AS price, max(start_utc) OVER w AS start_utc
        FROM prices WHERE market IN ('RT_15', 'RT_SCED', 'RT_HOURLY')
        WINDOW w AS (PARTITION BY point ORDER BY known_utc RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ),
    da AS (
        SELECT point, start_utc, known_utc, arg_max(price, digest) AS price FROM prices WHERE market = 'DAM' GROUP BY ALL
    ),
    forecast AS (
        SELECT start_utc, known_utc, arg_max(mw, (coalesce(in_use, FALSE), model, digest)) AS mw
        FROM kept.load k JOIN documents d ON d.id = k.document WHERE kind = 'forecast' AND zone = 'TOTAL' AND in_use IS DISTINCT FROM FALSE GROUP BY ALL
    ),
    services AS (
        SELECT product, start_utc, known_utc, arg_max(price, digest) AS price FROM kept.mcpc k JOIN documents d ON d.id = k.document
        WHERE market = 'DAM' GROUP BY ALL
    ),
    hours AS (
        SELECT DISTINCT point, date_trunc('hour', start_utc) AS at_utc FROM prices
    )
"""


def features_view() -> str:
    """The statement that makes the view."""
    joins, columns = [], []
    for product in PRODUCTS:
        name = f"da_{product.lower()}"
        columns.append(f"{name}.price AS {name}, {name}.known_utc AS {name}_known_utc")
        joins.append(
            f"ASOF LEFT JOIN (SELECT * FROM services WHERE product = '{product}') {name} "
            f"ON {name}.start_utc = h.at_utc AND h.at_utc >= {name}.known_utc"
        )
    lags = []
    for hours in (24, 168):
        lag = f"rt_lag_{hours}h"
        columns.append(f"{_known(lag, 'price', 'at_utc')} AS {lag}, {_known(lag, 'known_utc', 'at_utc')} AS {lag}_known_utc")
        lags.append(f"LEFT JOIN rt_hour {lag} ON {lag}.point = h.point AND {lag}.start_utc = h.at_utc - INTERVAL {hours} HOUR")
    return f"""
    CREATE VIEW features AS WITH {_HOURS},
    known AS (
        SELECT h.point, h.at_utc,
            da.price AS da_price, da.known_utc AS da_price_known_utc,
            round(da.price - hub.price, 9) AS da_basis, greatest(da.known_utc, hub.known_utc) AS da_basis_known_utc,
            {", ".join(columns[: len(PRODUCTS)])},
            forecast.mw AS load_forecast, forecast.known_utc AS load_forecast_known_utc,
            rt_last.price AS rt_last, rt_last.start_utc AS rt_last_start_utc, rt_last.known_utc AS rt_last_known_utc,
            {", ".join(columns[len(PRODUCTS) :])},
            round({_known("rt_lag_24h", "price", "at_utc")} - da_lag.price, 9) AS spread_lag_24h,
            CASE WHEN rt_lag_24h.known_utc <= h.at_utc THEN greatest(rt_lag_24h.known_utc, da_lag.known_utc) END AS spread_lag_24h_known_utc,
            {_known("past", "mean", "at_utc")} AS rt_mean_24h, {_known("past", "deviation", "at_utc")} AS rt_deviation_24h,
            CASE WHEN past.known_utc <= h.at_utc AND past.mean IS NOT NULL THEN past.known_utc END AS rt_mean_24h_known_utc
        FROM hours h
        ASOF LEFT JOIN da ON da.point = h.point AND da.start_utc = h.at_utc AND h.at_utc >= da.known_utc
        ASOF LEFT JOIN (SELECT * FROM da WHERE point = '{HUB}') hub ON hub.start_utc = h.at_utc AND h.at_utc >= hub.known_utc
        {" ".join(joins)}
        ASOF LEFT JOIN forecast ON forecast.start_utc = h.at_utc AND h.at_utc >= forecast.known_utc
        ASOF LEFT JOIN rt_events rt_last ON rt_last.point = h.point AND h.at_utc >= rt_last.known_utc
        {" ".join(lags)}
        ASOF LEFT JOIN (SELECT point, start_utc + INTERVAL 24 HOUR AS start_utc, known_utc, price FROM da) da_lag
            ON da_lag.point = h.point AND da_lag.start_utc = h.at_utc AND h.at_utc >= da_lag.known_utc
        LEFT JOIN rt_window past ON past.point = h.point AND past.start_utc = h.at_utc - INTERVAL 2 HOUR
    ),
    placed AS (
        SELECT k.*, d.day AS delivery_date, d.skipped, d.repeated AS twice,
            CAST(date_diff('hour', d.midnight_utc, k.at_utc) AS INTEGER) + 1 AS nth
        FROM known k ASOF JOIN delivery_days d ON k.at_utc >= d.midnight_utc
    )
    SELECT point, at_utc, delivery_date,
        CAST(CASE WHEN skipped > 0 AND nth >= skipped THEN nth + 1 WHEN twice > 0 AND nth > twice THEN nth - 1 ELSE nth END AS UTINYINT)
            AS hour_ending,
        twice > 0 AND nth = twice + 1 AS repeated, isodow(delivery_date) AS weekday, month(delivery_date) AS month,
        * EXCLUDE (point, at_utc, delivery_date, skipped, twice, nth)
    FROM placed
    """


def _known(alias: str, column: str, at: str) -> str:
    """A column, where its row was known in time."""
    return f"CASE WHEN {alias}.known_utc <= h.{at} THEN {alias}.{column} END"


__all__ = ["HUB", "PRODUCTS", "features_view"]
