"""What a network's monitoring sees when a member is lost: the metrics count it, the doctor names it.

Takes about half a minute on two free cores: four nodes with their engines start.
"""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from govchain.model import Code
from govchain.ops import doctor_remote
from govchain.sdk.probing import ProbeTransport
from govchain.sdk.transactions import now_ms
from tests.net.kit import WAIT_S, network, wait_until


def metrics(net, node):
    text = httpx.get(f"{node.url}/metrics", timeout=WAIT_S, trust_env=False).text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }


def doctor(net, node):
    with ProbeTransport(node.url, retries=0) as transport:
        return doctor_remote.run(transport, net.trust, now=now_ms())


@pytest.mark.net
@pytest.mark.timeout(300)
def test_a_lost_member_is_named_by_the_doctor_and_counted_by_the_metrics(tmp_path):
    with network(tmp_path / "net", "cometbft") as net:
        first, *_, lost = net.present
        net.put(first)
        wait_until(lambda: doctor(net, first).clean, "nothing is wrong with a network that is whole")
        net.kill(lost)
        net.put(first)
        wait_until(
            lambda: (
                {"network.votes-missing", "network.members-away"}
                == {finding.name for finding in doctor(net, first).findings}
            ),
            "the doctor finds both",
        )
        report = doctor(net, first)
        assert {finding.facts["names"] for finding in report.findings} == {lost.name}
        assert {finding.code for finding in report.findings} == {Code.NETWORK_NODE}
        assert lost.name in report.findings[0].reason
        assert lost.name in report.findings[0].reason_in("zh")
        seen = metrics(net, first)
        assert seen["govchain_engine_members_missing"] == 1
        assert seen["govchain_peers_connected"] == seen["govchain_peers_known"] - 1
        assert seen["govchain_height"] - seen["govchain_certified_height"] <= 1
        assert seen["govchain_verified_transactions_total"] >= 2
        net.start(lost)
        wait_until(lambda: doctor(net, first).clean, "it is back")
        wait_until(lambda: metrics(net, first)["govchain_engine_members_missing"] == 0, "its votes are counted again")
