"""Messages that a node sends to others' servers: how they are signed, and how their receiver checks them.

Purpose: the one form of a webhook message (docs/spec/webhooks.md), used by the node that signs and by the receiver that
verifies. Rules: the body is checked as it came, before anything of it is read; the time is part of what is signed, so
that an old message cannot be sent again later; a delivery may come twice, and its events name their places.
Not here: sending (``services.webhooks``), HTTP servers.

Example, in the receiver's request handler::

    message = verify_webhook(request.headers, request.body, secret=SECRET, now=now_ms())
    for event in message.events:
        handle_once(event.cursor, event)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from govchain.crypto import check_hmac_sm3, check_signature, frame, hmac_sm3
from govchain.model import Code, GovChainError, VerificationError
from govchain.model.canonical import prescan
from govchain.model.identifiers import is_hex_text
from govchain.sdk.transport import EventRecord

__all__ = [
    "BODY_BYTES_MAX",
    "HEADER_ATTEMPT",
    "HEADER_DELIVERY",
    "HEADER_NODE_KEY",
    "HEADER_NODE_SIGNATURE",
    "HEADER_SIGNATURE",
    "HEADER_TIMESTAMP",
    "HEADER_WEBHOOK",
    "SECRET_BYTES_MAX",
    "SECRET_BYTES_MIN",
    "TOLERANCE_MS",
    "WebhookMessage",
    "node_message",
    "secret_signature",
    "verify_webhook",
]

#: Headers of a message.
HEADER_WEBHOOK: Final = "GovChain-Webhook"
HEADER_DELIVERY: Final = "GovChain-Delivery"
HEADER_ATTEMPT: Final = "GovChain-Attempt"
HEADER_TIMESTAMP: Final = "GovChain-Timestamp"
HEADER_SIGNATURE: Final = "GovChain-Signature"
HEADER_NODE_SIGNATURE: Final = "GovChain-Node-Signature"
HEADER_NODE_KEY: Final = "GovChain-Node-Key"

#: Bytes of a secret: shorter ones can be guessed.
SECRET_BYTES_MIN: Final = 16
SECRET_BYTES_MAX: Final = 256
#: How far a message's time may lie from the receiver's clock, in ms.
TOLERANCE_MS: Final = 300_000
#: Bytes of a message's body, at most.
BODY_BYTES_MAX: Final = 4 * 1024 * 1024

_OURS: Final = frozenset(
    name.lower()
    for name in (
        *(HEADER_WEBHOOK, HEADER_DELIVERY, HEADER_ATTEMPT, HEADER_TIMESTAMP),
        *(HEADER_SIGNATURE, HEADER_NODE_SIGNATURE, HEADER_NODE_KEY),
    )
)
_SCHEME: Final = "hmac-sm3="
_DOMAIN: Final = "govchain/webhook/1"
_DEPTH_MAX: Final = 32
_DIGITS_MAX: Final = 16


class WebhookMessage(msgspec.Struct, frozen=True):
    """A message's body: events in order; ``cursor`` is the place behind them, ``delivery`` its own name."""

    chain: str
    cursor: str
    delivery: str
    events: tuple[EventRecord, ...]
    webhook: str


_decoder = msgspec.json.Decoder(WebhookMessage)


def secret_signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """The value of ``GovChain-Signature``: HMAC-SM3 under ``secret`` over the timestamp, a full stop and the body.

    >>> secret_signature(b"0123456789abcdef", 1790000000000, b"{}")[:17]
    'hmac-sm3=a41a24f8'
    """
    return _SCHEME + hmac_sm3(secret, b"%d." % timestamp + body).hex()


def node_message(timestamp: int, body: bytes) -> bytes:
    """What the node's own key signs: the timestamp as text and the body under ``govchain/webhook/1``."""
    return frame(_DOMAIN, str(timestamp), body)


def verify_webhook(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secret: bytes | str,
    now: int,
    tolerance_ms: int = TOLERANCE_MS,
    node_key: tuple[str, bytes] | None = None,
) -> WebhookMessage:
    """The message, only if it was signed with ``secret`` and its time is near ``now`` (ms).

    Steps: 1. the headers are there, once; 2. the time; 3. the secret's signature; 4. with ``node_key`` (algorithm and
    public key, as genesis lists the member) the node's; 5. the body's form, and that it is the delivery that the
    headers name. The caller still owes: to take each event once (by its cursor), and to answer 2xx only when it has
    them safely.

    Raises:
        VerificationError: ``WEBHOOK_SIGNATURE`` with the number of the step and the reason.
    """
    # 1. Headers, whatever the case of their names; others may be repeated, as Via is by two proxies.
    given: dict[str, str] = {}
    for name, value in headers.items():
        if name.lower() in _OURS and given.setdefault(name.lower(), value) != value:
            raise _refused(1, f"{name} is given twice")
    timestamp_text = given.get(HEADER_TIMESTAMP.lower(), "")
    if not _is_number(timestamp_text):
        raise _refused(1, f"no {HEADER_TIMESTAMP}")
    timestamp = int(timestamp_text)
    # 2. Time.
    if abs(now - timestamp) > tolerance_ms:
        raise _refused(2, f"{abs(now - timestamp)} ms from this clock")
    # 3. The secret.
    key = secret.encode() if isinstance(secret, str) else secret
    mark = given.get(HEADER_SIGNATURE.lower(), "")
    digits = mark.removeprefix(_SCHEME)
    if digits == mark or len(digits) != 64 or not is_hex_text(digits):
        raise _refused(3, f"no {HEADER_SIGNATURE}")
    if check_hmac_sm3(key, b"%d." % timestamp + body, bytes.fromhex(digits)):
        raise _refused(3, "another secret, or altered")
    # 4. The node.
    if node_key is not None:
        _verify_node(given, node_message(timestamp, body), node_key)
    # 5. The body.
    try:
        prescan(body, size_max=BODY_BYTES_MAX, depth_max=_DEPTH_MAX)
        message = _decoder.decode(body)
    except (GovChainError, msgspec.MsgspecError):
        raise _refused(5, "the body is no webhook message") from None
    if (given.get(HEADER_WEBHOOK.lower()), given.get(HEADER_DELIVERY.lower())) != (message.webhook, message.delivery):
        raise _refused(5, "the headers name another delivery")
    return message


def _verify_node(given: Mapping[str, str], message: bytes, node_key: tuple[str, bytes]) -> None:
    algorithm, key = node_key
    name, _, digits = given.get(HEADER_NODE_SIGNATURE.lower(), "").partition("=")
    if name != algorithm or not digits or not is_hex_text(digits):
        raise _refused(4, f"no {HEADER_NODE_SIGNATURE} of {algorithm}")
    if check_signature(algorithm, key, message, bytes.fromhex(digits)):
        raise _refused(4, "not signed by that node, or altered")


def _is_number(text: str) -> bool:
    return 0 < len(text) <= _DIGITS_MAX and text.isascii() and text.isdecimal() and not text.startswith("0")


def _refused(step: int, reason: str) -> VerificationError:
    return VerificationError(Code.WEBHOOK_SIGNATURE, step=step, reason=reason)
