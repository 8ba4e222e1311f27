"""Applications that misbehave: they wrap the real one and change what it proposes or answers."""

from __future__ import annotations

from collections.abc import Sequence

from govchain.consensus import FinalizedBlock, LedgerApplication
from govchain.consensus.ports import EngineUpdate


class _Wrapped:
    """Passes every call on."""

    def __init__(self, application: LedgerApplication) -> None:
        self.application = application

    def __getattr__(self, name: str) -> object:
        return getattr(self.application, name)


class Garbage(_Wrapped):
    """Proposes bytes that are no envelopes."""

    def prepare_proposal(self, time: int, bytes_max: int) -> list[bytes]:
        return [b"garbage", b"", b"\x00" * 1000]


class Oversize(_Wrapped):
    """Proposes more bytes than the chain's limit and fewer than the engine's."""

    def prepare_proposal(self, time: int, bytes_max: int) -> list[bytes]:
        return [b"\xff" * (self.application.machine.genesis.limits.block_bytes_max + 1)]


class Replays(_Wrapped):
    """Proposes once more what is in an earlier block."""

    def prepare_proposal(self, time: int, bytes_max: int) -> list[bytes]:
        height = self.application.chain.height
        if not height:
            return self.application.prepare_proposal(time, bytes_max)
        return list(self.application.blocks.envelopes(height))[:1]


class Twice(_Wrapped):
    """Proposes what the pool holds, each transaction twice."""

    def prepare_proposal(self, time: int, bytes_max: int) -> list[bytes]:
        return [each for each in self.application.prepare_proposal(time, bytes_max // 2) for _ in range(2)]


class Raises(_Wrapped):
    """Can neither propose nor judge."""

    def prepare_proposal(self, time: int, bytes_max: int) -> list[bytes]:
        raise RuntimeError("no proposal today")


class OtherHash(_Wrapped):
    """Answers an app hash of its own from the first ledger block on."""

    def finalize_block(self, envelopes: Sequence[bytes], time: int, engine_height: int) -> FinalizedBlock:
        block = self.application.finalize_block(envelopes, time, engine_height)
        return block if block.height is None else FinalizedBlock(b"\x00" * 32, block.height, block.codes)


class UnknownUpdate(_Wrapped):
    """Takes a member out who is none: the engine's consensus fails on that."""

    def finalize_block(self, envelopes: Sequence[bytes], time: int, engine_height: int) -> FinalizedBlock:
        block = self.application.finalize_block(envelopes, time, engine_height)
        if block.height is None:
            return block
        return FinalizedBlock(block.app_hash, block.height, block.codes, (EngineUpdate(b"\x07" * 32, 0),))


FAULTS = {
    "garbage": Garbage,
    "oversize": Oversize,
    "replays": Replays,
    "twice": Twice,
    "raises": Raises,
    "other-hash": OtherHash,
    "unknown-update": UnknownUpdate,
}


def wrapped(application: LedgerApplication, fault: str) -> LedgerApplication:
    """The application, with a fault of that name."""
    return FAULTS[fault](application) if fault else application
