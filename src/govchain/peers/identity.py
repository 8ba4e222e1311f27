"""By what a node is known to its peers: an ECDSA P-256 key in an encrypted file, and a self-signed certificate over it.

Purpose: TLS 1.3 on both sides of every connection (docs/spec/member-record.md 3). Rules: the key's file is encrypted
with the passphrase of the node's other keys, in the form that OpenSSL reads too; the key leaves this module only inside
TLS contexts; a context trusts exactly the certificates that it was made with, whatever their dates say. Not here: who
is known (:mod:`govchain.peers.network`).
"""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from govchain.crypto import ITERATIONS_MIN, KEY_FILE_SALT_BYTES, SigningKey, encode_key_file
from govchain.crypto.certificates import CERTIFICATE_BYTES_MAX, decode_certificate_key
from govchain.crypto.ecdsa import SPKI_PREFIX
from govchain.model import Code, DecodingError, RefusedError, UnavailableError
from govchain.signers import PassphraseSource, generate_key, read_private_file, write_key_file, write_private_file
from govchain.signers.files import read_key_file

__all__ = ["PeerIdentity", "create_tls_key", "open_tls_key"]

#: Certificates have no meaningful dates here; RFC 5280 4.1.2.5 gives this one for such.
_LAST_DAY: Final = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
_FIRST_DAY: Final = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
#: X509_V_FLAG_NO_CHECK_TIME (OpenSSL): keys are pinned, dates count for nothing.
_NO_CHECK_TIME: Final = 0x200000
_ALGORITHM: Final = "ecdsa-p256-sha256"


class PeerIdentity:
    """A node's TLS key with its certificate.

    ``certificate`` is DER; ``public_key`` the DER SubjectPublicKeyInfo by which peers know this node.
    """

    def __init__(self, key: SigningKey, certificate: bytes) -> None:
        """``key`` is an ECDSA P-256 key, ``certificate`` one over it."""
        self._key = key
        self.certificate = certificate
        self.public_key = decode_certificate_key(certificate)

    @classmethod
    def generate(cls, name: str) -> PeerIdentity:
        """A new key and a certificate that names it ``name``, in memory only."""
        key = generate_key(_ALGORITHM)
        return cls(key, _self_signed(key, name))

    def context(self, known: Iterable[bytes], *, server: bool) -> ssl.SSLContext:
        """A TLS 1.3 context that shows this identity and takes the ``known`` certificates (DER) only.

        Raises:
            UnavailableError: ``TLS_UNUSABLE``.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        if server:
            context.num_tickets = 0  # a session taken up again would skip the certificate
        try:
            for certificate in known:
                # One by one: what OpenSSL cannot read must shut out nobody but the member that shows it.
                with contextlib.suppress(ssl.SSLError):
                    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(certificate))
            self._load_into(context)
        except (OSError, ValueError) as error:
            raise UnavailableError(Code.TLS_UNUSABLE, reason=str(error)[:400]) from None
        return context

    def _load_into(self, context: ssl.SSLContext) -> None:
        """Hand key and certificate to OpenSSL, which reads files only: one that exists in memory, encrypted."""
        pem, passphrase = _for_openssl(self._key)
        content = pem + ssl.DER_cert_to_PEM_cert(self.certificate).encode("ascii")
        descriptor = os.memfd_create("govchain-tls", os.MFD_CLOEXEC)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=passphrase)
        finally:
            os.close(descriptor)


def create_tls_key(key_file: Path, certificate_file: Path, passphrase: bytes, name: str) -> PeerIdentity:
    """Make a node's TLS key and certificate and write both files, which must not exist.

    Raises:
        UsageError: ``PASSPHRASE_UNUSABLE``, ``KEY_FILE_EXISTS``.
        UnavailableError: ``DISK_FULL``, ``FILE_UNWRITABLE``.
    """
    identity = PeerIdentity.generate(name)
    write_key_file(key_file, identity._key, passphrase)
    try:
        write_private_file(certificate_file, ssl.DER_cert_to_PEM_cert(identity.certificate).encode("ascii"))
    except BaseException:
        key_file.unlink(missing_ok=True)
        raise
    return identity


def open_tls_key(key_file: Path, certificate_file: Path, passphrases: PassphraseSource) -> PeerIdentity:
    """The identity in the two files.

    Raises:
        RefusedError: ``KEY_FILE_PERMISSIONS``, ``KEY_FILE_PASSPHRASE``, ``KEY_FILE_INVALID``, ``FILE_UNREADABLE``,
            ``FILE_KIND``, ``FILE_TOO_LARGE``.
        UsageError: ``PASSPHRASE_UNUSABLE``.
    """
    key = read_key_file(key_file, passphrases)
    if key.algorithm != _ALGORITHM:
        raise RefusedError(Code.KEY_FILE_INVALID, path=str(key_file), reason="not a P-256 key")
    pem = read_private_file(certificate_file, bytes_max=2 * CERTIFICATE_BYTES_MAX)
    try:
        identity = PeerIdentity(key, ssl.PEM_cert_to_DER_cert(pem.decode("ascii")))
    except (ValueError, DecodingError):
        raise RefusedError(Code.KEY_FILE_INVALID, path=str(certificate_file), reason="not a certificate") from None
    if identity.public_key != SPKI_PREFIX + key.public_key:
        raise RefusedError(Code.KEY_FILE_INVALID, path=str(certificate_file), reason="of another key")
    return identity


def _for_openssl(key: SigningKey) -> tuple[bytes, bytes]:
    """The key as PEM that OpenSSL opens, under a passphrase that is used once."""
    passphrase = secrets.token_hex(32).encode("ascii")
    salt, initial_value = os.urandom(KEY_FILE_SALT_BYTES), os.urandom(16)
    pem = encode_key_file(
        key, passphrase, salt=salt, initial_value=initial_value, iterations=ITERATIONS_MIN, openssl=True
    )
    return pem, passphrase


def _self_signed(key: SigningKey, name: str) -> bytes:
    shown = "".join(character for character in name if character.isprintable())[:64] or "node"
    private = load_pem_private_key(*_for_openssl(key))
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, shown)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(private.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(_FIRST_DAY).not_valid_after(_LAST_DAY)
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.DER)
