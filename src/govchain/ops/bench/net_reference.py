"""The reference of ``govchain bench net``: what the engine alone carries, with an application that does nothing.

Purpose: several CometBFT engines on this machine, each driven by a process whose application always proposes a full
block of random transactions, accepts every block and remembers nothing. What they commit is the most that any ledger
over this engine can reach here; the bench divides the ledger's own rate by it.
Rules: real engines, real sockets, the node's own ABCI server and configuration; counting begins once every engine has
made ``WARM_BLOCKS``; the slowest engine counts. Everything lies in one folder, and every process ends with the run.
Not here: the ledger's run, and the engine under rule ``raft``.

``python -m govchain.ops.bench.net_reference CHILD.json`` is one engine's process, started by :func:`run_reference`.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import psutil

from govchain.consensus import CheckResult, FinalizedBlock, Info, Pool, SnapshotInfo
from govchain.consensus.cometbft import CometEngine, CometOptions, EnginePeer, create_engine_keys
from govchain.consensus.cometbft.genesis import EngineGenesis, engine_block_bytes
from govchain.consensus.engine_binary import find_engine
from govchain.consensus.ordering import OrderingState
from govchain.consensus.ports import Clock
from govchain.model import Code, UnavailableError
from govchain.model.decoders import json_decoder
from govchain.ops.net.layout import free_ports
from govchain.storage.snapshot_checks import SnapshotTrust

__all__ = ["ReferenceResult", "run_reference"]

#: Engine blocks before counting begins.
WARM_BLOCKS: Final = 5
#: How long the engines may take to find each other and warm up, seconds.
_BEGIN_S: Final = 60.0
_HASH: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ReferenceResult:
    """What the slowest engine committed in ``seconds``.

    ``interval_ms`` is the mean time between blocks; ``engine_cores`` the processor time of all engines' processes for
    each second, ``application_cores`` that of the processes that drive them; ``engine_memory_bytes`` the largest
    engine's resident memory.
    """

    validators: int
    seconds: float
    blocks: int
    transactions: int
    bytes: int
    transactions_per_s: float
    bytes_per_s: float
    interval_ms: float
    engine_cores: float
    application_cores: float
    engine_memory_bytes: int


class _Child(msgspec.Struct, frozen=True):
    """What one process is told."""

    home: str
    program: str
    name: str
    listen: str
    peers: list[tuple[str, str]]
    chain: str
    created: int
    validators: list[tuple[str, str]]
    transaction_bytes: int
    block_bytes: int


class _Nothing:
    """An application that does nothing: the same random transactions in every block, and one hash."""

    def __init__(self, transaction_bytes: int, block_bytes: int) -> None:
        self.block = [secrets.token_bytes(transaction_bytes) for _ in range(max(1, block_bytes // transaction_bytes))]
        #: Height, transactions and bytes committed so far: one value, since another thread reads it.
        self.done = (0, 0, 0)
        self._block = (0, 0)

    def info(self) -> Info:
        height = self.done[0]
        return Info(1, height, 0, _HASH if height else b"")

    def init_chain(self) -> bytes:
        return _HASH

    def check_tx(self, envelopes: Sequence[bytes]) -> list[CheckResult]:
        return []

    def prepare_proposal(self, time: int, bytes_max: int) -> list[bytes]:
        return self.block

    def process_proposal(self, envelopes: Sequence[bytes], time: int) -> Code:
        return Code.OK

    def finalize_block(self, envelopes: Sequence[bytes], time: int, engine_height: int) -> FinalizedBlock:
        self._block = (len(envelopes), sum(map(len, envelopes)))
        return FinalizedBlock(_HASH, engine_height, (Code.OK,) * len(envelopes))

    def commit(self) -> int:
        height, transactions, size = self.done
        self.done = (height + 1, transactions + self._block[0], size + self._block[1])
        return 0

    def list_snapshots(self) -> list[SnapshotInfo]:
        return []

    def load_snapshot_chunk(self, height: int, index: int) -> bytes:
        return b""

    def offer_snapshot(self, snapshot: SnapshotInfo, trust: SnapshotTrust) -> Code:
        return Code.STORE_CORRUPT

    def apply_snapshot_chunk(self, index: int, chunk: bytes) -> Code:
        return Code.STORE_CORRUPT


class _Endless(Pool):
    """A pool that always holds more than a block."""

    def __len__(self) -> int:
        return 1

    @property
    def size_bytes(self) -> int:
        return 1 << 40


def run_reference(
    folder: Path,
    *,
    validators: int = 4,
    seconds: float = 20.0,
    transaction_bytes: int = 1024,
    block_bytes: int = 2 * 1024 * 1024,
) -> ReferenceResult:
    """Drive ``validators`` engines below ``folder`` (empty) for ``seconds`` with blocks of ``block_bytes``.

    Raises:
        UnavailableError: ``ENGINE_MISSING``; ``TIMED_OUT`` when the engines do not begin.
    """
    program = find_engine("cometbft", os.environ)
    children = _plan(folder, program, validators, transaction_bytes, block_bytes)
    processes: list[subprocess.Popen[str]] = []
    try:
        for number, child in enumerate(children):
            path = folder / f"{number}.json"
            path.write_bytes(msgspec.json.encode(child))
            command = [sys.executable, "-m", "govchain.ops.bench.net_reference", str(path)]
            processes.append(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
            )
        return _measure(processes, seconds)
    finally:
        for process in processes:
            with contextlib.suppress(OSError):
                assert process.stdin is not None  # it was asked for
                process.stdin.close()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None  # it was asked for
            process.stdout.close()


def _plan(folder: Path, program: Path, count: int, transaction_bytes: int, block_bytes: int) -> list[_Child]:
    homes = [folder / str(number) / "engine" for number in range(count)]
    keys = [create_engine_keys(home) for home in homes]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    chain = f"reference-{secrets.token_hex(4)}"
    created = time.time_ns() // 1_000_000
    names = sorted((key.engine_key.hex(), f"node-{number}") for number, key in enumerate(keys))
    return [
        _Child(
            home=str(homes[number]),
            program=str(program),
            name=f"node-{number}",
            listen=addresses[number],
            peers=[(keys[other].node_id.hex(), addresses[other]) for other in range(count) if other != number],
            chain=chain,
            created=created,
            validators=names,
            transaction_bytes=transaction_bytes,
            block_bytes=block_bytes,
        )
        for number in range(count)
    ]


def _measure(processes: list[subprocess.Popen[str]], seconds: float) -> ReferenceResult:
    deadline = time.monotonic() + _BEGIN_S
    while any(_ask(process)["height"] < WARM_BLOCKS for process in processes):
        if time.monotonic() > deadline:
            raise UnavailableError(Code.TIMED_OUT)
        time.sleep(0.1)
    before = [_ask(process) for process in processes]
    time.sleep(seconds)
    after = [_ask(process) for process in processes]
    spans = [{name: late[name] - early[name] for name in late} for early, late in zip(before, after, strict=True)]
    slowest = min(spans, key=lambda span: span["bytes"] / span["time"])
    took = slowest["time"]
    return ReferenceResult(
        validators=len(processes),
        seconds=took,
        blocks=int(slowest["height"]),
        transactions=int(slowest["transactions"]),
        bytes=int(slowest["bytes"]),
        transactions_per_s=slowest["transactions"] / took,
        bytes_per_s=slowest["bytes"] / took,
        interval_ms=1000 * took / max(1, slowest["height"]),
        engine_cores=sum(span["engine_cpu"] / span["time"] for span in spans),
        application_cores=sum(span["own_cpu"] / span["time"] for span in spans),
        engine_memory_bytes=int(max(each["memory"] for each in after)),
    )


def _ask(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdin is not None  # both were asked for
    assert process.stdout is not None
    try:
        process.stdin.write("?\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except OSError:
        line = ""
    if not line:
        raise UnavailableError(Code.ENGINE_FAILED, reason="a process of the reference ended")
    found: dict[str, float] = json.loads(line)
    return found


def _serve(path: Path) -> int:
    """One engine's process: answers each line of input with a line of figures, and ends with its input."""
    told = json_decoder(_Child).decode(path.read_bytes())
    validators = tuple((bytes.fromhex(key), name) for key, name in told.validators)
    application = _Nothing(told.transaction_bytes, told.block_bytes)
    failed = threading.Event()
    engine = CometEngine(
        application,
        _Endless(),
        CometOptions(
            home=Path(told.home),
            program=Path(told.program),
            genesis=EngineGenesis(told.chain, told.created, validators, engine_block_bytes(told.block_bytes)),
            name=told.name,
            listen=told.listen,
            peers=lambda: [EnginePeer(bytes.fromhex(node), address) for node, address in told.peers],
            loopback=True,
            wait_ms=0,
            linger_ms=0,
        ),
        Clock(lambda: time.time_ns() // 1_000_000, lambda: time.monotonic_ns() // 1_000_000),
        state=OrderingState(on_halt=lambda _code, _reason: failed.set()),
    )
    engine.start()
    for _ in sys.stdin:
        if failed.is_set():
            break
        print(json.dumps(_figures(application, engine)), flush=True)  # noqa: T201 - its answer to the bench
    engine.stop(drain=False)
    return int(failed.is_set())


def _figures(application: _Nothing, engine: CometEngine) -> dict[str, float]:
    engine_cpu = memory = 0.0
    pid = engine.pid
    if pid is not None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            engine_cpu = sum(process.cpu_times()[:2])
            memory = process.memory_info().rss
    height, transactions, size = application.done
    return {
        "time": time.monotonic(),
        "height": height,
        "transactions": transactions,
        "bytes": size,
        "engine_cpu": engine_cpu,
        "own_cpu": time.process_time(),
        "memory": memory,
    }


if __name__ == "__main__":
    sys.exit(_serve(Path(sys.argv[1])))
