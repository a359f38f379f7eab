"""What a market refuses, one act for each code, for the golden reports."""

from pathlib import Path
from tempfile import TemporaryDirectory

from opengames.solvers.market import open_market, resume


def small():
    """Two linked events, two traders."""
    market = open_market(
        {"outage": (False, True), "binds": (False, True)},
        factors=[(["outage"], [0.95, 0.05]), (["outage", "binds"], [[0.9, 0.1], [0.4, 0.6]])], depth=100,
    )  # fmt: skip
    market.join("ann", 100)
    market.join("bob", 50)
    return market


def after_outage():
    market = small()
    market.resolve("outage", True)
    market.buy("ann", "outage", 10)


def nothing_left():
    market = open_market({"outage": (False, True)}, factors=[(["outage"], [0.95, 0.05])], depth=100)
    market.undo()


def two_writers():
    with TemporaryDirectory() as folder:
        path = Path(folder) / "grid.ledger"
        open_market({"outage": (False, True)}, factors=[(["outage"], [0.95, 0.05])], depth=100, ledger=path)
        first, second = resume(path), resume(path)
        first.join("ann", 50)
        second.join("bob", 50)


def no_ledger():
    with TemporaryDirectory() as folder:
        path = Path(folder) / "grid.ledger"
        path.write_text("not a ledger\n" * 100)
        resume(path)


MARKET = {
    "impossible-condition": lambda: small().buy("ann", "binds", 10, given="outage and not outage"),
    "certain-event": lambda: small().buy("ann", "outage or not outage", 10),
    "resolved-event": after_outage,
    "bad-price": lambda: small().move("ann", "binds", to=1),
    "bad-amount": lambda: small().join("eve", -100),
    "unknown-trader": lambda: small().buy("anne", "binds", 10),
    "duplicate-trader": lambda: small().join("ann", 50),
    "not-enough-assets": lambda: small().buy("bob", "outage", 1000),
    "unknown-event": lambda: small().resolve("otage", True),
    "not-an-event": lambda: small().buy("ann", "binds", 10, given="binds | outage"),
    "nothing-to-undo": nothing_left,
    "ledger-busy": two_writers,
    "ledger-broken": no_ledger,
}
