"""RFC 9162 and the sparse tree once more, from their definitions, slow and independent of the room under test."""

import hashlib


def sha256(data):
    return hashlib.sha256(data).digest()


def below(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d):
    """RFC 9162 2.1.1: the Merkle tree hash of a list of leaf data."""
    if len(d) == 0:
        return sha256(b"")
    if len(d) == 1:
        return sha256(b"\x00" + d[0])
    k = below(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:]))


def path(m, d):
    """RFC 9162 2.1.3.1: PATH(m, D)."""
    if len(d) == 1:
        return []
    k = below(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m, d, whole):
    """RFC 9162 2.1.4.1: SUBPROOF(m, D, b)."""
    n = len(d)
    if m == n:
        return [] if whole else [mth(d)]
    k = below(n)
    if m <= k:
        return [*subproof(m, d[:k], whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


def bits(path_bytes):
    return "".join(f"{byte:08b}" for byte in path_bytes)


def smt(items, prefix=""):
    """block.md 4: the compact sparse tree over {path: value digest}."""
    inside = {p: v for p, v in items.items() if bits(p).startswith(prefix)}
    if not inside:
        return bytes(32)
    if len(inside) == 1:
        ((p, v),) = inside.items()
        return sha256(b"\x00" + p + v)
    return sha256(b"\x01" + smt(inside, prefix + "0") + smt(inside, prefix + "1"))
