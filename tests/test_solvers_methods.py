"""The words after `by`."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction as F

from opengames.solvers import METHODS, wrong_option


def test_every_word_says_what_it_does_or_what_is_missing():
    for name, word in METHODS.items():
        assert word.name == name and word.summary
        assert word.missing is None or ("missing" in word.missing and not word.options)
    assert {"exact", "simulate", "dynamic_programming", "enumeration"} <= {n for n, w in METHODS.items() if not w.missing}
    assert METHODS["z3"].missing and METHODS["actor_critic"].missing


def test_options_are_checked_by_name_and_kind():
    assert wrong_option("simulate", "runs", F(1000)) is None
    assert "no option `rnus`" in wrong_option("simulate", "rnus", F(1))
    assert "at least 1" in wrong_option("simulate", "runs", F(0))
    assert "whole number" in wrong_option("simulate", "runs", F(1, 2))
    assert wrong_option("dynamic_programming", "exact", True) is None
    assert "true or false" in wrong_option("dynamic_programming", "exact", F(1))


def test_naming_the_methods_loads_only_the_standard_library():
    heavy = "{'numpy', 'jax', 'scipy', 'opengames.solvers.claims'}"
    code = f"import sys, opengames.solvers; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
