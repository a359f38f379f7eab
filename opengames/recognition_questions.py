"""`coverage(r, level)`: how often the intervals of a recognition hold the truth, estimated on drawn plays."""

from __future__ import annotations

from opengames.desk import Work, estimate_name, simulated
from opengames.diagnostics import refuse
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
    found = tried(work.program, work.program.recognitions[ref.name], level, runs, seed)
    work.methods[simulated(runs, seed)] = None
    work.because += found.sentences()
    work.certificate = found
    work.estimates.append(Estimate(found.share, found.lower, found.upper, runs))
    return Var(estimate_name(len(work.estimates) - 1))
