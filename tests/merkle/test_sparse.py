import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from govchain import merkle
from govchain.merkle import EMPTY_SUBTREE, SparseProof, SparseTree, sparse_root, verify_sparse
from govchain.model import UnavailableError, UsageError, VerificationError
from tests.merkle.reference import sha256, smt


def store_writes(store, writes):
    for at, record in writes.items():
        if record is None:
            del store[at]  # a removal names only nodes that are there
        else:
            store[at] = record


def near_path(number):
    """Paths that share long prefixes, so that deep splits and collapses happen."""
    return (number >> 4).to_bytes(1, "big") * 30 + bytes((number & 15, 0))


PATHS = st.one_of(st.integers(0, 60).map(near_path), st.integers(0, 40).map(lambda n: sha256(bytes((n,)))))
VALUES = st.integers(0, 3).map(lambda n: sha256(b"value" + bytes((n,))))


def check_all(tree, root, model, extra):
    for path in [*model, *extra]:
        value = model.get(path)
        proof = tree.prove(path)
        assert proof.value_digest == value
        verify_sparse(sha256, root, path, value, proof)
        with pytest.raises(VerificationError):
            verify_sparse(sha256, root, path, sha256(b"never"), proof)
        if value is not None:
            with pytest.raises(VerificationError):
                verify_sparse(sha256, root, path, None, proof)


class SparseMachine(RuleBasedStateMachine):
    """The stored tree against a dict: same root, provable members, nothing stale in the store."""

    @initialize()
    def start(self):
        self.store = {}
        self.model = {}
        self.tree = SparseTree(sha256, self.store.get)
        self.root = EMPTY_SUBTREE

    @rule(changes=st.dictionaries(PATHS, st.one_of(st.none(), VALUES), max_size=12))
    def update(self, changes):
        self.root, writes = self.tree.update(changes)
        assert all(self.store.get(at) != record for at, record in writes.items())
        store_writes(self.store, writes)
        for path, value in changes.items():
            if value is None:
                self.model.pop(path, None)
            else:
                self.model[path] = value

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove_some(self, data):
        gone = data.draw(st.sets(st.sampled_from(sorted(self.model))))
        self.update(changes=dict.fromkeys(gone))

    @rule(path=PATHS)
    def prove(self, path):
        check_all(self.tree, self.root, {p: v for p, v in self.model.items() if p == path}, [path])

    @invariant()
    def same_root_and_no_rubbish(self):
        assert self.root == self.tree.root() == smt(self.model) == sparse_root(sha256, self.model)
        fresh = {}
        store_writes(fresh, SparseTree(sha256, fresh.get).update(self.model)[1])
        assert fresh == self.store


SparseMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestSparseMachine = SparseMachine.TestCase


def test_empty_and_single():
    tree = SparseTree(sha256, {}.get)
    assert tree.root() == EMPTY_SUBTREE == sparse_root(sha256, {}) == bytes(32)
    assert tree.update({}) == (EMPTY_SUBTREE, {})
    path, value = sha256(b"key"), sha256(b"value")
    verify_sparse(sha256, EMPTY_SUBTREE, path, None, tree.prove(path))
    root, writes = tree.update({path: value})
    assert root == sha256(b"\x00" + path + value)
    assert list(writes) == [merkle.position(0, b"")]


def test_removing_what_is_absent_writes_nothing():
    store = {}
    tree = SparseTree(sha256, store.get)
    root, writes = tree.update({sha256(b"a"): sha256(b"1"), sha256(b"b"): sha256(b"2")})
    store_writes(store, writes)
    assert tree.update({sha256(b"c"): None}) == (root, {})
    assert tree.update({sha256(b"a"): sha256(b"1")}) == (root, {})
    assert tree.get(sha256(b"a")) == sha256(b"1")
    assert tree.get(sha256(b"c")) is None


def test_deepest_split_and_collapse():
    store = {}
    tree = SparseTree(sha256, store.get)
    left, right = bytes(32), bytes(31) + b"\x01"
    root, writes = tree.update({left: sha256(b"l"), right: sha256(b"r")})
    store_writes(store, writes)
    assert len(tree.prove(left).siblings) == merkle.DEPTH_MAX
    check_all(tree, root, {left: sha256(b"l"), right: sha256(b"r")}, [sha256(b"absent"), bytes(31) + b"\x02"])
    root, writes = tree.update({right: None})
    store_writes(store, writes)
    assert root == sha256(b"\x00" + left + sha256(b"l"))
    assert len(store) == 1


def test_order_and_batching_never_matter():
    generator = random.Random(7)
    items = [(sha256(bytes((n,))), sha256(bytes((n, n)))) for n in range(120)]
    roots = []
    for size in (1, 7, 120):
        generator.shuffle(items)
        store = {}
        tree = SparseTree(sha256, store.get)
        for start in range(0, len(items), size):
            store_writes(store, tree.update(dict(items[start : start + size]))[1])
        roots.append((tree.root(), store))
    assert roots[0] == roots[1] == roots[2]
    assert roots[0][0] == smt(dict(items))


def test_each_node_is_read_once():
    store, reads = {}, []

    def read(at):
        reads.append(at)
        return store.get(at)

    tree = SparseTree(read=read, digest=sha256)
    items = {sha256(n.to_bytes(2, "big")): sha256(b"v") for n in range(2000)}
    store_writes(store, tree.update(items)[1])
    reads.clear()
    changed = dict.fromkeys(list(items)[:300])
    store_writes(store, tree.update(changed)[1])
    assert len(reads) == len(set(reads))


def test_proofs_of_another_shape_are_refused():
    store = {}
    tree = SparseTree(sha256, store.get)
    items = {sha256(bytes((n,))): sha256(b"v%d" % n) for n in range(9)}
    root, writes = tree.update(items)
    store_writes(store, writes)
    path = sha256(bytes((3,)))
    proof = tree.prove(path)
    other = tree.prove(sha256(bytes((4,))))
    broken = [
        SparseProof(proof.siblings[:-1], proof.value_digest),
        SparseProof((*proof.siblings, EMPTY_SUBTREE), proof.value_digest),
        SparseProof((sha256(b"x"), *proof.siblings[1:]), proof.value_digest),
        SparseProof((proof.siblings[0][:31], *proof.siblings[1:]), proof.value_digest),
        SparseProof(proof.siblings, proof.value_digest, (path, proof.value_digest)),
        SparseProof(proof.siblings, None),
        SparseProof(proof.siblings, None, (path, proof.value_digest)),
        SparseProof(proof.siblings, None, (path[:31], proof.value_digest)),
        SparseProof(proof.siblings, None, (bytes((path[0] ^ 0x80,)) + path[1:], proof.value_digest)),
        SparseProof((bytes(32),) * 257, proof.value_digest),
        other,
    ]
    for case in broken:
        for value in (proof.value_digest, None):
            with pytest.raises(VerificationError):
                verify_sparse(sha256, root, path, value, case)
    with pytest.raises(VerificationError):
        verify_sparse(sha256, root, path[:31], proof.value_digest, proof)


def test_bad_input_and_a_damaged_store():
    tree = SparseTree(sha256, {}.get)
    with pytest.raises(UsageError):
        tree.update({b"short": sha256(b"")})
    with pytest.raises(UsageError):
        tree.update({sha256(b""): b"short"})
    with pytest.raises(UsageError):
        tree.prove(b"short")
    for record in (b"", b"\x02" + bytes(64), b"\x00" + bytes(63)):
        damaged = SparseTree(sha256, {merkle.position(0, b""): record}.get)
        with pytest.raises(UnavailableError):
            damaged.root()
    store = {}
    tree = SparseTree(sha256, store.get)
    left, right = bytes(32), b"\x80" + bytes(31)
    store_writes(store, tree.update({left: sha256(b"l"), right: sha256(b"r")})[1])
    del store[merkle.position(1, left)]
    with pytest.raises(UnavailableError):
        tree.update({right: None})


@given(
    st.binary(max_size=40),
    st.one_of(st.none(), st.binary(max_size=40)),
    st.lists(st.binary(min_size=31, max_size=33), max_size=5),
    st.one_of(st.none(), st.tuples(st.binary(max_size=33), st.binary(max_size=33))),
)
def test_no_made_up_proof_passes(path, value, siblings, other):
    with pytest.raises(VerificationError):
        verify_sparse(sha256, sha256(b"root"), path, value, SparseProof(tuple(siblings), value, other))
