"""What changes with every block, apart from the state itself: the chain's moving facts, as one frozen value.

Purpose: execution takes a :class:`ChainState` and gives the next; storage keeps the newest in the same atomic batch
as its block. Rules: nothing here depends on anything but genesis and the blocks, except the engine's own height,
which the block hash does not cover (ARCHITECTURE decision 2).
"""

from __future__ import annotations

import msgspec

from govchain.ledger.machine import Machine, first_signers_digest
from govchain.model import Code, UnavailableError, encode_struct
from govchain.model.wire import SignerSet
from govchain.proof.genesis import first_signer_set
from govchain.state.checkpoints import CheckpointProgress
from govchain.state.roots import StateRoot

__all__ = ["NO_ROOT", "ChainState", "decode_chain_state", "encode_chain_state", "initial_chain_state"]


#: What stands for the root before genesis (block.md 4.1).
NO_ROOT = bytes(32)


class ChainState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The moving facts after a block (height 0: after genesis).

    Digests are 32 bytes. ``history`` is the encoded frontier of the RFC 9162 tree over identities 1 … height, while
    a header carries the root over the identities before its own. ``time`` is in ms; at height 0 genesis' ``created``.
    ``state_root`` is made of the three roots before it (block.md 4.1).
    """

    height: int
    identity: bytes
    time: int
    previous_state_root: bytes
    delta_root: bytes
    live_root: bytes
    state_root: bytes
    history: bytes
    epoch: int
    signers: SignerSet
    signers_digest: bytes
    checkpoint: CheckpointProgress
    engine_era: int = 1
    engine_height: int = 0


_decoder = msgspec.json.Decoder(ChainState)


def encode_chain_state(chain: ChainState) -> bytes:
    """Canonical JSON of the moving facts (byte strings in base64, as msgspec writes them)."""
    return encode_struct(chain)


def decode_chain_state(data: bytes) -> ChainState:
    """The moving facts from what :func:`encode_chain_state` gave.

    Raises:
        UnavailableError: ``STORE_CORRUPT`` for anything else.
    """
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError:
        raise UnavailableError(Code.STORE_CORRUPT, path="meta/chain", reason="malformed") from None


def initial_chain_state(
    machine: Machine, *, root: StateRoot, history: bytes, checkpoint: CheckpointProgress
) -> ChainState:
    """The moving facts before block 1."""
    return ChainState(
        height=0,
        identity=machine.fingerprint,
        time=machine.genesis.created,
        previous_state_root=NO_ROOT,
        delta_root=root.delta,
        live_root=root.live,
        state_root=root.root,
        history=history,
        epoch=0,
        signers=first_signer_set(machine.genesis),
        signers_digest=first_signers_digest(machine),
        checkpoint=checkpoint,
    )
