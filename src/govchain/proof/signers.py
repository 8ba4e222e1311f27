"""Signer sets: their digest and their quorum (docs/spec/block.md 5.1).

Not here: signatures (:mod:`govchain.proof.certificates`), who becomes a member (governance).

Example:
    >>> [quorum("bft", n) for n in (1, 3, 4, 7)], quorum("raft", 4), quorum("solo", 1)
    ([1, 3, 3, 5], 3, 1)
"""

from __future__ import annotations

from govchain.crypto import ALGORITHMS, Suite
from govchain.model import Code, UsageError
from govchain.model.wire import SignerSet
from govchain.proof.exact import is_rising

__all__ = ["SIGNERS_DOMAIN", "check_signer_set", "quorum", "signer_set_digest"]

#: Hash domain of a signer set.
SIGNERS_DOMAIN = "govchain/signers/1"


def signer_set_digest(suite: Suite, signers: SignerSet) -> bytes:
    """The digest that headers name as ``signers`` and ``next_signers``: 32 bytes."""
    parts: list[bytes | str] = [signers.rule]
    for entry in signers.keys:
        parts += [entry.algorithm, bytes.fromhex(entry.key)]
    return suite.tagged(SIGNERS_DOMAIN, *parts)


def quorum(rule: str, members: int) -> int:
    """How many of ``members`` must sign: solo 1, raft more than half, bft more than two thirds.

    Raises:
        UsageError: an unknown rule, or no members.
    """
    if members >= 1:
        if rule == "solo":
            return 1
        if rule == "raft":
            return members // 2 + 1
        if rule == "bft":
            return members * 2 // 3 + 1
    raise UsageError(Code.USAGE, reason=f"quorum rule {rule} of {members}")


def check_signer_set(suite: Suite, signers: SignerSet) -> str:
    """The reason why ``signers`` is no signer set of ``suite``, or an empty string.

    Keys are sorted, none twice, of the suite's member algorithm and on its curve.
    """
    keys = [entry.key for entry in signers.keys]
    if not is_rising(keys):
        return "order of keys"
    for entry in signers.keys:
        if entry.algorithm != suite.member_algorithm:
            return "algorithm"
        if ALGORITHMS[entry.algorithm].check_public_key(bytes.fromhex(entry.key)) is not Code.OK:
            return "key"
    return ""
