"""Hash, sign, verify, encrypt, seal: one port, two suites (docs/spec/block.md 1, docs/spec/keys.md).

Purpose: everything cryptographic that the house does goes through the names below. Rules: no files, no clock, no
randomness of our own (secrets, salts and nonces are passed in; signing nonces arise inside the native library and
``cryptography``); every key names its algorithm; no MD5, no SHA-1, no RSA below 2048 bits. Not here: Merkle trees
(``merkle``), certificates (``pki``), where keys are kept (``signers``).

Example:
    >>> key = SigningKey("sm2-sm3", bytes([7] * 32))
    >>> get_algorithm("sm2-sm3").verify_signature(key.public_key, b"body", key.sign(b"body"))
"""

from govchain.crypto.algorithms import ALGORITHMS, check_signature, decode_public_key, get_algorithm
from govchain.crypto.batch import MEMORY_LIMIT_BYTES, BatchVerifier, SignatureItem
from govchain.crypto.keyfile import (
    DEFAULT_ITERATIONS,
    ITERATIONS_MAX,
    ITERATIONS_MIN,
    KEY_FILE_BYTES_MAX,
    KEY_FILE_SALT_BYTES,
    decode_key_file,
    decode_plain_key,
    encode_key_file,
)
from govchain.crypto.keys import SigningKey, account_address, key_id
from govchain.crypto.port import DEFAULT_SM2_ID, Algorithm
from govchain.crypto.suites import (
    DEFAULT_SUITE,
    SALT_BYTES,
    SUITES,
    Hasher,
    Suite,
    commitment,
    frame,
    get_suite,
    hasher,
)
from govchain.crypto.symmetric import (
    NONCE_BYTES,
    TAG_BYTES,
    cbc_decrypt,
    cbc_encrypt,
    check_hmac_sm3,
    ctr_apply,
    hmac_sm3,
    open_sealed,
    seal,
)

__all__ = [
    "ALGORITHMS",
    "DEFAULT_ITERATIONS",
    "DEFAULT_SM2_ID",
    "DEFAULT_SUITE",
    "ITERATIONS_MAX",
    "ITERATIONS_MIN",
    "KEY_FILE_BYTES_MAX",
    "KEY_FILE_SALT_BYTES",
    "MEMORY_LIMIT_BYTES",
    "NONCE_BYTES",
    "SALT_BYTES",
    "SUITES",
    "TAG_BYTES",
    "Algorithm",
    "BatchVerifier",
    "Hasher",
    "SignatureItem",
    "SigningKey",
    "Suite",
    "account_address",
    "cbc_decrypt",
    "cbc_encrypt",
    "check_hmac_sm3",
    "check_signature",
    "commitment",
    "ctr_apply",
    "decode_key_file",
    "decode_plain_key",
    "decode_public_key",
    "encode_key_file",
    "frame",
    "get_algorithm",
    "get_suite",
    "hasher",
    "hmac_sm3",
    "key_id",
    "open_sealed",
    "seal",
]
