"""Which names a piece of syntax mentions, and which names a statement binds.

Over-approximates: a label counts as a mention. Callers keep only the names that are wires of the block they look
at. Variables that a comprehension or a quantifier binds are not mentions, and neither is the head of a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from opengames.dsl import syntax as s
from opengames.plain import fields, is_dataclass

_PARTS: dict[type, tuple[str, ...]] = {}


def _parts(kind: type) -> tuple[str, ...]:
    """The fields of a kind of node that may hold nodes."""
    if kind not in _PARTS:
        _PARTS[kind] = tuple(f.name for f in fields(kind) if f.name not in _LEAVES)
    return _PARTS[kind]


_LEAVES = ("at", "op_at", "unit_at", "doc", "written")


def mentions(*nodes: Any) -> set[str]:
    """Every identifier that occurs in an expression or type below `nodes`."""
    found: set[str] = set()
    stack: list[Any] = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, s.Ident):
            found.add(node.name)
        elif isinstance(node, s.NamedType):
            found.add(node.name.text)
        elif isinstance(node, (s.Comprehension, s.Quantified, s.FamilyOf)):
            found |= _outside(node)
        elif isinstance(node, s.TableExpr):
            stack.extend(node.rows)
        elif isinstance(node, tuple):
            stack.extend(node)
        elif is_dataclass(node) and not isinstance(node, (s.Name, type)):
            stack.extend(getattr(node, name) for name in _parts(type(node)))
    return found


def _outside(node: s.Comprehension | s.Quantified | s.FamilyOf) -> set[str]:
    """What a binder mentions of the names around it."""
    own: set[str] = set()
    found: set[str] = set()
    for each in node.iters:
        found |= mentions(each.type) - own
        own.add(each.name.text)
    inner = [getattr(node, name) for name in _parts(type(node)) if name not in ("iters", "callee")]
    return found | (mentions(*inner) - own) | mentions(getattr(node, "callee", None))


def bound(statement: s.Stmt) -> Iterator[s.Name]:
    """The names a statement puts into its block, `next x` under the name `next x`."""
    match statement:
        case s.Let(names=names) | s.DrawStmt(names=names):
            yield from names
        case s.DecideStmt(fields=decided):
            yield from (f.name for f in decided)
        case s.NextStmt(name=name):
            yield s.Name(f"next {name.text}", name.at)
        case s.ForStmt(body=body, carries=carries):
            own = {f"next {c.name.text}" for c in carries}
            yield from unique(n for inner in body.statements for n in bound(inner) if n.text not in own)
        case s.IfStmt(then=then, other=other):
            yield from merged([then] + ([other] if other is not None else [s.Block((), then.at)]))
        case s.MatchStmt(arms=arms):
            yield from merged([body for _, body in arms])


def carried(node: s.ForStmt) -> Iterator[s.Name]:
    """The wires that a loop, or a loop in it at any depth, carries, as far as they are seen outside: as families.

    What is bound further in under the name of an iteration variable, or of another wire there, stays there.
    """
    own = {c.name.text for c in node.carries} | {i.name.text for i in node.iters}
    taken = own.union(n.text for inner in node.body.statements for n in bound(inner))
    deeper = (n for inner in node.body.statements if isinstance(inner, s.ForStmt) for n in carried(inner))
    yield from unique([*(c.name for c in node.carries), *(n for n in deeper if n.text not in taken)])


def unique(names: Iterable[s.Name]) -> Iterator[s.Name]:
    seen: set[str] = set()
    for name in names:
        if name.text not in seen:
            seen.add(name.text)
            yield name


def merged(blocks: list[s.Block]) -> Iterator[s.Name]:
    """The names that every block binds."""
    each = [{n.text: n for inner in b.statements for n in bound(inner)} for b in blocks]
    for text, name in each[0].items():
        if all(text in other for other in each[1:]):
            yield name


def partly(blocks: list[s.Block]) -> dict[str, s.Name]:
    """The names that some blocks bind and others do not."""
    each = [{n.text: n for inner in b.statements for n in bound(inner)} for b in blocks]
    found = {text: name for names in each for text, name in names.items()}
    return {text: name for text, name in found.items() if not all(text in names for names in each)}


def forward(statement: s.Stmt) -> set[str]:
    """The names a statement needs before it can happen. What it earns or is paid comes later, and does not count."""
    match statement:
        case s.Let(type=kind, value=value):
            return mentions(kind, value)
        case s.DrawStmt(type=kind, source=source):
            return mentions(kind, source)
        case s.ActStmt(source=source):
            return mentions(source)
        case s.NextStmt(value=value, index=index):
            return mentions(value, index)
        case s.DecideStmt(fields=decided, player=player, seeing=seeing):
            return mentions(decided, player) | ({n.text for n in seeing or ()} - {f.name.text for f in decided})
        case s.ForStmt(iters=iters, carries=carries, body=body):
            inner = inside(body) - {i.name.text for i in iters} - {c.name.text for c in carries}
            return inner | mentions(tuple(i.type for i in iters), tuple(c.value for c in carries))
        case s.IfStmt(test=test, then=then, other=other):
            return mentions(test) | inside(then) | (inside(other) if other is not None else set())
        case s.MatchStmt(subject=subject, arms=arms):
            return mentions(subject).union(*(inside(b) for _, b in arms))
    raise TypeError(f"not a statement: {statement!r}")


def inside(block: s.Block) -> set[str]:
    """The names a block needs from outside."""
    own = {n.text for inner in block.statements for n in bound(inner)}
    return set().union(*(forward(inner) for inner in block.statements)) - own


_TYPES = (s.IntervalType, s.RangeType, s.SetType, s.FamilyType, s.RecordType)


def type_mentions(declaration: Any) -> set[str]:
    """The identifiers that occur inside types anywhere in a declaration, a loop's and a quantifier's ranges apart.

    A range that ends in a wire (`sum(x for s in 1..k)`) is cut at run time, so it needs no known size.
    """
    found: set[str] = set()
    stack: list[Any] = [declaration]
    while stack:
        node = stack.pop()
        if isinstance(node, (s.Comprehension, s.Quantified, s.FamilyOf)):
            stack.extend(getattr(node, name) for name in _parts(type(node)) if name != "iters")
        elif isinstance(node, _TYPES):
            found |= mentions(node)
        elif isinstance(node, tuple):
            stack.extend(node)
        elif is_dataclass(node) and not isinstance(node, (s.Name, type)):
            stack.extend(getattr(node, name) for name in _parts(type(node)))
    return found
