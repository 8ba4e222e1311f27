"""Member records: what a node says of itself, signed by its member key (docs/spec/member-record.md).

Purpose: the other members learn from it which TLS and engine keys belong to a member key, and where the node listens.
Rules: canonical JSON, one encoding; the signature covers everything else in it; of two records of one key the one
issued later holds. Keys count as far as genesis and the ledger say the same; addresses are never consensus.
Not here: files and the route between nodes (``peers``), who is a member (genesis, governance).

Example::

    record = build_member_record(signer, chain="licences", name="node-1", …)
    assert verify_member_record(suite, encode_member_record(record)) == record
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Protocol

from msgspec import Meta, Struct
from msgspec.structs import replace

from govchain.crypto import ALGORITHMS, Suite, check_signature, frame, get_algorithm
from govchain.crypto.certificates import CERTIFICATE_BYTES_MAX, decode_certificate_key
from govchain.model import Code, DecodingError, GovChainError, VerificationError, encode_canonical, encode_struct
from govchain.model.identifiers import check_chain_id, check_credit_code
from govchain.model.printable import has_control_characters, is_printable_ascii
from govchain.model.wire import Hex, Milliseconds
from govchain.proof.exact import decode_exact, is_rising

__all__ = [
    "MEMBER_DOMAIN",
    "MEMBER_FORMAT",
    "MEMBER_RECORD_BYTES_MAX",
    "MemberAccount",
    "MemberAddresses",
    "MemberRecord",
    "RecordSigner",
    "build_member_record",
    "check_address",
    "encode_member_record",
    "tls_digest",
    "verify_member_record",
]

#: Domain of the message that a member signs.
MEMBER_DOMAIN: Final = "govchain/member/1"
#: The format's name and version.
MEMBER_FORMAT: Final = "govchain-member/1"
#: Bytes of a record, at most.
MEMBER_RECORD_BYTES_MAX: Final = 64 * 1024

#: Characters of an address or URL, at most.
_ADDRESS_LENGTH_MAX: Final = 300
_DIGITS: Final = frozenset("0123456789")
_HOST_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
_IPV6_CHARACTERS: Final = frozenset("0123456789abcdefABCDEF:.%abcdefghijklmnopqrstuvwxyz")
#: What TLS between nodes is done with (ARCHITECTURE 5).
_TLS_ALGORITHM: Final = "ecdsa-p256-sha256"


class MemberAccount(Struct, frozen=True, forbid_unknown_fields=True):
    """An account that the member's organisation brings into genesis."""

    administrator: bool
    algorithm: Annotated[str, Meta(max_length=32)]
    key: Annotated[Hex, Meta(max_length=2048)]
    label: Annotated[str, Meta(max_length=64)]
    roles: tuple[Literal["auditor", "department", "operator", "supervisor"], ...]


class MemberAddresses(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a node is reached: ``api`` a URL or empty, ``engine`` HOST:PORT or empty, ``peers`` HOST:PORT."""

    api: Annotated[str, Meta(max_length=_ADDRESS_LENGTH_MAX)]
    engine: Annotated[str, Meta(max_length=_ADDRESS_LENGTH_MAX)]
    peers: Annotated[str, Meta(max_length=_ADDRESS_LENGTH_MAX)]


class MemberRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """What a member says of its node. ``issued`` is in ms; keys, the certificate (DER) and the signature are hex."""

    accounts: Annotated[tuple[MemberAccount, ...], Meta(max_length=64)]
    addresses: MemberAddresses
    algorithm: Annotated[str, Meta(max_length=32)]
    certificate: Annotated[Hex, Meta(min_length=2, max_length=2 * CERTIFICATE_BYTES_MAX)]
    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    engine_key: Annotated[Hex, Meta(max_length=64)]
    engine_node: Annotated[Hex, Meta(max_length=40)]
    format: Literal["govchain-member/1"]
    issued: Milliseconds
    key: Annotated[Hex, Meta(min_length=64, max_length=256)]
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    organisation: Annotated[str, Meta(max_length=18)]
    organisation_name: Annotated[str, Meta(min_length=1, max_length=128)]
    signature: Annotated[Hex, Meta(max_length=256)]


class RecordSigner(Protocol):
    """The member's key: any object of ``signers`` will do."""

    @property
    def algorithm(self) -> str:
        """Name of the signature algorithm."""

    @property
    def public_key(self) -> bytes:
        """The public key."""

    def sign(self, message: bytes) -> bytes:
        """Sign a message."""


def build_member_record(
    signer: RecordSigner,
    *,
    chain: str,
    name: str,
    organisation: str,
    organisation_name: str,
    certificate: bytes,
    addresses: MemberAddresses,
    issued: int,
    accounts: Sequence[MemberAccount] = (),
    engine_key: bytes = b"",
    engine_node: bytes = b"",
) -> MemberRecord:
    """The signed record of the member whose key is ``signer``.

    Args:
        signer: the member's key, of the suite's member algorithm.
        chain: the chain's id.
        name: the node's name, for people.
        organisation: 统一社会信用代码.
        organisation_name: the organisation's name.
        certificate: DER of the node's TLS certificate.
        addresses: where the node listens.
        issued: ms since 1970; later than in every record that the member made before.
        accounts: accounts for genesis, sorted by key.
        engine_key: the engine's Ed25519 public key (32 bytes), or empty.
        engine_node: the engine's node id (20 bytes), or empty.

    Raises:
        DecodingError: ``MEMBER_RECORD_INVALID`` where the record would be refused.
    """
    unsigned = MemberRecord(
        accounts=tuple(accounts),
        addresses=addresses,
        algorithm=signer.algorithm,
        certificate=certificate.hex(),
        chain=chain,
        engine_key=engine_key.hex(),
        engine_node=engine_node.hex(),
        format=MEMBER_FORMAT,
        issued=issued,
        key=signer.public_key.hex(),
        name=name,
        organisation=organisation,
        organisation_name=organisation_name,
        signature="",
    )
    fault = _fault(unsigned)
    if fault:
        raise DecodingError(Code.MEMBER_RECORD_INVALID, reason=fault)
    return replace(unsigned, signature=signer.sign(_message(unsigned)).hex())


def encode_member_record(record: MemberRecord) -> bytes:
    """The record's canonical JSON."""
    return encode_struct(record)


def verify_member_record(suite: Suite, data: bytes) -> MemberRecord:
    """The record in ``data``, when it is well formed and signed by the member key that it names.

    1. It is the canonical encoding of a record of at most 64 KiB.
    2. Its fields obey docs/spec/member-record.md 1; its member key is one of ``suite``.
    3. The signature holds.

    The caller still owes: that the key is a member's, and that genesis or the ledger names no other TLS or engine key.

    Raises:
        DecodingError: ``MEMBER_RECORD_INVALID`` (1., 2.).
        VerificationError: ``MEMBER_RECORD_INVALID`` (3.).
    """
    # 1.
    if len(data) > MEMBER_RECORD_BYTES_MAX:
        raise DecodingError(Code.MEMBER_RECORD_INVALID, reason=f"more than {MEMBER_RECORD_BYTES_MAX} bytes")
    try:
        record = decode_exact(data, MemberRecord)
    except DecodingError as error:
        raise DecodingError(Code.MEMBER_RECORD_INVALID, reason=error.code.name) from None
    # 2.
    fault = "algorithm" if record.algorithm != suite.member_algorithm else _fault(record)
    if fault:
        raise DecodingError(Code.MEMBER_RECORD_INVALID, reason=fault)
    # 3.
    key, signature = bytes.fromhex(record.key), bytes.fromhex(record.signature)
    code = check_signature(record.algorithm, key, _message(record), signature)
    if code:
        raise VerificationError(Code.MEMBER_RECORD_INVALID, step=3, reason=code.name)
    return record


def tls_digest(suite: Suite, certificate: bytes) -> bytes:
    """What names a TLS key: the suite's digest of the SubjectPublicKeyInfo in a DER certificate; 32 bytes.

    Raises:
        DecodingError: ``KEY_MALFORMED`` for what is no certificate.
    """
    return suite.digest(decode_certificate_key(certificate))


def check_address(text: str) -> str:
    """The reason why ``text`` is no HOST:PORT (an IPv6 host stands in brackets), or an empty string.

    >>> check_address("10.0.0.7:26700"), check_address("[fd00::7]:26700"), check_address("node-1")
    ('', '', 'port')
    """
    host, _, port = text.rpartition(":")
    if not (1 <= len(port) <= 5 and _DIGITS.issuperset(port) and 0 < int(port) < 65_536):
        return "port"
    bracketed = host.startswith("[") and host.endswith("]")
    inner, allowed = (host[1:-1], _IPV6_CHARACTERS) if bracketed else (host, _HOST_CHARACTERS)
    if not inner or len(inner) > 253 or not allowed.issuperset(inner):
        return "host"
    return ""


def _message(record: MemberRecord) -> bytes:
    """What the member signs: the record without its signature."""
    fields = {name: getattr(record, name) for name in record.__struct_fields__ if name != "signature"}
    return frame(MEMBER_DOMAIN, encode_canonical(fields))


def _fault(record: MemberRecord) -> str:
    """The first rule of docs/spec/member-record.md 1 that a record breaks, or an empty string."""
    if check_chain_id(record.chain):
        return "chain"
    if check_credit_code(record.organisation):
        return "organisation"
    names = [record.name, record.organisation_name, *(account.label for account in record.accounts)]
    if any(has_control_characters(name) for name in names):
        return "names"
    algorithm = ALGORITHMS.get(record.algorithm)
    if algorithm is None or algorithm.check_public_key(bytes.fromhex(record.key)):
        return "key"
    if len(record.engine_key) not in (0, 64) or len(record.engine_node) not in (0, 40):
        return "engine key"
    addresses = record.addresses
    if check_address(addresses.peers) or (addresses.engine and check_address(addresses.engine)):
        return "addresses"
    if addresses.api and not _is_url(addresses.api):
        return "addresses"
    if not is_rising([account.key for account in record.accounts]):
        return "order of accounts"
    for account in record.accounts:
        found = ALGORITHMS.get(account.algorithm)
        if found is None or found.check_public_key(bytes.fromhex(account.key)) or not is_rising(account.roles):
            return "account"
    try:
        get_algorithm(_TLS_ALGORITHM).decode_spki(decode_certificate_key(bytes.fromhex(record.certificate)))
    except GovChainError:
        return "certificate"
    return ""


def _is_url(text: str) -> bool:
    scheme, _, rest = text.partition("://")
    return scheme in ("http", "https") and bool(rest) and is_printable_ascii(text) and " " not in text
