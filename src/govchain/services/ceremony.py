"""The genesis ceremony: several organisations make one chain, each with keys that only it ever holds.

Purpose: (1) each organisation makes its keys and a signed member file (:mod:`govchain.services.node_keys`); (2) anyone
puts the files together: :func:`assemble_genesis` gives the same bytes from the same files in any order; (3) each signs
that genesis after :func:`verify_own_part`; (4) :func:`judge_ceremony` tells who agreed, and what is missing.
Rules: nothing here reads a clock, a file or a key; trust comes from people who compare the fingerprint, not from here.
Not here: making keys, the node's data directory (``node.founding``), the formats (``proof.members``,
``proof.genesis_signatures``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
from msgspec import UNSET

from govchain.crypto import SUITES, Suite
from govchain.model import Code, GovChainError, RefusedError, UsageError
from govchain.model.decoders import convert
from govchain.model.wire import (
    Genesis,
    GenesisAccount,
    GenesisMember,
    GenesisModule,
    GenesisOrganisation,
    Limits,
)
from govchain.proof.genesis import check_genesis, check_network_genesis
from govchain.proof.genesis_signatures import (
    decode_genesis_signature,
    encode_genesis_signature,
    genesis_message,
    verify_genesis_signature,
)
from govchain.proof.members import MemberRecord, RecordSigner, tls_digest, verify_member_record
from govchain.proof.signers import quorum
from govchain.services.chains import INTERNATIONAL_ALGORITHMS

__all__ = [
    "RECORD_AGE_MS_MAX",
    "CeremonyReport",
    "FalseSignature",
    "MemberStanding",
    "assemble_genesis",
    "check_record",
    "judge_ceremony",
    "read_records",
    "sign_genesis",
    "suite_of",
    "tls_of",
    "verify_own_part",
]

#: A member file that is older than the newest one of a ceremony by more than this (90 days) is a leftover of another.
RECORD_AGE_MS_MAX: Final = 90 * 86_400_000


@dataclass(frozen=True, slots=True)
class MemberStanding:
    """One member of a genesis and whether it agreed: its name, organisation (code and name), keys in hex."""

    name: str
    organisation: str
    organisation_name: str
    key: str
    engine_key: str
    tls: str
    signed: bool


@dataclass(frozen=True, slots=True)
class FalseSignature:
    """A file that is no member's agreement to the genesis: its name as given, and why not (code and reason)."""

    file: str
    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class CeremonyReport:
    """Who agreed to a genesis. ``quorum`` members must sign a block; ``may_fail`` may be away and blocks still come."""

    members: tuple[MemberStanding, ...]
    quorum: int
    may_fail: int
    false: tuple[FalseSignature, ...]

    @property
    def missing(self) -> tuple[MemberStanding, ...]:
        """The members that did not sign, in the order of genesis."""
        return tuple(member for member in self.members if not member.signed)

    @property
    def complete(self) -> bool:
        """Whether every member agreed, and no file was false."""
        return not self.missing and not self.false


def suite_of(records: Iterable[MemberRecord]) -> Suite:
    """The suite whose member algorithm the files name.

    Raises:
        RefusedError: ``CEREMONY_REFUSED`` where there is none, or more than one.
    """
    algorithms = sorted({record.algorithm for record in records})
    suites = [suite for suite in SUITES.values() if suite.member_algorithm in algorithms]
    if len(algorithms) != 1 or len(suites) != 1:
        raise _refused("the files name more than one algorithm" if algorithms else "no member file")
    return suites[0]


def read_records(files: Sequence[tuple[str, bytes]]) -> list[MemberRecord]:
    """The verified member files, given as (name for people, bytes), in their order.

    Raises:
        RefusedError: ``CEREMONY_REFUSED``, naming the file and why it is none.
    """
    return [_read_record(name, data) for name, data in files]


def _read_record(name: str, data: bytes) -> MemberRecord:
    for suite in SUITES.values():
        try:
            return verify_member_record(suite, data.rstrip(b"\r\n"))
        except GovChainError as error:
            reason = str(error.params.get("reason") or error.code.name)
            if reason != "algorithm":  # of another suite, perhaps
                raise _refused(f"{name}: not a member file as its member signed it: {reason}") from None
    raise _refused(f"{name}: not a member file as its member signed it: algorithm")


def tls_of(record: MemberRecord) -> str:
    """What names the TLS key of the member, in hex."""
    return tls_digest(suite_of([record]), bytes.fromhex(record.certificate)).hex()


def assemble_genesis(
    records: Sequence[MemberRecord],
    rule: Literal["bft", "raft"],
    modules: tuple[GenesisModule, ...],
    limits: Mapping[str, int] | None = None,
) -> Genesis:
    """The genesis that follows from verified member files, the rule, the installed families and the limits alone.

    Its time is that of the newest file, its algorithms are the suite's own and those of the accounts.

    Raises:
        RefusedError: ``CEREMONY_REFUSED`` with the reason: files of several chains, one twice, one too old, members
            that share a key, a name or an address, an organisation with two names, a rule that a file does not fit.
    """
    suite = suite_of(records)
    ordered = sorted(records, key=lambda record: record.key)
    _refuse_conflicts(ordered, rule)
    organisations = {record.organisation: record.organisation_name for record in ordered}
    accounts = tuple(
        GenesisAccount(
            administrator=account.administrator,
            algorithm=account.algorithm,
            key=account.key,
            label=account.label,
            organisation=record.organisation,
            roles=account.roles,
        )
        for record in ordered
        for account in record.accounts
    )
    own = ("sm2-sm3",) if suite.name == "gm" else INTERNATIONAL_ALGORITHMS
    genesis = Genesis(
        accounts=accounts,
        algorithms=tuple(sorted({*own, *(account.algorithm for account in accounts)})),
        chain=ordered[0].chain,
        created=max(record.issued for record in ordered),
        format="govchain-genesis/1",
        limits=_limits(limits or {}),
        members=tuple(_member(record) for record in ordered),
        modules=modules,
        organisations=tuple(GenesisOrganisation(code, organisations[code]) for code in sorted(organisations)),
        rule=rule,
        suite=suite.name,  # type: ignore[arg-type]
        test_clock=False,
    )
    fault = check_genesis(genesis) or check_network_genesis(genesis)
    if fault:
        raise _refused(f"the genesis would not be well formed: {fault}")
    return genesis


def check_record(genesis: Genesis, record: MemberRecord) -> str:
    """The reason why the file is not that of the member of ``genesis`` with its key, or an empty string.

    A later file of the same member may have other addresses; its keys are those that genesis names.
    """
    member = next((entry for entry in genesis.members if entry.key == record.key), None)
    if record.chain != genesis.chain:
        return "another chain"
    if member is None:
        return "no member of this genesis"
    if member != _member(record):
        return "another name, organisation or key than genesis says"
    return ""


def verify_own_part(genesis: Genesis, record: MemberRecord) -> None:
    """Raise unless ``genesis`` says of the member that is about to sign it just what its own file says.

    The member itself, its organisation's name, and every account of the file, unchanged.

    Raises:
        RefusedError: ``CEREMONY_REFUSED`` with the reason.
    """
    fault = check_record(genesis, record)
    if fault:
        raise _refused(f"{record.name}: {fault}")
    if GenesisOrganisation(record.organisation, record.organisation_name) not in genesis.organisations:
        raise _refused(f"{record.name}: another name of the organisation")
    mine = [entry for entry in genesis.accounts if entry.organisation == record.organisation]
    for account in record.accounts:
        wanted = GenesisAccount(
            account.administrator, account.algorithm, account.key, account.label, record.organisation, account.roles
        )
        if wanted not in mine:
            raise _refused(f"{record.name}: account {account.label} is not in it as it was made")
    if genesis.test_clock:
        raise _refused("its clock can be moved (test_clock)")


def sign_genesis(genesis: Genesis, record: MemberRecord, signer: RecordSigner) -> bytes:
    """The file by which the member with this member file and key agrees to ``genesis``.

    Raises:
        RefusedError: ``CEREMONY_REFUSED`` where genesis does not say what the member's own file says.
    """
    verify_own_part(genesis, record)
    if signer.public_key.hex() != record.key:
        raise _refused(f"{record.name}: the key is not that of the member file")
    return encode_genesis_signature(genesis, signer.algorithm, signer.public_key, signer.sign(genesis_message(genesis)))


def judge_ceremony(genesis: Genesis, signatures: Mapping[str, bytes]) -> CeremonyReport:
    """Who agreed to ``genesis``, by the signature files (name as given to bytes)."""
    signed: set[str] = set()
    false: list[FalseSignature] = []
    for file, data in signatures.items():
        try:
            signed.add(verify_genesis_signature(genesis, decode_genesis_signature(data)).key)
        except GovChainError as error:
            false.append(FalseSignature(file, error.code, str(error.params.get("reason") or "")))
    names = {entry.code: entry.name for entry in genesis.organisations}
    needed = quorum(genesis.rule, len(genesis.members))
    standings = tuple(
        MemberStanding(
            name=member.name,
            organisation=member.organisation,
            organisation_name=names.get(member.organisation, ""),
            key=member.key,
            engine_key=member.engine_key or "",
            tls=member.tls or "",
            signed=member.key in signed,
        )
        for member in genesis.members
    )
    return CeremonyReport(standings, needed, len(genesis.members) - needed, tuple(false))


def _member(record: MemberRecord) -> GenesisMember:
    return GenesisMember(
        algorithm=record.algorithm,
        key=record.key,
        name=record.name,
        organisation=record.organisation,
        engine_key=record.engine_key or UNSET,
        tls=tls_of(record),
    )


#: What no two members may share: the name for people, and what the file says of it.
_UNIQUE: Final[tuple[tuple[str, Callable[[MemberRecord], str]], ...]] = (
    ("key", lambda record: record.key),
    ("name", lambda record: record.name),
    ("engine key", lambda record: record.engine_key),
    ("engine node", lambda record: record.engine_node),
    ("TLS key", tls_of),
    ("address for peers", lambda record: record.addresses.peers),
    ("address of the engine", lambda record: record.addresses.engine),
    ("address of the API", lambda record: record.addresses.api),
)


def _limits(values: Mapping[str, int]) -> Limits:
    try:
        return convert(dict(values), Limits)
    except msgspec.ValidationError as error:
        raise UsageError(Code.USAGE, reason=f"limits: {error}") from None


def _refuse_conflicts(records: Sequence[MemberRecord], rule: str) -> None:
    """Raise where files do not go together; ``records`` are sorted by key."""
    chains = sorted({record.chain for record in records})
    if len(chains) > 1:
        raise _refused(f"files of several chains: {', '.join(chains)}")
    for what, value in _UNIQUE:
        seen: dict[str, str] = {}
        for record in records:
            found = value(record)
            if what == "key" and found in seen:
                raise _refused(f"the file of {record.name} was given twice")
            if found and found in seen:
                raise _refused(f"{seen[found]} and {record.name} have one {what}")
            seen[found] = record.name
    newest = max(record.issued for record in records)
    names: dict[str, str] = {}
    keys: dict[str, str] = {}
    for record in records:
        if newest - record.issued > RECORD_AGE_MS_MAX:
            raise _refused(f"{record.name}: the file is more than 90 days older than the newest")
        if names.setdefault(record.organisation, record.organisation_name) != record.organisation_name:
            raise _refused(f"organisation {record.organisation} has two names")
        for account in record.accounts:
            if keys.setdefault(account.key, record.name) != record.name:
                raise _refused(f"{keys[account.key]} and {record.name} have one account key")
        if rule == "bft" and not (record.engine_key and record.engine_node):
            raise _refused(f"{record.name}: rule bft needs an engine key")
        if not record.addresses.engine:
            raise _refused(f"{record.name}: no address of the engine")


def _refused(reason: str) -> RefusedError:
    return RefusedError(Code.CEREMONY_REFUSED, reason=reason)
