"""The project's chores: `python3 tasks.py demo`, `python3 tasks.py test`. Needs Python 3.11+ and pip, nothing else.

    demo     set up (once), then the main job: a battery on real prices, the exchange, a cleared market, the textbook
    test     set up (once), then lint, types, tests, and a wheel installed into an empty environment
    lint     ruff over all folders
    types    mypy over all folders, under the names that users import
    unit     the tests alone (further arguments go to pytest)
    wheel    build the wheel, install it into an empty environment, run one spec from it
    bench    the measurements of benchmarks/ (further arguments name some of them)
    setup    create or refresh the environment and nothing else
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = Path(os.environ.get("OPENGAMES_VENV", ROOT / ".venv"))
LAYERS = ("dsl", "models", "solvers", "specs")


def python_of(environment: Path) -> str:
    return str(environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def run(*command: str, **more: str) -> None:
    """Run a command in the project's root; stop everything if it fails."""
    environment = {**os.environ, "NPROC": os.environ.get("NPROC", "1"), **more}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def setup(extra: str = "test") -> str:
    """The environment's Python, with the project (editable) and its pinned dependencies in it."""
    python = python_of(ENVIRONMENT)
    wanted = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        wanted.update((ROOT / name).read_bytes())
    wanted.update(f"{extra} {sys.version_info[:2]}".encode())
    stamp = ENVIRONMENT / f".opengames-{extra}"
    if stamp.exists() and stamp.read_text() == wanted.hexdigest():
        return python
    print(f"setting up {ENVIRONMENT.name}/ (once; a few minutes of downloads)", flush=True)
    if not Path(python).exists():
        venv.create(ENVIRONMENT, with_pip=True)
    target = f".[{extra}]" if extra else "."
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", "constraints.txt", "-e", target)
    stamp.write_text(wanted.hexdigest())
    return python


def lint(python: str) -> None:
    run(python, "-m", "ruff", "check", ".")


def types(python: str) -> None:
    """mypy on a tree of links that has the import names of the installed package."""
    names = ROOT / "build" / "names" / "opengames"
    shutil.rmtree(names.parent, ignore_errors=True)
    names.mkdir(parents=True)
    for item in (ROOT / "opengames").iterdir():
        if item.name != "__pycache__":
            (names / item.name).symlink_to(item)
    for layer in LAYERS:
        (names / layer).symlink_to(ROOT / layer)
    # the cache is kept between runs: the links point at the same files
    run(python, "-m", "mypy", "-p", "opengames", "--cache-dir", str(ROOT / ".mypy_cache"), MYPYPATH=str(names.parent))


def unit(python: str, *more: str) -> None:
    run(python, "-m", "pytest", "-q", "-n", os.environ.get("OPENGAMES_TEST_WORKERS", "2"), *more)


def wheel(python: str) -> None:
    """What a user gets: the wheel alone, in an environment that has never seen this folder."""
    with tempfile.TemporaryDirectory() as scratch:
        built, empty = Path(scratch) / "wheel", Path(scratch) / "empty"
        run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--disable-pip-version-check", "-w", str(built), ".")
        venv.create(empty, with_pip=True)
        (found,) = built.glob("*.whl")
        theirs = python_of(empty)
        run(theirs, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", "constraints.txt", str(found))
        opengames = str(Path(theirs).with_name("opengames"))
        for command in (("new", "dilemma.game", "--from", "dilemma"), ("check", "dilemma.game"), ("verify", "dilemma.game")):
            done = subprocess.run((opengames, *command), cwd=scratch, check=False)
            if done.returncode:
                sys.exit(f"from the wheel, `opengames {' '.join(command)}` exits with {done.returncode}")


def test(*more: str) -> None:
    python = setup("test")
    timed(lint, python)
    with ThreadPoolExecutor() as side_by_side:  # one works, the other mostly waits for downloads
        for each in [side_by_side.submit(timed, chore, python) for chore in (types, wheel)]:
            each.result()
    unit(python, *more)


def timed(chore: Callable[[str], None], python: str) -> None:
    begun = time.monotonic()
    chore(python)
    print(f"{chore.__name__}: ok ({time.monotonic() - begun:.0f} s)", flush=True)


def main(arguments: list[str]) -> None:
    chore, more = (arguments[0], arguments[1:]) if arguments else ("", [])
    match chore:
        case "demo":
            run(setup("test"), "-m", "opengames.demo", *more)
        case "test":
            test(*more)
        case "bench":
            run(setup("bench"), "-m", "benchmarks", *more)
        case "lint" | "types" | "wheel":
            {"lint": lint, "types": types, "wheel": wheel}[chore](setup("test"))
        case "unit":
            unit(setup("test"), *more)
        case "setup":
            setup("test")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
