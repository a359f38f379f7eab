"""Learned responses: what a single decider does, from plays rather than from all that can happen.

`best_response` here learns a policy by advantage actor-critic, writes it as a strategy of the text, and plays that strategy in the
game itself to say what it earns. The answer is called learned: nothing bounds what another policy would earn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opengames.solvers.learning.response import LearnedPolicy, best_response

_HOMES = {"LearnedPolicy": "response", "best_response": "response"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"opengames.solvers.learning.{_HOMES[name]}"), name)


__all__ = ["LearnedPolicy", "best_response"]
