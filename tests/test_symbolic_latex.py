"""LaTeX that would compile: braces and environments match, everything from the text is escaped, formulas are mathematics that
matplotlib can set; formulas written in the language check and mean the same."""

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from fractions import Fraction
from pathlib import Path

import pytest

import opengames as og
from opengames.cli import main
from opengames.diagnostics import Refusal
from opengames.dsl.check import check
from opengames.evaluate import evaluate
from opengames.spaces import index_points, is_finite
from opengames.symbolic.document import prose
from opengames.symbolic.names import escaped, name

ROOT = Path(__file__).parents[1]
SPECS = sorted((ROOT / "specs").rglob("*.game"))


def well_formed(text):
    """Whether braces and environments match, outside escapes."""
    depth, stack = 0, []
    for found in re.finditer(r"\\begin\{(\w+\*?)\}|\\end\{(\w+\*?)\}|\\.|[{}]", text, re.DOTALL):
        begun, ended = found.groups()
        if begun:
            stack.append((begun, depth))
        elif ended:
            assert stack and stack.pop() == (ended, depth), f"{ended} at {text[max(0, found.start() - 80):found.end()]}"
        elif found[0] == "{":
            depth += 1
        elif found[0] == "}":
            depth -= 1
            assert depth >= 0, text[max(0, found.start() - 80) : found.end()]
    assert not stack and depth == 0
    assert text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right") - text.count(r"\rightarrow")
    return True


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_shipped_model_is_set_whole(path):
    model = og.load(path)
    text = model.to_latex(document=True)
    assert text.startswith("\\documentclass") and text.rstrip().endswith("\\end{document}")
    assert well_formed(text)
    for each in (*model.program.diagrams, *model.program.strategies, *(q.name for q in model.program.questions)):
        assert rf"\paragraph{{{escaped(each)}}}" in text
    for each in (*model.program.funs, *model.program.params):
        assert name(each) in text
    plain = re.sub(r"\\[#$%&_{}]", "", text)
    assert "#" not in plain
    assert not re.search(r"(?<!\\)%", text)


def test_the_document_of_the_auction_says_what_the_text_says():
    text = og.load(ROOT / "specs" / "examples" / "02_auction.game").to_latex()
    for part in (
        r"Ties".lower(), r"$b(v) = v / 2$", r"\mathrm{Value} = \{0, 1, 2, 3, 4\}\;\mathrm{\$}",
        r"\mathit{outcome}\left(\mathit{value}, \mathit{mine}, \mathit{theirs}\right) = \begin{cases}",
        r"\mathit{worth\_ann} &\sim \mathrm{Uniform}\left(\mathrm{Value}\right)",
        r"\mathsf{Bidder[ann]}\left(\mathit{worth\_ann}\right) \quad\text{paying } \mathit{outcome}",
        r"\mathit{ann}.\mathit{bid} &= \frac{\mathit{value}}{2}", r"\text{equilibrium}\left(\mathsf{shade}\right)",
        r"\mathbb{P}\left[\mathit{worth\_ann} \geq \mathit{worth\_bob} \mid \mathit{bid\_ann} > \mathit{bid\_bob}\right]",
    ):  # fmt: skip
        assert part in text, part


def test_prose_is_escaped_and_its_mathematics_kept():
    assert prose("costs 5 $ or 10 $ & 50% of x_1") == r"costs 5 \$ or 10 \$ \& 50\% of x\_1"
    assert prose("bid $b(v) = v / 2$ with `a_b`") == r"bid $b(v) = v / 2$ with \texttt{a\_b}"
    assert prose(r"half $40 \%$ and $50 %$") == r"half $40 \%$ and $50 \%$"
    assert well_formed(prose(r"odd $}{$ and $\begin{x}$ \end{document}"))
    assert r"\end{document}" not in prose(r"\end{document}")


@pytest.mark.parametrize("path", [p for p in SPECS if "textbook" in p.parts or p.stem[:2] in ("02", "04", "05")], ids=lambda p: p.stem)
def test_formulas_are_mathematics_that_can_be_set(path):
    from matplotlib.mathtext import MathTextParser

    model = og.load(path)
    set_ = MathTextParser("path").parse
    for fun in model.program.funs:
        text = model.formula(fun).latex()
        assert well_formed(text)
        rows = re.split(r"\\begin\{cases\}|\\end\{cases\}|\\\\|&", text)  # mathtext knows no cases
        for row in rows:
            row = row.replace(r"\text{if }", "").replace(r"\text{otherwise}", "")
            row = re.sub(r"\\(left|right)[()]", "", row).strip().strip(",=")
            if row:
                set_(f"${row}$")


# -------------------------------------------------------------- back to the text


@pytest.mark.parametrize("path", [p for p in SPECS if "textbook" in p.parts or p.stem[:2] in ("01", "02", "04")], ids=lambda p: p.stem)
def test_a_closed_form_that_is_written_back_means_the_same(path):
    model = og.load(path)
    for fun in model.program.funs:
        try:
            text = model.formula(fun).to_game()
        except Refusal as refused:
            assert [d.code for d in refused.diagnostics] == ["not-expressible"]
            continue
        again = og.loads(f"{model.text}\n{text}\n")
        old, new = model.program.funs[fun], again.program.funs[f"{fun}_closed"]
        assert [p.space for p in old.inputs] == [p.space for p in new.inputs]
        spaces = tuple(p.space for p in old.inputs)
        if all(map(is_finite, spaces)):
            for values in list(index_points(spaces))[:200]:
                env = dict(zip((p.name for p in old.inputs), values, strict=True))
                before, after = (evaluate(f.body, env, again.program.funs, again.program.param_values()) for f in (old, new))
                assert before == after, (fun, values)


def test_a_derivative_can_be_pasted_back():
    text = "unit m  unit s  fun path(t: real s, hit: real s, a: real m/s^2) -> real m = if t < hit then a * t ^ 2 / 2 else 0 m"
    slope = og.loads(text).formula("path", wrt="t").to_game()
    assert slope == "fun path_dt(t: real s, hit: real s, a: real m/s^2) -> real m/s = if hit > t then a * t else 0 m/s"
    assert check(f"{text}\n{slope}", "path.game").ok


def test_a_derivative_without_units_is_a_fun():
    model = og.loads("fun f(x: real, y: real) -> real = x ^ 3 / (1 + y) - max(x, y)")
    text = model.formula("f", wrt="x").to_game()
    again = og.loads(f"{model.text}\n{text}\nquery q = f_dx(2, 3)")
    assert again.query("q").value == Fraction(3)


# ------------------------------------------------------------------ command line


def run(*argv):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(["formulas", *map(str, argv)])
    return status, out.getvalue(), err.getvalue()


RESERVATION = ROOT / "specs" / "examples" / "04_reservation.game"


def test_the_command_prints_a_formula():
    status, out, _ = run(RESERVATION, "switches", "--at", "k=2")
    assert status == 0 and out == "switches(asp) = asp[1] - 2 * asp[1] * asp[2] + asp[2]\n"


def test_the_command_prints_data():
    status, out, _ = run(RESERVATION, "switches", "--at", "k=1", "--json")
    (found,) = json.loads(out)["formulas"]
    assert status == 0 and found["formula"] == "asp[1]" and found["where"] == ["asp[1] >= 0", "asp[1] <= 1"]


def test_the_command_differentiates_and_sets():
    status, out, _ = run(RESERVATION, "switches", "--at", "k=2", "--wrt", "asp[2]", "--latex")
    assert status == 0 and out.startswith(r"\mathit{switches\_dasp\_2}(\mathit{asp}) = ")


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (("swiches",), 2, "did you mean `switches`"), (("switches", "--wrt", "asq"), 2, "does not depend on"),
        (("switches", "--free", "los"), 2, "did you mean `loss`"), (("switches", "--at", "k"), 2, "not a name and a value"),
        (("--document", "switches"), 2, "whole model"), (("average", "--wrt", "k"), 2, "is a query"),
        (("threshold",), 1, "written out"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_explained(argv, status, said):
    found, out, err = run(RESERVATION, *argv)
    assert found == status and said in out + err
