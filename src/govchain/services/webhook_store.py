"""What is known of webhooks and their deliveries, in one SQLite file of the data directory.

Purpose: registrations, how far each has come, the delivery under way, recent ones, dead letters. Rules: mode 0600,
since it holds the secrets; a registration is durable when it is acknowledged; progress is durable against the end of
the process, and after a loss of power at most goes back, which sends again; a delivery's bytes are kept until it is
done, so that another attempt after a restart sends the same. Every list is bounded. Any thread may call.
Not here: sending (``services.webhook_sender``), who may do what (``services.webhooks``).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from govchain.model import Code, UnavailableError
from govchain.services.events import EventFilter

__all__ = [
    "DEAD_LETTERS_MAX",
    "DELIVERIES_KEPT",
    "DeliveryRecord",
    "WebhookRecord",
    "WebhookStore",
]

#: Finished deliveries that are remembered for each webhook.
DELIVERIES_KEPT: Final = 100
#: Dead letters of one webhook; one that has so many is paused.
DEAD_LETTERS_MAX: Final = 1_000

_FORMAT: Final = "govchain-webhooks/1"
_BUSY_MS: Final = 10_000
_SCHEMA: Final = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE webhooks (
  id TEXT PRIMARY KEY, account TEXT NOT NULL, url TEXT NOT NULL, secret BLOB NOT NULL, wanted TEXT NOT NULL,
  on_failure TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, created INTEGER NOT NULL,
  cursor TEXT NOT NULL, number INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE deliveries (
  webhook TEXT NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE, number INTEGER NOT NULL, state TEXT NOT NULL,
  first TEXT NOT NULL, last TEXT NOT NULL, events INTEGER NOT NULL, body BLOB NOT NULL, attempts INTEGER NOT NULL,
  created INTEGER NOT NULL, changed INTEGER NOT NULL, due INTEGER NOT NULL, status INTEGER NOT NULL,
  outcome TEXT NOT NULL, PRIMARY KEY (webhook, number)
) WITHOUT ROWID;
CREATE INDEX deliveries_by_state ON deliveries (webhook, state, number);
"""


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A registration and how far it has come.

    ``state`` is ``active`` or ``paused``, with the ``reason``: ``owner``, ``operator``, or what made the node pause it;
    ``on_failure`` is ``continue`` or ``pause``: what follows a dead letter; ``cursor`` is the place up to which events
    were put into deliveries, ``number`` the last delivery's; ``created`` in ms.
    """

    id: str
    account: str
    url: str
    secret: bytes = field(repr=False)
    wanted: EventFilter
    on_failure: str
    state: str
    reason: str
    created: int
    cursor: str
    number: int


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery. ``state``: ``pending``, ``delivered``, ``dead``, or ``again`` (a dead letter to be sent once more).

    ``first`` and ``last`` are the cursors of its first and last event; times in ms; ``due`` is when the next attempt
    may be made; ``status`` is the last HTTP status (0: none came), ``outcome`` the word for what happened last.
    """

    webhook: str
    number: int
    state: str
    first: str
    last: str
    events: int
    body: bytes = field(repr=False)
    attempts: int
    created: int
    changed: int
    due: int
    status: int
    outcome: str

    @property
    def id(self) -> str:
        """Its name in messages: the webhook's id, a full stop, its number."""
        return f"{self.webhook}.{self.number}"


_filter_decoder = msgspec.json.Decoder(EventFilter)
_WEBHOOK: Final = "id, account, url, secret, wanted, on_failure, state, reason, created, cursor, number"
_DELIVERY: Final = "webhook, number, state, first, last, events, body, attempts, created, changed, due, status, outcome"
#: The same for lists: a page of bodies would be hundreds of MiB that nobody looks at.
_LISTED: Final = _DELIVERY.replace("body", "x'' AS body")


class WebhookStore:
    """The open file; :meth:`close` it."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Open the file at ``path`` for the chain with that genesis fingerprint (hex); made when absent.

        Raises:
            UnavailableError: ``DATA_DIRECTORY_READ_ONLY``, ``DATA_DIRECTORY_NEWER``, ``STORE_CORRUPT`` (also for the
                file of another chain), ``DISK_FULL``.
        """
        self._path = path
        self._lock = threading.RLock()
        with self._translated():
            try:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            except OSError as error:
                reason = os.strerror(error.errno or 0)
                raise UnavailableError(Code.DATA_DIRECTORY_READ_ONLY, path=str(path), reason=reason) from None
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            try:
                self._prepare(fingerprint)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        with self._lock:
            self._connection.close()

    # -- webhooks ------------------------------------------------------------------------------------------------

    def add(self, webhook: WebhookRecord) -> None:
        """Write a new registration, durably."""
        wanted = msgspec.json.encode(webhook.wanted).decode()
        with self._transaction(durable=True) as connection:
            connection.execute(
                f"INSERT INTO webhooks ({_WEBHOOK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our names
                (
                    webhook.id,
                    webhook.account,
                    webhook.url,
                    webhook.secret,
                    wanted,
                    webhook.on_failure,
                    webhook.state,
                    webhook.reason,
                    webhook.created,
                    webhook.cursor,
                    webhook.number,
                ),
            )

    def update(self, webhook: str, change: Callable[[WebhookRecord], WebhookRecord]) -> WebhookRecord | None:
        """Change a webhook as it is now, durably: what ``change`` makes of it, while nobody else can write.

        Identity, account, creation and progress stay. What ``change`` raises leaves everything as it was.

        Returns:
            What it is now; None where it is gone.
        """
        with self._transaction(durable=True) as connection:
            query = f"SELECT {_WEBHOOK} FROM webhooks WHERE id = ?"  # noqa: S608
            row = connection.execute(query, (webhook,)).fetchone()
            if row is None:
                return None
            changed = change(_webhook(row))
            connection.execute(
                "UPDATE webhooks SET url = ?, secret = ?, wanted = ?, on_failure = ?, state = ?, reason = ?"
                " WHERE id = ?",
                (
                    changed.url,
                    changed.secret,
                    msgspec.json.encode(changed.wanted).decode(),
                    changed.on_failure,
                    changed.state,
                    changed.reason,
                    webhook,
                ),
            )
            return changed

    def remove(self, webhook: str) -> bool:
        """Remove it with all its deliveries, durably; False when there is none."""
        with self._transaction(durable=True) as connection:
            return connection.execute("DELETE FROM webhooks WHERE id = ?", (webhook,)).rowcount > 0

    def pause(self, webhook: str, reason: str) -> None:
        """Pause it."""
        with self._transaction() as connection:
            connection.execute("UPDATE webhooks SET state = 'paused', reason = ? WHERE id = ?", (reason, webhook))

    def webhook(self, webhook: str) -> WebhookRecord | None:
        """The webhook with that id."""
        rows = self._rows(f"SELECT {_WEBHOOK} FROM webhooks WHERE id = ?", (webhook,))  # noqa: S608
        return _webhook(rows[0]) if rows else None

    def webhooks(self, account: str | None = None, after: str = "", limit: int = -1) -> list[WebhookRecord]:
        """Webhooks by id, of one account or of all."""
        rows = self._rows(
            f"SELECT {_WEBHOOK} FROM webhooks WHERE id > ? AND (? IS NULL OR account = ?) ORDER BY id LIMIT ?",  # noqa: S608
            (after, account, account, limit),
        )
        return [_webhook(row) for row in rows]

    def count(self, account: str | None = None) -> int:
        """Webhooks of one account, or of all."""
        return int(self._rows("SELECT count(*) FROM webhooks WHERE ? IS NULL OR account = ?", (account, account))[0][0])

    def move(self, webhook: str, cursor: str) -> None:
        """Note that everything up to ``cursor`` was read and none of it wanted."""
        with self._transaction() as connection:
            connection.execute("UPDATE webhooks SET cursor = ? WHERE id = ?", (cursor, webhook))

    # -- deliveries ----------------------------------------------------------------------------------------------

    def begin(self, delivery: DeliveryRecord, cursor: str) -> bool:
        """Write a new delivery, and that the webhook has come to ``cursor``, at once; False: the webhook is gone."""
        with self._transaction() as connection:
            moved = connection.execute(
                "UPDATE webhooks SET cursor = ?, number = ? WHERE id = ?", (cursor, delivery.number, delivery.webhook)
            )
            if not moved.rowcount:
                return False
            connection.execute(
                f"INSERT INTO deliveries ({_DELIVERY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (
                    delivery.webhook,
                    delivery.number,
                    delivery.state,
                    delivery.first,
                    delivery.last,
                    delivery.events,
                    delivery.body,
                    delivery.attempts,
                    delivery.created,
                    delivery.changed,
                    delivery.due,
                    delivery.status,
                    delivery.outcome,
                ),
            )
            return True

    def note(self, delivery: DeliveryRecord) -> None:
        """Write what became of an attempt; a delivered one needs its bytes no longer, and old ones are forgotten."""
        body = b"" if delivery.state == "delivered" else delivery.body
        with self._transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET state = ?, body = ?, attempts = ?, changed = ?, due = ?, status = ?, outcome = ?"
                " WHERE webhook = ? AND number = ?",
                (
                    delivery.state,
                    body,
                    delivery.attempts,
                    delivery.changed,
                    delivery.due,
                    delivery.status,
                    delivery.outcome,
                    delivery.webhook,
                    delivery.number,
                ),
            )
            if delivery.state == "delivered":
                connection.execute(
                    "DELETE FROM deliveries WHERE webhook = ? AND state = 'delivered' AND number <= ?",
                    (delivery.webhook, delivery.number - DELIVERIES_KEPT),
                )

    def delivery(self, webhook: str, number: int) -> DeliveryRecord | None:
        """One delivery."""
        rows = self._rows(
            f"SELECT {_DELIVERY} FROM deliveries WHERE webhook = ? AND number = ?",  # noqa: S608
            (webhook, number),
        )
        return DeliveryRecord(*rows[0]) if rows else None

    def next_in(self, webhook: str, state: str) -> DeliveryRecord | None:
        """The oldest delivery in ``state``."""
        rows = self._rows(
            f"SELECT {_DELIVERY} FROM deliveries WHERE webhook = ? AND state = ? ORDER BY number LIMIT 1",  # noqa: S608
            (webhook, state),
        )
        return DeliveryRecord(*rows[0]) if rows else None

    def deliveries(self, webhook: str, state: str | None, before: int, limit: int) -> list[DeliveryRecord]:
        """Deliveries newest first, below number ``before``; of one state, or of all. Their ``body`` is left empty."""
        rows = self._rows(
            f"SELECT {_LISTED} FROM deliveries WHERE webhook = ? AND (? IS NULL OR state = ?) AND number < ?"  # noqa: S608
            " ORDER BY number DESC LIMIT ?",
            (webhook, state, state, before, limit),
        )
        return [DeliveryRecord(*row) for row in rows]

    def dead_letters(self, webhook: str) -> int:
        """How many dead letters a webhook has, those that are sent again included."""
        query = "SELECT count(*) FROM deliveries WHERE webhook = ? AND state IN ('dead', 'again')"
        return int(self._rows(query, (webhook,))[0][0])

    def counts(self) -> dict[str, int]:
        """Deliveries by state, over all webhooks."""
        return {
            str(state): int(count) for state, count in self._rows("SELECT state, count(*) FROM deliveries GROUP BY 1")
        }

    def again(self, webhook: str, number: int | None, now: int) -> int:
        """Mark a dead letter, or with None all of them, to be sent again, durably; how many there were."""
        with self._transaction(durable=True) as connection:
            return connection.execute(
                "UPDATE deliveries SET state = 'again', due = ? WHERE webhook = ? AND state = 'dead'"
                " AND (? IS NULL OR number = ?)",
                (now, webhook, number, number),
            ).rowcount

    def discard(self, webhook: str, number: int) -> bool:
        """Drop a dead letter; False when there is none of that number."""
        with self._transaction(durable=True) as connection:
            query = "DELETE FROM deliveries WHERE webhook = ? AND number = ? AND state IN ('dead', 'again')"
            return connection.execute(query, (webhook, number)).rowcount > 0

    # -- inside --------------------------------------------------------------------------------------------------

    def _prepare(self, fingerprint: str) -> None:
        connection = self._connection
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            with self._transaction(durable=True):
                for statement in _SCHEMA.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                rows = (("format", _FORMAT), ("chain", fingerprint))
                connection.executemany("INSERT INTO about VALUES (?, ?)", rows)
        about = dict(connection.execute("SELECT name, value FROM about").fetchall())
        if about.get("format") != _FORMAT:
            raise UnavailableError(Code.DATA_DIRECTORY_NEWER, path=str(self._path))
        if about.get("chain") != fingerprint:
            raise UnavailableError(Code.STORE_CORRUPT, path=str(self._path), reason="of another chain")

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._lock, self._translated():
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            connection = self._connection
            if durable:
                connection.execute("PRAGMA synchronous = FULL")
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                    raise
            finally:
                if durable:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("PRAGMA synchronous = NORMAL")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise UnavailableError(Code.NODE_STOPPING) from None
        except sqlite3.Error as error:
            code = Code.DISK_FULL if "full" in str(error) else Code.STORE_CORRUPT
            raise UnavailableError(code, path=str(self._path), reason=str(error)) from None


def _webhook(row: Any) -> WebhookRecord:
    values = list(row)
    values[4] = _filter_decoder.decode(values[4])
    return WebhookRecord(*values)
