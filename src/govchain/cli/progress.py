"""A progress bar on standard error, where that is a terminal and there is enough to wait for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from govchain.cli.session import session, t
from govchain.sdk.capture import Watcher
from govchain.sdk.folders import PlannedFile

__all__ = ["capture_watcher", "counted"]

#: Fewer files and fewer bytes than these are done before a bar would be seen.
_FILES_MIN = 200
_BYTES_MIN = 64 * 1024 * 1024


class _Bar(Watcher):
    """Shows files and bytes."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._bytes: Any = None

    def planned(self, files: int, size: int) -> None:
        """Start when it is worth it."""
        if files >= _FILES_MIN or size >= _BYTES_MIN:
            self._bytes = self._bar.add_task(t("progress.reading", files=files), total=size or None)

    def read(self, size: int) -> None:
        """Move on."""
        if self._bytes is not None:
            self._bar.advance(self._bytes, size)

    def done(self, planned: PlannedFile) -> None:
        """A file more; bytes tell enough."""


def _visible() -> bool:
    return sys.stderr.isatty() and not session().json


@contextmanager
def capture_watcher() -> Iterator[Watcher]:
    """A watcher for capturing files."""
    if not _visible():
        yield Watcher()
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar)


@contextmanager
def counted(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """A callback (done, total) for long work, or None where nobody watches."""
    if not _visible():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
