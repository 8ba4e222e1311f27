"""Which engine orders a chain, made as genesis' rule and the settings say.

Purpose: ``solo``: in this process; ``bft``: CometBFT; ``raft``: etcd. The one place that makes them.
Rules: an engine's program is looked for before anything is started; addresses come from the settings, else from the
node's own member file. Not here: the engines (``consensus``), the way to other nodes (:mod:`govchain.node.network`).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from govchain.consensus import Engine, EngineStatus, LedgerApplication, Pool, ProposalRoute
from govchain.consensus.cometbft import CometEngine, CometOptions, StateSync
from govchain.consensus.cometbft.genesis import derive_genesis
from govchain.consensus.engine_binary import find_engine
from govchain.consensus.etcd import EtcdEngine, EtcdOptions
from govchain.consensus.ordering import OrderingState
from govchain.consensus.ports import BlockOptions, BlockSource, Clock
from govchain.consensus.solo import SoloEngine
from govchain.crypto import ITERATIONS_MIN, KEY_FILE_SALT_BYTES, encode_key_file
from govchain.model import Code, UnavailableError, UsageError
from govchain.node.members import KnownMembers
from govchain.signers import PassphraseSource
from govchain.signers.files import read_key_file
from govchain.storage import DataDirectory

__all__ = ["EngineParts", "NetworkOptions", "NoEngine", "make_engine"]


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """Settings of a node among others. Addresses are HOST:PORT, empty for those of the node's own member file.

    ``join``: a new node takes a snapshot (``snapshot``) or every block (``blocks``). ``snapshot_blocks``: at least so
    many blocks lie between two snapshots that this node makes for others; 0: it makes none. ``forward_to``: how many
    other nodes are sent a transaction that came in here. ``votes``: whether a CometBFT engine votes where the node is a
    member; without it the node follows. ``engines``: the folder of engine programs, empty for the usual places;
    ``environment`` is where else to look.
    """

    peers_listen: str = ""
    engine_listen: str = ""
    forward_to: int = 1
    votes: bool = True
    join: str = "snapshot"
    snapshot_blocks: int = 1
    engines: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What an external engine is made of beside the application. ``route`` and ``source`` lead to other nodes.

    ``take_up``: see :class:`CometOptions`.
    """

    members: KnownMembers
    passphrases: PassphraseSource
    options: NetworkOptions
    route: ProposalRoute | None
    source: BlockSource | None
    take_up: Callable[[int, bytes], StateSync] | None
    on_notice: Callable[[str], None]


class NoEngine:
    """On a node that only reads: it orders nothing."""

    def __init__(self, rule: str) -> None:
        self._rule = rule

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self, *, drain: bool = True) -> None:
        """Nothing to end."""

    def status(self) -> EngineStatus:
        """That it does not run."""
        return EngineStatus(self._rule, False, 0, Code.DATA_DIRECTORY_READ_ONLY)

    @property
    def votes(self) -> bool:
        """Never."""
        return False

    def set_voting(self, votes: bool) -> None:
        """Nothing to change; raises UnavailableError when asked to begin."""
        if votes:
            raise UnavailableError(Code.DATA_DIRECTORY_READ_ONLY)


def make_engine(
    directory: DataDirectory,
    application: LedgerApplication,
    pool: Pool,
    clock: Clock,
    blocks: BlockOptions,
    parts: EngineParts | None,
    state: OrderingState,
) -> Engine:
    """The engine of the chain's rule, not started; ``parts`` are needed for all but ``solo``.

    Raises:
        UnavailableError: ``ENGINE_MISSING``, ``ENGINE_MISMATCH``. UsageError: a setting that the engine cannot follow.
    """
    if application.machine.genesis.rule != "bft" and not (parts is None or parts.options.votes):
        raise UsageError(Code.USAGE, reason="votes: only a chain of rule bft has members that follow without voting")
    if parts is None:
        return SoloEngine(application, pool, clock, blocks, state)
    if application.machine.genesis.rule == "bft":
        return _comet(directory, application, pool, clock, blocks, parts, state)
    return _etcd(directory, application, pool, clock, blocks, parts, state)


def _comet(
    directory: DataDirectory,
    application: LedgerApplication,
    pool: Pool,
    clock: Clock,
    blocks: BlockOptions,
    parts: EngineParts,
    state: OrderingState,
) -> CometEngine:
    options, members = parts.options, parts.members
    address = members.own.addresses.engine
    comet = CometOptions(
        home=directory.engine,
        program=find_engine("cometbft", options.environment, options.engines),
        genesis=derive_genesis(application.machine),
        name=members.own.name,
        listen=options.engine_listen or address,
        external=address,
        peers=members.engine_peers,
        known_nodes=members.engine_nodes,
        names=members.engine_names,
        loopback=_is_loopback(address),
        votes=options.votes,
        take_up=parts.take_up,
        linger_ms=blocks.linger_ms,
    )
    return CometEngine(application, pool, comet, clock, parts.route, state, parts.on_notice)


def _etcd(
    directory: DataDirectory,
    application: LedgerApplication,
    pool: Pool,
    clock: Clock,
    blocks: BlockOptions,
    parts: EngineParts,
    state: OrderingState,
) -> EtcdEngine:
    options, members, machine = parts.options, parts.members, application.machine
    directory.engine.mkdir(mode=0o700, exist_ok=True)
    etcd = EtcdOptions(
        chain=machine.genesis.chain,
        fingerprint=machine.fingerprint,
        suite=machine.suite,
        folder=directory.engine,
        binary=find_engine("etcd", options.environment, options.engines),
        member=bytes.fromhex(members.own.key),
        listen=options.engine_listen or members.own.addresses.engine,
        tls_key=_tls_key(directory, parts.passphrases),
        members=members.etcd_members,
        active=members.active_keys,
        founding=any(member.key == members.own.key for member in machine.genesis.members),
        linger_ms=blocks.linger_ms,
        block_bytes_max=machine.genesis.limits.block_bytes_max,
    )

    def notice(code: Code, reason: str) -> None:
        parts.on_notice(f"{code.name}: {reason}")

    return EtcdEngine(
        application,
        pool,
        etcd,
        clock,
        parts.route,
        state,
        source=parts.source,
        on_certificate=application.finality.add_certificate,
        on_notice=notice,
    )


def _tls_key(directory: DataDirectory, passphrases: PassphraseSource) -> ec.EllipticCurvePrivateKey:
    """The node's TLS key as the library that makes etcd's certificates takes it."""
    once = os.urandom(32).hex().encode()
    with read_key_file(directory.tls_key, passphrases) as key:
        salt, initial_value = os.urandom(KEY_FILE_SALT_BYTES), os.urandom(16)
        pem = encode_key_file(
            key, once, salt=salt, initial_value=initial_value, iterations=ITERATIONS_MIN, openssl=True
        )
    return cast(ec.EllipticCurvePrivateKey, load_pem_private_key(pem, once))


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
