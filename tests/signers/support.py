"""What the tests of this room share."""

from govchain.crypto import ITERATIONS_MIN
from govchain.signers import create_key_file

PASSPHRASE = b"correct horse"


def source(_name):
    return PASSPHRASE


def make(path, algorithm="sm2-sm3"):
    """A key file with the least work factor: the tests are not about guessing passphrases."""
    return create_key_file(path, algorithm, PASSPHRASE, iterations=ITERATIONS_MIN)
