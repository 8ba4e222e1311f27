"""Parts without a process: keys and records, clocks, TLS identities."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from govchain.consensus.etcd.clocks import ProposerClock
from govchain.consensus.etcd.identity import EtcdMember, PeerTls
from govchain.consensus.etcd.records import (
    CHUNK_BYTES_MAX,
    Beacon,
    BlockRecord,
    Keys,
    Tip,
    decode_content,
    decode_record,
    encode_content,
    encode_record,
    split_content,
)
from govchain.consensus.etcd.signals import Heard
from govchain.consensus.etcd.turns import ROLE_MS, pause_ms
from govchain.consensus.ports import CLOCK_JUMP_MS_MAX, Clock
from govchain.crypto import get_suite
from govchain.model import Code, UnavailableError
from tests.consensus.kit import PATIENCE_S

RECORD = BlockRecord(7, 1_750_000_000_000, b"\x02" * 33, bytes(32), 5, bytes(32), True, (bytes(32),), 10, 99)


@pytest.mark.parametrize("value", [Tip(0, b"", 0), Tip(9, bytes(32), 5), RECORD, Beacon(5, 6, True)])
def test_values_have_one_encoding(value):
    data = encode_record(value)
    assert decode_record(type(value), data, "it") == value
    for wrong in (b"", data[:-1], data + b"\0", b"\xff" * 40, data.replace(b"\x93", b"\xdc\0\x03", 1), bytes(20_000)):
        if wrong == data:
            continue
        with pytest.raises(UnavailableError) as caught:
            decode_record(type(value), wrong, "it")
        assert caught.value.code == Code.ENGINE_ALTERED


def test_keys_name_heights_and_nothing_else():
    keys = Keys("chain", bytes(range(32)), 3)
    assert keys.block(255) == b"govchain/chain-0001020304050607/3/block/00000000000000ff"
    assert keys.height(keys.block(255)) == 255
    for other in (keys.tip, keys.blocks, keys.blocks + b"ff", keys.blocks + b"00000000000000FF", b"00000000000000ff"):
        assert keys.height(other) is None
    assert keys.block(1) < keys.block(16) < keys.block(2**40)


def test_contents_are_split_and_joined():
    suite = get_suite("gm")
    envelopes = [bytes([number]) * 500_000 for number in range(5)]
    content = encode_content(envelopes)
    parts = split_content(suite, content)
    assert b"".join(part for _, part in parts) == content
    assert [len(part) for _, part in parts[:-1]] == [CHUNK_BYTES_MAX] * 2
    assert all(suite.digest(part) == digest for digest, part in parts)
    assert decode_content(content) == envelopes
    for wrong in (content[:-1], content + b"\0", b"", b"\x91\x01", b"\xdc\0\x00", b"\x91\xc5\0\x01a"):
        assert decode_content(wrong) is None


class Hands:
    def __init__(self):
        self.wall_ms, self.steady_ms = 1_750_000_000_000, 1_000

    def clock(self):
        return Clock(lambda: self.wall_ms, lambda: self.steady_ms)

    def advance(self, ms):
        self.wall_ms += ms
        self.steady_ms += ms


def heard(*ahead):
    return {bytes([number + 1]): Heard(0, 0, each) for number, each in enumerate(ahead)}


FAR = CLOCK_JUMP_MS_MAX + 1


@pytest.mark.parametrize(
    ("ahead", "good"),
    [
        ((), True),
        ((0, 0), True),
        ((FAR, 0), True),  # one of three is wrong, and it is not this one
        ((FAR, FAR), False),
        ((-FAR, -FAR), False),
        ((FAR, -FAR), True),
        ((None, None), True),
        ((FAR,), True),  # two members cannot say which of them is wrong
        ((FAR, FAR, 0), True),
        ((FAR, FAR, FAR), False),
        ((CLOCK_JUMP_MS_MAX, CLOCK_JUMP_MS_MAX), True),
    ],
)
def test_the_median_of_the_members_clocks(ahead, good):
    assert (ProposerClock(Hands().clock(), b"me").check(heard(*ahead)) == "") is good


def test_a_clock_may_be_put_right_slowly_and_may_not_jump():
    hands = Hands()
    times = ProposerClock(hands.clock(), b"me")
    for _ in range(10):
        hands.advance(1_000)
        hands.wall_ms += CLOCK_JUMP_MS_MAX // 2
        assert times.check({}) == ""
    hands.wall_ms -= FAR
    assert "moved by" in times.check({})


def test_a_majority_is_heard_before_the_first_proposal_or_listened_for():
    hands = Hands()
    times = ProposerClock(hands.clock(), b"me")
    assert not times.heard_enough({}, 3)
    assert not times.heard_enough(heard(None), 3)
    assert times.heard_enough(heard(5), 3)
    assert times.heard_enough({}, 1)
    hands.advance(3_001)
    assert times.heard_enough({}, 3)


def test_where_two_clocks_contradict_each_other_a_third_is_listened_for():
    """Of three members the first that is heard cannot say which of the two clocks is wrong."""
    for far in (FAR, -FAR):
        hands = Hands()
        times = ProposerClock(hands.clock(), b"me")
        assert not times.heard_enough(heard(far), 3)
        hands.advance(3_001)
        assert not times.heard_enough(heard(far), 3)
        assert times.heard_enough(heard(far, far), 3)
        assert times.check(heard(far, far)) != ""
        assert times.heard_enough(heard(far), 2)  # there is no third
        hands.advance(12_000)
        assert times.heard_enough(heard(far), 3)  # it does not come


@pytest.mark.parametrize(
    ("own", "proposer", "more", "since", "waited", "pause"),
    [
        (b"a", None, False, 0, 0, 0),
        (b"a", b"a", True, 0, 0, 0),
        (b"b", b"a", True, 200, 10, 800),
        (b"b", b"a", True, 200, 900, 101),
        (b"b", b"a", True, ROLE_MS, 10, 0),
        (b"b", b"a", True, 0, ROLE_MS + 1, 0),  # it has waited long enough, whatever the other holds
        (b"b", b"a", False, 0, 0, 15),
        (b"c", b"a", False, 5, 0, 25),
        (b"a", b"c", False, 5, 0, 10),
        (b"c", b"a", False, 301, 0, 0),
        (b"x", b"a", False, 0, 0, 0),
        (b"b", b"x", False, 0, 0, 0),
    ],
)
def test_whose_turn_it_is(own, proposer, more, since, waited, pause):
    members = [b"c", b"a", b"b"]
    assert pause_ms(own, proposer, more=more, since_ms=since, waited_ms=waited, members=members) == pause


def identity(folder, others=()):
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    member = EtcdMember(public, "x", "127.0.0.1:1", public)
    tls = PeerTls(folder, key, "127.0.0.1")
    tls.trust([member, *others])
    return tls, member


def shake(server, client):
    """A handshake with both sides' certificates over loopback, as etcd demands it."""
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.verify_mode = ssl.CERT_REQUIRED
    accepting.load_verify_locations(str(server.trusted))
    accepting.load_cert_chain(str(server.certificate), server.key_path)
    listener = socket.create_server(("127.0.0.1", 0))
    told = []

    def serve():
        connection, _ = listener.accept()
        connection.settimeout(PATIENCE_S)
        try:
            with accepting.wrap_socket(connection, server_side=True) as secured:
                secured.sendall(b"hello")
        except OSError as error:
            told.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with (
            socket.create_connection(listener.getsockname(), PATIENCE_S) as plain,
            client.context().wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            return secured.recv(5) == b"hello"
    except OSError:
        return False
    finally:
        thread.join(PATIENCE_S)
        listener.close()


def test_members_know_each_other_by_their_keys_alone(tmp_path):
    first, one = identity(tmp_path / "1")
    second, two = identity(tmp_path / "2", [one])
    stranger, _ = identity(tmp_path / "3", [one, two])
    try:
        assert not shake(first, second)  # the first does not know the second
        assert first.trust([one, two])
        assert not first.trust([two, one])
        assert shake(first, second)
        assert shake(second, first)
        assert not shake(first, stranger)
        assert not shake(stranger, first)
        assert second.trust([two])
        assert not shake(first, second)
    finally:
        for each in (first, second, stranger):
            each.close()


def test_the_private_key_lies_on_no_disk(tmp_path):
    tls, _ = identity(tmp_path / "tls")
    with open(tls.key_path, "rb") as file:
        secret = file.read()
    assert b"PRIVATE KEY" in secret
    for path in (tmp_path / "tls").iterdir():
        assert b"PRIVATE" not in path.read_bytes()
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    tls.close()
