"""The form of a login: what is signed, and what a client refuses to sign."""

import json
from pathlib import Path

import pytest

import govchain_native as native
from govchain.crypto import frame
from govchain.model import Code, DecodingError, RefusedError
from govchain.proof.transactions import decode_body
from govchain.sdk.sessions import (
    CHALLENGE_BYTES_MAX,
    CHALLENGE_MS_MAX,
    SESSION_DOMAIN,
    Challenge,
    challenge_message,
    check_challenge_signature,
    decode_challenge,
    encode_challenge,
    sign_challenge,
)

NOW = 1_800_000_000_000
ACCOUNT = "ab" * 20
AUDIENCE = "https://node.example.gov.cn"
CHALLENGE = Challenge(
    account=ACCOUNT, audience=AUDIENCE, chain="demo", expires=NOW + 60_000, node="node-1", nonce="5a" * 32
)
TEXT = encode_challenge(CHALLENGE)


class Key:
    algorithm = "sm2-sm3"

    def __init__(self):
        self._secret = native.sm2_generate()
        self.public_key = native.sm2_public_key(self._secret)
        self.signed = []

    def sign(self, message):
        self.signed.append(message)
        return native.sm2_sign(self._secret, self.public_key, message)


@pytest.fixture
def key():
    return Key()


def test_a_challenge_is_canonical_and_its_message_is_framed():
    expected = (
        f'{{"account":"{ACCOUNT}","audience":"{AUDIENCE}","chain":"demo","expires":{NOW + 60_000},"node":"node-1",'
        f'"nonce":"{"5a" * 32}"}}'
    )
    assert expected == TEXT
    assert decode_challenge(TEXT) == CHALLENGE
    # The frame, written out: two bytes of length and the domain, four bytes of length and the text.
    domain = b"govchain/session/1"
    assert SESSION_DOMAIN.encode() == domain
    expected = len(domain).to_bytes(2, "big") + domain + len(TEXT).to_bytes(4, "big") + TEXT.encode()
    assert challenge_message(TEXT) == expected == frame(SESSION_DOMAIN, TEXT)


def test_what_is_signed_is_never_a_transaction(key):
    signature = sign_challenge(TEXT, audience=AUDIENCE, chain="demo", account=ACCOUNT, now=NOW, signer=key)
    (message,) = key.signed
    with pytest.raises(DecodingError):
        decode_body(message)
    check = {"algorithm": "sm2-sm3", "key": key.public_key}
    assert check_challenge_signature(TEXT, signature=signature, **check) is Code.OK
    # A signature over the bare text, as over a body, is none over the challenge.
    bare = key.sign(TEXT.encode())
    assert check_challenge_signature(TEXT, signature=bare, **check) is not Code.OK
    assert check_challenge_signature(TEXT.replace("demo", "dem0"), signature=signature, **check) is not Code.OK
    assert check_challenge_signature(TEXT, signature=b"", **check) is not Code.OK
    assert check_challenge_signature(TEXT, algorithm="none", key=b"", signature=b"") is Code.ALGORITHM_NOT_ALLOWED


REFUSED = {
    "another chain": {"chain": "other"},
    "another account": {"account": "cd" * 20},
    "another node": {"node": "node-2"},
    "another address": {"audience": "https://relay.example.gov.cn"},
    "no address": {"audience": ""},
    "long over": {"now": NOW + 60_000 + CHALLENGE_MS_MAX},
    "good for years": {"now": NOW - CHALLENGE_MS_MAX},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_a_client_signs_only_what_it_asked_for(key, change):
    wanted = {"audience": AUDIENCE, "chain": "demo", "account": ACCOUNT, "now": NOW, "node": "node-1", **change}
    with pytest.raises(RefusedError) as refused:
        sign_challenge(TEXT, signer=key, **wanted)
    assert refused.value.code is Code.CHALLENGE_INVALID
    assert key.signed == []


MALFORMED = {
    "empty": "",
    "no JSON": "hello",
    "an array": "[]",
    "white space": TEXT.replace(":", ": ", 1),
    "another order": '{"chain":"demo","account":"' + ACCOUNT + '"}',
    "a field more": TEXT[:-1] + ',"zone":"x"}',
    "a field less": TEXT.replace(f'"account":"{ACCOUNT}",', ""),
    "a field twice": TEXT.replace('"chain":"demo"', '"chain":"demo","chain":"demo"'),
    "an account in capitals": TEXT.replace(ACCOUNT, ACCOUNT.upper()),
    "a chain that is none": TEXT.replace("demo", "DEMO"),
    "a nonce that is none": TEXT.replace("5a5a", "zz5a", 1),
    "a short nonce": TEXT.replace("5a" * 32, "5a" * 8),
    "a fraction": TEXT.replace(str(NOW + 60_000), "1.5"),
    "too long": TEXT.replace("node-1", "n" * CHALLENGE_BYTES_MAX),
    "lone surrogate": TEXT.replace("node-1", "\udcff"),
    "a body": '{"chain":"demo","expires":1,"nonce":"00","payload":{},"signers":[],"type":"evidence.put","version":1}',
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_challenge_is_not_signed(key, text):
    with pytest.raises(RefusedError) as refused:
        sign_challenge(text, audience=AUDIENCE, chain="demo", account=ACCOUNT, now=NOW, signer=key)
    assert refused.value.code is Code.CHALLENGE_INVALID
    assert key.signed == []


def vector():
    page = (Path(__file__).parents[2] / "docs/spec/sessions.md").read_text(encoding="utf-8")
    return json.loads(page.partition("## 6. Test vector")[2].partition("```json")[2].partition("```")[0])


def test_the_vector_of_the_specification_holds():
    given = vector()
    text, message = given["challenge"], bytes.fromhex(given["message"])
    assert encode_challenge(decode_challenge(text)) == text
    assert challenge_message(text) == message
    # The words of the page alone.
    domain = b"govchain/session/1"
    assert message == len(domain).to_bytes(2, "big") + domain + len(text).to_bytes(4, "big") + text.encode()
    check = {"algorithm": "sm2-sm3", "key": bytes.fromhex(given["key"])}
    signature = bytes.fromhex(given["signature"])
    assert check_challenge_signature(text, signature=signature, **check) is Code.OK
    assert check_challenge_signature(text.replace("demo", "dem0"), signature=signature, **check) is not Code.OK
