"""The engine's calls as the application's, without an engine: genesis, heights, commits, times, sizes, snapshots."""

import hashlib
import threading
import time as clock

import pytest

from govchain.consensus.cometbft import derive_genesis
from govchain.consensus.cometbft.handlers import LAG_MS_MAX, AbciHandler, HandlerOptions
from govchain.consensus.cometbft.protos import abci_pb2 as abci
from govchain.consensus.cometbft.protos import keys_pb2 as keys
from govchain.consensus.cometbft.snapshots import MARKER_CHUNK, markers
from govchain.consensus.ports import EngineUpdate, FinalizedBlock, SnapshotInfo
from govchain.model import Code, GovChainError, UnavailableError
from tests.consensus.cometbft.test_files import KEYS, bft_machine
from tests.consensus.kit import Node
from tests.ledger.kit import CREATED, Kit, put

ONE, OTHER = 1, 2  # connections


class Route:
    def __init__(self):
        self.announced = []

    def announce(self, engine_height, bytes_max):
        self.announced.append((engine_height, bytes_max))


class Driven:
    """A handler over a real application, and what it said."""

    def __init__(self, kit, application=None, **options):
        self.node = Node(kit)
        self.genesis = derive_genesis(bft_machine(kit, KEYS))
        self.fatal, self.notices = [], []
        self.now = CREATED + 1
        self.route = Route()
        self.handler = AbciHandler(
            application(self.node.application) if application else self.node.application,
            self.node.pool,
            self.genesis,
            HandlerOptions(**{"wait_ms": 0, "linger_ms": 0} | options),
            lambda: self.now,
            self.route,
            lambda code, reason: self.fatal.append((code, reason)),
            self.notices.append,
        )

    def call(self, connection=ONE, **request):
        answer = self.handler(abci.Request(**request), connection)
        return getattr(answer, answer.WhichOneof("value"))

    def init(self, **changes):
        told = {
            "chain_id": self.genesis.chain_id,
            "initial_height": 1,
            "validators": [abci.ValidatorUpdate(pub_key=keys.PublicKey(ed25519=key), power=1) for key in KEYS],
        }
        request = abci.RequestInitChain(**told | changes)
        if "time" not in changes:
            request.time.seconds, request.time.nanos = divmod(self.genesis.time * 1_000_000, 1_000_000_000)
        return self.call(init_chain=request)

    def finalize(self, height, *envelopes, time=CREATED + 1, connection=ONE):
        request = abci.RequestFinalizeBlock(height=height, txs=envelopes)
        request.time.seconds, request.time.nanos = divmod(time * 1_000_000, 1_000_000_000)
        return self.call(connection, finalize_block=request)

    def commit(self, connection=ONE):
        return self.call(connection, commit=abci.RequestCommit())

    def prepare(self, bytes_max=1 << 20, time=CREATED + 1, height=1):
        request = abci.RequestPrepareProposal(height=height, max_tx_bytes=bytes_max)
        request.time.seconds, request.time.nanos = divmod(time * 1_000_000, 1_000_000_000)
        return list(self.call(prepare_proposal=request).txs)

    def process(self, *envelopes, time=CREATED + 1):
        request = abci.RequestProcessProposal(height=1, txs=envelopes)
        request.time.seconds, request.time.nanos = divmod(time * 1_000_000, 1_000_000_000)
        return self.call(process_proposal=request).status

    @property
    def info(self):
        return self.call(info=abci.RequestInfo())


@pytest.fixture(scope="module")
def kit():
    return Kit()


@pytest.fixture
def driven(kit):
    made = []

    def make(**told):
        made.append(Driven(kit, **told))
        return made[-1]

    yield make
    for each in made:
        each.node.application.close()


def test_init_chain_answers_the_fingerprint_and_a_wrong_genesis_stops_the_node(driven):
    right = driven()
    assert right.init().app_hash == right.node.kit.machine.fingerprint
    assert (right.info.last_block_height, right.info.last_block_app_hash) == (0, b"")
    for name, changes in {
        "chain_id": {"chain_id": "another-chain"},
        "validators": {"validators": []},
        "time": {"time": None},
        "height": {"initial_height": 2},
    }.items():
        one = driven()
        with pytest.raises(GovChainError) as caught:
            one.init(**changes)
        assert caught.value.code == Code.ENGINE_MISMATCH
        assert one.fatal[0][0] == Code.ENGINE_MISMATCH
        assert name in one.fatal[0][1]


def test_blocks_are_finalised_once_each_and_empty_ones_keep_the_hash(driven, kit):
    one = driven()
    first = one.info
    block = one.finalize(1, put(kit.department))
    assert [result.code for result in block.tx_results] == [0]
    assert one.info.last_block_height == first.last_block_height  # nothing before the commit
    one.commit()
    assert (one.info.last_block_height, one.info.last_block_app_hash) == (1, block.app_hash)
    assert one.finalize(2).app_hash == block.app_hash
    one.commit()
    assert (one.info.last_block_height, one.info.last_block_app_hash) == (2, block.app_hash)
    assert one.node.application.chain.height == 1


@pytest.mark.parametrize("height", [0, 2, 7])
def test_a_height_that_is_not_the_next_is_refused_without_stopping_the_node(driven, height):
    one = driven()
    with pytest.raises(GovChainError, match="after 0"):
        one.finalize(height)
    assert one.fatal == []


def test_only_the_connection_that_finalised_commits_and_once(driven, kit):
    one = driven()
    with pytest.raises(GovChainError, match="no finalised block"):
        one.commit()
    one.finalize(1, put(kit.department))
    with pytest.raises(GovChainError, match="no finalised block"):
        one.commit(OTHER)
    one.finalize(1, put(kit.department), connection=OTHER)  # the engine's successor begins anew
    one.commit(OTHER)
    with pytest.raises(GovChainError, match="no finalised block"):
        one.commit(OTHER)
    assert one.node.application.info().engine_height == 1


def test_what_fails_below_a_decided_block_stops_the_node_with_its_code(driven, kit):
    class Full:
        def __init__(self, application):
            self.application = application

        def __getattr__(self, name):
            return getattr(self.application, name)

        def commit(self):
            raise GovChainError(Code.DISK_FULL)

    one = driven(application=Full)
    one.finalize(1, put(kit.department))
    with pytest.raises(GovChainError):
        one.commit()
    assert one.fatal[0][0] == Code.DISK_FULL


def test_a_proposal_holds_what_fits_as_the_engine_counts(driven, kit):
    one = driven()
    envelopes = [put(kit.department) for _ in range(10)]
    one.node.submit(*envelopes)
    assert one.prepare() == envelopes
    assert one.prepare(bytes_max=sum(len(each) for each in envelopes)) == envelopes[:9]  # tags and lengths count
    exact = sum(len(each) + 1 + (2 if len(each) < 16_384 else 3) for each in envelopes)
    assert one.prepare(bytes_max=exact) == envelopes
    assert one.prepare(bytes_max=exact - 1) == envelopes[:9]
    assert one.prepare(bytes_max=10) == []
    assert one.route.announced[0] == (1, 1 << 20)
    assert one.process(*envelopes) == abci.ResponseProcessProposal.ACCEPT


def test_a_time_that_lags_is_proposed_empty_and_at_once(driven, kit):
    one = driven(wait_ms=5_000)
    one.node.submit(put(kit.department))
    one.now = CREATED + 1 + LAG_MS_MAX + 1
    begun = clock.monotonic()
    assert one.prepare() == []
    assert clock.monotonic() - begun < 1
    assert one.route.announced == []
    one.now -= 1
    assert len(one.prepare()) == 1


def test_a_proposer_waits_for_work_unless_the_last_block_had_some(driven, kit):
    one = driven(wait_ms=300)
    begun = clock.monotonic()
    assert one.prepare() == []
    assert clock.monotonic() - begun >= 0.3
    envelope = put(kit.department)
    later = threading.Timer(0.05, lambda: one.node.submit(envelope))
    later.start()
    assert one.prepare() == [envelope]
    later.join()
    one.finalize(1, envelope)
    one.commit()
    begun = clock.monotonic()
    assert one.prepare(height=2) == []
    assert clock.monotonic() - begun < 0.2
    one.finalize(2)
    one.commit()
    begun = clock.monotonic()
    one.prepare(height=3)
    assert clock.monotonic() - begun >= 0.3


def test_a_closing_node_waits_for_nothing(driven):
    one = driven(wait_ms=5_000)
    one.handler.close()
    begun = clock.monotonic()
    assert one.prepare() == []
    assert clock.monotonic() - begun < 1


def test_a_proposal_of_garbage_is_rejected_and_told(driven, kit):
    one = driven()
    assert one.process(b"garbage") == abci.ResponseProcessProposal.REJECT
    envelope = put(kit.department)
    assert one.process(envelope, envelope) == abci.ResponseProcessProposal.REJECT
    assert one.process() == abci.ResponseProcessProposal.ACCEPT
    assert one.handler.facts.rejected == 2
    assert len(one.notices) == 2
    assert one.fatal == []


def test_updates_of_the_set_are_passed_on(driven):
    class Updating:
        def __init__(self, application):
            self.application = application

        def __getattr__(self, name):
            return getattr(self.application, name)

        def finalize_block(self, envelopes, time, engine_height):
            block = self.application.finalize_block(envelopes, time, engine_height)
            updates = (EngineUpdate(b"\x01" * 32, 1), EngineUpdate(b"\x02" * 32, 0))
            return FinalizedBlock(block.app_hash, block.height, block.codes, updates)

    one = driven(application=Updating)
    found = one.finalize(1).validator_updates
    assert [(each.pub_key.ed25519, each.power) for each in found] == [(b"\x01" * 32, 1), (b"\x02" * 32, 0)]


def test_a_double_vote_that_the_engine_proves_is_told_and_changes_nothing(driven):
    one = driven()
    proof = abci.Misbehavior(type=1, validator=abci.Validator(address=b"\x07" * 20, power=1), height=1)
    request = abci.RequestFinalizeBlock(height=1, misbehavior=[proof])
    request.time.seconds = CREATED // 1000
    assert list(one.call(finalize_block=request).validator_updates) == []
    assert one.handler.facts.misbehaved == 1
    assert "07" * 20 in one.notices[0]


def test_what_the_ledger_does_itself_is_refused_here(driven):
    one = driven()
    assert one.call(query=abci.RequestQuery(path="/store")).code
    assert one.call(check_tx=abci.RequestCheckTx(tx=b"x")).code
    assert one.call(insert_tx=abci.RequestInsertTx(tx=b"x")).code
    assert list(one.call(reap_txs=abci.RequestReapTxs()).txs) == []
    for kind in ("extend_vote", "verify_vote_extension"):
        with pytest.raises(GovChainError):
            one.handler(abci.Request(**{kind: {}}), ONE)


def test_only_known_engines_may_connect(driven):
    known = {b"\x01" * 20}
    one = driven(known_nodes=lambda: frozenset(known))

    def asked(path):
        return one.call(query=abci.RequestQuery(path=path)).code

    assert asked("/p2p/filter/addr/10.0.0.1:4000") == 0
    assert asked(f"/p2p/filter/id/{'01' * 20}") == 0
    assert asked(f"/p2p/filter/id/{'02' * 20}") != 0
    known.add(b"\x02" * 20)  # a member that came later
    assert asked(f"/p2p/filter/id/{'02' * 20}") == 0
    assert asked("/p2p/filter/id/") != 0


def test_a_snapshot_that_nobody_here_vouches_for_is_refused(driven):
    one = driven(trust=lambda height: None)
    manifest = b'{"chain":"test-chain"}'
    offers = [
        abci.Snapshot(height=5, format=1, chunks=1, hash=hashlib.sha256(manifest).digest(), metadata=manifest),
        abci.Snapshot(height=5, format=2, chunks=1, hash=b"", metadata=b""),
        abci.Snapshot(height=5, format=1, chunks=1, hash=b"no", metadata=manifest),
    ]
    for offer in offers:
        answer = one.call(offer_snapshot=abci.RequestOfferSnapshot(snapshot=offer))
        assert answer.result == abci.ResponseOfferSnapshot.REJECT
    assert list(one.call(list_snapshots=abci.RequestListSnapshots()).snapshots) == []
    assert one.call(load_snapshot_chunk=abci.RequestLoadSnapshotChunk(height=1, format=1)).chunk == b""


def test_software_that_a_vote_has_overtaken_stops_the_node_before_it_judges(driven, kit):
    class Old:
        def __init__(self, application):
            self.application = application

        def __getattr__(self, name):
            return getattr(self.application, name)

        def prepare_proposal(self, time, bytes_max):
            raise UnavailableError(Code.UPGRADE_REQUIRED, version=2, height=7, supported=1)

        def process_proposal(self, envelopes, time):
            raise UnavailableError(Code.UPGRADE_REQUIRED, version=2, height=7, supported=1)

    proposing = driven(application=Old)
    proposing.node.submit(put(kit.department))
    with pytest.raises(UnavailableError):
        proposing.prepare()
    judging = driven(application=Old)
    with pytest.raises(UnavailableError):
        judging.process(put(kit.department))
    for one in (proposing, judging):
        assert [code for code, _ in one.fatal] == [Code.UPGRADE_REQUIRED]


def test_an_engine_takes_up_only_where_the_ledger_is(driven, kit):
    one = driven()
    one.finalize(1, put(kit.department))
    one.commit()
    info = one.info
    marker = markers([SnapshotInfo(1, 1, bytes(32), b"", 1)])[0]

    def offered(snapshot, app_hash=info.last_block_app_hash):
        request = abci.RequestOfferSnapshot(snapshot=snapshot, app_hash=app_hash)
        return one.call(offer_snapshot=request).result

    assert offered(marker, b"another") == abci.ResponseOfferSnapshot.REJECT
    assert offered(markers([SnapshotInfo(2, 1, bytes(32), b"", 2)])[0]) == abci.ResponseOfferSnapshot.REJECT
    assert offered(abci.Snapshot(height=1, format=1, chunks=1)) == abci.ResponseOfferSnapshot.REJECT
    assert offered(marker) == abci.ResponseOfferSnapshot.ACCEPT
    taken = one.call(apply_snapshot_chunk=abci.RequestApplySnapshotChunk(index=0, chunk=MARKER_CHUNK))
    assert taken.result == abci.ResponseApplySnapshotChunk.ACCEPT
    assert one.info == info
    chunk = one.call(load_snapshot_chunk=abci.RequestLoadSnapshotChunk(height=1, format=2)).chunk
    assert chunk == MARKER_CHUNK
