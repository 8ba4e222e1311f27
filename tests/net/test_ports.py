"""What each node and its engine listen on: the declared addresses, on IPv4 and on IPv6, and nothing else."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from govchain.node.founding import admit_records
from govchain.node.settings import load_settings
from govchain.ops.net.creating import NetworkPlan, create_network
from govchain.ops.net.layout import NetworkFolder, NodeEntry
from govchain.ops.net.looking import probe
from govchain.peers import PeerIdentity
from govchain.proof.members import MemberAddresses, MemberRecord, build_member_record, encode_member_record
from govchain.sdk.transactions import now_ms
from govchain.services.ceremony import read_records
from govchain.signers import open_key_file, passphrase_source
from govchain.storage import DirectoryLayout
from tests.net.kit import Net, wait_until
from tests.net.ledgers import Ledgers
from tests.net.links import processes_of

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]

HOSTS = {"ipv4": "127.0.0.1", "ipv6": "[::1]"}


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as trial:
        trial.bind(("::1", 0))
        return True
    return False


@pytest.fixture(
    scope="module", params=[(engine, host) for engine in ("cometbft", "etcd") for host in HOSTS], ids="-".join
)
def net(request, tmp_path_factory):
    """A network whose nodes and engines are reached over one family of addresses; the API is on IPv4 in both."""
    engine, family = request.param
    if family == "ipv6" and not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    path = tmp_path_factory.mktemp(f"{engine}-{family}") / "n"
    made = Net(NetworkFolder(path), create_network(path, NetworkPlan(now=now_ms(), engine=engine)))
    move(made, HOSTS[family])
    try:
        made.start()
        yield made
    finally:
        made.stop()


def own_record(net: Net, node: NodeEntry) -> MemberRecord:
    place = DirectoryLayout(net.folder.node(node.name).data).member_record
    return read_records([(str(place), place.read_bytes())])[0]


def move(net: Net, host: str) -> None:
    """Each node gets a newer member file with other addresses, and the others' newer ones."""
    files = []
    for node in net.nodes:
        layout, old = DirectoryLayout(net.folder.node(node.name).data), own_record(net, node)
        signer = open_key_file(layout.node_key, passphrase_source(layout.keys))
        with contextlib.closing(signer):
            record = build_member_record(
                signer,
                chain=old.chain,
                name=old.name,
                organisation=old.organisation,
                organisation_name=old.organisation_name,
                certificate=bytes.fromhex(old.certificate),
                addresses=MemberAddresses(
                    api=old.addresses.api, engine=f"{host}:{node.engine}", peers=f"{host}:{node.peers}"
                ),
                issued=old.issued + 1,
                accounts=old.accounts,
                engine_key=bytes.fromhex(old.engine_key),
                engine_node=bytes.fromhex(old.engine_node),
            )
        layout.member_record.write_bytes(encode_member_record(record))
        files.append((node.name, encode_member_record(record)))
    for node in net.nodes:
        admit_records(net.folder.node(node.name).data, [file for file in files if file[0] != node.name])


def listening(pid: int) -> Iterator[str]:
    """What the process listens on, as HOST:PORT: /proc/net/tcp and tcp6 by the sockets that it holds; UDP as udp:…"""
    own = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            own.add(os.readlink(entry))
    for name, states in (("tcp", {"0A"}), ("tcp6", {"0A"}), ("udp", {"07"}), ("udp6", {"07"})):
        for line in Path(f"/proc/{pid}/net/{name}").read_text("ascii").splitlines()[1:]:
            row = line.split()
            if row[3] in states and f"socket:[{row[9]}]" in own:
                address, _, port = row[1].partition(":")
                # Words of four bytes, each in the machine's order.
                raw = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
                host = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
                text = f"[{host}]:{int(port, 16)}" if ":" in host else f"{host}:{int(port, 16)}"
                yield text if name.startswith("tcp") else f"udp:{text}"


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=20)


def ended(connection: socket.socket) -> bytes:
    """What still comes until the other side ends the connection."""
    said = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
        while more := connection.recv(65_536):
            said += more
    return said


def answer(address: str, context: ssl.SSLContext) -> bytes:
    """What comes for a question over TLS; nothing where the handshake is refused."""
    with (
        connect(address) as plain,
        contextlib.suppress(ssl.SSLError, ConnectionError),
        context.wrap_socket(plain) as secure,
    ):
        secure.sendall(b"GET /members HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return ended(secure)
    return b""


@pytest.mark.requirement("GD.technical.security.05")
def test_only_declared_ports_listen(net):
    for node in net.nodes:
        data = net.folder.node(node.name).data
        declared, settings = own_record(net, node).addresses, load_settings(DirectoryLayout(data).settings, {}, {})
        own, *engines = processes_of(net.folder, node)
        assert len(engines) == 1
        assert sorted(listening(own)) == sorted([settings.text("listen"), declared.peers])
        assert list(listening(engines[0])) == [declared.engine]


@pytest.mark.requirement("GD.technical.security.05", "BJ.function.node_auth.01")
def test_a_stranger_learns_nothing_at_the_ports_of_nodes_and_engines(net):
    node = net.nodes[0]
    declared = own_record(net, node).addresses
    for address in (declared.peers, declared.engine):
        # In plain text: none of the engine's questions is answered to whom is not this machine's own node.
        for path in ("/status", "/health", "/metrics", "/v2/keys", "/version"):
            with connect(address) as plain:
                with contextlib.suppress(ConnectionError):
                    plain.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                    plain.shutdown(socket.SHUT_WR)
                said = ended(plain)
                assert not said.startswith(b"HTTP/1.1 2"), said[:200]
                assert b"chain" not in said
    stranger = PeerIdentity.generate(node.name)  # the name of a member helps nobody
    context = stranger.context([], server=False)
    context.verify_mode = ssl.CERT_NONE
    addresses = [declared.peers] if net.file.engine == "cometbft" else [declared.peers, declared.engine]
    for address in addresses:
        assert answer(address, context) == b""
    assert net.put(node)


@pytest.mark.requirement("GD.technical.security.05")
def test_the_engine_is_asked_through_files_that_only_the_owner_reaches(net):
    for node in net.nodes:
        home = net.folder.node(node.name).data / "engine"
        sockets = [path for path in home.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
        assert sockets
        for place in sockets:
            assert any(not stat.S_IMODE(folder.stat().st_mode) & 0o077 for folder in place.parents), place
        if net.file.engine == "cometbft":
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(home / "rpc.sock")), trust_env=False) as asking:
                told = asking.get("http://engine/status").json()  # the file is it
            assert told["result"]["node_info"]["network"].startswith(net.file.chain)


@pytest.mark.requirement("BJ.portability.adaptability.06")
def test_the_network_works_over_these_addresses(net):
    ledgers = Ledgers(net)
    kept = [id.hex() for node in net.nodes for id in net.put(node, 2)]
    ledgers.agree(kept)
    for node in net.nodes:
        with probe(node) as transport:
            wait_until(lambda transport=transport: all(peer.connected for peer in transport.network().peers), "peers")
            status = transport.network()
        assert len(status.peers) == len(net.nodes) - 1
        if net.file.engine == "cometbft":
            wait_until(lambda node=node: _engine_peers(node) == len(net.nodes) - 1, "the engines are connected")


def _engine_peers(node: NodeEntry) -> int:
    with probe(node) as transport:
        return transport.network().engine_peers
