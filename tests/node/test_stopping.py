"""A chain that was stopped, by its parent's vote or by its own: nothing more is taken, everything is read as before."""

from dataclasses import replace

from govchain.model import Code
from govchain.modules.governance.messages import ChainStop
from govchain.node.embedded import open_embedded
from govchain.proof.trust import TrustAnchors
from govchain.sdk.client import Client
from govchain.sdk.governing import propose
from tests.api.events_kit import officer
from tests.node.kit import CHAIN, SMALL

WAIT_S = 20


def submit(node, envelope):
    (answer,) = node.submitter.submit([envelope], wait=True, timeout_s=WAIT_S)
    return answer


def test_a_node_that_is_told_so_takes_nothing_more_and_orders_nothing_after_the_next_start(chain, actor):
    with open_embedded(chain, options=SMALL) as node:
        done = submit(node, actor.put())
        node.set_stopped(True)
        assert submit(node, actor.put()).code == node.state.problem == Code.CHAIN_STOPPED
        assert node.engine.status().running  # what the pool holds is still ordered
        node.set_stopped(False)
        assert submit(node, actor.put()).code == Code.OK
    with open_embedded(chain, options=replace(SMALL, stopped=True)) as node:
        assert submit(node, actor.put()).code == node.state.problem == Code.CHAIN_STOPPED
        assert not node.engine.status().running
        assert node.application.receipt(done.id) == done.receipt
        assert node.application.chain.height == 2


def test_a_chain_may_stop_itself(chain, actor):
    operator = officer(chain, "operator").signer
    with open_embedded(chain, options=SMALL) as node:
        client = Client(node.transport, trust=TrustAnchors((node.machine.fingerprint.hex(),)), signer=operator)
        propose(client, ChainStop(CHAIN))
        height = node.application.chain.height
        assert submit(node, actor.put()).code == Code.CHAIN_STOPPED
    with open_embedded(chain, options=SMALL) as node:
        assert node.state.problem == Code.CHAIN_STOPPED
        assert not node.engine.status().running
        assert node.application.chain.height == height
