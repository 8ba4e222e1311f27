"""TLS of a node: a replaced pair is taken without a restart, a bad one leaves the good one in force."""

import os
import shutil
import socket
import ssl
import subprocess

import httpx
import pytest

from govchain.model import UnavailableError, UsageError
from govchain.node.settings import Settings
from govchain.node.tls import TlsFiles
from tests.api.events_kit import serving
from tests.services.tls_kit import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def files(authority, tmp_path):
    """The two files that a node is told of, with a good pair in them."""
    return install(authority.issue("127.0.0.1"), (tmp_path / "tls.pem", tmp_path / "tls.key"))


def install(pair, files):
    """Put a pair in place as an operator does: a new file over the old one."""
    for source, target in zip(pair, files, strict=True):
        copy = target.with_suffix(".new")
        shutil.copy(source, copy)
        os.replace(copy, target)
    return files


def shown(url, authority):
    """The serial number that the server there shows to a new connection."""
    host, port = url.removeprefix("https://").split(":")
    context = ssl.create_default_context(cafile=authority.path)
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        assert secured.version() in ("TLSv1.2", "TLSv1.3")
        return int(secured.getpeercert()["serialNumber"], 16)


def serial(pair):
    return int(pair[0].stem, 16)


def test_a_replaced_pair_is_taken_and_a_bad_one_is_not(authority, files, chain):
    other = authority.issue("127.0.0.1")
    with serving(chain, tls_certificate=str(files[0]), tls_key=str(files[1])) as running:
        tls = running.server.tls
        first = shown(running.url, authority)
        context = ssl.create_default_context(cafile=authority.path)
        with httpx.Client(base_url=running.url, verify=context, trust_env=False, timeout=20) as open_before:
            assert open_before.get("/v1/health/live").status_code == 200
            assert tls.check() is False
            install(other, files)
            assert tls.check() is True
            assert shown(running.url, authority) == serial(other) != first
            # A connection that is open keeps what it began with.
            assert open_before.get("/v1/chain").status_code == 200
            for bad in ((authority.issue("127.0.0.1")[0], other[1]), (other[1], other[1])):
                install(bad, files)
                assert tls.check() is False
                assert shown(running.url, authority) == serial(other)
            files[1].unlink()
            assert tls.check() is False
            assert shown(running.url, authority) == serial(other)
            last = authority.issue("127.0.0.1")
            install(last, files)
            assert tls.check() is True
            assert shown(running.url, authority) == serial(last)
            assert tls.reloads == 2


def test_who_speaks_no_tls_or_an_old_one_gets_nothing(authority, files, chain):
    with serving(chain, tls_certificate=str(files[0]), tls_key=str(files[1])) as running:
        host, port = running.url.removeprefix("https://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            plain.sendall(b"GET /v1/chain HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1.1 200" not in plain.recv(4096)
        codes = {}
        for version in ("-tls1_1", "-tls1_2", "-tls1_3"):
            command = ["openssl", "s_client", "-connect", f"{host}:{port}", version, "-cipher", "ALL:@SECLEVEL=0"]
            tried = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=20)
            codes[version] = (tried.returncode, b"BEGIN CERTIFICATE" in tried.stdout)
        assert codes == {"-tls1_1": (1, False), "-tls1_2": (0, True), "-tls1_3": (0, True)}
        assert shown(running.url, authority)


def test_a_pair_that_cannot_be_used_is_refused_at_the_start(authority, files, chain, tmp_path):
    encrypted = authority.issue("127.0.0.1", passphrase=b"secret")
    other = authority.issue("127.0.0.1")
    for certificate, key in (
        (tmp_path / "none.pem", files[1]),
        (files[0], other[1]),
        (files[1], files[0]),
        encrypted,
    ):
        with pytest.raises(UnavailableError) as caught:
            TlsFiles(certificate, key)
        assert caught.value.code.name == "TLS_UNUSABLE"
        assert caught.value.params["reason"]
        assert certificate.exists() or str(certificate) in caught.value.params["reason"]
    for one in ({"tls_certificate": str(files[0])}, {"tls_key": str(files[1])}):
        Settings(one)
        with pytest.raises(UsageError, match="given together"), serving(chain, **one):
            pass


def test_a_handshake_that_never_comes_is_waited_for_as_long_as_a_head(authority, files, chain):
    options = {"tls_certificate": str(files[0]), "tls_key": str(files[1]), "header_ms_max": 500}
    with serving(chain, **options) as running:
        host, port = running.url.removeprefix("https://").split(":")
        silent = [socket.create_connection((host, int(port)), timeout=20) for _ in range(20)]
        try:
            silent[0].sendall(b"\x16\x03\x01")  # the beginning of one is none
            for connection in silent:
                assert connection.recv(1) == b""
        finally:
            for connection in silent:
                connection.close()
        assert shown(running.url, authority)


def test_handshakes_that_never_come_keep_nobody_out(authority, files, chain):
    """Of too many the oldest gives way at once, and no more descriptors are used than the limit allows."""
    options = {"tls_certificate": str(files[0]), "tls_key": str(files[1]), "connections_max": 10}
    with serving(chain, **options) as running:
        host, port = running.url.removeprefix("https://").split(":")
        before = len(os.listdir("/proc/self/fd"))
        silent = [socket.create_connection((host, int(port)), timeout=20) for _ in range(100)]
        try:
            assert shown(running.url, authority)
            for connection in silent[:89]:
                assert connection.recv(1) == b""
            # Ours and theirs are of one process here: a hundred of ours, and at most so many of theirs.
            assert len(os.listdir("/proc/self/fd")) - before <= 100 + 10 + 5
        finally:
            for connection in silent:
                connection.close()
