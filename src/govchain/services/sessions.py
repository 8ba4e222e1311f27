"""Sessions: a bearer token for whoever proves an account's key, for protected reads.

Purpose: give challenges, check their signatures, make tokens, check tokens at each use.
Rules: a challenge names chain, node, account and expiry, and the address that the client called where that is one of
this node's own: a node that wrote any address would let another one hand its challenges on. It carries this process's
own mark, so that nothing is kept for one that is never answered; it is good once and for a minute. A token is random;
only its SM3 is kept. A session belongs to one account and ends at its expiry, by logging out, by the account's freeze
or change of key (looked up in committed state at each use) and with the process. All lists are bounded.
Not here: the form that is signed (``sdk.sessions``), HTTP.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import msgspec

from govchain.crypto import check_hmac_sm3, get_suite, hmac_sm3
from govchain.model import Code, RefusedError, UnavailableError, UsageError
from govchain.model.identifiers import is_hex
from govchain.modules.port import AccountFacts
from govchain.sdk.sessions import (
    AUDIENCE_CHARACTERS_MAX,
    Challenge,
    audience_of,
    challenge_message,
    check_challenge_signature,
    decode_challenge,
    encode_challenge,
)

__all__ = ["Accounts", "Session", "SessionLimits", "Sessions"]

#: Bytes of a token and of a challenge's random part.
_RANDOM_BYTES: Final = 32
_NONCE_RANDOM_BYTES: Final = 16


class Accounts(Protocol):
    """Where committed accounts are looked up."""

    def account(self, address: bytes) -> AccountFacts | None:
        """The account at that address now."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long and how many: times in ms; ``per_account``: the oldest session of an account gives way to a new one."""

    challenge_ms: int = 60_000
    session_ms: int = 8 * 3_600_000
    sessions_max: int = 10_000
    per_account: int = 16
    used_max: int = 100_000


@dataclass(frozen=True, slots=True)
class Session:
    """Who a token stands for. ``id`` is the SM3 of the token (hex), which says nothing about it; ``expires`` in ms."""

    id: str
    account: str
    organisation: str
    roles: tuple[str, ...]
    administrator: bool
    expires: int
    key: bytes = b""

    @property
    def operator(self) -> bool:
        """Whether it may do what only operators may: a role of the account on the chain."""
        return "operator" in self.roles


class Sessions:
    """See the module.

    Args:
        chain: the chain's id.
        node: the node's name.
        accounts: committed accounts.
        clock: wall time in ms.
        random: that many random bytes; from the system's source, except in tests.
        limits: how long and how many.
        audiences: addresses (URLs) at which this node is called, beside those that a connection itself shows.

    Raises:
        UsageError: ``USAGE`` for an address that is none.
    """

    def __init__(
        self,
        chain: str,
        node: str,
        accounts: Accounts,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
        limits: SessionLimits | None = None,
        audiences: Sequence[str] = (),
    ) -> None:
        self._chain = chain
        self._node = node
        self._accounts = accounts
        self._clock = clock
        self._random = random
        self._limits = limits or SessionLimits()
        self._audiences = frozenset(audience_of(url) for url in audiences)
        self._secret = random(_RANDOM_BYTES)
        self._digest = get_suite("gm").digest
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._used: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        """Sessions that have neither ended nor been seen to expire."""
        return len(self._sessions)

    def challenge(self, account: str, audience: str = "", *, own: Sequence[str] = ()) -> str:
        """The text of a challenge for that account; it says nothing about whether the account exists.

        Args:
            account: its address (hex).
            audience: the address at which the client called, as ``sdk.sessions.audience_of`` writes it; or empty.
            own: addresses that are this node's own for the connection that asks.

        Raises:
            UsageError: ``REQUEST_SHAPE`` for a malformed address of an account.
            RefusedError: ``CHALLENGE_INVALID`` for an audience that is no address of this node.
        """
        if not is_hex(account, 40):
            raise UsageError(Code.REQUEST_SHAPE, where="account", reason="40 hex digits")
        if audience and audience not in own and audience not in self._audiences:
            reason = f"no address of this node (public_urls): {audience[:AUDIENCE_CHARACTERS_MAX]}"
            raise RefusedError(Code.CHALLENGE_INVALID, reason=reason)
        expires = self._clock() + self._limits.challenge_ms
        nonce = self._random(_NONCE_RANDOM_BYTES).hex()
        plain = Challenge(account, audience, self._chain, expires, self._node, nonce)
        return encode_challenge(msgspec.structs.replace(plain, nonce=plain.nonce + self._mark(plain).hex()))

    def create(self, text: str, signature: bytes) -> tuple[str, Session]:
        """A token and its session, for a challenge of this process signed by its account's key.

        Raises:
            RefusedError: ``CHALLENGE_INVALID``, whatever was wrong with challenge or signature;
                ``SIGNER_FROZEN`` for a frozen account whose signature holds.
            UnavailableError: ``RATE_LIMITED`` when there are too many sessions.
        """
        # 1. Chain, node, time and our own mark.
        now = self._clock()
        challenge = decode_challenge(text)
        if (challenge.chain, challenge.node) != (self._chain, self._node):
            raise RefusedError(Code.CHALLENGE_INVALID, reason="another chain or node")
        if challenge.expires <= now:
            raise RefusedError(Code.CHALLENGE_INVALID, reason="expired")
        digits = 2 * _NONCE_RANDOM_BYTES
        plain = msgspec.structs.replace(challenge, nonce=challenge.nonce[:digits])
        written = challenge.nonce[digits:]
        mark = b"" if len(written) % 2 else bytes.fromhex(written)
        if check_hmac_sm3(self._secret, challenge_message(encode_challenge(plain)), mark):
            raise RefusedError(Code.CHALLENGE_INVALID, reason="not of this node, or of before its restart")
        # 2. The account's key.
        facts = self._accounts.account(bytes.fromhex(challenge.account))
        if facts is None:
            raise RefusedError(Code.CHALLENGE_INVALID, reason="signature")
        if check_challenge_signature(text, algorithm=facts.algorithm, key=facts.key, signature=signature):
            raise RefusedError(Code.CHALLENGE_INVALID, reason="signature")
        if not facts.active:
            raise RefusedError(Code.SIGNER_FROZEN)
        # 3. Once only.
        token = self._random(_RANDOM_BYTES).hex()
        session = Session(
            id=self._digest(token.encode()).hex(),
            account=challenge.account,
            organisation=facts.organisation,
            roles=tuple(facts.roles),
            administrator=facts.administrator,
            expires=now + self._limits.session_ms,
            key=facts.key,
        )
        with self._lock:
            self._forget(now)
            if challenge.nonce in self._used:
                raise RefusedError(Code.CHALLENGE_INVALID, reason="used before")
            if len(self._used) >= self._limits.used_max or len(self._sessions) >= self._limits.sessions_max:
                raise UnavailableError(Code.RATE_LIMITED, retry_after_ms=self._limits.challenge_ms)
            own = [id_ for id_, other in self._sessions.items() if other.account == session.account]
            for id_ in own[: max(0, len(own) - self._limits.per_account + 1)]:
                del self._sessions[id_]
            self._used[challenge.nonce] = challenge.expires
            self._sessions[session.id] = session
        return token, session

    def check(self, token: str) -> Session:
        """The session of ``token``, with what its account may do now.

        Raises:
            RefusedError: ``SESSION_INVALID``.
        """
        return self.check_id(self._digest(token.encode("utf-8", "surrogatepass")).hex())

    def check_id(self, id_: str) -> Session:
        """The session with that id, for what goes on after its request, such as streams; raises as :meth:`check`."""
        session = self._sessions.get(id_)
        if session is None:
            raise RefusedError(Code.SESSION_INVALID)
        if session.expires <= self._clock():
            self.end(id_)
            raise RefusedError(Code.SESSION_INVALID, reason="expired")
        facts = self._accounts.account(bytes.fromhex(session.account))
        if facts is None or not facts.active or facts.key != session.key:
            self.end(id_)
            raise RefusedError(Code.SESSION_INVALID, reason="the account was frozen or has another key")
        if (facts.organisation, facts.roles, facts.administrator) == (
            session.organisation,
            session.roles,
            session.administrator,
        ):
            return session
        return replace(
            session,
            organisation=facts.organisation,
            roles=tuple(facts.roles),
            administrator=facts.administrator,
        )

    def end(self, id_: str) -> None:
        """End the session with that id; an unknown one is no error."""
        with self._lock:
            self._sessions.pop(id_, None)

    def _mark(self, plain: Challenge) -> bytes:
        return hmac_sm3(self._secret, challenge_message(encode_challenge(plain)))

    def _forget(self, now: int) -> None:
        """Drop what is over; both lists are nearly in order of time, and the clock may have jumped."""
        for id_ in [id_ for id_, session in self._sessions.items() if session.expires <= now]:
            del self._sessions[id_]
        while self._used and next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)
