"""Results as words: a line for the terminal, and the tables between the marks of `docs/benchmarks.md`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def number(x: float) -> str:
    """Three digits that matter; whole numbers as they are.

    >>> [number(x) for x in (0.01234, 1.0, 3.14159, 162.6, 5950.0, 3.3e-16)]
    ['0.0123', '1', '3.14', '163', '5,950', '3.3e-16']
    """
    if x == int(x) and abs(x) < 1e9:
        return f"{int(x):,}"
    if abs(x) >= 100:
        return f"{x:,.0f}"
    return f"{x:.3g}" if abs(x) >= 1e-3 else f"{x:.1e}"


def line(figure: Figure) -> str:
    """One figure, its target, and whether it is met."""
    shown = f"{figure.what}: {number(figure.value)} {figure.unit}".rstrip()
    if figure.wanted is None:
        return shown
    return f"{shown} ({figure.sense} {number(figure.wanted)}: {'met' if figure.met else 'MISSED'})"


def renew(results: Path, page: Path) -> None:
    """Put the tables of all results in `results` between the marks of `page`. Raises `ValueError` if they are not there."""
    text = page.read_text(encoding="utf-8")
    head, begun, rest = text.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not (begun and ended):
        raise ValueError(f"{page.name} has no lines {BEGIN} and {END}")
    kept = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(results.glob("*.json"))]
    body = "\n\n".join(_section(outcome) for outcome in kept)
    page.write_text(f"{head}{BEGIN}\n\n{body}\n\n{END}{tail}", encoding="utf-8")


def _section(outcome: dict[str, Any]) -> str:
    rows = ["| what | found | wanted | |", "| --- | ---: | ---: | --- |"]
    for f in outcome["figures"]:
        found = f"{number(f['value'])} {f.get('unit', '')}".strip()
        wanted = f"{f['sense']} {number(f['wanted'])}" if "wanted" in f else ""
        rows.append(f"| {f['what']} | {found} | {wanted} | {_verdict(f)} |")
    facts = outcome["machine"]
    versions = ", ".join(f"{n} {v}" for n, v in facts["libraries"].items() if v != "absent" and n != "opengames")
    where = f"{facts['cores']} cores, {facts['system']} on {facts['architecture']}, Python {facts['python']}; {versions}"
    settings = ", ".join(f"{k} {v}" for k, v in outcome["settings"].items())
    return f"### {outcome['title']} (`{outcome['name']}`)\n\n" + "\n".join(rows) + f"\n\n{settings}. {where}."


def _verdict(figure: dict[str, Any]) -> str:
    return {True: "met", False: "**missed**", None: ""}[figure.get("met")]


__all__ = ["line", "number", "renew"]
