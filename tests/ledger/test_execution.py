"""Executing blocks: order, receipts, failures, and rules that misbehave (block.md 3.3, 6)."""

import dataclasses
import json

import pytest

from govchain.ledger import build_machine, execute_block, genesis_writes, next_block_time, prepare
from govchain.ledger.chain import decode_chain_state, encode_chain_state
from govchain.ledger.execution import encode_receipt
from govchain.model import Code, UnavailableError, UsageError
from govchain.model.wire import Event, Receipt
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.modules.port import Handler, Module
from govchain.proof.transactions import decode_receipt
from govchain.state import Namespace
from tests.ledger import trial
from tests.ledger.kit import CREATED, Kit, Ledger, make, new_account, put


@pytest.fixture(scope="module")
def trial_kit():
    return Kit(modules=(ACCOUNTS, EVIDENCE, trial.MODULE))


@pytest.fixture
def court(trial_kit):
    return Ledger(trial_kit)


def act(ledger, name, key="x"):
    return make("trial.act", {"act": name, "key": key}, ledger.kit.department)


def test_later_transactions_see_earlier_ones(court):
    block = court.run(*(act(court, "count") for _ in range(5)), act(court, "list"))
    assert court.state.get(b"trial.value/x") == b"5"
    told = decode_receipt(block.receipts[5]).events[0].data
    assert told == {"found": ["trial.value/x"], "height": 1, "index": 5, "time": block.header.time}
    court.run(act(court, "count"))
    assert court.state.get(b"trial.value/x") == b"6"


def test_removal_within_a_block(court):
    court.run(act(court, "count"), act(court, "set live"))
    block = court.run(act(court, "remove"), act(court, "list"), act(court, "count"))
    assert decode_receipt(block.receipts[1]).events[0].data["found"] == []
    assert court.state.get(b"trial.value/x") == b"1"
    assert court.state.get(b"trial.live/x") is None
    assert block.writes == [(b"trial.live/x", None), (b"trial.value/x", b"1")]


def test_writes_are_sorted_and_named_once(court):
    block = court.run(*(act(court, "count", key) for key in ("b", "a", "c", "a")))
    assert block.writes == [(b"trial.value/a", b"2"), (b"trial.value/b", b"1"), (b"trial.value/c", b"1")]


def test_a_coded_failure_writes_nothing_and_keeps_its_receipt(court):
    block = court.run(act(court, "count"), act(court, "refuse"), act(court, "count"))
    assert list(block.codes) == [Code.OK, Code.ORGANISATION_MISMATCH, Code.OK]
    assert block.header.transaction_count == 3
    assert court.state.get(b"trial.value/x") == b"2"
    receipt = decode_receipt(block.receipts[1])
    assert (receipt.code, receipt.events, receipt.index) == (320, (), 1)
    assert receipt.transaction == block.transactions[1].id.hex()


def test_a_block_of_failures_only(court):
    before = court.chain
    block = court.run(act(court, "refuse"))
    assert block.writes == []
    assert block.state_root.live == before.live_root
    assert block.chain.state_root != before.state_root  # made of the root before it


@pytest.mark.parametrize("name", [*trial.IN_MESSAGE, *trial.IN_CHECK, *trial.IN_APPLY])
def test_a_rule_that_misbehaves_never_stops_the_chain(court, name):
    """RULE_FAILED, nothing written, the neighbours unharmed, the receipt readable; the pool's check says it before."""
    seen_by_check = name not in trial.IN_APPLY
    assert court.check(act(court, name)) == (Code.RULE_FAILED if seen_by_check else Code.OK)
    block = court.run(act(court, "count"), act(court, name), act(court, "count"))
    assert list(block.codes) == [Code.OK, Code.RULE_FAILED, Code.OK]
    assert block.writes == [(b"trial.value/x", b"2")]
    assert decode_receipt(block.receipts[1]) == Receipt(390, (), 1, 1, block.transactions[1].id.hex())
    assert court.codes(put(court.kit.department)) == [Code.OK]


@pytest.mark.parametrize("name", trial.OF_THE_MACHINE)
def test_a_failing_machine_makes_no_receipt(court, name):
    with pytest.raises((MemoryError, OSError, UnavailableError)):
        court.execute([act(court, name)])


def test_registration_and_use_in_one_block(kit, ledger):
    """Who may enter is decided on committed state: a new account's first transaction comes a block later."""
    fresh = new_account()
    payload = {
        "administrator": False, "algorithm": "sm2-sm3", "key": fresh.key.hex(), "label": "", "roles": ["department"]
    }  # fmt: skip
    register, use = make("accounts.register", payload, kit.administrator), put(fresh)
    assert ledger.inclusion(use) == Code.SIGNER_UNKNOWN
    assert list(ledger.execute([register, use]).codes) == [Code.OK, Code.OK]  # the state machine would follow
    assert list(ledger.execute([use, register]).codes) == [Code.SIGNER_UNKNOWN, Code.OK]
    ledger.run(register)
    assert ledger.inclusion(use) == Code.OK
    assert ledger.codes(use) == [Code.OK]


def test_frozen_from_the_next_transaction_on(kit, ledger):
    """Freezing, then unfreezing, in one block: what lies between gets the receipt."""
    payload = {"account": kit.department.address.hex()}
    freeze = make("accounts.freeze", {**payload, "reason": "lost_key"}, kit.administrator)
    unfreeze = make("accounts.unfreeze", payload, kit.administrator)
    block = ledger.run(*(put(kit.department), freeze, put(kit.department), unfreeze, put(kit.department)))
    assert list(block.codes) == [Code.OK, Code.OK, Code.SIGNER_FROZEN, Code.OK, Code.OK]


@pytest.mark.parametrize(
    ("before", "engine", "time"),
    [(100, 200, 200), (100, 101, 101), (100, 100, 101), (100, 99, 101), (100, 0, 101), (100, -5, 101)],
)
def test_block_time_is_the_engines_but_always_rises(ledger, before, engine, time):
    chain = dataclass_time(ledger.chain, before)
    assert next_block_time(chain, engine) == time


def dataclass_time(chain, time):
    import msgspec

    return msgspec.structs.replace(chain, time=time)


@pytest.mark.requirement("BJ.data.02_006")
def test_time_rises_whatever_the_clock_does(kit, ledger):
    clock = [CREATED + 500, CREATED + 400, CREATED - 10_000, 0, CREATED + 500, CREATED + 502, CREATED + 10_000]
    times = [ledger.run(put(kit.department), time=time).header.time for time in clock]
    assert all(before < after for before, after in zip([CREATED, *times], times, strict=False))
    assert times[0] == CREATED + 500
    assert times[-1] == CREATED + 10_000
    assert all(type(time) is int and 0 < time < 2**63 for time in times)


def test_block_one_lies_above_genesis(kit, ledger):
    assert ledger.run(put(kit.department), time=CREATED - 1).header.time == CREATED + 1


def test_receipts_are_canonical(court):
    """Keys in order at every level, no white space; decoding is strict and gives the same value."""
    data = {"b": 1, "a": {"d": [True, None, "é"], "c": -(2**53) + 1}}
    receipt = Receipt(0, (Event(data, "o", "r", "trial.acted"),), 7, 0, "ab" * 32)
    encoded = encode_receipt(receipt)
    assert (
        encoded == json.dumps(json.loads(encoded), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    assert decode_receipt(encoded) == receipt
    assert encoded.startswith(b'{"code":0,"events":[{"data":{"a":')


def test_execution_is_a_function_of_its_arguments(kit, ledger):
    """Twice from the same state: the same block, and nothing persisted by either."""
    envelopes = [put(kit.department) for _ in range(4)]
    before = ledger.store.approximate_size()
    one, other = ledger.execute(envelopes, CREATED + 7), ledger.execute(envelopes, CREATED + 7)
    assert (one.identity, one.receipts, one.writes) == (other.identity, other.receipts, other.writes)
    assert ledger.store.approximate_size() == before
    assert ledger.execute(envelopes, CREATED + 8).identity != one.identity
    assert ledger.execute(envelopes[::-1], CREATED + 7).identity != one.identity


def test_engine_height_is_kept_and_not_hashed(kit, ledger):
    prepared = prepare(kit.machine, [put(kit.department)])
    blocks = [
        execute_block(
            kit.machine, ledger.chain, ledger.state, ledger.store, prepared, CREATED + 5, engine_height=height
        )
        for height in (1, 99)
    ]
    assert blocks[0].identity == blocks[1].identity
    assert [block.chain.engine_height for block in blocks] == [1, 99]


def test_moving_facts_are_stored_exactly(kit, ledger):
    for _ in range(3):
        ledger.run(put(kit.department))
    stored = encode_chain_state(ledger.chain)
    assert decode_chain_state(stored) == ledger.chain
    for damaged in (b"", stored[:-1], stored.replace(b"epoch", b"epoca"), b"[]"):
        with pytest.raises(UnavailableError) as caught:
            decode_chain_state(damaged)
        assert caught.value.code == Code.STORE_CORRUPT


def rebuild(kit, *modules):
    names = sorted({module.name for module in modules})
    wanted = [entry for entry in kit.genesis.modules if entry.name in names]
    import msgspec

    genesis = msgspec.structs.replace(kit.genesis, modules=tuple(wanted))
    return build_machine(genesis, modules, dict.fromkeys(names, "00" * 32), kit.machine.verifier)


def changed(**changes):
    return dataclasses.replace(trial.MODULE, **changes)


def accept(*_arguments):
    return Code.OK


@pytest.mark.parametrize(
    "module",
    [
        changed(namespaces=(Namespace("evidence.mark", live=True),)),
        changed(namespaces=(Namespace("trials.mark"),)),
        changed(handlers=(Handler("evidence.put", 1, trial.Act, accept, accept),)),
        changed(handlers=(Handler("trial.act", 1, trial.Act, accept, accept),) * 2),
        changed(namespaces=(Namespace("trial.value"),) * 2),
    ],
    ids=["another's namespace", "a name that starts alike", "another's type", "a type twice", "a namespace twice"],
)
def test_a_family_that_reaches_into_another_is_refused(trial_kit, module):
    with pytest.raises(UsageError):
        rebuild(trial_kit, ACCOUNTS, EVIDENCE, module)


def test_genesis_writes_stay_at_home_too(trial_kit):
    good = rebuild(trial_kit, ACCOUNTS, changed(genesis=lambda suite, genesis: [(b"trial.value/x", b"1")]))
    writes = genesis_writes(good)
    assert writes == sorted(writes)
    assert (b"trial.value/x", b"1") in writes
    bad = rebuild(trial_kit, ACCOUNTS, changed(genesis=lambda suite, genesis: [(b"accounts.account/x", b"1")]))
    with pytest.raises(UsageError):
        genesis_writes(bad)


@pytest.mark.parametrize("fault", ["absent", "version", "digest"])
def test_a_family_that_genesis_names_must_be_there_as_named(trial_kit, fault):
    modules = [ACCOUNTS, EVIDENCE]
    digests = {"accounts": "00" * 32, "evidence": "00" * 32, "trial": "00" * 32}
    if fault == "version":
        modules.append(changed(version=2))
    if fault == "digest":
        modules.append(trial.MODULE)
        digests["trial"] = "01" * 32
    with pytest.raises(UnavailableError) as caught:
        build_machine(trial_kit.genesis, modules, digests, trial_kit.machine.verifier)
    assert caught.value.code == Code.MODULE_MISSING
    assert "trial" in caught.value.text()


def test_families_that_genesis_does_not_name_are_left_out(kit):
    modules = (ACCOUNTS, EVIDENCE, trial.MODULE)
    digests = dict.fromkeys(("accounts", "evidence", "trial"), "00" * 32)
    machine = build_machine(kit.genesis, modules, digests, kit.machine.verifier)
    assert machine.types == kit.machine.types
    assert isinstance(trial.MODULE, Module)
    assert machine.fingerprint == kit.machine.fingerprint
