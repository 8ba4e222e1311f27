"""``govchain export``: blocks, transactions, accounts, entities, contracts, configuration by T/CESA 6002."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govchain.cli.node_settings import SettingsFile, node_settings
from govchain.cli.opening import open_chain
from govchain.cli.output import emit, line, table
from govchain.cli.reading import HEIGHT_MAX
from govchain.cli.session import session, t
from govchain.model import Code, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from govchain.cli.opening import Opened
    from govchain.services.exports import ElementCheck, Export, ExportedElement, NodeFacts

__all__ = ["COMMANDS"]

_export = typer.Typer(help=t("help.export"), no_args_is_help=True, add_completion=False)

Check = Annotated[bool, typer.Option("--check", help=t("option.export_check"))]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help=t("option.export_output"))]
Force = Annotated[bool, typer.Option("--force", help=t("option.force"))]
TransactionId = Annotated[str, typer.Argument(metavar="ID", help=t("option.transaction"))]


@_export.command("block", help=t("help.export.block"))
def block(
    height: Annotated[int, typer.Argument(metavar="N", min=1, max=HEIGHT_MAX, help=t("option.height"))],
    check: Check = False,
    output: Output = None,
    force: Force = False,
) -> None:
    """A block."""
    _run("block", str(height), check, output, force)


@_export.command("tx", help=t("help.export.tx"))
def tx(transaction: TransactionId, check: Check = False, output: Output = None, force: Force = False) -> None:
    """A transaction."""
    _run("transaction", transaction, check, output, force)


@_export.command("account", help=t("help.export.account"))
def account(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help=t("option.export_account"))],
    check: Check = False,
    output: Output = None,
    force: Force = False,
) -> None:
    """An account."""
    _run("account", address, check, output, force)


@_export.command("entity", help=t("help.export.entity"))
def entity(transaction: TransactionId, check: Check = False, output: Output = None, force: Force = False) -> None:
    """The entity of a transaction."""
    _run("entity", transaction, check, output, force)


@_export.command("contract", help=t("help.export.contract"))
def contract(
    name: Annotated[str, typer.Argument(metavar="NAME", help=t("option.family"))],
    check: Check = False,
    output: Output = None,
    force: Force = False,
) -> None:
    """A contract."""
    _run("contract", name, check, output, force)


@_export.command("configuration", help=t("help.export.configuration"))
def configuration(
    check: Check = False, output: Output = None, force: Force = False, config: SettingsFile = None
) -> None:
    """The configuration of chain and node."""
    _run("configuration", "", check, output, force, config)


def _run(kind: str, name: str, check: bool, output: Path | None, force: bool, config: Path | None = None) -> None:
    """Export, check where that was asked for, write or show; exit code 1 where the check fails."""
    import msgspec  # noqa: PLC0415 - with the services, only where needed

    from govchain.cli.writing import write_file  # noqa: PLC0415
    from govchain.services.exports import Exports, check_export, holds  # noqa: PLC0415

    with open_chain() as opened:
        node = _node(opened, config) if kind == "configuration" else None
        found = Exports(lambda: opened.client, node).export(kind, name)
    checks = check_export(found) if check else ()
    if check:
        found = msgspec.structs.replace(found, check=checks, holds=holds(checks))
    result = msgspec.to_builtins(found)
    if output is not None:
        data = msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
        write_file(output, data, force=force)
        result = {"path": str(output), "bytes": len(data), "holds": found.holds}
        emit(result, lambda: _show_written(output, len(data), checks))
    else:
        emit(result, lambda: _show(found, checks))
    if not holds(checks):
        raise typer.Exit(1)


def _node(opened: Opened, config: Path | None) -> NodeFacts:
    """What is known of the node: the settings of a data directory, or where a node was reached."""
    from urllib.parse import urlsplit  # noqa: PLC0415

    from govchain.node.settings import changed_settings  # noqa: PLC0415
    from govchain.services.exports import NodeFacts, ip_address_of  # noqa: PLC0415

    path = opened.target.path
    if path is None:
        if config is not None:
            raise UsageError(Code.USAGE, reason=t("cli.needs_directory"))
        return NodeFacts(ip_address_of(f"{urlsplit(opened.target.place).hostname}:0"))
    settings = node_settings(path, config)
    return NodeFacts(ip_address_of(settings.text("listen")), changed_settings(settings))


def _show(found: Export, checks: Sequence[ElementCheck]) -> None:
    for identifier, element in found.elements.items():
        line(f"{identifier}  {_name(element)}: {_value(element)}")
    if checks:
        line()
        _show_check(checks)


def _show_written(path: Path, size: int, checks: Sequence[ElementCheck]) -> None:
    line(t("export.written", path=path, size=size))
    if checks:
        _show_check(checks)


def _show_check(checks: Sequence[ElementCheck]) -> None:
    table(
        ["identifier", "element", "mandatory", "presence", "element_type", "length"],
        [
            (
                one.identifier,
                _element_name(one.identifier),
                t("cli.yes") if one.mandatory else "",
                t(f"export.state.{one.state}"),
                _outcome(one.type),
                " ".join(part for part in (_length(one), _outcome(one.length)) if part),
            )
            for one in checks
        ],
    )
    failed = [one.identifier for one in checks if not one.holds]
    line(t("export.fails", elements=", ".join(failed)) if failed else t("export.holds"))


def _element_name(identifier: str) -> str:
    from govchain.model.data_elements import ELEMENTS  # noqa: PLC0415

    element = ELEMENTS[identifier]
    return element.name_zh if session().language == "zh" else element.name_en


def _name(element: ExportedElement) -> str:
    return element.name_zh if session().language == "zh" else element.name_en


def _value(element: ExportedElement) -> str:
    if element.state != "present":
        return t(f"export.{element.state}")
    if isinstance(element.value, list):
        return ", ".join(" ".join(one.values()) if isinstance(one, dict) else str(one) for one in element.value)
    return str(element.value)


def _outcome(right: bool | None) -> str:
    return "" if right is None else t("outcome.held" if right else "outcome.refused")


def _length(one: ElementCheck) -> str:
    length = "" if one.bytes is None else str(one.bytes)
    return f"{length} ({t('export.other_length')})" if one.recommended is False else length


COMMANDS = {"export": _export}
