"""Members' signatures over a genesis file: that each of them agreed to exactly these bytes (docs/spec/ceremony.md).

Purpose: before a chain of several organisations starts, each signs the fingerprint of its genesis with the key of its
node; whoever has the genesis and the signatures sees who agreed, without any node.
Rules: a signature is one small file of canonical JSON; it names the chain and the fingerprint, so that it is good for
one genesis only. Not here: making the genesis (``services.ceremony``), what follows from a missing signature.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from govchain.crypto import ALGORITHMS, frame
from govchain.model import Code, VerificationError, encode_struct
from govchain.model.wire import Digest, Genesis, GenesisMember, Hex
from govchain.proof.exact import decode_exact
from govchain.proof.genesis import fingerprint

__all__ = [
    "GENESIS_SIGNATURE_BYTES_MAX",
    "GENESIS_SIGNATURE_DOMAIN",
    "GenesisSignature",
    "decode_genesis_signature",
    "encode_genesis_signature",
    "genesis_message",
    "verify_genesis_signature",
]

#: Domain of the message that a member signs.
GENESIS_SIGNATURE_DOMAIN = "govchain/genesis-signature/1"
#: Bytes of a signature's file, at most.
GENESIS_SIGNATURE_BYTES_MAX = 16_384


class GenesisSignature(Struct, frozen=True, forbid_unknown_fields=True):
    """One member's agreement to a genesis: its key and the signature, raw as the ledger's, both in hex."""

    algorithm: Annotated[str, Meta(max_length=32)]
    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    fingerprint: Digest
    format: Literal["govchain-genesis-signature/1"]
    key: Annotated[Hex, Meta(min_length=64, max_length=2048)]
    signature: Annotated[Hex, Meta(min_length=128, max_length=2048)]


def genesis_message(genesis: Genesis) -> bytes:
    """The bytes that each member of ``genesis`` signs."""
    return frame(GENESIS_SIGNATURE_DOMAIN, genesis.chain, fingerprint(genesis))


def encode_genesis_signature(genesis: Genesis, algorithm: str, key: bytes, signature: bytes) -> bytes:
    """The file's bytes for a signature over :func:`genesis_message`."""
    return encode_struct(
        GenesisSignature(
            algorithm=algorithm,
            chain=genesis.chain,
            fingerprint=fingerprint(genesis).hex(),
            format="govchain-genesis-signature/1",
            key=key.hex(),
            signature=signature.hex(),
        )
    )


def decode_genesis_signature(data: bytes) -> GenesisSignature:
    """Read a signature's file; whether it holds, :func:`verify_genesis_signature` tells.

    Raises:
        DecodingError: anything but the canonical encoding of a signature.
    """
    return decode_exact(data.rstrip(b"\r\n"), GenesisSignature)


def verify_genesis_signature(genesis: Genesis, signature: GenesisSignature) -> GenesisMember:
    """The member of ``genesis`` that agreed to it by ``signature``.

    1. It is about this chain and this genesis.
    2. Its key is a member's, with the algorithm that genesis names.
    3. The signature is valid.

    Raises:
        VerificationError: ``GENESIS_SIGNATURE`` with the reason.
    """
    # 1.
    if signature.chain != genesis.chain:
        raise _false("another chain", signature)
    if signature.fingerprint != fingerprint(genesis).hex():
        raise _false("another genesis", signature)
    # 2.
    member = next((entry for entry in genesis.members if entry.key == signature.key), None)
    if member is None or member.algorithm != signature.algorithm:
        raise _false("the key is no member's", signature)
    # 3.
    algorithm = ALGORITHMS[member.algorithm]
    code = algorithm.check_signature(
        bytes.fromhex(signature.key), genesis_message(genesis), bytes.fromhex(signature.signature)
    )
    if code is not Code.OK:
        raise _false("the signature is not valid", signature)
    return member


def _false(reason: str, signature: GenesisSignature) -> VerificationError:
    return VerificationError(Code.GENESIS_SIGNATURE, reason=reason, key=signature.key[:16])
