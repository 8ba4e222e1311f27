import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain.crypto import get_suite
from govchain.merkle import inclusion_path, root
from govchain.model import UsageError
from govchain.sdk.tree import build_levels, path_positions, read_path, root_of

DIGEST = get_suite("gm").digest


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_roots_and_paths_are_those_of_rfc_9162(sizes):
    count, index = sizes
    leaves = [bytes([i]) * 3 for i in range(count)]
    levels = build_levels(DIGEST, leaves)
    assert root_of(levels) == root(DIGEST, leaves)
    found = read_path(index, count, lambda level, place: levels[level][place * 32 : place * 32 + 32])
    assert found == inclusion_path(DIGEST, leaves, index)


def test_a_path_in_a_hundred_thousand_is_seventeen_steps():
    assert len(path_positions(99_999, 100_000)) <= 17
    assert len(path_positions(0, 100_000)) == 17


def test_an_empty_tree_and_a_leaf_outside_are_refused():
    with pytest.raises(UsageError):
        build_levels(DIGEST, [])
    with pytest.raises(UsageError):
        path_positions(5, 5)
