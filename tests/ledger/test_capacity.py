"""The ledger holds many transactions: what one costs does not grow with how many there are."""

import resource

import pytest

from govchain.node.embedded import system_clock
from govchain.ops.bench import ledger as bench
from govchain.storage import RocksStore
from tests.node.kit import Hands, make_chain, new_actor, transaction_id

#: Transactions of a block and of the small chain; at the end there are four times as many.
BLOCK = 50
SMALL = 200
#: How much more a transaction may cost at four times the number: trees grow by two levels, nothing grows by the number.
GROWTH_MAX = 1.5
#: The stated need of the long test: so many transactions, and still an answer within so many ms at half load.
TRANSACTIONS = 200_000
P99_MS_MAX = 5_000


class Counted:
    """Counts what the store is asked for."""

    def __init__(self, monkeypatch):
        self.reads = self.writes = self.written_bytes = 0
        get, get_many, write = RocksStore.get, RocksStore.get_many, RocksStore.write

        def counted_get(store, table, key):
            self.reads += 1
            return get(store, table, key)

        def counted_get_many(store, table, keys):
            self.reads += len(keys)
            return get_many(store, table, keys)

        def counted_write(store, batch, *, durable):
            self.writes += len(batch)
            for table in batch.tables():
                self.written_bytes += sum(len(key) + len(value or b"") for key, value in batch.operations(table))
            return write(store, batch, durable=durable)

        monkeypatch.setattr(RocksStore, "get", counted_get)
        monkeypatch.setattr(RocksStore, "get_many", counted_get_many)
        monkeypatch.setattr(RocksStore, "write", counted_write)

    def take(self):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return self.reads, self.writes, self.written_bytes, usage.ru_utime + usage.ru_stime


@pytest.mark.requirement("BJ.performance.capacity.02")
def test_the_cost_of_a_transaction_does_not_grow_with_their_number(tmp_path, monkeypatch):
    actor = new_actor()
    now = system_clock().wall()
    hands = Hands(make_chain(tmp_path / "data", actor, now=now), now)
    first = actor.put(now=now)
    hands.block(first)
    counted = Counted(monkeypatch)
    costs, done = [], 0
    while done < 4 * SMALL:
        before = counted.take()
        envelopes = [actor.put(now=hands.now) for _ in range(BLOCK)]
        hands.block(*envelopes)
        done += BLOCK
        costs.append([(after - was) / BLOCK for was, after in zip(before, counted.take(), strict=True)])
    blocks = SMALL // BLOCK
    early = [sum(column) / blocks for column in zip(*costs[:blocks], strict=True)]
    late = [sum(column) / blocks for column in zip(*costs[-blocks:], strict=True)]
    for name, cost, allowed in zip(
        ("reads", "writes", "written bytes", "processor seconds"),
        zip(early, late, strict=True),
        (1, 1, 1, 2),
        strict=True,
    ):
        print(f"{name} of a transaction: {cost[0]:.6g} among the first {SMALL}, {cost[1]:.6g} among the last")
        assert cost[1] <= cost[0] * GROWTH_MAX * allowed
    assert late[1] >= 3, "the writes were not counted"
    counted.reads = 0
    assert hands.application.blocks.location(transaction_id(first)) == (1, 0)
    assert hands.application.blocks.location(transaction_id(envelopes[-1])) == (
        hands.application.chain.height,
        BLOCK - 1,
    )
    assert counted.reads == 2
    hands.close()


@pytest.mark.long
@pytest.mark.requirement("BJ.performance.capacity.02")
def test_the_required_number_of_transactions_with_answers_in_time(tmp_path):
    report = bench.run(bench.LedgerBench(transactions=TRANSACTIONS, half_load_seconds=5), folder=tmp_path)
    assert report["workload"]["transactions"] == TRANSACTIONS
    assert len(report["stages"]) >= 2
    assert report["growth_cost_ratio"] <= GROWTH_MAX
    assert report["half_load"]["latency_ms"]["p99"] <= P99_MS_MAX
    found, of = report["read_back"].split(" found")[0].split(" of ")
    assert found == of != "0"
