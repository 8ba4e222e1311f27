"""Open the chain for a command: of a data directory or behind a node's URL, with key, catalogue and trust.

Rules: commands use the client only, whichever way it reaches the node. Reading a directory takes no lock, so that it
works beside a running node; writing holds the directory's lock. Writing finishes what an earlier run left pending.
Not here: which directory or node (:mod:`govchain.cli.target`), what the commands do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from govchain.cli.output import notice, say, visible
from govchain.cli.private import make_private_folder
from govchain.cli.session import session, t
from govchain.cli.target import Target, find_data, find_target
from govchain.model import Code, UnavailableError, UsageError, VerificationError
from govchain.sdk.home import catalogue_path, default_home

if TYPE_CHECKING:
    from govchain.crypto import Suite
    from govchain.model.wire import Genesis
    from govchain.sdk.client import Client
    from govchain.sdk.http import HttpTransport
    from govchain.sdk.sessions import SessionGrant
    from govchain.sdk.transport import Transport
    from govchain.sdk.trust import TrustStore
    from govchain.signers import Signer

_Http = TypeVar("_Http", bound="HttpTransport")

__all__ = [
    "DEFAULT_KEY",
    "Opened",
    "find_data",
    "keys_folder",
    "login_to_node",
    "open_chain",
    "open_http",
    "open_http_as",
    "open_key",
    "open_transport",
    "passphrases",
    "read_genesis",
    "target_genesis",
    "trust_store",
    "trusted_chain",
]

#: The key that signs evidence unless another is named.
DEFAULT_KEY = "department"


@dataclass(frozen=True, slots=True)
class Opened:
    """A chain that a command works on, and where the user's keys for it lie."""

    target: Target
    client: Client
    keys: Path


def trust_store() -> TrustStore:
    """The user's trust store."""
    from govchain.sdk.trust import TrustStore, default_trust_path  # noqa: PLC0415 - loaded by the commands that need it

    return TrustStore(default_trust_path())


def passphrases(keys_path: Path | None, *, new: bool = False) -> Callable[[str], bytes]:
    """Where passphrases come from: ``GOVCHAIN_PASSPHRASE``, the data directory's own file, or a person at the terminal.

    ``new``: a person gives it twice.
    """
    from govchain import signers  # noqa: PLC0415 - loaded by the commands that need it

    def ask(name: str) -> str:
        import typer  # noqa: PLC0415 - only where somebody is asked

        if not sys.stdin.isatty():
            bounds = {"length_min": signers.PASSPHRASE_BYTES_MIN, "length_max": signers.PASSPHRASE_BYTES_MAX}
            raise UsageError(Code.PASSPHRASE_UNUSABLE, source=t("cli.no_terminal"), **bounds)
        question = visible(t("cli.passphrase_for", name=name))
        return str(typer.prompt(question, hide_input=True, err=True, confirmation_prompt=new))

    return signers.passphrase_source(keys_path, signers.passphrase_from_prompt(ask))


def open_key(name: str, keys_path: Path | None, *, quiet: bool = False) -> Signer:
    """The key with that name in ``keys_path``, at that path, or at that URI.

    A file ``passphrase`` beside the key's own file opens it, as where ``init`` makes keys.
    """
    from govchain.signers import open_signer  # noqa: PLC0415 - loaded by the commands that need it

    inside = None if keys_path is None else keys_path / f"{name}.pem"
    if ":" in name:
        uri = name
    elif inside is not None and "/" not in name and inside.exists():
        uri = f"file:{inside}"
    else:
        uri = f"file:{name}"
    folder = Path(uri.removeprefix("file:")).parent if uri.startswith("file:") else None
    return open_signer(uri, passphrases(folder), notice=None if quiet else notice)


def read_genesis(path: Path) -> Genesis:
    """The genesis of the data directory at ``path``, without opening the directory.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_MISSING`` when it has none. DecodingError: it is none.
    """
    from govchain.proof.genesis import decode_genesis  # noqa: PLC0415 - loaded by the commands that need it

    return decode_genesis(read_genesis_file(path))


def read_genesis_file(path: Path) -> bytes:
    """The genesis file's bytes of the data directory at ``path``.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_MISSING``.
    """
    try:
        return (path / "genesis.json").read_bytes()
    except OSError as error:
        raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(path), reason=error.strerror or "") from None


def target_genesis(target: Target) -> bytes:
    """The genesis of the chain there as its node gives it, not yet trusted."""
    if target.path is not None:
        return read_genesis_file(target.path)
    with open_transport(target, write=False) as transport:
        return transport.genesis()


def trusted_chain(target: Target) -> tuple[Suite, str]:
    """Algorithms and id of the chain that a node serves, where the user trusts it.

    Raises:
        VerificationError: ``TRUST_MISMATCH``.
    """
    from govchain.sdk.client import Client  # noqa: PLC0415 - loaded by the commands that need it

    with open_http(target) as transport, _trusted(target):
        client = Client(transport, trust=trust_store().trusted())
        return client.suite, client.genesis.chain


def keys_folder(target: Target) -> Path:
    """Where keys that are only named lie: in the data directory, or in the user's own folder for work on a node."""
    return default_home() / "keys" if target.path is None else target.path / "keys"


@contextmanager
def open_transport(target: Target, *, write: bool) -> Iterator[Transport]:
    """The way to the node: in this process, or by HTTP with the session that the user logged in for."""
    if target.path is not None:
        from govchain.node.embedded import open_embedded  # noqa: PLC0415 - the node is heavy, and only needed here

        with open_embedded(target.path, read_only=not write, notice=notice) as node:
            yield node.transport
        return
    with open_http(target) as transport:
        yield transport


def open_http(target: Target) -> HttpTransport:
    """The way to a node by HTTP, with the session that is kept for it, if any; the caller closes it."""
    from govchain.sdk.http import HttpTransport  # noqa: PLC0415 - loads an HTTP client

    return open_http_as(HttpTransport, target)


def open_http_as(kind: type[_Http], target: Target) -> _Http:
    """The same as a kind of transport that has calls of its own."""
    from govchain.cli.tokens import load_session  # noqa: PLC0415 - loaded by the commands that need it

    assert target.profile is not None
    saved = load_session(target)
    return kind(
        target.profile.url,
        token=None if saved is None else saved.token,
        ca=target.profile.ca or None,
        language=session().language,
    )


def login_to_node(target: Target, *, key: str = "", account: str = "") -> SessionGrant:
    """A session at the node, by the key named or the profile's, for ``account`` (hex) or the key's own.

    Raises:
        GovChainError: what the node or the key says; ``TRUST_MISMATCH`` for a chain that the user does not trust.
    """
    from govchain.sdk.client import Client  # noqa: PLC0415 - loaded by the commands that need it

    name = _key_name(target, key, "")
    with open_http(target) as transport, _trusted(target):
        store = trust_store()
        client = Client(transport, trust=store.trusted(), memory=store)
        client.signer = signer = open_key(name, keys_folder(target))
        try:
            return client.login(account=account or None)
        finally:
            signer.close()


@contextmanager
def open_chain(*, write: bool = False, key: str = "", default_key: str = DEFAULT_KEY) -> Iterator[Opened]:
    """The chain of this run with a client on it; with ``write`` also the key that signs.

    ``key`` is what the user named; without it the profile's, or ``default_key`` of the data directory.

    Raises:
        GovChainError: what finding, opening and trusting it raise; ``TRUST_MISMATCH`` says what to add.
    """
    from govchain.sdk.catalogue import Catalogue  # noqa: PLC0415 - loaded by the commands that need it
    from govchain.sdk.client import Client  # noqa: PLC0415

    target = find_target()
    with ExitStack() as stack:
        keys = keys_folder(target)
        transport = stack.enter_context(open_transport(target, write=write))
        store = trust_store()
        with _trusted(target):
            client = Client(transport, trust=store.trusted(), memory=store)
        path = _catalogue_file(target, client)
        if write:
            make_private_folder(path.parent)
            signer = open_key(_key_name(target, key, default_key), keys)
            stack.callback(signer.close)
            client.signer = signer
        client.catalogue = stack.enter_context(Catalogue.open(path, read_only=not write))
        if write:
            for left in client.recover():
                say(t("cli.pending", id=left.id))
        yield Opened(target, client, keys)


def _catalogue_file(target: Target, client: Client) -> Path:
    """The submitter's directory: in the data directory, or the user's own one for the chain that a node serves."""
    if target.path is not None:
        from govchain.storage import DirectoryLayout  # noqa: PLC0415 - the store is heavy; it is loaded by now

        return DirectoryLayout(target.path).catalogue
    return catalogue_path(default_home(), client.checker.fingerprint.hex())


def _key_name(target: Target, given: str, default: str) -> str:
    if given:
        return given
    if target.profile is None:
        return default
    if not target.profile.key:
        raise UsageError(Code.USAGE, reason=t("cli.needs_key"))
    return target.profile.key


@contextmanager
def _trusted(target: Target) -> Iterator[None]:
    """Add to ``TRUST_MISMATCH`` what its hint names: the genesis file here, or the node that has it."""
    try:
        yield
    except VerificationError as error:
        if error.code is Code.TRUST_MISMATCH:
            name, value = ("node", target.place) if target.path is None else ("path", target.path / "genesis.json")
            error.params[name] = str(value)
        raise
