"""Changes of a webhook that meet others: none undoes what came meanwhile, and an operator's pause stands."""

import asyncio
import ipaddress
from types import SimpleNamespace

import pytest

from govchain.model import Code, RefusedError
from govchain.services.events import EventFeed
from govchain.services.sessions import Session
from govchain.services.webhook_targets import TargetPolicy
from govchain.services.webhooks import WebhookChange, Webhooks, WebhookWish
from tests.services.webhook_bench import ACCOUNT, NOW, Bench

URL, OTHER = "http://one.gov.cn/", "http://two.gov.cn/"


def session(account=ACCOUNT, *roles):
    return Session("00" * 32, account, "o", roles, False, NOW)


OWNER, OPERATOR = session(), session("bb" * 20, "operator")


@pytest.fixture
def desk(tmp_path):
    """Webhooks whose names are looked up while something else happens: ``meanwhile``, once."""
    meanwhile = []

    async def look_up(_host, _port):
        if meanwhile:
            await meanwhile.pop()()
        return [ipaddress.ip_address("127.0.0.1")]

    bench = Bench(tmp_path, policy=TargetPolicy(["127.0.0.0/8"], http=True, look_up=look_up))
    numbers = iter(range(1, 100))
    webhooks = Webhooks(
        bench.store, bench.sender, EventFeed(bench.ledger), lambda: NOW, lambda size: next(numbers).to_bytes(size)
    )
    made = asyncio.run(webhooks.create(OWNER, WebhookWish(URL)))
    yield SimpleNamespace(webhooks=webhooks, store=bench.store, meanwhile=meanwhile, id=made.webhook.id)
    bench.close()


def change(desk, by=OWNER, **changes):
    return asyncio.run(desk.webhooks.change(by, desk.id, WebhookChange(**changes)))


def test_what_the_node_or_another_changes_meanwhile_is_kept(desk):
    async def node_pauses():
        desk.store.pause(desk.id, "dead-letters")

    async def owner_elsewhere():
        await desk.webhooks.change(OWNER, desk.id, WebhookChange(types=("a.b",), on_failure="pause"))

    desk.meanwhile.append(node_pauses)
    found = change(desk, url=OTHER)
    assert (found.url, found.state, found.reason) == (OTHER, "paused", "dead-letters")
    desk.meanwhile.append(owner_elsewhere)
    found = change(desk, url=URL, references=("r",))
    assert (found.url, found.types, found.references, found.on_failure) == (URL, ("a.b",), ("r",), "pause")


def test_one_that_is_removed_meanwhile_is_not_found(desk):
    async def removed():
        desk.webhooks.remove(OWNER, desk.id)

    desk.meanwhile.append(removed)
    with pytest.raises(RefusedError) as refused:
        change(desk, url=OTHER)
    assert refused.value.code is Code.NOT_FOUND


def test_an_operator_s_pause_that_comes_meanwhile_is_not_undone(desk):
    async def operator_pauses():
        await desk.webhooks.change(OPERATOR, desk.id, WebhookChange(state="paused"))

    change(desk, state="paused")
    desk.meanwhile.append(operator_pauses)
    with pytest.raises(RefusedError) as refused:
        change(desk, url=OTHER, state="active")
    assert refused.value.code is Code.ROLE_MISSING
    found = desk.webhooks.get(OWNER, desk.id)
    assert (found.url, found.state, found.reason) == (URL, "paused", "operator")
    # An operator resumes what anybody paused; an owner that is an operator resumes its own.
    assert change(desk, OPERATOR, state="active").state == "active"
    change(desk, OPERATOR, state="paused")
    assert change(desk, session(ACCOUNT, "operator"), state="active").state == "active"


def test_an_owner_resumes_what_it_or_the_node_paused(desk):
    change(desk, state="paused")
    assert (change(desk, state="active").state, desk.store.webhook(desk.id).reason) == ("active", "")
    desk.store.pause(desk.id, "failed")
    assert change(desk, state="active").reason == ""
