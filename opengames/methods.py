"""The words that may follow `by`: what each means, which questions it answers, its options, and whether it is there.

One table, read by the checker, by the face and by the solvers, so that none of them knows a word that another does
not. It names methods and loads none: what does the work is imported when it is asked for.

A word is never a hint. A question that its method does not answer is refused (`unsuited-method`), and a method that
is not there yet says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from opengames.plain import dataclass
from opengames.program import Question
from opengames.terms import Ask, Term, children, free

#: What a question without asking words is about: the wires of each play, or nothing but formulas.
PLAYS, FORMULA = "a claim about plays", "a formula without questions"
#: A declaration rather than a question: what runs a channel backward.
RECOGNITION = "recognition"

WIRES = frozenset({"E", "P", "cvar", "variance", "distribution", PLAYS})
CHANGES = frozenset({"equilibrium", "exploitability", "subgame_perfect", "best_response"})
NORMAL_FORM = frozenset({"equilibria", "dominant"})
MARKET = frozenset({"price", "worst", "expected", "best"})


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a method, as in `simulate[runs = 1_000]`.

    kind: `"count"` (a whole number of at least `least`), `"chance"` (between 0 and 1), `"choice"` (a
    bool), or `"amount"` (a number above 0, of $ or bare).
    """

    name: str
    kind: str
    default: Any
    summary: str
    least: int = 0


@dataclass(frozen=True, slots=True)
class MethodWord:
    """A word after `by`. answers: asking words, or `PLAYS`, `FORMULA`, `RECOGNITION`. missing: why it cannot be
    used yet, `None` if it can. beside: asking words that may stand beside them, answered as they are without `by`.
    """

    name: str
    summary: str
    answers: frozenset[str]
    options: tuple[Option, ...] = ()
    missing: str | None = None
    beside: frozenset[str] = frozenset()

    @property
    def available(self) -> bool:
        return self.missing is None


_NODES = Option("nodes", "count", 500_000, "situations of the play that may be kept apart", 1)
_SEED = Option("seed", "count", 0, "of the random numbers")
_LAG = Option("lag", "count", 0, "rounds of later evidence that each entry waits for")
_LEARNING = "proximal policy optimisation is missing: ask `by actor_critic` or `by dynamic_programming` for one decider"
_NO_REGRET = "no-regret learning is missing: ask for `equilibria` of a small game"
_LEARNS = frozenset({"best_response"})
_PLAYS_ON = frozenset({"equilibria"})
_INVERTS = frozenset({RECOGNITION})

METHODS: dict[str, MethodWord] = {
    word.name: word
    for word in (
        MethodWord(
            "exact",
            "exact answers in rationals: backward induction over information sets, equal histories merged",
            WIRES | CHANGES | NORMAL_FORM | {FORMULA, RECOGNITION, "reach", "same", "why"},
            (
                _NODES,
                Option("strategies", "count", 4_096, "pure strategies tried for a seat that forgets its moves", 1),
            ),
        ),
        MethodWord(
            "simulate",
            "estimates from drawn plays; evidence, never a proof",
            WIRES | {"equilibrium", "exploitability", "coverage"},
            (Option("runs", "count", 1_000, "plays drawn", 1), _SEED),
        ),
        MethodWord("induction", "backward induction over information sets, and nothing else", CHANGES, (_NODES,)),
        MethodWord(
            "dynamic_programming",
            "the best plan of a single decider in a carrying loop",
            frozenset({"best_response"}),
            (
                Option("points", "count", 101, "grid points of a carried real quantity", 2),
                Option("outcomes", "count", 15, "equally likely values that stand for a drawn real quantity", 1),
                Option("exact", "choice", None, "rationals on reachable states; left out, the size decides"),
            ),
        ),
        MethodWord(
            "enumeration",
            "all equilibria of a small game from its normal form",
            NORMAL_FORM,
            (
                Option("profiles", "count", 60_000, "profiles of pure strategies", 1),
                Option("systems", "count", 13_000, "pairs of supports of a two-player game", 1),
            ),
        ),
        MethodWord(
            "slicing",
            "decision by decision, where its earning depends only on what it sees and does",
            frozenset({"equilibrium"}),
        ),
        MethodWord(
            "z3", "proofs over the reals and about all strategies", frozenset({FORMULA, PLAYS, "feasible", "same"}),
            (Option("seconds", "count", 10, "that the proof may take", 1),),
        ),
        MethodWord(
            "invariant", "proofs about every round of a loop by induction on what it carries", frozenset({PLAYS}),
            (Option("seconds", "count", 10, "that the proof may take", 1),),
        ),
        MethodWord(
            "sympy", "closed forms, with what has no value left free",
            (WIRES - {"cvar"}) | {FORMULA, "same", "equilibrium"},
        ),
        MethodWord(
            "junction_tree", "chances on a junction tree in floating point, for large networks",
            WIRES - {"cvar", PLAYS}, (Option("cells", "count", 1 << 24, "entries of all tables of the tree", 1),),
        ),
        MethodWord(
            "lmsr", "a market on a channel whose maker follows a logarithmic market scoring rule", MARKET,
            (
                Option("depth", "amount", 100, "of the market: how little a share moves its price [$]"),
                Option("budget", "amount", None, "instead of the depth: the most that the maker may lose [$]"),
                Option("cash", "amount", 1_000_000, "of every trader [$]"),
            ),
            beside=WIRES - {PLAYS},
        ),
        MethodWord(
            "enkf", "ensemble Kalman filter: members moved by the channel, pulled to the evidence by regression", _INVERTS,
            (
                Option("members", "count", 64, "of the ensemble", 2),
                Option("inflation", "amount", 1, "factor on the members' distances from their mean, before the evidence"),
                Option("radius", "amount", None, "distance in the index from which evidence moves nothing (localisation)"),
                Option("ring", "choice", False, "whether the ends of the index are neighbours, for the radius"),
                _LAG,
            ),
        ),
        MethodWord(
            "particle", "bootstrap particle filter: particles moved by the channel, weighed by the evidence", _INVERTS,
            (Option("particles", "count", 1_000, "moved and weighed", 1), _LAG),
        ),
        MethodWord("kalman", "Kalman filter, for linear channels with normal noise", _INVERTS, (_LAG,)),
        MethodWord("lp", "clearings by linear programming, in floating point", WIRES),
        MethodWord("qp", "clearings by linear or quadratic programming, in floating point", WIRES),
        MethodWord(
            "actor_critic", "a response of a single decider learned from plays, with what it earns in others; never known to be best",
            _LEARNS,
            (
                Option("steps", "count", 100_000, "decisions learned from", 1),
                _SEED,
                Option("runs", "count", 1_000, "plays in which what was learned is judged", 2),
                Option("hidden", "count", 64, "units of each of the two hidden layers of a network", 1),
                Option("rate", "amount", Fraction(1, 200), "length of the first steps of learning"),
                Option("points", "count", 21, "cells that a real quantity is told apart in, at most", 2),
            ),
        ),
        MethodWord("ppo", "reinforcement learning", _LEARNS, missing=_LEARNING),
        MethodWord("exp3", "no-regret learning", _PLAYS_ON, missing=_NO_REGRET),
        MethodWord("regret_matching", "no-regret learning", _PLAYS_ON, missing=_NO_REGRET),
        MethodWord("cfr", "counterfactual regret", _PLAYS_ON, missing=_NO_REGRET),
    )
}  # fmt: skip


def wrong_option(method: str, name: str, value: Any) -> str | None:
    """What is wrong with an option of a known method, as a sentence; `None` if nothing is."""
    word = METHODS[method]
    option = next((o for o in word.options if o.name == name), None)
    if option is None:
        known = ", ".join(f"`{o.name}`" for o in word.options) or "none"
        return f"`{method}` has no option `{name}`; it has {known}"
    if option.kind == "choice":
        return None if isinstance(value, bool) else f"`{name}` is true or false"
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        return f"`{name}` is a number"
    if option.kind == "amount":
        return None if value > 0 else f"`{name}` is above 0"
    if option.kind == "chance":
        return None if 0 <= value <= 1 else f"`{name}` lies between 0 and 1"
    if Fraction(value).denominator != 1 or value < option.least:
        return f"`{name}` is a whole number of at least {option.least}"
    return None


def asked(question: Question) -> tuple[str, ...]:
    """What a question asks: its asking words; without any, what it is about (`PLAYS`), or nothing for a formula."""
    found = tuple(dict.fromkeys(_words(question.term)))
    return found if found or not free(question.term) else (PLAYS,)


def _words(term: Term) -> Iterator[str]:
    if isinstance(term, Ask):
        yield term.op
    for part in children(term):
        yield from _words(part)


@dataclass(frozen=True, slots=True)
class Unsuited:
    """Why a method cannot be meant: a headline, and the words that answer what it does not."""

    headline: str
    advice: str


def unsuited(method: str, kinds: tuple[str, ...]) -> Unsuited | None:
    """What a known method does not answer of a question that asks `kinds` (see `asked`); `None` if it answers all.

    >>> unsuited("induction", ("E",)).advice
    '`E` is answered by `exact`, `simulate` or `sympy`'
    """
    word = METHODS[method]
    wrong = next((k for k in kinds or (FORMULA,) if k not in word.answers | (word.beside if word.answers & set(kinds) else frozenset())), None)
    if wrong is None:
        return None
    subject = "a recognition" if wrong == RECOGNITION else f"`{wrong}`" if wrong.isidentifier() else wrong
    fitting = [m for m in METHODS.values() if wrong in m.answers]
    there = [m.name for m in fitting if m.available]
    later = [m.name for m in fitting if not m.available]
    if there:
        advice = f"{subject} is answered by {_either(there)}"
    elif later:
        advice = f"{subject} would be answered by {_either(later)}, missing from this version"
    else:
        advice = f"no method answers {subject} yet: leave `by` out"
    return Unsuited(f"`{method}` does not answer {subject}", advice)


def _either(names: list[str]) -> str:
    quoted = [f"`{n}`" for n in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


__all__ = [
    "CHANGES", "FORMULA", "MARKET", "METHODS", "NORMAL_FORM", "PLAYS", "RECOGNITION", "WIRES", "MethodWord", "Option",
    "Unsuited", "asked", "unsuited", "wrong_option",
]  # fmt: skip
