"""State roots: against the specification written down again, with another implementation of every tree."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govchain.crypto import get_suite
from govchain.merkle import EMPTY_SUBTREE, sparse_root
from govchain.model import GovChainError
from govchain.state import (
    NO_STATE_ROOT,
    Batch,
    MemoryStore,
    Namespace,
    NamespaceRegistry,
    Table,
    compute_state_root,
)

REGISTRY = NamespaceRegistry([Namespace("a.live", live=True), Namespace("b.delta", delta=True), Namespace("c.look_up")])
SUITES = {"gm": "sm3", "international": "sha256"}


def plain_tree(digest, leaves):
    """RFC 9162 2.1.1, word by word."""
    if not leaves:
        return digest(b"")
    if len(leaves) == 1:
        return digest(b"\x00" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return digest(b"\x01" + plain_tree(digest, leaves[:split]) + plain_tree(digest, leaves[split:]))


def plain_delta(digest, writes):
    leaves = []
    for key, value in writes:
        head = len(key).to_bytes(4, "big") + key
        leaves.append(head + b"\x00" if value is None else head + b"\x01" + value)
    return plain_tree(digest, leaves)


def plain_tagged(digest, domain, *parts):
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return digest(len(domain).to_bytes(2, "big") + domain + framed)


def digest_of(name):
    return lambda data: hashlib.new(SUITES[name], data).digest()


KEYS = st.tuples(st.sampled_from([b"a.live/", b"b.delta/", b"c.look_up/"]), st.binary(max_size=2)).map(b"".join)
BLOCKS = st.lists(st.dictionaries(KEYS, st.none() | st.binary(max_size=3), max_size=8), max_size=6)


@pytest.mark.parametrize("name", SUITES)
@settings(max_examples=60, deadline=None)
@given(blocks=BLOCKS)
def test_roots_equal_the_specification_block_by_block(name, blocks):
    suite, digest = get_suite(name), digest_of(name)
    store, root, live, state = MemoryStore(), NO_STATE_ROOT, EMPTY_SUBTREE, {}
    for block in blocks:
        writes = sorted(block.items())
        result = compute_state_root(suite, root, writes, REGISTRY, store, live)
        rooted = [(key, value) for key, value in writes if not key.startswith(b"c.")]
        for key, value in writes:
            state.pop(key, None) if value is None else state.__setitem__(key, value)
        present = {digest(key): digest(value) for key, value in state.items() if key.startswith(b"a.")}
        assert result.delta == plain_delta(digest, rooted)
        assert result.live == sparse_root(digest, present)
        assert result.root == plain_tagged(digest, b"govchain/state/1", root, result.delta, result.live)
        assert result.rooted_writes == len(rooted)
        batch = Batch()
        batch.extend(Table.LIVE, result.live_node_writes.items())
        store.write(batch, durable=True)
        root, live = result.root, result.live


class NoReader:
    """A live tree that must not be touched."""

    def get(self, table, key):
        raise AssertionError("the live tree was read")


def test_a_block_without_live_writes_does_not_touch_the_tree():
    suite = get_suite("gm")
    result = compute_state_root(suite, NO_STATE_ROOT, [(b"b.delta/1", b"x")], REGISTRY, NoReader(), b"l" * 32)
    assert result.live == b"l" * 32
    assert dict(result.live_node_writes) == {}


def test_look_up_writes_change_no_root():
    suite = get_suite("gm")
    without = compute_state_root(suite, NO_STATE_ROOT, [], REGISTRY, NoReader())
    only = compute_state_root(suite, NO_STATE_ROOT, [(b"c.look_up/1", b"x")], REGISTRY, NoReader())
    assert only == without
    assert without.delta == suite.digest(b"")
    assert without.live == bytes(32)


@pytest.mark.parametrize("change", ["value", "key", "removal", "previous", "live"])
def test_whatever_changes_changes_the_root(change):
    suite = get_suite("gm")
    roots = {
        compute_state_root(suite, previous, [(key, value)], REGISTRY, MemoryStore(), live).root
        for previous, key, value, live in [
            (NO_STATE_ROOT, b"b.delta/1", b"", EMPTY_SUBTREE),
            {
                "value": (NO_STATE_ROOT, b"b.delta/1", b"x", EMPTY_SUBTREE),
                "key": (NO_STATE_ROOT, b"b.delta/2", b"", EMPTY_SUBTREE),
                "removal": (NO_STATE_ROOT, b"b.delta/1", None, EMPTY_SUBTREE),
                "previous": (b"\x01" * 32, b"b.delta/1", b"", EMPTY_SUBTREE),
                "live": (NO_STATE_ROOT, b"b.delta/1", b"", b"\x01" * 32),
            }[change],
        ]
    }
    assert len(roots) == 2


def test_a_write_without_a_namespace_is_refused():
    with pytest.raises(GovChainError):
        compute_state_root(get_suite("gm"), NO_STATE_ROOT, [(b"x.y/1", b"")], REGISTRY, MemoryStore())
