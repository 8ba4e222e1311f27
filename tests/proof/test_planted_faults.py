"""A verifier that stops checking something must be noticed: by its answer, or by its disagreement with the other."""

import pytest

from govchain import proof
from govchain.proof import certificates, transactions, trust, verify
from tests.proof.agree import NOTHING, both
from tests.proof.chainkit import Chain
from tests.proof.corpus import refused_cases
from tools import verify_package as stranger

OURS = [
    (verify, "verify_certificate", lambda *a: None),
    (certificates, "check_signer_set", lambda *a: ""),
    (certificates, "quorum", lambda *a: 1),
    (trust.EpochWalk, "step", lambda self, header: trust.EpochWalk.after(header)),
    (verify, "_verify_links", lambda *a: None),
    (verify, "check_claims", lambda *a: ""),
    (verify, "decode_archive", lambda data: __import__("tests.proof.chainkit", fromlist=["x"]).open_package(data)),
    (transactions, "is_rising", lambda values: True),
    (verify, "item_fault", lambda item: ""),
    (verify, "verify_openings", lambda *a: None),
    (verify, "verify_status", lambda suite, header, claim, keys: tuple(None for _ in keys)),
    (verify, "mark_keys", lambda evidence, member: (b"evidence.mark/" + evidence,)),
    (verify, "render_statement", lambda facts, language: ""),
]
THEIRS = [
    (stranger, "elliptic", lambda *a: True),
    (stranger, "rising", lambda values: True),
    (stranger, "fits", lambda value, kind: True),
    (stranger, "credit_code", lambda code: True),
    (stranger, "good_key", lambda *a: True),
    (stranger, "climb", lambda digest, leaf, index, count, path: "00" * 32),
    (stranger, "descend", lambda digest, key, entry: "00" * 32),
    (stranger.Package, "check_certificate", lambda self, name, header: None),
    (stranger.Package, "check_history", lambda self: None),
    (stranger.Package, "check_item", lambda self, name, item: None),
    (stranger.Package, "check_status", lambda self, fact: fact.update(mark=None)),
    (stranger.Package, "statement", lambda self, language: ""),
]


def holding():
    chain = Chain()
    id = chain.put()
    chain.mark(id)
    return chain, chain.package({"id": id, "at": 1}), chain.package({"id": id, "at": 2})


def all_as_expected():
    """Whether both verifiers still give every expected answer."""
    chain, good, withdrawn = holding()
    try:
        if both(good, chain.anchors) != (0, 0) or both(withdrawn, chain.anchors) != (4, 0):
            return False
        return all(both(package, NOTHING) == (1, step) for _, package, step in refused_cases())
    except Exception:
        return False


def test_nothing_is_planted_now():
    assert all_as_expected()


@pytest.mark.parametrize(
    ("place", "name", "fault"), OURS + THEIRS, ids=[f"{place.__name__}.{name}" for place, name, _ in OURS + THEIRS]
)
def test_a_planted_fault_is_noticed(monkeypatch, place, name, fault):
    refused_cases()
    holding()
    monkeypatch.setattr(place, name, fault)
    assert not all_as_expected()


def test_trust_is_never_taken_from_the_package(monkeypatch):
    chain, good, _ = holding()
    assert both(good, NOTHING) == (3, 0)
    monkeypatch.setattr(verify, "judge_trust", lambda *a, **k: proof.TrustVerdict(True, "package", ""))
    with pytest.raises(AssertionError):
        both(good, NOTHING)
