"""Envelopes: the one form, and everything near it refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import govchain_native as native

BODY = b'{"type":"evidence.record"}'
LIMITS = (1 << 20, 8, 4)


def encode(version: int, body: bytes, signatures: list[bytes]) -> bytes:
    """A second encoder, from the MessagePack specification."""

    def binary(data: bytes) -> bytes:
        for tag, width in ((0xC4, 1), (0xC5, 2), (0xC6, 4)):
            if len(data) < 1 << 8 * width:
                return bytes([tag]) + len(data).to_bytes(width, "big") + data
        raise AssertionError

    count = len(signatures)
    header = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return bytes([0x93, version]) + binary(body) + header + b"".join(map(binary, signatures))


def opened(*envelopes: bytes, algorithm: str = "sm3") -> list[tuple[int, bytes, bytes, bytes, tuple[bytes, ...]]]:
    return native.open_envelopes(algorithm, list(envelopes), *LIMITS)  # type: ignore[arg-type]


def code(envelope: bytes) -> int:
    return opened(envelope)[0][0]


@pytest.mark.parametrize("algorithm", ["sm3", "sha256"])
def test_open(algorithm: str) -> None:
    digest = native.sm3 if algorithm == "sm3" else native.sha256
    envelopes = [native.seal_envelope(1, BODY, [bytes(64)] * count) for count in (1, 2, 4)]
    for count, envelope, result in zip((1, 2, 4), envelopes, opened(*envelopes, algorithm=algorithm), strict=True):
        assert result == (0, digest(BODY), digest(envelope), BODY, (bytes(64),) * count)
    assert opened() == []


def test_codes() -> None:
    good = native.seal_envelope(1, BODY, [b"s"])
    assert code(good) == 0
    assert code(native.seal_envelope(2, BODY, [b"s"])) == native.ENVELOPE_VERSION
    assert code(native.seal_envelope(2, BODY, [])) == native.ENVELOPE_VERSION
    assert code(native.seal_envelope(1, BODY, [])) == native.ENVELOPE_SIGNATURES
    assert code(native.seal_envelope(1, BODY, [b"s"] * 5)) == native.ENVELOPE_SIGNATURES
    assert code(native.seal_envelope(1, b"[]", [b"s"] * 5)) == native.ENVELOPE_SIGNATURES
    assert code(native.seal_envelope(1, b"[]", [b"s"])) == native.JSON_NOT_OBJECT
    assert code(native.seal_envelope(1, b"", [b"s"])) == native.JSON_SYNTAX
    too_large = native.seal_envelope(1, b"{" + b" " * (1 << 20) + b"}", [b"s"])
    assert code(too_large) == native.JSON_TOO_LARGE
    shape = opened(b"junk")[0]
    assert shape == (native.ENVELOPE_SHAPE, b"", native.sm3(b"junk"), b"", ())
    # Where the shape is good, the parts are given whatever the code.
    bad = native.seal_envelope(1, b"{}}", [b"s"])
    assert opened(bad)[0] == (native.JSON_TRAILING, native.sm3(b"{}}"), native.sm3(bad), b"{}}", (b"s",))


def test_other_forms_are_refused() -> None:
    good = encode(1, BODY, [b"s"])
    assert code(good) == 0
    short = good[: good.index(BODY)]
    rest = good[good.index(BODY) + len(BODY) :]
    size = len(BODY)
    for bad in (
        b"",
        good[:-1],
        good + b"\x00",
        good + good,
        b"\xdc\x00\x03" + good[1:],
        b"\xdd\x00\x00\x00\x03" + good[1:],
        b"\x92" + good[1:],
        b"\x94" + good[1:] + b"\xc0",
        good[:1] + b"\xcc\x01" + good[2:],
        good[:1] + b"\xd0\x01" + good[2:],
        good[:1] + b"\xff" + good[2:],
        good[:1] + b"\xc3" + good[2:],
        good[:2] + b"\xc5" + size.to_bytes(2, "big") + BODY + rest,
        good[:2] + b"\xc6" + size.to_bytes(4, "big") + BODY + rest,
        good[:2] + b"\xd9" + size.to_bytes(1, "big") + BODY + rest,
        good[:2] + b"\xa1x" + rest,
        short + BODY + b"\xdc\x00\x01\xc4\x01s",
        short + BODY + b"\xdd\x00\x00\x00\x01\xc4\x01s",
        short + BODY + b"\x91\xa1s",
        short + BODY + b"\x91\xc5\x00\x01s",
        short + BODY + b"\x91\xc0",
        short + BODY + b"\xdc\xff\xff",
        b"\x93\x01\xc6\xff\xff\xff\xff",
        b"\x83\x01\x02\x03\x04\x05\x06",
    ):
        assert code(bad) == native.ENVELOPE_SHAPE, bad


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 127), st.binary(max_size=400), st.lists(st.binary(max_size=300), max_size=20))
def test_seal_is_the_canonical_encoder(version: int, body: bytes, signatures: list[bytes]) -> None:
    sealed = native.seal_envelope(version, body, signatures)
    assert sealed == encode(version, body, signatures)
    result = native.open_envelopes("sm3", [sealed], 1 << 20, 8, 100)[0]
    assert result[1:] == (native.sm3(body), native.sm3(sealed), body, tuple(signatures))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=12), st.integers(0, 40), st.integers(0, 3))
def test_whatever_opens_seals_to_the_same_bytes(noise: bytes, at: int, cut: int) -> None:
    envelope = native.seal_envelope(1, BODY, [b"first", b"second"])
    changed = envelope[:at] + noise + envelope[at + cut :]
    for data in (noise, changed):
        result = native.open_envelopes("sm3", [data], 1 << 20, 8, 100)[0]
        if result[0] != native.ENVELOPE_SHAPE:
            assert native.seal_envelope(data[1], result[3], list(result[4])) == data


def test_large_and_many() -> None:
    for length in (255, 256, 65_535, 65_536, 1_000_000):
        body = b"{" + b" " * (length - 2) + b"}"
        sealed = native.seal_envelope(1, body, [b"s"])
        assert sealed == encode(1, body, [b"s"])
        assert code(sealed) == 0
    many = native.seal_envelope(1, BODY, [b"s"] * 65_535)
    assert native.open_envelopes("sm3", [many], 1 << 20, 8, 65_535)[0][0] == 0
    for call in (
        lambda: native.seal_envelope(1, BODY, [b"s"] * 65_536),
        lambda: native.seal_envelope(128, BODY, []),
        lambda: native.seal_envelope(-1, BODY, []),
    ):
        with pytest.raises(ValueError):
            call()
