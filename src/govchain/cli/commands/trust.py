"""``govchain trust``: what this user believes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from govchain.cli.opening import trust_store
from govchain.cli.output import china_time, emit, facts, line, table
from govchain.cli.reading import read_small
from govchain.cli.session import t

__all__ = ["COMMANDS"]

_trust = typer.Typer(help=t("help.trust"), no_args_is_help=True, add_completion=False)


@_trust.command("add", help=t("help.trust.add"))
def add(file: Annotated[Path, typer.Argument(metavar="FILE", help=t("option.trust_file"))]) -> None:
    """Trust a genesis or certified header file."""
    from govchain.cli.shapes import anchor_json  # noqa: PLC0415
    from govchain.sdk.trust import ANCHOR_BYTES_MAX  # noqa: PLC0415

    anchor = trust_store().add(read_small(file, ANCHOR_BYTES_MAX))

    def show() -> None:
        line(t("trust.added"))
        facts([("chain", anchor.chain), ("kind", t(f"trust.kind.{anchor.kind}")), ("fingerprint", anchor.fingerprint)])

    emit(anchor_json(anchor), show)


@_trust.command("list", help=t("help.trust.list"))
def list_all() -> None:
    """Everything that is trusted."""
    from govchain.cli.shapes import anchor_json  # noqa: PLC0415

    store = trust_store()
    anchors = store.anchors()

    def show() -> None:
        if not anchors:
            line(t("trust.none", path=store.path))
            return
        table(
            ["kind", "chain", "height", "time", "fingerprint"],
            [(t(f"trust.kind.{a.kind}"), a.chain, a.height or "", china_time(a.time), a.fingerprint) for a in anchors],
        )

    emit({"path": str(store.path), "anchors": [anchor_json(anchor) for anchor in anchors]}, show)


@_trust.command("remove", help=t("help.trust.remove"))
def remove(fingerprint: Annotated[str, typer.Argument(metavar="FINGERPRINT", help=t("option.trust_name"))]) -> None:
    """Trust one thing no longer."""
    from govchain.cli.shapes import anchor_json  # noqa: PLC0415

    anchor = trust_store().remove(fingerprint)
    emit(anchor_json(anchor), lambda: line(t("trust.removed", fingerprint=anchor.fingerprint)))


COMMANDS = {"trust": _trust}
