"""One node's share of another's pool, over real connections: a flood keeps nobody out, and nothing of it is lost."""

import pytest

from govchain.consensus import PoolLimits
from tests.consensus.exchange.kit import everywhere, members, wait_until
from tests.ledger.kit import CREATED, put


def puts(member, count):
    return [put(member.kit.department) for _ in range(count)]


@pytest.mark.requirement("BJ.function.p2p.03")
def test_one_node_fills_its_share_of_another_s_pool_and_the_rest_comes_when_there_is_room():
    """What is over the share costs the receiver nothing, keeps no other node out, and is not lost."""
    with members(3, pool=PoolLimits(transactions_max=40)) as (first, second, third):
        flood, others = puts(first, 30), puts(third, 5)
        first.submit(*flood)
        second.exchange.announce(1, 4_000_000)
        wait_until(lambda: len(second.pool) == 10, "a quarter of the pool")
        third.submit(*others)
        wait_until(lambda: second.has(*others), "what another one sends")
        assert len(second.pool) == 15
        # Its own proposal takes from both in turn.
        chosen = second.application.prepare_proposal(CREATED + 10, 10 * len(flood[0]))
        assert 4 <= len(set(chosen) & set(others)) <= 5
        while not all(member.application.chain.height for member in (first, second, third)) or len(first.pool):
            second.exchange.announce(second.application.info().engine_height + 2, 4_000_000)
            wait_until(lambda: len(second.pool) == min(10, len(first.pool)) + len(third.pool), "the next ones")
            batch = [item.envelope for item in second.pool.candidates()]
            assert len(batch) <= 15
            everywhere([first, second, third], *batch)
        assert len(second.pool) == len(third.pool) == 0
