"""Envelopes, and the proof that a transaction and its receipt are in a block (block.md 3, evidence-package.md 3.1).

Not here: what a transaction may do (``ledger``, ``modules``), fast decoding of many envelopes (the native kernels).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from govchain.crypto import ALGORITHMS, Suite
from govchain.merkle import root_from_inclusion
from govchain.model import Code, DecodingError, VerificationError, decode_strict
from govchain.model.decoders import json_decoder, msgpack_decoder
from govchain.model.wire import PROTOCOL_VERSION, Body, Digest, Header, Hex, Receipt
from govchain.proof.exact import decode_exact, is_rising

__all__ = [
    "BODY_BYTES_MAX",
    "BODY_DEPTH_MAX",
    "TransactionProof",
    "decode_body",
    "decode_envelope",
    "decode_receipt",
    "encode_envelope",
    "verify_transaction",
]

#: Bytes of a body that a verifier reads: the most that any genesis may allow.
BODY_BYTES_MAX = 16 * 1024 * 1024
#: Nesting of a body that a verifier reads: the most that any genesis may allow.
BODY_DEPTH_MAX = 64


class TransactionProof(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a transaction and its receipt are in a block; paths run from leaf to root."""

    count: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]
    index: Annotated[int, Meta(ge=0)]
    receipt_path: Annotated[tuple[Digest, ...], Meta(max_length=64)]
    signatures: Annotated[tuple[Hex, ...], Meta(min_length=1, max_length=1024)]
    transaction: Digest
    transaction_path: Annotated[tuple[Digest, ...], Meta(max_length=64)]


class _Payload(Struct):
    """Any object: the payload before its type is known."""


def encode_envelope(body: bytes, signatures: Sequence[bytes]) -> bytes:
    """The envelope ``[1, body, [signatures]]`` in the one MessagePack encoding that is accepted (block.md 3.2)."""
    return msgspec.msgpack.encode([PROTOCOL_VERSION, body, list(signatures)])


def decode_envelope(data: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Body and signatures of an envelope.

    Raises:
        DecodingError: ``ENVELOPE_MALFORMED`` unless writing it again gives the same bytes; ``ENVELOPE_VERSION``.
    """
    try:
        version, body, signatures = msgpack_decoder(tuple[int, bytes, tuple[bytes, ...]]).decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        raise DecodingError(Code.ENVELOPE_MALFORMED) from None
    if version != PROTOCOL_VERSION:
        raise DecodingError(Code.ENVELOPE_VERSION, version=version)
    if encode_envelope(body, signatures) != data:
        raise DecodingError(Code.ENVELOPE_MALFORMED)
    return body, signatures


def decode_body(data: bytes) -> Body:
    """Read a body with every rule of block.md 3.1 that needs neither genesis nor state.

    Raises:
        DecodingError: pre-scan codes or ``BODY_SHAPE``.
    """
    body = decode_strict(data, Body, size_max=BODY_BYTES_MAX, depth_max=BODY_DEPTH_MAX)
    if not body.is_well_formed():
        raise DecodingError(Code.BODY_SHAPE, reason="hex digits or memo")
    try:
        json_decoder(_Payload).decode(body.payload)
    except (msgspec.ValidationError, msgspec.DecodeError):
        raise DecodingError(Code.BODY_SHAPE, reason="payload") from None
    return body


def decode_receipt(data: bytes) -> Receipt:
    """Read a receipt.

    Raises:
        DecodingError: anything but the canonical encoding of a receipt.
    """
    return decode_exact(data, Receipt)


def verify_transaction(
    suite: Suite, header: Header, body_data: bytes, receipt_data: bytes, proof: TransactionProof
) -> tuple[Body, Receipt]:
    """Raise unless the transaction is in the header's block with that receipt; its body and receipt.

    1. The body's digest is the transaction id, and its form is right, of this chain.
    2. Every signer signed it, under the key that the body names; no account twice.
    3. The envelope is leaf ``index`` of ``count`` under ``transaction_root``, and ``count`` is the header's.
    4. The receipt is the same leaf under ``receipt_root`` and speaks of this transaction, height and index.

    The caller still owes: that the header is final. The keys are the accounts' own because the chain checks them
    against its state before a transaction enters a block (block.md 6).

    Raises:
        VerificationError: ``TRANSACTION_PROOF`` or ``RECEIPT_PROOF``.
        DecodingError: body or receipt that are not what they should be.
    """
    # 1.
    if suite.digest(body_data).hex() != proof.transaction:
        raise _broken("body digest")
    body = decode_body(body_data)
    if body.chain != header.chain:
        raise _broken("chain")
    # 2.
    if len(proof.signatures) != len(body.signers):
        raise _broken("number of signatures")
    if not is_rising(sorted(signer.account for signer in body.signers)):
        raise _broken("account twice")
    signatures = [bytes.fromhex(text) for text in proof.signatures]
    for signer, signature in zip(body.signers, signatures, strict=True):
        algorithm = ALGORITHMS.get(signer.algorithm)
        if algorithm is None:
            raise _broken("algorithm")
        code = algorithm.check_signature(bytes.fromhex(signer.key), body_data, signature)
        if code is not Code.OK:
            raise _broken(f"signature of {signer.account}: {code.name}")
    # 3.
    if (proof.height, proof.count) != (header.height, header.transaction_count):
        raise _broken("another block")
    leaf = suite.digest(encode_envelope(body_data, signatures))
    if _root(suite, leaf, proof, proof.transaction_path) != header.transaction_root:
        raise _broken("transaction root")
    # 4.
    receipt = decode_receipt(receipt_data)
    if _root(suite, receipt_data, proof, proof.receipt_path) != header.receipt_root:
        raise VerificationError(Code.RECEIPT_PROOF, reason="receipt root")
    if (receipt.transaction, receipt.height, receipt.index) != (proof.transaction, proof.height, proof.index):
        raise VerificationError(Code.RECEIPT_PROOF, reason="another transaction")
    return body, receipt


def _root(suite: Suite, leaf: bytes, proof: TransactionProof, path: Sequence[str]) -> str:
    """The root (hex) that a path gives, or an empty string, which is none, when the path does not fit its place."""
    nodes = [bytes.fromhex(node) for node in path]
    try:
        return root_from_inclusion(suite.digest, leaf, proof.index, proof.count, nodes).hex()
    except VerificationError:  # it speaks of any tree's leaf; the caller knows which proof does not hold
        return ""


def _broken(reason: str) -> VerificationError:
    return VerificationError(Code.TRANSACTION_PROOF, reason=reason)
