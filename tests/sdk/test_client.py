import json

import pytest

from govchain.crypto import SigningKey
from govchain.model import Code, RefusedError, UnavailableError, UsageError, VerificationError
from govchain.proof.report import OriginalFacts
from govchain.proof.trust import TrustAnchors
from govchain.proof.verify import verify_package
from govchain.sdk import EvidenceQuery, TrustStore
from govchain.sdk.kinds import installed_kinds
from govchain.sdk.transport import Submission
from tests.proof.chainkit import Chain, Members
from tests.sdk.fake import FakeTransport
from tests.sdk.support import capture, client_of, make_client, trust_in, write_tree


@pytest.fixture
def node():
    return FakeTransport()


@pytest.fixture
def client(tmp_path, node):
    with client_of(tmp_path, node) as made:
        yield made


@pytest.fixture
def folder(tmp_path):
    return write_tree(tmp_path / "files", {f"f{i}.txt": f"content {i}" for i in range(5)})


def one(folder, number=0, **options):
    return capture(folder / f"f{number}.txt", **options).files[0]


def original(file):
    return OriginalFacts(file.facts.size, file.facts.sm3.hex(), file.facts.sha256.hex())


class TestAnchoring:
    @pytest.mark.requirement("GD.function.evidence.01", "BJ.function.ledger_app.01")
    def test_a_file_is_anchored_and_read_back_by_its_id(self, client, folder):
        file = one(folder)
        made = client.put_file(file, reference="R-1")
        read = client.record(made.id)
        assert read == made
        assert (read.item, read.reference, read.type) == (file.item, "R-1", "evidence.put")
        assert client.status(made.id).state == "in_force"

    def test_a_folder_is_one_transaction_and_each_file_is_provable_alone(self, client, folder, node):
        before = node.submitted
        taken = capture(folder)
        made = client.put_batch(taken.files, reference="B-1")
        assert node.submitted == before + 1
        assert (made.batch.count, made.batch.total_size) == (5, taken.total_size)
        for member, file in enumerate(taken.files):
            package = client.export_package(made.id, member)
            report = verify_package(
                package, kinds=installed_kinds(), trusted=trust_in(node.chain), original=original(file)
            ).report
            assert report.exit_code == 0

    def test_what_only_the_owner_knows_is_kept_before_sending(self, client, folder, node):
        seen = []
        honest = node.submit

        def look(envelopes, **options):
            (pending,) = client.catalogue.pending()
            seen.append((pending.envelope, client.catalogue.entry(pending.id).salts[0].value))
            return honest(envelopes, **options)

        node.submit = look
        client.put_file(one(folder))
        assert seen[0][1] == "f0.txt"
        assert client.catalogue.pending() == []

    def test_a_refusal_leaves_nothing_behind(self, client, folder, node):
        node.answers = [lambda name: Submission(name, Code.SIGNER_FROZEN)]
        with pytest.raises(RefusedError) as refusal:
            client.put_file(one(folder))
        assert refusal.value.code is Code.SIGNER_FROZEN
        assert client.catalogue.pending() == []
        assert client.catalogue.find_name("f0.txt") == []

    def test_a_failed_receipt_is_a_refusal(self, client, folder):
        with pytest.raises(RefusedError) as refusal:
            client.supplement("ab" * 32, one(folder))
        assert refusal.value.code is Code.EVIDENCE_UNKNOWN
        assert client.catalogue.find_name("f0.txt") == []

    def test_a_batch_has_bounds(self, client, folder):
        with pytest.raises(UsageError):
            client.put_batch([])
        with pytest.raises(UsageError):
            client.put_batch(capture(folder).files * 20_001)

    def test_nothing_is_signed_without_a_signer(self, tmp_path, node, folder):
        with client_of(tmp_path, node, signer=None) as client, pytest.raises(UsageError):
            client.put_file(one(folder))

    def test_several_may_sign_one_body(self, client, node, folder):
        from govchain.modules.evidence.messages import Put

        done = client.submit("evidence.put", Put("", one(folder).item), co_signers=[node.chain.bob.secret])
        assert [signer.account for signer in done.body.signers] == [node.chain.alice.address, node.chain.bob.address]


class TestSendingAgain:
    def test_the_same_transaction_gives_the_same_answer(self, client, folder, node):
        from govchain.modules.evidence.messages import Put

        prepared = client.prepare("evidence.put", Put("", one(folder).item))
        first, second = client.send(prepared), client.send(prepared)
        assert first.receipt == second.receipt
        assert node.chain.height == first.receipt.height

    def test_a_full_pool_is_waited_for(self, tmp_path, node, folder):
        slept = []
        node.answers = [lambda name: Submission(name, Code.POOL_FULL, retry_after_ms=250)] * 3
        with client_of(tmp_path, node, sleep=slept.append) as client:
            client.put_file(one(folder))
        assert slept == [0.25] * 3

    def test_a_pool_that_stays_full_is_unavailable_with_the_hint(self, tmp_path, node, folder):
        clock = iter(range(node.chain.time, node.chain.time + 10**9, 10_000))
        node.answers = [lambda name: Submission(name, Code.POOL_FULL, retry_after_ms=250)] * 100
        with client_of(tmp_path, node, now=lambda: next(clock)) as client:
            with pytest.raises(UnavailableError) as refusal:
                client.put_file(one(folder))
            assert (refusal.value.code, refusal.value.retry_after_ms) == (Code.POOL_FULL, 250)
            assert len(client.catalogue.pending()) == 1

    def test_a_receipt_that_did_not_come_is_looked_for_later(self, tmp_path, node, folder):
        honest = node.submit
        node.submit = lambda envelopes, **options: [
            Submission(answer.id, Code.TIMED_OUT) for answer in honest(envelopes, **options)
        ]
        clock = iter(range(node.chain.time, node.chain.time + 10**9, 40_000))
        with client_of(tmp_path, node, now=lambda: next(clock)) as client:
            with pytest.raises(UnavailableError):
                client.put_file(one(folder))
            (pending,) = client.catalogue.pending()
        node.submit = honest
        with client_of(tmp_path, node) as client:
            assert client.recover() == []
            assert client.catalogue.anchored(pending.id).height == client.record(pending.id).height

    def test_what_was_never_committed_is_sent_again_unchanged(self, tmp_path, node, folder):
        def crash(*_arguments, **_options):
            raise KeyboardInterrupt

        honest, node.submit = node.submit, crash
        with client_of(tmp_path, node) as client:
            with pytest.raises(KeyboardInterrupt):
                client.put_file(one(folder))
            (pending,) = client.catalogue.pending()
        node.submit = honest
        with client_of(tmp_path, node) as client:
            assert client.recover() == []
            assert client.record(pending.id).id == pending.id

    def test_an_expired_one_stays_unknown_and_its_salts_are_kept(self, tmp_path, node, folder):
        def crash(*_arguments, **_options):
            raise KeyboardInterrupt

        honest, node.submit = node.submit, crash
        with client_of(tmp_path, node) as client, pytest.raises(KeyboardInterrupt):
            client.put_file(one(folder))
        node.submit = honest
        with client_of(tmp_path, node, now=lambda: node.chain.time + 10**7) as client:
            assert len(client.recover()) == 1
            assert client.catalogue.find_name("f0.txt") != []


class TestFinding:
    @pytest.fixture
    def anchored(self, client, folder):
        single = client.put_file(one(folder, 0), reference="R-1")
        batch = client.put_batch(capture(folder).files, reference="B-1")
        private = client.put_file(one(folder, 1, private_content=True), reference="P-1")
        return single, batch, private

    def ids(self, found):
        return {one.id for one in found}

    def test_by_file_on_the_ledger_and_in_own_batches(self, client, folder, anchored):
        single, batch, private = anchored
        assert self.ids(client.find_file(one(folder, 0).facts)) == {single.id, f"{batch.id}.0"}
        assert self.ids(client.find_file(one(folder, 1).facts)) == {f"{batch.id}.1", private.id}
        write_tree(folder, {"f9.txt": "never anchored"})
        assert client.find_file(one(folder, 9).facts) == []

    def test_by_either_digest(self, client, folder, anchored):
        facts = one(folder, 0).facts
        assert self.ids(client.find_digest(facts.sm3.hex())) == self.ids(client.find_digest(facts.sha256.hex()))

    def test_by_reference_account_and_time(self, client, node, anchored):
        single, batch, private = anchored
        assert self.ids(client.find(EvidenceQuery(reference="R-1"))) == {single.id}
        found = client.find(EvidenceQuery(account=node.chain.alice.address))
        assert [one.id for one in found] == [private.id, batch.id, single.id]
        assert client.find(EvidenceQuery(account=node.chain.bob.address)) == []
        span = EvidenceQuery(time_from=batch.time, time_to=private.time)
        assert self.ids(client.find(span)) == {batch.id}

    def test_a_stranger_without_the_directory_finds_only_what_is_public(self, client, node, folder, anchored):
        single, _, _ = anchored
        stranger = make_client(folder, node, catalogue=None, signer=None)
        assert self.ids(stranger.find_file(one(folder, 0).facts)) == {single.id}
        assert stranger.find_file(one(folder, 1).facts) == []

    def test_what_the_directory_says_is_proved_against_the_ledger(self, client, node, folder, anchored):
        import sqlite3

        connection = sqlite3.connect(client.catalogue.path)
        connection.execute(
            "UPDATE items SET item = CAST(replace(CAST(item AS TEXT), 'text/plain', 'text/wrong') AS BLOB)"
        )
        connection.commit()
        connection.close()
        with pytest.raises(VerificationError):
            client.find_file(one(folder, 1).facts)

    def test_unknown_and_malformed_ids(self, client, node):
        with pytest.raises(RefusedError) as refusal:
            client.record("ab" * 32)
        assert refusal.value.code is Code.NOT_FOUND
        for bad in ("", "xyz", "AB" * 32):
            with pytest.raises(UsageError):
                client.record(bad)

    def test_a_transaction_that_made_no_record_is_not_found_as_one(self, client, folder):
        made = client.put_file(one(folder))
        mark = client.withdraw(made.id)
        with pytest.raises(RefusedError):
            client.record(mark.id)


class TestMarks:
    def test_withdrawing_marks_and_deletes_nothing(self, client, folder, node):
        made = client.put_file(one(folder))
        client.withdraw(made.id, reason="duplicate")
        status = client.status(made.id)
        assert (status.state, status.mark.reason) == ("withdrawn", "duplicate")
        assert client.record(made.id) == made
        report = verify_package(
            client.export_package(made.id), kinds=installed_kinds(), trusted=trust_in(node.chain)
        ).report
        assert report.exit_code == 4

    def test_one_leaf_can_be_withdrawn_alone(self, client, folder):
        made = client.put_batch(capture(folder).files)
        client.withdraw(made.id, member=2)
        assert client.status(made.id, 2).state == "withdrawn"
        assert client.status(made.id, 1).state == client.status(made.id).state == "in_force"
        client.withdraw(made.id)
        assert client.status(made.id, 1).state == "withdrawn"

    def test_history_tells_everything_in_order(self, client, folder):
        made = client.put_file(one(folder, 0), reference="R-1")
        more = client.supplement(made.id, one(folder, 1))
        new = client.supersede(made.id, one(folder, 2), reason="error")
        steps = client.history(made.id)
        assert [step.id for step in steps] == [made.id, more.id, new.id]
        assert [step.type for step in steps] == ["evidence.put", "evidence.supplement", "evidence.supersede"]
        assert client.status(made.id).state == "superseded"
        assert (new.of, more.of) == (made.id, made.id)


class TestExporting:
    def test_private_fields_are_opened_only_when_named(self, client, folder, node):
        made = client.put_file(one(folder, private_content=True))
        closed = client.export_package(made.id)
        assert b"f0.txt" not in closed
        opened = client.export_package(made.id, disclose=["name", "content"])
        facts = verify_package(
            opened, kinds=installed_kinds(), trusted=trust_in(node.chain), original=original(one(folder))
        ).facts
        values = {opening.field: opening.value for opening in facts.claims[0].subject.openings}
        assert values == {"name": "f0.txt", "content": one(folder).facts.sm3.hex()}

    def test_unknown_fields_and_missing_salts_are_refused(self, client, folder, node):
        made = client.put_file(one(folder))
        with pytest.raises(UsageError):
            client.export_package(made.id, disclose=["size"])
        with pytest.raises(RefusedError) as refusal:
            client.export_package(made.id, disclose=["content"])
        assert refusal.value.code is Code.NOT_FOUND
        stranger = make_client(folder, node, catalogue=None)
        with pytest.raises(RefusedError):
            stranger.export_package(made.id, disclose=["name"])
        assert (
            verify_package(
                stranger.export_package(made.id), kinds=installed_kinds(), trusted=trust_in(node.chain)
            ).report.exit_code
            == 0
        )

    def test_a_leaf_needs_the_directory_and_must_exist(self, client, folder, node):
        made = client.put_batch(capture(folder).files)
        with pytest.raises(RefusedError) as refusal:
            client.export_package(made.id, 5)
        assert refusal.value.code is Code.EVIDENCE_MEMBER
        stranger = make_client(folder, node, catalogue=None)
        with pytest.raises(RefusedError) as refusal:
            stranger.export_package(made.id, 0)
        assert refusal.value.code is Code.NOT_FOUND

    def test_any_transaction_can_be_claimed_without_evidence(self, client, folder, node):
        mark = client.withdraw(client.put_file(one(folder)).id)
        package = client.export_package(mark.id, content=False)
        facts = verify_package(package, kinds=installed_kinds(), trusted=trust_in(node.chain)).facts
        assert facts.claims[0].type == "evidence.withdraw"
        with pytest.raises(RefusedError):
            client.export_package(mark.id)

    def test_anchors_are_shown_to_those_who_trust_their_headers(self, client, folder, node):
        for number in range(3):
            made = client.put_file(one(folder, number))
        trust = TrustAnchors(headers=(node.chain.headers[2],))
        for anchors, expected in (((), 3), ((2,), 0), ((1, 2, made.height), 0)):
            package = client.export_package(made.id, anchors=anchors)
            assert verify_package(package, kinds=installed_kinds(), trusted=trust).report.exit_code == expected
        for height in (0, made.height + 1):
            with pytest.raises(UsageError):
                client.export_package(made.id, anchors=[height])

    def test_a_package_from_after_a_change_of_members_carries_the_change(self, tmp_path, folder):
        node = FakeTransport(Chain(rule="bft", members=("m1", "m2", "m3", "m4")))
        chain = node.chain
        chain.add(chain.body("x.y", {}), next_members=Members("gm", "bft", ("m3", "m4", "m5", "m6")))
        for _ in range(5):
            chain.put()
        chain.add(chain.body("x.y", {}), next_members=Members("gm", "bft", ("m7",)))
        chain.put()
        with client_of(tmp_path, node) as client:
            made = client.put_file(one(folder))
            assert made.height == chain.height
            report = verify_package(
                client.export_package(made.id), kinds=installed_kinds(), trusted=trust_in(chain)
            ).report
        assert report.exit_code == 0


class TestAccounts:
    def test_an_account_is_registered_frozen_and_lifted(self, client):
        key = SigningKey("ed25519", bytes([5] * 32)).public_key
        made = client.register(
            algorithm="ed25519", key=key, label="clerk", roles=["operator", "department", "operator"]
        )
        assert (made.state.roles, made.state.key) == (("department", "operator"), key.hex())
        assert client.freeze(made.address, reason="left").state.status == "frozen"
        assert client.unfreeze(made.address).state.status == "active"
        assert client.find_account(made.address).state.label == "clerk"

    def test_an_account_that_does_not_exist_is_proved_not_to(self, client):
        with pytest.raises(RefusedError) as refusal:
            client.find_account("ab" * 20)
        assert refusal.value.code is Code.NOT_FOUND

    def test_the_client_knows_its_own_account(self, client, node):
        assert client.account == node.chain.alice.address
        assert client.find_account(client.account).state.status == "active"


class TestTrust:
    def test_a_chain_that_is_not_trusted_is_not_talked_to(self, tmp_path, node):
        with pytest.raises(VerificationError) as refusal:
            make_client(tmp_path, node, trust=TrustAnchors())
        assert refusal.value.code is Code.TRUST_MISMATCH
        assert refusal.value.params["fingerprint"] == node.chain.fingerprint

    @pytest.mark.parametrize("height", [1, 3, 5])
    def test_a_trusted_header_vouches_for_the_genesis_that_its_history_begins_with(
        self, tmp_path, node, folder, height
    ):
        for _ in range(4):
            node.chain.put()
        trust = TrustAnchors(headers=(node.chain.headers[height],))
        with client_of(tmp_path, node, trust=trust) as client:
            assert client.put_file(one(folder)).height == 6

    def test_a_trusted_header_of_another_chain_does_not(self, tmp_path, node):
        other = FakeTransport(Chain(members=("other",)))
        other.chain.put()
        for data in (other.chain.headers[1], other.chain.headers[2]):
            with pytest.raises(VerificationError) as refusal:
                make_client(tmp_path, node, trust=TrustAnchors(headers=(data,)))
            assert refusal.value.code is Code.TRUST_MISMATCH

    def test_the_highest_header_is_remembered_between_runs(self, tmp_path, node, folder):
        store = TrustStore(tmp_path / "trust")
        with client_of(tmp_path, node, memory=store) as client:
            made = client.put_file(one(folder))
        header, _ = store.load_head(node.chain.fingerprint)
        assert json.loads(header)["height"] == made.height
        older = FakeTransport()
        assert older.chain.fingerprint == node.chain.fingerprint
        with client_of(tmp_path, older, memory=store) as client, pytest.raises(VerificationError) as refusal:
            client.status("ab" * 32)
        assert refusal.value.code is Code.HEAD_STALE
