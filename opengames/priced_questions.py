"""Questions about a market on a channel: prices, and what traders stand to gain, after the trades that a question names.

Without trades prices are the chances of the channel, and the exact reading answers them where it can. After trades the
factored market does, in floating point and in whole billionths of a $, which round against the trader.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opengames import wire_questions
from opengames.cases import Undecided
from opengames.desk import Work, cannot
from opengames.diagnostics import Diagnostic, Refusal, refuse
from opengames.methods import METHODS
from opengames.program import Trade
from opengames.show import show
from opengames.terms import Ask, Prim, Ref, Term

if TYPE_CHECKING:
    from opengames.solvers.market import Market



def answer(work: Work, ask: Ask) -> Any:
    """The answer to `price`, `worst`, `expected` or `best`: exact only for a price before any trade.

    Gains are told from before the first trade on, whatever cash there was. Raises `Refusal`, `Undecided`.
    """
    if work.question.of is None:
        raise Undecided("it asks about a market, and no channel is named: add `of NAME`")
    if ask.op == "price":
        exact = None if work.question.after else _chance(work, ask)
        if exact is not None:
            return exact
        event, *given = ask.args
        market = _market(work)
        condition = None if not given else _all(given)
        return market.price(event, condition)
    ref, *index = ask.args
    assert isinstance(ref, Ref)
    trader = _name(work, ref.name, tuple(index))
    market = _market(work)
    if trader not in market.state.accounts:  # it has not traded
        return 0.0
    found = market.worth(trader)
    before = market.state.dollars(market.state.accounts[trader].put_in)
    return {"worst": found.least, "expected": found.expected, "best": found.most}[ask.op] - before


def _chance(work: Work, ask: Ask) -> Any:
    """The chance of an event as the exact reading tells it; `None` where it cannot."""
    try:
        return wire_questions.exactly(work, Ask("P", ask.args, at=ask.at), work.diagram())
    except Refusal as refused:
        if not cannot(refused):
            raise
        return None


def _market(work: Work) -> Market:
    """The market on the question's channel after its trades, made once for each question."""
    if work.market is None:
        work.market = _opened(work)
    work.rounded = True
    work.methods[f"LMSR of depth {work.market.state.depth:,.4g} $"] = None
    found: Market = work.market
    return found


def _opened(work: Work) -> Market:
    from opengames.solvers.market import open_market

    question = work.question
    assert question.of is not None
    options = dict(question.by.options) if question.by is not None and question.by.name == "lmsr" else {}
    if "depth" in options and "budget" in options:
        raise refuse(
            "method-option", "a market has a depth or a budget, and this one is given both",
            span=None if question.by is None else question.by.at, help="leave one of them out: the other follows",
        )  # fmt: skip
    depth = None if "budget" in options else float(options.get("depth", _default("depth")))
    budget = float(options["budget"]) if "budget" in options else None
    program = replace(work.program, diagrams={**work.program.diagrams, question.of: work.diagram()})
    market = open_market(program, question.of, depth=depth, budget=budget)
    for trade in question.after:
        try:
            _perform(work, market, trade, float(options.get("cash", _default("cash"))))
        except Refusal as refused:
            raise Refusal(*(_placed(d, trade) for d in refused.diagnostics)) from None
    return market


def _default(option: str) -> Any:
    return next(o.default for o in METHODS["lmsr"].options if o.name == option)


def _perform(work: Work, market: Market, trade: Trade, cash: float) -> None:
    trader = _name(work, trade.player, trade.index)
    if trader not in market.state.accounts:
        market.join(trader, cash)
    amount = float(work.evaluate(trade.amount))
    match trade.verb:
        case "buy":
            market.buy(trader, trade.event, amount, given=trade.given)
        case "sell":
            market.sell(trader, trade.event, amount, given=trade.given)
        case _:
            market.move(trader, trade.event, amount, given=trade.given)


def _placed(found: Diagnostic, trade: Trade) -> Diagnostic:
    """A refusal of the market at the trade that it is about; what it tells of other places has none in the text."""
    return replace(found, span=trade.at, label="this trade") if found.span is None else found


def _name(work: Work, player: str, index: tuple[Term, ...]) -> str:
    """What the market calls a seat."""
    keys: list[Any] = []
    for term in index:
        value = work.evaluate(term)
        keys += value if isinstance(value, tuple) else [value]
    return player + (f"[{', '.join(map(show, keys))}]" if keys else "")


def _all(events: list[Term]) -> Term:
    found = events[0]
    for each in events[1:]:
        found = Prim("and", (found, each))
    return found


__all__ = ["answer"]
