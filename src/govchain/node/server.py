"""The process of ``govchain up``: a node with its HTTP side, until it is told to end.

Purpose: open the data directory for writing, build the services, listen, run one event loop; on SIGTERM or SIGINT take
nothing new, answer what is under way, order what the pool holds, close; a second signal ends at once, which loses
nothing that was acknowledged. SIGHUP reads the settings again for the log's level, opens the log's file again and looks
at the TLS files.
Not here: routes (``api``), settings (``node.settings``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
import uvloop
from anyio import to_thread
from starlette.types import ASGIApp

from govchain import __version__
from govchain.api import ApiSettings, create_app
from govchain.consensus import PoolLimits
from govchain.consensus.solo import SoloOptions
from govchain.index.database import IndexDatabase, database_url
from govchain.model import Code, GovChainError, UnavailableError, UsageError
from govchain.modules.accounts.views import StateDirectory
from govchain.node.backing_up import build_backups
from govchain.node.connections import ConnectionLimits, Connections, bounded_protocol
from govchain.node.delivering import build_webhooks
from govchain.node.embedded import EmbeddedNode, NodeOptions, open_embedded, system_clock
from govchain.node.logs import LogOptions, Logs, start_logs
from govchain.node.metrics import MetricSources
from govchain.node.observing import Observation, build_clock
from govchain.node.resources import verify_resources
from govchain.node.settings import Settings, changed_settings
from govchain.node.tls import TlsFiles
from govchain.proof.genesis import fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.sdk.client import Client
from govchain.services.build import build_id
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
from govchain.texts import sentence

__all__ = [
    "Server",
    "api_settings",
    "build_services",
    "log_options",
    "make_connections",
    "make_server",
    "node_options",
    "serve",
]

_log = logging.getLogger("govchain.node")

#: Connections that wait to be accepted.
_BACKLOG = 1024
#: Bytes of a message that a client may send over a WebSocket: a subscription.
_SOCKET_MESSAGE_BYTES_MAX = 131_072


def api_settings(settings: Settings, node: str) -> ApiSettings:
    """The HTTP side's part of the settings."""
    return ApiSettings(
        node=node,
        reads=settings.text("reads"),
        body_bytes_max=settings.integer("body_bytes_max"),
        envelopes_max=settings.integer("envelopes_max"),
        header_bytes_max=settings.integer("header_bytes_max"),
        header_ms_max=settings.integer("header_ms_max"),
        body_ms_max=settings.integer("body_ms_max"),
        answer_ms_max=settings.integer("answer_ms_max"),
        wait_ms_max=settings.integer("wait_ms_max"),
        idle_ms_max=settings.integer("idle_ms_max"),
        connections_max=settings.integer("connections_max"),
        rate_address=settings.integer("rate_address"),
        rate_session=settings.integer("rate_session"),
        origins=settings.list("cors_origins"),
        verify=settings.flag("verify"),
        read_threads=settings.integer("read_threads"),
        stall_ms_max=settings.integer("stall_ms_max"),
    )


def node_options(settings: Settings) -> NodeOptions:
    """The node's part of the settings."""
    return NodeOptions(
        pool=PoolLimits(settings.integer("pool_transactions_max"), settings.integer("pool_bytes_max")),
        solo=SoloOptions(linger_ms=settings.integer("block_wait_ms")),
        verifier_threads=settings.integer("verifier_threads"),
    )


@contextlib.contextmanager
def build_services(
    node: EmbeddedNode, settings: Settings, logs: Logs | None = None, connections: Connections | None = None
) -> Iterator[NodeServices]:
    """The services of an open node; what they started ends with the context, before the node is closed.

    ``logs`` and ``connections`` are those of the process, where it has them.
    """
    with contextlib.ExitStack() as stack:
        intake = Intake(node.submitter)
        stack.callback(intake.close)
        genesis = node.genesis
        sessions = Sessions(
            genesis.chain,
            genesis.members[0].name,
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
        sources = MetricSources(node, intake, sessions, events, index, logs, build_clock(settings), connections)
        observation = _observation(node, sources, webhooks, stack)
        yield NodeServices(
            answers=node.transport,
            intake=intake,
            queries=node.queries,
            proofs=node.proofs,
            sessions=sessions,
            problem=lambda: node.engine.status().problem,
            packages=packages.make,
            verify=packages.check,
            exports=_exports(node, settings),
            paper=Paper(packages.make, settings.text("certificate_url")),
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
    node: EmbeddedNode, sources: MetricSources, webhooks: Webhooks | None, stack: contextlib.ExitStack
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


def _exports(node: EmbeddedNode, settings: Settings) -> Exports:
    """What the ledger holds as data elements, proved by a client of the node's own for each call."""
    trust = TrustAnchors((fingerprint(node.genesis).hex(),))
    facts = NodeFacts(ip_address_of(settings.text("listen")), changed_settings(settings))
    return Exports(lambda: Client(node.transport, trust=trust), facts)


def _index(node: EmbeddedNode, settings: Settings, stack: contextlib.ExitStack) -> IndexFollower | None:
    """The follower of the index, started; None where the operator does without."""
    if not settings.flag("index"):
        return None

    def problem(code: Code, reason: str) -> None:
        _log.warning("index: %s: %s", code.name, _tellable(code, reason))

    database = IndexDatabase(database_url(settings.text("index_url"), node.directory.path))
    follower = IndexFollower(node.application, database, on_problem=problem)
    node.application.add_listener(follower.wake)
    stack.callback(follower.stop)
    follower.start()
    return follower


def _search(node: EmbeddedNode, index: IndexFollower) -> Search:
    return Search(index.database, lambda: node.application.chain.height, index.wait_for)


def serve(
    path: Path,
    settings: Settings,
    announce: Callable[[str], None] = lambda url: None,
    reload: Callable[[], Settings] | None = None,
) -> None:
    """Run the node at ``path`` until a signal ends it; ``announce`` is told once the address that it listens on.

    ``reload`` gives the settings anew at SIGHUP.

    Raises:
        UnavailableError: the directory is locked, the address is taken, the machine has too little.
        UsageError: an address that is none.
    """
    # Until the event loop hears signals: a rotation that comes early must not end the node.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with start_logs(log_options(settings)) as logs:
        for shortage in verify_resources(path, settings.integer("connections_max")):
            text = sentence(f"code.{shortage.code.name}", "en", **shortage.params)
            _log.warning("resources: %s", text, extra={"code": shortage.code.name})
        # The socket before the node: an address that is taken shall not cost a start of it.
        listener = _listen(settings.text("listen"))
        with contextlib.closing(listener):
            _serve(path, settings, listener, announce, _Reloading(logs, reload))


def _serve(
    path: Path, settings: Settings, listener: socket.socket, announce: Callable[[str], None], reloading: _Reloading
) -> None:
    connections = make_connections(settings)
    logs = reloading.logs
    began_s = time.monotonic()
    _log.info("starting", extra={"version": __version__, "build": build_id(), "pid": os.getpid()})
    with (
        open_embedded(path, options=node_options(settings), notice=_notice, on_problem=_stopped_ordering) as node,
        build_services(node, settings, logs, connections) as services,
    ):
        chain, genesis = node.application.chain, node.genesis
        facts = {"chain": genesis.chain, "height": chain.height, "genesis": fingerprint(node.genesis).hex()[:16]}
        _log.info("started", extra={**facts, "version": __version__, "build": build_id()})
        app = create_app(services, api_settings(settings, genesis.members[0].name))
        server = make_server(app, settings, connections)
        reloading.tls = server.tls
        if services.events is not None:
            server.streams = services.events.close
        with contextlib.ExitStack() as stack:

            def ready() -> None:
                _tell(listener, settings, stack, announce)

            uvloop.run(_run(server, listener, settings.integer("read_threads"), reloading, ready))
        height = node.application.chain.height
    _log.info("stopped", extra={"height": height, "seconds": round(time.monotonic() - began_s, 1)})


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


def _notice(key: str, params: dict[str, object]) -> None:
    """Log what an operator must know, such as that a software key is in use."""
    _log.warning("%s", sentence(key, "en", **params))


def _stopped_ordering(code: Code, reason: str) -> None:
    """The engine stopped: a clock that jumped, a full disk, a damaged store."""
    facts = {"code": code.name, "reason": _tellable(code, reason)}
    _log.error("ordering stopped: %s", sentence(f"code.{code.name}", "en"), extra=facts)


def _tellable(code: Code, reason: str) -> str:
    """``reason`` for the log: of an internal error its kind alone, since its message may quote what was handled."""
    return reason.partition(":")[0] if code == Code.INTERNAL else reason


class _Reloading:
    """What SIGHUP does."""

    def __init__(self, logs: Logs, settings: Callable[[], Settings] | None) -> None:
        self.logs = logs
        self.tls: TlsFiles | None = None
        self._settings = settings

    def run(self) -> None:
        """Open the log's file again, read the level anew, look at the TLS files; in a thread, since files may wait."""
        self.logs.reopen()
        level = self.logs.level
        try:
            if self._settings is not None:
                level = self._settings().text("log_level")
        except GovChainError as error:
            _log.warning("settings not read again: %s", error.text("en"), extra={"code": error.code.name})
        told = {"level_before": self.logs.level, "level_after": level}
        self.logs.set_level(level)
        if self.tls is not None:
            self.tls.check()
        _log.warning("settings read again", extra=told)


def make_connections(settings: Settings) -> Connections:
    """The connections of a server that is to be, bounded by the settings."""
    return Connections(
        ConnectionLimits(
            settings.integer("connections_max"),
            settings.integer("header_bytes_max"),
            settings.integer("header_ms_max"),
            settings.integer("stall_ms_max"),
        )
    )


def make_server(app: ASGIApp, settings: Settings, connections: Connections | None = None) -> Server:
    """The server for ``app`` with all its bounds, not listening yet.

    Raises:
        UnavailableError: ``TLS_UNUSABLE``. UsageError: one of the two TLS files is not named.
    """
    connections = make_connections(settings) if connections is None else connections  # an empty one is false
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded_protocol(connections),  # type: ignore[arg-type]  # takes any protocol class
        ws="websockets-sansio",
        ws_max_size=_SOCKET_MESSAGE_BYTES_MAX,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=max(1, settings.integer("idle_ms_max") // 1000),
        timeout_graceful_shutdown=max(1, settings.integer("drain_ms_max") // 1000),
    )
    server = Server(config)
    server.bounded = connections
    certificate, key = settings.text("tls_certificate"), settings.text("tls_key")
    if bool(certificate) != bool(key):
        raise UsageError(Code.USAGE, reason="tls_certificate and tls_key are given together")
    if certificate:
        server.tls = TlsFiles(Path(certificate), Path(key))
        config.load()
        config.ssl = server.tls.context
    return server


class Server(uvicorn.Server):
    """Uvicorn without its own signal handling, which tells ``streams`` to end before it waits for connections."""

    streams: Callable[[], None] = staticmethod(lambda: None)
    bounded: Connections
    tls: TlsFiles | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which would last for ever, then what is under way."""
        self.streams()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours."""
        yield


async def _run(
    server: Server, listener: socket.socket, read_threads: int, reloading: _Reloading, ready: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()
    to_thread.current_default_thread_limiter().total_tokens = read_threads

    def end(number: int) -> None:
        if server.should_exit:
            os._exit(128 + number)  # everything acknowledged is durable: kill -9 would lose nothing either
        server.should_exit = True
        _log.info("draining", extra={"signal": signal.Signals(number).name})

    def reload() -> None:
        reloads.append(loop.run_in_executor(None, reloading.run))
        del reloads[:-1]

    reloads: list[asyncio.Future[None]] = []
    loop.add_signal_handler(signal.SIGHUP, reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    watch = None if server.tls is None else asyncio.create_task(server.tls.watch())
    try:
        ready()  # whoever hears of the address may end us from now on
        await server.serve(sockets=[listener])
    finally:
        if watch is not None:
            watch.cancel()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


def _tell(
    listener: socket.socket, settings: Settings, stack: contextlib.ExitStack, announce: Callable[[str], None]
) -> None:
    """Say where we listen, and write it to the file that the settings name."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.text("tls_certificate") else "http"
    url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    if settings.text("listen_file"):
        place = Path(settings.text("listen_file"))
        partial = place.with_name(place.name + ".partial")
        try:
            partial.write_text(url + "\n", encoding="utf-8")
            partial.replace(place)
        except OSError as error:
            raise UnavailableError(Code.FILE_UNWRITABLE, path=str(place), reason=error.strerror or "") from None
        stack.callback(place.unlink, missing_ok=True)
    _log.info("listening", extra={"url": url})
    announce(url)


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(Code.USAGE, reason=f"listen: HOST:PORT, not {address[:80]!r}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise UnavailableError(Code.LISTEN_FAILED, address=address, reason=error.strerror or str(error)) from None
    return listener
