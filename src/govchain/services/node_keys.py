"""Everything that a node of a chain of several organisations needs before there is a genesis: its keys and its file.

Purpose: what ``govchain node keys`` does. The folder that it makes becomes the node's data directory once genesis is
there (``node.founding``); its member file goes to the others.
Rules: made whole or not at all; keys never leave their encrypted files; the passphrase, unless one was given, lies
beside them, readable by the owner alone. Not here: genesis (:mod:`govchain.services.ceremony`).
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from govchain.consensus.cometbft.keys import create_engine_keys
from govchain.crypto import account_address, get_suite
from govchain.model import Code, RefusedError, UnavailableError, UsageError
from govchain.model.identifiers import check_chain_id, check_credit_code
from govchain.peers.identity import create_tls_key
from govchain.proof.members import (
    MemberAccount,
    MemberAddresses,
    MemberRecord,
    build_member_record,
    check_address,
    encode_member_record,
)
from govchain.services.chains import FIRST_ACCOUNTS, CreatedAccount, make_key_folder
from govchain.services.configurations import AccountPlan
from govchain.signers import create_key_file, open_key_file
from govchain.storage import DirectoryLayout
from govchain.storage.directory import synchronise_tree

__all__ = ["ENGINE_KINDS", "CreatedNode", "NodePlan", "create_node_keys"]

#: External engines by name, and the rule that each stands for.
ENGINE_KINDS: Final[Mapping[str, Literal["bft", "raft"]]] = {"cometbft": "bft", "etcd": "raft"}


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a new node is to be. ``now`` is ms since 1970; addresses are HOST:PORT, ``api`` is a URL or empty.

    ``name`` is the node's, for people. ``passphrase`` protects the keys; None makes one, in a file beside them.
    """

    chain: str
    organisation: str
    organisation_name: str
    name: str
    peers: str
    engine: str
    now: int
    engine_kind: Literal["cometbft", "etcd"] = "cometbft"
    api: str = ""
    suite: str = "gm"
    accounts: tuple[AccountPlan, ...] = FIRST_ACCOUNTS
    passphrase: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CreatedNode:
    """What was made: the folder, the member file in it, and the accounts that it names."""

    path: Path
    record: MemberRecord
    record_file: Path
    accounts: tuple[CreatedAccount, ...]
    passphrase_file: bool


def create_node_keys(path: Path, plan: NodePlan) -> CreatedNode:
    """Make the folder at ``path`` with every key of a node and its signed member file.

    Raises:
        UsageError: ``USAGE`` for a malformed id, code or address.
        RefusedError: ``DATA_DIRECTORY_EXISTS`` unless the folder is absent or empty.
        UnavailableError: ``DISK_FULL``, ``FILE_UNWRITABLE``.
    """
    _check_plan(plan)
    place = Path(os.path.abspath(path))
    if place.is_symlink() or (place.exists() and not (place.is_dir() and not any(place.iterdir()))):
        raise RefusedError(Code.DATA_DIRECTORY_EXISTS, path=str(path))
    building = place.with_name(f".{place.name}.{secrets.token_hex(4)}.creating")
    try:
        building.mkdir(mode=0o700)
        made = _make(building, place, plan)
        synchronise_tree(building)
        building.rename(place)
        synchronise_tree(place.parent, files=False)
    except OSError as error:
        raise UnavailableError(Code.FILE_UNWRITABLE, path=str(path), reason=error.strerror or "") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return made


def _check_plan(plan: NodePlan) -> None:
    """Raise for what can be seen to be wrong before any key is made."""
    faults = (
        (f"chain id {plan.chain!r}", check_chain_id(plan.chain)),
        (f"organisation code {plan.organisation!r}", check_credit_code(plan.organisation)),
        (f"address {plan.peers!r}", check_address(plan.peers)),
        (f"address {plan.engine!r}", check_address(plan.engine)),
        (f"suite {plan.suite!r}", "" if plan.suite in ("gm", "international") else "unknown"),
        (f"engine {plan.engine_kind!r}", "" if plan.engine_kind in ENGINE_KINDS else "unknown"),
        ("name", "" if plan.name and plan.organisation_name else "empty"),
    )
    for what, reason in faults:
        if reason:
            raise UsageError(Code.USAGE, reason=f"{what}: {reason}")


def _make(building: Path, place: Path, plan: NodePlan) -> CreatedNode:
    """Fill ``building``, which is renamed to ``place`` after this."""
    layout, final = DirectoryLayout(building), DirectoryLayout(place)
    suite = get_suite(plan.suite)
    algorithm = suite.member_algorithm
    passphrase = make_key_folder(layout.keys, plan.passphrase)
    create_key_file(layout.node_key, algorithm, passphrase)
    identity = create_tls_key(layout.tls_key, layout.tls_certificate, passphrase, plan.name)
    engine = create_engine_keys(layout.engine) if plan.engine_kind == "cometbft" else None
    accounts: list[tuple[MemberAccount, CreatedAccount]] = []
    for account in plan.accounts:
        key = create_key_file(layout.keys / f"{account.label}.pem", algorithm, passphrase)
        address = account_address(suite, plan.chain, algorithm, key).hex()
        uri = f"file:{final.keys / f'{account.label}.pem'}"
        accounts.append(
            (
                MemberAccount(account.administrator, algorithm, key.hex(), account.label, account.roles),
                CreatedAccount(account.label, address, account.roles, account.administrator, uri),
            )
        )
    signer = open_key_file(layout.node_key, lambda _name: passphrase)
    try:
        record = build_member_record(
            signer,
            chain=plan.chain,
            name=plan.name,
            organisation=plan.organisation,
            organisation_name=plan.organisation_name,
            certificate=identity.certificate,
            addresses=MemberAddresses(api=plan.api, engine=plan.engine, peers=plan.peers),
            issued=plan.now,
            accounts=sorted((account for account, _ in accounts), key=lambda account: account.key),
            engine_key=b"" if engine is None else engine.engine_key,
            engine_node=b"" if engine is None else engine.node_id,
        )
    finally:
        signer.close()
    layout.member_record.write_bytes(encode_member_record(record))
    return CreatedNode(
        place, record, final.member_record, tuple(created for _, created in accounts), plan.passphrase is None
    )
