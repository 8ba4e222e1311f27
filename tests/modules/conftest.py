"""The small chain of tests/ledger, for the families' own tests."""

from __future__ import annotations

import pytest

from tests.ledger.kit import ALGORITHMS, Kit, Ledger


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit(algorithms=ALGORITHMS)


@pytest.fixture
def ledger(kit: Kit) -> Ledger:
    return Ledger(kit)
