"""A member's node that misbehaves in its certificates: composed as any node is, with one part replaced.

``python -m tests.net.byzantine_child DATA garbage|silent|equivocates``: it prints ``ready`` once it runs, and SIGTERM
ends it. Its engine votes honestly; only the member key's signatures over blocks are wrong, missing or two.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from govchain.consensus.disagreement import FinalitySignature
from govchain.ledger import ExecutedBlock
from govchain.node.building import node_options
from govchain.node.opening import Node, load_machine, system_clock
from govchain.node.settings import load_settings
from govchain.proof.certificates import finality_message
from govchain.proof.genesis import decode_genesis
from govchain.signers import Signer, open_signer, passphrase_source
from govchain.storage import DataDirectory


class Honest:
    """The member's own key."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer

    @property
    def algorithm(self) -> str:
        return self.signer.algorithm

    @property
    def public_key(self) -> bytes:
        return self.signer.public_key

    @property
    def software(self) -> bool:
        return True

    def sign(self, message: bytes) -> bytes:
        return self.signer.sign(message)

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        return [self.sign(message) for message in messages]

    def close(self) -> None:
        self.signer.close()


class Garbage(Honest):
    """Signatures that are none."""

    def sign(self, message: bytes) -> bytes:
        return secrets.token_bytes(len(self.signer.sign(message)))


class Silent(Honest):
    """Of an algorithm that no signer set names, so that its node signs no block."""

    algorithm = "none"


def equivocate(node: Node, block: ExecutedBlock) -> None:
    """Sign and send out another block of the same height, which was never made."""
    header, other = block.header, secrets.token_bytes(32)
    root = bytes.fromhex(header.state_root)
    message = finality_message(header.chain, header.epoch, header.height, other, root)
    signature = node.signer.sign(message)
    node.network.exchange.publish(
        FinalitySignature(header.height, node.signer.public_key, signature, header.epoch, other, root)
    )


def main(path: Path, fault: str) -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    directory = DataDirectory(path)
    settings = load_settings(directory.settings, os.environ, {})
    passphrases = passphrase_source(directory.keys)
    signer = open_signer(f"file:{directory.node_key}", passphrases)
    options = node_options(settings)
    with Node(
        directory,
        directory.open_store(),
        load_machine(decode_genesis(directory.genesis.read_bytes()), options),
        {"garbage": Garbage, "silent": Silent, "equivocates": Honest}[fault](signer),
        options,
        system_clock(),
        lambda code, reason: print("problem", code.name, reason, flush=True),
        passphrases,
        lambda text: print("notice", text, flush=True),
    ) as node:
        if fault == "equivocates":
            node.application.add_listener(lambda block: equivocate(node, block))
        node.start()
        print("ready", flush=True)
        ended.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
