"""`verify` and `query`: claims and questions, and the words that only they may use."""

from __future__ import annotations

from typing import Any

from opengames import program as p
from opengames.diagnostics import Edit, Window
from opengames.dsl import markets
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.calls import arrange
from opengames.dsl.context import WRONG, Context, Scope, Typed, nearest, source
from opengames.dsl.infer import constant, infer, value, want
from opengames.dsl.instances import Instance, box_of, seat_of
from opengames.dsl.prelude import MARKET
from opengames.dsl.question_shape import well_formed
from opengames.methods import METHODS, RECOGNITION, asked, unsuited
from opengames.terms import Ask, Const, Pack, Ref, Term, Var


def question(context: Context, node: s.QuestionDecl) -> p.Question | None:
    """The question that a declaration asks; `None` after a report."""
    scope = Scope(context, questions=True)
    of = _of(scope, node.of) if node.of is not None else None
    if node.of is not None and of is None:
        return None
    if of is not None:
        if of.broken:
            return None
        for name, kind in of.wires:
            scope.bind(s.Name(name, of.at or node.at), Typed(Var(name), kind))
    under = _under(scope, node.under, of) if node.under is not None else None
    method = method_of(scope, node.by) if node.by is not None else None
    if (node.under is not None and under is None) or (node.by is not None and method is None):
        return None
    if node.kind == "verify":
        term = want(scope, node.value, t.BOOL, f"the claim `{node.name.text}`")
        answer: t.Type = t.BOOL
    else:
        found = infer(scope, node.value)
        if found.kernel:
            context.report(
                "distribution-as-value", "a query asks for a value", node.value.at, "a distribution",
                help="ask `distribution(x)` of a channel",
            )  # fmt: skip
            return None
        if t.is_wrong(found.type):
            return None
        term, answer = found.term, found.over or found.type
    if not well_formed(context, term, node.kind, node.value.at):
        return None
    after = markets.trades(scope, node, term)
    if after is None:
        return None
    text = source(scope, node.value, 200)
    space = None if answer == t.UNIT else t.space(answer)
    made = p.Question(
        node.kind, node.name.text, term, of.name if of is not None else None, under, method, space, text, at=node.at,
        after=after,
    )  # fmt: skip
    return made if method is None or suits(context, method, asked(made)) else None


def suits(context: Context, method: p.Method, kinds: tuple[str, ...] = (RECOGNITION,)) -> bool:
    """Whether a method answers what is asked (see `methods.asked`), by default a recognition; reports if not."""
    wrong = unsuited(method.name, kinds)
    if wrong is None:
        return True
    context.report("unsuited-method", wrong.headline, method.at, "a method for other questions", help=wrong.advice)
    return False


def _of(scope: Scope, node: s.Expr) -> Instance | None:
    target = node.callee if isinstance(node, s.CallExpr) and not node.args else node
    found = box_of(scope, target)
    if found is None:
        name = target.name if isinstance(target, s.Ident) else source(scope, target)
        close = nearest(name, scope.context.boxes)
        scope.context.report(
            "unknown-game",
            f"there is no game or channel `{name}`",
            node.at,
            "not declared",
            help=f"did you mean `{close}`?" if close else "",
            edit=Edit(node.at, close) if close else None,
        )
    return found


def _under(scope: Scope, node: s.Expr, of: Instance | None) -> str | None:
    context = scope.context
    name = node.name if isinstance(node, s.Ident) else ""
    if name not in context.strategies:
        close = nearest(name, context.strategies)
        context.report(
            "unknown-strategy",
            f"there is no strategy `{name or source(scope, node)}`",
            node.at,
            "not declared",
            help=f"did you mean `{close}`?" if close else _strategies(context),
            edit=Edit(node.at, close) if close else None,
        )
        return None
    if of is not None:
        planned = box_of(scope, context.strategies[name].of)
        if planned is not None and planned.name != of.name:
            context.report(
                "other-game",
                f"`{name}` is a strategy of `{planned.name}`, and the question is of `{of.name}`",
                node.at,
                f"plans `{planned.name}`",
                windows=(Window(context.strategies[name].at, "declared here"),),
            )
            return None
    return name


def _strategies(context: Context) -> str:
    known = [f"`{name}`" for name in context.strategies]
    return f"the strategies are {', '.join(known[:5])}{', ...' if len(known) > 5 else ''}" if known else ""


def method_of(scope: Scope, node: s.Expr) -> p.Method | None:
    base = node.base if isinstance(node, s.IndexExpr) else node
    name = base.name if isinstance(base, s.Ident) else ""
    if name not in METHODS:
        close = nearest(name, METHODS)
        scope.context.report(
            "unknown-method",
            f"there is no method `{name or source(scope, node)}`",
            base.at,
            "not known",
            help=f"did you mean `{close}`?" if close else f"the methods are {', '.join(_there())}, ...",
            edit=Edit(base.at, close) if close else None,
        )
        return None
    options: list[tuple[str, Any]] = []
    for arg in node.args if isinstance(node, s.IndexExpr) else ():
        if arg.name is None:
            scope.context.report(
                "unknown-argument", f"the options of `{name}` have names", arg.value.at, "which option?",
                help=f"for example `{name}[runs = 1000]`",
            )  # fmt: skip
            return None
        typed = value(scope, arg.value)
        if isinstance(typed.type, t.Num) and typed.type.dimension and not _money(name, arg.name.text, typed.type):
            scope.context.report(
                "unit-mismatch", f"the option `{arg.name.text}` of `{name}` is no quantity in {t.unit_words(typed.type)}",
                arg.value.at, t.unit_words(typed.type), help="leave the unit out",
            )  # fmt: skip
            return None
        known = constant(scope, typed.term, arg.value.at) if not t.is_wrong(typed.type) else None
        if known is None:
            return None
        options.append((arg.name.text, known))
    return p.Method(name, tuple(options), at=node.at)


def _money(method: str, option: str, kind: t.Num) -> bool:
    """Whether this is an amount of $, and the option takes one."""
    return kind.dimension == (("$", 1),) and any(o.name == option and o.kind == "amount" for o in METHODS[method].options)


def _there() -> list[str]:
    """Words to name to somebody who knows none of them."""
    return [f"`{m.name}`" for m in METHODS.values() if m.available][:5]


# -------------------------------------------------------------------- asking words


def ask(scope: Scope, node: s.CallExpr, name: str) -> Typed:
    """`E(x)`, `equilibrium(s)`, ...: a call of one of the asking words."""
    args = [a.value for a in node.args]
    needs = _ARGUMENTS.get(name, ((len(args),), ""))
    named = next((a for a in node.args if a.name is not None), None)
    if named is not None and named.name is not None:
        compared = f"{named.name.text} == {source(scope, named.value, 1_000)}"
        return scope.context.wrong(
            "assignment-in-expression",
            f"`=` names an argument, and `{name}` has none called `{named.name.text}`",
            named.name.at.to(named.value.at),
            "read as an argument with its name",
            help=f"to compare, write `==`: `{source(scope, node.callee)}({compared})`",
            edit=Edit(named.name.at.to(named.value.at), compared),
        )
    if name in MARKET:
        return markets.asked(scope, node, name, args)
    if len(args) not in needs[0]:
        return scope.context.wrong("wrong-count", f"`{name}` takes {needs[1]}", node.at, f"{len(args)} given")
    match name:
        case "P" | "E" | "cvar" | "variance" | "distribution":
            return _about_wires(scope, node, name, args)
        case "equilibrium" | "subgame_perfect" | "exploitability":
            found = _strategy_ref(scope, args[0])
            if found is None:
                return WRONG
            kind = _gain(scope, found) if name == "exploitability" else t.BOOL
            return Typed(Ask(name, (found,), at=node.at), kind)
        case "equilibria":
            game = _game_ref(scope, args[0])
            return WRONG if game is None else Typed(Ask(name, (game,), at=node.at), t.UNIT)
        case "best_response" | "dominant":
            return _of_player(scope, node, name, args)
        case "reach":
            words = Const(source(scope, args[0]))
            return Typed(Ask(name, (words,), at=node.at), t.PROB)
        case "feasible":
            return _feasible(scope, node, args[0])
        case "coverage":
            return _coverage(scope, node, args)
        case "why":
            return _why(scope, args)
    raise TypeError(f"not an asking word: {name}")


_ARGUMENTS: dict[str, tuple[tuple[int, ...], str]] = {
    "P": ((1,), "an event"),
    "E": ((1,), "a number"),
    "cvar": ((2,), "a number and a level, as in `cvar(profit, 5%)`"),
    "variance": ((1,), "a number"),
    "distribution": ((1,), "a wire"),
    "equilibrium": ((1,), "a strategy"),
    "subgame_perfect": ((1,), "a strategy"),
    "exploitability": ((1,), "a strategy"),
    "equilibria": ((1,), "a game"),
    "best_response": ((2,), "a game and a player"),
    "dominant": ((2,), "a game and a player"),
    "reach": ((1,), "a decision"),
    "feasible": ((1,), "a call of a game, as in `feasible(Sced(load, quote, soc))`"),
    "coverage": ((2,), "a recognition and a level"),
    "why": (tuple(range(1, 33)), "a claim, and the params that may change, as in `why(safe, power, cap)`"),
}


def _about_wires(scope: Scope, node: s.CallExpr, name: str, args: list[s.Expr]) -> Typed:
    if name == "P":
        event = want(scope, args[0], t.BOOL, "the event of `P`")
        return Typed(Ask("P", (event,), at=node.at), t.PROB)
    found = value(scope, args[0])
    if t.is_wrong(found.type):
        return WRONG
    if name == "distribution":
        return Typed(Ask(name, (found.term,), at=node.at), t.UNIT, over=found.type)
    if not isinstance(found.type, t.Num):
        words = source(scope, args[0])
        hint = f"`P({words})` is the chance of an event" if isinstance(found.type, t.Bool) else f"ask `distribution({words})`"
        return scope.context.wrong(
            "type-mismatch", f"`{name}` is about a number, and this is {t.describe(found.type)}", args[0].at,
            t.describe(found.type), help=hint,
        )  # fmt: skip
    kind = t.Num(found.type.dimension, found.type.lower, found.type.upper, unit=found.type.unit)
    if name == "cvar":
        level = want(scope, args[1], t.PROB, "the level of `cvar`")
        return Typed(Ask(name, (found.term, level), at=node.at), kind)
    if name == "variance":
        from opengames.dsl.units import name_of, power

        squared = power(kind.dimension, 2)
        unit = name_of(squared, scope.context.units) if squared else None
        return Typed(Ask(name, (found.term,), at=node.at), t.Num(squared, unit=unit))
    return Typed(Ask(name, (found.term,), at=node.at), kind)


def ask_given(scope: Scope, node: s.Given, name: str) -> Typed:
    """`P(event | evidence, ...)`, and the same for `E` and `distribution`."""
    if name in MARKET:
        return markets.asked(scope, node, name, [node.event], node.evidence)
    if name not in ("P", "E", "distribution"):
        return scope.context.wrong(
            "question-outside", f"`{name}` takes no evidence", node.at, "`P`, `E` and `distribution` do"
        )
    evidence = tuple(want(scope, e, t.BOOL, "evidence") for e in node.evidence)
    first = _about_wires(scope, s.CallExpr(node.callee, (s.Arg(None, node.event, node.event.at),), node.at), name, [node.event])
    if not isinstance(first.term, Ask):
        return WRONG
    return Typed(Ask(name, (*first.term.args, *evidence), at=node.at), first.type, over=first.over)


def _strategy_ref(scope: Scope, node: s.Expr) -> Ref | None:
    context = scope.context
    name = node.name if isinstance(node, s.Ident) else ""
    if name in context.strategies:
        return Ref("strategy", name, at=node.at)
    close = nearest(name, context.strategies)
    kind = context.declared.get(name, ("", None))[0]
    context.report(
        "unknown-strategy",
        f"there is no strategy `{name or source(scope, node)}`",
        node.at,
        f"a {kind}, not a strategy" if kind else "not declared",
        help=f"did you mean `{close}`?" if close else _strategies(context),
        edit=Edit(node.at, close) if close else None,
    )
    return None


def _game_ref(scope: Scope, node: s.Expr) -> Ref | None:
    found = _of(scope, node)
    return None if found is None or found.broken else Ref("game", found.name, at=node.at)


def _gain(scope: Scope, strategy: Ref) -> t.Type:
    found = box_of(scope, scope.context.strategies[strategy.name].of)
    kind = found.earning if found is not None else None
    return kind.plain if isinstance(kind, t.Num) else t.REAL


def _of_player(scope: Scope, node: s.CallExpr, name: str, args: list[s.Expr]) -> Typed:
    game = _game_ref(scope, args[0])
    seat = seat_of(scope, args[1])
    if game is None or seat is None:
        return WRONG
    player: Term = Ref("player", seat.name, at=args[1].at)
    extra = (Pack(seat.index),) if seat.index else ()
    return Typed(Ask(name, (game, player, *extra), at=node.at), t.UNIT)


def _feasible(scope: Scope, node: s.CallExpr, inner: s.Expr) -> Typed:
    found = box_of(scope, inner.callee) if isinstance(inner, s.CallExpr) else None
    if found is None or not isinstance(inner, s.CallExpr):
        return scope.context.wrong(
            "unknown-game", "`feasible` asks about a call of a game", inner.at, "not a call of a game"
        )
    if found.broken:
        return WRONG
    ordered = arrange(scope, inner.at, found.name, [n for n, _ in found.inputs], list(inner.args))
    if ordered is None:
        return WRONG
    terms = tuple(
        want(scope, e, k, f"`{n}` of `{found.name}`", found.at) for e, (n, k) in zip(ordered, found.inputs, strict=True)
    )
    return Typed(Ask("feasible", (Ref("game", found.name), *terms), at=node.at), t.BOOL)


def _coverage(scope: Scope, node: s.CallExpr, args: list[s.Expr]) -> Typed:
    name = args[0].name if isinstance(args[0], s.Ident) else ""
    if name not in scope.context.recognitions:
        close = nearest(name, scope.context.recognitions)
        return scope.context.wrong(
            "unknown-recognition",
            f"there is no recognition `{name}`",
            args[0].at,
            "not declared",
            help=f"did you mean `{close}`?" if close else "",
        )
    level = want(scope, args[1], t.PROB, "the level of `coverage`")
    return Typed(Ask("coverage", (Ref("recognition", name), level), at=node.at), t.PROB)


def _why(scope: Scope, args: list[s.Expr]) -> Typed:
    """`why(claim, param, ...)`: a claim of the text by its name, and params by theirs."""
    context = scope.context
    refs = []
    for i, arg in enumerate(args):
        name = arg.name if isinstance(arg, s.Ident) else ""
        kind = context.declared.get(name, ("", None))[0]
        if kind == ("param" if i else "verify"):
            refs.append(Ref("param" if i else "claim", name, at=arg.at))
            continue
        known = context.params if i else [n for n, (k, _) in context.declared.items() if k == "verify"]
        what, code = ("param", "unknown-param") if i else ("claim", "unknown-question")
        close = nearest(name, known)
        listed = ", ".join(f"`{n}`" for n in list(known)[:5])
        return context.wrong(
            code, f"there is no {what} `{name or source(scope, arg)}`", arg.at,
            f"a {kind}, not a {what}" if kind else "not declared",
            help=f"did you mean `{close}`?" if close else f"the {what}s are {listed}" if listed else "",
            edit=Edit(arg.at, close) if close else None,
        )  # fmt: skip
    for ref in refs[1:]:
        held = context.param_types.get(ref.name)
        if isinstance(held, t.Family | t.Record):
            return context.wrong(
                "type-mismatch", f"`{ref.name}` is {t.describe(held)}, and `why` changes single values", ref.at, "many values",
                help="leave it out, or make the value that matters a param of its own",
            )  # fmt: skip
    return Typed(Ask("why", tuple(refs), at=args[0].at), t.UNIT)
