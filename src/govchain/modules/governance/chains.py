"""The genesis of a chain that the members create by vote: a pure function of this chain's state and of the change.

Purpose: whoever has this chain has that genesis, byte for byte, and anybody can prove it by this chain's state.
Rules: members, suite, rule, families and limits are this chain's as they are with the deciding vote; keys stay, since
every signature names its chain. Not here: what nodes do about it (``node``).
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from govchain.model.wire import Genesis, GenesisAccount, GenesisMember, GenesisOrganisation
from govchain.modules.governance import views
from govchain.modules.governance.messages import ChainCreate
from govchain.modules.port import AccountFacts, Context
from govchain.proof.genesis import check_genesis, check_network_genesis

__all__ = ["derive_chain"]


def derive_chain(context: Context, change: ChainCreate) -> Genesis | None:
    """The genesis that ``change`` leads to now, or None where its accounts do not do.

    Addresses are sorted, none twice, and of active accounts; each organisation with an active member has one among
    them that may govern: an administrator with the role ``operator``.
    """
    accounts = _accounts(context, change)
    active = views.active_members(context.state)
    if accounts is None or not _all_governed({one.organisation for one in active}, accounts):
        return None
    members = tuple(
        GenesisMember(
            algorithm=one.algorithm,
            key=one.key.hex(),
            name=one.name,
            organisation=one.organisation,
            engine_key=one.engine_key.hex() or UNSET,
            tls=one.tls.hex() or UNSET,
        )
        for one in active
    )
    codes = sorted({one.organisation for one in active} | {one.organisation for one in accounts})
    names = {code: context.directory.organisation_name(code) or code for code in codes}
    genesis = msgspec.structs.replace(
        context.genesis,
        accounts=tuple(
            GenesisAccount(
                administrator=one.administrator,
                algorithm=one.algorithm,
                key=one.key.hex(),
                label=one.label,
                organisation=one.organisation,
                roles=one.roles,  # type: ignore[arg-type]
            )
            for one in accounts
        ),
        chain=change.chain,
        created=context.time,
        limits=views.limits_in_force(context.state, context.genesis.limits),
        members=members,
        organisations=tuple(GenesisOrganisation(code, names[code]) for code in codes),
    )
    return None if check_genesis(genesis) or check_network_genesis(genesis) else genesis


def _accounts(context: Context, change: ChainCreate) -> list[AccountFacts] | None:
    """The active accounts that are named, sorted by key; None where one is none."""
    if list(change.accounts) != sorted(set(change.accounts)):
        return None
    found = []
    for address in change.accounts:
        facts = context.directory.account(bytes.fromhex(address))
        if facts is None or not facts.active:
            return None
        found.append(facts)
    return sorted(found, key=lambda one: (one.organisation, one.key))


def _all_governed(organisations: set[str], accounts: list[AccountFacts]) -> bool:
    able = {one.organisation for one in accounts if one.administrator and "operator" in one.roles}
    return organisations <= able
