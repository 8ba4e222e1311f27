"""Fixtures shared by the rooms that run a node."""

from tests.node.fixtures import actor, chain, node, template

__all__ = ["actor", "chain", "node", "template"]
