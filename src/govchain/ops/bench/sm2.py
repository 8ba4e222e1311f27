"""``govchain bench sm2``: batch verification against ``openssl speed sm2`` in the same run, on one core; and SM3 MB/s.

Rules: every figure is taken several times in turn with openssl's, so that a machine whose speed drifts drifts for
both; the ratio is of medians.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable

import govchain_native as native
from govchain.model import Code, UnavailableError
from govchain.ops.bench.machine import describe_machine

__all__ = ["run"]

_MESSAGE_BYTES = 256
_ROUNDS = 3


def run(
    *, keys: int = 64, signatures: int = 20_000, seconds: int = 3, progress: Callable[[int, int], None] | None = None
) -> dict[str, object]:
    """Measure; needs the ``openssl`` command.

    Args:
        keys: repeating keys.
        signatures: signatures per measurement.
        seconds: how long each openssl measurement takes.
        progress: called with (done, total) rounds.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise UnavailableError(Code.NOT_FOUND, what="openssl")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        return _measure(openssl, keys, signatures, seconds, progress)
    finally:
        os.sched_setaffinity(0, before)


def _measure(
    openssl: str, keys: int, signatures: int, seconds: int, progress: Callable[[int, int], None] | None
) -> dict[str, object]:
    repeated = _signed(keys, signatures)
    fresh = _signed(2_000, 2_000)
    figures: dict[str, list[float]] = {name: [] for name in ("openssl", "repeated", "fresh", "plain", "sm3")}
    stats: dict[str, int] = {}
    data = os.urandom(16 * 1024 * 1024)
    for turn in range(_ROUNDS):
        figures["openssl"].append(_openssl(openssl, seconds))
        verifier = native.Sm2BatchVerifier(64 * 1024 * 1024, 1)
        verifier.verify_many(*repeated)  # builds the tables: a department's first batch
        figures["repeated"].append(_rate(lambda v=verifier: v.verify_many(*repeated), signatures))  # type: ignore[misc]
        stats = verifier.stats()
        newcomer = native.Sm2BatchVerifier(64 * 1024 * 1024, 1)
        figures["fresh"].append(_rate(lambda v=newcomer: v.verify_many(*fresh), len(fresh[0])))  # type: ignore[misc]
        figures["plain"].append(_rate(lambda: _plain(fresh), len(fresh[0])))
        start = time.perf_counter()
        native.sm3(data)
        figures["sm3"].append(len(data) / 1e6 / (time.perf_counter() - start))
        if progress is not None:
            progress(turn + 1, _ROUNDS)
    median = {name: statistics.median(values) for name, values in figures.items()}
    return {
        "machine": describe_machine(),
        "workload": {
            "keys": keys,
            "signatures": signatures,
            "message_bytes": _MESSAGE_BYTES,
            "cores": 1,
            "rounds": _ROUNDS,
            "window_bits": stats.get("window_bits"),
            "table_bytes": stats.get("bytes"),
        },
        "verify_per_second": {
            "openssl": round(median["openssl"]),
            "repeated_keys": round(median["repeated"]),
            "new_keys": round(median["fresh"]),
            "plain": round(median["plain"]),
        },
        "ratio_to_openssl": {
            "repeated_keys": round(median["repeated"] / median["openssl"], 1),
            "new_keys": round(median["fresh"] / median["openssl"], 1),
        },
        "sm3_mb_per_second": round(median["sm3"], 1),
    }


def _signed(keys: int, signatures: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
    pairs = [(secret, native.sm2_public_key(secret)) for secret in (native.sm2_generate() for _ in range(keys))]
    public: list[bytes] = []
    messages: list[bytes] = []
    made: list[bytes] = []
    for index in range(signatures):
        secret, key = pairs[index % keys]
        message = os.urandom(_MESSAGE_BYTES)
        public.append(key)
        messages.append(message)
        made.append(native.sm2_sign(secret, key, message))
    return public, messages, made


def _plain(signed: tuple[list[bytes], list[bytes], list[bytes]]) -> bytes:
    return bytes(native.sm2_verify(key, message, signature) for key, message, signature in zip(*signed, strict=True))


def _rate(work: Callable[[], bytes], count: int) -> float:
    start = time.perf_counter()
    statuses = work()
    elapsed = time.perf_counter() - start
    if len(statuses) != count or any(statuses):
        raise UnavailableError(Code.INTERNAL, reason="a valid signature was refused")
    return count / elapsed


def _openssl(openssl: str, seconds: int) -> float:
    """Verifications per second of the openssl command."""
    answer = subprocess.run(  # noqa: S603 - the openssl command that was found
        [openssl, "speed", "-seconds", str(seconds), "sm2"], capture_output=True, text=True, check=False
    )
    found = re.search(r"SM2 \(CurveSM2\)\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)", answer.stdout)
    if found is None:
        raise UnavailableError(Code.NOT_FOUND, what="openssl speed sm2")
    return float(found.group(2))
