"""Runs the command lines of docs/spec/keys.md exactly as they are printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from govchain.crypto import check_signature, decode_key_file
from govchain.model.codes import Code
from tests.crypto.support import some_key

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "spec" / "keys.md"
BODY = '{"chain":"demo","expires":1,"memo":{"kind":"text","value":"政务"},"type":"evidence.put"}'.encode()


def block(heading):
    """The first ``sh`` block under a heading that begins with ``heading``."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    return section.split("```sh\n", 1)[1].split("```", 1)[0]


def run(script, folder):
    """With ``python`` being the interpreter that runs the tests."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    if not (tools / "python").exists():
        (tools / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (tools / "python").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-e"], input=script, text=True, capture_output=True, cwd=folder, env=environment, check=False
    )


@pytest.mark.requirement("JX.standard.basis.07")
def test_openssl_verifies_one_of_ours(tmp_path):
    key = some_key("sm2-sm3")
    signature = key.sign(BODY)
    (tmp_path / "body.json").write_bytes(BODY)
    (tmp_path / "key.hex").write_text(key.public_key.hex())
    (tmp_path / "signature.hex").write_text(signature.hex())
    done = run(block("3."), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    for name, damaged in (
        ("body.json", BODY + b" "),
        ("signature.hex", (signature[:-1] + bytes([signature[-1] ^ 1])).hex().encode()),
        ("key.hex", some_key("sm2-sm3", 8).public_key.hex().encode()),
    ):
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(damaged)
        assert run(block("3."), tmp_path).returncode == 1
        (tmp_path / name).write_bytes(before)


@pytest.mark.requirement("BJ.function.signature.02", "JX.standard.basis.07")
def test_we_verify_one_of_openssls(tmp_path):
    (tmp_path / "body.json").write_bytes(BODY)
    done = run(block("4."), tmp_path)
    assert done.returncode == 0, done.stderr
    algorithm, key, signature = done.stdout.split()[-3:]
    assert check_signature(algorithm, bytes.fromhex(key), BODY, bytes.fromhex(signature)) is Code.OK
    (tmp_path / "body.json").write_bytes(BODY + b" ")
    unsigned = block("4.").split("openssl pkeyutl -sign", 1)
    checking = "python - <<'END'" + unsigned[1].split("python - <<'END'", 1)[1]
    done = run(checking, tmp_path)
    assert done.returncode != 0
    assert "SIGNATURE_INVALID" in done.stderr


def test_openssl_makes_a_key_file_that_we_open(tmp_path):
    (tmp_path / "passphrase").write_text("correct horse\n")
    done = run(block("2."), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert decode_key_file((tmp_path / "key.pem").read_bytes(), b"correct horse").algorithm == "sm2-sm3"
