"""The type of `dual(rule)`: what one more unit on the rule's right-hand side is worth to the decider.

Its unit is the earning's over the rule's: $/h over MW is $/MWh.
"""

from __future__ import annotations

from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Scope
from opengames.dsl.infer import value
from opengames.dsl.ranges import bind_iters
from opengames.dsl.units import name_of, over


def dual_type(scope: Scope, decision: s.DecideStmt, rule: s.RuleStmt) -> t.Type:
    """A number, or a family of them over the rule's index; `WRONG` if the rule or the earning is wrong."""
    earning = value(scope, decision.earning)
    found = bind_iters(scope, rule.iters)
    if found is None or not isinstance(earning.type, t.Num):
        return t.WRONG
    inner, iters, _ = found
    condition = rule.condition
    # a rule for some places only has a price there, and 0 elsewhere
    while isinstance(condition, s.Binary) and condition.op == "implies":
        condition = condition.right
    side = condition.operands[0] if isinstance(condition, s.Compare) else None
    if side is None:
        scope.context.report(
            "rule-without-price",
            f"`{rule.name.text}` is not a comparison, so nothing about it has a price",
            rule.at,
            "not of the form `a <= b` or `a == b`",
        )
        return t.WRONG
    compared = value(inner, side)
    if not isinstance(compared.type, t.Num):
        return t.WRONG
    dimension = over(earning.type.dimension, compared.type.dimension)
    number = t.Num(dimension, unit=name_of(dimension, scope.context.units) if dimension else None)
    return t.family(tuple(kind for _, kind in iters), number) if iters else number
