"""What is written on the wire is what is read from it, by field names; and whatever else comes is refused by name."""

import dataclasses
import json

import pytest

from govchain.model import Code, DecodingError
from govchain.sdk import transport as port
from govchain.sdk.sessions import ChallengeOffer, ChallengeRequest, SessionGrant, SessionRequest
from govchain.sdk.wire import from_json, to_json, to_plain

HASH = bytes(range(32))
ENTRY = port.LiveEntry(b"accounts.account/" + HASH[:20], b"{}", (HASH, HASH), None)
ABSENT = port.LiveEntry(b"evidence.mark/" + HASH, None, (), (HASH, HASH))
PROOF = port.StatusProof(7, HASH, HASH, HASH, (ENTRY, ABSENT))
BLOCK = port.BlockRecord(7, b'{"height":7}', None)
EVENT = port.EventRecord(
    "demo", "7.0.0", {"count": 1, "list": [None, "x"]}, 7, 0, "org", "ref", HASH.hex(), "evidence.anchored", 1
)
VALUES = [
    port.ChainStatus("demo", 7, HASH.hex(), 1_700_000_000_000, 6, 3, "0.2.0"),
    port.Submissions(
        (port.Submission(HASH.hex(), Code.OK, b"{}"), port.Submission("", Code.POOL_FULL, None, 250, {"a": 1}))
    ),
    port.TransactionRecord(HASH.hex(), 7, 0, 1, b"{}", (HASH * 2,), b"{}", (), (HASH,)),
    port.ReceiptRecord(HASH.hex(), b"{}"),
    BLOCK,
    port.BlockRange((BLOCK, dataclasses.replace(BLOCK, certificate=b"{}"))),
    port.BlockPage((), "cursor"),
    port.TransactionPage(7, 2, (port.BlockTransaction(0, HASH.hex(), "evidence.put", 0, b"\x93", b"{}"),), "0"),
    port.HistoryPath(1, 7, (HASH, HASH)),
    PROOF,
    port.AccountPage(PROOF, "00" * 20),
    port.OrganisationPage(PROOF),
    port.StateValue(b"key", None, 7),
    port.StateHistory(b"key", (port.StateWrite(7, "removed", None), port.StateWrite(3, "value", b"")), None),
    port.EventPage((EVENT,), "7.0.0", 9, True),
    port.EvidencePage((port.EvidenceHit(HASH.hex()),), 9, 8),
    port.EvidenceTransactions(HASH.hex(), (HASH.hex(),)),
    ChallengeRequest("00" * 20),
    ChallengeRequest("00" * 20, "https://node.example.gov.cn"),
    ChallengeOffer("{}"),
    SessionRequest("{}", b"\x01"),
    SessionGrant("token", "00" * 20, 5),
]
each = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)


@each
def test_there_and_back(value):
    data = to_json(value)
    assert from_json(data, type(value)) == value
    assert list(json.loads(data)) == [field.name for field in dataclasses.fields(value)]


@each
def test_an_unknown_field_is_passed_over_and_a_missing_one_is_not(value):
    plain = to_plain(value)
    kind = type(value)
    assert from_json(json.dumps({**plain, "added_later": [1.5]}).encode(), kind) == value
    for field in dataclasses.fields(value):
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            rest = {name: member for name, member in plain.items() if name != field.name}
            with pytest.raises(DecodingError) as refused:
                from_json(json.dumps(rest).encode(), kind)
            assert f"{kind.__name__}.{field.name} is missing" in refused.value.params["reason"]


def outcome(data, kind):
    """The value read, or the error with which it was refused."""
    try:
        return from_json(data, kind)
    except DecodingError as error:
        return error


@each
def test_a_value_of_another_type_is_refused_wherever_it_stands(value):
    plain, kind = to_plain(value), type(value)
    for name in plain:
        for wrong in ([[1]], {"a": {}}, True, 1.5, -(2**60), "\x00zz"):
            found = outcome(json.dumps({**plain, name: wrong}).encode(), kind)
            if isinstance(found, DecodingError):
                assert found.code is Code.ANSWER_UNUSABLE
                assert name in found.params["reason"]
            else:
                # The only wrong values that are right ones: a text where a text is wanted, a bool, any object as data.
                assert type(getattr(found, name)) in (str, bool, dict)


def test_a_code_is_its_name_and_bytes_are_lower_case_hex():
    plain = to_plain(VALUES[1])
    assert [one["code"] for one in plain["submissions"]] == ["OK", "POOL_FULL"]
    assert plain["submissions"][0]["receipt"] == "7b7d"


@pytest.mark.parametrize("text", ["7B7D", "7b7", "7b 7d", "0x7b", "", 5, ["7b"]])
def test_hex_has_one_form(text):
    data = json.dumps({"id": "", "receipt": text}).encode()
    if text == "":
        assert from_json(data, port.ReceiptRecord).receipt == b""
    else:
        with pytest.raises(DecodingError):
            from_json(data, port.ReceiptRecord)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"7", b"{", b'{"a":1}{', b"\xff", b"[" * 100_000, b'{"id":NaN}'])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(DecodingError) as refused:
        from_json(data, port.ReceiptRecord)
    assert refused.value.code is Code.ANSWER_UNUSABLE


def test_a_code_of_a_later_release_is_named():
    data = json.dumps({"submissions": [{"id": "", "code": "NOT_YET_KNOWN"}]}).encode()
    with pytest.raises(DecodingError) as refused:
        from_json(data, port.Submissions)
    assert "submissions[0].code" in refused.value.params["reason"]
