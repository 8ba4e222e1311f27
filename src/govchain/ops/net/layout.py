"""The folder of a network on this machine, and the file that remembers it.

::

    DIR/
      network.json           nodes with organisations and ports; written whole, replaced at each change
      genesis.json           the genesis that all signed
      members/               member files; signatures/: their signatures over genesis
      nodes/node-0/data      a node's data directory; home: its GOVCHAIN_HOME; node.log, output.log; process.json
      nodes/node-0/home/accounts   keys of the organisation's accounts, where the node was made again

Rules: ports are chosen once, below the range that the system hands out, and kept. Not here: what runs (``processes``).
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from govchain.model import Code, RefusedError, UnavailableError
from govchain.model.decoders import json_decoder
from govchain.modules.governance.changing import CHAINS_MAX
from govchain.node.chains.places import PORTS_EACH

__all__ = [
    "LOOPBACK",
    "NETWORK_FORMAT",
    "NODES_MAX",
    "NetworkFile",
    "NetworkFolder",
    "NodeEntry",
    "NodePlace",
    "free_chain_ports",
    "free_ports",
    "load_network",
    "save_network",
]

#: Name and version of network.json.
NETWORK_FORMAT: Final = "govchain-net/1"
#: The address that every port of such a network is on.
LOOPBACK: Final = "127.0.0.1"
#: Nodes of a network on one machine, at most.
NODES_MAX: Final = 32
_FILE_BYTES_MAX: Final = 1024 * 1024
#: Ports that are tried: below those that the system gives to outgoing connections.
_PORTS: Final = range(20_000, 32_000)
#: Where the ports of a node's further chains may begin, so that those of two nodes do not meet.
_CHAIN_PORTS: Final = range(10_000, 19_800, PORTS_EACH * CHAINS_MAX)

_Port = Annotated[int, Meta(ge=1, le=65_535)]


class NodeEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One node: ``name`` is its folder's, too. Ports are on loopback. ``removed``: voted out, its archive is kept."""

    api: _Port
    engine: _Port
    key: str
    name: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z0-9-]+\Z")]
    organisation: str
    organisation_name: str
    peers: _Port
    removed: bool = False

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://{LOOPBACK}:{self.api}"


class NetworkFile(Struct, frozen=True, forbid_unknown_fields=True):
    """What ``network.json`` says."""

    chain: str
    engine: Literal["cometbft", "etcd"]
    format: Literal["govchain-net/1"]
    nodes: Annotated[tuple[NodeEntry, ...], Meta(min_length=1, max_length=NODES_MAX)]
    suite: Literal["gm", "international"]

    @property
    def present(self) -> tuple[NodeEntry, ...]:
        """The nodes that were not removed."""
        return tuple(node for node in self.nodes if not node.removed)

    def named(self, name: str) -> NodeEntry:
        """The node with that name.

        Raises:
            RefusedError: ``NOT_FOUND``.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise RefusedError(Code.NOT_FOUND, reason=name)


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where one node keeps what."""

    folder: Path

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def home(self) -> Path:
        """The user's files of whoever operates it (``GOVCHAIN_HOME``): its trust store."""
        return self.folder / "home"

    @property
    def accounts(self) -> Path:
        """The keys of the organisation's accounts: the node's folder of keys, until the node is made again."""
        return self.kept_accounts if self.kept_accounts.is_dir() else self.data / "keys"

    @property
    def kept_accounts(self) -> Path:
        """Where they lie once the node was made again: no part of its data directory."""
        return self.home / "accounts"

    @property
    def log(self) -> Path:
        """The node's log."""
        return self.folder / "node.log"

    @property
    def output(self) -> Path:
        """What the process prints: where it listens, or why it did not start."""
        return self.folder / "output.log"

    @property
    def process(self) -> Path:
        """The running process: its id and its start time."""
        return self.folder / "process.json"


@dataclass(frozen=True, slots=True)
class NetworkFolder:
    """The names inside a network's folder."""

    path: Path

    @property
    def file(self) -> Path:
        """What is remembered."""
        return self.path / "network.json"

    @property
    def genesis(self) -> Path:
        """The genesis file."""
        return self.path / "genesis.json"

    @property
    def members(self) -> Path:
        """The folder of member files."""
        return self.path / "members"

    @property
    def signatures(self) -> Path:
        """The folder of signatures over genesis."""
        return self.path / "signatures"

    def node(self, name: str) -> NodePlace:
        """Where the node ``name`` keeps what."""
        return NodePlace(self.path / "nodes" / name)

    def record_files(self) -> list[tuple[str, bytes]]:
        """The member files, as (name, bytes), sorted by name."""
        return [(str(path), path.read_bytes()) for path in sorted(self.members.glob("*.json"))]


def load_network(path: Path) -> NetworkFile:
    """The network in the folder ``path``.

    Raises:
        UnavailableError: ``NETWORK_MISSING`` where there is none, or its file is damaged.
    """
    file = NetworkFolder(path).file
    try:
        with file.open("rb") as source:
            data = source.read(_FILE_BYTES_MAX + 1)
        return json_decoder(NetworkFile).decode(data)
    except OSError as error:
        raise UnavailableError(Code.NETWORK_MISSING, path=str(path), reason=error.strerror or "") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnavailableError(Code.NETWORK_MISSING, path=str(file), reason=str(error)[:200]) from None


def save_network(path: Path, network: NetworkFile) -> None:
    """Write ``network.json``, whole or not at all."""
    file = NetworkFolder(path).file
    beside = file.with_name(f".{file.name}.partial")
    data = msgspec.json.format(msgspec.json.encode(network), indent=2) + b"\n"
    try:
        with beside.open("wb") as target:
            target.write(data)
            target.flush()
            os.fsync(target.fileno())
        beside.replace(file)
    except OSError as error:
        raise UnavailableError(Code.FILE_UNWRITABLE, path=str(file), reason=error.strerror or "") from None


def free_ports(count: int, taken: Iterable[int] = ()) -> Iterator[int]:
    """``count`` ports of loopback that nobody listens on now and that are not among ``taken``.

    Raises:
        UnavailableError: ``LISTEN_FAILED`` where so many are not free.
    """
    left, used = count, set(taken)
    start = secrets.randbelow(len(_PORTS))
    for offset in range(len(_PORTS)):
        if not left:
            return
        port = _PORTS[(start + offset) % len(_PORTS)]
        if port in used or not _is_free(port):
            continue
        left -= 1
        yield port
    if left:
        raise UnavailableError(Code.LISTEN_FAILED, address=f"{LOOPBACK}:{_PORTS.start}", reason="no free port")


def free_chain_ports(taken: Iterable[int] = ()) -> int:
    """A value of ``chain_ports`` for one node: nobody listens on the first of these ports, and none is of ``taken``.

    Raises:
        UnavailableError: ``LISTEN_FAILED`` where there is none.
    """
    used, start = set(taken), secrets.randbelow(len(_CHAIN_PORTS))
    for offset in range(len(_CHAIN_PORTS)):
        first = _CHAIN_PORTS[(start + offset) % len(_CHAIN_PORTS)]
        if first not in used and all(_is_free(port) for port in range(first, first + PORTS_EACH)):
            return first
    raise UnavailableError(Code.LISTEN_FAILED, address=f"127.0.0.1:{_CHAIN_PORTS.start}", reason="no free port")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
