"""Webhooks of a node: their file, their thread, their part of the settings.

Not here: what they do (``services.webhooks`` and its siblings).
"""

from __future__ import annotations

import contextlib
import secrets

from govchain.modules.accounts.views import StateDirectory
from govchain.node.opening import Node, system_clock
from govchain.node.settings import Settings
from govchain.proof.genesis import fingerprint
from govchain.services.webhook_sender import SenderOptions, WebhookSender
from govchain.services.webhook_store import WebhookStore
from govchain.services.webhook_targets import TargetPolicy
from govchain.services.webhooks import WebhookLimits, Webhooks

__all__ = ["build_webhooks"]


def build_webhooks(node: Node, settings: Settings, stack: contextlib.ExitStack) -> Webhooks | None:
    """The webhooks of an open node, being sent; ``stack`` ends them. None where the operator does without.

    Raises:
        UsageError: ``USAGE`` for a network or a file of certificates that is none.
        UnavailableError: the file cannot be used.
    """
    if not settings.flag("webhooks"):
        return None
    policy = TargetPolicy(
        settings.list("webhook_networks"), http=settings.flag("webhook_http"), ca=settings.text("webhook_ca")
    )
    store = WebhookStore(node.directory.webhooks, fingerprint(node.genesis).hex())
    stack.callback(store.close)
    clock = system_clock().wall
    sender = WebhookSender(
        store,
        node.transport.feed,
        policy,
        StateDirectory(node.application.committed),
        node.signer,
        clock,
        secrets.SystemRandom().random,
        SenderOptions(
            attempts_max=settings.integer("webhook_attempts"), attempt_ms_max=settings.integer("webhook_ms_max")
        ),
    )
    stack.callback(sender.stop)
    sender.start()
    node.application.add_listener(sender.block_committed)
    limits = WebhookLimits(settings.integer("webhooks_max"), settings.integer("webhooks_per_account"))
    return Webhooks(store, sender, node.transport.feed, clock, secrets.token_bytes, limits)
