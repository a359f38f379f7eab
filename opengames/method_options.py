"""What the method that a question names takes: each of its options has an effect or is refused, and advice fits it.

`equilibrium(s) by exact[strategies = 30_000]` raises a budget of `equilibrium`; the same option on a question that
tries no strategies would do nothing, and is a mistake.
"""

from __future__ import annotations

from typing import Any

from opengames.cases import parts
from opengames.diagnostics import Diagnostic, Refusal
from opengames.program import Method, Question
from opengames.terms import Ask, free

_WIRES = frozenset({"E", "P", "cvar", "variance", "distribution", "a claim about plays"})
_CHANGES = frozenset({"equilibrium", "exploitability", "subgame_perfect", "best_response"})
_NORMAL_FORM = frozenset({"equilibria", "dominant"})

#: What each option has an effect on. Options of methods that are not here have one wherever the method has.
EFFECTS: dict[tuple[str, str], frozenset[str]] = {
    ("exact", "nodes"): _WIRES | _CHANGES | _NORMAL_FORM | {"reach"},
    ("exact", "strategies"): _CHANGES,
    ("enumeration", "profiles"): _NORMAL_FORM,
    ("enumeration", "systems"): frozenset({"equilibria"}),
    ("dynamic_programming", "points"): frozenset({"best_response"}),
    ("dynamic_programming", "exact"): frozenset({"best_response"}),
    ("simulate", "runs"): _WIRES | _CHANGES | _NORMAL_FORM | {"reach"},
    ("simulate", "seed"): _WIRES | _CHANGES | _NORMAL_FORM | {"reach"},
}

#: Questions that are refused for what this version lacks, whatever the options.
_LATER = frozenset({"feasible", "coverage"})

#: An option's name among the arguments of the solvers.
_ARGUMENTS = {"nodes": "limit", "strategies": "pure"}


def asked(question: Question) -> tuple[str, ...]:
    """What a question asks: its questions about wires, strategies and games; none for a formula of constants."""
    found = dict.fromkeys(t.op for t in parts(question.term) if isinstance(t, Ask))
    if not found and free(question.term):
        return ("a claim about plays",)
    return tuple(found)


def check(question: Question) -> None:
    """Refuse (`method-option`) an option that the method does not have, or that has no effect on what is asked."""
    from opengames.solvers import METHODS, wrong_option

    by = question.by
    if by is None:
        return
    ops = asked(question)
    for name, value in by.options:
        if by.name not in METHODS:
            raise _refuse(by, f"`{by.name}` has no option `{name}`; it has none")
        wrong = wrong_option(by.name, name, value)
        if wrong is not None:
            raise _refuse(by, wrong)
        effects = EFFECTS.get((by.name, name))
        if effects is None or effects & set(ops) or _LATER & set(ops):
            continue
        what = ", ".join(f"`{op}`" if op.isidentifier() else op for op in ops) or "a formula without questions"
        fitting = [
            f"`{method}[{option} = ...]`"
            for (method, option), on in EFFECTS.items()
            if on & set(ops) and method != "simulate"
        ]
        advice = f"here there are {', '.join(fitting)}" if fitting else "leave it out"
        raise _refuse(by, f"the option `{name}` of `{by.name}` has no effect on {what}", advice)


def budgets(question: Question, op: str) -> dict[str, Any]:
    """The options that bound the work on a question `op`, under the names that the solvers give them."""
    by = question.by
    if by is None:
        return {}
    return {
        _ARGUMENTS.get(name, name): value if isinstance(value, bool) else int(value)
        for name, value in by.options
        if op in EFFECTS.get((by.name, name), ()) and by.name != "simulate"
    }


def advised(question: Question, refused: Refusal) -> Refusal:
    """The refusal with advice that fits: what changes to a strategy bring is not drawn from endlessly many outcomes.

    `by simulate`, which helps questions about wires, is no help there.
    """
    ops = asked(question)
    if not any(d.code == "needs-sampling" for d in refused.diagnostics) or _WIRES & set(ops):
        return refused
    return Refusal(
        *(
            Diagnostic(
                "not-yet", f"`{ops[0]}` takes draws with finitely many outcomes" if ops else d.headline, d.span,
                d.label, notes=(d.headline, "neither the exact reading nor runs can try changes there yet"),
                help="draw from a finite set near it, such as `uniform` over a range with a step, or chances written out",
            )
            if d.code == "needs-sampling"
            else d
            for d in refused.diagnostics
        )
    )  # fmt: skip


def _refuse(by: Method, headline: str, advice: str = "") -> Refusal:
    return Refusal(Diagnostic("method-option", headline, by.at, help=advice))
