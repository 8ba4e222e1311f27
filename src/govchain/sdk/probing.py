"""Looking at a node from outside: whether it is alive and takes transactions, its time, the certificate it shows.

Purpose: :class:`ProbeTransport` has the calls that only diagnosis needs. Nothing here is proved; headers and
certificates are checked by the client as ever. Not here: judging (``ops.doctor_remote``).
"""

from __future__ import annotations

import ssl
from typing import Final

import httpx
import msgspec

from govchain.model import Code, GovChainError, UnavailableError
from govchain.sdk.http import HttpTransport
from govchain.sdk.network import HostedChains, NetworkStatus
from govchain.sdk.sessions import ChallengeOffer, ChallengeRequest, audience_of, decode_challenge
from govchain.sdk.wire import decode_answer, to_json

__all__ = ["ProbeTransport", "shown_certificate"]

_TIMEOUT_S: Final = 5.0
#: An address that nobody has: a challenge is given for any.
_NOBODY: Final = "00" * 20


class _Indexed(msgspec.Struct, frozen=True):
    height: int
    indexed_height: int


class ProbeTransport(HttpTransport):
    """A way to a node for diagnosis: :class:`~govchain.sdk.http.HttpTransport` and a few calls more."""

    def live(self) -> None:
        """Raise unless the process answers."""
        self._ask("GET", "/v1/health/live")

    def ready(self) -> None:
        """Raise, with the node's own reason, unless it takes transactions."""
        self._ask("GET", "/v1/health/ready")

    def network(self) -> NetworkStatus:
        """What the node says of its engine and of the other nodes."""
        return self._get("/v1/network", NetworkStatus)

    def chains(self) -> HostedChains:
        """What the node says of the chains that the members created by vote."""
        return self._get("/v1/chains", HostedChains)

    def challenge_expiry(self) -> int:
        """When a challenge that the node gives now expires, ms by its own clock."""
        request = to_json(ChallengeRequest(_NOBODY, audience_of(self.url)))
        return decode_challenge(self._post("/v1/sessions/challenges", request, ChallengeOffer).challenge).expires

    def index_lag(self) -> int | None:
        """Blocks that the node's index is behind; None where there is none, or without a session."""
        try:
            data = self._ask("GET", "/v1/transactions", {"limit": 1})
        except GovChainError as error:
            if error.code in (Code.SESSION_REQUIRED, Code.SESSION_INVALID, Code.SERVICE_OFF):
                return None
            raise
        found = decode_answer(data, _Indexed)
        return found.height - found.indexed_height


def shown_certificate(url: str) -> bytes | None:
    """The certificate (PEM) that a server shows, whether or not it can be trusted; None without TLS.

    Raises:
        UnavailableError: ``NODE_UNREACHABLE``.
    """
    parsed = httpx.URL(url)
    if parsed.scheme != "https":
        return None
    # Nothing is sent and nothing believed: this looks at a certificate that a verifying connection may refuse.
    try:
        return ssl.get_server_certificate((parsed.host, parsed.port or 443), timeout=_TIMEOUT_S).encode("ascii")
    except OSError as error:
        raise UnavailableError(Code.NODE_UNREACHABLE, url=url, reason=error.strerror or str(error)) from None
