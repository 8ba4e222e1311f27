"""Keys in encrypted files, ``file:PATH`` (docs/spec/keys.md): making them and signing with them.

Rules: a key file is mode 0600 and encrypted, without exception; a file that group or others may touch is refused before
it is read. Secrets, salts and initial values come from the operating system.
Not here: the file's format (:mod:`govchain.crypto`), where passphrases come from.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from govchain.crypto import (
    DEFAULT_ITERATIONS,
    KEY_FILE_BYTES_MAX,
    KEY_FILE_SALT_BYTES,
    SigningKey,
    decode_key_file,
    encode_key_file,
    get_algorithm,
)
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError
from govchain.signers.passphrases import check_passphrase
from govchain.signers.port import PassphraseSource
from govchain.signers.private_files import read_private_file, write_private_file

__all__ = [
    "RSA_BITS",
    "FileSigner",
    "create_key_file",
    "generate_key",
    "open_key_file",
    "read_key_file",
    "write_key_file",
]

#: Modulus of a new RSA key.
RSA_BITS: Final = 3072

_INITIAL_VALUE_BYTES: Final = 16
_SECRET_BYTES: Final = 32


class FileSigner:
    """A key from an encrypted file; its secret is in this process's memory until it is closed."""

    #: The secret is software's: a warning and a metric are due while it is in use.
    software: Final = True

    def __init__(self, key: SigningKey, path: Path) -> None:
        self._key = key
        self._path = path
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the secret is gone."""
        return self._closed

    @property
    def algorithm(self) -> str:
        """The algorithm's name."""
        return self._key.algorithm

    @property
    def public_key(self) -> bytes:
        """The public key in the algorithm's form."""
        return self._key.public_key

    def sign(self, message: bytes) -> bytes:
        """Sign ``message``."""
        return self._key.sign(message)

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Sign each message, in order."""
        return self._key.sign_many(messages)

    def close(self) -> None:
        """Overwrite the secret."""
        self._closed = True
        self._key.close()

    def __repr__(self) -> str:
        return f"<FileSigner {self._path} {self.algorithm}>"


def generate_key(algorithm: str) -> SigningKey:
    """A new key from the operating system's randomness.

    Raises:
        UsageError: ``ALGORITHM_NOT_ALLOWED``.
    """
    if get_algorithm(algorithm).name != "rsa-pss-sha256":
        while True:
            # A uniform secret by rejection: one in 2^32 lies outside the range of SM2 or P-256.
            try:
                return SigningKey(algorithm, os.urandom(_SECRET_BYTES))
            except DecodingError:
                continue
    private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return SigningKey(algorithm, private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def create_key_file(
    path: str | Path, algorithm: str, passphrase: bytes, *, iterations: int = DEFAULT_ITERATIONS
) -> bytes:
    """Make a key and its encrypted file; the answer is the public key.

    Raises:
        UsageError: ``ALGORITHM_NOT_ALLOWED``, ``PASSPHRASE_UNUSABLE``, ``KEY_FILE_EXISTS``, ``USAGE``.
        UnavailableError: ``DISK_FULL``, ``FILE_UNWRITABLE``.
    """
    with generate_key(algorithm) as key:
        write_key_file(path, key, passphrase, iterations=iterations)
        return key.public_key


def write_key_file(
    path: str | Path, key: SigningKey, passphrase: bytes, *, iterations: int = DEFAULT_ITERATIONS
) -> None:
    """Write an existing key (an imported one, say) to a new encrypted file.

    Raises:
        UsageError: ``PASSPHRASE_UNUSABLE``, ``KEY_FILE_EXISTS``, ``USAGE``.
        UnavailableError: ``DISK_FULL``, ``FILE_UNWRITABLE``.
    """
    check_passphrase(passphrase)
    destination = Path(path)
    if os.path.lexists(destination):
        raise UsageError(Code.KEY_FILE_EXISTS, path=str(destination))
    data = encode_key_file(
        key,
        passphrase,
        salt=os.urandom(KEY_FILE_SALT_BYTES),
        initial_value=os.urandom(_INITIAL_VALUE_BYTES),
        iterations=iterations,
    )
    write_private_file(destination, data)


def open_key_file(path: str | Path, passphrase_source: PassphraseSource) -> FileSigner:
    """The key in the encrypted file at ``path``.

    Raises:
        RefusedError: ``KEY_FILE_PERMISSIONS``, ``KEY_FILE_INVALID``, ``KEY_FILE_PASSPHRASE``, ``FILE_UNREADABLE``,
            ``FILE_KIND``, ``FILE_TOO_LARGE``.
        UsageError: ``PASSPHRASE_UNUSABLE``.
    """
    location = Path(path)
    return FileSigner(read_key_file(location, passphrase_source), location)


def read_key_file(location: Path, passphrase_source: PassphraseSource) -> SigningKey:
    """The key itself, for what needs more of it than signatures; raises as :func:`open_key_file`."""
    data = read_private_file(location, bytes_max=KEY_FILE_BYTES_MAX)
    try:
        return decode_key_file(data, passphrase_source(str(location)))
    except DecodingError as error:
        raise DecodingError(error.code, **{**error.params, "path": str(location)}) from None
