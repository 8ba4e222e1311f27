"""Replays a file of blocks with this interpreter and prints the identities: one line of JSON.

The file: MessagePack of [genesis, [[time, [envelope, …]], …]].
"""

import json
import sys
from pathlib import Path

import msgspec

from govchain.consensus import LedgerApplication, Pool
from govchain.node.embedded import load_machine
from govchain.proof.genesis import decode_genesis
from govchain.state import MemoryStore, Table


def main(path: Path) -> None:
    genesis, blocks = msgspec.msgpack.decode(path.read_bytes())
    store = MemoryStore()
    application = LedgerApplication(load_machine(decode_genesis(genesis)), store, Pool(), lambda: 0)
    identities = [application.init_chain().hex()]
    for height, (time, envelopes) in enumerate(blocks, start=1):
        code = application.process_proposal(envelopes, time)
        if code:
            sys.exit(f"block {height} refused: {code.name}")
        identities.append(application.finalize_block(envelopes, time, height).app_hash.hex())
        application.commit()
    application.close()
    tables = {table.name: store_digest(application, store, table) for table in (Table.STATE, Table.LIVE)}
    print(json.dumps({"python": sys.version.split()[0], "identities": identities, "tables": tables}))


def store_digest(application, store, table) -> str:
    digest = application.machine.suite.digest
    return digest(b"".join(digest(key) + digest(value) for key, value in store.scan(table))).hex()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
