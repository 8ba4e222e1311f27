"""kill -9 at random moments: what was durable is there, every batch is whole, and nothing needs repair."""

import random
import subprocess
import sys
import threading
import time

import pytest

from govchain.state import Table
from govchain.storage import RocksStore
from tests.storage.crash_writer import SMALL, check


def kill_and_check(path, rounds, seed):
    """Kill a writer ``rounds`` times over one store; the heights reached and the seconds that reopening took."""
    chance = random.Random(seed)
    tip, seconds = 0, []
    for _ in range(rounds):
        command = [sys.executable, "-m", "tests.storage.crash_writer", str(path), str(chance.randrange(2**31))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            first = writer.stdout.readline()
            assert first, "the writer did not start"
            acknowledged = [int(first)]
            reader = threading.Thread(target=lambda out=writer.stdout, seen=acknowledged: seen.extend(map(int, out)))
            reader.start()
            time.sleep(chance.uniform(0, 0.2))
            writer.kill()
            reader.join()
            assert writer.wait() == -9  # the fault bit
        started = time.perf_counter()
        store = RocksStore(path, memory_bytes=SMALL)
        seconds.append(time.perf_counter() - started)
        assert check(store, max(acknowledged)) > tip
        tip = max(acknowledged)
        for name in store.checkpoints():
            reader = store.open_checkpoint(name)
            height = int(reader.get(Table.META, b"chain"))
            assert sum(1 for _ in reader.scan(Table.HEADERS)) == height
            reader.close()
        store.close()
    return tip, seconds


@pytest.mark.requirement("BJ.function.ledger.01", "BJ.compliance.process.01c")
def test_twenty_kills(tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    blocks, seconds = 0, []
    for number in range(4):
        tip, took = kill_and_check(tmp_path / str(number), 5, seed + number)
        blocks, seconds = blocks + tip, seconds + took
    print(f"20 kills, {blocks} blocks, none lost, none torn; reopening took at most {max(seconds):.3f} s")
    assert max(seconds) < 3


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_hundred_kills(tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    for number in range(40):
        kill_and_check(tmp_path / str(number), 5, seed + number)


def test_the_check_notices_a_lost_and_a_torn_block(tmp_path):
    from govchain.state import Batch
    from govchain.storage import BlockStore
    from tests.storage.crash_writer import put

    store = RocksStore(tmp_path / "store", memory_bytes=SMALL)
    for height in (1, 2, 3):
        store.write(put(BlockStore(store), height, 1), durable=True)
    assert check(store, 3) == 3
    with pytest.raises(AssertionError, match="acknowledged"):
        check(store, 4)
    batch = Batch()
    batch.delete(Table.IDS, (2).to_bytes(8, "big"))
    store.write(batch, durable=True)
    with pytest.raises(AssertionError):
        check(store, 3)
    store.close()
