import os
import stat

import pytest

from govchain.consensus.cometbft.keys import read_engine_keys
from govchain.model import Code, RefusedError, UsageError
from govchain.peers.identity import open_tls_key
from govchain.proof.members import verify_member_record
from govchain.services.ceremony import suite_of, tls_of
from govchain.services.node_keys import NodePlan, create_node_keys
from govchain.signers import open_key_file, passphrase_source
from govchain.storage import DirectoryLayout
from tests.services.ceremony_kit import NOW, organisation


def plan(**changes):
    said = {
        "chain": "city-evidence",
        "organisation": organisation(1),
        "organisation_name": "Bureau 1",
        "name": "node-1",
        "peers": "127.0.0.1:26700",
        "engine": "[::1]:26656",
        "now": NOW,
    }
    return NodePlan(**{**said, **changes})


def test_every_key_is_there_and_the_file_names_them_all(tmp_path):
    created = create_node_keys(tmp_path / "d", plan())
    layout = DirectoryLayout(tmp_path / "d")
    record = created.record
    assert verify_member_record(suite_of([record]), layout.member_record.read_bytes()) == record
    passphrases = passphrase_source(layout.keys)
    signer = open_key_file(layout.node_key, passphrases)
    assert signer.public_key.hex() == record.key
    signer.close()
    identity = open_tls_key(layout.tls_key, layout.tls_certificate, passphrases)
    assert identity.certificate.hex() == record.certificate
    assert len(tls_of(record)) == 64
    keys = read_engine_keys(layout.engine)
    assert (keys.engine_key.hex(), keys.node_id.hex()) == (record.engine_key, record.engine_node)
    assert sorted(account.label for account in record.accounts) == ["auditor", "department", "operator", "supervisor"]
    assert [account.label for account in record.accounts if account.administrator] == ["operator"]
    assert {account.name for account in created.accounts} == {path.stem for path in layout.keys.glob("*.pem")} - {
        "node",
        "tls",
    }
    for path in [*layout.keys.iterdir(), *layout.engine.rglob("*.json")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert created.passphrase_file
    assert os.listdir(tmp_path) == ["d"]


def test_etcd_has_no_keys_of_its_own_and_a_given_passphrase_is_not_written(tmp_path):
    created = create_node_keys(tmp_path / "d", plan(engine_kind="etcd", passphrase=b"open sesame 1", accounts=()))
    assert created.record.engine_key == created.record.engine_node == ""
    assert not (tmp_path / "d" / "engine").exists()
    assert not (tmp_path / "d" / "keys" / "passphrase").exists()
    assert not created.passphrase_file


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chain": "X"}, "chain id 'X': length"),
        ({"organisation": "1"}, "organisation code '1': length"),
        ({"peers": "nowhere"}, "address 'nowhere': port"),
        ({"engine": "host:99999"}, "address 'host:99999': port"),
        ({"suite": "none"}, "suite 'none': unknown"),
        ({"engine_kind": "none"}, "engine 'none': unknown"),
        ({"name": ""}, "name: empty"),
    ],
)
def test_what_is_wrong_is_said_before_any_key_is_made(tmp_path, changes, reason):
    with pytest.raises(UsageError) as caught:
        create_node_keys(tmp_path / "d", plan(**changes))
    assert caught.value.params["reason"] == reason
    assert os.listdir(tmp_path) == []


def test_nothing_is_overwritten_and_nothing_half_made_is_left(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").write_text("x")
    with pytest.raises(RefusedError) as caught:
        create_node_keys(tmp_path / "d", plan())
    assert caught.value.code is Code.DATA_DIRECTORY_EXISTS
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError):
        create_node_keys(tmp_path / "link", plan())
    with pytest.raises(UsageError):
        create_node_keys(tmp_path / "e", plan(passphrase=b"short"))
    assert sorted(os.listdir(tmp_path)) == ["d", "link"]
