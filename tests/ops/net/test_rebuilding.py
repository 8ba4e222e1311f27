"""What a node that is made again keeps: its organisation's accounts, and nothing that opens the lost node."""

import shutil

import pytest

from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.node.embedded import create_chain
from govchain.node.settings import changed_settings, load_settings
from govchain.ops.net.creating import NetworkPlan, create_network
from govchain.ops.net.layout import NetworkFolder, load_network
from govchain.ops.net.rebuilding import _make_keys, keep_accounts, rebuild_node
from govchain.ops.renewing import renew_engine
from govchain.services.chains import ChainOptions
from govchain.signers import PASSPHRASE_FILE, open_key_file, passphrase_source
from govchain.storage import DirectoryLayout

NOW = 1_790_000_000_000


@pytest.fixture
def folder(tmp_path):
    """A network of which no node runs."""
    path = tmp_path / "n"
    create_network(path, NetworkPlan(now=NOW, engine="etcd", validators=1))
    return NetworkFolder(path)


def public_key(folder, name):
    signer = open_key_file(folder / name, passphrase_source(folder))
    try:
        return signer.public_key
    finally:
        signer.close()


def test_the_accounts_keys_are_kept_once_and_open_by_a_passphrase_of_their_own(folder):
    place = folder.node("node-0")
    keys = DirectoryLayout(place.data).keys
    assert place.accounts == keys
    before = {name: public_key(keys, name) for name in ("operator.pem", "department.pem")}
    keep_accounts(place, "node-0")
    assert place.accounts == place.kept_accounts
    kept = {path.name for path in place.accounts.iterdir()}
    assert kept == {"auditor.pem", "department.pem", "operator.pem", "supervisor.pem", PASSPHRASE_FILE}
    assert {name: public_key(place.accounts, name) for name in before} == before
    assert (place.accounts / PASSPHRASE_FILE).read_bytes() != (keys / PASSPHRASE_FILE).read_bytes()
    assert place.accounts.stat().st_mode & 0o077 == 0
    with pytest.raises(GovChainError):
        open_key_file(DirectoryLayout(place.data).node_key, passphrase_source(place.accounts))
    # Again, as after a loss of the new directory: what is there stays, whatever became of the node's folder.
    held = {path.name: path.read_bytes() for path in place.accounts.iterdir()}
    shutil.rmtree(place.data)
    keep_accounts(place, "node-0")
    assert {path.name: path.read_bytes() for path in place.accounts.iterdir()} == held


def test_where_the_operator_s_key_is_gone_nothing_is_taken_away(folder):
    place = folder.node("node-0")
    (DirectoryLayout(place.data).keys / "operator.pem").unlink()
    left = sorted(place.folder.rglob("*"))
    with pytest.raises(UnavailableError, match="operator is gone"):
        keep_accounts(place, "node-0")
    assert sorted(place.folder.rglob("*")) == left


def test_what_was_broken_off_while_keeping_is_begun_again(folder):
    place = folder.node("node-0")
    half = place.home / ".accounts.partial"
    half.mkdir()
    (half / "operator.pem").write_bytes(b"half")
    keep_accounts(place, "node-0")
    assert not half.exists()
    public_key(place.accounts, "operator.pem")


def settings(folder):
    return changed_settings(load_settings(DirectoryLayout(folder.node("node-0").data).settings, {}, {}))


def test_a_node_that_is_made_again_keeps_its_settings(tmp_path):
    path = tmp_path / "n"
    own = {"retain": 5_000, "votes": False, "reads": "open"}
    network = create_network(path, NetworkPlan(now=NOW, engine="etcd", validators=1, settings=own))
    folder = NetworkFolder(path)
    before = settings(folder)
    assert {"chain_ports", "listen", "log_format", *own} <= set(before)
    _make_keys(folder, network, network.nodes[0])
    assert settings(folder) == before


def test_a_node_whose_settings_cannot_be_read_is_made_again_with_ports_of_its_own(folder):
    network = load_network(folder.path)
    before = settings(folder)
    DirectoryLayout(folder.node("node-0").data).settings.write_bytes(b"listen = ")
    _make_keys(folder, network, network.nodes[0])
    after = settings(folder)
    assert after["chain_ports"]
    assert set(after) == set(before)
    assert after["listen"] == before["listen"]


def test_nothing_is_rebuilt_where_nobody_runs(folder):
    network = load_network(folder.path)
    with pytest.raises(UnavailableError) as refused:
        rebuild_node(folder, network, network.nodes[0])
    assert refused.value.code is Code.NETWORK_NODE
    assert not folder.node("node-0").kept_accounts.exists()


def test_an_engine_is_renewed_in_an_etcd_network_that_runs(folder, tmp_path):
    data = folder.node("node-0").data
    with pytest.raises(RefusedError) as refused:
        renew_engine(data, "node-7")
    assert refused.value.code is Code.NOT_FOUND
    with pytest.raises(UnavailableError) as missing:
        renew_engine(tmp_path / "nowhere", "node-0")
    assert missing.value.code is Code.DATA_DIRECTORY_MISSING
    create_chain(tmp_path / "alone", ChainOptions(now=NOW))
    with pytest.raises(UsageError, match="solo"):
        renew_engine(tmp_path / "alone", "node-0")
    peers = DirectoryLayout(data).peers
    (folder.members / "node-0.json").rename(peers / "other.json")
    with pytest.raises(UnavailableError) as away:
        renew_engine(data, "node-0")
    assert away.value.code is Code.ENGINE_UNREACHABLE
