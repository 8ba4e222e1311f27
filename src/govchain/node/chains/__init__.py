"""Chains that the members created by vote, hosted by this node beside its own."""
