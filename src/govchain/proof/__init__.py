"""Headers, receipts, finality certificates, evidence packages: build and verify (docs/spec/evidence-package.md).

Purpose: everything that lets somebody who has a genesis or a header check facts of a chain without a network or a node.
Rules: pure functions over bytes and frozen values; ``verify_*`` raises with the step and the member; trust is an
argument and never comes from what is verified; so are the kinds of claim, which families of rules bring.
Not here: fetching parts, the trust store, which kinds are installed (``sdk``), printing (``cli``).

Example::

    verified = verify_package(data, trusted=decode_anchor(genesis_file), kinds=installed_kinds())
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
from govchain.proof.claims import (
    TRANSACTION_KIND,
    Claim,
    ClaimKind,
    ClaimMembers,
    ClaimReading,
    ProvedValues,
)
from govchain.proof.facts import Comparison, Organisation, OriginalFacts, PackageFacts, ProvedClaim, ProvedSubject
from govchain.proof.genesis import (
    check_genesis,
    check_network_genesis,
    decode_genesis,
    encode_genesis,
    fingerprint,
    first_signer_set,
)
from govchain.proof.headers import decode_header, encode_header, header_identity
from govchain.proof.layout import HistoryProof, Manifest, PackagePlan, plan_package
from govchain.proof.package import ClaimContents, PackageContents, TransactionContents, build_package
from govchain.proof.page import StatementPage, china_time, shown
from govchain.proof.refusing import refusing
from govchain.proof.report import STEPS, StepOutcome, VerificationReport, describe_facts, describe_report
from govchain.proof.signers import check_signer_set, quorum, signer_set_digest
from govchain.proof.statement import render_statement
from govchain.proof.status import OtherLeaf, StatusEntry, StatusProof, verify_status
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
    "TRANSACTION_KIND",
    "Claim",
    "ClaimContents",
    "ClaimKind",
    "ClaimMembers",
    "ClaimReading",
    "Comparison",
    "EpochWalk",
    "FinalHeader",
    "HistoryProof",
    "Manifest",
    "Organisation",
    "OriginalFacts",
    "OtherLeaf",
    "PackageContents",
    "PackageFacts",
    "PackagePlan",
    "ProvedClaim",
    "ProvedSubject",
    "ProvedValues",
    "StatementPage",
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
    "check_network_genesis",
    "check_signer_set",
    "china_time",
    "decode_anchor",
    "decode_archive",
    "decode_body",
    "decode_certificate",
    "decode_envelope",
    "decode_genesis",
    "decode_header",
    "decode_receipt",
    "describe_facts",
    "describe_report",
    "encode_archive",
    "encode_certificate",
    "encode_envelope",
    "encode_genesis",
    "encode_header",
    "finality_message",
    "fingerprint",
    "first_signer_set",
    "header_identity",
    "judge_trust",
    "plan_package",
    "quorum",
    "refusing",
    "render_statement",
    "shown",
    "signer_set_digest",
    "verify_certificate",
    "verify_package",
    "verify_status",
    "verify_transaction",
]
