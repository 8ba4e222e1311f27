"""The user's trust store: genesis files and certified headers that the user has decided to believe.

Purpose: trust is given by people, never taken from a package or a node (ARCHITECTURE decision 6). Rules: one file for
each anchor, named by its fingerprint; written beside and renamed, so that a reader never meets half of one; nothing
malformed gets in, and what was altered in the store is refused when it is read. Next to it the store remembers, for
each chain, the highest certified header that was seen, so that no node can show an older one unnoticed.
Not here: verification (``proof``), what to do without trust (:mod:`govchain.sdk.client`).

A *certified header file* is canonical JSON ``{"certificate":{…},"header":{…},"suite":"gm"}``; it vouches for packages
that show themselves to be part of one past with its block.

Example::

    store = TrustStore(default_trust_path())
    store.add(Path("genesis.json").read_bytes())
    report = verify_package(data, store.trusted())
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from govchain.crypto import get_suite
from govchain.model import Code, DecodingError, GovChainError, RefusedError, UnavailableError, UsageError, encode_struct
from govchain.model.canonical import prescan
from govchain.model.decoders import json_decoder
from govchain.model.wire import Certificate, Header
from govchain.proof.certificates import encode_certificate, verify_certificate
from govchain.proof.genesis import decode_genesis, encode_genesis, fingerprint
from govchain.proof.headers import encode_header, header_identity
from govchain.proof.page import shown
from govchain.proof.trust import TrustAnchors
from govchain.sdk.home import default_home

__all__ = [
    "ANCHOR_BYTES_MAX",
    "Anchor",
    "CertifiedHeader",
    "TrustStore",
    "as_trust_anchors",
    "decode_anchor",
    "default_home",
    "default_trust_path",
    "encode_certified_header",
]

#: Bytes of a genesis or certified header file, at most.
ANCHOR_BYTES_MAX = 4 * 1024 * 1024
#: Hex digits of the shortest abbreviation that :meth:`TrustStore.remove` takes.
_PREFIX_MIN = 8


class CertifiedHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A header with the certificate that makes it final, and the suite that its digests are made with."""

    certificate: Certificate
    header: Header
    suite: Literal["gm", "international"]


@dataclass(frozen=True, slots=True)
class Anchor:
    """One thing that is trusted. ``fingerprint`` is hex: of the genesis, or the identity of the header's block."""

    kind: Literal["genesis", "header"]
    fingerprint: str
    chain: str
    height: int
    time: int
    suite: str
    data: bytes

    @property
    def file_name(self) -> str:
        """Its name in the store."""
        return f"{self.fingerprint}.{self.kind}.json"


def default_trust_path() -> Path:
    """Where the user's trust store lies."""
    return default_home() / "trust"


def encode_certified_header(header: bytes, certificate: bytes, suite: str) -> bytes:
    """A certified header file from a header's and its certificate's bytes."""
    return b'{"certificate":' + certificate + b',"header":' + header + b',"suite":"' + suite.encode() + b'"}'


def decode_anchor(data: bytes) -> Anchor:
    """Read a genesis or a certified header file; people may have indented it.

    Raises:
        RefusedError: ``FILE_TOO_LARGE``.
        DecodingError: no strict JSON, or ``GENESIS_INVALID`` when it is neither of the two.
        VerificationError: a header whose certificate does not hold.
    """
    if len(data) > ANCHOR_BYTES_MAX:
        raise RefusedError(Code.FILE_TOO_LARGE, size_max=ANCHOR_BYTES_MAX)
    data = data.rstrip(b" \t\r\n")  # what editors leave at the end
    prescan(data)
    if "certificate" not in msgspec.json.decode(data):
        genesis = decode_genesis(data)
        mark = fingerprint(genesis).hex()
        return Anchor("genesis", mark, genesis.chain, 0, genesis.created, genesis.suite, encode_genesis(genesis))
    try:
        value = json_decoder(CertifiedHeader).decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise DecodingError(Code.HEADER_INVALID, reason=shown(str(error))) from None
    suite, header = get_suite(value.suite), value.header
    identity = header_identity(suite, encode_header(header))
    verify_certificate(suite, header, identity, value.certificate)
    return Anchor("header", identity.hex(), header.chain, header.height, header.time, value.suite, encode_struct(value))


def as_trust_anchors(anchors: Iterable[Anchor]) -> TrustAnchors:
    """Anchors in the form that a verifier takes."""
    genesis, headers = [], []
    for anchor in anchors:
        if anchor.kind == "genesis":
            genesis.append(anchor.fingerprint)
        else:
            headers.append(encode_header(json_decoder(CertifiedHeader).decode(anchor.data).header))
    return TrustAnchors(tuple(genesis), tuple(headers))


class TrustStore:
    """The store at ``path``; made when something is added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, data: bytes) -> Anchor:
        """Trust a genesis or certified header file; adding it again changes nothing.

        Raises:
            GovChainError: what :func:`decode_anchor` raises; the store is unchanged.
            UnavailableError: ``FILE_UNWRITABLE``.
        """
        anchor = decode_anchor(data)
        _write(self.path / anchor.file_name, anchor.data)
        return anchor

    def anchors(self) -> list[Anchor]:
        """Everything trusted, genesis files first, by chain and height.

        Raises:
            DecodingError: ``GENESIS_INVALID`` or ``HEADER_INVALID`` for a file that was altered in the store.
        """
        found = []
        for path in self._files():
            anchor = decode_anchor(_read(path))
            if anchor.file_name != path.name:
                code = Code.GENESIS_INVALID if anchor.kind == "genesis" else Code.HEADER_INVALID
                raise DecodingError(code, reason=f"{path} is not what its name says")
            found.append(anchor)
        return sorted(found, key=lambda anchor: (anchor.kind, anchor.chain, anchor.height, anchor.fingerprint))

    def trusted(self) -> TrustAnchors:
        """Everything trusted, in the form that a verifier takes."""
        return as_trust_anchors(self.anchors())

    def remove(self, name: str) -> Anchor:
        """Trust one thing no longer, by its fingerprint or the beginning of it (eight digits or more).

        Raises:
            UsageError: too short, or more than one begins so. RefusedError: ``NOT_FOUND``.
        """
        if len(name) < _PREFIX_MIN:
            raise UsageError(Code.USAGE, reason=f"a fingerprint, or at least its first {_PREFIX_MIN} digits")
        matches = [path for path in self._files() if path.name.startswith(name)]
        if not matches:
            raise RefusedError(Code.NOT_FOUND, reason=name)
        if len(matches) > 1:
            raise UsageError(Code.USAGE, reason=f"{len(matches)} fingerprints begin with {name}")
        path = matches[0]
        try:
            anchor = decode_anchor(_read(path))
        except GovChainError:
            # Whatever was made of the file, it can be removed.
            mark, kind, _ = path.name.split(".")
            anchor = Anchor("header" if kind == "header" else "genesis", mark, "", 0, 0, "", b"")
        try:
            path.unlink()
            (self._heads / f"{anchor.fingerprint}.json").unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from None
        return anchor

    # The highest header seen, for each chain

    def load_head(self, fingerprint: str) -> tuple[bytes, bytes] | None:
        """Header and certificate remembered for the chain whose genesis has ``fingerprint`` (hex).

        Raises:
            GovChainError: a remembered header that was altered.
        """
        path = self._heads / f"{fingerprint}.json"
        if not path.exists():
            return None
        anchor = decode_anchor(_read(path))
        value = json_decoder(CertifiedHeader).decode(anchor.data)
        return encode_header(value.header), encode_certificate(value.certificate)

    def save_head(self, fingerprint: str, header: bytes, certificate: bytes, suite: str) -> None:
        """Remember a higher certified header; not being able to is no failure of what was asked."""
        with contextlib.suppress(UnavailableError):
            _write(self._heads / f"{fingerprint}.json", encode_certified_header(header, certificate, suite), sync=False)

    @property
    def _heads(self) -> Path:
        return self.path.parent / "heads"

    def _files(self) -> Sequence[Path]:
        try:
            names: Iterable[str] = os.listdir(self.path)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UnavailableError(Code.FILE_UNREADABLE, path=str(self.path), reason=error.strerror or "") from None
        return [self.path / name for name in sorted(names) if name.endswith((".genesis.json", ".header.json"))]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(ANCHOR_BYTES_MAX + 1)
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason=error.strerror or "") from None


def _write(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write beside and rename: a reader sees the old file or the new one."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(Code.FILE_UNWRITABLE, path=str(path), reason=error.strerror or "")
