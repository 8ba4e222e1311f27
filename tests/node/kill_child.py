"""The process that test_kill.py kills: a node under load that says what it begins and what was acknowledged.

Lines on standard output, each written at once: ``open MS`` once the node answers, ``+ID`` before an id is handed in,
``=ID`` once its receipt came back. Runs until it is killed.
"""

import os
import sys
import threading
import time
from pathlib import Path

from govchain.model import Code
from govchain.node.embedded import open_embedded
from tests.node.kit import SMALL, Actor, transaction_id

#: Threads and the envelopes that each hands in at once: single ones, and groups that make larger blocks.
GROUPS = (1, 1, 5, 40)


def tell(mark: str, ids: list[bytes]) -> None:
    os.write(1, "".join(f"{mark}{id_.hex()}\n" for id_ in ids).encode())


def submit(node, actor: Actor, size: int) -> None:
    while True:
        envelopes = [actor.put(reference=f"case-{size}") for _ in range(size)]
        tell("+", [transaction_id(envelope) for envelope in envelopes])
        answers = node.submitter.submit(envelopes, wait=True, timeout_s=30)
        refused = [answer.code for answer in answers if answer.code]
        if refused:
            sys.exit(f"refused: {Code(refused[0]).name}")
        tell("=", [answer.id for answer in answers if answer.receipt is not None])


def main(path: Path, secret: bytes) -> None:
    start = time.perf_counter()
    node = open_embedded(path, options=SMALL)
    actor = Actor(secret)
    first = node.submitter.submit([actor.put()], wait=True, timeout_s=30)[0]
    tell("=", [first.id])
    os.write(1, f"open {(time.perf_counter() - start) * 1000:.0f}\n".encode())
    for size in GROUPS:
        threading.Thread(target=submit, args=(node, actor, size), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), bytes.fromhex(sys.stdin.readline().strip()))
