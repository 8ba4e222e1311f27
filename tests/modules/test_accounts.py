"""The accounts family: registration, roles, freezing (docs/spec/transactions.md, permissions.md)."""

import json

import pytest

from govchain.crypto import account_address, get_suite
from govchain.model import Code
from govchain.modules.accounts.views import StateDirectory
from tests.ledger.kit import ALGORITHMS, CHAIN, ROLES, Kit, Ledger, id_of, make, new_account, put


def registration(account, **changes):
    return {
        "administrator": False, "algorithm": account.algorithm, "key": account.key.hex(), "label": "", "roles": [],
        **changes,
    }  # fmt: skip


def send(ledger, kind, payload, sender):
    """The code, the same from the pool and in the receipt."""
    envelope = make(kind, payload, sender)
    checked = ledger.check(envelope)
    assert ledger.codes(envelope) == [checked]
    return checked


def register(ledger, sender, account=None, **changes):
    return send(ledger, "accounts.register", registration(account or new_account(), **changes), sender)


def freeze(ledger, sender, account, reason="other"):
    return send(ledger, "accounts.freeze", {"account": account.address.hex(), "reason": reason}, sender)


def unfreeze(ledger, sender, account):
    return send(ledger, "accounts.unfreeze", {"account": account.address.hex()}, sender)


def test_genesis_accounts_and_organisations(kit, ledger):
    for (organisation, role), account in kit.accounts.items():
        facts = ledger.directory.account(account.address)
        assert (facts.organisation, facts.key) == (kit.organisations[organisation], account.key)
        assert facts.administrator is (role == "administrator")
        assert facts.active
        if role in ROLES:
            assert facts.roles == (role,)
    for code in kit.organisations:
        assert ledger.directory.organisation_name(code) == f"organisation {code}"
    assert ledger.directory.organisation_name("11100000000013000X") is None
    assert ledger.directory.account(bytes(20)) is None


def test_a_registered_account_as_stored(kit, ledger):
    account = new_account()
    assert register(ledger, kit.administrator, account, label="窗口 3", roles=["department"]) == Code.OK
    stored = ledger.state.get(b"accounts.account/" + account.address)
    assert json.loads(stored) == {
        "administrator": False, "algorithm": "sm2-sm3", "height": 1, "key": account.key.hex(), "label": "窗口 3",
        "organisation": kit.organisations[0], "roles": ["department"], "status": "active",
    }  # fmt: skip
    assert ledger.codes(put(account)) == [Code.OK]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_registration_under_every_algorithm(kit, ledger, algorithm):
    account = new_account(algorithm, number=1)
    assert register(ledger, kit.administrator, account, roles=["department"]) == Code.OK
    assert ledger.codes(put(account)) == [Code.OK]
    key = bytes.fromhex(registration(account)["key"])
    assert account_address(get_suite("gm"), CHAIN, algorithm, key) == account.address


@pytest.mark.parametrize("role", ROLES)
def test_only_an_administrator_registers(kit, ledger, role):
    assert register(ledger, kit.accounts[0, role]) == Code.ADMINISTRATOR_REQUIRED


def test_an_account_belongs_to_its_registrars_organisation(kit, ledger):
    account = new_account()
    assert register(ledger, kit.accounts[1, "administrator"], account) == Code.OK
    assert ledger.directory.account(account.address).organisation == kit.organisations[1]


def test_registered_once(kit, ledger):
    account = new_account()
    assert register(ledger, kit.administrator, account) == Code.OK
    assert register(ledger, kit.administrator, account) == Code.ACCOUNT_EXISTS
    assert register(ledger, kit.accounts[1, "administrator"], account) == Code.ACCOUNT_EXISTS
    assert register(ledger, kit.administrator, kit.department) == Code.ACCOUNT_EXISTS
    assert freeze(ledger, kit.administrator, account) == Code.OK
    assert register(ledger, kit.administrator, account) == Code.ACCOUNT_EXISTS


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        ([], Code.OK),
        (["department"], Code.OK),
        (["supervisor"], Code.ACCOUNT_ROLES),
        (["operator"], Code.ACCOUNT_ROLES),
        (["auditor"], Code.ACCOUNT_ROLES),
        (["auditor", "department"], Code.ACCOUNT_ROLES),
        (["department", "department"], Code.ACCOUNT_ROLES),
        (["mayor"], Code.PAYLOAD_SHAPE),
        (["department"] * 5, Code.PAYLOAD_SHAPE),
        ("department", Code.PAYLOAD_SHAPE),
        (None, Code.PAYLOAD_SHAPE),
    ],
    ids=str,
)
def test_roles_that_a_plain_administrator_grants(kit, ledger, roles, code):
    envelope = make("accounts.register", registration(new_account(), roles=roles), kit.administrator)
    assert ledger.check(envelope) == code


def test_an_administrator_passes_on_what_it_holds():
    """Chains of grants: an administrator with `auditor` makes another one, which makes auditors, but no supervisors."""
    import msgspec

    kit = Kit()
    entries = [
        msgspec.structs.replace(entry, administrator=True) if entry.roles == ("auditor",) else entry
        for entry in kit.genesis.accounts
    ]
    genesis = msgspec.structs.replace(kit.genesis, accounts=tuple(entries))
    from govchain.ledger import build_machine

    kit.genesis = genesis
    digests = {module.name: "00" * 32 for module in kit.modules}
    kit.machine = build_machine(genesis, kit.modules, digests, kit.machine.verifier)
    ledger = Ledger(kit)
    first, second = kit.accounts[0, "auditor"], new_account()
    assert register(ledger, first, second, roles=["auditor"], administrator=True) == Code.OK
    assert register(ledger, second, roles=["auditor", "department"]) == Code.OK
    assert register(ledger, second, roles=["department", "auditor"]) == Code.ACCOUNT_ROLES
    assert register(ledger, second, roles=["auditor", "supervisor"]) == Code.ACCOUNT_ROLES


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"algorithm": "rsa-md5"}, Code.ALGORITHM_NOT_ALLOWED),
        ({"algorithm": ""}, Code.ALGORITHM_NOT_ALLOWED),
        ({"key": "00" * 64}, Code.KEY_NOT_ON_CURVE),
        ({"key": "ff" * 64}, Code.KEY_MALFORMED),
        ({"key": "11" * 63}, Code.KEY_MALFORMED),
        ({"key": "11" * 31}, Code.PAYLOAD_SHAPE),
        ({"key": "1" * 127}, Code.PAYLOAD_SHAPE),
        ({"key": "AB" * 64}, Code.PAYLOAD_SHAPE),
        ({"key": "11" * 1025}, Code.PAYLOAD_SHAPE),
        ({"label": "名" * 64}, Code.OK),
        ({"label": "名" * 65}, Code.PAYLOAD_SHAPE),
        ({"label": None}, Code.PAYLOAD_SHAPE),
        ({"administrator": 1}, Code.PAYLOAD_SHAPE),
        ({"organisation": "11100000000013338W"}, Code.PAYLOAD_SHAPE),
    ],
    ids=str,
)
def test_fields_of_a_registration(kit, ledger, changes, code):
    envelope = make("accounts.register", registration(new_account(), **changes), kit.administrator)
    assert ledger.check(envelope) == code


@pytest.mark.parametrize("field", ["administrator", "algorithm", "key", "label", "roles"])
def test_missing_field_of_a_registration(kit, ledger, field):
    payload = registration(new_account())
    del payload[field]
    assert ledger.check(make("accounts.register", payload, kit.administrator)) == Code.PAYLOAD_SHAPE


#: State before, who, what, code, state after: every step of an account's life.
LIFE = [
    ("active", "administrator", "freeze", Code.OK, "frozen"),
    ("active", "administrator", "unfreeze", Code.ACCOUNT_STATUS, "active"),
    ("frozen", "administrator", "freeze", Code.ACCOUNT_STATUS, "frozen"),
    ("frozen", "administrator", "unfreeze", Code.OK, "active"),
    ("active", "supervisor", "freeze", Code.OK, "frozen"),
    ("frozen", "supervisor", "unfreeze", Code.OK, "active"),
    ("active", "foreign administrator", "freeze", Code.ORGANISATION_MISMATCH, "active"),
    ("frozen", "foreign administrator", "unfreeze", Code.ORGANISATION_MISMATCH, "frozen"),
    ("active", "foreign supervisor", "freeze", Code.OK, "frozen"),
    ("frozen", "foreign supervisor", "unfreeze", Code.OK, "active"),
    ("active", "department", "freeze", Code.ADMINISTRATOR_REQUIRED, "active"),
    ("frozen", "operator", "unfreeze", Code.ADMINISTRATOR_REQUIRED, "frozen"),
    ("active", "auditor", "freeze", Code.ADMINISTRATOR_REQUIRED, "active"),
    ("absent", "administrator", "freeze", Code.ACCOUNT_UNKNOWN, "absent"),
    ("absent", "foreign supervisor", "unfreeze", Code.ACCOUNT_UNKNOWN, "absent"),
]


@pytest.mark.parametrize(("before", "who", "what", "code", "after"), LIFE, ids=str)
def test_life_of_an_account(kit, ledger, before, who, what, code, after):
    account = new_account()
    if before != "absent":
        assert register(ledger, kit.administrator, account, roles=["department"]) == Code.OK
    if before == "frozen":
        assert freeze(ledger, kit.administrator, account) == Code.OK
    sender = kit.accounts[int(who.startswith("foreign")), who.removeprefix("foreign ")]
    act = freeze if what == "freeze" else unfreeze
    assert act(ledger, sender, account) == code
    facts = ledger.directory.account(account.address)
    assert (facts is None) is (after == "absent")
    if facts:
        assert facts.active is (after == "active")
        assert ledger.check(put(account)) == (Code.OK if facts.active else Code.SIGNER_FROZEN)


def test_nobody_freezes_itself_not_even_beside_others(kit, ledger):
    boss = kit.administrator
    assert freeze(ledger, boss, boss) == Code.ACCOUNT_SELF
    assert freeze(ledger, kit.accounts[0, "supervisor"], kit.accounts[0, "supervisor"]) == Code.ACCOUNT_SELF
    assert unfreeze(ledger, boss, boss) == Code.ACCOUNT_STATUS
    payload = {"account": kit.department.address.hex(), "reason": "other"}
    both = make("accounts.freeze", payload, boss, kit.department)
    assert ledger.check(both) == Code.ACCOUNT_SELF


@pytest.mark.parametrize("reason", ["lost_key", "left", "investigation", "other"])
def test_reasons(kit, ledger, reason):
    assert freeze(ledger, kit.administrator, kit.accounts[0, "operator"], reason) == Code.OK


@pytest.mark.parametrize("reason", ["", "why not", None, 1])
def test_other_reasons(kit, ledger, reason):
    payload = {"account": kit.department.address.hex(), "reason": reason}
    assert ledger.check(make("accounts.freeze", payload, kit.administrator)) == Code.PAYLOAD_SHAPE


def test_a_freeze_changes_the_status_and_nothing_else(kit, ledger):
    account = new_account()
    assert register(ledger, kit.administrator, account, label="x", roles=["department"]) == Code.OK
    key = b"accounts.account/" + account.address
    before = json.loads(ledger.state.get(key))
    assert freeze(ledger, kit.administrator, account) == Code.OK
    assert json.loads(ledger.state.get(key)) == {**before, "status": "frozen"}
    assert unfreeze(ledger, kit.administrator, account) == Code.OK
    assert json.loads(ledger.state.get(key)) == before


def test_what_a_frozen_account_made_stays(kit, ledger):
    envelope = put(kit.department)
    assert ledger.codes(envelope) == [Code.OK]
    assert freeze(ledger, kit.administrator, kit.department) == Code.OK
    assert ledger.state.get(b"evidence.record/" + id_of(envelope))
    assert ledger.codes(put(kit.department)) == [Code.SIGNER_FROZEN]


def test_the_directory_never_answers_from_an_older_state(kit, ledger):
    """Facts are cached by the stored bytes: a directory over another state sees that state."""
    before = StateDirectory(ledger.state).account(kit.department.address)
    assert freeze(ledger, kit.administrator, kit.department) == Code.OK
    assert StateDirectory(ledger.state).account(kit.department.address).active is False
    assert before.active is True
    assert Ledger(kit).directory.account(kit.department.address).active is True
