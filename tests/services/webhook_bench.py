"""A ledger that grows by hand, and a sender of webhooks over it that tests start and stop."""

import time
from dataclasses import replace
from types import SimpleNamespace

import govchain_native as native
from govchain.model import encode_canonical
from govchain.services.events import START, EventFeed, EventFilter
from govchain.services.webhook_sender import SenderOptions, WebhookSender
from govchain.services.webhook_store import WebhookRecord, WebhookStore
from govchain.services.webhook_targets import TargetPolicy

SECRET = b"a secret of enough bytes"
ACCOUNT = "aa" * 20
NOW = 1_790_000_000_000
QUICK = SenderOptions(attempts_max=3, attempt_ms_max=3_000, first_ms=4, longest_ms=20, gather_ms=2)
LOOPBACK = TargetPolicy(["127.0.0.0/8", "::1/128"], http=True)
BEGAN_S = time.monotonic()


class Growing:
    """A ledger that grows by hand, one event of each type in a block's one transaction."""

    def __init__(self, height=0):
        self.chain = self.blocks = self
        self.machine = SimpleNamespace(genesis=SimpleNamespace(chain="growing"))
        self.stored = []
        self.listeners = []
        for _ in range(height):
            self.add("a.b")

    @property
    def height(self):
        return len(self.stored)

    def oldest(self):
        return 1

    def receipts(self, height):
        return self.stored[height - 1]

    def add(self, *types, data=None):
        events = [
            {"data": data or {}, "organisation": "o", "reference": "政务 😀", "type": kind, "version": 1}
            for kind in types
        ]
        body = {"code": 0, "events": events, "height": self.height + 1, "index": 0, "transaction": "00" * 32}
        self.stored.append((encode_canonical({**body, "version": 1}),))
        for listener in self.listeners:
            listener(None)


class Key:
    """A node's key."""

    algorithm = "sm2-sm3"

    def __init__(self):
        self._secret = native.sm2_generate()
        self.public_key = native.sm2_public_key(self._secret)

    def sign(self, message):
        return native.sm2_sign(self._secret, self.public_key, message)


class Accounts:
    """All accounts are active but those that were frozen."""

    def __init__(self):
        self.frozen = set()

    def account(self, address):
        return SimpleNamespace(active=address.hex() not in self.frozen)


class Bench:
    """A sender over a ledger and a file, which tests start and stop."""

    def __init__(self, path, ledger=None, options=QUICK, policy=LOOPBACK, key=None, clock=None):
        self.ledger = ledger or Growing()
        self.store = WebhookStore(path / "webhooks.sqlite3", "00" * 32)
        self.accounts = Accounts()
        self.key = key or Key()
        self.sender = WebhookSender(
            self.store,
            EventFeed(self.ledger),
            policy,
            self.accounts,
            self.key,
            clock or (lambda: NOW + int((time.monotonic() - BEGAN_S) * 1000)),
            lambda: 0.5,
            options,
        )
        self.ledger.listeners = [self.sender.block_committed]
        self.sender.start()

    def add(self, url, number=1, **changes):
        record = WebhookRecord(
            id=f"{number:016x}",
            account=ACCOUNT,
            url=url,
            secret=SECRET,
            wanted=EventFilter(),
            on_failure="continue",
            state="active",
            reason="",
            created=NOW,
            cursor=START.text,
            number=0,
        )
        record = replace(record, **changes)
        self.store.add(record)
        self.sender.changed(record.id)
        return record.id

    def close(self):
        self.sender.stop()
        self.store.close()

    def states(self, webhook):
        return [(one.number, one.state, one.outcome) for one in self.store.deliveries(webhook, None, 2**53, 1000)]


def places(first, last):
    return [f"{height}.0.0" for height in range(first, last + 1)]
