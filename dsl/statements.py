"""Statements one by one, each to its boxes: which kind of statement is read by which module.

Branches are rare and their module long: it is loaded when the first one is met.
"""

from __future__ import annotations

from opengames.dsl import syntax as s
from opengames.dsl.bindings import Expected
from opengames.dsl.decisions import decide
from opengames.dsl.draws import draw, let
from opengames.dsl.levels import LevelScope
from opengames.dsl.loops import for_each, set_next
from opengames.dsl.plays import act


def elaborate(scope: LevelScope, statement: s.Stmt, expected: Expected) -> None:
    """Put the boxes of one statement into its level."""
    match statement:
        case s.Let():
            let(scope, statement, expected)
        case s.DrawStmt():
            draw(scope, statement, expected)
        case s.ActStmt():
            act(scope, statement)
        case s.NextStmt():
            set_next(scope, statement)
        case s.DecideStmt():
            decide(scope, statement)
        case s.ForStmt():
            for_each(scope, statement, expected)
        case s.IfStmt():
            from opengames.dsl.branches import if_branch

            if_branch(scope, statement)
        case s.MatchStmt():
            from opengames.dsl.branches import match_branch

            match_branch(scope, statement)
