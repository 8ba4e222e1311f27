"""The bench of joining, small: both ways end at the same block, and every field is documented."""

from govchain.ops.bench import join
from tests.ops.test_bench import check_documented


def test_a_small_run_says_both_times(tmp_path):
    calls = []
    options = join.JoinBench(blocks=200, block_transactions=3)
    result = join.run(options, folder=tmp_path, progress=lambda *done: calls.append(done))
    check_documented(result)
    assert result["workload"]["transactions"] == 600
    assert 0 < result["by_snapshot"]["snapshot_height"] < 200
    assert result["by_snapshot"]["snapshot_height"] + result["by_snapshot"]["blocks_after"] == 200
    assert result["by_blocks"]["seconds"] > 0
    assert calls[-1] == (400, 400)
    assert not list(tmp_path.iterdir())
