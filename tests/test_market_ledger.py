"""The ledger: nothing acknowledged is lost, nothing written can be changed unseen, and a market comes back to the bit."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_oracle import random_event, random_market
from test_market import EVENTS, LINES, chain

import opengames as og
from opengames.diagnostics import Refusal
from opengames.solvers.market import Is, Ledger, any_of, open_market, replay, resume, verify
from opengames.solvers.market.acts import act_data, act_from
from opengames.solvers.market.state import digest_of


def codes(refused):
    return [d.code for d in refused.value.diagnostics]


def life(folder, name="market.ledger"):
    """A market with a bit of everything in its ledger."""
    market = open_market(og.loads(EVENTS, "events.game"), "grid", depth=50, ledger=folder / name)
    market.join("ann", 100)
    market.join("bob", 50)
    market.buy("ann", "binds", 10, given="outage")
    market.move("bob", "price > 25 $ and binds", to=0.3)
    market.move("ann", "load", {"Low": 0.5, "High": 0.5}, given="hot")
    market.add_event("trip", given=["outage"], table=[[0.9, 0.1], [0.2, 0.8]])
    market.buy("bob", "trip or binds", 3)
    market.link("trip", "load")
    market.undo()
    market.balance("ann", "binds", given="outage")
    market.deposit("bob", 5)
    market.resolve("outage", True)
    return market


def test_a_market_comes_back_from_its_ledger_to_the_last_bit(tmp_path):
    market = life(tmp_path)
    again = resume(tmp_path / "market.ledger")
    assert again.state.digest == market.state.digest == digest_of(again.state)
    assert again.prices("load") == market.prices("load")
    assert again.traders() == market.traders()
    assert again.resolved == {"outage": True}
    again.buy("bob", "trip == true and price == cap", 2)  # the words are there again: added events, params and units
    market.ledger.close()
    assert resume(tmp_path / "market.ledger").state.digest == again.state.digest


def test_families_and_params_are_there_again(tmp_path):
    market = open_market(og.loads(LINES, "lines.game", lines=7), "net", depth=50, ledger=tmp_path / "net.ledger")
    market.join("ann", 100)
    market.buy("ann", "many(out, 2) | out[5]", 3)
    again = resume(tmp_path / "net.ledger")
    assert again.state.digest == market.state.digest
    assert again.price("many(out, 7)") == market.price("many(out, 7)")


def test_undo_goes_back_to_before_the_last_act_however_far(tmp_path):
    market = chain(4)
    market.ledger = Ledger(tmp_path / "plain.ledger")
    market.ledger.append(act_data(market.opening), None, market.state.digest)
    digests = [market.state.digest]
    market.join("ann", 1000)
    for k in range(40):  # more than is remembered
        digests.append(market.state.digest)
        market.buy("ann", f"x{k % 4} or x{(k + 1) % 4}", 1)
    while len(digests) > 1:
        market.undo()
        assert market.state.digest == digests.pop()
    market.undo()
    assert market.state.digest == digests.pop()
    with pytest.raises(Refusal) as refused:
        market.undo()
    assert codes(refused) == ["nothing-to-undo"]
    assert resume(tmp_path / "plain.ledger").state.digest == market.state.digest


@given(st.integers(0, 2**40).map(Random))
@settings(max_examples=25)
def test_what_is_asked_in_between_never_changes_a_bit(rng):
    values, factors = random_market(rng)
    first = open_market(values, factors=factors, depth=10)
    second = open_market(values, factors=factors, depth=10)
    for market in (first, second):
        market.join("ann", 100)
    for _ in range(4):
        event = random_event(rng, values)
        for _ in range(rng.randint(0, 3)):
            second.price(random_event(rng, values))
            second.traders(given=None)
        for market in (first, second):
            with suppress(Refusal):
                market.buy("ann", event, 3.0)
    assert first.state.digest == second.state.digest


def test_acts_survive_being_written_down(tmp_path):
    market = life(tmp_path)
    for entry in list(market.ledger.entries())[1:]:
        data = json.loads(entry.act)
        if data["act"] != "undo":
            assert act_data(act_from(data)) == data


@pytest.mark.parametrize("column", ["act", "receipt", "digest", "hash"])
def test_a_changed_entry_is_named(tmp_path, column):
    market = life(tmp_path)
    path = tmp_path / "market.ledger"
    market.ledger.close()
    tamper(path, f"update entries set {column} = replace({column}, '1', '2') where number = 4")
    with pytest.raises(Refusal) as refused:
        verify(path)
    assert codes(refused) == ["ledger-broken"]
    assert "entry 4 is not as it was written" in refused.value.diagnostics[0].headline
    with pytest.raises(Refusal):
        resume(path)


def test_a_removed_entry_and_a_cut_end_are_named(tmp_path):
    market = life(tmp_path)
    path = tmp_path / "market.ledger"
    head = market.ledger.last()[1]
    assert verify(market.ledger, head) == len(market.ledger)
    market.ledger.close()
    tamper(path, "delete from entries where number = (select max(number) from entries)")
    assert verify(path)  # a shorter chain is sound: that is what the head is for
    with pytest.raises(Refusal):
        verify(path, head)
    tamper(path, "delete from entries where number = 5")
    with pytest.raises(Refusal) as refused:
        verify(path)
    assert "entry 5 is missing" in refused.value.diagnostics[0].headline


def test_a_forged_entry_with_a_fitting_hash_does_not_come_out_as_recorded(tmp_path):
    from opengames.solvers.market.ledger import sealed

    market = life(tmp_path)
    path = tmp_path / "market.ledger"
    entries = list(market.ledger.entries())
    market.ledger.close()
    forged, before = [], "0" * 64
    for e in entries:
        act = e.act.replace('"cash":50.0', '"cash":5000.0')
        forged.append(sealed(e.number, act, e.receipt, e.digest, before))
        before = forged[-1].hash
    tamper(path, "delete from entries")
    with sqlite3.connect(path) as db:
        db.executemany("insert into entries values (?, ?, ?, ?, ?)", [(e.number, e.act, e.receipt, e.digest, e.hash) for e in forged])
    assert verify(path) == len(entries)
    with pytest.raises(Refusal) as refused:
        replay(Ledger(path))
    assert "entry 3 does not come out as it was recorded" in refused.value.diagnostics[0].headline


def tamper(path, statement):
    """What somebody with the file could do, once the triggers that stop mistakes are gone."""
    with sqlite3.connect(path) as db:
        db.execute("drop trigger if exists no_update")
        db.execute("drop trigger if exists no_delete")
        db.execute(statement)


def test_entries_cannot_be_changed_by_mistake(tmp_path):
    market = life(tmp_path)
    with sqlite3.connect(tmp_path / "market.ledger") as db, pytest.raises(sqlite3.IntegrityError, match="append only"):
        db.execute("delete from entries where number = 3")
    assert len(market.ledger) > 3


def test_a_second_writer_is_refused_and_loses_nothing(tmp_path):
    market = life(tmp_path)
    other = resume(tmp_path / "market.ledger")
    market.buy("ann", "binds", 1)
    state = other.state
    with pytest.raises(Refusal) as refused:
        other.buy("bob", "binds", 1)
    assert codes(refused) == ["ledger-busy"]
    assert other.state is state
    assert resume(tmp_path / "market.ledger").state.digest == market.state.digest


def test_a_writer_in_the_middle_of_writing_is_waited_for_and_then_refused(tmp_path):
    market = life(tmp_path)
    holder = sqlite3.connect(tmp_path / "market.ledger", isolation_level=None)
    holder.execute("begin immediate")
    state = market.state
    with pytest.raises(Refusal) as refused:
        market.buy("ann", "binds", 1)
    assert codes(refused) == ["ledger-busy"] and market.state is state
    holder.execute("rollback")
    market.buy("ann", "binds", 1)


def test_what_is_refused_is_not_recorded(tmp_path):
    market = life(tmp_path)
    before = len(market.ledger), market.ledger.last()
    for act in (lambda: market.buy("eve", "binds", 1), lambda: market.move("ann", "binds", 1), lambda: market.join("ann", 1)):
        with pytest.raises(Refusal):
            act()
    assert (len(market.ledger), market.ledger.last()) == before


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(Refusal) as refused:
        Ledger(path)
    assert codes(refused) == ["ledger-broken"]
    with pytest.raises(Refusal) as refused:
        resume(tmp_path / "missing.ledger")
    assert codes(refused) == ["no-such-file"] and not (tmp_path / "missing.ledger").exists()
    life(tmp_path)
    with pytest.raises(Refusal) as refused:
        chain_on(tmp_path / "market.ledger")
    assert codes(refused) == ["file-exists"]


def chain_on(path):
    return open_market({"a": (False, True)}, factors=[(["a"], [0.5, 0.5])], depth=10, ledger=path)


WRITER = """
import sys
from opengames.solvers.market import open_market
market = open_market({"a": (False, True), "b": (False, True)}, factors=[(["a"], [0.5, 0.5]), (["b"], [0.5, 0.5])], depth=100, ledger=sys.argv[1])
market.join("ann", 1e6)
n = 0
while True:
    market.buy("ann", ["a", "b", "a and b"][n % 3], [1.0, -1.0][n % 2])
    n += 1
    print(n, flush=True)
"""


def test_a_killed_process_loses_no_acknowledged_trade(tmp_path):
    path = tmp_path / "market.ledger"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, env={**os.environ, "NPROC": "1"}
    )
    seen = 0
    deadline = time.monotonic() + 60
    for line in writer.stdout:
        seen = int(line)
        if seen >= 25 or time.monotonic() > deadline:
            break
    os.kill(writer.pid, signal.SIGKILL)
    told = [int(line) for line in writer.stdout.read().split("\n") if line.strip()]
    writer.wait()
    acknowledged = max([seen, *told])
    assert acknowledged >= 25
    market = resume(path)  # verifies the chain, replays, and compares every digest
    trades = market.state.count - 1
    assert acknowledged <= trades <= acknowledged + 1  # the last may be on disk and not yet told
    market.buy("ann", any_of(Is("a", (True,)), Is("b", (True,))), 1.0)
    assert verify(market.ledger) == trades + 3
