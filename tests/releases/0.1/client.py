"""A department's program of release 0.1: anchor files, prove them, verify offline, follow events.

It uses only what ``govchain.sdk`` documents, and is never changed. Called with a node's URL, a genesis file, a key file
and a folder of its own; prints one JSON object.
"""

import json
import sys
from pathlib import Path

from govchain.model import Code, RefusedError
from govchain.proof import TrustAnchors, decode_genesis, fingerprint, verify_package
from govchain.sdk import Catalogue, Client, EventQuery, EvidenceQuery, HttpTransport, TrustStore, capture_paths, now_ms
from govchain.sdk.kinds import installed_kinds
from govchain.signers import open_signer, passphrase_source


def main(url: str, genesis_path: str, key: str, folder: str) -> None:
    """Everything that a department does in a day."""
    work = Path(folder)
    genesis = decode_genesis(Path(genesis_path).read_bytes())
    trust = TrustAnchors(genesis=(fingerprint(genesis).hex(),))
    (work / "f").mkdir()
    for name in ("a.txt", "b.txt"):
        (work / "f" / name).write_text(f"release 0.1 {name}")
    signer = open_signer(f"file:{key}", passphrase_source(Path(key).parent))
    seen = {}
    with HttpTransport(url) as transport, Catalogue.open(work / "catalogue.sqlite3") as catalogue:
        client = Client(transport, trust=trust, signer=signer, catalogue=catalogue, memory=TrustStore(work / "trust"))
        status = client.chain_status()
        seen["status"] = [status.chain, status.node_version]
        try:
            client.accounts()
        except RefusedError as refused:
            seen["without_session"] = refused.code is Code.SESSION_REQUIRED
        files = capture_paths([work / "f"], suite=client.suite, now=now_ms()).files
        one = client.put_file(files[0], reference="release-0.1")
        batch = client.put_batch(files, reference="release-0.1")
        package = client.export_package(batch.id, 1)
        seen["package"] = verify_package(package, trusted=trust, kinds=installed_kinds()).report.exit_code
        client.withdraw(batch.id, member=1)
        seen["states"] = [client.status(batch.id, 1).state, client.status(one.id).state]
        seen["history"] = [step.type for step in client.history(batch.id)]
        seen["block"] = one.id in {entry.id for entry in client.block(one.height).transactions}
        grant = client.login()
        seen["session"] = grant.account == client.account
        seen["accounts"] = sorted(account.state.label for account in client.accounts())
        found = client.find(EvidenceQuery(reference="release-0.1", limit=1))
        seen["found"] = [hit.record.reference for hit in found]
        events = client.events(EventQuery(references=("release-0.1",)), limit=1)
        seen["event"] = [event.type for event in events.events]
        client.events(EventQuery(), cursor=events.cursor)
        client.logout()
        seen["token"] = transport.token
    signer.close()
    print(json.dumps(seen))


main(*sys.argv[1:])
