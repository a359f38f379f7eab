r"""Tables: funs, families and channels written row by row.

`||` parts inputs from outputs. The types decide what the output columns are:

* for a channel, the values of its output, and each row adds up to 100 %;
* for a record, its fields;
* with `mine \ theirs` in the head, the values of the last input;
* else one column.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

from opengames import spaces
from opengames.diagnostics import Window
from opengames.dsl import syntax as s
from opengames.dsl import types as t
from opengames.dsl.context import Scope, nearest
from opengames.dsl.infer import constant, want
from opengames.dsl.literals import check_chances, value_words
from opengames.dsl.quantities import cover
from opengames.plain import dataclass
from opengames.spaces import size
from opengames.terms import Const, Pack, Select, Tabulate, Term, Var, Weighted

#: A table covers its inputs one by one, so they may not have more values than this together.
MAX_ROWS = 100_000
_FEW = 6
"""Columns that a message spells out."""


@dataclass(frozen=True, slots=True)
class Shape:
    """inputs: (name, type) in order. output: the type of a cell, or of a channel's result. channel: rows are chances."""

    inputs: tuple[tuple[str, t.Type], ...]
    output: t.Type
    channel: bool
    at: s.Span


def select(scope: Scope, table: s.TableExpr, shape: Shape) -> Term | None:
    """The table as a `Select` over `Var`s named as the inputs; `None` after a report."""
    cells = _cells(scope, table, shape)
    if cells is None:
        return None
    kinds = tuple(t.space(k) for _, k in shape.inputs)
    return Select(tuple(Var(n) for n, _ in shape.inputs), kinds, cells, at=table.at)


def family(scope: Scope, table: s.TableExpr, kind: t.Family, names: tuple[str, ...]) -> Term | None:
    """The table as a family indexed by its keys. names: what the key columns may be called (their types' names)."""
    inputs = tuple(zip(names, kind.index, strict=True))
    cells = _cells(scope, table, Shape(inputs, kind.item, False, table.at))
    if cells is None:
        return None
    if all(isinstance(c, Const) for c in cells):
        return Const(tuple(c.value for c in cells if isinstance(c, Const)), at=table.at)
    fresh = [scope.context.fresh("i") for _ in kind.index]
    iters = tuple((n, t.space(k)) for n, k in zip(fresh, kind.index, strict=True))
    return Tabulate(iters, Select(tuple(map(Var, fresh)), tuple(sp for _, sp in iters), cells, at=table.at), at=table.at)


def _cells(scope: Scope, table: s.TableExpr, shape: Shape) -> tuple[Term, ...] | None:
    """One term for every point of the inputs, row-major."""
    total = 1
    for name, kind in shape.inputs:
        n = size(t.space(kind))
        total = total * n if n is not None else 0
        if n is None or total > MAX_ROWS:
            scope.context.report(
                "over-budget" if n is not None else "infinite-index",
                f"a table lists every value of `{name}`, and it has {'infinitely many' if n is None else f'{total:,} rows'}",
                table.at,
                "cannot be listed",
                help="use a formula instead of a table",
            )
            return None
    head = _head(scope, table, shape)
    if head is None:
        return None
    order, across, columns = head
    filled: dict[tuple[Any, ...], tuple[Term, s.Row]] = {}
    good = True
    for row in table.rows:
        good = _fill(scope, row, shape, order, across, columns, filled) and good
    if not good:
        return None
    points = list(product(*(spaces.points(t.space(k)) for _, k in shape.inputs)))
    missing = [p for p in points if p not in filled]
    if missing:
        shown = ", ".join(_row_words(p, shape) for p in missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        scope.context.report(
            "missing-rows",
            f"this table says nothing about {shown}",
            table.head.at,
            f"{len(missing)} of {len(points)} rows are missing" if not across else "some rows are missing",
            help=_missing_row(missing[0], shape, order) if len(missing) == 1 and not across else "add a row for each",
        )
        return None
    return tuple(filled[p][0] for p in points)


def _missing_row(point: tuple[Any, ...], shape: Shape, order: list[int]) -> str:
    return "add `| " + " | ".join(value_words(point[i], shape.inputs[i][1]) for i in order) + " || ... |`"


def _row_words(point: tuple[Any, ...], shape: Shape) -> str:
    return "`" + ", ".join(value_words(v, k) for v, (_, k) in zip(point, shape.inputs, strict=True)) + "`"


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the output columns mean: `values` of a channel's result or of the last input, or `fields` of a record."""

    values: tuple[Any, ...] = ()
    fields: tuple[int, ...] = ()
    count: int = 1
    names: tuple[s.Expr, ...] = ()


def _head(scope: Scope, table: s.TableExpr, shape: Shape) -> tuple[list[int], bool, _Columns] | None:
    """The input that each key column holds, whether the last input runs across, and what the columns mean."""
    keys: list[s.Name] = []
    across = False
    for cell in table.head.keys:
        if isinstance(cell, s.Cross):
            keys += [cell.left, cell.right]
            across = True
        elif isinstance(cell, s.Ident):
            keys.append(s.Name(cell.name, cell.at))
        else:
            scope.context.report("table-head", "the head of a key column is a name", cell.at, "not a name")
            return None
    order = _order(scope, keys, shape, table)
    if order is None:
        return None
    columns = _columns(scope, table, shape, order, across)
    return None if columns is None else (order, across, columns)


def _order(scope: Scope, keys: list[s.Name], shape: Shape, table: s.TableExpr) -> list[int] | None:
    names = [n for n, _ in shape.inputs]
    if len(keys) != len(names):
        scope.context.report(
            "table-head",
            f"this table has {len(keys)} key column{'s' if len(keys) != 1 else ''}, and there {'is' if len(names) == 1 else 'are'} {len(names)} input{'s' if len(names) != 1 else ''}",
            table.head.at,
            "before `||` stand the inputs: " + ", ".join(f"`{n}`" for n in names),
        )
        return None
    if len(set(names)) < len(names):  # the index of a family over one type twice: by position
        return list(range(len(names)))
    order: list[int] = []
    for key in keys:
        if key.text not in names:
            close = nearest(key.text, names)
            scope.context.report(
                "table-head",
                f"no input is called `{key.text}`",
                key.at,
                "the inputs are " + ", ".join(f"`{n}`" for n in names),
                help=f"did you mean `{close}`?" if close else "",
            )
            return None
        if names.index(key.text) in order:
            scope.context.report("table-head", f"`{key.text}` heads two columns", key.at, "again here")
            return None
        order.append(names.index(key.text))
    return order


def _columns(scope: Scope, table: s.TableExpr, shape: Shape, order: list[int], across: bool) -> _Columns | None:
    heads = table.head.cells
    cells = tuple(h for h in heads if not isinstance(h, s.Cross))
    if len(cells) != len(heads):
        scope.context.report("table-head", r"`a \ b` stands before `||`", table.head.at, "after `||` here")
        return None
    if across or shape.channel:
        kind = shape.inputs[order[-1]][1] if across else _result(shape.output)
        return _value_columns(scope, cells, kind, across)
    if isinstance(shape.output, t.Record):
        names = [n for n, _ in shape.output.fields]
        found = []
        for cell in cells:
            text = cell.name if isinstance(cell, s.Ident) else ""
            if text not in names or names.index(text) in found:
                close = nearest(text, names)
                scope.context.report(
                    "table-head",
                    f"the output has no field `{text}`" if text not in names else f"`{text}` heads two columns",
                    cell.at,
                    "its fields are " + ", ".join(f"`{n}`" for n in names),
                    help=f"did you mean `{close}`?" if close else "",
                )
                return None
            found.append(names.index(text))
        missing = [n for i, n in enumerate(names) if i not in found]
        if missing:
            scope.context.report(
                "table-head", "no column for " + ", ".join(f"`{m}`" for m in missing), table.head.at, "columns missing"
            )
            return None
        return _Columns(fields=tuple(found), count=len(names), names=cells)
    if len(cells) != 1:
        scope.context.report(
            "table-head",
            f"the output is one value, and there are {len(cells)} columns for it",
            table.head.at,
            "after `||` stands one column",
            help=_across(shape),
        )
        return None
    return _Columns(names=cells)


def _across(shape: Shape) -> str:
    if len(shape.inputs) < 2:
        return ""
    corner = " \\ ".join(n for n, _ in shape.inputs[-2:])
    before = "".join(f"{n} | " for n, _ in shape.inputs[:-2])
    return f"to run `{shape.inputs[-1][0]}` across, head the table `| {before}{corner} || ...`"


def _result(output: t.Type) -> t.Type:
    """The value a channel's table is about: a record of one wire is that wire."""
    if isinstance(output, t.Record) and len(output.fields) == 1:
        return output.fields[0][1]
    return output


def _value_columns(scope: Scope, cells: tuple[s.Expr, ...], kind: t.Type, across: bool) -> _Columns | None:
    values = t.members(kind) if not isinstance(kind, t.Player) else None
    whose = "the last input" if across else "the output"
    if values is None:
        scope.context.report(
            "infinite-index", f"{whose} is {t.describe(kind)}, which has no list of values", cells[0].at, "as columns"
        )
        return None
    found: list[Any] = []
    for cell in cells:
        known = _known(scope, cell, kind, f"a column of {whose}")
        if known is None:
            return None
        if known in found:
            scope.context.report(
                "repeated-column",
                f"two columns stand for `{value_words(known, kind)}`",
                cell.at,
                "again here",
                windows=(Window(cells[found.index(known)].at, "first here"),),
            )
            return None
        found.append(known)
    missing = [v for v in values if v not in found]
    if missing and across:
        scope.context.report(
            "missing-columns",
            f"no column for {', '.join(f'`{value_words(v, kind)}`' for v in missing[:3])}",
            cells[0].at.to(cells[-1].at),
            f"{len(missing)} of {len(values)} columns are missing",
        )
        return None
    return _Columns(values=tuple(found), count=len(found), names=cells)


def _known(scope: Scope, cell: s.Expr, kind: t.Type, what: str) -> Any:
    """The constant in a key cell; `None` after a report."""
    bare = isinstance(cell, s.Number) and cell.unit is None and isinstance(kind, t.Num) and bool(kind.dimension)
    unit = kind.unit.symbol if bare and isinstance(kind, t.Num) and kind.unit is not None else None
    term = want(scope, cover(cell, unit), kind, what)
    known = term.value if isinstance(term, Const) else constant(scope, term, cell.at)
    if known is None or not spaces.contains(t.space(kind), known):
        return None
    return known


def _fill(
    scope: Scope,
    row: s.Row,
    shape: Shape,
    order: list[int],
    across: bool,
    columns: _Columns,
    filled: dict[tuple[Any, ...], tuple[Term, s.Row]],
) -> bool:
    if len(row.keys) != len(order) - across or len(row.cells) != columns.count:
        scope.context.report(
            "table-shape",
            f"this row has {len(row.keys)} keys and {len(row.cells)} cells; the head has {len(order) - across} and {columns.count}",
            row.at,
            "another shape than the head",
        )
        return False
    point: list[Any] = [None] * len(order)
    for cell, where in zip(row.keys, order, strict=False):
        if isinstance(cell, s.Cross):
            scope.context.report("table-head", r"`a \ b` stands in the head only", cell.at, "in a row here")
            return False
        known = _known(scope, cell, shape.inputs[where][1], f"`{shape.inputs[where][0]}`")
        if known is None:
            return False
        point[where] = known
    made = _row(scope, row, shape, columns, across)
    if made is None:
        return False
    for value, term in made:
        here = list(point)
        if across:
            here[order[-1]] = value
        key = tuple(here)
        if key in filled:
            scope.context.report(
                "repeated-row",
                f"this table speaks twice about {_row_words(key, shape)}",
                row.at,
                "again here",
                windows=(Window(filled[key][1].at, "first here"),),
                help="remove one of the two",
            )
            return False
        filled[key] = (term, row)
    return True


def _row(
    scope: Scope, row: s.Row, shape: Shape, columns: _Columns, across: bool
) -> list[tuple[Any, Term]] | None:
    """The terms of a row, each with the value of the last input it is for (`None` if that does not run across)."""
    cells = [c for c in row.cells if not isinstance(c, s.Cross)]
    if len(cells) != len(row.cells):
        return None
    if across:
        output = _result(shape.output) if shape.channel else shape.output
        if shape.channel and isinstance(cells[0], s.Number) and not isinstance(output, t.Num):
            _chances_across(scope, cells[0], shape, output)
            return None
        terms = [want(scope, c, output, "a cell of this table") for c in cells]
        if shape.channel:  # what a cell holds is certain
            terms = [Weighted(((term, Const(Fraction(1))),), at=c.at) for term, c in zip(terms, cells, strict=True)]
        return list(zip(columns.values, terms, strict=True))
    if shape.channel:
        chances = [want(scope, c, t.Num(), "a chance") for c in cells]
        names = ", ".join(_cell_words(scope, k) for k in row.keys)
        check_chances(
            scope, cells[0], list(zip(chances, cells, strict=True)), list(columns.names),
            f"row `{names}`", "row-sum",
        )  # fmt: skip
        pairs = tuple((Const(v), c) for v, c in zip(columns.values, chances, strict=True))
        return [(None, Weighted(pairs, at=row.at))]
    if isinstance(shape.output, t.Record):
        items: list[Term | None] = [None] * columns.count
        for cell, where in zip(cells, columns.fields, strict=True):
            name, kind = shape.output.fields[where]
            items[where] = want(scope, cell, kind, f"`{name}`")
        done = tuple(i for i in items if i is not None)
        if all(isinstance(i, Const) for i in done):
            return [(None, Const(tuple(i.value for i in done if isinstance(i, Const)), at=row.at))]
        return [(None, Pack(done, at=row.at))]
    return [(None, want(scope, cells[0], shape.output, "a cell of this table"))]


def _chances_across(scope: Scope, cell: s.Expr, shape: Shape, output: t.Type) -> None:
    """Report a number where a channel's table holds results, as the cells of a table of payoffs do."""
    inputs = [name for name, _ in shape.inputs]
    results = [value_words(v, output) for v in (t.members(output) or ())[:_FEW]]
    scope.context.report(
        "type-mismatch",
        f"with `{inputs[-2]} \\ {inputs[-1]}` in the corner a cell is a result, and this is a number",
        cell.at,
        f"expected {t.describe(output)}",
        help=f"for chances, head the table `| {' | '.join(inputs)} || {' | '.join(results)} |`, each row adding up to 100 %",
    )


def _cell_words(scope: Scope, cell: s.Expr | s.Cross) -> str:
    from opengames.dsl.context import source

    return "" if isinstance(cell, s.Cross) else source(scope, cell)
