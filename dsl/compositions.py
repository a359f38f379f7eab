"""`f >> g` and `f @ g` in a text, and claims that two channels are the same."""

from __future__ import annotations

from opengames.compose import Mismatch, beside, then
from opengames.diagnostics import Window
from opengames.diagram import Port
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import WRONG, Scope, Typed
from opengames.dsl.instances import Decision, Instance, Wires, box_of
from opengames.plain import replace
from opengames.terms import Ask, Compose, Ref, Term


def composed(scope: Scope, node: s.Binary) -> Instance | None:
    """The composite of two boxes, `None` if one side is not a box at all."""
    left, right = box_of(scope, node.left), box_of(scope, node.right)
    if left is None or right is None:
        for side, found in ((node.left, left), (node.right, right)):
            if found is None:
                scope.context.report(
                    "not-a-channel", f"`{node.op}` puts channels and games together", side.at, "neither of the two"
                )
        return None
    if left.broken or right.broken:
        return replace(left, broken=True)
    try:
        join = then if node.op == ">>" else beside
        diagram = join(left.diagram, right.diagram, (len(left.extra), len(right.extra)))
    except Mismatch as clash:
        scope.context.report(
            "ports-differ",
            f"these do not fit together: {clash}",
            node.left.at,
            f"puts out {_words(left.outputs)}",
            windows=(Window(node.right.at, f"takes in {_words(right.inputs)}"),),
        )
        return replace(left, broken=True)
    if not _units_agree(scope, node, left, right):
        return replace(left, broken=True)
    decisions = _below(left, "1") + _below(right, "2")
    kind = "game" if "game" in (left.kind, right.kind) else "channel"
    wires = left.every_wire + right.every_wire
    one_after_other = node.op == ">>"
    extra = left.extra + right.extra
    inputs = left.inputs if one_after_other else left.inputs + right.inputs
    outputs = _named(diagram.outputs, right.outputs if one_after_other else left.outputs + right.outputs)
    return Instance(
        diagram.name, kind, diagram, _named(diagram.inputs[len(extra) :], inputs), outputs,
        _named(diagram.expects, right.expects if one_after_other else left.expects + right.expects),
        _named(diagram.reports, left.reports if one_after_other else left.reports + right.reports),
        right.record if one_after_other else None, wires=outputs, decisions=decisions, every_wire=wires,
        earning=left.earning or right.earning,
        extra=tuple((p.name, term, k) for p, (_, term, k) in zip(diagram.inputs, extra, strict=False)), at=node.at,
    )  # fmt: skip


def _named(ports: tuple[Port, ...], parts: Wires) -> Wires:
    """The types of the parts' wires under the names that the composite gives them: two parts may use one name."""
    return tuple((p.name, kind) for p, (_, kind) in zip(ports, parts, strict=True))


def _below(instance: Instance, segment: str) -> tuple[Decision, ...]:
    return tuple(replace(d, path=(segment, *d.path)) for d in instance.decisions)


def _words(wires: tuple[tuple[str, t.Type], ...]) -> str:
    return ", ".join(f"`{n}`: {t.describe(k)}" for n, k in wires) or "nothing"


def _units_agree(scope: Scope, node: s.Binary, left: Instance, right: Instance) -> bool:
    """Diagrams know no units, so the checker compares them where wires are joined."""
    if node.op != ">>":
        return True
    for (n, a), (m, b) in zip(left.outputs, right.inputs, strict=True):
        verdict = t.fit(a, b)
        if not verdict.ok:
            unit = verdict.reason == "unit"
            scope.context.report(
                "unit-mismatch" if unit else "type-mismatch",
                f"`{n}` leaves as {t.describe(a)}, and `{m}` enters as {t.describe(b)}",
                node.left.at,
                t.describe(a),
                windows=(Window(node.right.at, t.describe(b)),),
            )
            return False
    return True


def channel_claim(scope: Scope, node: s.Compare) -> Typed | None:
    """`f >> g == h`; `None` if neither side is about channels."""
    if not any(_about_boxes(scope, side) for side in node.operands):
        return None
    sides = [_term(scope, side) for side in node.operands]
    first, second = (_resolved(scope, side) for side in node.operands)
    if first is None or second is None or sides[0] is None or sides[1] is None:
        return WRONG
    if [t.space(k) for _, k in first.inputs] != [t.space(k) for _, k in second.inputs] or [
        t.space(k) for _, k in first.outputs
    ] != [t.space(k) for _, k in second.outputs]:
        return scope.context.wrong(
            "ports-differ",
            "the two sides are channels between different types",
            node.operands[0].at,
            f"from {_words(first.inputs)} to {_words(first.outputs)}",
            windows=(Window(node.operands[1].at, f"from {_words(second.inputs)} to {_words(second.outputs)}"),),
        )
    return Typed(Ask("same", (sides[0], sides[1]), at=node.at), t.BOOL)


def _resolved(scope: Scope, node: s.Expr) -> Instance | None:
    found = box_of(scope, node)
    if found is None and not (isinstance(node, s.Binary) and node.op in (">>", "@")):
        scope.context.report("not-a-channel", "both sides of this claim must be channels", node.at, "not a channel")
    return None if found is None or found.broken else found


def _about_boxes(scope: Scope, node: s.Expr) -> bool:
    if isinstance(node, s.Binary) and node.op in (">>", "@"):
        return True
    base = node.base if isinstance(node, s.IndexExpr) else node
    return isinstance(base, s.Ident) and scope.lookup(base.name) is None and base.name in scope.context.boxes


def _term(scope: Scope, node: s.Expr) -> Term | None:
    if isinstance(node, s.Binary) and node.op in (">>", "@"):
        left, right = _term(scope, node.left), _term(scope, node.right)
        if left is None or right is None:
            return None
        return Compose("then" if node.op == ">>" else "beside", (left, right), at=node.at)
    found = box_of(scope, node)
    if found is None or found.broken:
        return None
    return Compose("instance", (Ref(found.kind, found.name), *(term for _, term, _ in found.extra)), at=node.at)


