"""Faults that operators meet, each put in by hand: the doctor finds each by its name, and nothing else."""

import shutil
import socket
import time
from pathlib import Path

import pytest

from govchain.index.database import IndexDatabase, database_url
from govchain.model import Code, UnavailableError
from govchain.node.embedded import open_embedded
from govchain.node.settings import Settings
from govchain.ops import doctor, doctor_machine, doctor_remote
from govchain.ops.findings import Report
from govchain.proof.genesis import fingerprint as genesis_fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.sdk.probing import ProbeTransport
from govchain.services.indexing import rebuild_index
from govchain.state import Table
from govchain.storage.blocks import height_key
from govchain.texts import sentence
from tests.api.events_kit import serving, until
from tests.node.kit import SMALL, new_actor, system_clock
from tests.ops.kit import START, build, cut_power, examine, fingerprint, flip, grow, read, write
from tests.services.tls_kit import Authority


def index(path, source=None):
    """Make the index of ``source`` (by default of the chain itself) in ``path``."""
    database = IndexDatabase(database_url("", path))
    with open_embedded(source or path, read_only=True, options=SMALL) as node:
        rebuild_index(node.application, database)
    database.close()


class Bench:
    """What a fault may change: the directory, and how it is examined."""

    def __init__(self, path, folder, actor):
        self.path, self.folder, self.actor = path, folder, actor
        self.options = {}

    def other_chain(self):
        return build(self.folder / "other", new_actor(), blocks=3)


def no_genesis(bench):
    (bench.path / "genesis.json").unlink()


def another_genesis(bench):
    shutil.copy(bench.other_chain() / "genesis.json", bench.path / "genesis.json")


def open_key(bench):
    (bench.path / "keys" / "node.pem").chmod(0o644)


def flipped_table_file(bench):
    # In the data of the bodies: RocksDB names the file when it reads its blocks.
    files = sorted((bench.path / "store").glob("*.sst"), key=lambda entry: entry.stat().st_size)
    flip(files[-1], 200)


def cut_table_file(bench):
    file = max((bench.path / "store").glob("*.sst"), key=lambda entry: entry.stat().st_size)
    file.write_bytes(file.read_bytes()[:-64])


def cut_log(bench):
    bench.path = cut_power(bench.path, bench.folder / "cut", bench.actor, 2)
    (log,) = [entry for entry in (bench.path / "store").glob("*.log") if entry.stat().st_size]
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 3])


def altered_block(bench):
    write(bench.path, Table.BODIES, height_key(3), read(bench.path, Table.BODIES, height_key(2)))


def no_block(bench):
    write(bench.path, Table.RECEIPTS, height_key(4), None)


def full_disk(bench):
    bench.options["minima"] = doctor.Minima(disk_free_bytes=2**62)


def little_memory(bench):
    bench.options["minima"] = doctor.Minima(memory_bytes=2**60, disk_free_bytes=0)


def few_processors(bench):
    bench.options["minima"] = doctor.Minima(cpu=100_000, disk_free_bytes=0)


def clock_behind(bench):
    bench.options["now"] = START - 3_600_000


def unknown_setting(bench):
    (bench.path / "node.toml").write_text('listen = "127.0.0.1:0"\nlisten_adress = "x"\n')


def expired_certificate(bench):
    certificate, key = Authority(bench.folder).issue("node", begins_days=-5, ends_days=-3)
    (bench.path / "node.toml").write_text(f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n')
    bench.options["now"] = int(time.time() * 1000)


def no_certificate(bench):
    (bench.path / "node.toml").write_text('tls_certificate = "/nowhere/tls.pem"\ntls_key = "/nowhere/tls.key"\n')


def index_of_another_chain(bench):
    index(bench.path, bench.other_chain())


def index_ahead(bench):
    later = Path(shutil.copytree(bench.path, bench.folder / "later"))
    grow(later, bench.actor, 2)
    index(bench.path, later)


def damaged_index(bench):
    (bench.path / "index.sqlite3").write_bytes(b"not a database at all" * 100)


#: What is done, and the one name that it is found by.
FAULTS = {
    no_genesis: "genesis.missing",
    another_genesis: "genesis.other-genesis",
    open_key: "keys.mode",
    flipped_table_file: "store.corrupt",
    cut_table_file: "store.corrupt",
    cut_log: "store.corrupt",
    altered_block: "bodies.transaction-root",
    no_block: "receipts.store-corrupt",
    full_disk: "disk.low",
    little_memory: "memory.low",
    few_processors: "cpu.few",
    clock_behind: "clock.behind",
    unknown_setting: "settings.usage",
    expired_certificate: "tls.expired",
    no_certificate: "tls.file-unreadable",
    index_of_another_chain: "index.chain",
    index_ahead: "index.ahead",
    damaged_index: "index.unavailable",
}


@pytest.mark.requirement(
    "BJ.maintainability.analysability.01",
    "BJ.maintainability.analysability.02",
    "BJ.maintainability.analysability.04",
)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_is_found_by_its_name_and_nothing_else(fault, data, actor, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    bench = Bench(data, tmp_path, actor)
    assert examine(data).clean
    fault(bench)
    before = fingerprint(bench.path)
    began = time.monotonic()
    report = examine(bench.path, **bench.options)
    print(f"{fault.__name__}: {time.monotonic() - began:.2f} s")
    assert {finding.name for finding in report.findings} == {FAULTS[fault]}, report.findings
    assert fingerprint(bench.path) == before
    for finding in report.findings:
        # What a maintainer reads names the place, the reason and what to do, in both languages.
        for language in ("zh", "en"):
            told = finding.reason_in(language) + sentence(finding.remedy, language)
            assert "{" not in told
            assert len(told) > 12


@pytest.mark.requirement("BJ.maintainability.analysability.01")
def test_every_name_is_explained():
    page = (Path(__file__).parents[2] / "docs" / "spec" / "findings.md").read_text(encoding="utf-8")
    for name in (*FAULTS.values(), "clock.drift", "tls.expiring", "live.node-unreachable", "ready.disk-full"):
        assert f"`{name}`" in page, name


def test_settings_that_lie_elsewhere_are_looked_at(data, tmp_path):
    (tmp_path / "elsewhere.toml").write_text("backup_every_hour = 1\n")
    (finding,) = examine(data, settings_file=tmp_path / "elsewhere.toml").findings
    assert finding.name == "settings.usage"
    assert "backup_every_hour" in finding.reason


def test_a_named_settings_file_has_to_be_there(data, tmp_path):
    assert not (data / "node.toml").exists()
    (finding,) = examine(data, settings_file=tmp_path / "nowhere.toml").findings
    assert finding.name == "settings.file-unreadable"
    assert "nowhere.toml" in finding.reason


def test_what_is_found_beside_the_ledger_hides_nothing_of_the_index(data, actor, tmp_path):
    """An open key file, a clock that is behind and an index of another chain: three findings."""
    bench = Bench(data, tmp_path, actor)
    index_of_another_chain(bench)
    open_key(bench)
    clock_behind(bench)
    found = {finding.name for finding in examine(data, **bench.options).findings}
    assert found == {"index.chain", "keys.mode", "clock.behind"}


def test_an_index_far_behind_is_found_and_one_a_little_behind_is_not(data, actor):
    index(data)
    grow(data, actor, 3)
    assert examine(data).clean
    assert examine(data, index_behind_max=3).clean
    (finding,) = examine(data, index_behind_max=2).findings
    assert finding.name == "index.behind"


def test_certificates_that_are_early_unreadable_or_end_soon(tmp_path):
    now = int(time.time() * 1000)
    day = 86_400_000
    certificate, _ = Authority(tmp_path).issue("node", begins_days=-1, ends_days=90)
    pem = certificate.read_bytes()
    for moment, name in (
        (now, None),
        (now - 2 * day, "tls.early"),
        (now + 80 * day, "tls.expiring"),
        (now + 91 * day, "tls.expired"),
    ):
        report = Report()
        doctor_machine.check_certificate(pem, moment, report)
        assert [finding.name for finding in report.findings] == ([] if name is None else [name])
    report = Report()
    doctor_machine.check_certificate(b"no certificate", now, report)
    assert [finding.name for finding in report.findings] == ["tls.unreadable"]


# A node from outside


def names(report):
    return [finding.name for finding in report.findings]


def trusted(path):
    from govchain.proof.genesis import decode_genesis

    return TrustAnchors((genesis_fingerprint(decode_genesis((path / "genesis.json").read_bytes())).hex(),))


def test_a_sound_node_seen_from_outside(chain, actor):
    with serving(chain) as running:
        running.put(actor, "a", "b")
        until(lambda: running.node.transport.status().certified_height >= 1)
        until(lambda: running.services.index.status().lag == 0)
        done = []
        with ProbeTransport(running.url, token=running.login(actor)) as transport:
            report = doctor_remote.run(
                transport, trusted(chain), now=system_clock().wall(), progress=lambda *step: done.append(step)
            )
        assert report.clean, report.findings
        assert report.checks == ["live", "ready", "clock", "network", "headers", "version", "index"]
        assert report.height == running.node.application.chain.height
        assert done[-1][0] == done[-1][1] >= 1


def test_faults_of_a_node_seen_from_outside(chain, actor):
    now = system_clock().wall()
    with serving(chain) as running:
        running.put(actor, "a")
        until(lambda: running.node.transport.status().certified_height >= 1)
        with ProbeTransport(running.url, retries=0) as transport:
            assert names(doctor_remote.run(transport, trusted(chain), now=now + 60_000)) == ["clock.drift"]
            assert names(doctor_remote.run(transport, TrustAnchors(("00" * 32,)), now=now)) == [
                "headers.trust-mismatch"
            ]
        with ProbeTransport(running.url, retries=0, token=running.login(actor)) as transport:
            report = doctor_remote.run(transport, trusted(chain), now=now, index_behind_max=-1)
            assert names(report) == ["index.behind"]
    with ProbeTransport(running.url, retries=0) as transport:
        report = doctor_remote.run(transport, trusted(chain), now=now)
        assert (names(report), report.checks) == (["live.node-unreachable"], ["live"])


def test_who_does_not_speak_tls_is_found_by_the_check_of_that_name():
    """The way to the node is its first check, also where nothing can be said of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with ProbeTransport(f"https://127.0.0.1:{port}", retries=0) as transport:
        report = doctor_remote.run(transport, TrustAnchors(("00" * 32,)), now=system_clock().wall())
    assert (names(report), report.checks) == (["live.node-unreachable"], ["live"])


def test_a_node_that_takes_nothing_says_why(chain, actor, monkeypatch):
    with serving(chain) as running:
        running.put(actor, "a")
        until(lambda: running.node.transport.status().certified_height >= 1)

        class Full(ProbeTransport):
            def ready(self):
                raise UnavailableError(Code.DISK_FULL)

        with Full(running.url, retries=0) as transport:
            assert names(doctor_remote.run(transport, trusted(chain), now=system_clock().wall())) == ["ready.disk-full"]


@pytest.mark.parametrize(
    ("begins", "ends", "expected"), [(-1, 90, []), (-1, 5, ["tls.expiring"]), (-9, -2, ["tls.expired"])]
)
def test_the_certificate_that_a_node_shows(chain, tmp_path, begins, ends, expected):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("127.0.0.1", begins_days=begins, ends_days=ends)
    with serving(chain, tls_certificate=str(certificate), tls_key=str(key)) as running:
        with ProbeTransport(running.url, ca=authority.path, retries=0) as transport:
            report = doctor_remote.run(transport, trusted(chain), now=system_clock().wall())
        assert names(report) == expected
        assert ("headers" in report.checks) == (ends > 0)


def test_the_settings_of_a_clean_directory_are_defaults(data):
    report = Report()
    from govchain.storage import DirectoryLayout

    found = doctor_machine.check_settings(DirectoryLayout(data).settings, {}, report)
    assert found.values() == Settings().values()
    assert report.clean
    assert doctor_machine.memory_bytes() > 2**26
