"""Blocks: statements to boxes.

A block is read in the order in which its wires depend on each other, not in the order of its lines. What is
earned or paid is read last (`Level.later`), when every wire of the whole game has its type.
"""

from __future__ import annotations

from functools import partial

from opengames.diagnostics import Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.levels import Level, LevelScope
from opengames.dsl.names_used import bound, carried, forward, mentions
from opengames.dsl.statements import elaborate


def build(level: Level, scope: LevelScope, block: s.Block, expected: dict[str, tuple[t.Type, s.Span]]) -> None:
    """Elaborate every statement of `block` into `level`. expected: declared types of some of its wires (outputs)."""
    behind = _behind(level, block)
    for each in behind:
        level.root.later.append(partial(elaborate, scope, each, expected))
        level.returning.update((n.text, (t.REAL, n.at)) for n in each.names)
    block = s.Block(tuple(x for x in block.statements if x not in behind), block.at)
    owner = _owners(level, block)
    order = _order(level, block, owner)
    for number in order:
        elaborate(scope, block.statements[number], expected)


def _behind(level: Level, block: s.Block) -> list[s.Let]:
    """The definitions that use what comes back into the game, and so come back themselves: in an order that works."""
    names = set(level.returning)
    found: list[s.Let] = []
    more = bool(names)
    while more:
        more = False
        for each in block.statements:
            if isinstance(each, s.Let) and each not in found and mentions(each.value) & names:
                found.append(each)
                names |= {n.text for n in each.names}
                more = True
    return found


def _owners(level: Level, block: s.Block) -> dict[str, int]:
    """Which statement binds each name; reports names bound twice."""
    owner: dict[str, int] = {}
    first: dict[str, s.Span] = {}
    for number, statement in enumerate(block.statements):
        for name in bound(statement):
            if name.text in owner or (name.text in level.wires and not name.text.startswith("next ")):
                already = first.get(name.text) or level.place(name.text)
                level.context.told.add(("twice", id(level.root), name.text))
                level.context.report(
                    "duplicate-name",
                    f"two wires are called `{name.text.removeprefix('next ')}`",
                    name.at,
                    "again here",
                    windows=(Window(already, "first here"),) if already is not None else (),
                    help="a wire is bound once; give the second another name",
                )
                continue
            if level.parent is not None and not name.text.startswith("next ") and name.text in level.carried:
                continue
            _no_shadow(level, name)
            owner[name.text] = number
            first[name.text] = name.at
    for number, statement in enumerate(block.statements):
        if isinstance(statement, s.ForStmt):
            for name in carried(statement):
                if name.text not in owner and level.place(name.text) is None:
                    owner[name.text] = number
                    level.carry_owner[name.text] = statement
    return owner


def _no_shadow(level: Level, name: s.Name) -> None:
    outer = level.parent
    while outer is not None:
        place = outer.wires.get(name.text)
        if place is not None and name.text not in outer.hidden:
            if ("twice", id(level.root), name.text) in level.context.told:
                return
            level.context.report(
                "shadowed-name",
                f"`{name.text}` is already a wire further out",
                name.at,
                "hides the other one",
                windows=(Window(place[1], "the other one"),) if place[1] is not None else (),
                help="give one of them another name",
            )
            return
        outer = outer.parent


def _order(level: Level, block: s.Block, owner: dict[str, int]) -> list[int]:
    """The statements in an order in which each comes after those it waits for; reports cycles."""
    rules = {
        rule.name.text: number
        for number, statement in enumerate(block.statements)
        if isinstance(statement, s.DecideStmt)
        for rule in statement.rules
    }
    waits: list[set[int]] = []
    for number, statement in enumerate(block.statements):
        names = forward(statement)
        mine = {owner[n] for n in names if n in owner} | {rules[n] for n in names if n in rules and n not in owner}
        if not isinstance(statement, (s.ForStmt, s.IfStmt, s.MatchStmt)):
            waits.append(mine)
        else:
            waits.append(mine - {number})
    _add_rule_needs(block, owner, waits)
    _add_price_needs(level, block, owner, waits)
    for number, statement in enumerate(block.statements):
        for name in bound(statement):
            level.waits[name.text] = {b.text for w in waits[number] for b in bound(block.statements[w])}
    for text, number in owner.items():
        if text not in level.waits:
            level.waits[text] = {b.text for b in bound(block.statements[number])}
    order, stuck = _sort(waits)
    if stuck:
        _report_cycle(level, block, waits, stuck)
    return order + sorted(stuck)


def _add_rule_needs(block: s.Block, owner: dict[str, int], waits: list[set[int]]) -> None:
    """A decision also waits for what its rules mention, as far as that does not depend on the decision."""
    for number, statement in enumerate(block.statements):
        if isinstance(statement, s.DecideStmt) and statement.rules:
            for name in mentions(tuple(r.condition for r in statement.rules)):
                other = owner.get(name)
                if other is not None and other != number and not _reaches(waits, other, number):
                    waits[number].add(other)


def _add_price_needs(level: Level, block: s.Block, owner: dict[str, int], waits: list[set[int]]) -> None:
    """A dual also waits for what its rule and the earning mention, which tell its unit; reports what waits for the dual itself."""
    priced = {
        rule.name.text: (statement, rule)
        for statement in block.statements
        if isinstance(statement, s.DecideStmt)
        for rule in statement.rules
    }
    for number, statement in enumerate(block.statements):
        if isinstance(statement, s.DecideStmt):
            continue
        for text in sorted(forward(statement) & priced.keys() - owner.keys()):
            decision, rule = priced[text]
            for name in sorted(mentions(decision.earning) | mentions(rule.condition)):
                other = owner.get(name)
                if other is None:
                    continue
                if other != number and not _reaches(waits, other, number):
                    waits[number].add(other)
                    continue
                _own_price(level, statement, name, decision, rule)
                break


def _own_price(level: Level, statement: s.Stmt, name: str, decision: s.DecideStmt, rule: s.RuleStmt) -> None:
    """Report a price that the earning, or the rule, that it comes from is made of."""
    level.context.report(
        "cycle",
        f"`dual({rule.name.text})` waits for itself",
        decision.earning.at if name in mentions(decision.earning) else rule.condition.at,
        f"made of `{name}`",
        windows=(Window(rule.at, "the rule"), Window(statement.at, "its price")),
        notes=(f"dual({rule.name.text}) -> {name} -> dual({rule.name.text})",),
        help="whoever clears cannot earn the price: let another player, who names an offer, earn it",
    )
    level.unpriced.add(rule.name.text)


def _reaches(waits: list[set[int]], start: int, goal: int) -> bool:
    seen: set[int] = set()
    stack = [start]
    while stack:
        each = stack.pop()
        if each == goal:
            return True
        if each not in seen:
            seen.add(each)
            stack.extend(waits[each])
    return False


def _sort(waits: list[set[int]]) -> tuple[list[int], set[int]]:
    """Depth-first, so that the author's order is kept where dependence allows; what is in or behind a cycle is stuck."""
    order: list[int] = []
    done: set[int] = set()
    remaining = {n: len(w) for n, w in enumerate(waits)}
    behind: dict[int, list[int]] = {}
    for n, each in enumerate(waits):
        for w in each:
            behind.setdefault(w, []).append(n)
    from heapq import heapify, heappop, heappush

    ready = [n for n, count in remaining.items() if count == 0]
    heapify(ready)
    while ready:
        number = heappop(ready)
        order.append(number)
        done.add(number)
        for next_one in behind.get(number, ()):
            remaining[next_one] -= 1
            if remaining[next_one] == 0:
                heappush(ready, next_one)
    return order, set(range(len(waits))) - done


def _report_cycle(level: Level, block: s.Block, waits: list[set[int]], stuck: set[int]) -> None:
    """One diagnostic for each separate cycle, as the path of wires that wait for each other."""
    for path in _cycles(waits, stuck):
        names = [next(bound(block.statements[n])).text for n in path]
        at = next(bound(block.statements[path[0]])).at
        lines = ", ".join(str(x) for x in sorted({block.statements[n].at.line for n in path}))
        trail = " -> ".join([*names, names[0]])
        level.context.report(
            "cycle",
            "these wires wait for each other" if len(path) > 1 else f"`{names[0]}` waits for itself",
            at,
            trail,
            windows=tuple(Window(next(bound(block.statements[n])).at, "waits for the next") for n in path[1:]),
            notes=(f"{trail} (line{'s' if ',' in lines else ''} {lines})",),
            help=f"if one is yesterday's value, carry it: `for t in Hour carrying {names[0]} = ...`",
        )
    for number in stuck:
        for name in bound(block.statements[number]):
            level.bind(name.text, t.WRONG, name.at)


def _cycles(waits: list[set[int]], stuck: set[int]) -> list[list[int]]:
    """Cycles that share no statement, each from its first statement on, following what each one waits for."""
    found: list[list[int]] = []
    seen: set[int] = set()
    for start in sorted(stuck):
        path: list[int] = []
        place: dict[int, int] = {}
        stack: list[tuple[int, bool]] = [(start, False)]
        while stack:
            here, leaving = stack.pop()
            if leaving:
                path.pop()
                del place[here]
            elif here in place:
                if not any(n in circle for circle in found for n in path[place[here] :]):
                    found.append(path[place[here] :])
            elif here not in seen:
                seen.add(here)
                place[here] = len(path)
                path.append(here)
                stack.append((here, True))
                stack.extend((n, False) for n in sorted(waits[here] & stuck, reverse=True))
    return [circle[circle.index(min(circle)) :] + circle[: circle.index(min(circle))] for circle in found]
