"""`govchain up` as a process of its own, on loopback, with its log as JSON lines in a file."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

import httpx

from govchain.sdk.sessions import challenge_message
from tests.api.events_kit import sign

WAIT_S = 30


@dataclass
class Node:
    """A running node."""

    process: subprocess.Popen
    url: str
    log_file: Path | None
    said: str = ""

    def client(self, token: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=WAIT_S, trust_env=False)

    def login(self, actor) -> str:
        """A session over HTTP."""
        with self.client() as client:
            wanted = {"account": actor.address, "audience": self.url}
            text = client.post("/v1/sessions/challenges", json=wanted).json()["challenge"]
            body = {"challenge": text, "signature": sign(actor, challenge_message(text)).hex()}
            return client.post("/v1/sessions", json=body).json()["token"]

    def lines(self) -> list[dict]:
        """The log so far; every line is one JSON object."""
        return read_log(self.log_file)

    def wait_for(self, holds, timeout_s: float = WAIT_S) -> dict:
        """The first line for which ``holds(line)``."""
        deadline = time.monotonic() + timeout_s
        while True:
            for line in self.lines():
                if holds(line):
                    return line
            assert time.monotonic() < deadline, "the log did not say it in time"
            time.sleep(0.01)

    def event(self, name: str) -> dict:
        return self.wait_for(lambda line: line["event"].startswith(name))

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def stop(self) -> int:
        """End it in good order; its exit code."""
        self.signal(SIGTERM)
        return self.process.wait(WAIT_S)

    def ended(self) -> tuple[int, str]:
        """Its exit code, and all that it said; of one that :func:`start` gave."""
        rest, told = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, self.said + rest + (told or "")

    def end(self, number: int = SIGTERM) -> tuple[int, str]:
        """The same after a signal."""
        if self.process.poll() is None:
            self.signal(number)
        return self.ended()


def read_log(path: Path) -> list[dict]:
    """The whole lines of a log that may still be written to."""
    data = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in data[: data.rfind("\n") + 1].splitlines()]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOVCHAIN_")}
    return {**kept, "GOVCHAIN_HOME": str(home)}


def command(path: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "govchain.cli", "up", str(path), "--listen", "127.0.0.1:0", "--json", *options]


def start(path: Path, *options: str, log: Path | None = None, stderr=subprocess.PIPE, env=None, **more) -> Node:
    """The node at ``path`` once it has said where it listens, or that it does not: then without an address.

    It logs to ``log`` (default: standard error); ``env`` goes over what it has of the environment.
    """
    named = () if log is None else ("--log-file", str(log))
    process = subprocess.Popen(
        command(path, *named, *options),
        env={**environment(path.with_name("home")), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        **more,
    )
    said = ""
    for row in process.stdout:
        said += row
        if row.rstrip() == "}":
            break
    return Node(process, json.loads(said).get("listen", "") if said else "", log, said)


@contextlib.contextmanager
def running(path: Path, *options: str, log: Path | None = None, stderr=subprocess.DEVNULL, **more):
    """The node at ``path`` until the end of the block; it logs to ``log`` (default: node.log beside the directory)."""
    node = start(path, *options, log=log or path.with_name("node.log"), stderr=stderr, **more)
    process = node.process
    try:
        assert node.url, node.said
        yield node
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()
