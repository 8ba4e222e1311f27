"""Windows and replay: when a transaction may enter, and that it enters once (block.md 6)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import govchain_native as native
from govchain.ledger.checks import AHEAD_TOLERANCE_MS
from govchain.model import Code
from tests.ledger.kit import CREATED, EXPIRES, Ledger, PlainWindow, id_of, make_body, put, put_payload, sign

AHEAD_MAX = 600_000


@pytest.mark.parametrize(
    ("ahead", "code"),
    [
        (-1, Code.EXPIRED),
        (0, Code.EXPIRED),
        (1, Code.OK),
        (AHEAD_MAX, Code.OK),
        (AHEAD_MAX + 1, Code.EXPIRES_TOO_FAR),
        (10**12, Code.EXPIRES_TOO_FAR),
    ],
)
def test_window_of_a_block(kit, ledger, ahead, code):
    time = CREATED + 5_000
    envelope = put(kit.department, expires=time + ahead)
    assert ledger.inclusion(envelope, time) == code


@pytest.mark.parametrize(
    ("ahead", "code"),
    [(AHEAD_MAX + AHEAD_TOLERANCE_MS, Code.OK), (AHEAD_MAX + AHEAD_TOLERANCE_MS + 1, Code.EXPIRES_TOO_FAR)],
)
def test_too_far_ahead_waits_in_the_pool(kit, ledger, ahead, code):
    """The pool takes what a clock running ahead made; no block does."""
    envelope = put(kit.department, expires=CREATED + ahead)
    assert ledger.check(envelope, CREATED) == code
    assert ledger.inclusion(envelope, CREATED) == Code.EXPIRES_TOO_FAR


@pytest.mark.requirement("BJ.function.signature.03a")
def test_sent_again(kit, ledger):
    """The same envelope, and the same body with a second valid signature, are the same transaction."""
    body = make_body("evidence.put", put_payload(), kit.department)
    first, second = sign(body, kit.department), sign(body, kit.department)
    assert first != second
    assert ledger.codes(first) == [Code.OK]
    before = ledger.chain.state_root
    for again in (first, second):
        assert ledger.check(again) == ledger.inclusion(again) == Code.REPLAYED
    assert ledger.chain.state_root == before


def test_a_failed_transaction_is_used_as_well(kit, ledger):
    """A receipt with a code uses the id: nobody can hope that it works later."""
    envelope = put(kit.accounts[0, "auditor"])
    assert ledger.codes(envelope) == [Code.ROLE_MISSING]
    assert ledger.check(envelope) == Code.REPLAYED


def test_an_id_is_not_used_before_its_signatures_hold(kit, ledger):
    """Nobody can take another's id: a body with somebody else's signature is refused and leaves no trace."""
    body = make_body("evidence.put", put_payload(), kit.department)
    stolen = sign(body, kit.accounts[1, "department"])
    assert ledger.check(stolen) == ledger.inclusion(stolen) == Code.SIGNATURE_INVALID
    assert len(ledger.window) == 0
    assert ledger.codes(sign(body, kit.department)) == [Code.OK]


def test_replayed_until_it_expires(kit, ledger):
    """As long as the window remembers an id, it is refused as used; after that, as expired."""
    envelope = put(kit.department, expires=CREATED + 20_000)
    ledger.run(envelope, time=CREATED + 10_000)
    for time, code in ((CREATED + 19_999, Code.REPLAYED), (CREATED + 20_000, Code.EXPIRED)):
        assert ledger.check(envelope, time) == ledger.inclusion(envelope, time) == code
    ledger.run(put(kit.department, expires=CREATED + 90_000), time=CREATED + 30_000)
    assert len(ledger.window) == 1
    assert ledger.check(envelope) == Code.EXPIRED


def test_nonce_tells_equal_payloads_apart(kit, ledger):
    payload = put_payload()
    two = [
        sign(make_body("evidence.put", payload, kit.department, nonce=nonce * 16), kit.department)
        for nonce in ("aa", "bb")
    ]
    assert ledger.codes(*two) == [Code.OK, Code.OK]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60_000)), min_size=1, max_size=40),
    st.integers(1, 20_000),
    st.lists(st.integers(0, 90_000), max_size=8),
)
def test_native_window_agrees_with_the_plain_one(entries, bucket, times):
    """Of ids that have not expired both say the same; the native one may remember expired ids a bucket longer."""
    window, plain = native.IdWindow(bucket, 10_000), PlainWindow()
    ids = [(number.to_bytes(32, "big"), expires) for number, expires in entries]
    window.add_many([id for id, _ in ids], [expires for _, expires in ids])
    plain.ids = {}
    held = set(ids)
    for time in sorted(times):
        window.expire(time)
        held = {(id, expires) for id, expires in held if (expires // bucket + 1) * bucket - 1 > time}
        for id, expires in ids:
            if expires > time:
                assert window.contains(id, expires)
            assert window.contains(id, expires) == ((id, expires) in held)
        assert len(window) == len(held)
    again = native.IdWindow.load(window.dump())
    assert again.dump() == window.dump()


@pytest.mark.requirement("BJ.compatibility.interoperability.02c")
def test_twice_and_out_of_order(kit):
    """The same records sent twice and in another order give the state that they give once and in order.

    State keys that name a record by its place (height and index) differ with the order, everything else is the same:
    so the comparison is of what each record says.
    """
    records = [put(kit.department, expires=EXPIRES) for _ in range(12)]
    straight, shuffled = Ledger(kit), Ledger(kit)
    for record in records:
        assert straight.codes(record) == [Code.OK]
    order = [7, 3, 3, 11, 0, 7, 5, 1, 1, 1, 10, 2, 4, 0, 6, 8, 9, 11, 3]
    seen = set()
    for number in order:
        code = shuffled.check(records[number])
        assert code == (Code.REPLAYED if number in seen else Code.OK)
        if not code:
            assert shuffled.codes(records[number]) == [Code.OK]
        seen.add(number)
    assert facts(straight) == facts(shuffled)
    assert len(facts(straight)[0]) == len(records)


def facts(ledger):
    """Ids of the records, and by which digests each is found."""
    keys = [key for key, _ in ledger.state.scan(b"evidence.")]
    records = sorted(key for key in keys if key.startswith(b"evidence.record/"))
    digests = sorted(key for key in keys if key.startswith(b"evidence.by_digest/"))
    return records, digests


def test_identifiers_differ(kit, ledger):
    """Every transaction of many has an id of its own, and it is the digest of its body."""
    bodies = [make_body("evidence.put", put_payload(), kit.department) for _ in range(300)]
    envelopes = [sign(body, kit.department) for body in bodies]
    block = ledger.run(*envelopes)
    ids = [prepared.id for prepared in block.transactions]
    assert len(set(ids)) == 300
    assert ids == [native.sm3(body) for body in bodies] == [id_of(envelope) for envelope in envelopes]
