"""The evidence family (数据存证): records, marks, ownership, look-ups (docs/spec/transactions.md)."""

import json

import pytest

import govchain_native as native
from govchain.crypto import commitment, get_suite
from govchain.model import Code
from govchain.modules.evidence import views
from tests.ledger.kit import CREATED, id_of, item, make, put_payload, shuffled

SUITE = get_suite("gm")
SECRET = "ab" * 32


def send(ledger, kind, payload, sender):
    """The code, the same from the pool and in the receipt, and the transaction's id."""
    envelope = make(kind, payload, sender)
    checked = ledger.check(envelope)
    assert ledger.codes(envelope) == [checked]
    return checked, id_of(envelope)


def anchor(ledger, sender, **changes):
    code, id = send(ledger, "evidence.put", put_payload(**changes), sender)
    assert code == Code.OK
    return id


def batch_payload(**changes):
    return {
        "capture": item()["capture"], "count": 3, "reference": "", "root": "cd" * 32, "total_size": 36, **changes
    }  # fmt: skip


def anchor_batch(ledger, sender, **changes):
    code, id = send(ledger, "evidence.batch", batch_payload(**changes), sender)
    assert code == Code.OK
    return id


def supplement(ledger, sender, id, **changes):
    payload = {"evidence": id.hex(), "reference": "", "subject": item(), **changes}
    return send(ledger, "evidence.supplement", payload, sender)[0]


def supersede(ledger, sender, id, member=None, **changes):
    payload = {
        "evidence": id.hex(), "member": member, "reason": "error", "reference": "", "subject": item(), **changes
    }  # fmt: skip
    return send(ledger, "evidence.supersede", payload, sender)[0]


def withdraw(ledger, sender, id, member=None, reason="error"):
    return send(ledger, "evidence.withdraw", {"evidence": id.hex(), "member": member, "reason": reason}, sender)[0]


MARKS = {"withdrawn": (withdraw, Code.EVIDENCE_WITHDRAWN), "superseded": (supersede, Code.EVIDENCE_SUPERSEDED)}


ITEMS = {
    "as it should be": ({}, Code.OK),
    "no name": ({"name": None}, Code.OK),
    "a name in Chinese": ({"name": "第一季度报告.pdf"}, Code.OK),
    "a name of 255 characters": ({"name": "名" * 255}, Code.OK),
    "a name of 256 characters": ({"name": "名" * 256}, Code.PAYLOAD_SHAPE),
    "an empty name": ({"name": ""}, Code.EVIDENCE_ITEM),
    "a line end in the name": ({"name": "a\nb"}, Code.EVIDENCE_ITEM),
    "a zero byte in the name": ({"name": "a\0b"}, Code.EVIDENCE_ITEM),
    "a name that turns text around": ({"name": "exe.\u202etxt"}, Code.EVIDENCE_ITEM),
    "a line separator in the name": ({"name": "a\u2028b"}, Code.EVIDENCE_ITEM),
    "a C1 control character": ({"name": "a\x85b"}, Code.EVIDENCE_ITEM),
    "size 0": ({"size": 0}, Code.OK),
    "size below 0": ({"size": -1}, Code.PAYLOAD_SHAPE),
    "size 2^53 - 1": ({"size": 2**53 - 1}, Code.OK),
    "media type with a parameter": ({"media_type": 'text/plain; charset="utf-8"'}, Code.OK),
    "an empty media type": ({"media_type": ""}, Code.OK),
    "a media type of 127": ({"media_type": "x" * 127}, Code.OK),
    "a media type of 128": ({"media_type": "x" * 128}, Code.PAYLOAD_SHAPE),
    "a media type in Chinese": ({"media_type": "文本"}, Code.EVIDENCE_ITEM),
    "a tab in the media type": ({"media_type": "text\tplain"}, Code.EVIDENCE_ITEM),
    "SM3 alone": ({"sha256": None}, Code.EVIDENCE_ITEM),
    "SHA-256 alone": ({"sm3": None}, Code.EVIDENCE_ITEM),
    "neither digest, no commitment": ({"sm3": None, "sha256": None}, Code.EVIDENCE_ITEM),
    "a digest of 63 digits": ({"sm3": "a" * 63}, Code.PAYLOAD_SHAPE),
    "a digest in capitals": ({"sm3": "AB" * 32}, Code.PAYLOAD_SHAPE),
    "a digest with a line end": ({"sm3": "ab" * 32 + "\n"}, Code.PAYLOAD_SHAPE),
    "private content": (
        {"sm3": None, "sha256": None, "commitments": [{"field": "content", "value": SECRET}]},
        Code.OK,
    ),
    "private and public content": ({"commitments": [{"field": "content", "value": SECRET}]}, Code.EVIDENCE_ITEM),
    "private name": ({"name": None, "commitments": [{"field": "name", "value": SECRET}]}, Code.OK),
    "private and public name": ({"commitments": [{"field": "name", "value": SECRET}]}, Code.EVIDENCE_ITEM),
    "two commitments in order": (
        {"name": None, "commitments": [{"field": "name", "value": SECRET}, {"field": "note", "value": SECRET}]},
        Code.OK,
    ),
    "two commitments out of order": (
        {"name": None, "commitments": [{"field": "note", "value": SECRET}, {"field": "name", "value": SECRET}]},
        Code.EVIDENCE_ITEM,
    ),
    "a commitment twice": ({"commitments": [{"field": "note", "value": SECRET}] * 2}, Code.EVIDENCE_ITEM),
    "a commitment to something else": ({"commitments": [{"field": "age", "value": SECRET}]}, Code.PAYLOAD_SHAPE),
    "a commitment without its value": ({"commitments": [{"field": "note"}]}, Code.PAYLOAD_SHAPE),
    "four commitments": ({"commitments": [{"field": "note", "value": SECRET}] * 4}, Code.PAYLOAD_SHAPE),
    "an unknown field": ({"owner": "x"}, Code.PAYLOAD_SHAPE),
    "an unknown method": ({"capture": {"method": "guess", "time": CREATED}}, Code.PAYLOAD_SHAPE),
    "no capture": ({"capture": None}, Code.PAYLOAD_SHAPE),
    "a capture without its time": ({"capture": {"method": "file"}}, Code.PAYLOAD_SHAPE),
}


@pytest.mark.parametrize("case", ITEMS)
@pytest.mark.parametrize("kind", ["evidence.put", "evidence.supplement", "evidence.supersede"])
def test_items(kit, ledger, kind, case):
    """The item's rules are the same wherever an item is anchored."""
    changes, code = ITEMS[case]
    payload = {"reference": "", "subject": item(**changes)}
    if kind != "evidence.put":
        payload["evidence"] = anchor(ledger, kit.department).hex()
    if kind == "evidence.supersede":
        payload |= {"member": None, "reason": "error"}
    envelope = make(kind, payload, kit.department)
    assert ledger.check(envelope) == code


@pytest.mark.parametrize("method", ["api", "file", "folder", "other", "screenshot", "stream"])
def test_capture_methods(kit, ledger, method):
    anchor(ledger, kit.department, subject=item(capture={"method": method, "time": 0}))


@pytest.mark.parametrize(("ahead", "code"), [(600_000, Code.OK), (600_001, Code.EVIDENCE_CAPTURE_TIME)])
@pytest.mark.parametrize("kind", ["evidence.put", "evidence.batch", "evidence.supplement", "evidence.supersede"])
def test_evidence_from_the_future(kit, ledger, kind, ahead, code):
    """A capture time may lie ten minutes above the block's time, which the block decides."""
    first = anchor(ledger, kit.department)
    time = CREATED + 1000
    capture = {"method": "file", "time": time + ahead}
    payload = {"reference": "", "subject": item(capture=capture)}
    if kind == "evidence.batch":
        payload = batch_payload(capture=capture)
    if kind in ("evidence.supplement", "evidence.supersede"):
        payload["evidence"] = first.hex()
    if kind == "evidence.supersede":
        payload |= {"member": None, "reason": "error"}
    envelope = make(kind, payload, kit.department)
    assert ledger.check(envelope, time) == code
    assert ledger.codes(envelope, time=time) == [code]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"count": 0}, Code.PAYLOAD_SHAPE),
        ({"count": 1}, Code.OK),
        ({"count": 100_000}, Code.OK),
        ({"count": 100_001}, Code.PAYLOAD_SHAPE),
        ({"root": "cd" * 31}, Code.PAYLOAD_SHAPE),
        ({"root": None}, Code.PAYLOAD_SHAPE),
        ({"total_size": -1}, Code.PAYLOAD_SHAPE),
        ({"total_size": 0}, Code.OK),
        ({"reference": "x" * 128}, Code.OK),
        ({"reference": "x" * 129}, Code.PAYLOAD_SHAPE),
        ({"items": []}, Code.PAYLOAD_SHAPE),
    ],
    ids=str,
)
def test_fields_of_a_batch(kit, ledger, changes, code):
    assert ledger.check(make("evidence.batch", batch_payload(**changes), kit.department)) == code


def test_a_record_as_stored(kit, ledger):
    id = anchor(ledger, kit.department)
    extra = supplement_id(ledger, kit.department, id)
    common = {"account": kit.department.address.hex(), "organisation": kit.organisations[0], "count": 1, "index": 0}
    assert json.loads(ledger.state.get(b"evidence.record/" + id)) == {
        **common, "height": 1, "kind": "file", "of": None, "time": ledger.blocks[0].header.time
    }  # fmt: skip
    assert json.loads(ledger.state.get(b"evidence.record/" + extra)) == {
        **common, "height": 2, "kind": "supplement", "of": id.hex(), "time": ledger.blocks[1].header.time
    }  # fmt: skip


def supplement_id(ledger, sender, id, **changes):
    payload = {"evidence": id.hex(), "reference": "", "subject": item(), **changes}
    code, found = send(ledger, "evidence.supplement", payload, sender)
    assert code == Code.OK
    return found


@pytest.mark.parametrize("kind", MARKS)
def test_a_mark_as_stored(kit, ledger, kind):
    id = anchor(ledger, kit.department)
    assert views.mark(ledger.state, id) is None
    assert MARKS[kind][0](ledger, kit.department, id) == Code.OK
    block = ledger.blocks[-1]
    assert json.loads(ledger.state.get(b"evidence.mark/" + id)) == {
        "account": kit.department.address.hex(), "by": block.transactions[0].id.hex(), "kind": kind,
        "organisation": kit.organisations[0], "reason": "error", "time": block.header.time,
    }  # fmt: skip
    assert ledger.state.get(b"evidence.record/" + id)  # nothing is deleted


@pytest.mark.parametrize("first", MARKS)
@pytest.mark.parametrize("second", [*MARKS, "supplemented"])
def test_a_marked_record_takes_nothing_more(kit, ledger, first, second):
    mark, code = MARKS[first]
    id = anchor(ledger, kit.department)
    assert mark(ledger, kit.department, id) == Code.OK
    before = ledger.state.get(b"evidence.mark/" + id)
    act = supplement if second == "supplemented" else MARKS[second][0]
    assert act(ledger, kit.department, id) == code
    assert ledger.state.get(b"evidence.mark/" + id) == before


@pytest.mark.parametrize("act", [supplement, supersede, withdraw])
def test_a_record_that_does_not_exist(kit, ledger, act):
    assert act(ledger, kit.department, bytes(32)) == Code.EVIDENCE_UNKNOWN


@pytest.mark.parametrize("act", [supplement, supersede, withdraw])
def test_a_record_of_another_organisation(kit, ledger, act):
    id = anchor(ledger, kit.accounts[1, "department"])
    assert act(ledger, kit.department, id) == Code.EVIDENCE_NOT_OWNER
    assert act(ledger, kit.accounts[1, "department"], id) == Code.OK


def test_a_colleague_may_mark(kit, ledger):
    """Ownership is the organisation's, not the account's."""
    id = anchor(ledger, kit.department)
    assert withdraw(ledger, kit.accounts[0, "ed25519"], id) == Code.OK


def test_a_replacement_can_be_replaced(kit, ledger):
    id = anchor(ledger, kit.department)
    chain = [id]
    for _ in range(3):
        assert supersede(ledger, kit.department, chain[-1]) == Code.OK
        chain.append(ledger.blocks[-1].transactions[0].id)
    kinds = [views.record(ledger.state, id).kind for id in chain]
    assert kinds == ["file", "replacement", "replacement", "replacement"]
    assert [views.mark(ledger.state, id) is None for id in chain] == [False, False, False, True]
    assert [views.record(ledger.state, id).of for id in chain[1:]] == [id.hex() for id in chain[:-1]]


@pytest.mark.parametrize(
    ("member", "code"),
    [(0, Code.OK), (2, Code.OK), (3, Code.EVIDENCE_MEMBER), (99_999, Code.EVIDENCE_MEMBER), (None, Code.OK)],
)
@pytest.mark.parametrize("kind", MARKS)
def test_leaves_of_a_batch(kit, ledger, kind, member, code):
    id = anchor_batch(ledger, kit.department)
    assert MARKS[kind][0](ledger, kit.department, id, member) == code


@pytest.mark.parametrize("member", [-1, 100_000, True, "0", 1.5])
def test_leaf_numbers_of_another_shape(kit, ledger, member):
    id = anchor_batch(ledger, kit.department)
    payload = {"evidence": id.hex(), "member": member, "reason": "error"}
    found = ledger.check(make("evidence.withdraw", payload, kit.department))
    assert found == (Code.JSON_NUMBER_FRACTION if member == 1.5 else Code.PAYLOAD_SHAPE)


@pytest.mark.parametrize("make_record", ["put", "supplement", "replacement"])
def test_a_single_record_has_no_leaves(kit, ledger, make_record):
    id = anchor(ledger, kit.department)
    if make_record != "put":
        act = supplement if make_record == "supplement" else supersede
        assert act(ledger, kit.department, id) == Code.OK
        id = ledger.blocks[-1].transactions[0].id
    assert withdraw(ledger, kit.department, id, 0) == Code.EVIDENCE_MEMBER


def test_marks_of_leaves_and_of_the_whole(kit, ledger):
    """A leaf's mark leaves its neighbours and the batch in force; the batch's mark covers every leaf."""
    department = kit.department
    id = anchor_batch(ledger, department)
    assert withdraw(ledger, department, id, 1) == Code.OK
    assert withdraw(ledger, department, id, 1) == Code.EVIDENCE_WITHDRAWN
    assert supersede(ledger, department, id, 1) == Code.EVIDENCE_WITHDRAWN
    assert supersede(ledger, department, id, 0) == Code.OK
    assert withdraw(ledger, department, id, 0) == Code.EVIDENCE_SUPERSEDED
    assert [views.mark(ledger.state, id, member) is None for member in (None, 0, 1, 2)] == [True, False, False, True]
    assert supplement(ledger, department, id) == Code.OK
    assert supersede(ledger, department, id) == Code.OK
    assert views.mark(ledger.state, id, 2).kind == views.mark(ledger.state, id, 1).kind == "superseded"
    for member in (None, 0, 1, 2):
        assert withdraw(ledger, department, id, member) == Code.EVIDENCE_SUPERSEDED
    assert supplement(ledger, department, id) == Code.EVIDENCE_SUPERSEDED


@pytest.mark.parametrize("reason", ["duplicate", "error", "expired", "lawful_order", "other"])
def test_reasons(kit, ledger, reason):
    assert withdraw(ledger, kit.department, anchor(ledger, kit.department), reason=reason) == Code.OK


def test_another_reason(kit, ledger):
    payload = {"evidence": "00" * 32, "member": None, "reason": "regret"}
    assert ledger.check(make("evidence.withdraw", payload, kit.department)) == Code.PAYLOAD_SHAPE


def test_found_by_digest_submitter_and_reference(kit, ledger):
    """Every look-up answers ids, in a stated order, and only those of what was asked for."""
    department, other = kit.department, kit.accounts[1, "department"]
    shared = item()
    ids = [anchor(ledger, sender, subject=shared, reference="2025-1") for sender in (department, other, department)]
    batch = anchor_batch(ledger, department, reference="2025-1")
    anchor(ledger, department, reference="2025-10")
    for digest in (shared["sm3"], shared["sha256"]):
        assert set(ids) <= set(views.find_by_digest(ledger.state, bytes.fromhex(digest)))
    assert list(views.find_by_digest(ledger.state, bytes.fromhex(shared["sm3"]))) == sorted(ids)
    assert list(views.find_by_account(ledger.state, other.address)) == [ids[1]]
    assert list(views.find_by_account(ledger.state, department.address))[:3] == [ids[0], ids[2], batch]
    reference = SUITE.digest(b"2025-1")
    assert list(views.find_by_reference(ledger.state, reference)) == [*ids, batch]
    assert list(views.find_by_digest(ledger.state, bytes(32))) == []
    assert list(views.find_by_account(ledger.state, bytes(20))) == []


def test_look_ups_are_in_block_order_within_and_across_blocks(kit, ledger):
    envelopes = [make("evidence.put", put_payload(reference="r"), kit.department) for _ in range(20)]
    order = shuffled(envelopes, 3)
    ledger.run(*order[:13])
    ledger.run(*order[13:])
    ids = [id_of(envelope) for envelope in order]
    assert list(views.find_by_account(ledger.state, kit.department.address)) == ids
    assert list(views.find_by_reference(ledger.state, SUITE.digest(b"r"))) == ids


def test_history_of_a_record(kit, ledger):
    id = anchor(ledger, kit.department)
    for act in (supplement, supplement, withdraw):
        assert act(ledger, kit.department, id) == Code.OK
    assert list(views.history(ledger.state, id)) == [block.transactions[0].id for block in ledger.blocks[1:]]


def test_private_content_leaves_no_digest(kit, ledger):
    """A commitment is all that the chain sees; salt and value open it, nothing else does."""
    digest = native.sm3(b"a medical report").hex()
    secret = commitment(SUITE, b"\x07" * 32, "content", digest).hex()
    private = item(name=None, sm3=None, sha256=None, commitments=[{"field": "content", "value": secret}])
    envelope = make("evidence.put", {"reference": "", "subject": private}, kit.department)
    block = ledger.run(envelope)
    assert list(block.codes) == [Code.OK]
    seen = b"".join([envelope, *block.receipts, *(key + (value or b"") for key, value in block.writes)])
    assert digest.encode() not in seen
    assert bytes.fromhex(digest) not in seen
    assert not [key for key, _ in block.writes if key.startswith(b"evidence.by_digest/")]
    assert commitment(SUITE, b"\x08" * 32, "content", digest).hex() != secret
