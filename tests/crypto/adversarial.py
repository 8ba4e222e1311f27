"""SM2 keys, messages and signatures at the edges, each with its name and the code it must get; by ``plain_sm2``."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from govchain.model.codes import Code
from tests.crypto import plain_sm2 as plain
from tests.crypto.support import raw

OK, RANGE, INVALID, LENGTH = Code.OK, Code.SIGNATURE_RANGE, Code.SIGNATURE_INVALID, Code.SIGNATURE_LENGTH
MALFORMED, OFF_CURVE = Code.KEY_MALFORMED, Code.KEY_NOT_ON_CURVE
ALL_ONES = 2**256 - 1


@dataclass(frozen=True)
class Case:
    name: str
    key: bytes
    message: bytes
    signature: bytes
    code: Code


def cases(generator: random.Random) -> Iterator[Case]:
    """One round of every kind, over a fresh key and message."""
    secret = generator.randrange(1, plain.N - 1)
    point = plain.multiply(secret)
    key = plain.encode_point(point)
    message = generator.randbytes(generator.randrange(0, 200))
    signed = plain.sign(secret, message, generator.randrange(1, plain.N))
    assert signed is not None
    r, s = signed
    good = raw(r, s)

    def with_signature(name: str, signature: bytes, code: Code) -> Case:
        return Case(name, key, message, signature, code)

    yield with_signature("valid", good, OK)
    yield from (
        with_signature(name, raw(*numbers), RANGE)
        for name, numbers in {
            "r zero": (0, s),
            "s zero": (r, 0),
            "both zero": (0, 0),
            "r is n": (plain.N, s),
            "s is n": (r, plain.N),
            "r above n": (plain.N + 1, s),
            "s above n": (r, plain.N + 1),
            "r all ones": (ALL_ONES, s),
            "s all ones": (r, ALL_ONES),
            "r and s swapped into n": (plain.N, plain.N),
            "r + s = n by s": (r, plain.N - r),
            "r + s = n by r": (plain.N - s, s),
            "r is p": (plain.P, s),
        }.items()
    )
    if r + plain.N < 2**256:
        yield with_signature("r plus n", raw(r + plain.N, s), RANGE)
    yield from (
        with_signature(name, raw(*numbers), INVALID)
        for name, numbers in {
            "s negated": (r, plain.N - s),
            "r negated": (plain.N - r, s),
            "swapped": (s, r),
            "r one up": (r % (plain.N - 1) + 1, s),
            "s one up": (r, s % (plain.N - 1) + 1),
            "r is 1": (1, s),
            "r is n - 1": (plain.N - 1, s),
            "s is 1": (r, 1),
            "s is n - 1": (r, plain.N - 1),
            "both 1": (1, 1),
            "both n - 1": (plain.N - 1, plain.N - 1),
        }.items()
        if sum(numbers) != plain.N
    )
    # sG + tP is the point at infinity: t = -s / d, r = t - s.
    t = -s * pow(secret, -1, plain.N) % plain.N
    if (t - s) % plain.N:
        yield with_signature("s G + t P at infinity", raw((t - s) % plain.N, s), INVALID)
    # s G = t P: the addition formula meets two equal points.
    t = s * pow(secret, -1, plain.N) % plain.N
    if (t - s) % plain.N:
        yield with_signature("s G equals t P", raw((t - s) % plain.N, s), INVALID)
    yield with_signature("63 bytes", good[:-1], LENGTH)
    yield with_signature("65 bytes", good + b"\0", LENGTH)
    yield with_signature("empty signature", b"", LENGTH)
    bit = generator.randrange(512)
    flipped = bytearray(good)
    flipped[bit // 8] ^= 1 << bit % 8
    flipped_r, flipped_s = plain.decode_point(bytes(flipped))
    in_range = 0 < flipped_r < plain.N and 0 < flipped_s < plain.N and flipped_r + flipped_s != plain.N
    yield with_signature("one bit flipped", bytes(flipped), INVALID if in_range else RANGE)

    x, y = point or (0, 0)
    yield Case("changed message", key, message + b"\0", good, INVALID)
    yield Case("negated key", plain.encode_point(plain.negate(point)), message, good, INVALID)
    yield Case("base point as key", plain.encode_point(plain.G), message, good, INVALID)
    other_id = plain.sign(secret, message, generator.randrange(1, plain.N), b"someone else")
    assert other_id is not None
    yield Case("signed under another ID", key, message, raw(*other_id), INVALID)
    empty_id = plain.sign(secret, message, generator.randrange(1, plain.N), b"")
    assert empty_id is not None
    yield Case("signed under the empty ID", key, message, raw(*empty_id), INVALID)

    yield Case("key off the curve by x", raw(x ^ 1, y), message, good, _key_code(x ^ 1, y))
    yield Case("key off the curve by y", raw(x, y ^ 1), message, good, _key_code(x, y ^ 1))
    yield Case("key coordinates swapped", raw(y, x), message, good, _key_code(y, x))
    yield Case("infinity as zeros", bytes(64), message, good, OFF_CURVE)
    yield Case("x is p", raw(plain.P, y), message, good, MALFORMED)
    yield Case("y is p", raw(x, plain.P), message, good, MALFORMED)
    yield Case("y plus p", raw(x, min(y + plain.P, ALL_ONES)), message, good, MALFORMED)
    yield Case("key all ones", raw(ALL_ONES, ALL_ONES), message, good, MALFORMED)
    yield Case("key with its 04", b"\x04" + key, message, good, MALFORMED)
    yield Case("key cut off", key[:-1], message, good, MALFORMED)
    yield Case("empty key", b"", message, good, MALFORMED)
    yield Case("bad key and bad length", raw(x, y ^ 1), message, b"", _key_code(x, y ^ 1))
    yield Case("bad key and r zero", raw(plain.P, y), message, raw(0, s), MALFORMED)
    yield Case("twist point as key", _twist_key(generator), message, good, OFF_CURVE)


def _key_code(x: int, y: int) -> Code:
    if x >= plain.P or y >= plain.P:
        return MALFORMED
    return INVALID if plain.on_curve((x, y)) else OFF_CURVE


def _twist_key(generator: random.Random) -> bytes:
    """An x without a point on the curve (it has one on its twist), with some y."""
    while True:
        x = generator.randrange(plain.P)
        if plain.lift_x(x) is None:
            return raw(x, generator.randrange(plain.P))
