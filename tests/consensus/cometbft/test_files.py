"""The engine's files: keys, genesis, configuration, and what a kill left of a database that was being made."""

import base64
import hashlib
import json
import tomllib

import msgspec
import pytest

from govchain.consensus.cometbft import create_engine_keys, derive_genesis, encode_genesis, read_engine_keys
from govchain.consensus.cometbft.configuration import EngineConfiguration, EnginePeer, StateSync, write_configuration
from govchain.consensus.cometbft.genesis import CHAIN_ID_LENGTH_MAX, ENGINE_BLOCK_BYTES_MAX, engine_block_bytes
from govchain.consensus.cometbft.home import remove_unborn_databases
from govchain.consensus.cometbft.keys import NODE_KEY_FILE, VALIDATOR_KEY_FILE, VALIDATOR_STATE_FILE
from govchain.crypto import BatchVerifier
from govchain.ledger import build_machine
from govchain.model import Code, UnavailableError
from govchain.model.wire import GenesisMember
from tests.ledger.kit import CHAIN, CREATED, Kit


def bft_machine(kit, keys, **changes):
    """A machine under rule bft whose members have those engine keys."""
    first = kit.genesis.members[0]
    members = tuple(
        GenesisMember(first.algorithm, f"{number:02x}" * 64, f"node-{number}", first.organisation, key.hex(), "00" * 32)
        for number, key in enumerate(keys)
    )
    genesis = msgspec.structs.replace(kit.genesis, members=members, rule="bft", **changes)
    digests = {module.name: "00" * 32 for module in kit.modules}
    return build_machine(genesis, kit.modules, digests, BatchVerifier(memory_limit_bytes=1 << 20))


KEYS = [bytes([number]) * 32 for number in (7, 3, 9, 1)]


def test_keys_are_made_once_and_read_back(tmp_path):
    made = create_engine_keys(tmp_path)
    assert create_engine_keys(tmp_path) == read_engine_keys(tmp_path) == made
    key = json.loads((tmp_path / VALIDATOR_KEY_FILE).read_text("utf-8"))
    assert base64.b64decode(key["pub_key"]["value"]) == made.engine_key
    assert key["address"] == hashlib.sha256(made.engine_key).hexdigest()[:40].upper()
    assert base64.b64decode(key["priv_key"]["value"])[32:] == made.engine_key
    assert len(made.node_id) == 20
    assert made.node_id != bytes.fromhex(key["address"])
    assert json.loads((tmp_path / VALIDATOR_STATE_FILE).read_text("utf-8")) == {"height": "0", "round": 0, "step": 0}
    for name in (NODE_KEY_FILE, VALIDATOR_KEY_FILE, VALIDATOR_STATE_FILE):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert create_engine_keys(tmp_path / "other") != made


@pytest.mark.parametrize("name", [NODE_KEY_FILE, VALIDATOR_KEY_FILE, VALIDATOR_STATE_FILE])
def test_a_lost_file_is_never_made_anew_beside_the_others(tmp_path, name):
    create_engine_keys(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UnavailableError) as caught:
        create_engine_keys(tmp_path)
    assert caught.value.code == Code.DATA_DIRECTORY_INCOMPLETE
    assert name in str(caught.value)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[" * 5000,
        '{"address":"","pub_key":{"type":"","value":""},"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"AA"}}',
        '{"address":"","pub_key":{"type":"","value":""},"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"'
        + base64.b64encode(bytes(64)).decode()
        + '"}}',
    ],
)
def test_a_key_file_that_is_none_is_named(tmp_path, text):
    create_engine_keys(tmp_path)
    (tmp_path / VALIDATOR_KEY_FILE).write_text(text, "utf-8")
    with pytest.raises(UnavailableError) as caught:
        read_engine_keys(tmp_path)
    assert caught.value.code == Code.DATA_DIRECTORY_INCOMPLETE
    assert VALIDATOR_KEY_FILE in str(caught.value)


def test_the_engine_genesis_follows_from_ours(small_kit):
    machine = bft_machine(small_kit, KEYS)
    found = derive_genesis(machine)
    assert found == derive_genesis(bft_machine(small_kit, KEYS))
    assert found.chain_id == f"{CHAIN}-{machine.fingerprint.hex()[:16]}"
    assert (found.time, [key for key, _ in found.validators]) == (CREATED, sorted(KEYS))
    document = json.loads(encode_genesis(found))
    assert document["genesis_time"] == "2025-06-15T15:06:40.000Z"
    assert [each["power"] for each in document["validators"]] == ["1"] * 4
    assert document["consensus_params"]["abci"]["vote_extensions_enable_height"] == "0"
    assert int(document["consensus_params"]["block"]["max_bytes"]) > small_kit.genesis.limits.block_bytes_max


def test_another_genesis_or_era_is_another_engine_chain(small_kit):
    machine = bft_machine(small_kit, KEYS)
    names = {derive_genesis(machine, era).chain_id for era in (1, 2, 3)}
    names.add(derive_genesis(bft_machine(small_kit, KEYS, created=CREATED + 1)).chain_id)
    names.add(derive_genesis(bft_machine(small_kit, KEYS[:3])).chain_id)
    assert len(names) == 5
    longest = bft_machine(small_kit, KEYS, chain="c" * 32)
    assert all(len(derive_genesis(longest, era).chain_id) <= CHAIN_ID_LENGTH_MAX for era in (1, 2))


def test_what_is_no_bft_chain_has_no_engine_genesis(small_kit):
    with pytest.raises(UnavailableError) as caught:
        derive_genesis(small_kit.machine)
    assert caught.value.code == Code.ENGINE_MISMATCH
    members = (msgspec.structs.replace(small_kit.genesis.members[0]),)
    genesis = msgspec.structs.replace(small_kit.genesis, rule="bft", members=members)
    digests = {module.name: "00" * 32 for module in small_kit.modules}
    machine = build_machine(genesis, small_kit.modules, digests, BatchVerifier(memory_limit_bytes=1 << 20))
    with pytest.raises(UnavailableError, match="engine_key"):
        derive_genesis(machine)


def test_the_largest_block_fits_whatever_the_limit():
    smallest = 200  # bytes of the shortest envelope that can be valid, and less
    for limit in (1024, 4_194_304, 64 * 1024 * 1024):
        overhead = (limit // smallest) * 6
        assert limit + overhead <= engine_block_bytes(limit) <= ENGINE_BLOCK_BYTES_MAX


def test_the_configuration_says_what_the_engine_must_do():
    peers = (EnginePeer(b"\x01" * 20, "[::1]:26656"), EnginePeer(b"\x02" * 20, "10.0.0.2:26656"))
    plain = EngineConfiguration('a "name"\\ 节点\n', "[::]:26656", "203.0.113.1:26656", peers)
    text = write_configuration(plain)
    assert text == write_configuration(plain)
    found = tomllib.loads(text)
    assert found["moniker"] == 'nodea"name"\\'  # the engine refuses any but printable ASCII
    assert found["proxy_app"] == "unix://abci.sock"
    assert found["filter_peers"] is True
    assert found["rpc"]["laddr"] == "unix://rpc.sock"
    assert found["rpc"]["unsafe"] is False
    assert found["p2p"]["persistent_peers"] == f"{'01' * 20}@[::1]:26656,{'02' * 20}@10.0.0.2:26656"
    assert (found["p2p"]["pex"], found["p2p"]["allow_duplicate_ip"]) == (False, False)
    assert (found["p2p"]["send_rate"], found["p2p"]["recv_rate"]) == (50_000_000, 50_000_000)
    assert found["mempool"]["type"] == "nop"
    assert found["consensus"]["timeout_commit"] == "0s"
    assert found["consensus"]["peer_gossip_sleep_duration"] == "10ms"
    assert found["tx_index"]["indexer"] == "null"
    assert found["statesync"] == {"enable": False}
    assert found["priv_validator_key_file"] == VALIDATOR_KEY_FILE


def test_a_follower_keeps_its_voting_key_aside_and_a_joiner_names_what_it_trusts():
    plan = StateSync(("127.0.0.1:1", "127.0.0.1:2"), 77, b"\xab" * 32)
    found = tomllib.loads(write_configuration(EngineConfiguration("n", "127.0.0.1:3", votes=False, state_sync=plan)))
    assert VALIDATOR_KEY_FILE not in found.values()
    assert VALIDATOR_STATE_FILE not in found.values()
    assert found["statesync"]["rpc_servers"] == "http://127.0.0.1:1,http://127.0.0.1:2"
    assert found["mempool"]["type"] == "flood"  # the engine refuses to join without a mempool
    assert (found["statesync"]["trust_height"], found["statesync"]["trust_hash"]) == (77, "AB" * 32)


def test_only_a_database_whose_making_never_ended_is_taken_away(tmp_path):
    def database(name, **files):
        (tmp_path / name).mkdir()
        for file, contents in files.items():
            (tmp_path / name / file.replace("_", ".")).write_bytes(contents)

    database("unborn.db", LOCK=b"", LOG=b"text", **{"MANIFEST-000000": b"some"})
    database("cut.db", **{"CURRENT_1": b"MANIF", "MANIFEST-000001": b""})
    database("born.db", CURRENT=b"MANIFEST-000000\n", **{"000001_log": b""})
    database("broken.db", **{"000001_log": b"data"})
    database("tables.db", **{"000002_ldb": b""})
    database("other", LOCK=b"")
    (tmp_path / "priv_validator_state.json").write_bytes(b"{}")
    assert remove_unborn_databases(tmp_path) == ["cut.db", "unborn.db"]
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["born.db", "broken.db", "other", "priv_validator_state.json", "tables.db"]
    assert remove_unborn_databases(tmp_path / "nowhere") == []


@pytest.fixture(scope="module")
def small_kit():
    return Kit()
