"""Make the chains that a release leaves to later ones: ``python -m tests.releases.making tests/releases/VERSION``.

Two chains, by this software: one of a node alone, as its data directory without keys; one of four members on CometBFT
to which a fifth was voted in and another voted out, as archives with their certificates, its genesis and a package.
``chains.json`` says what must be found in them. Run once for a release, before it goes out; a folder that has its
chains is refused. Takes a minute, and ``make engines``.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from govchain import __version__
from govchain.node.embedded import open_embedded
from govchain.ops.archive import create_archives
from govchain.ops.net.membership import add_node, remove_node
from govchain.sdk.capture import capture_contents
from govchain.sdk.client import Client
from govchain.sdk.transactions import now_ms
from govchain.storage import DirectoryLayout
from tests.index.kit import Scribe, make_ledger
from tests.net.kit import network, wait_until
from tests.node.kit import new_actor

#: What a data directory loses before it is kept: secrets, what is made from the rest, what holds a process's id.
LEFT_OUT = {"keys", "lock", "index.sqlite3", "webhooks.sqlite3"}


def pack(source: Path, target: Path) -> None:
    """``source`` as a tar file whose bytes depend on the files' names and contents only."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source)
            if name.parts[0] in LEFT_OUT or path.name in {"LOCK", "LOG"} or path.name.startswith("LOG.old"):
                continue
            entry = tarfile.TarInfo(f"data/{name.as_posix()}")
            entry.mode = 0o700 if path.is_dir() else 0o600
            if path.is_dir():
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = path.stat().st_size
                tar.addfile(entry, io.BytesIO(path.read_bytes()))
    target.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))


def make_alone(work: Path, target: Path) -> dict[str, Any]:
    """One of each kind of transaction, over two days."""
    actors = (new_actor(), new_actor())
    path = make_ledger(work / "alone", *actors)
    scribe = Scribe(path, *actors)
    ids = scribe.everything()
    scribe.close()
    with open_embedded(path, read_only=True) as node:
        chain = node.application.chain
        said = {"height": chain.height, "identity": chain.identity.hex(), "time": chain.time}
    pack(path, target / "alone.tar.gz")
    return {**said, "transactions": ids}


def make_network(work: Path, target: Path) -> dict[str, Any]:
    """Records at every member, a member more, a member less, records again."""
    with network(work / "net", "cometbft") as net:
        for node in net.present:
            net.put(node, 3)
        net.file, added = add_node(net.folder, net.file, language="en")
        net.put(added, 2)
        net.file = remove_node(net.folder, net.file, net.nodes[1])
        first = net.nodes[0]
        with net.transport(first) as transport:
            client = Client(transport, trust=net.trust, signer=net.officer(first).signer)
            (file,) = capture_contents([("a.txt", b"kept")], suite=client.suite, now=now_ms()).files
            record = client.put_file(file, reference="kept")
            (target / "record.gcp").write_bytes(client.export_package(record.id))
        height = net.same_everywhere(*net.present)
        wait_until(lambda: net.certified(first) >= height, "the newest block's certificate")
        net.stop()
        data = net.folder.node(first.name).data
        archives = work / "archives"
        create_archives(data, archives, now=now_ms(), last=height, blocks_max=6)
        for path in sorted(archives.glob("*.gca")):
            (target / path.name).write_bytes(path.read_bytes())
        (target / "genesis.json").write_bytes(DirectoryLayout(data).genesis.read_bytes())
        with open_embedded(data, read_only=True) as node:
            chain = node.application.chain
            return {
                "height": chain.height,
                "identity": chain.identity.hex(),
                "time": chain.time,
                "epochs": chain.epoch,
                "members": len(chain.signers.keys),
                "record": record.id,
            }


def main(arguments: list[str]) -> int:
    """Make the chains in the folder of a release."""
    folder = Path(arguments[0]) / "chains"
    folder.mkdir()
    with tempfile.TemporaryDirectory(prefix="govchain-release-") as name:
        work = Path(name)
        (folder / "network").mkdir()
        found = {
            "software": __version__,
            "alone": make_alone(work, folder),
            "network": make_network(work, folder / "network"),
        }
    kept = sorted(path for path in folder.rglob("*") if path.is_file())
    found["files"] = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept
    }
    (folder / "chains.json").write_text(json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
