import pytest

from govchain.model.codes import Code
from govchain.model.errors import RefusedError, UsageError
from govchain.signers import (
    PASSPHRASE_FILE,
    PASSPHRASE_VARIABLE,
    open_signer,
    passphrase_from_environment,
    passphrase_from_file,
    passphrase_from_prompt,
    passphrase_given,
    passphrase_source,
)
from tests.signers.support import PASSPHRASE, make


def owner_only(path, data):
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_first_line_of_a_file(end, tmp_path):
    path = owner_only(tmp_path / "passphrase", PASSPHRASE + end)
    assert passphrase_from_file(path)("key") == PASSPHRASE
    make(tmp_path / "key.pem")
    assert open_signer(f"file:{tmp_path}/key.pem", passphrase_from_file(str(path))).algorithm == "sm2-sm3"


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"short\n", b"first line\nsecond line\n", b"12345678\n\n", b"a\rbcdefghijk", b"x" * 1025]
)
def test_a_file_that_holds_no_usable_passphrase(data, tmp_path):
    path = owner_only(tmp_path / "passphrase", data)
    with pytest.raises(UsageError) as refusal:
        passphrase_from_file(path)("key")
    assert refusal.value.code is Code.PASSPHRASE_UNUSABLE
    assert not data.strip() or data.strip().decode() not in repr(refusal.value) + str(refusal.value)


def test_a_passphrase_file_is_its_owners(tmp_path):
    path = owner_only(tmp_path / "passphrase", PASSPHRASE)
    path.chmod(0o640)
    with pytest.raises(RefusedError) as refusal:
        passphrase_from_file(path)("key")
    assert refusal.value.code is Code.KEY_FILE_PERMISSIONS
    with pytest.raises(RefusedError) as refusal:
        passphrase_from_file(owner_only(tmp_path / "large", bytes(5000)))("key")
    assert refusal.value.code is Code.FILE_TOO_LARGE
    with pytest.raises(RefusedError) as refusal:
        passphrase_from_file(tmp_path / "missing")("key")
    assert refusal.value.code is Code.FILE_UNREADABLE


def test_an_environment_variable(monkeypatch):
    monkeypatch.setenv("GOVCHAIN_TEST_PASSPHRASE", "口令口令口令")
    assert passphrase_from_environment("GOVCHAIN_TEST_PASSPHRASE")("key") == "口令口令口令".encode()
    monkeypatch.setenv("GOVCHAIN_TEST_PASSPHRASE", "short")
    for variable in ("GOVCHAIN_TEST_PASSPHRASE", "GOVCHAIN_TEST_UNSET"):
        with pytest.raises(UsageError) as refusal:
            passphrase_from_environment(variable)("key")
        assert refusal.value.code is Code.PASSPHRASE_UNUSABLE
    assert "$GOVCHAIN_TEST_UNSET" in str(refusal.value)


def test_a_person_is_asked_for_the_named_key():
    asked = []
    source = passphrase_from_prompt(lambda name: asked.append(name) or "typed by hand")
    assert source("keys/node.pem") == b"typed by hand"
    assert asked == ["keys/node.pem"]
    with pytest.raises(UsageError) as refusal:
        passphrase_from_prompt(lambda _name: "")("key")
    assert refusal.value.code is Code.PASSPHRASE_UNUSABLE


def test_the_order_of_places(tmp_path, monkeypatch):
    """The variable, then the file beside the keys, then whoever is asked; an empty variable counts as none."""
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)
    (tmp_path / "none").mkdir()
    file = tmp_path / PASSPHRASE_FILE
    file.write_bytes(b"from the file\n")
    file.chmod(0o600)
    asked = lambda name: b"asked for " + name.encode()  # noqa: E731
    for value in (None, ""):
        if value is not None:
            monkeypatch.setenv(PASSPHRASE_VARIABLE, value)
        assert passphrase_given() is None
        assert passphrase_source(tmp_path, asked)("k") == passphrase_source(tmp_path)("k") == b"from the file"
        assert passphrase_source(tmp_path / "none", asked)("k") == passphrase_source(None, asked)("k") == b"asked for k"
        for keys in (tmp_path / "none", None):
            with pytest.raises((RefusedError, UsageError)):
                passphrase_source(keys)("k")
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "from the variable")
    assert passphrase_given()("k") == b"from the variable"
    for keys in (tmp_path, tmp_path / "none", None):
        assert passphrase_source(keys, asked)("k") == b"from the variable"


def test_without_any_passphrase_the_refusal_names_both_places(tmp_path, monkeypatch):
    monkeypatch.delenv("GOVCHAIN_PASSPHRASE", raising=False)
    with pytest.raises(UsageError) as refusal:
        passphrase_source(tmp_path)("k")
    assert refusal.value.code is Code.PASSPHRASE_UNUSABLE
    assert refusal.value.params["source"] == f"$GOVCHAIN_PASSPHRASE, {tmp_path / 'passphrase'}"
