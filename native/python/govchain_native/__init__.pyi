"""Types of the package; what each function does is in its docstring."""

from collections.abc import Sequence
from typing import Final, Literal, final

Algorithm = Literal["sm3", "sha256"]

__all__ = [
    "ENVELOPE_SHAPE",
    "ENVELOPE_SIGNATURES",
    "ENVELOPE_VERSION",
    "JSON_BOM",
    "JSON_DEPTH",
    "JSON_DUPLICATE_KEY",
    "JSON_FLOAT",
    "JSON_INTEGER_RANGE",
    "JSON_LONE_SURROGATE",
    "JSON_NOT_OBJECT",
    "JSON_NOT_UTF8",
    "JSON_OK",
    "JSON_SYNTAX",
    "JSON_TOO_LARGE",
    "JSON_TRAILING",
    "SM2_DEFAULT_ID",
    "SM2_KEY_NOT_ON_CURVE",
    "SM2_KEY_RANGE",
    "SM2_MISMATCH",
    "SM2_OK",
    "SM2_R_RANGE",
    "SM2_SIGNATURE_LENGTH",
    "SM2_S_RANGE",
    "SM2_T_ZERO",
    "IdWindow",
    "MerkleStream",
    "Sm2BatchVerifier",
    "Sm3",
    "__version__",
    "digest_many",
    "hmac_sm3",
    "merkle_inclusion_path",
    "merkle_root",
    "merkle_root_of_pairs",
    "open_envelopes",
    "pbkdf2_hmac_sm3",
    "prescan_json",
    "seal_envelope",
    "sha256",
    "sm2_check_private",
    "sm2_check_public",
    "sm2_decrypt",
    "sm2_encrypt",
    "sm2_generate",
    "sm2_public_key",
    "sm2_sign",
    "sm2_sign_many",
    "sm2_verify",
    "sm2_verify_digest",
    "sm2_za",
    "sm3",
    "smt_root_of",
]

__version__: Final[str]

SM2_OK: Final = 0
SM2_SIGNATURE_LENGTH: Final = 1
SM2_R_RANGE: Final = 2
SM2_S_RANGE: Final = 3
SM2_T_ZERO: Final = 4
SM2_KEY_RANGE: Final = 5
SM2_KEY_NOT_ON_CURVE: Final = 6
SM2_MISMATCH: Final = 7
SM2_DEFAULT_ID: Final = b"1234567812345678"

JSON_OK: Final = 0
JSON_TOO_LARGE: Final = 1
JSON_NOT_UTF8: Final = 2
JSON_SYNTAX: Final = 3
JSON_DEPTH: Final = 4
JSON_DUPLICATE_KEY: Final = 5
JSON_FLOAT: Final = 6
JSON_INTEGER_RANGE: Final = 7
JSON_LONE_SURROGATE: Final = 8
JSON_TRAILING: Final = 9
JSON_NOT_OBJECT: Final = 10
JSON_BOM: Final = 11

ENVELOPE_SHAPE: Final = 32
ENVELOPE_VERSION: Final = 33
ENVELOPE_SIGNATURES: Final = 34

# Digests
def sm3(data: bytes) -> bytes: ...
def sha256(data: bytes) -> bytes: ...
def digest_many(algorithm: Algorithm, items: Sequence[bytes]) -> list[bytes]: ...
def hmac_sm3(key: bytes, data: bytes) -> bytes: ...
def pbkdf2_hmac_sm3(password: bytes, salt: bytes, iterations: int, length: int) -> bytes: ...

@final
class Sm3:
    digest_size: Final[int]
    block_size: Final[int]
    name: Final[str]
    def __new__(cls, data: bytes | None = None) -> Sm3: ...
    def update(self, data: bytes) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> Sm3: ...

# SM2, one at a time
def sm2_generate() -> bytes: ...
def sm2_check_private(private: bytes) -> bool: ...
def sm2_public_key(private: bytes) -> bytes: ...
def sm2_check_public(public: bytes) -> int: ...
def sm2_za(public: bytes, id: bytes) -> bytes: ...
def sm2_sign(private: bytes, public: bytes, message: bytes, id: bytes = ...) -> bytes: ...
def sm2_sign_many(private: bytes, public: bytes, messages: Sequence[bytes], id: bytes = ...) -> list[bytes]: ...
def sm2_verify(public: bytes, message: bytes, signature: bytes, id: bytes = ...) -> int: ...
def sm2_verify_digest(public: bytes, digest: bytes, signature: bytes) -> int: ...
def sm2_encrypt(public: bytes, plaintext: bytes) -> bytes: ...
def sm2_decrypt(private: bytes, ciphertext: bytes) -> bytes: ...
def _testing_sm2_sign_with_nonce(
    private: bytes, public: bytes, message: bytes, nonce: bytes, id: bytes = ...
) -> bytes: ...
def _testing_sm2_encrypt_with_nonce(public: bytes, plaintext: bytes, nonce: bytes) -> bytes: ...

# SM2, many at a time
@final
class Sm2BatchVerifier:
    def __new__(
        cls,
        memory_limit_bytes: int,
        threads: int = 1,
        window_bits: int = 6,
        promote_after: int = 2,
    ) -> Sm2BatchVerifier: ...
    def verify_many(
        self,
        keys: Sequence[bytes],
        messages: Sequence[bytes],
        signatures: Sequence[bytes],
        id: bytes = ...,
    ) -> bytes: ...
    def verify_digests(self, keys: Sequence[bytes], digests: Sequence[bytes], signatures: Sequence[bytes]) -> bytes: ...
    def stats(self) -> dict[str, int]: ...

# Trees
def merkle_root(algorithm: Algorithm, leaves: Sequence[bytes]) -> bytes: ...
def merkle_inclusion_path(algorithm: Algorithm, leaves: Sequence[bytes], index: int) -> list[bytes]: ...
def merkle_root_of_pairs(algorithm: Algorithm, keys: Sequence[bytes], values: Sequence[bytes | None]) -> bytes: ...
def smt_root_of(algorithm: Algorithm, paths: Sequence[bytes], value_digests: Sequence[bytes]) -> bytes: ...

@final
class MerkleStream:
    def __new__(cls, algorithm: Algorithm) -> MerkleStream: ...
    @property
    def size(self) -> int: ...
    def push_many(self, leaves: Sequence[bytes]) -> None: ...
    def root(self) -> bytes: ...

# Transactions
def prescan_json(data: bytes, max_bytes: int, max_depth: int) -> tuple[int, int]: ...
def open_envelopes(
    algorithm: Algorithm,
    envelopes: Sequence[bytes],
    max_body_bytes: int,
    max_depth: int,
    max_signatures: int,
) -> list[tuple[int, bytes, bytes, bytes, tuple[bytes, ...]]]: ...
def seal_envelope(version: int, body: bytes, signatures: Sequence[bytes]) -> bytes: ...

@final
class IdWindow:
    def __new__(cls, bucket_ms: int, capacity: int) -> IdWindow: ...
    def add_many(self, ids: Sequence[bytes], expires: Sequence[int]) -> None: ...
    def contains(self, id: bytes, expires: int) -> bool: ...
    def contains_many(self, ids: Sequence[bytes], expires: Sequence[int]) -> bytes: ...
    def expire(self, now_ms: int) -> None: ...
    def __len__(self) -> int: ...
    def memory_bytes(self) -> int: ...
    def dump(self) -> bytes: ...
    @classmethod
    def load(cls, data: bytes) -> IdWindow: ...
