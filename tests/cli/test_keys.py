import shutil
import subprocess

import pytest

from tests.cli.support import new_chain

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    return new_chain(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def message(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(b"message \xff\x00 bytes")
    return path


def openssl(*arguments):
    return subprocess.run([OPENSSL, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("algorithm", ["sm2-sm3", "ecdsa-p256-sha256", "ed25519", "rsa-pss-sha256"])
def test_a_new_key_signs_and_its_signature_is_checked(shell, message, tmp_path, algorithm):
    path = tmp_path / "key.pem"
    made = shell.run("key", "new", path, "--algorithm", algorithm, "--json", GOVCHAIN_PASSPHRASE="open sesame").json
    assert path.stat().st_mode & 0o777 == 0o600
    signature = tmp_path / "signature"
    shell.run("key", "sign", path, message, "-o", signature, GOVCHAIN_PASSPHRASE="open sesame")
    public = tmp_path / "public.pem"
    public.write_text(made["pem"])
    assert shell.run("key", "verify", public, message, signature).code == 0
    hexed = shell.run(
        "key", "verify", made["public_key"], message, signature.read_bytes().hex(), "--algorithm", algorithm
    )
    assert hexed.code == 0
    message.write_bytes(b"another")
    error = shell.run("key", "verify", public, message, signature, "--json", expect=1).error
    assert error["code"] == "SIGNATURE_INVALID"


def test_a_key_of_the_directory_is_named_without_its_path(shell, message):
    made = shell.run("key", "new", "clerk", "--json").json
    assert made["key"].endswith("keys/clerk.pem")
    assert shell.run("key", "show", "clerk", "--json").json["address"] == made["address"]
    signature = shell.run("key", "sign", "clerk", message, "--json").json["signature"]
    assert shell.run("key", "verify", "clerk", message, signature).code == 0


def test_without_a_terminal_nobody_is_asked_for_a_passphrase(shell, tmp_path):
    error = shell.run("key", "new", tmp_path / "key.pem", "--json", expect=2).error
    assert error["code"] == "PASSPHRASE_UNUSABLE"
    assert "GOVCHAIN_PASSPHRASE" in error["text"]
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_passphrase_is_refused(shell, message, tmp_path):
    path = tmp_path / "key.pem"
    shell.run("key", "new", path, GOVCHAIN_PASSPHRASE="open sesame")
    error = shell.run("key", "sign", path, message, "--json", expect=1, GOVCHAIN_PASSPHRASE="wrong one").error
    assert error["code"] == "KEY_FILE_PASSPHRASE"
    path.chmod(0o644)
    error = shell.run("key", "sign", path, message, "--json", expect=1, GOVCHAIN_PASSPHRASE="open sesame").error
    assert error["code"] == "KEY_FILE_PERMISSIONS"
    assert shell.run("key", "new", path, expect=2, GOVCHAIN_PASSPHRASE="open sesame").code == 2


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "rsa-1024"])
@pytest.mark.requirement("BJ.function.digest.02a")
def test_broken_algorithms_are_refused(shell, tmp_path, algorithm):
    error = shell.run("key", "new", tmp_path / "k", "--algorithm", algorithm, "--json", expect=2).error
    assert error["code"] == "ALGORITHM_NOT_ALLOWED"
    assert not (tmp_path / "k").exists()


@needs_openssl
class TestWithOpenssl:
    @pytest.fixture
    def foreign(self, tmp_path):
        secret, public = tmp_path / "secret.pem", tmp_path / "public.pem"
        assert openssl("genpkey", "-algorithm", "SM2", "-out", secret).returncode == 0
        assert openssl("pkey", "-in", secret, "-pubout", "-out", public).returncode == 0
        return secret, public

    def sign(self, secret, message, path, identity="1234567812345678"):
        done = openssl(
            "pkeyutl", "-sign", "-inkey", secret, "-rawin", "-in", message, "-digest", "sm3", "-out", path,
            "-pkeyopt", f"distid:{identity}",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def test_its_der_signature_is_checked(self, shell, foreign, message, tmp_path):
        signature = tmp_path / "signature.der"
        self.sign(foreign[0], message, signature)
        assert shell.run("key", "verify", foreign[1], message, signature).code == 0
        broken = bytearray(signature.read_bytes())
        broken[-1] ^= 1
        signature.write_bytes(broken)
        assert shell.run("key", "verify", foreign[1], message, signature, expect=1).code == 1
        signature.write_bytes(bytes(broken) + b"\x00")
        error = shell.run("key", "verify", foreign[1], message, signature, "--json", expect=1).error
        assert error["code"] == "SIGNATURE_DER"

    def test_another_signer_id_is_named(self, shell, foreign, message, tmp_path):
        signature = tmp_path / "signature.der"
        self.sign(foreign[0], message, signature, "ALICE123@YAHOO.COM")
        assert shell.run("key", "verify", foreign[1], message, signature, expect=1).code == 1
        assert shell.run("key", "verify", foreign[1], message, signature, "--id", "ALICE123@YAHOO.COM").code == 0

    def test_it_checks_our_signature_over_a_transaction(self, shell, tmp_path):
        record = shell.run("evidence", "put", "format.json", "--json").json["id"]
        body, der, public = tmp_path / "body.json", tmp_path / "s.der", tmp_path / "public.pem"
        told = shell.run("tx", "show", record, "--body", body, "--json").json
        from govchain.crypto.sm2 import encode_signature_der

        der.write_bytes(encode_signature_der(bytes.fromhex(told["signatures"][0])))
        shown = shell.run("key", "show", told["body"]["signers"][0]["key"], "--json").json
        assert shown["address"] == told["body"]["signers"][0]["account"]
        public.write_text(shown["pem"])
        arguments = ("pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", body, "-sigfile", der)
        done = openssl(*arguments, "-digest", "sm3", "-pkeyopt", "distid:1234567812345678")
        assert "Signature Verified Successfully" in done.stdout
        body.write_bytes(body.read_bytes() + b" ")
        assert openssl(*arguments, "-digest", "sm3", "-pkeyopt", "distid:1234567812345678").returncode == 1
