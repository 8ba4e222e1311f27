"""Frozen values, result codes, the error tree, identifiers and wire schemas that every other room shares.

Purpose: one definition of each thing that travels or is stored. Rules: values are frozen, decoding is strict (a native
pre-scan, then typed structs that refuse unknown fields), and nothing here knows a clock, a file or a key.
Not here: hashing and signatures (``crypto``), trees (``merkle``), rules (``modules``).

Example:
    >>> from govchain.model import Code
    >>> int(Code.OK)
    0
"""

from govchain.model.canonical import decode_strict, encode_canonical, encode_struct
from govchain.model.codes import Code
from govchain.model.errors import (
    DecodingError,
    GovChainError,
    RefusedError,
    UnavailableError,
    UsageError,
    VerificationError,
)

__all__ = [
    "Code",
    "DecodingError",
    "GovChainError",
    "RefusedError",
    "UnavailableError",
    "UsageError",
    "VerificationError",
    "decode_strict",
    "encode_canonical",
    "encode_struct",
]
