"""A node may say anything; each lie is noticed, by its own code, before the client believes a word of it."""

import dataclasses
import json
from typing import ClassVar

import pytest

from govchain.model import Code, GovChainError, VerificationError
from govchain.sdk import EvidenceQuery
from tests.proof.chainkit import Chain, canonical
from tests.sdk.fake import FakeTransport, Lying
from tests.sdk.support import capture, client_of, make_client, write_tree

replace = dataclasses.replace


@pytest.fixture
def file(tmp_path):
    write_tree(tmp_path, {"f.txt": "content"})
    return capture(tmp_path / "f.txt").files[0]


def caught(tmp_path, call, honest=None, **lies):
    """The code with which `call(client)` ends when the node lies; the honest node must have been fine with it."""
    honest = honest or FakeTransport()
    node = Lying(honest, **lies)
    with client_of(tmp_path, node) as client, pytest.raises(GovChainError) as refusal:
        call(client)
    return refusal.value.code


def changed(data, **fields):
    return canonical(json.loads(data) | fields)


RECEIPT_LIES = {
    "a receipt for another transaction": lambda answers, *_: [replace(answers[0], id="ab" * 32)],
    "an altered receipt": lambda answers, *_: [replace(answers[0], receipt=changed(answers[0].receipt, height=99))],
    "a failure told as success": lambda answers, *_: [replace(answers[0], receipt=changed(answers[0].receipt, code=1))],
}


@pytest.mark.parametrize("lie", RECEIPT_LIES.values(), ids=RECEIPT_LIES.keys())
def test_a_wrong_receipt(tmp_path, file, lie):
    assert caught(tmp_path, lambda client: client.put_file(file), submit=lie) is Code.RECEIPT_PROOF


def test_a_receipt_without_a_transaction(tmp_path, file):
    lie = lambda _record, *_: None  # noqa: E731
    assert caught(tmp_path, lambda client: client.put_file(file), transaction=lie) is Code.TRANSACTION_PROOF


RECORD_LIES = {
    "another id": (lambda r: replace(r, id="ab" * 32), Code.TRANSACTION_PROOF),
    "another body": (lambda r: replace(r, body=r.body + b" "), Code.TRANSACTION_PROOF),
    "another signature": (lambda r: replace(r, signatures=(bytes(64),)), Code.TRANSACTION_PROOF),
    "a signature too many": (lambda r: replace(r, signatures=r.signatures * 2), Code.TRANSACTION_PROOF),
    "another place": (lambda r: replace(r, index=r.index + 1), None),
    "another count": (lambda r: replace(r, count=r.count + 1), Code.TRANSACTION_PROOF),
    "another block": (lambda r: replace(r, height=1), Code.TRANSACTION_PROOF),
    "a wrong path": (lambda r: replace(r, transaction_path=(bytes(32),)), None),
    "a wrong receipt path": (lambda r: replace(r, receipt_path=(bytes(32),)), None),
    "another receipt": (lambda r: replace(r, receipt=changed(r.receipt, code=7)), Code.RECEIPT_PROOF),
}


@pytest.mark.parametrize(("lie", "code"), RECORD_LIES.values(), ids=RECORD_LIES.keys())
def test_a_wrong_transaction_proof(tmp_path, file, lie, code):
    honest = FakeTransport()
    with client_of(tmp_path, honest) as client:
        made = client.put_file(file)
    found = caught(tmp_path, lambda client: client.record(made.id), honest, transaction=lambda record, *_: lie(record))
    assert found is code if code is not None else found.name.endswith(("PROOF", "INVALID"))


def resign(chain, data, **fields):
    """A header changed and certified again by its members' own keys: what a coalition of members could do."""
    header = json.loads(data) | fields
    new = canonical(header)
    return new, chain.certify(header, chain.tagged("govchain/header/1", new), chain.members)


class TestHeaders:
    @pytest.fixture
    def honest(self):
        node = FakeTransport()
        for _ in range(4):
            node.chain.put()
        return node

    def newest(self, client):
        return client.checker.newest_header()

    def test_a_changed_header(self, tmp_path, honest):
        lie = lambda data, *_: changed(data, time=1)  # noqa: E731
        assert caught(tmp_path, self.newest, honest, header=lie) is Code.CERTIFICATE_INVALID

    def test_another_block_s_header(self, tmp_path, honest):
        lie = lambda _data, _height: honest.chain.headers[2]  # noqa: E731
        assert caught(tmp_path, self.newest, honest, header=lie) is Code.HEADER_INVALID

    def test_another_chain_s_header_and_certificate(self, tmp_path, honest):
        other = FakeTransport(Chain(members=("other",)))
        for _ in range(4):
            other.chain.put()
        lies = {
            "header": lambda _data, height: other.chain.headers[height],
            "certificate": lambda _data, height: other.chain.certificates[height],
        }
        assert caught(tmp_path, self.newest, honest, **lies) is Code.CERTIFICATE_INVALID

    def test_another_block_s_certificate(self, tmp_path, honest):
        lie = lambda _data, _height: honest.chain.certificates[2]  # noqa: E731
        assert caught(tmp_path, self.newest, honest, certificate=lie) is Code.CERTIFICATE_INVALID

    def test_too_few_signatures(self, tmp_path):
        honest = FakeTransport(Chain(rule="bft", members=("m1", "m2", "m3", "m4")))

        def lie(data, *_):
            value = json.loads(data)
            return canonical({**value, "signatures": value["signatures"][:2]})

        assert caught(tmp_path, self.newest, honest, certificate=lie) is Code.CERTIFICATE_QUORUM

    def test_a_certificate_that_never_comes(self, tmp_path, honest):
        slept = []
        node = Lying(honest, certificate=lambda _data, *_: None)
        client = make_client(tmp_path, node, sleep=slept.append)
        with pytest.raises(GovChainError) as refusal:
            self.newest(client)
        client.catalogue.close()
        assert refusal.value.code is Code.TIMED_OUT
        assert 5 < sum(slept) < 15

    def test_less_than_was_seen_before(self, tmp_path, honest):
        node = Lying(honest)
        with client_of(tmp_path, node) as client:
            self.newest(client)
            node.lies["status"] = lambda status, *_: replace(status, certified_height=status.certified_height - 1)
            with pytest.raises(VerificationError) as refusal:
                self.newest(client)
        assert refusal.value.code is Code.HEAD_STALE

    def test_another_block_at_a_height_that_was_seen(self, tmp_path, honest):
        """Even members' own keys cannot show one user two pasts: a second block at the head, below it, above it."""
        chain = honest.chain
        for height in (chain.height, 2):
            node = Lying(honest)
            with client_of(tmp_path, node) as client:
                self.newest(client)
                client.checker._headers.clear()
                header, certificate = resign(chain, chain.headers[height], time=chain.time + 1)
                node.lies["header"] = lambda data, asked, h=height, new=header: new if asked == h else data
                node.lies["certificate"] = lambda data, asked, h=height, new=certificate: new if asked == h else data
                with pytest.raises(VerificationError) as refusal:
                    client.checker.verified_header(height)
            forked = height == chain.height
            assert refusal.value.code is (Code.HEAD_FORKED if forked else Code.HISTORY_INVALID)

    def test_a_longer_chain_that_forgets_what_was_seen(self, tmp_path, honest):
        longer = FakeTransport()
        for number in range(8):
            longer.chain.put(size=number)
        assert longer.chain.fingerprint == honest.chain.fingerprint
        node = Lying(honest)
        with client_of(tmp_path, node) as client:
            self.newest(client)
            client.checker._transport = longer
            with pytest.raises(VerificationError) as refusal:
                self.newest(client)
        assert refusal.value.code is Code.HEAD_FORKED

    def test_a_signer_set_from_nowhere(self, tmp_path, honest):
        chain = honest.chain
        header, certificate = resign(chain, chain.headers[5], epoch=1)
        lies = {
            "header": lambda data, height: header if height == 5 else data,
            "certificate": lambda data, height: certificate if height == 5 else data,
        }
        assert caught(tmp_path, self.newest, honest, **lies) is Code.HEADER_INVALID


class TestStatus:
    @pytest.fixture
    def honest(self):
        return FakeTransport()

    def test_a_status_from_before_the_withdrawal(self, tmp_path, honest, file):
        node = Lying(honest)
        with client_of(tmp_path, node) as client:
            made = client.put_file(file)
            before = honest.chain.height
            client.withdraw(made.id)
            node.lies["status_proof"] = lambda _proof, keys: honest.status_proof(keys, before)
            with pytest.raises(VerificationError) as refusal:
                client.status(made.id)
        assert refusal.value.code is Code.HEAD_STALE

    STATUS_LIES: ClassVar = {
        "a mark left out": lambda proof: replace(
            proof, entries=tuple(replace(entry, value=None, other=None) for entry in proof.entries)
        ),
        "another state": lambda proof: replace(proof, live=bytes(32)),
        "no entry": lambda proof: replace(proof, entries=()),
        "another key": lambda proof: replace(
            proof, entries=tuple(replace(entry, key=b"evidence.mark/" + bytes(32)) for entry in proof.entries)
        ),
        "a wrong sibling": lambda proof: replace(
            proof, entries=tuple(replace(entry, siblings=(bytes(32), *entry.siblings)) for entry in proof.entries)
        ),
    }

    @pytest.mark.parametrize("lie", STATUS_LIES.values(), ids=STATUS_LIES.keys())
    def test_a_status_that_hides_the_withdrawal(self, tmp_path, honest, file, lie):
        with client_of(tmp_path, honest) as client:
            made = client.put_file(file)
            client.withdraw(made.id)
        found = caught(
            tmp_path, lambda client: client.status(made.id), honest, status_proof=lambda proof, *_: lie(proof)
        )
        assert found is Code.STATUS_PROOF


class TestSearch:
    def test_a_record_that_does_not_meet_the_query(self, tmp_path, file):
        honest = FakeTransport()
        with client_of(tmp_path, honest) as client:
            made = client.put_file(file, reference="R-1")
        found = caught(
            tmp_path,
            lambda client: client.find(EvidenceQuery(reference="R-2")),
            honest,
            find_evidence=lambda _found, *_: [made.id],
        )
        assert found is Code.ITEM_INVALID

    def test_a_history_with_a_stranger_in_it(self, tmp_path, file):
        honest = FakeTransport()
        with client_of(tmp_path, honest) as client:
            one, two = client.put_file(file), client.put_file(file)
        found = caught(
            tmp_path,
            lambda client: client.history(one.id),
            honest,
            evidence_history=lambda found, *_: [*found, two.id],
        )
        assert found is Code.TRANSACTION_PROOF


def test_another_chain_s_genesis(tmp_path):
    honest = FakeTransport()
    node = Lying(honest, genesis=lambda _data, *_: Chain(name="other-chain").genesis_bytes)
    with pytest.raises(VerificationError) as refusal:
        make_client(tmp_path, node)
    assert refusal.value.code is Code.TRUST_MISMATCH
