"""The embedded node: opening, closing, reading beside a writer, clocks, idleness; and directories that it refuses."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from govchain.consensus.ports import CLOCK_JUMP_MS_MAX, BlockOptions, Clock
from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.model.wire import GenesisModule
from govchain.node.embedded import NodeOptions, create_chain, open_embedded, passphrase_source, system_clock
from govchain.proof.genesis import decode_genesis
from govchain.services.chains import ChainOptions
from govchain.signers import SOFTWARE_NOTICE, software_keys_open
from tests.node.kit import SMALL, Hands, copy_chain, make_chain, new_actor
from tests.storage.faults import read_only_mount

WAIT_S = 20


def submit(node, *envelopes):
    return node.submitter.submit(envelopes, wait=True, timeout_s=WAIT_S)


# Opening and closing


def test_what_was_committed_is_there_after_reopening(chain, actor):
    with open_embedded(chain, options=SMALL) as node:
        (answer,) = submit(node, actor.put())
        assert node.engine.status().running
        height = node.application.chain.height
    with open_embedded(chain, options=SMALL) as node:
        assert node.application.receipt(answer.id) == answer.receipt
        assert node.application.chain.height == height == 1
        assert node.genesis.chain == "node-test"


def test_closing_orders_what_the_pool_holds_and_may_be_done_twice(chain, actor):
    node = open_embedded(chain, options=NodeOptions(blocks=BlockOptions(linger_ms=300)))
    answers = node.submitter.submit([actor.put() for _ in range(5)], wait=False, timeout_s=0)
    node.close()
    node.close()
    assert not node.engine.status().running
    with open_embedded(chain, options=SMALL) as node:
        assert all(node.application.receipt(answer.id) for answer in answers)


def test_closing_without_draining_leaves_the_pool_and_tells_who_waits(chain, actor):
    node = open_embedded(chain, options=NodeOptions(blocks=BlockOptions(linger_ms=3_000)))
    told = []
    thread = threading.Thread(target=lambda: told.extend(submit(node, actor.put())))
    thread.start()
    while not len(node.pool):
        time.sleep(0.005)
    node.close(drain=False)
    thread.join(WAIT_S)
    # What the engine had taken up when it was stopped may still have become a block; everything else is told.
    assert [answer.code for answer in told] in ([Code.NODE_STOPPING], [Code.OK])
    assert (told[0].receipt is not None) == (told[0].code == Code.OK)


def test_an_idle_node_makes_no_blocks(chain, actor):
    with open_embedded(chain, options=SMALL) as node:
        submit(node, actor.put())
        height, written = node.application.chain.height, node.store.approximate_size()
        heard = []
        node.application.add_listener(heard.append)
        time.sleep(1.2)  # more than twice the engine's look at its clocks
        assert node.engine.status().running
        assert (node.application.chain.height, heard) == (height, [])
        assert node.store.approximate_size() == written


def test_every_block_holds_transactions(chain, actor):
    with open_embedded(chain, options=SMALL) as node:
        for size in (1, 4, 1):
            submit(node, *(actor.put() for _ in range(size)))
        blocks = node.application.blocks
        counts = [blocks.decoded_header(h).transaction_count for h in range(1, node.application.chain.height + 1)]
        assert all(counts)
        assert sum(counts) == 6


# Beside a writer


def test_it_is_read_while_another_process_writes(chain, actor):
    with open_embedded(chain, options=SMALL) as writer:
        first = submit(writer, actor.put(reference="one"))[0]
        reader = open_embedded(chain, read_only=True, options=SMALL)
        second = submit(writer, actor.put(reference="two"))[0]
        assert reader.application.receipt(first.id) == first.receipt
        assert reader.application.receipt(second.id) is None  # a view of the moment of opening
        assert reader.transport.status().height == 1
        with pytest.raises(UnavailableError) as refused:
            reader.directory.open_store()
        assert refused.value.code is Code.DATA_DIRECTORY_READ_ONLY
        reader.close()
        later = open_embedded(chain, read_only=True, options=SMALL)
        assert later.application.receipt(second.id) == second.receipt
        later.close()


def test_a_reader_submits_nothing(chain, actor):
    reader = open_embedded(chain, read_only=True, options=SMALL)
    try:
        (answer,) = reader.submitter.submit([actor.put()], wait=True, timeout_s=0.2)
        assert answer.code == Code.DATA_DIRECTORY_READ_ONLY
        assert answer.receipt is None
    finally:
        reader.close()


def test_a_second_writer_is_refused_and_told_who_writes(chain):
    with open_embedded(chain, options=SMALL):
        command = [sys.executable, "-m", "govchain.cli", "--json", "--data", str(chain), "evidence", "put", __file__]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 5
        error = json.loads(done.stdout)["error"]
        assert error["code"] == "DATA_DIRECTORY_LOCKED"
        assert f"pid {os.getpid()}" in error["text"]
        assert error["hint"]


# Directories that it refuses


def shown(path, *arguments):
    """What the command line shows."""
    command = [sys.executable, "-m", "govchain.cli", "--json", "--lang", "en", "--data", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr + done.stdout
    return done.returncode, json.loads(done.stdout)["error"]


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (shutil.rmtree, Code.DATA_DIRECTORY_MISSING),
        (lambda path: (path / "format.json").unlink(), Code.DATA_DIRECTORY_INCOMPLETE),
        (lambda path: (path / "genesis.json").unlink(), Code.DATA_DIRECTORY_INCOMPLETE),
        (lambda path: shutil.rmtree(path / "store"), Code.DATA_DIRECTORY_INCOMPLETE),
        (lambda path: (path / "format.json").write_text('{"format":"govchain-data/9"}'), Code.DATA_DIRECTORY_NEWER),
        (lambda path: (path / "genesis.json").write_text("{}"), Code.GENESIS_INVALID),
        (lambda path: (path / "keys" / "node.pem").unlink(), Code.FILE_UNREADABLE),
        (lambda path: (path / "keys" / "node.pem").chmod(0o644), Code.KEY_FILE_PERMISSIONS),
        (lambda path: (path / "store" / "CURRENT").write_text("MANIFEST-000000\n"), Code.STORE_CORRUPT),
    ],
)
def test_a_directory_that_cannot_be_used_says_why_and_stays_as_it_is(chain, break_it, code):
    break_it(chain)
    before = sorted(str(path) for path in chain.rglob("*")) if chain.exists() else None
    with pytest.raises(GovChainError) as refused:
        open_embedded(chain, options=SMALL)
    assert refused.value.code is code
    status, error = shown(chain, "evidence", "put", __file__)
    # The command line has one exit code for every file that cannot be read.
    assert status == (5 if code is Code.FILE_UNREADABLE else refused.value.exit_code)
    # A command looks for genesis before the node does, and calls what has none no data directory.
    assert error["code"] in {code.name, Code.DATA_DIRECTORY_MISSING.name if status == 5 else code.name}
    assert error["text"]
    after = sorted(str(path) for path in chain.rglob("*")) if chain.exists() else None
    if code is not Code.STORE_CORRUPT:  # the store's own log may be rotated
        assert after == before
    # Nothing is left open or locked by the refusal.
    if chain.exists() and code is Code.KEY_FILE_PERMISSIONS:
        (chain / "keys" / "node.pem").chmod(0o600)
        open_embedded(chain, options=SMALL).close()


def test_a_read_only_directory_is_read_and_not_written(chain, actor, tmp_path):
    with open_embedded(chain, options=SMALL) as node:
        (answer,) = submit(node, actor.put())
    with read_only_mount(chain):
        with pytest.raises(UnavailableError) as refused:
            open_embedded(chain, options=SMALL)
        assert refused.value.code is Code.DATA_DIRECTORY_READ_ONLY
        status, error = shown(chain, "evidence", "put", __file__)
        assert (status, error["code"]) == (5, "DATA_DIRECTORY_READ_ONLY")
        reader = open_embedded(chain, read_only=True, options=SMALL)
        assert reader.application.receipt(answer.id) == answer.receipt
        reader.close()


def test_a_chain_is_not_made_over_anything(chain, tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (chain, tmp_path / "file"):
        with pytest.raises(RefusedError) as refused:
            create_chain(place, ChainOptions(now=system_clock().wall()))
        assert refused.value.code is Code.DATA_DIRECTORY_EXISTS
    assert (tmp_path / "file").read_text() == "mine"


def test_a_malformed_chain_leaves_nothing(tmp_path):
    for options in ({"chain": "Bad Name"}, {"organisation": "123"}, {"suite": "none"}, {"algorithms": ("md5",)}):
        with pytest.raises(GovChainError):
            create_chain(tmp_path / "data", ChainOptions(now=system_clock().wall(), **options))
        assert list(tmp_path.iterdir()) == []


# Families


def test_a_family_with_another_digest_or_version_is_refused(tmp_path, actor):
    genuine = make_chain(tmp_path / "genuine", actor)
    modules = json.loads((genuine / "genesis.json").read_text())["modules"]
    changed = {
        "digest": [{**modules[0], "digest": "00" * 32}, *modules[1:]],
        "version": [{**modules[0], "version": modules[0]["version"] + 1}, *modules[1:]],
        "name": [*modules, {"digest": "00" * 32, "name": "zebra", "version": 1}],
    }
    for kind, entries in changed.items():
        listed = tuple(GenesisModule(entry["digest"], entry["name"], entry["version"]) for entry in entries)
        with pytest.raises(UnavailableError) as refused:
            create_chain(tmp_path / kind, ChainOptions(now=system_clock().wall(), modules=listed))
        assert refused.value.code is Code.MODULE_MISSING
        assert not (tmp_path / kind).exists()
    genesis = json.loads((genuine / "genesis.json").read_text())
    genesis["modules"] = changed["digest"]
    (genuine / "genesis.json").write_text(json.dumps(genesis))
    with pytest.raises(UnavailableError) as refused:
        open_embedded(genuine, options=SMALL)
    assert refused.value.code is Code.MODULE_MISSING
    assert modules[0]["name"] in refused.value.text()


# Clocks


class TurnedClock:
    """A wall clock that a test turns, beside a steady one."""

    def __init__(self):
        self.ahead_ms = 0
        self.real = system_clock()

    def clock(self):
        return Clock(lambda: self.real.wall() + self.ahead_ms, self.real.steady)


@pytest.mark.parametrize("jump", [CLOCK_JUMP_MS_MAX + 5_000, -CLOCK_JUMP_MS_MAX - 5_000])
def test_a_clock_that_jumps_stops_the_node_with_a_reason(chain, actor, jump):
    turned = TurnedClock()
    heard = []
    with open_embedded(chain, options=SMALL, clock=turned.clock(), on_problem=lambda *told: heard.append(told)) as node:
        (before,) = submit(node, actor.put())
        assert before.code == Code.OK
        turned.ahead_ms = jump
        deadline = time.monotonic() + WAIT_S
        while node.engine.status().problem is None and time.monotonic() < deadline:
            time.sleep(0.02)
        status = node.engine.status()
        assert (status.problem, status.running) == (Code.NODE_CLOCK, False)
        assert heard[0][0] == Code.NODE_CLOCK
        height = node.application.chain.height
        turned.ahead_ms = 0
        (after,) = submit(node, actor.put())
        assert (after.code, after.receipt) == (Code.NODE_CLOCK, None)
        assert node.application.chain.height == height
    with open_embedded(chain, options=SMALL) as node:  # started again with the clock set
        assert submit(node, actor.put())[0].code == Code.OK


def test_a_clock_behind_the_newest_block_makes_none(chain, actor):
    turned = TurnedClock()
    turned.ahead_ms = 3_600_000
    with open_embedded(chain, options=SMALL, clock=turned.clock()) as node:
        assert submit(node, actor.put(now=turned.clock().wall()))[0].code == Code.OK
    turned.ahead_ms = 0
    with open_embedded(chain, options=SMALL, clock=turned.clock()) as node:
        assert submit(node, actor.put(now=node.application.chain.time))[0].code == Code.NODE_CLOCK
        assert node.application.chain.height == 1


def test_small_corrections_of_the_clock_are_taken(chain, actor):
    turned = TurnedClock()
    with open_embedded(chain, options=SMALL, clock=turned.clock()) as node:
        for ahead in (3_000, 8_000, 2_000, -4_000):
            turned.ahead_ms = ahead
            assert submit(node, actor.put())[0].code == Code.OK
        blocks = node.application.blocks
        times = [blocks.header_time(height) for height in range(1, node.application.chain.height + 1)]
        assert times == sorted(set(times))


def test_block_time_rises_when_the_clock_does_not(template, tmp_path, actor):
    """A clock that stands still (or lies behind the chain) still gives strictly rising times."""
    path = copy_chain(template, tmp_path / "data")
    hands = Hands(path, system_clock().wall())
    at = hands.now
    for step in (0, 0, 0, -500, 1):
        hands.block(actor.put(now=at), at=at + step)
    times = [hands.application.blocks.header_time(height) for height in range(1, 6)]
    assert times == sorted(set(times))
    assert times[:3] == [at, at + 1, at + 2]
    hands.close()


# Keys


def test_the_passphrase_may_come_from_the_environment(chain, actor, monkeypatch):
    passphrase = (chain / "keys" / "passphrase").read_text().strip()
    (chain / "keys" / "passphrase").unlink()
    with pytest.raises(GovChainError):
        open_embedded(chain, options=SMALL)
    monkeypatch.setenv("GOVCHAIN_PASSPHRASE", passphrase)
    assert passphrase_source(chain / "keys")("anything") == passphrase.encode()
    with open_embedded(chain, options=SMALL) as node:
        assert submit(node, actor.put())[0].code == Code.OK
    monkeypatch.setenv("GOVCHAIN_PASSPHRASE", "not the right one")
    with pytest.raises(GovChainError) as refused:
        open_embedded(chain, options=SMALL)
    assert refused.value.code is Code.KEY_FILE_PASSPHRASE


def test_another_members_key_is_refused(chain, tmp_path):
    """A node whose key genesis does not name makes no blocks that nobody could certify."""
    other = make_chain(tmp_path / "other", new_actor())
    for name in ("node.pem", "passphrase"):
        shutil.copy(other / "keys" / name, chain / "keys" / name)
    with pytest.raises(UnavailableError) as caught:
        open_embedded(chain, options=SMALL)
    assert caught.value.code == Code.ENGINE_MISMATCH


def test_a_software_key_is_told_and_counted_until_the_node_is_closed(chain):
    told, before = [], software_keys_open()
    node = open_embedded(chain, options=SMALL, notice=lambda key, params: told.append((key, params["uri"])))
    assert told == [(SOFTWARE_NOTICE, f"file:{chain / 'keys' / 'node.pem'}")]
    assert software_keys_open() == before + 1
    with open_embedded(chain, options=SMALL, read_only=True, notice=lambda *_: told.append(None)):
        assert len(told) == 1
    node.close()
    assert software_keys_open() == before


@pytest.mark.parametrize(("language", "name"), [("zh", "示范单位"), ("en", "Demonstration organisation")])
def test_the_stand_in_organisation_has_a_name_in_one_language(tmp_path, language, name):
    created = create_chain(tmp_path / "data", ChainOptions(now=1_790_000_000_000, language=language))
    (organisation,) = decode_genesis(created.genesis_bytes).organisations
    assert organisation.name == name
