"""Lists that people look through: accounts, organisations, blocks; and an account by its name.

Purpose: the pages that a node answers with, each entry proved. Rules: blocks are followed downwards from a final
header, each naming the one before, so that none is left out; a block's transactions are shown once they give its
header's root; each account is proved, while that none was left out is not (the tree is in the order of the keys'
digests). Before the first block the accounts are those of genesis.
Not here: the proofs (:mod:`govchain.sdk.checking`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from govchain.crypto import account_address
from govchain.model import Code, RefusedError, UnavailableError, UsageError, VerificationError
from govchain.model.identifiers import is_hex
from govchain.modules.accounts.messages import (
    AccountValue,
    account_key,
    decode_account,
    decode_organisation,
    organisation_key,
)
from govchain.sdk.checking import VerifiedHeader
from govchain.sdk.records import Account, Organisation
from govchain.sdk.transport import AccountPage, OrganisationPage

if TYPE_CHECKING:
    from govchain.sdk.client import Client

__all__ = ["ACCOUNTS_MAX", "list_accounts", "list_blocks", "list_organisations", "resolve_account"]

#: Accounts that are looked through, at most.
ACCOUNTS_MAX = 100_000
_ADDRESS_DIGITS = 40
#: What the state keys of all accounts, and of all organisations, begin with.
_ACCOUNTS = account_key(b"")
_ORGANISATIONS = organisation_key("")


def list_accounts(client: Client) -> list[Account]:
    """The accounts that the node shows, by organisation, name and address.

    Raises:
        VerificationError: ``STATUS_PROOF`` for what is no account, or is shown twice; and those of checking a status.
        UnavailableError: ``TIMED_OUT`` when there is no end to them.
    """
    newest = client.checker.newest_header()
    if newest is None:
        found = _genesis_accounts(client)
    else:
        shown = _shown(client, client.transport.accounts, _ACCOUNTS)
        found = [Account(key[len(_ACCOUNTS) :].hex(), decode_account(value), height) for key, value, height in shown]
    return sorted(found, key=lambda one: (one.state.organisation, one.state.label, one.address))


def resolve_account(client: Client, text: str) -> str:
    """The address (hex) that a person means: an address, or the name of exactly one account.

    Raises:
        UsageError: more than one account has that name. RefusedError: ``NOT_FOUND``.
    """
    name = text.strip()
    if is_hex(name.lower(), _ADDRESS_DIGITS):
        return name.lower()
    addresses = [account.address for account in list_accounts(client) if account.state.label == name]
    if not addresses:
        raise RefusedError(Code.NOT_FOUND, reason=f"{text} is neither an account's address nor its name")
    if len(addresses) > 1:
        shown = ", ".join(addresses)
        raise UsageError(Code.USAGE, reason=f"{len(addresses)} accounts are named {name}: {shown}")
    return addresses[0]


def list_blocks(client: Client, *, before: int = 0, limit: int = 20) -> list[VerifiedHeader]:
    """Final blocks, newest first, from the newest or below height ``before``; fewer where the chain begins.

    Raises:
        VerificationError: ``HISTORY_INVALID`` for a block that the one above does not name.
    """
    newest = client.checker.newest_header()
    top = 0 if newest is None else newest.header.height
    top = min(top, before - 1) if before else top
    if top < 1 or limit < 1:
        return []
    return client.checker.verified_headers(max(1, top - limit + 1), top)[::-1]


def list_organisations(client: Client) -> list[Organisation]:
    """The organisations that the node shows, by code.

    Raises:
        VerificationError: ``STATUS_PROOF`` for what is none, or is shown twice; and those of checking a status.
        UnavailableError: ``TIMED_OUT`` when there is no end to them.
    """
    if client.checker.newest_header() is None:
        return [Organisation(one.code, one.name, 0) for one in client.genesis.organisations]
    shown = _shown(client, client.transport.organisations, _ORGANISATIONS)
    found = [Organisation(_code(key), decode_organisation(value).name, height) for key, value, height in shown]
    return sorted(found, key=lambda one: one.code)


def _code(key: bytes) -> str:
    try:
        return key[len(_ORGANISATIONS) :].decode("ascii")
    except UnicodeDecodeError:
        raise VerificationError(Code.STATUS_PROOF, reason="not a list of organisations") from None


def _shown(
    client: Client, ask: Callable[[str | None], AccountPage | OrganisationPage], prefix: bytes
) -> Iterator[tuple[bytes, bytes, int]]:
    """Key, value and height of each entry of a namespace that the node shows, page by page, each proved."""
    seen: set[bytes] = set()
    cursor: str | None = None
    while True:
        head = client.checker.seen
        page = ask(cursor)
        keys = [entry.key for entry in page.status.entries]
        if not keys:
            return
        status = client.checker.verified_proof(page.status, keys, seen=head)
        for key, value in zip(keys, status.values, strict=True):
            if not key.startswith(prefix) or value is None or key in seen:
                raise VerificationError(Code.STATUS_PROOF, reason="not what was asked for")
            seen.add(key)
            yield key, value, status.block.header.height
        cursor = page.next
        if cursor is None:
            return
        if len(seen) >= ACCOUNTS_MAX:
            raise UnavailableError(Code.TIMED_OUT, reason=f"more than {ACCOUNTS_MAX} entries")


def _genesis_accounts(client: Client) -> list[Account]:
    """The accounts that the chain begins with, as block 0 has them."""
    found = []
    for one in client.genesis.accounts:
        address = account_address(client.suite, client.genesis.chain, one.algorithm, bytes.fromhex(one.key)).hex()
        state = AccountValue(
            administrator=one.administrator,
            algorithm=one.algorithm,
            height=0,
            key=one.key,
            label=one.label,
            organisation=one.organisation,
            roles=one.roles,
            status="active",
        )
        found.append(Account(address, state, 0))
    return found
