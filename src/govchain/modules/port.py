"""What a family of built-in rules is: the port between ``ledger`` and ``modules/<family>``.

Purpose: a family declares its namespaces and, for each transaction type and version, one :class:`Handler` with pure
functions: ``check_message`` (the message alone), ``check`` (against the state; answers a code) and ``apply`` (answers
writes and events; may assume that ``check`` said OK on the same view). ``ledger`` does everything else: decoding,
signatures, replay, account status, the permission that the handler declares.

Families from outside the package join through the entry-point group ``govchain.modules`` (an object that satisfies
:class:`Module`); genesis pins name, version and source digest.

Example (see ``examples/module_noticeboard``)::

    MODULE = Module(name="noticeboard", version=1, namespaces=(...,), handlers=(Handler(...),))
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from govchain.crypto import Suite
from govchain.model import Code, UnavailableError
from govchain.model.wire import Body, Event, Genesis
from govchain.state import Namespace

__all__ = [
    "AccountFacts",
    "Context",
    "Directory",
    "Foundation",
    "Handler",
    "Module",
    "Outcome",
    "StateView",
    "Write",
]

#: One state change: key and value, or None to remove the key.
Write = tuple[bytes, bytes | None]


class StateView(Protocol):
    """Read access to the state as it is before the transaction."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a state key."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that start with ``prefix`` and their values, in key order."""


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What other families may know of an account."""

    address: bytes
    organisation: str
    roles: tuple[str, ...]
    administrator: bool
    active: bool
    algorithm: str
    key: bytes
    label: str = ""


class Directory(Protocol):
    """Accounts and organisations as every family sees them; ``ledger`` hands it in."""

    def account(self, address: bytes) -> AccountFacts | None:
        """The account at ``address``."""

    def organisation_name(self, code: str) -> str | None:
        """The name of an organisation, or None when the chain does not know it."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """An organisation to be added with its first account, an administrator; ``key`` is the account's public key.

    ``exists``: the organisation is there already, and gets another administrator; then ``replaces`` may be the address
    (20 bytes) of one of its accounts that is frozen in the same step. ``ledger`` makes the accounts family's writes of
    it; only a family that ``founds`` may answer one.
    """

    code: str
    name: str
    algorithm: str
    key: bytes
    label: str
    roles: tuple[Literal["auditor", "department", "operator", "supervisor"], ...]
    exists: bool = False
    replaces: bytes = b""


def _no_history(_height: int) -> bytes | None:
    raise UnavailableError(Code.STORE_CORRUPT, path="history", reason="not at hand")


@dataclass(slots=True)
class Context:
    """Everything a rule may know besides its message; nothing else exists for it.

    ``time`` is the block's time in ms (in a check before ordering: the one that the next block may have);
    ``height`` and ``index`` place the transaction. ``history`` gives the leaf hash of an earlier block's identity in
    the chain's RFC 9162 tree, by height, None for a block that is not there. ``protocol`` is the block's: rules that
    change keep their old answers under the protocols before.
    """

    suite: Suite
    genesis: Genesis
    body: Body
    transaction: bytes
    signers: tuple[AccountFacts, ...]
    height: int
    index: int
    time: int
    state: StateView
    directory: Directory
    history: Callable[[int], bytes | None] = _no_history
    protocol: int = 1

    @property
    def sender(self) -> AccountFacts:
        """The first signer (发起方)."""
        return self.signers[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a successful transaction changes and tells."""

    writes: Sequence[Write] = ()
    events: tuple[Event, ...] = ()
    foundations: tuple[Foundation, ...] = ()


def _accept(_message: Any) -> Code:
    return Code.OK


@dataclass(frozen=True, slots=True)
class Handler:
    """The rules for one transaction type and version.

    ``roles``: the sender holds at least one of them (empty: any registered account).
    ``administrator``: the sender administers its organisation. ``signers_max``: how many signatures the type takes.
    """

    type: str
    version: int
    message: builtins.type[Any]
    check: Callable[[Context, Any], Code]
    apply: Callable[[Context, Any], Outcome]
    check_message: Callable[[Any], Code] = _accept
    roles: frozenset[str] = frozenset()
    administrator: bool = False
    signers_max: int = 16


def _no_genesis(_suite: Suite, _genesis: Genesis) -> Iterable[Write]:
    return ()


@dataclass(frozen=True, slots=True)
class Module:
    """A family: its name, version, namespaces, handlers, and the writes that genesis makes for it.

    ``package`` and the modules named in ``sources`` hold all of its rules: genesis pins the digest of their text.
    ``readers`` are files of the package, by their path in it, that only readers use (kinds of claim, for one): no rule
    imports them, and the digest leaves them out, so that they may change while a chain runs.
    ``founds``: its outcomes may add organisations and their administrators. ``former`` are digests (hex) of earlier
    texts of the same version that this one executes alike, block for block: where the answer changed, it goes by
    ``Context.protocol``.
    """

    name: str
    version: int
    namespaces: tuple[Namespace, ...]
    handlers: tuple[Handler, ...]
    genesis: Callable[[Suite, Genesis], Iterable[Write]] = _no_genesis
    package: str = field(default="")
    sources: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    founds: bool = False
    former: tuple[str, ...] = ()
