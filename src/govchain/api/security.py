"""Who may read: dependencies of routes.

``open_read``: facts of the chain, and what is asked for by its exact identity; open unless ``reads = "closed"``.
``session_read``: searches and lists; behind a session unless ``reads = "open"``.
``session_needed``: always behind a session. ``operator_needed``: a session of an account with the role operator.

Each gives the route the caller's session, or None where none is needed and none was given. A token that is given is
checked even where none is needed. Not here: how sessions are made (``services.sessions``).
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final

from fastapi import Depends, Request

from govchain.api.settings import ApiSettings
from govchain.model import Code, RefusedError
from govchain.sdk.sessions import audience_of
from govchain.services.bundle import NodeServices
from govchain.services.sessions import Session

__all__ = [
    "ACCOUNT",
    "NeededSession",
    "OpenRead",
    "OperatorSession",
    "SessionRead",
    "bearer_token",
    "check_token",
    "open_read",
    "operator_needed",
    "own_urls",
    "session_needed",
    "session_read",
]

#: Key of the address of the session's account in an ASGI scope.
ACCOUNT: Final = "govchain.account"


def bearer_token(headers: object) -> str:
    """The token of ``Authorization: Bearer``, or an empty text.

    Raises:
        RefusedError: ``SESSION_INVALID`` for another scheme.
    """
    value: str = headers.get("authorization", "")  # type: ignore[attr-defined]
    if not value:
        return ""
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RefusedError(Code.SESSION_INVALID)
    return token.strip()


def check_token(services: NodeServices, token: str) -> Session | None:
    """The session of ``token``; None for no token.

    Raises:
        RefusedError: ``SESSION_INVALID`` when it has none (any more).
    """
    return services.sessions.check(token) if token else None


def own_urls(request: Request) -> tuple[str, ...]:
    """The addresses at which this connection itself shows that it came to this node: the socket's own, no header's.

    A name, or the address of something in front of the node, is known from the setting ``public_urls`` alone.
    """
    host, port = request.scope.get("server") or ("", None)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ()
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    names = [f"[{address}]" if address.version == 6 else str(address)]
    if address.is_loopback:
        names.append("localhost")
    return tuple(audience_of(f"{request.scope['scheme']}://{name}:{port}") for name in names)


def _session(request: Request, *, needed: bool) -> Session | None:
    services: NodeServices = request.app.state.services
    session = check_token(services, bearer_token(request.headers))
    if session is None and needed:
        raise RefusedError(Code.SESSION_REQUIRED)
    if session is not None:
        request.scope[ACCOUNT] = session.account
    return session


def _reads(request: Request) -> str:
    settings: ApiSettings = request.app.state.settings
    return settings.reads


async def open_read(request: Request) -> Session | None:
    """For what is open unless ``reads = "closed"``."""
    return _session(request, needed=_reads(request) == "closed")


async def session_read(request: Request) -> Session | None:
    """For what is behind a session unless ``reads = "open"``."""
    return _session(request, needed=_reads(request) != "open")


async def session_needed(request: Request) -> Session:
    """For what is always behind a session."""
    session = _session(request, needed=True)
    assert session is not None
    return session


async def operator_needed(request: Request) -> Session:
    """For what only an operator may do."""
    session = await session_needed(request)
    if not session.operator:
        raise RefusedError(Code.ROLE_MISSING, role="operator")
    return session


#: Parameters of routes: the caller's session under each rule.
OpenRead = Annotated[Session | None, Depends(open_read)]
SessionRead = Annotated[Session | None, Depends(session_read)]
NeededSession = Annotated[Session, Depends(session_needed)]
OperatorSession = Annotated[Session, Depends(operator_needed)]
