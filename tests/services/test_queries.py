"""Reads: search by digest, id, reference, account and time over several blocks; limits; malformed criteria."""

import pytest

import govchain_native as native
from govchain.model import Code, UsageError
from govchain.sdk.transport import EvidenceQuery
from govchain.services.queries import LIMIT_MAX, Queries
from tests.node.kit import Hands, copy_chain, make_chain, new_actor, transaction_id

START = 1_790_000_000_000
SAME = native.sm3(b"the same file").hex()


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Ten blocks, a second apart, of two puts each by two accounts; the queries over them, and the ids by block."""
    actor = new_actor()
    path = make_chain(tmp_path_factory.mktemp("queries") / "data", actor, now=START)
    hands = Hands(copy_chain(path, path.parent / "copy"), START)
    ids = []
    for number in range(10):
        at = START + (number + 1) * 1000
        envelopes = [
            actor.put(reference=f"case-{number % 3}", now=at, sm3=SAME if number in (2, 7) else ""),
            actor.put(reference="", now=at),
        ]
        hands.block(*envelopes, at=at)
        ids.append([transaction_id(envelope) for envelope in envelopes])
    at = START + 20_000
    mark = actor.seal(
        actor.body("evidence.withdraw", {"evidence": ids[0][0].hex(), "member": None, "reason": "error"}, now=at)
    )
    hands.block(mark, at=at)
    yield Queries(hands.application), ids, actor, transaction_id(mark)
    hands.close()


def find(held, **criteria):
    return held[0].find_evidence(EvidenceQuery(**criteria))


def flat(ids):
    """Newest first, and within a block the later one first."""
    return [one for block in reversed(ids) for one in reversed(block)]


def test_by_id(held):
    _, ids, _, mark = held
    assert find(held, evidence=ids[3][1].hex()) == [ids[3][1]]
    assert find(held, evidence=mark.hex()) == []
    assert find(held, evidence="00" * 32) == []


@pytest.mark.requirement("BJ.function.digest.01c")
def test_by_digest_newest_first(held):
    _, ids, _, _ = held
    assert find(held, digest=SAME) == [ids[7][0], ids[2][0]]
    assert find(held, digest="11" * 32) == []


def test_by_reference_newest_first(held):
    _, ids, _, _ = held
    assert find(held, reference="case-1") == [ids[7][0], ids[4][0], ids[1][0]]
    assert find(held, reference="case-1", limit=2) == [ids[7][0], ids[4][0]]
    assert find(held, reference="Case-1") == []
    assert find(held, reference="案件") == []


def test_by_account_newest_first(held):
    _, ids, actor, _ = held
    assert find(held, account=actor.address) == flat(ids)
    assert find(held, account=actor.address, limit=3) == flat(ids)[:3]
    assert find(held, account="00" * 20) == []


def test_by_time(held):
    _, ids, _, _ = held
    second = [START + (number + 1) * 1000 for number in range(10)]
    assert find(held, time_from=second[3], time_to=second[5]) == flat(ids[3:5])
    assert find(held, time_from=second[3] + 1, time_to=second[5] + 1) == flat(ids[4:6])
    assert find(held, time_from=second[8]) == flat(ids[8:])
    assert find(held, time_to=second[1]) == flat(ids[:1])
    assert find(held, time_to=second[0]) == []
    assert find(held, time_from=START + 10**9) == []
    assert find(held, time_from=0, limit=5) == flat(ids)[:5]
    assert find(held, time_from=0) == flat(ids)  # a mark is no record


def test_criteria_are_met_together(held):
    _, ids, actor, _ = held
    at = START + 8_000
    assert find(held, digest=SAME, time_to=at) == [ids[2][0]]
    assert find(held, reference="case-1", time_from=START + 5_000, time_to=at) == [ids[4][0]]
    assert find(held, account=actor.address, reference="case-2", limit=1) == [ids[8][0]]
    assert find(held, account="11" * 20, digest=SAME) == []
    assert find(held, evidence=ids[2][0].hex(), digest=SAME, reference="case-2") == [ids[2][0]]
    assert find(held, evidence=ids[2][0].hex(), reference="case-0") == []


def test_the_first_height_from_a_time(held):
    queries, _, _, _ = held
    assert queries.first_height_from(0) == 1
    assert queries.first_height_from(START + 1000) == 1
    assert queries.first_height_from(START + 1001) == 2
    assert queries.first_height_from(START + 20_000) == 11
    assert queries.first_height_from(START + 20_001) == 12


def test_records_and_their_history(held):
    queries, ids, actor, mark = held
    record = queries.evidence_record(ids[0][0])
    assert (record.account, record.height, record.index, record.kind) == (actor.address, 1, 0, "file")
    assert queries.evidence_history(ids[0][0]) == [ids[0][0], mark]
    assert queries.evidence_history(ids[1][0]) == [ids[1][0]]
    assert queries.evidence_history(bytes(32)) == []
    assert queries.evidence_record(bytes(32)) is None


def test_an_empty_chain_has_nothing(chain):
    hands = Hands(chain, START)
    queries = Queries(hands.application)
    assert queries.find_evidence(EvidenceQuery(time_from=0)) == []
    assert queries.find_evidence(EvidenceQuery(reference="x")) == []
    assert queries.first_height_from(0) == 1
    hands.close()


@pytest.mark.parametrize(
    "criteria",
    [
        {},
        {"limit": 0, "reference": "x"},
        {"limit": -1, "reference": "x"},
        {"limit": LIMIT_MAX + 1, "reference": "x"},
        {"digest": "zz" * 32},
        {"digest": "AA" * 32},
        {"digest": "aa" * 31},
        {"digest": ""},
        {"evidence": "aa"},
        {"evidence": "aa" * 32 + "\n"},
        {"account": "aa" * 32},
        {"account": "../" * 13 + "a"},
        {"reference": "\udcff"},
    ],
)
def test_malformed_criteria_are_refused(held, criteria):
    with pytest.raises(UsageError) as refused:
        find(held, **criteria)
    assert refused.value.code is Code.USAGE
