"""Members' signatures that come before their block: kept until it is here, bounded for each member.

Purpose: what :class:`govchain.consensus.finality.Finality` does with a signature above its head.
Rules: a signature says which block it is over, so that it is verified at once, under the member's own key: nobody but a
member takes up that member's room, and none that of another. At most ``BLOCKS_EACH`` different blocks of each member at
each height (two of them are a proof of equivocation, so both must stay), ``EARLY_BLOCKS_MAX`` heights far.
Not here: what they are worth once the block is here (``finality``).
"""

from __future__ import annotations

import threading
from typing import Final

from govchain.consensus.disagreement import FinalitySignature, check_signature
from govchain.model import Code
from govchain.model.wire import SignerSet

__all__ = ["BLOCKS_EACH", "EARLY_BLOCKS_MAX", "EarlySignatures"]

#: How far above the head a signature may be to be kept until its block is here.
EARLY_BLOCKS_MAX: Final = 64
#: Different blocks of one height that one member's signatures may name.
BLOCKS_EACH: Final = 2


class EarlySignatures:
    """See the module; any thread may use it. ``chain`` is the chain's id."""

    def __init__(self, chain: str) -> None:
        """Nothing kept."""
        self._chain = chain
        self._lock = threading.Lock()
        self._kept: dict[int, dict[bytes, list[FinalitySignature]]] = {}

    def __len__(self) -> int:
        """How many are kept."""
        with self._lock:
            return sum(len(own) for at_height in self._kept.values() for own in at_height.values())

    def add(self, head: int, signers: SignerSet, signature: FinalitySignature) -> Code:
        """Keep a signature of a member of ``signers``, the set in force after block ``head``.

        Returns:
            NOT_FOUND for one that is kept, and for one that cannot be judged: too far ahead, or of a member that this
            node does not know yet; what the algorithm says of a false one.
        """
        if not head < signature.height <= head + EARLY_BLOCKS_MAX or self._has(signature):
            return Code.NOT_FOUND
        code = check_signature(self._chain, signers, signature)
        if code is Code.SIGNER_UNKNOWN:
            return Code.NOT_FOUND
        if code:
            return code
        with self._lock:
            own = self._kept.setdefault(signature.height, {}).setdefault(signature.key, [])
            if len(own) < BLOCKS_EACH and all(one.block != signature.block for one in own):
                own.append(signature)
        return Code.NOT_FOUND

    def take(self, height: int) -> list[FinalitySignature]:
        """What was kept for ``height``; nothing is kept for it or below any longer."""
        with self._lock:
            found = self._kept.pop(height, {})
            for old in [old for old in self._kept if old < height]:
                del self._kept[old]
        return [signature for own in found.values() for signature in own]

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()

    def _has(self, signature: FinalitySignature) -> bool:
        """Whether its member's room at that height is taken, by this one or by others."""
        with self._lock:
            own = self._kept.get(signature.height, {}).get(signature.key, [])
            return len(own) >= BLOCKS_EACH or any(one.block == signature.block for one in own)
