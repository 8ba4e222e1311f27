"""Proofs: what the service gives verifies with the proof functions alone, and nothing altered does."""

import pytest

from govchain.merkle import root_from_inclusion
from govchain.model import GovChainError, UsageError, VerificationError
from govchain.modules.evidence.messages import mark_keys
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.status import verify_status
from govchain.proof.transactions import verify_transaction
from govchain.sdk.checking import as_status_proof, as_transaction_proof
from govchain.services.proofs import Proofs
from tests.node.kit import SUITE, Hands, copy_chain, make_chain, new_actor, transaction_id

START = 1_790_000_000_000


@pytest.fixture(scope="module")
def proved(tmp_path_factory):
    """Blocks of 1, 2 … 9 transactions; the first record of each odd block is withdrawn in the end."""
    actor = new_actor()
    path = make_chain(tmp_path_factory.mktemp("proofs") / "data", actor, now=START)
    hands = Hands(copy_chain(path, path.parent / "copy"), START)
    ids = []
    for size in range(1, 10):
        at = START + size * 1000
        envelopes = [actor.put(now=at) for _ in range(size)]
        hands.block(*envelopes, at=at)
        ids.append([transaction_id(envelope) for envelope in envelopes])
    at = START + 60_000
    marks = [{"evidence": block[0].hex(), "member": None, "reason": "error"} for block in ids[::2]]
    hands.block(*(actor.seal(actor.body("evidence.withdraw", mark, now=at)) for mark in marks), at=at)
    yield Proofs(hands.application), hands.application, ids
    hands.close()


def header_at(application, height):
    data = application.blocks.header(height)
    return decode_header(data), header_identity(SUITE, data)


def test_every_transaction_is_proved_in_its_block(proved):
    proofs, application, ids = proved
    for height, block in enumerate(ids, start=1):
        header, _ = header_at(application, height)
        for index, id_ in enumerate(block):
            record = proofs.transaction(id_)
            assert (record.height, record.index, record.count) == (height, index, len(block))
            body, receipt = verify_transaction(SUITE, header, record.body, record.receipt, as_transaction_proof(record))
            assert (receipt.transaction, receipt.code, body.type) == (id_.hex(), 0, "evidence.put")
    assert proofs.transaction(bytes(32)) is None


def test_an_altered_part_proves_nothing(proved):
    proofs, application, ids = proved
    record = proofs.transaction(ids[5][2])
    header, _ = header_at(application, 6)
    proof = as_transaction_proof(record)
    other = proofs.transaction(ids[5][3])
    wrong = [
        (record.body + b" ", record.receipt, proof),
        (other.body, record.receipt, proof),
        (record.body, other.receipt, proof),
        (record.body, record.receipt, as_transaction_proof(other)),
    ]
    for body, receipt, altered in wrong:
        with pytest.raises(GovChainError):
            verify_transaction(SUITE, header, body, receipt, altered)
    with pytest.raises(VerificationError):
        verify_transaction(SUITE, header_at(application, 7)[0], record.body, record.receipt, proof)


def test_every_block_is_in_the_history_of_every_later_one(proved):
    proofs, application, _ = proved
    head = application.chain.height
    for later in range(2, head + 1):
        header, _ = header_at(application, later)
        for height in range(1, later):
            _, identity = header_at(application, height)
            path = proofs.history_path(height, later)
            root = root_from_inclusion(SUITE.digest, identity, height - 1, later - 1, path)
            assert root.hex() == header.history


@pytest.mark.parametrize(("height", "head"), [(0, 1), (1, 1), (5, 4), (-1, 3), (1, 99)])
def test_a_history_that_cannot_be_is_refused(proved, height, head):
    with pytest.raises(UsageError):
        proved[0].history_path(height, head)


def test_marks_are_proved_present_and_absent(proved):
    proofs, application, ids = proved
    header, _ = header_at(application, application.chain.height)
    for number, block in enumerate(ids):
        keys = mark_keys(block[0], None)
        status = proofs.live(keys)
        values = verify_status(SUITE, header, as_status_proof(status), keys)
        assert (values[0] is not None) == (number % 2 == 0)
        altered = as_status_proof(status)
        wrong = mark_keys(bytes(32), None)
        with pytest.raises(VerificationError):
            verify_status(SUITE, header, altered, wrong)
        older, _ = header_at(application, application.chain.height - 1)
        with pytest.raises(VerificationError):
            verify_status(SUITE, older, altered, keys)


def test_a_proof_for_no_key_is_empty_and_holds(proved):
    proofs, application, _ = proved
    header, _ = header_at(application, application.chain.height)
    assert verify_status(SUITE, header, as_status_proof(proofs.live([])), []) == ()
