"""What is loaded when: quick commands load the standard library and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "specs" / "examples" / "02_auction.game"

HEAVY = {
    "IPython", "hypothesis", "jax", "jaxlib", "matplotlib", "ml_dtypes", "networkx", "numpy", "pandas", "pgmpy", "polars",
    "pyarrow", "pytest", "rich", "scipy", "sympy", "z3",
}  # fmt: skip

SCRIPT = """
import contextlib, io, sys
before = set(sys.modules)
from opengames.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    status = main({argv!r})
assert status == 0, status
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""


def loaded_by(*argv):
    """The top-level modules that a command loads, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(argv=list(argv))], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def ours_and_standard(names):
    return {n for n in names if n not in sys.stdlib_module_names and not n.startswith(("_", "opengames"))}


@pytest.mark.parametrize(
    "argv",
    [
        ["check", str(EXAMPLE)],
        ["check", "--json", str(EXAMPLE)],
        ["fmt", "--diff", str(EXAMPLE)],
        ["explain"],
        ["--help"],
        ["verify", "--help"],
        ["run", "--help"],
        ["new", "--list"],
    ],
    ids=" ".join,
)
def test_quick_commands_load_only_the_standard_library(argv):
    assert ours_and_standard(loaded_by(*argv)) == set()


def test_an_exact_answer_needs_no_arrays():
    assert not loaded_by("query", str(EXAMPLE), "revenue") & {"jax", "matplotlib", "pyarrow", "rich", "scipy"}


def test_importing_the_package_loads_none_of_its_modules():
    code = "import sys; import opengames; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    loaded = set(done.stdout.split())
    assert {n for n in loaded if n.startswith("opengames.")} == set()
    assert not loaded & (HEAVY | {"lark", "argparse"})


def test_every_public_name_can_be_loaded():
    import opengames

    for name in opengames.__all__:
        assert getattr(opengames, name) is not None
        assert name in dir(opengames)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = opengames.lod


def test_the_theory_imports_nothing_but_the_standard_library():
    code = (
        "import sys; from opengames import spaces, terms, diagram, program, diagnostics, spans, tree, evaluate, plug, show;"
        "print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert not ours_and_standard(done.stdout.split()) & (HEAVY | {"lark"})
