"""The benches, small: every field is there and documented, what they claim is checked, and lost data is an error."""

import re

import pytest

from govchain.model import UnavailableError
from govchain.ops.bench import ledger, sm2
from govchain.ops.bench.machine import describe_machine, directory_bytes, memory_now_bytes, percentile
from govchain.ops.bench.workload import make_accounts, read_batches, write_files
from govchain.proof.transactions import decode_envelope
from govchain.services.chains import default_organisation
from tools.tidy.tree import ROOT

#: What bench/README.md leaves to a wildcard.
FREE = {"verifier", "profile"}


def documented():
    """Field names of bench/README.md, written out where a row names several endings."""
    names = set()
    for line in (ROOT / "bench" / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            first = ""
            for name in re.findall(r"`([^`]+)`", line.split("|")[1]):
                first = first if name.startswith(".") else name
                names.add(first.rpartition(".")[0] + name if name.startswith(".") else name)
    return names


def fields(value, name=""):
    if isinstance(value, dict):
        return {found for key, inner in value.items() for found in fields(inner, f"{name}.{key}" if name else key)}
    if isinstance(value, list):
        return {found for inner in value for found in fields(inner, f"{name}.N")}
    return {name}


def check_documented(result):
    known = documented()
    for field in fields(result):
        assert field in known or field.split(".")[0] in FREE or field.startswith("workload."), field


@pytest.mark.requirement("BJ.function.digest.01a")
def test_sm2_and_the_digest_rate(capsys):
    result = sm2.run(keys=4, signatures=400, seconds=1)
    check_documented(result)
    assert result["verify_per_second"]["repeated_keys"] > 0
    assert result["ratio_to_openssl"]["repeated_keys"] > 0
    # A department that anchors a gigabyte a minute needs 18 MB/s.
    assert result["sm3_mb_per_second"] >= 18
    with capsys.disabled():
        print(f"\n  SM3: {result['sm3_mb_per_second']} MB/s; needed for a gigabyte a minute: 18")


def test_a_small_ledger_run_keeps_everything_and_says_so(tmp_path):
    calls = []
    options = ledger.LedgerBench(transactions=2_000, accounts=3, half_load_seconds=1)
    result = ledger.run(options, folder=tmp_path, progress=lambda *done: calls.append(done))
    check_documented(result)
    assert result["workload"]["transactions"] == 2_000
    assert sum(stage["transactions"] for stage in result["stages"]) == 2_000
    assert result["growth_cost_ratio"] is None
    assert result["read_back"].endswith("found after reopening")
    assert result["transactions_per_second"] > 0
    assert result["half_load"]["latency_ms"]["p50"] <= result["half_load"]["latency_ms"]["p99"]
    assert result["cold_start_to_first_commit_seconds"] < 15
    assert calls == [(2_000, 2_000)]
    assert list(tmp_path.iterdir()) == []


def test_an_envelope_is_as_long_as_asked_and_really_signed(tmp_path):
    code, _ = default_organisation()
    accounts, entries = make_accounts(2, "bench-test", code)
    paths = write_files(tmp_path, "bench-test", accounts, 10, 1024, processes=1)
    batches = list(read_batches(paths, 4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    envelopes = [envelope for batch in batches for envelope in batch]
    assert all(abs(len(envelope) - 1024) <= 16 for envelope in envelopes)
    assert len({decode_envelope(envelope)[0] for envelope in envelopes}) == 10
    assert len(entries) == 2


def test_without_openssl_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError):
        sm2.run(keys=1, signatures=10, seconds=1)


def test_the_machine_and_the_figures(tmp_path):
    machine = describe_machine()
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0
    (tmp_path / "file").write_bytes(bytes(10_000))
    assert directory_bytes(tmp_path) >= 10_000
    assert memory_now_bytes() > 2**20
    assert percentile([], 0.5) == 0.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 3.0
    assert percentile([1.0], 0.99) == 1.0


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.requirement("BJ.performance.capacity.02")
def test_response_times_hold_after_a_million_transactions(tmp_path, capsys):
    """Filled with a million transactions through blocks, the ledger still answers as it did."""
    result = ledger.run(ledger.LedgerBench(transactions=1_000_000), folder=tmp_path)
    with capsys.disabled():
        print(f"\n  {result['transactions_per_second']}/s, growth {result['growth_cost_ratio']}, {result['half_load']}")
    assert result["growth_cost_ratio"] <= 1.2
    assert result["half_load"]["latency_ms"]["p95"] <= 100
    assert result["memory_peak_mib"] <= 600
