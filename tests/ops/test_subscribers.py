"""A thousand idle subscribers of a running node: what they cost, and that they are let go."""

import time

import pytest

from govchain.ops.bench.api import BARS, ApiBench, idle_subscribers
from govchain.ops.bench.api_node import NodeProcess
from tests.ops.kit import build


@pytest.mark.requirement("GD.general.security.07")
def test_a_thousand_idle_subscribers_cost_little(tmp_path, actor, capsys):
    path = build(tmp_path / "data", actor)
    count = ApiBench().subscribers
    settings = {"reads": "open", "streams_per_session": str(count), "log_file": str(tmp_path / "node.log")}
    with NodeProcess(path, settings) as node:
        began_s = time.monotonic()
        found = idle_subscribers(node, count)
        assert node.ask("/v1/health/ready")["ready"] is True
        node.stop()
    with capsys.disabled():
        print(f"\n  {found} in {time.monotonic() - began_s:.1f} s")
    assert found["count"] == count == 1_000
    assert found["mib"] <= BARS["subscribers_mib"]
    assert found["descriptors_left"] == 0
