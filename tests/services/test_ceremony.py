import itertools

import pytest

from govchain.crypto import SigningKey
from govchain.model import Code, RefusedError, UsageError, VerificationError
from govchain.proof.genesis import check_genesis, check_network_genesis, encode_genesis, fingerprint
from govchain.proof.genesis_signatures import (
    decode_genesis_signature,
    encode_genesis_signature,
    genesis_message,
    verify_genesis_signature,
)
from govchain.proof.members import MemberAddresses
from govchain.services.ceremony import (
    RECORD_AGE_MS_MAX,
    assemble_genesis,
    check_record,
    judge_ceremony,
    read_records,
    sign_genesis,
    verify_own_part,
)
from tests.services.ceremony_kit import MODULES, NOW, organisation, party


@pytest.fixture(scope="module")
def parties():
    return [party(number) for number in range(4)]


@pytest.fixture(scope="module")
def genesis(parties):
    return assemble_genesis([one.record for one in parties], "bft", MODULES)


def refused(*parties, rule="bft", limits=None):
    with pytest.raises(RefusedError) as caught:
        assemble_genesis([one.record for one in parties], rule, MODULES, limits)
    assert caught.value.code is Code.CEREMONY_REFUSED
    return caught.value.params["reason"]


@pytest.mark.requirement("BJ.function.node_auth.01")
def test_the_same_files_in_any_order_give_the_same_bytes(parties, genesis):
    wanted = encode_genesis(genesis)
    for order in itertools.permutations(parties):
        files = [one.file for one in order]
        assert encode_genesis(assemble_genesis(read_records(files), "bft", MODULES)) == wanted
    assert check_genesis(genesis) == ""
    assert check_network_genesis(genesis) == ""
    assert genesis.created == NOW + 3
    assert [member.organisation for member in genesis.members] != []
    assert {account.organisation for account in genesis.accounts} == {organisation(number) for number in range(4)}


def test_limits_and_rule_are_part_of_it(parties, genesis):
    records = [one.record for one in parties]
    smaller = assemble_genesis(records, "bft", MODULES, {"block_bytes_max": 1_000_000})
    assert smaller.limits.block_bytes_max == 1_000_000
    assert fingerprint(smaller) != fingerprint(genesis)
    raft = assemble_genesis([party(number, engine_key=b"", engine_node=b"").record for number in range(3)], "raft", ())
    assert check_network_genesis(raft) == ""
    assert raft.rule == "raft"


def test_the_international_suite_has_its_own_algorithms():
    made = [party(number, algorithm="ecdsa-p256-sha256") for number in range(2)]
    records = read_records([one.file for one in made])
    assert assemble_genesis(records, "bft", MODULES).suite == "international"
    assert "more than one algorithm" in refused(made[0], party(1))


def test_a_file_from_another_chain(parties):
    assert "several chains: city-evidence, other-chain" in refused(parties[0], party(1, chain="other-chain"))


def test_a_file_given_twice(parties):
    assert "the file of node-1 was given twice" in refused(*parties, parties[1])
    later = party(1, signer=parties[1].key, issued=NOW + 99)
    assert "the file of node-1 was given twice" in refused(*parties, later)


def test_two_members_with_something_in_common(parties):
    first = parties[0].record
    assert "node-0 and node-1 have one engine key" in refused(
        parties[0], party(1, engine_key=bytes.fromhex(first.engine_key))
    )
    assert "node-0 and node-1 have one engine node" in refused(
        parties[0], party(1, engine_node=bytes.fromhex(first.engine_node))
    )
    assert "node-0 and node-1 have one TLS key" in refused(
        parties[0], party(1, certificate=bytes.fromhex(first.certificate))
    )
    assert "one name" in refused(parties[0], party(1, name="node-0"))
    assert "one account key" in refused(parties[0], party(1, accounts=first.accounts))
    same = MemberAddresses(api="", engine="10.0.0.9:1", peers=first.addresses.peers)
    assert "one address for peers" in refused(parties[0], party(1, addresses=same))


def test_one_organisation_may_have_two_nodes_under_one_name_only(parties):
    twin = party(1, organisation=organisation(0), organisation_name="Bureau 0")
    assert len(assemble_genesis([parties[0].record, twin.record], "bft", MODULES).organisations) == 1
    renamed = party(1, organisation=organisation(0), organisation_name="Other")
    assert "has two names" in refused(parties[0], renamed)


def test_a_file_left_over_from_long_ago(parties):
    edge = party(0, issued=parties[3].record.issued - RECORD_AGE_MS_MAX)
    assert assemble_genesis([edge.record, parties[3].record], "bft", MODULES)
    old = party(0, issued=parties[3].record.issued - RECORD_AGE_MS_MAX - 1)
    assert "node-0: the file is more than 90 days older than the newest" in refused(old, parties[3])


def test_what_the_rule_needs(parties):
    without = party(1, engine_key=b"", engine_node=b"")
    assert "node-1: rule bft needs an engine key" in refused(parties[0], without)
    nowhere = party(1, addresses=MemberAddresses(api="", engine="", peers="10.0.0.1:1"))
    assert "node-1: no address of the engine" in refused(parties[0], nowhere, rule="raft")
    assert "no member file" in refused()
    assert "engine keys" in refused(party(1, engine_key=b"\x02" + bytes(31)))


def test_limits_that_do_not_fit(parties):
    assert "limits" in refused(parties[0], limits={"block_bytes_max": 2048, "body_bytes_max": 4096})
    with pytest.raises(UsageError, match="block_bytes_max"):
        assemble_genesis([parties[0].record], "bft", MODULES, {"block_bytes_max": 1})


@pytest.mark.parametrize("place", [10, 200, -3])
def test_a_file_that_was_changed(parties, place):
    name, data = parties[0].file
    changed = bytearray(data)
    changed[place] ^= 1
    with pytest.raises(RefusedError) as caught:
        read_records([(name, bytes(changed))])
    assert caught.value.code is Code.CEREMONY_REFUSED
    assert caught.value.params["reason"].startswith("node-0.json: not a member file")


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"\xff" * 40, b"{" * 10_000])
def test_a_file_that_is_none(data):
    with pytest.raises(RefusedError) as caught:
        read_records([("x", data)])
    assert caught.value.code is Code.CEREMONY_REFUSED


def test_nobody_signs_what_its_own_file_does_not_say(parties, genesis):
    for one in parties:
        verify_own_part(genesis, one.record)
    own = parties[2]
    without_account = assemble_genesis(
        [*(one.record for one in parties[:2]), party(2, signer=own.key, accounts=()).record], "bft", MODULES
    )
    for changed, reason in (
        (party(2, signer=own.key, name="other"), "another name, organisation or key"),
        (
            party(2, signer=own.key, engine_key=SigningKey("ed25519", bytes([99] * 32)).public_key),
            "another name, organisation or key",
        ),
        (party(2, signer=own.key, chain="other-chain"), "another chain"),
        (party(9), "no member of this genesis"),
    ):
        with pytest.raises(RefusedError) as caught:
            sign_genesis(genesis, changed.record, changed.key)
        assert reason in caught.value.params["reason"]
    with pytest.raises(RefusedError) as caught:
        verify_own_part(without_account, own.record)
    assert "another name, organisation or key" in caught.value.params["reason"] or "account" in str(caught.value)
    with pytest.raises(RefusedError, match="not that of the member file"):
        sign_genesis(genesis, own.record, parties[0].key)
    # Addresses may change after genesis; keys may not.
    moved = party(2, signer=own.key, certificate=bytes.fromhex(own.record.certificate), issued=NOW + 5_000)
    assert check_record(genesis, moved.record) == ""


@pytest.mark.requirement("BJ.function.node_auth.01")
def test_the_report_says_who_agreed_and_what_that_means(parties, genesis):
    signatures = {one.record.name: sign_genesis(genesis, one.record, one.key) for one in parties}
    report = judge_ceremony(genesis, signatures)
    assert report.complete
    assert (report.quorum, report.may_fail) == (3, 1)
    missing = judge_ceremony(genesis, {name: data for name, data in signatures.items() if name != "node-2"})
    assert [member.name for member in missing.missing] == ["node-2"]
    assert not missing.complete
    other = assemble_genesis([one.record for one in parties], "bft", MODULES, {"signatures_max": 8})
    false = judge_ceremony(
        genesis,
        {
            **signatures,
            "another genesis": sign_genesis(other, parties[0].record, parties[0].key),
            "garbage": b"\x00\x01",
        },
    )
    assert not false.missing
    assert not false.complete
    assert [(one.file, one.code.name) for one in false.false] == [
        ("another genesis", "GENESIS_SIGNATURE"),
        ("garbage", "JSON_SYNTAX"),
    ] or {one.file for one in false.false} == {"another genesis", "garbage"}


def test_a_signature_holds_for_one_genesis_and_one_key(parties, genesis):
    own = parties[0]
    data = sign_genesis(genesis, own.record, own.key)
    signature = decode_genesis_signature(data + b"\n")
    assert verify_genesis_signature(genesis, signature).name == "node-0"
    stranger = SigningKey("sm2-sm3", bytes([77] * 32))
    foreign = encode_genesis_signature(genesis, "sm2-sm3", stranger.public_key, stranger.sign(genesis_message(genesis)))
    borrowed = encode_genesis_signature(genesis, "sm2-sm3", own.key.public_key, stranger.sign(genesis_message(genesis)))
    other_algorithm = encode_genesis_signature(genesis, "ed25519", own.key.public_key, bytes(64))
    for bad, reason in (
        (foreign, "no member's"),
        (other_algorithm, "no member's"),
        (borrowed, "not valid"),
    ):
        with pytest.raises(VerificationError) as caught:
            verify_genesis_signature(genesis, decode_genesis_signature(bad))
        assert caught.value.code is Code.GENESIS_SIGNATURE
        assert reason in caught.value.params["reason"]
