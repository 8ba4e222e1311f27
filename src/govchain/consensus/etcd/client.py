"""A small client of one etcd process: its JSON gateway over a unix socket, with the standard library's HTTP.

Purpose: the calls that the engine needs (range, transaction, watch, lists of members, upkeep), typed and bounded.
Rules: connections are kept and reused; every call has a time limit; an answer longer than ``ANSWER_BYTES_MAX`` is
refused; what etcd answers is decoded into frozen values, and whatever is none is an error with a code. An error says
whether the call may still have had an effect (``unknown``): who writes must then read before writing again.
Threads: any thread may call.
Not here: what keys mean (``records``), the order (``order``), TLS between the processes (``identity``).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from govchain.model import Code, UnavailableError
from govchain.model.decoders import json_decoder

__all__ = [
    "ANSWER_BYTES_MAX",
    "ClusterMember",
    "Compare",
    "EtcdClient",
    "EtcdError",
    "EtcdState",
    "KeyValue",
    "TxnResult",
    "WatchEvent",
    "delete_range",
    "put",
    "range_end",
]

_T = TypeVar("_T")

#: An answer, in bytes of JSON: several records, or one chunk in base64.
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
#: One line of a watch; only small keys are watched.
_EVENT_BYTES_MAX: Final = 4 * 1024 * 1024
#: Idle connections kept.
_IDLE_MAX: Final = 4
#: The longest path that the kernel takes for a unix socket (unix(7): 108 with the end).
_SOCKET_PATH_MAX: Final = 107


class EtcdError(UnavailableError):
    """A call that failed. ``status`` is gRPC's (0: no answer at all), ``unknown`` whether it may have had an effect."""

    def __init__(self, reason: str, *, status: int = 0, unknown: bool = False) -> None:
        """Keep gRPC's status and whether the outcome is unknown."""
        self.status = status
        self.unknown = unknown
        self.words = reason
        super().__init__(Code.ENGINE_UNREACHABLE, reason=reason)


class KeyValue(msgspec.Struct, frozen=True):
    """A key with its value and revisions (etcd's: one number for each change of the store)."""

    key: bytes
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    version: int = 0


class _Header(msgspec.Struct, frozen=True):
    revision: int = 0
    raft_term: int = 0
    member_id: int = 0


class _Range(msgspec.Struct, frozen=True):
    header: _Header = _Header()
    kvs: tuple[KeyValue, ...] = ()
    more: bool = False


class _Response(msgspec.Struct, frozen=True):
    response_range: _Range | None = None


class _Txn(msgspec.Struct, frozen=True):
    header: _Header = _Header()
    succeeded: bool = False
    responses: tuple[_Response, ...] = ()


class TxnResult(msgspec.Struct, frozen=True):
    """Whether the comparisons held, the store's revision, and what its range requests found, in order."""

    succeeded: bool
    revision: int
    found: tuple[tuple[KeyValue, ...], ...]


class Compare(msgspec.Struct, frozen=True):
    """What must hold of ``key``: its value, its last change's revision (0: it does not exist), or that it exists."""

    key: bytes
    value: bytes | None = None
    mod_revision: int | None = None
    exists: bool = False

    def wire(self) -> dict[str, object]:
        """As etcd's JSON has it."""
        if self.value is not None:
            return {"key": self.key, "target": "VALUE", "result": "EQUAL", "value": self.value}
        if self.exists:
            return {"key": self.key, "target": "MOD", "result": "GREATER", "mod_revision": 0}
        return {"key": self.key, "target": "MOD", "result": "EQUAL", "mod_revision": self.mod_revision or 0}


class WatchEvent(msgspec.Struct, frozen=True):
    """A change: the key as it is now; ``deleted`` when it is gone."""

    item: KeyValue
    deleted: bool


class ClusterMember(msgspec.Struct, frozen=True):
    """A member of the etcd cluster; its name is empty until it has started once."""

    identifier: int = msgspec.field(name="ID", default=0)
    name: str = ""
    peer_urls: tuple[str, ...] = msgspec.field(name="peerURLs", default=())
    learner: bool = msgspec.field(name="isLearner", default=False)


class EtcdState(msgspec.Struct, frozen=True):
    """How the process is: its own id, the leader's (0: none), the term, sizes of its database in bytes, its errors."""

    identifier: int
    leader: int
    term: int
    size: int
    size_in_use: int
    learner: bool
    errors: tuple[str, ...]


class _Status(msgspec.Struct, frozen=True):
    header: _Header = _Header()
    leader: int = 0
    term: int = msgspec.field(name="raftTerm", default=0)
    size: int = msgspec.field(name="dbSize", default=0)
    size_in_use: int = msgspec.field(name="dbSizeInUse", default=0)
    learner: bool = msgspec.field(name="isLearner", default=False)
    errors: tuple[str, ...] = ()


class _Members(msgspec.Struct, frozen=True):
    members: tuple[ClusterMember, ...] = ()


class _Alarm(msgspec.Struct, frozen=True):
    member: int = msgspec.field(name="memberID", default=0)
    alarm: str = "NONE"


class _Alarms(msgspec.Struct, frozen=True):
    alarms: tuple[_Alarm, ...] = ()


class _Event(msgspec.Struct, frozen=True):
    kv: KeyValue
    type: str = "PUT"


class _Watched(msgspec.Struct, frozen=True):
    header: _Header = _Header()
    events: tuple[_Event, ...] = ()
    canceled: bool = False
    compact_revision: int = 0
    cancel_reason: str = ""


class _WatchLine(msgspec.Struct, frozen=True):
    result: _Watched | None = None
    error: dict[str, Any] | None = None


class _Problem(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


def range_end(prefix: bytes) -> bytes:
    """The first key after all that begin with ``prefix`` (whose last byte is below 255)."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def put(key: bytes, value: bytes) -> dict[str, object]:
    """A write, for a transaction."""
    return {"request_put": {"key": key, "value": value}}


def delete_range(first: bytes, end: bytes) -> dict[str, object]:
    """Remove the keys from ``first`` to before ``end``, for a transaction."""
    return {"request_delete_range": {"key": first, "range_end": end}}


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = connect_unix(self._path, self.timeout)


def connect_unix(path: Path, timeout_s: float | None) -> socket.socket:
    """Connect to a unix socket, also where its path is longer than the kernel takes."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.settimeout(timeout_s)
        if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
            found.connect(str(path))
        else:
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                found.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
    except BaseException:
        found.close()
        raise
    return found


class EtcdClient:
    """See the module.

    Args:
        path: etcd's unix socket for HTTP.
        timeout_s: the time limit of a call.
    """

    def __init__(self, path: Path, *, timeout_s: float = 5.0) -> None:
        """Connects with the first call."""
        self._path = path
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._idle: list[_SocketConnection] = []
        self._busy: set[_SocketConnection] = set()
        self._closed = False

    def close(self) -> None:
        """Take no more calls; those in work fail at once, with an unknown outcome."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            sockets = [connection.sock for connection in self._busy]
        for connection in idle:
            connection.close()
        for each in sockets:
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    # -- keys --------------------------------------------------------------------------------------------------

    def get(self, key: bytes, *, local: bool = False) -> KeyValue | None:
        """One key; ``local``: as this process has it, without asking for a majority."""
        found = _decoded(_Range, self._call("kv/range", {"key": key, "serializable": local}, retry=True))
        return found.kvs[0] if found.kvs else None

    def scan(
        self, first: bytes, end: bytes, *, limit: int, local: bool = False, keys_only: bool = False
    ) -> tuple[KeyValue, ...]:
        """The first ``limit`` keys from ``first`` to before ``end``, in order."""
        body = {"key": first, "range_end": end, "limit": limit, "serializable": local, "keys_only": keys_only}
        return _decoded(_Range, self._call("kv/range", body, retry=True)).kvs

    def snapshot(self, prefix: bytes, *, limit: int) -> tuple[tuple[KeyValue, ...], int]:
        """The keys that begin with ``prefix``, agreed with a majority, and the store's revision then."""
        body = {"key": prefix, "range_end": range_end(prefix), "limit": limit}
        found = _decoded(_Range, self._call("kv/range", body, retry=True))
        return found.kvs, found.header.revision

    def put(self, key: bytes, value: bytes) -> None:
        """Write one key."""
        self._call("kv/put", {"key": key, "value": value})

    def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Mapping[str, object]],
        failure: Sequence[Mapping[str, object]] = (),
    ) -> TxnResult:
        """Do ``success`` when all ``compares`` hold, else ``failure``, as one change."""
        body = {"compare": [each.wire() for each in compares], "success": list(success), "failure": list(failure)}
        answer = _decoded(_Txn, self._call("kv/txn", body))
        found = tuple(each.response_range.kvs for each in answer.responses if each.response_range is not None)
        return TxnResult(answer.succeeded, answer.header.revision, found)

    def compact(self, revision: int) -> None:
        """Forget what keys were before ``revision``; done before is no error."""
        try:
            self._call("kv/compaction", {"revision": revision, "physical": True})
        except EtcdError as error:
            if "has been compacted" not in error.words:
                raise

    # -- the process and its cluster ---------------------------------------------------------------------------

    def state(self, timeout_s: float | None = None) -> EtcdState:
        """How the process is; answers without a majority too."""
        found = _decoded(_Status, self._call("maintenance/status", {}, retry=True, timeout_s=timeout_s))
        return EtcdState(
            found.header.member_id,
            found.leader,
            found.term,
            found.size,
            found.size_in_use,
            found.learner,
            found.errors,
        )

    def defragment(self, timeout_s: float) -> None:
        """Give freed space back to the file system; the process answers nothing else meanwhile."""
        self._call("maintenance/defragment", {}, timeout_s=timeout_s)

    def alarms(self) -> tuple[tuple[int, str], ...]:
        """Alarms that are on: the member that raised it, and its name (``NOSPACE``, ``CORRUPT``)."""
        found = _decoded(_Alarms, self._call("maintenance/alarm", {"action": "GET"}, retry=True))
        return tuple((each.member, each.alarm) for each in found.alarms)

    def disarm(self, member: int, alarm: str) -> None:
        """Take an alarm back."""
        self._call("maintenance/alarm", {"action": "DEACTIVATE", "memberID": member, "alarm": alarm})

    def members(self) -> tuple[ClusterMember, ...]:
        """The cluster's members, agreed with a majority."""
        body = {"linearizable": True}
        return _decoded(_Members, self._call("cluster/member/list", body, retry=True)).members

    def add_member(self, peer_url: str) -> None:
        """Add a learner: it takes the log and has no vote until it is promoted."""
        self._call("cluster/member/add", {"peerURLs": [peer_url], "isLearner": True})

    def promote_member(self, identifier: int) -> None:
        """Give a learner its vote; refused while it is behind."""
        self._call("cluster/member/promote", {"ID": identifier})

    def update_member(self, identifier: int, peer_url: str) -> None:
        """Change a member's address."""
        self._call("cluster/member/update", {"ID": identifier, "peerURLs": [peer_url]})

    def remove_member(self, identifier: int) -> None:
        """Take a member out."""
        self._call("cluster/member/remove", {"ID": identifier})

    # -- watching ----------------------------------------------------------------------------------------------

    def watch(self, prefix: bytes, revision: int) -> Watch:
        """Follow the keys that begin with ``prefix``, from changes after ``revision`` on."""
        return Watch(self._path, self._timeout_s, prefix, revision)

    # -- inside ------------------------------------------------------------------------------------------------

    def _call(self, name: str, body: object, *, retry: bool = False, timeout_s: float | None = None) -> bytes:
        """POST; ``retry``: the call changes nothing, so that a kept connection that had ended is tried anew."""
        data = msgspec.json.encode(body)
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        connection, kept = self._connection(limit_s)
        try:
            status, answer = _exchange(connection, name, data)
        except (http.client.HTTPException, OSError) as error:
            self._drop(connection)
            if kept and retry and not isinstance(error, TimeoutError):
                return self._call(name, body, timeout_s=timeout_s)
            # A write may have reached it before the connection ended, unless nobody listened at all.
            unknown = not isinstance(error, ConnectionRefusedError | FileNotFoundError)
            raise EtcdError(f"{type(error).__name__}: {error}", unknown=unknown) from None
        self._keep(connection)
        if status != http.client.OK:
            raise _refusal(status, answer)
        return answer

    def _connection(self, timeout_s: float) -> tuple[_SocketConnection, bool]:
        """A connection, and whether it was used before."""
        with self._lock:
            if self._closed:
                raise EtcdError("closed")
            kept = bool(self._idle)
            connection = self._idle.pop() if kept else _SocketConnection(self._path, timeout_s)
            self._busy.add(connection)
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        return connection, kept

    def _keep(self, connection: _SocketConnection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _IDLE_MAX:
                self._busy.discard(connection)
                self._idle.append(connection)
                return
        self._drop(connection)

    def _drop(self, connection: _SocketConnection) -> None:
        with self._lock:
            self._busy.discard(connection)
        connection.close()


def _decoded(kind: type[_T], answer: bytes) -> _T:
    """An answer as ``kind``; etcd writes 64-bit numbers as text."""
    try:
        return json_decoder(kind, strict=False).decode(answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EtcdError(f"unusable answer: {error}", unknown=True) from None


def _exchange(connection: _SocketConnection, name: str, data: bytes) -> tuple[int, bytes]:
    connection.request("POST", f"/v3/{name}", body=data, headers={"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read(ANSWER_BYTES_MAX + 1)
    if len(answer) > ANSWER_BYTES_MAX:
        raise http.client.HTTPException("answer too long")
    if response.length:  # what was announced and did not come: a bounded read does not say so by itself
        raise http.client.IncompleteRead(b"", response.length)
    return response.status, answer


def _refusal(status: int, answer: bytes) -> EtcdError:
    """What etcd said, as an error. It may have passed on a change that it could not confirm (no leader, time over)."""
    try:
        problem = _decoded(_Problem, answer)
    except EtcdError:
        return EtcdError(f"HTTP {status}", unknown=True)
    # gRPC: 2 unknown, 4 deadline exceeded, 13 internal, 14 unavailable; the others were refused before any change.
    return EtcdError(problem.message[:300], status=problem.code, unknown=problem.code in (1, 2, 4, 13, 14))


class Watch:
    """An open watch: iterate over lists of events; :meth:`close` from another thread ends the iteration."""

    def __init__(self, path: Path, timeout_s: float, prefix: bytes, revision: int) -> None:
        """Open it; raises EtcdError when that cannot be done."""
        request = {"key": prefix, "range_end": range_end(prefix), "start_revision": revision + 1}
        data = msgspec.json.encode({"create_request": request})
        self._connection = _SocketConnection(path, timeout_s)
        try:
            self._connection.request("POST", "/v3/watch", body=data, headers={"Content-Type": "application/json"})
            sock = self._connection.sock
            self._response = self._connection.getresponse()
            if self._response.status != http.client.OK:
                raise _refusal(self._response.status, self._response.read(_EVENT_BYTES_MAX))
            sock.settimeout(None)  # from here on it is silent while nothing happens
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            raise EtcdError(f"{type(error).__name__}: {error}") from None
        except EtcdError:
            self._connection.close()
            raise
        self._socket = sock

    def __iter__(self) -> Iterator[tuple[WatchEvent, ...]]:
        """Events, as they come.

        Raises:
            EtcdError: the process ended, or the place to follow from was compacted away.
        """
        try:
            while line := self._response.readline(_EVENT_BYTES_MAX):
                if not line.endswith(b"\n"):
                    raise EtcdError("event too long")
                answer = _decoded(_WatchLine, line)
                result = answer.result
                if result is None or result.canceled or result.compact_revision:
                    reason = result.cancel_reason if result is not None else str(answer.error)
                    raise EtcdError(f"watch ended: {reason}"[:300])
                if result.events:
                    yield tuple(WatchEvent(each.kv, each.type == "DELETE") for each in result.events)
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise EtcdError(f"{type(error).__name__}: {error}") from None
        raise EtcdError("watch ended")

    def close(self) -> None:
        """End it; a thread that iterates gets an EtcdError."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Give back the connection; by the thread that iterated, after the end."""
        self._connection.close()
