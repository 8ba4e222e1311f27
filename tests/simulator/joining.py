"""Joining by snapshot: a new member takes another's checkpoint, verified, and follows the engine from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from govchain.model import Code
from govchain.storage.snapshot_checks import SnapshotTrust
from tests.simulator.chain import CHAIN

if TYPE_CHECKING:
    from tests.simulator.replica import Process


def join_by_snapshot(process: Process) -> bool:
    """Install the newest snapshot that an honest replica can make; whether there was one.

    Only for joiners, in runs that make snapshots. The engine's log up to the snapshot counts as known, as after the
    engine's own state sync.
    """
    replica, simulation = process.replica, process.simulation
    if simulation.snapshot_folder(replica.number) is None or replica.number < simulation.members:
        return False
    for provider in simulation.honest:
        if provider.process is None or provider is replica:
            continue
        source = provider.process.application
        info = source.make_snapshot() if source.info().app_hash else None
        if info is not None and source.blocks.certificate(info.height) is not None:
            _install(process, source, info)
            return True
    return False


def _install(process: Process, source: Any, info: Any) -> None:
    replica, simulation, application = process.replica, process.simulation, process.application
    header = source.blocks.header(info.height)
    replica.installing = True
    assert application.offer_snapshot(info, SnapshotTrust(CHAIN, info.height, header, info.root)) == Code.OK
    for index in range(info.chunks):
        code = application.apply_snapshot_chunk(index, source.load_snapshot_chunk(info.height, index))
        assert code == Code.OK, f"{replica.name}: chunk {index} of snapshot {info.height}: {code!r}"
    replica.installing, replica.base = False, info.height
    replica.log = simulation.model.blocks()[: application.info().engine_height]
    simulation.record(f"{replica.name} joins by the snapshot of block {info.height}")
