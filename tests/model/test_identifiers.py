import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain.model import identifiers
from govchain.model.identifiers import (
    ADDRESS_BYTES,
    DIGEST_BYTES,
    check_chain_id,
    check_credit_code,
    credit_code_check_digit,
    is_hex,
    is_hex_text,
)

CODES = json.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "identifiers" / "credit_codes.json").read_text(encoding="utf-8")
)
CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def plain_check(first):
    """GB 32100 5.1 with the weights computed: 3 to the power of the place, modulo 31."""
    total = sum(CHARACTERS.index(character) * pow(3, place, 31) for place, character in enumerate(first))
    return CHARACTERS[-total % 31]


def test_public_names():
    assert all(hasattr(identifiers, name) for name in identifiers.__all__)
    assert (ADDRESS_BYTES, DIGEST_BYTES) == (20, 32)


@pytest.mark.parametrize("code", CODES["valid"])
def test_published_credit_codes_are_accepted(code):
    assert check_credit_code(code) == ""
    assert plain_check(code[:17]) == code[17]
    for character in set(CHARACTERS) - {code[17]}:
        assert check_credit_code(code[:17] + character) == f"check digit {code[17]}"


@pytest.mark.parametrize("entry", CODES["malformed"], ids=lambda entry: entry["defect"])
def test_malformed_credit_codes_are_refused_with_their_reason(entry):
    reason = check_credit_code(entry["code"])
    assert reason
    assert entry["reason"] in (None, reason)


@given(
    st.text(CHARACTERS, min_size=2, max_size=2),
    st.from_regex(r"[0-9]{6}", fullmatch=True),
    st.text(CHARACTERS, min_size=9, max_size=9),
)
def test_check_digit_equals_its_twin_and_sees_one_changed_character(kind, region, body):
    first = kind + region + body
    code = first + credit_code_check_digit(first)
    assert code[17] == plain_check(first)
    assert check_credit_code(code) == ""
    for place in (0, 8, 16):
        other = CHARACTERS[(CHARACTERS.index(code[place]) + 1) % 31]
        assert check_credit_code(code[:place] + other + code[place + 1 :]) != ""


@given(st.text(max_size=20))
def test_any_text_gets_a_reason_or_is_a_code(text):
    reason = check_credit_code(text)
    assert reason == "" or reason.split()[0] in {"length", "characters", "region", "check"}
    if reason == "":
        assert plain_check(text[:17]) == text[17]


@pytest.mark.parametrize("text", ["abc", "a-1", "---", "0" * 32, "embedded-1a2b3c4d"])
def test_chain_ids(text):
    assert check_chain_id(text) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *[("", "length"), ("ab", "length"), ("a" * 33, "length")],
        *[("Abc", "characters"), ("a b", "characters"), ("a_b", "characters"), ("abc\n", "characters")],
        *[("链一二", "characters"), ("abc/..", "characters"), ("ab\0", "characters"), ("ａｂｃ", "characters")],
    ],
)
def test_what_is_no_chain_id(text, reason):
    assert check_chain_id(text) == reason


@given(st.binary(max_size=40))
def test_hex_of_bytes_is_hex(data):
    assert is_hex(data.hex(), 2 * len(data))
    assert is_hex_text(data.hex())
    assert not is_hex(data.hex(), 2 * len(data) + 1)


@pytest.mark.parametrize("text", ["A" * 4, "0g00", "00 0", "0x00", "００００", "000\n", "-000", "\u0660000"])
def test_what_is_no_hex(text):
    assert not is_hex(text, 4)
    assert not is_hex_text(text)


@pytest.mark.parametrize("text", ["0", "000", "00 00", " 00", "00\n"])
def test_hex_of_half_bytes_or_with_spaces_is_no_hex_text(text):
    assert not is_hex_text(text)
