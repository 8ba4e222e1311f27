"""TLS of the HTTP side: a certificate and key by path, taken again when the files change.

Rules: TLS 1.2 at least; a pair that does not fit is refused at the start and, later, leaves the one in use in force
until a good one is there; connections that are open keep what they began with. Not here: GM transports, which are a
proxy in front (Python's ssl has no GM suites).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from pathlib import Path
from typing import Final

from govchain.model import Code, UnavailableError

__all__ = ["CHECK_S", "TlsFiles"]

#: Seconds between two looks at the files.
CHECK_S: Final = 2.0

_log = logging.getLogger("govchain.node.tls")


class TlsFiles:
    """A server's TLS context over two files.

    Args:
        certificate: PEM, the chain from the server's own certificate upwards.
        key: PEM, not encrypted.

    Raises:
        UnavailableError: ``TLS_UNUSABLE``.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._mark = self._files()
        self.reloads = 0
        try:
            self.context = self._load()
        except (OSError, ssl.SSLError) as error:
            raise UnavailableError(Code.TLS_UNUSABLE, reason=_reason(error)) from None
        # Asked during each handshake, so that the listening context itself never changes half-way.
        self._current = self.context
        self.context.sni_callback = self._choose

    def check(self) -> bool:
        """Take the files again where they changed; whether a new pair is in force."""
        mark = self._files()
        if mark == self._mark:
            return False
        self._mark = mark
        try:
            self._current = self._load()
        except (OSError, ssl.SSLError) as error:
            _log.warning("%s: %s", Code.TLS_UNUSABLE.name, _reason(error))
            return False
        self.reloads += 1
        _log.info("the TLS certificate was taken again")
        return True

    async def watch(self) -> None:
        """Look at the files every :data:`CHECK_S` seconds, until cancelled."""
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(CHECK_S)
                self.check()

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        for path in (self._certificate, self._key):
            path.open("rb").close()  # OpenSSL does not say which file it could not read
        context.load_cert_chain(self._certificate, self._key, password=_no_passphrase)
        return context

    def _files(self) -> tuple[tuple[int, int, int], ...]:
        """What tells that the files changed; zeros for one that is not there now."""
        marks = []
        for path in (self._certificate, self._key):
            try:
                status = path.stat()
                marks.append((status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                marks.append((0, 0, 0))
        return tuple(marks)


def _no_passphrase() -> str:
    """A server starts unattended: an encrypted key is refused rather than asked about."""
    return ""


def _reason(error: OSError) -> str:
    reason = str(error.strerror or error)
    return (f"{error.filename}: {reason}" if error.filename else reason)[:400]
