"""Checkpoints: the schedule, and the root over the whole state computed in pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain.crypto import get_suite
from govchain.model import Code, GovChainError, UnavailableError
from govchain.model.wire import Limits
from govchain.state import (
    Batch,
    CheckpointComputation,
    CheckpointProgress,
    CheckpointRoot,
    MemoryStore,
    Namespace,
    NamespaceRegistry,
    Table,
)
from govchain.state.checkpoints import CHUNK_KEYS, advance, due, plain_checkpoint_root

SUITE = get_suite("gm")
REGISTRY = NamespaceRegistry([Namespace("a.live", live=True), Namespace("b.look_up"), Namespace("c.delta", delta=True)])
LIMITS = Limits(checkpoint_writes_min=100, checkpoint_delay_blocks=3)


def store_of(counts):
    store, batch = MemoryStore(), Batch()
    for prefix, count in counts.items():
        for number in range(count):
            batch.put(Table.STATE, prefix + SUITE.digest(number.to_bytes(4, "big"))[:12], b"v%d" % number)
    store.write(batch, durable=True)
    return store


def compute(store, **options):
    computation = CheckpointComputation(SUITE, REGISTRY, store, **options)
    while not computation.advance():
        pass
    return computation.result


SHAPES = [
    {},
    {b"b.look_up/": 10},
    {b"a.live/": 1},
    {b"a.live/": 3, b"b.look_up/": 5, b"c.delta/": 4},
    {b"c.delta/": CHUNK_KEYS - 1},
    {b"a.live/": 7, b"c.delta/": CHUNK_KEYS - 7},
    {b"a.live/": CHUNK_KEYS, b"b.look_up/": 100, b"c.delta/": 1},
    {b"a.live/": 5000, b"b.look_up/": 10, b"c.delta/": 9000},
    {b"a.live/": 2 * CHUNK_KEYS, b"c.delta/": 2 * CHUNK_KEYS},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_root_equals_the_plain_tree(shape):
    store = store_of(shape)
    plain = plain_checkpoint_root(SUITE, REGISTRY, store)
    assert compute(store) == plain
    assert plain.keys == sum(count for prefix, count in shape.items() if prefix != b"b.look_up/")


def test_of_an_empty_state_it_is_the_root_of_the_empty_tree():
    assert compute(MemoryStore()) == CheckpointRoot(SUITE.digest(b""), 0)


def test_a_look_up_changes_nothing_and_a_rooted_value_does():
    store = store_of(SHAPES[3])
    before = compute(store)
    batch = Batch()
    batch.put(Table.STATE, b"b.look_up/x", b"y")
    store.write(batch, durable=True)
    assert compute(store) == before
    batch.put(Table.STATE, next(store.scan(Table.STATE, b"c.delta/"))[0], b"altered")
    store.write(batch, durable=True)
    assert compute(store) != before


def test_it_goes_on_from_any_token():
    store = store_of(SHAPES[7])
    whole = compute(store)
    computation = CheckpointComputation(SUITE, REGISTRY, store)
    steps = 0
    while True:
        token = computation.token()
        resumed = CheckpointComputation(SUITE, REGISTRY, store, token)
        assert resumed.keys == computation.keys
        while not resumed.advance(2):
            pass
        assert resumed.result == whole
        if computation.advance():
            break
        steps += 1
    assert steps == whole.keys // CHUNK_KEYS
    assert computation.advance(5)
    assert computation.result == whole


@pytest.mark.parametrize(
    "token", [b"", b"x", b"\x94\x01\xc4\x00\x00\xc4\x00", b"\x94\x02\xc4\x00\x00\xc4\x08" + bytes(8)]
)
def test_a_malformed_token_is_refused(token):
    with pytest.raises(UnavailableError) as error:
        CheckpointComputation(SUITE, REGISTRY, MemoryStore(), token)
    assert error.value.code is Code.STORE_CORRUPT


def run(limits, writes, keys=0):
    """The heights at which checkpoints are taken and at which headers carry their roots."""
    progress = CheckpointProgress(keys=keys)
    taken, carried, total, counted = [], [], keys, keys
    for height, count in enumerate(writes, 1):
        completed = None
        if due(progress, limits, height):
            carried.append((height, progress.outstanding))
            completed = CheckpointRoot(b"r" * 32, counted)
        outstanding = progress.outstanding
        progress = advance(progress, limits, height, count, completed)
        total += count
        if progress.outstanding == height:
            assert not outstanding or completed
            taken.append(height)
            counted = total
    return taken, carried, progress


def test_a_checkpoint_is_taken_after_enough_writes_and_carried_after_the_delay():
    taken, carried, progress = run(LIMITS, [40] * 12)
    assert taken == [3, 6, 9, 12]
    assert carried == [(6, 3), (9, 6), (12, 9)]
    assert progress == CheckpointProgress(keys=360, writes=0, outstanding=12, last=9)


def test_none_is_taken_while_one_is_outstanding():
    taken, carried, _ = run(Limits(checkpoint_writes_min=10, checkpoint_delay_blocks=5), [10] * 12)
    assert taken == [1, 6, 11]
    assert carried == [(6, 1), (11, 6)]


def test_with_more_keys_they_come_less_often():
    taken, _, _ = run(LIMITS, [100] * 400)
    gaps = [later - earlier for earlier, later in pairwise(taken)]
    assert gaps == sorted(gaps)
    assert gaps[0] == 3
    assert gaps[-1] >= 60
    # The work, a pass over all keys at each checkpoint, stays in proportion to the writes.
    assert sum(height * 100 for height in taken) <= 7 * 400 * 100


def test_a_root_without_or_beside_its_time_is_an_error():
    progress = CheckpointProgress(outstanding=5)
    root = CheckpointRoot(b"r" * 32, 1)
    with pytest.raises(GovChainError):
        advance(progress, LIMITS, 8, 1, None)
    with pytest.raises(GovChainError):
        advance(progress, LIMITS, 7, 1, root)
    assert advance(progress, LIMITS, 8, 1, root).last == 5


@given(st.lists(st.integers(0, 150), max_size=60), st.integers(1, 10), st.integers(0, 2000))
def test_every_checkpoint_is_carried_exactly_once(writes, delay, keys):
    limits = Limits(checkpoint_writes_min=100, checkpoint_delay_blocks=delay)
    taken, carried, progress = run(limits, writes, keys)
    done = [height for _, height in carried]
    assert done + [progress.outstanding] * bool(progress.outstanding) == taken
    assert all(at == height + delay for at, height in carried)
