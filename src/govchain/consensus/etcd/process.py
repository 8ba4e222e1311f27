"""etcd as a process of this node: its options, and how a member without data begins.

Purpose: the command line; whether a member founds the cluster with the others, joins one that runs, or must wait.
Rules: clients reach it by unix sockets in its own folder only; members by TLS 1.3 with each other's keys. A member
that has data starts with it. One without asks the other members' etcd first: a cluster that knows its address lets it
in; one that knew it as started before does not: its votes and its log are gone, and the others must renew it. Only
when nobody answers do the founders begin a new cluster.
Not here: watching the process (:mod:`govchain.consensus.processes`), changing members (``membership``).
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from govchain.consensus.etcd.identity import EtcdMember, PeerTls, member_name
from govchain.consensus.processes import ProcessPlan
from govchain.model.decoders import json_decoder

__all__ = ["Beginning", "EtcdHome", "EtcdTuning", "ask_members", "choose_beginning", "process_plan"]

_ANSWER_BYTES_MAX: Final = 1024 * 1024
_MEMBERS_MAX: Final = 256
#: What etcd writes for each connection of somebody without a member's key.
_STRANGER: Final = "rejected connection on peer endpoint"


@dataclass(frozen=True, slots=True)
class EtcdTuning:
    """How etcd is run.

    Attributes:
        heartbeat_ms: between two heartbeats of the leader.
        election_ms: silence after which a follower stands for election.
        quota_bytes: size of its database above which it takes nothing more.
        entries_kept: log entries kept in memory for followers that lag; each is up to 1.5 MiB.
        call_s: time limit of a call.
        apart_s: between two members whose processes start anew because the members changed.
    """

    heartbeat_ms: int = 100
    election_ms: int = 1000
    quota_bytes: int = 1024 * 1024 * 1024
    entries_kept: int = 100
    call_s: float = 5.0
    apart_s: float = 5.0


class EtcdHome:
    """Where etcd's files lie: ``<data>/engine/``."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when the process starts."""
        self.folder = folder
        self.data = folder / "etcd"
        self.log = folder / "etcd.log"
        self.socket = folder / "http.sock"
        self.tls = folder / "tls"

    @property
    def begun(self) -> bool:
        """Whether this member has data of its own."""
        return (self.data / "member" / "wal").is_dir() and any((self.data / "member" / "wal").glob("*.wal"))


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a member starts: the cluster's members as NAME=URL, and whether the cluster runs already."""

    cluster: tuple[str, ...]
    existing: bool


class RemoteMember(msgspec.Struct, frozen=True):
    """A member as another member's etcd lists it; ``client_urls`` are there once it has started."""

    name: str = ""
    peer_urls: tuple[str, ...] = msgspec.field(name="peerURLs", default=())
    client_urls: tuple[str, ...] = msgspec.field(name="clientURLs", default=())


def ask_members(member: EtcdMember, context: ssl.SSLContext, timeout_s: float) -> tuple[RemoteMember, ...] | None:
    """The cluster's members as ``member``'s etcd has them; None when it does not answer."""
    host, _, port = member.address.rpartition(":")
    connection = http.client.HTTPSConnection(host.strip("[]"), int(port), timeout=timeout_s, context=context)
    try:
        connection.request("GET", "/members")
        response = connection.getresponse()
        answer = response.read(_ANSWER_BYTES_MAX)
        if response.status != http.client.OK:
            return None
        found = json_decoder(tuple[RemoteMember, ...]).decode(answer)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    finally:
        connection.close()
    return found if 0 < len(found) <= _MEMBERS_MAX else None


def choose_beginning(
    own: EtcdMember,
    members: Sequence[EtcdMember],
    ask: Callable[[EtcdMember], tuple[RemoteMember, ...] | None],
    *,
    founding: bool,
) -> Beginning | str:
    """How a member without data begins, or why it must wait.

    Args:
        own: this member.
        members: those that the ledger, or genesis, names as active.
        ask: the question to another member.
        founding: whether the chain has no block yet, and this member belongs to those that genesis names.
    """
    answers = [found for member in members if member.key != own.key and (found := ask(member)) is not None]
    founders = tuple(f"{member_name(member.key)}={member.url}" for member in members)
    if not answers:
        return Beginning(founders, existing=False) if founding else "no member's etcd answers"
    listed = max(answers, key=len)
    mine = [each for each in listed if own.url in each.peer_urls]
    if not mine:
        return "the other members have not added it yet"
    if mine[0].client_urls:
        return "its etcd has run before and its data is gone: another member must renew it"
    if mine[0].name:  # named from the beginning, and has not started yet: the founders have gone ahead
        return Beginning(founders, existing=False) if founding else "it is named as a founder, and is none"
    cluster = tuple(
        f"{each.name if each is not mine[0] else member_name(own.key)}={url}"
        for each in listed
        for url in each.peer_urls
        if each.name or each is mine[0]
    )
    return Beginning(cluster, existing=True)


def process_plan(
    binary: Path,
    home: EtcdHome,
    own: EtcdMember,
    listen: str,
    tls: PeerTls,
    beginning: Beginning,
    token: str,
    tuning: EtcdTuning,
    healthy: Callable[[], bool],
) -> ProcessPlan:
    """What to run. Sockets are named relative to the folder that it runs in, since their paths have a short limit."""
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        home.folder.chmod(0o700)  # the sockets in it are open to whoever reaches them
    command = (
        str(binary),
        f"--name={member_name(own.key)}",
        f"--data-dir={home.data.name}",
        f"--listen-peer-urls=https://{listen}",
        f"--initial-advertise-peer-urls={own.url}",
        f"--listen-client-http-urls=unix://{home.socket.name}",
        "--listen-client-urls=unix://grpc.sock",
        "--advertise-client-urls=unix://grpc.sock",
        f"--initial-cluster={','.join(beginning.cluster)}",
        f"--initial-cluster-state={'existing' if beginning.existing else 'new'}",
        f"--initial-cluster-token={token}",
        f"--heartbeat-interval={tuning.heartbeat_ms}",
        f"--election-timeout={tuning.election_ms}",
        f"--quota-backend-bytes={tuning.quota_bytes}",
        f"--snapshot-count={tuning.entries_kept}",
        f"--snapshot-catchup-entries={tuning.entries_kept}",
        "--max-snapshots=2",
        "--max-wals=2",
        "--feature-gates=InitialCorruptCheck=true",
        "--log-level=warn",
        *tls.options(),
    )
    # etcd warns where it is told of an environment of other settings; it needs none.
    return ProcessPlan(
        name="etcd",
        command=command,
        log=home.log,
        directory=home.folder,
        descriptors=(tls.descriptor,),
        healthy=healthy,
        common=lambda line: _STRANGER if _STRANGER in line else "",
        stop_s=15.0,
    )
