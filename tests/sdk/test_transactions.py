import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain.crypto import ALGORITHMS, SigningKey, get_suite
from govchain.model import Code, UsageError
from govchain.modules.accounts.messages import Freeze
from govchain.proof.transactions import decode_body, decode_envelope
from govchain.sdk.transactions import (
    DATA_BYTES_MAX,
    EXPIRES_AFTER_MS,
    build_body,
    build_transaction,
    make_memo,
    new_nonce,
    now_ms,
    signer_entry,
)

GM = get_suite("gm")
ALICE = SigningKey("sm2-sm3", bytes([7] * 32))
BOB = SigningKey("ed25519", bytes([9] * 32))
PAYLOAD = Freeze("00" * 20, "left")


def build(**options):
    settings = {"suite": GM, "chain": "test-chain", "type": "accounts.freeze", "payload": PAYLOAD, "signers": [ALICE]}
    return build_transaction(**{**settings, "nonce": "00" * 16, "now": 1000, **options})


def test_the_same_input_gives_the_same_body_and_id():
    one, two = build(), build()
    assert one.body == two.body
    assert one.id == two.id == GM.digest(one.body).hex()


def test_the_body_is_what_the_specification_says():
    value = json.loads(build().body)
    assert value == {
        "chain": "test-chain",
        "type": "accounts.freeze",
        "version": 1,
        "signers": [
            {
                "account": signer_entry(GM, "test-chain", ALICE).account,
                "algorithm": "sm2-sm3",
                "key": ALICE.public_key.hex(),
            }
        ],
        "nonce": "00" * 16,
        "expires": 1000 + EXPIRES_AFTER_MS,
        "time": 1000,
        "payload": {"account": "00" * 20, "reason": "left"},
    }


def test_the_envelope_holds_body_and_signatures_which_verify():
    built = build(signers=[ALICE, BOB])
    body, signatures = decode_envelope(built.envelope)
    assert body == built.body
    assert signatures == built.signatures
    for signer, signature in zip((ALICE, BOB), signatures, strict=True):
        assert ALGORITHMS[signer.algorithm].check_signature(signer.public_key, body, signature) is Code.OK


@pytest.mark.requirement("BJ.data.04_002", "BJ.data.04_003", "BJ.data.04_004")
@pytest.mark.parametrize(("kind", "value"), [("text", "备注"), ("id", "CASE-1"), ("hash", "ab" * 32)])
def test_optional_elements_are_read_back_as_they_were_given(kind, value):
    body = decode_body(build(recipient="ab" * 20, data=b"\x00extra", memo=make_memo(kind, value)).body)
    assert (body.recipient, body.data) == ("ab" * 20, b"\x00extra".hex())
    assert (body.memo.kind, body.memo.value) == (kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("text", "x" * 1025), ("id", "x" * 129), ("hash", "ab" * 31), ("hash", "AB" * 32), ("image", "x")],
)
def test_a_memo_out_of_bounds_is_refused(kind, value):
    with pytest.raises(UsageError):
        make_memo(kind, value)


def test_one_account_signs_once():
    with pytest.raises(UsageError) as refusal:
        build(signers=[ALICE, ALICE])
    assert refusal.value.code is Code.SIGNER_REPEATED


def test_a_transaction_needs_a_signer_and_bounded_data():
    with pytest.raises(UsageError):
        build(signers=[])
    with pytest.raises(UsageError):
        build(data=bytes(DATA_BYTES_MAX + 1))


def test_a_rotated_key_signs_for_its_account():
    assert json.loads(build(accounts=["cd" * 20]).body)["signers"][0]["account"] == "cd" * 20


def test_nonces_differ_and_time_goes_on():
    assert len({new_nonce() for _ in range(100)}) == 100
    assert all(len(nonce) == 32 for nonce in (new_nonce(), new_nonce()))
    assert now_ms() > 1_700_000_000_000


@given(
    nonce=st.binary(min_size=8, max_size=32).map(bytes.hex),
    expires=st.integers(0, 2**53 - 1),
    data=st.none() | st.binary(max_size=64),
    memo=st.none() | st.text(st.characters(codec="utf-8"), max_size=50),
)
def test_every_body_that_is_built_is_read_by_the_verifier(nonce, expires, data, memo):
    body = build_body(
        chain="test-chain",
        type="accounts.freeze",
        payload=PAYLOAD,
        signers=[signer_entry(GM, "test-chain", ALICE)],
        nonce=nonce,
        expires=expires,
        data=data,
        memo=None if memo is None else make_memo("text", memo),
    )
    read = decode_body(body)
    assert (read.nonce, read.expires) == (nonce, expires)
    assert memo is None or read.memo.value == memo
