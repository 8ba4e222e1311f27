"""Keeping the index beside the ledger: follow, make anew, compare.

Purpose: :class:`IndexFollower` is the node's one thread that feeds the index from committed blocks;
:func:`rebuild_index` and :func:`check_index` are what operators call. Rules: blocks come from the block store, in
order, so that nothing depends on what the thread missed; a database that is away never holds up the ledger: the
follower says so, waits longer each time, and catches up; an index that is not this ledger's is never written to.
Not here: rows and SQL (``index``), searches (``services.search``).
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from time import monotonic
from typing import Annotated, Literal

from msgspec import Meta, Struct

import govchain_native as native
from govchain.consensus.application import LedgerApplication
from govchain.index.checking import CheckReport, IndexChecker
from govchain.index.database import IndexDatabase
from govchain.index.facts import BlockFacts
from govchain.index.families import installed_projections
from govchain.index.rows import Projector
from govchain.index.writer import Cursor, IndexWriter, read_cursor
from govchain.model import Code, GovChainError, UnavailableError
from govchain.services.ledger_facts import LedgerFacts

__all__ = [
    "BATCH_BLOCKS_MAX",
    "BATCH_TRANSACTIONS_MAX",
    "Backoff",
    "IndexFollower",
    "IndexStatus",
    "check_index",
    "index_writer",
    "read_index_status",
    "rebuild_index",
    "rest_s",
]

#: Blocks and transactions of one SQL transaction, at most (one block is never divided).
BATCH_BLOCKS_MAX = 500
BATCH_TRANSACTIONS_MAX = 4_000
#: How long to gather after a block arrived, in seconds: a small block's SQL transaction costs more than its rows.
_GATHER_S = 0.02
#: The same while many come, unless somebody waits for them; and how many transactions of one gathering are many.
_GATHER_BUSY_S = 0.25
_BUSY_TRANSACTIONS = 64
#: While many come, the index rests this many times as long as it wrote: transactions come first. Behind for so many
#: seconds it rests no more, so that it keeps up with a load that lasts.
_REST_SHARE = 3.0
_RESTING_S_MAX = 10.0
#: How often to look without being woken, in seconds: a read-only store is never announced.
_LOOK_S = 1.0
#: Above this many blocks behind the ledger the state is ``catching_up``.
_BEHIND_BLOCKS = 20
#: Share of the newest measurement in the rate.
_RATE_SHARE = 0.3


class Backoff(Struct, frozen=True):
    """How long to wait after a failure, in seconds: the first time, and at most; each time twice as long."""

    first_s: float = 0.5
    longest_s: float = 30.0


class IndexStatus(Struct, frozen=True, kw_only=True):
    """How far the index is.

    ``state``: following; catching_up; unavailable (the database is away; it is tried again); refused (the database is
    not this ledger's); failed (a fault of ours); stopped.
    """

    state: Annotated[
        Literal["following", "catching_up", "unavailable", "refused", "failed", "stopped"],
        Meta(description="What the index does now.", examples=["following"]),
    ]
    height: Annotated[int, Meta(description="The ledger's newest block.", examples=[1200])]
    indexed_height: Annotated[int, Meta(description="The last block whose rows are in the index.", examples=[1200])]
    lag: Annotated[int, Meta(description="Blocks that the index is behind.", examples=[0])]
    transactions: Annotated[int, Meta(description="Transactions in the index.", examples=[250000])]
    rate: Annotated[int, Meta(description="Transactions a second lately written.", examples=[3000])]
    error: Annotated[str, Meta(description="Name of the last failure's code, empty when there is none.", examples=[""])]
    reason: Annotated[str, Meta(description="What the last failure was about.", examples=[""])]
    url: Annotated[
        str, Meta(description="The database, without password.", examples=["sqlite+pysqlite:///index.sqlite3"])
    ]


def index_writer(database: IndexDatabase, facts: LedgerFacts) -> tuple[IndexWriter, Projector]:
    """The writer for this ledger's index, with the projections of its families."""
    genesis = facts.genesis()
    projector = Projector(installed_projections(genesis.families))
    return IndexWriter(database, genesis, projector, lambda: secrets.token_hex(32)), projector


def rest_s(transactions: int, wrote_s: float, behind_s: float) -> float:
    """How long the index rests, in seconds, after it wrote.

    Args:
        transactions: how many it wrote.
        wrote_s: how long that took.
        behind_s: how long it has not been caught up.

    >>> rest_s(10, 0.5, 0.0), rest_s(1000, 0.5, 0.0), rest_s(1000, 0.5, 60.0)
    (0.02, 1.5, 0.25)
    """
    if transactions < _BUSY_TRANSACTIONS:
        return _GATHER_S
    return max(_GATHER_BUSY_S, wrote_s * _REST_SHARE if behind_s < _RESTING_S_MAX else 0.0)


class IndexFollower:
    """See the module. :meth:`start` it once; :meth:`wake` it for every block; :meth:`stop` it before the store closes.

    Args:
        application: the ledger that is followed.
        database: where the index lies.
        backoff: how long to wait after failures.
        on_problem: told of each new failure: code and reason.
        writer: another than the one for the installed projections.
    """

    def __init__(
        self,
        application: LedgerApplication,
        database: IndexDatabase,
        backoff: Backoff | None = None,
        on_problem: Callable[[Code, str], None] | None = None,
        writer: IndexWriter | None = None,
    ) -> None:
        """Remember the parts; nothing is opened yet."""
        self.database = database
        self._facts = LedgerFacts(application)
        self._writer = writer or index_writer(database, self._facts)[0]
        self._backoff = backoff or Backoff()
        self._on_problem = on_problem
        self._changed = threading.Condition()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._wanted = threading.Event()  # somebody waits for the index, or it is to stop
        self._thread: threading.Thread | None = None
        self._cursor: Cursor | None = None
        self._problem: tuple[Code, str] | None = None
        self._rate = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="govchain-index", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the SQL transaction under way, end the thread and close the database. Stopping twice is allowed.

        A thread that is not at its end within ``timeout_s`` is left to end by itself, with its database open.
        """
        self._stopping.set()
        self._wanted.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return
        self._thread = None
        self.database.close()

    def wake(self, _block: object = None) -> None:
        """There is something new: a listener of the application's blocks."""
        self._woken.set()

    def wait_for(self, height: int, timeout_s: float) -> bool:
        """Wait until the index has block ``height``; False when the time was over before."""
        if timeout_s > 0 and self._indexed() < height:
            self._wanted.set()
        with self._changed:
            return self._changed.wait_for(lambda: self._indexed() >= height, timeout_s)

    def status(self) -> IndexStatus:
        """How far it is."""
        height, cursor, problem = self._facts.height, self._cursor, self._problem
        indexed = 0 if cursor is None else cursor.height
        return IndexStatus(
            state=_state(self._thread is not None, problem, height - indexed),
            height=height,
            indexed_height=indexed,
            lag=max(0, height - indexed),
            transactions=0 if cursor is None else cursor.transactions,
            rate=round(self._rate),
            error="" if problem is None else problem[0].name,
            reason="" if problem is None else problem[1],
            url=self.database.shown_url,
        )

    def _indexed(self) -> int:
        return -1 if self._cursor is None else self._cursor.height

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stopping.wait(wait_s):
            try:
                self._follow()
                return  # told to stop
            except GovChainError as error:
                code, reason = error.code, str(error.params.get("reason", ""))
            except Exception as error:  # noqa: BLE001 - a fault in a projection stops the index, never the node
                code, reason = Code.INTERNAL, f"{type(error).__name__}: {error}"
            wait_s = min(self._backoff.longest_s, wait_s * 2) if self._problem else self._backoff.first_s
            self._failed(code, reason)

    def _follow(self) -> None:
        """Feed the index until told to stop, or until something fails."""
        facts = self._facts
        cursor = self._open()
        caught_up = monotonic()
        while not self._stopping.is_set():
            began = monotonic()
            self._woken.clear()
            # What comes while this is written is gathered first: else each block were an SQL transaction under load.
            before, target = cursor.transactions, facts.height
            while cursor.height < target and not self._stopping.is_set():
                started = monotonic()
                moved = self._writer.apply(_gather(facts, cursor, target, self._stopping.is_set))
                self._moved(moved, cursor, monotonic() - started)
                if moved == cursor:
                    raise UnavailableError(Code.INDEX_UNAVAILABLE, reason="the cursor does not move")
                cursor = moved
            ended = monotonic()
            if cursor.height >= facts.height:
                caught_up = ended
            if self._woken.wait(_LOOK_S):
                self._wanted.wait(rest_s(cursor.transactions - before, ended - began, ended - caught_up))
                self._wanted.clear()

    def _open(self) -> Cursor:
        facts = self._facts
        cursor = self._writer.prepare(facts.first_height)
        if cursor.height <= facts.height and cursor.height >= facts.first_height:
            mine = facts.identity(cursor.height)
            if mine != cursor.identity:
                raise self._writer.foreign(f"block {cursor.height} is {cursor.identity}, not {mine}")
        self._moved(cursor, cursor, 0)
        return cursor

    def _moved(self, cursor: Cursor, before: Cursor, seconds: float) -> None:
        if seconds > 0:
            rate = (cursor.transactions - before.transactions) / seconds
            self._rate += (_RATE_SHARE if self._rate else 1.0) * (rate - self._rate)
        with self._changed:
            self._cursor, self._problem = cursor, None
            self._changed.notify_all()

    def _failed(self, code: Code, reason: str) -> None:
        new = self._problem is None or self._problem[0] is not code
        self._problem, self._rate = (code, reason), 0.0
        if new and self._on_problem is not None:
            self._on_problem(code, reason)


def _state(
    running: bool, problem: tuple[Code, str] | None, lag: int
) -> Literal["following", "catching_up", "unavailable", "refused", "failed", "stopped"]:
    if not running:
        return "stopped"
    if problem is not None:
        known = {Code.INDEX_UNAVAILABLE: "unavailable", Code.INDEX_FOREIGN: "refused"}
        return known.get(problem[0], "failed")  # type: ignore[return-value]
    return "catching_up" if lag > _BEHIND_BLOCKS else "following"


def rebuild_index(
    application: LedgerApplication, database: IndexDatabase, progress: Callable[[int, int], None] | None = None
) -> Cursor:
    """Throw the index away and make it anew from the first block; ``progress`` is told heights: done, total.

    A node may go on beside it, and may be following the same index. Raises as the writer.
    """
    facts = LedgerFacts(application)
    writer, _ = index_writer(database, facts)
    if facts.first_height < application.blocks.oldest():
        application.blocks.require_here(facts.first_height)  # what is thrown away could not be made again
    cursor = writer.clear(facts.first_height)
    target = facts.height
    while cursor.height < target:
        cursor = writer.apply(_gather(facts, cursor, target))
        if progress is not None:
            progress(cursor.height, target)
    return cursor


def _gather(
    facts: LedgerFacts, cursor: Cursor, height: int, stopped: Callable[[], bool] = lambda: False
) -> list[BlockFacts]:
    """The next blocks up to ``height``, as many as one SQL transaction takes, at least one."""
    first = cursor.height + 1 if cursor.height else cursor.first_height
    blocks: list[BlockFacts] = []
    transactions = 0
    for block in facts.blocks(first, min(height, first + BATCH_BLOCKS_MAX - 1)):
        blocks.append(block)
        transactions += len(block.transactions)
        if transactions >= BATCH_TRANSACTIONS_MAX or stopped():
            break
    return blocks


def check_index(
    application: LedgerApplication, database: IndexDatabase, progress: Callable[[int, int], None] | None = None
) -> CheckReport:
    """Compare every row of the index with the ledger; writes nothing, and a node may go on beside it.

    Raises:
        UnavailableError: ``INDEX_FOREIGN``, ``INDEX_UNAVAILABLE``.
    """
    facts = LedgerFacts(application)
    genesis = facts.genesis()
    projector = Projector(installed_projections(genesis.families))
    checker = IndexChecker(database, genesis, projector, facts.blocks, native.Sm3)
    return checker.run(facts.height, progress)


def read_index_status(application: LedgerApplication, database: IndexDatabase) -> IndexStatus:
    """How far an index is that another process may be following: from its cursor alone."""
    height = LedgerFacts(application).height
    with database.reading() as connection:
        cursor = read_cursor(connection)
    indexed = 0 if cursor is None else cursor.height
    return IndexStatus(
        state="following" if height - indexed <= _BEHIND_BLOCKS else "catching_up",
        height=height,
        indexed_height=indexed,
        lag=max(0, height - indexed),
        transactions=0 if cursor is None else cursor.transactions,
        rate=0,
        error="",
        reason="",
        url=database.shown_url,
    )
