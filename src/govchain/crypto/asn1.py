"""The ASN.1 structures of key files (RFC 5208, RFC 5915, RFC 8018), for asn1crypto, and a strict loader for them.

asn1crypto reads BER and parses lazily; :func:`load_strict` therefore parses everything at once and accepts only what
re-encodes to the same bytes. Not here: what the values mean (:mod:`govchain.crypto.keyfile`).
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from asn1crypto import core

__all__ = [
    "OID_AES128_CBC",
    "OID_AES256_CBC",
    "OID_CURVE_P256",
    "OID_CURVE_SM2",
    "OID_EC_PUBLIC_KEY",
    "OID_ED25519",
    "OID_HMAC_SHA256",
    "OID_HMAC_SM3",
    "OID_PBES2",
    "OID_PBKDF2",
    "OID_RSA",
    "OID_SM4_CBC",
    "AlgorithmIdentifier",
    "Asn1Error",
    "EcPrivateKey",
    "EncryptedPrivateKeyInfo",
    "Pbes2Parameters",
    "Pbkdf2Parameters",
    "PrivateKeyInfo",
    "load_strict",
]

#: PBES2 and PBKDF2 (RFC 8018).
OID_PBES2: Final = "1.2.840.113549.1.5.13"
OID_PBKDF2: Final = "1.2.840.113549.1.5.12"
#: Pseudo-random functions: HMAC-SM3 (GM/T 0091 annex; the form in use), HMAC-SHA-256 (RFC 8018).
OID_HMAC_SM3: Final = "1.2.156.10197.1.401.2"
OID_HMAC_SHA256: Final = "1.2.840.113549.2.9"
#: Ciphers.
OID_SM4_CBC: Final = "1.2.156.10197.1.104.2"
OID_AES128_CBC: Final = "2.16.840.1.101.3.4.1.2"
OID_AES256_CBC: Final = "2.16.840.1.101.3.4.1.42"
#: Kinds of keys and their curves.
OID_EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
OID_CURVE_SM2: Final = "1.2.156.10197.1.301"
OID_CURVE_P256: Final = "1.2.840.10045.3.1.7"
OID_ED25519: Final = "1.3.101.112"
OID_RSA: Final = "1.2.840.113549.1.1.1"


class Asn1Error(Exception):
    """The bytes are not strict DER of the structure asked for."""


class AlgorithmIdentifier(core.Sequence):  # type: ignore[misc]
    """An object identifier with parameters of its own kind."""

    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]  # noqa: RUF012


class EncryptedPrivateKeyInfo(core.Sequence):  # type: ignore[misc]
    """RFC 5208 6."""

    _fields = [("encryption_algorithm", AlgorithmIdentifier), ("encrypted_data", core.OctetString)]  # noqa: RUF012


class Pbes2Parameters(core.Sequence):  # type: ignore[misc]
    """RFC 8018 A.4."""

    _fields = [("key_derivation", AlgorithmIdentifier), ("encryption", AlgorithmIdentifier)]  # noqa: RUF012


class Pbkdf2Parameters(core.Sequence):  # type: ignore[misc]
    """RFC 8018 A.2, with the salt given as such. A missing ``prf`` means HMAC-SHA-1, which we refuse."""

    _fields = [  # noqa: RUF012
        ("salt", core.OctetString),
        ("iterations", core.Integer),
        ("key_length", core.Integer, {"optional": True}),
        ("prf", AlgorithmIdentifier, {"optional": True}),
    ]


class _Attributes(core.SetOf):  # type: ignore[misc]
    _child_spec = core.Any


class PrivateKeyInfo(core.Sequence):  # type: ignore[misc]
    """RFC 5208 5, with the public key that RFC 5958 adds."""

    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("algorithm", AlgorithmIdentifier),
        ("private_key", core.OctetString),
        ("attributes", _Attributes, {"implicit": 0, "optional": True}),
        ("public_key", core.OctetBitString, {"implicit": 1, "optional": True}),
    ]


class EcPrivateKey(core.Sequence):  # type: ignore[misc]
    """RFC 5915 3, with a named curve."""

    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("private_key", core.OctetString),
        ("curve", core.ObjectIdentifier, {"explicit": 0, "optional": True}),
        ("public_key", core.OctetBitString, {"explicit": 1, "optional": True}),
    ]


T = TypeVar("T", bound=core.Asn1Value)


def load_strict(structure: type[T], der: bytes) -> T:
    """``der`` as ``structure``, parsed to its last member.

    Raises:
        Asn1Error: where it is not exactly the DER of that structure.
    """
    try:
        value: Any = structure.load(der, strict=True)
        _ = value.native
        same = value.dump(force=True) == der
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise Asn1Error(str(error).split("\n", 1)[0]) from None
    if not same:
        raise Asn1Error("not the distinguished encoding")
    return value  # type: ignore[no-any-return]
