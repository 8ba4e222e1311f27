"""Where several reasons hold, the lowest number is the answer: each defect alone, and every two together."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field

import pytest

import govchain_native as native
from govchain.model import Code
from tests.ledger.kit import CREATED, EXPIRES, Kit, Ledger, fields_of, item, make, new_account, put, sign

COMPANY = 16


@pytest.fixture(scope="module")
def crowd():
    """A chain whose bodies may carry many signers: active and frozen departments and auditors, and company."""
    kit = Kit(limits={"signatures_max": 40})
    ledger = Ledger(kit)
    accounts = {(role, frozen): new_account() for role in ("department", "auditor") for frozen in (False, True)}
    grant(ledger, kit, accounts)
    company = [new_account() for _ in range(COMPANY)]
    for account in company:
        register(ledger, kit, account, [])
    return ledger, accounts, company


def register(ledger, kit, account, roles):
    payload = {
        "administrator": False, "algorithm": "sm2-sm3", "key": account.key.hex(), "label": "", "roles": roles
    }  # fmt: skip
    assert ledger.codes(make("accounts.register", payload, kit.administrator)) == [Code.OK]


def grant(ledger, kit, accounts):
    """Auditors are accounts without the role that evidence needs: none at all serves as well."""
    for (role, frozen), account in accounts.items():
        register(ledger, kit, account, ["department"] if role == "department" else [])
        if frozen:
            payload = {"account": account.address.hex(), "reason": "other"}
            assert ledger.codes(make("accounts.freeze", payload, kit.administrator)) == [Code.OK]


@dataclass
class Draft:
    """A transaction in the making; each defect changes one thing of it."""

    role: str = "department"
    frozen: bool = False
    company: bool = False
    twice: bool = False
    fields: dict = field(default_factory=dict)
    subject: dict = field(default_factory=dict)
    entry: dict = field(default_factory=dict)
    body_change: object = None
    signature_change: object = None
    signatures: bool = True
    version: int = 1
    tail: bytes = b""

    def envelope(self, accounts, company):
        account = accounts[self.role, self.frozen]
        signers = [account, *([account] if self.twice else []), *(company if self.company else [])]
        payload = {"reference": "", "subject": item(**self.subject)}
        fields = fields_of("evidence.put", payload, *signers)
        for entry in fields["signers"]:
            if entry["account"] == account.address.hex():
                entry.update(self.entry)
        fields.update(self.fields)
        body = json.dumps(fields).encode()
        if self.body_change:
            body = self.body_change(body)
        signatures = [signer.sign(body) for signer in signers]
        if self.signature_change:
            signatures[0] = self.signature_change(signatures[0])
        return native.seal_envelope(self.version, body, signatures if self.signatures else []) + self.tail


def body_twice(body):
    return b'{"nonce":"",' + body[1:]


def padded(body):
    return body[:-1] + b" " * 70_000 + b"}"


#: Code, what is changed (two defects that change the same thing cannot meet), and the change.
DEFECTS = {
    Code.ENVELOPE_MALFORMED: ("tail", {"tail": b"\0"}),
    Code.ENVELOPE_VERSION: ("envelope version", {"version": 2}),
    Code.ENVELOPE_SIGNATURES: ("signatures", {"signatures": False}),
    Code.BODY_TOO_LARGE: ("bytes", {"body_change": padded}),
    Code.JSON_DUPLICATE_KEY: ("bytes", {"body_change": body_twice}),
    Code.BODY_SHAPE: ("fields", {"fields": {"more": 1}}),
    Code.TYPE_UNKNOWN: ("type", {"fields": {"type": "evidence.erase"}}),
    Code.TYPE_VERSION: ("version", {"fields": {"version": 2}}),
    Code.PAYLOAD_SHAPE: ("payload", {"fields": {"payload": {}}}),
    Code.CHAIN_WRONG: ("chain", {"fields": {"chain": "other"}}),
    Code.ALGORITHM_NOT_ALLOWED: ("algorithm", {"entry": {"algorithm": "ed25519"}}),
    Code.KEY_MALFORMED: ("key", {"entry": {"key": "11" * 32}}),
    Code.KEY_NOT_ON_CURVE: ("key", {"entry": {"key": "00" * 64}}),
    Code.SIGNER_REPEATED: ("twice", {"twice": True}),
    Code.SIGNER_UNKNOWN: ("account", {"entry": {"account": "00" * 20}}),
    Code.SIGNER_KEY_MISMATCH: ("account", {"entry": {"account": "company"}}),
    Code.SIGNATURE_LENGTH: ("signature", {"signature_change": lambda s: s[:-1]}),
    Code.SIGNATURE_RANGE: ("signature", {"signature_change": lambda s: bytes(64)}),
    Code.SIGNATURE_INVALID: ("signature", {"signature_change": lambda s: s[32:] + s[:32]}),
    Code.EXPIRED: ("expires", {"fields": {"expires": CREATED}}),
    Code.EXPIRES_TOO_FAR: ("expires", {"fields": {"expires": EXPIRES * 2}}),
    Code.SIGNER_FROZEN: ("frozen", {"frozen": True}),
    Code.ROLE_MISSING: ("role", {"role": "auditor"}),
    Code.RECIPIENT_UNKNOWN: ("recipient", {"fields": {"recipient": "00" * 20}}),
    Code.SIGNERS_TOO_MANY: ("company", {"company": True}),
    Code.EVIDENCE_ITEM: ("name", {"subject": {"name": "\u202e"}}),
    Code.EVIDENCE_CAPTURE_TIME: ("capture", {"subject": {"capture": {"method": "file", "time": EXPIRES * 2}}}),
}


def draft_of(codes, crowd):
    _, accounts, company = crowd
    draft = Draft()
    for code in codes:
        for name, value in DEFECTS[code][1].items():
            if isinstance(value, dict):
                getattr(draft, name).update(value)
            else:
                setattr(draft, name, value)
    if draft.entry.get("account") == "company":
        draft.entry["account"] = company[-1].address.hex()
    return draft.envelope(accounts, company)


def agree(crowd, *codes):
    ledger = crowd[0]
    envelope = draft_of(codes, crowd)
    assert ledger.check(envelope) == min(codes)
    # A block refuses what is wrong whatever the block's earlier transactions do; the rest becomes a receipt.
    assert (ledger.inclusion(envelope) == Code.OK) is (min(codes) >= Code.SIGNER_FROZEN)
    if min(codes) >= Code.SIGNER_FROZEN:
        assert list(ledger.execute([envelope]).codes) == [min(codes)]


def test_without_a_defect(crowd):
    ledger, accounts, company = crowd
    assert ledger.check(Draft().envelope(accounts, company)) == Code.OK


@pytest.mark.parametrize("code", DEFECTS, ids=lambda code: code.name)
def test_one(crowd, code):
    agree(crowd, code)


def can_meet(one, other):
    if DEFECTS[one][0] == DEFECTS[other][0]:
        return False
    # What is wrong with the JSON text hides its fields; with 17 or more signers one repeated one changes nothing.
    return {one, other} != {Code.SIGNER_KEY_MISMATCH, Code.SIGNERS_TOO_MANY}


@pytest.mark.parametrize("lower", DEFECTS, ids=lambda code: code.name)
def test_two(crowd, lower):
    """The lower one with each that is higher: both orders of finding them give the same answer."""
    met = 0
    for higher in DEFECTS:
        if higher > lower and can_meet(lower, higher):
            agree(crowd, lower, higher)
            met += 1
    assert met > 3 or lower >= Code.ROLE_MISSING


def test_three_and_more(crowd):
    """A frozen stranger to the role, with a bad item, an unknown recipient and too much company, is frozen first."""
    late = [code for code in DEFECTS if code >= Code.SIGNER_FROZEN]
    for count in (3, 4, 5):
        for codes in itertools.combinations(late, count):
            agree(crowd, *codes)


@pytest.mark.parametrize("later", ["frozen", "role"])
def test_used_before_frozen_or_without_the_role(kit, later):
    """REPLAYED (250) before SIGNER_FROZEN (260) and ROLE_MISSING (300)."""
    ledger = Ledger(kit)
    sender = kit.accounts[0, "department" if later == "frozen" else "auditor"]
    envelope = put(sender)
    ledger.run(envelope)
    if later == "frozen":
        payload = {"account": sender.address.hex(), "reason": "other"}
        assert ledger.codes(make("accounts.freeze", payload, kit.administrator)) == [Code.OK]
        assert ledger.check(put(sender)) == Code.SIGNER_FROZEN
    assert ledger.check(envelope) == Code.REPLAYED


def test_lowest_of_two_signers(kit):
    """Two signatures with different faults: the lower code, in either order."""
    ledger = Ledger(kit)
    one, other = kit.department, kit.accounts[1, "department"]
    body = json.dumps(fields_of("evidence.put", {"reference": "", "subject": item()}, one, other)).encode()
    signatures = (one.sign(body), other.sign(body))
    assert ledger.check(sign(body, one, other)) == Code.OK
    for short, wrong in ((0, 1), (1, 0)):
        changed = list(signatures)
        changed[short] = signatures[short][:-1]
        changed[wrong] = bytes(reversed(signatures[wrong]))
        found = ledger.check(native.seal_envelope(1, body, changed))
        assert found == Code.SIGNATURE_LENGTH


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, Code.ACCOUNT_EXISTS),
        ({"roles": ["supervisor"]}, Code.ACCOUNT_EXISTS),
        ({"roles": ["supervisor", "department"]}, Code.ACCOUNT_EXISTS),
        ({"key": "11" * 32, "roles": ["supervisor"]}, Code.KEY_MALFORMED),
        ({"key": "00" * 64, "roles": ["supervisor"]}, Code.KEY_NOT_ON_CURVE),
        ({"algorithm": "ed25519", "key": "00" * 40, "roles": ["supervisor"]}, Code.ALGORITHM_NOT_ALLOWED),
        ({"algorithm": "none", "key": "00" * 40}, Code.ALGORITHM_NOT_ALLOWED),
    ],
    ids=str,
)
def test_within_a_family_too(kit, changes, code):
    ledger = Ledger(kit)
    payload = {
        "administrator": False, "algorithm": "sm2-sm3", "key": kit.department.key.hex(), "label": "", "roles": [],
        **changes,
    }  # fmt: skip
    assert ledger.check(make("accounts.register", payload, kit.administrator)) == code
