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
from govchain.ledger.checks import check_rules, find_signers, make_context
from govchain.ledger.judging import MACHINE_FAULTS
from govchain.ledger.machine import Machine
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
    """
    height = chain.height + 1
    layer = Overlay(state)
    receipts: list[bytes] = []
    codes: list[Code] = []
    events: list[tuple[Event, ...]] = []
    directory = machine.directory(layer)
    for index, prepared in enumerate(transactions):
        code, outcome = _run(machine, prepared, layer, directory, height, index, time)
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
    limits = machine.genesis.limits
    mark = None
    if completed is not None:
        mark = CheckpointMark(height=due(chain.checkpoint, limits, height), root=completed.root.hex())
    signers = chain.signers
    next_signers = _next_signers(chain)
    next_digest = signer_set_digest(machine.suite, next_signers)
    header = _header(machine, chain, transactions, receipts, root.root, time, mark, next_digest)
    header_bytes = encode_header(header)
    identity = header_identity(machine.suite, header_bytes)
    changed = chain.signers_digest != next_digest
    history = Frontier.decode(machine.suite.digest, chain.history).append(identity)
    following = ChainState(
        height=height,
        identity=identity,
        time=time,
        previous_state_root=chain.state_root,
        delta_root=root.delta,
        live_root=root.live,
        state_root=root.root,
        history=history.encode(),
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
    )


def _next_signers(chain: ChainState) -> SignerSet:
    """The set in force after the block: the same, until a family of rules can change it."""
    return chain.signers


_NOTHING = Outcome()


def _run(
    machine: Machine, prepared: Prepared, layer: Overlay, directory: Directory, height: int, index: int, time: int
) -> tuple[Code, Outcome]:
    code, signers = find_signers(prepared, directory)
    if code:
        return code, _NOTHING
    context = make_context(machine, prepared, signers, layer, directory, height, index, time)
    code = check_rules(context, prepared)
    if code:
        return code, _NOTHING
    bound = prepared.bound
    try:
        outcome = bound.handler.apply(context, prepared.message)
        good = _stays_home(bound.namespaces, outcome.writes)
    except MACHINE_FAULTS:
        raise
    except Exception:  # noqa: BLE001 - the same mistake on every node, so a receipt
        return Code.RULE_FAILED, _NOTHING
    return (Code.OK, outcome) if good else (Code.RULE_FAILED, _NOTHING)


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
