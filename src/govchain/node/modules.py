"""Which families of rules are installed, and the digests of their sources.

Purpose: genesis pins each family by version and source digest; a node computes the digest from what is installed, and
refuses to start where they differ. The digest is SM3 over the frame ``govchain/module-source/1`` of (file name,
content) pairs of every ``*.py`` of the family's package but those that it declares to be for readers only, and of the
modules that it names beside, sorted by name, with line ends as LF. Families of other packages join by the entry-point
group ``govchain.modules``. Not here: kinds of claim (``sdk.kinds``).
"""

from __future__ import annotations

from importlib import metadata, resources

import govchain_native as native
from govchain.crypto import frame
from govchain.model import Code, UsageError
from govchain.model.wire import GenesisModule
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.modules.governance import MODULE as GOVERNANCE
from govchain.modules.port import Module
from govchain.services.build import package_sources

__all__ = ["ENTRY_POINT_GROUP", "genesis_modules", "installed_modules", "module_digests", "source_digest"]

#: Entry points of this group name a :class:`govchain.modules.port.Module`.
ENTRY_POINT_GROUP = "govchain.modules"


def installed_modules() -> tuple[Module, ...]:
    """The built-in families and those that installed packages offer, sorted by name."""
    found = {module.name: module for module in (ACCOUNTS, EVIDENCE, GOVERNANCE)}
    for entry in sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        module = entry.load()
        if not isinstance(module, Module) or not module.package:
            raise UsageError(Code.USAGE, reason=f"entry point {entry.name} is no family of rules")
        if module.name in found:
            raise UsageError(Code.USAGE, reason=f"two installed families are named {module.name}")
        found[module.name] = module
    return tuple(found[name] for name in sorted(found))


def source_digest(module: Module) -> str:
    """The digest (hex) of a family's sources as they are installed, without what only readers use.

    Raises:
        UsageError: the family declares a file for readers that it does not have.
    """
    parts: list[bytes] = []
    found = package_sources(resources.files(module.package))
    missing = [name for name in module.readers if name not in [path for path, _ in found]]
    if missing:
        raise UsageError(Code.USAGE, reason=f"family {module.name} has no file {missing[0]}")
    found = [(path, content) for path, content in found if path not in module.readers]
    for dotted in module.sources:
        package, _, name = dotted.rpartition(".")
        found.append((dotted, (resources.files(package) / f"{name}.py").read_bytes()))
    for name, content in sorted(found):
        parts += [name.encode(), content.replace(b"\r\n", b"\n")]
    return native.sm3(frame("govchain/module-source/1", *parts)).hex()


def module_digests(modules: tuple[Module, ...]) -> dict[str, str]:
    """Name to source digest."""
    return {module.name: source_digest(module) for module in modules}


def genesis_modules(modules: tuple[Module, ...]) -> tuple[GenesisModule, ...]:
    """The ``modules`` list of a new genesis."""
    digests = module_digests(modules)
    return tuple(GenesisModule(digests[module.name], module.name, module.version) for module in modules)
