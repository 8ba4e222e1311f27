"""The engine's own keys: the one that votes, the one that names its process to other engines, and what it signed last.

Purpose: make them once, read their public halves. Both are Ed25519, in the files that CometBFT v0.39 reads:
``config/priv_validator_key.json``, ``config/node_key.json``, ``data/priv_validator_state.json``.
Rules: the files are private to their owner (0600) and never overwritten. The last one is what keeps a member from
voting twice at one height: it starts at zero, belongs to the key, and an older copy of it is never put back.
Not here: the member's key, which signs blocks (``signers``); these keys sign nothing that a verifier looks at.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govchain.model import Code, UnavailableError
from govchain.model.decoders import json_decoder

__all__ = [
    "NODE_KEY_FILE",
    "OBSERVER_KEY_FILE",
    "OBSERVER_STATE_FILE",
    "VALIDATOR_KEY_FILE",
    "VALIDATOR_STATE_FILE",
    "EngineKeys",
    "copy_engine_keys",
    "create_engine_keys",
    "create_observer_key",
    "engine_address",
    "read_engine_keys",
]

#: Places below the engine's home.
VALIDATOR_KEY_FILE: Final = "config/priv_validator_key.json"
NODE_KEY_FILE: Final = "config/node_key.json"
VALIDATOR_STATE_FILE: Final = "data/priv_validator_state.json"
#: The key of an engine that follows without voting: nobody knows it.
OBSERVER_KEY_FILE: Final = "config/observer_key.json"
OBSERVER_STATE_FILE: Final = "data/observer_state.json"

_PUBLIC_TYPE: Final = "tendermint/PubKeyEd25519"
_PRIVATE_TYPE: Final = "tendermint/PrivKeyEd25519"
_FILE_BYTES_MAX: Final = 16 * 1024
#: The record of a key that has not voted.
_NO_VOTE: Final = b'{"height":"0","round":0,"step":0}'

_File = TypeVar("_File", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class EngineKeys:
    """Public halves: ``engine_key`` votes (32 bytes of Ed25519), ``node_id`` names the process (20 bytes)."""

    engine_key: bytes
    node_id: bytes


class _Typed(msgspec.Struct, frozen=True):
    type: str
    value: str


class _ValidatorKey(msgspec.Struct, frozen=True):
    address: str
    pub_key: _Typed
    priv_key: _Typed


class _NodeKey(msgspec.Struct, frozen=True):
    priv_key: _Typed


def engine_address(public: bytes) -> bytes:
    """How CometBFT names a key: the first 20 bytes of SHA-256 over its 32 bytes (its spec, "Addresses")."""
    return hashlib.sha256(public).digest()[:20]


def create_engine_keys(home: Path) -> EngineKeys:
    """Make the engine's keys below ``home``; a home that has both already is read and left as it is.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_INCOMPLETE`` when only some of the files are there: a lost vote record must
            not be made anew beside a key that may have voted.
        OSError: when the files cannot be written.
    """
    files = [home / VALIDATOR_KEY_FILE, home / NODE_KEY_FILE, home / VALIDATOR_STATE_FILE]
    there = [path.exists() for path in files]
    if all(there):
        return read_engine_keys(home)
    if any(there):
        missing = files[there.index(False)]
        raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(missing), reason="some engine files are there")
    for folder in ("config", "data"):
        (home / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    naming = Ed25519PrivateKey.generate()
    _write(files[1], msgspec.json.encode(_NodeKey(_private(naming))))
    public = _create_voting_key(files[0], files[2])
    return EngineKeys(public, engine_address(naming.public_key().public_bytes_raw()))


def copy_engine_keys(source: Path, home: Path) -> EngineKeys:
    """The keys below ``source`` for another chain's engine below ``home``, which has none, with a record of its own.

    A vote names its chain, so that one key may vote on several; the record of votes belongs to one chain and engine.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_INCOMPLETE``: a file of ``source`` is missing or not what CometBFT reads.
        OSError: when the files cannot be written.
    """
    keys = read_engine_keys(source)
    for folder in ("config", "data"):
        (home / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(home / VALIDATOR_STATE_FILE, _NO_VOTE)
    for name in (NODE_KEY_FILE, VALIDATOR_KEY_FILE):
        _write(home / name, (source / name).read_bytes())
    return keys


def create_observer_key(home: Path) -> None:
    """Make the key with which an engine follows without voting, unless it is there.

    Raises:
        OSError: when the files cannot be written.
    """
    if not (home / OBSERVER_KEY_FILE).exists():
        _create_voting_key(home / OBSERVER_KEY_FILE, home / OBSERVER_STATE_FILE)


def _create_voting_key(path: Path, record: Path) -> bytes:
    """A voting key and its record; the record comes first: no key may ever vote without it."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    _write(record, _NO_VOTE)
    address = engine_address(public).hex().upper()
    shown = _Typed(_PUBLIC_TYPE, base64.b64encode(public).decode())
    _write(path, msgspec.json.encode(_ValidatorKey(address, shown, _private(key))))
    return public


def read_engine_keys(home: Path) -> EngineKeys:
    """The public halves of the keys below ``home``.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_INCOMPLETE``: a file is missing or is not what CometBFT reads.
    """
    validator = _decode(home / VALIDATOR_KEY_FILE, _ValidatorKey)
    node = _decode(home / NODE_KEY_FILE, _NodeKey)
    voting = _public(validator.priv_key, home / VALIDATOR_KEY_FILE)
    return EngineKeys(voting, engine_address(_public(node.priv_key, home / NODE_KEY_FILE)))


def _private(key: Ed25519PrivateKey) -> _Typed:
    # The form of the engine: 32 bytes of seed, then the 32 bytes of the public key.
    whole = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return _Typed(_PRIVATE_TYPE, base64.b64encode(whole).decode())


def _public(key: _Typed, path: Path) -> bytes:
    try:
        whole = base64.b64decode(key.value, validate=True)
    except ValueError:
        whole = b""
    if key.type != _PRIVATE_TYPE or len(whole) != 64:
        raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path), reason="no Ed25519 key")
    public = Ed25519PrivateKey.from_private_bytes(whole[:32]).public_key().public_bytes_raw()
    if public != whole[32:]:
        raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path), reason="the key's halves differ")
    return public


def _decode(path: Path, kind: type[_File]) -> _File:
    try:
        with path.open("rb") as file:
            return json_decoder(kind).decode(file.read(_FILE_BYTES_MAX))
    except OSError as error:
        reason = error.strerror or ""
    except msgspec.DecodeError as error:
        reason = str(error)
    raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path), reason=reason)


def _write(path: Path, data: bytes) -> None:
    """A new file that is whole and durable, or not there."""
    building = path.with_name(path.name + ".new")
    building.unlink(missing_ok=True)
    handle = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    building.rename(path)
