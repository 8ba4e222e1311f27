"""What is decided against the state: signers, window, permission, and the family's own check.

Purpose: the pool's check (:func:`check_transaction`), the rule for what may enter a block (:func:`check_inclusion`, a
pure function of committed state, ARCHITECTURE decision 11) and the part that execution repeats on the block's own
layer (:func:`check_rules`). Each ``check_*`` answers a code and writes nothing; the lowest code that holds is the
answer.

Not here: decoding and signatures (:mod:`govchain.ledger.transactions`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import UNSET

from govchain.ledger.judging import judge
from govchain.ledger.machine import Machine
from govchain.ledger.transactions import Prepared
from govchain.model import Code
from govchain.modules.port import AccountFacts, Context, Directory, StateView

__all__ = [
    "AHEAD_TOLERANCE_MS",
    "HistoryLeaves",
    "Window",
    "check_inclusion",
    "check_rules",
    "check_transaction",
    "check_window",
]

#: Gives the leaf hash of a block's identity in the chain's history by height, None for a block that is not there.
HistoryLeaves = Callable[[int], bytes | None]

#: How much further ahead than the chain allows the pool takes a transaction: it waits there until its time comes.
AHEAD_TOLERANCE_MS = 30_000

#: Static codes from here on leave the body readable, so that lower reasons in the state still count.
_STATIC_READABLE = 200


class Window(Protocol):
    """The replay window: ids whose expiry is not past. Native (``IdWindow``); tests have a plain twin."""

    def contains(self, id: bytes, expires: int) -> bool:  # noqa: A002 - the kernel's name
        """Whether the id with that expiry was used."""

    def __len__(self) -> int: ...


def find_signers(prepared: Prepared, directory: Directory) -> tuple[Code, tuple[AccountFacts, ...]]:
    """The signers' accounts, or why one of them may not sign: unknown, or another key than the state's."""
    found: list[AccountFacts] = []
    code = Code.OK
    for address, key, signer in zip(prepared.addresses, prepared.keys, prepared.body.signers, strict=True):
        facts = directory.account(address)
        if facts is None:
            return Code.SIGNER_UNKNOWN, ()
        if facts.key != key or facts.algorithm != signer.algorithm:
            code = Code.SIGNER_KEY_MISMATCH
        found.append(facts)
    return code, tuple(found)


def check_window(machine: Machine, prepared: Prepared, time: int, window: Window, tolerance: int = 0) -> Code:
    """Whether ``time`` (ms) lies in the transaction's window and its id is fresh."""
    expires = prepared.body.expires
    if expires <= time:
        return Code.EXPIRED
    if expires > time + machine.genesis.limits.expiry_ms_max + tolerance:
        return Code.EXPIRES_TOO_FAR
    return Code.REPLAYED if window.contains(prepared.id, expires) else Code.OK


def check_inclusion(machine: Machine, prepared: Prepared, directory: Directory, window: Window, time: int) -> Code:
    """Whether a block at ``time`` may carry the transaction, by committed state alone."""
    if prepared.code:
        return prepared.code
    code, _ = find_signers(prepared, directory)
    return code or check_window(machine, prepared, time, window)


def check_rules(context: Context, prepared: Prepared) -> Code:
    """Status, permission, message and the family's check, on the state that ``context`` shows."""
    handler = prepared.bound.handler
    for facts in context.signers:
        if not facts.active:
            return Code.SIGNER_FROZEN
    sender = context.signers[0]
    if handler.roles and not any(role in handler.roles for role in sender.roles):
        return Code.ROLE_MISSING
    if handler.administrator and not sender.administrator:
        return Code.ADMINISTRATOR_REQUIRED
    recipient = prepared.body.recipient
    if recipient is not UNSET and context.directory.account(bytes.fromhex(recipient)) is None:
        return Code.RECIPIENT_UNKNOWN
    if len(context.signers) > handler.signers_max:
        return Code.SIGNERS_TOO_MANY
    if prepared.message_code:
        return prepared.message_code
    return judge(handler.check, context, prepared.message)


def check_transaction(
    machine: Machine,
    prepared: Prepared,
    *,
    state: StateView,
    directory: Directory,
    window: Window,
    height: int,
    time: int,
    history: HistoryLeaves | None = None,
    protocol: int = 1,
) -> Code:
    """The pool's check on the newest state: ``height``, ``time`` (ms) and ``protocol`` the next block may have."""
    if prepared.code and prepared.code < _STATIC_READABLE:
        return prepared.code
    static = prepared.code
    signers: tuple[AccountFacts, ...] = ()
    if prepared.addresses:
        code, signers = find_signers(prepared, directory)
        if code and (not static or code < static):
            return code
    if static:
        return static
    code = check_window(machine, prepared, time, window, AHEAD_TOLERANCE_MS)
    if code:
        return code
    context = make_context(machine, prepared, signers, state, directory, height, 0, time, history, protocol)
    return check_rules(context, prepared)


def make_context(
    machine: Machine,
    prepared: Prepared,
    signers: tuple[AccountFacts, ...],
    state: StateView,
    directory: Directory,
    height: int,
    index: int,
    time: int,
    history: HistoryLeaves | None = None,
    protocol: int = 1,
) -> Context:
    """What the transaction's rules may know."""
    context = Context(
        machine.suite, machine.genesis, prepared.body, prepared.id, signers, height, index, time, state, directory
    )
    if history is not None:
        context.history = history
    context.protocol = protocol
    return context
