"""The SDK's client over an embedded node: the whole way there and back, and a node that lies is found out."""

import dataclasses

import pytest

import govchain_native as native
from govchain.model import Code, GovChainError, RefusedError, UsageError, VerificationError
from govchain.node.embedded import open_embedded, passphrase_source
from govchain.proof.genesis import decode_genesis, encode_genesis, fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.proof.verify import verify_package
from govchain.sdk.capture import CaptureOptions, capture_paths
from govchain.sdk.catalogue import Catalogue
from govchain.sdk.client import Client
from govchain.sdk.kinds import installed_kinds
from govchain.sdk.transport import EvidenceQuery
from govchain.sdk.trust import TrustStore
from govchain.signers import open_signer
from tests.node.kit import SMALL, copy_chain, make_chain, new_actor, system_clock


def trust_in(path):
    genesis = decode_genesis((path / "genesis.json").read_bytes())
    return TrustAnchors(genesis=(fingerprint(genesis).hex(),))


def key_of(path, name):
    keys = path / "keys"
    return open_signer(f"file:{keys / name}.pem", passphrase_source(keys))


@pytest.fixture
def client(chain, node, tmp_path):
    with Catalogue.open(tmp_path / "catalogue.sqlite3") as catalogue:
        yield Client(node.transport, trust=trust_in(chain), signer=key_of(chain, "department"), catalogue=catalogue)


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(5):
        (folder / f"file-{number}.txt").write_text(f"content {number}")
    return folder


def captured(client, *paths):
    return capture_paths(paths, suite=client.suite, now=system_clock().wall(), options=CaptureOptions()).files


@pytest.mark.requirement("GD.function.evidence.01", "BJ.function.ledger_app.01")
def test_from_a_file_to_a_verified_package_and_its_end(client, chain, files):
    (file,) = captured(client, files / "file-0.txt")
    record = client.put_file(file, reference="case-1")
    assert client.record(record.id) == record
    assert client.status(record.id).state == "in_force"
    (found,) = client.find(EvidenceQuery(reference="case-1"))
    assert found.record.id == record.id
    package = client.export_package(record.id)
    assert verify_package(package, kinds=installed_kinds(), trusted=trust_in(chain)).report.exit_code == 0
    client.withdraw(record.id, reason="error")
    assert client.status(record.id).state == "withdrawn"
    assert (
        verify_package(
            client.export_package(record.id), kinds=installed_kinds(), trusted=trust_in(chain)
        ).report.exit_code
        == 4
    )
    assert [step.type for step in client.history(record.id)] == ["evidence.put", "evidence.withdraw"]
    with pytest.raises(RefusedError) as refused:
        client.withdraw(record.id)
    assert refused.value.code is Code.EVIDENCE_WITHDRAWN


def test_a_batch_has_each_file_provable(client, files):
    taken = captured(client, files)
    record = client.put_batch(taken, reference="folder")
    assert record.batch.count == 5
    for number in range(5):
        assert len(client.export_package(record.id, number)) > 1000
    with pytest.raises(RefusedError):
        client.export_package(record.id, 5)


def test_accounts_are_made_frozen_and_thawed(chain, node, client, files):
    operator = Client(node.transport, trust=trust_in(chain), signer=key_of(chain, "operator"))
    actor = new_actor()
    made = operator.register(algorithm="sm2-sm3", key=actor.key, label="second window", roles=["department"])
    assert made.state.status == "active"
    answer = node.submitter.submit([actor.put()], wait=True, timeout_s=20)[0]
    assert answer.code == Code.OK
    assert operator.freeze(actor.address, reason="left").state.status == "frozen"
    assert node.submitter.submit([actor.put()], wait=True, timeout_s=20)[0].code == Code.SIGNER_FROZEN
    assert operator.unfreeze(actor.address).state.status == "active"
    assert node.submitter.submit([actor.put()], wait=True, timeout_s=20)[0].code == Code.OK
    with pytest.raises(RefusedError):
        client.find_account("00" * 20)


def test_the_transport_answers_plainly(chain, node, actor):
    transport = node.transport
    assert transport.genesis() == encode_genesis(node.genesis)
    empty = transport.status()
    assert (empty.height, empty.certified_height, empty.pool_transactions) == (0, 0, 0)
    (sent,) = transport.submit([actor.put(reference="r")], wait=True)
    status = transport.status()
    assert (status.height, status.certified_height, status.chain) == (1, 1, "node-test")
    assert transport.header(1) is not None
    assert transport.certificate(1) is not None
    assert transport.header(2) is transport.certificate(2) is None
    assert transport.transaction(sent.id).receipt == sent.receipt
    assert transport.transaction("00" * 32) is None
    assert transport.find_evidence(EvidenceQuery(reference="r")) == [sent.id]
    assert transport.evidence_history(sent.id) == [sent.id]
    assert transport.state_value(b"evidence.record/" + bytes.fromhex(sent.id)) is not None
    assert transport.state_value(b"evidence.record/" + bytes(32)) is None


@pytest.mark.parametrize("malformed", ["", "zz", "AA" * 32, "aa" * 31])
def test_malformed_ids_are_usage(node, malformed):
    with pytest.raises(UsageError):
        node.transport.find_evidence(EvidenceQuery(evidence=malformed))


def test_a_client_without_trust_is_refused(node, tmp_path, chain):
    stranger = make_chain(tmp_path / "other", new_actor())
    with pytest.raises(VerificationError) as refused:
        Client(node.transport, trust=trust_in(stranger))
    assert refused.value.code is Code.TRUST_MISMATCH


# A node that lies


class Liar:
    """The node's transport with some answers replaced."""

    def __init__(self, transport, **lies):
        self._transport, self._lies = transport, lies

    def __getattr__(self, name):
        genuine = getattr(self._transport, name)
        lie = self._lies.get(name)
        return genuine if lie is None else lambda *given, **named: lie(genuine(*given, **named))


def flipped(data, at=-1):
    return data[:at] + bytes([data[at] ^ 1]) + (data[at + 1 :] if at != -1 else b"")


def status_lie(answer):
    """Claims that nothing is marked."""
    entries = tuple(dataclasses.replace(entry, value=None) for entry in answer.entries)
    return dataclasses.replace(answer, entries=entries)


LIES = {
    "header": ("header", lambda data: data.replace(b'"height":1', b'"height":2', 1)),
    "time": ("header", lambda data: data.replace(b'"time":1', b'"time":2', 1)),
    "certificate": ("certificate", lambda data: flipped(data, -40)),
    "receipt": (
        "transaction",
        lambda record: dataclasses.replace(record, receipt=record.receipt.replace(b'"code":0', b'"code":9')),
    ),
    "body": ("transaction", lambda record: dataclasses.replace(record, body=record.body + b" ")),
    "place": ("transaction", lambda record: dataclasses.replace(record, index=record.index + 1)),
    "path": ("transaction", lambda record: dataclasses.replace(record, transaction_path=(bytes(32),))),
    "status": ("status_proof", status_lie),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_node_that_lies_is_found_out(chain, node, actor, lie):
    (sent,) = node.transport.submit([actor.put()], wait=True)
    name, change = LIES[lie]
    withdraw = actor.seal(actor.body("evidence.withdraw", {"evidence": sent.id, "member": None, "reason": "error"}))
    node.transport.submit([withdraw], wait=True)
    honest = Client(node.transport, trust=trust_in(chain))
    assert honest.record(sent.id).id == sent.id
    assert honest.status(sent.id).state == "withdrawn"
    lying = Client(Liar(node.transport, **{name: change}), trust=trust_in(chain), sleep=lambda seconds: None)
    ask = lying.status if name == "status_proof" else lying.record
    with pytest.raises(GovChainError) as found:
        ask(sent.id)
    assert found.value.code.name.endswith(("_INVALID", "_PROOF", "_CANONICAL", "_SHAPE"))


def test_a_node_that_went_back_is_found_out(template, tmp_path, actor):
    """Two copies of one chain: what one node showed is missed at the other."""
    older, newer = (copy_chain(template, tmp_path / name) for name in ("older", "newer"))
    store = TrustStore(tmp_path / "trust")
    with open_embedded(newer, options=SMALL) as node:
        for _ in range(3):
            node.transport.submit([actor.put()], wait=True)
        client = Client(node.transport, trust=trust_in(newer), memory=store)
        assert client.checker.newest_header().header.height == 3
    with open_embedded(older, options=SMALL) as node:
        node.transport.submit([actor.put()], wait=True)
        client = Client(node.transport, trust=trust_in(older), memory=store)
        with pytest.raises(VerificationError) as found:
            client.checker.newest_header()
        assert found.value.code is Code.HEAD_STALE


@pytest.mark.requirement("BJ.data.structure.08")
def test_a_signer_without_an_account_is_refused(chain, node, tmp_path, files):
    class Stranger:
        algorithm = "sm2-sm3"

        def __init__(self):
            self._secret = native.sm2_generate()
            self.public_key = native.sm2_public_key(self._secret)

        def sign(self, message):
            return native.sm2_sign(self._secret, self.public_key, message)

    with Catalogue.open(tmp_path / "strange.sqlite3") as catalogue:
        client = Client(node.transport, trust=trust_in(chain), signer=Stranger(), catalogue=catalogue)
        with pytest.raises(RefusedError) as refused:
            client.put_file(captured(client, files / "file-0.txt")[0])
        assert refused.value.code is Code.SIGNER_UNKNOWN
        assert catalogue.pending() == []
