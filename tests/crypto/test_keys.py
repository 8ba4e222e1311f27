import copy
import pickle

import pytest

from govchain.crypto import ALGORITHMS, SigningKey, account_address, check_signature, get_algorithm, get_suite, key_id
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError
from tests.crypto import plain_sm2 as plain
from tests.crypto.support import some_key, vectors

each = pytest.mark.parametrize("name", sorted(ALGORITHMS))


def secret_forms(key):
    secret = key._open_secret()
    return [secret, secret.hex().encode(), repr(secret).encode(), str(int.from_bytes(secret, "big")).encode()]


@pytest.mark.requirement("BJ.data.01_002")
@each
def test_no_interface_shows_the_secret(name):
    key = some_key(name)
    forms = secret_forms(key)
    texts = [repr(key), str(key), f"{key}", repr(dir(key)), repr(getattr(key, "__dict__", {}))]
    texts += [repr(getattr(key, attribute)) for attribute in dir(key) if not attribute.startswith("_")]
    for text in texts:
        assert not any(form in text.encode() for form in forms)
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(UsageError):
            take(key)


@each
def test_a_closed_key_has_forgotten_its_secret(name):
    key = SigningKey(name, some_key(name)._open_secret())
    held = key._secret
    with key as opened:
        assert check_signature(name, opened.public_key, b"m", opened.sign(b"m")) is Code.OK
    assert not any(held)
    for refuse in (lambda: key.sign(b"m"), lambda: key.sign_many([b"m"])):
        with pytest.raises(UsageError) as refusal:
            refuse()
        assert refusal.value.code is Code.USAGE
    assert key.public_key == some_key(name).public_key
    key.close()


def test_errors_of_construction_do_not_show_the_secret():
    secret = (plain.N - 1).to_bytes(32, "big")
    with pytest.raises(DecodingError) as refusal:
        SigningKey("sm2-sm3", secret)
    assert secret.hex() not in repr(refusal.value) + str(refusal.value) + repr(refusal.value.params)


@each
def test_sign_many_signs_each(name):
    key = some_key(name)
    messages = [b"", b"a", b"b" * 100]
    signatures = key.sign_many(messages)
    for message, signature in zip(messages, signatures, strict=True):
        assert check_signature(name, key.public_key, message, signature) is Code.OK
    assert key.sign_many([]) == []


def test_key_id_is_sm3_of_the_public_key_info_in_either_suite():
    key = bytes.fromhex(vectors("sm2", "sign")[0]["key"])
    prefix = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
    assert key_id("sm2-sm3", key) == plain.sm3(prefix + key)
    other = some_key("ecdsa-p256-sha256").public_key
    assert key_id("ecdsa-p256-sha256", other) == plain.sm3(get_algorithm("ecdsa-p256-sha256").encode_spki(other))


def test_address_is_laid_out_as_specified():
    key = bytes.fromhex(vectors("sm2", "sign")[0]["key"])
    frame = b"\x00\x12govchain/account/1" + b"".join(
        len(part).to_bytes(4, "big") + part for part in (b"demo", b"sm2-sm3", key)
    )
    address = account_address(get_suite(), "demo", "sm2-sm3", key)
    assert address == plain.sm3(frame)[:20]
    others = {
        account_address(get_suite("international"), "demo", "sm2-sm3", key),
        account_address(get_suite(), "demo2", "sm2-sm3", key),
        account_address(get_suite(), "demo", "ecdsa-p256-sha256", key),
        account_address(get_suite(), "demo", "sm2-sm3", key[::-1]),
    }
    assert len(others | {address}) == 5
