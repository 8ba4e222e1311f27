"""RFC 9162 and the sparse tree once more, from their definitions, slow and independent of the room under test."""

import hashlib


def sha256(data):
    return hashlib.sha256(data).digest()


def below(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d, hash=sha256):
    """RFC 9162 2.1.1: the Merkle tree hash of a list of leaf data."""
    if len(d) == 0:
        return hash(b"")
    if len(d) == 1:
        return hash(b"\x00" + d[0])
    k = below(len(d))
    return hash(b"\x01" + mth(d[:k], hash) + mth(d[k:], hash))


def path(m, d, hash=sha256):
    """RFC 9162 2.1.3.1: PATH(m, D)."""
    if len(d) == 1:
        return []
    k = below(len(d))
    if m < k:
        return [*path(m, d[:k], hash), mth(d[k:], hash)]
    return [*path(m - k, d[k:], hash), mth(d[:k], hash)]


def subproof(m, d, whole, hash=sha256):
    """RFC 9162 2.1.4.1: SUBPROOF(m, D, b)."""
    n = len(d)
    if m == n:
        return [] if whole else [mth(d, hash)]
    k = below(n)
    if m <= k:
        return [*subproof(m, d[:k], whole, hash), mth(d[k:], hash)]
    return [*subproof(m - k, d[k:], False, hash), mth(d[:k], hash)]


def bits(path_bytes):
    return "".join(f"{byte:08b}" for byte in path_bytes)


def smt(items, prefix="", hash=sha256):
    """block.md 4: the compact sparse tree over {path: value digest}."""
    inside = {p: v for p, v in items.items() if bits(p).startswith(prefix)}
    if not inside:
        return bytes(32)
    if len(inside) == 1:
        ((p, v),) = inside.items()
        return hash(b"\x00" + p + v)
    return hash(b"\x01" + smt(inside, prefix + "0", hash) + smt(inside, prefix + "1", hash))


def smt_path(items, wanted, hash=sha256):
    """block.md 4: (siblings from the root down, the leaf in the place or None)."""
    siblings, prefix, target = [], "", bits(wanted)
    while True:
        inside = {p: v for p, v in items.items() if bits(p).startswith(prefix)}
        if len(inside) <= 1:
            return siblings, next(iter(inside.items()), None)
        bit = target[len(prefix)]
        siblings.append(smt(inside, prefix + ("1" if bit == "0" else "0"), hash))
        prefix += bit
