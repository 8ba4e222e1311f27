"""The services of a node, made as its settings say; each part's share of the settings.

Purpose: ``build_services`` is the one place where services meet the node that they are of; ``api_settings``,
``node_options`` and ``log_options`` read for each part what is its own. Rules: whatever is started here ends with the
context, in the opposite order, before the node is closed.
Not here: webhooks and backups (``delivering``, ``backing_up``), what watches (``observing``), the process (``server``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from govchain.api import ApiSettings
from govchain.consensus import PoolLimits
from govchain.consensus.ports import BlockOptions
from govchain.index.database import IndexDatabase, database_url
from govchain.model import Code
from govchain.modules.accounts.views import StateDirectory
from govchain.node.archiving import build_archiving
from govchain.node.backing_up import build_backups
from govchain.node.chains.hosting import ChainHost
from govchain.node.connections import Connections
from govchain.node.delivering import build_webhooks
from govchain.node.engines import NetworkOptions
from govchain.node.logs import LogOptions, Logs, tellable
from govchain.node.metrics import MetricSources
from govchain.node.observing import Observation, build_clock
from govchain.node.opening import Node, NodeOptions, system_clock
from govchain.node.settings import Settings, changed_settings
from govchain.node.standing import network_status
from govchain.proof.genesis import fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.sdk.client import Client
from govchain.services.bundle import NodeServices
from govchain.services.exports import Exports, NodeFacts, ip_address_of
from govchain.services.identities import Identities
from govchain.services.indexing import IndexFollower
from govchain.services.intake import Intake
from govchain.services.observing import Operations
from govchain.services.packages import Packages
from govchain.services.paper import Paper
from govchain.services.search import Search
from govchain.services.sessions import SessionLimits, Sessions
from govchain.services.subscriptions import ADDRESS_OWNER, Subscriptions
from govchain.services.webhooks import Webhooks

__all__ = ["api_settings", "build_services", "log_options", "node_options"]

_log = logging.getLogger("govchain.node")


def api_settings(settings: Settings) -> ApiSettings:
    """The HTTP side's part of the settings."""
    return ApiSettings(
        reads=settings.text("reads"),
        body_bytes_max=settings.integer("body_bytes_max"),
        envelopes_max=settings.integer("envelopes_max"),
        body_ms_max=settings.integer("body_ms_max"),
        answer_ms_max=settings.integer("answer_ms_max"),
        wait_ms_max=settings.integer("wait_ms_max"),
        rate_address=settings.integer("rate_address"),
        rate_session=settings.integer("rate_session"),
        origins=settings.list("cors_origins"),
        stall_ms_max=settings.integer("stall_ms_max"),
    )


def node_options(settings: Settings) -> NodeOptions:
    """The node's part of the settings."""
    return NodeOptions(
        pool=PoolLimits(
            settings.integer("pool_transactions_max"),
            settings.integer("pool_bytes_max"),
            share_percent=settings.integer("pool_share_percent"),
        ),
        blocks=BlockOptions(linger_ms=settings.integer("block_wait_ms")),
        network=NetworkOptions(
            peers_listen=settings.text("peers_listen"),
            engine_listen=settings.text("engine_listen"),
            forward_to=settings.integer("forward_to"),
            votes=settings.flag("votes"),
            join=settings.text("join"),
            snapshot_blocks=settings.integer("snapshot_blocks"),
            engines=settings.text("engine_path"),
            environment=os.environ,
        ),
        stopped=settings.flag("stopped"),
        verifier_threads=settings.integer("verifier_threads"),
    )


def log_options(settings: Settings) -> LogOptions:
    """The log's part of the settings."""
    file = settings.text("log_file")
    return LogOptions(
        format=settings.text("log_format"),
        level=settings.text("log_level"),
        file=Path(file) if file else None,
        bytes_max=settings.integer("log_bytes_max"),
        files=settings.integer("log_files"),
    )


@contextlib.contextmanager
def build_services(
    node: Node, settings: Settings, logs: Logs | None = None, connections: Connections | None = None
) -> Iterator[NodeServices]:
    """The services of an open node; what they started ends with the context, before the node is closed.

    ``logs`` and ``connections`` are those of the process, where it has them.
    """
    with contextlib.ExitStack() as stack:
        intake = Intake(node.submitter, spreading=node.network)
        stack.callback(intake.close)
        genesis = node.genesis
        sessions = Sessions(
            genesis.chain,
            node.name,
            StateDirectory(node.application.committed),
            system_clock().wall,
            secrets.token_bytes,
            SessionLimits(session_ms=settings.integer("session_minutes") * 60_000),
            settings.list("public_urls"),
        )
        packages = Packages(node.transport)
        events = Subscriptions(
            node.transport.feed,
            subscribers_max=settings.integer("streams_max"),
            per_owner=settings.integer("streams_per_session"),
            check=lambda owner: owner.startswith(ADDRESS_OWNER) or sessions.check_id(owner),
        )
        node.application.add_listener(events.block_committed)
        # Parts that a node may go without are built here, each closed by stack.callback.
        index = _index(node, settings, stack)
        webhooks = build_webhooks(node, settings, stack)
        backups = build_backups(node, settings, stack)
        archiving = build_archiving(node, settings, index, stack)
        sources = MetricSources(
            node, intake, sessions, events, index, logs, build_clock(settings), connections, archiving
        )
        observation = _observation(node, sources, webhooks, stack)
        chains = _chains(node, settings, stack)
        yield NodeServices(
            answers=node.transport,
            intake=intake,
            queries=node.queries,
            proofs=node.proofs,
            sessions=sessions,
            problem=lambda: node.state.problem,
            packages=packages.make,
            verify=packages.check if settings.flag("verify") else None,
            exports=_exports(node, settings),
            paper=Paper(packages.make, settings.text("certificate_url")),
            network=lambda: network_status(node),
            chains=None if chains is None else chains.hosted,
            height_of=Identities(node.application).height_of,
            events=events,
            webhooks=webhooks,
            backups=backups,
            index=index,
            search=None if index is None else _search(node, index),
            metrics=observation.metrics.text if settings.flag("metrics") else None,
            observe=observation,
            operations=None if logs is None else Operations(logs),
            health=observation.health,
        )


def _observation(
    node: Node, sources: MetricSources, webhooks: Webhooks | None, stack: contextlib.ExitStack
) -> Observation:
    """What watches the node, started."""
    observation = Observation(node, sources, None if webhooks is None else webhooks.counts)
    node.application.add_listener(observation.metrics.block_committed)
    if sources.clock is not None:
        stack.callback(sources.clock.stop)
        sources.clock.start()
    stack.callback(observation.stop)
    observation.start()
    return observation


def _exports(node: Node, settings: Settings) -> Exports:
    """What the ledger holds as data elements, proved by a client of the node's own for each call."""
    trust = TrustAnchors((fingerprint(node.genesis).hex(),))
    facts = NodeFacts(ip_address_of(settings.text("listen")), changed_settings(settings))
    return Exports(lambda: Client(node.transport, trust=trust), facts)


def _chains(node: Node, settings: Settings, stack: contextlib.ExitStack) -> ChainHost | None:
    """The chains that the members created by vote, being run; None where nobody can vote, or nothing is written."""
    if not node.machine.governed or node.signer is None:
        return None
    host = ChainHost(node, settings)
    stack.callback(host.stop)
    host.start()
    return host


def _index(node: Node, settings: Settings, stack: contextlib.ExitStack) -> IndexFollower | None:
    """The follower of the index, started; None where the operator does without."""
    if not settings.flag("index"):
        return None

    def problem(code: Code, reason: str) -> None:
        _log.warning("index: %s: %s", code.name, tellable(code, reason))

    database = IndexDatabase(database_url(settings.text("index_url"), node.directory.path))
    follower = IndexFollower(node.application, database, on_problem=problem)
    node.application.add_listener(follower.wake)
    stack.callback(follower.stop)
    follower.start()
    return follower


def _search(node: Node, index: IndexFollower) -> Search:
    return Search(index.database, lambda: node.application.chain.height, index.wait_for)
