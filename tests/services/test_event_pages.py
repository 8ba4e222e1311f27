"""The pages of events and webhooks against the code: every event, limit, outcome and wait that they name."""

import json
import re
from pathlib import Path

import govchain_native as native
from govchain.api import streams
from govchain.api.routers import events as routes
from govchain.model import Code
from govchain.node.settings import Settings
from govchain.services import events, subscriptions
from govchain.services import webhook_sender as sender
from govchain.services import webhook_targets as targets
from govchain.services.webhook_sender import SenderOptions, back_off_ms
from tests.api.events_kit import officer
from tests.node.kit import new_actor, transaction_id

SPEC = Path(__file__).parents[2] / "docs/spec"
WAIT_S = 20


def page(name):
    return (SPEC / name).read_text(encoding="utf-8")


def table_of_events():
    """Type to the names of its fields, as the page has them."""
    found = {}
    for line in page("events.md").partition("## 6.")[2].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        match = re.fullmatch(r"`([a-z_]+\.[a-z_]+)` 1", cells[0])
        if match:
            # What stands in brackets are values, not fields.
            found[match[1]] = set(re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)", "", cells[-1])))
    return found


def told_by_every_handler(node, actor):
    """Events of one transaction of each type that the built-in families take."""
    administrator = officer(node.directory.path, "operator")
    supervisor = officer(node.directory.path, "supervisor")
    capture = {"method": "api", "time": 0}

    def subject():
        return {
            "capture": capture,
            "commitments": [],
            "media_type": "text/plain",
            "name": None,
            "sha256": native.sha256(transaction_id(actor.put())).hex(),
            "size": 3,
            "sm3": native.sm3(transaction_id(actor.put())).hex(),
        }

    def commit(owner, kind, payload):
        envelope = owner.seal(owner.body(kind, payload))
        (answer,) = node.submitter.submit([envelope], wait=True, timeout_s=WAIT_S)
        receipt = json.loads(answer.receipt)
        assert (answer.code, receipt["code"]) == (0, 0), (kind, receipt)
        sent.add(kind)
        told.extend(receipt["events"])
        return receipt["transaction"]

    sent, told = set(), []
    one = commit(actor, "evidence.put", {"reference": "r", "subject": subject()})
    batch = {"capture": capture, "count": 2, "reference": "b", "root": "11" * 32, "total_size": 2}
    commit(actor, "evidence.batch", batch)
    commit(actor, "evidence.supplement", {"evidence": one, "reference": "s", "subject": subject()})
    change = {"evidence": one, "member": None, "reason": "error"}
    new = commit(actor, "evidence.supersede", {**change, "reference": "n", "subject": subject()})
    commit(actor, "evidence.withdraw", {**change, "evidence": new})
    other = new_actor()
    entry = {
        "administrator": False,
        "algorithm": "sm2-sm3",
        "key": other.key.hex(),
        "label": "other",
        "roles": ["department"],
    }
    commit(administrator, "accounts.register", entry)
    commit(supervisor, "accounts.freeze", {"account": other.address, "reason": "left"})
    commit(supervisor, "accounts.unfreeze", {"account": other.address})
    return sent, told


def test_the_page_names_every_event_of_every_family_with_its_fields(node, actor):
    sent, told = told_by_every_handler(node, actor)
    modules = [module for module in node.application.machine.modules if module.name != "governance"]
    handlers = {handler.type for module in modules for handler in module.handlers}
    assert sent == handlers  # a type that is added later has to be sent here, and its events to be on the page
    seen = {}
    for event in told:
        assert event["version"] == 1
        assert seen.setdefault(event["type"], set(event["data"])) == set(event["data"])
    # Governance tells most of its events in a network only: tests/modules/test_governance_events.py.
    assert seen == {kind: fields for kind, fields in table_of_events().items() if not kind.startswith("governance.")}


def test_the_page_has_the_limits_of_the_code():
    text = page("events.md")
    settings = Settings()
    for said in (
        f"{events.FILTER_TERMS_MAX} terms in all",
        f"at most {events.TERM_CHARACTERS_MAX} characters",
        f"at most {events.BLOCKS_PER_PAGE_MAX} blocks",
        f"At least every {streams.HEARTBEAT_S:.0f} seconds",
        f"retry: {streams.RETRY_MS}",
        f"within {routes.SUBSCRIBE_S_MAX:.0f} seconds",
        f"Up to {subscriptions.BUFFER_EVENTS_MAX:,} events wait",
        f"up to {subscriptions.DELIVERY_EVENTS_MAX} events",
        f"every {subscriptions.CHECK_S:.0f} seconds",
        f"`stall_ms_max` ({settings.integer('stall_ms_max') // 1000} s)",
        f"`streams_max` ({settings.integer('streams_max'):,})",
        f"`streams_per_session` ({settings.integer('streams_per_session')})",
    ):
        assert said in text, said
    closes = text.partition("Close codes:")[2].partition("\n\n")[0]
    named = {int(number) for number in re.findall(r"\b[14]\d{3}\b", closes)}
    assert named == set(streams.CLOSE_CODES.values()) | {1009, 1011}
    assert Code.CURSOR_INVALID.name in text


def test_the_page_names_every_field_of_an_event(node, actor):
    envelope = actor.put(reference="field")
    node.submitter.submit([envelope], wait=True, timeout_s=WAIT_S)
    told = json.loads(node.transport.feed.page(events.EventFilter()).events[-1].json)
    section = page("events.md").partition("## 1.")[2].partition("## 2.")[0]
    assert set(re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)) == set(told)


def test_the_page_of_webhooks_has_the_schedule_and_the_outcomes_of_the_code():
    text = page("webhooks.md")
    attempts = text.partition("## 5. Attempts")[2].partition("## 6.")[0]
    words = set(re.findall(r"^\| `([a-z-]+)` \|", attempts, re.MULTILINE))
    sources = Path(sender.__file__).read_text() + Path(targets.__file__).read_text()
    made = set(re.findall(r'AttemptFailed\("([a-z-]+)"', sources)) | set(re.findall(r'outcome = "([a-z-]+)"', sources))
    assert words == made
    options = SenderOptions()
    hours = [
        sum(back_off_ms(options, failures, random) for failures in range(1, options.attempts_max)) / 3_600_000
        for random in (0.0, 0.999)
    ]
    assert f"that is {hours[0]:.0f} to {hours[1]:.0f} hours" in attempts
    settings = Settings()
    assert settings.integer("webhook_attempts") == options.attempts_max
    for said in (
        f"With {options.attempts_max} attempts (`webhook_attempts`)",
        f"`min({options.first_ms // 1000} s × 2^(n−1), {options.longest_ms // 3_600_000} h)`",
        f"for {options.gather_ms} ms",
        f"`webhook_ms_max` ({settings.integer('webhook_ms_max') // 1000} s)",
        f"{sender.DEAD_LETTERS_MAX:,} of them",
    ):
        assert said in attempts, said
    assert f"1 to {sender.EVENTS_PER_DELIVERY_MAX} events" in text
    assert f"{sender.EVENT_BYTES_PER_DELIVERY_MAX // 1024} KiB of events" in text
