"""Each planted fault is found by some seed, and for what it is; the same seeds pass without it (``test_seeds``)."""

import pytest

from tests.simulator import planted
from tests.simulator.run import SimulationFailure, run_seed

#: Seeds tried for each fault, at most, from the first that is named: where the generator changes, another one finds it.
SEEDS_MAX = 40
BROKEN_CERTIFICATE = "CERTIFICATE_INVALID|CERTIFICATE_QUORUM|has no certificate"
#: Fault, rule, a first seed that is not far from one that finds it, and what it is found for.
FAULTS = [
    (planted.CommitInParts, "bft", 0, "another app hash|STORE_CORRUPT|differ in"),
    (planted.CommitInParts, "solo", 0, "lost the acknowledged|STORE_CORRUPT|differ in"),
    (planted.NothingDurable, "solo", 0, "lost the acknowledged|lacks block|committed another block"),
    (planted.SignsBeforeCommit, "raft", 0, "which it does not have"),
    (planted.SignsWithoutAgreement, "bft", 0, "before it was agreed"),
    (planted.AnswersBeforeCommit, "solo", 0, "lost the acknowledged|another receipt|two receipts"),
    (planted.OwnClock, "bft", 0, "another app hash"),
    (planted.AcceptsAnything, "bft", 0, "AttributeError|garbage|nobody sent"),
    (planted.AcceptsReplays, "bft", 0, "transactions twice"),
    (planted.AcceptsExpired, "bft", 0, "transactions twice|expiry|nobody sent"),
    (planted.JudgesByItsPool, "bft", 0, "rejects an honest proposal|judges"),
    (planted.ForgetsTheWindow, "bft", 0, "judges|another window|transactions twice|rejects"),
    (planted.ForgetsTheWindow, "solo", 0, "another window|transactions twice"),
    (planted.QuorumOffByOne, "bft", 0, BROKEN_CERTIFICATE),
    (planted.QuorumOffByOne, "raft", 0, BROKEN_CERTIFICATE),
    (planted.BelievesCertificates, "bft", 10, BROKEN_CERTIFICATE),
    (planted.BelievesSignatures, "bft", 0, BROKEN_CERTIFICATE),
    (planted.ForgetsToSign, "bft", 8, "has no certificate"),
    (planted.UpdatesAsSets, "bft", 0, "removes an unknown key"),
    (planted.UpdatesTwice, "bft", 0, "name a key twice"),
    (planted.HidesBehindEpochs, "bft", 0, "overlooked an equivocation|noticed no equivocation"),
    (planted.OverlooksEquivocation, "bft", 0, "overlooked an equivocation|noticed no equivocation"),
]


def search(fault, rule, first):
    """Run seeds with the fault until one fails; the seed."""
    where = "store" if issubclass(fault, planted.CrashStore) else "application"
    for seed in range(first, first + SEEDS_MAX):
        changes = {} if fault in (planted.UpdatesAsSets, planted.UpdatesTwice) else {"agenda": ()}
        run_seed(seed, rule=rule, suite="international", patience=60_000, **changes, **{where: fault})


@pytest.mark.parametrize(
    ("fault", "rule", "first", "found"), FAULTS, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_planted_fault_is_found(fault, rule, first, found):
    with pytest.raises(SimulationFailure, match=found):
        search(fault, rule, first)
