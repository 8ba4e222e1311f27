"""Every cell of docs/spec/permissions.md, tried on a ledger.

The table is read, never written: an account with the column's role sends the row's transaction about its own and about
another organisation, to the pool and in a block.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from govchain.model import Code, encode_struct
from govchain.modules.accounts.messages import AccountValue, account_key
from govchain.state import Batch, Table
from tests.ledger.kit import ORGANISATIONS, ROLES, Ledger, id_of, item, make, new_account, put

PAGE = Path(__file__).resolve().parents[2] / "docs" / "spec" / "permissions.md"


def read_table():
    """(transaction, column) → (cell, code of the last column)."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head, _, *lines = [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]
    found = {}
    for line in lines:
        assert len(line) == len(head)
        for column, cell in zip(head[1:-1], line[1:-1], strict=True):
            found[line[0], column] = (cell, line[-1])
    return found


TABLE = read_table()
COLUMNS = {role: role for role in ROLES} | {"administrator (any role)": "administrator"}


def test_table_is_whole(kit):
    """Each transaction type has a row, each role a column, each cell a known word, each row a code."""
    types = {kind for kind, _ in TABLE}
    assert types == kit.machine.types
    assert {column for _, column in TABLE} == COLUMNS.keys()
    assert {cell for cell, _ in TABLE.values()} <= {"yes", "own", "no"}
    assert {code for _, code in TABLE.values()} <= set(Code.__members__)


def registration(ledger, organisation):
    key = new_account().key.hex()
    return {"administrator": False, "algorithm": "sm2-sm3", "key": key, "label": "", "roles": []}


def freezing(ledger, organisation):
    """A fresh account of the organisation."""
    account = new_account()
    payload = {"administrator": False, "algorithm": "sm2-sm3", "key": account.key.hex(), "label": "", "roles": []}
    boss = ledger.kit.accounts[organisation, "administrator"]
    assert ledger.codes(make("accounts.register", payload, boss)) == [Code.OK]
    return {"account": account.address.hex(), "reason": "other"}


def unfreezing(ledger, organisation):
    payload = freezing(ledger, organisation)
    boss = ledger.kit.accounts[organisation, "administrator"]
    assert ledger.codes(make("accounts.freeze", payload, boss)) == [Code.OK]
    return {"account": payload["account"]}


def recorded(ledger, organisation):
    """The id of a record that the organisation anchored."""
    envelope = put(ledger.kit.accounts[organisation, "department"])
    assert ledger.codes(envelope) == [Code.OK]
    return id_of(envelope).hex()


PAYLOADS = {
    "accounts.register": registration,
    "accounts.freeze": freezing,
    "accounts.unfreeze": unfreezing,
    "evidence.put": lambda ledger, organisation: {"reference": "", "subject": item()},
    "evidence.batch": lambda ledger, organisation: {
        "capture": item()["capture"], "count": 3, "reference": "", "root": "ab" * 32, "total_size": 9
    },
    "evidence.supplement": lambda ledger, organisation: {
        "evidence": recorded(ledger, organisation), "reference": "", "subject": item()
    },
    "evidence.supersede": lambda ledger, organisation: {
        "evidence": recorded(ledger, organisation), "member": None, "reason": "error", "reference": "",
        "subject": item(),
    },
    "evidence.withdraw": lambda ledger, organisation: {
        "evidence": recorded(ledger, organisation), "member": None, "reason": "error"
    },
}  # fmt: skip

#: What an account that may do it in its own organisation meets in another one.
ELSEWHERE = {"accounts": Code.ORGANISATION_MISMATCH, "evidence": Code.EVIDENCE_NOT_OWNER}


def try_it(ledger, kind, sender, organisation):
    """The code, the same from the pool and in the receipt."""
    envelope = make(kind, PAYLOADS[kind](ledger, organisation), sender)
    checked = ledger.check(envelope)
    assert ledger.codes(envelope) == [checked]
    return checked


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("kind", sorted({kind for kind, _ in TABLE}))
def test_cell(kit, ledger, kind, column):
    cell, refusal = TABLE[kind, column]
    sender = kit.accounts[0, COLUMNS[column]]
    own, other = (try_it(ledger, kind, sender, organisation) for organisation in (0, 1))
    if cell == "no":
        assert own == other == Code[refusal]
    elif cell == "yes":
        assert own == other == Code.OK
    else:
        assert own == Code.OK
        # A registration or a new record has no other organisation to be about: it falls to the sender's own.
        makes_something_new = kind in ("accounts.register", "evidence.put", "evidence.batch")
        assert other == (Code.OK if makes_something_new else ELSEWHERE[kind.partition(".")[0]])


def register(ledger, sender, *, roles=(), administrator=False):
    account = new_account()
    payload = {
        "administrator": administrator, "algorithm": "sm2-sm3", "key": account.key.hex(), "label": "",
        "roles": list(roles),
    }  # fmt: skip
    return account, ledger.codes(make("accounts.register", payload, sender))[0]


@pytest.mark.parametrize("first", ROLES)
@pytest.mark.parametrize("second", ROLES)
def test_most_favourable_row_counts(kit, ledger, first, second):
    """An account with two roles may what either may."""
    account = account_with(ledger, sorted({first, second}))
    for kind in sorted({kind for kind, _ in TABLE}):
        cells = {TABLE[kind, role][0] for role in (first, second)}
        found = try_it(ledger, kind, account, 0)
        assert (found == Code.OK) is (cells != {"no"}), kind


def account_with(ledger, roles):
    """An account of organisation 0 with those roles, written as genesis would have."""
    account = new_account()
    value = AccountValue(False, "sm2-sm3", 0, account.key.hex(), "", ORGANISATIONS[0], tuple(roles), "active")
    batch = Batch()
    batch.put(Table.STATE, account_key(account.address), encode_struct(value))
    ledger.store.write(batch, durable=False)
    return account


@pytest.mark.parametrize("role", ROLES)
def test_administrator_grants_department_and_what_it_holds_itself(kit, ledger, role):
    _, code = register(ledger, kit.administrator, roles=[role])
    assert code == (Code.OK if role == "department" else Code.ACCOUNT_ROLES)


def test_nobody_freezes_itself_and_a_frozen_account_signs_nothing(kit, ledger):
    boss = kit.administrator
    own = {"account": boss.address.hex(), "reason": "other"}
    assert ledger.codes(make("accounts.freeze", own, boss)) == [Code.ACCOUNT_SELF]
    supervisor = kit.accounts[1, "supervisor"]
    assert ledger.codes(make("accounts.freeze", own, supervisor)) == [Code.OK]
    for kind in sorted({kind for kind, _ in TABLE}):
        assert try_it_signed(ledger, kind, boss) == Code.SIGNER_FROZEN


def try_it_signed(ledger: Ledger, kind, sender):
    """With a payload whose making needs no signature of the organisation's administrator."""
    payloads = {
        "accounts.freeze": {"account": sender.address.hex(), "reason": "other"},
        "accounts.unfreeze": {"account": sender.address.hex()},
    }
    payload = payloads.get(kind) or PAYLOADS[kind](ledger, 1)
    return ledger.check(make(kind, payload, sender))
