"""A market written once, as an open game: drawn, simulated, solved, priced and proved from one text.

    import opengames as og

    m = og.load("auction.game")
    m.verify()                       # the verdicts on its claims
    m.query("revenue")               # 7/5 $
    m["Auction"].draw()              # its string diagram
    m.run("Auction", "shade").summary()

Names load on first use, so that `import opengames` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opengames.assurance_case import Assurance, assurance
    from opengames.diagnostics import Diagnostic, Refusal
    from opengames.dsl.explain import explain
    from opengames.dsl.source import up_to
    from opengames.game_handle import Drawing, Handle
    from opengames.results import Answer, Claim, Results
    from opengames.run_results import RunResult
    from opengames.sampled.draws import Outcomes, Uniforms
    from opengames.session import Model, load, loads

_HOMES = {
    "Assurance": "assurance_case", "assurance": "assurance_case",
    "Answer": "results", "Claim": "results", "Diagnostic": "diagnostics", "Drawing": "game_handle", "Handle": "game_handle",
    "Model": "session", "Outcomes": "sampled.draws", "Refusal": "diagnostics", "Results": "results",
    "RunResult": "run_results", "Uniforms": "sampled.draws", "explain": "dsl.explain", "load": "session",
    "loads": "session", "up_to": "dsl.source",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


__all__ = [
    "Answer", "Assurance", "Claim", "Diagnostic", "Drawing", "Handle", "Model", "Outcomes", "Refusal", "Results", "RunResult",
    "Uniforms", "assurance", "explain", "load", "loads", "up_to",
]  # fmt: skip
