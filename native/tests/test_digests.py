"""Digests: vectors, and the other implementations at hand."""

import hashlib
import hmac
import random

import pytest

import govchain_native as native

SM3_EMPTY = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"
SM3_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
has_openssl_sm3 = "sm3" in hashlib.algorithms_available


def test_vectors() -> None:
    assert native.sm3(b"").hex() == SM3_EMPTY
    assert native.sm3(b"abc").hex() == SM3_ABC
    assert native.sm3(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    assert native.sha256(b"abc") == hashlib.sha256(b"abc").digest()
    mac = native.hmac_sm3(b"key", b"The quick brown fox jumps over the lazy dog")
    assert mac.hex() == "bd4a34077888162b210645b8ebf74b9af357303789357a27c7fc457244ebd398"


@pytest.mark.skipif(not has_openssl_sm3, reason="this Python's OpenSSL has no SM3")
def test_against_openssl() -> None:
    source = random.Random(1)
    items = [source.randbytes(length) for length in [*range(260), 1000, 5000, 70_000]]
    expected = [hashlib.new("sm3", item).digest() for item in items]
    assert [native.sm3(item) for item in items] == expected
    source.shuffle(both := list(zip(items, expected, strict=True)))
    for count in (0, 1, 2, 3, 5, 8, 9, 17, len(both)):
        some = both[:count]
        assert native.digest_many("sm3", [item for item, _ in some]) == [digest for _, digest in some]
    for length in (0, 1, 63, 64, 65, 200):
        key = items[length]
        assert native.hmac_sm3(key, items[99]) == hmac.new(key, items[99], "sm3").digest()
    for iterations, length in ((1, 1), (1, 32), (3, 33), (100, 100)):
        assert native.pbkdf2_hmac_sm3(b"password", b"salt", iterations, length) == hashlib.pbkdf2_hmac(
            "sm3", b"password", b"salt", iterations, length
        )


def test_sha256_many() -> None:
    items = [bytes(length) for length in range(200)]
    assert native.digest_many("sha256", items) == [hashlib.sha256(item).digest() for item in items]


def test_incremental() -> None:
    hasher = native.Sm3(b"a")
    copy = hasher.copy()
    hasher.update(b"bc")
    assert hasher.hexdigest() == SM3_ABC == hasher.digest().hex()
    hasher.update(bytes(10_000))
    assert hasher.digest() == native.sm3(b"abc" + bytes(10_000))
    assert copy.digest() == native.sm3(b"a")
    assert native.Sm3().hexdigest() == SM3_EMPTY
    assert (native.Sm3.digest_size, native.Sm3.block_size, native.Sm3.name) == (32, 64, "sm3")


def test_wrong_arguments() -> None:
    for call in (
        lambda: native.sm3("text"),  # type: ignore[arg-type]
        lambda: native.sm3(None),  # type: ignore[arg-type]
        lambda: native.digest_many("sm3", ["text"]),  # type: ignore[list-item]
        lambda: native.digest_many("sm3", 5),  # type: ignore[arg-type]
        lambda: native.hmac_sm3(b"", 1),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            call()
    for call in (
        lambda: native.digest_many("md5", []),  # type: ignore[arg-type]
        lambda: native.pbkdf2_hmac_sm3(b"", b"", 0, 1),
        lambda: native.pbkdf2_hmac_sm3(b"", b"", -1, 1),
        lambda: native.pbkdf2_hmac_sm3(b"", b"", 2**32, 1),
        lambda: native.pbkdf2_hmac_sm3(b"", b"", 1, 0),
        lambda: native.pbkdf2_hmac_sm3(b"", b"", 1, 2**20 + 1),
    ):
        with pytest.raises(ValueError):
            call()
