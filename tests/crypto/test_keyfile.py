"""Key files: our format read by a second implementation, OpenSSL's forms read by us, and each defect refused."""

import base64
import hashlib

import pytest
from asn1crypto import core, parser
from hypothesis import given, settings
from hypothesis import strategies as st

from govchain.crypto import (
    ALGORITHMS,
    DEFAULT_ITERATIONS,
    ITERATIONS_MAX,
    ITERATIONS_MIN,
    KEY_FILE_BYTES_MAX,
    SigningKey,
    asn1,
    cbc_decrypt,
    cbc_encrypt,
    check_signature,
    decode_key_file,
    decode_plain_key,
    encode_key_file,
)
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError
from tests.crypto import plain_sm2 as plain
from tests.crypto.support import openssl_output, seeded, some_key, times

PASSPHRASE = "口令 with spaces".encode()
SALT, START = bytes(range(16)), bytes(range(16, 32))
each = pytest.mark.parametrize("name", sorted(ALGORITHMS))


def encoded(key, **options):
    options = {"salt": SALT, "initial_value": START, "iterations": ITERATIONS_MIN, **options}
    return encode_key_file(key, PASSPHRASE, **options)


def der_of(pem):
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def pem_of(der, label="ENCRYPTED PRIVATE KEY"):
    return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(der) + f"-----END {label}-----\n".encode()


def refusal_of(data, passphrase=PASSPHRASE, decode=decode_key_file):
    with pytest.raises(DecodingError) as refusal:
        decode(data, passphrase) if decode is decode_key_file else decode(data)
    return refusal.value.code


def children(contents):
    """The members of a constructed value, by asn1crypto's parser alone: (tag, contents) each."""
    members = []
    while contents:
        _, _, tag, header, body, trailer = parser.parse(contents)
        members.append((tag, body))
        contents = contents[len(header) + len(body) + len(trailer) :]
    return members


def second_implementation(pem, passphrase):
    """Open a file by the description in keys.md, with the interpreter's PBKDF2 or the plain one."""
    ((_, body),) = children(der_of(pem))
    (_, scheme), (_, encrypted) = children(body)
    (_, pbes2), (_, parameters) = children(scheme)
    (_, derivation), (_, cipher) = children(parameters)
    (_, pbkdf2), (_, values) = children(derivation)
    (_, salt), (_, iterations), (_, length), (_, prf) = children(values)
    (_, sm4_cbc), (_, start) = children(cipher)
    oids = [core.ObjectIdentifier(contents=oid).dotted for oid in (pbes2, pbkdf2, children(prf)[0][1], sm4_cbc)]
    assert oids == ["1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.2.156.10197.1.401.2", "1.2.156.10197.1.104.2"]
    assert children(prf)[1] == (5, b"")
    assert int.from_bytes(length, "big") == 16
    rounds = int.from_bytes(iterations, "big")
    if "sm3" in hashlib.algorithms_available:
        key = hashlib.pbkdf2_hmac("sm3", passphrase, salt, rounds, 16)
    else:
        key = plain.pbkdf2_hmac_sm3(passphrase, salt, rounds, 16)
    return cbc_decrypt("sm4", key, start, encrypted)


@pytest.mark.requirement("BJ.principle.control.02", "BJ.function.encryption.02")
@each
def test_a_second_implementation_and_openssl_read_our_files(name, tmp_path):
    key = some_key(name)
    pem = encoded(key)
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert max(len(line) for line in pem.splitlines()) <= 64
    inner = second_implementation(pem, PASSPHRASE)
    (tmp_path / "plain.pem").write_bytes(pem_of(inner, "PRIVATE KEY"))
    public = openssl_output("pkey", "-in", "plain.pem", "-pubout", "-outform", "DER", cwd=tmp_path)
    assert public == ALGORITHMS[name].encode_spki(key.public_key)
    openssl_output("pkey", "-in", "plain.pem", "-check", "-noout", cwd=tmp_path)


@each
def test_files_come_back(name):
    key = some_key(name)
    again = decode_key_file(encoded(key), PASSPHRASE)
    assert (again.algorithm, again.public_key) == (name, key.public_key)
    assert check_signature(name, key.public_key, b"m", again.sign(b"m")) is Code.OK


def test_default_work_factor():
    assert DEFAULT_ITERATIONS == 65_536
    pem = encode_key_file(some_key("sm2-sm3"), PASSPHRASE, salt=SALT, initial_value=START)
    assert b"\x02\x03\x01\x00\x00" in der_of(pem)
    assert decode_key_file(pem, PASSPHRASE).public_key == some_key("sm2-sm3").public_key


@pytest.mark.requirement("BJ.data.01_002")
def test_the_secret_is_in_the_file_only_encrypted():
    secret = bytes(range(1, 33))
    pem = encoded(SigningKey("sm2-sm3", secret))
    assert secret not in der_of(pem)
    assert secret.hex().encode() not in pem
    assert secret in second_implementation(pem, PASSPHRASE)


@each
def test_a_wrong_passphrase_has_its_own_code(name):
    pem = encoded(some_key(name))
    generator = seeded(name)
    wrong = [b"", PASSPHRASE + b"x", PASSPHRASE[:-1], *(generator.randbytes(12) for _ in range(times(20, 600)))]
    # One in 256 gives valid padding by chance: what is inside must then be refused in the same words.
    assert {refusal_of(pem, passphrase) for passphrase in wrong} == {Code.KEY_FILE_PASSPHRASE}


def test_a_wrong_passphrase_with_valid_padding_has_the_same_code():
    pem = der_of(encoded(some_key("sm2-sm3")))
    info = asn1.EncryptedPrivateKeyInfo.load(pem)
    derived = hashlib.pbkdf2_hmac("sha256", b"irrelevant", SALT, 1, 16)
    info["encrypted_data"] = cbc_encrypt("sm4", derived, START, b"no key at all")
    assert refusal_of(pem_of(info.dump())) is Code.KEY_FILE_PASSPHRASE


def rebuilt(**changes):
    """Our format with parts replaced, encrypted so that it would open."""
    iterations = changes.get("iterations", ITERATIONS_MIN)
    salt, start = changes.get("salt", SALT), changes.get("start", START)
    work = iterations if 0 < iterations <= ITERATIONS_MIN else 1
    hash_name = changes.get("hash", "sha256")
    length = changes.get("key_bytes", 16)
    derived = hashlib.pbkdf2_hmac(hash_name, PASSPHRASE, salt or b"\0", work, length)
    contents = (
        changes.get("contents") or core.load(second_implementation(encoded(some_key("sm2-sm3")), PASSPHRASE)).dump()
    )
    cipher = "sm4" if length == 16 and "aes" not in changes else "aes"
    encrypted = cbc_encrypt(cipher, derived, START, contents)
    derivation = {"salt": salt, "iterations": iterations}
    if changes.get("prf", "x"):
        derivation["prf"] = {"algorithm": changes.get("prf", asn1.OID_HMAC_SHA256), "parameters": core.Null()}
    if "key_length" in changes:
        derivation["key_length"] = changes["key_length"]
    parameters = {
        "key_derivation": {
            "algorithm": changes.get("kdf", asn1.OID_PBKDF2),
            "parameters": asn1.Pbkdf2Parameters(derivation),
        },
        "encryption": {"algorithm": changes.get("cipher", asn1.OID_SM4_CBC), "parameters": core.OctetString(start)},
    }
    info = asn1.EncryptedPrivateKeyInfo(
        {
            "encryption_algorithm": {
                "algorithm": changes.get("scheme", asn1.OID_PBES2),
                "parameters": asn1.Pbes2Parameters(parameters),
            },
            "encrypted_data": encrypted,
        }
    )
    return info.dump()


def test_other_ways_of_encrypting_that_are_read():
    for changes in (
        {},
        {"key_length": 16},
        {"aes": True, "cipher": asn1.OID_AES128_CBC},
        {"key_bytes": 32, "cipher": asn1.OID_AES256_CBC},
        {"salt": bytes(8)},
        {"salt": bytes(64)},
    ):
        assert decode_key_file(pem_of(rebuilt(**changes)), PASSPHRASE).public_key == some_key("sm2-sm3").public_key


def ec_private(**changes):
    """A PKCS#8 key with parts replaced."""
    key = some_key("sm2-sm3")
    values = {
        "version": 1,
        "private_key": b"\7" * 32,
        "curve": asn1.OID_CURVE_SM2,
        "public_key": b"\x04" + key.public_key,
        **changes,
    }
    inner = asn1.EcPrivateKey({name: value for name, value in values.items() if value is not None and name != "outer"})
    parameters = core.ObjectIdentifier(changes.get("outer") or asn1.OID_CURVE_SM2)
    info = asn1.PrivateKeyInfo(
        {
            "version": 0,
            "algorithm": {"algorithm": asn1.OID_EC_PUBLIC_KEY, "parameters": parameters},
            "private_key": inner.dump(),
        }
    )
    return info.dump()


INVALID = {
    "scheme PBES1 with MD5 and DES": {"scheme": "1.2.840.113549.1.5.3"},
    "derivation scrypt": {"kdf": "1.3.6.1.4.1.11591.4.11"},
    "cipher DES-EDE3-CBC": {"cipher": "1.2.840.113549.3.7"},
    "cipher SM4-ECB": {"cipher": "1.2.156.10197.1.104.1"},
    "function HMAC-SHA-1": {"prf": "1.2.840.113549.2.7"},
    "function left out, which means HMAC-SHA-1": {"prf": ""},
    "9,999 iterations": {"iterations": ITERATIONS_MIN - 1},
    "no iterations": {"iterations": 0},
    "negative iterations": {"iterations": -65536},
    "too many iterations": {"iterations": ITERATIONS_MAX + 1},
    "iterations beyond any integer": {"iterations": 2**200},
    "salt of 7 bytes": {"salt": bytes(7)},
    "salt of 65 bytes": {"salt": bytes(65)},
    "no salt": {"salt": b""},
    "initial value of 15 bytes": {"start": bytes(15)},
    "key length of another cipher": {"key_length": 32},
}


@pytest.mark.requirement("BJ.function.digest.02a")
@pytest.mark.parametrize("defect", INVALID)
def test_schemes_outside_the_format_are_refused(defect):
    assert refusal_of(pem_of(rebuilt(**INVALID[defect]))) is Code.KEY_FILE_INVALID


def inside(contents):
    return pem_of(rebuilt(contents=contents))


BAD_CONTENTS = {
    "secret zero": ec_private(private_key=bytes(32), public_key=None),
    "secret n - 1": ec_private(private_key=(plain.N - 1).to_bytes(32, "big"), public_key=None),
    "secret of 31 bytes": ec_private(private_key=b"\7" * 31),
    "secret of 33 bytes": ec_private(private_key=b"\0" + b"\7" * 32),
    "public key of another": ec_private(public_key=b"\x04" + some_key("sm2-sm3", 8).public_key),
    "compressed public key": ec_private(public_key=b"\x02" + some_key("sm2-sm3").public_key[:32]),
    "two curves": ec_private(curve=asn1.OID_CURVE_P256),
    "other curve": ec_private(curve=None, outer="1.3.132.0.34", public_key=None),
    "version 0": ec_private(version=0),
    "another algorithm": asn1.PrivateKeyInfo(
        {"version": 0, "algorithm": {"algorithm": "1.3.101.110"}, "private_key": bytes(34)}
    ).dump(),
    "RSA that is none": asn1.PrivateKeyInfo(
        {"version": 0, "algorithm": {"algorithm": asn1.OID_RSA, "parameters": core.Null()}, "private_key": b"xy"}
    ).dump(),
    "version 7": asn1.PrivateKeyInfo(
        {"version": 7, "algorithm": {"algorithm": asn1.OID_ED25519}, "private_key": core.OctetString(bytes(32)).dump()}
    ).dump(),
}


@pytest.mark.parametrize("defect", BAD_CONTENTS)
def test_keys_inside_that_are_unusable_are_refused(defect):
    assert refusal_of(inside(BAD_CONTENTS[defect])) is Code.KEY_FILE_INVALID
    assert refusal_of(pem_of(BAD_CONTENTS[defect], "PRIVATE KEY"), decode=decode_plain_key) is Code.KEY_FILE_INVALID


def test_keys_without_their_optional_parts_are_read():
    for contents in (ec_private(public_key=None), ec_private(curve=None), ec_private(curve=None, public_key=None)):
        assert decode_key_file(inside(contents), PASSPHRASE).public_key == some_key("sm2-sm3").public_key


GOOD = encoded(some_key("sm2-sm3"))
NOT_PEM = {
    "empty": b"",
    "binary": bytes(range(256)),
    "DER without PEM": der_of(GOOD),
    "no end": GOOD[: GOOD.index(b"-----END")],
    "no beginning": GOOD.split(b"\n", 1)[1],
    "other label": GOOD.replace(b"ENCRYPTED PRIVATE KEY", b"CERTIFICATE"),
    "label differs at the end": GOOD.replace(b"END ENCRYPTED", b"END"),
    "not base64": GOOD.replace(b"\nM", b"\n*", 1),
    "two keys": GOOD + GOOD,
    "text before it": b"hello\n" + GOOD,
    "text after it": GOOD + b"hello\n",
    "legacy headers": GOOD.replace(b"KEY-----\n", b"KEY-----\nProc-Type: 4,ENCRYPTED\n", 1),
    "too long": GOOD + b"\n" * KEY_FILE_BYTES_MAX,
    "empty DER": pem_of(b""),
    "truncated DER": pem_of(der_of(GOOD)[:-1]),
    "byte after the DER": pem_of(der_of(GOOD) + b"\0"),
    "indefinite length": pem_of(b"\x30\x80" + der_of(GOOD)[4:] + b"\0\0"),
    "length in more octets than needed": pem_of(b"\x30\x83\0" + der_of(GOOD)[2:]),
    "not encrypted": pem_of(ec_private(), "PRIVATE KEY"),
}


@pytest.mark.parametrize("defect", NOT_PEM)
def test_what_is_no_key_file_is_refused(defect):
    assert refusal_of(NOT_PEM[defect]) is Code.KEY_FILE_INVALID


def test_lines_may_end_as_on_other_systems():
    for text in (GOOD.replace(b"\n", b"\r\n"), b"\n\n" + GOOD + b"\n", GOOD[:-1]):
        assert decode_key_file(text, PASSPHRASE).public_key == some_key("sm2-sm3").public_key


@settings(max_examples=times(300, 5000), deadline=None)
@given(st.data())
def test_damaged_files_give_our_errors_or_the_same_key(data):
    der = bytearray(der_of(GOOD))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(der) - 1))
        kind = data.draw(st.sampled_from(["set", "insert", "delete"]))
        if kind == "set":
            der[place] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            der.insert(place, data.draw(st.integers(0, 255)))
        else:
            del der[place]
    try:
        key = decode_key_file(pem_of(bytes(der)), PASSPHRASE)
    except DecodingError as error:
        assert error.code in (Code.KEY_FILE_INVALID, Code.KEY_FILE_PASSPHRASE)  # noqa: PT017
    else:
        assert key.public_key == some_key("sm2-sm3").public_key


@given(
    st.sampled_from(["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"]),
    st.binary(max_size=200),
)
def test_any_bytes_in_pem_are_refused(label, data):
    assert refusal_of(pem_of(data, label), decode=decode_plain_key) is Code.KEY_FILE_INVALID
    assert refusal_of(pem_of(data, label)) is Code.KEY_FILE_INVALID


def test_writing_refuses_weak_parameters():
    key = some_key("sm2-sm3")
    for options in (
        *({"iterations": ITERATIONS_MIN - 1}, {"iterations": ITERATIONS_MAX + 1}, {"salt": bytes(7)}),
        *({"salt": bytes(65)}, {"initial_value": bytes(12)}),
    ):
        with pytest.raises(UsageError) as refusal:
            encoded(key, **options)
        assert refusal.value.code is Code.USAGE


P256 = "prime256v1"
IMPORTS = [
    ("sm2-sm3", ("genpkey", "-algorithm", "SM2")),
    ("sm2-sm3", ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2")),
    ("sm2-sm3", ("ecparam", "-genkey", "-name", "SM2")),
    ("ecdsa-p256-sha256", ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")),
    ("ecdsa-p256-sha256", ("ecparam", "-genkey", "-name", P256)),
    ("ecdsa-p256-sha256", ("ecparam", "-genkey", "-noout", "-name", P256)),
    ("ed25519", ("genpkey", "-algorithm", "ED25519")),
    ("rsa-pss-sha256", ("genrsa", "2048")),
    ("rsa-pss-sha256", ("genrsa", "-traditional", "2048")),
]


@pytest.mark.requirement("JX.standard.basis.07")
@pytest.mark.parametrize(("name", "command"), IMPORTS)
def test_keys_that_openssl_made_are_imported(name, command, tmp_path):
    pem = openssl_output(*command)
    key = decode_plain_key(pem)
    (tmp_path / "key.pem").write_bytes(pem)
    public = openssl_output("pkey", "-in", "key.pem", "-pubout", "-outform", "DER", cwd=tmp_path)
    assert (key.algorithm, ALGORITHMS[name].encode_spki(key.public_key)) == (name, public)
    assert refusal_of(pem) is Code.KEY_FILE_INVALID
    for cipher in ("sm4-cbc", "aes-256-cbc"):
        encrypted = openssl_output(
            *("pkcs8", "-topk8", "-in", "key.pem", "-v2", cipher, "-v2prf", "hmacWithSHA256", "-iter", "10000"),
            *("-passout", "pass:secret"),
            cwd=tmp_path,
        )
        assert decode_key_file(encrypted, b"secret").public_key == key.public_key
        assert refusal_of(encrypted, decode=decode_plain_key) is Code.KEY_FILE_INVALID
    weak = openssl_output(
        *(
            "pkcs8",
            "-topk8",
            "-in",
            "key.pem",
            "-v2",
            "aes-256-cbc",
            "-v2prf",
            "hmacWithSHA1",
            "-passout",
            "pass:secret",
        ),
        cwd=tmp_path,
    )
    assert refusal_of(weak, b"secret") is Code.KEY_FILE_INVALID


def test_openssls_explicit_parameters_and_other_curves_are_refused():
    for command in (
        ("ecparam", "-genkey", "-name", "prime256v1", "-param_enc", "explicit"),
        ("ecparam", "-genkey", "-name", "secp384r1"),
        ("genpkey", "-algorithm", "X25519"),
    ):
        assert refusal_of(openssl_output(*command), decode=decode_plain_key) is Code.KEY_FILE_INVALID
