import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain import merkle
from govchain.model import DecodingError, UnavailableError, UsageError, VerificationError
from tests.merkle import reference
from tests.merkle.reference import sha256

LEAVES = [bytes([i]) * (i % 5) for i in range(70)]

#: The Certificate Transparency project's published test leaves and roots (SHA-256), sizes 1 to 8.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("size", sorted(CT_ROOTS))
def test_published_roots(size):
    assert merkle.root(sha256, CT_LEAVES[:size]).hex() == CT_ROOTS[size]


@pytest.mark.parametrize("size", range(len(LEAVES)))
def test_roots_and_inclusion_equal_the_definition(size):
    leaves = LEAVES[:size]
    root = merkle.root(sha256, leaves)
    assert root == reference.mth(leaves)
    for index in range(size):
        path = merkle.inclusion_path(sha256, leaves, index)
        assert list(path) == reference.path(index, leaves)
        merkle.verify_inclusion(sha256, root, leaves[index], index=index, size=size, path=path)


@pytest.mark.parametrize("new", [1, 2, 3, 4, 5, 7, 8, 9, 16, 23, 33])
def test_consistency_equals_the_definition(new):
    leaves = LEAVES[:new]
    new_root = reference.mth(leaves)
    for old in range(1, new + 1):
        path = merkle.consistency_path(sha256, leaves, old)
        assert list(path) == reference.subproof(old, leaves, True)
        verify_consistency(old, new, reference.mth(leaves[:old]), new_root, path)
    verify_consistency(0, new, reference.mth([]), new_root, ())


def refuse_inclusion(root, leaf, index, size, path):
    with pytest.raises(VerificationError):
        merkle.verify_inclusion(sha256, root, leaf, index=index, size=size, path=path)


def verify_consistency(old, new, old_root, new_root, path):
    merkle.verify_consistency(sha256, old_size=old, new_size=new, old_root=old_root, new_root=new_root, path=path)


def test_inclusion_refuses_every_change():
    for size in (1, 2, 3, 6, 7, 8, 13):
        leaves = LEAVES[:size]
        root = reference.mth(leaves)
        for index in range(size):
            path = reference.path(index, leaves)
            refuse_inclusion(root, b"other leaf", index, size, path)
            refuse_inclusion(root, leaves[index], index, size, [*path, bytes(32)])
            refuse_inclusion(root, leaves[index], size, size, path)
            refuse_inclusion(root, leaves[index], -1, size, path)
            for at in range(len(path)):
                broken = list(path)
                broken[at] = bytes(32)
                refuse_inclusion(root, leaves[index], index, size, broken)
                refuse_inclusion(root, leaves[index], index, size, path[:at])
                broken[at] = path[at][:31]
                refuse_inclusion(root, leaves[index], index, size, broken)
            for other in range(size):
                if other != index and LEAVES[other] != LEAVES[index]:
                    refuse_inclusion(root, leaves[index], other, size, path)


def test_an_inner_node_never_passes_as_a_leaf():
    leaves = LEAVES[:4]
    inner = merkle.leaf_hash(sha256, leaves[0]) + merkle.leaf_hash(sha256, leaves[1])
    refuse_inclusion(reference.mth(leaves), inner, 0, 2, [reference.mth(leaves[2:])])


def test_consistency_refuses_every_change():
    for new in (2, 3, 7, 8, 12):
        leaves = LEAVES[:new]
        new_root = reference.mth(leaves)
        for old in range(1, new):
            old_root = reference.mth(leaves[:old])
            path = reference.subproof(old, leaves, True)
            cases = [
                (old, new, sha256(b"x"), new_root, path),
                (old, new, old_root, sha256(b"x"), path),
                (old, new, old_root, new_root, [*path, bytes(32)]),
                (old, new, old_root, new_root, path[:-1]),
                (old, new, old_root, new_root, []),
                (new + 1, new, old_root, new_root, path),
                (old, new, old_root, new_root, [node[:31] for node in path]),
            ]
            for at in range(len(path)):
                broken = list(path)
                broken[at] = sha256(b"y")
                cases.append((old, new, old_root, new_root, broken))
            for case in cases:
                with pytest.raises(VerificationError):
                    verify_consistency(*case)


@pytest.mark.parametrize(
    ("old", "new", "old_root", "new_root", "path"),
    [
        (0, 0, b"bad", sha256(b""), ()),
        (0, 0, sha256(b"") * 1, b"bad", ()),
        (0, 3, b"bad", reference.mth(LEAVES[:3]), ()),
        (0, 3, sha256(b""), reference.mth(LEAVES[:3]), (bytes(32),)),
        (3, 3, reference.mth(LEAVES[:3]), reference.mth(LEAVES[:4]), ()),
        (-1, 3, sha256(b""), reference.mth(LEAVES[:3]), ()),
    ],
)
def test_consistency_edges_are_refused(old, new, old_root, new_root, path):
    with pytest.raises(VerificationError):
        verify_consistency(old, new, old_root, new_root, path)


def test_paths_that_cannot_exist_are_usage_errors():
    for call in (
        lambda: merkle.inclusion_path(sha256, [], 0),
        lambda: merkle.inclusion_path(sha256, LEAVES[:2], 2),
        lambda: merkle.consistency_path(sha256, LEAVES[:2], 0),
        lambda: merkle.consistency_path(sha256, LEAVES[:2], 3),
        lambda: merkle.NodeLog(sha256, lambda level, index: None).inclusion_path(0, 1),
        lambda: merkle.NodeLog(sha256, lambda level, index: None).consistency_path(1, 1),
        lambda: merkle.NodeLog(sha256, lambda level, index: None).root_at(1),
        lambda: merkle.NodeLog(sha256, lambda level, index: None, -1),
    ):
        with pytest.raises(UsageError):
            call()


def test_frontier_grows_like_the_tree_and_survives_encoding():
    frontier = merkle.Frontier(sha256)
    for size, leaf in enumerate(LEAVES):
        assert (frontier.size, frontier.root()) == (size, reference.mth(LEAVES[:size]))
        again = merkle.Frontier.decode(sha256, frontier.encode())
        assert again == frontier
        assert again.root() == frontier.root()
        frontier = again.append(leaf)
    with pytest.raises(dataclasses.FrozenInstanceError):
        frontier.size = 0


@pytest.mark.parametrize(
    "data", [b"", bytes(7), bytes(9), b"\0" * 7 + b"\x01", b"\0" * 7 + b"\x03" + bytes(32), b"\xff" * 8]
)
def test_frontier_refuses_other_lengths(data):
    with pytest.raises(DecodingError):
        merkle.Frontier.decode(sha256, data)


def test_node_log_proves_at_every_past_size():
    store = {}
    log = merkle.NodeLog(sha256, lambda level, index: store.get((level, index)))
    for size, leaf in enumerate(LEAVES[:40]):
        writes = log.append(leaf)
        assert len(writes) <= size.bit_length() + 1
        for level, index, node in writes:
            assert (level, index) not in store
            store[level, index] = node
        reopened = merkle.NodeLog(sha256, lambda level, index: store.get((level, index)), log.size)
        assert reopened.frontier == log.frontier
        assert reopened.root() == log.root() == reference.mth(LEAVES[: size + 1])
    for size in range(1, 41):
        assert log.root_at(size) == reference.mth(LEAVES[:size])
        for index in range(size):
            assert list(log.inclusion_path(index, size)) == reference.path(index, LEAVES[:size])
        for old in range(1, size + 1):
            assert list(log.consistency_path(old, size)) == reference.subproof(old, LEAVES[:size], True)
    assert log.root_at(0) == reference.mth([])


def test_node_log_reads_few_nodes():
    store, reads = {}, []
    log = merkle.NodeLog(sha256, lambda level, index: reads.append(1) or store.get((level, index)))
    for number in range(5000):
        store.update({(level, index): node for level, index, node in log.append(number.to_bytes(4, "big"))})
    assert not reads
    log.inclusion_path(4321, 4999)
    log.consistency_path(1234, 4999)
    assert len(reads) <= 4 * 13


def test_node_log_says_when_a_node_is_missing():
    with pytest.raises(UnavailableError):
        merkle.NodeLog(sha256, lambda level, index: None, 3)


@given(st.lists(st.binary(max_size=40), max_size=60), st.data())
def test_random_trees_agree(leaves, data):
    frontier = merkle.Frontier(sha256)
    for leaf in leaves:
        frontier = frontier.append(leaf)
    assert frontier.root() == merkle.root(sha256, leaves) == reference.mth(leaves)
    if leaves:
        index = data.draw(st.integers(0, len(leaves) - 1))
        path = merkle.inclusion_path(sha256, leaves, index)
        assert merkle.root_from_inclusion(sha256, leaves[index], index, len(leaves), path) == frontier.root()


@given(
    st.binary(max_size=8),
    st.integers(-2, 2**65),
    st.integers(-2, 2**65),
    st.lists(st.binary(min_size=32, max_size=32), max_size=70),
)
def test_any_numbers_give_an_answer_or_our_error(leaf, index, size, path):
    for call in (
        lambda: merkle.root_from_inclusion(sha256, leaf, index, size, path),
        lambda: verify_consistency(index, size, sha256(b""), sha256(b"1"), path),
    ):
        try:
            call()
        except VerificationError:
            continue
