"""``govchain verify`` of a proof that a member signed two blocks of one height."""

import json

import pytest

from govchain.proof.certificates import finality_message
from govchain.proof.equivocation import SignedBlock, build_equivocation
from govchain.signers import open_key_file, passphrase_source
from tests.cli.support import new_chain


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    return new_chain(tmp_path_factory.mktemp("equivocation"))


@pytest.fixture(scope="module")
def proof(chain):
    """Two blocks of height 9 signed by the chain's own member key."""
    folder = chain.folder
    genesis = json.loads((folder / "genesis.json").read_bytes())
    signer = open_key_file(folder / "keys" / "node.pem", passphrase_source(folder / "keys"))
    blocks = []
    for number in (1, 2):
        identity = bytes([number]) * 32
        message = finality_message(genesis["chain"], 0, 9, identity, bytes(32))
        blocks.append(SignedBlock(identity.hex(), bytes(32).hex(), signer.sign(message).hex()))
    signer.close()
    data = build_equivocation(genesis["chain"], 0, 9, "sm2-sm3", signer.public_key, tuple(blocks))
    (folder / "proof.json").write_bytes(data)
    return data


def test_it_holds_and_a_genesis_says_whose_key_it_is(chain, proof):
    said = chain.run("--json", "verify", "proof.json", "--trust", "genesis.json").json
    assert (said["result"], said["height"], said["member"]) == ("equivocation", 9, "node-1")
    assert said["identities"] == ["01" * 32, "02" * 32]
    printed = chain.run("verify", "proof.json", "--trust", "genesis.json").out
    assert "signed two different blocks of height 9" in printed
    assert "node-1" in printed
    assert "签署了两个不同的区块" in chain.run("--lang", "zh", "verify", "proof.json", "--trust", "genesis.json").out


def test_without_a_genesis_the_member_is_not_shown(chain, proof):
    assert "is not shown" in chain.run("verify", "proof.json", expect=3).out


@pytest.mark.parametrize("change", [b'"height":8', b'"epoch":1'])
def test_a_changed_proof_is_refused(chain, proof, change):
    name = change.split(b":")[0]
    start = proof.index(name)
    end = proof.index(b",", start)
    (chain.folder / "changed.json").write_bytes(proof[:start] + change + proof[end:])
    said = chain.run("--json", "verify", "changed.json", "--trust", "genesis.json", expect=1)
    assert said.error["code"] == "EQUIVOCATION_INVALID"


def test_json_that_is_no_proof_is_refused(chain):
    (chain.folder / "other.json").write_text("{}")
    assert chain.run("--json", "verify", "other.json", expect=1).error["code"] == "BODY_SHAPE"
