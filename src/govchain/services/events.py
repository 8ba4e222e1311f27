"""Events of committed blocks: filters, cursors, and pages read from the block store.

Purpose: what happened, as rules told it in receipts, for whoever asks from a cursor on. An event goes out as one
canonical JSON object (docs/spec/events.md) that is made once and shared by all who read it.
Rules: a cursor ``height.transaction.index`` names a place in the ledger; everything up to it, itself included, has been
seen, so that going on from a cursor leaves nothing out. One call does bounded work: it stops after so many blocks or
events and answers a cursor that goes on. Any thread may read.
Not here: waiting for what is not committed yet (``services.subscriptions``), deliveries to others' servers
(``services.webhooks``).

Example::

    feed = EventFeed(application)
    page = feed.page(EventFilter(types=("evidence.*",)), None, limit=100)
    while page.more:
        page = feed.page(EventFilter(types=("evidence.*",)), page.cursor, limit=100)
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec

from govchain.model import Code, RefusedError, UnavailableError, UsageError

__all__ = [
    "BLOCKS_PER_PAGE_MAX",
    "EVENTS_PER_PAGE_DEFAULT",
    "EVENTS_PER_PAGE_MAX",
    "EVENTS_READ_PER_PAGE_MAX",
    "FILTER_TERMS_MAX",
    "START",
    "BlockEvents",
    "EventApplication",
    "EventCursor",
    "EventFeed",
    "EventFilter",
    "FeedEvent",
    "FeedPage",
]

#: Terms of one filter: types, organisations and references together.
FILTER_TERMS_MAX: Final = 32
#: Characters of one term of a filter.
TERM_CHARACTERS_MAX: Final = 256
#: Events of one page, where nothing else is said and at most.
EVENTS_PER_PAGE_DEFAULT: Final = 100
EVENTS_PER_PAGE_MAX: Final = 1_000
#: Blocks that one page reads, at most.
BLOCKS_PER_PAGE_MAX: Final = 512
#: Events that one page looks at, at most; the block in which the bound is met is still read whole.
EVENTS_READ_PER_PAGE_MAX: Final = 10_000
#: Bytes of decoded blocks that are kept for the next reader.
CACHE_BYTES_MAX: Final = 16 * 1024 * 1024

_HEIGHT_MAX: Final = 2**53 - 1
_PLACE_MAX: Final = 2**32 - 1
_NUMBER_DIGITS_MAX: Final = 16
#: What an entry of the cache is taken to cost beside its JSON: objects, tuples and its share of the table, in bytes.
_EVENT_BYTES: Final = 400
_BLOCK_BYTES: Final = 300
#: A receipt in canonical JSON begins ``{"code":N,"events":[…``. Where this text lies within so many bytes nothing
#: happened, and decoding is saved; inside an event's data it cannot begin as early.
_NO_EVENTS: Final = b'"events":[],'
_NO_EVENTS_WITHIN: Final = 32
_TYPE_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


class EventCursor(NamedTuple):
    """A place in the ledger: the event number ``event`` of the transaction number ``transaction`` of block ``height``.

    Cursors are in the order in which things happened. A place need not hold an event: what was read without finding
    any ends at the last place of a block.
    """

    height: int
    transaction: int
    event: int

    @property
    def text(self) -> str:
        """As clients see it: three decimal numbers with full stops.

        >>> EventCursor(12, 0, 3).text
        '12.0.3'
        """
        return f"{self.height}.{self.transaction}.{self.event}"

    @classmethod
    def parse(cls, text: str) -> EventCursor:
        """The cursor of ``text``, in its one accepted form.

        Raises:
            UsageError: ``CURSOR_INVALID``.
        """
        parts = text.split(".", 3)
        if len(parts) != 3 or not all(_is_number(part) for part in parts):
            raise UsageError(Code.CURSOR_INVALID, reason="not three numbers as in 12.0.3")
        cursor = cls(*(int(part) for part in parts))
        if cursor.height > _HEIGHT_MAX or cursor.transaction > _PLACE_MAX or cursor.event > _PLACE_MAX:
            raise UsageError(Code.CURSOR_INVALID, reason="a number is too large")
        return cursor


#: The place before everything.
START: Final = EventCursor(0, 0, 0)


def _is_number(text: str) -> bool:
    """Whether ``text`` is a decimal number without sign or leading zeros."""
    return (
        0 < len(text) <= _NUMBER_DIGITS_MAX
        and text.isascii()
        and text.isdecimal()
        and (text == "0" or not text.startswith("0"))
    )


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event: what filters look at, and its canonical JSON as everybody gets it."""

    cursor: EventCursor
    type: str
    organisation: str
    reference: str
    json: bytes


@dataclass(frozen=True, slots=True)
class BlockEvents:
    """The events of one block, in order; ``end`` is its last place."""

    height: int
    end: EventCursor
    events: tuple[FeedEvent, ...]


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events somebody wants: any of the types, any of the organisations, any of the references.

    An empty list asks for all. A type is ``family.past_tense``, or ``family.*`` for a whole family. Make one by
    :meth:`of`, which checks and sorts, so that equal wishes are equal values.
    """

    types: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, types: Sequence[str] = (), organisations: Sequence[str] = (), references: Sequence[str] = ()
    ) -> EventFilter:
        """The filter of these terms.

        Raises:
            UsageError: ``REQUEST_SHAPE`` for a malformed term or more than :data:`FILTER_TERMS_MAX`.
        """
        if len(types) + len(organisations) + len(references) > FILTER_TERMS_MAX:
            raise UsageError(Code.REQUEST_SHAPE, where="filter", reason=f"more than {FILTER_TERMS_MAX} terms")
        for kind in types:
            if not _is_type_pattern(kind):
                raise UsageError(Code.REQUEST_SHAPE, where="type", reason="neither family.past_tense nor family.*")
        for term in (*organisations, *references):
            if not 0 < len(term) <= TERM_CHARACTERS_MAX or not term.isprintable():
                reason = f"a term is one printable line of 1 to {TERM_CHARACTERS_MAX} characters"
                raise UsageError(Code.REQUEST_SHAPE, where="filter", reason=reason)
        return cls(_sorted(types), _sorted(organisations), _sorted(references))

    def matches(self, event: FeedEvent) -> bool:
        """Whether the event is wanted."""
        if self.types and event.type not in self.types and f"{event.type.partition('.')[0]}.*" not in self.types:
            return False
        if self.organisations and event.organisation not in self.organisations:
            return False
        return not self.references or event.reference in self.references

    def select(self, events: tuple[FeedEvent, ...]) -> tuple[FeedEvent, ...]:
        """Those of ``events`` that are wanted."""
        if not (self.types or self.organisations or self.references):
            return events
        return tuple(event for event in events if self.matches(event))


def _sorted(terms: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(terms)))


def _is_type_pattern(text: str) -> bool:
    family, _, kind = text.partition(".")
    if not family or not kind or len(text) > TERM_CHARACTERS_MAX or not _TYPE_CHARACTERS.issuperset(family):
        return False
    return kind == "*" or _TYPE_CHARACTERS.issuperset(kind)


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some events, and where to go on.

    ``cursor`` is after everything that was read; ``height`` is the newest block's; ``more`` says that there is more to
    read now, which may still hold no event that the filter wants.
    """

    events: tuple[FeedEvent, ...]
    cursor: EventCursor
    height: int
    more: bool


class _Blocks(Protocol):
    """What is asked of the block store."""

    def receipts(self, height: int) -> tuple[bytes, ...]: ...
    def oldest(self) -> int: ...


class _Chain(Protocol):
    @property
    def height(self) -> int: ...


class _Genesis(Protocol):
    @property
    def chain(self) -> str: ...


class _Machine(Protocol):
    @property
    def genesis(self) -> _Genesis: ...


class EventApplication(Protocol):
    """What is asked of the application: ``consensus.application.LedgerApplication`` is one."""

    @property
    def machine(self) -> _Machine:
        """The chain's fixed part."""
        ...

    @property
    def chain(self) -> _Chain:
        """The moving facts after the last commit."""
        ...

    @property
    def blocks(self) -> _Blocks:
        """The block store."""
        ...


class _StoredEvent(msgspec.Struct):
    """An event inside a receipt; ``data`` stays as its bytes are."""

    data: msgspec.Raw
    organisation: str
    reference: str
    type: str
    version: int = 1


class _StoredReceipt(msgspec.Struct):
    """Of a receipt, what events need."""

    events: tuple[_StoredEvent, ...]
    transaction: str


class _Event(msgspec.Struct, frozen=True):
    """An event as it goes out; fields in alphabetical order, so that a plain encoder gives canonical JSON."""

    chain: str
    cursor: str
    data: msgspec.Raw
    height: int
    index: int
    organisation: str
    reference: str
    transaction: str
    type: str
    version: int


_decoder = msgspec.json.Decoder(_StoredReceipt)
_encoder = msgspec.json.Encoder()


class EventFeed:
    """Reads the events of committed blocks; see the module.

    Args:
        application: the node's application, or anything like it.
        cache_bytes_max: decoded blocks that are kept, so that readers at one place share the work.
    """

    def __init__(self, application: EventApplication, *, cache_bytes_max: int = CACHE_BYTES_MAX) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, BlockEvents] = OrderedDict()
        self._cache_bytes = 0
        self._cache_bytes_max = cache_bytes_max
        self.chain = application.machine.genesis.chain

    @property
    def height(self) -> int:
        """Height of the newest block."""
        return self._application.chain.height

    def head(self) -> EventCursor:
        """The last place of the newest block; :data:`START` before the first block."""
        height = self.height
        return self.block(height).end if height else START

    def block(self, height: int) -> BlockEvents:
        """The events of block ``height``, decoded once while they are in the cache.

        Raises:
            RefusedError: ``NOT_FOUND`` when there is no such block.
            UnavailableError: ``STORE_CORRUPT``.
        """
        with self._lock:
            found = self._cache.get(height)
            if found is not None:
                self._cache.move_to_end(height)
                return found
        made = self._decode(height, self._application.blocks.receipts(height))
        with self._lock:
            if height not in self._cache:
                self._cache[height] = made
                self._cache_bytes += _cost(made)
                while self._cache_bytes > self._cache_bytes_max and len(self._cache) > 1:
                    _, dropped = self._cache.popitem(last=False)
                    self._cache_bytes -= _cost(dropped)
        return made

    def check_cursor(self, cursor: EventCursor) -> None:
        """Return only if reading on from ``cursor`` leaves nothing out.

        Raises:
            UsageError: ``CURSOR_INVALID`` for a place that is not committed here (another chain's, or this node was
                restored from a backup), or whose block is no longer here.
            UnavailableError: ``STORE_CORRUPT``.
        """
        height = self.height
        if cursor.height > height:
            raise UsageError(Code.CURSOR_INVALID, reason=f"after the newest block {height}")
        if cursor != START:
            first = self._application.blocks.oldest()
            if cursor.height < first:
                raise UsageError(Code.CURSOR_INVALID, reason=f"before the oldest block here {first}")
            if cursor.transaction > self._held(cursor.height).end.transaction:
                raise UsageError(Code.CURSOR_INVALID, reason=f"no such place in block {cursor.height}")

    def page(
        self, wanted: EventFilter, cursor: EventCursor | None = None, limit: int = EVENTS_PER_PAGE_DEFAULT
    ) -> FeedPage:
        """Events after ``cursor`` (None or :data:`START`: from the oldest block here), oldest first.

        Raises:
            UsageError: ``REQUEST_SHAPE`` for a limit outside 1 to :data:`EVENTS_PER_PAGE_MAX`, ``CURSOR_INVALID``.
            UnavailableError: ``STORE_CORRUPT``.
        """
        if not 1 <= limit <= EVENTS_PER_PAGE_MAX:
            raise UsageError(Code.REQUEST_SHAPE, where="limit", reason=f"1 to {EVENTS_PER_PAGE_MAX}")
        place = cursor or START
        self.check_cursor(place)
        height = self.height
        next_height = max(place.height, self._application.blocks.oldest() if place == START else 1, 1)
        found: list[FeedEvent] = []
        seen = blocks = 0
        while next_height <= height:
            if blocks >= BLOCKS_PER_PAGE_MAX or seen >= EVENTS_READ_PER_PAGE_MAX:
                return FeedPage(tuple(found), place, height, more=True)
            block = self._held(next_height)
            for event in wanted.select(block.events):
                if event.cursor <= place:
                    continue
                if len(found) == limit:
                    # The last one taken is the place: what follows in its block may be wanted.
                    return FeedPage(tuple(found), found[-1].cursor, height, more=True)
                found.append(event)
            place = max(place, block.end)
            seen += len(block.events)
            blocks += 1
            next_height += 1
        return FeedPage(tuple(found), place, height, more=False)

    def _held(self, height: int) -> BlockEvents:
        try:
            return self.block(height)
        except RefusedError:
            raise UnavailableError(Code.STORE_CORRUPT, path=f"receipts/{height}", reason="missing") from None

    def _decode(self, height: int, receipts: Sequence[bytes]) -> BlockEvents:
        events: list[FeedEvent] = []
        last = 0
        for place, data in enumerate(receipts):
            last = 0
            if data.find(_NO_EVENTS, 0, _NO_EVENTS_WITHIN) >= 0:
                continue
            try:
                receipt = _decoder.decode(data)
            except msgspec.MsgspecError:
                raise UnavailableError(Code.STORE_CORRUPT, path=f"receipts/{height}", reason="malformed") from None
            for index, event in enumerate(receipt.events):
                last = index
                events.append(self._record(EventCursor(height, place, index), receipt.transaction, event))
        return BlockEvents(height, EventCursor(height, max(len(receipts) - 1, 0), last), tuple(events))

    def _record(self, cursor: EventCursor, transaction: str, event: _StoredEvent) -> FeedEvent:
        outgoing = _Event(
            chain=self.chain,
            cursor=cursor.text,
            data=event.data,
            height=cursor.height,
            index=cursor.event,
            organisation=event.organisation,
            reference=event.reference,
            transaction=transaction,
            type=event.type,
            version=event.version,
        )
        return FeedEvent(cursor, event.type, event.organisation, event.reference, _encoder.encode(outgoing))


def _cost(block: BlockEvents) -> int:
    """What a decoded block is taken to occupy, in bytes."""
    return _BLOCK_BYTES + sum(len(event.json) + _EVENT_BYTES for event in block.events)
