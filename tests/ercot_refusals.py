"""What ERCOT's markets refuse, one act for each code, for the golden reports."""

from opengames.models.ercot import Esr, fleet, offer_curve, steps


def too_full():
    offer = offer_curve("battery", -100, [(0, 10), (100, 40)])
    fleet([Esr("battery", "D", -100, 100, offer, stored=120, least=10, most=100)], ["D"])


ERCOT = {
    "bad-curve": lambda: steps([60, 60], [50, 500], "RRS"),
    "bad-offer": lambda: offer_curve("Solitude", 0, [(200, 30), (520, 25)]),
    "bad-resource": too_full,
}
