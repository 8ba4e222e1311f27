#!/usr/bin/env python3
"""Checks a GovChain evidence package (.gcp) offline, with Python's standard library and nothing else.

    python3 verify_package.py FILE [--original PATH] [--trust GENESIS_OR_HEADER]... [--json]

A stranger's verifier: written from docs/spec/block.md and docs/spec/evidence-package.md, sharing no code with GovChain;
arithmetic, digests, trees and words are its own. It runs on Python 3.9 and later. It is one file by design, so that
an auditor can read it whole and carry it on a stick; that is why it is longer than the 500 lines of other files here.

Exit codes: 0 holds and trusted, 1 refused, 2 usage, 3 consistent but the issuer is not trusted, 4 holds and trusted but
withdrawn or superseded, 5 a file cannot be read.
"""

from __future__ import annotations

import argparse
import binascii
import hashlib
import json
import re
import struct
import sys
from typing import Any, Callable, Optional

Check = Callable[[Any], bool]
MAX = 2**53 - 1


class Refused(Exception):
    """The package does not hold: step number, member, reason."""


def need(condition: bool, step: int, member: str, reason: str) -> None:
    """Refuse unless ``condition``."""
    if not condition:
        raise Refused(step, member, reason)


# ---- Digests (GB/T 32905, FIPS 180-4) and framing (block.md 1) -------------------------------------------------------

IV = (0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E)


def rot(x: int, n: int) -> int:
    """Rotate 32 bits to the left."""
    return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF


TJ = [rot(0x79CC4519 if j < 16 else 0x7A879D8A, j % 32) if j % 32 else (0x79CC4519, 0x7A879D8A)[j > 15] for j in range(64)]


def sm3(data: bytes) -> bytes:
    """SM3, 32 bytes."""
    tail = b"\x80" + bytes((55 - len(data)) % 64) + (8 * len(data)).to_bytes(8, "big")
    state, whole = IV, data + tail
    for start in range(0, len(whole), 64):
        w = list(struct.unpack(">16I", whole[start : start + 64]))
        for j in range(16, 68):
            x = w[j - 16] ^ w[j - 9] ^ rot(w[j - 3], 15)
            w.append(x ^ rot(x, 15) ^ rot(x, 23) ^ rot(w[j - 13], 7) ^ w[j - 6])
        a, b, c, d, e, f, g, h = state
        for j in range(64):
            a12 = rot(a, 12)
            ss1 = rot((a12 + e + TJ[j]) & 0xFFFFFFFF, 7)
            ff, gg = (a ^ b ^ c, e ^ f ^ g) if j < 16 else ((a & b) | (a & c) | (b & c), (e & f) | (~e & g))
            tt1 = (ff + d + (ss1 ^ a12) + (w[j] ^ w[j + 4])) & 0xFFFFFFFF
            tt2 = (gg + h + ss1 + w[j]) & 0xFFFFFFFF
            a, b, c, d, e, f, g, h = tt1, a, rot(b, 9), c, tt2 ^ rot(tt2, 9) ^ rot(tt2, 17), e, rot(f, 19), g
        state = tuple(x ^ y for x, y in zip(state, (a, b, c, d, e, f, g, h)))  # type: ignore[assignment]  # noqa: B905
    return struct.pack(">8I", *state)


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def sm3_of_large(data: bytes) -> bytes:
    """SM3 of a large input: OpenSSL's where there is one and it is right, for speed only."""
    try:
        fast = hashlib.new("sm3")
    except ValueError:
        return sm3(data)
    fast.update(data[:1000])
    right = fast.digest() == sm3(data[:1000])
    fast.update(data[1000:])
    return fast.digest() if right else sm3(data)


def frame(domain: str, *parts: Any) -> bytes:
    """``u16 ‖ domain ‖ u32 ‖ part …``; integers are u64, text is UTF-8."""
    out = [struct.pack(">H", len(domain)), domain.encode()]
    for part in parts:
        data = part.to_bytes(8, "big") if isinstance(part, int) else part.encode() if isinstance(part, str) else part
        out += [struct.pack(">I", len(data)), data]
    return b"".join(out)


# ---- Signatures (block.md 1.2) ---------------------------------------------------------------------------------------


class Curve:
    """A short Weierstrass curve with a = p - 3 and points in Jacobian coordinates; (1, 1, 0) is infinity."""

    def __init__(self, p: int, b: int, n: int, x: int, y: int) -> None:
        self.p, self.b, self.n, self.g = p, b, n, (x, y, 1)

    def add(self, one: tuple[int, int, int], two: tuple[int, int, int]) -> tuple[int, int, int]:
        """The sum of two points."""
        p, (x1, y1, z1), (x2, y2, z2) = self.p, one, two
        if not z1 or not z2:
            return two if not z1 else one
        z11, z22 = z1 * z1 % p, z2 * z2 % p
        u, v = x1 * z22 % p, y1 * z22 * z2 % p
        h, r = (x2 * z11 - u) % p, (y2 * z11 * z1 - v) % p
        if not h:
            return self.double(one) if not r else (1, 1, 0)
        h2 = h * h % p
        h3, uh = h * h2 % p, u * h2 % p
        x = (r * r - h3 - 2 * uh) % p
        return x, (r * (uh - x) - v * h3) % p, h * z1 * z2 % p

    def double(self, one: tuple[int, int, int]) -> tuple[int, int, int]:
        """Twice a point."""
        p, (x, y, z) = self.p, one
        if not y or not z:
            return 1, 1, 0
        y2, z2 = y * y % p, z * z % p
        s, m = 4 * x * y2 % p, 3 * (x - z2) * (x + z2) % p
        x3 = (m * m - 2 * s) % p
        return x3, (m * (s - x3) - 8 * y2 * y2) % p, 2 * y * z % p

    def x_of(self, u: int, v: int, point: tuple[int, int, int]) -> Optional[int]:
        """The x coordinate of u·G + v·point, or None at infinity."""
        both, out = self.add(self.g, point), (1, 1, 0)
        for bit in reversed(range(256)):
            out = self.double(out)
            pick = (u >> bit & 1) + 2 * (v >> bit & 1)
            if pick:
                out = self.add(out, (self.g, point, both)[pick - 1])
        return out[0] * pow(out[2], -2, self.p) % self.p if out[2] else None

    def point(self, key: bytes) -> Optional[tuple[int, int, int]]:
        """The point X‖Y, or None when it is not on the curve."""
        x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
        good = len(key) == 64 and max(x, y) < self.p and (y * y - x * x * x + 3 * x - self.b) % self.p == 0
        return (x, y, 1) if good else None


SM2 = Curve(
    0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
    0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
    0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
P256 = Curve(
    0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
EDP, EDL = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
EDD = -121665 * pow(121666, -1, EDP) % EDP


def elliptic(curve: Curve, key: bytes, message: bytes, signature: bytes) -> bool:
    """SM2 with the default ID (GB/T 32918.2), or ECDSA with SHA-256."""
    point, n = curve.point(key), curve.n
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if point is None or len(signature) != 64 or not (0 < r < n and 0 < s < n):
        return False
    if curve is P256:
        w = pow(s, -1, n)
        x = curve.x_of(int.from_bytes(sha256(message), "big") * w % n, r * w % n, point)
        return x is not None and x % n == r
    numbers = b"".join(number.to_bytes(32, "big") for number in (curve.p - 3, curve.b, *curve.g[:2]))
    e = int.from_bytes(sm3(sm3(b"\x00\x801234567812345678" + numbers + key) + message), "big")
    x = curve.x_of(s, (r + s) % n, point) if (r + s) % n else None
    return x is not None and (e + x) % n == r


def edwards_point(data: bytes) -> Optional[tuple[int, int]]:
    """The point that 32 bytes encode (RFC 8032 5.1.3), or None."""
    y, sign = int.from_bytes(data, "little") & (2**255 - 1), data[31] >> 7
    square = (y * y - 1) * pow(EDD * y * y + 1, -1, EDP) % EDP
    x = pow(square, (EDP + 3) // 8, EDP)
    if x * x % EDP != square:
        x = x * pow(2, (EDP - 1) // 4, EDP) % EDP
    if y >= EDP or x * x % EDP != square or (not x and sign):
        return None
    return (x if x & 1 == sign else EDP - x), y


def edwards_add(one: tuple[int, int, int], two: tuple[int, int, int]) -> tuple[int, int, int]:
    """The sum of two projective points of edwards25519."""
    (x1, y1, z1), (x2, y2, z2) = one, two
    a, c, d = z1 * z2 % EDP, x1 * x2 % EDP, y1 * y2 % EDP
    b, e = a * a % EDP, EDD * c * d % EDP
    f, g = b - e, b + e
    return a * f * ((x1 + y1) * (x2 + y2) - c - d) % EDP, a * g * (d + c) % EDP, f * g % EDP


def edwards_times(scalar: int, point: tuple[int, int]) -> tuple[int, int]:
    """``scalar`` times ``point``."""
    out, base = (0, 1, 1), (point[0], point[1], 1)
    while scalar:
        if scalar & 1:
            out = edwards_add(out, base)
        base, scalar = edwards_add(base, base), scalar >> 1
    inverse = pow(out[2], -1, EDP)
    return out[0] * inverse % EDP, out[1] * inverse % EDP


def ed25519_key(key: bytes) -> Optional[tuple[int, int]]:
    """The key's point, when it is one and not of small order."""
    point = edwards_point(key) if len(key) == 32 else None
    return None if point is None or edwards_times(8, point) == (0, 1) else point


def ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032: S·B - k·A encodes as R."""
    point, s = ed25519_key(key), int.from_bytes(signature[32:], "little")
    base = edwards_point((4 * pow(5, -1, EDP) % EDP).to_bytes(32, "little"))
    if point is None or base is None or len(signature) != 64 or s >= EDL:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % EDL
    x1, y1 = edwards_times(s, base)
    x2, y2 = edwards_times(k, (EDP - point[0], point[1]))
    x, y, z = edwards_add((x1, y1, 1), (x2, y2, 1))
    x, y = x * pow(z, -1, EDP) % EDP, y * pow(z, -1, EDP) % EDP
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


def der(tag: int, content: bytes) -> bytes:
    """A DER element."""
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes((tag,)) + (length if size < 128 else bytes((128 + len(length),)) + length) + content


def rsa_key(key: bytes) -> Optional[tuple[int, int]]:
    """Modulus and exponent of a DER SubjectPublicKeyInfo, found by writing it again for every exponent length."""
    for length in range(1, 6):
        n, e = 0, int.from_bytes(key[-length:], "big")
        for bits in range(2048, 4097):
            if (bits + 8) // 8 == len(key) - 30 - length or bits == 4096:
                break
        for size in range(256, 514):
            n = int.from_bytes(key[-length - 2 - size : -length - 2], "big")
            integers = b"".join(der(2, v.to_bytes(v.bit_length() // 8 + 1, "big")) for v in (n, e))
            algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
            if der(0x30, algorithm + der(3, b"\x00" + der(0x30, integers))) == key:
                good = 2048 <= n.bit_length() <= 4096 and n & e & 1 and 65537 <= e < 2**32
                return (n, e) if good else None
    return None


def rsa_pss(key: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8017 8.1.2 with SHA-256, MGF1-SHA-256 and a salt of 32 bytes."""
    numbers, s = rsa_key(key), int.from_bytes(signature, "big")
    if numbers is None or len(signature) != (numbers[0].bit_length() + 7) // 8 or s >= numbers[0]:
        return False
    bits = numbers[0].bit_length() - 1
    size = (bits + 7) // 8
    m = pow(s, numbers[1], numbers[0])
    if m.bit_length() > bits:
        return False
    encoded = m.to_bytes(size, "big")
    masked, digest = encoded[: size - 33], encoded[size - 33 : -1]
    mask = b"".join(sha256(digest + i.to_bytes(4, "big")) for i in range(size // 32 + 1))
    block = int.from_bytes(masked, "big") ^ int.from_bytes(mask[: len(masked)], "big")
    block &= (1 << (bits - 8 * 33)) - 1
    plain = block.to_bytes(len(masked), "big")
    padded = bytes(len(masked) - 33) + b"\x01"
    return encoded[-1] == 0xBC and plain[:-32] == padded and sha256(bytes(8) + sha256(message) + plain[-32:]) == digest


ALGORITHMS: dict[str, tuple[Check, Callable[[bytes, bytes, bytes], bool]]] = {
    "sm2-sm3": (SM2.point, lambda k, m, s: elliptic(SM2, k, m, s)),  # type: ignore[dict-item]
    "ecdsa-p256-sha256": (P256.point, lambda k, m, s: elliptic(P256, k, m, s)),  # type: ignore[dict-item]
    "rsa-pss-sha256": (rsa_key, rsa_pss),  # type: ignore[dict-item]
    "ed25519": (ed25519_key, ed25519),  # type: ignore[dict-item]
}
