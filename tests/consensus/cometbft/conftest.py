"""Networks of real engines that end with their test."""

from __future__ import annotations

import pytest

from tests.consensus.cometbft.kit import Network


@pytest.fixture
def network(tmp_path):
    made = []

    def make(count, limits=None, **told):
        made.append(Network(tmp_path / f"net{len(made)}", count, limits, **told))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop()
