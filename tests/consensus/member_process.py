"""The test's hand on one member's process (``member_child``): started, told what to do, killed, stopped."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from govchain.ops.net import layout

#: Seconds that a test waits for what must happen.
PATIENCE_S = 60.0
ROOT = Path(__file__).resolve().parents[2]


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, outside those that the system gives to connections."""
    return list(layout.free_ports(count))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class MemberProcess:
    """The test's hand on one member's process; ``program`` is the module that it runs."""

    program = "tests.consensus.cometbft.member"

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.process: subprocess.Popen[str] | None = None
        self.engine: int | None = None  # the engine's process id when it was last asked
        self.changed = threading.Condition()
        self.lines: list[dict] = []
        self.outcomes: dict[int, dict] = {}
        self.sent: dict[int, bytes] = {}  # by the place under which an outcome will be known
        self._places = itertools.count()

    @property
    def told(self) -> dict:
        return json.loads((self.folder / "member.json").read_text("utf-8"))

    def tell(self, **changes: object) -> None:
        """Change what the member reads at its start."""
        (self.folder / "member.json").write_text(json.dumps(self.told | changes), "utf-8")

    def start(self) -> None:
        command = [sys.executable, "-m", self.program, str(self.folder)]
        error = (self.folder / "stderr").open("ab")
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=error, text=True
        )
        error.close()
        since = len(self.lines)
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        self.wait_for("started", since)

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout:  # to its end: the reader closes what it read
            said = json.loads(line)
            with self.changed:
                self.lines.append(said)
                if "settled" in said:
                    self.outcomes[said["settled"]] = said
                self.changed.notify_all()
        process.stdout.close()
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.wait()
        with self.changed:
            self.lines.append({"ended": process.pid})
            self.changed.notify_all()

    def said(self, word: str) -> list[object]:
        with self.changed:
            return [line[word] for line in self.lines if word in line]

    def wait_for(self, word: str, since: int = 0, patience_s: float = PATIENCE_S) -> object:
        """The first line with that word after ``since`` lines."""

        def found() -> list[dict]:
            return [line for line in self.lines[since:] if word in line]

        with self.changed:
            ok = self.changed.wait_for(lambda: found() or self._ended(since), patience_s)
            assert ok, f"{self.name}: waited in vain for {word}: {self.words()}"
            assert found(), f"{self.name}: ended without {word}: {self.words()}"
            return found()[0][word]

    def _ended(self, since: int) -> bool:
        return any(line.get("ended") == self.process.pid for line in self.lines[since:])

    def words(self) -> str:
        """The last words of process and engine, for a failed test's message."""
        log = self.folder / "engine" / "cometbft.log"
        engine = log.read_text("utf-8", "replace")[-2000:] if log.exists() else ""
        return f"{self.lines[-5:]} {(self.folder / 'stderr').read_text('utf-8')[-3000:]} {engine}"

    def ask(self, do: str, answer: str, **what: object) -> object:
        since = len(self.lines)
        self.write(do=do, **what)
        return self.wait_for(answer, since)

    def write(self, **what: object) -> None:
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def facts(self) -> dict:
        found = self.ask("facts", "facts")
        self.engine = found["pid"]
        return found

    def submit(self, *envelopes: bytes) -> list[int]:
        """Hand in; answers the places under which outcomes will be known."""
        places = [next(self._places) for _ in envelopes]
        self.sent.update(zip(places, envelopes, strict=True))
        self.write(do="submit", places=places, envelopes=[each.hex() for each in envelopes])
        return places

    def settled(self, places: Sequence[int], patience_s: float = PATIENCE_S) -> list[dict]:
        with self.changed:
            ok = self.changed.wait_for(lambda: all(place in self.outcomes for place in places), patience_s)
            assert ok, f"{self.name}: not settled: {self.words()}"
            return [self.outcomes[place] for place in places]

    def commit(self, *envelopes: bytes) -> list[dict]:
        """Hand in and wait for the receipts."""
        outcomes = self.settled(self.submit(*envelopes))
        assert all(each["height"] for each in outcomes), outcomes
        return outcomes

    def kill(self) -> None:
        """kill -9 of the member's process; the kernel ends its engine."""
        since = len(self.lines)
        self.process.kill()
        self.process.wait()
        self.wait_for("ended", since)

    def kill_engine(self) -> int:
        """kill -9 of the engine alone; its process id."""
        wait_until(lambda: self.facts()["pid"], "the engine's process")
        pid = self.facts()["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        since = len(self.lines)
        with contextlib.suppress(OSError):
            self.process.send_signal(signal.SIGCONT)
            self.write(do="stop")
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.wait_for("ended", since)


def wait_until(condition: Callable[[], object], what: Callable[[], str] | str, patience_s: float = PATIENCE_S) -> None:
    """Wait for what other processes bring about."""
    limit = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < limit, f"waited in vain: {what() if callable(what) else what}"
        time.sleep(0.05)
