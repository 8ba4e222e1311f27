#!/usr/bin/env python3
"""Checks a GovChain evidence package (.gcp) offline, with Python's standard library and nothing else.

    python3 verify_package.py FILE [--original PATH] [--trust GENESIS_OR_HEADER]... [--json]

A stranger's verifier: written from docs/spec/block.md and docs/spec/evidence-package.md, sharing no code with GovChain;
arithmetic, digests, trees and words are its own. It runs on Python 3.9 and later. It stays one file however long, so
that an auditor can read it whole and carry it away; signatures of members and of accounts are checked with SM2 and
ECDSA P-256, those of the two other algorithms that an account may use are said to be beyond it, their keys are not.

Exit codes: 0 holds and trusted, 1 refused, 2 usage, 3 consistent but the issuer is not trusted, 4 holds and trusted but
withdrawn or superseded, 5 a file cannot be read, or a signature is beyond this verifier.
"""

from __future__ import annotations

import argparse
import binascii
import bisect
import datetime
import hashlib
import json
import os
import re
import stat
import struct
import sys
from typing import Any, Callable, Iterable

MAX = 2**53 - 1
#: Bytes of a package, of its manifest and of a trusted file, at most, and bytes of an original that are read at a time.
FILE_MAX, MANIFEST_MAX, TRUST_MAX, CHUNK = 1 << 26, 1 << 21, 1 << 22, 1 << 20


class Refused(Exception):
    """The package does not hold: step number, member, reason."""


class Unsupported(Exception):
    """Something that the format allows and this verifier cannot check."""


def need(condition: bool, step: int, member: str, reason: str) -> None:
    """Refuse unless ``condition``."""
    if not condition:
        raise Refused(step, member, reason)


# ---- Digests (GB/T 32905, FIPS 180-4) and framing (block.md 1) -------------------------------------------------------

IV = (0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E)


MASK, TWICE = 0xFFFFFFFF, 0x1_0000_0001
TJ = [((0x79CC4519 if j < 16 else 0x7A879D8A) * TWICE >> 32 - j % 32) & MASK for j in range(64)]


def sm3(data: bytes) -> bytes:
    """SM3, 32 bytes."""
    return struct.pack(">8I", *sm3_blocks(IV, data + sm3_tail(len(data))))


def sm3_tail(size: int) -> bytes:
    """What SM3 appends to ``size`` bytes."""
    return b"\x80" + bytes((55 - size) % 64) + (8 * size).to_bytes(8, "big")


def sm3_blocks(state: tuple[int, ...], whole: bytes) -> tuple[int, ...]:
    """The state of SM3 after blocks of 64 bytes."""
    for start in range(0, len(whole), 64):
        w = list(struct.unpack(">16I", whole[start : start + 64]))
        # A word twice over holds each of its rotations: rot(x, n) is (x * TWICE >> 32 - n) & MASK.
        for j in range(16, 68):
            x = w[j - 16] ^ w[j - 9] ^ ((w[j - 3] * TWICE >> 17) & MASK)
            y = x * TWICE
            w.append(x ^ ((y >> 17 ^ y >> 9 ^ w[j - 13] * TWICE >> 25) & MASK) ^ w[j - 6])
        a, b, c, d, e, f, g, h = state
        for j in range(64):
            a12 = (a * TWICE >> 20) & MASK
            ss1 = (((a12 + e + TJ[j]) & MASK) * TWICE >> 25) & MASK
            ff, gg = (a ^ b ^ c, e ^ f ^ g) if j < 16 else ((a & b) | (a & c) | (b & c), (e & f) | (~e & g))
            tt1 = (ff + d + (ss1 ^ a12) + (w[j] ^ w[j + 4])) & MASK
            tt2 = (gg + h + ss1 + w[j]) & MASK
            y = tt2 * TWICE
            e, f, g, h = tt2 ^ ((y >> 23 ^ y >> 15) & MASK), e, (f * TWICE >> 13) & MASK, g
            a, b, c, d = tt1, a, (b * TWICE >> 23) & MASK, c
        state = tuple(x ^ y for x, y in zip(state, (a, b, c, d, e, f, g, h)))  # noqa: B905
    return state


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def digests(pieces: Iterable[bytes]) -> tuple[int, str, str]:
    """Size, SM3 and SHA-256 of what comes in pieces; SM3 is OpenSSL's, where there is one, for speed only."""
    try:
        quick: Any = hashlib.new("sm3")
    except ValueError:
        quick = None
    size, state, rest, other = 0, IV, b"", hashlib.sha256()
    for piece in pieces:
        size += len(piece)
        other.update(piece)
        if quick is not None:
            quick.update(piece)
        else:
            rest += piece
            whole = len(rest) // 64 * 64
            state, rest = sm3_blocks(state, rest[:whole]), rest[whole:]  # type: ignore[assignment]
    if quick is not None:
        return size, quick.hexdigest(), other.hexdigest()
    return size, struct.pack(">8I", *sm3_blocks(state, rest + sm3_tail(size))).hex(), other.hexdigest()


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

    def x_of(self, u: int, v: int, point: tuple[int, int, int]) -> int | None:
        """The x coordinate of u·G + v·point, or None at infinity."""
        both, out = self.add(self.g, point), (1, 1, 0)
        for bit in reversed(range(256)):
            out = self.double(out)
            pick = (u >> bit & 1) + 2 * (v >> bit & 1)
            if pick:
                out = self.add(out, (self.g, point, both)[pick - 1])
        return out[0] * pow(out[2], -2, self.p) % self.p if out[2] else None

    def point(self, key: bytes) -> tuple[int, int, int] | None:
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
    depth, quoted = 0, False
    for found in re.finditer(rb'\\.|["{}\[\]]', data, re.DOTALL):
        sign = found.group()
        if sign == b'"':
            quoted = not quoted
        elif not quoted and len(sign) == 1:
            depth += 1 if sign in b"{[" else -1
            need(depth <= depth_max, step, member, "JSON: depth")
    try:
        text = data.decode()
        need(text.endswith("}"), step, member, "JSON: bytes after the closing brace")
        value = json.loads(text, object_pairs_hook=pairs, parse_int=integer, parse_float=never, parse_constant=never)
        again = canonical_json(value)
    except (ValueError, RecursionError):  # not UTF-8, no JSON, a lone surrogate
        raise Refused(step, member, "JSON") from None
    need(isinstance(value, dict), step, member, "JSON: not an object")
    need(not canonical or again == data, step, member, "JSON: not canonical")
    return value


def canonical_json(value: Any) -> bytes:
    """RFC 8785: keys sorted by UTF-16 code units, which is another order than by code points beyond U+FFFF."""

    def ordered(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: ordered(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
        return [ordered(one) for one in value] if isinstance(value, list) else value

    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if max(text) > "\uffff":
        text = json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def fits(value: Any, kind: str) -> bool:
    """Whether ``value`` has the shape ``kind``; see SHAPES."""
    head, rest = kind[0], kind[1:]
    if head == "?":
        return value is None or fits(value, rest)
    if head == "[":
        bounds, _, inner = rest.partition("]")
        return type(value) is list and within(len(value), bounds) and all(fits(one, inner) for one in value)
    if head == "'":
        return type(value) is str and value in rest.split("|")
    if head == "n":
        return type(value) is int and within(value, rest)
    if head == "t":
        return type(value) is str and within(len(value), rest)
    if head == "x":
        return type(value) is str and within(len(value), rest) and re.fullmatch("([0-9a-f]{2})*", value) is not None
    if head in "bo":
        return type(value) is (bool if head == "b" else dict)
    if head == "{":
        return type(value) is dict and all(fits(one, rest) for one in value.values())
    fields = SHAPES[kind]
    must = {name for name in fields if not name.endswith("~")}
    names = {name.rstrip("~"): inner for name, inner in fields.items()}
    good = type(value) is dict and must <= set(value) <= set(names)
    return good and all(fits(one, names[name]) for name, one in value.items())


def within(number: int, bounds: str) -> bool:
    """Whether a number is within ``LOW,HIGH``; without LOW at least 0, without HIGH unbounded."""
    low, _, high = bounds.partition(",")
    return int(low or 0) <= number <= int(high or MAX)


def rising(values: Any) -> bool:
    """Sorted, none twice."""
    return bool(list(values) == sorted(set(values)))


#: Every object of the format: its fields (with ~ one that may be missing) and their shapes: n integer, t text of so
#: many characters, x hex of so many digits, b flag, o any object, 'a|b one of, ? or null, [ ] list of so many, { values
#: of an object, capital the name of another shape.
SHAPES = {
    name: dict(field.split(":") for field in fields.split())
    for name, fields in {
        "Capture": "method:'api|file|folder|other|screenshot|stream time:n",
        "Commitment": "field:'content|name|note value:x64,64",
        "Item": "capture:Capture commitments:[0,3]Commitment media_type:t0,127 name:?t0,255 sha256:?x64,64 size:n"
        " sm3:?x64,64",
        "Limits": "block_bytes_max:n1024,67108864 block_transactions_max:n1,100000 body_bytes_max:n1024,16777216"
        " body_depth_max:n4,64 checkpoint_delay_blocks:n1,100000 checkpoint_writes_min:n1 expiry_ms_max:n1000,3600000"
        " signatures_max:n1,1024 window_ids_max:n1",
        "Account": "administrator:b algorithm:t key:x label:t0,64 organisation:t0,18 roles:[]Role",
        "Member": "algorithm:t engine_key~:x64,64 key:x name:t1,128 organisation:t0,18 tls~:x64,64",
        "Module": "digest:x64,64 name:t2,32 version:n1",
        "Organisation": "code:t0,18 name:t1,128",
        "Genesis": "accounts:[]Account algorithms:[1]t chain:t3,32 created:n format:'govchain-genesis/1 limits:Limits"
        " members:[1]Member modules:[]Module organisations:[]Organisation rule:'bft|raft|solo suite:'gm|international"
        " test_clock:b",
        "Checkpoint": "height:n1 root:x64,64",
        "Header": "chain:t3,32 checkpoint:?Checkpoint epoch:n height:n1 history:x64,64 next_signers:x64,64"
        " previous:x64,64 receipt_root:x64,64 signers:x64,64 state_root:x64,64 time:n transaction_count:n1"
        " transaction_root:x64,64 version:n1,1",
        "Key": "algorithm:t key:x",
        "Set": "keys:[1,1024]Key rule:'bft|raft|solo",
        "Signature": "key:x signature:x",
        "Certificate": "chain:t3,32 epoch:n height:n1 identity:x64,64 set:Set signatures:[1,1024]Signature"
        " state_root:x64,64 version:n1,1",
        "Signer": "account:x40,40 algorithm:t0,32 key:x64,2048",
        "Memo": "kind:'hash|id|text value:t0,1024",
        "Body": "chain:t3,32 data~:x0,32768 expires:n memo~:Memo nonce:x16,64 payload:o recipient~:x40,40"
        " signers:[1,1024]Signer time~:n type:t3,64 version:n1,65535",
        "Certified": "certificate:Certificate header:Header suite:'gm|international",
        "Event": "data:o organisation:t reference:t type:t version:n-9007199254740991",
        "Receipt": "code:n-9007199254740991 events:[]Event height:n1 index:n transaction:x64,64 version:n1,1",
        "Claim": "height:n1 kind:'evidence|transaction member:?n0,99999 status_height:?n1 transaction:x64,64",
        "Manifest": "chain:t3,32 claims:[1,4096]Claim format:'govchain-evidence-package/1 genesis:x64,64"
        " members:{x64,64",
        "History": "head:n1 height:n1 path:[0,64]x64,64",
        "Leaf": "count:n1,100000 index:n path:[0,64]x64,64",
        "Transaction": "count:n1 height:n1 index:n receipt_path:[0,64]x64,64 signatures:[1,1024]x transaction:x64,64"
        " transaction_path:[0,64]x64,64",
        "Other": "path:x64,64 value_digest:x64,64",
        "Entry": "key:x other:?Other siblings:[0,256]x64,64 value:?x",
        "Status": "delta:x64,64 entries:[1,64]Entry height:n1 live:x64,64 previous:x64,64",
        "Mark": "account:x40,40 by:x64,64 kind:'superseded|withdrawn organisation:t18,18 reason:Reason time:n",
        "Opening": "field:'content|name|note salt:x64,64 value:t0,4096",
        "Openings": "openings:[1,3]Opening",
        "evidence.put": "reference:t0,128 subject:Item",
        "evidence.supplement": "evidence:x64,64 reference:t0,128 subject:Item",
        "evidence.supersede": "evidence:x64,64 member:?n0,99999 reason:Reason reference:t0,128 subject:Item",
        "evidence.batch": "capture:Capture count:n1,100000 reference:t0,128 root:x64,64 total_size:n",
    }.items()
    for fields in [
        fields.replace("reason:Reason", "reason:'duplicate|error|expired|lawful_order|other").replace(
            "Role", "'auditor|department|operator|supervisor"
        )
    ]
}
RECORDS = ("evidence.batch", "evidence.put", "evidence.supersede", "evidence.supplement")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
#: What is shown escaped: these, and what else nobody sees.
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")


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


def good_name(name: str) -> bool:
    """Whether a member may be called so."""
    top = r"(?:(?:attachments|bodies|certificates|headers|proofs|receipts)/)?[a-z0-9.-]+"
    return len(name) <= 120 and re.fullmatch(top, name) is not None and ".." not in name


def unzip(data: bytes) -> dict[str, bytes]:
    """Step 1: the members of an archive that is the one encoding of them."""
    need(22 <= len(data) <= 1 << 26 and data[-22:-18] == b"PK\x05\x06", 1, "", "not a package")
    count, at = struct.unpack("<H", data[-12:-10])[0], struct.unpack("<I", data[-6:-2])[0]
    need(1 <= count <= 4096, 1, "", "number of members")
    members: dict[str, bytes] = {}
    total = 0
    for _ in range(count):
        need(at + 46 <= len(data), 1, "", "central directory")
        size, length, offset = struct.unpack("<I4xH12xI", data[at + 20 : at + 46])
        name = data[at + 46 : at + 46 + length].decode("latin-1")
        at += 46 + length
        need(good_name(name), 1, "", "name of a member")
        start = offset + 30 + length
        total += size
        need(name not in members and start + size <= len(data) >= total, 1, name, "member twice or outside the file")
        members[name] = data[start : start + size]
    need(zip_of(members) == data, 1, "", "another encoding")
    return members


# ---- Trees (block.md 4) ----------------------------------------------------------------------------------------------

Digest = Callable[[bytes], bytes]


def climb(digest: Digest, leaf: bytes, index: int, count: int, path: list[str]) -> str:
    """The root (hex) that a path from leaf to root gives, or an empty text when the path does not fit."""
    node, last, steps = digest(b"\x00" + leaf), count - 1, list(path)
    if not 0 <= index < count:
        return ""
    while last:
        if index & 1 or index < last:
            if not steps:
                return ""
            sibling = bytes.fromhex(steps.pop(0))
            node = digest(b"\x01" + (sibling + node if index & 1 else node + sibling))
        index, last = index >> 1, last >> 1
    return "" if steps else node.hex()


def descend(digest: Digest, key: bytes, entry: dict[str, Any]) -> str:
    """The root (hex) of the sparse tree that an entry of a status proof gives, or an empty text."""
    path, siblings, other = digest(key), entry["siblings"], entry["other"]
    bits = format(int.from_bytes(path, "big"), "0256b")
    if entry["value"] is not None:
        node = digest(b"\x00" + path + digest(bytes.fromhex(entry["value"])))
        if other is not None:
            return ""
    elif other is None:
        node = bytes(32)
    else:
        node = digest(bytes.fromhex("00" + other["path"] + other["value_digest"]))
        there = format(int(other["path"], 16), "0256b")
        if there == bits or there[: len(siblings)] != bits[: len(siblings)]:
            return ""
    for depth in reversed(range(len(siblings))):
        sibling = bytes.fromhex(siblings[depth])
        node = digest(b"\x01" + (sibling + node if bits[depth] == "1" else node + sibling))
    return node.hex()


# ---- The twelve steps (evidence-package.md 4) ------------------------------------------------------------------------


def blob(data: bytes) -> bytes:
    """MessagePack bin in its shortest form."""
    n = len(data)
    size = 1 if n < 1 << 8 else 2 if n < 1 << 16 else 4
    return {1: b"\xc4", 2: b"\xc5", 4: b"\xc6"}[size] + n.to_bytes(size, "big") + data


def good_key(algorithm: str, key: str) -> bool:
    """Whether a key is one of its algorithm (block.md 1.2), also where its signatures are beyond this file."""
    data = bytes.fromhex(key)
    if algorithm in CURVES:
        return CURVES[algorithm].point(data) is not None
    return {"ed25519": edwards_key, "rsa-pss-sha256": rsa_key}.get(algorithm, lambda _: False)(data)


def edwards_key(data: bytes) -> bool:
    """RFC 8032 5.1.3, and a point whose order does not divide 8: three doublings, in x² and y, do not reach (0, 1)."""
    p, number = 2**255 - 19, int.from_bytes(data, "little")
    d, y, sign = -121665 * pow(121666, -1, p) % p, number & (2**255 - 1), number >> 255
    if len(data) != 32 or y >= p:
        return False
    xx = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    if (xx and pow(xx, (p - 1) // 2, p) != 1) or (not xx and sign):
        return False
    for _ in range(3):
        xy = xx * y * y % p
        y = (y * y + xx) * pow(1 - d * xy, -1, p) % p
        xx = 4 * xy * pow(1 + d * xy, -2, p) % p
    return (xx, y) != (0, 1)


def der(tag: int, content: bytes) -> bytes:
    """One DER element."""
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes((tag,)) + (length if size < 128 else bytes((128 + len(length),)) + length) + content


def rsa_key(data: bytes) -> bool:
    """The one DER SubjectPublicKeyInfo of a modulus and an exponent within bounds: found, and written again."""
    for exponent_bytes in (3, 4, 5):
        n_end = len(data) - exponent_bytes - 2
        e = int.from_bytes(data[-exponent_bytes:], "big")
        for modulus_bytes in range(256, 514):
            n = int.from_bytes(data[max(0, n_end - modulus_bytes) : max(0, n_end)], "big")
            if len(data) > 1024 or not (2048 <= n.bit_length() <= 4096 and n & e & 1 and 65537 <= e < 2**32):
                continue
            numbers = b"".join(der(2, one.to_bytes(one.bit_length() // 8 + 1, "big")) for one in (n, e))
            name = der(48, bytes.fromhex("06092a864886f70d0101010500"))
            if data == der(48, name + der(3, b"\x00" + der(48, numbers))):
                return True
    return False


def credit_code(code: str) -> bool:
    """GB 32100: 18 characters, places 3 to 8 digits, check character modulo 31."""
    letters, total = "0123456789ABCDEFGHJKLMNPQRTUWXY", 0
    if not re.fullmatch(f"[{letters}]{{2}}[0-9]{{6}}[{letters}]{{10}}", code):
        return False
    for place, letter in enumerate(code[:17]):
        total += letters.index(letter) * pow(3, place, 31)
    return letters[-total % 31] == code[17]


def suite_of(suite: str) -> tuple[Digest, str]:
    """Digest and members' algorithm of a suite."""
    return (sm3, "sm2-sm3") if suite == "gm" else (sha256, "ecdsa-p256-sha256")


def check_genesis(genesis: dict[str, Any], step: int, name: str) -> dict[str, str]:
    """block.md 2.2 beyond the shape; the organisation of each account, by address."""
    digest, algorithm = suite_of(genesis["suite"])
    need(re.fullmatch("[a-z0-9-]{3,32}", genesis["chain"]) is not None, step, name, "chain")
    known = (*CURVES, *OTHER_ALGORITHMS)
    algorithms = genesis["algorithms"]
    need(rising(algorithms) and all(one in known for one in algorithms), step, name, "algorithms")
    codes = [one["code"] for one in genesis["organisations"]]
    need(rising(codes) and all(map(credit_code, codes)), step, name, "organisations")
    need(rising([one["key"] for one in genesis["members"]]), step, name, "order of members")
    for one in genesis["members"]:
        need(one["algorithm"] == algorithm and good_key(algorithm, one["key"]), step, name, "member key")
        need(one["organisation"] in codes, step, name, "member organisation")
    for field in ("engine_key", "tls"):
        given = [one[field] for one in genesis["members"] if field in one]
        need(len(set(given)) in (0, len(genesis["members"])), step, name, field)
    accounts: dict[str, str] = {}
    for one in genesis["accounts"]:
        need(one["algorithm"] in algorithms and good_key(one["algorithm"], one["key"]), step, name, "account key")
        need(one["organisation"] in codes and rising(one["roles"]), step, name, "account")
        parts = (genesis["chain"], one["algorithm"], bytes.fromhex(one["key"]))
        address = digest(frame("govchain/account/1", *parts)).hex()[:40]
        need(address not in accounts, step, name, "account twice")
        accounts[address] = one["organisation"]
    modules = [one["name"] for one in genesis["modules"]]
    need(rising(modules) and all(re.fullmatch("[a-z0-9_]+", one) for one in modules), step, name, "modules")
    limits = genesis["limits"]
    need(limits["body_bytes_max"] <= limits["block_bytes_max"], step, name, "limits")
    return accounts


def set_digest(digest: Digest, rule: str, keys: list[dict[str, Any]]) -> str:
    """The digest of a signer set."""
    parts = [part for one in keys for part in (one["algorithm"], bytes.fromhex(one["key"]))]
    return digest(frame("govchain/signers/1", rule, *parts)).hex()


def check_certificate(suite: str, header: dict[str, Any], certificate: dict[str, Any], step: int, name: str) -> str:
    """block.md 5.2, and which quorum rule held; the header has its ``identity`` with it."""
    digest, algorithm = suite_of(suite)
    for field in ("chain", "epoch", "height", "state_root"):
        need(certificate[field] == header[field], step, name, "another block")
    need(certificate["identity"] == header["identity"].hex(), step, name, "another block")
    keys, rule, signatures = certificate["set"]["keys"], certificate["set"]["rule"], certificate["signatures"]
    need(rising([one["key"] for one in keys]), step, name, "order of keys")
    for one in keys:
        need(one["algorithm"] == algorithm and good_key(algorithm, one["key"]), step, name, "member key")
    need(set_digest(digest, rule, keys) == header["signers"], step, name, "another signer set")
    need(rising([one["key"] for one in signatures]), step, name, "order of signatures")
    root = bytes.fromhex(header["state_root"])
    message = frame("govchain/finality/1", header["chain"], header["epoch"], header["height"], header["identity"], root)
    members = {one["key"] for one in keys}
    for one in signatures:
        key, signature = bytes.fromhex(one["key"]), bytes.fromhex(one["signature"])
        need(one["key"] in members, step, name, "signer is no member")
        need(elliptic(CURVES[algorithm], key, message, signature), step, name, "signature")
    quorum = {"solo": 1, "raft": len(keys) // 2 + 1, "bft": 2 * len(keys) // 3 + 1}[rule]
    need(len(signatures) >= quorum, step, name, "quorum")
    return f"{rule}: {len(signatures)} of {len(keys)} members signed, {quorum} needed"


class Package:
    """One package on its way through the steps."""

    def __init__(self, data: bytes) -> None:
        self.members = unzip(data)
        need(len(self.members.get("manifest.json", b"")) <= MANIFEST_MAX, 2, "manifest.json", "size")
        self.manifest = self.load(2, "manifest.json", "Manifest")
        self.plan()
        self.read_genesis()
        self.read_headers()
        self.check_history()
        self.claims = [self.check_transaction(claim) for claim in self.manifest["claims"]]
        records = [fact for fact in self.claims if fact["kind"] == "evidence"]
        for check in (self.check_evidence, self.check_status):
            for fact in records:
                check(fact)
        for language, number in (("en", 0), ("zh", 1)):
            name = f"statement.{language}.txt"
            need(self.statement(number).encode() == self.members[name], 10, name, "not what was proved")

    def load(self, step: int, name: str, shape: str) -> Any:
        """A canonical JSON member of the given shape."""
        need(name in self.members, step, name, "missing")
        value = parse(self.members[name], step, name)
        need(fits(value, shape), step, name, "shape")
        return value

    def tagged(self, domain: str, *parts: Any) -> bytes:
        """The chain's digest of a frame."""
        return self.digest(frame(domain, *parts))

    def plan(self) -> None:
        """Step 2: claims in order, every member's SM3, exactly the members needed."""
        claims, members, manifest = self.manifest["claims"], self.members, "manifest.json"
        order = [(claim["transaction"], -1 if claim["member"] is None else claim["member"]) for claim in claims]
        need(order == sorted(set(order)), 2, manifest, "order of claims")
        heights: dict[str, int] = {}
        names, may = {"genesis.json", "statement.en.txt", "statement.zh.txt"}, set()
        self.claimed, pairs = {1}, set()
        for claim in claims:
            of, at, member, status = claim["transaction"], claim["height"], claim["member"], claim["status_height"]
            need(heights.setdefault(of, at) == at, 2, manifest, "one transaction at two heights")
            names |= {f"bodies/{of}.json", f"receipts/{of}.json", f"proofs/transaction-{of}.json"}
            self.claimed.add(at)
            pairs.add((1, at))
            if claim["kind"] == "transaction":
                need(status is None and member is None, 2, manifest, "fields of a transaction claim")
                continue
            need(status is not None and status >= at, 2, manifest, "status height")
            place = of if member is None else f"{of}-{member}"
            names.add(f"proofs/status-{place}.json")
            may.add(f"attachments/openings-{place}.json")
            if member is not None:
                names |= {f"proofs/member-{place}.json", f"attachments/item-{place}.json"}
            self.claimed.add(status)
            pairs.add((at, status))
        sorted_claimed = sorted(self.claimed)
        last = sorted_claimed[-1]
        pairs |= {(height, last) for height in self.claimed}
        pattern = r"^proofs/history-([1-9][0-9]{0,15})-([1-9][0-9]{0,15})\.json$"
        proofs = re.findall(pattern, "\n".join(members), re.MULTILINE)
        more = {(int(low), int(high)) for low, high in proofs} - pairs
        anchors = {low if high == last else high for low, high in more}
        low_ones = sum(bisect.bisect_left(sorted_claimed, anchor) for anchor in anchors)
        need(low_ones <= len(members), 2, manifest, "fewer history proofs than anchors need")
        pairs |= {(height, anchor) for anchor in anchors for height in sorted_claimed if height < anchor}
        pairs |= {(anchor, last) for anchor in anchors}
        self.needed = self.claimed | anchors
        self.pairs = sorted(pair for pair in pairs if pair[0] < pair[1])
        names |= {f"proofs/history-{low}-{high}.json" for low, high in self.pairs}
        listed = self.manifest["members"]
        need(all(map(good_name, listed)), 2, manifest, "name of a member")
        for name in sorted(set(members) | set(listed)):
            if name != manifest or name in listed:
                need(name in members and name in listed and name != manifest, 2, name, "not in both manifest and file")
                need(sm3(members[name]).hex() == listed[name], 2, name, "SM3")
        found = re.findall(r"^headers/([1-9][0-9]{0,15})\.json$", "\n".join(members), re.MULTILINE)
        self.heights = sorted(map(int, found))
        names |= {f"{kind}/{h}.json" for kind in ("headers", "certificates") for h in self.heights} | {manifest}
        for height in self.needed:
            need(height in self.heights, 2, f"headers/{height}.json", "missing")
        need(self.heights[-1] == last, 2, f"headers/{self.heights[-1]}.json", "not needed")
        for name in sorted(names ^ set(members)):
            need(name in may, 2, name, "missing" if name in names else "not needed")

    def read_genesis(self) -> None:
        """Step 3."""
        name = "genesis.json"
        genesis = self.genesis = self.load(3, name, "Genesis")
        self.digest, self.algorithm = suite_of(genesis["suite"])
        fingerprint = self.tagged("govchain/genesis/1", self.members[name]).hex()
        need(fingerprint == self.manifest["genesis"], 3, name, "fingerprint")
        need(genesis["chain"] == self.manifest["chain"], 3, name, "chain")
        self.names = {one["code"]: one["name"] for one in genesis["organisations"]}
        self.accounts = check_genesis(genesis, 3, name)

    def read_headers(self) -> None:
        """Steps 4 and 5."""
        self.headers: dict[int, dict[str, Any]] = {}
        for height in self.heights:
            name = f"headers/{height}.json"
            header = self.headers[height] = self.load(4, name, "Header")
            need(header["chain"] == self.genesis["chain"] and header["height"] == height, 4, name, "chain or height")
            header["identity"] = self.tagged("govchain/header/1", self.members[name])
        epoch, signers = 0, set_digest(self.digest, self.genesis["rule"], self.genesis["members"])
        for height, header in self.headers.items():
            name, same = f"headers/{height}.json", header["signers"] == header["next_signers"]
            need(height in self.needed or not same, 5, name, "not needed")
            need((header["epoch"], header["signers"]) == (epoch, signers), 5, name, "not the signer set in force")
            name = f"certificates/{height}.json"
            certificate = self.load(5, name, "Certificate")
            self.finality = check_certificate(self.genesis["suite"], header, certificate, 5, name)
            self.changes, epoch, signers = epoch, epoch + (not same), header["next_signers"]

    def check_history(self) -> None:
        """Step 6."""
        first = self.headers[1]
        good = first["previous"] == self.manifest["genesis"] and first["history"] == self.digest(b"").hex()
        need(good, 6, "headers/1.json", "not this genesis")
        time, before = self.genesis["created"], first
        for height, header in self.headers.items():
            need(header["time"] > time, 6, f"headers/{height}.json", "time")
            neighbour = height == before["height"] + 1
            good = not neighbour or header["previous"] == before["identity"].hex()
            need(good, 6, f"headers/{height}.json", "previous")
            time, before = header["time"], header
        for low, high in self.pairs:
            name = f"proofs/history-{low}-{high}.json"
            proof = self.load(6, name, "History")
            need((proof["height"], proof["head"]) == (low, high), 6, name, "another pair of blocks")
            root = climb(self.digest, self.headers[low]["identity"], low - 1, high - 1, proof["path"])
            need(root == self.headers[high]["history"], 6, name, "root")

    def check_transaction(self, claim: dict[str, Any]) -> dict[str, Any]:
        """Step 7."""
        of, header = claim["transaction"], self.headers[claim["height"]]
        name = f"proofs/transaction-{of}.json"
        proof = self.load(7, name, "Transaction")
        data, receipt_data = self.members[f"bodies/{of}.json"], self.members[f"receipts/{of}.json"]
        need((proof["transaction"], proof["height"]) == (of, claim["height"]), 7, name, "another transaction")
        need(self.digest(data).hex() == of, 7, name, "body digest")
        body = parse(data, 7, name, canonical=False, depth_max=64)
        need(fits(body, "Body") and body["chain"] == header["chain"], 7, name, "body")
        memo = body.get("memo", {"kind": "text", "value": ""})
        kind, text = memo["kind"], memo["value"]
        need(kind == "text" or (len(text) <= 128 if kind == "id" else fits(text, "x64,64")), 7, name, "memo")
        signers, signatures = body["signers"], [bytes.fromhex(one) for one in proof["signatures"]]
        accounts = [one["account"] for one in signers]
        need(len(signatures) == len(signers) == len(set(accounts)), 7, name, "signers")
        for one, signature in zip(signers, signatures):  # noqa: B905
            if one["algorithm"] in OTHER_ALGORITHMS:
                need(good_key(one["algorithm"], one["key"]), 7, name, "key")
                raise Unsupported(f"{name}: signatures of {one['algorithm']} are beyond this verifier")
            need(one["algorithm"] in CURVES, 7, name, "algorithm")
            good = elliptic(CURVES[one["algorithm"]], bytes.fromhex(one["key"]), data, signature)
            need(good, 7, name, "signature")
        n, index, count = len(signatures), proof["index"], proof["count"]
        head = bytes((0x90 + n,)) if n < 16 else b"\xdc" + n.to_bytes(2, "big")
        envelope = self.digest(b"\x93\x01" + blob(data) + head + b"".join(map(blob, signatures)))
        need(count == header["transaction_count"], 7, name, "count")
        root = climb(self.digest, envelope, index, count, proof["transaction_path"])
        need(root == header["transaction_root"], 7, name, "transaction root")
        receipt = self.load(7, f"receipts/{of}.json", "Receipt")
        root = climb(self.digest, receipt_data, index, count, proof["receipt_path"])
        need(root == header["receipt_root"], 7, name, "receipt root")
        expected = (of, header["height"], index)
        need((receipt["transaction"], receipt["height"], receipt["index"]) == expected, 7, name, "another receipt")
        if claim["kind"] == "evidence":
            need(body["type"] in RECORDS and body["version"] == 1 and not receipt["code"], 7, name, "no record")
        named = [event["organisation"] for event in receipt["events"] if event["organisation"]]
        organisation = named[0] if named else self.accounts.get(accounts[0])
        return {**claim, "body": body, "receipt": receipt, "organisation": organisation, "accounts": accounts}

    def check_item(self, name: str, item: dict[str, Any]) -> None:
        """The rules of an item's fields that its shape does not say."""
        fields = [one["field"] for one in item["commitments"]]
        private = item["sm3"] is None
        good = rising(fields) and private == (item["sha256"] is None) == ("content" in fields)
        need(good and re.fullmatch("[ -~]*", item["media_type"]) is not None, 8, name, "item")
        if item["name"] is not None:
            need(item["name"] != "" and not CONTROL.search(item["name"]) and "name" not in fields, 8, name, "name")

    def check_evidence(self, fact: dict[str, Any]) -> None:
        """Step 8."""
        of, member, payload = fact["transaction"], fact["member"], fact["body"]["payload"]
        name, place = f"bodies/{of}.json", of if member is None else f"{of}-{member}"
        need(fits(payload, fact["body"]["type"]), 8, name, "payload")
        item = fact["item"] = payload.get("subject")
        if item is not None:
            self.check_item(name, item)
        if member is not None:
            need("root" in payload, 8, name, "not a batch")
            name = f"attachments/item-{place}.json"
            item = fact["item"] = self.load(8, name, "Item")
            self.check_item(name, item)
            proof_name = f"proofs/member-{place}.json"
            proof = self.load(8, proof_name, "Leaf")
            need((proof["index"], proof["count"]) == (member, payload["count"]), 8, proof_name, "another leaf")
            root = climb(self.digest, self.members[name], member, payload["count"], proof["path"])
            need(root == payload["root"], 8, proof_name, "root")
        name, fact["openings"] = f"attachments/openings-{place}.json", []
        if name in self.members:
            fact["openings"] = self.load(8, name, "Openings")["openings"]
            need(item is not None and rising([one["field"] for one in fact["openings"]]), 8, name, "openings")
            held = {one["field"]: one["value"] for one in item["commitments"]}
            for one in fact["openings"]:
                salt = bytes.fromhex(one["salt"])
                value = self.tagged("govchain/commitment/1", salt, one["field"], one["value"]).hex()
                need(held.get(one["field"]) == value, 8, name, one["field"])

    def check_status(self, fact: dict[str, Any]) -> None:
        """Step 9."""
        of, member, header = fact["transaction"], fact["member"], self.headers[fact["status_height"]]
        name = f"proofs/status-{of if member is None else f'{of}-{member}'}.json"
        proof = self.load(9, name, "Status")
        parts = [bytes.fromhex(proof[part]) for part in ("previous", "delta", "live")]
        good = self.tagged("govchain/state/1", *parts).hex() == header["state_root"]
        need(good and proof["height"] == header["height"], 9, name, "state root")
        key = b"evidence.mark/" + bytes.fromhex(of)
        keys = [key] if member is None else [key, key + struct.pack(">I", member)]
        need([one["key"] for one in proof["entries"]] == [one.hex() for one in keys], 9, name, "keys")
        fact["mark"] = None
        for key, entry in reversed(list(zip(keys, proof["entries"]))):  # noqa: B905
            need(descend(self.digest, key, entry) == proof["live"], 9, name, "live root")
            if entry["value"] is not None:
                fact["mark"] = bytes.fromhex(entry["value"])
        if fact["mark"] is not None:
            fact["mark"] = parse(fact["mark"], 9, name)
            need(fits(fact["mark"], "Mark"), 9, name, "mark")

    def check_original(self, size: int, digest: str, other: str) -> None:
        """Step 11."""
        for fact in self.claims:
            item = fact.get("item")
            if item is None or item["size"] != size:
                continue
            opened = [one["value"] for one in fact["openings"] if one["field"] == "content"]
            if (item["sm3"], item["sha256"]) == (digest, other) or (item["sm3"] is None and opened == [digest]):
                return
        raise Refused(11, "", "the original is not that of an item")

    # ---- The statement (evidence-package.md 5 and 6) -----------------------------------------------------------------

    def organisation(self, code: str | None, language: int) -> str:
        """An organisation as the statement names it."""
        if code is None:
            return WORDS["organisation.unknown"][language]
        if code not in self.names:
            return shown(code)
        return WORDS["organisation.named"][language].format(name=shown(self.names[code]), code=shown(code))

    def statement(self, language: int) -> str:
        """The statement in English (0) or Chinese (1)."""
        lines: list[str] = []

        def say(key: str, **values: Any) -> None:
            lines.append(WORDS[key][language].format(**values))

        last = self.headers[self.heights[-1]]
        say("title")
        say("chain", chain=self.genesis["chain"])
        say("genesis", genesis=self.manifest["genesis"])
        if self.genesis["test_clock"]:
            say("test_clock")
        say("as_of", height=last["height"], time=when(last["time"]))
        say("claims", count=len(self.claims))
        for number, fact in enumerate(self.claims, 1):
            header, body, receipt = self.headers[fact["height"]], fact["body"], fact["receipt"]
            count, place = header["transaction_count"], receipt["index"] + 1
            lines.append("")
            say("claim", number=number)
            say("transaction", transaction=fact["transaction"])
            say("type", type=shown(body["type"]), version=body["version"])
            say("committed", height=header["height"], time=when(header["time"]), place=place, count=count)
            say("code", code=receipt["code"])
            say("organisation", organisation=self.organisation(fact["organisation"], language))
            for account in fact["accounts"]:
                say("account", account=account)
            if fact["kind"] == "evidence":
                self.say_evidence(fact, language, say)
        lines.append("")
        for key in ("title", "truth", "person", "later", "keys"):
            say(f"not_proved.{key}")
        return "".join(line + "\n" for line in lines)

    def say_evidence(self, fact: dict[str, Any], language: int, say: Callable[..., None]) -> None:
        """The lines of one record."""

        def captured(capture: dict[str, Any]) -> None:
            method = WORDS["method." + capture["method"]][language]
            say("captured", method=method, time=when(capture["time"]))

        def reason(name: str) -> None:
            say("reason", reason=WORDS[f"reason.{name}"][language])

        payload, item, member, mark = fact["body"]["payload"], fact["item"], fact["member"], fact["mark"]
        if payload["reference"]:
            say("reference", reference=shown(payload["reference"]))
        if "root" in payload:
            say("batch", count=payload["count"], size=payload["total_size"], root=payload["root"])
            if member is None:
                captured(payload["capture"])
            else:
                say("member", place=member + 1, count=payload["count"])
        if fact["body"]["type"] == "evidence.supplement":
            say("supplements", evidence=payload["evidence"])
        if fact["body"]["type"] == "evidence.supersede":
            earlier = payload["member"]
            key = "supersedes" if earlier is None else "supersedes_member"
            say(key, evidence=payload["evidence"], place=(earlier or 0) + 1)
            reason(payload["reason"])
        if item is not None:
            say("name_private" if item["name"] is None else "name", name=shown(item["name"] or ""))
            say("size", size=item["size"])
            for key in ("content_private",) if item["sm3"] is None else ("sm3", "sha256"):
                say(key, sm3=item["sm3"], sha256=item["sha256"])
            say("media_type", media_type=shown(item["media_type"]))
            captured(item["capture"])
        for one in fact["openings"]:
            say("opened", field=WORDS["field." + one["field"]][language], value=shown(one["value"]))
        header = self.headers[fact["status_height"]]
        say(f"status.{mark['kind'] if mark else 'in_force'}", height=header["height"], time=when(header["time"]))
        if mark:
            say("marked", transaction=mark["by"], time=when(mark["time"]))
            organisation = self.organisation(mark["organisation"], language)
            say("marked_by", organisation=organisation, account=mark["account"])
            reason(mark["reason"])
        if "root" in payload and member is None:
            say("batch_status")

    # ---- Step 12 -----------------------------------------------------------------------------------------------------

    def trusted(self, genesis: list[str], headers: list[bytes]) -> tuple[str, str, list[str]]:
        """What vouches for the package or an empty text, why nothing does, and what else is to be known."""
        by = "genesis" if self.manifest["genesis"] in genesis else ""
        last, proved, lacking, unshown = self.heights[-1], set(self.pairs), 0, set()
        for data in headers:
            anchor = json.loads(data)
            height = anchor["height"]
            if anchor["chain"] != self.genesis["chain"]:
                continue
            if height in self.headers:
                if self.headers[height]["identity"] != self.tagged("govchain/header/1", data):
                    return "", f"block {height} is not the trusted one", []
                # A later header may be signed by the very keys that forge: what lies below, the trusted one proves.
                wanted = {(low, height) for low in self.claimed if low < height}
                wanted |= {(low, last) for low in {height, *self.claimed} if height <= low < last}
                if wanted <= proved:
                    by = by or f"header {height}"
                    continue
            lacking = lacking or height
            if height <= last:
                unshown.add(height)
        reason = "no trusted genesis or header of this chain"
        if lacking:
            reason = f"does not show that it contains the trusted block {lacking}"
        notes = [f"trusted block {height} is not shown to be part of this past" for height in sorted(unshown)]
        return by, "" if by else reason, notes


def shown(text: str) -> str:
    """Text from the chain on one line, nothing in it hidden."""

    def escaped(found: re.Match[str]) -> str:
        number = ord(found.group())
        return f"\\u{number:04x}" if number < 1 << 16 else f"\\U{number:08x}"

    return HIDDEN.sub(escaped, text.replace("\\", "\\\\"))


def when(time: int) -> str:
    """RFC 3339 in China time; 400 years have 146,097 days, so that any year can be told."""
    days, rest = divmod(time + 28_800_000, 86_400_000)
    date = datetime.date(1970, 1, 1) + datetime.timedelta(days=days % 146_097)
    seconds, millis = divmod(rest, 1000)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis:03d}"
    return f"{date.year + days // 146_097 * 400:04d}-{date.month:02d}-{date.day:02d}T{clock}+08:00"


WORDS = {
    key: (english, chinese)
    for key, english, chinese in (
        line.split(" | ")
        for line in """
title | GovChain evidence package | 政链存证证明包
chain | Chain: {chain} | 链：{chain}
genesis | Genesis fingerprint: {genesis} | 创世文件指纹：{genesis}
test_clock | Test chain: its clock can be moved, so its times prove nothing. | 测试链：时钟可被调整，所载时间不具证明力。
as_of | As of: block {height}, {time} | 截至：第 {height} 区块，{time}
claims | Claims: {count} | 证明事项：{count} 项
claim | Claim {number} | 事项 {number}
transaction | Transaction: {transaction} | 交易：{transaction}
type | Type: {type}, version {version} | 类型：{type}，版本 {version}
committed | Committed: block {height}, {time}, number {place} of {count} | 上链：第 {height} 区块，{time}，区块内第 {place} 笔，共 {count} 笔
code | Result code: {code} | 结果码：{code}
organisation | Organisation: {organisation} | 机构：{organisation}
organisation.named | {name} ({code}) | {name}（{code}）
organisation.unknown | named neither by the receipt nor by genesis | 回执与创世文件均未载明
account | Signed by account: {account} | 签名账户：{account}
reference | Business reference: {reference} | 业务编号：{reference}
batch | Batch: {count} items, {size} bytes, root {root} | 批次：共 {count} 项，{size} 字节，根 {root}
member | Item: number {place} of {count} | 存证项：第 {place} 项，共 {count} 项
supplements | Supplements: {evidence} | 补充的存证：{evidence}
supersedes | Supersedes: {evidence} | 取代的存证：{evidence}
supersedes_member | Supersedes: {evidence}, item number {place} | 取代的存证：{evidence}，第 {place} 项
reason | Reason: {reason} | 原因：{reason}
reason.duplicate | duplicate | 重复
reason.error | error | 有误
reason.expired | expired | 已过期
reason.lawful_order | lawful order | 依法处置
reason.other | other | 其他
name | Name: {name} | 名称：{name}
name_private | Name: not public | 名称：未公开
size | Size: {size} bytes | 大小：{size} 字节
sm3 | SM3: {sm3} | SM3：{sm3}
sha256 | SHA-256: {sha256} | SHA-256：{sha256}
content_private | Content digests: not public | 内容摘要：未公开
media_type | Media type: {media_type} | 媒体类型：{media_type}
captured | Captured, as the submitter says: {method}, {time} | 采集（提交者自述）：{method}，{time}
method.api | interface | 接口
method.file | file | 文件
method.folder | folder | 文件夹
method.other | other | 其他
method.screenshot | screenshot | 截屏
method.stream | stream | 数据流
opened | Opened commitment, {field}: {value} | 揭示的承诺，{field}：{value}
field.content | content digest | 内容摘要
field.name | name | 名称
field.note | note | 备注
status.in_force | Status at block {height}, {time}: in force | 第 {height} 区块（{time}）时的状态：有效
status.superseded | Status at block {height}, {time}: superseded | 第 {height} 区块（{time}）时的状态：已被取代
status.withdrawn | Status at block {height}, {time}: withdrawn | 第 {height} 区块（{time}）时的状态：已撤回
batch_status | This is the status of the batch as a whole; single items may have been marked on their own. | 此为整个批次的状态；其中单项可能另有标记。
marked | Marked by transaction: {transaction}, {time} | 标记交易：{transaction}，{time}
marked_by | Marked by organisation: {organisation}, account {account} | 标记机构：{organisation}，账户 {account}
not_proved.title | What this package does not prove: | 本证明包不证明：
not_proved.truth | - that the content was true when it was anchored; | - 内容在存证时是否真实；
not_proved.person | - who the person behind an account is, beyond the organisation named above; | - 账户背后的自然人身份，上述机构除外；
not_proved.later | - that nothing was withdrawn or superseded after the block whose status is stated; | - 所述状态区块之后未发生撤回或取代；
not_proved.keys | - that members who left signed no other past with their old keys; a later certified header excludes it. | - 已退出成员的密钥未被用于签署另一份历史；更晚的已认证区块头可予排除。
""".strip().splitlines()  # noqa: E501
    )
}


def pieces(path: str) -> Iterable[bytes]:
    """A regular file in pieces; pipes and devices, which may never end, are not opened to be waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"not a regular file: {path}")
        yield from iter(lambda: file.read(CHUNK), b"")


def read(path: str, limit: int) -> bytes:
    """A regular file; of one that is larger than ``limit`` some more bytes than that."""
    data = bytearray()
    for piece in pieces(path):
        data += piece
        if len(data) > limit:
            break
    return bytes(data)


def read_anchors(paths: list[str]) -> tuple[list[str], list[bytes]]:
    """Genesis fingerprints and headers in the files that the user trusts."""
    genesis, headers = [], []
    for path in paths:
        data = read(path, TRUST_MAX)
        need(len(data) <= TRUST_MAX, 12, path, "too large")
        value = parse(data.rstrip(b" \t\r\n"), 12, path, canonical=False)
        if fits(value, "Genesis"):
            check_genesis(value, 12, path)
            digest = suite_of(value["suite"])[0]
            genesis.append(digest(frame("govchain/genesis/1", canonical_json(value))).hex())
            continue
        need(fits(value, "Certified"), 12, path, "neither a genesis nor a certified header")
        header = canonical_json(value["header"])
        identity = suite_of(value["suite"])[0](frame("govchain/header/1", header))
        check_certificate(value["suite"], {**value["header"], "identity": identity}, value["certificate"], 12, path)
        headers.append(header)
    return genesis, headers


def standing(records: list[dict[str, Any]]) -> list[str]:
    """The last lines for people: what is known of the status of these records."""
    whole = [fact["item"] is None for fact in records]
    lines = []
    for fact, batch in zip(records, whole):  # noqa: B905
        if fact["mark"]:
            lines.append(f"{'The batch as a whole' if batch else 'A record'} was {fact['mark']['kind']}.")
    if not records:
        lines = ["未载明任何存证的状态。", "No record's status is stated."]
    elif not lines and all(whole):
        lines = ["整个批次有效；其中单项可能另有标记。", "In force: the batch as a whole; single items may be marked."]
    elif not lines:
        lines = ["All records are in force" + (", of a batch the batch as a whole." if any(whole) else ".")]
    return lines


def verify(
    data: bytes, genesis: list[str], headers: list[bytes], original: tuple[int, str, str] | None = None
) -> dict[str, Any]:
    """All twelve steps: a report with ``exit_code`` 0, 1, 3, 4 or 5; ``original`` is what :func:`digests` gives."""
    try:
        package = Package(data)
        if original is not None:
            package.check_original(*original)
        by, reason, notes = package.trusted(genesis, headers)
    except Refused as refusal:
        step, member, reason = refusal.args
        return {"exit_code": 1, "step": step, "member": member, "reason": reason}
    except Unsupported as limit:
        return {"exit_code": 5, "reason": str(limit)}
    records = [fact for fact in package.claims if fact["kind"] == "evidence"]
    marks = [fact["mark"]["kind"] for fact in records if fact["mark"]]
    return {
        "exit_code": 3 if not by else 4 if marks else 0,
        "trusted": by,
        "reason": reason,
        "notes": notes,
        "marks": marks,
        "in_force": not marks if records else None,
        "status": standing(records),
        "original": original is not None,
        "finality": f"{package.finality}; {package.changes} changes",
        "statement": {"en": package.statement(0), "zh": package.statement(1)},
    }


def main(arguments: list[str] | None = None) -> int:
    """The command; its answer is the exit code."""
    parser = argparse.ArgumentParser(description="Checks a GovChain evidence package offline.")
    parser.add_argument("file", help="the package (.gcp)")
    parser.add_argument("--original", help="the file that the evidence is about")
    parser.add_argument("--trust", action="append", default=[], help="a genesis or certified header that you trust")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        genesis, headers = read_anchors(options.trust)
        original = digests(pieces(options.original)) if options.original else None
        report = verify(read(options.file, FILE_MAX), genesis, headers, original)
    except Refused as refusal:
        parser.error(f"{refusal.args[1]}: {refusal.args[2]}")
    except (OSError, MemoryError, ValueError) as error:
        report = {"exit_code": 5, "reason": str(error)}
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    elif report["exit_code"] in (1, 5):
        where = f" at step {report['step']} {report['member']}" if "step" in report else ""
        print(f"{'REFUSED' if report['exit_code'] == 1 else 'NOT CHECKED'}{where}: {report['reason']}")
    else:
        print(report["statement"]["zh"], report["statement"]["en"], sep="\n")
        if report["trusted"]:
            print("\n".join((f"Trusted by {report['trusted']}.", *(f"Note: {note}." for note in report["notes"]))))
        else:
            print(f"Self-consistent, issuer NOT trusted: {report['reason']}.")
        print(*report["status"], f"Final by {report['finality']} of members.", sep="\n")
    return int(report["exit_code"])


if __name__ == "__main__":
    sys.exit(main())
