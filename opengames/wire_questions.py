"""Questions about the wires of plays: means, chances, distributions, claims that must hold in every play.

Exactly where that is possible; otherwise from runs, unless `exact` was asked for, and then the answer says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opengames import estimates
from opengames.cases import Undecided
from opengames.clearings import clearings
from opengames.desk import Work, estimate_name, simulated
from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Decide, Diagram, Draw, binds, bodies, needs, walk, wires
from opengames.plain import replace
from opengames.results import distribution_lines, is_long
from opengames.rounding import formulas, rounds
from opengames.spaces import BOOL, Family, Record, Space
from opengames.terms import Ask, Const, Pack, Prim, Term, Var, free

#: Words that solve the clearings of a game and nothing else, as they are said in answers.
PROGRAMS = {"lp": "linear programming", "qp": "quadratic programming"}

#: Wires that are told of a play in which a claim fails, at most.
_NAMED = 8
#: Histories at once that looking for it may take: what tells a play apart keeps histories apart that the claim merges.
_STATES = 20_000


def distribution(work: Work, ask: Ask) -> Any:
    """The pairs (value, chance) of `distribution(x)`. From runs, only of what has few values (else `Undecided`)."""
    diagram = work.diagram()
    work.over = space = _space_of(ask.args[0], diagram) or work.question.space
    if not work.sampling():
        try:
            pairs = exactly(work, ask, diagram)
            _say_unasked(work, ask, diagram)
            work.rounded |= any(isinstance(x, float) for pair in pairs for x in pair)
            work.shortened = any(is_long(chance) for _, chance in pairs)
            work.because += distribution_lines(pairs, space)
            return pairs
        except Refusal as refused:
            work.fell_back(refused)
    runs, seed = work.runs_and_seed()
    if space is None or isinstance(space, Record | Family):
        raise Undecided("from runs, a distribution is told of a number, a label or a truth value: ask for one of those")
    pairs, work.runs = estimates.distribution(work.program, diagram, ask, space, work.desk.params, runs, seed)
    work.methods[simulated(runs, seed)] = None
    if work.runs < runs:
        work.because.append(f"from the {work.runs:,} runs that meet the condition")
    work.because += distribution_lines(pairs, space)
    return pairs


def about_wires(work: Work, ask: Ask) -> Term:
    """The answer to `E`, `P`, `cvar` or `variance`: a constant, or the variable of an estimate."""
    diagram = work.diagram()
    if not work.sampling():
        try:
            found_exactly = Const(exactly(work, ask, diagram))
            _say_unasked(work, ask, diagram)
            return found_exactly
        except Refusal as refused:
            work.fell_back(refused)
    runs, seed = work.runs_and_seed()
    found = estimates.estimate(work.program, diagram, ask, work.desk.params, runs, seed)
    work.methods[simulated(runs, seed)] = None
    work.estimates.append(found)
    return Var(estimate_name(len(work.estimates) - 1))


def exactly(work: Work, ask: Ask, diagram: Diagram) -> Any:
    """The exact reading's answer, or that of a junction tree where it is asked for. Raises `Refusal` where it has none."""
    if work.question.by is not None and work.question.by.name == "junction_tree":
        from opengames.solvers.junction.channels import answer as on_tree

        found = on_tree(work.program, diagram, ask, work.desk.params, **work.budgets(ask.op))
        work.rounded, work.methods["junction tree"] = True, None
        return found
    if work.question.by is not None and work.question.by.name in PROGRAMS:
        return _by_programs(work, ask, diagram, work.question.by.name)
    from opengames.exact import answer

    nodes = work.budgets(ask.op).get("limit")
    budget = {} if nodes is None else {"budget": nodes}
    found = answer(work.program, diagram, ask, work.desk.params, **budget)
    work.methods["exact"] = None
    work.rounded |= rounds([*ask.args, *_behind(ask, diagram)], work.program.funs)
    return found


def failing(work: Work, diagram: Diagram, term: Term) -> tuple[tuple[str, Any, Space], ...]:
    """The likeliest play in which a claim about wires fails: what it names and what was drawn on the way, in order, with values and
    spaces. Empty where the exact reading does not tell."""
    behind = set(free(term))
    drawn = set()
    for box in reversed(diagram.boxes):
        made = {port.name for port in binds(box)}
        if behind & made:
            behind |= needs(box)
            drawn |= made if isinstance(box, Draw) else set()
    named = [(name, space) for name, space in wires(diagram).items() if name in drawn | free(term) and name.isidentifier()]
    if not named or len(named) > _NAMED:
        return ()
    together = Pack(tuple(Var(name) for name, _ in named))
    if work.question.by is not None and work.question.by.name != "exact":
        return ()
    from opengames.exact import answer

    asked = Ask("distribution", (together, Prim("not", (term,))), at=work.question.at)
    try:
        pairs = answer(work.program, diagram, asked, work.desk.params, budget=_STATES)
    except Refusal:  # of more plays than are looked at for a case that only explains
        return ()
    values, _ = max(pairs, key=lambda pair: pair[1])
    return tuple((name, value, space) for (name, space), value in zip(named, values, strict=True))


def _by_programs(work: Work, ask: Ask, diagram: Diagram, word: str) -> Any:
    """The exact reading in floating point, every clearing solved by the engines for linear or quadratic programs."""
    from opengames.exact import answer

    solved = clearings(diagram)
    at = work.question.at if work.question.by is None else work.question.by.at
    if not solved:
        raise refuse(
            "unsuited-method", f"`{word}` solves clearings, and `{diagram.name}` has none", span=at,
            help="leave `by` out, or ask `by exact`",
        )  # fmt: skip
    bent = [ready.place for ready in solved if getattr(ready.clearing, "quadratic", False)]
    if word == "lp" and bent:
        raise refuse(
            "unsuited-method", f"what `{bent[0]}` earns is quadratic in what it decides", span=at, help="ask `by qp`"
        )
    found = answer(work.program, diagram, ask, work.desk.params, number=float)
    work.rounded, work.methods[PROGRAMS[word]] = True, None
    return found


def _say_unasked(work: Work, ask: Ask, diagram: Diagram) -> None:
    """Say of which decisions nobody asked whether their rules can be obeyed: plays that would get stuck there count as well."""
    name = work.question.of
    if name is None:
        return
    used: set[str] = set(free(ask))
    for box in reversed(diagram.boxes):
        if used & {port.name for port in binds(box)}:
            used |= needs(box)
    for box in work.program.diagrams[name].boxes:
        if used & {port.name for port in binds(box)}:
            continue
        inside = ((), box), *((path, each) for _, body in bodies(box) for path, each in walk(body))
        for path, each in inside:
            if isinstance(each, Decide) and each.rules:
                wire = ".".join((*path, each.outs[0].name))
                said = f"whether the moves at `{wire}` obey their rules was not looked at, as what is asked does not depend on them"
                if said not in work.because:
                    work.because.append(said)
                return


def _behind(ask: Ask, diagram: Diagram) -> Iterator[Term]:
    """The terms that a question about wires of a diagram may depend on."""
    needed = set(free(ask))
    for box in reversed(diagram.boxes):
        if any(port.name in needed for port in binds(box)):
            needed |= needs(box)
            yield from formulas(replace(diagram, boxes=(box,)))


def of_runs(work: Work, diagram: Diagram, term: Term) -> str:
    """The verdict on a claim about the wires of one play, from runs: whether it holds in each."""
    runs, seed = work.runs_and_seed()
    held = estimates.per_run(work.program, diagram, {"claim": (term, BOOL)}, runs, seed, work.desk.params)["claim"]
    work.methods[simulated(runs, seed)] = None
    work.runs, work.failed = runs, int((~held).sum())
    if held.all():
        return "supported"
    work.because.append(f"it fails in {work.failed:,} of {runs:,} runs, first in run {int((~held).argmax())}")
    return "not supported"


def same(work: Work, ask: Ask) -> bool:
    """Whether two channels are one, input by input."""
    from opengames.same_channels import difference

    first, second = ask.args
    tried, where = difference(work.program, first, second, work.desk.params)
    work.methods[f"exact, {tried:,} input{'s' if tried != 1 else ''}"] = None
    if where is not None:
        work.because.append(f"they differ at {where}")
    return where is None


def _space_of(term: Term, diagram: Diagram) -> Space | None:
    return wires(diagram).get(term.name) if isinstance(term, Var) else None
