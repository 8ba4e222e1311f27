"""Checkpoints: taken by the schedule, computed beside the ledger, carried at one height, dropped afterwards."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from govchain.consensus.checkpointing import checkpoint_name
from govchain.merkle import root as merkle_root
from govchain.model import Code, UnavailableError
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.proof.headers import decode_header
from govchain.state import MemoryStore, Table
from govchain.state.checkpoints import CHUNK_KEYS, plain_checkpoint_root
from govchain.storage import RocksStore
from tests.consensus.kit import PATIENCE_S, Gate, Node
from tests.ledger import trial
from tests.ledger.kit import CREATED, EXPIRES, Kit, make, put
from tests.ledger.slow import delta_leaves, sm3

DELAY = 3
LIMITS = {"checkpoint_writes_min": 6, "checkpoint_delay_blocks": DELAY}


@pytest.fixture(scope="module")
def kit():
    return Kit(limits=LIMITS)


def blocks_of(kit, count, size=2):
    """Blocks of `size` records, and now and then a change of a `live` value."""
    target = kit.accounts[0, "auditor"].address.hex()
    blocks = []
    for number in range(count):
        envelopes = [put(kit.department, expires=EXPIRES) for _ in range(size)]
        if number == 2:
            envelopes.append(make("accounts.freeze", {"account": target, "reason": "left"}, kit.administrator))
        blocks.append(envelopes)
    return blocks


class Twin:
    """The schedule and the roots from block.md alone, over the state as it was at each height."""

    def __init__(self, node):
        self.node = node
        self.states = {0: self.rooted()}
        self.keys = len(self.states[0])
        self.writes = 0
        self.outstanding = 0
        self.expected: dict[int, tuple[int, str]] = {}

    def rooted(self):
        return delta_leaves(list(self.node.store.scan(Table.STATE)))

    def follow(self, block):
        height = block.header.height
        self.states[height] = self.rooted()
        if self.outstanding and height == self.outstanding + DELAY:
            leaves = self.states[self.outstanding]
            self.expected[height] = (self.outstanding, merkle_root(sm3, leaves).hex())
            self.keys, self.outstanding = len(leaves), 0
        self.writes += len(delta_leaves(block.writes))
        if not self.outstanding and self.writes >= max(LIMITS["checkpoint_writes_min"], self.keys // 4):
            self.outstanding, self.writes = height, 0


def carried(node):
    """Height to (checkpoint height, root) of every header that carries one."""
    found = {}
    for height in range(1, node.application.chain.height + 1):
        mark = decode_header(node.application.blocks.header(height)).checkpoint
        if mark is not None:
            found[height] = (mark.height, mark.root)
    return found


def test_carried_exactly_where_the_schedule_says(kit, any_store):
    """Root and height of every checkpoint as computed slowly, and no other header carries one."""
    node = Node(kit, any_store)
    twin = Twin(node)
    for number, envelopes in enumerate(blocks_of(kit, 24)):
        node.block(*envelopes, time=CREATED + number * 10)
        twin.follow(node.heard[-1])
    assert len(twin.expected) >= 3
    assert carried(node) == twin.expected
    node.application.close()


def test_the_plain_twin_agrees(kit):
    """The root in the header is the plain twin's over the checkpoint that was kept."""
    node = Node(kit)
    for envelopes in blocks_of(kit, 12):
        node.block(*envelopes)
    last = node.application.chain.checkpoint.last
    reader = node.store.open_checkpoint(checkpoint_name(last))
    plain = plain_checkpoint_root(kit.machine.suite, kit.machine.namespaces, reader)
    assert carried(node)[last + DELAY] == (last, plain.root.hex())
    assert node.application.chain.checkpoint.keys == plain.keys


def test_earlier_checkpoints_are_dropped(kit, any_store):
    """At any time at most the last whose root is known and the outstanding one are kept."""
    node = Node(kit, any_store)
    most = 0
    for envelopes in blocks_of(kit, 24):
        node.block(*envelopes)
        progress = node.application.chain.checkpoint
        wanted = {checkpoint_name(height) for height in (progress.last, progress.outstanding) if height}
        assert set(any_store.checkpoints()) == wanted
        most = max(most, len(wanted))
    assert most == 2
    node.application.close()


def test_dropped_even_when_every_carrier_takes_the_next(kit):
    """Blocks so large that the header with one root is also the moment of the next checkpoint."""
    node = Node(kit)
    for envelopes in blocks_of(kit, 16, size=12):
        node.block(*envelopes)
    assert len(carried(node)) >= 4
    assert len(node.store.checkpoints()) <= 2


def test_others_checkpoints_are_left_alone(kit):
    """Only those that the schedule took are dropped: an operator's backup has another name."""
    node = Node(kit)
    node.store.checkpoint("backup-1")
    for envelopes in blocks_of(kit, 16):
        node.block(*envelopes)
    assert "backup-1" in node.store.checkpoints()


@pytest.mark.parametrize("driver", ["memory", "rocks"])
def test_a_restart_at_every_stage_changes_nothing(kit, tmp_path, driver):
    """Restarted after each block, the same identities as never restarted: taking, waiting, carrying, dropping."""
    blocks = blocks_of(kit, 14)
    steady = Node(kit)
    path = tmp_path / "ledger"
    store = MemoryStore() if driver == "memory" else RocksStore(path)
    shaken = Node(kit, store)
    for number, envelopes in enumerate(blocks):
        time = CREATED + number * 10
        steady.block(*envelopes, time=time)
        shaken.block(*envelopes, time=time)
        if driver == "rocks":
            shaken.application.close()
            store.close()
            store = RocksStore(path)
            shaken = Node(kit, store)
        else:
            shaken = shaken.again()
        assert shaken.application.chain.checkpoint == steady.application.chain.checkpoint
    assert shaken.identities() == steady.identities()
    assert carried(shaken) == carried(steady) != {}
    shaken.application.close()
    store.close()


class Crashing(MemoryStore):
    """Dies between the commit of a block and taking its checkpoint."""

    dies = True

    def checkpoint(self, name):
        if self.dies:
            raise SystemExit("killed")
        super().checkpoint(name)


def test_killed_between_commit_and_taking(kit):
    """The head is still the checkpoint's height: it is taken at the restart, and carried as if nothing had been."""
    blocks = blocks_of(kit, 14)
    steady = Node(kit)
    store = Crashing()
    node = Node(kit, store)
    crashes = 0
    for number, envelopes in enumerate(blocks):
        time = CREATED + number * 10
        steady.block(*envelopes, time=time)
        try:
            node.block(*envelopes, time=time)
        except SystemExit:
            crashes += 1
            assert node.application.chain.checkpoint.outstanding == number + 1
            store.dies = False
            node = node.again()
            store.dies = True
            assert checkpoint_name(number + 1) in store.checkpoints()
    assert crashes >= 2
    assert node.identities() == steady.identities()


def test_a_checkpoint_that_is_lost_later_is_said_so(kit):
    """After further blocks the state of that height is gone: the node stops rather than carrying another root."""
    node = Node(kit)
    number = 0
    blocks = blocks_of(kit, 14)
    while not node.application.chain.checkpoint.outstanding:
        node.block(*blocks[number])
        number += 1
    taken = node.application.chain.checkpoint.outstanding
    node.block(*blocks[number])
    node.application.close()
    node.store.drop_checkpoint(checkpoint_name(taken))
    with pytest.raises(UnavailableError) as caught:
        node.again()
    assert caught.value.code == Code.STORE_CORRUPT


def test_the_carrying_block_waits_for_the_root(kit):
    """Blocks before it go on while the root is computed; the one that must carry it is executed when it is there."""
    store = Gate(checkpoints=True)
    node = Node(kit, store)
    blocks = iter(blocks_of(kit, 14))
    while not node.application.chain.checkpoint.outstanding:
        node.block(*next(blocks))
    taken = node.application.chain.checkpoint.outstanding
    assert store.waiting.wait(PATIENCE_S)
    for _ in range(DELAY - 1):
        node.block(*next(blocks))
    done = threading.Event()

    def carry():
        node.block(*next(blocks))
        done.set()

    thread = threading.Thread(target=carry)
    thread.start()
    assert not done.wait(0.2)
    assert node.application.chain.height == taken + DELAY - 1
    store.open.set()
    thread.join(PATIENCE_S)
    assert list(carried(node)) == [taken + DELAY]


def test_killed_while_computing(kit):
    """A new process begins again, or goes on, and carries the same root at the same height."""
    blocks = blocks_of(kit, 14)
    steady, store = Node(kit), Gate(checkpoints=True)
    node = Node(kit, store)
    for number, envelopes in enumerate(blocks):
        steady.block(*envelopes, time=CREATED + number * 10)
    number = 0
    while not node.application.chain.checkpoint.outstanding:
        node.block(*blocks[number], time=CREATED + number * 10)
        number += 1
    assert store.waiting.wait(PATIENCE_S)
    node.block(*blocks[number], time=CREATED + (number := number + 1) * 10 - 10)
    store.checkpoints_wait = False
    other = Node(kit, store)  # the first process is dead; its thread hangs where it was
    for at in range(number, len(blocks)):
        other.block(*blocks[at], time=CREATED + at * 10)
    store.open.set()
    assert other.identities() == steady.identities()
    assert len(carried(other)) >= 2


class Counting(MemoryStore):
    """Counts the pairs that are read from checkpoints, and makes the reader wait once it has read enough."""

    pause_after: int | None = None

    def __init__(self):
        super().__init__()
        self.read = 0
        self.open, self.waiting = threading.Event(), threading.Event()

    def open_checkpoint(self, name):
        found = super().open_checkpoint(name)
        return Counted(self, found)


class Counted:
    def __init__(self, store, reader):
        self.store, self.reader = store, reader
        self.close = reader.close

    def scan(self, *arguments, **named):
        if self.store.pause_after is not None and self.store.read >= self.store.pause_after:
            self.store.waiting.set()
            self.store.open.wait(PATIENCE_S)
        pairs = list(self.reader.scan(*arguments, **named))
        self.store.read += len(pairs)
        return iter(pairs)


def test_a_long_computation_goes_on_where_the_last_commit_left_it():
    """Progress is in the blocks' own batches: after a crash the keys hashed before it are not read again."""

    def many(suite, genesis):
        return [(b"trial.value/%d" % number, b"1") for number in range(40_000)]

    kit = Kit(limits=LIMITS, modules=(ACCOUNTS, EVIDENCE, dataclasses.replace(trial.MODULE, genesis=many)))
    store = Counting()
    store.pause_after = 8 * CHUNK_KEYS
    node, steady = Node(kit, store), Node(kit)
    blocks = [
        [make("trial.act", {"act": "bulk", "key": str(number)}, kit.department)] if number < 1 else
        [put(kit.department)] for number in range(5)
    ]  # fmt: skip
    for number, envelopes in enumerate(blocks):
        steady.block(*envelopes, time=CREATED + number * 10)
    node.block(*blocks[0], time=CREATED)
    assert node.application.chain.checkpoint.outstanding == 1
    assert store.waiting.wait(PATIENCE_S)
    node.block(*blocks[1], time=CREATED + 10)
    before, store.pause_after = store.read, None
    other = Node(kit, store)  # the first process is dead; its thread hangs where it was
    for number in (2, 3, 4):
        other.block(*blocks[number], time=CREATED + number * 10)
    assert other.identities() == steady.identities()
    assert list(carried(other)) == [1 + DELAY]
    total = other.application.chain.checkpoint.keys
    assert before >= 8 * CHUNK_KEYS
    assert total > 50_000
    assert store.read - before == total - 8 * CHUNK_KEYS
    store.open.set()


class Broken(MemoryStore):
    """Its checkpoints cannot be read."""

    def open_checkpoint(self, name):
        raise UnavailableError(Code.STORE_CORRUPT, path=name, reason="damaged")


def test_a_root_that_cannot_be_computed_stops_the_carrying_block(kit):
    node = Node(kit, Broken())
    blocks = iter(blocks_of(kit, 14))
    while not node.application.chain.checkpoint.outstanding:
        node.block(*next(blocks))
    for _ in range(DELAY - 1):
        node.block(*next(blocks))
    before = node.application.info()
    with pytest.raises(UnavailableError) as caught:
        node.block(*next(blocks))
    assert caught.value.code == Code.STORE_CORRUPT
    assert node.application.info() == before


def test_finalising_the_carrying_block_twice(kit):
    """An engine may finalise again before it commits: the root is there each time."""
    node = Node(kit)
    blocks = iter(blocks_of(kit, 14))
    while not node.application.chain.checkpoint.outstanding:
        node.block(*next(blocks))
    for _ in range(DELAY - 1):
        node.block(*next(blocks))
    envelopes = next(blocks)
    height = node.application.info().engine_height + 1
    one = node.application.finalize_block(envelopes, CREATED + 5000, height)
    assert node.application.finalize_block(envelopes, CREATED + 5000, height) == one
    node.application.commit()
    assert len(carried(node)) == 1
