"""Webhooks: who may have events sent where, and what became of it.

Purpose: the use cases behind ``/v1/webhooks`` and ``govchain webhook``. Rules: a webhook belongs to the account that
registered it; its owner sees and changes it; an operator sees all, may pause, resume, send again and remove, but
neither changes where one goes nor learns its secret; what an operator paused only an operator resumes; to others it
does not exist. The secret is told once, when it is made.
Not here: sending (``services.webhook_sender``), the form of messages (``sdk.webhooks``), HTTP.

Example::

    webhook, secret = await webhooks.create(session, WebhookWish(url="https://…/hook", types=("evidence.*",)))
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from govchain.model import Code, RefusedError, UnavailableError, UsageError
from govchain.model.identifiers import is_hex
from govchain.sdk.webhook_routes import Delivery, DeliveryPage, SentAgain, Webhook, WebhookCreated, WebhookPage
from govchain.sdk.webhooks import SECRET_BYTES_MAX, SECRET_BYTES_MIN
from govchain.services.events import EventCursor, EventFeed, EventFilter
from govchain.services.sessions import Session
from govchain.services.webhook_sender import Attempt, WebhookSender
from govchain.services.webhook_store import DeliveryRecord, WebhookRecord, WebhookStore

__all__ = [
    "PAGE_DEFAULT",
    "PAGE_MAX",
    "Delivery",
    "DeliveryPage",
    "SentAgain",
    "Webhook",
    "WebhookChange",
    "WebhookCreated",
    "WebhookLimits",
    "WebhookPage",
    "WebhookWish",
    "Webhooks",
]

#: Entries of one page of a list, where nothing else is said and at most.
PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 1_000

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_NUMBER_MAX: Final = 2**53 - 1
#: The reasons of a pause that its owner set, and that an operator set on somebody else's.
_BY_OWNER: Final = "owner"
_BY_OPERATOR: Final = "operator"


@dataclass(frozen=True, slots=True)
class WebhookLimits:
    """How many webhooks there may be: in all, and of one account."""

    webhooks_max: int = 256
    per_account: int = 16


@dataclass(frozen=True, slots=True)
class WebhookWish:
    """What somebody registers.

    ``secret`` is 16 to 256 bytes of UTF-8, or None to have one made; ``cursor`` is the place after which events are
    sent, None: from now on; ``on_failure`` is ``continue`` or ``pause``.
    """

    url: str
    types: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    secret: str | None = None
    cursor: str | None = None
    on_failure: Literal["continue", "pause"] = "continue"


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What its owner changes; None leaves as it is. ``state`` is ``active`` or ``paused``."""

    url: str | None = None
    types: tuple[str, ...] | None = None
    organisations: tuple[str, ...] | None = None
    references: tuple[str, ...] | None = None
    secret: str | None = None
    on_failure: Literal["continue", "pause"] | None = None
    state: Literal["active", "paused"] | None = None


class Webhooks:
    """See the module.

    Args:
        store: registrations and deliveries.
        sender: what sends.
        feed: events of committed blocks.
        clock: wall time in ms.
        random: that many random bytes.
        limits: how many there may be.
    """

    def __init__(
        self,
        store: WebhookStore,
        sender: WebhookSender,
        feed: EventFeed,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
        limits: WebhookLimits | None = None,
    ) -> None:
        self._store = store
        self._sender = sender
        self._feed = feed
        self._clock = clock
        self._random = random
        self._limits = limits or WebhookLimits()
        self._registering = asyncio.Lock()

    async def create(self, session: Session, wish: WebhookWish) -> WebhookCreated:
        """Register a webhook.

        Raises:
            UsageError: ``REQUEST_SHAPE``, ``CURSOR_INVALID``.
            RefusedError: ``WEBHOOK_TARGET``, ``WEBHOOKS_TOO_MANY``.
        """
        wanted = EventFilter.of(wish.types, wish.organisations, wish.references)
        secret = self._random(_SECRET_BYTES).hex() if wish.secret is None else wish.secret
        secret_bytes = _secret(secret)
        cursor = self._feed.head() if wish.cursor is None else EventCursor.parse(wish.cursor)
        self._feed.check_cursor(cursor)
        await asyncio.to_thread(self._check_room, session.account)
        await self._sender.check_reachable(wish.url)
        record = WebhookRecord(
            id=self._random(_ID_BYTES).hex(),
            account=session.account,
            url=wish.url,
            secret=secret_bytes,
            wanted=wanted,
            on_failure=wish.on_failure,
            state="active",
            reason="",
            created=self._clock(),
            cursor=cursor.text,
            number=0,
        )
        async with self._registering:
            await asyncio.to_thread(self._check_room, session.account)  # others may have registered since
            await asyncio.to_thread(self._store.add, record)
        self._sender.changed(record.id)
        return WebhookCreated(await asyncio.to_thread(self._shown, record), secret)

    def list(self, session: Session, after: str | None = None, limit: int = PAGE_DEFAULT) -> WebhookPage:
        """The session's own webhooks; all of them for an operator.

        Raises:
            UsageError: ``REQUEST_SHAPE``, ``CURSOR_INVALID``.
        """
        _check_limit(limit)
        if after is not None and not _is_id(after):
            raise UsageError(Code.CURSOR_INVALID, reason="no webhook's id")
        account = None if session.operator else session.account
        records = self._store.webhooks(account, after or "", limit + 1)
        shown = tuple(self._shown(record) for record in records[:limit])
        return WebhookPage(shown, shown[-1].id if len(records) > limit else None)

    def get(self, session: Session, webhook: str) -> Webhook:
        """One webhook.

        Raises:
            RefusedError: ``NOT_FOUND``, also for one of somebody else.
        """
        return self._shown(self._found(session, webhook))

    async def change(self, session: Session, webhook: str, change: WebhookChange) -> Webhook:
        """Change a webhook; an operator who does not own it may change ``state`` only.

        Everything that is not given stays as it is when this is written, not as it was when it was asked for.

        Raises:
            UsageError: ``REQUEST_SHAPE``. RefusedError: ``NOT_FOUND``, ``WEBHOOK_TARGET``, ``ROLE_MISSING``, also where
                its owner resumes what an operator paused.
        """
        own = (await asyncio.to_thread(self._found, session, webhook)).account == session.account
        if not own and change != WebhookChange(state=change.state):
            raise RefusedError(Code.ROLE_MISSING, reason="only its owner changes where a webhook goes")
        secret = None if change.secret is None else _secret(change.secret)
        if change.url is not None:
            await self._sender.check_reachable(change.url)

        def changed(record: WebhookRecord) -> WebhookRecord:
            before = record.wanted
            record = replace(
                record,
                url=change.url or record.url,
                secret=secret or record.secret,
                wanted=EventFilter.of(
                    before.types if change.types is None else change.types,
                    before.organisations if change.organisations is None else change.organisations,
                    before.references if change.references is None else change.references,
                ),
                on_failure=change.on_failure or record.on_failure,
            )
            return _turned(record, change.state, session)

        if await asyncio.to_thread(self._store.update, webhook, changed) is None:
            raise RefusedError(Code.NOT_FOUND, reason=f"webhook {webhook}")
        self._sender.changed(webhook)
        return await asyncio.to_thread(self.get, session, webhook)

    def remove(self, session: Session, webhook: str) -> None:
        """Remove a webhook with its deliveries and dead letters; raises as :meth:`get`."""
        self._found(session, webhook)
        self._store.remove(webhook)
        self._sender.changed(webhook)

    def deliveries(
        self,
        session: Session,
        webhook: str,
        cursor: str | None = None,
        limit: int = PAGE_DEFAULT,
        *,
        dead_only: bool = False,
    ) -> DeliveryPage:
        """Recent deliveries, or dead letters only, newest first.

        Raises:
            RefusedError: ``NOT_FOUND``. UsageError: ``REQUEST_SHAPE``, ``CURSOR_INVALID``.
        """
        _check_limit(limit)
        before = _NUMBER_MAX if cursor is None else _number(cursor, Code.CURSOR_INVALID)
        self._found(session, webhook)
        records = self._store.deliveries(webhook, "dead" if dead_only else None, before, limit + 1)
        following = str(records[limit - 1].number) if len(records) > limit else None
        return DeliveryPage(tuple(_delivery(record) for record in records[:limit]), following)

    def send_again(self, session: Session, webhook: str, number: str | None) -> int:
        """Have one dead letter, or with None all of them, sent once more; how many. Raises as :meth:`get`."""
        wanted = None if number is None else _number(number, Code.NOT_FOUND)
        self._found(session, webhook)
        count = self._store.again(webhook, wanted, self._clock())
        if wanted is not None and not count:
            raise RefusedError(Code.NOT_FOUND, reason=f"dead letter {wanted}")
        self._sender.changed(webhook)
        return count

    def discard(self, session: Session, webhook: str, number: str) -> None:
        """Drop a dead letter: its events are not sent any more. Raises as :meth:`get`."""
        wanted = _number(number, Code.NOT_FOUND)
        self._found(session, webhook)
        if not self._store.discard(webhook, wanted):
            raise RefusedError(Code.NOT_FOUND, reason=f"dead letter {wanted}")

    async def ping(self, session: Session, webhook: str) -> Attempt:
        """Send a message without events now, whatever the webhook's state; raises as :meth:`get`."""
        return await self._sender.ping(await asyncio.to_thread(self._found, session, webhook))

    def counts(self) -> dict[str, int]:
        """Deliveries by state over all webhooks, and ``webhooks``: for metrics."""
        return {"webhooks": self._store.count(), **self._store.counts()}

    # -- inside --------------------------------------------------------------------------------------------------

    def _found(self, session: Session, webhook: str) -> WebhookRecord:
        record = self._store.webhook(webhook) if _is_id(webhook) else None
        if record is None or not (record.account == session.account or session.operator):
            raise RefusedError(Code.NOT_FOUND, reason=f"webhook {webhook[:32]}")
        return record

    def _check_room(self, account: str) -> None:
        limits = self._limits
        if self._store.count(account) >= limits.per_account:
            raise RefusedError(Code.WEBHOOKS_TOO_MANY, count_max=limits.per_account)
        if self._store.count() >= limits.webhooks_max:
            raise UnavailableError(Code.WEBHOOKS_TOO_MANY, count_max=limits.webhooks_max)

    def _shown(self, record: WebhookRecord) -> Webhook:
        pending = next(iter(self._store.deliveries(record.id, "pending", _NUMBER_MAX, 1)), None)  # one at a time
        return Webhook(
            id=record.id,
            account=record.account,
            url=record.url,
            types=record.wanted.types,
            organisations=record.wanted.organisations,
            references=record.wanted.references,
            on_failure=record.on_failure,
            state=record.state,
            reason=record.reason,
            created=record.created,
            cursor=record.cursor,
            deliveries=record.number,
            dead_letters=self._store.dead_letters(record.id),
            attempts=pending.attempts if pending else 0,
            outcome=pending.outcome if pending else "",
            status=pending.status if pending else 0,
            due=pending.due if pending else 0,
        )


def _is_id(text: str) -> bool:
    return is_hex(text, 2 * _ID_BYTES)


def _turned(record: WebhookRecord, state: str | None, session: Session) -> WebhookRecord:
    """``record`` with the state that ``session`` gives it."""
    own = record.account == session.account
    if state == "active" and record.state != "active":
        if record.reason == _BY_OPERATOR and not session.operator:
            raise RefusedError(Code.ROLE_MISSING, reason="an operator paused it, and only an operator resumes it")
        return replace(record, state="active", reason="")
    # An operator's pause stands above the owner's and the node's own: with it the owner cannot go on.
    if state == "paused" and (record.state != "paused" or not own):
        return replace(record, state="paused", reason=_BY_OWNER if own else _BY_OPERATOR)
    return record


def _secret(text: str) -> bytes:
    try:
        secret = text.encode()
    except UnicodeEncodeError:
        secret = b""
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        reason = f"{SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"
        raise UsageError(Code.REQUEST_SHAPE, where="secret", reason=reason)
    return secret


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= PAGE_MAX:
        raise UsageError(Code.REQUEST_SHAPE, where="limit", reason=f"1 to {PAGE_MAX}")


def _number(text: str, code: Code) -> int:
    if not (0 < len(text) <= 15 and text.isascii() and text.isdecimal() and not text.startswith("0")):
        raise UsageError(code, reason="no delivery's number")
    return int(text)


def _delivery(record: DeliveryRecord) -> Delivery:
    return Delivery(
        id=record.id,
        number=record.number,
        state=record.state,
        first=record.first,
        last=record.last,
        events=record.events,
        attempts=record.attempts,
        created=record.created,
        changed=record.changed,
        due=record.due,
        status=record.status,
        outcome=record.outcome,
    )
