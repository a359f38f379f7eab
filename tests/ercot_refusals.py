"""What ERCOT's markets refuse, one act for each code, for the golden reports."""

import numpy as np

from opengames.clearings import UNCERTAIN
from opengames.models.ercot import Esr, fleet, offer_curve, steps
from opengames.models.ercot.assembly import Assembly
from opengames.models.ercot.clear import refusal
from opengames.solvers.clearing.solution import Residuals, Solution


def too_full():
    offer = offer_curve("battery", -100, [(0, 10), (100, 40)])
    fleet([Esr("battery", "D", -100, 100, offer, stored=120, least=10, most=100)], ["D"])


def nothing_certain():
    """An engine that gives up is hard to come by: its last word is made by hand."""
    assembly = Assembly()
    assembly.columns("p", [("gas",)], 0, 1, 1)
    program = assembly.program()
    found = Solution(UNCERTAIN, np.array([0.5]), np.zeros(0), np.zeros(1), 0.5, Residuals(0.0, 0.5, 0.5, 0.2), "HiGHS")
    raise refusal(program, found)


ERCOT = {
    "bad-curve": lambda: steps([60, 60], [50, 500], "RRS"),
    "bad-offer": lambda: offer_curve("Solitude", 0, [(200, 30), (520, 25)]),
    "bad-resource": too_full,
    "uncertain-optimum": nothing_certain,
}
