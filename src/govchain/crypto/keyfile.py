"""Private keys as PEM bytes: our encrypted key file, and the plain forms of other tools for import (docs/spec/keys.md).

Purpose: a key at rest is PKCS#8 EncryptedPrivateKeyInfo under PBES2: PBKDF2 with HMAC-SM3, then SM4-CBC. Rules: salt
and initial value are passed in; the work factor is bounded both ways, below because a weak file is no protection,
above because a hostile file must not hang its reader; a wrong passphrase and a file that was damaged inside its
encrypted part cannot be told apart. An embedded public key must fit the private one.
Not here: files, permissions, passphrases from people (``signers``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from asn1crypto import core

import govchain_native as native
from govchain.crypto import asn1
from govchain.crypto.keys import SigningKey
from govchain.crypto.symmetric import BLOCK_BYTES, cbc_decrypt, cbc_encrypt
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError

__all__ = [
    "DEFAULT_ITERATIONS",
    "ITERATIONS_MAX",
    "ITERATIONS_MIN",
    "KEY_FILE_BYTES_MAX",
    "KEY_FILE_SALT_BYTES",
    "PEM_LABEL",
    "decode_key_file",
    "decode_plain_key",
    "encode_key_file",
]

#: PBKDF2 iterations of a new key file.
DEFAULT_ITERATIONS: Final = 65_536
#: Fewer are refused, when writing and when reading.
ITERATIONS_MIN: Final = 10_000
#: More are refused: some seconds of work.
ITERATIONS_MAX: Final = 10_000_000
#: Bytes of the salt of a new key file; 8 to 64 are read.
KEY_FILE_SALT_BYTES: Final = 16
#: A larger file is no key file.
KEY_FILE_BYTES_MAX: Final = 65_536
#: PEM label of an encrypted PKCS#8 key.
PEM_LABEL: Final = "ENCRYPTED PRIVATE KEY"

_SALT_BYTES_READ: Final = range(8, 65)
_PLAIN_LABELS: Final = ("PRIVATE KEY", "EC PRIVATE KEY", "SM2 PRIVATE KEY", "RSA PRIVATE KEY")
#: What ``openssl ecparam`` writes before the key.
_SKIPPED_LABELS: Final = ("EC PARAMETERS", "SM2 PARAMETERS")
_CURVES: Final = {"sm2-sm3": asn1.OID_CURVE_SM2, "ecdsa-p256-sha256": asn1.OID_CURVE_P256}
_CURVE_ALGORITHMS: Final = {oid: name for name, oid in _CURVES.items()}
#: Cipher, its name for :mod:`govchain.crypto.symmetric`, and its key length in bytes.
_CIPHERS: Final = {asn1.OID_SM4_CBC: ("sm4", 16), asn1.OID_AES128_CBC: ("aes", 16), asn1.OID_AES256_CBC: ("aes", 32)}
_NULL: Final = b"\x05\x00"


def encode_key_file(
    key: SigningKey,
    passphrase: bytes,
    *,
    salt: bytes,
    initial_value: bytes,
    iterations: int = DEFAULT_ITERATIONS,
    openssl: bool = False,
) -> bytes:
    """``key`` as an encrypted PEM file; with ``openssl`` under HMAC-SHA-256 and AES-256-CBC, which OpenSSL opens.

    ``salt`` (8 to 64 random bytes, 16 by custom) and ``initial_value`` (16 random bytes) are used for this file only.

    Raises:
        UsageError: ``USAGE`` for a salt, an initial value or a number of iterations outside its bounds.
    """
    if not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
        raise UsageError(Code.USAGE, reason=f"PBKDF2 iterations are {ITERATIONS_MIN} to {ITERATIONS_MAX}")
    if len(salt) not in _SALT_BYTES_READ:
        raise UsageError(Code.USAGE, reason="a key file's salt has 8 to 64 bytes")
    prf_oid, cipher_oid = (
        (asn1.OID_HMAC_SHA256, asn1.OID_AES256_CBC) if openssl else (asn1.OID_HMAC_SM3, asn1.OID_SM4_CBC)
    )
    cipher, key_bytes = _CIPHERS[cipher_oid]
    derived = _Scheme(salt, iterations, prf_oid, cipher, key_bytes, initial_value).derive(passphrase)
    encrypted = cbc_encrypt(cipher, derived, initial_value, _encode_pkcs8(key))
    prf = asn1.AlgorithmIdentifier({"algorithm": prf_oid, "parameters": core.Null()})
    derivation = asn1.Pbkdf2Parameters({"salt": salt, "iterations": iterations, "key_length": key_bytes, "prf": prf})
    parameters = asn1.Pbes2Parameters(
        {
            "key_derivation": {"algorithm": asn1.OID_PBKDF2, "parameters": derivation},
            "encryption": {"algorithm": cipher_oid, "parameters": core.OctetString(initial_value)},
        }
    )
    info = asn1.EncryptedPrivateKeyInfo(
        {
            "encryption_algorithm": {"algorithm": asn1.OID_PBES2, "parameters": parameters},
            "encrypted_data": encrypted,
        }
    )
    return _encode_pem(PEM_LABEL, info.dump())


def decode_key_file(data: bytes, passphrase: bytes) -> SigningKey:
    """The key in an encrypted PEM file: ours, or PBES2 with HMAC-SHA-256 and AES-CBC as OpenSSL writes it.

    Raises:
        DecodingError: ``KEY_FILE_INVALID`` with the reason; ``KEY_FILE_PASSPHRASE``.
    """
    label, der = _decode_pem(data)
    if label != PEM_LABEL:
        raise _invalid(f"it is not encrypted ({label}); import it first")
    scheme, encrypted = _decode_scheme(der)
    derived = scheme.derive(passphrase)
    try:
        info = asn1.load_strict(
            asn1.PrivateKeyInfo, cbc_decrypt(scheme.cipher, derived, scheme.initial_value, encrypted)
        )
    except (DecodingError, asn1.Asn1Error):
        raise DecodingError(Code.KEY_FILE_PASSPHRASE) from None
    return _decode_pkcs8(info)


def decode_plain_key(data: bytes) -> SigningKey:
    """The key in an unencrypted PEM file of another tool: PKCS#8, or EC and RSA in OpenSSL's older forms.

    Raises:
        DecodingError: ``KEY_FILE_INVALID`` with the reason.
    """
    label, der = _decode_pem(data)
    try:
        if label == "PRIVATE KEY":
            return _decode_pkcs8(asn1.load_strict(asn1.PrivateKeyInfo, der))
        if label in ("EC PRIVATE KEY", "SM2 PRIVATE KEY"):
            return _decode_ec(asn1.load_strict(asn1.EcPrivateKey, der), None)
        if label == "RSA PRIVATE KEY":
            info = asn1.PrivateKeyInfo(
                {"version": 0, "algorithm": _identifier(asn1.OID_RSA), "private_key": core.OctetString(der)}
            )
            return _signing_key("rsa-pss-sha256", info.dump())
    except asn1.Asn1Error as error:
        raise _invalid(f"not a private key in DER: {error}") from None
    raise _invalid("it is encrypted; it needs its passphrase")


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How a file was encrypted."""

    salt: bytes
    iterations: int
    prf: str
    cipher: str
    key_bytes: int
    initial_value: bytes

    def derive(self, passphrase: bytes) -> bytes:
        """The file's key from a passphrase."""
        if self.prf == asn1.OID_HMAC_SM3:
            return native.pbkdf2_hmac_sm3(passphrase, self.salt, self.iterations, self.key_bytes)
        return hashlib.pbkdf2_hmac("sha256", passphrase, self.salt, self.iterations, self.key_bytes)


def _decode_scheme(der: bytes) -> tuple[_Scheme, bytes]:
    try:
        info = asn1.load_strict(asn1.EncryptedPrivateKeyInfo, der)
        pbes2 = asn1.load_strict(asn1.Pbes2Parameters, _parameters(info["encryption_algorithm"], asn1.OID_PBES2))
        derivation = asn1.load_strict(asn1.Pbkdf2Parameters, _parameters(pbes2["key_derivation"], asn1.OID_PBKDF2))
        cipher_oid = pbes2["encryption"]["algorithm"].dotted
        if cipher_oid not in _CIPHERS:
            raise _invalid(f"cipher {cipher_oid} is not supported")
        initial_value = asn1.load_strict(core.OctetString, _parameters(pbes2["encryption"], cipher_oid)).native
    except asn1.Asn1Error as error:
        raise _invalid(f"not an encrypted PKCS#8 key in DER: {error}") from None
    prf = derivation["prf"]
    prf_oid = prf["algorithm"].dotted if prf.native is not None else "hmacWithSHA1"
    if prf_oid not in (asn1.OID_HMAC_SM3, asn1.OID_HMAC_SHA256) or prf["parameters"].dump() not in (b"", _NULL):
        raise _invalid(f"pseudo-random function {prf_oid} is not allowed")
    cipher, key_bytes = _CIPHERS[cipher_oid]
    iterations, salt = derivation["iterations"].native, derivation["salt"].native
    if not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
        raise _invalid(f"{iterations} iterations; {ITERATIONS_MIN} to {ITERATIONS_MAX} are allowed")
    if len(salt) not in _SALT_BYTES_READ or len(initial_value) != BLOCK_BYTES:
        raise _invalid("salt or initial value of a wrong length")
    if derivation["key_length"].native not in (None, key_bytes):
        raise _invalid("the key length does not fit the cipher")
    return _Scheme(salt, iterations, prf_oid, cipher, key_bytes, initial_value), info["encrypted_data"].native


def _parameters(identifier: asn1.AlgorithmIdentifier, expected: str) -> bytes:
    """The DER of an identifier's parameters, where its algorithm is the one expected."""
    dotted = identifier["algorithm"].dotted
    if dotted != expected:
        raise _invalid(f"algorithm {dotted} where {expected} belongs")
    return bytes(identifier["parameters"].dump())


def _identifier(oid: str) -> asn1.AlgorithmIdentifier:
    return asn1.AlgorithmIdentifier({"algorithm": oid, "parameters": core.Null()})


def _encode_pkcs8(key: SigningKey) -> bytes:
    secret = key._open_secret()
    if key.algorithm == "rsa-pss-sha256":
        return secret
    if key.algorithm == "ed25519":
        identifier = asn1.AlgorithmIdentifier({"algorithm": asn1.OID_ED25519})
        private = core.OctetString(secret)
    else:
        curve = core.ObjectIdentifier(_CURVES[key.algorithm])
        identifier = asn1.AlgorithmIdentifier({"algorithm": asn1.OID_EC_PUBLIC_KEY, "parameters": curve})
        private = asn1.EcPrivateKey(
            {
                "version": 1,
                "private_key": secret,
                "curve": _CURVES[key.algorithm],
                "public_key": b"\x04" + key.public_key,
            }
        )
    info = asn1.PrivateKeyInfo({"version": 0, "algorithm": identifier, "private_key": private.dump()})
    return bytes(info.dump())


def _decode_pkcs8(info: asn1.PrivateKeyInfo) -> SigningKey:
    oid = info["algorithm"]["algorithm"].dotted
    parameters = info["algorithm"]["parameters"].dump()
    private = info["private_key"].native
    if info["version"].native not in (0, 1):
        raise _invalid("unknown version of PKCS#8")
    try:
        if oid == asn1.OID_EC_PUBLIC_KEY:
            curve = asn1.load_strict(core.ObjectIdentifier, parameters).dotted
            return _decode_ec(asn1.load_strict(asn1.EcPrivateKey, private), curve)
        if oid == asn1.OID_ED25519 and parameters == b"":
            key = _signing_key("ed25519", asn1.load_strict(core.OctetString, private).native)
            return _with_public(key, info["public_key"].native)
    except asn1.Asn1Error as error:
        raise _invalid(f"not a private key in DER: {error}") from None
    if oid == asn1.OID_RSA:
        bare = asn1.PrivateKeyInfo(
            {"version": 0, "algorithm": _identifier(oid), "private_key": core.OctetString(private)}
        )
        return _signing_key("rsa-pss-sha256", bare.dump())
    raise _invalid(f"key algorithm {oid} is not supported")


def _decode_ec(key: asn1.EcPrivateKey, curve: str | None) -> SigningKey:
    inner = key["curve"].native and key["curve"].dotted
    named = curve or inner
    if key["version"].native != 1 or named is None or (inner is not None and inner != named):
        raise _invalid("no named curve, or two different ones")
    if named not in _CURVE_ALGORITHMS:
        raise _invalid(f"curve {named} is not supported")
    signing = _signing_key(_CURVE_ALGORITHMS[named], key["private_key"].native)
    public = key["public_key"].native
    if public is not None and not public.startswith(b"\x04"):
        raise _invalid("the public key is compressed")
    return _with_public(signing, None if public is None else public[1:])


def _signing_key(algorithm: str, secret: bytes) -> SigningKey:
    try:
        return SigningKey(algorithm, secret)
    except DecodingError:
        raise _invalid(f"no usable {algorithm} private key") from None


def _with_public(key: SigningKey, public: bytes | None) -> SigningKey:
    if public is not None and public != key.public_key:
        raise _invalid("the public key in it belongs to another private key")
    return key


def _encode_pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode("ascii")


def _decode_pem(data: bytes) -> tuple[str, bytes]:
    """Label and contents of the one private key in PEM text; a block before it that names its curve is skipped."""
    if len(data) > KEY_FILE_BYTES_MAX:
        raise _invalid(f"more than {KEY_FILE_BYTES_MAX} bytes")
    try:
        lines = [line.strip() for line in data.decode("ascii").splitlines()]
        lines = [line for line in lines if line]
        for label in _SKIPPED_LABELS:
            if lines and lines[0] == f"-----BEGIN {label}-----":
                lines = lines[lines.index(f"-----END {label}-----") + 1 :]
        for label in (PEM_LABEL, *_PLAIN_LABELS):
            if lines and lines[0] == f"-----BEGIN {label}-----" and lines[-1] == f"-----END {label}-----":
                return label, base64.b64decode("".join(lines[1:-1]), validate=True)
    except (UnicodeDecodeError, ValueError, binascii.Error):
        raise _invalid("not PEM") from None
    raise _invalid("not the PEM of one private key")


def _invalid(reason: str) -> DecodingError:
    return DecodingError(Code.KEY_FILE_INVALID, reason=reason)
