"""Faults planted in the application or its store, each a mistake that somebody could make; some seed must find each.

Purpose: a simulator that finds nothing shows nothing. Rules: a fault changes one thing and leaves the rest as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from govchain.consensus import EngineUpdate, FinalitySignature, FinalizedBlock, LedgerApplication
from govchain.consensus.disagreement import Disagreements
from govchain.consensus.finality import Finality
from govchain.ledger import ReplayWindow
from govchain.model import Code
from govchain.modules.governance import views
from govchain.proof.certificates import assemble_certificate, encode_certificate
from govchain.proof.signers import quorum
from govchain.state import Batch
from tests.simulator.storing import CrashStore


class CommitInParts(CrashStore):
    """A block is written table by table."""

    def write(self, batch: Batch, *, durable: bool) -> None:
        for table in batch.tables():
            part = Batch()
            part.extend(table, batch.operations(table))
            super().write(part, durable=durable)


class NothingDurable(CrashStore):
    """What is called durable is not: a crash loses blocks."""

    def write(self, batch: Batch, *, durable: bool) -> None:
        super().write(batch, durable=False)


class NoSignerSets(CrashStore):
    """The sets of ended epochs are not kept."""

    def write(self, batch: Batch, *, durable: bool) -> None:
        kept = Batch()
        for table in batch.tables():
            kept.extend(table, [one for one in batch.operations(table) if not one[0].startswith(b"signers/")])
        super().write(kept, durable=durable)


class UpdatesAsSets(LedgerApplication):
    """The engine is told every member that is and was, not what changed."""

    def finalize_block(self, *arguments: Any) -> FinalizedBlock:
        result = super().finalize_block(*arguments)
        if not result.updates:
            return result
        known = views.members(self.committed)
        every = {facts.engine_key: EngineUpdate(facts.engine_key, int(facts.status == "active")) for facts in known}
        every |= {update.engine_key: update for update in result.updates}
        return replace(result, updates=tuple(every[key] for key in sorted(every)))


class UpdatesTwice(LedgerApplication):
    """The engine is told each change twice."""

    def finalize_block(self, *arguments: Any) -> FinalizedBlock:
        result = super().finalize_block(*arguments)
        return replace(result, updates=result.updates * 2)


class SignsBeforeCommit(LedgerApplication):
    """A member signs what it executed, not what it stored."""

    def finalize_block(self, *arguments: Any) -> FinalizedBlock:
        result = super().finalize_block(*arguments)
        if self._executed is not None:
            self.finality.committed(self._executed)
        return result


class SignsWithoutAgreement(LedgerApplication):
    """Under bft a member signs its block before the others agreed on its identity."""

    def commit(self) -> int:
        kept = super().commit()
        self.finality.engine_block()
        return kept


class AnswersBeforeCommit(LedgerApplication):
    """Clients hear of a receipt that is not durable yet."""

    def commit(self) -> int:
        if self._executed is not None:
            self._tell(self._executed)
        return super().commit()


class OwnClock(LedgerApplication):
    """The block's time is this node's."""

    def finalize_block(self, envelopes: Any, time: int, engine_height: int) -> FinalizedBlock:
        return super().finalize_block(envelopes, self._clock(), engine_height)


class AcceptsAnything(LedgerApplication):
    """A proposal is not looked at."""

    def process_proposal(self, envelopes: Any, time: int) -> Code:
        return Code.OK


class AcceptsReplays(LedgerApplication):
    """A proposal may hold what is in the chain already."""

    def process_proposal(self, envelopes: Any, time: int) -> Code:
        code = super().process_proposal(envelopes, time)
        return Code.OK if code == Code.REPLAYED else code


class AcceptsExpired(LedgerApplication):
    """A proposal may hold what expired."""

    def process_proposal(self, envelopes: Any, time: int) -> Code:
        code = super().process_proposal(envelopes, time)
        return Code.OK if code in (Code.EXPIRED, Code.EXPIRES_TOO_FAR) else code


class JudgesByItsPool(LedgerApplication):
    """A proposal is judged by what this node happens to know."""

    def process_proposal(self, envelopes: Any, time: int) -> Code:
        known = all(self._pool.find(envelope) is not None for envelope in envelopes)
        return super().process_proposal(envelopes, time) if known else Code.BLOCK_INVALID


class ForgetsTheWindow(LedgerApplication):
    """The replay window begins empty after a restart."""

    def _load_window(self, chain: Any) -> None:
        self._window = ReplayWindow(self.machine.genesis.limits)
        self._ids_kept.clear()


class _OtherFinality(LedgerApplication):
    """An application with another finality."""

    finality_class: type[Finality] = Finality

    def __init__(self, machine: Any, store: Any, pool: Any, clock: Any, certifier: Any = None, **more: Any) -> None:
        super().__init__(machine, store, pool, clock, certifier, **more)
        self.finality = self.finality_class(
            machine.suite, machine.genesis.chain, self.blocks, self._lock, None if more.get("read_only") else certifier
        )
        if self._chain is not None:
            self.finality.resume(self._chain)


class _OneLess(Finality):
    def _collect(self, block: Any, signature: FinalitySignature) -> None:
        self.disagreements.complete(signature)
        with self._lock:
            block.signatures.setdefault(signature.key, signature.signature)
            enough = len(block.signatures) >= quorum(block.signers.rule, len(block.signers.keys)) - 1
            if not enough or self._open.pop(block.header.height, None) is None:
                return
        made = assemble_certificate(block.header, block.identity, block.signers, dict(block.signatures))
        self._write(block.header.height, encode_certificate(made))


class QuorumOffByOne(_OtherFinality):
    """A certificate has one signature too few."""

    finality_class = _OneLess


class _Believing(Finality):
    def add_certificate(self, height: int, data: bytes) -> Code:
        if self._blocks.header(height) is not None and self._blocks.certificate(height) is None:
            self._write(height, data)
        return Code.OK


class BelievesCertificates(_OtherFinality):
    """A certificate of somebody else is stored as it comes."""

    finality_class = _Believing


class _Trusting(Finality):
    def add(self, signature: FinalitySignature) -> Code:
        block = self._open.get(signature.height)
        if block is None:
            return super().add(signature)
        self._collect(block, signature)
        return Code.OK


class BelievesSignatures(_OtherFinality):
    """A signature of somebody else is not verified."""

    finality_class = _Trusting


class _Forgetful(Finality):
    def resume(self, chain: Any) -> None:
        self._certified = self._blocks.newest_certificate()
        self._follow(chain.height, chain.signers)


class ForgetsToSign(_OtherFinality):
    """After a restart nobody takes up the blocks whose certificates were lost."""

    finality_class = _Forgetful


class _Blind(Finality):
    def add(self, signature: FinalitySignature) -> Code:
        block = self._open.get(signature.height)
        if block is not None and not block.is_of(signature):
            return Code.BLOCK_INVALID
        return super().add(signature) if block is not None else Code.OK


class _OnePlace(Disagreements):
    def add(
        self, signers: Any, epoch: int, other: FinalitySignature, own: FinalitySignature | None, *, final: bool = False
    ) -> Code:
        return super().add(signers, other.epoch, other, own, final=final)


class _Shielding(Finality):
    def __init__(self, suite: Any, chain: str, *arguments: Any) -> None:
        super().__init__(suite, chain, *arguments)
        self.disagreements = _OnePlace(chain, suite.member_algorithm)


class HidesBehindEpochs(_OtherFinality):
    """A signature for another epoch takes the place of the one that would prove something."""

    finality_class = _Shielding


class OverlooksEquivocation(_OtherFinality):
    """Signatures over other blocks are dropped."""

    finality_class = _Blind
