"""Three members, three etcd processes."""

from __future__ import annotations

import pytest

from govchain.model import Code
from tests.consensus.etcd.kit import Net

pytestmark = pytest.mark.net


def test_any_member_orders_and_all_execute(tmp_path):
    with Net(tmp_path) as net:
        for node in net.nodes:
            assert node.put(3) == [Code.OK] * 3
        net.settle()
        assert net.nodes[0].height >= 3
