"""Members change by vote under several applications: same blocks everywhere, certificates by the set in force, packages
from before and after that verify from the same genesis, software that is too old, and a joiner's snapshot.
"""

import pytest

from govchain.consensus import Certifier, LedgerApplication, Pool
from govchain.ledger import current_members
from govchain.model import Code, UnavailableError
from govchain.proof import TrustAnchors, decode_certificate, verify_certificate
from govchain.proof.trust import EpochWalk
from govchain.sdk.client import Client
from govchain.services.answers import Answers
from govchain.services.proofs import Proofs
from govchain.services.queries import Queries
from govchain.services.submission import Submitter
from govchain.state import MemoryStore
from tests.ledger.kit import id_of, put
from tests.modules.governance_model import Engine
from tests.modules.governing import Council, new_member, parameter
from tests.proof import agree


class Sent:
    """Keeps what this member publishes."""

    def __init__(self):
        self.sent = []

    def publish(self, signature):
        self.sent.append(signature)


class Seat:
    """A node with its own store and key."""

    def __init__(self, machine, member, store=None):
        self.machine, self.member = machine, member
        self.store = store or MemoryStore()
        self.pool = Pool()
        certifier = Certifier(machine.suite, member.signer)
        self.application = LedgerApplication(machine, self.store, self.pool, lambda: 0, certifier)
        self.route = self.application.finality.route = Sent()
        if self.application.info().app_hash == b"":
            self.application.init_chain()

    def run(self, envelopes):
        application = self.application
        assert application.process_proposal(envelopes, 0) == Code.OK
        finalized = application.finalize_block(list(envelopes), 0, application.info().engine_height + 1)
        application.commit()
        return finalized

    def again(self):
        self.application.close()
        return Seat(self.machine, self.member, self.store)

    def client(self):
        application = self.application
        submitter = Submitter(application, self.pool, lambda: None)
        transport = Answers(application, self.pool, submitter, Queries(application), Proofs(application))
        return Client(transport, trust=TrustAnchors(genesis=(self.machine.fingerprint.hex(),)))


class Network:
    """A council whose every block also runs on each seat; signatures reach everybody."""

    def __init__(self, **options):
        self.council = Council(**options)
        self.machine = self.council.kit.machine
        self.seats = [Seat(self.machine, member) for member in self.council.members]
        self.engine = Engine(member.engine_key for member in self.council.members)
        self.blocks = []
        run = self.council.ledger.run

        def everywhere(*envelopes, time=0):
            block = run(*envelopes, time=time)
            self.blocks.append(envelopes)
            found = [seat.run(envelopes) for seat in self.seats]
            assert {one.app_hash for one in found} == {block.identity}
            assert {one.codes for one in found} == {block.codes}
            assert len({one.updates for one in found}) == 1
            self.engine.update([(one.engine_key.hex(), one.power) for one in found[0].updates])
            self.settle()
            return block

        self.council.ledger.run = everywhere

    def settle(self):
        """The next engine block is empty: members sign, and hear each other."""
        for seat in self.seats:
            seat.run(())
        for seat in self.seats:
            for other in self.seats:
                if other is not seat:
                    for signature in seat.route.sent:
                        other.application.finality.add(signature)
            seat.route.sent = []

    def join(self, organisation, voters):
        """A new node runs the blocks so far, is voted for and tells that it is ready."""
        seat = Seat(self.machine, new_member())
        for height, envelopes in enumerate(self.blocks, 1):
            seat.run(envelopes)
            certificate = self.seats[-1].application.blocks.certificate(height)
            assert seat.application.finality.add_certificate(height, certificate) == Code.OK
        self.seats.append(seat)
        assert self.council.decide(self.council.add(seat.member, organisation), voters) == Code.OK
        assert self.council.ready(seat.member, organisation) == Code.OK
        return seat

    def evidence(self):
        """The id of a fresh record."""
        envelope = put(self.council.kit.department, expires=self.council.expires())
        assert self.council.ledger.run(envelope).codes == (Code.OK,)
        return id_of(envelope).hex()


def walked(seat):
    """Every certificate verified by the set that the header before it announced; epochs seen."""
    application = seat.application
    walk, epochs = EpochWalk.from_genesis(seat.machine.suite, seat.machine.genesis), set()
    head = application.chain
    for height in range(1, head.height + 1):
        header = application.blocks.decoded_header(height)
        identity = head.identity if height == head.height else application.blocks.identity_after(height)
        certificate = decode_certificate(application.blocks.certificate(height))
        verify_certificate(seat.machine.suite, header, identity, certificate)
        walk = walk.step(header)
        epochs.add(header.epoch)
    return epochs


@pytest.fixture(scope="module")
def changed():
    """Ten changes of the set: five members join and five leave; a package from before and one from after."""
    network = Network(guests=5)
    council = network.council
    first = network.evidence()
    before = network.seats[0].client().export_package(first)
    for number in range(5):
        voters = tuple(range(number, number + 4))
        network.join(4 + number, voters)
        leaving = network.seats[number]
        assert council.decide(council.remove(leaving.member), (*voters[1:], 4 + number, voters[0])) == Code.OK
    last = network.evidence()
    return network, before, first, last


def test_packages_from_before_and_after_verify_from_the_same_genesis(changed):
    network, before, first, last = changed
    council = network.council
    assert council.ledger.chain.epoch == 10
    genesis = {member.key for member in council.members}
    assert not genesis & set(council.active())
    anchors = TrustAnchors(genesis=(network.machine.fingerprint.hex(),))
    fresh = network.seats[-1].client()
    for package in (before, fresh.export_package(first), fresh.export_package(last)):
        assert agree.both(package, anchors) == (0, 0)
        assert agree.both(package)[0] == 3


@pytest.mark.requirement("BJ.function.ledger.02", "BJ.function.ledger.04", "BJ.compliance.record.04c")
def test_every_certificate_is_by_the_set_in_force_on_every_seat(changed):
    network = changed[0]
    active = set(network.council.active())
    for seat in network.seats:
        if seat.member.key in active:
            assert walked(seat) == set(range(11))
    for height, block in enumerate(network.council.ledger.blocks, 1):
        stored = network.seats[-1].application.blocks.certificate(height)
        signed = {entry.key for entry in decode_certificate(stored).signatures}
        assert signed <= {key.key for key in block.signers.keys}


def test_a_restart_amid_the_changes_finds_the_set_in_force(changed):
    network = changed[0]
    seat = network.seats[-1]
    again = seat.again()
    assert [key.key for key in again.application.chain.signers.keys] == network.council.active()
    assert [facts.key.hex() for facts in current_members(again.machine, again.application.committed)] == (
        network.council.active()
    )
    network.seats[-1] = again
    network.evidence()
    assert again.application.certified_height == again.application.chain.height


def test_who_was_removed_signs_nothing_more_that_counts():
    network = Network(guests=1)
    council = network.council
    network.join(4, (0, 1, 2))
    gone = network.seats[0]
    assert council.decide(council.remove(gone.member), (1, 2, 3, 4)) == Code.OK
    network.evidence()
    height = council.ledger.chain.height
    for seat in network.seats[1:]:
        certificate = decode_certificate(seat.application.blocks.certificate(height))
        assert gone.member.key not in {entry.key for entry in certificate.signatures}
        assert gone.member.key not in {key.key for key in certificate.set.keys}


@pytest.mark.requirement("BJ.function.protocol.01")
def test_old_software_goes_along_until_the_height_and_then_stops_whole():
    network = Network(guests=0, protocol_max=2)
    council = network.council
    target = council.ledger.chain.height + 14
    old = Seat(council.machine(protocol_max=1), council.members[3])
    network.seats[3] = old
    change = {"height": target, "kind": "upgrade", "software": "next", "version": 2}
    assert council.decide(change) == Code.OK
    while council.ledger.chain.height < target - 1:
        network.evidence()
    network.seats.remove(old)
    network.evidence()  # three of four go on
    with pytest.raises(UnavailableError) as stopped:
        old.run(network.blocks[-1])
    assert stopped.value.code == Code.UPGRADE_REQUIRED
    ticket_codes = old.application.check_tx(network.blocks[-1])
    assert ticket_codes[0].code == Code.OK
    with pytest.raises(UnavailableError):
        old.application.finalize_block(list(network.blocks[-1]), 0, old.application.info().engine_height + 1)
    assert old.application.chain.height == target - 1
    new = Seat(network.machine, old.member, old.store)  # the same data under newer software
    new.run(network.blocks[-1])
    assert new.application.chain.identity == network.seats[0].application.chain.identity
    network.seats.append(new)
    network.evidence()


def test_voted_limits_hold_in_the_pool_and_in_proposals():
    network = Network(guests=0)
    council = network.council
    assert council.decide(parameter(2)) == Code.OK
    seat = network.seats[0]
    envelopes = [put(council.kit.department, expires=council.expires()) for _ in range(3)]
    seat.pool.add_many(seat.application.check_tx(envelopes))
    chosen = seat.application.prepare_proposal(0, 1 << 20)
    assert chosen == envelopes[:2]
    assert seat.application.process_proposal(envelopes, 0) == Code.BLOCK_INVALID
    assert seat.application.process_proposal(chosen, 0) == Code.OK
