"""Equivocation proofs: two signatures of one member, and everything that is no such thing (block.md 5.3)."""

import msgspec
import pytest

from govchain.crypto import get_suite
from govchain.model import Code, DecodingError, VerificationError, encode_struct
from govchain.proof.certificates import finality_message
from govchain.proof.equivocation import SignedBlock, build_equivocation, decode_equivocation, verify_equivocation
from tests.ledger.kit import new_account

SUITE = get_suite("gm")


def block(account, identity, root=b"\x02" * 32, height=7, epoch=1):
    signature = account.signer.sign(finality_message("chain-a", epoch, height, identity, root))
    return SignedBlock(identity.hex(), root.hex(), signature.hex())


@pytest.fixture(scope="module")
def liar():
    return new_account()


@pytest.fixture(scope="module")
def good(liar):
    blocks = (block(liar, b"\x09" * 32), block(liar, b"\x01" * 32))
    return build_equivocation("chain-a", 1, 7, "sm2-sm3", liar.key, blocks)


def test_two_signatures_over_different_blocks_prove_it(good, liar):
    proof = verify_equivocation(SUITE, good)
    assert (proof.chain, proof.epoch, proof.height, proof.key) == ("chain-a", 1, 7, liar.key.hex())
    assert [signed.identity[:2] for signed in proof.blocks] == ["01", "09"]


def test_another_state_root_is_another_block(liar):
    blocks = (block(liar, b"\x01" * 32), block(liar, b"\x01" * 32, b"\x03" * 32))
    assert verify_equivocation(SUITE, build_equivocation("chain-a", 1, 7, "sm2-sm3", liar.key, blocks)).height == 7


def changed(good, **fields):
    return encode_struct(msgspec.structs.replace(decode_equivocation(good), **fields))


@pytest.mark.parametrize("field", ["chain", "epoch", "height", "key", "algorithm"])
def test_every_field_is_signed(good, field):
    value = {"chain": "chain-b", "epoch": 2, "height": 8, "key": new_account().key.hex(), "algorithm": "ed25519"}[field]
    with pytest.raises(VerificationError) as caught:
        verify_equivocation(SUITE, changed(good, **{field: value}))
    assert caught.value.code is Code.EQUIVOCATION_INVALID


def test_one_block_twice_and_wrong_order_are_refused(good, liar):
    first, second = decode_equivocation(good).blocks
    again = block(liar, bytes.fromhex(first.identity))  # SM2 signatures differ each time
    for blocks in ((second, first), (first, first), (first, again)):
        with pytest.raises(VerificationError):
            verify_equivocation(SUITE, changed(good, blocks=blocks))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"format":"govchain-equivocation/1"}'])
def test_what_is_no_proof_is_refused(data):
    with pytest.raises(DecodingError):
        verify_equivocation(SUITE, data)


def test_every_changed_byte_is_noticed(good):
    """One by one through the whole proof."""
    for place in range(len(good)):
        altered = bytearray(good)
        altered[place] ^= 1
        with pytest.raises((DecodingError, VerificationError)):
            verify_equivocation(SUITE, bytes(altered))
