"""Offline verification of an evidence package in the numbered steps of docs/spec/evidence-package.md 4.

Purpose: one pure function from a file's bytes and the verifier's own trust to what the file proves. No network, no
node, no clock: "now" plays no part, a status is stated as of a named block.
Rules: a step that fails raises with its number and the member; nothing after it is looked at. Only step 12 never fails:
a consistent package of an issuer that is not trusted is an answer of its own (exit code 3).
Not here: what each kind of claim proves beyond its transaction (:mod:`govchain.proof.claims`), which kinds are
installed and the trust store (``sdk``), reading files and words for people (``cli``).

Example::

    verified = verify_package(data, trusted=TrustAnchors(genesis=(fingerprint,)), kinds=installed_kinds())
    verified.report.exit_code
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from govchain.crypto import Suite, get_suite
from govchain.merkle import empty_root, root_from_inclusion
from govchain.model import Code, VerificationError
from govchain.model.wire import Body, Certificate, Genesis, Header, Receipt
from govchain.proof.archive import decode_archive, is_member_name
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.claims import Claim, ClaimKind, ClaimReading, ProvedValues, with_transaction
from govchain.proof.exact import decode_exact
from govchain.proof.facts import OriginalFacts, PackageFacts, ProvedClaim, ProvedSubject
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.layout import (
    GENESIS_NAME,
    MANIFEST_NAME,
    STATEMENT_NAMES,
    HistoryProof,
    Manifest,
    PackagePlan,
    body_name,
    certificate_name,
    check_claims,
    check_members,
    decode_manifest,
    find_anchors,
    header_name,
    history_name,
    plan_package,
    receipt_name,
    status_name,
    transaction_proof_name,
    unknown_kind,
)
from govchain.proof.organisations import Organisation, Register
from govchain.proof.refusing import refusing
from govchain.proof.report import FinalityFacts, VerificationReport, make_report
from govchain.proof.signers import quorum
from govchain.proof.statement import render_statement
from govchain.proof.status import StatusProof, verify_status
from govchain.proof.transactions import TransactionProof, verify_transaction
from govchain.proof.trust import EpochWalk, FinalHeader, TrustAnchors, judge_trust

__all__ = ["VerifiedPackage", "prove_members", "verify_package"]


@dataclass(frozen=True, slots=True)
class VerifiedPackage:
    """A package whose steps all held: its members, manifest, genesis, what it proves, and the report."""

    members: Mapping[str, bytes]
    manifest: Manifest
    genesis: Genesis
    facts: PackageFacts
    report: VerificationReport


def verify_package(
    data: bytes, *, trusted: TrustAnchors, kinds: Mapping[str, ClaimKind], original: OriginalFacts | None = None
) -> VerifiedPackage:
    """Check the package ``data`` from its container to the trust in its issuer.

    1. Container, 2. manifest, 3. genesis, 4. headers, 5. certificates, 6. history, 7. transactions, 8. evidence,
    9. status, 10. statement, 11. original where given, 12. trust.

    Args:
        data: the file's bytes.
        trusted: what the verifier believes; never taken from the package.
        kinds: kinds of claim by name, beside the built-in ``transaction``.
        original: size and digests of the file that the evidence is said to be about.

    The caller still owes: obeying ``report.exit_code`` (0 holds and trusted, 3 issuer not trusted, 4 withdrawn or
    superseded), and whether the status block is recent enough for the purpose.

    Raises:
        VerificationError: with ``step`` and ``member`` of the first thing that does not hold.
    """
    kinds = with_transaction(kinds)
    # 1. Container
    members = decode_archive(data)
    # 2. Manifest
    with refusing(2, MANIFEST_NAME, Code.PACKAGE_MANIFEST):
        if MANIFEST_NAME not in members:
            raise VerificationError(Code.PACKAGE_MANIFEST, reason="missing")
        manifest = decode_manifest(members[MANIFEST_NAME])
    plan, heights = _check_manifest(manifest, members, kinds)
    # 3. to 9.
    proved = prove_members(manifest, members, plan, heights, kinds)
    # 10. Statement
    for language, name in sorted(STATEMENT_NAMES.items()):
        if render_statement(proved.facts, language).encode() != members[name]:
            raise VerificationError(Code.STATEMENT_ALTERED, step=10, member=name)
    # 11. Original
    if original is not None:
        with refusing(11, "", Code.ORIGINAL_DIFFERS):
            _verify_original(proved.facts, original)
    # 12. Trust
    verdict = judge_trust(
        get_suite(proved.genesis.suite),
        manifest.genesis,
        proved.headers,
        claimed=plan.claimed,
        histories=plan.histories,
        anchors=trusted,
    )
    report = make_report(proved.facts, proved.finality, verdict, original_given=original is not None)
    return VerifiedPackage(members, manifest, proved.genesis, proved.facts, report)


@dataclass(frozen=True, slots=True)
class ProvedMembers:
    """What steps 3 to 9 give."""

    genesis: Genesis
    headers: tuple[FinalHeader, ...]
    facts: PackageFacts
    finality: FinalityFacts


def prove_members(
    manifest: Manifest,
    members: Mapping[str, bytes],
    plan: PackagePlan,
    heights: tuple[int, ...],
    kinds: Mapping[str, ClaimKind],
) -> ProvedMembers:
    """Steps 3 to 9 over members that are exactly those of ``plan`` with headers at ``heights``; used in building, too.

    ``kinds`` has every kind that the manifest claims.

    Raises:
        VerificationError: with step and member.
    """
    # 3. Genesis
    with refusing(3, GENESIS_NAME, Code.GENESIS_INVALID):
        genesis = decode_genesis(members[GENESIS_NAME], canonical=True)
        if fingerprint(genesis).hex() != manifest.genesis or genesis.chain != manifest.chain:
            raise VerificationError(Code.GENESIS_INVALID, reason="not the manifest's")
    suite = get_suite(genesis.suite)
    # 4. Headers
    headers: list[FinalHeader] = []
    for height in heights:
        with refusing(4, header_name(height), Code.HEADER_INVALID):
            headers.append(_read_header(suite, genesis, members[header_name(height)], height))
    # 5. Certificates
    walk = EpochWalk.from_genesis(suite, genesis)
    certificates: list[Certificate] = []
    for final in headers:
        header = final.header
        with refusing(5, header_name(header.height), None):
            if header.height not in plan.heights and header.signers == header.next_signers:
                raise VerificationError(Code.PACKAGE_MEMBER, reason="not needed")
            following = walk.step(header)
        with refusing(5, certificate_name(header.height), None):
            certificate = decode_certificate(members[certificate_name(header.height)])
            verify_certificate(suite, header, final.identity, certificate)
        certificates.append(certificate)
        walk = following
    # 6. History
    _verify_links(suite, manifest.genesis, genesis.created, headers)
    by_height = {final.header.height: final for final in headers}
    for height, head in plan.histories:
        with refusing(6, history_name(height, head), Code.HISTORY_INVALID):
            proof = decode_exact(members[history_name(height, head)], HistoryProof)
            if (proof.height, proof.head) != (height, head):
                raise VerificationError(Code.HISTORY_INVALID, reason="another pair of blocks")
            path = [bytes.fromhex(node) for node in proof.path]
            root = root_from_inclusion(suite.digest, by_height[height].identity, height - 1, head - 1, path)
            if root.hex() != by_height[head].header.history:
                raise VerificationError(Code.HISTORY_INVALID, reason="root")
    # 7. to 9., claim by claim within each step
    prover = _Prover(suite, Register(suite, genesis), by_height, members)
    claims = [(claim, kinds[claim.kind]) for claim in manifest.claims]
    readings = [prover.transaction(claim, kind) for claim, kind in claims]
    found = [prover.read(reading, kind) for reading, (_, kind) in zip(readings, claims, strict=True)]
    subjects = [
        prover.subject(reading, kind, one) for reading, (_, kind), one in zip(readings, claims, found, strict=True)
    ]
    proved = [prover.claim(reading, subject) for reading, subject in zip(readings, subjects, strict=True)]
    last = headers[-1].header
    facts = PackageFacts(
        chain=manifest.chain,
        genesis=manifest.genesis,
        test_clock=genesis.test_clock,
        height=last.height,
        time=last.time,
        claims=tuple(proved),
    )
    return ProvedMembers(genesis, tuple(headers), facts, _finality(last, certificates[-1]))


def _finality(header: Header, certificate: Certificate) -> FinalityFacts:
    """Who signed the last header, by its own certificate."""
    signers = certificate.set
    members = len(signers.keys)
    needed = quorum(signers.rule, members)
    return FinalityFacts(signers.rule, members, needed, len(certificate.signatures), header.epoch)


def _check_manifest(
    manifest: Manifest, members: Mapping[str, bytes], kinds: Mapping[str, ClaimKind]
) -> tuple[PackagePlan, tuple[int, ...]]:
    """Step 2 behind the manifest's own form: claims, every member's SM3, exactly the members needed."""
    unknown = unknown_kind(manifest.claims, kinds)
    if unknown:
        raise VerificationError(Code.CLAIM_KIND_UNKNOWN, step=2, member=MANIFEST_NAME, kind=unknown)
    fault = check_claims(manifest.claims, kinds)
    if fault:
        raise VerificationError(Code.PACKAGE_MANIFEST, step=2, member=MANIFEST_NAME, reason=fault)
    if not all(map(is_member_name, manifest.members)):
        raise VerificationError(Code.PACKAGE_MANIFEST, step=2, member=MANIFEST_NAME, reason="name of a member")
    sm3 = get_suite("gm").digest
    for name, data in members.items():
        if name == MANIFEST_NAME:
            continue
        if name not in manifest.members:
            raise VerificationError(Code.PACKAGE_MEMBER, step=2, member=name, reason="not in the manifest")
        if sm3(data).hex() != manifest.members[name]:
            raise VerificationError(Code.PACKAGE_MEMBER, step=2, member=name, reason="SM3")
    for name in manifest.members:
        if name not in members or name == MANIFEST_NAME:
            raise VerificationError(Code.PACKAGE_MEMBER, step=2, member=name, reason="missing")
    plan = plan_package(manifest.claims, kinds, find_anchors(plan_package(manifest.claims, kinds), members))
    reason, name, heights = check_members(plan, members)
    if reason:
        raise VerificationError(Code.PACKAGE_MEMBER, step=2, member=name, reason=reason)
    return plan, heights


def _read_header(suite: Suite, genesis: Genesis, data: bytes, height: int) -> FinalHeader:
    header = decode_header(data)
    if header.chain != genesis.chain:
        raise VerificationError(Code.HEADER_INVALID, reason="another chain")
    if header.height != height:
        raise VerificationError(Code.HEADER_INVALID, reason="another height")
    return FinalHeader(header, header_identity(suite, data))


def _verify_links(suite: Suite, genesis: str, created: int, headers: list[FinalHeader]) -> None:
    """Step 6: block 1 names the genesis, neighbours name each other, time rises."""
    first = headers[0].header
    if first.previous != genesis or first.history != empty_root(suite.digest).hex():
        raise VerificationError(Code.HISTORY_INVALID, step=6, member=header_name(1), reason="not this genesis")
    height, identity, time = 0, "", created
    for final in headers:
        header = final.header
        if header.time <= time:
            raise VerificationError(Code.HISTORY_INVALID, step=6, member=header_name(header.height), reason="time")
        if height and header.height == height + 1 and header.previous != identity:
            raise VerificationError(Code.HISTORY_INVALID, step=6, member=header_name(header.height), reason="previous")
        height, identity, time = header.height, final.identity.hex(), header.time


@dataclass(frozen=True, slots=True)
class _Prover:
    """Steps 7 to 9 for one claim at a time."""

    suite: Suite
    register: Register
    headers: Mapping[int, FinalHeader]
    members: Mapping[str, bytes]

    def transaction(self, claim: Claim, kind: ClaimKind) -> ClaimReading:
        """Step 7."""
        name = transaction_proof_name(claim.transaction)
        with refusing(7, name, None):
            proof = decode_exact(self.members[name], TransactionProof)
            if (proof.transaction, proof.height) != (claim.transaction, claim.height):
                raise VerificationError(Code.TRANSACTION_PROOF, reason="another transaction")
            body_data = self.members[body_name(claim.transaction)]
            receipt_data = self.members[receipt_name(claim.transaction)]
            header = self.headers[claim.height].header
            body, receipt = verify_transaction(self.suite, header, body_data, receipt_data, proof)
            kind.verify_type(body, receipt)
        return ClaimReading(self.suite, self.register, claim, header, body, receipt, self.members)

    def read(self, reading: ClaimReading, kind: ClaimKind) -> Any:
        """Step 8."""
        with refusing(8, body_name(reading.claim.transaction), None):
            return kind.read(reading)

    def subject(self, reading: ClaimReading, kind: ClaimKind, found: Any) -> ProvedSubject | None:
        """Step 9."""
        claim = reading.claim
        if claim.status_height is None:
            with refusing(9, body_name(claim.transaction), Code.STATUS_PROOF):
                return kind.conclude(reading, found, None)
        name = status_name(claim.transaction, claim.member)
        with refusing(9, name, Code.STATUS_PROOF):
            header = self.headers[claim.status_height].header
            proof = decode_exact(self.members[name], StatusProof)
            values = verify_status(self.suite, header, proof, kind.status_keys(reading, found))
            return kind.conclude(reading, found, ProvedValues(header.height, header.time, values))

    def claim(self, reading: ClaimReading, subject: ProvedSubject | None) -> ProvedClaim:
        """What the three steps say together."""
        body, receipt, header = reading.body, reading.receipt, reading.header
        return ProvedClaim(
            kind=reading.claim.kind,
            transaction=reading.claim.transaction,
            type=body.type,
            version=body.version,
            height=header.height,
            time=header.time,
            index=receipt.index,
            count=header.transaction_count,
            code=receipt.code,
            organisation=self._organisation(body, receipt),
            accounts=tuple(signer.account for signer in body.signers),
            subject=subject,
        )

    def _organisation(self, body: Body, receipt: Receipt) -> Organisation | None:
        """The first one that the receipt's events name; otherwise that of the sender's account in genesis."""
        for event in receipt.events:
            if event.organisation:
                return self.register.organisation(event.organisation)
        return self.register.organisation_of_account(body.signers[0].account)


def _verify_original(facts: PackageFacts, original: OriginalFacts) -> None:
    """Step 11: the file is that of one of the claims."""
    for claim in facts.claims:
        comparison = None if claim.subject is None else claim.subject.compare(original)
        if comparison is not None and comparison.holds:
            return
    raise VerificationError(Code.ORIGINAL_DIFFERS, reason="no item of this size and these digests")
