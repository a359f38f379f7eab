"""Questions put to the readings and solvers: a `verify` gives a `Claim`, a `query` an `Answer`.

The question's term is reduced: every `Ask` in it goes to the method that `by` names (without one: exact first, and an
estimate where the exact reading cannot answer, which then says so), quantifiers over questions are unfolded,
and what is left is evaluated exactly. A failing `forall` is searched for the assignment that fails.

An estimate never proves: a claim is supported if it holds for every value inside the intervals. Neither does a
computation that rounds: a claim that rests on `exp`, say, is supported "in floating point".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from time import perf_counter
from typing import Any

from opengames import estimates, method_options
from opengames.cases import Undecided, assignments, bounded, count, parts, search
from opengames.diagnostics import Diagnostic, Refusal, refuse
from opengames.diagram import Decide, Diagram, walk
from opengames.evaluate import evaluate
from opengames.methods import METHODS
from opengames.places_named import only_place
from opengames.plug import is_clearing, plug
from opengames.program import Program, Question
from opengames.results import SHORTENED, Answer, Claim, distribution_lines, is_long
from opengames.rounding import formulas, rounds, within_rounding
from opengames.show import show
from opengames.spaces import BOOL, Family, Record, Space
from opengames.terms import Ask, Const, Fold, Prim, Ref, Term, free, rebuild, substitute

UNFOLDED = 10_000
"""Cases of a quantifier with a question inside."""
CORNERS = 4
"""Estimates in one claim whose intervals are tried at all their ends."""

#: Codes that say that a method cannot answer, not that something is wrong.
CANNOT = frozenset({"not-yet", "over-budget", "needs-sampling", "needs-strategy", "needs-inputs"})

#: What a method is called that is exact but for rounding.
ROUNDED = "floating point"

_ABOUT_WIRES = frozenset({"E", "P", "cvar", "variance", "distribution"})
_WHOLE = frozenset({"equilibria", "best_response", "dominant", "distribution"})


@dataclass
class Desk:
    """Where the questions of one program are answered. Diagrams with a strategy plugged in are kept."""

    program: Program
    plugged: dict[tuple[str, str | None], Diagram] = field(default_factory=dict)

    @property
    def params(self) -> dict[str, Any]:
        return self.program.param_values()

    def diagram(self, of: str, under: str | None) -> Diagram:
        """A declared diagram, with a strategy plugged in if one is named."""
        key = (of, under)
        if key not in self.plugged:
            found = self.program.diagrams[of]
            self.plugged[key] = plug(found, self.program.strategies[under]) if under is not None else found
        return self.plugged[key]

    def claim(self, question: Question) -> Claim:
        """The verdict on a `verify`. Raises `Refusal` where the text or the data is wrong."""
        start = perf_counter()
        work = _Work(self, question)
        try:
            verdict = work.verdict()
        except Undecided as open_:
            verdict, work.because = "unknown", [*work.because, str(open_)]
        except Refusal as refused:
            if not cannot(refused):
                raise
            advised = method_options.advised(question, refused)
            verdict, work.because = "unknown", [*work.because, *_sentences(advised)]
        return Claim(
            question.name, verdict, work.method(), question.text, tuple(work.because), work.counterexample,
            work.runs if verdict in ("supported", "not supported") else None, perf_counter() - start,
        )  # fmt: skip

    def answer(self, question: Question) -> Answer:
        """The answer to a `query`. Raises `Refusal` where there is none, also for want of a reading."""
        start = perf_counter()
        work = _Work(self, question)
        try:
            value, space = work.value()
        except Undecided as open_:
            raise Refusal(
                Diagnostic("not-yet", f"`{question.name}` cannot be answered yet", question.at, notes=(str(open_),))
            ) from open_
        except Refusal as refused:
            raise method_options.advised(question, refused) from refused
        return Answer(
            question.name, value, space, work.method(), question.text, tuple(work.because), work.interval,
            work.runs, work.certificate, work.game, perf_counter() - start, work.over,
        )  # fmt: skip


def refuse_clearings(diagram: Diagram) -> None:
    """Refuse (`not-yet`) a diagram in which a decision is left that only a solver of clearings can make."""
    for path, box in walk(diagram):
        if isinstance(box, Decide) and is_clearing(box):
            raise refuse(
                "not-yet", f"what `{'.'.join((*path, box.outs[0].name))}` will be is not known without solving its rules",
                span=box.at, label="a clearing: the best that its rules allow",
                notes=("the solver of clearings is missing from this version",),
            )  # fmt: skip


def cannot(refused: Refusal) -> bool:
    """Whether the refusal says that a method cannot answer, rather than that something is wrong."""
    return all(d.code in CANNOT for d in refused.diagnostics)


def _sentences(refused: Refusal) -> list[str]:
    found: list[str] = []
    for d in refused.diagnostics:
        found += [d.headline, *d.notes, *([d.help] if d.help else [])]
    return found


@dataclass
class _Work:
    """One question being answered, and what is found on the way."""

    desk: Desk
    question: Question
    because: list[str] = field(default_factory=list)
    methods: dict[str, None] = field(default_factory=dict)
    estimates: list[estimates.Estimate] = field(default_factory=list)
    counterexample: str | None = None
    interval: tuple[float, float] | None = None
    runs: int | None = None
    tried: int | None = None  # the runs in which changes were tried, where the answer rests on them
    certificate: Any = None
    game: str | None = None
    over: Space | None = None  # of the values of a distribution
    rounded: bool = False
    shortened: bool = False  # an exact number is printed as a decimal

    @property
    def program(self) -> Program:
        return self.desk.program

    def method(self) -> str:
        said = ", ".join(self.methods)
        if self.rounded:
            return said.replace("exact", ROUNDED) if "exact" in said else f"{ROUNDED}, {said}"
        return f"{said}, {SHORTENED}" if self.shortened else said

    # ------------------------------------------------------------------------------ claims

    def verdict(self) -> str:
        term = self.question.term
        self._known_method()
        asks = any(isinstance(t, Ask) for t in parts(term))
        if asks:
            closed = self._resolve(term)
            if self.estimates:
                return self._supported(closed)
            if self.tried is not None:
                self.runs = self.tried
                return "supported" if self._evaluate(closed) else "not supported"
            return self._found(self._evaluate(closed))
        if free(term):
            return self._of_plays(term)
        holds, assignment = search(term, self.program.funs, self.desk.params)
        self._cases(term)
        if assignment:
            self.counterexample = "\n".join(f"{name} = {show(v, space)}" for name, v, space in assignment)
            word = "holds for" if holds else "fails for"
            self.because.append(f"{word} {', '.join(self.counterexample.splitlines())}")
            if holds:
                self.counterexample = None
        return self._found(holds)

    def _found(self, holds: Any) -> str:
        """The verdict of a computation that leaves nothing out; if it rounds, it is no proof."""
        term = self.question.term
        asked = [self._diagram()] if self.question.of is not None else []
        for each in parts(term):
            if isinstance(each, Ref) and each.kind == "strategy":
                asked.append(self.desk.diagram(self.program.strategies[each.name].game, each.name))
        self.rounded |= rounds([term, *(t for d in asked for t in formulas(d))], self.program.funs)
        if self.rounded:
            numbers = self.question.of is None and not any(isinstance(t, Ask) for t in parts(term))
            if numbers and within_rounding(term, self._evaluate):
                self.counterexample = None
                raise Undecided("two numbers that it compares are equal but for the rounding of floats")
            return "supported" if holds else "not supported"
        return "proved" if holds else "refuted"

    def _leaves(self, game: str) -> bool:
        """Whether a game, with the strategy of the question in it, may leave the rationals."""
        under = self.question.under
        fits = under is not None and self.program.strategies[under].game == game
        return rounds(formulas(self.desk.diagram(game, under if fits else None)), self.program.funs)

    def _supported(self, closed: Term) -> str:
        """The verdict where estimates stand in the claim: it must hold at all ends of their intervals."""
        if len(self.estimates) > CORNERS:
            raise Undecided(f"the claim rests on {len(self.estimates)} estimates, and {CORNERS} can be judged together")
        ends = product(*((e.lower, e.value, e.upper) for e in self.estimates))
        said = {bool(self._evaluate(substitute(closed, _ends(corner)))) for corner in ends}
        for each in self.estimates:
            self.because.append(f"estimated {each.value:.6g}, between {each.lower:.6g} and {each.upper:.6g} (95 %)")
        self.runs = min(e.runs for e in self.estimates)
        if len(said) == 1:
            return "supported" if said.pop() else "not supported"
        raise Undecided(f"{self.runs:,} runs do not settle it: the claim holds at one end of the interval, not at the other")

    def _of_plays(self, term: Term) -> str:
        """A claim about the wires of one play: it must hold in every play."""
        diagram = self._diagram()
        if self._sampling():
            return self._of_runs(diagram, term)
        if any(isinstance(box, Decide) for _, box in walk(diagram)):
            raise Undecided(
                f"`{self.question.of}` has decisions and no strategy is named: a claim about all strategies needs the "
                "proved reading, which this version does not have; name a strategy with `under`"
            )
        try:
            chance = self._exactly(Ask("P", (term,), at=self.question.at), diagram)
        except Refusal as refused:
            self._fell_back(refused)
            return self._of_runs(diagram, term)
        if chance != 1:
            self.because.append(f"it holds with chance {show(chance)}")
        return self._found(chance == 1)

    def _of_runs(self, diagram: Diagram, term: Term) -> str:
        runs, seed = self._runs()
        held = estimates.per_run(self.program, diagram, {"claim": (term, BOOL)}, runs, seed, self.desk.params)["claim"]
        self.methods[_simulated(runs, seed)] = None
        self.runs = runs
        if held.all():
            return "supported"
        self.because.append(f"it fails in {int((~held).sum()):,} of {runs:,} runs, first in run {int((~held).argmax())}")
        return "not supported"

    def _cases(self, term: Term) -> None:
        while isinstance(term, Prim) and term.op == "not":
            term = term.args[0]
        n = count(term.iters) if isinstance(term, Fold) else 0
        self.methods[f"exact, {n:,} case{'s' if n > 1 else ''}" if n else "exact"] = None

    # ----------------------------------------------------------------------------- queries

    def value(self) -> tuple[Any, Space | None]:
        term = self.question.term
        self._known_method()
        if isinstance(term, Ask) and term.op in _WHOLE:
            return self._whole(term), None
        if not any(isinstance(t, Ask) for t in parts(term)):
            self.methods["exact"] = None
            if free(term):
                raise Undecided("it asks for a wire of a play; ask for `E(...)`, `P(...)` or `distribution(...)` of it")
            return self._number(term), self.question.space
        closed = self._resolve(term)
        if not self.estimates:
            return self._number(closed), self.question.space
        if len(self.estimates) > CORNERS:
            raise Undecided(f"it rests on {len(self.estimates)} estimates, and {CORNERS} can be put together")
        middle = self._evaluate(substitute(closed, _ends([e.value for e in self.estimates])))
        ends = [
            self._evaluate(substitute(closed, _ends(c))) for c in product(*((e.lower, e.upper) for e in self.estimates))
        ]
        self.runs = min(e.runs for e in self.estimates)
        if isinstance(middle, bool):
            return middle, self.question.space
        self.interval = (float(min(ends)), float(max(ends)))
        return float(middle), self.question.space

    def _number(self, term: Term) -> Any:
        found = self._evaluate(term)
        self.rounded |= isinstance(found, float)
        if self.rounded and isinstance(found, Fraction) and found:  # a rational in form only: a solver's sum of floats
            found = float(found)
        self.shortened = is_long(found, self.question.space)
        return found

    def _whole(self, ask: Ask) -> Any:
        """An answer that is no value of a space: a distribution, a strategy, equilibria."""
        if ask.op == "distribution":
            return self._distribution(ask)
        from opengames.solvers import equilibria

        self._no_runs(ask)
        game = ask.args[0]
        assert isinstance(game, Ref)
        params = self.desk.params
        found: Any
        if ask.op == "equilibria":
            found = equilibria.equilibria(self.program, game.name, params, **self._budgets(ask.op))
            self.methods["exact, complete" if found.complete else "exact, pure strategies only"] = None
        elif ask.op == "best_response":
            found = self._best_response(ask, game.name)
        else:
            found = equilibria.dominant(self.program, game.name, self._seat(ask), params, **self._budgets(ask.op))
            self.methods["exact"] = None
        self.rounded = not found.exact or self._leaves(game.name)
        self.because += found.lines()
        self.certificate = getattr(found, "certificate", None)
        try:
            self.game = found.to_game(self.question.name)
        except Refusal as refused:  # what was found is still an answer, only not one that can be pasted back
            self.game = ""
            self.because += [f"not as text: {d.headline}" for d in refused.diagnostics]
        return found

    def _best_response(self, ask: Ask, game: str) -> Any:
        """Exactly; by dynamic programming where that is asked for, or where a single decider's game is too large."""
        from opengames.solvers import claims, planning

        by = self.question.by
        options = self._budgets(ask.op)
        planned = by is not None and by.name == "dynamic_programming"
        if not planned:
            try:
                found: Any = claims.best_response(
                    self.program, game, self._seat(ask), self.question.under, self.desk.params, **options
                )
                self.methods[f"exact, {found.method}"] = None
                return found
            except Refusal as refused:
                large = all(d.code == "over-budget" for d in refused.diagnostics)
                if not large or by is not None or planning.accepts(self.program.diagrams[game]) is not None:
                    raise
        found = planning.dynamic_programming(self.program, game, self._seat(ask), self.desk.params, **options)
        self.methods[found.method] = None
        return found

    def _seat(self, ask: Ask) -> Any:
        ref, *index = ask.args[1:]
        assert isinstance(ref, Ref)
        return (ref.name, tuple(self._evaluate(index[0]))) if index else ref.name

    def _distribution(self, ask: Ask) -> Any:
        diagram = self._diagram()
        self.over = space = _space_of(ask.args[0], diagram) or self.question.space
        if not self._sampling():
            try:
                pairs = self._exactly(ask, diagram)
                self.rounded = any(isinstance(x, float) for pair in pairs for x in pair)
                self.shortened = any(is_long(chance) for _, chance in pairs)
                self.because += distribution_lines(pairs, space)
                return pairs
            except Refusal as refused:
                self._fell_back(refused)
        runs, seed = self._runs()
        if space is None or isinstance(space, Record | Family):
            raise Undecided("from runs, a distribution is told of a number, a label or a truth value: ask for one of those")
        pairs, self.runs = estimates.distribution(self.program, diagram, ask, space, self.desk.params, runs, seed)
        self.methods[_simulated(runs, seed)] = None
        if self.runs < runs:
            self.because.append(f"from the {self.runs:,} runs that meet the condition")
        self.because += distribution_lines(pairs, space)
        return pairs

    # ---------------------------------------------------------------------------- questions

    def _resolve(self, term: Term) -> Term:
        """The term with every question in it answered."""
        if isinstance(term, Ask):
            return self._ask(term)
        if isinstance(term, Fold) and any(isinstance(t, Ask) for t in parts(term.body)):
            return self._unfold(term)
        if not any(isinstance(t, Ask) for t in parts(term)):
            return term
        done: Term = rebuild(term, self._resolve)
        return done

    def _unfold(self, term: Fold) -> Term:
        bounded(term.iters, UNFOLDED)
        found: list[Term] = []
        for known in assignments(term.iters):
            if term.where is None or self._evaluate(self._resolve(substitute(term.where, known))):
                found.append(self._resolve(substitute(term.body, known)))
        empty = {"and": True, "or": False, "sum": Fraction(0), "product": Fraction(1)}
        if not found:
            return Const(empty.get(term.op))
        op = {"sum": "+", "product": "*"}.get(term.op, term.op)
        if op in ("min", "max"):
            return Prim(op, tuple(found))
        whole = found[0]
        for part in found[1:]:
            whole = Prim(op, (whole, part))
        return whole

    def _ask(self, ask: Ask) -> Term:
        if ask.op in _ABOUT_WIRES:
            return self._about_wires(ask)
        match ask.op:
            case "equilibrium" | "subgame_perfect":
                return Const(self._equilibrium(ask))
            case "exploitability":
                return self._exploitability(ask)
            case "reach":
                return Const(self._reach(ask))
            case "same":
                return Const(self._same(ask))
        raise Undecided(
            {
                "feasible": "`feasible` needs the solver of clearings, which this version does not have",
                "coverage": "`coverage` needs recognition, which this version does not have",
            }.get(ask.op, f"`{ask.op}` is an answer of its own and cannot stand inside an expression")
        )

    def _about_wires(self, ask: Ask) -> Term:
        diagram = self._diagram()
        if not self._sampling():
            try:
                return Const(self._exactly(ask, diagram))
            except Refusal as refused:
                self._fell_back(refused)
        runs, seed = self._runs()
        found = estimates.estimate(self.program, diagram, ask, self.desk.params, runs, seed)
        self.methods[_simulated(runs, seed)] = None
        self.estimates.append(found)
        from opengames.terms import Var

        return Var(_estimate_name(len(self.estimates) - 1))

    def _exactly(self, ask: Ask, diagram: Diagram) -> Any:
        from opengames.exact import answer

        nodes = self._budgets(ask.op).get("limit")
        budget = {} if nodes is None else {"budget": nodes}
        found = answer(self.program, diagram, ask, self.desk.params, **budget)
        self.methods["exact"] = None
        return found

    def _equilibrium(self, ask: Ask) -> bool:
        from opengames.solvers import claims, subgames

        strategy = self._strategy(ask)
        game = self.program.strategies[strategy].game
        budgets = self._budgets(ask.op)
        if ask.op == "subgame_perfect":
            self._no_runs(ask)
            found: Any = subgames.subgame_perfect(self.program, game, strategy, self.desk.params, **budgets)
        elif self.question.by is not None and self.question.by.name == "slicing":
            found = self._sliced(game, strategy)
        else:
            found = self._or_tried(
                lambda: claims.equilibrium(self.program, game, strategy, self.desk.params, **budgets)
            )
            if found is None:
                found = self._tried_equilibrium(game, strategy)
        self.methods[found.method] = None
        self.rounded |= not found.exact
        self.certificate = found.certificate
        if found.verdict == "estimated":
            self.tried = found.runs
            self.because += [*(found.deviation.lines() if found.deviation is not None else ()), *found.notes]
            return bool(found.holds)
        if found.verdict not in ("holds", "fails"):
            raise Undecided("; ".join(found.notes) or "the solver could not decide it")
        if found.deviation is not None:
            lines = found.deviation.lines()
            self.because += lines
            self.counterexample = "\n".join(f"# {line}" for line in lines)
        self.because += found.notes
        return bool(found.verdict == "holds")

    def _sliced(self, game: str, strategy: str) -> Any:
        from opengames.solvers import slicing

        diagram = self.program.diagrams[game]
        reason = slicing.accepts(diagram)
        if reason is not None:
            raise Undecided(f"`slicing` does not apply: {reason}")
        return slicing.equilibrium(self.program, diagram, strategy, self.desk.params)

    def _exploitability(self, ask: Ask) -> Term:
        from opengames.solvers import claims

        strategy = self._strategy(ask)
        game = self.program.strategies[strategy].game
        budgets = self._budgets(ask.op)
        found = self._or_tried(
            lambda: claims.exploitability(self.program, game, strategy, self.desk.params, **budgets)
        )
        if found is None:
            return self._tried_exploitability(game, strategy)
        self.methods["exact"] = None
        self.rounded |= not found.exact or self._leaves(game)
        self.because += found.lines()[1:]
        self.certificate = found.certificate
        return Const(Fraction(found.total))

    def _or_tried(self, decide: Callable[[], Any]) -> Any:
        """What a solver decides; `None` where changes are to be tried in runs instead: asked for, or beyond its budget."""
        if self._sampling():
            return None
        try:
            found = decide()
        except Refusal as refused:
            if self.question.by is not None or any(d.code != "over-budget" for d in refused.diagnostics):
                raise
            self._fell_back(refused)
            return None
        undecided = getattr(found, "verdict", "") == "undecided" and self.question.by is None
        if undecided:
            self.because += found.notes
        return None if undecided else found

    def _tried_equilibrium(self, game: str, strategy: str) -> Any:
        from opengames.solvers import estimated

        runs, seed = self._runs()
        diagram = self.program.diagrams[game]
        return estimated.equilibrium(self.program, diagram, strategy, strategy, self.desk.params, runs, seed)

    def _tried_exploitability(self, game: str, strategy: str) -> Term:
        """A lower bound from runs: in a claim, nothing is known of how much more it may be."""
        from opengames.solvers import estimated
        from opengames.terms import Var

        runs, seed = self._runs()
        found = estimated.exploitability(
            self.program, self.program.diagrams[game], strategy, self.desk.params, runs, seed
        )
        self.methods[_simulated(runs, seed)] = None
        self.because += found.lines()
        upper = float("inf") if self.question.kind == "verify" else found.upper
        self.estimates.append(estimates.Estimate(found.value, found.lower, upper, runs))
        return Var(_estimate_name(len(self.estimates) - 1))

    def _reach(self, ask: Ask) -> Fraction:
        from opengames.solvers import claims

        self._no_runs(ask)
        if self.question.of is None or self.question.under is None:
            raise Undecided("`reach` needs a game and a strategy: `reach(...) of Game under strategy`")
        place = ask.args[0]
        assert isinstance(place, Const)
        found = claims.reached(
            self.program, self.question.of, self.question.under, self.desk.params, **self._budgets(ask.op)
        )
        places = dict.fromkeys(where for where, _, _ in found.decisions + found.arms)
        words = only_place(str(place.value), tuple(places), ask)
        self.methods["exact"] = None
        chances = [c for where, _, c in found.decisions + found.arms if where == words]
        return sum(chances, Fraction(0)) / len(chances)

    def _same(self, ask: Ask) -> bool:
        from opengames.same_channels import difference

        first, second = ask.args
        tried, where = difference(self.program, first, second, self.desk.params)
        self.methods[f"exact, {tried:,} input{'s' if tried != 1 else ''}"] = None
        if where is not None:
            self.because.append(f"they differ at {where}")
        return where is None

    # ------------------------------------------------------------------------------- details

    def _strategy(self, ask: Ask) -> str:
        ref = ask.args[0]
        assert isinstance(ref, Ref)
        return ref.name

    def _diagram(self) -> Diagram:
        if self.question.of is None:
            raise Undecided("it asks about wires, and no game or channel is named: add `of NAME`")
        found = self.desk.diagram(self.question.of, self.question.under)
        if self.question.under is not None:
            refuse_clearings(found)
        return found

    def _sampling(self) -> bool:
        by = self.question.by
        return by is not None and by.name == "simulate"

    def _no_runs(self, ask: Ask) -> None:
        if self._sampling():
            raise Undecided(f"`{ask.op}` is decided exactly, not from runs: leave out `by simulate`")

    def _known_method(self) -> None:
        """Refuse a method for other questions or not there yet, or an option that it lacks or that changes nothing."""
        by = self.question.by
        if by is None:
            return
        method_options.check(self.question)
        if METHODS[by.name].missing is not None:
            raise Undecided(str(METHODS[by.name].missing))

    def _budgets(self, op: str) -> dict[str, Any]:
        return method_options.budgets(self.question, op)

    def _runs(self) -> tuple[int, int]:
        options = dict(self.question.by.options) if self.question.by is not None else {}
        return int(options.get("runs", estimates.RUNS)), int(options.get("seed", estimates.SEED))

    def _fell_back(self, refused: Refusal) -> None:
        """The exact reading cannot answer: go on with runs and say so, unless an exact answer was asked for."""
        open_ends = any(d.code in ("needs-strategy", "needs-inputs") for d in refused.diagnostics)
        if open_ends or not cannot(refused) or self.question.by is not None:
            raise refused
        self.because.append(f"estimated from runs, because the exact reading could not answer: {refused.diagnostics[0].headline}")

    def _evaluate(self, term: Term) -> Any:
        return evaluate(term, {}, self.program.funs, self.desk.params)


def _space_of(term: Term, diagram: Diagram) -> Space | None:
    from opengames.diagram import wires
    from opengames.terms import Var

    return wires(diagram).get(term.name) if isinstance(term, Var) else None


def _estimate_name(i: int) -> str:
    return f"estimate#{i}"


def _ends(values: Any) -> dict[str, Term]:
    return {_estimate_name(i): Const(v) for i, v in enumerate(values)}


def _simulated(runs: int, seed: int) -> str:
    return f"simulate, {runs:,} runs, seed {seed}"


__all__ = ["CANNOT", "Desk", "Undecided", "cannot"]
