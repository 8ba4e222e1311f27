"""``govchain genesis``: read and check genesis files; put one together from members' files, sign it, see who agreed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from govchain.cli.output import china_time, emit, facts, line, table
from govchain.cli.session import t
from govchain.model import Code, RefusedError, UsageError, VerificationError

if TYPE_CHECKING:
    from govchain.model.wire import Genesis
    from govchain.services.ceremony import CeremonyReport

__all__ = ["COMMANDS"]

_genesis = typer.Typer(help=t("help.genesis"), no_args_is_help=True, add_completion=False)

Force = Annotated[bool, typer.Option("--force", help=t("option.force"))]


@_genesis.command("show", help=t("help.genesis.show"))
def genesis_show(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help=t("option.genesis_file"))] = None,
    export: Annotated[
        Path | None, typer.Option("--export", "-o", metavar="FILE", help=t("option.genesis_export"))
    ] = None,
    force: Force = False,
) -> None:
    """What a genesis file says; without FILE that of the data directory or node, whether or not it is trusted."""
    from govchain.cli.opening import target_genesis  # noqa: PLC0415
    from govchain.cli.target import find_target  # noqa: PLC0415
    from govchain.cli.writing import write_file  # noqa: PLC0415

    data = _read(file) if file is not None else target_genesis(find_target())
    genesis, mark = _decoded(data, expected="")
    if export is not None:
        write_file(export, data, force=force)
    emit(_json(genesis, mark), lambda: _show_genesis(genesis, mark, exported=export))


@_genesis.command("assemble", help=t("help.genesis.assemble"))
def genesis_assemble(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help=t("option.member_files"))],
    rule: Annotated[str, typer.Option("--rule", metavar="bft|raft", help=t("option.rule"))],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help=t("option.genesis_out"))] = Path(
        "genesis.json"
    ),
    limits: Annotated[
        list[str] | None, typer.Option("--limit", metavar="NAME=VALUE", help=t("option.genesis_limits"))
    ] = None,
    force: Force = False,
) -> None:
    """One genesis from the members' files: the same bytes from the same files, in whatever order."""
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.cli.writing import check_free, write_file  # noqa: PLC0415
    from govchain.node.modules import genesis_modules, installed_modules  # noqa: PLC0415
    from govchain.proof.genesis import encode_genesis, fingerprint  # noqa: PLC0415
    from govchain.proof.members import MEMBER_RECORD_BYTES_MAX  # noqa: PLC0415
    from govchain.services.ceremony import assemble_genesis, read_records  # noqa: PLC0415

    if rule not in ("bft", "raft"):
        raise UsageError(Code.USAGE, reason=t("genesis.rules", given=rule))
    check_free(output, force=force)
    wanted = _limits(limits or [])
    records = read_records([(str(path), read_small(path, MEMBER_RECORD_BYTES_MAX)) for path in files])
    modules = genesis_modules(installed_modules())
    genesis = assemble_genesis(records, "bft" if rule == "bft" else "raft", modules, wanted)
    write_file(output, encode_genesis(genesis), force=force)
    mark = fingerprint(genesis).hex()

    def show() -> None:
        _show_genesis(genesis, mark, exported=output)
        line(t("genesis.next_sign", path=output))

    emit(_json(genesis, mark), show)


@_genesis.command("sign", help=t("help.genesis.sign"))
def genesis_sign(
    file: Annotated[Path, typer.Argument(metavar="GENESIS", help=t("option.genesis_file"))],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=t("option.signature_out"))
    ] = None,
    fingerprint: Annotated[str, typer.Option("--fingerprint", metavar="HEX", help=t("option.fingerprint"))] = "",
    force: Force = False,
) -> None:
    """Agree to a genesis with the key of this node (``--data DIR``), after comparing it with this node's own file."""
    from govchain.cli.opening import passphrases  # noqa: PLC0415
    from govchain.cli.output import notice  # noqa: PLC0415
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.cli.session import session  # noqa: PLC0415
    from govchain.cli.writing import check_free, write_file  # noqa: PLC0415
    from govchain.proof.members import MEMBER_RECORD_BYTES_MAX  # noqa: PLC0415
    from govchain.services.ceremony import read_records, sign_genesis  # noqa: PLC0415
    from govchain.signers import open_signer  # noqa: PLC0415
    from govchain.storage import DirectoryLayout  # noqa: PLC0415

    genesis, mark = _decoded(_read(file), expected=fingerprint)
    data = session().data
    if data is None:
        raise UsageError(Code.USAGE, reason=t("genesis.whose_key"))
    layout = DirectoryLayout(data)
    own = read_records([(str(layout.member_record), read_small(layout.member_record, MEMBER_RECORD_BYTES_MAX))])[0]
    place = output if output is not None else file.with_name(f"{genesis.chain}-{own.key[:16]}.signature.json")
    check_free(place, force=force)
    signer = open_signer(f"file:{layout.node_key}", passphrases(layout.keys), notice=notice)
    try:
        write_file(place, sign_genesis(genesis, own, signer), force=force)
    finally:
        signer.close()
    result = {"chain": genesis.chain, "fingerprint": mark, "member": own.name, "key": own.key, "path": str(place)}
    emit(result, lambda: line(t("genesis.signed", name=own.name, fingerprint=mark, path=place)))


@_genesis.command("verify", help=t("help.genesis.verify"))
def genesis_verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=t("option.genesis_file"))],
    signatures: Annotated[
        list[Path] | None, typer.Argument(metavar="[SIGNATURES...]", help=t("option.genesis_signatures"))
    ] = None,
    fingerprint: Annotated[str, typer.Option("--fingerprint", metavar="HEX", help=t("option.fingerprint"))] = "",
) -> None:
    """Check that a genesis is well formed and as you were told; of several members, that each agreed to it."""
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.proof.genesis_signatures import GENESIS_SIGNATURE_BYTES_MAX  # noqa: PLC0415
    from govchain.services.ceremony import judge_ceremony  # noqa: PLC0415

    genesis, mark = _decoded(_read(file), expected=fingerprint)
    given = signatures or []
    if genesis.rule == "solo" and not given:
        emit(_json(genesis, mark), lambda: _show_genesis(genesis, mark))
        return
    files = {str(path): read_small(path, GENESIS_SIGNATURE_BYTES_MAX) for path in given}
    report = judge_ceremony(genesis, files)
    result = {
        **_json(genesis, mark),
        "quorum": report.quorum,
        "may_fail": report.may_fail,
        "complete": report.complete,
        "members": [
            {
                "name": member.name,
                "organisation": member.organisation,
                "organisation_name": member.organisation_name,
                "key": member.key,
                "engine_key": member.engine_key or None,
                "tls": member.tls or None,
                "signed": member.signed,
            }
            for member in report.members
        ],
        "missing": [member.name for member in report.missing],
        "false": [{"file": one.file, "code": one.code.name, "reason": one.reason} for one in report.false],
    }

    def show() -> None:
        _show_genesis(genesis, mark)
        _show_ceremony(genesis, report)

    emit(result, show)
    if not report.complete:
        names = [member.name for member in report.missing]
        raise VerificationError(
            Code.GENESIS_SIGNATURE, missing=", ".join(names), reason="; ".join(one.file for one in report.false)
        )


def _read(path: Path) -> bytes:
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.sdk.trust import ANCHOR_BYTES_MAX  # noqa: PLC0415

    return read_small(path, ANCHOR_BYTES_MAX)


def _limits(given: list[str]) -> dict[str, int]:
    """``NAME=VALUE`` texts as limits of the chain."""
    from govchain.model.wire import Limits  # noqa: PLC0415

    found: dict[str, int] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in Limits.__struct_fields__ or not value.isascii() or not value.isdigit() or name in found:
            known = ", ".join(Limits.__struct_fields__)
            raise UsageError(Code.USAGE, reason=t("genesis.limit_unknown", given=text, known=known))
        found[name] = int(value)
    return found


def _decoded(data: bytes, *, expected: str) -> tuple[Genesis, str]:
    """The genesis and its fingerprint, which is the ``expected`` one where one was given."""
    from govchain.proof.genesis import decode_genesis  # noqa: PLC0415
    from govchain.proof.genesis import fingerprint as fingerprint_of  # noqa: PLC0415

    genesis = decode_genesis(data)
    mark = fingerprint_of(genesis).hex()
    if expected and expected.lower() != mark:
        raise RefusedError(Code.TRUST_MISMATCH, reason=mark, fingerprint=mark)
    return genesis, mark


def _json(genesis: Genesis, mark: str) -> dict[str, Any]:
    return {"fingerprint": mark, "genesis": msgspec.to_builtins(genesis)}


def _show_genesis(genesis: Genesis, mark: str, *, exported: Path | None = None) -> None:
    facts(
        [
            ("chain", genesis.chain),
            ("fingerprint", mark),
            ("suite", genesis.suite),
            ("algorithms", ", ".join(genesis.algorithms)),
            ("time", china_time(genesis.created)),
            ("rule", genesis.rule),
            ("exported", exported),
        ]
    )
    table(
        ["organisation", "name"],
        [(entry.code, entry.name) for entry in genesis.organisations],
    )
    table(
        ["name", "roles", "administrator", "organisation", "public_key"],
        [
            (
                a.label,
                t("cli.comma").join(t(f"role.{role}") for role in a.roles),
                t("cli.yes") if a.administrator else "",
                a.organisation,
                a.key,
            )
            for a in genesis.accounts
        ],
    )


def _show_ceremony(genesis: Genesis, report: CeremonyReport) -> None:
    """Who makes the blocks, what that means, and who has not agreed yet."""
    table(
        ["member", "organisation", "name", "public_key", "engine_key", "tls_key", "agreed"],
        [
            (
                member.name,
                member.organisation,
                member.organisation_name,
                member.key,
                member.engine_key,
                member.tls,
                t("cli.yes") if member.signed else t("genesis.not_yet"),
            )
            for member in report.members
        ],
    )
    line(t(f"genesis.rule.{genesis.rule}", members=len(report.members), quorum=report.quorum, may=report.may_fail))
    if not report.may_fail:
        line(t("genesis.none_may_fail"))
    for one in report.false:
        line(t("genesis.false", file=one.file, code=one.code.name, reason=_told(one.reason)))
    for member in report.missing:
        line(t("genesis.missing", name=member.name, organisation=member.organisation_name, mark=member.key[:16]))
    if report.complete:
        line(t("genesis.complete"))


def _told(reason: str) -> str:
    from govchain.cli.output import told  # noqa: PLC0415

    return told(reason)


COMMANDS = {"genesis": _genesis}
