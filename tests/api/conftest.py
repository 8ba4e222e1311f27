"""A running node over real sockets with a little on its chain, as a fixture for test modules of the HTTP side."""

import pytest

from govchain.proof.headers import header_identity
from tests.api.events_kit import serving, until
from tests.api.route_cases import World
from tests.node.fixtures import actor, template  # noqa: F401 - fixtures
from tests.node.kit import copy_chain


@pytest.fixture(scope="module")
def world(template, actor, tmp_path_factory):  # noqa: F811
    path = copy_chain(template, tmp_path_factory.mktemp("routes") / "data")
    with serving(path, verify=True, rate_address=0, rate_session=0) as running:
        (first,) = running.put(actor, "case-1")
        running.put(actor, "case-2")
        until(lambda: running.node.transport.status().certified_height >= 2)
        until(lambda: running.services.index.status().indexed_height >= 2)
        header = running.node.application.blocks.header(1)
        facts = {
            "tx": first,
            "address": actor.address,
            "organisation": running.node.genesis.organisations[0].code,
            "key": (b"accounts.account/" + bytes.fromhex(actor.address)).hex(),
            "identity": header_identity(running.node.machine.suite, header).hex(),
            "long": "A" * 1000,
        }
        yield World(running, actor, facts)
