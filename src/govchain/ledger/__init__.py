"""The state machine: check a transaction, choose and judge blocks, execute them into receipts, roots and headers.

Purpose: everything that every node must compute alike. Rules: pure functions of committed state and the block; no
clock, randomness or I/O; codes from :mod:`govchain.model.codes`, lowest first.
Not here: the pool and the engines (``consensus``), persistence (``storage``), the rules of each family (``modules``).
"""

from govchain.ledger.chain import ChainState, decode_chain_state, encode_chain_state, initial_chain_state
from govchain.ledger.checks import Window, check_inclusion, check_transaction
from govchain.ledger.execution import ExecutedBlock, execute_block, next_block_time
from govchain.ledger.governing import (
    MemberUpdate,
    current_members,
    limits_in_force,
    protocol_at,
    require_protocol,
)
from govchain.ledger.machine import PROTOCOL_MAX, Machine, build_machine, genesis_writes
from govchain.ledger.proposals import Selection, check_proposal, select_transactions
from govchain.ledger.transactions import Prepared, prepare
from govchain.ledger.window import ReplayWindow

__all__ = [
    "PROTOCOL_MAX",
    "ChainState",
    "ExecutedBlock",
    "Machine",
    "MemberUpdate",
    "Prepared",
    "ReplayWindow",
    "Selection",
    "Window",
    "build_machine",
    "check_inclusion",
    "check_proposal",
    "check_transaction",
    "current_members",
    "decode_chain_state",
    "encode_chain_state",
    "execute_block",
    "genesis_writes",
    "initial_chain_state",
    "limits_in_force",
    "next_block_time",
    "prepare",
    "protocol_at",
    "require_protocol",
    "select_transactions",
]
