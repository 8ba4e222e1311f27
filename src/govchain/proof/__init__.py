"""Headers, receipts, finality certificates, evidence packages: build and verify (docs/spec/evidence-package.md).

Purpose: everything that lets somebody who has a genesis or a header check facts of a chain without a network or a node.
Rules: pure functions over bytes and frozen values; ``verify_*`` raises with the step and the member; trust is an
argument and never comes from what is verified. Not here: fetching parts, the trust store (``sdk``), printing (``cli``).

Example::

    verified = verify_package(data, trusted=decode_anchor(genesis_file))
    print(render_statement(verified.facts, "zh"), verified.report.exit_code)
"""

from govchain.proof.archive import decode_archive, encode_archive
from govchain.proof.certificates import (
    assemble_certificate,
    decode_certificate,
    encode_certificate,
    finality_message,
    verify_certificate,
)
from govchain.proof.facts import PackageFacts, ProvedClaim, ProvedEvidence, ProvedStatus
from govchain.proof.genesis import check_genesis, decode_genesis, encode_genesis, fingerprint, first_signer_set
from govchain.proof.headers import decode_header, encode_header, header_identity
from govchain.proof.items import (
    Capture,
    Commitment,
    Item,
    Opening,
    Openings,
    check_item,
    decode_item,
    encode_item,
    item_fault,
    verify_openings,
)
from govchain.proof.layout import Claim, HistoryProof, Manifest, MemberProof, PackagePlan, plan_package
from govchain.proof.package import (
    BatchLeaf,
    EvidenceContents,
    PackageContents,
    TransactionContents,
    build_package,
)
from govchain.proof.report import STEPS, OriginalFacts, StepOutcome, VerificationReport
from govchain.proof.signers import check_signer_set, quorum, signer_set_digest
from govchain.proof.statement import china_time, render_statement
from govchain.proof.status import Mark, OtherLeaf, StatusEntry, StatusProof, decode_mark, mark_keys, verify_status
from govchain.proof.transactions import (
    TransactionProof,
    decode_body,
    decode_envelope,
    decode_receipt,
    encode_envelope,
    verify_transaction,
)
from govchain.proof.trust import EpochWalk, FinalHeader, TrustAnchors, TrustVerdict, decode_anchor, judge_trust
from govchain.proof.verify import VerifiedPackage, verify_package

__all__ = [
    "STEPS",
    "BatchLeaf",
    "Capture",
    "Claim",
    "Commitment",
    "EpochWalk",
    "EvidenceContents",
    "FinalHeader",
    "HistoryProof",
    "Item",
    "Manifest",
    "Mark",
    "MemberProof",
    "Opening",
    "Openings",
    "OriginalFacts",
    "OtherLeaf",
    "PackageContents",
    "PackageFacts",
    "PackagePlan",
    "ProvedClaim",
    "ProvedEvidence",
    "ProvedStatus",
    "StatusEntry",
    "StatusProof",
    "StepOutcome",
    "TransactionContents",
    "TransactionProof",
    "TrustAnchors",
    "TrustVerdict",
    "VerificationReport",
    "VerifiedPackage",
    "assemble_certificate",
    "build_package",
    "check_genesis",
    "check_item",
    "check_signer_set",
    "china_time",
    "decode_anchor",
    "decode_archive",
    "decode_body",
    "decode_certificate",
    "decode_envelope",
    "decode_genesis",
    "decode_header",
    "decode_item",
    "decode_mark",
    "decode_receipt",
    "encode_archive",
    "encode_certificate",
    "encode_envelope",
    "encode_genesis",
    "encode_header",
    "encode_item",
    "finality_message",
    "fingerprint",
    "first_signer_set",
    "header_identity",
    "item_fault",
    "judge_trust",
    "mark_keys",
    "plan_package",
    "quorum",
    "render_statement",
    "signer_set_digest",
    "verify_certificate",
    "verify_openings",
    "verify_package",
    "verify_status",
    "verify_transaction",
]
