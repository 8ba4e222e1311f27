"""The table path against the plain path: two arithmetics, one answer.

`disagreements` is what finds a difference; a test plants a fault in either path and sees it found.
"""

import random
import threading
from collections.abc import Callable, Iterator

import pytest
from curve import G, N, P, add, holds, lift_x, multiply, negate, number, point_bytes, sign_digest

import govchain_native as native

Case = tuple[bytes, bytes, bytes]  # public key, digest e, signature
Plain = Callable[[bytes, bytes, bytes], int]
Many = Callable[[list[bytes], list[bytes], list[bytes]], bytes]

INTERESTING = [0, 1, 2, 3, N // 2, N // 2 + 1, N - 2, N - 1, N, N + 1, P - 1, P, P + 1, 2**255, 2**256 - 1]


def disagreements(plain: Plain, many: Many, cases: list[Case], plain_codes: list[int] | None = None) -> list[int]:
    """The numbers of the cases on which the paths differ; the plain codes may be handed in, to compute them once."""
    if plain_codes is None:
        plain_codes = [plain(*case) for case in cases]
    keys, digests, signatures = ([case[part] for case in cases] for part in range(3))
    codes = many(keys, digests, signatures)
    assert len(codes) == len(cases)
    return [k for k, code in enumerate(plain_codes) if code != codes[k]]


def verifiers() -> Iterator[Many]:
    """Never a table; small tables; default tables that came to be; a cache of two that is always full."""
    yield native.Sm2BatchVerifier(0).verify_digests
    for bits in (4, 5, 6, 8, 10):
        yield native.Sm2BatchVerifier(1 << 26, window_bits=bits, promote_after=0).verify_digests
    yield native.Sm2BatchVerifier(180_000, threads=3, promote_after=0).verify_digests


def one_by_one(many: Many) -> Many:
    """Batches of one take the path without shared inversions."""
    return lambda keys, digests, signatures: b"".join(
        many([key], [digest], [signature]) for key, digest, signature in zip(keys, digests, signatures, strict=True)
    )


def random_cases(count: int, seed: int) -> list[Case]:
    source = random.Random(seed)
    nonces = [source.randrange(1, N) for _ in range(25)]
    points = [multiply(nonce, G) for nonce in nonces]
    privates = [source.randrange(1, N - 1) for _ in range(7)]
    keys = [point_bytes(multiply(private, G)) for private in privates]
    cases = []
    for _ in range(count):
        who = source.randrange(7)
        digest = source.choice([source.getrandbits(256), *INTERESTING])
        which = source.randrange(25)
        signature = sign_digest(privates[who], digest, nonces[which], points[which])
        key, e = keys[who], number(digest)
        match source.randrange(6):
            case 0:
                key = source.choice(keys)
            case 1:
                flipped = bytearray(signature)
                flipped[source.randrange(64)] ^= 1 << source.randrange(8)
                signature = bytes(flipped)
            case 2:
                e = number(source.getrandbits(256))
            case 3:
                key = key[:32] + number(P - int.from_bytes(key[32:], "big"))
            case _:
                pass
        cases.append((key, e, signature))
    return cases


def adversarial_cases() -> list[Case]:
    source = random.Random(5)
    special = [multiply(k, G) for k in (1, 2, 3, 5, N - 1, N - 2, (N + 1) // 2, 2**12, 2**24, 2**8 - 1)]
    keys = [point_bytes(point) for point in special]
    keys += [
        bytes(64),
        number(P) + number(1),
        number(1) + number(P),
        b"\xff" * 64,
        number(G[0]) + number(G[1] - 1),
        number(G[1]) + number(G[0]),
        bytes(32) + number(1),
        number(1) + bytes(32),
    ]
    root = lift_x(0)
    if root is not None:
        keys.append(point_bytes(root))
    cases = []
    for key in keys:
        cases.extend(
            (key, number(source.choice(INTERESTING)), number(r) + number(s)) for r in INTERESTING for s in INTERESTING
        )
        r = source.randrange(1, N)
        cases.append((key, number(0), number(r) + number(N - r)))
        cases.extend((key, number(0), bytes(length)) for length in (0, 1, 63, 65, 128))
    return cases


def equation_cases() -> list[Case]:
    """Keys that are small multiples of G, with s and t chosen so that sG + tP is infinite, is a doubling at
    the last step, has intermediate sums that meet, or has its abscissa in [n, p)."""
    source = random.Random(6)
    cases = []
    for k in (1, 2, 3, N - 1, N - 2, (N + 1) // 2, source.randrange(1, N)):
        key = multiply(k, G)
        for t in (1, 2, 3, 16, 255, 256, N // 2, N - 1, source.randrange(1, N)):
            # sG = -tP: infinity; sG = tP: doubling; and their neighbours.
            for s in (-t * k % N, t * k % N, (1 - t * k) % N, (2 - t * k) % N, 1, N - 1):
                r = (t - s) % N
                if not s or not r:
                    continue
                total = add(multiply(s, G), multiply(t, key))
                e = 0 if total is None else (r - total[0]) % N
                cases.append((point_bytes(key), number(e), number(r) + number(s)))
                cases.append((point_bytes(key), number((e + 1) % N), number(r) + number(s)))
                if e + N < 2**256:
                    cases.append((point_bytes(key), number(e + N), number(r) + number(s)))
    # x in [n, p): e + x mod n wraps where a comparison of x itself would not.
    x = N
    found = 0
    while found < 8:
        point = lift_x(x)
        x += 1
        if point is None:
            continue
        found += 1
        s, t = source.randrange(1, N), source.randrange(1, N)
        key = multiply(pow(t, -1, N), add(point, negate(multiply(s, G))))
        r = (t - s) % N
        cases.append((point_bytes(key), number((r - point[0]) % N), number(r) + number(s)))
        # And r - e so small that adding n stays below p, although x is that small number itself.
        small = lift_x(point[0] - N)
        if small is not None:
            key = multiply(pow(t, -1, N), add(small, negate(multiply(s, G))))
            cases.append((point_bytes(key), number((r - small[0]) % N), number(r) + number(s)))
    return cases


def test_random_cases_agree() -> None:
    cases = random_cases(1500, seed=1)
    codes = [native.sm2_verify_digest(*case) for case in cases]
    assert codes.count(native.SM2_OK) > 400
    assert codes.count(native.SM2_MISMATCH) > 400
    for many in verifiers():
        assert disagreements(native.sm2_verify_digest, many, cases, codes) == []
        assert disagreements(native.sm2_verify_digest, many, cases, codes) == []  # again: tables are there now
        assert disagreements(native.sm2_verify_digest, one_by_one(many), cases[:100], codes[:100]) == []


def test_adversarial_cases_agree() -> None:
    cases = adversarial_cases()
    codes = [native.sm2_verify_digest(*case) for case in cases]
    assert set(codes) - {native.SM2_OK} == set(range(1, 8))
    for many in verifiers():
        assert disagreements(native.sm2_verify_digest, many, cases, codes) == []
        assert disagreements(native.sm2_verify_digest, many, cases, codes) == []
        assert disagreements(native.sm2_verify_digest, one_by_one(many), cases[::7], codes[::7]) == []


def test_equation_cases_agree_and_are_right() -> None:
    cases = equation_cases()
    right = [holds(key, int.from_bytes(e, "big"), signature) for key, e, signature in cases]
    assert 100 < right.count(True) < len(right)
    codes = [native.sm2_verify_digest(*case) for case in cases]
    assert codes == [native.SM2_OK if good else native.SM2_MISMATCH for good in right]
    for many in verifiers():
        for _ in range(2):
            assert disagreements(native.sm2_verify_digest, many, cases, codes) == []
            assert disagreements(native.sm2_verify_digest, one_by_one(many), cases, codes) == []


def test_a_fault_in_either_path_is_found() -> None:
    cases = random_cases(60, seed=2)
    table = native.Sm2BatchVerifier(1 << 24).verify_digests
    accepted = next(k for k, case in enumerate(cases) if native.sm2_verify_digest(*case) == native.SM2_OK)

    def lying_plain(key: bytes, digest: bytes, signature: bytes) -> int:
        code = native.sm2_verify_digest(key, digest, signature)
        return native.SM2_MISMATCH if (key, digest, signature) == cases[accepted] else code

    def lying_table(keys: list[bytes], digests: list[bytes], signatures: list[bytes]) -> bytes:
        codes = bytearray(table(keys, digests, signatures))
        codes[accepted] = native.SM2_MISMATCH
        return bytes(codes)

    assert disagreements(lying_plain, table, cases) == [accepted]
    assert disagreements(native.sm2_verify_digest, lying_table, cases) == [accepted]
    assert disagreements(native.sm2_verify_digest, table, cases) == []
    # The two paths are different functions: where one is fed another input, they differ.
    moved = lambda keys, digests, signatures: table(keys, digests[1:] + digests[:1], signatures)  # noqa: E731
    assert disagreements(native.sm2_verify_digest, moved, cases) != []


def test_codes_in_order_of_precedence() -> None:
    good, off, above = point_bytes(G), bytes(64), b"\xff" * 64
    one, zero, order = number(1), number(0), number(N)
    expected = [
        ((above, zero, b""), native.SM2_SIGNATURE_LENGTH),
        ((above, zero, zero + zero), native.SM2_R_RANGE),
        ((above, zero, order + zero), native.SM2_R_RANGE),
        ((above, zero, one + zero), native.SM2_S_RANGE),
        ((above, zero, one + order), native.SM2_S_RANGE),
        ((above, zero, one + number(N - 1)), native.SM2_T_ZERO),
        ((above, zero, one + one), native.SM2_KEY_RANGE),
        ((off, zero, one + one), native.SM2_KEY_NOT_ON_CURVE),
        ((good, zero, one + one), native.SM2_MISMATCH),
    ]
    cases = [case for case, _ in expected]
    codes = [code for _, code in expected]
    assert [native.sm2_verify_digest(*case) for case in cases] == codes
    for many in verifiers():
        assert list(many(*(list(part) for part in zip(*cases, strict=True)))) == codes


def signed(count: int, key_count: int, id: bytes = native.SM2_DEFAULT_ID) -> tuple[list[bytes], ...]:
    privates = [native.sm2_generate() for _ in range(key_count)]
    publics = [native.sm2_public_key(private) for private in privates]
    messages = [b"message %d" % k * (k % 30) for k in range(count)]
    signatures = [
        native.sm2_sign(privates[k % key_count], publics[k % key_count], messages[k], id) for k in range(count)
    ]
    return [publics[k % key_count] for k in range(count)], messages, signatures


def test_messages_and_identifiers() -> None:
    keys, messages, signatures = signed(200, 5)
    other_keys, other_messages, other_signatures = signed(50, 3, b"ALICE123@YAHOO.COM")
    verifier = native.Sm2BatchVerifier(1 << 24)
    for _ in range(3):
        assert verifier.verify_many(keys, messages, signatures) == bytes(200)
        assert verifier.verify_many(other_keys, other_messages, other_signatures, b"ALICE123@YAHOO.COM") == bytes(50)
        assert set(verifier.verify_many(other_keys, other_messages, other_signatures)) == {native.SM2_MISMATCH}
        assert set(verifier.verify_many(keys, messages, signatures, b"")) == {native.SM2_MISMATCH}
    for case in zip(keys[:20], messages, signatures, strict=False):
        assert native.sm2_verify(*case) == native.SM2_OK
    shifted = messages[1:] + messages[:1]
    assert set(verifier.verify_many(keys, shifted, signatures)) == {native.SM2_MISMATCH}
    assert verifier.verify_many([], [], []) == b""


def test_memory_limit_promotion_and_statistics() -> None:
    keys, messages, signatures = signed(400, 40)
    verifier = native.Sm2BatchVerifier(1_000_000)
    stats = verifier.stats()
    assert (stats["tables"], stats["bytes"], stats["hits"], stats["misses"]) == (0, 0, 0, 0)
    assert stats["tables_max"] == 11
    # Ten signatures of each key in one batch are worth a table at once, for as many as there is room.
    assert verifier.verify_many(keys, messages, signatures) == bytes(400)
    stats = verifier.stats()
    assert stats["tables"] == 11
    assert stats["bytes"] <= 1_000_000
    assert stats["hits"] + stats["misses"] == 400
    assert verifier.verify_many(keys[:1], messages[:1], signatures[:1]) == b"\x00"
    # One at a time a key is promoted after `promote_at` sightings, not before.
    verifier = native.Sm2BatchVerifier(1_000_000, promote_after=7)
    assert verifier.stats()["promote_at"] == 7
    for seen in range(1, 10):
        verifier.verify_many(keys[:1], messages[:1], signatures[:1])
        assert verifier.stats()["tables"] == (seen >= 7)
    assert (verifier.stats()["misses"], verifier.stats()["hits"]) == (6, 3)
    # Bad keys and bad signatures never get tables.
    verifier = native.Sm2BatchVerifier(1_000_000)
    verifier.verify_many([bytes(64)] * 100, [b""] * 100, signatures[:100])
    verifier.verify_many(keys[:1] * 100, [b""] * 100, [bytes(64)] * 100)
    assert verifier.stats()["tables"] == 0


def test_threads_share_a_verifier() -> None:
    keys, messages, signatures = signed(300, 30)
    wrong = signatures[1:] + signatures[:1]
    verifier = native.Sm2BatchVerifier(1_500_000, threads=2)
    failures: list[int] = []

    def work() -> None:
        for _ in range(10):
            if verifier.verify_many(keys, messages, signatures) != bytes(300):
                failures.append(1)
            if set(verifier.verify_many(keys, messages, wrong)) != {native.SM2_MISMATCH}:
                failures.append(2)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert verifier.stats()["bytes"] <= 1_500_000


def test_wrong_arguments() -> None:
    verifier = native.Sm2BatchVerifier(0)
    for call in (
        lambda: verifier.verify_many([bytes(64)], [], []),
        lambda: verifier.verify_many([bytes(63)], [b""], [bytes(64)]),
        lambda: verifier.verify_digests([bytes(64)], [bytes(31)], [bytes(64)]),
        lambda: verifier.verify_digests([bytes(64)], [bytes(32)], []),
        lambda: native.Sm2BatchVerifier(-1),
        lambda: native.Sm2BatchVerifier(0, threads=0),
        lambda: native.Sm2BatchVerifier(0, threads=257),
        lambda: native.Sm2BatchVerifier(0, window_bits=3),
        lambda: native.Sm2BatchVerifier(0, window_bits=11),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(TypeError):
        verifier.verify_many([None], [b""], [b""])  # type: ignore[list-item]
