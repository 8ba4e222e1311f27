"""What holds now: presence or absence of state keys in ``live`` at a block (evidence-package.md 3.4).

Purpose: tie a sparse-tree proof to a header's state root, and read the marks of evidence records.
Not here: which block is recent enough; writing marks (``modules/evidence``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from govchain.crypto import Suite
from govchain.merkle import DEPTH_MAX, SparseProof, verify_sparse
from govchain.model import Code, VerificationError
from govchain.model.wire import Address, Digest, Header, Hex, Milliseconds
from govchain.proof.exact import decode_exact

__all__ = [
    "STATE_DOMAIN",
    "Mark",
    "OtherLeaf",
    "StatusEntry",
    "StatusProof",
    "decode_mark",
    "mark_key",
    "mark_keys",
    "verify_status",
]

#: Hash domain of a state root.
STATE_DOMAIN = "govchain/state/1"

_MARK_PREFIX = b"evidence.mark/"
_CREDIT_CODE_LENGTH = 18


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


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    """Why an evidence record no longer stands: ``by`` is the transaction that says so, ``time`` its block's."""

    account: Address
    by: Digest
    kind: Literal["superseded", "withdrawn"]
    organisation: Annotated[str, Meta(min_length=_CREDIT_CODE_LENGTH, max_length=_CREDIT_CODE_LENGTH)]
    reason: Literal["duplicate", "error", "expired", "lawful_order", "other"]
    time: Milliseconds


def mark_key(evidence: bytes, member: int | None = None) -> bytes:
    """The state key of a record's mark, or of the mark on one leaf of a batch; ``evidence`` is the id's 32 bytes."""
    return _MARK_PREFIX + evidence + (b"" if member is None else member.to_bytes(4, "big"))


def mark_keys(evidence: bytes, member: int | None) -> tuple[bytes, ...]:
    """The keys that decide a claim's status, in order: the record's, then that of its leaf."""
    return (mark_key(evidence),) if member is None else (mark_key(evidence), mark_key(evidence, member))


def decode_mark(data: bytes) -> Mark:
    """Read a mark.

    Raises:
        DecodingError: anything but the canonical encoding of a mark.
    """
    return decode_exact(data, Mark)


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
    parts = [bytes.fromhex(text) for text in (proof.previous, proof.delta, proof.live)]
    if proof.height != header.height or suite.tagged(STATE_DOMAIN, *parts).hex() != header.state_root:
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
        verify_sparse(suite.digest, parts[2], suite.digest(key), value_digest, sparse)
        values.append(value)
    return tuple(values)


def _broken(reason: str) -> VerificationError:
    return VerificationError(Code.STATUS_PROOF, reason=reason)
