"""Equivocation: a member that signed two different blocks of one height, proved by its own two signatures.

Purpose: what a node reports of such a member, in a form that anybody checks offline with the member's key alone
(docs/spec/block.md 5.3). Rules: the two statements speak of the same chain, epoch and height and differ in identity or
state root; both signatures hold under the one key. A member with one key on two machines looks the same: what follows
from a proof is for the members to decide.
Not here: collecting signatures (``consensus.finality``), removing a member (governance).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from govchain.crypto import ALGORITHMS, Suite
from govchain.model import Code, VerificationError, encode_struct
from govchain.model.wire import Digest, Height, Hex
from govchain.proof.certificates import finality_message
from govchain.proof.exact import decode_exact

__all__ = ["Equivocation", "SignedBlock", "build_equivocation", "decode_equivocation", "verify_equivocation"]


class SignedBlock(Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """What one signature speaks of: block identity, state root, and the signature (hex)."""

    identity: Digest
    state_root: Digest
    signature: Hex


class Equivocation(Struct, frozen=True, forbid_unknown_fields=True):
    """One member's two signatures over different blocks of one height, the smaller ``identity`` first."""

    algorithm: Annotated[str, Meta(max_length=32)]
    blocks: tuple[SignedBlock, SignedBlock]
    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    epoch: Annotated[int, Meta(ge=0)]
    format: Literal["govchain-equivocation/1"]
    height: Height
    key: Hex


def build_equivocation(
    chain: str, epoch: int, height: int, algorithm: str, key: bytes, blocks: tuple[SignedBlock, SignedBlock]
) -> bytes:
    """The proof's canonical JSON; :func:`verify_equivocation` tells whether it holds."""
    first, second = sorted(blocks)
    return encode_struct(
        Equivocation(algorithm, (first, second), chain, epoch, "govchain-equivocation/1", height, key.hex())
    )


def decode_equivocation(data: bytes) -> Equivocation:
    """Read a proof.

    Raises:
        DecodingError: anything but the canonical encoding of a proof.
    """
    return decode_exact(data, Equivocation)


def verify_equivocation(suite: Suite, data: bytes) -> Equivocation:
    """The proof in ``data``, when it holds; whether its key was a member's is the reader's to look up.

    Raises:
        DecodingError: another shape.
        VerificationError: ``EQUIVOCATION_INVALID`` with the reason.
    """
    proof = decode_equivocation(data)
    first, second = proof.blocks
    if proof.algorithm != suite.member_algorithm:
        raise _invalid("algorithm")
    if (first.identity, first.state_root) == (second.identity, second.state_root):
        raise _invalid("one block")
    if not first < second:
        raise _invalid("order")
    algorithm = ALGORITHMS[proof.algorithm]
    for block in proof.blocks:
        message = finality_message(
            proof.chain, proof.epoch, proof.height, bytes.fromhex(block.identity), bytes.fromhex(block.state_root)
        )
        code = algorithm.check_signature(bytes.fromhex(proof.key), message, bytes.fromhex(block.signature))
        if code is not Code.OK:
            raise _invalid(code.name)
    return proof


def _invalid(reason: str) -> VerificationError:
    return VerificationError(Code.EQUIVOCATION_INVALID, reason=reason)
