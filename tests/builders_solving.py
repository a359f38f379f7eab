"""Small games built by hand, and a slow obvious player of diagrams: the oracle for the solvers' tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction as F
from itertools import product
from typing import Any

from opengames import spaces
from opengames.diagram import (
    Arm,
    Branch,
    Call,
    Carry,
    Compute,
    Decide,
    Diagram,
    Draw,
    Loop,
    Port,
    Seat,
    binds,
)
from opengames.evaluate import evaluate
from opengames.program import Fun, ParamDecl, Plan, Program, Strategy
from opengames.spaces import BOOL, REAL, Enum, Grid, Space
from opengames.terms import Apply, At, Const, Fold, If, Param, Prim, Select, Term, Uniform, Var, Weighted

MOVE = Enum("Move", ("Cooperate", "Defect"))
ROW, COLUMN = ("row", ()), ("column", ())


def num(value: Any) -> Const:
    return Const(F(value))


def op(name: str, *args: Term) -> Prim:
    return Prim(name, args)


def grid(start: int, stop: int) -> Grid:
    return Grid(tuple(F(i) for i in range(start, stop + 1)))


def fun(name: str, inputs: list[tuple[str, Space]], table: list[Any]) -> Fun:
    """A fun given by its table, row-major over its finite inputs."""
    keys = tuple(Var(n) for n, _ in inputs)
    body = Select(keys, tuple(s for _, s in inputs), tuple(num(v) for v in table))
    return Fun(name, tuple(Port(n, s) for n, s in inputs), REAL, body)


def decide(wire: str, space: Space, seat: str, seeing: tuple[str, ...], earning: str, **more: Any) -> Decide:
    index = more.pop("index", ())
    return Decide((Port(wire, space),), Seat(seat, index), seeing, earning, **more)


def compute(wire: str, term: Term, space: Space = REAL) -> Compute:
    return Compute(Port(wire, space), term)


def strategy(name: str, game: str, *plans: tuple[Any, ...]) -> Strategy:
    """plans: (seat, wire, term) or (seat, wire, term, True) for a mixture."""
    return Strategy(name, game, tuple(Plan(p[0], (), p[1], p[2], len(p) > 3) for p in plans))


def program(*diagrams: Diagram, funs: tuple[Fun, ...] = (), strategies: tuple[Strategy, ...] = (), **params: Any) -> Program:
    return Program(
        funs={f.name: f for f in funs},
        diagrams={d.name: d for d in diagrams},
        strategies={s.name: s for s in strategies},
        params={n: ParamDecl(n, REAL, F(v)) for n, v in params.items()},
    )


# ------------------------------------------------------------------ textbook games


def payoff(reward: int = 3, sucker: int = 0, temptation: int = 5, punishment: int = 1) -> Fun:
    return fun("payoff", [("mine", MOVE), ("theirs", MOVE)], [reward, sucker, temptation, punishment])


def dilemma() -> Diagram:
    return Diagram(
        "Dilemma",
        boxes=(
            decide("a", MOVE, "row", (), "ua"),
            decide("b", MOVE, "column", (), "ub"),
            compute("ua", Apply("payoff", (Var("a"), Var("b")))),
            compute("ub", Apply("payoff", (Var("b"), Var("a")))),
        ),
    )


def repeated(rounds: int, carry: str = "last") -> Diagram:
    """The dilemma `rounds` times: each sees both last moves (or, with "trigger", whether anybody ever
    defected); each earns `sum(delta^(t - 1) * stage[t])`.
    """
    t = grid(1, rounds)
    stage = (
        compute("sa", Apply("payoff", (Var("a"), Var("b")))),
        compute("sb", Apply("payoff", (Var("b"), Var("a")))),
    )
    if carry == "last":
        seen: tuple[tuple[str, Space], ...] = (("la", MOVE), ("lb", MOVE))
        init = (compute("ia", Const("Cooperate"), MOVE), compute("ib", Const("Cooperate"), MOVE))
        carries = (Carry("la", MOVE, "ia", "a"), Carry("lb", MOVE, "ib", "b"))
        more: tuple[Compute, ...] = ()
    else:
        seen = (("spoilt", BOOL),)
        init = (compute("i", Const(False), BOOL),)
        carries = (Carry("spoilt", BOOL, "i", "after"),)
        bad = op("or", op("==", Var("a"), Const("Defect")), op("==", Var("b"), Const("Defect")))
        more = (compute("after", op("or", Var("spoilt"), bad), BOOL),)
    names = tuple(n for n, _ in seen)
    body = Diagram(
        "round",
        inputs=(Port("t", t), *(Port(n, s) for n, s in seen)),
        outputs=(
            Port("sa", REAL),
            Port("sb", REAL),
            *((Port("a", MOVE), Port("b", MOVE)) if carry == "last" else (Port("after", BOOL),)),
        ),
        expects=(Port("ua", REAL), Port("ub", REAL)),
        boxes=(decide("a", MOVE, "row", names, "ua"), decide("b", MOVE, "column", names, "ub"), *stage, *more),
    )
    loop = Loop("rounds", (("t", t),), body, (), carries, (("sa", "sa"), ("sb", "sb")), (), ("ua", "ub"))
    return Diagram("Repeated", boxes=(*init, loop, total("ua", "sa", t), total("ub", "sb", t)))


def total(out: str, stage: str, t: Grid) -> Compute:
    weight = op("^", Param("delta"), op("-", Var("t"), num(1)))
    return compute(out, Fold("sum", (("t", t),), op("*", weight, At(Var(stage), (Var("t"),), (t,)))))


TIT_FOR_TAT = (("row", "a", Var("lb")), ("column", "b", Var("la")))
GRIM = tuple(
    (seat, wire, If(Var("spoilt"), Const("Defect"), Const("Cooperate"))) for seat, wire in (("row", "a"), ("column", "b"))
)


def entry() -> tuple[Program, Diagram]:
    """Market entry: `threaten` is Nash and not subgame perfect, `accept` is both."""
    enter, reply = Enum("Entry", ("Enter", "Stay")), Enum("Reply", ("Accommodate", "Fight"))
    inputs = [("entry", enter), ("reply", reply)]
    game = Diagram(
        "MarketEntry",
        boxes=(
            decide("entry", enter, "entrant", (), "u"),
            decide("reply", reply, "incumbent", ("entry",), "v"),
            compute("u", Apply("first", (Var("entry"), Var("reply")))),
            compute("v", Apply("second", (Var("entry"), Var("reply")))),
        ),
    )
    accept = strategy(
        "accept", "MarketEntry", ("entrant", "entry", Const("Enter")), ("incumbent", "reply", Const("Accommodate"))
    )
    threaten = strategy(
        "threaten", "MarketEntry", ("entrant", "entry", Const("Stay")), ("incumbent", "reply", Const("Fight"))
    )
    funs = (fun("first", inputs, [40, -10, 0, 0]), fun("second", inputs, [50, 0, 100, 100]))
    return program(game, funs=funs, strategies=(accept, threaten)), game


CARD = grid(1, 3)


def kuhn() -> Diagram:
    """Kuhn poker with branches: Ann bets or checks; after a check Bob may bet; a bet is called or folded."""
    deal = Select(
        (Var("mine"),),
        (CARD,),
        tuple(Weighted(tuple((num(o), num(F(1, 2))) for o in (1, 2, 3) if o != c)) for c in (1, 2, 3)),
    )
    higher = If(op(">", Var("mine"), Var("theirs")), num(1), num(-1))
    captured = ("mine", "theirs")
    ports = (Port("mine", CARD), Port("theirs", CARD))

    def called(caller: str, seat: str, sees: str, folded: int, expects: str) -> Diagram:
        """A bet is called for 2, or folded."""
        return Diagram(
            caller,
            inputs=ports,
            outputs=(Port("pot", REAL),),
            expects=(Port(expects, REAL),),
            boxes=(
                decide(caller, BOOL, seat, (sees,), expects),
                compute("pot", If(Var(caller), op("*", num(2), higher), num(folded))),
            ),
        )

    bob_bets = Branch(
        "bob_bets",
        "raise_",
        (
            Arm("raise_=true", (True,), called("ann_calls", "ann", "mine", -1, "win")),
            Arm("raise_=false", (False,), Diagram("show", ports, (Port("pot", REAL),), (compute("pot", higher),))),
        ),
        captured,
        (Port("pot", REAL),),
        (("win",), ()),
    )
    checked = Diagram(
        "checked",
        inputs=ports,
        outputs=(Port("pot", REAL),),
        expects=(Port("win", REAL), Port("loss", REAL)),
        boxes=(decide("raise_", BOOL, "bob", ("theirs",), "loss"), bob_bets),
    )
    first = Branch(
        "ann_bets",
        "bet",
        (
            Arm("bet=true", (True,), called("bob_calls", "bob", "theirs", 1, "loss")),
            Arm("bet=false", (False,), checked),
        ),
        captured,
        (Port("pot", REAL),),
        (("loss",), ("win", "loss")),
    )
    return Diagram(
        "Kuhn",
        boxes=(
            Draw(Port("mine", CARD), Uniform(CARD)),
            Draw(Port("theirs", CARD), deal),
            decide("bet", BOOL, "ann", ("mine",), "win"),
            first,
            compute("win", Var("pot")),
            compute("loss", op("neg", Var("pot"))),
        ),
    )


def chance(p: F) -> Weighted:
    return Weighted(((Const(True), num(p)), (Const(False), num(1 - p))))


def by_card(wire: str, low: F, middle: F, high: F) -> Select:
    return Select((Var(wire),), (CARD,), (chance(low), chance(middle), chance(high)))


def kuhn_strategy(alpha: F) -> Strategy:
    """The known family of equilibria, one for each alpha in [0, 1/3]."""
    zero, one, third = F(0), F(1), F(1, 3)
    return strategy(
        f"alpha{alpha}",
        "Kuhn",
        ("ann", "bet", by_card("mine", alpha, zero, 3 * alpha), True),
        ("ann", "ann_calls", by_card("mine", zero, alpha + third, one), True),
        ("bob", "bob_calls", by_card("theirs", zero, third, one), True),
        ("bob", "raise_", by_card("theirs", third, zero, one), True),
    )


# ------------------------------------------------------------------ the slow player

Behave = Callable[[Any, str, tuple[Any, ...], tuple[Any, ...]], list[tuple[Any, F]]]


class _Scope:
    def __init__(self, env: dict[str, Any], backward: dict[str, tuple[_Scope, str]]) -> None:
        self.env, self.backward = env, backward


class _Play:
    """One play along a tape of outcome numbers."""

    def __init__(self, program: Program, behave: Behave, tape: list[int]) -> None:
        self.program, self.behave, self.tape = program, behave, tape
        self.taken: list[tuple[int, int]] = []
        self.chance = F(1)
        self.owed: list[tuple[Any, _Scope, str]] = []

    def pick(self, pairs: Any) -> Any:
        place = len(self.taken)
        number = self.tape[place] if place < len(self.tape) else 0
        self.taken.append((number, len(pairs)))
        value, weight = pairs[number]
        self.chance *= weight
        return value

    def term(self, term: Term, scope: _Scope) -> Any:
        return evaluate(term, scope.env, self.program.funs, self.program.param_values())

    def run(self, diagram: Diagram, scope: _Scope, path: tuple[str, ...], index: tuple[Any, ...]) -> None:
        for box in diagram.boxes:
            self.box(box, scope, path, index)

    def inner(self, diagram: Diagram, env: dict[str, Any], paying: tuple[str, ...], scope: _Scope) -> _Scope:
        return _Scope(env, {p.name: (scope, w) for p, w in zip(diagram.expects, paying, strict=True)})

    def box(self, box: Any, scope: _Scope, path: tuple[str, ...], index: tuple[Any, ...]) -> None:
        env = scope.env
        match box:
            case Compute(out=out, term=term):
                env[out.name] = self.term(term, scope)
            case Draw(out=out, kernel=kernel):
                env[out.name] = self.pick(self.term(kernel, scope))
            case Decide():
                player = (box.seat.name, tuple(self.term(t, scope) for t in box.seat.index))
                seen = tuple(env[w] for w in box.seeing)
                out = box.outs[0].name
                env[out] = self.pick(self.behave(player, ".".join((*path, out)), index, seen))
                self.owed.append((player, scope, box.earning))
            case Call():
                args = {p.name: env[a] for p, a in zip(box.diagram.inputs, box.args, strict=True)}
                within = self.inner(box.diagram, args, box.paying, scope)
                self.run(box.diagram, within, (*path, box.name), index)
                for wire, port in zip(box.outs, box.diagram.outputs, strict=True):
                    env[wire] = within.env[port.name]
            case Loop():
                carried = {c.name: env[c.init] for c in box.carry}
                rows = []
                for key in product(*(tuple(spaces.points(s)) for _, s in box.iters)):
                    own = {n: v for (n, _), v in zip(box.iters, key, strict=True)}
                    args = {**{c: env[c] for c in box.captured}, **own, **carried}
                    within = self.inner(box.body, args, box.paying, scope)
                    self.run(box.body, within, path, (*index, *key))
                    carried = {c.name: within.env[c.next] for c in box.carry}
                    rows.append(within.env)
                for out, wire in box.outs:
                    env[out] = tuple(r[wire] for r in rows)
                env.update({out: carried[c] for out, c in box.lasts})
            case Branch():
                number = next(i for i, arm in enumerate(box.arms) if env[box.subject] in arm.values)
                arm = box.arms[number]
                within = self.inner(arm.body, {c: env[c] for c in box.captured}, box.paying[number], scope)
                self.run(arm.body, within, (*path, arm.label), index)
                env.update({p.name: within.env[p.name] for p in box.outs})
                within.backward.update(self.merging(box, arm.body, scope))
                for other, pays in zip(box.arms, box.paying, strict=True):
                    if other is not arm:
                        elsewhere = self.inner(other.body, {}, pays, scope)
                        elsewhere.backward.update(self.merging(box, other.body, scope))
                        self.absent(other.body, elsewhere)

    def merging(self, box: Branch, body: Diagram, scope: _Scope) -> dict[str, tuple[_Scope, str]]:
        """What an arm binds and every arm binds is the wire outside."""
        bound = {p.name for each in body.boxes for p in binds(each)}
        return {p.name: (scope, p.name) for p in box.outs if p.name in bound}

    def absent(self, diagram: Diagram, scope: _Scope) -> None:
        """Who would have earned a wire of the outside in an arm not taken earns it all the same."""
        for box in diagram.boxes:
            if isinstance(box, Decide) and box.earning in scope.backward:
                self.owed.append(((box.seat.name, ()), scope, box.earning))
            if isinstance(box, Branch):
                for arm, pays in zip(box.arms, box.paying, strict=True):
                    backward = {
                        p.name: scope.backward[w]
                        for p, w in zip(arm.body.expects, pays, strict=True)
                        if w in scope.backward
                    }
                    inside = _Scope({}, backward)
                    merged = self.merging(box, arm.body, scope)
                    inside.backward.update({n: scope.backward[n] for n in merged if n in scope.backward})
                    self.absent(arm.body, inside)

    def payoffs(self) -> dict[Any, F]:
        found: dict[Any, dict[Any, F]] = {}
        for player, scope, name in self.owed:
            while name in scope.backward:
                scope, name = scope.backward[name]
            found.setdefault(player, {})[id(scope), name] = scope.env[name]
        return {p: sum(each.values(), F(0)) for p, each in found.items()}


def plays(program: Program, diagram: Diagram, behave: Behave) -> Iterator[tuple[F, dict[Any, F]]]:
    """Every play with its chance and payoffs, one after the other, nothing shared."""
    tape: list[int] = []
    while True:
        play = _Play(program, behave, tape)
        play.run(diagram, _Scope({}, {}), (), ())
        yield play.chance, play.payoffs()
        tape = [n for n, _ in play.taken]
        sizes = [size for _, size in play.taken]
        while tape and tape[-1] + 1 == sizes[len(tape) - 1]:
            tape.pop()
        if not tape:
            return
        tape[-1] += 1


def expected(program: Program, diagram: Diagram, behave: Behave) -> dict[Any, F]:
    """Everybody's expected payoff, by adding up all plays."""
    found: dict[Any, F] = {}
    for weight, earned in plays(program, diagram, behave):
        for player, value in earned.items():
            found[player] = found.get(player, F(0)) + weight * value
    return found
