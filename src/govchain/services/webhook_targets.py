"""Where webhooks may go, and one POST to there.

Purpose: an address that others choose must not become a way into the node's own network. Rules: https unless the
operator allows http; no user names in addresses; every address that a name resolves to must be public or in a network
that the operator allows, and the connection goes to the very address that was checked, so that a name that changes its
mind between check and use gains nothing; redirects are not followed; of the answer only the status is read, within
bounds of time and size. Proxies are not used.
Not here: when to try again (``services.webhook_sender``), who may register (``services.webhooks``).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from govchain import __version__
from govchain.model import Code, RefusedError, UnavailableError, UsageError
from govchain.sdk.reaching import tls_context

__all__ = ["Address", "AttemptFailed", "Target", "TargetPolicy", "post"]

#: Characters of an address (URL).
URL_CHARACTERS_MAX: Final = 2_048
#: Bytes of the head of an answer that are read.
_HEAD_BYTES_MAX: Final = 16_384
#: Interim answers (1xx) that are passed over.
_INTERIM_MAX: Final = 4
#: How long the rest of an answer is waited for before the connection is closed, in seconds.
_CLOSING_S: Final = 0.5

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LookUp = Callable[[str, int], Awaitable[list[Address]]]


class AttemptFailed(Exception):  # noqa: N818 - an outcome that is counted, not an error that is shown
    """An attempt did not deliver; ``outcome`` is one of the words of docs/spec/webhooks.md 5."""

    def __init__(self, outcome: str, status: int = 0) -> None:
        """Keep the word, and the HTTP status where there was one."""
        self.outcome = outcome
        self.status = status
        super().__init__(outcome)


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL in parts; ``path`` has the query with it, ``host`` is without brackets."""

    url: str
    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


class TargetPolicy:
    """What the operator allows.

    Args:
        networks: private networks (CIDR) that may be reached.
        http: whether http is allowed.
        ca: file with root certificates (PEM); empty: the system's.
        look_up: the addresses of a host and port; the system's resolver, where nothing else is said.

    Raises:
        UsageError: ``USAGE`` for a network that is none, or a file that holds no certificates.
    """

    def __init__(
        self, networks: Sequence[str] = (), *, http: bool = False, ca: str = "", look_up: LookUp | None = None
    ) -> None:
        try:
            self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in networks)
        except ValueError as error:
            raise UsageError(Code.USAGE, reason=f"webhook_networks: {error}") from None
        self._http = http
        self._ca = ca
        self._look_up = look_up or _look_up
        self._context: ssl.SSLContext | None = None
        if ca:
            self.context()

    def context(self) -> ssl.SSLContext:
        """The TLS context, made when it is first needed: it holds every root certificate."""
        if self._context is None:
            try:
                self._context = tls_context(self._ca or None)
            except UnavailableError as error:
                reason = f"webhook_ca: {self._ca}: {error.params['reason']}"
                raise UsageError(Code.USAGE, reason=reason) from None
        return self._context

    def check_url(self, url: str) -> Target:
        """The target of ``url``, where its form and, if it names an address itself, that address are allowed.

        Raises:
            UsageError: ``REQUEST_SHAPE`` for what is no http or https URL.
            RefusedError: ``WEBHOOK_TARGET``.
        """
        if not 0 < len(url) <= URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable() or " " in url:
            reason = f"1 to {URL_CHARACTERS_MAX} printable ASCII characters, names in punycode"
            raise UsageError(Code.REQUEST_SHAPE, where="url", reason=reason)
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UsageError(Code.REQUEST_SHAPE, where="url", reason="no URL") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or "\\" in url or port == 0:
            raise UsageError(Code.REQUEST_SHAPE, where="url", reason="no http or https URL")
        if parts.username is not None or parts.password is not None or "#" in url:
            raise UsageError(Code.REQUEST_SHAPE, where="url", reason="neither user names nor fragments")
        secure = parts.scheme == "https"
        if not secure and not self._http:
            raise RefusedError(Code.WEBHOOK_TARGET, reason="http without encryption")
        target = Target(url, secure, _host(parts), port or (443 if secure else 80), _path(parts))
        address = _literal(target.host)
        if address is not None and not self.allows(address):
            raise RefusedError(Code.WEBHOOK_TARGET, reason="the address is not public")
        return target

    def allows(self, address: Address) -> bool:
        """Whether a connection may go to ``address``: public, or in an allowed network.

        An address that stands for another (IPv4 in IPv6, NAT64, 6to4, Teredo) must pass for that one, too.
        """
        every = (address, *_inner(address))
        if any(address in network for network in self._networks if network.version == address.version):
            return all(self.allows(inner) for inner in every[1:])
        return all(_is_public(each) for each in every)

    async def resolve(self, target: Target) -> list[Address]:
        """The addresses of the target's host, all of them allowed.

        Raises:
            AttemptFailed: ``unresolved``, ``refused-address``.
        """
        literal = _literal(target.host)
        found = [literal] if literal is not None else await self._look_up(target.host, target.port)
        if not found:
            raise AttemptFailed("unresolved")
        if not all(self.allows(address) for address in found):
            raise AttemptFailed("refused-address")
        return found


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".").lower()


def _path(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    # What the system's resolver would take for an IPv4 address too: 127.1, 0x7f000001, 017700000001.
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
#: Never public, whatever a version of the standard library says: this host, shared, benchmarks, reserved, relays;
#: of IPv6 the former site-local addresses and those for examples.
_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"),
        *("fec0::/10", "3fff::/20"),
    )
)


def _inner(address: Address) -> tuple[Address, ...]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    found: list[Address] = []
    if address.ipv4_mapped is not None:
        found.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    # ::1 is this host, not the IPv4 address 0.0.0.1 in the old notation (RFC 4291, 2.5.5.1).
    if address in _NAT64 or address in _NAT64_LOCAL or (int(address) >> 32 == 0 and not address.is_loopback):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(found)


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped is not None or address in _NAT64):
        return True  # decided by the address inside
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    )


async def _look_up(host: str, port: int) -> list[Address]:
    """The addresses of ``host``, by the system's resolver in a thread that nobody has to wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[Address]] = loop.create_future()

    def settle(found: list[Address]) -> None:
        if not future.done():
            future.set_result(found)

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries]
        except (OSError, ValueError, UnicodeError):
            found = []
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, list(dict.fromkeys(found)))

    threading.Thread(target=ask, name="webhook-resolver", daemon=True).start()
    return await future


async def post(policy: TargetPolicy, target: Target, headers: Mapping[str, str], body: bytes, *, limit_s: float) -> int:
    """Send ``body`` once; the HTTP status of a success (2xx).

    The answer has ``limit_s`` to come; what the connection does after it changes nothing.

    Raises:
        AttemptFailed: with the word for what happened.
    """
    try:
        async with asyncio.timeout(limit_s) as limit:
            status = await _exchange(policy, target, headers, body, limit)
    except TimeoutError:
        raise AttemptFailed("timeout") from None
    except ssl.SSLError:
        raise AttemptFailed("tls") from None
    except OSError:
        raise AttemptFailed("unreachable") from None
    if not 200 <= status < 300:
        raise AttemptFailed("status", status)
    return status


async def _exchange(
    policy: TargetPolicy, target: Target, headers: Mapping[str, str], body: bytes, limit: asyncio.Timeout
) -> int:
    addresses = await policy.resolve(target)
    reader, writer = await _connect(policy, target, addresses)
    try:
        lines = [
            f"POST {target.path} HTTP/1.1",
            f"Host: {target.authority}",
            f"User-Agent: govchain/{__version__}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        writer.write("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body)
        await writer.drain()
        status = await _status(reader)
        limit.reschedule(None)  # it has answered, and is told so however the connection ends
        # Let the receiver finish: a reset might lose what it still sends, and it would log an error.
        with contextlib.suppress(OSError):  # the time is over, or the connection broke
            async with asyncio.timeout(_CLOSING_S):
                await reader.read(_HEAD_BYTES_MAX)
        return status
    finally:
        writer.transport.abort()


async def _connect(
    policy: TargetPolicy, target: Target, addresses: Sequence[Address]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first of the checked addresses that takes one: by number, never by name."""
    failure: OSError | None = None
    for address in addresses:
        try:
            return await asyncio.open_connection(
                str(address),
                target.port,
                limit=_HEAD_BYTES_MAX,
                ssl=policy.context() if target.secure else None,
                server_hostname=target.host if target.secure else None,
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            failure = error
    raise failure or OSError("no address")


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of the answer; interim answers are passed over."""
    for _ in range(_INTERIM_MAX):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise AttemptFailed("malformed") from None
        words = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if len(words) < 2 or words[0] not in (b"HTTP/1.1", b"HTTP/1.0") or not _is_status(words[1]):
            raise AttemptFailed("malformed")
        status = int(words[1])
        if status >= 200:
            return status
    raise AttemptFailed("malformed")


def _is_status(word: bytes) -> bool:
    return len(word) == 3 and word.isdigit() and word >= b"100"
