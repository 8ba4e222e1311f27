"""Fixtures shared by the rooms that run a node, and a chain of several blocks."""

import pytest

from tests.node.fixtures import actor, chain, node, template
from tests.node.kit import copy_chain
from tests.ops.kit import build

__all__ = ["actor", "chain", "data", "node", "pristine", "template"]


@pytest.fixture(scope="session")
def pristine(tmp_path_factory, actor):
    """A chain of eight blocks, never to be changed."""
    return build(tmp_path_factory.mktemp("pristine") / "data", actor)


@pytest.fixture
def data(pristine, tmp_path):
    """A copy of it to damage."""
    return copy_chain(pristine, tmp_path / "data")
