"""Finality: who signs when, how signatures become a certificate, what is certified after a crash (decision 5)."""

import msgspec
import pytest

from govchain.consensus import Certifier, FinalitySignature, LedgerApplication, Pool
from govchain.consensus.finality import OPEN_BLOCKS_MAX, Finality
from govchain.ledger import build_machine
from govchain.model import Code
from govchain.model.wire import GenesisMember
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.state import Batch, MemoryStore, Table
from tests.consensus.kit import Node
from tests.ledger.kit import CREATED, Kit, new_account, put


class Route:
    """Keeps what this member publishes."""

    def __init__(self):
        self.sent = []

    def publish(self, signature):
        self.sent.append(signature)


class Member:
    """A member of several: its own store and key, the same blocks as the others."""

    def __init__(self, kit, account, store=None):
        self.kit, self.account = kit, account
        self.store = MemoryStore() if store is None else store
        self.application = LedgerApplication(
            kit.machine, self.store, Pool(), lambda: CREATED + 1, Certifier(kit.machine.suite, account.signer)
        )
        self.finality = self.application.finality
        self.route = self.finality._route = Route()
        if self.application.info().app_hash == b"":
            self.application.init_chain()

    def block(self, *envelopes):
        """An engine block, empty without envelopes."""
        height = self.application.info().engine_height + 1
        self.application.finalize_block(list(envelopes), CREATED + height, height)
        self.application.commit()

    def certificate(self, height):
        stored = self.application.blocks.certificate(height)
        return None if stored is None else decode_certificate(stored)

    def again(self):
        self.application.close()
        return Member(self.kit, self.account, self.store)


def several(rule, count):
    """A chain of ``count`` members under ``rule``."""
    kit = Kit()
    accounts = [new_account() for _ in range(count)]
    members = [
        GenesisMember("sm2-sm3", account.key.hex(), f"node-{number}", kit.organisations[0])
        for number, account in enumerate(accounts)
    ]
    members.sort(key=lambda member: member.key)
    accounts.sort(key=lambda account: account.key)
    kit.genesis = msgspec.structs.replace(kit.genesis, members=tuple(members), rule=rule)
    digests = {module.name: "00" * 32 for module in kit.modules}
    kit.machine = build_machine(kit.genesis, kit.modules, digests, kit.machine.verifier)
    return kit, [Member(kit, account) for account in accounts]


def exchange(members):
    """Every member's published signatures reach every other one."""
    for member in members:
        for other in members:
            if other is not member:
                for signature in member.route.sent:
                    other.finality.add(signature)
        member.route.sent = []


def verify_all(member):
    application = member.application
    for height in range(1, application.certified_height + 1):
        certificate = member.certificate(height)
        assert certificate is not None, height
        header = application.blocks.decoded_header(height)
        following = height < application.chain.height
        identity = application.blocks.identity_after(height) if following else application.chain.identity
        verify_certificate(application.machine.suite, header, identity, certificate)
    return application.certified_height


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
    kit, members = several("raft", 3)
    envelope = put(kit.department)
    for member in members:
        member.block(envelope)
    first, second, _ = members
    good = second.route.sent[0]
    stranger = new_account()
    header, identity = first.application.blocks.decoded_header(1), first.application.chain.identity
    forged = Certifier(kit.machine.suite, stranger.signer).sign(header, identity)
    other = Certifier(kit.machine.suite, second.account.signer).sign(header, bytes(32))
    refusals = [
        (FinalitySignature(1, stranger.key, forged), Code.SIGNER_UNKNOWN),
        (FinalitySignature(1, good.key, forged), Code.SIGNATURE_INVALID),
        (FinalitySignature(1, good.key, other), Code.SIGNATURE_INVALID),
        (FinalitySignature(1, good.key, b""), Code.SIGNATURE_LENGTH),
        (FinalitySignature(1, b"", good.signature), Code.SIGNER_UNKNOWN),
        (FinalitySignature(2, good.key, good.signature), Code.NOT_FOUND),
    ]
    for signature, code in refusals:
        assert first.finality.add(signature) == code
        assert first.certificate(1) is None
    assert first.finality.add(good) == Code.OK
    assert verify_all(first) == 1


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
    kit, members = several("raft", 3)
    envelopes = [put(kit.department) for _ in range(2)]
    for member in members:
        for envelope in envelopes:
            member.block(envelope)
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
