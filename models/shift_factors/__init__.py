"""Effective shift factors, estimated from prices: what one more MW at a bus puts on a constraint.

`observed` takes arrays and `read` files; `fit` estimates, `predict` prices from shadow prices or refuses, `score` tests on intervals not
fitted, `calibrated` mends intervals by that, `watch` says when factors no longer hold, `combinations` what is identified.
`congestion` and `learn` make events of the constraints that bind most.
"""

from opengames.models.shift_factors.events import Table, congestion, learn, log_loss
from opengames.models.shift_factors.files import read
from opengames.models.shift_factors.fitting import Change, Fit, Options, fit
from opengames.models.shift_factors.identified import Combination, combinations
from opengames.models.shift_factors.observations import Observed, observed
from opengames.models.shift_factors.predicting import Prediction, predict
from opengames.models.shift_factors.scoring import Score, calibrated, score
from opengames.models.shift_factors.watching import Alarm, Watch, watch

__all__ = [
    "Alarm", "Change", "Combination", "Fit", "Observed", "Options", "Prediction", "Score", "Table", "Watch", "calibrated",
    "combinations", "congestion", "fit", "learn", "log_loss", "observed", "predict", "read", "score", "watch",
]  # fmt: skip
