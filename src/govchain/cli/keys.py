"""Public keys and signatures as people hand them over: hex, raw, DER, PEM, or one of our key files.

Not here: the forms themselves (``crypto``), private keys (``signers``).
"""

from __future__ import annotations

import base64
import binascii
import os
import string
from pathlib import Path

from govchain.cli.reading import read_small
from govchain.cli.session import t
from govchain.crypto import decode_public_key, get_algorithm
from govchain.crypto.sm2 import decode_signature_der
from govchain.model import Code, DecodingError, UsageError

__all__ = ["encode_public_pem", "read_public_key", "read_signature"]

_FILE_BYTES_MAX = 65_536
#: Algorithms whose signature is r‖s, and DER ``SEQUENCE { r, s }`` in other tools.
_PAIRS = frozenset({"sm2-sm3", "ecdsa-p256-sha256"})
_PAIR_BYTES = 64


def read_public_key(text: str, keys_path: Path | None, algorithm: str) -> tuple[str, bytes]:
    """Algorithm and key from hex (of ``algorithm``), a PEM or DER public key file, or the name or path of a key file.

    Raises:
        DecodingError: the key's code. UsageError: nothing of the kind.
    """
    raw = _from_hex(text)
    if raw is not None:
        code = get_algorithm(algorithm).check_public_key(raw)
        if code is not Code.OK:
            raise DecodingError(code, algorithm=algorithm)
        return algorithm, raw
    inside = None if keys_path is None else keys_path / f"{text}.pem"
    path = inside if inside is not None and "/" not in text and inside.exists() else Path(text)
    if not path.exists() and ":" not in text:
        raise UsageError(Code.USAGE, reason=t("key.no_such", name=text))
    data = read_small(path, _FILE_BYTES_MAX) if path.exists() else b""
    if b"PRIVATE KEY" in data or ":" in text:
        from govchain.cli.opening import open_key  # noqa: PLC0415 - only for private key files

        signer = open_key(text, keys_path, quiet=True)
        try:
            return signer.algorithm, signer.public_key
        finally:
            signer.close()
    return decode_public_key(_from_pem(data))


def read_signature(text: str, algorithm: str) -> bytes:
    """A signature in the algorithm's own form, from hex or a file that holds it raw, in hex, base64 or DER.

    Raises:
        DecodingError: ``SIGNATURE_DER`` for what looks like DER and is not strict, ``SIGNATURE_LENGTH`` for hex that
        is cut. UnavailableError: ``FILE_UNREADABLE``.
    """
    raw = _from_hex(text)
    if raw is None and not os.path.lexists(text):
        raw = _short_signature(text)
    if raw is None:
        data = read_small(Path(text), _FILE_BYTES_MAX)
        raw = data
        words = data.strip()
        if words.isascii():
            raw = _from_hex(words.decode()) or _from_base64(words) or data
    if algorithm in _PAIRS and len(raw) != _PAIR_BYTES and raw[:1] == b"\x30":
        return decode_signature_der(raw)
    return raw


def encode_public_pem(algorithm: str, key: bytes) -> str:
    """The key as PEM SubjectPublicKeyInfo, as other tools read it."""
    text = base64.b64encode(get_algorithm(algorithm).encode_spki(key)).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def _from_hex(text: str) -> bytes | None:
    compact = text.strip()
    try:
        return bytes.fromhex(compact) if len(compact) >= 64 and compact.isalnum() else None
    except ValueError:
        return None


def _short_signature(text: str) -> bytes | None:
    """Hex or base64 DER on the command line, however short; None for what can only be meant as a file's name."""
    compact = text.strip()
    if compact and not set(compact) - set(string.hexdigits):
        if len(compact) % 2:
            raise DecodingError(Code.SIGNATURE_LENGTH)
        return bytes.fromhex(compact)
    der = _from_base64(compact.encode()) if compact.isascii() else None
    return der if der is not None and der[:1] == b"\x30" else None


def _from_base64(words: bytes) -> bytes | None:
    try:
        return base64.b64decode(words, validate=True)
    except binascii.Error:
        return None


def _from_pem(data: bytes) -> bytes:
    begin, end = b"-----BEGIN PUBLIC KEY-----", b"-----END PUBLIC KEY-----"
    if begin not in data:
        return data
    inside = data.split(begin, 1)[1].split(end, 1)[0]
    try:
        return base64.b64decode(b"".join(inside.split()), validate=True)
    except binascii.Error:
        raise DecodingError(Code.KEY_MALFORMED, reason="PEM") from None
