"""Ordering: the Engine and Application ports, the node's own pool, the application over the ledger, the engines."""

from govchain.consensus.application import LedgerApplication
from govchain.consensus.certifier import Certifier
from govchain.consensus.disagreement import FinalityWatch
from govchain.consensus.finality import Finality, FinalitySignature, SignatureRoute
from govchain.consensus.pool import Outcome, Pool, PoolLimits, Ticket, Waiter
from govchain.consensus.ports import (
    Application,
    CheckResult,
    Engine,
    EngineStatus,
    EngineUpdate,
    FinalizedBlock,
    Info,
    ProposalRoute,
    SnapshotInfo,
)

__all__ = [
    "Application",
    "Certifier",
    "CheckResult",
    "Engine",
    "EngineStatus",
    "EngineUpdate",
    "Finality",
    "FinalitySignature",
    "FinalityWatch",
    "FinalizedBlock",
    "Info",
    "LedgerApplication",
    "Outcome",
    "Pool",
    "PoolLimits",
    "ProposalRoute",
    "SignatureRoute",
    "SnapshotInfo",
    "Ticket",
    "Waiter",
]
