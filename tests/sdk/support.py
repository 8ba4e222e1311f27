"""What tests of the SDK share: a client over a fake node, and files to anchor."""

import contextlib
import os
import tempfile
from pathlib import Path

from govchain.crypto import get_suite
from govchain.proof.trust import TrustAnchors
from govchain.sdk import CaptureOptions, Catalogue, Client, capture_paths
from tests.proof.chainkit import CREATED
from tests.sdk.fake import FakeTransport

#: A user who owns nothing.
NOBODY = 65534
NOW = CREATED + 5_000
GM = get_suite("gm")


def trust_in(chain):
    return TrustAnchors(genesis=(chain.fingerprint,))


def make_client(tmp_path, transport=None, **options):
    transport = transport or FakeTransport()
    chain = transport.chain
    settings = {
        "trust": trust_in(chain),
        "signer": chain.alice.secret,
        "catalogue": Catalogue.open(tmp_path / "catalogue.sqlite3"),
        "now": lambda: chain.time + 100,
        "sleep": lambda _seconds: None,
        **options,
    }
    return Client(transport, **settings)


@contextlib.contextmanager
def client_of(tmp_path, transport=None, **options):
    client = make_client(tmp_path, transport, **options)
    try:
        yield client
    finally:
        if client.catalogue is not None:
            client.catalogue.close()


def capture(*paths, now=NOW, suite=GM, **options):
    return capture_paths(paths, suite=suite, now=now, options=CaptureOptions(**options))


@contextlib.contextmanager
def as_nobody(folder):
    """Run without root's rights, and `folder` (below a place that all may enter) given to that user."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def open_folder():
    """A folder below one that every user may enter, as pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="govchain-test-") as name:
        os.chmod(name, 0o755)
        folder = Path(name) / "own"
        folder.mkdir()
        yield folder


def write_tree(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
