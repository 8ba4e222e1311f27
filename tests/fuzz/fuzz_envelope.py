"""Envelopes: our own error, or bytes that the encoder gives back; the native decoder agrees with the plain one."""

import govchain_native as native
from govchain.model import DecodingError
from govchain.proof.transactions import decode_envelope, encode_envelope

SEEDS = [
    encode_envelope(b"{}", [b"\x01" * 64]),
    encode_envelope(b"x" * 300, [b"\x01" * 64, b"\x02" * 71]),
    encode_envelope(b"x", [bytes([n]) * 4 for n in range(17)]),
    b"\x93\x02\xc4\x01x\x91\xc4\x01y",
    b"\x93\x01\xc5\x00\x01x\x91\xc4\x01y",
    b"\xdc\x00\x03\x01\xc4\x01x\x91\xc4\x01y",
]


#: For the native decoder, limits beyond what a target's input can reach.
BODY_BYTES_MAX, DEPTH_MAX, SIGNATURES_MAX = 65_536, 16, 5_000


def one(data):
    ((status, *_),) = native.open_envelopes("sm3", [data], BODY_BYTES_MAX, DEPTH_MAX, SIGNATURES_MAX)
    refused_shape = status in (native.ENVELOPE_SHAPE, native.ENVELOPE_VERSION)
    try:
        body, signatures = decode_envelope(data)
    except DecodingError:
        assert status != 0, "the native decoder accepts what the plain one refuses"
        return
    assert encode_envelope(body, signatures) == data
    assert native.seal_envelope(1, body, list(signatures)) == data
    assert not refused_shape, "the native decoder refuses what the plain one accepts"
