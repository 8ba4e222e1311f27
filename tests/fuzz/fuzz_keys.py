"""Public keys in DER: our own error, or bytes that the encoder gives back and a key that the algorithm accepts."""

from govchain.crypto import SigningKey, decode_public_key, get_algorithm
from govchain.model import Code, GovChainError

SEEDS = [
    *(
        get_algorithm(name).encode_spki(SigningKey(name, bytes(31) + b"\x07").public_key)
        for name in ("sm2-sm3", "ed25519")
    ),
    get_algorithm("ecdsa-p256-sha256").encode_spki(SigningKey("ecdsa-p256-sha256", bytes(31) + b"\x09").public_key),
    b"\x30\x00",
]


def one(data):
    try:
        name, key = decode_public_key(data)
    except GovChainError:
        return
    algorithm = get_algorithm(name)
    assert algorithm.encode_spki(key) == data
    assert algorithm.check_public_key(key) is Code.OK
