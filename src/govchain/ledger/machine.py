"""The state machine's fixed part: genesis, suite, families and their handlers.

Purpose: everything that stays the same from block to block, built once from genesis and the installed families.
Rules: genesis names the families by version and source digest, and a machine is only built when each is there as named.
Not here: what changes with a block (:mod:`govchain.ledger.chain`), execution (:mod:`govchain.ledger.execution`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from govchain.crypto import BatchVerifier, Suite, get_suite
from govchain.model import Code, UnavailableError, UsageError
from govchain.model.decoders import json_decoder
from govchain.model.wire import Body, Genesis, GenesisModule
from govchain.modules.accounts.views import StateDirectory
from govchain.modules.port import Directory, Handler, Module, StateView, Write
from govchain.proof.genesis import fingerprint, first_signer_set
from govchain.proof.signers import signer_set_digest
from govchain.state import NamespaceRegistry

__all__ = [
    "GOVERNANCE",
    "PROTOCOL_MAX",
    "BoundHandler",
    "Machine",
    "build_machine",
    "first_signers_digest",
    "genesis_writes",
]

#: Name of the family that changes members, limits and the protocol.
GOVERNANCE: Final = "governance"
#: The newest protocol that this software follows; a chain that voted for a newer one is left before its height.
PROTOCOL_MAX: Final = 1


@dataclass(frozen=True, slots=True)
class BoundHandler:
    """A handler with the decoder of its message and the namespaces (``family.noun/``) that it may write to.

    ``founds``: its family may add organisations.
    """

    handler: Handler
    decoder: msgspec.json.Decoder[Any]
    namespaces: frozenset[bytes]
    founds: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """The fixed part of one chain's state machine.

    ``directory`` gives the accounts and organisations that a state view holds, as every family sees them.
    ``governed``: the chain has the family that changes members and limits. ``protocol_max``: the newest protocol that
    this software follows.
    """

    genesis: Genesis
    fingerprint: bytes
    suite: Suite
    modules: tuple[Module, ...]
    handlers: Mapping[tuple[str, int], BoundHandler]
    types: frozenset[str]
    algorithms: frozenset[str]
    namespaces: NamespaceRegistry
    verifier: BatchVerifier
    body_decoder: msgspec.json.Decoder[Body]
    directory: Callable[[StateView], Directory]
    governed: bool = False
    protocol_max: int = PROTOCOL_MAX


def build_machine(
    genesis: Genesis,
    modules: Sequence[Module],
    digests: Mapping[str, str] | None,
    verifier: BatchVerifier,
    *,
    protocol_max: int = PROTOCOL_MAX,
) -> Machine:
    """The machine for ``genesis`` with the installed ``modules``; ``digests`` gives each family's source digest (hex).

    Without ``digests`` the families' texts are not compared: enough to read a chain, never to make or judge blocks.
    ``protocol_max`` is another only where older or newer software is played.

    Raises:
        UnavailableError: ``MODULE_MISSING`` when a family that genesis names is absent or differs.
        UsageError: ``USAGE`` when a family reaches into another one, or declares something twice.
    """
    installed = {module.name: module for module in modules}
    chosen: list[Module] = []
    for wanted in genesis.modules:
        digest = wanted.digest if digests is None else digests.get(wanted.name, "")
        _require(wanted, installed.get(wanted.name), digest)
        chosen.append(installed[wanted.name])
    suite = get_suite(genesis.suite)
    handlers: dict[tuple[str, int], BoundHandler] = {}
    for module in chosen:
        _bind(module, handlers)
    return Machine(
        genesis=genesis,
        fingerprint=fingerprint(genesis),
        suite=suite,
        modules=tuple(chosen),
        handlers=handlers,
        types=frozenset(kind for kind, _ in handlers),
        algorithms=frozenset(genesis.algorithms),
        namespaces=NamespaceRegistry(namespace for module in chosen for namespace in module.namespaces),
        verifier=verifier,
        body_decoder=json_decoder(Body),
        directory=StateDirectory,
        governed=any(module.name == GOVERNANCE for module in chosen),
        protocol_max=protocol_max,
    )


def _bind(module: Module, handlers: dict[tuple[str, int], BoundHandler]) -> None:
    prefix = f"{module.name}."
    names = [namespace.name for namespace in module.namespaces] + [handler.type for handler in module.handlers]
    for name in names:
        if not name.startswith(prefix):
            raise UsageError(Code.USAGE, reason=f"family {module.name} declares {name}, which is another family's")
    namespaces = frozenset(namespace.prefix for namespace in module.namespaces)
    for handler in module.handlers:
        if (handler.type, handler.version) in handlers:
            raise UsageError(Code.USAGE, reason=f"{handler.type} version {handler.version} is declared twice")
        handlers[handler.type, handler.version] = BoundHandler(
            handler=handler,
            decoder=json_decoder(handler.message),
            namespaces=namespaces,
            founds=module.founds,
        )


def _require(wanted: GenesisModule, module: Module | None, digest: str) -> None:
    if module is not None and module.version == wanted.version and wanted.digest in (digest, *module.former):
        return
    found = "none" if module is None else f"version {module.version}, {digest[:16]}"
    reason = f"{wanted.name}: wanted version {wanted.version}, {wanted.digest[:16]}; found {found}"
    raise UnavailableError(Code.MODULE_MISSING, reason=reason)


def genesis_writes(machine: Machine) -> list[Write]:
    """The state that genesis makes, sorted by key."""
    return sorted(_all_genesis_writes(machine), key=lambda write: write[0])


def _all_genesis_writes(machine: Machine) -> Iterable[Write]:
    for module in machine.modules:
        prefix = f"{module.name}.".encode()
        for key, value in module.genesis(machine.suite, machine.genesis):
            if not key.startswith(prefix):
                raise UsageError(Code.USAGE, reason=f"family {module.name} writes {key[:64]!r} at genesis")
            yield key, value


def first_signers_digest(machine: Machine) -> bytes:
    """Digest of genesis' signer set."""
    return signer_set_digest(machine.suite, first_signer_set(machine.genesis))
