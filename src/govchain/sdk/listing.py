"""Lists that people look through: accounts, blocks, the transactions of a block; and an account by its name.

Purpose: the pages that a node answers with, each entry proved. Rules: blocks are followed downwards from a final
header, each naming the one before, so that none is left out; a block's transactions are shown once they give its
header's root; each account is proved, while that none was left out is not (the tree is in the order of the keys'
digests). Before the first block the accounts are those of genesis.
Not here: the proofs (:mod:`govchain.sdk.checking`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from govchain.crypto import account_address
from govchain.merkle import root
from govchain.model import Code, RefusedError, UsageError, VerificationError
from govchain.model.identifiers import is_hex
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.headers import decode_header, header_identity
from govchain.sdk.checking import VerifiedHeader
from govchain.sdk.records import Account, AccountState, account_key, decode_account
from govchain.sdk.transport import BLOCKS_PER_PAGE_MAX, TRANSACTIONS_PER_PAGE_MAX, BlockTransaction

if TYPE_CHECKING:
    from govchain.sdk.client import Client

__all__ = ["ACCOUNTS_MAX", "list_accounts", "list_blocks", "list_transactions", "resolve_account"]

#: Accounts that are looked through, at most.
ACCOUNTS_MAX = 100_000
_ADDRESS_DIGITS = 40
#: The state key of the account with an empty address: what all accounts' keys begin with.
_PREFIX = account_key("")


def list_accounts(client: Client) -> list[Account]:
    """The accounts that the node shows, by organisation, name and address.

    Raises:
        VerificationError: ``STATUS_PROOF`` for what is no account, or is shown twice; and those of checking a status.
        UnavailableError: ``TIMED_OUT`` when there is no end to them.
    """
    newest = client.checker.newest_header()
    found = _genesis_accounts(client) if newest is None else list(_shown_accounts(client))
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
    found: list[VerifiedHeader] = []
    while top > 0 and len(found) < limit:
        low = max(1, top - min(limit - len(found), BLOCKS_PER_PAGE_MAX) + 1)
        found += _range(client, low, top)
        top = low - 1
    return found


def list_transactions(client: Client, height: int) -> tuple[VerifiedHeader, list[BlockTransaction]]:
    """A final block with all its transactions, in order.

    Raises:
        UnavailableError: ``NOT_FOUND``. VerificationError: ``TRANSACTION_PROOF`` or ``RECEIPT_PROOF`` when they do not
        give the header's roots.
    """
    block = client.checker.verified_header(height)
    found: list[BlockTransaction] = []
    cursor: str | None = None
    while True:
        page = client.transport.block_transactions(height, cursor, TRANSACTIONS_PER_PAGE_MAX)
        if page is None:
            raise VerificationError(Code.TRANSACTION_PROOF, reason=f"block {height}: transaction root")
        found += page.transactions
        cursor = page.next
        if cursor is None or not page.transactions or len(found) > block.header.transaction_count:
            break
    digest = client.suite.digest
    if root(digest, [digest(one.envelope) for one in found]).hex() != block.header.transaction_root:
        raise VerificationError(Code.TRANSACTION_PROOF, reason=f"block {height}: transaction root")
    return block, found


def _shown_accounts(client: Client) -> Iterator[Account]:
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        page = client.transport.accounts(cursor)
        keys = [entry.key for entry in page.status.entries]
        if not keys:
            return
        status = client.checker.verified_proof(page.status, keys)
        for key, value in zip(keys, status.values, strict=True):
            address = key[len(_PREFIX) :].hex()
            if not key.startswith(_PREFIX) or value is None or address in seen:
                raise VerificationError(Code.STATUS_PROOF, reason="not a list of accounts")
            seen.add(address)
            yield Account(address, decode_account(value), status.block.header.height)
        cursor = page.next
        if cursor is None or len(seen) >= ACCOUNTS_MAX:
            return


def _genesis_accounts(client: Client) -> list[Account]:
    """The accounts that the chain begins with, as block 0 has them."""
    found = []
    for one in client.genesis.accounts:
        address = account_address(client.suite, client.genesis.chain, one.algorithm, bytes.fromhex(one.key)).hex()
        state = AccountState(
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


def _range(client: Client, low: int, top: int) -> list[VerifiedHeader]:
    """Final blocks from ``top`` down to ``low``: the highest proved as any header, each lower one named by the next."""
    highest = client.checker.verified_header(top)
    found = [highest]
    if low == top:
        return found
    for record in reversed(client.transport.headers(low, top - 1).blocks):
        above = found[-1].header
        identity = header_identity(client.suite, record.header)
        if identity.hex() != above.previous:
            raise VerificationError(Code.HISTORY_INVALID, reason=f"block {above.height} names another block before it")
        header = decode_header(record.header)
        if record.certificate is None:
            found.append(client.checker.verified_header(header.height))
            continue
        verify_certificate(client.suite, header, identity, decode_certificate(record.certificate))
        found.append(VerifiedHeader(header, record.header, record.certificate, identity))
    if found[-1].header.height != low:
        raise VerificationError(Code.HISTORY_INVALID, reason=f"block {found[-1].header.height} is the last one shown")
    return found
