"""The routes, one module for each subject; each module has a ``router``.

Add a module here and its routes are served, described in the OpenAPI document and demanded by the route table's test.
"""

from fastapi import APIRouter

from govchain.api.routers import (
    accounts,
    backups,
    blocks,
    chain,
    events,
    evidence,
    export,
    health,
    network,
    operations,
    paper,
    rpc,
    search,
    sessions,
    state,
    transactions,
    verify,
    webhooks,
)

__all__ = ["ROUTERS"]

#: Every router of the node, in the order of the documentation.
ROUTERS: tuple[APIRouter, ...] = (
    chain.router,
    network.router,
    transactions.router,
    blocks.router,
    state.router,
    accounts.router,
    evidence.router,
    paper.router,
    export.router,
    verify.router,
    sessions.router,
    search.router,
    events.router,
    webhooks.router,
    backups.router,
    rpc.router,
    health.router,
    operations.router,
)
