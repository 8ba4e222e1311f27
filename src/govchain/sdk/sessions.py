"""The form of a login: a challenge as text, and what an account's key signs over it.

Purpose: pure functions that client and node share: the client checks a challenge and signs it, the node writes it and
verifies the signature. Rules: the challenge is canonical JSON of account, audience, chain, expiry, node and nonce
(docs/spec/sessions.md); what is signed is its bytes framed under ``govchain/session/1``, so that such a signature can
never be one over a transaction (whose body is signed bare and begins with a brace) and a node cannot have a transaction
signed for it; a client signs only a challenge for its own account, for the chain that it trusts, for the address that
it called, that is over within minutes. The address is what stops a relay: a node writes no address but its own into a
challenge, so that who hands another node's challenges on cannot have one signed.
Not here: which challenges are open, tokens (``services.sessions``), sending (:mod:`govchain.sdk.http`).

Example::

    challenge = decode_challenge(text)
    audience = audience_of("https://node.example.gov.cn")
    signature = sign_challenge(text, audience=audience, chain="demo", account=address, now=now_ms(), signer=key)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Protocol, runtime_checkable
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from govchain.crypto import ALGORITHMS, frame
from govchain.model import Code, DecodingError, RefusedError, UsageError, decode_strict, encode_struct
from govchain.model.identifiers import check_chain_id, is_hex
from govchain.model.wire import Milliseconds
from govchain.sdk.transactions import Signing

__all__ = [
    "AUDIENCE_CHARACTERS_MAX",
    "CHALLENGE_BYTES_MAX",
    "CHALLENGE_MS_MAX",
    "SESSION_DOMAIN",
    "Challenge",
    "ChallengeOffer",
    "ChallengeRequest",
    "SessionGrant",
    "SessionRequest",
    "SessionTransport",
    "audience_of",
    "challenge_message",
    "check_challenge_signature",
    "decode_challenge",
    "encode_challenge",
    "sign_challenge",
]

#: Domain of what is signed to log in.
SESSION_DOMAIN: Final = "govchain/session/1"
#: Bytes of a challenge's text, at most.
CHALLENGE_BYTES_MAX: Final = 2048
#: Characters of an audience, at most.
AUDIENCE_CHARACTERS_MAX: Final = 512
#: How far ahead (ms) a challenge's expiry may lie for a client to sign it: a minute, and clocks that differ.
CHALLENGE_MS_MAX: Final = 300_000
_DEPTH_MAX: Final = 1
_NONCE_DIGITS_MIN: Final = 32
_PORTS: Final = {"http": 80, "https": 443}


class Challenge(Struct, frozen=True, forbid_unknown_fields=True):
    """What a node asks to be signed: for which account and chain, by which node, until when (ms); ``nonce`` is hex.

    ``audience`` is the address at which the client called the node, in the form of :func:`audience_of`; empty where it
    named none.
    """

    account: Annotated[str, Meta(min_length=40, max_length=40)]
    audience: Annotated[str, Meta(max_length=AUDIENCE_CHARACTERS_MAX)]
    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    expires: Milliseconds
    node: Annotated[str, Meta(min_length=1, max_length=160)]
    nonce: Annotated[str, Meta(min_length=_NONCE_DIGITS_MIN, max_length=256)]


@dataclass(frozen=True, slots=True)
class ChallengeRequest:
    """Asks for a challenge: ``POST /v1/sessions/challenges``; ``audience`` is the address that is called."""

    account: str
    audience: str = ""


@dataclass(frozen=True, slots=True)
class ChallengeOffer:
    """The answer: the challenge's text, to be signed as it is."""

    challenge: str


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """Asks for a session: ``POST /v1/sessions``, the challenge as it was given and the account's signature."""

    challenge: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class SessionGrant:
    """The answer: a bearer token for ``Authorization``, for whom, and until when (ms)."""

    token: str
    account: str
    expires: int


@runtime_checkable
class SessionTransport(Protocol):
    """A way to a node that has sessions: :class:`govchain.sdk.http.HttpTransport`."""

    def login(
        self, signer: Signing, *, account: str, chain: str, now: Callable[[], int], node: str | None = None
    ) -> SessionGrant:
        """Prove the account's key and keep the session."""

    def logout(self) -> None:
        """End the session, if there is one."""


def audience_of(url: str) -> str:
    """The one form of a node's address: scheme, host in small letters, a port that is not the scheme's own, path.

    >>> audience_of("HTTPS://Node.Example.gov.cn:443/chain/")
    'https://node.example.gov.cn/chain'

    Raises:
        UsageError: ``USAGE`` for what is no http or https URL, or has a user, query or fragment.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    plain = len(url) <= AUDIENCE_CHARACTERS_MAX and url.isascii() and url.isprintable() and " " not in url
    if not plain or not host or parts.scheme not in _PORTS or "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(Code.USAGE, reason="the URL of a node is https://HOST or http://HOST")
    shown = f"[{host}]" if ":" in host else host
    place = shown if port in (None, _PORTS[parts.scheme]) else f"{shown}:{port}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def encode_challenge(challenge: Challenge) -> str:
    """The challenge's text: canonical JSON."""
    return encode_struct(challenge).decode()


def decode_challenge(text: str) -> Challenge:
    """Read a challenge.

    Raises:
        DecodingError: ``CHALLENGE_INVALID`` for anything but the canonical text of a challenge.
    """
    try:
        data = text.encode()
        found = decode_strict(data, Challenge, canonical=True, size_max=CHALLENGE_BYTES_MAX, depth_max=_DEPTH_MAX)
    except (DecodingError, UnicodeEncodeError):
        raise DecodingError(Code.CHALLENGE_INVALID, reason="not the text of a challenge") from None
    nonce = found.nonce
    if check_chain_id(found.chain) or not is_hex(found.account, 40) or not is_hex(nonce, len(nonce)):
        raise DecodingError(Code.CHALLENGE_INVALID, reason="not the text of a challenge")
    return found


def challenge_message(text: str) -> bytes:
    """The bytes that are signed: the challenge's text framed under :data:`SESSION_DOMAIN`."""
    return frame(SESSION_DOMAIN, text)


def sign_challenge(
    text: str, *, audience: str, chain: str, account: str, now: int, signer: Signing, node: str | None = None
) -> bytes:
    """The signature over a challenge that a node gave.

    1. It is the canonical text of a challenge.
    2. It is for ``chain`` and ``account`` (hex), for ``audience`` (the address that the caller called, in the form of
       :func:`audience_of`), and by ``node`` where the caller knows its name.
    3. Its expiry is within :data:`CHALLENGE_MS_MAX` of ``now`` (ms): clocks differ, and none is good for long.

    Raises:
        RefusedError: ``CHALLENGE_INVALID``; nothing was signed.
    """
    # 1.
    challenge = decode_challenge(text)
    # 2.
    if challenge.chain != chain or challenge.account != account:
        raise RefusedError(Code.CHALLENGE_INVALID, reason="for another chain or account")
    if challenge.audience != audience:
        raise RefusedError(Code.CHALLENGE_INVALID, reason="for another address than the one that was called")
    if node is not None and challenge.node != node:
        raise RefusedError(Code.CHALLENGE_INVALID, reason="by another node")
    # 3.
    if not now - CHALLENGE_MS_MAX < challenge.expires <= now + CHALLENGE_MS_MAX:
        raise RefusedError(Code.CHALLENGE_INVALID, reason="its expiry is not near the time of this machine")
    return signer.sign(challenge_message(text))


def check_challenge_signature(text: str, *, algorithm: str, key: bytes, signature: bytes) -> Code:
    """OK when ``signature`` is by ``key`` over the challenge with that text, else why not.

    The caller still owes: that the challenge is its own, open, in time, and for the account that has this key now.
    """
    found = ALGORITHMS.get(algorithm)
    if found is None:
        return Code.ALGORITHM_NOT_ALLOWED
    return found.check_signature(key, challenge_message(text), signature)
