"""Build and sign transactions: the body's exact bytes, its id and its envelope (docs/spec/block.md 3).

Purpose: one way from a message to something that can be submitted. Rules: the body is encoded once and never again;
signatures are over exactly those bytes; ``now`` and ``nonce`` are arguments, so that the same input gives the same
bytes; keys are reached only through the :class:`Signing` protocol.
Not here: sending (:mod:`govchain.sdk.client`), keys and their files (``signers``).

Example::

    prepared = build_transaction(
        suite=suite, chain="demo", type="evidence.put", payload=put, signers=[signer], now=now_ms(), nonce=new_nonce()
    )
    transport.submit([prepared.envelope], wait=True)
"""

from __future__ import annotations

import secrets
import time as clock
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from govchain.crypto import Suite, account_address
from govchain.model import Code, UsageError, encode_struct
from govchain.model.wire import Body, Memo, Signer
from govchain.proof.transactions import encode_envelope

__all__ = [
    "DATA_BYTES_MAX",
    "EXPIRES_AFTER_MS",
    "NONCE_BYTES",
    "Prepared",
    "Signing",
    "build_body",
    "build_transaction",
    "make_memo",
    "new_nonce",
    "now_ms",
    "signer_entry",
]

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="sorted")

#: How long a transaction may wait for its block: below the usual limit of ten minutes, so that clocks may differ.
EXPIRES_AFTER_MS = 300_000
#: Random bytes of a nonce.
NONCE_BYTES = 16
#: Bytes of the optional ``data`` element (T/CESA 6002 04_003).
DATA_BYTES_MAX = 16_384
#: Characters of a memo's value, by kind.
_MEMO_LENGTH_MAX = {"text": 1024, "id": 128, "hash": 64}


class Signing(Protocol):
    """What this room needs of a key: its algorithm, its public half, and signatures."""

    @property
    def algorithm(self) -> str:
        """The algorithm's name in bodies."""

    @property
    def public_key(self) -> bytes:
        """The public key in the form of block.md 1.2."""

    def sign(self, message: bytes) -> bytes:
        """The signature over ``message``, in the form of block.md 1.2."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A signed transaction: its id (hex), the body's bytes, the signatures, the envelope, and until when it is good."""

    id: str
    body: bytes
    signatures: tuple[bytes, ...]
    envelope: bytes
    expires: int


def now_ms() -> int:
    """The time now in ms since 1970, UTC."""
    return clock.time_ns() // 1_000_000


def new_nonce() -> str:
    """A fresh random nonce: 32 hex digits from the operating system."""
    return secrets.token_hex(NONCE_BYTES)


def make_memo(kind: str, value: str) -> Memo:
    """A memo (T/CESA 6002 04_004) of kind ``text``, ``id`` or ``hash``.

    Raises:
        UsageError: another kind, a value that is too long, or a hash that is not 64 lower-case hex digits.
    """
    limit = _MEMO_LENGTH_MAX.get(kind)
    if limit is None:
        raise UsageError(Code.USAGE, reason=f"memo kind {kind!r}: text, id or hash")
    if len(value) > limit:
        raise UsageError(Code.USAGE, reason=f"memo of kind {kind}: at most {limit} characters")
    if kind == "hash" and (len(value) != limit or set(value) - set("0123456789abcdef")):
        raise UsageError(Code.USAGE, reason="memo of kind hash: 64 lower-case hex digits")
    return Memo(kind=kind, value=value)  # type: ignore[arg-type]


def signer_entry(suite: Suite, chain: str, signer: Signing, *, account: str | None = None) -> Signer:
    """How a body names ``signer``; ``account`` (hex) where the key is not the account's first one."""
    address = account or account_address(suite, chain, signer.algorithm, signer.public_key).hex()
    return Signer(account=address, algorithm=signer.algorithm, key=signer.public_key.hex())


def build_body(
    *,
    chain: str,
    type: str,  # noqa: A002 - the wire format's word
    payload: msgspec.Struct,
    signers: Sequence[Signer],
    nonce: str,
    expires: int,
    version: int = 1,
    time: int | None = None,
    recipient: str | None = None,
    data: bytes | None = None,
    memo: Memo | None = None,
) -> bytes:
    """The body's bytes, which are what every signer signs.

    Raises:
        UsageError: no signer, an account twice, or ``data`` beyond :data:`DATA_BYTES_MAX`.
    """
    if not signers:
        raise UsageError(Code.USAGE, reason="a transaction needs a signer")
    if len({signer.account for signer in signers}) != len(signers):
        raise UsageError(Code.SIGNER_REPEATED)
    if data is not None and len(data) > DATA_BYTES_MAX:
        raise UsageError(Code.USAGE, reason=f"data: at most {DATA_BYTES_MAX} bytes")
    body = Body(
        chain=chain,
        expires=expires,
        nonce=nonce,
        payload=Raw(encode_struct(payload)),
        signers=tuple(signers),
        type=type,
        version=version,
        data=UNSET if data is None else data.hex(),
        memo=_or_unset(memo),
        recipient=_or_unset(recipient),
        time=_or_unset(time),
    )
    # Signed exactly as sent, so that any strict JSON would do; the payload is canonical already.
    return _encoder.encode(body)


def build_transaction(
    *,
    suite: Suite,
    chain: str,
    type: str,  # noqa: A002 - the wire format's word
    payload: msgspec.Struct,
    signers: Sequence[Signing],
    nonce: str,
    now: int,
    expires: int | None = None,
    accounts: Sequence[str | None] | None = None,
    recipient: str | None = None,
    data: bytes | None = None,
    memo: Memo | None = None,
) -> Prepared:
    """Build, sign and pack a transaction; the first signer is its sender.

    ``accounts`` names the accounts (hex) of signers whose present key is not their first; ``expires`` defaults to
    ``now`` + :data:`EXPIRES_AFTER_MS`.
    """
    names = accounts or [None] * len(signers)
    entries = [signer_entry(suite, chain, s, account=a) for s, a in zip(signers, names, strict=True)]
    until = now + EXPIRES_AFTER_MS if expires is None else expires
    body = build_body(
        chain=chain,
        type=type,
        payload=payload,
        signers=entries,
        nonce=nonce,
        expires=until,
        time=now,
        recipient=recipient,
        data=data,
        memo=memo,
    )
    signatures = tuple(signer.sign(body) for signer in signers)
    return Prepared(suite.digest(body).hex(), body, signatures, encode_envelope(body, signatures), until)


def _or_unset(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
