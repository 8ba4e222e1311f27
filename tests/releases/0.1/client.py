"""A department's program of release 0.1: anchor a file, prove it, verify it offline, follow events.

It uses only what ``govchain.sdk`` documents, and is never changed. Called with a node's URL, a genesis file, a key URI and a
folder of its own; prints one JSON object.
"""

import json
import sys
from pathlib import Path

from govchain.model import Code, RefusedError
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.sdk import Catalogue, Client, EventQuery, EvidenceQuery, HttpTransport, TrustStore, capture_paths, now_ms
from govchain.sdk.events import list_events
from govchain.sdk.listing import list_accounts
from govchain.signers import open_signer, passphrase_source


def main(url: str, genesis_path: str, key: str, folder: str) -> None:
    """Everything that a department does in a day."""
    work = Path(folder)
    genesis = decode_genesis(Path(genesis_path).read_bytes())
    trust = TrustAnchors(genesis=(fingerprint(genesis).hex(),))
    (work / "file.txt").write_text("release 0.1")
    signer = open_signer(key, passphrase_source(Path(key.removeprefix("file:")).parent))
    seen = {}
    with HttpTransport(url) as transport, Catalogue.open(work / "catalogue.sqlite3") as catalogue:
        client = Client(
            transport, trust=trust, signer=signer, catalogue=catalogue, memory=TrustStore(work / "trust"), now=now_ms
        )
        status = transport.status()
        seen["chain"] = status.chain
        seen["node_version"] = status.node_version
        try:
            transport.accounts()
        except RefusedError as refused:
            seen["without_session"] = refused.code is Code.SESSION_REQUIRED
        grant = client.login()
        seen["expires"] = grant.expires
        captured = capture_paths([work / "file.txt"], suite=client.suite, now=now_ms())
        anchored = client.anchor(captured, reference="release-client")
        seen["id"] = anchored.transaction
        seen["found"] = transport.find_evidence(EvidenceQuery(reference="release-client"))
        seen["accounts"] = len(list_accounts(client)) > 0
        events = list_events(client, EventQuery(references=("release-client",)))
        seen["event_types"] = [event.type for event in events.events]
        seen["cursor"] = events.cursor
        client.logout()
        seen["logged_out"] = transport.token is None
    signer.close()
    print(json.dumps(seen))


main(*sys.argv[1:])
