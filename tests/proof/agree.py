"""Both verifiers on the same bytes: they share the specification only and must say the same."""

from govchain import proof
from govchain.model import VerificationError
from tests.proof.chainkit import KINDS, sha256, sm3
from tools import verify_package as stranger

#: A verifier that trusts nobody.
NOTHING = proof.TrustAnchors()


def ours(data, anchors, original=None):
    """(exit code, failing step) of the room's verifier, and its verdict on trust where it reached one."""
    facts = None
    if original is not None:
        facts = proof.OriginalFacts(len(original), sm3(original).hex(), sha256(original).hex())
    try:
        report = proof.verify_package(data, trusted=anchors, kinds=KINDS, original=facts).report
    except VerificationError as error:
        refusal = error
    else:
        verdict = report.trust
        return (report.exit_code, 0), (verdict.by, verdict.reason, list(verdict.notes))
    assert refusal.step in range(1, 12)
    assert refusal.text("en")
    assert refusal.text("zh")
    return (1, refusal.step), None


def theirs(data, anchors, original=None):
    """The same of the stranger."""
    facts = None if original is None else stranger.digests([original])
    report = stranger.verify(data, list(anchors.genesis), list(anchors.headers), facts)
    answer = (report["exit_code"], report.get("step", 0))
    return answer, None if answer[0] == 1 else (report["trusted"], report["reason"], report["notes"])


def both(data, anchors=NOTHING, original=None):
    """What both say; fails when they differ."""
    answer = ours(data, anchors, original)
    assert theirs(data, anchors, original) == answer
    return answer[0]


def refused(data, step, anchors=NOTHING, original=None):
    """Both refuse, at that step."""
    assert both(data, anchors, original) == (1, step)
