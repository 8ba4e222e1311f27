"""The smaller parts of the room, each on its own."""

import json

import pytest

from govchain import merkle, proof
from govchain.crypto import get_suite
from govchain.model import Code, DecodingError, UsageError, VerificationError
from govchain.model.wire import SignerKey, SignerSet
from govchain.modules.evidence import messages
from tests.proof.chainkit import KINDS, Chain, Members, canonical, convert, item

GM = get_suite("gm")


def test_public_names():
    assert len(proof.__all__) == len(set(proof.__all__)) == 67
    assert all(hasattr(proof, name) for name in proof.__all__)
    assert {"build_package", "verify_package", "decode_anchor", "TrustAnchors", "OriginalFacts"} <= set(proof.__all__)


@pytest.mark.requirement(
    "BJ.data.02_001", "BJ.data.02_002", "BJ.data.02_003", "BJ.data.02_004", "BJ.data.02_006", "BJ.data.structure.10"
)  # fmt: skip
def test_a_header_has_the_elements_of_the_data_format():
    chain = Chain()
    for _ in range(10):
        chain.put()
    headers = [proof.decode_header(chain.headers[height]) for height in range(1, 11)]
    assert [header.height for header in headers] == list(range(1, 11))
    assert {header.version for header in headers} == {1}
    identities = [proof.header_identity(GM, proof.encode_header(header)) for header in headers]
    assert identities == chain.identities
    assert len(set(identities)) == 10
    assert {len(identity) for identity in identities} == {32}
    assert [header.previous for header in headers[1:]] == [identity.hex() for identity in identities[:-1]]
    times = [header.time for header in headers]
    assert times == sorted(set(times))
    assert all(0 < time < 2**63 for time in times)


@pytest.mark.requirement("BJ.data.structure.09")
def test_headers_alone_prove_the_chain():
    chain = Chain(rule="bft", members=("a", "b", "c", "d"))
    for number in range(6):
        chain.add(chain.body("any.thing", {"n": number}))
    genesis = proof.decode_genesis(chain.genesis_bytes)
    walk, history, previous = proof.EpochWalk.from_genesis(GM, genesis), [], proof.fingerprint(genesis)
    for height in range(1, 7):
        header = proof.decode_header(chain.headers[height])
        identity = proof.header_identity(GM, chain.headers[height])
        assert bytes.fromhex(header.previous) == previous
        assert bytes.fromhex(header.history) == merkle.root(GM.digest, history)
        walk = walk.step(header)
        proof.verify_certificate(GM, header, identity, proof.decode_certificate(chain.certificates[height]))
        previous = identity
        history.append(identity)


@pytest.mark.requirement("BJ.data.02_005", "BJ.data.02_007", "BJ.data.structure.11", "BJ.data.structure.02")
def test_the_body_of_a_block_gives_the_roots_of_its_header():
    chain = Chain()
    ids = chain.add(*(chain.body("any.thing", {"n": n}) for n in range(3)))
    header = proof.decode_header(chain.headers[1])
    found = [chain.find(id) for id in ids]
    envelopes = [GM.digest(proof.encode_envelope(body, signatures)) for _, _, body, signatures, *_ in found]
    assert len(envelopes) == header.transaction_count == 3
    assert merkle.root(GM.digest, envelopes).hex() == header.transaction_root
    assert merkle.root(GM.digest, [receipt for _, _, _, _, receipt, *_ in found]).hex() == header.receipt_root
    assert bytes.fromhex(header.state_root) == GM.tagged("govchain/state/1", *chain.roots[1])
    contents = chain.contents(ids[1])
    (entry,) = contents.transactions
    body, receipt = proof.verify_transaction(GM, header, entry.body, entry.receipt, entry.proof)
    assert (body.type, receipt.index) == ("any.thing", 1)
    with pytest.raises(VerificationError) as refusal:
        proof.verify_transaction(GM, header, entry.body, found[0][4], entry.proof)
    assert refusal.value.code is Code.RECEIPT_PROOF


@pytest.mark.parametrize(
    ("rule", "members", "needed"),
    [
        ("solo", 1, 1), ("solo", 3, 1), ("raft", 1, 1), ("raft", 2, 2), ("raft", 3, 2), ("raft", 4, 3), ("raft", 5, 3),
        ("bft", 1, 1), ("bft", 2, 2), ("bft", 3, 3), ("bft", 4, 3), ("bft", 5, 4), ("bft", 6, 5), ("bft", 7, 5),
        ("bft", 10, 7), ("bft", 100, 67),
    ],
)  # fmt: skip
def test_quorums(rule, members, needed):
    assert proof.quorum(rule, members) == needed


@pytest.mark.parametrize(("rule", "members"), [("solo", 0), ("bft", 0), ("dice", 3), ("raft", -1)])
def test_quorums_of_nobody(rule, members):
    with pytest.raises(UsageError):
        proof.quorum(rule, members)


def test_signer_sets_and_their_digest():
    chain = Chain(rule="bft", members=("a", "b", "c"))
    value = convert(chain.members.set, SignerSet)
    assert proof.signer_set_digest(GM, value).hex() == chain.members.digest(chain)
    assert proof.check_signer_set(GM, value) == ""
    assert proof.check_signer_set(GM, SignerSet(value.keys[::-1], "bft")) == "order of keys"
    assert proof.check_signer_set(get_suite("international"), value) == "algorithm"
    assert proof.check_signer_set(GM, SignerSet((SignerKey("sm2-sm3", "11" * 64),), "solo")) == "key"
    softer = SignerSet(value.keys, "solo")
    assert proof.signer_set_digest(GM, softer) != proof.signer_set_digest(GM, value)


def test_certificates_are_assembled_and_verified():
    chain = Chain(rule="bft", members=("a", "b", "c", "d"))
    chain.put()
    header, identity = proof.decode_header(chain.headers[1]), chain.identities[0]
    signers = convert(chain.members.set, SignerSet)
    root = bytes.fromhex(header.state_root)
    message = proof.finality_message(header.chain, header.epoch, header.height, identity, root)
    signatures = {key.public_key: key.sign(message) for key in chain.members.keys}
    whole = proof.assemble_certificate(header, identity, signers, signatures)
    proof.verify_certificate(GM, header, identity, whole)
    assert proof.decode_certificate(proof.encode_certificate(whole)) == whole
    two = dict(list(signatures.items())[:2])
    with pytest.raises(VerificationError) as refusal:
        proof.verify_certificate(GM, header, identity, proof.assemble_certificate(header, identity, signers, two))
    assert refusal.value.code is Code.CERTIFICATE_QUORUM


def test_the_walk_over_epochs():
    chain = Chain()
    chain.put()
    chain.add(chain.body("net.change", {}), next_members=Members("gm", "raft", ("r1", "r2")))
    chain.put()
    genesis = proof.decode_genesis(chain.genesis_bytes)
    walk = proof.EpochWalk.from_genesis(GM, genesis)
    headers = [proof.decode_header(chain.headers[height]) for height in (1, 2, 3)]
    for header in headers:
        walk = walk.step(header)
    assert (walk.epoch, walk) == (1, proof.EpochWalk.after(headers[2]))
    for first, then in ((None, 2), (1, 0)):
        start = proof.EpochWalk.from_genesis(GM, genesis) if first is None else proof.EpochWalk.after(headers[first])
        with pytest.raises(VerificationError):
            start.step(headers[then])


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65535, 65536])
@pytest.mark.parametrize("count", [1, 15, 16, 300])
def test_envelopes_have_one_encoding(size, count):
    chain = Chain()
    body, signatures = b"b" * size, tuple(bytes((n % 256,)) * 64 for n in range(count))
    data = proof.encode_envelope(body, signatures)
    assert data == chain.envelope(body, signatures) or count > 255
    assert proof.decode_envelope(data) == (body, signatures)
    for other in (data + b"\0", data[:-1], b"\x94" + data[1:], b"\x93\xcc\x01" + data[2:], b"\xdc\0\x03" + data[1:]):
        with pytest.raises(DecodingError) as refusal:
            proof.decode_envelope(other)
        assert refusal.value.code is Code.ENVELOPE_MALFORMED
    with pytest.raises(DecodingError) as refusal:
        proof.decode_envelope(b"\x93\x02" + data[2:])
    assert refusal.value.code is Code.ENVELOPE_VERSION


@pytest.mark.parametrize(
    "data",
    [
        b"\x93\x01\xc4\x01b\x91\xd9\x01s",  # a text instead of bytes
        b"\x93\x01\xc5\x00\x01b\x91\xc4\x01s",  # a longer length form
        b"\x93\x01\xc4\x01b\xdc\x00\x01\xc4\x01s",  # a longer array form
        b"\x93\xc3\xc4\x01b\x91\xc4\x01s",  # true instead of 1
        b"\x93\xca\x3f\x80\x00\x00\xc4\x01b\x91\xc4\x01s",  # 1.0 instead of 1
        b"\x92\x01\xc4\x01b",
        b"",
    ],
)
def test_lenient_envelopes_are_refused(data):
    with pytest.raises(DecodingError) as refusal:
        proof.decode_envelope(data)
    assert refusal.value.code is Code.ENVELOPE_MALFORMED


def test_items():
    good = convert(item(), messages.Item)
    assert messages.check_item(good) is Code.OK
    assert messages.decode_item(canonical(item())) == good
    assert messages.encode_item(good) == canonical(item())
    assert messages.check_item(convert(item(name="a\u2066b"), messages.Item)) is Code.EVIDENCE_ITEM
    assert messages.item_fault(convert(item(sha256=None), messages.Item)) == "one digest without the other"


def test_plans_name_what_a_claim_needs():
    id = "ab" * 32
    plan = proof.plan_package([proof.Claim(3, "evidence", 5, 7, id)], KINDS)
    assert plan.heights == (1, 3, 7)
    assert plan.head == 7
    assert plan.histories == ((1, 3), (1, 7), (3, 7))
    assert plan.optional == (f"attachments/openings-{id}-5.json",)
    assert {f"attachments/item-{id}-5.json", f"proofs/member-{id}-5.json"} <= set(plan.names)
    assert proof.plan_package([proof.Claim(1, "transaction", None, None, id)], KINDS).histories == ()


@pytest.mark.parametrize("headers", [{}, {1: (b"", b"")}])
def test_a_package_that_would_be_refused_is_never_built(headers):
    chain = Chain()
    contents = chain.contents({"id": chain.put(), "at": 1})
    from dataclasses import replace

    with pytest.raises(VerificationError) as refusal:
        proof.build_package(replace(contents, headers=headers), KINDS)
    assert refusal.value.step in (2, 4)
    with pytest.raises(VerificationError):
        proof.build_package(replace(contents, transactions=()), KINDS)


def test_archives_refuse_names_and_numbers_that_no_package_has():
    for members in ({}, {"A": b""}, {"a/b": b""}, {"x" * 121: b""}, {f"proofs/{n}": b"" for n in range(4097)}):
        with pytest.raises(VerificationError) as refusal:
            proof.encode_archive(members)
        assert refusal.value.code is Code.PACKAGE_CONTAINER


def test_genesis_may_be_indented_and_keeps_its_fingerprint():
    chain = Chain()
    for data in (chain.genesis_bytes, json.dumps(chain.genesis, indent=4).encode()):
        genesis = proof.decode_genesis(data)
        assert proof.fingerprint(genesis).hex() == chain.fingerprint
        assert proof.encode_genesis(genesis) == chain.genesis_bytes
    assert proof.first_signer_set(genesis) == convert(chain.members.set, SignerSet)
    assert proof.check_genesis(genesis) == ""


def test_verification_in_process_is_fast():
    import time

    chain = Chain()
    id = chain.put()
    chain.put()
    data = chain.package({"id": id, "at": 2})
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        proof.verify_package(data, kinds=KINDS, trusted=chain.anchors)
        best = min(best, time.perf_counter() - start)
    assert best <= 0.05
