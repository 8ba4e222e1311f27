"""What is said to hold at a height is read at that height; and where the chain stands is told without waiting."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from govchain.modules.accounts.messages import account_key
from govchain.services.answers import Answers
from govchain.services.proofs import Proofs
from govchain.services.queries import Queries
from govchain.services.submission import Submitter
from tests.node.kit import Hands, copy_chain, make_chain, new_actor, transaction_id

START = 1_790_000_000_000
WAIT_S = 20


class Watched:
    """An application whose moving parts, state and head, are read under its lock alone."""

    def __init__(self, application):
        self._application = application
        self._held = 0

    @property
    def lock(self):
        return self._holding()

    @contextlib.contextmanager
    def _holding(self):
        with self._application.lock:
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1

    def __getattr__(self, name):
        assert self._held or name not in ("chain", "committed"), f"{name} is read without the lock"
        return getattr(self._application, name)


@pytest.fixture(scope="module")
def withdrawn(tmp_path_factory):
    """Block 1 records, block 2 withdraws it; and the record's id."""
    actor = new_actor()
    path = make_chain(tmp_path_factory.mktemp("one-height") / "data", actor, now=START)
    hands = Hands(copy_chain(path, path.parent / "copy"), START)
    put = actor.put(now=START + 1000)
    record = transaction_id(put)
    hands.block(put, at=START + 1000)
    before = Queries(Watched(hands.application)).evidence_now(record)
    mark = {"evidence": record.hex(), "member": None, "reason": "error"}
    hands.block(actor.seal(actor.body("evidence.withdraw", mark, now=START + 2000)), at=START + 2000)
    yield hands, actor, record, before
    hands.close()


def answers_over(application, hands):
    submitter = Submitter(hands.application, hands.pool, lambda: None)
    return Answers(application, hands.pool, submitter, Queries(application), Proofs(application))


def test_a_record_and_its_mark_are_of_one_height(withdrawn):
    hands, _, record, before = withdrawn
    assert (before.height, before.mark) == (1, None)
    now = Queries(Watched(hands.application)).evidence_now(record)
    assert (now.height, now.mark.kind, now.record) == (2, "withdrawn", before.record)
    assert Queries(Watched(hands.application)).evidence_now(bytes(32)) is None


def test_a_value_and_its_height_are_of_one_height(withdrawn):
    hands, actor, _, _ = withdrawn
    answers = answers_over(Watched(hands.application), hands)
    key = account_key(bytes.fromhex(actor.address))
    found = answers.state_now(key)
    assert (found.key, found.height) == (key, 2)
    assert found.value == hands.application.committed.get(key)
    assert answers.state_now(account_key(bytes(20))).value is None


def test_where_the_chain_stands_is_told_during_a_commit(withdrawn):
    hands, _, _, _ = withdrawn
    answers = answers_over(hands.application, hands)
    with ThreadPoolExecutor(1) as other, hands.application.lock:
        status = other.submit(answers.status).result(WAIT_S)
    assert (status.height, status.certified_height) == (2, 2)
