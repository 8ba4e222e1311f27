"""This member's etcd from its beginning to its end: when it starts, with whom, and when it starts anew.

Purpose: between the engine and the process: waits until the member may begin, starts the process and watches it.
Rules: the other members are trusted by the keys that the ledger has; when the set changes, the process starts anew
with the new keys, one member after the other, while the rest goes on ordering. The process never outlives the engine.
Not here: the command line (``process``), changing the cluster (``membership``), upkeep (``keeper``).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from time import monotonic
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from govchain.consensus.etcd.client import EtcdClient, EtcdError
from govchain.consensus.etcd.identity import EtcdMember, PeerTls, member_name
from govchain.consensus.etcd.membership import renew_member
from govchain.consensus.etcd.process import Beginning, EtcdHome, EtcdTuning, ask_members, choose_beginning, process_plan
from govchain.consensus.processes import SupervisedProcess
from govchain.model import Code

__all__ = ["EtcdRunner"]

#: How long another member's etcd may take to say who its members are.
_ASK_S: Final = 2.0
_PAUSE_S: Final = 0.5
#: How long the process may take to say how it is.
_HEALTH_S: Final = 1.0
#: What etcd says when the disk is full (errno ENOSPC in words).
_NO_SPACE: Final = "no space left on device"


class EtcdRunner:
    """See the module.

    Args:
        home: where its files lie.
        binary: its program.
        member: this member's key.
        listen: HOST:PORT of its peer port.
        tls_key: this member's TLS key.
        members: the active members whose addresses are known.
        active: the keys of all active members.
        token: the cluster's name.
        tuning: how it runs.
        client: to it.
        on_failed: the process is given up: the code and why.
    """

    def __init__(
        self,
        home: EtcdHome,
        binary: Path,
        member: bytes,
        listen: str,
        tls_key: ec.EllipticCurvePrivateKey,
        members: Callable[[], Sequence[EtcdMember]],
        active: Callable[[], Collection[bytes]],
        token: str,
        tuning: EtcdTuning,
        client: EtcdClient,
        on_failed: Callable[[Code, str], None],
    ) -> None:
        """Starts nothing yet."""
        self._home = home
        self._binary = binary
        self._member = member
        self._listen = listen
        self._tls_key = tls_key
        self._members = members
        self._active = active
        self._token = token
        self._tuning = tuning
        self._client = client
        self._on_failed = on_failed
        self._lock = threading.Lock()
        self._tls: PeerTls | None = None
        self._process: SupervisedProcess | None = None
        self._beginning = Beginning((), existing=True)
        self._trusted: dict[bytes, EtcdMember] = {}
        self._ended = False
        self._anew_at: float | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it lives."""
        return None if self._process is None else self._process.pid

    def begin(
        self,
        stop: threading.Event,
        *,
        founding: bool,
        notice: Callable[[Code, str], None],
        meanwhile: Callable[[], None],
    ) -> bool:
        """Start the process as soon as this member may; whether it was started before ``stop`` was set.

        ``meanwhile`` is called again and again while it may not: what others have ordered may make it a member.
        """
        told = ""
        while not stop.is_set():
            chosen = self._choose(founding=founding)
            if isinstance(chosen, Beginning):
                self._beginning = chosen
                with self._lock:
                    self._start()
                return True
            if chosen != told:
                notice(Code.ENGINE_UNREACHABLE, chosen)
                told = chosen
            meanwhile()
            stop.wait(_PAUSE_S)
        return False

    def follow_members(self) -> None:
        """Look whether the members are still those that the process trusts; else start it anew when it is its turn.

        A new member is trusted at once. One that left is trusted until etcd has let it go, which may take its vote. A
        member that left itself runs on until then, too.
        """
        with self._lock:
            if self._ended or self._tls is None or self._process is None:
                return
            members = {member.key: member for member in self._members()}
            if self._member not in members:
                return
            rest = {key: member for key, member in self._trusted.items() if key not in members}
            if rest:
                with contextlib.suppress(EtcdError):
                    present = {entry.name for entry in self._client.members()}
                    active = self._active()
                    rest = {key: each for key, each in rest.items() if key in active or member_name(key) in present}
            self._trusted = {**rest, **members}
            if self._tls.trust(self._trusted.values()):
                place = sorted(members).index(self._member)
                self._anew_at = monotonic() + place * self._tuning.apart_s
            if self._anew_at is not None and monotonic() >= self._anew_at:
                self._anew_at = None
                self._process.stop()
                self._start()

    def renew(self, member: bytes) -> bool:
        """Take ``member`` out of the cluster; whether it was in it.

        Raises:
            EtcdError: no answer, or refused.
        """
        return renew_member(self._client, member)

    def end(self) -> None:
        """Stop the process, for good."""
        with self._lock:
            self._ended = True
            process, self._process = self._process, None
        if process is not None:
            process.stop()
        with self._lock:
            if self._tls is not None:
                self._tls.close()
                self._tls = None

    def _choose(self, *, founding: bool) -> Beginning | str:
        members = list(self._members())
        own = next((member for member in members if member.key == self._member), None)
        if own is None:
            return "the ledger does not name this node as a member"
        if self._tls is None:
            host = own.address.rpartition(":")[0].strip("[]")
            self._tls = PeerTls(self._home.tls, self._tls_key, host)
        self._trusted = {member.key: member for member in members}
        self._tls.trust(members)
        if self._home.begun:
            # With data of its own etcd goes by that; it only asks that this member is named.
            return Beginning((f"{member_name(own.key)}={own.url}",), existing=True)
        context = self._tls.context()
        return choose_beginning(own, members, lambda other: ask_members(other, context, _ASK_S), founding=founding)

    def _start(self) -> None:
        assert self._tls is not None  # chosen before
        plan = process_plan(
            self._binary,
            self._home,
            self._trusted[self._member],
            self._listen,
            self._tls,
            self._beginning,
            self._token,
            self._tuning,
            self._healthy,
        )
        self._process = SupervisedProcess(plan, self._failed)
        self._process.start()

    def _healthy(self) -> bool:
        try:
            self._client.state(_HEALTH_S)
        except EtcdError:
            return False
        return True

    def _failed(self, code: Code, words: str) -> None:
        if self._member not in self._active():
            self._on_failed(Code.ENGINE_FAILED, "this node is no member any more")
        else:
            self._on_failed(Code.DISK_FULL if _NO_SPACE in words else code, words)
