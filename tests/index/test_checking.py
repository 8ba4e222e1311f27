"""The check finds what was changed, in whichever table, and says where; it agrees where nothing was."""

import pytest
from sqlalchemy import text

from govchain.index.database import IndexDatabase, database_url
from govchain.index.schema import METADATA
from govchain.model import Code, UnavailableError
from govchain.services.indexing import check_index, index_writer, rebuild_index
from govchain.services.ledger_facts import LedgerFacts
from tests.index.kit import Scribe, make_ledger
from tests.node.kit import new_actor

#: A change behind the index's back, and the table in which the check meets it first.
CHANGES = {
    "blocks": "UPDATE blocks SET failed = failed + 1 WHERE height = 4",
    "transactions": "UPDATE transactions SET reference = 'forged' WHERE height = 2 AND position = 0",
    "signers": "DELETE FROM signers WHERE position = 0 AND account IN (SELECT max(account) FROM signers)",
    "events": "UPDATE events SET data = '{}' WHERE type = 'evidence.withdrawn'",
    "evidence": "UPDATE evidence SET sm3 = sha256 WHERE kind = 'file'",
    "evidence_marks": "DELETE FROM evidence_marks WHERE member = 3",
    "accounts": "UPDATE accounts SET roles = 'operator' WHERE label = '窗口一'",
    "account_changes": "UPDATE account_changes SET status = 'active'",
    "organisations": "UPDATE organisations SET name = 'Another'",
    "activity": "UPDATE activity SET transactions = transactions + 1 WHERE code <> 0",
}


@pytest.fixture
def built(database, held):
    scribe, _ = held
    rebuild_index(scribe.application, database)
    return scribe.application, database


def change(database, statement):
    with database.writing() as connection:
        assert connection.execute(text(statement)).rowcount > 0


def test_an_index_of_the_ledger_agrees_and_reports_every_table(built):
    application, database = built
    heights = []
    report = check_index(application, database, lambda done, total: heights.append((done, total)))
    assert report.difference is None
    assert report.height == report.indexed_height == application.chain.height
    assert {entry.name for entry in report.tables} == set(CHANGES)
    assert {entry.name: entry.rows for entry in report.tables}["blocks"] == application.chain.height
    assert heights[-1] == (application.chain.height, application.chain.height)


@pytest.mark.requirement("BJ.portability.adaptability.03")
def test_the_content_has_the_same_digest_on_every_database(held, postgres, tmp_path):
    scribe, _ = held
    digests = []
    for url in (database_url("", tmp_path), database_url(postgres.create(), None)):
        database = IndexDatabase(url)
        rebuild_index(scribe.application, database)
        digests.append(check_index(scribe.application, database).tables)
        database.close()
    assert digests[0] == digests[1]


@pytest.mark.parametrize("table", sorted(CHANGES))
def test_a_changed_row_is_found_and_named(built, table):
    application, database = built
    change(database, CHANGES[table])
    difference = check_index(application, database).difference
    assert difference is not None
    assert difference.table == table
    assert difference.key
    rebuild_index(application, database)
    assert check_index(application, database).difference is None


@pytest.mark.parametrize("table", sorted(set(CHANGES) - {"activity", "blocks", "organisations"}))
def test_a_row_that_the_ledger_does_not_have_is_found(built, table):
    """Between others, before the first and behind the last."""
    application, database = built
    columns = [column.name for column in METADATA.tables[table].columns]
    unique = {"transactions": "id", "accounts": "address"}.get(table)
    for place in ("place + 100000", "-5", f"{(application.chain.height + 9) << 20}"):
        values = ", ".join(
            place if name == "place" else f"'{'ee' * 20}'" if name == unique else f'"{name}"' for name in columns
        )
        change(database, f'INSERT INTO "{table}" SELECT {values} FROM "{table}" ORDER BY place LIMIT 1')
        difference = check_index(application, database).difference
        assert (difference.table, difference.reason) == (table, "unexpected")
        rebuild_index(application, database)


def test_a_missing_block_or_minute_is_found(built):
    application, database = built
    change(database, "DELETE FROM blocks WHERE height = 3")
    assert check_index(application, database).difference.reason == "missing"
    rebuild_index(application, database)
    change(database, "DELETE FROM activity WHERE minute = (SELECT max(minute) FROM activity)")
    assert check_index(application, database).difference.table == "activity"


def test_an_index_that_is_behind_agrees_up_to_its_cursor(database, held):
    scribe, _ = held
    facts = LedgerFacts(scribe.application)
    writer, _ = index_writer(database, facts)
    writer.prepare()
    assert check_index(scribe.application, database).difference is None
    writer.apply(list(facts.blocks(1, 4)))
    report = check_index(scribe.application, database)
    assert (report.indexed_height, report.difference) == (4, None)


def test_an_index_of_another_chain_or_none_is_refused(database, held, tmp_path):
    scribe, _ = held
    with pytest.raises(UnavailableError) as refused:
        check_index(scribe.application, database)
    assert refused.value.code is Code.INDEX_UNAVAILABLE
    actor = new_actor()
    other = Scribe(make_ledger(tmp_path / "other", actor), actor)
    rebuild_index(other.application, database)
    other.close()
    with pytest.raises(UnavailableError) as refused:
        check_index(scribe.application, database)
    assert refused.value.code is Code.INDEX_FOREIGN
