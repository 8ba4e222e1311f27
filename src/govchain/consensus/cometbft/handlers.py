"""Each call of the engine as a call of the application: what CometBFT asks, in the words of our own port.

Purpose: translate ABCI 2.0 requests into :class:`govchain.consensus.ports.Application` calls and answers back.
Rules: times are the engine's in whole ms; an engine block finalises once, at the height after the application's, and is
committed on the connection that finalised it; a proposal that cannot be made is empty and one that cannot be judged is
rejected, so that no fault of one transaction stops the chain; a fault of finalising or committing is the node's own and
stops it. PrepareProposal waits up to ``wait_ms`` for a first transaction unless the block before had some (ARCHITECTURE
decision 3), and proposes nothing while the block's time lags the clock by more than ``LAG_MS_MAX`` (decision 10).
Threads: the engine's connections call at the same time; calls that touch the application's state are one after another.
Not here: bytes on the socket (:mod:`govchain.consensus.cometbft.abci`), the process (``engine``).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final, NoReturn

from google.protobuf.timestamp_pb2 import Timestamp

from govchain.consensus.cometbft.genesis import EngineGenesis
from govchain.consensus.cometbft.protos import abci_pb2 as abci
from govchain.consensus.cometbft.protos import keys_pb2 as keys
from govchain.consensus.cometbft.snapshots import (
    MARKER_CHUNK,
    MARKER_FORMAT,
    SNAPSHOT_FORMAT,
    is_marker,
    markers,
    read_offer,
)
from govchain.consensus.pool import Pool
from govchain.consensus.ports import LINGER_MS, Application, FinalizedBlock, ProposalRoute
from govchain.model import Code, GovChainError
from govchain.storage.snapshot_checks import SnapshotTrust

__all__ = ["LAG_MS_MAX", "AbciHandler", "BlockFacts", "HandlerOptions"]

#: A block whose time is further behind the clock is proposed empty: the next one has the present time.
LAG_MS_MAX: Final = 5_000
#: The flag of a vote for the block in ``CommitInfo`` (BLOCK_ID_FLAG_COMMIT).
_COMMITTED: Final = 2
#: The engine counts a transaction as its bytes, a tag and a varint of its length.
_TAG_BYTES: Final = 1
#: How long a proposer that holds only transactions of the future sleeps between two looks.
_LOOK_S: Final = 0.05
_PEER_FILTER: Final = "/p2p/filter/"


@dataclass(frozen=True, slots=True)
class HandlerOptions:
    """How proposals are made.

    Attributes:
        wait_ms: how long a proposer waits for a first transaction.
        linger_ms: how long it gathers more after the first, unless the pool holds a whole block.
        known_nodes: node ids (20 bytes) of engines that may connect; None admits all.
        trust: what a snapshot at a ledger height is checked against, or None where nothing is trusted for it.
    """

    wait_ms: int = 1_000
    linger_ms: int = LINGER_MS
    known_nodes: Callable[[], frozenset[bytes]] | None = None
    trust: Callable[[int], SnapshotTrust | None] | None = None


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """What the newest engine block said of the engine: heights, proposer, who did not sign its predecessor.

    ``proposer`` and ``missing`` are engine addresses (20 bytes); ``round`` is the predecessor's. ``rejected`` proposals
    and proofs that a member ``misbehaved`` (voted twice) are counted over this run.
    """

    height: int = 0
    time: int = 0
    round: int = 0
    proposer: bytes = b""
    missing: tuple[bytes, ...] = ()
    transactions: int = 0
    rejected: int = 0
    rejected_last: Code | None = None
    misbehaved: int = 0


class AbciHandler:
    """See the module.

    Args:
        application: what is driven.
        pool: where proposals come from (through the application), to wait for a first transaction.
        genesis: what InitChain must name.
        options: see :class:`HandlerOptions`.
        wall: ms since 1970.
        route: hears that this node prepares, or None.
        on_fatal: hears the code for which the node has to stop; called on the engine's thread.
        on_notice: hears in a sentence what was refused.
        on_decided: called with each decided block before it is committed: the voting goes on.
    """

    def __init__(
        self,
        application: Application,
        pool: Pool,
        genesis: EngineGenesis,
        options: HandlerOptions,
        wall: Callable[[], int],
        route: ProposalRoute | None,
        on_fatal: Callable[[Code, str], None],
        on_notice: Callable[[str], None],
        on_decided: Callable[[], None] = lambda: None,
    ) -> None:
        self._application = application
        self._pool = pool
        self._genesis = genesis
        self._options = options
        self._wall = wall
        self._route = route
        self._on_fatal = on_fatal
        self._on_notice = on_notice
        self._on_decided = on_decided
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._finalized: tuple[int, int] | None = None  # connection and height of a block that waits for its commit
        self._followed_work = False
        self._marked = False  # the engine takes up where the ledger is
        self._facts = BlockFacts()
        self._calls: dict[str, Callable[[abci.Request, int], abci.Response]] = {
            "info": self._info,
            "init_chain": self._init_chain,
            "prepare_proposal": self._prepare_proposal,
            "process_proposal": self._process_proposal,
            "finalize_block": self._finalize_block,
            "commit": self._commit,
            "list_snapshots": self._list_snapshots,
            "load_snapshot_chunk": self._load_snapshot_chunk,
            "offer_snapshot": self._offer_snapshot,
            "apply_snapshot_chunk": self._apply_snapshot_chunk,
            "query": self._query,
            "check_tx": self._check_tx,
            "insert_tx": self._insert_tx,
            "reap_txs": self._reap_txs,
        }

    @property
    def facts(self) -> BlockFacts:
        """What the newest engine block said."""
        return self._facts

    def close(self) -> None:
        """Wait for no more transactions: proposals are answered at once from now on."""
        self._closing.set()

    def __call__(self, request: abci.Request, connection: int) -> abci.Response:
        """Answer one request of the connection of that number.

        Raises:
            GovChainError: the engine asks what it may not ask, or the application cannot go on.
        """
        kind = request.WhichOneof("value") or ""
        call = self._calls.get(kind)
        if call is None:  # vote extensions: off (ARCHITECTURE decision 5)
            raise GovChainError(Code.ENGINE_MISMATCH, reason=f"{kind} is off")
        return call(request, connection)

    # -- where the application stands ------------------------------------------------------------------------------

    def _info(self, _request: abci.Request, _connection: int) -> abci.Response:
        with self._lock:
            info = self._application.info()
        height = info.engine_height
        # Before the engine's first block it asks for InitChain, whatever the ledger holds already.
        app_hash = info.app_hash if height else b""
        return abci.Response(
            info=abci.ResponseInfo(data="govchain", last_block_height=height, last_block_app_hash=app_hash)
        )

    def _init_chain(self, request: abci.Request, _connection: int) -> abci.Response:
        asked, expected = request.init_chain, self._genesis
        validators = tuple(sorted((each.pub_key.ed25519, each.power) for each in asked.validators))
        reasons = {
            "chain_id": asked.chain_id == expected.chain_id,
            "validators": validators == tuple((key, 1) for key, _ in expected.validators),
            "time": _milliseconds(asked.time) == expected.time,
            "height": asked.initial_height == 1,
            "vote extensions": not asked.consensus_params.abci.vote_extensions_enable_height,
        }
        wrong = ", ".join(name for name, right in reasons.items() if not right)
        with self._lock:
            info = self._application.info()
            if not wrong and info.engine_height:
                wrong = f"the ledger is at engine height {info.engine_height}"
            if wrong:
                self._fail(GovChainError(Code.ENGINE_MISMATCH, reason=f"the engine's genesis: {wrong}"))
            app_hash = info.app_hash or self._application.init_chain()
        return abci.Response(init_chain=abci.ResponseInitChain(app_hash=app_hash))

    # -- proposals -------------------------------------------------------------------------------------------------

    def _prepare_proposal(self, request: abci.Request, _connection: int) -> abci.Response:
        asked = request.prepare_proposal
        try:
            chosen = self._propose(asked.height, _milliseconds(asked.time), asked.max_tx_bytes)
        except Exception as error:  # noqa: BLE001 - an empty block keeps the chain going, and this is told
            self._require_known_protocol(error)
            self._on_notice(f"no proposal for engine height {asked.height}: {error}")
            chosen = []
        return abci.Response(prepare_proposal=abci.ResponsePrepareProposal(txs=chosen))

    def _propose(self, height: int, time: int, bytes_max: int) -> list[bytes]:
        if self._wall() - time > LAG_MS_MAX:
            return []
        if self._route is not None:
            self._route.announce(height, bytes_max)
        wait_s = 0.0 if self._followed_work or self._closing.is_set() else self._options.wait_ms / 1000
        deadline = monotonic() + wait_s
        while True:
            chosen = self._choose(time, bytes_max, deadline)
            if chosen or monotonic() >= deadline or self._closing.is_set():
                return chosen

    def _choose(self, time: int, bytes_max: int, deadline: float) -> list[bytes]:
        """What the pool has for a block, waiting for a first transaction until ``deadline`` (monotonic, s)."""
        if not len(self._pool):
            left = deadline - monotonic()
            if left <= 0 or not self._pool.wait_for_work(left):
                return []
        if self._options.linger_ms and self._pool.size_bytes < bytes_max:
            self._closing.wait(self._options.linger_ms / 1000)
        with self._lock:
            chosen = self._application.prepare_proposal(time, bytes_max)
        if not chosen:  # nothing that may enter a block of this time
            self._closing.wait(max(0.0, min(_LOOK_S, deadline - monotonic())))
        return _within(chosen, bytes_max)

    def _process_proposal(self, request: abci.Request, _connection: int) -> abci.Response:
        asked = request.process_proposal
        with self._lock:
            try:
                code = self._application.process_proposal(list(asked.txs), _milliseconds(asked.time))
            except Exception as error:  # noqa: BLE001 - what cannot be judged is not voted for
                self._require_known_protocol(error)
                self._on_notice(f"the proposal for engine height {asked.height} could not be judged: {error}")
                code = Code.BLOCK_INVALID
        if code:
            self._facts = replace(self._facts, rejected=self._facts.rejected + 1, rejected_last=code)
            proposer = asked.proposer_address.hex()
            self._on_notice(f"rejected the proposal of {proposer} for engine height {asked.height}: {code.name}")
        status = abci.ResponseProcessProposal
        return abci.Response(process_proposal=status(status=status.REJECT if code else status.ACCEPT))

    # -- decided blocks --------------------------------------------------------------------------------------------

    def _finalize_block(self, request: abci.Request, connection: int) -> abci.Response:
        asked = request.finalize_block
        time = _milliseconds(asked.time)
        with self._lock:
            self._finalized = None
            height = self._application.info().engine_height + 1
            if asked.height != height:
                # Of an engine that died in between, or of a home that is not this node's: the engine starts again.
                reason = f"engine block {asked.height} after {height - 1}"
                raise GovChainError(Code.ENGINE_MISMATCH, reason=reason)
            try:
                block = self._application.finalize_block(list(asked.txs), time, height)
            except Exception as error:  # noqa: BLE001 - whatever it was, this node stops here
                self._fail(error)
            self._finalized = (connection, height)
        self._note(asked, block, time)
        return abci.Response(
            finalize_block=abci.ResponseFinalizeBlock(
                tx_results=[abci.ExecTxResult(code=int(code)) for code in block.codes],
                validator_updates=[
                    abci.ValidatorUpdate(pub_key=keys.PublicKey(ed25519=update.engine_key), power=update.power)
                    for update in block.updates
                ],
                app_hash=block.app_hash,
            )
        )

    def _commit(self, _request: abci.Request, connection: int) -> abci.Response:
        with self._lock:
            finalized, self._finalized = self._finalized, None
            if finalized is None or finalized[0] != connection:
                raise GovChainError(Code.ENGINE_MISMATCH, reason="a commit of no finalised block")
            try:
                retain = self._application.commit()
            except Exception as error:  # noqa: BLE001 - whatever it was, this node stops here
                self._fail(error)
        return abci.Response(commit=abci.ResponseCommit(retain_height=retain))

    def _note(self, asked: abci.RequestFinalizeBlock, block: FinalizedBlock, time: int) -> None:
        for each in asked.misbehavior:
            address = each.validator.address.hex()
            self._on_notice(f"the engine has proof that {address} misbehaved at engine height {each.height}")
        self._on_decided()
        self._followed_work = block.height is not None
        last = asked.decided_last_commit
        self._facts = BlockFacts(
            height=asked.height,
            time=time,
            round=last.round,
            proposer=asked.proposer_address,
            missing=tuple(vote.validator.address for vote in last.votes if vote.block_id_flag != _COMMITTED),
            transactions=len(block.codes),
            rejected=self._facts.rejected,
            rejected_last=self._facts.rejected_last,
            misbehaved=self._facts.misbehaved + len(asked.misbehavior),
        )

    def _require_known_protocol(self, error: Exception) -> None:
        """Stop where the members voted for a protocol that this software does not know: it can judge nothing more."""
        if isinstance(error, GovChainError) and error.code is Code.UPGRADE_REQUIRED:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        code = error.code if isinstance(error, GovChainError) else Code.INTERNAL
        reason = str(error) if isinstance(error, GovChainError) else f"{type(error).__name__}: {error}"
        self._on_fatal(code, reason)
        raise error

    # -- snapshots -------------------------------------------------------------------------------------------------

    def _list_snapshots(self, _request: abci.Request, _connection: int) -> abci.Response:
        known = self._application.list_snapshots()
        offered = [
            abci.Snapshot(
                height=each.engine_height,
                format=SNAPSHOT_FORMAT,
                chunks=each.chunks,
                hash=hashlib.sha256(each.manifest).digest(),
                metadata=each.manifest,
            )
            for each in known
            if each.engine_height
        ]
        both = markers(known) + offered
        return abci.Response(list_snapshots=abci.ResponseListSnapshots(snapshots=both))

    def _load_snapshot_chunk(self, request: abci.Request, _connection: int) -> abci.Response:
        asked = request.load_snapshot_chunk
        chunk = MARKER_CHUNK if asked.format == MARKER_FORMAT else b""
        try:
            for each in self._application.list_snapshots():
                if each.engine_height == asked.height and asked.format == SNAPSHOT_FORMAT:
                    chunk = self._application.load_snapshot_chunk(each.height, asked.chunk)
        except GovChainError:
            chunk = b""  # it is not here any more
        return abci.Response(load_snapshot_chunk=abci.ResponseLoadSnapshotChunk(chunk=chunk))

    def _offer_snapshot(self, request: abci.Request, _connection: int) -> abci.Response:
        answer = abci.ResponseOfferSnapshot
        offered = request.offer_snapshot.snapshot
        with self._lock:
            info = self._application.info()
        self._marked = is_marker(offered, info.engine_height) and request.offer_snapshot.app_hash == info.app_hash
        if self._marked:  # the ledger is there already, verified; only the engine has to come
            return abci.Response(offer_snapshot=answer(result=answer.ACCEPT))
        if offered.format == MARKER_FORMAT or info.engine_height:
            return abci.Response(offer_snapshot=answer(result=answer.REJECT))
        found = read_offer(offered, self._options.trust)
        if found is None:
            self._on_notice(f"refused a snapshot at engine height {offered.height}: nothing here vouches for it")
            return abci.Response(offer_snapshot=answer(result=answer.REJECT))
        with self._lock:
            code = self._application.offer_snapshot(*found)
        if code:
            self._on_notice(f"refused a snapshot at engine height {offered.height}: {code.name}")
        return abci.Response(offer_snapshot=answer(result=answer.REJECT if code else answer.ACCEPT))

    def _apply_snapshot_chunk(self, request: abci.Request, _connection: int) -> abci.Response:
        answer = abci.ResponseApplySnapshotChunk
        asked = request.apply_snapshot_chunk
        if self._marked:
            return abci.Response(apply_snapshot_chunk=answer(result=answer.ACCEPT))
        with self._lock:
            code = self._application.apply_snapshot_chunk(asked.index, asked.chunk)
        if code:
            self._on_notice(f"a snapshot did not hold at chunk {asked.index}: {code.name}")
        return abci.Response(apply_snapshot_chunk=answer(result=answer.REJECT_SNAPSHOT if code else answer.ACCEPT))

    # -- what is off, and who may connect --------------------------------------------------------------------------

    def _query(self, request: abci.Request, _connection: int) -> abci.Response:
        path = request.query.path
        if not path.startswith(_PEER_FILTER):  # readers ask the node
            return abci.Response(query=abci.ResponseQuery(code=int(Code.METHOD_NOT_ALLOWED), log="ask the node"))
        code = Code.OK
        kind, _, value = path.removeprefix(_PEER_FILTER).partition("/")
        known = self._options.known_nodes
        if kind == "id" and known is not None and value.lower() not in {node.hex() for node in known()}:
            self._on_notice(f"refused the engine {value[:64]}: not a member's")
            code = Code.SIGNER_UNKNOWN
        return abci.Response(query=abci.ResponseQuery(code=int(code)))

    def _check_tx(self, _request: abci.Request, _connection: int) -> abci.Response:
        return abci.Response(check_tx=abci.ResponseCheckTx(code=int(Code.METHOD_NOT_ALLOWED), log="ask the node"))

    def _insert_tx(self, _request: abci.Request, _connection: int) -> abci.Response:
        return abci.Response(insert_tx=abci.ResponseInsertTx(code=int(Code.METHOD_NOT_ALLOWED)))

    def _reap_txs(self, _request: abci.Request, _connection: int) -> abci.Response:
        return abci.Response(reap_txs=abci.ResponseReapTxs())


def _milliseconds(time: Timestamp) -> int:
    """The engine's time (seconds and nanoseconds) in whole ms."""
    return time.seconds * 1000 + time.nanos // 1_000_000


def _within(envelopes: Sequence[bytes], bytes_max: int) -> list[bytes]:
    """As many of the first as the engine takes in a block of ``bytes_max``, counted as it counts them."""
    total = 0
    for place, envelope in enumerate(envelopes):
        length = len(envelope)
        total += _TAG_BYTES + (length.bit_length() + 6) // 7 + length
        if total > bytes_max:
            return list(envelopes[:place])
    return list(envelopes)
