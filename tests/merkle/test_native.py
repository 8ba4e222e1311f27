"""The native trees and the plain ones share only the specification; they must agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import govchain_native as native
from govchain import merkle
from govchain.crypto import get_suite

SUITES = [get_suite("gm"), get_suite("international")]


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@given(leaves=st.lists(st.binary(max_size=70), max_size=40))
def test_merkle_root_and_paths(suite, leaves):
    root = merkle.root(suite.digest, leaves)
    assert native.merkle_root(suite.digest_name, leaves) == root
    for index in range(len(leaves)):
        expected = merkle.inclusion_path(suite.digest, leaves, index)
        assert tuple(native.merkle_inclusion_path(suite.digest_name, leaves, index)) == expected


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@given(parts=st.lists(st.lists(st.binary(max_size=20), max_size=9), max_size=9))
def test_merkle_stream_is_the_frontier(suite, parts):
    stream, frontier = native.MerkleStream(suite.digest_name), merkle.Frontier(suite.digest)
    for part in parts:
        stream.push_many(part)
        for leaf in part:
            frontier = frontier.append(leaf)
    assert (stream.size, stream.root()) == (frontier.size, frontier.root())


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@given(items=st.dictionaries(st.binary(max_size=3), st.binary(max_size=3), max_size=60))
def test_sparse_root(suite, items):
    tree = {suite.digest(key): suite.digest(value) for key, value in items.items()}
    paths = sorted(tree)
    expected = merkle.sparse_root(suite.digest, tree)
    assert native.smt_root_of(suite.digest_name, paths, [tree[path] for path in paths]) == expected
