"""From a diagram to code: loops unrolled, calls opened, what is known already computed, dead wires dropped.

Earnings follow `paying` and `expects` outward to the wire they come from; each player is paid each of its
distinct earnings once, split into its addends (see `additive`), every addend as soon as it is known.

Raises `Refusal`: `over-budget` (too many steps), `not-yet` (clearings, real moves, dual wires, seats
chosen at random), `open-game` (inputs or expectations that nobody supplies).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from typing import Any

from opengames.solvers.additive import addends
from opengames.solvers.code import (
    Assign,
    Choose,
    Code,
    Draw,
    Formula,
    Gather,
    Join,
    Mark,
    Reward,
    Split,
    Step,
    reads,
    writes,
)

from opengames import spaces
from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Branch, Call, Compute, Decide, Diagram, Loop, binds, wires
from opengames.diagram import Draw as DrawBox
from opengames.evaluate import STEPS, Compiler
from opengames.program import Program
from opengames.spaces import Family
from opengames.terms import At, Fold, Term, Var, bound, free, rebuild, substitute
from opengames.tree import Player

#: Unrolled steps beyond which a game is refused.
STEPS_LIMIT = 400_000
#: Live values, added up over all steps, beyond which a game is refused.
LIVE_LIMIT = 4_000_000
#: Moves of one decision beyond which it is refused.
MOVES_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Later:
    """A backward wire of the enclosing scope, looked up when everything is bound."""

    scope: Scope
    name: str


#: The loops around a box: variable, its space, its value.
Around = tuple[tuple[str, spaces.Space, Any], ...]


class Scope(dict[str, "int | Later"]):
    """The wires of one scope instance, by name: slots, or backward wires still to be looked up."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Template:
    """A compiled term, also with its lookups of single family elements replaced by variables of their own."""

    term: Term
    names: tuple[str, ...]
    run: Any
    lookups: tuple[tuple[str, str, tuple[Term, ...], tuple[spaces.Space, ...]], ...]
    short: Term
    short_names: tuple[str, ...]
    short_run: Any


def unroll(
    program: Program,
    diagram: Diagram,
    params: Mapping[str, Any] | None = None,
    prune: bool = True,
    limit: int = STEPS_LIMIT,
    live: bool = True,
) -> Code:
    """The code of `diagram`.

    prune: drop draws that nothing depends on (a drawing keeps them). live: find out what is live where, which
    layers need and single plays do not.
    """
    return Unroller(program, params, limit).run(diagram, prune, live)


class Unroller:
    """The state of one unrolling."""

    def __init__(self, program: Program, params: Mapping[str, Any] | None, limit: int) -> None:
        self.compiler = Compiler(program.funs, {**program.param_values(), **(params or {})})
        self.funs = program.funs
        self.limit = limit
        self.steps: list[Step] = []
        self.fixed: dict[int, Any] = {}
        self.elements: dict[int, tuple[int, ...]] = {}
        self.defined: list[int] = []
        self.entry: list[int] = []
        self.made: dict[int, tuple[Term, Scope]] = {}
        self.owed: list[tuple[Player, Scope, str]] = []
        self.players: list[Player] = []
        self._seats: set[Player] = set()
        self.cuts: list[tuple[int, dict[int, tuple[str, spaces.Space]]]] = []
        self.spaces: dict[int, spaces.Space] = {}
        self.merges: dict[int, set[int]] = {}
        self.unassigned: set[int] = set()
        self.unnamed: set[int] = set()
        self.known: dict[int, tuple[Term, Scope]] = {}
        self._numbered: dict[int, int] = {}
        self._distinct: dict[Term, int] = {}
        self._arm = 0
        self._templates: dict[int, _Template] = {}
        self._moves: dict[int, tuple[tuple[Any, ...], tuple[Term, ...], dict[str, spaces.Space]]] = {}
        # By identity: hashing a large index costs more than unrolling does.
        self._keys: dict[int, tuple[Any, dict[Any, int]]] = {}
        self._kept: list[Any] = []

    # -------------------------------------------------------------- the whole

    def run(self, diagram: Diagram, prune: bool, live: bool) -> Code:
        if diagram.inputs or diagram.expects:
            names = ", ".join(f"`{p.name}`" for p in diagram.inputs + diagram.expects)
            raise refuse(
                "open-game",
                f"`{diagram.name}` is open: nobody supplies {names}",
                span=diagram.at,
                help="ask about a game that plugs it into something",
            )
        self._diagram(diagram, Scope(), (), ())
        earnings = self._earnings()
        code = self._reward(earnings)
        if live:
            _prune(code, prune)
        else:
            code.dead = [False] * len(code.steps)
        return code

    def _earnings(self) -> dict[Player, tuple[int, ...]]:
        found: dict[Player, dict[int, None]] = {p: {} for p in self.players}
        known: dict[Any, int] = {}
        for player, scope, name in self.owed:
            found[player][self._origin(self.resolve(scope, name), known)] = None
        return {player: tuple(slots) for player, slots in found.items()}

    def _origin(self, slot: int, known: dict[Any, int]) -> int:
        """The one slot that stands for an earning, wherever in the play it was named.

        A wire that every arm of a branch binds is the merged wire, inside the arm too; and two earnings without a name that
        are computed alike from the same wires (`-won` here and `-won` there) are one. known: those met so far.
        """
        slot = self.lifted(slot)
        source = self.made.get(slot) or self.known.get(slot)
        if source is None or slot not in self.unnamed:
            return slot
        term, scope = source
        names = self.template(term).names
        before = tuple(self.resolve(scope, n) for n in names)
        after = tuple(map(self.lifted, before))
        if before == after and all(s in self.fixed for s in after):
            return slot
        if before != after:
            region = max(self.entry[b] for a, b in zip(before, after, strict=True) if a != b)
            if any(a == b and self.entry[a] > region for a, b in zip(before, after, strict=True)):
                return slot
        key = (self._same(term), after)
        if key not in known:
            known[key] = slot if before == after else self._restated(term, names, after)
        return known[key]

    def _same(self, term: Term) -> int:
        """A number that equal terms share; each term is compared once, not once for each time around a loop."""
        if id(term) not in self._numbered:
            self._numbered[id(term)] = self._distinct.setdefault(term, len(self._distinct))
            self._kept.append(term)
        return self._numbered[id(term)]

    def lifted(self, slot: int) -> int:
        """The merged wire that a wire of an arm becomes outside, as far out as it goes."""
        while len(out := self.merges.get(slot, ())) == 1:
            slot = next(iter(out))
        return slot

    def _restated(self, term: Term, names: tuple[str, ...], slots: tuple[int, ...]) -> int:
        """A slot for a term over merged wires; nothing is computed for it but what is paid."""
        slot = self.slot()
        self.entry[slot] = max(self.entry[s] for s in slots)
        self.made[slot] = (term, Scope(zip(names, slots, strict=True)))
        self.unassigned.add(slot)
        return slot

    def _reward(self, earnings: dict[Player, tuple[int, ...]]) -> Code:
        """The code with every addend of every earning paid out as early as possible."""
        owners: dict[int, list[Player]] = defaultdict(list)
        for player, slots in earnings.items():
            for slot in slots:
                owners[slot].append(player)
        base: dict[Player, Fraction] = dict.fromkeys(earnings, Fraction(0))
        # One entry per (place, formula), however many earnings contain it.
        at: dict[int, dict[Any, tuple[Formula, dict[Player, Fraction]]]] = defaultdict(dict)
        for slot, owned in owners.items():
            for addend in addends(self, slot):
                place = max([self.entry[slot], *(self.defined[s] for s in addend.formula.slots)])
                if not addend.formula.slots and place == 0:
                    for player in owned:
                        base[player] += addend.scale * _number(addend.formula.run(addend.formula.fixed))
                    continue
                _, paid = at[place].setdefault(addend.key, (addend.formula, {}))
                for player in owned:
                    paid[player] = paid.get(player, Fraction(0)) + addend.scale
        moved: list[int] = []
        steps: list[Step] = []
        for pc in range(len(self.steps) + 1):
            moved.append(len(steps))
            if pc in at:
                steps.append(Reward(tuple((f, tuple(paid.items())) for f, paid in at[pc].values())))
            if pc < len(self.steps):
                steps.append(self.steps[pc])
        for step in steps:
            if isinstance(step, Split):
                step.targets = {v: moved[t] for v, t in step.targets.items()}
                step.arms = tuple((label, values, moved[t]) for label, values, t in step.arms)
            elif isinstance(step, Join):
                step.target = moved[step.target]
        cuts = {moved[pc]: carried for pc, carried in self.cuts}
        scope = (self.funs, self.compiler.params)
        return Code(steps, self.fixed, tuple(self.players), base, earnings, self._refill, cuts, self.spaces, scope)

    def _refill(self) -> None:
        self.compiler.meter.left = STEPS

    # -------------------------------------------------------------- wires

    def slot(self) -> int:
        self.defined.append(len(self.steps))
        self.entry.append(self._arm)
        return len(self.defined) - 1

    def constant(self, value: Any) -> int:
        slot = self.slot()
        self.fixed[slot] = value
        return slot

    def emit(self, step: Step) -> None:
        if len(self.steps) >= self.limit:
            raise refuse(
                "over-budget",
                f"the play has more than {self.limit:,} steps when its loops are unrolled",
                help="choose smaller sizes, or ask `by simulate`",
            )
        self.steps.append(step)
        for out in writes(step):
            self.defined[out] = len(self.steps)

    def resolve(self, scope: Scope, name: str) -> int:
        """The slot of a wire, following backward wires outward."""
        found = scope[name]
        while isinstance(found, Later):
            found = found.scope[found.name]
        return found

    def is_fixed(self, scope: Scope, names: frozenset[str] | tuple[str, ...]) -> bool:
        return all(isinstance(scope.get(n), int) and scope[n] in self.fixed for n in names)

    def static(self, term: Term, scope: Scope) -> Any:
        """The value of a term whose wires are all fixed."""
        template = self.template(term)
        self.compiler.meter.left = STEPS
        return template.run({n: self.fixed[self.resolve(scope, n)] for n in template.names})

    # -------------------------------------------------------------- terms

    def template(self, term: Term) -> _Template:
        found = self._templates.get(id(term))
        if found is None:
            lookups: list[Any] = []
            short = _shorten(term, lookups, frozenset())
            run = self.compiler.compile(term)
            short_run = self.compiler.compile(short) if lookups else run
            found = _Template(
                term, tuple(sorted(free(term))), run, tuple(lookups), short, tuple(sorted(free(short))), short_run
            )
            self._templates[id(term)] = found
        return found

    def formula(self, term: Term, scope: Scope) -> Formula:
        """The term with its wires found; single elements of families are fetched without the family."""
        template = self.template(term)
        run, names, whole = template.run, template.names, term
        extra: dict[str, int] = {}
        if template.lookups:
            found = [self.element(scope, fam, keys, index) for _, fam, keys, index in template.lookups]
            if all(s is not None for s in found):
                extra = {look[0]: s for look, s in zip(template.lookups, found, strict=True) if s is not None}
                run, names, whole = template.short_run, template.short_names, template.short
        fetched: list[tuple[str, int]] = []
        fixed: dict[str, Any] = {}
        for name in names:
            slot = extra[name] if name in extra else self.resolve(scope, name)
            if slot in self.fixed:
                fixed[name] = self.fixed[slot]
            else:
                fetched.append((name, slot))
        return Formula(run, tuple(fetched), fixed, whole)

    def element(
        self, scope: Scope, fam: str, keys: tuple[Term, ...], index: tuple[spaces.Space, ...]
    ) -> int | None:
        """The slot of one element of a gathered family, where its key is known."""
        if fam not in scope or len(keys) != len(index):
            return None
        slot = self.resolve(scope, fam)
        items = self.elements.get(slot)
        if items is None or not all(self.is_fixed(scope, free(k)) for k in keys):
            return None
        known = self._keys.get(id(index))
        if known is None:
            known = (index, {k: i for i, k in enumerate(spaces.index_points(index))})
            self._keys[id(index)] = known
        place = known[1].get(tuple(self.static(k, scope) for k in keys))
        return None if place is None else items[place]

    # -------------------------------------------------------------- boxes

    def _diagram(self, diagram: Diagram, scope: Scope, path: tuple[str, ...], index: Around) -> None:
        for box in diagram.boxes:
            match box:
                case Compute(out=out, term=term, hidden=hidden):
                    scope[out.name] = slot = self._compute(term, scope)
                    if hidden:
                        self.unnamed.add(slot)
                    self.spaces[self.resolve(scope, out.name)] = out.space
                case DrawBox(out=out, kernel=kernel):
                    formula = self.formula(kernel, scope)
                    slot = self.slot()
                    self.emit(Draw(slot, formula, ".".join((*path, out.name)), _values(index)))
                    scope[out.name] = slot
                    self.spaces[slot] = out.space
                case Decide():
                    self._decide(diagram, box, scope, path, index)
                case Call(name=name, diagram=inner):
                    within = Scope({p.name: scope[a] for p, a in zip(inner.inputs, box.args, strict=True)})
                    within.update({p.name: Later(scope, w) for p, w in zip(inner.expects, box.paying, strict=True)})
                    self._diagram(inner, within, (*path, name), index)
                    for wire, port in zip(box.outs + box.reports, inner.outputs + inner.reports, strict=True):
                        scope[wire] = within[port.name]
                case Loop():
                    self._loop(box, scope, path, index)
                case Branch():
                    self._branch(box, scope, path, index)

    def _compute(self, term: Term, scope: Scope) -> int:
        if not all(self._is_known(scope, name) for name in self.template(term).names):
            return self._awaited(term, scope)
        if isinstance(term, Var):
            source = self.resolve(scope, term.name)
            if source in self.elements:
                slot = self._assign(self.formula(term, scope))
                self.elements[slot] = self.elements[source]
                self.made[slot] = (term, scope)
                return slot
        formula = self.formula(term, scope)
        if not formula.wires:
            self.compiler.meter.left = STEPS
            try:
                slot = self.constant(formula.run(formula.fixed))
                self.known[slot] = (term, scope)
                return slot
            except Refusal:
                if self._arm == 0:
                    raise
                # An arm that is never taken may hold a fault; it is met when the arm is.
        slot = self._assign(formula)
        self.made[slot] = (term, scope)
        return slot

    def _is_known(self, scope: Scope, name: str) -> bool:
        """Whether a wire is bound by now; a backward wire is once the outside has bound it."""
        found = scope[name]
        while isinstance(found, Later):
            if found.name not in found.scope:
                return False
            found = found.scope[found.name]
        return found not in self.unassigned

    def _awaited(self, term: Term, scope: Scope) -> int:
        """A slot for a term over backward wires, such as an earning; nothing is computed for it but what is paid."""
        inner: dict[str, Term] = {}
        for name in self.template(term).names:
            found = scope[name]
            if not isinstance(found, Later) and found in self.unassigned and self.made[found][1] is scope:
                inner[name] = self.made[found][0]
        slot = self.slot()
        self.made[slot] = (substitute(term, inner), scope)
        self.unassigned.add(slot)
        return slot

    def _assign(self, formula: Formula) -> int:
        slot = self.slot()
        self.emit(Assign(slot, formula))
        return slot

    def _loop(self, box: Loop, scope: Scope, path: tuple[str, ...], index: Around) -> None:
        keys = list(product(*(tuple(spaces.points(space)) for _, space in box.iters)))
        carried = {c.name: self.resolve(scope, c.init) for c in box.carry}
        gathered: list[dict[str, int]] = [{} for _ in keys]
        order = range(len(keys) - 1, -1, -1) if box.reversed else range(len(keys))
        for i in order:
            if carried and not index:
                self._cut(box, carried)
            within = Scope((name, scope[name]) for name in box.captured)
            for (name, _), value in zip(box.iters, keys[i], strict=True):
                within[name] = self.constant(value)
            within.update(carried)
            outside = zip(box.body.expects, box.paying, strict=True)
            within.update({p.name: Later(scope, w) for p, w in outside})
            here = tuple((name, space, v) for (name, space), v in zip(box.iters, keys[i], strict=True))
            self._diagram(box.body, within, path, (*index, *here))
            carried = {c.name: self.resolve(within, c.next) for c in box.carry}
            gathered[i] = {wire: self.resolve(within, wire) for _, wire in box.outs}
        if carried and not index:
            self._cut(box, carried)
        inner = {p.name: p.space for p in box.body.outputs}
        for out, wire in box.outs:
            items = tuple(found[wire] for found in gathered)
            scope[out] = self._gather(items, isinstance(inner.get(wire), Family))
        for out, carry in box.lasts:
            scope[out] = carried[carry]

    def _cut(self, box: Loop, carried: dict[str, int]) -> None:
        here = {carried[c.name]: (c.name, c.space) for c in box.carry}
        self.cuts.append((len(self.steps), here))

    def _gather(self, items: tuple[int, ...], flat: bool) -> int:
        if all(s in self.fixed for s in items):
            values = tuple(self.fixed[s] for s in items)
            slot = self.constant(tuple(v for item in values for v in item) if flat else values)
        else:
            slot = self.slot()
            self.emit(Gather(slot, items, flat))
        if not flat:
            self.elements[slot] = items
        elif all(s in self.elements for s in items):
            self.elements[slot] = tuple(e for s in items for e in self.elements[s])
        return slot

    def _branch(self, box: Branch, scope: Scope, path: tuple[str, ...], index: Around) -> None:
        subject = self.resolve(scope, box.subject)
        known = subject in self.fixed
        place = ".".join((*path, box.name))
        split = Split(subject, {}, (), place, _values(index))
        if not known:
            self.emit(split)
        around = self._arm
        arms: list[tuple[str, tuple[Any, ...], int]] = []
        ends: list[tuple[Join, Scope]] = []
        for arm, paying in zip(box.arms, box.paying or ((),) * len(box.arms), strict=True):
            within = Scope((name, scope[name]) for name in box.captured)
            within.update({p.name: Later(scope, w) for p, w in zip(arm.body.expects, paying, strict=True)})
            if known and self.fixed[subject] not in arm.values:
                within.update(_merging(box, arm.body, scope))
                self._absent(arm.body, within)
                continue
            if known:
                self.emit(Mark(".".join((*path, arm.label)), _values(index)))
                self._diagram(arm.body, within, (*path, arm.label), index)
                for out in box.outs:
                    scope[out.name] = self.resolve(within, out.name)
                continue
            arms.append((".".join((*path, arm.label)), arm.values, len(self.steps)))
            self._arm = len(self.steps)
            self._diagram(arm.body, within, (*path, arm.label), index)
            end = Join((), 0)
            self.emit(end)
            ends.append((end, within))
            self._arm = around
        if known:
            return
        split.arms = tuple(arms)
        split.targets = {value: pc for _, values, pc in arms for value in values}
        merged = {out.name: self.slot() for out in box.outs}
        for (end, within), (_, _, begin) in zip(ends, arms, strict=True):
            end.moved = tuple((merged[n], self.resolve(within, n)) for n in merged)
            for out, inner in end.moved:
                if self.entry[inner] == begin:
                    self.merges.setdefault(inner, set()).add(out)
            end.target = len(self.steps)
        scope.update(merged)

    def _absent(self, diagram: Diagram, scope: Scope) -> None:
        """Players of an arm that is never taken still earn the wires of the outside that they would earn
        there.
        """
        for box in diagram.boxes:
            match box:
                case Decide(seat=seat, earning=earning) if isinstance(scope.get(earning), Later):
                    if all(self.is_fixed(scope, free(t)) for t in seat.index):
                        self._owe((seat.name, tuple(self.static(t, scope) for t in seat.index)), scope, earning)
                case Call(diagram=inner, args=args, paying=paying):
                    pairs = zip(inner.inputs, args, strict=True)
                    within = Scope({p.name: scope[a] for p, a in pairs if a in scope})
                    self._absent_inside(inner, within, paying, scope)
                case Loop(iters=iters, body=body, captured=captured, paying=paying):
                    for key in product(*(tuple(spaces.points(space)) for _, space in iters)):
                        within = Scope((n, scope[n]) for n in captured if n in scope)
                        within.update({n: self.constant(v) for (n, _), v in zip(iters, key, strict=True)})
                        self._absent_inside(body, within, paying, scope)
                case Branch(arms=arms, captured=captured, paying=paying):
                    for arm, pays in zip(arms, paying or ((),) * len(arms), strict=True):
                        within = Scope((n, scope[n]) for n in captured if n in scope)
                        outward = _merging(box, arm.body, scope)
                        within.update({n: w for n, w in outward.items() if isinstance(scope.get(n), Later)})
                        self._absent_inside(arm.body, within, pays, scope)

    def _absent_inside(self, inner: Diagram, within: Scope, paying: tuple[str, ...], scope: Scope) -> None:
        outward = zip(inner.expects, paying, strict=True)
        within.update({p.name: Later(scope, w) for p, w in outward if isinstance(scope.get(w), Later)})
        self._absent(inner, within)

    # -------------------------------------------------------------- decisions

    def _decide(
        self, diagram: Diagram, box: Decide, scope: Scope, path: tuple[str, ...], index: Around
    ) -> None:
        place = ".".join((*path, box.outs[0].name))
        moves, rules, types = self._legal(diagram, box, place)
        indices = frozenset().union(*(free(t) for t in box.seat.index)) if box.seat.index else frozenset()
        if not self.is_fixed(scope, indices):
            raise refuse("not-yet", f"who decides `{place}` depends on what happened", span=box.at)
        player: Player = (box.seat.name, tuple(self.static(t, scope) for t in box.seat.index))
        seen = tuple((name, self.resolve(scope, name)) for name in box.seeing)
        inside = Scope(scope)
        outs = tuple(self.slot() for _ in box.outs)
        self.spaces.update((slot, p.space) for slot, p in zip(outs, box.outs, strict=True))
        inside.update({p.name: slot for p, slot in zip(box.outs, outs, strict=True)})
        formulas = tuple(self.formula(rule, inside) for rule in rules)
        own = set(outs)
        bare = tuple(Formula(f.run, tuple(w for w in f.wires if w[1] not in own), f.fixed, f.term) for f in formulas)
        self.emit(Choose(outs, box, path, place, _values(index), player, seen, moves, bare, index, types))
        scope.update({p.name: slot for p, slot in zip(box.outs, outs, strict=True)})
        self._owe(player, scope, box.earning)

    def _owe(self, player: Player, scope: Scope, earning: str) -> None:
        if player not in self._seats:
            self.players.append(player)
            self._seats.add(player)
        self.owed.append((player, scope, earning))

    def _legal(
        self, diagram: Diagram, box: Decide, place: str
    ) -> tuple[tuple[Any, ...], tuple[Term, ...], dict[str, spaces.Space]]:
        """All joint moves, the rules over the moves and what comes before them, and the types around."""
        found = self._moves.get(id(box))
        if found is not None:
            return found
        reason = not_finite(box)
        if reason is not None:
            raise refuse("not-yet", f"`{place}`: {reason}", span=box.at)
        each = [p.space for p in box.outs]
        joint = list(islice(product(*(tuple(spaces.points(s)) for s in each)), MOVES_LIMIT + 1))
        if len(joint) > MOVES_LIMIT:
            raise refuse("over-budget", f"`{place}` has more than {MOVES_LIMIT:,} moves", span=box.at)
        moves = tuple(m[0] for m in joint) if len(each) == 1 else tuple(joint)
        rules = tuple(rule_term(diagram, box, rule.term, rule.iters, place) for rule in box.rules)
        level = wires(diagram)
        types = {name: level[name] for name in (*box.seeing, box.earning, *(p.name for p in box.outs))}
        self._moves[id(box)] = (moves, rules, types)
        self._kept.append(box)
        return self._moves[id(box)]


def _merging(box: Branch, body: Diagram, scope: Scope) -> dict[str, Later]:
    """What an arm binds and every arm binds is the wire outside."""
    bound_here = {p.name for each in body.boxes for p in binds(each)}
    return {p.name: Later(scope, p.name) for p in box.outs if p.name in bound_here}


def not_finite(box: Decide) -> str | None:
    """Why a decision is none among finitely many moves; `None` if it is one."""
    if box.duals:
        return f"a clearing with dual wires ({', '.join(p.name for p in box.duals)}) needs a solver for convex programs"
    for port in box.outs:
        if not spaces.is_finite(port.space):
            return f"`{port.name}` is a real quantity; finite methods need finitely many moves"
    return None


def rule_term(
    diagram: Diagram, box: Decide, term: Term, iters: tuple[tuple[str, spaces.Space], ...], place: str
) -> Term:
    """A rule over the move and what comes before it: wires computed from the move are written out."""
    after = _after(diagram, box)
    whole: Term = Fold("and", iters, term) if iters else term
    for _ in range(len(diagram.boxes) + 1):
        late = free(whole) & frozenset(after)
        if not late:
            return whole
        for name in late:
            if after[name] is None:
                raise refuse("not-yet", f"a rule of `{place}` waits for `{name}`", span=box.at)
        whole = substitute(whole, {name: after[name] for name in late})  # type: ignore[misc]
    return whole


def _after(diagram: Diagram, box: Decide) -> dict[str, Term | None]:
    """The wires bound after the decision, with their terms where they are computed."""
    found: dict[str, Term | None] = {}
    seen = False
    for other in diagram.boxes:
        if other is box:
            seen = True
        elif seen:
            for port in binds(other):
                found[port.name] = other.term if isinstance(other, Compute) else None
    return found


def _shorten(term: Term, lookups: list[Any], inside: frozenset[str]) -> Term:
    """The term with `family[key]` replaced by fresh variables, where no bound variable is in the key."""
    if (
        isinstance(term, At)
        and isinstance(term.family, Var)
        and term.family.name not in inside
        and len(term.keys) == len(term.index)
        and not any(free(k) & inside for k in term.keys)
    ):
        name = f"{term.family.name}[{len(lookups)}]"
        lookups.append((name, term.family.name, term.keys, term.index))
        return Var(name)
    more = inside | bound(term)
    return rebuild(term, lambda t: _shorten(t, lookups, more))


def _values(around: Around) -> tuple[Any, ...]:
    return tuple(value for _, _, value in around)


def _number(value: Any) -> Fraction:
    return Fraction(value)


def _prune(code: Code, drop_draws: bool) -> None:
    """Which slots are live before each step, and which steps do nothing that matters."""
    steps, fixed = code.steps, code.fixed
    live: list[frozenset[int]] = [frozenset()] * (len(steps) + 1)
    dead = [False] * len(steps)
    count = 0
    for pc in range(len(steps) - 1, -1, -1):
        step = steps[pc]
        match step:
            case Split(targets=targets):
                after = frozenset().union(*(live[t] for t in set(targets.values())))
            case Join(target=target):
                after = live[target]
                step.moved = tuple((o, s) for o, s in step.moved if o in after)
            case _:
                after = live[pc + 1]
        outs = writes(step)
        if isinstance(step, Assign | Gather) or (drop_draws and isinstance(step, Draw)):
            dead[pc] = not any(o in after for o in outs)
        if dead[pc]:
            live[pc] = after
        else:
            more = frozenset(s for s in reads(step) if s not in fixed)
            gone = after.difference(outs) if outs else after
            live[pc] = gone if more <= gone else gone | more
        count += len(live[pc])
        if count > LIVE_LIMIT:
            raise refuse(
                "over-budget",
                "too much of what happens matters until the end: histories cannot be merged",
                notes=(f"{len(after):,} values are live at once, in {len(steps):,} steps",),
                help="choose smaller sizes, or ask `by simulate`",
            )
    code.live = [tuple(sorted(s)) for s in live]
    code.dead = dead


__all__ = ["Scope", "Unroller", "not_finite", "rule_term", "unroll"]
