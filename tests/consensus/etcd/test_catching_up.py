"""What a member takes from others' block stores while it catches up, and what it passes over. No etcd is needed."""

import threading

import msgspec
import pytest

from govchain.consensus import Certifier
from govchain.consensus.etcd.catching_up import Catcher
from govchain.consensus.ports import FetchedBlock
from govchain.model.canonical import encode_struct
from govchain.model.wire import SignerKey, SignerSet
from govchain.proof.certificates import assemble_certificate, encode_certificate
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.signers import signer_set_digest
from tests.consensus.finality_kit import exchange, several
from tests.ledger.kit import new_account, put


class Shelf:
    """Gives what lies on it, by height; counts the questions."""

    def __init__(self, blocks):
        self.blocks, self.asked = blocks, []

    def fetch(self, height):
        self.asked.append(height)
        return self.blocks.get(height)


@pytest.fixture
def raft():
    """Two members with three certified blocks, and a third one that has none of them."""
    kit, (first, second, away) = several("raft", 3)
    for _ in range(3):
        envelope = put(kit.department)
        for member in (first, second):
            member.block(envelope)
    exchange([first, second])
    blocks = first.application.blocks
    true = {
        height: FetchedBlock(blocks.header(height), blocks.envelopes(height), blocks.certificate(height))
        for height in (1, 2, 3)
    }
    return kit, first, away, true


def catcher(kit, away, shelf):
    return Catcher(away.application, kit.machine.suite, shelf, away.finality.add_certificate)


def made_up(kit, block):
    """A block as a member alone makes it: a set of keys of its own, which is the quorum of itself."""
    liar = new_account()
    signers = SignerSet(keys=(SignerKey(liar.algorithm, liar.key.hex()),), rule="raft")
    digest = signer_set_digest(kit.machine.suite, signers).hex()
    header = msgspec.structs.replace(decode_header(block.header), signers=digest, next_signers=digest)
    data = encode_struct(header)
    identity = header_identity(kit.machine.suite, data)
    signature = Certifier(kit.machine.suite, liar.signer).sign(header, identity)
    certificate = assemble_certificate(header, identity, signers, {liar.key: signature})
    return FetchedBlock(data, block.envelopes, encode_certificate(certificate))


@pytest.mark.requirement("BJ.function.ledger_app.05b")
def test_certified_blocks_are_executed_in_order(raft):
    kit, first, away, true = raft
    catcher(kit, away, Shelf(true)).follow(threading.Event())
    assert away.application.chain.identity == first.application.chain.identity
    assert [height for height in (1, 2, 3) if away.certificate(height)] == [1, 2, 3]


@pytest.mark.requirement("GD.architecture.consensus.03")
def test_a_set_of_signers_that_is_not_this_nodes_own_is_passed_over_before_anything_is_executed(raft):
    """One member's invention must neither be executed nor stop the node as if it had gone astray itself."""
    kit, first, away, true = raft
    lie = made_up(kit, true[1])
    shelf = Shelf({1: lie})
    taker = catcher(kit, away, shelf)
    taker.follow(threading.Event())  # NODE_DIVERGED would be raised after executing it
    assert shelf.asked == [1]
    assert away.application.info().ledger_height == 0
    assert taker.lacks == "ledger block 1 of the set that is in force here"
    assert away.watch.heard == []
    # Whoever is asked next has the true one.
    catcher(kit, away, Shelf(true)).follow(threading.Event())
    assert away.application.chain.identity == first.application.chain.identity


@pytest.mark.requirement("BJ.compliance.record.01")
def test_a_certificate_of_too_few_or_of_another_block_is_passed_over(raft):
    kit, _, away, true = raft
    for block in (
        FetchedBlock(true[1].header, true[1].envelopes, true[2].certificate),
        FetchedBlock(true[1].header, true[1].envelopes, b"{}"),
        FetchedBlock(true[2].header, true[2].envelopes, true[2].certificate),
        FetchedBlock(b"{}", true[1].envelopes, true[1].certificate),
    ):
        catcher(kit, away, Shelf({1: block})).follow(threading.Event())
        assert away.application.info().ledger_height == 0
