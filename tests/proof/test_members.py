"""Member records: one encoding, every field covered by the signature, and nothing believed that is not signed."""

import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import govchain_native as native
from govchain.crypto import SigningKey, check_signature, frame, get_suite
from govchain.model import Code, DecodingError, GovChainError, VerificationError, encode_canonical
from govchain.proof.members import (
    MEMBER_RECORD_BYTES_MAX,
    MemberAccount,
    MemberAddresses,
    build_member_record,
    check_address,
    encode_member_record,
    tls_digest,
    verify_member_record,
)
from tests.ledger.kit import CREATED, ORGANISATIONS, new_account

GM = get_suite("gm")


def certificate(key=None, name="node"):
    """A self-signed certificate in DER over ``key`` (default: a new P-256 key)."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(start).not_valid_after(start.replace(year=2050))
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.DER)


SIGNER = SigningKey("sm2-sm3", native.sm2_generate())
CERTIFICATE = certificate()
GIVEN = {
    "chain": "test-chain",
    "name": "节点一",
    "organisation": ORGANISATIONS[0],
    "organisation_name": "某市大数据局",
    "certificate": CERTIFICATE,
    "addresses": MemberAddresses("https://node-1.example/", "10.0.0.1:26656", "[fd00::7]:26700"),
    "issued": CREATED,
    "engine_key": bytes(range(32)),
    "engine_node": bytes(range(20)),
}


def build(**changes):
    return build_member_record(SIGNER, **{**GIVEN, **changes})


def test_a_record_is_read_as_it_was_made():
    account = new_account()
    entry = MemberAccount(True, account.algorithm, account.key.hex(), "管理员", ("operator",))
    record = build(accounts=(entry,))
    assert verify_member_record(GM, encode_member_record(record)) == record
    assert record.key == SIGNER.public_key.hex()


def test_the_message_is_what_the_specification_says():
    fields = json.loads(encode_member_record(build()))
    signature = bytes.fromhex(fields.pop("signature"))
    message = frame("govchain/member/1", encode_canonical(fields))
    assert check_signature("sm2-sm3", SIGNER.public_key, message, signature) is Code.OK


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "节点二"),
        ("issued", CREATED + 1),
        ("chain", "other-chain"),
        ("engine_key", ""),
        ("engine_node", "00" * 20),
        ("organisation", ORGANISATIONS[1]),
        ("organisation_name", "另一机构"),
        ("addresses", {"api": "", "engine": "", "peers": "127.0.0.1:1"}),
        ("certificate", certificate().hex()),
        ("key", new_account().key.hex()),
    ],
)
def test_no_field_changes_unnoticed(field, value):
    fields = json.loads(encode_member_record(build()))
    assert fields[field] != value
    with pytest.raises(VerificationError) as refused:
        verify_member_record(GM, encode_canonical({**fields, field: value}))
    assert refused.value.code is Code.MEMBER_RECORD_INVALID


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\n",
        lambda data: b" " + data,
        lambda data: data.replace(b'"issued"', b'"Issued"'),
        lambda data: data[:-1] + b',"more":1}',
        lambda data: b"",
        lambda data: b"x" * (MEMBER_RECORD_BYTES_MAX + 1),
    ],
    ids=["line end", "space", "other field", "more fields", "empty", "too long"],
)
def test_one_encoding_only(change):
    with pytest.raises(DecodingError) as refused:
        verify_member_record(GM, change(encode_member_record(build())))
    assert refused.value.code is Code.MEMBER_RECORD_INVALID


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("chain", {"chain": "Not A Chain"}),
        ("organisation", {"organisation": "11100000000013127X"}),
        ("names", {"name": "a\nb"}),
        ("engine key", {"engine_key": b"short"}),
        ("engine key", {"engine_node": b"short"}),
        ("addresses", {"addresses": MemberAddresses("", "", "node-1")}),
        ("addresses", {"addresses": MemberAddresses("", "x", "a:1")}),
        ("addresses", {"addresses": MemberAddresses("ftp://x", "", "a:1")}),
        ("certificate", {"certificate": b"garbage"}),
        ("certificate", {"certificate": certificate(ed25519.Ed25519PrivateKey.generate())}),
        ("certificate", {"certificate": certificate(ec.generate_private_key(ec.SECP384R1()))}),
        ("certificate", {"certificate": CERTIFICATE + b"\0"}),
    ],
)
def test_a_record_that_would_be_refused_is_not_made(reason, changes):
    with pytest.raises(DecodingError) as refused:
        build(**changes)
    assert refused.value.params["reason"] == reason


def test_another_suite_has_another_member_algorithm():
    with pytest.raises(DecodingError):
        verify_member_record(get_suite("international"), encode_member_record(build()))


def test_accounts_rise_and_are_keys():
    first, second = sorted((new_account(), new_account()), key=lambda account: account.key)
    entries = [MemberAccount(False, account.algorithm, account.key.hex(), "", ()) for account in (second, first)]
    with pytest.raises(DecodingError, match="order of accounts"):
        build(accounts=entries)
    with pytest.raises(DecodingError, match="account"):
        build(accounts=[MemberAccount(False, "sm2-sm3", "00" * 64, "", ())])


def test_the_tls_digest_is_of_the_key_alone():
    key = ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    one, two = certificate(key, "one"), certificate(key, "two")
    assert one != two
    assert tls_digest(GM, one) == tls_digest(GM, two) == GM.digest(spki)
    with pytest.raises(GovChainError):
        tls_digest(GM, one[:-1])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("127.0.0.1:1", ""),
        ("node-1.gov.cn:65535", ""),
        ("[::1]:26700", ""),
        ("[fe80::1%eth0]:26700", ""),
        ("::1:26700", "host"),
        ("node 1:80", "host"),
        (":80", "host"),
        ("[]:80", "host"),
        ("a:0", "port"),
        ("a:65536", "port"),
        ("a:٣", "port"),
        ("a", "port"),
        ("", "port"),
    ],
)
def test_addresses(text, reason):
    assert check_address(text) == reason
