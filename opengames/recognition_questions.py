"""`coverage(r, level)`: how often the intervals of a recognition hold the truth, estimated on drawn plays.

A recognition that is written out does not say whose inverse it is: the question may (`of CHANNEL`), else its wires do.
"""

from __future__ import annotations

from opengames.cases import Undecided
from opengames.desk import Work, estimate_name, simulated
from opengames.diagnostics import Refusal, refuse
from opengames.estimates import Estimate
from opengames.terms import Ask, Ref, Term, Var


def coverage(work: Work, ask: Ask) -> Term:
    """The variable of the estimate. Raises `Refusal` where the recognition cannot be run, or the level is no chance."""
    from opengames.solvers.recognition import coverage as tried

    ref, asked = ask.args
    assert isinstance(ref, Ref)
    level = float(work.evaluate(asked))
    if not 0 < level < 1:
        raise refuse("outside-domain", f"the level of `coverage` lies between 0 and 1, and {level:g} does not", span=ask.at)
    runs, seed = work.runs_and_seed()
    declared = work.program.recognitions[ref.name]
    played = work.diagram() if declared.diagram is not None and work.question.of is not None else None
    try:
        found = tried(work.program, declared, level, runs, seed, played)
    except Refusal as refused:
        first = refused.diagnostics[0]
        if declared.diagram is None or first.code != "unsuited-filter":
            raise
        raise Undecided(f"{first.headline}; {first.help}" if first.help else first.headline) from None
    work.methods[simulated(runs, seed)] = None
    work.because += found.sentences()
    work.certificate = found
    work.estimates.append(Estimate(found.share, found.lower, found.upper, runs))
    return Var(estimate_name(len(work.estimates) - 1))
