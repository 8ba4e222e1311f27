"""SM2 in plain integers: slow, obvious, and sharing nothing with the module under test.

Written from GB/T 32918 alone; affine arithmetic with ``pow(x, -1, p)``. Points are ``(x, y)`` or ``None``.
"""

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

Point = tuple[int, int] | None


def add(first: Point, second: Point) -> Point:
    if first is None:
        return second
    if second is None:
        return first
    if first[0] == second[0]:
        if (first[1] + second[1]) % P == 0:
            return None
        slope = (3 * first[0] ** 2 + A) * pow(2 * first[1], -1, P)
    else:
        slope = (second[1] - first[1]) * pow(second[0] - first[0], -1, P)
    x = (slope**2 - first[0] - second[0]) % P
    return x, (slope * (first[0] - x) - first[1]) % P


def multiply(k: int, point: Point) -> Point:
    total = None
    for bit in f"{k % N:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def negate(point: Point) -> Point:
    return None if point is None else (point[0], -point[1] % P)


def lift_x(x: int) -> Point:
    """A point with this abscissa, or None."""
    square = (x**3 + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y) if y * y % P == square else None


def number(value: int) -> bytes:
    return value.to_bytes(32, "big")


def point_bytes(point: Point) -> bytes:
    assert point is not None
    return number(point[0]) + number(point[1])


def sign_digest(private: int, digest: int, nonce: int, point: Point) -> bytes:
    """GB/T 32918.2 6.1 over a given e and k, with kG."""
    assert point is not None
    r = (digest + point[0]) % N
    s = pow(1 + private, -1, N) * (nonce - r * private) % N
    assert r
    assert s
    assert (r + nonce) % N
    return number(r) + number(s)


def holds(public: bytes, digest: int, signature: bytes) -> bool:
    """The verification equation of GB/T 32918.2 7.1 for numbers and keys that are in range."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key = int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big")
    point = add(multiply(s, G), multiply(r + s, key))
    return point is not None and (digest + point[0]) % N == r
