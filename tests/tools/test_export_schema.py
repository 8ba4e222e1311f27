"""The published schema of exports: it is the table's, every export of every node meets it, and altered ones do not."""

import copy
import json

import jsonschema
import pytest

from tests.api.events_kit import serving, until
from tests.cli.support import Shell
from tests.node.fixtures import actor, template  # noqa: F401 - fixtures
from tests.node.kit import CHAIN, copy_chain
from tools import export_schema

SCHEMA = json.loads(export_schema.DOCUMENT.read_text(encoding="utf-8"))
MEETS = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_that_of_the_table_and_is_one():
    assert export_schema.main(["--check"]) == 0
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.fixture(scope="module")
def exported(template, actor, tmp_path_factory):  # noqa: F811
    """Each object as the node gives it by HTTP, and as the command gives it from the directory's copy elsewhere."""
    folder = tmp_path_factory.mktemp("schema")
    path = copy_chain(template, folder / "d")
    by_http = {}
    with serving(path) as running:
        (record,) = running.put(actor, "case-1")
        until(lambda: running.node.transport.status().certified_height >= 1)
        objects = {
            "block": "1", "transaction": record, "entity": record, "account": actor.address,
            "contract": "evidence", "configuration": CHAIN,
        }  # fmt: skip
        with running.client(running.login(actor)) as client:
            for kind, name in objects.items():
                by_http[kind] = client.get(f"/v1/export/{kind}/{name}", params={"check": "true"}).json()
    shell = Shell(copy_chain(path, folder / "elsewhere"), folder / "home")
    shell.run("trust", "add", "genesis.json")
    by_command = {}
    for kind, name in objects.items():
        command = {"transaction": ("tx", name), "configuration": (kind,)}.get(kind, (kind, name))
        by_command[kind] = shell.run("export", *command, "--check", "--json").json
    return by_http, by_command


@pytest.mark.requirement("BJ.compatibility.interoperability.01a")
def test_every_export_of_either_node_meets_the_schema(exported):
    by_http, by_command = exported
    for exports in exported:
        for document in exports.values():
            MEETS.validate(document)
    for kind in ("block", "transaction", "entity", "account", "contract"):
        assert by_http[kind] == by_command[kind]


@pytest.mark.requirement("BJ.data.06_001")
def test_the_protocol_s_version_is_in_the_configuration_and_in_every_answer(template, exported, tmp_path):  # noqa: F811
    assert exported[0]["configuration"]["elements"]["06_001"]["value"] == "1"
    with serving(copy_chain(template, tmp_path / "d")) as running, running.client() as client:
        for path in ("/v1/chain", "/v1/health/live", "/v1/nowhere"):
            assert client.get(path).headers["govchain-protocol"] == "1"
        # The first exchange of a client names it too, and another version is refused by name.
        assert client.get("/v1/chain", headers={"GovChain-Protocol": "1"}).status_code == 200
        refused = client.get("/v1/chain", headers={"GovChain-Protocol": "2"})
        assert (refused.status_code, refused.json()["code"]) == (400, "PROTOCOL_UNKNOWN")


def alter(document, change):
    altered = copy.deepcopy(document)
    change(altered)
    return altered


def put(value, *place):
    def change(document):
        for step in place[:-1]:
            document = document[step]
        document[place[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        put("5", "elements", "02_001", "value"),
        put(-1, "elements", "02_001", "value"),
        put("00" * 31, "elements", "02_002", "value"),
        put("AB" * 32, "elements", "02_002", "value"),
        put("absent", "elements", "02_002", "state"),
        put(None, "elements", "02_002", "value"),
        put("Block Number", "elements", "02_001", "name_en"),
        put({}, "elements", "02_008"),
        put("account", "kind"),
        put("govchain-export/2", "format"),
        put("", "chain"),
        put(1, "extra"),
        lambda document: document["elements"].pop("02_007"),
        lambda document: document["names"].pop("Block Height"),
        lambda document: document.pop("genesis"),
    ],
)
def test_an_altered_export_does_not_meet_it(exported, change):
    assert not MEETS.is_valid(alter(exported[0]["block"], change))
