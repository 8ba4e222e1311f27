"""``govchain net``: networks of real nodes on this machine; a shell over ``ops.net``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govchain.cli.output import emit, emit_line, line, say, table, visible
from govchain.cli.reading import check_choice, chosen_engine
from govchain.cli.session import session, t
from govchain.model import Code, UsageError, VerificationError

if TYPE_CHECKING:
    from govchain.ops.net.journal import LogLine
    from govchain.ops.net.layout import NetworkFile, NodeEntry
    from govchain.ops.net.looking import NodeLook

__all__ = ["COMMANDS"]

_COLUMNS = ("node", "state", "height", "round", "leader", "peers", "pool", "lag", "version")

_net = typer.Typer(help=t("help.net"), no_args_is_help=True, add_completion=False)
_consensus = typer.Typer(help=t("help.net.consensus"), no_args_is_help=True, add_completion=False)
_net.add_typer(_consensus, name="consensus")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help=t("option.net_dir"))]
Node = Annotated[str, typer.Argument(metavar="NODE", help=t("option.net_node"))]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NODES...]", help=t("option.net_nodes"))]


@_net.command("create", help=t("help.net.create"))
def net_create(
    directory: Folder,
    validators: Annotated[int, typer.Option("--validators", min=0, max=32, help=t("option.validators"))] = 0,
    engine: Annotated[
        str, typer.Option("--engine", metavar="cometbft|etcd", help=t("option.engine_kind"))
    ] = "cometbft",
    chain: Annotated[str, typer.Option("--chain", metavar="ID", help=t("option.chain"))] = "",
    suite: Annotated[str, typer.Option("--suite", metavar="gm|international", help=t("option.suite"))] = "gm",
) -> None:
    """Make a network: keys, genesis signed by all, data directories, ports."""
    from govchain.ops.net.creating import NetworkPlan, create_network  # noqa: PLC0415
    from govchain.sdk.transactions import now_ms  # noqa: PLC0415

    check_choice(suite, ("gm", "international"), "--suite")
    plan = NetworkPlan(
        now=now_ms(),
        engine=chosen_engine(engine),
        validators=validators,
        chain=chain,
        suite=suite,  # type: ignore[arg-type]
        language=session().language,
    )
    network = create_network(directory, plan, _made)
    result = {"path": str(directory), **_json(network)}
    emit(
        result,
        lambda: line(
            t("net.created", path=directory, chain=network.chain, nodes=len(network.nodes), engine=network.engine)
        ),
    )


@_net.command("start", help=t("help.net.start"))
def net_start(directory: Folder, nodes: Names = None) -> None:
    """Start the nodes that do not run, and wait until each takes transactions."""
    from govchain.ops.net.processes import find_process, start_nodes  # noqa: PLC0415

    folder, network, chosen = _opened(directory, nodes)

    def healthy(node: NodeEntry) -> None:
        if not session().json:
            say(t("net.healthy", name=node.name, url=node.url))

    started = start_nodes(folder, chosen, tell=healthy)
    running = [node.name for node in network.present if find_process(folder.node(node.name)) is not None]
    result = {"path": str(directory), "started": [node.name for node in started], "running": running}
    emit(result, lambda: line(t("net.started", nodes=len(running), path=directory)))


@_net.command("stop", help=t("help.net.stop"))
def net_stop(directory: Folder, nodes: Names = None) -> None:
    """End the nodes that run."""
    from govchain.ops.net.processes import stop_nodes  # noqa: PLC0415

    folder, _, chosen = _opened(directory, nodes, removed=True)
    ended = stop_nodes(folder, chosen)

    def show() -> None:
        for name, well in ended.items():
            if not well:
                say(t("net.killed", name=name))
        line(t("net.stopped", names=", ".join(ended)) if ended else t("net.nothing_runs"))

    emit({"path": str(directory), "stopped": list(ended), "killed": [n for n, well in ended.items() if not well]}, show)


@_net.command("status", help=t("help.net.status"))
def net_status(
    directory: Folder,
    nodes: Names = None,
    watch: Annotated[bool, typer.Option("--watch", help=t("option.net_watch"))] = False,
    interval: Annotated[
        int, typer.Option("--interval", metavar="MS", min=100, max=3_600_000, help=t("option.net_interval"))
    ] = 1000,
) -> None:
    """Where each node stands, once or until it is interrupted."""
    from govchain.ops.net.looking import look_at_nodes  # noqa: PLC0415

    folder, _, chosen = _opened(directory, nodes, removed=True)
    if not watch:
        looks = look_at_nodes(folder, chosen)
        emit({"path": str(directory), "nodes": [_look_json(look) for look in looks]}, lambda: _show(looks))
    elif session().json or not sys.stdout.isatty():
        while True:
            looks = look_at_nodes(folder, chosen)
            if session().json:
                emit_line({"nodes": [_look_json(look) for look in looks]})
            else:
                _show(looks)
                sys.stdout.flush()
            time.sleep(interval / 1000)
    else:
        _live(folder, chosen, interval / 1000)


@_net.command("logs", help=t("help.net.logs"))
def net_logs(
    directory: Folder,
    nodes: Names = None,
    rows: Annotated[int, typer.Option("--lines", "-n", min=0, max=100_000, help=t("option.log_rows"))] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help=t("option.log_follow"))] = False,
) -> None:
    """The last lines of the nodes' logs, merged by time."""
    from govchain.ops.net.journal import follow_logs, last_lines  # noqa: PLC0415

    folder, _, chosen = _opened(directory, nodes, removed=True)
    names = [node.name for node in chosen]
    if follow:
        for one in follow_logs(folder, names, rows):
            _show_line(one)
    else:
        lines = last_lines(folder, names, rows)
        result = {"lines": [{"node": one.node, "time": one.time, "line": _parsed(one.text)} for one in lines]}

        def show() -> None:
            for one in lines:
                _show_line(one)

        emit(result, show)


@_net.command("add-node", help=t("help.net.add_node"))
def net_add_node(directory: Folder) -> None:
    """Make a node of a new organisation, vote both in, and wait until it signs."""
    from govchain.ops.net.membership import add_node  # noqa: PLC0415

    folder, network, _ = _opened(directory, None)

    def tell(step: str, name: str) -> None:
        if not session().json:
            say(t(f"net.joining.{step}", name=name))

    network, entry = add_node(folder, network, language=session().language, tell=tell)
    emit(
        {"path": str(directory), **_json(network), "added": entry.name},
        lambda: line(t("net.added", name=entry.name, url=entry.url)),
    )


@_net.command("remove-node", help=t("help.net.remove_node"))
def net_remove_node(directory: Folder, node: Node) -> None:
    """Vote a member out, and stop its node."""
    from govchain.ops.net.membership import remove_node  # noqa: PLC0415

    folder, network, _ = _opened(directory, None)
    entry = network.named(node)
    if entry.removed:
        raise UsageError(Code.USAGE, reason=t("net.gone", name=node))
    network = remove_node(folder, network, entry)
    place = folder.node(node).data
    emit(
        {"path": str(directory), **_json(network), "removed": node},
        lambda: line(t("net.removed", name=node, path=place)),
    )


@_net.command("rebuild-node", help=t("help.net.rebuild_node"))
def net_rebuild_node(directory: Folder, node: Node) -> None:
    """Make a node that was lost anew, with new keys voted into the place of the old ones."""
    from govchain.ops.net.rebuilding import rebuild_node  # noqa: PLC0415

    folder, network, _ = _opened(directory, None)
    entry = network.named(node)
    if entry.removed:
        raise UsageError(Code.USAGE, reason=t("net.gone", name=node))
    done = rebuild_node(folder, network, entry)
    result = {"rebuilt": node, "key": done.node.key, "seconds": round(done.seconds, 1), "signed": done.signed or None}

    def show() -> None:
        line(t("net.rebuilt", name=node, seconds=f"{done.seconds:.1f}"))
        line(t("net.signed", height=done.signed) if done.signed else t("net.idle"))

    emit({"path": str(directory), **_json(done.network), **result}, show)


@_consensus.command("stop", help=t("help.net.consensus.stop"))
def net_consensus_stop(directory: Folder, node: Node) -> None:
    """End a node's voting; it follows the chain all the same."""
    _set_voting(directory, node, votes=False)


@_consensus.command("start", help=t("help.net.consensus.start"))
def net_consensus_start(directory: Folder, node: Node) -> None:
    """Let a node vote again."""
    _set_voting(directory, node, votes=True)


def _set_voting(directory: Path, node: str, *, votes: bool) -> None:
    from govchain.ops.net.voting import set_voting  # noqa: PLC0415

    folder, network, _ = _opened(directory, None)
    set_voting(folder, network, network.named(node), votes=votes)
    said = t("net.votes", name=node) if votes else t("net.votes_not", name=node)
    emit({"path": str(directory), "node": node, "votes": votes}, lambda: line(said))


@_net.command("compare", help=t("help.net.compare"))
def net_compare(
    directory: Folder,
    nodes: Names = None,
    wait: Annotated[int, typer.Option("--wait", metavar="SECONDS", min=0, max=3600, help=t("option.net_wait"))] = 30,
) -> None:
    """Whether the nodes have the same block at every height."""
    from govchain.ops.net.looking import compare_nodes  # noqa: PLC0415

    _, network, chosen = _opened(directory, nodes)
    found = compare_nodes(chosen, network.suite, timeout_s=wait)
    result = {"path": str(directory), "nodes": [node.name for node in chosen], "height": found.height}
    if found.differing:
        raise VerificationError(Code.HEAD_FORKED, reason=f"height {found.differing[0]}")
    emit(
        {**result, "identity": found.identity},
        lambda: line(t("net.same", nodes=len(chosen), height=found.height, identity=found.identity)),
    )


def _opened(path: Path, names: list[str] | None, *, removed: bool = False) -> tuple[Any, NetworkFile, list[NodeEntry]]:
    """The network's folder, its file, and the nodes that were named, or all that are there."""
    from govchain.ops.net.layout import NetworkFolder, load_network  # noqa: PLC0415

    network = load_network(path)
    every = network.nodes if removed else network.present
    chosen = [network.named(name) for name in names] if names else list(every)
    return NetworkFolder(path.absolute()), network, chosen


def _made(name: str) -> None:
    if not session().json:
        say(t("net.made", name=name))


def _json(network: NetworkFile) -> dict[str, Any]:
    return {
        "chain": network.chain,
        "engine": network.engine,
        "nodes": [
            {
                "name": node.name,
                "organisation": node.organisation,
                "organisation_name": node.organisation_name,
                "key": node.key,
                "url": node.url,
                "removed": node.removed,
            }
            for node in network.nodes
        ],
    }


def _look_json(look: NodeLook) -> dict[str, Any]:
    from govchain.sdk.wire import to_plain  # noqa: PLC0415

    return {
        "name": look.node.name,
        "state": look.state,
        "reason": look.reason or None,
        "pid": look.pid,
        "url": look.url,
        "chain": None if look.chain is None else to_plain(look.chain),
        "network": None if look.network is None else to_plain(look.network),
    }


def _row(look: NodeLook) -> list[str]:
    state = t(f"net.state.{look.state}", reason=look.reason)
    if look.chain is None or look.network is None:
        return [look.node.name, state, "", "", "", "", "", "", ""]
    chain, network = look.chain, look.network
    connected = sum(peer.connected for peer in network.peers)
    return [
        look.node.name,
        state,
        str(chain.height),
        f"{network.engine_height}/{network.round}",
        network.proposer,
        f"{connected}/{len(network.peers)}",
        str(chain.pool_transactions),
        str(chain.height - chain.certified_height),
        chain.node_version,
    ]


def _show(looks: Sequence[NodeLook]) -> None:
    table(list(_COLUMNS), [_row(look) for look in looks])
    for text in _stalls(looks):
        line(text)


def _stalls(looks: Sequence[NodeLook]) -> list[str]:
    """Who says that it waits for votes while transactions wait."""
    return [
        t("net.waiting", name=look.node.name, missing=", ".join(look.network.missing))
        for look in looks
        if look.network is not None and look.network.missing and look.chain is not None and look.chain.pool_transactions
    ]


def _live(folder: Any, nodes: Sequence[NodeEntry], interval_s: float) -> None:
    from rich.console import Console, Group  # noqa: PLC0415 - only on a terminal
    from rich.live import Live  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from govchain.ops.net.looking import look_at_nodes  # noqa: PLC0415

    with Live(console=Console(highlight=False, emoji=False, markup=False), auto_refresh=False) as live:
        while True:
            looks = look_at_nodes(folder, nodes)
            drawn = Table(box=None, pad_edge=False, header_style="bold")
            for name in _COLUMNS:
                drawn.add_column(t(f"label.{name}"), no_wrap=True)
            for look in looks:
                drawn.add_row(*(Text(visible(cell)) for cell in _row(look)))
            live.update(Group(drawn, *(Text(visible(text)) for text in _stalls(looks))), refresh=True)
            time.sleep(interval_s)


def _show_line(one: LogLine) -> None:
    if session().json:
        emit_line({"node": one.node, "time": one.time, "line": _parsed(one.text)})
    else:
        line(f"{one.node}  {one.text}")
        sys.stdout.flush()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


COMMANDS = {"net": _net}
