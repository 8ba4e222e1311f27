"""Joining a running chain by snapshot: what is asked, what is answered, what is believed."""

from govchain.consensus.joining.fetching import Joined, JoinLimits, JoinRoute, SnapshotJoiner, members_needed
from govchain.consensus.joining.serving import SnapshotServer

__all__ = ["JoinLimits", "JoinRoute", "Joined", "SnapshotJoiner", "SnapshotServer", "members_needed"]
