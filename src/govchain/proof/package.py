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
from govchain.proof.genesis import decode_genesis, encode_genesis, fingerprint
from govchain.proof.items import Openings
from govchain.proof.layout import (
    GENESIS_NAME,
    MANIFEST_NAME,
    PACKAGE_FORMAT,
    STATEMENT_NAMES,
    Claim,
    HistoryProof,
    Manifest,
    MemberProof,
    body_name,
    certificate_name,
    check_claims,
    check_members,
    claim_order,
    find_anchors,
    header_name,
    history_name,
    item_name,
    member_proof_name,
    openings_name,
    plan_package,
    receipt_name,
    status_name,
    transaction_proof_name,
)
from govchain.proof.statement import render_statement
from govchain.proof.status import StatusProof
from govchain.proof.transactions import TransactionProof
from govchain.proof.verify import prove_members

__all__ = ["BatchLeaf", "EvidenceContents", "PackageContents", "TransactionContents", "build_package"]


@dataclass(frozen=True, slots=True)
class BatchLeaf:
    """The leaf of a batch that a claim is about: its item's bytes and its proof."""

    item: bytes
    proof: MemberProof


@dataclass(frozen=True, slots=True)
class EvidenceContents:
    """What an evidence claim needs beside its transaction: ``leaf`` for one item of a batch, openings if shown."""

    status: StatusProof
    leaf: BatchLeaf | None = None
    openings: Openings | None = None


@dataclass(frozen=True, slots=True)
class TransactionContents:
    """A transaction with its receipt and proof, and the records of it that are claimed.

    Without ``evidence`` the claim is only that it was committed.
    """

    body: bytes
    receipt: bytes
    proof: TransactionProof
    evidence: tuple[EvidenceContents, ...] = ()


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
            if not entry.evidence:
                claims.append(Claim(height, "transaction", None, None, of))
            for evidence in entry.evidence:
                member = None if evidence.leaf is None else evidence.leaf.proof.index
                claims.append(Claim(height, "evidence", member, evidence.status.height, of))
        return tuple(sorted(claims, key=claim_order))


def build_package(contents: PackageContents) -> bytes:
    """The package's bytes.

    Raises:
        VerificationError: with the step and member that a verifier would refuse.
        DecodingError: a genesis that is none.
    """
    genesis = decode_genesis(contents.genesis)
    claims = contents.claims()
    members: dict[str, bytes] = {GENESIS_NAME: encode_genesis(genesis)}
    for height, (header, certificate) in sorted(contents.headers.items()):
        members[header_name(height)] = header
        members[certificate_name(height)] = certificate
    for proof in contents.histories:
        members[history_name(proof.height, proof.head)] = encode_struct(proof)
    for entry in contents.transactions:
        _add_transaction(members, entry)
    members |= dict.fromkeys(STATEMENT_NAMES.values(), b"")
    fault = check_claims(claims) if claims else "no claim"
    if fault:
        raise VerificationError(Code.PACKAGE_MANIFEST, step=2, member=MANIFEST_NAME, reason=fault)
    plan = plan_package(claims, find_anchors(plan_package(claims), members))
    reason, name, heights = check_members(plan, members)
    if reason:
        raise VerificationError(Code.PACKAGE_MEMBER, step=2, member=name, reason=reason)
    named = Manifest(genesis.chain, claims, PACKAGE_FORMAT, fingerprint(genesis).hex(), {})
    facts = prove_members(named, members, plan, heights).facts
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
    for evidence in entry.evidence:
        member = None
        if evidence.leaf is not None:
            member = evidence.leaf.proof.index
            members[item_name(of, member)] = evidence.leaf.item
            members[member_proof_name(of, member)] = encode_struct(evidence.leaf.proof)
        members[status_name(of, member)] = encode_struct(evidence.status)
        if evidence.openings is not None:
            members[openings_name(of, member)] = encode_struct(evidence.openings)
