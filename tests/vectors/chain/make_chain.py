"""Makes chain.json: two blocks built from the specification alone, with fixed keys and fixed nonces.

Run: ``python -m tests.vectors.chain.make_chain``. Trees, frames and JSON are those of tests/proof/chainkit.py and
tests/merkle/reference.py, SM2 is tests/crypto/plain_sm2.py, SM3 is OpenSSL's: no encoder of the product is used, and
every run gives the same bytes.
"""

import json
from pathlib import Path
from unittest.mock import patch

from tests.crypto import plain_sm2
from tests.proof import chainkit

FILE = Path(__file__).with_name("chain.json")
#: The state writes of each block, all in a namespace that is in both the delta and the live tree.
MARKS = {1: {"11": "first value", "22": "second value"}, 2: {"11": None, "33": "third value"}}


class PlainKey:
    """A signing key by plain arithmetic; the nonce follows from the message."""

    algorithm = "sm2-sm3"

    def __init__(self, label):
        self.secret = bytes(1) + chainkit.sha256(label.encode())[1:]
        self.public_key = plain_sm2.encode_point(plain_sm2.multiply(int.from_bytes(self.secret, "big")))

    def sign(self, message):
        nonce = int.from_bytes(chainkit.sha256(self.secret + message), "big") % plain_sm2.N
        r, s = plain_sm2.sign(int.from_bytes(self.secret, "big"), message, nonce)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def writes_of(height):
    """The block's state writes: key to value, or None where it is removed."""
    return {
        b"evidence.mark/" + bytes.fromhex(digits * 32): None if value is None else value.encode()
        for digits, value in MARKS[height].items()
    }


def build():
    """The vector as a value for JSON."""
    with patch.object(chainkit, "signing_key", lambda algorithm, label: PlainKey(label)):
        chain = chainkit.Chain(name="gov-vector")
        one = chain.body("evidence.put", {"reference": "R-1", "subject": chainkit.item(b"first")})
        other = chainkit.item(b"second", name="e\u0301 𝄞.txt")
        two = chain.body("evidence.put", {"reference": "", "subject": other}, signers=[chain.bob])
        chain.add(one, (two, [chain.bob]), live=writes_of(1))
        three = chain.body("evidence.put", {"reference": "R-2", "subject": chainkit.item(b"third")},
                           signers=[chain.alice, chain.bob])  # fmt: skip
        chain.add((three, [chain.alice, chain.bob]), live=writes_of(2))
    return {
        "keys": {
            name: {"address": one.address, "public": one.key.hex(), "secret": one.secret.secret.hex()}
            for name, one in (("alice", chain.alice), ("bob", chain.bob))
        },
        "members": [{"public": key.public_key.hex(), "secret": key.secret.hex()} for key in chain.members.keys],
        "genesis": chain.genesis_bytes.decode(),
        "fingerprint": chain.fingerprint,
        "signer_set_digest": chain.members.digest(chain),
        "blocks": [block(chain, height) for height in (1, 2)],
    }


def block(chain, height):
    """One block with everything that is derived from it."""
    transactions, leaves, _ = chain.blocks[height]
    previous, delta, live = chain.roots[height]
    header = json.loads(chain.headers[height])
    identity = chain.identities[height - 1]
    message = chainkit.frame(
        "govchain/finality/1", header["chain"], header["epoch"], height, identity, bytes.fromhex(header["state_root"])
    )
    return {
        "height": height,
        "transactions": [
            {
                "body": body.decode(),
                "envelope": chain.envelope(body, signatures).hex(),
                "id": id,
                "leaf": leaf.hex(),
                "receipt": receipt.decode(),
                "signatures": [signature.hex() for signature in signatures],
            }
            for (id, body, signatures, receipt), leaf in zip(transactions, leaves, strict=True)
        ],
        "writes": [
            {"key": key.hex(), "value": None if value is None else value.hex()}
            for key, value in sorted(writes_of(height).items())
        ],
        "previous_state_root": previous.hex(),
        "delta_root": delta.hex(),
        "live_root": live.hex(),
        "state_root": header["state_root"],
        "header": chain.headers[height].decode(),
        "identity": identity.hex(),
        "finality_message": message.hex(),
        "certificate": chain.certificates[height].decode(),
    }


def text():
    """The file's text."""
    return json.dumps(build(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
