# ruff: noqa: T201, S603 - a bench prints, and runs openssl
"""What the kernels do on one core, beside OpenSSL in the same run: ``python -m govchain_native.bench``."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable

import govchain_native as native

SECONDS = 2.0
BODY_BYTES = 1024


def rate(work: Callable[[], object], items: int, seconds: float = SECONDS) -> float:
    """Items per second of calls that each handle ``items`` of them; the first call is not counted."""
    work()
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        work()
        done += items
    return done / elapsed


def openssl_rates(seconds: int = 3) -> tuple[float, float] | None:
    """(signatures, verifications) per second of ``openssl speed sm2``, or None without OpenSSL."""
    if shutil.which("openssl") is None:
        return None
    command = ["openssl", "speed", "-seconds", str(seconds), "sm2"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"SM2.*?s\s+[\d.]+s\s+([\d.]+)\s+([\d.]+)", output)
    return (float(found[1]), float(found[2])) if found else None


def signed(count: int, key_count: int, message: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """(keys, messages, signatures) of ``count`` signatures by ``key_count`` keys in turn."""
    privates = [native.sm2_generate() for _ in range(key_count)]
    publics = [native.sm2_public_key(private) for private in privates]
    signatures = [native.sm2_sign(privates[k], publics[k], message) for k in range(key_count)]
    return (
        [publics[k % key_count] for k in range(count)],
        [message] * count,
        [signatures[k % key_count] for k in range(count)],
    )


def main() -> None:
    """Prints the rates."""
    body = b'{"a":"' + b"x" * (BODY_BYTES - 8) + b'"}'
    reference = openssl_rates()
    times = ""
    if reference:
        print(f"openssl speed sm2: sign {reference[0]:,.0f}/s, verify {reference[1]:,.0f}/s")

    for key_count in (64, 1024):
        verifier = native.Sm2BatchVerifier(256 << 20)
        batch = signed(4096, key_count, b"short message")
        for _ in range(4):
            verifier.verify_many(*batch)
        before = verifier.stats()
        result = rate(lambda: verifier.verify_many(*batch), 4096)  # noqa: B023
        after = verifier.stats()
        if reference:
            times = f", {result / reference[1]:.1f} x openssl"
        hits, misses = after["hits"] - before["hits"], after["misses"] - before["misses"]
        print(f"verify, {key_count} keys: {result:,.0f}/s{times} ({hits:,} by table, {misses:,} without)")

    verifier = native.Sm2BatchVerifier(256 << 20)
    batch = signed(4096, 64, body)
    for _ in range(4):
        verifier.verify_many(*batch)
    result = rate(lambda: verifier.verify_many(*batch), 4096)
    print(f"verify, 64 keys, {BODY_BYTES} byte messages: {result:,.0f}/s")

    verifier = native.Sm2BatchVerifier(0)
    batch = signed(4096, 4096, b"short message")
    result = rate(lambda: verifier.verify_many(*batch), 4096)
    if reference:
        times = f", {result / reference[1]:.1f} x openssl"
    stats = verifier.stats()
    print(f"verify, new keys: {result:,.0f}/s{times} ({stats['hits']:,} by table, {stats['misses']:,} without)")

    key, message, signature = batch[0][0], batch[1][0], batch[2][0]
    print(f"verify, plain path: {rate(lambda: native.sm2_verify(key, message, signature), 1):,.0f}/s")
    private = native.sm2_generate()
    public = native.sm2_public_key(private)
    messages = [body] * 200
    print(f"sign: {rate(lambda: native.sm2_sign(private, public, body), 1):,.0f}/s")
    print(f"sign, many: {rate(lambda: native.sm2_sign_many(private, public, messages), 200):,.0f}/s")

    one = bytes(1 << 20)
    print(f"SM3, one: {rate(lambda: native.sm3(one), 1) * 1.048576:,.0f} MB/s")
    many = [body] * 4096
    result = rate(lambda: native.digest_many("sm3", many), 4096)
    print(f"SM3, many of {BODY_BYTES} bytes: {result * BODY_BYTES / 1e6:,.0f} MB/s, {result:,.0f}/s")
    result = rate(lambda: native.merkle_root("sm3", many), 4096)
    print(f"Merkle root: {result:,.0f} leaves/s")
    result = rate(lambda: native.prescan_json(body, 1 << 20, 8), 1)
    print(f"JSON pre-scan, {BODY_BYTES} bytes: {result:,.0f}/s")
    record = b'{"chain":"c","type":"t","n":[' + b",".join(b'{"k":"v","i":%d}' % k for k in range(55)) + b"]}"
    for name, content in (("one long string", body), ("many small values", record)):
        envelopes = [native.seal_envelope(1, content, [bytes(64)])] * 2048
        result = rate(lambda: native.open_envelopes("sm3", envelopes, 1 << 20, 8, 4), 2048)  # noqa: B023
        print(f"open envelopes, body of {len(content)} bytes, {name}: {result:,.0f}/s")
    window = native.IdWindow(60_000, 10_000_000)
    ids = [k.to_bytes(32, "big") for k in range(100_000)]
    expires = [k * 6 for k in range(100_000)]
    window.add_many(ids, expires)
    result = rate(lambda: window.contains_many(ids, expires), 100_000)
    print(f"replay window: {result:,.0f} look-ups/s, {window.memory_bytes() / len(window):.1f} bytes an id")


if __name__ == "__main__":
    main()
