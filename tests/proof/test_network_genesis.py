"""Members of a network in genesis: an engine key and a TLS digest for each, or for none; a solo chain has none."""

import msgspec
import pytest

from govchain import proof
from govchain.crypto import SigningKey
from govchain.model.wire import Genesis
from tests.proof.agree import both
from tests.proof.chainkit import Chain, canonical


def engine_key(number):
    return SigningKey("ed25519", number.to_bytes(32, "big")).public_key.hex()


def genesis(rule="bft", **fields):
    """A genesis of four members; ``fields`` gives the value of a field for the member of each number, or None."""
    value = Chain(rule=rule, members=("a", "b", "c", "d")).genesis
    members = []
    for number, member in enumerate(value["members"], 1):
        more = {name: make(number) for name, make in fields.items()}
        members.append(member | {name: text for name, text in more.items() if text is not None})
    return msgspec.convert(value | {"members": members}, Genesis)


def tls(number):
    return f"{number:064x}"


def test_a_genesis_without_network_keys_keeps_its_bytes():
    plain = genesis("solo")
    assert proof.encode_genesis(plain) == msgspec.json.encode(msgspec.to_builtins(plain), order="sorted")
    assert b"engine_key" not in proof.encode_genesis(plain)
    assert proof.check_genesis(plain) == proof.check_network_genesis(plain) == ""


@pytest.mark.parametrize(
    ("rule", "fields", "fault"),
    [
        ("bft", {"engine_key": engine_key, "tls": tls}, ""),
        ("bft", {"engine_key": engine_key}, "tls"),
        ("bft", {"tls": tls}, "engine keys"),
        ("bft", {}, "engine keys"),
        ("bft", {"engine_key": lambda number: f"{number:02x}" + "ff" * 31, "tls": tls}, "engine keys"),
        ("raft", {"tls": tls}, ""),
        ("raft", {}, "tls"),
        ("solo", {}, ""),
    ],
    ids=[
        "bft",
        "bft without tls",
        "bft without engine keys",
        "bft with neither",
        "bft with no point",
        "raft",
        "raft without tls",
        "solo",
    ],
)
def test_what_a_network_asks_of_its_members(rule, fields, fault):
    found = genesis(rule, **fields)
    assert proof.check_genesis(found) == ""
    assert proof.check_network_genesis(found) == fault
    assert proof.decode_genesis(proof.encode_genesis(found), canonical=True) == found


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"engine_key": lambda number: engine_key(number // 2 + 1), "tls": tls}, "engine keys"),
        ({"engine_key": lambda number: engine_key(number) if number > 1 else None, "tls": tls}, "engine keys"),
        ({"engine_key": engine_key, "tls": lambda _: tls(1)}, "tls"),
        ({"engine_key": engine_key, "tls": lambda number: tls(number) if number < 4 else None}, "tls"),
    ],
    ids=["engine key twice", "engine key missing", "tls twice", "tls missing"],
)
def test_each_member_has_its_own(fields, fault):
    found = genesis(**fields)
    assert proof.check_genesis(found) == fault


def test_a_package_of_a_network_verifies():
    chain = Chain(rule="bft", members=("a", "b", "c", "d"), name="gov-network")
    for number, member in enumerate(chain.genesis["members"], 1):
        member |= {"engine_key": engine_key(number), "tls": tls(number)}
    chain.genesis_bytes = canonical(chain.genesis)
    chain.fingerprint = chain.tagged("govchain/genesis/1", chain.genesis_bytes).hex()
    id = chain.put()
    assert both(chain.package({"id": id, "at": 1})) == (3, 0)
