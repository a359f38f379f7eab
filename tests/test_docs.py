r"""The documents hold what they show: every program checks, every command prints what stands below it, every link leads
somewhere.

What may stand after the three backticks of a block:

* `game`: a text that checks without a word. `game more`: it continues the `game` blocks before it, since the last plain
  one. `game error:CODE`: exactly this code is reported, and nothing else (with `more`, about the continued text, which
  goes on without it). A word that ends in `.game` writes the text so far to a file of that name.
* `console`: commands after `$ `, each followed by what it prints. Those that begin with `opengames` are run, in order,
  in one folder for each document; `echo $?` shows the exit status. A line `...` stands for any lines.
* `python`: run in order, in the same folder, with one set of names for each document; `>>>` as in doctests.
* `sh`: commands without their output; those of `opengames` (wherever it lies) are run and must not be refused.
* `csv NAME`: written to a file of that name. `text`: not looked at.

`pytest tests/test_docs.py --update-golden` rewrites what the commands print.
"""

import contextlib
import doctest
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

import opengames as og
from opengames.cli import main
from opengames.dsl.check import check
from opengames.dsl.tokens import KEYWORDS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md")) + [p for p in [ROOT / "README.md"] if p.exists()]
EXPLAINED = sorted((ROOT / "dsl" / "explain").glob("*.md"))

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TIME = re.compile(r"under 10 ms|\b[\d,]+ ms\b|\b\d+\.\d s\b|(?<=\"seconds\": )[\d.e-]+")
_PROGRAM = "opengames"


@dataclass(frozen=True)
class Block:
    """A fenced block. start, end: where its body stands in the page."""

    page: Path
    words: tuple[str, ...]
    body: str
    line: int
    start: int
    end: int

    @property
    def kind(self):
        return self.words[0] if self.words else ""

    @property
    def place(self):
        return f"{self.page.name}:{self.line}"


def blocks(page):
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, tuple(m[1].split()), m[2], text.count("\n", 0, m.start()) + 1, m.start(2), m.end(2))
        for m in _FENCE.finditer(text)
    ]


@dataclass(frozen=True)
class Snippet:
    """A text to check: where it stands, the codes wanted, the file it is written to (or `None`)."""

    place: str
    text: str
    codes: tuple[str, ...]
    file: str | None


def snippets(page):
    found, whole = [], ""
    for block in blocks(page):
        if block.kind != "game":
            continue
        more = "more" in block.words
        codes = tuple(w.removeprefix("error:") for w in block.words if w.startswith("error:"))
        file = next((w for w in block.words if w.endswith(".game")), None)
        text = whole + "\n" + block.body if more else block.body
        whole = whole if codes else text
        found.append(Snippet(block.place, text, codes, file))
    return found


SNIPPETS = [s for page in PAGES for s in snippets(page)]
RUN = [page for page in PAGES if any(b.kind in ("console", "python") for b in blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_block_says_what_it_is(page):
    for block in blocks(page):
        kind, *words = block.words or ("",)
        assert kind in {"game", "console", "python", "sh", "csv", "text"}, f"{block.place}: `{kind}`"
        if kind == "game":
            odd = [w for w in words if w != "more" and not w.startswith("error:") and not w.endswith(".game")]
            assert not odd, f"{block.place}: {odd}"
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(blocks(page)), "a block is not closed"


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda s: s.place)
def test_every_program_shown_checks_as_the_page_says(snippet):
    found = check(snippet.text, snippet.place)
    said = [f"{d.code}: {d.headline} ({d.span and d.span.line})" for d in found.diagnostics]
    if snippet.codes:
        assert [d.code for d in found.diagnostics] == list(snippet.codes), said
    else:
        assert found.ok and not said, said


@pytest.mark.parametrize("snippet", [s for s in SNIPPETS if not s.codes], ids=lambda s: s.place)
def test_every_claim_shown_holds_or_is_shown_to_fail(snippet):
    page = snippet.place.partition(":")[0]
    shown = next(p for p in PAGES if p.name == page).read_text(encoding="utf-8")
    model = og.loads(snippet.text, snippet.place)
    for question in model.questions("verify"):
        if not question.by:
            claim = model.claim(question)
            told = re.search(rf"^{claim.verdict} +{claim.name} ", shown, re.MULTILINE)
            assert claim.holds or claim.verdict == "unknown" or told, claim


@pytest.mark.parametrize("page", RUN, ids=lambda p: p.name)
def test_everything_shown_to_run_prints_what_is_shown(page, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    names = {}
    edits = []
    texts = iter(snippets(page))
    for block in blocks(page):
        if block.kind == "game":
            snippet = next(texts)
            if snippet.file:
                Path(snippet.file).write_text(snippet.text.lstrip("\n"), encoding="utf-8")
        elif block.kind == "csv":
            Path(block.words[1]).write_text(block.body, encoding="utf-8")
        elif block.kind == "python":
            run_python(block, names)
        elif block.kind == "sh":
            run_shell(block)
        elif block.kind == "console":
            printed = run_console(block)
            if request.config.getoption("--update-golden"):
                edits.append((block, printed))
            else:
                assert matches(block.body, printed), f"{block.place} prints\n{printed}"
    check_pictures(page, tmp_path, request.config.getoption("--update-golden"))
    update(page, edits)


def check_pictures(page, folder, renew):
    """A picture that a command writes and that lies beside the page is the one shown there."""
    for made in folder.glob("*.svg"):
        kept = page.parent / made.name
        if renew and f"({made.name})" in page.read_text(encoding="utf-8"):
            kept.write_text(made.read_text(encoding="utf-8"), encoding="utf-8")
        if kept.exists():
            assert kept.read_text(encoding="utf-8") == made.read_text(encoding="utf-8"), f"{kept.name} is out of date"


def update(page, edits):
    text = page.read_text(encoding="utf-8")
    for block, printed in reversed(edits):
        if not matches(block.body, printed):
            text = text[: block.start] + printed + text[block.end :]
    if edits:
        page.write_text(text, encoding="utf-8")


def matches(shown, printed):
    """Whether the output is as shown, but for times and for lines that `...` stands for."""
    pattern = re.escape(_TIME.sub("TIME", shown)).replace(re.escape("...\n"), r"(?:.*\n)*")
    return re.fullmatch(pattern, _TIME.sub("TIME", printed)) is not None


def run_console(block):
    """The block as it should be: its commands, each with what it prints."""
    said = ""
    status = 0
    for command, shown in commands(block.body):
        said += f"$ {command}\n"
        words = shlex.split(command)
        if words[0] == _PROGRAM:
            status, printed = opengames(words[1:])
            said += printed
        elif command == "echo $?":
            said += f"{status}\n"
        else:
            said += shown
    return said


def opengames(words):
    """The exit status of a command and what it prints, errors included."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = main(words)
    return status, printed.getvalue()


def run_shell(block):
    for line in block.body.splitlines():
        words = shlex.split(line, comments=True)
        if words and Path(words[0]).name == _PROGRAM:
            status, printed = opengames(words[1:])
            assert status < 2, f"{block.place}: {line}\n{printed}"


def commands(body):
    """(command, what is shown below it) pairs; a command goes on after a backslash at the end of its line."""
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    assert parts[0] == "", f"a console block begins with `$ `: {parts[0]!r}"
    for part in parts[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def run_python(block, names):
    if ">>>" not in block.body:
        exec(compile(block.body, block.place, "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(block.body, names, block.place, str(block.page), block.line)
    printed = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failed = runner.run(test, out=printed.write, clear_globs=False).failed
    names.update(test.globs)
    assert not failed, printed.getvalue()


@pytest.mark.parametrize("page", PAGES + EXPLAINED, ids=lambda p: p.name)
def test_every_relative_link_leads_somewhere(page):
    for target in links(page):
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(path), f"{page.name}: {target}"


def links(page):
    """The relative links of a page, those in code left out."""
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))
    return [target for target in _LINK.findall(text) if not re.match(r"[a-z]+:", target)]


def anchors(page):
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}


def test_every_page_is_in_the_index():
    assert {p.name for p in DOCS.glob("*.md")} - {"README.md"} <= set(links(DOCS / "README.md"))


def test_the_reference_lists_every_keyword_and_every_name_that_needs_no_declaration():
    from opengames.dsl.prelude import DISTRIBUTIONS, FUNCTIONS, QUESTIONS, TEMPORAL
    from opengames.dsl.type_expressions import BUILTIN

    reference = (DOCS / "language.md").read_text(encoding="utf-8")
    for word in (*KEYWORDS, *FUNCTIONS, *TEMPORAL, *DISTRIBUTIONS, *QUESTIONS, *BUILTIN, "dual"):
        assert re.search(rf"`{word}\b", reference), f"the reference does not mention `{word}`"


def test_the_reference_names_every_method():
    from opengames.solvers import METHODS

    reference = (DOCS / "language.md").read_text(encoding="utf-8")
    for word in METHODS:
        assert f"`{word}`" in reference, f"the reference does not mention `{word}`"
