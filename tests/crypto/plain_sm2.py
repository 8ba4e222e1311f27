"""SM2 and SM3 written plainly from GB/T 32918 and GB/T 32905: slow, small, sharing nothing with what it checks.

Every function takes its nonce as an argument, so that the standard's examples can be followed step by step and
signatures can be forged at the edges. For tests only: nothing here is constant-time.
"""

from __future__ import annotations

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
G = (GX, GY)
DEFAULT_ID = b"1234567812345678"

Point = tuple[int, int] | None

_MASK = 0xFFFFFFFF
_IV = (0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E)


def _rotate(word: int, by: int) -> int:
    by %= 32
    return ((word << by) | (word >> (32 - by))) & _MASK


def sm3(message: bytes) -> bytes:
    """GB/T 32905 5: padding, message expansion, compression."""
    padded = message + b"\x80" + b"\x00" * ((55 - len(message)) % 64) + (8 * len(message)).to_bytes(8, "big")
    state = _IV
    for start in range(0, len(padded), 64):
        block = padded[start : start + 64]
        w = [int.from_bytes(block[i : i + 4], "big") for i in range(0, 64, 4)]
        for j in range(16, 68):
            x = w[j - 16] ^ w[j - 9] ^ _rotate(w[j - 3], 15)
            w.append(x ^ _rotate(x, 15) ^ _rotate(x, 23) ^ _rotate(w[j - 13], 7) ^ w[j - 6])
        a, b, c, d, e, f, g, h = state
        for j in range(64):
            constant = 0x79CC4519 if j < 16 else 0x7A879D8A
            ss1 = _rotate((_rotate(a, 12) + e + _rotate(constant, j)) & _MASK, 7)
            ss2 = ss1 ^ _rotate(a, 12)
            ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
            gg = e ^ f ^ g if j < 16 else (e & f) | (~e & _MASK & g)
            tt1 = (ff + d + ss2 + (w[j] ^ w[j + 4])) & _MASK
            tt2 = (gg + h + ss1 + w[j]) & _MASK
            d, c, b, a = c, _rotate(b, 9), a, tt1
            h, g, f, e = g, _rotate(f, 19), e, tt2 ^ _rotate(tt2, 9) ^ _rotate(tt2, 17)
        state = tuple(x ^ y for x, y in zip(state, (a, b, c, d, e, f, g, h), strict=True))
    return b"".join(x.to_bytes(4, "big") for x in state)


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    key = (sm3(key) if len(key) > 64 else key).ljust(64, b"\x00")
    inner = sm3(bytes(x ^ 0x36 for x in key) + data)
    return sm3(bytes(x ^ 0x5C for x in key) + inner)


def pbkdf2_hmac_sm3(password: bytes, salt: bytes, iterations: int, length: int) -> bytes:
    """RFC 8018 5.2 with HMAC-SM3."""
    output = b""
    index = 1
    while len(output) < length:
        block = last = hmac_sm3(password, salt + index.to_bytes(4, "big"))
        for _ in range(iterations - 1):
            last = hmac_sm3(password, last)
            block = bytes(x ^ y for x, y in zip(block, last, strict=True))
        output += block
        index += 1
    return output[:length]


def on_curve(point: Point) -> bool:
    if point is None:
        return False
    x, y = point
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x * x + A * x + B)) % P == 0


def _double(point: tuple[int, int, int]) -> tuple[int, int, int]:
    x, y, z = point
    if z == 0 or y == 0:
        return (1, 1, 0)
    s = 4 * x * y * y % P
    m = (3 * x * x + A * pow(z, 4, P)) % P
    x3 = (m * m - 2 * s) % P
    return (x3, (m * (s - x3) - 8 * pow(y, 4, P)) % P, 2 * y * z % P)


def _add(first: tuple[int, int, int], second: tuple[int, int, int]) -> tuple[int, int, int]:
    if first[2] == 0:
        return second
    if second[2] == 0:
        return first
    x1, y1, z1 = first
    x2, y2, z2 = second
    u1, u2 = x1 * z2 * z2 % P, x2 * z1 * z1 % P
    s1, s2 = y1 * pow(z2, 3, P) % P, y2 * pow(z1, 3, P) % P
    if u1 == u2:
        return _double(first) if s1 == s2 else (1, 1, 0)
    h, r = u2 - u1, s2 - s1
    x3 = (r * r - h * h * h - 2 * u1 * h * h) % P
    return (x3, (r * (u1 * h * h - x3) - s1 * h * h * h) % P, h * z1 * z2 % P)


def _affine(point: tuple[int, int, int]) -> Point:
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    return (x * inverse * inverse % P, y * inverse * inverse * inverse % P)


def add(first: Point, second: Point) -> Point:
    to = lambda p: (1, 1, 0) if p is None else (*p, 1)  # noqa: E731
    return _affine(_add(to(first), to(second)))


def multiply(scalar: int, point: Point = G) -> Point:
    if point is None:
        return None
    result = (1, 1, 0)
    for bit in f"{scalar % N:b}":
        result = _double(result)
        if bit == "1":
            result = _add(result, (*point, 1))
    return _affine(result)


def negate(point: Point) -> Point:
    return None if point is None else (point[0], -point[1] % P)


def encode_point(point: Point) -> bytes:
    """X‖Y; the point at infinity, which has no coordinates, as 64 zero bytes."""
    return bytes(64) if point is None else point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def decode_point(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")


def lift_x(x: int) -> Point:
    """A point with this x, if there is one (p = 3 mod 4)."""
    square = (pow(x, 3, P) + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y) if y * y % P == square else None


def za(public: Point, signer_id: bytes = DEFAULT_ID) -> bytes:
    assert public is not None
    parts = (A, B, GX, GY, *public)
    return sm3((8 * len(signer_id)).to_bytes(2, "big") + signer_id + b"".join(v.to_bytes(32, "big") for v in parts))


def message_number(public: Point, message: bytes, signer_id: bytes = DEFAULT_ID) -> int:
    return int.from_bytes(sm3(za(public, signer_id) + message), "big")


def sign(secret: int, message: bytes, k: int, signer_id: bytes = DEFAULT_ID) -> tuple[int, int] | None:
    """GB/T 32918.2 6.1 with the nonce given; None where the standard asks for another nonce."""
    e = message_number(multiply(secret), message, signer_id)
    point = multiply(k)
    assert point is not None
    r = (e + point[0]) % N
    if r == 0 or r + k == N:
        return None
    s = pow(1 + secret, -1, N) * (k - r * secret) % N
    return None if s == 0 else (r, s)


def verify(public: Point, message: bytes, r: int, s: int, signer_id: bytes = DEFAULT_ID) -> bool:
    """GB/T 32918.2 7.1."""
    if not on_curve(public) or not 0 < r < N or not 0 < s < N:
        return False
    t = (r + s) % N
    if t == 0:
        return False
    point = add(multiply(s), multiply(t, public))
    return point is not None and (message_number(public, message, signer_id) + point[0]) % N == r


def kdf(seed: bytes, length: int) -> bytes:
    output = b""
    counter = 1
    while len(output) < length:
        output += sm3(seed + counter.to_bytes(4, "big"))
        counter += 1
    return output[:length]


def encrypt(public: Point, plaintext: bytes, k: int) -> bytes | None:
    """GB/T 32918.4 6.1: 04‖C1‖C3‖C2; None where the standard asks for another nonce."""
    shared = encode_point(multiply(k, public))
    mask = kdf(shared, len(plaintext))
    if not any(mask):
        return None
    c2 = bytes(x ^ y for x, y in zip(plaintext, mask, strict=True))
    c3 = sm3(shared[:32] + plaintext + shared[32:])
    return b"\x04" + encode_point(multiply(k)) + c3 + c2


def decrypt(secret: int, ciphertext: bytes) -> bytes | None:
    """GB/T 32918.4 7.1 over 04‖C1‖C3‖C2; None where it does not hold."""
    c1 = decode_point(ciphertext[1:65])
    if ciphertext[0] != 4 or not on_curve(c1):
        return None
    shared = encode_point(multiply(secret, c1))
    c3, c2 = ciphertext[65:97], ciphertext[97:]
    mask = kdf(shared, len(c2))
    plaintext = bytes(x ^ y for x, y in zip(c2, mask, strict=True))
    return plaintext if any(mask) and sm3(shared[:32] + plaintext + shared[32:]) == c3 else None
