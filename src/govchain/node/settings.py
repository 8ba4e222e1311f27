"""Every setting of a node in one table, and how a node gets its values.

Purpose: ``SETTINGS`` is the one list: name, kind, default, and by rule the environment's name (``GOVCHAIN_`` and the
name in capitals) and the flag (``--`` and the name with hyphens); the sentence for people is ``setting.NAME`` in the
catalogue. ``load_settings`` reads the file, then the environment, then the flags: the later wins. Unknown names and
values that do not fit are errors that name them, wherever they stand. docs/guide/settings.md is made from this table.
Not here: what the parts do with their settings.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from govchain.model import Code, UnavailableError, UsageError

__all__ = [
    "ENVIRONMENT_PREFIX",
    "LOG_FORMATS",
    "LOG_LEVELS",
    "OTHER_VARIABLES",
    "SETTINGS",
    "Setting",
    "Settings",
    "changed_settings",
    "load_settings",
]

#: What every environment name begins with.
ENVIRONMENT_PREFIX: Final = "GOVCHAIN_"
#: Variables with that prefix which are not settings of a node but of the command line, and those of tests.
OTHER_VARIABLES: Final = (
    "GOVCHAIN_DATA",
    "GOVCHAIN_DEBUG",
    "GOVCHAIN_ENGINES",
    "GOVCHAIN_HOME",
    "GOVCHAIN_NODE",
    "GOVCHAIN_PASSPHRASE",
    "GOVCHAIN_PROFILE",
)
_TEST_PREFIX: Final = "GOVCHAIN_TEST_"
_FILE_BYTES_MAX: Final = 1024 * 1024
_TRUE: Final = ("true", "yes", "on", "1")
_FALSE: Final = ("false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    ``default`` gives the kind: text, integer, flag (bool), or list of texts (tuple). ``low`` and ``high`` bound an
    integer, both included; ``choices`` name all values of a text where there are few; ``form`` is a pattern that
    each text of a list fits as a whole. ``unit`` is for people.
    """

    name: str
    default: str | int | bool | tuple[str, ...]
    unit: str = ""
    low: int = 0
    high: int = 2**53 - 1
    choices: tuple[str, ...] = ()
    form: str = ""
    example: str = ""

    @property
    def kind(self) -> str:
        """``text``, ``integer``, ``flag`` or ``list``."""
        if isinstance(self.default, bool):
            return "flag"
        if isinstance(self.default, int):
            return "integer"
        return "list" if isinstance(self.default, tuple) else "text"

    @property
    def environment(self) -> str:
        """Its name in the environment."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")


#: Levels of the log, from the most talkative on.
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
#: Forms of the log; ``auto``: for people where standard error is a terminal, else JSON.
LOG_FORMATS: Final = ("auto", "json", "console")

#: A web origin as browsers send it (RFC 6454, 6.2). Not ``null``, which any page in a sandbox sends, nor ``*``.
_ORIGIN: Final = r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"

#: Every setting, in the order of the guide. A row needs its sentence ``setting.NAME`` in texts/settings.py.
SETTINGS: Final[tuple[Setting, ...]] = (
    # where it listens
    Setting("listen", "127.0.0.1:8547", example="0.0.0.0:8547"),
    Setting("listen_file", "", example="/run/govchain/listen"),
    Setting("public_urls", (), example="https://ledger.example.gov.cn"),
    Setting("tls_certificate", "", example="/etc/govchain/tls.pem"),
    Setting("tls_key", "", example="/etc/govchain/tls.key"),
    # who may do what
    Setting("reads", "session", choices=("session", "open", "closed")),
    Setting("verify", False),
    Setting("cors_origins", (), form=_ORIGIN, example="https://console.example.gov.cn"),
    Setting("session_minutes", 480, "min", 1, 10_080),
    Setting("certificate_url", "", example="https://chain.example.gov.cn/verify"),
    # limits of requests
    Setting("body_bytes_max", 8 * 1024 * 1024, "bytes", 1024, 256 * 1024 * 1024),
    Setting("envelopes_max", 1000, "transactions", 1, 100_000),
    Setting("header_bytes_max", 16_384, "bytes", 1024, 1024 * 1024),
    Setting("header_ms_max", 10_000, "ms", 100, 600_000),
    Setting("body_ms_max", 20_000, "ms", 100, 600_000),
    Setting("answer_ms_max", 30_000, "ms", 100, 600_000),
    Setting("wait_ms_max", 60_000, "ms", 100, 600_000),
    Setting("idle_ms_max", 60_000, "ms", 100, 3_600_000),
    Setting("connections_max", 4096, "connections", 1, 1_000_000),
    Setting("rate_address", 5_000, "requests/s", 0, 10_000_000),
    Setting("rate_session", 2_000, "requests/s", 0, 10_000_000),
    # events
    Setting("streams_max", 2_000, "streams", 1, 100_000),
    Setting("streams_per_session", 16, "streams", 1, 100_000),
    Setting("stall_ms_max", 30_000, "ms", 100, 600_000),
    Setting("webhooks", True),
    Setting("webhooks_max", 256, "webhooks", 1, 4_096),
    Setting("webhooks_per_account", 16, "webhooks", 1, 4_096),
    Setting("webhook_networks", (), example="10.20.0.0/16"),
    Setting("webhook_http", False),
    Setting("webhook_ca", "", example="/etc/govchain/targets.pem"),
    Setting("webhook_attempts", 16, "attempts", 1, 100),
    Setting("webhook_ms_max", 10_000, "ms", 100, 120_000),
    # the index (searches and counts)
    Setting("index", True),
    Setting("index_url", "", example="postgresql://govchain@db.example.gov.cn/govchain"),
    # other nodes (a chain of several organisations)
    Setting("peers_listen", "", example="0.0.0.0:26700"),
    Setting("engine_listen", "", example="0.0.0.0:26656"),
    Setting("engine_path", "", example="/usr/lib/govchain/engines"),
    Setting("votes", True),
    Setting("forward_to", 1, "nodes", 0, 32),
    Setting("join", "snapshot", choices=("snapshot", "blocks")),
    Setting("snapshot_blocks", 1, "blocks", 0, 1_000_000_000),
    Setting("prune_behind_max", 100_000, "blocks", 0, 1_000_000_000),
    # other chains that the members create by vote
    Setting("chain_ports", 28_600, "port", 0, 65_344),
    Setting("chains_stopped", True),
    Setting("stopped", False),
    # blocks and what waits for them
    Setting("block_wait_ms", 4, "ms", 0, 10_000),
    Setting("pool_transactions_max", 50_000, "transactions", 1, 10_000_000),
    Setting("pool_share_percent", 25, "%", 1, 100),
    Setting("pool_bytes_max", 128 * 1024 * 1024, "bytes", 1024 * 1024, 16 * 1024 * 1024 * 1024),
    # backups
    Setting("backup_dir", "", example="/var/backups/govchain"),
    Setting("backup_every_min", 0, "min", 0, 525_600),
    Setting("backup_keep", 7, "backups", 1, 10_000),
    # archives
    Setting("archive_to", "", example="/var/archives/govchain"),
    Setting("archive_every_min", 1_440, "min", 0, 525_600),
    Setting("retain", 0, "blocks", 0, 2**53 - 1),
    # the log
    Setting("log_format", "auto", choices=LOG_FORMATS),
    Setting("log_level", "info", choices=LOG_LEVELS),
    Setting("log_file", "", example="/var/log/govchain/node.log"),
    Setting("log_bytes_max", 64 * 1024 * 1024, "bytes", 0, 2**40),
    Setting("log_files", 8, "files", 0, 1000),
    # metrics and the clock
    Setting("metrics", True),
    Setting("ntp_servers", (), example="ntp.example.gov.cn"),
    Setting("clock_drift_ms_max", 1_000, "ms", 1, 3_600_000),
    # the process
    Setting("read_threads", 4, "threads", 1, 64),
    Setting("verifier_threads", 1, "threads", 1, 64),
    Setting("drain_ms_max", 10_000, "ms", 0, 600_000),
)


class Settings:
    """Values of all settings, by typed getters; unknown names are a ``KeyError``, a mistake of ours."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        """The defaults, with ``values`` over them."""
        self._values: dict[str, Any] = {row.name: row.default for row in SETTINGS}
        for name, value in (values or {}).items():
            self._values[name] = _checked(_row(name, "settings"), value, "settings")

    def text(self, name: str) -> str:
        """A text."""
        return str(self._values[name])

    def integer(self, name: str) -> int:
        """An integer, in the row's unit."""
        return int(self._values[name])

    def flag(self, name: str) -> bool:
        """Whether it is on."""
        return bool(self._values[name])

    def list(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(self._values[name])

    def values(self) -> dict[str, Any]:
        """Every name with its value."""
        return dict(self._values)


def load_settings(
    file: Path | None, environment: Mapping[str, str], flags: Mapping[str, str], *, required: bool = False
) -> Settings:
    """The settings from ``file``, ``environment`` and ``flags`` (by row name; texts as they were typed).

    A missing file is no error unless ``required``.

    Raises:
        UsageError: ``USAGE``, naming what is unknown or does not fit and where it stands.
        UnavailableError: ``FILE_UNREADABLE``.
    """
    values: dict[str, Any] = {}
    if file is not None:
        for name, value in _read_file(file, required=required).items():
            values[name] = _checked(_row(name, str(file)), value, str(file))
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in OTHER_VARIABLES:
            continue
        if variable.startswith(_TEST_PREFIX):
            continue
        row = _row(variable.removeprefix(ENVIRONMENT_PREFIX).lower(), "environment", shown=variable)
        values[row.name] = _checked(row, _parsed(row, text, "environment"), "environment")
    for name, text in flags.items():
        row = _row(name, "command line")
        values[row.name] = _checked(row, _parsed(row, text, "command line"), "command line")
    return Settings(values)


def changed_settings(settings: Settings) -> dict[str, Any]:
    """The settings that are not the default ones, by name: what an exported configuration carries."""
    values = settings.values()
    return {row.name: values[row.name] for row in SETTINGS if values[row.name] != row.default}


def _read_file(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        with open(path, "rb", opener=_open_file) as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        if not required:
            return {}
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason="not found") from None
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason=error.strerror or "") from None
    if len(data) > _FILE_BYTES_MAX:
        raise UsageError(Code.USAGE, reason=f"{path}: more than {_FILE_BYTES_MAX} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(Code.USAGE, reason=f"{path}: {error}") from None


def _open_file(path: str, flags: int) -> int:
    """Open without waiting: nobody may ever write to a pipe."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return descriptor


def _row(name: str, where: str, shown: str = "") -> Setting:
    for row in SETTINGS:
        if row.name == name:
            return row
    raise UsageError(Code.USAGE, reason=f"{where}: unknown setting {(shown or name)[:80]!r}")


def _parsed(row: Setting, text: str, where: str) -> Any:
    """The value that a text of the environment or of the command line stands for."""
    if row.kind == "integer":
        try:
            return int(text, 10)
        except ValueError:
            raise UsageError(Code.USAGE, reason=f"{where}: {row.name}: {text[:80]!r} is no integer") from None
    if row.kind == "flag":
        lowered = text.strip().lower()
        if lowered not in _TRUE + _FALSE:
            raise UsageError(Code.USAGE, reason=f"{where}: {row.name}: {text[:80]!r} is neither true nor false")
        return lowered in _TRUE
    if row.kind == "list":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _checked(row: Setting, value: Any, where: str) -> Any:
    """``value`` where it is of the row's kind and within its bounds."""
    if row.kind == "list" and isinstance(value, list):
        value = tuple(value)
    fits = {
        "flag": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "list": isinstance(value, tuple) and all(isinstance(part, str) for part in value),
        "text": isinstance(value, str),
    }[row.kind]
    if not fits:
        raise UsageError(Code.USAGE, reason=f"{where}: {row.name}: of the wrong kind, {row.kind} is wanted")
    if row.kind == "integer" and not row.low <= value <= row.high:
        raise UsageError(Code.USAGE, reason=f"{where}: {row.name}: {value} is not within {row.low} to {row.high}")
    if row.form and row.kind == "list":
        for part in value:
            if not re.fullmatch(row.form, part):
                shown = f"{part[:80]!r} is not of the form {row.example}"
                raise UsageError(Code.USAGE, reason=f"{where}: {row.name}: {shown}")
    if row.choices and value not in row.choices:
        raise UsageError(Code.USAGE, reason=f"{where}: {row.name}: one of {', '.join(row.choices)}, not {value[:80]!r}")
    return value
