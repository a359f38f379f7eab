"""Files in the forms that the operator publishes, written by hand, and what is refused of them."""

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from opengames.models.store import Store, open_store
from opengames.models.store.clock import delivery_day
from opengames.models.store.gaps import series
from opengames.models.store.schema import TABLES

PRODUCTS = ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")


def hours_of(day):
    """(hour ending, flag) of every hour that a delivery day has, in order."""
    about = delivery_day(day)
    found = []
    for hour in range(1, 25):
        if hour == about.skipped:
            continue
        found.append((hour, "N"))
        if hour == about.repeated:
            found.append((hour, "Y"))
    return found


def dam_mcpc(day, price=lambda product, n: 1.0, hours=None):
    """NP4-188-CD of a day. price: by product and how many hours came before."""
    lines = ["DeliveryDate,HourEnding,AncillaryType,MCPC,DSTFlag"]
    for n, (hour, flag) in enumerate(hours_of(day) if hours is None else hours):
        lines += [f"{day:%m/%d/%Y},{hour:02}:00,{product},{price(product, n)},{flag}" for product in PRODUCTS]
    return "\n".join(lines) + "\n"


def dam_spp(day, price=lambda n: 20.0, point="HB_NORTH"):
    """NP4-190-CD of a day, its prices after a blank as published."""
    lines = ["DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag"]
    lines += [f"{day:%m/%d/%Y},{hour:02}:00,{point}, {price(n)},{flag}" for n, (hour, flag) in enumerate(hours_of(day))]
    return "\n".join(lines) + "\n"


def rt_spp(day, price=lambda n: 20.0, point="HB_NORTH", kind="HU"):
    """NP6-905-CD of a day. price: by how many quarters came before."""
    lines = ["DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SettlementPointPrice,DSTFlag"]
    for n, (hour, flag) in enumerate(hours_of(day)):
        lines += [f"{day:%m/%d/%Y},{hour},{q + 1},{point},{kind},{price(4 * n + q)},{flag}" for q in range(4)]
    return "\n".join(lines) + "\n"


def days_from(first, count):
    return [first + timedelta(days=i) for i in range(count)]


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def zipped(**members):
    """A zip of members; `__` in a name stands for a dot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", ".")), text)  # without the time of the run
    return packed.getvalue()


_READY = []


class Blank(Store):
    """A store in memory that is emptied for the next one when it is closed: to make one takes longer than most tests."""

    def close(self):
        for table in ("documents", "kept.rejected", *(f"kept.{t.name}" for t in TABLES)):
            self.connection.execute(f"DELETE FROM {table}")
        if self not in _READY:
            _READY.append(self)


def blank():
    """An empty store in memory."""
    if _READY:
        return _READY.pop()
    made = open_store(":memory:")
    return Blank(made.connection, made.path)


def loaded(folder, *texts, **options):
    """A store in memory with texts loaded."""
    store = blank()
    for i, text in enumerate(texts):
        store.load(write(Path(folder) / f"part{i}.csv", text), **options)
    return store


# ----------------------------------------------------------------- what is refused, for the golden reports


def gap_of_an_hour():
    from datetime import date

    day = date(2026, 1, 5)
    with TemporaryDirectory() as folder:
        text = "".join(line for line in dam_spp(day).splitlines(True) if ",08:00," not in line)
        with loaded(folder, text) as store:
            series(store, "lmp", first=day, last=day, market="DAM", point="HB_NORTH")


def nothing_to_miss():
    from opengames.models.store.gaps import gaps

    with open_store(":memory:") as store:
        gaps(store, "shadow_price")


def no_package():
    """What a download says where the operator cannot be asked."""
    from datetime import date

    from opengames.models.store.live import download

    class Package:
        class Ercot:
            def get_mcpc_sced(self, date, end):
                raise ConnectionError("no route to host")

    with TemporaryDirectory() as folder:
        download("NP6-332-CD", date(2026, 1, 5), folder, package=Package)


STORE = {"no-download": no_package, "series-with-gap": gap_of_an_hour, "unsuited-view": nothing_to_miss}
