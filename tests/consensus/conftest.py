"""Kits for the room's tests, and a store of each driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from govchain.state import MemoryStore, Store
from govchain.storage import RocksStore
from tests.consensus.kit import Node
from tests.ledger.kit import Kit


@pytest.fixture(scope="session")
def small_kit() -> Kit:
    return Kit()


@pytest.fixture
def node(small_kit: Kit) -> Iterator[Node]:
    found = Node(small_kit)
    yield found
    found.application.close()


@pytest.fixture(params=["memory", "rocks"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each driver."""
    store = MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "ledger")
    yield store
    store.close()
