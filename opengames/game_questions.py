"""Questions about strategies and games: equilibria, best responses, dominance, what changes gain, what is reached.

Each goes to the solver that `by` names; without one to the first that can decide it.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from opengames import estimates
from opengames.cases import Undecided
from opengames.desk import Work, estimate_name, simulated
from opengames.diagnostics import Refusal
from opengames.places_named import only_place
from opengames.rounding import formulas, rounds
from opengames.terms import Ask, Const, Ref, Term, Var


def whole(work: Work, ask: Ask) -> Any:
    """An answer that is no value of a space: a strategy, equilibria, whether a plan dominates."""
    from opengames.solvers import equilibria

    game = ask.args[0]
    assert isinstance(game, Ref)
    params = work.desk.params
    work.played(game.name, None)
    found: Any
    if ask.op == "equilibria":
        found = equilibria.equilibria(work.program, game.name, params, **work.budgets(ask.op))
        work.methods["exact, complete" if found.complete else "exact, pure strategies only"] = None
    elif ask.op == "best_response":
        found = best_response(work, ask, game.name)
    else:
        found = equilibria.dominant(work.program, game.name, _seat(work, ask), params, **work.budgets(ask.op))
        work.methods["exact"] = None
    work.rounded = not found.exact or _leaves(work, game.name)
    work.because += found.lines()
    work.certificate = getattr(found, "certificate", None)
    try:
        work.game = found.to_game(work.question.name)
    except Refusal as refused:  # what was found is still an answer, only not one that can be pasted back
        work.game = ""
        work.because += [f"not as text: {d.headline}" for d in refused.diagnostics]
    return found


def best_response(work: Work, ask: Ask, game: str) -> Any:
    """Exactly; by dynamic programming where that is asked for, or where a single decider's game is too large."""
    from opengames.solvers import claims, planning

    by = work.question.by
    options = work.budgets(ask.op)
    if by is not None and by.name == "actor_critic":
        return _learned(work, ask, game, options)
    planned = by is not None and by.name == "dynamic_programming"
    if not planned:
        try:
            found: Any = claims.best_response(
                work.program, game, _seat(work, ask), work.question.under, work.desk.params, **options
            )
            work.methods[f"exact, {found.method}"] = None
            return found
        except Refusal as refused:
            large = all(d.code == "over-budget" for d in refused.diagnostics)
            if not large or by is not None or planning.accepts(work.played(game, None)) is not None:
                raise
    found = planning.dynamic_programming(work.program, game, _seat(work, ask), work.desk.params, **options)
    work.methods[found.method] = None
    return found


def _learned(work: Work, ask: Ask, game: str, options: dict[str, Any]) -> Any:
    """A policy learned from plays; its value is an estimate from others."""
    from opengames.commands.progress import tell
    from opengames.solvers.learning import best_response as learned

    found = learned(
        work.program, game, _seat(work, ask), work.desk.params, under=work.question.under, progress=tell, **options
    )
    work.methods[f"{found.method}, {found.steps:,} steps, seed {found.seed}"] = None
    work.interval, work.runs = found.interval, found.runs
    return found


def _seat(work: Work, ask: Ask) -> Any:
    ref, *index = ask.args[1:]
    assert isinstance(ref, Ref)
    return (ref.name, tuple(work.evaluate(index[0]))) if index else ref.name


def equilibrium(work: Work, ask: Ask) -> bool:
    """Whether a strategy is an equilibrium, in every subgame if that is asked. Raises `Undecided`."""
    from opengames.solvers import claims, subgames

    strategy = work.strategy(ask)
    game = work.program.strategies[strategy].game
    work.played(game, None)
    budgets = work.budgets(ask.op)
    if ask.op == "subgame_perfect":
            found: Any = subgames.subgame_perfect(work.program, game, strategy, work.desk.params, **budgets)
    elif work.question.by is not None and work.question.by.name == "slicing":
        found = _sliced(work, game, strategy)
    else:
        found = _or_tried(
            work, lambda: claims.equilibrium(work.program, game, strategy, work.desk.params, **budgets)
        )
        if found is None:
            found = _tried_equilibrium(work, game, strategy)
    work.methods[found.method] = None
    work.rounded |= not found.exact
    work.certificate = found.certificate
    if found.verdict == "estimated":
        work.tried = found.runs
        work.because += [*(found.deviation.lines() if found.deviation is not None else ()), *found.notes]
        return bool(found.holds)
    if found.verdict not in ("holds", "fails"):
        raise Undecided("; ".join(found.notes) or "the solver could not decide it")
    if found.deviation is not None:
        lines = found.deviation.lines()
        work.because += lines
        work.counterexample = "\n".join(f"# {line}" for line in lines)
    work.because += found.notes
    return bool(found.verdict == "holds")


def _sliced(work: Work, game: str, strategy: str) -> Any:
    from opengames.solvers import slicing

    diagram = work.played(game, None)
    reason = slicing.accepts(diagram)
    if reason is not None:
        raise Undecided(f"`slicing` does not apply: {reason}")
    return slicing.equilibrium(work.program, diagram, strategy, work.desk.params)


def exploitability(work: Work, ask: Ask) -> Term:
    """What all seats could gain together: a constant, or the variable of an estimate."""
    from opengames.solvers import claims

    strategy = work.strategy(ask)
    game = work.program.strategies[strategy].game
    work.played(game, None)
    budgets = work.budgets(ask.op)
    found = _or_tried(
        work, lambda: claims.exploitability(work.program, game, strategy, work.desk.params, **budgets)
    )
    if found is None:
        return _tried_exploitability(work, game, strategy)
    work.methods["exact"] = None
    work.rounded |= not found.exact or _leaves(work, game)
    work.because += found.lines()[1:]
    work.certificate = found.certificate
    return Const(Fraction(found.total))


def _or_tried(work: Work, decide: Callable[[], Any]) -> Any:
    """What a solver decides; `None` where changes are to be tried in runs instead: asked for, or beyond its budget."""
    if work.sampling():
        return None
    try:
        found = decide()
    except Refusal as refused:
        if work.question.by is not None or any(d.code != "over-budget" for d in refused.diagnostics):
            raise
        work.fell_back(refused)
        return None
    undecided = getattr(found, "verdict", "") == "undecided" and work.question.by is None
    if undecided:
        work.because += found.notes
    return None if undecided else found


def _tried_equilibrium(work: Work, game: str, strategy: str) -> Any:
    from opengames.solvers import estimated

    runs, seed = work.runs_and_seed()
    diagram = work.played(game, None)
    return estimated.equilibrium(work.program, diagram, strategy, strategy, work.desk.params, runs, seed)


def _tried_exploitability(work: Work, game: str, strategy: str) -> Term:
    """A lower bound from runs: in a claim, nothing is known of how much more it may be."""
    from opengames.solvers import estimated

    runs, seed = work.runs_and_seed()
    found = estimated.exploitability(
        work.program, work.played(game, None), strategy, work.desk.params, runs, seed
    )
    work.methods[simulated(runs, seed)] = None
    work.because += found.lines()
    upper = float("inf") if work.question.kind == "verify" else found.upper
    work.estimates.append(estimates.Estimate(found.value, found.lower, upper, runs))
    return Var(estimate_name(len(work.estimates) - 1))


def reach(work: Work, ask: Ask) -> Fraction:
    """The chance of coming to a place, averaged over the loops around it."""
    from opengames.solvers import claims

    if work.question.of is None or work.question.under is None:
        raise Undecided("`reach` needs a game and a strategy: `reach(...) of Game under strategy`")
    place = ask.args[0]
    assert isinstance(place, Const)
    found = claims.reached(
        work.program, work.question.of, work.question.under, work.desk.params, **work.budgets(ask.op)
    )
    places = dict.fromkeys(where for where, _, _ in found.decisions + found.arms)
    words = only_place(str(place.value), tuple(places), ask)
    work.methods["exact"] = None
    chances = [c for where, _, c in found.decisions + found.arms if where == words]
    return sum(chances, Fraction(0)) / len(chances)


def _leaves(work: Work, game: str) -> bool:
    """Whether a game, with the strategy of the question in it, may leave the rationals."""
    under = work.question.under
    fits = under is not None and work.program.strategies[under].game == game
    return rounds(formulas(work.played(game, under if fits else None)), work.program.funs)
