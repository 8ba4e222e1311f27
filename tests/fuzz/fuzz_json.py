"""Strict JSON: whatever the bytes, our own error or a value that Python's own parser reads the same way."""

import json

from govchain.model import DecodingError
from govchain.model.canonical import prescan

SEEDS = [
    b"{}",
    b'{"a":1,"b":[true,false,null,"x"],"c":{"d":-9007199254740991}}',
    '{"键":"值 \\u00e9 \\ud83d\\ude00 \\n"}'.encode(),
    b'{"a":1,"\\u0061":2}',
    b'{"a":1.5}',
    b'{"a":1e3}',
    b'{"a":-0}',
    b'{"a":"\\ud800"}',
    b"\xef\xbb\xbf{}",
    b"{} ",
    b'{"a":' * 20 + b"1" + b"}" * 20,
]
DEPTH_MAX = 16
INTEGER_MAX = 2**53 - 1


def _no_repetition(pairs):
    assert len({name for name, _ in pairs}) == len(pairs), "accepted a key twice"
    return dict(pairs)


def _no_fraction(text):
    raise AssertionError(f"accepted the number {text}")


def _integer(text):
    assert text != "-0", "accepted -0"
    assert abs(int(text)) <= INTEGER_MAX, "accepted an integer out of range"
    return int(text)


def _depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def one(data):
    try:
        prescan(data, size_max=4096, depth_max=DEPTH_MAX)
    except DecodingError:
        return
    value = json.loads(
        data.decode("utf-8"),
        object_pairs_hook=_no_repetition,
        parse_float=_no_fraction,
        parse_constant=_no_fraction,
        parse_int=_integer,
    )
    assert isinstance(value, dict)
    assert _depth(value) <= DEPTH_MAX
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate would not encode
