"""The process that test_indexing.py kills: a node under load that follows an index, on the database that it is told.

Says ``open`` once the index has caught up with the first transaction of this run, then goes on until it is killed.
"""

import os
import sys
import threading
from pathlib import Path

from govchain.index.database import IndexDatabase, database_url
from govchain.node.embedded import open_embedded
from govchain.services.indexing import IndexFollower
from tests.node.kit import SMALL, Actor


def submit(node, actor, size):
    while True:
        node.submitter.submit([actor.put(reference=f"case-{size}") for _ in range(size)], wait=True, timeout_s=30)


def main(path, url, secret):
    node = open_embedded(path, options=SMALL)
    follower = IndexFollower(node.application, IndexDatabase(database_url(url, path)))
    node.application.add_listener(follower.wake)
    follower.start()
    actor = Actor(secret)
    node.submitter.submit([actor.put()], wait=True, timeout_s=30)
    if not follower.wait_for(node.application.chain.height, 30):
        sys.exit(f"no index: {follower.status()}")
    os.write(1, b"open\n")
    for size in (1, 3, 40):
        threading.Thread(target=submit, args=(node, actor, size), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.stdin.readline().strip()))
