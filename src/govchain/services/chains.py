"""Making a chain: keys, genesis, data directory.

Purpose: what ``govchain init`` does. Everything is built in one step that either leaves a whole data directory or none.
Rules: keys never leave their encrypted files; the passphrase of an embedded node, unless one was given, lies beside
them, readable by the owner alone, so that it starts unattended (an operator moves it elsewhere, see the guide).
Not here: opening a chain (``node``), the genesis ceremony of several organisations (``services.ceremony``).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from govchain.crypto import account_address, get_suite
from govchain.model import Code, UsageError
from govchain.model.identifiers import check_chain_id, check_credit_code, credit_code_check_digit
from govchain.model.wire import (
    Genesis,
    GenesisAccount,
    GenesisMember,
    GenesisModule,
    GenesisOrganisation,
    Limits,
)
from govchain.proof.genesis import check_genesis, encode_genesis, fingerprint
from govchain.services.configurations import AccountPlan, Configuration
from govchain.signers import PASSPHRASE_FILE, create_key_file
from govchain.storage import DirectoryLayout
from govchain.texts import sentence

__all__ = [
    "FIRST_ACCOUNTS",
    "INTERNATIONAL_ALGORITHMS",
    "ChainOptions",
    "CreatedAccount",
    "CreatedChain",
    "default_organisation",
    "make_key_folder",
    "prepare_chain",
]

#: Accounts that an organisation starts with.
FIRST_ACCOUNTS: Final = (
    AccountPlan(administrator=True, label="operator", organisation="", roles=("operator",)),
    AccountPlan(administrator=False, label="department", organisation="", roles=("department",)),
    AccountPlan(administrator=False, label="supervisor", organisation="", roles=("supervisor",)),
    AccountPlan(administrator=False, label="auditor", organisation="", roles=("auditor",)),
)
#: What a key file may be called, and what other files beside it are called. Numbered ones have a dot, labels have none.
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_RESERVED_NAMES = ("", "node")

#: Algorithms of the international suite that a new chain allows.
INTERNATIONAL_ALGORITHMS: Final = ("ecdsa-p256-sha256", "ed25519", "rsa-pss-sha256")


def default_organisation(language: str = "zh") -> tuple[str, str]:
    """Code and name of the organisation that stands in when none is given; its code is well formed and unassigned.

    The name is in one ``language``, zh or en.
    """
    first = "11110000DEM000000"
    return first + credit_code_check_digit(first), sentence("init.demonstration_organisation", language)


@dataclass(frozen=True, slots=True)
class ChainOptions:
    """What a new chain is to be. ``now`` is ms since 1970, ``algorithms`` defaults to the suite's own.

    ``passphrase`` protects the keys and is written nowhere; None makes one, in a file beside them. ``configuration``:
    of another chain, for suite, algorithms, limits, organisations and accounts; then only ``chain`` may be given, too.
    ``language``: of the stand-in organisation's name, where none is given.
    """

    now: int
    chain: str = ""
    suite: str = "gm"
    organisation: str = ""
    organisation_name: str = ""
    algorithms: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    modules: tuple[GenesisModule, ...] = ()
    extra_accounts: tuple[GenesisAccount, ...] = ()
    configuration: Configuration | None = None
    passphrase: bytes | None = field(default=None, repr=False)
    language: str = "zh"


@dataclass(frozen=True, slots=True)
class CreatedAccount:
    """An account made with the chain: its name, address (hex), roles and the URI of its key."""

    name: str
    address: str
    roles: tuple[str, ...]
    administrator: bool
    key_uri: str


@dataclass(frozen=True, slots=True)
class CreatedChain:
    """What was made. ``fingerprint`` is hex; ``genesis_bytes`` is canonical JSON."""

    path: Path
    chain: str
    fingerprint: str
    genesis_bytes: bytes
    accounts: tuple[CreatedAccount, ...]
    passphrase_file: bool = True


def prepare_chain(directory: Path, final_path: Path, options: ChainOptions) -> CreatedChain:
    """Make keys and genesis in ``directory`` (not yet in its final place ``final_path``).

    Raises:
        UsageError: a malformed chain id, organisation code, suite or limit.
    """
    options, accounts = _planned(options)
    chain = options.chain or f"embedded-{secrets.token_hex(4)}"
    reason = check_chain_id(chain)
    if reason:
        raise UsageError(Code.USAGE, reason=f"chain id {chain!r}: {reason}")
    code, organisation_name = default_organisation(options.language)
    code = options.organisation or code
    organisation_name = options.organisation_name or organisation_name
    reason = check_credit_code(code)
    if reason:
        raise UsageError(Code.USAGE, reason=f"organisation code {code!r}: {reason}")
    if options.suite not in ("gm", "international"):
        raise UsageError(Code.USAGE, reason=f"suite {options.suite!r}")
    suite = get_suite(options.suite)
    algorithms = options.algorithms or (("sm2-sm3",) if options.suite == "gm" else INTERNATIONAL_ALGORITHMS)
    layout = DirectoryLayout(directory)
    keys_path = layout.keys
    passphrase = make_key_folder(keys_path, options.passphrase)
    node_key = create_key_file(layout.node_key, suite.member_algorithm, passphrase)
    account_algorithm = suite.member_algorithm if suite.member_algorithm in algorithms else algorithms[0]
    genesis_accounts: list[GenesisAccount] = []
    created: list[CreatedAccount] = []
    for name, plan in zip(_key_names(accounts), accounts, strict=True):
        key = create_key_file(keys_path / f"{name}.pem", account_algorithm, passphrase)
        owner = plan.organisation or code
        genesis_accounts.append(
            GenesisAccount(plan.administrator, account_algorithm, key.hex(), plan.label, owner, plan.roles)
        )
        address = account_address(suite, chain, account_algorithm, key).hex()
        uri = f"file:{final_path / keys_path.name / f'{name}.pem'}"
        created.append(CreatedAccount(name, address, plan.roles, plan.administrator, uri))
    member = "node-1"
    organisations: tuple[GenesisOrganisation, ...] = (GenesisOrganisation(code, organisation_name),)
    if options.configuration is not None:
        member, organisations = options.configuration.members[0].name, options.configuration.organisations
    genesis = Genesis(
        accounts=(*genesis_accounts, *options.extra_accounts),
        algorithms=tuple(sorted(algorithms)),
        chain=chain,
        created=options.now,
        format="govchain-genesis/1",
        limits=Limits(**options.limits),
        members=(GenesisMember(suite.member_algorithm, node_key.hex(), member, code),),
        modules=options.modules,
        organisations=organisations,
        rule="solo",
        suite=options.suite,  # type: ignore[arg-type]
        test_clock=False,
    )
    fault = check_genesis(genesis)
    if fault:
        raise UsageError(Code.USAGE, reason=fault)
    data = encode_genesis(genesis)
    layout.genesis.write_bytes(data)
    return CreatedChain(final_path, chain, fingerprint(genesis).hex(), data, tuple(created), options.passphrase is None)


def make_key_folder(path: Path, given: bytes | None) -> bytes:
    """Make the folder for key files; the passphrase for them: ``given``, or a new one that is written beside them."""
    path.mkdir(mode=0o700)
    if given is not None:
        return given
    passphrase = secrets.token_hex(32).encode()
    secret = os.open(path / PASSPHRASE_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(secret, "wb") as file:
        file.write(passphrase + b"\n")
    return passphrase


def _planned(options: ChainOptions) -> tuple[ChainOptions, tuple[AccountPlan, ...]]:
    """The options with what a configuration says, and the accounts to make."""
    plan = options.configuration
    if plan is None:
        return options, FIRST_ACCOUNTS
    filled = replace(
        options,
        chain=options.chain or plan.chain,
        suite=plan.suite,
        organisation=plan.members[0].organisation,
        algorithms=plan.algorithms,
        limits=msgspec.structs.asdict(plan.limits),
    )
    return filled, plan.accounts


def _key_names(accounts: Sequence[AccountPlan]) -> list[str]:
    """A name for each account's key file: its label where that is a plain name of its own, else a number."""
    labels = [account.label for account in accounts]
    names = []
    for number, label in enumerate(labels, 1):
        plain = label not in _RESERVED_NAMES and _NAME_CHARACTERS.issuperset(label) and labels.count(label) == 1
        names.append(label if plain else f"account.{number}")
    return names
