"""The logs of a network's nodes: merged by time, or of some alone; the last lines, then new ones as they come.

Rules: a line is shown as its node wrote it, with the node's name; a line that is no JSON (what a process printed before
its log was open) keeps its place after the line before it. Not here: the log's form (``node.logs``).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from govchain.ops.net.layout import NetworkFolder

__all__ = ["LogLine", "follow_logs", "last_lines"]

_LOOK_S: Final = 0.25
#: Bytes that are read from the end of a log for its last lines, at most.
_TAIL_BYTES_MAX: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a node's log: the node, the time as it stands there (empty where it has none), the text."""

    node: str
    time: str
    text: str


def last_lines(folder: NetworkFolder, names: Sequence[str], rows: int) -> list[LogLine]:
    """The last ``rows`` lines of each node, merged by time."""
    lines = [line for name in names for line in _tail(name, folder.node(name).log, rows)[0]]
    return sorted(lines, key=lambda line: line.time)


def follow_logs(
    folder: NetworkFolder, names: Sequence[str], rows: int, sleep: Callable[[float], None] = time.sleep
) -> Iterator[LogLine]:
    """The last ``rows`` lines of each node, then new ones as they come; without end."""
    places: dict[str, int] = {}
    first: list[LogLine] = []
    for name in names:
        lines, places[name] = _tail(name, folder.node(name).log, rows)
        first += lines
    yield from sorted(first, key=lambda line: line.time)
    while True:
        fresh: list[LogLine] = []
        for name in names:
            lines, places[name] = _since(name, folder.node(name).log, places[name])
            fresh += lines
        yield from sorted(fresh, key=lambda line: line.time)
        sleep(_LOOK_S)


def _tail(name: str, path: Path, rows: int) -> tuple[list[LogLine], int]:
    try:
        size = path.stat().st_size
    except OSError:
        return [], 0
    lines, end = _since(name, path, max(0, size - _TAIL_BYTES_MAX))
    return list(deque(lines, maxlen=rows)), end


def _since(name: str, path: Path, start: int) -> tuple[list[LogLine], int]:
    """The whole lines from byte ``start`` on, and where the next one begins; a file that became shorter begins anew."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(start if start <= file.tell() else 0)
            begin = file.tell()
            data = file.read()
    except OSError:
        return [], 0
    whole = data[: data.rfind(b"\n") + 1]
    last = ""
    lines: list[LogLine] = []
    for raw in whole.decode("utf-8", "replace").splitlines():
        last = _time(raw) or last
        lines.append(LogLine(name, last, raw))
    return lines, begin + len(whole)


def _time(raw: str) -> str:
    try:
        value: Any = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return ""
    return str(value.get("time") or value.get("timestamp") or "") if isinstance(value, dict) else ""
