"""Blocks as rows: what is there is what the ledger holds, once each, whatever happens in between."""

import msgspec
import pytest
from sqlalchemy import Column, Table, select, text

from govchain.index.facts import BlockFacts, GenesisFacts, SignerFacts, TransactionFacts, place_of
from govchain.index.families.accounts import ACCOUNTS, ORGANISATIONS
from govchain.index.families.evidence import EVIDENCE, EVIDENCE_MARKS
from govchain.index.projection import Projection
from govchain.index.rows import Projector
from govchain.index.schema import ACTIVITY, BLOCKS, EVENTS, METADATA, SIGNERS, TRANSACTIONS, long_integer
from govchain.index.schema import text as text_type
from govchain.index.writer import IndexWriter, read_cursor
from govchain.model import Code, UnavailableError
from govchain.model.wire import Event
from govchain.services.indexing import index_writer
from govchain.services.ledger_facts import LedgerFacts
from tests.index.kit import Plain


def filled(database, application):
    facts = LedgerFacts(application)
    writer, projector = index_writer(database, facts)
    writer.prepare()
    cursor = writer.apply(list(facts.blocks(1, facts.height)))
    return facts, writer, projector, cursor


def rows(database, table):
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]


@pytest.mark.requirement("BJ.portability.adaptability.03")
def test_the_rows_are_what_the_ledger_holds(database, held):
    scribe, _ = held
    _, _, _, cursor = filled(database, scribe.application)
    plain = Plain(scribe.application).transactions
    assert (cursor.height, cursor.transactions) == (scribe.application.chain.height, len(plain))
    assert cursor.identity == scribe.application.chain.identity.hex()
    organisation = scribe.application.machine.genesis.organisations[0].code
    assert rows(database, TRANSACTIONS) == [
        (
            place_of(entry["height"], entry["index"]),
            entry["id"],
            entry["height"],
            entry["index"],
            entry["time"],
            entry["body"].type,
            1,
            entry["receipt"].code,
            entry["body"].signers[0].account,
            organisation,
            entry["payload"].get("reference", ""),
            entry["size"],
        )
        for entry in plain
    ]
    assert rows(database, SIGNERS) == [
        (place_of(entry["height"], entry["index"]), 0, entry["body"].signers[0].account, "sm2-sm3") for entry in plain
    ]
    events = [
        (place_of(entry["height"], entry["index"]), number, event)
        for entry in plain
        for number, event in enumerate(entry["receipt"].events)
    ]
    for row, (place, number, event) in zip(rows(database, EVENTS), events, strict=True):
        assert row[:6] == (place, number, event.type, 1, event.organisation, event.reference)
        assert msgspec.json.decode(row[6]) == event.data
    assert [(row[0], row[4], row[5]) for row in rows(database, BLOCKS)] == [
        (
            height,
            sum(1 for entry in plain if entry["height"] == height),
            sum(1 for entry in plain if entry["height"] == height and entry["receipt"].code),
        )
        for height in range(1, cursor.height + 1)
    ]


def test_evidence_marks_and_accounts_are_there_with_what_holds_now(database, held):
    scribe, ids = held
    filled(database, scribe.application)
    names = [column.name for column in EVIDENCE.columns]
    places = {row[0]: row[1] for row in rows(database, TRANSACTIONS)}
    evidence = {places[row[0]]: dict(zip(names, row, strict=True)) for row in rows(database, EVIDENCE)}
    assert set(evidence) == {ids[name] for name in ("file", "other", "private", "batch", "supplement", "replacement")}
    assert (evidence[ids["file"]]["kind"], evidence[ids["file"]]["name"]) == ("file", "报告.pdf")
    assert (evidence[ids["batch"]]["members"], evidence[ids["batch"]]["sm3"]) == (7, None)
    assert evidence[ids["replacement"]]["about"] == evidence[ids["supplement"]]["about"] == ids["file"]
    marks = [row[1:5] for row in rows(database, EVIDENCE_MARKS)]
    assert marks == [
        (ids["file"], None, "superseded", "error"),
        (ids["batch"], 3, "withdrawn", "expired"),
        (ids["other"], None, "withdrawn", "duplicate"),
    ]
    with database.reading() as connection:
        found = connection.execute(text("SELECT id, status FROM evidence_status"))
        status = {row.id: row.status for row in found}
        accounts = connection.execute(text("SELECT label, status FROM account_status")).all()
    # A batch holds while a leaf of it does not.
    expected = dict.fromkeys(evidence, "in_force") | {ids["file"]: "superseded", ids["other"]: "withdrawn"}
    assert status == expected
    assert ("窗口一", "active") in [tuple(row) for row in accounts]
    assert len(rows(database, ACCOUNTS)) == 4 + 2 + 1
    assert len(rows(database, ORGANISATIONS)) == 1


def test_applying_again_or_in_other_portions_changes_nothing(database, held):
    scribe, _ = held
    facts, writer, projector, cursor = filled(database, scribe.application)
    before = {table.name: rows(database, table) for table in (*projector.tables, ACTIVITY)}
    assert writer.apply(list(facts.blocks(1, cursor.height))) == cursor
    assert writer.apply(list(facts.blocks(3, 5))) == cursor
    assert writer.prepare() == cursor
    assert {name: rows(database, METADATA.tables[name]) for name in before} == before
    # The same rows when the blocks come one by one, with a look back each time.
    writer.clear()
    for height in range(1, cursor.height + 1):
        writer.apply(list(facts.blocks(max(1, height - 2), height)))
    assert {name: rows(database, METADATA.tables[name]) for name in before} == before


def test_a_gap_is_not_written(database, held):
    scribe, _ = held
    facts = LedgerFacts(scribe.application)
    writer, _ = index_writer(database, facts)
    start = writer.prepare()
    assert writer.apply(list(facts.blocks(2, 4))) == start
    assert rows(database, BLOCKS) == []


def test_a_failure_leaves_neither_rows_nor_a_moved_cursor(database, held):
    scribe, _ = held
    facts = LedgerFacts(scribe.application)
    genesis = facts.genesis()

    def fails(place, block, transaction, sink):
        if block.height == 3:
            raise ArithmeticError("a fault in a projection")

    faulty = Projection("evidence", 1, (EVIDENCE, EVIDENCE_MARKS), {"evidence.batch": fails})
    writer = IndexWriter(database, genesis, Projector((faulty,)), lambda: "00" * 32)
    writer.prepare()
    done = writer.apply(list(facts.blocks(1, 2)))
    with pytest.raises(ArithmeticError):
        writer.apply(list(facts.blocks(3, 3)))
    with database.reading() as connection:
        assert read_cursor(connection) == done
    assert len(rows(database, BLOCKS)) == 2
    # What the database itself refuses leaves nothing either.
    twice = msgspec.structs.replace(facts.block(3), transactions=facts.block(1).transactions)
    twice = msgspec.structs.replace(twice, previous=done.identity)
    with pytest.raises(UnavailableError) as refused:
        writer.apply([twice])
    assert refused.value.code is Code.INDEX_UNAVAILABLE
    assert len(rows(database, BLOCKS)) == 2
    with database.reading() as connection:
        assert read_cursor(connection) == done


@pytest.mark.parametrize("change", ["fingerprint", "projections", "history"])
def test_what_is_not_this_ledger_s_is_refused_and_left_alone(database, held, change):
    scribe, _ = held
    facts, writer, projector, cursor = filled(database, scribe.application)
    genesis = facts.genesis()
    if change == "fingerprint":
        other = IndexWriter(
            database, msgspec.structs.replace(genesis, fingerprint="ab" * 32), projector, lambda: "00" * 32
        )
        act = other.prepare
    elif change == "projections":
        older = Projector(projector.projections[:1])
        act = IndexWriter(database, genesis, older, lambda: "00" * 32).prepare
    else:
        block = msgspec.structs.replace(facts.block(1), height=cursor.height + 1, previous="cd" * 32)
        act = lambda: writer.apply([block])  # noqa: E731
    before = rows(database, TRANSACTIONS)
    with pytest.raises(UnavailableError) as refused:
        act()
    assert refused.value.code is Code.INDEX_FOREIGN
    assert "rebuild" in refused.value.text("en")
    assert rows(database, TRANSACTIONS) == before
    assert writer.prepare() == cursor


def facts_of(*transactions):
    return BlockFacts(1, "11" * 32, "00" * 32, 60_000, 0, tuple(transactions))


def transaction(number=0, *, kind="notes.write", code=0, payload=b"{}", events=()):
    return TransactionFacts(
        f"{number:064x}",
        kind,
        1,
        code,
        (SignerFacts("aa" * 20, "sm2-sm3"), SignerFacts("bb" * 20, "ed25519")),
        "ORG",
        msgspec.Raw(payload),
        100,
        tuple(events),
    )


NOTES = Table("test_notes", METADATA, Column("place", long_integer(), primary_key=True), Column("words", text_type()))


def test_another_family_adds_its_own_tables(database):
    def written(place, block, entry, sink):
        sink["test_notes"].append((place, msgspec.json.decode(entry.payload)["words"]))

    projection = Projection(
        "notes",
        1,
        (NOTES,),
        {"notes.write": written},
        lambda genesis, sink: sink["test_notes"].append((0, genesis.chain)),
        (("test_note_words", "SELECT words FROM test_notes"),),
    )
    genesis = GenesisFacts("some-chain", "00" * 32, ("notes",), (), ())
    writer = IndexWriter(database, genesis, Projector((projection,)), lambda: "00" * 32)
    writer.prepare()
    writer.apply(
        [
            facts_of(
                transaction(1, payload=b'{"words":"first"}'),
                transaction(2, payload=b'{"words":"failed"}', code=390),
                transaction(3, kind="other.thing"),
            )
        ]
    )
    assert rows(database, NOTES) == [(0, "some-chain"), (place_of(1), "first")]
    assert [row[:3] for row in rows(database, SIGNERS)][:2] == [
        (place_of(1), 0, "aa" * 20),
        (place_of(1), 1, "bb" * 20),
    ]
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM test_note_words")).scalar() == 2
    assert writer.clear().height == 0


@pytest.mark.parametrize(
    ("payload", "reference"),
    [
        (b'{"reference":"case-7"}', "case-7"),
        (b'{"reference":""}', ""),
        ('{"reference":"案件"}'.encode(), "案件"),
        (b'{"reference":"a\\u0000b"}', ""),
        (b'{"reference":"two\\nlines"}', ""),
        (b'{"reference":5}', ""),
        (b'{"reference":null}', ""),
        (b"[]", ""),
        (b'{"reference":"%s"}' % (b"x" * 129), ""),
    ],
)
def test_a_reference_that_is_no_line_of_text_is_none(database, payload, reference):
    genesis = GenesisFacts("some-chain", "00" * 32, (), (), ())
    writer = IndexWriter(database, genesis, Projector(()), lambda: "00" * 32)
    writer.prepare()
    writer.apply([facts_of(transaction(1, payload=payload, code=390))])
    assert [row[10] for row in rows(database, TRANSACTIONS)] == [reference]


def test_texts_that_a_database_does_not_take_are_stored_visibly(database):
    genesis = GenesisFacts("some-chain", "00" * 32, (), (), ())
    writer = IndexWriter(database, genesis, Projector(()), lambda: "00" * 32)
    writer.prepare()
    event = Event(data={"text": "\0 is kept"}, organisation="ORG", reference="a\0b", type="notes.written")
    writer.apply([facts_of(transaction(1, events=(event,)))])
    (row,) = rows(database, EVENTS)
    assert row[5] == "a\ufffdb"
    assert msgspec.json.decode(row[6]) == {"text": "\0 is kept"}


def test_activity_sums_each_minute(database, held):
    scribe, _ = held
    _, _, _, cursor = filled(database, scribe.application)
    sums = {}
    for entry in Plain(scribe.application).transactions:
        key = (
            entry["time"] // 60_000 * 60_000,
            entry["body"].type,
            scribe.application.machine.genesis.organisations[0].code,
            entry["receipt"].code,
        )
        count, size = sums.get(key, (0, 0))
        sums[key] = (count + 1, size + entry["size"])
    assert rows(database, ACTIVITY) == [(*key, *sums[key]) for key in sorted(sums)]
    assert sum(count for count, _ in sums.values()) == cursor.transactions
