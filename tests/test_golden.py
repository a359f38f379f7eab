"""Golden diagnostics: one small broken program per code, its full report kept beside it and read like prose.

`tests/golden/CODE.game` or `CODE-VARIANT.game` yields exactly `CODE.txt`. A program whose first line is
`# $ opengames ...` shows a mistake of a run: that command is run in the folder, and what it prints is kept.
`pytest tests/test_golden.py --update-golden` rewrites the reports.
"""

import ast
import contextlib
import io
import re
import shlex
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from builders_store import STORE
from clearing_engine_refusals import ENGINES
from ercot_refusals import ERCOT
from grid_refusals import GRID
from market_refusals import MARKET
from shift_factor_refusals import SHIFT_FACTORS

from opengames.cli import main
from opengames.diagnostics import Diagnostic, Refusal
from opengames.dsl.check import check
from opengames.dsl.excerpt import apply_edit
from opengames.dsl.explain import codes, explain, opening, programs
from opengames.dsl.parser import parses
from opengames.dsl.render import render
from opengames.dsl.source import LONGEST_TEXT, read_text
from opengames.evaluate import evaluate
from opengames.models.networks import Variable, bayes_net, from_game
from opengames.session import loads
from opengames.solvers.equilibria import dominant
from opengames.terms import Param

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).with_name("golden")

#: Broken texts that would be too long or too odd to keep as a file.
MADE = {
    "text-too-large": "#" * (LONGEST_TEXT + 1),
    "too-deep": "query x = " + "(" * 101 + "1" + ")" * 101 + "\n",
}

SELL = """
type Unit = 1..2
player seller[Unit]
game Sell {
    for u in Unit {
        decide open: bool by seller[u] earning ind(open)
    }
}
strategy shut of Sell { seller[u].open = false }
type Hour = 1..3
param price: real[Hour]
player left, right
game Pennies {
    decide a: bool by left  earning if a == b then 1 else -1
    decide b: bool by right earning if a == b then -1 else 1
}
game Days {
    for t in Hour {
        decide go: bool by left earning ind(go == (t == 2))
    }
}
"""

#: Refusals that only the Python interface meets.
IN_PYTHON = {
    "ambiguous-seat": lambda: loads(SELL, "sell.game")["Sell"].best_response("seller", "shut"),
    "bad-argument": lambda: loads(SELL, "sell.game")["Sell"].run("shut", seed=0.5),
    "bad-network": lambda: bayes_net("sky", [Variable("sky", ("dry", "wet"), (), ((Fraction(1, 2), Fraction(3, 4)),))]),
    "data-shape": lambda: loads(SELL, "sell.game").with_params(price=20.5),
    "no-dominant-strategy": lambda: dominant(loads(SELL).program, "Pennies", "left").to_game("best"),
    "not-a-network": lambda: from_game(loads(SELL, "sell.game").program, "Sell"),
    "not-expressible": lambda: loads(SELL, "sell.game")["Days"].best_response("left").to_game("best"),
    "unknown-param-value": lambda: evaluate(Param("depth"), {}, {}, {}),
    **ENGINES,
    **ERCOT,
    **GRID,
    **MARKET,
    **STORE,
    **SHIFT_FACTORS,
}

_TIME = re.compile(r"under 10 ms|\b\d+ ms|\b\d+\.\d s\b")

FOLDERS = ("dsl", "models", "opengames", "solvers")


# --------------------------------------------------------------- the codes that the source can give


@cache
def used_codes() -> dict[str, str]:
    """Every code that the source can give, with one place that gives it.

    A code is the constant argument of a parameter called `code`, in `Diagnostic(...)`, `refuse(...)` and in
    every function of the project that passes its own `code` on.
    """
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    }
    places: dict[str, int] = {"Diagnostic": 0}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = [a for a in node.args.posonlyargs + node.args.args if a.arg != "self"]
                for i, a in enumerate(arguments):
                    if a.arg == "code" and _is_str(a.annotation):
                        places[node.name] = i
            elif isinstance(node, ast.ClassDef):
                fields = [x for x in node.body if isinstance(x, ast.AnnAssign) and isinstance(x.target, ast.Name)]
                for i, x in enumerate(fields):
                    if x.target.id == "code" and _is_str(x.annotation):
                        places[node.name] = i
    found: dict[str, str] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            given: list[ast.expr] = []
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in places:
                    named = [k.value for k in node.keywords if k.arg == "code"]
                    given = named or node.args[places[name] : places[name] + 1]
            elif isinstance(node, ast.Assign) and any(isinstance(x, ast.Name) and x.id == "code" for x in node.targets):
                given = [node.value]
            for each in given:
                for word in _words(each):
                    found.setdefault(word, f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


def _is_str(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "str"


def _words(value: ast.expr) -> list[str]:
    """The constants that an expression may come to."""
    if isinstance(value, ast.IfExp):
        return _words(value.body) + _words(value.orelse)
    if isinstance(value, ast.BoolOp):
        return [w for each in value.values for w in _words(each)]
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and is_code(value.value):
        return [value.value]
    return []


def is_code(word: str) -> bool:
    return word.replace("-", "").isalnum() and word == word.lower() and not word.startswith("-")


def code_of(stem: str) -> str:
    """The code that a golden file is about: the longest one that its name begins with."""
    known = [c for c in set(codes()) | set(used_codes()) if stem == c or stem.startswith(f"{c}-")]
    return max(known, key=len, default="")


# ------------------------------------------------------------------------------- running one


def command(text: str) -> str | None:
    """The command in a program's first line, if it shows a mistake of a run."""
    first = text.split("\n", 1)[0]
    return first.removeprefix("# $ opengames ") if first.startswith("# $ opengames ") else None


def run(words: str, folder: Path) -> str:
    """What the command prints, to both streams."""


    out = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = main(shlex.split(words))
    return f"{_TIME.sub('... ms', out.getvalue())}(exit status {status})\n"


def found_in(text: str, name: str) -> tuple[Diagnostic, ...]:
    return tuple(check(text, name).diagnostics)


def report(path: Path) -> str:
    if path.stem in IN_PYTHON:
        with pytest.raises(Refusal) as raised:
            IN_PYTHON[path.stem]()
        return render(raised.value.diagnostics, getattr(raised.value, "sources", {"sell.game": SELL}))
    if path.stem in MADE:
        text = MADE[path.stem]
        return render(found_in(text, path.name), {path.name: text})
    try:
        text = read_text(path)
    except Refusal as refused:
        return render(refused.diagnostics, {})
    words = command(text)
    if words is not None:
        return run(words, path.parent)
    return render(found_in(text, path.name), {path.name: text})


GAMES = sorted({p.stem for p in GOLDEN.glob("*.game")} | set(MADE) | set(IN_PYTHON))


@pytest.mark.parametrize("stem", GAMES)
def test_a_broken_program_gives_exactly_its_report(stem, request):
    said = report(GOLDEN / f"{stem}.game")
    kept = GOLDEN / f"{stem}.txt"
    if request.config.getoption("--update-golden"):
        kept.write_text(said, encoding="utf-8")
    assert f"[{code_of(stem)}]" in said
    assert said == kept.read_text(encoding="utf-8")


@pytest.mark.parametrize("stem", [stem for stem in GAMES if stem not in IN_PYTHON])
def test_every_suggested_edit_parses_once_applied(stem):
    path = GOLDEN / f"{stem}.game"
    try:
        text = MADE.get(stem) or read_text(path)
    except Refusal:
        return
    if command(text) is not None:
        return
    diagnostics = found_in(text, path.name)
    for d in diagnostics:
        if d.edit is None:
            continue
        mended = apply_edit(text, d.edit)
        assert mended != text
        others = sum(other is not d and other.span is not None for other in diagnostics)
        assert parses(mended) or others, f"{stem}: {d.edit}"
        assert d.code not in {x.code for x in found_in(mended, path.name)} or others, f"{stem}: the edit mends nothing"


def test_no_report_is_left_over_from_a_program_that_is_gone():
    assert {p.stem for p in GOLDEN.glob("*.txt")} == set(GAMES)


# ------------------------------------------------------------------------------------- pages


def test_every_code_of_the_source_has_a_page():
    missing = {code: place for code, place in used_codes().items() if code not in codes()}
    assert not missing


def test_every_page_is_about_a_code_of_the_source():
    assert set(codes()) - set(used_codes()) == set()


def test_every_code_has_a_golden_program():
    shown = {code_of(stem) for stem in GAMES}
    assert {code: place for code, place in used_codes().items() if code not in shown} == {}


def test_there_are_at_least_forty_five_codes():
    assert len(used_codes()) >= 45


@pytest.mark.parametrize("code", codes())
def test_a_page_opens_with_its_code_and_shows_a_wrong_program_and_a_mended_one(code, tmp_path):
    page = explain(code)
    assert page.startswith(f"# {code}\n")
    assert opening(code)
    blocks, tables = programs(page), data(page)
    if not blocks:
        assert "```" in page, "a page without a program shows a command"
        return
    wrong, *mended = blocks
    assert mended, "a page shows how to mend the program"
    assert code in codes_of_a_page(wrong, tables[:1], tmp_path)
    for text in mended:
        assert codes_of_a_page(text, tables[-1:], tmp_path) == set()


def data(page: str) -> list[str]:
    """The blocks fenced as `csv`: the data of the wrong program and of the mended one."""
    return re.findall(r"^```csv\n(.*?)^```", page, re.M | re.S)


def codes_of_a_page(text: str, tables: list[str], folder: Path) -> set[str]:
    """The codes that a program of a page gives, or the command in its first line."""
    (folder / "page.game").write_text(text, encoding="utf-8")
    for table in tables:
        (folder / "data.csv").write_text(table, encoding="utf-8")
    found = {d.code for d in found_in(text, "page.game")}
    words = command(text)
    if words is not None:
        found |= set(re.findall(r"^(?:error|warning)\[([a-z0-9-]+)\]", run(words, folder), re.M))
    return found


def test_an_unknown_code_names_the_nearest():
    with pytest.raises(Refusal) as refused:
        explain("data-gaps")
    assert refused.value.diagnostics[0].help == "did you mean `data-gap`?"
