"""A node's way into a chain that runs: a snapshot first, then the engine; and the snapshots that it makes for others.

Purpose: what a node among others does before its engine starts, and beside it.
Rules: only a node without blocks that genesis does not name takes a snapshot; the founders begin together, and a node
that was rebuilt has new keys. Whatever goes wrong with it, the node goes on by blocks from the beginning, but for a
full disk. A store in which a kill cut installing short reads as not yet begun, and begins again.
Not here: what is believed (``consensus.joining``), the engine's part (``consensus.cometbft.state_sync``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from govchain.consensus import LedgerApplication
from govchain.consensus.cometbft import StateSync
from govchain.consensus.cometbft.state_sync import StateSyncPlanner, write_joined
from govchain.consensus.joining import Joined, SnapshotJoiner, members_needed
from govchain.consensus.snapshotting import SnapshotSchedule
from govchain.model import Code
from govchain.node.network import Network
from govchain.peers import Kind
from govchain.state import Store, Table
from govchain.storage import DataDirectory
from govchain.storage.snapshots import clear_store

__all__ = ["JoiningNode", "begin_again"]

#: How long a member's engine may take to answer through the tunnel.
_ANSWER_S: Final = 15.0


class JoiningNode:
    """See the module.

    Args:
        directory: the node's.
        application: over its store.
        network: to the other nodes.
        by_snapshot: whether to take a snapshot at all.
        snapshot_blocks: at least so many blocks between two snapshots of this node's own; 0: it makes none.
        on_notice: hears what is done, and what others do wrong.
    """

    def __init__(
        self,
        directory: DataDirectory,
        application: LedgerApplication,
        network: Network,
        *,
        by_snapshot: bool,
        snapshot_blocks: int,
        on_notice: Callable[[str], None],
    ) -> None:
        """Does nothing yet."""
        self._directory = directory
        self._application = application
        self._network = network
        self._by_snapshot = by_snapshot
        self._notice = on_notice
        self._stop = threading.Event()
        self.schedule = SnapshotSchedule(application, snapshot_blocks, self._snapshot_failed)

    def join(self) -> Joined | None:
        """Take a snapshot where that is this node's way; None where every block has to come.

        Raises:
            UnavailableError: ``DISK_FULL``.
            OSError: when it cannot be written.
        """
        application = self._application
        info, genesis = application.info(), application.machine.genesis
        founder = any(member.key == self._network.members.own.key for member in genesis.members)
        if not self._by_snapshot or founder or info.ledger_height or info.engine_height:
            return None
        joiner = SnapshotJoiner(
            application, self._network.exchange.joining, self._stop, self._notice, before_install=self._before_install
        )
        joined = joiner.join()
        if application.info().app_hash == b"":
            application.init_chain()
        if joined is None:
            self._notice("no snapshot was to be had: every block comes from the beginning")
        else:
            self._notice(
                f"joined at block {joined.height} by a snapshot of {joined.bytes} bytes in {joined.seconds:.1f} s"
            )
        return joined

    def take_up(self, engine_height: int, identity: bytes) -> StateSync:
        """How CometBFT comes to where the ledger is; waits for other members.

        Raises:
            UnavailableError: ``ENGINE_UNREACHABLE``, ``NODE_STOPPING``.
        """
        network, chain = self._network, self._application.machine.genesis.chain
        tunnel = network.exchange.tunnel
        tunnel.close()
        planner = StateSyncPlanner(
            self._members_connected,
            lambda member, body: network.peers.request(chain, member, Kind.TUNNEL, body, _ANSWER_S),
            tunnel.open,
            lambda: members_needed(self._application.chain.signers),
            self._stop,
        )
        return planner.plan(engine_height, identity)

    def _members_connected(self) -> list[bytes]:
        """Connected members of the set that signs: whoever is only invited has no voice yet."""
        members = {bytes.fromhex(entry.key) for entry in self._application.chain.signers.keys}
        chain = self._application.machine.genesis.chain
        return [key for key in self._network.peers.connected(chain) if key in members]

    def start(self) -> None:
        """Begin to make snapshots for others."""
        self.schedule.start()

    def stop(self) -> None:
        """Give up what is under way."""
        self._stop.set()
        self.schedule.stop()

    def _before_install(self, engine_height: int) -> None:
        if self._application.machine.genesis.rule == "bft":
            write_joined(self._directory.engine, engine_height)

    def _snapshot_failed(self, code: Code, reason: str) -> None:
        self._notice(f"no snapshot was made: {code.name} {reason}")


def begin_again(store: Store, application: LedgerApplication) -> bool:
    """Make the state of genesis in a store in which a kill cut installing a snapshot short; whether it is one."""
    if any(True for _ in store.scan(Table.BODIES, limit=1)):
        return False  # it had blocks of its own: what is missing was not lost by installing
    clear_store(store)
    application.init_chain()
    return True
