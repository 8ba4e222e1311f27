"""Which chain a verifier believes: anchors, and the walk over signer sets from one header to the next.

Purpose: trust is given, never found (ARCHITECTURE decision 6). An anchor is a genesis fingerprint, or a header that the
verifier was given. Rules: a genesis vouches for its whole chain. A header vouches for a package that shows itself to be
this block's past and future: it is in the package, its own history proves every claimed block below it, and the last
header's history proves it. Signatures alone do not do: keys of former members could sign another past.
Not here: the trust store's files (``sdk``), signatures (:mod:`govchain.proof.certificates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from govchain.crypto import Suite
from govchain.model import Code, VerificationError
from govchain.model.wire import Genesis, Header
from govchain.proof.genesis import decode_genesis, fingerprint, first_signer_set
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.signers import signer_set_digest

__all__ = ["EpochWalk", "FinalHeader", "TrustAnchors", "TrustVerdict", "decode_anchor", "judge_trust"]


@dataclass(frozen=True, slots=True)
class FinalHeader:
    """A header whose certificate holds, with its identity (32 bytes)."""

    header: Header
    identity: bytes


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """What a verifier believes: genesis fingerprints (hex), and headers by their canonical bytes."""

    genesis: tuple[str, ...] = ()
    headers: tuple[bytes, ...] = ()

    def __add__(self, other: TrustAnchors) -> TrustAnchors:
        """All anchors of both."""
        return TrustAnchors(self.genesis + other.genesis, self.headers + other.headers)


@dataclass(frozen=True, slots=True)
class TrustVerdict:
    """Whether the issuer is trusted, ``by`` ``genesis`` or ``header HEIGHT``; otherwise ``reason`` says why not.

    ``cause`` is the reason as a key, ``height`` the block that it speaks of. ``unshown`` are the heights of trusted
    headers of this chain, at or below the package's last, that the package does not show to be part of its past.
    """

    trusted: bool
    by: str
    reason: str
    cause: Literal["", "unknown", "contradiction", "not_contained"] = ""
    height: int = 0
    unshown: tuple[int, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What somebody who trusts the issuer should still know."""
        return tuple(f"trusted block {height} is not shown to be part of this past" for height in self.unshown)


@dataclass(frozen=True, slots=True)
class EpochWalk:
    """The signer set in force at one place of a chain: its epoch, and its digest in hex."""

    epoch: int
    signers: str

    @classmethod
    def from_genesis(cls, suite: Suite, genesis: Genesis) -> EpochWalk:
        """Before block 1."""
        return cls(0, signer_set_digest(suite, first_signer_set(genesis)).hex())

    @classmethod
    def after(cls, header: Header) -> EpochWalk:
        """Behind ``header``, which the caller trusts."""
        return cls(header.epoch + (header.next_signers != header.signers), header.next_signers)

    def step(self, header: Header) -> EpochWalk:
        """Behind ``header``, when it belongs here; its certificate is the caller's to check.

        Raises:
            VerificationError: ``CERTIFICATE_INVALID`` when the header names another epoch or signer set.
        """
        if header.epoch != self.epoch:
            raise VerificationError(Code.CERTIFICATE_INVALID, reason=f"epoch {header.epoch}, not {self.epoch}")
        if header.signers != self.signers:
            raise VerificationError(Code.CERTIFICATE_INVALID, reason="not the signer set in force")
        return EpochWalk.after(header)


def decode_anchor(data: bytes) -> TrustAnchors:
    """The anchor in a file: a genesis (indented or not) or a header.

    Raises:
        DecodingError: neither of them; the code and reason are those of a genesis when its ``format`` is there.
    """
    if b'"govchain-genesis/' in data:
        return TrustAnchors(genesis=(fingerprint(decode_genesis(data)).hex(),))
    header = data.strip(b" \t\r\n")
    decode_header(header)
    return TrustAnchors(headers=(header,))


def judge_trust(
    suite: Suite,
    genesis: str,
    headers: Sequence[FinalHeader],
    *,
    claimed: Sequence[int],
    histories: Sequence[tuple[int, int]],
    anchors: TrustAnchors,
) -> TrustVerdict:
    """Whether ``anchors`` vouch for a self-consistent package.

    Args:
        suite: the chain's.
        genesis: fingerprint (hex) of the package's genesis.
        headers: the package's final headers, heights rising, block 1 first.
        claimed: heights that must be vouched for, block 1 among them since it names the genesis.
        histories: pairs (height, head) that the package proves.
        anchors: what the verifier believes.
    """
    last = headers[-1].header
    identities = {final.header.height: final.identity for final in headers}
    by = "genesis" if genesis in anchors.genesis else ""
    unshown: list[int] = []
    lacking = 0
    for data in anchors.headers:
        trusted = decode_header(data)
        if trusted.chain != last.chain:
            continue
        height = trusted.height
        if height in identities and identities[height] != header_identity(suite, data):
            return TrustVerdict(False, "", f"block {height} is not the trusted one", "contradiction", height)
        if height in identities and _proofs_wanted(height, last.height, claimed) <= set(histories):
            by = by or f"header {height}"
            continue
        lacking = lacking or height
        if height <= last.height:
            unshown.append(height)
    notes = tuple(sorted(dict.fromkeys(unshown)))
    if by:
        return TrustVerdict(True, by, "", unshown=notes)
    if lacking:
        reason = f"does not show that it contains the trusted block {lacking}"
        return TrustVerdict(False, "", reason, "not_contained", lacking, notes)
    return TrustVerdict(False, "", "no trusted genesis or header of this chain", "unknown")


def _proofs_wanted(trusted: int, last: int, claimed: Sequence[int]) -> set[tuple[int, int]]:
    """History proofs that make a package the past and future of its block ``trusted``.

    What lies below must be proved by the trusted header itself: a later one may be signed by the very keys that forge.
    """
    below = {(height, trusted) for height in claimed if height < trusted}
    above = {(height, last) for height in (trusted, *claimed) if trusted <= height < last}
    return below | above
