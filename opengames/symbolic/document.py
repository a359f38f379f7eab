"""A whole model for a paper: types, params, funs, channels, games, strategies, claims and questions as LaTeX (amsmath).

The text's doc comments are the prose between the formulas. A fragment needs amsmath and amssymb; `standalone` is a document
of its own. Every name and word is escaped; mathematics in doc comments (`$b(v) = v / 2$`) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from opengames.program import Fun, ParamDecl, Program, Question, Strategy
from opengames.show import show
from opengames.spaces import Family, Record, Space, index_points
from opengames.symbolic.blocks import block, ports, scope
from opengames.symbolic.names import escaped, label, name
from opengames.symbolic.term_latex import Setter, quantity

ROWS = 60
"""Rows of a param's table that are printed."""

_MATHS = re.compile(r"\$(\S(?:[^$\n]*\S)?)\$(?!\w)")
_CODE = re.compile(r"`([^`\n]+)`")


def standalone(program: Program) -> str:
    """A document that compiles as it is."""
    return "\n".join([
        r"\documentclass{article}", r"\usepackage[T1]{fontenc}", r"\usepackage[utf8]{inputenc}",
        r"\usepackage{amsmath,amssymb,textcomp}", r"\allowdisplaybreaks", r"\begin{document}", "", fragment(program),
        r"\end{document}", "",
    ])  # fmt: skip


def fragment(program: Program) -> str:
    """The parts of a document, to be put into one."""
    setter = Setter(program, {}, {})
    parts = [prose(program.doc)] if program.doc else []
    parts += _section("Types", [_type(program, setter, n) for n in program.types])
    parts += _section("Parameters", [_param(program, setter, p) for p in program.params.values()])
    parts += _section("Functions", [_fun(program, setter, f) for f in program.funs.values()])
    kinds = {"channel": "Channels", "game": "Games"}
    for kind, title in kinds.items():
        named = [n for n, d in program.diagrams.items() if program.kinds.get(n) == kind]
        parts += _section(title, [_diagram(program, n) for n in named])
    parts += _section("Strategies", [_strategy(program, s) for s in program.strategies.values()])
    for kind, title in {"verify": "Claims", "query": "Questions"}.items():
        parts += _section(title, [_question(program, q) for q in program.questions if q.kind == kind])
    return "\n\n".join(p for p in parts if p) + "\n"


def prose(text: str) -> str:
    """A doc comment: `code` in typewriter, mathematics between dollars kept, the rest escaped."""
    found, at = [], 0
    for match in re.finditer(rf"{_MATHS.pattern}|{_CODE.pattern}", text):
        maths, code = match.groups()
        if maths is not None and not _is_maths(maths):
            continue
        found.append(escaped(text[at : match.start()]))
        found.append(rf"\texttt{{{escaped(code)}}}" if code is not None else f"${_safe(maths)}$")
        at = match.end()
    return "".join([*found, escaped(text[at:])])


def _is_maths(text: str) -> bool:
    """Whether it is mathematics, not the words between two amounts of money; its braces must match."""
    depth = 0
    for c in text:
        depth += (c == "{") - (c == "}")
        if depth < 0:
            return False
    return depth == 0 and not text.endswith("\\") and "#" not in text and "\\begin" not in text and "\\end" not in text


def _safe(maths: str) -> str:
    """`%` and `&` would end the line or the cell."""
    return re.sub(r"(?<!\\)([%&])", r"\\\1", maths)


def _section(title: str, items: Iterable[str]) -> list[str]:
    kept = [i for i in items if i]
    return [rf"\subsection*{{{title}}}", *kept] if kept else []


def _said(program: Program, declared: str) -> str:
    doc = program.docs.get(declared, "")
    return f"{prose(doc)}\n" if doc else ""


def _type(program: Program, setter: Setter, declared: str) -> str:
    return f"{_said(program, declared)}\\[ {label(declared)} = {setter.space_in_full(program.types[declared])} \\]"


def _param(program: Program, setter: Setter, param: ParamDecl) -> str:
    head = rf"{name(param.name)} \in {setter.space(param.space)}"
    said = _said(program, param.name)
    if param.value is None:
        return f"{said}\\[ {head} \\quad \\text{{(supplied with a run)}} \\]"
    if isinstance(param.space, Family | Record):
        return f"{said}\\[ {head} \\]\n{_values(param)}"
    return f"{said}\\[ {head}, \\qquad {name(param.name)} = {quantity(param.value, param.space)} \\]"


def _values(param: ParamDecl) -> str:
    """The values of a family by key, a column for each field."""
    space = param.space
    if not isinstance(space, Family) or len(param.value) > ROWS:
        return rf"\begin{{quote}}\raggedright {escaped(show(param.value, space))}\end{{quote}}"
    keys = [" & ".join(escaped(show(k, s)) for k, s in zip(key, space.index, strict=True)) for key in index_points(space.index)]
    if isinstance(space.item, Record):
        heads = [escaped(n) for n, _ in space.item.fields]
        rows = [[escaped(show(v, s)) for v, (_, s) in zip(each, space.item.fields, strict=True)] for each in param.value]
    else:
        heads, rows = [escaped(param.name)], [[escaped(show(v, space.item))] for v in param.value]
    columns = "l" * len(space.index) + "|" + "r" * len(heads)
    top = " & ".join([*[""] * len(space.index), *heads])
    body = " \\\\\n".join(f"{k} & {' & '.join(r)}" for k, r in zip(keys, rows, strict=True))
    return f"\\begin{{center}}\\begin{{tabular}}{{{columns}}}\n{top} \\\\ \\hline\n{body}\n\\end{{tabular}}\\end{{center}}"


def _fun(program: Program, setter: Setter, fun: Fun) -> str:
    inner = Setter(program, {p.name: p.space for p in fun.inputs}, {})
    kind = rf"{name(fun.name)}: {_product(inner, [p.space for p in fun.inputs])} \to {inner.space(fun.output)}"
    given = ", ".join(name(p.name) for p in fun.inputs)
    equation = rf"{name(fun.name)}\left({given}\right) = {inner.term(fun.body)}" if fun.inputs else rf"{name(fun.name)} = {inner.term(fun.body)}"
    return f"{_said(program, fun.name)}\\[ {kind} \\]\n\\[ {equation} \\]"


def _product(setter: Setter, spaces: list[Space]) -> str:
    return r" \times ".join(map(setter.space, spaces)) if spaces else r"\{\ast\}"


def _diagram(program: Program, declared: str) -> str:
    diagram = program.diagrams[declared]
    setter = scope(program, diagram)
    head = rf"\paragraph{{{escaped(declared)}}} {_arrow(setter, program, declared)}"
    more = ""
    if diagram.expects:
        more += f" It is told ${ports(setter, diagram.expects)}$."
    if diagram.reports:
        more += f" It reports ${ports(setter, diagram.reports)}$."
    return f"{_said(program, declared)}{head}{more}\n\n{block(program, diagram)}"


def _arrow(setter: Setter, program: Program, declared: str) -> str:
    diagram = program.diagrams[declared]
    into = ports(setter, diagram.inputs) or r"\{\ast\}"
    out = ports(setter, diagram.outputs) or r"\{\ast\}"
    return rf"$\quad {into} \;\to\; {out}$"


def _strategy(program: Program, strategy: Strategy) -> str:
    lines = []
    for plan in strategy.plans:
        setter = Setter(program, {}, {})
        index = rf"_{{{', '.join(map(name, plan.seat_vars))}}}" if plan.seat_vars else ""
        relation = r"\sim" if plan.mixed else "="
        lines.append(rf"{name(plan.seat)}{index}.{name(plan.decision)} &{relation} {setter.term(plan.term)}")
    body = " \\\\\n".join(lines)
    head = rf"\paragraph{{{escaped(strategy.name)}}} of $\mathsf{{{escaped(strategy.game)}}}$:"
    return f"{_said(program, strategy.name)}{head}\n\\begin{{align*}}\n{body}\n\\end{{align*}}" if lines else head


def _question(program: Program, question: Question) -> str:
    diagram = None if question.of is None else program.diagrams.get(question.of)
    setter = Setter(program, {}, {}) if diagram is None else scope(program, diagram)
    scope_words = []
    for word, value in (("in", question.of), ("under", question.under), ("by", question.by and question.by.name)):
        if value:
            scope_words.append(rf"\text{{ {word} }} \mathsf{{{escaped(value)}}}")
    asked = setter.term(question.term) + "".join(scope_words)
    head = rf"\paragraph{{{escaped(question.name)}}}"
    sign = "" if question.kind == "verify" else r" \;=\; ?"
    return f"{_said(program, question.name)}{head}\n\\[ {asked}{sign} \\]"


__all__ = ["fragment", "prose", "standalone"]
