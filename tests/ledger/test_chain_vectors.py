"""The fixed chain of tests/vectors/chain: every encoder and every identity of the product gives exactly its bytes."""

import json

import msgspec
import pytest

from govchain import proof
from govchain.crypto import SigningKey, account_address, check_signature, get_suite
from govchain.ledger.execution import encode_receipt
from govchain.merkle import Frontier
from govchain.model.wire import Certificate, Genesis, Header, Receipt
from govchain.modules.evidence.keys import MARK
from govchain.state import (
    NO_STATE_ROOT,
    Batch,
    MemoryStore,
    NamespaceRegistry,
    Table,
    compute_state_root,
)
from tests.vectors.chain import make_chain

SUITE = get_suite("gm")
VECTOR = json.loads(make_chain.FILE.read_text("utf-8"))
BLOCKS = VECTOR["blocks"]
TRANSACTIONS = [transaction for block in BLOCKS for transaction in block["transactions"]]


def value_of(text, schema):
    """The value by the plain standard library, so that encoding it again is all that is tested."""
    return msgspec.convert(json.loads(text), schema)


def root(leaves):
    tree = Frontier(SUITE.digest)
    for leaf in leaves:
        tree = tree.append(leaf)
    return tree.root().hex()


def test_the_builder_makes_this_file_again():
    assert make_chain.text() == make_chain.FILE.read_text("utf-8")


def test_keys_and_addresses():
    for one in (*VECTOR["keys"].values(), *VECTOR["members"]):
        assert SigningKey("sm2-sm3", bytes.fromhex(one["secret"])).public_key.hex() == one["public"]
    for one in VECTOR["keys"].values():
        assert account_address(SUITE, "gov-vector", "sm2-sm3", bytes.fromhex(one["public"])).hex() == one["address"]


def test_genesis_its_fingerprint_and_its_signer_set():
    genesis = value_of(VECTOR["genesis"], Genesis)
    assert proof.encode_genesis(genesis).decode() == VECTOR["genesis"]
    assert proof.decode_genesis(VECTOR["genesis"].encode(), canonical=True) == genesis
    assert proof.fingerprint(genesis).hex() == VECTOR["fingerprint"]
    assert proof.signer_set_digest(SUITE, proof.first_signer_set(genesis)).hex() == VECTOR["signer_set_digest"]


@pytest.mark.parametrize("transaction", TRANSACTIONS, ids=lambda transaction: transaction["id"][:8])
def test_transactions_envelopes_ids_leaves_and_receipts(transaction):
    body = transaction["body"].encode()
    signatures = tuple(map(bytes.fromhex, transaction["signatures"]))
    envelope = bytes.fromhex(transaction["envelope"])
    assert proof.encode_envelope(body, signatures) == envelope
    assert proof.decode_envelope(envelope) == (body, signatures)
    assert SUITE.digest(body).hex() == transaction["id"]
    assert SUITE.digest(envelope).hex() == transaction["leaf"]
    receipt = transaction["receipt"].encode()
    assert encode_receipt(value_of(receipt, Receipt)) == receipt
    assert proof.decode_receipt(receipt).transaction == transaction["id"]
    signers = proof.decode_body(body).signers
    assert len(signers) == len(signatures)
    for signer, signature in zip(signers, signatures, strict=True):
        assert check_signature(signer.algorithm, bytes.fromhex(signer.key), body, signature) == 0
        assert check_signature(signer.algorithm, bytes.fromhex(signer.key), body + b" ", signature) != 0


def test_state_roots():
    store, previous, live = MemoryStore(), NO_STATE_ROOT, None
    registry = NamespaceRegistry([MARK])
    before = compute_state_root(SUITE, previous, [], registry, store)
    previous, live = before.root, before.live
    for block in BLOCKS:
        assert previous.hex() == block["previous_state_root"]
        writes = [
            (bytes.fromhex(one["key"]), None if one["value"] is None else bytes.fromhex(one["value"]))
            for one in block["writes"]
        ]
        made = compute_state_root(SUITE, previous, writes, registry, store, live)
        assert (made.delta.hex(), made.live.hex(), made.root.hex()) == (
            block["delta_root"],
            block["live_root"],
            block["state_root"],
        )
        batch = Batch()
        batch.extend(Table.LIVE, made.live_node_writes.items())
        store.write(batch, durable=False)
        previous, live = made.root, made.live


def test_headers_identities_and_their_trees():
    identities = []
    previous = VECTOR["fingerprint"]
    for block in BLOCKS:
        header = value_of(block["header"], Header)
        assert proof.encode_header(header).decode() == block["header"]
        assert proof.decode_header(block["header"].encode()) == header
        identity = proof.header_identity(SUITE, block["header"].encode())
        assert identity.hex() == block["identity"]
        assert header.previous == previous
        assert header.history == root(identities)
        assert header.transaction_root == root(bytes.fromhex(one["leaf"]) for one in block["transactions"])
        assert header.receipt_root == root(one["receipt"].encode() for one in block["transactions"])
        assert header.state_root == block["state_root"]
        identities.append(identity)
        previous = block["identity"]


def test_finality_certificates():
    keys = [bytes.fromhex(one["public"]) for one in VECTOR["members"]]
    for block in BLOCKS:
        header = value_of(block["header"], Header)
        identity, state_root = bytes.fromhex(block["identity"]), bytes.fromhex(header.state_root)
        message = proof.finality_message(header.chain, header.epoch, header.height, identity, state_root)
        assert message.hex() == block["finality_message"]
        certificate = value_of(block["certificate"], Certificate)
        assert proof.encode_certificate(certificate).decode() == block["certificate"]
        assert proof.decode_certificate(block["certificate"].encode()) == certificate
        signatures = {bytes.fromhex(one.key): bytes.fromhex(one.signature) for one in certificate.signatures}
        assert list(signatures) == keys
        assert proof.assemble_certificate(header, identity, certificate.set, signatures) == certificate
        proof.verify_certificate(SUITE, header, identity, certificate)


def test_one_changed_character_of_the_vector_is_noticed():
    """The comparison can fail: a header with another time has another identity, and no certificate."""
    block = BLOCKS[0]
    changed = block["header"].replace('"height":1', '"height":2')
    assert changed != block["header"]
    assert proof.header_identity(SUITE, changed.encode()).hex() != block["identity"]
