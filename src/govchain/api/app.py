"""The ASGI application: routers and middleware over one node's services.

Not here: the process that runs it (``node.server``), use cases (``services``).

Example::

    app = create_app(services, ApiSettings())
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from govchain import __version__
from govchain.api.describe import openapi
from govchain.api.middleware.deadline import Deadline
from govchain.api.middleware.failures import Failures
from govchain.api.middleware.gate import Gate
from govchain.api.problems import add_error_handlers
from govchain.api.routers import ROUTERS
from govchain.api.settings import ApiSettings
from govchain.api.submission import Shortcut
from govchain.services.bundle import NodeServices

__all__ = ["create_app"]

#: Answers shorter than this are not compressed, in bytes.
_COMPRESSED_BYTES_MIN = 1024
_COMPRESSION_LEVEL = 5


class _Application(FastAPI):
    """FastAPI with our OpenAPI document, and layers of ours before its own."""

    layers: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self.layers is None or scope["type"] == "lifespan":
            await self.framework(scope, receive, send)
        else:
            await self.layers(scope, receive, send)

    async def framework(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What lies behind our layers: its own, and the routes."""
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The document, built once."""
        if self.openapi_schema is None:
            self.openapi_schema = openapi(self)
        return self.openapi_schema


def create_app(services: NodeServices, settings: ApiSettings | None = None) -> FastAPI:
    """The application over ``services``; it holds no state of its own but rates and request ids."""
    app = _Application(
        title="GovChain", version=__version__, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.services = services
    app.state.settings = settings or ApiSettings()
    add_error_handlers(app)
    for router in ROUTERS:
        app.router.routes.extend(router.routes)  # flat: the description and the table of routes walk this list
    _add_layers(app, services, app.state.settings)
    return app


def _add_layers(app: _Application, services: NodeServices, settings: ApiSettings) -> None:
    """From the innermost to the outermost.

    Transactions come one by one: they pass the gate and the shortcut only, and none of the framework's layers.
    """
    app.add_middleware(GZipMiddleware, minimum_size=_COMPRESSED_BYTES_MIN, compresslevel=_COMPRESSION_LEVEL)
    app.add_middleware(Deadline, limit_ms=settings.answer_ms_max)
    app.add_middleware(Failures)
    outer: ASGIApp = Shortcut(app.framework, services=services, settings=settings)
    if settings.origins:
        outer = CORSMiddleware(
            outer,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "GovChain-Protocol", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "GovChain-Protocol", "Retry-After", "X-Request-Id"],
            max_age=600,
        )
    app.layers = Gate(outer, services=services, settings=settings)
