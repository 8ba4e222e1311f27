"""SM2 forms (GB/T 32918, GM/T 0009): signatures raw and DER, ciphertexts raw and ASN.1, with the native kernels below.

Purpose: the edges where SM2 meets other systems. A ledger signature is raw r‖s (64 bytes); X.509, CMS and OpenSSL use
DER. A ciphertext of ours is ``04 ‖ x ‖ y ‖ C3 ‖ C2``; others send it as SM2Cipher, without the leading 04, or in the
order of 2010 (C1‖C2‖C3). Rules: one form is emitted; the 2010 order is read only where the caller says so, because
nothing in the bytes tells the two apart; what fails to open never says why. Signing nonces come from inside the
native library; the arithmetic on private keys there is constant-time.
Not here: the algorithm port (:mod:`govchain.crypto.gm`), certificates (``pki``), key agreement (not yet offered).
"""

from __future__ import annotations

from typing import Final, Literal

import govchain_native as native
from govchain.crypto import der
from govchain.crypto.port import DEFAULT_SM2_ID
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError, VerificationError

__all__ = [
    "DEFAULT_SM2_ID",
    "PLAINTEXT_BYTES_MAX",
    "SIGNER_ID_BYTES_MAX",
    "CiphertextOrder",
    "check_signature",
    "check_signature_der",
    "decode_ciphertext_der",
    "decode_signature_der",
    "decrypt",
    "encode_ciphertext_der",
    "encode_signature_der",
    "encrypt",
    "normalise_ciphertext",
    "sign",
    "sign_der",
    "verify_signature",
    "verify_signature_der",
]

#: Order of the parts of a raw ciphertext: GM/T 0003-2012, or the draft of 2010.
CiphertextOrder = Literal["c1c3c2", "c1c2c3"]

#: ENTL counts bits in 16 bits, so that an ID has at most this many bytes.
SIGNER_ID_BYTES_MAX: Final = 8191
#: SM2 encryption carries keys and short secrets; longer data is sealed with SM4 (:mod:`govchain.crypto.symmetric`).
PLAINTEXT_BYTES_MAX: Final = 1024 * 1024

_KEY_BYTES: Final = 64
_POINT: Final = b"\x04"
_SIGNATURE_BYTES: Final = 64
_C1_END: Final = 65
_C3_BYTES: Final = 32
_SM2_NAME: Final = "sm2-sm3"

_KEY_CODES: Final = {
    native.SM2_OK: Code.OK,
    native.SM2_KEY_RANGE: Code.KEY_MALFORMED,
    native.SM2_KEY_NOT_ON_CURVE: Code.KEY_NOT_ON_CURVE,
}
_SIGNATURE_CODES: Final = {
    native.SM2_OK: Code.OK,
    native.SM2_KEY_RANGE: Code.KEY_MALFORMED,
    native.SM2_KEY_NOT_ON_CURVE: Code.KEY_NOT_ON_CURVE,
    native.SM2_SIGNATURE_LENGTH: Code.SIGNATURE_LENGTH,
    native.SM2_R_RANGE: Code.SIGNATURE_RANGE,
    native.SM2_S_RANGE: Code.SIGNATURE_RANGE,
    native.SM2_T_ZERO: Code.SIGNATURE_RANGE,
    native.SM2_MISMATCH: Code.SIGNATURE_INVALID,
}


def check_public_key(key: bytes) -> Code:
    """``OK``, ``KEY_MALFORMED`` (not 64 bytes, a coordinate not below p) or ``KEY_NOT_ON_CURVE``.

    The point at infinity has no coordinates; 64 zero bytes are no point of the curve.
    """
    return _KEY_CODES[native.sm2_check_public(key)] if len(key) == _KEY_BYTES else Code.KEY_MALFORMED


def signature_code(status: int, key: bytes) -> Code:
    """Our code for a native verification status; where the key is bad too, its lower code is the answer."""
    code = _SIGNATURE_CODES[status]
    if code is Code.OK or code < Code.SIGNATURE_LENGTH:
        return code
    return check_public_key(key) or code


def check_signature(key: bytes, message: bytes, signature: bytes, *, signer_id: bytes = DEFAULT_SM2_ID) -> Code:
    """Check raw r‖s over ``message`` under the 64-byte ``key`` (GB/T 32918.2 7.1, after its range checks)."""
    if len(key) != _KEY_BYTES:
        return Code.KEY_MALFORMED
    return signature_code(native.sm2_verify(key, message, signature, _checked_id(signer_id)), key)


def check_signature_der(key: bytes, message: bytes, signature: bytes, *, signer_id: bytes = DEFAULT_SM2_ID) -> Code:
    """As :func:`check_signature` for a DER SM2Signature; ``SIGNATURE_DER`` where it is not strict DER."""
    try:
        raw = decode_signature_der(signature)
    except DecodingError as error:
        return check_public_key(key) or error.code
    return check_signature(key, message, raw, signer_id=signer_id)


def verify_signature(key: bytes, message: bytes, signature: bytes, *, signer_id: bytes = DEFAULT_SM2_ID) -> None:
    """Return only if raw ``signature`` holds.

    Raises:
        VerificationError: with the code of :func:`check_signature`.
    """
    _raise_unless_ok(check_signature(key, message, signature, signer_id=signer_id))


def verify_signature_der(key: bytes, message: bytes, signature: bytes, *, signer_id: bytes = DEFAULT_SM2_ID) -> None:
    """Return only if DER ``signature`` holds.

    Raises:
        VerificationError: with the code of :func:`check_signature_der`.
    """
    _raise_unless_ok(check_signature_der(key, message, signature, signer_id=signer_id))


def sign(secret: bytes, key: bytes, message: bytes, *, signer_id: bytes = DEFAULT_SM2_ID) -> bytes:
    """Sign ``message``: raw r‖s, 64 bytes. ``key`` is the public key of the 32-byte ``secret``.

    Raises:
        DecodingError: ``KEY_MALFORMED`` for a secret outside [1, n - 2] or a key that is no point.
    """
    checked_secret(secret)
    if check_public_key(key) is not Code.OK:
        raise DecodingError(Code.KEY_MALFORMED, algorithm=_SM2_NAME)
    return native.sm2_sign(secret, key, message, _checked_id(signer_id))


def sign_der(secret: bytes, key: bytes, message: bytes, *, signer_id: bytes = DEFAULT_SM2_ID) -> bytes:
    """As :func:`sign`, but a DER SM2Signature, for X.509, CMS and OpenSSL."""
    return encode_signature_der(sign(secret, key, message, signer_id=signer_id))


def encode_signature_der(signature: bytes) -> bytes:
    """Raw r‖s as DER ``SEQUENCE { r INTEGER, s INTEGER }``.

    Raises:
        DecodingError: ``SIGNATURE_LENGTH`` unless it has 64 bytes.
    """
    if len(signature) != _SIGNATURE_BYTES:
        raise DecodingError(Code.SIGNATURE_LENGTH, algorithm=_SM2_NAME)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return der.encode_sequence(der.encode_integer(r), der.encode_integer(s))


def decode_signature_der(signature: bytes) -> bytes:
    """Strict DER SM2Signature as raw r‖s; ranges against n are checked with the signature, not here.

    Raises:
        DecodingError: ``SIGNATURE_DER`` with the defect as ``reason``.
    """
    try:
        body = der.read_sequence(signature)
        r, end = der.read_integer(body, 0, 32)
        s, end = der.read_integer(body, end, 32)
        if end != len(body):
            raise der.DerError("more than two members")
    except der.DerError as error:
        raise DecodingError(Code.SIGNATURE_DER, reason=str(error)) from None
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def encrypt(key: bytes, plaintext: bytes) -> bytes:
    """Encrypt to the 64-byte ``key``: ``04 ‖ x ‖ y ‖ C3 ‖ C2`` (GB/T 32918.4; C2 is as long as the plaintext).

    Raises:
        DecodingError: the key's code.
        UsageError: ``USAGE`` for an empty plaintext (the standard has none) or one above ``PLAINTEXT_BYTES_MAX``.
    """
    code = check_public_key(key)
    if code is not Code.OK:
        raise DecodingError(code, algorithm=_SM2_NAME)
    if not 0 < len(plaintext) <= PLAINTEXT_BYTES_MAX:
        raise UsageError(Code.USAGE, reason=f"SM2 encrypts 1 to {PLAINTEXT_BYTES_MAX} bytes, not {len(plaintext)}")
    return native.sm2_encrypt(key, plaintext)


def decrypt(secret: bytes, ciphertext: bytes, *, order: CiphertextOrder = "c1c3c2") -> bytes:
    """Open a raw ciphertext, with or without its leading 04; C3 is always compared.

    Raises:
        DecodingError: ``CIPHERTEXT_INVALID`` where it does not open, ``KEY_MALFORMED`` for a secret that is none.
    """
    checked_secret(secret)
    normal = normalise_ciphertext(ciphertext, order=order)
    try:
        return native.sm2_decrypt(secret, normal)
    except ValueError:
        raise DecodingError(Code.CIPHERTEXT_INVALID, reason="it does not open with this key") from None


def normalise_ciphertext(ciphertext: bytes, *, order: CiphertextOrder = "c1c3c2") -> bytes:
    """A raw ciphertext as ``04 ‖ x ‖ y ‖ C3 ‖ C2``: adds a missing 04, moves C3 where ``order`` is the one of 2010.

    Whether the 04 is there cannot be told from the first byte alone (x may start with 04): the point decides, since
    only one reading lies on the curve.

    Raises:
        DecodingError: ``CIPHERTEXT_INVALID`` for one that is too short, too long, compressed, or has no point.
    """
    if len(ciphertext) > _C1_END + _C3_BYTES + PLAINTEXT_BYTES_MAX:
        raise DecodingError(Code.CIPHERTEXT_INVALID, reason=f"more than {PLAINTEXT_BYTES_MAX} bytes of plaintext")
    for candidate in (ciphertext, _POINT + ciphertext):
        if (
            len(candidate) > _C1_END + _C3_BYTES
            and candidate.startswith(_POINT)
            and check_public_key(candidate[1:_C1_END]) is Code.OK
        ):
            break
    else:
        raise DecodingError(Code.CIPHERTEXT_INVALID, reason="no point of the curve at its start, or cut off")
    if order == "c1c3c2":
        return candidate
    c1, rest = candidate[:_C1_END], candidate[_C1_END:]
    return c1 + rest[-_C3_BYTES:] + rest[:-_C3_BYTES]


def encode_ciphertext_der(ciphertext: bytes) -> bytes:
    """A raw C1‖C3‖C2 ciphertext as DER SM2Cipher (GM/T 0009 7.2).

    Raises:
        DecodingError: ``CIPHERTEXT_INVALID``.
    """
    normal = normalise_ciphertext(ciphertext)
    x, y = int.from_bytes(normal[1:33], "big"), int.from_bytes(normal[33:_C1_END], "big")
    c3, c2 = normal[_C1_END : _C1_END + _C3_BYTES], normal[_C1_END + _C3_BYTES :]
    return der.encode_sequence(
        der.encode_integer(x), der.encode_integer(y), der.encode_octets(c3), der.encode_octets(c2)
    )


def decode_ciphertext_der(ciphertext: bytes) -> bytes:
    """Strict DER SM2Cipher as raw ``04 ‖ x ‖ y ‖ C3 ‖ C2``.

    Raises:
        DecodingError: ``CIPHERTEXT_INVALID`` with the defect as ``reason``.
    """
    try:
        body = der.read_sequence(ciphertext)
        x, end = der.read_integer(body, 0, 32)
        y, end = der.read_integer(body, end, 32)
        c3, end = der.read_octets(body, end)
        c2, end = der.read_octets(body, end)
        if end != len(body):
            raise der.DerError("more than four members")
        if len(c3) != _C3_BYTES:
            raise der.DerError("the digest has not 32 octets")
        if not c2:
            raise der.DerError("the cipher text is empty")
    except der.DerError as error:
        raise DecodingError(Code.CIPHERTEXT_INVALID, reason=str(error)) from None
    raw = _POINT + x.to_bytes(32, "big") + y.to_bytes(32, "big") + c3 + c2
    if check_public_key(raw[1:_C1_END]) is not Code.OK or len(c2) > PLAINTEXT_BYTES_MAX:
        raise DecodingError(Code.CIPHERTEXT_INVALID, reason="no point of the curve, or too long")
    return raw


def checked_secret(secret: bytes) -> bytes:
    """``secret`` itself when it is a private key in [1, n - 2].

    Raises:
        DecodingError: ``KEY_MALFORMED``.
    """
    if len(secret) != 32 or not native.sm2_check_private(secret):
        raise DecodingError(Code.KEY_MALFORMED, algorithm=_SM2_NAME)
    return secret


def _checked_id(signer_id: bytes) -> bytes:
    if len(signer_id) > SIGNER_ID_BYTES_MAX:
        raise UsageError(Code.USAGE, reason=f"an SM2 signer ID has at most {SIGNER_ID_BYTES_MAX} bytes")
    return signer_id


def _raise_unless_ok(code: Code) -> None:
    if code is not Code.OK:
        raise VerificationError(code, algorithm=_SM2_NAME)
