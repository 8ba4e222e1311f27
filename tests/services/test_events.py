"""Events: cursors in one form, filters, pages that leave nothing out, bounds, damage."""

import json
from types import SimpleNamespace

import msgspec
import pytest

from govchain.model import Code, UnavailableError, UsageError, encode_canonical
from govchain.services import events as rules
from govchain.services.chains import default_organisation
from govchain.services.events import START, EventCursor, EventFeed, EventFilter
from govchain.state import Batch, Table
from govchain.storage.blocks import height_key
from tests.node.kit import CHAIN, Hands, copy_chain, make_chain, new_actor, system_clock, transaction_id

START_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Blocks of 1, 3, 2 records, then one withdrawn and, in the same block, one that fails; then one more record."""
    actor = new_actor()
    path = make_chain(tmp_path_factory.mktemp("events") / "data", actor, now=START_MS)
    hands = Hands(copy_chain(path, path.parent / "copy"), START_MS)
    ids = []
    for block, size in enumerate((1, 3, 2), start=1):
        at = START_MS + block * 1000
        envelopes = [actor.put(reference=f"case-{place}", now=at) for place in range(size)]
        hands.block(*envelopes, at=at)
        ids.append([transaction_id(envelope).hex() for envelope in envelopes])
    at = START_MS + 10_000
    mark = {"evidence": ids[0][0], "member": None, "reason": "error"}
    marks = [actor.seal(actor.body("evidence.withdraw", mark, now=at)) for _ in range(2)]
    hands.block(*marks, at=at)
    hands.block(actor.put(now=at + 1000), at=at + 1000)
    yield hands, ids
    hands.close()


@pytest.fixture
def feed(told):
    return EventFeed(told[0].application)


def cursors(page):
    return [event.cursor.text for event in page.events]


ALL = ["1.0.0", "2.0.0", "2.1.0", "2.2.0", "3.0.0", "3.1.0", "4.0.0", "5.0.0"]


def test_an_event_is_one_canonical_object_with_its_place(told, feed):
    _, ids = told
    event = feed.page(EventFilter()).events[2]
    organisation, _ = default_organisation()
    expected = {
        "chain": CHAIN,
        "cursor": "2.1.0",
        "data": {"count": 1, "kind": "file"},
        "height": 2,
        "index": 0,
        "organisation": organisation,
        "reference": "case-1",
        "transaction": ids[1][1],
        "type": "evidence.anchored",
        "version": 1,
    }
    assert json.loads(event.json) == expected
    assert event.json == encode_canonical(expected)


def test_a_page_goes_through_all_blocks_in_order(feed):
    page = feed.page(EventFilter())
    assert cursors(page) == ALL  # the second withdrawal failed, and told nothing
    assert (page.cursor.text, page.height, page.more) == ("5.0.0", 5, False)
    assert feed.page(EventFilter(), page.cursor).events == ()
    assert cursors(feed.page(EventFilter(), START)) == ALL


@pytest.mark.parametrize("limit", range(1, 10))
@pytest.mark.parametrize("types", [(), ("evidence.*",), ("evidence.withdrawn",)])
def test_pages_of_any_size_leave_nothing_out_and_repeat_nothing(feed, limit, types):
    wanted = EventFilter.of(types)
    expected = ["4.0.0"] if types == ("evidence.withdrawn",) else ALL
    found, cursor, rounds = [], None, 0
    while True:
        page = feed.page(wanted, cursor, limit)
        assert len(page.events) <= limit
        found += cursors(page)
        cursor = EventCursor.parse(page.cursor.text)
        rounds += 1
        if not page.more:
            break
    assert found == expected
    assert rounds <= len(expected) + 1


def test_going_on_from_each_event_gives_the_rest(feed):
    for place, text in enumerate(ALL):
        assert cursors(feed.page(EventFilter(), EventCursor.parse(text))) == ALL[place + 1 :]


def test_going_on_from_a_place_without_an_event(feed):
    assert cursors(feed.page(EventFilter(), EventCursor(2, 1, 7))) == ALL[3:]
    assert cursors(feed.page(EventFilter(), EventCursor(4, 1, 0))) == ALL[7:]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"types": ["evidence.*"]}, ALL),
        ({"types": ["evidence.anchored"]}, [one for one in ALL if one != "4.0.0"]),
        ({"types": ["evidence.withdrawn", "accounts.*"]}, ["4.0.0"]),
        ({"types": ["accounts.*"]}, []),
        ({"types": ["evidence.anch"]}, []),
        ({"references": ["case-0"]}, ["1.0.0", "2.0.0", "3.0.0"]),
        ({"references": ["case-1", "case-2"]}, ["2.1.0", "2.2.0", "3.1.0"]),
        ({"references": ["case-1"], "types": ["evidence.withdrawn"]}, []),
        ({"organisations": [default_organisation()[0]]}, ALL),
        ({"organisations": ["91110000600037341L"]}, []),
    ],
)
def test_filters(feed, terms, expected):
    page = feed.page(EventFilter.of(**terms))
    assert cursors(page) == expected
    assert page.cursor.text == "5.0.0"  # also where nothing was found


def test_the_same_wish_is_the_same_filter():
    first = EventFilter.of(["b.c", "a.*", "b.c"], ["y", "x"], [])
    assert first == EventFilter.of(["a.*", "b.c"], ["x", "y"])
    assert hash(first) == hash(EventFilter.of(["a.*", "b.c"], ["x", "y"]))


@pytest.mark.parametrize(
    "terms",
    [
        {"types": ["evidence"]},
        {"types": ["*"]},
        {"types": ["*.*"]},
        {"types": ["evidence.*x"]},
        {"types": ["Evidence.anchored"]},
        {"types": ["evidence.anchored.more"]},
        {"types": [""]},
        {"types": ["a." + "b" * 300]},
        {"references": [""]},
        {"references": ["x" * 257]},
        {"references": ["line\nbreak"]},
        {"organisations": ["\x00"]},
        {"references": [str(number) for number in range(33)]},
        {"types": ["a.*"] * 20, "references": ["x"] * 13},
    ],
)
def test_malformed_filters_are_refused(terms):
    with pytest.raises(UsageError) as refused:
        EventFilter.of(**terms)
    assert refused.value.code is Code.REQUEST_SHAPE


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1.2", "1.2.3.4", "a.b.c", "-1.0.0", "+1.0.0", "01.0.0", "1.00.0", " 1.0.0", "1.0.0 ", "1,0,0"),
        *("1..0", "1.0.", ".0.0", "١.0.0", "1_0.0.0", "9007199254740992.0.0", "1.4294967296.0", "1.0.4294967296"),
        *("1" * 17 + ".0.0", "9" * 5000 + ".0.0", "1.0.0\n", "0x1.0.0"),
    ],
)
def test_a_malformed_cursor_is_refused(text):
    with pytest.raises(UsageError) as refused:
        EventCursor.parse(text)
    assert refused.value.code is Code.CURSOR_INVALID


def test_cursors_are_in_order():
    places = [EventCursor.parse(text) for text in ("0.0.0", "1.0.0", "1.0.2", "1.0.10", "1.2.0", "1.10.0", "10.0.0")]
    assert sorted(places) == places
    assert [EventCursor.parse(place.text) for place in places] == places


@pytest.mark.parametrize("place", [(6, 0, 0), (4, 9, 0), (2, 99, 0)])
def test_a_cursor_of_what_is_not_committed_here_is_refused(feed, place):
    with pytest.raises(UsageError) as refused:
        feed.page(EventFilter(), EventCursor(*place))
    assert refused.value.code is Code.CURSOR_INVALID


@pytest.mark.parametrize("limit", [0, -1, rules.EVENTS_PER_PAGE_MAX + 1])
def test_a_limit_out_of_bounds_is_refused(feed, limit):
    with pytest.raises(UsageError) as refused:
        feed.page(EventFilter(), None, limit)
    assert refused.value.code is Code.REQUEST_SHAPE


class Ledger:
    """A ledger of ``height`` blocks with one receipt each, which counts what is read."""

    def __init__(self, height, receipt, first=1):
        self.height, self._receipt, self._first = height, receipt, first
        self.reads = 0
        self.chain = self.blocks = self
        self.machine = SimpleNamespace(genesis=SimpleNamespace(chain="long-chain"))

    def oldest(self):
        return self._first

    def receipts(self, height):
        self.reads += 1
        return (self._receipt,)


RECEIPT = encode_canonical(
    {
        "code": 0,
        "events": [{"data": {}, "organisation": "o", "reference": "r", "type": "a.b", "version": 1}],
        "height": 1,
        "index": 0,
        "transaction": "00" * 32,
        "version": 1,
    }
)


def test_one_call_does_bounded_work_and_says_where_to_go_on():
    ledger = Ledger(2_000, RECEIPT)
    feed = EventFeed(ledger)
    found, cursor, calls = 0, None, 0
    while True:
        before = ledger.reads
        page = feed.page(EventFilter.of(["none.here"]), cursor)
        assert ledger.reads - before <= rules.BLOCKS_PER_PAGE_MAX
        found += len(page.events)
        cursor, calls = page.cursor, calls + 1
        if not page.more:
            break
    assert (found, cursor.text) == (0, "2000.0.0")
    assert calls == -(-2_000 // rules.BLOCKS_PER_PAGE_MAX)


def test_blocks_are_decoded_once_and_the_cache_is_bounded():
    ledger = Ledger(100, RECEIPT)
    feed = EventFeed(ledger, cache_bytes_max=20_000)
    for _ in range(3):
        feed.page(EventFilter(), EventCursor(95, 0, 0))
    assert ledger.reads == 6  # 95 to 100, once
    feed.page(EventFilter())
    feed.page(EventFilter())
    assert ledger.reads > 150  # more than fits is read again
    assert feed.block(7).events[0].cursor.text == "7.0.0"


def test_reading_begins_at_the_oldest_block_that_is_here():
    feed = EventFeed(Ledger(20, RECEIPT, first=11))
    assert cursors(feed.page(EventFilter()))[0] == "11.0.0"
    assert cursors(feed.page(EventFilter(), EventCursor(11, 0, 0)))[0] == "12.0.0"
    with pytest.raises(UsageError) as refused:
        feed.page(EventFilter(), EventCursor(10, 0, 0))
    assert refused.value.code is Code.CURSOR_INVALID


def test_an_empty_ledger_has_nothing(chain):
    hands = Hands(chain, START_MS)
    feed = EventFeed(hands.application)
    page = feed.page(EventFilter())
    assert (page.events, page.cursor, page.height, page.more) == ((), START, 0, False)
    assert feed.head() == START
    hands.close()


def test_the_text_that_saves_decoding_does_no_harm_inside_data():
    inner = {"events": [], "more": '"events":[],'}
    event = {"data": inner, "organisation": "o", "reference": "r", "type": "a.b", "version": 1}
    body = {"code": 0, "events": [event], "height": 1, "index": 0, "transaction": "00" * 32, "version": 1}
    feed = EventFeed(Ledger(1, encode_canonical(body)))
    assert json.loads(feed.page(EventFilter()).events[0].json)["data"] == inner


@pytest.mark.parametrize("damage", [b"{", b"", b'{"events":1}', b"\xff", msgspec.msgpack.encode([])])
def test_a_damaged_receipt_is_named(damage):
    feed = EventFeed(Ledger(3, damage))
    with pytest.raises(UnavailableError) as refused:
        feed.page(EventFilter())
    assert (refused.value.code, refused.value.params["path"]) == (Code.STORE_CORRUPT, "receipts/1")


def test_missing_receipts_are_damage_too(chain, actor):
    now = system_clock().wall()
    hands = Hands(chain, now)
    hands.block(actor.put(now=now), at=now + 1)
    batch = Batch()
    batch.delete(Table.RECEIPTS, height_key(1))
    hands.store.write(batch, durable=False)
    with pytest.raises(UnavailableError) as refused:
        EventFeed(hands.application).page(EventFilter())
    assert refused.value.code is Code.STORE_CORRUPT
    hands.close()
