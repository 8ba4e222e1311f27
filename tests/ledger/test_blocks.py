"""Headers, roots and identities against an independent, slow computation; T/CESA 6002 (block.md 4, 5)."""

import hashlib
import json
import random
from itertools import pairwise

import msgspec
import pytest

from govchain.crypto import get_suite
from govchain.ledger import genesis_writes, prepare
from govchain.merkle import SparseTree, inclusion_path, verify_inclusion, verify_sparse
from govchain.model import Code, VerificationError
from govchain.proof.genesis import encode_genesis
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.transactions import decode_receipt
from govchain.state import Table
from tests.ledger.kit import CREATED, Kit, Ledger, id_of, item, make, make_body, new_account, put, sign
from tests.ledger.slow import SlowChain, delta_leaves, leaf_of_write, live_items, receipt, signer_digest, sm3, tagged

SM3 = get_suite("gm").digest


def slow_chain(ledger, digest=sm3):
    genesis = json.loads(encode_genesis(ledger.kit.genesis))
    return SlowChain(genesis, genesis_writes(ledger.machine), digest)


def follow(slow, block):
    envelopes = [prepared.envelope for prepared in block.transactions]
    return slow.follow(envelopes, list(block.receipts), block.writes, block.header.time)


def one_of_each(kit, ledger):
    """Envelopes of every type, for one block; later ones need the earlier."""
    department, boss = kit.department, kit.administrator
    first = put(department)
    key = new_account().key.hex()
    register = {"administrator": False, "algorithm": "sm2-sm3", "key": key, "label": "窗口", "roles": ["department"]}
    target = kit.accounts[0, "auditor"].address.hex()
    evidence = id_of(first).hex()
    batch = {"capture": item()["capture"], "count": 3, "reference": "项目", "root": "ab" * 32, "total_size": 9}
    return [
        first,
        make("accounts.register", register, boss),
        make("accounts.freeze", {"account": target, "reason": "left"}, boss),
        make("accounts.unfreeze", {"account": target}, boss),
        make("evidence.batch", batch, department),
        make("evidence.supplement", {"evidence": evidence, "reference": "", "subject": item()}, department),
        make(
            "evidence.supersede",
            {"evidence": evidence, "member": None, "reason": "error", "reference": "", "subject": item()},
            department,
        ),
        make("evidence.withdraw", {"evidence": evidence, "member": None, "reason": "other"}, department),
        put(kit.accounts[0, "auditor"]),
    ]


@pytest.mark.parametrize("suite", ["gm", "international"])
def test_every_field_of_every_header_is_as_computed_slowly(suite):
    algorithms = ("sm2-sm3",) if suite == "gm" else ("ecdsa-p256-sha256",)
    digest = sm3 if suite == "gm" else lambda data: hashlib.sha256(data).digest()
    kit = Kit(suite=suite, algorithms=algorithms)
    ledger = Ledger(kit)
    slow = slow_chain(ledger, digest)
    assert slow.previous == kit.machine.fingerprint
    assert slow.root == ledger.chain.state_root
    generator = random.Random(7)
    for height in range(1, 18):
        count = generator.choice([1, 1, 2, 3, 7])
        envelopes = [put(kit.accounts[generator.randrange(2), "department"]) for _ in range(count)]
        envelopes += one_of_each(kit, ledger) if height == 5 and suite == "gm" else []
        block = ledger.run(*envelopes, time=CREATED + height * 250)
        header, identity = follow(slow, block)
        assert block.header_bytes == header
        assert block.identity == identity == ledger.chain.identity
        assert ledger.chain.state_root == slow.root
    assert dict(ledger.state.scan(b"")) == slow.state


@pytest.mark.requirement("BJ.data.03_002")
def test_receipts_of_every_type_are_as_written_by_hand(kit, ledger):
    envelopes = one_of_each(kit, ledger)
    block = ledger.run(*envelopes, time=CREATED + 99)
    own = kit.organisations[0]
    ids = [id_of(envelope) for envelope in envelopes]
    bodies = [prepared.body for prepared in block.transactions]
    target = kit.accounts[0, "auditor"].address.hex()
    from govchain.crypto import account_address

    fresh = account_address(
        kit.machine.suite, "test-chain", "sm2-sm3", bytes.fromhex(json.loads(bytes(bodies[1].payload))["key"])
    )
    superseded = {"evidence": ids[0].hex(), "member": None, "reason": "error"}
    events = [
        [("evidence.anchored", own, "", {"count": 1, "kind": "file"})],
        [("accounts.registered", own, fresh.hex(), {"roles": ["department"]})],
        [("accounts.frozen", own, target, {"reason": "left"})],
        [("accounts.unfrozen", own, target, {})],
        [("evidence.anchored", own, "项目", {"count": 3, "kind": "batch"})],
        [("evidence.supplemented", own, "", {"count": 1, "kind": "supplement"})],
        [
            ("evidence.anchored", own, "", {"count": 1, "kind": "replacement"}),
            ("evidence.superseded", own, ids[0].hex(), superseded),
        ],
        [],
        [],
    ]
    codes = [0, 0, 0, 0, 0, 0, 0, int(Code.EVIDENCE_SUPERSEDED), int(Code.ROLE_MISSING)]
    expected = [
        receipt(code, told, 1, index, id) for index, (code, told, id) in enumerate(zip(codes, events, ids, strict=True))
    ]
    assert list(block.receipts) == expected
    assert {body.type for body in bodies} == kit.machine.types


@pytest.fixture(scope="module")
def chain(kit):
    """A thousand small blocks of one chain, and what was sent."""
    ledger = Ledger(kit)
    envelopes = [put(kit.accounts[number % 2, "department"], expires=CREATED + 600_000) for number in range(1000)]
    generator = random.Random(3)
    clock = CREATED
    for envelope in envelopes:
        clock += generator.choice([-3, 0, 1, 40, 200])
        ledger.run(envelope, time=clock)
    return ledger


@pytest.mark.requirement("BJ.function.timing.01", "BJ.data.02_006", "BJ.data.02_001", "BJ.data.structure.02")
def test_a_thousand_blocks_keep_one_order_in_time(kit, chain):
    headers = [block.header for block in chain.blocks]
    assert [header.height for header in headers] == list(range(1, 1001))
    assert all(before.time < after.time for before, after in pairwise(headers))
    assert all(0 < header.time < 2**63 for header in headers)
    assert min(header.transaction_count for header in headers) >= 1
    assert min(len(block.transactions) for block in chain.blocks) >= 1
    # Another node that is given the same blocks has the same order and the same identities.
    other = Ledger(kit)
    for block in chain.blocks:
        other.run(*(prepared.envelope for prepared in block.transactions), time=block.header.time)
    assert [block.identity for block in other.blocks] == [block.identity for block in chain.blocks]


@pytest.mark.requirement("BJ.data.02_002", "BJ.data.02_003", "BJ.data.02_004", "BJ.data.structure.09")
def test_the_chain_holds_by_its_headers_alone(kit, chain):
    """Identities are digests of headers, and each header names the one before, from height 1 to the head."""
    previous = kit.machine.fingerprint
    for block in chain.blocks:
        header = decode_header(block.header_bytes)
        assert header.version == 1  # the first and only version; another is refused below
        assert header.previous == previous.hex()
        previous = tagged("govchain/header/1", block.header_bytes)
        assert block.identity == previous == header_identity(kit.machine.suite, block.header_bytes)
        assert len(previous) == 32
    with pytest.raises(Exception, match="BODY_SHAPE"):
        decode_header(block.header_bytes.replace(b'"version":1}', b'"version":2}'))


@pytest.mark.requirement("BJ.data.02_005", "BJ.data.02_007", "BJ.data.structure.10", "BJ.data.structure.11")
def test_roots_are_rebuilt_from_the_body(kit, ledger):
    """The body is the list of envelopes: transaction and receipt root come from it; the state root is there too."""
    for count in (1, 2, 3, 5, 8, 13):
        envelopes = [put(kit.department) for _ in range(count)]
        block = ledger.run(*envelopes)
        assert [prepared.envelope for prepared in block.transactions] == envelopes
        assert block.header.transaction_count == len(envelopes) == len(block.receipts)
        digests = [sm3(envelope) for envelope in envelopes]
        for index in range(count):
            path = inclusion_path(SM3, digests, index)
            verify_inclusion(
                SM3, bytes.fromhex(block.header.transaction_root), digests[index], index=index, size=count, path=path
            )
            path = inclusion_path(SM3, list(block.receipts), index)
            root = bytes.fromhex(block.header.receipt_root)
            verify_inclusion(SM3, root, block.receipts[index], index=index, size=count, path=path)
        told = json.loads(block.header_bytes)
        assert {"height", "previous", "time", "transaction_root", "receipt_root", "state_root"} <= told.keys()
        assert told["state_root"] == ledger.chain.state_root.hex()


@pytest.mark.requirement("BJ.data.03_001")
def test_ten_thousand_transactions_have_ten_thousand_identifiers(kit):
    ledger = Ledger(kit)
    bodies = [
        make_body("evidence.withdraw", {"evidence": "00" * 32, "member": None, "reason": "other"}, kit.department)
        for _ in range(10_000)
    ]
    block = ledger.run(*(sign(body, kit.department) for body in bodies))
    ids = [prepared.id for prepared in block.transactions]
    assert len(set(ids)) == 10_000
    assert ids[4321] == sm3(bodies[4321])
    assert {decode_receipt(data).transaction for data in block.receipts} == {id.hex() for id in ids}


@pytest.mark.requirement("BJ.data.structure.03", "BJ.data.structure.06", "BJ.data.04_001")
def test_every_party_named_is_an_account(kit, ledger):
    block = ledger.run(put(kit.department, recipient=kit.accounts[1, "auditor"].address.hex()))
    body = prepare(kit.machine, [block.transactions[0].envelope])[0].body
    sender = ledger.directory.account(bytes.fromhex(body.signers[0].account))
    assert sender.key == kit.department.key
    assert sender.organisation == kit.organisations[0]
    assert ledger.directory.account(bytes.fromhex(body.recipient)).organisation == kit.organisations[1]
    assert ledger.directory.organisation_name(sender.organisation)


@pytest.mark.requirement("BJ.function.ledger_app.01")
def test_what_is_published_is_read_back_by_its_identifier(kit, ledger):
    envelope = put(kit.department)
    block = ledger.run(envelope)
    record = ledger.state.get(b"evidence.record/" + id_of(envelope))
    assert json.loads(record) == {
        "account": kit.department.address.hex(), "count": 1, "height": 1, "index": 0, "kind": "file", "of": None,
        "organisation": kit.organisations[0], "time": block.header.time,
    }  # fmt: skip


@pytest.mark.requirement("BJ.function.ledger_app.05a")
def test_more_than_exists_is_refused_before_a_block(kit, ledger):
    """The pool's check runs the family's rules on the newest state: the fourth leaf of a batch of three is refused."""
    batch = make(
        "evidence.batch",
        {"capture": item()["capture"], "count": 3, "reference": "", "root": "ab" * 32, "total_size": 9},
        kit.department,
    )
    assert ledger.codes(batch) == [Code.OK]
    evidence = id_of(batch).hex()
    for member, code in ((2, Code.OK), (3, Code.EVIDENCE_MEMBER)):
        withdraw = {"evidence": evidence, "member": member, "reason": "error"}
        assert ledger.check(make("evidence.withdraw", withdraw, kit.department)) == code


def test_delta_proves_what_was_written_and_nothing_else(kit, ledger):
    """Each write of a block that enters `delta` has an inclusion proof; look-up tables have none."""
    block = ledger.run(*one_of_each(kit, ledger))
    leaves = delta_leaves(block.writes)
    assert 0 < len(leaves) < len(block.writes)
    for index, leaf in enumerate(leaves):
        verify_inclusion(
            SM3, block.chain.delta_root, leaf, index=index, size=len(leaves), path=inclusion_path(SM3, leaves, index)
        )
    forged = leaf_of_write(b"evidence.record/" + bytes(32), b"{}")
    with pytest.raises(VerificationError):
        verify_inclusion(
            SM3, block.chain.delta_root, forged, index=0, size=len(leaves), path=inclusion_path(SM3, leaves, 0)
        )


def prove(ledger, key):
    """What `live` says of a key now, verified against the head's root: the value's digest or None."""
    path = sm3(key)
    proof = SparseTree(SM3, lambda at: ledger.store.get(Table.LIVE, at)).prove(path)
    verify_sparse(SM3, ledger.chain.live_root, path, proof.value_digest, proof)
    for wrong in (None, sm3(b"forged")):
        if wrong != proof.value_digest:
            with pytest.raises(VerificationError):
                verify_sparse(SM3, ledger.chain.live_root, path, wrong, proof)
    return proof.value_digest


def test_live_proves_presence_absence_and_withdrawal(kit, ledger):
    envelope = put(kit.department)
    ledger.run(envelope)
    mark = b"evidence.mark/" + id_of(envelope)
    assert prove(ledger, mark) is None
    before = ledger.chain.live_root
    ledger.run(put(kit.department))
    assert ledger.chain.live_root == before  # a block without such writes carries the root on
    withdraw = {"evidence": id_of(envelope).hex(), "member": None, "reason": "error"}
    ledger.run(make("evidence.withdraw", withdraw, kit.department))
    assert prove(ledger, mark) == sm3(ledger.state.get(mark))
    account = b"accounts.account/" + kit.accounts[0, "auditor"].address
    active = prove(ledger, account)
    assert active == sm3(ledger.state.get(account))
    freeze = {"account": kit.accounts[0, "auditor"].address.hex(), "reason": "left"}
    ledger.run(make("accounts.freeze", freeze, kit.administrator))
    assert prove(ledger, account) == sm3(ledger.state.get(account)) != active
    assert json.loads(ledger.state.get(account))["status"] == "frozen"
    assert len(live_items(dict(ledger.state.scan(b"")))) == 13  # ten accounts, two organisations, one mark


def test_signers_of_a_header_are_the_genesis_set(kit, chain):
    digest = signer_digest("solo", [("sm2-sm3", kit.member.key)])
    assert {(block.header.signers, block.header.next_signers) for block in chain.blocks} == {(digest, digest)}
    assert {block.header.epoch for block in chain.blocks} == {0}


def test_history_frontier_is_the_tree_over_all_identities(chain):
    from govchain.merkle import Frontier
    from tests.merkle.reference import mth

    identities = [block.identity for block in chain.blocks]
    assert Frontier.decode(SM3, chain.chain.history).root() == mth(identities, sm3)
    assert chain.blocks[-1].header.history == mth(identities[:-1], sm3).hex()


def test_header_fields_are_exactly_those_of_the_specification(chain):
    assert sorted(msgspec.structs.asdict(chain.blocks[0].header)) == [
        "chain", "checkpoint", "epoch", "height", "history", "next_signers", "previous", "receipt_root", "signers",
        "state_root", "time", "transaction_count", "transaction_root", "version",
    ]  # fmt: skip
