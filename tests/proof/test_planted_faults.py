"""A verifier that stops checking something must be noticed: by its answer, or by its disagreement with the other."""

import functools

import pytest

from govchain import proof
from govchain.modules.evidence.messages import claims
from govchain.proof import certificates, transactions, trust, verify
from tests.proof.agree import NOTHING, both, ours, theirs
from tests.proof.chainkit import Chain
from tests.proof.corpus import refused_cases
from tools import verify_package as stranger

OURS = [
    (5, verify, "verify_certificate", lambda *a: None),
    (5, certificates, "check_signer_set", lambda *a: ""),
    (5, certificates, "quorum", lambda *a: 1),
    (5, trust.EpochWalk, "step", lambda self, header: trust.EpochWalk.after(header)),
    (6, verify, "_verify_links", lambda *a: None),
    (2, verify, "check_claims", lambda *a: ""),
    (1, verify, "decode_archive", lambda data: __import__("tests.proof.chainkit", fromlist=["x"]).open_package(data)),
    (7, transactions, "is_rising", lambda values: True),
    (8, claims, "item_fault", lambda item: ""),
    (8, claims, "verify_openings", lambda *a: None),
    (9, verify, "verify_status", lambda suite, header, claim, keys: tuple(None for _ in keys)),
    (9, claims, "mark_keys", lambda evidence, leaf: (b"evidence.mark/" + evidence,)),
    (10, verify, "render_statement", lambda facts, language: ""),
]
THEIRS = [
    (7, stranger, "elliptic", lambda *a: True),
    (3, stranger, "rising", lambda values: True),
    (2, stranger, "fits", lambda value, kind: True),
    (3, stranger, "credit_code", lambda code: True),
    (3, stranger, "good_key", lambda *a: True),
    (7, stranger, "climb", lambda digest, leaf, index, count, path: "00" * 32),
    (9, stranger, "descend", lambda digest, key, entry: "00" * 32),
    (5, stranger, "check_certificate", lambda *a: None),
    (6, stranger.Package, "check_history", lambda self: None),
    (8, stranger.Package, "check_item", lambda self, name, item: None),
    (9, stranger.Package, "check_status", lambda self, fact: fact.update(mark=None)),
    (10, stranger.Package, "statement", lambda self, language: ""),
]


@functools.cache
def holding():
    chain = Chain()
    id = chain.put()
    chain.mark(id)
    return chain, chain.package({"id": id, "at": 1}), chain.package({"id": id, "at": 2})


def as_expected(answer, only):
    """Whether a verifier still gives every expected answer, to good packages and to the bad ones of one step."""
    chain, good, withdrawn = holding()
    try:
        if answer(good, chain.anchors)[0] != (0, 0) or answer(withdrawn, chain.anchors)[0] != (4, 0):
            return False
        cases = (package for _, package, step in refused_cases() if step == only)
        return all(answer(package, NOTHING)[0] == (1, only) for package in cases)
    except Exception:  # noqa: BLE001  (a fault may show as any error)
        return False


def test_nothing_is_planted_now():
    assert as_expected(ours, 4)
    assert as_expected(theirs, 4)


@pytest.mark.parametrize(
    ("step", "place", "name", "fault"),
    OURS + THEIRS,
    ids=[f"{place.__name__}.{name}" for _, place, name, _ in OURS + THEIRS],
)
def test_a_planted_fault_is_noticed(monkeypatch, step, place, name, fault):
    refused_cases()
    monkeypatch.setattr(place, name, fault)
    assert not as_expected(theirs if (step, place, name, fault) in THEIRS else ours, step)


def test_trust_is_never_taken_from_the_package(monkeypatch):
    good = holding()[1]
    assert both(good, NOTHING) == (3, 0)
    monkeypatch.setattr(verify, "judge_trust", lambda *a, **k: proof.TrustVerdict(True, "package", ""))
    with pytest.raises(AssertionError):
        both(good, NOTHING)
