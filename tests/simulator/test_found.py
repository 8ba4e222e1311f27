"""What the simulator found, each cause by itself: the plan of a seed changes with the generator, these do not.

Another one, a member that hides two blocks of one height behind a signature for another epoch, is among the planted
faults (``HidesBehindEpochs``) and in ``tests/consensus/test_finality.py``.
"""

import pytest

from tests.simulator import planted
from tests.simulator.run import Plan, Simulation
from tests.simulator.storing import CrashStore

#: What carries signatures and certificates from one node to another.
FINALITY = ("peer", "signatures")


def crash_everybody(simulation):
    """Every process at once, and what they had signed with them; from now on messages arrive."""
    assert simulation.council.done()
    assert not any(replica.process.application.certified_height for replica in simulation.active())
    simulation.network.muted = ()
    for replica in simulation.active():
        replica.crash()


def a_turn_of_epochs(rule, store):
    """Members change while no signature arrives anywhere; then all crash."""
    members = {"bft": 4, "raft": 3}[rule]
    plan = Plan(94, rule, skews=(0,) * members, submissions=(50,), agenda=((100, "add", members),), store=store)
    simulation = Simulation(plan)
    simulation.network.muted = FINALITY
    simulation.schedule.after(plan.heal - 1, crash_everybody, simulation)
    try:
        simulation.run()
    finally:
        simulation.close()
    return simulation


@pytest.mark.parametrize("rule", ["bft", "raft"])
def test_after_all_crashed_the_blocks_of_an_ended_epoch_are_signed_again(rule):
    """A block's set is the one of its epoch: without it nobody would ever certify the block that changed the set."""
    simulation = a_turn_of_epochs(rule, CrashStore)
    assert simulation.honest[0].process.application.chain.epoch == 1
    with pytest.raises(AssertionError, match=r"stuck: .* has no certificate"):
        a_turn_of_epochs(rule, planted.NoSignerSets)
