"""``govchain webhook``: events that a node sends to others' servers; docs/spec/webhooks.md.

Rules: a secret is read from a file or standard input, never from the command line, which others on the machine can see.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from govchain.cli.output import china_time, emit, facts, line, table
from govchain.cli.reading import HEIGHT_MAX, read_small
from govchain.cli.session import t
from govchain.cli.target import find_node
from govchain.model import Code, UsageError

if TYPE_CHECKING:
    from govchain.sdk.webhook_routes import Delivery, Webhook, WebhookRoutes

__all__ = ["COMMANDS"]

#: Bytes of a file with a secret, its line's end included, at most.
_SECRET_FILE_BYTES_MAX = 1024

_webhook = typer.Typer(help=t("help.webhook"), no_args_is_help=True, add_completion=False)

Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help=t("option.webhook"))]
Types = Annotated[list[str], typer.Option("--type", metavar="TYPE", help=t("option.webhook_type"), show_default=False)]
Organisations = Annotated[
    list[str],
    typer.Option("--organisation", metavar="CODE", help=t("option.webhook_organisation"), show_default=False),
]
References = Annotated[
    list[str], typer.Option("--reference", metavar="TEXT", help=t("option.webhook_reference"), show_default=False)
]
SecretFile = Annotated[
    str, typer.Option("--secret-file", metavar="FILE", help=t("option.webhook_secret"), show_default=False)
]
OnFailure = Annotated[
    Literal["continue", "pause"] | None,
    typer.Option("--on-failure", help=t("option.webhook_on_failure"), show_default=False),
]


@_webhook.command("add", help=t("help.webhook.add"))
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help=t("option.webhook_url"))],
    types: Types = [],  # noqa: B006 - the framework copies it
    organisations: Organisations = [],  # noqa: B006
    references: References = [],  # noqa: B006
    secret_file: SecretFile = "",
    cursor: Annotated[
        str, typer.Option("--from", metavar="CURSOR", help=t("option.webhook_from"), show_default=False)
    ] = "",
    on_failure: OnFailure = None,
) -> None:
    """Register a webhook."""
    secret = _secret(secret_file) if secret_file else None
    with _routes() as routes:
        created = routes.add(
            url,
            types=types,
            organisations=organisations,
            references=references,
            secret=secret,
            cursor=cursor or None,
            on_failure=on_failure or "continue",
        )
    shown = {**_json(created.webhook), "secret": created.secret if secret is None else None}

    def show() -> None:
        if secret is None:
            line(t("webhook.added"))
            facts([("secret", created.secret)])
        _show(created.webhook)

    emit(shown, show)


@_webhook.command("list", help=t("help.webhook.list"))
def list_all() -> None:
    """Every webhook that the account may see."""
    with _routes() as routes:
        found = list(routes.list())

    def show() -> None:
        if not found:
            line(t("webhook.none"))
            return
        table(
            ["webhook", "state", "deliveries", "dead_letters", "url"],
            [(one.id, _state(one), one.deliveries, one.dead_letters, one.url) for one in found],
        )

    emit({"webhooks": [_json(one) for one in found]}, show)


@_webhook.command("show", help=t("help.webhook.show"))
def show_one(webhook: Id) -> None:
    """One webhook."""
    with _routes() as routes:
        found = routes.show(webhook)
    emit(_json(found), lambda: _show(found))


@_webhook.command("change", help=t("help.webhook.change"))
def change(
    webhook: Id,
    url: Annotated[str, typer.Option("--url", metavar="URL", help=t("option.webhook_url"), show_default=False)] = "",
    types: Types = [],  # noqa: B006
    organisations: Organisations = [],  # noqa: B006
    references: References = [],  # noqa: B006
    every: Annotated[bool, typer.Option("--all-events", help=t("option.webhook_all"))] = False,
    secret_file: SecretFile = "",
    on_failure: OnFailure = None,
    state: Annotated[
        Literal["active", "paused"] | None,
        typer.Option("--state", help=t("option.webhook_state"), show_default=False),
    ] = None,
) -> None:
    """Change, pause or resume a webhook."""
    given: dict[str, Any] = {"url": url, "on_failure": on_failure, "state": state}
    terms = {"types": types, "organisations": organisations, "references": references}
    changes = {name: value for name, value in given.items() if value}
    changes |= terms if every else {name: value for name, value in terms.items() if value}
    if secret_file:
        changes["secret"] = _secret(secret_file)
    if not changes:
        raise UsageError(Code.USAGE, reason=t("webhook.nothing_to_change"))
    with _routes() as routes:
        changed = routes.change(webhook, **changes)

    def show() -> None:
        line(t("webhook.changed"))
        _show(changed)

    emit(_json(changed), show)


@_webhook.command("remove", help=t("help.webhook.remove"))
def remove(webhook: Id) -> None:
    """Remove a webhook."""
    with _routes() as routes:
        routes.remove(webhook)
    emit({"id": webhook, "removed": True}, lambda: line(t("webhook.removed", id=webhook)))


@_webhook.command("ping", help=t("help.webhook.ping"))
def ping(webhook: Id) -> None:
    """Send a message without events; exit code 1 where the target did not take it."""
    with _routes() as routes:
        answer = routes.ping(webhook)
    delivered = answer.outcome == "delivered"
    emit(
        {"id": webhook, "outcome": answer.outcome, "status": answer.status, "elapsed_ms": answer.elapsed_ms},
        lambda: facts(
            [
                ("outcome", _word("outcome", answer.outcome)),
                ("http_status", answer.status or ""),
                ("elapsed_ms", answer.elapsed_ms),
            ]
        ),
    )
    if not delivered:
        raise typer.Exit(1)


@_webhook.command("deliveries", help=t("help.webhook.deliveries"))
def deliveries(webhook: Id) -> None:
    """Recent deliveries."""
    _deliveries(webhook, dead_only=False)


@_webhook.command("dead-letters", help=t("help.webhook.dead_letters"))
def dead_letters(webhook: Id) -> None:
    """Deliveries that were given up."""
    _deliveries(webhook, dead_only=True)


@_webhook.command("resend", help=t("help.webhook.resend"))
def resend(
    webhook: Id,
    number: Annotated[
        int | None,
        typer.Argument(metavar="[NUMBER]", min=1, max=HEIGHT_MAX, help=t("option.webhook_number"), show_default=False),
    ] = None,
) -> None:
    """Send dead letters once more."""
    with _routes() as routes:
        count = routes.resend(webhook, number)
    emit({"id": webhook, "count": count}, lambda: line(t("webhook.again", count=count)))


@_webhook.command("discard", help=t("help.webhook.discard"))
def discard(
    webhook: Id,
    number: Annotated[
        int, typer.Argument(metavar="NUMBER", min=1, max=HEIGHT_MAX, help=t("option.webhook_number_needed"))
    ],
) -> None:
    """Drop a dead letter."""
    with _routes() as routes:
        routes.discard(webhook, number)
    emit({"id": webhook, "number": number}, lambda: line(t("webhook.discarded", number=number)))


@contextmanager
def _routes() -> Iterator[WebhookRoutes]:
    from govchain.cli.opening import open_http  # noqa: PLC0415 - with the SDK, only where needed
    from govchain.sdk.webhook_routes import WebhookRoutes  # noqa: PLC0415

    with open_http(find_node(t("webhook.needs_node"))) as transport:
        yield WebhookRoutes(transport)


def _secret(place: str) -> str:
    """The secret in a file, or on standard input for ``-``, without its line's end."""
    if place == "-":
        data = sys.stdin.buffer.read(_SECRET_FILE_BYTES_MAX + 1)
    else:
        data = read_small(Path(place), _SECRET_FILE_BYTES_MAX)
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = "\n"
    if len(data) > _SECRET_FILE_BYTES_MAX or not text or not text.isprintable():
        raise UsageError(Code.USAGE, reason=t("webhook.secret_text"))
    return text


def _deliveries(webhook: str, *, dead_only: bool) -> None:
    with _routes() as routes:
        found = list(routes.deliveries(webhook, dead_only=dead_only))

    def show() -> None:
        if not found:
            line(t("webhook.no_deliveries"))
            return
        table(
            ["number", "state", "events", "first_event", "last_event", "attempts", "outcome", "http_status", "due"],
            [
                (
                    one.number,
                    _word("delivery", one.state),
                    one.events,
                    one.first,
                    one.last,
                    one.attempts,
                    _word("outcome", one.outcome),
                    one.status or "",
                    china_time(one.due) if one.state == "pending" else "",
                )
                for one in found
            ],
        )

    emit({"id": webhook, "deliveries": [_delivery_json(one) for one in found]}, show)


def _word(family: str, word: str) -> str:
    """The word in the user's language; one that a later release of the node says stays as it is."""
    from govchain.texts import keys  # noqa: PLC0415 - only where something is shown

    key = f"{family}.{word}"
    return t(f"webhook.{key}") if f"webhook.{key}" in keys() else word


def _state(webhook: Webhook) -> str:
    state = _word("state", webhook.state)
    return f"{state} ({_word('reason', webhook.reason)})" if webhook.reason else state


def _show(webhook: Webhook) -> None:
    facts(
        [
            ("webhook", webhook.id),
            ("url", webhook.url),
            ("account", webhook.account),
            ("state", _state(webhook)),
            ("types", ", ".join(webhook.types)),
            ("organisations", ", ".join(webhook.organisations)),
            ("references", ", ".join(webhook.references)),
            ("on_failure", webhook.on_failure),
            ("created", china_time(webhook.created)),
            ("cursor", webhook.cursor),
            ("deliveries", webhook.deliveries),
            ("dead_letters", webhook.dead_letters),
            ("attempts", webhook.attempts or ""),
            ("outcome", _word("outcome", webhook.outcome)),
            ("http_status", webhook.status or ""),
            ("due", china_time(webhook.due) if webhook.attempts else ""),
        ]
    )


def _json(webhook: Webhook) -> dict[str, Any]:
    from govchain.sdk.wire import to_plain  # noqa: PLC0415 - with the SDK, only where needed

    plain: dict[str, Any] = to_plain(webhook)
    return {**plain, "created_text": china_time(webhook.created)}


def _delivery_json(delivery: Delivery) -> dict[str, Any]:
    from govchain.sdk.wire import to_plain  # noqa: PLC0415 - with the SDK, only where needed

    plain: dict[str, Any] = to_plain(delivery)
    return {**plain, "created_text": china_time(delivery.created)}


COMMANDS = {"webhook": _webhook}
