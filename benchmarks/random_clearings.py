"""Small random clearings, solved from their texts and, by scipy's HiGHS, from their rows.

    python -m benchmarks.random_clearings 0 200         what disagrees among seeds 0 to 199
    python -m benchmarks.random_clearings 0 200 lp      the same in floating point

A dual is checked by moving the right-hand sides of its rule to either side and solving again: the two slopes are the ends of its
interval.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
from scipy.optimize import linprog

import opengames as og
from benchmarks.clearing_writer import Clearing, Row, written

STEP = 1e-3


def best(made: Clearing, scenario: int, moved: Callable[[Row], float] = lambda row: 0.0) -> float | None:
    """The greatest earning in a scenario, with the right-hand side of each row moved; none if no point obeys the rows."""
    names = sorted({n for row in made.rows for f in (row.left, row.right) for n in f if n} | set(made.box) | {n for n in made.earned if n})
    at = {n: k for k, n in enumerate(names)}
    upper, below, equal, level = [], [], [], []
    for row in made.rows:
        line, number = np.zeros(len(names)), 0.0
        for form, sign in ((row.left, 1), (row.right, -1)):
            for n, value in form.items():
                if n:
                    line[at[n]] += sign * float(value[scenario])
                else:
                    number -= sign * float(value[scenario])
        sense = -1 if row.sense == 2 else row.sense
        number += moved(row)
        if sense == 0:
            equal.append(line)
            level.append(number)
        else:
            upper.append(-sense * line)
            below.append(-sense * number)
    cost = np.zeros(len(names))
    constant = 0.0
    for n, value in made.earned.items():
        if n:
            cost[at[n]] -= float(value[scenario])
        else:
            constant += float(value[scenario])
    bounds = [tuple(float(b) for b in made.box[n]) if n in made.box else (None, None) for n in names]
    found = linprog(
        cost, np.array(upper) if upper else None, below or None, np.array(equal) if equal else None, level or None, bounds, method="highs"
    )
    if found.status == 2:
        return None
    if found.status != 0:
        raise ValueError(f"{found.status}: {found.message}")
    return constant - found.fun


def slopes(made: Clearing, rule: str, place: str, step: float = STEP) -> tuple[float, float]:
    """The ends of a dual: what the decider gains by each unit when the rule moves one way and the other, averaged over scenarios.

    Every comparison moves by a unit of its right-hand side; in `k >= abs(e)` the price has the other sign.
    """
    low = high = 0.0
    for scenario in range(made.scenarios):
        here = best(made, scenario)
        assert here is not None

        def moved(row: Row, by: float, scenario: int = scenario) -> float:
            name, _, on = row.rule.partition("|")
            if name != rule or row.place != place or (on and on[scenario] == "0"):
                return 0.0
            return by

        ends = []
        for by in (step, -step):
            there = best(made, scenario, lambda row, by=by: moved(row, by))  # type: ignore[misc]
            ends.append(np.inf * -by if there is None else (there - here) / by)
        sign = -1 if any(r.sense == 2 and r.rule.partition("|")[0] == rule for r in made.rows) else 1
        # a larger right-hand side gains less and less: the slope of gain falls
        a, b = sorted(sign * e for e in ends)
        low, high = low + a / made.scenarios, high + b / made.scenarios
    return low, high


def disagreements(seed: int, by: str = "") -> Iterator[str]:
    """What the project says otherwise than HiGHS on the rows, for one seed. by: a method for every query."""
    made = written(seed)
    text = made.text
    if by:
        text = "\n".join(f"{line} by {by}" if line.startswith("query") else line for line in text.splitlines())
    known = [best(made, s) for s in range(made.scenarios)]
    try:
        model = og.loads(text, f"seed{seed}.game")
        earned = float(model.query("worth"))
    except og.Refusal as refused:
        codes = [d.code for d in refused.diagnostics]
        if None not in known or codes != ["infeasible"]:
            yield f"{seed}: refused, {refused}"
        return
    if None in known:
        yield f"{seed}: answered, and HiGHS finds no point"
        return
    total = sum(v for v in known if v is not None) / made.scenarios
    if abs(earned - total) > 1e-6 * max(1, abs(total)):
        yield f"{seed}: earned {earned}, HiGHS {total}"
        return
    for k, (name, rule, place) in enumerate(made.duals):
        said = float(model.query(f"dual{k}"))
        for step in (STEP, STEP / 30):
            low, high = slopes(made, rule, place, step)
            slack = 1e-5 / step * 1e-3 + 1e-5 * max(1, abs(said))
            if low - slack <= said <= high + slack:
                break
        else:
            yield f"{seed}: {name} of {rule}[{place}] is {said}, HiGHS {low} to {high}"


if __name__ == "__main__":
    first, last = int(sys.argv[1]), int(sys.argv[2])
    method = sys.argv[3] if len(sys.argv) > 3 else ""
    wrong = 0
    for seed in range(first, last):
        for line in disagreements(seed, method):
            wrong += 1
            print(line, flush=True)
    print(f"{last - first} clearings, {wrong} disagreements")
