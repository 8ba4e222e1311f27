"""Building an evidence package from its parts: the same parts give the same bytes.

Purpose: put headers, certificates, bodies, receipts and proofs under their names, state what they prove, seal it all.
Rules: what is built is proved first, with the verifier's own steps, so that no package leaves that would be refused.
Not here: fetching the parts (``sdk``), verification (:mod:`govchain.proof.verify`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from govchain.crypto import get_suite
from govchain.model import Code, VerificationError, encode_struct
from govchain.proof.archive import encode_archive
from govchain.proof.claims import TRANSACTION_KIND, Claim, ClaimKind, with_transaction
from govchain.proof.genesis import decode_genesis, encode_genesis, fingerprint
from govchain.proof.layout import (
    GENESIS_NAME,
    MANIFEST_NAME,
    PACKAGE_FORMAT,
    STATEMENT_NAMES,
    HistoryProof,
    Manifest,
    body_name,
    certificate_name,
    check_claims,
    check_members,
    claim_order,
    find_anchors,
    header_name,
    history_name,
    plan_package,
    receipt_name,
    status_name,
    transaction_proof_name,
    unknown_kind,
)
from govchain.proof.statement import render_statement
from govchain.proof.status import StatusProof
from govchain.proof.transactions import TransactionProof
from govchain.proof.verify import prove_members

__all__ = ["ClaimContents", "PackageContents", "TransactionContents", "build_package"]


@dataclass(frozen=True, slots=True)
class ClaimContents:
    """What a claim needs beside its transaction: the leaf meant, the status proof, and the kind's own members by name.

    A family offers a function that makes one (``evidence_contents``, for one).
    """

    kind: str
    leaf: int | None = None
    status: StatusProof | None = None
    members: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TransactionContents:
    """A transaction with its receipt and proof, and what is claimed of it.

    Without ``claims`` the claim is only that it was committed.
    """

    body: bytes
    receipt: bytes
    proof: TransactionProof
    claims: tuple[ClaimContents, ...] = ()


@dataclass(frozen=True, slots=True)
class PackageContents:
    """The parts of a package.

    ``genesis`` in any accepted form; ``headers`` by height, each with its certificate: block 1, every block that a
    claim names, every signer-set change below the last of them, anchors; ``histories`` as
    :func:`govchain.proof.layout.plan_package` lists them for the claims and anchors.
    """

    genesis: bytes
    headers: Mapping[int, tuple[bytes, bytes]]
    transactions: tuple[TransactionContents, ...]
    histories: tuple[HistoryProof, ...] = field(default=())

    def claims(self) -> tuple[Claim, ...]:
        """The claims that these parts make, sorted."""
        claims: list[Claim] = []
        for entry in self.transactions:
            of, height = entry.proof.transaction, entry.proof.height
            for one in entry.claims or (ClaimContents(TRANSACTION_KIND.name),):
                at = None if one.status is None else one.status.height
                claims.append(Claim(height, one.kind, one.leaf, at, of))
        return tuple(sorted(claims, key=claim_order))


def build_package(contents: PackageContents, kinds: Mapping[str, ClaimKind]) -> bytes:
    """The package's bytes; ``kinds`` are the kinds of claim by name, beside the built-in ``transaction``.

    Raises:
        VerificationError: with the step and member that a verifier would refuse.
        DecodingError: a genesis that is none.
    """
    kinds = with_transaction(kinds)
    genesis = decode_genesis(contents.genesis)
    claims = contents.claims()
    unknown = unknown_kind(claims, kinds)
    if unknown:
        raise VerificationError(Code.CLAIM_KIND_UNKNOWN, step=2, member=MANIFEST_NAME, kind=unknown)
    members: dict[str, bytes] = {GENESIS_NAME: encode_genesis(genesis)}
    for height, (header, certificate) in sorted(contents.headers.items()):
        members[header_name(height)] = header
        members[certificate_name(height)] = certificate
    for proof in contents.histories:
        members[history_name(proof.height, proof.head)] = encode_struct(proof)
    for entry in contents.transactions:
        _add_transaction(members, entry)
    members |= dict.fromkeys(STATEMENT_NAMES.values(), b"")
    fault = check_claims(claims, kinds) if claims else "no claim"
    if fault:
        raise VerificationError(Code.PACKAGE_MANIFEST, step=2, member=MANIFEST_NAME, reason=fault)
    plan = plan_package(claims, kinds, find_anchors(plan_package(claims, kinds), members))
    reason, name, heights = check_members(plan, members)
    if reason:
        raise VerificationError(Code.PACKAGE_MEMBER, step=2, member=name, reason=reason)
    named = Manifest(genesis.chain, claims, PACKAGE_FORMAT, fingerprint(genesis).hex(), {})
    facts = prove_members(named, members, plan, heights, kinds).facts
    for language, name in STATEMENT_NAMES.items():
        members[name] = render_statement(facts, language).encode()
    sm3 = get_suite("gm").digest
    digests = {name: sm3(data).hex() for name, data in members.items()}
    members[MANIFEST_NAME] = encode_struct(Manifest(named.chain, claims, PACKAGE_FORMAT, named.genesis, digests))
    return encode_archive(members)


def _add_transaction(members: dict[str, bytes], entry: TransactionContents) -> None:
    of = entry.proof.transaction
    members[body_name(of)] = entry.body
    members[receipt_name(of)] = entry.receipt
    members[transaction_proof_name(of)] = encode_struct(entry.proof)
    for claim in entry.claims:
        members |= claim.members
        if claim.status is not None:
            members[status_name(of, claim.leaf)] = encode_struct(claim.status)
