"""A market of models: forecasters trade by their own lights, are paid as outcomes arrive, and get scored.

Every period a market opens on the same channel, everybody joins with the cash that is left, and trades in turns; then the
world of the period comes, all events are resolved and paid. A forecaster is a channel on its part of the events: its
outputs are events of the market; an input is another event (then it trades given each of its values) or a signal that
only the world knows (then it trades on what it sees that day).

A forecaster moves a price from $p$ towards its belief $q$ on the logarithmic scale, to $p^{1-w} q^w$ renormalised, with $w$ its
trust in itself; where its cash does not reach so far, $w$ is halved until it does. By the logarithmic rule a trader's
profit is $b \\ln(p_{after} / p_{before})$ of what happened: it earns exactly the logarithmic score by which it improved the price.
Its *influence* is what its trades told, $P(\\text{condition}) \\sum p_{after} \\ln(p_{after} / p_{before})$ summed   [nats].

*Independent bets* are scored beside the market: the same final chances of every variable, multiplied as if they had nothing to
do with each other. Whatever joint events show between the two is due to dependence alone.

Source: Hanson (2003); for a trader's profit as a score, Hanson (2007).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opengames.diagnostics import Refusal, refuse
from opengames.program import Program
from opengames.solvers.forecasts.scores import Score, log_scores, paired, score
from opengames.solvers.forecasts.worlds import World, chained, conditional, draw
from opengames.solvers.market.acts import Join, MoveAll, Receipt, Resolve, perform
from opengames.solvers.market.assets import marginal
from opengames.solvers.market.events import Event, Is, all_of, holds
from opengames.solvers.market.market import Market, open_market
from opengames.solvers.market.placing import Claim, moved_to, on_variable, place
from opengames.solvers.market.quoting import quote
from opengames.solvers.market.state import State
from opengames.solvers.market.trading import account_of
from opengames.spaces import points

_HALVINGS = 8
_STILL = 1e-6  # a price this near to where it should be is left alone
_HAIR = 1e-9  # differences of scores that rounding makes
_TRADING = frozenset({"not-enough-assets", "bad-price", "impossible-condition", "certain-event"})


@dataclass(frozen=True)
class Forecaster:
    """channel: its model, a channel of the program. cash: to start with [$]. trust: $w$, between 0 and 1.

    stake: the share of its cash that it brings to the market in a period; it cannot lose more in one.
    """

    name: str
    channel: str
    cash: float = 1_000.0
    trust: float = 0.5
    stake: float = 0.1

    def __post_init__(self) -> None:
        if not self.cash > 0:
            raise ValueError(f"`{self.name}` needs some cash, not {self.cash:g} $")
        for what in ("trust", "stake"):
            if not 0 < getattr(self, what) <= 1:
                raise ValueError(f"the {what} of `{self.name}` is a share between 0 and 1, not {getattr(self, what):g}")


@dataclass(frozen=True)
class Contest:
    """What happened in a market of models. All by period; traders and events in the order of their names.

    cash [$], profit [$] and influence [nats]: (periods, traders). prices and alone: of the events, in the market and by
    independent bets, (periods, events). happened: (periods, events). scores, scores_alone: of each event. sharper: the mean
    gain in logarithmic score of the market over independent bets, with its 95 % interval, of each event.
    """

    traders: tuple[str, ...]
    events: tuple[str, ...]
    cash: NDArray[np.float64]
    profit: NDArray[np.float64]
    influence: NDArray[np.float64]
    prices: NDArray[np.float64]
    alone: NDArray[np.float64]
    happened: NDArray[np.bool_]
    trades: int
    start: tuple[float, ...] = field(default=())

    @property
    def periods(self) -> int:
        return len(self.prices)

    @cached_property
    def scores(self) -> dict[str, Score]:
        return {e: score(self.prices[:, i], self.happened[:, i]) for i, e in enumerate(self.events)}

    @cached_property
    def scores_alone(self) -> dict[str, Score]:
        return {e: score(self.alone[:, i], self.happened[:, i]) for i, e in enumerate(self.events)}

    @cached_property
    def sharper(self) -> dict[str, tuple[float, tuple[float, float]]]:
        found = {}
        for i, event in enumerate(self.events):
            gain = log_scores(self.alone[:, i], self.happened[:, i]) - log_scores(self.prices[:, i], self.happened[:, i])
            found[event] = paired(gain)
        return found

    def lines(self) -> list[str]:
        """Two tables as text: the traders, and the events."""
        wide = max(len("trader"), *map(len, self.traders))
        found = [f"{'trader':{wide}}{'profit':>14}{'cash':>14}{'influence':>14}"]
        for i, name in enumerate(self.traders):
            found.append(
                f"{name:{wide}}{self.profit[:, i].sum():>12,.2f} ${self.cash[-1, i]:>12,.2f} ${self.influence[:, i].sum():>9,.3f} nats"
            )
        wide = max(len("event"), *map(len, self.events))
        found += ["", f"{'event':{wide}}{'happened':>10}{'log':>9}{'alone':>9}{'Brier':>9}{'alone':>9}  log score gained over independent bets"]
        scores, alone = self.scores, self.scores_alone
        for i, event in enumerate(self.events):
            mean, (low, high) = self.sharper[event]
            said = "sharper" if low > _HAIR else "duller" if high < -_HAIR else "no difference shown"
            found.append(
                f"{event:{wide}}{self.happened[:, i].mean():>10.3f}{scores[event].log:>9.4f}{alone[event].log:>9.4f}"
                f"{scores[event].brier:>9.4f}{alone[event].brier:>9.4f}  {mean:+.4f} [{low:+.4f}, {high:+.4f}]: {said}"
            )
        return [*found, "", f"{self.periods:,} periods, {self.trades:,} trades; intervals of 95 % (Student's t, paired)"]

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def to_dict(self) -> dict[str, Any]:
        return {
            "periods": self.periods, "trades": self.trades,
            "traders": [
                {"name": n, "profit": float(self.profit[:, i].sum()), "cash": float(self.cash[-1, i]),
                 "influence": float(self.influence[:, i].sum())}
                for i, n in enumerate(self.traders)
            ],
            "events": [
                {"event": e, "score": self.scores[e].to_dict(), "independent": self.scores_alone[e].to_dict(),
                 "log_score_gained": self.sharper[e][0], "interval": list(self.sharper[e][1])}
                for e in self.events
            ],
            "by_period": {
                "profit": self.profit.tolist(), "cash": self.cash.tolist(), "influence": self.influence.tolist(),
                "prices": self.prices.tolist(), "independent": self.alone.tolist(), "happened": self.happened.tolist(),
            },
        }  # fmt: skip


def contest(
    model: Any, truth: str, market: str, forecasters: Sequence[Forecaster], *, periods: int = 200, events: Sequence[str] = (),
    depth: float = 100.0, rounds: int = 1, seed: int = 0, worlds: Sequence[World] | None = None,
) -> Contest:  # fmt: skip
    """Play a market of models.

    model: a model (`opengames.load`). truth: the closed channel that the worlds are drawn from, unless `worlds` are given
    (from data: one mapping of wires to values for each period). market: the closed channel whose wires are traded, its
    chances the opening prices. events: to score, as text; by default every value of every variable but its first.
    depth: of the market [$]. rounds: turns that everybody has in a period.

    Raises `Refusal`: an unknown channel, an output of a forecaster that is no event of the market, an input that is
    neither that nor known of the world, names used twice.
    """
    program: Program = model.program
    opened = open_market(model, market, depth=depth)
    happened = list(worlds) if worlds is not None else draw(program, truth, periods, seed)
    players = [_Player.of(program, f, opened, happened) for f in forecasters]
    _check(players, opened, happened)
    told = {text: opened.claim(text) for text in events} or _every_value(opened)
    for player in players:  # what somebody forecasts together is kept together, so that no trade changes the tree
        opened.link(*player.given, *player.outputs)
    names = tuple(p.name for p in players)
    cash = {p.name: p.cash for p in players}
    shape = (len(happened), len(players))
    record = {what: np.zeros(shape) for what in ("cash", "profit", "influence")}
    prices, alone = np.zeros((len(happened), len(told))), np.zeros((len(happened), len(told)))
    came = np.zeros((len(happened), len(told)), dtype=bool)
    trades = 0
    for t, world in enumerate(happened):
        state = opened.state
        for player in players:
            if cash[player.name] > 0:
                state, _ = perform(state, Join(player.name, player.stake * cash[player.name]))
        for turn in range(rounds):
            for k in range(len(players)):
                i = (k + t + turn) % len(players)  # nobody is always first
                if players[i].name in state.accounts:
                    state, n, influence = players[i].trade(state, world)
                    record["influence"][t, i] += influence
                    trades += n
        prices[t] = [_price(state, claim) for claim in told.values()]
        alone[t] = _alone(opened, state, told)
        for variable in opened.open:
            state, _ = perform(state, Resolve(variable, world[variable]))
        came[t] = [_settled(state, claim) for claim in told.values()]
        for i, name in enumerate(names):
            if name in state.accounts:
                gained = state.dollars(account_of(state, name).cash) - players[i].stake * cash[name]
                record["profit"][t, i] = gained
                cash[name] += gained
            record["cash"][t, i] = cash[name]
    return Contest(
        names, tuple(told), record["cash"], record["profit"], record["influence"], prices, alone, came, trades,
        tuple(f.cash for f in forecasters),
    )  # fmt: skip


@dataclass(frozen=True)
class _Player:
    """A forecaster at work. beliefs: by the values of `signals` and `given`, chained conditional distributions."""

    name: str
    cash: float
    trust: float
    stake: float
    signals: tuple[str, ...]
    given: tuple[str, ...]
    outputs: tuple[str, ...]
    spaces: tuple[tuple[Any, ...], ...]
    beliefs: Mapping[tuple[tuple[Any, ...], tuple[Any, ...]], Sequence[tuple[tuple[Any, ...], Mapping[Any, float]]]]

    @staticmethod
    def of(program: Program, who: Forecaster, market: Market, worlds: Sequence[World]) -> _Player:
        if who.channel not in program.diagrams:
            from opengames.dsl.context import nearest

            near = nearest(who.channel, program.diagrams)
            raise refuse(
                "unknown-game", f"`{who.name}` forecasts by `{who.channel}`, which is no channel", help=f"did you mean `{near}`?" if near else ""
            )
        diagram = program.diagrams[who.channel]
        traded = set(market.open)
        for port in diagram.outputs:
            if port.name not in traded:
                raise refuse(
                    "unknown-event", f"`{who.channel}` forecasts `{port.name}`, which the market does not trade", span=port.at,
                    notes=(f"it trades {', '.join(f'`{n}`' for n in market.open)}",),
                )  # fmt: skip
        signals = tuple(p.name for p in diagram.inputs if p.name not in traded)
        for name in signals:
            if worlds and name not in worlds[0]:
                raise refuse(
                    "unknown-event", f"`{who.channel}` needs `{name}`, which is neither traded nor known of the world", span=diagram.at,
                    notes=(f"known of the world: {', '.join(f'`{n}`' for n in worlds[0])}",),
                )  # fmt: skip
        ports = [p.name for p in diagram.inputs]
        given = tuple(n for n in ports if n in traded)
        spaces = tuple(tuple(points(p.space)) for p in diagram.outputs)
        beliefs = {}
        for point, joint in conditional(program, diagram).items():
            values = dict(zip(ports, point, strict=True))
            key = (tuple(values[n] for n in signals), tuple(values[n] for n in given))
            beliefs[key] = chained(joint, spaces)
        return _Player(
            who.name, float(who.cash), float(who.trust), float(who.stake), signals, given, tuple(p.name for p in diagram.outputs), spaces, beliefs
        )

    def trade(self, state: State, world: World) -> tuple[State, int, float]:
        """Everything that this forecaster does in one turn: the state after it, how many trades, what they told [nats]."""
        count, told = 0, 0.0
        seen = tuple(world[n] for n in self.signals)
        for point in product(*(state.frame.values[n] for n in self.given)):
            for before, belief in self.beliefs.get((seen, point), ()):
                known = dict(zip(self.given, point, strict=True)) | dict(zip(self.outputs, before, strict=False))
                variable = self.outputs[len(before)]
                condition = all_of(*(Is(n, (v,)) for n, v in known.items())) if known else None
                state, influence = self._towards(state, variable, belief, condition)
                count += influence is not None
                told += influence or 0.0
        return state, count, told

    def _towards(
        self, state: State, variable: str, belief: Mapping[Any, float], condition: Event | None
    ) -> tuple[State, float | None]:
        values = state.frame.values[variable]
        try:
            claim = on_variable(variable, values, condition)
            placed = place(state, claim)
            now = quote(moved_to(state, placed), placed)
        except Refusal as refused:
            return _passed(refused, state)
        trust = self.trust
        for _ in range(_HALVINGS):
            aim = _between(now.chances, [belief.get(v, 0.0) for v in values], trust)
            if max(abs(a - p) for a, p in zip(aim, now.chances, strict=True)) < _STILL:
                return state, None
            act = MoveAll(self.name, variable, tuple(zip(values, aim, strict=True)), condition)
            try:
                after, receipt = perform(state, act)
            except Refusal as refused:
                if any(d.code != "not-enough-assets" for d in refused.diagnostics):
                    return _passed(refused, state)
                trust /= 2
                continue
            assert receipt is not None
            return after, now.condition * _divergence(receipt)
        return state, None


def _between(price: Sequence[float], belief: Sequence[float], trust: float) -> list[float]:
    """$p^{1-w} q^w$ renormalised. What is impossible to a forecaster is only made unlikely: prices of 0 cannot be traded."""
    floor = 1e-6
    raw = [p ** (1 - trust) * max(q, floor) ** trust if p > 0 else 0.0 for p, q in zip(price, belief, strict=True)]
    total = sum(raw)
    return [x / total for x in raw]


def _divergence(receipt: Receipt) -> float:
    return sum(q * log(q / p) for p, q in zip(receipt.before, receipt.after, strict=True) if p > 0 and q > 0)


def _passed(refused: Refusal, state: State) -> tuple[State, None]:
    """A trade that cannot be made is left out; what is wrong otherwise is told."""
    if all(d.code in _TRADING for d in refused.diagnostics):
        return state, None
    raise refused


def _check(players: Sequence[_Player], market: Market, worlds: Sequence[World]) -> None:
    names = [p.name for p in players]
    for name in names:
        if names.count(name) > 1:
            raise refuse("duplicate-trader", f"two forecasters are called `{name}`")
    for t, world in enumerate(worlds):
        missing = [n for n in market.open if n not in world]
        if missing:
            raise refuse(
                "unknown-event", f"the world of period {t + 1} does not say what became of `{missing[0]}`",
                notes=(f"it says {', '.join(f'`{n}`' for n in world)}",),
            )  # fmt: skip


def _every_value(market: Market) -> dict[str, Claim]:
    """Every value of every variable but its first one, as events."""
    found = {}
    for variable in market.open:
        values = market.state.frame.values[variable]
        if set(values) == {True, False}:
            found[variable] = market.claim(Is(variable, (True,)))
            continue
        for value in values[1:]:
            claim = market.claim(Is(variable, (value,)))
            found[claim.shown] = claim
    return found


def _price(state: State, claim: Claim) -> float:
    placed = place(state, claim)
    return quote(moved_to(state, placed), placed).chances[0]


def _alone(market: Market, state: State, told: Mapping[str, Claim]) -> list[float]:
    """The chances of events if all variables were independent, each with its price."""
    values = {n: state.frame.values[n] for n in market.open}
    factors = [((n,), marginal(state.beliefs, (n,))) for n in values]
    apart = open_market(values, factors=factors, depth=1.0)
    return [_price(apart.state, claim) for claim in told.values()]


def _settled(state: State, claim: Claim) -> bool:
    return bool(holds(claim.event, state.frame.settled))


__all__ = ["Contest", "Forecaster", "contest"]
