"""The HTTP driver against a real node: the same answers as in the process, the same client on top, and logins."""

import time

import pytest

from govchain.model import Code, RefusedError, UnavailableError, UsageError, VerificationError
from govchain.model.identifiers import is_hex
from govchain.node.embedded import passphrase_source
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.proof.verify import verify_package
from govchain.sdk import Catalogue, Client, EventQuery, EvidenceQuery, HttpTransport, TrustStore
from govchain.sdk.http import ANSWER_BYTES_MAX, Timeouts
from govchain.sdk.kinds import installed_kinds
from govchain.signers import open_signer
from tests.api.events_kit import serving
from tests.node.kit import copy_chain, make_chain, new_actor
from tests.sdk.support import capture, write_tree

WAIT_S = 20


@pytest.fixture(scope="module")
def actor():
    return new_actor()


@pytest.fixture(scope="module")
def data(tmp_path_factory, actor):
    return make_chain(tmp_path_factory.mktemp("http") / "data", actor)


@pytest.fixture(scope="module")
def running(data, tmp_path_factory):
    with serving(copy_chain(data, tmp_path_factory.mktemp("served") / "data")) as served:
        yield served


@pytest.fixture(scope="module")
def trust(data):
    return TrustAnchors(genesis=(fingerprint(decode_genesis((data / "genesis.json").read_bytes())).hex(),))


def key_of(data, name):
    return open_signer(f"file:{data / 'keys' / name}.pem", passphrase_source(data / "keys"))


@pytest.fixture
def transport(running):
    with HttpTransport(running.url) as opened:
        yield opened


@pytest.fixture
def client(transport, trust, data, tmp_path):
    key = key_of(data, "department")
    with Catalogue.open(tmp_path / "catalogue.sqlite3") as catalogue:
        yield Client(transport, trust=trust, signer=key, catalogue=catalogue, memory=TrustStore(tmp_path / "trust"))
    key.close()


def indexed(running, evidence):
    """Wait until the index has a record: searches over HTTP go through it."""
    deadline = time.monotonic() + WAIT_S
    height = running.node.transport.transaction(evidence).height
    while running.services.index.status().indexed_height < height:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.requirement(
    "BJ.function.access.01a", "BJ.function.access.01b", "BJ.function.access.01c", "BJ.function.access.01e",
    "BJ.function.access.02", "BJ.function.user.01d", "GD.technical.interoperability.02",
)  # fmt: skip
def test_every_answer_is_the_one_given_in_the_process(running, transport, actor):
    inside = running.node.transport
    envelopes = [actor.put(reference=f"same-{number}") for number in range(3)]
    sent = transport.submit(envelopes, wait=True)
    assert [one.code for one in sent] == [Code.OK] * 3
    assert [one.receipt for one in sent] == [inside.receipt(one.id) for one in sent]
    again = transport.submit(envelopes, wait=True)
    assert [one.code for one in again] == [Code.REPLAYED] * 3
    assert [one.receipt for one in again] == [one.receipt for one in sent]
    (unheard,) = transport.submit([actor.put()], wait=False)
    assert unheard.receipt is None

    until_settled(inside, unheard.id)
    head = inside.status().height
    assert transport.genesis() == inside.genesis()
    assert transport.status() == inside.status()
    first = sent[0].id
    assert transport.transaction(first) == inside.transaction(first)
    assert transport.receipt(first) == inside.receipt(first)
    assert transport.header(1) == inside.header(1)
    assert transport.certificate(1) == inside.certificate(1)
    assert transport.headers(1, head) == inside.headers(1, head)
    assert transport.blocks(limit=2).blocks == inside.blocks(limit=2).blocks
    assert transport.block_transactions(1) == inside.block_transactions(1)
    assert transport.history_path(1, head) == inside.history_path(1, head)
    key = b"accounts.account/" + bytes.fromhex(actor.address)
    missing = b"accounts.account/" + bytes(20)
    assert transport.status_proof([key, missing]) == inside.status_proof([key, missing])
    assert transport.state_value(key) == inside.state_value(key)
    assert transport.state_value(missing) is None
    assert transport.state_history(key) == inside.state_history(key)
    assert transport.evidence_history(first) == inside.evidence_history(first) == [first]
    transport.token = running.login(actor)
    assert transport.accounts(limit=64) == inside.accounts(limit=64)
    assert transport.organisations() == inside.organisations()
    assert transport.events(EventQuery(references=("same-1",))) == inside.events(EventQuery(references=("same-1",)))
    indexed(running, unheard.id)
    assert transport.find_evidence(EvidenceQuery(reference="same-2")) == [sent[2].id]


def until_settled(inside, transaction):
    deadline = time.monotonic() + WAIT_S
    while inside.receipt(transaction) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_not_there_is_none(transport):
    nothing = "00" * 32
    assert transport.transaction(nothing) is None
    assert transport.receipt(nothing) is None
    assert transport.header(10**9) is None
    assert transport.certificate(10**9) is None
    assert transport.block_transactions(10**9) is None
    assert transport.evidence_history(nothing) == []


def test_pages_go_on_to_the_end(running, transport, actor):
    for _ in range(3):
        running.put(actor, "page-1", "page-2")
    head = running.node.transport.status().height
    heights, cursor = [], None
    while True:
        page = transport.blocks(cursor, limit=2)
        heights += [block.height for block in page.blocks]
        cursor = page.next
        if cursor is None:
            break
    assert heights == list(range(head, 0, -1))
    transport.token = running.login(actor)
    seen, cursor = [], None
    while True:
        accounts = transport.accounts(cursor, limit=2)
        seen += [entry.key for entry in accounts.status.entries]
        cursor = accounts.next
        if cursor is None:
            break
    assert seen == sorted(set(seen))
    assert len(seen) == 5


@pytest.mark.requirement("BJ.function.ledger.03", "BJ.function.user.01c")
def test_the_client_works_over_http_as_in_the_process(running, client, trust, tmp_path):
    write_tree(tmp_path, {"f/a.txt": "content", "f/b.txt": "other"})
    batch = client.put_batch(capture(tmp_path / "f").files, reference="over-http")
    assert client.status(batch.id, 1).state == "in_force"
    package = client.export_package(batch.id, 1)
    assert verify_package(package, trusted=trust, kinds=installed_kinds()).report.exit_code == 0
    client.withdraw(batch.id, member=1)
    assert client.status(batch.id, 1).state == "withdrawn"
    assert [step.type for step in client.history(batch.id)] == ["evidence.batch", "evidence.withdraw"]
    block = client.block(batch.height)
    assert batch.id in {one.id for one in block.transactions}
    assert client.blocks(limit=3)[0].header.height >= batch.height

    grant = client.login()
    assert grant.account == client.account
    assert {account.state.label for account in client.accounts()} >= {"operator", "department", "tester"}
    assert [one.code for one in client.organisations()] == [batch.organisation]
    indexed(running, batch.id)
    (found,) = client.find(EvidenceQuery(reference="over-http"))
    assert found.record == batch
    events = client.events(EventQuery(references=("over-http",)), limit=1)
    assert events.events[0].transaction == batch.id
    assert not client.events(EventQuery(references=("over-http",)), cursor=events.cursor).events


def test_reading_lists_needs_a_login_which_lasts_until_it_ends(running, client):
    with pytest.raises(RefusedError) as refused:
        client.accounts()
    assert refused.value.code is Code.SESSION_REQUIRED
    client.login()
    first = client.transport.token
    assert is_hex(first, 64) or len(first) >= 32
    client.accounts()
    # The node forgets the session: the client signs another challenge and goes on.
    running.services.sessions.end(running.services.sessions.check(first).id)
    client.accounts()
    assert client.transport.token != first
    client.logout()
    assert client.transport.token is None
    with pytest.raises(RefusedError):
        client.accounts()
    client.logout()


def test_a_login_with_another_s_key_or_for_nobody_is_refused(client, transport, actor):
    with pytest.raises(RefusedError) as refused:
        client.login(account=actor.address)
    assert refused.value.code is Code.CHALLENGE_INVALID
    with pytest.raises(RefusedError):
        client.login(account="00" * 20)
    with pytest.raises(RefusedError) as refused:
        client.login(node="another-node")
    assert refused.value.code is Code.CHALLENGE_INVALID
    assert transport.token is None


def test_a_refused_transaction_has_its_own_code(client, transport, tmp_path):
    with pytest.raises(RefusedError) as refused:
        client.withdraw("ab" * 32)
    assert refused.value.code is Code.EVIDENCE_UNKNOWN
    (answer,) = transport.submit([b"no envelope"], wait=True)
    assert answer.code is Code.ENVELOPE_MALFORMED


def test_a_wrong_question_is_a_usage_error_with_the_node_s_words(transport):
    for ask in (
        lambda: transport.headers(5, 1),
        lambda: transport.blocks("forged"),
        lambda: transport.blocks(limit=100_000),
        lambda: transport.status_proof([]),
        lambda: transport.transaction("zz"),
    ):
        with pytest.raises(UsageError) as refused:
            ask()
        assert refused.value.code in (Code.REQUEST_SHAPE, Code.CURSOR_INVALID)


def test_another_chain_at_the_same_address_is_refused(transport, tmp_path):
    stranger = make_chain(tmp_path / "other", new_actor())
    foreign = fingerprint(decode_genesis((stranger / "genesis.json").read_bytes())).hex()
    with pytest.raises(VerificationError) as refused:
        Client(transport, trust=TrustAnchors(genesis=(foreign,)))
    assert refused.value.code is Code.TRUST_MISMATCH


def test_two_nodes_of_one_chain_that_went_apart_are_noticed(data, trust, actor, tmp_path):
    """The members' own keys signed two pasts: a client that saw one does not take the other."""
    store = TrustStore(tmp_path / "trust")
    with serving(copy_chain(data, tmp_path / "one")) as one, HttpTransport(one.url) as transport:
        one.put(actor, "a")
        Client(transport, trust=trust, memory=store).checker.newest_header()
    with serving(copy_chain(data, tmp_path / "two")) as two, HttpTransport(two.url) as transport:
        with pytest.raises(VerificationError) as refused:
            Client(transport, trust=trust, memory=store).checker.newest_header()
        assert refused.value.code is Code.HEAD_STALE
        two.put(actor, "b")
        two.put(actor, "c")
        with pytest.raises(VerificationError) as refused:
            Client(transport, trust=trust, memory=store).checker.newest_header()
        assert refused.value.code is Code.HEAD_FORKED


@pytest.mark.parametrize(
    "url",
    ["", "node", "ftp://node", "https://", "https://u:p@node", "https://node?a=1", "https://node#a", "file:///etc", 7],
)
def test_a_url_that_is_none(url):
    with pytest.raises(UsageError):
        HttpTransport(url)


def test_a_token_does_not_go_in_the_clear_to_another_machine():
    with HttpTransport("http://node.example.gov.cn", token="secret") as transport:
        with pytest.raises(UsageError) as refused:
            transport.status()
        assert refused.value.code is Code.USAGE
        with pytest.raises(UsageError):
            transport.login(None, account="00" * 20, chain="demo", now=lambda: 0)


def test_nobody_there():
    slept = []
    nowhere = HttpTransport("http://127.0.0.1:9", retries=2, sleep=slept.append)
    with nowhere, pytest.raises(UnavailableError) as refused:
        nowhere.status()
    assert refused.value.code is Code.NODE_UNREACHABLE
    assert len(slept) == 2
    assert slept[0] < slept[1] * 2


def test_a_ca_file_that_is_none(tmp_path):
    (tmp_path / "ca.pem").write_text("hello")
    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(UnavailableError) as refused:
            HttpTransport("https://node", ca=path)
        assert refused.value.code is Code.FILE_UNREADABLE


def test_the_limits_are_what_the_documents_say():
    assert Timeouts() == Timeouts(5_000, 15_000, 60_000)
    assert ANSWER_BYTES_MAX == 40 * 1024 * 1024
