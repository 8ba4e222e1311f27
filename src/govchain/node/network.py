"""A chain's way to its other nodes: who they are, the connections to them, and what is exchanged over these.

Purpose: one object that a node opens, starts and stops with its engine.
Rules: connections exist to members that genesis or the ledger names, and to nobody else; nothing here orders.
Not here: connections and frames (``peers``), what is exchanged (``consensus``), engines (:mod:`govchain.node.engines`).
"""

from __future__ import annotations

from collections.abc import Callable

from govchain.consensus import LedgerApplication, Pool, ProposalRoute
from govchain.consensus.etcd import BlockSource
from govchain.consensus.solo.engine import Clock
from govchain.model import Code
from govchain.node.engines import NetworkOptions
from govchain.node.members import KnownMembers
from govchain.peers import PeerNetwork, PeerStatus
from govchain.peers.identity import open_tls_key
from govchain.signers import PassphraseSource
from govchain.storage import DataDirectory

__all__ = ["Network"]


class Network:
    """See the module.

    Raises:
        UnavailableError: no member file of the node's own, or its TLS key cannot be opened.
    """

    def __init__(
        self,
        directory: DataDirectory,
        application: LedgerApplication,
        pool: Pool,
        passphrases: PassphraseSource,
        options: NetworkOptions,
        clock: Clock,
        on_notice: Callable[[str], None],
    ) -> None:
        self.members = KnownMembers(directory, application)
        self._chain = application.machine.genesis.chain
        identity = open_tls_key(directory.tls_key, directory.tls_certificate, passphrases)

        def problem(code: Code, reason: str) -> None:
            on_notice(f"{code.name}: {reason}")

        listen = options.peers_listen or self.members.own.addresses.peers
        self.peers = PeerNetwork(identity, listen, clock=clock.wall, on_problem=problem)

    @property
    def route(self) -> ProposalRoute | None:
        """What an engine tells that it prepares a block."""
        return None

    @property
    def source(self) -> BlockSource | None:
        """Blocks of other nodes' stores."""
        return None

    def start(self) -> None:
        """Listen, and meet the members."""

    def stop(self) -> None:
        """Leave the others."""
        self.peers.stop()

    def status(self) -> list[PeerStatus]:
        """How each other member stands to this node."""
        return self.peers.peers(self._chain)
