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


TJ = [rot(0x79CC4519 if j < 16 else 0x7A879D8A, j % 32) for j in range(64)]


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


CURVES = {"sm2-sm3": SM2, "ecdsa-p256-sha256": P256}
#: Known to the format, but beyond this file: a transaction signed with one of them cannot be checked here.
OTHER_ALGORITHMS = ("ed25519", "rsa-pss-sha256")


# ---- Strict JSON (block.md 1.1) and its shapes -----------------------------------------------------------------------


def parse(data: bytes, step: int, member: str, canonical: bool = True, depth_max: int = 16) -> Any:
    """The object in ``data``, refused unless it is strict JSON and, where asked, canonical."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len({key for key, _ in items}) == len(items), step, member, "JSON: a key twice")
        return dict(items)

    def integer(text: str) -> int:
        need(len(text) < 20 and text != "-0" and abs(int(text)) <= MAX, step, member, "JSON: integer")
        return int(text)

    def never(text: str) -> Any:
        raise Refused(step, member, "JSON: number")

    need(len(data) <= 1 << 24, step, member, "JSON: size")
    try:
        text = data.decode()
        depth = deepest = 0
        for bracket in re.findall(r"[{}\[\]]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.S)):
            depth += 1 if bracket in "{[" else -1
            deepest = max(deepest, depth)
        need(deepest <= depth_max, step, member, "JSON: depth")
        value = json.loads(text, object_pairs_hook=pairs, parse_int=integer, parse_float=never, parse_constant=never)
        again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):  # not UTF-8, no JSON, a lone surrogate
        raise Refused(step, member, "JSON") from None
    need(isinstance(value, dict), step, member, "JSON: not an object")
    need(not canonical or again == data, step, member, "JSON: not canonical")
    return value


def text_(low: int = 0, high: int = MAX) -> Check:
    """A text of that many characters."""
    return lambda v: type(v) is str and low <= len(v) <= high


def int_(low: int = -MAX, high: int = MAX) -> Check:
    """An integer in that range."""
    return lambda v: type(v) is int and low <= v <= high


def hex_(low: int, high: Optional[int] = None) -> Check:
    """Lower-case hex, an even number of digits in that range."""
    most = low if high is None else high
    return lambda v: type(v) is str and low <= len(v) <= most and not len(v) % 2 and not re.search("[^0-9a-f]", v)


def in_(*values: str) -> Check:
    """One of these texts."""
    return lambda v: type(v) is str and v in values


def or_null(check: Check) -> Check:
    """Null, or what ``check`` takes."""
    return lambda v: v is None or check(v)


def list_(check: Check, low: int = 0, high: int = MAX) -> Check:
    """A list of that many, each as ``check`` says."""
    return lambda v: type(v) is list and low <= len(v) <= high and all(check(one) for one in v)


def object_(**fields: Check) -> Check:
    """An object with exactly these fields; those whose name ends in ``_`` may be missing."""
    names = {name.rstrip("_"): check for name, check in fields.items()}
    must = {name for name in fields if not name.endswith("_")}
    return lambda v: type(v) is dict and must <= set(v) <= set(names) and all(names[n](one) for n, one in v.items())


def any_object(value: Any) -> bool:
    """Any object."""
    return type(value) is dict


def flag(value: Any) -> bool:
    """True or false."""
    return type(value) is bool


def rising(values: Any) -> bool:
    """Sorted, none twice."""
    return bool(list(values) == sorted(set(values)))


HASH, ADDRESS, TIME, HEIGHT = hex_(64), hex_(40), int_(0), int_(1)
ALGORITHM, RULE, CHAIN = text_(0, 32), in_("bft", "raft", "solo"), text_(3, 32)
REASON = in_("duplicate", "error", "expired", "lawful_order", "other")
LEAF, REFERENCE = int_(0, 99_999), text_(0, 128)
PATH = list_(HASH, 0, 64)
CAPTURE = object_(method=in_("api", "file", "folder", "other", "screenshot", "stream"), time=TIME)
FIELD = in_("content", "name", "note")
ITEM = object_(
    capture=CAPTURE, commitments=list_(object_(field=FIELD, value=HASH), 0, 3), media_type=text_(0, 127),
    name=or_null(text_(0, 255)), sha256=or_null(HASH), size=int_(0), sm3=or_null(HASH),
)  # fmt: skip
LIMITS = {
    "block_bytes_max": int_(1024, 1 << 26), "block_transactions_max": int_(1, 100_000),
    "body_bytes_max": int_(1024, 1 << 24), "body_depth_max": int_(4, 64),
    "checkpoint_delay_blocks": int_(1, 100_000), "checkpoint_writes_min": HEIGHT,
    "expiry_ms_max": int_(1000, 3_600_000), "signatures_max": int_(1, 1024), "window_ids_max": HEIGHT,
}  # fmt: skip
KEY = {"algorithm": text_(), "key": hex_(0, MAX)}
GENESIS = object_(
    accounts=list_(object_(
        administrator=flag, label=text_(0, 64), organisation=text_(0, 18),
        roles=list_(in_("auditor", "department", "operator", "supervisor")), **KEY,
    )),
    algorithms=list_(text_(), 1), chain=CHAIN, created=TIME, format=in_("govchain-genesis/1"),
    limits=object_(**LIMITS), members=list_(object_(name=text_(1, 128), organisation=text_(0, 18), **KEY), 1),
    modules=list_(object_(digest=HASH, name=text_(2, 32), version=HEIGHT)),
    organisations=list_(object_(code=text_(0, 18), name=text_(1, 128))), rule=RULE,
    suite=in_("gm", "international"), test_clock=flag,
)  # fmt: skip
HEADER = object_(
    chain=CHAIN, checkpoint=or_null(object_(height=HEIGHT, root=HASH)), epoch=TIME, height=HEIGHT, history=HASH,
    next_signers=HASH, previous=HASH, receipt_root=HASH, signers=HASH, state_root=HASH, time=TIME,
    transaction_count=HEIGHT, transaction_root=HASH, version=int_(1, 1),
)  # fmt: skip
CERTIFICATE = object_(
    chain=CHAIN, epoch=TIME, height=HEIGHT, identity=HASH, set=object_(keys=list_(object_(**KEY), 1, 1024), rule=RULE),
    signatures=list_(object_(key=hex_(0, MAX), signature=hex_(0, MAX)), 1, 1024), state_root=HASH, version=int_(1, 1),
)  # fmt: skip
BODY = object_(
    chain=CHAIN, data_=hex_(0, 32_768), expires=TIME, memo_=object_(kind=in_("hash", "id", "text"), value=text_(0, 1024)),
    nonce=hex_(16, 64), payload=any_object, recipient_=ADDRESS, time_=TIME, type=text_(3, 64), version=int_(1, 65_535),
    signers=list_(object_(account=ADDRESS, algorithm=ALGORITHM, key=hex_(64, 2048)), 1, 1024),
)  # fmt: skip
EVENT = object_(data=any_object, organisation=text_(), reference=text_(), type=text_(), version=int_())
RECEIPT = object_(
    code=int_(), events=list_(EVENT), height=HEIGHT, index=TIME, transaction=HASH, version=int_(1, 1)
)  # fmt: skip
CLAIM = object_(
    height=HEIGHT, kind=in_("evidence", "transaction"), member=or_null(LEAF), status_height=or_null(HEIGHT),
    transaction=HASH,
)  # fmt: skip
MANIFEST = object_(
    chain=CHAIN, claims=list_(CLAIM, 1, 4096), format=in_("govchain-evidence-package/1"), genesis=HASH,
    members=lambda v: type(v) is dict and all(HASH(one) for one in v.values()),
)  # fmt: skip
HISTORY = object_(head=HEIGHT, height=HEIGHT, path=PATH)
MEMBER = object_(count=int_(1, 100_000), index=TIME, path=PATH)
TRANSACTION = object_(
    count=HEIGHT, height=HEIGHT, index=TIME, receipt_path=PATH, signatures=list_(hex_(0, MAX), 1, 1024),
    transaction=HASH, transaction_path=PATH,
)  # fmt: skip
STATUS = object_(
    delta=HASH, height=HEIGHT, live=HASH, previous=HASH, entries=list_(object_(
        key=hex_(0, MAX), other=or_null(object_(path=HASH, value_digest=HASH)), siblings=list_(HASH, 0, 256),
        value=or_null(hex_(0, MAX)),
    ), 1, 64),
)  # fmt: skip
MARK = object_(
    account=ADDRESS, by=HASH, kind=in_("superseded", "withdrawn"), organisation=text_(18, 18), reason=REASON, time=TIME
)
OPENINGS = object_(openings=list_(object_(field=FIELD, salt=HASH, value=text_(0, 4096)), 1, 3))
PAYLOADS = {
    "evidence.put": object_(reference=REFERENCE, subject=ITEM),
    "evidence.supplement": object_(evidence=HASH, reference=REFERENCE, subject=ITEM),
    "evidence.supersede": object_(
        evidence=HASH, member=or_null(LEAF), reason=REASON, reference=REFERENCE, subject=ITEM
    ),
    "evidence.batch": object_(
        capture=CAPTURE, count=int_(1, 100_000), reference=REFERENCE, root=HASH, total_size=int_(0)
    ),
}
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


# ---- Container (evidence-package.md 1) -------------------------------------------------------------------------------


def zip_of(members: dict[str, bytes]) -> bytes:
    """The one archive of ``members``."""
    local, central = b"", b""
    parts, offset = [], 0
    for name in sorted(members):
        data, raw = members[name], name.encode()
        about = struct.pack("<HHHHIIIHH", 0, 0, 0, 0x21, binascii.crc32(data), len(data), len(data), len(raw), 0)
        local = b"PK\x03\x04" + struct.pack("<H", 20) + about + raw
        central += b"PK\x01\x02" + struct.pack("<HH", 20, 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, offset) + raw
        parts += [local, data]
        offset += len(local) + len(data)
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(central), offset, 0)
    return b"".join((*parts, central, b"PK\x05\x06", end))


def unzip(data: bytes) -> dict[str, bytes]:
    """Step 1: the members of an archive that is the one encoding of them."""
    need(22 <= len(data) <= 1 << 26 and data[-22:-18] == b"PK\x05\x06", 1, "", "not a package")
    count, at = struct.unpack("<H", data[-12:-10])[0], struct.unpack("<I", data[-6:-2])[0]
    need(1 <= count <= 4096, 1, "", "number of members")
    members: dict[str, bytes] = {}
    for _ in range(count):
        need(at + 46 <= len(data), 1, "", "central directory")
        size, length, offset = struct.unpack("<I4xH12xI", data[at + 20 : at + 46])
        name = data[at + 46 : at + 46 + length].decode("latin-1")
        at += 46 + length
        top = r"(?:(?:attachments|bodies|certificates|headers|proofs|receipts)/)?[a-z0-9.-]+"
        need(length <= 120 and re.fullmatch(top, name) is not None and ".." not in name, 1, "", "name of a member")
        start = offset + 30 + length
        need(name not in members and start + size <= len(data), 1, name, "member twice or outside the file")
        members[name] = data[start : start + size]
    need(sum(map(len, members.values())) <= len(data) and zip_of(members) == data, 1, "", "another encoding")
    return members
