"""Evidence packages made and checked by a node, for those who have no client of their own.

Purpose: a package of what the ledger holds about a record, and the report on a package that somebody sends. Rules: made
through the SDK's client like any other, so that each part is checked on the way; the node trusts its own genesis and
nothing else; salts and leaves of batches lie with the submitter and are not here.
Not here: the format (``proof``), printable certificates.
"""

from __future__ import annotations

from typing import Any

from govchain.documents import verify_document
from govchain.model import Code, VerificationError
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.report import describe_report
from govchain.proof.trust import TrustAnchors
from govchain.sdk.client import Client
from govchain.sdk.kinds import installed_kinds
from govchain.sdk.transport import Transport
from govchain.sdk.wire import to_plain

__all__ = ["Packages"]


class Packages:
    """See the module; safe to call from several threads.

    Args:
        answers: the node's side of the Transport.
    """

    def __init__(self, answers: Transport) -> None:
        self._answers = answers
        self._trust = TrustAnchors((fingerprint(decode_genesis(answers.genesis())).hex(),))

    def make(self, evidence: str) -> bytes:
        """The package of a record (id in hex), as of the newest certified block.

        Raises:
            RefusedError: ``NOT_FOUND``. UnavailableError: the newest block has no certificate yet.
        """
        return Client(self._answers, trust=self._trust).export_package(evidence)

    def check(self, data: bytes) -> dict[str, Any]:
        """What a verification of a package or certificate finds, as plain values; a refusal is an answer, too."""
        try:
            report = verify_document(data, trusted=self._trust, kinds=installed_kinds())[0].report
        except VerificationError as error:
            return {
                "holds": False,
                "trusted": False,
                "exit_code": error.exit_code,
                "code": error.code.name,
                "step": error.step,
                "member": error.member,
                "report": {},
            }
        return {
            "holds": True,
            "trusted": report.trust.trusted,
            "exit_code": report.exit_code,
            "code": Code.OK.name,
            "step": 0,
            "member": "",
            "report": to_plain(describe_report(report)),
        }
