"""What the method that a question names takes: each of its options has an effect or is refused, and advice fits it.

`equilibrium(s) by exact[strategies = 30_000]` raises a budget of `equilibrium`; the same option on a question that
tries no strategies would do nothing, and is a mistake.
"""

from __future__ import annotations

from typing import Any

from opengames.diagnostics import Diagnostic, Refusal
from opengames.methods import (
    CHANGES,
    FORMULA,
    MARKET,
    METHODS,
    NORMAL_FORM,
    RECOGNITION,
    WIRES,
    asked,
    unsuited,
    wrong_option,
)
from opengames.program import Method, Question

#: What each option has an effect on. Options of methods that are not here have one wherever the method has.
EFFECTS: dict[tuple[str, str], frozenset[str]] = {
    ("exact", "nodes"): WIRES | CHANGES | NORMAL_FORM | {"reach", RECOGNITION},
    ("exact", "strategies"): CHANGES,
    **{("actor_critic", o.name): frozenset({"best_response"}) for o in METHODS["actor_critic"].options},
    ("enumeration", "profiles"): NORMAL_FORM,
    ("enumeration", "systems"): frozenset({"equilibria"}),
    ("dynamic_programming", "points"): frozenset({"best_response"}),
    ("dynamic_programming", "exact"): frozenset({"best_response"}),
    ("dynamic_programming", "outcomes"): frozenset({"best_response"}),
    ("induction", "nodes"): CHANGES,
    ("invariant", "seconds"): METHODS["invariant"].answers,
    ("junction_tree", "cells"): METHODS["junction_tree"].answers,
    **{(m.name, o.name): frozenset({RECOGNITION}) for m in METHODS.values() if m.answers == {RECOGNITION} for o in m.options},
    ("lmsr", "depth"): MARKET,
    ("lmsr", "budget"): MARKET,
    ("lmsr", "cash"): MARKET,
    ("simulate", "runs"): METHODS["simulate"].answers,
    ("simulate", "seed"): METHODS["simulate"].answers,
    ("z3", "seconds"): METHODS["z3"].answers,
}

#: Questions that are refused for what this version lacks, whatever the options.
_LATER = frozenset({"feasible"})

#: An option's name among the arguments of the solvers.
_ARGUMENTS = {"nodes": "limit", "strategies": "pure"}


def check(question: Question) -> None:
    """Refuse a method that does not answer what is asked (`unsuited-method`), one that is not known
    (`unknown-method`), and an option that it does not have or that has no effect here (`method-option`).
    """
    by = question.by
    if by is None:
        return
    ops = asked(question)
    if by.name not in METHODS:
        raise Refusal(Diagnostic("unknown-method", f"there is no method `{by.name}`", by.at))
    other = unsuited(by.name, ops)
    if other is not None:
        raise Refusal(Diagnostic("unsuited-method", other.headline, by.at, help=other.advice))
    if not METHODS[by.name].available:
        return
    for name, value in by.options:
        wrong = wrong_option(by.name, name, value)
        if wrong is not None:
            raise _refuse(by, wrong)
        effects = EFFECTS.get((by.name, name))
        if effects is None or effects & set(ops or (FORMULA,)) or _LATER & set(ops):
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
    alone = {"pure": 0} if by.name == "induction" else {}
    return alone | {
        _ARGUMENTS.get(name, name): value if isinstance(value, bool) else float(value) if value % 1 else int(value)
        for name, value in by.options
        if op in EFFECTS.get((by.name, name), ()) and by.name != "simulate"
    }


def advised(question: Question, refused: Refusal) -> Refusal:
    """The refusal with advice that fits: what changes to a strategy bring is not drawn from endlessly many outcomes.

    `by simulate`, which helps questions about wires, is no help there.
    """
    ops = asked(question)
    if not any(d.code == "needs-sampling" for d in refused.diagnostics) or WIRES & set(ops):
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
