"""Methods: one per word that may follow `by` in a question, with its typed options.

This module only names them; what does the work is imported when it is asked for. A word that is known and
not available yet has a sentence that says what is missing, so that a text can be refused honestly.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a method, as in `simulate[runs = 1_000]`.

    kind: `"count"` (a whole number of at least `least`), `"chance"` (between 0 and 1), or `"choice"` (a
    bool).
    """

    name: str
    kind: str
    default: Any
    summary: str
    least: int = 0


@dataclass(frozen=True, slots=True)
class MethodWord:
    """A word after `by`. missing: why it cannot be used yet, `None` if it can."""

    name: str
    summary: str
    options: tuple[Option, ...] = ()
    missing: str | None = None


_NODES = Option("nodes", "count", 500_000, "situations of the play that may be kept apart", 1)
_SEED = Option("seed", "count", 0, "of the random numbers")


def _later(name: str, summary: str, missing: str) -> MethodWord:
    return MethodWord(name, summary, (), missing)


METHODS: dict[str, MethodWord] = {
    word.name: word
    for word in (
        MethodWord(
            "exact",
            "exact answers in rationals: backward induction over information sets, equal histories merged",
            (
                _NODES,
                Option("strategies", "count", 4_096, "pure strategies tried for a seat that forgets its moves", 1),
            ),
        ),
        MethodWord(
            "simulate",
            "estimates from drawn plays; evidence, never a proof",
            (Option("runs", "count", 1_000, "plays drawn", 1), _SEED),
        ),
        MethodWord(
            "dynamic_programming",
            "the best plan of a single decider in a carrying loop",
            (
                Option("points", "count", 101, "grid points of a carried real quantity", 2),
                Option("exact", "choice", None, "rationals on reachable states; left out, the size decides"),
            ),
        ),
        MethodWord(
            "enumeration",
            "all equilibria of a small game from its normal form",
            (
                Option("profiles", "count", 60_000, "profiles of pure strategies", 1),
                Option("systems", "count", 13_000, "pairs of supports of a two-player game", 1),
            ),
        ),
        MethodWord("slicing", "decision by decision, where its earning depends only on what it sees and does"),
        _later(
            "z3",
            "proofs over the reals",
            "the proved reading (z3) is missing: claims over reals cannot be proved yet",
        ),
        _later(
            "sympy",
            "closed forms",
            "the symbolic reading (sympy) is missing: closed forms cannot be derived yet",
        ),
        _later(
            "enkf",
            "ensemble Kalman filter",
            "recognition is missing: no filter runs a channel backward yet",
        ),
        _later(
            "particle",
            "particle filter",
            "recognition is missing: no filter runs a channel backward yet",
        ),
        _later("kalman", "Kalman filter", "recognition is missing: no filter runs a channel backward yet"),
        _later(
            "junction_tree",
            "exact inference on large networks",
            "the junction tree solver is missing: ask `by exact`",
        ),
        _later(
            "sced",
            "clearing by linear programming",
            "clearing is missing: decisions with real moves have no solver yet",
        ),
        _later(
            "lp",
            "linear programming",
            "clearing is missing: decisions with real moves have no solver yet",
        ),
        _later(
            "qp",
            "quadratic programming",
            "clearing is missing: decisions with real moves have no solver yet",
        ),
        _later(
            "actor_critic",
            "reinforcement learning",
            "learning is missing: ask `by dynamic_programming` for one decider",
        ),
        _later(
            "ppo",
            "reinforcement learning",
            "learning is missing: ask `by dynamic_programming` for one decider",
        ),
        _later(
            "exp3",
            "no-regret learning",
            "no-regret learning is missing: ask for `equilibria` of a small game",
        ),
        _later(
            "regret_matching",
            "no-regret learning",
            "no-regret learning is missing: ask for `equilibria` of a small game",
        ),
        _later(
            "cfr",
            "counterfactual regret",
            "no-regret learning is missing: ask for `equilibria` of a small game",
        ),
    )
}


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
    if option.kind == "chance":
        return None if 0 <= value <= 1 else f"`{name}` lies between 0 and 1"
    if Fraction(value).denominator != 1 or value < option.least:
        return f"`{name}` is a whole number of at least {option.least}"
    return None


__all__ = ["METHODS", "MethodWord", "Option", "wrong_option"]
