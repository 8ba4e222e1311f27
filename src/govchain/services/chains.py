"""Making a chain: keys, genesis, data directory.

Purpose: what ``govchain init`` does. Everything is built in one step that either leaves a whole data directory or none.
Rules: keys never leave their encrypted files; the passphrase of an embedded node, unless one was given, lies beside
them, readable by the owner alone, so that it starts unattended (an operator moves it elsewhere, see the guide).
Not here: opening a chain (``node``), the genesis ceremony of several organisations (comes with networks).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
from govchain.signers import create_key_file

__all__ = ["KEYS_FOLDER", "ChainOptions", "CreatedAccount", "CreatedChain", "default_organisation", "prepare_chain"]

#: Accounts that a new embedded chain starts with: file name, roles, whether it administers its organisation.
_ACCOUNTS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("operator", ("operator",), True),
    ("department", ("department",), False),
    ("supervisor", ("supervisor",), False),
    ("auditor", ("auditor",), False),
)
#: Where a data directory keeps its key files.
KEYS_FOLDER = "keys"

_INTERNATIONAL = ("ecdsa-p256-sha256", "ed25519", "rsa-pss-sha256")


def default_organisation() -> tuple[str, str]:
    """Code and name of the organisation that stands in when none is given; its code is well formed and unassigned."""
    first = "11110000DEM000000"
    return first + credit_code_check_digit(first), "示范单位 (demonstration)"


@dataclass(frozen=True, slots=True)
class ChainOptions:
    """What a new chain is to be. ``now`` is ms since 1970, ``algorithms`` defaults to the suite's own.

    ``passphrase`` protects the keys and is written nowhere; None makes one, in a file beside them.
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
    passphrase: bytes | None = field(default=None, repr=False)


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
    chain = options.chain or f"embedded-{secrets.token_hex(4)}"
    reason = check_chain_id(chain)
    if reason:
        raise UsageError(Code.USAGE, reason=f"chain id {chain!r}: {reason}")
    code, name = default_organisation()
    code = options.organisation or code
    name = options.organisation_name or name
    reason = check_credit_code(code)
    if reason:
        raise UsageError(Code.USAGE, reason=f"organisation code {code!r}: {reason}")
    if options.suite not in ("gm", "international"):
        raise UsageError(Code.USAGE, reason=f"suite {options.suite!r}")
    suite = get_suite(options.suite)
    algorithms = options.algorithms or (("sm2-sm3",) if options.suite == "gm" else _INTERNATIONAL)
    passphrase = options.passphrase or secrets.token_hex(32).encode()
    keys_path = directory / KEYS_FOLDER
    keys_path.mkdir(mode=0o700)
    if options.passphrase is None:
        secret = os.open(keys_path / "passphrase", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(secret, "wb") as file:
            file.write(passphrase + b"\n")
    node_key = create_key_file(keys_path / "node.pem", suite.member_algorithm, passphrase)
    account_algorithm = suite.member_algorithm if suite.member_algorithm in algorithms else algorithms[0]
    genesis_accounts: list[GenesisAccount] = []
    created: list[CreatedAccount] = []
    for label, roles, administrator in _ACCOUNTS:
        key = create_key_file(keys_path / f"{label}.pem", account_algorithm, passphrase)
        genesis_accounts.append(
            GenesisAccount(administrator, account_algorithm, key.hex(), label, code, roles)  # type: ignore[arg-type]
        )
        address = account_address(suite, chain, account_algorithm, key).hex()
        uri = f"file:{final_path / keys_path.name / f'{label}.pem'}"
        created.append(CreatedAccount(label, address, roles, administrator, uri))
    genesis = Genesis(
        accounts=(*genesis_accounts, *options.extra_accounts),
        algorithms=tuple(sorted(algorithms)),
        chain=chain,
        created=options.now,
        format="govchain-genesis/1",
        limits=Limits(**options.limits),
        members=(GenesisMember(suite.member_algorithm, node_key.hex(), "node-1", code),),
        modules=options.modules,
        organisations=(GenesisOrganisation(code, name),),
        rule="solo",
        suite=options.suite,  # type: ignore[arg-type]
        test_clock=False,
    )
    fault = check_genesis(genesis)
    if fault:
        raise UsageError(Code.USAGE, reason=fault)
    data = encode_genesis(genesis)
    (directory / "genesis.json").write_bytes(data)
    return CreatedChain(final_path, chain, fingerprint(genesis).hex(), data, tuple(created), options.passphrase is None)
