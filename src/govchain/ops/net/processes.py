"""The nodes' processes: started each in a session of its own, waited for, stopped, killed.

Purpose: what ``govchain net start`` and ``stop`` do, and what the demonstration and tests do to one node alone.
Rules: a process is known by its id and its start time, so that an id that the system gave to somebody else is never
touched; whoever starts a network may end before it. Not here: what a node does (``node.server``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from govchain.model import Code, GovChainError, UnavailableError
from govchain.model.decoders import json_decoder
from govchain.ops.net.layout import NetworkFolder, NodeEntry, NodePlace
from govchain.sdk.probing import ProbeTransport

__all__ = ["START_S", "STOP_S", "RunningProcess", "find_process", "kill_node", "start_nodes", "stop_nodes"]

#: Seconds within which every node that was started must be healthy.
START_S: Final = 120.0
#: Seconds that a node has to end in good order before it is killed.
STOP_S: Final = 60.0
_LOOK_S: Final = 0.1
_LAST_WORDS: Final = 600
#: Processes that this one started, by id: they are waited for where they end first, and left running where we do.
_children: dict[int, subprocess.Popen[bytes]] = {}


class RunningProcess(Struct, frozen=True):
    """A node's process: its id, and when it started in ticks since the machine's (``/proc/PID/stat``, field 22)."""

    pid: int
    started: int


def find_process(place: NodePlace) -> RunningProcess | None:
    """The node's process, where it runs."""
    try:
        known = json_decoder(RunningProcess).decode(place.process.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
    return known if known.started and _started(known.pid) == known.started else None


def start_nodes(
    folder: NetworkFolder,
    nodes: Iterable[NodeEntry],
    *,
    timeout_s: float = START_S,
    tell: Callable[[NodeEntry], None] = lambda node: None,
    wait: bool = True,
) -> list[NodeEntry]:
    """Start those that do not run, and wait until each takes transactions; ``tell`` hears of each that does.

    Returns:
        The nodes that were started.

    Raises:
        UnavailableError: ``NETWORK_NODE`` with the last words of the first that ended or was not healthy in time.
    """
    started = [node for node in nodes if find_process(folder.node(node.name)) is None]
    children = {node.name: _spawn(folder, node) for node in started}
    deadline = time.monotonic() + timeout_s
    waiting = list(started) if wait else []
    reason = ""
    while waiting:
        for node in list(waiting):
            code = children[node.name].poll()
            if code is not None:
                raise _failed(folder, node, f"exit code {code}")
            reason = _why_not(node)
            if not reason:
                waiting.remove(node)
                tell(node)
        if waiting and time.monotonic() > deadline:
            raise _failed(folder, waiting[0], reason)
        time.sleep(_LOOK_S)
    return started


def stop_nodes(folder: NetworkFolder, nodes: Iterable[NodeEntry], *, timeout_s: float = STOP_S) -> dict[str, bool]:
    """End the nodes that run, all at once and in good order; whether each did so within the time, else it was killed.

    Nodes that do not run are left out of the answer.
    """
    running = {node.name: found for node in nodes if (found := find_process(folder.node(node.name))) is not None}
    for process in running.values():
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    ended = {name: _gone(process, deadline) for name, process in running.items()}
    for name, well in ended.items():
        if not well:
            _signal(running[name], signal.SIGKILL)
            _gone(running[name], time.monotonic() + STOP_S)
        folder.node(name).process.unlink(missing_ok=True)
    return ended


def kill_node(folder: NetworkFolder, node: NodeEntry, number: int = signal.SIGKILL) -> RunningProcess:
    """Send a node's process a signal, by default the one that it cannot hear; after SIGKILL it is gone on return.

    Raises:
        UnavailableError: ``NETWORK_NODE`` where it does not run.
    """
    process = find_process(folder.node(node.name))
    if process is None:
        raise UnavailableError(Code.NETWORK_NODE, name=node.name, reason="it does not run")
    _signal(process, number)
    if number == signal.SIGKILL:
        _gone(process, time.monotonic() + STOP_S)
        folder.node(node.name).process.unlink(missing_ok=True)
    return process


def _spawn(folder: NetworkFolder, node: NodeEntry) -> subprocess.Popen[bytes]:
    place = folder.node(node.name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOVCHAIN_")}
    engines = {name: value for name, value in os.environ.items() if name == "GOVCHAIN_ENGINES"}
    command = [sys.executable, "-m", "govchain.cli", "up", str(place.data), "--log-file", str(place.log), "--json"]
    with place.output.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - our own command
            command,
            cwd=place.folder,
            env={**kept, **engines, "GOVCHAIN_HOME": str(place.home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    process = RunningProcess(child.pid, _started(child.pid))
    place.process.write_bytes(msgspec.json.encode(process))
    return child


def _why_not(node: NodeEntry) -> str:
    """Why the node takes no transactions, or an empty string."""
    transport = ProbeTransport(node.url)
    try:
        transport.ready()
    except GovChainError as error:
        return error.code.name
    finally:
        transport.close()
    return ""


def _failed(folder: NetworkFolder, node: NodeEntry, reason: str) -> UnavailableError:
    words = ""
    with contextlib.suppress(OSError):
        words = folder.node(node.name).output.read_text("utf-8", "replace").strip()[-_LAST_WORDS:]
    return UnavailableError(Code.NETWORK_NODE, name=node.name, reason=f"{reason}: {words}" if words else reason)


def _signal(process: RunningProcess, number: int) -> None:
    """Signal the process where it is still the same one."""
    if _started(process.pid) == process.started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _gone(process: RunningProcess, deadline: float) -> bool:
    """Whether the process has ended by ``deadline``."""
    while _started(process.pid) == process.started:
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S / 2)
    child = _children.pop(process.pid, None)
    if child is not None:
        child.wait()
    return True


def _started(pid: int) -> int:
    """When the process with that id started; 0 where there is none, or it is dead and only not waited for."""
    try:
        after = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if after[0] in "ZX" else int(after[19])
