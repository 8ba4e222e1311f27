"""``govchain doctor``: a data directory from end to end, or with ``--node`` a node from outside; over ``ops``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from govchain.cli.node_settings import SettingsFile
from govchain.cli.output import emit, facts, line
from govchain.cli.progress import counted
from govchain.cli.session import session, t
from govchain.cli.target import Target, find_target
from govchain.model import Code, UsageError

if TYPE_CHECKING:
    from govchain.ops.findings import Report
    from govchain.ops.replay import Progress

__all__ = ["COMMANDS"]

_doctor = typer.Typer(add_completion=False)
_MIB = 1024 * 1024
#: What a machine must have where nothing else is said: processors; MiB of memory, and of free disk.
_CPU_MIN = 1
_MIB_MIN = 1024


@_doctor.command("doctor", help=t("help.doctor"))
def doctor(
    quick: Annotated[bool, typer.Option("--quick", help=t("option.quick"))] = False,
    config: SettingsFile = None,
    cpu: Annotated[
        int | None, typer.Option("--cpu-min", min=0, help=t("option.cpu_min"), show_default=str(_CPU_MIN))
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option("--memory-min", metavar="MIB", min=0, help=t("option.memory_min"), show_default=str(_MIB_MIN)),
    ] = None,
    disk: Annotated[
        int | None,
        typer.Option("--disk-min", metavar="MIB", min=0, help=t("option.disk_min"), show_default=str(_MIB_MIN)),
    ] = None,
) -> None:
    """Check everything that can be checked; changes nothing."""
    from govchain.sdk.transactions import now_ms  # noqa: PLC0415 - heavy, and only needed here

    target = find_target()
    if target.path is None and (config is not None or (cpu, memory, disk) != (None, None, None)):
        raise UsageError(Code.USAGE, reason=t("doctor.node_options"))
    with counted(t("progress.checking")) as progress:
        if target.path is None:
            report = _at_node(target, quick, now_ms(), progress)
        else:
            from govchain.ops import doctor as work  # noqa: PLC0415 - heavy, and only needed here

            report = work.run(
                target.path,
                now=now_ms(),
                replay=not quick,
                progress=progress,
                minima=work.Minima(
                    _CPU_MIN if cpu is None else cpu,
                    (_MIB_MIN if memory is None else memory) * _MIB,
                    (_MIB_MIN if disk is None else disk) * _MIB,
                ),
                environment=os.environ,
                settings_file=config,
            )
    _show(target, report)


def _at_node(target: Target, quick: bool, now: int, progress: Progress | None) -> Report:
    from govchain.cli.opening import open_http_as, trust_store  # noqa: PLC0415 - loaded by the commands that need it
    from govchain.ops import doctor_remote  # noqa: PLC0415
    from govchain.sdk.probing import ProbeTransport  # noqa: PLC0415

    store = trust_store()
    with open_http_as(ProbeTransport, target) as transport:
        return doctor_remote.run(transport, store.trusted(), now=now, memory=store, quick=quick, progress=progress)


def _show(target: Target, report: Report) -> None:
    findings = [
        {
            "name": finding.name,
            "part": finding.part,
            "code": finding.code.name,
            "number": int(finding.code),
            "reason": finding.reason_in(session().language),
            "height": finding.height,
            "remedy": t(finding.remedy),
        }
        for finding in report.findings
    ]
    checks = list(dict.fromkeys(report.checks))
    place = "path" if target.profile is None else "node"
    result = {
        place: target.place,
        "chain": report.chain,
        "height": report.height,
        "checks": checks,
        "clean": report.clean,
        "findings": findings,
        "dropped": report.dropped,
    }

    def show() -> None:
        where = "directory" if place == "path" else "node"
        facts([(where, target.place), ("chain", report.chain), ("height", report.height)])
        line(t("doctor.checked", checks=t("cli.comma").join(t(f"doctor.check.{name}") for name in checks)))
        for finding in findings:
            part = finding["part"] if finding["height"] is None else f"{finding['part']} {finding['height']}"
            told = {name: finding[name] for name in ("code", "reason", "remedy", "name")}
            line(t("doctor.finding", part=part, **told))
        line(t("doctor.clean") if report.clean else t("doctor.found", count=len(findings) + report.dropped))

    emit(result, show)
    if not report.clean:
        raise typer.Exit(1)


COMMANDS = {"doctor": _doctor}
