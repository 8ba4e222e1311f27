import json
import os
import stat

import pytest

from govchain.model import Code, DecodingError, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.sdk.trust import (
    ANCHOR_BYTES_MAX,
    TrustStore,
    decode_anchor,
    default_home,
    default_trust_path,
    encode_certified_header,
)
from tests.proof.chainkit import Chain


@pytest.fixture(scope="module")
def chain():
    made = Chain()
    for _ in range(3):
        made.put()
    return made


@pytest.fixture
def store(tmp_path):
    return TrustStore(tmp_path / "user" / "trust")


def certified(chain, height):
    return encode_certified_header(chain.headers[height], chain.certificates[height], chain.suite)


def test_a_genesis_is_named_by_its_fingerprint(store, chain):
    anchor = store.add(chain.genesis_bytes)
    assert (anchor.kind, anchor.fingerprint, anchor.chain) == ("genesis", chain.fingerprint, chain.name)
    assert [path.name for path in store.path.iterdir()] == [f"{chain.fingerprint}.genesis.json"]
    assert store.anchors() == [anchor]
    assert store.trusted().genesis == (chain.fingerprint,)


def test_an_indented_genesis_is_the_same_genesis(store, chain):
    store.add(chain.genesis_bytes)
    store.add(json.dumps(chain.genesis, indent=2).encode())
    assert len(store.anchors()) == 1


def test_a_certified_header_is_named_by_its_identity(store, chain):
    anchor = store.add(certified(chain, 2))
    assert (anchor.kind, anchor.height, anchor.fingerprint) == ("header", 2, chain.identities[1].hex())
    assert store.trusted().headers == (chain.headers[2],)


def test_files_are_the_owner_s_alone(store, chain):
    store.add(chain.genesis_bytes)
    store.save_head(chain.fingerprint, chain.headers[1], chain.certificates[1], "gm")
    for folder in (store.path, store.path.parent / "heads"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def defects(chain):
    genesis, header = chain.genesis, certified(chain, 1)
    yield "no JSON", b"hello"
    yield "a list", b"[]"
    yield "an empty object", b"{}"
    yield "a byte behind", chain.genesis_bytes + b"x"
    yield "a key twice", chain.genesis_bytes.replace(b'{"accounts"', b'{"chain":"x","accounts"')
    yield "an unknown field", json.dumps({**genesis, "more": 1}).encode()
    yield "an unknown algorithm", json.dumps({**genesis, "algorithms": ["md5"]}).encode()
    yield "a header without certificate", chain.headers[1]
    yield "another block's certificate", encode_certified_header(chain.headers[1], chain.certificates[2], "gm")
    yield "another suite", encode_certified_header(chain.headers[1], chain.certificates[1], "international")
    yield "a changed header", header.replace(b'"epoch":0,"height":1,"history"', b'"epoch":1,"height":1,"history"')
    yield "truncated", header[:-10]
    yield "too large", b" " * (ANCHOR_BYTES_MAX + 1)


def test_what_is_malformed_is_refused_and_changes_nothing(store, chain):
    store.add(chain.genesis_bytes)
    before = sorted(path.name for path in store.path.iterdir())
    for name, data in defects(chain):
        with pytest.raises(GovChainError) as refusal:
            store.add(data)
        assert refusal.value.exit_code == 1, name
        assert sorted(path.name for path in store.path.iterdir()) == before, name


def test_a_file_altered_in_the_store_is_refused_by_name(store, chain):
    store.add(chain.genesis_bytes)
    (path,) = store.path.iterdir()
    path.write_bytes(json.dumps({**chain.genesis, "created": 1}).encode())
    with pytest.raises(DecodingError) as refusal:
        store.anchors()
    assert refusal.value.code is Code.GENESIS_INVALID
    assert str(path) in refusal.value.params["reason"]
    store.remove(chain.fingerprint)
    assert store.anchors() == []


def test_removing_takes_the_beginning_of_a_fingerprint(store, chain):
    store.add(chain.genesis_bytes)
    store.save_head(chain.fingerprint, chain.headers[2], chain.certificates[2], "gm")
    with pytest.raises(UsageError):
        store.remove(chain.fingerprint[:7])
    with pytest.raises(RefusedError) as refusal:
        store.remove("0" * 8)
    assert refusal.value.code is Code.NOT_FOUND
    assert store.remove(chain.fingerprint[:8]).fingerprint == chain.fingerprint
    assert store.anchors() == []
    assert store.load_head(chain.fingerprint) is None


def test_the_head_is_remembered(store, chain):
    assert store.load_head(chain.fingerprint) is None
    store.save_head(chain.fingerprint, chain.headers[2], chain.certificates[2], "gm")
    assert store.load_head(chain.fingerprint) == (chain.headers[2], chain.certificates[2])


def test_an_unwritable_place_is_said_so_and_a_head_is_no_reason_to_fail(tmp_path, chain):
    (tmp_path / "user").write_text("a file in the way")
    store = TrustStore(tmp_path / "user" / "trust")
    with pytest.raises(UnavailableError) as refusal:
        store.add(chain.genesis_bytes)
    assert refusal.value.code is Code.FILE_UNWRITABLE
    store.save_head(chain.fingerprint, chain.headers[1], chain.certificates[1], "gm")


def test_half_written_files_are_never_read(store, chain):
    store.add(chain.genesis_bytes)
    (store.path / f".{chain.fingerprint}.genesis.json.abcd").write_bytes(b"{")
    assert len(store.anchors()) == 1


def test_the_place_is_the_user_s_and_the_environment_may_name_another(tmp_path, monkeypatch):
    monkeypatch.setenv("GOVCHAIN_HOME", str(tmp_path))
    assert default_trust_path() == tmp_path / "trust"
    monkeypatch.delenv("GOVCHAIN_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert default_home() == tmp_path / "config" / "govchain"
    assert os.path.isabs(default_home())


def test_an_anchor_is_read_whatever_its_kind(chain):
    assert decode_anchor(chain.genesis_bytes).data == chain.genesis_bytes
    assert decode_anchor(certified(chain, 3)).height == 3
