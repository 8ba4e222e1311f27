"""SM2 at its edges: every adversarial case by every path, and OpenSSL, gmalg and the plain twin on random inputs."""

import gmalg
import pytest

import govchain_native as native
from govchain.crypto import BatchVerifier, SigningKey, check_signature, get_algorithm, sm2
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError, VerificationError
from tests.crypto import plain_sm2 as plain
from tests.crypto.adversarial import Case, cases
from tests.crypto.support import openssl_accepts_sm2, raw, seeded, sm2_key, sound_gmalg, times

#: A verifier whose keys get tables at once, and one whose tables never fit: both paths must answer alike.
EAGER = {"memory_limit_bytes": 64 << 20, "threads": 1}
TABLELESS = {"memory_limit_bytes": 0, "threads": 1}


def many_cases(name, rounds):
    generator = seeded(name)
    return [case for _ in range(rounds) for case in cases(generator)]


def items(found):
    return [("sm2-sm3", case.key, case.message, case.signature) for case in found]


def wrong(found, codes):
    return [
        (case.name, case.code.name, code.name) for case, code in zip(found, codes, strict=True) if case.code != code
    ]


@pytest.mark.requirement("JX.standard.basis.03", "JX.standard.basis.11", "BJ.function.encryption.02")
def test_every_edge_gets_its_code_on_the_plain_path():
    found = many_cases("edges", times(20, 400))
    assert len({case.name for case in found}) >= 48
    assert wrong(found, [check_signature(*item) for item in items(found)]) == []


def test_every_edge_gets_the_same_code_in_a_batch():
    found = many_cases("edges in a batch", times(20, 400))
    for options in (EAGER, TABLELESS, {"memory_limit_bytes": 1 << 20, "threads": 3}):
        verifier = BatchVerifier(**options)
        for _ in range(3):
            assert wrong(found, verifier.check_many(items(found))) == []


def test_every_edge_gets_the_same_code_once_its_key_has_a_table():
    """One key, enough valid signatures to build its table, then every edge of that key."""
    generator = seeded("edges with a table")
    for _ in range(times(3, 60)):
        found = [*cases(generator)]
        valid = items(found[:1])
        verifier = BatchVerifier(**EAGER)
        for _ in range(20):
            assert verifier.check_many(valid * 20) == [Code.OK] * 20
        stats = verifier.stats()
        assert stats["built"] >= 1
        assert wrong(found, verifier.check_many(items(found))) == []
        assert verifier.stats()["hits"] > stats["hits"]


def test_edges_agree_with_the_plain_twin_and_openssl(tmp_path):
    for case in many_cases("edges against openssl", times(3, 20)):
        if len(case.key) != 64 or len(case.signature) != 64:
            continue
        point, numbers = plain.decode_point(case.key), plain.decode_point(case.signature)
        assert plain.verify(point, case.message, *numbers) == (case.code is Code.OK), case.name
        assert openssl_accepts_sm2(case.key, case.message, case.signature, tmp_path) == (case.code is Code.OK), (
            case.name
        )


@pytest.mark.requirement("BJ.function.signature.02")
def test_openssl_agrees_on_random_signatures(tmp_path):
    """Ours, plain and corrupted, for random keys, messages and IDs."""
    generator = seeded("openssl")
    for number in range(times(400, 4000)):
        key = sm2_key(generator)
        message = generator.randbytes(generator.choice((0, 1, 31, 64, 300)))
        signer_id = generator.choice((sm2.DEFAULT_SM2_ID, sm2.DEFAULT_SM2_ID, b"\xe6\x94\xbf", generator.randbytes(40)))
        secret = key._open_secret()
        signature = bytearray(sm2.sign(secret, key.public_key, message, signer_id=signer_id))
        if number % 4 == 3:
            signature[generator.randrange(64)] ^= 1 << generator.randrange(8)
        ours = sm2.check_signature(key.public_key, message, bytes(signature), signer_id=signer_id)
        assert (ours is Code.OK) == (number % 4 != 3)
        theirs = openssl_accepts_sm2(key.public_key, message, bytes(signature), tmp_path, signer_id)
        assert theirs == (ours is Code.OK)


def test_the_plain_twin_agrees_on_random_signatures():
    generator = seeded("plain")
    for number in range(times(250, 6000)):
        key = sm2_key(generator)
        message = generator.randbytes(generator.randrange(150))
        signature = bytearray(key.sign(message))
        if number % 2:
            signature[generator.randrange(64)] ^= 1 << generator.randrange(8)
        code = check_signature("sm2-sm3", key.public_key, message, bytes(signature))
        numbers = plain.decode_point(bytes(signature))
        assert plain.verify(plain.decode_point(key.public_key), message, *numbers) == (code is Code.OK)
        made = plain.sign(int.from_bytes(key._open_secret(), "big"), message, generator.randrange(1, plain.N))
        assert made is not None
        assert check_signature("sm2-sm3", key.public_key, message, raw(*made)) is Code.OK


@sound_gmalg
def test_gmalg_agrees_on_random_signatures():
    generator = seeded("gmalg")
    for number in range(times(50, 1500)):
        key = sm2_key(generator)
        message = generator.randbytes(generator.randrange(100))
        theirs = gmalg.SM2(key._open_secret(), sm2.DEFAULT_SM2_ID, b"\x04" + key.public_key)
        r, s = (part.rjust(32, b"\0") for part in theirs.sign(message))  # it leaves out leading zeros
        assert check_signature("sm2-sm3", key.public_key, message, r + s) is Code.OK
        signature = bytearray(key.sign(message))
        if number % 2:
            signature[generator.randrange(64)] ^= 1 << generator.randrange(8)
        ours = check_signature("sm2-sm3", key.public_key, message, bytes(signature))
        assert theirs.verify(message, bytes(signature[:32]), bytes(signature[32:])) == (ours is Code.OK)


def test_thousands_of_signatures_in_batches_equal_the_plain_path():
    generator = seeded("batches")
    keys = [sm2_key(generator) for _ in range(40)]
    others = [SigningKey("ed25519", generator.randbytes(32)), SigningKey("ecdsa-p256-sha256", b"\x01" * 32)]
    pool = []
    for _ in range(times(6000, 60_000)):
        key = generator.choice(others if generator.random() < 0.02 else keys)
        message = generator.randbytes(generator.randrange(64))
        signature = bytearray(key.sign(message))
        public = bytearray(key.public_key)
        damage = generator.random()
        if damage < 0.15:
            signature[generator.randrange(64)] ^= 1 << generator.randrange(8)
        elif damage < 0.2:
            public[generator.randrange(len(public))] ^= 1 << generator.randrange(8)
        elif damage < 0.22:
            signature = signature[: generator.randrange(64)]
        elif damage < 0.24:
            public = public[: generator.randrange(len(public))]
        algorithm = "md5-with-hope" if 0.24 <= damage < 0.25 else key.algorithm
        pool.append((algorithm, bytes(public), message, bytes(signature)))
    expected = [check_signature(*item) for item in pool]
    assert len(set(expected)) >= 6
    for options in (EAGER, TABLELESS, {"memory_limit_bytes": 200_000, "threads": 2}):
        verifier = BatchVerifier(**options)
        got = []
        start = 0
        while start < len(pool):
            size = generator.choice((1, 2, 17, 500, 2000))
            got += verifier.check_many(pool[start : start + size])
            start += size
        assert got == expected


def test_one_bad_member_of_a_batch_changes_no_other():
    generator = seeded("one bad")
    key = sm2_key(generator)
    good = [("sm2-sm3", key.public_key, b"m", key.sign(b"m")) for _ in range(50)]
    for place in (0, 25, 49):
        batch = list(good)
        batch[place] = ("sm2-sm3", key.public_key, b"other", good[place][3])
        codes = BatchVerifier(**EAGER).check_many(batch)
        assert codes[place] is Code.SIGNATURE_INVALID
        assert [code for index, code in enumerate(codes) if index != place] == [Code.OK] * 49


def test_nonce_point_with_x_beyond_n_is_reduced():
    """x1 in [n, p) never arises by chance; with the digest free it can be made, and both paths must reduce it."""
    generator = seeded("x beyond n")
    done = 0
    while done < 5:
        nonce_point = plain.lift_x(generator.randrange(plain.N, plain.P))
        if nonce_point is None:
            continue
        s, t = generator.randrange(1, plain.N), generator.randrange(1, plain.N)
        key = plain.multiply(pow(t, -1, plain.N), plain.add(nonce_point, plain.negate(plain.multiply(s))))
        r = (t - s) % plain.N
        if r == 0 or key is None:
            continue
        digest = ((r - nonce_point[0]) % plain.N).to_bytes(32, "big")
        encoded = plain.encode_point(key)
        assert native.sm2_verify_digest(encoded, digest, raw(r, s)) == native.SM2_OK
        for memory in (0, 1 << 20):
            verifier = native.Sm2BatchVerifier(memory, promote_after=1)
            for _ in range(10):
                statuses = verifier.verify_digests([encoded] * 20, [digest] * 20, [raw(r, s)] * 20)
                assert set(statuses) == {native.SM2_OK}
        done += 1


@pytest.mark.parametrize("secret", [1, 2, 3, plain.N - 3, plain.N - 2], ids=lambda secret: hex(secret)[-6:])
def test_edge_secrets_sign(secret, tmp_path):
    key = SigningKey("sm2-sm3", secret.to_bytes(32, "big"))
    assert key.public_key == plain.encode_point(plain.multiply(secret))
    signature = key.sign(b"edge")
    assert plain.verify(plain.decode_point(key.public_key), b"edge", *plain.decode_point(signature))
    assert openssl_accepts_sm2(key.public_key, b"edge", signature, tmp_path)
    assert set(BatchVerifier(**EAGER).check_many([("sm2-sm3", key.public_key, b"edge", signature)] * 500)) == {Code.OK}


@pytest.mark.parametrize(
    "secret",
    [
        bytes(32),
        *((plain.N + offset).to_bytes(32, "big") for offset in (-1, 0, 1)),
        b"\xff" * 32,
        b"",
        b"\1" * 31,
        b"\1" * 33,
    ],
    ids=lambda secret: secret.hex()[-6:] or "empty",
)
def test_secrets_outside_1_to_n_minus_2_are_refused(secret):
    algorithm = get_algorithm("sm2-sm3")
    for refuse in (
        lambda: SigningKey("sm2-sm3", secret),
        lambda: algorithm.public_key_of(secret),
        lambda: algorithm.sign(secret, plain.encode_point(plain.G), b""),
        lambda: algorithm.sign_many(secret, plain.encode_point(plain.G), [b""]),
        lambda: sm2.decrypt(secret, bytes(200)),
    ):
        with pytest.raises(DecodingError) as refusal:
            refuse()
        assert refusal.value.code is Code.KEY_MALFORMED


def test_signing_under_a_key_that_is_none_is_refused():
    algorithm = get_algorithm("sm2-sm3")
    for key in (b"", bytes(64), b"\xff" * 64):
        with pytest.raises(DecodingError):
            algorithm.sign(b"\1" * 32, key, b"")
        with pytest.raises(DecodingError):
            algorithm.sign_many(b"\1" * 32, key, [b""])


def test_the_signer_id_is_part_of_the_signature():
    key = sm2_key(seeded("id"))
    secret = key._open_secret()
    for signer_id in (b"", b"a", sm2.DEFAULT_SM2_ID + b"@", bytes(sm2.SIGNER_ID_BYTES_MAX)):
        signature = sm2.sign(secret, key.public_key, b"m", signer_id=signer_id)
        assert sm2.check_signature(key.public_key, b"m", signature, signer_id=signer_id) is Code.OK
        assert sm2.check_signature(key.public_key, b"m", signature) is Code.SIGNATURE_INVALID
        assert plain.verify(plain.decode_point(key.public_key), b"m", *plain.decode_point(signature), signer_id)
        der = sm2.sign_der(secret, key.public_key, b"m", signer_id=signer_id)
        sm2.verify_signature_der(key.public_key, b"m", der, signer_id=signer_id)
    with pytest.raises(UsageError) as refusal:
        sm2.sign(secret, key.public_key, b"m", signer_id=bytes(sm2.SIGNER_ID_BYTES_MAX + 1))
    assert refusal.value.code is Code.USAGE
    with pytest.raises(UsageError):
        sm2.check_signature(key.public_key, b"m", bytes(64), signer_id=bytes(sm2.SIGNER_ID_BYTES_MAX + 1))


def test_no_signature_is_made_twice_and_every_one_is_in_range():
    key = sm2_key(seeded("fresh"))
    made = {key.sign(b"same") for _ in range(200)} | set(key.sign_many([b"same"] * 200))
    assert len(made) == 400
    for signature in made:
        r, s = plain.decode_point(signature)
        assert 0 < r < plain.N
        assert 0 < s < plain.N
        assert (r + s) % plain.N


def test_verify_raises_what_check_answers():
    for case in many_cases("raises", 1):
        assert_raises_code(case)


def assert_raises_code(case: Case) -> None:
    verify = get_algorithm("sm2-sm3").verify_signature
    if case.code is Code.OK:
        verify(case.key, case.message, case.signature)
        sm2.verify_signature(case.key, case.message, case.signature)
        return
    for refuse in (verify, sm2.verify_signature):
        with pytest.raises(VerificationError) as refusal:
            refuse(case.key, case.message, case.signature)
        assert refusal.value.code is case.code, case.name
    if len(case.signature) == 64:
        with pytest.raises(VerificationError) as refusal:
            sm2.verify_signature_der(case.key, case.message, sm2.encode_signature_der(case.signature))
        assert refusal.value.code is case.code, case.name
