"""The bench of a network, small: whole nodes, two seconds of load; every field and every bar is there.

Takes about half a minute for each engine on two free cores: nodes and clients are processes that start anew.
"""

import psutil
import pytest

from govchain.ops.bench import net
from govchain.ops.bench.net import BARS
from tests.ops.test_bench import check_documented, documented

#: A row of ``ratio`` for each bar, and what it compares.
ROWS = {
    "half_load_p95_ms": ("half_load_p95_to_bar", lambda result: result["half_load"]["latency_ms"]["p95"]),
    "idle_cores": ("idle_cores_to_bar", lambda result: result["idle"]["cores"]),
    "idle_engine_blocks_per_second": (
        "idle_engine_blocks_to_bar",
        lambda result: result["idle"]["engine_blocks_per_second"],
    ),
}


def check_common(result, engine, nodes):
    check_documented(result)
    workload = result["workload"]
    assert (workload["engine"], workload["validators"], workload["durable"]) == (engine, nodes, True)
    assert workload["signatures_verified"] == "by every node"
    full = result["throughput"]
    assert 0 < full["transactions"] <= full["handed_in"]
    assert full["transactions_per_second"] == pytest.approx(full["transactions"] / full["seconds"], rel=0.02)
    assert full["bytes_per_second"] == pytest.approx(full["transactions_per_second"] * 1024, rel=0.02)
    assert full["transactions_per_block"] == pytest.approx(full["transactions"] / full["blocks"], abs=1)
    assert full["handed_in_seconds"] <= full["seconds"]
    for name in ("node_cores", "engine_cores", "node_memory_mib", "engine_memory_mib", "node_us_per_transaction"):
        assert full[name] > 0, name
    for answers in (full["answer_ms"], full["block_interval_ms"], result["half_load"]["latency_ms"]):
        assert 0 < answers["p50"] <= answers["p95"] <= answers["p99"]
    assert result["half_load"]["certificate_lag_blocks"] >= 0
    # Nothing that is handed in leaves the ledger as it is, whatever the engine counts.
    assert result["idle"]["ledger_blocks"] == 0
    assert result["read_back"].startswith(f"{nodes} nodes have the same ")
    ratio = result["ratio"]
    for bar, (name, figure) in ROWS.items():
        assert ratio[name] == pytest.approx(figure(result) / BARS[bar], abs=0.002)
    assert ratio["throughput_to_bar"] == pytest.approx(
        full["transactions_per_second"] / BARS[f"{engine}_per_second"], abs=0.002
    )


def check_nothing_left(folder):
    assert list(folder.iterdir()) == []
    # Python's own helper of the processes that signed stays with this one.
    commands = [child.cmdline() for child in psutil.Process().children(recursive=True)]
    assert [command for command in commands if command and "multiprocessing" not in " ".join(command)] == []


@pytest.mark.net
@pytest.mark.timeout(300)
def test_four_validators_beside_their_engine_alone(tmp_path):
    calls = []
    options = net.NetBench(seconds=2, half_seconds=2, idle_seconds=1, reference_seconds=2, rate_max=400, batch=50)
    result = net.run(options, folder=tmp_path, progress=lambda *done: calls.append(done))
    check_common(result, "cometbft", 4)
    alone = result["engine_alone"]
    assert alone["transactions_per_second"] > 0
    share = result["throughput"]["bytes_per_second"] / alone["bytes_per_second"]
    assert result["ratio"]["to_engine_alone"] == pytest.approx(share, abs=0.002)
    assert result["ratio"]["to_engine_alone_to_bar"] == pytest.approx(share / BARS["ratio_to_engine"], abs=0.005)
    assert result["pause"] is None
    assert calls[-1][0] == calls[-1][1] == len(calls)
    check_nothing_left(tmp_path)


@pytest.mark.net
@pytest.mark.long
@pytest.mark.timeout(300)
def test_three_members_under_the_crash_tolerant_engine(tmp_path):
    options = net.NetBench(engine="etcd", seconds=2, half_seconds=2, idle_seconds=1, rate_max=400, batch=50)
    result = net.run(options, folder=tmp_path)
    check_common(result, "etcd", 3)
    assert result["engine_alone"] is None
    check_nothing_left(tmp_path)


def test_each_bar_has_its_row_in_the_documents():
    named = {name for name in documented() if name.startswith("ratio.")}
    assert {f"ratio.{name}" for name, _ in ROWS.values()} < named
    assert {"ratio.throughput_to_bar", "ratio.to_engine_alone", "ratio.to_engine_alone_to_bar"} < named
    known = {*ROWS, "cometbft_per_second", "etcd_per_second", "ratio_to_engine"}
    assert set(BARS) == known, "a bar without a row"


#: What the business of a large city asks of a network: ten million records in a working day of eight hours, and three
#: times that at its busiest; a receipt within a second and a half. (``BARS`` are the platform's own aim, and higher.)
NEEDED_PER_SECOND = 1_050
NEEDED_P95_MS = 1_500


@pytest.mark.net
@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.requirement(
    "BJ.performance.time.03", "GD.technical.performance.01", "GD.technical.performance.02", "GZ.general.performance.01"
)
def test_ten_minutes_meet_what_the_business_needs(tmp_path, capsys):
    """A quiet machine is assumed; the report names it."""
    options = net.NetBench(seconds=600, half_seconds=60, idle_seconds=0, reference_seconds=0, rate_max=2_000)
    result = net.run(options, folder=tmp_path)
    full, half = result["throughput"], result["half_load"]
    with capsys.disabled():
        print(f"\n  {result['machine']}\n  {full}\n  {half}")
    assert full["handed_in_seconds"] >= 500
    assert full["transactions_per_second"] >= NEEDED_PER_SECOND
    assert half["latency_ms"]["p95"] <= NEEDED_P95_MS
