"""The measurement of junction trees runs at sizes too small to measure anything, and its peers agree."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import trees


def test_chains_of_events_are_measured_and_right():
    row = trees.events("chain", 9, 5)
    assert row["error"] < 1e-12 and row["edit_ms"] > 0


def test_paths_count_the_messages_between_two_cliques():
    assert trees.paths(800)["messages"] == {"1": 1, "8": 8, "64": 64, "512": 512}


def test_the_peers_agree_on_asia():
    row = trees.network("asia", 6, 1)
    if "mbi is not installed" not in row["absent"]:
        assert row["mbi_difference"] < 1e-9
    if "pyAgrum is not installed" not in row["absent"]:
        assert row["error"] < 1e-9


def test_what_fails_says_why():
    assert trees._apart("network", "nowhere", "5")["skipped"].startswith("exit status 1")


def test_a_missing_peer_leaves_the_others(monkeypatch):
    monkeypatch.setitem(sys.modules, "mbi", None)
    monkeypatch.setitem(sys.modules, "pyagrum", None)
    row = trees.network("asia", 6, 1)
    assert row["absent"] == ["mbi is not installed", "pyAgrum is not installed"]
    assert not trees._network_figures("asia", row)
    assert row["edit_us"] > 0
