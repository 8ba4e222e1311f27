"""Routers that refuse what they do not know: unknown and repeated query parameters.

Not here: documentation of routes (``describe``), who may call (``security``).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from govchain.api.settings import ApiSettings
from govchain.model import Code, UnavailableError, UsageError
from govchain.services.bundle import NodeServices

__all__ = ["Services", "Settings", "StrictRoute", "immutable", "json_answer", "needed", "new_router"]


class StrictRoute(APIRoute):
    """A route that refuses query parameters that it does not have, and those given twice."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler behind our check."""
        handler = super().get_route_handler()
        known, repeatable = _query_names(self.dependant)

        async def checked(request: Request) -> Response:
            if request.scope["query_string"]:
                seen: set[str] = set()
                for name, _ in request.query_params.multi_items():
                    if name not in known:
                        raise UsageError(Code.REQUEST_SHAPE, reason=f"query parameter {name[:60]!r} is unknown")
                    if name in seen and name not in repeatable:
                        raise UsageError(Code.REQUEST_SHAPE, reason=f"query parameter {name!r} is given twice")
                    seen.add(name)
            return await handler(request)

        return checked


def _query_names(dependant: Dependant) -> tuple[frozenset[str], frozenset[str]]:
    known: set[str] = set()
    repeatable: set[str] = set()
    for field in dependant.query_params:
        known.add(field.alias)
        if "list" in str(field.field_info.annotation) or "tuple" in str(field.field_info.annotation):
            repeatable.add(field.alias)
    for inner in dependant.dependencies:
        more, many = _query_names(inner)
        known |= more
        repeatable |= many
    return frozenset(known), frozenset(repeatable)


def new_router(tag: str) -> APIRouter:
    """A router whose routes are strict and listed under ``tag``."""
    return APIRouter(tags=[tag], route_class=StrictRoute)


def _services(request: Request) -> NodeServices:
    services: NodeServices = request.app.state.services
    return services


def _settings(request: Request) -> ApiSettings:
    settings: ApiSettings = request.app.state.settings
    return settings


#: The node's services, as a parameter of a route.
Services = Annotated[NodeServices, Depends(_services)]
#: The HTTP side's settings, as a parameter of a route.
Settings = Annotated[ApiSettings, Depends(_settings)]


_T = TypeVar("_T")


def needed(part: _T | None, name: str) -> _T:
    """``part``, where this node has it.

    Raises:
        UnavailableError: ``SERVICE_OFF``.
    """
    if part is None:
        raise UnavailableError(Code.SERVICE_OFF, service=name)
    return part


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``value`` (whatever msgspec encodes, or bytes that are JSON already) as an answer."""
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Response(body, status, headers, "application/json")


def immutable(request: Request, tag: str, make: Callable[[], bytes], media: str = "application/json") -> Response:
    """An answer that never changes: with an ETag, 304 when the client has it; ``tag`` names the content."""
    mark = f'"{tag}"'
    headers = {"ETag": mark, "Cache-Control": "public, max-age=31536000, immutable"}
    given = request.headers.get("if-none-match", "")
    if given and (given.strip() == "*" or mark in {part.strip().removeprefix("W/") for part in given.split(",")}):
        return Response(None, 304, headers)
    return Response(make(), 200, headers, media)
