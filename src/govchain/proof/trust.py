"""Which chain a verifier believes: anchors, and the walk over signer sets from one header to the next.

Purpose: trust is given, never found (ARCHITECTURE decision 6). An anchor is a genesis fingerprint, or a header that the
verifier was given. Rules: a genesis vouches for its whole chain. A header vouches for its own block, for later blocks
signed by the sets that follow from it, for earlier blocks of its epoch, and for whatever a vouched header's history
proves. Not here: the trust store's files (``sdk``), signatures (:mod:`govchain.proof.certificates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """Whether the issuer is trusted, ``by`` ``genesis`` or ``header HEIGHT``; otherwise ``reason`` says why not."""

    trusted: bool
    by: str
    reason: str


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
    needed: Sequence[int],
    histories: Sequence[tuple[int, int]],
    anchors: TrustAnchors,
) -> TrustVerdict:
    """Whether ``anchors`` vouch for a self-consistent package.

    Args:
        suite: the chain's.
        genesis: fingerprint (hex) of the package's genesis.
        headers: the package's final headers, heights rising, block 1 first.
        needed: heights that must be vouched for, block 1 among them since it names the genesis.
        histories: pairs (height, head) that the package proves.
        anchors: what the verifier believes.
    """
    if genesis in anchors.genesis:
        return TrustVerdict(True, "genesis", "")
    reason = "no trusted genesis or header of this chain"
    for data in anchors.headers:
        trusted = decode_header(data)
        if trusted.chain != headers[0].header.chain:
            continue
        reason = _vouch(trusted, header_identity(suite, data), headers, needed, histories)
        if not reason:
            return TrustVerdict(True, f"header {trusted.height}", "")
    return TrustVerdict(False, "", reason)


def _vouch(
    trusted: Header,
    identity: bytes,
    headers: Sequence[FinalHeader],
    needed: Sequence[int],
    histories: Sequence[tuple[int, int]],
) -> str:
    """The reason why ``trusted`` does not vouch for every needed height, or an empty string."""
    vouched: dict[int, bool] = {}
    walk: EpochWalk | None = EpochWalk.after(trusted)
    before = (trusted.epoch, trusted.signers, trusted.signers)
    for final in headers:
        header = final.header
        if header.height < trusted.height:
            vouched[header.height] = (header.epoch, header.signers, header.next_signers) == before
        elif header.height == trusted.height:
            if final.identity != identity:
                return f"block {header.height} is not the trusted one"
            vouched[header.height] = True
        else:
            walk = _walk_on(walk, header)
            vouched[header.height] = walk is not None
    for height, head in sorted(histories, key=lambda pair: -pair[1]):
        if vouched.get(head, False):
            vouched[height] = True
    for height in needed:
        if not vouched.get(height, False):
            return f"the trusted header {trusted.height} does not vouch for block {height}"
    return ""


def _walk_on(walk: EpochWalk | None, header: Header) -> EpochWalk | None:
    try:
        return None if walk is None else walk.step(header)
    except VerificationError:
        return None
