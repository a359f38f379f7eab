"""Every claim of every shipped text: how long each takes to decide, whatever the verdict.

Each text is loaded once; a claim is decided twice, and the second time counts: what a solver loads is loaded once in
a session. What is left out, because params wait for data that it is not given here, is named.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, Outcome

TITLE = "Deciding the shipped claims"
LONGEST = 5.0
#: What texts are given whose params wait for data.
SUPPLIED = {"06_ercot": {"demand": [900] * 24}}


def measure() -> Outcome:
    import opengames as og
    import opengames.specs
    from opengames.diagnostics import Refusal

    folder = Path(opengames.specs.__file__ or "").parent
    rows: list[dict[str, Any]] = []
    left_out: list[str] = []
    for path in sorted(folder.rglob("*.game")):
        try:
            model = og.load(path, **SUPPLIED.get(path.stem, {}))
        except Refusal:
            left_out.append(path.stem)
            continue
        for question in model.questions("verify"):
            try:
                model.claim(question)
                began = time.process_time()
                claim = model.claim(question)
                took = time.process_time() - began
            except Refusal as refused:
                left_out.append(f"{path.stem}.{question.name} ({refused.diagnostics[0].code})")
                continue
            rows.append({"text": path.stem, "claim": claim.name, "verdict": claim.verdict, "method": claim.method, "seconds": round(took, 4)})
    slowest = max(rows, key=lambda r: r["seconds"])
    open_ = [r for r in rows if r["verdict"] == "unknown"]
    figures = (
        Figure(f"slowest of {len(rows)} claims ({slowest['text']}: {slowest['claim']})", slowest["seconds"], "s", LONGEST, "at most"),
        Figure("all of them together", sum(r["seconds"] for r in rows), "s", sense="at most"),
        Figure("undecided", float(len(open_)), "", sense="at most"),
    )
    return Outcome("claims", TITLE, figures, {}, {"claims": rows, "left_out": left_out})


__all__ = ["LONGEST", "TITLE", "measure"]
