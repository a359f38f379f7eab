"""From a diagram to code: loops unrolled, calls opened, what is known already computed, dead wires dropped.

Earnings follow `paying` and `expects` outward to the wire they come from; each player is paid each of its
distinct earnings once, split into its addends (see `additive`), every addend as soon as it is known.

Raises `Refusal`: `over-budget` (too many steps), `not-yet` (clearings, real moves, dual wires, seats
chosen at random), `open-game` (inputs or expectations that nobody supplies).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from itertools import islice, product
from typing import Any

from opengames import spaces
from opengames.diagnostics import Refusal, refuse
from opengames.diagram import Branch, Call, Compute, Decide, Diagram, Loop, wires
from opengames.diagram import Draw as DrawBox
from opengames.evaluate import STEPS, Compiler
from opengames.program import Program
from opengames.solvers import liveness
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
    writes,
)
from opengames.solvers.lookups import Template, template
from opengames.solvers.rules import not_finite, rule_term
from opengames.solvers.scopes import Around, Later, Rows, Scope, merging
from opengames.spaces import Family
from opengames.terms import Term, Var, free, substitute
from opengames.tree import Player

#: Unrolled steps beyond which a game is refused.
STEPS_LIMIT = 400_000
#: Moves of one decision beyond which it is refused.
MOVES_LIMIT = 20_000


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
        self.rows: dict[int, Rows] = {}
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
        self._templates: dict[int, Template] = {}
        self._moves: dict[int, tuple[tuple[Any, ...], tuple[Term, ...], dict[str, spaces.Space]]] = {}
        # By identity: hashing a large index costs more than unrolling does.
        self._places: dict[int, dict[tuple[Any, ...], int]] = {}
        self._slices: dict[tuple[int, tuple[Any, ...], int], int] = {}
        self._kept: list[Any] = []
        #: Whether all steps are there, and only what is paid is being found.
        self.paying = False

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
        self.paying = True
        earnings = self._earnings()
        code = self._reward(earnings)
        if live:
            liveness.prune(code, prune)
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
        names = self.template(term).whole.names
        before = tuple(self.resolve(scope, n) for n in names)
        after = tuple(map(self.lifted, before))
        if before == after and all(s in self.fixed for s in after):
            return slot
        if before != after:
            region = max(self.entry[b] for a, b in zip(before, after, strict=True) if a != b)
            if any(a == b and self.entry[a] > region for a, b in zip(before, after, strict=True)):
                return slot
        # A loop index is a wire of each iteration; what counts of it is its value.
        key = (self._same(term), tuple(("=", self.fixed[s]) if s in self.fixed else s for s in after))
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
        made = self.template(term).whole
        self.compiler.meter.left = STEPS
        return made.run({n: self.fixed[self.resolve(scope, n)] for n in made.names})

    # -------------------------------------------------------------- terms

    def template(self, term: Term) -> Template:
        found = self._templates.get(id(term))
        if found is None:
            found = self._templates[id(term)] = template(self.compiler, term)
        return found

    def formula(self, term: Term, scope: Scope) -> Formula:
        """The term with its wires found; parts of families at known keys are fetched without the family."""
        made = self.template(term)
        short, extra = made.whole, {}
        if made.lookups:
            found = [self._look(scope, look.family, look.keys, True) for look in made.lookups]
            short = made.cut(tuple(used for _, used in found))
            extra = {look.name: slot for look, (slot, used) in zip(made.lookups, found, strict=True) if used}
        fetched: list[tuple[str, int]] = []
        fixed: dict[str, Any] = {}
        for name in short.names:
            slot = extra[name] if name in extra else self.resolve(scope, name)
            if slot in self.fixed:
                fixed[name] = self.fixed[slot]
            else:
                fetched.append((name, slot))
        return Formula(short.run, tuple(fetched), fixed, short.term)

    def element(self, scope: Scope, fam: str, keys: tuple[Term, ...], index: tuple[spaces.Space, ...]) -> int | None:
        """The slot of one element of a gathered family, where its key is known."""
        if len(keys) != len(index):
            return None
        slot, used = self._look(scope, fam, keys, False)
        return slot if used == len(keys) else None

    def _look(self, scope: Scope, fam: str, keys: tuple[Term, ...], slices: bool) -> tuple[int, int]:
        """What the leading keys of a gathered family lead to, as far as they are known, and how many those are.

        slices: whether a part of one loop's rows may be gathered anew.
        """
        if fam not in scope:
            return -1, 0
        slot, used = self.resolve(scope, fam), 0
        while used < len(keys) and (rows := self.rows.get(slot)) is not None:
            part = keys[used : used + len(rows.iters)]
            if not all(self.is_fixed(scope, free(k)) for k in part):
                break
            values = tuple(self.static(k, scope) for k in part)
            if len(part) < len(rows.iters):
                if slices and not self.paying:
                    slot, used = self._slice(slot, rows, values), len(keys)
                break
            place = rows.places.get(values)
            if place is None:
                break
            slot, used = rows.items[place], used + len(part)
        return slot, used

    def _slice(self, slot: int, rows: Rows, values: tuple[Any, ...]) -> int:
        """The rows whose keys begin with `values`, as a family; gathered once in each arm."""
        known = (slot, values, self._arm)
        if known not in self._slices:
            n = len(values)
            items = tuple(rows.items[i] for key, i in rows.places.items() if key[:n] == values)
            self._slices[known] = self._gather(items, rows.flat, rows.iters[n:])
        return self._slices[known]

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
        if not all(self._is_known(scope, name) for name in self.template(term).whole.names):
            return self._awaited(term, scope)
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
        if isinstance(formula.term, Var) and (rows := self.rows.get(formula.wires[0][1])) is not None:
            self.rows[slot] = rows
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
        for name in self.template(term).whole.names:
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
            scope[out] = self._gather(items, isinstance(inner.get(wire), Family), box.iters)
        for out, carry in box.lasts:
            scope[out] = carried[carry]

    def _cut(self, box: Loop, carried: dict[str, int]) -> None:
        here = {carried[c.name]: (c.name, c.space) for c in box.carry}
        self.cuts.append((len(self.steps), here))

    def _gather(self, items: tuple[int, ...], flat: bool, iters: tuple[tuple[str, spaces.Space], ...]) -> int:
        if all(s in self.fixed for s in items):
            values = tuple(self.fixed[s] for s in items)
            slot = self.constant(tuple(v for item in values for v in item) if flat else values)
        else:
            slot = self.slot()
            self.emit(Gather(slot, items, flat))
        self.rows[slot] = Rows(iters, self._numbering(iters), items, flat)
        return slot

    def _numbering(self, iters: tuple[tuple[str, spaces.Space], ...]) -> dict[tuple[Any, ...], int]:
        known = self._places.get(id(iters))
        if known is None:
            keys = product(*(tuple(spaces.points(space)) for _, space in iters))
            known = self._places[id(iters)] = {key: i for i, key in enumerate(keys)}
            self._kept.append(iters)
        return known

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
                within.update(merging(box, arm.body, scope))
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
            for outer, inner in end.moved:
                if self.entry[inner] == begin:
                    self.merges.setdefault(inner, set()).add(outer)
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
                        outward = merging(box, arm.body, scope)
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


def _values(around: Around) -> tuple[Any, ...]:
    return tuple(value for _, _, value in around)


def _number(value: Any) -> Fraction:
    return Fraction(value)


__all__ = ["Scope", "Unroller", "unroll"]
