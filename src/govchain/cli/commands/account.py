"""``govchain account``: who may sign, as the chain's state proves it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from govchain.cli.opening import Opened, open_chain
from govchain.cli.output import emit, facts, table
from govchain.cli.session import t
from govchain.model import Code, UsageError

__all__ = ["COMMANDS"]

#: The key that manages accounts unless another is named.
ADMINISTRATOR_KEY = "operator"
_REASONS = ("lost_key", "left", "investigation", "other")

_account = typer.Typer(help=t("help.account"), no_args_is_help=True, add_completion=False)

Address = Annotated[str, typer.Argument(metavar="ADDRESS|NAME", help=t("option.address"))]
AdministratorKey = Annotated[str, typer.Option("--key", metavar="KEY", help=t("option.administrator_key"))]


@_account.command("list", help=t("help.account.list"))
def list_all() -> None:
    """All accounts, each proved."""
    from govchain.cli.shapes import account_json  # noqa: PLC0415 - with the SDK, only where needed
    from govchain.sdk.listing import list_accounts  # noqa: PLC0415

    with open_chain() as opened:
        accounts = list_accounts(opened.client)

        def show() -> None:
            table(
                ["address", "name", "roles", "administrator", "status", "organisation"],
                [
                    (
                        a.address,
                        a.state.label,
                        t("cli.comma").join(t(f"role.{role}") for role in a.state.roles),
                        t("cli.yes") if a.state.administrator else "",
                        t(f"account.status.{a.state.status}"),
                        a.state.organisation,
                    )
                    for a in accounts
                ],
            )

        emit({"accounts": [account_json(account) for account in accounts]}, show)


@_account.command("show", help=t("help.account.show"))
def show_one(address: Address) -> None:
    """One account as it is now."""
    with open_chain() as opened:
        _emit(opened.client.find_account(_address(opened, address)))


@_account.command("register", help=t("help.account.register"))
def register(
    public_key: Annotated[str, typer.Argument(metavar="PUBLIC_KEY", help=t("option.public_key"))],
    label: Annotated[str, typer.Option("--label", metavar="TEXT", help=t("option.label"))] = "",
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="auditor|department|operator|supervisor", help=t("option.role")),
    ] = None,
    administrator: Annotated[bool, typer.Option("--administrator", help=t("option.administrator"))] = False,
    algorithm: Annotated[str, typer.Option("--algorithm", metavar="NAME", help=t("option.algorithm"))] = "",
    key: AdministratorKey = "",
) -> None:
    """Add an account to the administrator's organisation."""
    from govchain.cli.keys import read_public_key  # noqa: PLC0415
    from govchain.cli.reading import check_line  # noqa: PLC0415

    check_line(label, "--label")
    with open_chain(write=True, key=key, default_key=ADMINISTRATOR_KEY) as opened:
        default = algorithm or opened.client.suite.member_algorithm
        name, value = read_public_key(public_key, opened.keys, default)
        roles = role or ["department"]
        known = {"auditor", "department", "operator", "supervisor"}
        if set(roles) - known:
            raise UsageError(Code.USAGE, reason=t("account.unknown_role", known=", ".join(sorted(known))))
        _emit(opened.client.register(algorithm=name, key=value, label=label, roles=roles, administrator=administrator))


@_account.command("freeze", help=t("help.account.freeze"))
def freeze(
    address: Address,
    reason: Annotated[
        str, typer.Option("--reason", metavar="|".join(_REASONS), help=t("option.freeze_reason"))
    ] = "other",
    key: AdministratorKey = "",
) -> None:
    """Stop an account: nothing that it signs is accepted from then on."""
    if reason not in _REASONS:
        raise UsageError(Code.USAGE, reason=t("evidence.reason", given=reason, known=", ".join(_REASONS)))
    with open_chain(write=True, key=key, default_key=ADMINISTRATOR_KEY) as opened:
        _emit(opened.client.freeze(_address(opened, address), reason=reason))


@_account.command("unfreeze", help=t("help.account.unfreeze"))
def unfreeze(address: Address, key: AdministratorKey = "") -> None:
    """Lift a freeze."""
    with open_chain(write=True, key=key, default_key=ADMINISTRATOR_KEY) as opened:
        _emit(opened.client.unfreeze(_address(opened, address)))


def _address(opened: Opened, text: str) -> str:
    from govchain.sdk.listing import resolve_account  # noqa: PLC0415

    return resolve_account(opened.client, text)


def _emit(account: Any) -> None:
    from govchain.cli.shapes import account_json  # noqa: PLC0415

    state = account.state

    def show() -> None:
        facts(
            [
                ("address", account.address),
                ("name", state.label),
                ("status", t(f"account.status.{state.status}")),
                ("roles", t("cli.comma").join(t(f"role.{role}") for role in state.roles)),
                ("administrator", t("cli.yes") if state.administrator else ""),
                ("organisation", state.organisation),
                ("algorithm", state.algorithm),
                ("public_key", state.key),
                ("as_of", account.as_of),
            ]
        )

    emit(account_json(account), show)


COMMANDS = {"account": _account}
