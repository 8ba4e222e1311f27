"""From envelope bytes to prepared transactions: everything that can be decided without the state.

Purpose: decode, refuse and verify in batches, once; the pool, the proposal check and execution then use the same
prepared object, found by the whole envelope, never by id (ARCHITECTURE decision 7).
Rules: of several reasons the lowest code is the answer, so a prepared transaction may carry a static code in the 200s
and still be looked at against the state (:mod:`govchain.ledger.checks`).
Not here: accounts, replay, permission.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

import govchain_native as native
from govchain.crypto import ALGORITHMS
from govchain.ledger.judging import judge
from govchain.ledger.machine import BoundHandler, Machine
from govchain.model import Code
from govchain.model.canonical import PRESCAN_CODES
from govchain.model.wire import Body
from govchain.state.roots import digest_name_of

__all__ = ["Prepared", "prepare"]

_ENVELOPE_CODES = {
    native.ENVELOPE_SHAPE: Code.ENVELOPE_MALFORMED,
    native.ENVELOPE_VERSION: Code.ENVELOPE_VERSION,
    native.ENVELOPE_SIGNATURES: Code.ENVELOPE_SIGNATURES,
    **PRESCAN_CODES,
}


class Prepared:
    """A decoded transaction whose signatures were checked, or the static reason why it is refused.

    ``code`` is OK or the lowest static reason; ``body``, ``message`` and ``addresses`` are there when it is OK or at
    least 200. ``message_code`` is the family's answer about the message alone, which later reasons precede.
    """

    __slots__ = (
        "addresses",
        "body",
        "bound",
        "code",
        "digest",
        "envelope",
        "id",
        "keys",
        "message",
        "message_code",
        "signatures",
    )

    def __init__(self, envelope: bytes, id_: bytes, digest: bytes, signatures: tuple[bytes, ...], code: Code) -> None:
        """Start with what the envelope alone says."""
        self.envelope = envelope
        self.id = id_
        self.digest = digest
        self.signatures = signatures
        self.code = code
        self.body: Body
        self.bound: BoundHandler
        self.message: Any = None
        self.message_code = Code.OK
        self.addresses: tuple[bytes, ...] = ()
        self.keys: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"Prepared({self.id.hex()[:16]}, {self.code.name})"


def prepare(machine: Machine, envelopes: Sequence[bytes]) -> list[Prepared]:
    """Decode and verify envelopes; one prepared transaction for each, in order.

    Signatures of all of them are verified in one native call, with the interpreter's lock released.
    """
    limits = machine.genesis.limits
    opened = native.open_envelopes(
        digest_name_of(machine.suite),
        list(envelopes),
        limits.body_bytes_max,
        limits.body_depth_max,
        limits.signatures_max,
    )
    result: list[Prepared] = []
    pending: list[tuple[Prepared, int]] = []
    items: list[tuple[str, bytes, bytes, bytes]] = []
    for envelope, (status, id_, digest, body, signatures) in zip(envelopes, opened, strict=True):
        code = Code.OK if status == 0 else _ENVELOPE_CODES[status]
        if len(envelope) > limits.block_bytes_max and (not code or code > Code.BODY_TOO_LARGE):
            code = Code.BODY_TOO_LARGE  # no block could ever carry it
        prepared = Prepared(envelope, id_, digest, signatures, code)
        result.append(prepared)
        if code:
            continue
        prepared.code = _decode(machine, prepared, body)
        if prepared.code:
            continue
        for signer, key, signature in zip(prepared.body.signers, prepared.keys, signatures, strict=True):
            items.append((signer.algorithm, key, body, signature))
        pending.append((prepared, len(signatures)))
    if items:
        _apply_codes(pending, machine.verifier.check_many(items))
    return result


def _apply_codes(pending: list[tuple[Prepared, int]], codes: Sequence[Code]) -> None:
    position = 0
    for prepared, count in pending:
        code = codes[position] if count == 1 else min(filter(None, codes[position : position + count]), default=Code.OK)
        position += count
        if code:
            prepared.code = code
        else:
            prepared.message_code = judge(prepared.bound.handler.check_message, prepared.message)


def _decode(machine: Machine, prepared: Prepared, data: bytes) -> Code:
    """Shape, type and payload, then what the body says of chain and keys; the lowest reason first."""
    try:
        body = machine.body_decoder.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return Code.BODY_SHAPE
    prepared.body = body
    if len(body.signers) != len(prepared.signatures):
        return Code.ENVELOPE_SIGNATURES
    if not body.is_well_formed():
        return Code.BODY_SHAPE
    bound = machine.handlers.get((body.type, body.version))
    if bound is None:
        return Code.TYPE_VERSION if body.type in machine.types else Code.TYPE_UNKNOWN
    prepared.bound = bound
    try:
        prepared.message = bound.decoder.decode(body.payload)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return Code.PAYLOAD_SHAPE
    if body.chain != machine.genesis.chain:
        return Code.CHAIN_WRONG
    return _signer_keys(machine, prepared, body)


def _signer_keys(machine: Machine, prepared: Prepared, body: Body) -> Code:
    signers = body.signers
    if len(signers) == 1:
        signer = signers[0]
        if signer.algorithm not in machine.algorithms:
            return Code.ALGORITHM_NOT_ALLOWED
        prepared.addresses = (bytes.fromhex(signer.account),)
        prepared.keys = (bytes.fromhex(signer.key),)
        return Code.OK
    if any(signer.algorithm not in machine.algorithms for signer in signers):
        return Code.ALGORITHM_NOT_ALLOWED
    prepared.addresses = tuple(bytes.fromhex(signer.account) for signer in signers)
    prepared.keys = tuple(bytes.fromhex(signer.key) for signer in signers)
    codes = [
        ALGORITHMS[signer.algorithm].check_public_key(key) for signer, key in zip(signers, prepared.keys, strict=True)
    ]
    if any(codes):
        return min(filter(None, codes))
    if len(frozenset(prepared.addresses)) != len(signers):
        return Code.SIGNER_REPEATED
    return Code.OK
