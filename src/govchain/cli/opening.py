"""Open the embedded data directory for a command: find it, take its node, key, catalogue and trust.

Rules: reading takes no lock, so that it works beside a running node; writing holds the directory's lock and finishes
what an earlier run left pending. Not here: what the commands do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from govchain.cli.output import notice, say, visible
from govchain.cli.session import session, t
from govchain.model import Code, UnavailableError, UsageError

if TYPE_CHECKING:
    from govchain.model.wire import Genesis
    from govchain.node.embedded import EmbeddedNode
    from govchain.sdk.client import Client
    from govchain.sdk.trust import TrustStore
    from govchain.signers import Signer

__all__ = [
    "CATALOGUE_NAME",
    "DEFAULT_KEY",
    "Opened",
    "find_data",
    "open_chain",
    "open_key",
    "passphrases",
    "read_genesis",
    "trust_store",
]

#: The submitter's directory inside a data directory.
CATALOGUE_NAME = "catalogue.sqlite3"
#: The key that signs evidence unless another is named.
DEFAULT_KEY = "department"
_FORMAT_NAME = "format.json"


@dataclass(frozen=True, slots=True)
class Opened:
    """A chain that a command works on."""

    path: Path
    node: EmbeddedNode
    client: Client


def find_data() -> Path:
    """The data directory: the one named, else the nearest from the current directory upwards.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_MISSING``.
    """
    given = session().data
    if given is not None:
        if not given.is_dir():
            raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(given))
        return given
    here = Path.cwd()
    for path in (here, *here.parents):
        if (path / _FORMAT_NAME).is_file() and (path / "genesis.json").is_file():
            return path
    raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(here))


def trust_store() -> TrustStore:
    """The user's trust store."""
    from govchain.sdk.trust import TrustStore, default_trust_path  # noqa: PLC0415 - loaded by the commands that need it

    return TrustStore(default_trust_path())


def passphrases(keys_path: Path | None, *, new: bool = False) -> Callable[[str], bytes]:
    """Where passphrases come from: ``GOVCHAIN_PASSPHRASE``, the data directory's own file, or a person at the terminal.

    ``new``: a person gives it twice.
    """
    from govchain import signers  # noqa: PLC0415 - loaded by the commands that need it

    if os.environ.get("GOVCHAIN_PASSPHRASE"):
        return signers.passphrase_from_environment("GOVCHAIN_PASSPHRASE")
    if keys_path is not None and (keys_path / "passphrase").exists():
        return signers.passphrase_from_file(keys_path / "passphrase")

    def ask(name: str) -> str:
        import typer  # noqa: PLC0415 - only where somebody is asked

        if not sys.stdin.isatty():
            bounds = {"length_min": signers.PASSPHRASE_BYTES_MIN, "length_max": signers.PASSPHRASE_BYTES_MAX}
            raise UsageError(Code.PASSPHRASE_UNUSABLE, source=t("cli.no_terminal"), **bounds)
        question = visible(t("cli.passphrase_for", name=name))
        return str(typer.prompt(question, hide_input=True, err=True, confirmation_prompt=new))

    return signers.passphrase_from_prompt(ask)


def open_key(name: str, keys_path: Path | None, *, quiet: bool = False) -> Signer:
    """The key with that name in the data directory, at that path, or at that URI."""
    from govchain.signers import open_signer  # noqa: PLC0415 - loaded by the commands that need it

    inside = None if keys_path is None else keys_path / f"{name}.pem"
    if ":" in name:
        uri = name
    elif inside is not None and "/" not in name and inside.exists():
        uri = f"file:{inside}"
    else:
        uri = f"file:{name}"
    source = passphrases(keys_path if inside is not None and uri == f"file:{inside}" else None)
    return open_signer(uri, source, notice=None if quiet else notice)


def read_genesis(path: Path) -> Genesis:
    """The genesis of the data directory at ``path``, without opening the directory.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_MISSING`` when it has none. DecodingError: it is none.
    """
    from govchain.proof.genesis import decode_genesis  # noqa: PLC0415 - loaded by the commands that need it

    try:
        data = (path / "genesis.json").read_bytes()
    except OSError as error:
        raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(path), reason=error.strerror or "") from None
    return decode_genesis(data)


@contextmanager
def open_chain(*, write: bool = False, key: str = DEFAULT_KEY) -> Iterator[Opened]:
    """The data directory's chain with a client on it; with ``write`` also its lock and the key that signs."""
    path = find_data()
    from govchain.node.embedded import open_embedded  # noqa: PLC0415 - the node is heavy, and only needed here
    from govchain.sdk.catalogue import Catalogue  # noqa: PLC0415
    from govchain.sdk.client import Client  # noqa: PLC0415

    with ExitStack() as stack:
        node = stack.enter_context(open_embedded(path, read_only=not write))
        catalogue = stack.enter_context(Catalogue.open(path / CATALOGUE_NAME, read_only=not write))
        signer = None
        if write:
            signer = open_key(key, path / "keys")
            stack.callback(signer.close)
        store = trust_store()
        client = Client(node.transport, trust=store.trusted(), signer=signer, catalogue=catalogue, memory=store)
        if write:
            for left in client.recover():
                say(t("cli.pending", id=left.id))
        yield Opened(path, node, client)
