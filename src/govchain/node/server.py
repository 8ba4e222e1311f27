"""The process of ``govchain up``: a node with its HTTP side, until it is told to end.

Purpose: open the data directory for writing, build the services, listen, run one event loop; on SIGTERM or SIGINT take
nothing new, answer what is under way, order what the pool holds, close; a second signal ends at once, which loses
nothing that was acknowledged. SIGHUP reads the settings again for the log's level and for voting, opens the log's file
again and looks at the TLS files.
Not here: what it serves (``building``), where it listens (``listening``), routes (``api``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import uvloop
from anyio import to_thread

from govchain import __version__
from govchain.api import create_app
from govchain.ledger import require_protocol
from govchain.model import Code, GovChainError, UnavailableError
from govchain.node.building import api_settings, build_services, log_options, node_options
from govchain.node.listening import Server, make_connections, make_server, open_listener
from govchain.node.logs import Logs, start_logs, tellable
from govchain.node.opening import Node, open_node
from govchain.node.resources import verify_resources
from govchain.node.settings import Settings
from govchain.node.tls import TlsFiles
from govchain.proof.genesis import fingerprint
from govchain.services.build import build_id
from govchain.texts import sentence

__all__ = ["serve"]

_log = logging.getLogger("govchain.node")


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
        listener = open_listener(settings.text("listen"))
        with contextlib.closing(listener):
            _serve(path, settings, listener, announce, _Reloading(logs, reload))


def _serve(
    path: Path, settings: Settings, listener: socket.socket, announce: Callable[[str], None], reloading: _Reloading
) -> None:
    connections = make_connections(settings)
    logs = reloading.logs
    began_s = time.monotonic()
    _log.info("starting", extra={"version": __version__, "build": build_id(), "pid": os.getpid()})
    ending = _Ending()
    with (
        open_node(
            path, options=node_options(settings), notice=_notice, on_problem=ending.problem, on_notice=_told
        ) as node,
        build_services(node, settings, logs, connections) as services,
    ):
        chain, genesis = node.application.chain, node.genesis
        facts = {"chain": genesis.chain, "height": chain.height, "genesis": fingerprint(node.genesis).hex()[:16]}
        _log.info("started", extra={**facts, "version": __version__, "build": build_id()})
        app = create_app(services, api_settings(settings))
        server = make_server(app, settings, connections)
        reloading.tls, reloading.node = server.tls, node
        ending.server = server
        if services.events is not None:
            server.streams = services.events.close
        with contextlib.ExitStack() as stack:

            def ready() -> None:
                _tell(listener, settings, stack, announce)

            if ending.code is None:
                uvloop.run(_run(server, listener, settings.integer("read_threads"), reloading, ready))
        height = node.application.chain.height
        ended = _why(ending, node)
    _log.info("stopped", extra={"height": height, "seconds": round(time.monotonic() - began_s, 1)})
    if ended is not None:
        raise ended


class _Ending:
    """Problems that end the process: software that the members' vote has overtaken makes and judges no block."""

    def __init__(self) -> None:
        self.code: Code | None = None
        self.server: Server | None = None

    def problem(self, code: Code, reason: str) -> None:
        """The engine stopped; on any thread."""
        _stopped_ordering(code, reason)
        if code is Code.UPGRADE_REQUIRED:
            self.code = code
            if self.server is not None:
                self.server.should_exit = True


def _why(ending: _Ending, node: Node) -> GovChainError | None:
    """What the process ends with, where it did not end because it was told to."""
    if ending.code is None:
        return None
    try:
        require_protocol(node.machine, node.application.committed, node.application.chain.height + 1)
    except UnavailableError as error:
        return error
    return UnavailableError(ending.code)


def _notice(key: str, params: dict[str, object]) -> None:
    """Log what an operator must know, such as that a software key is in use."""
    _log.warning("%s", sentence(key, "en", **params))


def _told(text: str) -> None:
    """What the engine or the way to other nodes tells though the node goes on."""
    _log.warning("network: %s", text)


def _stopped_ordering(code: Code, reason: str) -> None:
    """The engine stopped: a clock that jumped, a full disk, a damaged store."""
    facts = {"code": code.name, "reason": tellable(code, reason)}
    _log.error("ordering stopped: %s", sentence(f"code.{code.name}", "en"), extra=facts)


class _Reloading:
    """What SIGHUP does."""

    def __init__(self, logs: Logs, settings: Callable[[], Settings] | None) -> None:
        self.logs = logs
        self.tls: TlsFiles | None = None
        self.node: Node | None = None
        self._settings = settings

    def run(self) -> None:
        """Open the log's file again, read level and voting anew, look at the TLS files; in a thread: files may wait."""
        self.logs.reopen()
        level = self.logs.level
        try:
            if self._settings is not None:
                settings = self._settings()
                level = settings.text("log_level")
                if self.node is not None:
                    self.node.set_voting(settings.flag("votes"))
                    self.node.set_stopped(settings.flag("stopped"))
        except GovChainError as error:
            _log.warning("settings not read again: %s", error.text("en"), extra={"code": error.code.name})
        told = {"level_before": self.logs.level, "level_after": level}
        self.logs.set_level(level)
        if self.tls is not None:
            self.tls.check()
        _log.warning("settings read again", extra=told)


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
    # Not by the loop, which gives a signal back its default when it lets go of it: a rotation then would end the node.
    signal.signal(signal.SIGHUP, lambda number, frame: loop.call_soon_threadsafe(reload))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    watch = None if server.tls is None else asyncio.create_task(server.tls.watch())
    try:
        ready()  # whoever hears of the address may end us from now on
        await server.serve(sockets=[listener])
    finally:
        if watch is not None:
            watch.cancel()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the node is being closed, which takes a while
        for number in (signal.SIGTERM, signal.SIGINT):
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
