"""The bench over HTTP, small: every field is documented, what it claims is checked; the sampler tells the truth.

Takes about 15 s on two free cores: two nodes and a dozen client processes start, one after the other.
"""

import hashlib
import threading
import time

import pytest

from govchain.model import UnavailableError
from govchain.ops.bench import api
from govchain.ops.bench.api_node import NodeProcess
from govchain.ops.bench.sampler import NATIVE, Sampler
from tests.ops.test_bench import check_documented


@pytest.mark.requirement("BJ.function.storage.03a")
def test_a_small_run_keeps_everything_and_says_so(tmp_path, capsys):
    calls = []
    options = api.ApiBench(transactions=600, batch=50, clients=2, connections=8, seconds=1, subscribers=20)
    result = api.run(options, folder=tmp_path, progress=lambda *done: calls.append(done))
    check_documented(result)
    assert calls[-1][0] == calls[-1][1] == len(calls)
    for load in ("one_per_request", "batches"):
        assert result[load]["transactions"] == 600
        assert result[load]["transactions_per_second"] > 0
        assert result[load]["blocks"] >= 1
        assert 0 < result[load]["answer_ms"]["p50"] <= result[load]["answer_ms"]["p99"]
        profile = result["profile"][load]
        assert profile["looks"] > 0
        assert "solo-engine" in profile["threads"]
        assert sum(profile["threads"].values()) == pytest.approx(100, abs=3)
    assert result["half_load"]["latency_ms"]["p50"] <= result["half_load"]["latency_ms"]["p99"]
    assert result["reads"]["requests_per_second"] > 0
    assert result["machine"]["processor"]
    for latency in (result["reads"]["answer_ms"], result["half_load"]["latency_ms"]):
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert result["subscribers"]["count"] == 20
    assert result["subscribers"]["descriptors_left"] == 0
    # Warm-up and two loads, on the node that is measured and on the one that is looked at, and half load.
    least = 2 * 500 + 2 * 600 + 2 * 500
    assert int(result["read_back"].split()[0]) > least
    assert result["read_back"].endswith("each once")
    assert list(tmp_path.iterdir()) == []
    with capsys.disabled():
        rates = [result[load]["transactions_per_second"] for load in ("one_per_request", "batches")]
        print(f"\n  one per request {rates[0]}/s, batches {rates[1]}/s, half load {result['half_load']['latency_ms']}")


def test_a_node_that_does_not_start_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnavailableError):
        NodeProcess(tmp_path / "empty", {})


def test_the_sampler_finds_who_works_and_passes_over_who_waits():
    over = threading.Event()

    def digest_for_ever():
        data = bytes(1 << 20)
        while not over.is_set():
            hashlib.sha256(data).digest()

    threads = [
        threading.Thread(target=digest_for_ever, name="busy-1", daemon=True),
        threading.Thread(target=over.wait, name="idle-1", daemon=True),
    ]
    for thread in threads:
        thread.start()
    sampler = Sampler()
    sampler.start()
    time.sleep(0.5)  # what is measured is time
    profile = sampler.stop()
    over.set()
    for thread in threads:
        thread.join()
    assert profile["threads"]["busy"] > 50
    assert "idle" not in profile["threads"]
    assert any("digest_for_ever" in name for name in profile["functions"])
    assert profile["threads"].get(NATIVE, 0) < 50


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.requirement("BJ.performance.time.01", "BJ.performance.time.02")
def test_ten_thousand_requests_within_the_time_that_the_business_needs(tmp_path, capsys):
    """The bars of two cores; a quiet machine is assumed."""
    result = api.run(folder=tmp_path)
    with capsys.disabled():
        print(f"\n  {result['ratio_to_bar']} {result['half_load']}")
    assert result["one_per_request"]["transactions"] >= 10_000
    ratio = result["ratio_to_bar"]
    assert ratio["half_load_p95"] <= 1
    assert ratio["subscribers_mib"] <= 1
    assert ratio["one_per_request"] >= 1
    assert ratio["batches"] >= 1
    assert result["one_per_request"]["index_catch_up_seconds"] <= 10
    assert result["batches"]["index_catch_up_seconds"] <= 10


@pytest.mark.parametrize("count", [1, 2, 37, 38, 76, 902, 37 * 39])
def test_reads_are_mixed_and_none_is_left_out(count):
    paths = [str(number) for number in range(count)]
    assert sorted(api.mixed(paths)) == sorted(paths)
