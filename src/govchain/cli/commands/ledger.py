"""``govchain block`` and ``govchain tx``: read the ledger, every answer verified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from govchain.cli.opening import open_chain
from govchain.cli.output import china_time, emit, facts, line, table
from govchain.cli.reading import HEIGHT_MAX
from govchain.cli.session import t
from govchain.model import Code

__all__ = ["COMMANDS"]

_block = typer.Typer(help=t("help.block"), no_args_is_help=True, add_completion=False)
_tx = typer.Typer(help=t("help.tx"), no_args_is_help=True, add_completion=False)

Force = Annotated[bool, typer.Option("--force", help=t("option.force"))]


@_tx.callback()
def _group() -> None:
    """A group even while it has one command."""


@_block.command("list", help=t("help.block.list"))
def block_list(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help=t("option.limit"))] = 20,
    before: Annotated[int, typer.Option("--before", metavar="N", min=0, max=HEIGHT_MAX, help=t("option.before"))] = 0,
) -> None:
    """Blocks, newest first."""
    from govchain.cli.shapes import header_json  # noqa: PLC0415 - with the SDK, only where needed
    from govchain.sdk.listing import list_blocks  # noqa: PLC0415

    with open_chain() as opened:
        blocks = list_blocks(opened.client, before=before, limit=limit)

        def show() -> None:
            table(
                ["height", "time", "transactions", "identity"],
                [
                    (b.header.height, china_time(b.header.time), b.header.transaction_count, b.identity.hex())
                    for b in blocks
                ],
            )

        emit({"blocks": [header_json(block) for block in blocks]}, show)


@_block.command("show", help=t("help.block.show"))
def block_show(
    height: Annotated[int, typer.Argument(metavar="N", min=1, max=HEIGHT_MAX, help=t("option.height"))],
    export: Annotated[
        Path | None, typer.Option("--export", "-o", metavar="FILE", help=t("option.export_header"))
    ] = None,
    force: Force = False,
) -> None:
    """One block: header, certificate, and the ids of its transactions, recomputed against the header."""
    from govchain.cli.shapes import header_json  # noqa: PLC0415
    from govchain.cli.writing import write_file  # noqa: PLC0415
    from govchain.sdk.trust import encode_certified_header  # noqa: PLC0415

    with open_chain() as opened:
        client = opened.client
        shown = client.block(height)
        block, transactions = shown.block, shown.transactions
        ids = [one.id for one in transactions]
        if export is not None:
            write_file(export, encode_certified_header(block.data, block.certificate, client.suite.name), force=force)
        result: dict[str, Any] = {**header_json(block), "transactions": ids}

        def show() -> None:
            header = block.header
            facts(
                [
                    ("height", header.height),
                    ("identity", block.identity.hex()),
                    ("previous", header.previous),
                    ("time", china_time(header.time)),
                    ("epoch", header.epoch),
                    ("transaction_root", header.transaction_root),
                    ("receipt_root", header.receipt_root),
                    ("state_root", header.state_root),
                    ("history", header.history),
                    ("signers", header.signers),
                    ("next_signers", header.next_signers),
                    ("certificate", t("block.certificate", have=result["signatures"], of=result["signers"])),
                    ("exported", export),
                ]
            )
            table(["index", "transaction"], enumerate(ids))

        emit(result, show)


@_tx.command("show", help=t("help.tx.show"))
def tx_show(
    transaction: Annotated[str, typer.Argument(metavar="ID", help=t("option.transaction"))],
    body: Annotated[Path | None, typer.Option("--body", metavar="FILE", help=t("option.body_file"))] = None,
    force: Force = False,
) -> None:
    """One transaction with its receipt; ``--body`` writes the signed bytes for other tools."""
    from govchain.cli.shapes import transaction_json  # noqa: PLC0415
    from govchain.cli.writing import write_file  # noqa: PLC0415

    with open_chain() as opened:
        found = opened.client.transaction(transaction)
        if body is not None:
            write_file(body, found.record.body, force=force)
        result = transaction_json(found)

        def show() -> None:
            facts(
                [
                    ("transaction", found.id),
                    ("type", f"{found.body.type} v{found.body.version}"),
                    ("height", found.receipt.height),
                    ("index", found.receipt.index),
                    ("time", result["time_text"]),
                    ("code", Code(found.receipt.code).name),
                    ("recipient", found.body.recipient or ""),
                    ("data", found.body.data or ""),
                    ("memo", found.body.memo.value if found.body.memo else ""),
                ]
            )
            for signer, signature in zip(found.body.signers, found.record.signatures, strict=True):
                facts(
                    [
                        ("account", signer.account),
                        ("algorithm", signer.algorithm),
                        ("public_key", signer.key),
                        ("signature", signature.hex()),
                    ]
                )
            for row in msgspec.json.format(bytes(found.body.payload), indent=2).decode().split("\n"):
                line(row)
            for event in found.receipt.events:
                facts([("event", event.type), ("organisation", event.organisation), ("reference", event.reference)])

        emit(result, show)


COMMANDS = {"block": _block, "tx": _tx}
