"""Each planted fault is found by some seed, and for what it is; the same seeds pass without it (``test_seeds``)."""

import pytest

from tests.simulator import planted
from tests.simulator.run import SimulationFailure, run_seed

#: Seeds tried for each fault, at most.
SEEDS_MAX = 60


def search(fault, rule):
    """Run seeds with the fault until one fails."""
    where = "store" if issubclass(fault, planted.CrashStore) else "application"
    for seed in range(SEEDS_MAX):
        run_seed(seed, rule=rule, suite="international", **{where: fault})


@pytest.mark.parametrize(
    ("fault", "rule", "found"),
    [
        (planted.CommitInParts, "bft", "another app hash|STORE_CORRUPT|differ in"),
        (planted.CommitInParts, "solo", "lost the acknowledged|STORE_CORRUPT|differ in"),
        (planted.NothingDurable, "solo", "lost the acknowledged|lacks block|committed another block"),
        (planted.SignsBeforeCommit, "raft", "which it does not have"),
        (planted.SignsWithoutAgreement, "bft", "before it was agreed"),
        (planted.AnswersBeforeCommit, "solo", "lost the acknowledged|another receipt|two receipts"),
        (planted.OwnClock, "bft", "another app hash"),
        (planted.AcceptsAnything, "bft", "AttributeError|garbage|nobody sent"),
        (planted.AcceptsReplays, "bft", "transactions twice"),
        (planted.AcceptsExpired, "bft", "transactions twice|expiry"),
        (planted.JudgesByItsPool, "bft", "rejects an honest proposal|judges"),
        (planted.ForgetsTheWindow, "bft", "judges|another window|transactions twice|rejects"),
        (planted.ForgetsTheWindow, "solo", "another window|transactions twice"),
        (planted.QuorumOffByOne, "bft", "CERTIFICATE_QUORUM|has no certificate"),
        (planted.QuorumOffByOne, "raft", "CERTIFICATE_QUORUM|1 of 2"),
        (planted.BelievesCertificates, "bft", "VerificationError"),
        (planted.BelievesSignatures, "bft", "VerificationError"),
        (planted.ForgetsToSign, "bft", "stuck: .* has no certificate"),
        (planted.UpdatesAsSets, "bft", "removes an unknown key"),
        (planted.UpdatesTwice, "bft", "name a key twice"),
        (planted.OverlooksEquivocation, "bft", "overlooked an equivocation|noticed no equivocation"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_planted_fault_is_found(fault, rule, found):
    with pytest.raises(SimulationFailure, match=found):
        search(fault, rule)
