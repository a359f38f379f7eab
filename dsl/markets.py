"""Questions about a market on a channel, and the trades before them: `price(a | b) of grid after buy(ann, a | b, 10)`.

The market's maker follows a logarithmic market scoring rule; its opening prices are the chances of the channel. A trade
names a declared player, an event with or without a condition, and shares (`buy`, `sell`) or a price (`move`).
"""

from __future__ import annotations

from opengames import program as p
from opengames.diagnostics import Edit
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed, nearest, source
from opengames.dsl.infer import want
from opengames.dsl.instances import seat_of
from opengames.dsl.prelude import MARKET
from opengames.dsl.units import BUILTIN
from opengames.terms import Ask, Pack, Ref, Term, Var, children, free

TRADES = ("buy", "sell", "move")

_DOLLARS = t.Num(BUILTIN["$"].dimension, unit=BUILTIN["$"])


def asked(scope: Scope, node: s.CallExpr | s.Given, name: str, args: list[s.Expr], evidence: tuple[s.Expr, ...] = ()) -> Typed:
    """`price(event | condition)`, or what a trader stands to gain: `worst(ann)`, `expected(ann)`, `best(ann)`."""
    if len(args) != 1:
        takes = "an event" if name == "price" else "a player"
        return scope.context.wrong("wrong-count", f"`{name}` takes {takes}", node.at, f"{len(args)} given")
    if name == "price":
        event = want(scope, args[0], t.BOOL, "the event of `price`")
        given = tuple(want(scope, e, t.BOOL, "the condition of `price`") for e in evidence)
        return Typed(Ask(name, (event, *given), at=node.at), t.PROB)
    if evidence:
        return scope.context.wrong(
            "question-outside", f"`{name}` takes no condition", node.at, "`price`, `P`, `E` and `distribution` do"
        )
    if name == "expected" and not _may_be_player(scope, args[0]):
        return scope.context.wrong(
            "unknown-player", "`expected` asks what a player stands to gain in a market", args[0].at, "not a player",
            help=f"the mean of a number is `E({source(scope, args[0])})`",
        )  # fmt: skip
    seat = seat_of(scope, args[0])
    if seat is None:
        return WRONG
    extra = (Pack(seat.index),) if seat.index else ()
    return Typed(Ask(name, (Ref("player", seat.name, at=args[0].at), *extra), at=node.at), _DOLLARS)


def _may_be_player(scope: Scope, node: s.Expr) -> bool:
    base = node.base if isinstance(node, s.IndexExpr) else node
    return isinstance(base, s.Ident) and scope.lookup(base.name) is None


def trades(scope: Scope, node: s.QuestionDecl, term: Term) -> tuple[p.Trade, ...] | None:
    """The trades that a question names, elaborated; `None` after a report. term: of the question."""
    made = [_trade(scope, each) for each in node.after]
    if any(each is None for each in made):
        return None
    if made and not any(isinstance(each, Ask) and each.op in MARKET for each in _parts(term)):
        listed = ", ".join(f"`{word}`" for word in MARKET)
        scope.context.report(
            "trades-unasked", "trades change what the market says, and this question does not ask it", node.after[0].at,
            "nothing depends on this", notes=("chances of the channel stay what they are, whatever is traded",),
            help=f"what the market says is asked with {listed}",
        )  # fmt: skip
        return None
    return tuple(each for each in made if each is not None)


def _trade(scope: Scope, node: s.Trade) -> p.Trade | None:
    context, verb = scope.context, node.verb.text
    if verb not in TRADES:
        close = nearest(verb, TRADES)
        context.report(
            "unknown-trade", f"there is no trade `{verb}`", node.verb.at, "not a trade",
            help=f"did you mean `{close}`?" if close else "the trades are `buy`, `sell` and `move`",
            edit=Edit(node.verb.at, close) if close else None,
        )  # fmt: skip
        return None
    if node.amount is None:
        last = "a price to move to: `move(ann, event, 30%)`" if verb == "move" else f"a number of shares: `{verb}(ann, event, 10)`"
        context.report("wrong-count", f"`{verb}` takes a player, an event, and {last}", node.at, "2 given")
        return None
    before = len(context.diagnostics)
    seat = seat_of(scope, node.trader)
    event = want(scope, node.event, t.BOOL, f"the event of `{verb}`")
    given = None if node.given is None else want(scope, node.given, t.BOOL, f"the condition of `{verb}`")
    kind, what = (t.PROB, "the price to move to") if verb == "move" else (t.REAL, f"the shares to {verb}, each paying 1 $,")
    amount = want(scope, node.amount, kind, what)
    for part in (event, amount) if given is None else (event, given, amount):
        nested = next((each for each in _parts(part) if isinstance(each, Ask)), None)
        if nested is not None:
            context.report(
                "nested-question", f"`{nested.op}` stands inside a trade", nested.at or node.at, "a question inside a trade",
                help="write the number out, or make it a `param`",
            )  # fmt: skip
            return None
    for name in sorted(free(amount)):
        wire = next((each for each in _parts(amount) if isinstance(each, Var) and each.name == name), None)
        context.report(
            "unasked-wire", f"`{name}` has a value only within a play, and a trade is made before", (wire and wire.at) or node.at,
            "in which play?", help="trade on an event of it instead",
        )  # fmt: skip
    if seat is None or len(context.diagnostics) > before:
        return None
    return p.Trade(verb, seat.name, seat.index, event, given, amount, at=node.at)


def _parts(term: Term) -> list[Term]:
    """The term and all its subterms."""
    found = [term]
    for each in found:
        found.extend(children(each))
    return found


__all__ = ["TRADES", "asked", "trades"]
