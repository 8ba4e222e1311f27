"""Identifiers and their checks: chain ids, addresses, digests, 统一社会信用代码 (GB 32100).

Purpose: one validator per identifier; each raises or answers a reason, never guesses.
Not here: deriving addresses and key ids, which needs a digest (``crypto``).
"""

from __future__ import annotations

__all__ = [
    "ADDRESS_BYTES",
    "DIGEST_BYTES",
    "check_chain_id",
    "check_credit_code",
    "credit_code_check_digit",
    "is_hex",
    "is_hex_text",
]

#: Bytes of an account address.
ADDRESS_BYTES = 20
#: Bytes of every digest, key id, transaction id and block identity.
DIGEST_BYTES = 32

_CHAIN_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_HEX = frozenset("0123456789abcdef")

#: Characters of a unified social credit code; the index is the value (GB 32100: no I, O, S, V, Z).
_CREDIT_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


def is_hex(text: str, length: int) -> bool:
    """Whether ``text`` is exactly ``length`` lower-case hexadecimal digits."""
    return len(text) == length and _HEX.issuperset(text)


def is_hex_text(text: str) -> bool:
    """Whether ``text`` is lower-case hexadecimal of whole bytes; quick on long texts."""
    try:
        return bytes.fromhex(text).hex() == text
    except ValueError:
        return False


def check_chain_id(text: str) -> str:
    """The reason why ``text`` is no chain id (``[a-z0-9-]{3,32}``), or an empty string."""
    if not 3 <= len(text) <= 32:
        return "length"
    if not _CHAIN_CHARACTERS.issuperset(text):
        return "characters"
    return ""


def credit_code_check_digit(first: str) -> str:
    """The 18th character for the first 17 of a 统一社会信用代码 (GB 32100, modulus 31).

    >>> credit_code_check_digit("91110000600037341")
    'L'
    """
    total = sum(_CREDIT_CHARACTERS.index(c) * w for c, w in zip(first, _CREDIT_WEIGHTS, strict=True))
    return _CREDIT_CHARACTERS[(31 - total % 31) % 31]


def check_credit_code(text: str) -> str:
    """The reason why ``text`` is no 统一社会信用代码, or an empty string.

    Reasons: ``length``, ``characters``, ``region`` (places 3 to 8 must be digits), ``check digit X`` with the digit
    that would be right.
    """
    if len(text) != 18:
        return "length"
    if any(c not in _CREDIT_CHARACTERS for c in text):
        return "characters"
    if any(c not in "0123456789" for c in text[2:8]):
        return "region"
    expected = credit_code_check_digit(text[:17])
    if text[17] != expected:
        return f"check digit {expected}"
    return ""
