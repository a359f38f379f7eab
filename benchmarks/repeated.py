"""A repeated dilemma in which both players mix: exact expected payoffs, for longer and longer play.

Each player answers the other's last move by a chance of its own, so the 4^T histories of T rounds merge into the four
last moves, and the time must grow as T. The peer is the same recursion written by hand in Python on fractions; both
answers are exact and must be equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from statistics import median

from benchmarks.measure import Figure, Outcome, growth, in_turns, times_faster

TITLE = "A repeated dilemma with mixing"

TEXT = """
type Move  = Cooperate | Defect
type Round = 1..{rounds}

player row, column

fun payoff(mine: Move, theirs: Move) -> real = table {{
    | mine \\ theirs || Cooperate | Defect |
    | Cooperate     ||         3 |      0 |
    | Defect        ||         5 |      1 |
}}

game Repeated {{
    for t in Round carrying mine = Cooperate, theirs = Cooperate {{
        decide a: Move by row    seeing theirs earning payoff(a, b)
        decide b: Move by column seeing mine   earning payoff(b, a)
        won = payoff(a, b)
        next mine   = a
        next theirs = b
    }}
    total = sum(won[t] for t in Round)
}}

strategy mixing of Repeated {{
    row.a    ~ if theirs == Cooperate then {{Cooperate: 3/4, Defect: 1/4}} else {{Cooperate: 1/4, Defect: 3/4}}
    column.b ~ if mine   == Cooperate then {{Cooperate: 7/8, Defect: 1/8}} else {{Cooperate: 1/8, Defect: 7/8}}
}}

query mean = E(total) of Repeated under mixing
"""

ROUNDS = (100, 300, 1000, 3000)


def measure(rounds: Sequence[int] = ROUNDS, repeats: int = 5) -> Outcome:
    """The seconds of each horizon, fresh models so that nothing is remembered; answers compared with the peer's."""
    from opengames.session import loads

    seconds, hand, ratios = {}, {}, {}
    for n in rounds:
        expected = by_hand(n)
        text = TEXT.format(rounds=n)
        found = loads(text).query("mean").value
        if found != expected:  # both are exact
            raise ArithmeticError(f"{n} rounds: {float(found)} instead of {float(expected)}")
        models = [loads(text) for _ in range(repeats)]
        waiting = iter(models)
        times = in_turns(
            {"ours": lambda w=waiting: next(w).query("mean"), "theirs": lambda n=n: by_hand(n)}, repeats  # type: ignore[misc]
        )
        seconds[n], hand[n] = min(times["ours"]), median(times["theirs"])
        ratios[n] = times_faster(times["theirs"], times["ours"])
    exponent = growth(list(seconds), list(seconds.values()))
    figures = [Figure("growth with the horizon, as a power", exponent, "", 1.15, "at most")]
    if 1000 in seconds:
        figures.append(Figure("1,000 rounds", seconds[1000], "s of CPU", 0.5, "at most"))
    last = max(rounds)
    figures.append(
        Figure(
            f"{last:,} rounds against the recursion by hand", 1 / ratios[last], ours=seconds[last] * 1e3,
            theirs=hand[last] * 1e3, each="ms of CPU",
        )
    )  # fmt: skip
    details = {"cpu_seconds": {str(n): round(s, 4) for n, s in seconds.items()}}
    return Outcome("repeated", TITLE, tuple(figures), {"rounds": list(rounds), "repeats": repeats}, details)


def by_hand(rounds: int) -> Fraction:
    """The row player's expected sum."""
    pay = ((3, 0), (5, 1))
    row, column = (Fraction(3, 4), Fraction(1, 4)), (Fraction(7, 8), Fraction(1, 8))
    state, total = {(0, 0): Fraction(1)}, Fraction(0)
    for _ in range(rounds):
        after = {(a, b): Fraction(0) for a in (0, 1) for b in (0, 1)}
        for (mine, theirs), chance in state.items():
            for (a, b), so_far in after.items():
                p = (1 - row[theirs] if a else row[theirs]) * (1 - column[mine] if b else column[mine])
                after[a, b] = so_far + chance * p
        total += sum(chance * pay[a][b] for (a, b), chance in after.items())
        state = after
    return total


__all__ = ["by_hand", "measure"]
