"""Claims for the proved reading: those over the reals, about all strategies or all inputs, and those that say `by z3`.

The verdict is proved, refuted by values that were checked exactly, or unknown with the reason; how it was found says what was
taken for granted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from opengames.cases import CASES, Undecided, count, parts
from opengames.desk import Work
from opengames.diagnostics import Refusal
from opengames.diagram import Box, Decide, Diagram, Draw, Loop, walk
from opengames.plug import is_clearing
from opengames.show import show
from opengames.spaces import is_finite
from opengames.terms import Apply, Ask, Fold, Term, free

if TYPE_CHECKING:
    from opengames.proved.decide import Finding

SECONDS = 10
"""That a proof may take where `by z3[seconds = ...]` does not say."""
BEFORE = 2
"""That it may take before the exact reading is tried."""

_ASKS = frozenset({"same", "feasible"})
_LINES = 8


def wanted(work: Work) -> bool:
    """Whether a claim is one for the proved reading before all others."""
    question, by = work.question, work.question.by
    if by is not None:
        return by.name in ("z3", "invariant")
    asks = {t.op for t in parts(question.term) if isinstance(t, Ask)}
    if asks - _ASKS or question.kind != "verify":
        return False
    if "feasible" in asks or _too_large(work, question.term):
        return True
    if not free(question.term) or question.of is None:
        return False
    diagram = work.desk.diagram(question.of, question.under)
    return bool(diagram.inputs) or any(isinstance(box, Decide) and not is_clearing(box) for _, box in walk(diagram))


def verdict(work: Work, most: float | None = None) -> str:
    """The verdict of the proved reading, within `most` seconds. Raises `Undecided` where it has none."""
    from opengames.proved.claims import decide

    diagram = _diagram(work)
    found = decide(
        work.program, work.question.term, work.desk.params, diagram, work.question.under is not None, _seconds(work, most),
        work.question.by is not None and work.question.by.name == "invariant",
    )  # fmt: skip
    work.methods[_method(found, diagram)] = None
    work.contracts += found.contracts
    if found.verdict == "unknown":
        *more, last = found.reasons or ("z3 could not decide it",)
        if work.question.by is None:
            raise Undecided("; ".join([*more, last]))
        work.because += more
        raise Undecided(last)
    _tell(work, found)
    return found.verdict


def before(work: Work, diagram: Diagram) -> str | None:
    """The verdict on a claim about plays whose histories the exact reading would keep apart without end: where loops in which
    something is drawn or decided carry real quantities. `None` where there is none within a short time.
    """
    if work.question.by is not None or not any(_forks(box) for _, box in walk(diagram)):
        return None
    try:
        return verdict(work, BEFORE)
    except Undecided:
        work.methods.clear()
        return None


def _forks(box: Box) -> bool:
    """Whether a box is a loop that carries real quantities from draw to draw, or from decision to decision."""
    if not isinstance(box, Loop) or all(is_finite(c.space) for c in box.carry):
        return False
    return any(isinstance(inner, Draw | Decide) for _, inner in walk(box.body))


def instead(work: Work, refused: Refusal) -> str | None:
    """The verdict on a claim about plays that the exact reading could not answer; `None` where there is none either."""
    if work.question.by is not None or any(d.code == "needs-strategy" for d in refused.diagnostics):
        return None
    try:
        return verdict(work)
    except Undecided as open_:
        work.methods.clear()
        work.because.append(f"not proved: {open_}")
        return None


def _seconds(work: Work, most: float | None) -> float:
    options = dict(work.question.by.options) if work.question.by is not None else {}
    return float(options.get("seconds", SECONDS if most is None else most))


def _diagram(work: Work) -> Diagram | None:
    question = work.question
    return None if question.of is None else work.desk.diagram(question.of, question.under)


def _too_large(work: Work, term: Term) -> bool:
    """Whether there are infinitely many cases, or more than are tried one by one."""
    cases = 1
    inner: Term = term
    while isinstance(inner, Fold) and inner.op in ("and", "or"):
        if not all(is_finite(s) for _, s in inner.iters):
            return True
        cases *= count(inner.iters)
        inner = inner.body
    return cases > CASES or any(
        not is_finite(s) for each in _all_parts(work, term) if isinstance(each, Fold) for _, s in each.iters
    )


def _all_parts(work: Work, term: Term) -> Iterator[Term]:
    """The parts of a term and of the funs that it applies."""
    todo, seen = [term], set()
    while todo:
        for each in parts(todo.pop()):
            yield each
            if isinstance(each, Apply) and each.fun not in seen:
                seen.add(each.fun)
                todo.append(work.program.funs[each.fun].body)


def _method(found: Finding, diagram: Diagram | None) -> str:
    words = ["z3"]
    if diagram is not None:
        decided = any(isinstance(box, Decide) for _, box in walk(diagram))
        words.append("every play, all strategies" if decided else "every play")
        words += [covers] if (covers := getattr(found, "covers", "")) else []
    elif found.cases > 1:
        words.append(f"{found.cases:,} cases")
    return ", ".join([*words, *found.contracts])


def _tell(work: Work, found: Finding) -> None:
    from opengames.stakes import dutch_book

    if found.witness:
        told = dutch_book(work.program, work.question.term, found.witness, work.desk.params)
        if told is not None and found.verdict == "refuted":
            work.because += told.lines
            work.counterexample = f"{told.name} = {told.stakes}"
            return
        lines = [f"{name} = {show(value, space)}" for name, value, space in found.witness]
        word = "holds for" if found.verdict == "proved" else "fails for"
        more = f" and {len(lines) - _LINES} more" if len(lines) > _LINES else ""
        work.because.append(f"{word} {', '.join(lines[:_LINES])}{more}")
        if found.verdict == "refuted":
            work.counterexample = "\n".join(line if line.split(" =")[0].isidentifier() else f"# {line}" for line in lines)
    work.because += found.reasons


__all__ = ["BEFORE", "SECONDS", "before", "instead", "verdict", "wanted"]
