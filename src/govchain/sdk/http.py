"""The HTTP driver of the Transport port: a node behind a URL (docs/adr/0010).

Purpose: ask a node over HTTP what :class:`~govchain.sdk.transport.Transport` asks, and turn its problem documents back
into our errors. Rules: certificates are verified, redirects are not followed, the environment's proxies and passwords
are not used; every answer is bounded in bytes and in time; a token goes only over TLS or to this machine, unless the
caller says otherwise. What is safe to repeat is repeated after a pause: reading, and handing in the same envelopes,
which the chain takes once. Any thread may ask.
Not here: believing the answers (:mod:`govchain.sdk.checking`), their form (:mod:`govchain.sdk.wire`).

Each answer is one JSON object of the type that the method's own answer is made from (:mod:`govchain.sdk.wire`).

Example::

    with HttpTransport("https://node.example.gov.cn", ca="ca.pem") as transport:
        client = Client(transport, trust=store.trusted(), signer=key, memory=store)
        client.login()
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec

from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.sdk.problems import error_from_problem
from govchain.sdk.reaching import checked_url, is_this_machine, tls_context
from govchain.sdk.sessions import (
    ChallengeOffer,
    ChallengeRequest,
    SessionGrant,
    SessionRequest,
    audience_of,
    sign_challenge,
)
from govchain.sdk.transactions import Signing
from govchain.sdk.transport import (
    ACCOUNTS_PER_PAGE_MAX,
    AccountPage,
    BlockPage,
    BlockRange,
    BlockRecord,
    ChainStatus,
    EventPage,
    EventQuery,
    EvidencePage,
    EvidenceQuery,
    EvidenceTransactions,
    HistoryPath,
    OrganisationPage,
    ReceiptRecord,
    StateHistory,
    StateValue,
    StatusProof,
    Submission,
    Submissions,
    TransactionPage,
    TransactionRecord,
)
from govchain.sdk.wire import API_VERSION, ENVELOPES_TYPE, PROBLEM_TYPE, PROTOCOL_HEADER, from_json, to_json

__all__ = ["ANSWER_BYTES_MAX", "HttpTransport", "Timeouts"]

#: Bytes of one answer, at most: the largest body that any genesis allows, in hex, with its proofs.
ANSWER_BYTES_MAX: Final = 40 * 1024 * 1024
#: Further attempts at what is safe to repeat.
RETRIES: Final = 3
#: Evidence records that one request asks for.
_EVIDENCE_PER_REQUEST: Final = 1_000
_PAUSE_S: Final = 0.1
_PAUSE_S_MAX: Final = 5.0
#: Statuses of a node, or of what stands before it, that say "not now".
_NOT_NOW: Final = frozenset({429, 502, 503, 504})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of time in ms: to connect, between two parts of an answer, and for an answer once its header has come.

    Where a call says how long the node may wait, that is added to the last two.
    """

    connect_ms: int = 5_000
    read_ms: int = 15_000
    answer_ms: int = 60_000


class HttpTransport:
    """One node behind a URL; a context manager. See the module.

    Args:
        url: ``https://HOST[:PORT][/PREFIX]``, or ``http`` where something else protects the way.
        token: a session's bearer token.
        ca: a file of certificates to trust instead of the system's.
        timeouts: limits of time.
        retries: further attempts at what is safe to repeat.
        language: ``zh`` or ``en``, of the node's sentences.
        answer_bytes_max: bytes of one answer, after decompression.
        plain_token: whether the token may go over ``http`` to another machine.
        sleep: waits so many seconds.

    Raises:
        UsageError: a URL that is none. UnavailableError: ``FILE_UNREADABLE`` for ``ca``.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        ca: str | PathLike[str] | None = None,
        timeouts: Timeouts | None = None,
        retries: int = RETRIES,
        language: str = "en",
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        plain_token: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        base = checked_url(url)
        self.url = str(base).rstrip("/")
        self.token = token
        self._timeouts = timeouts or Timeouts()
        self._retries = retries
        self._answer_bytes_max = answer_bytes_max
        self._sleep = sleep
        self._token_allowed = plain_token or base.scheme == "https" or is_this_machine(base.host)
        self._renew: Callable[[], object] | None = None
        self._certificates: tuple[int, bytes] | None = None
        self._http = httpx.Client(
            verify=tls_context(ca),
            trust_env=False,
            follow_redirects=False,
            headers={
                "Accept": f"application/json, {PROBLEM_TYPE}",
                "Accept-Encoding": "gzip",
                "Accept-Language": language,
                "User-Agent": "govchain-sdk",
                PROTOCOL_HEADER: API_VERSION,
            },
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=8),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Sessions

    def login(
        self, signer: Signing, *, account: str, chain: str, now: Callable[[], int], node: str | None = None
    ) -> SessionGrant:
        """Prove ``account``'s key and keep the session's token; it is renewed when the node says that it is over.

        A challenge for another address than this transport's URL is not signed, so that whoever hands on the challenge
        of another node gets no session there.

        Args:
            signer: the account's present key.
            account: its address (hex).
            chain: the chain that the caller trusts; a challenge for another one is not signed.
            now: the time in ms.
            node: the node's name, where the caller knows it; a challenge by another node is not signed.

        Raises:
            RefusedError: ``CHALLENGE_INVALID``.
        """
        grant = self._login(signer, account, chain, now, node)
        self._renew = lambda: self._login(signer, account, chain, now, node)
        return grant

    def _login(
        self, signer: Signing, account: str, chain: str, now: Callable[[], int], node: str | None
    ) -> SessionGrant:
        self._require_safe_way()
        audience = audience_of(self.url)
        request = to_json(ChallengeRequest(account, audience))
        offer = self._post("/v1/sessions/challenges", request, ChallengeOffer)
        signature = sign_challenge(
            offer.challenge, audience=audience, chain=chain, account=account, now=now(), signer=signer, node=node
        )
        grant = self._post("/v1/sessions", to_json(SessionRequest(offer.challenge, signature)), SessionGrant)
        if grant.account != account:
            raise UnavailableError(Code.ANSWER_UNUSABLE, reason="a session for another account")
        self.token = grant.token
        return grant

    def logout(self) -> None:
        """End the session, if there is one."""
        self._renew = None
        if self.token is not None:
            try:
                self._ask("DELETE", "/v1/sessions/current")
            except GovChainError as error:
                if error.code not in (Code.SESSION_INVALID, Code.SESSION_REQUIRED):
                    raise
            self.token = None

    # The chain

    def genesis(self) -> bytes:
        """See :class:`~govchain.sdk.transport.Transport`, here and below."""
        return self._ask("GET", "/v1/genesis")

    def status(self) -> ChainStatus:
        """Where the chain stands now."""
        return self._get("/v1/chain", ChainStatus)

    # Transactions

    def submit(self, envelopes: Sequence[bytes], *, wait: bool, timeout_ms: int = 30_000) -> list[Submission]:
        """Hand in envelopes; repeated when the way fails, which is safe."""
        query = {"wait": "committed", "timeout_ms": timeout_ms} if wait else {}
        data = self._ask(
            "POST",
            "/v1/transactions",
            query,
            content=msgspec.msgpack.encode(list(envelopes)),
            media=ENVELOPES_TYPE,
            repeat=True,
            wait_ms=timeout_ms if wait else 0,
        )
        answers = from_json(data, Submissions).submissions
        if len(answers) != len(envelopes):
            raise UnavailableError(
                Code.ANSWER_UNUSABLE, reason=f"{len(answers)} answers for {len(envelopes)} envelopes"
            )
        return list(answers)

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """A committed transaction with its proofs."""
        return self._find(f"/v1/transactions/{transaction_id}/proof", TransactionRecord)

    def receipt(self, transaction_id: str) -> bytes | None:
        """The receipt's bytes, unproved."""
        found = self._find(f"/v1/transactions/{transaction_id}/receipt", ReceiptRecord)
        return None if found is None else found.receipt

    # Blocks

    def header(self, height: int) -> bytes | None:
        """The header's bytes; the certificate that came with it answers the next question."""
        found = self._find(f"/v1/blocks/{height}", BlockRecord)
        if found is None:
            return None
        self._certificates = None if found.certificate is None else (height, found.certificate)
        return found.header

    def certificate(self, height: int) -> bytes | None:
        """The finality certificate's bytes."""
        kept, self._certificates = self._certificates, None
        if kept is not None and kept[0] == height:
            return kept[1]
        found = self._find(f"/v1/blocks/{height}", BlockRecord)
        return None if found is None else found.certificate

    def headers(self, first: int, last: int) -> BlockRange:
        """Blocks from ``first`` to ``last``."""
        return self._get("/v1/headers", BlockRange, {"from": first, "to": last})

    def blocks(self, cursor: str | None = None, limit: int = 20) -> BlockPage:
        """Blocks, newest first."""
        return self._get("/v1/blocks", BlockPage, _page(cursor, limit))

    def block_transactions(self, height: int, cursor: str | None = None, limit: int = 100) -> TransactionPage | None:
        """Transactions of a block in order."""
        return self._find(f"/v1/blocks/{height}/transactions", TransactionPage, _page(cursor, limit))

    def history_path(self, height: int, head: int) -> tuple[bytes, ...]:
        """Inclusion path of a block in a later header's history."""
        return self._get("/v1/history", HistoryPath, {"height": height, "head": head}).path

    # State

    def status_proof(self, keys: Sequence[bytes]) -> StatusProof:
        """Presence or absence of state keys now."""
        return self._get("/v1/state/proof", StatusProof, {"key": [key.hex() for key in keys]})

    def state_value(self, key: bytes) -> bytes | None:
        """The committed value of a state key, unproved."""
        found = self._find(f"/v1/state/{key.hex()}", StateValue)
        return None if found is None else found.value

    def state_history(self, key: bytes, cursor: str | None = None, limit: int = 100) -> StateHistory:
        """Writes to a state key, newest first."""
        return self._get(f"/v1/state/{key.hex()}/history", StateHistory, _page(cursor, limit))

    def accounts(self, cursor: str | None = None, limit: int = ACCOUNTS_PER_PAGE_MAX) -> AccountPage:
        """Accounts in the order of their addresses."""
        return self._get("/v1/accounts", AccountPage, _page(cursor, limit))

    def organisations(self, cursor: str | None = None, limit: int = ACCOUNTS_PER_PAGE_MAX) -> OrganisationPage:
        """Organisations in the order of their codes."""
        return self._get("/v1/organisations", OrganisationPage, _page(cursor, limit))

    # Events and evidence

    def events(self, query: EventQuery, cursor: str | None = None, limit: int = 100) -> EventPage:
        """Events after ``cursor``."""
        terms = {"type": query.types, "organisation": query.organisations, "reference": query.references}
        return self._get("/v1/events", EventPage, {**terms, **_page(cursor, limit)})

    def find_evidence(self, query: EvidenceQuery) -> list[str]:
        """Ids of evidence records that meet the query, newest first."""
        terms = {
            "digest": query.digest,
            "evidence": query.evidence,
            "reference": query.reference,
            "account": query.account,
            "time_from": query.time_from,
            "time_to": query.time_to,
        }
        found: list[str] = []
        cursor: str | None = None
        while len(found) < query.limit:
            limit = min(query.limit - len(found), _EVIDENCE_PER_REQUEST)
            page = self._get("/v1/evidence", EvidencePage, {**terms, **_page(cursor, limit)})
            found += [hit.id for hit in page.evidence[:limit]]
            cursor = page.next
            if cursor is None or not page.evidence:
                break
        return found

    def evidence_history(self, evidence: str) -> list[str]:
        """Ids of the transactions that touched an evidence record, oldest first."""
        found = self._find(f"/v1/evidence/{evidence}/history", EvidenceTransactions)
        return [] if found is None else list(found.transactions)

    # Anything else of the node

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        wait_ms: int = 0,
    ) -> bytes:
        """The answer's bytes to a request with a JSON body, for routes that have no method here.

        ``wait_ms`` is added to the limits of time. Reading is repeated where that may help, nothing else is.

        Raises:
            GovChainError: the node's own refusal, or that it could not be asked.
        """
        content = None if body is None else msgspec.json.encode(body)
        media = "" if body is None else "application/json"
        return self._ask(method, path, query, content=content, media=media, wait_ms=wait_ms)

    # The steps behind

    def _get(self, path: str, kind: type[T], query: Mapping[str, Any] | None = None) -> T:
        return from_json(self._ask("GET", path, query), kind)

    def _find(self, path: str, kind: type[T], query: Mapping[str, Any] | None = None) -> T | None:
        try:
            return self._get(path, kind, query)
        except RefusedError as error:
            if error.code is Code.NOT_FOUND:
                return None
            raise

    def _post(self, path: str, content: bytes, kind: type[T]) -> T:
        return from_json(self._ask("POST", path, content=content, media="application/json"), kind)

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        content: bytes | None = None,
        media: str = "",
        repeat: bool = False,
        wait_ms: int = 0,
    ) -> bytes:
        """The answer's bytes.

        Raises:
            GovChainError: the node's own refusal. UnavailableError: ``NODE_UNREACHABLE``, ``ANSWER_UNUSABLE``,
                ``PROTOCOL_UNKNOWN``.
        """
        attempts = 1 + (self._retries if repeat or method == "GET" else 0)
        pause, renewed = _PAUSE_S, False
        while True:
            attempts -= 1
            try:
                return self._ask_once(method, path, query, content, media, wait_ms)
            except _NotNowError as not_now:
                if attempts <= 0:
                    raise not_now.error from None
                hint = getattr(not_now.error, "retry_after_ms", None) or 0
                spread = random.uniform(0.5, 1)  # noqa: S311 - a pause, nothing secret
                self._sleep(min(max(pause * spread, hint / 1000), _PAUSE_S_MAX))
                pause = min(pause * 2, _PAUSE_S_MAX)
            except RefusedError as error:
                if error.code is not Code.SESSION_INVALID or renewed or self._renew is None:
                    raise
                renewed, attempts = True, attempts + 1
                self._renew()

    def _ask_once(
        self, method: str, path: str, query: Mapping[str, Any] | None, content: bytes | None, media: str, wait_ms: int
    ) -> bytes:
        headers = {"Content-Type": media} if media else {}
        if self.token is not None:
            self._require_safe_way()
            headers["Authorization"] = f"Bearer {self.token}"
        limits = self._timeouts
        request = self._http.build_request(
            method,
            self.url + path,
            params={name: value for name, value in (query or {}).items() if value not in (None, ())},
            content=content,
            headers=headers,
            timeout=httpx.Timeout((limits.read_ms + wait_ms) / 1000, connect=limits.connect_ms / 1000),
        )
        deadline = time.monotonic() + (limits.answer_ms + wait_ms) / 1000
        try:
            response = self._http.send(request, stream=True)
            try:
                data = self._read(response, deadline)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise _NotNowError(_unreachable(self.url, error)) from None
        return self._accepted(response, data)

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self._answer_bytes_max:
                raise UnavailableError(Code.ANSWER_UNUSABLE, reason=f"more than {self._answer_bytes_max} bytes")
            if time.monotonic() > deadline:
                raise UnavailableError(Code.ANSWER_UNUSABLE, reason="it does not come to its end in time")
            parts.append(part)
        return b"".join(parts)

    def _accepted(self, response: httpx.Response, data: bytes) -> bytes:
        """The bytes of a success; raises for anything else."""
        version = response.headers.get(PROTOCOL_HEADER)
        if version is not None and version != API_VERSION:
            raise UnavailableError(Code.PROTOCOL_UNKNOWN, version=version[:20], supported=API_VERSION)
        status = response.status_code
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if 200 <= status < 300:
            if version is None or (data and media != "application/json"):
                raise UnavailableError(Code.ANSWER_UNUSABLE, reason="it is not a GovChain node's")
            return data
        error: GovChainError
        if media == PROBLEM_TYPE:
            error = error_from_problem(status, data, response.headers.get("retry-after", ""))
        else:
            error = UnavailableError(Code.ANSWER_UNUSABLE, reason=f"HTTP status {status}")
        if status in _NOT_NOW:
            raise _NotNowError(error)
        raise error

    def _require_safe_way(self) -> None:
        if not self._token_allowed:
            raise UsageError(Code.USAGE, reason="a session's token goes over https or to this machine only")


class _NotNowError(Exception):
    """Something that another attempt may cure; ``error`` is what it comes to when none is left."""

    def __init__(self, error: GovChainError) -> None:
        self.error = error
        super().__init__(error)


def _page(cursor: str | None, limit: int) -> dict[str, Any]:
    return {"cursor": cursor, "limit": limit}


def _unreachable(url: str, error: httpx.HTTPError) -> UnavailableError:
    reason = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
    return UnavailableError(Code.NODE_UNREACHABLE, url=url, reason=reason[:200])
