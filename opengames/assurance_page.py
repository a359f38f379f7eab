"""Assurance cases as a page that needs nothing but itself, and as Markdown."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from opengames.assurance_evidence import Source

if TYPE_CHECKING:
    from opengames.assurance_case import Assurance, Group, Leaf

_CLASSES = {
    "proved": "proved", "supported": "supported", "unknown": "unknown", "refuted": "refuted", "not supported": "refuted",
}  # fmt: skip
_SAID = {
    "proved": "Every claim is proved.",
    "supported": "Every claim holds in what was tried, and at least one was not proved.",
    "unknown": "At least one claim is open: nothing can be relied on that needs it.",
    "refuted": "At least one claim is false of the model.",
    "not supported": "At least one claim fails in what was tried.",
}
_WORDS = {
    "proved": "shown exactly; nothing is left out",
    "supported": "an estimate or a computation that rounds agrees; never a proof",
    "unknown": "could not be decided; the reason is given",
    "refuted": "there is a counterexample",
    "not supported": "an estimate or a computation that rounds disagrees",
}
_MOST = 40
"""Lines of one explanation that a page shows."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1f23; --dim: #5a6270; --paper: #fbfbf9; --card: #ffffff; --line: #dcdfe4;
  --proved: #1d7a34; --supported: #2455a4; --unknown: #8a5a00; --refuted: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e9ec; --dim: #a2aab6; --paper: #15181c; --card: #1d2126;
  --line: #363c45; --proved: #63c37c; --supported: #82aaf0; --unknown: #e0ac4b; --refuted: #f08a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
code, pre { font: .88em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; margin: .35rem 0;
  overflow-x: auto; white-space: pre-wrap; }
p { margin: .35rem 0; } .dim { color: var(--dim); } small { color: var(--dim); }
.verdict { display: inline-block; border-radius: 999px; padding: .05rem .65rem; border: 1.5px solid currentColor;
  font-weight: 600; font-size: .86rem; white-space: nowrap; }
.proved { color: var(--proved); } .supported { color: var(--supported); } .unknown { color: var(--unknown); }
.refuted { color: var(--refuted); }
.root { border: 1px solid var(--line); border-left: 6px solid currentColor; border-radius: 8px; padding: 1rem 1.2rem;
  margin: 1.2rem 0; background: var(--card); } .root > * { color: var(--ink); } .root .verdict { color: inherit; }
ul.tree { list-style: none; margin: 0; padding: 0; } ul.tree ul { list-style: none; margin: .2rem 0 1rem .55rem;
  padding: 0 0 0 1.1rem; border-left: 2px solid var(--line); }
.group { display: flex; gap: .7rem; align-items: baseline; margin-top: 1rem; } .group b { font-size: 1.05rem; }
details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; }
summary { cursor: pointer; padding: .55rem .8rem; display: flex; gap: .7rem; align-items: baseline; flex-wrap: wrap; }
summary .verdict { min-width: 6.2rem; text-align: center; }
.inside { padding: 0 .9rem .7rem; } dl { display: grid; grid-template-columns: 8.5rem 1fr; gap: .3rem .9rem; margin: 0; }
dt { color: var(--dim); } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--dim); font-weight: 500; } ul.plain { margin: 0; padding-left: 1.1rem; }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .45rem; } }
@media print { details { break-inside: avoid; } body { max-width: none; } }
"""


def page(case: Assurance) -> str:
    """The whole page."""
    title = escape(f"Assurance case: {case.name}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body(case)}</body>\n</html>\n"
    )


def body(case: Assurance) -> str:
    """What stands on the page."""
    word = _badge(case.verdict)
    n = len(case.leaves)
    counted = ", ".join(f"{sum(leaf.verdict == v for leaf in case.leaves)} {v}" for v in _WORDS if _any(case, v))
    parts = [
        f"<h1>Assurance case: {escape(case.name)}</h1>\n",
        f'<p class="dim">{escape(_first(case.doc))}</p>\n' if case.doc else "",
        f'<div class="root {_CLASSES[case.verdict]}">\n<p>{word} <b>This model’s claims hold</b></p>\n'
        f"<p>{_SAID[case.verdict]} Of {n} claim{'' if n == 1 else 's'}: {counted}.</p>\n"
        f"<p>The root is as strong as its weakest leaf: {_ticked(case.weakest_words)}.</p>\n</div>\n",
        '<h2>Claims</h2>\n<ul class="tree">\n', *(_group(g) for g in case.groups), "</ul>\n",
        "<h2>Does the model describe the system?</h2>\n",
        *(f"<p>{_ticked(line)}</p>\n" for line in case.evidence), _sources(case.sources),
        "<h2>How to read this</h2>\n<dl>\n",
        *(f"<dt>{_badge(v)}</dt><dd>{words}</dd>\n" for v, words in _WORDS.items()), "</dl>\n",
        "<p class=\"dim\">For each claim: <i>M</i> is the model it is about, <i>φ</i> what is claimed, <i>ψ</i> how it was "
        "validated. A verdict is about the model. It says nothing about a system unless the model describes it.</p>\n",
        f"<p><small>Made by opengames from a text with SHA-256 <code>{case.digest}</code>.</small></p>\n",
    ]  # fmt: skip
    return "".join(parts)


def _any(case: Assurance, verdict: str) -> bool:
    return any(leaf.verdict == verdict for leaf in case.leaves)


def _badge(verdict: str, shown: str = "") -> str:
    return f'<span class="verdict {_CLASSES[verdict]}">{escape(shown or verdict)}</span>'


def _group(group: Group) -> str:
    doc = f' <span class="dim">{escape(_first(group.doc))}</span>' if group.doc else ""
    head = f'<div class="group">{_badge(group.verdict)} <b>{escape(group.title)}</b>{doc}</div>\n'
    return f"<li>{head}<ul>\n{''.join(map(_leaf, group.leaves))}</ul></li>\n"


def _leaf(leaf: Leaf) -> str:
    opened = "" if leaf.verdict == "proved" else " open"
    doc = f' <span class="dim">{escape(_first(leaf.doc))}</span>' if leaf.doc else ""
    rows = [
        ("M, the model", _ticked(leaf.model)),
        ("φ, the claim", (f"<p>{escape(leaf.doc)}</p>" if leaf.doc else "") + f"<pre>{escape(leaf.claim.text)}</pre>"),
        ("ψ, the validation", f"{_badge(leaf.verdict, leaf.claim.shown)} {escape(leaf.claim.method)}"),
        ("covers", escape(leaf.covers)),
    ]
    if leaf.rests_on:
        rows.append(("rests on", _listed(leaf.rests_on)))
    if leaf.chances is not None:
        rows.append(("runs", escape(str(leaf.chances))))
    if leaf.claim.because:
        rows.append(("because", _listed(_cut(leaf.claim.because))))
    if leaf.counterexample:
        rows.append(("counterexample", f"<pre>{escape(leaf.counterexample)}</pre>"))
    rows.append(("decided in", _seconds(leaf.claim.seconds)))
    listed = "".join(f"<dt>{name}</dt><dd>{what}</dd>\n" for name, what in rows)
    return (
        f"<li><details{opened}><summary>{_badge(leaf.verdict, leaf.claim.shown)} <code>{escape(leaf.name)}</code>{doc}</summary>"
        f'\n<div class="inside"><dl>\n{listed}</dl></div></details></li>\n'
    )


def _listed(lines: tuple[str, ...]) -> str:
    return '<ul class="plain">' + "".join(f"<li>{_ticked(line)}</li>" for line in lines) + "</ul>"


def _cut(lines: tuple[str, ...]) -> tuple[str, ...]:
    return lines if len(lines) <= _MOST else (*lines[:_MOST], f"... and {len(lines) - _MOST:,} more lines")


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds >= 0.01 else "under 0.01 s"


def _first(doc: str) -> str:
    """The first paragraph of a doc comment, as one line."""
    return " ".join(doc.strip().split("\n\n")[0].split())


def _sources(found: tuple[Source, ...]) -> str:
    if not found:
        return "<p>The text has no params.</p>\n"
    rows = "".join(
        f"<tr><td><code>{escape(s.name)}</code></td><td>{s.kind}</td><td><code>{escape(s.value)}</code></td>"
        f"<td>{_ticked(s.where)}{f'<br><small>{escape(_first(s.doc))}</small>' if s.doc else ''}"
        + (f"<br><small>SHA-256 <code>{s.digest}</code></small>" if s.digest else "") + "</td></tr>\n"
        for s in found
    )  # fmt: skip
    head = "<tr><th>param</th><th>kind</th><th>value</th><th>where it comes from</th></tr>"
    return f'<div class="wide"><table>\n<thead>{head}</thead>\n<tbody>\n{rows}</tbody></table></div>\n'


def _ticked(text: str) -> str:
    """Text in which backticks hold code."""
    pieces = text.split("`")
    return "".join(f"<code>{escape(p)}</code>" if i % 2 else escape(p) for i, p in enumerate(pieces))


def markdown(case: Assurance) -> str:
    """The case as Markdown: the same tree, nested lists for what belongs to a claim."""
    lines = [f"# Assurance case: {case.name}", ""]
    lines += [_first(case.doc), ""] if case.doc else []
    lines += [f"**{case.verdict}**: this model's claims hold. {_SAID[case.verdict]}", ""]
    lines += [f"The root is as strong as its weakest leaf: {case.weakest_words}.", "", "## Claims", ""]
    for group in case.groups:
        lines += [f"### {group.title}: {group.verdict}", ""]
        lines += [_first(group.doc), ""] if group.doc else []
        for leaf in group.leaves:
            lines += [*_leaf_lines(leaf), ""]
    lines += ["## Does the model describe the system?", ""]
    for line in case.evidence:
        lines += [line, ""]
    if case.sources:
        lines += ["| param | kind | value | where it comes from |", "| --- | --- | --- | --- |"]
        lines += [f"| `{s.name}` | {s.kind} | {_cell(s.value)} | {_cell(s.where, False)} |" for s in case.sources]
        lines.append("")
    return "\n".join([*lines, f"Made by opengames from a text with SHA-256 `{case.digest}`.", ""])


def _leaf_lines(leaf: Leaf) -> list[str]:
    method = f" ({leaf.claim.method})" if leaf.claim.method else ""
    lines = [f"* **{leaf.claim.shown}** `{leaf.name}`{method}"]
    lines += [f"    * M: {leaf.model}", *([f"    * {_first(leaf.doc)}"] if leaf.doc else [])]
    lines += [f"    * φ: `{leaf.claim.text}`", f"    * covers {leaf.covers}"]
    lines += [f"    * rests on {each}" for each in leaf.rests_on]
    lines += [f"    * {leaf.chances}"] if leaf.chances is not None else []
    lines += [f"    * {line}" for line in _cut(leaf.claim.because)]
    if leaf.counterexample:
        lines += ["    * counterexample:", "", "        ```text"]
        lines += [f"        {line}" for line in leaf.counterexample.splitlines()] + ["        ```"]
    return lines


def _cell(text: str, code: bool = True) -> str:
    safe = text.replace("|", "\\|")
    return f"`{safe}`" if code and safe else safe


__all__ = ["body", "markdown", "page"]
