"""What the tests of this room share: vectors, repetitions, and the ``openssl`` command as a second opinion."""

from __future__ import annotations

import json
import os
import random
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import gmalg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from govchain.crypto import ALGORITHMS, DEFAULT_SM2_ID, SigningKey
from govchain.crypto.gm import SPKI_PREFIX
from govchain.crypto.sm2 import encode_signature_der
from govchain.model.codes import Code
from tests.crypto import plain_sm2 as plain

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
LONG = os.environ.get("GOVCHAIN_TEST_LONG") == "1"

#: What each kind of native refusal is to a caller.
KEY_CODES = frozenset({Code.KEY_MALFORMED, Code.KEY_NOT_ON_CURVE})


def vectors(topic: str, name: str) -> Any:
    return json.loads((VECTORS / topic / f"{name}.json").read_text(encoding="utf-8"))


def times(normal: int, long: int) -> int:
    """Repetitions in ``make test`` and in ``make test-long``."""
    return long if LONG else normal


#: Release 1.0 of gmalg gives wrong digests for some lengths of message: no second opinion.
sound_gmalg = pytest.mark.skipif(gmalg.__version__.startswith("1.0."), reason="gmalg 1.0 hashes some lengths wrongly")


def seeded(name: str) -> random.Random:
    """A generator whose inputs are the same in every run, but others in the long one."""
    return random.Random(f"{name} {'long' if LONG else 'normal'}")


def sm2_key(generator: random.Random) -> SigningKey:
    return SigningKey("sm2-sm3", generator.randrange(1, plain.N - 1).to_bytes(32, "big"))


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@cache
def rsa_secret(bits: int, exponent: int = 65537) -> bytes:
    private = rsa.generate_private_key(exponent, bits)
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def some_key(algorithm: str, seed: int = 7) -> SigningKey:
    """One key of any algorithm; RSA's is made once for each run."""
    if algorithm == "rsa-pss-sha256":
        return SigningKey(algorithm, rsa_secret(2048))
    return SigningKey(algorithm, bytes([seed]) * 32)


def openssl(*arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False, cwd=cwd)


def openssl_output(*arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> bytes:
    done = openssl(*arguments, stdin=stdin, cwd=cwd)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def openssl_public_pem(algorithm: str, key: bytes, path: Path) -> Path:
    """Write ``key`` as the PEM that the command wants."""
    openssl_output("pkey", "-pubin", "-inform", "DER", "-out", str(path), stdin=ALGORITHMS[algorithm].encode_spki(key))
    return path


def openssl_accepts_sm2(
    key: bytes, message: bytes, signature: bytes, folder: Path, signer_id: bytes = DEFAULT_SM2_ID
) -> bool:
    """What ``openssl pkeyutl -verify`` says of a raw SM2 signature; a key that it cannot load is a refusal."""
    (folder / "key.der").write_bytes(SPKI_PREFIX + key)
    (folder / "message").write_bytes(message)
    (folder / "signature").write_bytes(encode_signature_der(signature))
    done = openssl(
        *("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin", "-in", "message"),
        *("-sigfile", "signature", "-digest", "sm3", "-pkeyopt", f"hexdistid:{signer_id.hex()}"),
        cwd=folder,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0
