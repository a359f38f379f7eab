"""The sampled reading: a diagram as one compiled array program. JAX is loaded when something is run, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opengames.sampled.draws import Outcomes, Uniforms
    from opengames.sampled.runs import Runs
    from opengames.sampled.simulation import simulate

_HOMES = {"Outcomes": "draws", "Runs": "runs", "Uniforms": "draws", "simulate": "simulation"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = ["Outcomes", "Runs", "Uniforms", "simulate"]
