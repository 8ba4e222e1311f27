"""Exports and certificates over HTTP: what they give, and what is refused."""

import json

import pytest

from govchain.documents import verify_document
from govchain.model.data_elements import elements_of
from govchain.proof.genesis import fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.sdk.kinds import installed_kinds
from govchain.services.exports import KINDS
from tests.api.events_kit import serving
from tests.node.fixtures import actor, template  # noqa: F401 - fixtures
from tests.node.kit import copy_chain

ROUTE = "GET /v1/export/{kind}/{id}"
ADDRESS = "https://chain.example.gov.cn/verify"


@pytest.fixture(scope="module")
def running(template, tmp_path_factory):  # noqa: F811
    path = copy_chain(template, tmp_path_factory.mktemp("export") / "d")
    with serving(path, certificate_url=ADDRESS, verify=True) as node:
        yield node


@pytest.fixture(scope="module")
def record(running, actor):  # noqa: F811
    return running.put(actor, "HTTP-1")[0]


@pytest.fixture(scope="module")
def client(running, actor):  # noqa: F811
    with running.client(running.login(actor)) as opened:
        yield opened


@pytest.mark.route(ROUTE, "success")
@pytest.mark.requirement("BJ.data.structure.01")
def test_each_kind_is_answered_keyed_by_identifier_and_by_name(client, record, actor, running):  # noqa: F811
    names = {
        "account": actor.address, "block": "1", "transaction": record, "entity": record, "contract": "evidence",
        "configuration": running.node.genesis.chain,
    }  # fmt: skip
    assert set(names) == set(KINDS)
    for kind, name in names.items():
        answer = client.get(f"/v1/export/{kind}/{name}", params={"check": "true"})
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert document["holds"] is True
        assert list(document["elements"]) == [element.identifier for element in elements_of(kind)]
        for element in document["elements"].values():
            assert document["names"][element["name_en"]] == element["value"]
        bare = client.get(f"/v1/export/{kind}/{name}").json()
        assert (bare["check"], bare["elements"]) == (None, document["elements"])


def test_no_secret_is_in_a_configuration(client, running):
    text = client.get(f"/v1/export/configuration/{running.node.genesis.chain}").text
    assert json.loads(text)["context"]["configuration"]["settings"]["certificate_url"] == ADDRESS
    assert (running.node.directory.path / "keys" / "passphrase").read_text().strip() not in text


@pytest.mark.route(ROUTE, "refusal")
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("block/999999", 404, "NOT_FOUND"),
        ("transaction/" + "00" * 32, 404, "NOT_FOUND"),
        ("account/" + "00" * 20, 404, "NOT_FOUND"),
        ("contract/licence", 404, "NOT_FOUND"),
        ("configuration/other", 404, "NOT_FOUND"),
    ],
)
def test_what_is_not_there_is_refused(client, record, path, status, code):
    answer = client.get(f"/v1/export/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_without_a_session_nothing_is_exported(running, record):
    with running.client() as stranger:
        answer = stranger.get("/v1/export/block/1")
    assert (answer.status_code, answer.json()["code"]) == (401, "SESSION_REQUIRED")


@pytest.mark.route(ROUTE, "bad input")
@pytest.mark.parametrize(
    "path",
    [
        "licence/1", "block/-1", "block/0", "block/1.5", "block/" + "9" * 65, "block/%00", "block/1?check=maybe",
        "block/1?x=1", "block/1?check=true&check=true", "transaction/00", "account/zz", "contract/..%2f..%2fetc",
        "block/%EF%BC%91",
    ],
)  # fmt: skip
def test_a_malformed_request_is_refused(client, path):
    answer = client.get(f"/v1/export/{path}")
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["code"] in ("REQUEST_SHAPE", "USAGE", "ROUTE_UNKNOWN", "NOT_FOUND")


def test_a_certificate_is_a_pdf_that_verifies_and_names_the_configured_address(client, record, running):
    answer = client.get(f"/v1/evidence/{record}/certificate")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == f'attachment; filename="{record[:16]}.pdf"'
    trusted = TrustAnchors((fingerprint(running.node.genesis).hex(),))
    verified, paper = verify_document(answer.content, trusted=trusted, kinds=installed_kinds())
    assert verified.report.exit_code == 0
    assert paper.url == ADDRESS
    assert verified.facts.claims[0].transaction == record
    # The node checks certificates as it checks packages.
    headers = {"content-type": "application/vnd.govchain.package+zip"}
    assert client.post("/v1/verify", content=answer.content, headers=headers).json()["holds"] is True
    changed = client.post("/v1/verify", content=answer.content + b"\n", headers=headers).json()
    assert (changed["holds"], changed["code"], changed["step"]) == (False, "PAPER_ALTERED", 13)
