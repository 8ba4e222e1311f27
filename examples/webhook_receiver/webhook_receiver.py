"""Receive the events that a node sends, each handled once, and write down what happened to the department's own cases.

A node delivers at least once and signs what it sends (docs/spec/webhooks.md). Rules: nothing in a message is looked at
before its signature holds; what is done about an event and the note that it is done are one database transaction, so
that an event that comes again, or a machine that stops half-way, changes nothing; 204 is answered when that is on disk,
and only then. What an event says is proved by the receipt of its transaction, which ``govchain.sdk`` checks.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from govchain.model import VerificationError
from govchain.sdk import now_ms
from govchain.sdk.webhooks import BODY_BYTES_MAX, WebhookMessage, verify_webhook

#: How long one message may take to come, in seconds.
MESSAGE_S = 10
TABLES = """
CREATE TABLE IF NOT EXISTS handled (chain TEXT, cursor TEXT, PRIMARY KEY (chain, cursor)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cases (reference TEXT, type TEXT, height INTEGER, "transaction" TEXT);
"""


def handle(database: sqlite3.Connection, message: WebhookMessage) -> int:
    """Do what is to be done about each event that is new, all of it or nothing; how many were new."""
    new = 0
    with database:
        for event in message.events:
            added = database.execute(
                "INSERT INTO handled VALUES (?, ?) ON CONFLICT DO NOTHING", (event.chain, event.cursor)
            )
            if not added.rowcount:
                continue  # it came before
            # Here is the department's own work, in the same transaction.
            row = (event.reference, event.type, event.height, event.transaction)
            database.execute("INSERT INTO cases VALUES (?, ?, ?, ?)", row)
            new += 1
    return new


class Receiver(BaseHTTPRequestHandler):
    """Answers the node's POSTs."""

    timeout = MESSAGE_S
    secret: str
    chain: str
    path_database: Path

    def do_POST(self) -> None:
        """204 when everything is safe; 400 or 401 for what is no message of ours; the node tries again then."""
        length = self.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self._answer(400)
            return
        body = self.rfile.read(int(length))
        try:
            message = verify_webhook(dict(self.headers), body, secret=self.secret, now=now_ms())
        except VerificationError as refused:
            print(f"refused: {refused.text('en')}", file=sys.stderr)
            self._answer(401)
            return
        if message.chain != self.chain:
            self._answer(400)
            return
        with closing(sqlite3.connect(self.path_database, timeout=MESSAGE_S)) as database:
            new = handle(database, message)
        print(f"{message.delivery}: {len(message.events)} events, {new} new", flush=True)
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Requests are told by what they bring."""


def main() -> None:
    """Listen until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Receive a node's webhook messages.")
    parser.add_argument("--secret-file", type=Path, required=True, help="what the webhook was registered with")
    parser.add_argument("--chain", required=True, help="the chain whose events are expected")
    parser.add_argument("--database", type=Path, default=Path("cases.sqlite3"))
    parser.add_argument("--listen", default="127.0.0.1:8600", help="HOST:PORT; put a proxy with TLS before it")
    parser.add_argument("--listen-file", type=Path, help="file that tells the URL once it listens")
    given = parser.parse_args()
    Receiver.secret = given.secret_file.read_text(encoding="utf-8").rstrip("\n")
    Receiver.chain, Receiver.path_database = given.chain, given.database
    with closing(sqlite3.connect(given.database)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(TABLES)
    host, _, port = given.listen.rpartition(":")
    with ThreadingHTTPServer((host, int(port)), Receiver) as server:
        if given.listen_file:
            given.listen_file.write_text(f"http://{host}:{server.server_port}/\n", encoding="utf-8")
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            print("ended", file=sys.stderr)


if __name__ == "__main__":
    main()
