"""Many signatures at once: the SM2 ones in one native call with per-key tables, the others one by one.

Purpose: the ceiling of throughput. The native verifier releases the GIL, keeps a window table for each repeating key
in a bounded cache, and answers a status per item. Rules: the answers equal those of
:func:`govchain.crypto.algorithms.check_signature` for every input; one bad item changes no other; the caches hold
public data only. Not here: caching results (``ledger``).

Example:
    >>> BatchVerifier(memory_limit_bytes=1 << 20).check_many([])
    []
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import govchain_native as native
from govchain.crypto.algorithms import check_signature
from govchain.crypto.port import DEFAULT_SM2_ID
from govchain.crypto.sm2 import signature_code
from govchain.model.codes import Code

__all__ = ["MEMORY_LIMIT_BYTES", "BatchVerifier", "SignatureItem"]

#: Default bound of the key tables.
MEMORY_LIMIT_BYTES: Final = 64 * 1024 * 1024

#: Algorithm's name, key, message, signature.
SignatureItem = tuple[str, bytes, bytes, bytes]

_SM2_NAME: Final = "sm2-sm3"
_SM2_KEY_BYTES: Final = 64


class BatchVerifier:
    """Checks batches; keep one for as long as keys repeat. Safe to share between threads."""

    def __init__(self, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES, threads: int = 1) -> None:
        self._native = native.Sm2BatchVerifier(memory_limit_bytes=memory_limit_bytes, threads=threads)

    def check_many(self, items: Sequence[SignatureItem]) -> list[Code]:
        """A code for each item, in order: what ``check_signature`` would answer."""
        codes = [Code.OK] * len(items)
        places: list[int] = []
        keys: list[bytes] = []
        messages: list[bytes] = []
        signatures: list[bytes] = []
        for place, (algorithm, key, message, signature) in enumerate(items):
            if algorithm == _SM2_NAME and len(key) == _SM2_KEY_BYTES:
                places.append(place)
                keys.append(key)
                messages.append(message)
                signatures.append(signature)
            else:
                codes[place] = check_signature(algorithm, key, message, signature)
        if not places:
            return codes
        statuses = self._native.verify_many(keys, messages, signatures, DEFAULT_SM2_ID)
        for place, key, status in zip(places, keys, statuses, strict=True):
            if status != native.SM2_OK:
                codes[place] = signature_code(status, key)
        return codes

    def stats(self) -> Mapping[str, int]:
        """Counters of the native verifier: verifications, table hits, memory in use."""
        return dict(self._native.stats())
