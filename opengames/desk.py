"""Where the questions of one program are answered, and what is found on the way to one answer.

A `Desk` keeps the diagrams with a strategy plugged in; a `Work` is one question on it. What is asked about the wires
of plays is answered by `wire_questions`, what is asked about strategies and games by `game_questions`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opengames import estimates, method_options
from opengames.cases import Undecided
from opengames.clearings import Ready, Tally, clearings, has_clearing
from opengames.diagnostics import Refusal
from opengames.diagram import Diagram
from opengames.evaluate import evaluate
from opengames.methods import METHODS
from opengames.plug import plug
from opengames.program import Program, Question
from opengames.results import SHORTENED
from opengames.spaces import Space
from opengames.terms import Ask, Ref, Term

#: Codes that say that a method cannot answer, not that something is wrong.
CANNOT = frozenset({"not-yet", "not-convex", "over-budget", "needs-sampling", "needs-strategy", "needs-inputs"})

#: Codes that say that a clearing has no optimum: a claim about such plays stays open, a query is refused.
UNCLEARED = frozenset({"infeasible", "unbounded", "no-certificate"})

#: What a method is called that is exact but for rounding.
ROUNDED = "floating point"


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

    def played(self, of: str, under: str | None) -> Diagram:
        """As `diagram`, with every clearing that is left replaced by its optimum: what readings play."""
        found = self.diagram(of, under)
        if not has_clearing(found):
            return found
        from opengames.solvers.cleared import cleared

        return cleared(self.program, found)


@dataclass
class Work:
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
    failed: int | None = None  # the runs in which a claim about each play failed
    contracts: list[str] = field(default_factory=list)  # what a proof took for granted
    certificate: Any = None
    game: str | None = None
    over: Space | None = None  # of the values of a distribution
    market: Any = None  # on the channel of the question, after its trades
    rounded: bool = False
    shortened: bool = False  # an exact number is printed as a decimal
    cleared: dict[Ready, Tally] = field(default_factory=dict)  # what each clearing had done before this question

    @property
    def program(self) -> Program:
        return self.desk.program

    def method(self) -> str:
        """How the answer was found, in words."""
        said = ", ".join(self.methods)
        if self.rounded:
            return said.replace("exact", ROUNDED) if "exact" in said else f"{ROUNDED}, {said}"
        return f"{said}, {SHORTENED}" if self.shortened else said

    def strategy(self, ask: Ask) -> str:
        """The name of the strategy that is asked about."""
        ref = ask.args[0]
        assert isinstance(ref, Ref)
        return ref.name

    def diagram(self) -> Diagram:
        """What a question about wires is asked of, its strategy plugged in. Raises `Undecided` if nothing is named."""
        if self.question.of is None:
            raise Undecided("it asks about wires, and no game or channel is named: add `of NAME`")
        return self.played(self.question.of, self.question.under)

    def played(self, of: str, under: str | None) -> Diagram:
        """A diagram as it is played; what its clearings do from now on goes into the certificate."""
        found = self.desk.played(of, under)
        for ready in clearings(found):
            if ready not in self.cleared:
                ready.start()
                self.cleared[ready] = ready.tally()
        return found

    def certificates(self) -> list[str]:
        """What was solved for this question, clearing by clearing, and which prices are not the only ones."""
        return [line for ready, before in self.cleared.items() for line in ready.certificate(before)]

    def sampling(self) -> bool:
        """Whether the question is to be answered from runs only."""
        by = self.question.by
        return by is not None and by.name == "simulate"

    def check_method(self) -> None:
        """Refuse a method for other questions or not there yet, or an option that it lacks or that changes nothing."""
        by = self.question.by
        if by is None:
            return
        method_options.check(self.question)
        if METHODS[by.name].missing is not None:
            raise Undecided(str(METHODS[by.name].missing))

    def budgets(self, op: str) -> dict[str, Any]:
        """The bounds that the question sets on the work, as arguments of the solvers."""
        return method_options.budgets(self.question, op)

    def runs_and_seed(self) -> tuple[int, int]:
        options = dict(self.question.by.options) if self.question.by is not None else {}
        return int(options.get("runs", estimates.RUNS)), int(options.get("seed", estimates.SEED))

    def fell_back(self, refused: Refusal) -> None:
        """The exact reading cannot answer: go on with runs and say so, unless an exact answer was asked for."""
        open_ends = any(d.code in ("needs-strategy", "needs-inputs") for d in refused.diagnostics)
        if open_ends or not cannot(refused) or self.question.by is not None:
            raise refused
        self.because.append(f"estimated from runs, because the exact reading could not answer: {refused.diagnostics[0].headline}")

    def evaluate(self, term: Term) -> Any:
        """The value of a term in which no question is left."""
        return evaluate(term, {}, self.program.funs, self.desk.params)


def cannot(refused: Refusal) -> bool:
    """Whether the refusal says that a method cannot answer, rather than that something is wrong."""
    return all(d.code in CANNOT for d in refused.diagnostics)


def simulated(runs: int, seed: int) -> str:
    """What a method is called that rests on drawn plays."""
    return f"simulate, {runs:,} runs, seed {seed}"


def uncleared(refused: Refusal) -> bool:
    """Whether the refusal says that a clearing has no optimum."""
    return all(d.code in UNCLEARED for d in refused.diagnostics)


def estimate_name(i: int) -> str:
    """The variable that stands for the `i`-th estimate in a question's term."""
    return f"estimate#{i}"
