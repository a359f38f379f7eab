"""Which decision or branch of a game a question means: `reach(open)`, `reach(seat.bid)`, `reach(open == Bet)`."""

from __future__ import annotations

from itertools import islice

from opengames.diagnostics import Diagnostic, Refusal
from opengames.terms import Ask

LONGEST = 24
"""Characters of a condition that are kept as the name of a branch."""


def only_place(asked: str, places: tuple[str, ...], ask: Ask) -> str:
    """The decision or branch that `reach(...)` names: `open`, `seat.bid` or, for an arm, its condition `open == Bet`.

    The branches around it may be left out, as long as one place is meant.
    """
    short = asked if len(asked) <= LONGEST else f"{asked[: LONGEST - 1]}…"
    arms = (f"{asked}=true", f"({short})=true", asked.replace(" == ", "="))
    found = [p for p in places if p == asked]
    found = found or [p for p in places if p.endswith(f".{asked}")] or [p for p in places if p in arms]
    found = found or [p for p in places if p.endswith(tuple(f".{a}" for a in arms))]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"`{w}`" for w in islice(sorted(found or places), 8))
    if found:
        headline, advice = f"`{asked}` is in several places", "give the decisions different names"
    else:
        headline, advice = f"there is no decision or branch `{asked}`", ""
    raise Refusal(Diagnostic("unknown-decision", headline, ask.at, notes=(f"there are {listed}",), help=advice))


__all__ = ["only_place"]
