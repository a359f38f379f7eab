"""`decide ... by ... seeing ... earning ... subject to`: a decision, its seat and its rules."""

from __future__ import annotations

from opengames.diagram import Decide, Port, Rule, Seat
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Typed, source
from opengames.dsl.infer import infer, value, want
from opengames.dsl.instances import note_decision, seat_of
from opengames.dsl.levels import Level, LevelScope
from opengames.dsl.ranges import bind_iters, both
from opengames.dsl.type_expressions import resolve
from opengames.plain import replace
from opengames.terms import Prim, Var, free


def decide(scope: LevelScope, node: s.DecideStmt) -> None:
    level, context = scope.level, scope.context
    if not level.root.plays:
        context.report(
            "decision-in-channel",
            "a channel has no players, and this is a decision",
            node.at,
            "decided here",
            help="make it a `game`, or draw: `x ~ ...`",
        )
    outs: list[Port] = []
    for each in node.fields:
        kind = resolve(scope, each.type)
        if isinstance(kind, t.Player):
            context.report("type-mismatch", "nobody can decide a player", each.type.at, "`player` is not a set of moves")
            kind = t.WRONG
        level.bind(each.name.text, kind, each.name.at)
        if not t.is_wrong(kind):
            outs.append(Port(each.name.text, t.space(kind), each.name.at))
    seat = seat_of(scope, node.player)
    seeing = tuple(n.text for n in node.seeing or () if _seen(scope, n, node))
    _name_rules(scope, node)
    note_decision(scope, node, seat, seeing)
    place = len(level.boxes)
    box = Decide(tuple(outs), seat or Seat("?"), tuple(dict.fromkeys(seeing)), "", at=node.at)
    level.boxes.append(box)
    if seat is None or len(outs) != len(node.fields):
        level.root.later.append(lambda: _drop_quietly(scope, node))
        return
    level.root.later.append(lambda: _earn(scope, node, place))


def _drop_quietly(scope: LevelScope, node: s.DecideStmt) -> None:
    """The earning of a decision that is already wrong is still read, for its own mistakes."""
    infer(scope, node.earning)


def _seen(scope: LevelScope, name: s.Name, node: s.DecideStmt) -> bool:
    if any(name.text == f.name.text for f in node.fields):
        scope.context.report(
            "sees-own-move", f"this decision would see its own move `{name.text}`", name.at, "decided only here"
        )
        return False
    found = infer(scope, s.Ident(name.text, name.at))
    if t.is_wrong(found.type):
        return False
    if not isinstance(found.term, Var):
        scope.context.report(
            "always-seen",
            f"`{name.text}` is not a wire: everybody knows it",
            name.at,
            "the same in every play",
            help="leave it out of `seeing`; a strategy may use it all the same",
        )
        return False
    return True


def _earn(scope: LevelScope, node: s.DecideStmt, place: int) -> None:
    level = scope.level
    box = level.boxes[place]
    assert isinstance(box, Decide)
    found = value(scope, node.earning)
    if t.is_wrong(found.type):
        return
    if not isinstance(found.type, t.Num):
        scope.context.report(
            "type-mismatch",
            f"a decision earns a number, and this is {t.describe(found.type)}",
            node.earning.at,
            t.describe(found.type),
            help=_earned_part(scope, node, found.type),
        )
        return
    wire = _earning_wire(level, found, node)
    rules = tuple(r for r in (_rule(scope, r) for r in node.rules) if r is not None)
    outs = {p.name for p in box.outs}
    used: set[str] = set()
    for rule in rules:
        used |= free(rule.term) - {v for v, _ in rule.iters}
    needs = tuple(
        sorted(w for w in used - outs - set(box.seeing) if not _depends(level, w, outs) and not w.startswith("dual "))
    )
    index = tuple(box.seat.index)
    level.boxes[place] = replace(box, earning=wire, rules=rules, needs=needs, seat=Seat(box.seat.name, index))
    level.root.earning = level.root.earning or found.type


def _earned_part(scope: LevelScope, node: s.DecideStmt, found: t.Type) -> str:
    """What of a record or a family a decision may have been meant to earn."""
    words = source(scope, node.earning, 30)
    if isinstance(found, t.Record):
        fields = [n for n, kind in found.fields if isinstance(kind, t.Num)]
        own = node.player.name if isinstance(node.player, s.Ident) else ""
        return f"choose a field: `{words}.{own if own in fields else fields[0]}`" if fields else ""
    if isinstance(found, t.Family):
        return f"choose one element, or add them up: `sum({words})`"
    return f"count it: `ind({words})`" if isinstance(found, t.Bool) else ""


def _depends(level: Level, wire: str, outs: set[str]) -> bool:
    return level.comes_after(wire, frozenset(outs)) or wire in level.expects


def _earning_wire(level: Level, found: Typed, node: s.DecideStmt) -> str:
    if isinstance(found.term, Var) and level.use(found.term.name) is not None:
        return found.term.name
    if found.term in level.earned:
        return level.earned[found.term]
    wire = level.fresh_wire(f"{node.fields[0].name.text} earning")
    level.add(wire, found.type, found.term, node.earning.at, hidden=True)
    level.earned[found.term] = wire
    return wire


def _rule(scope: LevelScope, node: s.RuleStmt) -> Rule | None:
    found = bind_iters(scope, node.iters)
    if found is None:
        return None
    inner, iters, conditions = found
    term = want(inner, node.condition, t.BOOL, f"rule `{node.name.text}`")
    restriction = both(conditions)
    if restriction is not None:
        term = Prim("implies", (restriction, term), at=node.at)
    return Rule(node.name.text, tuple((n, t.space(k)) for n, k in iters), term, at=node.at)


def _name_rules(scope: LevelScope, node: s.DecideStmt) -> None:
    """Make the rules known by name, so that `dual(rule)` finds them."""
    level = scope.level
    seen: dict[str, s.Span] = {}
    for rule in node.rules:
        if rule.name.text in seen or rule.name.text in level.duals:
            scope.context.report(
                "duplicate-name", f"two rules are called `{rule.name.text}`", rule.name.at, "again here"
            )
            continue
        seen[rule.name.text] = rule.name.at
        level.duals[rule.name.text] = (scope, node, rule)
