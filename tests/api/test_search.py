"""``GET /v1/transactions``, ``/v1/evidence``, ``/v1/statistics`` over real HTTP: success, refusal, bad input."""

import pytest

from govchain.proof.trust import TrustAnchors
from govchain.sdk.client import Client
from govchain.sdk.http import HttpTransport
from govchain.sdk.transport import EvidenceQuery
from tests.api.events_kit import serving
from tests.node.kit import copy_chain, make_chain, new_actor

ROUTES = ("/v1/transactions", "/v1/evidence", "/v1/statistics")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    actor = new_actor()
    return actor, make_chain(tmp_path_factory.mktemp("search") / "data", actor)


@pytest.fixture
def running(template, tmp_path):
    """A serving node with 25 records, its actor, a logged-in client, and the records' ids, oldest first."""
    actor, path = template
    with serving(copy_chain(path, tmp_path / "data")) as node:
        ids = node.put(actor, *(f"case-{number % 5}" for number in range(25)))
        with node.client(node.login(actor)) as client:
            yield node, actor, client, ids


def pages(client, path, name, **params):
    found, cursor = [], ""
    while cursor is not None:
        answer = client.get(path, params={**params, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        found += [hit["id"] for hit in answer.json()[name]]
        cursor = answer.json()["next"]
    return found


@pytest.mark.requirement("GD.architecture.storage.04")
def test_what_was_written_is_found_page_by_page(running):
    node, actor, client, ids = running
    for path, name in (("/v1/transactions", "transactions"), ("/v1/evidence", "evidence")):
        assert sorted(pages(client, path, name, limit=4)) == sorted(ids)
        assert sorted(pages(client, path, name, account=actor.address)) == sorted(ids)
        assert len(pages(client, path, name, reference="case-3", limit=2)) == 5
        assert pages(client, path, name, reference="nothing") == []
        answer = client.get(path).json()
        assert answer["indexed_height"] == answer["height"] == node.node.application.chain.height
    assert pages(client, "/v1/evidence", "evidence", evidence=ids[7]) == [ids[7]]
    assert client.get("/v1/transactions", params={"code": 0, "type": "evidence."}).json()["transactions"]


def test_a_record_and_its_hit_say_the_same_of_what_holds(running):
    node, actor, client, ids = running
    mark = {"evidence": ids[3], "member": None, "reason": "error"}
    withdrawal = actor.seal(actor.body("evidence.withdraw", mark))
    assert node.node.submitter.submit([withdrawal], wait=True, timeout_s=20)[0].code == 0
    for evidence, state in ((ids[2], "in_force"), (ids[3], "withdrawn")):
        record = client.get(f"/v1/evidence/{evidence}").json()
        (hit,) = client.get("/v1/evidence", params={"evidence": evidence}).json()["evidence"]
        assert record["state"] == hit["status"] == state
        assert (record["mark"] is None) == (state == "in_force")
        assert record["as_of"] == node.node.application.chain.height


def test_counts_for_charts(running):
    _, _, client, ids = running
    answer = client.get("/v1/statistics", params={"interval": "day", "group": "type"}).json()
    assert answer["transactions"] == answer["all_transactions"] == len(ids)
    assert [point["value"] for point in answer["points"]] == ["evidence.put"] * len(answer["points"])
    assert all(point["start_text"].endswith("+08:00") for point in answer["points"])


@pytest.mark.parametrize("path", ROUTES)
def test_a_search_needs_a_session_unless_reads_are_open(template, tmp_path, path):
    for reads, status in (("session", 401), ("closed", 401), ("open", 200)):
        with serving(copy_chain(template[1], tmp_path / reads), reads=reads) as node, node.client() as client:
            answer = client.get(path)
            assert answer.status_code == status
            if status == 401:
                assert answer.json()["code"] == "SESSION_REQUIRED"


@pytest.mark.parametrize("path", ROUTES)
def test_a_node_without_an_index_says_so(template, tmp_path, path):
    data = copy_chain(template[1], tmp_path / "data")
    with serving(data, index=False, reads="open") as node, node.client() as client:
        answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "SERVICE_OFF")


BAD = [
    ("/v1/transactions", {"limit": "x"}),
    ("/v1/transactions", {"limit": "0"}),
    ("/v1/transactions", {"limit": "1001"}),
    ("/v1/transactions", {"limit": "-1"}),
    ("/v1/transactions", {"limit": "9" * 40}),
    ("/v1/transactions", {"account": "zz"}),
    ("/v1/transactions", {"code": "1.5"}),
    ("/v1/transactions", {"time_from": "2026-01-01"}),
    ("/v1/transactions", {"time_from": "5", "time_to": "5"}),
    ("/v1/transactions", {"reference": ""}),
    ("/v1/transactions", {"reference": "x" * 129}),
    ("/v1/transactions", {"type": "a\0b"}),
    ("/v1/transactions", {"unknown": "1"}),
    ("/v1/evidence", {"digest": "ab"}),
    ("/v1/evidence", {"evidence": "../.."}),
    ("/v1/evidence", {"about": "A" * 64}),
    ("/v1/statistics", {"interval": "second"}),
    ("/v1/statistics", {"group": "sender"}),
    ("/v1/statistics", {"time_from": "0", "time_to": "9007199254740991"}),
]


def test_bad_input_is_named_and_never_a_fault_of_the_node(running):
    _, _, client, _ = running
    for path, params in BAD:
        answer = client.get(path, params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "REQUEST_SHAPE"), (path, params, answer.text)
    cursor = client.get("/v1/transactions", params={"limit": 2}).json()["next"]
    for path, params in (
        ("/v1/transactions", {"cursor": cursor, "type": "evidence.put"}),
        ("/v1/evidence", {"cursor": cursor}),
        ("/v1/transactions", {"cursor": cursor[:-1] + ("A" if cursor[-1] != "A" else "B")}),
        ("/v1/transactions", {"cursor": "x" * 5000}),
    ):
        answer = client.get(path, params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "CURSOR_INVALID"), (path, answer.text)


def test_the_client_finds_over_http_and_checks_each_hit(running):
    node, actor, _, ids = running
    with HttpTransport(node.url, token=node.login(actor)) as transport:
        client = Client(transport, trust=TrustAnchors((node.node.machine.fingerprint.hex(),)))
        assert sorted(transport.find_evidence(EvidenceQuery(account=actor.address))) == sorted(ids)
        found = client.find(EvidenceQuery(reference="case-3", limit=3))
        assert {hit.record.reference for hit in found} == {"case-3"}
        assert len(found) == 3
