"""``govchain init`` and ``govchain chain``: make a chain, and see where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govchain.cli.commands import chains, governing
from govchain.cli.opening import open_chain, trust_store
from govchain.cli.output import china_time, emit, facts, line
from govchain.cli.session import session, t
from govchain.model import Code, GovChainError, UsageError

if TYPE_CHECKING:
    from govchain.services.configurations import Configuration

__all__ = ["COMMANDS"]

#: The suite of a chain for which none is named.
_SUITE = "gm"

_init = typer.Typer(add_completion=False)
_chain = typer.Typer(help=t("help.chain"), no_args_is_help=True, add_completion=False)


@_chain.callback()
def _group() -> None:
    """A group even while it has one command."""


@_init.command("init", help=t("help.init"))
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help=t("option.init_dir"))],
    chain: Annotated[str, typer.Option("--chain", metavar="ID", help=t("option.chain"))] = "",
    organisation: Annotated[str, typer.Option("--organisation", metavar="CODE", help=t("option.organisation"))] = "",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help=t("option.organisation_name"))] = "",
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="gm|international", help=t("option.suite"), show_default=_SUITE)
    ] = None,
    algorithm: Annotated[
        list[str] | None, typer.Option("--algorithm", metavar="NAME", help=t("option.algorithms"))
    ] = None,
    from_configuration: Annotated[
        Path | None, typer.Option("--from-configuration", metavar="FILE", help=t("option.from_configuration"))
    ] = None,
) -> None:
    """Make a data directory with a chain of its own."""
    from govchain.cli.reading import check_line  # noqa: PLC0415

    check_line(name, "--name")
    from govchain.node.embedded import create_chain  # noqa: PLC0415 - heavy, and only needed here
    from govchain.sdk.transactions import now_ms  # noqa: PLC0415
    from govchain.services.chains import ChainOptions  # noqa: PLC0415

    options = ChainOptions(
        now=now_ms(),
        chain=chain,
        suite=_SUITE if suite is None else suite,
        organisation=organisation,
        organisation_name=name,
        language=session().language,
        algorithms=tuple(algorithm or ()),
        configuration=None if from_configuration is None else _configuration(from_configuration),
    )
    if from_configuration is not None and (organisation or name or algorithm or suite is not None):
        raise UsageError(Code.USAGE, reason=t("init.configuration_alone"))
    created = create_chain(directory, options)
    trusted = ""
    try:
        trust_store().add(created.genesis_bytes)
    except GovChainError as error:
        trusted = str(error)
    accounts = [
        {
            "name": account.name,
            "address": account.address,
            "roles": list(account.roles),
            "administrator": account.administrator,
            "key": account.key_uri,
        }
        for account in created.accounts
    ]
    result = {
        "path": str(created.path),
        "chain": created.chain,
        "fingerprint": created.fingerprint,
        "genesis": str(created.path / "genesis.json"),
        "accounts": accounts,
        "trusted": not trusted,
        "passphrase_file": created.passphrase_file,
    }

    def show() -> None:
        line(t("init.done", chain=created.chain, path=created.path))
        facts([("fingerprint", created.fingerprint)])
        for account in created.accounts:
            facts([(f"account.{account.name}", account.address)])
        line(t("init.trusted") if not trusted else t("init.not_trusted", reason=trusted, path=created.path))
        keys = created.path / "keys"
        line(t("init.keys", path=keys) if created.passphrase_file else t("init.keys_variable", path=keys))
        line(t("init.next", path=directory))

    emit(result, show)


def _configuration(path: Path) -> Configuration:
    from govchain.cli.reading import read_small  # noqa: PLC0415 - only where it is used
    from govchain.services.configurations import CONFIGURATION_BYTES_MAX, decode_configuration  # noqa: PLC0415

    return decode_configuration(read_small(path, CONFIGURATION_BYTES_MAX))


@_chain.command("status", help=t("help.chain.status"))
def status() -> None:
    """Where the chain stands, with its newest header verified."""
    with open_chain() as opened:
        stands = opened.client.chain_status()
        newest = opened.client.checker.newest_header()
        result = {
            "path": None if opened.target.path is None else str(opened.target.path),
            "node": None if opened.target.profile is None else opened.target.profile.url,
            "chain": stands.chain,
            "fingerprint": opened.client.checker.fingerprint.hex(),
            "suite": opened.client.suite.name,
            "height": stands.height,
            "certified_height": stands.certified_height,
            "identity": stands.identity,
            "time": stands.time,
            "time_text": china_time(stands.time),
            "pool_transactions": stands.pool_transactions,
            "node_version": stands.node_version,
            "node_build": stands.node_build,
            "verified": newest is None or newest.header.height == stands.certified_height,
        }

        def show() -> None:
            facts(
                [
                    ("chain", result["chain"]),
                    ("directory", result["path"]),
                    ("node", result["node"]),
                    ("fingerprint", result["fingerprint"]),
                    ("suite", result["suite"]),
                    ("height", result["height"]),
                    ("certified_height", result["certified_height"]),
                    ("identity", result["identity"]),
                    ("time", result["time_text"]),
                    ("pool_transactions", result["pool_transactions"]),
                ]
            )

        emit(result, show)


governing.add_commands(_chain)
chains.add_commands(_chain)

COMMANDS = {"init": _init, "chain": _chain}
