"""A chain's configuration as a file: what a new chain with the same settings is made from.

Purpose: the part of a configuration export (:mod:`govchain.services.exports`) that a node can start from, and back.
Rules: nothing secret: keys are made anew, and a setting whose value carries a password is left out and named. Read
strictly: an unknown field is refused. Not here: making the chain
(:mod:`govchain.services.chains`), what the settings mean (``node.settings``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Meta, Struct

from govchain.index.database import names_password
from govchain.model import Code, RefusedError
from govchain.model.decoders import json_decoder
from govchain.model.wire import Genesis, GenesisOrganisation, Limits

__all__ = [
    "CONFIGURATION_BYTES_MAX",
    "CONFIGURATION_FORMAT",
    "AccountPlan",
    "Configuration",
    "configuration_of",
    "decode_configuration",
    "settings_file",
]

#: Name and version of the form.
CONFIGURATION_FORMAT: Final = "govchain-configuration/1"
#: Bytes of a configuration file, at most.
CONFIGURATION_BYTES_MAX: Final = 4 * 1024 * 1024

_Text = Annotated[str, Meta(max_length=1024)]
_Setting = bool | Annotated[int, Meta(ge=0, le=2**53 - 1)] | _Text | tuple[_Text, ...]


class AccountPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """An account of a new chain; its key is made with it."""

    administrator: bool
    label: Annotated[str, Meta(min_length=1, max_length=64)]
    organisation: Annotated[str, Meta(max_length=18)]
    roles: tuple[Literal["auditor", "department", "operator", "supervisor"], ...]


class FamilyPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """A family of rules by name and version."""

    name: Annotated[str, Meta(min_length=2, max_length=32)]
    version: Annotated[int, Meta(ge=1)]


class MemberPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """A signer of blocks; its key is made with it."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    organisation: Annotated[str, Meta(max_length=18)]


class Configuration(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything of a chain that another one can have too, and the settings of its node.

    ``left_out`` names settings with secrets in them; whoever starts a node gives them anew.
    """

    accounts: Annotated[tuple[AccountPlan, ...], Meta(min_length=1, max_length=10_000)]
    algorithms: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)]
    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    families: Annotated[tuple[FamilyPlan, ...], Meta(max_length=256)]
    format: Literal["govchain-configuration/1"]
    left_out: tuple[str, ...]
    limits: Limits
    members: Annotated[tuple[MemberPlan, ...], Meta(min_length=1, max_length=1024)]
    organisations: Annotated[tuple[GenesisOrganisation, ...], Meta(min_length=1, max_length=10_000)]
    rule: Literal["solo", "raft", "bft"]
    settings: dict[str, _Setting]
    suite: Literal["gm", "international"]
    test_clock: bool


class _Exported(Struct, frozen=True):
    """As much of an export as is read here."""

    context: dict[str, msgspec.Raw]
    kind: Literal["configuration"]


def configuration_of(genesis: Genesis, settings: Mapping[str, Any]) -> Configuration:
    """The configuration of a chain, and of a node with the given settings."""
    left_out = tuple(sorted(name for name, value in settings.items() if _is_secret(value)))
    return Configuration(
        accounts=tuple(
            AccountPlan(one.administrator, one.label, one.organisation, one.roles) for one in genesis.accounts
        ),
        algorithms=genesis.algorithms,
        chain=genesis.chain,
        families=tuple(FamilyPlan(one.name, one.version) for one in genesis.modules),
        format=CONFIGURATION_FORMAT,
        left_out=left_out,
        limits=genesis.limits,
        members=tuple(MemberPlan(one.name, one.organisation) for one in genesis.members),
        organisations=genesis.organisations,
        rule=genesis.rule,
        settings={name: value for name, value in sorted(settings.items()) if name not in left_out},
        suite=genesis.suite,
        test_clock=genesis.test_clock,
    )


def decode_configuration(data: bytes) -> Configuration:
    """The configuration in an export (``govchain export configuration -o FILE``).

    Raises:
        RefusedError: ``CONFIGURATION_INVALID`` with the reason.
    """
    if len(data) > CONFIGURATION_BYTES_MAX:
        raise _invalid(f"more than {CONFIGURATION_BYTES_MAX} bytes")
    try:
        exported = json_decoder(_Exported).decode(data)
        found = exported.context.get("configuration")
        if found is None:
            raise _invalid("no configuration in it")
        configuration = json_decoder(Configuration).decode(found)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(str(error)) from None
    codes = {one.code for one in configuration.organisations}
    named = {one.organisation for one in configuration.accounts} | {one.organisation for one in configuration.members}
    missing = sorted(named - codes)
    if missing:
        raise _invalid(f"organisation {missing[0]!r} is not among the organisations")
    if configuration.rule != "solo" or len(configuration.members) != 1:
        raise _invalid("an embedded chain has rule solo and one member")
    if configuration.test_clock:
        raise _invalid("test_clock")
    return configuration


def settings_file(settings: Mapping[str, Any]) -> bytes:
    """The settings as a node reads them (TOML), sorted by name.

    Raises:
        RefusedError: ``CONFIGURATION_INVALID`` for a text with control characters.
    """
    rows = [f"{name} = {_toml(value)}\n" for name, value in sorted(settings.items())]
    return "".join(rows).encode()


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
            raise _invalid("a setting with control characters")
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "[" + ", ".join(_toml(part) for part in value) + "]"


def _is_secret(value: Any) -> bool:
    """Whether a setting is, or has among its parts, an address with a password in it."""
    if isinstance(value, tuple | list):
        return any(_is_secret(part) for part in value)
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return "@" in value or "?" in value  # no address that could be looked into
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    return parts.password is not None or any(names_password(name) for name, _ in parameters)


def _invalid(reason: str) -> RefusedError:
    return RefusedError(Code.CONFIGURATION_INVALID, reason=reason)
