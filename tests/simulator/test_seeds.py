"""The first seeds, and what a run is: the same every time, with faults that bite."""

from collections import Counter

import pytest

from tests.simulator.run import SimulationFailure, make_plan, run_plan, run_seed

#: Seeds in each test: parts, so that a run over several processes shares them.
PART = 20
PARTS = 5


@pytest.mark.requirement("BJ.compliance.record.04c", "BJ.function.ledger.04", "GD.architecture.consensus.01")
@pytest.mark.parametrize("part", range(PARTS))
def test_no_seed_forks_loses_or_gets_stuck(part):
    totals = Counter()
    for seed in range(part * PART, (part + 1) * PART):
        totals.update(run_seed(seed).counts())
    # The faults happened, and work was done in spite of them.
    assert totals["crashes"] > 20
    assert totals["messages lost"] > 500
    assert totals["equivocations proved"] > 10
    assert totals["add made"] > 5
    assert totals["blocks"] > 5 * PART
    assert totals["receipts"] > totals["submitted"] // 2


@pytest.mark.parametrize(("seed", "rule"), [(10, "bft"), (17, "bft"), (19, "raft"), (3, "solo")])
def test_one_seed_is_one_history(seed, rule):
    one, two = (run_seed(seed, rule=rule, suite="international") for _ in range(2))
    assert one.trace == two.trace
    assert one.identities == two.identities != {}


def test_a_failure_names_its_seed_and_how_to_repeat_it():
    plan = make_plan(5, rule="bft", submissions=(1,))

    def broken(*arguments, **options):
        raise ValueError("planted")

    with pytest.raises(SimulationFailure, match=r"seed 5: ValueError: planted[\s\S]*--seed 5 --trace"):
        run_plan(make_plan(5, rule="bft", application=broken, heal=plan.heal))
