import gc

import pytest

import govchain.signers
from govchain.crypto import SigningKey, check_signature
from govchain.model.codes import Code
from govchain.model.errors import RefusedError, UsageError
from govchain.signers import PROVIDERS, open_signer, software_keys_open
from govchain.texts import LANGUAGES, sentence
from tests.signers.support import make, source

NAMES = """
FileSigner Notice PASSPHRASE_BYTES_MAX PASSPHRASE_BYTES_MIN PASSPHRASE_FILE PASSPHRASE_VARIABLE PROVIDERS
PassphraseSource Provider RSA_BITS SOFTWARE_NOTICE
Signer check_passphrase create_key_file generate_key open_key_file open_signer passphrase_from_environment
passphrase_from_file passphrase_from_prompt passphrase_given passphrase_source read_private_file
software_keys_open write_key_file write_private_file
"""


def test_public_names():
    assert sorted(govchain.signers.__all__) == sorted(NAMES.split())


@pytest.mark.parametrize("form", ["file:{path}", "file://{path}"])
def test_a_file_key_is_opened_by_uri(form, tmp_path):
    public = make(tmp_path / "key.pem")
    assert open_signer(form.format(path=tmp_path / "key.pem"), source).public_key == public


def test_a_path_is_taken_literally_and_relative_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("key.pem", "a key%20?#.pem", "密钥.pem"):
        public = make(tmp_path / name)
        assert open_signer(f"file:{name}", source).public_key == public


@pytest.mark.parametrize("uri", ["kms:alias/node", "sdf:1/2", "skf:token/container"])
def test_schemes_that_come_later_say_so(uri):
    with pytest.raises(UsageError) as refusal:
        open_signer(uri, source)
    assert refusal.value.code is Code.KEY_URI
    assert "later" in str(refusal.value)
    assert uri.split(":")[0] in str(refusal.value)


@pytest.mark.parametrize(
    "uri", ["", "key.pem", "file:", ":x", "http://x/y", "FILE:key.pem", "file://host/key.pem", "file:a\0b", "pkcs11:x"]
)
def test_what_is_no_key_uri_is_refused(uri):
    with pytest.raises(UsageError) as refusal:
        open_signer(uri, source)
    assert refusal.value.code is Code.KEY_URI


def test_refusals_of_the_file_come_through(tmp_path):
    with pytest.raises(RefusedError) as refusal:
        open_signer(f"file:{tmp_path}/missing", source)
    assert refusal.value.code is Code.FILE_UNREADABLE


def test_a_software_key_is_announced_and_counted(tmp_path):
    make(tmp_path / "key.pem")
    gc.collect()
    before = software_keys_open()
    heard = []
    uri = f"file:{tmp_path}/key.pem"
    signer = open_signer(uri, source, notice=lambda key, params: heard.append((key, params)))
    assert heard == [("signers.software_keys", {"uri": uri, "algorithm": "sm2-sm3"})]
    for language in LANGUAGES:
        said = sentence(heard[0][0], language, **heard[0][1])
        assert uri in said
        assert "sm2-sm3" in said
    assert software_keys_open() == before + 1
    del signer
    gc.collect()
    assert software_keys_open() == before


class Device:
    """A stand-in for certified hardware: the secret stays inside, and it is no software key."""

    software = False

    def __init__(self, place):
        self._key = SigningKey("sm2-sm3", bytes([int(place)]) * 32)
        self.algorithm = self._key.algorithm
        self.public_key = self._key.public_key

    def sign(self, message):
        return self._key.sign(message)

    def sign_many(self, messages):
        return self._key.sign_many(messages)

    def close(self):
        self._key.close()


@pytest.mark.requirement("BJ.design.security.01")
def test_the_provider_is_switched_by_configuration(tmp_path):
    """The same code signs with a file or a device: only the configured URI differs."""
    make(tmp_path / "key.pem")
    providers = {**PROVIDERS, "sdf": lambda place, _source: Device(place)}
    before = software_keys_open()
    heard = []
    for configured, software in (("sdf:9", False), (f"file:{tmp_path}/key.pem", True)):
        signer = open_signer(configured, source, notice=lambda *said: heard.append(said), providers=providers)
        assert signer.software is software
        assert check_signature(signer.algorithm, signer.public_key, b"m", signer.sign(b"m")) is Code.OK
        assert len(heard) == software
        assert software_keys_open() == before + software
