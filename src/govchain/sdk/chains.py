"""Chains that the members created by vote: the change that asks for one, and what was decided.

Purpose: :func:`chain_creation` puts the change together, :func:`list_chains` answers the decisions, each proved from
the user's own trust with the genesis that followed. Rules: a genesis counts only with the fingerprint that the proved
state names; an entry can be left out by a node, not altered. Not here: what a node says of the chains that it hosts
(``sdk.network``), how a genesis follows (``modules.governance``), who runs them (``node``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from govchain.model import Code, RefusedError, UsageError, VerificationError
from govchain.modules.governance.messages import (
    CHAIN_ACCOUNTS_MAX,
    ChainCreate,
    ChainValue,
    chain_key,
    decode_chain,
)
from govchain.proof.genesis import fingerprint
from govchain.sdk.governing import has_governance, list_members, proved_values, told_events
from govchain.sdk.listing import list_accounts, resolve_account

if TYPE_CHECKING:
    from govchain.sdk.client import Client

__all__ = [
    "DecidedChain",
    "chain_creation",
    "find_chain",
    "list_chains",
]


@dataclass(frozen=True, slots=True)
class DecidedChain:
    """What was decided about a chain, as it was after block ``as_of``; ``state.genesis`` is that of its fingerprint."""

    chain: str
    state: ChainValue
    as_of: int


def chain_creation(client: Client, chain: str, accounts: Sequence[str] = ()) -> ChainCreate:
    """The change that creates ``chain`` with these accounts (addresses or names).

    Without ``accounts``: every active account of the organisations that vote.

    Raises:
        UsageError: more accounts than a chain may begin with, or a name that several have. RefusedError: ``NOT_FOUND``.
    """
    if accounts:
        chosen = {resolve_account(client, one) for one in accounts}
    else:
        voting = {one.state.organisation for one in list_members(client) if one.state.status == "active"}
        chosen = {
            one.address
            for one in list_accounts(client)
            if one.state.status == "active" and one.state.organisation in voting
        }
    if len(chosen) > CHAIN_ACCOUNTS_MAX:
        raise UsageError(Code.USAGE, reason=f"{len(chosen)} accounts; name at most {CHAIN_ACCOUNTS_MAX}")
    return ChainCreate(accounts=tuple(sorted(chosen)), chain=chain)


def list_chains(client: Client) -> list[DecidedChain]:
    """The chains that were decided on and that the node shows, by chain id.

    Raises:
        VerificationError: ``TRUST_MISMATCH`` for a genesis that is not that of its fingerprint.
    """
    if not has_governance(client) or client.checker.newest_header() is None:
        return []
    told = told_events(client, "governance.chain_created", "governance.chain_stopped")
    return _decided(client, sorted({event.reference for event in told}))


def find_chain(client: Client, chain: str) -> DecidedChain:
    """What was decided about ``chain``.

    Raises:
        RefusedError: ``NOT_FOUND``. VerificationError: as :func:`list_chains`.
    """
    if has_governance(client) and client.checker.newest_header() is not None:
        for found in _decided(client, [chain]):
            return found
    raise RefusedError(Code.NOT_FOUND, reason=chain)


def _decided(client: Client, chains: Sequence[str]) -> list[DecidedChain]:
    names = {chain_key(chain): chain for chain in chains}
    found = []
    for block, key, value in proved_values(client, list(names)):
        if value is None:
            continue
        state = decode_chain(value)
        if state.genesis is not None and (
            state.genesis.chain != names[key] or fingerprint(state.genesis).hex() != state.fingerprint
        ):
            raise VerificationError(Code.TRUST_MISMATCH, chain=names[key], fingerprint=state.fingerprint)
        found.append(DecidedChain(names[key], state, block.header.height))
    return found
