"""``govchain index status | rebuild | check``: shells over ``services.indexing``.

They work on the data directory beside a running node; the database is the one of the node's settings, which may lie
in a file elsewhere (``--config``), or that of ``--url``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from govchain.cli.node_settings import SettingsFile, node_settings
from govchain.cli.output import emit, facts, line, table
from govchain.cli.progress import counted
from govchain.cli.session import t
from govchain.model import Code, VerificationError

if TYPE_CHECKING:
    from govchain.consensus.application import LedgerApplication
    from govchain.index.database import IndexDatabase

__all__ = ["COMMANDS"]

_index = typer.Typer(help=t("help.index"), no_args_is_help=True, add_completion=False)

Url = Annotated[str, typer.Option("--url", metavar="URL", help=t("option.index_url"), show_default=False)]


@contextmanager
def _opened(url: str, config: Path | None) -> Iterator[tuple[LedgerApplication, IndexDatabase]]:
    """The ledger of the data directory, for reading, and the database of its index."""
    from govchain.cli.opening import find_data  # noqa: PLC0415 - heavy, and only needed here
    from govchain.index.database import IndexDatabase, database_url  # noqa: PLC0415
    from govchain.node.embedded import open_embedded  # noqa: PLC0415

    path = find_data()
    given = url or node_settings(path, config).text("index_url")
    database = IndexDatabase(database_url(given, path))
    try:
        with open_embedded(path, read_only=True) as node:
            yield node.application, database
    finally:
        database.close()


@_index.command("status", help=t("help.index.status"))
def status(url: Url = "", config: SettingsFile = None) -> None:
    """How far the index is."""
    from govchain.services.indexing import read_index_status  # noqa: PLC0415

    with _opened(url, config) as (application, database):
        found = read_index_status(application, database)

    def show() -> None:
        facts(
            [
                ("database", found.url),
                ("height", found.height),
                ("indexed_height", found.indexed_height),
                ("lag", found.lag),
                ("transactions", found.transactions),
            ]
        )
        if found.lag:
            line(t("index.behind", height=found.height))

    shown = ("url", "height", "indexed_height", "lag", "transactions")
    emit({name: getattr(found, name) for name in shown}, show)


@_index.command("rebuild", help=t("help.index.rebuild"))
def rebuild(url: Url = "", config: SettingsFile = None) -> None:
    """Make the index anew."""
    from govchain.services.indexing import rebuild_index  # noqa: PLC0415

    with _opened(url, config) as (application, database), counted(t("progress.indexing")) as progress:
        cursor = rebuild_index(application, database, progress)
        shown_url = database.shown_url
    result = {"url": shown_url, "indexed_height": cursor.height, "transactions": cursor.transactions}
    emit(result, lambda: line(t("index.rebuilt", height=cursor.height, transactions=cursor.transactions)))


@_index.command("check", help=t("help.index.check"))
def check(url: Url = "", config: SettingsFile = None) -> None:
    """Compare every row with the ledger."""
    from govchain.services.indexing import check_index  # noqa: PLC0415

    with _opened(url, config) as (application, database), counted(t("progress.comparing")) as progress:
        report = check_index(application, database, progress)
        shown_url = database.shown_url
    difference = report.difference
    result: dict[str, Any] = {
        "url": shown_url,
        "height": report.height,
        "indexed_height": report.indexed_height,
        "agrees": difference is None,
        "difference": None if difference is None else msgspec.to_builtins(difference),
        "tables": msgspec.to_builtins(report.tables),
    }

    def show() -> None:
        rows = [(entry.name, entry.rows, entry.digest) for entry in report.tables]
        table(["table", "rows", "content"], rows)
        line(t("index.agrees", height=min(report.height, report.indexed_height)))
        if report.indexed_height < report.height:
            line(t("index.behind", height=report.height))

    if difference is None:
        emit(result, show)
        return
    raise VerificationError(Code.INDEX_DIFFERS, table=difference.table, key=difference.key, reason=difference.reason)


COMMANDS = {"index": _index}
