"""Claims decided: proved, refuted with a witness that replays, or unknown with the reason.

A claim is proved if no values break it: z3 finds none for its negation, in any of the cases it is split into. It is refuted by
values at which it fails: those are put into the claim, and what results is evaluated exactly (or, where quantifiers over
the reals or contracts are left in it, proved false in turn). A model of z3 that does not pass that is no refutation. Every obligation
(see `translate`) is shown to hold as well, or the claim is not proved.

Alternating quantifiers: those over finite sets are expanded, or where that is large instantiated one by one as candidates for a
witness fall (Clarke and others, 2003; for z3 here, Reynolds and others, Counterexample-guided quantifier instantiation, 2015); over the
reals z3's own elimination is tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from opengames.cases import Assignment, Iters, Undecided, assignments, count, parts, search, written
from opengames.diagnostics import Refusal
from opengames.evaluate import compile_term
from opengames.program import Fun
from opengames.proved import values as v
from opengames.proved.knowledge import Facts
from opengames.proved.shape import is_open, normal, prefix
from opengames.proved.solve import Clock, Reply, rounder, satisfy
from opengames.proved.translate import NeedsQuantifiers, Obligation, Scope, Translator, goals
from opengames.proved.values import Truth, Value
from opengames.proved.witness import at, has_finitely_many, leaves, probe
from opengames.rounding import rounds
from opengames.spaces import Space, is_finite
from opengames.terms import Ask, Const, Fold, Prim, Term, substitute

SECONDS = 10
CASES = 256
"""Cases of finite variables that are decided one by one; of more, the variables are left open."""
EXPANDED = 600
"""Cases of an inner quantifier that are written out; more are brought in one by one."""
ROUNDS = 1_000
"""Candidates for a witness that are tried."""
GROUND = 200_000
"""Cases that are evaluated, where evaluating decides."""
_DEPTH = 5
_GOALS = 200
_PROBES = 48
_AT_A_TIME = 4  # answers to one candidate
_MANY = 150  # facts beyond which those near a goal are tried alone


@dataclass(frozen=True)
class Finding:
    """verdict: "proved", "refuted" or "unknown". witness: the values at which it fails (of an `exists`: holds).

    reasons: sentences. contracts: what the proof put in place of functions that leave the rationals. cases: how many were
    decided. opened: how many numbers, labels and truth values were left open.
    """

    verdict: str
    witness: Assignment = field(default_factory=list)
    reasons: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()
    cases: int = 0

    def flipped(self) -> Finding:
        """The finding about the negation."""
        other = {"proved": "refuted", "refuted": "proved"}.get(self.verdict, self.verdict)
        return Finding(other, self.witness, self.reasons, self.contracts, self.cases)


AskTerm = Callable[[Translator, Ask, Scope, int], Truth]


@dataclass
class Prover:
    """Decides closed claims over the same funs and params, all within one clock."""

    funs: Mapping[str, Fun]
    params: Mapping[str, Any]
    clock: Clock
    ask: AskTerm | None = None

    def decide(self, term: Term, depth: int = 0) -> Finding:
        """The finding about a closed claim."""
        if depth > _DEPTH:
            raise Undecided("its quantifiers are nested too deeply")
        try:
            return self._decide(normal(term, self.funs), depth)
        except RecursionError:
            raise Undecided("an expression is nested too deeply for the proved reading; name its parts") from None

    def _decide(self, term: Term, depth: int) -> Finding:
        if self._is_ground(term):
            holds, found = search(term, self.funs, self.params)
            return Finding("proved" if holds else "refuted", found, cases=1)
        match term:
            case Prim(op="and" | "or" as op, args=(a, b)):
                return self._two(op, a, b, depth)
            case Prim(op="implies", args=(a, b)):
                return self._two("or", normal(a, self.funs, True), b, depth)
            case Fold(op="or"):
                return self._decide(normal(term, self.funs, True), depth).flipped()
        return self._universal(term, depth)

    def _is_ground(self, term: Term) -> bool:
        """Whether evaluating the claim decides it, exactly and quickly."""
        if is_open(term, self.funs) or any(isinstance(t, Ask) for t in parts(term)) or rounds([term], self.funs):
            return False
        cases, inner = 1, term
        while isinstance(inner, Fold) and inner.op in ("and", "or"):
            cases *= count(inner.iters)
            inner = inner.body
        return cases <= GROUND

    def _two(self, op: str, a: Term, b: Term, depth: int) -> Finding:
        ends = "refuted" if op == "and" else "proved"
        first = self._decide(a, depth)
        if first.verdict == ends:
            return first
        second = self._decide(b, depth)
        if second.verdict == ends or first.verdict != "unknown":
            one = second
        else:
            one = first
        contracts = tuple(dict.fromkeys(first.contracts + second.contracts))
        return Finding(one.verdict, one.witness, one.reasons, contracts, first.cases + second.cases)

    # ------------------------------------------------------------------------ for all

    def _universal(self, term: Term, depth: int) -> Finding:
        iters, body = prefix(term)
        finite = tuple((n, s) for n, s in iters if is_finite(s))
        if count(finite) > CASES:
            kept = 1
            split: Iters = ()
            for name, space in finite:
                if kept * count(((name, space),)) <= CASES:
                    kept *= count(((name, space),))
                    split += ((name, space),)
            finite = split
        left = tuple(i for i in iters if i not in finite)
        contracts: dict[str, None] = {}
        tried, unknown = 0, None
        for case in assignments(finite):
            tried += 1
            known = {n: c.value for n, c in case.items() if isinstance(c, Const)}
            found = Case(self, body, depth, iters, left, known).finding()
            contracts.update(dict.fromkeys(found.contracts))
            if found.verdict == "refuted":
                return Finding("refuted", found.witness, found.reasons, found.contracts, tried)
            if found.verdict == "unknown":
                unknown = unknown or found
                if self.clock.left < 0:
                    break
        if unknown is not None:
            return Finding("unknown", unknown.witness, unknown.reasons, tuple(contracts), tried)
        return Finding("proved", [], (), tuple(contracts), tried)

    def translator(self) -> Translator:
        """A fresh translator that knows how questions in claims are put."""
        made = Translator(self.funs, self.params, self.clock.deadline)
        ask = self.ask
        if ask is not None:
            made.ask = lambda term, scope, want: ask(made, term, scope, want)
        return made


@dataclass
class Case:
    """`forall iters: body`, with the values in `known` for some of the variables and `left` the others."""

    prover: Prover
    body: Term
    depth: int = 0
    iters: Iters = ()
    left: Iters = ()
    known: dict[str, Any] = field(default_factory=dict)
    opened: dict[str, Value] = field(default_factory=dict)
    wrong: Truth = True  # what a witness is looked for

    def finding(self) -> Finding:
        """Decide it."""
        inner = self.body if isinstance(self.body, Fold) and self.body.op == "or" else None
        large = inner is not None and (not has_finitely_many(inner) or count(inner.iters) > EXPANDED)
        if inner is not None and large and has_finitely_many(inner):
            return self._instantiated()
        try:
            return self.at_once(quantifiers=False, clock=self.prover.clock)
        except NeedsQuantifiers as needed:
            return self._alternating(large, str(needed))

    def _alternating(self, large: bool, why: str) -> Finding:
        reasons: tuple[str, ...] = ()
        try:
            found = self.at_once(quantifiers=True, clock=self.prover.clock.part(0.5 if large else 0.95))
            if found.verdict != "unknown" or not large:
                return found
            reasons = found.reasons
        except NeedsQuantifiers as again:
            if not large:
                raise Undecided(f"{why}, and {again}") from None
        found = self._instantiated()
        return found if found.verdict != "unknown" else Finding("unknown", found.witness, reasons + found.reasons)

    def start(self, quantifiers: bool) -> tuple[Translator, Scope] | None:
        """A translator and the scope of the body; `None` where a variable ranges over nothing."""
        tr = self.prover.translator()
        tr.quantifiers = quantifiers
        try:
            self.opened = {n: tr.open(written(n), s) for n, s in self.left}
        except ValueError:
            return None
        types = dict(self.iters)
        return tr, Scope({**self.known, **self.opened}, types)

    def at_once(self, quantifiers: bool, clock: Clock) -> Finding:
        """The finding from the claim written out whole."""
        started = self.start(quantifiers)
        if started is None:
            return Finding("proved", cases=1)
        tr, scope = started
        holds = tr.truth(self.body, scope, -1)
        open_duty = self._duties(tr, clock)
        assumed = Facts([v.truth(v.negation(d.broken())) for d in tr.obligations])
        reasons: list[str] = []
        parts_ = goals(holds)
        for goal in parts_ if len(parts_) <= _GOALS else [holds]:
            self.wrong = wrong = v.negation(goal)
            if self._far_from(wrong, assumed, tr, clock):
                assumed.add(goal)
                continue
            constraints = tr.complete(wrong, assumed)
            reply = satisfy(constraints, clock)
            if reply.status == "sat":
                if self.left_open():
                    found = self._refuted(constraints, reply, tr)
                else:
                    found = open_duty or self._settled(holds, assumed, tr)
                if found.verdict == "refuted":
                    return found
                reasons += found.reasons
                break
            if reply.status == "unknown":
                reasons.append(reply.why)
                break
            assumed.add(goal)
        if reasons:
            return Finding("unknown", [], tuple(reasons), tuple(tr.contracts), 1)
        if open_duty is not None:
            return Finding("unknown", open_duty.witness, open_duty.reasons, tuple(tr.contracts), 1)
        return Finding("proved", [], (), tuple(tr.contracts), 1)

    def _far_from(self, wrong: Truth, assumed: Facts, tr: Translator, clock: Clock) -> bool:
        """Whether what is near a goal already rules out its negation, of the many facts of a long play."""
        if len(tr.facts) + len(assumed.every) < _MANY:
            return False
        for radius in (1, 2, 3, 5):
            reply = satisfy(tr.complete(wrong, assumed, radius), clock.part(0.15))
            if reply.status == "unsat":
                return True
        return False

    # -------------------------------------------------------------------- obligations

    def _duties(self, tr: Translator, clock: Clock) -> Finding | None:
        """Why the claim may have no value somewhere; `None` if it has one everywhere."""
        duties = [d for d in tr.obligations if d.holds is not True]
        if len(tr.facts) + len(duties) >= _MANY:
            shown = Facts()
            left_ = []
            for d in duties:
                if not self._far_from(d.broken(), shown, tr, clock):
                    left_.append(d)
                shown.add(v.negation(d.broken()))
            duties = left_
        broken = v.disj(d.broken() for d in duties)
        if broken is False:
            return None
        reply = satisfy(tr.complete(broken), clock.part(0.6))
        if reply.status == "unsat":
            return None
        if reply.status == "unknown":
            said = "; ".join(dict.fromkeys(d.what for d in duties))
            return Finding("unknown", [], (f"it was not shown that the claim has a value everywhere ({said}?): {reply.why}",))
        first = _first_broken(duties, reply)
        self.wrong = first.broken()
        witness = self.witness(self._polished(tr.complete(first.broken()), reply), tr)
        where = at(witness)
        said = f"where {where}, {first.what}" if where else first.what
        exact = self.fault(witness)
        if exact is None:
            return Finding("unknown", [], (f"it was not shown that the claim has a value everywhere: {said}",))
        return Finding("unknown", [], (f"the claim has no value where {where}: {exact}" if where else exact,))

    def fault(self, witness: Assignment) -> str | None:
        """What evaluation says about a witness at which the claim has no value."""
        if not self._evaluates():
            return None
        try:
            search(self._at(witness), self.prover.funs, self.prover.params)
        except Refusal as refused:
            return refused.diagnostics[0].headline
        except Undecided:
            return None
        return None

    # ----------------------------------------------------------------------- witnesses

    def _refuted(self, constraints: list[Truth], reply: Reply, tr: Translator) -> Finding:
        """A refutation, if a model replays; else why it does not."""
        tried: list[Any] = [self._polished(constraints, reply), reply.model]
        for model in tried:
            witness = self.witness(model, tr)
            found = self.replayed(witness)
            if found.verdict == "refuted":
                return Finding("refuted", [*witness, *found.witness], (), tuple(tr.contracts), 1)
        if tr.contracts:
            probed = self._probed(tr)
            if probed is not None:
                return probed
        where = at(self.witness(tried[0], tr))
        if found.verdict == "unknown":
            said = f"it may fail at {where}" if where else "it may fail"
            return Finding("unknown", [], (f"{said}, and that could not be settled: {'; '.join(found.reasons)}",))
        if tr.contracts:
            named = ", ".join(c.split(" by ")[0] for c in tr.contracts)
            reason = f"the laws that stand for {named} do not decide it: they allow it to fail at {where}, where it holds"
        else:
            reason = f"it fails only where a number is irrational, near {where}, and that was not confirmed exactly"
        return Finding("unknown", [], (reason,))

    def _settled(self, holds: Truth, assumed: Facts, tr: Translator) -> Finding:
        """A claim without variables that is not proved: refuted if it cannot hold either."""
        if not is_open(self.body, self.prover.funs):  # else the translation is only good for refuting
            reply = satisfy(tr.complete(holds, assumed), self.prover.clock.part(0.5))
            if reply.status == "unsat":
                return Finding("refuted", [], (), tuple(tr.contracts), 1)
        elif self.depth < _DEPTH:
            negated = normal(self.body, self.prover.funs, True)
            found = Case(self.prover, negated, _DEPTH).at_once(quantifiers=True, clock=self.prover.clock.part(0.5))
            if found.verdict == "proved":
                return found.flipped()
        named = ", ".join(c.split(" by ")[0] for c in tr.contracts) or "roots"
        return Finding("unknown", [], (f"the laws that stand for {named} do not decide it",))

    def replayed(self, witness: Assignment) -> Finding:
        """The claim at the witness, decided anew."""
        try:
            return self.prover.decide(self._at(witness), self.depth + 1)
        except Undecided as open_:
            return Finding("unknown", [], (str(open_),))
        except Refusal as refused:
            return Finding("unknown", [], (refused.diagnostics[0].headline,))

    def _at(self, witness: Assignment) -> Term:
        names: dict[str, Term] = {n: Const(value) for (n, _), (_, value, _) in zip(self.iters, witness, strict=True)}
        return substitute(self.body, names)

    def witness(self, model: Any, tr: Translator) -> Assignment:
        """The values in a model."""
        found: Assignment = []
        for name, space in self.iters:
            value = self.known[name] if name in self.known else v.read(model, self.opened[name], tr.labels)
            found.append((written(name), value, space))
        return found

    def _probed(self, tr: Translator) -> Finding | None:
        """A refutation at one of some plain values, where the models of laws are none. Looked for with floats, then replayed."""
        if not self.iters or not self._evaluates():
            return None
        holds = compile_term(self.body, self.prover.funs, self.prover.params, float)
        for i in range(_PROBES):
            witness = [
                (written(n), self.known[n] if n in self.known else probe(s, Random(f"{n}{i}"), i), s) for n, s in self.iters
            ]
            try:
                fails = not holds({n: value for (n, _), (_, value, _) in zip(self.iters, witness, strict=True)})
            except Refusal:
                continue
            if fails and self.replayed(witness).verdict == "refuted":
                return Finding("refuted", witness, (), (), 1)
        return None

    def _evaluates(self) -> bool:
        """Whether the body has a value that can be computed once its variables are known."""
        return not is_open(self.body, self.prover.funs) and not any(isinstance(t, Ask) for t in parts(self.body))

    def left_open(self) -> list[tuple[Value, Space]]:
        """What a model gives values to, with the spaces."""
        return [(self.opened[n], s) for n, s in self.left]

    def _polished(self, constraints: list[Truth], reply: Reply) -> Any:
        found = [leaf for value, space in self.left_open() for leaf in leaves(value, space)]
        if not found:
            return reply.model
        return rounder(constraints, found, reply.model, self.prover.clock.least(min(1.0, self.prover.clock.left / 2)))

    # ------------------------------------------------------------------- instantiation

    def _instantiated(self) -> Finding:
        """`forall x: exists y: body`: some values of y at a time, until no x is left or one that no y answers is found."""
        assert isinstance(self.body, Fold)
        started = self.start(False)
        if started is None:
            return Finding("proved", cases=1)
        tr, scope = started
        inner = self.body
        duty = self._inner_duties(inner)
        asked = _Inner.of(self, inner)
        said, paid = Facts(), 0
        for _ in range(ROUNDS):
            for d in tr.obligations[paid:]:
                said.add(v.negation(d.broken()))
            paid = len(tr.obligations)
            constraints = tr.complete(True, said)
            reply = satisfy(constraints, self.prover.clock)
            contracts = tuple(tr.contracts)
            if reply.status == "unsat":
                return duty or Finding("proved", [], (), contracts, 1)
            if reply.status == "unknown":
                return Finding("unknown", [], (reply.why,), contracts, 1)
            witness = self.witness(reply.model, tr)
            answers = asked.at(witness) if asked is not None else None
            if answers is None:
                answers = self._answers(witness)
            if not answers:
                return self._refuted(constraints, reply, tr)
            for answer in answers:
                bound = scope.bind(answer, dict(inner.iters))
                where = True if inner.where is None else tr.truth(inner.where, bound)
                said.add(v.negation(v.conj((where, tr.truth(inner.body, bound, -1)))))
        return Finding("unknown", [], (f"{ROUNDS} candidates for a counterexample were each answered by another value",))

    def _answers(self, witness: Assignment) -> list[dict[str, Any]]:
        """Values of the inner variables for which the claim holds at the witness; none if there are none."""
        inner = self._at(witness)
        assert isinstance(inner, Fold)
        found = self.prover.decide(inner, self.depth + 1)
        if found.verdict == "unknown":
            raise Undecided("; ".join(found.reasons))
        if found.verdict == "refuted":
            return []
        names = [n for n, _ in inner.iters]
        return [{n: value for n, (_, value, _) in zip(names, found.witness, strict=False)}]

    def _inner_duties(self, inner: Fold) -> Finding | None:
        """What the body needs, for all values of the inner variables too."""
        opened = _Inner.of(self, inner, every=True)
        if opened is None:
            return None
        tr = opened.tr
        broken = v.disj(d.broken() for d in tr.obligations)
        if broken is False:
            return None
        reply = satisfy(tr.complete(broken), self.prover.clock.part(0.3))
        if reply.status == "unsat":
            return None
        return Finding("unknown", [], (f"it was not shown that the claim has a value everywhere {reply.why}".rstrip(),))


@dataclass
class _Inner:
    """The body of an inner `exists` with all variables open, written out once and asked about at one witness after another."""

    case: Case
    tr: Translator
    outer: Scope
    inner: dict[str, Value]
    holds: Truth

    @classmethod
    def of(cls, case: Case, term: Fold, every: bool = False) -> _Inner | None:
        """`None` where a variable ranges over nothing, or (unless `every` is wanted) the body quantifies over reals."""
        if not every and (not has_finitely_many(term) or is_open(term.body, case.prover.funs)):
            return None
        before = case.opened
        started = case.start(True)
        if started is None:
            return None
        tr, outer = started
        case.opened = before
        try:
            inner = {n: tr.open(written(n), s) for n, s in term.iters}
        except ValueError:
            return None
        bound = outer.bind(inner, dict(term.iters))
        counts = True if term.where is None else tr.truth(term.where, bound)
        with tr.under(counts):
            holds = tr.truth(term.body, bound, -1)
        return cls(case, tr, outer, inner, v.conj((counts, holds)))

    def at(self, witness: Assignment) -> list[dict[str, Any]] | None:
        """A few values for which the body holds there; `None` where that is not settled."""
        tr, found = self.tr, []
        fixed = Facts([
            v.truth(tr.labels.same(self.outer.values[n], value))
            for (n, _), (_, value, _) in zip(self.case.iters, witness, strict=True)
            if n not in self.case.known
        ])  # fmt: skip
        for _ in range(_AT_A_TIME):
            reply = satisfy(tr.complete(self.holds, fixed), self.case.prover.clock.part(0.3))
            if reply.status == "unknown":
                return None
            if reply.status == "unsat":
                break
            found.append({n: v.read(reply.model, x, tr.labels) for n, x in self.inner.items()})
            same = [tr.labels.same(x, found[-1][n]) for n, x in self.inner.items()]
            fixed.add(v.negation(v.conj(same)))
        return found


def _first_broken(duties: list[Obligation], reply: Reply) -> Obligation:
    import z3

    for each in duties:
        if z3.is_true(reply.model.eval(v.truth(each.broken()), model_completion=True)):
            return each
    return duties[0]


__all__ = ["CASES", "SECONDS", "AskTerm", "Case", "Finding", "Prover"]
