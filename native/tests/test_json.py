"""The pre-scan against a reference made from Python's own decoder."""

import json
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import govchain_native as native

MAX_BYTES, MAX_DEPTH = 1 << 16, 5
SURROGATE = re.compile("[\ud800-\udfff]")


class Refused(Exception):
    """A text that the rules, or JSON itself, refuse."""


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Refused("duplicate")
    return dict(pairs)


def _integer(text: str) -> int:
    if text == "-0" or len(text) > 20 or abs(int(text)) > 2**53 - 1:
        raise Refused("integer")
    return int(text)


def _no(text: str) -> object:
    raise Refused(text)


def _check(value: object, depth: int) -> None:
    if isinstance(value, str) and SURROGATE.search(value):
        raise Refused("surrogate")
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise Refused("depth")
        for item in value if isinstance(value, list) else value.values():
            _check(item, depth + 1)
        if isinstance(value, dict):
            for key in value:
                _check(key, depth + 1)


def reference_accepts(data: bytes) -> bool:
    """Whether Python's decoder, made strict, accepts the text."""
    try:
        text = data.decode("utf-8")
        if len(data) > MAX_BYTES or text.startswith("\ufeff"):
            return False
        stripped = text.lstrip(" \t\r\n")
        decoder = json.JSONDecoder(
            object_pairs_hook=_pairs, parse_int=_integer, parse_float=_no, parse_constant=_no, strict=True
        )
        value, end = decoder.raw_decode(stripped)
        if end != len(stripped) or not isinstance(value, dict):
            return False
        _check(value, 1)
    except (ValueError, Refused, RecursionError):
        return False
    return True


def accepts(data: bytes) -> bool:
    code, offset = native.prescan_json(data, MAX_BYTES, MAX_DEPTH)
    assert 0 <= code <= 11
    assert 0 <= offset <= len(data)
    assert (code == native.JSON_OK) == (offset == len(data) and code == 0)
    return code == native.JSON_OK


CASES = [
    (b"{}", native.JSON_OK, 2),
    (b' \t\r\n{"a":[{}, [], -1, 9007199254740991, true, false, null, "\\ud83d\\ude00"]}', native.JSON_OK, 75),
    (b"", native.JSON_SYNTAX, 0),
    (b"  ", native.JSON_SYNTAX, 2),
    (b"nope", native.JSON_NOT_OBJECT, 0),
    (b"x", native.JSON_SYNTAX, 0),
    (b"[{}]", native.JSON_NOT_OBJECT, 0),
    (b'"{}"', native.JSON_NOT_OBJECT, 0),
    (b"\xef\xbb\xbf{}", native.JSON_BOM, 0),
    (b"\xff\xfe{}", native.JSON_NOT_UTF8, 0),
    (b'{"\xed\xa0\x80":1}', native.JSON_NOT_UTF8, 2),
    (b'{"\xc0\x80":1}', native.JSON_NOT_UTF8, 2),
    (b"{} ", native.JSON_TRAILING, 2),
    (b"{}\x00", native.JSON_TRAILING, 2),
    (b"{}\n", native.JSON_TRAILING, 2),
    (b'{"a":1,"a":2}', native.JSON_DUPLICATE_KEY, 7),
    (b'{"\\u00e9":1,"\xc3\xa9":2}', native.JSON_DUPLICATE_KEY, 12),
    (b'{"/":1,"\\/":2}', native.JSON_DUPLICATE_KEY, 7),
    (b'{"a":{"a":1},"b":{"a":1}}', native.JSON_OK, 25),
    (b'{"a":1.5}', native.JSON_FLOAT, 5),
    (b'{"a":1E2}', native.JSON_FLOAT, 5),
    (b'{"a":1.0}', native.JSON_FLOAT, 5),
    (b'{"a":1e}', native.JSON_SYNTAX, 7),
    (b'{"a":-}', native.JSON_SYNTAX, 6),
    (b'{"a":NaN}', native.JSON_SYNTAX, 5),
    (b'{"a":Infinity}', native.JSON_SYNTAX, 5),
    (b'{"a":-0}', native.JSON_INTEGER_RANGE, 5),
    (b'{"a":9007199254740992}', native.JSON_INTEGER_RANGE, 5),
    (b'{"a":-9007199254740991}', native.JSON_OK, 23),
    (b'{"a":-9007199254740992}', native.JSON_INTEGER_RANGE, 5),
    (b'{"a":' + b"9" * 5000 + b"}", native.JSON_INTEGER_RANGE, 5),
    (b'{"a":"\\udfff"}', native.JSON_LONE_SURROGATE, 6),
    (b'{"\\ud800":1}', native.JSON_LONE_SURROGATE, 2),
    (b'{"a":"\\ud800\\n"}', native.JSON_LONE_SURROGATE, 6),
    (b'{"a":"\\ud800\\ud800"}', native.JSON_LONE_SURROGATE, 6),
    (b'{"a":"\\uD83D\\uDE0"}', native.JSON_SYNTAX, 17),
    (b'{"a":"\x1f"}', native.JSON_SYNTAX, 6),
    (b'{"a":"\x7f"}', native.JSON_OK, 9),
    (b'{"a":"', native.JSON_SYNTAX, 6),
    (b"{'a':1}", native.JSON_SYNTAX, 1),
    (b'{"a" 1}', native.JSON_SYNTAX, 5),
    (b'{"a":1 "b":2}', native.JSON_SYNTAX, 7),
    (b'{"a":[1}', native.JSON_SYNTAX, 7),
    (b'{"a":[[[[[]]]]]}', native.JSON_DEPTH, 9),
    (b'{"a":[[[[]]]]}', native.JSON_OK, 14),
    (b'{"a":/**/1}', native.JSON_SYNTAX, 5),
    (b'{"a":\xc2\xa01}', native.JSON_SYNTAX, 5),
]


@pytest.mark.parametrize(("data", "code", "offset"), CASES)
def test_codes_and_offsets(data: bytes, code: int, offset: int) -> None:
    assert native.prescan_json(data, MAX_BYTES, MAX_DEPTH) == (code, offset)
    assert reference_accepts(data) == (code == native.JSON_OK)


def test_limits() -> None:
    assert native.prescan_json(b"{}", 2, 1) == (native.JSON_OK, 2)
    assert native.prescan_json(b"{}", 1, 1) == (native.JSON_TOO_LARGE, 1)
    assert native.prescan_json(b"{}", 2, 0) == (native.JSON_DEPTH, 0)
    for bad in (-1, 2**64):
        with pytest.raises(ValueError):
            native.prescan_json(b"{}", bad, 1)
    with pytest.raises(TypeError):
        native.prescan_json("{}", 2, 1)  # type: ignore[arg-type]


texts = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["a", "b", "\x00", '"', "\\", "é"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**54), 2**54)
    | st.sampled_from([2**53 - 1, 2**53, -(2**53), 0.5, 1e300])
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=20),
    max_leaves=20,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(texts, values, max_size=20), st.booleans(), st.sampled_from([None, 1]))
def test_encoded_values(value: dict[str, object], ascii_only: bool, indent: int | None) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert accepts(data) == reference_accepts(data)


@settings(max_examples=1000, deadline=None)
@given(st.dictionaries(texts, values, max_size=6), st.booleans(), st.data())
def test_mutated_texts(value: dict[str, object], ascii_only: bool, data: st.DataObject) -> None:
    text = bytearray(json.dumps(value, ensure_ascii=ascii_only).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        piece = data.draw(
            st.sampled_from(
                [b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b".", b"e", b" ", b"\\ud800",
                 b"\\udc00", b"\\u0061", b"\x00", b"\xff", b"\xed\xa0\x80", b'"a":1,', b"1e1", b"true"]
            )
        )  # fmt: skip
        text[at : at + data.draw(st.integers(0, 2))] = piece
    assert accepts(bytes(text)) == reference_accepts(bytes(text))


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["{", "}", "[", "]", ",", ":", '"', "a", '"a"', '"b":', "1", "-", "0", ".", "e", "+", " ", "\\", "u",
             "\\u0061", "\\ud83d", "\\ude00", "true", "null", "false", "\n", "\x01", "\ufeff", "\u3000"]
        ),
        max_size=14,
    )
)  # fmt: skip
@example(["{", '"a"', ":", '"', "\\ud83d", "\\ude00", '"', "}"])
def test_token_soup(tokens: list[str]) -> None:
    data = "".join(tokens).encode()
    assert accepts(data) == reference_accepts(data)
    assert accepts(b"{" + data + b"}") == reference_accepts(b"{" + data + b"}")


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes(data: bytes) -> None:
    assert accepts(data) == reference_accepts(data)


def test_large_inputs_take_linear_time() -> None:
    keys = b",".join(b'"k%d":0' % k for k in range(200_000))
    crafted = [
        b"{" + keys + b"}",
        b'{"a":' + b"[" * 2_000_000,
        b'{"a":"' + b"\\u0061" * 300_000 + b'"}',
        b'{"a":[' + b'{"a":0,"b":0},' * 200_000 + b"0]}",
        b'{"a":' + b"9" * 2_000_000 + b"}",
        b'{"a":"' + b"\\" * 2_000_000,
    ]
    start = time.perf_counter()
    codes = [native.prescan_json(data, 2**40, 2**40)[0] for data in crafted]
    assert time.perf_counter() - start < 5
    assert codes == [
        native.JSON_OK,
        native.JSON_SYNTAX,
        native.JSON_OK,
        native.JSON_OK,
        native.JSON_INTEGER_RANGE,
        native.JSON_SYNTAX,
    ]
    assert native.prescan_json(b"{" + keys + b',"k77":0}', 2**40, 9)[0] == native.JSON_DUPLICATE_KEY
