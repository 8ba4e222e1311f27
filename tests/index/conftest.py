"""Fixtures of the index: databases, and a ledger with something of everything."""

import pytest

from tests.index.databases import database, postgres, url
from tests.index.kit import Scribe, make_ledger
from tests.node.kit import new_actor

__all__ = ["database", "held", "postgres", "url"]


@pytest.fixture(scope="session")
def held(tmp_path_factory):
    """A ledger with one of each kind of transaction; its scribe and the ids by name. Tests do not add to it."""
    actors = (new_actor(), new_actor())
    scribe = Scribe(make_ledger(tmp_path_factory.mktemp("index") / "data", *actors), *actors)
    yield scribe, scribe.everything()
    scribe.close()
