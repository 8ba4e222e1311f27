"""``govchain watch``: blocks as they come, throughput, and what waits."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govchain.cli.output import china_time, emit_line, line, say
from govchain.cli.reading import HEIGHT_MAX
from govchain.cli.session import session, t

if TYPE_CHECKING:
    from govchain.cli.watching import Look, SeenBlock
    from govchain.model import UnavailableError

__all__ = ["COMMANDS"]

#: Blocks that the live table shows.
_ROWS = 15
#: Columns of a terminal from which on the live table shows identities.
_WIDTH_IDENTITY = 132
_COLUMNS = ("height", "time", "transactions", "rate", "identity")

_watch = typer.Typer(add_completion=False)


@_watch.command("watch", help=t("help.watch"))
def watch(
    blocks: Annotated[
        int, typer.Option("--blocks", metavar="N", min=0, max=HEIGHT_MAX, help=t("option.watch_blocks"))
    ] = 0,
    first: Annotated[int, typer.Option("--from", metavar="N", min=0, max=HEIGHT_MAX, help=t("option.watch_from"))] = 0,
    interval: Annotated[
        int, typer.Option("--interval", metavar="MS", min=50, max=3_600_000, help=t("option.watch_interval"))
    ] = 1000,
) -> None:
    """Every new final block, proved; a live table on a terminal, else a line for each, or a JSON line."""
    from govchain.cli.watching import follow  # noqa: PLC0415 - with the SDK, only where needed

    looks = _bounded(follow(first=first, interval_ms=interval, waiting=_waiting), blocks)
    if session().json:
        for look in looks:
            for seen in look.blocks:
                emit_line(_json(seen, look))
    elif sys.stdout.isatty():
        _live(looks)
    else:
        for look in looks:
            for seen in look.blocks:
                line("  ".join(_row(seen)))
                sys.stdout.flush()


def _bounded(looks: Iterator[Look], blocks: int) -> Iterator[Look]:
    """``looks`` until so many blocks were seen; without end for 0."""
    from dataclasses import replace  # noqa: PLC0415

    left = blocks
    for look in looks:
        yield replace(look, blocks=look.blocks[:left]) if blocks else look
        left -= len(look.blocks)
        if blocks and left <= 0:
            return


def _waiting(error: UnavailableError) -> None:
    say(t("watch.waiting", reason=error.text(session().language)))


def _row(seen: SeenBlock) -> list[str]:
    header = seen.block.header
    return [
        str(header.height),
        china_time(header.time),
        str(header.transaction_count),
        f"{seen.rate:.1f}",
        seen.block.identity.hex(),
    ]


def _json(seen: SeenBlock, look: Look) -> dict[str, Any]:
    header = seen.block.header
    return {
        "height": header.height,
        "identity": seen.block.identity.hex(),
        "time": header.time,
        "time_text": china_time(header.time),
        "transactions": header.transaction_count,
        "transactions_per_second": round(seen.rate, 1),
        "certified_height": look.status.certified_height,
        "node_height": look.status.height,
        "pool_transactions": look.status.pool_transactions,
    }


def _live(looks: Iterator[Look]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.live import Live  # noqa: PLC0415

    rows: deque[list[str]] = deque(maxlen=_ROWS)
    with Live(console=Console(highlight=False, emoji=False, markup=False), auto_refresh=False) as live:
        for look in looks:
            rows.extend(_row(seen) for seen in look.blocks)
            live.update(_drawn(list(rows), look, live.console.width), refresh=True)


def _drawn(rows: list[list[str]], look: Look, width: int) -> Any:
    """The newest blocks below where the node stands; identities only where there is room for them whole."""
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    status = look.status
    stands = [("chain", status.chain), ("height", status.height), ("certified_height", status.certified_height)]
    stands.append(("pool_transactions", status.pool_transactions))
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = _COLUMNS if width >= _WIDTH_IDENTITY else _COLUMNS[:-1]
    for name in columns:
        table.add_column(t(f"label.{name}"), no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row[: len(columns)]))
    return Group(Text("   ".join(f"{t(f'label.{name}')} {value}" for name, value in stands)), table)


COMMANDS = {"watch": _watch}
