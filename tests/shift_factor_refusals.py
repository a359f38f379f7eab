"""What a fit of shift factors refuses to predict, one act for each reason, for the golden reports."""

import numpy as np

from opengames.models.shift_factors import Options, fit, observed, predict


def asked(shadow: dict[str, float]) -> None:
    """Two constraints that bind apart, two that only bind together, one that never does."""
    bound = np.array([[8, 0, 0, 0, 0], [0, 6, 0, 0, 0], [5, 3, 0, 0, 0], [0, 0, 4, 2, 0], [0, 4, 6, 3, 0], [7, 1, 0, 0, 0]], dtype=float)
    factors = np.array([[0.5, -0.25], [0.1, 0.4], [0.2, 0.2], [-0.3, 0.3], [0.0, 0.0]])
    names = ["Alamo", "Bravo", "Concho", "Devils", "Escondido"]
    seen = observed(30 - bound @ factors, bound, np.full(6, 30.0), constraints=names)
    predict(fit(seen, Options(changes=False)), shadow, 30.0)


SHIFT_FACTORS = {
    "outside-seen": lambda: asked({"Rio to Nueces": 5.0}),
    "outside-seen-apart": lambda: asked({"Concho": 4.0}),
    "outside-seen-far": lambda: asked({"Alamo": 4000.0}),
    "outside-seen-never": lambda: asked({"Escondido": 4.0}),
}
