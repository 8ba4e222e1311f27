"""``govchain webhook`` from an empty folder: a real node, a real receiver, tables, JSON, Chinese.

It takes longer than most, since every command is a process of its own, as a user runs it.
"""

import json
import re

import pytest

from govchain.sdk.transactions import now_ms
from govchain.sdk.webhooks import verify_webhook
from govchain.texts import keys
from tests.cli.nodes import running_node
from tests.cli.support import new_chain
from tests.services.webhook_kit import receiving, until

ALLOWED = ("--webhook-http", "true", "--webhook-networks", "127.0.0.0/8", "--webhook-attempts", "1")
CHINESE = re.compile("[\u4e00-\u9fff]")


class Remote:
    """A shell outside the data directory whose commands name the node; logged in as the department."""

    def __init__(self, shell, url, folder):
        folder.mkdir()
        self.chain, self.url, self.shell, self.folder = shell, url, shell, folder
        self.run("trust", "add", shell.folder / "genesis.json")
        self.run("login", "--key", shell.folder / "keys" / "department.pem")

    def run(self, *arguments, **options):
        return self.shell.run("--node", self.url, *arguments, at=self.folder, **options)

    def put(self, reference):
        path = self.folder / f"{reference}.txt"
        path.write_text(reference)
        self.run("evidence", "put", path, "-r", reference, "--key", self.shell.folder / "keys" / "department.pem")


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    chain = new_chain(tmp_path_factory.mktemp("webhooks"))
    with running_node(chain, *ALLOWED) as url:
        yield Remote(chain, url, chain.folder.parent / "elsewhere")


def test_a_webhook_from_its_registration_to_its_end(remote):
    with receiving() as receiver:
        made = remote.run("webhook", "add", receiver.url, "--type", "evidence.*", "--reference", "w-1", "--json").json
        assert (made["state"], made["types"], made["references"]) == ("active", ["evidence.*"], ["w-1"])
        webhook, secret = made["id"], made["secret"]
        remote.put("w-1")
        (got,) = receiver.wait(1)
        message = verify_webhook(got.headers, got.body, secret=secret, now=now_ms())
        assert [event.reference for event in message.events] == ["w-1"]
        ping = remote.run("webhook", "ping", webhook, "--json").json
        assert (ping["outcome"], ping["status"]) == ("delivered", 204)
    listed = remote.run("webhook", "list", "--json").json["webhooks"]
    assert [one["id"] for one in listed] == [webhook]
    shown = remote.run("webhook", "show", webhook)
    assert webhook in shown.out
    assert receiver.url in shown.out
    for output in (shown.out, json.dumps(listed)):
        assert secret not in output
    (delivered,) = remote.run("webhook", "deliveries", webhook, "--json").json["deliveries"]
    assert (delivered["state"], delivered["events"]) == ("delivered", 1)
    assert "delivered" in remote.run("webhook", "deliveries", webhook).out
    assert remote.run("webhook", "remove", webhook, "--json").json == {"id": webhook, "removed": True}
    gone = remote.run("webhook", "show", webhook, "--json", expect=1)
    assert gone.error["code"] == "NOT_FOUND"
    assert remote.run("webhook", "list").out.strip() == "There are no webhooks"


def test_dead_letters_are_listed_sent_again_and_dropped(remote):
    with receiving() as receiver:
        receiver.status = 500
        webhook = remote.run("webhook", "add", receiver.url, "--json").json["id"]
        for number in (1, 2):
            remote.put(f"dead-{number}")
            receiver.wait(number)
        until(lambda: len(remote.run("webhook", "dead-letters", webhook, "--json").json["deliveries"]) == 2)
        table = remote.run("webhook", "dead-letters", webhook).out
        assert table.count("refused by the target") == 2
        assert "500" in table
        failed = remote.run("webhook", "ping", webhook, "--json", expect=1).json
        assert (failed["outcome"], failed["status"]) == ("status", 500)
        assert remote.run("webhook", "discard", webhook, 1, "--json").json == {"id": webhook, "number": 1}
        receiver.status = 204
        assert remote.run("webhook", "resend", webhook, 2, "--json").json == {"id": webhook, "count": 1}
        assert receiver.wait(4)[3].cursors == receiver.got[1].cursors
        until(lambda: remote.run("webhook", "show", webhook, "--json").json["dead_letters"] == 0)
        assert remote.run("webhook", "resend", webhook, "--json").json["count"] == 0
        assert remote.run("webhook", "resend", webhook, 2, "--json", expect=1).error["code"] == "NOT_FOUND"
        remote.run("webhook", "remove", webhook)


def test_a_webhook_is_changed_paused_and_given_another_secret(remote):
    secret = remote.folder / "secret"
    secret.write_text("a text that only we know\n")
    with receiving() as receiver, receiving() as other:
        added = remote.run("webhook", "add", receiver.url, "--secret-file", secret, "--json").json
        assert added["secret"] is None  # who gave it knows it
        webhook = added["id"]
        paused = remote.run("webhook", "change", webhook, "--state", "paused", "--type", "evidence.*", "--json").json
        assert (paused["state"], paused["reason"], paused["types"]) == ("paused", "owner", ["evidence.*"])
        assert "paused (by its owner)" in remote.run("webhook", "show", webhook).out
        new = ["--url", other.url, "--state", "active", "--all-events", "--on-failure", "pause"]
        changed = remote.run("webhook", "change", webhook, *new, "--json").json
        assert (changed["url"], changed["types"], changed["on_failure"]) == (other.url, [], "pause")
        remote.run("webhook", "ping", webhook)
        message = other.wait(1)[0]
        verify_webhook(message.headers, message.body, secret="a text that only we know", now=now_ms())
        given = {"text": "another text that we know\n"}
        remote.run("webhook", "change", webhook, "--secret-file", "-", **given)
        remote.run("webhook", "ping", webhook)
        message = other.wait(2)[1]
        verify_webhook(message.headers, message.body, secret="another text that we know", now=now_ms())
        assert remote.run("webhook", "change", webhook, "--json", expect=2).error["code"] == "USAGE"
        remote.run("webhook", "remove", webhook)


def test_what_the_node_refuses_is_told_with_its_code(remote):
    for arguments, code, exit_code in (
        (["add", "https://10.0.0.1/"], "WEBHOOK_TARGET", 1),
        (["add", "http://127.0.0.1:9/", "--type", "everything"], "REQUEST_SHAPE", 2),
        (["add", "http://127.0.0.1:9/", "--from", "tomorrow"], "CURSOR_INVALID", 2),
        (["show", "../chain"], "NOT_FOUND", 1),
        (["change", "00" * 8, "--state", "paused"], "NOT_FOUND", 1),
        (["resend", "00" * 8, "0"], "USAGE", 2),
    ):
        result = remote.run("webhook", *arguments, "--json", expect=exit_code)
        assert result.error["code"] == code, arguments


def test_a_secret_that_is_no_line_of_text_is_not_sent(remote):
    path = remote.folder / "bad-secret"
    for content in (b"\n", b"\xff" * 20, b"two\nlines of a secret"):
        path.write_bytes(content)
        result = remote.run("webhook", "add", "http://127.0.0.1:9/", "--secret-file", path, "--json", expect=2)
        assert result.error["code"] == "USAGE"
    assert remote.run("webhook", "list", "--json").json["webhooks"] == []


def test_a_webhook_needs_a_node_and_a_session(remote):
    here = remote.chain.run("webhook", "list", "--json", expect=2)
    assert (here.error["code"], "--node" in here.error["text"]) == ("USAGE", True)
    stranger = remote.chain.user("stranger")
    refused = stranger.run("--node", remote.url, "webhook", "list", "--json", expect=1)
    assert refused.error["code"] == "SESSION_REQUIRED"


def test_in_chinese(remote):
    told = remote.run("--lang", "zh", "webhook", "list").out.strip()
    assert told == "没有推送"
    webhook = remote.run("webhook", "add", "http://127.0.0.1:9/", "--json").json["id"]
    shown = remote.run("--lang", "zh", "webhook", "show", webhook).out
    assert "发送中" in shown
    assert not re.search(r"^[A-Za-z]", shown, re.MULTILINE)  # every label
    failed = remote.run("--lang", "zh", "webhook", "ping", webhook, expect=1).out
    assert "无法连接" in failed
    removed = remote.run("--lang", "zh", "webhook", "remove", webhook).out
    assert CHINESE.search(removed)


def test_every_outcome_of_the_specification_has_its_words():
    from tests.services.test_event_pages import page

    table = page("webhooks.md").partition("## 5. Attempts")[2].partition("## 6.")[0]
    words = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    assert len(words) == 8
    assert {f"webhook.outcome.{word}" for word in words} <= set(keys())
