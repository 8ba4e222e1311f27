"""One further chain's process: a ``govchain up`` of its own, supervised, so that no chain can take another with it.

Purpose: settings, start, restart with growing pauses for ever, end. Rules: the settings are the node's own but for what
must differ, written anew at each start; the process dies with this one. Not here: what should run (``hosting``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from govchain.consensus.processes import ProcessPlan, SupervisedProcess
from govchain.model import Code
from govchain.node.chains.looking import LISTENING_FILE
from govchain.node.chains.places import ChainPlaces
from govchain.node.settings import ENVIRONMENT_PREFIX, Settings, changed_settings
from govchain.services.configurations import settings_file
from govchain.storage import DirectoryLayout

__all__ = ["ChainProcess", "child_environment", "child_settings"]

#: Variables with our prefix that a chain's process gets: everything else of that kind is a setting of this node.
_KEPT: Final = ("GOVCHAIN_DEBUG", "GOVCHAIN_ENGINES", "GOVCHAIN_HOME", "GOVCHAIN_PASSPHRASE")
#: What a chain does not take from the node: places, and what two chains cannot share.
_OWN: Final = ("index_url", "listen", "listen_file", "public_urls", "votes")
_LOG: Final = "output.log"
_PAUSE_S: Final = 1.0
_PAUSE_S_MAX: Final = 60.0
_HEALTHY_AFTER_S: Final = 120.0
#: Longer than a node's own drain and the end of its engine.
_STOP_S: Final = 60.0
_NEVER: Final = 2**31


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a chain's process."""
    return {
        name: value for name, value in environment.items() if not name.startswith(ENVIRONMENT_PREFIX) or name in _KEPT
    }


def child_settings(
    settings: Settings, path: Path, chain: str, places: ChainPlaces, *, stopped: bool
) -> dict[str, object]:
    """The settings of a chain's process that differ from the default ones, by name."""
    values = {name: value for name, value in changed_settings(settings).items() if name not in _OWN}
    for name in ("backup_dir", "archive_to"):
        if values.get(name):
            values[name] = str(Path(values[name]) / chain)
    if values.get("log_file"):
        log = Path(values["log_file"])
        values["log_file"] = str(log.with_name(f"{log.stem}.{chain}{log.suffix}"))
    values |= {"chain_ports": 0, "listen": places.listen, "listen_file": str(path / LISTENING_FILE)}
    if places.peers_listen:
        values |= {"peers_listen": places.peers_listen, "engine_listen": places.engine_listen}
    if stopped:
        values["stopped"] = True
    return values


class ChainProcess:
    """See the module; used by one thread, :meth:`stop` by any."""

    def __init__(self, layout: DirectoryLayout, chain: str, settings: Settings, places: ChainPlaces) -> None:
        self._layout = layout
        self._chain = chain
        self._settings = settings
        self._places = places
        self._stopped = False
        self._given_up = ""
        self._process: SupervisedProcess | None = None
        self._earlier = 0

    @property
    def address(self) -> str:
        """Where it listens, as itself says; empty while it does not."""
        if not self.alive:
            return ""
        with contextlib.suppress(OSError):
            return (self._layout.path / LISTENING_FILE).read_text("utf-8").strip()
        return ""

    @property
    def alive(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.pid is not None

    @property
    def started(self) -> bool:
        """Whether it is to run: it may be between two starts."""
        return self._process is not None and not self._given_up

    @property
    def starts(self) -> int:
        """How often it was started."""
        return self._earlier + (0 if self._process is None else self._process.starts)

    @property
    def stopped(self) -> bool:
        """Whether it was told to take no transactions."""
        return self._stopped

    def last_words(self) -> str:
        """The last line that it said, or why it cannot be started."""
        words = self._given_up or ("" if self._process is None else self._process.last_words())
        return words.strip().rpartition("\n")[2]

    def start(self, *, stopped: bool) -> None:
        """Start it, with ``stopped`` for reading only.

        Raises:
            OSError: its settings cannot be written.
        """
        if self._process is not None:
            self._earlier += self._process.starts
        self._given_up = ""
        self._write_settings(stopped=stopped)
        plan = ProcessPlan(
            name=f"chain-{self._chain}",
            # -P: the folder where it runs is no place to look for modules.
            command=[sys.executable, "-P", "-m", "govchain.cli", "up", str(self._layout.path)],
            log=self._layout.path / _LOG,
            directory=self._layout.path,
            environment=child_environment(os.environ),
            before=self._forget_address,
            restarts_max=_NEVER,
            healthy_after_s=_HEALTHY_AFTER_S,
            pause_s=_PAUSE_S,
            pause_s_max=_PAUSE_S_MAX,
            stop_s=_STOP_S,
        )
        self._process = SupervisedProcess(plan, self._gave_up)
        self._process.start()

    def close_intake(self) -> None:
        """Tell the running process to take no more transactions.

        Raises:
            OSError: its settings cannot be written.
        """
        self._write_settings(stopped=True)
        pid = None if self._process is None else self._process.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)

    def stop(self) -> None:
        """End it in good order, and wait for that."""
        if self._process is not None:
            self._process.stop()
            self._earlier += self._process.starts
            self._process = None

    def _write_settings(self, *, stopped: bool) -> None:
        values = child_settings(self._settings, self._layout.path, self._chain, self._places, stopped=stopped)
        beside = self._layout.settings.with_name(f".{self._layout.settings.name}.part")
        beside.write_bytes(settings_file(values))
        beside.replace(self._layout.settings)
        self._stopped = stopped

    def _forget_address(self) -> None:
        """Before each start: one that was killed left its address behind."""
        (self._layout.path / LISTENING_FILE).unlink(missing_ok=True)

    def _gave_up(self, _code: Code, reason: str) -> None:
        self._given_up = reason or "given up"
