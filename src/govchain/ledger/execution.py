"""Executing a block: a pure function of the moving facts, the state before, and the ordered transactions.

Purpose: receipts, writes, roots and the header (docs/spec/block.md 3.3, 4, 5). Nothing is persisted here: the caller
writes one atomic batch.
Rules: each transaction sees the writes of the ones before it; a coded failure writes nothing but keeps its receipt; a
rule that fails by mistake (an exception) is a receipt with RULE_FAILED on every node alike and never stops the chain.
Not here: who decides the order (``consensus``), which transactions may enter
(:func:`govchain.ledger.checks.check_inclusion`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

import govchain_native as native
from govchain.ledger.chain import ChainState
from govchain.ledger.checks import HistoryLeaves, check_rules, find_signers, make_context
from govchain.ledger.founding import foundation_writes
from govchain.ledger.governing import (
    MemberUpdate,
    limits_in_force,
    member_updates,
    next_signer_set,
    require_protocol,
)
from govchain.ledger.judging import MACHINE_FAULTS
from govchain.ledger.machine import BoundHandler, Machine
from govchain.ledger.transactions import Prepared
from govchain.merkle import Frontier
from govchain.model import Code
from govchain.model.canonical import DEPTH_MAX, SIZE_MAX
from govchain.model.wire import CheckpointMark, Event, Header, Receipt, SignerSet
from govchain.modules.port import Directory, Outcome
from govchain.proof.headers import encode_header, header_identity
from govchain.proof.signers import signer_set_digest
from govchain.state import Overlay, StateReader, Write
from govchain.state.checkpoints import CheckpointRoot, advance, due
from govchain.state.roots import LiveReader, StateRoot, compute_state_root, digest_name_of

__all__ = ["ExecutedBlock", "encode_receipt", "execute_block", "next_block_time"]

_receipt_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class ExecutedBlock:
    """Everything that a block makes, not yet persisted. Digests are 32 bytes.

    ``signers`` is the set in force before the block, which signs it; ``next_signers`` the one in force after it.
    ``updates`` tells an engine that counts votes what changes for it: each key once, sorted, never leaving it none.
    """

    header: Header
    header_bytes: bytes
    identity: bytes
    transactions: tuple[Prepared, ...]
    receipts: tuple[bytes, ...]
    codes: tuple[Code, ...]
    events: tuple[tuple[Event, ...], ...]
    writes: list[Write]
    state_root: StateRoot
    signers: SignerSet
    next_signers: SignerSet
    chain: ChainState
    updates: tuple[MemberUpdate, ...] = ()


def next_block_time(chain: ChainState, engine_time: int) -> int:
    """Block time: the engine's time in ms, but always above the previous block's (ARCHITECTURE decision 10)."""
    return max(chain.time + 1, engine_time)


def encode_receipt(receipt: Receipt) -> bytes:
    """Canonical JSON of a receipt: its structs declare their fields in order, so only the events' data is sorted."""
    return _receipt_encoder.encode(receipt)


def execute_block(
    machine: Machine,
    chain: ChainState,
    state: StateReader,
    live_reader: LiveReader,
    transactions: Sequence[Prepared],
    time: int,
    *,
    completed: CheckpointRoot | None = None,
    engine_height: int = 0,
    history: HistoryLeaves | None = None,
) -> ExecutedBlock:
    """Run ``transactions`` (at least one, each allowed by ``check_inclusion``) as the block after ``chain``.

    Args:
        machine: the fixed part.
        chain: the moving facts before the block.
        state: committed state.
        live_reader: reads nodes of the committed ``live`` tree.
        transactions: in order.
        time: block time in ms, from :func:`next_block_time`.
        completed: the checkpoint whose root this block's header must carry, exactly where one is due.
        engine_height: the engine's height, kept beside the block and not hashed.
        history: leaf hashes of the tree over the identities of blocks 1 to ``chain.height``, by height.

    Raises:
        UnavailableError: ``UPGRADE_REQUIRED`` for a block whose protocol this software does not know.
    """
    height = chain.height + 1
    protocol = require_protocol(machine, state, height)
    limits = limits_in_force(machine, state)
    layer = Overlay(state)
    receipts: list[bytes] = []
    codes: list[Code] = []
    events: list[tuple[Event, ...]] = []
    directory = machine.directory(layer)
    for index, prepared in enumerate(transactions):
        code, outcome = _run(machine, prepared, layer, directory, height, index, time, history, protocol)
        receipt = _try_receipt(code, outcome.events, height, index, prepared.id)
        if receipt is None:
            code, outcome = Code.RULE_FAILED, _NOTHING
            receipt = encode_receipt(Receipt(int(code), (), height, index, prepared.id.hex()))
        layer.update(outcome.writes)
        codes.append(code)
        events.append(outcome.events)
        receipts.append(receipt)
    writes = layer.writes()
    root = compute_state_root(machine.suite, chain.state_root, writes, machine.namespaces, live_reader, chain.live_root)
    mark = None
    if completed is not None:
        mark = CheckpointMark(height=due(chain.checkpoint, limits, height), root=completed.root.hex())
    signers = chain.signers
    next_signers = next_signer_set(machine, signers, layer, writes)
    next_digest = signer_set_digest(machine.suite, next_signers)
    header = _header(machine, chain, transactions, receipts, root.root, time, mark, next_digest)
    header_bytes = encode_header(header)
    identity = header_identity(machine.suite, header_bytes)
    changed = chain.signers_digest != next_digest
    frontier = Frontier.decode(machine.suite.digest, chain.history).append(identity)
    following = ChainState(
        height=height,
        identity=identity,
        time=time,
        previous_state_root=chain.state_root,
        delta_root=root.delta,
        live_root=root.live,
        state_root=root.root,
        history=frontier.encode(),
        epoch=chain.epoch + changed,
        signers=next_signers,
        signers_digest=next_digest,
        checkpoint=advance(chain.checkpoint, limits, height, root.rooted_writes, completed),
        engine_era=chain.engine_era,
        engine_height=engine_height,
    )
    return ExecutedBlock(
        header=header,
        header_bytes=header_bytes,
        identity=identity,
        transactions=tuple(transactions),
        receipts=tuple(receipts),
        codes=tuple(codes),
        events=tuple(events),
        writes=writes,
        state_root=root,
        signers=signers,
        next_signers=next_signers,
        chain=following,
        updates=member_updates(machine, state, layer, writes),
    )


_NOTHING = Outcome()


def _run(
    machine: Machine,
    prepared: Prepared,
    layer: Overlay,
    directory: Directory,
    height: int,
    index: int,
    time: int,
    history: HistoryLeaves | None,
    protocol: int,
) -> tuple[Code, Outcome]:
    code, signers = find_signers(prepared, directory)
    if code:
        return code, _NOTHING
    context = make_context(machine, prepared, signers, layer, directory, height, index, time, history, protocol)
    code = check_rules(context, prepared)
    if code:
        return code, _NOTHING
    bound = prepared.bound
    try:
        outcome = bound.handler.apply(context, prepared.message)
        good = _stays_home(bound.namespaces, outcome.writes)
        if outcome.foundations and good:
            good, outcome = _found(machine, bound, outcome, layer, height)
    except MACHINE_FAULTS:
        raise
    except Exception:  # noqa: BLE001 - the same mistake on every node, so a receipt
        return Code.RULE_FAILED, _NOTHING
    return (Code.OK, outcome) if good else (Code.RULE_FAILED, _NOTHING)


def _found(
    machine: Machine, bound: BoundHandler, outcome: Outcome, layer: Overlay, height: int
) -> tuple[bool, Outcome]:
    """The outcome with the writes of its new organisations, where its family may found any and they are new."""
    genesis = machine.genesis
    writes = foundation_writes(machine.suite, genesis.chain, outcome.foundations, layer, height)
    if not bound.founds or writes is None:
        return False, outcome
    return True, Outcome((*outcome.writes, *writes), outcome.events)


def _stays_home(namespaces: frozenset[bytes], writes: Sequence[Write]) -> bool:
    """Whether every write is bytes, in a namespace that the handler's own family declares."""
    for key, value in writes:
        if type(key) is not bytes or key[: key.find(b"/") + 1] not in namespaces:
            return False
        if value is not None and type(value) is not bytes:
            return False
    return True


def _try_receipt(code: Code, events: tuple[Event, ...], height: int, index: int, id_: bytes) -> bytes | None:
    """The receipt's bytes, or None where a rule's events make no strict JSON, so that nobody could read it."""
    try:
        data = encode_receipt(Receipt(int(code), events, height, index, id_.hex()))
    except MACHINE_FAULTS:
        raise
    except Exception:  # noqa: BLE001 - the same mistake on every node, so a receipt
        return None
    if events and native.prescan_json(data, SIZE_MAX, DEPTH_MAX)[0] != native.JSON_OK:
        return None
    return data


def _header(
    machine: Machine,
    chain: ChainState,
    transactions: Sequence[Prepared],
    receipts: Sequence[bytes],
    state_root: bytes,
    time: int,
    checkpoint: CheckpointMark | None,
    next_signers: bytes,
) -> Header:
    digest_name = digest_name_of(machine.suite)
    history = Frontier.decode(machine.suite.digest, chain.history)
    return Header(
        chain=machine.genesis.chain,
        checkpoint=checkpoint,
        epoch=chain.epoch,
        height=chain.height + 1,
        history=history.root().hex(),
        next_signers=next_signers.hex(),
        previous=chain.identity.hex(),
        receipt_root=native.merkle_root(digest_name, list(receipts)).hex(),
        signers=chain.signers_digest.hex(),
        state_root=state_root.hex(),
        time=time,
        transaction_count=len(transactions),
        transaction_root=native.merkle_root(digest_name, [prepared.digest for prepared in transactions]).hex(),
    )
