"""A node whose wall clock is wrong by an hour: block times stay right, it is noticed, the chain goes on.

The clock of the node's own process, whatever it is read for; its engine's is right, since a Go program asks the kernel
itself. Both engines.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from govchain.model import Code, GovChainError
from govchain.ops.doctor_remote import run as doctor
from govchain.ops.net.looking import probe
from govchain.ops.net.processes import start_nodes
from govchain.proof.headers import decode_header
from govchain.sdk.transactions import now_ms
from tests.net.kit import network, wait_until
from tests.net.ledgers import Ledgers
from tests.net.load import Load

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]
HOUR_S = 3_600
#: Block times may be so far from the clock: a slow machine, not a wrong clock.
NEAR_MS = 60_000
SOURCE = Path(__file__).with_name("wrong_clock.c")


@pytest.fixture(scope="module")
def shift(tmp_path_factory):
    """The library that shifts the clock of a process that it is loaded into."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: the clock of a process cannot be made wrong")
    library = tmp_path_factory.mktemp("clock") / "wrong_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE], check=True)
    return library


@pytest.fixture(scope="module", params=["cometbft", "etcd"])
def net(request, tmp_path_factory):
    with network(tmp_path_factory.mktemp(request.param) / "n", request.param) as running:
        yield running


def answered(net, node):
    """What the node answers to a record that it would take with a right clock."""
    with net.transport(node) as transport:
        (answer,) = transport.submit([net.officer(node).put()], wait=True, timeout_ms=30_000)
    return answer.code


def listens(net, node):
    try:
        return net.height(node)
    except GovChainError:
        return 0


@pytest.mark.requirement("BJ.function.timing.04")
@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S], ids=["ahead", "behind"])
def test_a_node_whose_clock_is_wrong_by_an_hour_harms_nobody(net, shift, monkeypatch, ahead_s):
    net.healthy()
    *good, wrong = net.nodes
    net.stop(wrong)
    with monkeypatch.context() as told:
        told.setenv("LD_PRELOAD", str(shift))
        told.setenv("WRONG_CLOCK_SECONDS", str(ahead_s))
        start_nodes(net.folder, [wrong], wait=False)  # it may never be ready
    before = net.height(good[0])
    with Load(net, *good) as load:
        load.wait_for(20)
        wait_until(lambda: listens(net, wrong) >= before + 5, "it follows")
    assert not load.not_now
    height = Ledgers(net).agree(load.acknowledged)
    with net.transport(wrong) as transport:
        blocks = transport.headers(before + 1, height).blocks
    times = [decode_header(block.header).time for block in blocks]
    assert times == sorted(set(times))
    assert all(abs(time - now_ms()) < NEAR_MS for time in times)
    # It is noticed from outside, and under etcd, where who proposes names the time, by itself.
    with probe(wrong) as transport:
        report = doctor(transport, net.trust, now=now_ms())
        problem = transport.network().problem
    assert Code.NODE_CLOCK in {finding.code for finding in report.findings if finding.part == "clock"}
    raft = net.file.engine == "etcd"
    assert problem == (Code.NODE_CLOCK.name if raft else "")
    if ahead_s > 0:
        assert answered(net, wrong) == Code.EXPIRED
    else:
        assert answered(net, wrong) == (Code.NODE_CLOCK if raft else Code.OK)
    # Put right, it takes part again.
    net.stop(wrong)
    net.healthy()
