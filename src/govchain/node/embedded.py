"""The embedded node: a chain of one node in one process, and making such a chain.

Purpose: what ``govchain`` uses when no server is named, and what tests and demos run: a data directory with the solo
engine. :func:`open_embedded` is :func:`govchain.node.opening.open_node` for a caller that needs a chain of its own.
Not here: use cases (``services``), how a chain is planned (``services.chains``), the node itself (``opening``).

Example::

    with open_embedded(Path("d")) as node:
        client = Client(node.transport, ...)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from govchain.consensus import LedgerApplication, Pool
from govchain.consensus.ports import Clock
from govchain.model import Code, UnavailableError
from govchain.model.wire import GenesisModule
from govchain.node.modules import genesis_modules, installed_modules
from govchain.node.opening import Node, NodeOptions, load_machine, open_node, system_clock
from govchain.node.settings import Settings
from govchain.proof.genesis import decode_genesis
from govchain.proof.page import shown
from govchain.services.chains import ChainOptions, CreatedChain, prepare_chain
from govchain.services.configurations import Configuration, settings_file
from govchain.signers import Notice, passphrase_given, passphrase_source
from govchain.storage import DirectoryLayout, RocksStore, create_directory

__all__ = [
    "NodeOptions",
    "create_chain",
    "load_machine",
    "open_embedded",
    "passphrase_source",
    "system_clock",
]


def create_chain(path: Path, options: ChainOptions | None = None) -> CreatedChain:
    """Make a data directory with a new chain: keys, genesis, and the state of genesis; all of it or nothing.

    The keys' passphrase is ``GOVCHAIN_PASSPHRASE`` where that is set and the options have none.

    Raises:
        RefusedError: the directory exists already. UsageError: malformed options.
    """
    options = options or ChainOptions(now=system_clock().wall())
    options = replace(options, modules=options.modules or _families(options.configuration))
    given = passphrase_given()
    if options.passphrase is None and given is not None:
        # Opening takes it from there too, before any file.
        options = replace(options, passphrase=given(""))
    settings = {} if options.configuration is None else options.configuration.settings
    Settings(settings)  # refuses what this release does not know
    with create_directory(path) as building:
        created = prepare_chain(building, path.absolute(), options)
        if settings:
            DirectoryLayout(building).settings.write_bytes(settings_file(settings))
        machine = load_machine(decode_genesis(created.genesis_bytes))
        layout = DirectoryLayout(building)
        store = RocksStore(layout.store, checkpoints=layout.checkpoints)
        try:
            LedgerApplication(machine, store, Pool(), system_clock().wall).init_chain()
        finally:
            store.close()
    return created


def _families(configuration: Configuration | None) -> tuple[GenesisModule, ...]:
    """The installed families as genesis names them; of a configuration just its own."""
    installed = genesis_modules(installed_modules())
    if configuration is None:
        return installed
    known = {family.name: family for family in installed}
    for wanted in configuration.families:
        if wanted.name not in known or known[wanted.name].version != wanted.version:
            raise UnavailableError(Code.MODULE_MISSING, reason=f"{shown(wanted.name)} version {wanted.version}")
    return tuple(known[family.name] for family in configuration.families)


def open_embedded(
    path: Path,
    *,
    read_only: bool = False,
    options: NodeOptions | None = None,
    clock: Clock | None = None,
    on_problem: Callable[[Code, str], None] | None = None,
    notice: Notice | None = None,
) -> Node:
    """Open the data directory of a chain of one node; to read, of any chain, beside a running node.

    Raises:
        UnavailableError: as :func:`~govchain.node.opening.open_node`; ``ENGINE_MISMATCH`` for a chain of several nodes
            that is to be written to.
    """
    return open_node(
        path,
        read_only=read_only,
        options=options,
        clock=clock,
        on_problem=on_problem,
        notice=notice,
        rules=frozenset({"solo"}),
    )
