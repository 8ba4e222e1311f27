"""Strict reading and canonical writing, by vectors and against a plain twin of RFC 8785."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from govchain.model import Code, DecodingError, decode_strict, encode_canonical
from govchain.model.canonical import DEPTH_MAX, PRESCAN_CODES, SIZE_MAX, prescan

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "json"
CANONICAL = json.loads((VECTORS / "canonical.json").read_text(encoding="utf-8"))
REFUSED = json.loads((VECTORS / "refused.json").read_text(encoding="utf-8"))
BOUND = 2**53 - 1

SHORT_ESCAPES = {0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}


def plain_string(text):
    """RFC 8785 3.2.2.2."""
    pieces = []
    for character in text:
        number = ord(character)
        pieces.append(SHORT_ESCAPES.get(number) or (f"\\u{number:04x}" if number < 0x20 else character))
    return '"' + "".join(pieces) + '"'


def plain_canonical(value):
    """RFC 8785 without fractions."""
    if isinstance(value, str):
        return plain_string(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(plain_canonical, value)) + "]"
    ordered = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(f"{plain_string(key)}:{plain_canonical(value[key])}" for key in ordered) + "}"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-BOUND, BOUND) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
objects = st.dictionaries(texts, values, max_size=5)


@pytest.mark.parametrize("vector", CANONICAL, ids=lambda vector: vector["name"])
def test_canonical_form(vector):
    prescan(vector["text"].encode())
    value = msgspec.json.decode(vector["text"])
    assert encode_canonical(value) == plain_canonical(value).encode() == vector["canonical"].encode()
    assert decode_strict(vector["canonical"].encode(), dict, canonical=True) == value
    if vector["text"] != vector["canonical"]:
        with pytest.raises(DecodingError) as refusal:
            decode_strict(vector["text"].encode(), dict, canonical=True)
        assert refusal.value.code is Code.JSON_NOT_CANONICAL


@given(objects)
@example({"\U00010000": 1, "\uffff": 2, "\ue000": 3, "\ud7ff": 4})
@example({"a": "".join(map(chr, range(0x100)))})
@example({"a": {"\U0010ffff": {"\ufffd": 1, "\U0001f600": 2}}})
def test_canonical_form_equals_the_plain_twins_and_reads_back(value):
    encoded = encode_canonical(value)
    assert encoded == plain_canonical(value).encode()
    assert decode_strict(encoded, dict, canonical=True, depth_max=100) == value
    assert json.loads(encoded) == value


class Inner(msgspec.Struct, frozen=True):
    zeta: int
    alpha: dict[str, int]


def test_structs_are_sorted_as_objects_are():
    value = Inner(zeta=1, alpha={"\uffff": 1, "\U00010000": 2})
    assert encode_canonical(value) == '{"alpha":{"\U00010000":2,"\uffff":1},"zeta":1}'.encode()


def bytes_of(entry):
    if "hex" in entry:
        return bytes.fromhex(entry["hex"])
    if "repeat" in entry:
        piece, times = entry["repeat"]
        return (piece * times).encode()
    return entry["text"].encode()


@pytest.mark.parametrize("entry", REFUSED, ids=lambda entry: entry["defect"])
def test_defect_is_refused_with_its_code(entry):
    with pytest.raises(DecodingError) as refusal:
        decode_strict(bytes_of(entry), dict)
    assert refusal.value.code.name == entry["code"]
    assert 0 <= refusal.value.params["offset"] <= len(bytes_of(entry))
    assert "{" not in refusal.value.text("zh") + refusal.value.text("en")


def test_every_code_of_the_scan_has_a_vector():
    named = {Code[entry["code"]] for entry in REFUSED}
    assert set(PRESCAN_CODES.values()) == named | {Code.BODY_TOO_LARGE}


def nested(depth):
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_limits_are_exact():
    decode_strict(nested(DEPTH_MAX), dict)
    decode_strict(nested(5), dict, depth_max=5)
    for depth, options in ((DEPTH_MAX + 1, {}), (6, {"depth_max": 5})):
        with pytest.raises(DecodingError) as refusal:
            decode_strict(nested(depth), dict, **options)
        assert refusal.value.code is Code.JSON_DEPTH
    text = b'{"a":"' + b"x" * 92 + b'"}'
    decode_strict(text, dict, size_max=100)
    with pytest.raises(DecodingError) as refusal:
        decode_strict(text, dict, size_max=99)
    assert refusal.value.code is Code.BODY_TOO_LARGE
    assert "99" in str(refusal.value)
    assert SIZE_MAX == 16 * 1024 * 1024
    assert decode_strict(f'{{"a":[{BOUND},-{BOUND}]}}'.encode(), dict) == {"a": [BOUND, -BOUND]}


def python_reads(data):
    """What the interpreter's own reader makes of it with every leniency that it can be told of taken away."""

    def pairs(members):
        keys = [key for key, _ in members]
        if len(keys) != len(set(keys)):
            raise ValueError
        return dict(members)

    def refuse(_text):
        raise ValueError

    def integer(text):
        if text == "-0" or abs(int(text)) > BOUND:
            raise ValueError
        return int(text)

    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=pairs, parse_float=refuse, parse_constant=refuse, parse_int=integer
        )
        if not isinstance(value, dict) or data[-1:] != b"}":
            return None  # not even white space may follow
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # lone surrogates
    except (ValueError, RecursionError):
        return None
    return value


def check_against_python(data):
    expected = python_reads(data)
    try:
        value = decode_strict(data, dict, depth_max=64)
    except DecodingError as error:
        assert expected is None or error.code is Code.JSON_DEPTH  # noqa: PT017
        assert error.code in {*PRESCAN_CODES.values()}  # noqa: PT017
    else:
        assert value == expected


@given(objects, st.data())
def test_damaged_texts_are_read_as_the_strict_twin_reads_them(value, data):
    text = bytearray(json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode())
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, max(0, len(text) - 1)))
        kind = data.draw(st.sampled_from(["set", "insert", "delete", "copy"]))
        if kind == "set" and text:
            text[place] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            text[place:place] = data.draw(
                st.sampled_from([b'"', b"\\u", b",", b"{", b"}", b"[", b"0", b"-", b".5", b"\xf0"])
            )
        elif kind == "delete" and text:
            del text[place]
        else:
            text[place:place] = text[: data.draw(st.integers(0, 20))]
    check_against_python(bytes(text))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_the_strict_twin_reads_them(data):
    check_against_python(data)
    check_against_python(b"{" + data + b"}")
    check_against_python(b'{"a":"' + data + b'"}')
