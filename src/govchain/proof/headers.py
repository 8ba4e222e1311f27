"""Block headers: strict bytes in, canonical bytes out, and the block's identity (docs/spec/block.md 5).

Not here: who signed a header (:mod:`govchain.proof.certificates`), how roots are made (``state``, ``ledger``).
"""

from __future__ import annotations

from govchain.crypto import Suite
from govchain.model import encode_struct
from govchain.model.wire import Header
from govchain.proof.exact import decode_exact

__all__ = ["HEADER_DOMAIN", "decode_header", "encode_header", "header_identity"]

#: Hash domain of a block identity.
HEADER_DOMAIN = "govchain/header/1"


def encode_header(header: Header) -> bytes:
    """The header's canonical JSON: what is hashed."""
    return encode_struct(header)


def decode_header(data: bytes) -> Header:
    """Read a header.

    Raises:
        DecodingError: anything but the canonical encoding of a header.
    """
    return decode_exact(data, Header)


def header_identity(suite: Suite, data: bytes) -> bytes:
    """The block identity of a header's bytes: 32 bytes, also the app hash (T/CESA 6002 02_002)."""
    return suite.tagged(HEADER_DOMAIN, data)
