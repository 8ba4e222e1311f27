"""Joining a running chain by snapshot: what is asked, what is answered, what is believed."""

from govchain.consensus.joining.fetching import Joined, JoinRoute, SnapshotJoiner
from govchain.consensus.joining.serving import SnapshotServer

__all__ = ["JoinRoute", "Joined", "SnapshotJoiner", "SnapshotServer"]
