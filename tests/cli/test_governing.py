"""``govchain chain propose|vote|proposals|members|parameters`` on a chain of one organisation, as a person uses it."""

import pytest

from govchain.proof.genesis import decode_genesis, fingerprint
from tests.cli.support import Shell, new_chain
from tests.ledger.kit import new_account
from tests.modules.governing import organisation_code


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    return new_chain(tmp_path_factory.mktemp("governing"))


def test_a_chain_that_has_no_block_yet_shows_what_genesis_says(shell):
    (member,) = shell.run("chain", "members", "--json").json["members"]
    assert (member["status"], member["as_of"]) == ("active", 0)
    assert shell.run("chain", "proposals", "--json").json == {"proposals": []}
    rules = shell.run("chain", "parameters", "--json").json
    assert rules["limits"]["block_transactions_max"] == 10_000
    assert set(rules["policies"]) >= {"member.add", "upgrade"}


def test_alone_a_proposal_is_carried_out_at_once(shell):
    done = shell.run(
        "chain", "propose", "parameter-change", "block_transactions_max", 5000, "--reason", "试运行", "--json"
    ).json
    assert (done["status"], done["kind"], done["reason"]) == ("executed", "parameter.change", "试运行")
    rules = shell.run("chain", "parameters", "--json").json
    assert (rules["limits"]["block_transactions_max"], rules["voted"]) == (5000, {"block_transactions_max": 5000})
    assert "5000" in shell.run("chain", "parameters").out
    assert shell.run("chain", "proposals", "--json").json["proposals"] == []
    (listed,) = shell.run("chain", "proposals", "--all", "--json").json["proposals"]
    assert listed["id"] == done["id"]
    voted = shell.run("chain", "vote", done["id"][:10], "--json", expect=1)
    assert voted.error["code"] == "GOVERNANCE_PROPOSAL_CLOSED"
    assert shell.run("chain", "vote", "ab" * 32, "--json", expect=1).error["code"] == "NOT_FOUND"
    assert shell.run("chain", "withdraw", done["id"], "--json", expect=1).error["code"] == "GOVERNANCE_PROPOSAL_CLOSED"


def test_a_refusal_says_what_to_do(shell):
    (member,) = shell.run("chain", "members", "--json").json["members"]
    refused = shell.run("chain", "propose", "member-remove", member["name"], expect=1)
    assert "GOVERNANCE_QUORUM" in refused.err
    assert "Add members first" in refused.err
    chinese = Shell(shell.folder, shell.home, "zh_CN.UTF-8")
    assert "请先增加成员" in chinese.run("chain", "propose", "member-remove", member["key"], expect=1).err
    assert shell.run("chain", "propose", "member-remove", "nobody", "--json", expect=2).error["code"] == "USAGE"
    for call in (
        ("parameter-change", "signatures_max", 3),
        ("policy-change", "member.king", "all"),
        ("policy-change", "upgrade", "most"),
    ):
        assert shell.run("chain", "propose", *call, "--json", expect=2).error["code"] == "USAGE"


def test_organisations_policies_and_upgrades(shell):
    code, account = organisation_code(7), new_account()
    shell.run("chain", "propose", "organisation-add", code, "某市大数据局", "--public-key", account.key.hex())
    accounts = shell.run("account", "list", "--json").json["accounts"]
    (added,) = [one for one in accounts if one["organisation"] == code]
    assert (added["administrator"], added["roles"]) == (True, ["department", "operator"])
    second = new_account()
    call = ("organisation-account", code, "--public-key", second.key.hex(), "--replaces", added["address"])
    given = shell.run("chain", "propose", *call, "--json").json
    assert (given["status"], given["change"]["account"]["roles"]) == ("executed", ["department", "operator"])
    assert code in shell.run("chain", "proposals", "--all", COLUMNS="200").out
    found = [one for one in shell.run("account", "list", "--json").json["accounts"] if one["organisation"] == code]
    assert sorted((one["address"] == added["address"], one["status"]) for one in found) == [
        (False, "active"),
        (True, "frozen"),
    ]
    shell.run("chain", "propose", "policy-change", "upgrade", "all")
    shell.run("chain", "propose", "upgrade", 2, 500, "--software", "govchain 0.9")
    rules = shell.run("chain", "parameters", "--json").json
    assert rules["policies"]["upgrade"] == {"organisations": [], "rule": "all"}
    assert (rules["upgrade"]["version"], rules["upgrade"]["height"]) == (2, 500)
    assert "govchain 0.9" in shell.run("chain", "parameters").out


def test_a_chain_is_created_listed_and_stopped(shell):
    created = shell.run("chain", "create", "licences", "--json").json
    assert len(created["change"]["accounts"]) == 4  # those of the organisation that votes, not the other's
    (listed,) = shell.run("chain", "list", "--json").json["chains"]
    assert (listed["chain"], listed["decision"], listed["number"]) == ("licences", "created", 1)
    assert (listed["here"]["state"], listed["here"]["height"]) == ("absent", None)  # no node has run since
    assert "not set up here" in shell.run("chain", "list", COLUMNS="200").out
    written = shell.run("chain", "genesis", "licences", "licences.json", "--json").json
    genesis = decode_genesis((shell.folder / "licences.json").read_bytes())
    assert fingerprint(genesis).hex() == written["fingerprint"] == listed["fingerprint"]
    assert shell.run("chain", "genesis", "licences", "licences.json", "--json", expect=2).error["code"] == "USAGE"
    shell.run("trust", "add", "licences.json")
    stopped = shell.run("chain", "stop", "licences", "--json").json
    assert stopped["change"] == {"chain": "licences", "kind": "chain.stop"}
    said = shell.run("chain", "proposals", "--all", COLUMNS="200").out
    assert stopped["id"] in said
    assert "carried out" in said
    chinese = Shell(shell.folder, shell.home, "zh_CN.UTF-8").run("chain", "proposals", "--all").out
    assert "已执行" in chinese


def test_the_help_names_every_kind_of_change(shell):
    from govchain.modules.governance.messages import KINDS

    said = shell.run("chain", "propose", "--help").out
    for kind in KINDS:
        assert kind.replace(".", "-") in said
