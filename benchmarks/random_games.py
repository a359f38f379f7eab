"""Small random games of two players, solved against every deviation: payoffs, exploitability and the verdict on a strategy.

The games are made like the channels of `random_channels`, with up to two decisions of each player on the way, in arms as
well as outside, each of which may see one wire. A player's deviations are all its plans; what one gives is enumerated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from benchmarks.random_channels import HEAD, VALUES, Kind, Writer
from benchmarks.readings import Enumeration, Many

PLAYERS = ("ann", "bob")
#: Plans of one player beyond which a game is left out.
PLANS = 64


@dataclass(frozen=True)
class Decided:
    """A decision: its wire, who makes it, the wire it sees, that wire's type, and what the strategy of the text does."""

    name: str
    who: str
    sees: str | None
    kind: str
    rule: str


class GameWriter(Writer):
    """Blocks with decisions in them."""

    decided: list[Decided] | None = None

    def statement(self, scope: dict[str, Kind], pad: str, deep: int, weight: int) -> tuple[list[str], dict[str, Kind]]:
        r = self.rng
        if self.decided is not None and weight == 1 and r.random() < 0.3:
            who = r.choice(PLAYERS)
            if sum(d.who == who for d in self.decided) < 2:
                name = f"g{self.fresh()}"
                seen = [(n, k) for n, k in scope.items() if isinstance(k, str) and k in ("bool", "N", "C")]
                sees, kind = r.choice(seen) if seen and r.random() < 0.8 else (None, "bool")
                rule = r.choice(("true", "false")) if sees is None else f"{sees} == {r.choice(VALUES[str(kind)])}"
                self.decided.append(Decided(name, who, sees, str(kind), rule))
                seeing = f" seeing {sees}" if sees else ""
                return [f"{pad}decide {name}: bool by {who}{seeing} earning pay_{who}"], {name: "bool"}
        return super().statement(scope, pad, deep, weight)

    def game(self) -> str:
        """A game `Play`, a strategy `s` for it, and what to ask about them."""
        r = self.rng
        lines: list[str] = []
        for i in range(r.choice((0, 1, 2))):
            self.left = 2
            inputs: dict[str, Kind] = {f"a{self.fresh()}": r.choice(("bool", "N", "C")) for _ in range(r.choice((0, 1, 2)))}
            lines += self.channel(f"sub{i}", inputs, r.choice((1, 2, 3)), 1)[0]
        self.left, self.decided = self.draws, []
        body, scope = self.block({}, "    ", r.choice((3, 4, 5)), 2)
        pays = [f"    pay_{who}: N = {self.expr(scope, 'N', 3)}" for who in PLAYERS]
        rules = [f"    {d.who}.{d.name} = {d.rule}" for d in self.decided]
        asked = [f"query earns_{who} = E(pay_{who}) of Play under s" for who in PLAYERS]
        asked += ["query gains = exploitability(s)", "verify stable: equilibrium(s)"]
        play = ["player ann, bob", "game Play {", *body, *pays, "}", "strategy s of Play {", *rules, "}"]
        return HEAD + "\n".join([*lines, *play, *asked]) + "\n"


class Played(Enumeration):
    """All histories under a plan: what is decided, by wire and what is seen."""

    plan: Mapping[tuple[str, tuple[Any, ...]], bool]

    def box(self, box: Any, env: dict[str, Any]) -> list[tuple[Fraction, dict[str, Any]]]:
        from opengames.diagram import Decide

        if not isinstance(box, Decide):
            return super().box(box, env)
        return [(Fraction(1), {box.outs[0].name: self.plan[box.outs[0].name, tuple(env[w] for w in box.seeing)]})]


def _value(kind: str, text: str) -> Any:
    return text == "true" if kind == "bool" else text if kind == "C" else Fraction(text)


def _plan(decided: list[Decided]) -> dict[tuple[str, tuple[Any, ...]], bool]:
    """The strategy of the text as a table."""
    found = {}
    for d in decided:
        for value in VALUES[d.kind] if d.sees else ("",):
            seen = (_value(d.kind, value),) if d.sees else ()
            found[d.name, seen] = d.rule == "true" if not d.sees else d.rule.split(" == ")[1] == value
    return found


def disagreements(seed: int, draws: int = 4) -> tuple[str, list[tuple[str, str, str]]] | None:
    """The text, and (question, answer, what is due) of the wrong answers; `None` for games without decisions, that the checker
    refuses, or with too many plans or histories."""
    import opengames as og

    writer = GameWriter(seed, draws)
    text = writer.game()
    if not writer.decided:
        return None
    try:
        model = og.loads(text)
    except og.Refusal:
        return None
    work, plan, game = Played(model.program), _plan(writer.decided), model.program.diagrams["Play"]

    def pays(of: Mapping[tuple[str, tuple[Any, ...]], bool]) -> dict[str, Fraction]:
        work.plan, work.known = of, {}
        worlds = work.worlds(game, {})
        return {who: sum((c * w[f"pay_{who}"] for c, w in worlds), Fraction(0)) for who in PLAYERS}

    try:
        due = pays(plan)
        gains = Fraction(0)
        for who in PLAYERS:
            own = [k for k in plan if any(d.name == k[0] and d.who == who for d in writer.decided)]
            if 2 ** len(own) > PLANS:
                return None
            others = (dict(zip(own, choice, strict=True)) for choice in product((True, False), repeat=len(own)))
            gains += max(pays({**plan, **other})[who] for other in others) - due[who]
    except Many:
        return None
    expected: dict[str, Any] = {**{f"earns_{who}": due[who] for who in PLAYERS}, "gains": gains}
    wrong = [(n, str(v), str(expected[n])) for n, v in ((n, model.query(n).value) for n in expected) if v != expected[n]]
    verdict = model.verify()[0].verdict
    if verdict != ("proved" if gains == 0 else "refuted"):
        wrong.append(("stable", verdict, f"gains of {gains}"))
    return text, wrong


__all__ = ["disagreements"]
