"""Recognition: a channel run backward, from what came out to what is believed of what went on inside.

The backward half of a channel $c : X \\to Y$ is its Bayesian inverse: the channel from evidence to the conditional
distribution of the rest. `exactly` disintegrates finite channels; `kalman`, `enkf` and `particle` filter state spaces;
`calibration` tries a recognition on plays of its own channel. The names load on first use.

Source: Cho and Jacobs, Disintegration and Bayesian inversion via string diagrams (2019), section 3, for the inverse and
its laws; Smithe, Bayesian updates compose optically (2020), for the chain rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opengames.solvers.recognition.calibration import Coverage, coverage
    from opengames.solvers.recognition.exactly import Inverse, inverse
    from opengames.solvers.recognition.recognise import Found, prepared

_HOMES = {
    "Coverage": "calibration", "Found": "recognise", "Inverse": "exactly", "coverage": "calibration", "inverse": "exactly",
    "prepared": "recognise",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = ["Coverage", "Found", "Inverse", "coverage", "inverse", "prepared"]
