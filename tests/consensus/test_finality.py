"""Finality: who signs when, how signatures become a certificate, what is certified after a crash (decision 5)."""

from dataclasses import replace

import msgspec
import pytest

from govchain.consensus import Certifier, LedgerApplication, Pool
from govchain.consensus.early import EARLY_BLOCKS_MAX
from govchain.consensus.finality import OPEN_BLOCKS_MAX, Finality
from govchain.model import Code
from govchain.proof.certificates import assemble_certificate, encode_certificate
from govchain.proof.equivocation import verify_equivocation
from govchain.state import Batch, Table
from tests.consensus.finality_kit import exchange, several, signed, signed_block, verify_all
from tests.consensus.kit import Node
from tests.ledger.kit import new_account, put


def test_alone_a_member_signs_its_own_commit(small_kit):
    node = Node(small_kit)
    assert node.application.certified_height == 0
    for height in range(1, 4):
        node.block(put(small_kit.department))
        assert node.application.certified_height == height
    assert node.verify_certificates() == 3
    assert node.application.finality.own_signature(3) is None  # answered by the certificate


def test_the_sets_of_a_block_are_explicit(small_kit):
    node = Node(small_kit)
    before = node.application.chain.signers
    node.block(put(small_kit.department))
    (block,) = node.heard
    assert block.signers == block.next_signers == before == node.application.chain.signers
    assert block.header.signers == block.header.next_signers


@pytest.mark.parametrize(("rule", "count", "needed"), [("raft", 3, 2), ("bft", 4, 3)])
def test_a_quorum_makes_the_certificate(rule, count, needed):
    """Under raft signed at once, under bft with the next engine block; the same form as under solo."""
    kit, members = several(rule, count)
    envelope = put(kit.department)
    for member in members:
        member.block(envelope)
    if rule == "bft":
        assert not any(member.route.sent for member in members)
        for member in members:
            member.block()  # an empty engine block is one, too
    signatures = [signature for member in members for signature in member.route.sent]
    assert len(signatures) == count
    first = members[0]
    assert first.finality.own_signature(1) == first.route.sent[0]
    for number, signature in enumerate(signatures[1:needed], 2):
        assert first.certificate(1) is None
        assert first.application.certified_height == 0
        assert first.finality.add(signature) == Code.OK
        assert first.finality.add(signature) == Code.OK  # the same again counts once
        assert (first.certificate(1) is not None) == (number == needed)
    assert first.application.certified_height == verify_all(first) == 1
    assert len(first.certificate(1).signatures) == needed
    assert first.finality.add(signatures[-1]) == Code.OK  # late, and not needed
    exchange(members)
    assert [verify_all(member) for member in members] == [1] * count


def test_signatures_that_are_none_are_refused():
    kit, members = signed_block("raft", 3)
    first, second, _ = members
    good = second.route.sent[0]
    stranger = new_account()
    forged = signed(kit, stranger, good)
    other = signed(kit, second.account, good, identity=bytes(32))
    refusals = [
        (forged, Code.SIGNER_UNKNOWN),
        (replace(good, signature=forged.signature), Code.SIGNATURE_INVALID),
        (replace(good, signature=other.signature), Code.SIGNATURE_INVALID),
        (replace(good, signature=b""), Code.SIGNATURE_LENGTH),
        (replace(good, key=b""), Code.SIGNER_UNKNOWN),
        (replace(good, height=2), Code.SIGNATURE_INVALID),
        (replace(forged, height=2), Code.NOT_FOUND),
        (replace(good, epoch=1), Code.SIGNATURE_INVALID),
        (replace(good, identity=bytes(32)), Code.SIGNATURE_INVALID),
        (replace(good, state_root=bytes(32)), Code.SIGNATURE_INVALID),
        (replace(other, key=stranger.key), Code.SIGNER_UNKNOWN),
    ]
    for signature, code in refusals:
        assert first.finality.add(signature) == code
        assert first.certificate(1) is None
    assert first.watch.heard == []
    assert first.finality.add(good) == Code.OK
    assert verify_all(first) == 1


@pytest.mark.parametrize("late", [False, True], ids=["open", "certified"])
@pytest.mark.parametrize("order", [0, 1], ids=["ours first", "another first"])
def test_a_member_that_signs_two_blocks_is_reported_with_a_proof(late, order):
    kit, members = signed_block("bft", 4)
    first, liar = members[0], members[3]
    if late:
        for member in members[1:3]:
            first.finality.add(member.route.sent[0])
        assert first.certificate(1) is not None
    good = liar.route.sent[0]
    other = signed(kit, liar.account, good, identity=b"\x01" * 32)
    both = [(good, Code.OK), (other, Code.BLOCK_INVALID)]
    for signature, code in (both if order == 0 else both[::-1]) * 2:
        assert first.finality.add(signature) == code
    proofs = [args for kind, *args in first.watch.heard if kind == "equivocated"]
    ((key, height, data),) = proofs  # once, however often it is seen
    assert (key, height) == (liar.account.key, 1)
    proof = verify_equivocation(kit.machine.suite, data)
    assert {block.identity for block in proof.blocks} == {good.identity.hex(), other.identity.hex()}
    assert [args for kind, *args in first.watch.heard if kind == "diverged"] == []


def test_two_other_blocks_of_one_member_are_a_proof_too():
    kit, members = signed_block("raft", 3)
    first, liar = members[0], members[1]
    good = liar.route.sent[0]
    for number in (1, 2):
        assert first.finality.add(signed(kit, liar.account, good, identity=bytes([number]) * 32)) == Code.BLOCK_INVALID
    (heard,) = [args for kind, *args in first.watch.heard if kind == "equivocated"]
    assert first.finality.disagreements.proofs == 1
    assert verify_equivocation(kit.machine.suite, heard[2]).key == liar.account.key.hex()


def test_another_epoch_proves_nothing():
    kit, members = signed_block("raft", 3)
    first, other = members[0], members[1]
    good = other.route.sent[0]
    first.finality.add(good)
    first.finality.add(signed(kit, other.account, good, epoch=1))
    assert [kind for kind, *_ in first.watch.heard] == ["disagreed"]


def test_a_signature_of_another_epoch_hides_no_equivocation():
    """It is no proof itself, and a member that sends it first must not be safe behind it."""
    kit, members = signed_block("bft", 4)
    first, liar = members[0], members[3]
    good = liar.route.sent[0]
    lies = [signed(kit, liar.account, good, epoch=1), signed(kit, liar.account, good, identity=b"\x01" * 32)]
    assert [first.finality.add(lie) for lie in lies] == [Code.BLOCK_INVALID] * 2
    assert first.finality.add(good) == Code.OK
    (proof,) = [args[2] for kind, *args in first.watch.heard if kind == "equivocated"]
    assert verify_equivocation(kit.machine.suite, proof).key == liar.account.key.hex()


def test_a_quorum_for_another_block_stops_this_node():
    """Signatures or a whole certificate over another block: it is this node that went astray."""
    kit, members = signed_block("bft", 4)
    first = members[0]
    good = members[1].route.sent[0]
    others = [signed(kit, member.account, good, identity=b"\x07" * 32) for member in members[1:]]
    for number, signature in enumerate(others, 1):
        assert first.finality.add(signature) == Code.BLOCK_INVALID
        assert any(kind == "diverged" for kind, *_ in first.watch.heard) == (number == 3)
    header = msgspec.structs.replace(first.application.blocks.decoded_header(1))
    signers = first.application.chain.signers
    foreign = assemble_certificate(
        header, b"\x07" * 32, signers, {signature.key: signature.signature for signature in others}
    )
    second = members[1]
    assert second.finality.add_certificate(1, encode_certificate(foreign)) == Code.NODE_DIVERGED
    assert [kind for kind, *_ in second.watch.heard] == ["diverged"]
    short = assemble_certificate(
        header, b"\x07" * 32, signers, {signature.key: signature.signature for signature in others[:2]}
    )
    third = members[2]
    assert third.finality.add_certificate(1, encode_certificate(short)) == Code.CERTIFICATE_INVALID
    assert third.watch.heard == []


def test_a_certified_block_is_right_whoever_signs_another():
    """The keys of a quorum of an old set, in one hand, stop no node that has the block's certificate."""
    kit, members = signed_block("bft", 4)
    first = members[0]
    good = members[1].route.sent[0]
    for member in members[1:3]:
        first.finality.add(member.route.sent[0])
    assert first.certificate(1) is not None
    for member in members[1:]:
        other = signed(kit, member.account, good, identity=b"\x07" * 32)
        assert first.finality.add(other) == Code.BLOCK_INVALID
    kinds = [kind for kind, *_ in first.watch.heard]
    assert "diverged" not in kinds
    assert kinds.count("equivocated") == 2  # of those whose signatures stand in the certificate
    assert kinds.count("disagreed") == 3


def test_a_signature_that_comes_before_its_block_waits_for_it():
    kit, members = several("raft", 3)
    first, *others = members
    envelopes = [put(kit.department) for _ in range(2)]
    for member in others:
        for envelope in envelopes:
            member.block(envelope)
    one, two = others[0].route.sent
    assert first.finality.add(two) == first.finality.add(one) == Code.NOT_FOUND
    far = replace(two, height=EARLY_BLOCKS_MAX + 1)
    stranger = replace(one, key=new_account().key)
    assert first.finality.add(far) == first.finality.add(stranger) == Code.NOT_FOUND
    assert len(first.finality._early) == 2
    for envelope in envelopes:
        first.block(envelope)
    assert verify_all(first) == 2
    assert len(first.finality._early) == 0


def test_certificates_of_others_complete_a_node_that_was_away():
    _kit, members = signed_block("raft", 3, blocks=3)
    exchange(members[1:])
    away, other = members[0], members[1]
    away.finality.route = None
    assert away.finality.missing(10) == [1, 2]  # the newest is left to the members that sign it
    certificate = {height: other.application.blocks.certificate(height) for height in (1, 2, 3)}
    assert away.finality.add_certificate(1, certificate[2]) == Code.CERTIFICATE_INVALID
    assert away.finality.add_certificate(1, b"{}") == Code.BODY_SHAPE
    assert away.finality.add_certificate(4, certificate[3]) == Code.NOT_FOUND
    assert away.certificate(1) is None
    for height in (2, 1, 3):
        assert away.finality.add_certificate(height, certificate[height]) == Code.OK
        assert away.finality.add_certificate(height, certificate[height]) == Code.OK
    assert away.finality.missing(10) == []
    assert away.finality.open_heights() == []
    assert verify_all(away) == 3


def test_who_is_missing_is_told():
    _kit, members = signed_block("bft", 4)
    first = members[0]
    first.finality.add(members[2].route.sent[0])
    assert first.finality.open_heights() == [1]
    assert first.finality.waiting_for(1) == [members[1].account.key, members[3].account.key]
    assert first.finality.waiting_for(2) == []


def test_after_a_crash_a_bft_member_signs_what_was_agreed_and_waits_for_the_rest():
    """Below the head another engine block has followed; the head itself waits for the next one."""
    kit, members = several("bft", 4)
    for envelope in [put(kit.department) for _ in range(3)]:
        for member in members:
            member.block(envelope)
    again = members[0].again()
    assert [signature.height for signature in again.route.sent] == []  # published before the route was there
    assert again.finality.own_signature(2) is not None
    assert again.finality.own_signature(3) is None
    again.block()
    assert [signature.height for signature in again.route.sent] == [3]
    for member in members[1:]:
        member.block()
        for signature in member.route.sent:
            assert again.finality.add(signature) == Code.OK
    assert verify_all(again) == 3


def test_certificates_out_of_order_never_lower_the_height():
    _kit, members = signed_block("raft", 3, blocks=2)
    first, second, _ = members
    one, two = second.route.sent
    first.finality.add(two)
    assert first.application.certified_height == 2
    assert first.certificate(1) is None
    first.finality.add(one)
    assert first.application.certified_height == 2
    assert verify_all(first) == 2


def test_blocks_that_nobody_signs_do_not_pile_up():
    kit, members = several("raft", 3)
    first = members[0]
    first.block(put(kit.department))
    (signature,) = first.route.sent
    header, identity = first.application.blocks.decoded_header(1), first.application.chain.identity
    finality = Finality(
        kit.machine.suite,
        kit.genesis.chain,
        first.application.blocks,
        first.application.lock,
        Certifier(kit.machine.suite, first.account.signer),
    )
    signers = first.application.chain.signers
    for height in range(1, OPEN_BLOCKS_MAX + 6):
        finality._take_up(msgspec.structs.replace(header, height=height), identity, signers, agreed=False)
    assert len(finality._open) == OPEN_BLOCKS_MAX
    assert finality.own_signature(5) is None
    assert finality.own_signature(6) is not None
    assert signature.height == 1


@pytest.mark.parametrize("lost", [[2], [1, 2], [1]])
def test_the_height_is_read_from_the_store(small_kit, any_store, lost):
    """After a restart, and for a reader that signs nothing: the newest certificate that is there."""
    node = Node(small_kit, any_store)
    for _ in range(2):
        node.block(put(small_kit.department))
    batch = Batch()
    for height in lost:
        batch.delete(Table.CERTIFICATES, height.to_bytes(8, "big"))
    any_store.write(batch, durable=True)
    reader = LedgerApplication(small_kit.machine, any_store, Pool(), lambda: 0, None, read_only=True)
    assert reader.certified_height == max({1, 2} - set(lost), default=0)
    assert node.again().application.certified_height == 2
