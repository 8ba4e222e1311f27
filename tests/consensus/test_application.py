"""The application that engines drive: ABCI's calls over both stores (ARCHITECTURE decisions 1, 2, 11)."""

import pytest

from govchain.consensus import Application, Certifier, LedgerApplication, Pool
from govchain.model import Code, GovChainError, UnavailableError
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.proof.transactions import decode_receipt
from govchain.state import Batch, Table
from tests.consensus.kit import FullDisk, Node, contents
from tests.ledger.kit import CREATED, Kit, id_of, make, make_body, new_account, put, put_payload, sign
from tests.ledger.test_proposals import defects


def test_before_genesis(small_kit, any_store):
    application = LedgerApplication(small_kit.machine, any_store, Pool(), lambda: 0)
    assert application.info() == type(application.info())(1, 0, 0, b"")
    with pytest.raises(UnavailableError) as caught:
        application.check_tx([put(small_kit.department)])
    assert caught.value.code == Code.DATA_DIRECTORY_INCOMPLETE
    assert contents(any_store) == {table: {} for table in Table}


def test_genesis_once(small_kit, any_store):
    application: Application = LedgerApplication(small_kit.machine, any_store, Pool(), lambda: 0)
    assert application.init_chain() == small_kit.machine.fingerprint
    info = application.info()
    assert (info.engine_height, info.ledger_height, info.app_hash) == (0, 0, small_kit.machine.fingerprint)
    with pytest.raises(GovChainError) as caught:
        application.init_chain()
    assert caught.value.code == Code.DATA_DIRECTORY_EXISTS
    again = LedgerApplication(small_kit.machine, any_store, Pool(), lambda: 0)
    assert again.info() == info
    with pytest.raises(GovChainError):
        again.init_chain()


def test_a_store_of_another_chain_is_refused(node):
    node.block(put(node.kit.department))
    with pytest.raises(UnavailableError) as caught:
        Node(Kit(), node.store)
    assert caught.value.code == Code.GENESIS_INVALID


def test_nothing_is_persisted_before_commit(small_kit, any_store):
    """Check, prepare, process and finalise leave every table as it was; commit is one batch with everything in it."""
    node = Node(small_kit, any_store)
    node.block(put(small_kit.department))
    before, info = contents(any_store), node.application.info()
    envelopes = [put(small_kit.department) for _ in range(3)]
    codes, ticket = node.submit(*envelopes)
    assert codes == [Code.OK] * 3
    assert node.application.prepare_proposal(node.now, 1 << 20) == envelopes
    assert node.application.process_proposal(envelopes, node.now) == Code.OK
    finalized = node.application.finalize_block(envelopes, node.now, 2)
    assert (finalized.height, finalized.codes) == (2, (Code.OK,) * 3)
    assert contents(any_store) == before
    assert node.application.info() == info
    assert not ticket.wait(0)
    node.application.commit()
    assert node.application.info().app_hash == finalized.app_hash
    after = contents(any_store)
    changed = {table for table in Table if after[table] != before[table]}
    assert changed == set(Table) - {Table.LIVE}  # plain puts change nothing that `live` proves
    assert ticket.wait(0)


def test_finalised_twice_before_commit(small_kit, node):
    """The last call counts, and the same arguments give the same block."""
    first, second = [put(small_kit.department)], [put(small_kit.department), put(small_kit.department)]
    one = node.application.finalize_block(first, node.now, 1)
    other = node.application.finalize_block(second, node.now, 1)
    assert other != one
    assert node.application.finalize_block(first, node.now, 1) == one
    assert node.application.finalize_block(second, node.now, 1) == other
    node.application.commit()
    assert node.application.info().app_hash == other.app_hash
    assert list(node.application.blocks.envelopes(1)) == second
    assert node.application.check_tx(second)[0].code == Code.REPLAYED
    assert node.application.check_tx(first)[0].code == Code.OK


@pytest.mark.requirement("BJ.data.structure.02")
def test_an_empty_engine_block_makes_no_ledger_block(small_kit, any_store):
    """The app hash stays, only the engine's height moves on, and only with the commit; decision 2."""
    node = Node(small_kit, any_store)
    node.block(put(small_kit.department))
    before, hash_before = contents(any_store, [Table.META]), node.application.info().app_hash
    for height in range(2, 6):
        finalized = node.application.finalize_block([], node.now + height, height)
        assert (finalized.app_hash, finalized.height, finalized.codes) == (hash_before, None, ())
        assert node.application.info().engine_height == height - 1
        node.application.commit()
        assert node.application.info().engine_height == height
    assert contents(any_store, [Table.META]) == before
    assert node.application.process_proposal([], 0) == Code.OK
    assert node.again().application.info() == node.application.info()
    node.block(put(small_kit.department))
    info = node.application.info()
    assert (info.ledger_height, info.engine_height) == (2, 6)


def test_an_empty_block_finalised_and_then_a_full_one(small_kit, node):
    """Only what was finalised last is committed."""
    node.application.finalize_block([], node.now, 1)
    node.application.finalize_block([put(small_kit.department)], node.now, 1)
    node.application.commit()
    assert node.application.info().ledger_height == 1
    node.application.commit()  # again, without a block: nothing comes back from before
    assert node.application.info().ledger_height == 1
    node.application.finalize_block([put(small_kit.department)], node.now, 2)
    node.application.finalize_block([], node.now, 2)
    node.application.commit()
    assert (node.application.info().ledger_height, node.application.info().engine_height) == (1, 2)


@pytest.mark.parametrize(("engine", "block"), [(0, 1), (CREATED, CREATED + 1), (CREATED + 77, CREATED + 77)])
def test_block_time(small_kit, node, engine, block):
    """max(previous + 1, the engine's): block 1 lies above genesis' `created`."""
    node.block(put(small_kit.department), time=engine)
    first = node.application.blocks.decoded_header(1).time
    assert first == max(CREATED + 1, block)
    node.block(put(small_kit.department), time=engine)
    assert node.application.blocks.decoded_header(2).time == first + 1


def test_process_proposal_rejects_each_defect(small_kit, node):
    class Bridge:
        """What `defects` asks of a ledger, on the node."""

        run = staticmethod(node.block)

    for code, envelope in defects(small_kit, Bridge).items():
        good = put(small_kit.department)
        moment = CREATED + 5
        assert node.application.process_proposal([envelope], moment) == code
        assert node.application.process_proposal([good, envelope], moment) == code
        assert node.application.process_proposal([good], moment) == Code.OK
    assert node.application.process_proposal([good, good], moment) == Code.REPLAYED


def test_check_tx_answers_codes_and_never_raises(small_kit, node):
    envelopes = [b"", put(new_account()), put(small_kit.accounts[0, "auditor"]), put(small_kit.department)]
    codes = [result.code for result in node.application.check_tx(envelopes)]
    assert codes == [Code.ENVELOPE_MALFORMED, Code.SIGNER_UNKNOWN, Code.ROLE_MISSING, Code.OK]
    assert node.application.check_tx([]) == []


def test_check_tx_looks_at_the_wall_clock(small_kit, node):
    """Before ordering, the next block's time is the clock's, but never below the chain's."""
    envelope = put(small_kit.department, expires=CREATED + 5_000)
    node.now = CREATED + 4_999
    assert node.application.check_tx([envelope])[0].code == Code.OK
    node.now = CREATED + 5_000
    assert node.application.check_tx([envelope])[0].code == Code.EXPIRED
    node.block(put(small_kit.department), time=CREATED + 4_999)
    node.now = 0
    assert node.application.check_tx([envelope])[0].code == Code.EXPIRED


def test_preparing_settles_what_can_never_enter(small_kit, node):
    """It was good when it was checked; since then it expired, or a block took it. What is too early waits."""
    short = put(small_kit.department, expires=CREATED + 1000)
    taken, good = put(small_kit.department), put(small_kit.department)
    early = put(small_kit.department, expires=CREATED + 620_000)
    codes, ticket = node.submit(short, taken, early, good)
    assert codes == [Code.OK] * 4
    node.pool.remember([])
    proposed = node.application.prepare_proposal(CREATED + 2000, 1 << 20)
    assert proposed == [taken, good]
    assert ticket.outcomes[0].code == Code.EXPIRED
    node.block(taken, time=CREATED + 2000)
    assert ticket.outcomes[1].code == Code.OK
    assert node.application.prepare_proposal(CREATED + 3000, 1 << 20) == [good]
    assert node.application.prepare_proposal(CREATED + 25_000, 1 << 20) == [early, good]
    assert [outcome is None for outcome in ticket.outcomes] == [False, False, True, True]


def test_a_second_signature_over_a_committed_body_is_told_so(small_kit, node):
    body = make_body("evidence.put", put_payload(), small_kit.department)
    one, other = sign(body, small_kit.department), sign(body, small_kit.department)
    codes, ticket = node.submit(one)
    node.block(other)
    assert codes == [Code.OK]
    assert ticket.outcomes[0].height == 1
    assert decode_receipt(ticket.outcomes[0].receipt).transaction == id_of(one).hex()


def test_waiters_get_their_receipt_and_listeners_the_block(small_kit, node):
    good, refused = put(small_kit.department), put(small_kit.accounts[0, "auditor"])
    codes, ticket = node.submit(good)
    assert codes == [Code.OK]
    assert node.block(refused, good) == [Code.ROLE_MISSING, Code.OK]
    (outcome,) = ticket.outcomes
    assert (outcome.code, outcome.height, outcome.index) == (Code.OK, 1, 1)
    assert outcome.receipt == node.application.receipt(id_of(good))
    assert decode_receipt(node.application.receipt(id_of(refused))).code == Code.ROLE_MISSING
    assert node.application.receipt(bytes(32)) is None
    assert [block.header.height for block in node.heard] == [1]


def test_signatures_are_verified_once(small_kit, node):
    """Pool, proposal and execution use the same prepared transaction."""
    envelopes = [put(small_kit.department) for _ in range(5)]
    node.submit(*envelopes)
    before = small_kit.machine.verifier.stats()
    proposed = node.application.prepare_proposal(node.now, 1 << 20)
    node.block(*proposed)
    assert small_kit.machine.verifier.stats() == before
    strangers = [put(small_kit.department) for _ in range(5)]
    assert node.application.process_proposal(strangers, node.now + 9) == Code.OK
    verified = small_kit.machine.verifier.stats()
    assert verified != before
    node.block(*strangers, time=node.now + 9)
    assert small_kit.machine.verifier.stats() == verified


def test_a_change_of_status_is_seen_at_once(small_kit, any_store):
    """An account that was just read, and lies in the cache, is frozen from the block that says so on; and thawed."""
    node = Node(small_kit, any_store)
    account = {"account": small_kit.department.address.hex()}
    freeze = make("accounts.freeze", {**account, "reason": "other"}, small_kit.administrator)
    unfreeze = make("accounts.unfreeze", account, small_kit.administrator)
    assert node.block(put(small_kit.department)) == [Code.OK]
    for change, code in ((freeze, Code.SIGNER_FROZEN), (unfreeze, Code.OK)):
        assert node.block(change) == [Code.OK]
        (checked,) = node.application.check_tx([put(small_kit.department)])
        assert checked.code == code
        assert node.block(put(small_kit.department)) == [code]


def test_a_write_that_fails_leaves_everything_as_it_was(small_kit):
    """A full disk at commit: nothing of the block is there, in the store or in memory, and nobody is acknowledged."""
    store = FullDisk()
    node = Node(small_kit, store)
    for _ in range(5):
        node.block(put(small_kit.department))
    before, info, window = contents(store), node.application.info(), node.application.window_size
    history = node.application.history.root()
    envelope = put(small_kit.department)
    codes, ticket = node.submit(envelope)
    assert codes == [Code.OK]
    store.room = 0
    with pytest.raises(UnavailableError) as caught:
        node.block(envelope)
    assert caught.value.code == Code.DISK_FULL
    assert contents(store) == before
    assert (node.application.info(), node.application.window_size) == (info, window)
    assert (node.application.history.size, node.application.history.root()) == (5, history)
    assert not ticket.wait(0)
    store.room = None  # space was made, and the node opened again
    again = node.again()
    assert again.application.info() == info
    assert again.application.check_tx([envelope])[0].code == Code.OK
    assert again.block(envelope) == [Code.OK]
    again.verify_certificates()


def test_reads_before_and_after_a_commit_never_mix(small_kit, node):
    """The moving facts, the history and the state are of one height whenever the lock is held."""
    application = node.application
    for height in range(1, 6):
        node.block(put(small_kit.department))
        with application.lock:
            assert application.chain.height == application.history.size == height
            assert application.blocks.tip() == height


def test_a_reader_signs_nothing_and_writes_nothing(small_kit, node):
    node.block(put(small_kit.department))
    batch = Batch()
    batch.delete(Table.CERTIFICATES, (1).to_bytes(8, "big"))
    node.store.write(batch, durable=True)
    before = contents(node.store)
    certifier = Certifier(small_kit.machine.suite, small_kit.member.signer)
    reader = LedgerApplication(small_kit.machine, node.store, Pool(), lambda: 0, certifier, read_only=True)
    assert reader.info() == node.application.info()
    assert contents(node.store) == before


def test_both_drivers_hold_the_same_bytes(small_kit, tmp_path):
    """The same blocks over the memory twin and over RocksDB: every table is the same."""
    from govchain.storage import RocksStore

    store = RocksStore(tmp_path / "ledger")
    nodes = [Node(small_kit, certify=False), Node(small_kit, store, certify=False)]
    frozen = {"account": small_kit.accounts[0, "auditor"].address.hex(), "reason": "left"}
    for number in range(12):
        envelopes = [put(small_kit.department) for _ in range(number % 3 + 1)]
        if number == 7:
            envelopes.append(make("accounts.freeze", frozen, small_kit.administrator))
        for node in nodes:
            node.block(*envelopes, time=CREATED + number * 100)
    assert contents(nodes[0].store) == contents(store)
    assert nodes[0].identities() == nodes[1].identities()
    assert len(nodes[0].application.machine.handlers) == 3 + len(EVIDENCE.handlers)
    store.close()
