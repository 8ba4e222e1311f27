"""``govchain bench | version``: shells over ``ops``."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Annotated

import typer

from govchain import __version__
from govchain.cli.output import emit, facts, table
from govchain.cli.session import t

__all__ = ["COMMANDS"]

_version = typer.Typer(add_completion=False)
_bench = typer.Typer(help=t("help.bench"), no_args_is_help=True, add_completion=False)

JsonFile = Annotated[Path | None, typer.Option("--json-file", metavar="FILE", help=t("option.json_file"))]
Force = Annotated[bool, typer.Option("--force", help=t("option.force"))]


@_bench.command("sm2", help=t("help.bench.sm2"))
def bench_sm2(
    keys: Annotated[int, typer.Option("--keys", min=1, max=100_000, help=t("option.bench_keys"))] = 64,
    signatures: Annotated[
        int, typer.Option("--signatures", min=1, max=100_000_000, help=t("option.bench_signatures"))
    ] = 20_000,
    seconds: Annotated[int, typer.Option("--seconds", min=1, max=86_400, help=t("option.bench_seconds"))] = 3,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """SM2 verification against OpenSSL in the same run, on one core."""
    from govchain.cli.progress import counted  # noqa: PLC0415
    from govchain.ops.bench import sm2  # noqa: PLC0415

    _check_result_file(json_file, force=force)
    with counted(t("progress.measuring")) as progress:
        result = sm2.run(keys=keys, signatures=signatures, seconds=seconds, progress=progress)
    _show_bench(result, json_file, force=force)


@_bench.command("ledger", help=t("help.bench.ledger"))
def bench_ledger(
    transactions: Annotated[
        int, typer.Option("--transactions", min=1, max=100_000_000, help=t("option.bench_transactions"))
    ] = 100_000,
    envelope_bytes: Annotated[
        int, typer.Option("--bytes", min=512, max=1_048_576, help=t("option.bench_bytes"))
    ] = 1024,
    accounts: Annotated[int, typer.Option("--accounts", min=1, max=100_000, help=t("option.bench_accounts"))] = 16,
    half_load: Annotated[int, typer.Option("--half-load", min=1, max=86_400, help=t("option.bench_half_load"))] = 10,
    directory: Annotated[Path | None, typer.Option("--dir", metavar="DIR", help=t("option.bench_dir"))] = None,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """Signed transactions through check, pool, execution and durable commit."""
    from govchain.cli.progress import counted  # noqa: PLC0415
    from govchain.ops.bench import ledger  # noqa: PLC0415

    _check_result_file(json_file, force=force)
    options = ledger.LedgerBench(transactions, envelope_bytes, accounts, half_load)
    with counted(t("progress.measuring")) as progress:
        result = ledger.run(options, folder=directory, progress=progress)
    _show_bench(result, json_file, force=force)


@_bench.command("api", help=t("help.bench.api"))
def bench_api(
    transactions: Annotated[
        int, typer.Option("--transactions", min=100, max=10_000_000, help=t("option.bench_api_transactions"))
    ] = 30_000,
    batch: Annotated[int, typer.Option("--batch", min=2, max=10_000, help=t("option.bench_batch"))] = 100,
    clients: Annotated[int, typer.Option("--clients", min=1, max=64, help=t("option.bench_clients"))] = 2,
    connections: Annotated[
        int, typer.Option("--connections", min=1, max=4_096, help=t("option.bench_connections"))
    ] = 64,
    seconds: Annotated[int, typer.Option("--seconds", min=1, max=3_600, help=t("option.bench_api_seconds"))] = 10,
    subscribers: Annotated[
        int, typer.Option("--subscribers", min=1, max=50_000, help=t("option.bench_subscribers"))
    ] = 1_000,
    directory: Annotated[Path | None, typer.Option("--dir", metavar="DIR", help=t("option.bench_dir"))] = None,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """HTTP clients in processes of their own against a node of its own."""
    from govchain.cli.progress import counted  # noqa: PLC0415
    from govchain.ops.bench import api  # noqa: PLC0415

    _check_result_file(json_file, force=force)
    options = api.ApiBench(transactions, batch, clients, connections, seconds, subscribers)
    with counted(t("progress.measuring")) as progress:
        result = api.run(options, folder=directory, progress=progress)
    _show_bench(result, json_file, force=force)


@_bench.command("join", help=t("help.bench.join"))
def bench_join(
    blocks: Annotated[int, typer.Option("--blocks", min=100, max=10_000_000, help=t("option.bench_blocks"))] = 20_000,
    transactions: Annotated[
        int, typer.Option("--block-transactions", min=1, max=5_000, help=t("option.bench_block_transactions"))
    ] = 5,
    envelope_bytes: Annotated[
        int, typer.Option("--bytes", min=512, max=1_048_576, help=t("option.bench_bytes"))
    ] = 1024,
    directory: Annotated[Path | None, typer.Option("--dir", metavar="DIR", help=t("option.bench_dir"))] = None,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """A new node by snapshot, and by every block."""
    from govchain.cli.progress import counted  # noqa: PLC0415
    from govchain.ops.bench import join  # noqa: PLC0415

    _check_result_file(json_file, force=force)
    options = join.JoinBench(blocks, transactions, envelope_bytes)
    with counted(t("progress.measuring")) as progress:
        result = join.run(options, folder=directory, progress=progress)
    _show_bench(result, json_file, force=force)


@_bench.command("net", help=t("help.bench.net"))
def bench_net(
    engine: Annotated[
        str, typer.Option("--engine", metavar="cometbft|etcd", help=t("option.engine_kind"))
    ] = "cometbft",
    validators: Annotated[int, typer.Option("--validators", min=0, max=16, help=t("option.bench_validators"))] = 0,
    seconds: Annotated[int, typer.Option("--seconds", min=1, max=3_600, help=t("option.bench_net_seconds"))] = 60,
    half: Annotated[int, typer.Option("--half-load", min=0, max=3_600, help=t("option.bench_half_load"))] = 20,
    idle: Annotated[int, typer.Option("--idle", min=0, max=3_600, help=t("option.bench_idle"))] = 30,
    reference: Annotated[int, typer.Option("--reference", min=0, max=3_600, help=t("option.bench_reference"))] = 15,
    batch: Annotated[int, typer.Option("--batch", min=2, max=1_000, help=t("option.bench_batch"))] = 100,
    pause: Annotated[bool, typer.Option("--pause", help=t("option.bench_pause"))] = False,
    directory: Annotated[Path | None, typer.Option("--dir", metavar="DIR", help=t("option.bench_dir"))] = None,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """Evidence through a network of real nodes, beside its engine alone."""
    from govchain.cli.progress import counted  # noqa: PLC0415
    from govchain.cli.reading import chosen_engine  # noqa: PLC0415
    from govchain.ops.bench import net  # noqa: PLC0415

    kind = chosen_engine(engine)
    _check_result_file(json_file, force=force)
    options = net.NetBench(
        engine=kind,
        validators=validators,
        seconds=seconds,
        half_seconds=half,
        idle_seconds=idle,
        reference_seconds=reference,
        batch=batch,
        pause=pause,
    )
    with counted(t("progress.measuring")) as progress:
        result = net.run(options, folder=directory, progress=progress)
    _show_bench(result, json_file, force=force)


@_version.command("version", help=t("help.version"))
def version() -> None:
    """Versions of the program and what it runs on."""
    from govchain.services.build import build_id  # noqa: PLC0415 - reads the whole package

    result = {
        "govchain": __version__,
        "build": build_id(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    emit(result, lambda: facts(list(result.items())))


def _check_result_file(json_file: Path | None, *, force: bool) -> None:
    """Refuse before the measurement what would be refused after it."""
    from govchain.cli.writing import check_free  # noqa: PLC0415

    if json_file is not None:
        check_free(json_file, force=force)


def _show_bench(result: dict[str, object], json_file: Path | None, *, force: bool) -> None:
    from govchain.cli.writing import write_file  # noqa: PLC0415

    if json_file is not None:
        text = json.dumps(result, ensure_ascii=False, indent=2) + "\n"
        write_file(json_file, text.encode(), force=force)
    emit(result, lambda: table(["figure", "value"], _flat(result, "")))


def _flat(value: object, name: str) -> list[tuple[str, object]]:
    """Nested figures as rows, in their order."""
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _flat(inner, f"{name}.{key}" if name else str(key))]
    if isinstance(value, list):
        return [row for place, inner in enumerate(value) for row in _flat(inner, f"{name}.{place}")]
    return [(name, value)]


COMMANDS = {"bench": _bench, "version": _version}
