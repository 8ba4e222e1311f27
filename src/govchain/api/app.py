"""The ASGI application: routers and middleware over one node's services.

Not here: the process that runs it (``node.server``), use cases (``services``).

Example::

    app = create_app(services, ApiSettings())
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from govchain import __version__
from govchain.api.describe import openapi
from govchain.api.middleware.gate import Gate
from govchain.api.problems import add_error_handlers
from govchain.api.routers import ROUTERS
from govchain.api.settings import ApiSettings
from govchain.services.bundle import NodeServices

__all__ = ["create_app"]


class _Application(FastAPI):
    """FastAPI with our OpenAPI document."""

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
        app.include_router(router)
    app.add_middleware(Gate, services=services, settings=app.state.settings)
    return app
