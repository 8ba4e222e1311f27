"""`govchain net` without a node running: what is made, what is told, what is refused. Running ones: tests/ops/net."""

import json

import pytest

from tests.cli.support import new_shell


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    shell = new_shell(tmp_path_factory.mktemp("net"))
    shell.run("net", "create", "n", "--validators", "2", "--chain", "city-evidence")
    return shell


@pytest.mark.requirement("BJ.function.node.01", "BJ.function.visual.02a")
def test_a_network_that_was_made_and_not_started(shell):
    remembered = json.loads((shell.folder / "n" / "network.json").read_bytes())
    assert [node["name"] for node in remembered["nodes"]] == ["node-0", "node-1"]
    assert len({node["organisation"] for node in remembered["nodes"]}) == 2
    ports = [node[kind] for node in remembered["nodes"] for kind in ("api", "engine", "peers")]
    assert len(set(ports)) == 6
    signatures = [f"n/signatures/node-{number}.json" for number in (0, 1)]
    assert shell.run("genesis", "verify", "n/genesis.json", *signatures, "--json").json["complete"]
    status = shell.run("net", "status", "n", "--json").json
    assert [node["state"] for node in status["nodes"]] == ["stopped", "stopped"]
    said = shell.run("net", "status", "n").out
    assert "certificate lag" in said
    assert said.count("stopped") == 2
    assert "未运行" in shell.run("--lang", "zh", "net", "status", "n", "node-1").out
    assert "No node is running." in shell.run("net", "stop", "n").out
    assert shell.run("net", "logs", "n", "--json").json == {"lines": []}


def test_the_other_engine_and_suite(shell):
    made = shell.run(
        "net", "create", "r", "--engine", "etcd", "--suite", "international", "--validators", "1", "--json"
    )
    assert made.json["engine"] == "etcd"
    genesis = json.loads((shell.folder / "r" / "genesis.json").read_bytes())
    assert (genesis["rule"], genesis["suite"]) == ("raft", "international")
    assert "engine_key" not in genesis["members"][0]


def test_what_is_refused(shell):
    assert "no usable network" in shell.run("net", "status", "none", expect=5).err
    assert "node-9" in shell.run("net", "logs", "n", "node-9", expect=1).err
    assert shell.run("net", "create", "n", expect=1).err
    assert "cometbft, etcd" in shell.run("net", "create", "x", "--engine", "solo", expect=2).err
    assert "it does not run" in shell.run("net", "add-node", "n", expect=5).err
    assert shell.run("net", "remove-node", "n", "node-1", expect=5).err
    assert shell.run("net", "compare", "n", "--wait", "0", expect=5).err
    refused = shell.run("net", "consensus", "stop", "r", "node-0", expect=2)
    assert "always take part" in refused.err
    shell.run("net", "consensus", "stop", "n", "node-1")
    settings = shell.folder / "n" / "nodes" / "node-1" / "data" / "node.toml"
    assert "votes = false" in settings.read_text()
    shell.run("net", "consensus", "start", "n", "node-1")
    assert "votes = true" in settings.read_text()


def test_members_files_are_admitted_only_of_this_chain(shell):
    data = "n/nodes/node-0/data"
    told = shell.run("node", "admit", data, "n/members/node-1.json", "--json").json
    assert told["admitted"] == ["node-1"]
    shell.run("net", "create", "other", "--validators", "1", "--chain", "other-chain")
    foreign = shell.run("node", "admit", data, "other/members/node-0.json", expect=1)
    assert "another chain" in foreign.err
