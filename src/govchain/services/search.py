"""Searches and counts over the index, for the API and every other adapter.

Purpose: transactions and evidence by time, submitter, organisation, type, reference, digest and result; newest first;
counts and series for charts. Rules: every answer says how far the index is (``indexed_height``) beside the ledger's
``height``; a search waits a moment for blocks that were there when it was asked, so that who was just given a receipt
finds what it speaks of; a page continues by an opaque cursor that only this index makes and that fits only its query.
Nothing here is proved: a client checks each hit by its proof. Not here: SQL (``index.reading``), HTTP (``api``).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

import govchain_native as native
from govchain.crypto import frame
from govchain.index.database import IndexDatabase
from govchain.index.reading import (
    ActivityFilter,
    EvidenceFilter,
    TransactionFilter,
    read_activity,
    read_evidence,
    read_transactions,
)
from govchain.index.rows import minute_of
from govchain.index.writer import Cursor, read_cursor, read_facts
from govchain.model import Code, RefusedError, UnavailableError, UsageError
from govchain.model.identifiers import is_hex
from govchain.proof.page import china_time

__all__ = [
    "PAGE_DEFAULT",
    "PAGE_MAX",
    "SERIES_ROWS_MAX",
    "SERIES_SPANS_MAX",
    "TEXT_LENGTH_MAX",
    "EvidenceFilter",
    "EvidenceHit",
    "EvidenceHits",
    "Search",
    "SeriesPoint",
    "Statistics",
    "TransactionFilter",
    "TransactionHit",
    "TransactionHits",
]

#: Hits of one page, where nothing is said and at most.
PAGE_DEFAULT = 100
PAGE_MAX = 1_000
#: Spans of one series, at most: 1,500 minutes are a day, 1,500 days four years.
SERIES_SPANS_MAX = 1_500
#: Points of one series, all groups together, at most.
SERIES_ROWS_MAX = 20_000
#: Characters of a criterion, at most.
TEXT_LENGTH_MAX = 128
#: Greatest time (ms) and result code that a criterion may name.
_INTEGER_MAX = 2**53 - 1
#: How long a search waits for blocks that were there when it was asked, in seconds; not where the index is further
#: behind than so many blocks.
_FRESH_S = 0.25
_FRESH_BLOCKS_MAX = 20
#: Lengths of the spans of a series, in ms, and how many are shown where no time is given.
_INTERVALS = {"minute": (60_000, 60), "hour": (3_600_000, 48), "day": (86_400_000, 30)}
#: Days begin at midnight in China, which has one time without summer time.
_CHINA_MS = 8 * 3_600_000
_CURSOR_DOMAIN = "govchain/index-cursor/1"
_PLACE = struct.Struct(">Q")
_MARK_BYTES = 16
_CURSOR_LENGTH = len(base64.urlsafe_b64encode(bytes(_PLACE.size + _MARK_BYTES)))

_ID = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_ADDRESS = "2165a6710c14f62cb4e9664968225b2756b0e0b0"
_ORGANISATION = "11110000DEM0000009"
_MS = 1_790_000_000_000

_Height = Annotated[int, Meta(description="The ledger's newest block. Unit: blocks.", examples=[1204])]
_Indexed = Annotated[
    int,
    Meta(
        description="The last block that the index holds; what came later is not found yet. Unit: blocks.",
        examples=[1204],
    ),
]
_Next = Annotated[
    str | None,
    Meta(description="Ask again with this cursor for older hits; null on the last page.", examples=["AAAAAAAwAAB5…"]),
]
_Id = Annotated[str, Meta(description="The transaction's id, hex.", examples=[_ID])]
_BlockHeight = Annotated[int, Meta(description="The block's height. Unit: blocks.", examples=[1200])]
_Index = Annotated[int, Meta(description="Position in the block, from 0.", examples=[3])]
_Time = Annotated[int, Meta(description="The block's time. Unit: ms since 1970, UTC.", examples=[_MS])]
_Account = Annotated[str, Meta(description="Address of the first signer, hex.", examples=[_ADDRESS])]
_Organisation = Annotated[
    str, Meta(description="The first signer's organisation (统一社会信用代码).", examples=[_ORGANISATION])
]
_Reference = Annotated[str, Meta(description="The business reference; may be empty.", examples=["case-2026-17"])]


class TransactionHit(Struct, frozen=True, kw_only=True):
    """A transaction that meets the criteria."""

    id: _Id
    height: _BlockHeight
    index: _Index
    time: _Time
    type: Annotated[str, Meta(description="The transaction's type.", examples=["evidence.put"])]
    version: Annotated[int, Meta(description="The type's version.", examples=[1])]
    code: Annotated[int, Meta(description="The receipt's result code; 0 is success.", examples=[0])]
    account: _Account
    organisation: _Organisation
    reference: _Reference
    size: Annotated[int, Meta(description="Size of the envelope. Unit: bytes.", examples=[1024])]


class TransactionHits(Struct, frozen=True, kw_only=True):
    """A page of transactions, newest first."""

    height: _Height
    indexed_height: _Indexed
    transactions: Annotated[tuple[TransactionHit, ...], Meta(description="The hits, newest first.", examples=[[]])]
    next: _Next


class EvidenceHit(Struct, frozen=True, kw_only=True):
    """A record that meets the criteria. Null: committed and not public, or not of this kind of record."""

    id: Annotated[str, Meta(description="The record's id: that of its transaction, hex.", examples=[_ID])]
    height: _BlockHeight
    index: _Index
    time: _Time
    kind: Annotated[str, Meta(description="file, batch, supplement or replacement.", examples=["file"])]
    members: Annotated[int, Meta(description="Files in the record: 1 unless it is a batch. Unit: files.", examples=[1])]
    reference: _Reference
    organisation: _Organisation
    account: _Account
    about: Annotated[str | None, Meta(description="The earlier record that this one belongs to.", examples=[None])]
    name: Annotated[str | None, Meta(description="The file's public name.", examples=["report.pdf"])]
    media_type: Annotated[str, Meta(description="The file's media type.", examples=["application/pdf"])]
    size: Annotated[int, Meta(description="Size of the content. Unit: bytes.", examples=[20480])]
    captured: Annotated[
        int, Meta(description="When it was captured, as its submitter says. Unit: ms since 1970, UTC.", examples=[_MS])
    ]
    method: Annotated[str, Meta(description="How it was captured.", examples=["file"])]
    sm3: Annotated[str | None, Meta(description="SM3 of the content, hex.", examples=[_ID])]
    sha256: Annotated[str | None, Meta(description="SHA-256 of the content, hex.", examples=[_ID])]
    root: Annotated[str | None, Meta(description="Root over a batch's files, hex.", examples=[None])]
    status: Annotated[
        Literal["in_force", "superseded", "withdrawn"],
        Meta(description="What holds for the record as a whole at indexed_height.", examples=["in_force"]),
    ]


class EvidenceHits(Struct, frozen=True, kw_only=True):
    """A page of evidence, newest first."""

    height: _Height
    indexed_height: _Indexed
    evidence: Annotated[tuple[EvidenceHit, ...], Meta(description="The hits, newest first.", examples=[[]])]
    next: _Next


class SeriesPoint(Struct, frozen=True, kw_only=True):
    """Transactions of one span and group."""

    start: Annotated[int, Meta(description="Where the span begins. Unit: ms since 1970, UTC.", examples=[_MS])]
    start_text: Annotated[
        str, Meta(description="The same in China time (RFC 3339).", examples=["2026-09-21T21:00:00+08:00"])
    ]
    value: Annotated[
        str, Meta(description="The group: a type, organisation or result code; empty without one.", examples=[""])
    ]
    transactions: Annotated[int, Meta(description="How many. Unit: transactions.", examples=[42])]
    bytes: Annotated[int, Meta(description="Size of their envelopes. Unit: bytes.", examples=[43008])]


class Statistics(Struct, frozen=True, kw_only=True):
    """How much the ledger took in."""

    height: _Height
    indexed_height: _Indexed
    all_transactions: Annotated[
        int,
        Meta(
            description="Transactions in the whole index, whatever the criteria. Unit: transactions.",
            examples=[250_000],
        ),
    ]
    time_from: Annotated[
        int, Meta(description="Where the first span begins. Unit: ms since 1970, UTC.", examples=[_MS])
    ]
    time_to: Annotated[
        int, Meta(description="Where the last span ends. Unit: ms since 1970, UTC.", examples=[_MS + 3_600_000])
    ]
    interval: Annotated[str, Meta(description="Length of a span: minute, hour or day.", examples=["minute"])]
    group: Annotated[str, Meta(description="type, organisation or code; empty for none.", examples=[""])]
    transactions: Annotated[int, Meta(description="The sum of all points. Unit: transactions.", examples=[42])]
    bytes: Annotated[int, Meta(description="The sum of all points. Unit: bytes.", examples=[43008])]
    points: Annotated[
        tuple[SeriesPoint, ...],
        Meta(description="Spans and groups in order; those without a transaction are left out.", examples=[[]]),
    ]


class Search:
    """See the module. Safe to use from several threads.

    Args:
        database: the index.
        height: the ledger's newest block.
        wait_for: waits until the index has a height, for so many seconds; None where nobody can tell.
    """

    def __init__(
        self,
        database: IndexDatabase,
        height: Callable[[], int],
        wait_for: Callable[[int, float], bool] | None = None,
    ) -> None:
        """Remember the parts; connections are made when they are needed."""
        self._database = database
        self._height = height
        self._wait_for = wait_for

    def transactions(self, criteria: TransactionFilter, limit: int = PAGE_DEFAULT, cursor: str = "") -> TransactionHits:
        """Transactions that meet ``criteria``, newest first; ``cursor`` is ``next`` of the page before.

        Raises:
            UsageError: ``REQUEST_SHAPE``. RefusedError: ``CURSOR_INVALID``. UnavailableError: ``INDEX_UNAVAILABLE``.
        """
        _check_criteria(criteria, limit)
        height = self._fresh_height()
        with self._database.reading() as connection:
            state = _state(read_cursor(connection))
            key = _query_key(read_facts(connection), "transactions", criteria)
            found = read_transactions(connection, criteria, _before(key, cursor), limit + 1)
        hits = tuple(
            TransactionHit(
                id=row.id,
                height=row.height,
                index=row.position,
                time=row.time,
                type=row.type,
                version=row.version,
                code=row.code,
                account=row.sender,
                organisation=row.organisation,
                reference=row.reference,
                size=row.bytes,
            )
            for row in found[:limit]
        )
        following = _cursor(key, found[limit - 1].place) if len(found) > limit else None
        return TransactionHits(height=height, indexed_height=state.height, transactions=hits, next=following)

    def evidence(self, criteria: EvidenceFilter, limit: int = PAGE_DEFAULT, cursor: str = "") -> EvidenceHits:
        """Records that meet ``criteria``, newest first; raises as :meth:`transactions`."""
        _check_criteria(criteria, limit)
        height = self._fresh_height()
        with self._database.reading() as connection:
            state = _state(read_cursor(connection))
            key = _query_key(read_facts(connection), "evidence", criteria)
            found = read_evidence(connection, criteria, _before(key, cursor), limit + 1)
        hits = tuple(
            EvidenceHit(
                id=row.id,
                height=row.height,
                index=row.position,
                time=row.time,
                kind=row.kind,
                members=row.members,
                reference=row.reference,
                organisation=row.organisation,
                account=row.account,
                about=row.about,
                name=row.name,
                media_type=row.media_type,
                size=row.size,
                captured=row.captured,
                method=row.method,
                sm3=row.sm3,
                sha256=row.sha256,
                root=row.root,
                status=row.mark or "in_force",
            )
            for row in found[:limit]
        )
        following = _cursor(key, found[limit - 1].place) if len(found) > limit else None
        return EvidenceHits(height=height, indexed_height=state.height, evidence=hits, next=following)

    def statistics(
        self,
        interval: str = "hour",
        group: str | None = None,
        criteria: TransactionFilter | None = None,
    ) -> Statistics:
        """How many transactions each minute, hour or day (China time) had, by type, organisation, code or together.

        Of ``criteria`` the times, type, organisation and code count. Without times: the newest 60 minutes, 48 hours or
        30 days. Raises as :meth:`transactions`.
        """
        criteria = criteria or TransactionFilter()
        _check_criteria(criteria, 1)
        if interval not in _INTERVALS:
            raise _shape("interval", "minute, hour or day")
        if group not in (None, "type", "organisation", "code"):
            raise _shape("group", "type, organisation or code")
        length_ms, shown = _INTERVALS[interval]
        height = self._fresh_height()
        with self._database.reading() as connection:
            state = _state(read_cursor(connection))
            last = _cut(state.time, length_ms) + length_ms
            to = last if criteria.time_to is None else _cut(criteria.time_to + 59_999, 60_000)
            start = max(0, to - shown * length_ms) if criteria.time_from is None else minute_of(criteria.time_from)
            if to - start > SERIES_SPANS_MAX * length_ms:
                raise _shape("time_from", f"{SERIES_SPANS_MAX} spans at most; take a longer interval")
            wanted = ActivityFilter(start, to, criteria.type, criteria.organisation, criteria.code)
            found = read_activity(connection, wanted, length_ms, _CHINA_MS, group, SERIES_ROWS_MAX + 1)
        if len(found) > SERIES_ROWS_MAX:
            raise _shape("group", f"{SERIES_ROWS_MAX} points at most; take a longer interval or fewer groups")
        points = tuple(
            SeriesPoint(
                start=int(row[0]),
                start_text=china_time(int(row[0])),
                value="" if group is None else str(row[1]),
                transactions=int(row[-2]),
                bytes=int(row[-1]),
            )
            for row in found
        )
        return Statistics(
            height=height,
            indexed_height=state.height,
            all_transactions=state.transactions,
            time_from=start,
            time_to=to,
            interval=interval,
            group=group or "",
            transactions=sum(point.transactions for point in points),
            bytes=sum(point.bytes for point in points),
            points=points,
        )

    def _fresh_height(self) -> int:
        """The ledger's height, once the index has it, or after a moment."""
        height = self._height()
        if self._wait_for is not None and not self._wait_for(height, 0.0):
            near = height - _FRESH_BLOCKS_MAX
            if self._wait_for(near, 0.0):
                self._wait_for(height, _FRESH_S)
        return height


def _state(cursor: Cursor | None) -> Cursor:
    if cursor is None:
        raise UnavailableError(Code.INDEX_UNAVAILABLE, reason="not made yet")
    return cursor


def _shape(where: str, reason: str) -> UsageError:
    return UsageError(Code.REQUEST_SHAPE, where=where, reason=reason)


def _check_criteria(criteria: TransactionFilter | EvidenceFilter, limit: int) -> None:
    if not 0 < limit <= PAGE_MAX:
        raise _shape("limit", f"1 to {PAGE_MAX}")
    digits = {"id": 64, "digest": 64, "about": 64, "account": 40}
    for name, value in msgspec.structs.asdict(criteria).items():
        if isinstance(value, int) and not 0 <= value <= _INTEGER_MAX:
            raise _shape(name, "0 to 2^53 - 1")
        if not isinstance(value, str):
            continue
        if name in digits and not is_hex(value, digits[name]):
            raise _shape(name, f"{digits[name]} hex digits")
        if not 0 < len(value) <= TEXT_LENGTH_MAX or "\0" in value or not _is_utf8(value):
            raise _shape(name, f"a text of 1 to {TEXT_LENGTH_MAX} characters")
    start, to = criteria.time_from, criteria.time_to
    if start is not None and to is not None and start >= to:
        raise _shape("time_to", "later than time_from")


def _is_utf8(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _cut(time: int, length_ms: int) -> int:
    """The beginning of the span of ``time`` in China time."""
    return time - (time + _CHINA_MS) % length_ms


def _query_key(facts: dict[str, str], kind: str, criteria: TransactionFilter | EvidenceFilter) -> tuple[bytes, bytes]:
    """The index's secret, and the query as bytes."""
    return bytes.fromhex(facts.get("cursor_key", "")), frame(
        _CURSOR_DOMAIN, kind.encode(), msgspec.json.encode(criteria)
    )


def _mark(key: tuple[bytes, bytes], place: bytes) -> bytes:
    secret, query = key
    return native.hmac_sm3(secret, query + place)[:_MARK_BYTES]


def _cursor(key: tuple[bytes, bytes], place: int) -> str:
    """The continuation below ``place``: the place and a mark that only the holder of the secret can make."""
    packed = _PLACE.pack(place)
    return base64.urlsafe_b64encode(packed + _mark(key, packed)).decode()


def _before(key: tuple[bytes, bytes], cursor: str) -> int | None:
    """The place that a continuation names.

    Raises:
        RefusedError: ``CURSOR_INVALID`` when it was not made here, or for another query.
    """
    if not cursor:
        return None
    try:
        data = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError(Code.CURSOR_INVALID) from None
    place, mark = data[: _PLACE.size], data[_PLACE.size :]
    if len(cursor) != _CURSOR_LENGTH or not hmac.compare_digest(mark, _mark(key, place)):
        raise RefusedError(Code.CURSOR_INVALID)
    return int(_PLACE.unpack(place)[0])
