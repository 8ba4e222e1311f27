"""How a node is reached over HTTP: which URLs are taken, which certificates are believed.

Not here: asking (:mod:`govchain.sdk.http`), the address that a login names (:mod:`govchain.sdk.sessions`).
"""

from __future__ import annotations

import ipaddress
import ssl
from os import PathLike

import httpx

from govchain.model import Code, UnavailableError, UsageError

__all__ = ["checked_url", "is_this_machine", "tls_context"]


def checked_url(text: str) -> httpx.URL:
    """The URL of a node.

    Raises:
        UsageError: ``USAGE`` for anything but http or https with a host, or with a user, query or fragment.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise UsageError(Code.USAGE, reason=f"URL of a node: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(Code.USAGE, reason="the URL of a node is https://HOST or http://HOST")
    if url.userinfo or url.query or url.fragment:
        raise UsageError(Code.USAGE, reason="the URL of a node has no user, query or fragment")
    return url


def is_this_machine(host: str) -> bool:
    """Whether ``host`` is this machine itself, to which nothing needs to be encrypted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tls_context(ca: str | PathLike[str] | None) -> ssl.SSLContext:
    """TLS 1.2 at least, with the certificates of the file ``ca`` (PEM), or the system's.

    Raises:
        UnavailableError: ``FILE_UNREADABLE``.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or type(error).__name__
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(ca), reason=reason) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
