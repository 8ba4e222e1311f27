"""Anchor every file that comes into a folder, or changes there, and keep a proof of each in another folder.

A department's scanner, mail gateway or archive drops files into a folder; this program needs nothing of them but that.
What is on the ledger afterwards are digests and salted commitments, never a file or its name.

Rules: a file is taken once it has rested for a moment; a content that was anchored under the same name before is not
anchored again; what could not be sent, because node or network were away, is sent at the next look; the proof of a file
is written only after the node's answer was verified. Stop it whenever you like: nothing is lost.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
import time
from contextlib import closing
from pathlib import Path

from govchain.model import GovChainError
from govchain.sdk import (
    CapturedFile,
    CaptureOptions,
    Catalogue,
    Client,
    Entry,
    HttpTransport,
    TrustStore,
    capture_paths,
    default_trust_path,
    now_ms,
)
from govchain.signers import open_signer, passphrase_source

#: A file that was written to less than so many seconds ago may not be whole yet.
RESTED_S = 1.0


class Watcher:
    """The folder, where proofs go, and what was seen so far."""

    def __init__(self, client: Client, catalogue: Catalogue, folder: Path, proofs: Path) -> None:
        self.client = client
        self.catalogue = catalogue
        self.folder = folder
        self.proofs = proofs
        self.seen: dict[Path, tuple[int, int]] = {}
        self.unsettled: set[str] = set()

    def look(self) -> int:
        """Anchor what is new, and write the proofs; how many files that were."""
        self.unsettled = {pending.id for pending in self.client.recover() if pending.expires > now_ms()}
        rested = self._rested()
        # What is gone is forgotten: a file that comes back, as it was, is taken then.
        self.seen = {path: mark for path, mark in self.seen.items() if path in rested}
        marks = {path: mark for path, mark in rested.items() if self.seen.get(path) != mark}
        if not marks:
            return 0
        taken = capture_paths(list(marks), suite=self.client.suite, now=now_ms(), options=CaptureOptions(skip_bad=True))
        for bad in taken.skipped:
            print(f"left out: {bad.path}: {bad.reason}", file=sys.stderr)
        new: list[CapturedFile] = []
        for file in taken.files:
            earlier = self._earlier(file)
            if earlier is None:
                new.append(file)
            elif earlier.evidence in self.unsettled:
                marks.pop(Path(file.planned.path), None)  # on its way: look again
            else:
                self._write_proof(file, earlier.evidence, earlier.member)
        if new:
            # One transaction for all of them; each can be proved alone.
            record = self.client.put_batch(new, reference=self.folder.name)
            for member, file in enumerate(new):
                self._write_proof(file, record.id, member)
                print(f"{record.id}.{member}  {file.planned.path}")
        self.seen.update(marks)
        return len(new)

    def _earlier(self, file: CapturedFile) -> Entry | None:
        """Where this content was anchored under this name, also before a restart; one under way counts."""
        for entry in self.catalogue.find_digest(file.facts.sm3.hex()):
            anchored = self.catalogue.anchored(entry.evidence)
            settled = anchored is not None and anchored.height is not None
            if entry.name == file.planned.name and (settled or entry.evidence in self.unsettled):
                return entry
        return None

    def _write_proof(self, file: CapturedFile, evidence: str, member: int | None) -> None:
        """The package, beside the others: under the file's own place and name, and the beginning of its digest."""
        inside = Path(file.planned.path).relative_to(self.folder)
        proof = self.proofs / inside.with_name(f"{inside.name}.{file.facts.sm3.hex()[:16]}.gcp")
        if proof.exists():
            return
        proof.parent.mkdir(parents=True, exist_ok=True)
        partial = proof.with_suffix(".partial")
        partial.write_bytes(self.client.export_package(evidence, member, disclose=["name"]))
        partial.replace(proof)

    def _rested(self) -> dict[Path, tuple[int, int]]:
        """Regular files, with size and time of change, that nobody wrote to just now."""
        found = {}
        for path in sorted(Path(place, name) for place, _, names in os.walk(self.folder) for name in names):
            status = status_of(path)
            if status is not None and time.time() - status.st_mtime >= RESTED_S:
                found[path] = (status.st_size, status.st_mtime_ns)
        return found


def status_of(path: Path) -> os.stat_result | None:
    """Size and times of a regular file; None for anything else, and for one that is gone since it was listed."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted, or once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder to watch")
    parser.add_argument("--node", required=True, help="URL of the node")
    parser.add_argument("--key", type=Path, required=True, help="key file of your account; its passphrase beside it")
    parser.add_argument("--proofs", type=Path, required=True, help="where proofs go")
    parser.add_argument("--catalogue", type=Path, required=True, help="file for names and salts; private, keep it")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two looks")
    parser.add_argument("--once", action="store_true", help="look once, and end")
    given = parser.parse_args(arguments)

    store = TrustStore(default_trust_path())  # what `govchain trust add genesis.json` put there
    with (
        HttpTransport(given.node) as transport,
        Catalogue.open(given.catalogue) as catalogue,
        closing(open_signer(f"file:{given.key}", passphrase_source(given.key.parent))) as signer,
    ):
        client = Client(transport, trust=store.trusted(), signer=signer, catalogue=catalogue, memory=store)
        watcher = Watcher(client, catalogue, given.folder, given.proofs)
        while True:
            try:
                watcher.look()
            except GovChainError as error:
                print(f"{error.code.name}: {error.text('en')}", file=sys.stderr)
                if given.once:
                    return 1
            if given.once:
                return 0
            time.sleep(given.every)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
    except GovChainError as error:
        sys.exit(f"{error.code.name}: {error.text('en')}")
