"""Webhooks over TLS against a real receiver: which certificates are believed, and to which address is connected."""

import asyncio
import ipaddress

import pytest

from govchain.services.webhook_targets import AttemptFailed, TargetPolicy, post
from tests.api.events_kit import serving
from tests.node.kit import copy_chain
from tests.services.tls_kit import Authority
from tests.services.webhook_kit import receiving

LOOPBACK = ["127.0.0.0/8", "::1/128"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def policy(authority):
    return TargetPolicy(LOOPBACK, ca=str(authority.path))


def send(policy, url):
    return asyncio.run(post(policy, policy.check_url(url), {"X": "y"}, b"{}", limit_s=10))


def outcome(policy, url):
    with pytest.raises(AttemptFailed) as failed:
        send(policy, url)
    return failed.value.outcome


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_receiver_with_a_certificate_of_the_operator_s_authority(authority, policy, host):
    with receiving(authority.server("127.0.0.1", "localhost")) as receiver:
        assert send(policy, receiver.url.replace("127.0.0.1", host)) == 204
        (got,) = receiver.got
        assert got.headers["Host"].startswith(f"{host}:")


def test_a_certificate_of_an_authority_that_is_not_trusted_is_refused(authority, stranger, policy):
    with receiving(stranger.server("127.0.0.1")) as receiver:
        assert outcome(policy, receiver.url) == "tls"
        assert send(TargetPolicy(LOOPBACK, ca=str(stranger.path)), receiver.url) == 204  # it is the authority alone
        assert len(receiver.got) == 1


def test_without_webhook_ca_the_operator_s_own_authority_is_unknown(authority):
    with receiving(authority.server("127.0.0.1")) as receiver:
        assert outcome(TargetPolicy(LOOPBACK), receiver.url) == "tls"
        assert receiver.got == []


@pytest.mark.parametrize("names", [["localhost"], ["127.0.0.2"], ["*.0.0.1", "intake.example.gov.cn"]])
def test_a_certificate_for_another_name_is_refused(authority, policy, names):
    with receiving(authority.server(*names)) as receiver:
        assert outcome(policy, receiver.url) == "tls"
        assert receiver.got == []


@pytest.mark.parametrize("days", [(-3, -1), (1, 3)], ids=["expired", "not yet valid"])
def test_a_certificate_out_of_its_time_is_refused(authority, policy, days):
    with receiving(authority.server("127.0.0.1", begins_days=days[0], ends_days=days[1])) as receiver:
        assert outcome(policy, receiver.url) == "tls"
        assert receiver.got == []


class Names:
    """A resolver that gives these addresses for every name, one answer after another, as a hostile one would."""

    def __init__(self, *answers):
        self.answers = [[ipaddress.ip_address(text) for text in answer] for answer in answers]
        self.asked = 0

    async def __call__(self, host, port):
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


def resolving(authority, *answers):
    names = Names(*answers)
    return TargetPolicy(LOOPBACK, ca=str(authority.path), look_up=names), names


def test_the_connection_goes_to_the_address_that_was_checked_and_asks_for_the_name(authority):
    """The name itself leads nowhere: only the checked number can have been connected to."""
    policy, names = resolving(authority, ["127.0.0.1"], ["10.0.0.1"])
    with receiving(authority.server("intake.invalid")) as receiver:
        url = receiver.url.replace("127.0.0.1", "intake.invalid")
        assert send(policy, url) == 204
        assert names.asked == 1  # a second look-up would have led elsewhere
        assert outcome(policy, url) == "refused-address"  # the name changed its mind: the next attempt is refused
        assert len(receiver.got) == 1


def test_one_private_address_among_several_is_enough_to_refuse(authority):
    policy, _ = resolving(authority, ["127.0.0.1", "10.0.0.1"])
    with receiving(authority.server("intake.invalid")) as receiver:
        assert outcome(policy, receiver.url.replace("127.0.0.1", "intake.invalid")) == "refused-address"
        assert receiver.got == []


def test_a_receiver_whose_first_address_is_dead_is_reached_at_the_second(authority):
    policy, _ = resolving(authority, ["127.0.0.9", "127.0.0.1"])
    with receiving(authority.server("intake.invalid")) as receiver:
        assert send(policy, receiver.url.replace("127.0.0.1", "intake.invalid")) == 204


def test_a_node_sends_over_tls_where_its_settings_name_the_authority(authority, stranger, template, tmp_path, actor):
    path = copy_chain(template, tmp_path / "data")
    given = {"webhook_networks": ("127.0.0.0/8",), "webhook_ca": str(authority.path)}
    with (
        receiving(authority.server("127.0.0.1")) as receiver,
        receiving(stranger.server("127.0.0.1")) as other,
        serving(path, **given) as running,
        running.client(running.login(actor)) as client,
    ):
        told = []
        for url in (receiver.url, other.url):
            webhook = client.post("/v1/webhooks", json={"url": url}).json()["webhook"]["id"]
            told.append(client.post(f"/v1/webhooks/{webhook}/ping").json()["outcome"])
        assert told == ["delivered", "tls"]
        running.put(actor, "over tls")
        assert [event["reference"] for event in receiver.wait(2)[1].json["events"]] == ["over tls"]
        assert other.got == []
