"""Random mixes of transactions in random blocks: the model's codes, its whole state, and the same blocks every time."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govchain.crypto import account_address
from govchain.ledger import genesis_writes
from govchain.proof.genesis import encode_genesis
from tests.ledger.kit import CHAIN, CREATED, ROLES, Ledger, id_of, item, make, new_account
from tests.ledger.slow import SlowChain
from tests.modules.model import Model, Place

#: Who may act: every role of both organisations, and accounts that the first blocks may register.
PLACES = [(organisation, role) for organisation in (0, 1) for role in (*ROLES, "administrator")]
NEWCOMERS = [new_account() for _ in range(3)]

EVIDENCE_SENDERS = [*PLACES, *[(0, "department")] * 14, *[(1, "department")] * 5, *["newcomer"] * 4]
ACCOUNT_SENDERS = [
    *PLACES, *[(0, "administrator")] * 10, *[(1, "administrator")] * 3, *[(1, "supervisor")] * 4, "newcomer"
]  # fmt: skip
TARGETS = [*PLACES, *[0, 1, 2] * 4]
KINDS = ["accounts.register", "accounts.unfreeze", "accounts.freeze", "evidence.batch"] * 2 + [
    "evidence.put",
    "evidence.supplement",
    "evidence.supersede",
    "evidence.withdraw",
] * 3


def draw_step(random):
    """A step: its type, who sends it, and what the payload is made from."""
    kind = random.choice(KINDS)
    if kind == "accounts.register":
        roles = random.choice([[], ["department"], ["department"], ["supervisor"], ["department", "department"]])
        return kind, random.choice(ACCOUNT_SENDERS), random.choice(TARGETS), roles
    if kind.startswith("accounts."):
        return kind, random.choice(ACCOUNT_SENDERS), random.choice(TARGETS)
    sender = random.choice(EVIDENCE_SENDERS)
    earlier, member = random.randrange(12), random.choice([None, None, None, 0, 2, 3])
    if kind == "evidence.withdraw":
        return kind, sender, earlier, member
    reference = random.choice(["", "a", "项目"])
    captured = random.choice([CREATED, CREATED, CREATED + 600_000, CREATED + 700_000])
    return {
        "evidence.put": (kind, sender, reference, captured),
        "evidence.batch": (kind, sender, reference, captured),
        "evidence.supplement": (kind, sender, reference, captured, earlier),
        "evidence.supersede": (kind, sender, reference, captured, earlier, member),
    }[kind]


def payload_of(kit, step, ids):
    """The payload that a drawn step stands for; `ids` are the records made so far."""
    kind, _, *rest = step
    if kind == "accounts.register":
        target, roles = rest
        key = NEWCOMERS[target].key if isinstance(target, int) else kit.accounts[target].key
        return {"administrator": False, "algorithm": "sm2-sm3", "key": key.hex(), "label": "", "roles": roles}
    if kind.startswith("accounts."):
        target = NEWCOMERS[rest[0]] if isinstance(rest[0], int) else kit.accounts[rest[0]]
        reason = {"reason": "other"} if kind == "accounts.freeze" else {}
        return {"account": target.address.hex(), **reason}
    if kind == "evidence.withdraw":
        which, member = rest
        return {"evidence": pick(ids, which), "member": member, "reason": "error"}
    reference, time, *more = rest
    capture = {"method": "file", "time": time}
    if kind == "evidence.batch":
        return {"capture": capture, "count": 3, "reference": reference, "root": "ab" * 32, "total_size": 1}
    payload = {"reference": reference, "subject": item(capture=capture, sm3="22" * 32)}
    if kind == "evidence.put":
        return payload
    payload["evidence"] = pick(ids, more[0])
    return payload if kind == "evidence.supplement" else {**payload, "member": more[1], "reason": "lawful_order"}


def pick(ids, which):
    """One of the latest records, or none that exists."""
    return ids[-1 - which % len(ids)] if ids and which < 11 else "00" * 32


def build(kit, blocks):
    """Blocks of (kind, sender address, payload, envelope), made once: the same bytes go to every ledger."""
    built, ids, known = [], [], set()
    for block in blocks:
        made = []
        for step in block:
            kind, sender = step[0], step[1]
            if sender == "newcomer":
                if not known:
                    continue
                sender = min(known, key=lambda account: account.address)
            else:
                sender = kit.accounts[sender]
            payload = payload_of(kit, step, ids)
            envelope = make(kind, payload, sender)
            made.append((kind, sender.address.hex(), payload, envelope))
            if kind.startswith("evidence.") and kind != "evidence.withdraw":
                ids.append(id_of(envelope).hex())
            if kind == "accounts.register" and sender == kit.administrator:
                # Used only from the next block on; where the registration fails, so does its use, in the model as well.
                made[-1] += (payload["key"],)
        if made:
            built.append(made)
        for entry in made:
            known |= {account for account in NEWCOMERS if len(entry) > 4 and account.key.hex() == entry[4]}
    return built


@pytest.mark.requirement("BJ.compatibility.interoperability.02c")
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_random_mixes(kit, seed):
    random = Random(seed)
    blocks = [[draw_step(random) for _ in range(random.choice([1, 4, 8]))] for _ in range(random.choice([2, 8, 14]))]

    def address_of(algorithm, key):
        return account_address(kit.machine.suite, CHAIN, algorithm, key).hex()

    model = Model.of(kit.genesis, address_of)
    ledger, twin = Ledger(kit), Ledger(kit)
    slow = SlowChain(json.loads(encode_genesis(kit.genesis)), genesis_writes(kit.machine))
    assert dict(ledger.state.scan(b"")) == model.state()
    for number, steps in enumerate(build(kit, blocks)):
        # A sender that no committed block has registered never gets into a block.
        allowed = [step for step in steps if step[1] in model.accounts]
        if not allowed:
            continue
        time = CREATED + number
        block = ledger.run(*(step[3] for step in allowed), time=time)
        expected = [
            model.run(kind, sender, payload, Place(id_of(envelope), block.header.height, index, block.header.time))
            for index, (kind, sender, payload, envelope, *_) in enumerate(allowed)
        ]
        assert [code.name for code in block.codes] == expected
        assert dict(ledger.state.scan(b"")) == model.state()
        envelopes = [step[3] for step in allowed]
        header, _ = slow.follow(envelopes, list(block.receipts), block.writes, block.header.time)
        assert block.header_bytes == header
        assert twin.run(*envelopes, time=time).identity == block.identity
