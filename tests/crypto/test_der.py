"""The strict decoder: each malformed signature by its defect, and hypothesis against asn1crypto and itself."""

import pytest
from asn1crypto.core import Integer, OctetString, Sequence
from hypothesis import example, given
from hypothesis import strategies as st

from govchain.crypto import sm2
from govchain.crypto.der import encode_integer, encode_octets, encode_sequence
from govchain.model.codes import Code
from govchain.model.errors import DecodingError
from tests.crypto import plain_sm2 as plain
from tests.crypto.support import raw, vectors

DER = vectors("sm2", "der")
VALID = bytes.fromhex(DER["valid"])
KEY = bytes.fromhex(DER["key"])
MESSAGE = bytes.fromhex(DER["message"])
numbers = st.integers(0, 2**256 - 1)


class TwoIntegers(Sequence):
    _fields = [("r", Integer), ("s", Integer)]  # noqa: RUF012


class Cipher(Sequence):
    _fields = [("x", Integer), ("y", Integer), ("hash", OctetString), ("text", OctetString)]  # noqa: RUF012


def asn1crypto_reads(der):
    """The two numbers that a lenient reader sees, where the bytes are the one encoding of them."""
    try:
        value = TwoIntegers.load(der, strict=True)
        r, s = value["r"].native, value["s"].native
        same = len(value.native) == 2 and value.dump(force=True) == der
    except (ValueError, TypeError, IndexError, KeyError):
        return None
    return (r, s) if same and 0 <= r < 2**256 and 0 <= s < 2**256 else None


@pytest.mark.parametrize("entry", DER["malformed"], ids=lambda entry: entry["defect"])
def test_malformed_signature_is_refused_and_named(entry):
    der = bytes.fromhex(entry["der"])
    with pytest.raises(DecodingError) as refusal:
        sm2.decode_signature_der(der)
    assert refusal.value.code is Code.SIGNATURE_DER
    assert refusal.value.params["reason"]
    assert sm2.check_signature_der(KEY, MESSAGE, der) is Code.SIGNATURE_DER
    assert asn1crypto_reads(der) is None


def test_the_valid_one_is_accepted():
    assert sm2.check_signature_der(KEY, MESSAGE, VALID) is Code.OK
    assert len({entry["defect"] for entry in DER["malformed"]}) == len(DER["malformed"]) >= 38


@pytest.mark.requirement("JX.standard.basis.07")
@given(numbers, numbers)
@example(0, 0)
@example(127, 128)
@example(255, 256)
@example(2**255 - 1, 2**255)
@example(2**256 - 1, plain.N)
def test_any_two_numbers_make_the_der_that_asn1crypto_makes(r, s):
    der = sm2.encode_signature_der(raw(r, s))
    assert der == TwoIntegers({"r": r, "s": s}).dump()
    assert sm2.decode_signature_der(der) == raw(r, s)


@given(st.binary(max_size=80))
def test_what_is_accepted_has_no_other_encoding(data):
    check_against_asn1crypto(data)


@given(numbers, numbers, st.data())
def test_mutations_are_refused_or_mean_themselves(r, s, data):
    der = bytearray(sm2.encode_signature_der(raw(r, s)))
    for _ in range(data.draw(st.integers(1, 3))):
        kind = data.draw(st.sampled_from(["set", "insert", "delete"]))
        place = data.draw(st.integers(0, len(der) - 1))
        if kind == "set":
            der[place] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            der.insert(place, data.draw(st.sampled_from([0, 1, 2, 0x30, 0x80, 0x81, 0xFF])))
        else:
            del der[place]
    check_against_asn1crypto(bytes(der))


def check_against_asn1crypto(der):
    try:
        decoded = sm2.decode_signature_der(der)
    except DecodingError as error:
        assert error.code is Code.SIGNATURE_DER  # noqa: PT017
        assert asn1crypto_reads(der) is None
    else:
        assert sm2.encode_signature_der(decoded) == der
        assert asn1crypto_reads(der) == plain.decode_point(decoded)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_only_64_bytes_become_der(length):
    with pytest.raises(DecodingError) as refusal:
        sm2.encode_signature_der(bytes(length))
    assert refusal.value.code is Code.SIGNATURE_LENGTH


@pytest.mark.parametrize("length", [1, 23, 31, 100, 127, 128, 255, 256, 70_000])
def test_ciphertext_der_of_every_length_form(length):
    ciphertext = sm2.encrypt(KEY, bytes([7]) * length)
    der = sm2.encode_ciphertext_der(ciphertext)
    expected = Cipher(
        {
            "x": int.from_bytes(ciphertext[1:33], "big"),
            "y": int.from_bytes(ciphertext[33:65], "big"),
            "hash": ciphertext[65:97],
            "text": ciphertext[97:],
        }
    )
    assert der == expected.dump()
    assert sm2.decode_ciphertext_der(der) == ciphertext


def cipher_der(x, y, digest, text, *more):
    return encode_sequence(encode_integer(x), encode_integer(y), encode_octets(digest), encode_octets(text), *more)


POINT = plain.decode_point(KEY)
MALFORMED_CIPHERS = {
    "empty": b"",
    "digest of 31 octets": cipher_der(*POINT, bytes(31), b"x"),
    "digest of 33 octets": cipher_der(*POINT, bytes(33), b"x"),
    "no cipher text": cipher_der(*POINT, bytes(32), b""),
    "a fifth member": cipher_der(*POINT, bytes(32), b"x", encode_integer(1)),
    "byte after the end": cipher_der(*POINT, bytes(32), b"x") + b"\0",
    "off the curve": cipher_der(POINT[0], POINT[1] ^ 1, bytes(32), b"x"),
    "x not below p": cipher_der(plain.P, POINT[1], bytes(32), b"x"),
    "x of 33 octets": cipher_der(2**256, POINT[1], bytes(32), b"x"),
    "the point at infinity": cipher_der(0, 0, bytes(32), b"x"),
    "members swapped": encode_sequence(
        encode_integer(POINT[0]), encode_integer(POINT[1]), encode_integer(5), encode_octets(b"x")
    ),
    "member missing": encode_sequence(encode_integer(POINT[0]), encode_integer(POINT[1]), encode_octets(bytes(32))),
    "raw, not DER": b"\x04" + KEY + bytes(33),
}


@pytest.mark.parametrize("defect", MALFORMED_CIPHERS)
def test_malformed_cipher_is_refused(defect):
    with pytest.raises(DecodingError) as refusal:
        sm2.decode_ciphertext_der(MALFORMED_CIPHERS[defect])
    assert refusal.value.code is Code.CIPHERTEXT_INVALID


@given(st.binary(max_size=200))
def test_any_bytes_as_cipher_give_our_error_or_themselves(data):
    try:
        decoded = sm2.decode_ciphertext_der(data)
    except DecodingError as error:
        assert error.code is Code.CIPHERTEXT_INVALID  # noqa: PT017
    else:
        assert sm2.encode_ciphertext_der(decoded) == data
