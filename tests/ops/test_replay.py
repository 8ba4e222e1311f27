"""The same blocks give the same identities: in an empty store, with another Python, and from the same input again."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from govchain.model.wire import Header
from govchain.node.embedded import load_machine
from govchain.ops.replay import COMPARED_TABLES, compare_chain_states, compare_tables, replay_blocks
from govchain.proof.genesis import decode_genesis
from govchain.proof.headers import decode_header, encode_header
from govchain.state import Batch, MemoryStore, Table
from govchain.storage import BlockReader, RocksReader, RocksStore
from govchain.storage.blocks import height_key
from tests.node.kit import SMALL, Hands, copy_chain
from tests.ops.kit import BLOCKS as BEFORE
from tests.ops.kit import START, build
from tools.tidy.tree import ROOT

BLOCKS = 12


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, actor):
    """A chain with two checkpoints, marks, refused transactions in blocks, and every kind of evidence transaction."""
    path = tmp_path_factory.mktemp("replay") / "data"
    build(path, actor, blocks=4, checkpoint_writes_min=10, checkpoint_delay_blocks=3)
    hands = Hands(path, START)
    hands.now = hands.application.chain.time
    feed(hands, actor)
    hands.close()
    return path


def feed(hands, actor, count=BLOCKS):
    """Blocks of puts, a withdrawal of an earlier one, and a withdrawal that is refused because of an earlier one."""
    for number in range(count):
        at = hands.now + 1000
        first = actor.put(reference=f"case-{number}", now=at)
        hands.block(first, actor.put(now=at), at=at)
        at += 1000
        evidence = hands.application.machine.suite.digest(body_of(first)).hex()
        withdraw = {"evidence": evidence, "member": None, "reason": "error"}
        twice = [actor.seal(actor.body("evidence.withdraw", withdraw, now=at)) for _ in range(2)]
        hands.block(*twice, at=at)


def body_of(envelope):
    return msgspec.msgpack.decode(envelope)[1]


def blocks_of(reader):
    return [
        (decode_header(data), [bytes(envelope) for envelope in reader.envelopes(height)])
        for height, data in reader.headers()
    ]


def open_reader(path):
    store = RocksReader(path / "store")
    return store, BlockReader(store)


def machine_of(path):
    return load_machine(decode_genesis((path / "genesis.json").read_bytes()), SMALL)


@pytest.mark.parametrize("target", ["memory", "rocks"])
def test_replaying_into_an_empty_store_gives_identical_identities(recorded, tmp_path, target):
    store, blocks = open_reader(recorded)
    head = blocks.tip()
    empty = MemoryStore() if target == "memory" else RocksStore(tmp_path / "replayed")
    calls = []
    difference, reached = replay_blocks(machine_of(recorded), blocks, head, empty, lambda *done: calls.append(done))
    assert difference is None
    assert reached.height == head == 4 + 2 * BLOCKS
    assert calls[-1] == (head, head)
    again = BlockReader(empty)
    assert [again.header(height) for height in range(1, head + 1)] == [
        blocks.header(height) for height in range(1, head + 1)
    ]
    for table in (*COMPARED_TABLES, Table.HEADERS, Table.BODIES, Table.RECEIPTS):
        assert compare_tables(store, empty, table) is None
    headers = [header for header, _ in blocks_of(blocks)]
    assert sum(header.checkpoint is not None for header in headers) >= 2
    codes = {
        msgspec.json.decode(receipt)["code"] for height in range(1, head + 1) for receipt in again.receipts(height)
    }
    assert len(codes) == 2  # accepted, and refused in the block
    empty.close()
    store.close()


def export(path, file):
    """The chain's genesis and blocks as one file."""
    store, blocks = open_reader(path)
    content = [(path / "genesis.json").read_bytes(), [[header.time, list(held)] for header, held in blocks_of(blocks)]]
    head = blocks.decoded_header(blocks.tip())
    file.write_bytes(msgspec.msgpack.encode(content))
    store.close()
    return head


def replay_elsewhere(python: Path | str, file: Path) -> dict[str, object]:
    done = subprocess.run(
        [str(python), "-m", "tests.ops.replay_child", str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def other_interpreters():
    """Environments of this checkout with another Python in which the package is installed, by version."""
    question = "import sys, govchain, govchain_native; print('%d.%d' % sys.version_info[:2])"
    found = {}
    for python in sorted(ROOT.glob(".venv*/bin/python")):
        done = subprocess.run([str(python), "-c", question], cwd=ROOT, capture_output=True, text=True, check=False)
        version = done.stdout.strip()
        if done.returncode == 0 and version != f"{sys.version_info[0]}.{sys.version_info[1]}":
            found[version] = python
    return found


def test_another_python_gives_identical_identities(recorded, tmp_path, capsys):
    others = other_interpreters()
    if not others:
        pytest.skip("no environment of this checkout has another Python with the package (make test-others makes them)")
    head = export(recorded, tmp_path / "blocks.bin")
    here = replay_elsewhere(sys.executable, tmp_path / "blocks.bin")
    assert len(here["identities"]) == head.height + 1
    assert here["identities"][-2] == head.previous
    for version, python in others.items():
        there = replay_elsewhere(python, tmp_path / "blocks.bin")
        assert there["python"].startswith(version)
        assert there["identities"] == here["identities"]
        assert there["tables"] == here["tables"]
    with capsys.disabled():
        print(f"\n  {head.height} blocks replayed by Python {here['python']} and {', '.join(others)}: identical")


def test_the_file_of_blocks_is_refused_when_a_block_was_altered(recorded, tmp_path):
    export(recorded, tmp_path / "blocks.bin")
    genesis, blocks = msgspec.msgpack.decode((tmp_path / "blocks.bin").read_bytes())
    envelope = bytearray(blocks[3][1][0])
    envelope[-1] ^= 1
    blocks[3][1][0] = bytes(envelope)
    (tmp_path / "blocks.bin").write_bytes(msgspec.msgpack.encode([genesis, blocks]))
    done = subprocess.run(
        [sys.executable, "-m", "tests.ops.replay_child", str(tmp_path / "blocks.bin")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "block 4 refused: SIGNATURE_INVALID" in done.stderr


@pytest.mark.requirement("BJ.function.timing.01", "BJ.compatibility.interoperability.02c")
def test_same_input_and_times_give_the_same_blocks(pristine, tmp_path, actor):
    """Two directories with the same keys, fed the same envelopes at the same times."""
    paths = [copy_chain(pristine, tmp_path / name) for name in ("one", "two")]
    script = []
    now = START + 60_000
    for number in range(10):
        now += 700 + number
        script.append((now, [actor.put(reference=f"case-{number}", now=now) for _ in range(number % 4 + 1)]))
    made = []
    for path in paths:
        hands = Hands(path, START)
        for at, envelopes in script:
            hands.block(*envelopes, at=at)
        made.append([data for _, data in hands.application.blocks.headers()])
        hands.close()
    assert made[0] == made[1]
    assert len(made[0]) == BEFORE + len(script)
    times = [decode_header(data).time for data in made[0]]
    assert times == sorted(set(times))
    stores = [RocksReader(path / "store") for path in paths]
    for table in (*COMPARED_TABLES, Table.HEADERS, Table.BODIES, Table.RECEIPTS):
        assert compare_tables(*stores, table) is None
    for store in stores:
        store.close()


# What a replay finds


@pytest.fixture
def twin(recorded):
    """The recorded blocks in memory, to alter."""
    store, blocks = open_reader(recorded)
    memory = MemoryStore()
    head = blocks.tip()
    _, reached = replay_blocks(machine_of(recorded), blocks, head, memory)
    store.close()
    return memory, reached


def put(store, table, key, value):
    batch = Batch()
    batch.put(table, key, value) if value is not None else batch.delete(table, key)
    store.write(batch, durable=False)


def replay(path, store, head):
    difference, _ = replay_blocks(machine_of(path), BlockReader(store), head, MemoryStore())
    return difference


@pytest.mark.parametrize("field", ["state_root", "receipt_root", "history", "next_signers"])
def test_a_header_that_the_blocks_do_not_give_is_found(recorded, twin, field):
    store, reached = twin
    header: Header = decode_header(store.get(Table.HEADERS, height_key(5)))
    put(store, Table.HEADERS, height_key(5), encode_header(msgspec.structs.replace(header, **{field: "00" * 32})))
    found = replay(recorded, store, reached.height)
    assert (found.height, found.part, found.facts["fields"]) == (5, "headers", field)


def test_a_missing_block_other_receipts_and_refused_transactions_are_found(recorded, twin):
    store, reached = twin
    receipts = store.get(Table.RECEIPTS, height_key(6))
    put(store, Table.RECEIPTS, height_key(6), store.get(Table.RECEIPTS, height_key(8)))
    found = replay(recorded, store, reached.height)
    assert (found.height, found.part) == (6, "receipts")
    put(store, Table.RECEIPTS, height_key(6), receipts)
    put(store, Table.BODIES, height_key(7), store.get(Table.BODIES, height_key(5)))
    found = replay(recorded, store, reached.height)
    assert (found.height, found.part, found.facts["code"]) == (7, "bodies", "REPLAYED")
    put(store, Table.HEADERS, height_key(2), None)
    found = replay(recorded, store, reached.height)
    assert (found.height, found.part, found.reason) == (2, "headers", "missing")


def test_tables_are_compared_key_by_key(twin):
    store, _ = twin
    pairs = list(store.scan(Table.STATE))
    assert compare_tables(store, store, Table.STATE) is None
    other = MemoryStore()
    batch = Batch()
    for key, value in [*pairs[1:-1], (pairs[-1][0], b"changed"), (pairs[0][0] + b"x", b"added")]:
        batch.put(Table.STATE, key, value)
    other.write(batch, durable=False)
    found = compare_tables(store, other, Table.STATE)
    assert (found.reason, found.facts["count"]) == ("entry_added", 3)
    assert compare_tables(other, store, Table.STATE).reason == "entry_missing"
    assert compare_tables(store, MemoryStore(), Table.STATE).facts["count"] == len(pairs)


def test_moving_facts_are_compared_without_the_engines(twin):
    _, reached = twin
    engine = msgspec.structs.replace(reached, engine_height=99, engine_era=2)
    assert compare_chain_states(engine, reached) is None
    found = compare_chain_states(msgspec.structs.replace(reached, time=1, epoch=2), reached)
    assert found.facts["fields"] == "time, epoch"
