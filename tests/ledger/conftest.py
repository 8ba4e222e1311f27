"""One chain's genesis and machine for every test of the room; a ledger of its own for each."""

from __future__ import annotations

import pytest

from tests.ledger.kit import ALGORITHMS, Kit, Ledger


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()


@pytest.fixture(scope="session")
def open_kit() -> Kit:
    """A chain that allows every algorithm."""
    return Kit(algorithms=ALGORITHMS)


@pytest.fixture
def ledger(kit: Kit) -> Ledger:
    return Ledger(kit)


@pytest.fixture
def open_ledger(open_kit: Kit) -> Ledger:
    return Ledger(open_kit)
