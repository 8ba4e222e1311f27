"""Bodies: strict JSON, every field within its limits, each defect by its own code (block.md 1.1, 3.1)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govchain.ledger import prepare
from govchain.model import Code, DecodingError
from govchain.model.canonical import prescan
from tests.ledger.kit import (
    CHAIN,
    EXPIRES,
    Kit,
    Ledger,
    fields_of,
    make,
    make_body,
    put_payload,
    sign,
)


def signed(kit, body):
    """Signed by the department, so that the body's form is the only thing that can be wrong."""
    return sign(body, kit.department)


@pytest.fixture
def code_of(kit, ledger):
    """The code that a body gets, the same from the pool and for a block."""

    def check(body):
        envelope = signed(kit, body)
        code = ledger.check(envelope)
        assert ledger.inclusion(envelope) == code
        return code

    return check


@pytest.fixture(scope="module")
def good(kit):
    return make_body("evidence.put", put_payload(), kit.department)


def nested(levels):
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


#: Name of the defect: how a good body becomes bad, and the code.
NOT_STRICT = {
    "cut off": (lambda b: b[:-1], Code.JSON_SYNTAX),
    "empty": (lambda b: b"", Code.JSON_SYNTAX),
    "not UTF-8": (lambda b: b.replace(CHAIN.encode(), b"test-\xff\xfe"), Code.JSON_NOT_UTF8),
    "UTF-8 in an overlong form": (lambda b: b.replace(b'"1', b'"\xc0\xb1', 1), Code.JSON_NOT_UTF8),
    "a surrogate in UTF-8": (lambda b: b.replace(b'"1', b'"\xed\xa0\x80', 1), Code.JSON_NOT_UTF8),
    "UTF-16": (lambda b: b.decode().encode("utf-16-le"), Code.JSON_SYNTAX),
    "byte-order mark": (lambda b: b"\xef\xbb\xbf" + b, Code.JSON_BOM),
    "a second object after the first": (lambda b: b + b"{}", Code.JSON_TRAILING),
    "a line end after the object": (lambda b: b + b"\n", Code.JSON_TRAILING),
    "a zero byte after the object": (lambda b: b + b"\0", Code.JSON_TRAILING),
    "an array on top": (lambda b: b"[" + b + b"]", Code.JSON_NOT_OBJECT),
    "a text on top": (lambda b: b'"text"', Code.JSON_NOT_OBJECT),
    "null on top": (lambda b: b"null", Code.JSON_NOT_OBJECT),
    "a key twice": (lambda b: b'{"chain":"x",' + b[1:], Code.JSON_DUPLICATE_KEY),
    "a key twice, once escaped": (lambda b: rb'{"\u0063hain":"x",' + b[1:], Code.JSON_DUPLICATE_KEY),
    "a key twice, both escaped differently": (
        lambda b: rb'{"x\u002fy":1,"x\/y":2,' + b[1:],
        Code.JSON_DUPLICATE_KEY,
    ),
    "a key twice inside the payload": (
        lambda b: b.replace(b'"payload":{', b'"payload":{"reference":"",', 1),
        Code.JSON_DUPLICATE_KEY,
    ),
    "a fraction": (lambda b: b.replace(b'"version":1', b'"version":1.0'), Code.JSON_NUMBER_FRACTION),
    "an exponent": (lambda b: b.replace(b'"version":1', b'"version":1e0'), Code.JSON_NUMBER_FRACTION),
    "negative zero": (lambda b: b.replace(b'"version":1', b'"version":-0'), Code.JSON_INTEGER_RANGE),
    "an integer of 2^53": (
        lambda b: b.replace(str(EXPIRES).encode(), str(2**53).encode(), 1),
        Code.JSON_INTEGER_RANGE,
    ),
    "an integer of -(2^53)": (
        lambda b: b.replace(str(EXPIRES).encode(), str(-(2**53)).encode(), 1),
        Code.JSON_INTEGER_RANGE,
    ),
    "an integer of a thousand digits": (
        lambda b: b.replace(str(EXPIRES).encode(), b"9" * 1000, 1),
        Code.JSON_INTEGER_RANGE,
    ),
    "a lone high surrogate": (lambda b: b.replace(b'"chain":"', rb'"chain":"\ud800'), Code.JSON_LONE_SURROGATE),
    "a lone low surrogate": (lambda b: b.replace(b'"chain":"', rb'"chain":"\udc00'), Code.JSON_LONE_SURROGATE),
    "surrogates in the wrong order": (
        lambda b: b.replace(b'"chain":"', rb'"chain":"\udc00\ud800'),
        Code.JSON_LONE_SURROGATE,
    ),
    "nested one level too deep": (lambda b: nested(17), Code.JSON_DEPTH),
    "nested a thousand levels deep": (lambda b: nested(1000), Code.JSON_DEPTH),
    "arrays nested a million levels deep": (lambda b: b'{"a":' + b"[" * 60_000, Code.JSON_DEPTH),
    "a comment": (lambda b: b.replace(b"{", b"{/* */", 1), Code.JSON_SYNTAX),
    "single quotes": (lambda b: b.replace(b'"chain"', b"'chain'"), Code.JSON_SYNTAX),
    "a comma at the end": (lambda b: b[:-1] + b",}", Code.JSON_SYNTAX),
    "NaN": (lambda b: b.replace(b'"version":1', b'"version":NaN'), Code.JSON_SYNTAX),
    "Infinity": (lambda b: b.replace(b'"version":1', b'"version":Infinity'), Code.JSON_SYNTAX),
    "a leading zero": (lambda b: b.replace(b'"version":1', b'"version":01'), Code.JSON_SYNTAX),
    "a plus sign": (lambda b: b.replace(b'"version":1', b'"version":+1'), Code.JSON_SYNTAX),
    "a control character in a text": (lambda b: b.replace(b'"chain":"', b'"chain":"\n'), Code.JSON_SYNTAX),
    "an unknown escape": (lambda b: b.replace(b'"chain":"', rb'"chain":"\x41'), Code.JSON_SYNTAX),
}


@pytest.mark.parametrize("defect", NOT_STRICT)
def test_json_that_is_not_strict(code_of, good, defect):
    change, code = NOT_STRICT[defect]
    assert change(good) != good
    assert code_of(change(good)) == code


def test_cut_anywhere(kit, ledger, good):
    """A body cut off at any byte, properly signed."""
    cut = prepare(kit.machine, [signed(kit, good[:length]) for length in range(len(good))])
    assert {prepared.code for prepared in cut} == {Code.JSON_SYNTAX}


def test_size_limit(code_of, kit, good):
    """Exactly the limit is accepted, one byte more is not; the limit is the chain's own, and the sentence names it."""
    most = kit.genesis.limits.body_bytes_max
    assert code_of(good[:-1] + b" " * (most - len(good)) + b"}") == Code.OK
    assert code_of(good[:-1] + b" " * (most - len(good) + 1) + b"}") == Code.BODY_TOO_LARGE
    small = Ledger(Kit(limits={"body_bytes_max": 1024}))
    body = make_body("evidence.put", put_payload(), small.kit.department)
    assert small.check(signed(small.kit, body[:-1] + b" " * (1024 - len(body)) + b"}")) == Code.OK
    assert small.check(signed(small.kit, body[:-1] + b" " * (1025 - len(body)) + b"}")) == Code.BODY_TOO_LARGE
    with pytest.raises(DecodingError) as caught:
        prescan(b" " * 1025, size_max=1024)
    assert caught.value.code == Code.BODY_TOO_LARGE
    assert "1024" in caught.value.text("en").replace(",", "")
    assert "1024" in caught.value.text("zh").replace(",", "")


def test_depth_limit(code_of, kit):
    """The chain's own limit: sixteen levels are read, and refused for their shape; where it says four, five are not."""
    assert code_of(nested(16)) == Code.BODY_SHAPE
    flat = Ledger(Kit(limits={"body_depth_max": 4}))
    payload = put_payload()
    assert flat.check(make("evidence.put", payload, flat.kit.department)) == Code.OK  # body, payload, item, capture
    deeper = {**payload, "reference": {"a": {"b": {}}}}
    assert flat.check(make("evidence.put", deeper, flat.kit.department)) == Code.JSON_DEPTH


def test_signed_as_sent(kit, ledger):
    """White space, order of fields and escapes are the sender's own: nothing is written again before it is verified."""
    fields = fields_of("evidence.put", put_payload(), kit.department)
    spread = json.dumps(dict(reversed(fields.items())), indent=3).encode()
    escaped = json.dumps(fields).replace(CHAIN, "".join(f"\\u{ord(c):04x}" for c in CHAIN)).encode()
    assert ledger.check(signed(kit, spread)) == Code.OK
    assert ledger.check(signed(kit, escaped)) == Code.OK


FIELDS = ("chain", "expires", "nonce", "payload", "signers", "type", "version")


@pytest.mark.parametrize("field", FIELDS)
def test_missing_field(code_of, kit, field):
    fields = fields_of("evidence.put", put_payload(), kit.department)
    del fields[field]
    assert code_of(json.dumps(fields).encode()) == Code.BODY_SHAPE


@pytest.mark.parametrize("field", [*sorted(set(FIELDS) - {"payload"}), "data", "memo", "recipient", "time"])
@pytest.mark.parametrize("value", [None, True, [], {}, -1], ids=repr)
def test_field_of_another_type(code_of, kit, field, value):
    fields = {**fields_of("evidence.put", put_payload(), kit.department), field: value}
    assert code_of(json.dumps(fields).encode()) == Code.BODY_SHAPE


@pytest.mark.parametrize("field", ["gas", "Chain", "signature", "", "payload "])
def test_unknown_field(code_of, kit, field):
    fields = {**fields_of("evidence.put", put_payload(), kit.department), field: 1}
    assert code_of(json.dumps(fields).encode()) == Code.BODY_SHAPE


def entry(**changes):
    return {"signers": [{"account": "00" * 20, "algorithm": "sm2-sm3", "key": "11" * 64, **changes}]}


#: Name: the changed fields, and whether the shape is right (then another reason may hold, but not the shape's).
SHAPES = {
    "chain of 2 characters": ({"chain": "ab"}, False),
    "chain of 3 characters": ({"chain": "abc"}, True),
    "chain of 32 characters": ({"chain": "a" * 32}, True),
    "chain of 33 characters": ({"chain": "a" * 33}, False),
    "type of 2 characters": ({"type": "ab"}, False),
    "type of 3 characters": ({"type": "a.b"}, True),
    "type of 64 characters": ({"type": "a" * 64}, True),
    "type of 65 characters": ({"type": "a" * 65}, False),
    "version 0": ({"version": 0}, False),
    "version 65535": ({"version": 65535}, True),
    "version 65536": ({"version": 65536}, False),
    "version as text": ({"version": "1"}, False),
    "expires as text": ({"expires": str(EXPIRES)}, False),
    "nonce of 14 digits": ({"nonce": "0" * 14}, False),
    "nonce of 16 digits": ({"nonce": "0" * 16}, True),
    "nonce of 17 digits": ({"nonce": "0" * 17}, False),
    "nonce of 64 digits": ({"nonce": "0" * 64}, True),
    "nonce of 66 digits": ({"nonce": "0" * 66}, False),
    "nonce in capitals": ({"nonce": "AB" * 8}, False),
    "nonce and a line end": ({"nonce": "ab" * 8 + "\n"}, False),
    "nonce in full-width digits": ({"nonce": "１" * 16}, False),
    "time 0": ({"time": 0}, True),
    "time below 0": ({"time": -1}, False),
    "no signers": ({"signers": []}, False),
    "signer with an unknown field": (entry(role="x"), False),
    "account of 39 digits": (entry(account="0" * 39), False),
    "account in capitals": (entry(account="AB" * 20), False),
    "account and a line end": (entry(account="00" * 20 + "\n"), False),
    "key of an odd number of digits": (entry(key="1" * 129), False),
    "key of 62 digits": (entry(key="1" * 62), False),
    "key of 2050 digits": (entry(key="1" * 2050), False),
    "key in capitals": (entry(key="AA" * 64), False),
    "algorithm of 33 characters": (entry(algorithm="a" * 33), False),
    "recipient of 38 digits": ({"recipient": "0" * 38}, False),
    "recipient in capitals": ({"recipient": "AB" * 20}, False),
    "data of 16,384 bytes": ({"data": "00" * 16384}, True),
    "data of 16,385 bytes": ({"data": "00" * 16385}, False),
    "data of no bytes": ({"data": ""}, True),
    "data of an odd number of digits": ({"data": "000"}, False),
    "data that is not hex": ({"data": "zz"}, False),
    "data in capitals": ({"data": "AB"}, False),
    "memo of an unknown kind": ({"memo": {"kind": "note", "value": "x"}}, False),
    "memo without a value": ({"memo": {"kind": "text"}}, False),
    "memo with an unknown field": ({"memo": {"kind": "text", "value": "x", "more": 1}}, False),
    "memo text of 1,024 characters": ({"memo": {"kind": "text", "value": "备" * 1024}}, True),
    "memo text of 1,025 characters": ({"memo": {"kind": "text", "value": "备" * 1025}}, False),
    "memo id of 128 characters": ({"memo": {"kind": "id", "value": "x" * 128}}, True),
    "memo id of 129 characters": ({"memo": {"kind": "id", "value": "x" * 129}}, False),
    "memo hash of 64 digits": ({"memo": {"kind": "hash", "value": "ab" * 32}}, True),
    "memo hash of 63 digits": ({"memo": {"kind": "hash", "value": "a" * 63}}, False),
    "memo hash of 66 digits": ({"memo": {"kind": "hash", "value": "ab" * 33}}, False),
    "memo hash in capitals": ({"memo": {"kind": "hash", "value": "AB" * 32}}, False),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shape_of_a_field(code_of, kit, case):
    changes, right = SHAPES[case]
    code = code_of(make_body("evidence.put", put_payload(), kit.department, **changes))
    assert (code != Code.BODY_SHAPE) is right


def test_more_signers_than_any_genesis_allows():
    ledger = Ledger(Kit(limits={"body_bytes_max": 1 << 20, "signatures_max": 1024}))
    (signer,) = entry()["signers"]
    for count, code in ((1024, Code.ENVELOPE_SIGNATURES), (1025, Code.BODY_SHAPE)):
        body = make_body("evidence.put", put_payload(), signers=[signer] * count)
        assert ledger.check(signed(ledger.kit, body)) == code


@pytest.mark.parametrize("payload", [None, [], "text", 1, True])
def test_payload_that_is_no_object(code_of, kit, payload):
    fields = {**fields_of("evidence.put", put_payload(), kit.department), "payload": payload}
    assert code_of(json.dumps(fields).encode()) == Code.PAYLOAD_SHAPE


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"reference": ""},
        put_payload(more=1),
        put_payload(reference=1),
        put_payload(reference="x" * 129),
        put_payload(subject=[]),
    ],
    ids=repr,
)
def test_payload_of_another_shape(code_of, kit, payload):
    assert code_of(make_body("evidence.put", payload, kit.department)) == Code.PAYLOAD_SHAPE


@pytest.mark.parametrize("kind", ["evidence.erase", "evidence", "licences.issue", "evidence.Put", "evidence.put "])
def test_unknown_type(code_of, kit, kind):
    assert code_of(make_body(kind, put_payload(), kit.department)) == Code.TYPE_UNKNOWN


@pytest.mark.parametrize("version", [2, 65535])
def test_unknown_version_of_a_type(code_of, kit, version):
    assert code_of(make_body("evidence.put", put_payload(), kit.department, version=version)) == Code.TYPE_VERSION


@pytest.mark.parametrize("chain", ["other-chain", "Test-chain", "test-chai"])
def test_wrong_chain(code_of, kit, chain):
    assert code_of(make_body("evidence.put", put_payload(), kit.department, chain=chain)) == Code.CHAIN_WRONG


@pytest.mark.requirement("BJ.data.04_002", "BJ.data.04_003", "BJ.data.04_004", "BJ.data.03_004")
@pytest.mark.parametrize(
    "memo",
    [
        {"kind": "text", "value": "第一季度 report"},
        {"kind": "id", "value": "2025-000123"},
        {"kind": "hash", "value": "ab" * 32},
    ],
    ids=lambda memo: memo["kind"],
)
def test_optional_elements_commit_and_read_back(kit, ledger, memo):
    recipient = kit.accounts[1, "department"].address.hex()
    extra = {"data": "00ff" * 10, "memo": memo, "recipient": recipient, "time": EXPIRES - 1000}
    block = ledger.run(make("evidence.put", put_payload(), kit.department, **extra))
    assert list(block.codes) == [Code.OK]
    (committed,) = block.transactions
    stored = prepare(kit.machine, [committed.envelope])[0].body
    assert (stored.recipient, stored.time) == (recipient, EXPIRES - 1000)
    assert bytes.fromhex(stored.data) == b"\x00\xff" * 10
    assert (stored.memo.kind, stored.memo.value) == (memo["kind"], memo["value"])


def test_recipient_must_be_an_account(kit, ledger):
    """A receipt tells it, not the proposal check: an earlier transaction of the block may have made the account."""
    envelope = make("evidence.put", put_payload(), kit.department, recipient="00" * 20)
    assert ledger.check(envelope) == Code.RECIPIENT_UNKNOWN
    assert ledger.inclusion(envelope) == Code.OK
    assert ledger.codes(envelope) == [Code.RECIPIENT_UNKNOWN]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*FIELDS, "data", "memo", "recipient", "time", "x"]), values, max_size=4))
def test_any_values_get_a_code(kit, changes):
    fields = {**fields_of("evidence.put", put_payload(), kit.department), **changes}
    envelope = signed(kit, json.dumps(fields).encode())
    (prepared,) = prepare(kit.machine, [envelope])
    assert isinstance(prepared.code, Code)
    assert prepared.code == Code.OK or 100 <= prepared.code < 300
