"""Who signed: keys, signatures, algorithms, several signers, accounts in the state (block.md 1.2, 3.1, 6)."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import govchain_native as native
from govchain.crypto import account_address, get_algorithm, get_suite
from govchain.crypto.sm2 import encode_signature_der
from govchain.ledger import build_machine, prepare
from govchain.model import Code
from govchain.proof.genesis import check_genesis
from tests.ledger.kit import (
    ALGORITHMS,
    CHAIN,
    Kit,
    Ledger,
    fields_of,
    make,
    make_body,
    new_account,
    put,
    put_payload,
    rsa_secret,
    seal,
    sign,
)

SM2_N = int("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123", 16)
SM2_P = int("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF", 16)
P256_N = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)


def number(value):
    return value.to_bytes(32, "big")


def with_signature(account, change):
    """An envelope whose one signature was changed."""
    body = make_body("evidence.put", put_payload(), account)
    return seal(body, change(account.sign(body)))


def with_entry(account, **changes):
    """An envelope whose signer's entry was changed before it was signed."""
    return put(account, signers=[{**account.entry(), **changes}])


SIGNATURES = {
    "r is 0": (lambda s: bytes(32) + s[32:], Code.SIGNATURE_RANGE),
    "s is 0": (lambda s: s[:32] + bytes(32), Code.SIGNATURE_RANGE),
    "r is n": (lambda s: number(SM2_N) + s[32:], Code.SIGNATURE_RANGE),
    "s is n": (lambda s: s[:32] + number(SM2_N), Code.SIGNATURE_RANGE),
    "s is above n": (lambda s: s[:32] + number(SM2_N + 1), Code.SIGNATURE_RANGE),
    "all ones": (lambda s: b"\xff" * 64, Code.SIGNATURE_RANGE),
    "r + s is n": (lambda s: s[:32] + number(SM2_N - int.from_bytes(s[:32], "big")), Code.SIGNATURE_RANGE),
    "empty": (lambda s: b"", Code.SIGNATURE_LENGTH),
    "a byte short": (lambda s: s[:-1], Code.SIGNATURE_LENGTH),
    "a byte long": (lambda s: s + b"\0", Code.SIGNATURE_LENGTH),
    "DER": (encode_signature_der, Code.SIGNATURE_LENGTH),
    "r and s exchanged": (lambda s: s[32:] + s[:32], Code.SIGNATURE_INVALID),
    "one bit": (lambda s: s[:-1] + bytes([s[-1] ^ 1]), Code.SIGNATURE_INVALID),
}


@pytest.mark.requirement("BJ.compliance.process.03d", "BJ.function.signature.03a")
@pytest.mark.parametrize("defect", SIGNATURES)
def test_bad_signature(kit, ledger, defect):
    change, code = SIGNATURES[defect]
    envelope = with_signature(kit.department, change)
    assert ledger.check(envelope) == ledger.inclusion(envelope) == code


def test_signature_of_another_body(kit, ledger):
    first, second = (make_body("evidence.put", put_payload(), kit.department) for _ in range(2))
    assert ledger.check(seal(first, kit.department.sign(second))) == Code.SIGNATURE_INVALID


def test_signature_under_another_sm2_id(kit, ledger):
    body = make_body("evidence.put", put_payload(), kit.department)
    secret = kit.department.signer._open_secret()
    other = native.sm2_sign(secret, kit.department.key, body, b"somebody@else")
    assert ledger.check(seal(body, other)) == Code.SIGNATURE_INVALID


def test_body_re_signed_by_someone_else(kit, ledger):
    """The body names its signer: another member's signature over it is none, and with the names exchanged it is
    another transaction."""
    body = make_body("evidence.put", put_payload(), kit.department)
    assert ledger.check(sign(body, kit.accounts[1, "department"])) == Code.SIGNATURE_INVALID
    fields = fields_of("evidence.put", put_payload(), kit.department)
    mine = make("evidence.put", fields["payload"], kit.department, nonce=fields["nonce"])
    theirs = make("evidence.put", fields["payload"], kit.accounts[1, "department"], nonce=fields["nonce"])
    assert [prepared.code for prepared in prepare(kit.machine, [mine, theirs])] == [Code.OK] * 2
    assert len({prepared.id for prepared in prepare(kit.machine, [mine, theirs])}) == 2


def test_unknown_signer(kit, ledger):
    stranger = new_account()
    assert ledger.check(put(stranger)) == ledger.inclusion(put(stranger)) == Code.SIGNER_UNKNOWN


@pytest.mark.requirement("BJ.compliance.collect.04c", "BJ.data.structure.08")
def test_data_from_an_unregistered_source_is_refused_until_it_is_registered(kit, ledger):
    stranger = new_account()
    assert ledger.check(put(stranger)) == Code.SIGNER_UNKNOWN
    payload = {
        "administrator": False, "algorithm": "sm2-sm3", "key": stranger.key.hex(), "label": "", "roles": ["department"]
    }  # fmt: skip
    assert ledger.codes(make("accounts.register", payload, kit.administrator)) == [Code.OK]
    assert ledger.check(put(stranger)) == Code.OK


def test_key_of_another_account(kit, ledger):
    """The state's key counts: an account with another's key, or with a fresh one, is refused."""
    other = kit.accounts[1, "department"]
    borrowed = put(other, signers=[{**other.entry(), "account": kit.department.address.hex()}])
    assert ledger.check(borrowed) == ledger.inclusion(borrowed) == Code.SIGNER_KEY_MISMATCH


def test_algorithm_other_than_the_account_holds(open_kit, open_ledger):
    """SM2's X‖Y and P-256's have the same length: the algorithm must be the account's own."""
    ecdsa = open_kit.accounts[0, "ecdsa-p256-sha256"]
    foreign = new_account("ecdsa-p256-sha256")
    envelope = put(foreign, signers=[{**foreign.entry(), "account": open_kit.department.address.hex()}])
    assert open_ledger.check(envelope) == Code.SIGNER_KEY_MISMATCH
    assert open_ledger.check(put(ecdsa)) == Code.OK


KEYS = {
    "the point at infinity as zeros": (bytes(64), Code.KEY_NOT_ON_CURVE),
    "a point beside the curve": (None, Code.KEY_NOT_ON_CURVE),
    "X is p": (number(SM2_P) + number(1), Code.KEY_MALFORMED),
    "Y is p": (number(1) + number(SM2_P), Code.KEY_MALFORMED),
    "33 bytes": (b"\x02" + bytes(32), Code.KEY_MALFORMED),
    "65 bytes with a leading 04": (b"\x04" + bytes(64), Code.KEY_MALFORMED),
    "32 bytes": (bytes(32), Code.KEY_MALFORMED),
}


@pytest.mark.requirement("BJ.function.signature.03a")
@pytest.mark.parametrize("defect", KEYS)
@pytest.mark.parametrize("company", [False, True], ids=["alone", "second of two"])
def test_bad_key(kit, ledger, defect, company):
    """A bad key is told from a bad signature, alone and beside a good signer."""
    key, code = KEYS[defect]
    if key is None:
        good = kit.department.key
        key = good[:-1] + bytes([good[-1] ^ 1])
    bad = {**kit.department.entry(), "key": key.hex()}
    other = kit.accounts[1, "department"]
    if company:
        body = make_body("evidence.put", put_payload(), signers=[other.entry(), bad])
        envelope = sign(body, other, kit.department)
    else:
        envelope = with_entry(kit.department, key=key.hex())
    assert ledger.check(envelope) == ledger.inclusion(envelope) == code


def test_of_two_bad_keys_the_lower_code_answers(kit, ledger):
    beside, short = {"key": bytes(64).hex()}, {"key": bytes(32).hex()}
    for entries in ([beside, short], [short, beside]):
        accounts = [kit.department, kit.accounts[1, "department"]]
        signers = [{**account.entry(), **change} for account, change in zip(accounts, entries, strict=True)]
        body = make_body("evidence.put", put_payload(), signers=signers)
        assert ledger.check(sign(body, *accounts)) == Code.KEY_MALFORMED


@pytest.mark.requirement("BJ.data.03_003", "BJ.data.structure.06", "BJ.data.04_001", "BJ.data.structure.03")
def test_two_signers(kit, ledger):
    """Both must sign, in their order; the first is the sender, and each is an account in the state."""
    first, second = kit.department, kit.accounts[1, "auditor"]
    body = make_body("evidence.put", put_payload(), first, second)
    assert ledger.check(sign(body, first)) == Code.ENVELOPE_SIGNATURES
    assert ledger.check(sign(body, first, first)) == Code.SIGNATURE_INVALID
    assert ledger.check(sign(body, second, second)) == Code.SIGNATURE_INVALID
    assert ledger.check(sign(body, second, first)) == Code.SIGNATURE_INVALID
    block = ledger.run(sign(body, first, second))
    assert list(block.codes) == [Code.OK]
    stored = prepare(kit.machine, [block.transactions[0].envelope])[0].body
    assert [signer.account for signer in stored.signers] == [first.address.hex(), second.address.hex()]
    for signer in stored.signers:
        facts = ledger.directory.account(bytes.fromhex(signer.account))
        assert facts.key.hex() == signer.key
        key = bytes.fromhex(signer.key)
        assert account_address(get_suite("gm"), CHAIN, signer.algorithm, key).hex() == signer.account
    swapped = make_body("evidence.put", put_payload(), second, first)
    assert ledger.codes(sign(swapped, second, first)) == [Code.ROLE_MISSING]  # an auditor is the sender


def test_every_signer_must_be_known_and_no_account_occurs_twice(kit, ledger):
    first, stranger = kit.department, new_account()
    both = make("evidence.put", put_payload(), first, stranger)
    assert ledger.check(both) == ledger.inclusion(both) == Code.SIGNER_UNKNOWN
    twice = make("evidence.put", put_payload(), first, first)
    assert ledger.check(twice) == ledger.inclusion(twice) == Code.SIGNER_REPEATED


def test_a_frozen_signer_beside_a_good_one(kit, ledger):
    frozen = kit.accounts[1, "auditor"]
    payload = {"account": frozen.address.hex(), "reason": "left"}
    assert ledger.codes(make("accounts.freeze", payload, kit.accounts[1, "administrator"])) == [Code.OK]
    both = make("evidence.put", put_payload(), kit.department, frozen)
    assert ledger.check(both) == Code.SIGNER_FROZEN
    assert ledger.inclusion(both) == Code.OK  # status is execution's to judge
    assert ledger.codes(both) == [Code.SIGNER_FROZEN]


def test_more_signers_than_a_type_takes():
    kit = Kit(limits={"signatures_max": 40})
    ledger = Ledger(kit)
    signers = [kit.department]
    for _ in range(16):
        account = new_account()
        payload = {
            "administrator": False, "algorithm": "sm2-sm3", "key": account.key.hex(), "label": "", "roles": []
        }  # fmt: skip
        assert ledger.codes(make("accounts.register", payload, kit.administrator)) == [Code.OK]
        signers.append(account)
    assert ledger.check(make("evidence.put", put_payload(), *signers[:16])) == Code.OK
    envelope = make("evidence.put", put_payload(), *signers)
    assert ledger.check(envelope) == Code.SIGNERS_TOO_MANY
    assert ledger.codes(envelope) == [Code.SIGNERS_TOO_MANY]


def flip(signature):
    return signature[:10] + bytes([signature[10] ^ 1]) + signature[11:]


@pytest.mark.parametrize(
    "algorithm",
    [
        pytest.param("rsa-pss-sha256", marks=pytest.mark.requirement("BJ.function.signature.01a")),
        pytest.param("ecdsa-p256-sha256", marks=pytest.mark.requirement("BJ.function.signature.01b")),
        pytest.param("sm2-sm3", marks=pytest.mark.requirement("BJ.function.encryption.02")),
        "ed25519",
    ],
)
def test_transactions_of_every_algorithm(open_kit, open_ledger, algorithm):
    """Where genesis allows the algorithm its transactions commit; one bit of the signature changed, they do not."""
    account = open_kit.accounts.get((0, algorithm), open_kit.department)
    assert account.algorithm == algorithm
    block = open_ledger.run(put(account))
    assert list(block.codes) == [Code.OK]
    assert block.transactions[0].body.signers[0].algorithm == algorithm
    assert open_ledger.check(with_signature(account, flip)) in (Code.SIGNATURE_INVALID, Code.SIGNATURE_RANGE)
    assert open_ledger.check(with_signature(account, lambda s: s[:-1])) == Code.SIGNATURE_LENGTH


@pytest.mark.requirement("BJ.baas.secure_environment.02")
@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "sm2-sm3"])
def test_algorithm_that_genesis_does_not_list(kit, ledger, algorithm):
    assert kit.genesis.algorithms == ("sm2-sm3",)
    account = new_account(algorithm)
    assert ledger.check(put(account)) == ledger.inclusion(put(account)) == Code.ALGORITHM_NOT_ALLOWED
    both = make("evidence.put", put_payload(), kit.department, account)
    assert ledger.check(both) == Code.ALGORITHM_NOT_ALLOWED


@pytest.mark.requirement("BJ.function.digest.02a", "BJ.baas.secure_environment.02")
@pytest.mark.parametrize(
    "name", ["rsa-md5", "rsa-pkcs1-sha1", "ecdsa-p256-sha1", "md5", "sha1", "sm2-sha1", "none", ""]
)
def test_broken_algorithms_exist_nowhere(open_kit, open_ledger, name):
    """Neither a transaction, nor an account, nor a genesis file can name one."""
    assert open_ledger.check(with_entry(open_kit.department, algorithm=name)) == Code.ALGORITHM_NOT_ALLOWED
    payload = {"administrator": False, "algorithm": name, "key": "11" * 64, "label": "", "roles": []}
    assert open_ledger.check(make("accounts.register", payload, open_kit.administrator)) == Code.ALGORITHM_NOT_ALLOWED
    import msgspec

    listed = msgspec.structs.replace(open_kit.genesis, algorithms=tuple(sorted((*ALGORITHMS, name))))
    assert check_genesis(open_kit.genesis) == ""
    assert check_genesis(listed) == "algorithms"


def test_bad_keys_of_other_algorithms(open_kit, open_ledger):
    weak = get_algorithm("rsa-pss-sha256")
    assert weak.check_public_key(open_kit.accounts[0, "rsa-pss-sha256"].key) == Code.OK
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    short = load_der_private_key(rsa_secret(1024), None).public_key()
    short_key = short.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    other_kind = curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    rsa_account = open_kit.accounts[0, "rsa-pss-sha256"]
    for key in (short_key, other_kind, b"\x30" * 64):
        assert open_ledger.check(with_entry(rsa_account, key=key.hex())) == Code.KEY_MALFORMED
    ecdsa = open_kit.accounts[0, "ecdsa-p256-sha256"]
    beside = ecdsa.key[:-1] + bytes([ecdsa.key[-1] ^ 1])
    assert open_ledger.check(with_entry(ecdsa, key=beside.hex())) == Code.KEY_NOT_ON_CURVE
    zero = with_signature(ecdsa, lambda s: bytes(64))
    assert open_ledger.check(zero) == Code.SIGNATURE_RANGE
    too_large = with_signature(ecdsa, lambda s: s[:32] + number(P256_N))
    assert open_ledger.check(too_large) == Code.SIGNATURE_RANGE


def test_an_international_chain_of_its_own_digest():
    """Suite `international`: SHA-256, ECDSA members; the rules are the same."""
    kit = Kit(suite="international", algorithms=("ecdsa-p256-sha256", "ed25519", "rsa-pss-sha256"))
    ledger = Ledger(kit)
    assert check_genesis(kit.genesis) == ""
    block = ledger.run(*(put(kit.accounts[0, name]) for name in ("department", "ed25519", "rsa-pss-sha256")))
    assert list(block.codes) == [Code.OK] * 3
    assert block.transactions[0].id == get_suite("international").digest(
        native.open_envelopes("sha256", [block.transactions[0].envelope], 1 << 16, 16, 16)[0][3]
    )
    sm2 = new_account("sm2-sm3", suite="international")
    assert ledger.check(put(sm2)) == Code.ALGORITHM_NOT_ALLOWED


def test_machine_verifies_in_batches_what_it_verifies_alone(open_kit):
    """Mixed algorithms, good and bad, in one call and one by one: the same codes."""
    envelopes = [put(open_kit.accounts.get((0, name), open_kit.department)) for name in ALGORITHMS] * 2
    envelopes += [with_signature(open_kit.department, SIGNATURES[defect][0]) for defect in SIGNATURES]
    fresh = build_machine(
        open_kit.genesis, open_kit.modules, {module.name: "00" * 32 for module in open_kit.modules},
        open_kit.machine.verifier,
    )  # fmt: skip
    together = [prepared.code for prepared in prepare(fresh, envelopes)]
    assert together == [prepare(open_kit.machine, [envelope])[0].code for envelope in envelopes]
    assert together[:8] == [Code.OK] * 8
    assert Code.OK not in together[8:]
