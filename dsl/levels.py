"""A level: one diagram being built, with the wires bound so far and what it takes from the levels around it.

The body of a game is a level; so is the body of each loop and each arm of a branch inside it. A name that
is not bound here is looked for further out. Found there, it comes in: forward, as a captured input, or, when
the wire outside depends on the very box this level is the inside of, backward, as an `expects` port.
Only what is earned or paid may use the latter; that is elaborated last, when every wire has its type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opengames.diagnostics import Window, errors
from opengames.diagram import Arm, Box, Branch, Compute, Decide, Diagram, Loop, Port, in_order
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Context, Scope, Typed
from opengames.plain import dataclass, field, replace
from opengames.spans import Span
from opengames.terms import FALSE, Term, Var


@dataclass(slots=True)
class LoopInside:
    """A loop whose body is still being built; `loop.body` is a placeholder until then."""

    loop: Loop
    body: Level
    inputs: tuple[Port, ...]


@dataclass(slots=True)
class BranchInside:
    branch: Branch
    arms: list[tuple[str, tuple[object, ...], Level]]


Unfinished = Box | LoopInside | BranchInside


@dataclass(slots=True)
class Level:
    """See the module. after: for each statement's names, the names it waits for (forward), transitively closed on demand."""

    context: Context
    parent: Level | None = None
    inputs: list[Port] = field(default_factory=list)
    wires: dict[str, tuple[t.Type, Span | None]] = field(default_factory=dict)
    boxes: list[Unfinished] = field(default_factory=list)
    captured: dict[str, Port] = field(default_factory=dict)
    expects: dict[str, Port] = field(default_factory=dict)
    partial: dict[str, str] = field(default_factory=dict)
    waits: dict[str, set[str]] = field(default_factory=dict)
    inside_of: frozenset[str] = frozenset()
    backward: bool = False
    later: list[Callable[[], None]] = field(default_factory=list)
    earned: dict[Term, str] = field(default_factory=dict)
    duals: dict[str, tuple[Scope, s.DecideStmt, s.RuleStmt]] = field(default_factory=dict)
    asked_duals: dict[str, Port] = field(default_factory=dict)
    pricing: list[str] = field(default_factory=list)
    unpriced: set[str] = field(default_factory=set)
    carried: dict[str, t.Type] = field(default_factory=dict)
    carry_owner: dict[str, s.ForStmt] = field(default_factory=dict)
    segments: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    path: tuple[str, ...] = ()
    plays: bool = False
    incomplete: bool = False
    late_use: bool = False
    returning: dict[str, tuple[t.Type, Span]] = field(default_factory=dict)
    earning: t.Type | None = None
    decisions: list[Any] = field(default_factory=list)
    every_wire: dict[str, Span | None] = field(default_factory=dict)

    @property
    def root(self) -> Level:
        level = self
        while level.parent is not None:
            level = level.parent
        return level

    def bind(self, name: str, kind: t.Type, at: Span | None, hidden: bool = False) -> None:
        self.wires[name] = (kind, at)
        if hidden:
            self.hidden.add(name)
        else:
            self.root.every_wire.setdefault(name, at)

    def use(self, name: str) -> t.Type | None:
        """The type of wire `name`, brought in from outside if need be; `None` if there is no such wire."""
        if name in self.wires:
            return self.wires[name][0]
        if name in self.returning:
            return self.returning[name][0] if self.root.backward else None
        if self.parent is None:
            return None
        kind = self.parent.use(name)
        if kind is None:
            return None
        if name not in self.captured and name not in self.expects and not t.is_wrong(kind):
            port = Port(name, t.space(kind), self.parent.place(name))
            if self.root.backward and self.parent.comes_after(name, self.inside_of):
                self.expects[name] = port
            else:
                self.captured[name] = port
                # the body earns it, and the statements of the body did not wait for it
                self.parent.late_use = self.parent.late_use or self.root.backward
        return kind

    def place(self, name: str) -> Span | None:
        if name in self.wires:
            return self.wires[name][1]
        return None if self.parent is None else self.parent.place(name)

    def comes_after(self, name: str, box: frozenset[str]) -> bool:
        """Whether wire `name` of this level depends on the box that binds the names `box`, or comes in backward itself."""
        if name in self.expects or name in self.returning:
            return True
        seen: set[str] = set()
        stack = [name]
        while stack:
            each = stack.pop()
            if each in box:
                return True
            if each not in seen:
                seen.add(each)
                stack.extend(self.waits.get(each, ()))
        return False

    def add(self, port_name: str, kind: t.Type, term: Term, at: Span | None, hidden: bool = False) -> None:
        """A deterministic box."""
        self.boxes.append(Compute(Port(port_name, t.space(kind), at), term, hidden, at=at))
        self.bind(port_name, kind, at, hidden)

    def segment(self, name: str) -> str:
        """`name`, or a variation not yet used as a path segment here."""
        found, n = name, 1
        while found in self.segments:
            n += 1
            found = f"{name}'{n}"
        self.segments.add(found)
        return found

    def fresh_wire(self, name: str) -> str:
        found, n = name, 1
        while found in self.wires:
            n += 1
            found = f"{name}{n}"
        return found

    # -------------------------------------------------------------- finishing

    def finish(self, name: str, outputs: tuple[Port, ...] = (), at: Span | None = None) -> Diagram:
        """The diagram of this level, once everything inside it is elaborated."""
        boxes = tuple(self._close(b) for b in self.boxes)
        inputs = tuple(self.inputs) + tuple(self.captured.values())
        if self.late_use and not errors(self.context.diagnostics):
            boxes = in_order(boxes, [p.name for p in (*inputs, *self.expects.values())])
        return Diagram(name, inputs, outputs, boxes, tuple(self.expects.values()), (), at)

    def _close(self, box: Unfinished) -> Box:
        match box:
            case LoopInside(loop=loop, body=body):
                return self._close_loop(loop, body)
            case BranchInside(branch=branch, arms=arms):
                return self._close_branch(branch, arms)
            case Decide():
                rules = {r.name for r in box.rules}
                return replace(box, duals=tuple(p for rule, p in self.asked_duals.items() if rule in rules))
        return box

    def _close_loop(self, loop: Loop, body: Level) -> Loop:
        leaving = [wire for _, wire in loop.outs] + [c.next for c in loop.carry]
        outputs = tuple(Port(w, t.space(body.wires[w][0])) for w in dict.fromkeys(leaving) if w in body.wires)
        inside = body.finish(loop.name, outputs, loop.at)
        return replace(
            loop, body=inside, captured=tuple(body.captured), paying=tuple(p.name for p in inside.expects)
        )

    def _close_branch(self, branch: Branch, arms: list[tuple[str, tuple[object, ...], Level]]) -> Branch:
        captured: dict[str, Port] = {}
        for _, _, level in arms:
            captured.update(level.captured)
        closed = []
        for label, values, level in arms:
            level.captured = dict(captured)
            closed.append(Arm(label, values, level.finish(label, branch.outs, branch.at)))
        paying = tuple(tuple(p.name for p in arm.body.expects) for arm in closed)
        return replace(branch, arms=tuple(closed), captured=tuple(captured), paying=paying)


class LevelScope(Scope):
    """The scope of a level's statements: its wires, then the locals (statics, iteration variables) around it."""

    def __init__(self, level: Level, parent: Scope) -> None:
        super().__init__(level.context, parent)
        self.level = level

    def lookup(self, name: str) -> Typed | None:
        kind = self.level.use(name)
        if kind is not None:
            return Typed(Var(name), kind)
        return super().lookup(name)

    def place(self, name: str) -> Span | None:
        return self.level.place(name) or super().place(name)

    def names(self) -> list[str]:
        found: list[str] = []
        level: Level | None = self.level
        while level is not None:
            found += [w for w in level.wires if w not in level.hidden]
            level = level.parent
        return found + super().names()

    def dual(self, rule: str) -> Typed | None:
        from opengames.dsl.duals import dual_type

        level: Level | None = self.level
        while level is not None and rule not in level.duals:
            level = level.parent
        if level is None:
            return None
        wire = f"dual {rule}"
        if rule not in level.asked_duals:
            scope, decision, named = level.duals[rule]
            if rule in level.unpriced:
                return Typed(FALSE, t.WRONG)
            if rule in level.pricing:
                _earned(level, rule, level.pricing[level.pricing.index(rule) :])
                return Typed(FALSE, t.WRONG)
            level.pricing.append(rule)
            kind = dual_type(scope, decision, named)
            level.pricing.pop()
            if t.is_wrong(kind):
                return Typed(FALSE, t.WRONG)
            level.asked_duals[rule] = Port(wire, t.space(kind), named.at)
            level.bind(wire, kind, named.at, hidden=True)
        kind_here = self.level.use(wire)
        return Typed(Var(wire), kind_here if kind_here is not None else t.WRONG)

    def rules(self) -> list[str]:
        found: list[str] = []
        level: Level | None = self.level
        while level is not None:
            found += level.duals
            level = level.parent
        return found

    def unknown(self, name: str) -> str:
        level: Level | None = self.level
        while level is not None:
            if name in level.returning:
                return "comes back only after play: it may be earned or paid, not used before"
            if name in level.partial:
                return level.partial[name]
            level = level.parent
        return ""


def _earned(level: Level, rule: str, trail: list[str]) -> None:
    """Report a price that needs itself: its unit, and what it is, come from an earning or a rule that it stands in."""
    _, decision, named = level.duals[rule]
    level.context.report(
        "cycle",
        f"`dual({rule})` waits for itself" if len(trail) == 1 else "these prices wait for each other",
        decision.earning.at,
        "what the rule is worth here",
        windows=(Window(named.at, "the rule"),),
        notes=(" -> ".join(f"dual({each})" for each in [*trail, trail[0]]),),
        help="whoever clears cannot earn the price: let another player, who names an offer, earn it",
    )
