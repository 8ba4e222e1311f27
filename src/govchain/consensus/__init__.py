"""Ordering: the Engine and Application ports, the node's own pool, the application over the ledger, the engines."""

from govchain.consensus.application import LedgerApplication
from govchain.consensus.certifier import Certifier
from govchain.consensus.pool import Outcome, Pool, PoolLimits, Ticket
from govchain.consensus.ports import Application, CheckResult, Engine, EngineStatus, FinalizedBlock, Info, SnapshotInfo

__all__ = [
    "Application",
    "Certifier",
    "CheckResult",
    "Engine",
    "EngineStatus",
    "FinalizedBlock",
    "Info",
    "LedgerApplication",
    "Outcome",
    "Pool",
    "PoolLimits",
    "SnapshotInfo",
    "Ticket",
]
