"""The log of a node: one line for each request and each event of its life, as JSON or for a console.

Purpose: :func:`start_logs` takes over the process's logging, from our own rooms and from libraries, and gives the one
object through which a node logs requests, changes its level and opens its file again. docs/guide/operator.md tells the
fields. Rules: whoever logs never waits (``node.log_writer``). A line never holds a query, a path, a body, a header, a
token, a passphrase, a key or a name of anybody's file: requests are told by their route's template, accounts by the
first digits of their address, errors by their code, faults by type and place without their message, which may quote
what was sent. What still looks like a secret or an identity number is masked.
Not here: what is measured (``node.metrics``).

Example::

    with start_logs(LogOptions(level="info")) as logs:
        logging.getLogger("govchain.node").info("listening", extra={"url": url})
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, cast

import msgspec
import structlog

from govchain.model import Code
from govchain.node.log_writer import Entry, LogFile, LogStream, LogWriter
from govchain.node.metric_names import METHODS
from govchain.services.observing import Answered

__all__ = ["LogOptions", "Logs", "scrub", "start_logs", "tellable"]

#: Characters of a text in a line; frames of a fault.
_TEXT_CHARACTERS_MAX: Final = 1_000
_FRAMES_MAX: Final = 20
#: Digits of an address that a line shows.
_ACCOUNT_DIGITS: Final = 8
_OURS: Final = "govchain"
_MASK: Final = "[masked]"
#: What no line shows, wherever it comes from: a bearer token; the value after a word for a secret; long hex and
#: other long opaque words (keys, tokens, signatures); identity numbers of 18 and 15 digits; mobile numbers.
_SECRETS: Final = (
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"(?i)(?<=[/\w]:)[^/@\s]+(?=@)"),
    re.compile(r"(?i)((?:passphrase|password|passwd|token|secret|api_?key)[\"']?\s*[:=]\s*)[\"']?[^\s\"',;&}]+"),
    re.compile(r"[A-Za-z0-9_+=-]{40,}"),
    re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)"),
    re.compile(r"(?<!\d)\d{15}(?!\d)"),
    re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"),
)
_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
#: What a log record has by itself; everything else on it was given as ``extra``.
_OWN_NAMES: Final = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime"}


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How to log; ``node.settings`` has the rows.

    Attributes:
        format: one of ``node.settings.LOG_FORMATS``.
        level: one of ``node.settings.LOG_LEVELS``.
        file: where to; None for standard error.
        bytes_max: size in bytes at which the file is rotated; 0 for never.
        files: rotated files that are kept.
    """

    format: str = "auto"
    level: str = "info"
    file: Path | None = None
    bytes_max: int = 64 * 1024 * 1024
    files: int = 8


class Logs:
    """The log of one process; made by :func:`start_logs`."""

    def __init__(self, writer: LogWriter, level: str) -> None:
        """Log through ``writer``, from ``level`` on."""
        self._writer = writer
        self._requests = False
        self._level = ""
        self.set_level(level)

    @property
    def level(self) -> str:
        """The level now."""
        return self._level

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return self._writer.dropped

    def set_level(self, level: str) -> None:
        """Log from ``level`` on; one of ``node.settings.LOG_LEVELS``. Any thread."""
        number = logging.getLevelNamesMapping()[level.upper()]
        logging.getLogger(_OURS).setLevel(number)
        self._requests = number <= logging.INFO
        self._level = level

    def reopen(self) -> None:
        """Open the file again: it was moved away. Answers at once."""
        self._writer.reopen()

    def answered(self, answered: Answered) -> None:
        """One line for one request; server's faults are warnings, and are there at that level, too."""
        fault = answered.status >= 500
        if not (self._requests or (fault and self._level == "warning")):
            return
        self._writer.put(
            {
                "time": time.time(),
                "level": "warning" if fault else "info",
                "logger": "govchain.request",
                "event": "request",
                "method": answered.method if answered.method in METHODS else "OTHER",
                "route": answered.route,
                "status": answered.status,
                "code": answered.code,
                "ms": round(answered.seconds * 1000, 2),
                "request": answered.request,
                "account": answered.account[:_ACCOUNT_DIGITS],
            }
        )


@contextmanager
def start_logs(options: LogOptions) -> Iterator[Logs]:
    """Take over the process's logging until the context ends.

    Raises:
        UnavailableError: ``FILE_UNWRITABLE``.
    """
    target = LogStream() if options.file is None else LogFile(options.file, options.bytes_max, options.files)
    writer = LogWriter(target, _renderer(options))
    root, own = logging.getLogger(), logging.getLogger(_OURS)
    before = (root.level, own.level)
    handler = _Handler(writer)
    # Libraries are heard from warnings on, whatever our own level is.
    root.setLevel(logging.WARNING)
    root.addHandler(handler)
    logs = Logs(writer, options.level)
    writer.start()
    try:
        yield logs
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        own.setLevel(before[1])
        writer.close()


def scrub(text: str) -> str:
    """``text`` bounded, on one line, with whatever looks like a secret or a person's number masked.

    >>> scrub("call 13800138000 or 11010519491231002X")
    'call [masked] or [masked]'
    """
    # A name of a file may hold bytes that are no text, for which no line could be written.
    text = text[: 2 * _TEXT_CHARACTERS_MAX].encode("utf-8", "backslashreplace").decode()
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: (found.group(1) if found.re.groups else "") + _MASK, text)
    return text.translate(_CONTROLS)[:_TEXT_CHARACTERS_MAX]


def tellable(code: Code, reason: str) -> str:
    """``reason`` for the log: of an internal error its kind alone, since its message may quote what was handled."""
    return reason.partition(":")[0] if code == Code.INTERNAL else reason


class _Handler(logging.Handler):
    """Turns records of the standard library's logging into entries."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record; a record that cannot be read is queued as that."""
        try:
            entry = _entry(record)
        except Exception as error:  # noqa: BLE001 - a line that cannot be made must not end what wanted it
            entry = {
                "time": record.created,
                "level": "warning",
                "logger": record.name,
                "event": "a line could not be made",
                "fault": type(error).__name__,
            }
        self._writer.put(entry)


def _entry(record: logging.LogRecord) -> Entry:
    ours = record.name == _OURS or record.name.startswith(_OURS + ".")
    # What a library fills into its messages is not ours to judge: the first line of its template says enough.
    event = record.getMessage() if ours else str(record.msg).partition("\n")[0]
    entry: Entry = {
        "time": record.created,
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": scrub(event),
    }
    if ours:
        entry |= {name: _shown(value) for name, value in record.__dict__.items() if name not in _OWN_NAMES}
    if record.exc_info and record.exc_info[1] is not None:
        entry["fault"] = type(record.exc_info[1]).__name__
        entry["frames"] = _frames(record.exc_info[2])
    return entry


def _frames(trace: TracebackType | None) -> list[str]:
    """Where a fault came from, innermost last: file, line and function, and nothing that was being handled."""
    frames = traceback.extract_tb(trace)[-_FRAMES_MAX:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def _shown(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value[:100]]
    return scrub(str(value))


def _renderer(options: LogOptions) -> Any:
    """A line for an entry, by structlog's renderers."""
    console = options.format == "console" or (
        options.format == "auto" and options.file is None and sys.stderr is not None and sys.stderr.isatty()
    )
    if console:
        renderer: Any = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=24)
    else:
        renderer = structlog.processors.JSONRenderer(serializer=_json)

    second, moment = -1, ""

    def render(entry: Entry) -> str:
        nonlocal second, moment
        seconds = entry["time"]
        if int(seconds) != second:
            second = int(seconds)
            moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        shown = {**entry, "time": f"{moment}.{int(seconds * 1000) % 1000:03d}Z"}
        if console:
            shown["timestamp"] = shown.pop("time")
        return cast(str, renderer(None, "", shown))

    return render


def _json(entry: Entry, **_options: Any) -> str:
    return msgspec.json.encode(entry).decode()
