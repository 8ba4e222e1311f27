"""The reference of the network bench: engines with an application that does nothing."""

import psutil
import pytest

from govchain.model import Code, UnavailableError
from govchain.ops.bench.net_reference import run_reference


@pytest.mark.net
def test_four_engines_commit_full_blocks_and_are_gone_afterwards(tmp_path):
    before = psutil.Process().children(recursive=True)
    found = run_reference(tmp_path, seconds=3.0, block_bytes=256 * 1024)
    assert (found.validators, found.transactions) == (4, found.blocks * 256)
    assert found.bytes == found.transactions * 1024
    assert found.blocks >= 2
    assert found.transactions_per_s == pytest.approx(found.transactions / found.seconds)
    assert found.engine_cores > 0
    assert found.engine_memory_bytes > 10_000_000
    left = [child for child in psutil.Process().children(recursive=True) if child not in before]
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]


def test_without_the_engine_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setenv("GOVCHAIN_ENGINES", str(tmp_path))
    with pytest.raises(UnavailableError) as caught:
        run_reference(tmp_path / "run")
    assert caught.value.code == Code.ENGINE_MISSING
    assert not (tmp_path / "run").exists()
