"""Which blocks may be: what a proposer chooses and what the others accept are the same (block.md 6)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import govchain_native as native
from govchain.ledger import check_proposal, prepare, select_transactions
from govchain.model import Code
from tests.ledger.kit import (
    CREATED,
    EXPIRES,
    Kit,
    Ledger,
    make,
    make_body,
    new_account,
    put,
    put_payload,
    seal,
    shuffled,
    sign,
)

MIB = 1024 * 1024


def judge(ledger, envelopes, time=CREATED + 1, window=None):
    prepared = prepare(ledger.machine, envelopes)
    return check_proposal(ledger.machine, prepared, ledger.directory, window or ledger.window, time)


def choose(ledger, envelopes, time=CREATED + 1, bytes_max=MIB, window=None):
    prepared = prepare(ledger.machine, envelopes)
    return select_transactions(ledger.machine, prepared, ledger.directory, window or ledger.window, time, bytes_max)


def defects(kit, ledger):
    """Envelopes that no block may carry, and why."""
    good = make_body("evidence.put", put_payload(), kit.department)
    used = put(kit.department)
    ledger.run(used)
    return {
        Code.ENVELOPE_MALFORMED: sign(good, kit.department) + b"\0",
        Code.ENVELOPE_SIGNATURES: seal(good),
        Code.JSON_SYNTAX: sign(good[:-1], kit.department),
        Code.BODY_SHAPE: sign(good.replace(b'"nonce"', b'"nonsense"'), kit.department),
        Code.TYPE_UNKNOWN: put(kit.department, type="evidence.erase"),
        Code.TYPE_VERSION: put(kit.department, version=2),
        Code.PAYLOAD_SHAPE: make("evidence.put", {}, kit.department),
        Code.CHAIN_WRONG: put(kit.department, chain="another"),
        Code.SIGNER_UNKNOWN: put(new_account()),
        Code.SIGNATURE_INVALID: sign(good, kit.accounts[1, "department"]),
        Code.EXPIRED: put(kit.department, expires=CREATED + 1),
        Code.EXPIRES_TOO_FAR: put(kit.department, expires=CREATED + 700_000),
        Code.REPLAYED: used,
    }


def test_defects_never_enter(kit, ledger):
    """Each makes a proposal invalid by its code, alone and among good ones; a proposer puts them aside."""
    for code, envelope in defects(kit, ledger).items():
        good = [put(kit.department), put(kit.department)]
        assert judge(ledger, [envelope], CREATED + 5) == code
        assert judge(ledger, [good[0], envelope, good[1]], CREATED + 5) == code
        selection = choose(ledger, [good[0], envelope, good[1]], CREATED + 5)
        assert [prepared.envelope for prepared in selection.chosen] == good
        # What is only too early stays in the pool; everything else leaves it, with its reason.
        expected = [] if code == Code.EXPIRES_TOO_FAR else [(envelope, code)]
        assert [(prepared.envelope, why) for prepared, why in selection.refused] == expected


def test_what_execution_decides_is_no_defect(kit, ledger):
    """Frozen signers, missing roles, unknown records: they may be in a block, and become receipts."""
    auditor = kit.accounts[0, "auditor"]
    assert judge(ledger, [put(auditor)]) == Code.OK
    assert [prepared.envelope for prepared in choose(ledger, [put(auditor)]).chosen] != []


def test_an_empty_block_is_none(kit, ledger):
    assert judge(ledger, []) == Code.BLOCK_INVALID
    assert choose(ledger, []).chosen == ()


def test_an_id_twice_in_a_block(kit, ledger):
    body = make_body("evidence.put", put_payload(), kit.department)
    first, second, other = sign(body, kit.department), sign(body, kit.department), put(kit.department)
    for pair in ([first, first], [first, second], [first, other, second]):
        assert judge(ledger, pair) == Code.REPLAYED
    selection = choose(ledger, [first, second, other])
    assert [prepared.envelope for prepared in selection.chosen] == [first, other]
    assert [code for _, code in selection.refused] == [Code.REPLAYED]


def test_number_of_transactions():
    ledger = Ledger(Kit(limits={"block_transactions_max": 3}))
    envelopes = [put(ledger.kit.department) for _ in range(5)]
    assert judge(ledger, envelopes[:3]) == Code.OK
    assert judge(ledger, envelopes[:4]) == Code.BLOCK_INVALID
    selection = choose(ledger, envelopes)
    assert [prepared.envelope for prepared in selection.chosen] == envelopes[:3]
    assert selection.refused == ()


def test_bytes_of_a_block():
    kit = Kit()
    envelopes = [put(kit.department) for _ in range(5)]
    limit = sum(map(len, envelopes[:3]))
    limits = {"block_bytes_max": limit, "body_bytes_max": 1024}
    ledger = Ledger(Kit(limits=limits))
    envelopes = [put(ledger.kit.department) for _ in range(5)]
    three = sum(map(len, envelopes[:3]))
    assert judge(ledger, envelopes[:3]) == (Code.OK if three <= limit else Code.BLOCK_INVALID)
    assert judge(ledger, envelopes[:4]) == Code.BLOCK_INVALID
    chosen = choose(ledger, envelopes).chosen
    assert len(chosen) in (2, 3)
    assert sum(len(prepared.envelope) for prepared in chosen) <= limit
    # The engine's own limit counts as well.
    assert len(choose(ledger, envelopes, bytes_max=len(envelopes[0]) + 5).chosen) == 1


def test_one_that_fits_no_block_of_the_engine_does_not_hold_up_the_others(kit, ledger):
    large = put(kit.department, data="00" * 8000)
    small = put(kit.department)
    selection = choose(ledger, [large, small], bytes_max=4096)
    assert [prepared.envelope for prepared in selection.chosen] == [small]
    assert [code for _, code in selection.refused] == [Code.BODY_TOO_LARGE]


def test_capacity_of_the_window():
    ledger = Ledger(Kit(limits={"window_ids_max": 4}))
    envelopes = [put(ledger.kit.department, expires=EXPIRES + number) for number in range(6)]
    assert judge(ledger, envelopes[:5]) == Code.WINDOW_FULL
    assert [prepared.envelope for prepared in choose(ledger, envelopes).chosen] == envelopes[:4]
    ledger.run(*envelopes[:3])
    assert judge(ledger, envelopes[3:4]) == Code.OK
    assert judge(ledger, envelopes[3:5]) == Code.WINDOW_FULL
    assert [prepared.envelope for prepared in choose(ledger, envelopes[3:]).chosen] == envelopes[3:4]
    ledger.run(envelopes[3])
    assert judge(ledger, envelopes[4:5]) == Code.WINDOW_FULL
    selection = choose(ledger, envelopes[4:])
    assert (selection.chosen, selection.refused) == ((), ())


def test_order_of_the_pool_is_kept(kit, ledger):
    envelopes = shuffled([put(kit.department) for _ in range(30)], 5)
    assert [prepared.envelope for prepared in choose(ledger, envelopes).chosen] == envelopes


@pytest.fixture(scope="module")
def crowd():
    """Small limits and a mixed bag of candidates, with a few ids used already."""
    kit = Kit(
        limits={"block_transactions_max": 6, "block_bytes_max": 8192, "body_bytes_max": 4096, "window_ids_max": 14}
    )
    ledger = Ledger(kit)
    used = [put(kit.department) for _ in range(4)]
    ledger.run(*used)
    body = make_body("evidence.put", put_payload(), kit.department)
    candidates = [
        *used,
        sign(body, kit.department),
        sign(body, kit.department),
        *defects(kit, ledger).values(),
        *(put(kit.department, data="00" * (number * 100)) for number in range(12)),
        *(put(kit.department, expires=CREATED + number * 100_000) for number in range(8)),
        put(kit.accounts[0, "auditor"]),
    ]
    return ledger, prepare(kit.machine, candidates)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_chosen_is_accepted(crowd, data):
    """For any pool, any time, any limit of the engine; and what is put aside was never acceptable."""
    ledger, prepared = crowd
    candidates = data.draw(st.lists(st.sampled_from(prepared), max_size=30))
    time = CREATED + data.draw(st.integers(0, 900_000))
    bytes_max = data.draw(st.integers(1, 10_000))
    window = native.IdWindow(10_000, 14)
    ids = [(item.id, item.body.expires) for block in ledger.blocks for item in block.transactions]
    window.add_many([id for id, _ in ids], [expires for _, expires in ids])
    selection = select_transactions(ledger.machine, candidates, ledger.directory, window, time, bytes_max)
    if selection.chosen:
        assert check_proposal(ledger.machine, selection.chosen, ledger.directory, window, time) == Code.OK
    assert sum(len(item.envelope) for item in selection.chosen) <= bytes_max
    for item, code in selection.refused:
        assert code
        alone = check_proposal(ledger.machine, [item], ledger.directory, window, time)
        again = any(item.id == chosen.id for chosen in selection.chosen)
        assert alone or again or len(item.envelope) > bytes_max
    places = [candidates.index(item) for item in selection.chosen]
    assert places == sorted(places)
