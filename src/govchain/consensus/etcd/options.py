"""How one member's engine over etcd runs. Not here: the engine (``engine``), who makes these (``node.engines``)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from govchain.consensus.etcd.identity import EtcdMember
from govchain.consensus.etcd.keeper import KeeperLimits
from govchain.consensus.etcd.process import EtcdTuning
from govchain.consensus.ports import LINGER_MS
from govchain.crypto import Suite

__all__ = ["EtcdOptions"]


@dataclass(frozen=True, slots=True)
class EtcdOptions:
    """How one member's engine runs.

    Attributes:
        chain: the chain's id.
        fingerprint: of its genesis.
        suite: the chain's.
        folder: etcd's home, ``<data>/engine``.
        binary: etcd's program (``find_engine("etcd", …)``).
        member: this member's key, raw.
        listen: HOST:PORT that the peer port listens on; a host that is a number.
        tls_key: this member's TLS key.
        members: the active members as the newest block has them (before the first, as genesis has them), this one
            included when it is one, as far as their addresses are known.
        active: the keys of all active members; None: those of ``members``.
        founding: whether genesis names this member: with the others of genesis it begins the cluster.
        linger_ms: how long a block's first transaction waits for company.
        block_bytes_max: the engine's limit of a block.
        limits: what is kept in etcd.
        tuning: how etcd runs.
    """

    chain: str
    fingerprint: bytes
    suite: Suite
    folder: Path
    binary: Path
    member: bytes
    listen: str
    tls_key: ec.EllipticCurvePrivateKey
    members: Callable[[], Sequence[EtcdMember]]
    active: Callable[[], Collection[bytes]] | None = None
    founding: bool = True
    linger_ms: int = LINGER_MS
    block_bytes_max: int = 4_194_304
    limits: KeeperLimits = field(default_factory=KeeperLimits)
    tuning: EtcdTuning = field(default_factory=EtcdTuning)
