"""Packages that hold: what they prove, for whom, with which exit code; both verifiers throughout."""

import json

import pytest

from govchain import proof
from govchain.model import DecodingError, VerificationError
from tests.proof.agree import both, refused
from tests.proof.chainkit import BUREAU, CITY, KINDS, Chain, Members, batch, item, open_package, private_item, write_zip

NOTHING = proof.TrustAnchors()


@pytest.fixture(scope="module")
def chain():
    chain = Chain()
    chain.first = chain.put()
    chain.batch, chain.items = batch(chain, 5)
    chain.about, chain.openings = private_item(chain)
    chain.private = chain.add(chain.body("evidence.put", {"reference": "", "subject": chain.about}))[0]
    chain.mark(chain.first)
    chain.mark(chain.batch, member=2, reason="lawful_order")
    return chain


def verified(chain, *claims, trusted=None):
    data = chain.package(*claims)
    return proof.verify_package(data, kinds=KINDS, trusted=chain.anchors if trusted is None else trusted), data


@pytest.mark.requirement("BJ.security.nonrepudiation.02")
def test_one_record_trusted_and_in_force(chain):
    package, data = verified(chain, {"id": chain.first, "at": 3})
    report = package.report
    assert report.exit_code == 0
    assert [step.outcome for step in report.steps] == ["held"] * 10 + ["skipped", "held"]
    assert [step.number for step in report.steps] == list(range(1, 13))
    (claim,) = package.facts.claims
    assert (claim.transaction, claim.height, claim.code) == (chain.first, 1, 0)
    assert claim.organisation == proof.facts.Organisation(*CITY)
    assert claim.accounts == (chain.alice.address,)
    assert claim.subject.item.name == "合同.txt"
    assert (claim.subject.status.height, claim.subject.status.state) == (3, "in_force")
    assert report.trust == proof.TrustVerdict(True, "genesis", "")
    assert report.not_proved
    assert both(data, chain.anchors) == (0, 0)
    assert both(data, chain.anchors, b"content") == (0, 0)
    assert both(data) == (3, 0)


@pytest.mark.requirement("GD.function.evidence.01")
def test_one_changed_byte_of_the_file_is_found(chain):
    data = chain.package({"id": chain.first, "at": 3})
    assert both(data, chain.anchors, b"content") == (0, 0)
    for at in range(7):
        changed = bytearray(b"content")
        changed[at] ^= 1
        refused(data, 11, chain.anchors, bytes(changed))
    refused(data, 11, chain.anchors, b"")


def test_the_same_parts_give_the_same_bytes_and_any_tool_opens_them(chain):
    claims = [{"id": chain.first, "at": 3}, chain.private]
    data = chain.package(*claims)
    assert data == chain.package(*reversed(claims))
    assert write_zip(open_package(data)) == data
    assert {name.split("/")[0] for name in open_package(data)} == {
        "bodies", "certificates", "genesis.json", "headers", "manifest.json", "proofs", "receipts",
        "statement.en.txt", "statement.zh.txt",
    }  # fmt: skip


def test_status_is_as_of_a_named_block(chain):
    before, data = verified(chain, {"id": chain.first, "at": 3})
    assert before.facts.claims[0].subject.status.height == 3
    assert "Status at block 3" in open_package(data)["statement.en.txt"].decode()
    after, data = verified(chain, {"id": chain.first, "at": 4})
    status = after.facts.claims[0].subject.status
    assert (status.state, status.mark.reason, status.organisation.name) == ("withdrawn", "error", CITY[1])
    assert after.report.exit_code == 4
    assert not after.report.in_force
    assert both(data, chain.anchors) == (4, 0)
    assert both(data) == (3, 0)


def test_leaves_of_a_batch(chain):
    for member in range(5):
        claim = {"id": chain.batch, "at": 5, "member": member, "items": chain.items}
        package, data = verified(chain, claim)
        evidence = package.facts.claims[0].subject
        assert evidence.item.name == f"{member}.txt"
        assert evidence.leaf == member
        expected = 4 if member == 2 else 0
        assert both(data, chain.anchors, bytes((member,)) * member) == (expected, 0)
        refused(data, 11, chain.anchors, b"\xff" * member + b"x")
    package, data = verified(chain, {"id": chain.batch, "at": 5})
    assert package.facts.claims[0].subject.item is None
    assert both(data, chain.anchors) == (0, 0)


def test_a_whole_batch_that_was_withdrawn_takes_its_leaves_along():
    chain = Chain()
    id, items = batch(chain, 3)
    chain.mark(id, "superseded", reason="duplicate")
    data = chain.package({"id": id, "at": 2, "member": 1, "items": items})
    assert both(data, chain.anchors) == (4, 0)


def test_private_items_and_openings(chain):
    claim = {"id": chain.private, "at": 5}
    package, data = verified(chain, claim)
    assert package.facts.claims[0].subject.item.name is None
    assert both(data, chain.anchors) == (0, 0)
    refused(data, 11, chain.anchors, b"content")
    opened, data = verified(chain, claim | {"openings": chain.openings})
    assert [one.value for one in opened.facts.claims[0].subject.openings][1] == "王五.pdf"
    assert both(data, chain.anchors, b"content") == (0, 0)
    refused(data, 11, chain.anchors, b"contenu")
    refused(data, 11, chain.anchors, b"contents")
    assert "王五.pdf" in open_package(data)["statement.zh.txt"].decode()


def test_many_claims_of_any_kind(chain):
    claims = [
        {"id": chain.first, "at": 3},
        {"id": chain.batch, "at": 4},
        {"id": chain.batch, "at": 5, "member": 0, "items": chain.items},
        {"id": chain.batch, "at": 5, "member": 4, "items": chain.items},
        {"id": chain.private, "at": 3},
        chain.find(chain.first)[0] and chain.blocks[4][0][0][0],
    ]
    package, data = verified(chain, *claims)
    assert [claim.subject is None for claim in package.facts.claims].count(True) == 1
    assert package.facts.height == 5
    assert both(data, chain.anchors) == (0, 0)


def test_supplement_and_supersede_name_the_earlier_record():
    chain = Chain(name="gov-links")
    first = chain.put()
    supplement = {"evidence": first, "reference": "R\\2\n", "subject": item()}
    supersede = {"evidence": first, "member": 7, "reason": "expired", "reference": "", "subject": item()}
    one = chain.add(chain.body("evidence.supplement", supplement), organisation=BUREAU[0])[0]
    two = chain.add(chain.body("evidence.supersede", supersede), organisation="elsewhere\u202e")[0]
    whole = chain.add(chain.body("evidence.supersede", supersede | {"member": None}), organisation="")[0]
    _, data = verified(chain, *({"id": id, "at": 4} for id in (one, two, whole)))
    assert both(data, chain.anchors) == (0, 0)
    english = open_package(data)["statement.en.txt"].decode()
    for line in (
        f"Supplements: {first}",
        f"Supersedes: {first}, item number 8",
        f"Supersedes: {first}",
        "Business reference: R\\\\2\\u000a",
        "Organisation: Bureau of Tests \\\\ 局 (" + BUREAU[0] + ")",
        "Organisation: elsewhere\\u202e",
        "Reason: expired",
    ):
        assert line + "\n" in english


def test_a_failed_transaction_is_provable_with_its_code(chain):
    other = Chain(name="gov-codes")
    stranger = other.bob
    body = other.body("evidence.withdraw", {"evidence": "00" * 32}, [stranger])
    id = other.add((body, [stranger]), code=2040, organisation="")[0]
    package, data = verified(other, id)
    claim = package.facts.claims[0]
    assert (claim.code, claim.organisation.code) == (2040, BUREAU[0])
    assert both(data, other.anchors) == (0, 0)
    assert package.report.steps[7].outcome == package.report.steps[8].outcome == "skipped"
    with pytest.raises(VerificationError) as refusal:
        other.package({"id": id, "at": 1})
    assert refusal.value.step == 7


def test_several_signers_and_optional_body_elements():
    chain = Chain(name="gov-two")
    body = chain.body(
        "evidence.put", {"reference": "", "subject": item()}, [chain.alice, chain.bob],
        data="00ff", memo={"kind": "hash", "value": "ab" * 32}, recipient=chain.bob.address, time=5,
    )  # fmt: skip
    id = chain.add((body, [chain.alice, chain.bob]), organisation="")[0]
    package, data = verified(chain, {"id": id, "at": 1})
    assert package.facts.claims[0].accounts == (chain.alice.address, chain.bob.address)
    assert both(data, chain.anchors) == (0, 0)


def test_sixteen_signatures_and_a_large_body_have_one_envelope():
    chain = Chain(name="gov-wide")
    chain.extra = [type(chain.alice)(chain, "sm2-sm3", f"wide-{n}") for n in range(16)]
    body = chain.body("any.thing", {"text": "x" * 70_000}, chain.extra)
    id = chain.add((body, chain.extra), organisation="")[0]
    package, data = verified(chain, id)
    assert package.facts.claims[0].organisation is None
    assert both(data, chain.anchors) == (0, 0)


def test_the_international_suite():
    chain = Chain(suite="international", name="intl", rule="bft", members=("a", "b", "c", "d"))
    id = chain.put()
    chain.put(name="other")
    package, data = verified(chain, {"id": id, "at": 2})
    assert package.report.exit_code == 0
    assert both(data, chain.anchors) == (0, 0)


@pytest.mark.parametrize("algorithm", ["rsa-pss-sha256", "ed25519"])
def test_algorithms_beyond_the_stranger(algorithm):
    chain = Chain(name="gov-other", extra=[algorithm])
    (signer,) = chain.extra
    id = chain.add((chain.body("evidence.put", {"reference": "", "subject": item()}, [signer]), [signer]))[0]
    package, data = verified(chain, {"id": id, "at": 1})
    assert package.report.exit_code == 0
    from tools import verify_package as stranger

    assert stranger.verify(data, [chain.fingerprint], [])["exit_code"] == 5


def test_a_test_chain_says_so():
    chain = Chain(name="gov-clock", test_clock=True)
    data = chain.package({"id": chain.put(), "at": 1})
    assert "times prove nothing" in open_package(data)["statement.en.txt"].decode()
    assert both(data, chain.anchors) == (0, 0)


def grown(**more):
    """Three epochs: one solo member, then four under bft, then three of them under raft."""
    chain = Chain(name="gov-epochs", **more)
    chain.first = chain.put()
    chain.add(chain.body("net.change", {}), next_members=Members("gm", "bft", ("b1", "b2", "b3", "b4")))
    chain.second = chain.put(name="b")
    chain.add(chain.body("net.change", {"n": 2}), next_members=Members("gm", "raft", ("b1", "b2", "c3")))
    chain.third = chain.put(name="c")
    chain.put(name="d")
    return chain


def test_the_walk_over_signer_sets():
    chain = grown()
    for id, at in ((chain.first, 1), (chain.first, 6), (chain.second, 3), (chain.second, 5), (chain.third, 6)):
        data = chain.package({"id": id, "at": at})
        assert both(data, chain.anchors) == (0, 0)
    assert {"headers/2.json", "headers/4.json"} <= set(open_package(chain.package({"id": chain.third, "at": 6})))


def test_trust_in_a_header():
    chain = grown()

    def trusting(height, claim, *shown):
        anchors = proof.TrustAnchors(headers=(chain.headers[height],))
        return both(chain.package(claim, anchors=shown), anchors)[0]

    late = {"id": chain.third, "at": 6}
    for height in (1, 5, 6):
        assert trusting(height, late) == 0, height
    # changes of members carry no history of their own, so that they say nothing of one past
    for height in (2, 3, 4):
        assert trusting(height, late) == 3, height
        assert trusting(height, late, height) == 0, height
    # block 1 of the first epoch is vouched for by the history of the trusted header
    assert trusting(6, {"id": chain.first, "at": 6}) == 0
    # a trusted block 1 is in the history of all
    assert trusting(1, {"id": chain.first, "at": 3}) == 0
    # a header above the package's last block is not in it
    assert trusting(6, {"id": chain.first, "at": 1}) == 3
    assert trusting(3, {"id": chain.first, "at": 1}) == 3
    # the trusted header is the last, with and without a change of members
    assert trusting(4, {"id": chain.second, "at": 4}) == 0
    other = grown(members=("m9",))
    assert trusting(3, {"id": chain.second, "at": 3}) == 0
    assert both(chain.package(late), proof.TrustAnchors(headers=(other.headers[1], other.headers[6])))[0] == 3


def test_a_trusted_header_that_contradicts_the_package_is_no_trust():
    chain, fork = Chain(name="gov-fork"), Chain(name="gov-fork")
    id = chain.put()
    fork.put(name="another past")
    package, data = verified(chain, {"id": id, "at": 1}, trusted=proof.TrustAnchors(headers=(fork.headers[1],)))
    assert package.report.exit_code == 3
    assert package.report.trust.reason == "block 1 is not the trusted one"
    # neither another trusted header nor a trusted genesis makes up for it
    assert both(data, proof.TrustAnchors(headers=(fork.headers[1], chain.headers[1]))) == (3, 0)
    assert both(data, chain.anchors + proof.TrustAnchors(headers=(fork.headers[1],))) == (3, 0)


def test_anchors_from_files():
    chain = Chain()
    chain.put()
    indented = json.dumps(chain.genesis, indent=2, ensure_ascii=False).encode()
    assert proof.decode_anchor(indented) == proof.decode_anchor(chain.genesis_bytes) == chain.anchors
    assert proof.decode_anchor(chain.headers[1] + b"\n").headers == (chain.headers[1],)
    both_anchors = chain.anchors + proof.decode_anchor(chain.headers[1])
    assert (len(both_anchors.genesis), len(both_anchors.headers)) == (1, 1)
    for data in (b"", b"{}", chain.certificates[1], chain.genesis_bytes.replace(b'"gm"', b'"xx"')):
        with pytest.raises(DecodingError):
            proof.decode_anchor(data)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T08:00:00.000+08:00"),
        (951_753_599_999, "2000-02-28T23:59:59.999+08:00"),
        (951_753_600_000, "2000-02-29T00:00:00.000+08:00"),
        (951_840_000_000, "2000-03-01T00:00:00.000+08:00"),
        (1_798_732_799_999, "2026-12-31T23:59:59.999+08:00"),
        (253_402_271_999_999, "9999-12-31T23:59:59.999+08:00"),
        (2**53 - 1, "287396-10-12T16:59:00.991+08:00"),
    ],
)
def test_times(time, text):
    from tools import verify_package as stranger

    assert proof.china_time(time) == stranger.when(time) == text


def test_the_statement_words_are_those_of_the_specification():
    from pathlib import Path

    from govchain.texts.statements import SENTENCES

    page = (Path(__file__).parents[2] / "docs/spec/evidence-package.md").read_text(encoding="utf-8")
    for key, words in SENTENCES.items():
        for language in ("en", "zh"):
            assert f"`{words[language]}`" in page or key == "statement.reason.other", key
