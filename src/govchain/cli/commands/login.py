"""``govchain login`` and ``govchain logout``: a session at a node, kept in the user's own folder."""

from __future__ import annotations

from typing import Annotated

import typer

from govchain.cli.output import china_time, emit, facts, line, say
from govchain.cli.session import session, t
from govchain.cli.target import find_node
from govchain.model import GovChainError

__all__ = ["COMMANDS"]

_login = typer.Typer(add_completion=False)
_logout = typer.Typer(add_completion=False)


@_login.command("login", help=t("help.login"))
def login(
    key: Annotated[str, typer.Option("--key", metavar="KEY", help=t("option.login_key"), show_default=False)] = "",
    account: Annotated[
        str, typer.Option("--account", metavar="ADDRESS", help=t("option.login_account"), show_default=False)
    ] = "",
) -> None:
    """Sign the node's challenge and keep the token; the chain has to be one that the user trusts."""
    from govchain.cli.opening import login_to_node  # noqa: PLC0415 - with the SDK, only where needed
    from govchain.cli.tokens import SavedSession, save_session  # noqa: PLC0415

    target = find_node(t("login.needs_node"))
    assert target.profile is not None
    grant = login_to_node(target, key=key, account=account or target.profile.account)
    path = save_session(target, SavedSession(target.profile.url, grant.account, grant.token, grant.expires))
    result = {
        "node": target.profile.url,
        "account": grant.account,
        "expires": grant.expires,
        "expires_text": china_time(grant.expires),
        "token_file": str(path),
    }

    def show() -> None:
        line(t("login.done", url=result["node"]))
        facts([("account", result["account"]), ("expires", result["expires_text"]), ("token_file", path)])

    emit(result, show)


@_logout.command("logout", help=t("help.logout"))
def logout() -> None:
    """End the session at the node, and forget its token here even where the node cannot be reached."""
    from govchain.cli.opening import open_http  # noqa: PLC0415 - with the SDK, only where needed
    from govchain.cli.tokens import forget_session, load_session  # noqa: PLC0415

    target = find_node(t("login.needs_node"))
    assert target.profile is not None
    saved = load_session(target)
    reason = ""
    if saved is not None:
        try:
            with open_http(target) as transport:
                transport.logout()
        except GovChainError as error:
            reason = error.text(session().language)
    forgotten = forget_session(target)
    if reason:
        say(t("logout.unreachable", reason=reason))
    url = target.profile.url
    words = t("logout.done", url=url) if forgotten else t("logout.none", url=url)
    emit(
        {"node": target.profile.url, "ended": saved is not None and not reason, "removed": forgotten},
        lambda: line(words),
    )


COMMANDS = {"login": _login, "logout": _logout}
