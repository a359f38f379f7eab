"""Arrows point down: no module imports from a layer above its own, and none is larger than one idea."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: From the bottom up. The face is named module by module, since it lives beside the theory.
FACE = {
    "__init__", "answers", "arguments", "assurance_case", "assurance_evidence", "assurance_page", "beside", "cli", "commands", "contest_picture", "demo", "desk", "estimates", "formulas", "game_handle", "game_questions", "input_values",
    "method_options", "params", "priced_questions", "params_used", "places_named", "proof_questions", "recognised", "recognition_questions", "results", "run_results", "sensitivities", "session",
    "stakes", "symbolic_questions", "why", "wire_questions",
}  # fmt: skip
RANKS = {"theory": 0, "reading": 1, "dsl": 2, "solvers": 3, "models": 4, "specs": 4, "face": 5}


def layer(module: str) -> str:
    """The layer of a module by its import name, `opengames.dsl.check` or `opengames.terms`."""
    parts = module.split(".")
    if len(parts) == 1 or parts[1] in FACE:
        return "face"
    if parts[1] in ("dsl", "solvers", "models", "specs"):
        return parts[1]
    return "reading" if parts[1] in ("exact", "sampled", "drawn", "kernels", "laws", "proved", "same_channels", "symbolic") else "theory"


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted((ROOT / "opengames").rglob("*.py")):
        inside = path.relative_to(ROOT / "opengames").with_suffix("")
        found.append((".".join(("opengames", *inside.parts)), path))
    for folder in ("dsl", "solvers", "models", "specs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT).with_suffix("")
            found.append((".".join(("opengames", *inside.parts)), path))
    return found


def imports(path: Path) -> set[str]:
    """Every module of the project that a file imports, wherever in the file; for type checking only does not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for each in ast.walk(tree)
        if isinstance(each, ast.If) and ast.unparse(each.test) == "TYPE_CHECKING"
        for node in ast.walk(each)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "opengames":
            inner = {"opengames." + n.name for n in node.names} if node.module == "opengames" else {node.module}
            found |= inner
        elif isinstance(node, ast.Import):
            found |= {n.name for n in node.names if n.name.split(".")[0] == "opengames"}
    return found


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda x: x if isinstance(x, str) else "")
def test_imports_point_down(name, path):
    mine = RANKS[layer(name)]
    above = {m for m in imports(path) if RANKS[layer(m)] > mine}
    assert not above, f"{name} ({layer(name)}) imports {', '.join(sorted(above))}"


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda x: x if isinstance(x, str) else "")
def test_a_module_is_one_idea_long(name, path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 600, f"{name} has {lines} lines"
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{name} does not say what it is for"


def test_the_wheel_carries_every_package():
    import tomllib

    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    listed = set(setup["packages"])
    there = {name.removesuffix(".__init__") for name, path in modules() if path.name == "__init__.py"}
    assert there == listed
