"""What holds now: presence or absence of state keys in ``live`` at a block (evidence-package.md 3.4).

Purpose: tie a sparse-tree proof to a header's state root. Not here: which block is recent enough; which keys decide
the status of what, and what their values mean (the kinds of claim).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from govchain.crypto import Suite
from govchain.merkle import DEPTH_MAX, SparseProof, state_root, verify_sparse
from govchain.model import Code, VerificationError
from govchain.model.wire import Digest, Header, Hex

__all__ = ["OtherLeaf", "StatusEntry", "StatusProof", "verify_status"]


class OtherLeaf(Struct, frozen=True, forbid_unknown_fields=True):
    """The leaf that sits where an absent key would be."""

    path: Digest
    value_digest: Digest


class StatusEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One key (hex) with its value (hex), or absent; siblings run from the root down."""

    key: Hex
    other: OtherLeaf | None
    siblings: Annotated[tuple[Digest, ...], Meta(max_length=DEPTH_MAX)]
    value: Hex | None


class StatusProof(Struct, frozen=True, forbid_unknown_fields=True):
    """Entries of ``live`` and the other two parts of the state root at ``height``."""

    delta: Digest
    entries: Annotated[tuple[StatusEntry, ...], Meta(min_length=1, max_length=64)]
    height: Annotated[int, Meta(ge=1)]
    live: Digest
    previous: Digest


def verify_status(suite: Suite, header: Header, proof: StatusProof, keys: Sequence[bytes]) -> tuple[bytes | None, ...]:
    """Raise unless ``proof`` tells, for exactly ``keys`` in their order, what ``live`` held after the header's block.

    1. Its three roots give the header's state root.
    2. Its entries are for ``keys``.
    3. Each is present with its value, or absent, under ``live``.

    Returns the values, ``None`` for what is absent. The caller still owes: that the header is final.

    Raises:
        VerificationError: ``STATUS_PROOF``.
    """
    # 1.
    previous, delta, live = (bytes.fromhex(text) for text in (proof.previous, proof.delta, proof.live))
    if proof.height != header.height or state_root(suite, previous, delta, live).hex() != header.state_root:
        raise _broken("state root")
    # 2.
    if [entry.key for entry in proof.entries] != [key.hex() for key in keys]:
        raise _broken("keys")
    # 3.
    values: list[bytes | None] = []
    for key, entry in zip(keys, proof.entries, strict=True):
        if entry.value is not None and entry.other is not None:
            raise _broken("value and other")
        value = None if entry.value is None else bytes.fromhex(entry.value)
        value_digest = None if value is None else suite.digest(value)
        other = entry.other
        sparse = SparseProof(
            siblings=tuple(bytes.fromhex(node) for node in entry.siblings),
            value_digest=value_digest,
            other=None if other is None else (bytes.fromhex(other.path), bytes.fromhex(other.value_digest)),
        )
        verify_sparse(suite.digest, live, suite.digest(key), value_digest, sparse)
        values.append(value)
    return tuple(values)


def _broken(reason: str) -> VerificationError:
    return VerificationError(Code.STATUS_PROOF, reason=reason)
