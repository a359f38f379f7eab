"""The command line: what each command prints, its exit status, and how it ends when it is stopped."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opengames.cli import COMMANDS, main
from opengames.commands.common import place_of

EXAMPLES = Path(__file__).parents[1] / "specs" / "examples"
AUCTION = str(EXAMPLES / "02_auction.game")

SOUND = "param n: nat = 3\nquery twice = 2 * n\nverify small: n < 4\n"
FALSE = "type Side = Head | Tail\nverify one_side: forall s in Side: s == Head\n"
WRONG = "fun f(x: real) -> real = y\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"sound": SOUND, "false": FALSE, "wrong": WRONG}.items():
        Path(f"{name}.game").write_text(text, encoding="utf-8")
    return tmp_path


def told(capsys, *argv):
    """(exit status, standard output, error stream) of one command."""
    status = main([str(a) for a in argv])
    out, err = capsys.readouterr()
    return status, out, err


def process(*argv, **more):
    return subprocess.run(
        [sys.executable, "-m", "opengames.cli", *argv], capture_output=True, text=True, timeout=120, **more
    )


# ------------------------------------------------------------------------------- check


def test_check_says_what_is_wrong_and_goes_on_with_the_next_file(folder, capsys):
    status, out, err = told(capsys, "check", "sound.game", "wrong.game")
    assert (status, err) == (2, "")
    assert out.startswith("ok  sound.game\nerror[unknown-name]: ")
    assert out.endswith("wrong  wrong.game: 1 error\n")


def test_check_reads_the_standard_input():
    done = process("check", "-", input=WRONG)
    assert done.returncode == 2 and "<stdin>:1:26" in done.stdout


def test_check_gives_json_and_html(folder, capsys):
    status, out, _ = told(capsys, "check", "wrong.game", "sound.game", "--json")
    found = json.loads(out)
    assert (status, found["ok"], [f["ok"] for f in found["files"]]) == (2, False, [False, True])
    assert found["files"][0]["diagnostics"][0]["at"]["line"] == 1
    status, out, _ = told(capsys, "check", "wrong.game", "--format", "html")
    assert status == 2 and out.startswith('<div class="opengames-report"')


def test_check_takes_params(folder, capsys):
    assert told(capsys, "check", "sound.game", "--set", "n=5")[0] == 0
    status, out, _ = told(capsys, "check", "sound.game", "--set", "n=5 $")
    assert status == 2 and "bad-param-value" in out


@pytest.mark.parametrize("command", ["check", "verify", "query", "run", "draw", "fmt"])
def test_a_file_that_is_not_there_is_a_mistake_of_the_caller(folder, capsys, command):
    status, out, err = told(capsys, command, "sund.game")
    assert status == 2 and "error[no-such-file]" in out + err and "did you mean `sound.game`?" in out + err


@pytest.mark.parametrize("command", ["check", "verify", "query", "run", "draw", "fmt"])
@pytest.mark.parametrize("raw", [b"\xff\xfe", b"", b"}{", b"\x00", b"(" * 5000])
def test_no_file_shows_a_traceback(folder, capsys, command, raw):
    Path("odd.game").write_bytes(raw)
    status, out, err = told(capsys, command, "odd.game")
    assert status in (0, 2) and "Traceback" not in out + err


# ------------------------------------------------------------------- verify and query


def test_verify_prints_verdicts_and_fails_if_a_claim_does(folder, capsys):
    status, out, _ = told(capsys, "verify", "sound.game")
    assert (status, out.split()[:2]) == (0, ["proved", "small"])
    status, out, _ = told(capsys, "verify", "false.game")
    assert status == 1 and out.startswith("refuted    one_side") and "\n   fails for s = Tail\n" in out
    assert told(capsys, "verify", "sound.game", "--set", "n=4")[0] == 1
    assert told(capsys, "verify", "wrong.game")[0] == 2


def test_verify_answers_only_the_claims_named(capsys):
    status, out, _ = told(capsys, "verify", AUCTION, "nobody_overpays")
    assert status == 0 and len(out.splitlines()) == 1
    status, _, err = told(capsys, "verify", AUCTION, "nobody_overpay")
    assert status == 2 and "did you mean `nobody_overpays`?" in err


def test_verify_gives_json(folder, capsys):
    status, out, _ = told(capsys, "verify", "false.game", "--json")
    found = json.loads(out)
    assert status == 1 and found["claims"][0]["counterexample"] == "s = Tail"


def test_query_prints_exact_answers(capsys):
    status, out, _ = told(capsys, "query", AUCTION, "revenue")
    assert status == 0 and out.startswith("revenue = 7/5 $  (exact, ")
    status, out, _ = told(capsys, "query", AUCTION, "--json")
    assert [a["shown"] for a in json.loads(out)["answers"]] == ["7/5 $", "1"]


def test_a_question_that_cannot_be_answered_yet_fails_without_being_wrong(folder, capsys):
    Path("later.game").write_text("query x = 1 + 1\nverify all: forall x in real: x * x >= 0 by exact\n", encoding="utf-8")
    status, out, _ = told(capsys, "verify", "later.game")
    assert status == 1 and out.startswith("unknown")
    assert told(capsys, "query", "later.game")[0] == 0


def test_a_missing_param_is_reported_once_for_all_claims(folder, capsys):
    Path("open.game").write_text("param p: real\nverify a: p > 0\nverify b: p > 1\n", encoding="utf-8")
    status, out, err = told(capsys, "verify", "open.game")
    assert status == 2 and out.count("no verdict") == 2 and err.count("error[param-needs-value]") == 1
    assert out.splitlines() == ["no verdict a", "no verdict b", "   for the reason above"]
    assert told(capsys, "verify", "open.game", "--set", "p=2")[0] == 0


# ----------------------------------------------------------------------------- run, draw


def test_run_summarises_and_writes_files(folder, capsys):
    status, out, _ = told(capsys, "run", AUCTION, "--under", "shade", "--runs", "50", "--out", "r.npz")
    assert status == 0
    assert out.startswith("Auction under shade: 50 runs, seed 0\n") and out.endswith("wrote r.npz\n")
    assert Path("r.npz").stat().st_size > 0
    status, out, _ = told(capsys, "run", AUCTION, "Auction", "--under", "shade", "--runs", "50", "--json")
    assert {w["wire"] for w in json.loads(out)["wires"]} >= {"worth_ann", "bid_bob"}


def test_run_reads_params_from_data(folder, capsys):
    text = "type Hour = 1..3\nparam price: real $[Hour]\nchannel day() -> (s: real $) { s = sum(price[t] for t in Hour) }\n"
    Path("day.game").write_text(text, encoding="utf-8")
    Path("p.csv").write_text("lmp\n1\n2\n4\n", encoding="utf-8")
    status, out, _ = told(capsys, "run", "day.game", "--data", "price=p.csv:lmp", "--runs", "2")
    assert status == 0 and "7" in out
    status, _, err = told(capsys, "run", "day.game", "--data", "price=p.csv:lpm")
    assert status == 2 and "did you mean `lmp`?" in err
    status, _, err = told(capsys, "run", "day.game")
    assert status == 2 and "param-needs-value" in err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["run", AUCTION, "--runs", "0"], "less than 1"),
        (["run", AUCTION, "--runs", "x"], "not a whole number"),
        (["run", AUCTION, "--under", "shad"], "did you mean `shade`?"),
        (["run", AUCTION, "Auctoin"], "did you mean `Auction`?"),
        (["run", AUCTION, "--out", "x.xls"], "bad-option"),
        (["run", AUCTION, "--set", "x"], "bad-option"),
        (["draw", AUCTION, "Auction", "-o", "x.png"], "bad-option"),
        (["frobnicate"], "invalid choice"),
        (["verify", AUCTION, "--frob"], "unrecognized"),
        ([], "usage"),
    ],
)
def test_wrong_usage_is_explained_and_ends_with_two(folder, capsys, argv, said):
    status, out, err = told(capsys, *argv)
    assert status == 2 and said in out + err


def test_draw_writes_a_picture(folder, capsys):
    status, out, _ = told(capsys, "draw", AUCTION, "Auction", "-o", "a.svg")
    assert (status, out) == (0, "wrote a.svg\n") and Path("a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert told(capsys, "draw", str(EXAMPLES / "01_entry.game"), "--tree", "-o", "t.svg")[0] == 0
    assert told(capsys, "draw", AUCTION, "Auction")[1].startswith("<svg")


# ------------------------------------------------------------------ fmt, explain, new


def test_fmt_rewrites_in_place_and_once_is_enough(folder, capsys):
    Path("loose.game").write_text("query   x=1+ 1\n", encoding="utf-8")
    assert told(capsys, "fmt", "--check", "loose.game")[0] == 1
    status, out, _ = told(capsys, "fmt", "--diff", "loose.game")
    assert status == 0 and "+query x = 1 + 1" in out
    assert told(capsys, "fmt", "loose.game") == (0, "changed  loose.game\n", "")
    assert Path("loose.game").read_text(encoding="utf-8") == "query x = 1 + 1\n"
    assert told(capsys, "fmt", "loose.game") == (0, "", "")
    assert told(capsys, "fmt", "--check", "loose.game") == (0, "", "")


def test_fmt_leaves_a_text_with_mistakes_alone(folder, capsys):
    Path("bad.game").write_text("query x = = 1\n", encoding="utf-8")
    status, _, err = told(capsys, "fmt", "bad.game")
    assert status == 2 and err.startswith("error[")
    assert Path("bad.game").read_text(encoding="utf-8") == "query x = = 1\n"


def test_fmt_passes_the_standard_input_on():
    done = process("fmt", "-", input="query   x=1\n")
    assert (done.returncode, done.stdout) == (0, "query x = 1\n")


def test_explain_shows_a_page_and_lists_all(capsys):
    status, out, _ = told(capsys, "explain", "no-such-file")
    assert status == 0 and out.startswith("# no-such-file\n")
    assert told(capsys, "explain", "error[no-such-file]")[1] == out
    assert len(told(capsys, "explain")[1].splitlines()) >= 45
    status, _, err = told(capsys, "explain", "no-such-fil")
    assert status == 2 and "did you mean `no-such-file`?" in err
    assert json.loads(told(capsys, "explain", "--json")[1])["codes"][0].keys() == {"code", "opening"}


def test_new_copies_an_example_and_overwrites_nothing(folder, capsys):
    status, out, _ = told(capsys, "new", "mine", "--from", "auction")
    assert status == 0 and out.startswith("wrote mine.game")
    assert Path("mine.game").read_text(encoding="utf-8") == Path(AUCTION).read_text(encoding="utf-8")
    assert told(capsys, "check", "mine.game")[0] == 0
    assert "file-exists" in told(capsys, "new", "mine")[2]
    assert "did you mean `auction`?" in told(capsys, "new", "other", "--from", "auctoin")[2]
    listed = told(capsys, "new", "--list")[1]
    assert "auction" in listed and "sealed-bid" in listed


# ------------------------------------------------------------------------------- manners


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    status, out, _ = told(capsys, command, "--help")
    assert status == 0 and f"  opengames {command}" in out


def test_a_file_and_a_column_are_told_apart(folder):
    assert place_of("a.csv:lmp") == ("a.csv", "lmp")
    assert place_of("a.csv") == ("a.csv", None)
    assert place_of("C:stuff.csv") == ("C:stuff.csv", None)
    Path("odd:name").write_text("x\n", encoding="utf-8")
    assert place_of("odd:name") == ("odd:name", None)


def test_colour_appears_only_where_it_is_wanted(folder, capsys, monkeypatch):
    assert "\x1b" not in told(capsys, "check", "wrong.game")[1]
    assert "\x1b[1;31merror" in told(capsys, "check", "wrong.game", "--color", "always")[1]


def test_a_closed_pipe_is_quiet():
    script = f"{sys.executable} -m opengames.cli explain --json | head -c 5"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ('{\n  "', "")


def test_an_interrupt_ends_without_a_traceback(folder):
    process_ = subprocess.Popen(
        [sys.executable, "-m", "opengames.cli", "check", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(1.0)
    process_.send_signal(signal.SIGINT)
    _, err = process_.communicate(timeout=60)
    assert process_.returncode == 130 and "Traceback" not in err and "interrupted" in err


def test_a_mistake_of_ours_is_an_apology_unless_debugging(folder, capsys, monkeypatch):
    def broken(args):
        raise KeyError("ours")

    monkeypatch.setattr("opengames.commands.check.run", broken)
    monkeypatch.delenv("OPENGAMES_DEBUG", raising=False)
    status, _, err = told(capsys, "check", "sound.game")
    assert status == 70 and "mistake of its own" in err and "Traceback" not in err
    monkeypatch.setenv("OPENGAMES_DEBUG", "1")
    with pytest.raises(KeyError):
        main(["check", "sound.game"])


def test_progress_shows_on_a_terminal_after_a_while_and_goes_away():
    script = (
        "import time; from opengames.commands import progress as p; p.PATIENCE = 0.1\n"
        "with p.progress('thinking hard') as sign:\n    time.sleep(1.0); sign.at(3, 4); time.sleep(0.5)\n"
    )
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", script], stderr=follower, stdout=subprocess.PIPE, env={**os.environ, "TERM": "xterm"}
    )
    out, _ = child.communicate(timeout=60)
    os.close(follower)
    seen = os.read(leader, 100_000).decode(errors="replace")
    os.close(leader)
    assert out == b"" and "thinking hard" in seen
    quiet = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert quiet.stderr == ""


def test_names_and_options_come_in_any_order(folder, capsys):
    Path("two.game").write_text("param cap: real $ = 1 $\nquery b = cap\nquery c = 2 * cap\n", encoding="utf-8")
    orders = [
        ["two.game", "c", "--set", "cap=60 $", "--json"],
        ["two.game", "--json", "c", "--set", "cap=60 $"],
        ["--json", "two.game", "--set", "cap=60 $", "c"],
        ["--set", "cap=60 $", "--json", "two.game", "c"],
    ]
    for argv in orders:
        status, out, err = told(capsys, "query", *argv)
        assert (status, err) == (0, ""), argv
        assert [(a["name"], a["shown"]) for a in json.loads(out)["answers"]] == [("c", "120 $")]
    assert told(capsys, "run", "--runs", "2", AUCTION, "--under", "shade", "Auction")[0] == 0
    assert "required: FILE\n" in told(capsys, "verify")[2]


CHANCES = """
channel c() -> (x: nat) { x ~ {1: 1/2, 2: 1/2} }
channel wide() -> (s: real) {
    for i in 1..30 { x ~ uniform(Side) }
    s = sum(ind(x[i] == 3) * i ^ 2 for i in 1..30) / max(1, sum(ind(x[i] == 2) * i ^ 3 for i in 1..30))
}
type Side = 1..3
"""


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("query q = E(x) of c", 0),
        ("query q = E(x | x == 7) of c", 1),
        ("verify q: P(x == 1 | x == 7) == 1 of c", 1),
        ("query q = E(s) of wide by exact[nodes = 100]", 1),
        ("query q = distribution(x) of c by junction_tree[cells = 1]", 1),
        ("query q = 1 / (1 - 1)", 2),
        ("query q = E(1 / (x - 1)) of c", 2),
        ("verify q: E(1 / (x - 1)) > 0 of c", 2),
        ("query q = E(x) of c by simulate[rnus = 3]", 2),
        ("query q = E(y) of c", 2),
    ],
)
def test_what_cannot_be_answered_ends_with_one_and_what_is_wrong_with_two(folder, capsys, question, status):
    Path("q.game").write_text(f"{CHANCES}{question}\n", encoding="utf-8")
    assert told(capsys, question.split()[0], "q.game")[0] == status


# ------------------------------------------------------------------------------- streams


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_output_that_cannot_be_written_is_said_and_ends_with_two(folder, more):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "opengames.cli", "query", "sound.game", *more],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=120,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "error: cannot write the output: no space left on device\n")


@pytest.mark.parametrize(
    ("closed", "status", "said"),
    [
        ("query - <&-", 2, "cannot read the standard input: it is closed"),
        ("query sound.game >&-", 2, "the standard output is closed"),
        ("query sound.game 2>&-", 0, "twice = 6"),
        ("query sound.game --nonsense 2>&-", 2, ""),
        ("query sound.game >&- 2>&-", 2, ""),
    ],
)
def test_a_closed_stream_ends_in_a_sentence(folder, closed, status, said):
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m opengames.cli {closed}"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status
    assert said in done.stdout + done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "command", "said"),
    [
        (("query", "sound.game", "--nope"), "query", "unrecognized arguments: --nope"),
        (("run", "sound.game", "--runs", "x"), "run", "argument --runs: `x` is not a whole number"),
        (("query",), "query", "the following arguments are required: FILE"),
        (("nope",), None, "invalid choice: 'nope'"),
        ((), None, "unrecognized arguments: --json"),
    ],
)
def test_wrong_usage_is_json_where_json_is_wanted(folder, capsys, argv, command, said):
    status, out, err = told(capsys, *argv, "--json")
    found = json.loads(out)
    assert (status, err, found["command"], found["ok"]) == (2, "", command, False)
    assert said in found["diagnostics"][0]["headline"]


def test_a_param_of_a_text_that_does_not_parse_leaves_the_report_to_the_text(folder, capsys):
    Path("broken.game").write_text("param cost: [Kind] -> real = 1\n", encoding="utf-8")
    status, _, err = told(capsys, "query", "broken.game", "--set", "cost=2")
    assert status == 2 and "unknown-param" not in err and "broken.game:1:18" in err


# ------------------------------------------------------------------------------- long explanations

CHOOSING = """type Day = 0..5
player ann
game Choose {
    day ~ uniform(Day)
    decide go: bool by ann seeing day earning ind(go == (day == 2))
}
query d = dominant(Choose, ann)
"""


def test_a_long_explanation_is_cut_and_counted_unless_all_of_it_is_wanted(folder, capsys):
    Path("choosing.game").write_text(CHOOSING, encoding="utf-8")
    status, out, _ = told(capsys, "query", "choosing.game")
    everything = told(capsys, "query", "choosing.game", "--full")[1].splitlines()
    data = json.loads(told(capsys, "query", "choosing.game", "--json")[1])["answers"][0]["because"]
    said = [line.strip() for line in out.splitlines()[1:]]
    last = next(i for i, line in enumerate(said) if "--full" in line)
    assert status == 0 and 5 < last < len(data) and max(map(len, said)) <= 240
    assert [line.strip() for line in everything[1 : 1 + len(data)]] == data
    assert all(full.startswith(line.rstrip("…")) for line, full in zip(said[:last], data, strict=False))
    assert said[last] == f"... and {len(data) - last:,} more lines: `--full` prints them, `--json` holds them"


@pytest.mark.parametrize("argv", [("new", "mine"), ("new", "--list"), ("explain", "too-deep"), ("explain",), ("check", "sound.game")])
def test_every_json_object_says_whether_all_is_well(folder, capsys, argv):
    assert json.loads(told(capsys, *argv, "--json")[1])["ok"] is True


def test_a_mistake_in_the_text_is_shown_on_its_own_line_whatever_values_are_given(tmp_path, capsys):
    path = tmp_path / "coin.game"
    path.write_text("param chance: prob\nchannel coin() -> (a: bool) {\n    a ~ bernoulli(chance)\n}\nquery seen = P(b) of coin\n")
    shown = []
    for given in ([], ["--set", "chance=0.25 + 0.25"]):
        assert main(["query", str(path), *given]) == 2
        shown.append(capsys.readouterr().err)
    assert shown[0] == shown[1] and "5 | query seen = P(b) of coin\n" in shown[0]
