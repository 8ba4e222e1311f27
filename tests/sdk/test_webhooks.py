"""Checking webhook messages: what holds, what does not, and a second opinion by other programs."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from gmssl import sm3 as other_sm3

import govchain_native as native
from govchain.crypto.sm2 import encode_signature_der
from govchain.model import Code, VerificationError
from govchain.sdk import webhooks as form
from govchain.sdk.webhooks import (
    BODY_BYTES_MAX,
    TOLERANCE_MS,
    node_message,
    secret_signature,
    verify_webhook,
)

ROOT = Path(__file__).parents[2]
SECRET = b"a secret of enough bytes"
NOW = 1_790_000_000_000
NODE_SECRET = native.sm2_generate()
NODE_KEY = native.sm2_public_key(NODE_SECRET)
EVENT = {
    "chain": "c",
    "cursor": "4.0.0",
    "data": {"count": 1},
    "height": 4,
    "index": 0,
    "organisation": "o",
    "reference": "政务",
    "transaction": "00" * 32,
    "type": "evidence.anchored",
    "version": 1,
}
MESSAGE = {"chain": "c", "cursor": "4.0.0", "delivery": "ab.1", "events": [EVENT], "webhook": "ab"}


def body_of(**changes):
    return json.dumps({**MESSAGE, **changes}, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


BODY = body_of()


def headers_of(body=BODY, *, secret=SECRET, time=NOW, **changes):
    signature = native.sm2_sign(NODE_SECRET, NODE_KEY, node_message(time, body)).hex()
    headers = {
        "GovChain-Webhook": "ab",
        "GovChain-Delivery": "ab.1",
        "GovChain-Attempt": "1",
        "GovChain-Timestamp": str(time),
        "GovChain-Signature": secret_signature(secret, time, body),
        "GovChain-Node-Signature": f"sm2-sm3={signature}",
        "GovChain-Node-Key": NODE_KEY.hex(),
    }
    return {name: value for name, value in {**headers, **changes}.items() if value is not None}


def verify(headers, body=BODY, **options):
    given = {"secret": SECRET, "now": NOW, "node_key": ("sm2-sm3", NODE_KEY), **options}
    return verify_webhook(headers, body, **given)


def test_a_message_that_holds():
    message = verify(headers_of())
    assert (message.chain, message.webhook, message.delivery, message.cursor) == ("c", "ab", "ab.1", "4.0.0")
    assert (message.events[0].type, message.events[0].reference) == ("evidence.anchored", "政务")
    assert verify(headers_of(), secret=SECRET.decode()) == message
    lowered = {name.lower(): value for name, value in headers_of().items()}
    assert verify(lowered) == message
    assert verify_webhook(headers_of(), BODY, secret=SECRET, now=NOW) == message


class Repeated(dict):
    """Headers as some servers hand them on: every line of its own."""

    def items(self):
        return [*super().items(), ("Via", "1.1 one"), ("via", "1.1 two"), ("X-GovChain", "a"), ("x-govchain", "b")]


def test_headers_of_others_may_be_repeated_and_ours_may_not():
    assert verify(Repeated(headers_of())).delivery == "ab.1"
    for name in headers_of():
        with pytest.raises(VerificationError) as refused:
            verify({**headers_of(), name.upper(): "another"})
        assert (refused.value.step, refused.value.params["reason"]) == (1, f"{name.upper()} is given twice")


@pytest.mark.parametrize("offset", [TOLERANCE_MS, -TOLERANCE_MS, 0])
def test_a_time_within_reason(offset):
    verify(headers_of(), now=NOW + offset)


@pytest.mark.parametrize(
    ("step", "headers", "body", "options"),
    [
        (1, headers_of(**{"GovChain-Timestamp": None}), BODY, {}),
        (1, headers_of(**{"GovChain-Timestamp": ""}), BODY, {}),
        (1, headers_of(**{"GovChain-Timestamp": "-1"}), BODY, {}),
        (1, headers_of(**{"GovChain-Timestamp": f"0{NOW}"}), BODY, {}),
        (1, headers_of(**{"GovChain-Timestamp": f" {NOW}"}), BODY, {}),
        (1, headers_of(**{"GovChain-Timestamp": "1" * 5000}), BODY, {}),
        (1, {**headers_of(), "govchain-signature": "another"}, BODY, {}),
        (2, headers_of(), BODY, {"now": NOW + TOLERANCE_MS + 1}),
        (2, headers_of(), BODY, {"now": NOW - TOLERANCE_MS - 1}),
        (3, headers_of(**{"GovChain-Timestamp": str(NOW + 1)}), BODY, {}),
        (3, headers_of(**{"GovChain-Signature": None}), BODY, {}),
        (3, headers_of(**{"GovChain-Signature": "hmac-sm3="}), BODY, {}),
        (3, headers_of(**{"GovChain-Signature": "hmac-sm3=" + "0" * 64}), BODY, {}),
        (3, headers_of(**{"GovChain-Signature": secret_signature(SECRET, NOW, BODY)[9:]}), BODY, {}),
        (3, headers_of(**{"GovChain-Signature": secret_signature(SECRET, NOW, BODY).upper()}), BODY, {}),
        (3, headers_of(secret=b"another secret, long enough"), BODY, {}),
        (3, headers_of(), BODY + b" ", {}),
        (3, headers_of(), b"", {}),
        (3, headers_of(), body_of(cursor="5.0.0"), {}),
        (4, headers_of(**{"GovChain-Node-Signature": None}), BODY, {}),
        (4, headers_of(**{"GovChain-Node-Signature": "sm2-sm3=00"}), BODY, {}),
        (4, headers_of(**{"GovChain-Node-Signature": "sm2-sm3=zz"}), BODY, {}),
        (4, headers_of(**{"GovChain-Node-Signature": "ed25519=" + "0" * 128}), BODY, {}),
        (4, headers_of(), BODY, {"node_key": ("sm2-sm3", native.sm2_public_key(native.sm2_generate()))}),
        (4, headers_of(), BODY, {"node_key": ("ed25519", NODE_KEY)}),
        (5, headers_of(b"[]"), b"[]", {}),
        (5, headers_of(b"{"), b"{", {}),
        (5, headers_of(b"\xff"), b"\xff", {}),
        (5, headers_of(body_of(events=1)), body_of(events=1), {}),
        (5, headers_of(BODY[:-1] + b',"webhook":"ab"}'), BODY[:-1] + b',"webhook":"ab"}', {}),
        (5, headers_of(**{"GovChain-Delivery": "ab.2"}), BODY, {}),
        (5, headers_of(**{"GovChain-Webhook": "cd"}), BODY, {}),
        (5, headers_of(**{"GovChain-Webhook": None}), BODY, {}),
    ],
)
def test_a_message_that_does_not_hold(step, headers, body, options):
    with pytest.raises(VerificationError) as refused:
        verify(headers, body, **options)
    assert (refused.value.code, refused.value.step) == (Code.WEBHOOK_SIGNATURE, step)


def test_too_large_a_body_is_refused():
    body = b'{"x":"' + b"x" * BODY_BYTES_MAX + b'"}'
    with pytest.raises(VerificationError) as refused:
        verify(headers_of(body), body)
    assert refused.value.step == 5


def test_the_secret_s_signature_by_another_library():
    """HMAC (RFC 2104) written out over another SM3, from the words of docs/spec/webhooks.md alone."""
    text = f"{NOW}.".encode() + BODY
    key = SECRET.ljust(64, b"\0")
    inner = other_sm3.sm3_hash(list(bytes(byte ^ 0x36 for byte in key) + text))
    outer = other_sm3.sm3_hash(list(bytes(byte ^ 0x5C for byte in key) + bytes.fromhex(inner)))
    assert secret_signature(SECRET, NOW, BODY) == f"hmac-sm3={outer}"


def framed_by_hand(time, body):
    """What the node signs, from the words of docs/spec/webhooks.md alone."""
    domain, text = b"govchain/webhook/1", str(time).encode()
    parts = len(text).to_bytes(4, "big") + text + len(body).to_bytes(4, "big") + body
    return len(domain).to_bytes(2, "big") + domain + parts


def test_what_the_node_signs_is_as_the_specification_says():
    assert node_message(NOW, BODY) == framed_by_hand(NOW, BODY)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_both_signatures_by_openssl(tmp_path):
    headers = headers_of()
    (tmp_path / "signed").write_bytes(f"{NOW}.".encode() + BODY)
    told = subprocess.run(
        ["openssl", "dgst", "-sm3", "-mac", "HMAC", "-macopt", f"hexkey:{SECRET.hex()}", tmp_path / "signed"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert told.split()[-1] == headers["GovChain-Signature"].removeprefix("hmac-sm3=")
    (tmp_path / "framed").write_bytes(framed_by_hand(NOW, BODY))
    signature = bytes.fromhex(headers["GovChain-Node-Signature"].removeprefix("sm2-sm3="))
    (tmp_path / "signature").write_bytes(encode_signature_der(signature))
    prefix = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
    (tmp_path / "key.der").write_bytes(prefix + NODE_KEY)
    (tmp_path / "wrong").write_bytes(framed_by_hand(NOW + 1, BODY))

    def check(path):
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "key.der", "-keyform", "DER"]
        command += ["-rawin", "-in", path, "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]
        return subprocess.run([*command, "-sigfile", tmp_path / "signature"], capture_output=True, check=False)

    assert check(tmp_path / "framed").returncode == 0
    assert check(tmp_path / "wrong").returncode != 0


def vector():
    page = (ROOT / "docs/spec/webhooks.md").read_text(encoding="utf-8")
    return json.loads(page.partition("## 7. Test vector")[2].partition("```json")[2].partition("```")[0])


def test_the_vector_of_the_specification_holds():
    given = vector()
    headers, body, secret = given["headers"], given["body"].encode(), given["secret"].encode()
    time = int(headers["GovChain-Timestamp"])
    message = verify(headers, body, secret=secret, now=time, node_key=("sm2-sm3", bytes.fromhex(given["node_key"])))
    assert (message.delivery, message.events[0].reference) == (headers["GovChain-Delivery"], "政务-0815")
    assert headers["GovChain-Signature"] == secret_signature(secret, time, body)
    assert given["message"] == node_message(time, body).hex() == framed_by_hand(time, body).hex()
    with pytest.raises(VerificationError):
        verify(headers, body.replace(b"0815", b"0816"), secret=secret, now=time)


def test_the_page_names_every_header_and_limit():
    page = (ROOT / "docs/spec/webhooks.md").read_text(encoding="utf-8")
    headers = {value for name, value in vars(form).items() if name.startswith("HEADER_")}
    assert set(re.findall(r"^\| `(GovChain-[\w-]+)` \|", page, re.MULTILINE)) == headers
    assert set(vector()["headers"]) == headers
    assert (BODY_BYTES_MAX, TOLERANCE_MS) == (4 * 1024 * 1024, 5 * 60_000)
    assert "at most 4 MiB" in page
    assert "at most five minutes" in page
