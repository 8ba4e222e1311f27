"""A chain's way to its other nodes: who they are, the connections to them, and what is exchanged over these.

Purpose: one object that a node opens, starts and stops with its engine.
Rules: connections exist to members that genesis or the ledger names, and to nobody else; nothing here orders.
Not here: connections and frames (``peers``), what is exchanged (``consensus.exchange``), engines (``node.engines``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from govchain import __version__
from govchain.consensus import LedgerApplication, Pool
from govchain.consensus.cometbft.configuration import RPC_SOCKET
from govchain.consensus.cometbft.rpc import EngineRpc
from govchain.consensus.exchange import ExchangeOptions, ForwardingOptions, PeerExchange, PeerView
from govchain.consensus.ports import Clock
from govchain.model import Code
from govchain.node.engines import NetworkOptions
from govchain.node.members import KnownMembers, load_own_record
from govchain.peers import PeerNetwork
from govchain.peers.identity import open_tls_key
from govchain.signers import PassphraseSource
from govchain.storage import DataDirectory

__all__ = ["Network"]


class Network:
    """See the module.

    Raises:
        UnavailableError: no member file of the node's own. GovChainError: its TLS key cannot be opened.
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
        machine = application.machine
        self._copies = options.forward_to + 1
        own = load_own_record(directory, machine.genesis)
        identity = open_tls_key(directory.tls_key, directory.tls_certificate, passphrases)

        def problem(code: Code, reason: str) -> None:
            on_notice(f"{code.name}: {reason}")

        listen = options.peers_listen or own.addresses.peers
        self.peers = PeerNetwork(identity, listen, clock=clock.wall, on_problem=problem)
        self.exchange = PeerExchange(
            self.peers,
            application,
            pool,
            clock=clock.wall,
            own_key=bytes.fromhex(own.key),
            own_record=own,
            options=ExchangeOptions(
                forwarding=ForwardingOptions(copies=options.forward_to + 1),
                records=directory.peers,
                software=__version__,
            ),
            engine=EngineRpc(directory.engine / RPC_SOCKET).question if machine.genesis.rule == "bft" else None,
            on_problem=problem,
        )
        self.members = KnownMembers(own, self.exchange.book, application)

    def start(self) -> None:
        """Listen, and meet the members.

        Raises:
            UnavailableError: ``LISTEN_FAILED``, ``TLS_UNUSABLE``.
        """
        self.peers.start()
        self.exchange.start()

    def stop(self) -> None:
        """Leave the others."""
        self.exchange.stop()
        self.peers.stop()

    def copies(self) -> int:
        """How many nodes, this one included, are to hold a transaction before it counts as received."""
        return min(self._copies, 1 + len(self.members.others()))

    def when_received(self, ids: Sequence[bytes], done: Callable[[int], None], timeout_s: float) -> None:
        """Call ``done`` once with how many nodes hold each of the transactions at least, or when the time is over."""
        self.exchange.when_received(ids, done, timeout_s)

    def status(self) -> list[PeerView]:
        """How each other member stands to this node, sorted by key."""
        return self.exchange.peers()
