import errno
import os
import stat

import pytest

from govchain.crypto import ALGORITHMS, SigningKey, check_signature, decode_plain_key
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, RefusedError, UnavailableError, UsageError
from govchain.signers import (
    create_key_file,
    generate_key,
    open_key_file,
    read_private_file,
    write_key_file,
    write_private_file,
)
from tests.signers.support import PASSPHRASE, make, source


@pytest.mark.requirement("BJ.data.01_002")
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_a_new_key_signs_and_its_file_is_encrypted_and_its_owners(algorithm, tmp_path):
    path = tmp_path / "key.pem"
    public = make(path, algorithm)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert os.listdir(tmp_path) == ["key.pem"]
    signer = open_key_file(path, source)
    assert (signer.algorithm, signer.public_key, signer.software) == (algorithm, public, True)
    for message, signature in zip((b"a", b"b"), signer.sign_many([b"a", b"b"]), strict=True):
        assert check_signature(algorithm, public, message, signature) is Code.OK
    assert check_signature(algorithm, public, b"m", signer.sign(b"m")) is Code.OK
    assert PASSPHRASE.decode() not in repr(signer)
    signer.close()
    with pytest.raises(UsageError):
        signer.sign(b"m")


def test_keys_differ():
    assert len({generate_key("sm2-sm3").public_key for _ in range(50)}) == 50
    with pytest.raises(UsageError) as refusal:
        generate_key("dsa-sha1")
    assert refusal.value.code is Code.ALGORITHM_NOT_ALLOWED


def test_a_tight_umask_and_a_loose_one_make_the_same_mode(tmp_path):
    for umask in (0, 0o777):
        before = os.umask(umask)
        try:
            make(tmp_path / f"{umask}.pem")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{umask}.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_files_that_others_may_touch_are_refused_with_the_remedy(mode, tmp_path):
    path = tmp_path / "key.pem"
    make(path)
    path.chmod(mode)
    with pytest.raises(RefusedError) as refusal:
        open_key_file(path, source)
    assert refusal.value.code is Code.KEY_FILE_PERMISSIONS
    assert str(path) in str(refusal.value)
    assert f"{mode:04o}" in str(refusal.value)
    assert "chmod 600" in str(refusal.value)
    assert "chmod 600" in refusal.value.text("zh")
    path.chmod(0o400)
    assert open_key_file(path, source).algorithm == "sm2-sm3"


def test_the_passphrase_is_not_asked_for_a_file_that_is_refused(tmp_path):
    path = tmp_path / "key.pem"
    make(path)
    path.chmod(0o644)
    asked = []
    with pytest.raises(RefusedError):
        open_key_file(path, lambda name: asked.append(name) or PASSPHRASE)
    assert asked == []


def test_an_existing_file_is_never_replaced(tmp_path):
    path = tmp_path / "key.pem"
    for make_it in (
        lambda: path.write_bytes(b"mine"),
        lambda: path.symlink_to(tmp_path / "nowhere"),
        path.mkdir,
        lambda: os.mkfifo(path),
    ):
        make_it()
        for write in (lambda: make(path), lambda: write_private_file(path, b"x")):
            with pytest.raises(UsageError) as refusal:
                write()
            assert refusal.value.code is Code.KEY_FILE_EXISTS
        assert os.listdir(tmp_path) == ["key.pem"]
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def test_what_cannot_be_written_has_its_code_and_leaves_nothing(tmp_path):
    for path in (tmp_path / "missing" / "key.pem", tmp_path / "a-file" / "key.pem", tmp_path / ("x" * 300)):
        (tmp_path / "a-file").write_bytes(b"")
        with pytest.raises(UnavailableError) as refusal:
            make(path)
        assert refusal.value.code is Code.FILE_UNWRITABLE
        assert refusal.value.params["reason"]
        assert os.listdir(tmp_path) == ["a-file"]
    with pytest.raises(UsageError):
        write_private_file(tmp_path / "nul\0.pem", b"")


class FullDisk:
    """A file on a full disk: taking bytes, failing at the sync."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, _descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_has_its_code_and_leaves_nothing(tmp_path, monkeypatch):
    FullDisk(monkeypatch)
    with pytest.raises(UnavailableError) as refusal:
        make(tmp_path / "key.pem")
    assert refusal.value.code is Code.DISK_FULL
    assert os.listdir(tmp_path) == []


def test_what_is_no_readable_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "large").write_bytes(bytes(70_000))
    (tmp_path / "large").chmod(0o600)
    expected = {
        "pipe": Code.FILE_KIND,
        "folder": Code.FILE_KIND,
        "large": Code.FILE_TOO_LARGE,
        "missing": Code.FILE_UNREADABLE,
        "nul\0": Code.FILE_UNREADABLE,
    }
    for name, code in expected.items():
        with pytest.raises(RefusedError) as refusal:
            open_key_file(tmp_path / name, source)
        assert refusal.value.code is code


def test_damage_and_a_wrong_passphrase_name_the_file(tmp_path):
    path = tmp_path / "key.pem"
    make(path)
    with pytest.raises(DecodingError) as refusal:
        open_key_file(path, lambda _name: b"wrong passphrase")
    assert refusal.value.code is Code.KEY_FILE_PASSPHRASE
    assert str(path) in str(refusal.value)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DecodingError) as refusal:
        open_key_file(path, source)
    assert refusal.value.code is Code.KEY_FILE_INVALID
    assert str(path) in str(refusal.value)
    assert refusal.value.params["reason"] in str(refusal.value)


@pytest.mark.parametrize("passphrase", [b"", b"1234567", b"x" * 1025])
def test_unusable_passphrases_make_no_file(passphrase, tmp_path):
    with pytest.raises(UsageError) as refusal:
        create_key_file(tmp_path / "key.pem", "sm2-sm3", passphrase)
    assert refusal.value.code is Code.PASSPHRASE_UNUSABLE
    assert os.listdir(tmp_path) == []


def test_an_imported_key_is_written_like_a_new_one(tmp_path):
    base64 = b"MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"
    plain = b"-----BEGIN PRIVATE KEY-----\n" + base64 + b"\n-----END PRIVATE KEY-----\n"
    key = decode_plain_key(plain)
    assert key.public_key == SigningKey("ed25519", b"\7" * 32).public_key
    write_key_file(tmp_path / "key.pem", key, PASSPHRASE, iterations=10_000)
    assert open_key_file(tmp_path / "key.pem", source).public_key == key.public_key


def test_read_limit_is_exact(tmp_path):
    path = tmp_path / "file"
    write_private_file(path, b"12345")
    assert read_private_file(path, bytes_max=5) == b"12345"
    with pytest.raises(RefusedError) as refusal:
        read_private_file(path, bytes_max=4)
    assert refusal.value.code is Code.FILE_TOO_LARGE
    assert "4" in str(refusal.value)
