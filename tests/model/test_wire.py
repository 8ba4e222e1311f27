"""The wire schemas: canonical round trips, and every kind of wrong shape refused."""

import json

import msgspec
import pytest

from govchain.model import Code, DecodingError, decode_strict, encode_canonical, encode_struct, wire
from tests.model.samples import BODY, SAMPLES

each = pytest.mark.parametrize("name", sorted(SAMPLES))


def refused(data, schema, *, canonical=False):
    with pytest.raises(DecodingError) as refusal:
        decode_strict(data, schema, canonical=canonical)
    return refusal.value.code


def paths(value, path=()):
    """Every place in a JSON value: (path, value), objects and arrays included."""
    yield path, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from paths(member, (*path, key))


def changed(value, path, change):
    """A copy in which ``change`` was applied to the container at ``path``."""
    copy = json.loads(json.dumps(value))
    place = copy
    for key in path:
        place = place[key]
    change(place)
    return encode_canonical(copy)


@each
def test_round_trip_is_canonical(name):
    value = SAMPLES[name]
    encoded = encode_struct(value)
    assert encoded == encode_canonical(json.loads(encoded))
    again = decode_strict(encoded, type(value), canonical=name != "body")
    assert again == value
    assert encode_struct(again) == encoded


@each
def test_unknown_fields_are_refused_at_every_depth(name):
    value = SAMPLES[name]
    for path, member in paths(json.loads(encode_struct(value))):
        if isinstance(member, dict) and "data" not in path and path != ("payload", "subject") and path != ("payload",):
            data = changed(json.loads(encode_struct(value)), path, lambda place: place.update(unknown=1))
            assert refused(data, type(value)) is Code.BODY_SHAPE, path


OPTIONAL = {"body": {"data", "memo", "recipient", "time"}}


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"body"}))
def test_missing_fields_are_refused_at_every_depth_in_canonical_texts(name):
    value = SAMPLES[name]
    whole = json.loads(encode_struct(value))
    for path, member in paths(whole):
        if not isinstance(member, dict) or "data" in path:
            continue
        for key in member:
            data = changed(whole, path, lambda place, key=key: place.pop(key))
            assert refused(data, type(value), canonical=True) in (Code.BODY_SHAPE, Code.JSON_NOT_CANONICAL), (path, key)


def test_only_the_optional_fields_of_a_body_may_be_missing():
    whole = json.loads(encode_struct(BODY))
    for key in whole:
        data = changed(whole, (), lambda place, key=key: place.pop(key))
        if key in OPTIONAL["body"]:
            assert encode_struct(decode_strict(data, wire.Body)) == data
        else:
            assert refused(data, wire.Body) is Code.BODY_SHAPE, key


@each
def test_wrong_types_are_refused_everywhere(name):
    value = SAMPLES[name]
    whole = json.loads(encode_struct(value))
    for path, member in paths(whole):
        if not path or "payload" in path or path[:3] == ("events", 0, "data"):
            continue
        for other in (None, True, -1, "x", [1], {"k": 1}):
            if type(other) is type(member) or (other is None and path == ("checkpoint",)):
                continue

            def put(place, key=path[-1], other=other):
                place[key] = other

            assert refused(changed(whole, path[:-1], put), type(value)) is Code.BODY_SHAPE, (path, other)


WRONG_VALUES = {
    "receipt": [("height", 0), ("index", -1), ("transaction", "AA" * 32), ("transaction", "11" * 31), ("version", 2)],
    "header": [
        *[("height", 0), ("height", 2**53 - 1 + 1), ("epoch", -1), ("transaction_count", 0), ("version", 2)],
        *[("history", "11" * 33), ("previous", "11" * 31 + "1G"), ("time", -1), ("state_root", "11" * 31 + "1\n")],
        *[("chain", "ab"), ("chain", "a" * 33)],
    ],
    "certificate": [("signatures", []), ("height", 0), ("identity", ""), ("version", 0)],
    "genesis": [
        *[("rule", "poa"), ("suite", "sm"), ("format", "govchain-genesis/2"), ("members", []), ("algorithms", [])],
        *[("created", -1), ("chain", "")],
    ],
    "body": [
        *[("signers", []), ("version", 0), ("version", 65536), ("expires", -1), ("nonce", "00" * 7)],
        *[("nonce", "00" * 33), ("type", "ab"), ("type", "a" * 65), ("recipient", "34" * 19), ("data", "0" * 32770)],
        *[("memo", {"kind": "other", "value": ""}), ("memo", {"kind": "text", "value": "x" * 1025})],
    ],
}


@pytest.mark.parametrize(
    ("name", "field", "bad"), [(name, *pair) for name, pairs in WRONG_VALUES.items() for pair in pairs]
)
def test_values_out_of_bounds_are_refused(name, field, bad):
    whole = json.loads(encode_struct(SAMPLES[name]))
    data = changed(whole, (), lambda place: place.update({field: bad}))
    assert refused(data, type(SAMPLES[name])) in (Code.BODY_SHAPE, Code.JSON_INTEGER_RANGE)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *[("nonce", "0" * 17), ("nonce", "AB" * 16), ("nonce", "zz" * 16), ("recipient", "G" * 40), ("data", "0")],
        *[
            ("data", "0 0 "),
            ("memo", {"kind": "hash", "value": "11" * 31}),
            ("memo", {"kind": "id", "value": "x" * 129}),
        ],
        ("signers", [{"account": "XY" * 20, "algorithm": "sm2-sm3", "key": "ab" * 64}]),
        ("signers", [{"account": "12" * 20, "algorithm": "sm2-sm3", "key": "ab" * 63 + "a_"}]),
    ],
)
def test_what_a_bodys_shape_alone_does_not_say(field, bad):
    assert BODY.is_well_formed()
    data = changed(json.loads(encode_struct(BODY)), (), lambda place: place.update({field: bad}))
    assert not decode_strict(data, wire.Body).is_well_formed()


def test_a_bodys_payload_stays_as_it_was_sent():
    data = encode_struct(BODY).replace(b'{"subject":{}}', b'{ "subject" : { } }')
    assert bytes(decode_strict(data, wire.Body).payload) == b'{ "subject" : { } }'


@each
def test_values_are_frozen(name):
    value = SAMPLES[name]
    with pytest.raises(AttributeError):
        setattr(value, value.__struct_fields__[0], None)
    assert msgspec.structs.replace(value) == value


def test_public_names():
    assert all(hasattr(wire, name) for name in wire.__all__)
    import govchain.model

    assert all(hasattr(govchain.model, name) for name in govchain.model.__all__)
