"""Where a further chain listens, its settings and its environment: from the node's own, apart from others'."""

import pytest

from govchain.modules.governance.changing import CHAINS_MAX
from govchain.node.chains.places import PORTS_EACH, places_of
from govchain.node.chains.running import child_environment, child_settings
from govchain.node.settings import Settings, load_settings
from govchain.ops.net.layout import free_chain_ports
from govchain.proof.members import MemberAddresses
from govchain.services.configurations import settings_file

OWN = MemberAddresses(api="https://node-1.example:8547/x", engine="10.0.0.1:26656", peers="[fd00::1]:26700")


def test_each_chain_has_ports_of_its_own_and_the_hosts_of_the_node():
    settings = Settings({"chain_ports": 30_000, "listen": "0.0.0.0:8547", "peers_listen": "[::]:26700"})
    seen = set()
    for number in range(1, CHAINS_MAX + 1):
        found = places_of(number, settings, OWN)
        first = 30_000 + 3 * (number - 1)
        assert found.listen == f"0.0.0.0:{first}"
        assert (found.peers_listen, found.engine_listen) == (f"[::]:{first + 1}", f"10.0.0.1:{first + 2}")
        assert found.announced == MemberAddresses(
            api=f"https://node-1.example:{first}", engine=f"10.0.0.1:{first + 2}", peers=f"[fd00::1]:{first + 1}"
        )
        seen |= {int(place.rpartition(":")[2]) for place in (found.listen, found.peers_listen, found.engine_listen)}
    assert len(seen) == PORTS_EACH * CHAINS_MAX


@pytest.mark.parametrize(("base", "number", "there"), [(0, 1, False), (65_344, 64, True), (65_344, 65, False)])
def test_without_ports_there_is_no_place(base, number, there):
    assert (places_of(number, Settings({"chain_ports": base}), None) is not None) == there


def test_a_chain_follows_the_node_s_settings_but_for_what_two_cannot_share(tmp_path):
    node = Settings(
        {
            "archive_to": "/var/archives", "backup_dir": "/var/backups", "chain_ports": 30_000, "forward_to": 2,
            "index_url": "postgresql://db/govchain", "listen": "127.0.0.1:8547", "listen_file": "/run/listen",
            "log_file": "/var/log/node.log", "public_urls": ("https://ledger.example",), "votes": False,
        }
    )  # fmt: skip
    places = places_of(2, node, OWN)
    values = child_settings(node, tmp_path, "licences", places, stopped=False)
    assert values == {
        "archive_to": "/var/archives/licences",
        "backup_dir": "/var/backups/licences",
        "chain_ports": 0,
        "engine_listen": "10.0.0.1:30005",
        "forward_to": 2,
        "listen": "127.0.0.1:30003",
        "listen_file": str(tmp_path / "listening"),
        "log_file": "/var/log/node.licences.log",
        "peers_listen": "[fd00::1]:30004",
    }
    file = tmp_path / "node.toml"
    file.write_bytes(settings_file(child_settings(node, tmp_path, "licences", places, stopped=True)))
    assert load_settings(file, {}, {}).values() == Settings({**values, "stopped": True}).values()


def test_settings_of_the_node_s_environment_do_not_reach_its_chains():
    environment = {"GOVCHAIN_ENGINES": "e", "GOVCHAIN_LISTEN": "x", "GOVCHAIN_PASSPHRASE": "p", "PATH": "/bin"}
    assert child_environment(environment) == {"PATH": "/bin", "GOVCHAIN_PASSPHRASE": "p", "GOVCHAIN_ENGINES": "e"}


def test_nodes_on_one_machine_have_ports_for_chains_that_do_not_meet():
    taken = []
    for _ in range(10):
        taken.append(free_chain_ports(taken))
    spans = [set(range(first, first + PORTS_EACH * CHAINS_MAX)) for first in taken]
    assert len(set().union(*spans)) == 10 * PORTS_EACH * CHAINS_MAX
