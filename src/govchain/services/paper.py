"""Drawing certificates (存证证书): an evidence package, and the page made from it.

Purpose: one use case for the command line and for a node: export the package of one record, verify it, draw its page.
Rules: a page is only drawn from a package that verifies; a node's own client proves what its node says, too.
Not here: the page (``documents``), the package (``sdk``), who may ask (``api``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from govchain.documents import check_url, render_certificate
from govchain.proof.trust import TrustAnchors
from govchain.proof.verify import verify_package
from govchain.sdk.client import Client
from govchain.sdk.kinds import installed_kinds

__all__ = ["Paper", "certify", "certify_package"]


def certify(
    client: Client,
    evidence: str,
    member: int | None = None,
    *,
    disclose: Sequence[str] = (),
    anchors: Sequence[int] = (),
    url: str = "",
) -> bytes:
    """The certificate of a record, or of one leaf of a batch; see :meth:`Client.export_package` for the arguments.

    Raises:
        RefusedError: ``NOT_FOUND``, ``EVIDENCE_MEMBER``. UsageError: an address that no certificate may name.
        UnavailableError: ``PAPER_FONT``.
    """
    check_url(url)
    return certify_package(client.export_package(evidence, member, disclose=disclose, anchors=anchors), url=url)


def certify_package(package: bytes, *, url: str = "") -> bytes:
    """The certificate of a package that is there already. Whom to trust is for those who verify it.

    Raises:
        VerificationError: the package does not hold. RefusedError: ``PAPER_SUBJECT``. And what :func:`certify` raises.
    """
    check_url(url)
    verified = verify_package(package, trusted=TrustAnchors(), kinds=installed_kinds())
    return render_certificate(package, verified.facts, url=url)


class Paper:
    """A node's certificates; safe to call from several threads.

    Args:
        make: gives the package of a record (id in hex) as it stands now.
        url: address that every certificate names, or an empty text.

    Raises:
        UsageError: an address that no certificate may name.
    """

    def __init__(self, make: Callable[[str], bytes], url: str = "") -> None:
        check_url(url)
        self._make = make
        self._url = url

    def certificate(self, evidence: str) -> bytes:
        """The certificate of a record (of a batch as a whole: its leaves are with its submitter), as of now.

        Raises:
            What ``make`` and :func:`certify_package` raise.
        """
        return certify_package(self._make(evidence), url=self._url)
