"""Looking after webhooks at a node: what ``/v1/webhooks`` answers, and asking for it over HTTP.

Purpose: the values that the node's services answer with and a client reads, by one form (:mod:`govchain.sdk.wire`), and
one method for each route. Rules: nothing is believed beyond its form: what a node says of its own deliveries cannot be
proved. Not here: the messages that are delivered (:mod:`govchain.sdk.webhooks`).

Example::

    created = WebhookRoutes(transport).add("https://intake.example.gov.cn/govchain", types=("evidence.*",))
    keep(created.secret)  # told this once
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from govchain.sdk.wire import from_json

if TYPE_CHECKING:
    from govchain.sdk.http import HttpTransport

__all__ = [
    "Delivery",
    "DeliveryPage",
    "PingAnswer",
    "SentAgain",
    "Webhook",
    "WebhookCreated",
    "WebhookPage",
    "WebhookRoutes",
]

#: Entries of one page that is asked for.
_PAGE: Final = 500
#: How long a ping may take beyond an ordinary answer: the longest time limit that an operator may set, in ms.
_PING_MS: Final = 120_000


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as its owner and operators see it; never the secret. Times in ms since 1970.

    ``reason`` says why it is paused: ``owner``, ``operator``, ``failed`` (a dead letter, and ``on_failure`` is
    ``pause``), ``dead-letters`` (too many) or ``cursor`` (the ledger is shorter than what was sent). ``outcome`` and
    ``status`` are those of the delivery under way (``attempts`` above 0), which is tried again at ``due``.
    """

    id: str
    account: str
    url: str
    types: tuple[str, ...]
    organisations: tuple[str, ...]
    references: tuple[str, ...]
    on_failure: str
    state: str
    reason: str
    created: int
    cursor: str
    deliveries: int
    dead_letters: int
    attempts: int
    outcome: str
    status: int
    due: int


@dataclass(frozen=True, slots=True)
class WebhookCreated:
    """A new webhook and its secret, which is told this once."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class WebhookPage:
    """Webhooks by id; ``next`` is the cursor of the next page, None at the end."""

    webhooks: tuple[Webhook, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: its events lie between the cursors ``first`` and ``last``. Times in ms since 1970.

    ``state``: ``pending``, ``delivered``, ``dead``, or ``again`` (a dead letter that is to be sent once more).
    """

    id: str
    number: int
    state: str
    first: str
    last: str
    events: int
    attempts: int
    created: int
    changed: int
    due: int
    status: int
    outcome: str


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, newest first; ``next`` is the cursor of the next page, None at the end."""

    deliveries: tuple[Delivery, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class SentAgain:
    """How many dead letters are to be sent once more."""

    count: int


@dataclass(frozen=True, slots=True)
class PingAnswer:
    """What became of a ping: the word (docs/spec/webhooks.md 5), the HTTP status (0: none came), the time it took."""

    outcome: str
    status: int
    elapsed_ms: int


class WebhookRoutes:
    """The routes under ``/v1/webhooks`` of the node behind a transport that is logged in.

    Every method raises what the node refuses with: ``SESSION_REQUIRED``, ``NOT_FOUND`` (also for somebody else's),
    ``WEBHOOK_TARGET``, ``WEBHOOKS_TOO_MANY``, ``REQUEST_SHAPE``, ``CURSOR_INVALID``, ``ROLE_MISSING``, ``SERVICE_OFF``.
    """

    def __init__(self, transport: HttpTransport) -> None:
        """Ask over ``transport``."""
        self._transport = transport

    def add(
        self,
        url: str,
        *,
        types: Sequence[str] = (),
        organisations: Sequence[str] = (),
        references: Sequence[str] = (),
        secret: str | None = None,
        cursor: str | None = None,
        on_failure: str = "continue",
    ) -> WebhookCreated:
        """Register a webhook; without ``secret`` the node makes one, without ``cursor`` it begins now."""
        body = {
            "url": url,
            "types": list(types),
            "organisations": list(organisations),
            "references": list(references),
            "secret": secret,
            "cursor": cursor,
            "on_failure": on_failure,
        }
        return from_json(self._transport.call("POST", "/v1/webhooks", body=body), WebhookCreated)

    def list(self) -> Iterator[Webhook]:
        """The account's own webhooks; every one for an operator."""
        cursor: str | None = None
        while True:
            query = {"cursor": cursor, "limit": _PAGE}
            page = from_json(self._transport.call("GET", "/v1/webhooks", query=query), WebhookPage)
            yield from page.webhooks
            cursor = page.next
            if cursor is None or not page.webhooks:
                return

    def show(self, webhook: str) -> Webhook:
        """One webhook."""
        return from_json(self._transport.call("GET", _path(webhook)), Webhook)

    def change(self, webhook: str, **changes: Any) -> Webhook:
        """Change the fields that are given: those of :meth:`add` but ``cursor``, and ``state`` (active, paused)."""
        return from_json(self._transport.call("PATCH", _path(webhook), body=changes), Webhook)

    def remove(self, webhook: str) -> None:
        """Remove a webhook with its deliveries and dead letters."""
        self._transport.call("DELETE", _path(webhook))

    def ping(self, webhook: str) -> PingAnswer:
        """Have a message without events sent now."""
        data = self._transport.call("POST", _path(webhook, "ping"), wait_ms=_PING_MS)
        return from_json(data, PingAnswer)

    def deliveries(self, webhook: str, *, dead_only: bool = False) -> Iterator[Delivery]:
        """Recent deliveries, or dead letters only, newest first."""
        path = _path(webhook, "dead-letters" if dead_only else "deliveries")
        cursor: str | None = None
        while True:
            query = {"cursor": cursor, "limit": _PAGE}
            page = from_json(self._transport.call("GET", path, query=query), DeliveryPage)
            yield from page.deliveries
            cursor = page.next
            if cursor is None or not page.deliveries:
                return

    def resend(self, webhook: str, number: int | None = None) -> int:
        """Have one dead letter, or all, sent once more; how many."""
        place = ("dead-letters", "resend") if number is None else ("dead-letters", str(number), "resend")
        return from_json(self._transport.call("POST", _path(webhook, *place)), SentAgain).count

    def discard(self, webhook: str, number: int) -> None:
        """Drop a dead letter."""
        self._transport.call("DELETE", _path(webhook, "dead-letters", str(number)))


def _path(webhook: str, *more: str) -> str:
    """The path of a webhook; an id that is none must not lead to another route."""
    name = webhook if webhook.isascii() and webhook.isalnum() else "-"
    return "/".join(("/v1/webhooks", name, *more))
