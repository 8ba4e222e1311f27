"""Fixtures shared by the rooms that run a node, and a sender of webhooks."""

import pytest

from tests.node.fixtures import actor, chain, node, template
from tests.services.webhook_bench import Bench

__all__ = ["actor", "bench", "chain", "node", "template"]


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.close()
