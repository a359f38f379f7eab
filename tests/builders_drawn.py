"""Diagrams built by hand for the pictures' tests: the shapes that games have, as elaboration would give them."""

from __future__ import annotations

from fractions import Fraction

from opengames.diagram import Arm, Branch, Call, Carry, Compute, Decide, Diagram, Draw, Loop, Port, Rule, Seat
from opengames.program import Fun
from opengames.spaces import BOOL, REAL, Enum, Family, Grid, Reals, Record, Shown
from opengames.terms import (
    Apply,
    At,
    Const,
    Fold,
    Get,
    If,
    Normal,
    Param,
    Prim,
    Select,
    Tabulate,
    Term,
    Uniform,
    Var,
    Weighted,
)
from opengames.tree import Chance, Decision, Leaf, Tree

DOLLAR = Reals(shown=Shown("$"))
MW = Reals(shown=Shown("MW"))
MOVE = Enum("Move", ("Cooperate", "Defect"))


def v(name: str) -> Var:
    return Var(name)


def c(value: object) -> Const:
    return Const(Fraction(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else value)


def op(name: str, *args: Term) -> Prim:
    return Prim(name, args)


def call(fun: str, *args: Term) -> Apply:
    return Apply(fun, args)


def bernoulli(p: Term) -> Weighted:
    return Weighted(((Const(True), p), (Const(False), op("-", c(1), p))))


def units(last: int) -> Grid:
    return Grid(tuple(Fraction(i) for i in range(1, last + 1)))


def at(family: Term, *keys: Term, index: tuple = ()) -> At:
    return At(family, keys, index)


def dilemma() -> Diagram:
    return Diagram(
        "Dilemma",
        outputs=(),
        boxes=(
            Decide((Port("a", MOVE),), Seat("row"), (), "row_earns"),
            Decide((Port("b", MOVE),), Seat("column"), (), "column_earns"),
            Compute(Port("row_earns", REAL), call("payoff", v("a"), v("b")), hidden=True),
            Compute(Port("column_earns", REAL), call("payoff", v("b"), v("a")), hidden=True),
        ),
    )


ENTRY, REPLY = Enum("Entry", ("Enter", "Stay")), Enum("Reply", ("Accommodate", "Fight"))
PROFIT = Record((("entrant", DOLLAR), ("incumbent", DOLLAR)))
ENTRY_FUNS = {"profit": Fun("profit", (Port("entry", ENTRY), Port("reply", REPLY)), PROFIT, Const((0, 0)))}


def entry() -> Diagram:
    both = call("profit", v("entry"), v("reply"))
    return Diagram(
        "MarketEntry",
        boxes=(
            Decide((Port("entry", ENTRY),), Seat("entrant"), (), "earning entry"),
            Decide((Port("reply", REPLY),), Seat("incumbent"), ("entry",), "earning reply"),
            Compute(Port("earning entry", DOLLAR), Get(both, 0), hidden=True),
            Compute(Port("earning reply", DOLLAR), Get(both, 1), hidden=True),
        ),
    )


VALUE = Grid(tuple(Fraction(i) for i in range(5)), Shown("$"))
BID = Grid(tuple(Fraction(i, 2) for i in range(9)), Shown("$"))


def bidder(who: str) -> Diagram:
    return Diagram(
        f"Bidder[{who}]",
        (Port("value", VALUE),),
        (Port("bid", BID),),
        (Decide((Port("bid", BID),), Seat(who), ("value",), "gain"),),
        expects=(Port("gain", DOLLAR),),
    )


def auction() -> Diagram:
    def outcome(me: str, you: str) -> Compute:
        term = call("outcome", v(f"worth_{me}"), v(f"bid_{me}"), v(f"bid_{you}"))
        return Compute(Port(f"paying bid_{me}", DOLLAR), term, hidden=True)

    return Diagram(
        "Auction",
        boxes=(
            Draw(Port("worth_ann", VALUE), Uniform(VALUE)),
            Draw(Port("worth_bob", VALUE), Uniform(VALUE)),
            Call("bid_ann", bidder("ann"), ("worth_ann",), ("bid_ann",), ("paying bid_ann",)),
            Call("bid_bob", bidder("bob"), ("worth_bob",), ("bid_bob",), ("paying bid_bob",)),
            outcome("ann", "bob"),
            outcome("bob", "ann"),
        ),
    )


LOAD, WIND = Enum("Load", ("Low", "High")), Enum("Wind", ("Calm", "Windy"))


def _table(name: str, first: Port, second: Port, out: str) -> Diagram:
    cells = tuple(bernoulli(c(p)) for p in ("0.05", "0.2", "0.3", "0.9"))
    term = Select((v(first.name), v(second.name)), (first.space, second.space), cells)
    return Diagram(name, (first, second), (Port(out, BOOL),), (Draw(Port(out, BOOL), term),))


def events() -> Diagram:
    load, wind, outage = Port("load", LOAD), Port("wind", WIND), Port("outage", BOOL)
    return Diagram(
        "grid",
        outputs=(load, wind, outage, Port("binds", BOOL), Port("scarce", BOOL)),
        boxes=(
            Draw(load, Weighted(((Const("Low"), c("0.6")), (Const("High"), c("0.4"))))),
            Draw(wind, Weighted(((Const("Calm"), c("0.3")), (Const("Windy"), c("0.7"))))),
            Draw(outage, bernoulli(c("0.05"))),
            Call("binds", _table("congestion", load, outage, "binds"), ("load", "outage"), ("binds",)),
            Call("scarce", _table("scarcity", load, wind, "scarce"), ("load", "wind"), ("scarce",)),
        ),
    )


CHARGE = Reals(Fraction(0), Fraction(400), Shown("MWh"))
COMMAND = Reals(Fraction(-100), Fraction(100), Shown("MW"))


def battery() -> Diagram:
    interval = units(288)
    step = Diagram(
        "step",
        (Port("soc", CHARGE), Port("wish", COMMAND)),
        (Port("moved", CHARGE),),
        (
            Draw(Port("drift", REAL), Normal(c(0), c("0.5"))),
            Compute(
                Port("moved", CHARGE),
                op(
                    "clamp",
                    op("+", call("after", v("soc"), call("guard", v("soc"), v("wish"))), v("drift")),
                    c(0),
                    Param("capacity"),
                ),
            ),
        ),
    )
    meter = Diagram(
        "meter", (Port("soc", CHARGE),), (Port("reading", REAL),), (Draw(Port("reading", REAL), Normal(v("soc"), c(4))),)
    )
    body = Diagram(
        "for t",
        (Port("t", interval), Port("now", CHARGE), Port("wish", Family((interval,), COMMAND))),
        (Port("soc", CHARGE), Port("reading", REAL), Port("next now", CHARGE)),
        (
            Compute(Port("step.1", COMMAND), at(v("wish"), v("t"), index=(interval,)), hidden=True),
            Call("soc", step, ("now", "step.1"), ("soc",)),
            Call("reading", meter, ("soc",), ("reading",)),
            Compute(Port("next now", CHARGE), v("soc"), hidden=True),
        ),
    )
    return Diagram(
        "day",
        (Port("wish", Family((interval,), COMMAND)),),
        (Port("soc", Family((interval,), CHARGE)), Port("reading", Family((interval,), REAL))),
        (
            Compute(Port("init now", CHARGE), op("/", Param("capacity"), c(2)), hidden=True),
            Loop(
                "soc",
                (("t", interval),),
                body,
                ("wish",),
                (Carry("now", CHARGE, "init now", "next now"),),
                (("soc", "soc"), ("reading", "reading")),
            ),
        ),
    )


LEAD, PROSUMER = units(4), units(20)
PROB = Reals(Fraction(0), Fraction(1))
PRICE = Grid((Fraction(5), Fraction(10)), Shown("$"))


def _reservations() -> Loop:
    """One decision per target unit still open."""
    ports = [
        Port("k", LEAD), Port("u", PROSUMER), Port("i", units(96)), Port("price", Family((units(96), LEAD), PRICE)),
        Port("held", Family((LEAD,), BOOL)), Port("present", BOOL), Port("view", Family((LEAD,), PROB)),
    ]  # fmt: skip
    earning = op(
        "-",
        op("*", v("offer"), op("-", op("ind", v("owned")), op("ind", v("reserve")))),
        op("*", Param("loss"), op("*", v("chance"), op("ind", op("not", v("reserve"))))),
    )
    held = at(v("held"), op("min", op("+", v("k"), c(1)), c(4)), index=(LEAD,))
    body = Diagram(
        "for k",
        tuple(ports),
        (Port("reserve", BOOL), Port("spent", DOLLAR)),
        (
            Compute(Port("offer", PRICE), at(v("price"), v("i"), v("k"), index=(units(96), LEAD))),
            Compute(Port("owned", BOOL), op("and", op("<", v("k"), c(4)), held)),
            Compute(Port("chance", PROB), call("presence", v("present"), v("view"), v("k"))),
            Decide(
                (Port("reserve", BOOL),),
                Seat("prosumer", (v("u"), v("i"), v("k"))),
                ("offer", "chance", "owned"),
                "earning reserve",
            ),
            Compute(Port("earning reserve", DOLLAR), earning, hidden=True),
            Compute(Port("spent", DOLLAR), op("*", v("offer"), op("-", op("ind", v("reserve")), op("ind", v("owned"))))),
        ),
    )
    captured = ("u", "i", "price", "held", "present", "view")
    return Loop("reserve", (("k", LEAD),), body, captured, (), (("reserve", "reserve"), ("spent", "spent")))


def _views() -> Loop:
    """Anticipations refreshed from the furthest unit backwards."""
    term = If(
        op("==", v("k"), c(4)),
        v("fresh"),
        If(v("switched"), Param("calm"), op("/", op("+", v("further"), at(v("asp"), v("k"), index=(LEAD,))), c(2))),
    )
    body = Diagram(
        "for k",
        (Port("k", LEAD), Port("further", PROB), Port("fresh", PROB), Port("switched", BOOL), Port("asp", Family((LEAD,), PROB))),
        (Port("view", PROB),),
        (Compute(Port("view", PROB), term),),
    )
    carry = (Carry("further", PROB, "fresh", "view"),)
    return Loop("view", (("k", LEAD),), body, ("fresh", "switched", "asp"), carry, (("view", "view"),), reversed=True)


def household() -> Diagram:
    unit = units(96)
    asp = Family((LEAD,), PROB)
    held = Family((LEAD,), BOOL)
    body = Diagram(
        "for i",
        (
            Port("i", unit), Port("home", BOOL), Port("asp", asp), Port("held", held), Port("u", PROSUMER),
            Port("price", Family((unit, LEAD), PRICE)),
        ),
        (Port("bill", DOLLAR), Port("present", BOOL), Port("view", asp), Port("reserve", held)),
        (
            Compute(Port("pull", REAL), If(v("home"), op("neg", Param("sway")), Param("sway"))),
            Draw(
                Port("switched", BOOL),
                bernoulli(op("clamp", op("+", at(v("asp"), c(1), index=(LEAD,)), v("pull")), c(0), c(1))),
            ),
            Compute(Port("present", BOOL), op("!=", v("home"), v("switched"))),
            Draw(Port("fresh", PROB), Weighted(((c("0.1"), c("0.9")), (c("0.9"), c("0.1"))))),
            _views(),
            _reservations(),
            Compute(
                Port("hurt", DOLLAR),
                op("*", Param("loss"), op("ind", op("and", v("present"), op("not", at(v("held"), c(1), index=(LEAD,)))))),
            ),
            Compute(
                Port("bill", DOLLAR),
                op("+", Fold("sum", (("k", LEAD),), at(v("spent"), v("k"), index=(LEAD,))), v("hurt")),
            ),
        ),
    )  # fmt: skip
    return Diagram(
        "Household",
        (Port("u", PROSUMER), Port("price", Family((unit, LEAD), PRICE))),
        (Port("paid", DOLLAR),),
        (
            Compute(Port("init home", BOOL), Const(False), hidden=True),
            Compute(Port("init asp", asp), Tabulate((("k", LEAD),), Param("calm")), hidden=True),
            Compute(Port("init held", held), Tabulate((("k", LEAD),), Const(False)), hidden=True),
            Loop(
                "pull",
                (("i", unit),),
                body,
                ("u", "price"),
                (
                    Carry("home", BOOL, "init home", "present"),
                    Carry("asp", asp, "init asp", "view"),
                    Carry("held", held, "init held", "reserve"),
                ),
                (("bill", "bill"),),
            ),
            Compute(Port("paid", DOLLAR), Fold("sum", (("i", unit),), at(v("bill"), v("i"), index=(unit,)))),
        ),
    )


def exchange() -> Diagram:
    prices = Diagram(
        "forward_prices",
        outputs=(Port("price", Family((units(96), LEAD), PRICE)),),
        boxes=(Draw(Port("price", Family((units(96), LEAD), PRICE)), Uniform(Family((units(96), LEAD), PRICE))),),
    )
    inner = Diagram(
        "for u",
        (Port("u", PROSUMER), Port("price", Family((units(96), LEAD), PRICE))),
        (Port("paid", DOLLAR),),
        (Call("paid", household(), ("u", "price"), ("paid",)),),
    )
    return Diagram(
        "Exchange",
        boxes=(
            Call("price", prices, (), ("price",)),
            Loop("paid", (("u", PROSUMER),), inner, ("price",), (), (("paid", "paid"),)),
            Compute(Port("total", DOLLAR), Fold("sum", (("u", PROSUMER),), at(v("paid"), v("u"), index=(PROSUMER,)))),
        ),
    )


CARD = Enum("Card", ("Jack", "Queen", "King"))
BET, ANSWER = Enum("Bet", ("Check", "Raise")), Enum("Answer", ("Fold", "Call"))


def poker() -> Diagram:
    """Kuhn poker with the raise and the answer to it as branches."""
    pot = Port("pot", DOLLAR)

    def showdown(stake: int) -> Term:
        return op("*", c(stake), call("winner", v("mine"), v("yours")))

    after_raise = Diagram(
        "raised",
        (Port("mine", CARD), Port("yours", CARD)),
        (pot,),
        (
            Decide((Port("answer", ANSWER),), Seat("bob"), ("yours",), "loss"),
            Compute(pot, If(op("==", v("answer"), Const("Call")), showdown(2), c(1))),
            Compute(Port("loss", DOLLAR), op("neg", v("pot")), hidden=True),
        ),
    )
    checked = Diagram(
        "checked", (Port("mine", CARD), Port("yours", CARD)), (pot,), (Compute(pot, showdown(1)),)
    )  # fmt: skip
    return Diagram(
        "Poker",
        boxes=(
            Draw(Port("mine", CARD), Uniform(CARD)),
            Draw(Port("yours", CARD), call("other_card", v("mine"))),
            Decide((Port("bet", BET),), Seat("ann"), ("mine",), "pot"),
            Branch(
                "pot",
                "bet",
                (Arm("bet=Raise", ("Raise",), after_raise), Arm("bet=Check", ("Check",), checked)),
                ("mine", "yours"),
                (pot,),
                ((), ()),
            ),
        ),
    )


BUS, LINE, GEN = Enum("Bus", tuple("ABCDE")), Enum("Line", ("AB", "AD", "AE", "BC", "CD", "DE")), Enum("Gen", ("Alta", "Brighton"))
TIER, TICK = Enum("Tier", ("Scarce", "Tight", "Ample")), Grid(tuple(Fraction(5 * i) for i in range(21)), Shown("$/MWh"))
QUOTE = Record((("bid", TICK), ("offer", TICK)))


def _loop_over(name: str, index: tuple[str, Enum], outs: dict[str, Term], captured: tuple[str, ...]) -> Loop:
    var, space = index
    ports = (Port(var, space), *(Port(w, REAL) for w in captured))
    body = Diagram(
        f"for {var}", ports, tuple(Port(w, REAL) for w in outs), tuple(Compute(Port(w, REAL), t) for w, t in outs.items())
    )
    return Loop(name, (index,), body, captured, (), tuple((w, w) for w in outs))


def sced() -> Diagram:
    def total(body: Term, var: str, space: Enum, where: Term | None = None) -> Fold:
        return Fold("sum", ((var, space),), body, where)

    p, r, kept = at(v("p"), v("g")), at(v("r"), v("g")), at(v("kept"), v("k"))
    gen = at(Param("gen"), v("g"))
    flow = op("/", op("*", Param("base"), op("-", at(v("angle"), v("l")), at(v("angle"), v("l")))), Param("x"))
    rules = (
        Rule("balance", (("b", BUS),), op("==", op("+", op("*", v("load"), at(Param("share"), v("b"))), at(v("leaving"), v("b"))), at(v("supply"), v("b")))),
        Rule("thermal", (("l", LINE),), op("<=", op("abs", at(v("flow"), v("l"))), Param("limit"))),
        Rule("slack", (), op("==", at(v("angle"), Const("A")), c(0))),
        Rule("range", (("g", GEN),), op("<=", p, op("-", Param("cap"), r))),
        Rule("reserve", (), op("<=", total(kept, "k", TIER), op("+", v("spin"), total(r, "g", GEN)))),
        Rule("energy", (), op("<=", op("*", op("+", v("out"), v("spin")), Param("dt")), v("soc"))),
    )  # fmt: skip
    moves = ("p", "r", "kept", "angle", "out", "into", "spin")
    outs = tuple(Port(m, MW) for m in moves)
    ports = (Port("load", MW), Port("quote", QUOTE), Port("soc", CHARGE))
    return Diagram(
        "Sced",
        ports,
        (Port("lmp", Family((BUS,), DOLLAR)), Port("mcpc", DOLLAR), Port("out", MW), Port("into", MW), Port("spin", MW)),
        (
            Decide(
                outs,
                Seat("ercot"),
                ("load", "quote", "soc"),
                "earning p",
                rules,
                (),
                (Port("dual balance", Family((BUS,), REAL)), Port("dual reserve", REAL)),
            ),
            _loop_over("flow", ("l", LINE), {"flow": flow}, ("angle",)),
            _loop_over(
                "supply",
                ("b", BUS),
                {
                    "supply": op("+", If(op("==", v("b"), Param("site")), op("-", v("out"), v("into")), c(0)), total(p, "g", GEN)),
                    "leaving": total(at(v("flow"), v("l")), "l", LINE),
                },
                ("out", "into", "p", "flow"),
            ),
            Compute(
                Port("fuel", DOLLAR),
                op(
                    "-",
                    op("+", total(op("*", Get(gen, 2), p), "g", GEN), op("*", Get(v("quote"), 1), v("out"))),
                    op("*", Get(v("quote"), 0), v("into")),
                ),
            ),
            Compute(Port("worth", DOLLAR), total(op("*", at(Param("asdc"), v("k")), kept), "k", TIER)),
            Compute(Port("earning p", DOLLAR), op("-", v("worth"), v("fuel")), hidden=True),
            _loop_over("lmp", ("b", BUS), {"lmp": at(v("dual balance"), v("b"))}, ("dual balance",)),
            Compute(Port("mcpc", DOLLAR), v("dual reserve")),
        ),
    )


def day() -> Diagram:
    hour = units(24)
    names = ("lmp", "mcpc", "out", "into", "spin")
    margin = op(
        "*",
        op("-", op("+", op("*", at(v("lmp"), Param("site")), op("-", v("out"), v("into"))), op("*", v("mcpc"), v("spin"))), op("*", Param("wear"), v("out"))),
        Param("dt"),
    )  # fmt: skip
    body = Diagram(
        "for t",
        (Port("t", hour), Port("soc", CHARGE)),
        (Port("margin", DOLLAR), Port("next soc", CHARGE)),
        (
            Draw(Port("noise", MW), Normal(c(0), c(20))),
            Compute(Port("load", MW), op("clamp", op("+", at(Param("demand"), v("t")), v("noise")), c(400), c(1000))),
            Decide(
                (Port("quote", QUOTE),),
                Seat("owner"),
                ("t", "soc"),
                "profit",
                (Rule("order", (), op("<=", Get(v("quote"), 0), Get(v("quote"), 1))),),
            ),
            Call("lmp", sced(), ("load", "quote", "soc"), names),
            Compute(Port("margin", DOLLAR), margin),
            Compute(
                Port("next soc", CHARGE),
                op("+", v("soc"), op("*", op("-", op("*", v("into"), Param("fade")), v("out")), Param("dt"))),
                hidden=True,
            ),
        ),
        expects=(Port("profit", DOLLAR),),
    )
    return Diagram(
        "Day",
        boxes=(
            Compute(Port("init soc", CHARGE), op("/", Param("capacity"), c(2)), hidden=True),
            Loop(
                "noise",
                (("t", hour),),
                body,
                (),
                (Carry("soc", CHARGE, "init soc", "next soc"),),
                (("margin", "margin"),),
                (),
                ("profit",),
            ),
            Compute(Port("profit", DOLLAR), Fold("sum", (("t", hour),), at(v("margin"), v("t"), index=(hour,)))),
        ),
    )


def three_lanes() -> Diagram:
    """A choice of three lanes that all bind one wire; the middle lane is higher than the others."""
    w, level = Port("w", REAL), Enum("Level", ("A", "B", "C"))

    def constant(number: int) -> Diagram:
        return Diagram("", outputs=(w,), boxes=(Compute(w, Const(Fraction(number))),))

    middle = Diagram(
        "",
        outputs=(w,),
        boxes=(Decide((Port("y", BOOL),), Seat("ann"), (), "w"), Compute(w, Apply("ind", (Var("y"),)))),
    )
    arms = (
        Arm("x=A", ("A",), constant(1)),
        Arm("x=B", ("B",), middle),
        Arm("x=C", ("C",), constant(2)),
    )
    branch = Branch("x", "x", arms, (), (w,), ((), (), ()))
    return Diagram("G", boxes=(Decide((Port("x", level),), Seat("ann"), (), "w"), branch))


ALL = {
    "dilemma": dilemma, "entry": entry, "auction": auction, "events": events, "battery": battery,
    "household": household, "exchange": exchange, "poker": poker, "sced": sced, "day": day,
    "three_lanes": three_lanes,
}  # fmt: skip


# -------------------------------------------------------------------- game trees

ROW, COLUMN = ("row", ()), ("column", ())


def dilemma_tree() -> Decision:
    table = {("C", "C"): (3, 3), ("C", "D"): (0, 5), ("D", "C"): (5, 0), ("D", "D"): (1, 1)}

    def leaf(a: str, b: str) -> Leaf:
        mine, theirs = table[a, b]
        return Leaf(((ROW, Fraction(mine)), (COLUMN, Fraction(theirs))))

    def second(a: str) -> Decision:
        return Decision("b", (), COLUMN, (), tuple((b, leaf(a, b)) for b in "CD"))

    return Decision("a", (), ROW, (), tuple((a, second(a)) for a in "CD"))


def entry_tree() -> Decision:
    def leaf(a: int, b: int) -> Leaf:
        return Leaf(((("entrant", ()), Fraction(a)), (("incumbent", ()), Fraction(b))))

    def reply(entry: str, pairs: tuple[tuple[int, int], ...]) -> Decision:
        moves = zip(("Accommodate", "Fight"), pairs, strict=True)
        return Decision("reply", (), ("incumbent", ()), (("entry", entry),), tuple((m, leaf(*p)) for m, p in moves))

    return Decision(
        "entry",
        (),
        ("entrant", ()),
        (),
        (("Enter", reply("Enter", ((40, 50), (-10, 0)))), ("Stay", reply("Stay", ((0, 100), (0, 100))))),
    )


def kuhn_tree() -> Chance:
    """Kuhn poker, whole: thirty plays, twelve information sets of two nodes each."""
    ann, bob = ("ann", ()), ("bob", ())
    cards = ("Jack", "Queen", "King")

    def leaf(gain: int) -> Leaf:
        return Leaf(((ann, Fraction(gain)), (bob, Fraction(-gain))))

    def hand(mine: str, yours: str) -> Decision:
        sign = 1 if cards.index(mine) > cards.index(yours) else -1
        last = Decision(
            "answer", (), ann, (("mine", mine), ("bet", "Raise")), (("Fold", leaf(-1)), ("Call", leaf(2 * sign)))
        )
        after_check = Decision(
            "raise", (), bob, (("yours", yours), ("bet", "Check")), (("Check", leaf(sign)), ("Raise", last))
        )
        after_raise = Decision(
            "call", (), bob, (("yours", yours), ("bet", "Raise")), (("Fold", leaf(1)), ("Call", leaf(2 * sign)))
        )
        return Decision("bet", (), ann, (("mine", mine),), (("Check", after_check), ("Raise", after_raise)))

    def second(mine: str) -> Chance:
        return Chance("yours", (), tuple((y, Fraction(1, 2), hand(mine, y)) for y in cards if y != mine))

    return Chance("mine", (), tuple((m, Fraction(1, 3), second(m)) for m in cards))


def deep_tree(depth: int, moves: int = 3) -> Tree:
    """A tree whose equal parts are shared: `moves ** depth` plays in `depth` nodes."""
    tree: Tree = Leaf(((ROW, Fraction(1)),))
    for level in range(depth):
        tree = Decision(f"d{level}", (), ROW if level % 2 else COLUMN, (), tuple((str(m), tree) for m in range(moves)))
    return tree


TREES = {"dilemma_tree": dilemma_tree, "entry_tree": entry_tree, "kuhn_tree": kuhn_tree}
