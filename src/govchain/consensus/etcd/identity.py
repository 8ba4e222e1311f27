"""TLS between the members' etcd processes: certificates made from the members' TLS keys.

Purpose: what etcd's peer port needs (a certificate for the address, its key, the certificates it trusts), from what a
node has: its own TLS key, and the TLS public keys of the members, which genesis or the ledger name by their digests.
Rules: trust comes from the members' public keys alone. For each member a certificate of authority is written that
bears its public key; nobody verifies the signature on it, since who it belongs to is said by the ledger, so this node
signs it. The certificate that etcd shows is issued by the member's own TLS key at each start, for the address at which
the others reach it; its key is made then, and never lies on a disk: etcd reads it from memory that the two share.
Not here: the route between nodes (``peers``), who is a member (genesis, governance).
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["EtcdMember", "PeerTls", "member_name"]

#: How long a certificate holds before and after the start: clocks may be wrong, and a node may run for years.
_BEFORE: Final = datetime.timedelta(days=30)
_AFTER: Final = datetime.timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class EtcdMember:
    """A member as its etcd knows it.

    Attributes:
        key: its member key.
        name: for people.
        address: HOST:PORT of its etcd's peer port, as the others reach it.
        tls: its TLS public key, SubjectPublicKeyInfo in DER.
    """

    key: bytes
    name: str
    address: str
    tls: bytes

    @property
    def url(self) -> str:
        """Its peer URL."""
        return f"https://{self.address}"


def member_name(key: bytes) -> str:
    """A member's name in the cluster, from its member key."""
    return key.hex()[:16]


class PeerTls:
    """See the module; the files lie in ``folder``, which only this user may read.

    Args:
        folder: for the certificates.
        key: this member's TLS key.
        host: the host of this member's own address.
    """

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, host: str) -> None:
        """Make the certificate and its key."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._key = key
        self.certificate = folder / "certificate.pem"
        self.trusted = folder / "trusted.pem"
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._leaf(leaf_key, host)
        self.certificate.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        #: The memory that holds the private key; inherited by etcd.
        self.descriptor = os.memfd_create("etcd-peer-key", 0)
        secret = leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        os.write(self.descriptor, secret)
        self._members: tuple[bytes, ...] = ()

    @property
    def key_path(self) -> str:
        """Where a process that inherited the descriptor, or this one, reads the private key."""
        return f"/proc/self/fd/{self.descriptor}"

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.descriptor)

    def trust(self, members: Iterable[EtcdMember]) -> bool:
        """Write the certificates that are trusted; whether they are others than before."""
        keys = tuple(sorted({member.tls for member in members}))
        if keys == self._members:
            return False
        pieces = [_authority(key, self._key).public_bytes(serialization.Encoding.PEM) for key in keys]
        building = self.trusted.with_suffix(".new")
        building.write_bytes(b"".join(pieces))
        building.replace(self.trusted)
        self._members = keys
        return True

    def context(self) -> ssl.SSLContext:
        """For asking another member's peer port."""
        found = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.trusted))
        found.load_cert_chain(str(self.certificate), self.key_path)
        return found

    def options(self) -> Sequence[str]:
        """What etcd is told of them."""
        return (
            f"--peer-cert-file={self.certificate}",
            f"--peer-key-file={self.key_path}",
            f"--peer-trusted-ca-file={self.trusted}",
            "--peer-client-cert-auth=true",
            "--tls-min-version=TLS1.3",
            # A member is known by its key; the address that it calls from may be a router's.
            "--peer-skip-client-san-verification=true",
        )

    def _leaf(self, key: ec.EllipticCurvePrivateKey, host: str) -> x509.Certificate:
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        own = self._key.public_key()
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(own)
        return (
            _builder(_subject(own), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "etcd peer")]), key.public_key())
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(issuer_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _authority(tls: bytes, signer: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """A certificate of authority that bears the public key ``tls``."""
    key = serialization.load_der_public_key(tls)
    assert isinstance(key, ec.EllipticCurvePublicKey)  # member records say so
    name = _subject(key)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(signer, hashes.SHA256())
    )


def _builder(issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + _AFTER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _subject(key: ec.EllipticCurvePublicKey) -> x509.Name:
    """The name of the authority with this key: the identifier of the key, so that every node writes the same."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(key).digest.hex()
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"member {identifier}")])
