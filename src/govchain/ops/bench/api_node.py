"""The node that ``govchain bench api`` loads: ``govchain up`` as a process of its own, and what it costs.

Purpose: start, ask, stop; processor time, memory and open files of the process as the kernel counts them. With
``sampled`` the same command runs under :mod:`govchain.ops.bench.sampler`. Not here: load (``api_client``).
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from govchain.model import Code, UnavailableError

__all__ = ["NodeProcess"]

#: How long a node may take to start or to end, in seconds.
_WAIT_S: Final = 60
#: Characters of what a failed node said that are told.
_SAID_CHARACTERS_MAX: Final = 2_000


class NodeProcess:
    """A running node; a context manager, which ends it.

    Args:
        path: data directory.
        settings: by name, over the defaults.
        sampled: run it under the sampler, for :meth:`begin_profile`.

    Raises:
        UnavailableError: ``NODE_UNREACHABLE`` when it does not start.
    """

    def __init__(self, path: Path, settings: dict[str, str], *, sampled: bool = False) -> None:
        flags = [part for name, value in settings.items() for part in ("--" + name.replace("_", "-"), value)]
        module = ["govchain.ops.bench.sampler", "govchain.cli"] if sampled else ["govchain.cli"]
        command = [sys.executable, "-m", *module, "up", str(path), "--json", "--listen", "127.0.0.1:0", *flags]
        # Not a pipe: a node that says much would wait for who reads it.
        self._said = path.with_name(path.name + ".stderr")
        with self._said.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - this program
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        said = ""
        assert self._process.stdout is not None
        for row in self._process.stdout:
            said += row
            if row.rstrip() == "}":
                break
        try:
            url = str(json.loads(said)["listen"])
        except (ValueError, KeyError):
            self._process.kill()
            self._process.communicate()
            raise UnavailableError(Code.NODE_UNREACHABLE, url=str(path), reason=self._errors()) from None
        self.host, _, port = url.removeprefix("http://").rpartition(":")
        self.port = int(port)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def ask(self, path: str) -> Any:
        """The JSON answer of a GET.

        Raises:
            UnavailableError: ``NODE_UNREACHABLE`` for any status but 200.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_WAIT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            data = answer.read()
            if answer.status != 200:
                raise UnavailableError(Code.NODE_UNREACHABLE, url=path, reason=f"{answer.status}: {data[:500]!r}")
            return json.loads(data)
        finally:
            connection.close()

    def processor_s(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Resident memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """Open files and connections now."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def begin_profile(self) -> None:
        """Let the sampler look."""
        self._command("begin")

    def end_profile(self) -> dict[str, object]:
        """Where the time went since :meth:`begin_profile`."""
        self._command("end")
        assert self._process.stdout is not None
        for row in self._process.stdout:
            if row.startswith('{"looks"'):
                return dict(json.loads(row))
        raise UnavailableError(Code.NODE_UNREACHABLE, url="", reason="no profile")

    def _command(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def stop(self) -> float:
        """End it as an operator does; the seconds that took.

        Raises:
            UnavailableError: ``NODE_UNREACHABLE`` when it did not end by itself, or not well.
        """
        start = time.perf_counter()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.communicate(timeout=_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise UnavailableError(Code.NODE_UNREACHABLE, url="", reason="it did not end") from None
        if self._process.returncode:
            raise UnavailableError(Code.NODE_UNREACHABLE, url="", reason=self._errors())
        return time.perf_counter() - start

    def _errors(self) -> str:
        """The end of what it said on standard error."""
        return self._said.read_text(encoding="utf-8", errors="replace")[-_SAID_CHARACTERS_MAX:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        if self._process.stdout is not None and not self._process.stdout.closed:
            self._process.communicate()
