"""An organisation that was voted in has its rows where genesis' organisations have theirs, and the index agrees."""

from govchain.index.facts import place_of
from govchain.index.families.accounts import ACCOUNT_CHANGES, ACCOUNTS, ORGANISATIONS
from tests.api.events_kit import officer
from tests.index.kit import START, Scribe, make_ledger
from tests.index.test_writing import filled, rows
from tests.ledger.kit import new_account
from tests.modules.governing import organisation_code


def test_an_organisation_that_was_voted_in_has_its_rows(database, tmp_path):
    path = make_ledger(tmp_path / "data")
    scribe = Scribe(path, officer(path, "operator"))
    try:
        code, boss = organisation_code(3), new_account()
        account = {
            "algorithm": "sm2-sm3",
            "key": boss.key.hex(),
            "label": "信息中心",
            "roles": ["department", "operator"],
        }
        change = {"account": account, "code": code, "kind": "organisation.add", "name": "某市大数据局"}
        scribe.send(("governance.propose", propose({"kind": "chain.stop", "chain": "node-test"})))
        scribe.send(("governance.propose", propose(change)))
        place = place_of(2, 0)
        _, _, _, cursor = filled(database, scribe.application)
        assert (cursor.height, cursor.transactions) == (2, 2)
        assert rows(database, ORGANISATIONS)[-1] == (place, code, "某市大数据局")
        row = rows(database, ACCOUNTS)[-1]
        assert (row[0], *row[2:]) == (place, code, "信息中心", "department,operator", 1, "sm2-sm3", boss.key.hex())
        stored = scribe.application.committed.get(b"accounts.account/" + bytes.fromhex(row[1]))
        assert stored is not None
        second = new_account()
        given = {
            "account": {**account, "key": second.key.hex(), "label": "接任"},
            "code": code,
            "kind": "organisation.account",
            "replaces": row[1],
        }
        scribe.send(("governance.propose", propose(given)))
        filled(database, scribe.application)
        added = rows(database, ACCOUNTS)[-1]
        assert (*added[2:4], added[-1]) == (code, "接任", second.key.hex())
        assert rows(database, ACCOUNT_CHANGES) == [(place_of(3, 0), row[1], "frozen", "replaced")]
    finally:
        scribe.close()


def propose(change):
    return {"change": change, "expires": START + 86_400_000, "reason": ""}
