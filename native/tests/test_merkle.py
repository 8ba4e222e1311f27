"""Trees against their definitions, written out."""

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import govchain_native as native


def h(algorithm: str, data: bytes) -> bytes:
    return hashlib.sha256(data).digest() if algorithm == "sha256" else native.sm3(data)


def defined_root(algorithm: str, leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1."""
    if not leaves:
        return h(algorithm, b"")
    if len(leaves) == 1:
        return h(algorithm, b"\x00" + leaves[0])
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return h(algorithm, b"\x01" + defined_root(algorithm, leaves[:k]) + defined_root(algorithm, leaves[k:]))


def defined_path(algorithm: str, leaves: list[bytes], m: int) -> list[bytes]:
    """PATH of RFC 9162 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m < k:
        return [*defined_path(algorithm, leaves[:k], m), defined_root(algorithm, leaves[k:])]
    return [*defined_path(algorithm, leaves[k:], m - k), defined_root(algorithm, leaves[:k])]


def verified_root(algorithm: str, leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The verification of RFC 9162 2.1.3.2."""
    fn, sn, root = index, size - 1, h(algorithm, b"\x00" + leaf)
    for sibling in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            root = h(algorithm, b"\x01" + sibling + root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = h(algorithm, b"\x01" + root + sibling)
        fn, sn = fn >> 1, sn >> 1
    return root if sn == 0 else None


# Known answers of the Certificate Transparency project's tests (SHA-256).
CT_LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
)]  # fmt: skip
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_certificate_transparency_vectors() -> None:
    assert native.merkle_root("sha256", []) == hashlib.sha256(b"").digest()
    for count, root in enumerate(CT_ROOTS, start=1):
        assert native.merkle_root("sha256", CT_LEAVES[:count]).hex() == root


@pytest.mark.parametrize("algorithm", ["sm3", "sha256"])
def test_roots_paths_and_streams(algorithm: str) -> None:
    leaves = [bytes([k]) * (k % 40) for k in range(70)]
    for count in range(70):
        some = leaves[:count]
        root = native.merkle_root(algorithm, some)  # type: ignore[arg-type]
        assert root == defined_root(algorithm, some)
        stream = native.MerkleStream(algorithm)  # type: ignore[arg-type]
        for at in range(0, count, 5):
            stream.push_many(some[at : at + 5])
        assert (stream.root(), stream.size) == (root, count)
        for index in range(0, count, 1 + count // 7):
            path = native.merkle_inclusion_path(algorithm, some, index)  # type: ignore[arg-type]
            assert path == defined_path(algorithm, some, index)
            assert verified_root(algorithm, some[index], index, count, path) == root
    for index in (70, 2**63):
        with pytest.raises(IndexError):
            native.merkle_inclusion_path("sm3", leaves, index)
    with pytest.raises(ValueError):
        native.merkle_inclusion_path("sm3", leaves, -1)
    with pytest.raises(ValueError):
        native.MerkleStream("sha1")  # type: ignore[arg-type]


def test_a_long_stream() -> None:
    leaves = [k.to_bytes(4, "big") for k in range(40_000)]
    stream = native.MerkleStream("sm3")
    stream.push_many(leaves[:1])
    stream.push_many(leaves[1:])
    assert stream.root() == native.merkle_root("sm3", leaves)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=80), st.none() | st.binary(max_size=200)), max_size=20))
def test_pairs(pairs: list[tuple[bytes, bytes | None]]) -> None:
    leaves = [
        len(key).to_bytes(4, "big") + key + (b"\x00" if value is None else b"\x01" + value) for key, value in pairs
    ]
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    assert native.merkle_root_of_pairs("sm3", keys, values) == native.merkle_root("sm3", leaves)
    with pytest.raises(ValueError):
        native.merkle_root_of_pairs("sm3", [*keys, b""], values)


def defined_sparse(leaves: dict[int, bytes], depth: int = 0) -> bytes:
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        ((path, value),) = leaves.items()
        return native.sm3(b"\x00" + path.to_bytes(32, "big") + value)
    bit = 1 << 255 - depth
    left = {path: value for path, value in leaves.items() if not path & bit}
    right = {path: value for path, value in leaves.items() if path & bit}
    return native.sm3(b"\x01" + defined_sparse(left, depth + 1) + defined_sparse(right, depth + 1))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.integers(0, 2**256 - 1) | st.integers(0, 40), st.binary(min_size=32, max_size=32)))
def test_sparse_tree(leaves: dict[int, bytes]) -> None:
    paths = [path.to_bytes(32, "big") for path in leaves]
    values = list(leaves.values())
    assert native.smt_root_of("sm3", paths, values) == defined_sparse(leaves)
    order = list(range(len(paths)))
    random.Random(3).shuffle(order)
    shuffled = native.smt_root_of("sm3", [paths[k] for k in order], [values[k] for k in order])
    assert shuffled == defined_sparse(leaves)


def test_sparse_tree_refusals() -> None:
    path, value = bytes(32), b"v" * 32
    with pytest.raises(ValueError, match="twice"):
        native.smt_root_of("sm3", [path, path], [value, value])
    for paths, values in (([b"short"], [value]), ([path], [b"short"]), ([path], [])):
        with pytest.raises(ValueError):
            native.smt_root_of("sm3", paths, values)
