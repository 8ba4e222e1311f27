"""Signatures that come late, early or false: no height stays without its certificate, no member stands in the way."""

from dataclasses import replace

import msgspec
import pytest

from govchain.consensus.early import BLOCKS_EACH, EARLY_BLOCKS_MAX
from govchain.consensus.finality import OPEN_BLOCKS_MAX, REOPENED_MAX
from govchain.model import Code
from govchain.proof.certificates import assemble_certificate, encode_certificate
from govchain.proof.equivocation import verify_equivocation
from govchain.state import Batch, Table
from govchain.storage.blocks import BEGUN_KEY, height_key
from tests.consensus.finality_kit import exchange, several, signed, verify_all
from tests.ledger.kit import CREATED, put


def silent(rule, count, blocks):
    """Members that executed the same blocks and whose signatures reached nobody."""
    kit, members = several(rule, count)
    for envelope in [put(kit.department) for _ in range(blocks)]:
        for member in members:
            member.block(envelope)
    for member in members:
        member.block()
        member.published, member.route.sent = member.route.sent, []
    return kit, members


def give_up(member):
    """What happens to blocks that have waited behind ``OPEN_BLOCKS_MAX`` others."""
    member.finality._open.clear()
    assert member.finality.open_heights() == []


def pull(member, others, limit):
    """One round of questions to all others, as the exchange asks; what it asked for."""
    heights = member.finality.missing(limit)
    for other in others:
        for height in heights:
            stored = other.application.blocks.certificate(height)
            if stored is not None:
                member.finality.add_certificate(height, stored)
            elif (signature := other.finality.own_signature(height)) is not None:
                member.finality.add(signature)
    if not any(member.certificate(height) for height in heights):
        member.finality.pass_over()
    return heights


@pytest.mark.parametrize(("rule", "count"), [("raft", 3), ("bft", 4)])
def test_a_block_that_waited_too_long_is_signed_again_from_the_store(rule, count):
    _, members = silent(rule, count, 3)
    for member in members:
        give_up(member)
    first = members[0]
    again = first.finality.own_signature(1)
    assert again.block == first.published[0].block
    assert again.key == first.account.key
    # Late signatures open the height again, and this member's own is among them.
    for number, other in enumerate(members[1:], 2):
        assert first.certificate(1) is None
        assert first.finality.add(other.finality.own_signature(1)) == Code.OK
        if number == (2 if rule == "raft" else 3):
            break
    assert first.certificate(1) is not None
    assert first.finality.own_signature(1) is None  # answered by the certificate
    assert first.finality.open_heights() == []
    while pull(first, members[1:], 2):
        pass
    assert [first.certificate(height) is not None for height in (1, 2, 3)] == [True, True, False]


def test_the_head_is_signed_in_its_time_only():
    """Under bft the newest block waits for the next engine block, whoever asks."""
    kit, members = several("bft", 4)
    for envelope in [put(kit.department), put(kit.department)]:
        for member in members:
            member.block(envelope)
    first = members[0]
    give_up(first)
    assert first.finality.own_signature(1) is not None
    assert first.finality.own_signature(2) is None
    assert first.finality.own_signature(3) is None


def test_who_is_no_member_of_the_blocks_set_signs_nothing():
    _, members = silent("raft", 3, 2)
    first, second, third = members
    for member in members:
        give_up(member)
    signers = first.application.chain.signers
    without = tuple(entry for entry in signers.keys if entry.key != first.account.key.hex())
    batch = Batch()
    first.application.blocks.put_signer_set(batch, 0, msgspec.structs.replace(signers, keys=without))
    first.store.write(batch, durable=True)
    assert first.finality.own_signature(1) is None
    assert first.finality.add(second.finality.own_signature(1)) == Code.OK
    assert first.finality.waiting_for(1) == [third.account.key]


def test_a_block_that_was_not_executed_here_is_not_signed():
    """Single headers from before a snapshot, and the snapshot's own block, were believed and not executed."""
    _, members = silent("raft", 3, 4)
    first = members[0]
    give_up(first)
    batch = Batch()
    batch.put(Table.META, BEGUN_KEY, height_key(2))
    first.store.write(batch, durable=True)
    assert [first.finality.own_signature(height) for height in (1, 2)] == [None, None]
    assert first.finality.own_signature(3) is not None
    assert first.finality.add(members[1].finality.own_signature(2)) == Code.OK
    assert first.certificate(2) is None
    assert first.account.key in first.finality.waiting_for(2)


def test_false_late_signatures_open_nothing():
    kit, members = silent("raft", 3, 2)
    first, second, _ = members
    give_up(first)
    one, two = second.published
    assert first.finality.add(replace(one, signature=two.signature)) == Code.SIGNATURE_INVALID
    assert first.finality.add(replace(one, key=bytes(len(one.key)))) == Code.SIGNER_UNKNOWN
    assert first.finality.add(signed(kit, second.account, one, identity=b"\x05" * 32)) == Code.BLOCK_INVALID
    assert first.finality.open_heights() == []
    assert [kind for kind, *_ in first.watch.heard] == ["disagreed"]


def test_what_is_missing_is_asked_for_in_turn():
    """Heights that nobody has do not keep those above them from being completed."""
    _, members = silent("raft", 3, 12)
    first, second, third = members
    for height in (3, 4, 9):  # what only the upper ones can still get
        for member in (second, third):
            member.finality.add(first.published[height - 1])
    for member in members:
        give_up(member)
    assert first.finality.missing(2) == [1, 2]
    assert first.finality.missing(2) == [1, 2]  # until somebody was asked in vain
    keyless = [member.again(signs=False) for member in (second, third)]  # what they hold, and no signature any more
    asked = [pull(first, keyless, 2) for _ in range(9)]
    assert asked == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [10, 11], [1, 2], [5, 6], [7, 8]]
    assert [height for height in range(1, 13) if first.certificate(height)] == [3, 4, 9]


def test_after_more_uncertified_blocks_than_wait_every_height_is_completed():
    """One member signs whatever is old; it cannot keep the others from completing what is asked for."""
    kit, (first, second, third, liar) = several("bft", 4)
    blocks = OPEN_BLOCKS_MAX + REOPENED_MAX + 40
    for number in range(blocks):
        first.block(put(kit.department, expires=CREATED + number + 100_000))
    own = {signature.height: signature for signature in first.route.sent}
    assert sorted(first.finality.open_heights()) == list(range(blocks - OPEN_BLOCKS_MAX + 1, blocks + 1))
    assert first.finality.own_signature(1).block == own[1].block
    asked = first.finality.missing(255)
    assert asked == list(range(1, 256))
    for signature in own.values():
        if signature.height <= REOPENED_MAX + 20:
            assert first.finality.add(signed(kit, liar.account, signature)) == Code.OK
    opened = first.finality.open_heights()
    assert len(opened) == OPEN_BLOCKS_MAX + REOPENED_MAX
    assert opened[:255] == asked
    assert first.finality.waiting_for(1) == sorted([second.account.key, third.account.key])
    for height in asked:
        assert first.finality.add(signed(kit, second.account, own[height])) == Code.OK
    assert all(first.certificate(height) for height in asked)
    assert first.finality.missing(2) == [256, 257]


def test_an_old_set_stops_no_node_that_has_a_later_certificate():
    """The keys of a quorum, found years later, over a height that never got its certificate."""
    kit, members = silent("bft", 4, 3)
    first = members[0]
    for member in members[1:3]:
        first.finality.add(member.published[1])
    assert first.application.certified_height == 2
    good = members[1].published[0]
    others = [signed(kit, member.account, good, identity=b"\x07" * 32) for member in members[1:]]
    assert {first.finality.add(other) for other in others} == {Code.BLOCK_INVALID}
    header = first.application.blocks.decoded_header(1)
    foreign = assemble_certificate(
        header, b"\x07" * 32, first.application.chain.signers, {one.key: one.signature for one in others}
    )
    assert first.finality.add_certificate(1, encode_certificate(foreign)) == Code.NODE_DIVERGED
    assert "diverged" not in [kind for kind, *_ in first.watch.heard]
    # Above what is certified it is this node that must stop.
    good = members[1].published[2]
    for member in members[1:]:
        first.finality.add(signed(kit, member.account, good, identity=b"\x07" * 32))
    assert "diverged" in [kind for kind, *_ in first.watch.heard]


def test_nobody_takes_up_another_members_room_for_early_signatures():
    """What is kept was verified first: a false signature under an honest key leaves the true one its place."""
    kit, members = several("raft", 3)
    first, honest, liar = members
    envelope = put(kit.department)
    for member in (honest, liar):
        member.block(envelope)
    good, own = honest.route.sent[0], liar.route.sent[0]
    forged = replace(good, signature=own.signature)
    assert first.finality.add(forged) == Code.SIGNATURE_INVALID
    assert first.finality.add(replace(good, signature=b"")) == Code.SIGNATURE_LENGTH
    for number in range(5):
        first.finality.add(signed(kit, liar.account, own, identity=bytes([number]) * 32))
    first.finality.add(signed(kit, liar.account, own, height=EARLY_BLOCKS_MAX + 1))
    assert len(first.finality._early) == BLOCKS_EACH
    assert first.finality.add(good) == Code.NOT_FOUND
    assert len(first.finality._early) == BLOCKS_EACH + 1
    first.block(envelope)
    assert verify_all(first) == 1
    assert len(first.finality._early) == 0
    (proof,) = [args[2] for kind, *args in first.watch.heard if kind == "equivocated"]
    assert verify_equivocation(kit.machine.suite, proof).key == liar.account.key.hex()


def test_a_signature_whose_block_comes_at_the_same_moment_counts():
    """The head moves between the look for the block and the keeping of the signature."""
    kit, members = several("raft", 3)
    first, other, _ = members
    envelope = put(kit.department)
    other.block(envelope)
    (signature,) = other.route.sent
    early, kept = first.finality._early, first.finality._early.add

    def block_first(head, signers, one):
        early.add = kept
        first.block(envelope)
        return kept(head, signers, one)

    early.add = block_first
    assert first.finality.add(signature) == Code.OK
    assert verify_all(first) == 1
    exchange(members)
