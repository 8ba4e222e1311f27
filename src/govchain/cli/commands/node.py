"""``govchain node``: the keys and the data directory of a node of a chain of several organisations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from govchain.cli.opening import trust_store
from govchain.cli.output import emit, facts, line
from govchain.cli.session import t
from govchain.model import GovChainError

__all__ = ["COMMANDS"]

_node = typer.Typer(help=t("help.node"), no_args_is_help=True, add_completion=False)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help=t("option.node_dir"))]


@_node.command("keys", help=t("help.node.keys"))
def node_keys(
    directory: Folder,
    chain: Annotated[str, typer.Option("--chain", metavar="ID", help=t("option.chain_agreed"))],
    organisation: Annotated[str, typer.Option("--organisation", metavar="CODE", help=t("option.organisation"))],
    organisation_name: Annotated[
        str, typer.Option("--organisation-name", metavar="NAME", help=t("option.organisation_name"))
    ],
    peers: Annotated[str, typer.Option("--peers", metavar="HOST:PORT", help=t("option.address_peers"))],
    engine: Annotated[str, typer.Option("--engine", metavar="HOST:PORT", help=t("option.address_engine"))],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help=t("option.node_name"))] = "",
    engine_kind: Annotated[
        str, typer.Option("--engine-kind", metavar="cometbft|etcd", help=t("option.engine_kind"))
    ] = "cometbft",
    api: Annotated[str, typer.Option("--api", metavar="URL", help=t("option.address_api"))] = "",
    suite: Annotated[str, typer.Option("--suite", metavar="gm|international", help=t("option.suite"))] = "gm",
) -> None:
    """Make a node's keys and the signed member file that goes to the others."""
    from govchain.cli.reading import check_line  # noqa: PLC0415
    from govchain.sdk.transactions import now_ms  # noqa: PLC0415
    from govchain.services.node_keys import NodePlan, create_node_keys  # noqa: PLC0415
    from govchain.signers import passphrase_given  # noqa: PLC0415

    check_line(name, "--name")
    check_line(organisation_name, "--organisation-name")
    given = passphrase_given()
    plan = NodePlan(
        chain=chain,
        organisation=organisation,
        organisation_name=organisation_name,
        name=name or directory.absolute().name,
        peers=peers,
        engine=engine,
        engine_kind=engine_kind,  # type: ignore[arg-type]
        api=api,
        suite=suite,
        now=now_ms(),
        passphrase=None if given is None else given(""),
    )
    made = create_node_keys(directory, plan)
    record = made.record
    result = {
        "path": str(made.path),
        "member_file": str(made.record_file),
        "chain": record.chain,
        "name": record.name,
        "organisation": record.organisation,
        "key": record.key,
        "engine_key": record.engine_key or None,
        "accounts": [
            {
                "name": account.name,
                "address": account.address,
                "roles": list(account.roles),
                "administrator": account.administrator,
                "key": account.key_uri,
            }
            for account in made.accounts
        ],
        "passphrase_file": made.passphrase_file,
    }

    def show() -> None:
        line(t("node.keys_made", name=record.name, path=made.path))
        facts(
            [
                ("chain", record.chain),
                ("public_key", record.key),
                ("engine_key", record.engine_key),
                *((f"account.{account.name}", account.address) for account in made.accounts),
            ]
        )
        keys = made.path / "keys"
        line(t("init.keys", path=keys) if made.passphrase_file else t("init.keys_variable", path=keys))
        line(t("node.next_send", path=made.record_file))

    emit(result, show)


@_node.command("init", help=t("help.node.init"))
def node_init(
    directory: Folder,
    genesis: Annotated[Path, typer.Argument(metavar="GENESIS", help=t("option.genesis_file"))],
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help=t("option.member_files"))],
    join: Annotated[bool, typer.Option("--join", help=t("option.join"))] = False,
) -> None:
    """Make the folder with a node's keys its data directory."""
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.node.founding import found_node  # noqa: PLC0415
    from govchain.proof.members import MEMBER_RECORD_BYTES_MAX  # noqa: PLC0415
    from govchain.sdk.trust import ANCHOR_BYTES_MAX  # noqa: PLC0415

    data = read_small(genesis, ANCHOR_BYTES_MAX)
    records = [(str(path), read_small(path, MEMBER_RECORD_BYTES_MAX)) for path in files]
    made = found_node(directory, data, records, join=join)
    trusted = ""
    try:
        trust_store().add(data)
    except GovChainError as error:
        trusted = str(error)
    result = {
        "path": str(made.path),
        "chain": made.genesis.chain,
        "fingerprint": made.fingerprint,
        "name": made.record.name,
        "member": made.member,
        "trusted": not trusted,
    }

    def show() -> None:
        line(t("node.founded", chain=made.genesis.chain, path=made.path))
        facts([("fingerprint", made.fingerprint)])
        if not made.member:
            line(t("node.follows", name=made.record.name))
        line(t("init.trusted") if not trusted else t("init.not_trusted", reason=trusted, path=made.path))
        line(t("node.next_up", path=directory))

    emit(result, show)


@_node.command("admit", help=t("help.node.admit"))
def node_admit(
    directory: Folder,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help=t("option.member_files"))],
) -> None:
    """Lay other members' files into a data directory, whether or not its node runs."""
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.node.founding import admit_records  # noqa: PLC0415
    from govchain.proof.members import MEMBER_RECORD_BYTES_MAX  # noqa: PLC0415

    records = admit_records(directory, [(str(path), read_small(path, MEMBER_RECORD_BYTES_MAX)) for path in files])
    names = [record.name for record in records]
    emit({"path": str(directory), "admitted": names}, lambda: line(t("node.admitted", names=", ".join(names))))


@_node.command("renew", help=t("help.node.renew"))
def node_renew(
    directory: Folder,
    member: Annotated[str, typer.Argument(metavar="MEMBER", help=t("option.member"))],
) -> None:
    """Let another member whose etcd lost its data come back, through the own node, which runs."""
    from govchain.ops.renewing import renew_engine  # noqa: PLC0415

    record = renew_engine(directory, member)
    result = {"path": str(directory), "renewed": record.name, "key": record.key}
    emit(result, lambda: line(t("node.renewed", name=record.name)))


COMMANDS = {"node": _node}
