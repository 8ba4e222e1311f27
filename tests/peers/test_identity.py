"""The node's TLS key: encrypted at rest, its owner's alone, and refused with a reason when something is wrong."""

import ssl
import subprocess

import pytest

from govchain.crypto import decode_key_file, encode_key_file, get_suite
from govchain.model import Code, RefusedError, UsageError
from govchain.peers import create_tls_key, open_tls_key
from govchain.proof.members import tls_digest
from govchain.signers import generate_key
from govchain.storage.directory import DirectoryLayout

PASSPHRASE = b"a good passphrase"


def damaged(pem):
    """The file with its last bytes changed: within what is encrypted."""
    lines = pem.decode().splitlines()
    lines[-2] = lines[-2].swapcase()
    return "\n".join([*lines, ""]).encode()


def source(_name):
    return PASSPHRASE


@pytest.fixture
def files(tmp_path):
    layout = DirectoryLayout(tmp_path)
    layout.keys.mkdir()
    return layout.tls_key, layout.tls_certificate


def test_a_key_is_made_and_opened_again(files):
    made = create_tls_key(*files, PASSPHRASE, "节点一")
    opened = open_tls_key(*files, source)
    assert opened.certificate == made.certificate
    assert opened.public_key == made.public_key
    assert tls_digest(get_suite(), made.certificate) == get_suite().digest(made.public_key)
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o600]
    context = opened.context([made.certificate], server=True)
    assert (context.minimum_version, context.verify_mode) == (ssl.TLSVersion.TLSv1_3, ssl.CERT_REQUIRED)


def test_the_key_file_is_one_of_ours(files):
    create_tls_key(*files, PASSPHRASE, "node")
    assert decode_key_file(files[0].read_bytes(), PASSPHRASE).algorithm == "ecdsa-p256-sha256"


def test_a_key_file_for_openssl_is_opened_by_it_and_by_us(tmp_path):
    key = generate_key("ecdsa-p256-sha256")
    data = encode_key_file(key, PASSPHRASE, salt=bytes(16), initial_value=bytes(16), iterations=10_000, openssl=True)
    assert decode_key_file(data, PASSPHRASE).public_key == key.public_key
    (tmp_path / "key.pem").write_bytes(data)
    command = ["openssl", "pkey", "-in", tmp_path / "key.pem", "-passin", "stdin", "-pubout", "-outform", "DER"]
    ran = subprocess.run(command, input=PASSPHRASE, capture_output=True, check=True)
    assert ran.stdout.endswith(key.public_key)


def test_nothing_is_replaced(files):
    create_tls_key(*files, PASSPHRASE, "node")
    before = [path.read_bytes() for path in files]
    with pytest.raises(UsageError) as refused:
        create_tls_key(*files, PASSPHRASE, "node")
    assert refused.value.code is Code.KEY_FILE_EXISTS
    assert [path.read_bytes() for path in files] == before
    files[0].unlink()
    with pytest.raises(UsageError):
        create_tls_key(*files, PASSPHRASE, "node")
    assert not files[0].exists()  # half a pair is none


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        (Code.KEY_FILE_PERMISSIONS, lambda key, certificate: key.chmod(0o640)),
        (Code.KEY_FILE_INVALID, lambda key, certificate: key.write_bytes(b"garbage")),
        (Code.KEY_FILE_PASSPHRASE, lambda key, certificate: key.write_bytes(damaged(key.read_bytes()))),
        (Code.KEY_FILE_INVALID, lambda key, certificate: certificate.write_bytes(b"garbage")),
        (Code.KEY_FILE_INVALID, lambda key, certificate: certificate.write_bytes(b"\xff\xfe")),
        (Code.FILE_UNREADABLE, lambda key, certificate: certificate.unlink()),
        (Code.FILE_TOO_LARGE, lambda key, certificate: key.write_bytes(bytes(100_000))),
    ],
)
def test_files_that_are_wrong_are_refused(files, code, spoil):
    create_tls_key(*files, PASSPHRASE, "node")
    spoil(*files)
    with pytest.raises(RefusedError) as refused:
        open_tls_key(*files, source)
    assert refused.value.code is code


def test_a_wrong_passphrase_and_another_nodes_certificate_are_refused(files, tmp_path):
    create_tls_key(*files, PASSPHRASE, "node")
    with pytest.raises(RefusedError) as refused:
        open_tls_key(*files, lambda _name: b"another one")
    assert refused.value.code is Code.KEY_FILE_PASSPHRASE
    other = tmp_path / "other.crt"
    create_tls_key(tmp_path / "other.pem", other, PASSPHRASE, "node")
    with pytest.raises(RefusedError, match="of another key"):
        open_tls_key(files[0], other, source)
    with pytest.raises(UsageError):
        create_tls_key(tmp_path / "third.pem", tmp_path / "third.crt", b"short", "node")


def unreadable(good):
    """A certificate that asn1crypto reads and OpenSSL does not: the value of its name is a number."""
    from asn1crypto import core, x509

    class Plain(core.Sequence):
        _fields = [("type", core.ObjectIdentifier), ("value", core.Any)]  # noqa: RUF012 - the library fills it in

    class Pair(core.SetOf):
        _child_spec = Plain

    class Names(core.SequenceOf):
        _child_spec = Pair

    read = x509.Certificate.load(good)
    parts = read["tbs_certificate"]
    name = Names([Pair([Plain({"type": "1.2.3.4", "value": core.Any(core.Integer(5))})])]).dump()
    fields = (parts[field].dump() for field in ("version", "serial_number", "signature"))
    body = b"".join(fields) + name + parts["validity"].dump() + name + parts["subject_public_key_info"].dump()
    tail = read["signature_algorithm"].dump() + read["signature_value"].dump()
    return core.Sequence(contents=core.Sequence(contents=body).dump() + tail).dump()


def test_one_certificate_that_openssl_cannot_read_shuts_out_nobody_else(files, tmp_path):
    own = create_tls_key(*files, PASSPHRASE, "a")
    layout = DirectoryLayout(tmp_path / "other")
    layout.keys.mkdir(parents=True)
    other = create_tls_key(layout.tls_key, layout.tls_certificate, PASSPHRASE, "b")
    bad = unreadable(other.certificate)
    with pytest.raises(ssl.SSLError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(bad))
    for known in ([bad, other.certificate], [other.certificate, bad]):
        for server in (True, False):
            context = own.context(known, server=server)
            assert context.cert_store_stats()["x509"] == 1
