"""``govchain chain create|list|stop|genesis``: chains that the members' nodes host beside this one.

Rules: creating and stopping are put to the vote; what is listed as decided was proved, what a node says of itself is
shown as that. Not here: votes (``governing``), who runs the chains (``node.chains``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govchain.cli.commands.governing import propose_chain, propose_stop
from govchain.cli.opening import open_chain
from govchain.cli.output import emit, facts, line, table
from govchain.cli.session import session, t
from govchain.model import Code, GovChainError, UsageError
from govchain.texts import phrase

if TYPE_CHECKING:
    from govchain.cli.target import Target
    from govchain.sdk.chains import DecidedChain
    from govchain.sdk.network import HostedChain

__all__ = ["add_commands"]


def add_commands(chain: typer.Typer) -> None:
    """Add the commands to the group ``chain``."""
    chain.command("create", help=t("help.propose.chain_create"))(propose_chain)
    chain.command("stop", help=t("help.propose.chain_stop"))(propose_stop)
    chain.command("list", help=t("help.chain.list"))(_list)
    chain.command("genesis", help=t("help.chain.genesis"))(_genesis)


def _list() -> None:
    """The chains that were decided on, and how they stand at this node."""
    from govchain.sdk.chains import list_chains  # noqa: PLC0415 - only where it is used

    with open_chain() as opened:
        decided = list_chains(opened.client)
        target = opened.target
    hosted = _hosted(target, decided)

    def show() -> None:
        if not decided:
            line(t("chain.no_chains"))
            return
        table(
            ["chain", "decision", "state", "height", "certified_height", "address", "fingerprint", "reason"],
            [_row(one, hosted.get(one.chain)) for one in decided],
            prose=True,
        )

    emit({"chains": [_json(one, hosted.get(one.chain)) for one in decided]}, show)


def _genesis(
    chain: Annotated[str, typer.Argument(metavar="ID", help=t("option.chain"))],
    out: Annotated[Path, typer.Argument(metavar="FILE", help=t("option.chain_genesis_file"))],
    force: Annotated[bool, typer.Option("--force", help=t("option.force"))] = False,
) -> None:
    """Write the genesis that followed from a decision, proved by this chain."""
    from govchain.cli.writing import write_file  # noqa: PLC0415
    from govchain.proof.genesis import encode_genesis  # noqa: PLC0415
    from govchain.sdk.chains import find_chain  # noqa: PLC0415

    with open_chain() as opened:
        found = find_chain(opened.client, chain)
        parent = opened.client.genesis.chain
    if found.state.genesis is None:
        raise UsageError(Code.USAGE, reason=t("chain.own_genesis", chain=chain))
    write_file(out, encode_genesis(found.state.genesis), force=force)
    result = {"chain": chain, "fingerprint": found.state.fingerprint, "path": str(out), "as_of": found.as_of}

    def show() -> None:
        facts([("chain", chain), ("fingerprint", found.state.fingerprint), ("exported", out)])
        line(t("chain.genesis_next", parent=parent, path=out))

    emit(result, show)


def _hosted(target: Target, decided: list[DecidedChain]) -> dict[str, HostedChain]:
    """How they stand, as the node says, or as its directory shows where one is named."""
    from govchain.cli.opening import open_http_as  # noqa: PLC0415

    if target.path is not None:
        from govchain.node.chains.looking import chain_at_rest  # noqa: PLC0415 - the node is heavy

        return {one.chain: chain_at_rest(target.path, one.chain, one.state) for one in decided}
    from govchain.sdk.probing import ProbeTransport  # noqa: PLC0415

    try:
        with open_http_as(ProbeTransport, target) as transport:
            return {one.chain: one for one in transport.chains().chains}
    except GovChainError as error:
        if error.code is Code.SERVICE_OFF:
            return {}
        raise


def _row(one: DecidedChain, here: HostedChain | None) -> tuple[object, ...]:
    stands = (
        ("", "", "", "")
        if here is None
        else (t(f"chain.state.{here.state}"), _height(here.height), _height(here.certified_height), here.address)
    )
    reason = "" if here is None else phrase(here.reason, session().language)
    return (one.chain, t(f"chain.decision.{one.state.status}"), *stands, one.state.fingerprint, reason)


def _height(value: int) -> object:
    return "" if value < 0 else value


def _json(one: DecidedChain, here: HostedChain | None) -> dict[str, object]:
    result: dict[str, object] = {
        "chain": one.chain,
        "decision": one.state.status,
        "decided": one.state.height,
        "fingerprint": one.state.fingerprint,
        "number": one.state.number,
        "as_of": one.as_of,
        "here": None,
    }
    if here is not None:
        result["here"] = {
            "state": here.state,
            "address": here.address,
            "height": None if here.height < 0 else here.height,
            "certified_height": None if here.certified_height < 0 else here.certified_height,
            "reason": here.reason,
            "starts": here.starts,
        }
    return result
