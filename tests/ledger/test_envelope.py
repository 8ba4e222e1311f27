"""Envelopes: one encoding is accepted, every other is refused by the code of its defect (block.md 3.2)."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import govchain_native as native
from govchain.crypto import get_suite
from govchain.ledger import prepare
from govchain.model import Code
from tests.ledger.kit import Kit, Ledger, make_body, put, put_payload, seal, sign

SUITE = get_suite("gm")


@pytest.fixture(scope="module")
def body(kit):
    return make_body("evidence.put", put_payload(), kit.department)


@pytest.fixture(scope="module")
def signature(kit, body):
    return kit.department.sign(body)


def bin16(data):
    return b"\xc5" + len(data).to_bytes(2, "big") + data


def bin8(data):
    return b"\xc4" + bytes([len(data)]) + data


def refused(ledger, envelope):
    """The code, the same wherever the envelope turns up; nothing is written."""
    before = ledger.store.approximate_size()
    code = ledger.check(envelope)
    assert ledger.inclusion(envelope) == code
    assert ledger.store.approximate_size() == before
    return code


def test_envelope_is_exactly_what_the_specification_draws(ledger, body, signature):
    drawn = b"\x93\x01" + bin16(body) + b"\x91" + bin8(signature)
    assert seal(body, signature) == drawn
    assert ledger.check(drawn) == Code.OK
    assert drawn == msgspec.msgpack.encode([1, body, [signature]])


def test_identifier_and_digest_of_an_envelope(kit, body, signature):
    """Transaction id = D(body) and leaf = D(envelope): two signatures over one body share the id and nothing else."""
    first, second = seal(body, signature), sign(body, kit.department)
    one, two = prepare(kit.machine, [first, second])
    assert one.id == two.id == SUITE.digest(body)
    assert one.digest == SUITE.digest(first)
    assert two.digest == SUITE.digest(second) != one.digest


MALFORMED = {
    "empty": lambda b, s: b"",
    "nil": lambda b, s: b"\xc0",
    "map": lambda b, s: b"\x81\x01" + bin16(b),
    "two elements": lambda b, s: b"\x92\x01" + bin16(b),
    "a fourth element": lambda b, s: b"\x94\x01" + bin16(b) + b"\x91" + bin8(s) + b"\xc0",
    "array of three in a longer form": lambda b, s: b"\xdc\x00\x03\x01" + bin16(b) + b"\x91" + bin8(s),
    "version in a longer form": lambda b, s: b"\x93\xcc\x01" + bin16(b) + b"\x91" + bin8(s),
    "negative version": lambda b, s: b"\x93\xff" + bin16(b) + b"\x91" + bin8(s),
    "version as text": lambda b, s: b"\x93\xa11" + bin16(b) + b"\x91" + bin8(s),
    "body length in a longer form": lambda b, s: b"\x93\x01\xc6\x00\x00" + bin16(b)[1:] + b"\x91" + bin8(s),
    "short body length in a longer form": lambda b, s: b"\x93\x01" + bin16(b"{}") + b"\x91" + bin8(s),
    "body as text": lambda b, s: b"\x93\x01\xda" + bin16(b)[1:] + b"\x91" + bin8(s),
    "body as nil": lambda b, s: b"\x93\x01\xc0\x91" + bin8(s),
    "signature length in a longer form": lambda b, s: b"\x93\x01" + bin16(b) + b"\x91" + bin16(s),
    "signature as text": lambda b, s: b"\x93\x01" + bin16(b) + b"\x91\xd9" + bin8(s)[1:],
    "one signature in an array of the longer form": lambda b, s: b"\x93\x01" + bin16(b) + b"\xdc\x00\x01" + bin8(s),
    "one signature in an array of the longest form": lambda b, s: (
        b"\x93\x01" + bin16(b) + b"\xdd\x00\x00\x00\x01" + bin8(s)
    ),
    "signature outside its array": lambda b, s: b"\x93\x01" + bin16(b) + bin8(s),
    "a byte after the end": lambda b, s: seal(b, s) + b"\x00",
    "two envelopes": lambda b, s: seal(b, s) * 2,
    "more signatures announced than there are": lambda b, s: b"\x93\x01" + bin16(b) + b"\x92" + bin8(s),
    "an enormous length": lambda b, s: b"\x93\x01\xc6\xff\xff\xff\xff" + b,
    "an enormous number of signatures": lambda b, s: b"\x93\x01" + bin16(b) + b"\xdc\xff\xff",
}


@pytest.mark.parametrize("defect", MALFORMED)
def test_malformed(ledger, body, signature, defect):
    assert refused(ledger, MALFORMED[defect](body, signature)) == Code.ENVELOPE_MALFORMED


def test_cut_anywhere(kit, body, signature):
    envelope = seal(body, signature)
    cut = prepare(kit.machine, [envelope[:length] for length in range(len(envelope))])
    assert {prepared.code for prepared in cut} == {Code.ENVELOPE_MALFORMED}


@pytest.mark.parametrize("version", [0, 2, 127])
def test_another_version(ledger, body, signature, version):
    assert refused(ledger, native.seal_envelope(version, body, [signature])) == Code.ENVELOPE_VERSION


def test_number_of_signatures(ledger, kit, body, signature):
    most = kit.genesis.limits.signatures_max
    assert refused(ledger, seal(body)) == Code.ENVELOPE_SIGNATURES
    assert refused(ledger, seal(body, signature, signature)) == Code.ENVELOPE_SIGNATURES
    assert refused(ledger, seal(body, *[signature] * most)) == Code.ENVELOPE_SIGNATURES
    assert refused(ledger, seal(body, *[signature] * (most + 1))) == Code.ENVELOPE_SIGNATURES
    two = make_body("evidence.put", put_payload(), kit.department, kit.accounts[1, "department"])
    assert refused(ledger, sign(two, kit.department)) == Code.ENVELOPE_SIGNATURES


def test_more_than_fifteen_signatures_have_the_longer_form():
    """Above 15 the array has 16 bits for its length; both forms are accepted only where they are the shortest."""
    kit = Kit(limits={"signatures_max": 20})
    signers = [kit.accounts[place] for place in kit.accounts]
    signers += [kit.accounts[1, "department"]] * 6
    envelope = sign(make_body("evidence.put", put_payload(), *signers), *signers)
    assert b"\xdc\x00\x10" in envelope
    (prepared,) = prepare(kit.machine, [envelope])
    assert prepared.code == Code.SIGNER_REPEATED  # it was opened, counted and read


def test_larger_than_any_block():
    """A body within its limit, with signatures that make the envelope larger than any block may be."""
    kit = Kit(limits={"body_bytes_max": 1024, "block_bytes_max": 1024})
    ledger = Ledger(kit)
    body = make_body("evidence.put", put_payload(), kit.department)
    padded = body[:-1] + b" " * (1024 - len(body)) + b"}"
    assert ledger.check(sign(padded, kit.department)) == Code.BODY_TOO_LARGE
    assert ledger.check(sign(body, kit.department)) == Code.OK


def test_no_byte_can_change(kit, body, signature):
    """Every byte, replaced by another one: some reason is found, never an exception."""
    envelope = seal(body, signature)
    changed = [envelope[:at] + bytes([byte ^ 1]) + envelope[at + 1 :] for at, byte in enumerate(envelope)]
    codes = [prepared.code for prepared in prepare(kit.machine, changed)]
    assert Code.OK not in codes
    assert {Code.ENVELOPE_MALFORMED, Code.ENVELOPE_VERSION, Code.SIGNATURE_INVALID, Code.BODY_SHAPE} <= set(codes)


def test_one_bad_envelope_leaves_the_others_alone(ledger, kit):
    good = [put(kit.department) for _ in range(3)]
    found = prepare(kit.machine, [good[0], b"", good[1], good[2][:-1], good[2]])
    wrong = Code.ENVELOPE_MALFORMED
    assert [prepared.code for prepared in found] == [Code.OK, wrong, Code.OK, wrong, Code.OK]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.lists(st.binary(max_size=80), max_size=4))
def test_anything_gets_a_code(kit, body, signatures):
    for envelope in (body, seal(body, *signatures)):
        (prepared,) = prepare(kit.machine, [envelope])
        assert 100 <= prepared.code < 200
        assert prepared.digest == SUITE.digest(envelope)
