"""One chain for a whole test session, and a copy of it for each test: making keys is what takes time."""

import pytest

from govchain.node.embedded import open_embedded
from tests.node.kit import SMALL, copy_chain, make_chain, new_actor


@pytest.fixture(scope="session")
def actor():
    """The department that signs; its account is in the genesis of every chain here."""
    return new_actor()


@pytest.fixture(scope="session")
def template(tmp_path_factory, actor):
    return make_chain(tmp_path_factory.mktemp("chain") / "data", actor)


@pytest.fixture
def chain(template, tmp_path):
    """A data directory of this test's own."""
    return copy_chain(template, tmp_path / "data")


@pytest.fixture
def node(chain):
    with open_embedded(chain, options=SMALL) as opened:
        yield opened
