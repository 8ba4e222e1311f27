"""Searches and counts: the same as a full reading of the ledger; pages, cursors, limits, malformed criteria."""

import base64
import dataclasses
import itertools
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from sqlalchemy import text

from govchain.index.database import IndexDatabase
from govchain.index.reading import EvidenceFilter, TransactionFilter
from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.services.indexing import IndexFollower, rebuild_index
from govchain.services.search import PAGE_MAX, Search
from tests.index.databases import postgres
from tests.index.kit import START, Plain, Scribe, make_ledger
from tests.node.kit import new_actor

__all__ = ["postgres"]

CHINA = timezone(timedelta(hours=8))


@dataclasses.dataclass
class Held:
    scribe: Scribe
    ids: dict
    database: IndexDatabase
    search: Search
    plain: list


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def held(request, tmp_path_factory):
    """One of everything, and 40 blocks of three files by two accounts over two hours."""
    from govchain.index.database import database_url

    folder = tmp_path_factory.mktemp("search")
    actors = (new_actor(), new_actor())
    scribe = Scribe(make_ledger(folder / "data", *actors), *actors)
    ids = scribe.everything()
    for number in range(40):
        scribe.put(3, reference=f"case-{number % 4}", actor=number % 2, after_ms=180_000)
    given = "" if request.param == "sqlite" else request.getfixturevalue("postgres").create()
    database = IndexDatabase(database_url(given, folder))
    rebuild_index(scribe.application, database)
    search = Search(database, lambda: scribe.application.chain.height)
    yield Held(scribe, ids, database, search, Plain(scribe.application).transactions)
    database.close()
    scribe.close()


def newest(held, meets):
    return [entry["id"] for entry in reversed(held.plain) if meets(entry)]


def transaction_criteria(held):
    times = sorted({entry["time"] for entry in held.plain})
    return {
        "time_from": [None, times[0], times[7] + 1, times[-1] + 1],
        "time_to": [None, times[0], times[20], times[-1] + 10**9],
        "account": [None, held.scribe.actors[1].address, "00" * 20],
        "organisation": [None, held.scribe.application.machine.genesis.organisations[0].code, "another"],
        "type": [None, "evidence.put", "accounts.", "evidence.with", "evidence"],
        "reference": [None, "case-2", "案件-1"],
        "code": [None, 0, int(Code.EVIDENCE_SUPERSEDED)],
    }


def meets_transaction(entry, criteria):
    body, payload = entry["body"], entry["payload"]
    wanted = criteria.type
    return (
        (criteria.time_from is None or entry["time"] >= criteria.time_from)
        and (criteria.time_to is None or entry["time"] < criteria.time_to)
        and criteria.account in (None, body.signers[0].account)
        and criteria.organisation != "another"
        and (wanted is None or body.type == wanted or (wanted.endswith(".") and body.type.startswith(wanted)))
        and criteria.reference in (None, payload.get("reference", ""))
        and criteria.code in (None, entry["receipt"].code)
    )


@pytest.mark.requirement("GD.architecture.storage.04", "BJ.data.structure.07")
def test_every_pair_of_criteria_finds_what_a_full_reading_finds(held):
    choices = transaction_criteria(held)
    for first, second in itertools.combinations(choices, 2):
        for one, two in itertools.product(choices[first], choices[second]):
            criteria = TransactionFilter(**{first: one, second: two})
            if criteria.time_from is not None and (criteria.time_to or 2**53) <= criteria.time_from:
                continue
            expected = newest(held, lambda entry, criteria=criteria: meets_transaction(entry, criteria))
            hits = held.search.transactions(criteria, PAGE_MAX)
            assert [hit.id for hit in hits.transactions] == expected, criteria
            assert hits.next is None
            assert hits.height == hits.indexed_height == held.scribe.application.chain.height


@pytest.mark.requirement("GD.architecture.storage.04")
def test_evidence_by_digest_kind_reference_and_what_it_is_about(held):
    recorded = [
        entry
        for entry in held.plain
        if not entry["receipt"].code
        and entry["body"].type.startswith("evidence.")
        and "withdraw" not in entry["body"].type
    ]

    def found(**criteria):
        return [hit.id for hit in held.search.evidence(EvidenceFilter(**criteria), PAGE_MAX).evidence]

    assert found() == [entry["id"] for entry in reversed(recorded)]
    for entry in recorded[::7]:
        subject = entry["payload"].get("subject")
        if subject is not None:
            assert found(digest=subject["sm3"]) == found(digest=subject["sha256"]) == [entry["id"]]
        assert found(id=entry["id"]) == [entry["id"]]
    batch = next(entry for entry in recorded if entry["body"].type == "evidence.batch")
    assert found(digest=batch["payload"]["root"]) == found(kind="batch") == [batch["id"]]
    assert found(about=held.ids["file"]) == [held.ids["replacement"], held.ids["supplement"]]
    assert found(digest="00" * 32) == found(kind="nothing") == []
    for account, reference in itertools.product(held.scribe.actors, ("case-1", "案件-1", "batch-1")):
        assert found(account=account.address, reference=reference) == [
            entry["id"]
            for entry in reversed(recorded)
            if entry["body"].signers[0].account == account.address and entry["payload"]["reference"] == reference
        ]


def test_a_hit_says_what_holds(held):
    hits = {hit.id: hit for hit in held.search.evidence(EvidenceFilter(), PAGE_MAX).evidence}
    status = {name: hits[held.ids[name]].status for name in ("file", "other", "batch", "private", "replacement")}
    assert status == {
        "file": "superseded",
        "other": "withdrawn",
        "batch": "in_force",
        "private": "in_force",
        "replacement": "in_force",
    }
    assert (hits[held.ids["file"]].name, hits[held.ids["batch"]].members) == ("报告.pdf", 7)


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pages_join_without_gaps_while_blocks_arrive(held, tmp_path, limit):
    actor = new_actor()
    scribe = Scribe(make_ledger(tmp_path / "data", actor), actor)
    for _ in range(10):
        scribe.put(5)
    rebuild_index(scribe.application, held.database)
    search = Search(held.database, lambda: scribe.application.chain.height)
    try:
        expected = [entry["id"] for entry in reversed(Plain(scribe.application).transactions)]
        follower = IndexFollower(scribe.application, IndexDatabase(held.database.url))
        follower.start()
        pages, cursor = [], ""
        while cursor is not None:
            page = search.transactions(TransactionFilter(), limit, cursor)
            assert len(page.transactions) <= limit
            pages.append([hit.id for hit in page.transactions])
            cursor = page.next
            if len(pages) < 4:
                scribe.put(2)
                follower.wake()
                assert follower.wait_for(scribe.application.chain.height, 20)
        follower.stop()
        assert list(itertools.chain(*pages)) == expected
        assert all(len(page) == limit for page in pages[:-1])
    finally:
        scribe.close()
        rebuild_index(held.scribe.application, held.database)


def test_a_cursor_belongs_to_its_query_and_cannot_be_made_up(held):
    search = held.search
    by_type = TransactionFilter(type="evidence.put")
    cursor = search.transactions(by_type, 2).next
    assert search.transactions(by_type, 50, cursor).transactions  # the limit may change
    raw = bytearray(base64.urlsafe_b64decode(cursor))
    raw[7] ^= 1  # another place
    other_place = base64.urlsafe_b64encode(raw).decode()
    raw[7] ^= 1
    raw[-1] ^= 1  # another mark
    other_mark = base64.urlsafe_b64encode(raw).decode()
    wrong = [
        lambda: search.transactions(TransactionFilter(), 2, cursor),
        lambda: search.transactions(TransactionFilter(type="evidence.put", code=0), 2, cursor),
        lambda: search.evidence(EvidenceFilter(), 2, cursor),
        *(
            lambda made=made: search.transactions(by_type, 2, made)
            for made in (
                other_place,
                other_mark,
                cursor[:-4],
                cursor + "AAAA",
                "x",
                "====",
                "é" * 32,
                "A" * 10_000,
                "\0",
            )
        ),
    ]
    for act in wrong:
        with pytest.raises(RefusedError) as refused:
            act()
        assert refused.value.code is Code.CURSOR_INVALID
    rebuild_index(held.scribe.application, held.database)  # another secret
    with pytest.raises(RefusedError):
        search.transactions(by_type, 2, cursor)


MALFORMED = [
    {"account": "zz"},
    {"account": "AA" * 20},
    {"organisation": ""},
    {"organisation": "x" * 129},
    {"type": "a\0b"},
    {"reference": "\ud800"},
    {"time_from": -1},
    {"time_to": 2**53},
    {"time_from": 5, "time_to": 5},
    {"code": -1},
    {"id": "00"},
]


@pytest.mark.parametrize("criteria", MALFORMED, ids=lambda criteria: str(criteria)[:40])
def test_malformed_criteria_are_refused_by_name(held, criteria):
    with pytest.raises(UsageError) as refused:
        held.search.transactions(TransactionFilter(**criteria))
    assert refused.value.code is Code.REQUEST_SHAPE
    assert refused.value.params["where"] in criteria


@pytest.mark.parametrize("limit", [0, -1, PAGE_MAX + 1, 10**12])
def test_a_limit_out_of_bounds_is_refused(held, limit):
    with pytest.raises(UsageError):
        held.search.evidence(EvidenceFilter(), limit)


@pytest.mark.parametrize("hostile", ["'; DROP TABLE transactions; --", "%", "_", "\\", '"', "case-1' OR '1'='1"])
def test_sql_in_a_criterion_is_text(held, hostile):
    for criteria in (
        TransactionFilter(reference=hostile),
        TransactionFilter(type=hostile),
        TransactionFilter(organisation=hostile),
    ):
        assert held.search.transactions(criteria).transactions == ()
    assert held.search.evidence(EvidenceFilter(reference=hostile)).evidence == ()


def spans(held, interval, key, meets=lambda entry: True):
    cut = {"minute": "%Y-%m-%dT%H:%M", "hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}[interval]
    counts = {}
    for entry in held.plain:
        if meets(entry):
            moment = datetime.fromtimestamp(entry["time"] / 1000, CHINA).strftime(cut)
            count, size = counts.get((moment, key(entry)), (0, 0))
            counts[moment, key(entry)] = (count + 1, size + entry["size"])
    return counts


@pytest.mark.parametrize("interval", ["minute", "hour", "day"])
@pytest.mark.parametrize("group", [None, "type", "organisation", "code"])
def test_series_are_what_counting_gives_with_days_that_begin_in_china(held, interval, group):
    keys = {
        None: lambda entry: "",
        "type": lambda entry: entry["body"].type,
        "organisation": lambda entry: held.scribe.application.machine.genesis.organisations[0].code,
        "code": lambda entry: str(entry["receipt"].code),
    }
    last = held.plain[-1]["time"] + 1
    since = START if interval != "minute" else last - 80_000_000
    found = held.search.statistics(interval, group, TransactionFilter(time_from=since, time_to=last))
    length = {"minute": 16, "hour": 13, "day": 10}[interval]
    points = {(point.start_text[:length], point.value): (point.transactions, point.bytes) for point in found.points}
    first = found.time_from
    assert points == spans(held, interval, keys[group], lambda entry: entry["time"] >= first)
    assert len(points) == len(found.points)
    assert [point.start for point in found.points] == sorted(point.start for point in found.points)
    assert found.transactions == sum(count for count, _ in points.values())
    assert found.all_transactions == len(held.plain)


def test_series_take_criteria_and_have_a_span_where_none_is_given(held):
    failed = held.search.statistics(
        "day", None, TransactionFilter(time_from=START, time_to=START + 10**9, code=int(Code.EVIDENCE_SUPERSEDED))
    )
    assert failed.transactions == 1
    family = held.search.statistics("day", "type", TransactionFilter(type="accounts."))
    assert held.search.statistics("day", "type", TransactionFilter(type="accounts.*")) == family
    assert {point.value for point in family.points} == {"accounts.register", "accounts.freeze", "accounts.unfreeze"}
    recent = held.search.statistics("minute")
    assert recent.time_to - recent.time_from == 3_600_000
    assert recent.time_to > held.plain[-1]["time"]
    assert 0 < recent.transactions < len(held.plain)


@pytest.mark.parametrize(
    ("interval", "group", "criteria"),
    [
        ("second", None, {}),
        ("", None, {}),
        ("day", "sender", {}),
        ("day", "type; --", {}),
        ("minute", None, {"time_from": START, "time_to": START + 91_000_000}),
        ("day", None, {"time_from": 0, "time_to": 2**53 - 1}),
    ],
)
def test_series_that_nobody_can_draw_are_refused(held, interval, group, criteria):
    with pytest.raises(UsageError) as refused:
        held.search.statistics(interval, group, TransactionFilter(**criteria))
    assert refused.value.code is Code.REQUEST_SHAPE


def test_a_search_that_takes_too_long_is_ended(held):
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(UnavailableError) as ended, held.database.reading(100) as connection:
        connection.execute(text(endless))
    assert ended.value.code is Code.INDEX_UNAVAILABLE
    assert "too long" in ended.value.params["reason"]
    assert held.search.transactions(TransactionFilter(), 1).transactions  # the connection is good again


def test_reading_cannot_write(held):
    if not held.database.is_sqlite:
        pytest.skip("PostgreSQL's readers are of the same user; nothing here hands them a statement that writes")
    with pytest.raises(UnavailableError), held.database.reading() as connection:
        connection.execute(text("DELETE FROM transactions"))


def test_an_index_that_is_not_there_is_unavailable(tmp_path):
    from govchain.index.database import database_url

    for given in ("", f"sqlite:///{tmp_path / 'absent' / 'x.sqlite3'}", "postgresql://nobody@127.0.0.1:1/none"):
        search = Search(IndexDatabase(database_url(given, tmp_path)), lambda: 0)
        for act in (
            lambda: search.transactions(TransactionFilter()),  # noqa: B023
            lambda: search.evidence(EvidenceFilter()),  # noqa: B023
            search.statistics,
        ):
            with pytest.raises(GovChainError) as refused:
                act()
            assert refused.value.code is Code.INDEX_UNAVAILABLE
    assert not (tmp_path / "index.sqlite3").exists()


def test_who_was_just_answered_finds_what_was_written(tmp_path):
    from govchain.index.database import database_url

    actor = new_actor()
    scribe = Scribe(make_ledger(tmp_path / "data", actor), actor)
    follower = IndexFollower(scribe.application, IndexDatabase(database_url("", tmp_path)))
    scribe.application.add_listener(follower.wake)
    follower.start()
    search = Search(follower.database, lambda: scribe.application.chain.height, follower.wait_for)
    assert follower.wait_for(0, 20)
    for _ in range(10):
        (id_,) = scribe.put(1)
        hits = search.transactions(TransactionFilter(), 1)
        assert [hit.id for hit in hits.transactions] == [id_]
        assert hits.indexed_height == hits.height
    follower.stop()
    scribe.close()


def test_answers_are_plain_json(held):
    for answer in (
        held.search.transactions(TransactionFilter(), 3),
        held.search.evidence(EvidenceFilter(), 3),
        held.search.statistics("day", "code"),
    ):
        assert msgspec.json.decode(msgspec.json.encode(answer), type=type(answer)) == answer
