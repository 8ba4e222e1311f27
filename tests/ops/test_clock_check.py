"""The doctor on settings and on the clock by time servers: real ones on loopback."""

import pytest

from govchain.model import Code
from govchain.node.settings import Settings
from govchain.ops import doctor
from govchain.ops.clock_check import check_time_servers
from govchain.ops.findings import Report
from govchain.texts import LANGUAGES, sentence
from tests.node.kit import copy_chain, system_clock
from tests.node.udp_kit import TimeServers


def examined(*kinds, **settings):
    report = Report()
    with TimeServers(*kinds) as servers:
        values = Settings({"ntp_servers": servers.names, **settings})
        check_time_servers(values, report)
    return report


def test_without_servers_nobody_is_asked():
    report = Report()
    check_time_servers(Settings(), report)
    assert report.checks == []
    assert report.clean


def test_a_clock_that_agrees_is_no_finding():
    report = examined("honest", "honest", "lying")
    assert report.checks == ["time_servers"]
    assert report.clean


@pytest.mark.requirement("BJ.maintainability.analysability.01")
@pytest.mark.parametrize(
    ("kinds", "name", "words"),
    [
        (("slightly off",), "clock.servers-off", "ms"),
        (("honest", "lying"), "clock.servers-disagree", "no majority"),
        (("kiss DENY",), "clock.servers-disagree", "kiss-of-death"),
    ],
)
def test_a_clock_that_is_off_or_cannot_be_compared_is_a_finding(kinds, name, words):
    (finding,) = examined(*kinds).findings
    assert finding.code == Code.CLOCK_DRIFT
    assert finding.name == name
    assert words in finding.reason
    for language in LANGUAGES:
        assert "{" not in finding.reason_in(language)
        assert sentence(finding.remedy, language) != finding.remedy


def test_the_doctor_of_a_directory_asks_the_servers_of_its_settings(template, tmp_path):
    path = copy_chain(template, tmp_path / "data")
    with TimeServers("slightly off") as servers:
        (path / "node.toml").write_text(f'ntp_servers = ["{servers.names[0]}"]\n')
        report = doctor.run(path, now=system_clock().wall(), minima=doctor.Minima(disk_free_bytes=0))
    assert [finding.name for finding in report.findings] == ["clock.servers-off"]
    assert "time_servers" in report.checks


def test_a_server_that_is_none_is_a_finding():
    report = Report()
    check_time_servers(Settings({"ntp_servers": ("a b",)}), report)
    (finding,) = report.findings
    assert "ntp_servers" in finding.reason
    assert finding.name == "settings.usage"
